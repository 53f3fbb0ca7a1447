"""Operations on the text of a page that keep its offsets: replacing odd characters, and searching.

Offsets count code points. PDFium counts UTF-16 units; :func:`utf16_offset` leads from one to the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from assistant_app.documents.hyphens import SOFT_HYPHEN, breaks_word

REPLACEMENT = "\ufffd"
_HYPHEN_MARKS = "\x02\ufffe"
# Control characters but tab and line feed, surrogates without a partner, noncharacters.
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LONGEST_SEARCH = 500
_BREAK = r"(?:[-\u2010\u00ad]\s*)?"
_DASHES = "-\u2010\u2011"
_ALIKE = {mark: f"[{marks}]" for marks in ("'‘’ʼ", '"“”„«»', "\\-‐‑‒–—\u00ad") for mark in marks if mark != "\\"}


def clean(text: str, is_hyphen: Callable[[int], bool] = lambda offset: True) -> str:
    """``text`` with odd characters replaced one to one, so that it can be stored, shown and sent as JSON.

    A carriage return before a line feed becomes a space, alone it becomes a line feed. PDFium puts U+FFFE (or U+0002)
    for hyphen and line end where a word is broken, but uses U+FFFE for characters it cannot tell as well:
    ``is_hyphen`` is asked with the code point offset. Such a hyphen becomes a soft one, or a plain one where it
    belongs to the word ("in-network"). What stays odd becomes U+FFFD.
    """
    text = text.replace("\r\n", " \n").replace("\r", "\n")

    def replaced(match: re.Match[str]) -> str:
        if match[0] not in _HYPHEN_MARKS or not is_hyphen(match.start()):
            return REPLACEMENT
        return SOFT_HYPHEN if breaks_word(text, match.start(), match.end()) else "-"

    return _ODD.sub(replaced, text)


def utf16_offset(text: str, offset: int) -> int:
    """The number of UTF-16 units before code point ``offset``."""
    before = text[:offset]
    return offset if before.isascii() else len(before.encode("utf-16-le", "surrogatepass")) // 2


def search_pattern(text: str) -> re.Pattern[str] | None:
    """A pattern that finds ``text`` in a page: upper and lower case alike, any white space for white space.

    A hyphen may stand between any two letters, and a line may end after one, as where a word is broken; typographic
    quotes and dashes match their plain forms. ``None`` where there is nothing to look for.
    """
    words = text[:_LONGEST_SEARCH].split()
    if not words:
        return None
    return re.compile(r"\s+".join(map(_word_pattern, words)), re.IGNORECASE)


def _word_pattern(word: str) -> str:
    pattern = ""
    for before, character in zip(" " + word, word, strict=False):
        broken = before.isalpha() and character.isalpha()
        pattern += (_BREAK if broken else "") + _ALIKE.get(character, re.escape(character))
        pattern += r"(?:[^\S\n]*\n\s*)?" if before.isalpha() and character in _DASHES else ""
    return pattern


LONGEST_TITLE = 300


def usable_title(title: str) -> str:
    """A title or a name on one line, cut where it is too long; "" where nothing of it can be shown."""
    return " ".join(clean(title[: 4 * LONGEST_TITLE]).split())[:LONGEST_TITLE]

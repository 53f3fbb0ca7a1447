"""Operations on the text of a page that keep its offsets: replacing odd characters, and searching.

Offsets count code points. PDFium counts UTF-16 units; :func:`utf16_offset` leads from one to the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable

REPLACEMENT = "\ufffd"
_HYPHEN_MARKS = "\x02\ufffe"
# Control characters but tab and line feed, surrogates without a partner, noncharacters.
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LONGEST_SEARCH = 500
_ALIKE = {mark: f"[{marks}]" for marks in ("'‘’ʼ", '"“”„«»', "\\-‐‑‒–—") for mark in marks if mark != "\\"}


def clean(text: str, is_hyphen: Callable[[int], bool] = lambda offset: True) -> str:
    """``text`` with odd characters replaced one to one, so that it can be stored, shown and sent as JSON.

    A carriage return before a line feed becomes a space, alone it becomes a line feed. PDFium marks the hyphen at
    the end of a broken word with U+FFFE (and U+0002), but uses U+FFFE for characters it cannot tell as well:
    ``is_hyphen`` is asked with the code point offset. What stays odd becomes U+FFFD.
    """
    text = text.replace("\r\n", " \n").replace("\r", "\n")

    def replaced(match: re.Match[str]) -> str:
        return "-" if match[0] in _HYPHEN_MARKS and is_hyphen(match.start()) else REPLACEMENT

    return _ODD.sub(replaced, text)


def utf16_offset(text: str, offset: int) -> int:
    """The number of UTF-16 units before code point ``offset``."""
    before = text[:offset]
    return offset if before.isascii() else len(before.encode("utf-16-le", "surrogatepass")) // 2


def search_pattern(text: str) -> re.Pattern[str] | None:
    """A pattern that finds ``text`` in a page: upper and lower case alike, any white space for white space.

    A hyphen may stand between any two letters, as it does where a word is broken at a line's end; typographic
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
        pattern += (r"(?:-\s*)?" if broken else "") + _ALIKE.get(character, re.escape(character))
    return pattern

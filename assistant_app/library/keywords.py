"""Words as the keyword index knows them: one form for a text and for a question, in any script.

SQLite's tokenizer splits at white space only what was prepared here. Letters are folded (width, case, accents, vowel
signs of Hebrew and Arabic, Turkish dotless i), and scripts without spaces between words are cut into overlapping pairs
(bigrams), as Lucene's CJK analysis does. None of it is shown: offsets of hits are those of the page's own text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

ALONE = "\ufe0e"
"""Ends a word that is one character of a script without spaces: it is looked for as the beginning of a pair."""

_UNSEGMENTED = (
    "\u0e00-\u0e4f\u0e5a-\u0e7f\u0e80-\u0ecf\u0edc-\u0eff\u1000-\u103f\u1050-\u109f\u1780-\u17d3\u17dd"  # Thai to Khmer
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Japanese
    "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"  # Korean: spaces stand between phrases rather than words
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
# Vowel signs of Indian and related scripts are marks, which are no word characters to Python.
_WORD = re.compile(rf"(?:[^\W_]|[{_UNSEGMENTED}\u0900-\u0963\u0966-\u0dff\u0f18-\u0f84])+")
_PLAIN = re.compile(r"[a-z0-9]+")
_RUN = re.compile(rf"[{_UNSEGMENTED}]+|[^{_UNSEGMENTED}]+")
_IS_RUN = re.compile(rf"[{_UNSEGMENTED}]")
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Latin, Greek, Cyrillic; Hebrew
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]"  # Arabic
)
_INVISIBLE = re.compile("[\u00ad\u200b\u200d-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]")
_LETTERS = str.maketrans(
    {
        **dict(zip("ıđðøłħŧ", "iddolht", strict=True)),
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        # As Lucene's Arabic and Persian normalisation: letters that are written one for the other.
        **dict(zip("\u0649\u06cc\u0629\u06a9\u0671", "\u064a\u064a\u0647\u0643\u0627", strict=True)),
    }
)


def indexed(text: str) -> str:
    """``text`` as it stands in the keyword index: words with a blank between them.

    Of a script without spaces: each two characters that follow one another, and the last one alone, so that every
    character begins a word and can be found by that.
    """
    found: list[str] = []
    for run, is_whole in _runs(text):
        found += [run] if is_whole else [*_pairs(run), _units(run)[-1]]
    return " ".join(found)


def words(text: str) -> list[str]:
    """The words of a question or a name, in order, as they stand in the index; one of a single character of a script
    without spaces ends with :data:`ALONE`."""
    found: list[str] = []
    for run, is_whole in _runs(text):
        found += [run] if is_whole else _pairs(run) or [run + ALONE]
    return found


def fold(text: str) -> str:
    """``text`` in one form: NFKC, small letters, without accents and vowel signs, without invisible characters."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", _INVISIBLE.sub("", text).casefold())
    bare = unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))
    return bare.casefold().translate(_LETTERS)


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """The words of the folded text; false beside a run of a script without spaces, which may be several."""
    folded = fold(text)
    if folded.isascii():
        for word in _PLAIN.findall(folded):
            yield word, True
        return
    for word in _WORD.findall(folded):
        if word.isascii():
            yield word, True
            continue
        for run in _RUN.findall(word):
            yield run, not _IS_RUN.match(run)


def _units(run: str) -> list[str]:
    """Characters, each with the marks above and below it."""
    units: list[str] = []
    for character in run:
        if units and unicodedata.category(character)[0] == "M":
            units[-1] += character
        else:
            units.append(character)
    return units


def _pairs(run: str) -> list[str]:
    units = _units(run)
    return [first + second for first, second in pairwise(units)]

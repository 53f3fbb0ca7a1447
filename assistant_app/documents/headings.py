"""Headings of a PDF that has no bookmarks, from type sizes: a short line set larger or bolder than the body."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from assistant_app.documents.lines import Line, TypePage
from assistant_app.protocol.records import Heading

BOLD_LEVEL = 20
"""The level of a heading that is only bolder than the body. Levels of larger type go by its size and lie above."""
_LARGER = 1.07
"""Word's third heading is set in 12 points over a body of 11."""
_MUCH_LARGER = 1.25
_LARGEST = 2.5
_STEP = 1.06
_SAME = 1.03
_MOST_LINES = 3
_LONGEST = 160
_NARROW = 0.85
"""A heading's line is no wider than this share of the page's wide lines, unless its type is much larger."""
_MOST_BOLD = 1 / 3
_DIFFERENT_SIZES = 64


class HeadingFinder:
    """Finds headings page by page; the body's size is the one that most characters had so far."""

    def __init__(self) -> None:
        self._characters: Counter[float] = Counter()

    def find(self, text: str, page: TypePage, skip: Sequence[tuple[int, int]] = ()) -> list[Heading]:
        """The headings of the page whose text is ``text``, in order; none inside ``skip`` (``(start, end)``)."""
        lines = page.lines
        for line in lines:
            self._characters[round(line.size, 1)] += line.end - line.start
        if len(self._characters) > _DIFFERENT_SIZES:
            self._characters = Counter(dict(self._characters.most_common(_DIFFERENT_SIZES // 2)))
        if not lines:
            return []
        body = self._characters.most_common(1)[0][0] or 1.0
        if len(skip):
            lines = [line for line in lines if not any(start <= line.start < end for start, end in skip)]
        widths = sorted(line.right - line.left for line in lines)
        wide = widths[3 * len(widths) // 4] if len(widths) > 1 else math.inf
        larger = [heading for run in _runs(lines) if (heading := _larger(text, run, body, wide))]
        bold = _bold(text, [line for line in lines if _is_plain(line, body)], wide, page.is_bold)
        if len(bold) > _MOST_BOLD * len(lines):
            bold = []
        return sorted(larger + bold, key=lambda heading: heading.start)


def _is_plain(line: Line, body: float) -> bool:
    return body / _LARGER < line.size < body * _LARGER


def _runs(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines of one size that follow each other: a heading may take several."""
    runs: list[list[Line]] = []
    for line in lines:
        last = runs[-1][-1] if runs else None
        alike = last is not None and max(last.size, line.size) <= _SAME * min(last.size, line.size)
        near = last is not None and 0 <= last.bottom - line.bottom <= 2 * line.size
        if alike and near:
            runs[-1].append(line)
        else:
            runs.append([line])
    return runs


def _larger(text: str, run: list[Line], body: float, wide: float) -> Heading | None:
    size = min(line.size for line in run)
    start, end = run[0].start, run[-1].end
    if size < _LARGER * body or len(run) > _MOST_LINES or not _reads_as_heading(text, start, end):
        return None
    if size < _MUCH_LARGER * body and any(line.right - line.left > _NARROW * wide for line in run):
        return None
    level = 1 + int(math.log(_LARGEST / size * body) / math.log(_STEP)) if size < _LARGEST * body else 1
    return Heading(start=start, length=end - start, level=min(level, BOLD_LEVEL - 1))


def _bold(text: str, lines: list[Line], wide: float, is_bold: Callable[[int], bool]) -> list[Heading]:
    return [
        Heading(start=line.start, length=line.end - line.start, level=BOLD_LEVEL)
        for line in lines
        if line.right - line.left <= _NARROW * wide
        and _reads_as_heading(text, line.start, line.end)
        and is_bold(line.start)
        and is_bold(line.end - 1)
    ]


def _reads_as_heading(text: str, start: int, end: int) -> bool:
    """Short, begins with a capital or a number, ends with no stop, and has a word in it."""
    if end - start > _LONGEST or text[end - 1] in ".,;":
        return False
    first = text[start]
    capital = first.isdigit() or (first.isalpha() and not first.islower())
    return capital and any(character.isalpha() for character in text[start:end])

"""The lines of a PDF page's text with their place and type size, and the cells that wide gaps make of a line.

Every call into PDFium costs about a microsecond, and a page of text is read in a thousand: so a line is measured at its
first and last character only, and word by word only where it is set wider than running text is.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import pypdfium2.raw as pdfium

MOST_LINES = 4_000
"""Lines of a page that are looked at. A page with more is no page that a person made."""
CELL_GAP = 1.0
"""A gap of so many type sizes parts two cells. Between words it is a third of one, in a justified line seldom one."""
_DENSE = 2.2
"""Characters in a width of one type size (from ascent to descent): running text has about 2.4."""
_LOOSE = 0.93
_BOLD = re.compile(r"bold|black|heavy|semibold|demi", re.IGNORECASE)
_FORCE_BOLD = 1 << 18
_BOLD_WEIGHT = 600
_LINE = re.compile(r"\S(?:[^\n]*\S)?")
_WORD = re.compile(r"\S+")
_MARKER = re.compile(r"[^\w\s$€£%]{1,2}|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{2,5})[.)]")


class Line(NamedTuple):
    """``text[start:end]`` of the page, without white space at its ends; points from the page's lower left corner.

    ``size`` is the type size in points as it is displayed (of the line's smaller end).
    """

    start: int
    end: int
    left: float
    right: float
    bottom: float
    top: float
    size: float


class Cell(NamedTuple):
    """``text[start:end]`` of the page, between two wide gaps; ``left`` and ``right`` in points."""

    start: int
    end: int
    left: float
    right: float


class TypePage:
    """What is known of the type of one page.

    Args:
        text_page: PDFium's, open as long as this is used.
        text: the page's text.
        index: from an offset in ``text`` to PDFium's index of the character, -1 where there is none.
    """

    def __init__(self, text_page: object, text: str, index: Callable[[int], int]) -> None:
        self._text_page = text_page
        self._text = text
        self._index = index
        self._box = pdfium.FS_RECTF()
        self._box_address = ctypes.byref(self._box)
        self.lines = self._lines()
        self._usual = _usual_density(self.lines)

    def _lines(self) -> list[Line]:
        """The lines that run across the page; none where there are too many, or where text runs up or down."""
        found: list[Line] = []
        for number, match in enumerate(_LINE.finditer(self._text)):
            if number == MOST_LINES:
                return []
            start, end = match.span()
            if not self._measure(start):
                continue
            left, bottom, top = self._box.left, self._box.bottom, self._box.top
            size = top - bottom
            if not self._measure(end - 1):
                continue
            size = min(size, self._box.top - self._box.bottom)
            if size > 0 and self._box.right > left:
                found.append(Line(start, end, left, self._box.right, bottom, top, size))
        return found

    def _measure(self, offset: int) -> bool:
        """The box that spans the font's height: of text that runs across the page it is one type size high."""
        index = self._index(offset)
        return index >= 0 and bool(pdfium.FPDFText_GetLooseCharBox(self._text_page, index, self._box_address))

    def may_have_cells(self, line: Line) -> bool:
        """Whether the line is set wider than running text: only then it is worth a closer look."""
        return _density(line) < max(_DENSE, _LOOSE * self._usual)

    def cells(self, line: Line) -> list[Cell]:
        """The line cut at its wide gaps; the mark of a list's item is one cell with what follows it."""
        spans = [match.span() for match in _WORD.finditer(self._text, line.start, line.end)]
        cells: list[Cell] = []
        begin, left, right = line.start, line.left, line.right
        for (_, end), (following, _) in pairwise(spans):
            if not self._measure(end - 1):
                continue
            right = self._box.right
            if not self._measure(following):
                continue
            if self._box.left - right >= CELL_GAP * line.size and not _is_marker(self._text, begin, end, cells):
                cells.append(Cell(begin, end, left, right))
                begin, left = following, self._box.left
        return [*cells, Cell(begin, line.end, left, max(line.right, left))]

    def is_bold(self, offset: int) -> bool:
        """Whether the character is set in a bold face, as far as its font says so."""
        index = self._index(offset)
        if index < 0:
            return False
        if pdfium.FPDFText_GetFontWeight(self._text_page, index) >= _BOLD_WEIGHT:
            return True
        flags = ctypes.c_int()
        name = ctypes.create_string_buffer(128)
        length = pdfium.FPDFText_GetFontInfo(self._text_page, index, name, len(name), flags)
        named = name.value.decode("utf-8", "replace") if 0 < length <= len(name) else ""
        return bool(flags.value & _FORCE_BOLD or _BOLD.search(named))


def _is_marker(text: str, begin: int, end: int, cells: list[Cell]) -> bool:
    return not cells and end - begin <= 6 and _MARKER.fullmatch(text, begin, end) is not None


def _density(line: Line) -> float:
    return (line.end - line.start) * line.size / (line.right - line.left)


def _usual_density(lines: list[Line]) -> float:
    """Of the page's longer half of lines."""
    if not lines:
        return 0.0
    usual = median(line.end - line.start for line in lines)
    return median(_density(line) for line in lines if line.end - line.start >= usual)

"""Tables in a page's text, by geometry: lines whose cells stand below each other, at least three in a row.

A guess that is wrong does no harm: the lines of what is taken for a table are only kept whole when passages are cut. So
nothing is tried that needs the ruling of a table, and where PDFium's text does not go row by row, no table is claimed.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from assistant_app.documents.lines import Cell, Line, TypePage
from assistant_app.documents.passages import fold_space
from assistant_app.documents.reader_protocol import Table

LEAST_ROWS = 3
_FARTHEST = 4.0
"""Type sizes from one row's line to the next one's."""
_LONG_CELL = 40
"""Characters: two columns of cells that are all as long as this are columns of running text."""
_MOST_DIGITLESS = 1 / 3
_LINES_BETWEEN = 4
"""Lines (headers and footers) that may stand between a table's end on one page and its beginning on the next."""
_DIGIT = re.compile(r"\d")


class FoundTable(NamedTuple):
    """``rows`` as ``(start, length)`` in the page's text, the first ``header_rows`` of them its header.

    ``columns`` are the columns' sides in points, left to right.
    """

    rows: list[tuple[int, int]]
    header_rows: int
    columns: list[tuple[float, float]]


class _Row(NamedTuple):
    cells: list[Cell]
    start: int
    end: int


class _Table:
    """Rows that were found below each other so far."""

    def __init__(self, line: Line, cells: list[Cell]) -> None:
        self.rows = [_Row(cells, line.start, line.end)]
        self.columns = [(cell.left, cell.right) for cell in cells]
        self.last = line
        self._single: list[_Row] = []

    def takes(self, line: Line, cells: list[Cell]) -> bool:
        """Add the line where it belongs to the table: as a row, or to the row before."""
        if abs(self.last.bottom - line.bottom) > _FARTHEST * max(line.size, self.last.size):
            return False
        places = [self._columns_at(cell) for cell in cells]
        taken = [place[0] for place in places if len(place) == 1]
        if any(len(place) > 1 for place in places) or len(set(taken)) < len(taken):
            return False
        if len(cells) == 1:
            return self._takes_single(line, cells, taken)
        if len(taken) < 2:
            return False
        self._add(line, cells)
        return True

    def _takes_single(self, line: Line, cells: list[Cell], taken: list[int]) -> bool:
        """A line in one column only: below the first it is the rest of a row; in the first, maybe a row that stands
        alone ("Outpatient care"), if the table goes on after it."""
        if not taken or len(self._single) > 1:
            return False
        if taken[0] and not self._single:
            row = self.rows[-1]
            self.rows[-1] = _Row(row.cells, row.start, max(row.end, line.end))
        elif not taken[0]:
            self._single.append(_Row(cells, line.start, line.end))
        else:
            return False
        self.last = line
        return True

    def _add(self, line: Line, cells: list[Cell]) -> None:
        self.rows += self._single
        self._single = []
        self.rows.append(_Row(cells, line.start, line.end))
        self.last = line
        for cell in cells:
            for place in self._columns_at(cell):
                left, right = self.columns[place]
                self.columns[place] = (min(left, cell.left), max(right, cell.right))
                break
            else:
                insort(self.columns, (cell.left, cell.right))

    def _columns_at(self, cell: Cell) -> list[int]:
        """The columns that the cell reaches into. Columns do not overlap, so they are found by bisection."""
        first = bisect_left(self.columns, cell.left, key=lambda column: column[1])
        places: list[int] = []
        while first < len(self.columns) and self.columns[first][0] < cell.right and len(places) < 2:
            places.append(first)
            first += 1
        return places


def find_tables(text: str, page: TypePage) -> list[FoundTable]:
    """The tables of the page whose text is ``text``, in order, without overlap."""
    lines = page.lines
    wide = [page.may_have_cells(line) for line in lines]
    found: list[_Table] = []
    table: _Table | None = None
    for place, line in enumerate(lines):
        near = table is not None or sum(wide[max(place - 1, 0) : place + 2]) > 1
        cells = page.cells(line) if near else [Cell(line.start, line.end, line.left, line.right)]
        if table is not None and table.takes(line, cells):
            continue
        table = _begun(page, lines, place, cells, table) if len(cells) > 1 else None
        if table is not None:
            found.append(table)
    return [
        FoundTable(
            [(row.start, row.end - row.start) for row in table.rows],
            _header_rows(text, table.rows, page.is_bold),
            table.columns,
        )
        for table in found
        if _is_table(table)
    ]


class TableHeaders:
    """Carries the header row of a table that goes on over the page's end, from page to page."""

    def __init__(self) -> None:
        self._page = 0
        self._last: FoundTable | None = None
        self._header = ""

    def tables(self, number: int, text: str, found: Sequence[FoundTable]) -> list[Table]:
        """The tables of page ``number`` with what is known of their headers; call it page by page."""
        tables = [Table(rows=table.rows, header_rows=table.header_rows) for table in found]
        if tables and self._last is not None and number == self._page + 1 and self._goes_on(text, found[0]):
            tables[0].header = self._header
        self._page, self._last = number, None
        if tables and text.count("\n", sum(found[-1].rows[-1])) <= _LINES_BETWEEN:
            header = tables[-1].header or _header_text(text, tables[-1])
            self._last, self._header = found[-1] if header else None, header
        return tables

    def _goes_on(self, text: str, table: FoundTable) -> bool:
        """Whether it stands at the page's top, without a header of its own, in the same columns as the one before."""
        return (
            self._last is not None
            and table.header_rows == 0
            and text.count("\n", 0, table.rows[0][0]) <= _LINES_BETWEEN
            and len(table.columns) == len(self._last.columns)
            and all(
                left < other_right and other_left < right
                for (left, right), (other_left, other_right) in zip(table.columns, self._last.columns, strict=True)
            )
        )


def _header_text(text: str, table: Table) -> str:
    return fold_space(text[table.rows[0][0] : sum(table.rows[table.header_rows - 1])]) if table.header_rows else ""


def _begun(page: TypePage, lines: Sequence[Line], place: int, cells: list[Cell], before: _Table | None) -> _Table:
    """A table that begins with this line, or with the one above it: a header row may look like running text."""
    if place and (before is None or before.last.end < lines[place - 1].start):
        above = page.cells(lines[place - 1])
        table = _Table(lines[place - 1], above)
        if len(above) > 1 and table.takes(lines[place], cells):
            return table
    return _Table(lines[place], cells)


def _is_table(table: _Table) -> bool:
    rows = [row.cells for row in table.rows if len(row.cells) > 1]
    if len(rows) < LEAST_ROWS:
        return False
    lengths = [median(cell.end - cell.start for cell in cells[:2]) for cells in rows]
    return len(table.columns) > 2 or median(lengths) < _LONG_CELL


def _header_rows(text: str, rows: Sequence[_Row], is_bold: Callable[[int], bool]) -> int:
    """1 where the first row is set apart: in bold, or the only one without a digit (or nearly)."""
    first, *others = rows
    if len(first.cells) < 2:
        return 0
    if all(is_bold(cell.start) for cell in first.cells):
        return int(not all(is_bold(cell.start) for cell in others[0].cells))
    if _DIGIT.search(text, first.start, first.end):
        return 0
    digitless = sum(not _DIGIT.search(text, row.start, row.end) for row in others)
    return int(digitless <= _MOST_DIGITLESS * len(others))

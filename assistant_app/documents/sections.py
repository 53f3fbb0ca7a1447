"""Kinds of files without pages: one text, cut into sections at its headings. Only used inside a reader process.

A module for such a kind makes a :class:`Flow`; :class:`SectionedDocument` does the rest. The texts of all sections, one
after the other, are the document's text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from assistant_app.documents.document import Content
from assistant_app.documents.page_text import clean, usable_title
from assistant_app.documents.reader_protocol import Metadata, OutlineEntry, Table
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Box, Heading, Kind, PageSize, Word

MAX_CHARACTERS = 200_000_000
SECTION_CHARACTERS = 20_000
MAX_SECTIONS_AT_HEADINGS = 5_000
"""A text with more headings than this is cut at some of them only."""

PATH_SEPARATOR = " › "
_LONGEST_HEADING = 200
_LONGEST_TABLE_HEADER = 1_000
_SHOWN_SIZE = (595.0, 842.0)


class Flow(NamedTuple):
    """The text of a file from its beginning to its end; headings and tables in order, by offsets of ``text``."""

    text: str
    headings: Sequence[Heading] = ()
    tables: Sequence[Table] = ()
    title: str = ""
    author: str = ""


class FlowBuilder:
    """Puts a :class:`Flow` together, block by block; between two blocks stands an empty line."""

    def __init__(self, most: int = MAX_CHARACTERS) -> None:
        self._most = most
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._tables: list[Table] = []

    def paragraph(self, text: str) -> None:
        if text := clean(text).strip():
            self._add(text)

    def heading(self, text: str, level: int) -> None:
        """A heading stands on one line."""
        if text := clean(" ".join(text.split())):
            self._headings.append(Heading(start=self._next(), length=len(text), level=level))
            self._add(text)

    def table(self, rows: Sequence[Sequence[str]], header_rows: int = 0) -> None:
        """A line for each row that is not empty, the cells joined by " | "."""
        lines = [clean(" | ".join(" ".join(cell.split()) for cell in row)) for row in rows]
        header_rows = sum(bool(line.strip(" |")) for line in lines[:header_rows])
        lines = [line for line in lines if line.strip(" |")]
        if not lines:
            return
        spans, start = [], self._next()
        for line in lines:
            spans.append((start, len(line)))
            start += len(line) + 1
        self._tables.append(Table(rows=spans, header_rows=header_rows if header_rows < len(lines) else 0))
        self._add("\n".join(lines))

    def flow(self, title: str = "", author: str = "") -> Flow:
        named = (usable_title(each) for each in (title, author))
        return Flow("\n\n".join(self._parts), self._headings, self._tables, *named)

    def _next(self) -> int:
        return self._length + (2 if self._parts else 0)

    def _add(self, text: str) -> None:
        self._length = self._next() + len(text)
        self._parts.append(text)
        if self._length > self._most:
            raise DocentError(Code.TOO_LARGE, limit=f"{self._most:,} characters")


class PlainDocument:
    """What all kinds have in common whose text has no place on a page."""

    kind: Kind
    paged = False
    has_boxes = False
    pages = 0

    def close(self) -> None:
        """Nothing is held open."""

    def label(self, page: int) -> str:
        raise NotImplementedError

    def content(self, page: int) -> Content:
        raise NotImplementedError

    def outline(self) -> list[OutlineEntry]:
        """None: headings come with the content."""
        return []

    def metadata(self) -> Metadata:
        """Nothing, where the kind of file names nothing."""
        return Metadata()

    def text(self, page: int) -> str:
        return self.content(page).text

    def size(self, page: int) -> PageSize:
        """A sheet's size, for whoever must have one."""
        width, height = _SHOWN_SIZE
        return PageSize(width=width, height=height, label=self.label(page))

    def boxes(self, page: int, ranges: Sequence[tuple[int, int]]) -> list[list[Box]]:
        """Nothing has a place: an empty list for each range."""
        return [[] for _ in ranges]

    def words(self, page: int) -> tuple[str, list[Word]]:
        """The text, and no words, because a word is a place."""
        return self.text(page), []

    def draw(self, page: int, width: int) -> tuple[int, int, bytes]:
        """
        Raises:
            DocentError: always ``not_a_pdf``: only the pages of a PDF are drawn.
        """
        raise DocentError(Code.NOT_A_PDF, page=page)


class SectionedDocument(PlainDocument):
    """A document that was read as a whole; its "pages" are sections."""

    def __init__(self, kind: Kind, flow: Flow) -> None:
        self.kind = kind
        self._flow = flow
        self._starts = section_starts(flow)
        self._heading_starts = [heading.start for heading in flow.headings]
        self._table_starts = [table.rows[0][0] for table in flow.tables]
        self._labels = _labels(flow, self._starts)
        self.pages = len(self._starts)

    def metadata(self) -> Metadata:
        return Metadata(title=self._flow.title, author=self._flow.author)

    def label(self, page: int) -> str:
        """The headings it stands under, outermost first; the document's title before the first heading, or ""."""
        return self._labels[page - 1] if 1 <= page <= self.pages else ""

    def content(self, page: int) -> Content:
        start, end = self._span(page)
        headings = self._flow.headings[
            bisect_left(self._heading_starts, start) : bisect_left(self._heading_starts, end)
        ]
        shifted = [
            Heading(start=each.start - start, length=min(each.length, end - each.start), level=each.level)
            for each in headings
        ]
        return Content(self._flow.text[start:end], shifted, self._tables(start, end))

    def _span(self, page: int) -> tuple[int, int]:
        if not 1 <= page <= self.pages:
            raise DocentError(Code.PAGE_OUT_OF_RANGE, page=page)
        end = self._starts[page] if page < self.pages else len(self._flow.text)
        return self._starts[page - 1], end

    def _tables(self, start: int, end: int) -> list[Table]:
        # The table before the first one that begins here may reach into this section.
        first = max(0, bisect_left(self._table_starts, start) - 1)
        found = (_part(self._flow, table, start, end) for table in self._flow.tables[first : self._past(end)])
        return [table for table in found if table is not None]

    def _past(self, end: int) -> int:
        return bisect_left(self._table_starts, end)


def _part(flow: Flow, table: Table, start: int, end: int) -> Table | None:
    """The rows of ``table`` that begin between ``start`` and ``end``, counted from ``start``."""
    first = bisect_left(table.rows, (start, 0))
    rows = [(at - start, min(length, end - at)) for at, length in table.rows[first : bisect_left(table.rows, (end, 0))]]
    if not rows:
        return None
    if first < table.header_rows or not table.header_rows:
        return Table(rows=rows, header_rows=max(0, min(table.header_rows - first, len(rows))))
    last, length = table.rows[table.header_rows - 1]
    header = flow.text[table.rows[0][0] : last + length]
    return Table(rows=rows, header=header[:_LONGEST_TABLE_HEADER])


def section_starts(flow: Flow) -> list[int]:
    """Where each section begins: at headings, and where a section would grow longer than it may; at least one."""
    text = flow.text
    starts = [0]
    at_headings = _heading_boundaries(flow)
    for boundary in [*at_headings, len(text)]:
        while boundary - starts[-1] > SECTION_CHARACTERS:
            starts.append(_break_before(text, starts[-1], starts[-1] + SECTION_CHARACTERS))
        if starts[-1] < boundary < len(text):
            starts.append(boundary)
    return starts


def _heading_boundaries(flow: Flow) -> list[int]:
    """The lines where a heading follows other text; with very many headings only some of them."""
    found, end = [], 0
    for heading in flow.headings:
        line = flow.text.rfind("\n", 0, heading.start) + 1
        if flow.text[end:line].strip():
            found.append(line)
        end = heading.start + heading.length
    if len(found) <= MAX_SECTIONS_AT_HEADINGS:
        return found
    kept = [0]
    for boundary in found:
        if boundary - kept[-1] >= SECTION_CHARACTERS // 2:
            kept.append(boundary)
    return kept[1:]


def _break_before(text: str, start: int, end: int) -> int:
    """The best place to cut in the second half of the range: after a paragraph, a line, a word, or anywhere."""
    for separator in ("\n\n", "\n", " "):
        if (found := text.rfind(separator, (start + end) // 2, end)) >= 0:
            return found + len(separator)
    return end


def _labels(flow: Flow, starts: Sequence[int]) -> list[str]:
    """The path of the headings that each section begins with, or else that it stands under."""
    labels: list[str] = []
    path: list[tuple[int, str]] = []
    headings = list(flow.headings)
    at = 0
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(flow.text)
        begins = start
        while at < len(headings) and headings[at].start < end:
            heading = headings[at]
            line = flow.text.rfind("\n", 0, heading.start) + 1
            if flow.text[begins : max(begins, line)].strip():
                break
            begins = heading.start + heading.length
            _enter(path, heading, flow.text)
            at += 1
        labels.append(PATH_SEPARATOR.join(name for _, name in path) or flow.title[:_LONGEST_HEADING])
        while at < len(headings) and headings[at].start < end:
            _enter(path, headings[at], flow.text)
            at += 1
    return labels


def _enter(path: list[tuple[int, str]], heading: Heading, text: str) -> None:
    while path and path[-1][0] >= heading.level:
        path.pop()
    name = re.sub(r"\s+", " ", text[heading.start : heading.start + heading.length]).strip()
    path.append((heading.level, name[:_LONGEST_HEADING]))

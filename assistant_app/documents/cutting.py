"""A document's pages become passages, each with what it needs to be found: its headings, its table's header row.

The one door to this for the library. Passages are spans of their page's text; what is added to them for search stands
beside them, so that ``text[start:start + length]`` is always what a citation shows.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from assistant_app.documents.heading_path import SEPARATOR, HeadingPath, Mark
from assistant_app.documents.hyphens import without_breaks
from assistant_app.documents.passages import Span, fold_space, split
from assistant_app.documents.reader_protocol import PageText, Table
from assistant_app.documents.running_lines import Running, with_running_lines

HEAD_TOKENS = 60
"""Most tokens of a table's header row. With the document's name and a passage of 120 it stays below the 256 that the
embedding model reads."""
LEAST_SECTION = 200
"""Code points from one forced beginning of a passage to the next: a chapter's title stays with its first heading."""
LONGEST_NAME = 72
"""Code points of the document's name that are embedded; a token is at least one."""
LONGEST_EMBEDDED_HEADING = 72
"""Code points of the heading that are embedded, for the same reason."""
LONGEST_HEADER = 400
"""Code points of a table's header row."""

TokenSpans = Callable[[str], Sequence[tuple[int, int]]]


class Piece(NamedTuple):
    """A passage: ``length`` code points of its page's text from ``start``.

    ``heading`` is the path of headings above it, outermost first, joined by " › "; ``table_header`` the header row of
    the table that it is a part of, where that row stands in another passage. Both may be "".
    """

    start: int
    length: int
    heading: str = ""
    table_header: str = ""


class LeftOut(NamedTuple):
    """A span of a page's text that is in no passage, and why.

    ``unreadable``: characters that the embedding model has no token for (a font without a map to letters, say).
    """

    start: int
    length: int
    why: Literal["header", "footer", "space", "unreadable"]


class CutPage(NamedTuple):
    """A page with its passages, in order, and what was left out of them.

    ``key`` (16 bytes) is a digest of all that decides where the page is cut, and of what else is stored with it.
    """

    page: PageText
    pieces: list[Piece]
    left_out: list[LeftOut]
    key: bytes = b""


def cut(
    pages: Iterable[PageText], token_spans: TokenSpans, known: Mapping[bytes, Sequence[Span]] | None = None
) -> Iterator[CutPage]:
    """Cut the pages of one document, in order; looks ``running_lines.NEIGHBOURS`` pages ahead.

    Args:
        pages: from a reader pool; the first one carries the outline.
        token_spans: where each token of the embedding model stands in a text, as ``Embedder.token_spans``.
        known: by :attr:`CutPage.key`, where a page was cut before; counting its tokens again would cost the most.
    """
    known = known or {}
    headings = HeadingPath()
    for page, running in with_running_lines(pages):
        left_out = [Span(line.start, line.length) for line in running]
        above = headings.path
        marks = [mark._replace(start=_begin(page.text, mark.start)) for mark in headings.marks(page, left_out)]
        tables = _usable(page)
        headers = [_header_of(page.text, table, token_spans) for table in tables]
        begins = _begins(marks)
        key = _key(page, tables, left_out, begins)
        spans = known.get(key)
        if spans is None:
            spans = _spans(page.text, token_spans, tables, left_out, begins)
        starts = [mark.start for mark in marks]
        ends = [header.end for header in headers]
        paths = [above, *(mark.path for mark in marks)]
        pieces = [Piece(*span, paths[bisect_right(starts, span.start)], _header(span, headers, ends)) for span in spans]
        yield CutPage(page, pieces, _left_out(page.text, pieces, running), key)


def _begin(text: str, start: int) -> int:
    """Where a heading begins: with the signs that mark it in a Markdown file, if there are any."""
    line = text.rfind("\n", 0, start) + 1
    return line if text[line:start].strip(" \t#") == "" else start


def _key(page: PageText, tables: Sequence[Table], left_out: Sequence[Span], begins: Sequence[int]) -> bytes:
    rows = [table.rows for table in tables]
    decisive = (page.text, rows, list(left_out), list(begins), page.headings, page.words)
    return hashlib.blake2b(msgspec.msgpack.encode(decisive), digest_size=16).digest()


def _spans(
    text: str, token_spans: TokenSpans, tables: Sequence[Table], left_out: Sequence[Span], begins: Sequence[int]
) -> list[Span]:
    if not text.strip():
        return []
    rows = [Span(*row) for table in tables for row in table.rows]
    return split(text, token_spans(text), rows=rows, left_out=left_out, begins=begins)


def _begins(marks: Sequence[Mark]) -> list[int]:
    """Where a new passage begins: at a section's heading, so that a passage seldom belongs to two sections."""
    begins: list[int] = []
    for mark in marks:
        if mark.begins and mark.start - (begins[-1] if begins else 0) >= LEAST_SECTION:
            begins.append(mark.start)
    return begins


def _usable(page: PageText) -> list[Table]:
    """The tables whose rows lie in the text, in order and without overlap: readers are not trusted."""
    end = 0
    usable: list[Table] = []
    for table in page.tables:
        begins = end
        for start, length in table.rows:
            if not (end <= start and 0 < length <= len(page.text) - start):
                break
            end = start + length
        else:
            if table.rows:
                usable.append(table)
            continue
        end = begins
    return usable


class _Header(NamedTuple):
    """A table from ``start`` to ``end``; its header row ``text`` ends at ``own`` (``start`` where it has none here)."""

    start: int
    own: int
    end: int
    text: str


def _header_of(text: str, table: Table, token_spans: TokenSpans) -> _Header:
    start, end = table.rows[0][0], sum(table.rows[-1])
    header_rows = min(max(table.header_rows, 0), len(table.rows))
    own = sum(table.rows[header_rows - 1]) if header_rows else start
    header = searchable((text[start:own] if header_rows else table.header)[:LONGEST_HEADER])
    tokens = token_spans(header)
    return _Header(start, own, end, header if len(tokens) <= HEAD_TOKENS else header[: tokens[HEAD_TOKENS - 1][1]])


def _header(span: Span, tables: Sequence[_Header], ends: Sequence[int]) -> str:
    """The header row of the first table that the passage holds rows of, but not that row. ``ends``: the tables'."""
    for place in range(bisect_right(ends, span.start), len(tables)):
        table = tables[place]
        if table.start >= sum(span):
            break
        if span.start > table.start or table.own == table.start:
            return table.text
    return ""


def _left_out(text: str, pieces: Sequence[Piece], running: Sequence[Running]) -> list[LeftOut]:
    """Everything that is in no passage, ascending."""
    left_out = [LeftOut(*line) for line in running]
    taken = sorted(
        [*((piece.start, piece.length) for piece in pieces), *((line.start, line.length) for line in running)]
    )
    end = 0
    for start, length in [*taken, (len(text), 0)]:
        if start > end:
            left_out.append(LeftOut(end, start - end, "unreadable" if text[end:start].strip() else "space"))
        end = max(end, start + length)
    return sorted(left_out)


def searchable(text: str) -> str:
    """A passage's text as it is embedded and indexed for keywords: broken words joined, white space folded."""
    return fold_space(without_breaks(text))


def embedded_text(name: str, piece: Piece, text: str) -> str:
    """What is embedded for a passage: the document's name, its table's header row, its text, the heading above it.

    The name at its head raised page hits by a quarter. The innermost heading stands at the end, and only where the
    passage does not hold it itself: at the head, or as the whole path, it makes the vectors of a chapter more alike,
    and fewer pages were found (docs/retrieval.md).

    Args:
        name: the document's name as people would say it.
        text: the passage's own text, as it stands in the page.
    """
    own = searchable(text)
    heading = piece.heading.rpartition(SEPARATOR)[2]
    parts = (name[:LONGEST_NAME], piece.table_header, own, "" if heading in own else heading[:LONGEST_EMBEDDED_HEADING])
    return "\n".join(part for part in parts if part)

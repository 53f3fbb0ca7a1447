"""Header and footer lines: the same line at the same edge of most pages around, but for the page's number.

A page is compared with the few before and behind it, because headers change with the chapter. What is left out by
mistake is lost to search, and a header that stays in costs little: in doubt a line stays.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from assistant_app.documents.headings import BOLD_LEVEL
from assistant_app.documents.passages import Span, fold_space
from assistant_app.documents.reader_protocol import PageText

NEIGHBOURS = 6
"""Pages before and behind that a page is compared with."""
DEPTH = 3
"""Lines at each edge that may be header or footer."""
_LONGEST = 200
_LONGEST_COUNTING = 80
"""Characters of a line that differs from its neighbours by the page's number."""
_LEAST = 3
_SHARE = 0.5
_SURE = 5
_NUMBER = re.compile(r"\d{1,9}")
_PAGE_WORDS = re.compile(r"(?:[^\w\n]|[#\0]|page|seite|of|von|p)*", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:[^\W\d_]{2,}|(?:\S+\s+){4}.*\w*#)[.!?]\Z")
_LIST_ITEM = re.compile(r"[•▪●◦‣∙*-]\s+\w*[^\W\d_]")
_FIRST_LINE = re.compile(r"\S(?:[^\n]*\S)?")

Edge = Literal["header", "footer"]


class Running(NamedTuple):
    """A header or footer line: ``length`` code points from ``start``."""

    start: int
    length: int
    why: Edge


class _EdgeLine(NamedTuple):
    """``shape`` is the line with its numbers and the page's label taken out; ``numbers`` are those numbers."""

    start: int
    length: int
    shape: str
    numbers: tuple[int, ...]


class _Edges(NamedTuple):
    """The outermost lines of a page that may be running, from its edge inwards."""

    page: int
    header: list[_EdgeLine]
    footer: list[_EdgeLine]


def with_running_lines(pages: Iterable[PageText]) -> Iterator[tuple[PageText, list[Running]]]:
    """Each page with its header and footer lines, in order; asks for ``NEIGHBOURS`` pages ahead, for none of a kind
    without pages."""
    source = iter(pages)
    before: deque[_Edges] = deque(maxlen=NEIGHBOURS)
    ahead: deque[tuple[PageText, _Edges]] = deque()
    while True:
        for page in islice(source, NEIGHBOURS + 1 - len(ahead)):
            if not page.paged:
                yield page, []
                yield from ((other, []) for other in source)
                return
            ahead.append((page, _edges(page)))
        if not ahead:
            return
        page, edges = ahead.popleft()
        around = [other for other in (*before, *(other for _, other in ahead)) if other.header]
        yield page, _running(page, edges, around)
        before.append(edges)


def _running(page: PageText, edges: _Edges, around: Sequence[_Edges]) -> list[Running]:
    found: dict[int, Running] = {}
    for edge in ("header", "footer"):
        lines = edges.header if edge == "header" else edges.footer
        for line in lines:
            if not _runs(page, line, edges.page, edge, around):
                break
            found.setdefault(line.start, Running(line.start, line.length, edge))
    kept = sorted(found.values())
    return kept if _leaves_text(page.text, kept) else []


def _runs(page: PageText, line: _EdgeLine, number: int, edge: str, around: Sequence[_Edges]) -> bool:
    """Whether the line stands at this edge of most pages around, or of those on this side of a sheet."""
    if not around or not line.shape or any(_overlaps(line, row) for table in page.tables for row in table.rows):
        return False
    matches = {
        other.page
        for other in around
        if any(
            _is_same(line, theirs, other.page - number)
            for theirs in (other.header if edge == "header" else other.footer)
        )
    }
    if any(_overlaps(line, each) for each in page.headings if page.kind != "pdf" or each.level < BOLD_LEVEL):
        return len(matches) == len(around) >= _SURE
    if len(around) == 1:
        return bool(matches) and bool(line.numbers or "\0" in line.shape) and bool(_PAGE_WORDS.fullmatch(line.shape))
    side = {other.page for other in around if (other.page - number) % 2 == 0}
    return len(matches) >= max(min(len(around), _LEAST), _SHARE * len(around)) or (
        len(side) >= _LEAST and len(matches & side) >= max(_LEAST, _SHARE * len(side))
    )


def _is_same(line: _EdgeLine, other: _EdgeLine, apart: int) -> bool:
    if line.shape != other.shape or len(line.numbers) != len(other.numbers):
        return False
    if line.numbers == other.numbers and "\0" not in line.shape:
        return True
    if len(line.shape) > _LONGEST_COUNTING or _SENTENCE.search(line.shape):
        return False
    return all(theirs in (ours, ours + apart) for ours, theirs in zip(line.numbers, other.numbers, strict=True))


def _overlaps(line: _EdgeLine, span: tuple[int, int] | object) -> bool:
    start, length = span if isinstance(span, tuple) else (span.start, span.length)  # type: ignore[attr-defined]
    return bool(start < line.start + line.length and line.start < start + length)


def _leaves_text(text: str, lines: Sequence[Span | Running]) -> bool:
    """Whether anything is left of the page without these lines."""
    end = 0
    for line in lines:
        if text[end : line.start].strip():
            return True
        end = line.start + line.length
    return bool(text[end:].strip())


def _edges(page: PageText) -> _Edges:
    first = [match.span() for match in islice(_FIRST_LINE.finditer(page.text), 2 * DEPTH)]
    depth = (len(first) + 1) // 2  # of a short page, each edge has its half
    last: list[tuple[int, int]] = []
    end = len(page.text.rstrip())
    while end and len(last) < depth:
        begin = page.text.rfind("\n", 0, end) + 1
        last.append((begin, end))
        end = len(page.text[:begin].rstrip())
    return _Edges(page.page, [_line(page, *span) for span in first[:depth]], [_line(page, *span) for span in last])


def _line(page: PageText, start: int, end: int) -> _EdgeLine:
    """A line that is too long for a header or footer, or an item of a list, has no shape."""
    start = end - len(page.text[start:end].lstrip())
    if end - start > _LONGEST or _LIST_ITEM.match(page.text, start, end):
        return _EdgeLine(start, end - start, "", ())
    line = fold_space(page.text[start:end])
    if not page.label.isdigit():
        line = re.sub(rf"(?<!\w){re.escape(page.label)}(?!\w)", "\0", line)
    numbers = tuple(int(number) for number in _NUMBER.findall(line))
    return _EdgeLine(start, end - start, _NUMBER.sub("#", line), numbers)

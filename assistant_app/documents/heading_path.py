"""The headings above each place of a document: from its bookmarks, else from the headings that came with its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from assistant_app.documents.headings import BOLD_LEVEL
from assistant_app.documents.hyphens import without_breaks
from assistant_app.documents.passages import Span, fold_space
from assistant_app.documents.reader_protocol import OutlineEntry, PageText

SEPARATOR = " › "
LONGEST = 200
"""Code points of a path."""
LONGEST_TITLE = 120
DEEPEST = 32
_NUMBERING = re.compile(
    r"(?:(?:chapter|section|part|article|annex|appendix|kapitel|abschnitt|teil)\s+)?(?:\d[\d.]*|[ivxlc]+|[a-z])[\s:.)–—-]+"
)
_LINE_BEGINNING = re.compile(r"^[^\S\n]*(?=\S)", re.MULTILINE)
_MOST_LINES = 500
_MOST_LOOKED_UP = 200
"""Bookmarks of one page that are looked up, in so many of its lines; nobody made more, and it runs in the engine."""


class Mark(NamedTuple):
    """From ``start`` on, ``path`` is what stands above. ``begins``: a section begins there, to the letter."""

    start: int
    path: str
    begins: bool


class HeadingPath:
    """Follows the headings of one document from page to page.

    A heading ends those of its level and below it. Paths are cut from their outer end to ``LONGEST`` code points.
    """

    def __init__(self) -> None:
        self._above: list[tuple[int, str]] = []
        self._outline: dict[int, list[OutlineEntry]] | None = None
        self.path = ""

    def marks(self, page: PageText, left_out: Sequence[Span]) -> list[Mark]:
        """Where the path changes on this page, ascending. Pages come in order; the first one brings the outline."""
        if self._outline is None:
            self._outline = {}
            for entry in page.outline:
                self._outline.setdefault(entry.page, []).append(entry)
        if self._outline:
            placed = _placed(page.text, self._outline.get(page.page, ()), left_out)
        else:
            placed = [
                (
                    heading.start,
                    heading.level,
                    _title(page.text[heading.start : heading.start + heading.length]),
                    page.kind != "pdf" or heading.level < BOLD_LEVEL,
                )
                for heading in page.headings
                if not any(span.start <= heading.start < sum(span) for span in left_out)
            ]
        return [Mark(start, self._enter(level, title), begins) for start, level, title, begins in placed if title]

    def _enter(self, level: int, title: str) -> str:
        while self._above and self._above[-1][0] >= level:
            self._above.pop()
        self._above = [*self._above[-DEEPEST:], (level, title)]
        self.path = _joined([title for _, title in self._above])
        return self.path


def _joined(titles: list[str]) -> str:
    """The innermost titles that fit; the last one always does."""
    path = titles[-1]
    for title in reversed(titles[:-1]):
        if len(title) + len(SEPARATOR) + len(path) > LONGEST:
            break
        path = title + SEPARATOR + path
    return path


def _placed(text: str, entries: Sequence[OutlineEntry], left_out: Sequence[Span]) -> list[tuple[int, int, str, bool]]:
    """Each bookmark where its title stands on its page, behind the one before; else at the page's start, or right
    behind the one before. As ``(start, level, title, whether it stands there)``."""
    placed: list[tuple[int, int, str, bool]] = []
    lines = list(_line_beginnings(text, left_out)) if entries else []
    after = first = 0
    for number, entry in enumerate(entries):
        wanted = _comparable(entry.title)
        beginnings = enumerate(lines[first:], start=first) if number < _MOST_LOOKED_UP else ()
        place = next((place for place, (_, line) in beginnings if line.startswith(wanted)), None)
        if place is not None:
            after, first = lines[place][0], place + 1
        placed.append((after, entry.level, _title(entry.title), place is not None))
    return placed


def _line_beginnings(text: str, left_out: Sequence[Span]) -> Iterator[tuple[int, str]]:
    """Where each line begins, and enough of the text from there to compare with a title, which may take two lines."""
    for match in islice(_LINE_BEGINNING.finditer(text), _MOST_LINES):
        start = match.end()
        if not any(span.start <= start < sum(span) for span in left_out):
            yield start, _comparable(text[start : start + LONGEST_TITLE * 2])


def _comparable(text: str) -> str:
    """Small letters and single blanks, without the number before a title, which a bookmark may have or not."""
    folded = _title_text(text).casefold()
    return folded[match.end() :] if (match := _NUMBERING.match(folded)) and match.end() < len(folded) else folded


def _title_text(text: str) -> str:
    return fold_space(without_breaks(text))


def _title(text: str) -> str:
    title = _title_text(text[: 8 * LONGEST_TITLE])
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"

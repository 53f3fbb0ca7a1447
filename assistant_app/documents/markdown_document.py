"""Markdown: its text is the source itself, so that offsets are the file's; markdown-it-py tells headings and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant_app.documents.page_text import usable_title
from assistant_app.documents.reader_protocol import Table
from assistant_app.documents.sections import Flow, SectionedDocument
from assistant_app.documents.text_document import source_text
from assistant_app.protocol.records import Heading

MAX_PARSED_CHARACTERS = 4_000_000
"""In a longer file no headings and tables are looked for: that would take longer than reading may."""

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
_SAID = {name: re.compile(rf"^{name}:[ \t]*(['\"]?)(.+?)\1[ \t]*$", re.MULTILINE) for name in ("title", "author")}


class MarkdownDocument(SectionedDocument):
    def __init__(self, path: str) -> None:
        """Raises as ``source_text`` does."""
        text = source_text(path)
        front = _FRONT_MATTER.match(text[:20_000])
        said = (pattern.search(front[1]) if front else None for pattern in _SAID.values())
        title, author = (usable_title(found[2]) if found else "" for found in said)
        if len(text) > MAX_PARSED_CHARACTERS:
            flow = Flow(text)
        else:
            # Metadata at the head of a file reads as a heading to Markdown: white space of the same length does not.
            body = re.sub(r"[^\n]", " ", front[0]) + text[front.end() :] if front else text
            lines = _Lines(text)
            tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(body)
            flow = Flow(text, list(_headings(tokens, lines)), list(_tables(tokens, lines)), title, author)
        super().__init__("markdown", flow)


class _Lines:
    """Where the lines of a text begin."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text) + 1]

    def span(self, first: int, end: int) -> tuple[int, int]:
        """Start and length of lines ``first`` to before ``end``, without the last line feed."""
        last = min(end, len(self.starts) - 1)
        return self.starts[first], max(0, self.starts[last] - 1 - self.starts[first])


def _headings(tokens: Sequence[Token], lines: _Lines) -> Iterator[Heading]:
    for token, inline in pairwise(tokens):
        if token.type != "heading_open" or token.map is None or not inline.content.strip():
            continue
        start, length = lines.span(token.map[0], token.map[1])
        # The heading's text stands in its lines, without the marks around it.
        first_line = inline.content.split("\n", 1)[0]
        found = lines.text.find(first_line, start, start + length)
        if found >= 0:
            yield Heading(start=found, length=len(first_line), level=int(token.tag[1]))


def _tables(tokens: Sequence[Token], lines: _Lines) -> Iterator[Table]:
    rows: list[tuple[int, int]] = []
    for token in tokens:
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open" and token.map is not None:
            # The line of dashes below the header row belongs to it.
            rows.append(lines.span(token.map[0], token.map[1] if rows else token.map[1] + 1))
        elif token.type == "table_close" and rows:
            yield Table(rows=rows, header_rows=1 if len(rows) > 1 else 0)

"""A document's pages become passages, each with what it needs to be found: its headings, its table's header row.

The one door to this for the library. Passages are spans of their page's text; what is added to them for search stands
beside them, so that ``text[start:start + length]`` is always what a citation shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from assistant_app.documents.passages import Span, fold_space, split
from assistant_app.documents.reader_protocol import PageText

TokenSpans = Callable[[str], Sequence[tuple[int, int]]]


class Piece(NamedTuple):
    """A passage: ``length`` code points of its page's text from ``start``.

    ``heading`` is the path of headings above it, outermost first, joined by " › "; ``table_header`` the header row of the table
    that it is a part of, where that row stands in another passage. Both may be "".
    """

    start: int
    length: int
    heading: str = ""
    table_header: str = ""


class LeftOut(NamedTuple):
    """A span of a page's text that is in no passage, and why."""

    start: int
    length: int
    why: Literal["header", "footer", "space"]


class CutPage(NamedTuple):
    """A page with its passages, in order, and what was left out of them."""

    page: PageText
    pieces: list[Piece]
    left_out: list[LeftOut]


def cut(pages: Iterable[PageText], token_spans: TokenSpans) -> Iterator[CutPage]:
    """Cut the pages of one document, in order; looks a bounded number of pages ahead.

    Args:
        pages: from a reader pool; the first one carries the outline.
        token_spans: where each token of the embedding model stands in a text, as ``Embedder.token_spans``.
    """
    for page in pages:
        spans: list[Span] = split(page.text, token_spans(page.text)) if page.text.strip() else []
        yield CutPage(page, [Piece(*span) for span in spans], [])


def searchable(text: str) -> str:
    """A passage's text as it is embedded and indexed for keywords: white space folded."""
    return fold_space(text)


def embedded_text(name: str, piece: Piece, text: str) -> str:
    """What is embedded for a passage. The document's name at its head raised page hits by a quarter.

    Args:
        name: the document's name as people would say it.
        text: the passage's own text, as it stands in the page.
    """
    heads = [part for part in (name, piece.heading, piece.table_header and searchable(piece.table_header)) if part]
    return "\n".join([*heads, searchable(text)])

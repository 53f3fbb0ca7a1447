"""What every kind of file looks like once it is open: pages (or sections) of text, and where things stand in it.

A new kind of file is one module with a class of this shape, and a line in ``opening.py``. Only used inside a reader
process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from assistant_app.documents.reader_protocol import Metadata, OutlineEntry, Table
from assistant_app.protocol.records import Box, Heading, Kind, PageSize, Word


class Content(NamedTuple):
    """The text of one page or section, and what stands where in it (code points of ``text``).

    ``words`` is null but for recognised text (OCR): each word with its place on the page.
    """

    text: str
    headings: Sequence[Heading] = ()
    tables: Sequence[Table] = ()
    words: Sequence[Word] | None = None


class Document(Protocol):
    """An open file. Pages are counted from 1; a kind without pages has sections instead, counted likewise.

    Methods raise ``DocentError``: ``page_out_of_range``, ``too_large``, or the code for a damaged file of the kind.
    """

    kind: Kind
    paged: bool
    has_boxes: bool
    """Whether the text has positions on the page, and pages can be drawn."""
    pages: int

    def close(self) -> None: ...

    def label(self, page: int) -> str:
        """The label printed on the page, or its number; the heading of a section."""
        ...

    def outline(self) -> list[OutlineEntry]:
        """The bookmarks; none where there are none, or where headings come with each page's content."""
        ...

    def metadata(self) -> Metadata:
        """The title and the author that the file names."""
        ...

    def content(self, page: int) -> Content: ...

    def text(self, page: int) -> str:
        """The text of :meth:`content` alone."""
        ...

    def size(self, page: int) -> PageSize: ...

    def boxes(self, page: int, ranges: Sequence[tuple[int, int]]) -> list[list[Box]]: ...

    def words(self, page: int) -> tuple[str, list[Word]]: ...

    def draw(self, page: int, width: int) -> tuple[int, int, bytes]: ...

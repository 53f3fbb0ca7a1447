"""PPTX, through python-pptx: a page for each slide, its title as heading, the speaker's notes after its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from assistant_app.documents.archive import office_package
from assistant_app.documents.document import Content
from assistant_app.documents.page_text import usable_title
from assistant_app.documents.reader_protocol import Metadata
from assistant_app.documents.sections import FlowBuilder, PlainDocument
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Kind, PageSize

_MAIN = b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_ALSO_MAIN = re.compile(
    rb"application/vnd\.ms-powerpoint\.(?:presentation|slideshow|template)\.macroEnabled\.main\+xml"
    rb"|application/vnd\.openxmlformats-officedocument\.presentationml\.(?:slideshow|template)\.main\+xml"
)
_MAX_SLIDE_CHARACTERS = 2_000_000
_EMU_PER_POINT = 12_700
_LARGEST_SIDE = 10_000.0


class SlidesDocument(PlainDocument):
    kind: Kind = "pptx"
    paged = True

    def __init__(self, path: str) -> None:
        """
        Raises:
            DocentError: ``document_damaged``, ``encryption_unsupported`` or ``too_large``.
        """
        # Imported here: it takes a while, and most readers never need it.
        import pptx

        package = office_package(path, lambda types: _ALSO_MAIN.sub(_MAIN, types))
        try:
            self._slides: Any = pptx.Presentation(package)
            properties = self._slides.core_properties
            self._metadata = Metadata(
                title=usable_title(properties.title or ""), author=usable_title(properties.author or "")
            )
            self.pages = len(self._slides.slides)
            self._size = (float(self._slides.slide_width or 0), float(self._slides.slide_height or 0))
        except (DocentError, MemoryError):
            raise
        except Exception as error:  # A damaged package makes the library raise whatever it happened to be doing.
            raise DocentError(Code.DOCUMENT_DAMAGED) from error
        if not self.pages:
            raise DocentError(Code.PDF_WITHOUT_PAGES)

    def label(self, page: int) -> str:
        return str(page)

    def metadata(self) -> Metadata:
        return self._metadata

    def size(self, page: int) -> PageSize:
        """The slide's size in points."""
        width, height = (side / _EMU_PER_POINT for side in self._size)
        if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
            width, height = 720.0, 540.0
        return PageSize(width=width, height=height, label=str(page))

    def content(self, page: int) -> Content:
        """
        Raises:
            DocentError: ``page_out_of_range``, ``document_damaged`` or ``too_large``.
        """
        if not 1 <= page <= self.pages:
            raise DocentError(Code.PAGE_OUT_OF_RANGE, page=page)
        builder = FlowBuilder(_MAX_SLIDE_CHARACTERS)
        try:
            _add_slide(builder, self._slides.slides[page - 1])
        except (DocentError, MemoryError):
            raise
        except Exception as error:  # As above.
            raise DocentError(Code.DOCUMENT_DAMAGED, page=page) from error
        flow = builder.flow()
        return Content(flow.text, flow.headings, flow.tables)


def _add_slide(builder: FlowBuilder, slide: Any) -> None:
    title = slide.shapes.title
    if title is not None:
        builder.heading(_text(title.text_frame), 1)
    for shape in _shapes(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_text_frame:
            builder.paragraph(_text(shape.text_frame))
        elif getattr(shape, "has_table", False):
            table = shape.table
            rows = [[_text(cell.text_frame) for cell in row.cells] for row in table.rows]
            builder.table(rows, 1 if table.first_row else 0)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        builder.paragraph(_text(slide.notes_slide.notes_text_frame))


def _shapes(shapes: Any) -> Iterator[Any]:
    """All shapes in the order they were put on the slide, also those in groups (the parser bounds their depth)."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _text(frame: Any) -> str:
    """A vertical tab is python-pptx's sign for a line break within a paragraph."""
    return str(frame.text).replace("\v", "\n")

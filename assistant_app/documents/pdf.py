"""PDFium, the first reader of a PDF: text, positions, page labels, page images.

Only ever used inside a reader process (see ``reader.py``): PDFium is not thread-safe, and a PDF is untrusted. The
raw C interface is used, because the offsets of the text have to be PDFium's own. Nothing of a document acts: there is
no script, no launch and no link; annotations and form fields are only drawn.

The text of a page is PDFium's UTF-16 text with one-to-one replacements only. So the n-th code point is found again:
code point offset, UTF-16 offset, ``FPDFText_GetCharIndexFromTextIndex``, character box.
"""

from __future__ import annotations

import ctypes
import math
import re
import struct
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import pypdfium2.raw as pdfium

from assistant_app.documents.document import Content
from assistant_app.documents.geometry import Frame, Glyph, box, joined, line_boxes, on_one_line
from assistant_app.documents.headings import HeadingFinder
from assistant_app.documents.lines import TypePage
from assistant_app.documents.outline import pdfium_outline
from assistant_app.documents.page_text import clean, usable_title, utf16_offset
from assistant_app.documents.reader_protocol import Metadata, OutlineEntry
from assistant_app.documents.tables import TableHeaders, find_tables
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Box, Kind, PageSize, Word

MAX_PIXELS_EACH_WAY = 6_000
MAX_PNG_BYTES = 32 * 1024 * 1024
MAX_PAGE_CHARACTERS = 2_000_000
MAX_TYPE_CHARACTERS = 100_000
"""Of a page that holds more only the text is read: it is a machine's list, and measuring its type takes long."""
A4 = (595.0, 842.0)
LARGEST_SIDE = 200_000.0
"""Points. A page that claims to be larger, or has no size at all, is shown as A4."""

_FRAME_SPAN = 1_000
_FRAME_PIXELS = 1_000_000
_PNG_LEVEL = 1
_DIRECTION_SAMPLE = 32
_TWO_UNITS = re.compile("[\U00010000-\U0010ffff]")


class PdfiumRefusal(Exception):
    """PDFium would not open a file; ``error`` is one of its ``FPDF_ERR_`` numbers."""

    def __init__(self, error: int) -> None:
        super().__init__(f"PDFium error {error}")
        self.error = error


class PdfiumDocument:
    """An open PDF, as ``document.Document`` has it."""

    kind: Kind = "pdf"
    paged = True
    has_boxes = True

    def __init__(self, path: bytes, password: bytes | None) -> None:
        """Open the file at ``path`` (file system encoding); it stays open until :meth:`close`.

        Raises:
            PdfiumRefusal: PDFium cannot open it.
        """
        self._document = pdfium.FPDF_LoadDocument(path + b"\0", None if password is None else password + b"\0")
        if not self._document:
            raise PdfiumRefusal(int(pdfium.FPDF_GetLastError()))
        self.pages: int = max(0, pdfium.FPDF_GetPageCount(self._document))
        self._form: object = None
        self._form_calls: object = None
        self._headings = HeadingFinder()
        self._table_headers = TableHeaders()

    def close(self) -> None:
        if self._form:
            pdfium.FPDFDOC_ExitFormFillEnvironment(self._form)
        pdfium.FPDF_CloseDocument(self._document)

    def has_page(self, page: int) -> bool:
        """Whether PDFium finds the page; its content is not looked at."""
        return bool(pdfium.FPDF_GetPageSizeByIndexF(self._document, page - 1, pdfium.FS_SIZEF()))

    def label(self, page: int) -> str:
        """The label printed on the page ("iv"), or its number."""
        length = pdfium.FPDF_GetPageLabel(self._document, page - 1, None, 0)
        if length <= 2:
            return str(page)
        buffer = ctypes.create_string_buffer(length)
        pdfium.FPDF_GetPageLabel(self._document, page - 1, buffer, length)
        label = buffer.raw[: length - 2].decode("utf-16-le", "replace")
        return clean(label).strip()[:64] or str(page)

    def size(self, page: int) -> PageSize:
        """Width and height as displayed, in points; A4 where the page states no usable size."""
        size = pdfium.FS_SIZEF()
        found = pdfium.FPDF_GetPageSizeByIndexF(self._document, page - 1, size)
        width, height = usable_size(size.width, size.height) if found else A4
        return PageSize(width=width, height=height, label=self.label(page))

    @cached_property
    def _outline(self) -> list[OutlineEntry]:
        return pdfium_outline(self._document, self.pages)

    def outline(self) -> list[OutlineEntry]:
        """The bookmarks that lead to a page."""
        return list(self._outline)

    def metadata(self) -> Metadata:
        """Title and author of the document information dictionary (ISO 32000-2, 14.3.3)."""
        return Metadata(title=self._information(b"Title"), author=self._information(b"Author"))

    def _information(self, key: bytes) -> str:
        length = pdfium.FPDF_GetMetaText(self._document, key, None, 0)
        if not 2 < length <= 1 << 20:
            return ""
        buffer = ctypes.create_string_buffer(length)
        pdfium.FPDF_GetMetaText(self._document, key, buffer, length)
        return usable_title(buffer.raw[: length - 2].decode("utf-16-le", "replace"))

    def content(self, page: int) -> Content:
        """The page's text, its tables, and where there are no bookmarks its headings. Raises as :meth:`text` does."""
        with self._text_page(page) as (_, text_page):
            text = _text(text_page)
            if len(text) > MAX_TYPE_CHARACTERS:
                return Content(text)
            page_type = TypePage(text_page, text, _index_of(text_page, text))
            tables = find_tables(text, page_type)
            inside = [(table.rows[0][0], sum(table.rows[-1])) for table in tables]
            headings = [] if self._outline else self._headings.find(text, page_type, inside)
            return Content(text, headings, self._table_headers.tables(page, text, tables))

    def text(self, page: int) -> str:
        """The page's text; lines end with a space and a line feed.

        Raises:
            DocentError: ``pdf_damaged``, ``too_large`` or ``page_out_of_range``.
        """
        with self._text_page(page) as (_, text_page):
            return _text(text_page)

    def boxes(self, page: int, ranges: Sequence[tuple[int, int]]) -> list[list[Box]]:
        """For each ``(start, length)`` of the page's text one box a line. Raises as :meth:`text` does."""
        with self._text_page(page) as (handle, text_page):
            text = _text(text_page)
            pen = _Pen(handle, text_page, text)
            return [line_boxes(pen.glyphs(start, length)) for start, length in ranges]

    def words(self, page: int) -> tuple[str, list[Word]]:
        """The page's text and its words; a word that runs over a line's end is two. Raises as :meth:`text` does."""
        with self._text_page(page) as (handle, text_page):
            text = _text(text_page)
            pen = _Pen(handle, text_page, text)
            return text, [word for run in re.finditer(r"\S+", text) for word in pen.words(run.start(), run.end())]

    def draw(self, page: int, width: int) -> tuple[int, int, bytes]:
        """The page as ``(width, height, PNG)``, at most 6,000 pixels each way; smaller where the PNG grows too big.

        Raises:
            DocentError: ``pdf_damaged`` or ``page_out_of_range``.
        """
        with self._page(page) as handle:
            points = usable_size(pdfium.FPDF_GetPageWidthF(handle), pdfium.FPDF_GetPageHeightF(handle))
            while True:
                across, down = pixel_size(points, width)
                png = _png(across, down, self._rows(handle, across, down))
                if len(png) <= MAX_PNG_BYTES or across <= 600:
                    return across, down, png
                width = across * 2 // 3

    def _rows(self, page: object, width: int, height: int) -> bytearray:
        """The page as PNG scan lines: a filter byte of 0, then RGB. PDFium draws right between the filter bytes."""
        stride = 3 * width + 1
        rows = bytearray(stride * height)
        memory = (ctypes.c_char * len(rows)).from_buffer(rows)  # Holds ``rows`` where it is while PDFium writes.
        first_pixel = ctypes.addressof(memory) + 1
        bitmap = pdfium.FPDFBitmap_CreateEx(width, height, pdfium.FPDFBitmap_BGR, first_pixel, stride)
        if not bitmap:
            raise DocentError(Code.READER_MEMORY)
        flags = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER
        try:
            pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
            pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, flags)
            if form := self._form_environment():
                pdfium.FPDF_FFLDraw(form, bitmap, page, 0, 0, width, height, 0, flags)
                pdfium.FORM_OnBeforeClosePage(page, form)
        finally:
            pdfium.FPDFBitmap_Destroy(bitmap)
        del memory
        return rows

    def _form_environment(self) -> object:
        """What PDFium needs to draw form fields: no script platform, no callback, and no action is ever run."""
        if self._form is None and pdfium.FPDF_GetFormType(self._document) != pdfium.FORMTYPE_NONE:
            self._form_calls = pdfium.FPDF_FORMFILLINFO(version=2)
            self._form = pdfium.FPDFDOC_InitFormFillEnvironment(self._document, self._form_calls)
            if self._form:
                pdfium.FPDF_SetFormFieldHighlightAlpha(self._form, 0)
        return self._form

    @contextmanager
    def _page(self, page: int) -> Iterator[object]:
        if not 1 <= page <= self.pages:
            raise DocentError(Code.PAGE_OUT_OF_RANGE, page=page)
        handle = pdfium.FPDF_LoadPage(self._document, page - 1)
        if not handle:
            raise DocentError(Code.PDF_DAMAGED, page=page)
        try:
            yield handle
        finally:
            pdfium.FPDF_ClosePage(handle)

    @contextmanager
    def _text_page(self, page: int) -> Iterator[tuple[object, object]]:
        with self._page(page) as handle:
            text_page = _load_text(handle)
            if not text_page:
                raise DocentError(Code.PDF_DAMAGED, page=page)
            try:
                yield handle, text_page
            finally:
                pdfium.FPDFText_ClosePage(text_page)


def usable_size(width: float, height: float) -> tuple[float, float]:
    """The size itself, or A4 where it is no size that can be shown."""
    usable = all(math.isfinite(side) and 0.0 < side <= LARGEST_SIDE for side in (width, height))
    return (float(width), float(height)) if usable else A4


def pixel_size(points: tuple[float, float], width: int) -> tuple[int, int]:
    """Pixels of a page that is to be ``width`` wide, its shape kept, at most 6,000 each way and at least 1."""
    width = min(max(1, width), MAX_PIXELS_EACH_WAY)
    height = round(width * points[1] / points[0])
    if height > MAX_PIXELS_EACH_WAY:
        width = round(MAX_PIXELS_EACH_WAY * points[0] / points[1])
        height = MAX_PIXELS_EACH_WAY
    return max(1, width), max(1, height)


# ------------------------------------------------------------------ text and positions


def _load_text(page: object) -> object:
    """The page's text. PDFium reads text that is displayed running down the page last line first; such a page is turned
    upright while its text is taken (tried: the other three directions come in order)."""
    text_page = pdfium.FPDFText_LoadPage(page)
    rotation = pdfium.FPDFPage_GetRotation(page)
    direction = _direction(text_page) if text_page else None
    if direction is None or (direction - rotation) % 4 != 3:
        return text_page
    pdfium.FPDFText_ClosePage(text_page)
    pdfium.FPDFPage_SetRotation(page, direction)
    text_page = pdfium.FPDFText_LoadPage(page)
    pdfium.FPDFPage_SetRotation(page, rotation)
    return text_page


def _direction(text_page: object) -> int | None:
    """Which way most of the text runs on the page as stored: quarter turns against the clock; from a sample."""
    count = pdfium.FPDFText_CountChars(text_page)
    angles = [
        pdfium.FPDFText_GetCharAngle(text_page, index) for index in range(0, count, max(1, count // _DIRECTION_SAMPLE))
    ]
    turns = Counter(round(-angle / (math.pi / 2)) % 4 for angle in angles if angle >= 0)
    return turns.most_common(1)[0][0] if turns else None


def _text(text_page: object) -> str:
    count = pdfium.FPDFText_CountChars(text_page)
    if count > MAX_PAGE_CHARACTERS:
        raise DocentError(Code.TOO_LARGE, limit=f"{MAX_PAGE_CHARACTERS:,} characters a page")
    if count <= 0:
        return ""
    units = (ctypes.c_ushort * (2 * count + 16))()
    written = pdfium.FPDFText_GetText(text_page, 0, count, units)
    raw = bytes(memoryview(units).cast("B")[: 2 * max(0, written - 1)]).decode("utf-16-le", "surrogatepass")

    def is_hyphen(offset: int) -> bool:
        index = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, utf16_offset(raw, offset))
        return bool(index >= 0 and pdfium.FPDFText_IsHyphen(text_page, index) == 1)

    return clean(raw, is_hyphen)


def _index_of(text_page: object, text: str) -> Callable[[int], int]:
    """From an offset in the page's text to PDFium's index. Where the counts agree, the two are taken for the same: it
    spares a call a character, and to be off by one means nothing to a line's place and size."""
    if pdfium.FPDFText_CountChars(text_page) == len(text):
        return int
    far = [match.start() for match in _TWO_UNITS.finditer(text)]
    return lambda offset: int(pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, offset + bisect_left(far, offset)))


class _Pen:
    """Where the characters of one text page are drawn, on the page as displayed."""

    def __init__(self, page: object, text_page: object, text: str) -> None:
        self._text_page = text_page
        self._text = text
        self._frame = _frame(page)
        self._is_turned = bool(pdfium.FPDFPage_GetRotation(page) % 2)
        self._last = (0, 0)

    def glyphs(self, start: int, length: int) -> Iterator[Glyph | None]:
        """One glyph for each visible code point of the range; ``None`` for a line feed."""
        for offset in range(max(0, start), min(start + length, len(self._text))):
            character = self._text[offset]
            if character == "\n":
                yield None
            elif not character.isspace() and (glyph := self._glyph(offset)) is not None:
                yield glyph

    def words(self, start: int, end: int) -> Iterator[Word]:
        """The run of visible characters from ``start`` to ``end``, cut where the line ends."""
        first, run = start, None
        for offset in range(start, end):
            glyph = self._glyph(offset)
            if glyph is None:
                continue
            if run is not None and not on_one_line(run, glyph):
                yield Word(start=first, length=offset - first, box=box(run))
                first, run = offset, glyph
            else:
                run = glyph if run is None else joined(run, glyph)
        if run is not None:
            yield Word(start=first, length=end - first, box=box(run))

    def _glyph(self, offset: int) -> Glyph | None:
        index = pdfium.FPDFText_GetCharIndexFromTextIndex(self._text_page, self._utf16_offset(offset))
        if index < 0:
            return None
        tight = [ctypes.c_double() for _ in range(4)]
        has_tight = pdfium.FPDFText_GetCharBox(self._text_page, index, *tight)
        left, right, bottom, top = (side.value for side in tight)
        loose = pdfium.FS_RECTF()
        # The loose box spans the font's height, so a line is evenly high; both together always cover the ink.
        if pdfium.FPDFText_GetLooseCharBox(self._text_page, index, loose) and loose.left < loose.right:
            if not has_tight or left >= right:
                left, right, bottom, top = loose.left, loose.right, loose.bottom, loose.top
            left, right = min(left, loose.left), max(right, loose.right)
            bottom, top = min(bottom, loose.bottom), max(top, loose.top)
        runs_upright = abs(math.sin(pdfium.FPDFText_GetCharAngle(self._text_page, index))) > 0.7
        return self._frame.apply(left, bottom, right, top, runs_upright != self._is_turned)

    def _utf16_offset(self, offset: int) -> int:
        """As ``page_text.utf16_offset``, going on from the last offset asked for: a page is walked in order."""
        known, units = self._last
        if offset < known:
            known, units = 0, 0
        self._last = (offset, units + utf16_offset(self._text[known:offset], offset - known))
        return self._last[1]


def _frame(page: object) -> Frame:
    """PDFium's own map from page to display, which knows rotation and crop box, sampled at three points."""
    span, pixels = _FRAME_SPAN, _FRAME_PIXELS

    def at(x: float, y: float) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDF_PageToDevice(page, 0, 0, pixels, pixels, 0, x, y, across, down)
        return across.value / pixels, down.value / pixels

    (x0, y0), (x1, y1), (x2, y2) = at(0, 0), at(span, 0), at(0, span)
    return Frame((x1 - x0) / span, (x2 - x0) / span, x0, (y1 - y0) / span, (y2 - y0) / span, y0)


# ------------------------------------------------------------------ images


def _png(width: int, height: int, rows: bytearray) -> bytes:
    """https://www.w3.org/TR/png-3/: 8 bits a channel, RGB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(rows, _PNG_LEVEL)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

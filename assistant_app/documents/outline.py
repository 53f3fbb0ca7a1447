"""The bookmarks of a PDF, read through PDFium.

Through PDFium and not pypdf, because a reader has the file open in PDFium anyway, and pypdf takes longer to open a big
file than PDFium to read it. Both find the same bookmarks.
"""

from __future__ import annotations

import ctypes
import time

import pypdfium2.raw as pdfium

from assistant_app.documents.page_text import usable_title
from assistant_app.documents.reader_protocol import OutlineEntry

MOST_ENTRIES = 10_000
DEEPEST = 32
MOST_SECONDS = 2.0
"""Destinations by name may be slow to look up in a file that was made so. What was read by then is good."""


def pdfium_outline(document: object, pages: int) -> list[OutlineEntry]:
    """The bookmarks that lead to one of the document's ``pages``, in order.

    A bookmark that was met before (chains may loop), or lies too deep, or comes too late, is left out.
    """
    entries: list[OutlineEntry] = []
    met: set[int] = set()
    until = time.monotonic() + MOST_SECONDS
    waiting = [(pdfium.FPDFBookmark_GetFirstChild(document, None), 1)]
    while waiting and len(met) < MOST_ENTRIES and time.monotonic() < until:
        bookmark, level = waiting.pop()
        address = ctypes.cast(bookmark, ctypes.c_void_p).value
        if address is None or address in met:
            continue
        met.add(address)
        waiting.append((pdfium.FPDFBookmark_GetNextSibling(document, bookmark), level))
        if level < DEEPEST:
            waiting.append((pdfium.FPDFBookmark_GetFirstChild(document, bookmark), level + 1))
        page = pdfium.FPDFDest_GetDestPageIndex(document, _destination(document, bookmark)) + 1
        title = _title(bookmark)
        if title and 1 <= page <= pages:
            entries.append(OutlineEntry(title=title, level=level, page=page))
    return entries


def _destination(document: object, bookmark: object) -> object:
    """Where it leads inside the document: nothing is launched or followed."""
    return pdfium.FPDFBookmark_GetDest(document, bookmark)


def _title(bookmark: object) -> str:
    length = pdfium.FPDFBookmark_GetTitle(bookmark, None, 0)
    if not 2 < length <= 1 << 20:
        return ""
    buffer = ctypes.create_string_buffer(length)
    pdfium.FPDFBookmark_GetTitle(bookmark, buffer, length)
    return usable_title(buffer.raw[: length - 2].decode("utf-16-le", "replace"))

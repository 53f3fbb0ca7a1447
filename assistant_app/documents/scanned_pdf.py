"""A PDF as PDFium opens it, which also tells the pages that are pictures: those that text recognition is for."""

from __future__ import annotations

import ctypes

import pypdfium2.raw as pdfium

from assistant_app.documents.pdf import PdfiumDocument

FEW_CHARACTERS = 20
"""A page with no more than this (a stamp, a number) counts as a picture if pictures cover it."""

_COVERED = 0.5
_MOST_OBJECTS = 10_000
_PICTURES = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM)


class ScannedPdf(PdfiumDocument):
    def is_picture(self, page: int, text: str) -> bool:
        """Whether the page shows something that its ``text`` does not hold.

        Without text that is any drawing at all (text may be drawn as outlines); with a few characters it takes pictures
        that cover half of the page.

        Raises:
            DocentError: ``pdf_damaged`` or ``page_out_of_range``.
        """
        characters = sum(not character.isspace() for character in text)
        if characters > FEW_CHARACTERS:
            return False
        with self._page(page) as handle:
            if not characters:
                return bool(pdfium.FPDFPage_CountObjects(handle) > 0 or pdfium.FPDFPage_GetAnnotCount(handle) > 0)
            return _covered_by_pictures(handle) >= _COVERED


def _covered_by_pictures(page: object) -> float:
    """The area of all pictures as a part of the page's; scanners cut pages into strips, so they are added up."""
    visible = pdfium.FS_RECTF()
    if not pdfium.FPDF_GetPageBoundingBox(page, visible):
        return 0.0
    whole = (visible.right - visible.left) * (visible.top - visible.bottom)
    covered = 0.0
    for index in range(min(pdfium.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        thing = pdfium.FPDFPage_GetObject(page, index)
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        if pdfium.FPDFPageObj_GetType(thing) in _PICTURES and pdfium.FPDFPageObj_GetBounds(
            thing, left, bottom, right, top
        ):
            width = min(right.value, visible.right) - max(left.value, visible.left)
            height = min(top.value, visible.top) - max(bottom.value, visible.bottom)
            covered += max(0.0, width) * max(0.0, height)
    return covered / whole if whole > 0 else 0.0

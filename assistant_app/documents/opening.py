"""Decides what a file is and opens it. Only used inside a reader process.

A PDF is opened by PDFium first, and by pypdf where PDFium refuses; every other kind by the one module for it.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable

import pypdfium2.raw as pdfium

from assistant_app.documents.document import Document
from assistant_app.documents.kinds import kind_of
from assistant_app.documents.pdf import PdfiumRefusal
from assistant_app.documents.scanned_pdf import ScannedPdf
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Kind

MAX_PAGES = 20_000
MAX_BYTES = 4 * 1024**3


def _docx(path: str) -> Document:
    from assistant_app.documents.word_document import WordDocument

    return WordDocument(path)


def _pptx(path: str) -> Document:
    from assistant_app.documents.slides_document import SlidesDocument

    return SlidesDocument(path)


def _epub(path: str) -> Document:
    from assistant_app.documents.epub_document import EpubDocument

    return EpubDocument(path)


def _html(path: str) -> Document:
    from assistant_app.documents.html_document import HtmlDocument

    return HtmlDocument(path)


def _markdown(path: str) -> Document:
    from assistant_app.documents.markdown_document import MarkdownDocument

    return MarkdownDocument(path)


def _text(path: str) -> Document:
    from assistant_app.documents.text_document import TextDocument

    return TextDocument(path)


_OPENERS: dict[Kind, Callable[[str], Document]] = {
    "docx": _docx,
    "pptx": _pptx,
    "epub": _epub,
    "html": _html,
    "markdown": _markdown,
    "text": _text,
}
"""Every kind but PDF. Their modules are imported when the first such file comes: a reader has to start quickly."""


def file_stamp(path: str) -> str:
    """What changes when the file at ``path`` is changed or replaced.

    Raises:
        DocentError: ``file_missing``, ``file_unreadable``, ``file_empty``, ``not_a_pdf`` (a folder, a device) or
            ``too_large``.
    """
    try:
        status = os.stat(path)
    except PermissionError as error:
        raise DocentError(Code.FILE_UNREADABLE) from error
    except (OSError, ValueError) as error:
        raise DocentError(Code.FILE_MISSING) from error
    if not stat.S_ISREG(status.st_mode):
        raise DocentError(Code.NOT_A_PDF)
    if status.st_size == 0:
        raise DocentError(Code.FILE_EMPTY)
    if status.st_size > MAX_BYTES:
        raise DocentError(Code.TOO_LARGE, limit=f"{MAX_BYTES // 1024**3} GiB")
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"


def open_document(path: str, password: str | None) -> Document:
    """Open a regular file, by its content, whatever its name says.

    Raises:
        DocentError: ``file_missing``, ``file_unreadable``, ``not_a_pdf``: no document at all, ``pdf_damaged``,
            ``document_damaged``, ``pdf_without_pages``, ``password_needed``, ``password_wrong``,
            ``encryption_unsupported`` or ``too_large``.
    """
    kind = kind_of(path)
    opener = _OPENERS.get(kind) if kind else None
    document = opener(path) if opener else _open_pdf(path, password, says_pdf=kind == "pdf")
    if document.pages > MAX_PAGES:
        document.close()
        raise DocentError(Code.TOO_LARGE, limit=f"{MAX_PAGES:,} pages")
    return document


def _open_pdf(path: str, password: str | None, *, says_pdf: bool) -> Document:
    """Files that do not even say that they are PDFs are tried too: their beginning may be what is damaged."""
    refusal = 0
    first: ScannedPdf | None = None
    try:
        first = _open_with_pdfium(path, password)
    except PdfiumRefusal as error:
        refusal = error.error
    if refusal == pdfium.FPDF_ERR_PASSWORD:
        raise DocentError(Code.PASSWORD_WRONG if password else Code.PASSWORD_NEEDED)
    document: Document
    if first is not None and first.has_page(1):
        document = first
    else:
        document = _open_with_pypdf(path, password, first, says_pdf, refusal)
    if document.pages == 0:
        document.close()
        raise DocentError(Code.PDF_WITHOUT_PAGES if says_pdf else Code.NOT_A_PDF)
    return document


def _open_with_pdfium(path: str, password: str | None) -> ScannedPdf:
    """The first form of the password that opens the file; raises the refusal of the last one."""
    *others, last = password_forms(password)
    for form in others:
        try:
            return ScannedPdf(os.fsencode(path), form)
        except PdfiumRefusal as refusal:
            if refusal.error != pdfium.FPDF_ERR_PASSWORD:
                raise
    return ScannedPdf(os.fsencode(path), last)


def password_forms(password: str | None) -> list[bytes | None]:
    """The bytes that a program may have made of a password: UTF-8 (as typed, and normalised), and Latin-1."""
    if not password:
        return [None]
    spellings = (password, unicodedata.normalize("NFKC", password))
    forms: dict[bytes | None, None] = {spelling.encode("utf-8", "replace"): None for spelling in spellings}
    for spelling in spellings:
        try:
            forms[spelling.encode("latin-1")] = None
        except UnicodeEncodeError:
            continue
    return list(forms)


def _open_with_pypdf(
    path: str, password: str | None, found: ScannedPdf | None, says_pdf: bool, refusal: int
) -> Document:
    """pypdf's document where it has pages, else what PDFium ``found``; else the error that fits both."""
    # Imported here: few files need it, and every reader process would pay for it.
    from assistant_app.documents.pypdf_document import PypdfDocument

    try:
        second = PypdfDocument(path, password)
        if second.pages > 0:
            if found is not None:
                found.close()
            return second
        if found is None and not says_pdf:
            raise DocentError(Code.NOT_A_PDF)
        return found if found is not None else second
    except DocentError as error:
        if found is not None:
            return found
        if error.code == Code.PDF_DAMAGED and refusal == pdfium.FPDF_ERR_SECURITY:
            raise DocentError(Code.ENCRYPTION_UNSUPPORTED) from error
        if error.code == Code.PDF_DAMAGED and not says_pdf:
            raise DocentError(Code.NOT_A_PDF) from error
        raise

"""pypdf, the second reader of a PDF: for files that PDFium refuses. Text only: no positions and no page images."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import pypdf
import pypdf.errors

from assistant_app.documents.document import Content
from assistant_app.documents.page_text import clean
from assistant_app.documents.pdf import A4, MAX_PAGE_CHARACTERS, usable_size
from assistant_app.documents.reader_protocol import OutlineEntry
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Box, Kind, PageSize, Word


class PypdfDocument:
    """An open PDF with the same methods as ``PdfiumDocument``."""

    kind: Kind = "pdf"
    paged = True
    has_boxes = False

    def __init__(self, path: str, password: str | None) -> None:
        """
        Raises:
            DocentError: ``pdf_damaged``, ``password_needed``, ``password_wrong`` or ``encryption_unsupported``.
        """
        logging.getLogger("pypdf").disabled = True
        warnings.simplefilter("ignore")
        try:
            self._reader = pypdf.PdfReader(path)
            if self._reader.is_encrypted and not self._reader.decrypt(password or ""):
                raise DocentError(Code.PASSWORD_WRONG if password else Code.PASSWORD_NEEDED)
            self.pages = len(self._reader.pages)
            self._labels = self._read_labels()
        except (pypdf.errors.DependencyError, NotImplementedError) as error:
            raise DocentError(Code.ENCRYPTION_UNSUPPORTED) from error
        except (DocentError, MemoryError, OSError):
            raise
        except Exception as error:  # A damaged file makes pypdf raise whatever its parser happened to be doing.
            raise DocentError(Code.PDF_DAMAGED) from error

    def close(self) -> None:
        self._reader.close()

    def _read_labels(self) -> list[str]:
        try:
            return [clean(label).strip()[:64] for label in self._reader.page_labels]
        except Exception:  # As above; and the numbers are good labels.
            return []

    def label(self, page: int) -> str:
        """The label printed on the page, or its number."""
        return (self._labels[page - 1] if page <= len(self._labels) else "") or str(page)

    def size(self, page: int) -> PageSize:
        """As in ``PdfiumDocument``."""
        try:
            box = self._page(page).cropbox
            turned = self._page(page).rotation % 180 != 0
            width, height = usable_size(float(box.width), float(box.height))
        except Exception:  # As above.
            turned, (width, height) = False, A4
        if turned:
            width, height = height, width
        return PageSize(width=width, height=height, label=self.label(page))

    def outline(self) -> list[OutlineEntry]:
        """The bookmarks."""
        return []

    def content(self, page: int) -> Content:
        """The page's text. Raises as :meth:`text` does."""
        return Content(self.text(page))

    def text(self, page: int) -> str:
        """The page's text. Raises ``pdf_damaged``, ``too_large`` or ``page_out_of_range``."""
        handle = self._page(page)
        try:
            text = clean(handle.extract_text())
        except MemoryError:
            raise
        except Exception as error:  # As above.
            raise DocentError(Code.PDF_DAMAGED, page=page) from error
        if len(text) > MAX_PAGE_CHARACTERS:
            raise DocentError(Code.TOO_LARGE, limit=f"{MAX_PAGE_CHARACTERS:,} characters a page")
        return text

    def boxes(self, page: int, ranges: Sequence[tuple[int, int]]) -> list[list[Box]]:
        """Nothing is known of positions: an empty list for each range."""
        return [[] for _ in ranges]

    def words(self, page: int) -> tuple[str, list[Word]]:
        """The text, and no words, because a word is a place."""
        return self.text(page), []

    def draw(self, page: int, width: int) -> tuple[int, int, bytes]:
        """
        Raises:
            DocentError: always ``pdf_damaged``: only PDFium draws.
        """
        raise DocentError(Code.PDF_DAMAGED, page=page)

    def _page(self, page: int) -> pypdf.PageObject:
        if not 1 <= page <= self.pages:
            raise DocentError(Code.PAGE_OUT_OF_RANGE, page=page)
        try:
            return self._reader.pages[page - 1]
        except MemoryError:
            raise
        except Exception as error:  # As above.
            raise DocentError(Code.PDF_DAMAGED, page=page) from error

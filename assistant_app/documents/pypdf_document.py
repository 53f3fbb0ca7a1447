"""pypdf, the second reader of a PDF: for files that PDFium refuses. Text only: no positions and no page images."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import pypdf
import pypdf.errors
from pypdf.generic import ArrayObject, Destination, DictionaryObject, IndirectObject

from assistant_app.documents.document import Content
from assistant_app.documents.outline import DEEPEST, MOST_ENTRIES, MOST_SECONDS
from assistant_app.documents.page_text import clean, usable_title
from assistant_app.documents.pdf import A4, MAX_PAGE_CHARACTERS, usable_size
from assistant_app.documents.reader_protocol import Metadata, OutlineEntry
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
        """The bookmarks that lead to a page; as many of them as can be read."""
        entries: list[OutlineEntry] = []
        try:
            for entry in self._bookmarks():
                entries.append(entry)
        except MemoryError:
            raise
        except Exception:  # As above; and the text is good without bookmarks, or with some of them.
            return entries
        return entries

    def metadata(self) -> Metadata:
        """Title and author of the document information dictionary; what cannot be read of it is ""."""
        try:
            found = self._reader.metadata
            title, author = (found.title, found.author) if found is not None else ("", "")
            return Metadata(title=usable_title(str(title or "")), author=usable_title(str(author or "")))
        except MemoryError:
            raise
        except Exception:  # As above.
            return Metadata()

    def _bookmarks(self) -> Iterator[OutlineEntry]:
        """Not by pypdf's own ``outline``: it has no bound, and fails as a whole where one bookmark is damaged."""
        references = (page.indirect_reference for page in self._reader.pages)
        pages = {reference.idnum: number for number, reference in enumerate(references, start=1) if reference}
        waiting = [(_raw(_held(self._reader.root_object, "/Outlines"), "/First"), 1)]
        met: set[int] = set()
        until = time.monotonic() + MOST_SECONDS
        while waiting and len(met) < MOST_ENTRIES and time.monotonic() < until:
            reference, level = waiting.pop()
            if not isinstance(reference, IndirectObject) or reference.idnum in met:
                continue
            met.add(reference.idnum)
            bookmark = reference.get_object()
            if not isinstance(bookmark, DictionaryObject):
                continue
            waiting.append((_raw(bookmark, "/Next"), level))
            if level < DEEPEST:
                waiting.append((_raw(bookmark, "/First"), level + 1))
            title = usable_title(str(_held(bookmark, "/Title") or ""))
            page = pages.get(self._target(bookmark))
            if title and page is not None:
                yield OutlineEntry(title=title, level=level, page=page)

    def _target(self, bookmark: DictionaryObject) -> int:
        """The object number of the page that a bookmark leads to; 0 where it leads to none."""
        action = _held(bookmark, "/A")
        place = _held(bookmark, "/Dest")
        if place is None and _held(action, "/S") == "/GoTo":
            place = _held(action, "/D")
        if isinstance(place, str):
            named = self._named.get(place)
            target = None if named is None else named.raw_get("/Page")
        else:
            target = place[0] if isinstance(place, ArrayObject) and place else None
        return target.idnum if isinstance(target, IndirectObject) else 0

    @cached_property
    def _named(self) -> dict[str, Destination]:
        return self._reader.named_destinations

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


def _raw(dictionary: Any, key: str) -> Any:
    """The entry itself and not what it refers to; ``None`` where there is none."""
    return dictionary.raw_get(key) if isinstance(dictionary, DictionaryObject) and key in dictionary else None


def _held(dictionary: Any, key: str) -> Any:
    """What the entry holds or refers to."""
    entry = _raw(dictionary, key)
    return entry.get_object() if isinstance(entry, IndirectObject) else entry

"""The readers of an engine: one process for indexing and one for viewing, replaced when they die or must be killed.

This is the only door to a document's content. Every failure is a ``DocentError`` whose details name the path.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

from assistant_app.documents import reader_protocol as protocol
from assistant_app.documents.reader_process import ReaderProcess
from assistant_app.documents.reader_protocol import PageText
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Box, Match, PageSize, Word

__all__ = ["PageText", "ReaderPool"]

MEMORY_BYTES = 2 * 1024**3
PAGE_SECONDS = 20.0
RECOGNITION_SECONDS = 60.0
FILE_SECONDS = 30 * 60.0
FILE_RECOGNITION_SECONDS = 12 * 3600.0
MAX_KILLS = 3
MAX_MATCHES = 5_000
FILES_PER_READER = 200
"""An indexing reader is replaced after so many files: what their parsing left behind must not pile up."""

_FIND_PAGES = 64
_FATAL = (Code.READER_TIMEOUT, Code.READER_MEMORY, Code.READER_CRASHED)

AnswerType = TypeVar("AnswerType", bound=protocol.Line)


def _never() -> bool:
    return False


class ReaderPool:
    """Reads, draws and searches documents in limited processes. Thread-safe.

    Indexing (:meth:`read`) and viewing (everything else) do not wait for each other.
    """

    def __init__(
        self,
        *,
        memory_bytes: int = MEMORY_BYTES,
        page_seconds: float = PAGE_SECONDS,
        recognition_seconds: float = RECOGNITION_SECONDS,
        file_seconds: float = FILE_SECONDS,
    ) -> None:
        """No process is started yet.

        Args:
            memory_bytes: address space a reader may have (not on Windows).
            page_seconds: how long a reader may take for opening a file, and then for each page.
            recognition_seconds: how long it may take for a page that is read by text recognition (OCR).
            file_seconds: how long a caller may wait for all pages of a file together; text recognition, which honest
                files of many pages need for hours, has :data:`FILE_RECOGNITION_SECONDS` beside it.
        """
        self._memory_bytes = memory_bytes
        self._page_seconds = page_seconds
        self._recognition_seconds = recognition_seconds
        self._file_seconds = file_seconds
        self._lock = threading.Lock()
        self._viewing_lock = threading.Lock()
        self._viewer: ReaderProcess | None = None
        self._idle_indexer: ReaderProcess | None = None
        self._running: set[ReaderProcess] = set()
        self._closed = False

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ indexing

    def read(self, path: str, password: str | None = None, *, ocr: bool = True) -> Generator[PageText, None, None]:
        """The text of every page, in order; the reader runs ahead of the caller. The first page carries the outline.

        A page that kills its reader, or is killed at its deadline, is yielded with its ``error``. Closing the iterator
        early ends the reading.

        Raises:
            DocentError: for the whole file, also after the first pages: what is wrong with it, or ``reader_timeout``,
                ``reader_memory`` or ``reader_crashed`` where :data:`MAX_KILLS` of its pages ended a reader;
                ``reader_timeout`` also where the file as a whole takes too long.
        """
        budget = _Budget(self._file_seconds, FILE_RECOGNITION_SECONDS)
        with _naming(path):
            first, total, stamp = 1, 0, ""
            started = protocol.ReadStarted(pages=0, stamp="")
            for kills in range(1, MAX_KILLS + 1):
                try:
                    with contextlib.closing(self._read_from(path, password, first, ocr, budget)) as answers:
                        for answer in answers:
                            if isinstance(answer, PageText):
                                first = answer.page + 1
                                yield _with_start(answer, started)
                            elif stamp not in ("", answer.stamp):
                                raise DocentError(Code.FILE_VANISHED)
                            else:
                                total, stamp = answer.pages, answer.stamp
                                started = answer if first == 1 else started
                    return
                except DocentError as error:
                    budget.check()
                    if error.code not in _FATAL or not total or kills == MAX_KILLS:
                        raise
                    lost = PageText(page=first, label=str(first), text="", pages=total, error=error.code.value)
                    yield _with_start(lost, started)
                    first += 1
                    if first > total:
                        return

    def _read_from(
        self, path: str, password: str | None, first: int, ocr: bool, budget: _Budget
    ) -> Generator[protocol.ReadStarted | PageText, None, None]:
        reader = self._take_indexer()
        well_behaved = False
        try:
            reader.send(protocol.Read(path=path, password=password, first=first, ocr=ocr))
            while True:
                answer = budget.answer(reader, self._page_seconds)
                if isinstance(answer, protocol.Recognising):
                    answer = budget.answer(reader, self._recognition_seconds, recognising=True)
                if not isinstance(answer, protocol.ReadStarted | PageText):
                    break
                yield answer
            well_behaved = isinstance(answer, protocol.ReadDone)
            if not well_behaved:
                raise DocentError(Code.READER_CRASHED)
        except DocentError as error:
            well_behaved = error.code not in _FATAL
            raise
        finally:
            self._put_back(reader, well_behaved)

    def _take_indexer(self) -> ReaderProcess:
        with self._lock:
            reader, self._idle_indexer = self._idle_indexer, None
        if reader is not None and not reader.is_alive:
            self._discard(reader)
            reader = None
        return reader or self._start(background=True)

    def _put_back(self, reader: ReaderProcess, well_behaved: bool) -> None:
        with self._lock:
            keep = well_behaved and self._idle_indexer is None and reader.requests < FILES_PER_READER
            if keep:
                self._idle_indexer = reader
        if not keep:
            self._discard(reader)

    # ------------------------------------------------------------ viewing

    # ``cancelled`` is asked while a request takes long; once it says yes the request ends with ``cancelled``.

    def open(
        self, path: str, password: str | None = None, cancelled: Callable[[], bool] = _never
    ) -> tuple[list[PageSize], bool]:
        """Sizes and labels of all pages, and whether the text has positions (boxes)."""
        opened = self._view(protocol.Open(path=path, password=password), protocol.Opened, cancelled)
        return opened.pages, opened.boxes

    def draw(
        self, path: str, page: int, width: int, password: str | None = None, cancelled: Callable[[], bool] = _never
    ) -> tuple[int, int, bytes]:
        """A page as ``(width, height, PNG)`` in pixels; at most 6,000 each way, so it may be less wide than asked."""
        request = protocol.Draw(path=path, password=password, page=page, width=width)
        drawn = self._view(request, protocol.Drawn, cancelled)
        return drawn.width, drawn.height, drawn.png

    def locate(self, path: str, page: int, start: int, length: int, password: str | None = None) -> list[Box]:
        """One box a line for ``length`` code points from ``start`` of the page's text; none without positions."""
        request = protocol.Locate(path=path, password=password, page=page, start=start, length=length)
        return self._view(request, protocol.Located).boxes

    def words(
        self, path: str, page: int, password: str | None = None, cancelled: Callable[[], bool] = _never
    ) -> tuple[str, list[Word]]:
        """A page's text and where its words are; no words without positions."""
        request = protocol.ListWords(path=path, password=password, page=page)
        listed = self._view(request, protocol.WordsListed, cancelled)
        return listed.text, listed.words

    def find(self, path: str, text: str, password: str | None = None) -> Iterator[tuple[int, int, list[Match]]]:
        """Search page after page: ``(pages done, pages in all, matches on the pages since)``.

        Other viewing requests get their turn in between. Ends early, with pages left, after :data:`MAX_MATCHES`. A page
        that ends its reader is passed over; closing the iterator ends the search.

        Raises:
            DocentError: as :meth:`read`.
        """
        with _naming(path):
            page, most, kills, count, total = 1, _FIND_PAGES, 0, 0, 0
            while (page <= total or not total) and count < MAX_MATCHES:
                try:
                    request = protocol.Find(path=path, password=password, text=text, first=page, most=most)
                    found = self._view(request, protocol.Found)
                except DocentError as error:
                    kills += 1
                    if error.code not in _FATAL or not total or kills >= MAX_KILLS:
                        raise
                    # Go on page by page: the one that fails alone is passed over.
                    page, most = (page + 1, _FIND_PAGES) if most == 1 else (page, 1)
                    continue
                page, total, count = found.next_page, found.pages, count + len(found.matches)
                yield page - 1, total, found.matches

    def _view(
        self, request: protocol.AnyRequest, expected: type[AnswerType], cancelled: Callable[[], bool] = _never
    ) -> AnswerType:
        with _naming(request.path), self._viewing_lock:
            if self._viewer is not None and not self._viewer.is_alive:
                self._discard(self._viewer)
                self._viewer = None
            if self._viewer is None:
                self._viewer = self._start()
            try:
                self._viewer.send(request)
                answer = self._viewer.answer(self._page_seconds, cancelled)
                if not isinstance(answer, expected):
                    raise DocentError(Code.READER_CRASHED)
                return answer
            except DocentError as error:
                if error.code in (*_FATAL, Code.CANCELLED):
                    self._discard(self._viewer)
                    self._viewer = None
                raise

    # ------------------------------------------------------------ processes

    def close(self) -> None:
        """End every reader; what is still asked of one fails with ``cancelled``. A closed pool starts no more."""
        with self._lock:
            self._closed = True
            readers = list(self._running)
            self._running.clear()
        for reader in readers:
            reader.kill()

    def _start(self, *, background: bool = False) -> ReaderProcess:
        reader = ReaderProcess(self._memory_bytes, background=background)
        with self._lock:
            if not self._closed:
                self._running.add(reader)
                return reader
        reader.kill()
        raise DocentError(Code.CANCELLED)

    def _discard(self, reader: ReaderProcess) -> None:
        with self._lock:
            self._running.discard(reader)
        reader.kill()


class _Budget:
    """How long a caller may wait for a file. While the caller does not wait (a pause, say), no time is counted."""

    def __init__(self, seconds: float, recognition_seconds: float) -> None:
        self._limits = {False: seconds, True: recognition_seconds}
        self._spent = {False: 0.0, True: 0.0}

    def answer(self, reader: ReaderProcess, seconds: float, *, recognising: bool = False) -> protocol.Answer:
        """As ``ReaderProcess.answer``; not longer than what is left for the file."""
        left = self._limits[recognising] - self._spent[recognising]
        began = time.monotonic()
        try:
            return reader.answer(max(0.0, min(seconds, left)))
        finally:
            self._spent[recognising] += time.monotonic() - began

    def check(self) -> None:
        """Raises ``reader_timeout`` when no time is left."""
        for kind, limit in self._limits.items():
            if self._spent[kind] >= limit:
                raise DocentError(Code.READER_TIMEOUT, seconds=round(limit, 1))


def _with_start(page: PageText, started: protocol.ReadStarted) -> PageText:
    outline = started.outline if page.page == 1 else []
    return msgspec.structs.replace(
        page, kind=started.kind, paged=started.paged, outline=outline, metadata=started.metadata
    )


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Put the path into every error; refuse one that cannot be written as JSON."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        readable = str(Path(path)).encode("utf-8", "replace").decode()
        raise DocentError(Code.FILE_NAME_UNSUPPORTED, path=readable) from error
    try:
        yield
    except DocentError as error:
        error.details.setdefault("path", path)
        raise

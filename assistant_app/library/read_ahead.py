"""Files are read in a thread, ahead of those who embed them: also the next file, while the one before is embedded."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from types import TracebackType
from typing import NamedTuple

from assistant_app.documents.reader_pool import PageText, ReaderPool
from assistant_app.errors import Code, DocentError

PAGES_AHEAD = 200
"""Pages that reading may be ahead of embedding, over all files."""
LAST_PAGE = 1.0
"""Seconds that a job waits for its reading thread. One that is in the middle of a slow page ends after that page."""
_LOOK_SECONDS = 0.1


class Look(NamedTuple):
    """What a file was when it was looked at, before its reading began."""

    stat: os.stat_result
    content_hash: str


class _End(NamedTuple):
    error: BaseException | None


_Item = tuple[int, Look | PageText | _End]


class ReadAhead:
    """Reads ``paths`` one after the other, in a thread of its own that ends with the ``with`` block.

    For each path, in order: :meth:`look`, then :meth:`pages` (or not, where they are not wanted).
    """

    def __init__(
        self,
        readers: ReaderPool,
        paths: Sequence[str],
        password: Callable[[str], str | None],
        wanted: Callable[[str, Look], bool],
        cancelled: Callable[[], bool],
        *,
        ocr: bool = True,
    ) -> None:
        """
        Args:
            password: gives the password of a path, if one is known.
            wanted: asked in the thread, whether the pages of a file that looks so are wanted.
            cancelled: asked while waiting.
        """
        self._readers = readers
        self._paths = paths
        self._password = password
        self._wanted = wanted
        self._cancelled = cancelled
        self._ocr = ocr
        self._ahead: queue.Queue[_Item] = queue.Queue(PAGES_AHEAD)
        self._stop = threading.Event()
        self._unwanted: set[int] = set()
        self._thread = threading.Thread(target=self._read_all, name="read-ahead", daemon=True)

    def __enter__(self) -> ReadAhead:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(LAST_PAGE)

    # ------------------------------------------------------------ for the job

    def look(self, number: int) -> Look:
        """What file ``number`` is.

        Raises:
            OSError, DocentError: it cannot be looked at; or ``cancelled``.
        """
        item = self._next(number)
        if isinstance(item, _End):
            raise item.error or AssertionError("a file ends with its error or after its pages")
        assert isinstance(item, Look)
        return item

    def pages(self, number: int) -> Iterator[PageText]:
        """Its pages, in order. Whoever stops early calls :meth:`skip`.

        Raises:
            OSError, DocentError: what ended its reading; or ``cancelled``.
        """
        while True:
            item = self._next(number)
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            assert isinstance(item, PageText)
            yield item

    def skip(self, number: int) -> None:
        """Nobody wants the (other) pages of this file."""
        self._unwanted.add(number)

    def _next(self, number: int) -> Look | PageText | _End:
        while True:
            if self._cancelled():
                raise DocentError(Code.CANCELLED)
            try:
                of, item = self._ahead.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if of == number:
                return item

    # ------------------------------------------------------------ in the thread

    def _read_all(self) -> None:
        for number, path in enumerate(self._paths):
            try:
                go_on = self._read(number, path)
            except BaseException as error:  # handed to the thread that waits, which raises it
                go_on = self._offer(number, _End(error))
            if not go_on:
                return

    def _read(self, number: int, path: str) -> bool:
        look = Look(os.stat(path), content_hash(path))
        if not self._offer(number, look):
            return False
        if self._wanted(path, look):
            with closing(self._readers.read(path, self._password(path), ocr=self._ocr)) as pages:
                for page in pages:
                    if number in self._unwanted:
                        break
                    if not self._offer(number, page):
                        return False
        return self._offer(number, _End(None))

    def _offer(self, number: int, item: Look | PageText | _End) -> bool:
        while not self._stop.is_set():
            try:
                self._ahead.put((number, item), timeout=_LOOK_SECONDS)
                return True
            except queue.Full:
                continue
        return False


def content_hash(path: str) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

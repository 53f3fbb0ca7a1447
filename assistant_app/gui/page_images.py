"""The images of a document's pages: asked of the engine, decoded beside the event loop, kept within a bound."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QTimer, Signal
from PySide6.QtGui import QImage, QImageReader

from assistant_app.errors import Code
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages

CACHE_BYTES = 40_000_000
"""Of pixels. Pages on the screen are kept beyond it."""

LARGEST_IMAGE = 8_000_000
"""Pixels. A page that would take more is drawn smaller and shown enlarged."""

PASSING = (Code.CANCELLED, Code.ENGINE_DIED, Code.ENGINE_MISSPOKE)
"""Failures that say nothing about the page."""

_IN_FLIGHT = 2
_FETCH_MS = 8


class PageImages(QObject):
    """Images of the pages that are wanted now, the most wanted first."""

    arrived = Signal(int)
    """The image of a page is here, or the reason why there is none."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._path = ""
        self._images: dict[int, tuple[int, QImage]] = {}
        self._failures: dict[int, Failure] = {}
        self._wanted: dict[int, int] = {}
        self._jobs: dict[int, tuple[int, Job]] = {}
        self._decoding: dict[int, tuple[int, Future[QImage]]] = {}
        # The decoder's thread never touches this object, which may be deleted meanwhile: its results are fetched.
        self._fetching = QTimer(self, interval=_FETCH_MS)
        self._fetching.timeout.connect(self._fetch)
        self._decoder = decoder = ThreadPoolExecutor(1, "page-decoder")
        self.destroyed.connect(lambda *_: decoder.shutdown(wait=False, cancel_futures=True))

    def set_document(self, path: str, *, keep_images: bool = False) -> None:
        """Start with the document at ``path``: forget what is under way, failures, and (unless told) all images."""
        for _, job in self._jobs.values():
            job.cancel()
        self._jobs.clear()
        self._decoding.clear()
        self._wanted.clear()
        self._failures.clear()
        if not keep_images:
            self._images.clear()
        self._path = path

    @property
    def bytes_kept(self) -> int:
        return sum(image.sizeInBytes() for _, image in self._images.values())

    def image(self, page: int) -> QImage | None:
        """The page's latest image, which may be of another width than the one wanted."""
        kept = self._images.get(page)
        return kept[1] if kept else None

    def is_sharp(self, page: int) -> bool:
        """Whether the image is of the width that is wanted."""
        kept = self._images.get(page)
        return kept is not None and kept[0] == self._wanted.get(page)

    def failure(self, page: int) -> Failure | None:
        return self._failures.get(page)

    def want(self, widths: Mapping[int, int]) -> None:
        """Ask for these pages, each so many pixels wide, in this order; what is not among them is called off."""
        self._wanted = dict(widths)
        for page, (width, job) in list(self._jobs.items()):
            if self._wanted.get(page) != width:
                del self._jobs[page]
                job.cancel()
        self._evict()
        self._ask()

    def _evict(self) -> None:
        excess = self.bytes_kept - CACHE_BYTES
        for page in [page for page in self._images if page not in self._wanted]:
            if excess <= 0:
                break
            excess -= self._images.pop(page)[1].sizeInBytes()

    def _ask(self) -> None:
        if not self._link.is_ready:
            return  # Asking would start a dead engine again; whoever shows the document asks when it is back.
        for page, width in self._wanted.items():
            if len(self._jobs) >= _IN_FLIGHT:
                break
            under_way = page in self._jobs or page in self._decoding
            if not under_way and page not in self._failures and not self.is_sharp(page):
                self._request(page, width)

    def _request(self, page: int, width: int) -> None:
        job = self._link.request(messages.DrawPage(path=self._path, page=page, width=width))
        number = job.number
        self._jobs[page] = (width, job)
        job.finished.connect(lambda event: self._on_drawn(page, width, number, event))
        job.failed.connect(lambda failure: self._on_failed(page, number, failure))

    def _is_current(self, page: int, number: int) -> bool:
        return page in self._jobs and self._jobs[page][1].number == number

    def _on_drawn(self, page: int, width: int, number: int, event: messages.Event) -> None:
        if not self._is_current(page, number):
            return
        del self._jobs[page]
        assert isinstance(event, messages.PageDrawn)
        self._decoding[page] = (width, self._decoder.submit(_decoded, event.png))
        self._fetching.start()
        self._ask()

    def _on_failed(self, page: int, number: int, failure: Failure) -> None:
        if not self._is_current(page, number):
            return
        del self._jobs[page]
        if failure.code in PASSING:
            return
        self._failures[page] = failure
        self.arrived.emit(page)
        self._ask()

    def _fetch(self) -> None:
        for page, (width, future) in list(self._decoding.items()):
            if future.done():
                del self._decoding[page]
                self._keep(page, width, future.result())
        if not self._decoding:
            self._fetching.stop()
        self._ask()

    def _keep(self, page: int, width: int, image: QImage) -> None:
        if image.isNull():
            self._failures[page] = Failure(Code.PDF_DAMAGED, {"path": self._path, "page": page})
        else:
            self._images[page] = (width, image)
            self._evict()
        self.arrived.emit(page)


def _decoded(png: bytes) -> QImage:
    """The image; a null one for anything that is not what was asked for. Runs in the decoder's thread.

    QImageReader lets the event loop run meanwhile, QImage.fromData does not (tried).
    """
    buffer = QBuffer()
    buffer.setData(QByteArray(png))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer, QByteArray(b"png"))
    size = reader.size()
    return reader.read() if 0 < size.width() * size.height() <= 2 * LARGEST_IMAGE else QImage()

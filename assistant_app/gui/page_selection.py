"""Selecting text in drawn pages, word by word: the words come from the engine, the mouse says from where to where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QObject, QPointF, Signal

from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages
from assistant_app.protocol.records import Box, Word

_PAGES_KEPT = 24


class Place(NamedTuple):
    """A point on a page, in fractions of its width and height."""

    page: int
    x: float
    y: float


class PageSelection(QObject):
    """The words of the pages looked at, and which of them are selected."""

    changed = Signal()
    """The selection, or the words of a page that it touches."""

    words_arrived = Signal(int)

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._path = ""
        self._read: dict[int, messages.PageRead] = {}
        self._jobs: dict[int, Job] = {}
        self._anchor: Place | None = None
        self._head: Place | None = None

    def set_document(self, path: str) -> None:
        """Forget everything and start with the document at ``path``."""
        for job in self._jobs.values():
            job.cancel()
        self._jobs.clear()
        self._read.clear()
        self._path = path
        self.clear()

    # ------------------------------------------------------------ words

    def page(self, page: int) -> messages.PageRead | None:
        """The page's text and words, if they are here."""
        return self._read.get(page)

    def ask(self, page: int) -> None:
        """Ask the engine for the words of ``page``, once."""
        if page in self._read or page in self._jobs or not self._path or not self._link.is_ready:
            return
        path = self._path
        job = self._jobs[page] = self._link.request(messages.ReadPage(path=path, page=page))
        number = job.number
        job.finished.connect(lambda event: self._on_read(page, number, event))
        job.failed.connect(lambda failure: self._on_failed(page, number, failure))

    def _is_current(self, page: int, number: int) -> bool:
        return page in self._jobs and self._jobs[page].number == number

    def _on_read(self, page: int, number: int, event: messages.Event) -> None:
        if not self._is_current(page, number):
            return
        del self._jobs[page]
        assert isinstance(event, messages.PageRead)
        self._read[page] = event
        for old in list(self._read):
            if len(self._read) <= _PAGES_KEPT:
                break
            if old != page and old not in self.pages:
                del self._read[old]
        self.words_arrived.emit(page)
        if page in self.pages:
            self.changed.emit()

    def _on_failed(self, page: int, number: int, failure: Failure) -> None:
        if self._is_current(page, number):
            del self._jobs[page]

    def word_at(self, place: Place) -> int | None:
        """The index of the word under ``place``, if there is one."""
        read = self._read.get(place.page)
        for index, word in enumerate(read.words if read else ()):
            if _contains(word.box, place.x, place.y):
                return index
        return None

    # ------------------------------------------------------------ selection

    def clear(self) -> None:
        """Select nothing."""
        had = self._anchor is not None
        self._anchor = self._head = None
        if had:
            self.changed.emit()

    def select(self, anchor: Place, head: Place) -> None:
        """Select the words from ``anchor`` to ``head``, both included."""
        self._anchor, self._head = anchor, head
        for page in self.pages:
            self.ask(page)
        self.changed.emit()

    def select_page(self, page: int) -> None:
        """Select all words of ``page``."""
        self.select(Place(page, -1.0, -1.0), Place(page, 2.0, 2.0))

    @property
    def pages(self) -> range:
        """The pages that the selection touches."""
        if self._anchor is None or self._head is None:
            return range(0)
        first, last = sorted((self._anchor.page, self._head.page))
        return range(first, last + 1)

    def words(self, page: int) -> Sequence[Word]:
        """The selected words of ``page``; none while its words are not here."""
        read = self._read.get(page)
        if read is None or not read.words or page not in self.pages:
            return ()
        assert self._anchor is not None
        assert self._head is not None
        ends = [self._end(place, read.words) for place in (self._anchor, self._head) if place.page == page]
        if len(ends) == 2:
            return read.words[min(ends) : max(ends) + 1]
        if not ends:
            return read.words
        other = self._head if self._anchor.page == page else self._anchor
        return read.words[ends[0] :] if other.page > page else read.words[: ends[0] + 1]

    @staticmethod
    def _end(place: Place, words: Sequence[Word]) -> int:
        if place.y < 0:
            return 0
        if place.y > 1:
            return len(words) - 1
        return nearest_word(words, QPointF(place.x, place.y))

    def boxes(self, page: int) -> list[Box]:
        return [word.box for word in self.words(page)]

    @property
    def text(self) -> str:
        """The selected text, with the line ends of the page; pages are parted by an empty line."""
        pieces = []
        for page in self.pages:
            if words := self.words(page):
                end = words[-1].start + words[-1].length
                pieces.append(tidy(self._read[page].text[words[0].start : end]))
        return "\n\n".join(pieces)


def nearest_word(words: Sequence[Word], point: QPointF) -> int:
    """The index of the word under the point (fractions of the page), else of the nearest; lines weigh more."""

    def distance(word: Word) -> float:
        across = max(word.box.left - point.x(), 0.0, point.x() - word.box.right)
        down = max(word.box.top - point.y(), 0.0, point.y() - word.box.bottom)
        return across + 8 * down

    return min(range(len(words)), key=lambda index: distance(words[index]))


def tidy(text: str) -> str:
    """Text as people expect it on the clipboard: no space before a line's end."""
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _contains(box: Box, x: float, y: float) -> bool:
    return box.left <= x <= box.right and box.top <= y <= box.bottom

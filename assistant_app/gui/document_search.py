"""Finding text in the document that is shown: one search at a time, and which match is the current one."""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtCore import QObject, Signal

from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages
from assistant_app.protocol.records import Match


class Search(QObject):
    """What the bar for finding text knows of a search, wherever that takes place."""

    changed = Signal()
    """Matches came, or the search ended."""

    moved = Signal()
    """Another match is the current one."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.text = ""
        self.index = -1
        """Of the current match; -1 for none."""
        self.is_cut = False
        """Whether there are more matches than are counted."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many matches there are so far."""

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """Whether more matches may come."""

    @abstractmethod
    def clear(self) -> None:
        """End the search and forget its matches."""

    def step(self, by: int) -> None:
        """Make the next (1) or previous (-1) match the current one, around the end."""
        if self.count:
            start = self.index if self.index >= 0 else (-1 if by > 0 else 0)
            self.index = (start + by) % self.count
            self.moved.emit()


class DocumentSearch(Search):
    """Matches come while the engine searches; the first one at or behind a page becomes the current one."""

    failed = Signal(object)
    """Carries a ``Failure``."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._job: Job | None = None
        self._from_page = 1
        self.matches: list[Match] = []

    @property
    def count(self) -> int:
        return len(self.matches)

    @property
    def is_running(self) -> bool:
        return self._job is not None

    @property
    def current(self) -> Match | None:
        return self.matches[self.index] if self.index >= 0 else None

    def start(self, path: str, text: str, from_page: int) -> None:
        """Search ``text`` from the beginning; the match nearest behind ``from_page`` will be the current one."""
        self.clear()
        self.text = text
        self._from_page = from_page
        if not path or not text.strip():
            return
        job = self._job = self._link.request(messages.FindText(path=path, text=text))
        number = job.number
        job.progressed.connect(lambda event: self._on_found(number, event))
        job.finished.connect(lambda event: self._on_found(number, event))
        job.failed.connect(lambda failure: self._on_failed(number, failure))

    def clear(self) -> None:
        """End the search and forget its matches."""
        if self._job is not None:
            self._job.cancel()
        self._job = None
        self.text = ""
        self.matches = []
        self.index = -1
        self.is_cut = False
        self.changed.emit()

    def _on_found(self, number: int, event: messages.Event) -> None:
        if self._job is None or self._job.number != number:
            return
        assert isinstance(event, messages.TextFound)
        self.matches += event.matches
        if event.done:
            self._job = None
            self.is_cut = event.pages_done < event.pages_total
        had_none = self.index < 0
        if had_none:
            behind = (number for number, match in enumerate(self.matches) if match.page >= self._from_page)
            self.index = next(behind, 0 if event.done and self.matches else -1)
        self.changed.emit()
        if had_none and self.index >= 0:
            self.moved.emit()

    def _on_failed(self, number: int, failure: Failure) -> None:
        if self._job is not None and self._job.number == number:
            self._job = None
            self.changed.emit()
            self.failed.emit(failure)

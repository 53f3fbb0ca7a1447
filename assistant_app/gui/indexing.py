"""The window's indexing jobs: one after another in the engine, one progress for the person."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from assistant_app.errors import Code
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages
from assistant_app.protocol.records import Document


class Indexing(QObject):
    """Hands files to the engine and tells what becomes of them."""

    progressed = Signal(object)
    """Carries :class:`messages.IndexProgress`."""

    document_done = Signal(object)
    """Carries :class:`Document`."""

    ended = Signal(object, object)
    """A job is over: the paths it was given, and the :class:`Failure` or null. Jobs that wait are not over."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._jobs: dict[int, tuple[Job, list[str]]] = {}
        self._told: set[str] = set()

    @property
    def is_busy(self) -> bool:
        return bool(self._jobs)

    @property
    def waiting_paths(self) -> list[str]:
        """What was given to jobs that are not over."""
        return [path for _, paths in self._jobs.values() for path in paths]

    def add(self, paths: Sequence[str], passwords: dict[str, str] | None = None) -> None:
        """Index ``paths`` (files and folders) after what is under way."""
        job = self._link.request(messages.IndexDocuments(paths=list(paths), passwords=passwords or {}))
        number = job.number
        self._jobs[number] = (job, list(paths))
        job.progressed.connect(self._on_progress)
        job.finished.connect(lambda event: self._on_end(number, event.documents, None))
        job.failed.connect(lambda failure: self._on_end(number, [], failure))

    def cancel(self) -> None:
        """Stop all of it; what was indexed stays."""
        for job, _ in self._jobs.values():
            job.cancel()

    def _on_progress(self, event: messages.Event) -> None:
        if isinstance(event, messages.IndexProgress):
            self.progressed.emit(event)
        elif isinstance(event, messages.DocumentDone):
            self._told.add(event.document.path)
            self.document_done.emit(event.document)

    def _on_end(self, number: int, documents: list[Document], failure: Failure | None) -> None:
        _, paths = self._jobs.pop(number)
        for document in documents:
            if document.path not in self._told:
                self.document_done.emit(document)
        self._told.clear()
        stopped = failure is not None and failure.code == Code.CANCELLED
        self.ended.emit(paths, None if stopped else failure)

"""Indexing as the window sees it: the person's jobs and the engine's own work, one progress for both."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from assistant_app.errors import Code
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages
from assistant_app.protocol.records import Document


class Indexing(QObject):
    """Hands files to the engine and tells what becomes of them."""

    began = Signal()
    """Something is being indexed, and nothing was before."""

    progressed = Signal(object)
    """Carries :class:`messages.IndexProgress`."""

    document_done = Signal(object)
    """Carries :class:`Document`."""

    ended = Signal(object, object)
    """A job is over: the paths it was given, and the :class:`Failure` or null. Jobs that wait are not over. The work
    that the engine began by itself was given no paths."""

    paused_changed = Signal(bool)

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._jobs: dict[int, tuple[Job, list[str]]] = {}
        self._told: set[str] = set()
        self._in_background = False
        self.is_paused = False
        link.event_without_job.connect(self._on_background)
        link.died.connect(self._on_died)

    @property
    def is_busy(self) -> bool:
        return bool(self._jobs) or self._in_background

    @property
    def waiting_paths(self) -> list[str]:
        """What was given to jobs that are not over."""
        return [path for _, paths in self._jobs.values() for path in paths]

    def add(
        self,
        paths: Sequence[str],
        passwords: dict[str, str] | None = None,
        *,
        keep_passwords: bool = False,
        collection: str | None = None,
    ) -> None:
        """Index ``paths`` (files and folders) after what is under way, and put them into ``collection``."""
        was_busy = self.is_busy
        job = self._link.request(
            messages.IndexDocuments(
                paths=list(paths), collection=collection, passwords=passwords or {}, keep_passwords=keep_passwords
            )
        )
        number = job.number
        self._jobs[number] = (job, list(paths))
        job.progressed.connect(self._on_progress)
        job.finished.connect(lambda event: self._on_end(number, event.documents, None))
        job.failed.connect(lambda failure: self._on_end(number, [], failure))
        if not was_busy:
            self.began.emit()

    def pause(self, on: bool) -> None:
        """Stand still between two pages, or go on; holds for what is added later, too."""
        job = self._link.request(messages.PauseIndexing(paused=on))
        job.finished.connect(lambda event: self._set_paused(event.paused))
        job.failed.connect(lambda _failure: self._set_paused(self.is_paused))

    def cancel(self) -> None:
        """Stop all of it; what was indexed stays."""
        for job, _ in self._jobs.values():
            job.cancel()
        if self._in_background:
            stopping = self._link.request(messages.StopIndexing())
            stopping.finished.connect(lambda _event: self._end_background())

    # ------------------------------------------------------------ inside

    def _set_paused(self, on: bool) -> None:
        self.is_paused = on
        self.paused_changed.emit(on)

    def _on_background(self, event: messages.Event) -> None:
        if isinstance(event, messages.Indexed):
            self._in_background = True
            self._tell_rest(event.documents)
            self._end_background()
        elif isinstance(event, messages.IndexProgress):
            was_busy = self.is_busy
            self._in_background = True
            if not was_busy:
                self.began.emit()
        self._on_progress(event)

    def _end_background(self) -> None:
        if self._in_background:
            self._in_background = False
            self.ended.emit([], None)

    def _on_died(self, _failure: Failure) -> None:
        self._set_paused(False)  # the next engine knows nothing of it
        self._end_background()

    def _on_progress(self, event: messages.Event) -> None:
        if isinstance(event, messages.IndexProgress):
            self.progressed.emit(event)
        elif isinstance(event, messages.DocumentDone):
            self._told.add(event.document.path)
            self.document_done.emit(event.document)

    def _on_end(self, number: int, documents: list[Document], failure: Failure | None) -> None:
        _, paths = self._jobs.pop(number)
        self._tell_rest(documents)
        stopped = failure is not None and failure.code == Code.CANCELLED
        self.ended.emit(paths, None if stopped else failure)

    def _tell_rest(self, documents: list[Document]) -> None:
        for document in documents:
            if document.path not in self._told:
                self.document_done.emit(document)
        self._told.clear()

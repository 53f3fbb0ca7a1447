"""What the window knows of the library's documents: one set of facts for the list, the ledger and the counts."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, QTimer, Signal

from assistant_app.gui.engine_link import EngineLink, Job
from assistant_app.protocol import messages
from assistant_app.protocol.records import Document

SETTLE_MS = 250
"""The engine may say many times in a row that the library changed; it is listed once."""

_MOST_SINGLE = 500
"""With more differences than these the views are filled anew, which is then quicker than one change after another."""


class Holdings(QObject):
    """Follows the engine's ledger. Views fill themselves at ``listed`` and take single changes from then on."""

    listed = Signal()
    """Everything may be different."""

    updated = Signal(list)
    """Carries every :class:`Document` that is new or has changed."""

    gone = Signal(list)
    """Carries the paths of documents that are not in the library any more."""

    removed_changed = Signal()
    """What was removed and can be put back is another set."""

    changed_elsewhere = Signal()
    """The engine changed the ledger, collections or watched folders by itself."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._job: Job | None = None
        self._wants_removed = False
        self._is_stale = False
        self.documents: dict[str, Document] = {}
        """By path; every document of the ledger, also those that were skipped."""
        self.removed: dict[str, Document] = {}
        """By path; known once :meth:`refresh_removed` was asked for."""
        self.listings = 0
        """How many times the ledger was listed."""
        self._soon = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._soon.timeout.connect(self.refresh)
        link.event_without_job.connect(self._on_event)

    def refresh(self) -> None:
        """Ask the engine what the library holds; a second call while the first is under way asks once more after it."""
        self._soon.stop()
        if self._job is not None:
            self._is_stale = True
            return
        self._is_stale = False
        self._job = self._link.request(messages.ListDocuments())
        self._job.finished.connect(self._on_documents)
        self._job.failed.connect(self._on_failed)
        if self._wants_removed:
            self.refresh_removed()

    def refresh_soon(self) -> None:
        """Like :meth:`refresh`, in a moment, and once for many calls."""
        self._soon.start()

    def refresh_removed(self) -> None:
        """Ask for what was removed, now and with every :meth:`refresh` to come."""
        self._wants_removed = True
        self._link.request(messages.ListDocuments(removed=True)).finished.connect(self._on_removed)

    def take(self, documents: Iterable[Document]) -> None:
        """These are new or have changed."""
        fresh = list(documents)
        for document in fresh:
            self.documents[document.path] = document
        if fresh:
            self.updated.emit(fresh)

    def drop(self, paths: Iterable[str]) -> list[Document]:
        """These are not in the library any more; returns what was known of them."""
        known = [self.documents.pop(path) for path in list(paths) if path in self.documents]
        if known:
            self.gone.emit([document.path for document in known])
        return known

    # ------------------------------------------------------------ inside

    def _on_event(self, event: messages.Event) -> None:
        if isinstance(event, messages.LibraryChanged):
            self.refresh_soon()
            self.changed_elsewhere.emit()

    def _on_documents(self, event: messages.Documents) -> None:
        self._job = None
        self.listings += 1
        before, now = self.documents, {document.path: document for document in event.documents}
        changed = [document for path, document in now.items() if before.get(path) != document]
        gone = [path for path in before if path not in now]
        if not before or len(changed) + len(gone) > _MOST_SINGLE:
            self.documents = now
            self.listed.emit()
        else:
            self.drop(gone)
            self.take(changed)
        if self._is_stale:
            self.refresh()

    def _on_failed(self, _failure: object) -> None:
        self._job = None  # the window lists again as soon as the engine is back

    def _on_removed(self, event: messages.Documents) -> None:
        self.removed = {document.path: document for document in event.documents}
        self.removed_changed.emit()

"""Taking documents out of the library, and putting back what was taken out last."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.holdings import Holdings
from assistant_app.protocol import messages
from assistant_app.protocol.records import Document


class Removal(QObject):
    """Removals are sent at once, and undone one after another, the last one first."""

    removed = Signal(list)
    """The documents that left the library a moment ago; :meth:`undo` brings them back."""

    put_back = Signal(list)
    """The paths of documents that are in the library again."""

    failed = Signal(object)
    """Carries a :class:`Failure`; what was to be removed is there as before."""

    def __init__(self, link: EngineLink, holdings: Holdings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._holdings = holdings
        self._undoable: list[list[str]] = []
        self.job: Job | None = None
        """The last removal, while it is not done."""

    @property
    def can_undo(self) -> bool:
        return bool(self._undoable)

    def remove(self, paths: Sequence[str]) -> None:
        """Take documents out of the library; they go from the lists at once."""
        documents = self._holdings.drop(paths)
        if not documents:
            return
        gone = [document.path for document in documents]
        self._undoable.append(gone)
        job = self.job = self._link.request(messages.RemoveDocuments(paths=gone))
        job.finished.connect(lambda _event: self._on_done(job))
        job.failed.connect(lambda failure: self._on_failed(job, documents, failure))
        self.removed.emit(documents)

    def undo(self) -> None:
        """Put back what was removed last."""
        if self._undoable:
            self.restore(self._undoable[-1])

    def restore(self, paths: Sequence[str]) -> None:
        """Put removed documents back."""
        wanted = set(paths)
        self._undoable = [rest for each in self._undoable if (rest := [path for path in each if path not in wanted])]
        job = self._link.request(messages.PutBackDocuments(paths=list(paths)))
        job.finished.connect(self._on_back)
        job.failed.connect(self.failed)

    def remove_for_good(self, paths: Sequence[str] | None) -> None:
        """Forget what was removed (null: all of it), so that it cannot be put back."""
        self._undoable.clear()
        job = self._link.request(messages.RemoveDocuments(paths=None if paths is None else list(paths), forever=True))
        job.finished.connect(lambda _event: self._holdings.refresh_removed())
        job.failed.connect(self.failed)

    def forget(self) -> None:
        """The library is another one: there is nothing to undo any more."""
        self._undoable.clear()

    # ------------------------------------------------------------ inside

    def _on_done(self, job: Job) -> None:
        self._end(job)
        self._holdings.refresh_removed()

    def _on_failed(self, job: Job, documents: list[Document], failure: Failure) -> None:
        self._end(job)
        gone = {document.path for document in documents}
        self._undoable = [each for each in self._undoable if not gone.issuperset(each)]
        self._holdings.take(documents)
        self.failed.emit(failure)

    def _end(self, job: Job) -> None:
        if self.job is job:
            self.job = None

    def _on_back(self, event: messages.Documents) -> None:
        self._holdings.take(event.documents)
        self._holdings.refresh_removed()
        self.put_back.emit([document.path for document in event.documents])

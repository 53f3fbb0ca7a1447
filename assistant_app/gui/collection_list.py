"""The collections of the library: which there are, which one is chosen, and how they are changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.holdings import Holdings
from assistant_app.protocol import messages
from assistant_app.protocol.records import Collection

LONGEST_NAME = 100


class CollectionList(QObject):
    """Every change is one request, and its answer is the new list."""

    changed = Signal()
    """The collections, or what is in them, are others."""

    chosen = Signal(object)
    """Carries the name of the collection that is shown and asked; null for all documents."""

    deleted = Signal(str)
    """A collection was deleted; :meth:`undelete` brings it back."""

    failed = Signal(object)
    """Carries a :class:`Failure`."""

    def __init__(self, link: EngineLink, holdings: Holdings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._holdings = holdings
        self._deleted: tuple[str, list[str]] | None = None
        self.collections: list[Collection] = []
        self.current: str | None = None
        holdings.changed_elsewhere.connect(self.refresh)

    @property
    def names(self) -> list[str]:
        return [collection.name for collection in self.collections]

    def refresh(self) -> None:
        """Ask which collections there are."""
        self._send(messages.ListCollections(), changes_documents=False)

    def choose(self, name: str | None) -> None:
        """Show and ask this collection; null for all documents."""
        if name != self.current:
            self.current = name
            self.chosen.emit(name)

    def create(self, name: str, paths: Sequence[str] = ()) -> None:
        """Make a collection with these documents in it, and choose it; one of that name is taken as it is."""
        request = messages.Collect(name=name, paths=list(paths)) if paths else messages.CreateCollection(name=name)
        if paths or name not in self.names:
            self._send(request, changes_documents=bool(paths), first=lambda: self.choose(name))
        else:
            self.choose(name)

    def rename(self, name: str, new_name: str) -> None:
        if new_name == name:
            return
        is_current = name == self.current
        request = messages.RenameCollection(name=name, new_name=new_name)
        self._send(request, first=lambda: self.choose(new_name) if is_current else None)

    def delete(self, name: str) -> None:
        """Delete a collection; its documents stay."""
        paths = [path for path, document in self._holdings.documents.items() if name in document.collections]
        self._send(messages.DeleteCollection(name=name), first=lambda: self._on_deleted(name, paths))

    def undelete(self) -> None:
        """Bring back the collection that was deleted last, with what was in it."""
        if self._deleted is not None:
            (name, paths), self._deleted = self._deleted, None
            self.create(name, paths)

    def collect(self, name: str, paths: Sequence[str]) -> None:
        """Put documents into a collection."""
        self._send(messages.Collect(name=name, paths=list(paths)))

    def uncollect(self, name: str, paths: Sequence[str]) -> None:
        """Take documents out of a collection; they stay in the library."""
        self._send(messages.Uncollect(name=name, paths=list(paths)))

    # ------------------------------------------------------------ inside

    def _send(
        self, request: messages.Message, *, changes_documents: bool = True, first: Callable[[], None] | None = None
    ) -> None:
        """Send a change; where it is done, ``first`` is called, then the new list is taken."""
        job = self._link.request(request)
        if first is not None:
            job.finished.connect(lambda _event: first())
        job.finished.connect(self._on_collections)
        job.failed.connect(self.failed)
        if changes_documents:
            job.finished.connect(lambda _event: self._holdings.refresh())

    def _on_deleted(self, name: str, paths: list[str]) -> None:
        self._deleted = (name, paths)
        self.deleted.emit(name)

    def _on_collections(self, event: messages.Collections) -> None:
        self.collections = event.collections
        self.changed.emit()
        if self.current is not None and self.current not in self.names:
            self.choose(None)

"""The assistants as the window knows them; what changes them goes to the engine, which answers with all of them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import assistants, messages
from assistant_app.protocol.assistants import Assistant


class AssistantShelf(QObject):
    """Deletions are undone one after another, the last one first."""

    changed = Signal()
    """They are others than before."""

    saved = Signal(str, str)
    """The name of the one that was saved, and the name that it had before; "" for a new one."""

    imported = Signal(str)
    """The name of the one that a file brought."""

    deleted = Signal(str)
    """This one was thrown out a moment ago; :meth:`undo` brings it back."""

    put_back = Signal(str)
    exported = Signal(str, str)
    """The name of an assistant, and the path of the file that was written."""

    failed = Signal(object)
    """Carries a :class:`Failure`; all is as before."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._undoable: list[Assistant] = []
        self.all: list[Assistant] = []
        """The person's own first."""

        self.known = False
        """Whether the engine has told them."""

    @property
    def can_undo(self) -> bool:
        return bool(self._undoable)

    def get(self, name: str) -> Assistant | None:
        """The one of that name, upper and lower case alike; null where there is none."""
        folded = name.casefold()
        return next((each for each in self.all if each.name.casefold() == folded), None)

    def refresh(self) -> None:
        """Ask for them as they are now."""
        self._request(assistants.ListAssistants())

    def save(self, assistant: Assistant, instead: str = "") -> Job:
        """Keep a new one, or in the place of the one named ``instead``. Why it fails is told by the job alone."""
        job = self._link.request(assistants.SaveAssistant(assistant=assistant, instead=instead))
        job.finished.connect(lambda event: self._take(event, lambda _event: self.saved.emit(assistant.name, instead)))
        return job

    def delete(self, name: str) -> None:
        """Throw one out."""
        gone = self.get(name)
        if gone is None:
            return

        def done(_event: messages.Event) -> None:
            self._undoable.append(gone)
            self.deleted.emit(gone.name)

        self._request(assistants.DeleteAssistant(name=gone.name), done)

    def undo(self) -> None:
        """Put back what was thrown out last."""
        if not self._undoable:
            return
        back = self._undoable.pop()
        job = self._request(assistants.SaveAssistant(assistant=back), lambda _event: self.put_back.emit(back.name))
        job.failed.connect(lambda _failure: self._undoable.append(back))

    def import_file(self, path: str) -> None:
        """Take one in from a TOML file."""
        self._request(assistants.ImportAssistant(path=path), self._on_imported)

    def export(self, name: str, path: str) -> None:
        """Write one as a TOML file."""
        job = self._link.request(assistants.ExportAssistant(name=name, path=path))
        job.finished.connect(lambda _event: self.exported.emit(name, path))
        job.failed.connect(self._on_failed)

    # ------------------------------------------------------------ inside

    def _request(self, request: messages.Message, then: Callable[[messages.Event], object] | None = None) -> Job:
        """Send what is answered with all assistants; ``then`` is done when they are known, before that is told."""
        job = self._link.request(request)
        job.finished.connect(lambda event: self._take(event, then))
        job.failed.connect(self._on_failed)
        return job

    def _take(self, event: messages.Event, then: Callable[[messages.Event], object] | None) -> None:
        if isinstance(event, assistants.Assistants):
            self.all = event.assistants
            self.known = True
            if then is not None:
                then(event)
            self.changed.emit()

    def _on_imported(self, event: messages.Event) -> None:
        if isinstance(event, assistants.Assistants):
            self.imported.emit(event.saved)

    def _on_failed(self, failure: Failure) -> None:
        self.failed.emit(failure)

"""The approvals as the window knows them; what changes them goes to the engine, which answers with all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages, training
from assistant_app.protocol.training import Approval, ChatShape


class Approvals(QObject):
    """Asked for when they are wanted for the first time; deletions are undone one after another, the last one first."""

    changed = Signal()
    """They are others than before."""

    deleted = Signal(int)
    """So many were thrown out a moment ago; :meth:`undo` brings them back."""

    put_back = Signal()
    saved = Signal(int)
    """This one was changed as the person wanted."""

    imported = Signal(str, int, dict)
    """The path of a file, how many approvals it brought, and of these by problem how many do not count."""

    exported = Signal(str)
    """The path of the file that was written."""

    failed = Signal(object)
    """Carries a :class:`Failure`; all is as before."""

    turns_touched = Signal(list)
    """The numbers of turns whose approval was changed, thrown out or put back here."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._undoable: list[list[Approval]] = []
        self.all: list[Approval] = []
        self.known = False
        """Whether the engine has told them."""

    @property
    def can_undo(self) -> bool:
        return bool(self._undoable)

    def get(self, number: int) -> Approval | None:
        """The approval with this number; null where there is none."""
        return next((each for each in self.all if each.id == number), None)

    def refresh(self) -> None:
        """Ask for them as they are now."""
        self._request(training.ListApprovals())

    def refresh_known(self) -> None:
        """As :meth:`refresh`, if anybody has asked for them before."""
        if self.known:
            self.refresh()

    def change(
        self, number: int, *, question: str | None = None, answer: str | None = None, accepted: bool | None = None
    ) -> Job:
        """Give an approval another question or answer, or let it count all the same; null leaves it as it is."""
        touched = self._turns([number])
        request = training.ChangeApproval(approval=number, question=question, answer=answer, accepted=accepted)
        return self._request(request, lambda: self.saved.emit(number), lambda: self._touch(touched))

    def delete(self, numbers: Sequence[int]) -> None:
        """Throw approvals out."""
        gone = [each for number in numbers if (each := self.get(number)) is not None]
        if not gone:
            return
        touched = self._turns(numbers)

        def done() -> None:
            self._undoable.append(gone)
            self.deleted.emit(len(gone))
            self._touch(touched)

        self._request(training.DeleteApprovals(approvals=[each.id for each in gone]), done)

    def undo(self) -> None:
        """Put back what was thrown out last."""
        if not self._undoable:
            return
        back = self._undoable.pop()
        turns = [each.turn for each in back if each.turn is not None]
        request = training.PutBackApprovals(approvals=[each.id for each in back])
        job = self._request(request, self.put_back.emit, lambda: self._touch(turns))
        job.failed.connect(lambda _failure: self._undoable.append(back))

    def import_file(self, path: str) -> None:
        """Read a file of examples."""
        job = self._link.request(training.ImportApprovals(path=path))
        job.finished.connect(lambda event: self._on_imported(path, event))
        job.failed.connect(self.failed)

    def export(self, path: str, shape: ChatShape) -> None:
        """Write those that count to a file."""
        job = self._link.request(training.ExportApprovals(path=path, shape=shape))
        job.finished.connect(lambda _event: self.exported.emit(path))
        job.failed.connect(self.failed)

    # ------------------------------------------------------------ inside

    def _request(self, request: messages.Message, *then: Callable[[], object]) -> Job:
        """Send what is answered with all approvals; ``then`` is done after they were taken."""
        job = self._link.request(request)
        job.finished.connect(self._take)
        for step in then:
            job.finished.connect(lambda _event, step=step: step())
        job.failed.connect(self._on_failed)
        return job

    def _on_failed(self, failure: Failure) -> None:
        self.failed.emit(failure)

    def _take(self, event: messages.Event) -> None:
        if isinstance(event, (training.Approvals, training.ApprovalsImported)):
            self.all = event.approvals
            self.known = True
            self.changed.emit()

    def _on_imported(self, path: str, event: messages.Event) -> None:
        self._take(event)
        if isinstance(event, training.ApprovalsImported):
            self.imported.emit(path, event.added, event.problems)

    def _turns(self, numbers: Sequence[int]) -> list[int]:
        return [each.turn for each in self.all if each.id in numbers and each.turn is not None]

    def _touch(self, turns: list[int]) -> None:
        if turns:
            self.turns_touched.emit(turns)

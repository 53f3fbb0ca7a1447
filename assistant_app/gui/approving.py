"""Approving and correcting the answers of a conversation: what the buttons under them ask the engine for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from assistant_app.gui import approval_words, phrases
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.gui.turn_view import ApprovedAs, TurnView
from assistant_app.protocol import messages, training


class Approving(QObject):
    """Attach each :class:`TurnView` to it. Corrections that were typed and not saved are kept while Docent runs."""

    changed = Signal()
    """An approval was made, changed or withdrawn."""

    kept_requested = Signal(int)
    """The number of a turn whose correction is to be shown."""

    trouble = Signal(object)
    """Carries a :class:`Failure`."""

    def __init__(
        self, link: EngineLink, shown: Callable[[], Sequence[TurnView]], parent: QObject | None = None
    ) -> None:
        """``shown`` gives the turns that are on the screen."""
        super().__init__(parent)
        self._link = link
        self._shown = shown
        self._typed: dict[int, tuple[str, int]] = {}
        """By the number of a turn that is not on the screen: what was typed and not saved, and its conversation."""

    def attach(self, turn: TurnView) -> None:
        """Do what the person wants with the answer of ``turn``."""
        turn.approve_requested.connect(lambda answer: self._approve(turn, answer))
        turn.withdraw_requested.connect(lambda: self._approve(turn, None, withdraw=True))
        turn.correct_requested.connect(lambda: self._correct(turn))
        number = _number(turn)
        if number in self._typed:
            self._correct(turn)

    def detach(self, turn: TurnView, conversation: int) -> None:
        """``turn``, which is kept in ``conversation``, leaves the screen."""
        if turn.correction.is_changed:
            self._typed[_number(turn)] = (turn.correction.text, conversation)

    @property
    def unsaved(self) -> bool:
        """Whether a correction was typed and not saved."""
        return bool(self._typed) or any(turn.correction.is_changed for turn in self._shown())

    @property
    def unsaved_conversation(self) -> int:
        """A conversation that is not on the screen with a correction that is not saved; 0 for none."""
        return next((conversation for _text, conversation in self._typed.values()), 0)

    def show_unsaved(self) -> bool:
        """Put the keyboard into a correction on the screen that is not saved; whether there is one."""
        for turn in self._shown():
            if turn.correction.is_changed:
                turn.correction.field.setFocus()
                return True
        return False

    def refresh(self, numbers: Sequence[int]) -> None:
        """The approvals of these turns were changed elsewhere: ask for them."""
        for turn in self._shown():
            if turn.record is not None and turn.record.id in numbers:
                job = self._link.request(messages.OpenTurn(turn=turn.record.id, version=turn.record.version))
                job.finished.connect(lambda event, turn=turn: self._on_opened(turn, event))

    # ------------------------------------------------------------ inside

    def _approve(self, turn: TurnView, answer: str | None, *, withdraw: bool = False) -> None:
        if turn.record is None:
            return
        job = self._link.request(training.Approve(turn=turn.record.id, answer=answer, withdraw=withdraw))
        ends_editing = answer is not None or withdraw
        job.finished.connect(lambda event: self._on_approved(turn, event, ends_editing))
        job.failed.connect(lambda failure: self._on_failed(turn, failure))

    def _on_approved(self, turn: TurnView, event: training.Approved, ends_editing: bool) -> None:
        self.changed.emit()
        if turn in self._shown() and _number(turn) == event.turn:
            if ends_editing:
                turn.end_correction()
            approval = event.approval
            approved: ApprovedAs = "" if approval is None else "edited" if approval.origin == "edited" else "answer"
            turn.show_approved(approved, approval_words.kept_sentence(approval) if approval is not None else "")

    def _on_failed(self, turn: TurnView, failure: Failure) -> None:
        if turn not in self._shown():
            self.trouble.emit(failure)
        elif turn.correction.isHidden():
            turn.show_approved(turn.approved)
            self.trouble.emit(failure)
        else:
            turn.correction.show_failure(phrases.failure_sentence(failure))

    def _correct(self, turn: TurnView) -> None:
        """Open the editor; a correction that is kept is shown where it is kept, with its sources."""
        if turn.approved == "edited":
            self.kept_requested.emit(_number(turn))
            return
        typed, _conversation = self._typed.pop(_number(turn), (None, 0))
        turn.begin_correction(typed)

    def _on_opened(self, turn: TurnView, event: messages.TurnOpened) -> None:
        if turn in self._shown() and _number(turn) == event.turn.id:
            turn.show_approved(event.turn.approved)


def _number(turn: TurnView) -> int:
    return turn.record.id if turn.record is not None else 0

"""Under an answer: Good and Correct…; what is typed there is not lost, and what is kept is seen again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.turn_view import TurnView
from tests.gui.test_turns import asked
from tests.gui.test_window import ask, requests, wait_for_documents

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
BETTER = "The deductible is $2,000 [1]."


def correct(qtbot: QtBot, turn: TurnView, text: str | None = None) -> None:
    """Open the editor, and write ``text`` into it."""
    qtbot.mouseClick(turn.answer.approval.correct, LEFT)
    qtbot.waitUntil(turn.correction.isVisible)
    if text is not None:
        turn.correction.field.setPlainText(text)


def reopened(qtbot: QtBot, made: MainWindow) -> TurnView:
    """The first turn, after its conversation was left and opened again."""
    number = made.conversation.number
    made.conversation.clear()
    made.conversation.open_conversation(number)
    qtbot.waitUntil(lambda: bool(made.conversation.turns))
    return made.conversation.turns[0]


def test_good_is_kept_seen_again_and_taken_back(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    turn = asked(qtbot, made)
    good = turn.answer.approval.good
    assert not good.isChecked()
    qtbot.mouseClick(good, LEFT)
    qtbot.waitUntil(lambda: turn.approved == "answer")
    again = reopened(qtbot, made)
    assert again.answer.approval.good.isChecked()
    qtbot.mouseClick(again.answer.approval.good, LEFT)
    qtbot.waitUntil(lambda: again.approved == "")
    assert not reopened(qtbot, made).answer.approval.good.isChecked()
    sent = [(each["turn"], each.get("answer"), each.get("withdraw", False)) for each in requests(log, "approve")]
    assert sent == [(1, None, False), (1, None, True)]


def test_an_answer_is_corrected_by_the_keyboard_alone(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    turn = asked(qtbot, made)
    turn.answer.approval.correct.setFocus()
    qtbot.keyClick(turn.answer.approval.correct, Qt.Key.Key_Space)
    field = turn.correction.field
    assert field.hasFocus()
    assert "is **$2,000** a year for one person [1]." in field.toPlainText()
    field.setPlainText(BETTER)
    qtbot.keyClick(field, Qt.Key.Key_Return, CONTROL)
    qtbot.waitUntil(lambda: turn.approved == "edited")
    assert turn.correction.isHidden()
    assert turn.answer.approval.correct.hasFocus()
    assert requests(log, "approve")[0]["answer"] == BETTER
    again = reopened(qtbot, made)
    assert again.answer.approval.correct.accessibleName() == "Corrected"
    assert again.answer.approval.good.isHidden()
    qtbot.mouseClick(again.answer.approval.correct, LEFT)
    shown = made.training.approvals_window
    assert shown is not None
    qtbot.waitUntil(lambda: [each.turn for each in shown.selected()] == [1])
    assert shown.editor.answer.toPlainText() == BETTER, "it is changed where its sources stand beside it"
    shown.delete_action.trigger()
    qtbot.waitUntil(lambda: again.approved == "")
    assert again.answer.approval.good.isVisible()


def test_what_was_typed_is_left_only_after_asking(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    turn = asked(qtbot, made)
    correct(qtbot, turn)
    qtbot.keyClick(turn.correction.field, Qt.Key.Key_Escape)
    assert turn.correction.isHidden(), "nothing was typed, so nothing is asked"
    correct(qtbot, turn, BETTER)
    qtbot.keyClick(turn.correction.field, Qt.Key.Key_Escape)
    assert turn.correction.question.isVisible()
    qtbot.keyClick(turn.correction.stay_button, Qt.Key.Key_Escape)
    assert turn.correction.field.hasFocus()
    assert turn.correction.text == BETTER
    turn.answer.ask_again_requested.emit()
    assert turn.correction.question.isVisible()
    assert len(requests(log, "ask")) == 1, "another answer would take the place of what was typed"
    turn.correction.discard_button.click()
    assert turn.correction.isHidden()
    assert requests(log, "approve") == []


def test_what_was_typed_is_there_again_with_its_conversation(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    turn = asked(qtbot, made)
    correct(qtbot, turn, BETTER)
    again = reopened(qtbot, made)
    assert again.correction.isVisible()
    assert again.correction.text == BETTER


def test_quitting_asks_for_what_was_typed(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    turn = asked(qtbot, made)
    correct(qtbot, turn, BETTER)
    made.conversation.clear()
    assert not made.close()
    box = made.findChild(QMessageBox)
    assert box is not None
    assert box.text() == "A correction of an answer is not saved."
    box.escapeButton().click()
    qtbot.waitUntil(lambda: bool(made.conversation.turns))
    assert made.conversation.turns[0].correction.text == BETTER
    assert not made.close()
    buttons = next(box for box in made.findChildren(QMessageBox) if box.isVisible()).buttons()
    next(button for button in buttons if button.text() == "&Quit without it").click()
    assert not made.isVisible()


def test_a_correction_that_cannot_be_saved_stays(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "disk_full"}}
    made = window({"generate": 2, "on": {"approve": [[failure], [failure]]}})
    turn = asked(qtbot, made)
    correct(qtbot, turn, BETTER)
    turn.correction.save_button.click()
    qtbot.waitUntil(lambda: bool(turn.correction.failure.text()))
    assert turn.correction.isVisible()
    assert turn.correction.text == BETTER
    assert turn.correction.save_button.isEnabled()
    turn.correction.discard_button.click()
    qtbot.mouseClick(turn.answer.approval.good, LEFT)
    qtbot.waitUntil(lambda: bool(made.notice.text))
    assert not turn.answer.approval.good.isChecked()


def test_a_correction_that_does_not_count_says_why(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    turn = asked(qtbot, made)
    correct(qtbot, turn, "It says nothing of the kind.")
    turn.correction.save_button.click()
    qtbot.waitUntil(lambda: turn.approved == "edited")
    assert turn.note.startswith("Kept, but it does not count. A sentence claims something without an [n].")


@pytest.mark.parametrize(
    ("script", "offered"),
    [
        ({}, True),
        ({"not_found": True, "answer": "Not in your documents."}, True),
        ({"answer_fields": {"general": True, "found": False, "citations": []}}, False),
    ],
)
def test_what_can_be_approved(qtbot: QtBot, window: Maker, script: dict[str, Any], offered: bool) -> None:
    made = window({"generate": 2, **script})
    assert asked(qtbot, made).answer.approval.isVisible() == offered


def test_a_stopped_answer_can_be_corrected_but_is_not_good(qtbot: QtBot, window: Maker) -> None:
    made = window("slow_answer")
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "How long?")
    turn = made.conversation.turns[0]
    qtbot.waitUntil(lambda: turn.answer.text == "It is ")
    assert not turn.answer.approval.isVisible()
    made.conversation.stop()
    qtbot.waitUntil(lambda: turn.record is not None)
    assert turn.answer.approval.good.isHidden()
    assert turn.answer.approval.correct.isVisible()


def test_only_the_newest_version_can_be_approved(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    turn = asked(qtbot, made)
    qtbot.mouseClick(turn.answer.approval.good, LEFT)
    qtbot.waitUntil(lambda: turn.approved == "answer")
    qtbot.mouseClick(turn.answer.ask_again_button, LEFT)
    qtbot.waitUntil(lambda: turn.answer.version_text == "2/2")
    assert turn.approved == ""
    qtbot.mouseClick(turn.answer.older_button, LEFT)
    qtbot.waitUntil(lambda: turn.answer.version_text == "1/2")
    assert not turn.answer.approval.isVisible()


def test_what_is_thrown_out_in_the_window_is_seen_under_the_answer(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    turn = asked(qtbot, made)
    made.training.show_approvals()
    qtbot.waitUntil(lambda: made.training.approvals.known)
    qtbot.mouseClick(turn.answer.approval.good, LEFT)
    qtbot.waitUntil(lambda: len(made.training.approvals.all) == 1)
    made.training.approvals.delete([1])
    qtbot.waitUntil(lambda: turn.approved == "")
    assert not turn.answer.approval.good.isChecked()
    made.training.approvals.undo()
    qtbot.waitUntil(lambda: turn.answer.approval.good.isChecked())


def test_a_narrow_pane_leaves_the_icons_with_their_names(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    turn = asked(qtbot, made)
    buttons = turn.answer.approval
    buttons.set_narrow(True)
    assert (buttons.good.text(), buttons.correct.text()) == ("", "")
    assert (buttons.good.accessibleName(), buttons.correct.accessibleName()) == ("Good", "Correct…")
    assert buttons.good.toolTip() == "The answer is good: keep it as an example to train an adapter with"

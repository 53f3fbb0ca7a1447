"""Earlier conversations: listed, searched, opened, renamed, deleted, put back; and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QLineEdit
from pytestqt.qtbot import QtBot

from assistant_app.gui import conversation_pane
from assistant_app.gui.main_window import MainWindow
from tests.gui.test_window import ask, chips, requests, wait_for_documents

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton


def titles(made: MainWindow) -> list[str]:
    return [each.title for each in made.history.model.conversations()]


def show(qtbot: QtBot, made: MainWindow, count: int) -> None:
    """Open the history and wait until it lists so many."""
    wait_for_documents(qtbot, made)
    qtbot.keyClick(made, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(titles(made)) == count)


def answered(qtbot: QtBot, made: MainWindow, question: str) -> None:
    ask(qtbot, made, question)
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    assert made.conversation.turns[-1].answer.answer is not None


def open_row(qtbot: QtBot, made: MainWindow, row: int) -> None:
    view = made.history.view
    where = view.visualRect(view.model().index(row, 0)).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=where)


def test_a_new_conversation_keeps_the_old_one_and_a_click_opens_it_again(
    qtbot: QtBot, window: Maker, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    wait_for_documents(qtbot, made)
    assert made.conversation.conversation is None
    answered(qtbot, made, "What is the deductible?")
    answered(qtbot, made, "And for a family?")
    assert made.conversation.title == "What is the deductible?"
    qtbot.keyClick(made, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert made.conversation.turns == []
    answered(qtbot, made, "Something else?")
    assert [request["conversation"] for request in requests(log, "ask")] == [0, 1, 0]
    show(qtbot, made, 2)
    assert titles(made) == ["Something else?", "What is the deductible?"]
    open_row(qtbot, made, 1)
    qtbot.waitUntil(lambda: len(made.conversation.turns) == 2)
    assert [turn.question for turn in made.conversation.turns] == ["What is the deductible?", "And for a family?"]
    assert "$2,000" in made.conversation.turns[0].answer.text
    assert made.conversation.composer.field.hasFocus()
    # What is asked now belongs to it, and its citations open as ever.
    qtbot.mouseClick(chips(made)[1], LEFT)
    assert made.viewer is not None
    answered(qtbot, made, "A third?")
    assert requests(log, "ask")[-1]["conversation"] == 1
    assert titles(made)[0] == "What is the deductible?"


def test_words_are_searched_in_questions_and_answers(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 1, "conversations": 8})
    show(qtbot, made, 8)
    qtbot.keyClicks(made.history.search, "handbook leave")
    qtbot.waitUntil(lambda: len(titles(made)) == 2)
    found = made.history.model.conversations()
    assert all("parental leave" in each.excerpt for each in found)
    made.history.view.grab()  # three lines a row now
    qtbot.keyClicks(made.history.search, " unheard")
    qtbot.waitUntil(lambda: made.history.hint == "No conversation has all of these words.")
    qtbot.keyClick(made.history.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(titles(made)) == 8)
    qtbot.keyClick(made.history.search, Qt.Key.Key_Escape)
    assert made.library.isVisible()


def test_a_title_is_edited_in_its_row(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window({"generate": 1, "conversations": 3}, "--log", str(log))
    show(qtbot, made, 3)
    open_row(qtbot, made, 1)
    qtbot.waitUntil(lambda: made.conversation.title == "The parental leave in 2026")
    view = made.history.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_F2)
    assert view.state() == QAbstractItemView.State.EditingState
    editor = view.findChild(QLineEdit)
    assert editor is not None
    editor.setText("  Leave,   when a child comes ")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "Leave, when a child comes" in titles(made))
    assert made.conversation.title == "Leave, when a child comes"
    assert len(requests(log, "rename_conversation")) == 1


def test_the_menu_renames_what_is_on_the_screen(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 1, "conversations": 3})
    wait_for_documents(qtbot, made)
    made.conversation.open_conversation(3)
    qtbot.waitUntil(lambda: made.conversation.number == 3)
    made.menus.rename_requested.emit()
    view = made.history.view
    qtbot.waitUntil(lambda: view.state() == QAbstractItemView.State.EditingState)
    editor = view.findChild(QLineEdit)
    assert editor is not None
    assert editor.text() == made.conversation.title


def test_a_deleted_conversation_is_put_back(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 1, "conversations": 3})
    show(qtbot, made, 3)
    before = titles(made)
    open_row(qtbot, made, 1)
    qtbot.waitUntil(lambda: bool(made.conversation.turns))
    view = made.history.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert titles(made) == [before[0], before[2]]
    assert made.conversation.turns == []  # it was on the screen
    assert made.history.undo_bar.text == f"Deleted “{before[1]}”."
    made.history.undo_bar.action_button.click()
    qtbot.waitUntil(lambda: titles(made) == before)
    view.setCurrentIndex(view.model().index(0, 0))
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    made.conversation.composer.field.setFocus()
    made.menus.edit_menu.actions()[0].trigger()  # Undo: the field has nothing to undo
    qtbot.waitUntil(lambda: titles(made) == before)
    assert not made.history.can_undo


def test_a_deletion_that_fails_is_told_and_the_list_is_asked_for_again(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "conversation_unknown"}}
    made = window({"generate": 1, "conversations": 3, "on": {"delete_conversation": [[failure]]}})
    show(qtbot, made, 3)
    made.history.delete(2)
    qtbot.waitUntil(lambda: len(titles(made)) == 3 and bool(made.notice.text))
    assert "not there any more" in made.notice.text


def test_a_thousand_conversations_are_rows_of_one_height(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 1, "conversations": 1000})
    show(qtbot, made, 1000)
    view = made.history.view
    assert view.uniformItemSizes()
    view.scrollToBottom()
    assert view.indexAt(view.viewport().rect().center()).row() > 900


def test_a_citation_whose_document_is_gone_says_so(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 1, "conversations": 2})
    wait_for_documents(qtbot, made)
    made.conversation.open_conversation(1)
    qtbot.waitUntil(lambda: bool(made.conversation.turns))
    qtbot.mouseClick(chips(made)[0], LEFT)
    assert "“a.pdf” is not in the library any more" in made.notice.text
    assert "The annual deductible is $2,000" in made.notice.text
    assert made.viewer is None


def test_a_long_conversation_is_laid_out_from_its_end(
    qtbot: QtBot, window: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = window({"generate": 1})
    wait_for_documents(qtbot, made)
    for number in range(5):
        answered(qtbot, made, f"Question {number}?")
    number = made.conversation.number
    made.conversation.clear()
    monkeypatch.setattr(conversation_pane, "TURNS_SHOWN", 2)
    made.conversation.open_conversation(number)
    qtbot.waitUntil(lambda: bool(made.conversation.turns))
    assert [turn.question for turn in made.conversation.turns] == ["Question 3?", "Question 4?"]
    made.conversation.earlier_button.click()
    made.conversation.earlier_button.click()
    assert [turn.question for turn in made.conversation.turns] == [f"Question {each}?" for each in range(5)]
    assert all(turn.isVisible() for turn in made.conversation.turns)
    assert not made.conversation.earlier_button.isVisible()


def test_an_answer_that_was_left_is_in_the_list_all_the_same(qtbot: QtBot, window: Maker) -> None:
    made = window("slow_answer")
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "How long?")
    qtbot.waitUntil(lambda: made.conversation.turns[0].answer.text == "It is ")
    made.conversation.clear()
    show(qtbot, made, 1)
    assert titles(made) == ["How long?"]
    assert made.conversation.turns == []

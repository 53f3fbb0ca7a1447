"""Summaries and comparisons: the estimate first, then progress, and the result as a turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from assistant_app.gui import phrases
from assistant_app.gui.document_model import ROW
from assistant_app.gui.main_window import MainWindow
from tests.gui.test_window import requests, select, wait_for_documents

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton


def choose(made: MainWindow, *rows: int) -> None:
    """Select rows and choose what the context menu offers for them."""
    select(made, *rows)
    view = made.library.list_view
    menu = view.make_menu(view.model().index(rows[0], 0).data(ROW))
    action = next(each for each in menu.actions() if each.text() in ("&Summarise…", "Com&pare both…"))
    action.trigger()
    menu.close()


def test_a_summary_is_estimated_started_and_becomes_a_turn(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window({"generate": 3, "step_seconds": 0.05}, "--log", str(log))
    wait_for_documents(qtbot, made)
    choose(made, 0)
    proposal = made.conversation.proposal
    assert proposal is not None
    qtbot.waitUntil(lambda: "120 passages in 5 steps" in proposal.words)
    assert "about 3 minutes" in proposal.words
    assert requests(log, "read_whole") == []
    seen: list[str] = []
    qtbot.keyClick(proposal.start_button, Qt.Key.Key_Return)
    turn = made.conversation.turns[0]
    assert made.conversation.proposal is None

    def done() -> bool:
        seen.append(turn.answer.phase)
        return turn.answer.answer is not None

    qtbot.waitUntil(done)
    assert any(words.startswith("Reading part 2 of 5…  ·  about 2 minutes left") for words in seen), seen
    assert turn.question == "Summarise “Annual report 2001.pdf”"
    assert turn.edit_button.isHidden()
    assert made.conversation.conversation is not None
    turn.answer.ask_again_requested.emit()
    qtbot.waitUntil(lambda: turn.answer.version_text == "2/2")
    assert requests(log, "read_whole")[1]["turn"] == 1


def test_a_summary_can_be_declined_and_stopped(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window({"generate": 3, "step_seconds": 0.2}, "--log", str(log))
    wait_for_documents(qtbot, made)
    choose(made, 0)
    proposal = made.conversation.proposal
    assert proposal is not None
    qtbot.keyClick(proposal.start_button, Qt.Key.Key_Escape)
    assert made.conversation.proposal is None
    assert made.conversation.welcome.isVisible()
    choose(made, 0)
    proposal = made.conversation.proposal
    assert proposal is not None
    qtbot.mouseClick(proposal.start_button, LEFT)
    qtbot.waitUntil(lambda: "part" in made.conversation.turns[0].answer.phase)
    qtbot.keyClick(made, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    assert made.conversation.turns[0].answer.failure == "Stopped."
    assert len(requests(log, "read_whole")) == 1


def test_two_documents_are_compared_from_the_menu_bar(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    wait_for_documents(qtbot, made)
    made.menus.compare.trigger()
    assert "Tick or select the two documents" in made.notice.text
    paths = [row.path for row in made.library.model.rows()][:2]
    made.library.model.tick(paths, on=True)
    made.menus.compare.trigger()
    proposal = made.conversation.proposal
    assert proposal is not None
    assert proposal.title.startswith("Compare “")
    qtbot.mouseClick(proposal.start_button, LEFT)
    qtbot.waitUntil(lambda: made.conversation.turns[0].answer.answer is not None)
    assert sorted(requests(log, "read_whole")[0]["paths"]) == sorted(paths)


def test_an_estimate_that_fails_cannot_be_started(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "document_unknown", "details": {"path": "/documents/a.pdf"}}}
    made = window({"generate": 3, "on": {"estimate_whole": [[failure]]}})
    wait_for_documents(qtbot, made)
    choose(made, 0)
    proposal = made.conversation.proposal
    assert proposal is not None
    qtbot.waitUntil(lambda: "not in the library" in proposal.words)
    assert not proposal.start_button.isEnabled()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "a few seconds"),
        (42, "about 40 seconds"),
        (57, "about 1 minute"),
        (170, "about 3 minutes"),
        (7300, "about 2 hours"),
    ],
)
def test_times_are_said_roughly(seconds: float, words: str) -> None:
    assert phrases.duration_words(seconds) == words

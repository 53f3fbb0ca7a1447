"""Answers as they are written: laid out rarely, followed at the end, and many of them without weight."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from assistant_app.errors import Code
from assistant_app.gui import conversation_pane
from assistant_app.gui.answer_view import AnswerView
from assistant_app.gui.engine_link import Failure
from assistant_app.gui.main_window import MainWindow
from assistant_app.protocol import messages
from assistant_app.protocol.records import Answer, Hit


@pytest.fixture
def view(qtbot: QtBot) -> AnswerView:
    widget = AnswerView()
    qtbot.addWidget(widget)
    widget.resize(500, 200)
    widget.show()
    widget.begin(waiting_for_engine=False)
    return widget


def answered(text: str, **fields: object) -> messages.Answered:
    return messages.Answered(answer=Answer(question="?", answer=text, found=True), **fields)  # type: ignore[arg-type]


def test_a_burst_of_pieces_is_laid_out_a_few_times(qtbot: QtBot, view: AnswerView) -> None:
    layouts: list[None] = []
    view.grown.connect(lambda: layouts.append(None))
    for _ in range(2000):
        view.show_progress(messages.AnswerText(text="word "))
    qtbot.waitUntil(lambda: view.text.count("word") == 2000)
    assert len(layouts) == 1


def test_no_timer_runs_in_an_answer_that_is_complete(qtbot: QtBot, view: AnswerView) -> None:
    view.show_progress(messages.AnswerText(text="word "))
    view.finish(answered("word"))
    assert not view.is_waiting


def test_what_is_being_done_is_said(view: AnswerView) -> None:
    said = [view.phase]
    view.show_progress(messages.ModelLoading(name="Small", fraction=0.4))
    said.append(view.phase)
    hit = Hit(rank=1, path="/a.pdf", page=1, page_label="1", score=1.0, text="t", start=0, length=1)
    view.show_progress(messages.SourcesFound(hits=[hit, hit]))
    said.append(view.phase)
    view.show_progress(messages.AnswerText(text="hm", thinking=True))
    said.append(view.phase)
    assert said == ["Looking in your documents…", "Loading Small… 40 %", "Reading 2 passages…", "Thinking…"]
    view.begin(waiting_for_engine=True)
    assert view.phase == "Starting the engine…"
    view.engine_is_ready()
    assert view.phase == "Looking in your documents…"
    view.show_progress(messages.AnswerText(text="So"))
    assert view.phase == ""


def test_a_second_try_forgets_the_first(view: AnswerView) -> None:
    view.show_progress(messages.AnswerText(text="half"))
    view.fail(Failure(Code.GENERATION_FAILED, {"said": "no"}))
    assert view.text == "half"
    assert "The model stopped with an error (no)" in view.failure
    view.begin(waiting_for_engine=False)
    assert (view.text, view.failure) == ("", "")
    view.finish(answered("whole"))
    assert (view.text, view.failure) == ("whole", "")


def test_only_the_last_turns_are_laid_out_and_the_others_come_back(
    qtbot: QtBot, window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_pane, "TURNS_SHOWN", 2)
    made = window({"generate": 1, "answer": "So."})
    pane = made.conversation
    for number in range(5):
        pane.ask(f"Question {number}?")
        qtbot.waitUntil(lambda: not pane.is_answering)
    assert [turn.isVisible() for turn in pane.turns] == [False, False, False, True, True]
    pane.earlier_button.click()
    assert [turn.isVisible() for turn in pane.turns] == [False, True, True, True, True]
    pane.earlier_button.click()
    assert all(turn.isVisible() for turn in pane.turns)
    assert not pane.earlier_button.isVisible()


def test_the_end_is_followed_unless_the_reader_went_back(qtbot: QtBot, window: Callable[..., MainWindow]) -> None:
    made = window({"generate": 1, "answer": "A line of an answer.\n\n" * 60})
    pane = made.conversation
    bar = pane.scroll_area.verticalScrollBar()
    pane.ask("First?")
    qtbot.waitUntil(lambda: not pane.is_answering and bar.maximum() > 0)
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    bar.setValue(0)
    pane.turns[0].answer.finish(answered("More.\n\n" * 200))
    qtbot.wait(50)
    assert bar.value() == 0


def test_a_new_conversation_is_empty_and_the_old_answer_does_not_return(
    qtbot: QtBot, window: Callable[..., MainWindow]
) -> None:
    made = window("slow_answer")
    pane = made.conversation
    pane.ask("How long?")
    qtbot.waitUntil(lambda: pane.turns[0].answer.text == "It is ")
    pane.clear()
    assert pane.turns == []
    assert not pane.is_answering
    pane.ask("And now?")
    qtbot.waitUntil(lambda: pane.turns[0].answer.answer is not None)
    assert pane.turns[0].question == "And now?"

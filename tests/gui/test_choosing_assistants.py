"""Choosing an assistant at the composer: what it offers, where it goes, and what becomes of one that is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from assistant_app.gui.main_window import MainWindow
from tests.gui.test_turns import asked
from tests.gui.test_window import ask, requests, wait_for_documents

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton


def opened(qtbot: QtBot, window: Maker, script: object = "three", *more: str) -> MainWindow:
    made = window(script, *more)
    qtbot.waitUntil(lambda: made.assisting.shelf.known)
    wait_for_documents(qtbot, made)
    return made


def choices(made: MainWindow) -> list[QAction]:
    """What the picker's menu lets one choose."""
    return [action for action in made.conversation.composer.assistant_picker.menu().actions() if action.isCheckable()]


def choose(made: MainWindow, name: str) -> None:
    next(action for action in choices(made) if action.text() == name).trigger()


def test_none_comes_first_then_ones_own_then_those_that_ship(qtbot: QtBot, window: Maker) -> None:
    made = opened(qtbot, window)
    shown = [(action.text(), action.toolTip(), action.isChecked()) for action in choices(made)]
    assert shown == [
        ("No assistant", "Answers as the settings say", True),
        ("Leases", "What a lease says.", False),
        ("Plain answer", "One short sentence.", False),
        ("Yes, no, not stated", "One of three labels.", False),
    ]
    picker = made.conversation.composer.assistant_picker
    assert picker.accessibleName() == "Assistant: No assistant"
    choose(made, "Plain answer")
    assert picker.accessibleName() == "Assistant: Plain answer"
    assert [action.text() for action in choices(made) if action.isChecked()] == ["Plain answer"]


def test_the_question_goes_to_the_one_that_is_chosen_and_the_answer_names_it(
    qtbot: QtBot, window: Maker, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    made = opened(qtbot, window, "three", "--log", str(log))
    first = asked(qtbot, made)
    choose(made, "Plain answer")
    second = asked(qtbot, made, "And for two?")
    choose(made, "No assistant")
    assert "Plain answer · SmolLM2" in second.answer.about_text
    assert "Plain answer" not in first.answer.about_text
    second.answer.ask_again_requested.emit()
    qtbot.waitUntil(lambda: second.answer.version_text == "2/2")
    second.edited.emit("And for three?")
    qtbot.waitUntil(lambda: second.answer.version_text == "3/3")
    asked(qtbot, made, "And now?")
    names = [request["assistant"] for request in requests(log, "ask")]
    assert names == ["", "Plain answer", "Plain answer", "Plain answer", ""], "each turn stays with its own"


def test_a_format_goes_before_exact_quotes(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    quoting = {"name": "Quotes", "exact": True}
    labels = {"name": "Labels", "format": {"kind": "labels", "labels": ["a", "b"]}}
    made = opened(qtbot, window, {"generate": 2, "assistants": [quoting, labels, {"name": "Plain"}]}, "--log", str(log))
    made.conversation.composer.set_exact(True)
    for name in ("Quotes", "Labels", "Plain"):
        choose(made, name)
        asked(qtbot, made)
    assert [request["exact"] for request in requests(log, "ask")] == [None, False, True]


def test_its_question_is_offered_and_nothing_that_was_typed_is_lost(qtbot: QtBot, window: Maker) -> None:
    made = opened(qtbot, window)
    field = made.conversation.composer.field
    choose(made, "Leases")
    assert field.toPlainText() == "Who rents what, and for how much?"
    assert field.textCursor().selectedText() == field.toPlainText(), "typing takes its place"
    choose(made, "Plain answer")
    assert field.toPlainText() == "", "it was only an offer"
    choose(made, "Leases")
    qtbot.keyClicks(field, "What about pets?")
    assert field.toPlainText() == "What about pets?"
    choose(made, "No assistant")
    choose(made, "Leases")
    assert field.toPlainText() == "What about pets?"
    field.undo()
    assert field.toPlainText() == "Who rents what, and for how much?"
    field.redo()
    assert field.toPlainText() == "What about pets?"


def test_up_gives_the_last_question_or_the_offered_one(qtbot: QtBot, window: Maker) -> None:
    made = opened(qtbot, window)
    field = made.conversation.composer.field
    choose(made, "Leases")
    field.clear()
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert field.toPlainText() == "Who rents what, and for how much?"
    field.clear()
    asked(qtbot, made, "What about pets?")
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert field.toPlainText() == "What about pets?"


def test_the_choice_is_remembered(qtbot: QtBot, window: Maker) -> None:
    made = opened(qtbot, window)
    choose(made, "Leases")
    made.close()
    again = opened(qtbot, window)
    assert again.conversation.composer.assistant_picker.name == "Leases"
    assert again.conversation.composer.field.toPlainText() == "", "nobody chose it just now"


def test_one_that_is_gone_is_said_so_and_none_is_asked(qtbot: QtBot, window: Maker) -> None:
    made = opened(qtbot, window)
    choose(made, "Leases")
    made.close()
    again = opened(qtbot, window, {"generate": 2, "assistants": []})
    qtbot.waitUntil(lambda: "“Leases” is not there any more" in again.notice.text)
    assert again.conversation.composer.assistant_picker.name == ""
    again.close()
    third = opened(qtbot, window)
    assert third.conversation.composer.assistant_picker.name == ""


def test_one_that_another_window_threw_out_fails_with_a_sentence_and_the_next_try_is_without(
    qtbot: QtBot, window: Maker, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    unknown = {"event": {"type": "failed", "code": "assistant_unknown", "details": {"name": "Leases"}}}
    none = {"event": {"type": "assistants", "assistants": []}}
    script = {"generate": 2, "on": {"ask": [[unknown]], "list_assistants": [[{"default": True}], [none]]}}
    made = opened(qtbot, window, script, "--log", str(log))
    choose(made, "Leases")
    made.conversation.composer.field.clear()
    ask(qtbot, made, "Who rents?")
    qtbot.waitUntil(lambda: made.conversation.composer.assistant_picker.name == "")
    turn = made.conversation.turns[-1]
    assert turn.answer.failure == "There is no assistant named “Leases”."
    qtbot.mouseClick(turn.answer.ask_again_button, LEFT)
    qtbot.waitUntil(lambda: turn.answer.answer is not None)
    assert [request["assistant"] for request in requests(log, "ask")] == ["Leases", ""]


def test_a_new_name_is_followed_and_one_put_back_is_chosen_again(qtbot: QtBot, window: Maker) -> None:
    made = opened(qtbot, window)
    choose(made, "Leases")
    shelf = made.assisting.shelf
    lease = shelf.get("leases")
    assert lease is not None
    shelf.save(type(lease)(name="Rents"), instead="Leases")
    picker = made.conversation.composer.assistant_picker
    qtbot.waitUntil(lambda: picker.name == "Rents")
    assert made.notice.text == ""
    shelf.delete("Rents")
    qtbot.waitUntil(lambda: picker.name == "")
    shelf.undo()
    qtbot.waitUntil(lambda: picker.name == "Rents")


def test_where_it_is_narrow_the_names_of_what_is_chosen_have_the_room(qtbot: QtBot, window: Maker) -> None:
    made = opened(qtbot, window)
    composer = made.conversation.composer
    assistant, adapter, model = composer.assistant_picker, composer.adapter_picker, composer.model_picker
    qtbot.waitUntil(lambda: "No adapter" in adapter.accessibleName() and "SmolLM2" in model.accessibleName())
    composer.setFixedWidth(444)
    qtbot.waitUntil(lambda: composer.width() == 444)
    assert (assistant.text(), adapter.text()) == ("▾", "▾")
    assert "SmolLM2" in model.text()
    choose(made, "Yes, no, not stated")
    assert "…" in assistant.text()
    assert assistant.sizeHint().width() + model.sizeHint().width() + adapter.sizeHint().width() < 444 - 90
    composer.setFixedWidth(900)
    qtbot.waitUntil(lambda: assistant.text() == "Yes, no, not stated  ▾")
    assert adapter.text() == "No adapter  ▾"

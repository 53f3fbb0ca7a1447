"""What can be done with one question and its answer: again, otherwise, understood otherwise, as it was before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCharFormat
from pytestqt.qtbot import QtBot

from assistant_app.gui.answer_text import AnswerText
from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.turn_view import TurnView
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from assistant_app.protocol.records import Answer, AnswerAdapter, Conversation, TokenCounts, Turn
from assistant_app.settings import Settings
from tests.gui.test_window import ask, requests, wait_for_documents

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton


def asked(qtbot: QtBot, made: MainWindow, question: str = "What is the deductible?") -> TurnView:
    wait_for_documents(qtbot, made)
    ask(qtbot, made, question)
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    return made.conversation.turns[-1]


def test_an_answer_asked_for_again_is_another_version(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    turn = asked(qtbot, made)
    assert turn.answer.version_text == ""
    qtbot.mouseClick(turn.answer.ask_again_button, LEFT)
    qtbot.waitUntil(lambda: turn.answer.version_text == "2/2")
    assert requests(log, "ask")[1]["turn"] == 1
    assert len(made.conversation.turns) == 1
    qtbot.mouseClick(turn.answer.older_button, LEFT)
    qtbot.waitUntil(lambda: turn.answer.version_text == "1/2")
    assert turn.answer.newer_button.isEnabled()
    assert not turn.answer.older_button.isEnabled()
    qtbot.mouseClick(turn.answer.newer_button, LEFT)
    qtbot.waitUntil(lambda: turn.answer.version_text == "2/2")


def test_a_question_is_edited_in_its_place_and_the_older_one_comes_back(
    qtbot: QtBot, window: Maker, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    turn = asked(qtbot, made)
    qtbot.mouseClick(turn.edit_button, LEFT)
    field = turn.editor.field
    assert field.hasFocus()
    assert field.toPlainText() == "What is the deductible?"
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert turn.editor.isHidden()
    assert len(requests(log, "ask")) == 1
    qtbot.mouseClick(turn.edit_button, LEFT)
    field.selectAll()
    qtbot.keyClicks(field, "What is the copayment?")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: turn.answer.version_text == "2/2")
    request = requests(log, "ask")[1]
    assert (request["question"], request["turn"], request["conversation"]) == ("What is the copayment?", 1, 1)
    assert turn.question == "What is the copayment?"
    qtbot.mouseClick(turn.answer.older_button, LEFT)
    qtbot.waitUntil(lambda: turn.question == "What is the deductible?")


def test_how_a_question_was_understood_is_shown_and_can_be_changed(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window({"generate": 2, "rewritten": "What is the deductible for a family?"}, "--log", str(log))
    first = asked(qtbot, made)
    assert first.understood == ""
    turn = asked(qtbot, made, "And for a family?")
    assert turn.understood == "Understood as: What is the deductible for a family?"
    qtbot.mouseClick(turn.edit_search_button, LEFT)
    assert turn.editor.field.toPlainText() == "What is the deductible for a family?"
    turn.editor.field.setPlainText("What is the deductible for two?")
    qtbot.keyClick(turn.editor.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: turn.answer.version_text == "2/2")
    request = requests(log, "ask")[-1]
    assert (request["question"], request["searched"]) == ("And for a family?", "What is the deductible for two?")
    assert turn.understood == "Understood as: What is the deductible for two?"


def test_a_second_try_that_fails_leaves_the_first_answer_within_reach(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "generation_failed", "details": {"said": "no"}}}
    made = window({"generate": 2, "on": {"ask": [[{"default": True}], [failure]]}})
    turn = asked(qtbot, made)
    turn.answer.ask_again_requested.emit()
    qtbot.waitUntil(lambda: bool(turn.answer.failure))
    assert turn.answer.version_text == "2/2"
    qtbot.mouseClick(turn.answer.older_button, LEFT)
    qtbot.waitUntil(lambda: "$2,000" in turn.answer.text)
    assert turn.answer.failure == ""
    assert turn.answer.version_text == ""


def test_nothing_is_asked_again_while_an_answer_is_written(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 2, "on": {"ask": [[{"default": True}], [{"until_cancelled": True}]]}})
    first = asked(qtbot, made)
    ask(qtbot, made, "And now?")
    assert not first.edit_button.isEnabled()
    assert not first.answer.ask_again_button.isEnabled()
    qtbot.keyClick(made, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    assert first.edit_button.isEnabled()
    qtbot.waitUntil(lambda: made.conversation.turns[-1].record is not None)
    assert made.conversation.turns[-1].answer.failure == "Stopped here."


def test_exact_quotes_are_asked_for_kept_in_the_settings_and_marked(
    qtbot: QtBot, window: Maker, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    turn = asked(qtbot, made)
    assert turn.answer.marks == []
    qtbot.mouseClick(made.conversation.composer.exact_button, LEFT)
    turn = asked(qtbot, made)
    assert [request["exact"] for request in requests(log, "ask")] == [False, True]
    assert requests(log, "change_settings")[0]["values"] == {"answer.mode": "exact"}
    assert turn.answer.marks == ["In the documents' own words"]


def test_general_knowledge_cannot_be_overlooked(qtbot: QtBot, window: Maker) -> None:
    fields = {"general": True, "found": False, "citations": [], "unsupported": []}
    made = window({"generate": 2, "answer": "Paris.", "answer_fields": fields})
    turn = asked(qtbot, made)
    assert turn.answer.marks[0].startswith("From the model's general knowledge, not from your documents.")
    turn.answer.ask_again_requested.emit()
    assert turn.answer.marks == []


def test_an_answer_of_a_server_names_it(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 2, "answer_fields": {"server": "http://gpu:8080/v1"}})
    turn = asked(qtbot, made)
    assert turn.answer.marks == ["Written by http://gpu:8080/v1: the question and the passages were sent there."]


def test_a_server_is_marked_as_long_as_the_settings_name_one(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    composer = made.conversation.composer
    assert composer.server_mark.text == ""
    made._settings.update({"model.server": "http://gpu:8080/v1"})
    made._show_answer_settings()
    assert composer.server_mark.text == ("Answers come from http://gpu:8080/v1: questions and passages are sent there.")
    assert composer.model_picker.isHidden()
    assert made.conversation.starter_notice.text == ""
    made._settings.update({"model.server": ""})
    made._show_answer_settings()
    assert composer.server_mark.text == ""
    assert composer.model_picker.isVisible()


def underlined(text: AnswerText) -> list[str]:
    """The pieces of text that are underlined with dots."""
    found = []
    block = text.document().begin()
    while block.isValid():
        iterator = block.begin()
        while not iterator.atEnd():
            fragment = iterator.fragment()
            if fragment.charFormat().underlineStyle() == QTextCharFormat.UnderlineStyle.DotLine:
                found.append(fragment.text())
            iterator += 1
        block = block.next()
    return found


def test_a_sentence_without_support_is_underlined_where_it_stands(qtbot: QtBot) -> None:
    text = AnswerText()
    qtbot.addWidget(text)
    text.set_answer(
        "It is 🙂 so.\n\n- For a **family** the sum\n  is $4,000. And more.",
        {},
        ["For a **family** the sum is $4,000 [2]."],
    )
    assert "".join(underlined(text)) == "For a family the sum is $4,000."


def test_a_forged_sentence_does_not_make_the_search_for_it_slow(qtbot: QtBot) -> None:
    text = AnswerText()
    qtbot.addWidget(text)
    text.set_answer("[1]" * 5000, {}, ["1" * 4000 + "z"])
    assert underlined(text) == []


def test_not_found_is_said_once(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 2, "not_found": True, "answer": "Not in your documents."})
    turn = asked(qtbot, made)
    assert not turn.answer.text_widget.isVisible()
    turn.answer.finish(messages.Answered(answer=Answer(question="?", answer="No. It says so nowhere.", found=False)))
    assert turn.answer.text_widget.isVisible()


# ---------------------------------------------------------------- another adapter


def _turn(number: int, adapter: str | None, **answer: Any) -> Turn:
    tokens = TokenCounts(prompt=50, completion=9)
    given = Answer(question="Why?", answer="So.", found=True, model="Model", adapter=adapter, tokens=tokens)
    return Turn(id=number, question="Why?", answer=msgspec.structs.replace(given, **answer))


def test_the_question_from_which_on_another_adapter_answers_is_marked(qtbot: QtBot, window: Maker) -> None:
    pane = window("three").conversation
    turns = [
        _turn(1, "letters"),
        _turn(2, "letters"),
        _turn(3, None, exact=True),  # the documents' own sentences: nothing was switched
        _turn(4, None, tokens=TokenCounts()),  # no model was asked
        _turn(5, "letters"),
        _turn(6, None),
        _turn(7, "letters-v2"),
    ]
    conversation = Conversation(id=1, title="Why?", turns=len(turns), changed_at="")
    pane._on_opened(cast(Any, None), messages.ConversationOpened(conversation=conversation, turns=turns))
    marks = [turn.switch for turn in pane.turns]
    assert marks == [
        "",
        "",
        "",
        "",
        "",
        "No adapter from here on",
        "letters-v2 from here on",
    ]
    pane.turns[5].show_record(_turn(6, "letters"))  # asked again, with the adapter
    pane._mark_switches()
    assert [turn.switch for turn in pane.turns][4:] == ["", "", "letters-v2 from here on"]


def _laid(number: int, **scales: float) -> Turn:
    """A turn that was answered with these adapters; an underscore stands for a hyphen in a file's name."""
    adapters = [
        AnswerAdapter(
            file=file.replace("_", "-"),
            name=file.partition("_")[0].capitalize(),
            version=2 if file.endswith("_v2") else 1,
            scale=scale,
        )
        for file, scale in scales.items()
    ]
    return _turn(number, " + ".join(each.file for each in adapters) or None, adapters=adapters)


def test_the_mark_tells_scales_versions_and_several_at_once(qtbot: QtBot, window: Maker) -> None:
    pane = window("three").conversation
    turns = [
        _turn(1, "letters"),  # kept before answers told scales
        _laid(2, letters=1.0),
        _laid(3, letters=0.5),
        _laid(4, letters=0.5),
        _laid(5, letters=1.0),
        _laid(6, letters=1.0, tone=0.25),
        _laid(7, tone=0.25, letters=1.0),  # in whatever order
        _laid(8, letters_v2=1.0),
        _laid(9),
    ]
    conversation = Conversation(id=1, title="Why?", turns=len(turns), changed_at="")
    pane._on_opened(cast(Any, None), messages.ConversationOpened(conversation=conversation, turns=turns))
    assert [turn.switch for turn in pane.turns] == [
        "",
        "",
        "Letters at 0.5 from here on",
        "",
        "Letters at 1 from here on",
        "Letters + Tone at 0.25 from here on",
        "",
        "Letters (version 2) from here on",
        "No adapter from here on",
    ]
    told = [turn.answer.about_text for turn in pane.turns]
    assert (told[0], told[2]) == ("Model + letters", "Model + Letters at 0.5")
    assert (told[5], told[7]) == ("Model + Letters + Tone at 0.25", "Model + Letters (version 2)")
    assert told[8] == "Model"


def test_a_switch_while_an_answer_is_written_is_for_the_next_question(
    qtbot: QtBot, window: Maker, tmp_path: Path, home: Path
) -> None:
    log = tmp_path / "log"
    begun = {"event": {"type": "answer_text", "text": "It is "}}
    script = {"generate": 2, "on": {"ask": [[begun, {"until": "use_adapter"}, {"default": True}]]}}
    made = window(script, "--log", str(log))
    wait_for_documents(qtbot, made)
    Settings(Paths.resolve(home).settings).update({"adapter.path": "/adapters/json-answers.gguf"})
    made.open_settings("adapters")
    assert made.settings_dialog is not None
    page = made.settings_dialog.adapters
    qtbot.waitUntil(lambda: page.slider.isEnabled() and page.list.count() > 0)
    ask(qtbot, made, "What is the deductible?")
    qtbot.waitUntil(lambda: "It is" in made.conversation.turns[0].answer.text)
    assert not requests(log, "use_adapter")
    page.slider.setValue(10)
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    (sent,) = requests(log, "use_adapter")
    assert (sent["path"], sent["scale"]) == ("/adapters/json-answers.gguf", 0.5)
    assert not requests(log, "cancel")
    second = asked(qtbot, made, "And for two?")
    first = made.conversation.turns[0]
    assert first.record is not None
    assert second.record is not None
    assert (first.record.answer.adapters, first.switch) == ([], "")
    assert [(each.file, each.scale) for each in second.record.answer.adapters] == [("json-answers", 0.5)]
    assert second.switch == "json-answers at 0.5 from here on"
    assert asked(qtbot, made, "And for three?").switch == ""
    made.settings_dialog.close()

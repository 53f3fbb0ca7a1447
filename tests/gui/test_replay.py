"""Recordings of the real engine's pipe, replayed into the window: what the engine says today, the window can show.

A recording is made by driving ``docent engine`` by hand and writing down both directions, one JSON object a line (see
``tests/fake_engine.py``). One that no longer decodes shows a change of the protocol that old engines would feel.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from assistant_app.gui.main_window import MainWindow
from assistant_app.protocol import wire

RECORDINGS = sorted((Path(__file__).parent.parent / "protocol").glob("*.jsonl"))


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_every_recorded_line_is_a_message(recording: Path) -> None:
    for line in recording.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "event" in entry:
            wire.decode_event(json.dumps(entry["event"]).encode())
        else:
            wire.decode_request(json.dumps(entry["request"]).encode())


def test_a_first_question_as_the_engine_answered_it(qtbot: QtBot, window: Callable[..., MainWindow]) -> None:
    made = window("plain", "--replay", str(RECORDINGS[0].with_name("first_question.jsonl")))
    qtbot.waitUntil(lambda: "SmolLM2" in made.conversation.composer.model_picker.text())
    made.add_paths(["/documents/Standard plan.pdf", "/documents/broken.pdf"])
    model = made.library.model
    qtbot.waitUntil(lambda: not any(row.busy for row in model.rows()) and len(model) == 2)
    said = {row.name: model.state(row).words for row in model.rows()}
    assert said == {"Standard plan.pdf": "2 pages", "broken.pdf": "Damaged"}
    field = made.conversation.composer.field
    qtbot.keyClicks(field, "What is the annual deductible of the Standard plan?")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    answer = made.conversation.turns[0].answer
    qtbot.waitUntil(lambda: answer.answer is not None)
    assert "$2,000 [1]" in answer.text
    assert answer.answer is not None
    assert answer.answer.citations[0].page == 2

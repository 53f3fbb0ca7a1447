"""The format report: measured with time left, stopped, told plainly, drawn, exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from assistant_app.gui import style
from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.report_window import ReportWindow
from assistant_app.gui.ways_plot import WaysPlot
from assistant_app.protocol.report import FormatReport, Way
from tests.gui.test_window import requests, wait_for_documents

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton
ADAPTER = "/adapters/json-answers.gguf"


def way(name: Any, valid: int, low: float, high: float) -> dict[str, Any]:
    return {"way": name, "asked": 20, "valid": valid, "low": low, "high": high, "tokens": 41, "seconds": 2.34}


REPORT = {
    "adapter": "json-answers",
    "adapter_hash": "a" * 64,
    "base_hash": "b" * 64,
    "base": "SmolLM2 135M Instruct",
    "format": "schema",
    "ways": [
        way("instructions", 3, 0.05, 0.36),
        way("grammar", 19, 0.76, 0.99),
        {**way("adapter", 18, 0.7, 0.97), "agreement": 0.625, "compared": 8},
        way("adapter_grammar", 20, 0.84, 1.0),
    ],
    "advice": "grammar",
    "assistant": "Contract facts",
    "approved": 8,
    "made_at": "2026-11-20T12:00:00Z",
}
PROGRESS = {"type": "report_progress", "way": "grammar", "done": 30, "total": 80, "seconds_left": 130.0}
DONE = {"type": "format_reported", "report": REPORT}
NONE = {"type": "format_reported", "report": None}


def opened(qtbot: QtBot, window: Maker, *more: str, **on: Any) -> tuple[MainWindow, ReportWindow]:
    made = window({"generate": 1, "on": {"read_report": [[{"event": NONE}]] * 5, **on}}, *more)
    wait_for_documents(qtbot, made)
    made.menus.report_requested.emit()
    shown = made.assisting.report_window
    assert shown is not None
    qtbot.waitUntil(lambda: shown.adapter.count() > 0 and shown.assistant.count() > 1)
    return made, shown


def test_a_report_is_measured_told_and_drawn(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    steps = [{"event": PROGRESS}, {"sleep": 0.3}, {"event": DONE}]
    log = tmp_path / "log.jsonl"
    _, shown = opened(qtbot, window, "--log", str(log), check_adapter=[steps])
    assert shown.verdict.text() == "This adapter was not measured yet."
    assert not shown.export_button.isEnabled()
    shown.count.setValue(33)
    shown.assistant.setCurrentIndex(1)
    qtbot.mouseClick(shown.start_button, LEFT)
    qtbot.waitUntil(lambda: shown.phase.text() == "Grammar: 30 of 80 · about 2 minutes left")
    assert (shown.bar.value(), shown.bar.maximum()) == (30, 80)
    assert not shown.adapter.isEnabled()
    qtbot.waitUntil(lambda: not shown.is_running)
    (asked,) = requests(log, "check_adapter")
    assert (asked["adapter"], asked["count"]) == (shown.adapter.currentData(), 33)
    assert asked["assistant"] == shown.assistant.currentData() != ""
    assert shown.verdict.text() == "Instructions with a grammar give 95 % valid answers: you do not need an adapter."
    cells = [label.text() for label in shown.figures.findChildren(QLabel)]
    assert "0.62 (8)" in cells or "0.63 (8)" in cells
    assert "70 % – 97 %" in cells
    assert "Contract facts" in shown.about.text()
    assert "Adapter + grammar: 20 of 20" in shown.plot.accessibleDescription()


def test_the_newest_report_is_there_when_the_window_opens(qtbot: QtBot, window: Maker) -> None:
    _, shown = opened(qtbot, window, read_report=[[{"event": DONE}]] * 5)
    qtbot.waitUntil(lambda: "you do not need an adapter" in shown.verdict.text())


def test_it_can_be_stopped_and_failures_are_said(qtbot: QtBot, window: Maker) -> None:
    failed = [{"event": {"type": "failed", "code": "questions_empty", "details": {}}}]
    _, shown = opened(qtbot, window, check_adapter=[[{"event": PROGRESS}, {"until_cancelled": True}], failed])
    qtbot.mouseClick(shown.start_button, LEFT)
    qtbot.waitUntil(lambda: bool(shown.phase.text()) and shown.bar.value() == 30)
    assert shown.start_button.text() == "&Stop"
    qtbot.mouseClick(shown.start_button, LEFT)
    qtbot.waitUntil(lambda: not shown.is_running)
    assert shown.failure.text == ""
    qtbot.mouseClick(shown.start_button, LEFT)
    qtbot.waitUntil(lambda: shown.failure.text.startswith("There is nothing to ask"))
    assert shown.start_button.isEnabled()


@pytest.mark.parametrize("name", ["report.md", "report.json"])
def test_a_report_is_exported(qtbot: QtBot, window: Maker, tmp_path: Path, name: str) -> None:
    _, shown = opened(qtbot, window, read_report=[[{"event": DONE}]] * 5)
    qtbot.waitUntil(shown.export_button.isEnabled)
    shown.export(str(tmp_path / name))
    content = (tmp_path / name).read_text(encoding="utf-8")
    if name.endswith("json"):
        assert json.loads(content)["ways"][0]["valid"] == 3
    else:
        assert "| Grammar | 19 of 20 |" in content
    shown.export(str(tmp_path / "nowhere" / name))
    assert "nowhere" in shown.failure.text or name in shown.failure.text


def test_the_advised_way_has_the_colour(qtbot: QtBot) -> None:
    plot = WaysPlot()
    qtbot.addWidget(plot)
    plot.resize(600, plot.sizeHint().height())
    plot.show_report(
        FormatReport(**{**REPORT, "ways": [Way(**each) for each in REPORT["ways"]]})  # type: ignore[arg-type, attr-defined]
    )
    image: QImage = plot.grab().toImage()
    accent = style.colour("accent").rgb()
    rows = {y for y in range(image.height()) for x in range(0, image.width(), 3) if image.pixel(x, y) == accent}
    assert rows
    assert min(rows) > 12 + 40
    assert max(rows) < 12 + 80

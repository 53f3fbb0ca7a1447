"""The main job with nothing scripted: the real engine, a real file, the window's own controls."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from assistant_app.gui.engine_link import EngineLink, engine_command
from assistant_app.gui.main_window import MainWindow
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from assistant_app.settings import Settings
from tests.gui.test_window import ask, chips, drop, files, words
from tests.pdfs import HEIGHT, LEADING, LEFT, TOP, WIDTH, text_pdf

pytestmark = pytest.mark.models

QUOTED = "The Aurora plan has a calendar year deductible of $1,250 for each person."
PAGES = [
    ["Contents", "This booklet describes the benefits of Meridian Works."],
    ["The Aurora plan at a glance", QUOTED, "Members pay a copayment of $30 for a visit to a specialist."],
    ["Leave", "Full-time staff receive 27 days of paid leave a year."],
]
QUESTION = "What is the deductible of the Aurora plan?"
PATIENCE = 120_000
"""Milliseconds; the engine imports torch first, on a busy machine."""


@pytest.fixture
def window(qapp: QApplication, home: Path) -> Iterator[MainWindow]:
    paths = Paths.resolve(home)
    paths.create()
    link = EngineLink(engine_command(str(home)))
    made = MainWindow(link, paths, Settings(paths.settings))
    made.show()
    link.start()
    yield made
    link.close()
    made.hide()
    made.deleteLater()


def test_drop_ask_read_and_see_the_quote_in_its_page(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    file = text_pdf(tmp_path / "Aurora_plan.pdf", PAGES)
    assert drop(window.conversation, files(file))
    qtbot.waitUntil(lambda: "3 pages" in words(window, file), timeout=PATIENCE)

    ask(qtbot, window, QUESTION)
    answer = window.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: answer.answer is not None, timeout=PATIENCE)
    assert answer.answer is not None
    assert "1,250" in answer.text
    citation = answer.answer.citations[0]
    assert (citation.page, citation.verified) == (2, True)

    seen: list[tuple[str, int, list[QRectF]]] = []
    qtbot.mouseClick(chips(window)[0], Qt.MouseButton.LeftButton)
    viewer = window.viewer
    assert viewer is not None
    viewer.highlighted.connect(lambda path, page, boxes: seen.append((path, page, boxes)))
    qtbot.waitUntil(lambda: bool(seen), timeout=PATIENCE)
    path, page, boxes = seen[-1]
    assert (path, page) == (str(file), 2)
    # The sentence is the second line of the page: the box lies on its baseline, from its first letter on. A bare sum
    # is quoted with the line above, which names the plan.
    image = viewer.view.images.image(2)
    assert image is not None
    width, height = image.width(), image.height()
    box = boxes[-1]
    assert box.left() / width == pytest.approx(LEFT / WIDTH, abs=0.01)
    baseline = (HEIGHT - (TOP - LEADING)) / HEIGHT
    assert box.top() / height < baseline < box.bottom() / height + 0.005
    assert box.bottom() / height < baseline + LEADING / HEIGHT


def test_an_engine_killed_in_mid_answer_is_a_sentence_and_can_be_asked_again(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    file = text_pdf(tmp_path / "Aurora_plan.pdf", PAGES)
    assert drop(window, files(file))
    qtbot.waitUntil(lambda: "3 pages" in words(window, file), timeout=PATIENCE)
    base = window.engine.request(messages.UseAdapter(path=""))  # with the adapter the answer would be there at once
    with qtbot.waitSignal(base.finished, timeout=PATIENCE):
        pass
    ask(qtbot, window, "What is the deductible of the Aurora plan, and what does a visit to a specialist cost?")
    answer = window.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: bool(answer.text), timeout=PATIENCE)
    killed = window.engine.process_id
    os.kill(killed, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(answer.failure), timeout=PATIENCE)
    assert "Your documents are safe" in answer.failure
    qtbot.waitUntil(lambda: window.engine.is_ready, timeout=PATIENCE)
    assert window.engine.process_id != killed
    assert "3 pages" in words(window, file)
    qtbot.mouseClick(answer.ask_again_button, Qt.MouseButton.LeftButton)
    again = window.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: again.answer is not None, timeout=PATIENCE)

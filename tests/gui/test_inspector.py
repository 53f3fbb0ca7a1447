"""The inspector: candidates drawn and listed, the prompt, the budget, the times; with many, and with none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from assistant_app.gui import candidate_words, style
from assistant_app.gui.bump_chart import BumpChart
from assistant_app.gui.candidate_model import Column
from assistant_app.gui.inspector_window import InspectorWindow, Key
from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.settings_page import number_text
from assistant_app.protocol.records import Candidate, Citation
from tests.gui.test_turns import asked
from tests.gui.test_window import requests

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton


def candidate(number: int, fate: candidate_words.Fate = "lower", **ranks: int | None) -> Candidate:
    return Candidate(
        path=f"/d/{number}.pdf",
        page=number,
        page_label=str(number),
        section=number,
        start=0,
        length=9,
        text=f"text {number}",
        fate=fate,
        **ranks,  # type: ignore[arg-type]
    )


def inspected(qtbot: QtBot, window: Maker, **script: object) -> tuple[MainWindow, InspectorWindow]:
    made = window({"generate": 4, **script})
    turn = asked(qtbot, made)
    qtbot.mouseClick(turn.answer.inspect_button, LEFT)
    inspector = made.inspector
    assert inspector is not None
    qtbot.waitUntil(lambda: inspector.empty.text() != "Looking it up…" or not inspector.is_empty)
    return made, inspector


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)}


@pytest.mark.parametrize("count", [1, 40, 160])
def test_chart_table_and_card_show_the_same_candidate(qtbot: QtBot, window: Maker, count: int) -> None:
    _made, inspector = inspected(qtbot, window, candidates=count)
    qtbot.waitUntil(lambda: inspector.chart.current == 0)
    assert inspector.model.rowCount() == count
    assert (inspector.card.document.text(), inspector.card.place.text()) == ("Benefits handbook 2000.pdf", "page 1")
    assert inspector.card.fate.text().startswith("Given to the model.")
    inspector.grab()
    if count == 1:
        return
    qtbot.keyClick(inspector.chart, Qt.Key.Key_Down)
    assert inspector.chart.current == 1
    assert inspector.table.currentIndex().row() == 1
    assert "page 8" in inspector.card.place.text()
    qtbot.keyClick(inspector.chart, Qt.Key.Key_End)
    assert inspector.chart.current == count - 1
    inspector.table.sortByColumn(Column.KEYWORD, Qt.SortOrder.AscendingOrder)
    inspector.table.setCurrentIndex(inspector.sorted.index(0, 0))
    assert "by words 1 " in inspector.card.ranks.text()
    assert inspector.chart.current >= 0


def test_a_click_on_a_line_chooses_it(qtbot: QtBot) -> None:
    chart = BumpChart()
    qtbot.addWidget(chart)
    chart.resize(700, 400)
    chart.show()
    chart.show_candidates([candidate(number, fused_rank=number, vector_rank=9 - number) for number in range(1, 9)])
    told: list[int] = []
    chart.chosen.connect(told.append)
    for number in (0, 4, 7):
        qtbot.mouseClick(chart, LEFT, pos=chart.points(number)[0].toPoint())
    assert told == [0, 4, 7]
    between = (chart.points(4)[0] + chart.points(4)[1]) / 2
    qtbot.mouseClick(chart, LEFT, pos=between.toPoint())
    assert told[-1] in (3, 4)  # they cross there
    qtbot.mouseClick(chart, LEFT, pos=QPoint(690, 390))
    assert len(told) == 4
    chart.choose(7)
    assert "8.pdf" in chart.accessibleDescription()


def test_ranks_are_drawn_from_the_first_downwards_and_a_missing_one_is_left_out() -> None:
    rows = [
        candidate(1, "kept", vector_rank=3, fused_rank=1, page_rank=1),
        candidate(2, "lower", keyword_rank=1, fused_rank=2),
        candidate(3, "kept", vector_rank=1, keyword_rank=2, fused_rank=3, page_rank=2),
    ]
    stages = candidate_words.stages(rows)
    assert [stage.name for stage in stages] == ["Meaning", "Words", "Fused", "By page", "To the model"]
    assert stages[-1].ranks == (1, None, 2)
    rows[2] = candidate(3, "kept", fused_rank=3, reranker_rank=1)
    rows[0] = candidate(1, "kept", fused_rank=1, reranker_rank=2)
    stages = candidate_words.stages(rows)
    assert [stage.name for stage in stages][-2:] == ["Reranker", "To the model"]
    assert stages[-1].ranks == (2, None, 1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_fate_has_its_look_in_both_themes(qapp: QApplication, qtbot: QtBot, theme: str) -> None:
    style.apply(qapp, theme)
    chart = BumpChart()
    qtbot.addWidget(chart)
    chart.resize(700, 400)
    rows = [
        candidate(number, fate, vector_rank=number, keyword_rank=number, fused_rank=number)
        for number, fate in enumerate(candidate_words.FATES, 1)
    ]
    chart.show_candidates(rows)
    image = chart.grab().toImage()
    seen = colours(image)
    for role in ("success", "accent", "danger", "warning"):
        assert style.colour(role).name() in seen, role
    looks = {(look.role, look.dash) for look in candidate_words.LOOKS.values()}
    assert len(looks) == len(candidate_words.FATES)
    assert QColor(style.colour("surface_raised")).name() in seen


def test_the_prompt_is_exact_and_can_be_copied(qtbot: QtBot, window: Maker) -> None:
    _made, inspector = inspected(qtbot, window)
    assert inspector.prompt.toPlainText().startswith("<|im_start|>system\nAnswer from the sources alone.")
    assert inspector.prompt.isReadOnly()
    qtbot.mouseClick(inspector.copy_prompt, LEFT)
    assert QGuiApplication.clipboard().text() == inspector.prompt.toPlainText()


def test_budget_and_times_are_told_in_figures_too(qtbot: QtBot, window: Maker) -> None:
    _made, inspector = inspected(qtbot, window)
    inspector.tabs.setCurrentIndex(2)
    inspector.grab()
    used, whole = number_text(1060), number_text(4096)
    assert inspector.budget_words.text() == f"{used} of {whole} tokens went into the prompt."
    said = inspector.budget.accessibleDescription()
    assert "Sources: 900  (22 %)" in said
    assert "Not used: " in said
    assert "Searching by meaning: 2 ms" in inspector.times.accessibleDescription()
    assert "3.2 s" in inspector.times.accessibleDescription()


def test_the_legend_counts(qtbot: QtBot, window: Maker) -> None:
    _made, inspector = inspected(qtbot, window)
    keys = [key.accessibleName() for key in inspector.legend.findChildren(Key) if not key.isHidden()]
    assert "Given to the model: 5" in keys
    assert sum(int(key.rsplit(" ", 1)[1]) for key in keys) == 40


def test_an_answer_without_an_inspection_says_so(qtbot: QtBot, window: Maker) -> None:
    _made, inspector = inspected(qtbot, window, candidates=0)
    assert inspector.is_empty
    assert inspector.empty.text().startswith("Nothing was noted down")
    inspector.grab()


def test_a_failure_is_a_sentence(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "conversation_unknown"}}
    _made, inspector = inspected(qtbot, window, on={"inspect_answer": [[failure]]})
    assert "not there any more" in inspector.empty.text()


def test_a_passage_is_shown_in_its_page(qtbot: QtBot, window: Maker) -> None:
    made, inspector = inspected(qtbot, window)
    shown: list[Citation] = []
    inspector.passage_activated.connect(shown.append)
    qtbot.mouseClick(inspector.card.show_button, LEFT)
    assert shown[0].page == 1
    assert made.viewer is not None
    qtbot.keyClick(inspector, Qt.Key.Key_Escape)
    assert not inspector.isVisible()


def test_the_version_on_the_screen_is_explained(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window({"generate": 4}, "--log", str(log))
    turn = asked(qtbot, made)
    turn.answer.ask_again_requested.emit()
    qtbot.waitUntil(lambda: turn.answer.version_text == "2/2")
    qtbot.mouseClick(turn.answer.older_button, LEFT)
    qtbot.waitUntil(lambda: turn.answer.version_text == "1/2")
    made.menus.inspect_requested.emit()
    qtbot.waitUntil(lambda: bool(requests(log, "inspect_answer")))
    (request,) = requests(log, "inspect_answer")
    assert (request["turn"], request["version"]) == (1, 1)

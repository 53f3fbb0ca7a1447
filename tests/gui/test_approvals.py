"""Approved answers: the table and what it says, and the window in which they are looked through."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLabel, QLineEdit, QPlainTextEdit, QTableView
from pytestqt.qtbot import QtBot

from assistant_app.gui import approval_words
from assistant_app.gui.approvals_model import COUNTING, NOT_COUNTING, ApprovalsModel, Column, ShownApprovals
from assistant_app.gui.approvals_window import ApprovalsWindow
from assistant_app.gui.main_window import MainWindow
from assistant_app.protocol.training import Approval, Example, Origin, Problem, SourceText
from tests.gui.test_turns import asked
from tests.gui.test_window import requests, wait_for_documents

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
DESCENDING = Qt.SortOrder.DescendingOrder


def approval(number: int, question: str, **fields: Any) -> Approval:
    example = Example(question=question, answer=fields.pop("answer", "It is so [1]."))
    return Approval(id=number, example=example, **{"origin": "answer", **fields})


def opened(qtbot: QtBot, window: Maker, script: dict[str, Any], *more: str) -> tuple[MainWindow, ApprovalsWindow]:
    made = window({"generate": 1, **script}, *more)
    wait_for_documents(qtbot, made)
    made.menus.approvals_requested.emit()
    shown = made.training.approvals_window
    assert shown is not None
    qtbot.waitUntil(lambda: made.training.approvals.known)
    return made, shown


def select(shown: ApprovalsWindow, *numbers: int) -> None:
    flags = shown.table.selectionModel().SelectionFlag
    shown.table.clearSelection()
    for number in numbers:
        at = shown.shown.index(shown.shown.row_of(number), 0)
        shown.table.selectionModel().setCurrentIndex(at, flags.Select | flags.Rows)


def numbers(shown: ApprovalsWindow) -> list[int]:
    return [shown.shown.approval(row).id for row in range(shown.shown.rowCount())]


def choose_group(shown: ApprovalsWindow, group: str) -> None:
    shown.groups.setCurrentIndex(shown.groups.findData(group))


# ---------------------------------------------------------------- words


@pytest.mark.parametrize("problem", get_args(Problem))
def test_every_problem_has_words_and_a_sentence(problem: str) -> None:
    assert approval_words.problem_words(problem) != problem
    sentence = approval_words.problem_sentence(problem)
    assert sentence.endswith(".")
    assert not sentence.startswith("Something is wrong")


@pytest.mark.parametrize("origin", get_args(Origin))
def test_every_origin_has_words(origin: str) -> None:
    assert approval_words.origin_words(origin) != origin


def test_what_comes_from_a_newer_engine_is_shown_as_it_is() -> None:
    assert approval_words.problem_words("from_the_future") == "from_the_future"
    assert "from_the_future" in approval_words.problem_sentence("from_the_future")


@pytest.mark.parametrize(
    ("added", "problems", "said"),
    [
        (0, {}, "Nothing was added from “a.jsonl”."),
        (0, {"duplicate": 3}, "Nothing was added from “a.jsonl”. What does not count: there already: 3."),
        (1, {}, "1 answer was added from “a.jsonl”. It counts."),
        (2, {}, "2 answers were added from “a.jsonl”. All of them count."),
        (
            5,
            {"duplicate": 1, "empty": 2},
            "5 answers were added from “a.jsonl”. What does not count: empty: 2, there already: 1.",
        ),
    ],
)
def test_what_an_import_brought_is_a_sentence(added: int, problems: dict[str, int], said: str) -> None:
    assert approval_words.imported_sentence("a.jsonl", added, problems) == said


def test_sources_carry_their_numbers_and_pages() -> None:
    sources = [SourceText(name="a.pdf", text="One.", page=3), SourceText(name="b.docx", text="Two.")]
    assert approval_words.sources_text(sources) == "[1] a.pdf, page 3\nOne.\n\n[2] b.docx\nTwo."
    said = approval_words.sources_text(sources, [{"role": "system", "content": "Be brief."}])
    assert said == "system\nBe brief.", "where there are messages, they are the prompt"


# ---------------------------------------------------------------- the table


@pytest.fixture
def table(qapp: object) -> ShownApprovals:
    model = ApprovalsModel()
    model.set_approvals(
        [
            approval(3, "What of B?", problems=["empty"], counts=False, answer=""),
            approval(2, "what of a?", problems=["duplicate", "secret"], accepted=True, origin="imported"),
            approval(1, "What of C?\nAnd D?", answer="A *long* one [1].", approved_at="2026-01-31T12:00:00.000Z"),
        ]
    )
    shown = ShownApprovals(model)
    model.setParent(shown)
    return shown


def column(shown: ShownApprovals, which: Column) -> list[str]:
    return [shown.index(row, which).data() for row in range(shown.rowCount())]


def test_rows_say_it_in_words_and_are_sorted(table: ShownApprovals) -> None:
    table.sort(Column.QUESTION)
    assert column(table, Column.QUESTION) == ["what of a?", "What of B?", "What of C? And D?"]
    assert column(table, Column.COUNTS) == ["Counts all the same", "Empty", "Counts"]
    assert column(table, Column.ORIGIN) == ["Imported", "An answer", "An answer"]
    assert column(table, Column.SOURCES) == ["0", "0", "0"]
    table.sort(Column.WHEN, DESCENDING)
    assert table.approval(0).id == 1
    assert table.row_of(1) == 0
    assert table.row_of(7) == -1


def test_they_are_narrowed_down_by_words_and_groups(table: ShownApprovals) -> None:
    found = {}
    for text, group in (("", ""), ("LONG one", ""), ("", COUNTING), ("", NOT_COUNTING), ("", "secret"), ("c", "empty")):
        table.narrow(text, group)
        found[text, group] = sorted(table.approval(row).id for row in range(table.rowCount()))
    assert list(found.values()) == [[1, 2, 3], [1], [1, 2], [3], [2], []]


# ---------------------------------------------------------------- the window


def test_an_empty_window_says_how_examples_come_into_being(qtbot: QtBot, window: Maker) -> None:
    made, shown = opened(qtbot, window, {})
    assert shown.is_empty
    assert "Press “Good” under an answer" in shown.empty.text()
    assert not shown.buttons[shown.export_action].isEnabled()
    turn = asked(qtbot, made)
    qtbot.mouseClick(turn.answer.approval.good, LEFT)
    qtbot.waitUntil(lambda: numbers(shown) == [1])
    assert not shown.is_empty
    assert shown.count.text() == "1 answer, which counts"


def test_one_selected_is_shown_whole(qtbot: QtBot, window: Maker) -> None:
    _, shown = opened(qtbot, window, {"approvals": 4})
    assert shown.count.text() == "4 answers, 3 of them count"
    select(shown, 1)
    assert shown.editor.sources.toPlainText().startswith("[1] Handbook.pdf, page 3\nSection 1 settles")
    assert shown.editor.question.toPlainText() == "What does section 1 say about the parental leave?"
    assert shown.editor.problems.isHidden()
    assert shown.editor.accept.isHidden()
    select(shown, 1, 2)
    assert shown.editor.is_empty
    assert shown.editor.words.text() == "2 answers are selected."


def test_search_and_filter_narrow_it_down(qtbot: QtBot, window: Maker) -> None:
    _, shown = opened(qtbot, window, {"approvals": 40})
    qtbot.keyClicks(shown.search, "overtime")
    qtbot.waitUntil(lambda: shown.shown.rowCount() == 6)
    assert shown.count.text() == "6 of 40 answers"
    choose_group(shown, "duplicate")
    assert shown.shown.rowCount() == 0
    assert shown.editor.words.text() == "None of the answers fits the search."
    shown.search.clear()
    choose_group(shown, "cites_nothing_there")
    assert set(column(shown.shown, Column.COUNTS)) == {"An [n] without a source"}


def test_an_answer_is_changed_and_saved_by_the_keyboard(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    _, shown = opened(qtbot, window, {"approvals": 3}, "--log", str(log))
    select(shown, 3)
    assert shown.editor.problems.text().startswith("A sentence claims something without an [n].")
    shown.editor.answer.setPlainText("It is settled [1].")
    assert shown.editor.state.text() == "Not saved yet"
    qtbot.keyClick(shown.editor.answer, Qt.Key.Key_Return, CONTROL)
    qtbot.waitUntil(lambda: shown.editor.unsaved == [])
    assert shown.editor.problems.isHidden()
    assert [each.id for each in shown.selected()] == [3]
    (sent,) = requests(log, "change_approval")
    assert (sent["approval"], sent["question"], sent["answer"]) == (3, None, "It is settled [1].")


def test_what_is_typed_stays_while_another_is_looked_at(qtbot: QtBot, window: Maker) -> None:
    made, shown = opened(qtbot, window, {"approvals": 3})
    select(shown, 2)
    shown.editor.answer.setPlainText("Half a thought")
    select(shown, 1)
    assert shown.editor.state.text() == ""
    made.training.approvals.refresh()
    qtbot.wait(50)
    assert not made.close(), "it would be lost"
    select(shown, 2)
    assert shown.editor.answer.toPlainText() == "Half a thought"
    shown.editor.revert_button.click()
    assert shown.editor.answer.toPlainText().startswith("The notice period is settled")
    assert shown.editor.unsaved == []


def test_a_change_that_fails_keeps_what_was_typed(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "disk_full"}}
    _, shown = opened(qtbot, window, {"approvals": 1, "on": {"change_approval": [[failure]]}})
    select(shown, 1)
    shown.editor.answer.setPlainText("It is settled [1].")
    shown.editor.save_button.click()
    qtbot.waitUntil(lambda: shown.editor.failure.text().startswith("The disk is full."))
    assert shown.editor.answer.toPlainText() == "It is settled [1]."
    assert shown.editor.save_button.isEnabled()


def test_a_problem_that_can_be_accepted_is(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    _, shown = opened(qtbot, window, {"approvals": 8}, "--log", str(log))
    select(shown, 8)
    assert shown.editor.accept.isHidden(), "a number without a source is a mistake, whatever one says"
    select(shown, 3)
    assert shown.editor.accept.isVisible()
    shown.editor.accept.click()
    qtbot.waitUntil(lambda: shown.selected()[0].counts)
    assert shown.editor.accept.isChecked()
    assert requests(log, "change_approval")[0]["accepted"] is True
    assert shown.count.text() == "8 answers, 7 of them count"


def test_delete_throws_out_and_can_be_undone(qtbot: QtBot, window: Maker) -> None:
    _, shown = opened(qtbot, window, {"approvals": 5})
    shown.table.sortByColumn(Column.WHEN, Qt.SortOrder.AscendingOrder)
    select(shown, 2, 3)
    shown.activateWindow()
    shown.table.setFocus()
    qtbot.waitUntil(shown.table.hasFocus)
    qtbot.keyClick(shown.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: numbers(shown) == [1, 4, 5])
    assert shown.notice.text == "2 answers were thrown out."
    assert len(shown.selected()) == 1, "the next one is at hand"
    shown.notice.action_button.click()
    qtbot.waitUntil(lambda: numbers(shown) == [1, 2, 3, 4, 5])
    select(shown, 4)
    qtbot.keyClick(shown.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: shown.notice.text == "1 answer was thrown out.")
    qtbot.keyClick(shown.table, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: 4 in numbers(shown))
    assert shown.notice.text == ""


def test_a_file_is_imported_and_its_outcome_told(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made, shown = opened(qtbot, window, {})
    source = {"name": "a.pdf", "text": "One."}
    good = {"question": "Good?", "answer": "Yes [1].", "sources": [source]}
    lines = [good, {**good, "answer": "Yes."}, {**good, "answer": ""}]
    file = tmp_path / "examples.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    made.training.approvals.import_file(str(file))
    qtbot.waitUntil(lambda: bool(shown.notice.text))
    assert shown.notice.text == (
        "3 answers were added from “examples.jsonl”. What does not count: empty: 1, a claim without [n]: 1."
    )
    shown.notice.action_button.click()
    assert sorted(numbers(shown)) == [2, 3]
    made.training.approvals.import_file(str(tmp_path / "nowhere"))
    qtbot.waitUntil(lambda: "nowhere" in shown.notice.text)


@pytest.mark.parametrize("shape", ["openai", "chatml"])
def test_the_shape_of_an_export_is_chosen_by_the_filter(
    qtbot: QtBot, window: Maker, tmp_path: Path, shape: str
) -> None:
    _, shown = opened(qtbot, window, {"approvals": 2})
    shown.export_action.trigger()
    dialog = shown.findChild(QFileDialog)
    assert dialog is not None
    assert not dialog.isModal() or dialog.windowModality() != Qt.WindowModality.ApplicationModal
    filters = {"openai": "OpenAI messages (*.jsonl)", "chatml": "ChatML text (*.jsonl)"}
    assert dialog.nameFilters() == list(filters.values())
    dialog.selectNameFilter(filters[shape])
    target = tmp_path / "out.jsonl"
    dialog.fileSelected.emit(str(target))
    qtbot.waitUntil(lambda: bool(shown.notice.text))
    assert target.read_text(encoding="utf-8") == shape
    assert shown.notice.text == "The answers that count are written to “out.jsonl”."
    dialog.close()


def test_three_hundred_rows_are_filled_once(qtbot: QtBot, window: Maker) -> None:
    made, shown = opened(qtbot, window, {"approvals": 300})
    assert shown.shown.rowCount() == 300
    resets: list[None] = []
    shown.model.modelReset.connect(lambda: resets.append(None))
    shown.table.scrollToBottom()
    shown.table.selectAll()
    shown.delete_action.trigger()
    qtbot.waitUntil(lambda: shown.is_empty)
    made.training.approvals.undo()
    qtbot.waitUntil(lambda: shown.shown.rowCount() == 300)
    assert len(resets) == 2


def test_the_order_is_remembered(qtbot: QtBot, window: Maker) -> None:
    made, shown = opened(qtbot, window, {"approvals": 9})
    shown.table.sortByColumn(Column.QUESTION, Qt.SortOrder.AscendingOrder)
    before = numbers(shown)
    made.close()
    _, again = opened(qtbot, window, {"approvals": 9})
    assert numbers(again) == before


def test_every_control_has_a_name(qtbot: QtBot, window: Maker) -> None:
    _, shown = opened(qtbot, window, {"approvals": 20})
    for kind in (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QTableView):
        for child in shown.findChildren(kind):
            if child.isVisible() and not isinstance(child.parentWidget(), (QLineEdit, QTableView)):
                assert child.accessibleName() or getattr(child, "text", str)(), child
    mnemonics = [
        each.text().split("&")[1][0].lower()
        for kind in (QAbstractButton, QLabel)
        for each in shown.findChildren(kind)
        if each.isVisible() and "&" in each.text()
    ]
    assert sorted(mnemonics) == sorted(set(mnemonics))

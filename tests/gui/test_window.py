"""The main job in the window: drop a file, ask, read the answer, open its source; and what can go wrong on the way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from assistant_app.gui import style
from assistant_app.gui.main_window import MainWindow
from assistant_app.paths import Paths, resources
from assistant_app.protocol.records import Citation
from assistant_app.settings import Settings
from tests.pdfs import text_pdf

Maker = Callable[..., MainWindow]
COPY = Qt.DropAction.CopyAction
NO_KEY = Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton


def files(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    data.setText("\n".join(map(str, paths)))  # as file managers do
    return data


def drop(target: QWidget, data: QMimeData) -> bool:
    """Drag ``data`` over ``target`` and let go; whether it was taken. Qt passes it up from child to parent."""
    enter = QDragEnterEvent(target.rect().center(), COPY, data, LEFT, NO_KEY)
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(QPointF(target.rect().center()), COPY, data, LEFT, NO_KEY)
    QApplication.sendEvent(target, event)
    return event.isAccepted()


def words(window: MainWindow, path: Path | str) -> str:
    """What the row of ``path`` says."""
    row = window.library.model.row(str(path))
    return window.library.model.state(row).words if row else ""


def ask(qtbot: QtBot, window: MainWindow, question: str) -> None:
    field = window.conversation.composer.field
    qtbot.keyClicks(field, question)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def wait_for_documents(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.library.is_empty)


def select(window: MainWindow, *rows: int) -> None:
    view = window.library.list_view
    view.clearSelection()
    for row in rows:
        flag = view.selectionModel().SelectionFlag.Select
        view.selectionModel().setCurrentIndex(view.model().index(row, 0), flag)


def requests(log: Path, kind: str) -> list[dict[str, Any]]:
    """What the engine was asked, of one kind, in order."""
    if not log.exists():
        return []
    said = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [request for request in said if request["type"] == kind]


def chips(window: MainWindow) -> list[QPushButton]:
    sources = window.conversation.turns[-1].answer.sources
    assert sources is not None
    return [button for button in sources.findChildren(QPushButton) if button.property("role") == "chip"]


# ---------------------------------------------------------------- adding


def test_a_dropped_file_gets_a_row_progress_and_an_outcome(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window({"page_seconds": 0.02})
    pdf = text_pdf(tmp_path / "Handbook.pdf", [["The deductible is $2,000."]])
    assert drop(made, files(pdf))
    seen = {words(made, pdf)}
    made.library.model.dataChanged.connect(lambda *_: seen.add(words(made, pdf)))
    qtbot.waitUntil(lambda: words(made, pdf) == "4 pages")
    assert {"Waiting", "Reading page 1 of 4", "Reading page 4 of 4", "Making it searchable"} <= seen


def test_a_file_can_be_dropped_on_any_widget(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window("300")
    wait_for_documents(qtbot, made)
    taken: list[list[str]] = []
    made.drop_area.dropped.disconnect()
    made.drop_area.dropped.connect(taken.append)
    data = files(tmp_path)
    targets = [child for child in made.findChildren(QWidget) if child.isVisible() and child.window() is made]
    assert len(targets) > 20
    for target in targets:
        taken.clear()
        assert drop(target, data), target
        assert taken == [[str(tmp_path)]], target


def test_a_sheet_invites_while_files_are_over_the_window(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window()
    data = files(tmp_path)
    QApplication.sendEvent(made, QDragEnterEvent(made.rect().center(), COPY, data, LEFT, NO_KEY))
    assert made.drop_area.sheet.isVisible()
    made.drop_area.sheet.grab()
    QApplication.sendEvent(made, QDragLeaveEvent())
    assert not made.drop_area.sheet.isVisible()


def test_what_is_no_file_is_not_taken(qtbot: QtBot, window: Maker) -> None:
    made = window()
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/a.pdf")])
    assert not drop(made, data)
    assert not made.drop_area.sheet.isVisible()


def test_a_password_opens_a_locked_document(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("plain", "--log", str(log))
    pdf = text_pdf(tmp_path / "locked.pdf", [["x"]])
    made.add_paths([str(pdf)])
    qtbot.waitUntil(lambda: words(made, pdf) == "Needs a password")
    select(made, 0)
    card = made.library.card
    assert "protected by a password" in card.sentence
    qtbot.keyClick(made.library.list_view, Qt.Key.Key_Return)
    qtbot.waitUntil(card.password_field.hasFocus)
    assert card.password_field.echoMode() == card.password_field.EchoMode.Password
    for password, outcome in (("wrong", "Wrong password"), ("open sesame", "4 pages")):
        qtbot.keyClicks(card.password_field, password)
        qtbot.keyClick(card.password_field, Qt.Key.Key_Return)
        assert card.password_field.text() == ""
        qtbot.waitUntil(lambda outcome=outcome: words(made, pdf) == outcome)
    assert card.isHidden()
    assert [request["passwords"] for request in requests(log, "index_documents")] == [
        {},
        {str(pdf): "wrong"},
        {str(pdf): "open sesame"},
    ]


def test_a_failed_document_says_why_in_words_and_can_be_tried_again(
    qtbot: QtBot, window: Maker, tmp_path: Path
) -> None:
    made = window()
    fake = tmp_path / "note.pdf"
    fake.write_text("no PDF at all")
    made.add_paths([str(fake)])
    qtbot.waitUntil(lambda: words(made, fake) == "Unknown kind of file")
    select(made, 0)
    assert made.library.card.sentence.startswith("“note.pdf” is no document")
    assert "is no document" in made.library.list_view.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    text_pdf(fake, [["now it is"]])
    qtbot.mouseClick(made.library.card.retry_button, LEFT)
    qtbot.waitUntil(lambda: words(made, fake) == "4 pages")


def test_cancelled_indexing_leaves_what_was_read(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window({"page_seconds": 0.05})
    pdfs = [text_pdf(tmp_path / f"{number}.pdf", [["x"]]) for number in range(9)]
    made.add_paths([str(tmp_path)])
    qtbot.waitUntil(lambda: words(made, pdfs[0]) == "4 pages")
    made.library.panel.cancel_button.click()
    qtbot.waitUntil(made.library.panel.isHidden)
    assert 1 <= len(made.library.model) < 9
    assert not any(row.busy for row in made.library.model.rows())


def test_a_file_name_that_cannot_be_sent_is_told_and_the_others_are_added(
    qtbot: QtBot, window: Maker, tmp_path: Path
) -> None:
    made = window()
    pdf = text_pdf(tmp_path / "good.pdf", [["x"]])
    made.add_paths(["/tmp/\udcff.pdf", str(pdf)])
    qtbot.waitUntil(lambda: words(made, pdf) == "4 pages")
    assert "is not valid UTF-8" in made.notice.text


def test_the_sample_document_is_added_and_shown(qtbot: QtBot, window: Maker) -> None:
    made = window()
    qtbot.waitUntil(lambda: made.engine.is_ready)
    sample = next(button for button in made.findChildren(QPushButton) if "sample" in button.text().replace("&", ""))
    qtbot.mouseClick(sample, LEFT)
    guide = str(resources() / "sample" / "docent-guide.pdf")
    qtbot.waitUntil(lambda: words(made, guide) == "4 pages")
    assert made.viewer is not None
    assert made.viewer.current_path == guide
    assert made.focusWidget() is made.conversation.composer.field, "the button is gone; asking comes next"


def test_the_sizes_of_window_and_panes_are_remembered(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    made.resize(780, 500)  # the offscreen screen is small
    made.splitter.setSizes([260, 520])
    made.close()
    again = window("three")
    assert again.size() == made.size()
    assert again.splitter.sizes() == made.splitter.sizes()
    assert again.splitter.sizes()[0] == 260


# ---------------------------------------------------------------- removing


def remove(qtbot: QtBot, window: MainWindow, *rows: int) -> list[str]:
    """Select rows and press Delete; returns their paths."""
    select(window, *rows)
    view = window.library.list_view
    gone = view.selected_paths()
    window.activateWindow()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus)
    qtbot.keyClick(view, Qt.Key.Key_Delete)
    return gone


def test_a_removal_is_sent_at_once_and_can_be_undone(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    wait_for_documents(qtbot, made)
    (first,) = remove(qtbot, made, 0)
    assert made.library.model.row(first) is None
    assert made.library.undo_bar.text.startswith("Removed “")
    qtbot.waitUntil(lambda: len(requests(log, "remove_documents")) == 1)
    made.library.undo_bar.action_button.click()
    qtbot.waitUntil(lambda: made.library.model.row(first) is not None)
    assert made.library.list_view.selected_paths() == [first]
    assert made.library.undo_bar.text == ""
    assert [request["paths"] for request in requests(log, "put_back_documents")] == [[first]]


def test_ctrl_z_and_the_menu_undo_one_removal_after_the_other(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    model = made.library.model
    (first,) = remove(qtbot, made, 0)
    (second,) = remove(qtbot, made, 0)
    made.library.undo_bar.close_notice()
    qtbot.keyClick(made.library.list_view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: model.row(second) is not None)
    assert model.row(first) is None
    made.conversation.composer.field.setFocus()
    made.menus.edit_menu.actions()[0].trigger()  # the field has nothing to undo
    qtbot.waitUntil(lambda: model.row(first) is not None)
    assert not made.library.removal.can_undo


def test_the_menu_undoes_in_a_field_that_has_something_to_undo(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    remove(qtbot, made, 0)
    field = made.conversation.composer.field
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    qtbot.keyClicks(field, "a")
    made.menus.edit_menu.actions()[0].trigger()
    assert field.toPlainText() == ""
    assert made.library.removal.can_undo


def test_a_removal_that_fails_brings_the_documents_back(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "library_unwritable", "details": {"path": "/library"}}}
    made = window({"generate": 3, "on": {"remove_documents": [[failure]]}})
    wait_for_documents(qtbot, made)
    (first,) = remove(qtbot, made, 0)
    qtbot.waitUntil(lambda: made.library.model.row(first) is not None)
    assert "may not write" in made.notice.text
    assert not made.library.removal.can_undo


def test_a_question_is_asked_without_what_was_just_removed(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    wait_for_documents(qtbot, made)
    remove(qtbot, made, 0)
    ask(qtbot, made, "What is left?")
    qtbot.waitUntil(lambda: bool(requests(log, "ask")))
    kinds = [json.loads(line)["type"] for line in log.read_text().splitlines()]
    assert kinds.index("remove_documents") < kinds.index("ask")


def test_what_was_just_removed_can_be_added_again(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window()
    pdf = text_pdf(tmp_path / "a.pdf", [["x"]])
    made.add_paths([str(pdf)])
    qtbot.waitUntil(lambda: words(made, pdf) == "4 pages")
    remove(qtbot, made, 0)
    made.add_paths([str(pdf)])
    qtbot.waitUntil(lambda: words(made, pdf) == "4 pages")


def test_a_removal_is_done_before_the_window_ends(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    wait_for_documents(qtbot, made)
    remove(qtbot, made, 0, 1)
    with qtbot.waitSignal(made.left):
        made.close()
    assert len(requests(log, "remove_documents")[0]["paths"]) == 2
    assert made.library.removal.job is None


# ---------------------------------------------------------------- asking


def test_a_question_becomes_a_streamed_answer_with_sources(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 3, "token_seconds": 0.005})
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "What is the deductible?")
    answer = made.conversation.turns[-1].answer
    seen: list[str] = []
    answer.grown.connect(lambda: seen.append(answer.text))
    qtbot.waitUntil(lambda: answer.answer is not None)
    assert len(seen) > 2, "the text came in one piece"
    assert seen[0].startswith("The")
    assert len(seen[0]) < len(seen[-1])
    assert "The deductible of the Standard plan is $2,000 a year for one person [1]." in answer.text
    assert [chip.text().split()[0] for chip in chips(made)] == ["1", "2"]
    assert "Verified" in chips(made)[0].accessibleName()
    assert "Not verified" in chips(made)[1].accessibleName()
    assert made.conversation.composer.field.toPlainText() == ""
    assert not made.conversation.is_answering


def test_a_chip_and_a_number_in_the_text_open_the_same_source(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    opened: list[Citation] = []
    made.conversation.citation_activated.disconnect()
    made.conversation.citation_activated.connect(opened.append)
    ask(qtbot, made, "What is the deductible?")
    answer = made.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: answer.answer is not None)
    qtbot.mouseClick(chips(made)[1], LEFT)
    cursor = answer.text_widget.document().find("[2]")
    where = answer.text_widget.cursorRect(cursor).center()
    where.setX(where.x() - 6)
    qtbot.mouseClick(answer.text_widget.viewport(), LEFT, pos=where)
    assert [citation.number for citation in opened] == [2, 2]
    assert opened[0].page == 13


def test_a_click_on_a_chip_opens_the_page_with_its_quote_highlighted(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "What is the deductible?")
    qtbot.waitUntil(lambda: made.conversation.turns[-1].answer.answer is not None)
    assert made.viewer is None
    qtbot.mouseClick(chips(made)[1], LEFT)
    assert made.viewer is not None
    with qtbot.waitSignal(made.viewer.highlighted) as blocker:
        pass
    path, page, boxes = blocker.args
    assert (Path(path).name, page) == ("Lease agreement 2002.pdf", 13)
    assert len(boxes) == 1
    assert made.viewer.isVisible()
    qtbot.keyClick(made, Qt.Key.Key_F10)
    assert not made.viewer.isVisible()


def test_a_row_is_opened_with_enter_and_a_double_click(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    view = made.library.list_view
    select(made, 0)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert made.viewer is not None
    assert Path(made.viewer.current_path).name == "Annual report 2001.pdf"
    where = view.visualRect(view.model().index(1, 0)).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=where)
    qtbot.mouseDClick(view.viewport(), LEFT, pos=where)
    assert Path(made.viewer.current_path).name == "Benefits handbook 2000.pdf"


def test_unsupported_sentences_are_named(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "What is the deductible?")
    qtbot.waitUntil(lambda: made.conversation.turns[-1].answer.answer is not None)
    assert "No quote supports:\n“For a family the sum is $4,000.”" in shown_text(made)


def test_an_answer_that_was_not_found_offers_the_nearest_passages(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 3, "not_found": True, "answer": "That is not in your documents."})
    wait_for_documents(qtbot, made)
    opened: list[Citation] = []
    made.conversation.citation_activated.disconnect()
    made.conversation.citation_activated.connect(opened.append)
    ask(qtbot, made, "Who won the cup?")
    answer = made.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: answer.answer is not None)
    assert "Not found in your documents" in shown_text(made)
    assert answer.sources is not None
    passages = answer.sources.findChildren(QPushButton)
    qtbot.mouseClick(passages[0], LEFT)
    assert opened[0].quote.startswith("The annual deductible")
    assert not opened[0].verified


def test_what_search_gave_is_said_to_be_found_by_search(qtbot: QtBot, window: Maker) -> None:
    citation = {"number": 1, "path": "/a.pdf", "page": 1, "quote": "q", "start": 0, "length": 1}
    fields = {"citations": [{**citation, "verified": True, "given_by": "search"}]}
    made = window({"generate": 1, "answer": "It is so.", "answer_fields": fields})
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "Is it?")
    qtbot.waitUntil(lambda: made.conversation.turns[-1].answer.answer is not None)
    assert "Found by search" in shown_text(made)
    assert "found by search" in chips(made)[0].accessibleName()


def test_a_source_without_pages_names_its_heading_and_a_slide_is_no_page(qtbot: QtBot, window: Maker) -> None:
    base = {"quote": "It is so.", "start": 0, "length": 9, "verified": True, "given_by": "model"}
    without = {**base, "number": 1, "path": "/book.epub", "page": None, "page_label": "Part one › The plan"}
    slide = {**base, "number": 2, "path": "/talk.pptx", "page": 3, "page_label": "3"}
    fields = {"citations": [without, slide]}
    made = window({"generate": 1, "answer": "It is so [1][2].", "answer_fields": fields})
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "Is it?")
    qtbot.waitUntil(lambda: made.conversation.turns[-1].answer.answer is not None)
    assert [chip.text() for chip in chips(made)] == ["1  book.epub · The plan", "2  talk.pptx · slide 3"]
    assert "book.epub, Part one › The plan" in chips(made)[0].toolTip()
    made.conversation.copy_last_answer()
    copied = QApplication.clipboard().text()
    assert "[1] book.epub, Part one › The plan: “It is so.”" in copied
    assert "[2] talk.pptx, slide 3: “It is so.”" in copied


def test_files_of_every_kind_are_offered(qtbot: QtBot, window: Maker) -> None:
    made = window()
    made.choose_files()
    dialog = next(each for each in made.findChildren(QFileDialog) if each.isVisible())
    every = dialog.nameFilters()[0]
    for ending in ("pdf", "docx", "pptx", "epub", "html", "md", "txt", "PDF"):
        assert f"*.{ending}" in every
    assert dialog.nameFilters()[-1] == "All files (*)"
    dialog.reject()


def test_reasoning_is_folded_away_and_can_be_unfolded(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 1, "answer": "It is so.", "thinking": "Let me see. Page three."})
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "Is it?")
    answer = made.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: answer.answer is not None)
    assert "Page three" not in shown_text(made)
    answer.thinking_toggle.click()
    assert "Page three" in shown_text(made)
    assert "Page three" not in answer.text


def test_stop_keeps_what_was_written(qtbot: QtBot, window: Maker) -> None:
    made = window("slow_answer")
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "How long?")
    answer = made.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: answer.text == "It is ")
    qtbot.keyClick(made, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: answer.answer is not None)
    assert answer.text == "It is"
    assert answer.failure == "Stopped here."


DEAF = [{"sleep": 1.0}, {"default": True}]
"""An engine that imports a library hears nothing, and answers what was stopped meanwhile."""


def test_an_engine_that_does_not_hear_a_stop_is_not_waited_for(qtbot: QtBot, window: Maker) -> None:
    whole = {"type": "answered", "answer": {"question": "Is it?", "answer": "It is so.", "found": True}}
    made = window({"generate": 1, "on": {"ask": [[{"sleep": 1.0}, {"event": whole}]]}})
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "Is it?")
    answer = made.conversation.turns[-1].answer
    qtbot.keyClick(made, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    assert (answer.answer, answer.failure) == (None, "Stopped.")
    qtbot.waitUntil(lambda: answer.answer is not None)
    assert (answer.text, answer.failure) == ("It is so.", "")


def test_what_was_stopped_and_asked_again_is_answered_once(qtbot: QtBot, window: Maker) -> None:
    again = [{"sleep": 1.5}, {"event": {"type": "failed", "code": "model_missing"}}]
    made = window({"generate": 1, "answer": "It is so.", "on": {"ask": [DEAF, again]}})
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "Is it?")
    turn = made.conversation.turns[-1]
    qtbot.keyClick(made, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    with qtbot.waitSignal(made.conversation.conversation_changed):
        qtbot.mouseClick(turn.answer.ask_again_button, Qt.MouseButton.LeftButton)
        assert made.conversation.is_answering
    assert made.conversation.is_answering, "the first answer came, and this one is still waited for"
    assert turn.answer.answer is None
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    assert "model" in turn.answer.failure


def test_the_answer_is_copied_with_its_sources(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "What is the deductible?")
    qtbot.waitUntil(lambda: made.conversation.turns[-1].answer.answer is not None)
    made.conversation.copy_last_answer()
    copied = QApplication.clipboard().text()
    assert "$2,000" in copied
    assert "page 3: “The annual deductible is $2,000" in copied
    assert copied.endswith("(not verified)")


def tick_box(window: MainWindow, row: int) -> QPoint:
    """The middle of the box in a row of the list."""
    area = window.library.list_view.visualRect(window.library.model.index(row))
    return QPoint(area.left() + 16, area.center().y())


def test_only_the_ticked_documents_are_asked(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    wait_for_documents(qtbot, made)
    view = made.library.list_view
    select(made, 0, 1)
    assert made.conversation.composer.scope_text == "", "a selection is no scope"
    select(made, 0)
    qtbot.keyClick(view, Qt.Key.Key_Space)
    qtbot.mouseClick(view.viewport(), LEFT, pos=tick_box(made, 2))
    assert made.conversation.composer.scope_text == "Only in: 2 ticked documents  ×"
    made.library.refresh()
    listings = made.library.holdings.listings
    qtbot.waitUntil(lambda: made.library.holdings.listings > listings)
    ask(qtbot, made, "Here?")
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    made.conversation.composer.scope_button.click()
    assert made.conversation.composer.scope_text == ""
    assert made.library.model.ticked_paths() == []
    ask(qtbot, made, "Everywhere?")
    qtbot.waitUntil(lambda: len(requests(log, "ask")) == 2)
    first, second = requests(log, "ask")
    assert [Path(path).name for path in first["paths"]] == ["Annual report 2001.pdf", "Lease agreement 2002.pdf"]
    assert second.get("paths") is None


def test_a_box_is_ticked_by_the_mouse_and_opens_nothing(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    view = made.library.list_view
    at = tick_box(made, 1)
    qtbot.mouseClick(view.viewport(), LEFT, pos=at)
    assert len(made.library.model.ticked_paths()) == 1
    qtbot.mouseDClick(view.viewport(), LEFT, pos=at)
    assert made.viewer is None
    qtbot.mouseClick(view.viewport(), LEFT, pos=view.visualRect(made.library.model.index(2)).center())
    assert len(made.library.model.ticked_paths()) == 1


def test_what_cannot_be_asked_cannot_be_ticked(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 20})
    wait_for_documents(qtbot, made)
    model = made.library.model
    locked = next(row for row in range(model.rowCount()) if model.shown(row).needs_password)
    select(made, locked)
    qtbot.keyClick(made.library.list_view, Qt.Key.Key_Space)
    assert made.conversation.composer.scope_text == ""
    assert not model.flags(model.index(locked)) & Qt.ItemFlag.ItemIsUserCheckable


def test_an_empty_library_says_so_and_offers_to_add(qtbot: QtBot, window: Maker) -> None:
    made = window()
    ask(qtbot, made, "Anything?")
    answer = made.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: bool(answer.failure))
    assert answer.failure.startswith("There is no document to look in yet.")
    assert any(button.isVisible() for button in answer.findChildren(QPushButton) if "Add" in button.text())


def test_up_recalls_the_last_question_and_shift_enter_begins_a_line(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    field = made.conversation.composer.field
    low = field.height()
    qtbot.keyClicks(field, "One")
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(field, "two")
    assert field.height() > low
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.toPlainText() == ""
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert field.toPlainText() == "One\ntwo"
    assert made.conversation.turns[0].question == "One\ntwo"


# ---------------------------------------------------------------- when the engine dies


def test_a_killed_engine_is_a_sentence_and_the_question_can_be_asked_again(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 2, "on": {"ask": [[{"event": {"type": "answer_text", "text": "It"}}, {"hang": True}]]}})
    wait_for_documents(qtbot, made)
    ask(qtbot, made, "What is the deductible?")
    answer = made.conversation.turns[-1].answer
    qtbot.waitUntil(lambda: answer.text == "It")
    engine = made.engine.process_id
    os.kill(engine, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(answer.failure))
    assert "The engine stopped unexpectedly" in answer.failure
    assert "The engine stopped unexpectedly" in made.notice.text
    assert answer.text == "It"
    assert not made.conversation.is_answering
    # The script of the new engine begins from the start and would hang again: it is replaced by a plain one.
    qtbot.waitUntil(lambda: made.engine.is_ready)
    assert made.engine.process_id != engine
    script = Path(made.engine.command[-1])
    script.write_text('{"generate": 2}')
    os.kill(made.engine.process_id, signal.SIGKILL)
    qtbot.waitUntil(lambda: not made.engine.is_ready)
    answer.ask_again_button.click()
    qtbot.waitUntil(lambda: answer.answer is not None)
    assert answer.failure == ""
    assert len(made.conversation.turns) == 1


def test_a_library_in_use_is_told_with_a_way_to_try_again(qtbot: QtBot, window: Maker) -> None:
    made = window("in_use")
    qtbot.waitUntil(lambda: bool(made.notice.text))
    assert made.notice.text.startswith("The library is open in another Docent.")
    with qtbot.waitSignal(made.engine.died):
        made.notice.action_button.click()


def test_an_engine_that_cannot_start_is_told(qtbot: QtBot, window: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant_app.gui.engine_link.RESTART_DELAY_MS", 1)
    made = window("dies_at_start")
    qtbot.waitUntil(lambda: "stops again and again" in made.notice.text)


# ---------------------------------------------------------------- model and adapter


def test_model_and_adapter_are_switched_at_the_composer(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("three", "--log", str(log))
    composer = made.conversation.composer
    qtbot.waitUntil(lambda: "SmolLM2" in composer.model_picker.text())
    qtbot.waitUntil(lambda: "starter model" in made.conversation.starter_notice.text)
    choice(composer.model_picker, "Qwen3 4B Instruct").trigger()
    qtbot.waitUntil(lambda: "Qwen3" in composer.model_picker.text())
    assert made.conversation.starter_notice.text == ""
    choice(composer.adapter_picker, "json-answers").trigger()
    qtbot.waitUntil(lambda: "json-answers" in composer.adapter_picker.text())
    choice(composer.adapter_picker, "None: the base model alone").trigger()
    qtbot.waitUntil(lambda: "No adapter" in composer.adapter_picker.accessibleName())
    used = requests(log, "use_adapter")
    assert [(each["path"], each.get("enabled", True)) for each in used] == [
        ("/adapters/json-answers.gguf", True),
        ("/adapters/json-answers.gguf", False),
    ]


def test_a_model_that_cannot_be_used_is_told_and_the_mark_goes_back(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "model_missing", "details": {"path": "/gone.gguf"}}}
    made = window({"generate": 1, "on": {"use_model": [[failure]]}})
    picker = made.conversation.composer.model_picker
    qtbot.waitUntil(lambda: "SmolLM2" in picker.text())
    choice(picker, "Qwen3 4B Instruct").trigger()
    qtbot.waitUntil(lambda: "/gone.gguf" in made.notice.text)
    starter = "SmolLM2 135M Instruct (small starter model)"
    qtbot.waitUntil(lambda: choice(picker, starter).isChecked())


def choice(picker: QPushButton, text: str) -> Any:
    return next(action for action in picker.menu().actions() if action.text() == text)


def test_the_settings_open_at_the_page_that_was_asked_for(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    picker = made.conversation.composer.adapter_picker
    qtbot.waitUntil(lambda: "No adapter" in picker.accessibleName())
    choice(picker, "Choose &another…").trigger()
    assert made.settings_dialog is not None
    assert made.settings_dialog.isVisible()
    assert made.settings_dialog.navigation.currentRow() == 1
    qtbot.keyClick(made, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    assert made.settings_dialog.navigation.currentRow() == 0
    made.settings_dialog.theme_changed.emit("dark")
    assert style.is_dark()
    made.settings_dialog.close()


def test_the_theme_of_the_menu_is_kept(qtbot: QtBot, window: Maker, home: Path) -> None:
    made = window("three")
    made.menus.theme_chosen.emit("dark")
    assert style.is_dark()
    assert Settings(Paths.resolve(home).settings).text("window.theme") == "dark"


def test_the_starter_notice_stays_away_once_it_was_read(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    qtbot.waitUntil(lambda: bool(made.conversation.starter_notice.text))
    made.conversation.starter_notice.close_notice()
    made.close()
    again = window("three")
    qtbot.waitUntil(lambda: "SmolLM2" in again.conversation.composer.model_picker.text())
    assert again.conversation.starter_notice.text == ""


def shown_text(window: MainWindow) -> str:
    """All words of the last answer that are on the screen."""
    from PySide6.QtWidgets import QLabel, QTextEdit

    answer = window.conversation.turns[-1].answer
    labels = [label.text() for label in answer.findChildren(QLabel) if label.isVisible()]
    texts = [text.toPlainText() for text in answer.findChildren(QTextEdit) if text.isVisible()]
    return "\n".join(labels + texts)

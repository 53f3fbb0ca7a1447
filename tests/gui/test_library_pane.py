"""The library in the window: collections, indexing that is paused and stopped, the engine's own work, folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from assistant_app.errors import Code
from assistant_app.gui.document_model import ROW
from assistant_app.gui.main_window import MainWindow
from assistant_app.protocol import messages
from assistant_app.protocol.records import WatchedFolder
from tests.gui.test_window import LEFT, ask, drop, files, remove, requests, select, wait_for_documents, words
from tests.pdfs import text_pdf

Maker = Callable[..., MainWindow]
REPORT, HANDBOOK, LEASE = (
    "/documents/Annual report 2001.pdf",
    "/documents/Benefits handbook 2000.pdf",
    "/documents/Lease agreement 2002.pdf",
)
COLLECTED: dict[str, Any] = {"generate": 3, "collections": {"Contracts": [LEASE], "Work": [REPORT, LEASE]}}


def pdf_in(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return text_pdf(folder / name, [["x"]])


def shown(window: MainWindow) -> list[str]:
    model = window.library.model
    return [model.shown(row).path for row in range(model.rowCount())]


def entries(window: MainWindow) -> list[str]:
    combo = window.library.collection_bar.combo
    return [combo.itemText(number) for number in range(combo.count()) if combo.itemText(number)]


def choose(window: MainWindow, text: str) -> None:
    """Choose an entry of the collections' list as a person does."""
    combo = window.library.collection_bar.combo
    at = combo.findText(text)
    assert at >= 0, entries(window)
    combo.setCurrentIndex(at)
    combo.activated.emit(at)


def with_collections(qtbot: QtBot, window: Maker, *more: str, **script: Any) -> MainWindow:
    made = window({**COLLECTED, **script}, *more)
    wait_for_documents(qtbot, made)
    qtbot.waitUntil(lambda: len(entries(made)) == 4)
    return made


# ---------------------------------------------------------------- collections


def test_collections_are_listed_with_their_counts(qtbot: QtBot, window: Maker) -> None:
    made = with_collections(qtbot, window)
    qtbot.waitUntil(lambda: entries(made)[0] == "All documents (3)")
    assert entries(made)[1:] == ["Contracts (1)", "Work (2)", "New collection…"]


def test_a_chosen_collection_filters_the_list_and_is_what_is_asked(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = with_collections(qtbot, window, "--log", str(log))
    choose(made, "Work (2)")
    assert shown(made) == [REPORT, LEASE]
    assert made.conversation.composer.scope_text == "Only in: “Work”  ×"
    ask(qtbot, made, "Here?")
    qtbot.waitUntil(lambda: not made.conversation.is_answering)
    made.library.model.tick([REPORT, HANDBOOK], True)
    assert made.conversation.composer.scope_text == "Only in: 1 ticked document  ×", "the other one is not shown"
    ask(qtbot, made, "And here?")
    qtbot.waitUntil(lambda: len(requests(log, "ask")) == 2)
    first, second = requests(log, "ask")
    assert (first.get("paths"), first["collection"]) == (None, "Work")
    assert (second["paths"], second.get("collection")) == ([REPORT], None)
    made.conversation.composer.scope_button.click()
    assert made.conversation.composer.scope_text == "Only in: “Work”  ×"
    made.conversation.composer.scope_button.click()
    assert made.conversation.composer.scope_text == ""
    assert len(shown(made)) == 3


def test_what_is_added_goes_into_the_collection_that_is_shown(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = with_collections(qtbot, window, "--log", str(log))
    choose(made, "Contracts (1)")
    pdf = text_pdf(tmp_path / "new lease.pdf", [["x"]])
    assert drop(made, files(pdf))
    assert str(pdf) in shown(made), "it is on its way into the collection"
    qtbot.waitUntil(lambda: words(made, pdf) == "4 pages")
    qtbot.waitUntil(lambda: "Contracts (2)" in entries(made))
    assert str(pdf) in shown(made)
    made.library.read_again([str(pdf)])
    qtbot.waitUntil(lambda: len(requests(log, "index_documents")) == 2)
    assert [each.get("collection") for each in requests(log, "index_documents")] == ["Contracts", None]


def test_a_new_collection_is_named_in_place(qtbot: QtBot, window: Maker) -> None:
    made = with_collections(qtbot, window)
    bar = made.library.collection_bar
    made.activateWindow()
    choose(made, "New collection…")
    qtbot.waitUntil(bar.field.hasFocus)
    qtbot.keyClick(bar.field, Qt.Key.Key_Escape)
    assert bar.combo.isVisible()
    assert bar.combo.currentIndex() == 0
    choose(made, "New collection…")
    qtbot.waitUntil(bar.field.hasFocus)
    qtbot.keyClicks(bar.field, "Taxes & co")
    qtbot.keyClick(bar.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bar.combo.currentText() == "Taxes & co (0)")
    assert shown(made) == []
    assert made.library.list_view.isHidden()


def test_selected_documents_are_put_into_a_new_collection_and_taken_out(qtbot: QtBot, window: Maker) -> None:
    made = with_collections(qtbot, window)
    select(made, 0, 1)
    view = made.library.list_view
    menu = view.make_menu(made.library.model.shown(0))
    into = next(action for action in menu.actions() if action.text() == "Put into a &collection").menu()
    assert [action.text() for action in into.actions() if action.text()] == ["Contracts", "Work", "&New collection…"]
    next(action for action in into.actions() if "New" in action.text()).trigger()
    field = made.library.collection_bar.field
    qtbot.keyClicks(field, "Both")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: made.library.collection_bar.combo.currentText() == "Both (2)")
    qtbot.waitUntil(lambda: shown(made) == [REPORT, HANDBOOK])
    select(made, 0)
    menu = view.make_menu(made.library.model.shown(0))
    next(action for action in menu.actions() if action.text() == "Take out of “Both”").trigger()
    qtbot.waitUntil(lambda: shown(made) == [HANDBOOK])


def test_a_collection_is_renamed_and_its_deletion_undone(qtbot: QtBot, window: Maker) -> None:
    made = with_collections(qtbot, window)
    bar = made.library.collection_bar
    assert bar.more.isHidden()
    choose(made, "Work (2)")
    assert bar.more.isVisible()
    bar.rename_action.trigger()
    assert bar.field.text() == "Work"
    bar.field.setText("Office")
    qtbot.keyClick(bar.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bar.combo.currentText() == "Office (2)")
    qtbot.waitUntil(lambda: shown(made) == [REPORT, LEASE])
    assert made.conversation.composer.scope_text == "Only in: “Office”  ×"
    bar.delete_action.trigger()
    qtbot.waitUntil(lambda: "Office" in made.library.undo_bar.text)
    assert len(shown(made)) == 3
    assert made.conversation.composer.scope_text == ""
    made.library.undo_bar.action_button.click()
    qtbot.waitUntil(lambda: bar.combo.currentText() == "Office (2)")
    qtbot.waitUntil(lambda: shown(made) == [REPORT, LEASE])


def test_a_name_that_is_taken_is_told(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "collection_exists", "details": {"collection": "Work"}}}
    made = with_collections(qtbot, window, on={"rename_collection": [[failure]]})
    made.library.collections.rename("Contracts", "Work")
    qtbot.waitUntil(lambda: made.notice.text == "There is a collection named “Work” already.")


# ---------------------------------------------------------------- indexing


def test_indexing_is_paused_and_resumed(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window({"page_seconds": 0.05, "pages": 10})
    pdf = text_pdf(tmp_path / "Handbook.pdf", [["x"]])
    made.add_paths([str(pdf)])
    panel = made.library.panel
    qtbot.waitUntil(lambda: "Reading page" in panel.words[2])
    assert panel.words[:2] == ["Document 1 of 1", "Handbook.pdf"]
    assert "120 pages/s" in panel.words[3]
    panel.pause_button.click()
    qtbot.waitUntil(lambda: panel.words[0] == "Paused at document 1 of 1")
    assert panel.pause_button.text() == "Res&ume"
    stood = words(made, pdf)
    qtbot.wait(200)
    assert words(made, pdf) == stood
    panel.pause_button.click()
    qtbot.waitUntil(lambda: words(made, pdf) == "4 pages")
    qtbot.waitUntil(panel.isHidden)


def test_what_is_added_while_paused_waits_and_says_so(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window()
    qtbot.waitUntil(lambda: made.engine.is_ready)
    made.library.indexing.pause(True)
    qtbot.waitUntil(lambda: made.library.indexing.is_paused)
    made.add_paths([str(text_pdf(tmp_path / "a.pdf", [["x"]]))])
    qtbot.waitUntil(lambda: made.library.panel.words[0].startswith("Paused"))
    made.library.panel.cancel_button.click()
    qtbot.waitUntil(made.library.panel.isHidden)


def test_work_that_the_engine_began_itself_is_shown_and_stopped(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    pdfs = [pdf_in(tmp_path / "watched", f"{number}.pdf") for number in range(9)]
    made = window({"background": [str(tmp_path / "watched")], "page_seconds": 0.05}, "--log", str(log))
    qtbot.waitUntil(lambda: words(made, pdfs[0]) == "4 pages")
    assert made.library.panel.isVisible()
    assert made.library.panel.words[0] == "Document 2 of 9"
    made.library.panel.cancel_button.click()
    qtbot.waitUntil(made.library.panel.isHidden)
    assert len(requests(log, "stop_indexing")) == 1
    assert not any(row.busy for row in made.library.model.rows())
    assert len(made.library.holdings.documents) < 9


def test_a_change_elsewhere_is_listed(qtbot: QtBot, window: Maker) -> None:
    changed = {"event": {"type": "library_changed", "job": 0}}
    document = {"path": "/documents/late.pdf", "status": "indexed", "pages": 2, "passages": 2}
    late = {"event": {"type": "documents", "documents": [document]}}
    made = window({"generate": 1, "on": {"list_documents": [[{"default": True}, changed], [late]]}})
    qtbot.waitUntil(lambda: shown(made) == ["/documents/late.pdf"])


def test_a_note_of_the_engine_is_told(qtbot: QtBot, window: Maker) -> None:
    note = {"type": "noted", "code": "library_restored", "details": {"date": "today", "kept": "/k"}, "job": 0}
    made = window({"start": [{"event": {"type": "ready", "protocol": 5, "version": "fake"}}, {"event": note}]})
    qtbot.waitUntil(lambda: "restored from the automatic backup of today" in made.notice.text)


def test_skipped_files_are_counted_and_shown_in_the_ledger_only(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window()
    pdf_in(tmp_path / "folder", "a.pdf")
    for name in ("b.png", "c.zip"):
        (tmp_path / "folder" / name).write_text("x")
    made.add_paths([str(tmp_path / "folder")])
    qtbot.waitUntil(made.library.skipped_button.isVisible)
    qtbot.waitUntil(lambda: made.library.skipped_button.text() == "2 files were skipped")
    assert len(made.library.model) == 1
    made.library.skipped_button.click()
    assert made.ledger is not None
    assert made.ledger.model.rowCount() == 2
    assert made.ledger.groups.currentText() == "Skipped"


def test_files_skipped_earlier_are_no_rows_of_the_list(qtbot: QtBot, window: Maker) -> None:
    skipped = {"path": "/documents/logo.png", "status": "skipped", "reason": "not_a_pdf"}
    made = window({"generate": 3, "documents": [skipped]})
    wait_for_documents(qtbot, made)
    assert len(made.library.model) == 3
    assert made.library.skipped_button.text() == "1 file was skipped"


def test_a_skipped_file_that_was_named_is_told(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window()
    (tmp_path / "picture.png").write_text("x")
    made.add_paths([str(tmp_path / "picture.png")])
    qtbot.waitUntil(lambda: "picture.png" in made.notice.text)
    assert len(made.library.model) == 0


def test_the_keyring_keeps_a_password_only_if_asked(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window("plain", "--log", str(log))
    pdf = text_pdf(tmp_path / "locked.pdf", [["x"]])
    made.add_paths([str(pdf)])
    qtbot.waitUntil(lambda: words(made, pdf) == "Needs a password")
    select(made, 0)
    card = made.library.card
    assert not card.keep_box.isChecked()
    card.keep_box.setChecked(True)
    card.password_field.setText("wrong")
    qtbot.keyClick(card.password_field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: words(made, pdf) == "Wrong password")
    assert card.keep_box.isChecked(), "a second try keeps the choice"
    assert card.password_field.text() == ""
    assert [each.get("keep_passwords", False) for each in requests(log, "index_documents")] == [False, True]


# ---------------------------------------------------------------- watched folders


def test_watching_is_offered_once_for_a_folder_and_done_on_a_click(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = with_collections(qtbot, window, "--log", str(log))
    choose(made, "Work (2)")
    folder = tmp_path / "reports"
    pdf_in(folder, "a.pdf")
    made.add_paths([str(folder)])
    assert made.notice.text == "Watch the folder “reports”, so that the library follows its changes?"
    made.notice.action_button.click()
    qtbot.waitUntil(lambda: [each.path for each in made.watching.folders] == [str(folder)])
    (watch,) = requests(log, "watch")
    assert (watch["path"], watch["collection"]) == (str(folder), "Work")
    made.add_paths([str(folder)])
    assert made.notice.text == ""


def test_an_offer_that_was_passed_over_is_not_made_again(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    pdf_in(tmp_path / "reports", "a.pdf")
    made = window()
    for offered in (True, False):
        made.add_paths([str(tmp_path / "reports")])
        assert bool(made.notice.text) is offered
        made.notice.close_notice()
    made.close()
    again = window()
    again.add_paths([str(tmp_path / "reports"), str(tmp_path)])
    assert again.notice.text == f"Watch the folder “{tmp_path.name}”, so that the library follows its changes?"


@pytest.mark.parametrize("kind", ["file", "inside"])
def test_nothing_is_offered_for_a_file_or_inside_a_watched_folder(
    qtbot: QtBot, window: Maker, tmp_path: Path, kind: str
) -> None:
    pdf = pdf_in(tmp_path / "watched" / "inner", "a.pdf")
    made = window({"watched": [str(tmp_path / "watched")]})
    qtbot.waitUntil(lambda: bool(made.watching.folders))
    made.add_paths([str(pdf if kind == "file" else pdf.parent)])
    assert made.notice.text == ""


def test_a_folder_out_of_reach_is_told_until_it_is_back(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window({"watched": [str(tmp_path)]})
    qtbot.waitUntil(lambda: bool(made.watching.folders))
    made.engine.event_without_job.emit(messages.Noted(code=Code.WATCHED_MISSING, details={"path": str(tmp_path)}))
    for state, told in (("missing", True), ("watching", False)):
        made.watching.folders = [WatchedFolder(path=str(tmp_path), state=state)]  # type: ignore[arg-type]
        made.watching.changed.emit()
        assert ("out of reach" in made.notice.text) is told


# ---------------------------------------------------------------- removing


def test_an_undone_removal_keeps_its_tick(qtbot: QtBot, window: Maker) -> None:
    made = with_collections(qtbot, window)
    made.library.model.tick([REPORT, LEASE], True)
    (gone,) = remove(qtbot, made, 0)
    assert gone == REPORT
    assert made.conversation.composer.scope_text == "Only in: 1 ticked document  ×"
    qtbot.mouseClick(made.library.undo_bar.action_button, LEFT)
    qtbot.waitUntil(lambda: made.conversation.composer.scope_text == "Only in: 2 ticked documents  ×")
    assert made.library.list_view.selected_paths() == [REPORT]
    assert made.library.list_view.currentIndex().data(ROW).path == REPORT


# ---------------------------------------------------------------- another embedding model


def test_embedding_anew_is_shown_until_it_is_done(qtbot: QtBot, window: Maker) -> None:
    def said(done: int) -> dict[str, Any]:
        return {"event": {"type": "reembedding", "job": 0, "done": done, "total": 1200}}

    ready = {"event": {"type": "ready", "protocol": messages.PROTOCOL, "version": "fake"}}
    script = {**COLLECTED, "start": [ready, said(0), said(480)], "on": {"list_models": [[{"sleep": 1}, said(1200)]]}}
    made = window(script)
    bar = made.library.embedding_bar
    qtbot.waitUntil(lambda: "480 of 1,200 passages" in bar.words)
    assert bar.isVisibleTo(made)
    made._link.request(messages.ListModels())
    qtbot.waitUntil(lambda: not bar.isVisibleTo(made))

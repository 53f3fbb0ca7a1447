"""Backing up and restoring from the window, and the page of the settings that belongs to the library."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from assistant_app.gui.library_page import LibraryPage
from assistant_app.gui.main_window import MainWindow
from tests.gui.test_settings_dialog import Open, open_settings, paths, saved, tiny  # noqa: F401 -- fixtures
from tests.gui.test_window import remove, requests, wait_for_documents

Maker = Callable[..., MainWindow]


def dialog(window: MainWindow) -> QFileDialog:
    return next(each for each in window.findChildren(QFileDialog) if each.isVisible())


def test_the_menu_offers_a_file_named_by_the_day(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    made.menus.backup_requested.emit(False)
    chosen = Path(dialog(made).selectedFiles()[0]).name
    assert chosen == f"docent-backup-{datetime.date.today().isoformat()}.docent"
    dialog(made).reject()


@pytest.mark.parametrize("with_documents", [False, True])
def test_a_backup_is_written_and_told(qtbot: QtBot, window: Maker, tmp_path: Path, with_documents: bool) -> None:
    log = tmp_path / "log"
    made = window({"generate": 3, "backup_seconds": 0.05}, "--log", str(log))
    wait_for_documents(qtbot, made)
    target = tmp_path / "mine.docent"
    made.backups.back_up(str(target), with_documents)
    assert made.backups.panel.isVisible()
    assert made.backups.panel.words.text() == "Backing up to “mine.docent”"
    qtbot.waitUntil(lambda: made.backups.panel.bar.value() > 0)
    qtbot.waitUntil(lambda: made.notice.text.startswith("The library is backed up: “mine.docent”"))
    assert target.exists()
    assert made.backups.panel.isHidden()
    assert requests(log, "back_up")[0].get("with_documents", False) is with_documents


def test_what_a_backup_leaves_out_is_named(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window({"generate": 3, "left_out": [f"/documents/{number}.pdf" for number in range(5)]})
    made.backups.back_up(str(tmp_path / "b.docent"), True)
    qtbot.waitUntil(lambda: "5 documents could not be read and are not in it: 0.pdf, 1.pdf, 2.pdf…" in made.notice.text)


def test_a_backup_can_be_stopped(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window({"generate": 3, "backup_seconds": 0.1})
    wait_for_documents(qtbot, made)
    made.backups.back_up(str(tmp_path / "b.docent"))
    made.backups.back_up(str(tmp_path / "c.docent"))
    assert made.notice.text == "Another backup is still under way."
    made.backups.panel.cancel.click()
    qtbot.waitUntil(lambda: made.notice.text == "Stopped. Nothing was changed.")
    assert not (tmp_path / "b.docent").exists()


def test_restoring_asks_once_and_lists_everything_anew(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    backup = tmp_path / "b.docent"
    backup.write_bytes(b"x")
    made = window("300")
    wait_for_documents(qtbot, made)
    remove(qtbot, made, 0)
    made.backups.ask_restore(str(backup))
    box = next(each for each in made.findChildren(QMessageBox) if each.isVisible())
    assert "kept" in box.informativeText()
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.Cancel)
    next(button for button in box.buttons() if "Restore" in button.text()).click()
    qtbot.waitUntil(lambda: len(made.library.model) == 2)
    assert "The one before is kept in “before”." in made.notice.text
    assert made.library.undo_bar.text == ""
    assert not made.library.removal.can_undo


def test_a_file_that_is_no_backup_is_told(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window("three")
    made.backups.restore(str(tmp_path / "missing.docent"))
    qtbot.waitUntil(lambda: "is not a backup of Docent" in made.notice.text)


# ---------------------------------------------------------------- the page of the settings


def page(qtbot: QtBot, made: MainWindow) -> LibraryPage:
    made.open_settings("library")
    assert made.settings_dialog is not None
    shown = made.settings_dialog.library
    qtbot.waitUntil(lambda: bool(made.watching.folders) == shown.list.isVisible())
    return shown


def test_watched_folders_are_listed_added_and_left(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window({"watched": [str(tmp_path), "/nowhere/usb"]})
    qtbot.waitUntil(lambda: len(made.watching.folders) == 2)
    shown = page(qtbot, made)
    said = {shown.list.item(row).text() for row in range(shown.list.count())}
    assert said == {
        f"{tmp_path}\nWatched · 0 documents",
        "/nowhere/usb\nOut of reach: its documents are kept · 0 documents",
    }
    assert not shown.stop.isEnabled()
    shown.list.setCurrentRow(0)
    shown.stop.click()
    qtbot.waitUntil(lambda: shown.list.count() == 1)
    shown.watch("/some/folder")
    qtbot.waitUntil(lambda: shown.list.count() == 2)


def test_a_folder_that_cannot_be_watched_is_told_on_the_page(qtbot: QtBot, window: Maker) -> None:
    details = {"path": "/a/b", "other": "/a"}
    failure = {"event": {"type": "failed", "code": "watched_overlaps", "details": details}}
    made = window({"on": {"watch": [[failure]]}})
    shown = page(qtbot, made)
    shown.watch("/a/b")
    qtbot.waitUntil(lambda: "inside a watched folder" in shown.sentence.text())


def test_backups_are_begun_on_the_page_too(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    shown = page(qtbot, made)
    asked: list[bool] = []
    made.backups.choose_backup = asked.append  # type: ignore[method-assign, assignment]
    assert made.settings_dialog is not None
    made.settings_dialog.backup_requested.disconnect()
    made.settings_dialog.backup_requested.connect(asked.append)
    shown.back_up.click()
    shown.back_up_all.click()
    assert asked == [False, True]


def test_a_tick_and_a_text_are_settings_too(open_settings: Open, paths: object, qtbot: QtBot) -> None:  # noqa: F811
    shown = open_settings("library").library
    assert shown.ocr.value() is True
    shown.ocr.editor.toggle()  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: saved(paths) == {"library.ocr": False})  # type: ignore[arg-type]
    qtbot.waitUntil(shown.ocr.reset.isEnabled)
    field = shown.server.editor
    qtbot.keyClicks(field, " http://localhost:8000 ")
    assert saved(paths) == {"library.ocr": False}  # type: ignore[arg-type]
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: saved(paths).get("library.chroma_server") == "http://localhost:8000")  # type: ignore[arg-type]
    qtbot.waitUntil(shown.server.reset.isEnabled)
    shown.server.reset.click()
    shown.ocr.reset.click()
    qtbot.waitUntil(lambda: saved(paths) == {})  # type: ignore[arg-type]

"""The window with the assistants, against the real assistants and formats in a child process."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QScrollArea,
    QScrollBar,
    QSplitterHandle,
    QStyleOptionViewItem,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.assistants_window import AssistantsWindow
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.field_table import FieldColumn
from assistant_app.gui.main_window import MainWindow
from assistant_app.paths import Paths
from assistant_app.protocol.assistants import Assistant, FormatField, OutputFormat

ENGINE = Path(__file__).parent / "assistant_engine.py"
LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
Maker = Callable[..., MainWindow]
Open = Callable[[], AssistantsWindow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("assistants")


@pytest.fixture(scope="module")
def paths(folder: Path) -> Paths:
    resolved = Paths.resolve(folder)
    resolved.create()
    return resolved


@pytest.fixture(scope="module")
def engine(qapp: QApplication, folder: Path) -> Iterator[EngineLink]:
    """One for all tests: the real engine's modules take seconds to load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ENGINE.parent.parent.parent))
        patch.setenv("DOCENT_HOME", str(folder))
        link = EngineLink([sys.executable, str(ENGINE)])
    link.start()
    yield link
    link.close(2_000)
    link.deleteLater()


@pytest.fixture
def opened(qtbot: QtBot, paths: Paths, engine: EngineLink) -> Iterator[Open]:
    """``opened()`` is the window, with everything listed and no assistant of the person's own."""
    made: list[AssistantsWindow] = []

    def make() -> AssistantsWindow:
        state = QSettings(str(paths.window_state), QSettings.Format.IniFormat)
        shelf = AssistantShelf(engine)
        window = AssistantsWindow(engine, shelf, state)
        shelf.setParent(window)
        made.append(window)
        window.open()
        wait(qtbot, lambda: shelf.known and window.editor.adapter.count() > 2)
        return window

    yield make
    for window in made:
        wait(qtbot, lambda window=window: window.editor.format.is_settled)
        window.close()
        wait_for_jobs(qtbot, engine)
        window.deleteLater()
    for file in paths.assistants.glob("*"):
        file.unlink()


def nameless(window: QWidget) -> list[QWidget]:
    """What can have the focus and has no name for those who do not see it."""
    kinds = (QScrollBar, QSplitterHandle, QTabBar, QLabel)
    found = []
    for child in window.findChildren(QWidget):
        if isinstance(child, kinds) or child.focusPolicy() == Qt.FocusPolicy.NoFocus:
            continue
        if not child.isVisibleTo(window) or child.objectName().startswith("qt_"):
            continue
        interface = QAccessible.queryAccessibleInterface(child)
        if not (interface and interface.text(QAccessible.Text.Name)):
            found.append(child)
    return found


def wait(qtbot: QtBot, until: Callable[[], bool]) -> None:
    """Patiently: the engine's modules take seconds to load, many where much else runs."""
    qtbot.waitUntil(until, timeout=120_000)


def wait_for_jobs(qtbot: QtBot, engine: EngineLink) -> None:
    """Until an engine that outlives the window has said its last word to it: a window of Docent lives as long."""
    wait(qtbot, lambda: not engine._jobs)


def rows(window: AssistantsWindow) -> list[str]:
    return [window.list.item(row).text() for row in range(window.list.count())]


def select(window: AssistantsWindow, name: str) -> None:
    window.list.setCurrentRow(next(row for row, text in enumerate(rows(window)) if text.rstrip(" •") == name))


def settled(qtbot: QtBot, window: AssistantsWindow) -> None:
    wait(qtbot, lambda: window.editor.format.is_settled)


def save(qtbot: QtBot, window: AssistantsWindow, name: str) -> None:
    window.editor.name.setText(name)
    qtbot.mouseClick(window.editor.save_button, LEFT)
    wait(qtbot, lambda: name in rows(window))


def kept(paths: Paths) -> dict[str, dict[str, object]]:
    """What lies in the person's folder, by name."""
    trees = [tomllib.loads(file.read_text(encoding="utf-8")) for file in paths.assistants.glob("*.toml")]
    return {str(tree["name"]): tree for tree in trees}


def choose_kind(window: AssistantsWindow, kind: str) -> None:
    box = window.editor.format.kind
    box.setCurrentIndex(box.findData(kind))


def wait_for_layout(qtbot: QtBot, window: AssistantsWindow) -> None:
    """Until the table of fields has its room: a click on a button without a height would miss it."""
    fields = window.editor.format.fields
    wait(qtbot, lambda: fields.add_button.y() > fields.table.geometry().bottom())


# ---------------------------------------------------------------- making, changing, throwing out


def test_one_is_made_with_all_that_it_can_say(qtbot: QtBot, opened: Open, paths: Paths) -> None:
    window = opened()
    editor = window.editor
    qtbot.mouseClick(window.buttons[window.new_action], LEFT)
    assert rows(window)[0] == "New assistant •"
    assert editor.name.hasFocus()
    editor.about.setText("What a lease says.")
    editor.instructions.setPlainText("Be brief.")
    editor.question.setPlainText("Who rents?")
    editor.collections.item(1).setCheckState(Qt.CheckState.Checked)
    editor.model.setCurrentIndex(editor.model.findText("large"))
    editor.adapter.setCurrentIndex(editor.adapter.findData("none"))
    editor.exact.setCurrentIndex(1)
    editor.temperature.setValue(0.2)
    editor.scale.setValue(0.5)
    editor.passages.setValue(9)
    save(qtbot, window, "Leases")
    assert kept(paths)["Leases"] == {
        "name": "Leases",
        "about": "What a lease says.",
        "instructions": "Be brief.",
        "question": "Who rents?",
        "collections": ["Rules & more"],
        "model": "/models/large.gguf",
        "adapter": "none",
        "exact": False,
        "temperature": 0.2,
        "scale": 0.5,
        "passages": 9,
        "format": {"kind": "text"},
    }, "what is as in the settings is not written"
    assert editor.state.text() == ""
    assert not editor.save_button.isEnabled()


def test_it_gets_another_name_and_what_was_typed_meanwhile_stays(qtbot: QtBot, opened: Open, paths: Paths) -> None:
    window = opened()
    window.make_new()
    save(qtbot, window, "Leases")
    window.editor.name.setText("Rents")
    qtbot.keyClick(window.editor.about, Qt.Key.Key_Return, CONTROL)
    window.editor.about.setText("Typed while it was saved")
    wait(qtbot, lambda: list(kept(paths)) == ["Rents"])
    wait(qtbot, lambda: window._shelf.get("Rents") is not None)
    assert "Rents •" in rows(window)
    assert window.editor.about.text() == "Typed while it was saved"
    assert window.editor.state.text() == "Not saved yet"


def test_what_was_typed_stays_when_another_is_looked_at_and_when_the_window_is_closed(
    qtbot: QtBot, opened: Open
) -> None:
    window = opened()
    window.make_new()
    save(qtbot, window, "Leases")
    window.editor.about.setText("Half a sen")
    select(window, "Plain answer")
    assert window.editor.about.text() != "Half a sen"
    window.close()
    assert window.has_unsaved
    window.show_unsaved()
    assert window.editor.name.text() == "Leases"
    assert window.editor.about.text() == "Half a sen"
    assert window.editor.state.text() == "Not saved yet"
    qtbot.mouseClick(window.editor.revert_button, LEFT)
    assert window.editor.about.text() == ""
    assert not window.has_unsaved
    assert "Leases" in rows(window)


def test_fields_that_were_typed_a_moment_ago_are_no_less_kept(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.make_new()
    choose_kind(window, "schema")
    fields = window.editor.format.fields
    fields.add()
    fields.model.setData(fields.model.index(0, FieldColumn.NAME), "rent")
    assert not window.editor.format.is_settled
    select(window, "Plain answer")
    select(window, "New assistant")
    assert [field.name for field in fields.model.fields] == ["rent"]
    settled(qtbot, window)
    assert '"rent"' in window.editor.format.schema.toPlainText()
    assert [field.name for field in fields.model.fields] == ["rent"]


def test_one_is_deleted_and_comes_back(qtbot: QtBot, opened: Open, paths: Paths) -> None:
    window = opened()
    window.make_new()
    save(qtbot, window, "Leases")
    window.list.setFocus()
    wait(qtbot, window.list.hasFocus)
    qtbot.keyClick(window.list, Qt.Key.Key_Delete)
    wait(qtbot, lambda: "Leases" not in rows(window))
    assert kept(paths) == {}
    assert window.notice.text == "“Leases” was deleted."
    qtbot.mouseClick(window.notice.action_button, LEFT)
    wait(qtbot, lambda: "Leases" in rows(window))
    assert list(kept(paths)) == ["Leases"]
    assert window.editor.name.text() == "Leases"
    assert window.notice.text == ""


def test_one_that_was_never_saved_comes_back_too(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.make_new()
    window.editor.about.setText("Much work")
    qtbot.mouseClick(window.buttons[window.delete_action], LEFT)
    assert "New assistant •" not in rows(window)
    qtbot.mouseClick(window.notice.action_button, LEFT)
    assert window.editor.about.text() == "Much work"


def test_one_that_ships_stays_as_it_is_and_its_copy_is_changed(qtbot: QtBot, opened: Open, paths: Paths) -> None:
    window = opened()
    editor = window.editor
    select(window, "Contract facts")
    settled(qtbot, window)
    assert editor.shipped.text
    assert editor.name.isReadOnly()
    assert editor.instructions.isReadOnly()
    assert editor.format.schema.isReadOnly()
    assert not editor.format.fields.add_button.isEnabled()
    assert not window.buttons[window.delete_action].isEnabled()
    assert editor.save_button.isHidden()
    qtbot.mouseClick(editor.duplicate_button, LEFT)
    assert editor.name.text() == "Contract facts copy"
    assert not editor.name.isReadOnly()
    settled(qtbot, window)
    save(qtbot, window, "My contracts")
    assert kept(paths)["My contracts"]["question"] == editor.question.toPlainText()
    assert kept(paths)["My contracts"]["passages"] == 8


def test_a_name_that_is_taken_is_a_sentence_and_nothing_is_lost(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.make_new()
    window.editor.name.setText("plain answer")
    window.editor.about.setText("Mine")
    qtbot.mouseClick(window.editor.save_button, LEFT)
    wait(qtbot, lambda: "There is an assistant named" in window.editor.failure.text())
    assert window.editor.about.text() == "Mine"
    assert window.editor.state.text() == "Not saved yet"
    assert window.notice.text == "", "it is said where it happened"


def test_it_goes_out_as_a_file_and_comes_in_under_a_free_name(
    qtbot: QtBot, opened: Open, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened()
    file = tmp_path / "out.toml"
    select(window, "Yes, no, not stated")
    window.choose_export()
    dialog = window.findChild(QFileDialog)
    assert dialog is not None
    assert dialog.selectedFiles()[0].endswith("Yes--no--not-stated.toml")
    dialog.fileSelected.emit(str(file))
    dialog.close()
    wait(qtbot, lambda: window.notice.text == "“Yes, no, not stated” is written to “out.toml”.")
    assert tomllib.loads(file.read_text())["format"]["labels"] == ["Yes", "No", "Not stated"]
    window._shelf.import_file(str(file))
    wait(qtbot, lambda: window.notice.text == "“Yes, no, not stated 2” was taken in.")
    assert window.editor.name.text() == "Yes, no, not stated 2"
    file.write_text("name = 7", encoding="utf-8")
    window._shelf.import_file(str(file))
    wait(qtbot, lambda: "is no assistant that Docent can use" in window.notice.text)
    assert len(kept(paths)) == 1


def test_what_an_assistant_names_and_is_not_there_is_shown_and_kept(qtbot: QtBot, opened: Open, paths: Paths) -> None:
    window = opened()
    away = Assistant(name="Away", model="gone.gguf", adapter="records", collections=["Old"], max_tokens=64)
    window._shelf.save(away)
    wait(qtbot, lambda: "Away" in rows(window))
    select(window, "Away")
    editor = window.editor
    assert editor.model.currentText() == "gone (not there)"
    assert editor.adapter.currentText() == "records", "a name will do"
    assert editor.collections.item(2).text() == "Old (not there)"
    editor.about.setText("Changed")
    save(qtbot, window, "Away")
    wait(qtbot, lambda: kept(paths)["Away"].get("about") == "Changed")
    assert (kept(paths)["Away"]["model"], kept(paths)["Away"]["collections"]) == ("gone.gguf", ["Old"])
    assert kept(paths)["Away"]["max_tokens"] == 64


# ---------------------------------------------------------------- formats


def test_a_table_of_fields_becomes_a_schema(qtbot: QtBot, opened: Open, paths: Paths) -> None:
    window = opened()
    window.make_new()
    choose_kind(window, "schema")
    form = window.editor.format
    assert form.note.text() == "Add the fields that every answer is to have."
    table = form.fields.table
    model = form.fields.model
    wait_for_layout(qtbot, window)
    for name in ("rent", "since"):
        qtbot.mouseClick(form.fields.add_button, LEFT)
        (cell,) = (each for each in table.findChildren(QLineEdit) if each.isVisible())
        qtbot.keyClicks(cell, name)
        qtbot.keyClick(cell, Qt.Key.Key_Return)
        wait(qtbot, lambda: not any(each.isVisible() for each in table.findChildren(QLineEdit)))
    model.setData(model.index(0, FieldColumn.TYPE), "number")
    model.setData(model.index(1, FieldColumn.TYPE), "date")
    model.setData(model.index(1, FieldColumn.DESCRIPTION), "first day")
    model.setData(model.index(1, FieldColumn.REQUIRED), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    save(qtbot, window, "Rents")
    shape = kept(paths)["Rents"]["format"]
    assert isinstance(shape, dict)
    assert shape["kind"] == "schema"
    assert model.fields == [
        FormatField(name="rent", type="number"),
        FormatField(name="since", type="date", description="first day", required=False),
    ]
    for words in ('"rent": {', '"type": "number"', '"format": "date"', '"description": "first day"'):
        assert words in shape["schema"]


def test_fields_are_moved_and_removed_with_the_keyboard(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.make_new()
    choose_kind(window, "schema")
    fields = window.editor.format.fields
    fields.model.set_fields([FormatField(name=name) for name in "abc"])
    table = fields.table
    table.setCurrentIndex(fields.model.index(0, 0))
    table.setFocus()
    wait(qtbot, table.hasFocus)
    qtbot.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert [field.name for field in fields.model.fields] == ["b", "a", "c"]
    assert table.currentIndex().row() == 1
    qtbot.keyClick(table, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert [field.name for field in fields.model.fields] == ["a", "b", "c"]
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert [field.name for field in fields.model.fields] == ["b", "c"]
    qtbot.keyClick(table, Qt.Key.Key_Insert)
    assert [field.name for field in fields.model.fields] == ["b", "c", ""]
    settled(qtbot, window)
    assert "each field needs a name of its own" in window.editor.format.failure.text()
    assert not window.editor.save_button.isEnabled()


def test_the_pane_scrolls_to_the_name_of_a_new_field(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.resize(900, 420)
    window.make_new()
    choose_kind(window, "schema")
    fields = window.editor.format.fields
    fields.model.set_fields([FormatField(name=name) for name in "abcde"])
    pane = window.editor.findChild(QScrollArea)
    assert pane is not None
    wait_for_layout(qtbot, window)
    pane.verticalScrollBar().setValue(0)
    assert not fields.add_button.visibleRegion().boundingRect().height(), "the table's end is out of sight"
    fields.table.setFocus()
    wait(qtbot, fields.table.hasFocus)
    qtbot.keyClick(fields.table, Qt.Key.Key_Insert)
    (name,) = (each for each in fields.table.findChildren(QLineEdit) if each.isVisible())
    assert name.visibleRegion().boundingRect().height() == name.height()
    settled(qtbot, window)
    wait(qtbot, lambda: name.visibleRegion().boundingRect().height() == name.height())
    assert name.hasFocus()


def test_a_type_is_chosen_from_a_list(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.make_new()
    choose_kind(window, "schema")
    fields = window.editor.format.fields
    fields.model.set_fields([FormatField(name="a")])
    at = fields.model.index(0, FieldColumn.TYPE)
    delegate = fields.table.itemDelegateForColumn(FieldColumn.TYPE)
    box = delegate.createEditor(fields.table.viewport(), QStyleOptionViewItem(), at)
    assert isinstance(box, QComboBox)
    delegate.setEditorData(box, at)
    assert box.currentText() == "Text"
    box.setCurrentIndex(box.findData("yes or no"))
    delegate.setModelData(box, fields.model, at)
    assert fields.model.fields[0].type == "yes or no"
    box.deleteLater()


def test_a_schema_is_checked_while_it_is_typed_and_the_line_is_marked(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.make_new()
    choose_kind(window, "schema")
    form = window.editor.format
    form.tabs.setCurrentIndex(1)
    form.schema.setPlainText('{\n  "type": "object",\n  "properties": {,}\n}')
    settled(qtbot, window)
    assert form.marked_line == 3
    assert form.failure.text().endswith("Line 3, column 18.")
    assert not window.editor.save_button.isEnabled()
    form.schema.setPlainText('{\n  "type": "object",\n  "properties": {\n    "a": {"type": "strin"}\n  }\n}')
    settled(qtbot, window)
    assert form.marked_line == 4
    assert form.failure.text().endswith("At /properties/a/type.")
    form.schema.setPlainText('{"type": "object", "properties": {"a": {"type": "string"}}}')
    settled(qtbot, window)
    assert (form.marked_line, form.failure.text()) == (None, "")
    assert window.editor.save_button.isEnabled()
    assert not form.fields.isEnabled()
    assert form.note.text().startswith("This schema says more than a table of fields can")


def test_a_schema_that_a_table_can_say_is_shown_as_one(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    select(window, "Contract facts")
    settled(qtbot, window)
    form = window.editor.format
    assert form.tabs.currentIndex() == 0
    assert [field.name for field in form.fields.model.fields] == ["parties", "start", "end", "payment", "notice"]
    assert form.fields.model.fields[0].type == "list"


def test_saving_right_after_typing_waits_for_the_check(qtbot: QtBot, opened: Open, paths: Paths) -> None:
    window = opened()
    window.make_new()
    choose_kind(window, "labels")
    window.editor.format.labels.setPlainText("Yes\n\n  No \n")
    assert not window.editor.format.is_settled
    save(qtbot, window, "Labels")
    assert kept(paths)["Labels"]["format"] == {"kind": "labels", "labels": ["Yes", "No"]}
    window.editor.format.labels.setPlainText("Yes")
    qtbot.keyClick(window.editor.format.labels, Qt.Key.Key_Return, CONTROL)
    settled(qtbot, window)
    assert "two to 100 different labels" in window.editor.format.failure.text()
    assert kept(paths)["Labels"]["format"] == {"kind": "labels", "labels": ["Yes", "No"]}


def test_a_template_shows_its_slots_and_the_boxes_are_kept(qtbot: QtBot, opened: Open, paths: Paths) -> None:
    window = opened()
    window.make_new()
    form = window.editor.format
    assert form.grammar.isHidden(), "free text needs neither"
    choose_kind(window, "template")
    assert form.slots_shown.text() == "No slots yet."
    form.template.setPlainText("Who: {who}\nWhen: {when}")
    assert form.slots_shown.text() == "Slots: who, when"
    form.grammar.setChecked(False)
    save(qtbot, window, "Minutes")
    assert kept(paths)["Minutes"]["format"] == {
        "kind": "template",
        "template": "Who: {who}\nWhen: {when}",
        "grammar": False,
    }


# ---------------------------------------------------------------- the window as a whole


def test_every_control_has_a_name(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.make_new()
    choose_kind(window, "schema")
    assert nameless(window) == []


def test_quitting_asks_about_what_is_not_saved(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait(qtbot, lambda: made.assisting.shelf.known)
    made.menus.assistants_requested.emit()
    shown = made.assisting.assistants_window
    assert shown is not None
    select(shown, "Leases")
    shown.editor.about.setText("Half a sen")
    made.close()
    assert made.isVisible()
    box = made.findChild(QMessageBox)
    assert box is not None
    assert box.text() == "An assistant was changed and is not saved."
    next(button for button in box.buttons() if button.text() == "&Show it").click()
    assert shown.isVisible()
    assert shown.editor.about.text() == "Half a sen"
    made.close()
    box = made.findChildren(QMessageBox)[-1]
    next(button for button in box.buttons() if button.text() == "&Quit without it").click()
    wait(qtbot, lambda: not made.isVisible())
    assert not shown.isVisible()


def test_the_composers_menu_opens_it_at_the_one_that_is_asked(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait(qtbot, lambda: made.assisting.shelf.known)
    picker = made.conversation.composer.assistant_picker
    picker.choose("Plain answer")
    next(action for action in picker.menu().actions() if "Manage" in action.text()).trigger()
    shown = made.assisting.assistants_window
    assert shown is not None
    assert shown.editor.name.text() == "Plain answer"
    assert OutputFormat() == shown.editor.format.format()

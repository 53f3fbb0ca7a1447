"""The settings dialog against real settings, models and adapters in a child process."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from assistant_app.gui.adapter_comparison import BASE, differences
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.holdings import Holdings
from assistant_app.gui.setting_row import SettingRow
from assistant_app.gui.settings_dialog import SettingsDialog
from assistant_app.gui.settings_page import SettingsPage
from assistant_app.gui.watching import Watching
from assistant_app.paths import Paths
from assistant_app.settings import Settings
from tests import ggufs
from tests.models.test_peft_folder import folder as peft_folder

ENGINE = Path(__file__).parent / "settings_engine.py"


@pytest.fixture
def paths(home: Path) -> Paths:
    resolved = Paths.resolve(home)
    resolved.create()
    resolved.models.mkdir()
    resolved.adapters.mkdir()
    return resolved


@pytest.fixture
def tiny(paths: Paths) -> Path:
    return ggufs.tiny_model(paths.models / "tiny.gguf")


Open = Callable[..., SettingsDialog]


@pytest.fixture
def open_settings(qtbot: QtBot, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """``open_settings(page)`` shows the dialog at that page, with the engine running."""
    monkeypatch.setenv("PYTHONPATH", str(ENGINE.parent.parent.parent))
    made: list[tuple[SettingsDialog, EngineLink]] = []

    def make(page: str = "models", *arguments: str) -> SettingsDialog:
        link = EngineLink([sys.executable, str(ENGINE), *arguments])
        state = QSettings(str(paths.window_state), QSettings.Format.IniFormat)
        dialog = SettingsDialog(link, Settings(paths.settings), Watching(link, Holdings(link), state))
        made.append((dialog, link))
        with qtbot.waitSignal(link.ready, timeout=30_000):
            link.start()
        dialog.show_page(page)
        dialog.show()
        if page == "models":
            qtbot.waitUntil(lambda: dialog.models.list.count() > 0, timeout=20_000)
            qtbot.waitUntil(dialog.models.gpu_note.isVisible, timeout=20_000)
        return dialog

    yield make
    for dialog, link in made:
        dialog.close()
        dialog.deleteLater()
        link.close(2_000)
        link.deleteLater()


def saved(paths: Paths) -> dict[str, object]:
    """What the settings file holds, by full key."""
    if not paths.settings.exists():
        return {}
    tree = tomllib.loads(paths.settings.read_text(encoding="utf-8"))
    return {f"{section}.{name}": value for section, entries in tree.items() for name, value in entries.items()}


def names(dialog_list: QListWidget) -> list[str]:
    return [dialog_list.item(row).text().split("\n")[0] for row in range(dialog_list.count())]


def select(files: QListWidget, name: str) -> None:
    files.setCurrentRow(names(files).index(name))


# ---------------------------------------------------------------- models


def test_the_starter_model_comes_first_and_is_in_use(open_settings: Open, tiny: Path) -> None:
    page = open_settings().models
    assert names(page.list) == ["SmolLM2 135M Instruct (starter model)", "Tiny"]
    assert "in use" in page.list.item(0).data(Qt.ItemDataRole.AccessibleTextRole)
    facts = page.card.facts()
    assert (facts["Quantisation"], facts["Layers"], facts["Size"]) == ("Q4_1", "30", "98 MB")
    assert facts["Estimated memory"] == "208 MB: fits this computer"
    assert not page.use.isEnabled()
    assert any("It is small: quick" in label.text() for label in page.findChildren(QLabel))


def test_a_model_is_looked_at_before_it_is_used(open_settings: Open, tiny: Path, paths: Paths, qtbot: QtBot) -> None:
    dialog = open_settings()
    page = dialog.models
    select(page.list, "Tiny")
    assert (page.card.title.text(), page.card.facts()["Context"]) == ("Tiny", "512 tokens")
    assert saved(paths) == {}
    with qtbot.waitSignal(dialog.model_changed, timeout=10_000):
        qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
    assert saved(paths) == {"model.path": str(tiny)}
    assert (page.card.title.text(), page.use.text()) == ("Tiny", "In use")
    assert not page.use.isEnabled()
    select(page.list, "SmolLM2 135M Instruct (starter model)")
    with qtbot.waitSignal(dialog.model_changed, timeout=10_000):
        qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
    assert saved(paths) == {}


def test_a_file_from_elsewhere_is_shown_and_used(
    open_settings: Open, tmp_path: Path, paths: Paths, qtbot: QtBot
) -> None:
    other = ggufs.tiny_model(tmp_path / "other.gguf", name="Elsewhere")
    dialog = open_settings()
    page = dialog.models
    page.add(str(other))
    qtbot.waitUntil(lambda: page.card.title.text() == "Elsewhere", timeout=10_000)
    assert page.card.facts()["File"] == str(other)
    assert names(page.list)[-1] == "Elsewhere"
    with qtbot.waitSignal(dialog.model_changed, timeout=10_000):
        page.use.click()
    assert saved(paths) == {"model.path": str(other)}
    starter = "SmolLM2 135M Instruct (starter model)"
    assert names(page.list) == [starter, "Elsewhere"]
    select(page.list, starter)
    with qtbot.waitSignal(dialog.model_changed, timeout=10_000):
        page.use.click()
    assert names(page.list) == [starter, "Elsewhere"], "what was added stays"


def test_models_of_other_programs_are_offered(open_settings: Open, tmp_path: Path, paths: Paths, qtbot: QtBot) -> None:
    folder = tmp_path / "user" / ".lmstudio" / "models" / "ada" / "repo"
    folder.mkdir(parents=True)
    other = ggufs.tiny_model(folder / "other.gguf", name="Studio's")
    ggufs.cut(other, folder / "broken.gguf", 2000)
    ggufs.huge_model(folder / "huge.gguf")
    dialog = open_settings()
    page = dialog.models
    starter = "SmolLM2 135M Instruct (starter model)"
    qtbot.waitUntil(lambda: names(page.list) == [starter, "Huge", "Studio's"], timeout=20_000)
    assert "too large for this computer" in page.list.item(1).text()
    assert "found in LM Studio" in page.list.item(2).text()
    select(page.list, "Huge")
    assert "more than this computer has" in page.card.facts()["Estimated memory"]
    select(page.list, "Studio's")
    assert page.card.facts()["Found in"] == "LM Studio"
    assert "fits this computer" in page.card.facts()["Estimated memory"]
    with qtbot.waitSignal(dialog.model_changed, timeout=10_000):
        qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
    assert saved(paths) == {"model.path": str(other)}
    assert names(page.list) == [starter, "Studio's", "Huge"]
    select(page.list, starter)
    with qtbot.waitSignal(dialog.model_changed, timeout=10_000):
        page.use.click()
    qtbot.waitUntil(lambda: names(page.list) == [starter, "Huge", "Studio's"], timeout=20_000)


def _truncated(folder: Path) -> Path:
    whole = ggufs.tiny_model(folder / "whole.gguf")
    return ggufs.cut(whole, folder / "bad.gguf", whole.stat().st_size - 100)


def _text(folder: Path) -> Path:
    (folder / "bad.gguf").write_text("not a model")
    return folder / "bad.gguf"


def _part(folder: Path) -> Path:
    first, second = ggufs.split_model(folder)
    second.unlink()
    return first


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_truncated, "“bad.gguf” is cut off: at least 100 bytes"),
        (_text, "“bad.gguf” is not a GGUF file"),
        (lambda folder: ggufs.tiny_model(folder / "bad.gguf", template=None), "“bad.gguf” cannot answer questions"),
        (_part, "“tiny-00002-of-00002.gguf” is missing beside it"),
        (lambda folder: folder / "gone.gguf", "is not there"),
    ],
)
def test_a_file_that_cannot_be_used_gets_its_own_sentence(
    open_settings: Open, tmp_path: Path, qtbot: QtBot, make: Callable[[Path], Path], words: str
) -> None:
    page = open_settings().models
    page.add(str(make(tmp_path)))
    qtbot.waitUntil(lambda: words in page.failure.text(), timeout=10_000)
    assert page.failure.isVisible()
    assert page.card.title.text() == "SmolLM2 135M Instruct (starter model)"


def test_a_model_larger_than_memory_is_shown_and_not_taken(
    open_settings: Open, tmp_path: Path, paths: Paths, qtbot: QtBot
) -> None:
    page = open_settings().models
    page.add(str(ggufs.huge_model(tmp_path / "huge.gguf")))
    qtbot.waitUntil(lambda: page.card.title.text() == "Huge", timeout=10_000)
    page.use.click()
    qtbot.waitUntil(lambda: "GiB of memory" in page.failure.text(), timeout=10_000)
    assert saved(paths) == {}
    assert page.use.isEnabled()


def test_a_dropped_file_is_looked_at(open_settings: Open, tmp_path: Path, qtbot: QtBot) -> None:
    page = open_settings().models
    dropped = ggufs.tiny_model(tmp_path / "dropped.gguf", name="Dropped")
    assert not _drop(page, tmp_path / "letter.pdf")
    assert _drop(page, dropped)
    qtbot.waitUntil(lambda: page.card.title.text() == "Dropped", timeout=10_000)


def _drop(page: SettingsPage, path: Path) -> bool:
    """Drag ``path`` over the page and let go; False where it was not taken."""
    target = page.viewport()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    button, keys, copy = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, button, keys)
    enter.ignore()
    QApplication.sendEvent(target, enter)
    if enter.isAccepted():
        QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), copy, data, button, keys))
    return enter.isAccepted()


def gpu_choice(dialog: SettingsDialog) -> bool:
    box = dialog.models.device.editor
    assert isinstance(box, QComboBox)
    items = box.model()
    assert isinstance(items, QStandardItemModel)
    return items.item(box.findData("gpu")).isEnabled()


def test_without_a_gpu_it_cannot_be_chosen_and_the_build_flag_is_named(open_settings: Open) -> None:
    dialog = open_settings("models")
    assert not gpu_choice(dialog)
    assert "-DGGML_CUDA=on" in dialog.models.gpu_note.text()
    assert not dialog.models.gpu_layers.isEnabled()


def test_a_gpu_that_is_there_can_be_chosen(open_settings: Open, paths: Paths, qtbot: QtBot) -> None:
    dialog = open_settings("models", "--gpu")
    assert gpu_choice(dialog)
    assert dialog.models.gpu_note.text() == "Found: A graphics processor (8.0 GB)."
    box = dialog.models.device.editor
    assert isinstance(box, QComboBox)
    with qtbot.waitSignal(dialog.models.device.saved, timeout=10_000):
        box.setCurrentIndex(box.findData("gpu"))
    assert saved(paths) == {"model.device": "gpu"}


def test_the_estimate_follows_the_context_length(open_settings: Open, qtbot: QtBot) -> None:
    page = open_settings().models
    before = page.card.facts()["Estimated memory"]
    row = page.rows[2]
    assert isinstance(row.editor, QSpinBox)
    row.editor.setValue(8192)
    qtbot.waitUntil(lambda: page.card.facts()["Estimated memory"] != before, timeout=10_000)


# ---------------------------------------------------------------- single settings


def row_of(dialog: SettingsDialog, key: str) -> SettingRow:
    return next(row for row in dialog.findChildren(SettingRow) if row.key == key)


def test_a_number_is_saved_once_it_rests_and_goes_back_to_its_default(
    open_settings: Open, paths: Paths, qtbot: QtBot
) -> None:
    row = row_of(open_settings("general"), "answer.passages")
    seen: list[object] = []
    row.saved.connect(lambda key, value: seen.append(value))
    assert isinstance(row.editor, QSpinBox)
    assert not row.reset.isEnabled()
    with qtbot.waitSignal(row.saved, timeout=10_000):
        for _ in range(5):
            row.editor.stepUp()
    assert (seen, saved(paths)) == ([11], {"answer.passages": 11})
    with qtbot.waitSignal(row.saved, timeout=10_000):
        qtbot.mouseClick(row.reset, Qt.MouseButton.LeftButton)
    assert (row.editor.value(), saved(paths)) == (6, {})
    assert not row.reset.isEnabled()


def test_what_was_changed_a_moment_ago_is_saved_when_the_dialog_closes(
    open_settings: Open, paths: Paths, qtbot: QtBot
) -> None:
    dialog = open_settings("general")
    row = row_of(dialog, "answer.temperature")
    assert isinstance(row.editor, QDoubleSpinBox)
    row.editor.setValue(0.7)
    dialog.close()
    assert not row._timer.isActive()  # it did not wait for its pause: the window may be about to quit
    qtbot.waitUntil(lambda: saved(paths) == {"answer.temperature": 0.7}, timeout=10_000)


def test_a_setting_that_cannot_be_written_says_so_and_goes_back(open_settings: Open, qtbot: QtBot) -> None:
    row = row_of(open_settings("general", "--unwritable"), "answer.max_tokens")
    assert isinstance(row.editor, QSpinBox)
    row.editor.setValue(500)
    qtbot.waitUntil(lambda: "may not write" in row.failure, timeout=10_000)
    assert row.editor.value() == 400


def test_special_values_have_words(open_settings: Open) -> None:
    dialog = open_settings()
    shown = {row.key: row.editor.text() for row in dialog.models.rows if isinstance(row.editor, QSpinBox)}
    assert shown == {
        "model.gpu_layers": "As many as fit",
        "model.context": "4,096 tokens",
        "model.threads": "Automatic",
        "model.unload_minutes": "15 minutes",
    }


def test_the_theme_is_the_windows_own(open_settings: Open, paths: Paths, qtbot: QtBot) -> None:
    dialog = open_settings("general")
    box = dialog.general.theme.editor
    assert isinstance(box, QComboBox)
    with qtbot.waitSignal(dialog.theme_changed, timeout=10_000) as changed:
        box.setCurrentIndex(box.findData("dark"))
    assert changed.args == ["dark"]
    assert saved(paths) == {"window.theme": "dark"}


def test_the_librarys_folder_is_shown_and_copied(open_settings: Open, paths: Paths, qtbot: QtBot) -> None:
    page = open_settings("general").general
    qtbot.waitUntil(page.copy.isEnabled, timeout=20_000)
    assert page.folder.text() == str(paths.library)
    qtbot.mouseClick(page.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == str(paths.library)
    assert any("not encrypted" in label.text() for label in page.findChildren(QLabel))


def test_what_changed_elsewhere_is_shown_when_a_page_is_opened(open_settings: Open, paths: Paths) -> None:
    dialog = open_settings("models")
    Settings(paths.settings).update({"answer.passages": 9})
    dialog.show_page("general")
    row = row_of(dialog, "answer.passages")
    assert (dialog.page(), row.value()) == ("general", 9)
    with pytest.raises(KeyError):
        dialog.show_page("nowhere")


# ---------------------------------------------------------------- adapters


@pytest.fixture
def with_adapter(paths: Paths, tiny: Path) -> Path:
    """The tiny model is in use, and one adapter for it is known."""
    Settings(paths.settings).update({"model.path": str(tiny)})
    return ggufs.adapter(paths.adapters / "lora.gguf", tiny, name="Strict JSON", rank=4, alpha=8.0)


def open_adapters(open_settings: Open, qtbot: QtBot) -> SettingsDialog:
    dialog = open_settings("adapters")
    qtbot.waitUntil(lambda: dialog.adapters.list.count() > 0, timeout=20_000)
    return dialog


def test_an_adapter_is_shown_chosen_scaled_and_switched(
    open_settings: Open, paths: Paths, with_adapter: Path, tiny: Path, qtbot: QtBot
) -> None:
    dialog = open_adapters(open_settings, qtbot)
    page = dialog.adapters
    assert not page.switch.isEnabled()
    select(page.list, "Strict JSON")
    facts = page.card.facts()
    assert (facts["Fits the model in use"], facts["Rank"], facts["Alpha"]) == ("Yes", "4", "8")
    assert (facts["Architecture"], facts["Task"]) == ("llama", "testing")
    model = {"model.path": str(tiny)}
    with qtbot.waitSignal(dialog.adapter_changed, timeout=10_000):
        qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
    assert saved(paths) == {**model, "adapter.path": str(with_adapter)}
    assert page.switch.isChecked()
    with qtbot.waitSignal(dialog.adapter_changed, timeout=10_000):
        page.slider.setValue(30)
    assert saved(paths) == {**model, "adapter.path": str(with_adapter), "adapter.scale": 1.5}
    assert page.number.value() == 1.5
    with qtbot.waitSignal(dialog.adapter_changed, timeout=10_000):
        page.number.setValue(0.5)
    assert page.slider.value() == 10
    with qtbot.waitSignal(dialog.adapter_changed, timeout=10_000):
        page.switch.click()
    assert saved(paths)["adapter.enabled"] is False
    assert saved(paths)["adapter.path"] == str(with_adapter)
    with qtbot.waitSignal(dialog.adapter_changed, timeout=10_000):
        qtbot.mouseClick(page.reset, Qt.MouseButton.LeftButton)
    assert "adapter.scale" not in saved(paths)


def test_the_slider_is_saved_once_it_rests(open_settings: Open, paths: Paths, with_adapter: Path, qtbot: QtBot) -> None:
    Settings(paths.settings).update({"adapter.path": str(with_adapter)})
    dialog = open_adapters(open_settings, qtbot)
    changes: list[None] = []
    dialog.adapter_changed.connect(lambda: changes.append(None))
    with qtbot.waitSignal(dialog.adapter_changed, timeout=10_000):
        for step in range(20, 30):
            dialog.adapters.slider.setValue(step)
    assert (len(changes), saved(paths)["adapter.scale"]) == (1, 1.45)


def test_an_adapter_for_another_model_is_shown_and_cannot_be_used(
    open_settings: Open, paths: Paths, tiny: Path, qtbot: QtBot
) -> None:
    ggufs.adapter(paths.adapters / "lora.gguf", tiny, name="For tiny")  # the starter model is in use
    page = open_adapters(open_settings, qtbot).adapters
    select(page.list, "For tiny")
    assert page.card.facts()["Fits the model in use"].startswith("No")
    assert not page.use.isEnabled()
    assert "does not fit" in page.list.currentItem().text()


@pytest.mark.parametrize(
    ("name", "words"),
    [("model.gguf", "not a LoRA adapter"), ("text.gguf", "not a GGUF file"), ("cut.gguf", "is cut off")],
)
def test_a_file_that_is_no_adapter_gets_its_own_sentence(
    open_settings: Open, with_adapter: Path, tmp_path: Path, qtbot: QtBot, name: str, words: str
) -> None:
    ggufs.tiny_model(tmp_path / "model.gguf")
    (tmp_path / "text.gguf").write_text("no")
    ggufs.cut(with_adapter, tmp_path / "cut.gguf", with_adapter.stat().st_size - 9)
    page = open_adapters(open_settings, qtbot).adapters
    page.add(str(tmp_path / name))
    qtbot.waitUntil(lambda: words in page.failure.text(), timeout=10_000)
    assert page.failure.isVisible()


def test_a_dropped_adapter_is_added(
    open_settings: Open, paths: Paths, tiny: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    page = open_settings("adapters").adapters
    assert page.empty.isVisibleTo(page) or page.list.count() == 0
    assert _drop(page, ggufs.adapter(tmp_path / "lora.gguf", tiny, name="Dropped"))
    qtbot.waitUntil(lambda: page.card.title.text() == "Dropped", timeout=60_000)
    assert page.card.facts()["File"] == str(paths.adapters / "dropped.gguf")
    assert page.card.facts()["Came from"] == "lora.gguf"


def test_a_dropped_peft_folder_is_converted_and_shown_to_act(
    open_settings: Open, with_adapter: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    page = open_adapters(open_settings, qtbot).adapters
    assert _drop(page, peft_folder(tmp_path / "Formal letters"))
    qtbot.waitUntil(lambda: page.card.title.text() == "Formal letters", timeout=60_000)
    assert page.card.facts()["Base model"] == "Tiny-1B"
    # What is added is tried by itself.
    qtbot.waitUntil(lambda: page.card.facts()["Acts"].startswith("Yes: on a fixed question"), timeout=60_000)
    assert not page.test.isVisibleTo(page)


def test_an_adapter_that_changes_nothing_says_so(
    open_settings: Open, paths: Paths, tiny: Path, with_adapter: Path, qtbot: QtBot
) -> None:
    ggufs.adapter(paths.adapters / "zeros.gguf", tiny, name="Zeros", strength=0.0)
    page = open_adapters(open_settings, qtbot).adapters
    select(page.list, "Zeros")
    assert page.card.facts()["Acts"] == "Not tried yet over this model"
    qtbot.mouseClick(page.test, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.card.facts()["Acts"].startswith("No: it changes nothing"), timeout=60_000)


def test_an_own_adapter_is_removed_and_put_back(open_settings: Open, with_adapter: Path, qtbot: QtBot) -> None:
    page = open_adapters(open_settings, qtbot).adapters
    select(page.list, "Grounded answers")
    assert not page.remove.isVisibleTo(page)  # it comes with Docent
    select(page.list, "Strict JSON")
    qtbot.mouseClick(page.remove, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.notice.text == "“Strict JSON” was removed.", timeout=60_000)
    assert "Strict JSON" not in names(page.list)
    assert not with_adapter.exists()
    page.notice.action_button.click()
    qtbot.waitUntil(lambda: "Strict JSON" in names(page.list), timeout=60_000)
    assert with_adapter.exists()


def test_another_base_is_a_warning_and_a_choice(
    open_settings: Open, paths: Paths, with_adapter: Path, qtbot: QtBot
) -> None:
    ggufs.card_for(with_adapter, "0" * 64, "Strict JSON")
    dialog = open_adapters(open_settings, qtbot)
    page = dialog.adapters
    select(page.list, "Strict JSON")
    qtbot.waitUntil(lambda: "not the model in use" in page.card.facts()["Base model"], timeout=60_000)
    qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "was trained on another model" in page.notice.text, timeout=60_000)
    assert "adapter.path" not in saved(paths)
    assert page.use.isEnabled()
    with qtbot.waitSignal(dialog.adapter_changed, timeout=60_000):
        page.notice.action_button.click()
    assert saved(paths)["adapter.path"] == str(with_adapter)
    assert page.notice.text == ""


def test_several_are_laid_each_with_its_own_scale(
    open_settings: Open, paths: Paths, tiny: Path, with_adapter: Path, qtbot: QtBot
) -> None:
    tone = ggufs.adapter(paths.adapters / "tone.gguf", tiny, name="Tone", seed=9)
    dialog = open_adapters(open_settings, qtbot)
    page = dialog.adapters
    select(page.list, "Tone")
    assert not page.together.isEnabled()  # besides nothing
    select(page.list, "Strict JSON")
    with qtbot.waitSignal(dialog.adapter_changed, timeout=60_000):
        page.use.click()
    select(page.list, "Tone")
    with qtbot.waitSignal(dialog.adapter_changed, timeout=60_000):
        qtbot.mouseClick(page.together, Qt.MouseButton.LeftButton)
    assert saved(paths)["adapter.also"] == f"{tone}=1"
    with qtbot.waitSignal(dialog.adapter_changed, timeout=60_000):
        page.further.rows[str(tone)].setValue(0.35)
    assert saved(paths)["adapter.also"] == f"{tone}=0.35"
    with qtbot.waitSignal(dialog.adapter_changed, timeout=60_000):
        page.further.buttons[str(tone)].click()
    assert "adapter.also" not in saved(paths)
    assert not page.further.isVisibleTo(page)


def test_base_and_adapter_answer_one_after_the_other(open_settings: Open, with_adapter: Path, qtbot: QtBot) -> None:
    page = open_adapters(open_settings, qtbot).adapters
    both = page.comparison
    assert not both.button.isEnabled()
    select(page.list, "Strict JSON")
    qtbot.keyClicks(both.question, "What is it?")
    qtbot.keyClick(both.question, Qt.Key.Key_Return)
    assert both.is_running
    qtbot.waitUntil(lambda: not both.is_running, timeout=10_000)
    assert both.base.text.toPlainText() == "What is it? none"
    assert both.adapted.text.toPlainText() == "What is it? lora.gguf"
    assert both.adapted.numbers.text() == "7 tokens in 1.5 s"
    marked = [each.cursor.selectedText() for each in both.adapted.text.extraSelections()]
    assert marked == ["lora.gguf"]
    assert [each.cursor.selectedText() for each in both.base.text.extraSelections()] == ["none"]
    assert page.isVisible()


def test_two_that_are_the_same_are_not_compared(open_settings: Open, with_adapter: Path, qtbot: QtBot) -> None:
    both = open_adapters(open_settings, qtbot).adapters.comparison
    both.question.setText("What is it?")
    both.adapted.choose(BASE)
    assert not both.button.isEnabled()
    both.base.choose(("adapter", str(with_adapter)))
    assert both.button.isEnabled()


@pytest.mark.parametrize(
    ("one", "other", "mine", "theirs"),
    [
        ("The rent is $310.", "The rent is $75.", ["310"], ["75"]),
        ("𝄞 a b", "𝄞 a c", ["b"], ["c"]),
        ("same", "same", [], []),
        ("", "new", [], ["new"]),
        ("x " * 3000, "y " * 3000, [], []),
    ],
)
def test_what_differs_is_found_word_by_word(one: str, other: str, mine: list[str], theirs: list[str]) -> None:
    for text, places, wanted in zip((one, other), differences(one, other), (mine, theirs), strict=True):
        units = text.encode("utf-16-le")
        assert [units[2 * start : 2 * end].decode("utf-16-le") for start, end in places] == wanted


def test_a_comparison_can_be_stopped_and_is_stopped_with_the_dialog(
    open_settings: Open, with_adapter: Path, qtbot: QtBot
) -> None:
    dialog = open_adapters(open_settings, qtbot)
    both = dialog.adapters.comparison
    select(dialog.adapters.list, "Strict JSON")
    both.question.setText("wait")
    both.button.click()
    qtbot.waitUntil(lambda: both.base.text.toPlainText() == "wait none", timeout=10_000)
    assert both.button.text() == "Stop"
    both.button.click()
    qtbot.waitUntil(lambda: not both.is_running, timeout=10_000)
    assert both.adapted.text.toPlainText() == ""
    both.button.click()
    qtbot.waitUntil(lambda: both.is_running and both.base.text.toPlainText() != "", timeout=10_000)
    dialog.hide()
    qtbot.waitUntil(lambda: not both.is_running, timeout=10_000)


def test_an_engine_that_dies_in_a_comparison_is_a_sentence(
    open_settings: Open, with_adapter: Path, qtbot: QtBot
) -> None:
    import os
    import signal

    dialog = open_adapters(open_settings, qtbot)
    both = dialog.adapters.comparison
    select(dialog.adapters.list, "Strict JSON")
    both.question.setText("wait")
    both.button.click()
    qtbot.waitUntil(lambda: both.base.text.toPlainText() != "", timeout=10_000)
    os.kill(both._link.process_id, signal.SIGKILL)
    qtbot.waitUntil(lambda: "stopped unexpectedly" in both.base.numbers.text(), timeout=10_000)
    assert not both.is_running


# ---------------------------------------------------------------- keyboard and screen readers

_CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QAbstractSlider, QLineEdit, QPlainTextEdit, QListWidget)


def test_every_control_has_a_name_and_takes_the_focus(open_settings: Open, with_adapter: Path, qtbot: QtBot) -> None:
    dialog = open_adapters(open_settings, qtbot)
    checked = 0
    for page in (dialog.models, dialog.adapters, dialog.general):
        for control in page.body.findChildren(QWidget):
            inner = isinstance(control.parent(), (QComboBox, QAbstractSpinBox, QListWidget, QPlainTextEdit))
            if not isinstance(control, _CONTROLS) or inner or "ScrollBar" in type(control).__name__:
                continue
            if control.isHidden():  # the button of a notice has no words before there is something to do
                continue
            spoken = control.accessibleName() or (control.text() if isinstance(control, QAbstractButton) else "")
            assert spoken, f"{type(control).__name__} of {page.accessibleName()} has no name"
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, spoken
            checked += 1
    assert checked > 25


def test_enter_saves_a_number_and_closes_nothing(open_settings: Open, paths: Paths, qtbot: QtBot) -> None:
    dialog = open_settings("general")
    row = row_of(dialog, "answer.passages")
    assert isinstance(row.editor, QSpinBox)
    row.editor.setFocus()
    row.editor.selectAll()
    with qtbot.waitSignal(row.saved, timeout=10_000):
        qtbot.keyClicks(row.editor, "12")
        qtbot.keyClick(row.editor, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert saved(paths) == {"answer.passages": 12}
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_the_wheel_changes_only_the_control_that_was_chosen(open_settings: Open, qtbot: QtBot) -> None:
    from PySide6.QtGui import QWheelEvent

    dialog = open_settings("general")
    row = row_of(dialog, "answer.passages")
    dialog.navigation.setFocus()

    def turn() -> None:
        middle = QPointF(row.editor.rect().center())
        QApplication.sendEvent(
            row.editor,
            QWheelEvent(
                middle,
                row.editor.mapToGlobal(middle),
                QPoint(),
                QPoint(0, 120),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            ),
        )

    turn()
    assert row.value() == 6
    row.editor.setFocus()
    qtbot.waitUntil(row.editor.hasFocus, timeout=5_000)
    turn()
    assert row.value() == 7


# ---------------------------------------------------------------- finding, and a server that answers


def choose_folder(qtbot: QtBot, row: SettingRow, folder: Path) -> None:
    assert row.choose is not None
    qtbot.mouseClick(row.choose, Qt.MouseButton.LeftButton)
    chooser = row.findChild(QFileDialog)
    assert chooser is not None
    assert chooser.fileMode() == QFileDialog.FileMode.Directory
    chooser.fileSelected.emit(str(folder))
    chooser.close()


def test_folders_are_chosen_for_what_finds_passages(
    open_settings: Open, paths: Paths, qtbot: QtBot, tmp_path: Path
) -> None:
    page = open_settings("library").library
    choose_folder(qtbot, page.reranker, tmp_path)  # there is no model in it
    qtbot.waitUntil(lambda: "reranker" in page.reranker.failure)
    model = tmp_path / "reranker"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"")
    choose_folder(qtbot, page.reranker, model)
    qtbot.waitUntil(lambda: saved(paths).get("library.reranker") == str(model))
    assert isinstance(page.reranker.editor, QLineEdit)
    qtbot.waitUntil(lambda: page.reranker.value() == str(model))
    qtbot.mouseClick(page.reranker.reset, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "library.reranker" not in saved(paths))
    assert isinstance(page.embedder.editor, QLineEdit)
    assert page.embedder.editor.placeholderText() == "Built-in"
    choose_folder(qtbot, page.embedder, tmp_path)  # there is no model in it
    qtbot.waitUntil(lambda: "holds no embedding model" in page.embedder.failure)
    assert page.embedder.value() == ""


def test_a_server_is_warned_of_as_soon_as_it_is_set(open_settings: Open, paths: Paths, qtbot: QtBot) -> None:
    dialog = open_settings()
    told: list[None] = []
    dialog.answers_changed.connect(lambda: told.append(None))
    server = dialog.models.server
    assert server.warning.text == ""
    assert isinstance(server.address.editor, QLineEdit)
    server.address.editor.setText("ftp://nowhere")
    server.address.flush()
    qtbot.waitUntil(lambda: bool(server.address.failure))
    assert server.warning.text == ""
    server.address.editor.setText("http://gpu:8080/v1")
    server.address.flush()
    qtbot.waitUntil(lambda: len(told) == 1)
    assert "are sent to http://gpu:8080/v1" in server.warning.text
    assert saved(paths)["model.server"] == "http://gpu:8080/v1"
    dialog.show_page("general")
    assert dialog.general.leaves.text() == (
        "Text of your documents is sent to http://gpu:8080/v1, as the settings say."
    )
    dialog.show_page("server")
    assert dialog.page() == "models"
    qtbot.waitUntil(server.address.editor.hasFocus)


def test_the_key_goes_to_the_keyring_and_not_into_the_settings(open_settings: Open, paths: Paths, qtbot: QtBot) -> None:
    server = open_settings().models.server
    assert server.key.echoMode() == QLineEdit.EchoMode.Password
    server.key.setText("sk-secret")
    server.keep.click()
    qtbot.waitUntil(lambda: server.said.text() == "The key is kept.")
    assert server.key.text() == ""
    assert not paths.settings.exists() or "sk-secret" not in paths.settings.read_text(encoding="utf-8")
    server.key.setText("nowhere")
    server.keep.click()
    qtbot.waitUntil(lambda: "known only until Docent ends" in server.said.text())


def test_how_answers_are_made_is_chosen_on_the_general_page(open_settings: Open, paths: Paths, qtbot: QtBot) -> None:
    dialog = open_settings("general")
    told: list[None] = []
    dialog.answers_changed.connect(lambda: told.append(None))
    box = dialog.general.mode.editor
    assert isinstance(box, QComboBox)
    box.setCurrentIndex(box.findData("exact"))
    qtbot.waitUntil(lambda: saved(paths).get("answer.mode") == "exact" and bool(told))

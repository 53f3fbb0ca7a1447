"""The keyboard alone does everything, and every control has a name for those who do not see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QLineEdit,
    QMenu,
    QProgressBar,
    QScrollBar,
    QSplitterHandle,
    QWidget,
)
from pytestqt.qtbot import QtBot

from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.notice import Notice

Maker = Callable[..., MainWindow]


def with_an_answer(qtbot: QtBot, window: Maker) -> MainWindow:
    """A window in which everything is shown that can be shown: rows, an answer, reasoning, notices, a scope."""
    made = window({"generate": 20, "thinking": "Let me see."})
    qtbot.waitUntil(lambda: not made.library.is_empty)
    qtbot.keyClicks(made.conversation.composer.field, "What is the deductible?")
    qtbot.keyClick(made.conversation.composer.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: made.conversation.turns[0].answer.answer is not None)
    made.tell_trouble("Something happened.")
    model = made.library.model
    locked = next(number for number in range(len(model)) if model.shown(number).needs_password)
    made.library.list_view.setCurrentIndex(model.index(locked))
    qtbot.waitUntil(lambda: bool(made.conversation.starter_notice.text))
    return made


def controls(made: MainWindow) -> list[QWidget]:
    """What can have the focus and is on the screen."""
    kinds = [child for child in made.findChildren(QWidget) if child.isVisible() and child.isEnabled()]
    return [child for child in kinds if child.focusPolicy() & Qt.FocusPolicy.TabFocus]


def test_every_control_has_a_name(qtbot: QtBot, window: Maker) -> None:
    made = with_an_answer(qtbot, window)
    nameless = []
    for child in made.findChildren(QWidget):
        if isinstance(child, (QMenu, QScrollBar, QSplitterHandle)):
            continue
        if child.focusPolicy() == Qt.FocusPolicy.NoFocus and not isinstance(child, QProgressBar):
            continue
        if isinstance(child.parentWidget(), Notice) and not child.isVisible():
            continue  # the button of a notice that offers nothing to do
        if isinstance(child, QLabel) and not child.text():
            continue  # has nothing to say yet
        interface = QAccessible.queryAccessibleInterface(child)
        name = interface.text(QAccessible.Text.Name) if interface else ""
        if not name and child.objectName() != "qt_scrollarea_viewport":
            nameless.append(child)
    assert nameless == []


def test_buttons_with_an_icon_alone_say_what_they_do_in_a_tooltip(qtbot: QtBot, window: Maker) -> None:
    made = with_an_answer(qtbot, window)
    inner = (QLineEdit,)
    for button in made.findChildren(QAbstractButton):
        if not button.text() and button.isVisible() and not isinstance(button.parentWidget(), inner):
            assert button.toolTip(), button


def test_tab_reaches_every_control_and_comes_back(qtbot: QtBot, window: Maker) -> None:
    made = with_an_answer(qtbot, window)
    made.activateWindow()
    start = made.conversation.composer.field
    start.setFocus()
    qtbot.waitUntil(start.hasFocus)
    reached = {start}
    for _ in range(200):
        focus = QApplication.focusWidget()
        assert focus is not None
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        assert now is not None
        reached.add(now)
        if now is start:
            break
    else:
        pytest.fail("the tab order does not come back")
    missed = [child for child in controls(made) if child not in reached]
    assert missed == []


def test_f6_goes_from_pane_to_pane(qtbot: QtBot, window: Maker) -> None:
    made = with_an_answer(qtbot, window)
    made.activateWindow()
    made.conversation.composer.field.setFocus()
    qtbot.waitUntil(made.conversation.composer.field.hasFocus)
    qtbot.keyClick(made, Qt.Key.Key_F6)
    assert made.library.isAncestorOf(QApplication.focusWidget())
    qtbot.keyClick(made, Qt.Key.Key_F6)
    assert made.conversation.composer.field.hasFocus()
    qtbot.keyClick(made, Qt.Key.Key_F6, Qt.KeyboardModifier.ShiftModifier)
    assert made.library.list_view.hasFocus()


def test_no_two_actions_share_a_shortcut(qtbot: QtBot, window: Maker) -> None:
    made = window()
    keys, pairs = [], []
    for action in made.findChildren(QAction):
        if not action.shortcut().isEmpty():
            keys.append(action.shortcut().toString())
            alone = action.shortcutContext() == Qt.ShortcutContext.WidgetShortcut  # heard by its own widget only
            pairs.append((keys[-1], id(action.parent()) if alone else 0))
    assert len(pairs) == len(set(pairs))
    assert not {key for key, where in pairs if not where} & {key for key, where in pairs if where}
    assert {"Ctrl+O", "Ctrl+Shift+O", "Ctrl+N", "Ctrl+Q", "Ctrl+,", "F1", "F6"} <= set(keys)


def test_mnemonics_of_the_shown_buttons_differ(qtbot: QtBot, window: Maker) -> None:
    made = window()
    shown = [button for button in made.findChildren(QAbstractButton) if button.isVisible() and "&" in button.text()]
    letters = [button.text().split("&")[1][0].lower() for button in shown]
    letters += [action.text().split("&")[1][0].lower() for action in made.menuBar().actions()]
    assert sorted(letters) == sorted(set(letters)), [button.text() for button in shown]


def test_a_finished_answer_and_a_failure_are_announced(
    qtbot: QtBot, window: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def listen(event: object) -> None:
        if hasattr(event, "message"):
            said.append(event.message())

    monkeypatch.setattr(QAccessible, "updateAccessibility", listen)
    made = with_an_answer(qtbot, window)
    assert any("$2,000" in words for words in said)
    assert "Something happened." in said
    labels = [label for label in made.findChildren(QLabel) if label.text() == "Something happened."]
    assert len(labels) == 1

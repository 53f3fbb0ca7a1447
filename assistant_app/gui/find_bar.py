"""The bar for finding text in the document that is shown."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from assistant_app.gui import style
from assistant_app.gui.document_search import Search

_TYPING_MS = 250


class FindBar(QWidget):
    """A field, how many matches there are, the next and the one before; hidden until it is asked for."""

    search_requested = Signal(str)
    closed = Signal()

    def __init__(self, search: Search, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._search = search
        self.field = QLineEdit(self)
        self.field.setPlaceholderText(self.tr("Find in the document"))
        self.field.setAccessibleName(self.tr("Find in the document"))
        self.field.addAction(style.icon("search", "text_muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.field.installEventFilter(self)
        self.count = QLabel(self)
        style.set_role(self.count, "muted")
        self.previous = self._button("up", self.tr("Previous match (Shift+F3)"), lambda: self.step(-1))
        self.next = self._button("down", self.tr("Next match (F3)"), lambda: self.step(1))
        self._close = self._button("close", self.tr("Close the search (Esc)"), self.close_bar)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self._start)
        self.field.textEdited.connect(lambda _text: self._typing.start())
        search.changed.connect(self._show_count)
        search.moved.connect(self._show_count)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(style.SPACE // 4)
        for widget in (self.field, self.count, self.previous, self.next, self._close):
            line.addWidget(widget, 1 if widget is self.field else 0)
        self.hide()
        self._show_count()

    def use(self, search: Search) -> None:
        """Show and step through this search from now on; the one before is over."""
        if search is not self._search:
            self.close_bar()
            for old in (self._search.changed, self._search.moved):
                old.disconnect(self._show_count)
            self._search = search
            for new in (search.changed, search.moved):
                new.connect(self._show_count)
            self._show_count()

    def _button(self, icon: str, name: str, slot: Callable[[], object]) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(style.icon(icon))
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        style.set_role(button, "quiet")
        button.clicked.connect(lambda _checked: slot())
        return button

    def open_bar(self) -> None:
        """Show the bar with the last text, ready to be overtyped."""
        self.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()
        if self.field.text() and not self._search.text:
            self._start()

    def close_bar(self) -> None:
        """Hide the bar and take its highlights away."""
        if not self.isHidden():
            self._typing.stop()
            self.hide()
            self._search.clear()
            self.closed.emit()

    def step(self, by: int) -> None:
        """To the next or the previous match; a text that was just typed is searched first."""
        self._typing.stop()
        if self.field.text() != self._search.text:
            self._start()
        else:
            self._search.step(by)

    def _start(self) -> None:
        self.search_requested.emit(self.field.text())

    def _show_count(self) -> None:
        found, number = self._search.count, self._search.index + 1
        if not self._search.text.strip():
            words = ""
        elif not found:
            words = self.tr("Searching…") if self._search.is_running else self.tr("Not found")
        elif self._search.is_cut:
            words = self.tr("{number} of more than {count}")
        else:
            words = self.tr("{number} of {count}")
        self.count.setText(words.format(number=number or "–", count=found))
        for button in (self.previous, self.next):
            button.setEnabled(found > 0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.close_bar()
                return True
        return super().eventFilter(watched, event)

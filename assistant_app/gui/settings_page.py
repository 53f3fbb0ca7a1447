"""What the pages of the settings have in common: a scrolled column, cards of facts, lists of files, sentences."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QLocale, QSize, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import style

_PATH = Qt.ItemDataRole.UserRole


class SettingsPage(QScrollArea):
    """A page: a column of widgets that scrolls when the dialog is small."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.body = QWidget(self)
        self.column = QVBoxLayout(self.body)
        self.column.setContentsMargins(3 * style.SPACE, 2 * style.SPACE, 3 * style.SPACE, 2 * style.SPACE)
        self.column.setSpacing(style.SPACE)
        self.setWidget(self.body)

    def refresh(self) -> None:
        """Show what is true now; called whenever the page is opened."""

    def flush(self) -> None:
        """Save what was changed a moment ago; called when the dialog closes."""

    def add_heading(self, text: str) -> QLabel:
        heading = QLabel(text, self.body)
        style.set_role(heading, "heading")
        if self.column.count():
            self.column.addSpacing(2 * style.SPACE)
        self.column.addWidget(heading)
        return heading

    def add_text(self, text: str, role: str = "muted") -> QLabel:
        label = QLabel(text, self.body)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        style.set_role(label, role)
        self.column.addWidget(label)
        return label


class Sentence(QLabel):
    """A failure, in the place where it happened; hidden while there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        style.set_role(self, "danger")
        self.hide()

    def say(self, text: str) -> None:
        """Show ``text``, and have a screen reader say it; "" hides it."""
        self.setText(text)
        self.setVisible(bool(text))
        if text:
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))


class FileList(QListWidget):
    """Files to choose from: a name, a line about each, and a mark at the one in use."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setIconSize(QSize(16, 16))
        self.setSpacing(2)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        style.set_role(self, "choices")

    def show_files(self, files: Sequence[tuple[str, str, str, bool]], chosen: str) -> None:
        """Each file is (path, name, line, in use); ``chosen`` is selected, else the one in use."""
        self.blockSignals(True)
        self.clear()
        selected = None
        for path, name, line, in_use in files:
            item = QListWidgetItem(f"{name}\n{line}", self)
            item.setData(_PATH, path)
            item.setIcon(style.icon("check", "accent") if in_use else style.icon("model", "text_muted"))
            spoken = f"{name}, {line}"
            item.setData(
                Qt.ItemDataRole.AccessibleTextRole, self.tr("{name}, in use").format(name=spoken) if in_use else spoken
            )
            item.setToolTip(path)
            if path == chosen or (in_use and selected is None):
                selected = item
        if selected is not None:
            self.setCurrentItem(selected)
        self.blockSignals(False)
        rows = min(max(self.count(), 1), 5)
        height = max(self.sizeHintForRow(0), 2 * self.fontMetrics().lineSpacing() + 12)
        self.setFixedHeight(rows * (height + 2 * self.spacing()) + 2 * self.frameWidth() + style.SPACE)

    def chosen_path(self) -> str:
        """The path of the selected file; "" for none."""
        item = self.currentItem()
        return str(item.data(_PATH)) if item is not None else ""


class FactCard(QFrame):
    """A name and a table of facts, each of which can be selected and copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self.title = QLabel(self)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setWordWrap(True)
        style.set_role(self.title, "heading")
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(2 * style.SPACE)
        self._form.setVerticalSpacing(style.SPACE // 2)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(2 * style.SPACE, 12, 2 * style.SPACE, 12)
        self.column.setSpacing(style.SPACE)
        self.column.addWidget(self.title)
        self.column.addLayout(self._form)

    def show_facts(self, title: str, facts: Sequence[tuple[str, str]]) -> None:
        """Show ``title`` and the facts (name, value); those with an empty value are left out."""
        self.title.setText(title)
        while self._form.rowCount():
            self._form.removeRow(0)
        for name, value in facts:
            if not value:
                continue
            label, text = QLabel(name, self), QLabel(value, self)
            style.set_role(label, "muted")
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.setAccessibleName(f"{name}: {value}")
            self._form.addRow(label, text)

    def facts(self) -> dict[str, str]:
        """What the card shows."""
        found = {}
        for row in range(self._form.rowCount()):
            name = self._form.itemAt(row, QFormLayout.ItemRole.LabelRole)
            value = self._form.itemAt(row, QFormLayout.ItemRole.FieldRole)
            label, text = (item.widget() if item is not None else None for item in (name, value))
            if isinstance(label, QLabel) and isinstance(text, QLabel):
                found[label.text()] = text.text()
        return found


def bytes_text(count: int) -> str:
    """A number of bytes for people: 98 MB, 2.5 GB."""
    return QLocale().formattedDataSize(count, 1 if count >= 10**9 else 0, QLocale.DataSizeFormat.DataSizeSIFormat)


def number_text(count: int) -> str:
    """A whole number with its groups set apart."""
    return QLocale().toString(count)

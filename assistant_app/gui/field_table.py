"""The table of fields that a JSON schema is made from: name, type, description, required."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import msgspec
from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import format_words, style, tables
from assistant_app.protocol.assistants import FormatField

_NO_INDEX = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex
_ROWS = 6
"""So many rows the table is high."""

_WIDTHS = (150, 128, 0, 84)


class FieldColumn(IntEnum):
    NAME = 0
    TYPE = 1
    DESCRIPTION = 2
    REQUIRED = 3


class FieldModel(QAbstractTableModel):
    """A row for each field."""

    edited = Signal()
    """The person changed something."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._fields: list[FormatField] = []
        self.read_only = False

    @property
    def fields(self) -> list[FormatField]:
        return list(self._fields)

    def set_fields(self, fields: Sequence[FormatField]) -> None:
        """Show others; that is no edit."""
        self.beginResetModel()
        self._fields = list(fields)
        self.endResetModel()

    def add(self) -> int:
        """Another field at the end; returns its row."""
        row = len(self._fields)
        self.beginInsertRows(_NO_INDEX, row, row)
        self._fields.append(FormatField(name=""))
        self.endInsertRows()
        self.edited.emit()
        return row

    def remove(self, row: int) -> None:
        """Take a field away."""
        self.beginRemoveRows(_NO_INDEX, row, row)
        del self._fields[row]
        self.endRemoveRows()
        self.edited.emit()

    def move(self, row: int, step: int) -> int:
        """Move a field one up (-1) or down (1); returns its row then."""
        to = row + step
        if not 0 <= to < len(self._fields):
            return row
        self.beginMoveRows(_NO_INDEX, row, row, _NO_INDEX, to + 1 if step > 0 else to)
        self._fields.insert(to, self._fields.pop(row))
        self.endMoveRows()
        self.edited.emit()
        return to

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._fields)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(FieldColumn)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        titles = (self.tr("Name"), self.tr("Type"), self.tr("Description"), self.tr("Required"))
        return tables.heading(titles, section, orientation, role)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        if index.column() == FieldColumn.REQUIRED:
            return flags if self.read_only else flags | Qt.ItemFlag.ItemIsUserCheckable
        return flags if self.read_only else flags | Qt.ItemFlag.ItemIsEditable

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        field, column = self._fields[index.row()], FieldColumn(index.column())
        if column == FieldColumn.REQUIRED:
            if role == Qt.ItemDataRole.CheckStateRole:
                return Qt.CheckState.Checked if field.required else Qt.CheckState.Unchecked
            if role == Qt.ItemDataRole.AccessibleTextRole:
                return self.tr("required") if field.required else self.tr("not required")
            return None
        if column == FieldColumn.TYPE:
            if role == Qt.ItemDataRole.DisplayRole:
                return format_words.type_words(field.type)
            return field.type if role == Qt.ItemDataRole.EditRole else None
        text = field.name if column == FieldColumn.NAME else field.description
        return text if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole) else None

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        field, column = self._fields[index.row()], FieldColumn(index.column())
        if column == FieldColumn.REQUIRED and role == Qt.ItemDataRole.CheckStateRole:
            changed = msgspec.structs.replace(field, required=Qt.CheckState(value) == Qt.CheckState.Checked)
        elif role == Qt.ItemDataRole.EditRole:
            key = {FieldColumn.NAME: "name", FieldColumn.TYPE: "type"}.get(column, "description")
            text = value if column == FieldColumn.TYPE else str(value).strip()
            changed = msgspec.structs.replace(field, **{key: text})
        else:
            return False
        if changed != field:
            self._fields[index.row()] = changed
            self.dataChanged.emit(index, index)
            self.edited.emit()
        return True


class _TypeDelegate(QStyledItemDelegate):
    """A list of the types to choose from."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        box = QComboBox(parent)
        box.setAccessibleName(self.tr("Type of the field"))
        for kind in format_words.TYPES:
            box.addItem(format_words.type_words(kind), kind)
        box.activated.connect(lambda _index: self._take(box))
        return box

    def _take(self, box: QComboBox) -> None:
        self.commitData.emit(box)
        self.closeEditor.emit(box)

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(max(editor.findData(index.data(Qt.ItemDataRole.EditRole)), 0))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        if isinstance(editor, QComboBox):
            model.setData(index, editor.currentData())


class FieldTable(QWidget):
    """The table with its buttons. Insert adds, Delete removes, Alt+Up and Alt+Down move, F2 or typing edits."""

    edited = Signal()
    added = Signal(QWidget)
    """Carries where the name of a new field is typed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = FieldModel(self)
        self.table = QTableView(self)
        self.add_button = self._button(self.tr("Add a field"), "add", self.add, "Ins")
        self.remove_button = self._button(self.tr("Remove"), "trash", self._remove, "Del")
        self.up_button = self._button(self.tr("Up"), "up", lambda: self._move(-1), "Alt+Up")
        self.down_button = self._button(self.tr("Down"), "down", lambda: self._move(1), "Alt+Down")
        self._build()
        self.model.edited.connect(self.edited)
        self.model.edited.connect(self._show_buttons)
        self.model.modelReset.connect(self._show_buttons)
        self.table.selectionModel().currentChanged.connect(lambda _now, _before: self._show_buttons())
        self._show_buttons()

    def _button(self, words: str, icon: str, slot: Callable[[], object], key: str) -> QPushButton:
        button = QPushButton(style.icon(icon), words, self)
        button.setToolTip(f"{words} ({QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)})")
        style.set_role(button, "quiet")
        button.setAutoDefault(False)
        button.clicked.connect(lambda _checked: slot())
        action = QAction(words, self.table)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda _checked: button.click())
        self.table.addAction(action)
        return button

    def _build(self) -> None:
        table = self.table
        table.setModel(self.model)
        tables.dress(table, self.tr("Fields of the answer"))
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        triggers = QAbstractItemView.EditTrigger
        table.setEditTriggers(
            triggers.DoubleClicked | triggers.EditKeyPressed | triggers.AnyKeyPressed | triggers.SelectedClicked
        )
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        table.setItemDelegateForColumn(FieldColumn.TYPE, _TypeDelegate(table))
        header = table.horizontalHeader()
        header.setSectionsMovable(False)
        header.setSectionResizeMode(FieldColumn.DESCRIPTION, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(_WIDTHS):
            if width:
                table.setColumnWidth(column, width)
        rows = table.verticalHeader()
        rows.setDefaultSectionSize(rows.defaultSectionSize() + 4)
        table.setMinimumHeight(_ROWS * rows.defaultSectionSize() + header.sizeHint().height() + 8)
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE // 2)
        for button in (self.add_button, self.remove_button, self.up_button, self.down_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, style.SPACE, 0, 0)
        layout.setSpacing(style.SPACE // 2)
        layout.addWidget(table, 1)
        layout.addLayout(buttons)

    def show_fields(self, fields: Sequence[FormatField]) -> None:
        """Show others; a cell that is being typed in is left first."""
        self.table.setCurrentIndex(QModelIndex())
        self.model.set_fields(fields)

    def set_read_only(self, on: bool) -> None:
        """Let it be looked at only."""
        self.model.read_only = on
        self._show_buttons()

    def add(self) -> None:
        """Another field, whose name is to be typed."""
        row = self.model.add()
        at = self.model.index(row, FieldColumn.NAME)
        self.table.setCurrentIndex(at)
        self.table.edit(at)
        self.added.emit(self.table.indexWidget(at))

    def _row(self) -> int:
        return self.table.currentIndex().row()

    def _remove(self) -> None:
        row = self._row()
        if row >= 0:
            self.model.remove(row)
            self.table.selectRow(min(row, self.model.rowCount() - 1))
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _move(self, step: int) -> None:
        row = self._row()
        if row >= 0:
            column = max(self.table.currentIndex().column(), 0)
            self.table.setCurrentIndex(self.model.index(self.model.move(row, step), column))
            self._show_buttons()

    def _show_buttons(self) -> None:
        row, count, on = self._row(), self.model.rowCount(), not self.model.read_only
        self.add_button.setEnabled(on)
        self.remove_button.setEnabled(on and 0 <= row < count)
        self.up_button.setEnabled(on and 0 < row < count)
        self.down_button.setEnabled(on and 0 <= row < count - 1)

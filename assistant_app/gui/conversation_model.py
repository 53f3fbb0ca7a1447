"""Conversations as rows for a view, and how a row is painted and renamed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QDate,
    QDateTime,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from assistant_app.gui import style
from assistant_app.protocol.records import Conversation

CONVERSATION = Qt.ItemDataRole.UserRole
_NO_INDEX = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex
_PADDING = style.SPACE
_EDIT = Qt.ItemDataRole.EditRole


class ConversationModel(QAbstractListModel):
    """The last changed first. The role :data:`CONVERSATION` gives the record; the title can be edited."""

    renamed = Signal(int, str)
    """Number and new title, as the person wrote it."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Conversation] = []
        self.open_number = 0
        """The conversation that the window shows; 0 for none."""

    # ------------------------------------------------------------ for the view

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == CONVERSATION:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, _EDIT):
            return row.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.title}\n{self.about(row)}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            shown = self.tr("on the screen") if row.id == self.open_number else ""
            return ", ".join(part for part in (row.title, self.about(row), row.excerpt, shown) if part)
        return None

    def setData(self, index: _Index, value: Any, role: int = _EDIT) -> bool:
        title = " ".join(str(value).split())
        if role != _EDIT or not index.isValid() or not title or title == self._rows[index.row()].title:
            return False
        self.renamed.emit(self._rows[index.row()].id, title)
        return True

    def about(self, row: Conversation) -> str:
        """When it was changed last, and how many questions are in it."""
        count = self.tr("1 question") if row.turns == 1 else self.tr("{count} questions").format(count=row.turns)
        return " · ".join(part for part in (when_words(row.changed_at), count) if part)

    # ------------------------------------------------------------ for the pane

    @property
    def shows_excerpts(self) -> bool:
        return any(row.excerpt for row in self._rows)

    def conversations(self) -> list[Conversation]:
        return list(self._rows)

    def index_of(self, number: int) -> QModelIndex:
        """The index of a conversation; invalid where it is not in the list."""
        for at, row in enumerate(self._rows):
            if row.id == number:
                return self.index(at)
        return QModelIndex()

    def set_conversations(self, conversations: Iterable[Conversation]) -> None:
        self.beginResetModel()
        self._rows = list(conversations)
        self.endResetModel()

    def take(self, conversation: Conversation) -> None:
        """It is new, or something was added to it: it comes first."""
        index = self.index_of(conversation.id)
        if index.isValid() and index.row() == 0:
            self._rows[0] = conversation
            self.dataChanged.emit(index, index)
            return
        self.remove(conversation.id)
        self.beginInsertRows(QModelIndex(), 0, 0)
        self._rows.insert(0, conversation)
        self.endInsertRows()

    def remove(self, number: int) -> Conversation | None:
        """Take a row out; returns what it was."""
        index = self.index_of(number)
        if not index.isValid():
            return None
        self.beginRemoveRows(QModelIndex(), index.row(), index.row())
        gone = self._rows.pop(index.row())
        self.endRemoveRows()
        return gone

    def set_open(self, number: int) -> None:
        """Mark the conversation that the window shows."""
        before, self.open_number = self.open_number, number
        for index in (self.index_of(before), self.index_of(number)):
            if index.isValid():
                self.dataChanged.emit(index, index)


class ConversationDelegate(QStyledItemDelegate):
    """Title, date and, after a search, where the words were found. All rows of a list have one height."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        model = index.model()
        lines = 3 if isinstance(model, ConversationModel) and model.shows_excerpts else 2
        return QSize(160, lines * QFontMetrics(option.font).height() + 3 * _PADDING)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        model, row = index.model(), index.data(CONVERSATION)
        if not isinstance(model, ConversationModel) or not isinstance(row, Conversation):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, option)
        if row.id == model.open_number:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.colour("accent"))
            painter.drawRoundedRect(
                QRectF(option.rect.left(), option.rect.top() + _PADDING, 3, option.rect.height() - 2 * _PADDING),
                1.5,
                1.5,
            )
        metrics = QFontMetrics(option.font)
        area = option.rect.adjusted(_PADDING + 4, _PADDING, -_PADDING, -_PADDING)
        lines = [(row.title, "text"), (" ".join(row.excerpt.split()), "text_muted"), (model.about(row), "text_muted")]
        if not model.shows_excerpts:
            del lines[1]
        gap = (area.height() - len(lines) * metrics.height()) // max(len(lines) - 1, 1)
        for number, (text, role) in enumerate(lines):
            line = QRect(area.left(), area.top() + number * (metrics.height() + gap), area.width(), metrics.height())
            painter.setPen(style.colour(role))
            short = metrics.elidedText(text, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)
        painter.restore()

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QWidget:
        editor = QLineEdit(parent)
        editor.setAccessibleName(self.tr("Title of the conversation"))
        editor.setMaxLength(200)
        return editor

    def setEditorData(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        if isinstance(editor, QLineEdit):
            editor.setText(str(index.data(_EDIT)))
            editor.selectAll()

    def setModelData(
        self, editor: QWidget, model: QAbstractItemModel, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if isinstance(editor, QLineEdit):
            model.setData(index, editor.text(), _EDIT)

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        height = editor.sizeHint().height()
        editor.setGeometry(option.rect.left() + 2, option.rect.top() + 2, option.rect.width() - 4, height)


def paint_ground(painter: QPainter, option: QStyleOptionViewItem) -> None:
    """What lies under a row: selected, pointed at, reached by the keyboard."""
    ground = QRectF(option.rect).adjusted(0, 1, 0, -1)
    painter.setPen(Qt.PenStyle.NoPen)
    soft = style.colour("accent_soft")
    if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
        soft.setAlphaF(1.0 if option.state & QStyle.StateFlag.State_Selected else 0.5)
        painter.setBrush(soft)
        painter.drawRoundedRect(ground, 6, 6)
    focused = QStyle.StateFlag.State_HasFocus | QStyle.StateFlag.State_KeyboardFocusChange
    if (option.state & focused) == focused:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(style.colour("accent"))
        painter.drawRoundedRect(ground.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


def when_words(changed_at: str) -> str:
    """A time as people say it: the hour today, the day before that; "" where it is not known."""
    moment = QDateTime.fromString(changed_at, Qt.DateFormat.ISODateWithMs).toLocalTime()
    if not moment.isValid():
        return ""
    if moment.date() == QDate.currentDate():
        return QLocale().toString(moment.time(), QLocale.FormatType.ShortFormat)
    return QLocale().toString(moment.date(), QLocale.FormatType.ShortFormat)

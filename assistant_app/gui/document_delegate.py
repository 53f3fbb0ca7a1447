"""How a row of the library is painted: name, state in an icon and words, and a bar while it is read."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QIcon, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from assistant_app.gui import style
from assistant_app.gui.document_model import ROW, DocumentModel, Row

_PADDING = style.SPACE
_ICON = 20
_BAR = 4


@cache
def _icon(name: str, role: str) -> QIcon:
    return style.icon(name, role)


class DocumentDelegate(QStyledItemDelegate):
    """Two lines for each document; all rows have one height, so that ten thousand scroll as well as ten."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        line = QFontMetrics(option.font).height()
        return QSize(160, 2 * line + 3 * _PADDING)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row = index.data(ROW)
        model = index.model()
        if not isinstance(row, Row) or not isinstance(model, DocumentModel):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, option)
        state = model.state(row)
        area = option.rect.adjusted(_PADDING, _PADDING, -_PADDING, -_PADDING)
        icon_area = QRect(area.left(), area.top() + (area.height() - _ICON) // 2, _ICON, _ICON)
        _icon(state.icon, state.role).paint(painter, icon_area)
        text = area.adjusted(_ICON + _PADDING + 4, 0, 0, 0)
        metrics = QFontMetrics(option.font)
        upper = QRect(text.left(), text.top(), text.width(), text.height() // 2)
        lower = QRect(text.left(), text.top() + text.height() // 2, text.width(), text.height() // 2)
        painter.setFont(option.font)
        painter.setPen(style.colour("text"))
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, upper.width())
        painter.drawText(upper, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
        alarming = state.role in ("danger", "warning")
        painter.setPen(style.colour(state.role if alarming else "text_muted"))
        words = metrics.elidedText(state.words, Qt.TextElideMode.ElideRight, lower.width())
        painter.drawText(lower, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        if row.busy:
            self._paint_bar(painter, QRect(text.left(), text.bottom() + 2, text.width(), _BAR), row)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        ground = QRectF(option.rect).adjusted(0, 1, 0, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(style.colour("accent_soft"))
            painter.drawRoundedRect(ground, 6, 6)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            soft = style.colour("accent_soft")
            soft.setAlphaF(0.5)
            painter.setBrush(soft)
            painter.drawRoundedRect(ground, 6, 6)
        focused = QStyle.StateFlag.State_HasFocus | QStyle.StateFlag.State_KeyboardFocusChange
        if (option.state & focused) == focused:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(style.colour("accent"))
            painter.drawRoundedRect(ground.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)

    def _paint_bar(self, painter: QPainter, area: QRect, row: Row) -> None:
        event = row.progress
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.colour("border"))
        painter.drawRoundedRect(area, _BAR / 2, _BAR / 2)
        if event is None or not event.pages_total:
            return
        fraction = min(event.pages_done / event.pages_total, 1.0)
        painter.setBrush(style.colour("accent"))
        painter.drawRoundedRect(QRectF(area.left(), area.top(), area.width() * fraction, _BAR), _BAR / 2, _BAR / 2)

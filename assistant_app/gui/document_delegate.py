"""How a row of the library is painted: a box to tick, name, state in an icon and words, a bar while it is read."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QIcon, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from assistant_app.gui import style
from assistant_app.gui.document_model import ROW, DocumentModel, Row

_PADDING = style.SPACE
_ICON = 20
_BAR = 4
_BOX = 16
_CHECK = Qt.ItemDataRole.CheckStateRole


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
        _paint_box(painter, QRectF(_box(option.rect)), index.data(_CHECK))
        area = option.rect.adjusted(_PADDING + _BOX + _PADDING, _PADDING, -_PADDING, -_PADDING)
        icon_area = QRect(area.left(), area.top() + (area.height() - _ICON) // 2, _ICON, _ICON)
        _icon(state.icon, state.role).paint(painter, icon_area)
        text = area.adjusted(_ICON + _PADDING, 0, 0, 0)
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

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        """A click on the box ticks it; a double click there is two clicks, and opens nothing."""
        if not isinstance(event, QMouseEvent) or event.button() != Qt.MouseButton.LeftButton:
            return False
        state = index.data(_CHECK)
        half = _PADDING // 2
        if state is None or not _box(option.rect).adjusted(-half, -half, half, half).contains(
            event.position().toPoint()
        ):
            return False
        if event.type() in (QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonDblClick):
            ticked = state == Qt.CheckState.Checked
            if event.type() == QEvent.Type.MouseButtonRelease:
                model.setData(index, Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked, _CHECK)
            return True
        return False

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


def _box(row: QRect) -> QRect:
    """Where the box to tick lies in a row."""
    return QRect(row.left() + _PADDING, row.top() + (row.height() - _BOX) // 2, _BOX, _BOX)


def _paint_box(painter: QPainter, area: QRectF, state: Qt.CheckState | None) -> None:
    """``state`` is null where there is nothing to tick: a document that cannot be asked."""
    ticked = state == Qt.CheckState.Checked
    painter.setPen(QPen(style.colour("accent" if ticked else "border" if state is None else "text_muted"), 1.2))
    painter.setBrush(style.colour("accent" if ticked else "surface" if state is None else "surface_raised"))
    painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    if ticked:
        _icon("tick", "on_accent").paint(painter, area.adjusted(1, 1, -1, -1).toRect())

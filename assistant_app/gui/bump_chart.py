"""The candidates of a search as lines through its stages: who rose, who fell, and where each of them ended.

Ranks are drawn on a scale that gives the first ones room (the square root of the rank), because those decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot, sqrt

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from assistant_app.gui import candidate_words, style
from assistant_app.gui.candidate_words import LOOKS, Stage
from assistant_app.protocol.records import Candidate

_TICKS = (1, 2, 3, 5, 10, 20, 40, 80, 160, 320)
_LEFT, _RIGHT, _BOTTOM = 40, 44, 16
_NEAR = 9.0
"""Pixels: a line that is so near to the mouse is meant."""


class BumpChart(QWidget):
    """Draws candidates; one of them can be chosen by a click or with the arrow keys."""

    chosen = Signal(int)
    """The number of the candidate that was chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._candidates: Sequence[Candidate] = ()
        self._stages: list[Stage] = []
        self._worst = 1
        self._current = -1
        self._hovered = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(360, 220)
        self.setAccessibleName(self.tr("Chart of the passages that were looked at"))

    def sizeHint(self) -> QSize:
        return QSize(720, 380)

    # ------------------------------------------------------------ for the window

    @property
    def current(self) -> int:
        """The number of the chosen candidate; -1 for none."""
        return self._current

    def show_candidates(self, candidates: Sequence[Candidate]) -> None:
        """Draw these; none of them is chosen."""
        self._candidates = candidates
        self._stages = candidate_words.stages(candidates)
        self._worst = max((rank for stage in self._stages for rank in stage.ranks if rank), default=1)
        self._current = self._hovered = -1
        self.update()

    def choose(self, number: int) -> None:
        """Highlight a candidate; tells nobody."""
        self._current = number if 0 <= number < len(self._candidates) else -1
        self.setAccessibleDescription(self._words(self._current) if self._current >= 0 else "")
        self.update()

    def points(self, number: int) -> list[QPointF]:
        """Where the line of a candidate bends, in pixels: one point for each stage that holds it."""
        found = []
        for column, stage in enumerate(self._stages):
            rank = stage.ranks[number]
            if rank is not None:
                found.append(QPointF(self._x(column), self._y(rank)))
        return found

    # ------------------------------------------------------------ geometry

    def _top(self) -> int:
        return self.fontMetrics().height() + 2 * style.SPACE

    def _x(self, column: int) -> float:
        room = self.width() - _LEFT - _RIGHT
        return _LEFT + room * column / max(len(self._stages) - 1, 1)

    def _y(self, rank: int) -> float:
        room = self.height() - self._top() - _BOTTOM
        return self._top() + room * sqrt(rank - 1) / sqrt(max(self._worst - 1, 1))

    def _path(self, number: int) -> QPainterPath:
        points = self.points(number)
        path = QPainterPath()
        if not points:
            return path
        path.moveTo(points[0])
        for before, after in pairwise(points):
            middle = (before.x() + after.x()) / 2
            path.cubicTo(QPointF(middle, before.y()), QPointF(middle, after.y()), after)
        return path

    def _at(self, where: QPointF) -> int:
        """The candidate whose line is nearest to ``where``; -1 where none is near."""
        best, nearest = -1, _NEAR
        for number in range(len(self._candidates)):
            points = self.points(number)
            for before, after in pairwise(points):
                if before.x() - _NEAR <= where.x() <= after.x() + _NEAR:
                    share = min(max((where.x() - before.x()) / (after.x() - before.x()), 0.0), 1.0)
                    eased = share * share * (3 - 2 * share)  # near enough to the curve
                    away = abs(where.y() - (before.y() + (after.y() - before.y()) * eased))
                    best, nearest = (number, away) if away < nearest else (best, nearest)
            for point in points:
                away = hypot(where.x() - point.x(), where.y() - point.y())
                best, nearest = (number, away) if away < nearest else (best, nearest)
        return best

    # ------------------------------------------------------------ drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(style.colour("accent" if self.hasFocus() else "border"))
        painter.setBrush(style.colour("surface_raised"))
        painter.drawRoundedRect(ground, 8, 8)
        if not self._candidates:
            painter.setPen(style.colour("text_muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.tr("No passages were looked at."))
            return
        self._paint_axes(painter)
        marked = [number for number in (self._hovered, self._current) if number >= 0]
        fates = list(reversed(candidate_words.FATES))
        order = sorted(range(len(self._candidates)), key=lambda number: fates.index(self._candidates[number].fate))
        for number in order:
            self._paint_line(painter, number, faint=bool(marked))
        for number in marked:
            self._paint_line(painter, number, faint=False, marked=True)

    def _paint_axes(self, painter: QPainter) -> None:
        metrics = self.fontMetrics()
        painter.setPen(style.colour("text_muted"))
        below = -metrics.height()
        for rank in (tick for tick in _TICKS if tick <= self._worst):
            y = self._y(rank)
            if y - below >= metrics.height():
                below = round(y)
                area = QRectF(4, y - metrics.height() / 2, _LEFT - 16, metrics.height())
                painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(rank))
        for column, stage in enumerate(self._stages):
            x = self._x(column)
            painter.setPen(QPen(style.colour("border"), 1))
            painter.drawLine(QPointF(x, self._top()), QPointF(x, self.height() - _BOTTOM))
            painter.setPen(style.colour("text"))
            width = metrics.horizontalAdvance(stage.name) + 4
            left = min(max(x - width / 2, 8.0), self.width() - width - 8.0)
            painter.drawText(QRectF(left, 4, width, metrics.height() + 4), Qt.AlignmentFlag.AlignCenter, stage.name)

    def _paint_line(self, painter: QPainter, number: int, *, faint: bool, marked: bool = False) -> None:
        look = LOOKS[self._candidates[number].fate]
        colour = style.colour(look.role)
        if faint:
            colour.setAlphaF(0.5 if look.width > 2 else 0.25)
        elif look.role == "text_muted" and not marked:
            colour.setAlphaF(0.5)
        pen = QPen(colour, look.width + (1.6 if marked else 0), Qt.PenStyle.SolidLine if marked else look.dash)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._path(number))
        points = self.points(number)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        radius = 4.5 if marked else 3.0 if look.width > 1.5 else 1.8
        for point in points:
            painter.drawEllipse(point, radius, radius)
        if self._candidates[number].fate == "kept" and points and not faint:
            end = points[-1]
            painter.setPen(colour)
            rank = self._stages[-1].ranks[number]
            area = QRectF(end.x() + 8, end.y() - 10, _RIGHT - 10, 20)
            painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"[{rank}]")

    # ------------------------------------------------------------ mouse and keyboard

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hovered = self._at(event.position())
        if hovered != self._hovered:
            self._hovered = hovered
            self.setCursor(Qt.CursorShape.PointingHandCursor if hovered >= 0 else Qt.CursorShape.ArrowCursor)
            if hovered >= 0:
                QToolTip.showText(event.globalPosition().toPoint(), self._words(hovered), self)
            else:
                QToolTip.hideText()
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = -1
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            found = self._at(event.position())
            if found >= 0:
                self._tell(found)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The arrow keys go through the candidates in the order of their fused rank."""
        last = len(self._candidates) - 1
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
        if last >= 0 and event.key() in step:
            self._tell(min(max(self._current + step[Qt.Key(event.key())], 0), last))
        elif last >= 0 and event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._tell(0 if event.key() == Qt.Key.Key_Home else last)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def _tell(self, number: int) -> None:
        self.choose(number)
        self.chosen.emit(number)

    def _words(self, number: int) -> str:
        each = self._candidates[number]
        fate, ranks = candidate_words.fate_name(each.fate), candidate_words.ranks_words(each)
        return f"{candidate_words.place(each)}\n{fate} · {ranks}"

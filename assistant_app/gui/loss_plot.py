"""The loss of a training, step by step: faint points as they came, and a smoothed line that shows where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import ceil, floor, isfinite, log10

from PySide6.QtCore import QLocale, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from assistant_app.gui import style

_TOP, _RIGHT, _BELOW, _LEFT = 28, 16, 26, 52
_MOST_POINTS = 1200
"""More are not drawn: every so many steps one."""

_WINDOW = 0.06
"""Of all steps until now: so many on either side have a part in a point of the line."""


class LossPlot(QWidget):
    """Draws losses; the step stands below, the loss at the left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._losses: list[float] = []
        self._smooth: list[float] = []
        self._steps = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 180)
        self.setAccessibleName(self.tr("Loss of the training"))
        self.show_losses([], 0)

    def sizeHint(self) -> QSize:
        return QSize(720, 320)

    def show_losses(self, losses: Sequence[float], steps: int) -> None:
        """Draw the losses of the first steps of ``steps``, in nats."""
        self._losses = [loss if isfinite(loss) else 0.0 for loss in losses]
        self._smooth = smoothed(self._losses)
        self._steps = max(steps, len(losses))
        self.setAccessibleDescription(self._words())
        self.update()

    def _words(self) -> str:
        if not self._losses:
            return self.tr("No step is done yet.")
        words = self.tr("{step} of {steps} steps. The loss went from {first} to {last}.")
        first, last = self._smooth[0], self._smooth[-1]
        return words.format(step=len(self._losses), steps=self._steps, first=_number(first), last=_number(last))

    # ------------------------------------------------------------ drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(style.colour("border"))
        painter.setBrush(style.colour("surface_raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.setPen(style.colour("text_muted"))
        if not self._losses:
            words = self.tr("The loss is drawn here as soon as the first step is done.")
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, words)
            return
        values = ticks(min(self._losses), max(self._losses))
        self._paint_axes(painter, values)
        self._paint_points(painter, values)
        self._paint_line(painter, values)

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BELOW)

    def _x(self, step: int) -> float:
        area = self._area()
        return area.left() + area.width() * (step - 1) / max(self._steps - 1, 1)

    def _y(self, loss: float, values: Sequence[float]) -> float:
        area = self._area()
        return area.bottom() - area.height() * (loss - values[0]) / (values[-1] - values[0])

    def _paint_axes(self, painter: QPainter, values: Sequence[float]) -> None:
        area, line = self._area(), self.fontMetrics().height()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        places = max(0, -floor(log10(values[1] - values[0])))
        for value in values:
            y = self._y(value, values)
            painter.setPen(QPen(style.colour("border"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(style.colour("text_muted"))
            painter.drawText(QRectF(0, y - line / 2, _LEFT - 8, line), right, QLocale().toString(value, "f", places))
        painter.drawText(QRectF(12, 4, 200, line), Qt.AlignmentFlag.AlignLeft, self.tr("Loss"))
        count = self.tr("Step {step} of {steps}").format(step=len(self._losses), steps=self._steps)
        painter.drawText(QRectF(0, 4, self.width() - _RIGHT, line), Qt.AlignmentFlag.AlignRight, count)
        for step in sorted({1, ceil(self._steps / 2), self._steps}):
            x = min(max(self._x(step), area.left() + 8), area.right() - 20)
            centre = Qt.AlignmentFlag.AlignHCenter
            painter.drawText(QRectF(x - 40, area.bottom() + 4, 80, line), centre, str(step))

    def _paint_points(self, painter: QPainter, values: Sequence[float]) -> None:
        faint = QColor(style.colour("text_muted"))
        faint.setAlphaF(0.45)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faint)
        for number in self._drawn():
            painter.drawEllipse(QPointF(self._x(number + 1), self._y(self._losses[number], values)), 1.8, 1.8)

    def _paint_line(self, painter: QPainter, values: Sequence[float]) -> None:
        points = [QPointF(self._x(at + 1), self._y(self._smooth[at], values)) for at in self._drawn()]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(style.colour("accent"), 2.2, j=Qt.PenJoinStyle.RoundJoin))
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(style.colour("accent"))
        painter.drawEllipse(points[-1], 3.0, 3.0)

    def _drawn(self) -> list[int]:
        count = len(self._losses)
        every = max(1, ceil(count / _MOST_POINTS))
        return [*range(0, count - 1, every), count - 1]


def smoothed(losses: Sequence[float]) -> list[float]:
    """At each step the height of the straight line that fits its neighbours best, which does not lag behind them."""
    count = len(losses)
    half = max(2, round(_WINDOW * count))
    sums = [0.0, *accumulate(losses)]
    moments = [0.0, *accumulate(at * loss for at, loss in enumerate(losses))]
    found = []
    for at in range(count):
        first, end = max(0, at - half), min(count, at + half + 1)
        members = end - first
        centre, spread = (first + end - 1) / 2, (members * members - 1) / 12
        mean = (sums[end] - sums[first]) / members
        slope = ((moments[end] - moments[first]) / members - centre * mean) / spread if members > 1 else 0.0
        found.append(mean + slope * (at - centre))
    return found


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """About ``most`` round numbers, at least two: the first is not above ``low``, the last not below ``high``."""
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / most
    power: float = 10 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [number * step for number in range(floor(low / step), ceil(high / step) + 1)]


def _number(value: float) -> str:
    return QLocale().toString(value, "f", 2)

"""Two small charts: what fills a whole, part by part, and how long each of a few things took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from assistant_app.gui import style

_BAR = 28
_ROW = 28
_SWATCH = 14


@dataclass(frozen=True)
class Part:
    """``role`` is a colour of :func:`style.colour`; ``hatched`` parts are kept free, not used."""

    name: str
    value: float
    words: str
    role: str
    hatched: bool = False


class StackedBar(QWidget):
    """The parts side by side in one bar, and below it each by name with its figure."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: list[Part] = []
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_parts(self, parts: Sequence[Part]) -> None:
        """Draw these; parts of the value 0 are named without a place in the bar."""
        self._parts = list(parts)
        self.setAccessibleDescription(", ".join(f"{part.name}: {part.words}" for part in parts))
        self.setFixedHeight(_BAR + style.SPACE + _ROW * len(parts))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, _BAR + style.SPACE + _ROW * len(self._parts))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = sum(part.value for part in self._parts) or 1.0
        x = 0.0
        for part in self._parts:
            width = self.width() * part.value / whole
            _fill(painter, QRectF(x, 0, max(width - 1.5, 0.0), _BAR), part)
            x += width
        for number, part in enumerate(self._parts):
            y = _BAR + style.SPACE + number * _ROW
            _fill(painter, QRectF(0, y + (_ROW - _SWATCH) / 2, _SWATCH, _SWATCH), part)
            painter.setPen(style.colour("text"))
            line = QRectF(_SWATCH + style.SPACE, y, self.width() - _SWATCH - style.SPACE, _ROW)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, part.name)
            painter.setPen(style.colour("text_muted"))
            line.setLeft(_SWATCH + style.SPACE + _name_width(self, self._parts) + 2 * style.SPACE)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, part.words)


class Bars(QWidget):
    """A row for each part: its name, a bar as long as its value, its figure."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: list[Part] = []
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_parts(self, parts: Sequence[Part]) -> None:
        """Draw these, in this order."""
        self._parts = list(parts)
        self.setAccessibleDescription(", ".join(f"{part.name}: {part.words}" for part in parts))
        self.setFixedHeight(max(_ROW * len(parts), 1))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, _ROW * len(self._parts))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        names = _name_width(self, self._parts)
        figures = max((metrics.horizontalAdvance(part.words) for part in self._parts), default=0)
        left = names + 2 * style.SPACE
        room = max(self.width() - left - figures - 2 * style.SPACE, 20)
        longest = max((part.value for part in self._parts), default=0.0) or 1.0
        for number, part in enumerate(self._parts):
            y = number * _ROW
            painter.setPen(style.colour("text"))
            painter.drawText(QRectF(0, y, names, _ROW), Qt.AlignmentFlag.AlignVCenter, part.name)
            width = max(room * part.value / longest, 2.0)
            _fill(painter, QRectF(left, y + 7, width, _ROW - 14), part)
            painter.setPen(style.colour("text_muted"))
            words = QRectF(left + width + style.SPACE, y, figures + 4, _ROW)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, part.words)


def _name_width(widget: QWidget, parts: Sequence[Part]) -> int:
    return max((widget.fontMetrics().horizontalAdvance(part.name) for part in parts), default=0)


def _fill(painter: QPainter, area: QRectF, part: Part) -> None:
    if area.width() <= 0:
        return
    colour = style.colour(part.role)
    painter.setPen(QPen(colour, 1) if part.hatched else Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(colour, Qt.BrushStyle.BDiagPattern) if part.hatched else colour)
    painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)

"""The shares of valid answers of a format report: a bar for each way, and the interval in which the true share lies."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from assistant_app.gui import style
from assistant_app.protocol.report import FormatReport, Way
from assistant_app.words import WAYS

_ROW = 40
_BAR = 16
_TOP, _BELOW, _RIGHT = 12, 28, 88
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


class WaysPlot(QWidget):
    """Draws a report; the way that it advises has the accent's colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: FormatReport | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Valid answers of each way"))

    def show_report(self, report: FormatReport | None) -> None:
        """Draw ``report``; null: nothing."""
        self._report = report
        self.setAccessibleDescription("; ".join(map(self._words, report.ways)) if report else "")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        rows = len(self._report.ways) if self._report else 4
        return QSize(520, _TOP + rows * _ROW + _BELOW)

    def minimumSizeHint(self) -> QSize:
        return QSize(360, self.sizeHint().height())

    def _words(self, way: Way) -> str:
        words = self.tr("{way}: {valid} of {asked}")
        return words.format(way=WAYS[way.way], valid=way.valid, asked=way.asked)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._report is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = self.fontMetrics()
        left = max(metrics.horizontalAdvance(WAYS[way.way]) for way in self._report.ways) + 2 * style.SPACE
        area = QRectF(left, _TOP, self.width() - left - _RIGHT, len(self._report.ways) * _ROW)
        self._paint_axis(painter, area)
        for number, way in enumerate(self._report.ways):
            self._paint_way(painter, area, way, area.top() + number * _ROW)

    def _paint_axis(self, painter: QPainter, area: QRectF) -> None:
        for share in _QUARTERS:
            x = area.left() + share * area.width()
            painter.setPen(QPen(style.colour("border"), 1))
            painter.drawLine(QLineF(x, area.top(), x, area.bottom()))
            painter.setPen(style.colour("text_muted"))
            place = QRectF(x - 30, area.bottom() + 4, 60, _BELOW - 6)
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter, f"{share:.0%}".replace("%", " %"))

    def _paint_way(self, painter: QPainter, area: QRectF, way: Way, top: float) -> None:
        assert self._report is not None
        middle = top + _ROW / 2
        advised = way.way == self._report.advice
        painter.setPen(style.colour("text"))
        centre = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, top, area.left() - style.SPACE, _ROW), centre, WAYS[way.way])
        share = way.valid / max(way.asked, 1)
        painter.setPen(Qt.PenStyle.NoPen)
        colour = QColor(style.colour("accent" if advised else "text_muted"))
        colour.setAlphaF(1.0 if advised else 0.4)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(area.left(), middle - _BAR / 2, share * area.width(), _BAR), 3, 3)
        painter.setPen(QPen(style.colour("text"), 1.6))
        low, high = (area.left() + end * area.width() for end in (way.low, way.high))
        painter.drawLine(QLineF(low, middle, high, middle))
        for end in (low, high):
            painter.drawLine(QLineF(end, middle - 5, end, middle + 5))
        place = QRectF(area.right() + style.SPACE, top, _RIGHT - style.SPACE, _ROW)
        painter.drawText(place, centre, self.tr("{valid} of {asked}").format(valid=way.valid, asked=way.asked))

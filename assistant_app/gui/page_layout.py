"""Where the pages of a document lie on one long sheet: arithmetic without widgets.

Lengths are logical pixels; page sizes are points (1/72 inch); ``scale`` is pixels a point.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSizeF

from assistant_app.protocol.records import Box, PageSize

MARGIN = 16.0
GAP = 12.0
PIXELS_A_POINT = 96.0 / 72.0
"""The scale of 100 %."""

SMALLEST, LARGEST = 0.1, 5.0
"""Zoom factors."""


class PageLayout:
    """Pages under each other, centred; page numbers start at 1."""

    def __init__(self, pages: Sequence[PageSize] = ()) -> None:
        self.pages = list(pages)
        self.scale = PIXELS_A_POINT
        self._widest = max((page.width for page in self.pages), default=0.0)
        self._tops: list[float] = []
        self.set_scale(self.scale)

    def set_scale(self, scale: float) -> None:
        """Lay the pages out anew, ``scale`` pixels a point."""
        self.scale = scale
        self._tops = []
        top = MARGIN
        for page in self.pages:
            self._tops.append(top)
            top += page.height * scale + GAP
        self._height = top - GAP + MARGIN if self.pages else 0.0

    @property
    def size(self) -> QSizeF:
        """Of the whole sheet, margins included."""
        return QSizeF(self._widest * self.scale + 2 * MARGIN, self._height)

    def rect(self, page: int, width: float) -> QRectF:
        """Where ``page`` lies on a sheet that is ``width`` wide."""
        size = self.pages[page - 1]
        across = size.width * self.scale
        sheet = max(width, self.size.width())
        return QRectF((sheet - across) / 2, self._tops[page - 1], across, size.height * self.scale)

    def pages_between(self, top: float, bottom: float) -> range:
        """The pages of which a part lies between two heights of the sheet."""
        if not self.pages:
            return range(0)
        first = max(1, bisect_right(self._tops, top))
        if first < len(self.pages) and self._tops[first - 1] + self.pages[first - 1].height * self.scale < top:
            first += 1
        return range(first, max(first, bisect_right(self._tops, bottom)) + 1)

    def page_at(self, y: float) -> int:
        """The page at a height of the sheet, or the one above the gap there; 0 without pages."""
        return min(max(1, bisect_right(self._tops, y)), len(self.pages))

    def scale_for_width(self, width: float) -> float:
        """The scale at which the widest page fills ``width``."""
        return clamped((width - 2 * MARGIN) / self._widest) if self._widest else self.scale

    def scale_for_page(self, page: int, width: float, height: float) -> float:
        """The scale at which all of ``page`` is seen."""
        if not self.pages:
            return self.scale
        size = self.pages[page - 1]
        return clamped(min((width - 2 * MARGIN) / size.width, (height - 2 * MARGIN) / size.height))


def clamped(scale: float) -> float:
    """``scale`` within what the viewer offers."""
    return min(max(scale, SMALLEST * PIXELS_A_POINT), LARGEST * PIXELS_A_POINT)


def on_page(box: Box, page: QRectF) -> QRectF:
    """A box (fractions of the page) as a rectangle where ``page`` lies."""
    return QRectF(
        QPointF(page.left() + box.left * page.width(), page.top() + box.top * page.height()),
        QPointF(page.left() + box.right * page.width(), page.top() + box.bottom * page.height()),
    )

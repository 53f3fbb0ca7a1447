"""From the boxes of characters to the boxes of lines and words. Plain arithmetic; knows nothing of PDF libraries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from assistant_app.protocol.records import Box


class Glyph(NamedTuple):
    """Where one character is drawn, in fractions of the displayed page from its top left corner.

    ``sideways`` is true for a line that runs up or down the displayed page.
    """

    left: float
    top: float
    right: float
    bottom: float
    sideways: bool = False


class Frame(NamedTuple):
    """The affine map from a page's own coordinates (points) to fractions of the page as displayed.

    ``x' = ax * x + bx * y + cx`` and ``y' = ay * x + by * y + cy``; rotation and crop box are in it.
    """

    ax: float
    bx: float
    cx: float
    ay: float
    by: float
    cy: float

    def apply(self, left: float, bottom: float, right: float, top: float, sideways: bool) -> Glyph | None:
        """The rectangle as displayed, cut to the page; ``None`` where nothing of it is on the page."""
        xs = [self.ax * x + self.bx * y + self.cx for x in (left, right) for y in (bottom, top)]
        ys = [self.ay * x + self.by * y + self.cy for x in (left, right) for y in (bottom, top)]
        glyph = Glyph(max(0.0, min(xs)), max(0.0, min(ys)), min(1.0, max(xs)), min(1.0, max(ys)), sideways)
        return glyph if glyph.left < glyph.right and glyph.top < glyph.bottom else None


def on_one_line(one: Glyph, other: Glyph) -> bool:
    """Whether two neighbours in the text stand on one line: across it they overlap by half of the smaller one."""
    if one.sideways != other.sideways:
        return False
    if one.sideways:
        overlap = min(one.right, other.right) - max(one.left, other.left)
        smaller = min(one.right - one.left, other.right - other.left)
    else:
        overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
        smaller = min(one.bottom - one.top, other.bottom - other.top)
    return overlap >= smaller / 2


def joined(one: Glyph, other: Glyph) -> Glyph:
    """The smallest rectangle around both."""
    return Glyph(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
        one.sideways,
    )


def line_boxes(glyphs: Iterable[Glyph | None]) -> list[Box]:
    """One box for each line that the glyphs (in the order of the text) stand on; ``None`` ends a line."""
    boxes: list[Box] = []
    line: Glyph | None = None
    for glyph in glyphs:
        if line is not None and glyph is not None and on_one_line(line, glyph):
            line = joined(line, glyph)
            continue
        if line is not None:
            boxes.append(box(line))
        line = glyph
    if line is not None:
        boxes.append(box(line))
    return boxes


def box(glyph: Glyph) -> Box:
    """As a record, rounded to a millionth: finer than any screen, and short on the pipe."""
    return Box(
        left=round(glyph.left, 6), top=round(glyph.top, 6), right=round(glyph.right, 6), bottom=round(glyph.bottom, 6)
    )

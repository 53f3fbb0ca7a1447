"""The order in which the lines of a recognised page are read: column after column, the cells of a row together."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Generic, NamedTuple, Protocol, TypeVar

_RUNNING_TEXT = 10.0
"""Lines of a column are this many times as wide as high, at the median; the cells of a table are shorter."""
_COLUMN_LINES = 3
_GAP = 0.6
"""The least distance between columns, in heights of a line."""
_CROSSING = 0.4
"""At most this part of the lines (headings, captions) may run across the gap."""
_SAME_ROW = 0.5
_MOST_COLUMNS = 6


class Boxed(Protocol):
    box: tuple[float, float, float, float]
    """Left, top, right, bottom, in fractions of the page."""


Thing = TypeVar("Thing", bound=Boxed)


class _Parts(NamedTuple, Generic[Thing]):
    left: list[Thing]
    right: list[Thing]
    across: list[Thing]


def in_reading_order(lines: Sequence[Thing], shape: tuple[int, int]) -> list[list[Thing]]:
    """Rows from top to bottom, each from left to right, column after column.

    Args:
        shape: width and height of the page; the boxes are fractions of it.
    """
    return _ordered(list(lines), shape[0] / shape[1], _MOST_COLUMNS)


def _ordered(lines: list[Thing], aspect: float, columns: int) -> list[list[Thing]]:
    parts = _columns(lines, aspect) if columns > 1 and len(lines) >= 2 * _COLUMN_LINES else None
    if parts is None:
        return _rows(lines)
    rows: list[list[Thing]] = []
    left, right = parts.left, parts.right
    # What runs across the gap ends the columns above it.
    for row in [*_rows(parts.across), None]:
        until = row[0].box[1] if row else 2.0
        for side in (left, right):
            rows.extend(_ordered([line for line in side if _middle(line) < until], aspect, columns - 1))
        left = [line for line in left if _middle(line) >= until]
        right = [line for line in right if _middle(line) >= until]
        if row:
            rows.append(row)
    return rows


def _columns(lines: list[Thing], aspect: float) -> _Parts[Thing] | None:
    """The lines left and right of the gap between columns that the fewest lines cross; ``None`` without columns."""
    gap = _GAP * median(_height(line) for line in lines) / aspect
    best: _Parts[Thing] | None = None
    for edge in sorted({round(line.box[0], 3) for line in lines}):
        left = [line for line in lines if line.box[2] <= edge - gap]
        right = [line for line in lines if line.box[0] >= edge - 0.001]
        crossing = len(lines) - len(left) - len(right)
        if crossing > _CROSSING * len(lines) or (best is not None and crossing >= len(best.across)):
            continue
        if all(_is_column(side, aspect) for side in (left, right)):
            sides = {id(line) for line in (*left, *right)}
            best = _Parts(left, right, [line for line in lines if id(line) not in sides])
    return best


def _is_column(lines: Sequence[Boxed], aspect: float) -> bool:
    if len(lines) < _COLUMN_LINES:
        return False
    widths = [(line.box[2] - line.box[0]) * aspect / max(_height(line), 1e-6) for line in lines]
    return median(widths) >= _RUNNING_TEXT


def _rows(lines: Sequence[Thing]) -> list[list[Thing]]:
    """Lines that stand side by side make a row."""
    rows: list[list[Thing]] = []
    for line in sorted(lines, key=_middle):
        if rows and _common_height(rows[-1][0], line) > _SAME_ROW:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda each: each.box[0]) for row in rows]


def _common_height(one: Boxed, other: Boxed) -> float:
    """How much of the lower of two lines' height both have in common."""
    common = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    return common / max(min(_height(one), _height(other)), 1e-6)


def _height(line: Boxed) -> float:
    return line.box[3] - line.box[1]


def _middle(line: Boxed) -> float:
    return (line.box[1] + line.box[3]) / 2

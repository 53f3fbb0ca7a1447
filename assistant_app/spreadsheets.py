"""Lines of cells as CSV that a spreadsheet shows and never computes, whatever stands in a document."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

LONGEST_CELL = 32_000
"""Characters; a spreadsheet takes 32,767. What is longer is cut."""

_COMPUTED = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""


def as_csv(lines: Iterable[Sequence[str]]) -> str:
    """The lines as CSV; an apostrophe stands before each cell that would be computed."""
    written = io.StringIO()
    csv.writer(written).writerows([_harmless(cell) for cell in line] for line in lines)
    return written.getvalue()


def _harmless(cell: str) -> str:
    return (f"'{cell}" if cell.startswith(_COMPUTED) else cell)[:LONGEST_CELL]

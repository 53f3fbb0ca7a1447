"""What the tables of the windows have in common: their looks, their selected rows, moments in a cell."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QLocale, QSize, Qt, QTimeZone
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

_ROOM = 12
"""Pixels above and below the text of a row, together."""


def dress(table: QTableView, name: str) -> None:
    """Make ``table`` a list of rows to select and sort; ``name`` says to those who do not see it what it holds."""
    table.setAccessibleName(name)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    table.setWordWrap(False)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.setIconSize(QSize(16, 16))
    table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + _ROOM)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setSectionsMovable(True)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setMinimumSectionSize(40)


def selected_rows(table: QTableView) -> list[int]:
    """The selected rows of the view, from top to bottom."""
    rows: set[int] = set()
    selection = table.selectionModel().selection()
    for part in (selection.at(number) for number in range(selection.size())):
        rows.update(range(part.top(), part.bottom() + 1))
    return sorted(rows)


def moment_words(moment: str) -> str:
    """A moment in UTC as the person's own date and time; "" where it is none."""
    read = QDateTime.fromString(moment, Qt.DateFormat.ISODateWithMs)
    if not read.isValid():
        return ""
    read.setTimeZone(QTimeZone.utc())
    return QLocale().toString(read.toLocalTime(), QLocale.FormatType.ShortFormat)

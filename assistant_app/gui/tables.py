"""What the tables of the windows have in common: their looks, actions, what stands above them, moments in a cell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from PySide6.QtCore import QDateTime, QLocale, QSize, Qt, QTimeZone
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QWidget,
)

from assistant_app.gui import style

RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
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


def heading(
    titles: Sequence[str], section: int, orientation: Qt.Orientation, role: int, numbers: Collection[int] = ()
) -> Any:
    """What a model's ``headerData`` gives for one of ``titles``; those of columns of ``numbers`` stand on the right."""
    if orientation != Qt.Orientation.Horizontal:
        return None
    if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
        return titles[section]
    if role == Qt.ItemDataRole.TextAlignmentRole:
        return RIGHT if section in numbers else _LEFT
    return None


def action(
    table: QTableView,
    text: str,
    icon: str,
    slot: Callable[[], object],
    key: str | QKeySequence.StandardKey | None = None,
) -> QAction:
    """What can be done with the rows of ``table``; ``key`` does it while the table has the focus."""
    made = QAction(style.icon(icon), text, table)
    if key is not None:
        made.setShortcut(QKeySequence(key))
        made.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
    made.triggered.connect(lambda _checked: slot())
    table.addAction(made)
    return made


def button(of: QAction, parent: QWidget) -> QPushButton:
    """A button that does an action."""
    made = QPushButton(of.icon(), of.text(), parent)
    made.setToolTip(of.toolTip())
    made.clicked.connect(of.trigger)
    made.setAutoDefault(False)
    return made


def filter_row(search: QLineEdit, words: str, groups: QComboBox, count: QLabel) -> QHBoxLayout:
    """What stands above a table: a field to search in, which asks with ``words``, a choice of rows, their number."""
    search.setPlaceholderText(words)
    search.setClearButtonEnabled(True)
    search.addAction(style.icon("search", "text_muted"), QLineEdit.ActionPosition.LeadingPosition)
    search.setMaximumWidth(360)
    groups.setMinimumHeight(4 * style.SPACE)
    style.set_role(count, "muted")
    row = QHBoxLayout()
    row.setSpacing(style.SPACE)
    row.addWidget(search, 1)
    row.addWidget(groups)
    row.addStretch(1)
    row.addWidget(count)
    return row


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

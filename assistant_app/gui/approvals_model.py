"""The approvals as a table, which can be sorted and narrowed down."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QSortFilterProxyModel, Qt

from assistant_app.gui import approval_words, style, tables
from assistant_app.gui.settings_page import number_text
from assistant_app.protocol.training import Approval

SORT = Qt.ItemDataRole.UserRole
COUNTING, NOT_COUNTING = "counting", "not_counting"
"""Groups beside the problems; "" is the group of all."""

_CELL = 300
"""Characters: no cell shows more of a text."""

_NO_INDEX = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    QUESTION = 0
    ANSWER = 1
    FORMAT = 2
    SOURCES = 3
    ORIGIN = 4
    WHEN = 5
    COUNTS = 6


_NUMBERS = (Column.SOURCES,)


class ApprovalsModel(QAbstractTableModel):
    """A row for each approval. The role :data:`SORT` gives what a column is sorted by."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[Approval] = ()
        self._searched: list[str] = []

    def set_approvals(self, approvals: Sequence[Approval]) -> None:
        """Take the approvals as they are."""
        self.beginResetModel()
        self._rows = approvals
        self._searched = [f"{each.example.question}\n{each.example.answer}".casefold() for each in approvals]
        self.endResetModel()

    def approval(self, row: int) -> Approval:
        return self._rows[row]

    def searched(self, row: int) -> str:
        """What the search looks through, in small letters."""
        return self._searched[row]

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return tables.heading(self._titles(), section, orientation, role, _NUMBERS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self._rows[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == SORT:
            return self._key(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return tables.RIGHT if column in _NUMBERS else None
        if role == Qt.ItemDataRole.DecorationRole and column == Column.COUNTS:
            return style.icon("check", "success") if row.counts else style.icon("warning", "warning")
        if role == Qt.ItemDataRole.ForegroundRole and column == Column.COUNTS and not row.counts:
            return style.colour("warning")
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return self._tip(row, column)
        return None

    def _titles(self) -> tuple[str, ...]:
        return (
            self.tr("Question"),
            self.tr("Answer"),
            self.tr("Format"),
            self.tr("Sources"),
            self.tr("From"),
            self.tr("Approved at"),
            self.tr("Counts"),
        )

    def _text(self, row: Approval, column: Column) -> str:
        match column:
            case Column.QUESTION:
                return " ".join(row.example.question[:_CELL].split())
            case Column.ANSWER:
                return " ".join(row.example.answer[:_CELL].split())
            case Column.FORMAT:
                return approval_words.format_words(row.example.format)
            case Column.SOURCES:
                return number_text(len(row.example.sources))
            case Column.ORIGIN:
                return approval_words.origin_words(row.origin)
            case Column.WHEN:
                return tables.moment_words(row.approved_at)
            case Column.COUNTS:
                return approval_words.counts_words(row)

    def _key(self, row: Approval, column: Column) -> int | str:
        if column == Column.SOURCES:
            return len(row.example.sources)
        if column == Column.WHEN:
            return row.approved_at
        return self._text(row, column).casefold()

    def _tip(self, row: Approval, column: Column) -> str:
        if column == Column.COUNTS:
            return "\n".join(map(approval_words.problem_sentence, row.problems))
        if column in (Column.QUESTION, Column.ANSWER):
            return row.example.question[:_CELL] if column == Column.QUESTION else row.example.answer[:_CELL]
        return ""


class ShownApprovals(QSortFilterProxyModel):
    """What the table shows of an :class:`ApprovalsModel`."""

    def __init__(self, model: ApprovalsModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._words: list[str] = []
        self._group = ""
        self.setSourceModel(model)
        self.setSortRole(SORT)

    def approval(self, row: int) -> Approval:
        """What stands in line ``row`` of the view."""
        return self._model.approval(self.mapToSource(self.index(row, 0)).row())

    def row_of(self, number: int) -> int:
        """The line of the view with this approval; -1 where it is unknown or hidden."""
        return next((row for row in range(self.rowCount()) if self.approval(row).id == number), -1)

    def narrow(self, text: str, group: str) -> None:
        """Show only what has all words of ``text`` and belongs to ``group``."""
        self.beginFilterChange()
        self._words = text.casefold().split()
        self._group = group
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: _Index) -> bool:
        approval, searched = self._model.approval(row), self._model.searched(row)
        return self._belongs(approval) and all(word in searched for word in self._words)

    def _belongs(self, approval: Approval) -> bool:
        if not self._group:
            return True
        if self._group in (COUNTING, NOT_COUNTING):
            return approval.counts == (self._group == COUNTING)
        return self._group in approval.problems

"""What an assistant found in each document, as a table that can be sorted and narrowed down.

Names and values come from documents and from a model: they are shown as plain text only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QGuiApplication

from assistant_app.gui import format_words, phrases, style, tables
from assistant_app.protocol.assistants import Row
from assistant_app.protocol.records import AnswerValue, Citation

CITATION = Qt.ItemDataRole.UserRole
"""The :class:`Citation` that a cell is tied to, null for none."""

FIXED = 2
"""The document comes first, the state second; then the values."""

_CELL = 300
_TIP = 1500
"""Characters that are shown of a text."""

_NO_INDEX = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


class TableModel(QAbstractTableModel):
    """A row for each document that was asked; columns come as the answers bring them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._places: dict[str, int] = {}
        self._cells: list[dict[str, AnswerValue]] = []
        self._cited: list[dict[int, Citation]] = []
        self._columns: list[str] = []

    def clear(self) -> None:
        """Forget all rows and columns."""
        self.show([], [])

    def show(self, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Show these and nothing else; where they are what is shown, the view stays as it is."""
        if (list(columns), list(rows)) == (self._columns, self._rows):
            return
        self.beginResetModel()
        self._rows = list(rows)
        self._places = {row.path: number for number, row in enumerate(rows)}
        self._cells = [_cells(row) for row in rows]
        self._cited = [_cited(row) for row in rows]
        self._columns = list(dict.fromkeys([*columns, *(name for cells in self._cells for name in cells)]))
        self.endResetModel()

    @property
    def columns(self) -> list[str]:
        """The names of the values."""
        return list(self._columns)

    def row(self, number: int) -> Row:
        return self._rows[number]

    def take(self, row: Row) -> None:
        """Show a row, in the place of the one of the same document if there is one."""
        cells, cited = _cells(row), _cited(row)
        self.add_columns(list(cells))
        at = self._places.get(row.path)
        if at is not None:
            self._rows[at], self._cells[at], self._cited[at] = row, cells, cited
            self.dataChanged.emit(self.index(at, 0), self.index(at, self.columnCount() - 1))
            return
        at = self._places[row.path] = len(self._rows)
        self.beginInsertRows(_NO_INDEX, at, at)
        self._rows.append(row)
        self._cells.append(cells)
        self._cited.append(cited)
        self.endInsertRows()

    def add_columns(self, names: Sequence[str]) -> None:
        """Add what is not there yet at the end."""
        fresh = [name for name in names if name not in self._columns]
        if fresh:
            first = FIXED + len(self._columns)
            self.beginInsertColumns(_NO_INDEX, first, first + len(fresh) - 1)
            self._columns += fresh
            self.endInsertColumns()

    def searched(self, number: int) -> str:
        """What a filter looks through, in small letters."""
        row = self._rows[number]
        values = (value.text for value in self._cells[number].values())
        return "\n".join((PurePath(row.path).name, state_words(row), reason_sentence(row), *values)).casefold()

    # ------------------------------------------------------------ for the view

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else FIXED + len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        titles = (self.tr("Document"), self.tr("State"), *self._columns)
        return tables.heading(titles, section, orientation, role)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if index.column() == 0:
            return self._of_document(index.row(), role)
        if index.column() == 1:
            return self._of_state(index.row(), role)
        return self._of_value(index.row(), self._columns[index.column() - FIXED], role)

    def _of_document(self, number: int, role: int) -> Any:
        path = self._rows[number].path
        if role == Qt.ItemDataRole.DisplayRole:
            return PurePath(path).name
        return path if role == Qt.ItemDataRole.ToolTipRole else None

    def _of_state(self, number: int, role: int) -> Any:
        row = self._rows[number]
        icon, colour = _look(row)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                reason = reason_sentence(row)
                return f"{state_words(row)}: {reason}" if reason else state_words(row)
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleDescriptionRole:
                return reason_sentence(row)
            case Qt.ItemDataRole.DecorationRole:
                return style.icon(icon, colour)
            case Qt.ItemDataRole.ForegroundRole if colour != "success":
                return style.colour(colour)
        return None

    def _of_value(self, number: int, column: str, role: int) -> Any:
        value = self._cells[number].get(column)
        if value is None:
            return None
        citation = self._cited[number].get(value.citation or 0)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return " ".join(value.text[:_CELL].split())
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(value, citation, nothing=self._says_nothing(number, column))
            case Qt.ItemDataRole.DecorationRole if citation is None and not self._says_nothing(number, column):
                return style.icon("unverified", "warning")
            case Qt.ItemDataRole.ForegroundRole if citation is not None:
                return style.colour("accent")
            case Qt.ItemDataRole.FontRole if citation is not None:
                font = QGuiApplication.font()
                font.setUnderline(True)
                return font
        return citation if role == CITATION else None

    def _says_nothing(self, number: int, column: str) -> bool:
        """Whether the value says that the document does not hold it."""
        answer = self._rows[number].answer
        return answer is not None and any(each.name == column and not each.text for each in answer.values)

    def _tip(self, value: AnswerValue, citation: Citation | None, *, nothing: bool) -> str:
        if nothing:
            return self.tr("The document does not say it")
        text = value.text[:_TIP]
        if citation is None:
            return f"{text}\n{self.tr('No quote supports this value')}"
        place = phrases.place_words(citation.path, citation.page, citation.page_label)
        quote = " ".join(citation.quote.split())[:_CELL]
        return "\n".join(part for part in (text, place, f"“{quote}”") if part)


def _cells(row: Row) -> dict[str, AnswerValue]:
    """The values by name; of an answer in no format the answer itself."""
    answer = row.answer
    if answer is None:
        return {}
    if answer.values:
        return {value.name: value for value in format_words.shown_values(answer)}
    first = next((each.number for each in answer.citations), None)
    return {"answer": AnswerValue(name="answer", text=answer.answer, citation=first)} if answer.format == "text" else {}


def _cited(row: Row) -> dict[int, Citation]:
    return {each.number: each for each in row.answer.citations} if row.answer else {}


def _look(row: Row) -> tuple[str, str]:
    """Icon and colour of its state."""
    if row.answer is None:
        return "error", "danger"
    return ("check", "success") if row.answer.valid else ("warning", "warning")


def state_words(row: Row) -> str:
    """Whether there is an answer, and whether it is in its format."""
    if row.answer is None:
        return QCoreApplication.translate("tables", "No answer")
    words = "Valid" if row.answer.valid else "Not valid"
    return QCoreApplication.translate("tables", words)


def reason_sentence(row: Row) -> str:
    """Why there is no answer, or why it is not valid; "" where all is well."""
    if row.answer is None:
        return phrases.reason_sentence(row.code or "", row.details)
    return "" if row.answer.valid else format_words.problem_sentence(row.answer.problem)


class ShownTable(QSortFilterProxyModel):
    """What the table shows of a :class:`TableModel`: numbers are sorted as numbers, before texts."""

    def __init__(self, model: TableModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._words: list[str] = []
        self.setSourceModel(model)
        self.setDynamicSortFilter(True)

    def row(self, number: int) -> Row:
        """What stands in line ``number`` of the view."""
        return self._model.row(self.mapToSource(self.index(number, 0)).row())

    def paths(self) -> list[str]:
        """The documents of all rows in the order of the view, also of those that are filtered out."""
        column, rows = self.sortColumn(), list(range(self._model.rowCount()))
        if column >= 0:
            is_last_first = self.sortOrder() == Qt.SortOrder.DescendingOrder
            rows.sort(key=lambda row: _place(self._model.index(row, column)), reverse=is_last_first)
        return [self._model.row(row).path for row in rows]

    def narrow(self, text: str) -> None:
        """Show only what has all words of ``text``."""
        self.beginFilterChange()
        self._words = text.casefold().split()
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: _Index) -> bool:
        if not self._words:
            return True
        searched = self._model.searched(row)
        return all(word in searched for word in self._words)

    def lessThan(self, left: _Index, right: _Index) -> bool:
        return _place(left) < _place(right)


def _place(cell: _Index) -> tuple[tuple[int, float, str], int]:
    """What is sorted by; of equal cells the one that came first is the lesser."""
    return _sort_key(cell.data()), cell.row()


def _sort_key(shown: Any) -> tuple[int, float, str]:
    """Numbers first, then texts, then what is empty."""
    text = str(shown or "")
    try:
        return 0, float(text.replace(",", "")), text.casefold()
    except ValueError:
        return (1, 0.0, phrases.sort_key(text)) if text else (2, 0.0, "")

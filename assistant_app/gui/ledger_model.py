"""The ledger as a table: every file ever offered, filtered, sorted, and changed one row at a time.

It is made for tens of thousands of rows: what rows are sorted by is worked out once for each row and order, what cells
show only for cells that are looked at, and a change moves one row.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable
from enum import IntEnum
from functools import cache
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QIcon

from assistant_app.gui import document_words, phrases, style, tables
from assistant_app.gui.settings_page import bytes_text
from assistant_app.protocol.records import Document

DOCUMENT = Qt.ItemDataRole.UserRole
REMOVED = "removed"
"""The group of what was removed and can be put back; beside those of :data:`document_words.Group`."""

_NO_INDEX = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    NAME = 0
    FOLDER = 1
    KIND = 2
    STATE = 3
    REASON = 4
    PAGES = 5
    EMPTY_PAGES = 6
    PASSAGES = 7
    WHEN = 8
    SIZE = 9


_NUMBERS = (Column.PAGES, Column.EMPTY_PAGES, Column.PASSAGES, Column.SIZE)


class _Entry:
    """One row. ``key`` is what it is sorted by now; the path makes it unique."""

    __slots__ = ("document", "group", "key", "searched")

    def __init__(self, document: Document) -> None:
        self.document = document
        self.group = REMOVED if document.removed_at is not None else document_words.group(document)
        self.searched = document.path.casefold()
        self.key: tuple[Any, str] = ("", "")


class LedgerModel(QAbstractTableModel):
    """Rows of :class:`Document`; the role :data:`DOCUMENT` gives it in any column."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: dict[str, _Entry] = {}
        self._removed: dict[str, _Entry] = {}
        self._shown: list[_Entry] = []
        """Ascending, whichever way the view shows it, so that a place is found by bisection."""
        self._column = Column.NAME
        self._descending = False
        self._filter = ""
        self._group = ""

    # ------------------------------------------------------------ for the view

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return tables.heading(self._titles(), section, orientation, role, _NUMBERS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self._shown[self._flipped(index.row())]
        if role == DOCUMENT:
            return entry.document
        column = Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(entry, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return tables.RIGHT if column in _NUMBERS else None
        if role == Qt.ItemDataRole.DecorationRole and column == Column.STATE:
            state = self._state(entry.group)
            return _icon(state.icon, state.role)
        if role == Qt.ItemDataRole.ForegroundRole and column == Column.STATE:
            colour = self._state(entry.group).role
            return style.colour(colour) if colour in ("danger", "warning") else None
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            if column == Column.REASON:
                return document_words.sentence(entry.document)
            return document_words.whole(entry.document)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; rows that are alike in it by path."""
        self.beginResetModel()
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._column = Column(max(column, 0))
        self._show()
        self.endResetModel()

    # ------------------------------------------------------------ for the window

    def __len__(self) -> int:
        """All files ever offered, also those that the filter hides, without those that were removed."""
        return len(self._entries)

    def document(self, row: int) -> Document:
        """What stands in line ``row`` of the view."""
        return self._shown[self._flipped(row)].document

    def row_of(self, path: str) -> int:
        """The line of the view that ``path`` stands in; -1 where it is unknown or hidden."""
        entry = (self._removed if self._group == REMOVED else self._entries).get(path)
        at = self._place(entry) if entry is not None else -1
        return self._flipped(at) if at >= 0 else -1

    def set_documents(self, documents: Iterable[Document]) -> None:
        """Take the ledger as it is."""
        self.beginResetModel()
        self._entries = {document.path: _Entry(document) for document in documents}
        self._show()
        self.endResetModel()

    def set_removed(self, documents: Iterable[Document]) -> None:
        """Take what was removed and can be put back as it is."""
        if self._group == REMOVED:
            self.beginResetModel()
        self._removed = {document.path: _Entry(document) for document in documents}
        if self._group == REMOVED:
            self._show()
            self.endResetModel()

    def set_filter(self, text: str, group: str) -> None:
        """Show only what has ``text`` in its path, and belongs to ``group`` ("" for all that is in the library)."""
        self.beginResetModel()
        self._filter = text.strip().casefold()
        self._group = group
        self._show()
        self.endResetModel()

    def take(self, documents: Iterable[Document]) -> None:
        """These are new or have changed."""
        for document in documents:
            self._take_one(_Entry(document))

    def drop(self, paths: Iterable[str]) -> None:
        """These are not in the library any more."""
        for path in paths:
            entry = self._entries.pop(path, None)
            if entry is not None and self._group != REMOVED:
                self._take_out(entry)

    def as_text(self, rows: Iterable[int] | None = None) -> str:
        """Lines of tab-separated values with a header line; null for all that is shown."""
        titles = [*self._titles(), self.tr("Reason in full")]
        lines = ["\t".join(titles)]
        for row in range(len(self._shown)) if rows is None else rows:
            entry = self._shown[self._flipped(row)]
            cells = [self._text(entry, column) for column in Column]
            cells.append(document_words.sentence(entry.document))
            lines.append("\t".join(" ".join(cell.split()) for cell in cells))
        return "\n".join(lines) + "\n"

    # ------------------------------------------------------------ cells

    def _titles(self) -> list[str]:
        return [
            self.tr("Name"),
            self.tr("Folder"),
            self.tr("Kind"),
            self.tr("State"),
            self.tr("Reason"),
            self.tr("Pages"),
            self.tr("Without text"),
            self.tr("Passages"),
            self.tr("When"),
            self.tr("Size"),
        ]

    def _state(self, group: str) -> document_words.State:
        if group == REMOVED:
            return document_words.State("trash", "text_muted", self.tr("Removed"))
        return document_words.group_state(group)  # type: ignore[arg-type]

    def _text(self, entry: _Entry, column: Column) -> str:
        document = entry.document
        match column:
            case Column.NAME:
                return os.path.basename(document.path)
            case Column.FOLDER:
                return os.path.dirname(document.path)
            case Column.KIND:
                return document_words.kind_words(document.kind)
            case Column.STATE:
                return self._state(entry.group).words
            case Column.REASON:
                return document_words.reason(document)
            case Column.PAGES:
                return _number(document.pages) if document_words.has_pages(document) else ""
            case Column.EMPTY_PAGES:
                return _number(document.empty_pages)
            case Column.PASSAGES:
                return _number(document.passages)
            case Column.WHEN:
                return tables.moment_words(document.removed_at or document.indexed_at)
            case Column.SIZE:
                return bytes_text(document.size) if document.size else ""

    def _key(self, entry: _Entry) -> tuple[Any, str]:
        """What ``entry`` is sorted by in the column of now."""
        document = entry.document
        value: Any
        match self._column:
            case Column.NAME:
                value = phrases.sort_key(os.path.basename(entry.searched))
            case Column.FOLDER:
                value = phrases.sort_key(os.path.dirname(entry.searched))
            case Column.PAGES:
                value = document.pages
            case Column.EMPTY_PAGES:
                value = document.empty_pages
            case Column.PASSAGES:
                value = document.passages
            case Column.WHEN:
                value = document.removed_at or document.indexed_at
            case Column.SIZE:
                value = document.size
            case _:
                value = self._text(entry, self._column).casefold()
        return value, document.path

    # ------------------------------------------------------------ rows

    def _flipped(self, row: int) -> int:
        """A line of the view as a place in the ascending list, and the other way round."""
        return len(self._shown) - 1 - row if self._descending else row

    def _passes(self, entry: _Entry) -> bool:
        right_group = entry.group == self._group if self._group else entry.group != REMOVED
        return right_group and self._filter in entry.searched

    def _show(self) -> None:
        held = self._removed if self._group == REMOVED else self._entries
        self._shown = [entry for entry in held.values() if self._passes(entry)]
        for entry in self._shown:
            entry.key = self._key(entry)
        self._shown.sort(key=lambda entry: entry.key)

    def _place(self, entry: _Entry) -> int:
        if not self._passes(entry):
            return -1  # its key may be that of an earlier order
        at = bisect_left(self._shown, entry.key, key=lambda each: each.key)
        return at if at < len(self._shown) and self._shown[at] is entry else -1

    def _take_one(self, entry: _Entry) -> None:
        path = entry.document.path
        before = self._entries.get(path)
        self._entries[path] = entry
        if self._group == REMOVED:
            return
        entry.key = self._key(entry)
        at = self._place(before) if before is not None else -1
        if before is not None and at >= 0 and before.key == entry.key and self._passes(entry):
            self._shown[at] = entry
            row = self._flipped(at)
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))
            return
        if before is not None:
            self._take_out(before)
        if self._passes(entry):
            self._put_in(entry)

    def _put_in(self, entry: _Entry) -> None:
        at = bisect_left(self._shown, entry.key, key=lambda each: each.key)
        row = len(self._shown) - at if self._descending else at
        self.beginInsertRows(QModelIndex(), row, row)
        self._shown.insert(at, entry)
        self.endInsertRows()

    def _take_out(self, entry: _Entry) -> None:
        at = self._place(entry)
        if at >= 0:
            row = self._flipped(at)
            self.beginRemoveRows(QModelIndex(), row, row)
            del self._shown[at]
            self.endRemoveRows()


@cache
def _icon(name: str, role: str) -> QIcon:
    return style.icon(name, role)


def _number(count: int) -> str:
    return QLocale().toString(count) if count else ""

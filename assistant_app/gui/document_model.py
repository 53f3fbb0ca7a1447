"""The library as rows for a view: what is known of each document, how far its reading is, and which are ticked."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from assistant_app.gui import document_words, phrases
from assistant_app.gui.document_words import State
from assistant_app.protocol.messages import IndexProgress
from assistant_app.protocol.records import Document

ROW = Qt.ItemDataRole.UserRole
_NO_INDEX = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex
_CHECK = Qt.ItemDataRole.CheckStateRole


@dataclass(slots=True)
class Row:
    """One document. ``document`` is null before its first outcome, ``progress`` while it is not in work."""

    path: str
    document: Document | None = None
    progress: IndexProgress | None = None
    busy: bool = False
    name: str = ""
    key: tuple[str, str] = ("", "")
    """What rows are sorted by."""

    def __post_init__(self) -> None:
        self.name = os.path.basename(self.path)
        self.key = (phrases.sort_key(self.name), self.path)

    @property
    def needs_password(self) -> bool:
        return self.document is not None and not self.busy and document_words.needs_password(self.document)

    @property
    def can_be_asked(self) -> bool:
        return self.document is not None and self.document.passages > 0

    @property
    def sentence(self) -> str:
        """What is wrong with the document and what to do; "" where all is well."""
        return "" if self.busy or self.document is None else document_words.sentence(self.document)


class DocumentModel(QAbstractListModel):
    """Rows sorted by name. The role :data:`ROW` gives the :class:`Row`; documents that can be asked can be ticked."""

    ticks_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: dict[str, Row] = {}
        self._shown: list[Row] = []
        self._filter = ""
        self._collection: str | None = None
        self._ticked: set[str] = set()

    # ------------------------------------------------------------ for the view

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if index.isValid() and self._shown[index.row()].can_be_asked:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._shown[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role == _CHECK and row.can_be_asked:
            return Qt.CheckState.Checked if row.path in self._ticked else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.path if row.document is None or row.busy else document_words.whole(row.document)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            ticked = self.tr("ticked") if self.is_ticked(row.path) else ""
            return ", ".join(part for part in (row.name, self.state(row).words, ticked) if part)
        return row.sentence if role == Qt.ItemDataRole.AccessibleDescriptionRole else None

    def setData(self, index: _Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != _CHECK or not index.isValid():
            return False
        self.tick([self._shown[index.row()].path], Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    # ------------------------------------------------------------ ticks

    def is_ticked(self, path: str) -> bool:
        row = self._rows.get(path)
        return path in self._ticked and row is not None and row.can_be_asked

    def tick(self, paths: Iterable[str], on: bool) -> None:
        """Tick or untick the documents among ``paths`` that can be asked."""
        asked = [row for path in paths if (row := self._rows.get(path)) is not None and row.can_be_asked]
        change = [row for row in asked if (row.path in self._ticked) != on]
        for row in change:
            (self._ticked.add if on else self._ticked.discard)(row.path)
            self._changed(row)
        if change:
            self.ticks_changed.emit()

    def untick_all(self) -> None:
        """No document is ticked any more, shown or not."""
        before, self._ticked = self._ticked, set()
        for row in (self._rows.get(path) for path in before):
            if row is not None:
                self._changed(row)
        if before:
            self.ticks_changed.emit()

    def ticked_paths(self) -> list[str]:
        """The ticked documents of the collection that is shown, also those that the filter hides, by name."""
        rows = [
            self._rows[path] for path in self._ticked if self.is_ticked(path) and self._is_collected(self._rows[path])
        ]
        return [row.path for row in sorted(rows, key=lambda row: row.key)]

    # ------------------------------------------------------------ for the pane

    def __len__(self) -> int:
        """All documents, also those that the filter hides."""
        return len(self._rows)

    def row(self, path: str) -> Row | None:
        return self._rows.get(path)

    def shown(self, number: int) -> Row:
        """The row that stands in line ``number`` of the view."""
        return self._shown[number]

    def rows(self) -> Iterable[Row]:
        return self._rows.values()

    def index_of(self, path: str) -> QModelIndex:
        """The index of ``path``; invalid where it is unknown or hidden by the filter."""
        row = self._rows.get(path)
        if row is None:
            return QModelIndex()
        at = bisect_left(self._shown, row.key, key=lambda each: each.key)
        found = at < len(self._shown) and self._shown[at] is row
        return self.index(at) if found else QModelIndex()

    def set_documents(self, documents: Iterable[Document]) -> None:
        """Take the ledger as it is. Rows that are being read stay, whether the ledger knows them or not."""
        self.beginResetModel()
        busy = {row.path: row for row in self._rows.values() if row.busy}
        self._rows = {each.path: Row(each.path, each) for each in documents}
        for path, row in busy.items():
            known = self._rows.get(path)
            row.document = known.document if known else row.document
            self._rows[path] = row
        self._show()
        self.endResetModel()

    def set_filter(self, text: str) -> None:
        """Show only the documents whose path holds ``text``, upper and lower case alike."""
        self.beginResetModel()
        self._filter = text.strip().casefold()
        self._show()
        self.endResetModel()

    def set_collection(self, name: str | None) -> None:
        """Show only the documents of a collection, and those that are on their way; null for all."""
        self.beginResetModel()
        self._collection = name
        self._show()
        self.endResetModel()

    def set_waiting(self, path: str) -> None:
        """``path`` was handed to the engine."""
        row = self._rows.get(path)
        if row is None:
            self._insert(Row(path, busy=True))
        else:
            row.busy, row.progress = True, None
            self._changed(row)

    def set_progress(self, event: IndexProgress) -> None:
        if event.path not in self._rows:
            self.set_waiting(event.path)
        row = self._rows[event.path]
        row.busy, row.progress = True, event
        self._changed(row)

    def set_done(self, document: Document) -> None:
        """The document has its outcome, and is in work no more."""
        row = self._rows.get(document.path)
        if row is not None:
            row.busy, row.progress = False, None
        self.take(document)

    def take(self, document: Document) -> None:
        """What the ledger says of a document now; whether it is in work stays as it is."""
        row = self._rows.get(document.path)
        if row is None:
            self._insert(Row(document.path, document))
            return
        could_be_asked, row.document = row.can_be_asked, document
        self._changed(row)
        if document.path in self._ticked and could_be_asked != row.can_be_asked:
            self.ticks_changed.emit()

    def settle(self, keep: Iterable[str] = ()) -> None:
        """Nothing is being read any more, but for ``keep``; rows that never had an outcome go."""
        kept = set(keep)
        for row in [row for row in self._rows.values() if row.busy and row.path not in kept]:
            row.busy, row.progress = False, None
            if row.document is None:
                self.remove([row.path])
            else:
                self._changed(row)

    def remove(self, paths: Iterable[str]) -> None:
        """Take rows out; their ticks are remembered, in case they come back."""
        had_ticks = False
        for path in paths:
            row = self._rows.get(path)
            if row is None:
                continue
            had_ticks = had_ticks or self.is_ticked(path)
            self._hide(row)
            del self._rows[path]
        if had_ticks:
            self.ticks_changed.emit()

    def state(self, row: Row) -> State:
        """Icon, colour and words of ``row``."""
        if row.busy or row.document is None:
            return document_words.busy_state(row.progress)
        return document_words.state(row.document)

    # ------------------------------------------------------------ inside

    def _is_collected(self, row: Row) -> bool:
        return self._collection is None or row.document is None or self._collection in row.document.collections

    def _passes(self, row: Row) -> bool:
        return self._is_collected(row) and self._filter in row.path.casefold()

    def _show(self) -> None:
        self._shown = sorted((row for row in self._rows.values() if self._passes(row)), key=lambda row: row.key)

    def _insert(self, row: Row) -> None:
        self._rows[row.path] = row
        if self._passes(row):
            at = bisect_left(self._shown, row.key, key=lambda each: each.key)
            self.beginInsertRows(QModelIndex(), at, at)
            self._shown.insert(at, row)
            self.endInsertRows()
        if row.path in self._ticked and row.can_be_asked:
            self.ticks_changed.emit()

    def _hide(self, row: Row) -> None:
        index = self.index_of(row.path)
        if index.isValid():
            self.beginRemoveRows(QModelIndex(), index.row(), index.row())
            del self._shown[index.row()]
            self.endRemoveRows()

    def _changed(self, row: Row) -> None:
        index = self.index_of(row.path)
        if not self._passes(row):
            self._hide(row)
        elif index.isValid():
            self.dataChanged.emit(index, index)
        else:
            self._insert(row)

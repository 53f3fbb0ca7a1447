"""The library as rows for a view: what is known of each document, and how far its reading is."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from assistant_app.errors import Code
from assistant_app.gui import phrases
from assistant_app.protocol.messages import IndexProgress
from assistant_app.protocol.records import Document

ROW = Qt.ItemDataRole.UserRole
_NO_INDEX = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


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
        self.key = (self.name.casefold(), self.path)

    @property
    def needs_password(self) -> bool:
        reason = self.document.reason if self.document and not self.busy else None
        return reason in (Code.PASSWORD_NEEDED, Code.PASSWORD_WRONG)

    @property
    def sentence(self) -> str:
        """What is wrong with the document and what to do; "" where all is well."""
        if self.busy or self.document is None or self.document.reason is None:
            return ""
        return phrases.reason_sentence(self.document.reason, {"path": self.path, **self.document.details})


@dataclass(frozen=True)
class State:
    """How a row looks: an icon, the role of its colour, and words."""

    icon: str
    role: str
    words: str


class DocumentModel(QAbstractListModel):
    """Rows sorted by name. The role :data:`ROW` gives the :class:`Row`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: dict[str, Row] = {}
        self._shown: list[Row] = []
        self._filter = ""

    # ------------------------------------------------------------ for the view

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._shown[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.path}\n{row.sentence}".rstrip()
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            said = self.state(row).words
            return f"{row.name}, {said}" if role == Qt.ItemDataRole.AccessibleTextRole else row.sentence
        return None

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
        row = self._rows.get(document.path)
        if row is None:
            self._insert(Row(document.path, document))
            return
        row.document, row.busy, row.progress = document, False, None
        self._changed(row)

    def settle(self, keep: Iterable[str] = ()) -> None:
        """Nothing is being read any more, but for ``keep``; rows that never had an outcome go."""
        kept = set(keep)
        for row in [row for row in self._rows.values() if row.busy and row.path not in kept]:
            row.busy, row.progress = False, None
            if row.document is None:
                self.remove([row.path])
            else:
                self._changed(row)

    def remove(self, paths: Iterable[str]) -> list[Row]:
        """Take rows out, and return them."""
        removed: list[Row] = []
        for path in paths:
            index = self.index_of(path)
            row = self._rows.get(path)
            if row is None:
                continue
            if index.isValid():
                self.beginRemoveRows(QModelIndex(), index.row(), index.row())
                del self._shown[index.row()]
            del self._rows[path]
            if index.isValid():
                self.endRemoveRows()
            removed.append(row)
        return removed

    def restore(self, rows: Iterable[Row]) -> None:
        """Put removed rows back."""
        for row in rows:
            if row.path not in self._rows:
                self._insert(row)

    def state(self, row: Row) -> State:
        """Icon, colour and words of ``row``."""
        if row.busy:
            return self._busy_state(row)
        document = row.document
        if document is None:
            return State("waiting", "text_muted", self.tr("Waiting"))
        if document.status in ("indexed", "unchanged"):
            return State("check", "success", self._pages(document.pages))
        if document.status == "missing":
            return State("missing", "warning", self.tr("File is missing"))
        if row.needs_password:
            wrong = document.reason == Code.PASSWORD_WRONG
            return State("lock", "warning", self.tr("Wrong password") if wrong else self.tr("Needs a password"))
        if document.status == "partial":
            count = document.details.get("count")
            return State(
                "partial",
                "warning",
                self.tr("Partly read: {count} of {pages} pages left out").format(count=count, pages=document.pages),
            )
        return State("error", "danger", self._why(document.reason or ""))

    # ------------------------------------------------------------ inside

    def _busy_state(self, row: Row) -> State:
        event = row.progress
        if event is None or event.stage == "waiting":
            return State("waiting", "text_muted", self.tr("Waiting"))
        if event.stage == "embedding":
            return State("refresh", "accent", self.tr("Making it searchable"))
        if not event.pages_total:
            return State("refresh", "accent", self.tr("Opening"))
        total = event.pages_total
        page = min(event.pages_done + 1, total)
        return State("refresh", "accent", self.tr("Reading page {page} of {pages}").format(page=page, pages=total))

    def _pages(self, pages: int) -> str:
        return self.tr("1 page") if pages == 1 else self.tr("{pages} pages").format(pages=pages)

    def _why(self, reason: str) -> str:
        """A few words for the row; the whole sentence stands below the list and in the tooltip."""
        short = {
            Code.NO_TEXT: self.tr("A scan: no text in it"),
            Code.PDF_DAMAGED: self.tr("Damaged"),
            Code.NOT_A_PDF: self.tr("Not a PDF"),
            Code.FILE_EMPTY: self.tr("Empty file"),
            Code.FILE_MISSING: self.tr("File is missing"),
            Code.FILE_VANISHED: self.tr("Vanished while it was read"),
            Code.FILE_UNREADABLE: self.tr("No permission to read it"),
            Code.ENCRYPTION_UNSUPPORTED: self.tr("Encrypted in an unknown way"),
            Code.PDF_WITHOUT_PAGES: self.tr("Has no pages"),
            Code.TOO_LARGE: self.tr("Too large"),
            Code.READER_TIMEOUT: self.tr("Took too long to read"),
            Code.READER_MEMORY: self.tr("Needs too much memory"),
            Code.READER_CRASHED: self.tr("Crashed the reader"),
            Code.DISK_FULL: self.tr("The disk is full"),
        }
        return short.get(Code(reason), self.tr("Could not be read")) if reason in set(Code) else self.tr("Failed")

    def _show(self) -> None:
        wanted = self._filter
        rows = self._rows.values()
        self._shown = sorted((row for row in rows if wanted in row.path.casefold()), key=lambda row: row.key)

    def _insert(self, row: Row) -> None:
        self._rows[row.path] = row
        if self._filter not in row.path.casefold():
            return
        at = bisect_left(self._shown, row.key, key=lambda each: each.key)
        self.beginInsertRows(QModelIndex(), at, at)
        self._shown.insert(at, row)
        self.endInsertRows()

    def _changed(self, row: Row) -> None:
        index = self.index_of(row.path)
        if index.isValid():
            self.dataChanged.emit(index, index)

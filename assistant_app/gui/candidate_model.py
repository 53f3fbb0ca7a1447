"""The candidates of a search as a table."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QLocale, QModelIndex, QObject, QPersistentModelIndex, Qt

from assistant_app.gui import candidate_words, style, tables
from assistant_app.gui.candidate_words import FATES, LOOKS
from assistant_app.protocol.records import Candidate

SORT = Qt.ItemDataRole.UserRole
_NO_INDEX = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex
_LAST = 1_000_000


class Column(IntEnum):
    FATE = 0
    DOCUMENT = 1
    PAGE = 2
    VECTOR = 3
    KEYWORD = 4
    FUSED = 5
    BY_PAGE = 6
    RERANKER = 7
    SIMILARITY = 8
    TEXT = 9


_RANKS = (Column.VECTOR, Column.KEYWORD, Column.FUSED, Column.BY_PAGE, Column.RERANKER)
_NUMBERS = (*_RANKS, Column.SIMILARITY)


class CandidateModel(QAbstractTableModel):
    """A row for each candidate, in the order of the search. The role :data:`SORT` gives what a column is sorted by."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[Candidate] = ()

    def set_candidates(self, candidates: Sequence[Candidate]) -> None:
        self.beginResetModel()
        self._rows = candidates
        self.endResetModel()

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
        if role == Qt.ItemDataRole.ForegroundRole and column == Column.FATE:
            return style.colour(LOOKS[row.fate].role)
        if role == Qt.ItemDataRole.ToolTipRole:
            return candidate_words.fate_sentence(row.fate) if column == Column.FATE else candidate_words.place(row)
        return None

    def _titles(self) -> tuple[str, ...]:
        return (
            self.tr("What became of it"),
            self.tr("Document"),
            self.tr("Page"),
            self.tr("Meaning"),
            self.tr("Words"),
            self.tr("Fused"),
            self.tr("By page"),
            self.tr("Reranker"),
            self.tr("Similarity"),
            self.tr("Text"),
        )

    def _rank(self, row: Candidate, column: Column) -> int | None:
        return {
            Column.VECTOR: row.vector_rank,
            Column.KEYWORD: row.keyword_rank,
            Column.FUSED: row.fused_rank,
            Column.BY_PAGE: row.page_rank,
            Column.RERANKER: row.reranker_rank,
        }[column]

    def _text(self, row: Candidate, column: Column) -> str:
        if column in _RANKS:
            rank = self._rank(row, column)
            return "–" if rank is None else str(rank)
        if column == Column.SIMILARITY:
            return "–" if row.similarity is None else QLocale().toString(row.similarity, "f", 2)
        return {
            Column.FATE: candidate_words.fate_name(row.fate),
            Column.DOCUMENT: PurePath(row.path).name,
            Column.PAGE: row.page_label or ("" if row.page is None else str(row.page)),
            Column.TEXT: " ".join(row.text.split()),
        }[column]

    def _key(self, row: Candidate, column: Column) -> int | float | str:
        if column in _RANKS:
            return self._rank(row, column) or _LAST
        if column == Column.FATE:
            return FATES.index(row.fate)
        if column == Column.PAGE:
            return row.page or 0
        if column == Column.SIMILARITY:
            return -(row.similarity if row.similarity is not None else -2.0)
        return self._text(row, column).casefold()

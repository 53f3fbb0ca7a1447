"""Every column of every table says what it holds, also in a tool tip, and stands on the side on which its cells do."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QAbstractTableModel, Qt
from pytestqt.qtbot import QtBot

from assistant_app.gui import approvals_model, candidate_model, ledger_model
from assistant_app.gui.field_table import FieldModel
from assistant_app.gui.table_model import TableModel

Role = Qt.ItemDataRole


@pytest.mark.parametrize(
    ("made", "first", "numbers"),
    [
        (ledger_model.LedgerModel, "Name", ["Pages", "Without text", "Passages", "Size"]),
        (approvals_model.ApprovalsModel, "Question", ["Sources"]),
        (
            candidate_model.CandidateModel,
            "What became of it",
            ["Meaning", "Words", "Fused", "By page", "Reranker", "Similarity"],
        ),
        (TableModel, "Document", []),
        (FieldModel, "Name", []),
    ],
)
def test_headings(qtbot: QtBot, made: type[QAbstractTableModel], first: str, numbers: list[str]) -> None:
    model = made()
    if isinstance(model, TableModel):
        model.show(["Rent"], [])

    def said(section: int, role: Role) -> object:
        return model.headerData(section, Qt.Orientation.Horizontal, role)

    sections = range(model.columnCount())
    titles = [said(section, Role.DisplayRole) for section in sections]
    assert titles[0] == first
    assert len(set(titles)) == len(titles)
    assert all(titles)
    assert [said(section, Role.ToolTipRole) for section in sections] == titles
    right = [
        titles[section]
        for section in sections
        if said(section, Role.TextAlignmentRole) == Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    ]
    assert right == numbers
    assert model.headerData(0, Qt.Orientation.Vertical, Role.DisplayRole) is None

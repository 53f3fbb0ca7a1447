"""The ledger: every file ever offered, filtered, sorted, and changed row by row, also with ten thousand of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QTableView
from pytestqt.qtbot import QtBot

from assistant_app.errors import Code
from assistant_app.gui.ledger_model import DOCUMENT, REMOVED, Column, LedgerModel
from assistant_app.gui.ledger_window import LedgerWindow
from assistant_app.gui.main_window import MainWindow
from assistant_app.protocol.records import Document
from tests.gui.test_window import requests, wait_for_documents
from tests.pdfs import text_pdf

Maker = Callable[..., MainWindow]
DESCENDING = Qt.SortOrder.DescendingOrder


def document(path: str, **fields: object) -> Document:
    return Document(path=path, **{"status": "indexed", "pages": 3, "passages": 9, **fields})  # type: ignore[arg-type]


def watched() -> LedgerModel:
    model = LedgerModel()
    mode = QAbstractItemModelTester.FailureReportingMode.Fatal
    model.tester = QAbstractItemModelTester(model, mode)  # type: ignore[attr-defined]
    return model


def column(model: LedgerModel, which: Column) -> list[str]:
    return [model.index(row, which).data() for row in range(model.rowCount())]


# ---------------------------------------------------------------- the model


def test_a_row_says_what_became_of_a_file(qapp: object) -> None:
    model = watched()
    fields = {"pages": 1200, "empty_pages": 4, "passages": 7, "size": 2_500_000, "kind": "pdf"}
    model.set_documents(
        [
            document("/b/Report.pdf", status="partial", reason=Code.SOME_PAGES_WITHOUT_TEXT, **fields),
            document("/a/note.md", kind="markdown", pages=1, indexed_at="2026-01-31T12:00:00.000Z"),
        ]
    )
    assert column(model, Column.NAME) == ["note.md", "Report.pdf"]
    cells = [model.index(1, each).data() for each in Column]
    assert cells[:5] == ["Report.pdf", "/b", "PDF", "Partly read", "4 of 1200 pages left out"]
    assert [cell.replace(",", "") for cell in cells[5:8]] == ["1200", "4", "7"]
    assert cells[9] in ("2 MB", "3 MB")
    assert "4 of the 1200" not in model.index(1, Column.NAME).data()
    assert model.index(0, Column.PAGES).data() == "", "a Markdown file has no pages"
    assert model.index(0, Column.WHEN).data()
    assert model.index(1, Column.REASON).data(Qt.ItemDataRole.ToolTipRole).endswith(".")


@pytest.mark.parametrize(
    ("which", "ascending"),
    [
        (Column.NAME, ["a", "b", "c"]),
        (Column.FOLDER, ["c", "b", "a"]),
        (Column.PAGES, ["b", "a", "c"]),
        (Column.SIZE, ["c", "b", "a"]),
        (Column.WHEN, ["b", "c", "a"]),
        (Column.STATE, ["b", "a", "c"]),
    ],
)
def test_any_column_sorts_by_what_it_means(qapp: object, which: Column, ascending: list[str]) -> None:
    model = watched()
    model.set_documents(
        [
            document("/3/a", pages=9, size=300, indexed_at="2026-03-01T00:00:00.000Z"),
            document("/2/b", pages=1, size=20, indexed_at="", status="failed", reason=Code.PDF_DAMAGED),
            document("/1/c", pages=10, size=1, indexed_at="2025-12-01T00:00:00.000Z", status="skipped"),
        ]
    )
    model.sort(which)
    assert column(model, Column.NAME) == ascending
    model.sort(which, DESCENDING)
    assert column(model, Column.NAME) == ascending[::-1]


def test_numbers_in_names_and_folders_are_sorted_as_numbers(qapp: object) -> None:
    model = watched()
    model.set_documents([document("/10/Lease 2"), document("/2/Lease 10"), document("/2/Lease 3")])
    model.sort(Column.NAME)
    assert column(model, Column.NAME) == ["Lease 2", "Lease 3", "Lease 10"]
    model.sort(Column.FOLDER)
    assert column(model, Column.FOLDER) == ["/2", "/2", "/10"]


def test_filters_by_words_and_by_state(qapp: object) -> None:
    model = watched()
    model.set_documents(
        [
            document("/letters/Lease.pdf"),
            document("/letters/scan.pdf", status="failed", reason=Code.NO_TEXT),
            document("/home/locked.pdf", status="failed", reason=Code.PASSWORD_NEEDED),
            document("/home/logo.png", status="skipped", reason=Code.NOT_A_PDF),
            document("/home/gone.pdf", status="missing", reason=Code.FILE_MISSING),
        ]
    )
    model.set_removed([document("/letters/old.pdf", removed_at="2026-01-01T00:00:00.000Z")])
    found = {}
    for group in ("", "searchable", "failed", "password", "skipped", "missing", "partly", REMOVED):
        model.set_filter("", group)
        found[group] = column(model, Column.NAME)
    assert found == {
        "": ["gone.pdf", "Lease.pdf", "locked.pdf", "logo.png", "scan.pdf"],
        "searchable": ["Lease.pdf"],
        "failed": ["scan.pdf"],
        "password": ["locked.pdf"],
        "skipped": ["logo.png"],
        "missing": ["gone.pdf"],
        "partly": [],
        REMOVED: ["old.pdf"],
    }
    model.set_filter("LETTERS", "")
    assert column(model, Column.NAME) == ["Lease.pdf", "scan.pdf"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "fail", "drop", "sort", "down", "filter", "group"]),
        st.sampled_from("aAbBcC"),
        st.integers(0, 3),
    )
)


@given(STEPS)
@example([("take", "a", 0), ("take", "b", 0), ("sort", "a", 1), ("filter", "a", 1), ("sort", "a", 0), ("take", "b", 0)])
def test_every_row_is_where_the_order_wants_it(steps: list[tuple[str, str, int]]) -> None:
    model = watched()
    known: dict[str, Document] = {}
    columns = (Column.NAME, Column.PAGES, Column.STATE, Column.WHEN)
    for step, letter, number in steps:
        path = f"/{letter}/{letter}.pdf"
        if step in ("take", "fail"):
            fields = {"status": "failed", "reason": Code.PDF_DAMAGED} if step == "fail" else {}
            known[path] = document(path, pages=number, **fields)
            model.take([known[path]])
        elif step == "drop":
            known.pop(path, None)
            model.drop([path])
        elif step in ("sort", "down"):
            model.sort(columns[number], DESCENDING if step == "down" else Qt.SortOrder.AscendingOrder)
        elif step == "filter":
            model.set_filter(letter if number else "", "")
        else:
            model.set_filter("", ("", "failed", "searchable", "skipped")[number])
        rows = [model.document(row) for row in range(model.rowCount())]
        assert all(known[each.path] == each for each in rows)
        assert [model.row_of(each.path) for each in rows] == list(range(len(rows)))
    model.set_filter("", "")
    assert model.rowCount() == len(known) == len(model)


def test_one_change_among_ten_thousand_rows_is_one_change(qtbot: QtBot) -> None:
    model = LedgerModel()
    model.set_documents(document(f"/d/{number:05}.pdf") for number in range(10_000))
    resets: list[None] = []
    changes: list[int] = []
    model.modelReset.connect(lambda: resets.append(None))
    model.dataChanged.connect(lambda first, last: changes.append(last.row() - first.row()))
    model.take([document("/d/05000.pdf", passages=1)])
    with qtbot.waitSignals([model.rowsInserted, model.rowsRemoved]):
        model.take([document("/d/0.pdf")])
        model.drop(["/d/09999.pdf"])
    assert changes == [0]
    assert resets == []


def test_the_list_is_copied_for_a_spreadsheet(qapp: object) -> None:
    model = watched()
    model.set_documents([document("/a/x\ty.pdf", status="failed", reason=Code.PDF_DAMAGED), document("/a/z.pdf")])
    lines = model.as_text().splitlines()
    assert [len(line.split("\t")) for line in lines] == [len(Column) + 1] * 3
    assert lines[0].startswith("Name\tFolder")
    assert lines[1].split("\t")[0] == "x y.pdf"
    assert lines[1].endswith("Get it again from where it came from.")
    assert model.as_text([1]).count("\n") == 2


# ---------------------------------------------------------------- the window


def open_ledger(qtbot: QtBot, window: Maker, script: object, *more: str) -> tuple[MainWindow, LedgerWindow]:
    made = window(script, *more)
    wait_for_documents(qtbot, made)
    made.show_ledger()
    assert made.ledger is not None
    return made, made.ledger


def select_paths(ledger: LedgerWindow, *names: str) -> None:
    flags = ledger.table.selectionModel().SelectionFlag
    ledger.table.clearSelection()
    for row in range(ledger.model.rowCount()):
        if ledger.model.index(row, Column.NAME).data() in names:
            at = ledger.model.index(row, 0)
            ledger.table.selectionModel().setCurrentIndex(at, flags.Select | flags.Rows)


def group(ledger: LedgerWindow, words: str) -> None:
    ledger.groups.setCurrentIndex(ledger.groups.findText(words))


def test_ctrl_l_opens_the_ledger_beside_the_window(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    wait_for_documents(qtbot, made)
    qtbot.keyClick(made, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert made.ledger is not None
    assert made.ledger.isVisible()
    assert not made.ledger.isModal()
    assert made.ledger.model.rowCount() == 3


def test_the_filter_is_typed_and_the_count_follows(qtbot: QtBot, window: Maker) -> None:
    _, ledger = open_ledger(qtbot, window, {"generate": 40})
    qtbot.keyClicks(ledger.filter, "lease")
    qtbot.waitUntil(lambda: ledger.model.rowCount() == 7)
    assert ledger._count.text() == "7 of 40 files"
    ledger.filter.clear()
    group(ledger, "Failed")
    assert set(column(ledger.model, Column.STATE)) == {"Failed"}


def test_what_is_wrong_stands_below_and_is_tried_again(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_text("no PDF")
    failed = {"path": str(broken), "status": "failed", "reason": "pdf_damaged", "details": {"path": str(broken)}}
    log = tmp_path / "log"
    made, ledger = open_ledger(qtbot, window, {"documents": [failed]}, "--log", str(log))
    select_paths(ledger, "broken.pdf")
    assert ledger.card.sentence.startswith("“broken.pdf” is damaged")
    text_pdf(broken, [["now it is one"]])
    ledger.retry_action.trigger()
    assert ledger.notice.text == "“broken.pdf” is read in its turn. The main window shows the progress."
    qtbot.waitUntil(lambda: made.library.holdings.documents[str(broken)].status == "indexed")
    assert column(ledger.model, Column.STATE) == ["Searchable"]
    assert ledger.notice.text == ""
    qtbot.waitUntil(lambda: ledger.card.sentence == "")
    assert requests(log, "index_documents")[0]["paths"] == [str(broken)]


def test_a_password_is_entered_in_the_ledger(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    locked = text_pdf(tmp_path / "locked.pdf", [["x"]])
    known = {"path": str(locked), "status": "failed", "reason": "password_needed", "details": {"path": str(locked)}}
    log = tmp_path / "log"
    _, ledger = open_ledger(qtbot, window, {"documents": [known]}, "--log", str(log))
    select_paths(ledger, "locked.pdf")
    assert ledger.password_action.isEnabled()
    ledger.card.keep_box.setChecked(True)
    ledger.card.password_field.setText("open sesame")
    qtbot.keyClick(ledger.card.password_field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: column(ledger.model, Column.STATE) == ["Searchable"])
    (sent,) = requests(log, "index_documents")
    assert (sent["passwords"], sent["keep_passwords"]) == ({str(locked): "open sesame"}, True)


def test_many_are_removed_and_put_back(qtbot: QtBot, window: Maker) -> None:
    made, ledger = open_ledger(qtbot, window, "three")
    ledger.table.selectAll()
    ledger.table.setFocus()
    ledger.activateWindow()
    qtbot.waitUntil(ledger.table.hasFocus)
    qtbot.keyClick(ledger.table, Qt.Key.Key_Delete)
    assert ledger.model.rowCount() == 0
    assert len(made.library.model) == 0
    group(ledger, "Recently removed")
    qtbot.waitUntil(lambda: ledger.model.rowCount() == 3)
    assert column(ledger.model, Column.STATE) == ["Removed"] * 3
    assert not ledger.buttons[ledger.open_action].isVisible()
    select_paths(ledger, "Annual report 2001.pdf", "Lease agreement 2002.pdf")
    ledger.back_action.trigger()
    qtbot.waitUntil(lambda: len(made.library.model) == 2)
    qtbot.waitUntil(lambda: ledger.model.rowCount() == 1)


def test_removing_for_good_asks_once(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made, ledger = open_ledger(qtbot, window, "three", "--log", str(log))
    path = "/documents/Annual report 2001.pdf"
    made.library.removal.remove([path])
    group(ledger, "Recently removed")
    qtbot.waitUntil(lambda: ledger.model.rowCount() == 1)
    select_paths(ledger, "Annual report 2001.pdf")
    ledger.forever_action.trigger()
    assert ledger.notice.text == "Forget “Annual report 2001.pdf” for good? The file itself stays where it is."
    assert [each.get("forever", False) for each in requests(log, "remove_documents")] == [False]
    ledger.notice.action_button.click()
    qtbot.waitUntil(lambda: ledger.model.rowCount() == 0)
    assert requests(log, "remove_documents")[-1]["forever"] is True
    assert not made.library.removal.can_undo


def test_ctrl_z_in_the_ledger_undoes_a_removal(qtbot: QtBot, window: Maker) -> None:
    _, ledger = open_ledger(qtbot, window, "three")
    select_paths(ledger, "Annual report 2001.pdf")
    ledger.activateWindow()
    ledger.table.setFocus()
    qtbot.waitUntil(ledger.table.hasFocus)
    qtbot.keyClick(ledger.table, Qt.Key.Key_Delete)
    assert ledger.model.rowCount() == 2
    qtbot.keyClick(ledger.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: ledger.model.rowCount() == 3)
    assert ledger.notice.text == ""


def test_enter_opens_and_copy_takes_the_selected_rows(qtbot: QtBot, window: Maker) -> None:
    made, ledger = open_ledger(qtbot, window, "three")
    select_paths(ledger, "Lease agreement 2002.pdf")
    qtbot.keyClick(ledger.table, Qt.Key.Key_Return)
    assert made.viewer is not None
    assert made.viewer.current_path.endswith("Lease agreement 2002.pdf")
    ledger.copy_action.trigger()
    assert QApplication.clipboard().text().count("\n") == 2
    ledger.table.clearSelection()
    ledger.copy_action.trigger()
    assert QApplication.clipboard().text().count("\n") == 4


def test_the_columns_and_their_order_are_remembered(qtbot: QtBot, window: Maker) -> None:
    made, ledger = open_ledger(qtbot, window, "three")
    ledger.table.sortByColumn(Column.PAGES, DESCENDING)
    order = column(ledger.model, Column.PAGES)
    ledger.table.setColumnWidth(Column.NAME, 321)
    made.close()
    _, again = open_ledger(qtbot, window, "three")
    assert again.table.columnWidth(Column.NAME) == 321
    assert column(again.model, Column.PAGES) == order == sorted(order, key=int, reverse=True)


def test_every_control_of_the_ledger_has_a_name(qtbot: QtBot, window: Maker) -> None:
    _, ledger = open_ledger(qtbot, window, {"generate": 20})
    for kind in (QAbstractButton, QComboBox, QLineEdit, QTableView):
        for child in ledger.findChildren(kind):
            if child.isVisible() and not isinstance(child.parentWidget(), (QLineEdit, QTableView)):
                assert child.accessibleName() or getattr(child, "text", str)(), child


def test_the_role_gives_the_document_in_any_column(qapp: object) -> None:
    model = watched()
    model.set_documents([document("/a.pdf")])
    assert all(model.index(0, each).data(DOCUMENT).path == "/a.pdf" for each in Column)

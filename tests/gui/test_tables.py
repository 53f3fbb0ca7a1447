"""Filling a table: its rows, and the window against the real tables in a child process."""

from __future__ import annotations

import csv
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.holdings import Holdings
from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.table_model import CITATION, ShownTable, TableModel
from assistant_app.gui.table_window import TableWindow
from assistant_app.paths import Paths
from assistant_app.protocol.assistants import Row
from assistant_app.protocol.records import Answer, AnswerValue, Citation
from tests.gui.test_assistants_window import ENGINE, nameless, wait, wait_for_jobs
from tests.gui.test_window import requests, wait_for_documents

LEFT = Qt.MouseButton.LeftButton
DISPLAY, TIP = Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole
DESCENDING = Qt.SortOrder.DescendingOrder
Maker = Callable[..., MainWindow]


def citation(path: str, page: int = 3) -> Citation:
    return Citation(
        number=1,
        path=path,
        page=page,
        page_label=str(page),
        quote="The rent is due.",
        start=0,
        length=16,
        verified=True,
        given_by="search",
    )


def row(path: str, values: dict[str, str], **fields: Any) -> Row:
    """A row whose first value alone is supported by a quote."""
    shown = [
        AnswerValue(name=name, text=text, citation=None if number else 1)
        for number, (name, text) in enumerate(values.items())
    ]
    given = {"answer": "{}", "format": "schema", "values": shown, "citations": [citation(path)], **fields}
    return Row(path=path, answer=Answer(question="?", found=True, **given))


@pytest.fixture
def shown(qapp: QApplication) -> ShownTable:
    model = TableModel()
    proxy = ShownTable(model)
    model.setParent(proxy)
    return proxy


def model_of(shown: ShownTable) -> TableModel:
    model = shown.sourceModel()
    assert isinstance(model, TableModel)
    return model


def cells(shown: ShownTable, column: int) -> list[str | None]:
    return [shown.index(number, column).data() for number in range(shown.rowCount())]


# ---------------------------------------------------------------- rows and columns


def test_values_get_columns_and_each_is_tied_to_its_page(shown: ShownTable) -> None:
    model = model_of(shown)
    model.take(row("/a.pdf", {"rent": "900", "since": "2026"}))
    model.take(row("/b.pdf", {"rent": "", "pets": "two\nlines"}))
    assert model.columns == ["rent", "since", "pets"]
    assert cells(shown, 0) == ["a.pdf", "b.pdf"]
    assert cells(shown, 2) == ["900", ""]
    assert cells(shown, 4) == [None, "two lines"]
    assert shown.index(0, 2).data(CITATION) == citation("/a.pdf")
    assert shown.index(0, 2).data(TIP) == "900\npage 3\n“The rent is due.”"
    assert shown.index(0, 3).data(CITATION) is None
    assert shown.index(0, 3).data(TIP) == "2026\nNo quote supports this value"
    assert shown.index(0, 3).data(Qt.ItemDataRole.DecorationRole) is not None
    assert shown.index(1, 2).data(TIP) == "The document does not say it"


def test_what_is_not_valid_or_failed_says_why(shown: ShownTable) -> None:
    model = model_of(shown)
    model.take(row("/a.pdf", {"rent": "900"}))
    model.take(row("/b.pdf", {}, valid=False, problem="/rent: 7 is not of type 'string'"))
    model.take(Row(path="/c.pdf", code="generation_failed", details={"said": "no memory"}))
    assert cells(shown, 1)[:2] == ["Valid", "Not valid: At rent: 7 is not of type 'string'."]
    failed = cells(shown, 1)[2]
    assert failed is not None
    assert failed.startswith("No answer: ")
    assert "no memory" in failed
    assert shown.index(2, 1).data(TIP) == failed.removeprefix("No answer: ")
    assert shown.index(0, 1).data(TIP) == ""


def test_an_answer_in_no_format_stands_in_one_column(shown: ShownTable) -> None:
    answer = Answer(question="?", answer="It is 900 [1].", found=True, citations=[citation("/a.pdf")])
    model_of(shown).take(Row(path="/a.pdf", answer=answer))
    assert model_of(shown).columns == ["answer"]
    assert shown.index(0, 2).data(CITATION) == citation("/a.pdf")


def test_a_label_that_says_nothing_of_the_document_is_shown(shown: ShownTable) -> None:
    model_of(shown).take(row("/a.pdf", {"label": ""}, format="labels", answer="Not stated", citations=[]))
    assert cells(shown, 2) == ["Not stated"]
    assert shown.index(0, 2).data(TIP) == "The document does not say it"
    assert shown.index(0, 2).data(Qt.ItemDataRole.DecorationRole) is None, "and no quote is missed"


def test_a_row_that_comes_again_takes_the_place_of_the_one_before(shown: ShownTable) -> None:
    model = model_of(shown)
    model.take(Row(path="/a.pdf", code="generation_failed", details={"said": "no"}))
    model.take(row("/b.pdf", {"rent": "1"}))
    model.take(row("/a.pdf", {"rent": "2"}))
    assert cells(shown, 0) == ["a.pdf", "b.pdf"]
    assert cells(shown, 2) == ["2", "1"]
    model.clear()
    assert (shown.rowCount(), shown.columnCount()) == (0, 2)


def test_numbers_are_sorted_as_numbers_and_what_is_empty_comes_last(shown: ShownTable) -> None:
    model = model_of(shown)
    for name, rent in (("a", "900"), ("b", "1,200"), ("c", ""), ("d", "none"), ("e", "80.5")):
        model.take(row(f"/{name}.pdf", {"rent": rent}))
    shown.sort(2)
    assert cells(shown, 2) == ["80.5", "900", "1,200", "none", ""]
    shown.sort(0, DESCENDING)
    assert cells(shown, 0)[0] == "e.pdf"
    model.clear()
    for number in (10, 2, 1):
        model.take(row(f"/Lease {number}.pdf", {}))
    shown.sort(0)
    assert cells(shown, 0) == ["Lease 1.pdf", "Lease 2.pdf", "Lease 10.pdf"]


def test_rows_that_are_shown_again_leave_the_view_as_it_is(shown: ShownTable) -> None:
    model = model_of(shown)
    resets: list[None] = []
    model.modelReset.connect(lambda: resets.append(None))
    model.take(row("/old.pdf", {"gone": "1"}))
    model.show(["rent"], [row("/b.pdf", {"rent": "1"}), row("/a.pdf", {"rent": "2", "since": "3"})])
    assert (cells(shown, 0), model.columns, len(resets)) == (["b.pdf", "a.pdf"], ["rent", "since"], 1)
    model.show(["rent", "since"], [row("/b.pdf", {"rent": "1"}), row("/a.pdf", {"rent": "2", "since": "3"})])
    assert len(resets) == 1
    model.take(row("/b.pdf", {"rent": "4"}))
    assert cells(shown, 2) == ["4", "2"]


@pytest.mark.parametrize("order", [Qt.SortOrder.AscendingOrder, DESCENDING])
def test_the_order_is_that_of_the_view_also_where_cells_are_alike(shown: ShownTable, order: Qt.SortOrder) -> None:
    model = model_of(shown)
    assert shown.paths() == []
    model.show([], [row(f"/{name}.pdf", {"rent": str(ord(name) % 3)}) for name in "badc"])
    assert shown.paths() == ["/b.pdf", "/a.pdf", "/d.pdf", "/c.pdf"]
    shown.sort(2, order)
    for name in "hgfe":
        model.take(row(f"/{name}.pdf", {"rent": str(ord(name) % 3)}))
    in_view = [shown.row(number).path for number in range(shown.rowCount())]
    shown.narrow("1")
    assert shown.rowCount() < len(in_view)
    assert shown.paths() == in_view


def test_a_filter_finds_names_values_and_reasons(shown: ShownTable) -> None:
    model = model_of(shown)
    model.take(row("/Lease.pdf", {"rent": "900 EUR"}))
    model.take(row("/b.pdf", {}, valid=False, problem="none of the labels"))
    found = {}
    for text in ("lease", "eur 900", "NONE of", "nothing", ""):
        shown.narrow(text)
        found[text] = cells(shown, 0)
    assert list(found.values()) == [["Lease.pdf"], ["Lease.pdf"], ["b.pdf"], [], ["Lease.pdf", "b.pdf"]]


# ---------------------------------------------------------------- the window


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def engine(qapp: QApplication, folder: Path) -> Iterator[EngineLink]:
    """One for all tests: the real engine's modules take seconds to load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ENGINE.parent.parent.parent))
        patch.setenv("DOCENT_HOME", str(folder))
        patch.setenv("DOCUMENTS", "a.pdf b.pdf bad.pdf broken.pdf slow.pdf")
        link = EngineLink([sys.executable, str(ENGINE)])
    link.start()
    yield link
    link.close(2_000)
    link.deleteLater()


@pytest.fixture
def opened(qtbot: QtBot, folder: Path, engine: EngineLink) -> Iterator[Callable[..., TableWindow]]:
    """``opened(ticked)`` is the window for the labels that ship; ``fresh``: with nothing filled."""
    made: list[TableWindow] = []

    def make(*ticked: str, fresh: bool = True) -> TableWindow:
        paths = Paths.resolve(folder)
        shelf, holdings = AssistantShelf(engine), Holdings(engine)
        window = TableWindow(engine, shelf, holdings, QSettings(str(folder / "w.ini"), QSettings.Format.IniFormat))
        shelf.setParent(window)
        holdings.setParent(window)
        made.append(window)
        for file in paths.tables.glob("*") if fresh else ():
            file.unlink()
        holdings.refresh()
        window.open("", [f"/lib/{name}.pdf" for name in ticked])
        wait(qtbot, lambda: shelf.known and bool(holdings.documents))
        window.assistant.setCurrentIndex(window.assistant.findData("Yes, no, not stated"))
        if ticked:
            window.documents.setCurrentIndex(window.documents.findData("ticked"))
        wait_for_rows(qtbot, window)
        return window

    yield make
    for window in made:
        window.stop()
        wait(qtbot, lambda window=window: not window.is_running)
        window.close()
        wait_for_jobs(qtbot, engine)
        window.deleteLater()


Open = Callable[..., TableWindow]


def names(window: TableWindow) -> list[str]:
    return [Path(window.shown.row(number).path).stem for number in range(window.shown.rowCount())]


def wait_for_rows(qtbot: QtBot, window: TableWindow) -> None:
    """Until what was filled before is read."""
    wait(qtbot, lambda: not window._soon.isActive() and window._reading is None)


def choose(qtbot: QtBot, window: TableWindow, assistant: str = "", documents: str = "") -> None:
    """Choose an assistant by its name, documents by what stands for them, and wait for their rows."""
    if assistant:
        window.assistant.setCurrentIndex(window.assistant.findData(assistant))
    if documents:
        window.documents.setCurrentIndex(window.documents.findData(documents))
    wait_for_rows(qtbot, window)


def type_question(qtbot: QtBot, window: TableWindow, question: str) -> None:
    window.question.selectAll()
    qtbot.keyClicks(window.question, question)


def fill(qtbot: QtBot, window: TableWindow, question: str = "Is it so?") -> None:
    type_question(qtbot, window, question)
    qtbot.mouseClick(window.begin_button, LEFT)
    assert window.is_running
    wait(qtbot, lambda: not window.is_running)


def test_it_offers_all_the_ticked_and_each_collection(opened: Open) -> None:
    window = opened("a", "gone", "bad")
    offered = [window.documents.itemText(number) for number in range(window.documents.count())]
    assert offered == ["All documents (5)", "The ticked ones (2)", "In “Leases” (2)"]
    window.documents.setCurrentIndex(2)
    assert window._paths() == ["/lib/b.pdf", "/lib/broken.pdf"]
    window.documents.setCurrentIndex(0)
    assert window._paths() == []


def test_without_a_question_nothing_is_asked_and_it_says_so(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    assert not window.begin_button.isEnabled()
    assert window.progress_words.text() == "Write what is to be asked of each document."
    type_question(qtbot, window, "Is it so?")
    assert window.begin_button.isEnabled()
    window.question.clear()
    window.assistant.setCurrentIndex(window.assistant.findData("Contract facts"))
    assert window.begin_button.isEnabled(), "it has a question of its own"
    assert window.question.placeholderText().startswith("Who are the parties")


def test_a_table_is_filled_row_by_row_and_says_what_went_wrong(qtbot: QtBot, opened: Open) -> None:
    window = opened("a", "bad", "broken")
    seen: list[tuple[int, str]] = []
    window.model.rowsInserted.connect(
        lambda *_: seen.append((window.model.rowCount(), window.shown.index(0, 0).data()))
    )
    fill(qtbot, window)
    assert [count for count, _ in seen] == [1, 2, 3], "each came by itself"
    assert names(window) == ["a", "bad", "broken"]
    assert window.notice.text == "The table is filled."
    assert window.count.text() == "3 documents, 2 without a valid answer"
    assert cells(window.shown, 2) == ["label of a", None, None]
    window.table.setCurrentIndex(window.shown.index(1, 1))
    assert window.reason.text() == "bad.pdf: It is none of the labels."


def test_a_cell_leads_to_its_page(qtbot: QtBot, opened: Open) -> None:
    window = opened("a")
    fill(qtbot, window)
    led: list[Citation] = []
    documents: list[str] = []
    window.citation_activated.connect(led.append)
    window.document_activated.connect(documents.append)
    at = window.table.visualRect(window.shown.index(0, 2)).center()
    qtbot.mouseClick(window.table.viewport(), LEFT, pos=at)
    assert [(each.path, each.page, each.quote) for each in led] == [("/lib/a.pdf", 2, "a says it.")]
    window.table.setCurrentIndex(window.shown.index(0, 2))
    qtbot.keyClick(window.table, Qt.Key.Key_Return)
    assert len(led) == 2
    window.table.setCurrentIndex(window.shown.index(0, 0))
    qtbot.keyClick(window.table, Qt.Key.Key_Return)
    assert documents == ["/lib/a.pdf"]


def test_stopped_it_keeps_what_is_filled_and_goes_on_where_it_was(
    qtbot: QtBot, opened: Open, engine: EngineLink
) -> None:
    window = opened("a", "b", "slow")
    type_question(qtbot, window, "Is it so?")
    qtbot.mouseClick(window.begin_button, LEFT)
    wait(qtbot, lambda: window.model.rowCount() == 2)
    assert window.progress_words.text().startswith("2 of 3")
    assert window.progress.value() == 2
    assert not window.assistant.isEnabled()
    qtbot.mouseClick(window.stop_button, LEFT)
    wait(qtbot, lambda: not window.is_running)
    assert window.notice.text.startswith("Stopped.")
    assert names(window) == ["a", "b"]
    assert window.begin_button.text() == "&Go on"
    window.set_ticked(["/lib/a.pdf", "/lib/b.pdf"])
    wait_for_rows(qtbot, window)
    assert window.begin_button.text() == "&Fill the table", "none of these is missing"
    qtbot.mouseClick(window.begin_button, LEFT)
    assert names(window) == ["a", "b"], "they stay on the screen"
    wait(qtbot, lambda: not window.is_running)
    assert window.begin_button.text() == "&Fill the table"
    type_question(qtbot, window, "Something else?")
    assert not window.anew_button.isVisible()
    qtbot.mouseClick(window.begin_button, LEFT)
    assert names(window) == [], "the rows belong to another question"
    wait(qtbot, lambda: not window.is_running)
    assert names(window) == ["a", "b"]


def test_what_was_filled_before_is_there_as_soon_as_it_is_chosen(qtbot: QtBot, opened: Open) -> None:
    window = opened("a", "bad")
    fill(qtbot, window)
    choose(qtbot, window, "Contract facts")
    assert (names(window), window.question.text(), window.anew_button.isVisible()) == ([], "", False)
    assert window.notice.text == "", "that the other table is filled"
    choose(qtbot, window, "Yes, no, not stated")
    assert (names(window), window.question.text(), window.anew_button.isVisible()) == (["a", "bad"], "Is it so?", True)
    assert window.begin_button.text() == "&Fill the table"
    window.close()
    again = opened(fresh=False)
    assert names(again) == ["a", "bad"]
    assert cells(again.shown, 2) == ["label of a", None]
    assert again.question.text() == "Is it so?"
    assert again.begin_button.text() == "&Go on", "three of all five are missing"
    assert again.export_button.isEnabled()


def test_the_rows_are_those_of_the_documents_that_are_chosen(qtbot: QtBot, opened: Open) -> None:
    window = opened("a", "b")
    fill(qtbot, window)
    choose(qtbot, window, documents="all")
    assert (names(window), window.begin_button.text()) == (["a", "b"], "&Go on")
    choose(qtbot, window, documents="collection:Leases")
    assert (names(window), window.begin_button.text()) == (["b"], "&Go on")
    window.set_ticked([f"/lib/{name}.pdf" for name in ("a", "b", "bad")])
    choose(qtbot, window, documents="ticked")
    assert (names(window), window.begin_button.text()) == (["a", "b"], "&Go on")
    qtbot.mouseClick(window.begin_button, LEFT)
    assert names(window) == ["a", "b"], "they stay on the screen"
    wait(qtbot, lambda: not window.is_running)
    assert names(window) == ["a", "b", "bad"]


def test_what_is_being_typed_is_not_overwritten(qtbot: QtBot, opened: Open) -> None:
    window = opened("a")
    fill(qtbot, window)
    type_question(qtbot, window, "Something el")
    choose(qtbot, window, documents="all")
    assert (names(window), window.question.text()) == (["a"], "Something el")
    assert (window.begin_button.text(), window.anew_button.isVisible()) == ("&Fill the table", False)


def test_rows_follow_the_library(qtbot: QtBot, opened: Open, folder: Path) -> None:
    window = opened("a", "b")
    fill(qtbot, window)
    (folder / "changed").write_text("a", encoding="utf-8")
    try:
        window._holdings.take([window._holdings.documents["/lib/a.pdf"]])
        assert window._soon.isActive()
        wait_for_rows(qtbot, window)
        assert (names(window), window.begin_button.text()) == (["b"], "&Go on")
        window._holdings.drop(list(window._holdings.documents))
        wait_for_rows(qtbot, window)
    finally:
        (folder / "changed").unlink()
    assert not window.begin_button.isEnabled()


def test_it_is_written_in_the_order_that_is_shown_and_nothing_else(qtbot: QtBot, opened: Open, tmp_path: Path) -> None:
    window = opened("a", "bad", "b", "broken")
    fill(qtbot, window)
    window.set_ticked([f"/lib/{name}.pdf" for name in ("a", "b", "bad")])
    wait_for_rows(qtbot, window)
    window.table.sortByColumn(0, DESCENDING)
    shown = names(window)
    window.shown.narrow("b.pdf")
    assert len(names(window)) < len(shown)
    window.export(str(tmp_path / "out.csv"))
    wait(qtbot, lambda: window.notice.text == "The table is written to “out.csv”.")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as stream:
        written = [Path(line[0]).stem for line in csv.reader(stream)][1:]
    assert written == shown == ["bad", "b", "a"]


def test_it_is_written_as_csv_and_xlsx(qtbot: QtBot, opened: Open, tmp_path: Path) -> None:
    window = opened("a", "bad")
    assert not window.export_button.isEnabled()
    fill(qtbot, window)
    assert window.export_button.isEnabled()
    window.export(str(tmp_path / "out.csv"))
    wait(qtbot, lambda: window.notice.text == "The table is written to “out.csv”.")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines[0] == ["document", "label", "label (page)", "valid", "problem"]
    assert lines[1] == ["a.pdf", "label of a", "2", "yes", ""]
    window.export(str(tmp_path / "out.xlsx"))
    wait(qtbot, lambda: window.notice.text == "The table is written to “out.xlsx”.")
    assert "xl/workbook.xml" in zipfile.ZipFile(tmp_path / "out.xlsx").namelist()
    window.export(str(tmp_path / "no folder" / "out.csv"))
    wait(qtbot, lambda: "out.csv” could not be written" in window.notice.text or "cannot" in window.notice.text)


def test_three_hundred_rows_make_no_widgets(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.model.take(row("/first.pdf", {"rent": "1", "since": "2"}))
    QApplication.processEvents()
    before = len(window.findChildren(QWidget))
    for number in range(300):
        window.model.take(row(f"/{number}.pdf", {"rent": str(number), "since": "2"}))
    QApplication.processEvents()
    assert window.shown.rowCount() == 301
    assert len(window.findChildren(QWidget)) == before


def test_every_control_has_a_name(qtbot: QtBot, opened: Open) -> None:
    window = opened("a")
    assert nameless(window) == []
    fill(qtbot, window)
    assert nameless(window) == []


def test_in_the_main_window_it_begins_with_what_is_ticked_and_opens_the_viewer(
    qtbot: QtBot, window: Maker, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    path = "/documents/Handbook.pdf"
    cited = {
        "number": 1,
        "path": path,
        "page": 3,
        "quote": "It is so.",
        "start": 0,
        "length": 9,
        "verified": True,
        "given_by": "search",
    }
    answer = {
        "question": "?",
        "answer": "Yes",
        "found": True,
        "format": "labels",
        "values": [{"name": "label", "text": "Yes", "citation": 1}],
        "citations": [cited],
    }
    filled = {"path": path, "answer": answer}
    steps = [
        {"event": {"type": "row_filled", "row": filled, "done": 1, "total": 1}},
        {"event": {"type": "table", "assistant": "Leases", "question": "?", "columns": ["label"], "rows": [filled]}},
    ]
    document = {"path": path, "status": "indexed", "pages": 4, "passages": 9}
    made = window({"documents": [document], "on": {"fill_table": [steps, steps]}}, "--log", str(log))
    wait_for_documents(qtbot, made)
    qtbot.waitUntil(lambda: made.assisting.shelf.known)
    made.library.scope_changed.emit([path], None)
    made.menus.table_requested.emit()
    table = made.assisting.table_window
    assert table is not None
    assert table.documents.currentText() == "The ticked ones (1)"
    assert table.assistant.currentText() == "Leases"
    qtbot.mouseClick(table.begin_button, LEFT)
    wait(qtbot, lambda: table.notice.text == "The table is filled.")
    (asked,) = requests(log, "fill_table")
    assert (asked["assistant"], asked["paths"]) == ("Leases", [path])
    assert made.notice.text == "", "it is looked at"
    table._on_clicked(table.shown.index(0, 2))
    assert made.viewer is not None
    assert made.viewer.isVisible()
    qtbot.waitUntil(lambda: bool(requests(log, "open_document")))
    table.begin()
    table.close()
    wait(qtbot, lambda: made.notice.text == "The table is filled.")
    qtbot.mouseClick(made.notice.action_button, LEFT)
    assert table.isVisible()

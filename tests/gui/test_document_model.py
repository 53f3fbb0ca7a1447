"""The library's rows keep their order and their places, whatever happens to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6 import QtGui
from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtTest import QAbstractItemModelTester

from assistant_app.errors import Code
from assistant_app.gui.document_model import DocumentModel
from assistant_app.protocol.messages import IndexProgress
from assistant_app.protocol.records import Document


def document(path: str, **fields: object) -> Document:
    return Document(path=path, **{"status": "indexed", "pages": 3, "passages": 9, **fields})  # type: ignore[arg-type]


def names(model: DocumentModel) -> list[str]:
    return [model.shown(line).name for line in range(model.rowCount())]


def watched() -> DocumentModel:
    model = DocumentModel()
    mode = QAbstractItemModelTester.FailureReportingMode.Fatal
    model.tester = QAbstractItemModelTester(model, mode)  # type: ignore[attr-defined]
    assert isinstance(model, QAbstractItemModel)
    return model


def test_rows_are_sorted_by_name_without_case(qapp: object) -> None:
    model = watched()
    model.set_documents([document("/z/apple.pdf"), document("/a/Zebra.pdf"), document("/b/Banana.pdf")])
    model.set_waiting("/q/avocado.pdf")
    assert names(model) == ["apple.pdf", "avocado.pdf", "Banana.pdf", "Zebra.pdf"]


def test_numbers_in_names_are_sorted_as_numbers(qapp: object) -> None:
    model = watched()
    model.set_documents(document(f"/a/Lease {number}.pdf") for number in (10, 2, 1))
    assert names(model) == ["Lease 1.pdf", "Lease 2.pdf", "Lease 10.pdf"]


def test_two_files_of_one_name_are_two_rows(qapp: object) -> None:
    model = watched()
    model.set_documents([document("/a/x.pdf"), document("/b/x.pdf")])
    assert model.index_of("/a/x.pdf").row() == 0
    assert model.index_of("/b/x.pdf").row() == 1


@given(st.lists(st.tuples(st.sampled_from(["add", "done", "remove", "filter", "settle"]), st.sampled_from("aAbBcCdD"))))
def test_every_shown_row_is_where_its_index_says(steps: list[tuple[str, str]]) -> None:
    model = watched()
    for step, letter in steps:
        path = f"/{letter}/{letter}.pdf"
        if step == "add":
            model.set_waiting(path)
        elif step == "done":
            model.set_done(document(path))
        elif step == "remove":
            model.remove([path])
        elif step == "filter":
            model.set_filter(letter)
        else:
            model.settle()
        for line in range(model.rowCount()):
            assert model.index_of(model.shown(line).path).row() == line
        assert names(model) == sorted(names(model), key=str.casefold)


def test_the_filter_hides_and_shows(qapp: object) -> None:
    model = watched()
    model.set_documents([document("/a/Report.pdf"), document("/a/Lease.pdf")])
    model.set_filter("repo")
    assert names(model) == ["Report.pdf"]
    model.set_waiting("/a/Other.pdf")
    assert names(model) == ["Report.pdf"]
    assert len(model) == 3
    model.set_filter("")
    assert names(model) == ["Lease.pdf", "Other.pdf", "Report.pdf"]


def test_a_row_that_is_being_read_survives_a_new_ledger(qapp: object) -> None:
    model = watched()
    model.set_progress(IndexProgress(path="/a/new.pdf", stage="reading", pages_done=2, pages_total=9))
    model.set_documents([document("/a/old.pdf")])
    assert names(model) == ["new.pdf", "old.pdf"]
    row = model.row("/a/new.pdf")
    assert row is not None
    assert model.state(row).words == "Reading page 3 of 9"


def test_what_never_had_an_outcome_goes_when_nothing_is_read_any_more(qapp: object) -> None:
    model = watched()
    model.set_documents([document("/a/old.pdf")])
    for path in ("/a/old.pdf", "/a/new.pdf", "/a/next.pdf"):
        model.set_waiting(path)
    model.settle(keep=["/a/next.pdf"])
    assert names(model) == ["next.pdf", "old.pdf"]
    row = model.row("/a/old.pdf")
    assert row is not None
    assert not row.busy


@pytest.mark.parametrize(
    ("fields", "words", "role"),
    [
        ({}, "3 pages", "success"),
        ({"pages": 1}, "1 page", "success"),
        ({"status": "unchanged"}, "3 pages", "success"),
        ({"status": "missing", "reason": Code.FILE_MISSING}, "File is missing", "warning"),
        ({"status": "failed", "reason": Code.PASSWORD_NEEDED}, "Needs a password", "warning"),
        ({"status": "skipped", "reason": Code.NOT_A_PDF}, "Unknown kind of file", "danger"),
        ({"status": "failed", "reason": Code.NO_TEXT}, "No text in it", "danger"),
        ({"status": "failed", "reason": Code.NO_TEXT, "details": {"ocr": "missing"}}, "Scanned: install OCR", "danger"),
        ({"kind": "pptx", "pages": 12}, "12 slides", "success"),
        ({"kind": "docx", "pages": 1}, "Word document", "success"),
        ({"status": "failed", "reason": Code.LIBRARY_UNWRITABLE}, "Could not be read", "danger"),
        ({"status": "failed", "reason": "from_the_future"}, "Failed", "danger"),
        (
            {"status": "partial", "reason": Code.SOME_PAGES_WITHOUT_TEXT, "details": {"count": 1}},
            "Partly read: 1 of 3 pages left out",
            "warning",
        ),
    ],
)
def test_every_outcome_has_an_icon_and_words(qapp: object, fields: dict[str, object], words: str, role: str) -> None:
    model = watched()
    model.set_documents([document("/a/x.pdf", **fields)])
    state = model.state(model.shown(0))
    assert (state.words, state.role) == (words, role)


def test_every_reason_has_a_few_words(qapp: object) -> None:
    model = watched()
    for code in Code:
        model.set_documents([document("/a/x.pdf", status="failed", reason=code)])
        assert 3 < len(model.state(model.shown(0)).words) < 40
        assert model.shown(0).sentence


def test_a_scan_says_whether_text_recognition_is_missing_or_off(qapp: object) -> None:
    model = watched()
    said = {}
    for ocr in ("missing", "off", None):
        model.set_documents([document("/a/x.pdf", status="failed", reason=Code.NO_TEXT, details={"ocr": ocr})])
        said[ocr] = model.shown(0).sentence
    assert "install OCR" in said["missing"]
    assert "switched off" in said["off"]
    assert "OCR" not in said[None]


def test_the_tool_tip_names_title_and_author_of_the_file_as_plain_text() -> None:
    model = DocumentModel()
    named = Document(path="/d/a.pdf", status="indexed", passages=1, title="<b>The Harbour</b>", author="José Ñúñez")
    model.set_documents([named, Document(path="/d/b.pdf", status="indexed", passages=1)])
    first, second = (model.index(row).data(Qt.ItemDataRole.ToolTipRole) for row in range(2))
    assert first == "/d/a.pdf\n“<b>The Harbour</b>” · José Ñúñez"
    assert second == "/d/b.pdf"
    assert not QtGui.Qt.mightBeRichText(first)

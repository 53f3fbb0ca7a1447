"""Assistants in the engine: what they say takes effect, tables are filled, gone on with and written to files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
import pytest
from defusedxml import ElementTree

from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.paths import Paths
from assistant_app.protocol import assistants as protocol
from assistant_app.protocol import messages
from assistant_app.protocol.assistants import Assistant, FormatField, OutputFormat
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

LABELS = Assistant(
    name="Paid?",
    question="Does staff get paid leave?",
    format=OutputFormat(kind="labels", labels=["Yes", "No", "Not stated"]),
    max_tokens=16,
)


@pytest.fixture(scope="module")
def leases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("leases")
    facts = [
        ("=1+1", "mill", "$1,250", "Acme Corp"),
        ("barn", "barn", "$310", "Bolt Ltd"),
        ("field", "field", "$75", "Cleo Inc"),
    ]
    return [
        text_pdf(
            folder / f"{name}.pdf",
            [[f"Lease of the {place}", f"The rent of the {place} is {rent} a month, paid by {tenant}."]],
        )
        for name, place, rent, tenant in facts
    ]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, leases: list[Path]) -> Iterator[Service]:
    with Service(Paths.resolve(tmp_path_factory.mktemp("home"))) as opened:
        opened.index([str(path) for path in leases])
        opened.collections.create("Small")
        opened.collections.collect("Small", [str(leases[2])])
        yield opened


@pytest.fixture
def kept(library: Service) -> Iterator[Service]:
    yield library
    for each in library.assisting.all().assistants:
        if not each.shipped:
            library.assisting.delete(each.name)


def save(service: Service, **said: Any) -> str:
    assistant = Assistant(**{"name": "Test", "max_tokens": 16, **said})
    service.assisting.save(assistant)
    return assistant.name


def test_a_label_is_answered_whatever_the_model_would_rather_say(kept: Service) -> None:
    name = save(kept, format=LABELS.format)
    answer = kept.ask("Is the rent of the mill paid by Acme Corp?", assistant=name).answer
    assert (answer.format, answer.valid, answer.assistant) == ("labels", True, "Test")
    assert answer.answer in LABELS.format.labels
    assert answer.values[0].name == "label"


def test_a_schema_is_kept_to_and_its_values_cited(kept: Service) -> None:
    fields = [FormatField(name="rent", type="whole number"), FormatField(name="paid monthly", type="yes or no")]
    checked = kept.assisting.check_format(OutputFormat(), fields)
    assert (checked.code, checked.fields) == (None, fields)
    name = save(kept, format=checked.format, max_tokens=40)
    answer = kept.ask("What is the rent of the barn?", assistant=name).answer
    assert answer.valid, answer.problem
    assert set(json.loads(answer.answer)) == {"rent", "paid monthly"}


def test_an_assistant_looks_in_its_collections(kept: Service, leases: list[Path]) -> None:
    name = save(kept, collections=["Small"], exact=True)
    found = kept.ask("What is the rent?", assistant=name).answer
    assert {citation.path for citation in found.citations} == {str(leases[2])}
    elsewhere = kept.ask("What is the rent of the mill?", paths=[str(leases[0])], assistant=name).answer
    assert {citation.path for citation in elsewhere.citations} == {str(leases[0])}
    kept.assisting.delete(name)
    with pytest.raises(DocentError) as problem:
        kept.ask("What is the rent?", assistant=save(kept, collections=["None"]))
    assert problem.value.code is Code.COLLECTION_UNKNOWN


def test_what_it_says_of_model_adapter_and_instructions_takes_effect(kept: Service) -> None:
    name = save(kept, adapter="none", instructions="Say it in one word.", passages=1)
    written = kept.ask("What is the rent of the mill?", assistant=name)
    assert written.answer.adapter is None
    assert written.inspection is not None
    assert "Say it in one word." in written.inspection.prompt
    assert len(written.inspection.sources) == 1
    with_default = kept.ask("What is the rent of the mill?").answer
    assert with_default.adapter is not None
    kept.assisting.delete(name)
    for said in ({"model": "nowhere"}, {"adapter": "nowhere"}):
        with pytest.raises(DocentError) as problem:
            kept.ask("What is the rent of the mill?", assistant=save(kept, **said))
        assert problem.value.code in (Code.MODEL_MISSING, Code.ADAPTER_MISSING)
        kept.assisting.delete("Test")


def test_one_that_is_not_there_is_an_error(kept: Service) -> None:
    with pytest.raises(DocentError) as problem:
        kept.ask("What is the rent?", assistant="nobody")
    assert problem.value.code is Code.ASSISTANT_UNKNOWN


# ---------------------------------------------------------------- formats


def test_a_format_is_checked_while_it_is_written(kept: Service) -> None:
    check = kept.assisting.check_format
    assert check(OutputFormat(kind="schema", schema='{\n"a'), None).line == 2
    refused = check(OutputFormat(kind="schema", schema='{"properties": {"a": {"not": {}}}}'), None)
    assert (refused.code, refused.details["place"]) == (Code.SCHEMA_UNSUPPORTED, "/properties/a/not")
    for fields in ([], [FormatField(name=" ")], [FormatField(name="a"), FormatField(name="a ")]):
        assert check(OutputFormat(), fields).code == Code.SCHEMA_INVALID
    assert check(OutputFormat(kind="labels", labels=["a", "b"]), None).code is None


# ---------------------------------------------------------------- tables


def fill(service: Service, name: str, after: int | None = None, **said: Any) -> tuple[protocol.Table, list[Any]]:
    """Fill a table; stop it once ``after`` lines came."""
    heard: list[Any] = []
    request = protocol.FillTable(assistant=name, **said)
    done = service.assisting.fill(request, heard.append, lambda: after is not None and len(heard) >= after)
    return done, heard


def test_a_table_has_a_line_for_each_document_and_goes_on_where_it_was(kept: Service, leases: list[Path]) -> None:
    kept.assisting.save(LABELS)
    stopped, heard = fill(kept, "Paid?", after=2)
    assert stopped.stopped
    assert [event.done for event in heard] == [1, 2]
    assert heard[0].total == 3
    assert heard[0].seconds_left is not None
    whole, heard = fill(kept, "Paid?")
    assert not whole.stopped
    assert [row.path for row in whole.rows] == [str(path) for path in leases]
    assert whole.columns == ["label"]
    assert [row.answer for row in whole.rows[:2]] == [row.answer for row in stopped.rows]  # times and all: kept
    assert all(row.answer is not None and row.answer.valid for row in whole.rows)
    changed, _ = fill(kept, "Paid?", question="Is the rent paid by a cat?")
    assert changed.rows[0].answer != whole.rows[0].answer


def test_a_table_of_some_documents(kept: Service, leases: list[Path]) -> None:
    name = save(kept, exact=True, question="What is the rent?", collections=["Small"])
    assert [row.path for row in fill(kept, name)[0].rows] == [str(leases[2])]
    assert [row.path for row in fill(kept, name, paths=[str(leases[1])])[0].rows] == [str(leases[1])]
    with pytest.raises(DocentError) as problem:
        fill(kept, name, paths=["/nowhere.pdf"])
    assert problem.value.code is Code.TABLE_EMPTY
    with pytest.raises(DocentError) as problem:
        fill(kept, save(kept, name="Other"))
    assert problem.value.code is Code.QUESTION_EMPTY


def test_a_document_that_cannot_be_asked_has_its_reason_in_its_line(kept: Service) -> None:
    name = save(kept, question="What is the rent?", model="nowhere")
    rows = fill(kept, name)[0].rows
    assert {row.code for row in rows} == {Code.MODEL_MISSING}
    assert fill(kept, name)[1][0].row.code == Code.MODEL_MISSING  # tried again


def test_a_cut_file_of_a_table_costs_a_line(kept: Service) -> None:
    name = save(kept, exact=True, question="What is the rent?")
    fill(kept, name)
    file = max(kept.paths.tables.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    content = file.read_bytes()
    file.write_bytes(content[:-40] + b"\n\xff\n[]\n")
    whole, heard = fill(kept, name)
    assert len(whole.rows) == len(heard) == 3


def read(service: Service, name: str, paths: list[Path] | None = None) -> protocol.Table:
    request = protocol.ReadTable(assistant=name, paths=[str(path) for path in paths or ()])
    answered = service.assisting.answer(request, print, lambda: False)
    assert isinstance(answered, protocol.Table)
    return answered


def export(service: Service, name: str, to: Path, paths: list[Path] | None = None, **said: Any) -> None:
    request = protocol.ExportTable(assistant=name, path=str(to), paths=[str(path) for path in paths or ()], **said)
    service.assisting.answer(request, print, lambda: False)


def written(path: Path) -> list[str]:
    """The documents that a CSV names."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [line[0] for line in csv.reader(stream)][1:]


def test_what_was_filled_is_read_again_with_its_question(kept: Service, leases: list[Path]) -> None:
    mill, barn, field = leases
    name = save(kept, exact=True)
    assert read(kept, name).rows == []
    filled, _ = fill(kept, name, question="What is the rent?", paths=[str(mill), str(barn)])
    found = read(kept, name)
    assert (found.rows, found.columns, found.question) == (filled.rows, filled.columns, "What is the rent?")
    assert found.stopped, "one is missing"
    assert not read(kept, name, [barn]).stopped
    assert read(kept, name, [barn]).rows == filled.rows[1:]
    fill(kept, name, question="Who pays?", paths=[str(field)])
    assert [row.path for row in read(kept, name).rows] == [str(field)]
    assert read(kept, name, [barn, mill]).question == "What is the rent?", "asked last of these"
    with pytest.raises(DocentError) as problem:
        read(kept, name, [Path("/nowhere.pdf")])
    assert problem.value.code is Code.TABLE_EMPTY


def test_what_failed_is_read_with_its_reason(kept: Service) -> None:
    name = save(kept, question="What is the rent?", model="nowhere")
    filled, _ = fill(kept, name)
    assert read(kept, name).rows == filled.rows


def test_lines_of_another_assistant_or_document_do_not_hold(kept: Service, tmp_path: Path) -> None:
    paper = text_pdf(tmp_path / "paper.pdf", [["The rent of the hut is $5 a month."]])
    other = text_pdf(tmp_path / "other.pdf", [["The rent of the shed is $6 a month."]])
    kept.index([str(paper), str(other)])
    try:
        name = save(kept, exact=True)
        fill(kept, name, question="What is the rent?", paths=[str(paper), str(other)])
        text_pdf(paper, [["The rent of the hut is $7 a month."]])
        kept.index([str(paper)])
        assert [row.path for row in read(kept, name, [paper, other]).rows] == [str(other)]
        export(kept, name, tmp_path / "t.csv", [paper, other], question="What is the rent?")
        assert written(tmp_path / "t.csv") == ["other.pdf"]
        _, heard = fill(kept, name, question="What is the rent?", paths=[str(paper), str(other)], after=1)
        assert heard[0].row.answer.citations[0].quote.startswith("The rent of the hut is $7"), "asked again"
        kept.assisting.save(Assistant(name=name, exact=True, max_tokens=16, instructions="Be brief."), name)
        assert (read(kept, name).rows, read(kept, name).question) == ([], "")
        with pytest.raises(DocentError) as problem:
            export(kept, name, tmp_path / "t.csv", question="What is the rent?")
        assert problem.value.code is Code.TABLE_EMPTY
    finally:
        kept.remove([str(paper), str(other)])


def test_only_what_is_asked_for_is_written_in_its_order(kept: Service, leases: list[Path], tmp_path: Path) -> None:
    mill, barn, field = leases
    name = save(kept, exact=True, question="What is the rent?", collections=["Small"])
    fill(kept, name, paths=[str(path) for path in leases])
    export(kept, name, tmp_path / "t.csv", [field, mill, tmp_path / "none.pdf"])
    assert written(tmp_path / "t.csv") == ["field.pdf", "'=1+1.pdf"]
    export(kept, name, tmp_path / "t.csv")
    assert written(tmp_path / "t.csv") == ["field.pdf"], "that of the assistant's collection"
    kept.remove([str(barn)])
    try:
        export(kept, name, tmp_path / "t.csv", [barn, field])
        assert written(tmp_path / "t.csv") == ["field.pdf"]
    finally:
        kept.put_back([str(barn)])


def test_begun_anew_forgets_the_chosen_documents_only(kept: Service, leases: list[Path]) -> None:
    name = save(kept, exact=True, question="What is the rent?")
    fill(kept, name)
    _, heard = fill(kept, name, paths=[str(leases[0]), str(leases[1])], anew=True, after=1)
    assert len(heard) == 1
    assert [row.path for row in read(kept, name).rows] == [str(leases[0]), str(leases[2])]


def test_a_label_that_no_document_states_is_written(kept: Service, tmp_path: Path) -> None:
    name = save(
        kept, format=OutputFormat(kind="labels", labels=["Not stated", "Unknown"]), question="Who is the mayor?"
    )
    filled, _ = fill(kept, name)
    export(kept, name, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as stream:
        labels = [line[1] for line in csv.reader(stream)][1:]
    assert labels == [row.answer.answer for row in filled.rows if row.answer]


def test_a_table_is_written_as_csv_and_xlsx(kept: Service, tmp_path: Path) -> None:
    name = save(kept, exact=True, question="What is the rent?")
    with pytest.raises(DocentError) as problem:
        export(kept, "Yes, no, not stated", tmp_path / "none.csv")
    assert problem.value.code is Code.TABLE_EMPTY
    fill(kept, name)
    kept.assisting.answer(protocol.ExportTable(assistant=name, path=str(tmp_path / "t.csv")), print, lambda: False)
    with (tmp_path / "t.csv").open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines[0] == ["document", "answer", "answer (page)", "valid", "problem"]
    assert [line[0] for line in lines[1:]] == ["'=1+1.pdf", "barn.pdf", "field.pdf"]  # no formula in a spreadsheet
    assert "$310" in lines[2][1]
    assert lines[2][2] == "1"
    export(kept, name, tmp_path / "t.xlsx")
    with ZipFile(tmp_path / "t.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml")
        words = "".join(ElementTree.fromstring(book.read("xl/sharedStrings.xml")).itertext())
    assert b"<f>" not in sheet
    assert "=1+1.pdf" in words
    for file in ("t.csv", "t.xlsx"):
        with pytest.raises(DocentError) as problem:
            export(kept, name, tmp_path / "nowhere" / file)
        assert problem.value.code is Code.FILE_UNWRITABLE


# ---------------------------------------------------------------- requests


def test_every_request_is_answered(kept: Service, tmp_path: Path) -> None:
    def send(request: messages.Request) -> Any:
        return kept.assisting.answer(request, lambda event: None, lambda: False)

    assert len(send(protocol.ListAssistants()).assistants) == 5
    assert send(protocol.SaveAssistant(assistant=LABELS)).saved == "Paid?"
    changed = msgspec.structs.replace(LABELS, name="Paid")
    assert send(protocol.SaveAssistant(assistant=changed, instead="Paid?")).saved == "Paid"
    assert isinstance(send(protocol.ExportAssistant(name="Paid", path=str(tmp_path / "a.toml"))), messages.Done)
    assert send(protocol.ImportAssistant(path=str(tmp_path / "a.toml"))).saved == "Paid 2"
    assert len(send(protocol.DeleteAssistant(name="Paid")).assistants) == 6
    assert send(protocol.CheckFormat(format=LABELS.format)).code is None

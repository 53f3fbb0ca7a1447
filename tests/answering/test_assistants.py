"""Assistants as files: kept, taken in, given out; a file that anybody wrote does no harm."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from assistant_app.answering.assistants import LONGEST_NAME, Assistants, read_assistant, write_assistant
from assistant_app.errors import Code, DocentError
from assistant_app.paths import resources
from assistant_app.protocol.assistants import Assistant, OutputFormat

SHIPPED = resources() / "assistants"
FULL = Assistant(
    name="Rent",
    about="Facts of leases.",
    instructions="Name sums in euro.\nNo more than ten words each.",
    question="What is the rent?",
    collections=["Leases", "Größe"],
    model="",
    adapter="none",
    scale=0.5,
    temperature=0.2,
    max_tokens=64,
    passages=3,
    exact=False,
    format=OutputFormat(kind="labels", labels=['"Yes"', "No"], grammar=False),
)


@pytest.fixture
def shelf(tmp_path: Path) -> Assistants:
    return Assistants(tmp_path / "own", SHIPPED)


def code(problem: pytest.ExceptionInfo[DocentError]) -> Code:
    return problem.value.code


def test_five_ship_and_each_can_be_used(shelf: Assistants) -> None:
    shipped = shelf.all()
    assert [each.name for each in shipped] == [
        "Plain answer",
        "Exact quotes",
        "Contract facts",
        "Yes, no, not stated",
        "Meeting minutes",
    ]
    assert all(each.shipped for each in shipped)
    assert {each.format.kind for each in shipped} == {"text", "schema", "labels", "template"}


def test_every_field_is_written_and_read(tmp_path: Path) -> None:
    write_assistant(FULL, tmp_path / "a.toml")
    assert read_assistant(tmp_path / "a.toml") == FULL


def test_own_ones_come_first_and_are_changed_in_place(shelf: Assistants) -> None:
    shelf.save(FULL)
    assert [each.name for each in shelf.all()][:2] == ["Rent", "Plain answer"]
    shelf.save(msgspec.structs.replace(FULL, name="RENT", about="New."), instead="rent")
    shelf.save(msgspec.structs.replace(FULL, name="Lease"), instead="Rent")
    assert [each.name for each in shelf.all() if not each.shipped] == ["Lease"]
    shelf.delete("lease")
    assert all(each.shipped for each in shelf.all())


@pytest.mark.parametrize("name", ["rent", "Plain Answer"])
def test_a_name_is_given_once(shelf: Assistants, name: str) -> None:
    shelf.save(FULL)
    with pytest.raises(DocentError) as problem:
        shelf.save(msgspec.structs.replace(FULL, name=name))
    assert code(problem) is Code.ASSISTANT_NAME_TAKEN


def test_those_that_ship_stay_as_they_are(shelf: Assistants) -> None:
    for change in (lambda: shelf.delete("Plain answer"), lambda: shelf.save(FULL, instead="plain answer")):
        with pytest.raises(DocentError) as problem:
            change()
        assert code(problem) is Code.ASSISTANT_SHIPPED


def test_names_that_differ_are_files_that_differ(shelf: Assistants) -> None:
    names = ["A b", "a-b", "家", "家家", "..", "a/b", "CON"]
    for name in names:
        shelf.save(msgspec.structs.replace(FULL, name=name))
    assert {each.name for each in shelf.all() if not each.shipped} == set(names)


def test_one_that_is_taken_in_gets_a_number_and_names_no_file(shelf: Assistants, tmp_path: Path) -> None:
    path = tmp_path / "brought.toml"
    write_assistant(msgspec.structs.replace(FULL, name="Plain answer", model="/etc/x.gguf", adapter="C:\\y.gguf"), path)
    assert shelf.take_in(path) == "Plain answer 2"
    assert shelf.take_in(path) == "Plain answer 3"
    brought = shelf.get("plain answer 2")
    assert (brought.model, brought.adapter, brought.shipped) == ("x", "y", False)


def test_a_long_name_is_cut_for_its_number_and_found_when_it_is_taken_in_again(
    shelf: Assistants, tmp_path: Path
) -> None:
    name = f"{'Rents of all barns ' * 2}and of every hut above"  # a space where it is cut
    assert (len(name), name[LONGEST_NAME - 6]) == (LONGEST_NAME, " ")
    write_assistant(msgspec.structs.replace(FULL, name=name), tmp_path / "long.toml")
    names = [shelf.take_in(tmp_path / "long.toml") for _ in range(3)]
    assert names == [name, f"{name[: LONGEST_NAME - 6]} 2", f"{name[: LONGEST_NAME - 6]} 3"]
    assert [shelf.get(each).name for each in names] == names


def test_one_that_is_given_out_can_be_taken_in(shelf: Assistants, tmp_path: Path) -> None:
    shelf.give_out("Contract facts", tmp_path / "given.toml")
    name = shelf.take_in(tmp_path / "given.toml")
    assert shelf.get(name).format == shelf.get("Contract facts").format


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"name = ",
        b"name = 7",
        b'name = ""',
        b'name = " x"',
        b'name = "a\\nb"',
        b'name = "x"\ntemperature = "hot"',
        b'name = "x"\ntemperature = nan',
        b'name = "x"\ntemperature = 9.0',
        b'name = "x"\nmax_tokens = 1',
        b'name = "x"\n[format]\nkind = "yaml"',
        b'name = "x"\n[format]\nkind = "labels"',
        b'name = "x"\n[format]\nkind = "schema"\nschema = "{"',
        b'name = "\xe2\x80\xaex"',
        b'name = "x"\ninstructions = "' + b"y" * 5_000 + b'"',
        b"x" * 300_000,
        b"a = " + b"[" * 5_000,
    ],
)
def test_a_file_that_is_none_is_refused(shelf: Assistants, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "brought.toml"
    path.write_bytes(content)
    with pytest.raises(DocentError) as problem:
        shelf.take_in(path)
    assert code(problem) in (Code.ASSISTANT_INVALID, Code.LABELS_INVALID, Code.SCHEMA_INVALID)
    (tmp_path / "own").mkdir()
    path.rename(tmp_path / "own" / "x.toml")
    assert all(each.shipped for each in shelf.all())


def test_what_is_not_there_is_said(shelf: Assistants, tmp_path: Path) -> None:
    for act, expected in (
        (lambda: shelf.get("nobody"), Code.ASSISTANT_UNKNOWN),
        (lambda: shelf.delete("nobody"), Code.ASSISTANT_UNKNOWN),
        (lambda: shelf.take_in(tmp_path / "none.toml"), Code.FILE_MISSING),
        (lambda: shelf.take_in(tmp_path), Code.FILE_UNREADABLE),
    ):
        with pytest.raises(DocentError) as problem:
            act()
        assert code(problem) is expected

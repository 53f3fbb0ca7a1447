"""Records: a model writes them, so every way to be wrong is a record that is none, and never an error."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.answering.formats import AnswerRecord, read_record, write_record

GOOD = {"answer": "27 days", "quote": "Staff receive 27 days.", "page": 2, "found": True}
NONE = {"answer": "", "quote": "", "page": None, "found": False}


def with_(**fields: object) -> str:
    return json.dumps({**GOOD, **fields})


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (json.dumps(GOOD), AnswerRecord("27 days", "Staff receive 27 days.", 2, True)),
        (json.dumps(GOOD, indent=2), AnswerRecord("27 days", "Staff receive 27 days.", 2, True)),
        (f"\n {json.dumps(GOOD)} ", AnswerRecord("27 days", "Staff receive 27 days.", 2, True)),
        (with_(page=None), AnswerRecord("27 days", "Staff receive 27 days.", None, True)),
        (with_(answer="größer: „{[“ \u2028"), AnswerRecord("größer: „{[“ \u2028", "Staff receive 27 days.", 2, True)),
        (json.dumps(NONE), AnswerRecord("", "", None, False)),
    ],
)
def test_a_record_is_read(text: str, record: AnswerRecord) -> None:
    assert read_record(text) == record


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "27 days [1].",
        "null",
        "[]",
        "7",
        '"text"',
        f"[{json.dumps(GOOD)}]",
        f"Here it is: {json.dumps(GOOD)}",
        f"{json.dumps(GOOD)} I hope that this helps.",
        f"{json.dumps(GOOD)}{json.dumps(GOOD)}",
        f"```json\n{json.dumps(GOOD)}\n```",
        json.dumps(GOOD)[:-1],
        json.dumps(GOOD).replace('"', "'"),
        json.dumps({name: value for name, value in GOOD.items() if name != "page"}),
        with_(more=1),
        with_(Answer="27 days"),
        with_(page=True),
        with_(page=2.0),
        with_(page="2"),
        with_(page=0),
        with_(page=-1),
        with_(page=[2]),
        with_(page=float("nan")),
        with_(page=float("inf")),
        with_(answer=27),
        with_(answer=None),
        with_(answer=["27 days"]),
        with_(answer=""),
        with_(answer=" \n"),
        with_(quote=""),
        with_(quote=None),
        with_(quote={"text": "Staff"}),
        with_(found=1),
        with_(found="true"),
        with_(found=None),
        with_(found=False),
        json.dumps({**NONE, "found": True}),
        json.dumps({**NONE, "answer": "27 days"}),
        json.dumps({**NONE, "quote": "Staff"}),
        json.dumps({**NONE, "page": 2}),
        json.dumps({**NONE, "page": 0}),
        '{"answer": "one", "answer": "27 days", "quote": "q", "page": 2, "found": true}',
        '{"answer": "one", "quote": "q", "page": 2, "found": true, "found": true}',
        with_(answer="\ud800"),
        with_(quote="Staff \udfff"),
    ],
)
def test_what_is_no_record(text: str) -> None:
    assert read_record(text) is None


@pytest.mark.parametrize("bracket", ["[", "{", '{"a":', '[{"a":'])
def test_deep_nesting_and_a_loop_are_no_records(bracket: str) -> None:
    for times in (10, 39, 150, 2_000, 200_000):
        assert read_record(bracket * times) is None
        assert read_record(with_(answer="x") + bracket * times) is None
    close = {"[": "]", "{": "}", '{"a":': "1}", '[{"a":': "1}]"}[bracket]
    assert read_record(f'{{"answer": {bracket * 150}{close * 150}, "quote": "q", "page": 1, "found": true}}') is None


def test_a_huge_answer_or_number_is_no_record() -> None:
    assert read_record(with_(answer="x" * 30_000)) is None
    assert read_record('{"answer": "x", "quote": "q", "page": ' + "9" * 6_000 + ', "found": true}') is None


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(str.strip),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(str.strip),
    st.none() | st.integers(1, 10_000),
)
def test_what_is_written_is_read_again(answer: str, quote: str, page: int | None) -> None:
    record = AnswerRecord(answer, quote, page, True)
    written = write_record(record)
    assert "\n" not in written
    if written.count("{") <= 40:
        assert read_record(written) == record


@given(st.text(max_size=200) | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(json.dumps))
def test_nothing_makes_it_fail_and_what_it_takes_can_be_sent(text: str) -> None:
    record = read_record(text)
    if record is not None:
        msgspec.json.encode(record)

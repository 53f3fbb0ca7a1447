"""Formats: which can be used, what the model is told of them, and the table that a schema is made from."""

from __future__ import annotations

import json
from typing import Any

import pytest
import referencing.exceptions
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.answering import shapes
from assistant_app.answering.prompts import INSTRUCTIONS, RECORD_INSTRUCTIONS
from assistant_app.answering.shapes import check_format, columns_of, fields_of, schema_of, shape_of
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.assistants import FormatField, OutputFormat


def refusal(**wanted: Any) -> DocentError:
    with pytest.raises(DocentError) as refused:
        check_format(OutputFormat(**wanted))
    return refused.value


def test_docents_own_formats_are_told_as_adapters_learnt_them() -> None:
    assert shape_of(OutputFormat()).instructions == INSTRUCTIONS
    assert shape_of(OutputFormat(kind="record")).instructions == RECORD_INSTRUCTIONS
    assert shape_of(OutputFormat()).grammar == ""
    assert "found" in shape_of(OutputFormat(kind="record")).grammar


def test_a_persons_instructions_come_last() -> None:
    assert shape_of(OutputFormat(), " Be brief. ").instructions == f"{INSTRUCTIONS}\nBe brief."


def test_without_a_grammar_a_format_is_only_told() -> None:
    shape = shape_of(OutputFormat(kind="labels", labels=["a", "b"], grammar=False))
    assert shape.grammar == ""
    assert "a | b" in shape.instructions


FIELDS = st.lists(
    st.builds(
        FormatField,
        name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
        type=st.sampled_from(list(shapes._TYPES)),
        description=st.text(st.characters(codec="utf-8"), max_size=9),
        required=st.booleans(),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda field: field.name,
)


@given(fields=FIELDS)
def test_a_table_of_fields_becomes_a_schema_and_comes_back(fields: list[FormatField]) -> None:
    schema = schema_of(fields)
    assert fields_of(schema) == fields
    check_format(OutputFormat(kind="schema", schema=schema))
    assert columns_of(OutputFormat(kind="schema", schema=schema)) == [field.name for field in fields]


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "[]",
        "null",
        '{"properties": {"a": {"enum": [1]}}, "required": []}',
        '{"type": "object", "properties": {"a": {"type": "string"}}}',
        '{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"], "additionalProperties": false}',
        "[" * 100_000,
    ],
)
def test_a_schema_that_says_more_than_a_table_can_is_no_table(schema: str) -> None:
    assert fields_of(schema) is None


def test_nested_fields_are_columns_by_all_their_names() -> None:
    schema = {
        "properties": {"a": {"properties": {"b": {"type": "null"}, "c": {"type": "null"}}}, "d": {"type": "null"}}
    }
    assert columns_of(OutputFormat(kind="schema", schema=json.dumps(schema))) == ["a › b", "a › c", "d"]


def test_what_is_no_json_is_refused_with_its_line_and_column() -> None:
    problem = refusal(kind="schema", schema='{\n  "type": object\n}')
    assert problem.code is Code.SCHEMA_INVALID
    assert (problem.details["line"], problem.details["column"]) == (2, 11)


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ('{"type": "strin"}', Code.SCHEMA_INVALID),
        ('{"type": "object", "properties": []}', Code.SCHEMA_INVALID),
        ("true", Code.SCHEMA_UNSUPPORTED),
        ("7", Code.SCHEMA_INVALID),
        ("[" * 4_000, Code.SCHEMA_UNSUPPORTED),
        ("[" * 40_000, Code.SCHEMA_UNSUPPORTED),
        ('{"not": ' * 2_000 + "{}" + "}" * 2_000, Code.SCHEMA_UNSUPPORTED),
        (" " * 60_000, Code.SCHEMA_UNSUPPORTED),
        ('{"type": "string", "pattern": "(a+)+$"}', Code.SCHEMA_UNSUPPORTED),
        ('{"$ref": "file:///etc/passwd"}', Code.SCHEMA_UNSUPPORTED),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: str, code: Code) -> None:
    assert refusal(kind="schema", schema=schema).code is code


@pytest.mark.parametrize(
    "labels",
    [[], ["one"], ["a", "A"], ["a", " b"], ["a", "b\nc"], ["a", ""], ["a", "x" * 300], [str(n) for n in range(101)]],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels: list[str]) -> None:
    assert refusal(kind="labels", labels=labels).code is Code.LABELS_INVALID


@pytest.mark.parametrize("template", ["", "no slot", "{a}{b}", "{a} {a}", "{}", "x" * 11_000 + "{a}"])
def test_templates_without_an_end_to_their_slots_are_refused(template: str) -> None:
    assert refusal(kind="template", template=template).code is Code.TEMPLATE_INVALID


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        *((text, True) for text in ("", "Not stated.", "n/a", "—", "not in your documents", "None")),
        *((text, False) for text in ("0", "no", "Unknown Pleasures", "not stated by Acme")),
    ],
)
def test_what_says_nothing(text: str, nothing: bool) -> None:
    assert shapes.says_nothing(text) is nothing


SCHEMA = {"type": "object", "properties": {"z": {"$ref": "#/$defs/s"}}, "$defs": {"s": {"type": "string"}}}


def wanted(schema: Any) -> OutputFormat:
    return OutputFormat(kind="schema", schema=schema if isinstance(schema, str) else json.dumps(schema))


def test_a_schema_leads_nowhere_outside_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*arguments: object, **options: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr("urllib.request.urlopen", fetch)
    inner = {"a": {"$id": "http://127.0.0.1:9/x", "$ref": "#/$defs/s"}}
    elsewhere = {
        "type": "object",
        "properties": {"z": {"$ref": "#/default"}},
        "default": {"type": "object", "properties": inner},
        "$defs": {"s": {"type": "string"}},
    }
    refused = refusal(kind="schema", schema=json.dumps(elsewhere))
    assert (refused.code, refused.details["what"]) == (Code.SCHEMA_UNSUPPORTED, "$id")
    # Whatever gets past that finds no network.
    with pytest.raises(referencing.exceptions.Unresolvable):
        shapes.read(wanted(elsewhere), '{"z": {"a": "b"}}')
    escaped = {**SCHEMA, "properties": {"z": {"$ref": "#/$defs/x%20y"}}, "$defs": {"x%20y": {"type": "string"}}}
    assert refusal(kind="schema", schema=json.dumps(escaped)).details["what"] == "$ref"
    named = {**SCHEMA, "$id": "https://example.com/lease.json"}
    check_format(wanted(named))
    assert shapes.read(wanted(named), '{"z": "b"}').values == [shapes.Value("z", "b")]


def test_a_few_references_that_stand_for_millions_are_refused_at_once() -> None:
    levels = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 10} for n in range(1, 20)}
    schema = {**SCHEMA, "properties": {"z": {"$ref": "#/$defs/a19"}}, "$defs": {"a0": {"type": "string"}, **levels}}
    assert refusal(kind="schema", schema=json.dumps(schema)).details["what"] == "size"


@pytest.mark.parametrize(
    "schema",
    [
        '{"type": "object", "properties": {"a\\ud800": {"type": "string"}}}',
        '{"type": "object", "properties": {"a": {"type": "number", "maximum": ' + "1" * 5000 + "}}}",
        '{"type": "object", "properties": {"a": {"type": "number", "maximum": 1e999}}}',
        '{"type": "object", "properties": {"a": {"type": "number", "maximum": NaN}}}',
    ],
)
def test_what_cannot_be_kept_as_json_is_no_schema(schema: str) -> None:
    assert refusal(kind="schema", schema=schema).code is Code.SCHEMA_INVALID


def test_numbers_that_are_none_are_not_in_a_format() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "number", "multipleOf": 0.01}}}
    for answer in ('{"a": 1e999}', '{"a": ' + "9" * 401 + "}", '{"a": NaN}'):
        assert shapes.read(wanted(schema), answer).problem
    plain = {"type": "object", "properties": {"a": {"type": "number"}}}
    assert shapes.read(wanted(plain), '{"a": 1e999}').problem


def test_white_space_around_a_template_is_no_part_of_it() -> None:
    template = OutputFormat(kind="template", template="\nName: {name}\nDate: {date}\n")
    read = shapes.read(template, "Name: Elm\nDate: today")
    assert (read.problem, [value.text for value in read.values]) == ("", ["Elm", "today"])
    assert not shape_of(template).instructions.endswith("\n")
    assert 'root ::= "Name: "' in shape_of(template).grammar

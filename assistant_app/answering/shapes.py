"""What a format means: what the model is told, the grammar that holds it, and whether an answer is in it.

A schema, labels and a template come from a person or from a file that they took in, and the answer from a model: all
of it is untrusted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jsonschema
import jsonschema.exceptions
import referencing

from assistant_app.answering.formats import read_record
from assistant_app.answering.prompts import INSTRUCTIONS, RECORD_INSTRUCTIONS
from assistant_app.errors import Code, DocentError
from assistant_app.models.grammar import LONGEST_SCHEMA, choice_grammar, schema_grammar, template_grammar
from assistant_app.protocol.assistants import FieldType, FormatField, OutputFormat
from assistant_app.protocol.records import Format

STRUCTURED: tuple[Format, ...] = ("schema", "labels", "template")
"""The formats that have a place of their own for what the documents do not say."""

MOST_LABELS = 100
LONGEST_LABEL = 200
MOST_SLOTS = 50
LONGEST_TEMPLATE = 10_000
LONGEST_ANSWER = 50_000
"""Characters of a structured answer; a model that writes more is in a loop."""

_DEEPEST_ANSWER = 60
_SLOT = re.compile(r"\{([^{}\n]{1,60})\}")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_SAYS_NOTHING = re.compile(
    r"(?:not (?:stated|found|given|mentioned|specified|available|in (?:the|your) documents?)|unknown|none|n/?a|[-–—]+)"
    r"\W*",
    re.IGNORECASE,
)
_TYPES: dict[FieldType, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "whole number": {"type": "integer"},
    "yes or no": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "list": {"type": "array", "items": {"type": "string"}},
}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Value(NamedTuple):
    """A value of a structured answer: its field's name, and the text that a document would have to support."""

    name: str
    text: str


class Reading(NamedTuple):
    """An answer taken apart; ``problem`` says where and why it is not in its format, "" where it is."""

    values: list[Value]
    problem: str = ""


class Shape(NamedTuple):
    """What is wanted of an answer.

    Attributes:
        instructions: what the model is told; ``own`` is the person's part of it.
        grammar: GBNF that it is held to, "" for none.
    """

    format: OutputFormat
    instructions: str
    grammar: str = ""
    own: str = ""


def shape_of(wanted: OutputFormat, instructions: str = "") -> Shape:
    """The shape that ``wanted`` describes; ``instructions`` are a person's own, told besides.

    Raises:
        DocentError: the codes of :func:`check_format`.
    """
    check_format(wanted)
    told, grammar = INSTRUCTIONS, ""
    if wanted.kind == "record":
        told, grammar = RECORD_INSTRUCTIONS, schema_grammar(_RECORD_SCHEMA)
    elif wanted.kind == "schema":
        schema = json.loads(wanted.schema)
        told, grammar = _schema_instructions(schema), schema_grammar(schema)
    elif wanted.kind == "labels":
        told = f"{_ONLY} Reply with exactly one of these and nothing else: {' | '.join(wanted.labels)}"
        grammar = choice_grammar(wanted.labels)
    elif wanted.kind == "template":
        told = (
            f"{_ONLY} Reply with this text, each place in curly brackets filled in on its line, and with nothing else; "
            f"where the sources do not say, write: not stated\n{wanted.template.strip()}"
        )
        grammar = template_grammar(_SLOT.split(wanted.template.strip()))
    own = instructions.strip()
    return Shape(wanted, f"{told}\n{own}" if own else told, grammar if wanted.grammar else "", own)


_ONLY = "Answer the question using only the sources."


def _schema_instructions(schema: dict[str, Any]) -> str:
    fields = [
        f'"{name}" ({_type_words(value)}){": " + value["description"] if value.get("description") else ""}'
        for name, value in schema.get("properties", {}).items()
        if isinstance(value, dict)
    ]
    nothing = "null or an empty text"
    if not fields:
        return f"{_ONLY} Reply with JSON that fits this schema and nothing else: {json.dumps(schema)}"
    return (
        f"{_ONLY} Reply with one JSON object and nothing else, with these fields: {'; '.join(fields)}. "
        f"Where the sources do not say, write {nothing}."
    )


def _type_words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(each, ensure_ascii=False) for each in schema["enum"])
    kind = schema.get("type", "value")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return "date as YYYY-MM-DD" if schema.get("format") == "date" else words


# ---------------------------------------------------------------- formats


def check_format(wanted: OutputFormat) -> None:
    """Whether answers can be made in this format.

    Raises:
        DocentError: ``schema_invalid`` (``said``, and ``line`` and ``column`` where the text is no JSON, or ``place``),
            ``schema_unsupported`` (``place``, ``what``), ``labels_invalid``, ``template_invalid``.
    """
    if wanted.kind == "schema":
        schema_grammar(_parsed(wanted.schema))
    elif wanted.kind == "labels":
        labels = wanted.labels
        good = all(label.strip() == label and "\n" not in label and 0 < len(label) <= LONGEST_LABEL for label in labels)
        unlike = len({label.casefold() for label in labels}) == len(labels)
        if not (good and unlike and 2 <= len(labels) <= MOST_LABELS):
            raise DocentError(Code.LABELS_INVALID, most=MOST_LABELS)
    elif wanted.kind == "template":
        slots = _SLOT.findall(wanted.template)
        if not 1 <= len(slots) <= MOST_SLOTS or len(wanted.template) > LONGEST_TEMPLATE:
            raise DocentError(Code.TEMPLATE_INVALID, most=MOST_SLOTS)
        if len(set(slots)) < len(slots) or "}{" in wanted.template:  # nothing would tell where one ends
            raise DocentError(Code.TEMPLATE_INVALID, most=MOST_SLOTS)


def _parsed(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_SCHEMA:
        raise DocentError(Code.SCHEMA_UNSUPPORTED, place="/", what="size")
    if text.count("{") + text.count("[") > LONGEST_SCHEMA // 10:
        raise DocentError(Code.SCHEMA_UNSUPPORTED, place="/", what="depth")
    try:
        schema = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        jsonschema.Draft202012Validator.check_schema(schema)
    except json.JSONDecodeError as problem:
        facts = {"line": problem.lineno, "column": problem.colno}
        raise DocentError(Code.SCHEMA_INVALID, said=problem.msg, **facts) from problem
    except ValueError as problem:
        raise DocentError(Code.SCHEMA_INVALID, said="a number that is none, or too large", place="/") from problem
    except jsonschema.exceptions.SchemaError as problem:
        raise DocentError(Code.SCHEMA_INVALID, said=_said(problem), place=_place(problem)) from problem
    except RecursionError as problem:
        raise DocentError(Code.SCHEMA_UNSUPPORTED, place="/", what="depth") from problem
    if not isinstance(schema, dict):  # "true" is a schema too
        raise DocentError(Code.SCHEMA_UNSUPPORTED, place="/", what="schema")
    if _HALF_PAIR.search(json.dumps(schema, ensure_ascii=False)):
        raise DocentError(Code.SCHEMA_INVALID, said="half a surrogate pair", place="/")
    return schema


def schema_of(fields: Sequence[FormatField]) -> str:
    """The JSON schema of a table of fields, as text."""
    properties = {
        field.name: {**_TYPES[field.type], **({"description": field.description} if field.description else {})}
        for field in fields
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False)


def fields_of(schema: str) -> list[FormatField] | None:
    """The table that :func:`schema_of` made ``schema`` from; null where it says more than a table can."""
    try:
        value = json.loads(schema)
        fields = [
            FormatField(
                name=name,
                type=next(kind for kind, plain in _TYPES.items() if plain == _without_description(each)),
                description=str(each.get("description", "")),
                required=name in value["required"],
            )
            for name, each in value["properties"].items()
        ]
        return fields if json.loads(schema_of(fields)) == value else None
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        return None


def _without_description(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "description"}


def columns_of(wanted: OutputFormat) -> list[str]:
    """The names of the values that every answer in this format may have, in order."""
    if wanted.kind == "schema":
        return list(_columns(json.loads(wanted.schema), ()))
    if wanted.kind == "template":
        return list(_SLOT.findall(wanted.template))
    return ["label"] if wanted.kind == "labels" else ["answer"]


def _columns(schema: Any, names: tuple[str, ...]) -> Iterator[str]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not properties or not isinstance(properties, dict):
        yield _JOINED.join(names) or "value"
        return
    for name, value in properties.items():
        yield from _columns(value, (*names, name))


_JOINED = " › "


# ---------------------------------------------------------------- answers


def read(wanted: OutputFormat, text: str) -> Reading:
    """Take an answer apart; what is not in its format has no values."""
    if wanted.kind == "text":
        return Reading([])
    if len(text) > LONGEST_ANSWER:
        return Reading([], "too long")
    if _HALF_PAIR.search(text):
        return Reading([], "half a surrogate pair")
    if wanted.kind == "labels":
        return Reading([Value("label", text)]) if text in wanted.labels else Reading([], "none of the labels")
    if wanted.kind == "template":
        return _read_template(wanted.template.strip(), text)
    if wanted.kind == "record":
        record = read_record(text)
        return Reading([], "no record") if record is None else Reading([Value("answer", record.answer)])
    return _read_json(json.loads(wanted.schema), text)


def _read_template(template: str, text: str) -> Reading:
    first, *parts = _SLOT.split(template)
    amiss = Reading([], "its fixed words are not those of the template")
    if not text.startswith(first):
        return amiss
    values: list[Value] = []
    place = len(first)
    for name, fixed in zip(parts[::2], parts[1::2], strict=True):
        # Word by word and never back: a pattern with many slots could be searched for hours.
        is_last = len(values) == len(parts) // 2 - 1
        end = len(text) - len(fixed) if is_last else text.find(fixed, place + 1)
        value = text[place:end].strip()
        if end <= place or not text.startswith(fixed, end) or not value or "\n" in value:
            return amiss
        values.append(Value(name, value))
        place = end + len(fixed)
    return Reading(values)


def _read_json(schema: dict[str, Any], text: str) -> Reading:
    try:
        if text.count("{") + text.count("[") > _DEEPEST_ANSWER * 20:
            raise RecursionError
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as problem:
        return Reading([], f"line {problem.lineno}, column {problem.colno}: {problem.msg}")
    except (ValueError, RecursionError):
        return Reading([], "no JSON")
    if _HALF_PAIR.search(json.dumps(value, ensure_ascii=False)):
        return Reading([], "half a surrogate pair")
    validator = jsonschema.Draft202012Validator(schema, format_checker=_FORMATS, registry=_NOWHERE)
    try:
        worst = jsonschema.exceptions.best_match(validator.iter_errors(value))
    except OverflowError:
        return Reading([], "a number that is too large")
    if worst is not None:
        return Reading([], f"{_place(worst)}: {_said(worst)}")
    return Reading(list(_values(value, ())))


def _no_number(name: str) -> float:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits[:40])
    return number


def _values(value: Any, names: tuple[str, ...]) -> Iterator[Value]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(inner, (*names, name))
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for number, inner in enumerate(value, start=1):
            yield from _values(inner, (*names, str(number)))
    elif isinstance(value, list):
        yield Value(_JOINED.join(names) or "value", ", ".join(_text(each) for each in value))
    else:
        yield Value(_JOINED.join(names) or "value", _text(value))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def says_nothing(text: str) -> bool:
    """Whether a value says that the documents do not hold it."""
    return not text.strip() or bool(_SAYS_NOTHING.fullmatch(text.strip()))


_FORMATS = jsonschema.FormatChecker(formats=())
_NOWHERE: referencing.Registry[Any] = referencing.Registry()
"""What a schema refers to lies within itself: jsonschema's own registry would fetch it from the network."""


@_FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    from datetime import date

    if isinstance(value, str):
        date.fromisoformat(value if _DATE.fullmatch(value) else "")
    return True


def _place(problem: jsonschema.exceptions.ValidationError | jsonschema.exceptions.SchemaError) -> str:
    return "/" + "/".join(str(each) for each in problem.absolute_path)


def _said(problem: jsonschema.exceptions.ValidationError | jsonschema.exceptions.SchemaError) -> str:
    return problem.message[:200]


_RECORD_SCHEMA = {
    "anyOf": [
        {
            "properties": {
                "answer": {"type": "string", "minLength": 1},
                "quote": {"type": "string", "minLength": 1},
                "page": {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 1}]},
                "found": {"const": True},
            },
            "required": ["answer", "quote", "page", "found"],
        },
        {
            "properties": {
                "answer": {"const": ""},
                "quote": {"const": ""},
                "page": {"const": None},
                "found": {"const": False},
            },
            "required": ["answer", "quote", "page", "found"],
        },
    ]
}

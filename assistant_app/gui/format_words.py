"""Formats in words: what they are called, what is wrong with an answer, values as JSON and CSV."""

from __future__ import annotations

import json
from typing import get_args

import msgspec
from PySide6.QtCore import QCoreApplication

from assistant_app import spreadsheets
from assistant_app.protocol.assistants import FieldType
from assistant_app.protocol.records import Answer, AnswerValue, Format

KINDS: tuple[Format, ...] = ("text", "schema", "labels", "template", "record")
"""In the order in which they are offered."""

TYPES: tuple[FieldType, ...] = get_args(FieldType)


def _tr(words: str) -> str:
    return QCoreApplication.translate("formats", words)


def kind_words(kind: str) -> str:
    """What a format is called."""
    known = {
        "text": _tr("Free text"),
        "schema": _tr("JSON by a schema"),
        "labels": _tr("One of several labels"),
        "template": _tr("Template with slots"),
        "record": _tr("Docent's record"),
    }
    return known.get(kind, kind)


def type_words(kind: FieldType) -> str:
    """What a type of field is called."""
    known = {
        "text": _tr("Text"),
        "number": _tr("Number"),
        "whole number": _tr("Whole number"),
        "yes or no": _tr("Yes or no"),
        "date": _tr("Date"),
        "list": _tr("List of texts"),
    }
    return known.get(kind, kind)


def problem_sentence(problem: str) -> str:
    """Why, and where, an answer is not in its format, in a sentence; ``problem`` is that of :class:`Answer`."""
    known = {
        "none of the labels": _tr("It is none of the labels."),
        "its fixed words are not those of the template": _tr("Its fixed words are not those of the template."),
        "too long": _tr("It is too long."),
        "no JSON": _tr("It is no JSON."),
        "no record": _tr("It is no record."),
        "half a surrogate pair": _tr("It holds half of a character."),
    }
    if problem in known:
        return known[problem]
    place, _, reason = problem.partition(": ")
    if place.startswith("/") and reason:  # a path in the answer, as JSON Pointer writes it
        where = _tr("As a whole") if place == "/" else _tr("At {place}").format(place=place[1:].replace("/", " › "))
        return f"{where}: {reason.rstrip('.')}."
    return f"{problem[:1].upper()}{problem[1:].rstrip('.')}."


def shown_values(answer: Answer) -> list[AnswerValue]:
    """The values as they are shown: a label like "Not stated" says nothing of the documents, but is the answer."""
    if answer.format == "labels":
        return [msgspec.structs.replace(value, text=value.text or answer.answer) for value in answer.values]
    return answer.values


def as_json(answer: Answer) -> str:
    """The values of a structured answer as JSON: its own text where that is JSON, else names and values."""
    if answer.format in ("schema", "record"):
        return answer.answer
    return json.dumps({value.name: value.text for value in shown_values(answer)}, ensure_ascii=False, indent=2)


def as_csv(answer: Answer) -> str:
    """The values of a structured answer as two lines: their names, and what they are."""
    values = shown_values(answer)
    return spreadsheets.as_csv([[value.name for value in values], [value.text for value in values]])

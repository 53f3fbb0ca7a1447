"""The shapes that an answer may have: free text with ``[n]`` marks, or a record (one JSON object).

A model's output is untrusted: :func:`read_record` believes nothing of it.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from assistant_app.protocol.records import Format

TEXT: Format = "text"
RECORD: Format = "record"
FORMATS: tuple[Format, ...] = (TEXT, RECORD)

_LONGEST = 20_000
"""Characters of a record; a model that writes more is in a loop."""

_DEEPEST = 40
"""Nested brackets: json's own limit is the stack's."""

_HALF_PAIR = re.compile("[\ud800-\udfff]")
"""No text: it cannot be written as UTF-8."""


class AnswerRecord(NamedTuple):
    """A record's fields. Where ``found`` is false the others are empty."""

    answer: str
    quote: str
    page: int | None
    found: bool


def write_record(record: AnswerRecord) -> str:
    """The record as JSON, on one line, as an adapter learns it."""
    return json.dumps(record._asdict(), ensure_ascii=False)


def read_record(text: str) -> AnswerRecord | None:
    """The record that ``text`` is, or null where it is none: not one JSON object, a field too many or too few or of
    another type, ``found`` with an empty answer or quote, not ``found`` with any of them, half a surrogate pair."""
    if len(text) > _LONGEST or text.count("{") > _DEEPEST or text.count("[") > _LONGEST // 100:
        return None
    try:
        value = json.loads(text, object_pairs_hook=_no_key_twice)
    except ValueError:
        return None
    if not isinstance(value, dict) or value.keys() != set(AnswerRecord._fields):
        return None
    answer, quote, page, found = (value[field] for field in AnswerRecord._fields)
    is_page = page is None or (type(page) is int and page >= 1)
    if not (isinstance(answer, str) and isinstance(quote, str) and is_page and type(found) is bool):
        return None
    if _HALF_PAIR.search(answer) or _HALF_PAIR.search(quote):
        return None
    has_all, has_none = bool(answer.strip() and quote.strip()), not (answer or quote or page)
    return AnswerRecord(answer, quote, page, found) if (has_all if found else has_none) else None


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key stands twice")
    return dict(pairs)

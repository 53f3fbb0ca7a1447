"""Assistants and formats: what a person wants every time, and the requests and events about them."""

from __future__ import annotations

from typing import Literal

import msgspec

from assistant_app.protocol.message import Message
from assistant_app.protocol.records import Answer, Record
from assistant_app.protocol.records import OutputFormat as OutputFormat

FieldType = Literal["text", "number", "whole number", "yes or no", "date", "list"]
"""What a row of the table of fields holds; a list is one of texts."""


class FormatField(Record):
    """A row of the table that a JSON schema is made from."""

    name: str
    type: FieldType = "text"
    description: str = ""
    required: bool = True


class Assistant(Record):
    """What is asked for again and again: instructions, where to look, what answers, and in which format.

    Attributes:
        name: unique, as far as case goes; ``about``: what it is for, one sentence.
        instructions: what the model is told besides Docent's own instructions.
        question: what is asked of each document of a table, and offered when the assistant is chosen.
        collections: looked in; empty: wherever the composer says.
        model: a file's path, "" for the one in use.
        adapter: a file's path or a name, "none" for none, "" for the one in use; ``scale`` null: as in the settings.
        temperature, max_tokens, passages, exact: null: as in the settings.
        shipped: it comes with Docent: it can be duplicated, not changed.
    """

    name: str
    about: str = ""
    instructions: str = ""
    question: str = ""
    collections: list[str] = []
    model: str = ""
    adapter: str = ""
    scale: float | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    passages: int | None = None
    exact: bool | None = None
    format: OutputFormat = msgspec.field(default_factory=OutputFormat)
    shipped: bool = False


class Row(Record):
    """A document's line in a table; ``answer`` null: not asked yet, or ``code`` (with ``details``) says why not."""

    path: str
    answer: Answer | None = None
    code: str | None = None
    details: dict[str, str | int | float | None] = {}


# ---------------------------------------------------------------- requests


class ListAssistants(Message, tag="list_assistants"):
    """Answered, like all that change assistants, by :class:`Assistants`."""


class SaveAssistant(Message, tag="save_assistant"):
    """Keep a new assistant, or in the place of the one named ``instead``."""

    assistant: Assistant
    instead: str = ""


class DeleteAssistant(Message, tag="delete_assistant"):
    """Throw one out; saving it again puts it back."""

    name: str


class ImportAssistant(Message, tag="import_assistant"):
    """Take an assistant in from a TOML file; where its name is taken it gets a number."""

    path: str


class ExportAssistant(Message, tag="export_assistant"):
    """Write one as a TOML file. Answered by ``Done``."""

    name: str
    path: str


class CheckFormat(Message, tag="check_format"):
    """Whether a format can be used; ``fields`` are made into its schema first. Answered by :class:`FormatChecked`."""

    format: OutputFormat
    fields: list[FormatField] | None = None


class FillTable(Message, tag="fill_table"):
    """Ask an assistant's question of each document. Begun again under the same ``name`` it goes on where it was.

    Progress: :class:`RowFilled`. Final: :class:`Table`. Cancelled, what is filled is kept.

    Attributes:
        paths: the documents; empty: those of the assistant's collections, or all.
        anew: forget what was filled before.
    """

    assistant: str
    question: str = ""
    paths: list[str] = []
    anew: bool = False


class ReadTable(Message, tag="read_table"):
    """What was filled before of the ``paths`` (as in :class:`FillTable`) and holds still. Answered by :class:`Table`.

    A line holds as long as its document and the assistant are as they were when it was filled. The question is the one
    that was asked last, or the assistant's own where nothing holds.
    """

    assistant: str
    paths: list[str] = []


class ExportTable(Message, tag="export_table"):
    """Write the lines of ``paths`` that hold, in that order, as ``.csv`` or ``.xlsx``, with the page of each cell.

    ``question`` and ``paths`` are as in :class:`FillTable`. Answered by ``Done``.
    """

    assistant: str
    path: str
    question: str = ""
    paths: list[str] = []


# ---------------------------------------------------------------- events


class Assistants(Message, tag="assistants"):
    """All assistants, the person's own first. ``saved`` names the one that was saved or taken in."""

    assistants: list[Assistant]
    saved: str = ""


class FormatChecked(Message, tag="format_checked"):
    """The format as it can be used, and its fields where they fit a table.

    Attributes:
        code: why it cannot be used, null where it can; ``line`` and ``column`` (from 1) tell the place in the schema's
            text, where that is known.
    """

    format: OutputFormat
    fields: list[FormatField] | None = None
    code: str | None = None
    details: dict[str, str | int | float | None] = {}
    line: int | None = None
    column: int | None = None


class RowFilled(Message, tag="row_filled"):
    """``done`` of ``total`` documents have their line; ``seconds_left`` is null until it can be told."""

    row: Row
    done: int
    total: int
    seconds_left: float | None = None


class Table(Message, tag="table"):
    """The lines that are filled; ``columns`` are the names of the format's values; ``stopped``: some are missing."""

    assistant: str
    question: str
    columns: list[str]
    rows: list[Row]
    stopped: bool = False

"""The format report: which of four ways keeps answers in their format, and whether an adapter earns its place."""

from __future__ import annotations

from typing import Literal

from assistant_app.protocol.message import Message
from assistant_app.protocol.records import Format, Record

WayName = Literal["instructions", "grammar", "adapter", "adapter_grammar"]
Advice = Literal["too_few", "instructions", "grammar", "adapter", "adapter_grammar"]
"""``too_few``: so few questions prove nothing; else the way to take."""


FEWEST = 10
"""With fewer questions nothing is advised."""


class Way(Record):
    """What one way of getting a format was worth on the same questions and passages as the others.

    Attributes:
        asked: questions; ``valid``: answers in the format, ``low`` and ``high`` the 95 % interval of their share
            (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953).
        agreement: mean share of fields that are as in the approved answer, over ``compared`` questions; null: none.
        tokens, seconds: medians, of the answer.
    """

    way: WayName
    asked: int
    valid: int
    low: float
    high: float
    agreement: float | None = None
    compared: int = 0
    tokens: float = 0.0
    seconds: float = 0.0


class FormatReport(Record):
    """A measurement on a person's own documents.

    Attributes:
        adapter: its file's name; ``adapter_hash``, ``base_hash``: SHA-256 of the files.
        assistant: whose format and instructions were asked for, "" for the adapter's own format.
        approved: how many of the questions have an approved answer.
        made_at: UTC.
    """

    adapter: str
    adapter_hash: str
    base_hash: str
    base: str
    format: Format
    ways: list[Way]
    advice: Advice
    assistant: str = ""
    approved: int = 0
    made_at: str = ""
    seconds: float = 0.0


# ---------------------------------------------------------------- requests


class CheckAdapter(Message, tag="check_adapter"):
    """Measure an adapter on at most ``count`` of the person's own questions. Progress: :class:`ReportProgress`. Final:
    :class:`FormatReported`.

    Attributes:
        adapter: a path or a name.
        assistant: name of the one whose format is wanted; "": the adapter's own.
        questions: what is asked; empty: approved answers, then earlier questions, then headings of the documents.
    """

    adapter: str
    assistant: str = ""
    count: int = 20
    questions: list[str] = []


class ReadReport(Message, tag="read_report"):
    """The newest report on an adapter. Answered by :class:`FormatReported`."""

    adapter: str


# ---------------------------------------------------------------- events


class ReportProgress(Message, tag="report_progress"):
    """``done`` of ``total`` answers; ``seconds_left`` is null until it can be told."""

    way: WayName
    done: int
    total: int
    seconds_left: float | None = None


class FormatReported(Message, tag="format_reported"):
    """``report`` is null where none was made yet."""

    report: FormatReport | None

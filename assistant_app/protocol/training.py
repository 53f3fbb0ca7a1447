"""Approvals and training: the records, requests and events that belong to them."""

from __future__ import annotations

from typing import Literal

from assistant_app.protocol.message import Message
from assistant_app.protocol.records import AdapterCard as AdapterCard
from assistant_app.protocol.records import Figures as Figures
from assistant_app.protocol.records import Format, OutputFormat, Record

Origin = Literal["answer", "edited", "imported"]
"""Where an approval comes from: an answer as it stood, one that a person corrected, a file."""

Problem = Literal["empty", "format_invalid", "not_cited", "cites_nothing_there", "too_long", "duplicate", "secret"]
"""Why an approval does not count: nothing in it; not in its format; a claim without ``[n]``; an ``[n]`` that is no
source of it; longer than the base's context; its question, sources and format stand in an older one; it holds what
reads like a password or a key."""

ChatShape = Literal["openai", "chatml"]
"""A line of an exported file: ``{"messages": [{"role", "content"}, …]}``, or ``{"text": "<|im_start|>…"}``."""

TrainingState = Literal["preparing", "training", "exporting", "measuring", "paused", "stopped"]
"""``stopped``: nobody trains it now; it can be resumed from its checkpoint."""

Verdict = Literal["train", "not_yet", "do_not"]


# ---------------------------------------------------------------- records


class SourceText(Record):
    """A passage as the model is given it; ``page`` is null where its document has no pages."""

    name: str
    text: str
    page: int | None = None


class Example(Record):
    """A question on ``sources`` (their numbers in the answer count from 1) and the answer it should get.

    Where ``messages`` are given (role and content), they are the prompt, and the question is only told. ``shape`` says
    more of a format that is a person's own, ``instructions`` are theirs.
    """

    question: str
    answer: str
    sources: list[SourceText] = []
    format: Format = "text"
    messages: list[dict[str, str]] = []
    shape: OutputFormat | None = None
    instructions: str = ""


class Approval(Record):
    """An example that a person approved.

    Attributes:
        problems: why it does not count, most serious first; ``accepted``: the person lets it count all the same (only
            ``not_cited``, ``duplicate`` and ``secret`` can be accepted).
        counts: it is learnt from.
        turn: the turn that it comes from, null for an import or where that was deleted.
        approved_at: UTC, as ``2026-01-31T12:00:00.000Z``.
    """

    id: int
    example: Example
    origin: Origin
    problems: list[Problem] = []
    accepted: bool = False
    counts: bool = True
    turn: int | None = None
    approved_at: str = ""


class Training(Record):
    """A training that is running or was begun.

    ``loss`` is the last step's, in nats; ``losses`` those of all steps until now (only in :class:`Trainings`).
    ``seconds_left`` is null until it can be told.
    """

    name: str
    state: TrainingState
    step: int = 0
    steps: int = 0
    loss: float | None = None
    seconds_left: float | None = None
    losses: list[float] = []


class Replies(Record):
    """What only the person knows; null: not said yet.

    Attributes:
        knowledge: the answers are to hold facts that the model does not have.
        changes: what they say changes now and then.
        instructed: they tried it with instructions (an assistant, or a format) first, and that did not suffice.
        repeated: the same output shape is needed again and again.
    """

    knowledge: bool | None = None
    changes: bool | None = None
    instructed: bool | None = None
    repeated: bool | None = None


class Guide(Record):
    """Whether training is advised, and why; ``reasons`` are codes, the deciding ones first.

    Attributes:
        examples: approvals in all; ``counting``: those that count; ``needed``: as many must.
        formats: counting approvals by format; ``problems``: approvals by problem.
        answers: answers of the base, without an adapter, that were looked at; ``valid``: the share of them that is in
            its format; null where there are none.
        installed: the training libraries are there; ``install`` is the command that adds them.
        base: name of the model that is trained on, ``supported``: its architecture can be.
        memory_bytes: estimate; ``free_bytes``: what this computer has free now.
        seconds: estimate of the training's time, null where the speed is not known yet.
    """

    verdict: Verdict
    reasons: list[str]
    examples: int
    counting: int
    needed: int
    formats: dict[str, int]
    problems: dict[str, int]
    answers: int
    valid: float | None
    installed: bool
    install: str
    base: str
    supported: bool
    memory_bytes: int
    free_bytes: int
    seconds: float | None = None


# ---------------------------------------------------------------- requests


class Approve(Message, tag="approve"):
    """Approve the answer of a turn as it stands, or as ``answer``: what it should have been, with the ``[n]`` of the
    citations shown. ``withdraw`` takes the approval back. Answered by :class:`Approved`."""

    turn: int
    answer: str | None = None
    withdraw: bool = False


class ListApprovals(Message, tag="list_approvals"):
    """Answered, like all that change approvals, by :class:`Approvals`."""


class ChangeApproval(Message, tag="change_approval"):
    """Give an approval another question or answer, or let it count in spite of its problems; null: as it is."""

    approval: int
    question: str | None = None
    answer: str | None = None
    accepted: bool | None = None


class DeleteApprovals(Message, tag="delete_approvals"):
    """Throw approvals out; they can be put back until Docent ends a day later."""

    approvals: list[int]


class PutBackApprovals(Message, tag="put_back_approvals"):
    """Undo :class:`DeleteApprovals`."""

    approvals: list[int]


class ImportApprovals(Message, tag="import_approvals"):
    """Read a JSONL file in Docent's own or either chat shape. Answered by :class:`ApprovalsImported`."""

    path: str


class ExportApprovals(Message, tag="export_approvals"):
    """Write the approvals that count as JSONL. Answered by ``Done``."""

    path: str
    shape: ChatShape = "openai"


class ReadGuide(Message, tag="read_guide"):
    """Answered by :class:`Guided`."""

    replies: Replies


class TrainAdapter(Message, tag="train_adapter"):
    """Train an adapter from the approvals that count, or go on with one that was begun under this name.

    Progress: :class:`TrainingProgress`. Final: :class:`AdapterTrained`. Cancelled, it keeps its checkpoint.
    """

    name: str
    epochs: int | None = None


class PauseTraining(Message, tag="pause_training"):
    """Stop after the step in hand, or go on. Answered by ``Done``; :class:`TrainingProgress` tells the state."""

    paused: bool


class ListTrainings(Message, tag="list_trainings"):
    """Answered, like :class:`DiscardTraining`, by :class:`Trainings`: those that run and those that can be resumed."""


class DiscardTraining(Message, tag="discard_training"):
    """Delete a begun training with its checkpoint."""

    name: str


# ---------------------------------------------------------------- events


class Approved(Message, tag="approved"):
    """The turn's approval, null where it was withdrawn."""

    turn: int
    approval: Approval | None


class Approvals(Message, tag="approvals"):
    """All approvals, the newest first."""

    approvals: list[Approval]


class ApprovalsImported(Message, tag="approvals_imported"):
    """All approvals, and what the file brought: ``added``, and of these how many do not count by problem."""

    approvals: list[Approval]
    added: int
    problems: dict[str, int]


class Guided(Message, tag="guided"):
    guide: Guide


class TrainingProgress(Message, tag="training_progress"):
    training: Training


class AdapterTrained(Message, tag="adapter_trained"):
    """The adapter is there and can be chosen."""

    path: str
    card: AdapterCard


class Trainings(Message, tag="trainings"):
    trainings: list[Training]

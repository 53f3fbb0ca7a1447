"""Should one train at all? Knowledge belongs into documents, and what instructions can do needs no adapter.

The order of the questions is the product's own rule: embeddings supply knowledge and follow change, adapters supply
behaviour and must earn their place.
"""

from __future__ import annotations

from typing import NamedTuple

from assistant_app.protocol.training import Replies, Verdict

NEEDED = 12
"""Approvals that count, with fewer of which nothing is learnt that lasts."""

VALID_ENOUGH = 0.98
"""Share of answers in their format from which on instructions suffice."""

LOOKED_AT_LEAST = 20
"""Answers, with fewer of which that share says nothing."""


class Facts(NamedTuple):
    """What Docent knows by itself.

    Attributes:
        answers: answers of the base without an adapter; ``valid``: the share of them that is in its format.
    """

    counting: int
    not_counting: int
    answers: int
    valid: float | None
    installed: bool
    supported: bool
    fits: bool


def advise(facts: Facts, replies: Replies) -> tuple[Verdict, list[str]]:
    """The verdict, and codes of its reasons, the deciding ones first."""
    against = [
        code
        for code, applies in (
            ("needs_knowledge", replies.knowledge),
            ("content_changes", replies.changes),
            ("instructions_untried", replies.instructed is False),
            ("not_repeated", replies.repeated is False),
            ("instructions_suffice", _suffice(facts)),
        )
        if applies
    ]
    lacking = [
        code
        for code, applies in (
            ("unsupported_base", not facts.supported),
            ("not_installed", not facts.installed),
            ("no_memory", not facts.fits),
            ("too_few_examples", facts.counting < NEEDED),
        )
        if applies
    ]
    said = (replies.knowledge, replies.changes, replies.instructed, replies.repeated)
    open_questions = ["questions_open"] if None in said else []
    problems = ["problems"] if facts.not_counting else []
    if against:
        return "do_not", [*against, *lacking, *problems]
    if lacking or open_questions:
        return "not_yet", [*lacking, *open_questions, *problems]
    return "train", ["rigid_and_repeated", *problems]


def _suffice(facts: Facts) -> bool:
    return facts.valid is not None and facts.answers >= LOOKED_AT_LEAST and facts.valid >= VALID_ENOUGH

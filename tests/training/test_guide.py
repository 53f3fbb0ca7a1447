"""The advice: knowledge belongs into documents, instructions come first, and what is lacking is said."""

from __future__ import annotations

import pytest

from assistant_app.protocol.training import Replies
from assistant_app.training.guide import LOOKED_AT_LEAST, NEEDED, VALID_ENOUGH, Facts, advise

READY = Facts(counting=NEEDED, not_counting=0, answers=40, valid=0.5, installed=True, supported=True, fits=True)
YES = Replies(knowledge=False, changes=False, instructed=True, repeated=True)


def facts(**changes: object) -> Facts:
    return READY._replace(**changes)


def replies(**changes: bool | None) -> Replies:
    return Replies(**{"knowledge": False, "changes": False, "instructed": True, "repeated": True, **changes})


@pytest.mark.parametrize(
    ("known", "said", "verdict", "reasons"),
    [
        (READY, YES, "train", ["rigid_and_repeated"]),
        (facts(not_counting=3), YES, "train", ["rigid_and_repeated", "problems"]),
        (facts(answers=0, valid=None), YES, "train", ["rigid_and_repeated"]),
        # Nothing said yet, or not all of it.
        (READY, Replies(), "not_yet", ["questions_open"]),
        (READY, replies(repeated=None), "not_yet", ["questions_open"]),
        (facts(counting=0), Replies(), "not_yet", ["too_few_examples", "questions_open"]),
        # What speaks against it outweighs all else, and comes first.
        (READY, replies(knowledge=True), "do_not", ["needs_knowledge"]),
        (READY, replies(changes=True), "do_not", ["content_changes"]),
        (READY, replies(instructed=False), "do_not", ["instructions_untried"]),
        (READY, replies(repeated=False), "do_not", ["not_repeated"]),
        (READY, Replies(knowledge=True), "do_not", ["needs_knowledge"]),
        (
            READY,
            Replies(knowledge=True, changes=True, instructed=False, repeated=False),
            "do_not",
            ["needs_knowledge", "content_changes", "instructions_untried", "not_repeated"],
        ),
        (
            facts(counting=2, not_counting=1, installed=False),
            replies(knowledge=True),
            "do_not",
            ["needs_knowledge", "not_installed", "too_few_examples", "problems"],
        ),
        # Instructions suffice where nearly all answers are in their format already, and enough were looked at.
        (facts(valid=VALID_ENOUGH), YES, "do_not", ["instructions_suffice"]),
        (facts(valid=VALID_ENOUGH, answers=LOOKED_AT_LEAST), YES, "do_not", ["instructions_suffice"]),
        (facts(valid=1.0, answers=LOOKED_AT_LEAST - 1), YES, "train", ["rigid_and_repeated"]),
        (facts(valid=VALID_ENOUGH - 0.01), YES, "train", ["rigid_and_repeated"]),
        # What is lacking.
        (facts(counting=NEEDED - 1), YES, "not_yet", ["too_few_examples"]),
        (facts(installed=False), YES, "not_yet", ["not_installed"]),
        (facts(supported=False), YES, "not_yet", ["unsupported_base"]),
        (facts(fits=False), YES, "not_yet", ["no_memory"]),
        (
            Facts(counting=0, not_counting=5, answers=0, valid=None, installed=False, supported=False, fits=False),
            YES,
            "not_yet",
            ["unsupported_base", "not_installed", "no_memory", "too_few_examples", "problems"],
        ),
    ],
)
def test_the_advice(known: Facts, said: Replies, verdict: str, reasons: list[str]) -> None:
    assert advise(known, said) == (verdict, reasons)

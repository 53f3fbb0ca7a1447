"""A looping answer is noticed and cut; an answer that merely repeats a word is left alone."""

from __future__ import annotations

import pytest

from assistant_app.answering.repetition import LoopGuard, looped_length

SENTENCE = "It is a tool that allows you to check the answer of a document. "


def fed(text: str, size: int) -> LoopGuard:
    """A guard that was given ``text`` until it noticed a loop."""
    guard = LoopGuard()
    for start in range(0, len(text), size):
        if guard.looped:
            break
        guard.feed(text[start : start + size])
    return guard


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_loop_is_noticed_and_one_copy_stays(size: int) -> None:
    text = "The guide explains it. " + SENTENCE * 9
    guard = fed(text, size)
    assert guard.looped
    assert guard.without_loop(guard._text).count("It is a tool") == 1
    assert guard.without_loop(guard._text).startswith("The guide explains it.")


@pytest.mark.parametrize(
    "text",
    [
        "Yes, yes, yes.",
        "| a | b |\n| - | - |\n| - | - |\n| - | - |\n",
        SENTENCE * 2,
        "1. Quality: we care. 2. Respect: we care. 3. Teamwork: we care.",
        "",
    ],
)
def test_what_is_no_loop_is_left_alone(text: str) -> None:
    guard = fed(text, 4)
    assert not guard.looped
    assert guard.without_loop(text) == text


def test_the_length_is_that_of_all_copies_but_one() -> None:
    assert looped_length("ab" + "0123456789abcdef." * 3) == 2 * len("0123456789abcdef.")

"""Answers that are cut from the sources: what may be written, letter by letter, and which examples teach it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.answering.extracts import Extracts, are_extracts
from assistant_app.answering.prompts import NOT_FOUND
from assistant_app.protocol.training import Example, SourceText

SOURCES = ["The deductible is $2,000 a year.\nIt covers dental care.", "Dental care is free; see annex [3]."]


def is_allowed(answer: str, sources: list[str] | None = None) -> bool:
    """Whether ``answer`` can be written byte by byte, and may end there."""
    rule, text = Extracts(SOURCES if sources is None else sources), answer.encode()
    return all(rule.allows(text[:end]) for end in range(1, len(text) + 1)) and rule.may_end(text)


@pytest.mark.parametrize(
    "answer",
    [
        "$2,000 [1].",
        "$2,000 a year [1].",
        "year. It covers [1].",  # a new line is a blank to the model
        "care [1].",
        "Dental care [2].",
        "see annex (3) [2].",  # as the model is given it
        NOT_FOUND,
    ],
)
def test_words_of_a_source_with_its_number_or_a_refusal(answer: str) -> None:
    assert is_allowed(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "$3,000 [1].",
        "dental care [2].",  # there it is written otherwise
        "Dental care [1].",
        "$2,000 [3].",
        "$2,000 [0].",
        "$2,000 [12].",
        "$2,000",
        "$2,000 [1]",
        "eductible [1].",
        "deduct [1].",
        " [1].",
        "",
        "Not in your",
        "The deductible [1]. It covers [1].",
    ],
)
def test_everything_else_cannot_be_written(answer: str) -> None:
    assert not is_allowed(answer)


def test_scripts_without_blanks_are_cut_anywhere() -> None:
    assert is_allowed("京都 [1].", ["会議は京都で開かれた。"])
    assert is_allowed("Straße [1].", ["Die Straße war lang."])


def test_of_ten_sources_and_more() -> None:
    sources = [f"Room {number} is blue." for number in range(1, 13)]
    assert is_allowed("Room 12 [12].", sources)
    assert not is_allowed("Room 12 [1].", sources)
    assert is_allowed("blue [12].", sources)
    assert is_allowed("blue [1].", sources)


@given(st.text(max_size=60), st.text(max_size=20))
def test_whatever_the_source_holds_the_rule_answers(source: str, answer: str) -> None:
    rule = Extracts([source, ""])
    assert not rule.may_end(answer.encode("utf-8", "replace")) or "[" in answer or answer == NOT_FOUND
    rule.allows(answer.encode("utf-8", "replace"))


def example(answer: str, **more: object) -> Example:
    sources = [SourceText(name="plan", text=text, page=1) for text in SOURCES]
    return Example(question="How much?", sources=sources, answer=answer, **more)  # type: ignore[arg-type]


def test_examples_teach_extracts_if_nearly_all_of_them_are() -> None:
    good = [example("$2,000 [1]."), example(NOT_FOUND)] * 49
    assert are_extracts(good)
    assert are_extracts([*good, example("It is $2,000 [1].")])
    assert not are_extracts([*good, *[example("It is $2,000 [1].")] * 3])
    assert not are_extracts([])
    assert not are_extracts([example("$2,000 [1].", instructions="Be brief.")])
    assert not are_extracts([example("$2,000 [1].", format="labels")])

"""What answers are worth: figures that were worked out by hand."""

from __future__ import annotations

import json

import pytest

from assistant_app.answering.format_check import Said, beats, f1, is_valid, measure, normal
from assistant_app.protocol.records import Figures, OutputFormat
from assistant_app.protocol.training import Example, SourceText

SOURCES = [
    SourceText(name="rules", text="The fee is five euros a month.", page=1),
    SourceText(name="rules", text="Dogs  are\nwelcome on Fridays.", page=2),
    SourceText(name="notes", text="The fee is five euros a month.", page=9),
]
NOT_FOUND = "Not in your documents."


def asked(answer: str = "It is five euros [1].", **fields: object) -> Example:
    return Example(**{"question": "What is the fee?", "answer": answer, "sources": SOURCES, **fields})


def record(answer: str = "five euros", quote: str = "The fee is five euros", page: int | None = 1) -> str:
    return json.dumps({"answer": answer, "quote": quote, "page": page, "found": bool(answer)})


def none() -> str:
    return record("", "", None)


def figures(example: Example, *answers: str) -> Figures:
    return measure([example] * len(answers), [Said(each, 0.5) for each in answers])


# ---------------------------------------------------------------- free text


@pytest.mark.parametrize(
    ("text", "sources", "valid"),
    [
        ("It is five euros [1].", 3, True),
        ("It is five euros [ 3 ].", 3, True),
        ("It is five euros [1][2].", 3, True),
        ("It is five euros [4].", 3, False),
        ("It is five euros [1] [4].", 3, False),
        ("It is five euros [0].", 3, False),
        ("It is five euros.", 3, False),
        ("[1]", 3, False),
        ("[1].", 3, False),
        ("", 3, False),
        (" \n", 3, False),
        ("It is five euros [1].", 0, False),
        (NOT_FOUND, 3, True),
        (NOT_FOUND, 0, True),
        ("The sources do not contain the answer.", 3, True),
        ("It is five euros.", -1, True),
        ("It is five euros [44].", -1, True),
        ("...", -1, False),
    ],
)
def test_free_text_is_valid_if_it_cites_what_there_is_or_refuses(text: str, sources: int, valid: bool) -> None:
    assert is_valid(text, OutputFormat(), sources) is valid


def test_a_record_is_valid_if_it_is_one() -> None:
    assert is_valid(record(), OutputFormat(kind="record"), 3)
    assert is_valid(f"\n{none()}\n", OutputFormat(kind="record"), 3)
    assert not is_valid("It is five euros [1].", OutputFormat(kind="record"), 3)
    assert not is_valid(record("five euros", ""), OutputFormat(kind="record"), 3)
    assert not is_valid(NOT_FOUND, OutputFormat(kind="record"), 3)


# ---------------------------------------------------------------- words


def test_words_are_compared_as_squad_does() -> None:
    assert normal("The Fee, an “amount”: 5.50 a month!") == "fee “amount” 550 month"
    assert f1("five euros", "five euros") == 1.0
    assert f1("The five euros.", "five euros") == 1.0
    assert f1("five euros", "ten dollars") == 0.0
    assert f1("", "five euros") == 0.0
    assert f1("five", "five euros") == pytest.approx(2 / 3)  # precision 1, recall 1/2
    assert f1("it is five euros a month", "five euros") == pytest.approx(4 / 7)  # 2 of 5, 2 of 2
    assert f1("five five five", "five euros") == pytest.approx(2 / 5)  # a word counts as often as it stands there


# ---------------------------------------------------------------- figures


def test_figures_of_free_text() -> None:
    found = measure(
        [asked(), asked(), asked(), asked(), asked(NOT_FOUND), asked(NOT_FOUND), asked(NOT_FOUND)],
        [
            Said("It is five euros [1].", 1.0),
            Said("five euros [3].", 2.0),  # the right words, another source
            Said("It is five euros.", 3.0),  # cites nothing: not valid
            Said(NOT_FOUND, 4.0),  # wrongly refused
            Said(NOT_FOUND, 5.0),
            Said("It is ten [2].", 6.0),
            Said("", 7.0),  # nothing is no refusal
        ],
    )
    assert found == Figures(
        examples=7,
        valid=round(5 / 7, 4),
        f1=round((1 + 2 * 2 / 6 + 1 + 0) / 4, 4),
        exact=2 / 4,
        cited=1 / 4,
        refused=round(1 / 3, 4),
        wrongly_refused=1 / 4,
        seconds=4.0,
    )


def test_figures_of_records() -> None:
    example = asked(record(), format="record")
    found = measure(
        [example, example, example, example, example, asked(none(), format="record")],
        [
            Said(record(), 1.0),
            Said(record(quote="fee  is five\neuros"), 1.0),  # other white space
            Said(record(page=9), 1.0),  # the same words of another source
            Said(record(quote="The fee is ten euros"), 1.0),  # stands nowhere
            Said(record()[:-1], 1.0),  # no record
            Said(none(), 1.0),
        ],
    )
    assert found == Figures(
        examples=6,
        valid=round(5 / 6, 4),
        f1=0.8,
        exact=0.8,
        cited=2 / 5,
        refused=1.0,
        wrongly_refused=0.0,
        seconds=1.0,
    )
    refused = figures(example, none())
    assert (refused.valid, refused.wrongly_refused, refused.f1, refused.cited) == (1.0, 1.0, 0.0, 0.0)


def test_a_quote_of_a_source_without_pages() -> None:
    example = asked(record(page=None), format="record", sources=[SourceText(name="n", text="The fee is five euros.")])
    assert figures(example, record(page=None)).cited == 1.0
    assert figures(example, record(page=1)).cited == 0.0


def test_other_wordings_count_as_much() -> None:
    found = measure([asked()], [Said("Five euros [1]", 1.0)], accepted=[["five euros"]])
    assert (found.f1, found.exact) == (1.0, 1.0)
    found = measure([asked()], [Said("Five euros [1]", 1.0)], accepted=[[]])
    assert (found.f1, found.exact) == (round(4 / 6, 4), 0.0)


def test_a_prompt_of_its_own_has_no_sources_that_are_known() -> None:
    example = asked("Verily.", sources=[], messages=[{"role": "user", "content": "What is the fee?"}])
    found = figures(example, "Verily.", "Maybe.")
    assert (found.valid, found.exact, found.cited, found.refused) == (1.0, 0.5, None, None)


def test_nothing_asked_is_nothing_measured() -> None:
    assert measure([], []) == Figures(examples=0)
    assert figures(asked(NOT_FOUND), NOT_FOUND).f1 is None


# ---------------------------------------------------------------- better


@pytest.mark.parametrize(
    ("adapter", "base", "better"),
    [
        ({"valid": 1.0, "f1": 0.6}, {"valid": 0.5, "f1": 0.5}, True),
        ({"valid": 0.5, "f1": 0.6}, {"valid": 0.5, "f1": 0.5}, True),
        ({"valid": 0.4, "f1": 0.9}, {"valid": 0.5, "f1": 0.5}, False),
        ({"valid": 1.0, "f1": 0.5}, {"valid": 0.5, "f1": 0.5}, False),
        ({"valid": 1.0, "f1": 0.4}, {"valid": 0.5, "f1": 0.5}, False),
        ({"valid": 1.0, "f1": 0.4, "cited": 0.9}, {"valid": 0.5, "f1": 0.5, "cited": 0.5}, True),
        ({"valid": 1.0, "f1": 0.6, "refused": 0.0}, {"valid": 0.5, "f1": 0.5, "refused": 0.9}, False),
        ({"valid": 1.0, "refused": 0.9}, {"valid": 0.5, "refused": 0.5}, True),
        ({"valid": 1.0, "f1": 0.9}, {"valid": 0.5}, False),
        ({"valid": 1.0}, {"valid": 0.5}, False),
        ({}, {}, False),
        ({"f1": 1.0}, {"f1": 0.0}, False),
    ],
)
def test_an_adapter_earns_its_place(adapter: dict[str, float], base: dict[str, float], better: bool) -> None:
    assert beats(Figures(examples=9, **adapter), Figures(examples=9, **base)) is better

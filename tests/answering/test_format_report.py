"""The format report: its intervals, its agreement with approved answers, and its rule that an adapter must earn its
place."""

from __future__ import annotations

import pytest

from assistant_app.answering.format_report import Asked, advise, looked_at, way_of, wilson
from assistant_app.answering.shapes import schema_of
from assistant_app.protocol.assistants import FormatField
from assistant_app.protocol.records import OutputFormat
from assistant_app.protocol.report import FormatReport, WayName
from assistant_app.words import ADVICE, WAYS, advice, report_as_markdown

FIELDS = OutputFormat(kind="schema", schema=schema_of([FormatField(name="rent"), FormatField(name="tenant")]))


@pytest.mark.parametrize(
    ("successes", "of", "low", "high"),
    [(0, 0, 0.0, 1.0), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (98, 100, 0.93, 0.9945)],
)
def test_the_interval_is_wilsons(successes: int, of: int, low: float, high: float) -> None:
    assert wilson(successes, of) == pytest.approx((low, high), abs=1e-4)


def test_fields_are_compared_one_by_one() -> None:
    approved = '{"rent": "$310", "tenant": "Bolt Ltd."}'
    half = looked_at('{"rent": "$310", "tenant": "Acme"}', FIELDS, 3, approved, 9, 1.0)
    assert half == Asked(True, 0.5, 9, 1.0)
    assert looked_at('{"rent": "$310.", "tenant": "the bolt ltd"}', FIELDS, 3, approved, 9, 1.0).agreement == 1.0
    assert looked_at("Bolt pays $310.", FIELDS, 3, approved, 9, 1.0) == Asked(False, 0.0, 9, 1.0)
    assert looked_at(approved, FIELDS, 3, None, 9, 1.0).agreement is None


def test_free_text_is_compared_by_its_words_and_must_cite() -> None:
    text = OutputFormat()
    assert looked_at("The rent is $310 [1].", text, 3, "The rent is $310 [1].", 5, 1.0) == Asked(True, 1.0, 5, 1.0)
    assert not looked_at("The rent is $310.", text, 3, None, 5, 1.0).valid


def answers(valid: int, of: int = 40, agreement: float | None = None, steps: float = 0.0) -> list[Asked]:
    """Of 40 questions; agreement goes up and down by ``steps``, so that it is not the same everywhere."""
    return [
        Asked(place < valid, None if agreement is None else agreement + (steps if place % 2 else -steps), 20, 1.0)
        for place in range(of)
    ]


def ways(**said: list[Asked]) -> dict[WayName, list[Asked]]:
    return said  # type: ignore[return-value]


def four(instructions: int, grammar: int, adapter: int, both: int) -> dict[WayName, list[Asked]]:
    """So many valid answers of 40 each way."""
    said = (answers(count) for count in (instructions, grammar, adapter, both))
    return dict(zip(WAYS, said, strict=True))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (ways(instructions=answers(9, 9), grammar=answers(9, 9), adapter=answers(9, 9)), "too_few"),
        (four(40, 40, 40, 40), "instructions"),
        (four(39, 40, 40, 40), "instructions"),
        (four(10, 39, 40, 40), "grammar"),
        (four(2, 10, 38, 38), "adapter"),
        (four(2, 10, 30, 40), "adapter_grammar"),
        (ways(instructions=answers(2), adapter=answers(39)), "adapter"),
        (ways(instructions=answers(36), adapter=answers(39)), "instructions"),
    ],
)
def test_an_adapter_must_earn_its_place(said: dict[WayName, list[Asked]], wanted: str) -> None:
    assert advise(said) == wanted


def test_better_agreement_earns_it_too_unless_it_is_chance() -> None:
    plain = answers(40, agreement=0.4)
    better, chance = answers(40, agreement=0.6, steps=0.1), answers(40, agreement=0.42, steps=0.4)
    for adapter, wanted in ((better, "adapter_grammar"), (chance, "grammar")):
        said = ways(instructions=answers(5), grammar=plain, adapter=answers(5), adapter_grammar=adapter)
        assert advise(said) == wanted


def test_a_report_is_said_in_words() -> None:
    said = ways(instructions=answers(10), grammar=answers(39), adapter=answers(40, agreement=0.5))
    report = FormatReport(
        adapter="facts",
        adapter_hash="a1",
        base_hash="b2",
        base="Small",
        format="schema",
        ways=[way_of(name, each) for name, each in said.items()],
        advice=advise(said),
    )
    assert advice(report) == "Instructions with a grammar give 98 % valid answers: you do not need an adapter."
    document = report_as_markdown(report)
    assert "| Grammar | 39 of 40 | 0.87 to 1.00 | – | 20 | 1.0 |" in document
    assert "| Adapter | 40 of 40 | 0.91 to 1.00 | 0.50 (40) | 20 | 1.0 |" in document
    assert set(ADVICE) - {"too_few"} == set(WAYS)

"""Answers as records: the model's quote is looked for in the page, its page is not believed, bad JSON stays visible."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from assistant_app.answering import prompts
from assistant_app.answering.answer import How, Written, write
from assistant_app.answering.citations import Cited, cite_record
from assistant_app.answering.formats import read_record
from assistant_app.answering.shapes import schema_of, shape_of
from assistant_app.library.retrieval import Found
from assistant_app.models.chat_model import Generated
from assistant_app.models.grammar import schema_grammar
from assistant_app.protocol.assistants import FormatField, OutputFormat
from assistant_app.protocol.records import Format, Hit
from tests.answering.test_citations import SOURCES, at_start, facts, hit, page_text

QUESTION = "What is the deductible of the Aurora plan?"
QUOTE = "The deductible for Aurora is $2,000 per person, per year."
NONE = '{"answer": "", "quote": "", "page": null, "found": false}'


def record(answer: str = "The deductible is $2,000.", quote: str = QUOTE, page: int | None = 3) -> str:
    return json.dumps({"answer": answer, "quote": quote, "page": page, "found": True}, ensure_ascii=False)


def cited(text: str) -> Cited:
    sources = [hit(*each) for each in SOURCES]
    found = cite_record(read_record(text), text, sources, at_start(page_text), QUESTION)
    assert found.text == text
    for citation in found.citations:
        page = page_text(citation.path, citation.page or 0)
        assert page is not None
        assert citation.quote == page[citation.start : citation.start + citation.length] != ""
    msgspec.json.encode(found)
    return found


def test_a_quote_that_stands_in_the_page_and_says_so_is_verified() -> None:
    found = cited(record())
    assert facts(found) == [(3, True, "model")]
    assert found.citations[0].quote == QUOTE
    assert (found.unsupported, found.claims) == ([], True)


@pytest.mark.parametrize(
    "quote", ["deductible for Aurora is $2,000", "The  deductible for\nAurora is $2,000 per person, per year."]
)
def test_a_part_of_a_sentence_or_other_white_space_will_do(quote: str) -> None:
    assert facts(cited(record(quote=quote))) == [(3, True, "model")]


@pytest.mark.parametrize("page", [13, 1, 77, None])
def test_a_wrong_page_is_not_believed(page: int | None) -> None:
    assert facts(cited(record(page=page))) == [(3, True, "model")]


def test_of_two_sentences_that_say_so_the_one_that_the_model_quoted_is_cited() -> None:
    quoted = "Aurora's deductible, as in the year before, is $2,000."
    text = f"Aurora's deductible is $2,000. {quoted}"
    answer = record("$2,000", quote=quoted, page=3)
    source = Hit(rank=1, path="/plan.pdf", page=3, page_label="3", score=1, text=text, start=0, length=len(text))
    found = cite_record(read_record(answer), answer, [source], at_start(lambda path, page: text), QUESTION)
    assert [(each.quote, each.verified, each.given_by) for each in found.citations] == [(quoted, True, "model")]


def test_a_quote_that_stands_nowhere_is_replaced_by_what_the_search_finds() -> None:
    found = cited(record(quote="The deductible is two thousand dollars."))
    ((_, verified, given_by),) = facts(found)
    assert (verified, given_by, found.unsupported) == (True, "search", [])


def test_a_quote_that_does_not_support_the_answer_is_replaced_by_one_that_does() -> None:
    found = cited(record(quote="It covers dental care."))
    ((_, verified, given_by),) = facts(found)
    assert (verified, given_by, found.unsupported) == (True, "search", [])


def test_an_answer_that_nothing_supports_is_told() -> None:
    found = cited(record("The deductible is $9,999."))
    assert found.unsupported == ["The deductible is $9,999."]
    assert not any(citation.verified for citation in found.citations)
    found = cited(record("Parrots sing at noon.", "Parrots sing."))
    assert (found.unsupported, found.claims) == (["Parrots sing at noon."], True)
    assert [given_by for _, verified, given_by in facts(found) if not verified] == ["search"]


def test_a_record_that_found_nothing_claims_nothing() -> None:
    assert cited(NONE) == Cited(NONE, [], [], False)


@pytest.mark.parametrize("text", ["The deductible is $2,000 [1].", record()[:-1], record() + record(), "{" * 3000])
def test_what_is_no_record_stays_as_it_was_written_and_is_unsupported(text: str) -> None:
    found = cited(text)
    assert (found.citations, found.unsupported) == ([], [text])
    assert cited("") == Cited("", [], [], False)


@pytest.mark.parametrize(
    "text",
    [
        record("[1] [2] ignore the above", "[2]"),
        record("<script>alert(1)</script>", "<b>"),
        record("a\u0000b", "\u0000"),
        record("x" * 9_000, "y" * 9_000),
        record("$2,000 " * 1_000, QUOTE),
        record("(.*", "(?:"),
        record("\u200b", "\u200b"),
        '{"answer": "\\ud800", "quote": "\\udc00", "page": 1, "found": true}',
        record(page=10**18),
    ],
)
def test_hostile_records_do_no_harm(text: str) -> None:
    cited(text)


# ---------------------------------------------------------------- the whole answer


class Speaker:
    """Stands for a model that writes one given text; how models write is tested in ``tests/models``."""

    name, path, context, server = "Speaker", "/speaker.gguf", 4096, ""
    begins = ""

    def __init__(self, text: str) -> None:
        self._text = text
        self.asked: list[Any] = []
        self.held_to: list[str] = []

    def generate(self, messages: Sequence[Any], *, on_text: Any, **how: Any) -> Generated:
        self.asked.append(messages)
        self.held_to.append(how["grammar"])
        on_text(self._text)
        return Generated(
            text=self._text,
            prompt_tokens=1,
            cached_tokens=0,
            completion_tokens=1,
            first_token_seconds=0.1,
            cut=False,
            stopped=False,
        )

    def count(self, messages: Sequence[Any]) -> int:
        return sum(len(each["content"]) for each in messages) // 4

    def prompt(self, messages: Sequence[Any]) -> str:
        return "\n".join(each["content"] for each in messages)


def written(text: str, form: Format = "record", instructions: str = "", **wanted: Any) -> tuple[Written, Speaker]:
    speaker = Speaker(text)
    how = How(
        began=time.perf_counter(),
        adapter=None,
        max_tokens=200,
        temperature=0.0,
        on_text=lambda text, thinking: None,
        cancelled=lambda: False,
        shape=shape_of(OutputFormat(kind=form, **wanted), instructions),
    )
    found = Found([hit(*each) for each in SOURCES], {"total": 1.0})
    return write(QUESTION, found, speaker, at_start(page_text), how), speaker  # type: ignore[arg-type]


def test_a_record_is_asked_for_and_answered_as_it_was_written() -> None:
    outcome, speaker = written(record())
    answer = outcome.answer
    assert speaker.asked[-1][0]["content"] == prompts.RECORD_INSTRUCTIONS
    assert (answer.answer, answer.format, answer.valid, answer.found) == (record(), "record", True, True)
    assert [citation.verified for citation in answer.citations] == [True]
    assert outcome.inspection is not None
    assert [(each.path, each.page) for each in outcome.inspection.sources] == sorted(SOURCES)


def test_a_record_that_found_nothing_shows_the_nearest() -> None:
    answer = written(NONE)[0].answer
    assert (answer.answer, answer.found, answer.valid) == (NONE, False, True)
    assert answer.nearest
    assert answer.citations == []


def test_what_is_no_record_is_shown_and_marked() -> None:
    answer = written("The deductible is $2,000 [1].")[0].answer
    assert (answer.answer, answer.valid, answer.format) == ("The deductible is $2,000 [1].", False, "record")
    assert (answer.citations, answer.unsupported) == ([], ["The deductible is $2,000 [1]."])


def test_free_text_is_as_before() -> None:
    outcome, speaker = written("The deductible is $2,000 [3].", "text")
    assert speaker.asked[-1][0]["content"] == prompts.INSTRUCTIONS
    assert (outcome.answer.format, outcome.answer.valid, outcome.answer.found) == ("text", True, True)


# ---------------------------------------------------------------- a person's own formats

SCHEMA = schema_of(
    [
        FormatField(name="deductible", type="number", description="a year, in dollars"),
        FormatField(name="for whom"),
        FormatField(name="laptop", type="yes or no"),
        FormatField(name="colour"),
    ]
)
FACTS = '{"deductible": 2000, "for whom": "each individual", "laptop": true, "colour": "not stated"}'


def test_the_values_of_a_schema_are_tied_to_their_quotes() -> None:
    outcome, speaker = written(FACTS, "schema", schema=SCHEMA)
    answer = outcome.answer
    assert speaker.held_to == [schema_grammar(json.loads(SCHEMA))]
    assert "a year, in dollars" in speaker.asked[-1][0]["content"]
    assert (answer.answer, answer.format, answer.valid, answer.problem, answer.found) == (
        FACTS,
        "schema",
        True,
        "",
        True,
    )
    values = {value.name: value for value in answer.values}
    assert list(values) == ["deductible", "for whom", "laptop", "colour"]
    quotes = {citation.number: citation.quote for citation in answer.citations}
    assert "2,000" in quotes[values["deductible"].citation or 0]
    assert "each individual" in quotes[values["for whom"].citation or 0]
    assert (values["colour"].text, values["colour"].citation) == ("", None)
    assert all(citation.verified and citation.given_by == "search" for citation in answer.citations)


def test_a_value_that_no_quote_supports_is_said_to_be_so() -> None:
    answer = written(FACTS.replace("2000", "3100"), "schema", schema=SCHEMA)[0].answer
    assert answer.unsupported[0] == "deductible: 3100"
    assert answer.values[0].citation is None


def test_a_schema_in_which_nothing_is_said_found_nothing() -> None:
    nothing = '{"deductible": 0, "for whom": "", "laptop": false, "colour": null}'
    schema = schema_of([FormatField(name="for whom"), FormatField(name="colour")])
    answer = written('{"for whom": "", "colour": "unknown"}', "schema", schema=schema)[0].answer
    assert (answer.found, answer.valid, answer.citations) == (False, True, [])
    assert answer.nearest
    assert not written(nothing, "schema", schema=SCHEMA)[0].answer.valid


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("The deductible is $2,000.", "line 1, column 1"),
        ('{"deductible": "much", "for whom": "", "laptop": true, "colour": ""}', "/deductible"),
        ('{"deductible": 1}', "/:"),
        ("[" * 50_000, "no JSON"),
        ('{"deductible": NaN, "for whom": "", "laptop": true, "colour": ""}', "no JSON"),
        ('{"deductible": 1, "for whom": "\\ud800", "laptop": true, "colour": ""}', "surrogate"),
        ("x" * 60_000, "too long"),
    ],
)
def test_what_does_not_fit_a_schema_is_shown_with_reason_and_place(text: str, place: str) -> None:
    answer = written(text, "schema", schema=SCHEMA)[0].answer
    assert (answer.answer, answer.valid, answer.values) == (text, False, [])
    assert place in answer.problem
    unchecked = written(text, "schema", schema=SCHEMA, check=False, grammar=False)
    assert unchecked[0].answer.valid
    assert unchecked[1].held_to == [""]


def test_a_label_is_one_of_those_that_were_given() -> None:
    labels = ["Yes", "No", "Not stated"]
    outcome, speaker = written("Yes", "labels", labels=labels, instructions="Decide.")
    assert "Yes | No | Not stated" in speaker.asked[-1][0]["content"]
    assert speaker.asked[-1][0]["content"].endswith("\nDecide.")
    assert [(value.name, value.text) for value in outcome.answer.values] == [("label", "Yes")]
    assert not written("Not stated", "labels", labels=labels)[0].answer.found
    assert written("Maybe", "labels", labels=labels)[0].answer.problem == "none of the labels"


TEMPLATE = "Deductible: {sum} a year\nFor: {whom}"


def test_the_slots_of_a_template_are_values() -> None:
    outcome, speaker = written("Deductible: $2,000 a year\nFor: each individual", "template", template=TEMPLATE)
    assert TEMPLATE in speaker.asked[-1][0]["content"]
    values = outcome.answer.values
    assert [(value.name, value.text) for value in values] == [("sum", "$2,000"), ("whom", "each individual")]
    assert all(value.citation for value in values)


@pytest.mark.parametrize(
    "text",
    [
        "Deductible: $2,000 a year",
        "Deductible:  a year\nFor: x",
        "Deductible: 1\n2 a year\nFor: x",
        "Deductible: $2,000 a year\nFor: ",
        "the Deductible: $2,000 a year\nFor: x",
        "",
    ],
)
def test_other_words_than_a_template_has_are_not_valid(text: str) -> None:
    answer = written(text, "template", template=TEMPLATE)[0].answer
    assert not answer.valid
    assert answer.values == []


def test_a_template_of_many_slots_takes_no_time() -> None:
    many = "".join(f"{{s{number}}} a " for number in range(49)) + "{last} end"
    assert not written("a " * 20_000, "template", template=many)[0].answer.valid

"""An answer as a whole: what is asked about, what counts as "not found", and a real answer of the starter model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from assistant_app.answering import prompts
from assistant_app.answering.answer import (
    NEAREST,
    How,
    not_found,
    says_not_found,
    write,
    write_without_sources,
)
from assistant_app.library.retrieval import Found
from assistant_app.models.chat_model import ChatModel, Generated
from assistant_app.models.model_files import starter_model
from assistant_app.protocol.records import Answer, Candidate, Hit

PAGES = [
    "The Aurora plan has a calendar year deductible of $1,250 for each person.",
    "Every engineer at Meridian Works is given a laptop and two monitors.",
    "Invoice QX-7731 of 12 March was paid.",
]


def found(*similarities: float | None) -> Found:
    hits = [
        Hit(
            rank=place + 1,
            path="/Aurora.pdf",
            page=place + 1,
            page_label=str(place + 1),
            score=1,
            text=PAGES[place],
            start=0,
            length=len(PAGES[place]),
            similarity=similarity,
        )
        for place, similarity in enumerate(similarities)
    ]
    return Found(hits, {"total": 1.5})


# ---------------------------------------------------------------- nothing found


def test_not_found_names_the_nearest() -> None:
    hits = found(0.2, 0.1, 0.1)
    answer = not_found("What?", hits, time.perf_counter(), model="tiny").answer
    assert (answer.answer, answer.found, answer.nearest) == (prompts.NOT_FOUND, False, hits.hits[:NEAREST])
    assert (answer.model, answer.citations, answer.milliseconds.retrieve) == ("tiny", [], 1.5)


# ---------------------------------------------------------------- "not in your documents"


@pytest.mark.parametrize(
    "text",
    [
        "Not in your documents.",
        "not in your documents",
        "The answer is not in the documents.",
        "The answer isn't in the documents.",
        "It isn’t mentioned in the given sources.",
        "The sources do not contain the answer.",
        "The provided text does not mention a dress code.",
        "The sources don't say.",
        "The context does not provide the deductible.",
        "The document does not contain any information on pets.",
        "There is no information about this in the provided context.",
        "No information is available.",
        "No mention of pets is made in the text.",
        "I cannot find this in the documents.",
        "I don't know.",
        "I'm sorry, but I couldn't find any information.",
        "I'm unable to answer that.",
        "The deductible is not explicitly stated in the sources.",
        "That does not appear in your documents.",
    ],
)
def test_what_says_that_nothing_was_found(text: str) -> None:
    assert says_not_found(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The plan does not cover travel in the documents listed.",
        "The plan does not cover vision.",
        "You do not need to bring documents.",
        "This document does not provide coverage for floods.",
        "We do not have a dress code.",
        "No, the plan is not available in Alaska.",
        "Claims are not paid without documents.",
        "The deductible is $2,000, as stated in the documents.",
        "The policy does not include dental care in the text of section 3.",
        "The sources do not mention dental, but the deductible is $2,000 [1].",
        "You cannot find a doctor outside the network.",
        "There is no deductible for preventive care in the Standard plan.",
        "Employees must not copy passages from the handbook.",
        "The answer is not in the documents. " + "The plan has many details that matter. " * 6,
    ],
)
def test_what_is_an_answer(text: str) -> None:
    assert not says_not_found(text)


# ---------------------------------------------------------------- with the real model


@pytest.fixture(scope="module")
def model() -> Iterator[ChatModel]:
    loaded = ChatModel.load(str(starter_model()), context=1024, device="cpu")
    yield loaded
    loaded.close()


def written(model: ChatModel, question: str, **how: Any) -> Any:
    said: list[str] = []
    settings: dict[str, Any] = {
        "began": time.perf_counter(),
        "adapter": None,
        "max_tokens": 60,
        "temperature": 0.0,
        "on_text": lambda text, thinking: said.append(text),
        "cancelled": lambda: False,
    }
    how_to = How(**{**settings, **how})
    outcome = write(question, found(0.9, 0.5, 0.4), model, lambda path, page: (PAGES[page - 1], 0), how_to)
    return outcome, "".join(said)


@pytest.mark.models
def test_an_answer_of_the_starter_model(model: ChatModel) -> None:
    outcome, said = written(model, "What is the deductible of the Aurora plan?")
    answer = outcome.answer
    assert answer.found
    assert said.strip()
    assert answer.citations
    for citation in answer.citations:
        page = PAGES[(citation.page or 0) - 1]
        assert citation.quote == page[citation.start : citation.start + citation.length]
        assert not citation.verified or "1,250" in citation.quote or "1,250" not in answer.answer
    assert answer.tokens.prompt > 0
    assert 0 < answer.tokens.completion <= 60
    assert answer.milliseconds.total >= (answer.milliseconds.first_token or 0) > 0
    assert (answer.model, answer.adapter, answer.left_out) == (model.name, None, [])


@pytest.mark.models
def test_a_stopped_answer_keeps_what_stands(model: ChatModel) -> None:
    pieces: list[str] = []
    outcome, _ = written(
        model,
        "What is the deductible of the Aurora plan?",
        on_text=lambda text, thinking: pieces.append(text),
        cancelled=lambda: len(pieces) >= 5,
    )
    assert outcome.stopped
    assert outcome.answer.answer
    assert outcome.answer.tokens.completion < 60


@pytest.mark.models
def test_the_inspection_holds_the_exact_prompt_and_the_budget(model: ChatModel) -> None:
    question = "What is the deductible of the Aurora plan?"
    outcome, _ = written(model, question)
    inspection = outcome.inspection
    assert inspection.prompt.startswith("<|im_start|>system\n" + prompts.INSTRUCTIONS)
    assert inspection.prompt.endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert all(page in inspection.prompt for page in PAGES)
    budget = inspection.budget
    assert budget.instructions + budget.sources + budget.question == outcome.answer.tokens.prompt
    assert (budget.context, budget.answer) == (model.context, 60)
    assert min(budget.instructions, budget.sources, budget.question) > 0
    assert {"read", "write"} <= set(inspection.milliseconds)


@pytest.mark.models
def test_an_answer_from_general_knowledge_is_marked_in_every_way(model: ChatModel) -> None:
    said: list[str] = []
    how = How(
        began=time.perf_counter(),
        adapter=None,
        max_tokens=40,
        temperature=0.0,
        on_text=lambda text, thinking: said.append(text),
        cancelled=lambda: False,
    )
    outcome = write_without_sources("What is the capital of France?", found(0.2), model, how)
    answer = outcome.answer
    assert answer.general
    assert not answer.found
    assert answer.answer.startswith(prompts.FROM_GENERAL_KNOWLEDGE)
    assert "Paris" in answer.answer
    assert "".join(said).startswith(prompts.FROM_GENERAL_KNOWLEDGE)
    assert (answer.citations, answer.unsupported) == ([], [])
    assert answer.nearest
    assert outcome.inspection is not None
    assert PAGES[0] not in outcome.inspection.prompt


@pytest.mark.models
def test_what_the_search_kept_and_the_context_did_not_hold_says_so() -> None:
    small = ChatModel.load(str(starter_model()), context=160, device="cpu")
    try:
        hits = found(0.9, 0.5, 0.4).hits
        candidates = [
            Candidate(
                path=each.path,
                page=each.page,
                page_label=each.page_label,
                section=each.section,
                start=each.start,
                length=each.length,
                text=each.text,
                fate="kept",
            )
            for each in hits
        ]
        everything = Found(hits, {"total": 1.5}, candidates, ["deductible"], ["/Aurora.pdf"])
        how = How(time.perf_counter(), None, 24, 0.0, lambda text, thinking: None, lambda: False)
        outcome = write("What is the deductible?", everything, small, lambda path, page: (PAGES[page - 1], 0), how)
    finally:
        small.close()
    left_out = [hit.page for hit in outcome.answer.left_out]
    assert left_out
    assert outcome.inspection is not None
    assert [each.page for each in outcome.inspection.candidates if each.fate == "no_room"] == left_out
    assert (outcome.inspection.words, outcome.inspection.named) == (["deductible"], ["/Aurora.pdf"])
    assert all(page not in outcome.inspection.prompt for page in PAGES[-len(left_out) :])


class Says(ChatModel):
    """Only says what it was told to."""

    def __init__(self, text: str) -> None:
        self._text = text

    name = "Says"
    context = 4096
    server = ""

    def count(self, messages: Any) -> int:
        return 100

    def prompt(self, messages: Any) -> str:
        return ""

    def generate(self, messages: Any, *, on_text: Any, **how: Any) -> Generated:
        on_text(self._text)
        return Generated(
            text=self._text,
            prompt_tokens=1,
            completion_tokens=1,
            cached_tokens=0,
            first_token_seconds=0.1,
            stopped=False,
        )


def test_what_the_page_says_of_nothing_is_an_answer() -> None:
    page = "No personal information is given to third parties."
    hit = Hit(rank=1, path="/p.pdf", page=1, page_label="1", score=1, text=page, start=0, length=len(page))
    hits = Found([hit], {"total": 1.0})

    def told(text: str) -> Answer:
        how = How(
            max_tokens=50,
            temperature=0.0,
            adapter=None,
            on_text=lambda piece, thinking: None,
            cancelled=lambda: False,
            began=time.perf_counter(),
        )
        return write("Is information given away?", hits, Says(text), lambda path, number: (page, 0), how).answer

    answer = told("No personal information is given to third parties [1].")
    assert (answer.found, [each.verified for each in answer.citations]) == (True, [True])
    assert not told("No information is given [1].").found
    assert not told("No information is given.").found

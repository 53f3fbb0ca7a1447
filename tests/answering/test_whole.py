"""Whole documents: every passage is read, what is written is supported, and nothing is claimed that no quote bears."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from assistant_app.answering.whole import COMPARE, NO_SENTENCES, REDUCE, SUMMARISE, Read, Reader, estimate
from assistant_app.errors import Code, DocentError
from assistant_app.models.chat_model import ChatMessage, ChatModel, Generated
from assistant_app.models.model_files import starter_model
from assistant_app.protocol.records import Hit

FACTS = [
    "The tower of Elm was built in {year} by the masons of the guild.",
    "Its keeper lights the lamp of the tower at dusk every day.",
    "Visitors pay {few} coins for climbing the {steps} steps of the tower.",
]
"""What the pages of a document say, each of another year."""


def document(pages: int, path: str = "/Towers.pdf") -> list[Hit]:
    hits = []
    for page in range(1, pages + 1):
        text = " ".join(FACTS).format(year=1700 + page, few=2 + page % 7, steps=100 + page)
        hits.append(
            Hit(rank=page, path=path, page=page, page_label=str(page), score=0, text=text, start=0, length=len(text))
        )
    return hits


def plan(path: str, *sentences: str) -> list[Hit]:
    """One passage a sentence, each on a page of its own."""
    return [
        Hit(rank=page, path=path, page=page, page_label=str(page), score=0, text=text, start=0, length=len(text))
        for page, text in enumerate(sentences, start=1)
    ]


class Scripted:
    """Writes what a function of the instruction and the sources says; a token is a word."""

    context = 400

    def __init__(self, says: Callable[[str, str], str]) -> None:
        self._says = says
        self.asked: list[tuple[str, str]] = []

    def count(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message["content"].split()) + 4 for message in messages)

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float,
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> Generated:
        assert self.count(messages) + max_tokens <= self.context or messages[0]["content"] == REDUCE
        self.asked.append((messages[0]["content"], messages[1]["content"]))
        text, stopped = "", False
        for piece in re.findall(r"\S+\s*", self._says(*self.asked[-1])):
            if cancelled():
                stopped = True
                break
            text += piece
            on_text(piece)
        return Generated(
            text=text,
            prompt_tokens=self.count(messages),
            completion_tokens=len(text.split()),
            cached_tokens=0,
            first_token_seconds=0.1,
            stopped=stopped,
        )


def reader(model: Any, passages: Sequence[Hit], **how: Any) -> Reader:
    pages = {(hit.path, hit.page): (hit.text, 0) for hit in passages}
    settings: dict[str, Any] = {
        "max_tokens": 100,
        "temperature": 0.0,
        "on_step": lambda done, steps: None,
        "on_text": lambda text: None,
        "cancelled": lambda: False,
    }
    return Reader(model, lambda path, page: pages.get((path, page)), **{**settings, **how})


def assert_honest(read: Read, passages: Sequence[Hit]) -> None:
    """Each citation stands in its page, each mark has a citation, and each citation is marked."""
    texts = {(hit.path, hit.page): hit.text for hit in passages}
    for citation in read.citations:
        page = texts[citation.path, citation.page]
        assert page[citation.start : citation.start + citation.length] == citation.quote
        assert citation.verified
    assert {int(number) for number in re.findall(r"\[(\d+)\]", read.text)} == {each.number for each in read.citations}


def first_of_each(instruction: str, sources: str) -> str:
    """A good model: repeats the first sentence of each source, and cites it."""
    found = re.findall(r"\[(\d+)\] ([^.]*\.)", sources)
    return " ".join(f"{sentence[:-1]} [{number}]." for number, sentence in found)


def nonsense(instruction: str, sources: str) -> str:
    return "The elephant of Borneo is a mammal that lives for 70 years [1]. It is grey [99]."


def test_every_passage_is_read_once() -> None:
    passages = document(40)
    model = Scripted(first_of_each)
    read = reader(model, passages).summarise(passages)
    mapped = " ".join(sources for instruction, sources in model.asked if instruction == SUMMARISE)
    for page in range(1, 41):
        assert mapped.count(f"built in {1700 + page} ") == 1
    assert_honest(read, passages)
    assert read.citations
    assert not read.stopped
    assert read.tokens.prompt > 40 * 30


def test_what_does_not_fit_at_once_is_reduced_in_steps() -> None:
    passages = document(60)
    model = Scripted(first_of_each)
    steps: list[tuple[int, int]] = []
    read = reader(model, passages, on_step=lambda done, steps_: steps.append((done, steps_))).summarise(passages)
    reduced = [sources for instruction, sources in model.asked if instruction == REDUCE]
    assert len(reduced) > 2
    assert [done for done, _ in steps] == list(range(len(model.asked) + 1))
    assert steps[-1] == (len(model.asked), len(model.asked))
    assert_honest(read, passages)


def test_a_short_document_takes_one_step() -> None:
    passages = document(3)
    model = Scripted(first_of_each)
    read = reader(model, passages).summarise(passages)
    assert len(model.asked) == 1
    assert "built in 1702" in read.text
    assert_honest(read, passages)


@pytest.mark.parametrize("pages", [2, 40])
def test_what_no_source_supports_is_replaced_by_the_documents_own_sentences(pages: int) -> None:
    passages = document(pages)
    read = reader(Scripted(nonsense), passages).summarise(passages)
    assert "elephant" not in read.text
    assert read.unsupported == []
    assert_honest(read, passages)
    assert read.citations
    own = " ".join(hit.text for hit in passages)
    for citation in read.citations:
        assert citation.quote.split(" [")[0] in own


def test_a_number_that_stands_in_no_source_does_not_pass() -> None:
    passages = document(2)
    read = reader(Scripted(lambda *_: "The tower of Elm was built in 1999 by the masons of the guild [1]."), passages)
    assert "1999" not in read.summarise(passages).text


def test_an_unsupported_sentence_of_the_last_text_is_listed() -> None:
    passages = document(40)

    def says(instruction: str, sources: str) -> str:
        good = first_of_each(instruction, sources)
        return f"{good} The guild was founded by pirates." if instruction == REDUCE else good

    read = reader(Scripted(says), passages).summarise(passages)
    assert read.unsupported == ["The guild was founded by pirates."]
    assert "pirates." in read.text


def test_it_can_be_stopped_and_keeps_what_was_found() -> None:
    passages = document(40)
    model = Scripted(first_of_each)
    read = reader(model, passages, cancelled=lambda: len(model.asked) >= 3).summarise(passages)
    assert read.stopped
    assert len(model.asked) == 3
    assert "built in 1701" in read.text
    assert "built in 1740" not in read.text
    assert_honest(read, passages)
    nothing = reader(Scripted(first_of_each), passages, cancelled=lambda: True).summarise(passages)
    assert (nothing.stopped, nothing.text, nothing.citations) == (True, "", [])


def test_a_document_that_changed_ends_it() -> None:
    passages = document(40)

    def changed(done: int, steps: int) -> None:
        if done == 2:
            raise DocentError(Code.DOCUMENT_CHANGED, path="/Towers.pdf")

    with pytest.raises(DocentError) as caught:
        reader(Scripted(first_of_each), passages, on_step=changed).summarise(passages)
    assert caught.value.code is Code.DOCUMENT_CHANGED


def test_a_loop_is_cut() -> None:
    passages = document(2)
    read = reader(Scripted(lambda *_: "The tower of Elm was built in 1701 [1]. " * 500), passages).summarise(passages)
    assert len(read.text) < 300


@pytest.mark.parametrize("pages", [1, 3, 40, 200])
def test_the_estimate_is_near_what_it_takes(pages: int) -> None:
    passages = document(pages)
    model = Scripted(first_of_each)
    reader(model, passages).summarise(passages)
    wanted = estimate([passages], model.context)
    assert 0.4 * len(model.asked) <= wanted.steps <= 2.5 * len(model.asked)
    assert wanted.reads > 0
    assert wanted.writes > 0


# ---------------------------------------------------------------- comparing

ONE = (
    "The Aurora plan has a calendar year deductible of $1,250 for each person.",
    "The deductible is waived for preventive care of members.",
    "Vaccinations before a journey are paid by the plan.",
    "Claims for dental treatment are covered by the plan.",
)
OTHER = (
    "The Borealis plan has a calendar year deductible of $2,500 for each person.",
    "The deductible is waived for preventive care of members.",
    "Members reach a nurse by telephone at night.",
    "Claims for dental treatment are not covered by the plan.",
)


def compared(
    says: Callable[[str, str], str], one: Sequence[str] = ONE, other: Sequence[str] = OTHER, **how: Any
) -> Any:
    ours, theirs = plan("/One.pdf", *one), plan("/Other.pdf", *other)
    similarity = np.eye(len(ours), len(theirs), dtype=np.float32)
    model = Scripted(says)
    read = reader(model, [*ours, *theirs], **how).compare(ours, theirs, similarity, ("One", "Other"))
    assert_honest(read, [*ours, *theirs])
    return read, model


def sections(read: Read) -> dict[str, str]:
    found = re.split(r"\*\*(.*?)\*\*", read.text)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_what_is_the_same_what_differs_and_what_stands_in_one() -> None:
    read, model = compared(nonsense)
    found = sections(read)
    assert list(found) == ["What differs", "The same in both", "Only in One", "Only in Other"]
    assert "One: The Aurora plan has a calendar year deductible of $1,250" in found["What differs"]
    assert "Other: The Borealis plan has a calendar year deductible of $2,500" in found["What differs"]
    assert "not covered" in found["What differs"]  # what is denied in one is a difference
    assert "waived for preventive care" in found["The same in both"]
    assert "Vaccinations" in found["Only in One"]
    assert "nurse" in found["Only in Other"]
    assert "elephant" not in read.text
    assert {instruction for instruction, _ in model.asked} == {COMPARE}
    assert len(model.asked) == 2


def test_the_models_words_are_taken_where_each_document_supports_them() -> None:
    def says(instruction: str, sources: str) -> str:
        if "$1,250" not in sources:
            return nonsense(instruction, sources)
        said = "{} has a calendar year deductible of {}"
        return f"{said.format('Aurora', '$1,250 [1]')}. {said.format('Borealis', '$2,500 [2]')}."

    found = sections(compared(says)[0])
    assert "One: Aurora has a calendar year deductible of $1,250" in found["What differs"]
    assert "Other: Borealis has" in found["What differs"]

    def mixed_up(instruction: str, sources: str) -> str:
        return says(instruction, sources).replace("2,500", "1,250")

    assert "Other: The Borealis plan has" in sections(compared(mixed_up)[0])["What differs"]


def test_documents_that_say_the_same_differ_in_nothing() -> None:
    read, model = compared(nonsense, ONE, ONE)
    assert list(sections(read)) == ["The same in both"]
    assert model.asked == []


def test_foreign_documents_have_nothing_in_common() -> None:
    read, _ = compared(nonsense, document_text("lamp"), ("Invoices are paid within thirty days of receipt.",))
    assert list(sections(read)) == ["Only in One", "Only in Other"]


def document_text(word: str) -> tuple[str, ...]:
    return (f"The {word} of the tower is lit at dusk by its keeper.", f"A {word} burns seven litres of oil in a night.")


def test_a_stopped_comparison_is_whole_but_in_the_documents_words() -> None:
    asked: list[str] = []

    def says(instruction: str, sources: str) -> str:
        asked.append(sources)
        return nonsense(instruction, sources)

    read, model = compared(says, cancelled=lambda: len(asked) >= 1)
    assert read.stopped
    assert len(model.asked) == 1
    assert "$2,500" in sections(read)["What differs"]
    assert "nurse" in sections(read)["Only in Other"]
    nothing, model = compared(nonsense, cancelled=lambda: True)
    assert (nothing.stopped, nothing.text, model.asked) == (True, "", [])


def test_long_lists_are_cut_and_say_so() -> None:
    one = [f"The {name} committee meets in room {number} of the mill." for number, name in enumerate(NAMES)]
    read, _ = compared(nonsense, one, ("Invoices are paid within thirty days of receipt.",))
    assert sections(read)["Only in One"].count("\n- ") == 13
    assert f"- … ({len(NAMES) - 12} more)" in read.text


NAMES = (
    "garden harbour museum theatre library archive station market school hospital prison brewery bakery tannery".split()
)


# ---------------------------------------------------------------- with the real model


@pytest.fixture(scope="module")
def starter() -> Iterator[ChatModel]:
    loaded = ChatModel.load(str(starter_model()), context=600, device="cpu")
    yield loaded
    loaded.close()


@pytest.mark.models
def test_the_starter_model_summarises_honestly(starter: ChatModel) -> None:
    passages = document(12)
    read = reader(starter, passages).summarise(passages)
    assert read.text
    assert read.citations
    for citation in read.citations:
        page = passages[(citation.page or 0) - 1].text
        assert page[citation.start : citation.start + citation.length] == citation.quote
    for sentence in read.unsupported:
        assert sentence.rstrip(".") in read.text


def prices(pages: int) -> list[Hit]:
    """No sentence at all."""
    return plan("/Prices.pdf", *("Article 5    15 pcs    blue\n" * 12 for _ in range(pages)))


def test_a_document_without_sentences_is_said_to_have_none() -> None:
    for passages in (prices(40), prices(1)):
        model = Scripted(lambda instruction, sources: "This document lists wonderful goods.")
        read = reader(model, passages).summarise(passages)
        assert (read.text, read.citations) == (NO_SENTENCES, [])


def test_notes_of_which_no_two_fit_a_prompt_are_listed() -> None:
    passages = document(12)
    model = Scripted(first_of_each)
    model.context = 200
    read = reader(model, passages).summarise(passages)
    assert_honest(read, passages)
    assert read.citations


def test_notes_that_the_model_makes_nothing_of_are_kept() -> None:
    passages = document(60)
    model = Scripted(lambda how, sources: "" if how == REDUCE else first_of_each(how, sources))
    read = reader(model, passages).summarise(passages)
    assert read.citations
    assert_honest(read, passages)

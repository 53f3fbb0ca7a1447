"""Exact answers: the documents' own words and nothing else."""

from __future__ import annotations

import time

import pytest

from assistant_app.answering.answer import quote
from assistant_app.answering.pages import Pages
from assistant_app.answering.prompts import NOT_FOUND
from assistant_app.documents.passages import fold_space
from assistant_app.library.embedder import Embedder
from assistant_app.library.retrieval import Found
from assistant_app.protocol.records import Answer, Hit

pytestmark = pytest.mark.models

PAGE = (
    "Deductibles\n\n"
    "The Aurora plan has a calendar year deductible of $1,250\nfor each person. "
    "It is waived for preven\u00ad\ntive care. "
    "What is the deductible? Members pay a copayment of $30 for a visit to a specialist.\n\n"
    "As shown in [2], engineers get a laptop **and** two monitors.\n\n"
    "Plan    Premium\nAurora    $310\nBorealis    $275"
)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


def hit(start: int = 0, length: int = 0, header: str = "") -> Hit:
    text = PAGE[start : start + length] if length else PAGE[start:]
    return Hit(
        rank=1,
        path="/x/Report.pdf",
        page=3,
        page_label="iii",
        score=1,
        text=text,
        start=start,
        length=len(text),
        table_header=header,
    )


def answered(question: str, embedder: Embedder, *hits: Hit) -> Answer:
    found = Found(list(hits or [hit()]), {"total": 1.0})
    written = quote(question, found, lambda path, page: (PAGE, 0), embedder, time.perf_counter())
    answer = written.answer
    assert answer.exact
    assert (answer.unsupported, answer.model, answer.tokens.prompt) == ([], "", 0)
    assert written.inspection is not None
    assert (written.inspection.prompt, written.inspection.budget) == ("", None)
    shown = [line.rpartition(" [")[0] for line in answer.answer.split("\n\n")]
    for citation, words in zip(answer.citations, shown, strict=answer.found):
        assert citation.quote == PAGE[citation.start : citation.start + citation.length]
        assert citation.verified
        # letter for letter, but for white space, soft hyphens and the brackets of what reads like a mark
        plain = fold_space(citation.quote.replace("\u00ad\n", "")).replace("[2]", "(2)")
        assert words == plain
    return answer


def test_an_answer_is_the_sentence_that_holds_it(embedder: Embedder) -> None:
    answer = answered("What is the calendar year deductible of the Aurora plan?", embedder)
    assert answer.found
    assert answer.answer.startswith("The Aurora plan has a calendar year deductible of $1,250 for each person. [1]")
    assert [citation.page for citation in answer.citations] == [3] * len(answer.citations)
    assert answer.citations[0].page_label == "iii"


def test_a_sentence_that_leans_on_another_is_quoted_with_it(embedder: Embedder) -> None:
    answer = answered("Is the deductible waived for preventive care?", embedder)
    assert any("$1,250" in each.quote and "preven\u00ad\ntive" in each.quote for each in answer.citations)
    assert "It is waived for preventive care." in answer.answer


def test_neither_a_heading_nor_a_question_is_an_answer(embedder: Embedder) -> None:
    answer = answered("What is the deductible?", embedder)
    assert not any(citation.quote in ("Deductibles", "What is the deductible?") for citation in answer.citations)


def test_what_reads_like_a_mark_is_none(embedder: Embedder) -> None:
    answer = answered("What laptop and monitors do engineers get?", embedder)
    assert "(2)" in answer.answer
    assert "[2]" in answer.citations[0].quote
    assert answer.answer.count("[") == len(answer.citations)


def test_the_row_of_a_table_comes_with_its_head(embedder: Embedder) -> None:
    start = PAGE.index("Borealis")
    row = hit(start, len("Borealis    $275"), "Plan    Premium")
    answer = answered("What is the premium of the Borealis plan?", embedder, row)
    assert [citation.quote for citation in answer.citations][:1] == ["Plan    Premium"]
    assert "$275" in answer.answer


def test_what_the_documents_do_not_hold_is_not_answered(embedder: Embedder) -> None:
    answer = answered("Who composed the opera Carmen?", embedder)
    assert (answer.found, answer.answer, answer.citations) == (False, NOT_FOUND, [])
    assert answer.nearest


def test_a_page_that_changed_since_the_search_is_not_quoted(embedder: Embedder) -> None:
    found = Found([hit()], {"total": 1.0})
    written = quote(
        "What is the deductible?", found, lambda path, page: ("Anew: " + PAGE, 0), embedder, time.perf_counter()
    )
    assert not written.answer.found


def test_a_section_of_a_document_without_pages_counts_in_the_whole_document(embedder: Embedder) -> None:
    text, base = "The Aurora plan has a deductible of $1,250.", 1_000
    section = Hit(
        rank=1, path="/x.md", page=None, page_label="", score=1, text=text, start=base, length=len(text), section=2
    )
    weighed = Pages(lambda path, number: (text, base)).sentences(section)
    assert [(each.span.start, each.text) for each in weighed] == [(base, text)]


def test_what_stands_at_the_same_place_of_two_pages_is_quoted_from_both(embedder: Embedder) -> None:
    pages = {1: "The dental deductible is $50 a year.", 2: "The vision deductible is $70 a year."}
    found = [
        Hit(rank=page, path="/p.pdf", page=page, page_label=str(page), score=1, text=text, start=0, length=len(text))
        for page, text in pages.items()
    ]
    asked = "What is the deductible a year?"
    how = Found(found, {"total": 1.0}), lambda path, page: (pages[page], 0), embedder, time.perf_counter()
    assert {each.page for each in quote(asked, *how).answer.citations} == {1, 2}

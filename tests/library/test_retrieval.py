"""A question finds passages by meaning and by words, and a passage always is a part of its page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant_app.library import retrieval
from assistant_app.library.catalog import Scope
from assistant_app.library.retrieval import CANDIDATES, MOST_WORDS
from assistant_app.protocol.records import Hit
from tests.library.conftest import Library
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

FACTS = [
    "The deductible of the Aurora plan is $1,250 a year.",
    "Engineers are given a laptop and two monitors.",
    "The canteen serves soup on Fridays.",
    "Invoice QX-7731 was paid in March.",
    "Parking in the north yard needs a green permit.",
    "The library of the house closes at nine.",
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, embedder: object, readers: object) -> Library:
    folder = tmp_path_factory.mktemp("filled")
    library = Library(folder / "library", embedder, readers)  # type: ignore[arg-type]
    library.index(
        text_pdf(folder / "Facts.pdf", [[fact] for fact in FACTS]),
        text_pdf(folder / "Deductible.pdf", [["Nothing but a name."], ["Café Zürich"]]),
    )
    return library


def search(library: Library, question: str, top: int = 10, only: Scope | None = None) -> list[Hit]:
    hits = library.retriever.search(question, top, only).hits
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        found = library.catalog.page_text(hit.path, hit.section)
        assert found is not None
        page, base = found
        assert base == 0
        assert hit.text == page[hit.start : hit.start + hit.length] != ""
        assert (hit.vector_rank is None) == (hit.similarity is None)
    return hits


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("What must I pay before the Aurora plan pays?", 1),
        ("Which computers do developers receive?", 2),
        ("When can I eat a hot lunch?", 3),
        ("QX-7731", 4),
        ("where may I leave my car", 5),
    ],
)
def test_the_passage_that_is_meant_comes_first(filled: Library, question: str, page: int) -> None:
    best = search(filled, question)[0]
    assert (Path(best.path).name, best.page) == ("Facts.pdf", page)


def test_words_alone_and_vectors_alone(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "CANDIDATES", 1)
    hits = search(filled, "Is there a warm meal? permit")
    assert [(hit.page, hit.vector_rank, hit.keyword_rank) for hit in hits] == [(3, 1, None), (5, None, 1)]


def test_what_both_lists_hold_comes_before_what_one_holds(filled: Library) -> None:
    hits = search(filled, "green permit for parking")
    assert (hits[0].page, hits[0].vector_rank, hits[0].keyword_rank) == (5, 1, 1)
    assert all(hit.keyword_rank is None for hit in hits[1:])
    assert len(hits) == 8


def test_the_name_of_a_document_counts(filled: Library) -> None:
    assert "Deductible.pdf" in {Path(hit.path).name for hit in search(filled, "deductible") if hit.keyword_rank}


def test_only_in_some_documents(filled: Library) -> None:
    ids = filled.catalog.scope([document.path for document in filled.catalog.documents() if "Ded" in document.path])
    assert ids is not None
    hits = search(filled, "soup on Fridays, deductible", only=ids)
    assert {Path(hit.path).name for hit in hits} == {"Deductible.pdf"}
    assert len(hits) == 2
    assert search(filled, "soup", only=filled.catalog.scope([])) == []


def test_no_more_than_asked_for(filled: Library) -> None:
    assert len(search(filled, "soup", top=3)) == 3
    assert search(filled, "soup", top=0) == []
    assert len(search(filled, "soup", top=CANDIDATES * 2)) == 8


QUESTIONS = {
    "empty": "",
    "blank": " \n\t",
    "stop words": "what is the of and in",
    "marks": '"(*) AND NEAR(a b) OR NOT : ^ - {x} \\ \' "',
    "emoji": "soup \U0001f35c\U0001f468\u200d\U0001f373 on Fridays",
    "right to left": "\u202eشوربة\u202c soup",
    "lone surrogate": "soup \ud800 on Fridays \udfff",
    "nul": "soup\0Fridays",
    "one long word": "x" * 100_000,
    "long": "soup and a permit for the laptop in the canteen " * 2_100,
    "many words": " ".join(f"word{number}" for number in range(12_000)),
}


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.timeout(120)
def test_a_question_of_any_kind_finds_something(filled: Library, name: str) -> None:
    assert len(search(filled, QUESTIONS[name])) == 8


def test_accents_do_not_matter(filled: Library) -> None:
    assert [hit.page for hit in search(filled, "cafe zurich") if hit.keyword_rank == 1] == [2]


def test_only_the_rarest_words_of_a_long_question_are_searched_for(
    filled: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last fact's words come after as many rarer or equal ones, and are left out."""
    library_words = [f"word{number:03}" for number in range(MOST_WORDS)]
    monkeypatch.setattr(retrieval, "MOST_WORDS", 3)
    hits = search(filled, "canteen green invoice yard soup " + " ".join(library_words))
    assert {hit.page for hit in hits if hit.keyword_rank} == {3, 5, 4}
    monkeypatch.setattr(retrieval, "MOST_WORDS", 1)
    assert {hit.page for hit in search(filled, "soup canteen yard") if hit.keyword_rank} == {3}


def test_a_library_without_documents_finds_nothing(library: Library) -> None:
    found = library.retriever.search("anything", 5)
    assert found.hits == []
    assert list(found.milliseconds) == ["keywords", "embed", "vectors", "fuse", "join", "total"]
    assert not found.candidates


def test_a_vector_without_a_passage_is_never_returned(library: Library, tmp_path: Path) -> None:
    library.index(text_pdf(tmp_path / "a.pdf", [["The canteen serves soup."]]))
    stray = library.embedder.embed(["soup"])
    library.vectors.put(1, [77], stray)
    library.vectors.put(5, [78], np.asarray(stray))
    hits = search(library, "soup")
    assert [hit.text for hit in hits] == ["The canteen serves soup."]
    assert hits[0].vector_rank == 3


def test_stop_words_do_not_count(filled: Library) -> None:
    assert not [hit for hit in search(filled, "what is it of a and the in") if hit.keyword_rank]

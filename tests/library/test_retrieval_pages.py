"""Pages are gathered, repetitions dropped, neighbours joined, named documents lifted; and all of it is traced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant_app.library import retrieval
from assistant_app.library.catalog import Passage
from assistant_app.library.fusion import SOFTNESS, closeness, fused, page_score, ranks
from assistant_app.library.gathering import Scored, duplicates, gather, joined_to
from assistant_app.library.naming import Entry, Names
from assistant_app.library.retrieval import SHOWN
from tests.library.conftest import Library
from tests.pdfs import text_pdf

# ------------------------------------------------------------ numbers


def test_ranks_are_fused() -> None:
    assert ranks({"a": 0.1, "b": 0.9, "c": 0.5}) == {"b": 1, "c": 2, "a": 3}
    assert fused([(1.0, {"a": 1, "b": 2}), (0.5, {"b": 1})]) == {"a": 1 / 61, "b": 1 / 62 + 0.5 / 61}
    assert closeness({"a": 2.0, "b": 4.0, "c": 3.0}) == {"a": 0.0, "b": 1.0, "c": 0.5}
    assert closeness({"a": 2.0}) == {"a": 1.0}
    assert closeness({}) == {}


def test_a_page_is_worth_more_by_several_good_passages_but_not_by_poor_ones() -> None:
    assert page_score([0.6, 0.6], SOFTNESS) > page_score([0.62], SOFTNESS)
    assert page_score([0.6, 0.2, 0.2, 0.2], SOFTNESS) == pytest.approx(0.6, abs=0.001)
    assert page_score([0.5, 0.5, 0.5], SOFTNESS) < page_score([0.6], SOFTNESS)


# ------------------------------------------------------------ passages


def passage(number: int, text: str = "", *, content: int = 1, page: int | None = 1, start: int = 0) -> Passage:
    section = page or 1
    return Passage(number, content, f"/{content}.pdf", page, str(page), start, len(text), text, "", "", section)


def gathered(
    cosines: dict[int, float], passages: Sequence[Passage], lifts: dict[int, float] | None = None
) -> list[int]:
    scores = fused([(1.0, ranks(cosines))])
    order = sorted(passages, key=lambda each: -scores[each.id])
    pages = gather(order, scores, [Scored(cosines, SOFTNESS)], lifts or {})
    assert [page.score for page in pages] == sorted((page.score for page in pages), reverse=True)
    return [page.best.section for page in pages]


def test_several_good_passages_lift_their_page() -> None:
    passages = [passage(1, page=1), passage(2, page=2), passage(3, page=2), passage(4, page=2)]
    alone = {1: 0.61, 2: 0.60, 3: 0.10, 4: 0.10}
    together = {1: 0.61, 2: 0.60, 3: 0.60, 4: 0.59}
    assert gathered(alone, passages) == [1, 2]
    assert gathered(together, passages) == [2, 1]


def test_a_named_documents_page_is_lifted() -> None:
    passages = [passage(1, page=1), passage(2, page=2, content=2)]
    cosines = {1: 0.61, 2: 0.60, 3: 0.1}
    other = passage(3, page=3)
    assert gathered(cosines, [*passages, other]) == [1, 2, 3]
    assert gathered(cosines, [*passages, other], {2: 1.25}) == [2, 1, 3]


def test_without_pages_a_stretch_of_a_section_counts_as_one() -> None:
    passages = [passage(1, page=None), passage(2, page=None, start=900), passage(3, page=None, start=9_000)]
    assert len(gathered({1: 0.5, 2: 0.4, 3: 0.3}, passages)) == 2


FACT = (
    "The plan pays eighty per cent of the cost of a stay in hospital after the deductible, for up to thirty days. What "
    "is asked for by a doctor of the network needs no approval, and a private room is paid where it is needed. Bills "
    "are sent to the office within three months, with the name of the patient and the day of the treatment on each."
)


@pytest.mark.parametrize(
    ("other", "is_one"),
    [
        (FACT, True),
        (FACT.upper().replace(" ", "  "), True),
        (FACT.replace("cost of a stay", "cost of the stay"), True),
        (FACT.replace("eighty", "80"), False),  # another number
        (FACT.replace("thirty", "fifteen"), False),
        (FACT.replace("The plan", "The Aurora plan"), False),  # another name
        (FACT.replace("The plan pays", "The plan never pays"), False),
        (FACT + " " + " ".join(f"And much is said besides on matter {letter}." for letter in "abcdefgh"), False),
        (FACT[:200].rpartition(" ")[0], True),  # says less than the better one
        ("Soup is served.", False),
        ("", False),
    ],
)
def test_what_says_the_same_is_a_repetition(other: str, is_one: bool) -> None:
    order = [passage(1, FACT), passage(2, other, content=2), passage(3, "Something else.", content=3)]
    assert duplicates(order) == ({2} if is_one else set())


def test_neighbours_are_joined_where_they_adjoin() -> None:
    best = passage(1, "b" * 100, start=200)
    before, after = passage(2, "a" * 110, start=100), passage(3, "c" * 100, start=302)
    beyond, far = passage(4, "d" * 100, start=401), passage(5, "e" * 10, start=700)
    assert joined_to(best, [best, far]) == []
    assert joined_to(best, [after, best, before, beyond]) == [after, before]
    assert joined_to(best, [beyond, after]) == [after, beyond]
    assert joined_to(best, [passage(6, "f" * 10, start=310)]) == []


# ------------------------------------------------------------ names


def named(question: str, *paths: str) -> list[str]:
    names = Names([Entry(number, path) for number, path in enumerate(paths, start=1)])
    return [each.path for each in names.in_question(question)]


PLANS = ("/x/Northwind_Standard_Benefits.pdf", "/x/Northwind_Health_Plus_Benefits.pdf", "/x/role_library.pdf")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does Northwind_Standard_Benefits.pdf say on soup?", PLANS[:1]),
        ("what do the northwind standard benefits say", PLANS[:1]),
        ("Copay of Northwind Health Plus?", PLANS[1:2]),
        ("Is it covered by the standard plan?", PLANS[:1]),
        ("Which benefits does Northwind offer?", ()),  # many have these words
        ("Who reads in the library?", PLANS[2:]),
        ("Soup?", ()),
    ],
)
def test_documents_are_named_by_what_tells_them_apart(question: str, expected: Sequence[str]) -> None:
    assert named(question, *PLANS) == list(expected)


COMPANIES = ("3M", "Adobe", "Amcor", "Boeing", "Corning", "Intel", "Kraft", "Nike", "Pfizer", "Ulta", "Verizon")


def test_a_rare_word_of_a_name_is_enough() -> None:
    reports = [f"/r/{company}_{year}_10K.pdf" for company in COMPANIES for year in (2017, 2018, 2019)]
    found = named("What did 3M spend in 2018?", *reports)
    assert found[0] == "/r/3M_2018_10K.pdf"
    assert {path[3:5] for path in found} == {"3M"}
    assert named("What was spent in 2018?", *reports) == []


# ------------------------------------------------------------ the whole way

PLAN = "The {} plan pays {} per cent of the cost of dental care and of glasses for children."


@pytest.mark.models
def test_the_named_document_comes_first(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, share in (("Aurora", "fifty"), ("Borealis", "sixty"), ("Cirrus", "ninety")):
        text_pdf(tmp_path / f"{name} plan.pdf", [[PLAN.format("company's", share)]])
    library.index(*sorted(tmp_path.glob("*.pdf")))
    for name in ("Aurora", "Borealis", "Cirrus"):
        found = library.retriever.search(f"What does the {name} plan pay for glasses?", 3)
        assert [Path(path).stem for path in found.named] == [f"{name} plan"]
        assert Path(found.hits[0].path).stem == f"{name} plan"
        assert len(found.hits) == 3  # lifted, and nothing else is left out
    monkeypatch.setattr(retrieval, "LIFT", 0.0)
    plain = library.retriever.search("What does the Cirrus plan pay for glasses?", 3)
    assert found.hits[0].score == pytest.approx(1.25 * plain.hits[0].score, abs=1e-5)
    assert [hit.score for hit in found.hits[1:]] == [hit.score for hit in plain.hits[1:]]
    only = library.catalog.scope([str(tmp_path / "Aurora plan.pdf")])
    found = library.retriever.search("What does the Cirrus plan pay for glasses?", 3, only)
    assert not found.named
    assert [Path(hit.path).stem for hit in found.hits] == ["Aurora plan"]
    library.catalog.move(
        str(tmp_path / "Cirrus plan.pdf"), str(tmp_path / "Nimbus plan.pdf"), 1, 1
    )  # names are read again when the catalogue changed
    assert [Path(path).stem for path in library.retriever.search("the Nimbus plan", 3).named] == ["Nimbus plan"]


@pytest.mark.models
def test_a_repetition_is_dropped_and_said_so(library: Library, tmp_path: Path) -> None:
    text_pdf(tmp_path / "one.pdf", [["Ships wait at the second buoy until the pilot comes."], ["Soup is served."]])
    text_pdf(tmp_path / "two.pdf", [["Ships wait at the second buoy until the pilot  comes"]])
    library.index(*sorted(tmp_path.glob("*.pdf")))
    found = library.retriever.search("Where do ships wait for the pilot?", 10)
    assert [(Path(hit.path).stem, hit.page) for hit in found.hits] == [("one", 1), ("one", 2)]
    assert [(Path(each.path).stem, each.fate) for each in found.candidates] == [
        ("one", "kept"),
        ("two", "duplicate"),
        ("one", "kept"),
    ]


@pytest.mark.models
def test_a_page_is_given_once_with_its_neighbours_joined(library: Library, tmp_path: Path) -> None:
    ships = [
        f"Ship number {number} waits at the second buoy until pilot {number} comes aboard." for number in range(12)
    ]
    others = [f"The harbour office {number} opens at seven and sells soup, tickets and charts." for number in range(12)]
    text_pdf(tmp_path / "harbour.pdf", [ships, others, ["Where ships wait is told elsewhere."]])
    library.index(tmp_path / "harbour.pdf")
    assert library.catalog.counts()["passages"] > 4
    found = library.retriever.search("At which buoy do ships wait for the pilot?", 4)
    pages = [hit.page for hit in found.hits]
    assert sorted(pages[:3], key=lambda page: page or 0) == [1, 2, 3]
    assert pages[0] == 1
    first = found.hits[0]
    held = library.catalog.page_text(first.path, 1)
    assert held is not None
    assert first.text == held[0][first.start : first.start + first.length]
    joined = [each for each in found.candidates if each.fate == "joined"]
    assert joined
    assert all(
        first.start <= each.start and each.start + each.length <= first.start + first.length
        for each in joined
        if each.page == 1
    )
    assert max(each.length for each in found.candidates if each.page == 1) < first.length


@pytest.mark.models
def test_every_candidate_is_traced(library: Library, tmp_path: Path) -> None:
    pages = [[f"Ship {number} waits at buoy {number}."] for number in range(1, 13)]
    text_pdf(tmp_path / "ships.pdf", pages)
    library.index(tmp_path / "ships.pdf")
    found = library.retriever.search("What waits at buoy 7?", 3)
    assert list(found.words) == ["7"]  # all of them have the others
    assert len(found.candidates) == 12
    assert [each.fused_rank for each in found.candidates] == list(range(1, 13))
    assert sorted(each.page_rank or 0 for each in found.candidates) == list(range(1, 13))
    fates = [each.fate for each in sorted(found.candidates, key=lambda each: each.page_rank or 0)]
    assert fates == ["kept"] * 3 + ["lower"] * 9
    kept = {(each.page, each.vector_rank, each.keyword_rank, each.similarity) for each in found.candidates[:3]}
    assert kept == {(hit.page, hit.vector_rank, hit.keyword_rank, hit.similarity) for hit in found.hits}
    assert found.hits[0].page == 7
    assert all(len(each.text) <= SHOWN for each in found.candidates)
    assert list(found.milliseconds) == ["keywords", "embed", "vectors", "fuse", "join", "total"]
    assert sum(list(found.milliseconds.values())[:-1]) == pytest.approx(found.milliseconds["total"], abs=0.1)


# ------------------------------------------------------------ fewer pages than hits

_TOPICS = ("ferry", "museum", "garden", "bakery", "archive", "theatre", "harbour", "station")


def _long_page(topics: Sequence[str]) -> list[str]:
    """A page on several topics, some five passages long."""
    return [
        f"The {topic} in the old town opens at {hour} and {rest} on the hill above the river, as the council decided."
        for topic in topics
        for hour, rest in enumerate(("closes late", "asks for no fee", "has a new roof", "keeps its own boats"), 7)
    ]


def test_where_all_passages_fit_all_are_given_whatever_is_asked(library: Library, tmp_path: Path) -> None:
    library.index(text_pdf(tmp_path / "town.pdf", [_long_page(_TOPICS[:4])]))
    found = [library.retriever.search(f"When does the {topic} open?", 12).hits for topic in _TOPICS[:4]]
    spans = [sorted((hit.start, hit.length) for hit in hits) for hits in found]
    assert len(spans[0]) > 2
    assert spans == [spans[0]] * 4
    assert [hit.rank for hit in found[0]] == list(range(1, len(found[0]) + 1))


def test_where_there_are_fewer_pages_than_hits_their_other_passages_follow(library: Library, tmp_path: Path) -> None:
    library.index(text_pdf(tmp_path / "town.pdf", [_long_page(_TOPICS[:4]), _long_page(_TOPICS[4:])]))
    passages = library.catalog.passage_count()
    top = 5
    assert passages > top
    result = library.retriever.search("When does the theatre open?", top)
    assert len(result.hits) == top
    assert {hit.page for hit in result.hits[:2]} == {1, 2}  # first each page once
    assert len({(hit.page, hit.start) for hit in result.hits}) == top
    assert [hit.rank for hit in result.hits] == [1, 2, 3, 4, 5]
    kept = [each for each in result.candidates if each.fate == "kept"]
    assert len(kept) == top

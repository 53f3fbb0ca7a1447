"""Change costs little: what is known is not embedded again, and nothing is lost or there twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_app.documents.reader_pool import PageText
from assistant_app.library import indexing
from assistant_app.library.catalog import Passage
from assistant_app.library.collections import Collections
from tests.library.conftest import Library
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

PAGES = [[f"Chapter {number} says that the value is {number * 7}."] for number in range(1, 9)]


class Counted:
    """What was embedded, as texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def clear(self) -> list[str]:
        found, self.texts = self.texts, []
        return found


@pytest.fixture
def embedded(library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """The real embedding model, watched."""
    counted = Counted()
    embed = library.embedder.embed

    def watched(texts: Sequence[str]) -> NDArray[np.float32]:
        counted.texts.extend(texts)
        return embed(texts)

    monkeypatch.setattr(library.embedder, "embed", watched)
    yield counted
    monkeypatch.undo()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir()
    return made


def names(library: Library) -> list[str]:
    return [Path(each.path).name for each in library.catalog.documents()]


def test_of_a_changed_file_only_new_passages_are_embedded(library: Library, folder: Path, embedded: Counted) -> None:
    plan = text_pdf(folder / "plan.pdf", PAGES)
    library.index(plan)
    assert len(embedded.clear()) == 8
    changed = [*PAGES[:3], ["Chapter 4 was written anew."], *PAGES[4:], ["Chapter 9 is new."]]
    text_pdf(plan, changed)
    assert library.index(plan) == {"plan.pdf": ("indexed", None)}
    assert sorted(text.split("\n")[-1] for text in embedded.clear()) == [
        "Chapter 4 was written anew.",
        "Chapter 9 is new.",
    ]
    library.assert_whole()
    assert library.catalog.counts() == {"documents": 1, "pages": 9, "passages": 9}
    fresh = library.embedder.embed(["plan\nChapter 4 was written anew."])[0]
    best, cosine = library.vectors.nearest(fresh, 1)[0]
    assert library.catalog.passages([best])[best].page == 4
    assert cosine == pytest.approx(1.0, abs=0.01)


def test_pages_that_only_moved_stay(library: Library, folder: Path, embedded: Counted) -> None:
    plan = text_pdf(folder / "plan.pdf", PAGES)
    library.index(plan)
    embedded.clear()
    before = {passage.text: number for number, passage in all_passages(library).items()}
    text_pdf(plan, [["A new first page."], *PAGES[4:], PAGES[0], *PAGES[:2]])  # one page twice, two gone
    assert library.index(plan) == {"plan.pdf": ("indexed", None)}
    assert [text.split("\n")[-1] for text in embedded.clear()] == ["A new first page."]
    library.assert_whole()
    after = all_passages(library)
    assert [passage.text for passage in sorted(after.values(), key=lambda each: each.section)] == [
        "A new first page.",
        *(page[0] for page in PAGES[4:]),
        PAGES[0][0],
        PAGES[0][0],
        PAGES[1][0],
    ]
    assert sum(before.get(passage.text) == number for number, passage in after.items()) == 6  # as they were
    scope = library.catalog.scope([str(plan)])
    assert library.retriever.search("A new first page", 1, scope).hits[0].vector_rank == 1


def all_passages(library: Library) -> dict[int, Passage]:
    return library.catalog.passages(library.catalog.passage_ids())


def test_a_section_that_only_moved_counts_anew(library: Library, folder: Path, embedded: Counted) -> None:
    note = folder / "note.md"
    note.write_text("# One\n\nThe first value is 7.\n\n# Two\n\nThe second value is 14.\n")
    library.index(note)
    embedded.clear()
    text = "# Nought\n\nIt begins at 0.\n\n" + note.read_text()
    note.write_text(text)
    assert library.index(note) == {"note.md": ("indexed", None)}
    assert len(embedded.clear()) == 1
    for passage in all_passages(library).values():
        assert passage.page is None
        assert text[passage.start : passage.start + passage.length] == passage.text
    library.assert_whole()


def test_the_same_content_under_two_names_is_embedded_once(library: Library, folder: Path, embedded: Counted) -> None:
    text_pdf(folder / "one.pdf", PAGES)
    shutil.copy(folder / "one.pdf", folder / "two.pdf")
    found = library.index(folder)
    assert found == {"one.pdf": ("indexed", None), "two.pdf": ("indexed", None)}
    assert len(embedded.clear()) == 8
    assert [(each.pages, each.passages) for each in library.catalog.documents()] == [(8, 8)] * 2
    assert library.catalog.counts() == {"documents": 2, "pages": 8, "passages": 8}
    hits = library.retriever.search("What is the value in chapter 5?", 3).hits
    assert len({(hit.page, hit.start) for hit in hits}) == 3  # not each twice
    only = library.catalog.scope([str(folder / "two.pdf")])
    assert {hit.path for hit in library.retriever.search("value", 3, only).hits} == {str(folder / "two.pdf")}
    library.catalog.remove([str(folder / "one.pdf")], forever=True)
    library.indexer._sweep()
    assert library.catalog.counts()["passages"] == 8
    library.assert_whole()


def test_a_twin_that_changes_leaves_the_other_alone(library: Library, folder: Path, embedded: Counted) -> None:
    text_pdf(folder / "one.pdf", PAGES)
    shutil.copy(folder / "one.pdf", folder / "two.pdf")
    library.index(folder)
    embedded.clear()
    text_pdf(folder / "two.pdf", [["Something else."]])
    library.index(folder)
    assert len(embedded.clear()) == 1
    assert [each.passages for each in library.catalog.documents()] == [8, 1]
    library.assert_whole()


def test_a_moved_file_keeps_its_passages(library: Library, folder: Path, embedded: Counted) -> None:
    old = text_pdf(folder / "old.pdf", PAGES)
    library.index(old)
    Collections(library.catalog).collect("work", [str(old)])
    ids = library.catalog.passage_ids()
    embedded.clear()
    (folder / "deeper").mkdir()
    old.rename(folder / "deeper" / "new.pdf")
    assert library.index(folder) == {"new.pdf": ("indexed", None)}
    assert embedded.clear() == []
    (document,) = library.catalog.documents()
    assert (Path(document.path).name, document.collections) == ("new.pdf", ["work"])
    assert library.catalog.passage_ids() == ids
    library.assert_whole()


def test_a_removed_file_comes_back_for_nothing(library: Library, folder: Path, embedded: Counted) -> None:
    plan = text_pdf(folder / "plan.pdf", PAGES)
    library.index(plan)
    embedded.clear()
    library.catalog.remove([str(plan)])
    assert library.index(plan) == {"plan.pdf": ("indexed", None)}
    assert embedded.clear() == []
    assert names(library) == ["plan.pdf"]
    library.assert_whole()


def test_an_unchanged_file_is_not_even_opened(
    library: Library, folder: Path, embedded: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_pdf(folder / "plan.pdf", PAGES)
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.7\n" + bytes(2_000))
    library.index(folder)

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr(indexing.ReadAhead, "__enter__", refused)
    expected = {"damaged.pdf": ("failed", "pdf_damaged"), "plan.pdf": ("unchanged", None)}
    assert library.index(folder) == expected
    # A failed file that a person names is tried again.
    with pytest.raises(AssertionError, match="a file was read"):
        library.index(folder / "damaged.pdf")


def test_a_failed_file_that_is_named_is_read_again(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = text_pdf(folder / "plan.pdf", PAGES)
    read = library.readers.read

    def fails(*given: object, **how: object) -> Iterator[PageText]:
        for page in read(*given, **how):  # type: ignore[arg-type]
            yield msgspec.structs.replace(page, text="", error="reader_memory")

    monkeypatch.setattr(library.readers, "read", fails)
    assert library.index(plan) == {"plan.pdf": ("failed", "pdf_damaged")}
    monkeypatch.undo()
    assert library.index(folder) == {"plan.pdf": ("failed", "pdf_damaged")}
    assert library.index(plan) == {"plan.pdf": ("indexed", None)}
    library.assert_whole()


def test_what_an_older_version_read_is_read_again(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = text_pdf(folder / "plan.pdf", PAGES)
    library.index(plan)
    monkeypatch.setattr(indexing, "READING", indexing.READING + 1)
    assert library.index(plan) == {"plan.pdf": ("indexed", None)}
    assert library.index(plan) == {"plan.pdf": ("unchanged", None)}
    library.assert_whole()


def test_a_file_that_ended_the_process_three_times_is_left_alone(library: Library, folder: Path) -> None:
    plan = text_pdf(folder / "plan.pdf", PAGES)
    worklist = library.indexer.worklist
    worklist.add([(str(plan), False)], None)
    assert [worklist.begin(str(plan)) for _ in range(3)] == [0, 1, 2]
    assert library.index(folder) == {"plan.pdf": ("failed", "engine_killer")}
    assert worklist.pending() == []
    assert library.index(folder) == {"plan.pdf": ("failed", "engine_killer")}
    assert library.index(plan) == {"plan.pdf": ("indexed", None)}  # named by a person: tried


def test_many_passages_with_the_same_text_are_embedded_once(library: Library, folder: Path, embedded: Counted) -> None:
    text_pdf(folder / "form.pdf", [["This page is intentionally left blank."]] * 40)
    library.index(folder)
    assert len(embedded.clear()) == 1
    assert library.catalog.counts()["passages"] == 40
    library.assert_whole()


def test_a_broken_export_does_not_take_what_was_known(library: Library, folder: Path) -> None:
    plan = text_pdf(folder / "plan.pdf", PAGES)
    library.index(plan)
    good = plan.read_bytes()
    plan.write_bytes(good[: len(good) // 3])
    assert library.index(folder) == {"plan.pdf": ("failed", "pdf_damaged")}
    (document,) = library.catalog.documents()
    assert (document.passages, document.details["older"]) == (8, 8)
    assert library.retriever.search("What is the value in chapter 5?", 1).hits
    assert library.index(folder) == {"plan.pdf": ("failed", "pdf_damaged")}
    plan.write_bytes(good)
    assert library.index(folder) == {"plan.pdf": ("indexed", None)}
    assert library.catalog.documents()[0].details == {}
    library.assert_whole()


def test_a_file_of_another_kind_is_not_taken_for_a_revision(library: Library, folder: Path) -> None:
    name = folder / "a.txt"
    text_pdf(name, [["The same words here about llamas."]])
    library.index(name)
    name.write_text("<html><body><p>The same words here about llamas.</p></body></html>")
    assert library.index(name) == {"a.txt": ("indexed", None)}
    assert library.catalog.documents()[0].kind == "html"
    assert [passage.page for passage in all_passages(library).values()] == [None]
    library.assert_whole()


def test_a_moved_file_is_found_by_its_new_name(library: Library, folder: Path) -> None:
    old = text_pdf(folder / "aardvark.pdf", [["It says nothing of interest."]])
    library.index(old)
    old.rename(folder / "xylophone.pdf")
    library.index(folder)
    hits = library.retriever.search("xylophone", 1).hits
    assert [(Path(hit.path).name, hit.keyword_rank) for hit in hits] == [("xylophone.pdf", 1)]
    assert library.retriever.search("aardvark", 1).hits[0].keyword_rank is None
    shutil.copy(folder / "xylophone.pdf", folder / "marimba.pdf")
    library.index(folder)
    assert all(library.retriever.search(name, 1).hits[0].keyword_rank for name in ("marimba", "xylophone"))


def test_a_file_on_another_disk_is_no_move(library: Library, folder: Path) -> None:
    """As when a drive is unplugged whose file was copied before."""
    old = text_pdf(folder / "stick.pdf", PAGES)
    library.index(old)
    with library.catalog.transaction() as db:
        db.execute("UPDATE documents SET device = device + 1")
    old.rename(folder / "copy.pdf")
    library.index(folder)
    assert names(library) == ["copy.pdf", "stick.pdf"]


def test_a_passage_of_markdown_knows_its_own_heading(library: Library, folder: Path) -> None:
    (folder / "notes.md").write_text("# Garden\n\nAll of it.\n\n## Tomatoes\n\nRed.\n\n## Beans\n\nGreen.\n")
    library.index(folder)
    found = {passage.text.split()[-1]: passage.heading for passage in all_passages(library).values()}
    assert found["Red."] == "Garden › Tomatoes"
    assert found["Green."] == "Garden › Beans"


def test_a_touched_file_costs_a_digest(library: Library, folder: Path, embedded: Counted) -> None:
    plan = text_pdf(folder / "plan.pdf", PAGES)
    library.index(plan)
    embedded.clear()
    os.utime(plan, ns=(5, 5))
    assert library.index(plan) == {"plan.pdf": ("unchanged", None)}
    assert embedded.clear() == []
    stored = library.catalog.stored(str(plan))
    assert stored is not None
    assert stored.modified_ns == 5

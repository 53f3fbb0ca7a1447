"""Indexing: what becomes of each kind of file, with real readers, the real embedding model and both stores."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest

from assistant_app.documents.cutting import Piece, embedded_text
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import Code, DocentError
from assistant_app.library import embedder, pace
from assistant_app.library.embedder import Embedder
from assistant_app.library.indexing import Indexer, Wishes, spoken_name
from assistant_app.protocol.messages import DocumentDone, IndexProgress
from tests.library.conftest import Library
from tests.pdfs import encrypt, image_pdf, text_pdf

pytestmark = pytest.mark.models

PLAN = [["The Aurora plan has a deductible of $1,250."], ["A visit to a specialist costs $30."]]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return text_pdf(tmp_path / "Aurora_plan.pdf", PLAN)


def words(library: Library, *asked: str) -> list[str]:
    """The texts of the passages in which the words stand."""
    found = library.catalog.passages([number for number, _ in library.catalog.matching(asked, 100)])
    return [passage.text for passage in found.values()]


# ---------------------------------------------------------------- outcomes


def test_a_file_is_indexed(library: Library, plan: Path) -> None:
    (document,) = library.indexer.index([str(plan)])
    assert (document.status, document.reason, document.pages, document.passages) == ("indexed", None, 2, 2)
    assert document.size == plan.stat().st_size
    assert document.seconds > 0
    assert library.catalog.documents() == [document]
    assert (document.kind, document.empty_pages, document.failed_pages) == ("pdf", 0, 0)
    assert document.indexed_at
    assert words(library, "deductible") == [PLAN[0][0]]
    assert library.catalog.page_text(str(plan), 2) == (PLAN[1][0], 0)
    library.assert_whole()


def test_an_unchanged_file_is_not_read_again(library: Library, plan: Path) -> None:
    library.index(plan)
    ids = library.catalog.passage_ids()
    assert library.index(plan) == {plan.name: ("unchanged", None)}
    os.utime(plan, ns=(1, 1))  # looks changed, is not
    assert library.index(plan) == {plan.name: ("unchanged", None)}
    stored = library.catalog.stored(str(plan))
    assert stored is not None
    assert stored.modified_ns == 1
    assert library.catalog.passage_ids() == ids
    assert library.catalog.documents()[0].status == "indexed"


def test_a_changed_file_takes_the_place_of_the_old_one(library: Library, plan: Path) -> None:
    library.index(plan)
    old = library.catalog.passage_ids()
    text_pdf(plan, [["The Borealis plan has no deductible at all, and more words than before."]])
    assert library.index(plan) == {plan.name: ("indexed", None)}
    assert words(library, "specialist") == []
    assert words(library, "borealis") != []
    assert library.vectors.missing(old) == old
    library.assert_whole()


def test_a_change_of_the_same_size_and_time_is_not_seen_but_of_the_same_size_is(library: Library, plan: Path) -> None:
    library.index(plan)
    content = plan.read_bytes()
    plan.write_bytes(content[:-1] + b" ")
    os.utime(plan, ns=(2, 2))
    assert library.index(plan) == {plan.name: ("indexed", None)}


def test_pages_without_text_make_it_partial(library: Library, tmp_path: Path, plan: Path) -> None:
    mixed = tmp_path / "mixed.pdf"
    with pikepdf.open(plan) as pdf, pikepdf.open(image_pdf(tmp_path / "scan.pdf")) as scan:
        pdf.pages.extend(scan.pages)
        pdf.save(mixed)
    (document,) = library.indexer.index([str(mixed)], wishes=Wishes(ocr=False))
    assert (document.status, document.reason) == ("partial", "some_pages_without_text")
    assert (document.pages, document.passages, document.details["count"]) == (3, 2, 1)
    assert library.index(mixed, ocr=False) == {"mixed.pdf": ("partial", "some_pages_without_text")}
    library.assert_whole()


def test_a_scan_has_no_text(library: Library, tmp_path: Path) -> None:
    scan = image_pdf(tmp_path / "scan.pdf", 2)
    (document,) = library.indexer.index([str(scan)], wishes=Wishes(ocr=False))
    assert (document.status, document.reason, document.pages, document.passages) == ("failed", "no_text", 2, 0)
    assert (document.empty_pages, document.details["ocr"]) == (2, "off")
    assert library.catalog.documents() == [document]
    library.assert_whole()


def test_a_scan_is_recognised_once_that_is_wanted(library: Library, tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="SKIPPED LOUDLY: OCR is not installed")
    scan = image_pdf(tmp_path / "scan.pdf", 1, "The password of the safe is heron")
    assert library.index(tmp_path, ocr=False)["scan.pdf"] == ("failed", "no_text")
    assert library.index(tmp_path)["scan.pdf"] == ("indexed", None)  # though nobody named it
    (document,) = [each for each in library.catalog.documents() if each.path == str(scan)]
    assert (document.recognised_pages, document.empty_pages) == (1, 0)
    found = library.catalog.recognised_words(str(scan), 1)
    assert found is not None
    text, listed = found
    assert "safe" in text
    assert all(text[word.start : word.start + word.length].strip() for word in listed)
    assert library.index(scan) == {"scan.pdf": ("unchanged", None)}
    library.assert_whole()


def test_an_encrypted_file_needs_its_password(library: Library, tmp_path: Path, plan: Path) -> None:
    locked = encrypt(plan, tmp_path / "locked.pdf", "open sesame")
    assert library.index(locked) == {"locked.pdf": ("failed", "password_needed")}
    assert library.index(locked, passwords={str(locked): "wrong"}) == {"locked.pdf": ("failed", "password_wrong")}
    assert library.index(locked, passwords={str(locked): "open sesame"}) == {"locked.pdf": ("indexed", None)}
    assert words(library, "deductible") == [PLAN[0][0]]
    assert library.index(locked) == {"locked.pdf": ("unchanged", None)}
    library.assert_whole()


def test_files_that_cannot_be_read(library: Library, tmp_path: Path, plan: Path) -> None:
    (tmp_path / "empty.pdf").touch()
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0 no document")
    (tmp_path / "damaged.pdf").write_bytes(b"%PDF-1.7\n" + bytes(2_000))
    files = [tmp_path / name for name in ("empty.pdf", "picture.jpg", "damaged.pdf")]
    expected = {
        "empty.pdf": ("failed", "file_empty"),
        "picture.jpg": ("skipped", "not_a_pdf"),
        "damaged.pdf": ("failed", "pdf_damaged"),
    }
    assert library.index(*files) == expected
    assert {Path(each.path).name: (each.status, each.reason) for each in library.catalog.documents()} == expected
    library.assert_whole()


def test_every_file_of_a_folder_enters_the_ledger(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    plan = text_pdf(folder / "plan.pdf", PLAN)
    (folder / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0 no document")
    (folder / ".hidden").write_text("left alone")
    for _ in range(2):
        found = library.index(folder)
        assert found["picture.jpg"] == ("skipped", "not_a_pdf")
    assert found[plan.name] == ("unchanged", None)
    assert [(Path(each.path).name, each.status) for each in library.catalog.documents()] == [
        ("picture.jpg", "skipped"),
        ("plan.pdf", "indexed"),
    ]


# ---------------------------------------------------------------- nothing gets lost, nothing stays that is gone


def test_a_known_file_that_is_missing_keeps_its_passages(library: Library, plan: Path, tmp_path: Path) -> None:
    library.index(plan)
    plan.rename(tmp_path / "elsewhere")
    (document,) = library.indexer.index([str(plan)])
    assert (document.status, document.reason, document.passages) == ("missing", "file_missing", 2)
    assert library.index(tmp_path / "never.pdf") == {"never.pdf": ("failed", "file_missing")}
    assert [each.path for each in library.catalog.documents()] == [str(plan)]
    (tmp_path / "elsewhere").rename(plan)
    assert library.index(plan) == {plan.name: ("unchanged", None)}
    library.assert_whole()


_WITHOUT_PERMISSION = """
import os, sys
from pathlib import Path
from assistant_app.documents.cutting import Piece, embedded_text
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.library.embedder import Embedder
from tests.library.conftest import Library
with ReaderPool() as readers:
    library = Library(Path(sys.argv[1]), Embedder(), readers)
    library.index(Path(sys.argv[2]))
    os.chmod(sys.argv[2], 0)
    os.utime(sys.argv[2], ns=(1, 1))
    if os.geteuid() == 0:
        os.seteuid(65534)
    (document,) = library.indexer.index([sys.argv[2]])
    print(document.status, document.reason, document.passages, len(library.catalog.passage_ids()))
    if os.getuid() == 0:
        os.seteuid(0)
    library.close()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_a_known_file_that_may_not_be_read_keeps_its_passages(library: Library, plan: Path, tmp_path: Path) -> None:
    """In a child that gives up being root, because root may read everything."""
    library.close()
    for folder in (tmp_path, *(each for each in tmp_path.parents if "pytest-" in str(each))):
        folder.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-c", _WITHOUT_PERMISSION, str(library.folder), str(plan)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    library.open()
    assert run.stdout.split() == ["failed", "file_unreadable", "2", "2"], run.stderr
    assert library.catalog.documents()[0].status == "indexed"
    library.assert_whole()


def test_a_file_that_is_no_pdf_any_more_loses_its_passages(library: Library, plan: Path) -> None:
    library.index(plan)
    plan.write_text("now it is plain text")
    assert library.index(plan)[plan.name] == ("skipped", "not_a_pdf")
    assert [(each.status, each.passages) for each in library.catalog.documents()] == [("skipped", 0)]
    assert library.index(text_pdf(plan, PLAN)) == {plan.name: ("indexed", None)}
    library.assert_whole()


def once(action: Callable[[], object]) -> Callable[[], float]:
    """Waiting for a question does ``action`` the first time, when the first page was read."""
    calls = iter([action])

    def wait() -> float:
        for call in calls:
            call()
        return 0.0

    return wait


def test_a_file_that_changes_while_it_is_read_is_not_taken(library: Library, plan: Path) -> None:
    def change() -> None:
        with plan.open("ab") as file:
            file.write(b"\n% more")

    assert library.index(plan, wait=once(change)) == {plan.name: ("failed", "file_vanished")}
    assert library.catalog.documents()[0].passages == 0
    assert library.index(plan) == {plan.name: ("indexed", None)}
    change()
    assert library.index(plan, wait=once(change)) == {plan.name: ("failed", "file_vanished")}
    assert [(each.status, each.passages) for each in library.catalog.documents()] == [("indexed", 2)]
    library.indexer._sweep()
    library.assert_whole()


def test_a_file_that_vanishes_while_it_is_read(library: Library, plan: Path) -> None:
    assert library.index(plan, wait=once(plan.unlink)) == {plan.name: ("failed", "file_vanished")}
    library.indexer._sweep()
    library.assert_whole()


# ---------------------------------------------------------------- progress, cancelling, collections


def test_progress_adds_up(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "REPORT_EVERY", 0.0)
    (tmp_path / "all").mkdir()
    for name, pages in (("a", 3), ("b", 20), ("c", 2)):
        text_pdf(tmp_path / "all" / f"{name}.pdf", [[f"{name} {number}"] for number in range(pages)])
    (tmp_path / "all" / "d.pdf").write_text("no pdf")
    events: list[IndexProgress | DocumentDone] = []
    documents = library.indexer.index([str(tmp_path / "all")], wishes=Wishes(report=events.append))
    done = [event.document for event in events if isinstance(event, DocumentDone)]
    assert [Path(document.path).name for document in documents] == ["a.pdf", "b.pdf", "c.pdf", "d.pdf"]
    assert sorted(done, key=lambda document: document.path) == documents
    finished = 0
    last: dict[str, int] = {}
    for event in events:
        if isinstance(event, DocumentDone):
            finished += 1
            continue
        assert (event.files_done, event.files_total) == (finished, 4)
        assert 0 <= event.pages_done <= max(event.pages_total, 0)
        assert event.pages_done >= last.get(event.path, 0)
        assert event.seconds_left is None or event.seconds_left >= 0
        assert event.pages_per_second is None or event.pages_per_second > 0
        last[event.path] = event.pages_done
    assert {event.stage for event in events if isinstance(event, IndexProgress)} == {"waiting", "reading", "embedding"}


def test_cancelling_keeps_what_is_stored(library: Library, tmp_path: Path) -> None:
    first = text_pdf(tmp_path / "a.pdf", PLAN)
    second = text_pdf(tmp_path / "b.pdf", [[f"Page {number} of a long text"] for number in range(10)])
    asked: list[int] = []

    def cancelled() -> bool:
        asked.extend(document.passages for document in library.catalog.documents())
        return len(asked) > 4  # in the middle of the second file's pages

    with pytest.raises(DocentError) as caught:
        library.indexer.index([str(first), str(second)], wishes=Wishes(cancelled=cancelled))
    assert caught.value.code is Code.CANCELLED
    assert [document.path for document in library.catalog.documents()] == [str(first)]
    assert [Path(each.path).name for each in library.indexer.worklist.pending()] == ["b.pdf"]
    library.indexer._sweep()
    library.assert_whole()
    assert library.index(first, second) == {"a.pdf": ("unchanged", None), "b.pdf": ("indexed", None)}
    assert library.indexer.worklist.pending() == []
    library.assert_whole()


def test_looking_through_folders_can_be_cancelled(library: Library, tmp_path: Path, plan: Path) -> None:
    with pytest.raises(DocentError) as caught:
        library.indexer.index([str(tmp_path)], wishes=Wishes(cancelled=lambda: True))
    assert caught.value.code is Code.CANCELLED
    assert library.catalog.documents() == []


def test_a_collection_takes_what_was_tried(library: Library, tmp_path: Path, plan: Path) -> None:
    other = text_pdf(tmp_path / "other.pdf", [["Other"]])
    note = tmp_path / "note.jpg"
    note.write_bytes(b"\xff\xd8 no document")
    library.index(plan, collection="work")
    library.index(plan, other, note, collection="home")
    assert {Path(each.path).name: each.collections for each in library.catalog.documents()} == {
        plan.name: ["home", "work"],
        "other.pdf": ["home"],
        "note.jpg": [],
    }


def test_two_files_of_one_name_are_two_documents(library: Library, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        text_pdf(tmp_path / folder / "same.pdf", [[f"The file of folder {folder}"]])
    documents = library.indexer.index([str(tmp_path / "one"), str(tmp_path / "two")])
    assert [(document.status, document.passages) for document in documents] == [("indexed", 1)] * 2
    assert library.catalog.counts()["documents"] == 2
    library.assert_whole()


def test_it_waits_for_a_question_between_batches(library: Library, plan: Path) -> None:
    waits: list[float] = []

    def wait() -> float:
        waits.append(0.5)
        return 0.5

    library.index(plan, wait=wait)
    assert len(waits) == 3  # two pages, one batch


def test_without_the_embedding_model_everything_stops(
    library: Library, tmp_path: Path, readers: ReaderPool, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"not the published one")
    monkeypatch.setattr(embedder, "built_in_folder", lambda: tmp_path / "model")
    indexer = Indexer(library.catalog, library.vectors, Embedder(), readers)
    with pytest.raises(DocentError) as caught:
        indexer.index([str(plan), str(plan)])
    assert caught.value.code is Code.EMBEDDER_DAMAGED
    assert library.catalog.documents() == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/x/Northwind_Standard-Benefits.pdf", "Northwind Standard Benefits"),
        ("/x/a.b.PDF", "a.b"),
        ("/x/__  __.pdf", ""),
        ("/x/" + "n" * 300 + ".pdf", "n" * 120),
    ],
)
def test_a_document_has_a_name_that_can_be_said(path: str, expected: str) -> None:
    assert spoken_name(path) == expected
    assert embedded_text("Name", Piece(0, 5), "a \n b") == "Name\na b"

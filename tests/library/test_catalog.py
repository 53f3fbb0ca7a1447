"""The catalogue: what is put comes back, in one piece or not at all."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant_app.documents.cutting import Piece
from assistant_app.documents.passages import Span
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.library.catalog import Catalog, Page
from assistant_app.library.collections import Collections
from assistant_app.protocol.records import Box, Document, Heading, Word

TEXT = "The deductible is $2,000. Travelling abroad costs extra."
ROOT = Path(__file__).parent.parent.parent


class Stored(NamedTuple):
    """A page before its passages have ids."""

    number: int
    text: str
    spans: list[Span]


def page(text: str = TEXT, number: int = 1) -> Stored:
    """One passage for each sentence."""
    middle = text.find(". ") + 1
    spans = [Span(0, middle), Span(middle + 1, len(text) - middle - 1)] if middle else [Span(0, len(text))]
    return Stored(number, text, spans)


def put(catalog: Catalog, path: str = "/a.pdf", *pages: Stored, status: str = "indexed", size: int = 7) -> list[int]:
    """The ids of the passages that this replaced."""
    pages = pages or (page(),)
    content = catalog.begin_content("abc", "pdf", True, 1)
    ids = iter(catalog.reserve_passage_ids(sum(len(each.spans) for each in pages)))
    catalog.add_pages(
        content,
        Path(path).stem,
        [
            Page(
                each.number,
                f"p{each.number}",
                each.text,
                [(next(ids), Piece(*span, heading="Benefits"), b"key") for span in each.spans],
            )
            for each in pages
        ],
    )
    document = Document(
        path=path, status=status, pages=len(pages), size=size, seconds=0.5, details={"count": 3, "name": "é"}
    )
    catalog.put(document, content_id=content, content_hash="abc", modified_ns=11, read_by=1)
    catalog.end_content(content)
    return swept(catalog)


def swept(catalog: Catalog) -> list[int]:
    gone: list[int] = []
    while some := catalog.sweep(most=1):
        gone += some
    return gone


# ---------------------------------------------------------------- the file


def test_it_is_for_its_owner_alone(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog)
    if os.name == "posix":
        files = [file for file in tmp_path.iterdir() if file.name.startswith("library.sqlite3")]
        assert len(files) == 3
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_it_is_there_again_when_reopened(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog)
    before = catalog.documents()
    catalog.close()
    again = Catalog(tmp_path / "library.sqlite3")
    assert again.documents() == before
    assert again.is_sound()
    again.close()


def test_a_new_library_is_at_the_newest_version(catalog: Catalog, tmp_path: Path) -> None:
    migrations = list((ROOT / "assistant_app" / "library" / "migrations").glob("*.sql"))
    with sqlite3.connect(tmp_path / "library.sqlite3") as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(migrations) > 0
    db.close()


def test_a_library_of_a_newer_docent_is_refused_and_left_alone(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog)
    catalog.close()
    path = tmp_path / "library.sqlite3"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(DocentError) as caught:
        Catalog(path)
    assert caught.value.code is Code.LIBRARY_NEWER
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (999,)
    assert db.execute("SELECT count(*) FROM documents").fetchone() == (1,)
    db.close()


@pytest.mark.parametrize("content", [b"this is no database at all", os.urandom(20_000)], ids=["text", "noise"])
def test_a_file_that_is_no_library_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.sqlite3"
    path.write_bytes(content)
    with pytest.raises(DocentError) as caught:
        Catalog(path)
    assert (caught.value.code, caught.value.details) == (Code.LIBRARY_DAMAGED, {"path": str(path)})
    assert path.read_bytes() == content


def test_damage_in_the_middle_is_noticed(catalog: Catalog, tmp_path: Path) -> None:
    for number in range(40):
        put(catalog, f"/{number}.pdf", page("word " * 2_000))
    catalog.close()
    path = tmp_path / "library.sqlite3"
    content = bytearray(path.read_bytes())
    damage = range(len(content) // 4, len(content) - 4096, 512)
    content[damage.start : damage.stop : damage.step] = b"\xff" * len(damage)
    path.write_bytes(content)
    damaged = Catalog(path)
    assert not damaged.is_sound()
    with pytest.raises(DocentError) as caught:
        _ = [damaged.page_text(f"/{number}.pdf", 1) for number in range(40)], damaged.matching(["word"], 100)
    assert caught.value.code is Code.LIBRARY_DAMAGED
    damaged.close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DocentError) as caught:
        Catalog(tmp_path / "nowhere" / "library.sqlite3")
    assert caught.value.code is Code.LIBRARY_UNWRITABLE


def test_a_file_that_another_program_holds_is_in_use(catalog: Catalog, tmp_path: Path) -> None:
    catalog._db.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "library.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DocentError) as caught:
        put(catalog)
    other.close()
    assert caught.value.code is Code.LIBRARY_IN_USE


def test_a_closed_catalogue_is_not_called_damaged(catalog: Catalog) -> None:
    catalog.close()
    with pytest.raises(sqlite3.ProgrammingError):
        catalog.documents()
    with pytest.raises(sqlite3.ProgrammingError):
        put(catalog)


# ---------------------------------------------------------------- documents


def test_what_is_put_comes_back(catalog: Catalog) -> None:
    assert put(catalog, "/a.pdf", page(), page("Other text", 2)) == []
    (document,) = catalog.documents()
    assert document.indexed_at.endswith("Z")
    assert msgspec.structs.replace(document, indexed_at="") == Document(
        path="/a.pdf",
        status="indexed",
        pages=2,
        passages=3,
        seconds=0.5,
        size=7,
        kind="pdf",
        details={"count": 3, "name": "é"},
    )
    assert catalog.stored("/a.pdf") == (1, 1, "abc", 7, 11, "indexed", None, 1, False, None)
    assert catalog.stored("/b.pdf") is None
    assert catalog.page_text("/a.pdf", 2) == ("Other text", 0)
    assert catalog.page_text("/a.pdf", 3) is None
    assert catalog.page_text("/b.pdf", 1) is None
    passages = catalog.passages([1, 3, 99])
    assert [passages[number][2:] for number in (1, 3)] == [
        ("/a.pdf", 1, "p1", 0, 25, "The deductible is $2,000.", "Benefits", "", 1),
        ("/a.pdf", 2, "p2", 0, 10, "Other text", "Benefits", "", 2),
    ]
    assert 99 not in passages
    assert catalog.counts() == {"documents": 1, "pages": 2, "passages": 3}


def test_a_document_without_pages_counts_in_its_whole_text(catalog: Catalog) -> None:
    content = catalog.begin_content("abc", "text", False, 1)
    sections = ["Zürich\n\n", "is 𝒩ot Bern"]
    for number, text in enumerate(sections, start=1):
        base = 8 * (number - 1)
        heading = [Heading(start=0, length=6, level=1)] if number == 1 else []
        passages = [(number, Piece(0, len(text.strip())), b"")]
        catalog.add_pages(content, "note", [Page(number, "Zürich", text, passages, base, heading)])
    document = Document(path="/note.txt", status="indexed", pages=1)
    catalog.put(document, content_id=content, content_hash="abc", modified_ns=1, read_by=1)
    found = catalog.passages([1, 2])
    assert [(each.page, each.section, each.start, each.text) for each in found.values()] == [
        (None, 1, 0, "Zürich"),
        (None, 2, 8, "is 𝒩ot Bern"),
    ]
    assert catalog.page_text("/note.txt", 2) == ("is 𝒩ot Bern", 8)
    first, second = catalog.sections("/note.txt", 1, 5)
    assert (first.page, first.label, first.start, first.text) == (None, "Zürich", 0, sections[0])
    assert first.headings == [Heading(start=0, length=6, level=1)]
    assert (second.start, second.text, second.headings) == (8, sections[1], [])
    assert [each.start for each in catalog.sections("/note.txt", 2, 5)] == [8]


def test_recognised_text_has_its_places(catalog: Catalog) -> None:
    words = [Word(start=0, length=4, box=Box(left=0.1, top=0.2, right=0.3, bottom=0.25))]
    content = catalog.begin_content("abc", "pdf", True, 1)
    catalog.add_pages(content, "scan", [Page(1, "1", "Scan", [], words=words), Page(2, "2", "Typed", [])])
    catalog.put(
        Document(path="/s.pdf", status="indexed"), content_id=content, content_hash="a", modified_ns=1, read_by=1
    )
    assert catalog.recognised_words("/s.pdf", 1) == ("Scan", words)
    assert catalog.recognised_words("/s.pdf", 2) is None
    assert catalog.recognised_pages("/s.pdf") == [1]


def test_putting_again_replaces_all_of_it(catalog: Catalog) -> None:
    put(catalog)
    put(catalog, "/b.pdf")
    assert put(catalog, "/a.pdf", page("Quite new")) == [1, 2]
    assert catalog.passage_ids() == [3, 4, 5]
    assert catalog.page_text("/a.pdf", 1) == ("Quite new", 0)
    assert catalog.matching(["deductible"], 10) == [(3, pytest.approx(catalog.matching(["deductible"], 10)[0][1]))]
    assert [document.path for document in catalog.documents()] == ["/a.pdf", "/b.pdf"]


def test_what_was_not_finished_is_never_found_and_is_swept(catalog: Catalog) -> None:
    put(catalog)
    before = catalog.documents(), catalog.passages(catalog.passage_ids())
    content = catalog.begin_content("def", "pdf", True, 1)
    pages = [Page(1, "1", "half a file", [(90, Piece(0, 4), b"")])]
    catalog.add_pages(content, "a", pages)
    with pytest.raises(DocentError):  # the same page again
        catalog.add_pages(content, "a", [Page(2, "2", "new", [(91, Piece(0, 3), b"")]), *pages])
    assert catalog.passages([90, 91]) == {}
    assert (catalog.documents(), catalog.passages(catalog.passage_ids())) == before
    assert swept(catalog) == []  # it is being written
    catalog.end_content(content)
    assert swept(catalog) == [90]
    assert catalog.passage_ids() == [1, 2]
    assert [number for number, _ in catalog.matching(["half", "deductible"], 10)] == [1]


def test_removing_can_be_undone_and_then_leaves_nothing_behind(catalog: Catalog) -> None:
    put(catalog, "/a.pdf", page("A secret word: xylophonist."))
    put(catalog, "/b.pdf")
    Collections(catalog).collect("mine", ["/a.pdf"])
    before = catalog.documents()
    catalog.remove(["/a.pdf", "/x"])
    assert [document.path for document in catalog.documents()] == ["/b.pdf"]
    (removed,) = catalog.documents(removed=True)
    assert removed.removed_at is not None
    assert catalog.passages([1]) == {}
    assert catalog.counts()["documents"] == 1
    assert swept(catalog) == []
    catalog.put_back(["/a.pdf"])
    assert catalog.documents() == before
    catalog.remove(["/a.pdf"])
    catalog.purge(hours=1)
    assert len(catalog.documents(removed=True)) == 1
    time.sleep(0.002)
    catalog.purge(hours=0)
    assert catalog.documents(removed=True) == []
    assert swept(catalog) == [1]
    assert catalog.matching(["xylophonist"], 10) == []
    assert catalog.frequencies(["xylophonist"], 9) == [0]
    assert catalog.counts() == {"documents": 1, "pages": 1, "passages": 2}


def test_two_documents_share_a_content(catalog: Catalog) -> None:
    put(catalog, "/a.pdf")
    assert catalog.content_of("abc", 1) == (1, "/a.pdf")
    assert catalog.content_of("abc", 2) is None
    twin = Document(path="/b.pdf", status="indexed")
    catalog.put(twin, content_id=1, content_hash="abc", modified_ns=2, read_by=1)
    assert catalog.paths_of(1) == ["/a.pdf", "/b.pdf"]
    assert {each.path for each in catalog.passages([1, 2]).values()} == {"/a.pdf"}
    assert {each.path for each in catalog.passages([1, 2], [2]).values()} == {"/b.pdf"}
    catalog.remove(["/a.pdf"], forever=True)
    assert swept(catalog) == []
    assert {each.path for each in catalog.passages([1, 2]).values()} == {"/b.pdf"}
    catalog.remove(["/b.pdf"], forever=True)
    assert sorted(swept(catalog)) == [1, 2]


def test_a_move_takes_everything_along(catalog: Catalog) -> None:
    put(catalog)
    Collections(catalog).collect("mine", ["/a.pdf"])
    catalog.move("/a.pdf", "/new/b.pdf", 7, 99)
    (document,) = catalog.documents()
    assert (document.path, document.collections, document.passages) == ("/new/b.pdf", ["mine"], 2)
    assert catalog.known_below("/new/") == ["/new/b.pdf"]
    assert catalog.known_below("/ne/") == []


def test_only_the_asked_documents_are_listed(catalog: Catalog) -> None:
    for name in ("a", "b", "c"):
        put(catalog, f"/{name}.pdf")
    assert [document.path for document in catalog.documents(["/c.pdf", "/x", "/a.pdf"])] == ["/a.pdf", "/c.pdf"]
    assert catalog.documents([]) == []
    assert len(catalog.documents([f"/{number}" for number in range(50_000)] + ["/b.pdf"])) == 1


def test_numbers_are_never_used_twice(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog)
    first = catalog.begin_content("def", "pdf", True, 1)
    assert catalog.reserve_passage_ids(5) == range(3, 8)
    catalog.remove(["/a.pdf"], forever=True)
    catalog.end_content(first)
    assert sorted(swept(catalog)) == [1, 2]
    catalog.close()
    again = Catalog(tmp_path / "library.sqlite3")
    assert again.reserve_passage_ids(0) == range(8, 8)
    assert again.reserve_passage_ids(1) == range(8, 9)
    assert again.begin_content("ghi", "pdf", True, 1) > first
    again.close()


def test_touching_changes_the_stamp_alone(catalog: Catalog) -> None:
    put(catalog)
    catalog.touch("/a.pdf", 7, 99)
    assert catalog.stored("/a.pdf") == (1, 1, "abc", 7, 99, "indexed", None, 1, False, None)
    assert catalog.counts()["passages"] == 2


# ---------------------------------------------------------------- collections


def test_where_a_question_looks(catalog: Catalog) -> None:
    put(catalog, "/a.pdf")
    put(catalog, "/b.pdf")
    collections = Collections(catalog)
    for path, name in (("/a.pdf", "work"), ("/a.pdf", "home"), ("/a.pdf", "work"), ("/b.pdf", "work"), ("/x", "none")):
        collections.collect(name, [path])
    assert [document.collections for document in catalog.documents()] == [["home", "work"], ["work"]]
    assert catalog.scope() is None
    assert catalog.scope(collection="work") == ([1, 2], [1, 2])
    assert catalog.scope(collection="home") == ([1], [1])
    assert catalog.scope(collection="none") == ([], [])
    assert catalog.scope(["/b.pdf", "/x"]) == ([2], [2])
    assert catalog.scope([]) == ([], [])
    assert catalog.scope(["/b.pdf"], "home") == ([], [])
    with pytest.raises(DocentError) as caught:
        catalog.scope(collection="other")
    assert (caught.value.code, caught.value.details) == (Code.COLLECTION_UNKNOWN, {"collection": "other"})
    catalog.remove(["/a.pdf"])
    assert catalog.scope() == ([2], None)  # half of the passages are of removed documents: they must not crowd out


def test_a_document_stays_in_its_collections_when_it_is_put_again(catalog: Catalog) -> None:
    put(catalog)
    Collections(catalog).collect("work", ["/a.pdf"])
    put(catalog, "/a.pdf", page("new"))
    assert catalog.documents()[0].collections == ["work"]


# ---------------------------------------------------------------- words


def test_frequencies_are_those_of_the_stem(catalog: Catalog) -> None:
    put(catalog, "/a.pdf", page("He travels. Travelling is fun"), page("Zürich café", 2))
    words = ["travel", "travelled", "TRAVELS", "zurich", "cafe", "missing", "", "?!", "the", "foo_bar"]
    assert catalog.frequencies(words, 9) == [2, 2, 2, 1, 1, 0, 0, 0, 0, 0]
    assert catalog.frequencies(words[:4], 1) == [1, 1, 1, 1]
    assert catalog.frequencies([], 9) == []


def test_a_name_of_a_document_is_found(catalog: Catalog) -> None:
    put(catalog, "/Aurora.pdf")
    assert {number for number, _ in catalog.matching(["aurora"], 10)} == {1, 2}


def test_matching_ranks_and_limits(catalog: Catalog) -> None:
    put(catalog, "/a.pdf", page("apple"), page("apple pear plum", 2), page("pear " * 40, 3))
    put(catalog, "/b.pdf", page("apple apple"))
    best = catalog.matching(["apple"], 10)
    assert [score for _, score in best] == sorted(score for _, score in best)
    assert len(best) == 3
    assert len(catalog.matching(["apple"], 2)) == 2
    assert [number for number, _ in catalog.matching(["apple"], 10, [2])] == [4]
    assert catalog.matching(["apple"], 10, []) == []
    assert len(catalog.matching(["apple"], 10, range(1, 50_000))) == 3


ODD_WORDS = [
    '"',
    '""',
    "AND",
    "OR",
    "NOT",
    "NEAR",
    "NEAR(a b)",
    "(",
    ")",
    "*",
    "a*",
    ":",
    "text:apple",
    "-x",
    "^",
    "+",
    "'",
]
ODD_WORDS += [
    "{text}",
    "\\",
    ";",
    "--",
    "\U0001f600",
    "مرحبا",
    "\u202e",
    "½",
    "_",
    "a" * 100_000,
    "\x00",
    "apple\x00pear",
]


@pytest.mark.parametrize("word", ODD_WORDS, ids=lambda word: ascii(word)[:20])
def test_no_word_is_a_command(catalog: Catalog, word: str) -> None:
    put(catalog, "/a.pdf", page("apple"))
    assert catalog.frequencies([word], 9)[0] in (0, 1)
    assert [number for number, _ in catalog.matching([word, "apple"], 10)] == [1]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_words_of_any_kind(catalog: Catalog, words: list[str]) -> None:
    assert len(catalog.frequencies(words, 9)) == len(words)
    catalog.matching([*words, "x"], 10)


# ---------------------------------------------------------------- facts, threads, a full disk


def test_facts(catalog: Catalog) -> None:
    assert catalog.fact("embedder") is None
    catalog.remember("embedder", "one")
    catalog.remember("embedder", "two")
    assert catalog.fact("embedder") == "two"


def test_threads_do_not_disturb_each_other(catalog: Catalog) -> None:
    problems: list[BaseException] = []
    reserved: list[int] = []

    def work(own: int) -> None:
        try:
            for round_ in range(10):
                put(catalog, f"/{own}.pdf", page(f"Text {own} {round_}. And more"))
                reserved.extend(catalog.reserve_passage_ids(3))
                assert catalog.page_text(f"/{own}.pdf", 1) == (f"Text {own} {round_}. And more", 0)
                assert catalog.frequencies([str(own), "nothing"], 9)[1] == 0
                catalog.matching(["text"], 5)
                catalog.documents()
        except BaseException as problem:  # told in the main thread
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(reserved) == len(set(reserved)) == 4 * 10 * 3
    assert catalog.counts() == {"documents": 4, "pages": 4, "passages": 8}
    assert catalog.is_sound()


_UNTIL_FULL = """
import json, resource, sys
from pathlib import Path
from assistant_app.errors import DocentError
from assistant_app.library.catalog import Catalog
from tests.library.test_catalog import page, put
catalog = Catalog(Path(sys.argv[1]))
put(catalog)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
stored = ["/a.pdf"]
try:
    for number in range(1000):
        put(catalog, f"/{number}.pdf", page(f"{number} " * 20_000))
        stored.append(f"/{number}.pdf")
except DocentError as error:
    readable = [each.path for each in catalog.documents()]
    print(json.dumps([error.code.value, stored, readable]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files, in a process of its own, fails writes as a quota does."""
    path = tmp_path / "library.sqlite3"
    run = subprocess.run(
        [sys.executable, "-c", _UNTIL_FULL, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    code, stored, readable = json.loads(run.stdout)
    assert code == "disk_full"
    assert sorted(stored) == readable
    assert len(stored) > 2
    again = Catalog(path)
    assert [document.path for document in again.documents()] == readable
    assert again.is_sound()
    put(again, "/new.pdf")
    again.close()


def test_a_full_disk_is_known_by_its_error() -> None:
    db = sqlite3.connect(":memory:")
    db.execute("PRAGMA max_page_count = 10")
    db.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError) as caught:
        db.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    assert is_disk_full(caught.value)
    db.close()

"""The catalogue: what is put comes back, in one piece or not at all."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant_app.documents.passages import Span
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.library.catalog import Catalog, Page
from assistant_app.protocol.records import Document

TEXT = "The deductible is $2,000. Travelling abroad costs extra."
ROOT = Path(__file__).parent.parent.parent


def page(text: str = TEXT, number: int = 1) -> Page:
    """One passage for each sentence."""
    middle = text.find(". ") + 1
    spans = [Span(0, middle), Span(middle + 1, len(text) - middle - 1)] if middle else [Span(0, len(text))]
    return Page(number, f"p{number}", text, spans)


def put(catalog: Catalog, path: str = "/a.pdf", *pages: Page, status: str = "indexed", size: int = 7) -> list[int]:
    """The ids of the passages that this replaced."""
    pages = pages or (page(),)
    count = sum(len(each.passages) for each in pages)
    document = Document(
        path=path, status=status, pages=len(pages), size=size, seconds=0.5, details={"count": 3, "name": "é"}
    )
    return catalog.put(
        catalog.reserve_document_id(path),
        document,
        content_hash="abc",
        modified_ns=11,
        name=Path(path).stem,
        pages=pages,
        passage_ids=catalog.reserve_passage_ids(count),
    )


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
    content[8192 : len(content) - 4096 : 512] = b"\xff" * len(range(8192, len(content) - 4096, 512))
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
    assert document == Document(
        path="/a.pdf",
        status="indexed",
        pages=2,
        passages=3,
        seconds=0.5,
        size=7,
        details={"count": 3, "name": "é"},
    )
    assert catalog.stored("/a.pdf") == (1, "abc", 7, 11)
    assert catalog.stored("/b.pdf") is None
    assert catalog.page_text("/a.pdf", 2) == "Other text"
    assert catalog.page_text("/a.pdf", 3) is None
    assert catalog.page_text("/b.pdf", 1) is None
    passages = catalog.passages([1, 3, 99])
    assert [passages[number][2:] for number in (1, 3)] == [
        ("/a.pdf", 1, "p1", 0, 25, "The deductible is $2,000."),
        ("/a.pdf", 2, "p2", 0, 10, "Other text"),
    ]
    assert 99 not in passages
    assert catalog.counts() == {"documents": 1, "pages": 2, "passages": 3}


def test_putting_again_replaces_all_of_it(catalog: Catalog) -> None:
    put(catalog)
    put(catalog, "/b.pdf")
    assert put(catalog, "/a.pdf", page("Quite new")) == [1, 2]
    assert catalog.passage_ids() == [3, 4, 5]
    assert catalog.page_text("/a.pdf", 1) == "Quite new"
    assert catalog.matching(["deductible"], 10) == [(3, pytest.approx(catalog.matching(["deductible"], 10)[0][1]))]
    assert [document.path for document in catalog.documents()] == ["/a.pdf", "/b.pdf"]


def test_putting_is_all_or_nothing(catalog: Catalog) -> None:
    put(catalog)
    before = catalog.documents(), catalog.passages(catalog.passage_ids())
    number = catalog.reserve_document_id("/a.pdf")
    twice = [page("new", 1), page("the same page again", 1)]
    with pytest.raises(DocentError):
        catalog.put(
            number,
            Document(path="/a.pdf", status="failed"),
            content_hash=None,
            modified_ns=0,
            name="",
            pages=twice,
            passage_ids=catalog.reserve_passage_ids(2),
        )
    assert (catalog.documents(), catalog.passages(catalog.passage_ids())) == before
    assert [number for number, _ in catalog.matching(["deductible"], 10)] == [1]


def test_removing_leaves_nothing_behind(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog, "/a.pdf", page("A secret word: xylophonist."))
    put(catalog, "/b.pdf")
    catalog.collect("/a.pdf", "mine")
    assert catalog.remove("/a.pdf") == [1]
    assert catalog.remove("/a.pdf") == []
    assert [document.path for document in catalog.documents()] == ["/b.pdf"]
    assert catalog.matching(["xylophonist"], 10) == []
    assert catalog.frequencies(["xylophonist"]) == [0]
    assert catalog.counts() == {"documents": 1, "pages": 1, "passages": 2}


def test_only_the_asked_documents_are_listed(catalog: Catalog) -> None:
    for name in ("a", "b", "c"):
        put(catalog, f"/{name}.pdf")
    assert [document.path for document in catalog.documents(["/c.pdf", "/x", "/a.pdf"])] == ["/a.pdf", "/c.pdf"]
    assert catalog.documents([]) == []
    assert len(catalog.documents([f"/{number}" for number in range(50_000)] + ["/b.pdf"])) == 1


def test_numbers_are_never_used_twice(catalog: Catalog, tmp_path: Path) -> None:
    put(catalog)
    first = catalog.reserve_document_id("/b.pdf")
    assert catalog.reserve_passage_ids(5) == range(3, 8)
    catalog.remove("/a.pdf")
    catalog.close()
    again = Catalog(tmp_path / "library.sqlite3")
    assert again.reserve_passage_ids(0) == range(8, 8)
    assert again.reserve_passage_ids(1) == range(8, 9)
    assert again.reserve_document_id("/a.pdf") > first
    again.close()


def test_a_known_document_keeps_its_number(catalog: Catalog) -> None:
    put(catalog)
    put(catalog, "/b.pdf")
    assert catalog.reserve_document_id("/b.pdf") == 2


def test_touching_changes_the_stamp_alone(catalog: Catalog) -> None:
    put(catalog)
    catalog.touch("/a.pdf", 7, 99)
    assert catalog.stored("/a.pdf") == (1, "abc", 7, 99)
    assert catalog.counts()["passages"] == 2


# ---------------------------------------------------------------- collections


def test_collections(catalog: Catalog) -> None:
    put(catalog, "/a.pdf")
    put(catalog, "/b.pdf")
    for path, name in (("/a.pdf", "work"), ("/a.pdf", "home"), ("/a.pdf", "work"), ("/b.pdf", "work"), ("/x", "none")):
        catalog.collect(path, name)
    assert [document.collections for document in catalog.documents()] == [["home", "work"], ["work"]]
    assert catalog.document_ids() is None
    assert catalog.document_ids(collection="work") == [1, 2]
    assert catalog.document_ids(collection="home") == [1]
    assert catalog.document_ids(collection="none") == []
    assert catalog.document_ids(["/b.pdf", "/x"]) == [2]
    assert catalog.document_ids([]) == []
    assert catalog.document_ids(["/b.pdf"], "home") == []
    with pytest.raises(DocentError) as caught:
        catalog.document_ids(collection="other")
    assert (caught.value.code, caught.value.details) == (Code.COLLECTION_UNKNOWN, {"collection": "other"})


def test_a_document_stays_in_its_collections_when_it_is_put_again(catalog: Catalog) -> None:
    put(catalog)
    catalog.collect("/a.pdf", "work")
    put(catalog, "/a.pdf", page("new"))
    assert catalog.documents()[0].collections == ["work"]


# ---------------------------------------------------------------- words


def test_frequencies_are_those_of_the_stem(catalog: Catalog) -> None:
    put(catalog, "/a.pdf", page("He travels. Travelling is fun"), page("Zürich café", 2))
    words = ["travel", "travelled", "TRAVELS", "zurich", "Café", "missing", "", "?!", "the", "foo_bar"]
    assert catalog.frequencies(words) == [2, 2, 2, 1, 1, 0, 0, 0, 0, 0]
    assert catalog.frequencies([]) == []


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
    assert catalog.frequencies([word])[0] in (0, 1)
    assert [number for number, _ in catalog.matching([word, "apple"], 10)] == [1]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_words_of_any_kind(catalog: Catalog, words: list[str]) -> None:
    assert len(catalog.frequencies(words)) == len(words)
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
                assert catalog.page_text(f"/{own}.pdf", 1) == f"Text {own} {round_}. And more"
                assert catalog.frequencies([str(own), "nothing"])[1] == 0
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

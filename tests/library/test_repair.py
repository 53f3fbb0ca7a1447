"""Vectors are made to agree with the catalogue, whatever happened to them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant_app.library import repair
from assistant_app.library.repair import EMBEDDER, mend_vectors, vectors_agree
from tests.library.conftest import Library
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models
ROOT = Path(__file__).parent.parent.parent

PAGES = [
    ["The deductible of the Aurora plan is $1,250 a year."],
    ["Engineers are given a laptop and two monitors."],
    ["The canteen serves soup on Fridays."],
]


@pytest.fixture
def filled(library: Library, tmp_path: Path) -> Library:
    library.index(text_pdf(tmp_path / "Aurora.pdf", PAGES), text_pdf(tmp_path / "Other.pdf", PAGES[::-1]))
    mend(library)
    return library


def mend(library: Library) -> int:
    return mend_vectors(library.catalog, library.vectors, library.embedder)


def agree(library: Library) -> bool:
    return vectors_agree(library.catalog, library.vectors, library.embedder)


def hits(library: Library) -> tuple[list[tuple[object, ...]], list[float | None]]:
    """What a search finds, and how near it is."""
    found = library.retriever.search("What do engineers get?", 6).hits
    return [(hit.path, hit.page, hit.keyword_rank) for hit in found], [hit.similarity for hit in found]


def assert_finds_again(library: Library, before: tuple[list[tuple[object, ...]], list[float | None]]) -> None:
    """The same hits; vectors differ in their last digits with the batch that they were made in."""
    ranks, similarities = hits(library)
    assert ranks == before[0]
    assert similarities == pytest.approx(before[1], abs=0.01)


def test_an_untouched_library_agrees(filled: Library) -> None:
    assert agree(filled)
    assert mend(filled) == 0
    filled.assert_whole()


def test_a_library_notes_its_embedding_model(library: Library, tmp_path: Path) -> None:
    """Or a later Docent would mix its vectors with those of another model."""
    assert agree(library)
    library.index(text_pdf(tmp_path / "Aurora.pdf", PAGES))
    assert not agree(library)
    assert mend(library) == 0
    assert library.catalog.fact(EMBEDDER) == library.embedder.identity
    assert agree(library)


def test_strays_are_dropped(filled: Library) -> None:
    before = hits(filled)
    filled.vectors.put(1, [500, 501], np.eye(2, 384, dtype=np.float32))
    assert not agree(filled)
    assert mend(filled) == 0
    assert agree(filled)
    assert_finds_again(filled, before)
    filled.assert_whole()


def test_missing_ones_are_embedded_again(filled: Library) -> None:
    before = hits(filled)
    filled.vectors.remove([2, 5])
    assert not agree(filled)
    progress: list[tuple[int, int]] = []
    embedded = mend_vectors(
        filled.catalog, filled.vectors, filled.embedder, lambda done, total: progress.append((done, total))
    )
    assert embedded == 2
    assert progress == [(0, 2), (2, 2)]
    assert_finds_again(filled, before)
    filled.assert_whole()


def test_as_many_missing_as_strays_are_mended_too(filled: Library) -> None:
    before = hits(filled)
    filled.vectors.remove([2])
    filled.vectors.put(1, [500], np.eye(1, 384, dtype=np.float32))
    assert mend(filled) == 1
    assert_finds_again(filled, before)
    filled.assert_whole()


def test_a_deleted_folder_is_rebuilt(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "STORE_AT_ONCE", 4)
    before = hits(filled)
    filled.vectors.close()
    shutil.rmtree(filled.folder / "chroma")
    assert not agree(filled)
    assert mend(filled) == 6
    assert agree(filled)
    assert_finds_again(filled, before)
    filled.assert_whole()


_MEND = """
import sys
from pathlib import Path
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.library.embedder import Embedder
from assistant_app.library.repair import mend_vectors, vectors_agree
from tests.library.conftest import Library
with ReaderPool() as readers:
    library = Library(Path(sys.argv[1]), Embedder(), readers)
    if not vectors_agree(library.catalog, library.vectors, library.embedder):
        mend_vectors(library.catalog, library.vectors, library.embedder)
    library.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chroma.sqlite3", "data_level0.bin", "index_metadata.pickle"])
def test_a_damaged_store_is_rebuilt(library: Library, tmp_path: Path, name: str) -> None:
    """In a process of its own, because a damaged index can end the process that loads it: the third try is the last.

    Chroma writes its index to the disk after a thousand vectors, so this takes more than that.
    """
    library.index(text_pdf(tmp_path / "Aurora.pdf", PAGES))
    mend(library)
    before = hits(library)
    library.vectors.put(9, range(1_000, 2_100), np.eye(1_100, 384, dtype=np.float32) + 0.01)
    library.vectors.close()
    (damaged,) = (library.folder / "chroma").rglob(name)
    damaged.write_bytes(damaged.read_bytes()[:100])
    library.close()
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", _MEND, str(library.folder)], check=False, cwd=ROOT)
        if run.returncode == 0:
            break
    assert run.returncode == 0
    library.open()
    assert agree(library)
    assert_finds_again(library, before)
    library.assert_whole()


def test_vectors_of_another_model_are_replaced(filled: Library) -> None:
    before = hits(filled)
    filled.catalog.remember(EMBEDDER, "another model")
    filled.vectors.clear()
    filled.vectors.put(1, range(1, 7), np.eye(6, 12, dtype=np.float32))
    assert not agree(filled)
    assert mend(filled) == 6
    assert_finds_again(filled, before)
    filled.assert_whole()


def test_a_store_that_ended_two_processes_is_not_tried_again(filled: Library) -> None:
    note = filled.folder / "chroma.trying"
    for tries, sound in ((0, True), (1, True), (2, False)):
        note.write_bytes(b"." * tries)
        assert filled.vectors.is_sound(384) is sound
        assert note.exists() is not sound
    assert mend(filled) == 6
    assert not note.exists()
    filled.assert_whole()

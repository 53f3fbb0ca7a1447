"""Vectors are made to agree with the catalogue, whatever happened to them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from assistant_app.library import repair
from assistant_app.library.repair import EMBEDDER, mend_vectors, vectors_agree
from tests.library.conftest import Library
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

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


def hits(library: Library) -> list[tuple[object, ...]]:
    """What a search finds; vectors differ in their last digits with the batch that they were made in."""
    found = library.retriever.search("What do engineers get?", 6).hits
    ranks = [(hit.path, hit.page, hit.keyword_rank) for hit in found]
    return [*ranks, pytest.approx([hit.similarity for hit in found], abs=0.01)]


def test_an_untouched_library_agrees(filled: Library) -> None:
    assert agree(filled)
    assert mend(filled) == 0
    filled.assert_whole()


def test_a_new_library_notes_its_embedding_model(library: Library) -> None:
    """Or a later Docent would mix its vectors with those of another model."""
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
    assert hits(filled) == before
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
    assert hits(filled) == before
    filled.assert_whole()


def test_as_many_missing_as_strays_are_mended_too(filled: Library) -> None:
    before = hits(filled)
    filled.vectors.remove([2])
    filled.vectors.put(1, [500], np.eye(1, 384, dtype=np.float32))
    assert mend(filled) == 1
    assert hits(filled) == before
    filled.assert_whole()


def test_a_deleted_folder_is_rebuilt(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "EMBED_AT_ONCE", 4)
    before = hits(filled)
    filled.vectors.close()
    shutil.rmtree(filled.folder / "chroma")
    assert not agree(filled)
    assert mend(filled) == 6
    assert agree(filled)
    assert hits(filled) == before
    filled.assert_whole()


@pytest.mark.parametrize("name", ["chroma.sqlite3", "data_level0.bin"])
def test_a_damaged_store_is_rebuilt(library: Library, tmp_path: Path, name: str) -> None:
    """Chroma writes its index to the disk after a thousand vectors, so this takes more than that."""
    library.index(text_pdf(tmp_path / "Aurora.pdf", PAGES))
    mend(library)
    before = hits(library)
    library.vectors.put(9, range(1_000, 2_100), np.eye(1_100, 384, dtype=np.float32) + 0.01)
    library.vectors.close()
    (damaged,) = (library.folder / "chroma").rglob(name)
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert not agree(library)
    assert mend(library) == 3
    assert agree(library)
    assert hits(library) == before
    library.assert_whole()


def test_vectors_of_another_model_are_replaced(filled: Library) -> None:
    before = hits(filled)
    filled.catalog.remember(EMBEDDER, "another model")
    filled.vectors.clear()
    filled.vectors.put(1, range(1, 7), np.eye(6, 12, dtype=np.float32))
    assert not agree(filled)
    assert mend(filled) == 6
    assert hits(filled) == before
    filled.assert_whole()

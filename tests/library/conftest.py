"""A library of its own for each test; the embedding model and the readers are loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.library.catalog import Catalog
from assistant_app.library.embedder import Embedder
from assistant_app.library.indexing import Indexer, Wishes
from assistant_app.library.repair import mend_vectors, vectors_agree
from assistant_app.library.retrieval import Retriever
from assistant_app.library.vectors import Vectors


class Library:
    """Everything that an open library consists of."""

    def __init__(self, folder: Path, embedder: Embedder, readers: ReaderPool, server: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.embedder = embedder
        self.readers = readers
        self.server = server
        self.open()

    def open(self) -> None:
        self.catalog = Catalog(self.folder / "library.sqlite3")
        self.vectors = Vectors(self.folder / "chroma", self.server, "passages")
        self.indexer = Indexer(self.catalog, self.vectors, self.embedder, self.readers)
        self.retriever = Retriever(self.catalog, self.vectors, self.embedder)

    def mend(self) -> None:
        """As the first job after a start does."""
        mend_vectors(self.catalog, self.vectors, self.embedder)
        assert vectors_agree(self.catalog, self.vectors, self.embedder)

    def close(self) -> None:
        self.vectors.close()
        self.catalog.close()

    def index(
        self,
        *paths: Path,
        collection: str | None = None,
        passwords: dict[str, str] | None = None,
        below: str | None = None,
        **wishes: object,
    ) -> dict[str, tuple[str, str | None]]:
        """Name to status and reason. What else is given are :class:`Wishes`."""
        documents = self.indexer.index(
            [str(path) for path in paths],
            collection=collection,
            passwords=passwords,
            below=below,
            wishes=Wishes(**wishes),  # type: ignore[arg-type]
        )
        return {Path(each.path).name: (each.status, each.reason) for each in documents}

    def assert_whole(self) -> None:
        """Both stores hold the same passages, and each passage is a part of its page."""
        ids = self.catalog.passage_ids()
        assert len(ids) == len(set(ids)) == self.vectors.count()
        assert self.vectors.missing(ids) == []
        passages = self.catalog.passages(ids)
        assert list(passages) == ids
        for passage in passages.values():
            page = self.catalog.page_text(passage.path, passage.section)
            assert page is not None
            text, base = page
            assert text[passage.start - base : passage.start - base + passage.length] == passage.text != ""


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="session")
def readers() -> Iterator[ReaderPool]:
    with ReaderPool() as pool:
        yield pool


@pytest.fixture
def library(tmp_path: Path, embedder: Embedder, readers: ReaderPool) -> Iterator[Library]:
    opened = Library(tmp_path / "library", embedder, readers)
    yield opened
    opened.close()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "library.sqlite3")
    yield opened
    opened.close()

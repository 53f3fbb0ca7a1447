"""A library that the first Docent wrote: nothing of it is lost, and it is read again as libraries are now."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path

from tests.library.conftest import Library
from tests.pdfs import text_pdf

TEXT = "Ships wait at the second buoy until the pilot comes."


def _first_schema(path: Path) -> sqlite3.Connection:
    script = resources.files("assistant_app.library").joinpath("migrations", "0001_documents.sql").read_text("utf-8")
    db = sqlite3.connect(path)
    db.executescript(script)
    db.execute("PRAGMA user_version = 1")
    return db


def _first_library(path: Path, good: Path, bad: Path) -> None:
    """One document that was read, one that was not, in a collection."""
    db = _first_schema(path)
    status = good.stat()
    db.execute(
        """INSERT INTO documents (id, path, content_hash, size, modified_ns, status, page_count)
           VALUES (7, ?, 'abc', ?, ?, 'indexed', 1)""",
        (str(good), status.st_size, status.st_mtime_ns),
    )
    db.execute("INSERT INTO documents (path, status, reason) VALUES (?, 'failed', 'pdf_damaged')", (str(bad),))
    db.execute("INSERT INTO pages VALUES (7, 1, 'iv', ?)", (TEXT,))
    db.execute("INSERT INTO passages VALUES (31, 7, 1, 0, ?)", (len(TEXT),))
    db.execute("INSERT INTO passage_words (rowid, document_name, text) VALUES (31, 'harbour', ?)", (TEXT,))
    db.execute("INSERT INTO collections (name) VALUES ('Sea')")
    db.execute("INSERT INTO collected SELECT c.id, 7 FROM collections c")
    db.execute("INSERT INTO facts VALUES ('embedder', 'all-MiniLM-L6-v2/53aa51172d14')")
    db.commit()
    db.close()


def test_a_library_of_the_first_docent_is_taken_over(library: Library, tmp_path: Path) -> None:
    library.close()
    folder = tmp_path / "old"
    folder.mkdir()
    good = text_pdf(tmp_path / "harbour.pdf", [[TEXT]])
    _first_library(folder / "library.sqlite3", good, tmp_path / "bad.pdf")
    old = Library(folder, library.embedder, library.readers)
    try:
        first, second = old.catalog.documents()
        assert (Path(first.path).name, first.status, first.reason) == ("bad.pdf", "failed", "pdf_damaged")
        assert (second.path, second.status, second.passages, second.pages) == (str(good), "indexed", 1, 1)
        assert second.collections == ["Sea"]
        old.mend()  # its vectors were never copied
        [hit] = old.retriever.search("Where do ships wait?", 5).hits
        assert (hit.text, hit.page_label, hit.vector_rank, hit.keyword_rank) == (TEXT, "iv", 1, 1)

        assert old.index(good) == {"harbour.pdf": ("indexed", None)}  # read again: by the reader of today
        [hit] = old.retriever.search("Where do ships wait?", 5).hits
        assert hit.page_label == "1"
        assert old.catalog.documents([str(good)])[0].collections == ["Sea"]
        assert old.index(good) == {"harbour.pdf": ("unchanged", None)}
    finally:
        old.close()
    library.open()  # for the fixture, which closes it


def test_the_schema_after_all_migrations_is_that_of_a_new_library(library: Library, tmp_path: Path) -> None:
    db = _first_schema(tmp_path / "old.sqlite3")
    db.close()
    old = Library(tmp_path, library.embedder, library.readers)
    (tmp_path / "old.sqlite3").replace(tmp_path / "library.sqlite3")
    old.close()
    old.open()
    try:
        query = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
        assert old.catalog.rows(query) == library.catalog.rows(query)
    finally:
        old.close()

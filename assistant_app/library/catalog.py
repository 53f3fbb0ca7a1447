"""What the library holds: the one room that knows SQLite. It is the truth; vectors are rebuilt from it."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from assistant_app.documents.passages import Span
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.protocol.records import Document, DocumentStatus

TOKENIZER = "porter unicode61 remove_diacritics 2"
"""As in migrations/0001_documents.sql."""


class Page(NamedTuple):
    """A page to be stored: its number (1-based), its printed label, its text and the passages in it."""

    number: int
    label: str
    text: str
    passages: Sequence[Span]


class Stored(NamedTuple):
    """What is remembered of a file, to see whether it changed."""

    id: int
    content_hash: str | None
    size: int
    modified_ns: int


class Passage(NamedTuple):
    """A passage as it is found: where it stands, its text, and its page's text."""

    id: int
    document_id: int
    path: str
    page: int
    label: str
    start: int
    length: int
    text: str


class Catalog:
    """The catalogue of one library. Safe to use from threads; one process at a time."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the catalogue and brings it up to date.

        Raises:
            DocentError: ``library_damaged``, ``library_newer``, ``library_unwritable`` or ``disk_full``.
        """
        self._path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise self._problem(error) from error
        try:
            # FULL: what was reported as stored survives a power cut too.
            self._db.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                "PRAGMA secure_delete = FAST; PRAGMA temp_store = MEMORY;"
            )
            # A question's words are stemmed by SQLite's own tokenizer, in a table of the connection's memory.
            self._db.executescript(
                f"CREATE VIRTUAL TABLE temp.asked USING fts5 (text, tokenize = '{TOKENIZER}');"
                "CREATE VIRTUAL TABLE temp.asked_terms USING fts5vocab (temp, asked, 'instance');"
            )
            if os.name == "posix":
                with suppress(OSError):  # a file system without modes; the folder is private as well
                    path.chmod(0o600)
            self._migrate()
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise self._problem(error) from error
            raise

    def _problem(self, error: sqlite3.Error) -> DocentError:
        said = str(error)
        if is_disk_full(error):
            code = Code.DISK_FULL
        elif "readonly" in said or "unable to open" in said:
            code = Code.LIBRARY_UNWRITABLE
        elif "locked" in said:  # by a program that reads the file behind Docent's back
            code = Code.LIBRARY_IN_USE
        else:
            code = Code.LIBRARY_DAMAGED
        return DocentError(code, path=str(self._path))

    def _migrate(self) -> None:
        files = sorted(
            entry.name
            for entry in resources.files("assistant_app.library").joinpath("migrations").iterdir()
            if entry.name.endswith(".sql")
        )
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(files):
            raise DocentError(Code.LIBRARY_NEWER, path=str(self._path))
        for number, name in enumerate(files[version:], start=version + 1):
            script = resources.files("assistant_app.library").joinpath("migrations", name).read_text(encoding="utf-8")
            self._db.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; other threads wait."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.ProgrammingError):
                    raise self._problem(error) from error
                raise

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except sqlite3.ProgrammingError:  # a closed catalogue is no damaged one
                raise
            except sqlite3.DatabaseError as error:
                raise self._problem(error) from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # ------------------------------------------------------------ documents

    def stored(self, path: str) -> Stored | None:
        """What is remembered of the file at ``path``."""
        rows = self._rows("SELECT id, content_hash, size, modified_ns FROM documents WHERE path = ?", (path,))
        return Stored(*rows[0]) if rows else None  # type: ignore[arg-type]  # the columns' types are the schema's

    def documents(self, paths: Iterable[str] | None = None) -> list[Document]:
        """Every document, or those of ``paths`` that are known, by path."""
        only, values = "", []
        if paths is not None:
            only, values = "WHERE d.path IN (SELECT value FROM json_each(?))", [json.dumps(list(paths))]
        rows = self._rows(
            f"""SELECT d.path, d.status, d.reason, d.page_count, d.seconds, d.size, d.details,
                (SELECT count(*) FROM passages p WHERE p.document_id = d.id),
                (SELECT json_group_array(name) FROM (SELECT c.name FROM collections c
                 JOIN collected k ON k.collection_id = c.id WHERE k.document_id = d.id ORDER BY c.name))
            FROM documents d {only} ORDER BY d.path""",
            values,
        )
        return [
            Document(
                path=str(path),
                status=status,  # type: ignore[arg-type]  # as above
                reason=reason,  # type: ignore[arg-type]
                pages=pages,  # type: ignore[arg-type]
                seconds=seconds,  # type: ignore[arg-type]
                size=size,  # type: ignore[arg-type]
                details=json.loads(str(details)),
                passages=passages,  # type: ignore[arg-type]
                collections=json.loads(str(collections)),
            )
            for path, status, reason, pages, seconds, size, details, passages, collections in rows
        ]

    def reserve_passage_ids(self, count: int) -> range:
        """``count`` passage ids that were never used and never will be by another document."""
        with self._transaction() as db:
            row = db.execute("SELECT value FROM facts WHERE name = 'next_passage'").fetchone()
            first = int(row[0]) if row else 1
            db.execute("INSERT OR REPLACE INTO facts VALUES ('next_passage', ?)", (str(first + count),))
        return range(first, first + count)

    def reserve_document_id(self, path: str) -> int:
        """The id that the document at ``path`` has or will have."""
        with self._transaction() as db:
            row = db.execute("SELECT id FROM documents WHERE path = ?", (path,)).fetchone()
            if row:
                return int(row[0])
            row = db.execute("SELECT value FROM facts WHERE name = 'next_document'").fetchone()
            number = int(row[0]) if row else 1
            db.execute("INSERT OR REPLACE INTO facts VALUES ('next_document', ?)", (str(number + 1),))
            return number

    def put(
        self,
        document_id: int,
        document: Document,
        *,
        content_hash: str | None,
        modified_ns: int,
        name: str,
        pages: Sequence[Page],
        passage_ids: Sequence[int],
    ) -> list[int]:
        """Store a document with its pages and passages in one step, in place of what stood under its path.

        Args:
            name: the document's name as keyword search sees it.
            passage_ids: one for each passage of ``pages``, in order (:meth:`reserve_passage_ids`).

        Returns:
            The ids of the passages that this replaced; their vectors can go.
        """
        numbers = iter(passage_ids)
        with self._transaction() as db:
            replaced = self._delete_passages(db, document_id)
            db.execute(
                """INSERT INTO documents (id, path, content_hash, size, modified_ns, status, reason, details,
                   page_count, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                   ON CONFLICT (id) DO UPDATE SET content_hash = excluded.content_hash, size = excluded.size,
                   modified_ns = excluded.modified_ns, status = excluded.status, reason = excluded.reason,
                   details = excluded.details, page_count = excluded.page_count, seconds = excluded.seconds,
                   indexed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')""",
                (
                    document_id,
                    document.path,
                    content_hash,
                    document.size,
                    modified_ns,
                    document.status,
                    document.reason,
                    json.dumps(document.details),
                    document.pages,
                    document.seconds,
                ),
            )
            for page in pages:
                db.execute("INSERT INTO pages VALUES (?, ?, ?, ?)", (document_id, page.number, page.label, page.text))
                for start, length in page.passages:
                    number = next(numbers)
                    db.execute(
                        "INSERT INTO passages (id, document_id, page, start, length) VALUES (?, ?, ?, ?, ?)",
                        (number, document_id, page.number, start, length),
                    )
                    db.execute(
                        "INSERT INTO passage_words (rowid, document_name, text) VALUES (?, ?, ?)",
                        (number, name, page.text[start : start + length]),
                    )
        return replaced

    def touch(self, path: str, size: int, modified_ns: int) -> None:
        """Remember that the unchanged file at ``path`` has a new time stamp."""
        with self._transaction() as db:
            db.execute("UPDATE documents SET size = ?, modified_ns = ? WHERE path = ?", (size, modified_ns, path))

    def remove(self, path: str) -> list[int]:
        """Forget the document at ``path``; the ids of its passages, whose vectors can go."""
        with self._transaction() as db:
            row = db.execute("SELECT id FROM documents WHERE path = ?", (path,)).fetchone()
            if row is None:
                return []
            passages = self._delete_passages(db, row[0])
            db.execute("DELETE FROM documents WHERE id = ?", (row[0],))
        return passages

    @staticmethod
    def _delete_passages(db: sqlite3.Connection, document_id: int) -> list[int]:
        rows = db.execute("SELECT id FROM passages WHERE document_id = ?", (document_id,))
        numbers = [row[0] for row in rows]
        db.execute(
            "DELETE FROM passage_words WHERE rowid IN (SELECT id FROM passages WHERE document_id = ?)", (document_id,)
        )
        db.execute("DELETE FROM passages WHERE document_id = ?", (document_id,))
        db.execute("DELETE FROM pages WHERE document_id = ?", (document_id,))
        return numbers

    # ------------------------------------------------------------ collections

    def collect(self, path: str, collection: str) -> None:
        """Put the document at ``path`` into a collection, made if it is new; a document may be in several."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO collections (name) VALUES (?)", (collection,))
            db.execute(
                """INSERT OR IGNORE INTO collected SELECT c.id, d.id FROM collections c, documents d
                   WHERE c.name = ? AND d.path = ?""",
                (collection, path),
            )

    def document_ids(self, paths: Iterable[str] | None = None, collection: str | None = None) -> list[int] | None:
        """The documents that a question is limited to; null where it is limited to nothing.

        Raises:
            DocentError: ``collection_unknown``.
        """
        if paths is None and collection is None:
            return None
        conditions, values = ["1"], []
        if paths is not None:
            conditions.append("d.path IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(paths)))
        if collection is not None:
            found = self._rows("SELECT id FROM collections WHERE name = ?", (collection,))
            if not found:
                raise DocentError(Code.COLLECTION_UNKNOWN, collection=collection)
            conditions.append("EXISTS (SELECT 1 FROM collected k WHERE k.document_id = d.id AND k.collection_id = ?)")
            values.append(str(found[0][0]))
        rows = self._rows(f"SELECT d.id FROM documents d WHERE {' AND '.join(conditions)}", values)
        return [int(str(row[0])) for row in rows]

    # ------------------------------------------------------------ passages

    def passage_ids(self) -> list[int]:
        """Every passage's id, ascending."""
        return [int(str(row[0])) for row in self._rows("SELECT id FROM passages ORDER BY id")]

    def passages(self, ids: Sequence[int]) -> dict[int, Passage]:
        """The passages with these ids; unknown ids are left out."""
        rows = self._rows(
            """SELECT p.id, p.document_id, d.path, p.page, g.label, p.start, p.length, w.text
               FROM passages p JOIN documents d ON d.id = p.document_id
               JOIN pages g ON g.document_id = p.document_id AND g.number = p.page
               JOIN passage_words w ON w.rowid = p.id
               WHERE p.id IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(ids)),),
        )
        return {row[0]: Passage(*row) for row in rows}  # type: ignore[arg-type, misc]  # as above

    def page_text(self, path: str, page: int) -> str | None:
        """The text of a page, null where there is none."""
        rows = self._rows(
            """SELECT g.text FROM pages g JOIN documents d ON d.id = g.document_id
               WHERE d.path = ? AND g.number = ?""",
            (path, page),
        )
        return str(rows[0][0]) if rows else None

    def frequencies(self, words: Sequence[str]) -> list[int]:
        """In how many passages each of ``words`` stands, stemmed as the index stems; 0 where in none."""
        with self._transaction() as db:
            db.execute("DELETE FROM temp.asked")
            db.executemany("INSERT INTO temp.asked (rowid, text) VALUES (?, ?)", enumerate(words))
            rows = db.execute(
                """SELECT a.doc, min(coalesce(v.doc, 0)) FROM temp.asked_terms a
                   LEFT JOIN passage_vocabulary v ON v.term = a.term GROUP BY a.doc"""
            ).fetchall()
        found = dict(rows)
        return [int(found.get(number, 0)) for number in range(len(words))]

    def matching(
        self, words: Sequence[str], count: int, document_ids: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """The passages in which any of ``words`` stands: ``(passage id, BM25 score)``, best (smallest) first."""
        query = " OR ".join('"' + word.replace('"', '""').replace("\0", " ") + '"' for word in words)
        only, values = "", [query]
        if document_ids is not None:
            only = """AND rowid IN (SELECT id FROM passages WHERE document_id IN (SELECT value FROM json_each(?)))"""
            values.append(json.dumps(list(document_ids)))
        rows = self._rows(
            f"""SELECT rowid, bm25(passage_words) AS score FROM passage_words
                WHERE passage_words MATCH ? {only} ORDER BY score LIMIT ?""",
            [*values, count],
        )
        return [(int(str(number)), float(str(score))) for number, score in rows]

    # ------------------------------------------------------------ facts and health

    def fact(self, name: str) -> str | None:
        """A remembered value, such as the identity of the embedding model."""
        rows = self._rows("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def remember(self, name: str, value: str) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def counts(self) -> dict[str, int]:
        """How many documents, pages and passages the library holds."""
        return {
            table: int(str(self._rows(f"SELECT count(*) FROM {table}")[0][0]))
            for table in ("documents", "pages", "passages")
        }

    def is_sound(self) -> bool:
        """Whether SQLite finds no fault in its file."""
        try:
            return self._rows("PRAGMA quick_check") == [("ok",)]
        except DocentError:
            return False


__all__ = ["Catalog", "DocumentStatus", "Page", "Passage", "Stored"]

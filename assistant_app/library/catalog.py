"""What the library holds: documents, what they contain, and the keyword index. It is the truth; vectors follow it.

A *document* is a file that was offered, under its path. A *content* is what such a file holds: pages and passages. Two
documents with the same bytes share a content; a content without a document is swept away (:meth:`Catalog.sweep`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from assistant_app.documents.cutting import Piece, searchable
from assistant_app.errors import Code, DocentError
from assistant_app.library.database import Database
from assistant_app.library.keywords import ALONE, indexed
from assistant_app.library.naming import Entry
from assistant_app.protocol.records import Document, DocumentStatus, Heading, Kind, Section, Word

FEW_DEAD = 0.1
"""Share of passages without a document up to which a search leaves them to be dropped from its results."""


class Page(NamedTuple):
    """A page (or section) to be stored.

    Attributes:
        number: 1-based; ``base``: code points of the document before it, where the kind has no pages, else 0.
        passages: the passages in it, each with its id and the digest of what was embedded for it.
        words: where each word stands, for recognised text.
        key: ``CutPage.key``.
    """

    number: int
    label: str
    text: str
    passages: Sequence[tuple[int, Piece, bytes]]
    base: int = 0
    headings: Sequence[Heading] = ()
    words: Sequence[Word] | None = None
    key: bytes = b""


class Held(NamedTuple):
    """A page as the catalogue holds it, to be compared with a new reading of it."""

    number: int
    label: str
    base: int
    pieces: list[Piece]


class Kept(NamedTuple):
    """A page that is as it was: its number before, and its number, label and base now."""

    before: int
    number: int
    label: str
    base: int


class Stored(NamedTuple):
    """What is remembered of a file, to see whether it changed and whether reading it again makes sense."""

    id: int
    content_id: int | None
    content_hash: str | None
    size: int
    modified_ns: int
    status: DocumentStatus
    reason: str | None
    read_by: int
    removed: bool
    device: int | None = None


class Passage(NamedTuple):
    """A passage as it is found: where it stands, and its text.

    ``page`` is null where the document has none; ``start`` then counts from the document's first character, otherwise
    from the page's. ``section`` is the page, or the section's number.
    """

    id: int
    content_id: int
    path: str
    page: int | None
    label: str
    start: int
    length: int
    text: str
    heading: str
    table_header: str
    section: int


class Scope(NamedTuple):
    """Where a search looks: in these contents, by the names of these documents."""

    content_ids: list[int]
    document_ids: list[int] | None


class Catalog(Database):
    """The catalogue of one library."""

    def __init__(self, path: Path) -> None:
        """As :class:`Database`."""
        super().__init__(path)
        self._being_written: set[int] = set()
        self.copied = self.changes
        """:attr:`changes` when the last automatic copy was made."""

    # ------------------------------------------------------------ documents

    def stored(self, path: str) -> Stored | None:
        """What is remembered of the file at ``path``, removed or not."""
        rows = self.rows(
            """SELECT id, content_id, content_hash, size, modified_ns, status, reason, read_by, removed_at IS NOT NULL,
               device FROM documents WHERE path = ?""",
            (path,),
        )
        return Stored(*rows[0]) if rows else None  # type: ignore[arg-type]  # the columns' types are the schema's

    def documents(self, paths: Iterable[str] | None = None, *, removed: bool = False) -> list[Document]:
        """Every document, or those of ``paths`` that are known, by path; with ``removed`` those that were removed."""
        only, values = "", []
        if paths is not None:
            only, values = "AND d.path IN (SELECT value FROM json_each(?))", [json.dumps(list(paths))]
        rows = self.rows(
            f"""SELECT d.path, d.status, d.reason, d.page_count, d.seconds, d.size, d.details, d.empty_pages,
                d.failed_pages, d.recognised_pages, d.indexed_at, d.removed_at, c.kind, c.title, c.author,
                (SELECT count(*) FROM passages p WHERE p.content_id = d.content_id),
                (SELECT json_group_array(name) FROM (SELECT n.name FROM collections n
                 JOIN collected k ON k.collection_id = n.id WHERE k.document_id = d.id ORDER BY n.name))
            FROM documents d LEFT JOIN contents c ON c.id = d.content_id
            WHERE d.removed_at IS {"NOT" if removed else ""} NULL {only} ORDER BY d.path""",
            values,
        )
        return [_document(row) for row in rows]

    def put(
        self,
        document: Document,
        *,
        content_id: int | None,
        content_hash: str | None,
        modified_ns: int,
        read_by: int,
        device: int | None = None,
    ) -> None:
        """Store a document's outcome in one step, in place of what stood under its path; its content is complete then.

        The content that it had before stays until :meth:`sweep`, unless another document has it too.
        """
        with self.transaction() as db:
            self._put(db, document, content_id, content_hash, modified_ns, read_by, device)

    @staticmethod
    def _put(
        db: sqlite3.Connection,
        document: Document,
        content_id: int | None,
        content_hash: str | None,
        modified_ns: int,
        read_by: int,
        device: int | None,
    ) -> None:
        db.execute(
            """INSERT INTO documents (path, content_id, content_hash, size, modified_ns, status, reason, details,
               page_count, empty_pages, failed_pages, recognised_pages, seconds, read_by, device)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (path) DO UPDATE SET content_id = excluded.content_id,
               content_hash = excluded.content_hash, size = excluded.size, modified_ns = excluded.modified_ns,
               status = excluded.status, reason = excluded.reason, details = excluded.details,
               page_count = excluded.page_count, empty_pages = excluded.empty_pages,
               failed_pages = excluded.failed_pages, recognised_pages = excluded.recognised_pages,
               seconds = excluded.seconds, read_by = excluded.read_by, removed_at = NULL,
               device = excluded.device,
               indexed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')""",
            (
                document.path,
                content_id,
                content_hash,
                document.size,
                modified_ns,
                document.status,
                document.reason,
                json.dumps(document.details),
                document.pages,
                document.empty_pages,
                document.failed_pages,
                document.recognised_pages,
                document.seconds,
                read_by,
                device,
            ),
        )
        if content_id is not None:
            db.execute(
                "UPDATE contents SET complete = 1, title = ?, author = ? WHERE id = ?",
                (document.title, document.author, content_id),
            )

    def touch(self, path: str, size: int, modified_ns: int) -> None:
        """Remember that the unchanged file at ``path`` has a new time stamp."""
        with self.transaction(durable=False) as db:
            db.execute("UPDATE documents SET size = ?, modified_ns = ? WHERE path = ?", (size, modified_ns, path))

    def move(self, path: str, target: str, size: int, modified_ns: int) -> None:
        """The file at ``path`` is at ``target`` now; its collections, its content and its history go along."""
        with self.transaction() as db:
            db.execute("DELETE FROM documents WHERE path = ?", (target,))
            db.execute(
                "UPDATE documents SET path = ?, size = ?, modified_ns = ?, removed_at = NULL WHERE path = ?",
                (target, size, modified_ns, path),
            )

    def remove(self, paths: Sequence[str], *, forever: bool = False) -> None:
        """Take documents out of the library, so that they can be put back until :meth:`purge`; or ``forever``."""
        with self.transaction() as db:
            if forever:
                db.executemany("DELETE FROM documents WHERE path = ?", ((path,) for path in paths))
            else:
                db.executemany(
                    "UPDATE documents SET removed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE path = ?",
                    ((path,) for path in paths),
                )

    def put_back(self, paths: Sequence[str]) -> None:
        """Undo :meth:`remove`."""
        with self.transaction() as db:
            db.executemany("UPDATE documents SET removed_at = NULL WHERE path = ?", ((path,) for path in paths))

    def purge(self, hours: float) -> int:
        """Forget for good what was removed more than so many hours ago; returns how many documents that were."""
        with self.transaction() as db:
            return db.execute(
                "DELETE FROM documents WHERE removed_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)",
                (f"-{hours * 3600:.0f} seconds",),
            ).rowcount

    def note_stopped(self, paths: Sequence[str]) -> None:
        """Give files a row that have none, because a person stopped before they had an outcome."""
        with self.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO documents (path, status, reason, details) VALUES (?, 'failed', 'cancelled', ?)",
                ((path, json.dumps({"path": path})) for path in paths),
            )

    def set_name(self, content_id: int, name: str) -> None:
        """What keyword search takes for the name of the documents with this content."""
        with self.transaction(durable=False) as db:
            db.execute("UPDATE contents SET name = ? WHERE id = ?", (name, content_id))
            db.execute(
                """UPDATE passage_words SET document_name = ?1 WHERE rowid IN
                   (SELECT id FROM passages WHERE content_id = ?2) AND document_name <> ?1""",
                (indexed(name), content_id),
            )

    def names(self) -> list[Entry]:
        """The documents in the library that have a content, each by the name that its path gives it."""
        rows = self.rows("SELECT content_id, path FROM documents WHERE removed_at IS NULL AND content_id IS NOT NULL")
        return [Entry(int(str(content_id)), str(path)) for content_id, path in rows]

    def kind_of(self, content_id: int) -> str | None:
        """What the file of a content is; null where there is no such content."""
        rows = self.rows("SELECT kind FROM contents WHERE id = ?", (content_id,))
        return str(rows[0][0]) if rows else None

    def is_empty(self) -> bool:
        """Whether there is nothing to be searched: no document in the library has a passage."""
        return not self.rows(
            """SELECT 1 FROM documents d JOIN passages p ON p.content_id = d.content_id
               WHERE d.removed_at IS NULL LIMIT 1"""
        )

    def known_below(self, folder: str, *, skipped: bool = True) -> list[str]:
        """The paths that begin with ``folder``, removed ones left out; those of files that are no documents too."""
        rows = self.rows(
            f"""SELECT path FROM documents WHERE removed_at IS NULL AND substr(path, 1, ?) = ?
                {"" if skipped else "AND status <> 'skipped'"} ORDER BY path""",
            (len(folder), folder),
        )
        return [str(path) for (path,) in rows]

    # ------------------------------------------------------------ contents

    def content_of(self, content_hash: str, read_by: int) -> tuple[int, str] | None:
        """The complete content with this hash, read by this version, and the path of a document that has it."""
        rows = self.rows(
            """SELECT c.id, d.path FROM contents c JOIN documents d ON d.content_id = c.id
               WHERE c.hash = ? AND c.read_by = ? AND c.complete ORDER BY d.id LIMIT 1""",
            (content_hash, read_by),
        )
        return (int(str(rows[0][0])), str(rows[0][1])) if rows else None

    def is_complete(self, content_id: int, read_by: int) -> bool:
        """Whether a content is whole and was read by this version."""
        return bool(
            self.rows("SELECT 1 FROM contents WHERE id = ? AND complete AND read_by = ?", (content_id, read_by))
        )

    def paths_of(self, content_id: int) -> list[str]:
        """The paths of all documents with this content, removed ones too."""
        return [str(path) for (path,) in self.rows("SELECT path FROM documents WHERE content_id = ?", (content_id,))]

    def begin_content(self, content_hash: str, kind: Kind, paged: bool, read_by: int) -> int:
        """A new content, not complete yet; it becomes so when a document is :meth:`put` with it."""
        with self.transaction(durable=False) as db:
            # Numbers are never used twice: a stray vector must not get into another document's scope.
            found = db.execute("SELECT value FROM facts WHERE name = 'next_document'").fetchone()
            highest = db.execute("SELECT max(id) FROM contents").fetchone()[0] or 0
            number = max(int(found[0]) if found else 1, highest + 1)
            db.execute("INSERT OR REPLACE INTO facts VALUES ('next_document', ?)", (str(number + 1),))
            db.execute(
                "INSERT INTO contents (id, hash, kind, paged, read_by) VALUES (?, ?, ?, ?, ?)",
                (number, content_hash, kind, paged, read_by),
            )
            self._being_written.add(number)
            return number

    def add_pages(self, content_id: int, name: str, pages: Sequence[Page]) -> None:
        """Store pages of a content that is not complete yet.

        Args:
            name: the document's name as it is embedded, and indexed for keywords.
        """
        with self.transaction(durable=False) as db:
            db.execute("UPDATE contents SET name = ? WHERE id = ?", (name, content_id))
            words_of_name = indexed(name)
            for page in pages:
                db.execute(
                    "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        content_id,
                        page.number,
                        page.label,
                        page.base,
                        page.text,
                        msgspec.json.encode(list(page.headings)).decode(),
                        None if page.words is None else msgspec.msgpack.encode(list(page.words)),
                        page.key,
                    ),
                )
                for number, piece, key in page.passages:
                    db.execute(
                        "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        (number, content_id, page.number, *piece, key),
                    )
                    text = searchable(page.text[piece.start : piece.start + piece.length])
                    db.execute(
                        "INSERT INTO passage_words (rowid, document_name, heading, text) VALUES (?, ?, ?, ?)",
                        (number, words_of_name, indexed(piece.heading), indexed(text)),
                    )

    def held_pages(self, content_id: int) -> dict[bytes, list[Held]]:
        """The pages of a content by their key; several pages may have the same."""
        pieces: dict[object, list[Piece]] = {}
        for page, *piece in self.rows(
            "SELECT page, start, length, heading, table_header FROM passages WHERE content_id = ? ORDER BY id",
            (content_id,),
        ):
            pieces.setdefault(page, []).append(Piece(*piece))  # type: ignore[arg-type]  # as above
        held: dict[bytes, list[Held]] = {}
        for key, number, label, base in self.rows(
            "SELECT key, number, label, base FROM pages WHERE content_id = ? AND key IS NOT NULL ORDER BY number",
            (content_id,),
        ):
            held.setdefault(key, []).append(Held(number, label, base, pieces.get(number, [])))  # type: ignore[arg-type]
        return held

    def revise(
        self,
        document: Document,
        *,
        content_id: int,
        staged_id: int | None,
        kept: Sequence[Kept],
        content_hash: str,
        modified_ns: int,
        read_by: int,
        device: int | None,
    ) -> list[int]:
        """Make a content that only this document has into what its file holds now, in one step.

        Args:
            staged_id: the content with the new pages, which goes up in the old one; null where there are none.
            kept: the pages that stay; all others of the content go.

        Returns:
            The ids of the passages that are gone; their vectors can go.
        """
        with self.transaction() as db:
            db.execute("CREATE TEMP TABLE kept (before INTEGER PRIMARY KEY, number, label, base)")
            try:
                db.executemany("INSERT INTO temp.kept VALUES (?, ?, ?, ?)", kept)
                rows = db.execute(
                    "SELECT id FROM passages WHERE content_id = ? AND page NOT IN (SELECT before FROM temp.kept)",
                    (content_id,),
                ).fetchall()
                db.executemany("DELETE FROM passage_words WHERE rowid = ?", rows)
                db.executemany("DELETE FROM passages WHERE id = ?", rows)
                db.execute(
                    "DELETE FROM pages WHERE content_id = ? AND number NOT IN (SELECT before FROM temp.kept)",
                    (content_id,),
                )
                self._renumber(db, content_id)
            finally:
                db.execute("DROP TABLE temp.kept")
            db.execute("UPDATE pages SET content_id = ? WHERE content_id = ?", (content_id, staged_id))
            db.execute("UPDATE passages SET content_id = ? WHERE content_id = ?", (content_id, staged_id))
            db.execute("DELETE FROM contents WHERE id = ?", (staged_id,))
            db.execute("UPDATE contents SET hash = ? WHERE id = ?", (content_hash, content_id))
            self._put(db, document, content_id, content_hash, modified_ns, read_by, device)
        return [int(number) for (number,) in rows]

    @staticmethod
    def _renumber(db: sqlite3.Connection, content_id: int) -> None:
        """Give kept pages their new places: first negative numbers, because the new one may still be another's."""
        db.execute(
            """UPDATE passages SET page = (SELECT number FROM temp.kept WHERE before = page) WHERE content_id = ?
               AND page IN (SELECT before FROM temp.kept WHERE before <> number)""",
            (content_id,),
        )
        db.execute(
            """UPDATE pages SET (number, label, base) =
               (SELECT -k.number, k.label, k.base FROM temp.kept k WHERE k.before = pages.number)
               WHERE content_id = ? AND EXISTS (SELECT 1 FROM temp.kept k WHERE k.before = pages.number
               AND (k.number, k.label, k.base) <> (pages.number, pages.label, pages.base))""",
            (content_id,),
        )
        db.execute("UPDATE pages SET number = -number WHERE content_id = ? AND number < 0", (content_id,))

    def reserve_passage_ids(self, count: int) -> range:
        """``count`` passage ids that were never used and never will be by another passage."""
        with self.transaction(durable=False) as db:
            row = db.execute("SELECT value FROM facts WHERE name = 'next_passage'").fetchone()
            first = int(row[0]) if row else 1
            db.execute("INSERT OR REPLACE INTO facts VALUES ('next_passage', ?)", (str(first + count),))
        return range(first, first + count)

    def end_content(self, content_id: int) -> None:
        """The content is not written any more: complete or not, :meth:`sweep` may judge it."""
        self._being_written.discard(content_id)

    def sweep(self, most: int = 500) -> list[int]:
        """Delete up to ``most`` passages of contents that no document has, or that were never completed.

        In small steps, because others wait meanwhile: call it until it returns nothing. The content that is being
        written is left alone.

        Returns:
            The ids of the passages that are gone; their vectors can go.
        """
        with self.transaction(durable=False) as db:
            row = db.execute(
                """SELECT id FROM contents WHERE id NOT IN (SELECT value FROM json_each(?)) AND (NOT complete
                   OR NOT EXISTS (SELECT 1 FROM documents d WHERE d.content_id = contents.id)) LIMIT 1""",
                (json.dumps(list(self._being_written)),),
            ).fetchone()
            if row is None:
                return []
            rows = db.execute("SELECT id FROM passages WHERE content_id = ? LIMIT ?", (row[0], most)).fetchall()
            gone = [int(number) for (number,) in rows]
            db.executemany("DELETE FROM passage_words WHERE rowid = ?", rows)
            db.executemany("DELETE FROM passages WHERE id = ?", rows)
            if len(gone) < most:
                db.execute("DELETE FROM pages WHERE content_id = ?", (row[0],))
                db.execute("UPDATE documents SET content_id = NULL WHERE content_id = ?", (row[0],))
                db.execute("DELETE FROM contents WHERE id = ?", (row[0],))
        return gone or self.sweep(most)

    # ------------------------------------------------------------ where a search looks

    def scope(self, paths: Iterable[str] | None = None, collection: str | None = None) -> Scope | None:
        """What a question is limited to; null where it is limited to nothing.

        Raises:
            DocentError: ``collection_unknown``.
        """
        conditions, values = ["d.removed_at IS NULL", "d.content_id IS NOT NULL"], []
        if paths is not None:
            conditions.append("d.path IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(paths)))
        if collection is not None:
            found = self.rows("SELECT id FROM collections WHERE name = ?", (collection,))
            if not found:
                raise DocentError(Code.COLLECTION_UNKNOWN, collection=collection)
            conditions.append("EXISTS (SELECT 1 FROM collected k WHERE k.document_id = d.id AND k.collection_id = ?)")
            values.append(str(found[0][0]))
        limited = paths is not None or collection is not None
        if not limited and not self._many_are_dead():
            return None
        rows = self.rows(f"SELECT d.content_id, d.id FROM documents d WHERE {' AND '.join(conditions)}", values)
        contents = sorted({int(str(content)) for content, _ in rows})
        return Scope(contents, [int(str(document)) for _, document in rows] if limited else None)

    def _many_are_dead(self) -> bool:
        """Whether so many passages have no document in the library that they would crowd others out of a search."""
        dead = self.rows(
            """SELECT (SELECT count(*) FROM passages p WHERE p.content_id = c.id) FROM contents c WHERE NOT EXISTS
               (SELECT 1 FROM documents d WHERE d.content_id = c.id AND d.removed_at IS NULL)"""
        )
        return bool(dead) and sum(int(str(count)) for (count,) in dead) > FEW_DEAD * self.passage_count()

    # ------------------------------------------------------------ passages

    def passage_ids(self) -> list[int]:
        """Every passage's id, ascending."""
        return [int(str(row[0])) for row in self.rows("SELECT id FROM passages ORDER BY id")]

    def passages(self, ids: Sequence[int], document_ids: Sequence[int] | None = None) -> dict[int, Passage]:
        """The passages with these ids that a document in the library has; by the names of ``document_ids`` only."""
        only, values = "", [json.dumps(list(ids))]
        if document_ids is not None:
            only = "AND d.id IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(list(document_ids)))
        rows = self.rows(
            f"""SELECT p.id, p.content_id, d.path, CASE WHEN c.paged THEN p.page END, g.label, g.base + p.start,
                p.length, substr(g.text, p.start + 1, p.length), p.heading, p.table_header, p.page, min(d.id)
                FROM passages p JOIN contents c ON c.id = p.content_id
                JOIN documents d ON d.content_id = p.content_id AND d.removed_at IS NULL {only.replace("?", "?2")}
                JOIN pages g ON g.content_id = p.content_id AND g.number = p.page
                WHERE p.id IN (SELECT value FROM json_each(?1)) GROUP BY p.id""",
            values,
        )
        return {row[0]: Passage(*row[:-1]) for row in rows}  # type: ignore[arg-type, misc]  # as above

    def passages_of(self, path: str) -> list[Passage]:
        """All passages of a document in the library, in reading order."""
        rows = self.rows(
            """SELECT p.id, d.id FROM documents d JOIN passages p ON p.content_id = d.content_id
               WHERE d.path = ? AND d.removed_at IS NULL ORDER BY p.page, p.start""",
            (path,),
        )
        ids = [int(str(number)) for number, _ in rows]
        held = self.passages(ids, [int(str(rows[0][1]))]) if rows else {}
        return [held[number] for number in ids if number in held]

    def embedded(self, ids: Sequence[int]) -> dict[int, tuple[int, str, Piece, str]]:
        """What a vector is made of, by passage id: content, document's name, piece and text; without unknown ids."""
        rows = self.rows(
            """SELECT p.id, p.content_id, c.name, p.start, p.length, p.heading, p.table_header,
               substr(g.text, p.start + 1, p.length)
               FROM passages p JOIN pages g ON g.content_id = p.content_id AND g.number = p.page
               JOIN contents c ON c.id = p.content_id WHERE p.id IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(ids)),),
        )
        return {
            number: (content, name, Piece(start, length, heading, header), text)  # type: ignore[arg-type, misc]
            for number, content, name, start, length, heading, header, text in rows
        }

    def with_keys(self, keys: Iterable[bytes]) -> dict[bytes, int]:
        """For each key (digest of what was embedded) that is known: the id of a passage with it."""
        found: dict[bytes, int] = {}
        wanted = list(dict.fromkeys(keys))
        for first in range(0, len(wanted), 500):
            some = wanted[first : first + 500]
            marks = ", ".join("?" * len(some))
            rows = self.rows(f"SELECT key, id FROM passages WHERE key IN ({marks})", some)
            found.update(rows)  # type: ignore[arg-type]  # as above
        return found

    def page_text(self, path: str, section: int) -> tuple[str, int] | None:
        """The text of a page or section, and how many code points of the document stand before it where the document
        has no pages (else 0); null where there is no such page."""
        rows = self.rows(
            """SELECT g.text, g.base FROM pages g JOIN documents d ON d.content_id = g.content_id
               WHERE d.path = ? AND g.number = ?""",
            (path, section),
        )
        return (str(rows[0][0]), int(str(rows[0][1]))) if rows else None

    def recognised_words(self, path: str, page: int) -> tuple[str, list[Word]] | None:
        """The text of a page that was recognised (OCR), and where its words stand; null for every other page."""
        rows = self.rows(
            """SELECT g.text, g.words FROM pages g JOIN documents d ON d.content_id = g.content_id
               WHERE d.path = ? AND g.number = ? AND g.words IS NOT NULL""",
            (path, page),
        )
        if not rows:
            return None
        text, words = rows[0]
        return str(text), msgspec.msgpack.decode(words, type=list[Word])  # type: ignore[call-overload]

    def recognised_pages(self, path: str) -> list[int]:
        """The pages of a document whose text was recognised."""
        rows = self.rows(
            """SELECT g.number FROM pages g JOIN documents d ON d.content_id = g.content_id
               WHERE d.path = ? AND g.words IS NOT NULL ORDER BY g.number""",
            (path,),
        )
        return [int(str(number)) for (number,) in rows]

    def sections(self, path: str, first: int, most: int) -> list[Section]:
        """Up to ``most`` pages or sections of a document from number ``first`` on, for its plain preview."""
        rows = self.rows(
            """SELECT CASE WHEN c.paged THEN g.number END, g.label, g.base, g.text, g.headings
               FROM pages g JOIN contents c ON c.id = g.content_id JOIN documents d ON d.content_id = c.id
               WHERE d.path = ? AND g.number >= ? ORDER BY g.number LIMIT ?""",
            (path, first, most),
        )
        return [
            Section(
                page=page,  # type: ignore[arg-type]  # as above
                label=str(label),
                start=base,  # type: ignore[arg-type]
                text=str(text),
                headings=msgspec.json.decode(str(headings), type=list[Heading]),
            )
            for page, label, base, text, headings in rows
        ]

    def frequencies(self, words: Sequence[str], most: int) -> list[int]:
        """In how many passages each of ``words`` stands, stemmed as the index stems; 0 where in none.

        They are words as ``keywords.words`` gives them. Counting ends at ``most``, because a common word in a large
        library would take long.
        """
        found = []
        for word in words:
            rows = self.rows(
                """SELECT count(*) FROM
                   (SELECT 1 FROM passage_words WHERE passage_words MATCH ? LIMIT ?)""",
                (_phrase(word), most),
            )
            found.append(int(str(rows[0][0])))
        return found

    def matching(
        self, words: Sequence[str], count: int, content_ids: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """The passages in which any of ``words`` stands: ``(passage id, BM25 score)``, best (smallest) first."""
        query = " OR ".join(map(_phrase, words))
        only, values = "", [query]
        if content_ids is not None:
            # The plus keeps SQLite from asking the index for each of these passages by itself.
            only = """AND +rowid IN (SELECT id FROM passages WHERE content_id IN (SELECT value FROM json_each(?)))"""
            values.append(json.dumps(list(content_ids)))
        rows = self.rows(
            f"""SELECT rowid, bm25(passage_words) AS score FROM passage_words
                WHERE passage_words MATCH ? {only} ORDER BY score LIMIT ?""",
            [*values, count],
        )
        return [(int(str(number)), float(str(score))) for number, score in rows]

    # ------------------------------------------------------------ facts

    def fact(self, name: str) -> str | None:
        """A remembered value, such as the identity of the embedding model."""
        rows = self.rows("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def remember(self, name: str, value: str) -> None:
        """Remember a value."""
        if self.fact(name) == value:
            return
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def passage_count(self) -> int:
        """How many passages there are, those of removed documents too."""
        return int(str(self.rows("SELECT count(*) FROM passages")[0][0]))

    def counts(self) -> dict[str, int]:
        """How many documents (removed ones left out), pages and passages the library holds."""
        documents, pages, passages = self.rows(
            """SELECT (SELECT count(*) FROM documents WHERE removed_at IS NULL), (SELECT count(*) FROM pages),
               (SELECT count(*) FROM passages)"""
        )[0]
        return {"documents": int(str(documents)), "pages": int(str(pages)), "passages": int(str(passages))}


def _phrase(word: str) -> str:
    """A word of ``keywords.words`` in FTS5's query language."""
    quoted = '"' + word.removesuffix(ALONE).replace('"', '""').replace("\0", " ") + '"'
    return f"{quoted} *" if word.endswith(ALONE) else quoted


def _document(row: Sequence[object]) -> Document:
    path, status, reason, pages, seconds, size, details, empty, failed, recognised, indexed, removed, *rest = row
    kind, title, author, passages, collections = rest
    return msgspec.convert(
        {
            "path": path,
            "status": status,
            "reason": reason,
            "pages": pages,
            "seconds": seconds,
            "size": size,
            "details": json.loads(str(details)),
            "empty_pages": empty,
            "failed_pages": failed,
            "recognised_pages": recognised,
            "indexed_at": indexed,
            "removed_at": removed,
            "kind": kind,
            "title": title or "",
            "author": author or "",
            "passages": passages,
            "collections": json.loads(str(collections)),
        },
        Document,
    )


__all__ = ["Catalog", "Page", "Passage", "Scope", "Stored"]

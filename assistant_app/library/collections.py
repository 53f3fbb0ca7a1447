"""Named sets of documents. A document may be in several; deleting a collection leaves its documents alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from assistant_app.errors import Code, DocentError
from assistant_app.library.database import Database
from assistant_app.protocol.records import Collection

LONGEST_NAME = 100


class Collections:
    """The collections of one library. Their names are compared letter for letter, without white space at the ends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Collection]:
        """Every collection by name, with the number of its documents."""
        rows = self._database.rows(
            """SELECT c.name, (SELECT count(*) FROM collected k JOIN documents d ON d.id = k.document_id
               WHERE k.collection_id = c.id AND d.removed_at IS NULL) FROM collections c ORDER BY c.name"""
        )
        return [Collection(name=str(name), documents=int(str(count))) for name, count in rows]

    def create(self, name: str) -> None:
        """Raises ``collection_exists`` or ``collection_name_invalid``."""
        name = checked_name(name)
        with self._database.transaction() as db:
            if db.execute("SELECT 1 FROM collections WHERE name = ?", (name,)).fetchone():
                raise DocentError(Code.COLLECTION_EXISTS, collection=name)
            db.execute("INSERT INTO collections (name) VALUES (?)", (name,))

    def rename(self, name: str, new_name: str) -> None:
        """Raises ``collection_unknown``, ``collection_exists`` or ``collection_name_invalid``."""
        new_name = checked_name(new_name)
        with self._database.transaction() as db:
            number = _number(db, name)
            other = db.execute("SELECT id FROM collections WHERE name = ?", (new_name,)).fetchone()
            if other and other[0] != number:
                raise DocentError(Code.COLLECTION_EXISTS, collection=new_name)
            db.execute("UPDATE collections SET name = ? WHERE id = ?", (new_name, number))
            for table in ("pending", "watched"):
                db.execute(f"UPDATE {table} SET collection = ? WHERE collection = ?", (new_name, name))

    def delete(self, name: str) -> None:
        """The documents stay. Raises ``collection_unknown``."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM collections WHERE id = ?", (_number(db, name),))
            for table in ("pending", "watched"):
                db.execute(f"UPDATE {table} SET collection = NULL WHERE collection = ?", (name,))

    def collect(self, name: str, paths: Sequence[str]) -> None:
        """Put documents into a collection, made if it is new. Raises ``collection_name_invalid``."""
        name = checked_name(name)
        with self._database.transaction() as db:
            db.execute("INSERT OR IGNORE INTO collections (name) VALUES (?)", (name,))
            number = _number(db, name)
            db.executemany(
                "INSERT OR IGNORE INTO collected SELECT ?, id FROM documents WHERE path = ?",
                ((number, path) for path in paths),
            )

    def uncollect(self, name: str, paths: Sequence[str]) -> None:
        """Take documents out of a collection. Raises ``collection_unknown``."""
        with self._database.transaction() as db:
            number = _number(db, name)
            db.executemany(
                """DELETE FROM collected WHERE collection_id = ?
                   AND document_id = (SELECT id FROM documents WHERE path = ?)""",
                ((number, path) for path in paths),
            )


def checked_name(name: str) -> str:
    """The name without white space at its ends. Raises ``collection_name_invalid``."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise DocentError(Code.COLLECTION_NAME_INVALID)
    return name


def _number(db: sqlite3.Connection, name: str) -> int:
    row = db.execute("SELECT id FROM collections WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise DocentError(Code.COLLECTION_UNKNOWN, collection=name)
    return int(row[0])

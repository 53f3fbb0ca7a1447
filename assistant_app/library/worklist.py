"""What the library still has to do, and what it follows: files that a job was given, and watched folders.

A file stands on the worklist from the moment it is offered until it has an outcome. What is left there after a crash is
what the next start goes on with.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from assistant_app.library.database import Database


class Pending(NamedTuple):
    """A file without an outcome yet. ``tries`` counts how often its reading was begun."""

    path: str
    named: bool
    collection: str | None
    tries: int


class Followed(NamedTuple):
    """A watched folder; ``device`` is its ``st_dev`` when it was last seen, null before."""

    path: str
    collection: str | None
    device: int | None


class Worklist:
    """The worklist and the watched folders of one library."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_hand: set[str] = set()

    def add(self, paths: Iterable[tuple[str, bool]], collection: str | None) -> None:
        """Note files, each with whether it was named by a person (rather than found in a folder)."""
        with self._database.transaction(durable=False) as db:
            db.executemany(
                """INSERT INTO pending (path, named, collection) VALUES (?, ?, ?)
                   ON CONFLICT (path) DO UPDATE SET collection = coalesce(excluded.collection, collection)""",
                ((path, named, collection) for path, named in paths),
            )

    def begin(self, path: str) -> int:
        """The reading of ``path`` begins; returns how often it did so before without coming to an end."""
        with self._database.transaction(durable=False) as db:
            row = db.execute("SELECT tries FROM pending WHERE path = ?", (path,)).fetchone()
            db.execute("UPDATE pending SET tries = tries + 1 WHERE path = ?", (path,))
            self._in_hand.add(path)
            return int(row[0]) if row else 0

    def pause(self, path: str) -> None:
        """The reading of ``path`` was ended by us, not by a crash: this try does not count."""
        with self._database.transaction(durable=False) as db:
            if path not in self._in_hand:
                return
            self._in_hand.remove(path)
            db.execute("UPDATE pending SET tries = max(tries - 1, 0) WHERE path = ?", (path,))

    def done(self, paths: Sequence[str]) -> None:
        """These files have an outcome, or nobody wants one any more."""
        with self._database.transaction(durable=False) as db:
            self._in_hand.difference_update(paths)
            db.executemany("DELETE FROM pending WHERE path = ?", ((path,) for path in paths))

    def pause_all(self) -> None:
        """As :meth:`pause`, for whatever is being read: the process is about to end, even if that does not stop."""
        for path in list(self._in_hand):
            self.pause(path)

    def pending(self) -> list[Pending]:
        """Every file without an outcome, in the order in which they came."""
        rows = self._database.rows("SELECT path, named, collection, tries FROM pending ORDER BY rowid")
        return [Pending(str(path), bool(named), collection, tries) for path, named, collection, tries in rows]  # type: ignore[arg-type]

    # ------------------------------------------------------------ watched folders

    def unwanted(self) -> set[str]:
        """Files of watched folders that a person removed: they are not to be found again."""
        return {str(path) for (path,) in self._database.rows("SELECT path FROM unwanted")}

    def refuse(self, paths: Iterable[str]) -> None:
        """A person removed these; those in a watched folder become unwanted."""
        folders = tuple(folder.path.rstrip(os.sep) + os.sep for folder in self.watched())
        with self._database.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO unwanted VALUES (?)", ((path,) for path in paths if path.startswith(folders))
            )

    def want(self, paths: Iterable[str]) -> None:
        """A person put these back, or named them."""
        with self._database.transaction(durable=False) as db:
            db.executemany("DELETE FROM unwanted WHERE path = ?", ((path,) for path in paths))

    def watched(self) -> list[Followed]:
        """Every watched folder, by path."""
        rows = self._database.rows("SELECT path, collection, device FROM watched ORDER BY path")
        return [Followed(*row) for row in rows]  # type: ignore[arg-type]  # the columns' types are the schema's

    def watch(self, folder: Followed) -> None:
        """Note a folder, or what is new about it."""
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO watched VALUES (?, ?, ?)", folder)

    def unwatch(self, path: str) -> None:
        with self._database.transaction() as db:
            db.execute("DELETE FROM watched WHERE path = ?", (path,))

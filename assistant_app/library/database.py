"""The library's SQLite file: opening, migrating, transactions, health. What stands in it is for others to know."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.library.keywords import indexed

SUSPECT = ".suspect"
"""Ending of the note that stands beside a file in which SQLite met damage, until the file was examined."""

_PAGES_AT_ONCE = 2_000
"""SQLite pages that a backup copies before others get their turn."""


class Database:
    """One SQLite file. Safe to use from threads; one process at a time."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file and brings it up to date.

        Raises:
            DocentError: ``library_damaged``, ``library_newer``, ``library_unwritable``, ``library_in_use`` or
                ``disk_full``.
        """
        self._path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise self._problem(error) from error
        try:
            self._db.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;"
                "PRAGMA secure_delete = FAST; PRAGMA temp_store = MEMORY;"
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
            self._suspect()
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
        self._db.create_function("indexed", 1, indexed, deterministic=True)
        for number, name in enumerate(files[version:], start=version + 1):
            script = resources.files("assistant_app.library").joinpath("migrations", name).read_text(encoding="utf-8")
            self._db.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; other threads wait.

        Args:
            durable: it survives a power cut as soon as this ends (a tenth of a second on a slow disk); otherwise as
                soon as a later one ends that is durable. A crash of the process alone loses neither.

        Raises:
            DocentError: as the constructor.
        """
        with self._lock:
            try:
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.ProgrammingError):
                    raise self._problem(error) from error
                raise

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """The rows of a query. Raises as :meth:`transaction`."""
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except sqlite3.ProgrammingError:  # a closed file is no damaged one
                raise
            except sqlite3.DatabaseError as error:
                raise self._problem(error) from error

    @property
    def changes(self) -> int:
        """Rows that this connection has changed since it was opened."""
        return self._db.total_changes

    def is_sound(self) -> bool:
        """Whether SQLite finds no fault in its file. Reads all of it; what is found is noted for the next start."""
        try:
            sound = self.rows("PRAGMA quick_check") == [("ok",)]
        except DocentError:
            return False
        if not sound:
            self._suspect()
        return sound

    def _suspect(self) -> None:
        with suppress(OSError):  # so that the next start examines it
            self._path.with_name(self._path.name + SUSPECT).touch()

    def copy_to(self, target: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Write a consistent copy to ``target``, which must not exist; others go on reading and writing meanwhile.

        Args:
            progress: gets bytes done and in all.

        Raises:
            DocentError: ``disk_full``, ``library_damaged`` or ``library_unwritable``.
        """
        size = int(str(self.rows("PRAGMA page_size")[0][0]))
        # A connection of its own reads, so that this one's lock is held by nobody meanwhile.
        try:
            copy = sqlite3.connect(target)
            source = sqlite3.connect(self._path)
            try:
                source.backup(
                    copy,
                    pages=_PAGES_AT_ONCE,
                    progress=lambda _status, left, total: progress((total - left) * size, total * size),
                )
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, no log beside it
            finally:
                source.close()
                copy.close()
        except sqlite3.Error as error:
            target.unlink(missing_ok=True)
            raise self._problem(error) from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

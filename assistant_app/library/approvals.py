"""Approvals: examples that a person approved, corrected or imported, kept to train an adapter from.

What is wrong with them is not kept but looked for anew each time (``training/approval_checks.py``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from assistant_app.errors import Code, DocentError
from assistant_app.library.database import Database
from assistant_app.protocol.training import Approval, Example, Origin

MOST_EXAMPLES = 100_000
MOST_BYTES = 60 * 2**20
"""Of all examples as JSON, with :data:`BYTES_BESIDES` for each: the window gets them in one line, and that has a limit
(``protocol/wire.py``)."""
BYTES_BESIDES = 256

_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
_APPROVALS = """SELECT a.id, a.example, a.origin, a.accepted,
    CASE WHEN c.deleted_at IS NULL THEN t.id END, a.approved_at
    FROM approvals a LEFT JOIN turns t ON t.id = a.turn_id LEFT JOIN conversations c ON c.id = t.conversation_id
    WHERE a.deleted_at IS NULL"""


class Approvals:
    """The approvals of one library, without their problems. Numbers are never used twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Approval]:
        """Every approval, the oldest first; what a later version wrote that makes no sense here is left out."""
        found = (_approval(row) for row in self._database.rows(f"{_APPROVALS} ORDER BY a.id"))
        return [approval for approval in found if approval is not None]

    def get(self, approval: int) -> Approval:
        """One approval. Raises ``approval_unknown``, also where it was deleted."""
        rows = self._database.rows(f"{_APPROVALS} AND a.id = ?", (approval,))
        found = _approval(rows[0]) if rows else None
        if found is None:
            raise DocentError(Code.APPROVAL_UNKNOWN)
        return found

    def keep(self, turn: int, version: int, example: Example, origin: Origin) -> int:
        """Store the approval of a turn's version in the place of an earlier one of it; returns its number.

        Raises:
            DocentError: ``examples_too_many``; as :meth:`Database.transaction`, ``disk_full`` for instance.
        """
        with self._database.transaction() as db:
            db.execute(
                f"""INSERT INTO approvals (turn_id, version, example, origin) VALUES (?, ?, ?, ?)
                    ON CONFLICT (turn_id, version) DO UPDATE SET example = excluded.example, origin = excluded.origin,
                    accepted = 0, approved_at = {_NOW}, deleted_at = NULL""",
                (turn, version, _json(example), origin),
            )
            _check_room(db)
            row = db.execute("SELECT id FROM approvals WHERE turn_id = ? AND version = ?", (turn, version)).fetchone()
            return int(row[0])

    def withdraw(self, turn: int, version: int) -> None:
        """Delete the approval of a turn's version, if there is one, so that it can be put back."""
        with self._database.transaction() as db:
            db.execute(
                f"UPDATE approvals SET deleted_at = {_NOW} WHERE turn_id = ? AND version = ? AND deleted_at IS NULL",
                (turn, version),
            )

    def add(self, examples: Iterable[Example]) -> list[int]:
        """Store imported examples, all or none; returns their numbers.

        Raises:
            DocentError: as :meth:`keep`.
        """
        with self._database.transaction() as db:
            numbers = [
                db.execute("INSERT INTO approvals (example, origin) VALUES (?, 'imported')", (_json(each),)).lastrowid
                for each in examples
            ]
            _check_room(db)
        return [number for number in numbers if number is not None]

    def change(self, approval: int, example: Example, origin: Origin, accepted: bool) -> None:
        """Give it another content.

        Raises:
            DocentError: ``approval_unknown``, also where it was deleted; as :meth:`keep`.
        """
        with self._database.transaction() as db:
            changed = db.execute(
                "UPDATE approvals SET example = ?, origin = ?, accepted = ? WHERE id = ? AND deleted_at IS NULL",
                (_json(example), origin, accepted, approval),
            ).rowcount
            if not changed:
                raise DocentError(Code.APPROVAL_UNKNOWN)
            _check_room(db)

    def delete(self, approvals: Sequence[int]) -> None:
        """Delete approvals so that they can be put back for a day; those that are gone are passed over."""
        with self._database.transaction() as db:
            db.executemany(
                f"UPDATE approvals SET deleted_at = {_NOW} WHERE id = ? AND deleted_at IS NULL",
                ((number,) for number in approvals),
            )

    def put_back(self, approvals: Sequence[int]) -> None:
        """Undo :meth:`delete`; those that are gone for good are passed over. Raises ``examples_too_many``."""
        with self._database.transaction() as db:
            db.executemany("UPDATE approvals SET deleted_at = NULL WHERE id = ?", ((number,) for number in approvals))
            _check_room(db)


def _json(example: Example) -> str:
    return msgspec.json.encode(example).decode()


def _check_room(db: sqlite3.Connection) -> None:
    count, size = db.execute(
        "SELECT count(*), coalesce(sum(length(CAST(example AS BLOB))), 0) FROM approvals WHERE deleted_at IS NULL"
    ).fetchone()
    if count > MOST_EXAMPLES or size + count * BYTES_BESIDES > MOST_BYTES:
        raise DocentError(Code.EXAMPLES_TOO_MANY, most=MOST_EXAMPLES, limit=f"{MOST_BYTES // 2**20} MiB")


def _approval(row: Sequence[object]) -> Approval | None:
    number, example, origin, accepted, turn, approved_at = row
    try:
        said = msgspec.json.decode(str(example), type=Example)
        if any(each.keys() != {"role", "content"} for each in said.messages):
            return None
        return msgspec.convert(
            {
                "id": number,
                "example": said,
                "origin": origin,
                "accepted": bool(accepted),
                "turn": turn,
                "approved_at": approved_at,
            },
            Approval,
        )
    except (msgspec.MsgspecError, RecursionError):
        return None

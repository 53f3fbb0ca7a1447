"""Conversations: questions with their answers, kept for the person who asked.

A conversation is a list of turns; a turn asked again or edited gets another version, and none is ever lost. Answers and
inspections are stored as the protocol writes them, so that a window of any version can read them.
"""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
import zlib
from collections.abc import Sequence

import msgspec

from assistant_app.errors import Code, DocentError
from assistant_app.library.database import Database
from assistant_app.protocol.records import Answer, Conversation, Inspection, Turn

LONGEST_TITLE = 80
"""Code points of a title; a longer first question is cut at a word."""
EXCERPT = 120
"""Code points of what a search shows around a word that it found."""

_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
_TURNS = """SELECT t.id, v.question, v.answer, v.kind, v.searched, v.paths, v.collection, v.thinking, v.stopped,
    v.asked_at, v.version, (SELECT count(*) FROM turn_versions n WHERE n.turn_id = t.id),
    (SELECT a.origin FROM approvals a WHERE a.turn_id = t.id AND a.version = v.version AND a.deleted_at IS NULL)
    FROM turns t JOIN conversations c ON c.id = t.conversation_id AND c.deleted_at IS NULL
    JOIN turn_versions v ON v.turn_id = t.id"""
_NEWEST = "v.version = (SELECT max(n.version) FROM turn_versions n WHERE n.turn_id = t.id)"


class Conversations:
    """The conversations of one library. Numbers are never used twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------ the list

    def all(self, search: str = "", *, deleted: bool = False) -> list[Conversation]:
        """Every conversation, the last changed first; or those that were deleted and can be put back.

        Args:
            search: only those in which every one of these words stands, in the title, a question or an answer (of the
                newest versions); upper and lower case and accents are alike, and a word's beginning or part is enough.
        """
        rows = self._database.rows(
            f"""SELECT c.id, c.title, (SELECT count(*) FROM turns t WHERE t.conversation_id = c.id), c.changed_at
                FROM conversations c WHERE c.deleted_at IS {"NOT" if deleted else ""} NULL
                ORDER BY c.changed_at DESC, c.id DESC"""
        )
        found = [
            Conversation(id=int(str(number)), title=str(title), turns=int(str(turns)), changed_at=str(changed))
            for number, title, turns, changed in rows
        ]
        words = _plain(search).split()
        return self._with_words(found, words) if words else found

    def _with_words(self, conversations: Sequence[Conversation], words: Sequence[str]) -> list[Conversation]:
        said: dict[int, list[str]] = {}
        for number, question, searched, answer in self._database.rows(
            f"""SELECT t.conversation_id, v.question, v.searched, json_extract(v.answer, '$.answer')
                FROM turns t JOIN turn_versions v ON v.turn_id = t.id AND {_NEWEST} ORDER BY t.id"""
        ):
            said.setdefault(int(str(number)), []).extend(str(text) for text in (question, searched, answer) if text)
        found = []
        for conversation in conversations:
            texts = said.get(conversation.id, [])
            folded = [_plain(text) for text in texts]
            whole = "\n".join([_plain(conversation.title), *folded])
            if all(word in whole for word in words):
                # The piece that shows most of the words; nothing where only the title has them.
                counts = [sum(word in text for word in words) for text in folded]
                best = max(range(len(counts)), key=counts.__getitem__, default=None)
                excerpt = _excerpt(texts[best], words) if best is not None and counts[best] else ""
                found.append(msgspec.structs.replace(conversation, excerpt=excerpt))
        return found

    def get(self, conversation: int) -> Conversation:
        """One conversation. Raises ``conversation_unknown``, also where it was deleted."""
        for found in self.all():
            if found.id == conversation:
                return found
        raise DocentError(Code.CONVERSATION_UNKNOWN)

    def rename(self, conversation: int, title: str) -> None:
        """Give it another title; white space alone leaves it as it is. Raises ``conversation_unknown``."""
        with self._database.transaction() as db:
            _check(db, conversation)
            if short := shortened(title):
                db.execute("UPDATE conversations SET title = ? WHERE id = ?", (short, conversation))

    def delete(self, conversation: int, *, forever: bool = False) -> None:
        """Delete it, so that it can be put back until :meth:`purge`; or ``forever``, a deleted one too.

        Raises:
            DocentError: ``conversation_unknown``.
        """
        with self._database.transaction() as db:
            _check(db, conversation, deleted=forever)
            if forever:
                db.execute("DELETE FROM conversations WHERE id = ?", (conversation,))
            else:
                db.execute(f"UPDATE conversations SET deleted_at = {_NOW} WHERE id = ?", (conversation,))

    def put_back(self, conversation: int) -> None:
        """Undo :meth:`delete`. Raises ``conversation_unknown`` where it is gone for good."""
        with self._database.transaction() as db:
            _check(db, conversation, deleted=True)
            db.execute("UPDATE conversations SET deleted_at = NULL WHERE id = ?", (conversation,))

    def purge(self, hours: float) -> int:
        """Forget for good what was deleted more than so many hours ago, approvals as well; returns how many of both."""
        with self._database.transaction() as db:
            return sum(
                db.execute(
                    f"DELETE FROM {table} WHERE deleted_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)",
                    (f"-{hours * 3600:.0f} seconds",),
                ).rowcount
                for table in ("conversations", "approvals")
            )

    # ------------------------------------------------------------ turns

    def turns(self, conversation: int) -> list[Turn]:
        """The newest version of each turn, in order. Raises ``conversation_unknown``."""
        rows = self._database.rows(f"{_TURNS} AND {_NEWEST} WHERE t.conversation_id = ? ORDER BY t.id", (conversation,))
        if not rows:
            self.get(conversation)
        return [_turn(row) for row in rows]

    def turn(self, turn: int, version: int = 0) -> Turn:
        """One version of a turn; 0 is the newest. Raises ``conversation_unknown`` where there is none."""
        rows = self._database.rows(
            f"{_TURNS} AND {_NEWEST if not version else 'v.version = ?2'} WHERE t.id = ?1",
            (turn, version) if version else (turn,),
        )
        if not rows:
            raise DocentError(Code.CONVERSATION_UNKNOWN)
        return _turn(rows[0])

    def before(self, conversation: int, turn: int | None = None) -> list[Turn]:
        """The turns that stand before ``turn``, or all where it is null. Raises ``conversation_unknown``."""
        turns = self.turns(conversation)
        if turn is None:
            return turns
        if all(each.id != turn for each in turns):
            raise DocentError(Code.CONVERSATION_UNKNOWN)
        return [each for each in turns if each.id < turn]

    def newest_answers(self, most: int) -> list[Answer]:
        """The shown answers of the newest questions, the newest first."""
        rows = self._database.rows(
            f"{_TURNS} AND {_NEWEST} WHERE v.kind = 'question' ORDER BY t.id DESC LIMIT ?", (most,)
        )
        return [_turn(row).answer for row in rows]

    def inspection(self, turn: int, version: int = 0) -> Inspection:
        """Why an answer is as it is. Raises ``conversation_unknown`` where there is no such turn."""
        shown = self.turn(turn, version)
        rows = self._database.rows(
            "SELECT inspection FROM turn_versions WHERE turn_id = ? AND version = ?", (turn, shown.version)
        )
        kept = rows[0][0]
        empty = Inspection(question=shown.question, searched=shown.searched or shown.question)
        if not isinstance(kept, bytes):
            return empty
        try:
            return msgspec.json.decode(zlib.decompress(kept), type=Inspection)
        except (zlib.error, msgspec.DecodeError):  # written by a later version, whose words this one does not know
            return empty

    def keep(self, turn: Turn, conversation: int, inspection: Inspection | None = None) -> tuple[Turn, Conversation]:
        """Store an answered turn and return it as it is kept, with its conversation.

        Args:
            turn: with ``id`` 0 a new turn at the end, else a new version of that one; ``version``, ``versions`` and
                ``asked_at`` are not read.
            conversation: where it belongs; 0 begins one, which the question names.

        Raises:
            DocentError: ``conversation_unknown``; as :meth:`Database.transaction`, ``disk_full`` for instance.
        """
        with self._database.transaction() as db:
            if conversation == 0:
                title = shortened(turn.question)
                conversation = _inserted(db.execute("INSERT INTO conversations (title) VALUES (?)", (title,)))
            else:
                _check(db, conversation)
                db.execute(f"UPDATE conversations SET changed_at = {_NOW} WHERE id = ?", (conversation,))
            number = turn.id
            if number == 0:
                number = _inserted(db.execute("INSERT INTO turns (conversation_id) VALUES (?)", (conversation,)))
            elif not db.execute(
                "SELECT 1 FROM turns WHERE id = ? AND conversation_id = ?", (number, conversation)
            ).fetchone():
                raise DocentError(Code.CONVERSATION_UNKNOWN)
            db.execute(
                """INSERT INTO turn_versions (turn_id, version, kind, question, searched, paths, collection, answer,
                   thinking, stopped, inspection) SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                   ?9, ?10 FROM turn_versions WHERE turn_id = ?1""",
                (
                    number,
                    turn.kind,
                    turn.question,
                    turn.searched,
                    None if turn.paths is None else json.dumps(turn.paths),
                    turn.collection,
                    msgspec.json.encode(turn.answer).decode(),
                    turn.thinking,
                    turn.stopped,
                    None if inspection is None else zlib.compress(msgspec.json.encode(inspection)),
                ),
            )
        return self.turn(number), self.get(conversation)


def shortened(text: str, most: int = LONGEST_TITLE) -> str:
    """``text`` on one line, cut at a word where it is longer than ``most`` code points."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if len(line) <= most:
        return line
    head = line[:most]
    return (head.rsplit(" ", 1)[0] if " " in head[most // 2 :] else head[:-1]).rstrip(" ,;:–-") + "…"


def _inserted(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _check(db: sqlite3.Connection, conversation: int, *, deleted: bool = False) -> None:
    only = "" if deleted else "AND deleted_at IS NULL"
    if not db.execute(f"SELECT 1 FROM conversations WHERE id = ? {only}", (conversation,)).fetchone():
        raise DocentError(Code.CONVERSATION_UNKNOWN)


def _turn(row: Sequence[object]) -> Turn:
    number, question, answer, kind, searched, paths, collection, thinking, stopped, asked_at = row[:10]
    version, versions, approved = row[10:]
    return msgspec.convert(
        {
            "id": number,
            "question": question,
            "answer": _answer(str(answer), str(question)),
            "kind": kind if kind in ("question", "summary", "comparison") else "question",
            "searched": searched,
            "paths": None if paths is None else json.loads(str(paths)),
            "collection": collection,
            "thinking": thinking,
            "stopped": bool(stopped),
            "asked_at": asked_at,
            "version": version,
            "versions": versions,
            "approved": approved if approved in ("answer", "edited") else "",
        },
        Turn,
    )


def _answer(stored: str, question: str) -> Answer:
    """An answer as it was stored; what a later version wrote of it that makes no sense here is left out."""
    try:
        return msgspec.json.decode(stored, type=Answer)
    except msgspec.DecodeError:
        text = json.loads(stored).get("answer", "")
        return Answer(question=question, answer=str(text), found=True)


# ---------------------------------------------------------------- searching


def _plain(text: str) -> str:
    """``text`` in lower case without accents."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _fold(text: str) -> tuple[str, list[int]]:
    """As :func:`_plain`, and for each letter the place where it stood."""
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        plain = _plain(letter)
        letters.append(plain)
        places += [place] * len(plain)
    return "".join(letters), places


def _excerpt(text: str, words: Sequence[str]) -> str:
    """The piece of ``text`` around the first of ``words`` in it, on one line."""
    folded, places = _fold(text)
    first = min((place for word in words if (place := folded.find(word)) >= 0), default=0)
    middle = places[first] if places else 0
    start = max(0, middle - EXCERPT // 3)
    if start:  # not in the middle of a word
        start = next((start + gap.end() for gap in [re.search(r"\s+", text[start:middle])] if gap), start)
    piece = shortened(text[start:], EXCERPT)
    return f"…{piece}" if start else piece

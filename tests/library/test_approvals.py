"""Approvals in SQLite: kept by a turn's version, changed, deleted, put back; the example outlives its turn."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path

import msgspec
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.library import approvals as approvals_module
from assistant_app.library.approvals import Approvals
from assistant_app.library.catalog import Catalog
from assistant_app.library.conversations import Conversations
from assistant_app.protocol.records import Answer, Turn
from assistant_app.protocol.training import Approval, Example, SourceText


@pytest.fixture
def approvals(catalog: Catalog) -> Approvals:
    return Approvals(catalog)


@pytest.fixture
def conversations(catalog: Catalog) -> Conversations:
    return Conversations(catalog)


def example(question: str = "How much?", answer: str = "$5 [1].") -> Example:
    return Example(question=question, answer=answer, sources=[SourceText(name="Fees", text="It is $5.", page=2)])


def asked(conversations: Conversations, number: int = 0, conversation: int = 0) -> tuple[int, int]:
    """A turn and its conversation."""
    answer = Answer(question="How much?", answer="$5.", found=True)
    turn, its = conversations.keep(Turn(id=number, question="How much?", answer=answer), conversation)
    return turn.id, its.id


def code_of(call: object, *arguments: object) -> Code:
    with pytest.raises(DocentError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


def test_an_approval_is_kept_whole_and_shown_at_its_turn(approvals: Approvals, conversations: Conversations) -> None:
    turn, conversation = asked(conversations)
    number = approvals.keep(turn, 1, example(), "answer")
    kept = approvals.get(number)
    assert kept == Approval(id=number, example=example(), origin="answer", turn=turn, approved_at=kept.approved_at)
    assert kept.approved_at.endswith("Z")
    assert approvals.all() == [kept]
    assert conversations.turn(turn).approved == "answer"
    assert [each.approved for each in conversations.turns(conversation)] == ["answer"]


def test_approved_again_it_takes_the_place_of_the_earlier(approvals: Approvals, conversations: Conversations) -> None:
    turn, _ = asked(conversations)
    number = approvals.keep(turn, 1, example(), "answer")
    approvals.change(number, example(), "answer", True)
    assert approvals.keep(turn, 1, example(answer="$6 [1]."), "edited") == number
    (kept,) = approvals.all()
    assert (kept.example.answer, kept.origin, kept.accepted) == ("$6 [1].", "edited", False)
    assert conversations.turn(turn).approved == "edited"
    approvals.withdraw(turn, 1)
    assert approvals.all() == []
    assert conversations.turn(turn).approved == ""
    assert approvals.keep(turn, 1, example(), "answer") == number
    assert len(approvals.all()) == 1


def test_asked_again_a_turn_shows_no_approval_and_the_example_stays(
    approvals: Approvals, conversations: Conversations
) -> None:
    turn, conversation = asked(conversations)
    first = approvals.keep(turn, 1, example(), "answer")
    asked(conversations, turn, conversation)
    assert conversations.turn(turn).approved == ""
    assert conversations.turn(turn, 1).approved == "answer"
    assert [each.id for each in approvals.all()] == [first]
    second = approvals.keep(turn, 2, example(answer="$6 [1]."), "edited")
    assert [each.id for each in approvals.all()] == [first, second]
    approvals.withdraw(turn, 2)
    assert [each.id for each in approvals.all()] == [first]


def test_an_example_outlives_its_turn(approvals: Approvals, conversations: Conversations) -> None:
    turn, conversation = asked(conversations)
    approvals.keep(turn, 1, example(), "answer")
    conversations.delete(conversation)
    assert [each.turn for each in approvals.all()] == [None]
    conversations.put_back(conversation)
    assert [each.turn for each in approvals.all()] == [turn]
    conversations.delete(conversation, forever=True)
    assert [(each.turn, each.example) for each in approvals.all()] == [(None, example())]


def test_what_is_deleted_can_be_put_back_for_a_day(
    approvals: Approvals, conversations: Conversations, catalog: Catalog
) -> None:
    one, two = approvals.add([example(), example("How many?")])
    approvals.delete([one, 99])
    assert [each.id for each in approvals.all()] == [two]
    assert code_of(approvals.get, one) is Code.APPROVAL_UNKNOWN
    assert code_of(approvals.change, one, example(), "imported", False) is Code.APPROVAL_UNKNOWN
    with catalog.transaction() as db:
        db.execute("UPDATE approvals SET deleted_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-23 hours')")
        db.execute("UPDATE approvals SET deleted_at = NULL WHERE id = ?", (two,))
    assert conversations.purge(24) == 0
    approvals.put_back([one])
    assert [each.id for each in approvals.all()] == [one, two]
    approvals.delete([one])
    with catalog.transaction() as db:
        db.execute(
            "UPDATE approvals SET deleted_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-25 hours') WHERE id = ?", (one,)
        )
    assert conversations.purge(24) == 1
    approvals.put_back([one])
    assert [each.id for each in approvals.all()] == [two]


def test_a_number_is_never_used_twice(approvals: Approvals, conversations: Conversations, catalog: Catalog) -> None:
    (gone,) = approvals.add([example()])
    with catalog.transaction() as db:
        db.execute("UPDATE approvals SET deleted_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-25 hours')")
    assert conversations.purge(24) == 1
    assert approvals.add([example()]) == [gone + 1]


def test_there_are_never_more_than_go_over_the_pipe(
    approvals: Approvals, conversations: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(msgspec.json.encode(example())) + approvals_module.BYTES_BESIDES
    monkeypatch.setattr(approvals_module, "MOST_BYTES", 3 * size)
    turn, _ = asked(conversations)
    assert code_of(approvals.add, [example()] * 4) is Code.EXAMPLES_TOO_MANY
    assert approvals.all() == []
    first = approvals.add([example()] * 3)[0]
    assert code_of(approvals.keep, turn, 1, example(), "answer") is Code.EXAMPLES_TOO_MANY
    assert conversations.turn(turn).approved == ""
    approvals.delete([first])
    approvals.add([example()])
    assert code_of(approvals.put_back, [first]) is Code.EXAMPLES_TOO_MANY
    monkeypatch.setattr(approvals_module, "MOST_EXAMPLES", 2)
    monkeypatch.setattr(approvals_module, "MOST_BYTES", 2**30)
    assert code_of(approvals.add, [example()]) is Code.EXAMPLES_TOO_MANY


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "[]",
        '{"question": 1, "answer": ""}',
        '{"question": "", "answer": "", "format": "verse"}',
        '{"question": "", "answer": "", "messages": [{"role": "user"}]}',
        "[" * 100_000,
    ],
)
def test_what_makes_no_sense_is_left_out(approvals: Approvals, catalog: Catalog, stored: str) -> None:
    number, odd = approvals.add([example(), example()])
    with catalog.transaction() as db:
        db.execute("UPDATE approvals SET example = ? WHERE id = ?", (stored, odd))
    assert [each.id for each in approvals.all()] == [number]
    assert code_of(approvals.get, odd) is Code.APPROVAL_UNKNOWN


def test_a_library_without_approvals_gets_them(tmp_path: Path) -> None:
    migrations = resources.files("assistant_app.library").joinpath("migrations")
    path = tmp_path / "old.sqlite3"
    db = sqlite3.connect(path)
    db.create_function("indexed", 1, lambda text: text, deterministic=True)
    for name in ("0001_documents.sql", "0002_contents.sql", "0003_conversations.sql", "0004_search.sql"):
        db.executescript(migrations.joinpath(name).read_text("utf-8"))
    db.execute("INSERT INTO conversations (title) VALUES ('Fees')")
    db.execute("INSERT INTO turns (conversation_id) VALUES (1)")
    db.execute(
        """INSERT INTO turn_versions (turn_id, version, kind, question, searched, answer)
           VALUES (1, 1, 'question', 'How much?', '', '{"question": "How much?", "answer": "$5.", "found": true}')"""
    )
    db.execute("PRAGMA user_version = 4")
    db.commit()
    db.close()
    catalog = Catalog(path)
    try:
        assert Conversations(catalog).turn(1).approved == ""
        Approvals(catalog).keep(1, 1, example(), "answer")
        assert Conversations(catalog).turn(1).approved == "answer"
    finally:
        catalog.close()

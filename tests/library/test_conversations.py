"""Conversations in SQLite: kept, found, renamed, deleted, put back; every version of a turn stays."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import msgspec
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.library.catalog import Catalog
from assistant_app.library.conversations import LONGEST_TITLE, Conversations, shortened
from assistant_app.protocol.records import Answer, Citation, Hit, Inspection, Turn


@pytest.fixture
def kept(catalog: Catalog) -> Conversations:
    return Conversations(catalog)


def turn(question: str, answer: str = "It says so.", number: int = 0, **more: object) -> Turn:
    return Turn(id=number, question=question, answer=Answer(question=question, answer=answer, found=True), **more)  # type: ignore[arg-type]


def age(catalog: Catalog, conversation: int, column: str, hours: float) -> None:
    with catalog.transaction() as db:
        db.execute(
            f"UPDATE conversations SET {column} = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) WHERE id = ?",
            (f"-{hours} hours", conversation),
        )


def code_of(call: object, *arguments: object, **more: object) -> Code:
    with pytest.raises(DocentError) as caught:
        call(*arguments, **more)  # type: ignore[operator]
    return caught.value.code


def test_the_first_answer_begins_a_conversation_and_the_next_goes_on(kept: Conversations) -> None:
    first, conversation = kept.keep(turn("What is the deductible?"), 0)
    assert (conversation.title, conversation.turns) == ("What is the deductible?", 1)
    assert conversation.changed_at.endswith("Z")
    assert (first.version, first.versions, first.asked_at.endswith("Z")) == (1, 1, True)
    second, conversation = kept.keep(
        turn("And for children?", searched="What is the deductible for children?"), conversation.id
    )
    assert conversation.turns == 2
    assert [each.id for each in kept.turns(conversation.id)] == [first.id, second.id]
    assert kept.turns(conversation.id)[1].searched == "What is the deductible for children?"


def test_an_answer_comes_back_whole(kept: Conversations) -> None:
    citation = Citation(
        number=1, path="/a.pdf", page=3, quote="It is $5.", start=7, length=9, verified=True, given_by="model"
    )
    hit = Hit(rank=1, path="/a.pdf", page=3, page_label="iii", score=1.0, text="It is $5.", start=7, length=9)
    answer = Answer(question="How much?", answer="$5 [1].", found=True, citations=[citation], nearest=[hit], model="m")
    asked = Turn(
        id=0,
        question="How much?",
        answer=answer,
        kind="summary",
        paths=["/a.pdf"],
        collection="C",
        thinking="Hm.",
        stopped=True,
    )
    stored, _ = kept.keep(asked, 0)
    assert stored == msgspec.structs.replace(asked, id=stored.id, asked_at=stored.asked_at)
    assert kept.turn(stored.id) == stored


def test_a_turn_asked_again_gets_another_version_and_the_older_one_stays(kept: Conversations) -> None:
    first, conversation = kept.keep(turn("How long?", "Two days."), 0)
    last, _ = kept.keep(turn("Where?"), conversation.id)
    again, conversation = kept.keep(turn("How long is it?", "Three days.", number=first.id), conversation.id)
    assert (again.id, again.version, again.versions) == (first.id, 2, 2)
    assert conversation.turns == 2
    assert [each.question for each in kept.turns(conversation.id)] == ["How long is it?", "Where?"]
    older = kept.turn(first.id, 1)
    assert (older.question, older.answer.answer, older.version, older.versions) == ("How long?", "Two days.", 1, 2)
    assert kept.turn(first.id).answer.answer == "Three days."
    assert [each.id for each in kept.before(conversation.id, last.id)] == [first.id]
    assert kept.before(conversation.id, first.id) == []
    assert [each.id for each in kept.before(conversation.id)] == [first.id, last.id]


def test_a_turn_belongs_to_its_conversation(kept: Conversations) -> None:
    first, one = kept.keep(turn("One?"), 0)
    _, other = kept.keep(turn("Other?"), 0)
    assert code_of(kept.keep, turn("Again?", number=first.id), other.id) is Code.CONVERSATION_UNKNOWN
    assert code_of(kept.before, other.id, first.id) is Code.CONVERSATION_UNKNOWN
    assert kept.get(one.id).turns == kept.get(other.id).turns == 1


def test_the_last_changed_comes_first(kept: Conversations, catalog: Catalog) -> None:
    numbers = [kept.keep(turn(question), 0)[1].id for question in ("One?", "Two?", "Three?")]
    for hours, number in enumerate(numbers):
        age(catalog, number, "changed_at", 3 - hours)
    assert [each.id for each in kept.all()] == numbers[::-1]
    kept.keep(turn("More?"), numbers[0])
    assert [each.id for each in kept.all()] == [numbers[0], numbers[2], numbers[1]]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("deductible", {"A", "B"}),
        ("DEDUCTIBLE dental", {"B"}),
        ("café", {"C"}),
        ("cafe", {"C"}),
        ("strasse", {"C"}),
        ("dental café", set()),
        ("兼职", {"C"}),
        ("percent%", set()),
        ("_", set()),
        ("'", set()),
        ("50%", {"A"}),
    ],
)
def test_a_search_finds_all_words_wherever_they_stand(kept: Conversations, search: str, found: set[str]) -> None:
    a = kept.keep(turn("What is the deductible?", "It is 50% of the fee."), 0)[1].id
    b = kept.keep(turn("Dental?", "Yes."), 0)[1].id
    kept.keep(turn("And what does it cost?", "The Deductible is $50."), b)
    c = kept.keep(turn("Où est le CAFÉ de la Straße?", "兼职员工呢"), 0)[1].id
    names = {a: "A", b: "B", c: "C"}
    assert {names[each.id] for each in kept.all(search)} == found


def test_what_was_found_is_shown_around_the_word(kept: Conversations) -> None:
    long = "Nothing of interest here. " * 20 + "The Überweisung takes two days. " + "And more of it. " * 20
    kept.keep(turn("How long?", long), 0)
    (found,) = kept.all("uberweisung")
    assert "Überweisung takes two days" in found.excerpt
    assert found.excerpt.startswith("…")
    assert found.excerpt.endswith("…")
    assert len(found.excerpt) < 140
    kept.rename(found.id, "Bank matters")
    assert [each.excerpt for each in kept.all("bank")] == [""]
    assert [each.excerpt for each in kept.all()] == [""]


def test_an_older_version_is_not_found(kept: Conversations) -> None:
    first, conversation = kept.keep(turn("Zebra?"), 0)
    kept.keep(turn("Giraffe?", number=first.id), conversation.id)
    kept.rename(conversation.id, "Animals")
    assert kept.all("zebra") == []
    assert len(kept.all("giraffe")) == 1


def test_it_can_be_renamed(kept: Conversations) -> None:
    _, conversation = kept.keep(turn("What?"), 0)
    kept.rename(conversation.id, "  Plans\nand fees ")
    assert kept.get(conversation.id).title == "Plans and fees"
    kept.rename(conversation.id, " \n ")
    assert kept.get(conversation.id).title == "Plans and fees"
    assert code_of(kept.rename, 99, "x") is Code.CONVERSATION_UNKNOWN


def test_what_is_deleted_can_be_put_back_for_a_day(kept: Conversations, catalog: Catalog) -> None:
    first, conversation = kept.keep(turn("What?"), 0)
    kept.delete(conversation.id)
    assert kept.all() == []
    assert [each.id for each in kept.all(deleted=True)] == [conversation.id]
    for call in (kept.get, kept.turns, kept.before, kept.delete):
        assert code_of(call, conversation.id) is Code.CONVERSATION_UNKNOWN
    assert code_of(kept.turn, first.id) is Code.CONVERSATION_UNKNOWN
    assert code_of(kept.keep, turn("More?"), conversation.id) is Code.CONVERSATION_UNKNOWN
    age(catalog, conversation.id, "deleted_at", 23.9)
    assert kept.purge(24) == 0
    kept.put_back(conversation.id)
    assert kept.turns(conversation.id) == [first]
    kept.delete(conversation.id)
    age(catalog, conversation.id, "deleted_at", 24.1)
    assert kept.purge(24) == 1
    assert code_of(kept.put_back, conversation.id) is Code.CONVERSATION_UNKNOWN
    assert catalog.rows("SELECT count(*) FROM turn_versions") == [(0,)]


def test_deleted_for_good_nothing_of_it_stays(kept: Conversations, catalog: Catalog) -> None:
    _, conversation = kept.keep(turn("What?"), 0)
    kept.delete(conversation.id)
    kept.delete(conversation.id, forever=True)
    assert kept.all(deleted=True) == []
    assert catalog.rows("SELECT (SELECT count(*) FROM turns), (SELECT count(*) FROM turn_versions)") == [(0, 0)]
    _, other = kept.keep(turn("What?"), 0)
    assert other.id > conversation.id  # a number is never used twice


def test_an_inspection_is_kept_small_and_comes_back(kept: Conversations, catalog: Catalog) -> None:
    inspection = Inspection(question="Q", searched="S", prompt="The same words. " * 1000, milliseconds={"embed": 1.5})
    stored, conversation = kept.keep(turn("Q"), 0, inspection)
    assert kept.inspection(stored.id) == inspection
    assert int(str(catalog.rows("SELECT length(inspection) FROM turn_versions")[0][0])) < 2000
    kept.keep(turn("Q2", number=stored.id), conversation.id, None)
    assert kept.inspection(stored.id) == Inspection(question="Q2", searched="Q2")
    assert kept.inspection(stored.id, 1) == inspection
    assert code_of(kept.inspection, stored.id, 3) is Code.CONVERSATION_UNKNOWN


def test_what_a_later_version_wrote_can_be_read(kept: Conversations, catalog: Catalog) -> None:
    stored, _ = kept.keep(turn("Q", "The answer."), 0)
    held = json.loads(str(catalog.rows("SELECT answer FROM turn_versions")[0][0]))
    with catalog.transaction() as db:
        db.execute("UPDATE turn_versions SET answer = ?, kind = 'dispute'", (json.dumps({**held, "mood": {"x": 1}}),))
    assert kept.turn(stored.id).answer.answer == "The answer."
    assert kept.turn(stored.id).kind == "question"
    with catalog.transaction() as db:
        db.execute("UPDATE turn_versions SET answer = ?, inspection = x'00'", (json.dumps({**held, "found": "maybe"}),))
    assert kept.turn(stored.id).answer.answer == "The answer."
    assert kept.inspection(stored.id).question == "Q"


def test_a_full_disk_is_said_and_nothing_is_half_kept(kept: Conversations, catalog: Catalog) -> None:
    pages = int(str(catalog.rows("PRAGMA page_count")[0][0]))
    catalog.rows(f"PRAGMA max_page_count = {pages}")
    assert code_of(kept.keep, turn("Q", "word " * 20_000), 0) is Code.DISK_FULL
    assert kept.all() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Short?", "Short?"),
        ("  two\n lines\t", "two lines"),
        ("word " * 40, ("word " * 40)[: LONGEST_TITLE - 1].rstrip() + "…"),
        ("x" * 200, "x" * (LONGEST_TITLE - 1) + "…"),
        ("a\x00b\u202ec", "a b c"),
        ("問" * 100, "問" * (LONGEST_TITLE - 1) + "…"),
        ("", ""),
    ],
)
def test_a_title_is_a_short_line(text: str, expected: str) -> None:
    assert shortened(text) == expected
    assert len(shortened(text)) <= LONGEST_TITLE


def test_conversations_survive_a_new_start(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    first = Catalog(path)
    stored, conversation = Conversations(first).keep(turn("What?"), 0)
    first.close()
    second = Catalog(path)
    assert Conversations(second).turns(conversation.id) == [stored]
    second.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()

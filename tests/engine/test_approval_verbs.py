"""Approvals as verbs: from an answered turn to an example that counts, looked through, out to a file and in again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_app.answering import prompts
from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.paths import Paths
from assistant_app.protocol import messages, training
from assistant_app.protocol.messages import Ask
from assistant_app.protocol.records import Answer, Citation, Hit, Inspection, Turn
from assistant_app.protocol.training import Approval, ChatShape, Example, SourceText
from assistant_app.training.dataset import prompt_of
from tests.engine.conftest import Engine

TEXT = "The fee is $5 a month. It is due on Fridays."
HITS = [
    Hit(rank=2, path="/d/rules.pdf", page=1, page_label="1", score=1.0, text="Be kind.", start=0, length=8),
    Hit(rank=1, path="/d/rules.pdf", page=2, page_label="2", score=2.0, text=TEXT, start=50, length=len(TEXT)),
]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Service]:
    """A library without documents."""
    with Service(Paths.resolve(tmp_path / "own")) as opened:
        yield opened


def asked(
    service: Service, question: str = "What is the fee?", turn: int = 0, conversation: int = 0
) -> tuple[int, int]:
    """An answered turn and its conversation; the answer's ``[1]`` stands in the second source."""
    citation = Citation(
        number=1, path="/d/rules.pdf", page=2, quote="The fee", start=50, length=7, verified=True, given_by="model"
    )
    answer = Answer(question=question, answer="It is $5 [1].", found=True, citations=[citation])
    inspection = Inspection(question=question, searched=question, sources=HITS)
    kept, its = service.conversations.keep(Turn(id=turn, question=question, answer=answer), conversation, inspection)
    return kept.id, its.id


def approved(service: Service, turn: int, answer: str | None = None) -> Approval:
    event = service.approving.answer(training.Approve(turn=turn, answer=answer))
    assert isinstance(event, training.Approved)
    assert event.turn == turn
    assert event.approval is not None
    return event.approval


def listed(service: Service, request: object = None) -> list[Approval]:
    event = service.approving.answer(request or training.ListApprovals())  # type: ignore[arg-type]
    assert isinstance(event, training.Approvals)
    return event.approvals


def code_of(service: Service, request: object) -> Code:
    with pytest.raises(DocentError) as caught:
        service.approving.answer(request)  # type: ignore[arg-type]
    return caught.value.code


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# ---------------------------------------------------------------- one by one


def test_good_makes_an_example_that_counts(empty: Service) -> None:
    turn, _ = asked(empty)
    approval = approved(empty, turn)
    assert approval.example == Example(
        question="What is the fee?",
        answer="It is $5 [2].",
        sources=[SourceText(name="rules", text="Be kind.", page=1), SourceText(name="rules", text=TEXT, page=2)],
    )
    assert (approval.origin, approval.turn, approval.problems, approval.counts) == ("answer", turn, [], True)
    assert listed(empty) == empty.approving.all() == [approval]
    assert empty.approving.counting() == [approval.example]
    assert empty.conversations.turn(turn).approved == "answer"


def test_edited_it_is_what_the_person_wrote(empty: Service) -> None:
    turn, _ = asked(empty)
    good = approved(empty, turn, " It is $5 [1].\n")
    assert good.origin == "answer"  # nothing was changed
    better = approved(empty, turn, "It is $5 a month, due on Fridays [1].\ud800")
    assert (better.id, better.origin) == (good.id, "edited")
    assert better.example.answer == "It is $5 a month, due on Fridays [2].?"
    assert empty.conversations.turn(turn).approved == "edited"
    nothing = approved(empty, turn, "")
    assert (nothing.problems, nothing.counts) == (["empty"], False)
    assert approved(empty, turn).example.answer == "It is $5 [2]."


def test_withdrawn_it_is_gone(empty: Service) -> None:
    turn, _ = asked(empty)
    approval = approved(empty, turn)
    for _ in range(2):
        event = empty.approving.answer(training.Approve(turn=turn, withdraw=True))
        assert event == training.Approved(turn=turn, approval=None)
    assert listed(empty) == []
    assert empty.conversations.turn(turn).approved == ""
    assert listed(empty, training.PutBackApprovals(approvals=[approval.id])) == [approval]
    assert empty.conversations.turn(turn).approved == "answer"


def test_what_cannot_be_approved_is_said(empty: Service) -> None:
    answer = Answer(question="Q", answer="It is.", found=True)
    bare, _ = empty.conversations.keep(Turn(id=0, question="Q", answer=answer), 0)
    assert code_of(empty, training.Approve(turn=bare.id)) is Code.APPROVAL_REFUSED
    for withdraw in (True, False):
        assert code_of(empty, training.Approve(turn=99, withdraw=withdraw)) is Code.CONVERSATION_UNKNOWN
    assert code_of(empty, training.ChangeApproval(approval=99, answer="x")) is Code.APPROVAL_UNKNOWN


def test_an_approval_is_changed_accepted_and_thrown_out(empty: Service) -> None:
    turn, conversation = asked(empty)
    approval = approved(empty, turn)
    other, _ = asked(empty, "When is it due?", conversation=conversation)
    approved(empty, other, "On Fridays [1].")

    newest, changed = listed(empty, training.ChangeApproval(approval=approval.id, answer="It is $5.\ud800"))
    assert newest.example.question == "When is it due?"
    assert (changed.example.answer, changed.origin) == ("It is $5.?", "edited")
    assert (changed.problems, changed.counts) == (["not_cited"], False)
    assert empty.approving.counting() == [newest.example]

    accepted = listed(empty, training.ChangeApproval(approval=approval.id, accepted=True))[1]
    assert (accepted.problems, accepted.accepted, accepted.counts) == (["not_cited"], True, True)
    assert empty.approving.counting() == [accepted.example, newest.example]  # the oldest first

    again = listed(empty, training.ChangeApproval(approval=approval.id, question="Price?"))[1]
    assert (again.example.question, again.accepted, again.counts) == ("Price?", False, False)
    wrong = training.ChangeApproval(approval=approval.id, answer="It is $5 [3].", accepted=True)
    assert not listed(empty, wrong)[1].counts

    assert listed(empty, training.DeleteApprovals(approvals=[approval.id, 99])) == [newest]
    assert [each.id for each in listed(empty, training.PutBackApprovals(approvals=[approval.id]))] == [
        newest.id,
        approval.id,
    ]


def test_the_question_of_an_own_prompt_is_changed_in_there(empty: Service, tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "How much?"}, {"role": "assistant", "content": "$5."}]
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"messages": chat}))
    empty.approving.answer(training.ImportApprovals(path=str(path)))
    (approval,) = listed(empty)
    (changed,) = listed(empty, training.ChangeApproval(approval=approval.id, question="What price?"))
    assert changed.example.question == "What price?"
    assert prompt_of(changed.example) == [{"role": "user", "content": "What price?"}]
    assert changed.origin == "imported"


def test_the_same_question_again_is_a_duplicate_until_the_older_goes(empty: Service) -> None:
    turn, conversation = asked(empty)
    first = approved(empty, turn)
    asked(empty, turn=turn, conversation=conversation)
    assert empty.conversations.turn(turn).approved == ""
    second = approved(empty, turn)
    assert (second.problems, second.counts) == (["duplicate"], False)
    (left,) = listed(empty, training.DeleteApprovals(approvals=[first.id]))
    assert (left.id, left.problems, left.counts) == (second.id, [], True)


# ---------------------------------------------------------------- in and out


@pytest.mark.parametrize("shape", ["openai", "chatml"])
def test_out_and_in_again_it_is_the_same(empty: Service, tmp_path: Path, shape: ChatShape) -> None:
    turn, conversation = asked(empty)
    approved(empty, turn)
    for number, answer in enumerate(("On Fridays [1].", "Never.")):
        other, _ = asked(empty, f"When is it due {number}?", conversation=conversation)
        approved(empty, other, answer)
    out = tmp_path / "out.jsonl"
    assert empty.approving.answer(training.ExportApprovals(path=str(out), shape=shape)) == messages.Done()
    assert len(lines_of(out)) == 2  # "Never." cites nothing and does not count
    first = out.read_bytes()

    event = empty.approving.answer(training.ImportApprovals(path=str(out)))
    assert isinstance(event, training.ApprovalsImported)
    assert (event.added, event.problems) == (0, {"duplicate": 2})
    assert event.approvals == empty.approving.all()

    with Service(Paths.resolve(tmp_path / "other")) as other_library:
        event = other_library.approving.answer(training.ImportApprovals(path=str(out)))
        assert isinstance(event, training.ApprovalsImported)
        assert (event.added, event.problems) == (2, {})
        assert {each.origin for each in event.approvals} == {"imported"}
        assert other_library.approving.counting() == empty.approving.counting()
        other_library.approving.answer(training.ExportApprovals(path=str(out), shape=shape))
    assert out.read_bytes() == first


def test_an_import_says_what_does_not_count(empty: Service, tmp_path: Path) -> None:
    sources = [{"name": "rules", "text": TEXT, "page": 2}]
    good = {"question": "What is the fee?", "answer": "It is $5 [1].", "sources": sources}
    lines = [
        good,
        good,
        {**good, "answer": "It is five dollars [1]."},
        {**good, "question": "When?", "answer": "On Fridays."},
        {**good, "question": "Card?", "answer": "4111 1111 1111 1111 [3]."},
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    event = empty.approving.answer(training.ImportApprovals(path=str(path)))
    assert isinstance(event, training.ApprovalsImported)
    assert event.added == 4
    assert event.problems == {"duplicate": 2, "not_cited": 1, "cites_nothing_there": 1, "secret": 1}
    assert [each.counts for each in event.approvals] == [False, False, False, True]
    # Undone, it can be imported again.
    listed(empty, training.DeleteApprovals(approvals=[each.id for each in event.approvals]))
    again = empty.approving.answer(training.ImportApprovals(path=str(path)))
    assert isinstance(again, training.ApprovalsImported)
    assert again.added == 4


def test_a_bad_line_imports_nothing(empty: Service, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"question": "a", "answer": "b"}\n{"question": "a"}\n')
    assert code_of(empty, training.ImportApprovals(path=str(path))) is Code.EXAMPLES_INVALID
    assert listed(empty) == []


def test_nothing_that_counts_makes_no_file(empty: Service, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert code_of(empty, training.ExportApprovals(path=str(out))) is Code.EXAMPLES_EMPTY
    assert not out.exists()
    approved(empty, asked(empty)[0])
    missing = str(tmp_path / "none" / "out.jsonl")
    assert code_of(empty, training.ExportApprovals(path=missing)) is Code.FILE_UNWRITABLE


# ---------------------------------------------------------------- with the rest of the house


def test_a_backup_holds_the_approvals(empty: Service, tmp_path: Path) -> None:
    approved(empty, asked(empty)[0])
    kept = listed(empty)
    empty.back_up(str(tmp_path / "backup.zip"))
    listed(empty, training.DeleteApprovals(approvals=[kept[0].id]))
    empty.restore(str(tmp_path / "backup.zip"))
    assert listed(empty) == kept


@pytest.mark.models
def test_exact_sentences_become_an_example(service: Service) -> None:
    request = Ask(question="What is the deductible of the Aurora plan?", exact=True, conversation=0)
    answered = service.talk.ask(request, lambda event: None, lambda: False)
    assert answered.turn is not None
    approval = approved(service, answered.turn.id)
    assert approval.counts
    assert "1,250" in approval.example.answer
    number = int(approval.example.answer.split("[")[1].split("]")[0])
    assert "1,250" in approval.example.sources[number - 1].text


@pytest.mark.models
def test_an_example_has_the_very_prompt_that_was_answered(service: Service) -> None:
    service.change_settings({"answer.max_tokens": 40})
    request = Ask(question="How many days of leave do full-time staff receive?", conversation=0)
    answered = service.talk.ask(request, lambda event: None, lambda: False)
    assert answered.turn is not None
    example = approved(service, answered.turn.id).example
    given = service.conversations.inspection(answered.turn.id).prompt
    for message in prompt_of(example):
        assert message["content"] in given
    assert example.sources
    assert prompts.INSTRUCTIONS in given


def test_over_the_pipe(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"question": "How much?", "answer": "$5."}\n')
    engine.send(training.ImportApprovals(job=1, path=str(path)))
    event, _ = engine.until(training.ApprovalsImported, 1)
    assert isinstance(event, training.ApprovalsImported)
    assert (event.added, event.problems, event.approvals[0].example.question) == (1, {"not_cited": 1}, "How much?")
    engine.send(training.DeleteApprovals(job=2, approvals=[event.approvals[0].id]))
    gone, _ = engine.until(training.Approvals, 2)
    assert isinstance(gone, training.Approvals)
    assert gone.approvals == []

"""Conversations, whole documents and diagnostics, as verbs and over the pipe, with the real starter model."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from assistant_app.engine import server as engine_server
from assistant_app.engine.service import Service
from assistant_app.engine.stopping import at_once
from assistant_app.errors import Code, DocentError
from assistant_app.library.conversations import Conversations
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from assistant_app.protocol.messages import Ask, ReadWhole
from tests.engine.conftest import Engine
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

DEDUCTIBLE = "What is the deductible of the Aurora plan?"
LEAVE = "How many days of leave do full-time staff receive?"


def ask(
    service: Service, question: str, events: list[messages.Event] | None = None, **how: object
) -> messages.Answered:
    heard: list[messages.Event] = [] if events is None else events
    return service.talk.ask(Ask(question=question, **how), heard.append, lambda: False)  # type: ignore[arg-type]


def code_of(call: object, *arguments: object) -> Code:
    with pytest.raises(DocentError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


@pytest.fixture(scope="module")
def begun(service: Service) -> messages.Answered:
    """A conversation with one turn."""
    service.change_settings({"answer.max_tokens": 40})
    return ask(service, LEAVE, conversation=0)


def test_the_first_answer_begins_a_conversation(service: Service, begun: messages.Answered) -> None:
    assert begun.turn is not None
    assert begun.conversation is not None
    assert begun.conversation.title == LEAVE
    assert begun.turn.answer == begun.answer
    assert begun.answer.searched == ""
    kept = service.conversations.inspection(begun.turn.id)
    assert kept.question == LEAVE
    assert LEAVE in kept.prompt


def test_a_follow_up_is_understood_shown_and_kept(service: Service, begun: messages.Answered) -> None:
    assert begun.conversation is not None
    events: list[messages.Event] = []
    answered = ask(service, "and for part-time staff?", events, conversation=begun.conversation.id)
    full = "How many days of leave do part-time staff receive?"
    assert isinstance(events[0], messages.QuestionRewritten)
    assert events[0].searched == full
    assert (answered.answer.question, answered.answer.searched) == ("and for part-time staff?", full)
    assert answered.turn is not None
    assert answered.turn.searched == full
    assert service.conversations.inspection(answered.turn.id).searched == full
    # The next one follows the full question, not the bare one.
    events.clear()
    ask(service, "and for all staff?", events, conversation=begun.conversation.id)
    assert isinstance(events[0], messages.QuestionRewritten)
    assert events[0].searched == "How many days of leave do all staff receive?"


def test_a_full_question_of_the_persons_own_is_searched_for_as_it_is(
    service: Service, begun: messages.Answered
) -> None:
    assert begun.conversation is not None
    answered = ask(service, "and that?", conversation=begun.conversation.id, searched=DEDUCTIBLE)
    assert answered.answer.searched == DEDUCTIBLE
    assert "1,250" in answered.answer.answer
    alone = ask(service, DEDUCTIBLE, conversation=begun.conversation.id)
    assert alone.answer.searched == ""


def test_a_question_outside_every_conversation_is_kept_in_none(service: Service) -> None:
    before = service.conversations.all()
    answered = ask(service, DEDUCTIBLE)
    assert (answered.turn, answered.conversation) == (None, None)
    assert service.conversations.all() == before


def test_asked_again_and_edited_it_gets_versions(service: Service, begun: messages.Answered) -> None:
    assert begun.turn is not None
    assert begun.conversation is not None
    again = ask(service, DEDUCTIBLE, conversation=begun.conversation.id, turn=begun.turn.id)
    assert again.turn is not None
    assert (again.turn.id, again.turn.version, again.turn.versions) == (begun.turn.id, 2, 2)
    assert service.conversations.turn(begun.turn.id, 1).question == LEAVE
    # The first turn has none before it, so there is nothing that it could follow.
    edited = ask(service, "and for children?", conversation=begun.conversation.id, turn=begun.turn.id)
    assert edited.answer.searched == ""


def test_what_is_not_there_is_said_before_anything_is_asked(service: Service, begun: messages.Answered) -> None:
    assert begun.conversation is not None
    for request in (
        Ask(question="What?", conversation=999),
        Ask(question="What?", conversation=begun.conversation.id, turn=999),
    ):
        events: list[messages.Event] = []
        assert code_of(service.talk.ask, request, events.append, lambda: False) is Code.CONVERSATION_UNKNOWN
        assert events == []


def test_a_stopped_answer_is_kept_as_stopped(service: Service) -> None:
    said: list[messages.Event] = []
    answered = service.talk.ask(
        Ask(question=DEDUCTIBLE, conversation=0),
        said.append,
        lambda: sum(isinstance(event, messages.AnswerText) for event in said) >= 4,
    )
    assert answered.turn is not None
    assert answered.turn.stopped
    assert service.conversations.turn(answered.turn.id).answer.answer == answered.answer.answer != ""


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = int(str(service.catalog.rows("PRAGMA page_count")[0][0]))
    most = service.catalog.rows("PRAGMA max_page_count")[0][0]
    events: list[messages.Event] = []
    service.catalog.rows(f"PRAGMA max_page_count = {pages}")
    try:
        while True:  # what is free in the file's pages is used up first
            events.clear()
            answered = ask(service, DEDUCTIBLE, events, conversation=0)
            if answered.turn is None:
                break
    finally:
        service.catalog.rows(f"PRAGMA max_page_count = {most}")
    assert "1,250" in answered.answer.answer
    assert [event.code for event in events if isinstance(event, messages.Noted)] == ["disk_full"]


def test_conversations_are_part_of_a_backup(service: Service, begun: messages.Answered, tmp_path: Path) -> None:
    service.back_up(str(tmp_path / "copy.docent"))
    kept = service.conversations.all()
    assert begun.turn is not None
    with Service(Paths.resolve(tmp_path / "other-home")) as other:
        other.change_settings({"model.server": "http://127.0.0.1:9/v1"})
        other.restore(str(tmp_path / "copy.docent"))
        assert other.conversations.all() == kept
        assert other.conversations.turn(begun.turn.id, 1) == service.conversations.turn(begun.turn.id, 1)
        # Where questions are sent is this installation's to say.
        assert other.settings.text("model.server") == "http://127.0.0.1:9/v1"


def test_what_was_deleted_goes_with_the_day(service: Service) -> None:
    answered = ask(service, DEDUCTIBLE, conversation=0)
    assert answered.conversation is not None
    service.talk.delete(answered.conversation.id)
    with service.catalog.transaction() as db:
        db.execute("UPDATE conversations SET deleted_at = '2000-01-01T00:00:00.000Z' WHERE deleted_at IS NOT NULL")
    service._mended = False
    service.mend()
    assert Conversations(service.catalog).all(deleted=True) == []


# ---------------------------------------------------------------- whole documents


@pytest.fixture(scope="module")
def other_plan(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[Path]:
    path = text_pdf(
        tmp_path_factory.mktemp("other") / "Borealis_plan.pdf",
        [
            ["The Borealis plan has a calendar year deductible of $2,500 for each person."],
            ["Full-time staff of Meridian Works receive 27 days of paid leave a year."],
        ],
    )
    service.index([str(path)])
    yield path
    service.remove([str(path)], forever=True)


def test_a_document_is_summarised_as_a_turn(service: Service, plan: Path) -> None:
    events: list[messages.Event] = []
    estimated = service.talk.estimate_whole([str(plan)])
    assert estimated.passages >= 3
    assert estimated.steps == 1
    answered = service.talk.read_whole(ReadWhole(paths=[str(plan)], conversation=0), events.append, lambda: False)
    assert answered.turn is not None
    assert (answered.turn.kind, answered.turn.paths) == ("summary", [str(plan)])
    assert answered.answer.citations
    for citation in answered.answer.citations:
        text, _ = service.catalog.page_text(citation.path, citation.page or 0) or ("", 0)
        assert citation.quote == text[citation.start : citation.start + citation.length]
        assert f"[{citation.number}]" in answered.answer.answer
    progress = [event for event in events if isinstance(event, messages.WholeProgress)]
    assert [(event.done, event.steps) for event in progress] == [(0, 1), (1, 1)]
    assert service.talk.estimate_whole([str(plan)]).seconds is not None  # the model's speed is known now
    # A follow-up to a summary follows no question.
    assert service.talk._before(answered.conversation.id if answered.conversation else 0, None) == []


def test_two_documents_are_compared(service: Service, plan: Path, other_plan: Path) -> None:
    answered = service.talk.read_whole(ReadWhole(paths=[str(plan), str(other_plan)]), lambda event: None, lambda: False)
    text = answered.answer.answer
    differs, same = text.index("What differs"), text.index("The same in both")
    assert differs < text.index("$1,250") < text.index("$2,500") < same < text.index("27 days")
    assert "monitors" in text[text.index("Only in Aurora plan") :]
    assert answered.turn is None


def test_only_one_or_two_known_documents_are_read(service: Service, plan: Path, tmp_path: Path) -> None:
    def read(*paths: Path) -> messages.Answered:
        request = ReadWhole(paths=[str(path) for path in paths])
        return service.talk.read_whole(request, lambda event: None, lambda: False)

    assert code_of(read) is Code.WHOLE_NEEDS_DOCUMENTS
    assert code_of(read, plan, plan) is Code.WHOLE_NEEDS_DOCUMENTS
    assert code_of(read, plan, tmp_path / "a", tmp_path / "b") is Code.WHOLE_NEEDS_DOCUMENTS
    assert code_of(read, tmp_path / "unknown.pdf") is Code.DOCUMENT_UNKNOWN
    assert code_of(service.talk.estimate_whole, []) is Code.WHOLE_NEEDS_DOCUMENTS


def test_a_document_that_goes_meanwhile_is_named(service: Service, tmp_path: Path) -> None:
    path = text_pdf(tmp_path / "Gone.pdf", [["The lighthouse at Cape Wrath is 37 metres tall."]])
    service.index([str(path)])

    def report(event: messages.Event) -> None:
        if isinstance(event, messages.WholeProgress):
            service.remove([str(path)], forever=True)

    with pytest.raises(DocentError) as caught:
        service.talk.read_whole(ReadWhole(paths=[str(path)]), report, lambda: False)
    assert (caught.value.code, caught.value.details) == (Code.DOCUMENT_CHANGED, {"path": str(path)})


def test_a_summary_stopped_before_anything_was_found_is_no_answer(service: Service, plan: Path) -> None:
    request = ReadWhole(paths=[str(plan)], conversation=0)
    before = len(service.conversations.all())
    assert code_of(service.talk.read_whole, request, lambda event: None, lambda: True) is Code.CANCELLED
    assert len(service.conversations.all()) == before


# ---------------------------------------------------------------- diagnostics

SECRET = "zanzibar"


def test_no_text_and_no_name_gets_into_the_diagnostics(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = Paths.resolve(tmp_path / f"home of {SECRET}")
    document = text_pdf(tmp_path / f"{SECRET}.pdf", [[f"The password of the tower is {SECRET} 37."]])
    logger = logging.getLogger("docent")
    with Service(paths) as opened:
        handler = logging.FileHandler(paths.logs / "engine.log", encoding="utf-8")
        handler.setFormatter(logging.Formatter(engine_server.LOG_FORMAT))
        logger.addHandler(handler)
        try:
            opened.index([str(document)], collection=f"All about {SECRET}")
            opened.change_settings({"answer.max_tokens": 16, "model.server_model": SECRET})
            answered = ask(opened, f"What is the password, {SECRET}?", conversation=0)
            assert SECRET in answered.answer.answer + answered.answer.question
            code_of(opened.talk.ask, Ask(question=f"{SECRET}?", collection=SECRET), print, lambda: False)
            try:
                raise ValueError(f"of {SECRET}")
            except ValueError:
                logging.getLogger("docent.engine").exception("job %s failed", "Ask")
            logging.getLogger("docent.engine").error(
                "warming up: %s", DocentError(Code.EMBEDDER_DAMAGED, path=f"/{SECRET}")
            )
            logging.getLogger("docent.engine").error(
                f'{SECRET} broke a line\nError: {SECRET}\n  File "{SECRET}", line 3, in x'
            )
            opened.change_settings({"model.server": f"http://{SECRET}:x@127.0.0.1:9/v1"})
            target = tmp_path / "report.json"
            opened.save_diagnostics(str(target))
        finally:
            logger.removeHandler(handler)
            handler.close()
    text = target.read_text(encoding="utf-8")
    assert SECRET not in text.lower()
    report = json.loads(text)
    assert report["installation"]["packages"]["llama-cpp-python"]
    assert report["installation"]["model"]["path"].endswith(".gguf")
    assert "/" not in report["installation"]["model"]["path"]
    assert [each.get("failed") for each in report["questions"]] == [None, "collection_unknown"]
    assert report["questions"][0]["milliseconds"]["total"] > 0
    assert report["settings"]["answer.max_tokens"] == 16
    assert report["settings"]["model.server"] == "set"
    log = "\n".join(report["log"])
    assert "job Ask failed" in log
    assert "ValueError" in log
    assert "warming up embedder_damaged" in log
    assert (paths.logs / "engine.log").read_text().count(SECRET) > 3  # it was there to be left out


def test_diagnostics_that_cannot_be_written_say_so(service: Service, tmp_path: Path) -> None:
    assert code_of(service.save_diagnostics, str(tmp_path / "no" / "such" / "folder.json")) is Code.FILE_UNWRITABLE


# ---------------------------------------------------------------- stopping, and the pipe


def test_what_nobody_can_interrupt_is_left_behind() -> None:
    goes_on = threading.Event()
    with pytest.raises(DocentError) as caught:
        at_once(lambda: goes_on.wait(20), lambda: True)
    assert caught.value.code is Code.CANCELLED
    goes_on.set()
    assert at_once(lambda: 7, lambda: False) == 7
    with pytest.raises(ZeroDivisionError):
        at_once(lambda: 1 / 0, lambda: False)
    thrown: list[int] = []
    finished, discarded = threading.Event(), threading.Event()

    def discard(result: int) -> None:
        thrown.append(result)
        discarded.set()

    with pytest.raises(DocentError):
        at_once(lambda: 5 if finished.wait(20) else 0, lambda: True, discard)
    assert thrown == []
    finished.set()
    assert discarded.wait(20)
    assert thrown == [5]
    assert at_once(lambda: 6, lambda: False, discard) == 6
    assert thrown == [5]


def test_a_conversation_over_the_pipe(engine: Engine, plan: Path) -> None:
    engine.hear()
    engine.send(messages.ChangeSettings(job=90, values={"answer.max_tokens": 40}))
    engine.send(messages.IndexDocuments(job=1, paths=[str(plan)]))
    engine.until(messages.Indexed, 1)
    engine.send(messages.Ask(job=2, question=LEAVE, conversation=0))
    answered, _ = engine.until(messages.Answered, 2)
    assert isinstance(answered, messages.Answered)
    assert answered.conversation is not None
    number = answered.conversation.id
    engine.send(messages.Ask(job=3, question="and for part-time staff?", conversation=number))
    answered, before = engine.until(messages.Answered, 3)
    assert any(isinstance(event, messages.QuestionRewritten) and event.job == 3 for event in before)
    assert isinstance(answered, messages.Answered)
    assert answered.turn is not None
    requests: list[tuple[messages.Message, type[messages.Message]]] = [
        (messages.OpenConversation(conversation=number), messages.ConversationOpened),
        (messages.OpenTurn(turn=answered.turn.id, version=1), messages.TurnOpened),
        (messages.InspectAnswer(turn=answered.turn.id), messages.AnswerInspected),
        (messages.EstimateWhole(paths=[str(plan)]), messages.WholeEstimated),
        (messages.RenameConversation(conversation=number, title="Leave"), messages.Conversations),
        (messages.ListConversations(search="part-time"), messages.Conversations),
        (messages.DeleteConversation(conversation=number), messages.Conversations),
        (messages.ListConversations(deleted=True), messages.Conversations),
        (messages.PutBackConversation(conversation=number), messages.Conversations),
        (messages.SaveDiagnostics(path=str(plan.parent / "report.json")), messages.Done),
    ]
    events = []
    for job, (request, final) in enumerate(requests, start=10):
        engine.send(msgspec.structs.replace(request, job=job))
        events.append(engine.until(final, job)[0])
    opened, *_, renamed, found, deleted, lying, back, _ = events
    assert isinstance(opened, messages.ConversationOpened)
    assert [turn.question for turn in opened.turns] == [LEAVE, "and for part-time staff?"]
    titles = [
        [each.title for each in event.conversations]
        for event in (renamed, found, deleted, lying, back)
        if isinstance(event, messages.Conversations)
    ]
    assert titles == [["Leave"], ["Leave"], [], ["Leave"], ["Leave"]]
    assert engine.close() == 0


def test_a_question_that_only_waits_is_stopped_at_once(engine: Engine, plan: Path) -> None:
    engine.hear()
    engine.send(messages.IndexDocuments(job=1, paths=[str(plan)]))
    engine.until(messages.Indexed, 1)
    engine.send(messages.Ask(job=2, question="Explain in many words what the Aurora plan says about staff and leave."))
    engine.until(messages.AnswerText, 2)
    engine.send(messages.Ask(job=3, question=DEDUCTIBLE))
    engine.send(messages.Cancel(target=3))
    while True:
        event = engine.hear()
        assert not isinstance(event, messages.Answered), "it waited for the other"
        if event.job == 3:
            break
    assert isinstance(event, messages.Failed)
    assert event.code == "cancelled"
    engine.send(messages.Cancel(target=2))
    engine.until(messages.Answered, 2)
    engine.send(messages.Ask(job=4, question=DEDUCTIBLE))
    answered, before = engine.until(messages.Answered, 4)
    assert all(event.job != 3 for event in before)
    assert isinstance(answered, messages.Answered)
    assert engine.close() == 0

"""The engine as a process: what the window sees of it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from assistant_app.engine.server import Server
from assistant_app.engine.service import Service
from assistant_app.protocol import messages
from tests.engine.conftest import Engine

pytestmark = pytest.mark.models


def test_a_document_is_added_asked_and_drawn_over_the_pipe(engine: Engine, plan: Path) -> None:
    ready = engine.hear()
    assert isinstance(ready, messages.Ready)
    assert ready.protocol == messages.PROTOCOL

    engine.send(messages.IndexDocuments(job=1, paths=[str(plan)]))
    indexed, before = engine.until(messages.Indexed, 1)
    assert isinstance(indexed, messages.Indexed)
    assert [document.status for document in indexed.documents] == ["indexed"]
    assert sum(isinstance(event, messages.DocumentDone) for event in before) == 1

    engine.send(messages.Ask(job=2, question="What is the deductible of the Aurora plan?"))
    answered, before = engine.until(messages.Answered, 2)
    assert isinstance(answered, messages.Answered)
    assert "1,250" in answer_of(before)
    assert answered.answer.citations[0].verified

    citation = answered.answer.citations[0]
    engine.send(messages.OpenDocument(job=3, path=citation.path))
    opened, _ = engine.until(messages.DocumentOpened, 3)
    assert isinstance(opened, messages.DocumentOpened)
    assert len(opened.pages) == 3
    engine.send(messages.DrawPage(job=4, path=citation.path, page=1, width=400))
    drawn, _ = engine.until(messages.PageDrawn, 4)
    assert isinstance(drawn, messages.PageDrawn)
    assert drawn.png.startswith(b"\x89PNG")
    engine.send(messages.LocateText(job=5, path=citation.path, page=1, start=citation.start, length=citation.length))
    located, _ = engine.until(messages.TextLocated, 5)
    assert isinstance(located, messages.TextLocated)
    assert located.boxes
    assert engine.close() == 0


def answer_of(events: list[messages.Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, messages.AnswerText))


def test_a_fault_in_one_job_leaves_the_others_alone(engine: Engine, tmp_path: Path) -> None:
    engine.hear()
    assert engine.process.stdin is not None
    engine.process.stdin.write(b'not json\n{"type":"no_such_request","job":7}\n')
    engine.send(messages.DrawPage(job=1, path=str(tmp_path / "nothing.pdf"), page=1, width=100))
    engine.send(messages.InspectModel(job=2, path=str(tmp_path / "nothing.gguf")))
    engine.send(messages.ChangeSettings(job=3, values={"no.such": 1}))
    engine.send(messages.ListDocuments(job=4))
    codes = {}
    while len(codes) < 4:
        event = engine.hear()
        codes[event.job] = event.code if isinstance(event, messages.Failed) else type(event).__name__
    assert codes == {1: "file_missing", 2: "model_missing", 3: "setting_unknown", 4: "Documents"}


def test_a_second_engine_is_told_that_the_library_is_in_use(engine: Engine, home: Path) -> None:
    engine.hear()
    second = Engine(home)
    event = second.hear()
    assert isinstance(event, messages.Failed)
    assert (event.job, event.code) == (0, "library_in_use")
    assert second.process.wait(timeout=30) == 3
    second.process.stdin.close()  # type: ignore[union-attr]
    second._reader.join()
    second.process.stdout.close()  # type: ignore[union-attr]


def test_a_killed_engine_leaves_a_whole_library(engine: Engine, home: Path, plan: Path) -> None:
    engine.hear()
    engine.send(messages.IndexDocuments(job=1, paths=[str(plan)]))
    engine.until(messages.Indexed, 1)
    engine.send(messages.Ask(job=2, question="What is the deductible of the Aurora plan?"))
    engine.until(messages.AnswerText, 2)
    engine.process.send_signal(signal.SIGKILL)
    engine.process.wait()
    second = Engine(home)
    try:
        assert isinstance(second.hear(), messages.Ready)
        second.send(messages.Ask(job=1, question="What is the deductible of the Aurora plan?"))
        answered, _ = second.until(messages.Answered, 1)
        assert isinstance(answered, messages.Answered)
        assert "1,250" in answered.answer.answer
        second.send(messages.Examine(job=2))
        examined, _ = second.until(messages.Examined, 2)
        assert isinstance(examined, messages.Examined)
        assert examined.report["ok"], examined.report
    finally:
        assert second.close() == 0
        second._reader.join()
        second.process.stdout.close()  # type: ignore[union-attr]


def test_stop_ends_an_answer_and_keeps_what_was_written(engine: Engine, plan: Path) -> None:
    engine.hear()
    engine.send(messages.IndexDocuments(job=1, paths=[str(plan)]))
    engine.until(messages.Indexed, 1)
    engine.send(messages.Ask(job=2, question="What does the Aurora plan say about staff, leave and equipment?"))
    engine.until(messages.AnswerText, 2)
    engine.send(messages.Cancel(target=2))
    answered, _ = engine.until(messages.Answered, 2)
    assert isinstance(answered, messages.Answered)
    assert answered.answer.answer
    assert engine.close() == 0


def test_at_the_end_jobs_are_cancelled_only_after_docent_said_that_it_leaves(service: Service) -> None:
    """Else what is being indexed is taken for stopped by the person, and is not taken up again."""
    server = Server(service, lambda line: None)
    under_way = threading.Event()
    server._jobs[1] = under_way  # type: ignore[assignment]
    seen: list[bool] = []

    class Leaving:
        def leave(self) -> None:
            seen.append(under_way.is_set())

    server._service = Leaving()  # type: ignore[assignment]
    server.end()
    assert seen == [False]
    assert under_way.is_set()


def test_an_answer_that_cannot_be_written_ends_its_job_and_not_the_lane(service: Service) -> None:
    said: list[bytes] = []
    server = Server(service, said.append)
    server._send_last(messages.Failed(job=3, code="file_missing", details={"path": "caf\udce9"}))
    assert len(said) == 1
    assert b'"job":3' in said[0]
    assert b"internal" in said[0]

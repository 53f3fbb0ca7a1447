"""Whatever the engine does, every job ends exactly once and the window learns why."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from assistant_app.errors import Code
from assistant_app.gui import engine_link
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages, wire

Maker = Callable[..., EngineLink]
READY = {"event": {"type": "ready", "protocol": 5, "version": "fake"}}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_link, "RESTART_DELAY_MS", 1)


class Ends:
    """Counts how a job ends."""

    def __init__(self, job: Job) -> None:
        self.finished: list[object] = []
        self.failed: list[Failure] = []
        self.progress: list[object] = []
        job.finished.connect(self.finished.append)
        job.failed.connect(self.failed.append)
        job.progressed.connect(self.progress.append)

    @property
    def count(self) -> int:
        return len(self.finished) + len(self.failed)


def ended(qtbot: QtBot, link: EngineLink, request: messages.Message) -> Ends:
    ends = Ends(link.request(request))
    qtbot.waitUntil(lambda: ends.count == 1)
    return ends


def raw_start(*pieces: str) -> dict[str, Any]:
    """A script that writes ``pieces`` one by one instead of a well-formed first event, and then takes requests."""
    steps: list[dict[str, Any]] = []
    for piece in pieces:
        steps += [{"raw": piece}, {"sleep": 0.02}]
    return {"start": steps}


def test_a_request_is_answered_with_progress_and_one_end(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine("three")
    link.start()
    ends = ended(qtbot, link, messages.Ask(question="What is the deductible?"))
    assert [type(event) for event in ends.progress[:4]] == [messages.ModelLoading] * 3 + [messages.SourcesFound]
    (answered,) = ends.finished
    assert isinstance(answered, messages.Answered)
    written = "".join(event.text for event in ends.progress if isinstance(event, messages.AnswerText))
    assert written == answered.answer.answer


def test_requests_made_before_ready_wait_and_keep_their_order(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine({"start": [{"sleep": 0.05}, READY]})
    order: list[str] = []
    link.start()
    for name, request in (("documents", messages.ListDocuments()), ("models", messages.ListModels())):
        link.request(request).finished.connect(lambda _event, name=name: order.append(name))
    assert not link.is_ready
    qtbot.waitUntil(lambda: order == ["documents", "models"])


def test_a_line_split_anywhere_is_one_event(qtbot: QtBot, fake_engine: Maker) -> None:
    line = json.dumps(READY["event"])
    link = fake_engine(raw_start(line[:1], line[1:20], line[20:], "\n"))
    with qtbot.waitSignal(link.ready):
        link.start()


def test_two_events_in_one_piece_are_two_events(qtbot: QtBot, fake_engine: Maker) -> None:
    documents = json.dumps({"type": "documents", "job": 0, "documents": []})
    link = fake_engine(raw_start(json.dumps(READY["event"]) + "\n" + documents + "\n"))
    with qtbot.waitSignals([link.ready, link.event_without_job]):
        link.start()


def test_a_long_line_in_many_pieces_arrives_whole(qtbot: QtBot, fake_engine: Maker) -> None:
    text = "x" * 3_000_000
    steps = [{"event": {"type": "answer_text", "text": text}}, {"default": True}]
    link = fake_engine({"generate": 1, "on": {"ask": [steps]}})
    link.start()
    ends = ended(qtbot, link, messages.Ask(question="?"))
    assert isinstance(ends.progress[0], messages.AnswerText)
    assert ends.progress[0].text == text


def flood(count: int) -> list[dict[str, Any]]:
    """Steps that write many events of the first job in one piece, and then its end."""
    piece = json.dumps({"type": "answer_text", "job": 1, "text": "x"}) + "\n"
    end = json.dumps({"type": "models", "job": 1, "models": []}) + "\n"
    return [{"raw": piece * count + end}]


def test_a_flood_of_events_leaves_the_event_loop_its_turns(
    qtbot: QtBot, fake_engine: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_link, "TURN_SECONDS", 0.0)
    link = fake_engine({"on": {"list_models": [flood(100)]}})
    link.start()
    job = link.request(messages.ListModels())
    ends = Ends(job)
    turns: list[int] = []
    clock = QTimer(interval=0)
    clock.timeout.connect(lambda: turns.append(len(ends.progress)))
    clock.start()
    qtbot.waitUntil(lambda: ends.count == 1)
    clock.stop()
    assert len(ends.progress) == 100
    assert len(set(turns)) > 50


def test_what_an_engine_says_before_it_dies_counts(
    qtbot: QtBot, fake_engine: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_link, "TURN_SECONDS", 0.0)
    link = fake_engine({"on": {"list_models": [[*flood(500), {"die": "SIGKILL"}]]}})
    link._next_turn.setInterval(600_000)  # death comes before the next turn
    link.start()
    ends = ended(qtbot, link, messages.ListModels())
    assert len(ends.finished) == 1
    assert len(ends.progress) == 500


@pytest.mark.parametrize(
    "garbage",
    ["Traceback (most recent call last):\n", "{}\n", '{"type":"no_such_event"}\n', "[1,2]\n", "\n", "\x00\x01\n"],
)
def test_garbage_ends_the_engine_and_its_jobs(qtbot: QtBot, fake_engine: Maker, garbage: str) -> None:
    late = json.dumps({"type": "documents", "job": 1, "documents": []}) + "\n"
    link = fake_engine({"on": {"list_documents": [[{"raw": garbage + late}, {"hang": True}]]}})
    link.start()
    ends = ended(qtbot, link, messages.ListDocuments())
    assert [failure.code for failure in ends.failed] == [Code.ENGINE_MISSPOKE]
    assert ends.finished == []
    with qtbot.waitSignal(link.ready):
        pass  # and it is started again


def test_garbage_that_is_not_utf8_ends_the_engine(qtbot: QtBot, qapp: object) -> None:
    code = 'import sys; sys.stdout.buffer.write(b\'{"type":"ready\\xff"}\\n\'); sys.stdout.flush(); sys.stdin.read()'
    link = EngineLink([sys.executable, "-c", code])
    with qtbot.waitSignal(link.died) as blocker:
        link.start()
    assert blocker.args[0].code == Code.ENGINE_MISSPOKE
    link.close()


def test_a_line_without_end_is_not_collected_for_ever(
    qtbot: QtBot, fake_engine: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "LONGEST_LINE", 1000)
    link = fake_engine({"on": {"list_models": [[{"raw": "x" * 5000}, {"hang": True}]]}})
    link.start()
    ends = ended(qtbot, link, messages.ListModels())
    assert ends.failed[0].code == Code.ENGINE_MISSPOKE


def test_another_protocol_is_refused(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine("wrong_protocol")
    readies: list[None] = []
    link.ready.connect(lambda: readies.append(None))
    with qtbot.waitSignal(link.died) as blocker:
        link.start()
    assert blocker.args[0] == Failure(Code.ENGINE_MISSPOKE, {"said": "protocol 99"})
    assert readies == []


def test_a_library_in_use_is_said_and_the_engine_stays_down(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine("in_use")
    link.start()
    deaths: list[Failure] = []
    link.died.connect(deaths.append)
    ends = ended(qtbot, link, messages.ListDocuments())
    qtbot.waitUntil(lambda: len(deaths) == 1)
    assert ends.failed == deaths == [Failure(Code.LIBRARY_IN_USE)]
    assert link.is_down


def test_sigkill_in_an_answer_fails_the_job_and_the_question_can_be_asked_again(
    qtbot: QtBot, fake_engine: Maker
) -> None:
    link = fake_engine({"generate": 1, "on": {"ask": [[{"hang": True}]]}})
    with qtbot.waitSignal(link.ready):
        link.start()
    first = Ends(link.request(messages.Ask(question="?")))
    second = Ends(link.request(messages.ListModels()))
    old = link.process_id
    with qtbot.waitSignals([link.died, link.ready]):
        os.kill(old, signal.SIGKILL)
    assert [failure.code for failure in first.failed + second.failed] == [Code.ENGINE_DIED] * 2
    assert link.process_id not in (0, old)
    # The second engine of this script hangs in its first question too; anything else works.
    assert ended(qtbot, link, messages.ListDocuments()).finished


def test_death_without_jobs_is_told_and_mended(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine()
    with qtbot.waitSignal(link.ready):
        link.start()
    with qtbot.waitSignals([link.died, link.ready]):
        os.kill(link.process_id, signal.SIGKILL)
    assert link.is_ready


def test_an_engine_that_always_dies_is_given_up_until_it_is_asked_for(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine("dies_at_start")
    deaths: list[Failure] = []
    link.died.connect(deaths.append)
    link.start()
    qtbot.waitUntil(lambda: link.is_down and len(deaths) == engine_link.DEATHS_IN_A_ROW)
    assert ended(qtbot, link, messages.ListModels()).failed[0].code == Code.ENGINE_DIED
    assert len(deaths) > engine_link.DEATHS_IN_A_ROW


def test_a_program_that_is_not_there_fails_the_waiting_jobs(qtbot: QtBot, qapp: object) -> None:
    link = EngineLink(["/nonexistent/docent-engine"])
    link.start()
    assert ended(qtbot, link, messages.ListModels()).failed[0].code == Code.ENGINE_DIED
    link.close()


def test_cancel_reaches_the_job_also_before_the_engine_is_ready(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine("slow_answer")
    link.start()
    job = link.request(messages.Ask(question="?"))
    ends = Ends(job)
    job.cancel()
    qtbot.waitUntil(lambda: ends.count == 1)
    (answered,) = ends.finished
    assert isinstance(answered, messages.Answered)
    assert answered.stopped


def test_cancel_after_the_end_is_harmless(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine()
    link.start()
    job = link.request(messages.ListModels())
    with qtbot.waitSignal(job.finished):
        pass
    qtbot.wait(0)  # the job is deleted by now
    job.cancel()
    assert ended(qtbot, link, messages.ListModels()).finished


def test_close_ends_the_engine_through_its_stdin(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine()
    deaths: list[object] = []
    link.died.connect(deaths.append)
    with qtbot.waitSignal(link.ready):
        link.start()
    link.close()
    assert link.process_id == 0
    assert deaths == []
    ends = Ends(link.request(messages.ListModels()))
    qtbot.waitUntil(lambda: ends.count == 1)
    assert ends.failed == [engine_link.CLOSED]


def test_close_kills_an_engine_that_does_not_listen(qtbot: QtBot, qapp: object) -> None:
    ready = json.dumps(READY["event"])
    link = EngineLink([sys.executable, "-c", f"import time; print('{ready}', flush=True); time.sleep(600)"])
    with qtbot.waitSignal(link.ready):
        link.start()
    process = link.process_id
    ends = Ends(link.request(messages.ListModels()))
    link.close(wait_ms=100)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert [failure.code for failure in ends.failed] == [Code.ENGINE_DIED]


def test_a_request_that_cannot_be_written_leaves_no_job_behind(qtbot: QtBot, fake_engine: Maker) -> None:
    link = fake_engine()
    with pytest.raises(UnicodeEncodeError):
        link.request(messages.RemoveDocuments(paths=["\udcff.pdf"]))
    assert link._jobs == {}

"""An open library with a small real document, and a real engine process to talk to."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from assistant_app.engine.service import Service
from assistant_app.paths import Paths
from assistant_app.protocol import messages, wire
from tests.pdfs import text_pdf

PLAN = [
    [
        "The Aurora plan at a glance",
        "The Aurora plan has a calendar year deductible of $1,250 for each person.",
        "The deductible is waived for preventive care.",
        "Members pay a copayment of $30 for a visit to a specialist.",
    ],
    [
        "Leave",
        "Full-time staff of Meridian Works receive 27 days of paid leave a year.",
        "Part-time staff receive leave in proportion to their hours.",
    ],
    [
        "Equipment",
        "Every engineer at Meridian Works is given a laptop and two monitors.",
        "Equipment is replaced after 36 months.",
    ],
]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pages of facts that are in no model's memory."""
    return text_pdf(tmp_path_factory.mktemp("documents") / "Aurora_plan.pdf", PLAN)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, plan: Path) -> Iterator[Service]:
    """A library that holds :func:`plan`, shared by the tests of a module, which only read it."""
    with Service(Paths.resolve(tmp_path_factory.mktemp("home"))) as opened:
        outcome = opened.index([str(plan)])
        assert [document.status for document in outcome] == ["indexed"]
        yield opened


class Engine:
    """A real engine process and what it said."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assistant_app", "--home", str(home), "engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._said: Queue[messages.Event | None] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(wire.decode_event(line))
        self._said.put(None)

    def send(self, request: messages.Message) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(wire.encode(request))
        self.process.stdin.flush()

    def hear(self) -> messages.Event:
        """The next event."""
        event = self._said.get(timeout=120)
        assert event is not None, "the engine ended"
        return event

    def until(self, kind: type[messages.Message], job: int) -> tuple[messages.Event, list[messages.Event]]:
        """The first event of ``kind`` for ``job``, and all events before it."""
        before: list[messages.Event] = []
        while True:
            event = self.hear()
            if event.job == job and isinstance(event, kind):
                return event, before
            assert not (event.job == job and isinstance(event, messages.Failed)), event
            before.append(event)

    def close(self) -> int:
        """Close stdin; the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=30)


@contextlib.contextmanager
def running(home: Path) -> Iterator[Engine]:
    """An engine for a ``with`` block."""
    started = Engine(home)
    yield started
    if started.process.poll() is None:
        started.process.kill()
    started.process.wait()
    started._reader.join()
    for stream in (started.process.stdin, started.process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


@pytest.fixture
def engine(home: Path) -> Iterator[Engine]:
    with running(home) as started:
        yield started

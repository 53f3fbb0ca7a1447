"""The window's end of the pipe: starts the engine, sends requests, hands events to the jobs that wait for them.

Every way in which the engine can die ends here as a :class:`Failure` of each open job and one ``died`` signal, never
as an exception. The engine is started again by itself; a job is not repeated by itself.
"""

from __future__ import annotations

import itertools
import sys
import time
import weakref
from collections import deque
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from assistant_app.errors import Code, Detail, DocentError
from assistant_app.protocol import messages, wire

RESTART_DELAY_MS = 300
FASTEST_DEATH_MS = 5_000
DEATHS_IN_A_ROW = 3
"""After so many deaths, each within FASTEST_DEATH_MS of its start, the engine stays down until asked for."""

TURN_SECONDS = 0.01
"""The longest that events are handed out in one turn of the event loop."""


class Failure(msgspec.Struct, frozen=True):
    """Why a job ended without a result: an error code and the facts its sentence names."""

    code: str
    details: dict[str, Detail] = {}


CLOSED = Failure(Code.ENGINE_DIED, {"how": "closed"})


class Job(QObject):
    """One request under way. Exactly one of ``finished`` and ``failed`` comes, once, as the last signal.

    ``progressed`` and ``finished`` carry an event of ``protocol.messages``; ``failed`` carries a :class:`Failure`.

    It is no child of its link and holds it only weakly: closures connected to the last job may be all that still holds
    the link, and a link that is freed from within the deletion of its own child crashes (PySide 6.11.3, tried).
    """

    progressed = Signal(object)
    finished = Signal(object)
    failed = Signal(object)

    def __init__(self, number: int, link: EngineLink) -> None:
        super().__init__()
        self.number = number
        self._link = weakref.ref(link)

    def cancel(self) -> None:
        """Ask the engine to stop the job; its last signal still comes. Harmless on a job that has ended."""
        link = self._link()
        if link is not None:
            link.cancel(self)


class EngineLink(QObject):
    """The engine process, as the window sees it."""

    ready = Signal()
    died = Signal(object)
    """The engine ended by itself: carries a :class:`Failure` (``engine_died``, or why it cannot work at all)."""

    event_without_job = Signal(object)

    def __init__(self, command: Sequence[str], parent: QObject | None = None) -> None:
        """``command`` starts the engine: program and arguments (see :func:`engine_command`)."""
        super().__init__(parent)
        self._command = list(command)
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._unsent: list[bytes] = []
        self._buffer = bytearray()
        self._lines: deque[bytes] = deque()
        self._is_ready = False
        self._closing = False
        self._last_words: Failure | None = None
        self._stays_down = False
        self._quick_deaths = 0
        self._uptime = QTimer(self, singleShot=True, interval=FASTEST_DEATH_MS)
        self._uptime.timeout.connect(self._survived)
        self._restart = QTimer(self, singleShot=True, interval=RESTART_DELAY_MS)
        self._restart.timeout.connect(self.start)
        self._next_turn = QTimer(self, singleShot=True, interval=0)
        self._next_turn.timeout.connect(self._take_lines)
        self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUTF8", "1")
        self._process.setProcessEnvironment(environment)
        self._process.setProcessChannelMode(QProcess.ProcessChannelMode.ForwardedErrorChannel)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)

    # ------------------------------------------------------------ for panes

    @property
    def command(self) -> list[str]:
        """What starts the engine: program and arguments."""
        return list(self._command)

    @property
    def is_ready(self) -> bool:
        return self._is_ready

    @property
    def is_down(self) -> bool:
        """Whether the engine does not run, and will not be started before the next :meth:`request`."""
        return self._process.state() == QProcess.ProcessState.NotRunning and not self._restart.isActive()

    @property
    def process_id(self) -> int:
        """The engine's process id; 0 while it does not run."""
        return int(self._process.processId())

    def start(self) -> None:
        """Start the engine, unless it runs. Requests made before it is ready wait for it."""
        if self._process.state() == QProcess.ProcessState.NotRunning and not self._closing:
            self._buffer.clear()
            self._lines.clear()
            self._last_words = None
            self._stays_down = False
            self._uptime.start()
            self._process.start(self._command[0], self._command[1:])

    def request(self, request: messages.Message) -> Job:
        """Send ``request`` (its ``job`` is set here) and return the job to listen to.

        Signals come from the event loop, never from within this call. An engine that is down is started again; after
        :meth:`close` the job fails.
        """
        number = next(self._numbers)
        line = wire.encode(msgspec.structs.replace(request, job=number))
        job = self._jobs[number] = Job(number, self)
        if self._closing:
            QTimer.singleShot(0, self, self._fail_all)
        elif self._is_ready:
            self._process.write(line)
        else:
            self._unsent.append(line)
            if self.is_down:
                self._quick_deaths = 0
                self._restart.start()
        return job

    def cancel(self, job: Job) -> None:
        """See :meth:`Job.cancel`."""
        if job.number not in self._jobs:
            return
        line = wire.encode(messages.Cancel(target=job.number))
        if self._is_ready:
            self._process.write(line)
        else:
            self._unsent.append(line)

    def close(self, wait_ms: int = 5_000) -> None:
        """Close the engine's stdin, which ends it, and wait; past ``wait_ms`` it is killed."""
        self._closing = True
        self._restart.stop()
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.closeWriteChannel()
            if not self._process.waitForFinished(wait_ms):
                self._process.kill()
                self._process.waitForFinished(wait_ms)

    # ------------------------------------------------------------ the pipe

    def _read(self) -> None:
        fresh = self._process.readAllStandardOutput().data()
        self._buffer += fresh
        if b"\n" in fresh:  # a long line arrives in many pieces, and is looked at once
            *lines, rest = self._buffer.split(b"\n")
            self._buffer = rest
            self._lines.extend(map(bytes, lines))
            self._take_lines()
        if len(self._buffer) > wire.LONGEST_LINE:
            self._misspoke(DocentError(Code.ENGINE_MISSPOKE, said="a line without end"))

    def _take_lines(self) -> None:
        """Hand out events for a while; a flood of them leaves the event loop its turns."""
        until = time.monotonic() + TURN_SECONDS
        while self._lines:
            self._take(self._lines.popleft())
            if time.monotonic() >= until:
                self._next_turn.start()
                return

    def _take(self, line: bytes) -> None:
        if self._last_words is not None:
            return  # it is about to end: nothing that it says now is to be trusted
        try:
            event = wire.decode_event(line)
        except DocentError as problem:
            self._misspoke(problem)
            return
        self._dispatch(event)

    def _dispatch(self, event: messages.Event) -> None:
        if isinstance(event, messages.Ready):
            if event.protocol != messages.PROTOCOL:
                self._misspoke(DocentError(Code.ENGINE_MISSPOKE, said=f"protocol {event.protocol}"))
                return
            self._is_ready = True
            for line in self._unsent:
                self._process.write(line)
            self._unsent.clear()
            self.ready.emit()
            return
        job = self._jobs.get(event.job)
        if job is None:
            if event.job == 0 and isinstance(event, messages.Failed):
                self._last_words = Failure(event.code, event.details)
                self._stays_down = True
            elif event.job == 0:
                self.event_without_job.emit(event)
            return
        if not messages.is_final(event):
            job.progressed.emit(event)
            return
        del self._jobs[event.job]
        if isinstance(event, messages.Failed):
            job.failed.emit(Failure(event.code, event.details))
        else:
            job.finished.emit(event)
        job.deleteLater()

    def _misspoke(self, problem: DocentError) -> None:
        self._last_words = Failure(problem.code, problem.details)
        self._buffer.clear()
        self._process.kill()

    # ------------------------------------------------------------ death

    def _survived(self) -> None:
        self._quick_deaths = 0

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._ended(Failure(Code.ENGINE_DIED, {"how": "start"}))

    def _on_finished(self, exit_code: int, status: QProcess.ExitStatus) -> None:
        while self._lines:  # what it said before it ended counts
            self._take(self._lines.popleft())
        crashed = status == QProcess.ExitStatus.CrashExit
        self._ended(Failure(Code.ENGINE_DIED, {"how": "signal" if crashed else "exit", "exit_code": exit_code}))

    def _ended(self, how: Failure) -> None:
        failure = self._last_words or how
        quick = self._uptime.isActive()
        self._uptime.stop()
        self._is_ready = False
        self._unsent.clear()
        self._fail_all(failure)
        if self._closing:
            return
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        if self._quick_deaths < DEATHS_IN_A_ROW and not self._stays_down:
            self._restart.start()
        self.died.emit(failure)

    def _fail_all(self, failure: Failure = CLOSED) -> None:
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            job.failed.emit(failure)
            job.deleteLater()


def engine_command(home: str | None) -> list[str]:
    """The command that starts the real engine, in a checkout or in a frozen app."""
    door = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "assistant_app"]
    return [*door, *(["--home", home] if home else []), "engine"]

"""One reader process, as the engine holds it: started, spoken to within a deadline, killed."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from assistant_app.documents import reader_protocol as protocol
from assistant_app.errors import Code, DocentError

START_SECONDS = 60.0
PATIENCE_SECONDS = 0.5
"""A reader that works longer than this on something that nobody wants any more is killed: a new one starts sooner."""

_LOOK_SECONDS = 0.1
_ANSWERS_AHEAD = 256
"""How many answers wait for whoever asked, before the reader has to wait."""


class ReaderProcess:
    """A child process that reads documents. Used by one thread at a time."""

    def __init__(self, memory_bytes: int, *, background: bool = False) -> None:
        """Start the process and wait until its limits hold.

        Args:
            memory_bytes: as in :class:`protocol.Limits`.
            background: it gets the processor when nobody else wants it (on POSIX systems and Windows).

        Raises:
            DocentError: ``reader_crashed`` or ``reader_timeout``: it does not start at all.
        """
        self.requests = 0
        self._overlong = False
        self._is_killed = False
        self._answers: queue.Queue[protocol.Answer | None] = queue.Queue(_ANSWERS_AHEAD)
        self._process = subprocess.Popen(
            reader_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            creationflags=_windows_flags(background),
        )
        self._drain = threading.Thread(target=self._drain_answers, name="reader-answers", daemon=True)
        self._drain.start()
        try:
            self.send(protocol.Limits(memory_bytes=memory_bytes, background=background))
            self.answer(START_SECONDS)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, request: protocol.Limits | protocol.AnyRequest) -> None:
        """Write ``request``. A dead reader is noticed by :meth:`answer`."""
        self.requests += 1
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(protocol.encode(request))
            self._process.stdin.flush()

    def answer(self, seconds: float, cancelled: Callable[[], bool] = lambda: False) -> protocol.Answer:
        """The next answer.

        Raises:
            DocentError: ``reader_timeout`` after ``seconds``, ``reader_memory`` or ``reader_crashed`` where the process
                died, ``cancelled`` where it was killed meanwhile, or where :data:`PATIENCE_SECONDS` are over and
                nobody wants the answer any more; after these it is gone. Else the error that the reader refused the
                request with.
        """
        answer = self._wait(seconds, cancelled)
        if answer is None:
            self._process.wait()
            raise DocentError(self._cause_of_death())
        if isinstance(answer, protocol.Refused):
            raise DocentError(answer.code, **answer.details)
        return answer

    def _wait(self, seconds: float, cancelled: Callable[[], bool]) -> protocol.Answer | None:
        deadline = time.monotonic() + seconds
        pause = min(PATIENCE_SECONDS, seconds)
        while True:
            try:
                return self._answers.get(timeout=pause)
            except queue.Empty:
                pause = min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic()))
                if cancelled():
                    self.kill()
                    raise DocentError(Code.CANCELLED) from None
                if not pause:
                    self.kill()
                    raise DocentError(Code.READER_TIMEOUT, seconds=round(seconds, 1)) from None

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once and free what it held. Harmless on one that has ended, and from any thread."""
        self._is_killed = True
        self._process.kill()
        while self._drain.is_alive():
            # The thread may be waiting for room in the queue.
            with contextlib.suppress(queue.Empty):
                self._answers.get(timeout=0.05)
        with contextlib.suppress(queue.Full):
            self._answers.put_nowait(None)  # For a thread that waits for an answer.
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _drain_answers(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            while line := self._process.stdout.readline(protocol.LONGEST_ANSWER):
                self._overlong = len(line) == protocol.LONGEST_ANSWER
                if not line.endswith(b"\n"):
                    break
                self._answers.put(protocol.decode_answer(line))
        # The end of the pipe, or something that is no answer: either way this process is of no more use.
        self._process.kill()
        self._answers.put(None)

    def _cause_of_death(self) -> Code:
        """PDFium aborts when it gets no memory; the system kills what takes too much of it."""
        if self._is_killed:
            return Code.CANCELLED
        if self._overlong:
            return Code.READER_MEMORY
        status = self._process.returncode
        if status == protocol.MEMORY_STATUS:
            return Code.READER_MEMORY
        if os.name == "posix" and status in (-signal.SIGABRT, -signal.SIGKILL):
            return Code.READER_MEMORY
        return Code.READER_CRASHED


def reader_command() -> list[str]:
    """The command that starts a reader, in a checkout or in a frozen app."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "reader"]
    return [sys.executable, "-P", "-m", "assistant_app.documents.reader"]


def _windows_flags(background: bool) -> int:
    """No console window; 0 on other systems, which do not know these flags."""
    priority = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0) if background else 0
    return getattr(subprocess, "CREATE_NO_WINDOW", 0) | priority


def _environment() -> dict[str, str]:
    """This process's environment, with the folder of this very package: the reader takes no module from elsewhere.

    onnxruntime (text recognition) reports to its maker unless its variable says no before it is loaded.
    """
    folders = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, folders)),
        "PYTHONUTF8": "1",
        "ORT_DISABLE_TELEMETRY": "1",
    }

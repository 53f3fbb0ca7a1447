"""What the benchmarks share: documents to measure with, the engine at the end of a pipe, and how results are said."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from assistant_app.protocol import messages, wire

ROOT = Path(__file__).resolve().parent.parent


# ---------------------------------------------------------------- what is said


def say(what: str, figure: str, wanted: str, how: str) -> None:
    """One result: a line that can be read alone, and below it what it was made of."""
    print(f"{what:<44} {figure:>12}   wanted: {wanted}\n    {how}", flush=True)


def spread(values: Sequence[float], unit: str, digits: int = 0) -> str:
    """The median of ``values`` with the least and the greatest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f}, {len(values)} runs)"


# ---------------------------------------------------------------- what is measured with

_PLACES = ("harbour", "library", "archive", "museum", "garden", "station", "theatre", "observatory")
_NAMES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Hazel", "Juniper", "Larch", "Maple", "Oak", "Rowan")
_SENTENCES = (
    "The {place} at {name} was opened in {year} and has been repaired {few} times since.",
    "Every visitor of the {name} {place} pays {few} coins, and members of the society pay nothing.",
    "In {year} the board decided that the {place} keeps {many} items in its northern wing.",
    "Repairs of the roof of the {name} {place} took {few} years and cost {many} pounds.",
    "The keeper of the {place} reports to the council of {name} on the first day of each quarter.",
    "Complaints about the {name} {place} are answered within {few} weeks by the office in the old mill.",
)


def prose(seed: int, sentences: int) -> str:
    """Plain English sentences, the same ones for the same ``seed``."""
    chance = random.Random(seed)
    picked = []
    for _ in range(sentences):
        facts = {
            "place": chance.choice(_PLACES),
            "name": chance.choice(_NAMES),
            "year": chance.randint(1700, 2020),
            "few": chance.randint(2, 9),
            "many": chance.randint(100, 9999),
        }
        picked.append(chance.choice(_SENTENCES).format(**facts))
    return " ".join(picked)


def make_pdf(path: Path, pages: int, *, seed: int = 0, sentences: int = 22) -> Path:
    """A PDF of ``pages`` pages of prose, some 450 tokens each with 22 sentences."""
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    for page in range(pages):
        canvas.setFont("Helvetica", 10)
        for line, text in enumerate(simpleSplit(prose(seed * 10_000 + page, sentences), "Helvetica", 10, A4[0] - 144)):
            canvas.drawString(72, A4[1] - 72 - 14 * line, text)
        canvas.showPage()
    canvas.save()
    return path


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="docent-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


# ---------------------------------------------------------------- the engine


class Seen(NamedTuple):
    """An event, and when it came (``time.perf_counter()``)."""

    at: float
    event: messages.Event


class Engine:
    """The real engine, as the window starts it, at the other end of a pipe."""

    def __init__(self, home: Path) -> None:
        self._errors = (home.parent / f"{home.name}.stderr").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "assistant_app", "--home", str(home), "engine"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        self._jobs = itertools.count(1)
        self._ended: set[int] = set()
        self._next()  # ready

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._errors.close()

    def _next(self) -> messages.Event:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the engine ended; see {self._errors.name}")
        event = wire.decode_event(line)
        if messages.is_final(event):
            self._ended.add(event.job)
        return event

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self, request: messages.Message) -> int:
        """Send ``request`` and do not wait; its job's number."""
        assert self._process.stdin is not None
        job = next(self._jobs)
        self._process.stdin.write(wire.encode(msgspec.structs.replace(request, job=job)))
        self._process.stdin.flush()
        return job

    def run(self, request: messages.Message) -> list[Seen]:
        """Send ``request`` and wait for its last event. The first entry is the request's own time, without an event."""
        seen = [Seen(time.perf_counter(), messages.Ready(protocol=0, version=""))]
        job = self.begin(request)
        while True:
            event = self._next()
            if event.job != job:
                continue
            seen.append(Seen(time.perf_counter(), event))
            if isinstance(event, messages.Failed):
                raise RuntimeError(f"{type(request).__name__} failed: {event.code} {event.details}")
            if messages.is_final(event):
                return seen

    def until(self, job: int, kind: type[messages.Message] | None = None) -> None:
        """Take events until ``job`` has one of ``kind``, or has ended."""
        while not self.has_ended(job):
            event = self._next()
            if event.job == job and kind is not None and isinstance(event, kind):
                return

    def final(self, job: int) -> messages.Event:
        """The last event of ``job``, which has not ended yet as far as events were taken."""
        while True:
            event = self._next()
            if event.job == job and messages.is_final(event):
                return event

    def has_ended(self, job: int) -> bool:
        """Whether the last event of ``job`` was taken."""
        return job in self._ended

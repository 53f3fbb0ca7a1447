"""The verbs that belong to training: advise, train in a process of its own, pause, go on, shelve the adapter."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import psutil

from assistant_app.answering.format_check import is_valid
from assistant_app.engine.adapter_verbs import slug_of
from assistant_app.engine.library_verbs import Cancelled, Report, ignore, never
from assistant_app.errors import Code, DocentError
from assistant_app.models.adapters import inspect_adapter
from assistant_app.protocol import messages, training
from assistant_app.protocol.records import OutputFormat
from assistant_app.protocol.training import AdapterCard, Example, Guide, Replies, Training, TrainingState
from assistant_app.training import guide, job
from assistant_app.training.job import Job, Said
from assistant_app.training.lora import Settings

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

LIBRARIES = ("torch", "transformers", "peft")

LOOKED_AT = 500
"""Of the newest turns, for how often the base keeps to the format by itself."""

TOKENS_PER_EXAMPLE = 700
"""Of an example without others on the same sources; for a first estimate of the time."""

TOKENS_A_SECOND = 100.0
"""Of the starter model on two cores without bf16; a model ten times the size takes ten times as long."""
_STARTER_WEIGHTS = 135_000_000

STOPPING = 60.0
"""Seconds that a training gets to write its checkpoint: one step of a large model takes that long."""

_NAME = re.compile(r"[\w][\w \-]{0,59}", re.ASCII)


class Data(NamedTuple):
    """What is told of examples on the adapter's card: of what they are made, and the licences."""

    about: str = ""
    data: str = ""
    data_licence: str = ""
    licence: str = ""


NOTHING_TOLD = Data()


class TrainingVerbs:
    """What :class:`Service` does about training. One training at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._running: subprocess.Popen[str] | None = None
        self._now: Training | None = None
        self._turn = threading.Lock()

    @property
    def folder(self) -> Path:
        """Where trainings are kept until they are done."""
        return self._service.paths.data / "trainings"

    def _folder_of(self, name: str) -> Path:
        """Names that differ ("A b", "a-b") have folders that differ: beginning the one must not cost the other."""
        return self.folder / f"{slug_of(name)}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

    def answer(self, request: messages.Request, report: Report, cancelled: Cancelled) -> messages.Event:
        """Do what a request wants.

        Raises:
            DocentError: ``training_*``, ``examples_*``, ``example_too_long``, ``model_*``, ``adapter_*``,
                ``cancelled``.
        """
        match request:
            case training.ReadGuide(replies=replies):
                return training.Guided(guide=self.guide(replies))
            case training.TrainAdapter(name=name, epochs=epochs):
                settings = Settings() if epochs is None else Settings(epochs=max(1, min(epochs, 100)))
                path, card = self.train(
                    name, self._service.approving.counting(), settings=settings, report=report, cancelled=cancelled
                )
                return training.AdapterTrained(path=path, card=card)
            case training.PauseTraining(paused=paused):
                self.pause(paused)
                return messages.Done()
            case training.DiscardTraining(name=name):
                self.discard(name)
                return training.Trainings(trainings=self.trainings())
            case training.ListTrainings():
                return training.Trainings(trainings=self.trainings())
            case _:
                raise AssertionError(type(request))

    # ------------------------------------------------------------ advice

    def guide(self, replies: Replies) -> Guide:
        """Whether to train, and why."""
        approvals = self._service.approving.all()
        counting = [each for each in approvals if each.counts]
        problems: dict[str, int] = {}
        formats: dict[str, int] = {}
        for each in approvals:
            for problem in each.problems if not each.counts else ():
                problems[problem] = problems.get(problem, 0) + 1
        for each in counting:
            formats[each.example.format] = formats.get(each.example.format, 0) + 1
        answers, valid = self._format_so_far()
        settings = Settings()
        free = psutil.virtual_memory().available
        try:
            path = self._service.models.chosen_path()
            base = job.check_base(path)
            supported, memory, name = True, job.memory_bytes(base, settings), self._service.models.name(path)
            weights = job.weight_count(base)
        except DocentError:
            name = Path(self._service.settings.text("model.path")).stem
            supported, memory, weights = False, 0, 0
        facts = guide.Facts(
            counting=len(counting),
            not_counting=len(approvals) - len(counting),
            answers=answers,
            valid=valid,
            installed=is_installed(),
            supported=supported,
            fits=memory <= free,
        )
        verdict, reasons = guide.advise(facts, replies)
        steps = len(counting) * settings.epochs * TOKENS_PER_EXAMPLE
        seconds = steps / TOKENS_A_SECOND * weights / _STARTER_WEIGHTS if counting and weights else None
        return Guide(
            verdict=verdict,
            reasons=reasons,
            examples=len(approvals),
            counting=len(counting),
            needed=guide.NEEDED,
            formats=formats,
            problems=problems,
            answers=answers,
            valid=valid,
            installed=facts.installed,
            install=job.INSTALL,
            base=name,
            supported=supported,
            memory_bytes=memory,
            free_bytes=free,
            seconds=None if seconds is None else round(seconds),
        )

    def _format_so_far(self) -> tuple[int, float | None]:
        """Answers that models gave without an adapter, and the share of them in their format."""
        answers = self._service.conversations.newest_answers(LOOKED_AT)
        own = [each for each in answers if each.model and each.adapter is None and not each.exact and not each.general]
        if not own:
            return 0, None
        valid = [
            each.valid if each.format != "text" else is_valid(each.answer, OutputFormat(), len(each.citations))
            for each in own
        ]
        return len(own), round(sum(valid) / len(own), 4)

    # ------------------------------------------------------------ training

    def train(
        self,
        name: str,
        examples: Sequence[Example],
        *,
        settings: Settings,
        base: str | None = None,
        weights: str = "",
        start_from: str = "",
        data: Data = NOTHING_TOLD,
        report: Report = ignore,
        cancelled: Cancelled = never,
    ) -> tuple[str, AdapterCard]:
        """Train an adapter, or go on with one of this name that was begun with the same examples and settings.

        Args:
            base: a GGUF, null for the model that answers.
            weights: a folder with the same model as safetensors, "" to de-quantise the GGUF.
            start_from: an adapter's GGUF to begin with; its rank and alpha take the place of those in ``settings``.
            cancelled: true stops it after the step in hand; its checkpoint is kept.

        Returns:
            The path of the new adapter, and its card.

        Raises:
            DocentError: ``training_name_invalid``, ``training_not_installed``, ``training_unsupported``,
                ``training_no_memory``, ``training_failed``, ``training_busy``, ``examples_too_few``,
                ``example_too_long``, ``model_*``, ``adapter_*``, ``disk_full``, ``cancelled``.
        """
        name = checked_name(name)
        if not is_installed():
            raise DocentError(Code.TRAINING_NOT_INSTALLED, install=job.INSTALL)
        path = base or self._service.models.chosen_path()
        job.check_base(path)
        if start_from:
            older = inspect_adapter(start_from)
            settings = msgspec.structs.replace(settings, rank=older.rank, alpha=round(older.alpha))
        if not self._turn.acquire(blocking=False):
            raise DocentError(Code.TRAINING_BUSY, name=self._now.name if self._now else "")
        try:
            self._now = Training(name=name, state="preparing")
            folder = self._folder_of(name)
            begun = Job(
                name=name,
                base=os.path.abspath(path),
                settings=settings,
                weights=weights and os.path.abspath(weights),
                start_from=start_from and os.path.abspath(start_from),
                **data._asdict(),
            )
            job.begin(folder, begun, examples)
            self._run(folder, name, report, cancelled)
            return self._shelve(folder)
        finally:
            self._running = self._now = None
            self._turn.release()

    def _run(self, folder: Path, name: str, report: Report, cancelled: Cancelled) -> None:
        process = subprocess.Popen(
            _command(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._running = process
        ended = threading.Event()
        threading.Thread(target=self._watch, args=(process, cancelled, ended), name="training", daemon=True).start()
        last: Said | None = None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in process.stdout:
                with suppress(msgspec.DecodeError):
                    last = msgspec.json.decode(line, type=Said)
                    if last.state not in ("done", "failed", "stopped"):
                        self._now = _shown(name, last)
                        report(training.TrainingProgress(training=self._now))
        finally:
            ended.set()
            _tell(process, "stop")
            try:
                process.wait(STOPPING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
            with suppress(OSError):  # what was said last may have had no hearer
                process.stdin.close()
        if last is not None and last.state == "failed":
            code = Code(last.code) if last.code in list(Code) else Code.TRAINING_FAILED
            raise DocentError(code, **last.details)
        if cancelled() or (last is not None and last.state == "stopped"):
            raise DocentError(Code.CANCELLED)
        if last is None or last.state != "done":
            raise DocentError(Code.TRAINING_FAILED, said=f"its process ended with {process.returncode}")

    @staticmethod
    def _watch(process: subprocess.Popen[str], cancelled: Cancelled, ended: threading.Event) -> None:
        """Stop the process when the job is cancelled; one that does not stop in time is killed."""
        while not ended.wait(0.1):
            if cancelled():
                _tell(process, "stop")
                if not ended.wait(STOPPING):
                    process.kill()
                return

    def pause(self, paused: bool) -> None:
        """Stop the training under way after its step in hand, or let it go on; nothing where none is under way."""
        if self._running is not None:
            _tell(self._running, "pause" if paused else "go")

    def _shelve(self, folder: Path) -> tuple[str, AdapterCard]:
        """Put a finished adapter and its card among the others, under a version that is free."""
        card = job.read_card(folder / job.CARD)
        if card is None:
            raise DocentError(Code.TRAINING_FAILED, said="its card is missing")
        path, card = self._service.adapters.shelve(folder / job.ADAPTER, card)
        job.discard(folder)
        return path, card

    # ------------------------------------------------------------ what was begun

    def trainings(self) -> list[Training]:
        """The one under way, and those that can be gone on with."""
        found = []
        for folder in sorted(self.folder.glob("*")) if self.folder.is_dir() else ():
            known = job.read(folder)
            if known is None:
                continue
            losses = job.losses(folder)
            now = self._now
            if now is not None and now.name == known.name:
                found.append(msgspec.structs.replace(now, losses=losses))
            else:
                last = losses[-1] if losses else None
                found.append(Training(name=known.name, state="stopped", step=len(losses), loss=last, losses=losses))
        return found

    def discard(self, name: str) -> None:
        """Delete a begun training.

        Raises:
            DocentError: ``training_busy`` for the one under way; ``training_unknown``.
        """
        folder = self._folder_of(checked_name(name))
        if self._now is not None and self._folder_of(self._now.name) == folder:
            raise DocentError(Code.TRAINING_BUSY, name=self._now.name)
        if not folder.is_dir():
            raise DocentError(Code.TRAINING_UNKNOWN, name=name)
        job.discard(folder)

    def close(self) -> None:
        """Docent ends: what is under way writes its checkpoint and stops."""
        running = self._running
        if running is not None:
            _tell(running, "stop")


def is_installed() -> bool:
    """Whether the training libraries are there; none of them is imported."""
    return all(importlib.util.find_spec(library) is not None for library in LIBRARIES)


def checked_name(name: str) -> str:
    """``name`` without spaces at its ends.

    Raises:
        DocentError: ``training_name_invalid``.
    """
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise DocentError(Code.TRAINING_NAME_INVALID, name=name[:80])
    return name


def _shown(name: str, said: Said) -> Training:
    state: TrainingState = msgspec.convert(said.state, TrainingState)
    return Training(
        name=name, state=state, step=said.step, steps=said.steps, loss=said.loss, seconds_left=said.seconds_left
    )


def _tell(process: subprocess.Popen[str], order: str) -> None:
    """Say something to the process, which may be gone."""
    with suppress(OSError, ValueError):
        assert process.stdin is not None
        process.stdin.write(f"{order}\n")
        process.stdin.flush()


def _command(folder: Path) -> list[str]:
    """The command that starts a training, in a checkout or in a frozen app."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "trainer", str(folder)]
    return [sys.executable, "-P", "-m", "assistant_app", "trainer", str(folder)]

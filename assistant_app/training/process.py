"""The process that trains one adapter, and nothing else: ``docent trainer FOLDER``.

It reads what to do from the folder (``job.py``), writes a line of JSON for each step to stdout, and hears ``pause``,
``go`` and ``stop`` on stdin; when stdin closes it stops. Stopped or killed at any moment, it goes on from its last
checkpoint when it is begun again. Should it die of a native fault or of want of memory, nothing else does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from assistant_app.answering.extracts import Extracts, are_extracts
from assistant_app.answering.format_check import Said as Answered
from assistant_app.answering.format_check import beats, measure
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.forced import forced_tokens
from assistant_app.models.gguf_export import About, export_adapter, import_adapter
from assistant_app.models.model_files import GIB
from assistant_app.models.prompt_tokens import PromptTokens
from assistant_app.protocol.training import AdapterCard, Example, Figures
from assistant_app.training import job as jobs
from assistant_app.training.dataset import fingerprint, prompt_of, read_examples, split
from assistant_app.training.job import Job, Said
from assistant_app.training.lora import Progress, train
from assistant_app.training.packing import Encoded

LEAST_EXAMPLES = 4
"""With fewer there is nothing to learn from and nothing to measure with."""

MEASURED = 60
"""Held-out examples that base and adapter are asked at most: a starter model answers one in two seconds."""

FORCED = 20
"""Examples on which the exported adapter is compared with the trained one."""

LONGEST_ANSWER = {"text": 160, "labels": 60}
LONGEST_STRUCTURED = 320
"""Tokens; the second of a record, a schema's JSON, a template."""


class _Orders:
    """What the engine says on stdin."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            order = line.strip()
            if order == "pause":
                self._go.clear()
            elif order == "go":
                self._go.set()
            elif order == "stop":
                break
        self.stop.set()
        self._go.set()

    @property
    def is_paused(self) -> bool:
        return not self._go.is_set()

    def wait(self) -> bool:
        """Wait out a pause; whether to stop."""
        self._go.wait()
        return self.stop.is_set()


def main(folder: str) -> int:
    """Train what ``folder`` says. Returns 0 when the adapter and its card are in it, 1 when not."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # native libraries print where they like

    def say(said: Said) -> None:
        with suppress(OSError):  # the engine is gone; the checkpoint shall be written all the same
            channel.write(msgspec.json.encode(said).decode() + "\n")

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal reaches it too; the engine says "stop"
    try:
        if hasattr(os, "nice"):
            os.nice(10)  # questions come first
        done = _run(Path(folder), say, _Orders())
    except DocentError as problem:
        say(Said(state="failed", code=problem.code.value, details=problem.details))
        return 1
    except MemoryError:
        say(Said(state="failed", code=Code.TRAINING_FAILED.value, details={"said": "not enough memory"}))
        return 1
    except ImportError:
        say(Said(state="failed", code=Code.TRAINING_NOT_INSTALLED.value, details={"install": jobs.INSTALL}))
        return 1
    except Exception as problem:  # torch raises anything, also where memory or the disk is full
        say(_failed(problem))
        return 1
    say(Said(state="done" if done else "stopped"))
    return 0 if done else 1


def _failed(problem: Exception) -> Said:
    said = f"{type(problem).__name__}: {problem}"[:200]
    code = Code.TRAINING_FAILED
    if is_disk_full(problem):
        code = Code.DISK_FULL
    elif "allocate memory" in said or "out of memory" in said:
        said = "not enough memory"
    return Said(state="failed", code=code.value, details={"said": said})


def _run(folder: Path, say: Callable[[Said], None], orders: _Orders) -> bool:
    began = time.monotonic()
    job = jobs.read(folder)
    if job is None:
        raise DocentError(Code.TRAINING_UNKNOWN, name=folder.name)
    say(Said(state="preparing"))
    base = jobs.check_base(job.base)
    needed, free = jobs.memory_bytes(base, job.settings), psutil.virtual_memory().available
    if needed > free:
        facts = {"needed_gib": round(needed / GIB, 1), "free_gib": round(free / GIB, 1)}
        raise DocentError(Code.TRAINING_NO_MEMORY, **facts)
    examples = read_examples(folder / jobs.EXAMPLES)
    if len(examples) < LEAST_EXAMPLES:
        raise DocentError(Code.EXAMPLES_TOO_FEW, count=len(examples), needed=LEAST_EXAMPLES)
    learnt, held = split(examples, job.settings.held_out)
    if not learnt:  # all ask the same, and that was held out
        learnt, held = held, learnt
    of = {id(example): one for example, one in zip(examples, _encode(job, examples), strict=True)}
    encoded = [of[id(example)] for example in (*learnt, *held)]
    start_from = import_adapter(job.start_from, job.base) if job.start_from else None
    compared = (encoded[len(learnt) :] or encoded)[:FORCED]

    last: Said | None = None

    def stepped(progress: Progress) -> None:
        nonlocal last
        if last is None:
            jobs.keep_losses(folder, progress.step - 1)
        with (folder / jobs.LOSSES).open("a", encoding="utf-8") as stream:
            stream.write(f"{progress.loss:.5f}\n")
        left = round(progress.seconds_left, 1)
        last = Said(state="training", step=progress.step, steps=progress.steps, loss=progress.loss, seconds_left=left)
        say(last)

    def stopped() -> bool:
        paused = orders.is_paused
        if paused:
            say(msgspec.structs.replace(last or Said(state=""), state="paused"))
        stop = orders.wait()
        if paused and not stop:
            say(last or Said(state="preparing"))
        return stop

    trained = train(
        job.weights or job.base,
        encoded[: len(learnt)],
        job.settings,
        folder,
        on_step=stepped,
        stopped=stopped,
        start_from=start_from,
        forced=compared,
    )
    if trained is None:
        return False
    say(Said(state="exporting"))
    adapter = folder / jobs.ADAPTER
    about = About(job.name, task=job.about, licence=job.licence, base_name=base.first.text("general.name"))
    export_adapter(trained.matrices, job.base, job.settings.alpha, about, adapter)
    sequences = [(each.prompt, each.answer) for each in compared]
    agreement = _agreement(trained.tokens, forced_tokens(job.base, str(adapter), sequences))
    base_agreement = _agreement(trained.base_tokens, forced_tokens(job.base, None, sequences))
    if orders.wait():
        return False
    say(Said(state="measuring"))
    asked = held[:MEASURED]
    extracts = are_extracts(examples)
    figures = _measure(job.base, adapter, asked, say, orders, extracts=extracts)
    if figures is None:
        return False
    card = AdapterCard(
        name=job.name,
        version=0,
        format=examples[0].format,
        base_name=base.first.text("general.name") or Path(job.base).stem,
        base_hash=file_hash(job.base),
        architecture=base.first.architecture,
        adapter_hash=file_hash(adapter),
        data_hash=fingerprint(examples),
        examples=len(learnt),
        held_out=len(held),
        settings=dict(jobs.facts(job.settings)),
        base=figures[0],
        adapter=figures[1],
        better=beats(figures[1], figures[0]),
        agreement=agreement,
        base_agreement=base_agreement,
        made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(time.monotonic() - began, 1),
        licence=job.licence,
        data=job.data,
        data_licence=job.data_licence,
        about=job.about,
        extracts=extracts,
    )
    jobs.write(folder / jobs.CARD, card)
    return True


def _encode(job: Job, examples: Sequence[Example]) -> list[Encoded]:
    tokens = PromptTokens(job.base)
    try:
        encoded = []
        for number, example in enumerate(examples, start=1):
            one = Encoded(tuple(tokens.prompt(prompt_of(example))), tuple(tokens.answer(example.answer)))
            if one.length > job.settings.room:
                raise DocentError(Code.EXAMPLE_TOO_LONG, example=number, tokens=one.length, most=job.settings.room)
            encoded.append(one)
        return encoded
    finally:
        tokens.close()


def _agreement(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]]) -> float | None:
    pairs = [pair for ours, theirs in zip(one, other, strict=True) for pair in zip(ours, theirs, strict=True)]
    return round(sum(a == b for a, b in pairs) / len(pairs), 4) if pairs else None


def _measure(
    base: str,
    adapter: Path,
    examples: Sequence[Example],
    say: Callable[[Said], None],
    orders: _Orders,
    *,
    extracts: bool,
) -> tuple[Figures, Figures] | None:
    """The figures without and with the adapter, as it is used; null where it was stopped."""
    longest = 0
    figures: list[Figures] = []
    model = ChatModel.load(base, device="cpu")
    try:
        for laid in (None, str(adapter)):
            model.set_adapter(laid)
            answers: list[Answered] = []
            for said in ask(model, examples, orders.stop.is_set, extracts=extracts and laid is not None):
                answers.append(said)
                longest += 1
                say(Said(state="measuring", step=longest, steps=2 * len(examples)))
                if orders.wait():
                    return None
            figures.append(measure(examples, answers))
    finally:
        model.close()
    return figures[0], figures[1]


def ask(
    model: ChatModel, examples: Iterable[Example], cancelled: Callable[[], bool], *, extracts: bool = False
) -> Iterator[Answered]:
    """Let ``model`` answer each example, always taking the likeliest token; with ``extracts`` of those that the sources
    allow."""
    for example in examples:
        began = time.perf_counter()
        generated = model.generate(
            prompt_of(example),
            max_tokens=LONGEST_ANSWER.get(example.format, LONGEST_STRUCTURED),
            temperature=0.0,
            on_text=lambda text: None,
            cancelled=cancelled,
            rule=Extracts([source.text for source in example.sources]) if extracts else None,
        )
        yield Answered(generated.text.strip(), time.perf_counter() - began)


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file."""
    import hashlib

    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

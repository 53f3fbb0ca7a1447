"""How long Stop takes, in every phase of a question: from the request to cancel to the job's last event.

While the engine imports the embedding model's library it may hear nothing for longer; there the window counts too.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from assistant_app.protocol import messages
from benchmarks import common
from benchmarks.in_window import Window

ROUNDS = 5
PAGES = 12
WANTED = "at most 100 ms"


def stop(
    engine: common.Engine,
    request: messages.Message,
    *,
    after: type[messages.Message] | None = None,
    seconds: float,
) -> float | None:
    """Milliseconds from the request to cancel to the end; null where the job had ended by itself before.

    Args:
        after: the event that begins the phase; null: the request itself.
        seconds: how far into the phase.
    """
    job = engine.begin(request)
    if after is not None:
        engine.until(job, after)
    time.sleep(seconds)
    if engine.has_ended(job):
        return None
    began = time.perf_counter()
    engine.begin(messages.Cancel(target=job))
    final = engine.final(job)
    ended = (time.perf_counter() - began) * 1000
    was_stopped = isinstance(final, messages.Failed) or (isinstance(final, messages.Answered) and final.stopped)
    return ended if was_stopped else None


def question(number: int) -> str:
    """A question that the document answers, another one for another ``number``."""
    sentence = common.prose(number % PAGES, 22).split(". ")[number // PAGES + 1]
    return f"Explain in many words: is it right that {sentence}?"


def report(phase: str, times: list[float | None]) -> None:
    """One line for a phase."""
    known = [each for each in times if each is not None]
    if known:
        common.say(f"Stop while {phase}", f"{max(known):.0f} ms", WANTED, common.spread(known, "ms"))
    else:
        common.say(f"Stop while {phase}", "-", WANTED, "it had always ended before")


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes a question and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listening.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        for each in kept:
            each.close()


def main() -> None:
    with common.folder() as folder:
        home = folder / "home"
        document = common.make_pdf(folder / "report.pdf", PAGES)
        other = common.make_pdf(folder / "other.pdf", PAGES, seed=3)
        with common.Engine(home) as engine:
            engine.run(messages.IndexDocuments(paths=[str(document), str(other)]))
        importing = []
        for _ in range(3):
            with common.Engine(home) as engine:  # the embedding model's library takes seconds to import
                importing.append(stop(engine, messages.Ask(question=question(0)), seconds=0.5))
        report("the embedding model is loaded", importing)
        pressed: list[float | None] = []
        for seconds in (0.5, 1.0, 2.0, 3.0, 4.0):
            with Window(home) as window:
                pressed.append(window.do("stop", question=question(0), seconds=seconds)["ms"])
        report("the engine starts and loads it, as the window has it", pressed)
        with common.Engine(home) as engine:
            phases(engine, document, other)


def phases(engine: common.Engine, document: Path, other: Path) -> None:
    """Every phase with a warm embedding model."""
    ask = messages.Ask(question=question(0))
    scope = [str(document)]
    engine.run(messages.ChangeSettings(values={"model.unload_minutes": 0, "answer.max_tokens": 64}))
    engine.run(messages.Ask(question=question(1), paths=scope))
    loading: list[float | None] = []
    for number in range(ROUNDS):
        # Another context length makes it load again.
        engine.run(messages.ChangeSettings(values={"model.context": 4096 + number}))
        loading.append(stop(engine, ask, after=messages.ModelLoading, seconds=0.02))
    report("the model is loaded", loading)
    engine.run(messages.Ask(question=question(1), paths=scope))

    reading: list[float | None] = []
    for number in range(ROUNDS):
        asked = messages.Ask(question=question(2 + number))
        reading.append(stop(engine, asked, after=messages.SourcesFound, seconds=0.1))
    report("the prompt is read", reading)
    report(
        "the answer is written",
        [stop(engine, ask, after=messages.AnswerText, seconds=0.1) for _ in range(ROUNDS)],
    )

    begun = engine.run(messages.Ask(question=question(0), conversation=0))[-1].event
    assert isinstance(begun, messages.Answered)
    assert begun.conversation is not None
    follow_up = messages.Ask(question="Why?", conversation=begun.conversation.id)
    report("a follow-up is rewritten", [stop(engine, follow_up, seconds=0.1) for _ in range(ROUNDS)])

    whole = messages.ReadWhole(paths=[str(document)])
    report(
        "a document is summarised",
        [stop(engine, whole, after=messages.WholeProgress, seconds=0.3) for _ in range(ROUNDS)],
    )
    both = messages.ReadWhole(paths=[str(document), str(other)])
    report(
        "two documents are compared",
        [stop(engine, both, after=messages.WholeProgress, seconds=0.3) for _ in range(ROUNDS)],
    )

    busy = engine.begin(whole)
    engine.until(busy, messages.WholeProgress)
    report("the question waits for another", [stop(engine, ask, seconds=0.05) for _ in range(ROUNDS)])
    engine.begin(messages.Cancel(target=busy))
    engine.final(busy)

    with silent_server() as address:
        engine.run(messages.ChangeSettings(values={"model.server": address, "model.server_model": "any"}))
        report("a server says nothing", [stop(engine, ask, seconds=0.5) for _ in range(ROUNDS)])


if __name__ == "__main__":
    main()

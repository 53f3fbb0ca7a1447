"""A question that is asked while a folder is indexed, against the same kind of question when nothing else is done."""

from __future__ import annotations

import statistics
from pathlib import Path

from assistant_app.protocol import messages
from benchmarks import common
from benchmarks.second_question import SENTENCES, first_word, questions

ROUNDS = 8
PAGES = 60


def main() -> None:
    idle, busy, under_way = [], [], 0
    with common.folder() as folder:
        asked = [
            common.make_pdf(folder / f"asked {seed}.pdf", 1, seed=seed, sentences=SENTENCES)
            for seed in range(2 * ROUNDS + 1)
        ]
        with common.Engine(folder / "home") as engine:
            engine.run(messages.ChangeSettings(values={"answer.max_tokens": 16}))
            engine.run(messages.IndexDocuments(paths=[str(path) for path in asked]))
            first_word(engine, questions(2 * ROUNDS)[0], asked.pop())  # loads the model
            for number in range(ROUNDS):
                milliseconds, _ = first_word(engine, questions(2 * number)[0], asked[2 * number])
                idle.append(milliseconds)
                more = folder / f"more {number}"
                more.mkdir()
                common.make_pdf(more / "long.pdf", PAGES, seed=900 + number)
                milliseconds, still = while_indexing(engine, more, 2 * number + 1, asked[2 * number + 1])
                busy.append(milliseconds)
                under_way += still
    ratios = [one / other for one, other in zip(busy, idle, strict=True)]
    common.say(
        "First word while a folder is indexed",
        f"{statistics.median(ratios):.2f} ×",
        "at most 1.5 × the time when idle",
        f"idle {common.spread(idle, 'ms')}; while indexing {common.spread(busy, 'ms')}; "
        f"indexing went on after the answer in {under_way} of {ROUNDS}",
    )


def while_indexing(engine: common.Engine, folder: Path, seed: int, path: Path) -> tuple[float, bool]:
    """Milliseconds to the first word of a question asked in the middle of indexing ``folder``; whether that went on."""
    job = engine.begin(messages.IndexDocuments(paths=[str(folder)]))
    for _ in range(5):  # in the middle of it
        engine.until(job, messages.IndexProgress)
    milliseconds, _ = first_word(engine, questions(seed)[0], path)
    still = not engine.has_ended(job)
    engine.until(job)
    return milliseconds, still


if __name__ == "__main__":
    main()

"""When a second question on the same sources gets its first word, against the first question on them."""

from __future__ import annotations

import statistics
from pathlib import Path

from assistant_app.protocol import messages
from benchmarks import common

ROUNDS = 5
FIRST = "When was the harbour opened, and how often has it been repaired?"
SECOND = "How many coins does every visitor pay?"


def first_word(engine: common.Engine, question: str, path: Path) -> tuple[float, messages.SourcesFound]:
    """Milliseconds from the question to the first piece of the answer, and the sources that it rests on."""
    seen = engine.run(messages.Ask(question=question, paths=[str(path)]))
    sources = next(each.event for each in seen if isinstance(each.event, messages.SourcesFound))
    word = next(each.at for each in seen if isinstance(each.event, messages.AnswerText))
    return (word - seen[0].at) * 1000, sources


def main() -> None:
    first, second, alike = [], [], 0
    with common.folder() as folder:
        # One page each holds no more passages than an answer is given: both questions rest on all of them.
        documents = [
            common.make_pdf(folder / f"report {number}.pdf", 1, seed=number, sentences=26)
            for number in range(ROUNDS + 1)
        ]
        with common.Engine(folder / "home") as engine:
            engine.run(messages.IndexDocuments(paths=[str(folder)]))
            first_word(engine, FIRST, documents.pop())  # loads the model
            for path in documents:
                cold, before = first_word(engine, FIRST, path)
                warm, after = first_word(engine, SECOND, path)
                first.append(cold)
                second.append(warm)
                alike += {hit.start for hit in before.hits} == {hit.start for hit in after.hits}
    ratios = [warm / cold for warm, cold in zip(second, first, strict=True)]
    common.say(
        "Second question on the same sources",
        f"{statistics.median(ratios):.2f} ×",
        "at most 0.25 × the first question's time to the first word",
        f"first {common.spread(first, 'ms')}; second {common.spread(second, 'ms')}; "
        f"the same sources in {alike} of {ROUNDS}",
    )


if __name__ == "__main__":
    main()

"""When a second question on the same sources gets its first word, against the first question on them."""

from __future__ import annotations

import statistics
from pathlib import Path

from assistant_app.protocol import messages
from benchmarks import common

ROUNDS = 5
SENTENCES = 26
"""On a page: no more than make the passages that an answer is given, so that both questions rest on all of them."""


def questions(seed: int) -> tuple[str, str]:
    """Two questions about the page that was made from ``seed``."""
    sentences = common.prose(seed * 10_000, SENTENCES).split(". ")
    return f"Is it right that {sentences[2]}?", f"Is it right that {sentences[17]}?"


def first_word(engine: common.Engine, question: str, path: Path) -> tuple[float, messages.SourcesFound]:
    """Milliseconds from the question to the first piece of the answer, and the sources that it rests on."""
    seen = engine.run(messages.Ask(question=question, paths=[str(path)]))
    sources = next(each.event for each in seen if isinstance(each.event, messages.SourcesFound))
    word = next(each.at for each in seen if isinstance(each.event, messages.AnswerText))
    return (word - seen[0].at) * 1000, sources


def main() -> None:
    first, second, alike = [], [], 0
    with common.folder() as folder:
        documents = [
            common.make_pdf(folder / f"report {seed}.pdf", 1, seed=seed, sentences=SENTENCES)
            for seed in range(ROUNDS + 1)
        ]
        with common.Engine(folder / "home") as engine:
            engine.run(messages.ChangeSettings(values={"answer.max_tokens": 32}))
            engine.run(messages.IndexDocuments(paths=[str(path) for path in documents]))
            first_word(engine, questions(ROUNDS)[0], documents.pop())  # loads the model
            for seed, path in enumerate(documents):
                one, other = questions(seed)
                cold, before = first_word(engine, one, path)
                warm, after = first_word(engine, other, path)
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

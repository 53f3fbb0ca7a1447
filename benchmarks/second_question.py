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


FOLLOW_UPS = ("And what about the roof?", "Who decided that?", "Why?")
"""Questions that mean something only after another one; each is made into a full one first."""


def first_word(
    engine: common.Engine, question: str, path: Path, conversation: int | None = None
) -> tuple[float, messages.SourcesFound, messages.Answered]:
    """Milliseconds from the question to the first piece of the answer, the sources that it rests on, and the answer."""
    seen = engine.run(messages.Ask(question=question, paths=[str(path)], conversation=conversation))
    sources = next(each.event for each in seen if isinstance(each.event, messages.SourcesFound))
    word = next(each.at for each in seen if isinstance(each.event, messages.AnswerText))
    answered = seen[-1].event
    assert isinstance(answered, messages.Answered)
    return (word - seen[0].at) * 1000, sources, answered


def say(what: str, first: list[float], second: list[float], alike: int) -> None:
    """One result: later questions against the first ones."""
    ratios = [warm / cold for warm, cold in zip(second, first, strict=True)]
    common.say(
        what,
        f"{statistics.median(ratios):.2f} ×",
        "at most 0.25 × the first question's time to the first word",
        f"first {common.spread(first, 'ms')}; then {common.spread(second, 'ms')}; "
        f"the same sources in {alike} of {len(first)}",
    )


def main() -> None:
    first: list[float] = []
    second: list[float] = []
    followed: list[float] = []
    alike = follow_ups_alike = rewritten = 0
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
                cold, before, begun = first_word(engine, one, path, conversation=0)
                warm, after, _ = first_word(engine, other, path)
                first.append(cold)
                second.append(warm)
                alike += {hit.start for hit in before.hits} == {hit.start for hit in after.hits}
                assert begun.conversation is not None
                # So that the model has the conversation's last turn in mind, as it has when a person goes on.
                engine.run(
                    messages.Ask(
                        question=one,
                        paths=[str(path)],
                        conversation=begun.conversation.id,
                        turn=begun.turn.id if begun.turn else None,
                    )
                )
                follow_up = FOLLOW_UPS[seed % len(FOLLOW_UPS)]
                warm, after, answered = first_word(engine, follow_up, path, begun.conversation.id)
                followed.append(warm)
                follow_ups_alike += {hit.start for hit in before.hits} == {hit.start for hit in after.hits}
                rewritten += bool(answered.answer.searched)
    say("Second question on the same sources", first, second, alike)
    say(f"Follow-up on the same sources ({rewritten} rewritten)", first, followed, follow_ups_alike)


if __name__ == "__main__":
    main()

"""What the adapters are worth: the starter model without and with each one that ships, on XQuAD's held-out articles.

Each question is asked with three sources: its own paragraph and two others of its article, in any order; and again, as
one that cannot be answered, with three others of its article. Decoding is greedy, without a grammar, and nothing stands
between model and figures: no search, no refusal by evidence. An adapter that learnt extracts is measured as it is used,
held to the words of the sources, and once more by itself. ``python -m benchmarks.adapters [QUESTIONS]`` (default 150 of
the 197).
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

from assistant_app.answering.format_check import measure
from assistant_app.answering.formats import RECORD, TEXT, AnswerRecord, Format, write_record
from assistant_app.answering.prompts import NOT_FOUND, harmless
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import starter_model
from assistant_app.paths import shipped_adapters
from assistant_app.protocol.training import Example, Figures, SourceText
from assistant_app.training.job import read_card
from assistant_app.training.process import ask
from benchmarks import common
from tools.adapter_examples import Asked, Paragraph, shared, xquad

QUESTIONS = 150
SOURCES = 3
REFUSALS = 0.5
"""Of so many of the questions the unanswerable twin is asked as well."""

WANTED = {
    TEXT: "F1 0.60, right source 0.92, refused 0.88, wrongly refused at most 0.05",
    RECORD: "valid 0.98",
}


def questions(count: int, form: Format) -> tuple[list[Example], list[list[str]]]:
    """The examples, and for each the wordings that are right. The same ones for both formats."""
    chance = random.Random(3)
    paragraphs = xquad(held_out=True)
    asked = [(paragraph, each) for paragraph in paragraphs for each in paragraph.asked]
    chosen = chance.sample(asked, min(count, len(asked)))
    examples: list[Example] = []
    accepted: list[list[str]] = []
    for number, (paragraph, each) in enumerate(chosen):
        others = [other for other in paragraphs if other.article == paragraph.article and other is not paragraph]
        examples.append(_example(each, [paragraph, *chance.sample(others, SOURCES - 1)], paragraph, form, chance))
        accepted.append([each.answer])
        foreign = [other for other in others if each.answer.casefold() not in other.text.casefold()]
        if number < REFUSALS * len(chosen) and len(foreign) >= SOURCES:
            examples.append(_example(each, chance.sample(foreign, SOURCES), None, form, chance))
            accepted.append([])
    return examples, accepted


def _example(
    asked: Asked, among: Sequence[Paragraph], own: Paragraph | None, form: Format, chance: random.Random
) -> Example:
    order = chance.sample(among, len(among))
    sources = [
        SourceText(name=f"{each.article} {number}", text=harmless(each.text), page=chance.randint(1, 90))
        for number, each in enumerate(order, start=1)
    ]
    place = None if own is None else next(number for number, each in enumerate(order) if each is own)
    if form == TEXT:
        answer = NOT_FOUND if place is None else f"{asked.answer} [{place + 1}]."
    elif place is None:
        answer = write_record(AnswerRecord("", "", None, False))
    else:  # the whole paragraph: any quote of it is from the right source
        answer = write_record(AnswerRecord(asked.answer, sources[place].text, sources[place].page, True))
    return Example(question=asked.question, sources=sources, answer=answer, format=form)


def main(arguments: Sequence[str]) -> int:
    if not (shared() / "xquad").is_dir():
        print("The shared test data is not there (DOCENT_TEST_DATA), so there is nothing to ask.")
        return 1
    count = int(arguments[0]) if arguments else QUESTIONS
    extra = [Path(each) for each in arguments[1:]]
    model = ChatModel.load(str(starter_model()), device="cpu")
    known: dict[Format, Figures] = {}
    for path in [*sorted(shipped_adapters().glob("*.gguf")), *extra]:
        card = read_card(path.with_suffix(".json"))
        form: Format = card.format if card else TEXT
        examples, accepted = questions(count, form)
        by_itself = [(f"{path.stem} by itself", str(path), False)] if card and card.extracts else []
        as_used = (path.stem, str(path), bool(by_itself))
        for name, laid, extracts in (("base", None, False), *by_itself, as_used):
            if laid is None and form in known:
                continue
            model.set_adapter(laid)
            figures = measure(examples, ask(model, examples, lambda: False, extracts=extracts), accepted)
            if laid is None:
                known[form] = figures
            _say(name, form, figures)
    model.close()
    return 0


def _say(name: str, form: Format, figures: Figures) -> None:
    common.say(
        f"{name}, {form}: token F1",
        _of(figures.f1),
        "told" if name == "base" else WANTED[form],
        f"exact match {_of(figures.exact)}, right source {_of(figures.cited)}, unanswerable refused "
        f"{_of(figures.refused)}, answerable wrongly refused {_of(figures.wrongly_refused)}, in its format without a "
        f"grammar {_of(figures.valid)}, {_of(figures.seconds)} s an answer; {figures.examples} questions",
    )


def _of(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

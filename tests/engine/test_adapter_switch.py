"""Which adapters answer a question: bound when it comes, as far as they suit the format, told in the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assistant_app.cli.output import answer_json
from assistant_app.engine.library_verbs import never
from assistant_app.engine.service import Service
from assistant_app.errors import Code
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from assistant_app.protocol.assistants import Assistant
from assistant_app.protocol.records import Answer, AnswerAdapter, Format, OutputFormat
from assistant_app.training.job import read_card
from tests import ggufs
from tests.models.test_gpu import Card

QUESTION = "What is the deductible of the Aurora plan?"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ggufs.tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf", context=8192)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, plan: Path, tiny: Path) -> Iterator[Service]:
    """The tiny model answers from :func:`plan`, with two adapters to choose from."""
    folder = tmp_path_factory.mktemp("adapters")
    with Service(Paths.resolve(tmp_path_factory.mktemp("home"))) as opened:
        opened.index([str(plan)])
        opened.settings.update({"model.path": str(tiny), "model.context": 8192, "answer.max_tokens": 16})
        for seed, name in enumerate(("Letters", "Tone"), start=1):
            opened.adapters.add(str(ggufs.adapter(folder / f"{name}.gguf", tiny, seed=seed, name=name, strength=2.0)))
        yield opened


@pytest.fixture
def shelf(library: Service) -> Iterator[Service]:
    library.use_adapter("letters", scale=1.0)
    yield library
    library.settings.update({"adapter.path": "", "adapter.also": ""})
    for each in library.assisting.all().assistants:
        if not each.shipped:
            library.assisting.delete(each.name)


def laid(answer: Answer) -> list[tuple[str, float]]:
    return [(each.file, each.scale) for each in answer.adapters]


# ---------------------------------------------------------------- the next question


@pytest.mark.parametrize("moment", [messages.ModelLoading, messages.AnswerText])
def test_a_switch_is_bound_to_the_next_question(shelf: Service, moment: type[messages.Message]) -> None:
    wanted = shelf.ask(QUESTION).answer.answer
    shelf.models.unload()
    switched: list[messages.Event] = []

    def report(event: messages.Event) -> None:
        if isinstance(event, moment) and not switched:
            switched.append(event)
            shelf.use_adapter("tone", scale=0.5)
            shelf.adapters.lay_also("letters", 0.25)

    first = shelf.talk.ask(messages.Ask(question=QUESTION, conversation=0), report, never)
    assert switched
    assert (first.answer.adapter, laid(first.answer)) == ("letters", [("letters", 1.0)])
    assert first.answer.answer == wanted
    assert first.conversation is not None
    number = first.conversation.id
    second = shelf.talk.ask(messages.Ask(question=QUESTION, conversation=number), report, never)
    assert second.answer.adapter == "tone + letters"
    assert laid(second.answer) == [("tone", 0.5), ("letters", 0.25)]
    assert second.answer.answer != wanted
    kept = [turn.answer.adapters for turn in shelf.conversations.turns(number)]
    assert kept == [first.answer.adapters, second.answer.adapters]
    assert [each.name for each in kept[1]] == ["Tone", "Letters"]


def test_a_question_that_is_understood_first_is_answered_with_what_was_laid_when_it_came(
    shelf: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def understood(*_: Any) -> str:
        shelf.use_adapter("tone", scale=0.5)
        return QUESTION

    monkeypatch.setattr(shelf.talk, "_full_question", understood)
    answered = shelf.talk.ask(messages.Ask(question="And the deductible?"), lambda event: None, never)
    assert laid(answered.answer) == [("letters", 1.0)]


def test_a_scale_of_nought_is_no_adapter(shelf: Service) -> None:
    shelf.use_adapter("letters", scale=0.0)
    answer = shelf.ask(QUESTION).answer
    assert (answer.adapter, answer.adapters) == (None, [])


def test_an_answer_that_was_kept_before_answers_told_scales_opens(shelf: Service) -> None:
    older = msgspec.json.encode({"question": "?", "answer": "So.", "found": True, "adapter": "letters"})
    opened = msgspec.json.decode(older, type=Answer)
    assert (opened.adapter, opened.adapters) == ("letters", [])


def test_the_command_line_tells_scales_where_they_are_not_as_usual() -> None:
    usual = [AnswerAdapter(file="letters", name="Letters")]
    answer = Answer(question="?", answer="So.", found=True, adapter="letters", adapters=usual)
    assert "adapters" not in answer_json(answer)
    for adapters in ([AnswerAdapter(file="letters", name="Letters", scale=0.5)], usual * 2):
        assert answer_json(msgspec.structs.replace(answer, adapters=adapters))["adapters"] == adapters


# ---------------------------------------------------------------- formats


def learnt(service: Service, name: str, format: Format, examples: int = 40) -> None:
    """Let the card of an adapter say what it was trained for."""
    place = Path(service.find_adapter(name)).with_suffix(".json")
    card = read_card(place)
    assert card is not None
    place.write_bytes(msgspec.json.encode(msgspec.structs.replace(card, format=format, examples=examples)))


def save(service: Service, **said: Any) -> str:
    labels = OutputFormat(kind="labels", labels=["Yes", "No", "Not stated"])
    service.assisting.save(Assistant(**{"name": "Test", "format": labels, "max_tokens": 16, **said}))
    return "Test"


@pytest.mark.parametrize(
    ("letters", "tone", "with_labels"),
    [
        ("text", "text", []),
        ("text", "labels", [("tone", 0.5)]),
        ("labels", "record", [("letters", 1.0)]),
        ("labels", "labels", [("letters", 1.0), ("tone", 0.5)]),
    ],
)
def test_an_adapter_that_learnt_another_format_is_taken_off(
    shelf: Service, letters: Format, tone: Format, with_labels: list[tuple[str, float]]
) -> None:
    learnt(shelf, "letters", letters)
    learnt(shelf, "tone", tone)
    shelf.adapters.lay_also("tone", 0.5)
    answer = shelf.ask(QUESTION, assistant=save(shelf)).answer
    assert (answer.format, laid(answer)) == ("labels", with_labels)
    assert answer.adapter == (" + ".join(name for name, _ in with_labels) or None)
    assert laid(shelf.ask(QUESTION).answer) == [("letters", 1.0), ("tone", 0.5)]  # without a format all of them


def test_an_adapter_that_was_named_for_it_is_laid_whatever_it_learnt(shelf: Service) -> None:
    learnt(shelf, "letters", "text")
    learnt(shelf, "tone", "text")
    name = save(shelf, adapter="tone", scale=0.75)
    assert laid(shelf.ask(QUESTION, assistant=name).answer) == [("tone", 0.75)]
    assert laid(shelf.ask(QUESTION, assistant=name, adapter=shelf.find_adapter("letters")).answer) == [
        ("letters", 0.75)
    ]


def test_what_an_adapter_from_elsewhere_learnt_is_left_to_who_chose_it(shelf: Service) -> None:
    learnt(shelf, "letters", "text", examples=0)
    assert laid(shelf.ask(QUESTION, assistant=save(shelf)).answer) == [("letters", 1.0)]


# ---------------------------------------------------------------- the graphics processor


def test_a_card_that_fails_while_it_answers_is_told_once_and_the_question_is_answered(
    shelf: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = shelf.ask(QUESTION).answer.answer
    shelf.models.unload()
    Card(monkeypatch, works=1)  # it takes the adapter, and not the prompt
    told: list[messages.Event] = []
    answers = [shelf.ask(QUESTION, report=told.append).answer for _ in range(2)]
    shelf.models.unload()
    assert [(each.answer, laid(each)) for each in answers] == [(wanted, [("letters", 1.0)])] * 2
    assert [each.code for each in told if isinstance(each, messages.Noted)] == [Code.GPU_FULL]

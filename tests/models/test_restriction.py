"""Sampling under a rule, with the real starter model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import starter_model

pytestmark = pytest.mark.models


class Words:
    """An answer is one of these words, whole."""

    def __init__(self, *words: str) -> None:
        self._words = [word.encode() for word in words]

    def allows(self, text: bytes) -> bool:
        return any(word.startswith(text) for word in self._words)

    def may_end(self, text: bytes) -> bool:
        return text in self._words


@pytest.fixture(scope="module")
def model() -> Iterator[ChatModel]:
    loaded = ChatModel.load(str(starter_model()), context=1024, device="cpu", threads=1)
    yield loaded
    loaded.close()


def answer(model: ChatModel, rule: Words | None, temperature: float = 0.0) -> str:
    said: list[str] = []
    generated = model.generate(
        [{"role": "user", "content": "What is the capital of France?"}],
        max_tokens=24,
        temperature=temperature,
        on_text=said.append,
        cancelled=lambda: False,
        rule=rule,
    )
    assert generated.text == "".join(said)
    return generated.text


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_an_answer_keeps_to_its_rule(model: ChatModel, temperature: float) -> None:
    words = ("Zürich am See", "日本", "no")
    assert answer(model, Words(*words), temperature) in words


def test_the_rule_goes_with_its_question(model: ChatModel) -> None:
    before = answer(model, None)
    assert len(before) > 10
    assert answer(model, Words("Oslo")) == "Oslo"
    assert answer(model, None) == before


def test_what_the_model_says_by_itself_is_left_as_it_is(model: ChatModel) -> None:
    free = answer(model, None)
    assert answer(model, Words(free)) == free


def test_where_nothing_is_allowed_the_answer_ends(model: ChatModel) -> None:
    assert answer(model, Words()) == ""

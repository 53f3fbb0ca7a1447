"""Real adapters for the starter model: what acts is shown to act, and what is wrong never reaches llama.cpp."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models import laid_adapters
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import starter_model
from assistant_app.models.probe import probe
from assistant_app.paths import shipped_adapters
from assistant_app.protocol.training import Example, SourceText
from assistant_app.training.dataset import prompt_of
from tests import ggufs

pytestmark = pytest.mark.models

RECORD = shipped_adapters() / "json-record.gguf"
"""Trained by Docent's own code: its answers are JSON, the base's are not."""

ASKED = Example(
    question="When did the harbour of Lindholm open?",
    answer="",
    sources=[SourceText(name="Guide.pdf", text="The harbour of Lindholm opened in 1874. It has two piers.", page=4)],
    format="record",
)


@pytest.fixture(scope="module")
def starter() -> Iterator[ChatModel]:
    model = ChatModel.load(str(starter_model()), threads=1)
    yield model
    model.close()


def ask(model: ChatModel) -> str:
    return model.generate(
        prompt_of(ASKED), max_tokens=60, temperature=0, on_text=lambda text: None, cancelled=lambda: False
    ).text


def is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def test_an_adapter_changes_the_shape_of_the_answer_and_the_base_comes_back_to_the_letter(starter: ChatModel) -> None:
    base = ask(starter)
    assert not is_object(base)
    starter.set_adapter(str(RECORD))
    adapted = ask(starter)
    assert is_object(adapted)
    starter.set_adapter(None)
    assert ask(starter) == base
    starter.set_adapter(str(RECORD))
    assert ask(starter) == adapted


def test_the_probe_tells_what_acts_from_what_changes_nothing(starter: ChatModel, tmp_path: Path) -> None:
    acting = probe(starter, str(RECORD))
    assert acting.acts
    assert acting.difference is not None
    assert acting.difference > 1.0
    zeros = ggufs.adapter(tmp_path / "zeros.gguf", starter_model(), strength=0.0)
    nothing = probe(starter, str(zeros))
    assert (nothing.acts, nothing.difference) == (False, 0.0)
    assert probe(starter, str(RECORD)) == acting


def test_numbers_that_are_none_are_told(starter: ChatModel, tmp_path: Path) -> None:
    path = ggufs.adapter(tmp_path / "nan.gguf", starter_model(), strength=float("inf"))
    found = probe(starter, str(path))
    assert (found.acts, found.difference) == (False, None)
    starter.set_adapter(None)
    assert ask(starter)


def _wrong_shape(folder: Path) -> Path:
    return ggufs.adapter(folder / "wide.gguf", starter_model(), stretch=8)


def _another_architecture(folder: Path) -> Path:
    return ggufs.adapter(folder / "qwen.gguf", starter_model(), architecture="qwen2")


def _cut(tenths: int) -> object:
    def make(folder: Path) -> Path:
        return ggufs.cut(RECORD, folder / "cut.gguf", RECORD.stat().st_size * tenths // 10)

    return make


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_wrong_shape, Code.ADAPTER_WRONG_BASE),
        (_another_architecture, Code.ADAPTER_WRONG_ARCHITECTURE),
        (_cut(0), Code.ADAPTER_NOT_GGUF),
        *((_cut(tenths), Code.ADAPTER_TRUNCATED) for tenths in range(1, 10)),
    ],
)
def test_what_is_wrong_never_reaches_llama_cpp(
    starter: ChatModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, code: Code
) -> None:
    def reached(*_: object) -> object:
        raise AssertionError("it reached the native loader")

    monkeypatch.setattr(laid_adapters.llama, "llama_adapter_lora_init", reached)
    assert callable(make)
    with pytest.raises(DocentError) as caught:
        starter.set_adapter(str(make(tmp_path)))
    assert caught.value.code is code

"""How much of a model goes to a graphics processor, and what happens when it does not fit; none is needed for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models import chat_model
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import GPU_SPARE, fitting_layers, inspect_model
from assistant_app.protocol.records import Device
from tests import ggufs


def gpu(free: int) -> list[Device]:
    return [Device(name="G", description="A card", kind="gpu", memory_bytes=2**40, free_bytes=free)]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of layers that were given to a card that says it has no room left."""
    layers: list[int] = []
    load = ChatModel._load

    def full(self: ChatModel, gpu_layers: int, on_progress: Any) -> None:
        layers.append(gpu_layers)
        if gpu_layers != 0:
            raise DocentError(Code.MODEL_LOAD_FAILED, path=self.path, said="out of device memory")
        load(self, gpu_layers, on_progress)

    monkeypatch.setattr(ChatModel, "_load", full)
    return layers


def test_as_many_layers_as_fit(tiny: Path) -> None:
    model = msgspec.structs.replace(inspect_model(tiny), layers=9, memory_bytes=10 * 2**30)
    assert fitting_layers(model, 0) == 0
    assert fitting_layers(model, GPU_SPARE + 2**30 - 1) == 0
    assert fitting_layers(model, GPU_SPARE + 2**30) == 1
    assert fitting_layers(model, GPU_SPARE + 9 * 2**30) == 9
    assert fitting_layers(model, GPU_SPARE + 10 * 2**30) == -1
    assert fitting_layers(model, 2**40) == -1


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_a_card_that_is_full_falls_back_and_says_so(
    tiny: Path, tried: list[int], monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setattr(chat_model, "devices", lambda: gpu(2**40))
    model = ChatModel.load(str(tiny), threads=1, device=device)
    assert tried == [-1, 0]
    assert model.fell_back is not None
    assert (model.fell_back.code, model.fell_back.details["said"]) == (Code.GPU_FULL, "out of device memory")
    model.close()


def test_a_card_without_room_is_not_tried(tiny: Path, tried: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_model, "devices", lambda: gpu(GPU_SPARE))
    model = ChatModel.load(str(tiny), threads=1)
    assert tried == [0]
    assert model.fell_back is not None
    model.close()


def test_who_wants_the_processor_is_told_nothing(tiny: Path, tried: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for found, device, layers in ((gpu(2**40), "cpu", -1), ([], "auto", -1), (gpu(2**40), "auto", 0)):
        monkeypatch.setattr(chat_model, "devices", lambda found=found: found)
        model = ChatModel.load(str(tiny), threads=1, device=device, gpu_layers=layers)
        assert model.fell_back is None
        model.close()
    assert tried == [0, 0, 0]


def test_a_load_that_is_cancelled_is_not_tried_again(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def cancelled(self: ChatModel, gpu_layers: int, on_progress: Any) -> None:
        tries.append(gpu_layers)
        raise DocentError(Code.CANCELLED)

    monkeypatch.setattr(chat_model, "devices", lambda: gpu(2**40))
    monkeypatch.setattr(ChatModel, "_load", cancelled)
    with pytest.raises(DocentError) as caught:
        ChatModel.load(str(tiny), threads=1)
    assert (caught.value.code, tries) == (Code.CANCELLED, [-1])


# ---------------------------------------------------------------- while it answers


class Card:
    """A made-up card that computes as the processor does, and fails from the ``works``-th call of llama_decode on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, works: int = 0) -> None:
        self.works = works
        self.failures = 0
        self.spoilt: list[int] = []
        """The contexts in which something is computed on it."""
        self.processor_fails = False
        decode, make = chat_model.llama.llama_decode, ChatModel._make_context

        def decoded(context: Any, batch: Any) -> int:
            if context in self.spoilt:
                self.works -= 1
            if self.processor_fails or (context in self.spoilt and self.works < 0):
                self.failures += 1
                return -2  # what llama.cpp says where no memory can be had for a batch
            return int(decode(context, batch))

        def made(model: ChatModel, context: int, threads: int) -> None:
            make(model, context, threads)
            if model._gpu_layers:
                self.spoilt.append(model._context)

        monkeypatch.setattr(chat_model.llama, "llama_decode", decoded)
        monkeypatch.setattr(ChatModel, "_make_context", made)
        monkeypatch.setattr(chat_model, "devices", lambda: gpu(2**40))


def answer_of(model: ChatModel, grammar: str = "", cancelled: Any = lambda: False) -> tuple[str, str]:
    """What ``model`` answers, and what of it arrived."""
    arrived: list[str] = []
    generated = model.generate(
        [{"role": "user", "content": "When was the harbour opened? " * 4}],
        max_tokens=12,
        temperature=0.0,
        on_text=arrived.append,
        cancelled=cancelled,
        grammar=grammar,
    )
    return generated.text, "".join(arrived)


DIGITS = "root ::=" + " [0-9]" * 12


@pytest.mark.parametrize("works", [0, 5], ids=["at the prompt", "in the middle of the answer"])
@pytest.mark.parametrize("grammar", ["", DIGITS], ids=["freely", "in a grammar"])
def test_a_card_that_fails_while_it_answers_leaves_the_question_to_the_processor(
    tiny: Path, tmp_path: Path, model: ChatModel, monkeypatch: pytest.MonkeyPatch, works: int, grammar: str
) -> None:
    lora = ggufs.adapter(tmp_path / "lora.gguf", tiny)
    model.set_adapter(str(lora), 0.5)
    wanted, _ = answer_of(model, grammar)
    card = Card(monkeypatch, works=works + 1)  # one for trying the adapter out
    falling = ChatModel.load(str(tiny), threads=1)
    falling.set_adapter(str(lora), 0.5)
    assert (len(card.spoilt), card.failures, falling.fell_back) == (1, 0, None)
    assert answer_of(falling, grammar) == (wanted, wanted)  # nothing is lost, and nothing comes twice
    assert card.failures == 1
    assert falling.fell_back is not None
    assert (falling.fell_back.code, falling.fell_back.details) == (
        Code.GPU_FULL,
        {"path": str(tiny), "said": "llama_decode returned -2"},
    )
    falling.fell_back = None
    assert answer_of(falling, grammar) == (wanted, wanted)
    assert (card.failures, falling.fell_back) == (1, None)  # it stays on the processor, and that is told once
    falling.set_adapters([])
    assert answer_of(falling, grammar)[0] != wanted
    falling.close()


def test_a_processor_that_fails_too_is_an_error(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(monkeypatch)
    model = ChatModel.load(str(tiny), threads=1)
    card.processor_fails = True
    with pytest.raises(DocentError) as caught:
        answer_of(model)
    assert (caught.value.code, card.failures) == (Code.GENERATION_FAILED, 2)
    with pytest.raises(DocentError) as caught:
        answer_of(model)
    assert (caught.value.code, card.failures) == (Code.GENERATION_FAILED, 3)  # it is not loaded again and again
    card.processor_fails = False
    assert answer_of(model)[0]
    model.close()


def test_who_stops_while_the_processor_takes_over_is_heard(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(monkeypatch)
    model = ChatModel.load(str(tiny), threads=1)
    assert answer_of(model, cancelled=lambda: card.failures > 0) == ("", "")
    assert model.fell_back is None  # it did not come to that
    assert answer_of(model)[0]
    assert model.fell_back is not None
    model.close()


def test_a_model_without_room_beside_the_card_says_so(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(monkeypatch)
    model = ChatModel.load(str(tiny), threads=1)

    def too_large(*_: Any) -> None:
        raise DocentError(Code.MODEL_TOO_LARGE, path=model.path)

    monkeypatch.setattr(chat_model, "check_memory", too_large)
    with pytest.raises(DocentError) as caught:
        answer_of(model)
    assert caught.value.code is Code.MODEL_TOO_LARGE
    card.works = 100
    assert answer_of(model)[0]  # the card has room again: nothing was lost
    assert model.fell_back is None
    assert np.isfinite(model.scores([{"role": "user", "content": "When?"}])).all()
    model.close()

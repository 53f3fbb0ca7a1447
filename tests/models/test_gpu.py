"""How much of a model goes to a graphics processor, and what happens when it does not fit; none is needed for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models import chat_model
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import GPU_SPARE, fitting_layers, inspect_model
from assistant_app.protocol.records import Device


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

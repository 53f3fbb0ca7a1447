"""PEFT folders: what a converted one holds is what PEFT means by it, and what is no plain LoRA is refused."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_app.errors import Code, DocentError
from assistant_app.models.adapters import inspect_adapter
from assistant_app.models.gguf_export import neighbours
from assistant_app.models.peft_folder import convert
from tests import ggufs

CONFIG = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "base_model_name_or_path": "someone/Tiny-1B"}

Q = "base_model.model.model.layers.0.self_attn.q_proj"
DOWN = "base_model.model.model.layers.1.mlp.down_proj"


def matrices(rank: int = 4) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(5)

    def matrix(*shape: int) -> NDArray[np.float32]:
        return random.normal(0.0, 0.5, shape).astype(np.float32)

    return {
        f"{Q}.lora_A.weight": matrix(rank, ggufs.EMBEDDING),
        f"{Q}.lora_B.weight": matrix(ggufs.EMBEDDING, rank),
        f"{DOWN}.lora_A.weight": matrix(rank, ggufs.FEED_FORWARD),
        f"{DOWN}.lora_B.weight": matrix(ggufs.EMBEDDING, rank),
    }


def folder(
    place: Path, config: Mapping[str, object] | None = None, weights: Mapping[str, NDArray[Any]] | None = None
) -> Path:
    """A PEFT folder; uint16 stands for bf16."""
    place.mkdir()
    (place / "adapter_config.json").write_text(json.dumps({**CONFIG, **(config or {})}))
    kinds = {"float32": "F32", "float16": "F16", "float64": "F64", "uint16": "BF16", "int32": "I32"}
    header, data = {}, b""
    for name, each in (weights or matrices()).items():
        ends = [len(data), len(data) + each.nbytes]
        header[name] = {"dtype": kinds[str(each.dtype)], "shape": each.shape, "data_offsets": ends}
        data += each.tobytes()
    described = json.dumps(header).encode()
    (place / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(described)) + described + data)
    return place


def numbers(path: Path) -> dict[str, NDArray[np.float32]]:
    return {each.name: np.asarray(each.data, np.float32) for each in gguf.GGUFReader(path).tensors}


def refusal(place: Path, base: Path, to: Path) -> DocentError:
    with pytest.raises(DocentError) as caught:
        convert(place, base, to)
    assert not to.exists()
    assert not list(to.parent.glob("*.part"))
    return caught.value


@pytest.mark.parametrize("kind", ["float32", "float16", "float64", "bfloat16"])
def test_a_folder_is_converted_whatever_its_numbers_are_kept_in(tiny: Path, tmp_path: Path, kind: str) -> None:
    weights = matrices()
    if kind == "bfloat16":
        kept = {name: (each.view(np.uint32) >> 16).astype(np.uint16) for name, each in weights.items()}
    else:
        kept = {name: each.astype(kind) for name, each in weights.items()}
    said = convert(folder(tmp_path / "Letters", weights=kept), tiny, tmp_path / "made.gguf")
    assert said == ("Letters", "Tiny-1B")
    adapter = inspect_adapter(tmp_path / "made.gguf")
    assert (adapter.name, adapter.rank, adapter.alpha, adapter.tensors) == ("Letters", 4, 8.0, 2)
    found = numbers(tmp_path / "made.gguf")
    close = {"rtol": 2**-7, "atol": 1e-3}
    np.testing.assert_allclose(found["blk.1.ffn_down.weight.lora_a"], weights[f"{DOWN}.lora_A.weight"], **close)
    np.testing.assert_allclose(
        found["blk.0.attn_q.weight.lora_b"], neighbours(weights[f"{Q}.lora_B.weight"], ggufs.HEADS), **close
    )


def test_a_rank_stabilised_adapter_keeps_its_strength(tiny: Path, tmp_path: Path) -> None:
    convert(folder(tmp_path / "rs", {"use_rslora": True}), tiny, tmp_path / "made.gguf")
    # PEFT multiplies with alpha / sqrt(r), llama.cpp with alpha / r.
    assert inspect_adapter(tmp_path / "made.gguf").alpha / 4 == pytest.approx(8 / math.sqrt(4))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "biases"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"alpha_pattern": {"q_proj": 3}}, "alpha"),
        ({"fan_in_fan_out": True}, "transposed"),
        ({"r": 0}, "rank"),
        ({"r": "four"}, "adapter_config.json"),
        ({"lora_alpha": None}, "adapter_config.json"),
    ],
)
def test_what_is_no_plain_lora_is_refused(tiny: Path, tmp_path: Path, config: dict[str, object], said: str) -> None:
    error = refusal(folder(tmp_path / "peft", config), tiny, tmp_path / "made.gguf")
    assert error.code is Code.ADAPTER_FOLDER_UNSUPPORTED
    assert said in str(error.details["said"])


def test_matrices_without_a_place_or_of_a_wrong_shape_are_refused(tiny: Path, tmp_path: Path) -> None:
    weights = matrices()
    strange = {**weights, "base_model.model.lm_head.lora_A.weight": weights[f"{Q}.lora_A.weight"]}
    odd = {**weights, f"{Q}.lora_B.weight": np.ones((31, 4), np.float32)}
    alone = {name: each for name, each in weights.items() if name != f"{Q}.lora_B.weight"}
    wide = {**weights, f"{Q}.lora_A.weight": np.ones((4, 99), np.float32)}
    whole = {**weights, f"{Q}.lora_A.weight": np.ones((4, 32), np.int32)}
    broken = {**weights, f"{Q}.lora_A.weight": np.full((4, 32), np.nan, np.float32)}
    huge = {**weights, f"{Q}.lora_A.weight": np.full((4, 32), 1e30, np.float32)}
    expected = {
        "strange": (strange, Code.ADAPTER_FOLDER_UNSUPPORTED),
        "odd": (odd, Code.ADAPTER_FOLDER_UNSUPPORTED),
        "alone": (alone, Code.ADAPTER_DAMAGED),
        "wide": (wide, Code.ADAPTER_WRONG_BASE),
        "whole": (whole, Code.ADAPTER_FOLDER_UNSUPPORTED),
        "broken": (broken, Code.ADAPTER_DAMAGED),
        "huge": (huge, Code.ADAPTER_DAMAGED),
    }
    for name, (changed, code) in expected.items():
        error = refusal(folder(tmp_path / name, weights=changed), tiny, tmp_path / "made.gguf")
        assert (error.code, error.details["path"]) == (code, str(tmp_path / name))


def test_files_that_are_missing_cut_or_lie_are_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error = refusal(tmp_path / "empty", tiny, tmp_path / "made.gguf")
    assert error.code is Code.ADAPTER_FOLDER_UNSUPPORTED
    whole = (folder(tmp_path / "whole") / "adapter_model.safetensors").read_bytes()
    cut = folder(tmp_path / "cut") / "adapter_model.safetensors"
    for tenths in range(10):
        cut.write_bytes(whole[: len(whole) * tenths // 10])
        assert refusal(cut.parent, tiny, tmp_path / "made.gguf").code is Code.ADAPTER_DAMAGED
    header = json.dumps({"x": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]}}).encode()
    cut.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    assert refusal(cut.parent, tiny, tmp_path / "made.gguf").code is Code.ADAPTER_DAMAGED
    (cut.parent / "adapter_config.json").write_text("[" * 100_000)
    assert refusal(cut.parent, tiny, tmp_path / "made.gguf").code is Code.ADAPTER_FOLDER_UNSUPPORTED


def test_an_architecture_whose_matrices_have_other_names_is_refused(tmp_path: Path) -> None:
    other = ggufs.tiny_model(tmp_path / "other.gguf", architecture="gemma2")
    error = refusal(folder(tmp_path / "peft"), other, tmp_path / "made.gguf")
    assert (error.code, "gemma2" in str(error.details["said"])) == (Code.ADAPTER_FOLDER_UNSUPPORTED, True)


@pytest.mark.parametrize("shape", [[1] * 70, [0, 2**62], [4]])
def test_matrices_of_impossible_shapes_are_damaged(tmp_path: Path, tiny: Path, shape: list[int]) -> None:
    made = folder(tmp_path / "odd", weights={f"{Q}.lora_A.weight": np.zeros(0, np.float32)})
    count = math.prod(shape)
    header = {f"{Q}.lora_A.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * count]}}
    text = json.dumps(header).encode()
    (made / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4 * count))
    with pytest.raises(DocentError) as caught:
        convert(made, tiny, tmp_path / "to.gguf")
    assert caught.value.code is Code.ADAPTER_DAMAGED

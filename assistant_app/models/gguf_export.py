"""Writes a LoRA adapter, as PEFT names its matrices, into a GGUF file as llama.cpp takes it.

Neither torch nor peft is needed: matrices come as numpy arrays. Names follow llama.cpp's own tables (gguf-py,
``tensor_mapping.py``); of the ``llama`` architecture the rows of the query and key matrices are kept in another order
there (llama.cpp's rotary embedding pairs neighbours, Hugging Face's halves), and with them the rows of ``lora_b``.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
from numpy.typing import NDArray

from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.models.adapters import check_adapter
from assistant_app.models.model_files import read_model

ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""Whose matrices have these names."""

_PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NAME = re.compile(r"(?:base_model\.model\.)?model\.layers\.(\d+)\.(.+)\.lora_([AB])(?:\.default)?\.weight")


class Heads(NamedTuple):
    """Attention heads of the base, and its key-value heads."""

    query: int
    key: int


class About(NamedTuple):
    """What the file says of itself besides its matrices."""

    name: str
    task: str = ""
    licence: str = ""
    base_name: str = ""


def export_adapter(
    matrices: Mapping[str, NDArray[np.float32]], base_path: str | os.PathLike[str], alpha: float, about: About, to: Path
) -> None:
    """Write the adapter to ``to``, in half precision, and check that it fits the base.

    Args:
        matrices: by PEFT's names (``…layers.0.self_attn.q_proj.lora_A.weight``): A (rank, in), B (out, rank).
        base_path: the GGUF of the model that it was trained on.

    Raises:
        DocentError: ``training_unsupported`` (``architecture``, or ``tensor``: one that has no place in a GGUF), the
            codes of ``read_model`` and ``check_adapter``, ``disk_full``, ``file_unwritable``.
    """
    base = read_model(base_path).first
    architecture = base.architecture
    if architecture not in ARCHITECTURES:
        raise DocentError(Code.TRAINING_UNSUPPORTED, architecture=architecture[:100])
    query = base.integer(f"{architecture}.attention.head_count", 1)
    heads = Heads(query, base.integer(f"{architecture}.attention.head_count_kv", query))
    half = to.with_suffix(".part")
    try:
        writer = gguf.GGUFWriter(half, architecture)
        with contextlib.closing(writer):
            _describe(writer, alpha, about)
            for name, matrix in sorted(_tensors(matrices, architecture, heads).items()):
                writer.add_tensor(name, matrix)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        check_adapter(half, base_path)
        os.replace(half, to)
    except OSError as problem:
        code = Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE
        raise DocentError(code, path=str(to)) from problem
    finally:
        half.unlink(missing_ok=True)


def _describe(writer: Any, alpha: float, about: About) -> None:
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(alpha))
    if about.task:
        writer.add_string("adapter.lora.task_name", about.task)
    writer.add_name(about.name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    if about.licence:
        writer.add_license(about.licence)
    if about.base_name:
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, about.base_name)


def _tensors(
    matrices: Mapping[str, NDArray[np.float32]], architecture: str, heads: Heads
) -> dict[str, NDArray[np.float16]]:
    found: dict[str, NDArray[np.float16]] = {}
    for name, matrix in matrices.items():
        match = _NAME.fullmatch(name)
        part = _PARTS.get(match[2]) if match else None
        if match is None or part is None or matrix.ndim != 2:
            raise DocentError(Code.TRAINING_UNSUPPORTED, tensor=name[:200])
        layer, side = match[1], match[3]
        if side == "B" and architecture == "llama" and part in ("attn_q", "attn_k"):
            of = heads.query if part == "attn_q" else heads.key
            if of < 1 or matrix.shape[0] % (2 * of):
                raise DocentError(Code.TRAINING_UNSUPPORTED, tensor=name[:200])
            matrix = neighbours(matrix, of)
        found[f"blk.{layer}.{part}.weight.lora_{side.lower()}"] = np.ascontiguousarray(matrix, dtype=np.float16)
    return found


def neighbours(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """The rows of (out, …), of each head: first and second half become pairs of neighbours."""
    rows = matrix.shape[0]
    return matrix.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(matrix.shape)


def halves(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undoes :func:`neighbours`."""
    rows = matrix.shape[0]
    return matrix.reshape(heads, rows // heads // 2, 2, -1).swapaxes(1, 2).reshape(matrix.shape)


def import_adapter(path: str | os.PathLike[str], base_path: str | os.PathLike[str]) -> dict[str, NDArray[np.float32]]:
    """The matrices of an exported adapter by PEFT's names, to go on training from.

    Raises:
        DocentError: the codes of ``check_adapter``; ``training_unsupported`` (``tensor``) for one that was exported by
            something else and changes other matrices, or keeps them quantised.
    """
    check_adapter(path, base_path)
    base = read_model(base_path).first
    architecture = base.architecture
    query = base.integer(f"{architecture}.attention.head_count", 1)
    heads = Heads(query, base.integer(f"{architecture}.attention.head_count_kv", query))
    places = {place: part for part, place in _PARTS.items()}
    found: dict[str, NDArray[np.float32]] = {}
    for tensor in gguf.GGUFReader(path).tensors:
        match = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight\.lora_([ab])", tensor.name)
        plain = tensor.tensor_type in (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.F32)
        if match is None or match[2] not in places or not plain:
            raise DocentError(Code.TRAINING_UNSUPPORTED, tensor=tensor.name[:200])
        matrix = np.asarray(tensor.data, dtype=np.float32)
        if match[3] == "b" and architecture == "llama" and match[2] in ("attn_q", "attn_k"):
            matrix = halves(matrix, heads.query if match[2] == "attn_q" else heads.key)
        name = f"base_model.model.model.layers.{match[1]}.{places[match[2]]}.lora_{match[3].upper()}.weight"
        found[name] = matrix
    return found

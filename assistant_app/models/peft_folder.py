"""A LoRA adapter as PEFT keeps it, a folder of two files, becomes a GGUF that llama.cpp takes.

The folder is untrusted input: safetensors holds no code, its reader checks every offset, and the file is read as a
whole before anything is believed (what shrinks under a mapping kills the process).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from assistant_app.errors import Code, DocentError
from assistant_app.models.gguf_export import About, export_adapter

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

LARGEST_CONFIG = 2**20
LARGEST_WEIGHTS = 2 * 2**30

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class _Config(msgspec.Struct):
    """The part of PEFT's ``LoraConfig`` that says what the numbers mean."""

    peft_type: str
    r: int
    lora_alpha: float
    base_model_name_or_path: str | None = None
    use_rslora: bool = False
    use_dora: bool = False
    fan_in_fan_out: bool = False
    bias: str = "none"
    modules_to_save: list[str] | None = None
    rank_pattern: dict[str, Any] | None = None
    alpha_pattern: dict[str, Any] | None = None
    layer_replication: list[Any] | None = None


class Converted(NamedTuple):
    """What the folder said of itself."""

    name: str
    base_name: str


def is_peft_folder(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a folder with either of the two files."""
    return any((Path(path) / name).is_file() for name in (CONFIG, WEIGHTS))


def convert(folder: str | os.PathLike[str], base_path: str | os.PathLike[str], to: Path) -> Converted:
    """Write the adapter of ``folder`` to ``to``, in half precision, and check that it fits the base.

    Args:
        base_path: the GGUF of the model that it is to be laid over.

    Raises:
        DocentError: ``adapter_folder_unsupported`` (``said``), ``adapter_unreadable``, ``adapter_damaged``, the codes
            of ``check_adapter``, ``disk_full``, ``file_unwritable``.
    """
    place = Path(folder)
    config = _config(place)
    matrices = dict(_matrices(place))
    base_name = Path(config.base_model_name_or_path or "").name[:200]
    alpha = config.lora_alpha * math.sqrt(config.r) if config.use_rslora else config.lora_alpha
    name = place.name[:200].encode("utf-8", "replace").decode()
    about = About(name, base_name=base_name)
    try:
        export_adapter(matrices, base_path, alpha, about, to)
    except DocentError as problem:
        if problem.code is Code.TRAINING_UNSUPPORTED:
            what = problem.details.get("tensor") or problem.details.get("architecture")
            raise _unsupported(place, f"it changes {what}, which has no place in a GGUF") from problem
        if "path" in problem.details and problem.code.startswith("adapter"):
            raise DocentError(problem.code, **{**problem.details, "path": str(place)}) from problem
        raise
    return Converted(about.name, base_name)


def _unsupported(folder: Path, said: str) -> DocentError:
    return DocentError(Code.ADAPTER_FOLDER_UNSUPPORTED, path=str(folder), said=said[:300])


def _read(folder: Path, name: str, largest: int) -> bytes:
    """At most ``largest`` bytes, however the file grows meanwhile."""
    path = folder / name
    if not path.is_file():
        raise _unsupported(folder, f"{name} is not in it")
    try:
        with path.open("rb") as stream:
            content = stream.read(largest + 1)
    except OSError as problem:
        raise DocentError(Code.ADAPTER_UNREADABLE, path=str(path)) from problem
    if len(content) > largest:
        raise _unsupported(folder, f"{name} is larger than {largest / 2**20:.0f} MiB")
    return content


def _config(folder: Path) -> _Config:
    try:
        config = msgspec.json.decode(_read(folder, CONFIG, LARGEST_CONFIG), type=_Config)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _unsupported(folder, f"{CONFIG}: {problem}") from problem
    wrong = {
        f"it is {config.peft_type[:40]}, not LORA": config.peft_type != "LORA",
        "its rank or alpha is no number": not (0 < config.r < 2**16 and 0 < abs(config.lora_alpha) < 2**20),
        "it is a DoRA": config.use_dora,
        "its matrices are transposed": config.fan_in_fan_out,
        "it changes biases": config.bias != "none",
        "it replaces whole modules": bool(config.modules_to_save),
        "its alpha differs from layer to layer": bool(config.alpha_pattern),
        "its ranks differ, with use_rslora": config.use_rslora and bool(config.rank_pattern),
        "it repeats layers": bool(config.layer_replication),
    }
    for said, is_so in wrong.items():
        if is_so:
            raise _unsupported(folder, said)
    return config


def _matrices(folder: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    damaged = DocentError(Code.ADAPTER_DAMAGED, path=str(folder))
    try:
        tensors = deserialize(_read(folder, WEIGHTS, LARGEST_WEIGHTS))  # type: ignore[no-untyped-call]
    except SafetensorError as problem:
        raise damaged from problem
    for name, tensor in tensors:
        layout = _TYPES.get(tensor["dtype"])
        if layout is None:
            raise _unsupported(folder, f"{name[:100]} holds numbers of the type {tensor['dtype']}")
        if len(tensor["shape"]) != 2:
            raise damaged
        try:
            numbers = np.frombuffer(tensor["data"], dtype=layout).reshape(tensor["shape"])
        except ValueError as problem:  # sizes that no memory has
            raise damaged from problem
        if tensor["dtype"] == "BF16":
            numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore"):
            if not np.isfinite(numbers.astype(np.float16)).all():
                raise damaged
        yield name, numbers.astype(np.float32)

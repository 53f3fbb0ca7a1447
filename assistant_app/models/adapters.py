"""LoRA adapters in GGUF files: what their headers say, and whether they fit a model.

llama.cpp trusts an adapter's header; a file that is none, or is for another model, ends in a null pointer or a crash.
So everything is checked here first.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from assistant_app.errors import Code, DocentError
from assistant_app.models.gguf_header import ARRAY, FLOAT32, UINT32, Header, Tensor, read_header
from assistant_app.models.model_files import read_model
from assistant_app.models.tensor_types import NO_WEIGHTS
from assistant_app.protocol.records import Adapter

_A, _B = ".lora_a", ".lora_b"

_ALPHA, _INVOCATION = "adapter.lora.alpha", "adapter.alora.invocation_tokens"
_TYPES = {_ALPHA: (FLOAT32,), _INVOCATION: (ARRAY, UINT32)}
"""Of values that llama.cpp asks for: of another type, they end the process."""

TOKEN_EMBEDDING = "token_embd.weight"


def inspect_adapter(path: str | os.PathLike[str]) -> Adapter:
    """What the header of an adapter says.

    ``rank`` is the commonest of its tensors'; ``fits`` is not compared here.

    Raises:
        DocentError: ``adapter_missing``, ``adapter_unreadable``, ``adapter_not_gguf``, ``adapter_not_lora``,
            ``adapter_truncated``, ``adapter_damaged``.
    """
    header = read_header(path, "adapter")
    pairs = _pairs(header)
    ranks = Counter(_rank(name, a, b) for name, (a, b) in pairs.items())
    return Adapter(
        path=header.path,
        name=header.text("general.name")[:200] or Path(header.path).stem,
        architecture=header.architecture,
        size=header.size,
        rank=ranks.most_common(1)[0][0],
        alpha=_alpha(header),
        tensors=len(pairs),
        task=header.text("adapter.lora.task_name")[:200],
        prompt_prefix=header.text("adapter.lora.prompt_prefix")[:2000],
    )


class About(NamedTuple):
    """What a file says of itself besides its numbers; "" where it says nothing."""

    name: str
    architecture: str
    task: str
    base_name: str
    licence: str
    url: str


def describe_adapter(path: str | os.PathLike[str]) -> About:
    """What is written on an adapter, for its card.

    Raises:
        DocentError: the codes of :func:`inspect_adapter`.
    """
    header = read_header(path, "adapter")
    _pairs(header)
    urls = ("general.repo_url", "general.source.url", "general.url")
    return About(
        name=header.text("general.name")[:200],
        architecture=header.architecture[:100],
        task=header.text("adapter.lora.task_name")[:200],
        base_name=header.text("general.base_model.0.name")[:200],
        licence=header.text("general.license")[:200],
        url=next((header.text(key)[:200] for key in urls if header.text(key)), ""),
    )


def check_adapter(path: str | os.PathLike[str], base_path: str | os.PathLike[str]) -> None:
    """Whether the adapter at ``path`` can be laid over the model at ``base_path``: architecture, names, shapes.

    Nothing in the file ties an adapter to one fine-tune: an adapter for another fine-tune of the same shape passes.

    Raises:
        DocentError: the codes of :func:`inspect_adapter` and :func:`read_model`, ``adapter_wrong_architecture``,
            ``adapter_wrong_base`` (``tensor``: the first that does not fit).
    """
    header = read_header(path, "adapter")
    pairs = _pairs(header)
    base = read_model(base_path)
    if header.architecture != base.first.architecture:
        raise DocentError(
            Code.ADAPTER_WRONG_ARCHITECTURE,
            path=header.path,
            adapter_architecture=header.architecture[:100],
            model_architecture=base.first.architecture[:100],
        )
    tensors = base.tensors
    for name, (a, b) in pairs.items():
        tensor = tensors.get(name)
        if tensor is None or not _fits(tensor, a, b):
            raise DocentError(Code.ADAPTER_WRONG_BASE, path=header.path, tensor=name[:200])


def discover_adapters(*folders: str | os.PathLike[str]) -> list[Adapter]:
    """The adapters in ``folders`` and below, by path; files that are none, or cannot be read, are left out."""
    found: dict[str, Adapter] = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.gguf")):
            try:
                adapter = inspect_adapter(path)
            except DocentError:
                continue
            found[adapter.path] = adapter
    return list(found.values())


def _alpha(header: Header) -> float:
    value = header.values.get(_ALPHA, 0.0)
    if not isinstance(value, float) or not math.isfinite(value):
        raise DocentError(Code.ADAPTER_DAMAGED, path=header.path)
    return value


def _pairs(header: Header) -> dict[str, tuple[Tensor, Tensor]]:
    """Name of the base's tensor to its two low-rank matrices, after every check that needs no base."""
    if header.text("general.type") != "adapter" or header.text("adapter.type") != "lora":
        raise DocentError(Code.ADAPTER_NOT_LORA, path=header.path)
    if header.missing:
        raise DocentError(Code.ADAPTER_TRUNCATED, path=header.path, missing_bytes=header.missing)
    damaged = DocentError(Code.ADAPTER_DAMAGED, path=header.path)
    _alpha(header)
    if any(header.kinds.get(key, kind) != kind for key, kind in _TYPES.items()):
        raise damaged
    tensors = header.tensors
    pairs: dict[str, tuple[Tensor, Tensor]] = {}
    for name, tensor in tensors.items():
        if tensor.type in NO_WEIGHTS or tensor.size < 0:
            raise damaged
        if name.endswith(_A):
            base = name.removesuffix(_A)
            other = tensors.get(base + _B)
            if other is None or _rank(base, tensor, other) < 1:
                raise damaged
            pairs[base] = (tensor, other)
        elif name.endswith(_B):
            if name.removesuffix(_B) + _A not in tensors:
                raise damaged
        elif not name.endswith("_norm.weight"):  # llama.cpp passes these over
            raise damaged
    if not pairs or not header.architecture:
        raise damaged
    return pairs


def _rank(name: str, a: Tensor, b: Tensor) -> int:
    """The rank that both matrices share, 0 where they disagree.

    Of the token embedding both are stored the other way round: rows of A are looked up, not multiplied.
    """
    if len(a.shape) < 2 or len(b.shape) < 2 or a.shape[2:] != b.shape[2:]:
        return 0
    inner, outer = (a.shape[0], b.shape[0]) if name == TOKEN_EMBEDDING else (a.shape[1], b.shape[0])
    return inner if inner == outer else 0


def _fits(tensor: Tensor, a: Tensor, b: Tensor) -> bool:
    """Whether A × B has the shape of the base's ``tensor`` (llama-adapter.cpp makes the same comparison)."""
    if len(tensor.shape) < 2 or a.shape[2:] != tensor.shape[2:]:
        return False
    if tensor.name == TOKEN_EMBEDDING:
        return tensor.shape[0] == b.shape[1] and tensor.shape[1] == a.shape[1]
    return tensor.shape[0] == a.shape[0] and tensor.shape[1] == b.shape[1]

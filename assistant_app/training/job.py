"""A training's folder: what is to be done with which examples, its checkpoint, and at the end the adapter and its card.

The process that trains (:mod:`assistant_app.training.process`) is told nothing else, so it can be ended at any moment
and begun again with the same folder.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.models.gguf_export import ARCHITECTURES
from assistant_app.models.model_files import read_model
from assistant_app.protocol.records import Record
from assistant_app.protocol.training import AdapterCard, Example
from assistant_app.training.dataset import fingerprint, read_examples
from assistant_app.training.lora import CHECKPOINT, Settings

if TYPE_CHECKING:
    from assistant_app.models.model_files import ModelFile

JOB, EXAMPLES, ADAPTER, CARD, LOSSES = "job.json", "examples.jsonl", "adapter.gguf", "card.json", "losses.jsonl"

INSTALL = "pip install 'docent[training]'"
"""The command that adds the training libraries."""

_FIXED_BYTES = 900 * 2**20
"""Python, torch and transformers themselves."""
_BYTES_PER_WEIGHT = 4.0
_BYTES_PER_LEARNT = 16.0
"""The adapter's weight, its gradient and the optimiser's two averages, in float32."""
_KEPT_PER_LAYER = (22, 9)
"""Numbers that the backward pass keeps of each token in each layer, in units of the width of the residual stream and of
the feed-forward layer; measured (docs/performance.md)."""


class Job(Record):
    """What is to be trained.

    Attributes:
        base: the GGUF that answers: its template, its vocabulary and, without ``weights``, its weights.
        weights: a folder with the same model as safetensors, "" for none.
        start_from: an adapter's GGUF to begin with, "" for none.
    """

    name: str
    base: str
    settings: Settings
    weights: str = ""
    start_from: str = ""
    licence: str = ""
    data: str = ""
    data_licence: str = ""
    about: str = ""


class Said(Record):
    """A line that the training process writes: its state, the error that ended it, or that it is done."""

    state: str
    step: int = 0
    steps: int = 0
    loss: float | None = None
    seconds_left: float | None = None
    code: str = ""
    details: dict[str, str | int | float | None] = {}


def begin(folder: Path, job: Job, examples: Sequence[Example]) -> None:
    """Write a new training's folder; one that is there is gone on with, if its examples and settings are the same.

    Raises:
        DocentError: ``disk_full`` or ``file_unwritable``.
    """
    known = read(folder)
    if known == job and (folder / EXAMPLES).is_file() and _same_examples(folder, examples):
        return
    discard(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / EXAMPLES).write_bytes(b"".join(msgspec.json.encode(example) + b"\n" for example in examples))
        write(folder / JOB, job)
    except OSError as problem:
        raise DocentError(
            Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE, path=str(folder)
        ) from problem


def _same_examples(folder: Path, examples: Sequence[Example]) -> bool:
    try:
        return fingerprint(read_examples(folder / EXAMPLES)) == fingerprint(examples)
    except DocentError:
        return False


def read(folder: Path) -> Job | None:
    """The job of a folder; null where it holds none that can be read."""
    try:
        return msgspec.json.decode((folder / JOB).read_bytes(), type=Job)
    except (OSError, msgspec.DecodeError, RecursionError):
        return None


def read_card(path: Path) -> AdapterCard | None:
    """The card at ``path``, which anybody may have written; null where it is none."""
    try:
        if path.stat().st_size > 2**20:
            return None
        return msgspec.json.decode(path.read_bytes(), type=AdapterCard)
    except (OSError, msgspec.DecodeError, RecursionError):
        return None


def write(path: Path, value: object) -> None:
    """Replace ``path`` by ``value`` as JSON, in one step."""
    half = path.with_suffix(".part")
    half.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
    os.replace(half, path)


def discard(folder: Path) -> None:
    """Delete a training's folder, and only the files that a training makes; it stays where others lie in it.

    Raises:
        DocentError: ``file_unwritable``.
    """
    try:
        for name in (JOB, EXAMPLES, ADAPTER, CARD, LOSSES, CHECKPOINT):
            for each in (folder / name, (folder / name).with_suffix(".part")):
                each.unlink(missing_ok=True)
    except OSError as problem:
        raise DocentError(Code.FILE_UNWRITABLE, path=str(folder)) from problem
    with suppress(OSError):
        folder.rmdir()


def losses(folder: Path) -> list[float]:
    """The losses of the steps until now, for the plot."""
    try:
        lines = (folder / LOSSES).read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [value for value in map(_number, lines) if math.isfinite(value)]


def keep_losses(folder: Path, count: int) -> None:
    """Keep those of the first ``count`` steps: a process that was killed told more than its checkpoint holds."""
    kept = losses(folder)[:count]
    (folder / LOSSES).write_text("".join(f"{value:.5f}\n" for value in kept), encoding="utf-8")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def check_base(path: str) -> ModelFile:
    """The header of a base that can be trained on.

    Raises:
        DocentError: the codes of ``read_model``; ``training_unsupported`` (``architecture``).
    """
    model = read_model(path)
    if model.first.architecture not in ARCHITECTURES:
        raise DocentError(Code.TRAINING_UNSUPPORTED, path=path, architecture=model.first.architecture[:100])
    return model


def weight_count(base: ModelFile) -> int:
    """How many numbers the model's tensors hold."""
    return sum(math.prod(tensor.shape) for tensor in base.tensors.values())


def memory_bytes(base: ModelFile, settings: Settings) -> int:
    """An estimate of what training takes, from the base's header: weights in float32, what is learnt, what a step of
    ``settings.room`` tokens keeps for the backward pass, and the scores of a quarter of them."""
    head = base.first
    architecture = head.architecture
    layers = head.integer(f"{architecture}.block_count", 1)
    width = head.integer(f"{architecture}.embedding_length", 1)
    inner = head.integer(f"{architecture}.feed_forward_length", 4 * width)
    heads = head.integer(f"{architecture}.attention.head_count", 1)
    weights = weight_count(base)
    words = max((tensor.shape[-1] for tensor in base.tensors.values() if tensor.name == "token_embd.weight"), default=0)
    learnt = settings.rank * layers * (6 * width + 3 * (width + inner))
    kept = settings.room * layers * (_KEPT_PER_LAYER[0] * width + _KEPT_PER_LAYER[1] * inner + 2 * heads) * 4
    scores = settings.room // 4 * words * 4 * 3
    return int(_FIXED_BYTES + weights * _BYTES_PER_WEIGHT + learnt * _BYTES_PER_LEARNT + kept + scores)


def facts(settings: Settings) -> Mapping[str, float | int]:
    """The settings as a card shows them."""
    return dict(msgspec.to_builtins(settings))

"""The training itself: a LoRA laid over the model that answers, learnt from examples, with checkpoints.

Low-rank adaptation: Hu et al. 2021, https://arxiv.org/abs/2106.09685. The base is read from its GGUF file and
de-quantised, because that is the model which answers; loss counts on the answers only. torch, transformers and peft are
imported only here and in the process that runs this.
"""

from __future__ import annotations

import math
import os
import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Record
from assistant_app.training.packing import NO_LOSS, Encoded, Pack, pack, tensors

CHECKPOINT = "checkpoint.pt"


class Settings(Record):
    """How an adapter is trained.

    Attributes:
        rank: of the two matrices; ``alpha`` / ``rank`` scales their product.
        learning_rate: the highest; it rises over the first steps and falls as a cosine.
        epochs: how often each example is seen.
        room: tokens of a step.
        dropout: share of an adapter's inputs that are left out at random; on a processor it costs a fifth of the speed.
        held_out: share of the questions that are not learnt but measured with.
        seed: the same seed, examples and settings make the same adapter on the same machine.
        checkpoint_seconds: so much work is lost at most when the process is killed.
    """

    rank: int = 16
    alpha: int = 32
    learning_rate: float = 6e-4
    epochs: int = 3
    room: int = 2048
    dropout: float = 0.0
    held_out: float = 0.1
    seed: int = 1
    checkpoint_seconds: float = 60.0


class Trained(NamedTuple):
    """The adapter's matrices by PEFT's names, and what it and the base alone would write at each place of the forced
    examples' answers."""

    matrices: dict[str, NDArray[np.float32]]
    tokens: list[list[int]]
    base_tokens: list[list[int]]


class Progress(Record):
    """One step: ``loss`` is the mean cross entropy of its answers' tokens, in nats; ``seconds_left`` counts on the
    speed of this run."""

    step: int
    steps: int
    loss: float
    seconds_left: float


def schedule(packs: Sequence[Pack], settings: Settings) -> list[Pack]:
    """The packs in the order in which they are learnt, one a step, each epoch shuffled anew."""
    chosen = random.Random(settings.seed)
    order: list[Pack] = []
    for _ in range(settings.epochs):
        epoch = list(packs)
        chosen.shuffle(epoch)
        order += epoch
    return order


def rate(step: int, steps: int, highest: float) -> float:
    """The learning rate of a step (from 0): a rise over a twentieth of the steps, then half a cosine down to a
    twentieth of the highest."""
    rise = max(1, min(steps // 20, 50))
    if step < rise:
        return highest * (step + 1) / rise
    done = (step - rise) / max(1, steps - rise)
    return highest * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def load_base(path: str) -> Any:
    """The model of a GGUF file or a model folder as PyTorch has it, in float32, on the processor.

    Raises:
        DocentError: ``training_unsupported`` (``architecture``) or ``model_load_failed``.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        if os.path.isdir(path):
            return AutoModelForCausalLM.from_pretrained(
                path, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
        folder, name = os.path.split(os.path.abspath(path))
        return AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=name, dtype=torch.float32, local_files_only=True, trust_remote_code=False
        )
    except Exception as problem:  # what the loaders raise on a file that they cannot take is anything
        raise DocentError(Code.MODEL_LOAD_FAILED, path=path, said=f"{type(problem).__name__}: {problem}"[:200]) from (
            problem
        )


def with_adapter(base: Any, settings: Settings) -> Any:
    """``base`` frozen, with a fresh adapter over the matrices of its attention and feed-forward layers."""
    from peft import LoraConfig, get_peft_model

    layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=layers,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by an older name
        return get_peft_model(base, config)


def best_device() -> str:
    """``cuda``, ``mps`` or ``cpu``: what this build of torch can compute on here."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def computes_bf16(device: str) -> bool:
    """Whether bf16 is faster than float32 here: on a processor without instructions for it, it is thirty times slower
    (tried)."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device == "mps":
        return False
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _scores(model: Any, packed: Pack, device: str, bf16: bool) -> tuple[Any, Any]:
    """The scores of the vocabulary at each place of the answers (places, words), and the tokens that stand there."""
    import torch

    laid = tensors(packed)
    causal = model.get_base_model()
    with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
        hidden = causal.model(
            input_ids=laid.tokens.to(device),
            position_ids=laid.positions.to(device),
            attention_mask=laid.mask.to(device),
            use_cache=False,
        ).last_hidden_state
        wanted = laid.labels.to(device)
        counted = wanted != NO_LOSS
        return causal.lm_head(hidden[counted]).float(), wanted[counted]


def loss(model: Any, packed: Pack, device: str, bf16: bool) -> Any:
    """The mean cross entropy of the answers' tokens of one pack, in nats."""
    import torch

    return torch.nn.functional.cross_entropy(*_scores(model, packed, device, bf16))


def likeliest(model: Any, examples: Sequence[Encoded], device: str) -> list[list[int]]:
    """For each example the likeliest token at each place of its answer, as ``models.forced`` has it of llama.cpp."""
    import torch

    with torch.no_grad():
        return [
            _scores(model, Pack((example,), len(example.prompt) - 1), device, False)[0].argmax(-1).tolist()
            for example in examples
        ]


def _checkpoint(path: Path) -> Any:
    """What :func:`train` kept; null where that is nothing, or cannot be read: then it begins anew."""
    import torch

    if not path.exists():
        return None
    try:
        return torch.load(path, weights_only=True)
    except Exception:  # what torch raises on a damaged file is anything
        return None


def train(
    base_path: str,
    examples: Sequence[Encoded],
    settings: Settings,
    folder: Path,
    *,
    on_step: Callable[[Progress], None],
    stopped: Callable[[], bool],
    start_from: Mapping[str, NDArray[np.float32]] | None = None,
    forced: Sequence[Encoded] = (),
) -> Trained | None:
    """Train, going on from the checkpoint in ``folder`` if there is one.

    Args:
        base_path: a GGUF file or a model folder.
        stopped: asked before each step; true writes a checkpoint and ends. It may wait, for a pause.
        start_from: matrices of an adapter of the same shape, to begin with instead of fresh ones.
        forced: examples for which the likeliest tokens are told, to compare the exported adapter with.

    Returns:
        Null where it was stopped.

    Raises:
        DocentError: ``training_failed`` (``said``), and the codes of :func:`load_base`.
    """
    import torch
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    torch.manual_seed(settings.seed)
    device = best_device()
    bf16 = computes_bf16(device)
    model = with_adapter(load_base(base_path), settings).to(device)
    if start_from is not None:
        set_peft_model_state_dict(model, {name: torch.from_numpy(matrix) for name, matrix in start_from.items()})
    model.train()
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=settings.learning_rate, weight_decay=0.01)
    order = schedule(pack(examples, settings.room), settings)
    step = 0
    checkpoint = folder / CHECKPOINT
    kept = _checkpoint(checkpoint)
    if kept is not None:
        set_peft_model_state_dict(model, kept["adapter"])
        optimiser.load_state_dict(kept["optimiser"])
        torch.set_rng_state(kept["chance"])
        step = kept["step"]

    def learnt_so_far() -> dict[str, torch.Tensor]:
        # Embeddings are never learnt, and to find that out PEFT would look for the base on a hub.
        return dict(get_peft_model_state_dict(model, save_embedding_layers=False))

    def keep() -> None:
        state = {
            "adapter": learnt_so_far(),
            "optimiser": optimiser.state_dict(),
            "chance": torch.get_rng_state(),
            "step": step,
        }
        half = checkpoint.with_suffix(".part")
        torch.save(state, half)
        os.replace(half, checkpoint)

    kept_at = time.monotonic()
    tokens = 0
    seconds = 0.0
    while step < len(order):
        if stopped():
            keep()
            return None
        began = time.monotonic()
        for group in optimiser.param_groups:
            group["lr"] = rate(step, len(order), settings.learning_rate)
        value = loss(model, order[step], device, bf16)
        measured = float(value.detach())
        if not math.isfinite(measured):
            raise DocentError(Code.TRAINING_FAILED, said="the loss is no number any more")
        value.backward()
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        tokens += order[step].length
        step += 1
        now = time.monotonic()
        seconds += now - began
        left = sum(each.length for each in order[step:]) * seconds / tokens
        on_step(Progress(step=step, steps=len(order), loss=measured, seconds_left=left))
        if now - kept_at >= settings.checkpoint_seconds:
            keep()
            kept_at = time.monotonic()
    if step > 0:
        keep()
    model.eval()
    with model.disable_adapter():
        of_base = likeliest(model, forced, device)
    matrices = {name: value.detach().float().cpu().numpy() for name, value in learnt_so_far().items()}
    return Trained(matrices, likeliest(model, forced, device), of_base)

"""Models of some thousand random weights for transformers, and examples for them."""

from __future__ import annotations

import random
from typing import Any

from assistant_app.training.packing import Encoded

WORDS = 264
"""As many as ``tests.ggufs`` gives its models."""


def tiny(architecture: str, seed: int = 5) -> Any:
    """A randomly initialised model with grouped key-value heads, in float32."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

    shape: dict[str, Any] = {
        "vocab_size": WORDS,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.3,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    torch.manual_seed(seed)
    if architecture == "llama":
        model: Any = LlamaForCausalLM(LlamaConfig(**shape))
    elif architecture == "qwen2":
        model = Qwen2ForCausalLM(Qwen2Config(**shape))
    else:
        model = Qwen3ForCausalLM(Qwen3Config(**shape, head_dim=128))  # transformers reads no other from a GGUF
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if name.endswith("bias") or "norm" in name:
                weights.add_(torch.randn_like(weights) * 0.2)
    return model.float().eval()


def examples(count: int, seed: int = 1) -> list[Encoded]:
    """Prompts of some 30 tokens, three of which always begin alike, with answers of up to eight."""
    chosen = random.Random(seed)

    def tokens(least: int, most: int) -> tuple[int, ...]:
        return tuple(chosen.randrange(3, WORDS) for _ in range(chosen.randint(least, most)))

    found: list[Encoded] = []
    while len(found) < count:
        trunk = (1, *tokens(24, 30))
        found += [Encoded((*trunk, *tokens(1, 2)), (*tokens(1, 7), 2)) for _ in range(3)]
    return found[:count]

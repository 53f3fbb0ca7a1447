"""Tiny sentence-transformers models with random weights, written by the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from assistant_app.library.embedder import built_in_folder


def write_embedder(
    folder: Path,
    *,
    dimensions: int = 32,
    longest: int = 256,
    seed: int = 0,
    prompts: Mapping[str, str] | None = None,
) -> Path:
    """A BERT of one layer with the words of the built-in model; texts with the same words are a little near."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(str(built_in_folder()), local_files_only=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=dimensions,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * dimensions,
        max_position_embeddings=512,
    )
    base = folder.with_name(f"{folder.name}.base")
    BertModel(config).save_pretrained(base)
    tokenizer.save_pretrained(base)
    modules = [Transformer(str(base), max_seq_length=longest), Pooling(dimensions)]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    if prompts is not None:
        place = folder / "config_sentence_transformers.json"
        said = json.loads(place.read_text())
        place.write_text(json.dumps({**said, "prompts": dict(prompts)}))
    return folder

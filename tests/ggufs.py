"""GGUF files that the tests make themselves: small models that load, adapters, and files that must be refused."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
from gguf.constants import TokenType

from assistant_app.protocol.records import AdapterCard, Figures

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

SPECIAL = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")

EMBEDDING, HEADS, FEED_FORWARD = 32, 4, 64


def tiny_model(
    path: Path,
    *,
    architecture: str = "llama",
    template: str | None = TEMPLATE,
    context: int = 512,
    layers: int = 2,
    special: Sequence[str] = SPECIAL,
    defined: Sequence[str] = (),
    knows_bytes: bool = True,
    values: Mapping[str, Any] | None = None,
    name: str = "Tiny",
    seed: int = 7,
    ends: bool = True,
) -> Path:
    """A llama of some 50,000 random weights that llama.cpp loads and runs; its words make no sense.

    Args:
        template: the chat template, None for a model without.
        special, defined: texts of control tokens, and of tokens of the kind "user defined".
        knows_bytes: every byte is a token, so that any text can be read and written; else the letters are.
        values: further values of the header (whole numbers, floats, booleans or texts), or other ones.
        ends: it may say that its answer is done. When it does is chance, and differs between processors.
    """
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_block_count(layers)
    writer.add_context_length(context)
    writer.add_embedding_length(EMBEDDING)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    count = _add_vocabulary(writer, special, defined, knows_bytes)
    if template is not None:
        writer.add_chat_template(template)
    for key, value in (values or {}).items():
        _add_value(writer, key, value)
    random = np.random.default_rng(seed)
    for tensor, shape in shapes(count, layers).items():
        ones = tensor.endswith("norm.weight")
        data = np.ones(shape) if ones else random.normal(0.0, 0.2, shape)
        if tensor == "output.weight" and not ends:
            data[2] = data[-len(special) - len(defined) :] = 0.0  # never the likeliest of so many
        writer.add_tensor(tensor, data.astype(np.float32))
    _write(writer)
    return path


def shapes(vocabulary: int, layers: int) -> dict[str, tuple[int, ...]]:
    """Name to shape (slowest dimension first, as numpy has it) of a tiny model's tensors."""
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, EMBEDDING)}
    for layer in range(layers):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            found[f"blk.{layer}.{part}.weight"] = (EMBEDDING, EMBEDDING)
        for part in ("ffn_gate", "ffn_up"):
            found[f"blk.{layer}.{part}.weight"] = (FEED_FORWARD, EMBEDDING)
        found[f"blk.{layer}.ffn_down.weight"] = (EMBEDDING, FEED_FORWARD)
        for part in ("attn_norm", "ffn_norm"):
            found[f"blk.{layer}.{part}.weight"] = (EMBEDDING,)
    found["output_norm.weight"] = (EMBEDDING,)
    found["output.weight"] = (vocabulary, EMBEDDING)
    return found


def _add_vocabulary(writer: gguf.GGUFWriter, special: Sequence[str], defined: Sequence[str], knows_bytes: bool) -> int:
    """Returns how many tokens there are."""
    every_byte = [(f"<0x{byte:02X}>", TokenType.BYTE) for byte in range(256)]
    letters = [(chr(code), TokenType.NORMAL) for code in range(ord("a"), ord("z") + 1)]
    tokens = [
        ("<unk>", TokenType.UNKNOWN),
        ("<s>", TokenType.CONTROL),
        ("</s>", TokenType.CONTROL),
        *(every_byte if knows_bytes else letters),
        ("▁", TokenType.NORMAL),
        *((text, TokenType.CONTROL) for text in special),
        *((text, TokenType.USER_DEFINED) for text in defined),
    ]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    return len(tokens)


def _add_value(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    writer.kv_data[0].pop(key, None)
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _write(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""Of Hugging Face's modules, as llama.cpp calls them."""


def of_transformers(path: Path, model: Any, *, template: str | None = TEMPLATE, name: str = "Written") -> Path:
    """A model of transformers (llama, qwen2 or qwen3, of 264 words) as GGUF, in float32.

    Of a llama the rows of the query and key matrices are put in the order in which llama.cpp's own converter puts them.
    """
    config = model.config
    architecture = config.model_type
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(512)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(head)
    writer.add_key_length(head)
    writer.add_value_length(head)
    count = _add_vocabulary(writer, SPECIAL, (), True)
    assert count == config.vocab_size
    if template is not None:
        writer.add_chat_template(template)
    for its, weights in model.state_dict().items():
        data = weights.float().numpy()
        if architecture == "llama" and its.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config.num_attention_heads if "q_proj" in its else config.num_key_value_heads
            data = data.reshape(heads, 2, -1, data.shape[1]).swapaxes(1, 2).reshape(data.shape)
        writer.add_tensor(_tensor_name(its), np.ascontiguousarray(data))
    _write(writer)
    return path


def _tensor_name(name: str) -> str:
    module, kind = name.rsplit(".", 1)
    if module.startswith("model.layers."):
        number, module = module.removeprefix("model.layers.").split(".", 1)
        return f"blk.{number}.{_NAMES[module]}.{kind}"
    return f"{_NAMES[module]}.{kind}"


def split_model(folder: Path, stem: str = "tiny") -> list[Path]:
    """A tiny model in two parts, as llama.cpp's own splitter names and marks them."""
    whole = gguf.GGUFReader(tiny_model(folder / "whole.gguf"))
    names = [tensor.name for tensor in whole.tensors]
    half = len(names) // 2
    paths = []
    for number, chosen in enumerate((names[:half], names[half:])):
        path = folder / f"{stem}-{number + 1:05d}-of-00002.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        if number == 0:
            for key, field in whole.fields.items():
                if key.startswith("GGUF.") or key == "general.architecture":
                    continue
                kind = field.types[0]
                writer.add_key_value(key, field.contents(), kind, field.types[-1] if len(field.types) > 1 else None)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", len(names))
        for tensor in whole.tensors:
            if tensor.name in chosen:
                writer.add_tensor(tensor.name, np.array(tensor.data))
        _write(writer)
        paths.append(path)
    (folder / "whole.gguf").unlink()
    return paths


def huge_model(path: Path, layers: int = 400) -> Path:
    """An honest header over some 350 GiB of nothing: a sparse file that takes no room on the disk."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Huge")
    writer.add_block_count(layers)
    writer.add_context_length(8192)
    writer.add_embedding_length(16384)
    writer.add_feed_forward_length(16384)
    writer.add_head_count(128)
    writer.add_chat_template(TEMPLATE)
    size = 0
    for layer in range(layers):
        nbytes = 16384 * 16384 * 2
        writer.add_tensor_info(f"blk.{layer}.ffn_up.weight", (16384, 16384), np.dtype(np.float16), nbytes)
        size += nbytes
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size + 4096 + size)
    return path


def adapter(
    path: Path,
    base: Path,
    *,
    strength: float = 1.0,
    rank: int = 4,
    alpha: float | None = None,
    tensors: Sequence[str] | None = None,
    architecture: str | None = None,
    kind: str = "lora",
    stretch: int = 0,
    seed: int = 3,
    name: str = "Test adapter",
) -> Path:
    """A LoRA adapter with random matrices for the tensors of ``base``.

    Args:
        strength: factor on B; 0.0 makes an adapter that changes nothing.
        alpha: defaults to the rank.
        tensors: which tensors of the base it changes; by default each layer's attn_output and ffn_down.
        architecture: by default that of the base.
        stretch: added to the outer side of every B, so that its shape fits nothing.
    """
    reader = gguf.GGUFReader(base)
    found = {tensor.name: [int(size) for size in tensor.shape] for tensor in reader.tensors}
    own = str(reader.fields["general.architecture"].contents())
    chosen = tensors or [each for each in found if each.endswith(("attn_output.weight", "ffn_down.weight"))]
    writer = gguf.GGUFWriter(path, architecture or own)
    writer.add_type("adapter")
    writer.add_name(name)
    writer.add_string("adapter.type", kind)
    writer.add_float32("adapter.lora.alpha", rank if alpha is None else alpha)
    writer.add_string("adapter.lora.task_name", "testing")
    random = np.random.default_rng(seed)
    for each in chosen:
        inner, outer = found.get(each, [EMBEDDING, EMBEDDING])[:2]
        a = random.normal(0.0, 1.0 / np.sqrt(inner), (rank, inner))
        b = random.normal(0.0, strength, (outer + stretch, rank))
        if each == "token_embd.weight":
            a, b = random.normal(0.0, 1.0, (outer, rank)), random.normal(0.0, strength, (inner, rank))
        writer.add_tensor(f"{each}.lora_a", a.astype(np.float32))
        writer.add_tensor(f"{each}.lora_b", b.astype(np.float32))
    _write(writer)
    return path


def cut(source: Path, target: Path, size: int) -> Path:
    """The first ``size`` bytes of ``source``."""
    with source.open("rb") as stream:
        target.write_bytes(stream.read(size))
    return target


def replace(source: Path, target: Path, old: bytes, new: bytes) -> Path:
    """``source`` with the first ``old`` of the file changed to ``new``, of the same length."""
    assert len(old) == len(new)
    content = source.read_bytes()
    assert old in content
    target.write_bytes(content.replace(old, new, 1))
    return target


def with_alpha(source: Path, target: Path, alpha: float) -> Path:
    """An adapter with another alpha, also one that no writer would write (infinite, not a number)."""
    content = source.read_bytes()
    key = b"adapter.lora.alpha" + struct.pack("<I", 6)
    at = content.index(key) + len(key)
    target.write_bytes(content[:at] + struct.pack("<f", alpha) + content[at + 4 :])
    return target


def header_length(path: Path) -> int:
    """Where the tensors' data begins."""
    return int(gguf.GGUFReader(path).data_offset)


def card_for(path: Path, base_hash: str, name: str = "Letters") -> None:
    """Write a card beside an adapter, as one that was trained and measured has it."""
    card = AdapterCard(
        name=name,
        version=1,
        format="text",
        base_name="Tiny",
        base_hash=base_hash,
        architecture="llama",
        adapter_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
        data_hash="",
        examples=40,
        held_out=4,
        settings={},
        base=Figures(examples=4, valid=0.0),
        adapter=Figures(examples=4, valid=1.0),
        better=True,
        licence="CC0-1.0",
    )
    path.with_suffix(".json").write_bytes(msgspec.json.encode(card))

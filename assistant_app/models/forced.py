"""What a model would write at each place of an answer that is given to it (teacher forcing), to compare two of them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from assistant_app.errors import Code, DocentError
from assistant_app.models.adapters import check_adapter
from assistant_app.models.native import log, physical_cores


def forced_tokens(
    model_path: str, adapter_path: str | None, sequences: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[list[int]]:
    """For each prompt and answer (tokens), the likeliest token at each place of the answer.

    Args:
        model_path: the GGUF of the base, computed on the processor; ``adapter_path``: laid over it, null for none.

    Raises:
        DocentError: the codes of ``check_adapter``, ``model_load_failed``, ``adapter_load_failed``,
            ``generation_failed``.
    """
    log.start()
    log.clear()
    if adapter_path is not None:
        check_adapter(adapter_path, model_path)
    longest = max((len(prompt) + len(answer) for prompt, answer in sequences), default=1)
    model_params = llama.llama_model_default_params()
    model_params.n_gpu_layers = 0
    model: Any = llama.llama_model_load_from_file(os.fsencode(model_path), model_params)
    context: Any = None
    adapter: Any = None
    try:
        if not model:
            raise DocentError(Code.MODEL_LOAD_FAILED, path=model_path, said=log.last_error())
        params = llama.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = longest
        params.n_threads = params.n_threads_batch = physical_cores()
        context = llama.llama_init_from_model(model, params)
        if not context:
            raise DocentError(Code.MODEL_LOAD_FAILED, path=model_path, said=log.last_error())
        if adapter_path is not None:
            adapter = llama.llama_adapter_lora_init(model, os.fsencode(adapter_path))
            pointers = (llama.llama_adapter_lora_p_ctypes * 1)(adapter)
            if not adapter or llama.llama_set_adapters_lora(context, pointers, 1, (ctypes.c_float * 1)(1.0)):
                raise DocentError(Code.ADAPTER_LOAD_FAILED, path=adapter_path, said=log.last_error())
        words = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
        return [_forced(context, words, prompt, answer, model_path) for prompt, answer in sequences]
    finally:
        if context:
            llama.llama_free(context)
        if adapter:
            llama.llama_adapter_lora_free(adapter)
        if model:
            llama.llama_model_free(model)


def _forced(context: Any, words: int, prompt: Sequence[int], answer: Sequence[int], path: str) -> list[int]:
    llama.llama_memory_clear(llama.llama_get_memory(context), True)
    tokens = [*prompt, *answer][:-1]
    batch = llama.llama_batch_init(len(tokens), 0, 1)
    try:
        batch.n_tokens = len(tokens)
        for place, token in enumerate(tokens):
            batch.token[place] = token
            batch.pos[place] = place
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = 0
            batch.logits[place] = place >= len(prompt) - 1
        if llama.llama_decode(context, batch) != 0:
            raise DocentError(Code.GENERATION_FAILED, path=path, said=log.last_error())
        chosen = []
        for place in range(len(prompt) - 1, len(tokens)):
            scores = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, place), (words,))
            chosen.append(int(scores.argmax()))
        return chosen
    finally:
        llama.llama_batch_free(batch)

"""A loaded model's vocabulary: text becomes tokens, and tokens become text."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import llama_cpp.llama_cpp as llama

from assistant_app.errors import Code, DocentError

_THINKING = {"<think>", "</think>", "[THINK]", "[/THINK]"}
"""Control tokens that belong to the text: they tell a reasoning model's notes from its answer."""

_PIECE_BYTES = 64
"""Room for one token's text; most have less than ten bytes."""


class Vocabulary:
    """Belongs to one model, and must not be used after it was freed."""

    def __init__(self, model: Any, path: str) -> None:
        """``path`` is named in errors."""
        self._path = path
        self._vocab = llama.llama_model_get_vocab(model)
        self._pieces: dict[int, bytes] = {}
        self._bos = llama.llama_vocab_bos(self._vocab)
        self._eos = llama.llama_vocab_eos(self._vocab)
        self._first = self._bos if llama.llama_vocab_get_add_bos(self._vocab) else -1

    @property
    def native(self) -> Any:
        """llama.cpp's own vocabulary."""
        return self._vocab

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return int(llama.llama_vocab_n_tokens(self._vocab))

    @property
    def bos(self) -> str:
        """The text of the token that begins a prompt; "" for none."""
        return self._text(self._bos) if self._bos >= 0 else ""

    @property
    def eos(self) -> str:
        """The text of the token that ends an answer; "" for none."""
        return self._text(self._eos) if self._eos >= 0 else ""

    def _text(self, token: int) -> str:
        return bytes(llama.llama_vocab_get_text(self._vocab, token) or b"").decode("utf-8", "replace")

    def special(self, template: str, go_on: Callable[[], None] = lambda: None) -> list[str]:
        """The texts that the tokeniser takes for special tokens wherever they stand in a prompt.

        Args:
            go_on: called now and then, because a large vocabulary takes a while; what it raises ends this.

        Raises:
            DocentError: ``model_damaged`` where some bytes have no token: llama.cpp's tokeniser would end the process.
        """
        always = llama.LLAMA_TOKEN_ATTR_CONTROL | llama.LLAMA_TOKEN_ATTR_UNKNOWN
        wanted = always | llama.LLAMA_TOKEN_ATTR_USER_DEFINED | llama.LLAMA_TOKEN_ATTR_BYTE
        special: list[str] = []
        bytes_seen: set[str] = set()
        for token in range(llama.llama_vocab_n_tokens(self._vocab)):
            if token % 4096 == 0:
                go_on()
            kind = llama.llama_vocab_get_attr(self._vocab, token)
            if not kind & wanted:
                continue
            text = self._text(token)
            if kind & llama.LLAMA_TOKEN_ATTR_BYTE:
                bytes_seen.add(text)
            # Tokens that a person defined are often plain content (line breaks, HTML); those of the template are not.
            elif kind & always or (text in template and text[:1] in "<[{"):
                special.append(text)
        falls_back = llama.llama_vocab_type(self._vocab) == llama.LLAMA_VOCAB_TYPE_SPM
        if (bytes_seen or falls_back) and any(f"<0x{byte:02X}>" not in bytes_seen for byte in range(256)):
            raise DocentError(Code.MODEL_DAMAGED, path=self._path)
        return special

    def tokenise(self, prompt: str, *, begins: bool = True) -> list[int]:
        """The tokens of ``prompt``, special ones recognised; the model's first token is put before them if it is not
        there and ``begins``."""
        text = prompt.encode("utf-8", "replace")
        room = len(text) + 8
        tokens = (llama.llama_token * room)()
        count = llama.llama_tokenize(self._vocab, text, len(text), tokens, room, False, True)
        if count < 0:
            raise DocentError(Code.GENERATION_FAILED, path=self._path, said="the prompt has too many tokens")
        found = list(tokens[:count])
        if begins and self._first >= 0 and found[:1] != [self._first]:
            found.insert(0, self._first)
        return found

    def piece(self, token: int) -> bytes:
        """What ``token`` adds to a text; it may end within a character. Nothing for most special tokens."""
        known = self._pieces.get(token)
        if known is None:
            special = self._text(token) in _THINKING
            length = -_PIECE_BYTES
            while length < 0:
                size = -length
                buffer = ctypes.create_string_buffer(size)
                length = llama.llama_token_to_piece(self._vocab, token, buffer, size, 0, special)
            known = self._pieces[token] = buffer.raw[:length]
        return known

    @property
    def end(self) -> int:
        """The token that ends an answer. llama.cpp's own guess at the end of a turn is wrong for some models
        ("<|endoftext|>" where the template has "<|im_end|>"), so it is the last resort."""
        return int(self._eos if self.is_end(self._eos) else llama.llama_vocab_eot(self._vocab))

    def is_end(self, token: int) -> bool:
        """Whether ``token`` ends an answer."""
        return bool(llama.llama_vocab_is_eog(self._vocab, token))

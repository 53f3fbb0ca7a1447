"""Sampling under a rule that is no grammar: what an answer may begin with, and where it may end.

A grammar of every stretch of a few pages would have thousands of rules; a look into the pages costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import llama_cpp.llama_cpp as llama
import numpy as np


class Rule(Protocol):
    """What an answer may be; texts are UTF-8, and may end within a character."""

    def allows(self, text: bytes) -> bool:
        """Whether an answer may begin with ``text``."""

    def may_end(self, text: bytes) -> bool:
        """Whether ``text`` may be all of it."""


class Restricted:
    """Samples so that an answer keeps to a rule."""

    def __init__(self, rule: Rule, piece: Callable[[int], bytes], is_end: Callable[[int], bool], size: int) -> None:
        """``piece`` gives what a token adds, ``is_end`` whether it ends an answer, ``size`` the number of tokens."""
        self._rule, self._piece, self._is_end, self._size = rule, piece, is_end, size
        self._text = b""

    def sample(self, context: Any, chain: Any) -> int | None:
        """The token that the model likes best of those that are allowed; null where the answer has to end here."""
        token = int(llama.llama_sampler_sample(chain, context, -1))
        if not self._fits(token):
            logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, -1), (self._size,))
            chosen = next((int(each) for each in np.argsort(-logits) if self._fits(int(each))), None)
            if chosen is None:
                return None
            token = chosen
        self._text += self._piece(token)
        return token

    def _fits(self, token: int) -> bool:
        if self._is_end(token):
            return self._rule.may_end(self._text)
        piece = self._piece(token)
        return bool(piece) and self._rule.allows(self._text + piece)

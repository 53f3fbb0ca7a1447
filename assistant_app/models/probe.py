"""Proof that an adapter acts: a fixed prompt's scores with it and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant_app.models.chat_template import ChatMessage
from assistant_app.protocol.records import Probe

PROMPT: tuple[ChatMessage, ...] = (
    {"role": "system", "content": "Answer from the sources."},
    {"role": "user", "content": "[1] The harbour opened in 1874. It has two piers.\n\nWhen did the harbour open?"},
)

LEAST = 1e-3
"""A difference of less is what another order of the same sums makes, not an adapter."""


class Probed(Protocol):
    """The part of ``ChatModel`` that is needed."""

    def set_adapters(self, chosen: Sequence[tuple[str, float]]) -> None: ...

    def scores(self, messages: Sequence[ChatMessage]) -> NDArray[np.float32]: ...


def probe(model: Probed, path: str) -> Probe:
    """What the adapter at ``path`` does to the first token's scores, at a scale of 1. It is left laid.

    Raises:
        DocentError: the codes of ``ChatModel.set_adapters`` and ``ChatModel.scores``.
    """
    model.set_adapters([])
    without = model.scores(PROMPT)
    model.set_adapters([(path, 1.0)])
    greatest = float(np.abs(model.scores(PROMPT) - without).max())
    if not np.isfinite(greatest):
        return Probe(difference=None, acts=False)
    return Probe(difference=round(greatest, 4), acts=greatest >= LEAST)

"""Examples that begin alike are trained in one pass: what they share is computed once.

A prompt is instructions, then sources, then the question. Questions on the same sources share all but their ends, so a
pack is a trunk (what all prompts have in common) with a branch for each example; a token sees the trunk and its own
branch, at the positions that it would have alone. The numbers are those of single examples, at a fraction of the
tokens: the questions of one article take a sixth of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

NO_LOSS = -100
"""What torch's cross entropy passes over."""

LEAST_KEPT = 0.9
"""Share of a trunk that must be left when another example joins it."""


class Encoded(NamedTuple):
    """An example in tokens: what the model is given, and what it shall write, its end token with it."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.answer)


class Pack(NamedTuple):
    """Examples whose prompts all begin with the first ``trunk`` tokens of any of them."""

    examples: tuple[Encoded, ...]
    trunk: int

    @property
    def length(self) -> int:
        """Tokens that are computed."""
        return self.trunk + sum(each.length - self.trunk for each in self.examples)


def pack(examples: Iterable[Encoded], room: int) -> list[Pack]:
    """All ``examples`` in packs of at most ``room`` tokens; one that is longer by itself is a pack of its own.

    An empty prompt is none: every prompt has a token at least.
    """
    packs: list[Pack] = []
    for example in sorted(examples):
        last = packs[-1] if packs else None
        if last is not None:
            # The last token of a prompt belongs to its branch: it predicts the answer's first.
            shared = min(_shared(last.examples[0].prompt, example.prompt), last.trunk, len(example.prompt) - 1)
            joined = Pack((*last.examples, example), shared)
            if shared >= LEAST_KEPT * last.trunk and joined.length <= room:
                packs[-1] = joined
                continue
        packs.append(Pack((example,), len(example.prompt) - 1))
    return packs


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


class Tensors(NamedTuple):
    """A pack as the model takes it, a batch of one with ``n`` tokens.

    Attributes:
        tokens, positions: (1, n) whole numbers.
        mask: (1, 1, n, n), true where the row's token sees the column's.
        labels: (1, n): the token that is to follow, or :data:`NO_LOSS`.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


def tensors(packed: Pack) -> Tensors:
    """Lay a pack out."""
    import torch

    trunk = packed.trunk
    tokens: list[int] = list(packed.examples[0].prompt[:trunk])
    positions = list(range(trunk))
    labels = [NO_LOSS] * trunk
    branch = [0] * trunk
    for number, (prompt, answer) in enumerate(packed.examples, start=1):
        own = [*prompt[trunk:], *answer]
        tokens += own
        positions += range(trunk, trunk + len(own))
        labels += [NO_LOSS] * (len(prompt) - trunk - 1) + list(answer) + [NO_LOSS]
        branch += [number] * len(own)
    of = torch.tensor(branch)
    sees = (of[None, :] == 0) | (of[None, :] == of[:, None])
    mask = torch.tril(torch.ones(len(tokens), len(tokens), dtype=torch.bool)) & sees
    return Tensors(torch.tensor([tokens]), torch.tensor([positions]), mask[None, None], torch.tensor([labels]))

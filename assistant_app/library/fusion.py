"""Rankings of passages and of pages become one: pure functions on numbers, with the constants and their sources.

Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009) of four rankings: passages by vector and by keywords
(a page has the rank of its best passage, as MaxP of Dai and Callan, SIGIR 2019), and pages by each, where several good
passages lift a page. Ranks do not tell by how much one is better than the next; so a small share of the scores
themselves is added (convex combination: Bruch, Gai and Ingber, TOIS 2023). What was tried besides is in
docs/retrieval.md.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

K = 60
"""The constant k of reciprocal rank fusion, as in the paper."""
CLOSENESS = 0.02
"""What the best page of a list gains by its score, the last one nothing: a little more than a first rank gives."""
SOFTNESS = 0.05
"""A page's vector score is a smooth maximum over its passages. One that is as near as the best adds 0.7 of this to the
cosine; one that is farther by three times this adds next to nothing."""
KEYWORD_SOFTNESS = 0.1
"""The same for BM25, as a share of the best passage's score."""

Item = TypeVar("Item", bound=Hashable)


def ranks(scores: Mapping[Item, float]) -> dict[Item, int]:
    """The rank of each item, 1 for the highest score; of equal ones the first comes first."""
    return {item: rank for rank, item in enumerate(sorted(scores, key=lambda item: -scores[item]), start=1)}


def fused(rankings: Iterable[tuple[float, Mapping[Item, int]]]) -> dict[Item, float]:
    """The score of each item: the sum of ``weight / (K + rank)`` over the rankings that hold it.

    Args:
        rankings: weights with ``{item: rank}``, ranks from 1.
    """
    scores: dict[Item, float] = {}
    for weight, ranking in rankings:
        for item, rank in ranking.items():
            scores[item] = scores.get(item, 0.0) + weight / (K + rank)
    return scores


def page_score(scores: Sequence[float], softness: float) -> float:
    """What a page is worth by the scores of its passages: their smooth maximum.

    That is ``softness * log(sum(exp(score / softness)))``. A sum would prefer two fair passages to a perfect one.
    """
    best = max(scores)
    return best + softness * math.log(sum(math.exp((score - best) / softness) for score in scores))


def closeness(scores: Mapping[Item, float]) -> dict[Item, float]:
    """The scores from 0 (the lowest) to 1 (the highest)."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {item: (score - low) / (high - low) if high > low else 1.0 for item, score in scores.items()}

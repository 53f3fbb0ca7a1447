"""Several rankings become one, and passages become pages: pure functions on numbers, with the constants and their sources.

Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009. That a page is worth the sum of its best passages, each
counting less than the one before, is the middle way between the two aggregations of Dai and Callan (SIGIR 2019), the best
passage and the sum of all. What was tried besides is in docs/retrieval.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

K = 60
"""The constant k of reciprocal rank fusion, as in the paper."""
DECAY = 0.5
"""What a page's second passage counts; its third counts the square of it."""
COUNTED = 3
"""Passages that a page is judged by at most: a long page is no better for having many."""


def fused(rankings: Sequence[tuple[float, Mapping[int, int]]]) -> dict[int, float]:
    """The score of each item: the sum of ``weight / (K + rank)`` over the rankings that hold it.

    Args:
        rankings: weights with ``{item: rank}``, ranks from 1.
    """
    scores: dict[int, float] = {}
    for weight, ranks in rankings:
        for item, rank in ranks.items():
            scores[item] = scores.get(item, 0.0) + weight / (K + rank)
    return scores


def page_score(scores: Sequence[float]) -> float:
    """What a page is worth whose passages have these scores, in any order."""
    best = sorted(scores, reverse=True)[:COUNTED]
    return sum(score * DECAY**place for place, score in enumerate(best))

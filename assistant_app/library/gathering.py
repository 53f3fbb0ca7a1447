"""Passages become pages: which pages are best, what repeats a better passage, and what belongs to a neighbour."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assistant_app.documents.cutting import searchable
from assistant_app.library.catalog import Passage
from assistant_app.library.fusion import CLOSENESS, closeness, fused, page_score, ranks
from assistant_app.library.keywords import fold

STRETCH = 3_000
"""Code points that count as a page where a file has none: about what stands on a printed page."""
ALIKE = 0.9
"""Share of a passage's word triples that stand in a better one, if it repeats it (shingles: Broder 1997)."""
MOST_JOINED = 2
"""Neighbours that are joined to a passage: with 120 tokens each, a hit stays below half a page."""
GAP = 4
"""Code points of white space between two passages that adjoin."""

LEAST = 8
"""Words of a passage that counts as repeated because it is part of a better one: a few words stand in many texts."""
_SMALL_WORDS = frozenset(
    "a an the of to in on at for by with from and or is are was were be been it its this that these those as".split()
)
"""Texts that are alike and differ in these alone say the same; any other word may be another fact."""
_WORD = re.compile(r"\w+")

Place = tuple[int, int, int]


class Page(NamedTuple):
    """A page that was found: its best passage, the ids of all its passages among the candidates, and its score."""

    best: Passage
    ids: tuple[int, ...]
    score: float


class Scored(NamedTuple):
    """What one search says of passages: ``scores`` by id, the higher the better.

    ``softness``: :func:`fusion.page_score`; ``weight``: what its ranking counts.
    """

    scores: Mapping[int, float]
    softness: float
    weight: float = 1.0


def gather(
    order: Sequence[Passage], fused_scores: Mapping[int, float], lists: Sequence[Scored], lifts: Mapping[int, float]
) -> list[Page]:
    """The pages of the passages in ``order`` (best first), best first.

    Args:
        fused_scores: by which ``order`` is ordered.
        lists: what both searches said.
        lifts: factors by content id; 1 for all others.
    """
    passages_of: dict[Place, list[Passage]] = {}
    for passage in order:
        passages_of.setdefault(place_of(passage), []).append(passage)
    total = {place: fused_scores[held[0].id] for place, held in passages_of.items()}
    for each in lists:
        worth = {
            place: page_score(known, each.softness)
            for place, held in passages_of.items()
            if (known := [each.scores[passage.id] for passage in held if passage.id in each.scores])
        }
        near = closeness(worth)
        for place, score in fused([(1.0, ranks(worth))]).items():
            total[place] += lifts.get(place[0], 1.0) * each.weight * (score + CLOSENESS * near[place])
    pages = [Page(held[0], tuple(passage.id for passage in held), total[place]) for place, held in passages_of.items()]
    return sorted(pages, key=lambda page: -page.score)


def place_of(passage: Passage) -> Place:
    """Content, section, and where there are no pages the stretch of the section."""
    return passage.content_id, passage.section, passage.start // STRETCH if passage.page is None else 0


def duplicates(order: Sequence[Passage]) -> set[int]:
    """The ids of the passages in ``order`` (best first) that say the same as a better one."""
    found: set[int] = set()
    kept: list[str] = []
    alike: dict[frozenset[str], list[list[str]]] = {}
    for passage in order:
        words = _WORD.findall(fold(searchable(passage.text)))
        whole = f" {' '.join(words)} "
        same_words = alike.setdefault(frozenset(words) - _SMALL_WORDS, [])
        is_part = len(words) >= LEAST and any(whole in other for other in kept)
        if is_part or any(_in_the_same_order(words, other) for other in same_words):
            found.add(passage.id)
        else:
            kept.append(whole)
            same_words.append(words)
    return found


def _in_the_same_order(words: Sequence[str], others: Sequence[str]) -> bool:
    own, theirs = _triples(words), _triples(others)
    return len(own & theirs) >= ALIKE * len(own)


def _triples(words: Sequence[str]) -> set[tuple[str, ...]]:
    return set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}


def joined_to(passage: Passage, others: Sequence[Passage]) -> list[Passage]:
    """Those of ``others``, passages of the same page, that adjoin ``passage``; at most :data:`MOST_JOINED`."""
    start, end = passage.start, passage.start + passage.length
    joined: list[Passage] = []
    waiting = [other for other in others if other.id != passage.id]
    while len(joined) < MOST_JOINED:
        near = [other for other in waiting if other.start <= end + GAP and other.start + other.length >= start - GAP]
        if not near:
            break
        joined.append(near[0])
        waiting.remove(near[0])
        start, end = min(start, near[0].start), max(end, near[0].start + near[0].length)
    return joined

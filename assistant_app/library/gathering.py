"""Passages become pages: which pages are best, what repeats a better passage, and what belongs to a neighbour."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assistant_app.documents.cutting import searchable
from assistant_app.library.catalog import Passage
from assistant_app.library.fusion import page_score
from assistant_app.library.keywords import fold

STRETCH = 3_000
"""Code points that count as a page where a file has none: about what stands on a printed page."""
ALIKE = 0.9
"""Share of the shorter passage's word triples that stand in the longer one (resemblance by shingles: Broder 1997)."""
AS_LONG = 0.8
"""Length of the shorter passage as a share of the longer one's, in words, at least."""
MOST_JOINED = 2
"""Neighbours that are joined to a passage: with 120 tokens each, a hit stays below half a page."""
GAP = 4
"""Code points of white space between two passages that adjoin."""

_NEGATIONS = frozenset(
    """
    not no nor never none without except unless only cannot nicht kein keine keinen ohne nie ne pas jamais sans sauf no sin
    nunca salvo non mai senza niet geen nooit zonder
    """.split()
)
"""Texts that differ in one of these say the opposite of each other."""
_WORD = re.compile(r"\w+")


class Page(NamedTuple):
    """A page that was found: its best passage, the ids of all its passages among the candidates, and its score."""

    best: Passage
    ids: tuple[int, ...]
    score: float


def gather(
    order: Sequence[Passage], scores: Mapping[int, float], wanted: int
) -> tuple[list[Page], set[int]]:
    """The pages of the passages in ``order`` (best first), best first, and the ids of passages that were dropped.

    Dropped is what says the same as the best passage of a better page. Only the ``wanted`` best pages are compared: that
    is what is shown, and comparing all would take long. No page is on the list twice.
    """
    passages_of: dict[tuple[int, int, int], list[Passage]] = {}
    for passage in order:
        stretch = passage.start // STRETCH if passage.page is None else 0
        passages_of.setdefault((passage.content_id, passage.section, stretch), []).append(passage)
    number = {passage.id: place for place, passage in enumerate(order)}

    def entry(held: list[Passage]) -> tuple[float, int, list[Passage]]:
        return -page_score([scores[passage.id] for passage in held]), number[held[0].id], held

    waiting = [entry(held) for held in passages_of.values()]
    heapq.heapify(waiting)
    pages: list[Page] = []
    texts: list[_Words] = []
    dropped: set[int] = set()
    while waiting:
        score, _, held = heapq.heappop(waiting)
        if len(pages) < wanted:
            said = _Words.of(held[0].text)
            if any(said.repeats(other) for other in texts):
                dropped.add(held[0].id)
                if held[1:]:
                    heapq.heappush(waiting, entry(held[1:]))
                continue
            texts.append(said)
        pages.append(Page(held[0], tuple(passage.id for passage in held), -score))
    return pages, dropped


class _Words(NamedTuple):
    """A passage's words as they stand there, folded ones, and each three of those that follow one another."""

    plain: list[str]
    folded: list[str]
    triples: set[tuple[str, ...]]

    @classmethod
    def of(cls, text: str) -> _Words:
        plain = _WORD.findall(searchable(text))
        folded = [fold(word) for word in plain]
        return cls(plain, folded, set(zip(folded, folded[1:], folded[2:], strict=False)) or {tuple(folded)})

    def repeats(self, other: _Words) -> bool:
        """Whether one says what the other says: alike, and without another number, name or negation."""
        if self.folded == other.folded:
            return True
        shorter, longer = sorted((len(self.folded), len(other.folded)))
        if shorter < AS_LONG * longer:
            return False
        common = len(self.triples & other.triples)
        if common < ALIKE * min(len(self.triples), len(other.triples)):
            return False
        differing = set(self.folded) ^ set(other.folded)
        return not any(
            word in differing and (word in _NEGATIONS or not own.islower())  # a capital, a digit, a script without case
            for words in (self, other)
            for own, word in zip(words.plain, words.folded, strict=True)
        )


def joined_to(passage: Passage, others: Sequence[Passage]) -> list[Passage]:
    """Those of ``others``, passages of the same page, that adjoin ``passage`` without a gap; at most :data:`MOST_JOINED`."""
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

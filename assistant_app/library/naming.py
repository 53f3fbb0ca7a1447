"""Documents that a question names: by a file name, or by the words of a name that few other documents have."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import PurePath
from typing import NamedTuple

from assistant_app.library.keywords import words

NAMED = 0.5
"""Share of a name's weight that the question must hold, its rarest word among it. A word's weight is its inverse
document frequency among the names: one that all of them have says nothing about which is meant."""
MOST_NAMED = 20
"""Documents that count as named at most: a word that more of them share tells too little."""


class Entry(NamedTuple):
    """A document in the library."""

    content_id: int
    path: str


class Named(NamedTuple):
    """A document that a question names, and how clearly: 0.5 to 1, the share of its name's weight."""

    content_id: int
    path: str
    share: float


class Names:
    """The names of all documents, ready to be looked for in questions."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        parts = [dict.fromkeys(words(PurePath(entry.path).stem)) for entry in entries]
        counts = Counter(word for part in parts for word in part)
        names = len({tuple(part) for part in parts})  # the same document in two folders is no other name
        self._weights = {word: math.log((names + 1) / min(count, names)) for word, count in counts.items()}
        self._totals = [sum(self._weights[word] for word in part) for part in parts]
        self._rarest = [max((self._weights[word] for word in part), default=0.0) for part in parts]
        self._holders: dict[str, list[int]] = {}
        for place, part in enumerate(parts):
            for word in part:
                self._holders.setdefault(word, []).append(place)

    def in_question(self, question: str, content_ids: Collection[int] | None = None) -> list[Named]:
        """The documents that ``question`` names, the most clearly named first.

        Args:
            content_ids: only documents with these contents; null: all.
        """
        asked = set(words(question))
        held: dict[int, float] = {}
        told: set[int] = set()
        for word in asked & self._holders.keys():
            weight = self._weights[word]
            for place in self._holders[word]:
                held[place] = held.get(place, 0.0) + weight
                if weight == self._rarest[place]:
                    told.add(place)
        found = [
            Named(self.entries[place].content_id, self.entries[place].path, weight / self._totals[place])
            for place, weight in held.items()
            if place in told
            and weight >= NAMED * self._totals[place]
            and (content_ids is None or self.entries[place].content_id in content_ids)
        ]
        found.sort(key=lambda each: (-each.share, each.path))
        return found

"""A question finds passages: vectors and keywords, joined by reciprocal rank fusion.

Reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009. Keywords are chosen by document frequency, because
a word that stands in most passages costs much time and says nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from assistant_app.library.catalog import Catalog, Scope
from assistant_app.library.embedder import Embedder
from assistant_app.library.vectors import Vectors
from assistant_app.protocol.records import Hit

CANDIDATES = 80
"""Passages that each list contributes."""
FUSION = 60
"""The constant k of reciprocal rank fusion."""
COMMON = 0.2
"""A word that stands in more than this share of the passages is not searched for, unless all are so common."""
MOST_ROWS = 4_000
"""Rows of the keyword index that a search reads at most, rarest words first. BM25 costs a microsecond or more for each,
so that a search in a large library would take ever longer; and a word that stands in more passages says little."""
MOST_WORDS = 64
"""The rarest words of a question that are searched for; a page pasted as a question would take seconds."""
MOST_WORDS_READ = 1_000
"""Different words of a question that are looked at."""
_STOP_WORDS = frozenset(
    """
    a about an and any are as at be by can could did do does for from had has have how i if in is it its me my no not of
    on or our shall should so some than that the their them then there these they this those to us was we were what when
    where which who whom whose why will with would you your
    """.split()
)
"""In a small library they may be rare, and they never say what a question is about."""

_WORD = re.compile(r"\w+")


class Found(NamedTuple):
    """What a search gave: hits, best first, and what it took in milliseconds by stage."""

    hits: list[Hit]
    milliseconds: dict[str, float]


class Retriever:
    """Finds passages in one library."""

    def __init__(self, catalog: Catalog, vectors: Vectors, embedder: Embedder) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._embedder = embedder

    def search(self, question: str, top: int, scope: Scope | None = None) -> Found:
        """The ``top`` best passages for ``question``, within ``scope`` or in the whole library."""
        content_ids = None if scope is None else scope.content_ids
        began = time.perf_counter()
        question = question.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text
        vector = self._embedder.embed([question])[0]
        embedded = time.perf_counter()
        by_vector = self._vectors.nearest(vector, CANDIDATES, content_ids)
        near = time.perf_counter()
        by_keyword = self._keywords(question, content_ids)
        matched = time.perf_counter()
        hits = self._fuse(by_vector, by_keyword, scope)[:top]
        done = time.perf_counter()
        spans = {
            "embed": embedded - began,
            "vectors": near - embedded,
            "keywords": matched - near,
            "fuse": done - matched,
        }
        milliseconds = {stage: round(seconds * 1000, 2) for stage, seconds in spans.items()}
        return Found(hits, {**milliseconds, "total": round((done - began) * 1000, 2)})

    def _keywords(self, question: str, content_ids: Sequence[int] | None) -> list[int]:
        asked = dict.fromkeys(_WORD.findall(question.lower()))
        words = [word for word in asked if word not in _STOP_WORDS][:MOST_WORDS_READ]
        counts = zip(self._catalog.frequencies(words, MOST_ROWS + 1), words, strict=True)
        known = sorted((count, word) for count, word in counts if 0 < count <= MOST_ROWS)
        most = COMMON * self._catalog.passage_count()
        telling = [(count, word) for count, word in known if count <= most][:MOST_WORDS] or known[:3]
        rows = accumulate(count for count, _ in telling)
        words = [word for (_, word), read in zip(telling, rows, strict=True) if read <= MOST_ROWS]
        if not words:
            return []
        return [number for number, _ in self._catalog.matching(words, CANDIDATES, content_ids)]

    def _fuse(
        self, by_vector: Sequence[tuple[int, float]], by_keyword: Sequence[int], scope: Scope | None
    ) -> list[Hit]:
        vector_ranks = {number: rank for rank, (number, _) in enumerate(by_vector, start=1)}
        keyword_ranks = {number: rank for rank, number in enumerate(by_keyword, start=1)}
        similarities = dict(by_vector)
        # A passage that no document has (removed, or half indexed) drops out here, and a vector without a passage.
        candidates = [*vector_ranks.keys() | keyword_ranks.keys()]
        passages = self._catalog.passages(candidates, None if scope is None else scope.document_ids)
        score = {
            number: sum(1 / (FUSION + ranks[number]) for ranks in (vector_ranks, keyword_ranks) if number in ranks)
            for number in passages
        }
        ranked = sorted(passages.values(), key=lambda passage: (-score[passage.id], passage.id))
        return [
            Hit(
                rank=rank,
                path=passage.path,
                page=passage.page,
                page_label=passage.label,
                score=round(score[passage.id], 6),
                text=passage.text,
                start=passage.start,
                length=passage.length,
                vector_rank=vector_ranks.get(passage.id),
                keyword_rank=keyword_ranks.get(passage.id),
                similarity=similarities.get(passage.id),
                heading=passage.heading,
                table_header=passage.table_header,
                section=passage.section,
            )
            for rank, passage in enumerate(ranked, start=1)
        ]

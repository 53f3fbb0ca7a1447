"""A question finds pages, each by its best passage: vectors and keywords, joined by reciprocal rank fusion.

The way of a question: the nearest vectors and the best keyword matches give candidates (more of them from documents
that the question names); their ranks are fused; a passage that says what a better one says is dropped; a page is judged
by its best passages together; a reranker, if there is one, reads the best pages' passages again; and what was cut apart
next to a passage that is given is joined to it. Every candidate's way is kept for the inspector (:class:`Found`).

Keywords are chosen by document frequency, because a word that stands in most passages costs much time and says nothing.
Figures, and what did not help, are in docs/retrieval.md.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple

from assistant_app.documents.cutting import searchable
from assistant_app.library.catalog import Catalog, Passage, Scope
from assistant_app.library.embedder import Embedder
from assistant_app.library.fusion import KEYWORD_SOFTNESS, SOFTNESS, fused, ranks
from assistant_app.library.gathering import Page, Scored, duplicates, gather, joined_to
from assistant_app.library.keywords import fold, words
from assistant_app.library.naming import MOST_NAMED, Named, Names
from assistant_app.library.reranker import RERANKED, Reranker
from assistant_app.library.vectors import Vectors
from assistant_app.protocol.records import Candidate, Fate, Hit

CANDIDATES = 80
"""Passages that each list contributes."""
NAMED_CANDIDATES = 40
"""Passages that each list contributes besides from the documents that the question names."""
LIFT = 0.25
"""What a clearly named document's pages gain, as a share of their score. They are lifted, and no other is left out: a
question may name a document that does not hold the answer."""
FOREIGN = 0.25
"""Weight of the vectors' ranking where the embedding model does not know the question's script."""
COMMON = 0.4
"""A word that stands in more than this share of the passages is not searched for, unless all are so common. From half
of them on BM25 gives it no weight."""
COMPARED = 3
"""For each page that is wanted, so many passages are looked through for repetitions."""
MOST_ROWS = 4_000
"""Rows of the keyword index that a search reads at most, rarest words first. BM25 costs a microsecond or more for each,
so that a search in a large library would take ever longer; and a word that stands in more passages says little."""
MOST_WORDS = 64
"""The rarest words of a question that are searched for; a page pasted as a question would take seconds."""
MOST_WORDS_READ = 1_000
"""Different words of a question that are looked at."""
SHOWN = 300
"""Code points of a candidate that the inspector shows."""
_STOP_WORDS = frozenset(
    """
    a about an and any are as at be by can could did do does for from had has have how i if in is it its me my no not of
    on or our shall should so some than that the their them then there these they this those to us was we were what when
    where which who whom whose why will with would you your
    """.split()
)
"""In a small library they may be rare, and they never say what a question is about."""


class Found(NamedTuple):
    """What a search gave, and how it came about.

    Attributes:
        hits: best first, one for each page (of files without pages: for each :data:`gathering.STRETCH`).
        milliseconds: by stage, in the order in which they ran, and ``total``. ``embed`` is what was still to be waited
            for after ``keywords``, because both run at once.
        candidates: every passage that was looked at, by fused rank.
        words: what the keyword index was asked for.
        named: the paths of the documents that the question names.
    """

    hits: list[Hit]
    milliseconds: dict[str, float]
    candidates: Sequence[Candidate] = ()
    words: Sequence[str] = ()
    named: Sequence[str] = ()


class _Ranked(NamedTuple):
    """The two rankings of a search: ``{passage id: rank}``, and the cosines of the first."""

    vectors: dict[int, int]
    keywords: dict[int, int]
    similarities: dict[int, float]


class Retriever:
    """Finds passages in one library."""

    def __init__(self, catalog: Catalog, vectors: Vectors, embedder: Embedder) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._embedder = embedder
        self._reranker: Reranker | None = None
        self._names: tuple[int, Names] | None = None

    def use_reranker(self, folder: str) -> None:
        """Let the CrossEncoder in ``folder`` sort the best pages again from now on; "" for none. Loads nothing yet."""
        if folder != (self._reranker.folder if self._reranker else ""):
            self._reranker = Reranker(folder) if folder else None

    def search(self, question: str, top: int, scope: Scope | None = None) -> Found:
        """The ``top`` best pages for ``question``, within ``scope`` or in the whole library.

        Raises:
            DocentError: ``embedder_*``, ``reranker_unusable``, ``library_damaged``, ``vector_server_*``.
        """
        clock = _Clock()
        reranker = self._reranker
        question = question.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text
        content_ids = None if scope is None else scope.content_ids
        with ThreadPoolExecutor(1, "question") as beside:  # each half of a search on a processor of its own
            embedding = beside.submit(self._embedder.embed_question, question)
            named = self._named(question, content_ids)
            contents = [each.content_id for each in named]
            asked = self._telling(question)
            matching = self._catalog.matching(asked, CANDIDATES, content_ids) if asked else []
            if named and asked:
                also = self._catalog.matching(asked, NAMED_CANDIDATES, contents)
                matching = [(number, -score) for number, score in _merged(_negated(matching), _negated(also))]
            # A passage that no document has (removed, or half indexed) drops out here, and a vector without a passage.
            document_ids = None if scope is None else scope.document_ids
            passages = self._catalog.passages([number for number, _ in matching], document_ids)
            clock.lap("keywords")
            vector = embedding.result()
            clock.lap("embed")
        near = self._vectors.nearest(vector, CANDIDATES, content_ids)
        if named:
            near = _merged(near, self._vectors.nearest(vector, NAMED_CANDIDATES, contents))
        clock.lap("vectors")
        cosines, keywords = dict(near), {number: -score for number, score in matching}
        ranked = _Ranked(ranks(cosines), ranks(keywords), cosines)
        passages |= self._catalog.passages([*cosines.keys() - keywords.keys()], document_ids)
        weight = FOREIGN if not self._embedder.folder and not is_latin(question) else 1.0
        lifts = {each.content_id: 1 + LIFT * each.share for each in reversed(named)}
        scores = fused([(weight, ranked.vectors), (1.0, ranked.keywords)])
        scores = {number: scores[number] * lifts.get(each.content_id, 1.0) for number, each in passages.items()}
        order = sorted(passages.values(), key=lambda passage: (-scores[passage.id], passage.id))
        repeated = duplicates(order[: COMPARED * max(top, RERANKED if reranker else 0)])
        lists = [
            Scored(cosines, SOFTNESS, weight),
            Scored(keywords, KEYWORD_SOFTNESS * (max(keywords.values(), default=0.0) or 1.0)),
        ]
        pages = gather([each for each in order if each.id not in repeated], scores, lists, lifts)
        clock.lap("fuse")
        page_ranks = {number: rank for rank, page in enumerate(pages, start=1) for number in page.ids}
        reranked: dict[int, int] = {}
        if reranker is not None and pages and top:
            pages = _sorted_again(reranker, question, pages)
            reranked = {page.best.id: rank for rank, page in enumerate(pages[:RERANKED], start=1)}
            clock.lap("rerank")
        chosen, by_rank = pages[:top], bool(reranked)
        # Where all there is fits, each passage is given by itself: whatever is asked of it, the sources are the same.
        fits = len(order) - len(repeated) <= top
        hits, joined = self._hits(chosen, [] if fits else order[: max(top, 0)], ranked, by_rank=by_rank)
        if len(pages) < top:  # there are no more pages: the other passages of these
            given = {page.best.id for page in chosen} | joined | repeated
            rest = [Page(each, (each.id,), scores[each.id]) for each in order if each.id not in given]
            rest = rest[: top - len(chosen)]
            hits += self._hits(rest, [], ranked, by_rank=by_rank, first=len(hits) + 1)[0]
            chosen = [*chosen, *rest]
        candidates = _candidates(order, chosen, ranked, page_ranks, reranked, joined, repeated)
        clock.lap("join")
        return Found(hits, clock.milliseconds(), candidates, asked, [each.path for each in named])

    def _named(self, question: str, content_ids: Sequence[int] | None) -> list[Named]:
        changes = self._catalog.changes
        if self._names is None or self._names[0] != changes:
            entries = self._catalog.names()
            if self._names is None or self._names[1].entries != entries:  # most changes are of something else
                self._names = changes, Names(entries)
            self._names = changes, self._names[1]
        found = self._names[1].in_question(question, None if content_ids is None else set(content_ids))
        return found if len(found) <= MOST_NAMED else []

    def _telling(self, question: str) -> list[str]:
        """The words to search for: the rarest, in as many rows as may be read."""
        asked = [word for word in dict.fromkeys(words(question)) if word not in _STOP_WORDS][:MOST_WORDS_READ]
        counts = zip(self._catalog.frequencies(asked, MOST_ROWS + 1), asked, strict=True)
        known = sorted((count, word) for count, word in counts if 0 < count <= MOST_ROWS)
        most = COMMON * self._catalog.passage_count()
        telling = [(count, word) for count, word in known if count <= most][:MOST_WORDS] or known[:3]
        rows = accumulate(count for count, _ in telling)
        return [word for (_, word), read in zip(telling, rows, strict=True) if read <= MOST_ROWS]

    def _hits(
        self, pages: Sequence[Page], best: Sequence[Passage], ranked: _Ranked, *, by_rank: bool, first: int = 1
    ) -> tuple[list[Hit], set[int]]:
        """The hits for ``pages``, and the ids of the passages that were joined to them; those are among ``best``.

        ``first`` is the first one's rank; with ``by_rank`` the scores say no more than the ranks.
        """
        hits, joined = [], set()
        after_all = fused([(1.0, {place: place for place in range(first, first + len(pages))})])
        for rank, page in enumerate(pages, start=first):
            passage = page.best
            neighbours = joined_to(passage, [each for each in best if each.id in page.ids])
            text, start, length = passage.text, passage.start, passage.length
            if neighbours:
                start = min(each.start for each in (passage, *neighbours))
                length = max(each.start + each.length for each in (passage, *neighbours)) - start
                whole = self._catalog.page_text(passage.path, passage.section)
                if whole is None:  # removed meanwhile
                    continue
                text = whole[0][start - whole[1] : start - whole[1] + length]
                joined |= {each.id for each in neighbours}
            hits.append(
                Hit(
                    rank=rank,
                    path=passage.path,
                    page=passage.page,
                    page_label=passage.label,
                    score=round(after_all[rank] if by_rank else page.score, 6),
                    text=text,
                    start=start,
                    length=length,
                    vector_rank=ranked.vectors.get(passage.id),
                    keyword_rank=ranked.keywords.get(passage.id),
                    similarity=ranked.similarities.get(passage.id),
                    heading=passage.heading,
                    table_header=passage.table_header,
                    section=passage.section,
                )
            )
        return hits, joined


def _sorted_again(reranker: Reranker, question: str, pages: Sequence[Page]) -> list[Page]:
    """The first :data:`RERANKED` pages in the reranker's order, then the others."""
    read = pages[:RERANKED]
    texts = ["\n".join(filter(None, (page.best.heading, searchable(page.best.text)))) for page in read]
    marks = reranker.scores(question, texts)
    return [*(page for _, page in sorted(zip(marks, read, strict=True), key=lambda pair: -pair[0])), *pages[RERANKED:]]


def _candidates(
    order: Sequence[Passage],
    pages: Sequence[Page],
    ranked: _Ranked,
    page_ranks: Mapping[int, int],
    reranked: Mapping[int, int],
    joined: set[int],
    repeated: set[int],
) -> list[Candidate]:
    """The way of every candidate, by fused rank; ``pages`` are those that were given."""
    kept = {page.best.id for page in pages}
    shown = {number for page in pages for number in page.ids}

    def fate(number: int) -> Fate:
        if number in kept:
            return "kept"
        if number in joined:
            return "joined"
        if number in repeated:
            return "duplicate"
        return "same_page" if number in shown else "lower"

    return [
        Candidate(
            path=passage.path,
            page=passage.page,
            page_label=passage.label,
            section=passage.section,
            start=passage.start,
            length=passage.length,
            text=passage.text[:SHOWN],
            fate=fate(passage.id),
            heading=passage.heading,
            vector_rank=ranked.vectors.get(passage.id),
            keyword_rank=ranked.keywords.get(passage.id),
            fused_rank=rank,
            page_rank=page_ranks.get(passage.id),
            reranker_rank=reranked.get(passage.id),
            similarity=ranked.similarities.get(passage.id),
        )
        for rank, passage in enumerate(order, start=1)
    ]


def _merged(first: Sequence[tuple[int, float]], second: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Both lists of ``(passage id, score)`` as one, each id once, the highest score first."""
    return sorted({**dict(second), **dict(first)}.items(), key=lambda pair: -pair[1])


def _negated(pairs: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """BM25 as SQLite gives it is the smaller the better."""
    return [(number, -score) for number, score in pairs]


def is_latin(text: str) -> bool:
    """Whether most of its letters are Latin ones: the built-in embedding model knows no others."""
    letters = [letter for letter in fold(text[:400]) if letter.isalpha()]
    return 2 * sum("LATIN" in unicodedata.name(letter, "") for letter in letters) >= len(letters)


class _Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self._stages: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._stages[stage] = round((now - self._last) * 1000, 2)
        self._last = now

    def milliseconds(self) -> dict[str, float]:
        return {**self._stages, "total": round((self._last - self._began) * 1000, 2)}

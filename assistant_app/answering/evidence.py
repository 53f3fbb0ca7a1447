"""Do the documents hold the answer at all? Each sentence that was found is weighed against the question.

What tells an answer from a text on the same subject is that one sentence (or it and the one before it) holds the
telling words of the question *and* is near it in meaning. So a sentence weighs the share of the question's words that
it holds plus its cosine; where no sentence weighs :data:`LEAST`, the documents do not hold the answer. The figures, and
what did not help (inverse document frequency, the expected kind of answer, distances between ranks), are in
docs/performance.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from assistant_app.answering.pages import Pages, Sentence
from assistant_app.answering.support import Claim, claim, stem
from assistant_app.documents.cutting import searchable
from assistant_app.library.indexing import spoken_name
from assistant_app.library.retrieval import is_latin
from assistant_app.protocol.records import Hit

if TYPE_CHECKING:
    from assistant_app.library.embedder import Embedder

LEAST = 0.98
"""Weight under which a sentence does not hold the answer. Tuned on the XQuAD articles that are not held out, so that
0.025 of the questions that can be answered are refused."""

MOST_SENTENCES = 12
"""That are embedded for a question: those with most of its words."""

_PRIOR = 2.0
"""Words that count as half held: one word more or less must not decide on a question of two."""
_UNKNOWN = 0.5
"""What a word counts that stands in none of the passages: the documents may well have another word for it."""
_NO_WORD_KNOWN = 0.58
"""The share of a question none of whose words is known, which may be in another language: it is decided by meaning."""
_NO_MEANING = 0.35
"""The cosine where the embedding model does not know the script: what it says then is the same for all texts."""

LONGEST_QUESTION = 4_000
"""Code points that are looked at; a page pasted as a question would take seconds."""

_GENERIC = frozenset(
    stem(word)
    for word in """
    type kind name get give use tell find mean happen take make want need list explain describe go work different
    difference main many much please long often far old someone something thing way
    """.split()
)
_UNRELATED = (
    "The cat slept on the warm roof all afternoon.",
    "Add two eggs and a little salt to the flour.",
    "The train to the coast was late because of snow.",
    "She plays the violin in a small orchestra.",
)
"""Two texts that have nothing to do with each other have a cosine of 0.0 with some embedding models and 0.7 with
others: how near these are to the question is taken for none."""
_CODE = re.compile(
    r"(?<!\w)(?=\w*\d)(?=\w*[^\W\d])(?!\d+(?:s|st|nd|rd|th|am|pm)(?!\w))\w{3,40}(?!\w)|(?<!\w)\d{5,40}(?!\w)|\w{1,20}-\d{2,20}(?!\w)"
)
"""An invoice's or a part's number: the sentence in which it stands is meant, however far the vectors are."""
_QUESTION_MARKS = "?？؟"
_OPEN = re.compile(
    r"\W*(?:please\s+|can\s+you\s+|could\s+you\s+)*(?:describe|summari[sz]e|explain|list|outline|compare|discuss|write"
    r"|give\s+(?:me\s+)?(?:an?\s+|the\s+)?(?:short\s+|brief\s+)?(?:overview|summary|list|outline)"
    r"|tell\s+me\s+(?:all|everything|more|about))\b|\W*what\s+(?:is|are)\b.{0,80}\babout\W*\Z",
    re.IGNORECASE,
)
NEAR = 0.3
"""Cosine of a passage from which on it is about the question at all."""


class Weighed(NamedTuple):
    """A sentence of a source; ``before`` is the one before it in the passage, if there is one."""

    source: Hit
    sentence: Sentence
    before: Sentence | None
    weight: float


def weigh(question: str, hits: Sequence[Hit], pages: Pages, embedder: Embedder) -> list[Weighed]:
    """The sentences of ``hits``, the weightiest first. Questions in the text are left out: they answer nothing.

    Raises:
        DocentError: ``embedder_*``.
    """
    question = question[:LONGEST_QUESTION]
    asked = claim(question)
    words = {word for word in asked.words if word not in _GENERIC} | _plain_numbers(asked)
    # Where letters have no case, every word counts as a name to the claim, but it is none here.
    named = {stem(name) for name in asked.names if name.upper() != name} | _plain_numbers(asked)
    found: dict[tuple[str, int | None, int], tuple[Hit, Sentence, Sentence | None, float]] = {}
    known: set[str] = set()
    candidates: list[tuple[Hit, Sentence, Sentence | None, set[str], set[str]]] = []
    for hit in hits:
        head = _words(" ".join((spoken_name(hit.path), hit.heading, hit.table_header)))
        known |= head
        before: tuple[Sentence, set[str]] | None = None
        for sentence in pages.sentences(hit):
            own = _words(sentence.text)
            known |= own
            if sentence.text.rstrip()[-1:] not in _QUESTION_MARKS:
                both = own | before[1] if before else own
                candidates.append((hit, sentence, before[0] if before else None, own | head, both | head))
            before = (sentence, own)
    count = {word: 1.0 if word in named or _holds(known, word) else _UNKNOWN for word in words}
    foreign = bool(words) and not named and all(share == _UNKNOWN for share in count.values())

    def share(held: set[str]) -> float:
        if foreign:
            return _NO_WORD_KNOWN
        return (sum(count[word] for word in words if _holds(held, word)) + _PRIOR / 2) / (sum(count.values()) + _PRIOR)

    for hit, sentence, previous, own, both in candidates:
        alone, together = share(own), share(both)
        key = (hit.path, hit.page, sentence.span.start)
        if key not in found or found[key][3] < max(alone, together):
            found[key] = (hit, sentence, previous, max(alone, together))
    likeliest = sorted(found.values(), key=lambda each: -each[3] - (each[0].similarity or 0.0))[:MOST_SENTENCES]
    cosines = _cosines(question, likeliest, embedder)
    codes = {code.casefold() for code in _CODE.findall(question)}
    weighed = [
        Weighed(hit, sentence, previous, held + cosine + any(code in sentence.text.casefold() for code in codes))
        for (hit, sentence, previous, held), cosine in zip(likeliest, cosines, strict=True)
    ]
    return sorted(weighed, key=lambda each: -each.weight)


def is_open(question: str, hits: Sequence[Hit]) -> bool:
    """Whether a task is set ("Describe the plan.", "What is this report about?") on a subject that the passages have.

    No single sentence is the answer then, and none needs to hold its words.
    """
    return bool(_OPEN.match(question)) and any((hit.similarity or 0.0) >= NEAR for hit in hits)


def suffices(weighed: Sequence[Weighed]) -> bool:
    """Whether the weightiest sentence may hold the answer."""
    return bool(weighed) and weighed[0].weight >= LEAST


def _cosines(
    question: str, candidates: Sequence[tuple[Hit, Sentence, Sentence | None, float]], embedder: Embedder
) -> list[float]:
    """How near each sentence, alone or with the one before it, is to the question; 0 is not at all, 1 is the same."""
    if not candidates:
        return []
    if not embedder.folder and not is_latin(question):
        return [_NO_MEANING] * len(candidates)
    alone = [searchable(sentence.text) for _, sentence, _, _ in candidates]
    together = [
        searchable(f"{previous.text} {sentence.text}") if previous else "" for _, sentence, previous, _ in candidates
    ]
    texts = list(dict.fromkeys([*_UNRELATED, *alone, *filter(None, together)]))
    near = dict(zip(texts, (embedder.embed(texts) @ embedder.embed_question(question)).tolist(), strict=True))
    nothing = max(sum(near[text] for text in _UNRELATED) / len(_UNRELATED), 0.0)
    best = [max(near[one], near[both] if both else -1.0) for one, both in zip(alone, together, strict=True)]
    return [(cosine - nothing) / (1 - nothing) for cosine in best]


def _words(text: str) -> set[str]:
    said = claim(text)
    return {*said.words, *_plain_numbers(said)}


def _plain_numbers(said: Claim) -> set[str]:
    return {number for number in said.numbers if " " not in number}


def _holds(words: set[str], wanted: str) -> bool:
    """Whether ``wanted`` or a word with the same beginning is among ``words``: "pay" and "payment" are near enough."""
    if wanted in words:
        return True
    return len(wanted) >= 5 and wanted[0].isalpha() and any(word[:5] == wanted[:5] for word in words)

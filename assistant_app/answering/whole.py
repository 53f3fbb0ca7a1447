"""Whole documents: a summary of one, or a comparison of two, from all of their passages.

By map and reduce. The passages are packed, in reading order, into as few prompts as the context allows; of each the
model writes a few sentences, of which those stay that a quote supports; where none does, the pack's own most central
sentences take their place. What stays is reduced in the same way, until it is one text. So the text is short or long,
clumsy or fluent as the model is able, but each of its sentences leads to its place in the document.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from assistant_app.answering.citations import cite
from assistant_app.answering.pages import PageText
from assistant_app.answering.prompts import harmless
from assistant_app.answering.repetition import LoopGuard
from assistant_app.answering.support import Claim, claim, supports
from assistant_app.answering.thinking import ThinkingFilter
from assistant_app.documents.passages import fold_space, sentences
from assistant_app.models.chat_model import ChatMessage, Generates
from assistant_app.protocol.records import Citation, Hit, TokenCounts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACK_TOKENS = 1_500
"""Of the prompt for one pack, where the context has so much room: of more, a small model forgets the middle."""
NOTE_TOKENS = 120
"""Of what is written about a pack: one to three sentences."""
EXTRACTED = 2
"""Sentences of its own that stand for a pack."""
MOST_LISTED = 12
"""Sentences in a list; the most central of more, and the list says how many there are."""
MOST_TOPICS = 20
"""Differences that the model is asked to put into words."""
LEAST_SUPPORTED = 0.5
"""Share of a reduced text's sentences that must be supported; with fewer, the sentences it was made of are better."""
ALIKE, UNLIKE = 0.5, 0.25
"""Share of telling words: two sentences that have so many in common are about the same, with so few they are not."""
NEAREST = 3
"""Passages of the other document in which a sentence's counterpart is looked for."""

LETTERS_A_TOKEN = 4.0
"""Only to estimate how long it takes; English has 4 to 5."""

SUMMARISE = (
    "Summarise the sources in one to three sentences, using only what they say. "
    "Cite the source of each sentence as [1], [2]."
)
REDUCE = (
    "These are the main points of one document. Write a summary of the document from them, using only what they say. "
    "Cite the point of each sentence as [1], [2]."
)
COMPARE = (
    "Source [1] is from one document, source [2] from another. In one sentence say what source [1] says, and in "
    "another what source [2] says instead. Cite the source of each sentence as [1] or [2]."
)

_MARKS = re.compile(r"\s*\[(\d+)\]")
_STOPS = ".!?…。！？"
_SHORTEST, _LONGEST = 30, 400


class Model(Generates, Protocol):
    """What this needs of a model; see ``ChatModel``."""

    @property
    def context(self) -> int: ...

    def count(self, messages: Sequence[ChatMessage]) -> int: ...


class Read(NamedTuple):
    """What came of reading documents as a whole. ``stopped``: it is of what was read until then."""

    text: str
    citations: list[Citation]
    unsupported: list[str]
    tokens: TokenCounts
    stopped: bool


class Estimate(NamedTuple):
    """Times that the model is asked, and tokens that it reads and writes for it."""

    steps: int
    reads: int
    writes: int


class _Note(NamedTuple):
    """A sentence without marks, and what supports it."""

    text: str
    source: Hit
    citations: list[Citation]


NO_SENTENCES = "There are no whole sentences in it of which a summary could be made."


class _StoppedError(Exception):
    """Whoever asked for it wants no more of it."""


def estimate(documents: Sequence[Sequence[Hit]], context: int) -> Estimate:
    """What :func:`summarise` (of one document) or :func:`compare` (of two) will take, about."""
    tokens = [sum(len(hit.text) / LETTERS_A_TOKEN + 8 for hit in hits) for hits in documents]
    if len(documents) == 2:
        steps = min(MOST_TOPICS, *(len(hits) for hits in documents))
        each = sum(tokens) / max(1, sum(map(len, documents)))
        return Estimate(steps, int(steps * (2 * each + 90)), steps * NOTE_TOKENS // 2)
    packs = math.ceil(sum(tokens) / _room(context))
    notes, steps = packs * 2 * 40, packs
    while packs > 1:
        packs = math.ceil(notes / _room(context)) if notes > _room(context) else 1
        steps += packs
        notes = packs * 2 * 40
    return Estimate(steps, int(sum(tokens)) + steps * 60, steps * NOTE_TOKENS * 2 // 3)


def _room(context: int) -> int:
    return max(64, min(PACK_TOKENS, context - NOTE_TOKENS - 80))


class Reader:
    """Reads documents as a whole with one model."""

    def __init__(
        self,
        model: Model,
        page_text: PageText,
        *,
        max_tokens: int,
        temperature: float,
        on_step: Callable[[int, int], None],
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """
        Args:
            page_text: as for :func:`~assistant_app.answering.citations.cite`.
            max_tokens: of the last text.
            on_step: called before each time that the model is asked, and at the end, with how many of how many steps
                are done; what it raises ends the reading.
            on_text: gets the last text while it is written; what is returned may be another one.
            cancelled: true ends the reading; what was found by then is returned.
        """
        self._model, self._page_text = model, page_text
        self._max_tokens, self._temperature = max_tokens, temperature
        self._on_step, self._on_text, self._cancelled = on_step, on_text, cancelled
        self._done = self._steps = self._read = self._written = 0

    # ------------------------------------------------------------ one document

    def summarise(self, passages: Sequence[Hit]) -> Read:
        """A summary of all ``passages`` of a document, in reading order.

        Raises:
            DocentError: ``context_too_small``, ``generation_failed``, ``model_server_*``.
        """
        notes: list[_Note] = []
        try:
            packs = self._packs(passages)
            self._steps = len(packs) + (len(packs) > 1)
            for pack in packs:
                notes = _without_repeats([*notes, *self._notes(SUMMARISE, pack, [hit.text for hit in pack])])
            if not notes:
                return self._finished(_Text().saying_nothing())
            return self._reduced(notes) if len(packs) > 1 else self._finished(_Text().paragraph(notes))
        except _StoppedError:
            return self._finished(_Text().listed(_most_central(notes)), stopped=True)

    def _reduced(self, notes: list[_Note]) -> Read:
        while True:
            packs = self._packs([note.source for note in notes], [note.text for note in notes])
            if len(packs) <= 1:
                break
            if len(packs) == len(notes):  # no two of them fit a prompt: there is nothing to make of them
                return self._finished(_Text().listed(_most_central(notes), len(notes)))
            self._steps = self._done + len(packs) + 1
            fewer: list[_Note] = []
            place = 0
            for pack in packs:
                some = notes[place : place + len(pack)]
                place += len(pack)
                kept = self._notes(REDUCE, pack, [note.text for note in some])
                # What is not shorter than before would never come to an end.
                fewer += kept if 0 < len(kept) < len(some) else _most_central(some, max(1, len(some) // 2))
            notes = _without_repeats(fewer)
        if not notes:
            return self._finished(_Text().saying_nothing())
        sources = [note.source for note in notes]
        text = self._ask(
            REDUCE, _numbered([note.text for note in notes]), max_tokens=self._max_tokens, on_text=self._on_text
        )
        cited = cite(text, sources, self._page_text)
        kept = list(_supported(text, sources, self._page_text))
        count = len(kept) + len(cited.unsupported)
        if kept and len(kept) >= max(LEAST_SUPPORTED * count, min(2, len(notes))):
            return self._finished(_Text().whole(cited.text, cited.citations), cited.unsupported)
        return self._finished(_Text().listed(_most_central(notes), len(notes)))

    def _packs(self, passages: Sequence[Hit], texts: Sequence[str] | None = None) -> list[list[Hit]]:
        """``passages``, or the ``texts`` that stand for them, in packs that fit a prompt; at least one a pack."""
        if not passages:
            return []
        room = _room(self._model.context)
        empty = self._model.count([{"role": "user", "content": ""}])
        packs: list[list[Hit]] = []
        used = room
        for hit, text in zip(passages, texts or [hit.text for hit in passages], strict=True):
            self._go_on()
            size = self._model.count([{"role": "user", "content": f"[100] {harmless(text)}\n\n"}]) - empty
            if used + size > room:
                packs.append([])
                used = 0
            packs[-1].append(hit)
            used += size
        return packs

    def _notes(self, instruction: str, pack: Sequence[Hit], texts: Sequence[str]) -> list[_Note]:
        """What the model writes of a pack, as far as it is supported; else the pack's most central sentences."""
        text = self._ask(instruction, _numbered(texts), max_tokens=NOTE_TOKENS)
        return list(_supported(text, pack, self._page_text)) or list(self._extracted(pack))

    def _extracted(self, pack: Sequence[Hit], count: int = EXTRACTED) -> Iterator[_Note]:
        found = [(hit, sentence) for hit in pack for sentence in _own_sentences(hit.text)]
        order = _by_centrality([sentence for _, sentence in found])[:count]
        for place in sorted(order):
            hit, sentence = found[place]
            yield from list(_supported(sentence, [hit], self._page_text))[:1]

    def _ask(
        self,
        instruction: str,
        content: str,
        *,
        max_tokens: int,
        on_text: Callable[[str], None] = lambda text: None,
    ) -> str:
        self._go_on()
        self._on_step(self._done, self._steps)
        guard = LoopGuard()

        def said(piece: str, thinking: bool) -> None:
            if not thinking:
                guard.feed(piece)
                on_text(piece)

        split = ThinkingFilter(said)
        generated = self._model.generate(
            [{"role": "system", "content": instruction}, {"role": "user", "content": content}],
            max_tokens=max_tokens,
            temperature=self._temperature,
            on_text=split.feed,
            cancelled=lambda: bool(guard.looped) or self._cancelled(),
        )
        split.end()
        self._read += generated.prompt_tokens
        self._written += generated.completion_tokens
        if generated.stopped and not guard.looped:
            raise _StoppedError
        self._done += 1
        text = guard.without_loop(split.answer).strip()
        if generated.cut:  # the last sentence has no end
            *whole, last = [text[span.start : sum(span)] for span in sentences(text)] or [""]
            text = " ".join(whole if last[-1:] not in _STOPS else [*whole, last])
        return text

    def _go_on(self) -> None:
        if self._cancelled():
            raise _StoppedError

    def _finished(self, text: _Text, unsupported: Sequence[str] = (), *, stopped: bool = False) -> Read:
        if not stopped:
            self._on_step(self._done, self._done)
        tokens = TokenCounts(prompt=self._read, completion=self._written)
        return Read("\n".join(text.lines).strip(), text.citations, list(unsupported), tokens, stopped)

    # ------------------------------------------------------------ two documents

    def compare(
        self, one: Sequence[Hit], other: Sequence[Hit], similarity: NDArray[np.float32], names: tuple[str, str]
    ) -> Read:
        """What is the same in two documents, what differs, and what stands in only one.

        Sentence by sentence, each against those of the nearest passages. A difference is put into words by the model
        where a quote of each document supports them; otherwise, and for all the rest, the documents speak themselves.

        Args:
            one, other: all passages of each, in reading order.
            similarity: cosine of each passage of ``one`` with each of ``other``, shape ``(len(one), len(other))``.
            names: what to call the documents.

        Raises:
            DocentError: as :meth:`summarise`.
        """
        try:
            found = _Comparison(one, other, similarity, self._go_on)
            chosen = sorted(range(len(found.differing)), key=lambda place: -found.differing[place].weight)[:MOST_TOPICS]
            pairs = [found.differing[place] for place in sorted(chosen)]
            # All that the documents say themselves is found first: whoever stops then waits for nothing.
            own = [[*self._own(pair.one), *self._own(pair.other)] for pair in pairs]
            lists = [
                (heading, [note for sentence in _most_central_of(group) for note in self._own(sentence)], len(group))
                for heading, group in (
                    ("The same in both", found.same),
                    (f"Only in {names[0]}", found.only_one),
                    (f"Only in {names[1]}", found.only_other),
                )
            ]
        except _StoppedError:
            return self._finished(_Text(), stopped=True)
        self._steps = len(pairs)
        stopped = False
        for place, pair in enumerate(pairs):
            try:
                own[place] = self._difference(pair) or own[place]
            except _StoppedError:
                stopped = True
                break
        text = _Text()
        text.heading("What differs")
        for pair, notes in zip(pairs, own, strict=True):
            called = {pair.one.source.path: names[0], pair.other.source.path: names[1]}
            text.item("  \n  ".join(f"{called[note.citations[0].path]}: {text.marked(note)}" for note in notes))
        text.more(len(found.differing) - len(pairs))
        for heading, notes, count in lists:
            text.heading(heading)
            text.listed(notes)
            text.more(count - MOST_LISTED)
        return self._finished(text, stopped=stopped)

    def _difference(self, pair: _Pair) -> list[_Note]:
        """The model's two sentences, if each is supported by another one of the documents; else nothing."""
        sources = [pair.one.source, pair.other.source]
        text = self._ask(COMPARE, _numbered([pair.one.text, pair.other.text]), max_tokens=NOTE_TOKENS)
        notes = list(_supported(text, sources, self._page_text))
        paths = [note.citations[0].path for note in notes]
        is_whole = (
            len(notes) == 2 == len(list(sentences(text))) and paths[0] != paths[1] and notes[0].text != notes[1].text
        )
        # Each must say what the pair is about, and not something else of the same passages.
        said = [claim(note.text) for note in notes]
        is_meant = is_whole and all(
            any(supports(each, sentence.claim) for sentence in (pair.one, pair.other)) for each in said
        )
        return notes if is_meant else []

    def _own(self, sentence: _Sentence) -> list[_Note]:
        self._go_on()
        return list(_supported(sentence.text, [sentence.source], self._page_text))[:1]


# ---------------------------------------------------------------- sentences


def _numbered(texts: Iterable[str]) -> str:
    return "\n\n".join(f"[{number}] {harmless(text)}" for number, text in enumerate(texts, start=1))


def _supported(text: str, sources: Sequence[Hit], page_text: PageText) -> Iterator[_Note]:
    """The sentences of ``text`` that a quote of ``sources`` supports, each with what supports it."""
    cited = cite(text, sources, page_text)
    citations = {citation.number: citation for citation in cited.citations if citation.verified}
    for span in sentences(cited.text):
        sentence = cited.text[span.start : sum(span)]
        behind = [citations[int(number)] for number in _MARKS.findall(sentence) if int(number) in citations]
        bare = fold_space(_MARKS.sub("", sentence))
        if behind and bare not in cited.unsupported:
            source = next((hit for hit in sources if _holds(hit, behind[0])), sources[0])
            yield _Note(bare.lstrip("-•* "), source, behind)


def _holds(hit: Hit, citation: Citation) -> bool:
    """Whether what a citation quotes stands in a passage, or begins or ends there."""
    touches = hit.start < citation.start + citation.length and citation.start < hit.start + hit.length
    return touches and (hit.path, hit.page) == (citation.path, citation.page)


def _own_sentences(text: str) -> Iterator[str]:
    """The sentences of a passage that can stand alone; those that the passage's ends cut are left out."""
    for span in sentences(text):
        sentence = fold_space(text[span.start : sum(span)])
        if _SHORTEST <= len(sentence) <= _LONGEST and sentence[-1] in _STOPS and not sentence[0].islower():
            yield sentence


def _by_centrality(texts: Sequence[str]) -> list[int]:
    """The places of ``texts``, first those whose words the others use most."""
    words = [claim(text).words for text in texts]
    common = Counter(word for each in words for word in each)
    scores = [sum(common[word] - 1 for word in each) / math.sqrt(len(each) + 1) for each in words]
    return sorted(range(len(texts)), key=lambda place: (-scores[place], place))


def _most_central(notes: Sequence[_Note], count: int = MOST_LISTED) -> list[_Note]:
    return [notes[place] for place in sorted(_by_centrality([note.text for note in notes])[:count])]


def _without_repeats(notes: Sequence[_Note]) -> list[_Note]:
    """Passages overlap: what was said of one may be said of the next."""
    kept: dict[object, _Note] = {}
    for note in notes:
        kept.setdefault((note.text.casefold(), note.citations[0].path), note)
    quoted: dict[object, _Note] = {}
    for note in kept.values():
        first = note.citations[0]
        quoted.setdefault((first.path, first.page, first.start, first.length), note)
    return list(quoted.values())


class _Text:
    """A text with citations, numbered as they come."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._heading: list[str] = []
        self._numbers: dict[object, Citation] = {}

    @property
    def citations(self) -> list[Citation]:
        return list(self._numbers.values())

    def marked(self, note: _Note) -> str:
        """The note's text with the marks of its citations before its full stop."""
        numbers = dict.fromkeys(self._number(citation) for citation in note.citations)
        stop = note.text[-1:] if note.text[-1:] in _STOPS else ""
        marks = "".join(f" [{number}]" for number in numbers)
        return f"{note.text.removesuffix(stop)}{marks}{stop}"

    def _number(self, citation: Citation) -> int:
        key = (citation.path, citation.page, citation.start, citation.length)
        if key not in self._numbers:
            self._numbers[key] = msgspec.structs.replace(citation, number=len(self._numbers) + 1)
        return self._numbers[key].number

    def whole(self, text: str, citations: Sequence[Citation]) -> _Text:
        """A text that has its marks already."""
        self.lines.append(text)
        self._numbers = {citation.number: citation for citation in citations}
        return self

    def paragraph(self, notes: Sequence[_Note]) -> _Text:
        self.lines.append(" ".join(self.marked(note) for note in notes))
        return self

    def listed(self, notes: Sequence[_Note], count: int = 0) -> _Text:
        """One line a note; ``count`` where there were more of them."""
        for note in notes:
            self.item(self.marked(note))
        self.more(count - len(notes))
        return self

    def saying_nothing(self) -> _Text:
        """For a document without sentences: a price list, a table."""
        self.lines.append(NO_SENTENCES)
        return self

    def heading(self, words: str) -> None:
        """What stands above the next item; nothing where none follows."""
        self._heading = ["", f"**{words}**", ""]

    def item(self, text: str) -> None:
        if text:
            self.lines += [*self._heading, f"- {text}"]
            self._heading = []

    def more(self, count: int) -> None:
        if count > 0:
            self.item(f"… ({count} more)")


# ---------------------------------------------------------------- comparing


class _Sentence(NamedTuple):
    text: str
    source: Hit
    claim: Claim


class _Pair(NamedTuple):
    """Two sentences on the same thing that do not say the same; ``weight`` is greater where numbers differ."""

    one: _Sentence
    other: _Sentence
    weight: float


class _Comparison:
    """Which sentences of two documents are the same, differ, or stand alone."""

    def __init__(
        self,
        one: Sequence[Hit],
        other: Sequence[Hit],
        similarity: NDArray[np.float32],
        go_on: Callable[[], None],
    ) -> None:
        """``go_on`` is called for every passage; what it raises ends the comparison."""
        self.same: list[_Sentence] = []
        self.differing: list[_Pair] = []
        self.only_one: list[_Sentence] = []
        self.only_other: list[_Sentence] = []
        ours, theirs = _by_passage(one, go_on), _by_passage(other, go_on)
        taken: dict[str, float] = {}
        for place, group in enumerate(ours):
            go_on()
            near = [theirs[each] for each in similarity[place].argsort()[::-1][:NEAREST]] if theirs else []
            for sentence in group:
                self._place(sentence, [each for some in near for each in some], taken)
        for place, group in enumerate(theirs):
            go_on()
            near = [ours[each] for each in similarity[:, place].argsort()[::-1][:NEAREST]] if ours else []
            for sentence in group:
                best = max((_overlap(sentence.claim, each.claim) for some in near for each in some), default=0.0)
                if best <= UNLIKE:
                    self.only_other.append(sentence)

    def _place(self, sentence: _Sentence, others: Sequence[_Sentence], taken: dict[str, float]) -> None:
        best = max(others, key=lambda each: _overlap(sentence.claim, each.claim), default=None)
        overlap = _overlap(sentence.claim, best.claim) if best else 0.0
        if best is None or overlap <= UNLIKE:
            self.only_one.append(sentence)
        elif supports(sentence.claim, best.claim) and supports(best.claim, sentence.claim):
            self.same.append(sentence)
        elif overlap >= ALIKE and best.text not in taken:
            taken[best.text] = overlap
            numbers = sentence.claim.numbers != best.claim.numbers
            denial = bool(sentence.claim.denied) != bool(best.claim.denied)
            self.differing.append(_Pair(sentence, best, overlap + numbers + denial))


def _by_passage(passages: Sequence[Hit], go_on: Callable[[], None]) -> list[list[_Sentence]]:
    """The sentences of each passage; what stands in the overlap of two belongs to the first."""
    seen: set[str] = set()
    groups = []
    for hit in passages:
        go_on()
        group = []
        for text in _own_sentences(hit.text):
            if text not in seen:
                seen.add(text)
                said = claim(text)
                if len(said.words) >= 3:
                    group.append(_Sentence(text, hit, said))
        groups.append(group)
    return groups


def _overlap(one: Claim, other: Claim) -> float:
    """Share of telling words that two sentences have in common."""
    return len(one.words & other.words) / max(1, len(one.words | other.words))


def _most_central_of(group: Sequence[_Sentence]) -> list[_Sentence]:
    return [group[place] for place in sorted(_by_centrality([each.text for each in group])[:MOST_LISTED])]

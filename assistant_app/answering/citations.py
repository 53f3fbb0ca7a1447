"""The model's ``[n]`` become citations: each tied to the sentence of the page that stands behind it.

The model's numbers are untrusted: they may be wrong, missing or made up. What a citation quotes is always cut from
the page itself, and whether it supports the sentence is decided here, not by the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from assistant_app.answering.support import Claim, claim, shared, supports
from assistant_app.documents.passages import Span, fold_space, sentences
from assistant_app.protocol.records import Citation, GivenBy, Hit

LONGEST_QUOTE = 2
"""Sentences that a quote may span: a name in one and its number in the next is common."""
LONGEST_QUOTE_CHARACTERS = 600

_MARK = re.compile(r"\s*\[\s*(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\s*\]")
_LOOSE_MARK = re.compile(r"([.!?])((?:\s*\[\s*\d[\d\s,;]*\])+)")

PageText = Callable[[str, int], str | None]


_ENUMERATOR = re.compile(r"\W*\d{1,2}[.)]\W*")
"""The "2." of a list, which is no claim."""


class Cited(NamedTuple):
    """An answer with its marks renumbered, its citations by those numbers, and its sentences that nothing supports.

    ``claims`` is false where no sentence says anything ("The answer to the question is:").
    """

    text: str
    citations: list[Citation]
    unsupported: list[str]
    claims: bool


class _Quote(NamedTuple):
    source: Hit
    span: Span
    text: str
    supports: bool
    share: float


def cite(answer: str, sources: Sequence[Hit], page_text: PageText) -> Cited:
    """Tie each sentence of ``answer`` to what stands behind it.

    A sentence that cites sources gets the best quote of each of them; where none of those supports it, or where it
    cites nothing, all sources are searched, and a quote that supports it is cited as found by search. An answer that
    still has no citation gets the best quote there is, not verified.

    Args:
        answer: the model's text; its ``[n]`` mean ``sources[n - 1]``.
        page_text: gives the text of a page by path and number.
    """
    quotes = _Quotes(sources, page_text)
    numbered: dict[tuple[str, int | None, Span], Citation] = {}
    unsupported: list[str] = []
    pieces: list[str] = []
    end = 0
    plain: list[tuple[str, int]] = []
    # A mark behind the full stop belongs to the sentence before it.
    text = _LOOSE_MARK.sub(lambda match: f"{match[2]}{match[1]}", answer)
    spans = list(sentences(text))
    for span in spans:
        sentence = text[span.start : span.start + span.length]
        bare = _MARK.sub("", sentence)
        pieces.append(text[end : span.start])
        end = span.start + span.length
        said = claim(bare)
        enumerates = _ENUMERATOR.fullmatch(bare) and span is not spans[-1]
        if enumerates or not (said.words or said.numbers):
            pieces.append(bare)
            continue
        given = _given(sentence, len(sources))
        chosen: list[tuple[_Quote, GivenBy]] = [(quotes.best(said, [sources[n - 1]]), "model") for n in given]
        if not any(quote.supports for quote, _ in chosen):
            found = quotes.best(said, sources)
            if found.supports:
                chosen.append((found, "search"))
            else:
                unsupported.append(fold_space(bare))
        marks = [_number(numbered, quote, given_by) for quote, given_by in chosen]
        plain.append((bare, len(pieces)))
        pieces.append(_with_marks(bare, marks))
    if not numbered and sources and plain:
        bare, place = max(plain, key=lambda item: quotes.best(claim(item[0]), sources).share)
        best = quotes.best(claim(bare), sources)
        pieces[place] = _with_marks(bare, [_number(numbered, best, "search")])
    return Cited("".join([*pieces, text[end:]]).strip(), list(numbered.values()), unsupported, bool(plain))


def _given(sentence: str, count: int) -> list[int]:
    """The source numbers that a sentence cites, once each; numbers of no source are left out."""
    numbers = [int(number) for match in _MARK.finditer(sentence) for number in re.findall(r"\d+", match[1])]
    return [number for number in dict.fromkeys(numbers) if 1 <= number <= count]


def _number(numbered: dict[tuple[str, int | None, Span], Citation], quote: _Quote, given_by: GivenBy) -> int:
    key = (quote.source.path, quote.source.page, quote.span)
    known = numbered.get(key)
    if known is None:
        known = Citation(
            number=len(numbered) + 1,
            path=quote.source.path,
            page=quote.source.page,
            quote=quote.text,
            start=quote.span.start,
            length=quote.span.length,
            verified=quote.supports,
            given_by=given_by,
        )
        numbered[key] = known
    elif known.verified and not quote.supports:
        # A citation is verified only if it supports every sentence that cites it.
        numbered[key] = msgspec.structs.replace(known, verified=False)
    return known.number


def _with_marks(sentence: str, numbers: Sequence[int]) -> str:
    marks = "".join(f" [{number}]" for number in dict.fromkeys(numbers))
    body = sentence.rstrip()
    stop = body[-1:] if body[-1:] in ".!?" else ""
    return f"{body.removesuffix(stop) if stop else body}{marks}{stop}"


class _Quotes:
    """The sentences around each source, read once."""

    def __init__(self, sources: Sequence[Hit], page_text: PageText) -> None:
        self._page_text = page_text
        self._known: dict[tuple[str, int | None, int], list[tuple[Hit, Span, str, Claim]]] = {}
        self._sources = sources

    def best(self, said: Claim, sources: Sequence[Hit]) -> _Quote:
        """The shortest quote of ``sources`` that supports ``said``; else the one that shares most with it."""
        candidates = [
            _Quote(source, span, text, supports(said, quoted), shared(said, quoted))
            for source in sources
            for source, span, text, quoted in self._of(source)
        ]
        return max(candidates, key=lambda quote: (quote.supports, round(quote.share, 3), -quote.span.length))

    def _of(self, source: Hit) -> list[tuple[Hit, Span, str, Claim]]:
        key = (source.path, source.page, source.start)
        if key not in self._known:
            text = self._page_text(source.path, source.page or 0)
            passage = Span(source.start, source.length)
            if text is None:  # the document went while the model wrote: the passage itself is still known
                spans = [passage]
                cut = {passage: source.text}
            else:
                spans = _spans(text, passage)
                cut = {span: text[span.start : span.start + span.length] for span in spans}
            self._known[key] = [(source, span, cut[span], claim(cut[span])) for span in spans]
        return self._known[key]


def _spans(text: str, passage: Span) -> list[Span]:
    """The quotes that a passage offers: the page's sentences that touch it, alone and with the next one."""
    touching = [
        span
        for span in sentences(text)
        if span.start < passage.start + passage.length and passage.start < span.start + span.length
    ]
    spans: list[Span] = []
    for first in range(len(touching)):
        for last in range(first, min(first + LONGEST_QUOTE, len(touching))):
            begin = touching[first].start
            length = touching[last].start + touching[last].length - begin
            if last == first or length <= LONGEST_QUOTE_CHARACTERS:
                spans.append(Span(begin, length))
    return spans or [passage]

"""The pages around the sources of an answer, and the sentences that may be quoted from them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from assistant_app.documents.passages import Span, sentences, trimmed
from assistant_app.protocol.records import Hit

LONGEST_QUOTE = 600
"""Code points. A quote is a sentence or, because a name in one and its number in the next is common, two."""

_LINE = re.compile(rf"[^\n]{{1,{LONGEST_QUOTE}}}(?=\s|\Z)|[^\n]{{1,{LONGEST_QUOTE}}}")

PageText = Callable[[str, int], tuple[str, int] | None]
"""Gives the text of a page (or section, where there are no pages) by path and number, and how much of the document
stands before a section; as ``Catalog.page_text``."""


class Sentence(NamedTuple):
    """A sentence of a page: ``span`` counts as citations do, ``text`` is the page's own."""

    span: Span
    text: str


class Pages:
    """Pages, each read once, so that all quotes of an answer are cut from the same text."""

    def __init__(self, page_text: PageText) -> None:
        self._page_text = page_text
        self._pages: dict[tuple[str, int], tuple[str, int, list[Span]]] = {}

    def sentences(self, source: Hit) -> list[Sentence]:
        """The sentences that ``source`` touches, whole, in order; a longer one than a quote may be comes line by line.

        None where the library does not hold the source any more as it was found: the document may have gone, or have
        been read anew, since the search.
        """
        text, base, spans = self._page(source)
        start = source.start - base
        if start < 0 or text[start : start + source.length] != source.text:
            return []
        touching = _touching(text, spans, Span(start, source.length))
        return [Sentence(Span(base + span.start, span.length), text[span.start : sum(span)]) for span in touching]

    def text(self, source: Hit) -> str:
        """All of the source's page; "" where the library does not hold it any more."""
        return self._page(source)[0]

    def quote(self, source: Hit, first: Span, last: Span) -> Sentence:
        """What stands from the beginning of ``first`` to the end of ``last``."""
        text, base, _ = self._page(source)
        return Sentence(Span(first.start, sum(last) - first.start), text[first.start - base : sum(last) - base])

    def find(self, source: Hit, wanted: str) -> Sentence | None:
        """The last place before ``source`` on its page where ``wanted`` stands; null where there is none."""
        text, base, _ = self._page(source)
        place = text.rfind(wanted, 0, max(source.start - base, 0)) if wanted else -1
        return None if place < 0 else Sentence(Span(base + place, len(wanted)), wanted)

    def _page(self, source: Hit) -> tuple[str, int, list[Span]]:
        key = (source.path, source.section if source.page is None else source.page)
        if key not in self._pages:
            text, base = self._page_text(*key) or ("", 0)
            self._pages[key] = (text, base, list(sentences(text)))
        return self._pages[key]


def _touching(text: str, page_sentences: Sequence[Span], passage: Span) -> Iterator[Span]:
    """The page's sentences that touch the passage."""
    end = sum(passage)
    first = bisect_right(page_sentences, passage.start, key=sum)
    last = bisect_left(page_sentences, end, key=lambda span: span.start)
    for span in page_sentences[first:last]:
        for piece in _quotable(text, span):
            if piece.start < end and passage.start < sum(piece):
                yield piece


def _quotable(text: str, sentence: Span) -> Iterator[Span]:
    """The sentence, or its lines where it is too long to be read as one (a table, say)."""
    if sentence.length <= LONGEST_QUOTE:
        yield sentence
        return
    for line in _LINE.finditer(text, sentence.start, sum(sentence)):
        yield from trimmed(text, line.start(), line.end())

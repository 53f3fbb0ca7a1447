"""A page's text becomes passages: spans of at most so many tokens, cut between sentences where possible.

A passage is a half-open span of its page's text, so ``text[start:start + length]`` gives it back to the letter. Spans
overlap by whole sentences, so that a fact on a seam stands in one piece in at least one passage.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

TOKENS = 120
"""Longest passage in tokens of the embedding model (docs/performance.md: 120 beat 220 on short documents)."""
OVERLAP = 20
"""Tokens that a passage may repeat of the one before it."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=\S)|(?<=[。！？])|\n[ \t]*\r?\n\s*|\n\s*(?=[•▪●◦‣∙·*-]\s)")
_SPACE = re.compile(r"\s+")


class Span(NamedTuple):
    """``length`` code points of a page's text from ``start``."""

    start: int
    length: int


def fold_space(text: str) -> str:
    """``text`` with every run of white space as one blank, none at the ends."""
    return _SPACE.sub(" ", text).strip()


def sentences(text: str) -> Iterator[Span]:
    """The sentences (and list items) of ``text``, in order, without white space at their ends."""
    start = 0
    for end in (*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)):
        piece = text[start:end]
        stripped = piece.strip()
        if stripped:
            lead = len(piece) - len(piece.lstrip())
            yield Span(start + lead, len(stripped))
        start = end


def split(text: str, tokens: Sequence[tuple[int, int]], size: int = TOKENS, overlap: int = OVERLAP) -> list[Span]:
    """Cut a page's text into passages.

    Args:
        text: the page's text.
        tokens: where each token of the embedding model stands in ``text``: ``(start, end)`` in code points, ascending.
        size: most tokens of a passage.
        overlap: most tokens repeated from the passage before.

    Returns:
        Spans without white space at their ends; none where the page has no token.
    """
    starts = [start for start, _ in tokens]
    pieces = list(_pieces(text, tokens, starts, size))
    spans: list[Span] = []
    first = 0
    while first < len(pieces):
        last = first
        total = pieces[first][1]
        while last + 1 < len(pieces) and total + pieces[last + 1][1] <= size:
            last += 1
            total += pieces[last][1]
        begin, end = pieces[first][0].start, sum(pieces[last][0])
        spans.append(Span(begin, end - begin))
        if last + 1 >= len(pieces):
            break
        following = last + 1
        repeated = 0
        while following - 1 > first and repeated + pieces[following - 1][1] <= overlap:
            following -= 1
            repeated += pieces[following][1]
        first = following
    return spans


def _pieces(
    text: str, tokens: Sequence[tuple[int, int]], starts: Sequence[int], size: int
) -> Iterator[tuple[Span, int]]:
    """Sentences with their number of tokens; a sentence longer than ``size`` is cut at token borders."""
    for start, length in sentences(text):
        first, last = bisect_left(starts, start), bisect_left(starts, start + length)
        if last - first <= size:
            if last > first:
                yield Span(start, length), last - first
            continue
        # From the first character of the sentence to its last: nothing between two tokens is lost.
        borders = [start, *(starts[index] for index in range(first + size, last, size)), start + length]
        for begin, end in zip(borders, borders[1:], strict=False):
            piece = text[begin:end]
            stripped = piece.strip()
            if stripped:
                lead = len(piece) - len(piece.lstrip())
                count = bisect_left(starts, end) - bisect_left(starts, begin)
                yield Span(begin + lead, len(stripped)), count

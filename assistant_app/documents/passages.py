"""A page's text becomes passages: spans of at most so many tokens, cut between sentences where possible.

A passage is a half-open span of its page's text, so ``text[start:start + length]`` gives it back to the letter. Spans
overlap by whole sentences, so that a fact on a seam stands in one piece in at least one passage.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

TOKENS = 120
"""Longest passage in tokens of the embedding model (docs/performance.md: 120 beat 220 on short documents)."""
OVERLAP = 20
"""Tokens that a passage may repeat of the one before it."""

LONGEST_TOKEN = 20
"""Code points that count as one token at least. Words of the model's vocabulary are shorter; what it cannot read (a run
of thousands of letters, say) is one token to it, and must not make a passage of any length."""

# Stops of Latin, Arabic, Urdu, Armenian, Ethiopic and others need white space behind them; those of Chinese, Japanese,
# Hindi, Khmer and Burmese need none, and take a closing quotation mark along. Thai has no stops: there a line's end or
# a blank line must do.
_SENTENCE_END = re.compile(
    r"(?<=[.!?…؟۔։።])[\"'”’)\]»]*\s+(?=\S)"
    r"|(?<=[。！？｡；।॥။។])(?![。！？｡；।॥။។])[\"”’」』）】》〉]*|(?<=．)(?=[^\d.．\s])|\n[^\S\n]*\n\s*|\n[^\S\n]*(?=(?:[•▪●◦‣∙·*-]|\(?\d{1,2}[.)])\s)"
)
# What stands before a full stop that ends no sentence: "2" at the head of a line, "e.g" anywhere, "No" where a number
# follows, "Inc" where a small letter follows.
_NO_END = re.compile(r"(?:\n[^\S\n]*\(?\d{1,2}|\b(?:e\.g|i\.e|Mr|Mrs|Ms|Dr|Prof|St|vs|cf|approx))\.\Z")
_NO_END_BEFORE_NUMBER = re.compile(r"\b(?:Nos?|Fig|Sec|Art|para|pp?|Vol|Ch|Eq|ca)\.\Z", re.IGNORECASE)
_NO_END_BEFORE_SMALL = re.compile(r"\b(?:etc|Inc|Ltd|Co|Corp|Jr|Sr|U\.S|U\.K|[ap]\.m)\.\Z", re.IGNORECASE)
_LOOK_BACK = 12
_LINE = re.compile(r"^[^\S\n]*(\S(?:[^\n]*\S)?)", re.MULTILINE)
_HEADING = 0.6
"""Share of the usual line's length (the upper quartile of its page) that a heading has at most."""
_MARKED_HEADING = re.compile(r"^#{1,6}[ \t][^\n]*(?:\n|\Z)", re.MULTILINE)
"""A heading of a Markdown file: a sentence of its own, whatever stands in the line below."""
_SPACE = re.compile(r"\s+")


class Span(NamedTuple):
    """``length`` code points of a page's text from ``start``."""

    start: int
    length: int


def fold_space(text: str) -> str:
    """``text`` with every run of white space as one blank, none at the ends."""
    return _SPACE.sub(" ", text).strip()


def sentences(text: str, rows: Sequence[Span] = (), borders: Sequence[int] = ()) -> Iterator[Span]:
    """The sentences (and list items) of ``text``, in order, without white space at their ends.

    Args:
        text: the page's text.
        rows: spans that are a piece each, whatever they hold: a table's rows. Ascending, without overlap.
        borders: offsets that no piece reaches over. Ascending.
    """
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if not _is_inside(text, match)]
    sides = [side for row in rows for side in (row.start, sum(row))]
    start = 0
    ahead = iter(rows)
    row = next(ahead, None)
    marked = [side for heading in _MARKED_HEADING.finditer(text) for side in heading.span()]
    for end in heapq.merge(ends, _heading_ends(text), marked, sides, borders, [len(text)]):
        while row is not None and sum(row) <= start:
            row = next(ahead, None)
        if row is not None and row.start < end < sum(row):
            continue
        yield from trimmed(text, start, end)
        start = end


def _heading_ends(text: str) -> Iterator[int]:
    """Where a heading's line ends: much shorter than the lines of its page, no stop behind it, a capital after it.

    A line that was wrapped is about as long as the others, so it is none.
    """
    lines = list(_LINE.finditer(text))
    if len(lines) < 2:
        return
    usual = sorted(len(line[1]) for line in lines)[3 * len(lines) // 4]
    for line, following in pairwise(lines):
        capital = following[1][0].isupper() or following[1][0].isdigit()
        if len(line[1]) <= _HEADING * usual and line[1][-1].isalnum() and capital:
            yield following.start(1)


def _is_inside(text: str, match: re.Match[str]) -> bool:
    """Whether what looks like the end of a sentence is none: an abbreviation, or the number of a list's item."""
    stop = match.start()
    if text[stop - 1 : stop] != "." or not match[0][:1].isspace() or match[0].count("\n") > 1:
        return False
    before = "\n" * (stop <= _LOOK_BACK) + text[max(stop - _LOOK_BACK, 0) : stop]
    following = text[match.end()]
    return bool(
        _NO_END.search(before)
        or (following.isdigit() and _NO_END_BEFORE_NUMBER.search(before))
        or (following.islower() and _NO_END_BEFORE_SMALL.search(before))
    )


def trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    """The span without white space at its ends; nothing where there is only white space."""
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        yield Span(start + len(piece) - len(piece.lstrip()), len(stripped))


def split(
    text: str,
    tokens: Sequence[tuple[int, int]],
    size: int = TOKENS,
    overlap: int = OVERLAP,
    *,
    rows: Sequence[Span] = (),
    left_out: Sequence[Span] = (),
    begins: Sequence[int] = (),
) -> list[Span]:
    """Cut a page's text into passages.

    Args:
        text: the page's text.
        tokens: where each token of the embedding model stands in ``text``: ``(start, end)`` in code points, ascending.
        size: most tokens of a passage.
        overlap: most tokens repeated from the passage before.
        rows: a table's rows, each kept whole unless longer than ``size``. Ascending, without overlap, as the rest.
        left_out: what is in no passage; no passage reaches over it.
        begins: offsets where a new passage begins (a heading).

    Returns:
        Spans without white space at their ends; none where the page has no token.
    """
    sides = [side for span in left_out for side in (span.start, sum(span))]
    borders = sorted({*sides, *begins})
    spans: list[Span] = []
    stretch: list[tuple[Span, int]] = []
    number = out = 0
    for piece in _pieces(text, tokens, size, rows, borders):
        start = piece[0].start
        while out < len(left_out) and sum(left_out[out]) <= start:
            out += 1
        if out < len(left_out) and left_out[out].start <= start:
            continue
        passed = bisect_right(borders, start)
        if passed != number:
            spans += _packed(stretch, size, overlap)
            stretch, number = [], passed
        stretch.append(piece)
    return [*spans, *_packed(stretch, size, overlap)]


def _packed(pieces: Sequence[tuple[Span, int]], size: int, overlap: int) -> Iterator[Span]:
    """As many pieces in each passage as fit, the last ones of it once more at the next one's head."""
    first = 0
    while first < len(pieces):
        last = first
        total = pieces[first][1]
        while last + 1 < len(pieces) and total + pieces[last + 1][1] <= size:
            last += 1
            total += pieces[last][1]
        begin, end = pieces[first][0].start, sum(pieces[last][0])
        yield Span(begin, end - begin)
        following = last + 1
        if following >= len(pieces):
            break
        # Repeat only what leaves room for the next piece: a passage of nothing but repetition says nothing new.
        room = min(overlap, size - pieces[following][1])
        while following - 1 > first and pieces[following - 1][1] <= room:
            following -= 1
            room -= pieces[following][1]
        first = following


def _pieces(
    text: str, tokens: Sequence[tuple[int, int]], size: int, rows: Sequence[Span], borders: Sequence[int]
) -> Iterator[tuple[Span, int]]:
    """Sentences and rows with their weight in tokens; one that is longer than ``size`` is cut at token borders.

    The pieces of a sentence run from its first character to its last: nothing between two tokens is lost.
    """
    starts = [start for start, _ in tokens]
    for begin, length in sentences(text, rows, borders):
        end = begin + length
        while begin < end:
            first, last = bisect_left(starts, begin), bisect_left(starts, end)
            cut = starts[first + size] if first + size < last else end
            cut = max(min(cut, begin + size * LONGEST_TOKEN), begin + 1)
            last = bisect_left(starts, cut)
            if last and tokens[last - 1][1] > begin:  # a token reaches into it
                for span in trimmed(text, begin, cut):
                    yield span, max(last - first, -(-span.length // LONGEST_TOKEN))
            begin = cut

"""Answers that are cut from the sources: the rule to which an adapter is held that learnt nothing else.

Extractive question answering: Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250. Such an adapter answers with
words of one source and that source's number, or refuses. What it writes besides would be made up: a name that no
source holds, the number of a source that does not say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from assistant_app.answering.prompts import NOT_FOUND, harmless
from assistant_app.protocol.training import Example

MOSTLY = 0.98
"""Share of the examples that must be extracts: a few answers of any data set stand in no source as they are."""

_MARK = b" ["
_LETTER = re.compile(rb"[0-9A-Za-z]")
_REFUSAL = NOT_FOUND.encode()


class Extracts:
    """``WORDS [n].`` with whole words of source ``n``, or that the documents do not hold it."""

    def __init__(self, sources: Sequence[str]) -> None:
        """``sources``: the texts of which the prompt is made; source ``n`` is ``sources[n - 1]``."""
        self._sources = [harmless(source).encode() for source in sources]

    def allows(self, text: bytes) -> bool:
        """Whether an answer may begin with ``text``."""
        words, mark, number = text.rpartition(_MARK)
        if mark and any(f"{holding}].".encode().startswith(number) for holding in self._holding(words)):
            return True
        if _REFUSAL.startswith(text) or any(self._begin(text)):
            return True
        return text.endswith(b" ") and any(self._holding(text[:-1]))  # of " ["

    def may_end(self, text: bytes) -> bool:
        """Whether ``text`` may be all of it."""
        words, mark, number = text.rpartition(_MARK)
        if mark and any(number == f"{holding}].".encode() for holding in self._holding(words)):
            return True
        return text == _REFUSAL

    def _holding(self, words: bytes) -> Iterator[int]:
        """The numbers of the sources in which ``words`` stand as whole words."""
        return (number for number, source, end in self._begin(words) if not _is_within(source, end))

    def _begin(self, words: bytes) -> Iterator[tuple[int, bytes, int]]:
        """Where a word of a source, or several, begin with ``words``: the source's number, its text, their end."""
        if not words.strip() or words[:1].isspace():
            return
        for number, source in enumerate(self._sources, start=1):
            start = source.find(words)
            while start >= 0:
                if not _is_within(source, start):
                    yield number, source, start + len(words)
                start = source.find(words, start + 1)


def _is_within(text: bytes, place: int) -> bool:
    """Whether ``place`` is within a word of plain letters and digits; scripts without blanks have none."""
    return bool(0 < place < len(text) and _LETTER.match(text, place - 1) and _LETTER.match(text, place))


def are_extracts(examples: Iterable[Example]) -> bool:
    """Whether an adapter that learns from ``examples`` learns to answer with extracts."""
    fit = [
        example.format == "text"
        and not example.messages
        and not example.instructions
        and Extracts([source.text for source in example.sources]).may_end(example.answer.encode())
        for example in examples
    ]
    return bool(fit) and sum(fit) >= MOSTLY * len(fit)

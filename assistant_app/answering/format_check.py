"""Measures answers against approved ones: in their format, right, cited, refused. Training and benchmarks share it.

Token F1 and exact match are those of SQuAD (Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250): small letters,
without articles and punctuation.
"""

from __future__ import annotations

import re
import statistics
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from assistant_app.answering.answer import says_not_found
from assistant_app.answering.formats import read_record
from assistant_app.answering.shapes import STRUCTURED, read, says_nothing
from assistant_app.protocol.records import OutputFormat
from assistant_app.protocol.training import Example, Figures

_MARK = re.compile(r"\s*\[\s*(\d{1,3})\s*\]")
_ARTICLES = ("a", "an", "the")


class Said(NamedTuple):
    """What a model answered to an example, and how many seconds it took."""

    text: str
    seconds: float


class _Read(NamedTuple):
    """An answer taken apart. ``source`` counts from 1; null where none is cited."""

    valid: bool
    words: str
    found: bool
    source: int | None


def normal(text: str) -> str:
    """As SQuAD's scoring does it: small letters, no articles, no punctuation."""
    letters = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(word for word in letters.split() if word not in _ARTICLES)


def f1(said: str, wanted: str) -> float:
    """The harmonic mean of precision and recall of the answer's words."""
    one, other = normal(said).split(), normal(wanted).split()
    both = sum((Counter(one) & Counter(other)).values())
    return 2 * both / (len(one) + len(other)) if both else 0.0


def is_valid(text: str, wanted: OutputFormat, sources: int) -> bool:
    """Whether an answer is in its format.

    A record is one JSON object with its four fields and nothing around it. Free text is not empty, and either says that
    the documents do not hold it or cites a source, and none that there is not (of a prompt whose sources are not known,
    ``sources`` is -1, and any will do).
    """
    if wanted.kind != "text":
        return not read(wanted, text.strip()).problem
    marks = [int(mark) for mark in _MARK.findall(text)]
    if says_not_found(text) and not marks:
        return True
    if sources < 0:
        return bool(re.search(r"\w", text))
    return bool(marks) and bool(re.search(r"\w", _MARK.sub("", text))) and all(1 <= mark <= sources for mark in marks)


def _read(text: str, example: Example) -> _Read:
    wanted = example.shape or OutputFormat(kind=example.format)
    valid = is_valid(text, wanted, -1 if example.messages else len(example.sources))
    if wanted.kind in STRUCTURED:
        values = [value for value in read(wanted, text.strip()).values if not says_nothing(value.text)]
        return _Read(valid, "; ".join(f"{value.name}: {value.text}" for value in values), bool(values), None)
    if example.format == "record":
        record = read_record(text.strip())
        if record is None:
            return _Read(False, "", False, None)
        quote = " ".join(record.quote.split())
        holding = [
            number
            for number, source in enumerate(example.sources, start=1)
            if quote and quote in " ".join(source.text.split()) and source.page == record.page
        ]
        return _Read(valid, record.answer, record.found, holding[0] if holding else None)
    marks = [int(mark) for mark in _MARK.findall(text)]
    return _Read(valid, _MARK.sub("", text), not says_not_found(text), marks[0] if marks else None)


def measure(examples: Sequence[Example], answers: Iterable[Said], accepted: Sequence[Sequence[str]] = ()) -> Figures:
    """What ``answers`` to ``examples`` are worth.

    Args:
        accepted: for each example other wordings that are as good, for F1 and exact match.
    """
    valid: list[bool] = []
    agree: list[float] = []
    exact: list[bool] = []
    cited: list[bool] = []
    refused: list[bool] = []
    wrongly: list[bool] = []
    seconds: list[float] = []
    for number, (example, said) in enumerate(zip(examples, answers, strict=True)):
        wanted, given = _read(example.answer, example), _read(said.text, example)
        valid.append(given.valid)
        seconds.append(said.seconds)
        if not wanted.found:
            refused.append(given.valid and not given.found)
            continue
        wrongly.append(given.valid and not given.found)
        wordings = [wanted.words, *(accepted[number] if accepted else ())]
        agree.append(max(f1(given.words, each) for each in wordings) if given.found else 0.0)
        exact.append(given.found and any(normal(given.words) == normal(each) for each in wordings))
        if wanted.source is not None:
            cited.append(given.found and given.source == wanted.source)
    return Figures(
        examples=len(valid),
        valid=_share(valid),
        f1=_share(agree),
        exact=_share(exact),
        cited=_share(cited),
        refused=_share(refused),
        wrongly_refused=_share(wrongly),
        seconds=round(statistics.median(seconds), 3) if seconds else None,
    )


def beats(adapter: Figures, base: Figures) -> bool:
    """Whether an adapter earns its place: more of its answers right, and no fewer in their format.

    Right is the mean of what was measured of both: agreement with the approved answers, right source, rightly refused.
    """
    if adapter.valid is None or base.valid is None or adapter.valid < base.valid:
        return False
    both = [
        (one, other)
        for one, other in ((adapter.f1, base.f1), (adapter.cited, base.cited), (adapter.refused, base.refused))
        if one is not None and other is not None
    ]
    return bool(both) and sum(one for one, _ in both) > sum(other for _, other in both)


def _share(values: Sequence[float | bool]) -> float | None:
    return round(statistics.fmean(values), 4) if values else None

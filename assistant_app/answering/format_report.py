"""Which way of getting a format is worth its price: instructions, a grammar, an adapter, or both.

The rule: an adapter must earn its place. It is advised only where it is better than chance on the same questions, in
validity or in agreement with approved answers, than the best way without it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from assistant_app.answering.format_check import f1, is_valid, normal
from assistant_app.answering.shapes import read
from assistant_app.protocol.records import OutputFormat
from assistant_app.protocol.report import FEWEST, Advice, Way, WayName

ENOUGH = 0.95
"""Share of valid answers with which instructions alone will do."""
_Z = 1.96
"""Of the normal distribution, for 95 %."""

WITH_ADAPTER: tuple[WayName, ...] = ("adapter", "adapter_grammar")


class Asked(NamedTuple):
    """One answer: in its format or not, agreement with the approved one (null: none is known), tokens, seconds."""

    valid: bool
    agreement: float | None
    tokens: int
    seconds: float


def looked_at(
    text: str, wanted: OutputFormat, sources: int, approved: str | None, tokens: int, seconds: float
) -> Asked:
    """Measure one answer; ``approved`` is what it should have been, where that is known."""
    valid = is_valid(text, wanted, sources)
    return Asked(valid, None if approved is None else _agreement(text.strip(), approved, wanted), tokens, seconds)


def _agreement(text: str, approved: str, wanted: OutputFormat) -> float:
    """Free text by token F1, everything else by the share of the approved answer's fields that are the same."""
    if wanted.kind == "text":
        return f1(text, approved)
    said = dict(read(wanted, text).values)
    right = dict(read(wanted, approved.strip()).values)
    if not right:
        return 0.0
    return sum(name in said and normal(said[name]) == normal(value) for name, value in right.items()) / len(right)


def wilson(successes: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, (0, 1) of nothing."""
    if of == 0:
        return 0.0, 1.0
    share, weight = successes / of, _Z * _Z / of
    middle = (share + weight / 2) / (1 + weight)
    reach = _Z * math.sqrt(share * (1 - share) / of + weight / (4 * of)) / (1 + weight)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def way_of(name: WayName, answers: Sequence[Asked]) -> Way:
    """What the answers of one way come to."""
    valid = sum(each.valid for each in answers)
    low, high = wilson(valid, len(answers))
    agreed = [each.agreement for each in answers if each.agreement is not None]
    return Way(
        way=name,
        asked=len(answers),
        valid=valid,
        low=round(low, 4),
        high=round(high, 4),
        agreement=round(statistics.fmean(agreed), 4) if agreed else None,
        compared=len(agreed),
        tokens=statistics.median([each.tokens for each in answers]) if answers else 0.0,
        seconds=round(statistics.median([each.seconds for each in answers]), 2) if answers else 0.0,
    )


def advise(answers: dict[WayName, list[Asked]]) -> Advice:
    """The way to take; the simplest of those that nothing beats."""
    ways = {name: way_of(name, said) for name, said in answers.items()}
    if min(way.asked for way in ways.values()) < FEWEST:
        return "too_few"
    plain = [ways[name] for name in ways if name not in WITH_ADAPTER]
    best = plain[0]
    for way in plain[1:]:  # from the simplest on
        enough = best.valid / best.asked >= ENOUGH
        if (not enough and way.valid > best.valid) or _agrees_better(answers[way.way], answers[best.way]):
            best = way
    earning = [
        way
        for name, way in ways.items()
        if name in WITH_ADAPTER
        and (way.low > best.high or (way.valid >= best.valid and _agrees_better(answers[name], answers[best.way])))
    ]
    if earning:
        # The one with more valid answers, then with more agreement; the simpler one first.
        best = max(earning, key=lambda way: (way.valid, way.agreement or 0.0))
    return best.way


def _agrees_better(one: Sequence[Asked], other: Sequence[Asked]) -> bool:
    """Whether ``one`` agrees with the approved answers more than by chance: the paired differences' mean is further
    from zero than their standard error allows."""
    gains = [
        mine.agreement - theirs.agreement
        for mine, theirs in zip(one, other, strict=True)
        if mine.agreement is not None and theirs.agreement is not None
    ]
    if len(gains) < FEWEST:
        return False
    error = statistics.stdev(gains) / math.sqrt(len(gains))
    return statistics.fmean(gains) > max(_Z * error, 0.02)

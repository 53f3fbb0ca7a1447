"""Does a sentence of a page support a sentence of an answer?

The rule is strict where mistakes hurt: every number and every name of the answer's sentence must stand in the quote,
"not" in one and not in the other is no support, and most of the telling words must be shared. It reads letters, not
meaning: what it calls verified can be checked by eye, and that is the point.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d[\d.,:/]*\d|\d")
_NEGATION = {"not", "no", "never", "none", "neither", "nor", "without", "cannot", "nothing"}
_FILLING = frozenset(
    """
    a about above after all also an and any are as at be because been being below between both but by can could did do
    does each for from further had has have he her here hers him his how i if in into is it its itself just may me might
    more most must my of off on once only or other our out over own per said same say says she should so some such than
    that the their them then there these they this those through to too under until up upon us very was we were what
    when where which while who whom why will with would yes you your according document documents source sources
    provided answer question based given states stated text
    """.split()
)
_ENDINGS = (
    *("ations", "ation", "ments", "ment", "ings", "ing", "edly", "ies", "ied", "ers", "er", "ed", "es", "ly", "s"),
    *("e", "y"),
)
_LEAST_SHARED = 0.65
"""Share of the answer sentence's telling words that must stand in the quote."""


class Claim(NamedTuple):
    """What a sentence says, as far as letters show it."""

    numbers: frozenset[str]
    names: frozenset[str]
    words: frozenset[str]
    negative: bool


def claim(sentence: str) -> Claim:
    """The numbers, names and telling words (stemmed) of ``sentence``."""
    numbers: set[str] = set()
    names: set[str] = set()
    words: set[str] = set()
    negative = False
    before = ""
    for match in _WORD.finditer(sentence):
        token = match[0]
        if token[0].isdigit():
            numbers.add(_number(token))
            before = token
            continue
        plain = fold(token)
        negative |= plain in _NEGATION or plain.endswith(("n't", "n’t"))
        # The first word of a sentence is upper case whatever it is, unless all of it is.
        opens = not before or sentence[: match.start()].rstrip()[-1:] in ".!?:•"
        if token[0].isupper() and plain not in _FILLING and (not opens or (len(token) > 1 and token.isupper())):
            names.add(stem(plain))
        if plain not in _FILLING and plain not in _NEGATION and len(plain) > 1:
            words.add(stem(plain))
        before = token
    return Claim(frozenset(numbers), frozenset(names), frozenset(words), negative)


def shared(said: Claim, quoted: Claim) -> float:
    """How much of the claim stands in the quote, 0 to 1: numbers count threefold, names twofold."""
    weight = 3 * len(said.numbers) + 2 * len(said.names) + len(said.words)
    held = 3 * len(said.numbers & quoted.numbers) + 2 * len(said.names & quoted.words) + len(said.words & quoted.words)
    return held / weight if weight else 0.0


def supports(said: Claim, quoted: Claim) -> bool:
    """Whether the quote supports the claim, by the rule at the head of this module."""
    if not (said.numbers or said.words):
        return False
    if not (said.numbers <= quoted.numbers and said.names <= quoted.words and said.negative == quoted.negative):
        return False
    return len(said.words & quoted.words) >= _LEAST_SHARED * len(said.words)


def fold(word: str) -> str:
    """``word`` in lower case, without accents."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def stem(word: str) -> str:
    """A rough stem: enough to see "covers" in "covered"; a word of up to three letters stays as it is."""
    word = word.removesuffix("'s").removesuffix("’s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _number(token: str) -> str:
    """A number without thousands separators and without zeros behind the point: ``2,000.00`` is ``2000``."""
    token = token.strip(".,:/")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", token):
        token = token.replace(",", "")
    if re.fullmatch(r"\d+\.\d+", token):
        token = token.rstrip("0").rstrip(".")
    return token

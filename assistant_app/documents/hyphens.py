"""Words that a line's end broke in two: which hyphens stand for nothing but the break.

Whether "well-" and "known" on the next line are one word or two cannot be known without a dictionary of the language.
The rule: a hyphen between two small letters was put there by the typesetter, unless the word has another hyphen beside
it ("out-of-" and "pocket") or begins with one of the few words that most often begin a compound. Where the rule fails,
a keyword search for the one spelling misses this one place; the page's text keeps a hyphen of one kind or the other.
"""

from __future__ import annotations

import re

SOFT_HYPHEN = "\u00ad"
"""Unicode's own sign for a hyphen that is only there because the line ended."""
_COMPOUNDS = frozenset(
    "well non self long short high full half cross one two three four five six ten day week month year".split()
)
_PAIRS = frozenset(("in-network", "in-house", "in-person", "in-depth", "in-kind", "follow-up"))
_LONGEST_PART = 40
_BEFORE = re.compile(r"(?:[^\W\d_]|[-\u2010\u00ad])*\Z")
_AFTER = re.compile(r"[^\W\d_]*[-\u2010\u00ad]?")
_SHORTEST_PART = 2
_LINE_END = re.compile(r"[-\u2010\u00ad][^\S\n]*\n\s*(?=[^\W\d_])")


def breaks_word(text: str, hyphen: int, following: int) -> bool:
    """Whether the hyphen at offset ``hyphen`` only stands for a line's end, the word going on at ``following``."""
    before = _BEFORE.search(text[max(hyphen - _LONGEST_PART, 0) : hyphen])
    after = _AFTER.match(text[following : following + _LONGEST_PART])
    first, second = before[0] if before else "", after[0] if after else ""
    if not (first.isalpha() and second.isalpha()):  # too short, or with a further hyphen
        return False
    if len(first) < _SHORTEST_PART or len(second) < _SHORTEST_PART or not (first[-1].islower() and second[0].islower()):
        return False
    return first.lower() not in _COMPOUNDS and f"{first}-{second}".lower() not in _PAIRS


def without_breaks(text: str) -> str:
    """``text`` with the words joined that a line's end broke, and without soft hyphens; a hyphen that belongs to the
    word is drawn to the rest of it ("in-" and "network": "in-network")."""

    def joined(match: re.Match[str]) -> str:
        if match[0][0] == SOFT_HYPHEN or breaks_word(text, match.start(), match.end()):
            return ""
        is_compound = match.start() > 0 and text[match.start() - 1].isalpha()
        return "-" if is_compound else match[0]

    return _LINE_END.sub(joined, text).replace(SOFT_HYPHEN, "")

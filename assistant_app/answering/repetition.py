"""A small model that falls into a loop is stopped: the same words three times in a row say nothing new."""

from __future__ import annotations

SHORTEST, LONGEST = 12, 400
"""Code points of what is repeated: shorter repeats occur in tables and names, longer ones are whole answers."""
TIMES = 3
_CHECK_AT = ".!?\n,;:)"


def looped_length(text: str) -> int:
    """How many code points at the end of ``text`` are the same words for the :data:`TIMES`-th time; 0 if none.

    The first of the copies is not counted: cutting so much off leaves it standing.
    """
    for length in range(SHORTEST, min(LONGEST, len(text) // TIMES) + 1):
        copy = text[-length:]
        if text.endswith(copy * TIMES):
            return length * (TIMES - 1)
    return 0


class LoopGuard:
    """Watches an answer as it is written."""

    def __init__(self) -> None:
        self._text = ""
        self.looped = 0

    def feed(self, piece: str) -> None:
        """The next piece. Looks for a loop only where a clause may end: it costs nothing beside a token."""
        self._text += piece
        if not self.looped and any(mark in piece for mark in _CHECK_AT):
            self.looped = looped_length(self._text)

    def without_loop(self, text: str) -> str:
        """``text``, which is what was fed, with one copy of what was said again and again."""
        return text[: len(text) - self.looped].rstrip() if self.looped else text

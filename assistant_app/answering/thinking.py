"""A reasoning model's notes are told from its answer while both stream in.

Reasoning models put their notes between ``<think>`` and ``</think>`` (or ``[THINK]``, ``[/THINK]``). They are not part
of the answer: no citation rests on them.
"""

from __future__ import annotations

from collections.abc import Callable

_PAIRS = (("<think>", "</think>"), ("[THINK]", "[/THINK]"))
_OPENINGS = [opening for opening, _ in _PAIRS]


class ThinkingFilter:
    """Give it the pieces of a streamed text; it passes each on as answer or as thinking."""

    def __init__(self, on_text: Callable[[str, bool], None]) -> None:
        """``on_text`` gets ``(text, thinking)``."""
        self._on_text = on_text
        self._held = ""
        self._closing: str | None = None
        self.answer = ""
        self.thinking = ""

    def feed(self, piece: str) -> None:
        """The next piece. What may be the start of a mark is held back until it is clear."""
        self._held += piece
        while True:
            marks = [self._closing] if self._closing else _OPENINGS
            found = [(self._held.find(mark), mark) for mark in marks if mark in self._held]
            if not found:
                break
            place, mark = min(found)
            self._pass(self._held[:place])
            self._held = self._held[place + len(mark) :]
            self._closing = None if self._closing else dict(_PAIRS)[mark]
        marks = [self._closing] if self._closing else _OPENINGS
        open_end = max(_overlap(self._held, mark) for mark in marks)
        self._pass(self._held[: len(self._held) - open_end])
        self._held = self._held[len(self._held) - open_end :]

    def end(self) -> None:
        """No piece follows: what was held back is text after all."""
        self._pass(self._held)
        self._held = ""

    def _pass(self, text: str) -> None:
        if not text:
            return
        if self._closing:
            self.thinking += text
        else:
            text = text if self.answer else text.lstrip()
            self.answer += text
        if text:
            self._on_text(text, self._closing is not None)


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``mark``."""
    return next((size for size in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:size])), 0)

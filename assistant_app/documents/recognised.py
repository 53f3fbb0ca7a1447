"""Where recognised text (OCR) stands on its page: from the boxes of its words, which were stored with it."""

from __future__ import annotations

from collections.abc import Sequence

from assistant_app.documents.geometry import Glyph, line_boxes
from assistant_app.protocol.records import Box, Word


def boxes_of_words(words: Sequence[Word], start: int, length: int) -> list[Box]:
    """One box for each line of the ``length`` code points from ``start``; every word that they touch is in it whole."""
    touched = [word.box for word in words if word.start < start + length and start < word.start + word.length]
    return line_boxes(Glyph(box.left, box.top, box.right, box.bottom) for box in touched)

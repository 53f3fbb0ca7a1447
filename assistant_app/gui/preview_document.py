"""The text of a document without page images, as a QTextDocument: plain text, headings larger, and where what stands.

The text is untrusted: it is inserted as text, never read as markup. What the engine counts in code points is turned
into Qt's positions, which count UTF-16 units, and captions and gaps that are not in the text besides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QFont, QTextBlockFormat, QTextCharFormat, QTextCursor, QTextDocument, QTextFormat

from assistant_app.gui import style
from assistant_app.protocol.records import Section

LONGEST_LINE = 10_000
"""Code points: a longer line is shown as several, because Qt lays a line out as a whole."""

_LARGER = {1: 3, 2: 2, 3: 1}
"""Steps of size by level of the heading; deeper ones are only bold."""

_SPACES = dict.fromkeys(map(ord, "\r\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufdd0\ufdd1\ufffc"), " ")
"""What Qt would take for the end of a paragraph, a frame or an object, one for one."""


@dataclass(slots=True)
class _Piece:
    """One line of the text, or a part of it: where it begins in the text and in the QTextDocument."""

    start: int
    text: str
    position: int


class PreviewDocument:
    """Fills a QTextDocument section by section, and finds places in it."""

    def __init__(self, document: QTextDocument) -> None:
        self._document = document
        self._pieces: dict[int | None, list[_Piece]] = {}
        self.captions: dict[int, int] = {}
        """Where the caption of each page (slide) stands, by page."""

    def clear(self) -> None:
        self._document.clear()
        self._pieces.clear()
        self.captions.clear()

    def add(self, section: Section) -> None:
        """Append a section. Those of a page begin with a caption that names it."""
        cursor = QTextCursor(self._document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        if section.page is not None:
            self._add_caption(cursor, section.page, section.label)
        origin = section.start if section.page is None else 0
        pieces = self._pieces.setdefault(section.page, [])
        gap = section.page is None
        for start, text in _lines(section.text):
            if not text.strip():
                gap = True
                continue
            level = _level(section, start, start + len(text))
            mark = "#" * level + " "
            if level and text.startswith(mark):  # a Markdown heading is seen by its size
                start, text = start + len(mark), text[len(mark) :]
            self._begin_block(cursor, _block(level, gap), _characters(level))
            pieces.append(_Piece(origin + start, text, cursor.position()))
            cursor.insertText(text.translate(_SPACES))
            gap = False
        cursor.endEditBlock()

    def range_of(self, page: int | None, start: int, length: int) -> tuple[int, int] | None:
        """The positions of ``length`` code points from ``start``; null where that is not there (yet).

        ``start`` counts from the document's first character, or with a ``page`` from that page's.
        """
        pieces = self._pieces.get(page)
        if not pieces or not 0 <= start < pieces[-1].start + len(pieces[-1].text) or length < 1:
            return None
        if start + length > pieces[-1].start + len(pieces[-1].text) + 1:
            return None
        first, last = self._position(pieces, start), self._position(pieces, start + length)
        return (first, last) if first < last else None

    # ------------------------------------------------------------ inside

    def _position(self, pieces: list[_Piece], offset: int) -> int:
        at = bisect_right(pieces, offset, key=lambda piece: piece.start) - 1
        if at < 0:
            return pieces[0].position
        piece = pieces[at]
        return piece.position + len(piece.text[: offset - piece.start].encode("utf-16-le")) // 2

    def _begin_block(self, cursor: QTextCursor, block: QTextBlockFormat, characters: QTextCharFormat) -> None:
        if self._document.isEmpty() and not self.captions and not any(self._pieces.values()):
            cursor.setBlockFormat(block)
            cursor.setBlockCharFormat(characters)
            cursor.setCharFormat(characters)
        else:
            cursor.insertBlock(block, characters)

    def _add_caption(self, cursor: QTextCursor, page: int, label: str) -> None:
        words = QCoreApplication.translate("PreviewDocument", "Slide {number}").format(number=label or page)
        block = QTextBlockFormat()
        block.setTopMargin(0 if page == 1 else 3 * style.SPACE)
        block.setBottomMargin(style.SPACE // 2)
        characters = QTextCharFormat()
        characters.setForeground(style.colour("text_muted"))
        characters.setProperty(QTextFormat.Property.FontSizeAdjustment, -1)
        self._begin_block(cursor, block, characters)
        self.captions[page] = cursor.position()
        cursor.insertText(words, characters)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Every line and where it starts, the very long ones in parts."""
    start = 0
    for line in text.split("\n"):
        for at in range(0, max(len(line), 1), LONGEST_LINE):
            yield start + at, line[at : at + LONGEST_LINE]
        start += len(line) + 1


def _level(section: Section, start: int, end: int) -> int:
    """The level of the heading that the line belongs to; 0 for plain text."""
    return next((each.level for each in section.headings if each.start < end and each.start + each.length > start), 0)


def _block(level: int, gap: bool) -> QTextBlockFormat:
    block = QTextBlockFormat()
    block.setLineHeight(130, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    block.setTopMargin(2 * style.SPACE if level else style.SPACE if gap else 0)
    block.setBottomMargin(style.SPACE // 2 if level else 0)
    block.setHeadingLevel(level)
    return block


def _characters(level: int) -> QTextCharFormat:
    characters = QTextCharFormat()
    if level:
        characters.setFontWeight(QFont.Weight.DemiBold)
        characters.setProperty(QTextFormat.Property.FontSizeAdjustment, _LARGER.get(level, 0))
    return characters

"""The text of an answer: plain while it is written, laid out as Markdown when it is complete.

A model writes what it likes, so nothing in it is trusted: HTML stays text, nothing is loaded, links lead nowhere. The
only thing that can be clicked is the number of a citation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QFont,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from assistant_app.gui import style
from assistant_app.protocol.records import Citation

_LINE_HEIGHT = 125.0
"""Per cent of the font's own height."""

_SCHEME = "citation"
_OPEN, _CLOSE = "\ue000", "\ue001"
_GROUP = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_SENTENCE_ENDS = ".!?…。！？"
_MARKED = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


class AnswerText(QTextBrowser):
    """As tall as its text; it never scrolls by itself."""

    citation_clicked = Signal(int)
    """Carries the citation's number."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("QTextBrowser { background: transparent; border: none; padding: 0; }")
        self.setOpenLinks(False)
        self.setAcceptDrops(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName(self.tr("Answer"))
        self.document().setDocumentMargin(0)
        self.document().setIndentWidth(2.5 * style.SPACE)
        self.document().setUndoRedoEnabled(False)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self.anchorClicked.connect(self._on_anchor)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Refuse everything: an answer must not fetch pictures or styles."""
        return None

    def append_plain(self, text: str) -> None:
        """Add a piece of an answer that is being written."""
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)

    def set_answer(self, markdown: str, citations: Mapping[int, Citation], unsupported: Sequence[str] = ()) -> None:
        """Lay out a complete answer; ``[n]`` becomes a link where ``citations`` holds n. The sentences that nothing
        supports (``unsupported``) are underlined with dots."""
        text = _mark(markdown.replace(_OPEN, "").replace(_CLOSE, ""), citations)
        document = self.document()
        document.setMarkdown(
            text,
            QTextDocument.MarkdownFeature.MarkdownNoHTML | QTextDocument.MarkdownFeature.MarkdownDialectGitHub,
        )
        edit = QTextCursor(document)
        edit.beginEditBlock()  # laid out once, at the end
        self._disarm()
        self._link_numbers(citations)
        for sentence in unsupported:
            self._underline(sentence)
        self._space_lines()
        edit.endEditBlock()

    # ------------------------------------------------------------ what Markdown made

    def _disarm(self) -> None:
        """Links become plain text; pictures go."""
        block = self.document().begin()
        doomed: list[tuple[int, int, bool]] = []
        while block.isValid():
            iterator = block.begin()
            while not iterator.atEnd():
                fragment = iterator.fragment()
                form = fragment.charFormat()
                if form.isAnchor() or form.isImageFormat():
                    doomed.append((fragment.position(), fragment.length(), form.isImageFormat()))
                iterator += 1
            block = block.next()
        cursor = QTextCursor(self.document())
        for position, length, picture in reversed(doomed):
            cursor.setPosition(position)
            cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
            if picture:
                cursor.insertText(self.tr("(picture)"), QTextCharFormat())
                continue
            plain = cursor.charFormat()
            plain.setAnchor(False)
            plain.setAnchorHref("")
            plain.clearProperty(QTextFormat.Property.ForegroundBrush)
            plain.setFontUnderline(False)
            cursor.setCharFormat(plain)

    def _link_numbers(self, citations: Mapping[int, Citation]) -> None:
        text = self.document().toRawText()
        cursor = QTextCursor(self.document())
        wide = sum(character > "\uffff" for character in text)  # these take two places in Qt's count
        end = len(text)
        for match in reversed(list(_MARKED.finditer(text))):
            wide -= sum(character > "\uffff" for character in text[match.start() : end])
            end = match.start()
            number = int(match[1])
            cursor.setPosition(match.start() + wide)
            cursor.setPosition(match.end() + wide, QTextCursor.MoveMode.KeepAnchor)
            form = QTextCharFormat()
            form.setAnchor(True)
            form.setAnchorHref(f"{_SCHEME}:{number}")
            form.setForeground(style.colour("accent"))
            form.setFontWeight(QFont.Weight.DemiBold)
            form.setToolTip(citations[number].quote)
            cursor.insertText(f"[{number}]", form)

    def _underline(self, sentence: str) -> None:
        """Mark ``sentence`` where it stands; Markdown took its marks out and folded its spaces."""
        text = self.document().toRawText()
        letters, places = _letters(text)
        wanted, _ = _letters(sentence)
        at = letters.find(wanted) if wanted else -1
        if at < 0:
            return
        start, end = places[at], places[at + len(wanted) - 1] + 1
        while end < len(text) and text[end] in _SENTENCE_ENDS:
            end += 1
        cursor = QTextCursor(self.document())
        cursor.setPosition(_qt_position(text, start))
        cursor.setPosition(_qt_position(text, end), QTextCursor.MoveMode.KeepAnchor)
        form = QTextCharFormat()
        form.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
        form.setUnderlineColor(style.colour("warning"))
        form.setToolTip(self.tr("No quote supports this sentence"))
        cursor.mergeCharFormat(form)

    def _space_lines(self) -> None:
        """Calm typography: open lines, and headings that do not shout."""
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        spacing = QTextBlockFormat()
        spacing.setLineHeight(_LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor.mergeBlockFormat(spacing)
        block = self.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel():
                cursor = QTextCursor(block)
                cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
                heading = QTextCharFormat()
                heading.setProperty(QTextFormat.Property.FontSizeAdjustment, 1)
                cursor.mergeCharFormat(heading)
            block = block.next()

    def _on_anchor(self, url: QUrl) -> None:
        if url.scheme() == _SCHEME:
            self.citation_clicked.emit(int(url.path()))

    # ------------------------------------------------------------ size

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to the conversation."""
        event.ignore()

    def sizeHint(self) -> QSize:
        return QSize(480, self._needed_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self._needed_height())

    def _needed_height(self) -> int:
        return max(round(self.document().size().height()) + 2, self.fontMetrics().height())

    def _fit(self) -> None:
        if self.height() != self._needed_height():
            self.setFixedHeight(self._needed_height())


def _letters(text: str) -> tuple[str, list[int]]:
    """The letters and digits of ``text`` without the numbers of citations, and where each of them stands."""
    blank = _GROUP.sub(lambda match: " " * len(match[0]), text)
    places = [place for place, character in enumerate(blank) if character.isalnum()]
    return "".join(blank[place] for place in places), places


def _qt_position(text: str, offset: int) -> int:
    """``offset`` in Qt's count, in which a character beyond the basic plane takes two places."""
    return offset + sum(character > "\uffff" for character in text[:offset])


def _mark(text: str, citations: Mapping[int, Citation]) -> str:
    """Bring citation numbers unharmed through the Markdown parser, which would take ``[1]`` for a reference."""

    def replace(match: re.Match[str]) -> str:
        numbers = [int(number) for number in re.split(r"\s*[,;]\s*", match[1])]
        if not all(number in citations for number in numbers):
            return match[0]
        return "".join(f"{_OPEN}{number}{_CLOSE}" for number in numbers)

    return _GROUP.sub(replace, text)

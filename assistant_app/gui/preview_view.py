"""The plain preview: the text of a document that has no page images, with headings, zoom, and a cited sentence."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QMenu, QTextEdit, QWidget

from assistant_app.gui import style
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.page_images import PASSING
from assistant_app.gui.page_view import ZOOM_STEPS
from assistant_app.gui.preview_document import PreviewDocument
from assistant_app.protocol import messages
from assistant_app.protocol.records import Citation, Section

TURN_SECONDS = 0.012
"""The longest that text is laid out in one turn of the event loop."""

_SMALLEST, _LARGEST = 0.5, 4.0
_EDGE = 24
"""Pixels: what is nearer to the edge than this is not well in sight."""


class PreviewView(QTextEdit):
    """Shows text and nothing else: no markup of the document is followed, and nothing is fetched."""

    page_changed = Signal(int)
    """Another slide is looked at; never for kinds without pages."""

    zoom_changed = Signal()
    grown = Signal()
    """More of the text is there; ``pages`` may be more than before."""

    loaded = Signal()
    """All of the text is there."""

    failed = Signal(object)
    """Carries the :class:`Failure`; what came before it stays."""

    quote_shown = Signal(bool)
    """The cited sentence is highlighted and in sight, or (False) is not in this text."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._job: Job | None = None
        self._waiting: deque[Section] = deque()
        self._text = PreviewDocument(self.document())
        self._path = ""
        self._is_complete = False
        self._zoom = 1.0
        self._page = 0
        self._page_wanted = 0
        self._citation: Citation | None = None
        self._quote: tuple[int, int] | None = None
        self._matches: Sequence[tuple[int, int]] = ()
        self._match = -1
        self.pages: list[str] = []
        """The labels of the slides that are there; empty for kinds without pages."""
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.timeout.connect(self._lay_out)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("QTextEdit { border: none; border-radius: 0; padding: 0; }")
        self.setAccessibleName(self.tr("Text of the document"))
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.document().setDocumentMargin(3 * style.SPACE)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    # ------------------------------------------------------------ the document

    @property
    def is_loading(self) -> bool:
        return self._job is not None or bool(self._waiting)

    def open(self, path: str) -> None:
        """Show the text of ``path``; one that is there in full already is kept."""
        if path == self._path and (self._is_complete or self.is_loading):
            return
        wanted, citation = self._page_wanted, self._citation
        self.clear_document()
        self._path, self._page_wanted, self._citation = path, wanted, citation
        job = self._job = self._link.request(messages.ReadPreview(path=path))
        number = job.number
        job.progressed.connect(lambda event: self._on_text(number, event))
        job.finished.connect(lambda event: self._on_text(number, event))
        job.failed.connect(lambda failure: self._on_failed(number, failure))

    def clear_document(self) -> None:
        """Show nothing."""
        if self._job is not None:
            self._job.cancel()
        self._job = self._citation = self._quote = None
        self._path = ""
        self._is_complete = False
        self._waiting.clear()
        self._matches, self._match = (), -1
        self._page = self._page_wanted = 0
        self.pages = []
        self._text.clear()
        self._paint_marks()

    def _on_text(self, number: int, event: messages.Event) -> None:
        if self._job is None or self._job.number != number:
            return
        assert isinstance(event, messages.PreviewText)
        self._waiting.extend(event.sections)
        if event.done:
            self._job = None
            self._is_complete = True
        self._turn.start()

    def _on_failed(self, number: int, failure: Failure) -> None:
        if self._job is not None and self._job.number == number:
            self._job = None
            self._path = ""
            if failure.code not in PASSING:
                self.failed.emit(failure)

    def _lay_out(self) -> None:
        """Append what has come, for a moment; long texts leave the event loop its turns."""
        until = time.monotonic() + TURN_SECONDS
        while self._waiting and time.monotonic() < until:
            section = self._waiting.popleft()
            self._text.add(section)
            if section.page is not None:
                self.pages.append(section.label or str(section.page))
        self.grown.emit()
        if not self._page and self.pages:
            self._set_page(1)
        self._show_wanted()
        if self._waiting:
            self._turn.start()
        elif self._is_complete:
            self.loaded.emit()

    def _show_wanted(self) -> None:
        if self._citation is not None:
            self._find_quote(self._citation)
        elif self._page_wanted in self._text.captions:
            self.go_to(self._page_wanted)
            self._page_wanted = 0

    # ------------------------------------------------------------ places

    @property
    def page(self) -> int:
        """The slide that is looked at; 0 for kinds without pages."""
        return self._page

    def go_to(self, page: int) -> None:
        """Bring the top of a slide to the top; one that is not there yet when it comes."""
        if page in self._text.captions:
            self._scroll_to(self._text.captions[page], self.document().documentMargin() / 2)
            self._set_page(page)
        else:
            self._page_wanted = page

    def show_quote(self, citation: Citation | None) -> None:
        """Highlight and reveal the cited sentence as soon as its text is there; null takes the highlight away."""
        self._citation = citation
        self._quote = None
        self._paint_marks()
        if citation is not None and self._path:
            self._find_quote(citation)

    def _find_quote(self, citation: Citation) -> None:
        found = self._text.range_of(citation.page, citation.start, citation.length)
        if found is None:
            if self._is_complete and not self._waiting:
                self._citation = None
                self.quote_shown.emit(False)
            return
        self._citation = None
        self._quote = found
        self._paint_marks()
        self.reveal(*found)
        self.quote_shown.emit(True)

    def quote_on_screen(self) -> list[QRectF]:
        """Where the highlighted sentence begins and ends, in pixels of the viewport; empty without one."""
        if self._quote is None:
            return []
        return [QRectF(self.cursorRect(self._cursor(position, position))) for position in self._quote]

    def reveal(self, start: int, end: int) -> None:
        """Scroll so that a range of positions stands a third below the top, unless it is well in sight."""
        top = self.cursorRect(self._cursor(start, start)).top()
        bottom = self.cursorRect(self._cursor(end, end)).bottom()
        height = self.viewport().height()
        if not _EDGE <= top <= bottom <= height - _EDGE:
            self._scroll_to(start, height / 3)

    def _scroll_to(self, position: int, below_top: float) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(round(bar.value() + self.cursorRect(self._cursor(position, position)).top() - below_top))

    def _cursor(self, start: int, end: int) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        return cursor

    def _on_scrolled(self, _value: int) -> None:
        if self.pages:
            at = self.cursorForPosition(QPoint(8, self.viewport().height() // 3)).position()
            passed = [page for page, position in self._text.captions.items() if position <= at]
            self._set_page(passed[-1] if passed else 1)

    def _set_page(self, page: int) -> None:
        if page != self._page:
            self._page = page
            self.page_changed.emit(page)

    # ------------------------------------------------------------ marks

    def mark_matches(self, matches: Sequence[tuple[int, int]], current: int) -> None:
        """Highlight what a search found (positions), the one with the index ``current`` more strongly."""
        self._matches, self._match = matches, current
        self._paint_marks()

    def _paint_marks(self) -> None:
        accent = style.colour("accent")
        marks = [self._mark(*each, _with_alpha(accent, 60)) for each in self._matches]
        if 0 <= self._match < len(marks):
            marks[self._match] = self._mark(*self._matches[self._match], _with_alpha(accent, 130))
        if self._quote is not None:
            marks.insert(0, self._mark(*self._quote, style.colour("highlight")))
        self.setExtraSelections(marks)

    def _mark(self, start: int, end: int, colour: QColor) -> QTextEdit.ExtraSelection:
        mark = QTextEdit.ExtraSelection()
        mark.cursor = self._cursor(start, end)
        mark.format.setBackground(colour)
        return mark

    # ------------------------------------------------------------ zoom

    @property
    def zoom(self) -> float:
        """1.0 is the size of the window's own text."""
        return self._zoom

    @property
    def fit(self) -> str:
        return ""

    def set_fit(self, _fit: str) -> None:
        """Text always fits the width: back to the usual size."""
        self.set_zoom(1.0)

    def zoom_by_step(self, by: int) -> None:
        """Zoom to the next larger (1) or smaller (-1) step."""
        steps = [step for step in ZOOM_STEPS if (step > self._zoom * 1.01 if by > 0 else step < self._zoom * 0.99)]
        if steps:
            self.set_zoom(min(steps) if by > 0 else max(steps))

    def set_zoom(self, zoom: float) -> None:
        """Set the size of the text; what stands a third below the top stays in sight."""
        anchor = self.cursorForPosition(QPoint(8, self.viewport().height() // 3)).position()
        self._zoom = min(max(zoom, _SMALLEST), _LARGEST)
        font = QGuiApplication.font()
        if font.pointSizeF() > 0:
            font.setPointSizeF(font.pointSizeF() * self._zoom)
        else:
            font.setPixelSize(max(1, round(font.pixelSize() * self._zoom)))
        self.document().setDefaultFont(font)
        self._scroll_to(anchor, self.viewport().height() / 3)
        self.zoom_changed.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if event.angleDelta().y():
                self.zoom_by_step(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)

    # ------------------------------------------------------------ text in and out

    def copy(self) -> None:
        """Copy what is selected, as plain text."""
        # createMimeDataFromSelection cannot be overridden for this: what Python makes there is freed twice at the end
        # of the process (PySide 6.11.3, tried).
        if text := self.textCursor().selection().toPlainText():
            QGuiApplication.clipboard().setText(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy; everything else as in any text."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction(style.icon("copy"), self.tr("&Copy"), self.copy)
        copy.setEnabled(self.textCursor().hasSelection())
        menu.addAction(self.tr("Select &all"), self.selectAll)
        menu.popup(event.globalPos())

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        """Nothing that the text names is fetched."""
        return None


def _with_alpha(colour: QColor, alpha: int) -> QColor:
    made = QColor(colour)
    made.setAlpha(alpha)
    return made

"""The pages of one document under each other, scrolled and zoomed: images from the engine, marks laid over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QMenu, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.page_images import LARGEST_IMAGE, PageImages
from assistant_app.gui.page_layout import GAP, PIXELS_A_POINT, PageLayout, clamped, on_page
from assistant_app.gui.page_selection import PageSelection, Place, tidy
from assistant_app.protocol.records import Box, PageSize

ZOOM_STEPS = (0.1, 0.25, 0.33, 0.5, 0.67, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0)
SETTLE_MS = 120
"""After a change of zoom the pages are drawn anew when it has stood still for so long."""

_NOTHING: dict[int, list[Box]] = {}


class PageView(QAbstractScrollArea):
    """Shows a document that was opened; asks for what is on the screen and its neighbours, and for no more."""

    page_changed = Signal(int)
    zoom_changed = Signal()
    page_drawn = Signal(int)
    """A page's image has arrived at the width that is wanted."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images = PageImages(link, self)
        self.selection = PageSelection(link, self)
        self._layout = PageLayout()
        self._page = 0
        self._fit = "width"
        self._quote: Mapping[int, Sequence[Box]] = _NOTHING
        self._matches: Mapping[int, Sequence[Box]] = _NOTHING
        self._match: tuple[int, Sequence[Box]] = (0, ())
        self._press: Place | None = None
        self._jumping = False
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._want_images)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Pages of the document"))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setCornerWidget(QWidget(self))
        self.viewport().setMouseTracking(True)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.horizontalScrollBar().valueChanged.connect(self.viewport().update)
        self.images.arrived.connect(self._on_image)
        self.selection.changed.connect(self.viewport().update)

    # ------------------------------------------------------------ the document

    def set_document(self, path: str, pages: Sequence[PageSize], *, keep_place: bool = False) -> bool:
        """Show a document from its first page; ``keep_place`` for the same one, opened again.

        Returns whether the place and the marks were kept: not where the pages are others than before.
        """
        keep = keep_place and list(pages) == self._layout.pages
        self.images.set_document(path, keep_images=keep)
        self.selection.set_document(path)
        if not keep:
            self._layout = PageLayout(pages)
            self.clear_marks()
            self._page = 0
            self._relayout()
            self.verticalScrollBar().setValue(0)
            self._set_page(1 if pages else 0)
        self._want_images()
        self.viewport().update()
        return keep

    @property
    def page_count(self) -> int:
        return len(self._layout.pages)

    @property
    def page(self) -> int:
        """The page that is looked at; 0 without a document."""
        return self._page

    def go_to(self, page: int) -> None:
        """Bring the top of ``page`` to the top."""
        if self.page_count:
            page = min(max(1, page), self.page_count)
            top = self._layout.rect(page, self._sheet_width()).top()
            self._jump(round(top - GAP / 2), page)

    def reveal(self, page: int, boxes: Sequence[Box]) -> None:
        """Scroll so that the first of ``boxes`` stands a third below the top, unless all are well in sight."""
        if not boxes:
            self.go_to(page)
            return
        place = self._layout.rect(page, self._sheet_width())
        marks = [on_page(box, place) for box in boxes]
        view = self.viewport()
        across = self.horizontalScrollBar()
        if not across.value() <= marks[0].left() <= marks[0].right() <= across.value() + view.width():
            across.setValue(round(marks[0].center().x() - view.width() / 2))
        top = self.verticalScrollBar().value()
        if not top + 24 <= marks[0].top() <= marks[-1].bottom() <= top + view.height() - 24:
            self._jump(round(marks[0].top() - view.height() / 3), page)
        else:
            self._set_page(page)

    def _jump(self, value: int, page: int) -> None:
        self._jumping = True
        self.verticalScrollBar().setValue(value)
        self._jumping = False
        self._set_page(page)
        self._want_images()

    def _set_page(self, page: int) -> None:
        if page != self._page:
            self._page = page
            if page:
                self.page_changed.emit(page)

    # ------------------------------------------------------------ marks

    def mark_quote(self, page: int, boxes: Sequence[Box]) -> None:
        """Highlight the sentence that a citation names; it stays until the next one, at any zoom."""
        self._quote = {page: boxes} if boxes else _NOTHING
        self.viewport().update()

    def mark_matches(self, matches: Mapping[int, Sequence[Box]], page: int, current: Sequence[Box]) -> None:
        """Highlight what a search found, and the current match on ``page`` more strongly."""
        self._matches = matches
        self._match = (page, current)
        self.viewport().update()

    def clear_marks(self) -> None:
        """Take all highlights away."""
        self.mark_quote(0, ())
        self.mark_matches(_NOTHING, 0, ())

    def quote_on_screen(self) -> list[QRectF]:
        """Where the highlighted sentence lies, in pixels of this view's viewport."""
        return [on_page(box, self.page_rect(page)) for page, boxes in self._quote.items() for box in boxes]

    # ------------------------------------------------------------ zoom

    @property
    def zoom(self) -> float:
        """1.0 is the size on paper, at 96 pixels an inch."""
        return self._layout.scale / PIXELS_A_POINT

    @property
    def fit(self) -> str:
        """ "width", "page", or "" for a zoom that stays."""
        return self._fit

    def set_fit(self, fit: str) -> None:
        """Fit the widest page's width, or the whole page, now and whenever the view's size changes."""
        self._fit = fit
        self._rescale(self._fitting_scale())

    def set_zoom(self, zoom: float, at: QPointF | None = None) -> None:
        """Zoom to a factor; what lies ``at`` a point of the viewport (its middle) stays there."""
        self._fit = ""
        self._rescale(clamped(zoom * PIXELS_A_POINT), at)

    def zoom_by_step(self, by: int, at: QPointF | None = None) -> None:
        """Zoom to the next larger (1) or smaller (-1) step."""
        now = self.zoom
        steps = [step for step in ZOOM_STEPS if (step > now * 1.01 if by > 0 else step < now * 0.99)]
        if steps:
            self.set_zoom(min(steps) if by > 0 else max(steps), at)

    def _fitting_scale(self) -> float:
        width = self.viewport().width()
        if self._fit == "page":
            return self._layout.scale_for_page(max(1, self._page), width, self.viewport().height())
        return self._layout.scale_for_width(width) if self._fit == "width" else self._layout.scale

    def _rescale(self, scale: float, at: QPointF | None = None) -> None:
        at = at or self._focus_point()
        anchor = self.place_at(at.toPoint())
        page = self._page
        self._layout.set_scale(scale)
        self._relayout()
        if anchor is not None:
            place = self._layout.rect(anchor.page, self._sheet_width())
            self._jumping = True
            self.verticalScrollBar().setValue(round(place.top() + anchor.y * place.height() - at.y()))
            self.horizontalScrollBar().setValue(round(place.left() + anchor.x * place.width() - at.x()))
            self._jumping = False
            self._set_page(page)
        self._settled.start()
        self.viewport().update()
        self.zoom_changed.emit()

    def _focus_point(self) -> QPointF:
        """What stays in its place when no place is named: a highlight in sight, else a third below the top's middle."""
        view = QRectF(self.viewport().rect())
        marks = [on_page(box, self.page_rect(self._match[0])) for box in self._match[1]] + self.quote_on_screen()
        middle = QPointF(view.width() / 2, view.height() / 3)
        return next((mark.center() for mark in marks if view.contains(mark.center())), middle)

    def _relayout(self) -> None:
        if self._fit:
            self._layout.set_scale(self._fitting_scale())
        view, size = self.viewport().size(), self._layout.size
        bar, across = self.verticalScrollBar(), self.horizontalScrollBar()
        bar.setRange(0, max(0, round(size.height() - view.height())))
        bar.setPageStep(max(1, view.height() - 24))
        bar.setSingleStep(48)
        across.setRange(0, max(0, round(size.width() - view.width())) if self._fit != "width" else 0)
        across.setPageStep(view.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self._fit:
            self._rescale(self._fitting_scale(), QPointF(0, 0))
        else:
            self._relayout()
            self._settled.start()

    # ------------------------------------------------------------ geometry and images

    def _sheet_width(self) -> float:
        return max(float(self.viewport().width()), self._layout.size.width())

    def page_rect(self, page: int) -> QRectF:
        """Where ``page`` lies in the viewport, on whole device pixels, so that its image needs no blurring."""
        ratio = self.devicePixelRatioF()
        rect = self._layout.rect(page, self._sheet_width())
        rect.translate(-self.horizontalScrollBar().value(), -self.verticalScrollBar().value())
        sides = (rect.left(), rect.top(), rect.width(), rect.height())
        return QRectF(*(round(side * ratio) / ratio for side in sides))

    def pages_on_screen(self) -> range:
        top = self.verticalScrollBar().value()
        return self._layout.pages_between(top, top + self.viewport().height())

    def place_at(self, point: QPoint) -> Place | None:
        """The page at a point of the viewport (or the nearest), and where on it."""
        page = self._layout.page_at(point.y() + self.verticalScrollBar().value())
        if not page:
            return None
        rect = self.page_rect(page)
        return Place(page, (point.x() - rect.left()) / rect.width(), (point.y() - rect.top()) / rect.height())

    def _want_images(self) -> None:
        shown = self.pages_on_screen()
        neighbours = [page for page in (shown.stop, shown.start - 1) if 1 <= page <= self.page_count and shown]
        self.images.want({page: self._image_width(page) for page in [*shown, *neighbours]})

    def _image_width(self, page: int) -> int:
        rect, ratio = self.page_rect(page), self.devicePixelRatioF()
        width, height = rect.width() * ratio, rect.height() * ratio
        return max(1, round(width * min(1.0, sqrt(LARGEST_IMAGE / (width * height)))))

    def _on_image(self, page: int) -> None:
        self.viewport().update()
        if self.images.is_sharp(page):
            self.page_drawn.emit(page)

    def _on_scrolled(self, value: int) -> None:
        self.viewport().update()
        if not self._jumping and self.page_count:
            self._set_page(self._layout.page_at(value + self.viewport().height() / 3))
            self._want_images()

    # ------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        surround = style.colour("surface")
        painter.fillRect(event.rect(), surround if style.is_dark() else surround.darker(104))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for page in self.pages_on_screen():
            rect = self.page_rect(page)
            if rect.intersects(QRectF(event.rect())):
                self._paint_page(painter, page, rect)
        painter.end()

    def _paint_page(self, painter: QPainter, page: int, rect: QRectF) -> None:
        painter.setPen(style.colour("border"))
        painter.setBrush(Qt.GlobalColor.white)
        painter.drawRect(rect.adjusted(-1, -1, 0, 0))
        image = self.images.image(page)
        if image is not None:
            painter.drawImage(rect, image)
        elif (failure := self.images.failure(page)) is not None:
            painter.setPen(QColor("#5a626c"))
            where = rect.adjusted(32, 32, -32, -32).toRect()
            painter.drawText(where, _WRAPPED, phrases.failure_sentence(failure))
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        accent = QColor("#3457d5")
        self._fill(painter, rect, self._quote.get(page, ()), style.colour("highlight"), 2)
        self._fill(painter, rect, self._matches.get(page, ()), _with_alpha(accent, 50), 1)
        if self._match[0] == page:
            self._fill(painter, rect, self._match[1], _with_alpha(accent, 110), 1)
        self._fill(painter, rect, self.selection.boxes(page), _with_alpha(accent, 70), 0)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)

    @staticmethod
    def _fill(painter: QPainter, page: QRectF, boxes: Sequence[Box], colour: QColor, more: int) -> None:
        for box in boxes:
            painter.fillRect(on_page(box, page).adjusted(-more, 0, more, 0), colour)

    # ------------------------------------------------------------ keyboard and mouse

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Home:
                self.go_to(1)
            case Qt.Key.Key_End:
                self.go_to(self.page_count)
                self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
            case Qt.Key.Key_Space:
                back = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
                step = self.verticalScrollBar().pageStep()
                self.verticalScrollBar().setValue(self.verticalScrollBar().value() + (-step if back else step))
            case _:
                super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self.zoom * 1.1 ** (event.angleDelta().y() / 120), event.position())
            event.accept()
        else:
            super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.selection.clear()
            self._press = self.place_at(event.position().toPoint())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        place = self.place_at(point)
        if place is None:
            return
        self.selection.ask(place.page)
        over_word = self.selection.word_at(place) is not None
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor if over_word else Qt.CursorShape.ArrowCursor)
        if self._press is not None and event.buttons() & Qt.MouseButton.LeftButton:
            start = self.page_rect(self._press.page)
            moved = abs(place.x - self._press.x) * start.width() + abs(place.y - self._press.y) * start.height()
            if place.page != self._press.page or moved >= QApplication.startDragDistance():
                self.selection.select(self._press, place)
                self._scroll_towards(point)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._press = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(event.position().toPoint())
        if place is not None and self.selection.word_at(place) is not None:
            self.selection.select(place, place)

    def _scroll_towards(self, point: QPoint) -> None:
        bar = self.verticalScrollBar()
        if point.y() < 0 or point.y() > self.viewport().height():
            bar.setValue(bar.value() + (-24 if point.y() < 0 else 24))

    def copy(self) -> None:
        """Put the selected text on the clipboard."""
        if text := self.selection.text:
            QApplication.clipboard().setText(text)

    def context_menu(self, page: int) -> QMenu:
        """What can be done with the text of ``page``; the menu deletes itself."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        read = self.selection.page(page)
        copy = menu.addAction(style.icon("copy"), self.tr("&Copy"), self.copy)
        copy.setEnabled(bool(self.selection.text))
        every = menu.addAction(self.tr("Select &all on this page"), lambda: self.selection.select_page(page))
        every.setEnabled(read is None or bool(read.words))
        text = tidy(read.text) if read is not None else ""
        whole = menu.addAction(self.tr("Copy the page's &text"), lambda: QApplication.clipboard().setText(text))
        whole.setEnabled(bool(text.strip()))
        return menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        place = None if by_key else self.place_at(event.pos())
        page = place.page if place else self._page
        if page:
            at = self.viewport().rect().center() if by_key else event.pos()
            self.context_menu(page).popup(self.viewport().mapToGlobal(at))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._settled.start()
        return super().event(event)


_WRAPPED = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)


def _with_alpha(colour: QColor, alpha: int) -> QColor:
    made = QColor(colour)
    made.setAlpha(alpha)
    return made

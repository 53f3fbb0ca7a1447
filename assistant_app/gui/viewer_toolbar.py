"""The line of tools over the pages: which page, how large, find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QMenu, QToolButton, QWidget

from assistant_app.gui import style
from assistant_app.protocol.records import PageSize

ZOOMS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
_ROOMY = 460
"""Pixels. Narrower, the buttons go that have their place in the zoom menu too."""


class ViewerToolbar(QWidget):
    """Shows what the view does, and tells what was asked of it."""

    page_requested = Signal(int)
    zoom_requested = Signal(float)
    step_requested = Signal(int)
    """Larger (1) or smaller (-1)."""

    fit_requested = Signal(str)
    find_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pages: Sequence[PageSize] = ()
        self._page = 0
        self._is_preview = False
        self.previous = self._button("up", self.tr("Previous page"), lambda: self._step(-1))
        self.next = self._button("down", self.tr("Next page"), lambda: self._step(1))
        self.field = QLineEdit(self)
        self.field.setAccessibleName(self.tr("Page number"))
        self.field.setToolTip(self.tr("Type a page number, then Enter"))
        self.field.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.field.setFixedWidth(self.fontMetrics().horizontalAdvance("00000") + 18)
        self.field.returnPressed.connect(self._go)
        self.field.editingFinished.connect(self._show_page)
        self.count = QLabel(self)
        style.set_role(self.count, "muted")
        self.smaller = self._button("zoom-out", self.tr("Zoom out (Ctrl+−)"), lambda: self.step_requested.emit(-1))
        self.larger = self._button("zoom-in", self.tr("Zoom in (Ctrl++)"), lambda: self.step_requested.emit(1))
        self.zoom = self._zoom_button()
        self.fit_width = self._button("fit-width", self.tr("Fit width"), lambda: self.fit_requested.emit("width"))
        self.fit_page = self._button("fit-page", self.tr("Fit page"), lambda: self.fit_requested.emit("page"))
        for button in (self.fit_width, self.fit_page):
            button.setCheckable(True)
        self.find_button = self._button("search", self.tr("Find in the document (Ctrl+F)"), self.find_requested.emit)
        self._lay_out()
        self.set_document(())

    def _button(self, icon: str, name: str, slot: Callable[[], object]) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(style.icon(icon))
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        style.set_role(button, "quiet")
        button.clicked.connect(lambda _checked: slot())
        return button

    def _zoom_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setToolTip(self.tr("Zoom"))
        style.set_role(button, "quiet")
        menu = QMenu(button)
        menu.addAction(style.icon("fit-width"), self.tr("Fit &width"), lambda: self.fit_requested.emit("width"))
        menu.addAction(style.icon("fit-page"), self.tr("Fit &page"), lambda: self.fit_requested.emit("page"))
        menu.addSeparator()
        for zoom in ZOOMS:
            action = menu.addAction(self.tr("{percent} %").format(percent=round(zoom * 100)))
            action.triggered.connect(partial(self.zoom_requested.emit, zoom))
        button.setMenu(menu)
        button.setMinimumWidth(self.fontMetrics().horizontalAdvance("000 %") + 20)
        return button

    def _lay_out(self) -> None:
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(style.SPACE // 4)
        widgets: list[QWidget] = [self.previous, self.next, self.field, self.count]
        for widget in widgets:
            line.addWidget(widget)
        line.addStretch(1)
        for button in (self.smaller, self.zoom, self.larger, self.fit_width, self.fit_page, self.find_button):
            line.addWidget(button)

    # ------------------------------------------------------------ what is shown

    def set_document(self, pages: Sequence[PageSize]) -> None:
        """Offer ``pages``; without any, nothing can be used."""
        self._is_preview = False
        self._offer(pages, bool(pages))

    def set_preview(self, labels: Sequence[str], page: int) -> None:
        """Offer what there is to do with plain text; ``labels`` are those of its slides, none where it has no pages."""
        self._is_preview = True
        if not labels or len(labels) != len(self._pages) or not self.find_button.isEnabled():
            self._offer([PageSize(width=0, height=0, label=label) for label in labels], True, page)

    def _offer(self, pages: Sequence[PageSize], usable: bool, page: int = 1) -> None:
        self._pages = pages
        for widget in self.findChildren(QWidget):
            widget.setEnabled(usable)
        for widget in (self.previous, self.next, self.field, self.count):
            widget.setVisible(bool(pages) or not self._is_preview)
        self._show_what_fits()
        self.set_page(page if pages else 0)

    def set_page(self, page: int) -> None:
        """Show which page is looked at, and its printed label where that is another."""
        self._page = page if page <= len(self._pages) else 0
        if not self._page:
            self.field.clear()
            self.count.clear()
            return
        self._show_page()
        label = self._pages[page - 1].label
        words = self.tr("of {count}") if label == str(page) else self.tr("of {count} ({label})")
        self.count.setText(words.format(count=len(self._pages), label=label))
        self.previous.setEnabled(page > 1)
        self.next.setEnabled(page < len(self._pages))

    def set_zoom(self, zoom: float, fit: str) -> None:
        """Show the zoom factor, and whether it follows the width or the page."""
        percent = self.tr("{percent} %").format(percent=round(zoom * 100))
        self.zoom.setText(percent)
        self.zoom.setAccessibleName(self.tr("Zoom: {percent}").format(percent=percent))
        self.fit_width.setChecked(fit == "width")
        self.fit_page.setChecked(fit == "page")

    def _show_page(self) -> None:
        if self._page:
            self.field.setText(str(self._page))

    def _step(self, by: int) -> None:
        self.page_requested.emit(self._page + by)

    def _go(self) -> None:
        """To the page whose number or, failing that, whose printed label was typed."""
        typed = self.field.text().strip()
        labels = [page.label.casefold() for page in self._pages]
        if typed.isdecimal() and 1 <= int(typed) <= len(self._pages):
            self.page_requested.emit(int(typed))
        elif typed.casefold() in labels:
            self.page_requested.emit(labels.index(typed.casefold()) + 1)
        self._show_page()
        self.field.selectAll()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_what_fits()

    def _show_what_fits(self) -> None:
        roomy = self.width() >= _ROOMY and not self._is_preview
        for button in (self.fit_width, self.fit_page):
            button.setVisible(roomy)
        for button in (self.smaller, self.larger):
            button.setVisible(self.width() >= _ROOMY * 3 // 4)


ZOOM_IN_KEYS = [QKeySequence("Ctrl++"), QKeySequence("Ctrl+=")]
ZOOM_OUT_KEYS = [QKeySequence("Ctrl+-")]

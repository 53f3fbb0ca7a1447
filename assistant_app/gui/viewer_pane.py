"""The right pane: the pages of a document, and the sentence in them that a citation names.

It parses nothing. Pages come as images from the engine, which has them drawn in a process that can be killed; boxes
and words come as fractions of the page and are laid over the image here. Documents without page images come as text.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.document_search import DocumentSearch
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.find_bar import FindBar
from assistant_app.gui.notice import Notice
from assistant_app.gui.page_images import PASSING
from assistant_app.gui.page_layout import on_page
from assistant_app.gui.page_view import PageView
from assistant_app.gui.preview_search import PreviewSearch
from assistant_app.gui.preview_view import PreviewView
from assistant_app.gui.viewer_message import ViewerMessage
from assistant_app.gui.viewer_toolbar import ZOOM_IN_KEYS, ZOOM_OUT_KEYS, ViewerToolbar
from assistant_app.protocol import messages
from assistant_app.protocol.records import Box, Citation

_PATIENCE_MS = 300
"""An opening that takes longer than this is mentioned."""


class ViewerPane(QWidget):
    """Shows one document at a time."""

    page_changed = Signal(int)
    highlighted = Signal(str, int, object)
    """A citation is shown: the path, the page, and a list of QRectF in pixels of the page's image; the list is empty
    where the page's text has no positions. In a preview they are pixels of its viewport, and page 0 stands for none."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.current_path = ""
        self._password: str | None = None
        self._keep_password = False
        self._is_open = False
        self._is_preview = False
        self._is_refused = False
        self._opening: Job | None = None
        self._locating: Job | None = None
        self._page_wanted = 1
        self._citation: Citation | None = None
        self._is_located = False
        self._unannounced: tuple[int, list[Box]] | None = None
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._patience.timeout.connect(self._mention_opening)
        self.view = PageView(link, self)
        self.preview = PreviewView(link, self)
        self.search = DocumentSearch(link, self)
        self.preview_search = PreviewSearch(self.preview.document(), self)
        self.toolbar = ViewerToolbar(self)
        self.find_bar = FindBar(self.search, self)
        self.notice = Notice(self)
        self.message = ViewerMessage(self)
        self._build()
        self._connect()
        self._set_keys()
        self.clear()

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        self.setAccessibleName(self.tr("Page viewer"))
        self._name = QLabel(self)
        style.set_role(self._name, "heading")
        self._name.setMinimumHeight(style.HEADER)
        self._name.setMinimumWidth(40)
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.message)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.preview)
        tools = QVBoxLayout()
        tools.setContentsMargins(style.SPACE, style.SPACE, style.SPACE, 0)
        tools.setSpacing(style.SPACE // 2)
        for widget in (self._name, self.toolbar, self.find_bar, self.notice):
            tools.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addLayout(tools)
        layout.addWidget(self._stack, 1)
        self.setFocusProxy(self.view)

    def _connect(self) -> None:
        self._link.ready.connect(self._on_engine_ready)
        self.view.page_changed.connect(self.toolbar.set_page)
        self.view.page_changed.connect(self.page_changed)
        self.view.zoom_changed.connect(self._show_zoom)
        self.view.page_drawn.connect(self._announce)
        self._connect_preview()
        self.toolbar.page_requested.connect(lambda page: self.front.go_to(page))
        self.toolbar.zoom_requested.connect(lambda zoom: self.front.set_zoom(zoom))
        self.toolbar.step_requested.connect(lambda by: self.front.zoom_by_step(by))
        self.toolbar.fit_requested.connect(lambda fit: self.front.set_fit(fit))
        self.toolbar.find_requested.connect(self.open_find_bar)
        self.find_bar.search_requested.connect(self._start_search)
        self.find_bar.closed.connect(lambda: self.front.setFocus(Qt.FocusReason.OtherFocusReason))
        self.search.changed.connect(self._mark_matches)
        self.search.moved.connect(self._on_match)
        self.search.failed.connect(self._on_search_failed)
        self.message.password_given.connect(self._on_password)
        self.message.retry_requested.connect(self._open)

    def _connect_preview(self) -> None:
        self.preview.page_changed.connect(self.toolbar.set_page)
        self.preview.page_changed.connect(self.page_changed)
        self.preview.zoom_changed.connect(self._show_zoom)
        self.preview.grown.connect(self._on_preview_grown)
        self.preview.loaded.connect(self.preview_search.search_again)
        self.preview.failed.connect(self._on_preview_failed)
        self.preview.quote_shown.connect(self._on_quote_shown)
        self.preview_search.changed.connect(self._mark_in_preview)
        self.preview_search.moved.connect(self._on_match_in_preview)

    def _set_keys(self) -> None:
        anywhere, here = Qt.ShortcutContext.WindowShortcut, Qt.ShortcutContext.WidgetWithChildrenShortcut
        keys: list[tuple[list[QKeySequence], Qt.ShortcutContext, Callable[[], object]]] = [
            ([QKeySequence("Ctrl+F")], anywhere, self.open_find_bar),
            ([QKeySequence("F3")], anywhere, lambda: self.find_bar.step(1)),
            ([QKeySequence("Shift+F3")], anywhere, lambda: self.find_bar.step(-1)),
            ([QKeySequence("Escape")], here, self.find_bar.close_bar),
            (ZOOM_IN_KEYS, here, lambda: self.front.zoom_by_step(1)),
            (ZOOM_OUT_KEYS, here, lambda: self.front.zoom_by_step(-1)),
            ([QKeySequence("Ctrl+0")], here, lambda: self.front.set_fit("width")),
        ]
        for sequences, context, slot in keys:
            shortcut = QShortcut(self)
            shortcut.setKeys(sequences)
            shortcut.setContext(context)
            shortcut.activated.connect(slot)
        copy = QShortcut(QKeySequence.StandardKey.Copy, self.view)
        copy.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        copy.activated.connect(self.view.copy)

    # ------------------------------------------------------------ what others ask for

    @property
    def front(self) -> PageView | PreviewView:
        """What shows the document: its pages, or its text where it has no page images."""
        return self.preview if self._is_preview else self.view

    @property
    def is_open(self) -> bool:
        """Whether a document is shown."""
        return self._is_open

    def show_document(self, path: str, page: int = 1) -> None:
        """Show ``page`` of the document at ``path``; it is opened if it is not the one shown."""
        self._drop_citation()
        self._show(path, page)

    def show_citation(self, citation: Citation) -> None:
        """Show the cited page with the quoted sentence highlighted and scrolled into sight."""
        self._drop_citation()
        self._citation = citation
        self._show(citation.path, citation.page or 1)

    def clear(self) -> None:
        """Show no document."""
        self._drop_citation()
        self._leave_document()
        self.current_path = ""
        self._name.setText(self.tr("Pages"))
        self._name.setToolTip("")
        self.message.say(self.tr("The page of a citation appears here."), "quote")

    # ------------------------------------------------------------ opening

    def _show(self, path: str, page: int) -> None:
        self._page_wanted = page
        if path != self.current_path:
            self._leave_document()
            self.current_path = path
            self._password = None
            self._keep_password = False
            self._show_name()
        if self._is_open:
            self._go_to_wanted()
        elif self._opening is None:
            self._open()

    def _leave_document(self) -> None:
        for job in (self._opening, self._locating):
            if job is not None:
                job.cancel()
        self._opening = self._locating = None
        self._is_open = False
        self._patience.stop()
        self.message.say("", "")
        self._stack.setCurrentWidget(self.message)
        self.find_bar.close_bar()
        self.search.clear()
        self.notice.close_notice()
        self.preview_search.clear()
        self._empty_views()

    def _empty_views(self) -> None:
        self.toolbar.set_document(())
        self.view.set_document("", ())
        self.preview.clear_document()

    def _open(self) -> None:
        self._is_refused = False
        keep, self._keep_password = self._keep_password, False
        request = messages.OpenDocument(path=self.current_path, password=self._password, keep_password=keep)
        job = self._opening = self._link.request(request)
        number = job.number
        job.finished.connect(lambda event: self._on_opened(number, event))
        job.failed.connect(lambda failure: self._on_refused(number, failure))
        if not self.message.sentence.text():
            self._patience.start()

    def _mention_opening(self) -> None:
        self.message.say(self.tr("Opening the document…"), "")

    def _on_opened(self, number: int, event: messages.Event) -> None:
        if self._opening is None or self._opening.number != number:
            return
        assert isinstance(event, messages.DocumentOpened)
        self._opening = None
        self._patience.stop()
        again, self._is_open = self._is_open, True
        self._choose_front(event.preview)
        if event.preview:
            self._show_preview()
            return
        self._stack.setCurrentWidget(self.view)
        self.toolbar.set_document(event.pages)
        kept = self.view.set_document(self.current_path, event.pages, keep_place=again)
        self.toolbar.set_page(self.view.page)
        self._show_zoom()
        if not kept or (self._citation is not None and not self._is_located):
            self._go_to_wanted()

    def _on_refused(self, number: int, failure: Failure) -> None:
        if self._opening is None or self._opening.number != number:
            return
        self._opening = None
        self._patience.stop()
        if failure.code in PASSING:
            return  # It is opened again as soon as the engine is back.
        self._is_refused = True
        self._is_open = False
        self._empty_views()
        sentence = phrases.failure_sentence(failure)
        if failure.code in (Code.PASSWORD_NEEDED, Code.PASSWORD_WRONG):
            self.message.ask_password(sentence)
        else:
            self.message.say_failure(sentence)
        self._stack.setCurrentWidget(self.message)

    def _on_password(self, password: str, keep: bool) -> None:
        self._password, self._keep_password = password, keep
        self._open()

    def _on_engine_ready(self) -> None:
        """Also after its death: the new engine knows nothing of the document that is shown."""
        if self.current_path and self._opening is None and not self._is_refused:
            self._open()

    def _go_to_wanted(self) -> None:
        citation = self._citation
        if citation is None:
            self.front.go_to(self._page_wanted)
            return
        if self._is_preview:
            self.preview.show_quote(citation)
            return
        if self.view.page != self._page_wanted:
            self.view.go_to(self._page_wanted)
        self._locate(citation)

    # ------------------------------------------------------------ documents without page images

    def _choose_front(self, preview: bool) -> None:
        self._is_preview = preview
        self._stack.setCurrentWidget(self.front)
        self.setFocusProxy(self.front)
        self.find_bar.use(self.preview_search if preview else self.search)

    def _show_preview(self) -> None:
        self.preview.open(self.current_path)
        self.toolbar.set_preview(self.preview.pages, self.preview.page)
        self._show_zoom()
        if self._citation is not None and not self._is_located:
            self.preview.show_quote(self._citation)
        elif self._page_wanted > 1:
            self.preview.go_to(self._page_wanted)

    def _on_preview_grown(self) -> None:
        self.toolbar.set_preview(self.preview.pages, self.preview.page)

    def _on_preview_failed(self, failure: Failure) -> None:
        self.notice.say(phrases.failure_sentence(failure), "warning")

    def _on_quote_shown(self, found: bool) -> None:
        if self._citation is None:
            return
        self._is_located = True
        if not found:
            quote = " ".join(self._citation.quote.split())
            self.notice.say(
                self.tr("“{quote}” – this sentence was not found in the text any more.").format(quote=quote)
            )
        self.highlighted.emit(self._citation.path, self._citation.page or 0, self.preview.quote_on_screen())

    def _mark_in_preview(self) -> None:
        self.preview.mark_matches(self.preview_search.found, self.preview_search.index)

    def _on_match_in_preview(self) -> None:
        self._mark_in_preview()
        if 0 <= self.preview_search.index < self.preview_search.count:
            self.preview.reveal(*self.preview_search.found[self.preview_search.index])

    # ------------------------------------------------------------ the cited sentence

    def _drop_citation(self) -> None:
        if self._locating is not None:
            self._locating.cancel()
        self._locating = self._citation = self._unannounced = None
        self._is_located = False
        self.view.mark_quote(0, ())
        self.preview.show_quote(None)
        self.notice.close_notice()

    def _locate(self, citation: Citation) -> None:
        request = messages.LocateText(
            path=citation.path, page=self._page_wanted, start=citation.start, length=citation.length
        )
        job = self._locating = self._link.request(request)
        number = job.number
        job.finished.connect(lambda event: self._on_located(number, citation, event))
        job.failed.connect(lambda failure: self._on_not_located(number, citation, failure))

    def _on_located(self, number: int, citation: Citation, event: messages.Event) -> None:
        if self._locating is None or self._locating.number != number:
            return
        assert isinstance(event, messages.TextLocated)
        self._locating = None
        self._is_located = True
        if not event.boxes:
            self._quote_instead(citation)
            return
        self.view.mark_quote(event.page, event.boxes)
        self.view.reveal(event.page, event.boxes)
        self._unannounced = (event.page, event.boxes)
        self._announce(event.page)

    def _on_not_located(self, number: int, citation: Citation, failure: Failure) -> None:
        if self._locating is None or self._locating.number != number:
            return
        self._locating = None
        if failure.code not in PASSING:
            self._quote_instead(citation)

    def _quote_instead(self, citation: Citation) -> None:
        words = self.tr("“{quote}” – the text of this page has no positions, so the sentence cannot be highlighted.")
        self.notice.say(words.format(quote=" ".join(citation.quote.split())))
        self.highlighted.emit(citation.path, self._page_wanted, [])

    def _announce(self, page: int) -> None:
        """Tell where the highlight lies, once its page has been drawn."""
        image = self.view.images.image(page)
        if self._unannounced is None or self._unannounced[0] != page or image is None:
            return
        boxes, self._unannounced = self._unannounced[1], None
        whole = QRectF(0, 0, image.width(), image.height())
        self.highlighted.emit(self.current_path, page, [on_page(box, whole) for box in boxes])

    # ------------------------------------------------------------ find

    def open_find_bar(self) -> None:
        """Show the bar for finding text, if a document is shown."""
        if self._is_open:
            self.find_bar.open_bar()

    def _start_search(self, text: str) -> None:
        if self._is_preview:
            top = self.preview.cursorForPosition(QPoint(8, 8)).position()
            self.preview_search.search(text, top)
        elif self._is_open:
            self.search.start(self.current_path, text, self.view.page)

    def _mark_matches(self) -> None:
        marks: dict[int, list[Box]] = {}
        for match in self.search.matches:
            marks.setdefault(match.page, []).extend(match.boxes)
        current = self.search.current
        self.view.mark_matches(marks, current.page if current else 0, current.boxes if current else ())

    def _on_match(self) -> None:
        self._mark_matches()
        if current := self.search.current:
            self.view.reveal(current.page, current.boxes)

    def _on_search_failed(self, failure: Failure) -> None:
        if failure.code not in PASSING:
            self.notice.say(phrases.failure_sentence(failure), "warning")

    # ------------------------------------------------------------ looks

    def _show_zoom(self) -> None:
        self.toolbar.set_zoom(self.front.zoom, self.front.fit)

    def _show_name(self) -> None:
        name = PurePath(self.current_path).name
        room = max(40, self.width() - 3 * style.SPACE)
        self._name.setText(self._name.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, room))
        self._name.setToolTip(self.current_path)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.current_path:
            self._show_name()
        return super().event(event)

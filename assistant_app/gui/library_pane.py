"""The left pane: one row a document, what became of it, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PySide6.QtCore import QItemSelection, QModelIndex, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.document_card import DocumentCard
from assistant_app.gui.document_delegate import DocumentDelegate
from assistant_app.gui.document_model import ROW, DocumentModel, Row
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.indexing import Indexing
from assistant_app.gui.indexing_panel import IndexingPanel
from assistant_app.gui.notice import Notice
from assistant_app.protocol import messages
from assistant_app.protocol.records import Document

UNDO_SECONDS = 8.0
FILTER_FROM = 7
"""Documents from which on a filter helps more than it takes space."""

_FOLDER_REASONS = (Code.FOLDER_UNREADABLE, Code.FOLDER_WITHOUT_DOCUMENTS)


class LibraryPane(QWidget):
    """Lists, adds and removes documents."""

    open_requested = Signal(str)
    """A document is to be shown: carries its path."""

    selection_changed = Signal(list)
    """The paths of the selected documents that can be asked; none means all."""

    counts_changed = Signal(int, int, bool)
    """Documents that can be asked, their pages, and whether more are being read."""

    add_files_requested = Signal()
    add_folder_requested = Signal()
    trouble = Signal(str)
    """A sentence for the person about something that no row can show."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._model = DocumentModel(self)
        self._indexing = Indexing(link, self)
        self._undo: list[Row] = []
        self._counting = QTimer(self, singleShot=True, interval=200)
        self._counting.timeout.connect(self._count)
        self._build()
        self._connect()

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        heading = QLabel(self.tr("Library"), self)
        style.set_role(heading, "heading")
        self._add = QPushButton(style.icon("add"), self.tr("&Add"), self)
        self._add.setToolTip(self.tr("Add PDF files or folders to the library"))
        menu = QMenu(self._add)
        menu.addAction(self.tr("&Files…"), self.add_files_requested.emit)
        menu.addAction(self.tr("F&older…"), self.add_folder_requested.emit)
        self._add.setMenu(menu)
        top = QHBoxLayout()
        top.setContentsMargins(style.SPACE, 0, 0, 0)
        heading.setMinimumHeight(style.HEADER)
        top.addWidget(heading, 1)
        top.addWidget(self._add)
        self._filter = QLineEdit(self)
        self._filter.setPlaceholderText(self.tr("Filter by name"))
        self._filter.setAccessibleName(self.tr("Filter the documents by name"))
        self._filter.setClearButtonEnabled(True)
        self._filter.addAction(style.icon("search", "text_muted"), QLineEdit.ActionPosition.LeadingPosition)
        self._filter.hide()
        self._list = self._make_list()
        self._hint = QLabel(self.tr("Documents that you add appear here."), self)
        self._hint.setWordWrap(True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        style.set_role(self._hint, "muted")
        self._card = DocumentCard(self)
        self._panel = IndexingPanel(self)
        self._undo_bar = Notice(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.SPACE, style.SPACE, style.SPACE, style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addLayout(top)
        for widget in (self._filter, self._hint, self._list, self._card, self._undo_bar, self._panel):
            layout.addWidget(widget, 1 if widget in (self._list, self._hint) else 0)
        self._show_hint()

    def _make_list(self) -> QListView:
        view = QListView(self)
        view.setModel(self._model)
        view.setItemDelegate(DocumentDelegate(view))
        view.setUniformItemSizes(True)
        view.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setFrameShape(QFrame.Shape.NoFrame)
        view.setMouseTracking(True)
        view.setAccessibleName(self.tr("Documents of the library"))
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        return view

    def _connect(self) -> None:
        self._filter.textChanged.connect(self._model.set_filter)
        self._list.activated.connect(self._activate)
        self._list.customContextMenuRequested.connect(self._show_menu)
        selection = self._list.selectionModel()
        selection.selectionChanged.connect(self._on_selection)
        selection.currentChanged.connect(self._show_current)
        remove = QAction(self.tr("Remove from the library"), self._list)
        remove.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        remove.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        remove.triggered.connect(self.remove_selected)
        self._list.addAction(remove)
        for signal in (self._model.rowsInserted, self._model.rowsRemoved, self._model.modelReset):
            signal.connect(self._show_hint)
        self._model.dataChanged.connect(self._on_data)
        self._card.retry_requested.connect(lambda path: self.add([path]))
        self._card.password_entered.connect(lambda path, password: self.add([path], {path: password}))
        self._panel.cancel_requested.connect(self._indexing.cancel)
        self._indexing.progressed.connect(self._on_progress)
        self._indexing.document_done.connect(self._on_done)
        self._indexing.ended.connect(self._on_ended)
        self._undo_bar.action_triggered.connect(self._undo_removal)
        self._undo_bar.closed.connect(self.send_removal)

    # ------------------------------------------------------------ for the window

    @property
    def model(self) -> DocumentModel:
        return self._model

    @property
    def list_view(self) -> QListView:
        return self._list

    @property
    def card(self) -> DocumentCard:
        return self._card

    @property
    def panel(self) -> IndexingPanel:
        return self._panel

    @property
    def undo_bar(self) -> Notice:
        return self._undo_bar

    @property
    def is_empty(self) -> bool:
        return len(self._model) == 0

    def refresh(self) -> None:
        """Ask the engine what the library holds."""
        job = self._link.request(messages.ListDocuments())
        job.finished.connect(self._on_documents)

    def add(self, paths: Sequence[str], passwords: dict[str, str] | None = None) -> None:
        """Give files and folders to the engine; rows for the files appear at once."""
        writable = [path for path in paths if _can_be_sent(path)]
        for path in set(paths) - set(writable):
            said = path.encode(errors="replace").decode()
            self.trouble.emit(phrases.reason_sentence(Code.FILE_NAME_UNSUPPORTED, {"path": said}))
        if not writable:
            return
        self.send_removal()
        for path in writable:
            if not os.path.isdir(path):
                self._model.set_waiting(path)
        self._indexing.add(writable, passwords)
        self._panel.begin()
        self._show_current()
        self._count()

    def selected_paths(self) -> list[str]:
        """The selected documents, in the order of the list."""
        lines: list[int] = []
        selection = self._list.selectionModel().selection()
        for part in (selection.at(number) for number in range(selection.size())):
            lines.extend(range(part.top(), part.bottom() + 1))
        return [self._model.shown(line).path for line in sorted(lines)]

    def clear_selection(self) -> None:
        self._list.clearSelection()

    def remove_selected(self) -> None:
        """Take the selected documents off the list; they leave the library when the undo bar goes."""
        paths = [path for path in self.selected_paths() if not self._is_busy(path)]
        if not paths:
            return
        self.send_removal()
        self._undo = self._model.remove(paths)
        one = self.tr("Removed “{name}”.").format(name=self._undo[0].name)
        many = self.tr("Removed {count} documents.").format(count=len(self._undo))
        self._undo_bar.say(one if len(self._undo) == 1 else many, action=self.tr("Un&do"), seconds=UNDO_SECONDS)
        self._count()

    def focus_list(self) -> None:
        """Put the keyboard into the list, or on the button that fills it."""
        target = self._add if self.is_empty else self._list
        target.setFocus(Qt.FocusReason.TabFocusReason)

    def send_removal(self) -> Job | None:
        """Send a removal that could still be undone: before a question, before the window closes, or in the end.

        Returns:
            the job that removes; null where there was nothing to remove.
        """
        if not self._undo:
            return None
        rows, self._undo = self._undo, []
        self._undo_bar.close_notice()
        job = self._link.request(messages.RemoveDocuments(paths=[row.path for row in rows]))
        job.failed.connect(lambda failure: self._on_not_removed(rows, failure))
        return job

    # ------------------------------------------------------------ what happens

    def _on_documents(self, event: messages.Documents) -> None:
        selected = set(self.selected_paths())
        hidden = {row.path for row in self._undo}
        self._model.set_documents(each for each in event.documents if each.path not in hidden)
        self._select(selected)
        self._count()

    def _select(self, paths: set[str]) -> None:
        wanted = QItemSelection()
        for path in paths:
            index = self._model.index_of(path)
            if index.isValid():
                wanted.select(index, index)
        self._list.selectionModel().select(wanted, self._list.selectionModel().SelectionFlag.ClearAndSelect)

    def _on_progress(self, event: messages.IndexProgress) -> None:
        self._model.set_progress(event)
        self._panel.show_progress(event)

    def _on_done(self, document: Document) -> None:
        if document.reason in _FOLDER_REASONS:
            details = {"path": document.path, **document.details}
            self._model.remove([document.path])
            self.trouble.emit(phrases.reason_sentence(document.reason or "", details))
            return
        self._model.set_done(document)
        if not self._counting.isActive():
            self._counting.start()

    def _on_ended(self, _paths: list[str], failure: Failure | None) -> None:
        self._model.settle(self._indexing.waiting_paths)
        if not self._indexing.is_busy:
            self._panel.end()
        if failure is not None:
            if failure.code != Code.ENGINE_DIED:  # the window says that once, for all jobs
                self.trouble.emit(phrases.failure_sentence(failure))
            if self._link.is_ready:  # else the window does it as soon as the engine is ready again
                self.refresh()
        self._count()

    def _on_not_removed(self, rows: list[Row], failure: Failure) -> None:
        self._model.restore(rows)
        self._count()
        if failure.code != Code.ENGINE_DIED:
            self.trouble.emit(phrases.failure_sentence(failure))

    def _undo_removal(self) -> None:
        rows, self._undo = self._undo, []
        self._model.restore(rows)
        self._select({row.path for row in rows})
        self._count()

    # ------------------------------------------------------------ the list

    def _is_busy(self, path: str) -> bool:
        row = self._model.row(path)
        return row is not None and row.busy

    def _activate(self, index: QModelIndex) -> None:
        row = index.data(ROW)
        if row.needs_password:
            self._card.focus_password()
        elif row.document is not None and row.document.pages:
            self.open_requested.emit(row.path)

    def _on_selection(self) -> None:
        rows = [self._model.row(path) for path in self.selected_paths()]
        chosen = [row.path for row in rows if row and row.document and row.document.passages]
        self.selection_changed.emit([] if len(rows) == len(self._model) else chosen)
        self._show_current()

    def _on_data(self, first: QModelIndex) -> None:
        if first == self._list.currentIndex():
            self._show_current()

    def _show_current(self) -> None:
        index = self._list.currentIndex()
        self._card.show_row(index.data(ROW) if index.isValid() else None)

    def _show_hint(self) -> None:
        empty = len(self._model) == 0
        self._hint.setVisible(empty)
        self._list.setVisible(not empty)
        self._filter.setVisible(len(self._model) >= FILTER_FROM or bool(self._filter.text()))

    def _count(self) -> None:
        ready = [row.document for row in self._model.rows() if row.document and row.document.passages]
        self.counts_changed.emit(len(ready), sum(document.pages for document in ready), self._indexing.is_busy)

    def _show_menu(self, at: QPoint) -> None:
        index = self._list.indexAt(at)
        if not index.isValid():
            return
        row: Row = index.data(ROW)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if row.document is not None and row.document.pages:
            menu.addAction(self.tr("&Open in the viewer"), lambda: self.open_requested.emit(row.path))
        if row.needs_password:
            menu.addAction(self.tr("Enter &password…"), self._card.focus_password)
        if not row.busy:
            menu.addAction(self.tr("&Read it again"), lambda: self.add([row.path]))
        folder = QUrl.fromLocalFile(os.path.dirname(row.path))
        menu.addAction(self.tr("Show the &folder"), lambda: QDesktopServices.openUrl(folder))
        menu.addSeparator()
        removal = menu.addAction(style.icon("trash"), self.tr("Re&move from the library"), self.remove_selected)
        removal.setEnabled(not row.busy)
        menu.popup(self._list.viewport().mapToGlobal(at))


def _can_be_sent(path: str) -> bool:
    """Whether ``path`` can be written as JSON: a file name that is not UTF-8 holds lone surrogates."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True

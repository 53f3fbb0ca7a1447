"""The left pane: collections, one row a document, what became of it, and what can be done with it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from assistant_app.errors import Code
from assistant_app.gui import document_words, phrases, style
from assistant_app.gui.collection_bar import CollectionBar
from assistant_app.gui.collection_list import CollectionList
from assistant_app.gui.document_card import DocumentCard
from assistant_app.gui.document_list import DocumentList
from assistant_app.gui.document_model import ROW, DocumentModel
from assistant_app.gui.embedding_bar import EmbeddingBar
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.gui.holdings import Holdings
from assistant_app.gui.indexing import Indexing
from assistant_app.gui.indexing_panel import IndexingPanel
from assistant_app.gui.notice import Notice
from assistant_app.gui.removal import Removal
from assistant_app.protocol import messages
from assistant_app.protocol.records import Document

UNDO_SECONDS = 12.0
"""So long the bar offers to undo a removal; the menu, Ctrl+Z and the ledger do so for longer."""

FILTER_FROM = 7
"""Documents from which on a filter helps more than it takes space."""

_FOLDER_REASONS = (Code.FOLDER_UNREADABLE, Code.FOLDER_WITHOUT_DOCUMENTS)


class LibraryPane(QWidget):
    """Lists, adds, collects and removes documents."""

    open_requested = Signal(str)
    """A document is to be shown: carries its path."""

    scope_changed = Signal(list, object)
    """What a question is asked of: the paths of the ticked documents (none: all), and the collection or null."""

    counts_changed = Signal(int, int, bool)
    """Documents that can be asked, their pages, and whether more are being read."""

    add_files_requested = Signal()
    add_folder_requested = Signal()
    ledger_requested = Signal(str)
    """Carries what the ledger is to be narrowed down to; "" for nothing."""

    whole_requested = Signal(list)
    """Carries one document to summarise, or two to compare."""

    trouble = Signal(str)
    """A sentence for the person about something that no row can show."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.holdings = Holdings(link, self)
        self.removal = Removal(link, self.holdings, self)
        self.collections = CollectionList(link, self.holdings, self)
        self.indexing = Indexing(link, self)
        self._link = link
        self._model = DocumentModel(self)
        self._listings_at_begin = 0
        self._undoes_collection = False
        self._counting = QTimer(self, singleShot=True, interval=200)
        self._counting.timeout.connect(self._count)
        self._build()
        self._connect()
        self._connect_documents()

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        self.collection_bar = CollectionBar(self.collections, self)
        self._filter = QLineEdit(self)
        self._filter.setPlaceholderText(self.tr("Filter by name"))
        self._filter.setAccessibleName(self.tr("Filter the documents by name"))
        self._filter.setClearButtonEnabled(True)
        self._filter.addAction(style.icon("search", "text_muted"), QLineEdit.ActionPosition.LeadingPosition)
        self._filter.hide()
        self._list = DocumentList(self._model, self.collections, self)
        self._hint = QLabel(self)
        self._hint.setWordWrap(True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        style.set_role(self._hint, "muted")
        self._skipped = QPushButton(self)
        self._skipped.setToolTip(self.tr("Show in the ledger which, and why"))
        style.set_role(self._skipped, "quiet")
        self._skipped.setIcon(style.icon("skipped", "text_muted"))
        self._card = DocumentCard(self)
        self._panel = IndexingPanel(self)
        self._undo_bar = Notice(self)
        self.embedding_bar = EmbeddingBar(self._link, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.SPACE, style.SPACE, style.SPACE, style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addLayout(self._make_top())
        for widget in (self.collection_bar, self._filter, self._hint, self._list):
            layout.addWidget(widget, 1 if widget in (self._list, self._hint) else 0)
        for below in (self._skipped, self._card, self._undo_bar, self.embedding_bar, self._panel):
            layout.addWidget(below)
        self._show_hint()

    def _make_top(self) -> QHBoxLayout:
        heading = QLabel(self.tr("Library"), self)
        style.set_role(heading, "heading")
        heading.setMinimumHeight(style.HEADER)
        self._ledger = QToolButton(self)
        self._ledger.setIcon(style.icon("ledger"))
        self._ledger.setIconSize(QSize(20, 20))
        self._ledger.setToolTip(self.tr("Ledger: every file and what became of it (Ctrl+L)"))
        self._ledger.setAccessibleName(self.tr("Ledger"))
        self._ledger.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        style.set_role(self._ledger, "quiet")
        self._add = QPushButton(style.icon("add"), self.tr("&Add"), self)
        self._add.setToolTip(self.tr("Add files or folders to the library"))
        menu = QMenu(self._add)
        menu.addAction(self.tr("&Files…"), self.add_files_requested.emit)
        menu.addAction(self.tr("F&older…"), self.add_folder_requested.emit)
        self._add.setMenu(menu)
        top = QHBoxLayout()
        top.setContentsMargins(style.SPACE, 0, 0, 0)
        top.addWidget(heading, 1)
        top.addWidget(self._ledger)
        top.addWidget(self._add)
        return top

    def _connect(self) -> None:
        self._filter.textChanged.connect(self._model.set_filter)
        self._filter.textChanged.connect(lambda _text: self._show_hint())
        self._ledger.clicked.connect(lambda: self.ledger_requested.emit(""))
        self._skipped.clicked.connect(lambda: self.ledger_requested.emit("skipped"))
        self._list.open_requested.connect(self.open_requested)
        self._list.password_requested.connect(self._card.focus_password)
        self._list.retry_requested.connect(self.read_again)
        self._list.whole_requested.connect(self.whole_requested)
        self._list.remove_requested.connect(self.removal.remove)
        self._list.undo_requested.connect(self.removal.undo)
        self._list.new_collection_requested.connect(self.collection_bar.begin_new)
        self._list.selectionModel().currentChanged.connect(self._show_current)
        for signal in (self._model.rowsInserted, self._model.rowsRemoved, self._model.modelReset):
            signal.connect(self._show_hint)
        self._model.dataChanged.connect(self._on_data)
        self._model.ticks_changed.connect(self._tell_scope)
        self._card.retry_requested.connect(lambda path: self.read_again([path]))
        self._card.password_entered.connect(self.unlock)
        self._panel.cancel_requested.connect(self.indexing.cancel)
        self._panel.pause_requested.connect(self.indexing.pause)
        self._undo_bar.action_triggered.connect(self._undo)

    def _connect_documents(self) -> None:
        self.holdings.listed.connect(self._on_listed)
        self.holdings.updated.connect(self._on_updated)
        self.holdings.gone.connect(self._on_gone)
        self.removal.removed.connect(self._on_removed)
        self.removal.put_back.connect(self._on_put_back)
        self.removal.failed.connect(self._tell_failure)
        self.collections.changed.connect(self._show_hint)
        self.collections.chosen.connect(self._on_chosen)
        self.collections.deleted.connect(self._on_collection_deleted)
        self.collections.failed.connect(self._tell_failure)
        self.indexing.began.connect(self._on_began)
        self.indexing.progressed.connect(self._on_progress)
        self.indexing.document_done.connect(self._on_done)
        self.indexing.ended.connect(self._on_ended)
        self.indexing.paused_changed.connect(self._panel.set_paused)

    # ------------------------------------------------------------ for the window

    @property
    def model(self) -> DocumentModel:
        return self._model

    @property
    def list_view(self) -> DocumentList:
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
    def skipped_button(self) -> QPushButton:
        return self._skipped

    @property
    def is_empty(self) -> bool:
        return len(self._model) == 0

    def whole_paths(self, count: int) -> list[str]:
        """The documents that a summary (``count`` 1) or a comparison (2) is to be of: those that are ticked, else those
        that are selected; none where their number is another one."""
        for paths in (self._model.ticked_paths(), self._list.askable_paths()):
            if len(paths) == count:
                return paths
        return []

    def refresh(self) -> None:
        """Ask the engine what the library holds."""
        self.holdings.refresh()
        self.collections.refresh()

    def begin_anew(self) -> None:
        """The library is another one: list it, and forget what could be undone in the one before."""
        self.removal.forget()
        self._undo_bar.close_notice()
        self.collections.choose(None)
        self.refresh()

    def add(self, paths: Sequence[str]) -> None:
        """Give files and folders to the engine, for the collection that is shown; rows appear at once."""
        self._index(paths, collection=self.collections.current)

    def read_again(self, paths: Sequence[str]) -> None:
        """Have documents read once more."""
        self._index(paths)

    def unlock(self, path: str, password: str, keep: bool) -> None:
        """Read a document with its password, which goes to the system's keyring if the person wants that."""
        self._index([path], {path: password}, keep=keep)

    def clear_scope(self) -> None:
        """Ask more again: untick all, or else leave the collection."""
        if self._model.ticked_paths():
            self._model.untick_all()
        else:
            self.collections.choose(None)

    def focus_list(self) -> None:
        """Put the keyboard into the list, or on the button that fills it."""
        target = self._add if self._list.isHidden() else self._list
        target.setFocus(Qt.FocusReason.TabFocusReason)

    # ------------------------------------------------------------ indexing

    def _index(
        self,
        paths: Sequence[str],
        passwords: dict[str, str] | None = None,
        *,
        keep: bool = False,
        collection: str | None = None,
    ) -> None:
        writable = [path for path in paths if _can_be_sent(path)]
        for path in set(paths) - set(writable):
            said = path.encode(errors="replace").decode()
            self.trouble.emit(phrases.reason_sentence(Code.FILE_NAME_UNSUPPORTED, {"path": said}))
        if not writable:
            return
        for path in writable:
            if not os.path.isdir(path):
                self._model.set_waiting(path)
        self.indexing.add(writable, passwords, keep_passwords=keep, collection=collection)
        self._show_current()
        self._count()

    def _on_began(self) -> None:
        self._listings_at_begin = self.holdings.listings
        self._panel.begin()
        self._count()

    def _on_progress(self, event: messages.IndexProgress) -> None:
        self._panel.begin()
        self._model.set_progress(event)
        self._panel.show_progress(event)

    def _on_done(self, document: Document) -> None:
        if document.reason in _FOLDER_REASONS:
            details = {"path": document.path, **document.details}
            self._model.remove([document.path])
            self.trouble.emit(phrases.reason_sentence(document.reason or "", details))
            return
        if document.status == "skipped":
            self._model.remove([document.path])
            if document.path in self.indexing.waiting_paths:  # the person named it, and looks for it
                self.trouble.emit(document_words.sentence(document))
        else:
            self._model.set_done(document)
        self.holdings.take([document])

    def _on_ended(self, paths: list[str], failure: Failure | None) -> None:
        self._model.settle(self.indexing.waiting_paths)
        if not self.indexing.is_busy:
            self._panel.end()
        self._tell_failure(failure)
        if self._link.is_ready:  # else the window lists all as soon as the engine is ready again
            self.collections.refresh()
            # A list that was written while documents changed may be older than the last of them.
            if failure is not None or self.holdings.listings != self._listings_at_begin:
                self.holdings.refresh_soon()
        self._count()

    def _tell_failure(self, failure: Failure | None) -> None:
        if failure is not None and failure.code != Code.ENGINE_DIED:  # the window says that once, for all jobs
            self.trouble.emit(phrases.failure_sentence(failure))

    # ------------------------------------------------------------ what the library holds

    def _on_listed(self) -> None:
        selected = set(self._list.selected_paths())
        documents = self.holdings.documents.values()
        self._model.set_documents(each for each in documents if each.status != "skipped")
        self._list.select(selected)
        self._count()
        self._tell_scope()

    def _on_updated(self, documents: list[Document]) -> None:
        for document in documents:
            if document.status == "skipped":
                self._model.remove([document.path])
            else:
                self._model.take(document)
        self._count_soon()

    def _on_gone(self, paths: list[str]) -> None:
        self._model.remove(path for path in paths if not self._is_busy(path))
        self._count_soon()

    def _on_removed(self, documents: list[Document]) -> None:
        self._undoes_collection = False
        one = self.tr("Removed “{name}”.").format(name=os.path.basename(documents[0].path))
        many = self.tr("Removed {count} documents.").format(count=len(documents))
        words = one if len(documents) == 1 else many
        self._undo_bar.say(words, action=self.tr("Un&do"), seconds=UNDO_SECONDS)

    def _on_put_back(self, paths: list[str]) -> None:
        self._undo_bar.close_notice()
        self._list.select(set(paths))
        self.collections.refresh()

    def _on_collection_deleted(self, name: str) -> None:
        self._undoes_collection = True
        words = self.tr("Deleted the collection “{name}”. Its documents are still there.").format(name=name)
        self._undo_bar.say(words, action=self.tr("Un&do"), seconds=UNDO_SECONDS)

    def _undo(self) -> None:
        if self._undoes_collection:
            self.collections.undelete()
        else:
            self.removal.undo()

    def _on_chosen(self, name: str | None) -> None:
        self._model.set_collection(name)
        self._show_hint()
        self._tell_scope()

    def _tell_scope(self) -> None:
        self.scope_changed.emit(self._model.ticked_paths(), self.collections.current)

    # ------------------------------------------------------------ the list

    def _is_busy(self, path: str) -> bool:
        row = self._model.row(path)
        return row is not None and row.busy

    def _on_data(self, first: QModelIndex) -> None:
        if first == self._list.currentIndex():
            self._show_current()

    def _show_current(self) -> None:
        index = self._list.currentIndex()
        had_focus = self._card.password_field.hasFocus()
        self._card.show_row(index.data(ROW) if index.isValid() else None)
        if had_focus and self._card.isHidden():
            self._list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_hint(self) -> None:
        empty = self._model.rowCount() == 0
        if empty:
            self._hint.setText(self._why_empty())
        self._hint.setVisible(empty)
        self._list.setVisible(not empty)
        self._filter.setVisible(len(self._model) >= FILTER_FROM or bool(self._filter.text()))
        self.collection_bar.setVisible(len(self._model) > 0 or bool(self.collections.names))

    def _why_empty(self) -> str:
        if self._filter.text().strip():
            return self.tr("No document has this in its name.")
        if self.collections.current is not None and len(self._model):
            return self.tr(
                "Nothing is in this collection yet. Add documents now, or right-click others to put them in."
            )
        return self.tr("Documents that you add appear here.")

    def _count_soon(self) -> None:
        if not self._counting.isActive():
            self._counting.start()

    def _count(self) -> None:
        documents = self.holdings.documents.values()
        ready = [document for document in documents if document.passages]
        pages = sum(document.pages for document in ready if document_words.has_pages(document))
        self.counts_changed.emit(len(ready), pages, self.indexing.is_busy)
        skipped = sum(document.status == "skipped" for document in documents)
        one, many = self.tr("1 file was skipped"), self.tr("{count} files were skipped")
        self._skipped.setText(one if skipped == 1 else many.format(count=self.locale().toString(skipped)))
        self._skipped.setVisible(skipped > 0)
        self.collection_bar.set_count(len(documents) - skipped)


def _can_be_sent(path: str) -> bool:
    """Whether ``path`` can be written as JSON: a file name that is not UTF-8 holds lone surrogates."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Earlier conversations: found again, opened, renamed, deleted, and put back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.conversation_model import CONVERSATION, ConversationDelegate, ConversationModel
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.notice import Notice
from assistant_app.protocol import messages
from assistant_app.protocol.records import Conversation

UNDO_SECONDS = 12.0
_TYPING_MS = 200


class HistoryPane(QWidget):
    """Asks the engine for the list when it is shown, and after each change."""

    open_requested = Signal(int)
    export_requested = Signal(int, str)
    """The conversation, and the format: markdown, pdf or json."""

    deleted = Signal(int)
    listed = Signal(list)
    """All conversations, when they were listed without a search."""

    go_on_requested = Signal()
    """The person wants to write in the conversation that is open."""

    closed = Signal()
    """The person wants the library back in this place."""

    trouble = Signal(str)

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._job: Job | None = None
        self._undoable: list[Conversation] = []
        self._wants_edit = 0
        self.model = ConversationModel(self)
        self.search = QLineEdit(self)
        self.view = QListView(self)
        self.undo_bar = Notice(self)
        self._hint = QLabel(self)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._build()
        self._add_keys()
        self._typing.timeout.connect(self.refresh)
        self.search.textChanged.connect(lambda _text: self._typing.start())
        self.search.returnPressed.connect(self._open_first)
        self.view.activated.connect(self._on_activated)
        self.view.clicked.connect(self._on_clicked)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.model.renamed.connect(self.rename)
        self.undo_bar.action_triggered.connect(self.undo)

    def _build(self) -> None:
        heading = QLabel(self.tr("History"), self)
        style.set_role(heading, "heading")
        heading.setMinimumHeight(style.HEADER)
        self.back = QToolButton(self)
        self.back.setIcon(style.icon("close", "text_muted"))
        self.back.setIconSize(QSize(20, 20))
        self.back.setToolTip(self.tr("Back to the library (Ctrl+H)"))
        self.back.setAccessibleName(self.tr("Back to the library"))
        self.back.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        style.set_role(self.back, "quiet")
        self.back.clicked.connect(self.closed)
        top = QHBoxLayout()
        top.setContentsMargins(style.SPACE, 0, 0, 0)
        top.addWidget(heading, 1)
        top.addWidget(self.back)
        self.search.setPlaceholderText(self.tr("Search questions and answers"))
        self.search.setAccessibleName(self.tr("Search in questions and answers"))
        self.search.setClearButtonEnabled(True)
        self.search.addAction(style.icon("search", "text_muted"), QLineEdit.ActionPosition.LeadingPosition)
        self._build_view()
        self._hint.setWordWrap(True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        style.set_role(self._hint, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.SPACE, style.SPACE, style.SPACE, style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addLayout(top)
        layout.addWidget(self.search)
        layout.addWidget(self._hint, 1)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.undo_bar)
        self._show_hint()

    def _build_view(self) -> None:
        view = self.view
        view.setModel(self.model)
        view.setItemDelegate(ConversationDelegate(view))
        view.setUniformItemSizes(True)
        view.setEditTriggers(QListView.EditTrigger.EditKeyPressed)
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setFrameShape(QFrame.Shape.NoFrame)
        view.setMouseTracking(True)
        view.setAccessibleName(self.tr("Earlier conversations"))
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def _add_keys(self) -> None:
        keys: tuple[tuple[str, QKeySequence.StandardKey, Callable[[], object]], ...] = (
            (self.tr("Delete the conversation"), QKeySequence.StandardKey.Delete, self._delete_current),
            (self.tr("Undo"), QKeySequence.StandardKey.Undo, self.undo),
        )
        for text, key, slot in keys:
            action = QAction(text, self.view)
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(lambda _checked, slot=slot: slot())
            self.view.addAction(action)

    # ------------------------------------------------------------ for the window

    @property
    def can_undo(self) -> bool:
        return bool(self._undoable)

    @property
    def hint(self) -> str:
        return "" if self._hint.isHidden() else self._hint.text()

    def refresh(self) -> None:
        """Ask for the list as it is now."""
        self._typing.stop()
        search = self.search.text().strip()
        self._watch(self._link.request(messages.ListConversations(search=search)))

    def take(self, conversation: Conversation) -> None:
        """Something was added to a conversation."""
        if self.search.text().strip():
            self.refresh()
        else:
            self.model.take(conversation)
        self._show_hint()

    def delete(self, number: int) -> None:
        """Delete a conversation; it can be put back for a while."""
        gone = self.model.remove(number)
        job = self._link.request(messages.DeleteConversation(conversation=number))
        job.finished.connect(self._on_changed)
        job.failed.connect(self._on_failed)
        self._show_hint()
        self.deleted.emit(number)
        if gone is not None:
            self._undoable.append(gone)
            words = self.tr("Deleted “{title}”.").format(title=gone.title)
            self.undo_bar.say(words, action=self.tr("Un&do"), seconds=UNDO_SECONDS)

    def undo(self) -> None:
        """Put back the conversation that was deleted last."""
        if not self._undoable:
            return
        number = self._undoable.pop().id
        self.undo_bar.close_notice()
        job = self._link.request(messages.PutBackConversation(conversation=number))
        job.finished.connect(self._on_changed)
        job.failed.connect(self._on_failed)

    def rename(self, number: int, title: str) -> None:
        """Give a conversation another title."""
        job = self._link.request(messages.RenameConversation(conversation=number, title=title))
        job.finished.connect(self._on_changed)
        job.failed.connect(self._on_failed)

    def begin_rename(self, number: int) -> None:
        """Let the person edit the title of a conversation in its row."""
        index = self.model.index_of(number)
        if not index.isValid():
            self._wants_edit = number  # the list is on its way
            return
        self._wants_edit = 0
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index)
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        self.view.edit(index)

    def begin_rename_listed(self, number: int) -> None:
        """As :meth:`begin_rename`, as soon as the list has come that is asked for next."""
        self._wants_edit = number

    def focus_list(self) -> None:
        """Put the keyboard into the list, or into the search where there is none."""
        target = self.search if self.view.isHidden() else self.view
        target.setFocus(Qt.FocusReason.TabFocusReason)

    # ------------------------------------------------------------ answers of the engine

    def _watch(self, job: Job) -> None:
        self._job = job
        job.finished.connect(lambda event: self._on_listed(job, event))
        job.failed.connect(self._on_failed)

    def _on_listed(self, job: Job, event: messages.Conversations) -> None:
        if job is self._job:  # not an older search
            self._show(event)

    def _on_changed(self, event: messages.Conversations) -> None:
        """A change is answered with all conversations, whatever is searched for."""
        self.listed.emit(event.conversations)
        if self.search.text().strip():
            self.refresh()
        else:
            self._job = None
            self._show(event)

    def _show(self, event: messages.Conversations) -> None:
        if not event.search:
            self.listed.emit(event.conversations)
        current = self.view.currentIndex().data(CONVERSATION)
        above = self.view.verticalScrollBar().value()
        self.model.set_conversations(event.conversations)
        if isinstance(current, Conversation):
            self.view.setCurrentIndex(self.model.index_of(current.id))
        self.view.verticalScrollBar().setValue(above)
        self._show_hint()
        if self._wants_edit:
            self.begin_rename(self._wants_edit)

    def _on_failed(self, failure: Failure) -> None:
        if failure.code != Code.ENGINE_DIED:  # the window says that once, for all jobs
            self.trouble.emit(phrases.failure_sentence(failure))
            if failure.code == Code.CONVERSATION_UNKNOWN:
                self.refresh()

    def _show_hint(self) -> None:
        empty = self.model.rowCount() == 0
        searching = bool(self.search.text().strip())
        words = self.tr("Your conversations are kept here: each begins with your first question.")
        self._hint.setText(self.tr("No conversation has all of these words.") if searching else words)
        self._hint.setVisible(empty)
        self.view.setVisible(not empty)

    # ------------------------------------------------------------ what is done with rows

    def _on_clicked(self, index: QModelIndex) -> None:
        self._open(index)
        self.go_on_requested.emit()

    def _on_activated(self, index: QModelIndex) -> None:
        """Enter opens and stays in the list, so that Delete and F2 are at hand; once more goes to the question."""
        conversation = index.data(CONVERSATION)
        if isinstance(conversation, Conversation) and conversation.id == self.model.open_number:
            self.go_on_requested.emit()
        else:
            self._open(index)

    def _open(self, index: QModelIndex) -> None:
        conversation = index.data(CONVERSATION)
        if isinstance(conversation, Conversation) and conversation.id != self.model.open_number:
            self.open_requested.emit(conversation.id)

    def _open_first(self) -> None:
        if self._typing.isActive():
            self.refresh()
        elif self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(0))
            self._open(self.model.index(0))

    def _delete_current(self) -> None:
        conversation = self.view.currentIndex().data(CONVERSATION)
        if isinstance(conversation, Conversation):
            self.delete(conversation.id)

    def _show_menu(self, at: QPoint) -> None:
        index = self.view.indexAt(at)
        if index.isValid():
            self.make_menu(index).popup(self.view.viewport().mapToGlobal(at))

    def make_menu(self, index: QModelIndex) -> QMenu:
        """What can be done with the conversation of a row."""
        conversation: Conversation = index.data(CONVERSATION)
        number = conversation.id
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("&Open"), lambda: self.open_requested.emit(number))
        menu.addAction(self.tr("&Rename") + "\tF2", lambda: self.begin_rename(number))
        export = menu.addMenu(style.icon("export"), self.tr("&Export"))
        for text, kind in ((self.tr("&Markdown…"), "markdown"), (self.tr("&PDF…"), "pdf"), (self.tr("&JSON…"), "json")):
            export.addAction(text).triggered.connect(
                lambda _checked, kind=kind: self.export_requested.emit(number, kind)
            )
        menu.addSeparator()
        menu.addAction(style.icon("trash"), self.tr("&Delete") + "\t" + self.tr("Del"), lambda: self.delete(number))
        return menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape empties the search, and then goes back to the library."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.search.text():
            self.search.clear()
        else:
            self.closed.emit()

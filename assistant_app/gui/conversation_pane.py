"""The middle pane: questions, answers and the composer."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.approving import Approving
from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.composer import Composer
from assistant_app.gui.elided_label import ElidedLabel
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.notice import Notice
from assistant_app.gui.turn_view import TurnView
from assistant_app.gui.welcome import Welcome
from assistant_app.gui.whole_proposal import WholeProposal
from assistant_app.protocol import messages
from assistant_app.protocol.records import Answer, Conversation, Turn

COLUMN = 800
"""Pixels: the widest that lines of an answer get, because longer ones are hard to read."""

STOPPED_WITHIN_MS = 80
"""So long the engine has to end what is stopped; with what it takes to draw that, a person sees it within 100 ms."""

TURNS_SHOWN = 30
"""So many of the last turns are laid out, and so many more at a time when asked for: laying out hundreds takes long."""

_NEAR_THE_END = 48
"""Pixels: whoever is this near to the end wants to see what is added there."""


class ConversationPane(QWidget):
    """Asks the engine one question at a time and shows what it says."""

    citation_activated = Signal(object)
    scope_cleared = Signal()
    add_requested = Signal()
    sample_requested = Signal()
    settings_requested = Signal(str)
    """Carries the page: models or adapters."""

    trouble = Signal(str)
    history_requested = Signal()
    conversation_changed = Signal(object)
    """Carries the :class:`Conversation` to which an answer was added."""

    conversation_shown = Signal(object)
    """Carries the :class:`Conversation` that is on the screen now, or null for a new one."""

    inspect_requested = Signal(object)
    """Carries the :class:`Turn` whose answer is to be explained."""

    notice_dismissed = Signal()
    """The person has read that the starter model is small."""

    def __init__(
        self, link: EngineLink, shelf: AssistantShelf, *, starter_notice: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._link = link
        self._shelf = shelf
        self._job: Job | None = None
        self._answered: TurnView | None = None
        self._turns: list[TurnView] = []
        self._unmade: list[Turn] = []
        """The oldest turns of a conversation that was opened; they get a widget when they are asked for."""
        self._conversation: Conversation | None = None
        self._opening: Job | None = None
        self._proposal: WholeProposal | None = None
        self._first_shown = 0
        self._scope: tuple[list[str], str | None] = ([], None)
        self._wants_starter_notice = starter_notice
        self._follow = True
        self.approving = Approving(link, lambda: self._turns, self)
        self._build()
        self._connect()
        self._set_conversation(None)

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        self._heading = ElidedLabel(self)
        style.set_role(self._heading, "heading")
        self.history_button = QToolButton(self)
        self.history_button.setText(self.tr("History"))
        self.history_button.setIcon(style.icon("history"))
        self.history_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.history_button.setToolTip(self.tr("Earlier conversations (Ctrl+H)"))
        self.history_button.setCheckable(True)
        style.set_role(self.history_button, "quiet")
        self.more_button = QToolButton(self)
        self.more_button.setIcon(style.icon("more"))
        self.more_button.setIconSize(QSize(20, 20))
        self.more_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more_button.setToolTip(self.tr("Export, rename, delete, and more"))
        self.more_button.setAccessibleName(self.tr("What can be done with this conversation"))
        style.set_role(self.more_button, "quiet")
        self._new = QToolButton(self)
        self._new.setText(self.tr("New"))
        self._new.setAccessibleName(self.tr("New conversation"))
        self._new.setIcon(style.icon("add"))
        self._new.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._new.setToolTip(self.tr("Begin a new conversation; this one is kept (Ctrl+N)"))
        style.set_role(self._new, "quiet")
        self._settings = QToolButton(self)
        self._settings.setIcon(style.icon("settings"))
        self._settings.setIconSize(QSize(20, 20))
        self._settings.setToolTip(self.tr("Settings (Ctrl+,)"))
        self._settings.setAccessibleName(self.tr("Settings"))
        style.set_role(self._settings, "quiet")
        top = QHBoxLayout()
        top.setContentsMargins(2 * style.SPACE, style.SPACE, style.SPACE, 0)
        self._heading.setMinimumHeight(style.HEADER)
        top.addWidget(self._heading, 1)
        for button in (self.history_button, self._new, self.more_button, self._settings):
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            top.addWidget(button)
        self.welcome = Welcome(self)
        self._scroll = self._make_scroll()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.welcome)
        self._stack.addWidget(self._scroll)
        self.composer = Composer(self._link, self._shelf, self)
        self._starter = Notice(self)
        bottom = QVBoxLayout()
        bottom.setSpacing(style.SPACE)
        bottom.addWidget(self._starter)
        bottom.addWidget(self.composer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addLayout(top)
        layout.addWidget(self._stack, 1)
        layout.addLayout(_column(bottom))

    def _make_scroll(self) -> QScrollArea:
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        scroll.setAccessibleName(self.tr("Questions and answers"))
        inner = QWidget()
        inner.setObjectName("conversation")
        self._column = QVBoxLayout()
        self._column.setSpacing(3 * style.SPACE)
        self._earlier = QPushButton(self.tr("Show earlier questions"))
        style.set_role(self._earlier, "quiet")
        self._earlier.clicked.connect(self._show_earlier)
        self._earlier.hide()
        self._column.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addStretch(1)
        inner.setLayout(_column(self._column))
        scroll.setWidget(inner)
        return scroll

    def _connect(self) -> None:
        self._new.clicked.connect(self.clear)
        self.history_button.clicked.connect(self.history_requested)
        self._settings.clicked.connect(lambda: self.settings_requested.emit("models"))
        self.welcome.add_requested.connect(self.add_requested)
        self.welcome.sample_requested.connect(self.sample_requested)
        self.composer.question_sent.connect(self.ask)
        self.composer.stop_requested.connect(self.stop)
        self.composer.scope_cleared.connect(self.scope_cleared)
        for picker, page in ((self.composer.model_picker, "models"), (self.composer.adapter_picker, "adapters")):
            picker.trouble.connect(self.trouble)
            picker.choose_requested.connect(lambda page=page: self.settings_requested.emit(page))
        self.composer.model_picker.starter_in_use.connect(self._on_starter)
        self._starter.action_triggered.connect(lambda: self.settings_requested.emit("models"))
        self._starter.closed.connect(self._on_starter_dismissed)
        self._link.ready.connect(self._on_ready)
        self.approving.trouble.connect(self._tell_failure)
        bar = self._scroll.verticalScrollBar()
        bar.rangeChanged.connect(self._on_range)
        bar.valueChanged.connect(self._on_scrolled)
        stop = QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.stop)
        stop.setContext(Qt.ShortcutContext.WindowShortcut)
        self._stop_shortcut = stop
        stop.setEnabled(False)
        self._scroll.installEventFilter(self)

    # ------------------------------------------------------------ for the window

    @property
    def turns(self) -> list[TurnView]:
        """Question and answer, oldest first."""
        return list(self._turns)

    @property
    def is_answering(self) -> bool:
        return self._job is not None

    @property
    def conversation(self) -> Conversation | None:
        """What the turns are kept as; null before the first answer."""
        return self._conversation

    @property
    def number(self) -> int:
        """The conversation to go on with; 0 begins one."""
        return self._conversation.id if self._conversation is not None else 0

    @property
    def title(self) -> str:
        return self._heading.text()

    @property
    def proposal(self) -> WholeProposal | None:
        """The question whether documents are to be read as a whole, while it is not answered."""
        return self._proposal

    @property
    def scroll_area(self) -> QScrollArea:
        return self._scroll

    @property
    def earlier_button(self) -> QPushButton:
        return self._earlier

    @property
    def starter_notice(self) -> Notice:
        return self._starter

    def set_scope(self, paths: Sequence[str], collection: str | None) -> None:
        """Ask only these documents from now on; none means all of the collection, or all that there are."""
        self._scope = (list(paths), collection)
        self.composer.set_scope(len(paths), collection)

    def show_settings(self, *, exact: bool, server: str) -> None:
        """Show how answers are made; ``server`` is the address of the server that writes them, "" for none."""
        self.composer.set_exact(exact)
        self.composer.set_server(server)
        self.welcome.set_private(not server)
        if server:
            self._starter.hide()

    def ask(self, question: str) -> None:
        """Ask ``question`` of the documents in scope; ignored while another answer is written."""
        if self._job is not None or not question.strip():
            return
        self._drop_proposal()
        turn = TurnView(question, *self._scope, self, assistant=self.composer.assistant_picker.name)
        self._append(turn)
        self._send(turn, question)

    def propose_whole(self, paths: Sequence[str]) -> None:
        """Offer to summarise one document, or to compare two; the estimate comes first."""
        if self._job is not None:
            self.trouble.emit(self.tr("An answer is being written. Stop it, or wait until it is done."))
            return
        self._drop_proposal()
        proposal = self._proposal = WholeProposal(self._link, paths, self)
        proposal.started.connect(lambda: self._start_whole(proposal))
        proposal.left.connect(self._drop_proposal)
        self._column.insertWidget(self._column.count() - 1, proposal)
        self._stack.setCurrentWidget(self._scroll)
        self._follow = True
        proposal.start_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def stop(self) -> None:
        """Stop the answer that is being written; what stands is kept.

        The engine nearly always ends it within the time that it is given. It cannot while it imports a library that
        holds the interpreter: then the question ends here, and what the engine makes of it is shown when it comes.
        """
        job = self._job
        if job is not None:
            job.cancel()
            QTimer.singleShot(STOPPED_WITHIN_MS, self, lambda: self._leave(job))

    def clear(self) -> None:
        """Begin a new conversation; the one before is kept."""
        self._empty()
        self._stack.setCurrentWidget(self.welcome)
        self.composer.field.setFocus()

    def open_conversation(self, number: int) -> None:
        """Show a conversation as it was kept, and go on with it."""
        job = self._opening = self._link.request(messages.OpenConversation(conversation=number))
        job.finished.connect(lambda event: self._on_opened(job, event))
        job.failed.connect(lambda failure: self._on_not_opened(job, failure))

    def take_conversations(self, conversations: Sequence[Conversation]) -> None:
        """The list of conversations changed: this one may have another title, or be gone."""
        if self._conversation is None:
            return
        for conversation in conversations:
            if conversation.id == self._conversation.id:
                self._set_conversation(conversation)
                return

    def forget_conversation(self, number: int) -> None:
        """A conversation was deleted; if it is this one, begin a new one."""
        if self._conversation is not None and self._conversation.id == number:
            self.clear()

    def inspect_last_answer(self) -> None:
        """Explain the newest answer that is kept."""
        for turn in reversed(self._turns):
            if turn.record is not None:
                self.inspect_requested.emit(turn.record)
                return

    def _empty(self) -> None:
        self.stop()
        self._opening = None
        self._forget_job()
        self._drop_proposal()
        for turn in self._turns:
            self.approving.detach(turn, self.number)
            self._column.removeWidget(turn)
            turn.hide()
            turn.deleteLater()
        self._turns.clear()
        self._unmade.clear()
        self._set_conversation(None)
        self._show_turns(from_turn=0)

    def copy_last_answer(self) -> None:
        """Copy the newest complete answer with its sources."""
        for turn in reversed(self._turns):
            if turn.answer.answer is not None:
                turn.answer.copy()
                return

    # ------------------------------------------------------------ a question under way

    def _append(self, turn: TurnView, at: int | None = None) -> None:
        """Put ``turn`` at the end, or before the turn that is number ``at`` now."""
        turn.answer.citation_activated.connect(self.citation_activated)
        turn.answer.add_requested.connect(self.add_requested)
        turn.answer.ask_again_requested.connect(lambda: self._ask_again(turn))
        turn.answer.inspect_requested.connect(lambda: self.inspect_requested.emit(turn.record))
        turn.edited.connect(lambda question: self._send(turn, question))
        turn.search_edited.connect(lambda searched: self._send(turn, turn.question, searched))
        turn.version_requested.connect(lambda version: self._open_version(turn, version))
        number = len(self._turns) if at is None else at
        self._turns.insert(number, turn)
        self.approving.attach(turn)
        self._column.insertWidget(number + 1, turn)  # below the button for earlier questions
        if at is None:
            self._show_turns(from_turn=max(self._first_shown, len(self._turns) - TURNS_SHOWN))
            self._stack.setCurrentWidget(self._scroll)
            self._follow = True

    def _ask_again(self, turn: TurnView) -> None:
        if turn.kind == "question":
            self._send(turn, turn.question)
        elif turn.paths:
            self._read_whole(turn)

    def _start_whole(self, proposal: WholeProposal) -> None:
        self._drop_proposal()
        turn = TurnView(proposal.title, proposal.paths, None, self, kind=proposal.kind)
        self._append(turn)
        self._read_whole(turn)

    def _read_whole(self, turn: TurnView) -> None:
        request = messages.ReadWhole(paths=turn.paths or [], conversation=self.number, turn=_id(turn))
        self._begin(turn, request, turn.question)

    def _send(self, turn: TurnView, question: str, searched: str | None = None) -> None:
        request = messages.Ask(
            question=question,
            paths=turn.paths,
            collection=turn.collection,
            conversation=self.number,
            turn=_id(turn),
            searched=searched,
            exact=self._exact(turn.assistant),
            assistant=turn.assistant,
        )
        self._begin(turn, request, question, searched)

    def _exact(self, name: str) -> bool | None:
        """Whether to answer in the documents' own words: as the assistant has it, else as the composer's button."""
        assistant = self._shelf.get(name) if name else None
        if assistant is not None and assistant.exact is not None:
            return None
        if assistant is not None and assistant.format.kind != "text":
            return False  # sentences of the documents are in no format
        return self.composer.is_exact

    def _begin(self, turn: TurnView, request: messages.Message, question: str, searched: str | None = None) -> None:
        if self._job is not None or self._asks_about_correction(turn):
            return
        turn.begin(question, searched, waiting_for_engine=not self._link.is_ready)
        job = self._link.request(request)
        self._job, self._answered = job, turn
        self._set_busy(True)
        job.progressed.connect(turn.show_progress)
        job.finished.connect(lambda event: self._on_end(job, turn, event))
        job.failed.connect(lambda failure: self._on_end(job, turn, failure))

    def _leave(self, job: Job) -> None:
        """Wait no longer for the end of what was stopped."""
        turn = self._answered
        if job is not self._job or turn is None:
            return
        job.progressed.disconnect()
        self._forget_job()
        turn.answer.fail(Failure(Code.CANCELLED))

    def _on_end(self, job: Job, turn: TurnView, outcome: messages.Answered | Failure) -> None:
        conversation = outcome.conversation if isinstance(outcome, messages.Answered) else None
        if conversation is not None:
            self.conversation_changed.emit(conversation)
        if turn not in self._turns:  # cleared meanwhile
            if conversation is not None and conversation.id == self.number:
                self.open_conversation(conversation.id)  # and opened again before this was kept in it
            return
        if job is self._job:
            self._forget_job()
        elif turn is self._answered:
            return  # it was left, and is asked again already
        if isinstance(outcome, Failure):
            turn.answer.fail(outcome)
            if outcome.code == Code.ASSISTANT_UNKNOWN:
                turn.assistant = ""  # asked again, it is asked without one
                self._shelf.refresh()
            if turn.record is not None:  # one version more was tried; the others can be gone back to
                turn.answer.show_versions(turn.record.versions + 1, turn.record.versions + 1)
            return
        if conversation is not None:
            self._set_conversation(conversation)
        turn.show_answered(outcome)
        self._mark_switches()

    def _asks_about_correction(self, turn: TurnView) -> bool:
        """Whether a correction of the answer is not saved, and the person is asked about that."""
        if turn.correction.is_changed:
            turn.correction.leave()
            return True
        return False

    def _open_version(self, turn: TurnView, version: int) -> None:
        if turn.record is None or self._job is not None or self._asks_about_correction(turn):
            return
        job = self._link.request(messages.OpenTurn(turn=turn.record.id, version=version))
        job.finished.connect(lambda event: self._on_version(turn, event))
        job.failed.connect(self._tell_failure)

    def _on_version(self, turn: TurnView, event: messages.TurnOpened) -> None:
        if turn in self._turns and self._job is None:
            turn.show_record(event.turn)
            self._mark_switches()

    # ------------------------------------------------------------ a conversation that was kept

    def _on_opened(self, job: Job, event: messages.ConversationOpened) -> None:
        if job is not self._opening:
            return  # another one was asked for meanwhile
        self._empty()
        self._set_conversation(event.conversation)
        self._unmade = event.turns[:-TURNS_SHOWN]
        for turn in event.turns[-TURNS_SHOWN:]:
            self._append(self._made(turn))
        self._show_turns(from_turn=0)
        self._stack.setCurrentWidget(self._scroll if event.turns else self.welcome)

    def _mark_switches(self) -> None:
        """Mark the questions from which on other adapters, or other scales, answer."""
        before: Answer | None = None
        for turn in self._turns:
            before = turn.mark_switch(before)

    def _made(self, turn: Turn) -> TurnView:
        view = TurnView(
            turn.question, turn.paths or (), turn.collection, self, kind=turn.kind, assistant=turn.answer.assistant
        )
        view.show_record(turn)
        return view

    def _on_not_opened(self, job: Job, failure: Failure) -> None:
        if job is self._opening:
            self._opening = None
            self._tell_failure(failure)

    def _tell_failure(self, failure: Failure) -> None:
        if failure.code != Code.ENGINE_DIED:  # the window says that once, for all jobs
            self.trouble.emit(phrases.failure_sentence(failure))

    def _set_conversation(self, conversation: Conversation | None) -> None:
        self._conversation = conversation
        self.conversation_shown.emit(conversation)
        self._heading.say(conversation.title if conversation else self.tr("New conversation"))

    def _drop_proposal(self) -> None:
        if self._proposal is None:
            return
        proposal, self._proposal = self._proposal, None
        self._column.removeWidget(proposal)
        proposal.hide()
        proposal.deleteLater()
        if not self._turns:
            self._stack.setCurrentWidget(self.welcome)
        self.composer.field.setFocus()

    def _forget_job(self) -> None:
        self._job = self._answered = None
        self._set_busy(False)

    def _set_busy(self, on: bool) -> None:
        self.composer.set_answering(on)
        self._stop_shortcut.setEnabled(on)
        for turn in self._turns:
            turn.set_busy(on)

    def _on_ready(self) -> None:
        for turn in self._turns[-1:]:
            turn.answer.engine_is_ready()

    # ------------------------------------------------------------ the starter model

    def _on_starter(self, in_use: bool) -> None:
        if in_use and self._wants_starter_notice and not self.composer.server_mark.text:
            self._starter.say(
                self.tr(
                    "The starter model is small and often wrong. A bigger one, chosen in the settings, does better."
                ),
                action=self.tr("Choose a &model…"),
            )
        else:
            self._starter.hide()

    def _on_starter_dismissed(self) -> None:
        self._wants_starter_notice = False
        self.notice_dismissed.emit()

    # ------------------------------------------------------------ scrolling

    def _show_turns(self, from_turn: int) -> None:
        self._mark_switches()
        for number, turn in enumerate(self._turns):
            turn.setVisible(number >= from_turn)
        self._first_shown = from_turn
        self._earlier.setVisible(from_turn > 0 or bool(self._unmade))

    def _show_earlier(self) -> None:
        self._follow = False
        if self._first_shown == 0:
            fresh, self._unmade = self._unmade[-TURNS_SHOWN:], self._unmade[:-TURNS_SHOWN]
            for number, turn in enumerate(fresh):
                self._append(self._made(turn), at=number)
        self._show_turns(from_turn=max(self._first_shown - TURNS_SHOWN, 0))

    def _on_range(self, _low: int, high: int) -> None:
        if self._follow:
            self._scroll.verticalScrollBar().setValue(high)

    def _on_scrolled(self, value: int) -> None:
        self._follow = value >= self._scroll.verticalScrollBar().maximum() - _NEAR_THE_END

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A conversation that becomes taller or lower stays at its end, if it was there."""
        if event.type() == QEvent.Type.Resize and self._follow:
            bar = self._scroll.verticalScrollBar()
            bar.setValue(bar.maximum())
        return super().eventFilter(watched, event)


def _id(turn: TurnView) -> int | None:
    return turn.record.id if turn.record is not None else None


def _column(content: QVBoxLayout) -> QHBoxLayout:
    """``content`` in the middle, at most :data:`COLUMN` wide."""
    holder = QWidget()
    holder.setMaximumWidth(COLUMN)
    content.setContentsMargins(2 * style.SPACE, style.SPACE, 2 * style.SPACE, 2 * style.SPACE)
    holder.setLayout(content)
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.addStretch(1)
    row.addWidget(holder, 1000)
    row.addStretch(1)
    return row

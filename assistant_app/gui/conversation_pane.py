"""The middle pane: questions, answers and the composer."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import style
from assistant_app.gui.answer_view import AnswerView
from assistant_app.gui.composer import Composer
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.notice import Notice
from assistant_app.gui.welcome import Welcome
from assistant_app.protocol import messages

COLUMN = 800
"""Pixels: the widest that lines of an answer get, because longer ones are hard to read."""

TURNS_SHOWN = 30
"""So many of the last turns are laid out, and so many more at a time when asked for: laying out hundreds takes long."""

_NEAR_THE_END = 48
"""Pixels: whoever is this near to the end wants to see what is added there."""


class Bubble(QLabel):
    """A question, as wide as its text, but not wider than most of the column."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        style.set_role(self, "bubble")
        self.setAccessibleName(self.tr("Your question: {text}").format(text=text))

    def fit(self, column: int) -> None:
        """Take the width that the text needs in a column of ``column`` pixels, and its height at that width."""
        across, above = 4 * style.SPACE + 4, 2 * style.SPACE + 2
        room = QRect(0, 0, round(column * 0.85) - across, 1_000_000)
        wrap = Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextWrapAnywhere
        needed = self.fontMetrics().boundingRect(room, wrap, self.text())
        self.setFixedSize(needed.width() + across, needed.height() + above)


class Turn(QWidget):
    """One question and its answer."""

    def __init__(
        self, question: str, paths: Sequence[str], collection: str | None, parent: QWidget | None = None
    ) -> None:
        """``paths`` are the documents to ask; none for all of ``collection``, or all that there are."""
        super().__init__(parent)
        self.question = question
        self.paths = list(paths) if paths else None
        self.collection = None if paths else collection
        self._bubble = Bubble(question, self)
        self.answer = AnswerView(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * style.SPACE)
        layout.addWidget(self._bubble, 0, Qt.AlignmentFlag.AlignRight)
        layout.addWidget(self.answer)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._bubble.fit(self.width())


class ConversationPane(QWidget):
    """Asks the engine one question at a time and shows what it says."""

    citation_activated = Signal(object)
    scope_cleared = Signal()
    add_requested = Signal()
    sample_requested = Signal()
    settings_requested = Signal(str)
    """Carries the page: models or adapters."""

    trouble = Signal(str)
    notice_dismissed = Signal()
    """The person has read that the starter model is small."""

    def __init__(self, link: EngineLink, *, starter_notice: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._job: Job | None = None
        self._turns: list[Turn] = []
        self._first_shown = 0
        self._scope: tuple[list[str], str | None] = ([], None)
        self._wants_starter_notice = starter_notice
        self._follow = True
        self._build()
        self._connect()

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        heading = QLabel(self.tr("Conversation"), self)
        style.set_role(heading, "heading")
        self._new = QToolButton(self)
        self._new.setText(self.tr("New conversation"))
        self._new.setIcon(style.icon("add"))
        self._new.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._new.setToolTip(self.tr("Clear the conversation and begin a new one (Ctrl+N)"))
        style.set_role(self._new, "quiet")
        self._settings = QToolButton(self)
        self._settings.setIcon(style.icon("settings"))
        self._settings.setIconSize(QSize(20, 20))
        self._settings.setToolTip(self.tr("Settings (Ctrl+,)"))
        self._settings.setAccessibleName(self.tr("Settings"))
        style.set_role(self._settings, "quiet")
        top = QHBoxLayout()
        top.setContentsMargins(2 * style.SPACE, style.SPACE, style.SPACE, 0)
        heading.setMinimumHeight(style.HEADER)
        top.addWidget(heading, 1)
        top.addWidget(self._new)
        top.addWidget(self._settings)
        self.welcome = Welcome(self)
        self._scroll = self._make_scroll()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.welcome)
        self._stack.addWidget(self._scroll)
        self.composer = Composer(self._link, self)
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
    def turns(self) -> list[Turn]:
        """Question and answer, oldest first."""
        return list(self._turns)

    @property
    def is_answering(self) -> bool:
        return self._job is not None

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

    def ask(self, question: str) -> None:
        """Ask ``question`` of the documents in scope; ignored while another answer is written."""
        if self._job is not None or not question.strip():
            return
        turn = Turn(question, *self._scope, self)
        turn.answer.citation_activated.connect(self.citation_activated)
        turn.answer.add_requested.connect(self.add_requested)
        turn.answer.ask_again_requested.connect(lambda: self._send(turn))
        self._turns.append(turn)
        self._column.insertWidget(self._column.count() - 1, turn)
        self._show_turns(from_turn=max(self._first_shown, len(self._turns) - TURNS_SHOWN))
        self._stack.setCurrentWidget(self._scroll)
        self._follow = True
        self._send(turn)

    def stop(self) -> None:
        """Stop the answer that is being written; what stands is kept."""
        if self._job is not None:
            self._job.cancel()

    def clear(self) -> None:
        """Begin a new conversation."""
        self.stop()
        self._forget_job()
        for turn in self._turns:
            self._column.removeWidget(turn)
            turn.hide()
            turn.deleteLater()
        self._turns.clear()
        self._show_turns(from_turn=0)
        self._stack.setCurrentWidget(self.welcome)
        self.composer.field.setFocus()

    def copy_last_answer(self) -> None:
        """Copy the newest complete answer with its sources."""
        for turn in reversed(self._turns):
            if turn.answer.answer is not None:
                turn.answer.copy()
                return

    # ------------------------------------------------------------ a question under way

    def _send(self, turn: Turn) -> None:
        if self._job is not None:
            return
        turn.answer.begin(waiting_for_engine=not self._link.is_ready)
        job = self._link.request(messages.Ask(question=turn.question, paths=turn.paths, collection=turn.collection))
        self._job = job
        self.composer.set_answering(True)
        self._stop_shortcut.setEnabled(True)
        job.progressed.connect(turn.answer.show_progress)
        job.finished.connect(lambda event: self._on_end(turn, event))
        job.failed.connect(lambda failure: self._on_end(turn, failure))

    def _on_end(self, turn: Turn, outcome: messages.Answered | Failure) -> None:
        if turn not in self._turns:
            return  # cleared meanwhile
        self._forget_job()
        if isinstance(outcome, Failure):
            turn.answer.fail(outcome)
        else:
            turn.answer.finish(outcome)

    def _forget_job(self) -> None:
        self._job = None
        self.composer.set_answering(False)
        self._stop_shortcut.setEnabled(False)

    def _on_ready(self) -> None:
        for turn in self._turns[-1:]:
            turn.answer.engine_is_ready()

    # ------------------------------------------------------------ the starter model

    def _on_starter(self, in_use: bool) -> None:
        if in_use and self._wants_starter_notice:
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
        for number, turn in enumerate(self._turns):
            turn.setVisible(number >= from_turn)
        self._first_shown = from_turn
        self._earlier.setVisible(from_turn > 0)

    def _show_earlier(self) -> None:
        self._follow = False
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

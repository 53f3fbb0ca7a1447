"""A question and its answer in the conversation: the question can be edited, the answer asked for again.

What was answered before is never lost: an answer asked for again is another version, and one can go back through them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from assistant_app.gui import adapter_words, style
from assistant_app.gui.answer_view import AnswerView
from assistant_app.gui.approval_buttons import AnswerEditor
from assistant_app.gui.composer import QuestionField
from assistant_app.protocol import messages
from assistant_app.protocol.records import Answer, AnswerAdapter, Turn, TurnKind

ApprovedAs = Literal["", "answer", "edited"]
"""As :attr:`Turn.approved`."""


class Bubble(QLabel):
    """A question, as wide as its text, but not wider than most of the column."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        style.set_role(self, "bubble")
        self.say(text)

    def say(self, text: str) -> None:
        self.setText(text)
        self.setAccessibleName(self.tr("Your question: {text}").format(text=text))

    def fit(self, column: int) -> None:
        """Take the width that the text needs in a column of ``column`` pixels, and its height at that width."""
        across, above = 4 * style.SPACE + 4, 2 * style.SPACE + 2
        room = QRect(0, 0, round(column * 0.85) - across, 1_000_000)
        wrap = Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextWrapAnywhere
        needed = self.fontMetrics().boundingRect(room, wrap, self.text())
        self.setFixedSize(needed.width() + across, needed.height() + above)


class QuestionEditor(QFrame):
    """A question in the place where it stands, to be changed and asked again. Enter asks, Escape leaves it."""

    confirmed = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "composer-focused")
        self.field = QuestionField(self)
        self._cancel = QPushButton(self.tr("Cancel"), self)
        style.set_role(self._cancel, "quiet")
        self._ask = QPushButton(self.tr("Ask again"), self)
        style.set_role(self._ask, "primary")
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, style.SPACE, style.SPACE)
        layout.addWidget(self.field)
        layout.addLayout(buttons)
        self.field.installEventFilter(self)
        self.field.sent.connect(self._confirm)
        self._ask.clicked.connect(self._confirm)
        self._cancel.clicked.connect(self.left)
        self.hide()

    def begin(self, text: str, name: str) -> None:
        """Show ``text`` to be changed; ``name`` says to those who do not see it what it is."""
        self.field.setPlainText(text)
        self.field.setAccessibleName(name)
        self.field.moveCursor(QTextCursor.MoveOperation.End)
        self.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Escape, also before a shortcut of the window takes it."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.left.emit()
                return True
        return super().eventFilter(watched, event)

    def _confirm(self) -> None:
        text = self.field.toPlainText().strip()
        if text:
            self.confirmed.emit(text)


class TurnView(QWidget):
    """Shows one :class:`Turn`, from the moment it is asked. What it wants from the engine it says by signals."""

    edited = Signal(str)
    """The question was changed, and is to be asked again."""

    search_edited = Signal(str)
    """What the question was understood as was changed, and is to be searched for."""

    version_requested = Signal(int)

    approve_requested = Signal(object)
    """The answer is good as it stands (null), or as the person wrote it."""

    withdraw_requested = Signal()
    """The answer is to be kept as an example no more."""

    correct_requested = Signal()
    """The person wants to write what the answer should have been, or to see what they wrote."""

    def __init__(
        self,
        question: str,
        paths: Sequence[str],
        collection: str | None,
        parent: QWidget | None = None,
        *,
        kind: TurnKind = "question",
        assistant: str = "",
    ) -> None:
        """``paths`` are the documents to ask; none for all of ``collection``, or all that there are. ``assistant`` is
        the name of the one that answers, "" for none."""
        super().__init__(parent)
        self.assistant = assistant
        self.question = question
        self.kind = kind
        self.paths = list(paths) if paths else None
        self.collection = None if paths else collection
        self.record: Turn | None = None
        """As it was kept; null before, and where it is kept in no conversation."""
        self._edits_search = False
        self._switch = QLabel(self)
        self._switch.setTextFormat(Qt.TextFormat.PlainText)
        self._switch.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._switch.setWordWrap(True)
        style.set_role(self._switch, "muted")
        self._switch.hide()
        self._bubble = Bubble(question, self)
        self._edit = self._small_button(self.tr("Edit the question and ask again"))
        self._understood = QLabel(self)
        self._understood.setTextFormat(Qt.TextFormat.PlainText)
        self._understood.setWordWrap(True)
        self._understood.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._understood.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        style.set_role(self._understood, "muted")
        self._edit_search = self._small_button(self.tr("Edit how the question is understood, and ask again"))
        self._searched = ""
        self.editor = QuestionEditor(self)
        self.answer = AnswerView(self)
        self.correction = AnswerEditor(self)
        self._note = QLabel(self)
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setWordWrap(True)
        style.set_role(self._note, "warning")
        self._note.hide()
        self._build()
        self._edit.clicked.connect(self.begin_edit)
        self._edit_search.clicked.connect(self._begin_search_edit)
        self.editor.confirmed.connect(self._on_edited)
        self.editor.left.connect(self._end_edit)
        self.answer.version_requested.connect(self.version_requested)
        self.answer.approval.approve_requested.connect(lambda: self.approve_requested.emit(None))
        self.answer.approval.withdraw_requested.connect(self.withdraw_requested)
        self.answer.approval.correct_requested.connect(self.correct_requested)
        self.correction.saved.connect(lambda text: self.approve_requested.emit(text))
        self.correction.left.connect(self.end_correction)
        self._show_question()

    def _small_button(self, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setIcon(style.icon("edit", "text_muted"))
        button.setToolTip(words)
        button.setAccessibleName(words)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        style.set_role(button, "quiet")
        return button

    def _build(self) -> None:
        above = QHBoxLayout()
        above.setSpacing(style.SPACE // 2)
        above.addStretch(1)
        above.addWidget(self._edit, 0, Qt.AlignmentFlag.AlignTop)
        above.addWidget(self._bubble)
        below = QHBoxLayout()
        below.setSpacing(style.SPACE // 2)
        below.addWidget(self._understood, 1)
        below.addWidget(self._edit_search, 0, Qt.AlignmentFlag.AlignTop)
        question = QVBoxLayout()
        question.setSpacing(style.SPACE // 2)
        question.addLayout(above)
        question.addLayout(below)
        question.addWidget(self.editor)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * style.SPACE)
        layout.addWidget(self._switch)
        layout.addLayout(question)
        layout.addWidget(self.answer)
        for widget in (self._note, self.correction):
            layout.addWidget(widget)

    # ------------------------------------------------------------ for the pane

    @property
    def understood(self) -> str:
        """What is said of how the question was understood; "" where it was taken as it is."""
        return "" if self._understood.isHidden() else self._understood.text()

    @property
    def switch(self) -> str:
        """What is said above the question of other adapters, or other scales, than before; "" for none."""
        return "" if self._switch.isHidden() else self._switch.text()

    def mark_switch(self, before: Answer | None) -> Answer | None:
        """Say above the question where other adapters answered than ``before``, or the same with other scales; returns
        what the next compares with.

        Only answers that a model wrote to a question count: sentences of the documents, and summaries, know no adapter.
        """
        answer = self.record.answer if self.record is not None and self.kind == "question" else None
        counts = answer is not None and not answer.exact and not answer.general and answer.tokens.completion > 0
        if not counts or answer is None:
            self._switch.hide()
            return before
        now, earlier = adapter_words.laid(answer), adapter_words.laid(before or answer)
        names = adapter_words.laid_words(now, earlier) or self.tr("No adapter")
        self._switch.setText(self.tr("{adapters} from here on").format(adapters=names))
        self._switch.setVisible(_acting(now) != _acting(earlier))
        return answer

    @property
    def edit_button(self) -> QToolButton:
        return self._edit

    @property
    def edit_search_button(self) -> QToolButton:
        return self._edit_search

    def begin(self, question: str, searched: str | None, *, waiting_for_engine: bool) -> None:
        """The question is on its way; ``searched`` is what the person wants to be searched for."""
        self.question = question
        self._searched = searched or ""
        self._end_edit()
        self.end_correction()
        self._note.hide()
        self.answer.begin(waiting_for_engine)

    def show_progress(self, event: messages.Event) -> None:
        """Show a progress event of the job."""
        if isinstance(event, messages.QuestionRewritten):
            self._searched = event.searched
            self._show_question()
        else:
            self.answer.show_progress(event)

    def show_answered(self, event: messages.Answered) -> None:
        """The job ended with an answer."""
        self.record = event.turn or self.record
        self._searched = event.answer.searched or (event.turn.searched if event.turn else "") or self._searched
        if event.turn is not None:
            self.question, self.kind = event.turn.question, event.turn.kind
        self._show_question()
        self.answer.finish(event)
        self._show_versions()
        if event.turn is not None:
            self.show_approved(event.turn.approved)

    def show_record(self, turn: Turn) -> None:
        """Show a turn as it was kept."""
        self.paths, self.collection = turn.paths, turn.collection
        self.assistant = turn.answer.assistant
        answered = messages.Answered(answer=turn.answer, thinking=turn.thinking, stopped=turn.stopped, turn=turn)
        self._searched = ""
        self.answer.begin(waiting_for_engine=False)
        self.show_answered(answered)

    def begin_edit(self) -> None:
        """Let the person change the question."""
        self._edits_search = False
        self._set_editing(True)
        self.editor.begin(self.question, self.tr("Your question"))

    @property
    def approved(self) -> ApprovedAs:
        """Whether the answer is kept as an example: "answer", "edited" (as a correction), or ""."""
        return self.record.approved if self.record is not None else ""

    @property
    def note(self) -> str:
        """What is said about the approval; "" where all is well."""
        return "" if self._note.isHidden() else self._note.text()

    def show_approved(self, approved: ApprovedAs, note: str = "") -> None:
        """Show whether the answer is kept as an example, and ``note`` about that."""
        if self.record is None:
            return
        self.record.approved = approved
        self._note.setText(note)
        self._note.setVisible(bool(note))
        newest = self.record.version == self.record.versions
        answer = self.record.answer
        offered = self.kind == "question" and newest and not answer.general and bool(answer.answer.strip())
        self.answer.show_approval(approved, offered=offered, complete=not self.record.stopped)

    def begin_correction(self, typed: str | None = None) -> None:
        """Let the person write what the answer should have been; ``typed`` is what was typed and not saved."""
        if self.record is not None:
            self.answer.approval.setEnabled(False)
            self.correction.begin(self.record.answer.answer, typed)

    def end_correction(self) -> None:
        """Close the editor of the answer."""
        focus = self.window().focusWidget()
        had_focus = focus is not None and self.correction.isAncestorOf(focus)
        self.correction.hide()
        self.answer.approval.setEnabled(True)
        if had_focus:
            self.answer.approval.correct.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_busy(self, on: bool) -> None:
        """While an answer is written nothing can be asked again."""
        self._edit.setEnabled(not on)
        self._edit_search.setEnabled(not on)
        self.answer.set_busy(on)
        if on:
            self._end_edit()

    # ------------------------------------------------------------ inside

    def _show_question(self) -> None:
        self._bubble.say(self.question)
        if self.width():
            self._bubble.fit(self.width() - self._edit.sizeHint().width())
        self._edit.setVisible(self.kind == "question")
        shown = self._searched if self._searched.strip() != self.question.strip() else ""
        self._understood.setText(self.tr("Understood as: {question}").format(question=shown) if shown else "")
        self._understood.setVisible(bool(shown))
        self._edit_search.setVisible(bool(shown))

    def _show_versions(self) -> None:
        if self.record is not None:
            self.answer.show_versions(self.record.version, self.record.versions)

    def _begin_search_edit(self) -> None:
        self._edits_search = True
        self._set_editing(True)
        self.editor.begin(self._searched, self.tr("What is searched for"))

    def _set_editing(self, on: bool) -> None:
        hidden = (self._understood, self._edit_search) if self._edits_search else (self._bubble, self._edit)
        for widget in hidden:
            widget.setVisible(not on)

    def _end_edit(self) -> None:
        had_focus = self.editor.isAncestorOf(self.window().focusWidget()) if self.window().focusWidget() else False
        self.editor.hide()
        self._bubble.show()
        self._show_question()
        if had_focus:
            (self._edit_search if self._edits_search else self._edit).setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_edited(self, text: str) -> None:
        (self.search_edited if self._edits_search else self.edited).emit(text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._bubble.fit(self.width() - self._edit.sizeHint().width())


def _acting(adapters: Sequence[AnswerAdapter]) -> set[tuple[str, float]]:
    """What tells whether the same adapters act in the same way; together they act in any order alike."""
    return {(each.file, each.scale) for each in adapters}

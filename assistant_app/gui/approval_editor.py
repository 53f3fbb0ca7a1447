"""One approval whole: its sources, its question and answer to be changed, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import approval_words, style
from assistant_app.gui.settings_page import Sentence
from assistant_app.protocol.training import Approval


@dataclass(frozen=True)
class Draft:
    """What was typed for an approval and not saved."""

    question: str
    answer: str


class ApprovalEditor(QWidget):
    """Shows one approval; what is typed for it is kept while others are looked at, until it is saved or reverted."""

    saved = Signal(int, object, object)
    """Number, question and answer; null for what was not changed."""

    accepted = Signal(int, bool)
    """It is to count, or not, in spite of what is wrong with it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Approval | None = None
        self._drafts: dict[int, Draft] = {}
        self._sent: Draft | None = None
        self.words = QLabel(self)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setWordWrap(True)
        style.set_role(self.words, "muted")
        self.sources = QPlainTextEdit(self)
        self.sources.setReadOnly(True)
        self.question = QPlainTextEdit(self)
        self.answer = QPlainTextEdit(self)
        self.problems = QLabel(self)
        self.problems.setTextFormat(Qt.TextFormat.PlainText)
        self.problems.setWordWrap(True)
        self.problems.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        style.set_role(self.problems, "warning")
        self.accept = QCheckBox(self.tr("Co&unts all the same"), self)
        self.failure = Sentence(self)
        self.state = QLabel(self)
        style.set_role(self.state, "muted")
        self.revert_button = QPushButton(self.tr("Re&vert"), self)
        self.revert_button.setToolTip(self.tr("Put back what is saved"))
        self.save_button = QPushButton(self.tr("&Save"), self)
        self.save_button.setToolTip(self.tr("Save question and answer (Ctrl+Enter)"))
        style.set_role(self.save_button, "primary")
        self._stack = QStackedWidget(self)
        self._build()
        for field in (self.question, self.answer):
            field.textChanged.connect(self._on_changed)
            field.installEventFilter(self)
        self.accept.clicked.connect(self._on_accept)
        self.save_button.clicked.connect(self._save)
        self.revert_button.clicked.connect(self._revert)

    def _build(self) -> None:
        left, right = QWidget(self), QWidget(self)
        one, other = QVBoxLayout(left), QVBoxLayout(right)
        self._sources_label = QLabel(self)
        self._add_field(one, self._sources_label, self.sources, 1)
        self._add_field(other, QLabel(self.tr("&Question"), self), self.question, 0)
        self._add_field(other, QLabel(self.tr("&Answer"), self), self.answer, 1)
        self.question.setFixedHeight(3 * self.question.fontMetrics().lineSpacing() + 2 * style.SPACE)
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addWidget(self.accept)
        buttons.addWidget(self.state, 1)
        buttons.addWidget(self.revert_button)
        buttons.addWidget(self.save_button)
        for widget in (self.problems, self.failure):
            other.addWidget(widget)
        other.addLayout(buttons)
        for layout in (one, other):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(style.SPACE // 2)
        both = QSplitter(Qt.Orientation.Horizontal, self)
        both.setChildrenCollapsible(False)
        both.setHandleWidth(2 * style.SPACE)
        both.setStyleSheet("QSplitter::handle { background: transparent; }")
        both.addWidget(left)
        both.addWidget(right)
        both.setSizes([500, 560])
        self._stack.addWidget(self.words)
        self._stack.addWidget(both)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def _add_field(self, layout: QVBoxLayout, label: QLabel, field: QPlainTextEdit, stretch: int) -> None:
        label.setBuddy(field)
        style.set_role(label, "muted")
        field.setTabChangesFocus(True)
        field.setAccessibleName(label.text().replace("&", ""))
        layout.addWidget(label)
        layout.addWidget(field, stretch)

    # ------------------------------------------------------------ for the window

    @property
    def unsaved(self) -> list[int]:
        """The numbers of the approvals for which something was typed and not saved."""
        return list(self._drafts)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see but a sentence."""
        return self._stack.currentWidget() is self.words

    def show_approval(self, approval: Approval | None, words: str = "") -> None:
        """Show one; null for none, with ``words`` in its place."""
        same = approval is not None and self._shown is not None and approval.id == self._shown.id
        self._shown = approval
        self.words.setText(words)
        self._stack.setCurrentIndex(0 if approval is None else 1)
        if approval is None:
            return
        example = approval.example
        name = self.tr("&Prompt") if example.messages else self.tr("Sou&rces")
        self._sources_label.setText(name)
        self.sources.setAccessibleName(name.replace("&", ""))
        text = approval_words.sources_text(example.sources, example.messages)
        if self.sources.toPlainText() != text:
            self.sources.setPlainText(text)
        self.sources.setPlaceholderText(self.tr("It has no sources."))
        draft = self._drafts.get(approval.id)
        wanted = (draft.question, draft.answer) if draft else (example.question, example.answer)
        for field, words_now in zip((self.question, self.answer), wanted, strict=True):
            if field.toPlainText() != words_now:  # else the cursor stays where it is
                field.blockSignals(True)
                field.setPlainText(words_now)
                field.blockSignals(False)
        if not same:
            self.failure.say("")
        self._show_problems(approval)
        self._show_state()

    def take_saved(self, number: int) -> None:
        """What was typed for an approval is saved now, unless more was typed since."""
        if self._drafts.get(number) == self._sent:
            self._drafts.pop(number, None)
        self.failure.say("")
        self._show_state()

    def show_failure(self, sentence: str) -> None:
        """It could not be saved; what was typed stays."""
        self.failure.say(sentence)
        self._show_state()

    def forget(self, numbers: set[int]) -> None:
        """Only these approvals are there."""
        self._drafts = {number: draft for number, draft in self._drafts.items() if number in numbers}

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ctrl+Enter saves."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if is_enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._save()
                return True
        return super().eventFilter(watched, event)

    # ------------------------------------------------------------ inside

    def _show_problems(self, approval: Approval) -> None:
        said = [approval_words.problem_sentence(problem) for problem in approval.problems]
        self.problems.setText("\n".join(said))
        self.problems.setVisible(bool(said))
        self.accept.setVisible(approval_words.can_be_accepted(approval))
        self.accept.setChecked(approval.accepted)

    def _show_state(self) -> None:
        changed = self._shown is not None and self._shown.id in self._drafts
        good = bool(self.question.toPlainText().strip() and self.answer.toPlainText().strip())
        self.save_button.setEnabled(changed and good)
        self.revert_button.setEnabled(changed)
        self.state.setText(self.tr("Not saved yet") if changed else "")

    def _on_changed(self) -> None:
        if self._shown is None:
            return
        typed = Draft(self.question.toPlainText(), self.answer.toPlainText())
        if typed == Draft(self._shown.example.question, self._shown.example.answer):
            self._drafts.pop(self._shown.id, None)
        else:
            self._drafts[self._shown.id] = typed
        self._show_state()

    def _on_accept(self, on: bool) -> None:
        if self._shown is not None:
            self.accepted.emit(self._shown.id, on)

    def _save(self) -> None:
        draft = self._drafts.get(self._shown.id) if self._shown is not None else None
        if self._shown is None or draft is None or not self.save_button.isEnabled():
            return
        before = self._shown.example
        question = draft.question.strip() if draft.question != before.question else None
        answer = draft.answer.strip() if draft.answer != before.answer else None
        self.save_button.setEnabled(False)
        self._sent = draft
        self.saved.emit(self._shown.id, question, answer)

    def _revert(self) -> None:
        if self._shown is not None:
            self._drafts.pop(self._shown.id, None)
            self.show_approval(self._shown)
            self.answer.setFocus(Qt.FocusReason.OtherFocusReason)

"""Under an answer: whether it is good, and what it should have been."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import style
from assistant_app.gui.settings_page import Sentence

_FEWEST_LINES, _MOST_LINES = 3, 16


class ApprovalButtons(QWidget):
    """Good and Correct…; says by signals what the person wants, and shows what is."""

    approve_requested = Signal()
    withdraw_requested = Signal()
    correct_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._approved = ""
        self._is_complete = True
        self._is_narrow = False
        self.good = QPushButton(style.icon("check"), "", self)
        self.good.setCheckable(True)
        self.correct = QPushButton(style.icon("edit"), "", self)
        self.correct.setCheckable(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE // 2)
        for button in (self.good, self.correct):
            style.set_role(button, "quiet")
            button.setIconSize(QSize(16, 16))
            layout.addWidget(button)
        self.good.clicked.connect(self._on_good)
        self.correct.clicked.connect(self._on_correct)
        self.show_state("", complete=True)

    @property
    def approved(self) -> str:
        """What is shown: "", "answer" or "edited"."""
        return self._approved

    def show_state(self, approved: str, *, complete: bool) -> None:
        """Show whether the answer was approved; one that is not ``complete`` can only be corrected."""
        self._approved = approved
        self._is_complete = complete
        edited = approved == "edited"
        self.good.setVisible(complete and not edited)
        self.good.setChecked(approved == "answer")
        self.good.setIcon(style.icon("check", "success" if approved == "answer" else "text"))
        self.correct.setChecked(edited)
        self.correct.setIcon(style.icon("edit", "success" if edited else "text"))
        good = self.tr("The answer is good: keep it as an example to train an adapter with")
        if approved == "answer":
            good = self.tr("Kept as a good example. Click to take that back")
        correct = self.tr("Write what the answer should have been, and keep that as an example")
        if edited:
            correct = self.tr("Your correction is kept as an example. Click to see or change it")
        for button, words in ((self.good, good), (self.correct, correct)):
            button.setToolTip(words)
            button.setAccessibleDescription(words)
        self._show_words()

    def set_narrow(self, on: bool) -> None:
        """Where there is little room, the buttons are their icons alone."""
        if on != self._is_narrow:
            self._is_narrow = on
            self._show_words()

    def _show_words(self) -> None:
        good = self.tr("Good")
        correct = self.tr("Corrected") if self._approved == "edited" else self.tr("Correct…")
        for button, words in ((self.good, good), (self.correct, correct)):
            button.setText("" if self._is_narrow else words)
            button.setAccessibleName(words)

    def _on_good(self, on: bool) -> None:
        (self.approve_requested if on else self.withdraw_requested).emit()

    def _on_correct(self) -> None:
        self.correct.setChecked(self._approved == "edited")  # what is kept changes only when something is saved
        self.correct_requested.emit()


class AnswerEditor(QFrame):
    """An answer, to be changed into what it should have been.

    Ctrl+Enter saves. Escape leaves; where something was changed, it asks first.
    """

    saved = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self._before = ""
        self.field = QPlainTextEdit(self)
        self.field.setTabChangesFocus(True)
        self.field.setAccessibleName(self.tr("What the answer should have been"))
        self.hint = QLabel(self)
        self.hint.setWordWrap(True)
        style.set_role(self.hint, "muted")
        self.failure = Sentence(self)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        self.save_button = QPushButton(self.tr("Save"), self)
        self.save_button.setToolTip(self.tr("Save the correction (Ctrl+Enter)"))
        style.set_role(self.save_button, "primary")
        self.question = QLabel(self.tr("What you have changed is not saved."), self)
        style.set_role(self.question, "warning")
        self.discard_button = QPushButton(self.tr("Discard it"), self)
        self.stay_button = QPushButton(self.tr("Go on editing"), self)
        self._build()
        self.field.textChanged.connect(self._on_changed)
        self.save_button.clicked.connect(self._save)
        self.cancel_button.clicked.connect(self.leave)
        self.discard_button.clicked.connect(self._discard)
        self.stay_button.clicked.connect(self._stay)
        for widget in (self, *self.findChildren(QWidget)):
            widget.installEventFilter(self)
        self.hide()

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addWidget(self.question)
        buttons.addStretch(1)
        for button in (self.discard_button, self.stay_button, self.cancel_button, self.save_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(style.SPACE)
        for widget in (self.hint, self.field, self.failure):
            layout.addWidget(widget)
        layout.addLayout(buttons)

    # ------------------------------------------------------------ for the turn

    @property
    def is_changed(self) -> bool:
        """Whether something stands here that would be lost."""
        return not self.isHidden() and self.field.toPlainText() != self._before

    @property
    def text(self) -> str:
        return self.field.toPlainText()

    def begin(self, answer: str, typed: str | None = None) -> None:
        """Show ``answer`` to be changed; ``typed`` is what was made of it earlier and not saved."""
        self._before = answer
        self.field.setPlainText(answer if typed is None else typed)
        words = self.tr("Write the answer as it should have been.")
        if "[1]" in answer:
            words += " " + self.tr("Each [n] is the number of a source: leave it behind what it supports.")
        self.hint.setText(words)
        self.failure.say("")
        self._ask(False)
        self.set_busy(False)
        self.show()
        self._fit()
        self.field.moveCursor(QTextCursor.MoveOperation.End)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_busy(self, on: bool) -> None:
        """While it is being saved nothing can be changed."""
        self.field.setReadOnly(on)
        for button in (self.save_button, self.cancel_button):
            button.setEnabled(not on)

    def show_failure(self, sentence: str) -> None:
        """It could not be saved; what was typed stays."""
        self.set_busy(False)
        self.failure.say(sentence)

    def leave(self) -> None:
        """Leave the editor, if nothing would be lost; else ask."""
        if self.is_changed:
            self._ask(True)
            self.stay_button.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.left.emit()

    # ------------------------------------------------------------ inside

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Escape and Ctrl+Enter, also before a shortcut of the window takes them."""
        if isinstance(event, QKeyEvent) and (slot := self._slot(event)) is not None:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                slot()
                return True
        return super().eventFilter(watched, event)

    def _slot(self, event: QKeyEvent) -> Callable[[], None] | None:
        if event.key() == Qt.Key.Key_Escape:
            return self._stay if self._is_asking() else self.leave
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return self._save
        return None

    def _is_asking(self) -> bool:
        return not self.question.isHidden()

    def _ask(self, on: bool) -> None:
        for widget in (self.question, self.discard_button, self.stay_button):
            widget.setVisible(on)
        for widget in (self.cancel_button, self.save_button):
            widget.setVisible(not on)

    def _stay(self) -> None:
        self._ask(False)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _discard(self) -> None:
        self.field.setPlainText(self._before)
        self.left.emit()

    def _save(self) -> None:
        if self.save_button.isEnabled() and self.text.strip():
            self.set_busy(True)
            self.failure.say("")
            self.saved.emit(self.text.strip())

    def _on_changed(self) -> None:
        self.save_button.setEnabled(bool(self.text.strip()) and not self.field.isReadOnly())
        self._fit()

    def _fit(self) -> None:
        lines = min(max(round(self.field.document().size().height()), _FEWEST_LINES), _MOST_LINES)
        height = lines * self.field.fontMetrics().lineSpacing() + 3 * style.SPACE
        if self.field.height() != height:
            self.field.setFixedHeight(height)

    def resizeEvent(self, event: object) -> None:
        self._fit()

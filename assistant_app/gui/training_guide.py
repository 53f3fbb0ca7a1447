"""Before an adapter is trained: four questions, and whether training is advised."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import style, training_words
from assistant_app.gui.settings_page import FactCard
from assistant_app.protocol.training import Guide, Replies

_LOOKS = {"train": ("check", "success"), "not_yet": ("info", "accent"), "do_not": ("warning", "warning")}


class Questions(QWidget):
    """Four plain questions with yes and no."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        asked = {
            "knowledge": self.tr("Do the answers need facts that the model does not have?"),
            "changes": self.tr("Do these facts change now and then?"),
            "instructed": self.tr("Have you tried instructions first, and did they not suffice?"),
            "repeated": self.tr("Do you need the same output shape again and again?"),
        }
        self.buttons: dict[str, tuple[QToolButton, QToolButton]] = {}
        """Yes and no, by the name of the reply."""

        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(style.SPACE)
        layout.setVerticalSpacing(style.SPACE // 2)
        layout.setColumnStretch(3, 1)
        for row, (name, question) in enumerate(asked.items()):
            label = QLabel(question, self)
            label.setWordWrap(True)
            label.setMinimumWidth(400)
            layout.addWidget(label, row, 0)
            group = QButtonGroup(self)
            yes, no = QToolButton(self), QToolButton(self)
            for column, (button, word) in enumerate(((yes, self.tr("Yes")), (no, self.tr("No"))), 1):
                button.setText(word)
                button.setCheckable(True)
                button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                button.setAccessibleName(f"{question} {word}")
                button.setMinimumWidth(7 * style.SPACE)
                button.clicked.connect(lambda _checked: self.changed.emit())
                group.addButton(button)
                layout.addWidget(button, row, column)
            self.buttons[name] = (yes, no)

    def replies(self) -> Replies:
        """What the person said."""

        def said(name: str) -> bool | None:
            yes, no = self.buttons[name]
            return True if yes.isChecked() else False if no.isChecked() else None

        return Replies(
            knowledge=said("knowledge"),
            changes=said("changes"),
            instructed=said("instructed"),
            repeated=said("repeated"),
        )

    def show_replies(self, replies: Replies) -> None:
        """Show what was said before."""
        for name, (yes, no) in self.buttons.items():
            reply: bool | None = getattr(replies, name)
            if reply is not None:
                (yes if reply else no).setChecked(True)


class Advice(QFrame):
    """Whether training is advised, and why; the command where something is to be installed."""

    approvals_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self._look = _LOOKS["not_yet"]
        self._icon = QLabel(self)
        self.verdict = QLabel(self.tr("Looking at the approved answers…"), self)
        self.verdict.setWordWrap(True)
        style.set_role(self.verdict, "heading")
        self.reasons = QLabel(self)
        self.reasons.setTextFormat(Qt.TextFormat.PlainText)
        self.reasons.setWordWrap(True)
        self.reasons.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._install_words = QLabel(self.tr("Install them with this command, and start Docent again:"), self)
        self._install_words.setWordWrap(True)
        self.install = QLineEdit(self)
        self.install.setReadOnly(True)
        self.install.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.install.setAccessibleName(self.tr("Command that installs the training libraries"))
        self.copy_button = QPushButton(style.icon("copy"), self.tr("&Copy"), self)
        self.copy_button.setAccessibleName(self.tr("Copy the command"))
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.install.text()))
        self.approvals_button = QPushButton(self.tr("Show the approved &answers"), self)
        self.approvals_button.clicked.connect(self.approvals_requested)
        self._build()
        self._show_install("")

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(style.SPACE)
        head.addWidget(self._icon)
        head.addWidget(self.verdict, 1)
        command = QHBoxLayout()
        command.setSpacing(style.SPACE)
        command.addWidget(self.install, 1)
        command.addWidget(self.copy_button)
        buttons = QHBoxLayout()
        buttons.addWidget(self.approvals_button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 12, 2 * style.SPACE, 12)
        layout.setSpacing(style.SPACE)
        layout.addLayout(head)
        layout.addWidget(self.reasons)
        layout.addWidget(self._install_words)
        layout.addLayout(command)
        layout.addLayout(buttons)

    def show_guide(self, guide: Guide) -> None:
        """Show what the engine advises."""
        self._look = _LOOKS.get(guide.verdict, _LOOKS["not_yet"])
        self._draw()
        self.verdict.setText(training_words.verdict_words(guide))
        said = [training_words.reason_sentence(reason, guide) for reason in guide.reasons]
        self.reasons.setText("\n".join(f"•  {each}" if len(said) > 1 else each for each in said))
        self.reasons.setVisible(bool(said))
        self._show_install("" if guide.installed else guide.install)
        wants_examples = {"too_few_examples", "problems"} & set(guide.reasons)
        self.approvals_button.setVisible(bool(wants_examples))

    def show_failure(self, sentence: str) -> None:
        """There is no advice, and why."""
        self._look = _LOOKS["do_not"]
        self._draw()
        self.verdict.setText(self.tr("Whether training is advised could not be found out."))
        self.reasons.setText(sentence)
        self.reasons.show()

    def _show_install(self, command: str) -> None:
        self.install.setText(command)
        for widget in (self._install_words, self.install, self.copy_button):
            widget.setVisible(bool(command))
        self.approvals_button.hide()

    def changeEvent(self, event: QEvent) -> None:
        """The icon is a picture, which does not follow the colours by itself."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _draw(self) -> None:
        self._icon.setPixmap(style.icon(*self._look).pixmap(QSize(20, 20), self.devicePixelRatioF()))


class GuidePanel(QWidget):
    """The questions, the advice, and what training takes."""

    changed = Signal()
    """The person answered a question."""

    approvals_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.guide: Guide | None = None
        words = QLabel(
            self.tr(
                "An adapter (LoRA) teaches a model a fixed shape of answer from the answers that you approved. What it"
                " is to know belongs into the library, not into an adapter."
            ),
            self,
        )
        words.setWordWrap(True)
        style.set_role(words, "muted")
        self.questions = Questions(self)
        self.advice = Advice(self)
        self.facts = FactCard(self)
        self.questions.changed.connect(self.changed)
        self.advice.approvals_requested.connect(self.approvals_requested)
        self.facts.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(words)
        for widget in (self.questions, self.advice, self.facts):
            layout.addWidget(widget)

    def show_guide(self, guide: Guide) -> None:
        """Show what the engine advises."""
        self.guide = guide
        self.advice.show_guide(guide)
        self.facts.show_facts(self.tr("What it takes"), training_words.facts(guide))
        self.facts.show()

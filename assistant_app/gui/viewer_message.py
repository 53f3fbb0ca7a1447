"""What stands in the place of the pages while there are none: an invitation, a failure, or the password's question."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import style

_WIDEST = 360


class ViewerMessage(QWidget):
    """One picture, one sentence, and at most one thing to do about it."""

    password_given = Signal(str, bool)
    """Carries the password, and whether the system's keyring is to keep it."""

    retry_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QLabel(self)
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence = QLabel(self)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self.sentence.setMinimumWidth(200)
        style.set_role(self.sentence, "muted")
        self.password = QLineEdit(self)
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setPlaceholderText(self.tr("Password"))
        self.password.setAccessibleName(self.tr("Password of the document"))
        self.password.returnPressed.connect(self._give)
        self.keep = QCheckBox(self.tr("Keep it in the system's keyring"), self)
        self.unlock = QPushButton(self.tr("Open"), self)
        self.unlock.setAccessibleName(self.tr("Open with this password"))
        style.set_role(self.unlock, "primary")
        self.unlock.clicked.connect(self._give)
        self.retry = QPushButton(style.icon("refresh"), self.tr("Try again"), self)
        self.retry.clicked.connect(self.retry_requested)
        self._lay_out()

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.addWidget(self.password, 1)
        line.addWidget(self.unlock)
        column = QVBoxLayout()
        column.setSpacing(style.SPACE * 3 // 2)
        column.addStretch(2)
        column.addWidget(self._icon)
        column.addWidget(self.sentence)
        column.addLayout(line)
        column.addWidget(self.keep)
        column.addWidget(self.retry, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        holder = QWidget(self)
        holder.setLayout(column)
        holder.setMaximumWidth(_WIDEST)
        layout = QHBoxLayout(self)
        layout.addWidget(holder)

    def say(self, sentence: str, icon: str) -> None:
        """Nothing but a sentence."""
        self._show(sentence, icon)

    def say_failure(self, sentence: str) -> None:
        """A failure, and the offer to try again."""
        self._show(sentence, "warning", retry=True)

    def ask_password(self, sentence: str) -> None:
        """Ask for the password; a wrong one is overtyped."""
        self._show(sentence, "lock", password=True)
        self.password.setFocus(Qt.FocusReason.OtherFocusReason)
        self.password.selectAll()

    def _show(self, sentence: str, icon: str, *, password: bool = False, retry: bool = False) -> None:
        role = "warning" if icon == "warning" else "text_muted"
        picture = style.icon(icon, role).pixmap(QSize(40, 40), self.devicePixelRatioF()) if icon else None
        self._icon.setVisible(picture is not None)
        if picture is not None:
            self._icon.setPixmap(picture)
        self.sentence.setText(sentence)
        self.password.setVisible(password)
        self.unlock.setVisible(password)
        self.keep.setVisible(password)
        self.retry.setVisible(retry)
        if not password:
            self.password.clear()
            self.keep.setChecked(False)

    def _give(self) -> None:
        if self.password.text():
            self.password_given.emit(self.password.text(), self.keep.isChecked())

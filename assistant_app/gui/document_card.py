"""What is wrong with the chosen document, in a whole sentence, and what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import style
from assistant_app.gui.document_model import Row


class DocumentCard(QFrame):
    """Hidden while all is well with the document, and while there is none."""

    retry_requested = Signal(str)
    """Carries the path."""

    password_entered = Signal(str, str, bool)
    """Carries the path, the password, which is not kept here, and whether the system's keyring is to keep it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self._path = ""
        self._kept_for = ""
        self._sentence = QLabel(self)
        self._sentence.setWordWrap(True)
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._password = QLineEdit(self)
        self._password.setEchoMode(QLineEdit.EchoMode.Password)
        self._password.setPlaceholderText(self.tr("Enter password…"))
        self._password.setAccessibleName(self.tr("Password of the document"))
        self._password.setAcceptDrops(False)
        self._keep = QCheckBox(self.tr("Keep it in the system's &keyring"), self)
        self._keep.setToolTip(self.tr("Else it is asked for again when the document has changed"))
        self._open = QPushButton(self.tr("&Unlock"), self)
        self._retry = QPushButton(self.tr("&Try again"), self)
        for widget in (self._password, self._open, self._retry):
            widget.setMinimumWidth(0)
        self._password.returnPressed.connect(self._enter)
        self._open.clicked.connect(self._enter)
        self._retry.clicked.connect(lambda: self.retry_requested.emit(self._path))
        actions = QHBoxLayout()
        actions.setSpacing(style.SPACE)
        actions.addWidget(self._password, 1)
        actions.addWidget(self._open)
        actions.addWidget(self._retry)
        actions.addStretch(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, style.SPACE, 12, 12)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self._sentence)
        layout.addLayout(actions)
        layout.addWidget(self._keep)
        self.hide()

    @property
    def password_field(self) -> QLineEdit:
        return self._password

    @property
    def keep_box(self) -> QCheckBox:
        return self._keep

    @property
    def retry_button(self) -> QPushButton:
        return self._retry

    @property
    def sentence(self) -> str:
        return "" if self.isHidden() else self._sentence.text()

    def show_row(self, row: Row | None) -> None:
        """Show what is wrong with ``row``; an entered password stays while the row stays the same."""
        sentence = row.sentence if row else ""
        if row is None or not sentence:
            self._path = ""
            self._password.clear()
            self.hide()
            return
        if row.path != self._path:
            self._password.clear()
        if row.path != self._kept_for:  # a second try with the same document keeps the choice
            self._keep.setChecked(False)
        self._path = self._kept_for = row.path
        self._sentence.setText(sentence)
        self._password.setVisible(row.needs_password)
        self._open.setVisible(row.needs_password)
        self._keep.setVisible(row.needs_password)
        self._retry.setVisible(not row.needs_password)
        self.show()

    def focus_password(self) -> None:
        """Put the cursor into the password field, if the document needs one."""
        if self._password.isVisibleTo(self):
            self._password.setFocus(Qt.FocusReason.OtherFocusReason)

    def _enter(self) -> None:
        password = self._password.text()
        if password:
            self._password.clear()
            self.password_entered.emit(self._path, password, self._keep.isChecked())

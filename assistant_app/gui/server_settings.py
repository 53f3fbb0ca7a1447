"""The settings of a server that answers in place of the model: its address, its model, its key; and what that means."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.gui.mark import Mark
from assistant_app.gui.setting_row import LABEL_WIDTH, SettingRow
from assistant_app.protocol import messages
from assistant_app.settings import Settings


class ServerSettings(QWidget):
    """The key goes to the system's keyring, not into the settings."""

    changed = Signal()
    """Another server answers now, or none."""

    def __init__(self, link: EngineLink, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._settings = settings
        self._trouble = ""
        self.warning = Mark(self)
        self.address = SettingRow(link, settings, "model.server", invitation="http://host:8080/v1", parent=self)
        self.model = SettingRow(
            link, settings, "model.server_model", invitation=self.tr("The first that the server lists"), parent=self
        )
        self.key = QLineEdit(self)
        self.keep = QPushButton(self.tr("&Keep"), self)
        self.said = QLabel(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        for widget in (self.warning, self.address, self.model):
            layout.addWidget(widget)
        layout.addLayout(self._make_key())
        self.address.saved.connect(self._on_saved)
        link.event_without_job.connect(self._on_event)
        self.keep.clicked.connect(self._keep)
        self.key.returnPressed.connect(self._keep)
        self._warn()

    def _make_key(self) -> QGridLayout:
        label = QLabel(self.tr("Key"), self)
        label.setBuddy(self.key)
        label.setMinimumWidth(LABEL_WIDTH)
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setMinimumHeight(4 * style.SPACE)
        self.key.setAccessibleName(self.tr("Key of the answering server"))
        self.keep.setAccessibleName(self.tr("Keep the key of the answering server"))
        self.said.setTextFormat(self.said.textFormat().PlainText)
        self.said.setWordWrap(True)
        layout = QGridLayout()
        layout.setHorizontalSpacing(style.SPACE)
        layout.setVerticalSpacing(style.SPACE // 2)
        layout.setColumnStretch(1, 1)
        layout.addWidget(label, 0, 0)
        layout.addWidget(self.key, 0, 1)
        layout.addWidget(self.keep, 0, 2)
        layout.addWidget(self.said, 1, 1)
        self._say_where()
        return layout

    def refresh(self) -> None:
        """Show what is true now."""
        self.address.show_value()
        self.model.show_value()
        self._warn()

    def flush(self) -> None:
        """Save what was changed a moment ago."""
        self.address.flush()
        self.model.flush()

    def _on_saved(self, _key: str, _value: object) -> None:
        self._warn()
        self.changed.emit()

    def _warn(self) -> None:
        address = self._settings.text("model.server")
        if not address:
            self.warning.hide()
            return
        words = self.tr(
            "Text leaves Docent: each question, and the passages of your documents that belong to it, are sent to"
            " {address}. Empty the address to answer on this computer again."
        )
        self.warning.say(words.format(address=address), "warning", "warning")

    def _say_where(self) -> None:
        self.said.setText(
            self.tr("Only if the server asks for one. It is kept in the system's keyring; an empty one is forgotten.")
        )
        style.set_role(self.said, "muted")

    def _on_event(self, event: messages.Event) -> None:
        if isinstance(event, messages.Noted) and event.code == Code.SERVER_KEY_NOT_KEPT:
            self._trouble = phrases.reason_sentence(event.code, event.details)

    def _keep(self) -> None:
        self._trouble = ""
        job = self._link.request(messages.KeepServerKey(key=self.key.text()))
        job.finished.connect(self._on_kept)
        job.failed.connect(self._on_not_kept)

    def _on_kept(self, _event: messages.Event) -> None:
        kept = self.tr("The key is kept.") if self.key.text() else self.tr("There is no key any more.")
        self.said.setText(self._trouble or kept)
        style.set_role(self.said, "warning" if self._trouble else "muted")
        self.key.clear()

    def _on_not_kept(self, failure: Failure) -> None:
        self.said.setText(phrases.failure_sentence(failure))
        style.set_role(self.said, "danger")

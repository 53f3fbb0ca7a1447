"""The page of the settings for everything else: looks, answers, and where the data is."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from assistant_app.gui import style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.setting_row import SettingRow
from assistant_app.gui.settings_page import SettingsPage
from assistant_app.protocol import messages
from assistant_app.settings import Settings


class GeneralPage(SettingsPage):
    """Theme, answers, data and privacy."""

    theme_changed = Signal(str)

    def __init__(self, link: EngineLink, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("General"), parent)
        self._link = link
        self._settings = settings
        themes = {"system": self.tr("As the system has it"), "light": self.tr("Light"), "dark": self.tr("Dark")}
        body = self.body
        self.add_heading(self.tr("Window"))
        self.theme = SettingRow(None, settings, "window.theme", choices=themes, parent=body)
        self.column.addWidget(self.theme)
        self.add_heading(self.tr("Answers"))
        tokens = self.tr(" tokens")
        modes = {"written": self.tr("Written by the model"), "exact": self.tr("Exact quotes")}
        self.mode = SettingRow(link, settings, "answer.mode", choices=modes, parent=body)
        general = SettingRow(link, settings, "answer.general_knowledge", parent=body)
        passages = SettingRow(link, settings, "answer.passages", parent=body)
        length = SettingRow(link, settings, "answer.max_tokens", suffix=tokens, step=50, parent=body)
        temperature = SettingRow(link, settings, "answer.temperature", step=0.1, parent=body)
        answers = (self.mode, general, passages, length, temperature)
        for row in answers:
            self.column.addWidget(row)
        self.rows = [self.theme, *answers]
        self.folder = QLineEdit(body)
        self.copy = QPushButton(style.icon("copy"), self.tr("&Copy"), body)
        self._build_data()
        self.column.addStretch(1)
        self.theme.saved.connect(self._on_theme)
        self.copy.clicked.connect(self._copy)

    def _build_data(self) -> None:
        self.add_heading(self.tr("Your data"))
        label = QLabel(self.tr("&Library folder"), self.body)
        label.setBuddy(self.folder)
        self.folder.setReadOnly(True)
        self.folder.setAccessibleName(self.tr("Library folder"))
        self.copy.setEnabled(False)  # until the engine has said where it is
        self.copy.setAccessibleName(self.tr("Copy the path of the library folder"))
        row = QHBoxLayout()
        row.setSpacing(style.SPACE)
        row.addWidget(label)
        row.addWidget(self.folder, 1)
        row.addWidget(self.copy)
        self.column.addLayout(row)
        self.leaves = self.add_text("")
        self.add_text(
            self.tr(
                "The library holds the text of your documents; only your own account"
                " may open its folder, but it is not encrypted. Keep it on an encrypted disk (LUKS, FileVault,"
                " BitLocker) if others can get at this computer."
            )
        )

    def _show_where(self) -> None:
        """What is said of privacy is true of the settings as they are."""
        sent = [self._settings.text(key) for key in ("model.server", "library.chroma_server")]
        servers = ", ".join(address for address in sent if address)
        words = self.tr("Text of your documents is sent to {servers}, as the settings say.").format(servers=servers)
        self.leaves.setText(words if servers else self.tr("Everything stays on this computer."))
        style.set_role(self.leaves, "warning" if servers else "muted")

    def refresh(self) -> None:
        self._show_where()
        for row in self.rows:
            row.show_value()
        self._link.request(messages.Examine()).finished.connect(self._on_examined)

    def flush(self) -> None:
        for row in self.rows:
            row.flush()

    def _on_theme(self, _key: str, value: object) -> None:
        self.theme_changed.emit(str(value))

    def _on_examined(self, event: messages.Event) -> None:
        library = event.report.get("library") if isinstance(event, messages.Examined) else None
        if isinstance(library, dict):
            self.folder.setText(str(library.get("path", "")))
            self.folder.setCursorPosition(0)
        self.copy.setEnabled(bool(self.folder.text()))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.folder.text())

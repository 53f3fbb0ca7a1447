"""The settings: pages at the left, each change saved at once."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import style
from assistant_app.gui.adapters_page import AdaptersPage
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.general_page import GeneralPage
from assistant_app.gui.library_page import LibraryPage
from assistant_app.gui.models_page import ModelsPage
from assistant_app.gui.settings_page import SettingsPage
from assistant_app.gui.watching import Watching
from assistant_app.settings import Settings

_NAVIGATION_WIDTH = 176


class SettingsDialog(QDialog):
    """Models, adapters, the library and the rest. It stands beside the window and stops nothing: use ``show()``."""

    model_changed = Signal()
    adapter_changed = Signal()
    training_requested = Signal()
    theme_changed = Signal(str)
    answers_changed = Signal()
    """How answers are made: by whom, written or exact."""

    backup_requested = Signal(bool)
    restore_requested = Signal()

    def __init__(self, link: EngineLink, settings: Settings, watching: Watching, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setWindowTitle(self.tr("Settings"))
        self.setModal(False)
        self.resize(880, 680)
        self.models = ModelsPage(link, settings, self)
        self.adapters = AdaptersPage(link, settings, self)
        self.library = LibraryPage(link, settings, watching, self)
        self.general = GeneralPage(link, settings, self)
        self._pages: dict[str, SettingsPage] = {
            "models": self.models,
            "adapters": self.adapters,
            "library": self.library,
            "general": self.general,
        }
        self.navigation = QListWidget(self)
        self._stack = QStackedWidget(self)
        self._build()
        self.models.model_changed.connect(self.model_changed)
        self.adapters.adapter_changed.connect(self.adapter_changed)
        self.adapters.training_requested.connect(self.training_requested)
        self.general.theme_changed.connect(self.theme_changed)
        self.general.mode.saved.connect(lambda _key, _value: self.answers_changed.emit())
        self.models.server.changed.connect(self.answers_changed)
        self.library.backup_requested.connect(self.backup_requested)
        self.library.restore_requested.connect(self.restore_requested)
        self.navigation.currentRowChanged.connect(self._on_row)

    def _build(self) -> None:
        navigation = self.navigation
        navigation.setAccessibleName(self.tr("Pages of the settings"))
        navigation.setFixedWidth(_NAVIGATION_WIDTH)
        navigation.setIconSize(QSize(18, 18))
        navigation.setSpacing(2)
        style.set_role(navigation, "navigation")
        icons = {"models": "model", "adapters": "adapter", "library": "collection", "general": "settings"}
        for name, page in self._pages.items():
            QListWidgetItem(style.icon(icons[name]), page.accessibleName(), navigation)
            self._stack.addWidget(page)
        navigation.setCurrentRow(0)
        note = QLabel(self.tr("Changes are saved at once."), self)
        style.set_role(note, "muted")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        bottom = QHBoxLayout()
        bottom.setContentsMargins(3 * style.SPACE, style.SPACE, 2 * style.SPACE, style.SPACE)
        bottom.addWidget(note)
        bottom.addStretch(1)
        bottom.addWidget(buttons)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(navigation)
        middle.addWidget(self._stack, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(middle, 1)
        layout.addLayout(bottom)
        # Enter in a field must press no button, neither of a page nor Close.
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)

    def show_page(self, name: str) -> None:
        """Turn to the page ``name``: models, server (a part of it), adapters, library or general; it shows what is true
        now.

        Raises:
            KeyError: there is no such page.
        """
        if name == "server":
            self.show_page("models")
            self.models.show_server()
            return
        row = list(self._pages).index(name) if name in self._pages else -1
        if row < 0:
            raise KeyError(name)
        if self.navigation.currentRow() == row:
            self._on_row(row)
        self.navigation.setCurrentRow(row)

    def page(self) -> str:
        """The name of the page in front."""
        return list(self._pages)[self._stack.currentIndex()]

    def _on_row(self, row: int) -> None:
        page = self._stack.widget(row)
        if isinstance(page, SettingsPage):
            self._stack.setCurrentWidget(page)
            self._settings.reload()
            page.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """What was changed a moment ago is saved, and no answer is written for nobody."""
        for page in self._pages.values():
            page.flush()
        self.adapters.stop()
        super().hideEvent(event)

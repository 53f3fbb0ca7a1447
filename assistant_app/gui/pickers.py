"""The two buttons at the composer: which model answers, and which adapter is laid over it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages
from assistant_app.protocol.records import Adapter, Model

_NAME_WIDTH = 180
_LEAST_NAME_WIDTH = 72


class Picker(QPushButton):
    """A button that names what is in use; its menu has what else there is."""

    trouble = Signal(str)
    """A sentence: the choice could not be made."""

    choose_requested = Signal()
    """The person wants to choose another file, on the settings page."""

    def __init__(self, link: EngineLink, icon: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._kind = name
        self._name = name
        self._room = _NAME_WIDTH
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._group = QActionGroup(self._menu)
        self.setMenu(self._menu)
        self.setIcon(style.icon(icon, "text_muted"))
        self.setIconSize(QSize(16, 16))
        style.set_role(self, "quiet")
        self._show_name(name)

    def set_room(self, width: int) -> None:
        """The name may be so many pixels wide."""
        room = max(min(width, _NAME_WIDTH), _LEAST_NAME_WIDTH)
        if room != self._room:
            self._room = room
            self._show_name(self._name)

    def _show_name(self, name: str) -> None:
        self._name = name
        short = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, self._room)
        self.setText(short.replace("&", "&&") + "  ▾")
        spoken = name if name == self._kind else f"{self._kind}: {name}"
        self.setAccessibleName(spoken)
        self.setToolTip(spoken)

    def _clear(self) -> None:
        self._menu.clear()
        for action in self._group.actions():
            self._group.removeAction(action)

    def _add_choice(self, text: str, checked: bool, tip: str = "") -> QAction:
        action = self._menu.addAction(text.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(checked)
        action.setToolTip(tip)
        self._group.addAction(action)
        return action

    def _add_other(self) -> None:
        self._menu.addSeparator()
        self._menu.addAction(self.tr("Choose &another…"), self.choose_requested.emit)

    def _watch(self, job: Job) -> None:
        job.finished.connect(self._on_answer)
        job.failed.connect(self._on_failed)

    @abstractmethod
    def refresh(self) -> None:
        """Ask the engine what there is to choose from."""

    @abstractmethod
    def _on_answer(self, event: messages.Event) -> None:
        """Show what the engine said there is."""

    def _on_failed(self, failure: Failure) -> None:
        self.refresh()  # the mark in the menu goes back to what is in use
        self.trouble.emit(phrases.failure_sentence(failure))


class ModelPicker(Picker):
    """Shows and switches the model."""

    starter_in_use = Signal(bool)

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(link, "model", self.tr("Model"), parent)

    def refresh(self) -> None:
        job = self._link.request(messages.ListModels())
        job.finished.connect(self._on_answer)

    def _on_answer(self, event: messages.Event) -> None:
        if isinstance(event, messages.Models):
            self._show(event.models)

    def _show(self, models: Sequence[Model]) -> None:
        self._clear()
        for model in models:
            name = self.tr("{name} (small starter model)").format(name=model.name) if model.starter else model.name
            tip = f"{model.quantisation}, {model.size / 1e9:.1f} GB"
            action = self._add_choice(name, model.in_use, tip)
            action.triggered.connect(lambda _checked, chosen=model: self._use(chosen))
            if model.in_use:
                self._show_name(model.name)
        self._add_other()
        self.starter_in_use.emit(any(model.starter and model.in_use for model in models))

    def _use(self, model: Model) -> None:
        self._watch(self._link.request(messages.UseModel(path="" if model.starter else model.path)))


class AdapterPicker(Picker):
    """Shows and switches the adapter; the model stays loaded."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(link, "adapter", self.tr("Adapter"), parent)
        self._in_use = ""
        self.scale = 1.0
        """How strongly a chosen adapter acts, as the settings have it."""

    def refresh(self) -> None:
        job = self._link.request(messages.ListAdapters())
        job.finished.connect(self._on_answer)

    def _on_answer(self, event: messages.Event) -> None:
        if isinstance(event, messages.Adapters):
            self._show(event.adapters)

    def _show(self, adapters: Sequence[Adapter]) -> None:
        self._clear()
        self._in_use = next((adapter.path for adapter in adapters if adapter.in_use), "")
        none = self._add_choice(self.tr("None: the base model alone"), not self._in_use)
        none.triggered.connect(self._use_none)
        self._show_name(self.tr("No adapter"))
        for adapter in adapters:
            action = self._add_choice(adapter.name, adapter.in_use, adapter.path)
            action.triggered.connect(lambda _checked, chosen=adapter: self._use(chosen))
            if adapter.fits is False:
                action.setEnabled(adapter.in_use)
                action.setToolTip(self.tr("Made for another model"))
            if adapter.in_use:
                self._show_name(adapter.name)
        self._add_other()

    def _use(self, adapter: Adapter) -> None:
        self._watch(self._link.request(messages.UseAdapter(path=adapter.path, scale=self.scale)))

    def _use_none(self) -> None:
        """Switch it off; it is not forgotten, so that it can be switched on again from here."""
        self._watch(self._link.request(messages.UseAdapter(path=self._in_use, enabled=False, scale=self.scale)))

"""The buttons at the composer: which assistant and which model answer, and which adapter is laid over the model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages
from assistant_app.protocol.records import Adapter, Model

_NAME_WIDTH = 180
"""Pixels: no name takes more."""


class Picker(QPushButton):
    """A button that names what is in use; its menu has what else there is."""

    trouble = Signal(str)
    """A sentence: the choice could not be made."""

    renamed = Signal()
    """It names something else now."""

    choose_requested = Signal()
    """The person wants to choose another file, on the settings page."""

    def __init__(self, link: EngineLink, icon: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._kind = name
        self._name = name
        self._room = _NAME_WIDTH
        self.is_idle = True
        """Nothing is chosen."""

        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._group = QActionGroup(self._menu)
        self.setMenu(self._menu)
        self.setIcon(style.icon(icon, "text_muted"))
        self.setIconSize(QSize(16, 16))
        style.set_role(self, "quiet")
        self._show_name(name)

    def set_room(self, width: int) -> None:
        """The name may be so many pixels wide; 0: the icon alone is shown."""
        if width != self._room:
            self._room = width
            self._draw_name()

    @property
    def wanted_room(self) -> int:
        """Pixels that the name takes where there is room."""
        return min(self.fontMetrics().horizontalAdvance(self._name) + 1, _NAME_WIDTH)

    def _draw_name(self) -> None:
        short = self.fontMetrics().elidedText(self._name, Qt.TextElideMode.ElideMiddle, self._room)
        self.setText(f"{short.replace('&', '&&')}  ▾" if self._room else "▾")

    def _show_name(self, name: str, *, idle: bool = False) -> None:
        """``idle``: the name says that nothing is chosen."""
        self._name = name
        self.is_idle = idle
        self._draw_name()
        self.renamed.emit()
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
        self._show_name(self.tr("No adapter"), idle=True)
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


class AssistantPicker(Picker):
    """Shows and switches the assistant that the next questions go to; this is the window's own, not the engine's."""

    chosen = Signal(str)
    """The person chose the one of this name, "" for none."""

    manage_requested = Signal()
    """The person wants to make or change assistants."""

    def __init__(self, link: EngineLink, shelf: AssistantShelf, parent: QWidget | None = None) -> None:
        super().__init__(link, "assistant", self.tr("Assistant"), parent)
        self._shelf = shelf
        self._wanted = ""
        shelf.changed.connect(self._on_changed)
        shelf.saved.connect(self._on_saved)
        self._show()

    @property
    def name(self) -> str:
        """The one that is asked, "" for none."""
        return self._wanted

    def choose(self, name: str) -> None:
        """Ask this one from now on, "" for none."""
        self._wanted = name
        self._show()

    def refresh(self) -> None:
        self._shelf.refresh()

    def _on_answer(self, event: messages.Event) -> None:
        """The shelf has them."""

    def _on_saved(self, name: str, before: str) -> None:
        if before and before.casefold() == self._wanted.casefold():
            self._wanted = name
            self._show()
            self.chosen.emit(name)

    def _on_changed(self) -> None:
        self._show()

    def _show(self) -> None:
        self._clear()
        none = self._add_choice(self.tr("No assistant"), not self._wanted)
        none.setToolTip(self.tr("Answers as the settings say"))
        none.triggered.connect(lambda: self._pick(""))
        self._show_name(self._wanted or self.tr("No assistant"), idle=not self._wanted)
        for shipped in (False, True):
            self._menu.addSeparator()
            for each in self._shelf.all:
                if each.shipped == shipped:
                    action = self._add_choice(each.name, each.name.casefold() == self._wanted.casefold(), each.about)
                    action.triggered.connect(lambda _checked, name=each.name: self._pick(name))
        self._menu.addSeparator()
        self._menu.addAction(self.tr("&Manage assistants…"), self.manage_requested.emit)

    def _pick(self, name: str) -> None:
        self.choose(name)
        self.chosen.emit(name)

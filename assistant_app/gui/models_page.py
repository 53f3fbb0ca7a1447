"""The page of the settings where the model is chosen, and how it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeySequence, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QMenu, QPushButton, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.drops import let_drops_through, local_paths
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.model_offers import ModelOffers
from assistant_app.gui.model_removal import ModelRemoval
from assistant_app.gui.server_settings import ServerSettings
from assistant_app.gui.setting_row import LABEL_WIDTH, SettingRow
from assistant_app.gui.settings_page import FactCard, FileList, Sentence, SettingsPage, bytes_text, number_text
from assistant_app.protocol import messages, shelf
from assistant_app.protocol.records import Backend, Device, Model
from assistant_app.settings import Settings


class ModelsPage(SettingsPage):
    """Known models, any GGUF file, and how the model runs."""

    model_changed = Signal()

    def __init__(self, link: EngineLink, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Models"), parent)
        self._link = link
        self._settings = settings
        self._models: dict[str, Model] = {}
        self._found: list[Model] = []
        self._shown: Model | None = None
        self._adding: Job | None = None
        self._chosen = ""
        self.setAcceptDrops(True)
        self.list = FileList(self.tr("Models to choose from"), self.body)
        self.list.currentItemChanged.connect(self._on_selected)
        self.choose = QPushButton(style.icon("folder"), self.tr("&Choose a GGUF file…"), self.body)
        self.choose.clicked.connect(self._choose_file)
        self.card = FactCard(self.body)
        self.use = QPushButton(self.tr("&Use this model"), self.body)
        style.set_role(self.use, "primary")
        self.use.clicked.connect(self._use)
        self.remove = QPushButton(style.icon("trash"), "", self.body)
        style.set_role(self.remove, "quiet")
        self.remove.clicked.connect(self._remove)
        self.remove.hide()
        self.removal = ModelRemoval(link, self.body)
        self.failure = Sentence(self.body)
        self._dialog: QFileDialog | None = None
        self._build()
        self._connect()

    def _connect(self) -> None:
        self.removal.removed.connect(self._on_removed)
        self.removal.put_back.connect(self._on_put_back)
        self.removal.failed.connect(self._on_failed)
        key = QAction(self.tr("Remove the model"), self.list)
        key.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        key.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        key.triggered.connect(self._remove)
        self.list.addAction(key)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._show_menu)

    def _build(self) -> None:
        self.add_heading(self.tr("The model that answers"))
        self.add_text(
            self.tr(
                "The starter model comes with Docent. It is small: quick, but it makes mistakes. A bigger model answers"
                " better. Download one below, choose any chat model in a GGUF file, or drop it on this page: it stays"
                " where it is. Models that other programs keep on this computer are used where they are."
            )
        )
        self.column.addWidget(self.list)
        row = QHBoxLayout()
        row.addWidget(self.choose)
        row.addStretch(1)
        self.column.addLayout(row)
        self.column.addWidget(self.failure)
        self.column.addWidget(self.removal.notice)
        buttons = QHBoxLayout()
        buttons.addWidget(self.remove)
        buttons.addStretch(1)
        buttons.addWidget(self.use)
        self.card.column.addLayout(buttons)
        self.column.addWidget(self.card)
        self.card.hide()
        self.offers_heading = self.add_heading(self.tr("Download a model"))
        self.add_text(
            self.tr(
                "Docent goes out to the network only when you press a button here, and fetches nothing but that model."
                " Closing this window does not stop it; closing Docent pauses it."
            )
        )
        self.offers = ModelOffers(self._link, self._settings, self.body)
        self.column.addWidget(self.offers)
        self.offers.downloaded.connect(self._on_downloaded)
        self._build_running()
        self.server_heading = self.add_heading(self.tr("A server that answers instead"))
        self.server = ServerSettings(self._link, self._settings, self.body)
        self.column.addWidget(self.server)
        self.column.addStretch(1)
        let_drops_through(self.body)

    def _build_running(self) -> None:
        self.add_heading(self.tr("How it runs"))
        devices = {
            "auto": self.tr("Automatic"),
            "cpu": self.tr("Processor (CPU)"),
            "gpu": self.tr("Graphics processor (GPU)"),
        }
        row = self._row
        self.device = row("model.device", choices=devices)
        self.gpu_note = self.add_text("")
        self.gpu_note.setIndent(LABEL_WIDTH + style.SPACE)
        # The command that adds a graphics processor is there to be copied.
        self.gpu_note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.gpu_note.hide()
        self.gpu_layers = row("model.gpu_layers", special=self.tr("As many as fit"))
        context = row("model.context", special=self.tr("As trained"), suffix=self.tr(" tokens"), step=1024)
        threads = row("model.threads", special=self.tr("Automatic"))
        unload = row("model.unload_minutes", special=self.tr("Never"), suffix=self.tr(" minutes"), step=5)
        self.rows = [self.device, self.gpu_layers, context, threads, unload]
        context.saved.connect(self._on_context)

    def _row(
        self, key: str, *, choices: dict[str, str] | None = None, special: str = "", suffix: str = "", step: float = 1
    ) -> SettingRow:
        made = SettingRow(
            self._link,
            self._settings,
            key,
            choices=choices,
            special=special,
            suffix=suffix,
            step=step,
            parent=self.body,
        )
        self.column.addWidget(made)
        return made

    # ------------------------------------------------------------ opening and closing

    def refresh(self) -> None:
        for row in self.rows:
            row.show_value()
        self.server.refresh()
        self.offers.refresh()
        self._list()
        self._link.request(messages.Examine()).finished.connect(self._on_examined)

    def flush(self) -> None:
        for row in self.rows:
            row.flush()
        self.server.flush()
        self.offers.flush()

    def show_server(self) -> None:
        """Scroll to the server's settings."""
        QTimer.singleShot(0, self, self._scroll_to_server)  # after the page is laid out

    def _scroll_to_server(self) -> None:
        self.verticalScrollBar().setValue(self.server_heading.y() - style.SPACE)
        self.server.address.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def _list(self) -> None:
        job = self._link.request(messages.ListModels())
        job.finished.connect(self._on_models)
        job.failed.connect(self._on_failed)
        self._find()

    def _find(self) -> None:
        # In a lane of its own, because other programs' folders can be large: they join the list when they are known.
        job = self._link.request(shelf.FindModels())
        job.finished.connect(self._on_found)
        job.failed.connect(self._on_failed)

    # ------------------------------------------------------------ the models

    def _on_found(self, event: messages.Event) -> None:
        if isinstance(event, shelf.ModelsFound):
            self._found = event.models
            self._show_models([model for model in self._models.values() if not model.place])

    def _on_models(self, event: messages.Event) -> None:
        if isinstance(event, messages.Models):
            self._show_models(event.models)

    def _show_models(self, models: Sequence[Model]) -> None:
        known = {model.path: model for model in sorted(models, key=lambda each: not each.starter)}
        for model in self._found:
            known.setdefault(model.path, model)
        self._models = known
        files = [(model.path, self._title(model), self._line(model), model.in_use) for model in known.values()]
        chosen = self._chosen
        self.list.show_files(files, chosen)
        self._on_selected()
        if chosen and chosen not in known:
            self._chosen = chosen  # it was downloaded just now, and comes with the next list

    def _title(self, model: Model) -> str:
        return self.tr("{name} (starter model)").format(name=model.name) if model.starter else model.name

    def _on_selected(self) -> None:
        model = self._models.get(self.list.chosen_path())
        if model is not None:
            self._chosen = model.path
            if model != self._shown:  # else the card would flicker with every list that comes
                self._show(model)

    def _show(self, model: Model) -> None:
        self._shown = model
        parts = self.tr("{count} files").format(count=model.parts) if model.parts > 1 else ""
        facts = [
            (self.tr("Size"), ", ".join(filter(None, (bytes_text(model.size), parts)))),
            (self.tr("Estimated memory"), self._memory(model) if model.memory_bytes else ""),
            (self.tr("Context"), self.tr("{count} tokens").format(count=number_text(model.context_length))),
            (self.tr("Quantisation"), model.quantisation),
            (self.tr("Architecture"), model.architecture),
            (self.tr("Layers"), number_text(model.layers)),
            (self.tr("Parameters"), _parameters(model.parameters)),
            (self.tr("Found in"), model.place),
            (self.tr("File"), model.path),
        ]
        self.card.show_facts(self._title(model), facts)
        self.use.setEnabled(not model.in_use)
        self.use.setText(self.tr("In use") if model.in_use else self.tr("&Use this model"))
        self.remove.setVisible(bool(model.removal))
        self.remove.setText(self._removal_words(model))
        self.card.show()

    def _removal_words(self, model: Model) -> str:
        return self.tr("&Remove from the list") if model.removal == "list" else self.tr("&Remove…")

    def _line(self, model: Model) -> str:
        parts = [model.quantisation, bytes_text(model.size)]
        if model.place:
            parts.append(self.tr("found in {program}").format(program=model.place))
        if not model.fits:
            parts.append(self.tr("too large for this computer"))
        return " · ".join(parts)

    def _memory(self, model: Model) -> str:
        size = bytes_text(model.memory_bytes)
        if model.fits:
            return self.tr("{size}: fits this computer").format(size=size)
        return self.tr("{size}: more than this computer has. A shorter context needs less.").format(size=size)

    def _on_downloaded(self, model: object) -> None:
        if isinstance(model, Model):
            self._chosen = model.path
            self._list()

    def _use(self) -> None:
        if self._shown is not None:
            self.failure.say("")
            self.use.setEnabled(False)
            self._chosen = self._shown.path
            path = "" if self._shown.starter else self._shown.path
            job = self._link.request(messages.UseModel(path=path))
            job.finished.connect(self._on_used)
            job.failed.connect(self._on_use_failed)

    def _on_used(self, event: messages.Event) -> None:
        self._settings.reload()
        if isinstance(event, messages.Models):
            self._show_models(event.models)
            self._find()  # one of another program that is in use no more is found again
        self.model_changed.emit()

    def _on_use_failed(self, failure: Failure) -> None:
        self.use.setEnabled(True)
        self._on_failed(failure)

    def _on_failed(self, failure: Failure) -> None:
        self.failure.say(phrases.failure_sentence(failure))
        self.ensureWidgetVisible(self.failure)

    def _on_context(self, _key: str, _value: object) -> None:
        """Another context length takes another amount of memory."""
        self._list()

    # ------------------------------------------------------------ removed, and put back

    def _remove(self) -> None:
        """Also where it cannot be removed: the engine says why."""
        if self._shown is not None:
            self.failure.say("")
            self.removal.remove(self._shown)

    def _on_removed(self, event: shelf.ModelShelved) -> None:
        row = self.list.currentRow()
        self._chosen = ""
        self._on_shelved(event)
        self.list.setCurrentRow(min(row, self.list.count() - 1))
        self.list.setFocus()
        self.ensureWidgetVisible(self.removal.notice)

    def _on_put_back(self, event: shelf.ModelShelved) -> None:
        self._chosen = event.path
        self._on_shelved(event)
        self.list.setFocus()

    def _on_shelved(self, event: shelf.ModelShelved) -> None:
        self._settings.reload()
        self._show_models(event.models)
        self._find()  # one that was added from another program's folder is offered again
        self.offers.refresh()
        self.model_changed.emit()

    def _show_menu(self, at: QPoint) -> None:
        item = self.list.itemAt(at)
        if item is not None:
            self.list.setCurrentItem(item)
            self.make_menu().popup(self.list.viewport().mapToGlobal(at))

    def make_menu(self) -> QMenu:
        """What can be done with the chosen model."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        use = menu.addAction(self.tr("&Use this model"), self._use)
        menu.addSeparator()
        if self._shown is not None:
            use.setEnabled(not self._shown.in_use)
            words = self._removal_words(self._shown) + "\t" + self.tr("Del")
            remove = menu.addAction(style.icon("trash"), words, self._remove)
            remove.setEnabled(bool(self._shown.removal))
        return menu

    # ------------------------------------------------------------ another file

    def _choose_file(self) -> None:
        self._dialog = QFileDialog(self, self.tr("Choose a model"), "", self.tr("GGUF models (*.gguf);;All files (*)"))
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._dialog.fileSelected.connect(self.add)
        self._dialog.open()

    def add(self, path: str) -> None:
        """Keep the file at ``path`` in the list, and show what its header says; it is not used yet."""
        self.failure.say("")
        self.removal.notice.close_notice()
        self._adding = self._link.request(shelf.AddModel(path=path))
        self._adding.finished.connect(self._on_added)
        self._adding.failed.connect(self._on_failed)

    def _on_added(self, event: messages.Event) -> None:
        latest = self._adding is not None and event.job == self._adding.number
        if isinstance(event, shelf.ModelShelved) and latest:
            self._chosen = event.path
            self._show_models(event.models)
            self.use.setFocus()
            self.ensureWidgetVisible(self.use)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _gguf(local_paths(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _gguf(local_paths(event.mimeData()))
        if path:
            event.acceptProposedAction()
            self.add(path)

    # ------------------------------------------------------------ the devices

    def _on_examined(self, event: messages.Event) -> None:
        if isinstance(event, messages.Examined):
            self._show_devices(event.devices, event.backends)

    def _show_devices(self, devices: Sequence[Device], backends: Sequence[Backend]) -> None:
        gpus = [device for device in devices if device.kind == "gpu"]
        if gpus:
            named = ", ".join(_device(device) for device in gpus)
            self.gpu_note.setText(self.tr("Found: {devices}.").format(devices=named))
        else:
            lines = [self.tr("GPU cannot be chosen: llama.cpp finds no graphics processor that it can use here.")]
            lines += [phrases.backend_sentence(each) for each in backends if each.why not in ("", "not_here")]
            self.gpu_note.setText("\n".join(lines))
        self.gpu_note.show()
        self._allow_gpu(bool(gpus))

    def _allow_gpu(self, on: bool) -> None:
        box = self.device.editor
        if isinstance(box, QComboBox):
            items = box.model()
            if isinstance(items, QStandardItemModel):
                items.item(box.findData("gpu")).setEnabled(on)
        self.gpu_layers.setEnabled(on)


def _gguf(paths: Sequence[str]) -> str:
    """The first GGUF file of ``paths``; "" for none."""
    return next((path for path in paths if PurePath(path).suffix.lower() == ".gguf"), "")


def _parameters(count: int) -> str:
    if count >= 10**9:
        return f"{count / 10**9:.1f} B"
    return f"{count / 10**6:.0f} M" if count else ""


def _device(device: Device) -> str:
    memory = f" ({bytes_text(device.memory_bytes)})" if device.memory_bytes else ""
    return f"{device.description or device.name}{memory}"

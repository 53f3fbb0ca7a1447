"""The page of the settings where the model is chosen, and how it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QPushButton, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.drops import let_drops_through, local_paths
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.server_settings import ServerSettings
from assistant_app.gui.setting_row import LABEL_WIDTH, SettingRow
from assistant_app.gui.settings_page import FactCard, FileList, Sentence, SettingsPage, bytes_text, number_text
from assistant_app.protocol import messages
from assistant_app.protocol.records import Device, Model
from assistant_app.settings import Settings


class ModelsPage(SettingsPage):
    """Known models, any GGUF file, and how the model runs."""

    model_changed = Signal()

    def __init__(self, link: EngineLink, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Models"), parent)
        self._link = link
        self._settings = settings
        self._models: dict[str, Model] = {}
        self._shown: Model | None = None
        self._inspection: Job | None = None
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
        self.failure = Sentence(self.body)
        self._dialog: QFileDialog | None = None
        self._build()

    def _build(self) -> None:
        self.add_heading(self.tr("The model that answers"))
        self.add_text(
            self.tr(
                "The starter model comes with Docent. It is small: quick, but it makes mistakes. A bigger model answers"
                " better. Any chat model in a GGUF file will do; for a computer with 8 GB of memory, for example, an"
                " “instruct” model of 7 to 8 billion parameters in the quantisation Q4_K_M. Download it, then choose"
                " the file here, or drop it on this page."
            )
        )
        self.column.addWidget(self.list)
        row = QHBoxLayout()
        row.addWidget(self.choose)
        row.addStretch(1)
        self.column.addLayout(row)
        self.column.addWidget(self.failure)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.use)
        self.card.column.addLayout(buttons)
        self.column.addWidget(self.card)
        self.card.hide()
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
        self.gpu_note.hide()
        self.gpu_layers = row("model.gpu_layers", special=self.tr("All"))
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
        self._list()
        self._link.request(messages.Examine()).finished.connect(self._on_examined)

    def flush(self) -> None:
        for row in self.rows:
            row.flush()
        self.server.flush()

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

    # ------------------------------------------------------------ the models

    def _on_models(self, event: messages.Event) -> None:
        if isinstance(event, messages.Models):
            self._show_models(event.models)

    def _show_models(self, models: Sequence[Model]) -> None:
        known = {model.path: model for model in sorted(models, key=lambda each: not each.starter)}
        # What was chosen and not used yet stays in sight.
        if self._shown is not None and self._shown.path not in known:
            known[self._shown.path] = self._shown
        self._models = known
        files = [(model.path, self._title(model), _line(model), model.in_use) for model in known.values()]
        self.list.show_files(files, self._chosen)
        self._on_selected()

    def _title(self, model: Model) -> str:
        return self.tr("{name} (starter model)").format(name=model.name) if model.starter else model.name

    def _on_selected(self) -> None:
        model = self._models.get(self.list.chosen_path())
        if model is not None:
            self._chosen = model.path
            self._show(model)

    def _show(self, model: Model) -> None:
        self._shown = model
        parts = self.tr("{count} files").format(count=model.parts) if model.parts > 1 else ""
        facts = [
            (self.tr("Size"), ", ".join(filter(None, (bytes_text(model.size), parts)))),
            (self.tr("Estimated memory"), bytes_text(model.memory_bytes) if model.memory_bytes else ""),
            (self.tr("Context"), self.tr("{count} tokens").format(count=number_text(model.context_length))),
            (self.tr("Quantisation"), model.quantisation),
            (self.tr("Architecture"), model.architecture),
            (self.tr("Layers"), number_text(model.layers)),
            (self.tr("Parameters"), _parameters(model.parameters)),
            (self.tr("File"), model.path),
        ]
        self.card.show_facts(self._title(model), facts)
        self.use.setEnabled(not model.in_use)
        self.use.setText(self.tr("In use") if model.in_use else self.tr("&Use this model"))
        self.card.show()

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
            self._shown = None
            self._show_models(event.models)
        self.model_changed.emit()

    def _on_use_failed(self, failure: Failure) -> None:
        self.use.setEnabled(True)
        self._on_failed(failure)

    def _on_failed(self, failure: Failure) -> None:
        self.failure.say(phrases.failure_sentence(failure))
        self.ensureWidgetVisible(self.failure)

    def _on_context(self, _key: str, _value: object) -> None:
        """Another context length takes another amount of memory."""
        self._shown = None
        self._list()

    # ------------------------------------------------------------ another file

    def _choose_file(self) -> None:
        self._dialog = QFileDialog(self, self.tr("Choose a model"), "", self.tr("GGUF models (*.gguf);;All files (*)"))
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._dialog.fileSelected.connect(self.inspect)
        self._dialog.open()

    def inspect(self, path: str) -> None:
        """Show what the header of the file at ``path`` says, before it is used."""
        self.failure.say("")
        self._inspection = self._link.request(messages.InspectModel(path=path))
        self._inspection.finished.connect(self._on_inspected)
        self._inspection.failed.connect(self._on_failed)

    def _on_inspected(self, event: messages.Event) -> None:
        latest = self._inspection is not None and event.job == self._inspection.number
        if isinstance(event, messages.ModelInspected) and latest:
            self._shown = event.model
            self._chosen = event.model.path
            known = [each for each in self._models.values() if each.path != event.model.path]
            self._show_models([*known, event.model])
            self.use.setFocus()
            self.ensureWidgetVisible(self.use)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _gguf(local_paths(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _gguf(local_paths(event.mimeData()))
        if path:
            event.acceptProposedAction()
            self.inspect(path)

    # ------------------------------------------------------------ the devices

    def _on_examined(self, event: messages.Event) -> None:
        if isinstance(event, messages.Examined):
            self._show_devices(event.devices)

    def _show_devices(self, devices: Sequence[Device]) -> None:
        gpus = [device for device in devices if device.kind == "gpu"]
        if gpus:
            named = ", ".join(_device(device) for device in gpus)
            self.gpu_note.setText(self.tr("Found: {devices}.").format(devices=named))
        else:
            self.gpu_note.setText(
                self.tr(
                    "GPU cannot be chosen: this build of llama.cpp knows no graphics processor here. Install"
                    ' llama-cpp-python again with CMAKE_ARGS="-DGGML_CUDA=on" for NVIDIA, or'
                    ' "-DGGML_VULKAN=on" for AMD, Intel and others. On a Mac, Metal is on by itself.'
                )
            )
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


def _line(model: Model) -> str:
    return f"{model.quantisation} · {bytes_text(model.size)}"


def _parameters(count: int) -> str:
    if count >= 10**9:
        return f"{count / 10**9:.1f} B"
    return f"{count / 10**6:.0f} M" if count else ""


def _device(device: Device) -> str:
    memory = f" ({bytes_text(device.memory_bytes)})" if device.memory_bytes else ""
    return f"{device.description or device.name}{memory}"

"""The page of the settings where an adapter is chosen, scaled, switched, and put beside the base model."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
    QWidget,
)

from assistant_app.gui import phrases, style, training_words
from assistant_app.gui.adapter_comparison import AdapterComparison
from assistant_app.gui.drops import let_drops_through, local_paths
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.settings_page import FactCard, FileList, Sentence, SettingsPage, bytes_text, number_text
from assistant_app.protocol import messages
from assistant_app.protocol.records import Adapter, AdapterCard
from assistant_app.settings import DEFAULT_ADAPTER, Settings, declaration

_PAUSE_MS = 200
"""After the last move of the slider the scale is used."""

_STEPS = 20
"""Steps of the slider for a scale of 1."""

_SLIDER_END = 2.0


class AdaptersPage(SettingsPage):
    """Known adapters, any LoRA file, the switch, the scale, and the comparison."""

    adapter_changed = Signal()
    training_requested = Signal()

    def __init__(self, link: EngineLink, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Adapters"), parent)
        self._link = link
        self._settings = settings
        self._adapters: dict[str, Adapter] = {}
        self._shown: Adapter | None = None
        self._inspection: Job | None = None
        self._dialog: QFileDialog | None = None
        self._chosen = ""
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._timer.timeout.connect(self.flush)
        self.setAcceptDrops(True)
        body = self.body
        self.list = FileList(self.tr("Adapters to choose from"), body)
        self.empty = QLabel(self.tr("There is no adapter yet. Choose a file, or drop one on this page."), body)
        self.choose = QPushButton(style.icon("folder"), self.tr("&Choose a LoRA file…"), body)
        self.train = QPushButton(style.icon("adapter"), self.tr("&Train an adapter…"), body)
        self.train.setToolTip(self.tr("Have a model learn the shape of answers that you approved"))
        self.card = FactCard(body)
        self.use = QPushButton(self.tr("&Use this adapter"), body)
        self.switch = QCheckBox(self.tr("Use the &adapter"), body)
        self.slider = QSlider(Qt.Orientation.Horizontal, body)
        self.number = QDoubleSpinBox(body)
        self.reset = QToolButton(body)
        self.failure = Sentence(body)
        self.comparison = AdapterComparison(link, body)
        self._build()
        self._connect()

    # ------------------------------------------------------------ looks

    def _build(self) -> None:
        self.add_heading(self.tr("The adapter over the model"))
        self.add_text(
            self.tr(
                "An adapter (LoRA) changes how a model answers, not what it knows. It belongs to the model that it was"
                " trained on. Switching it, or changing its scale, does not load the model again."
            )
        )
        style.set_role(self.empty, "muted")
        for widget in (self.empty, self.list):
            self.column.addWidget(widget)
        row = QHBoxLayout()
        row.addWidget(self.choose)
        row.addWidget(self.train)
        row.addStretch(1)
        self.column.addLayout(row)
        self.column.addWidget(self.failure)
        style.set_role(self.use, "primary")
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.use)
        self.card.column.addLayout(buttons)
        self.card.hide()
        self.column.addWidget(self.card)
        self.add_heading(self.tr("How strongly it acts"))
        self.column.addWidget(self.switch)
        self._build_scale()
        self.add_heading(self.tr("Base beside adapter"))
        self.add_text(
            self.tr("The same question with the same passages: first by the base model, then with the adapter.")
        )
        self.column.addWidget(self.comparison)
        self.column.addStretch(1)
        let_drops_through(self.body)

    def _build_scale(self) -> None:
        limits = declaration("adapter.scale")
        self.slider.setRange(0, round(_SLIDER_END * _STEPS))
        self.slider.setPageStep(_STEPS // 4)
        self.slider.setMinimumHeight(3 * style.SPACE)
        self.slider.setAccessibleName(self.tr("Scale of the adapter, from 0 to 2"))
        self.number.setRange(limits.minimum, limits.maximum)
        self.number.setSingleStep(1 / _STEPS)
        self.number.setDecimals(2)
        self.number.setMinimumHeight(4 * style.SPACE)
        self.number.setKeyboardTracking(False)
        self.number.setAccessibleName(self.tr("Scale of the adapter"))
        label = QLabel(self.tr("&Scale"), self.body)
        label.setBuddy(self.number)
        self.reset.setIcon(style.icon("undo", "text_muted"))
        style.set_role(self.reset, "quiet")
        words = self.tr("Reset Scale to its default")
        self.reset.setAccessibleName(words)
        self.reset.setToolTip(words)
        row = QHBoxLayout()
        row.setSpacing(style.SPACE)
        row.addWidget(label)
        row.addWidget(self.slider, 1)
        row.addWidget(self.number)
        row.addWidget(self.reset)
        self.column.addLayout(row)
        self.add_text(self.tr("0 is the base model, 1 is as trained."))

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(self._on_selected)
        self.choose.clicked.connect(self._choose_file)
        self.train.clicked.connect(self.training_requested)
        self.use.clicked.connect(self._use)
        self.switch.toggled.connect(self._on_switched)
        self.slider.valueChanged.connect(self._on_slider)
        self.number.valueChanged.connect(self._on_number)
        self.reset.clicked.connect(self._reset)

    # ------------------------------------------------------------ opening and closing

    def refresh(self) -> None:
        self._show_switch()
        job = self._link.request(messages.ListAdapters())
        job.finished.connect(self._on_adapters)
        job.failed.connect(self._on_failed)

    def flush(self) -> None:
        self._timer.stop()
        if self._in_settings() and self.number.value() != self._settings.number("adapter.scale"):
            self._send(self._in_settings(), self.switch.isChecked())

    def stop(self) -> None:
        """Stop a comparison under way."""
        self.comparison.stop()

    def _in_settings(self) -> str:
        """The path of the adapter that the settings choose; "" for none."""
        path = self._settings.text("adapter.path")
        if path == DEFAULT_ADAPTER:
            return next((each.path for each in self._adapters.values() if each.default), "")
        return path

    # ------------------------------------------------------------ the adapters

    def _on_adapters(self, event: messages.Event) -> None:
        if isinstance(event, messages.Adapters):
            self._show_adapters(event.adapters)

    def _show_adapters(self, adapters: Sequence[Adapter]) -> None:
        known = {adapter.path: adapter for adapter in adapters}
        if self._shown is not None and self._shown.path not in known:
            known[self._shown.path] = self._shown
        self._adapters = known
        self._show_switch()
        files = [(each.path, each.name, self._line(each), each.path == self._in_settings()) for each in known.values()]
        self.list.show_files(files, self._chosen)
        self.list.setVisible(bool(files))
        self.empty.setVisible(not files)
        self._on_selected()

    def _line(self, adapter: Adapter) -> str:
        rank = self.tr("rank {rank}").format(rank=adapter.rank)
        fit = self.tr("does not fit the model") if adapter.fits is False else ""
        worth = self.tr("does not beat the base") if adapter.card is not None and not adapter.card.better else ""
        return " · ".join(filter(None, (rank, bytes_text(adapter.size), fit, worth)))

    def _on_selected(self) -> None:
        adapter = self._adapters.get(self.list.chosen_path())
        if adapter is not None:
            self._chosen = adapter.path
            self._show(adapter)

    def _show(self, adapter: Adapter) -> None:
        self._shown = adapter
        fits = {True: self.tr("Yes"), False: self.tr("No: it was made for another model"), None: ""}
        facts = [
            *self._worth(adapter.card),
            (self.tr("Fits the model in use"), fits[adapter.fits]),
            (self.tr("Task"), adapter.task),
            (self.tr("Architecture"), adapter.architecture),
            (self.tr("Rank"), number_text(adapter.rank)),
            (self.tr("Alpha"), f"{adapter.alpha:g}"),
            (self.tr("Tensors"), number_text(adapter.tensors)),
            (self.tr("Size"), bytes_text(adapter.size)),
            (self.tr("File"), adapter.path),
        ]
        self.card.show_facts(adapter.name, facts)
        self.card.show()
        chosen = adapter.path == self._in_settings()
        self.use.setEnabled(not chosen and adapter.fits is not False)
        self.use.setText(self.tr("Chosen") if chosen else self.tr("&Use this adapter"))
        self.comparison.set_adapter(adapter.path if adapter.fits is not False else "")

    def _worth(self, card: AdapterCard | None) -> list[tuple[str, str]]:
        """What was measured of an adapter when it was trained, and what it is made of."""
        if card is None:
            return []
        figures = [
            (name, self.tr("{base} without, {with_it} with it").format(base=base, with_it=with_it))
            for name, base, with_it in training_words.figure_rows(card)
        ]
        return [(self.tr("Worth"), training_words.better_sentence(card)), *figures, *training_words.card_facts(card)]

    def _show_switch(self) -> None:
        """Show switch and scale as the settings have them."""
        chosen = bool(self._in_settings())
        scale = self._settings.number("adapter.scale")
        for control in (self.switch, self.slider, self.number):
            control.setEnabled(chosen)
            control.blockSignals(True)
        self.switch.setChecked(chosen and self._settings.flag("adapter.enabled"))
        self.slider.setValue(round(scale * _STEPS))
        self.number.setValue(scale)
        for control in (self.switch, self.slider, self.number):
            control.blockSignals(False)
        self.reset.setEnabled(chosen and scale != declaration("adapter.scale").default)

    # ------------------------------------------------------------ changes

    def _use(self) -> None:
        if self._shown is not None:
            self.use.setEnabled(False)
            self._send(self._shown.path, True)

    def _on_switched(self, on: bool) -> None:
        self._send(self._in_settings(), on)

    def _on_slider(self, step: int) -> None:
        self.number.blockSignals(True)
        self.number.setValue(step / _STEPS)
        self.number.blockSignals(False)
        self._timer.start()

    def _on_number(self, scale: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(scale * _STEPS))
        self.slider.blockSignals(False)
        self._timer.start()

    def _reset(self) -> None:
        self.number.setFocus()
        default = declaration("adapter.scale").default
        self.number.setValue(float(default))
        self.flush()

    def _send(self, path: str, enabled: bool) -> None:
        self.failure.say("")
        self._timer.stop()
        job = self._link.request(messages.UseAdapter(path=path, enabled=enabled, scale=self.number.value()))
        job.finished.connect(self._on_used)
        job.failed.connect(self._on_failed)

    def _on_used(self, event: messages.Event) -> None:
        self._settings.reload()
        if not self._timer.isActive():  # else the slider has moved on, and the next change is on its way
            self._show_switch()
        self._on_adapters(event)
        self.adapter_changed.emit()

    def _on_failed(self, failure: Failure) -> None:
        self.failure.say(phrases.failure_sentence(failure))
        self.ensureWidgetVisible(self.failure)
        self._show_switch()
        if self._shown is not None:
            self._show(self._shown)

    # ------------------------------------------------------------ another file

    def _choose_file(self) -> None:
        self._dialog = QFileDialog(
            self, self.tr("Choose an adapter"), "", self.tr("LoRA adapters (*.gguf);;All files (*)")
        )
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._dialog.fileSelected.connect(self.inspect)
        self._dialog.open()

    def inspect(self, path: str) -> None:
        """Show what the file at ``path`` says, and whether it fits, before it is used."""
        self.failure.say("")
        self._inspection = self._link.request(messages.InspectAdapter(path=path))
        self._inspection.finished.connect(self._on_inspected)
        self._inspection.failed.connect(self._on_failed)

    def _on_inspected(self, event: messages.Event) -> None:
        latest = self._inspection is not None and event.job == self._inspection.number
        if isinstance(event, messages.AdapterInspected) and latest:
            self._shown = event.adapter
            self._chosen = event.adapter.path
            known = [each for each in self._adapters.values() if each.path != event.adapter.path]
            self._show_adapters([*known, event.adapter])
            self.ensureWidgetVisible(self.use)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = local_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.inspect(paths[0])

"""The page of the settings where an adapter is chosen, scaled, switched, and put beside the base model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

from assistant_app.errors import Code
from assistant_app.gui import adapter_words, phrases, style
from assistant_app.gui.adapter_comparison import AdapterComparison
from assistant_app.gui.drops import let_drops_through, local_paths
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.further_adapters import FurtherAdapters
from assistant_app.gui.notice import Notice
from assistant_app.gui.settings_page import FactCard, FileList, Sentence, SettingsPage
from assistant_app.protocol import adapters as shelf
from assistant_app.protocol import messages
from assistant_app.protocol.records import Adapter
from assistant_app.settings import DEFAULT_ADAPTER, Settings, declaration

_PAUSE_MS = 200
"""After the last move of the slider the scale is used."""

_STEPS = 20
"""Steps of the slider for a scale of 1."""

_SLIDER_END = 2.0


class AdaptersPage(SettingsPage):
    """The shelf of adapters, the switch, the scales, and the comparison."""

    adapter_changed = Signal()
    training_requested = Signal()

    def __init__(self, link: EngineLink, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Adapters"), parent)
        self._link = link
        self._settings = settings
        self._adapters: dict[str, Adapter] = {}
        self._shown: Adapter | None = None
        self._inspection: Job | None = None
        self._trial: Job | None = None
        self._removed = ""
        self._offered: Callable[[], None] = lambda: None
        """What the button of the notice does."""
        self._dialog: QFileDialog | None = None
        self._chosen = ""
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._timer.timeout.connect(self.flush)
        self.setAcceptDrops(True)
        body = self.body
        self.list = FileList(self.tr("Adapters to choose from"), body)
        words = self.tr("There is no adapter yet. Add a file, or drop one, or a PEFT folder, on this page.")
        self.empty = QLabel(words, body)
        self.choose = QPushButton(style.icon("add"), self.tr("A&dd a LoRA file…"), body)
        self.choose_folder = QPushButton(style.icon("folder"), self.tr("Add a PEFT &folder…"), body)
        self.train = QPushButton(style.icon("adapter"), self.tr("&Train an adapter…"), body)
        self.train.setToolTip(self.tr("Have a model learn the shape of answers that you approved"))
        self.card = FactCard(body)
        self.use = QPushButton(self.tr("&Use this adapter"), body)
        self.together = QPushButton(self.tr("Lay it as &well"), body)
        self.together.setToolTip(self.tr("Besides the adapter in use, with a scale of its own"))
        self.test = QPushButton(self.tr("Tr&y whether it acts"), body)
        self.remove = QPushButton(style.icon("trash"), self.tr("&Remove"), body)
        self.switch = QCheckBox(self.tr("Use the &adapter"), body)
        self.slider = QSlider(Qt.Orientation.Horizontal, body)
        self.number = QDoubleSpinBox(body)
        self.reset = QToolButton(body)
        self.further = FurtherAdapters(body)
        self.failure = Sentence(body)
        self.notice = Notice(body)
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
        for button in (self.choose, self.choose_folder, self.train):
            row.addWidget(button)
        row.addStretch(1)
        self.column.addLayout(row)
        self.column.addWidget(self.failure)
        self.column.addWidget(self.notice)
        self.notice.action_button.setText(self.tr("Put it &back"))  # a name, also before it says anything
        style.set_role(self.use, "primary")
        style.set_role(self.remove, "quiet")
        buttons = QHBoxLayout()
        buttons.addWidget(self.remove)
        buttons.addStretch(1)
        for button in (self.test, self.together, self.use):
            buttons.addWidget(button)
        self.card.column.addLayout(buttons)
        self.card.hide()
        self.column.addWidget(self.card)
        self.add_heading(self.tr("How strongly it acts"))
        self.column.addWidget(self.switch)
        self._build_scale()
        self.add_heading(self.tr("Base beside adapter"))
        self.add_text(
            self.tr(
                "One question, the same passages, two ways to answer: the base model, an adapter, or an assistant. What"
                " differs is marked."
            )
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
        self.column.addWidget(self.further)
        self.add_text(self.tr("0 is the base model, 1 is as trained."))

    def _connect(self) -> None:
        self.list.currentItemChanged.connect(self._on_selected)
        self.choose.clicked.connect(self._choose_file)
        self.choose_folder.clicked.connect(self._choose_folder)
        self.train.clicked.connect(self.training_requested)
        self.use.clicked.connect(self._use)
        self.together.clicked.connect(lambda: self._lay_also(self._chosen, 1.0))
        self.further.changed.connect(self._lay_also)
        self.test.clicked.connect(self._try_out)
        self.remove.clicked.connect(self._remove)
        self.notice.action_triggered.connect(lambda: self._offered())
        self.switch.toggled.connect(self._on_switched)
        self.slider.valueChanged.connect(self._on_slider)
        self.number.valueChanged.connect(self._on_number)
        self.reset.clicked.connect(self._reset)

    # ------------------------------------------------------------ opening and closing

    def refresh(self) -> None:
        self._show_switch()
        self.comparison.refresh()
        job = self._link.request(messages.ListAdapters())
        job.finished.connect(self._on_adapters)
        job.failed.connect(self._on_failed)

    def flush(self) -> None:
        self._timer.stop()
        self.further.flush()
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
        self.comparison.set_adapters(list(known.values()))
        self._show_switch()
        chosen = self._in_settings()
        files = [(each.path, each.name, adapter_words.line(each), each.path == chosen) for each in known.values()]
        self.list.show_files(files, self._chosen)
        self.list.setVisible(bool(files))
        self.empty.setVisible(not files)
        self.further.show_adapters(adapters)
        self._on_selected()

    def _on_selected(self) -> None:
        adapter = self._adapters.get(self.list.chosen_path())
        if adapter is not None:
            self._chosen = adapter.path
            self._show(adapter)
            card = adapter.card
            if adapter.fits and adapter.same_base is None and card is not None and card.base_hash:
                self._inspect(adapter.path)  # which reads the model once, to compare its hash

    def _show(self, adapter: Adapter) -> None:
        self._shown = adapter
        self.card.show_facts(adapter.name, adapter_words.facts(adapter))
        self.card.show()
        chosen = adapter.path == self._in_settings()
        self.use.setEnabled(not chosen and adapter.fits is not False)
        self.use.setText(self.tr("Chosen") if chosen else self.tr("&Use this adapter"))
        fits = adapter.fits is not False
        other = bool(self._in_settings()) and not chosen and adapter.also is None
        self.together.setEnabled(fits and other and self._settings.flag("adapter.enabled"))
        self.test.setVisible(fits and adapter.probe is None)
        self.test.setEnabled(self._trial is None)
        self.remove.setVisible(adapter.own)
        self.comparison.set_adapter(adapter.path if fits else "")

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

    def _send(self, path: str, enabled: bool, *, anyway: bool = False) -> None:
        self.failure.say("")
        self._timer.stop()
        request = messages.UseAdapter(path=path, enabled=enabled, scale=self.number.value(), anyway=anyway)
        job = self._link.request(request)
        job.finished.connect(self._on_used)
        job.failed.connect(lambda failure: self._on_refused(failure, lambda: self._send(path, enabled, anyway=True)))

    def _on_used(self, event: messages.Event) -> None:
        self._settings.reload()
        self.notice.close_notice()
        if not self._timer.isActive():  # else the slider has moved on, and the next change is on its way
            self._show_switch()
        self._on_adapters(event)
        self.adapter_changed.emit()

    def _on_failed(self, failure: Failure | None) -> None:
        """Show why something was not done (null: that is said elsewhere), and what is true still."""
        if failure is not None:
            self.failure.say(phrases.failure_sentence(failure))
            self.ensureWidgetVisible(self.failure)
        self._show_switch()
        if self._shown is not None:
            self._show(self._shown)

    def _lay_also(self, path: str, scale: float, *, anyway: bool = False) -> None:
        self.failure.say("")
        job = self._link.request(shelf.LayAlso(path=path, scale=scale, anyway=anyway))
        job.finished.connect(self._on_used)
        job.failed.connect(lambda failure: self._on_refused(failure, lambda: self._lay_also(path, scale, anyway=True)))

    def _on_refused(self, failure: Failure, anyway: Callable[[], None]) -> None:
        """Another base is the person's to decide about; anything else is a failure."""
        if failure.code != Code.ADAPTER_OTHER_BASE:
            self._on_failed(failure)
            return
        self._on_failed(None)
        self._offer(phrases.failure_sentence(failure), "warning", self.tr("Use it all th&e same"), anyway)

    def _offer(self, words: str, kind: str, action: str, does: Callable[[], None]) -> None:
        self._offered = does
        self.notice.say(words, kind, action)
        self.ensureWidgetVisible(self.notice)

    # ------------------------------------------------------------ whether it acts

    def _try_out(self) -> None:
        if self._trial is not None or self._shown is None:
            return
        self.failure.say("")
        self.test.setEnabled(False)
        self.test.setText(self.tr("Being tried…"))
        self._trial = self._link.request(shelf.ProbeAdapter(path=self._shown.path))
        self._trial.finished.connect(self._on_tried)
        self._trial.failed.connect(self._on_not_tried)

    def _on_tried(self, event: messages.Event) -> None:
        self._end_trial()
        if isinstance(event, messages.AdapterInspected):
            self._take(event.adapter)

    def _on_not_tried(self, failure: Failure) -> None:
        self._end_trial()
        self._on_failed(failure)

    def _end_trial(self) -> None:
        self._trial = None
        self.test.setText(self.tr("Tr&y whether it acts"))

    # ------------------------------------------------------------ the shelf

    def _choose_file(self) -> None:
        self._ask(QFileDialog.FileMode.ExistingFile, self.tr("Add an adapter"))

    def _choose_folder(self) -> None:
        self._ask(QFileDialog.FileMode.Directory, self.tr("Add the folder of a PEFT adapter"))

    def _ask(self, mode: QFileDialog.FileMode, title: str) -> None:
        self._dialog = QFileDialog(self, title, "", self.tr("LoRA adapters (*.gguf *.safetensors);;All files (*)"))
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.setFileMode(mode)
        self._dialog.fileSelected.connect(self.add)
        self._dialog.open()

    def add(self, path: str) -> None:
        """Put a copy of the file, or of the PEFT folder, at ``path`` on the shelf; it is checked first."""
        self._shelve(shelf.AddAdapter(path=path))

    def _remove(self) -> None:
        if self._shown is not None:
            self._removed = self._shown.name
            self._shelve(shelf.RemoveAdapter(path=self._shown.path))

    def _put_back(self, place: str) -> None:
        self._shelve(shelf.PutBackAdapter(path=place))

    def _shelve(self, request: messages.Message) -> None:
        self.failure.say("")
        self.notice.close_notice()
        job = self._link.request(request)
        job.finished.connect(self._on_removed if isinstance(request, shelf.RemoveAdapter) else self._on_added)
        job.failed.connect(self._on_failed)

    def _on_added(self, event: messages.Event) -> None:
        if isinstance(event, shelf.AdapterShelved):
            self._shown, self._chosen = None, event.path
            self._show_adapters(event.adapters)
            self.ensureWidgetVisible(self.use)
            self.adapter_changed.emit()
            if self._shown is not None and self._shown.fits and self._shown.probe is None:
                self._try_out()

    def _on_removed(self, event: messages.Event) -> None:
        if isinstance(event, shelf.AdapterShelved):
            self._shown, self._chosen = None, ""
            self.card.hide()
            self._settings.reload()
            self._show_adapters(event.adapters)
            words = self.tr("“{name}” was removed.").format(name=self._removed)
            self._offer(words, "info", self.tr("Put it &back"), lambda: self._put_back(event.path))
            self.adapter_changed.emit()

    def _inspect(self, path: str) -> None:
        self._inspection = self._link.request(messages.InspectAdapter(path=path))
        self._inspection.finished.connect(self._on_inspected)

    def _on_inspected(self, event: messages.Event) -> None:
        latest = self._inspection is not None and event.job == self._inspection.number
        if isinstance(event, messages.AdapterInspected) and latest:
            self._take(event.adapter)

    def _take(self, adapter: Adapter) -> None:
        """Show what was found out about one of them."""
        if adapter.path in self._adapters:
            self._adapters[adapter.path] = adapter
            if adapter.path == self._chosen:
                self._show(adapter)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = local_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            for path in paths:
                self.add(path)

"""The format report: the same questions four ways, what came of them, and whether the adapter earns its place."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.notice import Notice
from assistant_app.gui.tables import moment_words
from assistant_app.gui.ways_plot import WaysPlot
from assistant_app.protocol import messages
from assistant_app.protocol.records import Adapter
from assistant_app.protocol.report import CheckAdapter, FormatReport, FormatReported, ReadReport, ReportProgress
from assistant_app.words import WAYS, advice, report_as_markdown

_GEOMETRY = "report/geometry"


class ReportWindow(QWidget):
    """Measures one adapter at a time; closing the window leaves the measurement running."""

    def __init__(self, link: EngineLink, shelf: AssistantShelf, state: QSettings) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self._link, self._shelf, self._state = link, shelf, state
        self._job: Job | None = None
        self._asked = ""
        self._report: FormatReport | None = None
        self.setWindowTitle(self.tr("Format report"))
        self.adapter = QComboBox(self)
        self.assistant = QComboBox(self)
        self.count = QSpinBox(self)
        self.count.setRange(1, 500)
        self.count.setValue(20)
        self.start_button = QPushButton(self)
        style.set_role(self.start_button, "primary")
        self.export_button = QPushButton(self.tr("&Export…"), self)
        self.phase = QLabel(self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the report"))
        self.verdict = QLabel(self)
        self.verdict.setWordWrap(True)
        self.verdict.setTextFormat(Qt.TextFormat.PlainText)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        style.set_role(self.verdict, "heading")
        self.about = QLabel(self)
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        style.set_role(self.about, "muted")
        self.plot = WaysPlot(self)
        self.figures = QWidget(self)
        self._cells = QGridLayout(self.figures)
        self.failure = Notice(self)
        self._build()
        self.start_button.clicked.connect(self._on_start)
        self.export_button.clicked.connect(self._choose_file)
        self.adapter.currentIndexChanged.connect(self._read)
        shelf.changed.connect(self._fill_assistants)
        QShortcut(QKeySequence.StandardKey.Close, self).activated.connect(self.close)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self.close)
        self._show_running()
        self._show_report(None)
        self.resize(760, 640)
        geometry = state.value(_GEOMETRY)
        if geometry is not None:
            self.restoreGeometry(geometry)

    def _build(self) -> None:
        words = QLabel(
            self.tr(
                "The same questions on your documents are answered four ways: with instructions only, with a grammar,"
                " with the adapter, and with both. So you see whether the adapter earns its place."
            ),
            self,
        )
        words.setWordWrap(True)
        style.set_role(words, "muted")
        form = QFormLayout()
        form.setSpacing(style.SPACE)
        form.addRow(self.tr("&Adapter"), self.adapter)
        form.addRow(self.tr("&Format of"), self.assistant)
        form.addRow(self.tr("&Questions"), self.count)
        for box in (self.adapter, self.assistant):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(28)
        self.count.setToolTip(self.tr("Approved answers come first, then earlier questions, then headings."))
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addWidget(self.phase, 1)
        for button in (self.export_button, self.start_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        self._cells.setContentsMargins(0, 0, 0, 0)
        self._cells.setHorizontalSpacing(3 * style.SPACE)
        self._cells.setVerticalSpacing(style.SPACE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*[2 * style.SPACE] * 4)
        layout.setSpacing(12)
        layout.addWidget(words)
        layout.addLayout(form)
        layout.addLayout(buttons)
        for widget in (self.bar, self.failure, self.verdict, self.plot, self.figures, self.about):
            layout.addWidget(widget)
        layout.addStretch(1)

    # ------------------------------------------------------------ opening

    def open(self, adapter: str = "") -> None:
        """Show the window, for the adapter at ``adapter``, if it is given."""
        self._wanted = adapter or self.adapter.currentData() or ""
        self._fill_assistants()
        self._link.request(messages.ListAdapters()).finished.connect(self._on_adapters)
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._state.setValue(_GEOMETRY, self.saveGeometry())
        super().closeEvent(event)

    def _on_adapters(self, event: messages.Event) -> None:
        if isinstance(event, messages.Adapters):
            fitting = [each for each in event.adapters if each.fits]
            self.adapter.blockSignals(True)
            self.adapter.clear()
            for each in fitting:
                self.adapter.addItem(_name(each), each.path)
            chosen = self._wanted or next((each.path for each in fitting if each.in_use), "")
            self.adapter.setCurrentIndex(max(self.adapter.findData(chosen), 0))
            self.adapter.blockSignals(False)
            self.start_button.setEnabled(bool(fitting) or self.is_running)
            self._read()

    def _fill_assistants(self) -> None:
        chosen = self.assistant.currentData() or ""
        self.assistant.clear()
        self.assistant.addItem(self.tr("The adapter itself"), "")
        for each in self._shelf.all:
            self.assistant.addItem(self.tr("Assistant “{name}”").format(name=each.name), each.name)
        self.assistant.setCurrentIndex(max(self.assistant.findData(chosen), 0))

    def _read(self) -> None:
        path = self.adapter.currentData()
        if path and not self.is_running:
            self._show_report(None)
            self._asked = path
            self._link.request(ReadReport(adapter=path)).finished.connect(self._on_read)

    def _on_read(self, event: messages.Event) -> None:
        if isinstance(event, FormatReported) and self._asked == self.adapter.currentData() and not self.is_running:
            self._show_report(event.report)

    # ------------------------------------------------------------ measuring

    @property
    def is_running(self) -> bool:
        """Whether a measurement runs."""
        return self._job is not None

    def _on_start(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self.start_button.setEnabled(False)
            return
        self.failure.say("")
        self._show_report(None)
        request = CheckAdapter(
            adapter=self.adapter.currentData(), assistant=self.assistant.currentData() or "", count=self.count.value()
        )
        self._job = self._link.request(request)
        self._job.progressed.connect(self._on_progress)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self.bar.setRange(0, 0)
        self.phase.setText(self.tr("Finding passages…"))
        self._show_running()

    def _on_progress(self, event: messages.Event) -> None:
        if isinstance(event, ReportProgress):
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)
            words = self.tr("{way}: {done} of {total}").format(way=WAYS[event.way], done=event.done, total=event.total)
            if event.seconds_left is not None and event.done < event.total:
                left = self.tr("{time} left").format(time=phrases.duration_words(event.seconds_left))
                words = f"{words} · {left}"
            self.phase.setText(words)

    def _on_finished(self, event: messages.Event) -> None:
        self._end()
        if isinstance(event, FormatReported):
            self._show_report(event.report)

    def _on_failed(self, failure: Failure) -> None:
        self._end()
        if failure.code != Code.CANCELLED:
            self.failure.say(phrases.failure_sentence(failure))
        self._read()

    def _end(self) -> None:
        self._job = None
        self.phase.clear()
        self._show_running()

    def _show_running(self) -> None:
        self.bar.setVisible(self.is_running)
        self.start_button.setEnabled(self.is_running or self.adapter.count() > 0)
        self.start_button.setText(self.tr("&Stop") if self.is_running else self.tr("&Measure"))
        for widget in (self.adapter, self.assistant, self.count):
            widget.setEnabled(not self.is_running)

    # ------------------------------------------------------------ the report

    def _show_report(self, report: FormatReport | None) -> None:
        self._report = report
        self.plot.show_report(report)
        while (item := self._cells.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for shown in (self.plot, self.figures, self.about, self.verdict):
            shown.setVisible(report is not None)
        self.export_button.setEnabled(report is not None)
        if report is None:
            self.verdict.setVisible(not self.is_running)
            self.verdict.setText(self.tr("This adapter was not measured yet."))
            return
        self.verdict.setText(advice(report))
        heads = ("", self.tr("Valid"), self.tr("Interval"), self.tr("Agreement"), self.tr("Tokens"), self.tr("Seconds"))
        for column, words in enumerate(heads):
            self._cell(words, 0, column, muted=True)
        for row, way in enumerate(report.ways, start=1):
            share = f"{way.valid / max(way.asked, 1):.0%}".replace("%", " %")
            agreement = "–" if way.agreement is None else f"{way.agreement:.2f} ({way.compared})"
            cells = (
                WAYS[way.way],
                share,
                f"{way.low:.0%} – {way.high:.0%}".replace("%", " %"),
                agreement,
                f"{way.tokens:.0f}",
                f"{way.seconds:.1f}",
            )
            for column, words in enumerate(cells):
                self._cell(words, row, column)
        self._cells.setColumnStretch(len(heads), 1)
        facts = [
            report.base,
            self.tr("assistant “{name}”").format(name=report.assistant) if report.assistant else "",
            self.tr("{count} approved answers").format(count=report.approved) if report.approved else "",
            moment_words(report.made_at),
        ]
        self.about.setText(" · ".join(filter(None, facts)))

    def _cell(self, words: str, row: int, column: int, *, muted: bool = False) -> None:
        label = QLabel(words, self.figures)
        label.setTextFormat(Qt.TextFormat.PlainText)
        if muted:
            style.set_role(label, "muted")
        side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
        self._cells.addWidget(label, row, column, side)

    def _choose_file(self) -> None:
        self._dialog = QFileDialog(
            self, self.tr("Export the report"), "format-report.md", self.tr("Markdown (*.md);;JSON (*.json)")
        )
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self._dialog.setDefaultSuffix("md")
        self._dialog.fileSelected.connect(self.export)
        self._dialog.open()

    def export(self, path: str) -> None:
        """Write the report that is shown as Markdown, or as JSON where ``path`` ends so."""
        if self._report is None:
            return
        is_json = path.lower().endswith(".json")
        content = msgspec.json.encode(self._report).decode() if is_json else report_as_markdown(self._report)
        try:
            Path(path).write_text(content, encoding="utf-8")
        except OSError:
            self.failure.say(phrases.reason_sentence(Code.FILE_UNWRITABLE, {"path": path}))


def _name(adapter: Adapter) -> str:
    version = adapter.card.version if adapter.card is not None else 1
    return f"{adapter.name} (v{version})" if version > 1 else adapter.name

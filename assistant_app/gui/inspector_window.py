"""Why an answer is as it is: what was searched for, what was found and dropped, what the model was sent, what it took.

It stands beside the window, shows one answer at a time, and changes nothing.
"""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import QByteArray, QModelIndex, QSettings, QSize, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QFontDatabase,
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTableView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import candidate_words, phrases, style
from assistant_app.gui.bars import Bars, Part, StackedBar
from assistant_app.gui.bump_chart import BumpChart
from assistant_app.gui.candidate_model import SORT, CandidateModel, Column
from assistant_app.gui.candidate_words import LOOKS
from assistant_app.gui.elided_label import ElidedLabel
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.flow_layout import FlowLayout
from assistant_app.gui.settings_page import number_text
from assistant_app.protocol import messages
from assistant_app.protocol.records import Budget, Candidate, Citation, Fate, Inspection, Turn

_FIRST_SIZE = QSize(1120, 780)
_CARD_WIDTH = 300


class InspectorWindow(QWidget):
    """Asks the engine for the inspection of a turn and shows it."""

    passage_activated = Signal(object)
    """Carries a :class:`Citation` that stands for the passage which is to be shown in its page."""

    def __init__(self, link: EngineLink, state: QSettings) -> None:
        super().__init__()  # no child of the window, which could not come in front of it then
        self._link = link
        self._state = state
        self._job: Job | None = None
        self._candidates: list[Candidate] = []
        self.setWindowTitle(self.tr("Why this answer?"))
        self.setAccessibleName(self.tr("Why this answer?"))
        self.question = ElidedLabel(self)
        style.set_role(self.question, "heading")
        self.facts = QLabel(self)
        self.facts.setTextFormat(Qt.TextFormat.PlainText)
        self.facts.setWordWrap(True)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        style.set_role(self.facts, "muted")
        self.empty = QLabel(self)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        style.set_role(self.empty, "muted")
        self.chart = BumpChart(self)
        self.card = CandidateCard(self)
        self.model = CandidateModel(self)
        self.sorted = QSortFilterProxyModel(self)
        self.table = QTableView(self)
        self.prompt = QPlainTextEdit(self)
        self.copy_prompt = QPushButton(style.icon("copy"), self.tr("&Copy the prompt"), self)
        self.budget = StackedBar(self.tr("How the context window was shared out"), self)
        self.budget_words = QLabel(self)
        self.times = Bars(self.tr("What took how long"), self)
        self.tabs = QTabWidget(self)
        self._build()
        self.chart.chosen.connect(self._on_chosen)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        self.card.show_requested.connect(self.passage_activated)
        self.copy_prompt.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.prompt.toPlainText()))
        geometry = self._state.value("inspector/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(_FIRST_SIZE.boundedTo(self.screen().availableSize()))

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.addTab(self._make_passages(), self.tr("&Passages"))
        self.tabs.addTab(self._make_prompt(), self.tr("P&rompt"))
        self.tabs.addTab(self._make_figures(), self.tr("&Tokens and time"))
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.tabs)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.question)
        layout.addWidget(self.facts)
        layout.addWidget(self._stack, 1)

    def _make_passages(self) -> QWidget:
        self.legend = QWidget(self)
        self._legend_flow = FlowLayout(self.legend, gap=style.SPACE * 3 // 2)
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(style.SPACE)
        column.addWidget(self.chart, 1)
        column.addWidget(self.legend)
        above = QSplitter(Qt.Orientation.Horizontal, self)
        above.setChildrenCollapsible(False)
        above.setHandleWidth(style.SPACE)
        above.addWidget(left)
        above.addWidget(self.card)
        above.setStretchFactor(0, 1)
        above.setSizes([780, _CARD_WIDTH])
        self._build_table()
        both = QSplitter(Qt.Orientation.Vertical, self)
        both.setChildrenCollapsible(False)
        both.setHandleWidth(style.SPACE)
        both.addWidget(above)
        both.addWidget(self.table)
        both.setSizes([430, 220])
        for splitter in (above, both):
            splitter.setStyleSheet("QSplitter::handle { background: transparent; }")
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, style.SPACE, 0, 0)
        layout.addWidget(both)
        return page

    def _build_table(self) -> None:
        self.sorted.setSourceModel(self.model)
        self.sorted.setSortRole(SORT)
        table = self.table
        table.setModel(self.sorted)
        table.setAccessibleName(self.tr("Table of the passages that were looked at"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSortingEnabled(True)
        table.sortByColumn(Column.FUSED, Qt.SortOrder.AscendingOrder)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + style.SPACE)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)

    def _make_prompt(self) -> QWidget:
        page = QWidget(self)
        self.prompt.setReadOnly(True)
        self.prompt.setAccessibleName(self.tr("What the model was given"))
        self.prompt.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.prompt.setPlaceholderText(self.tr("No model was asked: the answer was made without one."))
        words = QLabel(self.tr("Exactly what the model was given, with the markers of its template."), page)
        style.set_role(words, "muted")
        above = QHBoxLayout()
        above.addWidget(words, 1)
        above.addWidget(self.copy_prompt)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, style.SPACE, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addLayout(above)
        layout.addWidget(self.prompt, 1)
        return page

    def _make_figures(self) -> QWidget:
        body = QWidget(self)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(style.SPACE, 2 * style.SPACE, style.SPACE, 2 * style.SPACE)
        layout.setSpacing(style.SPACE)
        headings = (self.tr("The context window"), self.tr("What took how long"))
        for heading, widgets in zip(headings, ((self.budget_words, self.budget), (self.times,)), strict=True):
            label = QLabel(heading, body)
            style.set_role(label, "heading")
            layout.addWidget(label)
            for widget in widgets:
                layout.addWidget(widget)
            layout.addSpacing(2 * style.SPACE)
        layout.addStretch(1)
        style.set_role(self.budget_words, "muted")
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(body)
        return scroll

    # ------------------------------------------------------------ for the window

    def inspect(self, turn: Turn) -> None:
        """Show why the answer of ``turn`` (this version of it) is as it is."""
        self.question.say(turn.question)
        self._show_empty(self.tr("Looking it up…"))
        job = self._job = self._link.request(messages.InspectAnswer(turn=turn.id, version=turn.version))
        job.finished.connect(lambda event: self._on_inspected(job, event))
        job.failed.connect(lambda failure: self._on_failed(job, failure))
        self.show()
        self.raise_()
        self.activateWindow()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see but a sentence."""
        return self._stack.currentWidget() is self.empty

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes, as in any dialog."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._state.setValue("inspector/geometry", self.saveGeometry())
        super().hideEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._job = None
        super().closeEvent(event)

    # ------------------------------------------------------------ what the engine says

    def _on_failed(self, job: Job, failure: Failure) -> None:
        if job is self._job:
            self._show_empty(phrases.failure_sentence(failure))

    def _on_inspected(self, job: Job, event: messages.AnswerInspected) -> None:
        if job is not self._job:
            return  # another answer was asked about meanwhile
        found = event.inspection
        if not found.candidates and not found.prompt and not found.milliseconds and found.budget is None:
            self._show_empty(self.tr("Nothing was noted down about how this answer came to be."))
            return
        self._show_facts(found)
        self._candidates = found.candidates
        self.chart.show_candidates(found.candidates)
        self.model.set_candidates(found.candidates)
        self._size_columns()
        self._show_legend(found.candidates)
        self.card.show_candidate(None)
        self.prompt.setPlainText(found.prompt)
        self.copy_prompt.setEnabled(bool(found.prompt))
        self._show_budget(found.budget)
        self._show_times(found.milliseconds)
        self._stack.setCurrentWidget(self.tabs)
        for part in (self.card, self.table):
            part.setVisible(bool(found.candidates))
        if found.candidates:
            self._on_chosen(0)
            self.chart.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_empty(self, words: str) -> None:
        self.facts.hide()
        self.empty.setText(words)
        self._stack.setCurrentWidget(self.empty)

    def _show_facts(self, found: Inspection) -> None:
        lines = []
        if found.searched and found.searched != found.question:
            lines.append(self.tr("Searched for: {question}").format(question=found.searched))
        if found.named:
            names = ", ".join(PurePath(path).name for path in found.named)
            lines.append(self.tr("Preferred, because the question names them: {names}").format(names=names))
        if found.words:
            lines.append(self.tr("Words looked up: {words}").format(words=", ".join(found.words)))
        self.facts.setText("\n".join(lines))
        self.facts.setVisible(bool(lines))

    def _show_legend(self, candidates: list[Candidate]) -> None:
        while (item := self._legend_flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for fate in candidate_words.FATES:
            count = sum(each.fate == fate for each in candidates)
            if count:
                self._legend_flow.addWidget(Key(fate, count, self.legend))
        self.legend.setVisible(bool(candidates))
        self.legend.updateGeometry()

    def _size_columns(self) -> None:
        self.table.resizeColumnsToContents()
        for column, most in ((Column.DOCUMENT, 240), (Column.FATE, 200)):
            self.table.setColumnWidth(column, min(self.table.columnWidth(column) + style.SPACE, most))
        self.table.setColumnWidth(Column.TEXT, 160)  # and the rest of the width
        reranked = any(each.reranker_rank is not None for each in self._candidates)
        self.table.setColumnHidden(Column.RERANKER, not reranked)

    # ------------------------------------------------------------ one candidate

    def _on_chosen(self, number: int) -> None:
        row = self.sorted.mapFromSource(self.model.index(number, 0))
        self.table.setCurrentIndex(row)
        self.table.scrollTo(row)

    def _on_row(self, index: QModelIndex) -> None:
        number = self.sorted.mapToSource(index).row()
        self.chart.choose(number)
        good = 0 <= number < len(self._candidates)
        self.card.show_candidate(self._candidates[number] if good else None)

    # ------------------------------------------------------------ figures

    def _show_budget(self, budget: Budget | None) -> None:
        self.budget.setVisible(budget is not None)
        if budget is None:
            self.budget_words.setText(self.tr("No model was asked, so nothing had to fit."))
            return
        used = budget.instructions + budget.sources + budget.history + budget.question
        free = max(budget.context - used - budget.answer, 0)
        named = (
            (self.tr("Instructions"), budget.instructions, "text_muted", False),
            (self.tr("Sources"), budget.sources, "accent", False),
            (self.tr("Conversation so far"), budget.history, "warning", False),
            (self.tr("Question"), budget.question, "success", False),
            (self.tr("Kept free for the answer"), budget.answer, "accent", True),
            (self.tr("Not used"), free, "border", False),
        )
        whole = max(budget.context, 1)
        parts = [
            Part(name, value, f"{number_text(value)}  ({100 * value / whole:.0f} %)", role, hatched)
            for name, value, role, hatched in named
        ]
        self.budget.show_parts(parts)
        words = self.tr("{used} of {context} tokens went into the prompt.")
        self.budget_words.setText(words.format(used=number_text(used), context=number_text(budget.context)))

    def _show_times(self, milliseconds: dict[str, float]) -> None:
        parts = [
            Part(self._stage_name(stage), spent, _time_words(spent), "accent")
            for stage, spent in milliseconds.items()
            if stage != "total"
        ]
        self.times.show_parts(parts)

    def _stage_name(self, stage: str) -> str:
        known = {
            "embed": self.tr("Waiting for the question's vector"),
            "vectors": self.tr("Searching by meaning"),
            "keywords": self.tr("Searching by words"),
            "fuse": self.tr("Fusing both lists"),
            "rerank": self.tr("Reranking"),
            "rewrite": self.tr("Understanding the question"),
            "prompt": self.tr("Writing the prompt"),
            "join": self.tr("Joining neighbours"),
            "weigh": self.tr("Weighing sentences, loading the model"),
            "read": self.tr("Reading the prompt"),
            "write": self.tr("Writing the answer"),
            "model": self.tr("Reading the prompt and writing the answer"),
            "cite": self.tr("Checking the citations"),
        }
        return known.get(stage, stage.replace("_", " "))


class Key(QWidget):
    """An entry of the legend: a piece of line, and what it stands for."""

    def __init__(self, fate: Fate, count: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fate = fate
        self._words = f"{candidate_words.fate_name(fate)}: {number_text(count)}"
        self.setAccessibleName(self._words)
        self.setToolTip(candidate_words.fate_sentence(fate))

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(36 + metrics.horizontalAdvance(self._words), metrics.height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look = LOOKS[self._fate]
        painter.setPen(QPen(style.colour(look.role), max(look.width, 1.4), look.dash))
        middle = self.height() // 2
        painter.drawLine(0, middle, 26, middle)
        painter.setPen(style.colour("text"))
        painter.drawText(self.rect().adjusted(34, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._words)


class CandidateCard(QFrame):
    """One candidate in words: where it stands, what became of it and why, its ranks, its text."""

    show_requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._citation: Citation | None = None
        style.set_role(self, "card")
        self.setMinimumWidth(240)
        self.document = ElidedLabel(self)  # names of files are long, and have no blanks to be broken at
        style.set_role(self.document, "strong")
        self.place = QLabel(self)
        self.heading = QLabel(self)
        self.fate = QLabel(self)
        self.ranks = QLabel(self)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName(self.tr("Beginning of the passage"))
        self.show_button = QPushButton(style.icon("document"), self.tr("&Show in the page"), self)
        self.show_button.clicked.connect(lambda: self.show_requested.emit(self._citation))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.document)
        for label, role in (
            (self.place, "strong"),
            (self.heading, "muted"),
            (self.fate, ""),
            (self.ranks, "muted"),
        ):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            style.set_role(label, role)
            layout.addWidget(label)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.show_button)

    def show_candidate(self, candidate: Candidate | None) -> None:
        """Show one; null empties the card."""
        for part in (self.document, self.heading, self.fate, self.ranks, self.text, self.show_button):
            part.setVisible(candidate is not None)
        if candidate is None:
            self._citation = None
            self.place.setVisible(True)
            self.place.setText(self.tr("Choose a line of the chart, or a row of the table."))
            return
        self.document.say(PurePath(candidate.path).name)
        where = phrases.place_words(candidate.path, candidate.page, candidate.page_label)
        self.place.setText(where)
        self.place.setVisible(bool(where))
        self.heading.setText(candidate.heading)
        self.heading.setVisible(bool(candidate.heading))
        name = candidate_words.fate_name(candidate.fate)
        self.fate.setText(f"{name}. {candidate_words.fate_sentence(candidate.fate)}")
        self.ranks.setText(candidate_words.ranks_words(candidate))
        self.text.setPlainText(candidate.text)
        self._citation = Citation(
            number=candidate.fused_rank or 0,
            path=candidate.path,
            page=candidate.page,
            page_label=candidate.page_label,
            quote=candidate.text,
            start=candidate.start,
            length=candidate.length,
            verified=False,
            given_by="search",
        )


def _time_words(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"

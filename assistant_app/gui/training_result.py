"""An adapter that was trained: its figures beside those of its base, and a way to use it."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import style, training_words
from assistant_app.gui.mark import Mark
from assistant_app.gui.settings_page import FactCard, Sentence
from assistant_app.protocol.training import AdapterCard


class ResultPanel(QWidget):
    """Shows an :class:`AdapterCard`; what the person wants it says by signals."""

    use_requested = Signal()
    folder_requested = Signal()
    again_requested = Signal()
    """Back to the guide, to train another one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = Mark(self)
        self.table = QTableWidget(0, 3, self)
        self.facts = FactCard(self)
        self.failure = Sentence(self)
        self.use_button = QPushButton(self.tr("&Use this adapter"), self)
        style.set_role(self.use_button, "primary")
        self.folder_button = QPushButton(style.icon("folder"), self.tr("&Open its folder"), self)
        self.again_button = QPushButton(self.tr("&Back to the guide"), self)
        self._build_table()
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addWidget(self.again_button)
        buttons.addStretch(1)
        buttons.addWidget(self.folder_button)
        buttons.addWidget(self.use_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for widget in (self.sentence, self.table, self.facts, self.failure):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addStretch(1)
        self.use_button.clicked.connect(self._use)
        self.folder_button.clicked.connect(self.folder_requested)
        self.again_button.clicked.connect(self.again_requested)
        for button in (self.use_button, self.folder_button, self.again_button):
            button.setAutoDefault(False)

    def _build_table(self) -> None:
        table = self.table
        table.setAccessibleName(self.tr("Figures of base and adapter"))
        table.setHorizontalHeaderLabels(["", self.tr("Base"), self.tr("With adapter")])
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 12)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    # ------------------------------------------------------------ for the window

    def show_card(self, card: AdapterCard, path: str) -> None:
        """Show the adapter whose file is ``path``."""
        better = training_words.better_sentence(card)
        named = self.tr("The adapter “{name}” is trained. {better}")
        said = named.format(name=PurePath(path).stem, better=better)
        self.sentence.say(said, *(("check", "accent") if card.better else ("warning", "warning")))
        rows = training_words.figure_rows(card)
        self.table.setRowCount(len(rows))
        for at, row in enumerate(rows):
            for column, words in enumerate(row):
                item = QTableWidgetItem(words)
                item.setTextAlignment(Qt.AlignmentFlag.AlignVCenter | self._side(column))
                self.table.setItem(at, column, item)
        for column in (1, 2):
            heading = self.table.horizontalHeaderItem(column)
            if heading is not None:
                heading.setTextAlignment(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
        rows_height = self.table.verticalHeader().length()
        self.table.setFixedHeight(rows_height + self.table.horizontalHeader().sizeHint().height() + 2)
        self.facts.show_facts(
            self.tr("What it is made of"), [*training_words.card_facts(card), (self.tr("File"), path)]
        )
        self.show_used(False)

    def show_used(self, on: bool, failure: str = "") -> None:
        """Whether the adapter is in use, or why it cannot be."""
        self.use_button.setEnabled(not on)
        self.use_button.setText(self.tr("In use") if on else self.tr("&Use this adapter"))
        self.failure.say(failure)

    def _side(self, column: int) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft

    def _use(self) -> None:
        self.use_button.setEnabled(False)
        self.use_requested.emit()

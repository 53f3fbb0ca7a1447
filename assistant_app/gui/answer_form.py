"""A structured answer as a form: each value with the page that it comes from, and whether the answer is in its format.

Names and values come from a model: they are shown as plain text only.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import format_words, phrases, style
from assistant_app.gui.flow_layout import FlowLayout
from assistant_app.gui.icon_label import IconLabel
from assistant_app.gui.mark import Mark
from assistant_app.protocol.records import Answer, AnswerValue, Citation

MOST_ROWS = 100
"""More values than that are not laid out; the text has all of them."""

_NAME_WIDTH = 180
"""Pixels; longer names are broken into lines."""


class AnswerForm(QWidget):
    """Made for one answer."""

    citation_activated = Signal(object)
    """Carries the :class:`Citation` whose page was clicked."""

    text_toggled = Signal(bool)
    """The person wants to see the answer as the model wrote it, or the form again."""

    def __init__(self, answer: Answer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._answer = answer
        self._cited = {citation.number: citation for citation in answer.citations}
        self.mark = Mark(self)
        self.state = QLabel(self)
        self.text_toggle = QToolButton(self)
        self.json_button = self._copy_button(self.tr("Copy as JSON"), lambda: format_words.as_json(answer))
        self.csv_button = self._copy_button(self.tr("Copy as CSV"), lambda: format_words.as_csv(answer))
        self.card = QFrame(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.mark)
        layout.addWidget(self.card)
        layout.addWidget(self._build_bar())
        self._fill()
        self._show_state()

    def _copy_button(self, words: str, text: Callable[[], str]) -> QPushButton:
        button = QPushButton(style.icon("copy"), words, self)
        button.setIconSize(QSize(16, 16))
        style.set_role(button, "quiet")
        button.clicked.connect(lambda: QGuiApplication.clipboard().setText(text()))
        return button

    def _build_bar(self) -> QWidget:
        style.set_role(self.text_toggle, "quiet")
        self.text_toggle.setCheckable(True)
        self.text_toggle.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.text_toggle.setText(self.tr("Show the text"))
        self.text_toggle.setToolTip(self.tr("Show the answer as the model wrote it"))
        self.text_toggle.toggled.connect(self._on_toggled)
        self._state_icon = IconLabel("check", "success", self)
        style.set_role(self.state, "muted")
        said = QWidget(self)
        row = QHBoxLayout(said)
        row.setContentsMargins(0, 6, style.SPACE, 4)
        row.setSpacing(style.SPACE // 2)
        row.addWidget(self._state_icon)
        row.addWidget(self.state)
        bar = QWidget(self)
        flow = FlowLayout(bar, style.SPACE // 2)
        for part in (said, self.text_toggle, self.json_button, self.csv_button):
            flow.addWidget(part)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        bar.setSizePolicy(policy)
        bar.setVisible(bool(self._answer.values))
        return bar

    # ------------------------------------------------------------ what is shown

    def _fill(self) -> None:
        values = self._answer.values
        self.card.setVisible(bool(values))
        if self._answer.format == "labels" and len(values) == 1:
            self._show_label(values[0])
            return
        style.set_role(self.card, "card")
        grid = QGridLayout(self.card)
        grid.setContentsMargins(2 * style.SPACE, 12, style.SPACE, 12)
        grid.setHorizontalSpacing(2 * style.SPACE)
        grid.setVerticalSpacing(style.SPACE)
        grid.setColumnStretch(1, 1)
        for row, value in enumerate(values[:MOST_ROWS]):
            name = self._label(value.name)
            name.setMaximumWidth(_NAME_WIDTH)
            style.set_role(name, "muted")
            text = self._label(value.text or self.tr("not stated"))
            style.set_role(text, "" if value.text else "muted")
            text.setAccessibleName(self.tr("{name}: {value}").format(name=value.name, value=text.text()))
            for label in (name, text):
                label.setContentsMargins(0, 4, 0, 2)  # on one line with the words of a page's button
            grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(text, row, 1, Qt.AlignmentFlag.AlignTop)
            if value.text:
                source = self._source(value)
                grid.addWidget(source, row, 2, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        if len(values) > MOST_ROWS:
            more = self._label(self.tr("And {count} more: see the text.").format(count=len(values) - MOST_ROWS))
            style.set_role(more, "muted")
            grid.addWidget(more, MOST_ROWS, 0, 1, 3)

    def _show_label(self, value: AnswerValue) -> None:
        row = QHBoxLayout(self.card)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * style.SPACE)
        label = self._label(format_words.shown_values(self._answer)[0].text)
        style.set_role(label, "title")
        row.addWidget(label, 1)
        if value.text:
            row.addWidget(self._source(value), 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _label(self, text: str) -> QLabel:
        label = QLabel(text, self.card)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _source(self, value: AnswerValue) -> QWidget:
        """The page of a value, to be clicked; or that no quote supports it."""
        citation = self._cited.get(value.citation or 0)
        if citation is None:
            return _Unsupported(self.tr("No quote"), self.tr("No quote supports this value"), self.card)
        return self._page_button(value, citation)

    def _page_button(self, value: AnswerValue, citation: Citation) -> QPushButton:
        button = QPushButton(self.card)
        style.set_role(button, "chip")
        place = phrases.place_words(citation.path, citation.page, citation.page_label)
        short = button.fontMetrics().elidedText(place, Qt.TextElideMode.ElideRight, _NAME_WIDTH)
        button.setText((short or f"[{citation.number}]").replace("&", "&&"))
        icon = ("verified", "success") if citation.verified else ("unverified", "warning")
        button.setIcon(style.icon(*icon))
        button.setIconSize(QSize(16, 16))
        quote = " ".join(citation.quote.split())
        button.setToolTip(f"“{quote[:300]}”")
        button.setAccessibleName(
            self.tr("Source of {name}: {place}").format(name=value.name, place=place or citation.number)
        )
        button.clicked.connect(lambda: self.citation_activated.emit(citation))
        return button

    def _show_state(self) -> None:
        answer = self._answer
        has_values = bool(answer.values)
        kind = format_words.kind_words(answer.format)
        for button in (self.text_toggle, self.json_button, self.csv_button):
            button.setVisible(has_values)
        if not answer.valid:
            words = self.tr("Not valid. {problem}").format(problem=format_words.problem_sentence(answer.problem))
            self.mark.say(words, "warning", "warning")
        valid = answer.valid and has_values
        self.state.setText(self.tr("Valid: {format}").format(format=kind) if valid else "")
        self._state_icon.setVisible(valid)

    def _on_toggled(self, on: bool) -> None:
        self.card.setVisible(not on)
        self.text_toggle.setText(self.tr("Show the form") if on else self.tr("Show the text"))
        self.text_toggled.emit(on)


class _Unsupported(QWidget):
    """A mark and two words in the colour of a warning."""

    def __init__(self, words: str, tip: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setToolTip(tip)
        icon, label = IconLabel("unverified", "warning", self), QLabel(words, self)
        style.set_role(label, "warning")
        label.setAccessibleName(tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 3, 10, 3)
        row.setSpacing(style.SPACE // 2)
        row.addWidget(icon)
        row.addWidget(label)

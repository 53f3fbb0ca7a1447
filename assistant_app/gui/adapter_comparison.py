"""Two ways to answer beside each other: one question, the same passages, what differs marked, what each took.

Each side is the base model, an adapter, or an assistant, which may have a model, an adapter, a scale and a format of
its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QWidget,
)

from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import assistants, messages
from assistant_app.protocol.messages import Ask
from assistant_app.protocol.records import Adapter

_PAINT_MS = 80
"""Streamed pieces are painted together at this pace."""

_LONGEST = 4000
"""Words of both answers together: more are not compared."""

_WORD = re.compile(r"\w+|[^\w\s]")

Way = tuple[str, str]
"""``("adapter", path)``, ``("adapter", "none")`` for the base model, or ``("assistant", name)``."""

BASE: Way = ("adapter", "none")


class AnswerColumn(QWidget):
    """One of the two answers, as it is written, what it took, and whether it is in its format."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pending: list[str] = []
        self._timer = QTimer(self, interval=_PAINT_MS)
        self._timer.timeout.connect(self._paint)
        self.way = QComboBox(self)
        self.way.setAccessibleName(name)
        self.way.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.way.setMinimumContentsLength(14)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(name)
        self.text.setMinimumHeight(18 * style.SPACE)
        self.numbers = QLabel(self)
        self.numbers.setWordWrap(True)
        self.numbers.setTextFormat(Qt.TextFormat.PlainText)
        style.set_role(self.numbers, "muted")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(style.SPACE // 2)
        layout.addWidget(self.way, 0, 0)
        layout.addWidget(self.text, 1, 0)
        layout.addWidget(self.numbers, 2, 0)

    def offer(self, ways: Sequence[tuple[str, Way]], otherwise: Way) -> None:
        """Let the person choose one of ``ways``; what was chosen stays, if it is there, else ``otherwise``."""
        chosen = self.chosen
        self.way.clear()
        for words, way in ways:
            self.way.addItem(words, way)
        there = [way for _, way in ways]
        self.choose(chosen if chosen in there else otherwise)

    def choose(self, way: Way) -> None:
        """Choose one that was offered; another one changes nothing."""
        for row in range(self.way.count()):
            if tuple(self.way.itemData(row)) == way:
                self.way.setCurrentIndex(row)

    @property
    def chosen(self) -> Way | None:
        """Null where nothing was offered yet."""
        data = self.way.currentData()
        return None if data is None else (data[0], data[1])

    def begin(self, words: str) -> None:
        """Empty the column; ``words`` say what it waits for."""
        self._pending.clear()
        self.text.clear()
        self.text.setExtraSelections([])
        self.text.setPlaceholderText(words)
        self.numbers.clear()

    def add(self, event: messages.Event) -> None:
        """Take a progress event of the question."""
        if isinstance(event, messages.AnswerText) and not event.thinking:
            self._pending.append(event.text)
            if not self._timer.isActive():
                self._timer.start()

    def _paint(self) -> None:
        self._timer.stop()
        bar = self.text.verticalScrollBar()
        at_end = bar.value() == bar.maximum()
        cursor = self.text.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        cursor.insertText("".join(self._pending))
        self._pending.clear()
        if at_end:
            bar.setValue(bar.maximum())

    def end(self, event: messages.Event) -> None:
        """Show the finished answer."""
        self._timer.stop()
        self._pending.clear()
        if isinstance(event, messages.Answered):
            answer = event.answer
            self.text.setPlainText(answer.answer)
            words = self.tr("{tokens} tokens in {seconds} s")
            took = words.format(tokens=answer.tokens.completion, seconds=f"{answer.milliseconds.total / 1000:.1f}")
            valid = self.tr("valid") if answer.valid else self.tr("not valid: {why}").format(why=answer.problem)
            self.numbers.setText(took if answer.format == "text" else f"{valid} · {took}")

    def fail(self, sentence: str) -> None:
        self._paint()
        self.numbers.setText(sentence)

    def mark(self, places: Sequence[tuple[int, int]]) -> None:
        """Mark stretches of the text, each from its first code unit to behind its last."""
        colour = QColor(style.colour("accent"))
        colour.setAlphaF(0.25)
        marked = []
        for start, end in places:
            selection = QTextEdit.ExtraSelection()
            cursor = self.text.textCursor()
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            selection.cursor = cursor
            selection.format.setBackground(colour)
            marked.append(selection)
        self.text.setExtraSelections(marked)


def differences(one: str, other: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The stretches of words that only ``one``, and only ``other``, has; nothing where they are too long to compare.

    Places count UTF-16 code units, as Qt does.
    """
    mine, theirs = (list(_WORD.finditer(text)) for text in (one, other))
    if len(mine) + len(theirs) > _LONGEST:
        return [], []
    words = SequenceMatcher(None, [each[0] for each in mine], [each[0] for each in theirs], autojunk=False)
    found: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for kind, a, b, c, d in words.get_opcodes():
        if kind != "equal":
            for text, matches, first, end, places in ((one, mine, a, b, found[0]), (other, theirs, c, d, found[1])):
                if first < end:
                    start, stop = matches[first].start(), matches[end - 1].end()
                    places.append((_units(text[:start]), _units(text[:stop])))
    return found


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


class AdapterComparison(QWidget):
    """A question field and two answers. The two are written one after the other: there is one model in memory."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._adapter = ""
        self._adapters: Sequence[Adapter] = ()
        self._assistants: Sequence[assistants.Assistant] = ()
        self._job: Job | None = None
        self._column: AnswerColumn | None = None
        self._next_column: AnswerColumn | None = None
        self.question = QLineEdit(self)
        self.question.setPlaceholderText(self.tr("A question about your documents"))
        self.question.setAccessibleName(self.tr("Question for both"))
        self.button = QPushButton(self.tr("Co&mpare"), self)
        self.base = AnswerColumn(self.tr("The answer at the left"), self)
        self.adapted = AnswerColumn(self.tr("The answer at the right"), self)
        self.question.returnPressed.connect(self._start)
        self.question.textChanged.connect(self._show_state)
        self.button.clicked.connect(self._on_button)
        for column in (self.base, self.adapted):
            column.way.currentIndexChanged.connect(self._show_state)
        label = QLabel(self.tr("&Question"), self)
        label.setBuddy(self.question)
        top = QHBoxLayout()
        top.setSpacing(style.SPACE)
        top.addWidget(label)
        top.addWidget(self.question, 1)
        top.addWidget(self.button)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addLayout(top, 0, 0, 1, 2)
        layout.addWidget(self.base, 1, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.adapted, 1, 1, Qt.AlignmentFlag.AlignTop)
        self._offer()
        self._show_state()

    @property
    def is_running(self) -> bool:
        return self._job is not None

    def refresh(self) -> None:
        """Ask which assistants there are."""
        self._link.request(assistants.ListAssistants()).finished.connect(self._on_assistants)

    def _on_assistants(self, event: messages.Event) -> None:
        if isinstance(event, assistants.Assistants):
            self._assistants = event.assistants
            self._offer()

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        """These can be chosen for either side."""
        self._adapters = [each for each in adapters if each.fits]
        self._offer()

    def set_adapter(self, path: str) -> None:
        """The adapter to compare from the next question on; "" for none."""
        self._adapter = path
        if path:
            self.adapted.choose(("adapter", path))
        self._show_state()

    def _offer(self) -> None:
        ways: list[tuple[str, Way]] = [(self.tr("Base model"), BASE)]
        adapter, assistant = self.tr("Adapter: {name}"), self.tr("Assistant: {name}")
        ways += [(adapter.format(name=each.name), ("adapter", each.path)) for each in self._adapters]
        ways += [(assistant.format(name=each.name), ("assistant", each.name)) for each in self._assistants]
        self.base.offer(ways, BASE)
        first = self._adapter or next((each.path for each in self._adapters), "none")
        self.adapted.offer(ways, ("adapter", first))
        self._show_state()

    def stop(self) -> None:
        """Stop both answers; what is written stays."""
        if self._job is not None:
            self._next_column = None
            self._job.cancel()

    def _show_state(self) -> None:
        self.button.setText(self.tr("Stop") if self.is_running else self.tr("Co&mpare"))
        ready = self.base.chosen != self.adapted.chosen and bool(self.question.text().strip())
        self.button.setEnabled(self.is_running or ready)
        for column in (self.base, self.adapted):
            column.way.setEnabled(not self.is_running)

    def _on_button(self) -> None:
        if self.is_running:
            self.stop()
        else:
            self._start()

    def _start(self) -> None:
        self._show_state()
        if self.is_running or not self.button.isEnabled():
            return
        self._asked = self.question.text().strip()
        self._next_column = self.adapted
        self.base.begin(self.tr("The model reads the documents…"))
        self.adapted.begin(self.tr("Comes after the other one"))
        self._ask(self.base)

    def _ask(self, column: AnswerColumn) -> None:
        kind, name = column.chosen or BASE
        request = Ask(question=self._asked, adapter=name) if kind == "adapter" else None
        self._column = column
        self._job = self._link.request(request or Ask(question=self._asked, assistant=name))
        self._job.progressed.connect(column.add)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._show_state()

    def _on_finished(self, event: messages.Event) -> None:
        if self._column is not None:
            self._column.end(event)
            if self._column is self.adapted:
                marked = differences(self.base.text.toPlainText(), self.adapted.text.toPlainText())
                self.base.mark(marked[0])
                self.adapted.mark(marked[1])
        self._next()

    def _on_failed(self, failure: Failure) -> None:
        if self._column is not None:
            self._column.fail(phrases.failure_sentence(failure))
        self._next_column = None
        self._next()

    def _next(self) -> None:
        self._job = None
        following, self._next_column = self._next_column, None
        if following is not None:
            following.begin(self.tr("The model reads the documents…"))
            self._ask(following)
            return
        if self._column is self.base:
            self.adapted.begin("")
        self._show_state()

"""Base beside adapter: one question, answered by the base model, then with the adapter."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages

_PAINT_MS = 80
"""Streamed pieces are painted together at this pace."""


class AnswerColumn(QWidget):
    """One of the two answers, as it is written, and what it took."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pending: list[str] = []
        self._timer = QTimer(self, interval=_PAINT_MS)
        self._timer.timeout.connect(self._paint)
        heading = QLabel(title, self)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(title)
        self.text.setMinimumHeight(18 * style.SPACE)
        self.numbers = QLabel(self)
        style.set_role(self.numbers, "muted")
        heading.setBuddy(self.text)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(style.SPACE // 2)
        layout.addWidget(heading, 0, 0)
        layout.addWidget(self.text, 1, 0)
        layout.addWidget(self.numbers, 2, 0)

    def begin(self, words: str) -> None:
        """Empty the column; ``words`` say what it waits for."""
        self._pending.clear()
        self.text.clear()
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
            self.text.setPlainText(event.answer.answer)
            seconds = event.answer.milliseconds.total / 1000
            words = self.tr("{tokens} tokens in {seconds} s")
            self.numbers.setText(words.format(tokens=event.answer.tokens.completion, seconds=f"{seconds:.1f}"))

    def fail(self, sentence: str) -> None:
        self._paint()
        self.numbers.setText(sentence)
        self.numbers.setWordWrap(True)


class AdapterComparison(QWidget):
    """A question field and two answers. The two are written one after the other: there is one model in memory."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._adapter = ""
        self._job: Job | None = None
        self._column: AnswerColumn | None = None
        self.question = QLineEdit(self)
        self.question.setPlaceholderText(self.tr("A question about your documents"))
        self.question.setAccessibleName(self.tr("Question for both"))
        self.button = QPushButton(self.tr("Co&mpare"), self)
        self.base = AnswerColumn(self.tr("Base"), self)
        self.adapted = AnswerColumn(self.tr("With adapter"), self)
        self.question.returnPressed.connect(self._start)
        self.question.textChanged.connect(self._show_state)
        self.button.clicked.connect(self._on_button)
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
        self._show_state()

    @property
    def is_running(self) -> bool:
        return self._job is not None

    def set_adapter(self, path: str) -> None:
        """The adapter to compare from the next question on; "" for none."""
        self._adapter = path
        self._show_state()

    def stop(self) -> None:
        """Stop both answers; what is written stays."""
        if self._job is not None:
            self._adapted_next = ""
            self._job.cancel()

    def _show_state(self) -> None:
        self.button.setText(self.tr("Stop") if self.is_running else self.tr("Co&mpare"))
        ready = bool(self._adapter and self.question.text().strip())
        self.button.setEnabled(self.is_running or ready)

    def _on_button(self) -> None:
        if self.is_running:
            self.stop()
        else:
            self._start()

    def _start(self) -> None:
        if self.is_running or not self.button.isEnabled():
            return
        self._asked = self.question.text().strip()
        self._adapted_next = self._adapter
        self.base.begin(self.tr("The base model reads the documents…"))
        self.adapted.begin(self.tr("Comes after the base"))
        self._ask(self.base, "none")

    def _ask(self, column: AnswerColumn, adapter: str) -> None:
        self._column = column
        self._job = self._link.request(messages.Ask(question=self._asked, adapter=adapter))
        self._job.progressed.connect(column.add)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._show_state()

    def _on_finished(self, event: messages.Event) -> None:
        if self._column is not None:
            self._column.end(event)
        self._next()

    def _on_failed(self, failure: Failure) -> None:
        if self._column is not None:
            self._column.fail(phrases.failure_sentence(failure))
        self._adapted_next = ""
        self._next()

    def _next(self) -> None:
        self._job = None
        adapter, self._adapted_next = self._adapted_next, ""
        if adapter:
            self.adapted.begin(self.tr("The adapter reads the documents…"))
            self._ask(self.adapted, adapter)
            return
        if self._column is self.base:
            self.adapted.begin("")
        self._show_state()

"""One answer in the conversation, from the first sign of life to its sources."""

from __future__ import annotations

import time
from pathlib import PurePath

import msgspec
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QToolButton, QVBoxLayout, QWidget

from assistant_app.errors import Code
from assistant_app.gui import adapter_words, phrases, style
from assistant_app.gui.answer_form import AnswerForm
from assistant_app.gui.answer_text import AnswerText
from assistant_app.gui.approval_buttons import ApprovalButtons
from assistant_app.gui.elided_label import ElidedLabel
from assistant_app.gui.engine_link import Failure
from assistant_app.gui.mark import Mark
from assistant_app.gui.sources import Sources
from assistant_app.protocol import messages
from assistant_app.protocol.records import Answer

STREAM_MS = 60
"""Milliseconds between two layouts of a text that is being written."""

_NOT_FOUND = "not in your documents"
"""What a model is told to say where the sources do not hold the answer."""

_NARROW = 640
"""Pixels: in less than this the buttons of the approval are their icons alone."""

_PATIENCE_SECONDS = 3
"""After so long without a sign the time is shown, so that nobody takes waiting for standing still."""


class AnswerView(QWidget):
    """Give it the job's events; it shows them, and offers what can be done with the answer."""

    citation_activated = Signal(object)
    """Carries the :class:`Citation` whose chip or number was clicked."""

    ask_again_requested = Signal()
    inspect_requested = Signal()
    """Why is the answer as it is?"""

    version_requested = Signal(int)
    """An older or newer version is wanted, by its number."""

    add_requested = Signal()
    """The library is empty and the person wants to add documents."""

    grown = Signal()
    """More text stands here than before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._answer: Answer | None = None
        self._pending = ""
        self._phase_since = time.monotonic()
        self._phase_words = self._outlook = ""
        self._waiting_for_engine = False
        self._text = AnswerText(self)
        self._text.hide()
        self._text.citation_clicked.connect(self._on_number)
        self._version = self._versions = 0
        self._build_waiting()
        self._build_thinking()
        self._build_footer()
        self._sources: Sources | None = None
        self._form: AnswerForm | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(style.SPACE)
        toggle_row = QHBoxLayout()
        toggle_row.setContentsMargins(-style.SPACE, 0, 0, 0)  # the words of a quiet button stand under the text's
        toggle_row.addWidget(self._thinking_toggle)
        toggle_row.addStretch(1)
        self._layout.addLayout(toggle_row)
        for widget in (
            *self._marks,
            self._thinking,
            self._heading,
            self._text,
            self._waiting,
            self._failure,
            self._footer,
        ):
            self._layout.addWidget(widget)
        self._flush_timer = QTimer(self, interval=STREAM_MS)
        self._flush_timer.timeout.connect(self._flush)
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self._show_phase)

    def _build_waiting(self) -> None:
        self._waiting = QWidget(self)
        self._phase = QLabel(self._waiting)
        style.set_role(self._phase, "muted")
        self._loading = QProgressBar(self._waiting)
        self._loading.setTextVisible(False)
        self._loading.setFixedWidth(240)
        self._loading.setAccessibleName(self.tr("Loading the model"))
        self._loading.hide()
        layout = QVBoxLayout(self._waiting)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._phase)
        layout.addWidget(self._loading)
        self._waiting.hide()
        self._marks = [Mark(self) for _ in range(3)]
        self._general, self._exact, self._server = self._marks
        self._heading = QLabel(self)
        self._heading.setWordWrap(True)
        self._heading.setTextFormat(Qt.TextFormat.PlainText)
        self._heading.hide()
        self._failure = QLabel(self)
        self._failure.setWordWrap(True)
        self._failure.setTextFormat(Qt.TextFormat.PlainText)
        self._failure.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._failure.hide()

    def _build_thinking(self) -> None:
        self._thinking_toggle = QToolButton(self)
        style.set_role(self._thinking_toggle, "quiet")
        self._thinking_toggle.setCheckable(True)
        self._thinking_toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._thinking_toggle.setText(self.tr("Show reasoning"))
        self._thinking_toggle.setIcon(style.icon("forward", "text_muted"))
        self._thinking_toggle.toggled.connect(self._on_thinking_toggled)
        self._thinking_toggle.hide()
        self._thinking = AnswerText(self)
        self._thinking.setAccessibleName(self.tr("The model's reasoning"))
        self._thinking.hide()

    def _build_footer(self) -> None:
        self._footer = QWidget(self)
        self._about = ElidedLabel(self._footer, Qt.AlignmentFlag.AlignRight)
        style.set_role(self._about, "muted")
        self._add = QPushButton(style.icon("add"), self.tr("&Add documents…"), self._footer)
        self._add.clicked.connect(self.add_requested)
        self._copy = QPushButton(style.icon("copy"), self.tr("Copy"), self._footer)
        self._copy.setToolTip(self.tr("Copy the answer with its sources"))
        self._copy.setAccessibleName(self.tr("Copy the answer with its sources"))
        self._copy.clicked.connect(self.copy)
        self._again = QPushButton(style.icon("refresh"), self.tr("Ask again"), self._footer)
        self._again.setToolTip(self.tr("Have another answer written; this one is kept"))
        self._again.clicked.connect(self.ask_again_requested)
        self._why = QPushButton(style.icon("inspect"), self.tr("Why?"), self._footer)
        self._why.setToolTip(self.tr("Why is the answer as it is? Passages, prompt, tokens, time"))
        self._why.setAccessibleName(self.tr("Why is the answer as it is?"))
        self._why.clicked.connect(self.inspect_requested)
        self.approval = ApprovalButtons(self._footer)
        layout = QHBoxLayout(self._footer)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE // 2)
        layout.addWidget(self.approval)
        for button in (self._add, self._copy, self._again, self._why):
            style.set_role(button, "quiet")
            button.setIconSize(QSize(16, 16))
            layout.addWidget(button)
        layout.addWidget(self._build_versions())
        layout.addWidget(self._about, 1)
        self._footer.hide()

    def _build_versions(self) -> QWidget:
        self._chooser = QWidget(self._footer)
        self._older, self._newer = QToolButton(self._chooser), QToolButton(self._chooser)
        self._which = QLabel(self._chooser)
        style.set_role(self._which, "muted")
        layout = QHBoxLayout(self._chooser)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for button, icon, words, step in (
            (self._older, "back", self.tr("The answer before"), -1),
            (self._newer, "forward", self.tr("The answer after it"), 1),
        ):
            button.setIcon(style.icon(icon))
            button.setToolTip(words)
            button.setAccessibleName(words)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            style.set_role(button, "quiet")
            button.clicked.connect(lambda _checked, step=step: self.version_requested.emit(self._version + step))
        for widget in (self._older, self._which, self._newer):
            layout.addWidget(widget)
        self._chooser.hide()
        return self._chooser

    # ------------------------------------------------------------ what happens

    @property
    def answer(self) -> Answer | None:
        """The complete answer; null before it is there, and where it failed."""
        return self._answer

    @property
    def failure(self) -> str:
        """Why there is no answer, or no more of it; "" where all is well."""
        return "" if self._failure.isHidden() else self._failure.text()

    @property
    def sources(self) -> Sources | None:
        """What stands below the answer; null before it is complete."""
        return self._sources

    @property
    def form(self) -> AnswerForm | None:
        """The values of a structured answer; null where it is none."""
        return self._form

    @property
    def phase(self) -> str:
        """What is being done while there is nothing to read yet."""
        return "" if self._waiting.isHidden() else self._phase.text()

    @property
    def is_waiting(self) -> bool:
        """Whether anything of this answer is still under way."""
        return self._clock.isActive() or self._flush_timer.isActive()

    @property
    def text_widget(self) -> AnswerText:
        return self._text

    @property
    def thinking_toggle(self) -> QToolButton:
        return self._thinking_toggle

    @property
    def ask_again_button(self) -> QPushButton:
        return self._again

    @property
    def inspect_button(self) -> QPushButton:
        return self._why

    @property
    def older_button(self) -> QToolButton:
        return self._older

    @property
    def newer_button(self) -> QToolButton:
        return self._newer

    @property
    def about_text(self) -> str:
        """Who wrote it, and how long that took."""
        return self._about.text()

    @property
    def version_text(self) -> str:
        """Which of its versions is shown; "" where there is one."""
        return "" if self._chooser.isHidden() else self._which.text()

    @property
    def marks(self) -> list[str]:
        """What is said about the kind of the answer, above it."""
        return [mark.text for mark in self._marks if mark.text]

    @property
    def text(self) -> str:
        """The answer's words as they stand on the screen."""
        return self._text.toPlainText()

    def begin(self, waiting_for_engine: bool) -> None:
        """Forget what was here: the question is on its way."""
        self._answer = None
        self._pending = ""
        self._waiting_for_engine = waiting_for_engine
        for field in (self._text, self._thinking):
            field.clear()
            field.hide()
        if self._sources is not None:
            self._sources.deleteLater()
            self._sources = None
        if self._form is not None:
            self._form.hide()
            self._form.deleteLater()
            self._form = None
        for part in (self._heading, self._failure, self._footer, *self._marks):
            part.hide()
        self._thinking_toggle.hide()
        self._enter_phase(self.tr("Starting the engine…") if waiting_for_engine else self._looking())
        self._clock.start()

    def show_progress(self, event: messages.Event) -> None:
        """Show a progress event of the job."""
        if isinstance(event, messages.ModelLoading):
            percent = round(100 * event.fraction)
            self._loading.setRange(0, 100)
            self._loading.setValue(percent)
            self._enter_phase(self.tr("Loading {name}… {percent} %").format(name=event.name, percent=percent))
            self._loading.show()
        elif isinstance(event, messages.SourcesFound):
            count = len(event.hits)
            one = self.tr("Reading 1 passage…")
            self._enter_phase(one if count == 1 else self.tr("Reading {count} passages…").format(count=count))
        elif isinstance(event, messages.WholeProgress):
            self._show_steps(event)
        elif isinstance(event, messages.AnswerText):
            self._take_text(event)

    def show_versions(self, version: int, versions: int) -> None:
        """This is number ``version`` of ``versions``; the others can be gone to."""
        self._version, self._versions = version, versions
        self._which.setText(f"{version}/{versions}")
        self._which.setAccessibleName(
            self.tr("Answer {version} of {versions}").format(version=version, versions=versions)
        )
        self._older.setEnabled(version > 1)
        self._newer.setEnabled(version < versions)
        self._chooser.setVisible(versions > 1)

    def show_approval(self, approved: str, *, offered: bool, complete: bool) -> None:
        """Show whether the answer is kept as an example; where it cannot be, the buttons are not ``offered``."""
        self.approval.setVisible(offered)
        self.approval.show_state(approved, complete=complete)

    def set_busy(self, on: bool) -> None:
        """While an answer is written, no other can be asked for."""
        self._again.setEnabled(not on)
        self._chooser.setEnabled(not on)

    def finish(self, event: messages.Answered) -> None:
        """Show the complete answer."""
        self._stop_waiting()
        answer = self._answer = event.answer
        if event.thinking:
            self._thinking.setPlainText(event.thinking)
            self._thinking_toggle.show()
            self._on_thinking_toggled(self._thinking_toggle.isChecked())
        self._show_marks(answer)
        if answer.format == "text":
            self._text.set_answer(
                answer.answer, {citation.number: citation for citation in answer.citations}, answer.unsupported
            )
        else:
            self._text.setPlainText(answer.answer)  # brackets in JSON are no citations
        says_no_more = not answer.found and answer.answer.strip(" .\n").casefold() == _NOT_FOUND
        self._text.setVisible(bool(answer.answer) and not says_no_more)
        self._failure.hide()  # it may have been given up already
        if event.stopped:
            self._say(self._failure, self.tr("Stopped here."), "muted")
        elif not answer.found and not answer.general:
            self._say(self._heading, self.tr("Not found in your documents"), "heading")
        if answer.format != "text":
            self._show_form(answer)
        said = bool(answer.values) or not answer.valid  # the form says itself what nothing supports
        shown = msgspec.structs.replace(answer, unsupported=[]) if said else answer
        self._sources = Sources(shown, self)
        self._sources.citation_activated.connect(self.citation_activated)
        self._layout.insertWidget(self._layout.indexOf(self._footer), self._sources)
        self._about.say(self._about_words(answer))
        self._show_footer(copy=bool(answer.answer), why=event.turn is not None)
        self._announce(self._text.toPlainText())

    def _show_form(self, answer: Answer) -> None:
        form = self._form = AnswerForm(answer, self)
        form.citation_activated.connect(self.citation_activated)
        form.text_toggled.connect(self._text.setVisible)
        self._text.setVisible(bool(answer.answer) and not answer.values)
        self._layout.insertWidget(self._layout.indexOf(self._text), form)

    def fail(self, failure: Failure) -> None:
        """Show why there is no answer; what was written stays."""
        self._flush()
        self._stop_waiting()
        stopped = failure.code == Code.CANCELLED
        sentence = phrases.failure_sentence(failure)
        self._say(self._failure, sentence, "muted" if stopped else "danger")
        self._about.say("")
        self._show_footer(copy=False, add=failure.code == Code.LIBRARY_EMPTY)
        self._announce(sentence)

    def copy(self) -> None:
        """Put the answer and its sources on the clipboard, as plain text."""
        if self._answer is not None:
            QGuiApplication.clipboard().setText(self._as_plain_text(self._answer))

    # ------------------------------------------------------------ inside

    def _looking(self) -> str:
        return self.tr("Looking in your documents…")

    def engine_is_ready(self) -> None:
        """The engine was waited for, and has begun."""
        if self._waiting_for_engine:
            self._waiting_for_engine = False
            self._enter_phase(self._looking())

    def _enter_phase(self, words: str, outlook: str = "") -> None:
        self._phase_words = words
        self._outlook = outlook
        self._phase_since = time.monotonic()
        self._loading.hide()
        self._waiting.show()
        self._show_phase()

    def _show_phase(self) -> None:
        seconds = int(time.monotonic() - self._phase_since)
        late = f"  {seconds} s" if seconds >= _PATIENCE_SECONDS else ""
        outlook = f"  ·  {self._outlook}" if self._outlook else ""
        self._phase.setText(self._phase_words + late + outlook)

    def _show_steps(self, event: messages.WholeProgress) -> None:
        part = self.tr("Reading part {part} of {parts}…").format(
            part=min(event.done + 1, event.steps), parts=event.steps
        )
        left = ""
        if event.seconds_left is not None:
            left = self.tr("{time} left").format(time=phrases.duration_words(event.seconds_left))
        self._loading.setRange(0, max(event.steps, 1))
        self._loading.setValue(event.done)
        self._enter_phase(part, left)
        self._loading.show()

    def _show_marks(self, answer: Answer) -> None:
        if answer.general:
            self._general.say(
                self.tr("From the model's general knowledge, not from your documents. Nothing here was verified."),
                "warning",
                "warning",
            )
        if answer.exact:
            self._exact.say(self.tr("In the documents' own words"), "quote", "accent")
        if answer.server:
            self._server.say(
                self.tr("Written by {address}: the question and the passages were sent there.").format(
                    address=answer.server
                ),
                "server",
                "warning",
            )

    def _stop_waiting(self) -> None:
        self._waiting_for_engine = False
        self._clock.stop()
        self._flush_timer.stop()
        self._waiting.hide()

    def _take_text(self, event: messages.AnswerText) -> None:
        if event.thinking:
            if self._thinking_toggle.isHidden():
                self._thinking_toggle.show()
                self._enter_phase(self.tr("Thinking…"))
            self._thinking.append_plain(event.text)
            return
        if not self._waiting.isHidden():
            self._clock.stop()
            self._waiting.hide()
        self._pending += event.text
        if not self._flush_timer.isActive():
            self._flush_timer.start()

    def _flush(self) -> None:
        if not self._pending:
            self._flush_timer.stop()
            return
        text, self._pending = self._pending, ""
        if self._text.isHidden():
            text = text.lstrip()
            self._text.show()
        self._text.append_plain(text)
        self.grown.emit()

    def _on_thinking_toggled(self, on: bool) -> None:
        self._thinking.setVisible(on)
        self._thinking_toggle.setText(self.tr("Hide reasoning") if on else self.tr("Show reasoning"))
        self._thinking_toggle.setIcon(style.icon("down" if on else "forward", "text_muted"))

    def _on_number(self, number: int) -> None:
        for citation in self._answer.citations if self._answer else ():
            if citation.number == number:
                self.citation_activated.emit(citation)
                return

    def _say(self, label: QLabel, words: str, role: str) -> None:
        label.setText(words)
        style.set_role(label, role)
        label.show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.approval.set_narrow(self.width() < _NARROW)

    def _show_footer(self, *, copy: bool, add: bool = False, why: bool = False) -> None:
        self.approval.hide()
        self._add.setVisible(add)
        self._copy.setVisible(copy)
        self._why.setVisible(why)
        self._footer.show()

    def _about_words(self, answer: Answer) -> str:
        adapters = adapter_words.laid_words(adapter_words.laid(answer))
        parts = [answer.assistant, " + ".join(filter(None, (answer.model, adapters)))]
        if answer.milliseconds.total:
            parts.append(self.tr("{seconds} s").format(seconds=f"{answer.milliseconds.total / 1000:.1f}"))
        return " · ".join(part for part in parts if part)

    def _as_plain_text(self, answer: Answer) -> str:
        lines = [answer.answer.strip()]
        if answer.citations:
            lines += ["", self.tr("Sources:")]
        for citation in answer.citations:
            name = PurePath(citation.path).name
            where = phrases.place_words(citation.path, citation.page, citation.page_label)
            place = f"{name}, {where}" if where else name
            quote = " ".join(citation.quote.split())
            doubt = "" if citation.verified else " " + self.tr("(not verified)")
            lines.append(f"[{citation.number}] {place}: “{quote}”{doubt}")
        return "\n".join(lines)

    def _announce(self, words: str) -> None:
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

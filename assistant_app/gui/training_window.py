"""Train an adapter: a window beside the others, from the question whether that is wise to what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QHideEvent, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import phrases, style, training_words
from assistant_app.gui.approvals import Approvals
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.notice import Notice
from assistant_app.gui.training_guide import GuidePanel
from assistant_app.gui.training_result import ResultPanel
from assistant_app.gui.training_run import RunPanel
from assistant_app.gui.trainings import Trainings
from assistant_app.protocol import messages, training
from assistant_app.protocol.training import AdapterCard, Replies, Training

_SIZE = QSize(920, 740)
_COLUMN = 860
"""Pixels: the widest that lines get, because longer ones are hard to read."""

_NAME_WIDTH = 280
_PAUSE_MS = 200
"""After the last change of approvals the guide is asked again."""


class TrainingWindow(QWidget):
    """Shows what :class:`Trainings` knows; may be closed while an adapter is trained."""

    approvals_requested = Signal()
    adapter_used = Signal()
    """The adapter that was trained answers from now on."""

    def __init__(self, link: EngineLink, trainings: Trainings, approvals: Approvals, state: QSettings) -> None:
        super().__init__()  # no child of the window, which could not come in front of it then
        self._link = link
        self._trainings = trainings
        self._state = state
        self._guiding: Job | None = None
        self._on_action: Callable[[], object] | None = None
        self._was_running = False
        self.setWindowTitle(self.tr("Train an adapter"))
        self.setAccessibleName(self.tr("Train an adapter"))
        self.notice = Notice(self)
        self.guide = GuidePanel(self)
        self.begun = QVBoxLayout()
        self.name = QLineEdit(self)
        self.hint = QLabel(self)
        self.train_button = QPushButton(self)
        self.run = RunPanel(self)
        self.result = ResultPanel(self)
        self._stack = QStackedWidget(self)
        self._asking = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._build()
        self.guide.questions.show_replies(self._kept_replies())
        self._connect(approvals)
        geometry = self._state.value("training/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(_SIZE.boundedTo(self.screen().availableSize()))
        self._show_begun()
        self._show_page()

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        self._guide_page = _scrolled(self._make_guide())
        self._result_page = _scrolled(self.result)
        for page in (self._guide_page, self.run, self._result_page):
            self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.notice)
        layout.addWidget(self._stack, 1)

    def _make_guide(self) -> QWidget:
        page = QWidget(self)
        self.name.setMaxLength(2 * training_words.MOST_NAME)  # a longer one is said to be too long, not cut
        self.name.setText(self.tr("my-answers"))
        self.name.setFixedWidth(_NAME_WIDTH)
        self.name.setAccessibleName(self.tr("Name of the adapter"))
        label = QLabel(self.tr("&Name"), page)
        label.setBuddy(self.name)
        style.set_role(self.train_button, "primary")
        self.train_button.setAutoDefault(False)
        self.hint.setWordWrap(True)
        self.hint.setTextFormat(Qt.TextFormat.PlainText)
        style.set_role(self.hint, "muted")
        row = QHBoxLayout()
        row.setSpacing(style.SPACE)
        row.addWidget(label)
        row.addWidget(self.name)
        row.addWidget(self.train_button)
        row.addStretch(1)
        self.begun.setSpacing(style.SPACE)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addLayout(self.begun)
        layout.addWidget(self.guide)
        layout.addLayout(row)
        layout.addWidget(self.hint)
        layout.addStretch(1)
        return page

    def _connect(self, approvals: Approvals) -> None:
        trainings = self._trainings
        self._asking.timeout.connect(self._ask)
        self.guide.changed.connect(self._on_reply)
        self.guide.approvals_requested.connect(self.approvals_requested)
        approvals.changed.connect(self._ask_soon)
        self._link.ready.connect(self._ask_soon)
        self.name.textChanged.connect(lambda _text: self._show_train())
        self.name.returnPressed.connect(self._train)
        self.train_button.clicked.connect(self._train)
        self.run.pause_requested.connect(trainings.pause)
        self.run.stop_requested.connect(lambda discard: trainings.cancel(discard=discard))
        self.result.use_requested.connect(self._use)
        self.result.folder_requested.connect(self._open_folder)
        self.result.again_requested.connect(self._show_guide)
        self.notice.action_triggered.connect(self._act)
        trainings.changed.connect(self._on_changed)
        trainings.trained.connect(self._on_trained)
        trainings.failed.connect(self._on_failed)
        trainings.stopped.connect(self._on_stopped)
        trainings.trouble.connect(self._tell_failure)

    # ------------------------------------------------------------ for the window

    def open(self) -> None:
        """Come to the front, with what is true now."""
        self._trainings.refresh()
        self._ask()
        self._show_page()
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    @property
    def page(self) -> str:
        """What is shown: guide, run or result."""
        return ("guide", "run", "result")[self._stack.currentIndex()]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes, as in any dialog; a training goes on."""
        if event.key() == Qt.Key.Key_Escape:
            if self.run.question.isVisible():
                self.run.question.hide()
            else:
                self.close()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._state.setValue("training/geometry", self.saveGeometry())
        super().hideEvent(event)

    # ------------------------------------------------------------ the guide

    def _kept_replies(self) -> Replies:
        said = {"yes": True, "no": False}
        kept = {name: said.get(str(self._state.value(f"training/{name}", ""))) for name in self.guide.questions.buttons}
        return Replies(**kept)

    def _on_reply(self) -> None:
        replies = self.guide.questions.replies()
        for name in self.guide.questions.buttons:
            reply: bool | None = getattr(replies, name)
            if reply is not None:
                self._state.setValue(f"training/{name}", "yes" if reply else "no")
        self._ask()

    def _ask_soon(self) -> None:
        if self.isVisible():
            self._asking.start()

    def _ask(self) -> None:
        job = self._guiding = self._link.request(training.ReadGuide(replies=self.guide.questions.replies()))
        job.finished.connect(lambda event: self._on_guided(job, event))
        job.failed.connect(lambda failure: self._on_not_guided(job, failure))

    def _on_guided(self, job: Job, event: training.Guided) -> None:
        if job is self._guiding:  # not the answer to older replies
            self.guide.show_guide(event.guide)
            self._show_train()

    def _on_not_guided(self, job: Job, failure: Failure) -> None:
        if job is self._guiding:
            self.guide.advice.show_failure(phrases.failure_sentence(failure))

    def _obstacle(self) -> str:
        """Why no adapter can be trained now; "" where one can."""
        guide = self.guide.guide
        if guide is None:
            return " "
        if not guide.installed:
            return self.tr("Training needs libraries that are not installed: see above.")
        if not guide.supported:
            return training_words.reason_sentence("unsupported_base", guide)
        if not guide.counting:
            return self.tr("There is nothing to learn from yet: no approved answer counts.")
        return training_words.name_problem(self.name.text())

    def _show_train(self) -> None:
        guide, obstacle = self.guide.guide, self._obstacle()
        advised = guide is None or guide.verdict == "train"
        self.train_button.setText(self.tr("&Train") if advised else self.tr("&Train all the same"))
        style.set_role(self.train_button, "primary" if advised else "")
        self.train_button.setEnabled(not obstacle)
        self.train_button.setToolTip(obstacle.strip())
        begun = any(each.name == self.name.text().strip() for each in self._trainings.begun)
        note = self.tr("A training of this name was begun: it is gone on with.") if begun else ""
        self.hint.setText(obstacle.strip() or note)

    # ------------------------------------------------------------ those that were begun

    def _show_begun(self) -> None:
        while (item := self.begun.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for each in self._trainings.begun:
            row = BegunTraining(each, self)
            row.resume_requested.connect(self._trainings.start)
            row.discard_requested.connect(self._ask_discard)
            self.begun.addWidget(row)
        self._show_train()

    def _ask_discard(self, name: str) -> None:
        words = self.tr("Discard the training “{name}” with all that it has learnt?").format(name=name)
        self._say(words, "warning", self.tr("&Discard"), lambda: self._trainings.discard(name))

    # ------------------------------------------------------------ training

    def _train(self) -> None:
        if self.train_button.isEnabled():
            self.notice.close_notice()
            self._trainings.start(self.name.text().strip())

    def _on_changed(self) -> None:
        running = self._trainings.running
        if running is not None and self.isVisible():
            self.run.show_training(running)
        if (running is not None) != self._was_running:
            self._was_running = running is not None
            self.run.begin()
            self._show_page()
            if running is not None and self.isVisible():
                self.run.cancel_button.setFocus(Qt.FocusReason.OtherFocusReason)
        if running is None:
            self._show_begun()

    def _show_page(self) -> None:
        """The run while there is one, then what came of it, else the guide."""
        if self._trainings.running is not None:
            self.run.show_training(self._trainings.running)
            self._stack.setCurrentWidget(self.run)
        elif self.page == "run":
            self._stack.setCurrentWidget(self._guide_page)

    def _show_guide(self) -> None:
        self._stack.setCurrentWidget(self._guide_page)
        self._ask()

    def _on_trained(self, path: str, card: AdapterCard) -> None:
        self.result.show_card(card, path)
        self._stack.setCurrentWidget(self._result_page)
        self.result.use_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_failed(self, name: str, failure: Failure) -> None:
        words = self.tr("The training of “{name}” ended before it was done.").format(name=name)
        self._say(f"{words} {phrases.failure_sentence(failure)}", "danger", "", None)
        self._ask()

    def _on_stopped(self, name: str, discarded: bool) -> None:
        words = self.tr("The training of “{name}” is stopped. You can go on with it.")
        if discarded:
            words = self.tr("The training of “{name}” is stopped and discarded.")
        self._say(words.format(name=name), "info", "", None)
        self._ask()

    # ------------------------------------------------------------ the adapter

    def _use(self) -> None:
        job = self._link.request(messages.UseAdapter(path=self._trainings.path))
        job.finished.connect(lambda _event: self._on_used())
        job.failed.connect(lambda failure: self.result.show_used(False, phrases.failure_sentence(failure)))

    def _on_used(self) -> None:
        self.result.show_used(True)
        self.adapter_used.emit()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(PurePath(self._trainings.path).parent)))

    # ------------------------------------------------------------ what is told

    def _say(self, words: str, kind: str, action: str, does: Callable[[], object] | None) -> None:
        self._on_action = does
        self.notice.say(words, kind, action)

    def _act(self) -> None:
        if self._on_action is not None:
            self._on_action()

    def _tell_failure(self, failure: Failure) -> None:
        if failure.code != Code.ENGINE_DIED:  # the main window says that once, for all jobs
            self._say(phrases.failure_sentence(failure), "warning", "", None)
        if self._trainings.running is not None:
            self.run.show_training(self._trainings.running)


class BegunTraining(QFrame):
    """A training that was begun and can be gone on with."""

    resume_requested = Signal(str)
    discard_requested = Signal(str)

    def __init__(self, begun: Training, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        state = training_words.state_words(begun)
        self.words = QLabel(self.tr("Training “{name}”: {state}").format(name=begun.name, state=_small(state)), self)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.resume_button = QPushButton(self.tr("Resume"), self)
        self.resume_button.setAccessibleName(self.tr("Resume the training “{name}”").format(name=begun.name))
        self.discard_button = QPushButton(self.tr("Discard"), self)
        self.discard_button.setAccessibleName(self.tr("Discard the training “{name}”").format(name=begun.name))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, style.SPACE, style.SPACE, style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.words, 1)
        for button in (self.discard_button, self.resume_button):
            button.setAutoDefault(False)
            button.setVisible(begun.state == "stopped")
            layout.addWidget(button)
        self.resume_button.clicked.connect(lambda: self.resume_requested.emit(begun.name))
        self.discard_button.clicked.connect(lambda: self.discard_requested.emit(begun.name))


def _scrolled(content: QWidget) -> QScrollArea:
    """``content`` in the middle, at most :data:`_COLUMN` wide, scrolled where it is higher than the window."""
    content.setMaximumWidth(_COLUMN)
    body = QWidget()
    row = QHBoxLayout(body)
    row.setContentsMargins(0, 0, style.SPACE, 0)
    row.addStretch(1)
    row.addWidget(content, 1000)
    row.addStretch(1)
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setWidget(body)
    return scroll


def _small(words: str) -> str:
    return words[:1].lower() + words[1:]

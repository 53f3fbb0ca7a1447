"""A training that runs: what is being done, how the loss falls, how long it takes, and a way to pause or stop it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import style, training_words
from assistant_app.gui.loss_plot import LossPlot
from assistant_app.protocol.training import Training


class StopQuestion(QFrame):
    """Asked before a training is stopped: is what it has learnt kept? Hidden while nobody asks."""

    kept = Signal()
    discarded = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self.words = QLabel(
            self.tr(
                "Stop the training? What it has learnt until its last checkpoint can be kept, so that you can go on"
                " with it later, or be discarded for good. No adapter comes out of it now, either way."
            ),
            self,
        )
        self.words.setWordWrap(True)
        self.keep_button = QPushButton(self.tr("Stop and &keep it"), self)
        self.discard_button = QPushButton(self.tr("Stop and &discard it"), self)
        style.set_role(self.discard_button, "danger")
        self.stay_button = QPushButton(self.tr("&Go on training"), self)
        style.set_role(self.stay_button, "primary")
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addStretch(1)
        for button in (self.discard_button, self.keep_button, self.stay_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 12, 2 * style.SPACE, 12)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.words)
        layout.addLayout(buttons)
        self.keep_button.clicked.connect(self.kept)
        self.discard_button.clicked.connect(self.discarded)
        self.stay_button.clicked.connect(self.hide)
        self.hide()

    def ask(self) -> None:
        self.show()
        self.stay_button.setFocus(Qt.FocusReason.OtherFocusReason)


class RunPanel(QWidget):
    """Shows a :class:`Training`; what the person wants it says by signals."""

    pause_requested = Signal(bool)
    """False: go on."""

    stop_requested = Signal(bool)
    """True: and discard what was learnt."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_paused = False
        self.title = QLabel(self)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        style.set_role(self.title, "heading")
        self.phase = QLabel(self)
        self.left = QLabel(self)
        style.set_role(self.left, "muted")
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the training"))
        self.plot = LossPlot(self)
        words = QLabel(
            self.tr("The loss says how far the model is from your answers: less is nearer. You can close this window."),
            self,
        )
        words.setWordWrap(True)
        style.set_role(words, "muted")
        self.question = StopQuestion(self)
        self.pause_button = QPushButton(style.icon("pause"), self.tr("&Pause"), self)
        self.cancel_button = QPushButton(style.icon("close"), self.tr("&Stop…"), self)
        line = QHBoxLayout()
        line.addWidget(self.phase, 1)
        line.addWidget(self.left)
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addWidget(words, 1)
        for button in (self.pause_button, self.cancel_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.title)
        layout.addLayout(line)
        layout.addWidget(self.bar)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.question)
        layout.addLayout(buttons)
        self.pause_button.clicked.connect(self._on_pause)
        self.cancel_button.clicked.connect(self.question.ask)
        self.question.kept.connect(lambda: self._stop(discard=False))
        self.question.discarded.connect(lambda: self._stop(discard=True))

    def begin(self) -> None:
        """Another training begins."""
        self.question.hide()
        self.cancel_button.setEnabled(True)

    def show_training(self, training: Training) -> None:
        """Show how far it is."""
        self.title.setText(self.tr("Training “{name}”").format(name=training.name))
        self.phase.setText(training_words.state_words(training))
        self.left.setText(training_words.left_words(training))
        indefinite = training.state in ("preparing", "exporting", "measuring") or not training.steps
        self.bar.setRange(0, 0 if indefinite else training.steps)
        if not indefinite:
            self.bar.setValue(training.step)
        self.plot.show_losses(training.losses, training.steps)
        self._show_paused(training.state == "paused")
        self.pause_button.setEnabled(training.state in ("training", "paused"))

    def _show_paused(self, on: bool) -> None:
        if on != self._is_paused:
            self._is_paused = on
            self.pause_button.setText(self.tr("&Resume") if on else self.tr("&Pause"))
            self.pause_button.setIcon(style.icon("forward" if on else "pause"))

    def _on_pause(self) -> None:
        self.pause_button.setEnabled(False)  # until the engine says that it is so
        self.pause_requested.emit(not self._is_paused)

    def _stop(self, *, discard: bool) -> None:
        self.question.hide()
        self.cancel_button.setEnabled(False)
        self.phase.setText(self.tr("Stopping…"))
        self.stop_requested.emit(discard)

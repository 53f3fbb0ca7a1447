"""Before documents are read as a whole: how long that takes, and whether it is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.gui.settings_page import number_text
from assistant_app.protocol import messages
from assistant_app.protocol.records import TurnKind


class WholeProposal(QFrame):
    """Asks for the estimate by itself, and tells what the person decided."""

    started = Signal()
    left = Signal()

    def __init__(self, link: EngineLink, paths: Sequence[str], parent: QWidget | None = None) -> None:
        """``paths`` are one document, to summarise, or two, to compare."""
        super().__init__(parent)
        self.paths = list(paths)
        self.kind: TurnKind = "summary" if len(self.paths) == 1 else "comparison"
        names = [PurePath(path).name for path in self.paths]
        self.title = (
            self.tr("Summarise “{name}”").format(name=names[0])
            if self.kind == "summary"
            else self.tr("Compare “{one}” and “{other}”").format(one=names[0], other=names[1])
        )
        style.set_role(self, "card")
        heading = QLabel(self.title, self)
        heading.setTextFormat(Qt.TextFormat.PlainText)
        heading.setWordWrap(True)
        style.set_role(heading, "strong")
        self._words = QLabel(self.tr("Working out how long it takes…"), self)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        style.set_role(self._words, "muted")
        self.start_button = QPushButton(self.tr("S&tart"), self)
        style.set_role(self.start_button, "primary")
        self.start_button.clicked.connect(self.started)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        self.cancel_button.clicked.connect(self.left)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.start_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 12, 2 * style.SPACE, 12)
        layout.setSpacing(style.SPACE)
        for widget in (heading, self._words):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        job = link.request(messages.EstimateWhole(paths=self.paths))
        job.finished.connect(self._on_estimated)
        job.failed.connect(self._on_failed)

    @property
    def words(self) -> str:
        """What is said about it."""
        return self._words.text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape is as good as Cancel, and Enter presses the button that has the focus."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.start_button.hasFocus():
            self.started.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.cancel_button.hasFocus():
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def _on_estimated(self, event: messages.WholeEstimated) -> None:
        passages = self.tr("1 passage") if event.passages == 1 else self.tr("{count} passages")
        steps = self.tr("1 step") if event.steps == 1 else self.tr("{count} steps")
        extent = self.tr("Everything in it is read: {passages} in {steps}.")
        if self.kind == "comparison":
            extent = self.tr("Everything in both is read: {passages} in {steps}.")
        time = self.tr("How long that takes is known after the first step.")
        if event.seconds is not None:
            words = phrases.duration_words(event.seconds)
            time = self.tr("That takes {time}; it can be stopped at any time.").format(time=words)
        said = extent.format(
            passages=passages.format(count=number_text(event.passages)),
            steps=steps.format(count=number_text(event.steps)),
        )
        self._words.setText(f"{said} {time}")

    def _on_failed(self, failure: Failure) -> None:
        self._words.setText(phrases.failure_sentence(failure))
        style.set_role(self._words, "danger")
        self.start_button.setEnabled(False)

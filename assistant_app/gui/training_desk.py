"""What has to do with approvals and training outside their windows: it opens these, and says how far a training is."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from assistant_app.errors import Code
from assistant_app.gui import phrases, style, training_words
from assistant_app.gui.approvals import Approvals
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.gui.trainings import Trainings
from assistant_app.protocol.training import AdapterCard

if TYPE_CHECKING:
    from assistant_app.gui.approvals_window import ApprovalsWindow
    from assistant_app.gui.training_window import TrainingWindow


class TrainingDesk(QObject):
    """Belongs to the main window, which puts :attr:`status` where it is always seen."""

    told = Signal(str, str, str, object)
    """A sentence, its kind (see :class:`Notice`), the words of one thing to do about it, and what does it."""

    adapter_used = Signal()
    """An adapter that was trained answers from now on."""

    def __init__(self, link: EngineLink, state: QSettings, window: QWidget) -> None:
        super().__init__(window)
        self._link = link
        self._state = state
        self.approvals = Approvals(link, self)
        self.trainings = Trainings(link, self)
        self.status = QPushButton(style.icon("adapter"), "", window)
        self.status.setToolTip(self.tr("Show the training"))
        self.status.setAccessibleName(self.status.toolTip())
        style.set_role(self.status, "quiet")
        self.status.hide()
        self.status.clicked.connect(self.show_training)
        self._approvals_window: ApprovalsWindow | None = None
        self._training_window: TrainingWindow | None = None
        self.trainings.changed.connect(self._show_status)
        self.trainings.trained.connect(self._tell_trained)
        self.trainings.failed.connect(self._tell_failed)

    # ------------------------------------------------------------ the windows

    @property
    def approvals_window(self) -> ApprovalsWindow | None:
        """Null before it was opened."""
        return self._approvals_window

    @property
    def training_window(self) -> TrainingWindow | None:
        """Null before it was opened."""
        return self._training_window

    def show_approvals(self) -> None:
        """Open the window with the approved answers."""
        self._made_approvals_window().open()

    def show_approval(self, turn: int) -> None:
        """Open the window with the approved answers at that of a turn."""
        self._made_approvals_window().open(turn)

    def show_training(self) -> None:
        """Open the window where an adapter is trained."""
        if self._training_window is None:
            from assistant_app.gui.training_window import TrainingWindow  # the window starts sooner without it

            made = self._training_window = TrainingWindow(self._link, self.trainings, self.approvals, self._state)
            self.destroyed.connect(made.deleteLater)
            made.approvals_requested.connect(self.show_approvals)
            made.adapter_used.connect(self.adapter_used)
        self._training_window.open()

    def refresh(self) -> None:
        """The engine is there (again): ask which trainings can be gone on with."""
        self.trainings.refresh()
        self.approvals.refresh_known()

    @property
    def has_unsaved(self) -> bool:
        """Whether something was typed for an approved answer and not saved."""
        return self._approvals_window is not None and bool(self._approvals_window.editor.unsaved)

    def show_unsaved(self) -> None:
        """Show what was typed and not saved."""
        self._made_approvals_window().show_unsaved()

    def close_windows(self) -> None:
        for window in (self._approvals_window, self._training_window):
            if window is not None:
                window.close()

    def _made_approvals_window(self) -> ApprovalsWindow:
        if self._approvals_window is None:
            from assistant_app.gui.approvals_window import ApprovalsWindow  # the window starts sooner without it

            made = self._approvals_window = ApprovalsWindow(self.approvals, self._state)
            self.destroyed.connect(made.deleteLater)
            made.train_requested.connect(self.show_training)
        return self._approvals_window

    # ------------------------------------------------------------ how far it is

    def _show_status(self) -> None:
        running, begun = self.trainings.running, self.trainings.begun
        words = ""
        if running is not None:
            parts = (running.name, training_words.state_words(running), training_words.left_words(running))
            words = " · ".join(part for part in parts if part)
        elif begun:
            words = " · ".join((begun[0].name, training_words.state_words(begun[0])))
        self.status.setText(words)
        self.status.setAccessibleName(words or self.status.toolTip())
        self.status.setVisible(bool(words))

    def _is_looked_at(self) -> bool:
        return self._training_window is not None and self._training_window.isVisible()

    def _tell_trained(self, path: str, card: AdapterCard) -> None:
        if not self._is_looked_at():
            words = self.tr("The adapter “{name}” is trained. {better}")
            said = words.format(name=PurePath(path).stem, better=training_words.better_sentence(card))
            self.told.emit(said, "info", self.tr("Sho&w it"), self.show_training)

    def _tell_failed(self, name: str, failure: Failure) -> None:
        if not self._is_looked_at() and failure.code != Code.ENGINE_DIED:  # that is said once, for all jobs
            words = self.tr("The training of “{name}” ended before it was done.").format(name=name)
            said = f"{words} {phrases.failure_sentence(failure)}"
            self.told.emit(said, "warning", self.tr("Sho&w it"), self.show_training)

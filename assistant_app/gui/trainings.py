"""Training an adapter as the window knows it: the one that runs, and those that can be gone on with.

It runs on whether or not a window shows it.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from assistant_app.errors import Code
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.protocol import messages, training
from assistant_app.protocol.training import AdapterCard, Training


class Trainings(QObject):
    """One training at a time."""

    changed = Signal()
    """The training that runs is further on, or there is another list of those that can be gone on with."""

    trained = Signal(str, object)
    """The adapter is there: its path, and its :class:`AdapterCard`."""

    failed = Signal(str, object)
    """The name of a training, and the :class:`Failure` that ended it; what was learnt until then is kept."""

    stopped = Signal(str, bool)
    """The person stopped the training of this name; True where what it had learnt was discarded."""

    trouble = Signal(object)
    """Carries a :class:`Failure` of something else than training."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._job: Job | None = None
        self._discards = False
        self.running: Training | None = None
        """As it was told last; ``losses`` are those of all steps."""

        self.begun: list[Training] = []
        """Those that can be gone on with."""

        self.card: AdapterCard | None = None
        """Of the adapter that was trained last."""

        self.path = ""
        """Of its file."""

    def refresh(self) -> None:
        """Ask which trainings there are; where the engine cannot tell, none."""
        job = self._link.request(training.ListTrainings())
        job.finished.connect(self._on_listed)

    def start(self, name: str) -> None:
        """Train an adapter, or go on with one that was begun under this name; ignored while one is trained."""
        if self._job is not None:
            return
        begun = next((each for each in self.begun if each.name == name), None)
        losses = list(begun.losses) if begun is not None else []
        steps = begun.steps if begun is not None else 0
        self.running = Training(name=name, state="preparing", step=len(losses), steps=steps, losses=losses)
        self.begun = [each for each in self.begun if each.name != name]
        self._discards = False
        job = self._job = self._link.request(training.TrainAdapter(name=name))
        job.progressed.connect(self._on_progress)
        job.finished.connect(self._on_trained)
        job.failed.connect(self._on_failed)
        self.changed.emit()

    def pause(self, on: bool) -> None:
        """Stop after the step in hand, or go on."""
        job = self._link.request(training.PauseTraining(paused=on))
        job.failed.connect(self.trouble)

    def cancel(self, *, discard: bool) -> None:
        """Stop the training; ``discard`` deletes what was learnt, else it can be gone on with later."""
        if self._job is not None:
            self._discards = discard
            self._job.cancel()

    def discard(self, name: str) -> None:
        """Delete a training that was begun."""
        job = self._link.request(training.DiscardTraining(name=name))
        job.finished.connect(self._on_listed)
        job.failed.connect(self.trouble)

    # ------------------------------------------------------------ inside

    def _on_listed(self, event: messages.Event) -> None:
        if not isinstance(event, training.Trainings):
            return
        running = self.running.name if self.running is not None else None
        self.begun = [each for each in event.trainings if each.name != running]
        self.changed.emit()

    def _on_progress(self, event: messages.Event) -> None:
        if not isinstance(event, training.TrainingProgress) or self.running is None:
            return
        told, losses = event.training, self.running.losses
        if told.loss is not None and told.step > 0:
            del losses[told.step - 1 :]  # gone back to a checkpoint, those steps are done again
            # Steps that were not told one by one have the loss of the next one that was.
            losses.extend([told.loss] * (told.step - len(losses)))
        told.losses = losses
        self.running = told
        self.changed.emit()

    def _on_trained(self, event: messages.Event) -> None:
        self._end()
        if isinstance(event, training.AdapterTrained):
            self.path, self.card = event.path, event.card
            self.trained.emit(event.path, event.card)
        self.refresh()

    def _on_failed(self, failure: Failure) -> None:
        name = self.running.name if self.running is not None else ""
        discards = self._discards
        self._end()
        if failure.code == Code.CANCELLED:
            self.stopped.emit(name, discards)
        else:
            self.failed.emit(name, failure)
        if discards:
            self.discard(name)
        else:
            self.refresh()

    def _end(self) -> None:
        self._job = None
        self.running = None
        self.changed.emit()

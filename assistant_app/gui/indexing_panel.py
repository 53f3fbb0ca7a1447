"""How far indexing is, over all files: done and to do, speed, time left, and a way to stop."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import style
from assistant_app.protocol.messages import IndexProgress


class IndexingPanel(QFrame):
    """Hidden while nothing is indexed."""

    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self._words = QLabel(self)
        self._rest = QLabel(self)
        style.set_role(self._rest, "muted")
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of reading the documents"))
        self._cancel = QPushButton(self.tr("&Cancel"), self)
        self._cancel.setToolTip(self.tr("Stop reading; what was read stays in the library"))
        self._cancel.clicked.connect(self._on_cancel)
        line = QHBoxLayout()
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self._words)
        texts.addWidget(self._rest)
        line.addLayout(texts, 1)
        line.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, style.SPACE, style.SPACE, 12)
        layout.setSpacing(style.SPACE)
        layout.addLayout(line)
        layout.addWidget(self._bar)
        self.hide()

    @property
    def cancel_button(self) -> QPushButton:
        return self._cancel

    def begin(self) -> None:
        """Files were handed over; nothing is known of them yet."""
        if self.isHidden():
            self._words.setText(self.tr("Adding documents"))
            self._rest.setText(self.tr("Waiting for the engine"))
            self._bar.setRange(0, 1)
            self._bar.setValue(0)
            self._cancel.setEnabled(True)
            self.show()

    def end(self) -> None:
        self.hide()

    def show_progress(self, event: IndexProgress) -> None:
        """Show the job's progress; the file in hand counts by its pages."""
        total = max(event.files_total, 1)
        in_hand = event.pages_done / event.pages_total if event.pages_total else 0.0
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * min((event.files_done + 0.95 * in_hand) / total, 1.0)))
        at = min(event.files_done + 1, total)
        self._words.setText(self.tr("Document {number} of {total}").format(number=at, total=total))
        parts = []
        if event.pages_per_second:
            parts.append(self.tr("{speed} pages/s").format(speed=round(event.pages_per_second)))
        if event.seconds_left is not None:
            parts.append(self._time_left(event.seconds_left))
        self._rest.setText(" · ".join(parts) or self.tr("Reading"))

    def _time_left(self, seconds: float) -> str:
        if seconds < 60:
            return self.tr("{seconds} s left").format(seconds=max(round(seconds), 1))
        if seconds < 3600:
            return self.tr("{minutes} min left").format(minutes=round(seconds / 60))
        return self.tr("{hours} h {minutes} min left").format(
            hours=int(seconds // 3600), minutes=int(seconds % 3600 // 60)
        )

    def _on_cancel(self) -> None:
        self._cancel.setEnabled(False)
        self._words.setText(self.tr("Stopping"))
        self.cancel_requested.emit()

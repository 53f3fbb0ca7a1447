"""Another embedding model was chosen: how far the library is embedded anew, while everything goes on as before."""

from __future__ import annotations

import time

from PySide6.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from assistant_app.gui import style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.phrases import duration_words
from assistant_app.protocol import messages

_FAIR_SECONDS = 3.0
"""No time left is told before so much was measured."""


class EmbeddingBar(QWidget):
    """Shown while it lasts; hides itself when the new vectors are in use."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._began: tuple[float, int] | None = None
        self._label = QLabel(self)
        self._label.setWordWrap(True)
        style.set_role(self._label, "muted")
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Embedding the library anew"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE // 2)
        layout.addWidget(self._label)
        layout.addWidget(self._bar)
        self.setToolTip(self.tr("Questions are answered with the embedding model before until this is done."))
        self.hide()
        link.event_without_job.connect(self._on_event)
        link.died.connect(self._end)

    @property
    def words(self) -> str:
        return self._label.text()

    def _on_event(self, event: messages.Event) -> None:
        if not isinstance(event, messages.Reembedding):
            return
        if event.done >= event.total:
            self._end()
            return
        now = time.monotonic()
        if self._began is None or event.done < self._began[1]:
            self._began = (now, event.done)
        self._bar.setRange(0, event.total)
        self._bar.setValue(event.done)
        words = self.tr("Embedding the library anew: {done} of {total} passages").format(
            done=f"{event.done:,}", total=f"{event.total:,}"
        )
        since, first = self._began
        if now - since >= _FAIR_SECONDS and event.done > first:
            left = (now - since) / (event.done - first) * (event.total - event.done)
            words += " · " + self.tr("{time} left").format(time=duration_words(left))
        self._label.setText(words)
        self.show()

    def _end(self) -> None:
        self._began = None
        self.hide()

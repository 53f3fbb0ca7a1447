"""How far indexing is: the file in hand and all of them, speed, time left, and buttons to pause and to stop."""

from __future__ import annotations

import os

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import document_words, style
from assistant_app.protocol.messages import IndexProgress


class IndexingPanel(QFrame):
    """Hidden while nothing is indexed."""

    cancel_requested = Signal()
    pause_requested = Signal(bool)
    """True to pause, False to go on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self._event: IndexProgress | None = None
        self._is_paused = False
        self._is_stopping = False
        self._words = QLabel(self)
        style.set_role(self._words, "strong")
        self._file = QLabel(self)
        self._page = QLabel(self)
        self._rest = QLabel(self)
        for label in (self._file, self._page, self._rest):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setMinimumWidth(0)
        for label in (self._page, self._rest):
            style.set_role(label, "muted")
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of reading the documents"))
        self._pause = QPushButton(self)
        self._pause.clicked.connect(self._on_pause)
        self._cancel = QPushButton(self.tr("&Cancel"), self)
        self._cancel.setToolTip(self.tr("Stop reading; what was read stays in the library"))
        self._cancel.clicked.connect(self._on_cancel)
        for button in (self._pause, self._cancel):  # a click leaves the keyboard where it is: the panel goes by itself
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._lay_out()
        self.set_paused(False)
        self.hide()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addStretch(1)
        buttons.addWidget(self._pause)
        buttons.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, style.SPACE, 12, 12)
        layout.setSpacing(style.SPACE // 4)
        for widget in (self._words, self._file, self._page):
            layout.addWidget(widget)
        layout.addSpacing(style.SPACE // 2)
        layout.addWidget(self._bar)
        layout.addSpacing(style.SPACE // 2)
        layout.addWidget(self._rest)
        layout.addSpacing(style.SPACE // 2)
        layout.addLayout(buttons)

    @property
    def cancel_button(self) -> QPushButton:
        return self._cancel

    @property
    def pause_button(self) -> QPushButton:
        return self._pause

    @property
    def words(self) -> list[str]:
        """What the panel says now, line by line."""
        return [label.text() for label in (self._words, self._file, self._page, self._rest)]

    def begin(self) -> None:
        """Files were handed over; nothing is known of them yet."""
        if self.isHidden():
            self._event = None
            self._is_stopping = False
            self._bar.setRange(0, 1)
            self._bar.setValue(0)
            self._show()
            self.show()

    def end(self) -> None:
        self._event = None
        self.hide()

    def set_paused(self, on: bool) -> None:
        """Say that indexing stands still, and offer to go on; or the other way round."""
        self._is_paused = on
        self._pause.setEnabled(not self._is_stopping)
        self._pause.setText(self.tr("Res&ume") if on else self.tr("Pa&use"))
        self._pause.setToolTip(
            self.tr("Go on reading") if on else self.tr("Stand still, to leave the computer to other work")
        )
        self._show()

    def show_progress(self, event: IndexProgress) -> None:
        """Show the job's progress; the file in hand counts by its pages."""
        self._event = event
        total = max(event.files_total, 1)
        in_hand = event.pages_done / event.pages_total if event.pages_total else 0.0
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * min((event.files_done + 0.95 * in_hand) / total, 1.0)))
        self._show()

    def _show(self) -> None:
        event = self._event
        self._words.setText(self._headline(event))
        self._show_file()
        self._page.setText(document_words.progress_words(event) if event else self.tr("Waiting for the engine"))
        self._rest.setText("" if self._is_paused else self._speed(event))
        self._rest.setVisible(bool(self._rest.text()))
        self._file.setVisible(event is not None)

    def _headline(self, event: IndexProgress | None) -> str:
        if self._is_stopping:
            return self.tr("Stopping")
        if event is None:
            return self.tr("Paused") if self._is_paused else self.tr("Adding documents")
        total = max(event.files_total, 1)
        words = self.tr("Paused at document {number} of {total}") if self._is_paused else ""
        words = words or self.tr("Document {number} of {total}")
        number = self.locale().toString
        return words.format(number=number(min(event.files_done + 1, total)), total=number(total))

    def _show_file(self) -> None:
        name = os.path.basename(self._event.path) if self._event else ""
        room = max(self.width() - 24, 40)
        self._file.setText(self._file.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, room))
        self._file.setToolTip(self._event.path if self._event else "")

    def _speed(self, event: IndexProgress | None) -> str:
        parts = []
        if event and event.pages_per_second:
            speed = event.pages_per_second
            shown = str(round(speed)) if speed >= 10 else f"{speed:.1f}"
            parts.append(self.tr("{speed} pages/s").format(speed=shown))
        if event and event.seconds_left is not None:
            parts.append(self._time_left(event.seconds_left))
        return " · ".join(parts)

    def _time_left(self, seconds: float) -> str:
        if seconds < 60:
            return self.tr("{seconds} s left").format(seconds=max(round(seconds), 1))
        if seconds < 3600:
            return self.tr("{minutes} min left").format(minutes=round(seconds / 60))
        return self.tr("{hours} h {minutes} min left").format(
            hours=int(seconds // 3600), minutes=int(seconds % 3600 // 60)
        )

    def _on_pause(self) -> None:
        self.pause_requested.emit(not self._is_paused)

    def _on_cancel(self) -> None:
        self._is_stopping = True
        self._cancel.setEnabled(False)
        self._pause.setEnabled(False)
        self._show()
        self.cancel_requested.emit()

    def showEvent(self, event: object) -> None:
        self._cancel.setEnabled(not self._is_stopping)
        self._pause.setEnabled(not self._is_stopping)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_file()

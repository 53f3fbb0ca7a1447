"""A model that can be downloaded: what it is, how far it is, and buttons to begin, pause, go on and throw away."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.settings_page import Sentence, bytes_text
from assistant_app.protocol.shelf import Download, Offer

_STEPS = 1000


class DownloadRow(QFrame):
    """Shows an :class:`Offer`, a :class:`Download`, or both; what the person wants it says by signals."""

    start_requested = Signal()
    """To begin, or to go on."""

    pause_requested = Signal()
    discard_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self.offer: Offer | None = None
        self.download: Download | None = None
        self.title = QLabel(self)
        style.set_role(self.title, "strong")
        self.recommended = QLabel(self.tr("Recommended for this computer"), self)
        style.set_role(self.recommended, "success")
        self.facts = QLabel(self)
        style.set_role(self.facts, "muted")
        self.about = QLabel(self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setRange(0, _STEPS)
        self.state = QLabel(self)
        style.set_role(self.state, "muted")
        self.failure = Sentence(self)
        self.start = QPushButton(self)
        self.pause = QPushButton(style.icon("pause"), self.tr("Pause"), self)
        self.discard = QPushButton(style.icon("trash"), self.tr("Throw away"), self)
        self.start.clicked.connect(self.start_requested)
        self.pause.clicked.connect(self.pause_requested)
        self.discard.clicked.connect(self.discard_requested)
        self._build()

    def _build(self) -> None:
        for label in (self.title, self.facts, self.about, self.state):
            label.setTextFormat(label.textFormat().PlainText)
            label.setWordWrap(True)
        words = QVBoxLayout()
        words.setSpacing(style.SPACE // 2)
        for label in (self.recommended, self.title, self.about, self.facts):
            words.addWidget(label)
        top = QHBoxLayout()
        top.setSpacing(style.SPACE)
        top.addLayout(words, 1)
        for button in (self.discard, self.pause, self.start):
            button.setAutoDefault(False)
            top.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 12, 2 * style.SPACE, 12)
        layout.setSpacing(style.SPACE // 2)
        layout.addLayout(top)
        for widget in (self.bar, self.state, self.failure):
            layout.addWidget(widget)

    def show_offer(self, offer: Offer | None, download: Download | None) -> None:
        """Show what can be downloaded, and what was until now; at least one of them is given."""
        self.offer = offer
        name = offer.name if offer else download.name if download else ""
        self.title.setText(name)
        self.recommended.setVisible(offer is not None and offer.recommended and not offer.installed)
        self.about.setText(offer.about if offer else download.repo if download else "")
        self.facts.setText(_facts(self, offer) if offer else "")
        self.facts.setVisible(offer is not None)
        self.setAccessibleName(name)
        for button, words in (
            (self.start, self.tr("Download {name}")),
            (self.pause, self.tr("Pause the download of {name}")),
            (self.discard, self.tr("Throw away what was downloaded of {name}")),
        ):
            button.setAccessibleName(words.format(name=name))
        self.bar.setAccessibleName(self.tr("Progress of the download of {name}").format(name=name))
        self.show_download(download)

    def show_download(self, download: Download | None) -> None:
        """Show how far it is; null: nothing was begun."""
        self.download = download
        running = download is not None and download.running
        installed = self.offer is not None and self.offer.installed
        self.bar.setVisible(download is not None)
        self.state.setVisible(download is not None)
        self.start.setVisible(not running)
        self.start.setEnabled(not installed)
        if installed:
            self.start.setText(self.tr("Downloaded"))
        else:
            self.start.setText(self.tr("Download") if download is None else self.tr("Go on"))
        self.pause.setVisible(running)
        self.discard.setVisible(download is not None and not running)
        self.state.setText("" if download is None else _state(self, download))
        if download is not None:
            self.bar.setValue(round(_STEPS * download.done / download.total) if download.total else 0)
            self.bar.setAccessibleDescription(self.state.text())


def _facts(widget: QWidget, offer: Offer) -> str:
    memory = widget.tr("for computers with {count} GB of memory").format(count=offer.memory_gib)
    if not offer.fits:
        memory = widget.tr("too large for this computer: it wants {count} GB of memory").format(count=offer.memory_gib)
    size = widget.tr("about {size}").format(size=bytes_text(offer.size))
    return " · ".join((size, memory, widget.tr("licence: {name}").format(name=offer.licence)))


def _state(widget: QWidget, download: Download) -> str:
    if download.running and not download.total:
        return widget.tr("Asking the server…")
    done, total = bytes_text(download.done), bytes_text(download.total)
    if not download.running:
        if not download.total:
            return widget.tr("Begun")
        return widget.tr("Paused: {done} of {total} are there").format(done=done, total=total)
    if download.checking:
        return widget.tr("Comparing the checksum…")
    words = widget.tr("{done} of {total}").format(done=done, total=total)
    if download.bytes_per_second is None or download.seconds_left is None:
        return words
    speed = widget.tr("{size} a second").format(size=bytes_text(round(download.bytes_per_second)))
    left = widget.tr("{time} left").format(time=phrases.duration_words(download.seconds_left))
    return ", ".join((words, speed, left))

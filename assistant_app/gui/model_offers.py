"""Models to download: those that Docent recommends, any other of the hub, and those that were begun."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.download_row import DownloadRow
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.setting_row import LABEL_WIDTH, SettingRow
from assistant_app.gui.settings_page import Sentence
from assistant_app.protocol import messages, shelf
from assistant_app.protocol.shelf import Download, Offer
from assistant_app.settings import Settings

Key = tuple[str, str]
"""Repository and file."""


class ModelOffers(QWidget):
    """Nothing goes out before a person presses a button here."""

    downloaded = Signal(object)
    """A ``records.Model`` that is there now."""

    def __init__(self, link: EngineLink, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self.rows: dict[Key, DownloadRow] = {}
        self._jobs: dict[Key, Job] = {}
        self._list = QVBoxLayout()
        self._list.setSpacing(style.SPACE)
        self.failure = Sentence(self)
        self.repo = QLineEdit(self)
        self.file = QLineEdit(self)
        self.fetch = QPushButton(self.tr("Download"), self)
        self.hub = SettingRow(link, settings, "model.hub", parent=self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addLayout(self._list)
        layout.addLayout(self._make_other())
        layout.addWidget(self.failure)
        layout.addWidget(self.hub)
        self.fetch.clicked.connect(self._fetch_other)
        self.file.returnPressed.connect(self._fetch_other)

    def _make_other(self) -> QGridLayout:
        layout = QGridLayout()
        layout.setHorizontalSpacing(style.SPACE)
        layout.setVerticalSpacing(style.SPACE // 2)
        layout.setColumnStretch(1, 1)
        layout.setColumnStretch(2, 1)
        label = QLabel(self.tr("Another model"), self)
        label.setBuddy(self.repo)
        label.setMinimumWidth(LABEL_WIDTH)
        for field, invitation, words in (
            (self.repo, self.tr("OWNER/NAME"), self.tr("Repository of another model on the hub")),
            (self.file, self.tr("FILE.gguf"), self.tr("File of another model on the hub")),
        ):
            field.setPlaceholderText(invitation)
            field.setAccessibleName(words)
            field.setMinimumHeight(4 * style.SPACE)
        self.fetch.setAccessibleName(self.tr("Download another model"))
        note = QLabel(
            self.tr("As its page on the hub names them: a chat model that anybody may download, as a GGUF file."), self
        )
        note.setWordWrap(True)
        style.set_role(note, "muted")
        for column, widget in enumerate((label, self.repo, self.file, self.fetch)):
            layout.addWidget(widget, 0, column)
        layout.addWidget(note, 1, 1, 1, 3)
        return layout

    # ------------------------------------------------------------ what is offered

    def refresh(self) -> None:
        """Show what is true now."""
        self.hub.show_value()
        self._ask(shelf.ListOffers())

    def flush(self) -> None:
        """Save what was changed a moment ago."""
        self.hub.flush()

    def _ask(self, request: messages.Message) -> None:
        job = self._link.request(request)
        job.finished.connect(self._on_offers)
        job.failed.connect(self._on_failed)

    def _on_failed(self, failure: Failure) -> None:
        self.failure.say(phrases.failure_sentence(failure))

    def _on_offers(self, event: messages.Event) -> None:
        if not isinstance(event, shelf.Offers):
            return
        downloads = {(download.repo, download.file): download for download in event.downloads}
        offers = {(offer.repo, offer.file): offer for offer in event.offers}
        wanted = dict.fromkeys((*offers, *downloads, *(key for key in self.rows if key in self._jobs)))
        for key in [key for key in self.rows if key not in wanted]:
            row = self.rows.pop(key)
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        for key in wanted:
            self._row(key, offers.get(key), downloads.get(key))

    def _row(self, key: Key, offer: Offer | None, download: Download | None) -> DownloadRow:
        if key not in self.rows:
            row = DownloadRow(self)
            row.start_requested.connect(lambda: self.start(*key))
            row.pause_requested.connect(lambda: self.pause(*key))
            row.discard_requested.connect(lambda: self._ask(shelf.DiscardDownload(repo=key[0], file=key[1])))
            self.rows[key] = row
            self._list.addWidget(row)
        if key in self._jobs:  # what its job says is newer, and the engine does not know yet of one that waits
            download = self.rows[key].download or download
        self.rows[key].show_offer(offer, download)
        return self.rows[key]

    # ------------------------------------------------------------ downloading

    def _fetch_other(self) -> None:
        repo, file = self.repo.text().strip(), self.file.text().strip()
        self.failure.say("")
        if repo and file:
            self.start(repo, file)

    def start(self, repo: str, file: str) -> None:
        """Begin a download, or go on with it. Others wait until it is done."""
        key = (repo, file)
        if key in self._jobs:
            return
        self.hub.flush()
        row = self.rows.get(key)
        if row is not None:
            row.failure.say("")
            before = row.download
            total = before.total if before else 0
            done = before.done if before else 0
            row.show_download(
                Download(repo=repo, file=file, name=row.title.text(), done=done, total=total, running=True)
            )
            if self._jobs:
                row.state.setText(self.tr("Waits until the other download is done or paused"))
            row.pause.setFocus()
        job = self._link.request(shelf.DownloadModel(repo=repo, file=file))
        self._jobs[key] = job
        job.progressed.connect(lambda event: self._on_progress(key, event))
        job.finished.connect(lambda event: self._on_done(key, event))
        job.failed.connect(lambda failure: self._on_stopped(key, failure))

    def pause(self, repo: str, file: str) -> None:
        """Stop a download; what is there is kept."""
        job = self._jobs.get((repo, file))
        if job is not None:
            job.cancel()

    def _on_progress(self, key: Key, event: messages.Event) -> None:
        if isinstance(event, shelf.DownloadProgress):
            row = self.rows.get(key)
            if row is None:
                row = self._row(key, None, event.download)
            row.show_download(event.download)

    def _on_done(self, key: Key, event: messages.Event) -> None:
        del self._jobs[key]
        if key == (self.repo.text().strip(), self.file.text().strip()):
            self.repo.clear()
            self.file.clear()
        self._ask(shelf.ListOffers())
        if isinstance(event, shelf.ModelDownloaded):
            self.downloaded.emit(event.model)

    def _on_stopped(self, key: Key, failure: Failure) -> None:
        del self._jobs[key]
        row = self.rows.get(key)
        if failure.code != Code.CANCELLED:
            (self.failure if row is None else row.failure).say(phrases.failure_sentence(failure))
        if row is not None:
            row.start.setFocus()
        self._ask(shelf.ListOffers())

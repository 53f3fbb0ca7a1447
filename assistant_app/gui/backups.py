"""Backing up and restoring the library: which file, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path, PurePath

from PySide6.QtCore import QObject, QSettings, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.settings_page import bytes_text, number_text
from assistant_app.protocol import messages

SUFFIX = "docent"
_MOST_NAMED = 3


class BackupPanel(QFrame):
    """What is done, how far it is, and a way to stop; hidden while nothing is done."""

    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "card")
        self.words = QLabel(self)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the backup"))
        self.cancel = QPushButton(self.tr("Cancel"), self)
        self.cancel.clicked.connect(self._on_cancel)
        texts = QVBoxLayout()
        texts.setSpacing(style.SPACE // 2)
        texts.addWidget(self.words)
        texts.addWidget(self.bar)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, style.SPACE, style.SPACE, style.SPACE)
        layout.setSpacing(2 * style.SPACE)
        layout.addLayout(texts, 1)
        layout.addWidget(self.cancel)
        self.hide()

    def begin(self, words: str) -> None:
        self.words.setText(words)
        self.cancel.setEnabled(True)
        self.bar.setRange(0, 0)
        self.show()

    def show_progress(self, event: messages.BackupProgress) -> None:
        if event.total:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * min(event.done / event.total, 1.0)))

    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancel_requested.emit()


class Backups(QObject):
    """One backup or restoration at a time."""

    told = Signal(str, str, str, object)
    """A sentence, its kind (see :class:`Notice`), the words of one thing to do about it, and what does it."""

    restored = Signal()
    """The library is another one: everything is to be listed again."""

    def __init__(self, link: EngineLink, state: QSettings, window: QWidget) -> None:
        super().__init__(window)
        self._link = link
        self._state = state
        self._window = window
        self._job: Job | None = None
        self.panel = BackupPanel(window)
        self.panel.cancel_requested.connect(self._cancel)

    # ------------------------------------------------------------ what the person chooses

    def choose_backup(self, with_documents: bool) -> None:
        """Let the person choose the file to write."""
        title = self.tr("Back up the library")
        if with_documents:
            title = self.tr("Back up the library with its documents")
        dialog = self._dialog(title)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX)
        dialog.selectFile(f"docent-backup-{date.today().isoformat()}.{SUFFIX}")
        dialog.fileSelected.connect(lambda path: self.back_up(path, with_documents))
        dialog.open()

    def choose_restore(self) -> None:
        """Let the person choose the backup to restore, and ask once."""
        dialog = self._dialog(self.tr("Restore a backup"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.ask_restore)
        dialog.open()

    def ask_restore(self, path: str) -> None:
        """Restore ``path`` if the person says so."""
        name = PurePath(path).name
        box = QMessageBox(self._window)
        picture = style.icon("warning", "warning").pixmap(QSize(40, 40), self._window.devicePixelRatioF())
        box.setIconPixmap(picture)
        box.setWindowTitle(self.tr("Restore a backup"))
        box.setText(self.tr("Put “{name}” in the place of the library?").format(name=name))
        box.setInformativeText(
            self.tr("The library as it is now is kept in a folder beside it, so that nothing is lost.")
        )
        yes = box.addButton(self.tr("&Restore"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        yes.clicked.connect(lambda: self.restore(path))
        box.open()

    def _dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title, str(self._state.value("folders/backup", str(Path.home()))))
        dialog.setNameFilters(
            [self.tr("Backups of Docent (*.{suffix})").format(suffix=SUFFIX), self.tr("All files (*)")]
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self._state.setValue("folders/backup", str(Path(chosen).parent)))
        return dialog

    # ------------------------------------------------------------ what is done

    def back_up(self, path: str, with_documents: bool = False) -> None:
        """Write the library to ``path``."""
        words = self.tr("Backing up to “{name}”").format(name=PurePath(path).name)
        self._begin(messages.BackUp(path=path, with_documents=with_documents), words, self._on_backed_up)

    def restore(self, path: str) -> None:
        """Put the backup ``path`` in the place of the library."""
        words = self.tr("Restoring “{name}”").format(name=PurePath(path).name)
        self._begin(messages.RestoreBackup(path=path), words, self._on_restored)

    def _begin(self, request: messages.Message, words: str, on_done: Callable[[messages.Event], None]) -> None:
        if self._job is not None:
            self.told.emit(self.tr("Another backup is still under way."), "warning", "", None)
            return
        job = self._job = self._link.request(request)
        job.progressed.connect(self.panel.show_progress)
        job.finished.connect(lambda event: self._end(lambda: on_done(event)))
        job.failed.connect(lambda failure: self._end(lambda: self._on_failed(failure)))
        self.panel.begin(words)

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _end(self, then: Callable[[], None]) -> None:
        self._job = None
        self.panel.hide()
        then()

    def _on_backed_up(self, event: messages.Event) -> None:
        assert isinstance(event, messages.BackedUp)
        name = PurePath(event.path).name
        words = self.tr("The library is backed up: “{name}”, {size}.").format(name=name, size=bytes_text(event.size))
        kind = "info"
        if event.left_out:
            kind = "warning"
            words = f"{words} {self._left_out_words(event.left_out)}"
        folder = QUrl.fromLocalFile(str(Path(event.path).parent))
        self.told.emit(words, kind, self.tr("Show the &folder"), lambda: QDesktopServices.openUrl(folder))

    def _left_out_words(self, paths: list[str]) -> str:
        names = ", ".join(PurePath(path).name for path in paths[:_MOST_NAMED])
        names += "…" if len(paths) > _MOST_NAMED else ""
        if len(paths) == 1:
            return self.tr("1 document could not be read and is not in it: {names}.").format(names=names)
        count = number_text(len(paths))
        return self.tr("{count} documents could not be read and are not in it: {names}.").format(
            count=count, names=names
        )

    def _on_restored(self, event: messages.Event) -> None:
        assert isinstance(event, messages.Restored)
        words = self.tr("The library is what the backup holds: {count} documents. The one before is kept in “{name}”.")
        told = words.format(count=number_text(event.documents), name=PurePath(event.kept).name)
        folder = QUrl.fromLocalFile(event.kept)
        self.told.emit(told, "info", self.tr("Show the &folder"), lambda: QDesktopServices.openUrl(folder))
        self.restored.emit()

    def _on_failed(self, failure: Failure) -> None:
        if failure.code == Code.CANCELLED:
            self.told.emit(self.tr("Stopped. Nothing was changed."), "info", "", None)
        elif failure.code != Code.ENGINE_DIED:  # the window says that once, for all jobs
            self.told.emit(phrases.failure_sentence(failure), "warning", "", None)

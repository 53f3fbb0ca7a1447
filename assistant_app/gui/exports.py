"""Writing to files that the person chooses: a conversation for others, and diagnostics for a report of a bug."""

from __future__ import annotations

from datetime import date
from pathlib import Path, PurePath

from PySide6.QtCore import QObject, QSettings, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from assistant_app.errors import Code, DocentError
from assistant_app.gui import conversation_export, phrases
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.protocol import messages


class Exports(QObject):
    """Asks for a place, gets what is to be written from the engine, and says where it is."""

    told = Signal(str, str, str, object)
    """A sentence, its kind (see :class:`Notice`), the words of one thing to do about it, and what does it."""

    def __init__(self, link: EngineLink, state: QSettings, window: QWidget) -> None:
        super().__init__(window)
        self._link = link
        self._state = state
        self._window = window

    # ------------------------------------------------------------ a conversation

    def choose(self, conversation: int, title: str, kind: str) -> None:
        """Let the person choose the file for a conversation; ``kind`` is markdown, pdf or json."""
        names = {"markdown": self.tr("Markdown"), "pdf": self.tr("PDF"), "json": self.tr("JSON")}
        suffix = conversation_export.SUFFIXES[kind]
        dialog = self._dialog(self.tr("Export the conversation"), f"{names[kind]} (*.{suffix})", suffix)
        dialog.selectFile(conversation_export.file_name(title, kind))
        dialog.fileSelected.connect(lambda path: self.export(conversation, path, kind))
        dialog.open()

    def export(self, conversation: int, path: str, kind: str) -> None:
        """Write a conversation, as it was kept, to ``path``."""
        job = self._link.request(messages.OpenConversation(conversation=conversation))
        job.finished.connect(lambda event: self._write(event, path, kind))
        job.failed.connect(self._on_failed)

    def _write(self, event: messages.ConversationOpened, path: str, kind: str) -> None:
        try:
            conversation_export.write(path, conversation_export.export(kind, event.conversation, event.turns))
        except DocentError as error:
            self.told.emit(phrases.reason_sentence(error.code, error.details), "warning", "", None)
            return
        self._tell_written(self.tr("The conversation is written to “{name}”."), path)

    # ------------------------------------------------------------ diagnostics

    def ask_diagnostics(self) -> None:
        """Say what diagnostics hold, and let the person choose the file."""
        box = QMessageBox(QMessageBox.Icon.NoIcon, self.tr("Save diagnostics"), "", parent=self._window)
        box.setText(self.tr("Save a file that helps to find a fault?"))
        box.setInformativeText(
            self.tr(
                "It holds versions, settings, the state of the library in numbers, and timings. It holds no text of"
                " your documents, no questions and no answers. Read it before you give it to anybody: it is plain text."
            )
        )
        save = box.addButton(self.tr("&Save…"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(save)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        save.clicked.connect(self.choose_diagnostics)
        box.open()

    def choose_diagnostics(self) -> None:
        """Let the person choose the file for diagnostics."""
        dialog = self._dialog(self.tr("Save diagnostics"), self.tr("JSON (*.json)"), "json")
        dialog.selectFile(f"docent-diagnostics-{date.today().isoformat()}.json")
        dialog.fileSelected.connect(self.save_diagnostics)
        dialog.open()

    def save_diagnostics(self, path: str) -> None:
        """Have diagnostics written to ``path``."""
        job = self._link.request(messages.SaveDiagnostics(path=path))
        job.finished.connect(lambda _event: self._tell_written(self.tr("Diagnostics are saved in “{name}”."), path))
        job.failed.connect(self._on_failed)

    # ------------------------------------------------------------ inside

    def _dialog(self, title: str, filters: str, suffix: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title, str(self._state.value("folders/export", str(Path.home()))))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        dialog.setNameFilters([filters, self.tr("All files (*)")])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self._state.setValue("folders/export", str(Path(chosen).parent)))
        return dialog

    def _tell_written(self, words: str, path: str) -> None:
        folder = QUrl.fromLocalFile(str(Path(path).parent))
        told = words.format(name=PurePath(path).name)
        self.told.emit(told, "info", self.tr("Show the &folder"), lambda: QDesktopServices.openUrl(folder))

    def _on_failed(self, failure: Failure) -> None:
        if failure.code != Code.ENGINE_DIED:  # the window says that once, for all jobs
            self.told.emit(phrases.failure_sentence(failure), "warning", "", None)

"""The page of the settings for the library: watched folders, scans, where the vectors are kept, backups."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.setting_row import SettingRow
from assistant_app.gui.settings_page import Sentence, SettingsPage, number_text
from assistant_app.gui.watching import Watching
from assistant_app.protocol.records import WatchedFolder
from assistant_app.settings import Settings

_PATH = Qt.ItemDataRole.UserRole
_MOST_ROWS = 6


class LibraryPage(SettingsPage):
    """Each change is made at once, as on the other pages."""

    backup_requested = Signal(bool)
    """True with the documents."""

    restore_requested = Signal()

    def __init__(self, link: EngineLink, settings: Settings, watching: Watching, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Library"), parent)
        self._watching = watching
        self.list = QListWidget(self.body)
        self.add = QPushButton(style.icon("add"), self.tr("Add &folder…"), self.body)
        self.stop = QPushButton(style.icon("close"), self.tr("Stop &watching"), self.body)
        self.sentence = Sentence(self.body)
        self._build_watched()
        self.add_heading(self.tr("Scans"))
        self.ocr = SettingRow(link, settings, "library.ocr", parent=self.body)
        self.column.addWidget(self.ocr)
        self.add_heading(self.tr("Finding"))
        self.embedder = SettingRow(
            link, settings, "library.embedder", invitation=self.tr("Built-in"), folder=True, parent=self.body
        )
        self.reranker = SettingRow(
            link, settings, "library.reranker", invitation=self.tr("None"), folder=True, parent=self.body
        )
        self.column.addWidget(self.embedder)
        self.column.addWidget(self.reranker)
        self.add_heading(self.tr("Where the vectors are kept"))
        note = self.tr("Takes effect at the next start.")
        self.server = SettingRow(
            link, settings, "library.chroma_server", invitation="http://host:8000", note=note, parent=self.body
        )
        self.column.addWidget(self.server)
        self.rows = [self.ocr, self.embedder, self.reranker, self.server]
        self._build_backup()
        self.column.addStretch(1)
        watching.changed.connect(self._show_folders)
        watching.failed.connect(lambda failure: self.sentence.say(phrases.failure_sentence(failure)))

    # ------------------------------------------------------------ parts

    def _build_watched(self) -> None:
        self.add_heading(self.tr("Watched folders"))
        self.add_text(
            self.tr(
                "What is added, changed or deleted in these folders is followed. A folder that is out of reach"
                " deletes nothing."
            )
        )
        self.list.setAccessibleName(self.tr("Watched folders"))
        self.list.setSpacing(2)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        style.set_role(self.list, "choices")
        self.list.currentRowChanged.connect(lambda _row: self._show_buttons())
        self.add.clicked.connect(self._choose_folder)
        self.stop.clicked.connect(self._stop)
        self.column.addWidget(self.list)
        self._add_buttons(self.add, self.stop)
        self.column.addWidget(self.sentence)

    def _build_backup(self) -> None:
        self.add_heading(self.tr("Backup"))
        self.add_text(
            self.tr(
                "One file holds the whole library: what was read, the collections, the settings; and the documents"
                " themselves, if you want."
            )
        )
        self.back_up = QPushButton(self.tr("&Back up…"), self.body)
        self.back_up_all = QPushButton(self.tr("Back up with the &documents…"), self.body)
        self.restore = QPushButton(self.tr("&Restore…"), self.body)
        self.back_up.clicked.connect(lambda: self.backup_requested.emit(False))
        self.back_up_all.clicked.connect(lambda: self.backup_requested.emit(True))
        self.restore.clicked.connect(self.restore_requested)
        self._add_buttons(self.back_up, self.back_up_all, self.restore)

    def _add_buttons(self, *buttons: QPushButton) -> None:
        line = QHBoxLayout()
        line.setSpacing(style.SPACE)
        for button in buttons:
            line.addWidget(button)
        line.addStretch(1)
        self.column.addLayout(line)

    # ------------------------------------------------------------ the page

    def refresh(self) -> None:
        for row in self.rows:
            row.show_value()
        self.sentence.say("")
        self._show_folders()
        self._watching.refresh()

    def flush(self) -> None:
        for row in self.rows:
            row.flush()

    # ------------------------------------------------------------ watched folders

    def _show_folders(self) -> None:
        chosen = self._chosen()
        self.list.clear()
        for folder in self._watching.folders:
            item = QListWidgetItem(f"{folder.path}\n{self._words(folder)}", self.list)
            item.setData(_PATH, folder.path)
            item.setToolTip(folder.path)
            out = folder.state != "watching"
            item.setIcon(style.icon("missing" if out else "watch", "warning" if out else "accent"))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{folder.path}, {self._words(folder)}")
            if folder.path == chosen:
                self.list.setCurrentItem(item)
        self.list.setVisible(self.list.count() > 0)
        height = max(self.list.sizeHintForRow(0), 2 * self.fontMetrics().lineSpacing() + 12) + 2 * self.list.spacing()
        rows = min(max(self.list.count(), 1), _MOST_ROWS)
        self.list.setFixedHeight(rows * height + 2 * self.list.frameWidth() + style.SPACE)
        self._show_buttons()

    def _words(self, folder: WatchedFolder) -> str:
        states = {
            "watching": self.tr("Watched"),
            "missing": self.tr("Out of reach: its documents are kept"),
            "unreadable": self.tr("No permission to open it"),
        }
        one, many = self.tr("1 document"), self.tr("{count} documents")
        parts = [states[folder.state]]
        parts.append(one if folder.documents == 1 else many.format(count=number_text(folder.documents)))
        if folder.collection is not None:
            parts.append(self.tr("in “{collection}”").format(collection=folder.collection))
        return " · ".join(parts)

    def _chosen(self) -> str:
        item = self.list.currentItem()
        return str(item.data(_PATH)) if item is not None else ""

    def _show_buttons(self) -> None:
        self.stop.setEnabled(bool(self._chosen()))

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, self.tr("Watch a folder"), str(Path.home()))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.watch)
        dialog.open()

    def watch(self, path: str) -> None:
        """Follow a folder."""
        self.sentence.say("")
        self._watching.watch([path])

    def _stop(self) -> None:
        self.sentence.say("")
        self._watching.unwatch(self._chosen())

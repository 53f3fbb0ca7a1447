"""The window: three panes side by side, which talk to each other only through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

import assistant_app
from assistant_app import paths as places
from assistant_app.errors import Code, DocentError
from assistant_app.gui import drops, file_kinds, phrases, style
from assistant_app.gui.assistant_desk import AssistantDesk
from assistant_app.gui.backups import Backups
from assistant_app.gui.conversation_pane import ConversationPane
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.gui.exports import Exports
from assistant_app.gui.history_pane import HistoryPane
from assistant_app.gui.library_pane import LibraryPane
from assistant_app.gui.menus import Menus
from assistant_app.gui.notice import Notice
from assistant_app.gui.training_desk import TrainingDesk
from assistant_app.gui.watching import Watching
from assistant_app.protocol import messages
from assistant_app.protocol.records import Citation, Conversation, Turn
from assistant_app.settings import Settings

if TYPE_CHECKING:
    from assistant_app.gui.inspector_window import InspectorWindow
    from assistant_app.gui.ledger_window import LedgerWindow
    from assistant_app.gui.settings_dialog import SettingsDialog
    from assistant_app.gui.viewer_pane import ViewerPane

_FIRST_SIZE = QSize(1280, 800)
_FRAME = 48
"""What a window manager's frame may add to a window's height."""
_LIBRARY_WIDTH = 288
_CLOSING_MS = 3_000
_OFFER_SECONDS = 60.0


class MainWindow(QMainWindow):
    """Composes the panes. The engine is started by whoever made ``link``, after the window is on the screen."""

    left = Signal()
    """The window is closed and what it still had to say to the engine is said."""

    def __init__(self, link: EngineLink, paths: places.Paths, settings: Settings) -> None:
        super().__init__()
        self._link = link
        self._settings = settings
        self._state = QSettings(str(paths.window_state), QSettings.Format.IniFormat)
        self._viewer: ViewerPane | None = None
        self._dialog: SettingsDialog | None = None
        self._ledger: LedgerWindow | None = None
        self._inspector: InspectorWindow | None = None
        self._leaving = False
        self._discards = False
        """What was typed and not saved may be lost: the person said so."""
        self._died_for_good = False
        self._out_of_reach = ""
        """What the notice said of a watched folder, while one is out of reach."""
        self._on_action: Callable[[], object] | None = None
        self.setWindowTitle("Docent")
        self._build()
        self._connect()
        self._restore()
        self.drop_area = drops.DropArea(self)
        self.drop_area.dropped.connect(self.add_paths)
        drops.let_drops_through(self)
        self.conversation.composer.field.setFocus()

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        self.library = LibraryPane(self._link, self)
        self.watching = Watching(self._link, self.library.holdings, self._state, self)
        self.history = HistoryPane(self._link, self)
        self.exports = Exports(self._link, self._state, self)
        self.training = TrainingDesk(self._link, self._state, self)
        self.assisting = AssistantDesk(self._link, self.library.holdings, self._state, self)
        self.left_pane = QStackedWidget(self)
        self.left_pane.addWidget(self.library)
        self.left_pane.addWidget(self.history)
        self.backups = Backups(self._link, self._state, self)
        notice_wanted = bool(self._state.value("notices/starter", True, type=bool))
        self.conversation = ConversationPane(
            self._link, self.assisting.shelf, starter_notice=notice_wanted, parent=self
        )
        self.left_pane.setMinimumWidth(208)
        self.conversation.setMinimumWidth(480)
        self.notice = Notice(self)
        self._splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(1)
        self._splitter.addWidget(self.left_pane)
        self._splitter.addWidget(self.conversation)
        self._splitter.setStretchFactor(1, 1)
        centre = QWidget(self)
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        above = QVBoxLayout()
        above.setContentsMargins(style.SPACE, 0, style.SPACE, 0)
        above.setSpacing(style.SPACE // 2)
        above.addWidget(self.notice)
        above.addWidget(self.backups.panel)
        layout.addLayout(above)
        layout.addWidget(self._splitter, 1)
        self.setCentralWidget(centre)
        self._counts = QLabel(self)
        self._engine_state = QLabel(self.tr("Starting the engine…"), self)
        for label in (self._counts, self._engine_state):
            style.set_role(label, "muted")
            label.setContentsMargins(2 * style.SPACE, 0, 2 * style.SPACE, 0)
        self.statusBar().addWidget(self._counts)
        self.statusBar().addPermanentWidget(self.training.status)
        self.statusBar().addPermanentWidget(self._engine_state)
        self.statusBar().setSizeGripEnabled(False)
        self.menus = Menus(self)
        self.conversation.more_button.setMenu(self.menus.conversation_menu)

    def _connect(self) -> None:
        library, conversation, menus = self.library, self.conversation, self.menus
        library.open_requested.connect(self.open_document)
        library.scope_changed.connect(conversation.set_scope)
        library.counts_changed.connect(self._on_counts)
        conversation.scope_cleared.connect(library.clear_scope)
        conversation.citation_activated.connect(self.show_citation)
        conversation.settings_requested.connect(self.open_settings)
        conversation.notice_dismissed.connect(lambda: self._state.setValue("notices/starter", False))
        for pane in (library, conversation):
            pane.trouble.connect(self.tell_trouble)
        for source in (library, menus):
            source.add_files_requested.connect(self.choose_files)
            source.add_folder_requested.connect(self.choose_folder)
            source.ledger_requested.connect(self.show_ledger)
        conversation.add_requested.connect(self.choose_files)
        for signal in (conversation.sample_requested, menus.sample_requested):
            signal.connect(self.add_sample)
        menus.new_conversation_requested.connect(conversation.clear)
        menus.copy_answer_requested.connect(conversation.copy_last_answer)
        menus.settings_requested.connect(self.open_settings)
        menus.theme_chosen.connect(self._choose_theme)
        menus.about_requested.connect(self.show_about)
        menus.library_toggled.connect(self.left_pane.setVisible)
        menus.viewer_toggled.connect(self._show_viewer)
        menus.next_pane_requested.connect(self.focus_next_pane)
        menus.show_theme(self._settings.text("window.theme"))
        menus.undo_requested.connect(self._undo)
        menus.find_requested.connect(self._find)
        menus.edit_menu.aboutToShow.connect(self._show_whether_find)
        self._connect_library()
        self._connect_conversations()
        self._connect_training()
        self._connect_assistants()
        self._link.ready.connect(self._on_ready)
        self._link.died.connect(self._on_died)
        self._link.event_without_job.connect(self._on_event)
        self.notice.action_triggered.connect(self._act)

    def _connect_library(self) -> None:
        self.menus.backup_requested.connect(self.backups.choose_backup)
        self.menus.restore_requested.connect(self.backups.choose_restore)
        self.backups.told.connect(self._tell)
        self.backups.restored.connect(self._on_restored)
        self.watching.offered.connect(self._offer_watching)
        self.watching.changed.connect(self._on_watched)
        self.watching.failed.connect(lambda failure: self.tell_trouble(phrases.failure_sentence(failure)))

    def _connect_conversations(self) -> None:
        conversation, history, menus = self.conversation, self.history, self.menus
        menus.history_requested.connect(self.toggle_history)
        conversation.history_requested.connect(self.toggle_history)
        history.closed.connect(lambda: self.show_history(False))
        history.open_requested.connect(conversation.open_conversation)
        history.go_on_requested.connect(conversation.composer.field.setFocus)
        history.deleted.connect(conversation.forget_conversation)
        history.listed.connect(conversation.take_conversations)
        history.trouble.connect(self.tell_trouble)
        history.export_requested.connect(self._export)
        conversation.conversation_changed.connect(history.take)
        conversation.conversation_shown.connect(self._on_conversation_shown)
        conversation.inspect_requested.connect(self.inspect)
        menus.inspect_requested.connect(conversation.inspect_last_answer)
        menus.export_requested.connect(lambda kind: self._export(conversation.number, kind))
        menus.rename_requested.connect(self._rename)
        menus.delete_requested.connect(lambda: history.delete(conversation.number))
        menus.summarise_requested.connect(lambda: self._read_whole(1))
        menus.compare_requested.connect(lambda: self._read_whole(2))
        menus.diagnostics_requested.connect(self.exports.ask_diagnostics)
        self.library.whole_requested.connect(conversation.propose_whole)
        self.exports.told.connect(self._tell)
        composer = conversation.composer
        composer.settings_requested.connect(self.open_settings)
        composer.exact_toggled.connect(self._choose_mode)

    def _connect_training(self) -> None:
        desk, approving = self.training, self.conversation.approving
        self.menus.approvals_requested.connect(desk.show_approvals)
        self.menus.training_requested.connect(desk.show_training)
        approving.changed.connect(desk.approvals.refresh_known)
        approving.kept_requested.connect(desk.show_approval)
        desk.approvals.turns_touched.connect(approving.refresh)
        desk.told.connect(self._tell)
        desk.adapter_used.connect(self._refresh_pickers)

    def _connect_assistants(self) -> None:
        self.menus.assistants_requested.connect(self.assisting.show_assistants)
        self.menus.table_requested.connect(self.assisting.show_table)
        self.menus.report_requested.connect(lambda: self.assisting.show_report())
        self.assisting.told.connect(self._tell)
        self.assisting.citation_activated.connect(self.show_citation)
        self.assisting.document_activated.connect(self.open_document)
        for signal in (self.assisting.citation_activated, self.assisting.document_activated):
            signal.connect(lambda _target: self.activateWindow())
        self.library.scope_changed.connect(lambda paths, _collection: self.assisting.set_ticked(paths))
        self.assisting.follow(self.conversation.composer.assistant_picker)

    @property
    def splitter(self) -> QSplitter:
        return self._splitter

    @property
    def engine(self) -> EngineLink:
        return self._link

    # ------------------------------------------------------------ documents

    def add_paths(self, paths: Sequence[str]) -> None:
        """Add files and folders to the library."""
        if paths:
            self.library.add(paths)
            self.watching.offer(paths)

    def choose_files(self) -> None:
        """Let the person choose files to add."""
        dialog = self._file_dialog(self.tr("Add files"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters(file_kinds.name_filters())
        dialog.open()

    def choose_folder(self) -> None:
        """Let the person choose a folder to add."""
        dialog = self._file_dialog(self.tr("Add a folder"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.open()

    def _file_dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self, title, str(self._state.value("folders/add", str(Path.home()))))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda chosen: self._state.setValue("folders/add", str(Path(chosen[0]).parent)))
        dialog.filesSelected.connect(self.add_paths)
        return dialog

    def add_sample(self) -> None:
        """Add the short guide to Docent that comes with it, and show it."""
        guide = str(places.resources() / "sample" / "docent-guide.pdf")
        self.add_paths([guide])
        self.open_document(guide)

    # ------------------------------------------------------------ the viewer

    @property
    def viewer(self) -> ViewerPane | None:
        """The right pane; null before anything was opened."""
        return self._viewer

    def open_document(self, path: str) -> None:
        """Show a document at its first page."""
        self._show_viewer(True).show_document(path)

    def show_citation(self, citation: Citation) -> None:
        """Show the page of ``citation`` with its quote highlighted; or say that its document is not there any more."""
        holdings = self.library.holdings
        if holdings.listings and citation.path not in holdings.documents:
            name = Path(citation.path).name
            words = self.tr(
                "“{name}” is not in the library any more, so its page cannot be shown. The quote was: “{quote}”"
            )
            quote = " ".join(citation.quote.split())
            self.tell_trouble(words.format(name=name, quote=quote if len(quote) < 200 else quote[:199] + "…"))
            return
        self._show_viewer(True).show_citation(citation)

    def _show_viewer(self, on: bool) -> ViewerPane:
        viewer = self._viewer
        if viewer is None:
            from assistant_app.gui.viewer_pane import ViewerPane  # the window starts sooner without it

            viewer = self._viewer = ViewerPane(self._link, self)
            viewer.setMinimumWidth(280)
            viewer.hide()
            self._splitter.addWidget(viewer)
            drops.let_drops_through(viewer)
        if on and viewer.isHidden():
            left, middle = self._splitter.sizes()[:2]
            wanted = self._state.value("window/viewer", round(0.45 * middle), type=int)
            width = min(wanted if isinstance(wanted, int) else middle, max(middle - 480, middle // 2))
            viewer.show()
            self._splitter.setSizes([left, middle - width, width])
        elif not on and not viewer.isHidden():
            self._state.setValue("window/viewer", viewer.width())
            viewer.hide()
        self.menus.show_viewer(on)
        return viewer

    def _find(self) -> None:
        if self._viewer is not None and self._viewer.is_open:
            self._show_viewer(True).open_find_bar()

    def _show_whether_find(self) -> None:
        self.menus.find.setEnabled(self._viewer is not None and self._viewer.is_open)

    # ------------------------------------------------------------ conversations

    def toggle_history(self) -> None:
        """Show earlier conversations in the place of the library, or the library again."""
        self.show_history(self.left_pane.currentWidget() is not self.history or self.left_pane.isHidden())

    def show_history(self, on: bool) -> None:
        """Show earlier conversations in the place of the library."""
        self.conversation.history_button.setChecked(on)
        self.left_pane.setCurrentWidget(self.history if on else self.library)
        if on:
            self.menus.show_library(True)
            self.history.refresh()
            self.history.focus_list()
        else:
            self.conversation.composer.field.setFocus()

    @property
    def inspector(self) -> InspectorWindow | None:
        """Null before it was opened."""
        return self._inspector

    def inspect(self, turn: Turn) -> None:
        """Show why the answer of ``turn`` is as it is."""
        if self._inspector is None:
            from assistant_app.gui.inspector_window import InspectorWindow  # the window starts sooner without it

            self._inspector = InspectorWindow(self._link, self._state)
            self.destroyed.connect(self._inspector.deleteLater)
            self._inspector.passage_activated.connect(self.show_citation)
        self._inspector.inspect(turn)

    def _on_conversation_shown(self, conversation: Conversation | None) -> None:
        self.history.model.set_open(conversation.id if conversation is not None else 0)
        self.menus.show_conversation(conversation is not None)

    def _export(self, number: int, kind: str) -> None:
        shown = {each.id: each.title for each in self.history.model.conversations()}
        open_one = self.conversation.conversation
        if open_one is not None:
            shown[open_one.id] = open_one.title
        if number:
            self.exports.choose(number, shown.get(number, ""), kind)

    def _rename(self) -> None:
        number = self.conversation.number
        if number:
            self.history.search.clear()
            self.history.begin_rename_listed(number)
            self.show_history(True)

    def _read_whole(self, count: int) -> None:
        paths = self.library.whole_paths(count)
        if paths:
            self.conversation.propose_whole(paths)
        elif count == 1:
            self.tell_trouble(self.tr("Select the document that is to be summarised in the library first."))
        else:
            self.tell_trouble(self.tr("Tick or select the two documents that are to be compared in the library first."))

    def _undo(self) -> None:
        """Undo what was taken away from the list that is on the screen."""
        if self.left_pane.currentWidget() is self.history:
            self.history.undo()
        else:
            self.library.removal.undo()

    def _choose_mode(self, exact: bool) -> None:
        job = self._link.request(messages.ChangeSettings(values={"answer.mode": "exact" if exact else "written"}))
        job.finished.connect(lambda _event: self._settings.reload())

    # ------------------------------------------------------------ the ledger, watched folders, backups

    @property
    def ledger(self) -> LedgerWindow | None:
        """Null before it was opened."""
        return self._ledger

    def show_ledger(self, group: str = "") -> None:
        """Open the ledger, narrowed down to a group of files; "" for all."""
        if self._ledger is None:
            from assistant_app.gui.ledger_window import LedgerWindow  # the window starts sooner without it

            self._ledger = LedgerWindow(self.library.holdings, self.library.removal, self._state)
            self.destroyed.connect(self._ledger.deleteLater)
            self._ledger.open_requested.connect(self.open_document)
            self._ledger.open_requested.connect(self.activateWindow)
            self._ledger.retry_requested.connect(self.library.read_again)
            self._ledger.password_entered.connect(self.library.unlock)
        self._ledger.show_group(group)

    def _offer_watching(self, question: str, folders: list[str]) -> None:
        collection = self.library.collections.current
        self._tell(
            question, "info", self.tr("&Watch"), lambda: self.watching.watch(folders, collection), _OFFER_SECONDS
        )

    def _on_restored(self) -> None:
        self.library.begin_anew()
        self.conversation.clear()
        self.history.refresh()
        self.watching.refresh()
        self._refresh_pickers()

    # ------------------------------------------------------------ settings, theme, about

    @property
    def settings_dialog(self) -> SettingsDialog | None:
        """Null before it was opened."""
        return self._dialog

    def open_settings(self, page: str = "models") -> None:
        """Open the settings at ``page``: models, server (a part of it), adapters, library or general."""
        if self._dialog is None:
            from assistant_app.gui.settings_dialog import SettingsDialog  # the window starts sooner without it

            self._dialog = SettingsDialog(self._link, self._settings, self.watching, self)
            self._dialog.backup_requested.connect(self.backups.choose_backup)
            self._dialog.restore_requested.connect(self.backups.choose_restore)
            self._dialog.model_changed.connect(self._refresh_pickers)
            self._dialog.adapter_changed.connect(self._refresh_pickers)
            self._dialog.training_requested.connect(self.training.show_training)
            self._dialog.answers_changed.connect(self._show_answer_settings)
            self._dialog.theme_changed.connect(self._on_theme)
        self._dialog.show_page(page)
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def _refresh_pickers(self) -> None:
        composer = self.conversation.composer
        self._settings.reload()
        composer.adapter_picker.scale = self._settings.number("adapter.scale")
        composer.model_picker.refresh()
        composer.adapter_picker.refresh()
        self._show_answer_settings()

    def _show_answer_settings(self) -> None:
        self.conversation.show_settings(
            exact=self._settings.text("answer.mode") == "exact", server=self._settings.text("model.server")
        )

    def _choose_theme(self, theme: str) -> None:
        self._on_theme(theme)
        try:
            self._settings.update({"window.theme": theme})
        except DocentError as error:
            self.tell_trouble(phrases.reason_sentence(error.code, error.details))

    def _on_theme(self, theme: str) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            style.apply(app, theme)
        self.menus.show_theme(theme)

    def show_about(self) -> None:
        """Say what this is."""
        text = self.tr("Docent {version}").format(version=assistant_app.__version__)
        box = QMessageBox(QMessageBox.Icon.NoIcon, self.tr("About Docent"), text, parent=self)
        box.setIconPixmap(style.icon("docent").pixmap(QSize(64, 64), self.devicePixelRatioF()))
        words = self.tr("Answers from your documents, with the page they come from.")
        private = "" if self._settings.text("model.server") else self.tr("Nothing leaves this computer.")
        box.setInformativeText(f"{words} {private}".rstrip())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    # ------------------------------------------------------------ what the person is told

    def tell_trouble(self, sentence: str) -> None:
        """Show a sentence about something that no pane can show in its place."""
        self._tell(sentence, "warning")

    def _tell(
        self, sentence: str, kind: str, action: str = "", does: Callable[[], object] | None = None, seconds: float = 0.0
    ) -> None:
        self._on_action = does
        self.notice.say(sentence, kind, action, seconds)

    def _act(self) -> None:
        if self._on_action is not None:
            self._on_action()

    def offer(self, sentence: str, action: str, does: Callable[[], object]) -> None:
        """Show a sentence with one thing to do about it."""
        self._tell(sentence, "warning", action, does)

    def _on_ready(self) -> None:
        self._engine_state.setText(self.tr("Ready"))
        if self._died_for_good:
            self._died_for_good = False
            self.notice.close_notice()
        self.library.refresh()
        if self.left_pane.currentWidget() is self.history:
            self.history.refresh()
        self.watching.refresh()
        self.training.refresh()
        self.assisting.refresh()
        self._refresh_pickers()

    def _on_event(self, event: messages.Event) -> None:
        if isinstance(event, messages.Noted):
            kind = "info" if event.code == Code.LIBRARY_RESTORED else "warning"
            sentence = phrases.reason_sentence(event.code, event.details)
            self._tell(sentence, kind)
            if event.code == Code.WATCHED_MISSING:
                self._out_of_reach = sentence

    def _on_watched(self) -> None:
        """What was said of folders out of reach is not true any more once all of them are back."""
        if any(folder.state == "missing" for folder in self.watching.folders):
            return
        if self._out_of_reach and self.notice.text == self._out_of_reach:
            self.notice.close_notice()
        self._out_of_reach = ""

    def _on_died(self, failure: Failure) -> None:
        if not self._link.is_down:
            self._engine_state.setText(self.tr("Starting the engine again…"))
            self._tell(phrases.failure_sentence(failure), "warning", seconds=20)
            return
        self._died_for_good = True
        self._engine_state.setText(self.tr("The engine does not run"))
        sentence = phrases.failure_sentence(failure)
        if failure.code == Code.ENGINE_DIED:
            sentence = self.tr("The engine stops again and again. Start it again, or restart the computer.")
        self._tell(sentence, "danger", self.tr("Start a&gain"), self._link.start)

    def _on_counts(self, documents: int, pages: int, reading: bool) -> None:
        number = self.locale().toString
        known = self.tr("1 document") if documents == 1 else self.tr("{count} documents")
        read = self.tr("1 page") if pages == 1 else self.tr("{count} pages")
        parts = [words.format(count=number(count)) for words, count in ((known, documents), (read, pages)) if count]
        self._counts.setText(" · ".join(parts))
        welcome, focus = self.conversation.welcome, self.focusWidget()
        was_there = focus is not None and welcome.isAncestorOf(focus)
        welcome.set_documents(documents, reading=reading)
        if was_there:  # its buttons have gone, and to ask is what comes next
            self.conversation.composer.field.setFocus()

    # ------------------------------------------------------------ focus, size, end

    def focus_next_pane(self, backwards: bool = False) -> None:
        """Move the keyboard to the next pane that is on the screen."""
        panes: list[QWidget] = [self.library, self.history, self.conversation]
        if self._viewer is not None:
            panes.append(self._viewer)
        shown = [pane for pane in panes if pane.isVisible()]
        now = QApplication.focusWidget()
        at = next((number for number, pane in enumerate(shown) if now is not None and pane.isAncestorOf(now)), -1)
        target = shown[(at + (-1 if backwards else 1)) % len(shown)]
        if target is self.conversation:
            self.conversation.composer.field.setFocus(Qt.FocusReason.TabFocusReason)
        elif isinstance(target, (LibraryPane, HistoryPane)):
            target.focus_list()
        else:
            target.setFocus(Qt.FocusReason.TabFocusReason)
            if not target.hasFocus():
                target.focusNextChild()

    def _restore(self) -> None:
        geometry = self._state.value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            available = self.screen().availableSize()
            self.resize(_FIRST_SIZE.boundedTo(available))
            if available.height() < _FIRST_SIZE.height() + _FRAME:  # its lower edge would be off the screen
                self.setWindowState(Qt.WindowState.WindowMaximized)
        wanted = self._state.value("window/library", _LIBRARY_WIDTH, type=int)
        width = wanted if isinstance(wanted, int) else _LIBRARY_WIDTH
        self._splitter.setSizes([width, max(self.width() - width, 360)])

    def come_to_front(self) -> None:
        """Show the window over the others, also if it was minimised."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember sizes; a removal that is under way is waited for, for a moment. Asks, where something that was
        typed would be lost."""
        if not self._leaving and self._asks_about_unsaved():
            event.ignore()
            return
        self._state.setValue("window/geometry", self.saveGeometry())
        self._state.setValue("window/library", self._splitter.sizes()[0] or _LIBRARY_WIDTH)
        if self._viewer is not None and not self._viewer.isHidden():
            self._state.setValue("window/viewer", self._viewer.width())
        if self._ledger is not None:
            self._ledger.close()
        if self._inspector is not None:
            self._inspector.close()
        self.training.close_windows()
        self.assisting.close_windows()
        removal = None if self._leaving else self.library.removal.job
        self._leaving = True
        if removal is None:
            self.left.emit()
            return
        event.ignore()
        self.hide()
        removal.finished.connect(self.left)
        removal.failed.connect(self.left)
        QTimer.singleShot(_CLOSING_MS, self, self.left.emit)

    def _asks_about_unsaved(self) -> bool:
        """Whether a correction of an answer, or an assistant, was typed and not saved; the person is asked about it."""
        correction = bool(self.conversation.approving.unsaved or self.training.has_unsaved)
        if self._discards or not (correction or self.assisting.has_unsaved):
            return False
        box = QMessageBox(QMessageBox.Icon.NoIcon, self.tr("Quit Docent"), "", parent=self)
        words = self.tr("A correction of an answer is not saved.")
        box.setText(words if correction else self.tr("An assistant was changed and is not saved."))
        box.setInformativeText(self.tr("If you quit now, what you have typed is lost."))
        discard = box.addButton(self.tr("&Quit without it"), QMessageBox.ButtonRole.DestructiveRole)
        show = box.addButton(self.tr("&Show it"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(show)
        box.setEscapeButton(show)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        discard.clicked.connect(self._quit_without_saving)
        show.clicked.connect(self._show_unsaved)
        box.open()
        return True

    def _quit_without_saving(self) -> None:
        self._discards = True
        self.close()

    def _show_unsaved(self) -> None:
        approving = self.conversation.approving
        if approving.show_unsaved():
            return
        if number := approving.unsaved_conversation:
            self.conversation.open_conversation(number)
        elif self.training.has_unsaved:
            self.training.show_unsaved()
        else:
            self.assisting.show_unsaved()

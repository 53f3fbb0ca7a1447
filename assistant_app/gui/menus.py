"""The menu bar and the shortcuts: what can be done in the window, by name."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow, QMenu, QPlainTextEdit, QTextEdit, QWidget

from assistant_app.gui import style

_EDITS = ("undo", "redo", "cut", "copy", "paste", "selectAll")


class Menus(QObject):
    """Puts the menus into ``window`` and tells what was chosen."""

    add_files_requested = Signal()
    add_folder_requested = Signal()
    new_conversation_requested = Signal()
    copy_answer_requested = Signal()
    settings_requested = Signal(str)
    theme_chosen = Signal(str)
    library_toggled = Signal(bool)
    viewer_toggled = Signal(bool)
    next_pane_requested = Signal(bool)
    """True for the pane before."""

    backup_requested = Signal(bool)
    """True with the documents."""

    restore_requested = Signal()
    undo_requested = Signal()
    """Undo was chosen where no field has anything to undo."""

    find_requested = Signal()
    ledger_requested = Signal(str)
    history_requested = Signal()
    inspect_requested = Signal()
    rename_requested = Signal()
    delete_requested = Signal()
    export_requested = Signal(str)
    """Carries markdown, pdf or json."""

    approvals_requested = Signal()
    assistants_requested = Signal()
    table_requested = Signal()
    training_requested = Signal()
    report_requested = Signal()
    summarise_requested = Signal()
    compare_requested = Signal()
    diagnostics_requested = Signal()
    sample_requested = Signal()
    about_requested = Signal()

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._fill_file(window.menuBar().addMenu(self.tr("&File")))
        self.edit_menu = window.menuBar().addMenu(self.tr("&Edit"))
        self._fill_edit(self.edit_menu)
        self.conversation_menu = window.menuBar().addMenu(self.tr("&Conversation"))
        self._fill_conversation(self.conversation_menu)
        self._fill_training(window.menuBar().addMenu(self.tr("&Training")))
        self._fill_view(window.menuBar().addMenu(self.tr("&View")))
        self._fill_help(window.menuBar().addMenu(self.tr("&Help")))

    def show_theme(self, theme: str) -> None:
        """Mark ``theme`` in the menu."""
        for action in self._themes.actions():
            action.setChecked(action.data() == theme)

    def show_library(self, on: bool) -> None:
        """Show the left pane, and mark that it is shown."""
        self._library.setChecked(on)

    def show_viewer(self, on: bool) -> None:
        """Mark whether the viewer is on the screen."""
        self._viewer.setChecked(on)

    def _add(self, menu: QMenu, text: str, shortcut: str, slot: Callable[[], object]) -> QAction:
        action = menu.addAction(text)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        action.triggered.connect(lambda _checked: slot())
        return action

    def _fill_file(self, menu: QMenu) -> None:
        self._add(menu, self.tr("&Add files…"), "Ctrl+O", self.add_files_requested.emit)
        self._add(menu, self.tr("Add f&older…"), "Ctrl+Shift+O", self.add_folder_requested.emit)
        menu.addSeparator()
        self._add(menu, self.tr("&Back up the library…"), "", lambda: self.backup_requested.emit(False))
        self._add(menu, self.tr("Back up with the &documents…"), "", lambda: self.backup_requested.emit(True))
        self._add(menu, self.tr("&Restore a backup…"), "", self.restore_requested.emit)
        menu.addSeparator()
        leave = self._add(menu, self.tr("&Quit"), "Ctrl+Q", self._window.close)
        leave.setMenuRole(QAction.MenuRole.QuitRole)

    def _fill_edit(self, menu: QMenu) -> None:
        names = {
            "undo": self.tr("&Undo"),
            "redo": self.tr("&Redo"),
            "cut": self.tr("Cu&t"),
            "copy": self.tr("&Copy"),
            "paste": self.tr("&Paste"),
            "selectAll": self.tr("Select &all"),
        }
        for verb in _EDITS:
            # No shortcut here: the fields have these themselves, and a second one would make both ambiguous.
            menu.addAction(names[verb]).triggered.connect(lambda _checked, verb=verb: self._edit(verb))
        menu.addSeparator()
        # The viewer has this shortcut itself, because it is there only after something was opened.
        self.find = self._add(menu, self.tr("&Find in the document…") + "\tCtrl+F", "", self.find_requested.emit)
        chosen = self._add(menu, self.tr("&Settings…"), "Ctrl+,", lambda: self.settings_requested.emit("models"))
        chosen.setMenuRole(QAction.MenuRole.PreferencesRole)

    def _fill_conversation(self, menu: QMenu) -> None:
        self._add(menu, self.tr("&New conversation"), "Ctrl+N", self.new_conversation_requested.emit)
        self._add(menu, self.tr("&History"), "Ctrl+H", self.history_requested.emit)
        menu.addSeparator()
        self.summarise = self._add(menu, self.tr("&Summarise a document…"), "", self.summarise_requested.emit)
        self.compare = self._add(menu, self.tr("C&ompare two documents…"), "", self.compare_requested.emit)
        menu.addSeparator()
        self._add(menu, self.tr("&Assistants…"), "Ctrl+Shift+S", self.assistants_requested.emit)
        self._add(menu, self.tr("&Fill a table…"), "Ctrl+Shift+F", self.table_requested.emit)
        menu.addSeparator()
        self._add(menu, self.tr("&Why this answer?"), "Ctrl+I", self.inspect_requested.emit)
        self._add(menu, self.tr("&Copy the last answer"), "Ctrl+Shift+C", self.copy_answer_requested.emit)
        menu.addSeparator()
        export = menu.addMenu(style.icon("export"), self.tr("&Export"))
        for text, kind in ((self.tr("&Markdown…"), "markdown"), (self.tr("&PDF…"), "pdf"), (self.tr("&JSON…"), "json")):
            export.addAction(text).triggered.connect(lambda _checked, kind=kind: self.export_requested.emit(kind))
        rename = self._add(menu, self.tr("&Rename…"), "", self.rename_requested.emit)
        delete = self._add(menu, self.tr("&Delete"), "", self.delete_requested.emit)
        self._kept = (export.menuAction(), rename, delete)
        self.show_conversation(False)

    def _fill_training(self, menu: QMenu) -> None:
        self._add(menu, self.tr("Approved &answers…"), "Ctrl+Shift+A", self.approvals_requested.emit)
        self._add(menu, self.tr("&Train an adapter…"), "Ctrl+Shift+T", self.training_requested.emit)
        self._add(menu, self.tr("&Format report…"), "Ctrl+Shift+R", self.report_requested.emit)

    def show_conversation(self, kept: bool) -> None:
        """Whether there is a conversation that was kept: only that can be exported, renamed and deleted."""
        for action in self._kept:
            action.setEnabled(kept)

    def _fill_view(self, menu: QMenu) -> None:
        library = self._library = menu.addAction(self.tr("&Library"))
        library.setShortcut(QKeySequence("F9"))
        library.setCheckable(True)
        library.setChecked(True)
        library.toggled.connect(self.library_toggled)
        self._viewer = menu.addAction(self.tr("&Page viewer"))
        self._viewer.setShortcut(QKeySequence("F10"))
        self._viewer.setCheckable(True)
        self._viewer.triggered.connect(self.viewer_toggled)
        self._add(menu, self.tr("L&edger…"), "Ctrl+L", lambda: self.ledger_requested.emit(""))
        menu.addSeparator()
        self._add(menu, self.tr("&Next pane"), "F6", lambda: self.next_pane_requested.emit(False))
        self._add(menu, self.tr("P&revious pane"), "Shift+F6", lambda: self.next_pane_requested.emit(True))
        menu.addSeparator()
        themes = menu.addMenu(self.tr("&Appearance"))
        self._themes = QActionGroup(self)
        for theme, name in (
            ("system", self.tr("As the &system")),
            ("light", self.tr("&Light")),
            ("dark", self.tr("&Dark")),
        ):
            action = themes.addAction(name)
            action.setCheckable(True)
            action.setData(theme)
            action.triggered.connect(lambda _checked, theme=theme: self.theme_chosen.emit(theme))
            self._themes.addAction(action)

    def _fill_help(self, menu: QMenu) -> None:
        self._add(menu, self.tr("&Sample document"), "F1", self.sample_requested.emit)
        self._add(menu, self.tr("Save &diagnostics…"), "", self.diagnostics_requested.emit)
        about = self._add(menu, self.tr("&About Docent"), "", self.about_requested.emit)
        about.setMenuRole(QAction.MenuRole.AboutRole)

    def _edit(self, verb: str) -> None:
        """Do ``verb`` in the field that has the focus, if it knows it; undo what was removed, if it does not."""
        field = QApplication.focusWidget()
        does = getattr(field, verb, None)
        if verb == "undo" and (does is None or not _can_undo(field)):
            self.undo_requested.emit()
        elif does is not None:
            does()


def _can_undo(field: QWidget | None) -> bool:
    if isinstance(field, QLineEdit):
        return field.isUndoAvailable()
    return isinstance(field, (QPlainTextEdit, QTextEdit)) and field.document().isUndoAvailable()

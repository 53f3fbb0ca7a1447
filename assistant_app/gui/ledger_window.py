"""The ledger: a window beside the others, with a row for every file ever offered and what can be done about it."""

from __future__ import annotations

import os

from PySide6.QtCore import QByteArray, QModelIndex, QPersistentModelIndex, QSettings, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import document_words, style, tables
from assistant_app.gui.document_card import DocumentCard
from assistant_app.gui.document_model import Row
from assistant_app.gui.holdings import Holdings
from assistant_app.gui.ledger_model import REMOVED, Column, LedgerModel
from assistant_app.gui.notice import Notice
from assistant_app.gui.removal import Removal
from assistant_app.protocol.records import Document

_SIZE = QSize(1240, 680)
_TYPING_MS = 150
_CHANGING_MS = 50
_READING_SECONDS = 6.0
_WIDTHS = {
    Column.NAME: 190,
    Column.FOLDER: 120,
    Column.KIND: 100,
    Column.STATE: 148,
    Column.REASON: 172,
    Column.PAGES: 64,
    Column.EMPTY_PAGES: 100,
    Column.PASSAGES: 80,
    Column.WHEN: 136,
    Column.SIZE: 84,
}


class _FolderDelegate(QStyledItemDelegate):
    """Shortens a path at its front: its end tells the folders apart."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideLeft


class LedgerWindow(QWidget):
    """Follows the holdings while it is there; shown and hidden, never modal."""

    open_requested = Signal(str)
    retry_requested = Signal(list)
    password_entered = Signal(str, str, bool)

    def __init__(self, holdings: Holdings, removal: Removal, state: QSettings) -> None:
        super().__init__()  # no child of the window, which could not come in front of it then
        self._holdings = holdings
        self._removal = removal
        self._state = state
        self._doomed: list[str] = []
        self._awaited: set[str] = set()
        """The paths that the notice says are being read."""
        self.setWindowTitle(self.tr("Ledger"))
        self.setAccessibleName(self.tr("Ledger"))
        self.model = LedgerModel(self)
        self.table = QTableView(self)
        self.filter = QLineEdit(self)
        self.groups = QComboBox(self)
        self._count = QLabel(self)
        self._path = QLabel(self)
        self.card = DocumentCard(self)
        self.notice = Notice(self)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._changing = QTimer(self, singleShot=True, interval=_CHANGING_MS)
        self._changing.timeout.connect(self._show_selection)
        self._make_actions()
        self._build_filter()
        self._build_table()
        self._lay_out()
        self._connect()
        self._restore()
        self._fill()

    # ------------------------------------------------------------ parts

    def _make_actions(self) -> None:
        standard = QKeySequence.StandardKey
        self.open_action = tables.action(self.table, self.tr("&Open"), "document", self._open)
        self.retry_action = tables.action(self.table, self.tr("&Read again"), "refresh", self._retry, "F5")
        self.password_action = tables.action(self.table, self.tr("Enter &password"), "lock", self.card.focus_password)
        self.remove_action = tables.action(self.table, self.tr("Re&move"), "trash", self._remove, standard.Delete)
        self.back_action = tables.action(self.table, self.tr("Put &back"), "undo", self._put_back)
        self.forever_action = tables.action(self.table, self.tr("Remove for &good"), "trash", self._ask_forever)
        self.folder_action = tables.action(self.table, self.tr("Show the &folder"), "folder", self._show_folder)
        self.copy_action = tables.action(self.table, self.tr("&Copy list"), "copy", self._copy, standard.Copy)
        self.copy_action.setToolTip(self.tr("Copy the selected rows, or all of them, for a spreadsheet"))
        self._undo = tables.action(self.table, self.tr("&Undo the removal"), "undo", self._removal.undo, standard.Undo)
        self._actions = (
            self.open_action,
            self.password_action,
            self.retry_action,
            self.back_action,
            self.folder_action,
            self.remove_action,
            self.forever_action,
        )

    def _build_filter(self) -> None:
        self.filter.setAccessibleName(self.tr("Filter the ledger by name or folder"))
        self.groups.setAccessibleName(self.tr("Show only files in this state"))
        self.groups.view().setAccessibleName(self.tr("States"))
        self.groups.addItem(self.tr("All"), "")
        known: tuple[document_words.Group, ...] = ("searchable", "partly", "failed", "password", "missing", "skipped")
        for group in known:
            state = document_words.group_state(group)
            self.groups.addItem(style.icon(state.icon, state.role), state.words, group)
        self.groups.insertSeparator(self.groups.count())
        self.groups.addItem(style.icon("trash", "text_muted"), self.tr("Recently removed"), REMOVED)

    def _build_table(self) -> None:
        table = self.table
        table.setModel(self.model)
        tables.dress(table, self.tr("Every file and what became of it"))
        table.setItemDelegateForColumn(Column.FOLDER, _FolderDelegate(table))
        header = table.horizontalHeader()
        header.setSortIndicator(Column.NAME, Qt.SortOrder.AscendingOrder)
        table.setSortingEnabled(True)
        for column, width in _WIDTHS.items():
            table.setColumnWidth(column, width)

    def _lay_out(self) -> None:
        top = tables.filter_row(self.filter, self.tr("Filter by name or folder"), self.groups, self._count)
        self._path.setTextFormat(Qt.TextFormat.PlainText)
        self._path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._path.setMinimumWidth(40)
        style.set_role(self._path, "muted")
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        self.buttons = {action: tables.button(action, self) for action in (*self._actions, self.copy_action)}
        for action in self._actions:
            buttons.addWidget(self.buttons[action])
        buttons.addStretch(1)
        buttons.addWidget(self.buttons[self.copy_action])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addLayout(top)
        layout.addWidget(self.notice)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._path)
        layout.addWidget(self.card)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self._holdings.listed.connect(self._fill)
        self._holdings.updated.connect(self._on_updated)
        self._holdings.gone.connect(self._on_gone)
        self._holdings.removed_changed.connect(self._on_removed)
        self._removal.removed.connect(self._tell_removed)
        self._removal.put_back.connect(lambda _paths: self.notice.close_notice())
        self._typing.timeout.connect(self._narrow)
        self.filter.textChanged.connect(lambda _text: self._typing.start())
        self.groups.currentIndexChanged.connect(lambda _index: self._narrow())
        self.table.activated.connect(lambda _index: self._open())
        self.table.customContextMenuRequested.connect(
            lambda at: self.make_menu().popup(self.table.viewport().mapToGlobal(at))
        )
        selection = self.table.selectionModel()
        selection.selectionChanged.connect(lambda _now, _before: self._show_selection())
        selection.currentChanged.connect(lambda _now, _before: self._show_selection())
        self.model.modelReset.connect(self._show_selection)
        self.model.dataChanged.connect(lambda _first, _last: self._changing.start())
        self.card.retry_requested.connect(lambda path: self._read_again([path]))
        self.card.password_entered.connect(self.password_entered)
        self.card.password_entered.connect(lambda path, _password, _keep: self._tell_reading([path]))
        self.notice.action_triggered.connect(self._on_notice)
        for key, slot in (("Ctrl+F", self._focus_filter), ("Ctrl+L", self.close), ("Escape", self.close)):
            action = QAction(self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _checked, slot=slot: slot())
            self.addAction(action)

    # ------------------------------------------------------------ for the window

    def show_group(self, group: str) -> None:
        """Come to the front, narrowed down to a group ("" for all)."""
        self._holdings.refresh_removed()
        if group or not self.isVisible():
            self.filter.clear()
            self.groups.setCurrentIndex(max(self.groups.findData(group), 0))
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def selected(self) -> list[Document]:
        """The selected rows, from top to bottom."""
        return [self.model.document(row) for row in tables.selected_rows(self.table)]

    def make_menu(self) -> QMenu:
        """What can be done with the selected rows."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions([action for action in self._actions if action.isVisible()])
        menu.addSeparator()
        menu.addAction(self.copy_action)
        return menu

    # ------------------------------------------------------------ what is shown

    def _fill(self) -> None:
        self.model.set_documents(self._holdings.documents.values())
        self._show_count()

    def _on_updated(self, documents: list[Document]) -> None:
        self.model.take(documents)
        self._show_count()
        if self._awaited:
            self._awaited.difference_update(document.path for document in documents)
            if not self._awaited and not self._doomed:
                self.notice.close_notice()

    def _on_gone(self, paths: list[str]) -> None:
        self.model.drop(paths)
        self._show_count()

    def _on_removed(self) -> None:
        self.model.set_removed(self._holdings.removed.values())
        self._show_count()

    def _narrow(self) -> None:
        self._typing.stop()
        current = self._current()
        self.model.set_filter(self.filter.text(), self.groups.currentData())
        row = self.model.row_of(current.path) if current else -1
        if row >= 0:
            self.table.selectRow(row)
        self._show_count()

    def _show_count(self) -> None:
        number = self.locale().toString
        shown, known = self.model.rowCount(), len(self.model)
        if self.groups.currentData() == REMOVED:
            some = self.tr("1 removed file") if shown == 1 else self.tr("{shown} removed files")
            words = some if shown else self.tr("No removed files")
        elif shown == known:
            words = self.tr("1 file") if known == 1 else self.tr("{shown} files")
        else:
            words = self.tr("{shown} of {known} files")
        self._count.setText(words.format(shown=number(shown), known=number(known)))

    def _current(self) -> Document | None:
        index = self.table.currentIndex()
        return self.model.document(index.row()) if index.isValid() else None

    def _show_selection(self) -> None:
        current, chosen = self._current(), self.selected()
        is_removed = self.groups.currentData() == REMOVED
        one = chosen[0] if len(chosen) == 1 else None
        self._path.setText(one.path if one else self._selected_words(len(chosen)))
        show_card = one is not None and not is_removed and current is one
        had_focus = self.card.password_field.hasFocus()
        self.card.show_row(Row(one.path, one) if one is not None and show_card else None)
        if had_focus and self.card.isHidden():
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        locked = one is not None and document_words.needs_password(one)
        self._enable(self.open_action, not is_removed, one is not None and one.pages > 0)
        self._enable(self.password_action, not is_removed, locked)
        self._enable(self.retry_action, not is_removed, bool(chosen))
        self._enable(self.remove_action, not is_removed, bool(chosen))
        self._enable(self.back_action, is_removed, bool(chosen))
        self._enable(self.forever_action, is_removed, bool(chosen))
        self._enable(self.folder_action, True, one is not None)
        self._enable(self.copy_action, True, self.model.rowCount() > 0)

    def _selected_words(self, count: int) -> str:
        return self.tr("{count} files are selected").format(count=self.locale().toString(count)) if count else " "

    def _enable(self, action: QAction, shown: bool, on: bool) -> None:
        action.setVisible(shown)
        action.setEnabled(on)
        self.buttons[action].setVisible(shown)
        self.buttons[action].setEnabled(on)

    def _focus_filter(self) -> None:
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    # ------------------------------------------------------------ what is done

    def _paths(self) -> list[str]:
        return [document.path for document in self.selected()]

    def _open(self) -> None:
        chosen = self.selected()
        if len(chosen) == 1 and self.open_action.isVisible():
            if document_words.needs_password(chosen[0]):
                self.card.focus_password()
            elif chosen[0].pages:
                self.open_requested.emit(chosen[0].path)

    def _retry(self) -> None:
        if self.retry_action.isVisible() and (paths := self._paths()):
            self._read_again(paths)

    def _read_again(self, paths: list[str]) -> None:
        self.retry_requested.emit(paths)
        self._tell_reading(paths)

    def _tell_reading(self, paths: list[str]) -> None:
        """Say that something happens: a row stays as it is until its file was read, after those before it."""
        self._doomed, self._awaited = [], set(paths)
        one = self.tr("“{name}” is read in its turn. The main window shows the progress.")
        many = self.tr("{count} files are read in their turn. The main window shows the progress.")
        count = self.locale().toString(len(paths))
        words = one.format(name=os.path.basename(paths[0])) if len(paths) == 1 else many.format(count=count)
        self.notice.say(words, seconds=_READING_SECONDS)

    def _remove(self) -> None:
        if paths := self._paths():
            self._removal.remove(paths)

    def _put_back(self) -> None:
        if paths := self._paths():
            self._removal.restore(paths)

    def _ask_forever(self) -> None:
        self._doomed, self._awaited = self._paths(), set()
        if not self._doomed:
            return
        name = os.path.basename(self._doomed[0])
        one = self.tr("Forget “{name}” for good? The file itself stays where it is.").format(name=name)
        many = self.tr("Forget {count} documents for good? The files themselves stay where they are.")
        words = one if len(self._doomed) == 1 else many.format(count=self.locale().toString(len(self._doomed)))
        self.notice.say(words, "warning", self.tr("Remove for &good"))

    def _tell_removed(self, documents: list[Document]) -> None:
        if not self.isVisible():
            return
        self._doomed, self._awaited = [], set()
        one = self.tr("Removed “{name}”.").format(name=os.path.basename(documents[0].path))
        many = self.tr("Removed {count} documents.").format(count=self.locale().toString(len(documents)))
        self.notice.say(one if len(documents) == 1 else many, action=self.tr("Un&do"), seconds=12)

    def _on_notice(self) -> None:
        if self._doomed:
            self._removal.remove_for_good(self._doomed)
            self._doomed = []
        else:
            self._removal.undo()

    def _show_folder(self) -> None:
        if paths := self._paths():
            QDesktopServices.openUrl(QUrl.fromLocalFile(os.path.dirname(paths[0])))

    def _copy(self) -> None:
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        QGuiApplication.clipboard().setText(self.model.as_text(rows or None))

    # ------------------------------------------------------------ place and size

    def _restore(self) -> None:
        geometry, header = self._state.value("ledger/geometry"), self._state.value("ledger/header")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(_SIZE.boundedTo(self.screen().availableSize()))
        if isinstance(header, QByteArray):
            shown = self.table.horizontalHeader()
            shown.restoreState(header)
            self.table.sortByColumn(shown.sortIndicatorSection(), shown.sortIndicatorOrder())

    def hideEvent(self, event: object) -> None:
        """Remember the place, the columns and their order."""
        self._state.setValue("ledger/geometry", self.saveGeometry())
        self._state.setValue("ledger/header", self.table.horizontalHeader().saveState())

"""The list of documents: what keys and the context menu do with its rows."""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFrame, QListView, QMenu, QWidget

from assistant_app.gui import style
from assistant_app.gui.collection_list import CollectionList
from assistant_app.gui.document_delegate import DocumentDelegate
from assistant_app.gui.document_model import ROW, DocumentModel, Row


class DocumentList(QListView):
    """Shows a :class:`DocumentModel`. A selection is what the next command is about, and nothing else."""

    open_requested = Signal(str)
    password_requested = Signal()
    """For the current document."""

    retry_requested = Signal(list)
    remove_requested = Signal(list)
    undo_requested = Signal()
    whole_requested = Signal(list)
    """Carries one document to summarise, or two to compare."""

    new_collection_requested = Signal(list)
    """Carries the paths that are to be put into it."""

    def __init__(self, model: DocumentModel, collections: CollectionList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._documents = model
        self._collections = collections
        self.setModel(model)
        self.setItemDelegate(DocumentDelegate(self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Documents of the library"))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        self.activated.connect(lambda index: self._activate(index.data(ROW)))
        self._add_key(self.tr("Remove from the library"), QKeySequence.StandardKey.Delete, self._remove)
        self._add_key(self.tr("Undo the removal"), QKeySequence.StandardKey.Undo, self.undo_requested.emit)

    def _add_key(self, text: str, key: QKeySequence.StandardKey, slot: Callable[[], object]) -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda _checked: slot())
        self.addAction(action)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space ticks; everything else as in any list."""
        if event.key() == Qt.Key.Key_Space and not event.modifiers():
            self.toggle_ticks()
        else:
            super().keyPressEvent(event)

    # ------------------------------------------------------------ the selection

    def selected_paths(self) -> list[str]:
        """The selected documents, in the order of the list."""
        lines: list[int] = []
        selection = self.selectionModel().selection()
        for part in (selection.at(number) for number in range(selection.size())):
            lines.extend(range(part.top(), part.bottom() + 1))
        return [self._documents.shown(line).path for line in sorted(lines)]

    def select(self, paths: set[str]) -> None:
        """Select these documents instead of those that are selected."""
        wanted = QItemSelection()
        for path in paths:
            index = self._documents.index_of(path)
            if index.isValid():
                wanted.select(index, index)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(wanted, flags.ClearAndSelect)
        if (chosen := wanted.indexes()) and self.currentIndex() not in chosen:  # what is said below is about these
            self.selectionModel().setCurrentIndex(chosen[0], flags.NoUpdate)

    def toggle_ticks(self) -> None:
        """Tick the selected documents, or untick them where all are ticked."""
        paths = self.selected_paths()
        can = [path for path in paths if (row := self._documents.row(path)) is not None and row.can_be_asked]
        self._documents.tick(can, on=not all(self._documents.is_ticked(path) for path in can))

    # ------------------------------------------------------------ what is done with rows

    def _activate(self, row: Row) -> None:
        if row.needs_password:
            self.password_requested.emit()
        elif row.document is not None and row.document.pages:
            self.open_requested.emit(row.path)

    def _idle_paths(self) -> list[str]:
        rows = (self._documents.row(path) for path in self.selected_paths())
        return [row.path for row in rows if row is not None and not row.busy]

    def _remove(self) -> None:
        if paths := self._idle_paths():
            self.remove_requested.emit(paths)

    def _show_menu(self, at: QPoint) -> None:
        index = self.indexAt(at)
        if index.isValid():
            self.make_menu(index.data(ROW)).popup(self.viewport().mapToGlobal(at))

    def make_menu(self, row: Row) -> QMenu:
        """What can be done with the selected documents; ``row`` is the one that was pointed at."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if row.document is not None and row.document.pages:
            menu.addAction(self.tr("&Open in the viewer"), lambda: self.open_requested.emit(row.path))
        if row.needs_password:
            menu.addAction(self.tr("Enter &password…"), self.password_requested.emit)
        if row.can_be_asked:
            ticked = self._documents.is_ticked(row.path)
            menu.addAction(self.tr("Un&tick") if ticked else self.tr("&Tick, to ask only this"), self.toggle_ticks)
        self._add_whole(menu)
        self._add_collections(menu)
        idle = self._idle_paths()
        again = menu.addAction(self.tr("&Read again"), lambda: self.retry_requested.emit(idle))
        folder = QUrl.fromLocalFile(os.path.dirname(row.path))
        menu.addAction(self.tr("Show the &folder"), lambda: QDesktopServices.openUrl(folder))
        menu.addSeparator()
        removal = menu.addAction(style.icon("trash"), self.tr("Re&move from the library"), self._remove)
        for action in (again, removal):
            action.setEnabled(bool(idle))
        return menu

    def askable_paths(self) -> list[str]:
        """The selected documents that can be asked."""
        rows = (self._documents.row(path) for path in self.selected_paths())
        return [row.path for row in rows if row is not None and row.can_be_asked]

    def _add_whole(self, menu: QMenu) -> None:
        paths = self.askable_paths()
        if len(paths) == 1:
            menu.addAction(style.icon("summary"), self.tr("&Summarise…"), lambda: self.whole_requested.emit(paths))
        elif len(paths) == 2:
            menu.addAction(style.icon("summary"), self.tr("Com&pare both…"), lambda: self.whole_requested.emit(paths))

    def _add_collections(self, menu: QMenu) -> None:
        paths = self.selected_paths()
        known = [row.document for path in paths if (row := self._documents.row(path)) and row.document]
        if not known:
            return
        into = menu.addMenu(self.tr("Put into a &collection"))
        for name in self._collections.names:
            action = into.addAction(name.replace("&", "&&"))
            action.setEnabled(not all(name in document.collections for document in known))
            action.triggered.connect(lambda _checked, name=name: self._collections.collect(name, paths))
        into.addSeparator()
        into.addAction(self.tr("&New collection…"), lambda: self.new_collection_requested.emit(paths))
        for name in sorted({name for document in known for name in document.collections}):
            words = self.tr("Take out of “{name}”").format(name=name.replace("&", "&&"))
            menu.addAction(words).triggered.connect(
                lambda _checked, name=name: self._collections.uncollect(name, paths)
            )

"""Assistants: a window beside the others, in which they are made, changed, taken in and given out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path, PurePath

import msgspec
from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QHideEvent, QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.assistant_editor import AssistantEditor, Draft
from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.gui.notice import Notice
from assistant_app.protocol import messages
from assistant_app.protocol.assistants import Assistant

_SIZE = QSize(1120, 780)
_LIST_WIDTH = 280
_UNDO_SECONDS = 12.0
_MOST_NAME = 60
_NEW = "\n"
"""The keys of those that were never saved begin with it, as no name can."""

_KEY = Qt.ItemDataRole.UserRole
_NATIVE = QKeySequence.SequenceFormat.NativeText


class AssistantsWindow(QWidget):
    """Shows what :class:`AssistantShelf` knows; shown and hidden, never modal. What was typed and not saved stays."""

    def __init__(self, link: EngineLink, shelf: AssistantShelf, state: QSettings) -> None:
        super().__init__()  # no child of the window, which could not come in front of it then
        self._link = link
        self._shelf = shelf
        self._state = state
        self._drafts: dict[str, Draft] = {}
        self._saving = ("", Draft(Assistant(name="")))
        """The key and the draft that were sent last to be kept."""

        self._numbers = itertools.count(1)
        self._on_action: Callable[[], object] | None = None
        self.setWindowTitle(self.tr("Assistants"))
        self.setAccessibleName(self.tr("Assistants"))
        self.list = QListWidget(self)
        self.editor = AssistantEditor(link, self)
        self.notice = Notice(self)
        self._make_actions()
        self._build()
        self._connect()
        geometry = self._state.value("assistants/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(_SIZE.boundedTo(self.screen().availableSize()))
        self._fill()

    # ------------------------------------------------------------ parts

    def _make_actions(self) -> None:
        keys = QKeySequence.StandardKey
        self.new_action = self._action(self.tr("N&ew"), "add", self.make_new, keys.New)
        self.duplicate_action = self._action(self.tr("&Duplicate"), "copy", self.duplicate)
        self.delete_action = self._action(self.tr("Delete"), "trash", self._delete, keys.Delete, self.list)
        self.import_action = self._action(self.tr("Imp&ort…"), "folder", self.choose_import)
        self.import_action.setToolTip(self.tr("Take an assistant in from a TOML file"))
        self.export_action = self._action(self.tr("E&xport…"), "export", self.choose_export)
        self.export_action.setToolTip(self.tr("Write the assistant as a TOML file, as it is saved"))
        self._action(self.tr("Undo"), "undo", self._shelf.undo, keys.Undo, self.list)

    def _action(
        self,
        text: str,
        icon: str,
        slot: Callable[[], object],
        key: QKeySequence.StandardKey | None = None,
        where: QWidget | None = None,
    ) -> QAction:
        """``where`` alone hears its key; null: all of the window does."""
        action = QAction(style.icon(icon), text, self)
        if key is not None:
            action.setShortcut(QKeySequence(key))
            action.setToolTip(f"{text.replace('&', '')} ({action.shortcut().toString(_NATIVE)})")
        if where is not None:
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(lambda _checked: slot())
        (where or self).addAction(action)
        return action

    def _build(self) -> None:
        self.list.setAccessibleName(self.tr("Assistants"))
        self.list.setIconSize(QSize(16, 16))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        style.set_role(self.list, "choices")
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(style.SPACE)
        column.addWidget(self.list, 1)
        self.buttons: dict[QAction, QPushButton] = {}
        for row in (
            (self.new_action, self.duplicate_action, self.delete_action),
            (self.import_action, self.export_action),
        ):
            line = QHBoxLayout()
            line.setSpacing(style.SPACE // 2)
            for action in row:
                line.addWidget(self._button(action))
            line.addStretch(1)
            column.addLayout(line)
        self._splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(2 * style.SPACE)
        self._splitter.setStyleSheet("QSplitter::handle { background: transparent; }")
        self._splitter.addWidget(left)
        self._splitter.addWidget(self.editor)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([_LIST_WIDTH, _SIZE.width() - _LIST_WIDTH])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.notice)
        layout.addWidget(self._splitter, 1)

    def _button(self, action: QAction) -> QPushButton:
        button = self.buttons[action] = QPushButton(action.icon(), action.text(), self)
        button.setToolTip(action.toolTip())
        button.setIconSize(QSize(16, 16))
        style.set_role(button, "quiet")
        button.clicked.connect(action.trigger)
        button.setAutoDefault(False)
        return button

    def _connect(self) -> None:
        shelf, editor = self._shelf, self.editor
        shelf.changed.connect(self._fill)
        shelf.saved.connect(self._on_saved)
        shelf.imported.connect(self._on_imported)
        shelf.deleted.connect(self._on_deleted)
        shelf.put_back.connect(self._on_put_back)
        shelf.exported.connect(self._on_exported)
        shelf.failed.connect(self._tell_failure)
        editor.changed.connect(self._on_changed)
        editor.save_requested.connect(self._save)
        editor.revert_requested.connect(self._revert)
        editor.duplicate_requested.connect(self.duplicate)
        self.list.currentItemChanged.connect(lambda _now, _before: self._show_current())
        self.list.itemActivated.connect(lambda _item: editor.focus_name())
        self.notice.action_triggered.connect(self._act)
        close = QAction(self)
        close.setShortcuts([QKeySequence("Escape"), QKeySequence(QKeySequence.StandardKey.Close)])
        close.triggered.connect(lambda _checked: self.close())
        self.addAction(close)

    # ------------------------------------------------------------ for the window

    def open(self, name: str = "") -> None:
        """Come to the front, with what is true now; the assistant of that name is selected."""
        self._shelf.refresh()
        for request, slot in (
            (messages.ListCollections(), self._on_collections),
            (messages.ListModels(), self._on_models),
            (messages.ListAdapters(), self._on_adapters),
        ):
            self._link.request(request).finished.connect(slot)
        if name:
            self._select(name)
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def has_unsaved(self) -> bool:
        """Whether something was typed and not saved."""
        return any(self._is_shown(key) for key in self._drafts)

    def show_unsaved(self) -> None:
        """Come to the front with an assistant for which something was typed and not saved."""
        self.open()
        for key in self._drafts:
            if self._is_shown(key):
                self._select(key)
                return

    def make_new(self) -> None:
        """Begin an assistant, whose name is to be typed."""
        self._add(Assistant(name=self._free_name(self.tr("New assistant"))))

    def duplicate(self) -> None:
        """Begin a copy of the one that is shown, with what was typed for it."""
        draft = self.editor.draft()
        if draft is not None:
            name = self._free_name(self.tr("{name} copy").format(name=draft.assistant.name))
            self._add(msgspec.structs.replace(draft.assistant, name=name, shipped=False), draft)

    # ------------------------------------------------------------ what is shown

    def _is_shown(self, key: str) -> bool:
        return key.startswith(_NEW) or self._shelf.get(key) is not None

    def _key(self) -> str:
        item = self.list.currentItem()
        return str(item.data(_KEY)) if item is not None else ""

    def _fill(self) -> None:
        chosen, row = self._key(), self.list.currentRow()
        own = [each.name for each in self._shelf.all if not each.shipped]
        fresh = [key for key in self._drafts if key.startswith(_NEW)]
        shipped = [each.name for each in self._shelf.all if each.shipped]
        self.list.blockSignals(True)
        self.list.clear()
        for key in (*own, *fresh, *shipped):
            item = QListWidgetItem(self.list)
            item.setData(_KEY, key)
            self._draw(item)
        if not self._select(chosen) and self.list.count():
            self.list.setCurrentRow(min(max(row, 0), self.list.count() - 1))
        self.list.blockSignals(False)
        self._show_current(again=True)

    def _draw(self, item: QListWidgetItem) -> None:
        key = str(item.data(_KEY))
        draft, saved = self._drafts.get(key), self._shelf.get(key)
        shown = draft.assistant if draft else saved
        if shown is None:
            return
        name = shown.name or self.tr("(no name)")
        item.setText(f"{name} •" if draft else name)
        spoken = self.tr("{name}, not saved").format(name=name) if draft else name
        item.setIcon(style.icon("lock" if shown.shipped else "assistant", "text_muted"))
        item.setToolTip(shown.about)
        if shown.shipped:
            spoken = self.tr("{name}, comes with Docent").format(name=name)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)

    def _select(self, key: str) -> bool:
        for row in range(self.list.count()):
            if str(self.list.item(row).data(_KEY)).casefold() == key.casefold():
                self.list.setCurrentRow(row)
                return True
        return False

    def _show_current(self, *, again: bool = False) -> None:
        """Show the selected one; ``again``: the same, unless it is another now."""
        key = self._key()
        saved, draft = self._shelf.get(key), self._drafts.get(key)
        wanted = draft or (Draft(saved) if saved else None)
        if wanted is None:
            known = self.tr("Select an assistant to see it whole.")
            self.editor.show_nothing(known if self._shelf.known else self.tr("Looking them up…"))
        elif not again or self.editor.draft() != wanted:  # else the cursor stays where it is
            self.editor.show_draft(wanted, changed=draft is not None)
        else:
            self.editor.show_state(draft is not None)
        deletable = key.startswith(_NEW) or (saved is not None and not saved.shipped)
        for action, on in (
            (self.duplicate_action, wanted is not None),
            (self.delete_action, deletable),
            (self.export_action, saved is not None),
        ):
            action.setEnabled(on)
            self.buttons[action].setEnabled(on)

    def _on_collections(self, event: messages.Collections) -> None:
        self.editor.set_collections(event.collections)

    def _on_models(self, event: messages.Models) -> None:
        self.editor.set_models(event.models)

    def _on_adapters(self, event: messages.Adapters) -> None:
        self.editor.set_adapters(event.adapters)

    # ------------------------------------------------------------ what is done

    def _free_name(self, wanted: str) -> str:
        taken = {each.name.casefold() for each in self._shelf.all}
        taken |= {draft.assistant.name.casefold() for draft in self._drafts.values()}
        wanted = wanted[: _MOST_NAME - 4].strip()
        names = itertools.chain([wanted], (f"{wanted} {number}" for number in itertools.count(2)))
        return next(name for name in names if name.casefold() not in taken)

    def _add(self, assistant: Assistant, like: Draft | None = None) -> None:
        key = f"{_NEW}{next(self._numbers)}"
        self._drafts[key] = Draft(assistant, like.fields if like else None)
        self._fill()
        self._select(key)
        self.editor.focus_name()

    def _on_changed(self) -> None:
        key, draft = self._key(), self.editor.draft()
        saved = self._shelf.get(key)
        if draft is None or not key:
            return
        if saved is not None and (saved.shipped or draft == Draft(saved)):
            self._drafts.pop(key, None)
        else:
            self._drafts[key] = draft
        self.editor.show_state(key in self._drafts)
        self._draw(self.list.currentItem())

    def _save(self) -> None:
        key = self._key()
        draft = self._drafts.get(key)
        if draft is None:
            return
        self.editor.show_failure("")
        job = self._shelf.save(draft.assistant, "" if key.startswith(_NEW) else key)
        self._saving = (key, draft)
        job.failed.connect(lambda failure: self._on_not_saved(key, failure))

    def _on_saved(self, name: str, _before: str) -> None:
        key, draft = self._saving
        if draft.assistant.name != name:
            return  # not from here
        typed = self._drafts.pop(key, None)
        if typed is not None and typed != draft:
            self._drafts[name] = typed  # more was typed meanwhile
        self._follow(key, name)

    def _follow(self, key: str, name: str) -> None:
        """The row of ``key`` is that of ``name`` from now on."""
        for row in range(self.list.count()):
            if self.list.item(row).data(_KEY) == key:
                self.list.item(row).setData(_KEY, name)

    def _on_not_saved(self, key: str, failure: Failure) -> None:
        if key == self._key():
            self.editor.show_failure(phrases.failure_sentence(failure))
        else:
            self._tell_failure(failure)

    def _revert(self) -> None:
        key = self._key()
        if key.startswith(_NEW):
            self._discard(key)
            return
        self._drafts.pop(key, None)
        self._show_current()
        self._draw(self.list.currentItem())

    def _discard(self, key: str) -> None:
        draft = self._drafts.pop(key)
        self._fill()
        words = self.tr("“{name}” was deleted.").format(name=draft.assistant.name)
        self._say(words, "info", self.tr("&Undo"), lambda: self._bring_back(key, draft), _UNDO_SECONDS)

    def _bring_back(self, key: str, draft: Draft) -> None:
        self._drafts[key] = draft
        self._fill()
        self._select(key)

    def _delete(self) -> None:
        key = self._key()
        if key.startswith(_NEW):
            self._discard(key)
        elif self.delete_action.isEnabled():
            self._shelf.delete(key)

    def choose_import(self) -> None:
        """Let the person choose a file to take in."""
        dialog = self._dialog(self.tr("Import an assistant"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._shelf.import_file)
        dialog.open()

    def choose_export(self) -> None:
        """Let the person choose the file to write."""
        name = self._key()
        dialog = self._dialog(self.tr("Export the assistant"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("toml")
        dialog.selectFile(f"{''.join(each if each.isalnum() else '-' for each in name).strip('-') or 'assistant'}.toml")
        dialog.fileSelected.connect(lambda path: self._shelf.export(name, path))
        dialog.open()

    def _dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self, title, str(self._state.value("folders/assistants", str(Path.home()))))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setNameFilters([self.tr("Assistants (*.toml)"), self.tr("All files (*)")])
        dialog.fileSelected.connect(lambda chosen: self._state.setValue("folders/assistants", str(Path(chosen).parent)))
        return dialog

    # ------------------------------------------------------------ what is told

    def _say(
        self, words: str, kind: str, action: str = "", does: Callable[[], object] | None = None, seconds: float = 0.0
    ) -> None:
        self._on_action = does
        self.notice.say(words, kind, action, seconds)

    def _act(self) -> None:
        if self._on_action is not None:
            self._on_action()

    def _on_deleted(self, name: str) -> None:
        words = self.tr("“{name}” was deleted.").format(name=name)
        self._say(words, "info", self.tr("&Undo"), self._shelf.undo, _UNDO_SECONDS)

    def _on_put_back(self, name: str) -> None:
        self.notice.close_notice()
        self._fill()
        self._select(name)

    def _on_imported(self, name: str) -> None:
        self._fill()
        self._select(name)
        self._say(self.tr("“{name}” was taken in.").format(name=name), "info", seconds=_UNDO_SECONDS)

    def _on_exported(self, name: str, path: str) -> None:
        folder = QUrl.fromLocalFile(str(Path(path).parent))
        words = self.tr("“{name}” is written to “{file}”.").format(name=name, file=PurePath(path).name)
        self._say(words, "info", self.tr("Show the &folder"), lambda: QDesktopServices.openUrl(folder))

    def _tell_failure(self, failure: Failure) -> None:
        if failure.code != Code.ENGINE_DIED:  # the main window says that once, for all jobs
            self._say(phrases.failure_sentence(failure), "warning")

    def hideEvent(self, event: QHideEvent) -> None:
        """Remember the place."""
        self._state.setValue("assistants/geometry", self.saveGeometry())
        super().hideEvent(event)

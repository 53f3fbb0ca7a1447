"""Approved answers: a window beside the others, with a row for every example that an adapter can be trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

from PySide6.QtCore import QByteArray, QItemSelection, QSettings, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QHideEvent, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import approval_words, phrases, style, tables
from assistant_app.gui.approval_editor import ApprovalEditor
from assistant_app.gui.approvals import Approvals
from assistant_app.gui.approvals_model import COUNTING, NOT_COUNTING, ApprovalsModel, Column, ShownApprovals
from assistant_app.gui.engine_link import Failure
from assistant_app.gui.notice import Notice
from assistant_app.gui.settings_page import number_text
from assistant_app.protocol.training import Approval, ChatShape

_SIZE = QSize(1240, 760)
_TYPING_MS = 150
_UNDO_SECONDS = 12.0
_EMPTY_WIDTH = 480
_WIDTHS = {
    Column.FORMAT: 88,
    Column.SOURCES: 76,
    Column.ORIGIN: 92,
    Column.WHEN: 144,
    Column.COUNTS: 190,
}


class ApprovalsWindow(QWidget):
    """Shows what :class:`Approvals` knows; shown and hidden, never modal."""

    train_requested = Signal()

    def __init__(self, approvals: Approvals, state: QSettings) -> None:
        super().__init__()  # no child of the window, which could not come in front of it then
        self._approvals = approvals
        self._state = state
        self._on_action: Callable[[], object] | None = None
        self._wanted_turn = 0
        """Its approval is selected as soon as it is there; 0 for none."""
        self.setWindowTitle(self.tr("Approved answers"))
        self.setAccessibleName(self.tr("Approved answers"))
        self.model = ApprovalsModel(self)
        self.shown = ShownApprovals(self.model, self)
        self.table = QTableView(self)
        self.search = QLineEdit(self)
        self.groups = QComboBox(self)
        self.count = QLabel(self)
        self.empty = QLabel(self)
        self.editor = ApprovalEditor(self)
        self.notice = Notice(self)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._make_actions()
        self._build_top()
        self._build_table()
        self._lay_out()
        self._connect()
        self._restore()
        self._fill()

    # ------------------------------------------------------------ parts

    def _make_actions(self) -> None:
        self.delete_action = tables.action(
            self.table, self.tr("Throw &out"), "trash", self._delete, QKeySequence.StandardKey.Delete
        )
        self.delete_action.setToolTip(self.tr("Throw the selected answers out; that can be undone (Del)"))
        self._undo = tables.action(
            self.table, self.tr("&Undo"), "undo", self._approvals.undo, QKeySequence.StandardKey.Undo
        )
        self.import_action = tables.action(self.table, self.tr("&Import…"), "add", self.choose_import)
        self.import_action.setToolTip(self.tr("Read examples from a JSONL file"))
        self.export_action = tables.action(self.table, self.tr("&Export…"), "export", self.choose_export)
        self.export_action.setToolTip(self.tr("Write the answers that count to a JSONL file"))
        self.train_action = tables.action(
            self.table, self.tr("&Train an adapter…"), "adapter", self.train_requested.emit
        )
        self.train_action.setToolTip(self.tr("Have a model learn the shape of these answers"))

    def _build_top(self) -> None:
        self.search.setAccessibleName(self.tr("Search in approved questions and answers"))
        self.groups.setAccessibleName(self.tr("Show only some of the answers"))
        self.groups.view().setAccessibleName(self.tr("Kinds of answers"))
        self.groups.addItem(self.tr("All"), "")
        self.groups.addItem(style.icon("check", "success"), self.tr("Those that count"), COUNTING)
        self.groups.addItem(style.icon("warning", "warning"), self.tr("Those that do not count"), NOT_COUNTING)
        self.groups.insertSeparator(self.groups.count())
        for problem in approval_words.PROBLEMS:
            self.groups.addItem(approval_words.problem_words(problem), problem)

    def _build_table(self) -> None:
        self.table.setModel(self.shown)
        tables.dress(self.table, self.tr("Approved answers"))
        self.table.setTextElideMode(Qt.TextElideMode.ElideRight)
        for column in (Column.QUESTION, Column.ANSWER):  # what is read gets the room that there is
            self.table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setSortIndicator(Column.WHEN, Qt.SortOrder.DescendingOrder)
        self.table.setSortingEnabled(True)
        for column, width in _WIDTHS.items():
            self.table.setColumnWidth(column, width)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        style.set_role(self.empty, "muted")

    def _lay_out(self) -> None:
        top = tables.filter_row(self.search, self.tr("Search questions and answers"), self.groups, self.count)
        self._splitter = QSplitter(Qt.Orientation.Vertical, self)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(style.SPACE)
        self._splitter.setStyleSheet("QSplitter::handle { background: transparent; }")
        self._splitter.addWidget(self.table)
        self._splitter.addWidget(self.editor)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setSizes([330, 320])
        self._stack = QStackedWidget(self)
        middle = QWidget(self)
        row = QHBoxLayout(middle)
        row.addStretch(1)
        row.addWidget(self.empty)
        row.addStretch(1)
        self.empty.setFixedWidth(_EMPTY_WIDTH)
        self._stack.addWidget(middle)
        self._stack.addWidget(self._splitter)
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        actions = (self.delete_action, self.import_action, self.export_action, self.train_action)
        self.buttons = {action: tables.button(action, self) for action in actions}
        for action, button in self.buttons.items():
            if action is self.train_action:
                buttons.addStretch(1)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addLayout(top)
        layout.addWidget(self.notice)
        layout.addWidget(self._stack, 1)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        approvals = self._approvals
        approvals.changed.connect(self._fill)
        approvals.deleted.connect(self._tell_deleted)
        approvals.put_back.connect(self.notice.close_notice)
        approvals.imported.connect(self._tell_imported)
        approvals.exported.connect(self._tell_exported)
        approvals.failed.connect(self._tell_failure)
        approvals.saved.connect(lambda _number: self._show_selection())
        self.editor.saved.connect(self._save)
        self.editor.accepted.connect(lambda number, on: approvals.change(number, accepted=on))
        self._typing.timeout.connect(self._narrow)
        self.search.textChanged.connect(lambda _text: self._typing.start())
        self.groups.currentIndexChanged.connect(lambda _index: self._narrow())
        self.table.selectionModel().selectionChanged.connect(lambda _now, _before: self._show_selection())
        self.table.activated.connect(lambda _index: self.editor.answer.setFocus())
        self.table.customContextMenuRequested.connect(
            lambda at: self.make_menu().popup(self.table.viewport().mapToGlobal(at))
        )
        self.notice.action_triggered.connect(self._act)
        for key, slot in (("Ctrl+F", self._focus_search), ("Escape", self.close)):
            action = QAction(self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _checked, slot=slot: slot())
            self.addAction(action)

    # ------------------------------------------------------------ for the window

    def open(self, turn: int = 0) -> None:
        """Come to the front, with what is true now; the approval of ``turn`` is selected."""
        self._wanted_turn = turn
        if turn:
            self._show_all()
        self._approvals.refresh()
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see but a sentence."""
        return self._stack.currentIndex() == 0

    def selected(self) -> list[Approval]:
        """The selected rows, from top to bottom."""
        return [self.shown.approval(row) for row in tables.selected_rows(self.table)]

    def select(self, number: int) -> None:
        """Select the row of an approval, if it is shown."""
        row = self.shown.row_of(number)
        if row >= 0:
            self.table.selectRow(row)
            self.table.scrollTo(self.shown.index(row, 0))

    def show_unsaved(self) -> None:
        """Come to the front with an approval for which something was typed and not saved."""
        self._show_all()
        self.open()
        for number in self.editor.unsaved[:1]:
            self.select(number)

    def _show_all(self) -> None:
        self.search.clear()
        self.groups.setCurrentIndex(0)
        self._narrow()

    def make_menu(self) -> QMenu:
        """What can be done with the selected rows."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.delete_action)
        return menu

    # ------------------------------------------------------------ what is shown

    def _fill(self) -> None:
        chosen = {each.id for each in self.selected()}
        above = self.table.verticalScrollBar().value()
        row = self.table.currentIndex().row()
        self.model.set_approvals(self._approvals.all)
        self.editor.forget({each.id for each in self._approvals.all})
        self._select_again(chosen, row)
        self.table.verticalScrollBar().setValue(above)
        self._show_count()
        self._select_wanted()

    def _select_wanted(self) -> None:
        wanted, self._wanted_turn = self._wanted_turn, 0
        number = next((each.id for each in self._approvals.all if wanted and each.turn == wanted), 0)
        if number:
            self.select(number)

    def _select_again(self, chosen: set[int], row: int) -> None:
        """Select those of ``chosen`` that are left; where none is, what stands now in ``row``."""
        selection = self.table.selectionModel()
        flags = selection.SelectionFlag
        kept = [at for at in range(self.shown.rowCount()) if self.shown.approval(at).id in chosen]
        if not kept and self.shown.rowCount():
            kept = [min(max(row, 0), self.shown.rowCount() - 1)]
        chosen_rows = QItemSelection()
        for at in kept:
            chosen_rows.select(self.shown.index(at, 0), self.shown.index(at, 0))
        if kept:
            selection.setCurrentIndex(self.shown.index(kept[0], 0), flags.NoUpdate)
        selection.select(chosen_rows, flags.ClearAndSelect | flags.Rows)
        self._show_selection()

    def _narrow(self) -> None:
        self._typing.stop()
        chosen = {each.id for each in self.selected()}
        self.shown.narrow(self.search.text(), self.groups.currentData())
        self._select_again(chosen, 0)
        self._show_count()

    def _show_count(self) -> None:
        shown, known = self.shown.rowCount(), len(self._approvals.all)
        counting = sum(each.counts for each in self._approvals.all)
        words = self.tr("{known} answers, {counting} of them count")
        if known == 1:
            words = self.tr("1 answer, which counts") if counting else self.tr("1 answer, which does not count")
        if shown != known:
            words = self.tr("{shown} of {known} answers")
        said = words.format(shown=number_text(shown), known=number_text(known), counting=number_text(counting))
        self.count.setText(said if known else "")
        if known and self.is_empty and not self.search.hasFocus():
            self._stack.setCurrentIndex(1)
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._stack.setCurrentIndex(1 if known else 0)
        for widget in (self.search, self.groups):
            widget.setEnabled(known > 0)
        self.export_action.setEnabled(counting > 0)
        self.buttons[self.export_action].setEnabled(counting > 0)
        self.empty.setText(
            self.tr(
                "No answer is approved yet.\n\nPress “Good” under an answer that is as you want it, or “Correct…” to"
                " write what it should have been: each becomes an example here, with the passages that it was made"
                " from. You can also import a JSONL file."
            )
            if self._approvals.known
            else self.tr("Looking them up…")
        )

    def _show_selection(self) -> None:
        chosen = self.selected()
        words = self.tr("Select an answer to see it whole.")
        if len(chosen) > 1:
            words = self.tr("{count} answers are selected.").format(count=number_text(len(chosen)))
        elif not self.shown.rowCount():
            words = self.tr("None of the answers fits the search.")
        self.editor.show_approval(chosen[0] if len(chosen) == 1 else None, words)
        self.delete_action.setEnabled(bool(chosen))
        self.buttons[self.delete_action].setEnabled(bool(chosen))

    def _focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    # ------------------------------------------------------------ what is done

    def _delete(self) -> None:
        self._approvals.delete([each.id for each in self.selected()])

    def _save(self, number: int, question: str | None, answer: str | None) -> None:
        job = self._approvals.change(number, question=question, answer=answer)
        job.finished.connect(lambda _event: self._on_saved(number))
        job.failed.connect(lambda failure: self.editor.show_failure(phrases.failure_sentence(failure)))

    def _on_saved(self, number: int) -> None:
        self.editor.take_saved(number)
        self._show_selection()

    def choose_import(self) -> None:
        """Let the person choose a file of examples."""
        dialog = self._dialog(self.tr("Import examples"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([self.tr("Examples (*.jsonl *.json)"), self.tr("All files (*)")])
        dialog.fileSelected.connect(self._approvals.import_file)
        dialog.open()

    def choose_export(self) -> None:
        """Let the person choose the file to write, and its shape by the dialog's filter."""
        shapes: dict[str, ChatShape] = {
            self.tr("OpenAI messages (*.jsonl)"): "openai",
            self.tr("ChatML text (*.jsonl)"): "chatml",
        }
        dialog = self._dialog(self.tr("Export the answers that count"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("jsonl")
        dialog.setNameFilters(list(shapes))
        dialog.selectFile("approved-answers.jsonl")
        dialog.fileSelected.connect(
            lambda path: self._approvals.export(path, shapes.get(dialog.selectedNameFilter(), "openai"))
        )
        dialog.open()

    def _dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self, title, str(self._state.value("folders/examples", str(Path.home()))))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self._state.setValue("folders/examples", str(Path(chosen).parent)))
        return dialog

    # ------------------------------------------------------------ what is told

    def _say(self, words: str, kind: str, action: str, does: Callable[[], object] | None, seconds: float = 0.0) -> None:
        self._on_action = does
        self.notice.say(words, kind, action, seconds)

    def _act(self) -> None:
        if self._on_action is not None:
            self._on_action()

    def _tell_deleted(self, count: int) -> None:
        many = self.tr("{count} answers were thrown out.").format(count=number_text(count))
        words = self.tr("1 answer was thrown out.") if count == 1 else many
        self._say(words, "info", self.tr("Un&do"), self._approvals.undo, _UNDO_SECONDS)

    def _tell_imported(self, path: str, added: int, problems: dict[str, int]) -> None:
        words = approval_words.imported_sentence(PurePath(path).name, added, problems)
        if problems and added:
            self._say(words, "warning", self.tr("Sho&w them"), self._show_not_counting)
        else:
            self._say(words, "info", "", None)

    def _show_not_counting(self) -> None:
        self.search.clear()
        self.groups.setCurrentIndex(self.groups.findData(NOT_COUNTING))

    def _tell_exported(self, path: str) -> None:
        folder = QUrl.fromLocalFile(str(Path(path).parent))
        words = self.tr("The answers that count are written to “{name}”.").format(name=PurePath(path).name)
        self._say(words, "info", self.tr("Show the &folder"), lambda: QDesktopServices.openUrl(folder))

    def _tell_failure(self, failure: Failure) -> None:
        if failure.code != Code.ENGINE_DIED:  # the main window says that once, for all jobs
            self._say(phrases.failure_sentence(failure), "warning", "", None)
        self._show_selection()

    # ------------------------------------------------------------ place and size

    def _restore(self) -> None:
        geometry, header = self._state.value("approvals/geometry"), self._state.value("approvals/header")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(_SIZE.boundedTo(self.screen().availableSize()))
        if isinstance(header, QByteArray):
            self.table.horizontalHeader().restoreState(header)  # and the table sorts itself as that says

    def hideEvent(self, event: QHideEvent) -> None:
        """Remember the place, the columns and their order."""
        self._state.setValue("approvals/geometry", self.saveGeometry())
        self._state.setValue("approvals/header", self.table.horizontalHeader().saveState())
        super().hideEvent(event)

"""Fill a table: a window beside the others, in which an assistant is asked the same of many documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from PySide6.QtCore import QByteArray, QModelIndex, QSettings, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QHideEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from assistant_app.errors import Code
from assistant_app.gui import phrases, style, tables
from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.holdings import Holdings
from assistant_app.gui.notice import Notice
from assistant_app.gui.settings_page import number_text
from assistant_app.gui.table_model import CITATION, FIXED, ShownTable, TableModel, reason_sentence
from assistant_app.protocol import assistants, messages
from assistant_app.protocol.assistants import Assistant
from assistant_app.protocol.records import Document

_SIZE = QSize(1180, 720)
_TYPING_MS = 150
_SETTLE_MS = 1000
"""While the library changes, what is filled is read again once in so long."""

_CHOICE_WIDTH = 320
_WIDTHS = (220, 168)
_VALUE_WIDTH = 200
_SEARCHABLE = ("indexed", "partial", "unchanged")
_ALL, _OWN, _TICKED, _COLLECTION = "all", "own", "ticked", "collection:"
"""Which documents: all, those of the assistant's collections, the ticked ones, those of a collection."""


class TableWindow(QWidget):
    """Shown and hidden, never modal; a table goes on being filled while it is hidden."""

    citation_activated = Signal(object)
    """Carries the :class:`Citation` of the cell that was clicked."""

    document_activated = Signal(str)
    ended = Signal(str)
    """The table is filled, or was ended by a failure: carries a sentence."""

    def __init__(self, link: EngineLink, shelf: AssistantShelf, holdings: Holdings, state: QSettings) -> None:
        super().__init__()  # no child of the window, which could not come in front of it then
        self._link = link
        self._shelf = shelf
        self._holdings = holdings
        self._state = state
        self._job: Job | None = None
        self._reading: Job | None = None
        self._is_stale = False
        """The library changed while the table was being filled."""

        self._ticked: list[str] = []
        self._filled = ("", "")
        """The assistant and the question that the rows belong to."""

        self._is_stopped = False
        """Some of the documents have no row."""

        self._on_action: Callable[[], object] | None = None
        self.setWindowTitle(self.tr("Fill a table"))
        self.setAccessibleName(self.tr("Fill a table"))
        self.assistant = QComboBox(self)
        self.documents = QComboBox(self)
        self.question = QLineEdit(self)
        self.begin_button = QPushButton(self)
        self.anew_button = QPushButton(self.tr("Begin a&new"), self)
        self.stop_button = QPushButton(style.icon("stop"), self.tr("S&top"), self)
        self.progress = QProgressBar(self)
        self.progress_words = QLabel(self)
        self.notice = Notice(self)
        self.filter = QLineEdit(self)
        self.count = QLabel(self)
        self.model = TableModel(self)
        self.shown = ShownTable(self.model, self)
        self.table = QTableView(self)
        self.reason = QLabel(self)
        self.export_button = QPushButton(style.icon("export"), self.tr("&Export…"), self)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._soon = QTimer(self, singleShot=True)
        self._prepare()
        self._build()
        self._connect()
        geometry = self._state.value("table/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(_SIZE.boundedTo(self.screen().availableSize()))
        self._show_running()

    # ------------------------------------------------------------ parts

    def _prepare(self) -> None:
        for box in (self.assistant, self.documents):
            box.setFixedWidth(_CHOICE_WIDTH)
            box.setMinimumHeight(4 * style.SPACE)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(self.tr("Documents that were asked"))
        self.stop_button.setToolTip(self.tr("Stop; what is filled is kept"))
        self.anew_button.setToolTip(self.tr("Forget what is filled, and ask every document again"))
        self.export_button.setToolTip(self.tr("Write the table as CSV or XLSX, with the page of each value"))
        for button in (self.begin_button, self.anew_button, self.stop_button, self.export_button):
            button.setAutoDefault(False)
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        style.set_role(self.begin_button, "primary")
        self.filter.setPlaceholderText(self.tr("Filter by any word"))
        self.filter.setAccessibleName(self.tr("Filter the table by any word"))
        self.filter.setClearButtonEnabled(True)
        self.filter.addAction(style.icon("search", "text_muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.filter.setMaximumWidth(360)
        for label in (self.progress_words, self.count, self.reason):
            style.set_role(label, "muted")
        self.reason.setTextFormat(Qt.TextFormat.PlainText)
        self.reason.setWordWrap(True)
        self.reason.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        table = self.table
        table.setModel(self.shown)
        tables.dress(table, self.tr("What was found in each document"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTextElideMode(Qt.TextElideMode.ElideRight)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        table.setMouseTracking(True)
        table.horizontalHeader().setDefaultSectionSize(_VALUE_WIDTH)
        table.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        table.horizontalHeader().setSortIndicatorClearable(True)
        table.setSortingEnabled(True)
        for column, width in enumerate(_WIDTHS):
            table.setColumnWidth(column, width)

    def _build(self) -> None:
        form = QGridLayout()
        form.setHorizontalSpacing(2 * style.SPACE)
        form.setVerticalSpacing(style.SPACE)
        form.setColumnStretch(4, 1)
        for row, column, words, field in (
            (0, 0, self.tr("&Assistant"), self.assistant),
            (0, 2, self.tr("&Documents"), self.documents),
            (1, 0, self.tr("&Question"), self.question),
        ):
            label = QLabel(words, self)
            label.setBuddy(field)
            style.set_role(label, "muted")
            field.setAccessibleName(words.replace("&", ""))
            form.addWidget(label, row, column)
            form.addWidget(field, row, column + 1, 1, 4 if field is self.question else 1)
        running = QHBoxLayout()
        running.setSpacing(style.SPACE)
        for button in (self.begin_button, self.stop_button, self.anew_button):
            running.addWidget(button)
        running.addWidget(self.progress, 1)
        running.addWidget(self.progress_words)
        narrow = QHBoxLayout()
        narrow.setSpacing(style.SPACE)
        narrow.addWidget(self.filter, 1)
        narrow.addStretch(1)
        narrow.addWidget(self.count)
        bottom = QHBoxLayout()
        bottom.setSpacing(style.SPACE)
        bottom.addWidget(self.reason, 1)
        bottom.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE, 2 * style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addLayout(form)
        layout.addLayout(running)
        layout.addWidget(self.notice)
        layout.addLayout(narrow)
        layout.addWidget(self.table, 1)
        layout.addLayout(bottom)

    def _connect(self) -> None:
        self._shelf.changed.connect(self._fill_assistants)
        for signal in (self._holdings.listed, self._holdings.updated, self._holdings.gone):
            signal.connect(lambda *_: self._fill_documents(_SETTLE_MS))
        self._soon.timeout.connect(self._read)
        for box, then in ((self.assistant, self._on_assistant), (self.documents, self._read_soon)):
            box.currentIndexChanged.connect(lambda _index: self.notice.close_notice())  # it was said of another table
            box.currentIndexChanged.connect(lambda _index, then=then: then())
        self.question.textChanged.connect(lambda _text: self._show_running())
        self.question.returnPressed.connect(self.begin_button.click)
        self.begin_button.clicked.connect(lambda _checked: self.begin())
        self.anew_button.clicked.connect(lambda _checked: self.begin(anew=True))
        self.stop_button.clicked.connect(lambda _checked: self.stop())
        self.export_button.clicked.connect(lambda _checked: self.choose_export())
        self._typing.timeout.connect(self._narrow)
        self.filter.textChanged.connect(lambda _text: self._typing.start())
        self.table.clicked.connect(self._on_clicked)
        self.table.activated.connect(self._open)
        self.table.entered.connect(self._point)
        self.table.selectionModel().currentChanged.connect(lambda now, _before: self._show_reason(now))
        self.notice.action_triggered.connect(self._act)
        for key, slot in (("Ctrl+F", self._focus_filter), ("Escape", self.close)):
            action = QAction(self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _checked, slot=slot: slot())
            self.addAction(action)

    # ------------------------------------------------------------ for the window

    def open(self, name: str, ticked: Sequence[str]) -> None:
        """Come to the front; ``name`` is the assistant to begin with, ``ticked`` the documents that are ticked."""
        self._ticked = list(ticked)
        self._shelf.refresh()
        self._fill_assistants()
        if name and self._job is None:
            self.assistant.setCurrentIndex(max(self.assistant.findData(name), 0))
        self._fill_documents()
        if ticked and self._job is None:
            self.documents.setCurrentIndex(max(self.documents.findData(_TICKED), 0))
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        self.assistant.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_ticked(self, paths: Sequence[str]) -> None:
        """These are ticked in the library."""
        self._ticked = list(paths)
        self._fill_documents()

    @property
    def is_running(self) -> bool:
        return self._job is not None

    def begin(self, *, anew: bool = False) -> None:
        """Ask the documents that were not asked yet, or with ``anew`` all of them."""
        assistant = self._chosen()
        if assistant is None or not (self.begin_button.isEnabled() or anew) or self._job is not None:
            return
        question = self.question.text().strip()
        if anew or self._asked() != self._filled or self._reading is not None or self._soon.isActive():
            self.model.clear()
        self._soon.stop()
        self._reading = None
        self._filled = self._asked()
        self.notice.close_notice()
        self.progress.setRange(0, 0)
        self.progress_words.setText(self.tr("Beginning…"))
        request = assistants.FillTable(assistant=assistant.name, question=question, paths=self._paths(), anew=anew)
        job = self._job = self._link.request(request)
        job.progressed.connect(self._on_row)
        job.finished.connect(self._on_filled)
        job.failed.connect(self._on_failed)
        self._show_running()
        self.stop_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def stop(self) -> None:
        """Stop; what is filled is kept."""
        if self._job is not None:
            self.stop_button.setEnabled(False)
            self.progress_words.setText(self.tr("Stopping…"))
            self._job.cancel()

    # ------------------------------------------------------------ what is chosen

    def _chosen(self) -> Assistant | None:
        return self._shelf.get(str(self.assistant.currentData() or ""))

    def _asked(self) -> tuple[str, str]:
        """The assistant and the question that are chosen."""
        assistant = self._chosen()
        return (assistant.name, self.question.text().strip() or assistant.question.strip()) if assistant else ("", "")

    def _fill_assistants(self) -> None:
        chosen = str(self.assistant.currentData() or "")
        self.assistant.blockSignals(True)
        self.assistant.clear()
        for each in self._shelf.all:
            self.assistant.addItem(each.name, each.name)
            self.assistant.setItemData(self.assistant.count() - 1, each.about, Qt.ItemDataRole.ToolTipRole)
        self.assistant.setCurrentIndex(max(self.assistant.findData(chosen), 0))
        self.assistant.blockSignals(False)
        self._on_assistant()

    def _on_assistant(self) -> None:
        assistant = self._chosen()
        self.question.setPlaceholderText(
            (assistant.question if assistant else "") or self.tr("What is asked of each document")
        )
        if assistant is not None and self._filled[0] not in ("", assistant.name) and self._job is None:
            self.model.clear()
            self._filled = ("", "")
        self._fill_documents()

    def _searchable(self) -> list[Document]:
        return [each for each in self._holdings.documents.values() if each.status in _SEARCHABLE]

    def _fill_documents(self, read_after_ms: int = 0) -> None:
        chosen, known, assistant = self.documents.currentData(), self._searchable(), self._chosen()
        self.documents.blockSignals(True)
        self.documents.clear()
        own = assistant.collections if assistant else []
        if own:
            words = self.tr("The assistant's: {names}").format(names=", ".join(own))
            self.documents.addItem(_counted(words, sum(bool(set(own) & set(each.collections)) for each in known)), _OWN)
        self.documents.addItem(_counted(self.tr("All documents"), len(known)), _ALL)
        ticked = len(set(self._ticked) & {each.path for each in known})
        if ticked:
            self.documents.addItem(_counted(self.tr("The ticked ones"), ticked), _TICKED)
        for name in sorted({name for each in known for name in each.collections}):
            words = self.tr("In “{name}”").format(name=name)
            count = sum(name in each.collections for each in known)
            self.documents.addItem(_counted(words, count), _COLLECTION + name)
        self.documents.setCurrentIndex(max(self.documents.findData(chosen), 0))
        self.documents.blockSignals(False)
        self._read_soon(read_after_ms)
        self._show_running()

    def _paths(self) -> list[str]:
        """The documents to ask; none: those of the assistant's collections, or all."""
        chosen, assistant = str(self.documents.currentData()), self._chosen()
        if chosen == _OWN or (chosen == _ALL and not (assistant and assistant.collections)):
            return []
        if chosen == _TICKED:
            return list(self._ticked)
        name = chosen.removeprefix(_COLLECTION)
        return sorted(each.path for each in self._searchable() if chosen == _ALL or name in each.collections)

    def _obstacle(self) -> str:
        """Why nothing can be asked now; "" where something can."""
        assistant = self._chosen()
        if assistant is None:
            return self.tr("There is no assistant yet: make one first.")
        if not self._searchable():
            return phrases.reason_sentence(Code.TABLE_EMPTY)
        if not (self.question.text().strip() or assistant.question):
            return self.tr("Write what is to be asked of each document.")
        return ""

    def _show_running(self) -> None:
        running, rows = self._job is not None, self.model.rowCount()
        is_same = bool(rows) and self._asked() == self._filled
        obstacle = self._obstacle()
        self.begin_button.setText(self.tr("&Go on") if is_same and self._is_stopped else self.tr("&Fill the table"))
        self.begin_button.setVisible(not running)
        self.begin_button.setEnabled(not obstacle)
        self.begin_button.setToolTip(obstacle)
        self.anew_button.setVisible(not running and is_same)
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(running)
        self.progress.setVisible(running)
        for widget in (self.assistant, self.documents, self.question):
            widget.setEnabled(not running)
        self.export_button.setEnabled(rows > 0)
        self.filter.setEnabled(rows > 0)
        self._show_reason(self.table.currentIndex())
        if not running:
            self.progress_words.setText(obstacle)
        self._show_count()

    def _show_count(self) -> None:
        shown, known = self.shown.rowCount(), self.model.rowCount()
        bad = sum(bool(reason_sentence(self.model.row(row))) for row in range(known))
        words = self.tr("1 document") if known == 1 else self.tr("{known} documents")
        if shown != known:
            words = self.tr("{shown} of {known} documents")
        if bad:
            words += self.tr(", {bad} without a valid answer")
        said = words.format(shown=number_text(shown), known=number_text(known), bad=number_text(bad))
        self.count.setText(said if known else "")

    def _narrow(self) -> None:
        self._typing.stop()
        self.shown.narrow(self.filter.text())
        self._show_count()

    def _focus_filter(self) -> None:
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    # ------------------------------------------------------------ what was filled before

    def _read_soon(self, after_ms: int = 0) -> None:
        if not self._soon.isActive() or after_ms < self._soon.remainingTime():
            self._soon.start(after_ms)

    def _read(self) -> None:
        """Show what was filled before; it is asked for again as soon as something else is chosen."""
        assistant = self._chosen()
        self._is_stale = self._job is not None
        if self._is_stale or assistant is None or not self.isVisible():
            return
        job = self._reading = self._link.request(assistants.ReadTable(assistant=assistant.name, paths=self._paths()))
        job.finished.connect(lambda event: self._on_read(job, event))
        job.failed.connect(lambda failure: self._on_unread(job, failure))

    def _on_read(self, job: Job, event: messages.Event) -> None:
        if job is not self._reading or not isinstance(event, assistants.Table):
            return
        self._reading = None
        self._filled = (event.assistant, event.question)
        self._is_stopped = event.stopped
        self.model.show(event.columns, event.rows)
        assistant = self._chosen()
        own = assistant.question.strip() if assistant else ""
        question = "" if event.question == own else event.question
        if not self.question.isModified() and question != self.question.text():  # what is being typed stays
            self.question.setText(question)
        self._show_running()

    def _on_unread(self, job: Job, failure: Failure) -> None:
        if job is not self._reading:
            return
        self._reading = None
        if failure.code == Code.ENGINE_DIED:  # the library is listed again when it is back, and this read
            return
        self.model.clear()
        self._filled = ("", "")
        self._show_running()
        if failure.code != Code.TABLE_EMPTY:  # then the list of documents says it
            self._say(phrases.failure_sentence(failure), "warning")

    # ------------------------------------------------------------ what comes

    def _on_row(self, event: messages.Event) -> None:
        if not isinstance(event, assistants.RowFilled):
            return
        self.model.take(event.row)
        self.question.setModified(False)  # it is kept with its rows, and comes back with them
        self.progress.setRange(0, event.total)
        self.progress.setValue(event.done)
        words = self.tr("{done} of {total}").format(done=number_text(event.done), total=number_text(event.total))
        if event.seconds_left is not None and event.done < event.total:
            left = self.tr("{time} left").format(time=phrases.duration_words(event.seconds_left))
            words = f"{words} · {left}"
        if self.stop_button.isEnabled():
            self.progress_words.setText(words)
        self._show_count()
        self._show_reason(self.table.currentIndex())
        self.export_button.setEnabled(True)
        self.filter.setEnabled(True)

    def _on_filled(self, event: messages.Event) -> None:
        if isinstance(event, assistants.Table):
            self.model.add_columns(event.columns)
            for row in event.rows:
                self.model.take(row)
            self._end(stopped=event.stopped)
            if event.stopped:
                self._say(self.tr("Stopped. What is filled is kept; “Go on” asks the others."), "info")
            else:
                words = self.tr("The table is filled.")
                self._say(words, "info", self.tr("E&xport it…"), self.choose_export)
                self.ended.emit(words)

    def _on_failed(self, failure: Failure) -> None:
        self._end(stopped=True)
        if failure.code == Code.CANCELLED:
            self._say(self.tr("Stopped. What is filled is kept; “Go on” asks the others."), "info")
        elif failure.code != Code.ENGINE_DIED:  # the main window says that once, for all jobs
            self._say(phrases.failure_sentence(failure), "warning")
            self.ended.emit(phrases.failure_sentence(failure))

    def _end(self, *, stopped: bool) -> None:
        self._job = None
        self._is_stopped = stopped
        if self._is_stale:
            self._read_soon()
        self._show_running()
        if self.isActiveWindow():
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    # ------------------------------------------------------------ what is looked at

    def _on_clicked(self, index: QModelIndex) -> None:
        """A cell with a page is a link; the document's name is none, as it is clicked to see its row."""
        if index.column() >= FIXED:
            self._open(index)

    def _open(self, index: QModelIndex) -> None:
        citation = index.data(CITATION) if index.column() >= FIXED else None
        if citation is not None:
            self.citation_activated.emit(citation)
        elif index.isValid() and index.column() == 0:
            self.document_activated.emit(self.shown.row(index.row()).path)

    def _point(self, index: QModelIndex) -> None:
        is_link = index.column() >= FIXED and index.data(CITATION) is not None
        hand, arrow = Qt.CursorShape.PointingHandCursor, Qt.CursorShape.ArrowCursor
        self.table.viewport().setCursor(hand if is_link else arrow)

    def _show_reason(self, index: QModelIndex) -> None:
        """Say of the row that the keyboard is in what its tool tip says."""
        row = self.shown.row(index.row()) if index.isValid() else None
        reason = reason_sentence(row) if row is not None else ""
        name = PurePath(row.path).name if row is not None else ""
        invitation = self.tr(
            "Every document gets a row here, and every value that a quote supports a link to its page."
        )
        empty = "" if self.model.rowCount() else invitation
        self.reason.setText(f"{name}: {reason}" if reason else empty)

    # ------------------------------------------------------------ writing it

    def choose_export(self) -> None:
        """Let the person choose the file to write, and its kind by the dialog's filter."""
        csv_files, xlsx_files = self.tr("CSV (*.csv)"), self.tr("Excel workbook (*.xlsx)")
        dialog = QFileDialog(
            self, self.tr("Export the table"), str(self._state.value("folders/table", str(Path.home())))
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([xlsx_files, csv_files])
        dialog.setDefaultSuffix("xlsx")
        dialog.filterSelected.connect(lambda kind: dialog.setDefaultSuffix("csv" if kind == csv_files else "xlsx"))
        dialog.selectFile(self.tr("table"))
        dialog.fileSelected.connect(self.export)
        dialog.open()

    def export(self, path: str) -> None:
        """Write the rows in their order, also those that are filtered out."""
        self._state.setValue("folders/table", str(Path(path).parent))
        name, question = self._filled
        request = assistants.ExportTable(assistant=name, path=path, question=question, paths=self.shown.paths())
        job = self._link.request(request)
        job.finished.connect(lambda _event: self._tell_written(path))
        job.failed.connect(lambda failure: self._say(phrases.failure_sentence(failure), "warning"))

    def _tell_written(self, path: str) -> None:
        folder = QUrl.fromLocalFile(str(Path(path).parent))
        words = self.tr("The table is written to “{name}”.").format(name=PurePath(path).name)
        self._say(words, "info", self.tr("Show the f&older"), lambda: QDesktopServices.openUrl(folder))

    # ------------------------------------------------------------ what is told

    def _say(self, words: str, kind: str, action: str = "", does: Callable[[], object] | None = None) -> None:
        self._on_action = does
        self.notice.say(words, kind, action)

    def _act(self) -> None:
        if self._on_action is not None:
            self._on_action()

    def hideEvent(self, event: QHideEvent) -> None:
        """Remember the place."""
        self._state.setValue("table/geometry", self.saveGeometry())
        super().hideEvent(event)


def _counted(words: str, count: int) -> str:
    return f"{words} ({number_text(count)})"

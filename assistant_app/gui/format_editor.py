"""The format of an assistant's answers: free text, a schema as a table of fields or as text, labels, a template."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontDatabase, QTextCursor, QTextFormat
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QPlainTextEdit,
    QStackedWidget,
    QTabWidget,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import format_words, phrases, style
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.field_table import FieldTable
from assistant_app.gui.settings_page import Sentence
from assistant_app.protocol import assistants
from assistant_app.protocol.assistants import FormatField, OutputFormat

_TYPING_MS = 300
"""After the last key the format is checked."""

_LINES = 10
_SLOT = re.compile(r"\{([^{}\n]{1,60})\}")
"""As the engine reads them."""

_FIELDS, _TEXT = 0, 1
"""The tabs of a schema."""


class FormatEditor(QWidget):
    """Checks what is typed, with the engine, and says what is wrong with it where it stands."""

    changed = Signal()
    """The person changed something."""

    settled = Signal()
    """What was changed is checked."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._checking: Job | None = None
        self._is_good = True
        self._showing = False
        """The fields are being filled, not edited."""

        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self.kind = QComboBox(self)
        self.fields = FieldTable(self)
        self.note = QLabel(self)
        self.schema = QPlainTextEdit(self)
        self.labels = QPlainTextEdit(self)
        self.template = QPlainTextEdit(self)
        self.slots_shown = QLabel(self)
        self.tabs = QTabWidget(self)
        self.failure = Sentence(self)
        self.grammar = QCheckBox(self.tr("&Hold the model to it (grammar)"), self)
        self.check = QCheckBox(self.tr("Chec&k answers"), self)
        self._stack = QStackedWidget(self)
        self._build()
        self._connect()

    # ------------------------------------------------------------ parts

    def _build(self) -> None:
        self.kind.setAccessibleName(self.tr("Format of the answers"))
        for kind in format_words.KINDS:
            self.kind.addItem(format_words.kind_words(kind), kind)
        self._build_schema()
        self.labels.setPlaceholderText(self.tr("One label a line"))
        self.template.setPlaceholderText(self.tr("Present: {present}\nDecided: {decided}"))
        self.slots_shown.setWordWrap(True)
        self.slots_shown.setTextFormat(Qt.TextFormat.PlainText)
        style.set_role(self.slots_shown, "muted")
        said = {
            "text": self.tr("Answers are plain text, each sentence with the page that it comes from."),
            "record": self.tr("Answers are JSON with four fields: answer, quote, page, found."),
            "labels": self.tr("Every answer is one of these labels, one a line:"),
            "template": self.tr("Every answer is this text, with its slots in curly brackets filled in:"),
        }
        pages = {
            "text": (),
            "schema": (self.tabs,),
            "labels": (self.labels,),
            "template": (self.template, self.slots_shown),
            "record": (),
        }
        self._pages = {kind: self._page(said.get(kind, ""), pages[kind]) for kind in format_words.KINDS}
        for field, name in ((self.labels, self.tr("Labels, one a line")), (self.template, self.tr("Template"))):
            self._dress(field, name)
        self.grammar.setToolTip(self.tr("The model can write nothing else"))
        self.check.setToolTip(self.tr("An answer that is not in the format is marked, with the reason and the place"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.kind, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._stack)
        for widget in (self.failure, self.grammar, self.check):
            layout.addWidget(widget)

    def _page(self, words: str, widgets: Sequence[QWidget]) -> QWidget:
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE // 2)
        if words:
            label = QLabel(words, page)
            label.setWordWrap(True)
            style.set_role(label, "muted")
            layout.addWidget(label)
        for widget in widgets:
            layout.addWidget(widget)
        self._stack.addWidget(page)
        return page

    def _build_schema(self) -> None:
        self._dress(self.schema, self.tr("JSON schema, as text"))
        self.schema.setPlaceholderText('{"type": "object", "properties": {}}')
        self.schema.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.note.setWordWrap(True)
        style.set_role(self.note, "muted")
        table = QWidget(self)
        layout = QVBoxLayout(table)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.note)
        layout.addWidget(self.fields, 1)
        text = QWidget(self)
        below = QVBoxLayout(text)
        below.setContentsMargins(0, style.SPACE, 0, 0)
        below.addWidget(self.schema)
        self.tabs.addTab(table, self.tr("Table of fields"))
        self.tabs.addTab(text, self.tr("Schema as text"))
        self.tabs.setAccessibleName(self.tr("Schema"))

    def _dress(self, field: QPlainTextEdit, name: str) -> None:
        field.setAccessibleName(name)
        field.setTabChangesFocus(True)
        field.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        field.setMinimumHeight(_LINES * field.fontMetrics().lineSpacing() + 2 * style.SPACE)

    def _connect(self) -> None:
        self._typing.timeout.connect(self._check)
        self.kind.currentIndexChanged.connect(lambda _index: self._on_kind())
        self.fields.edited.connect(self._on_edited)
        self.labels.textChanged.connect(self._on_edited)
        self.template.textChanged.connect(self._on_edited)
        self.template.textChanged.connect(self._show_slots)
        self.schema.textChanged.connect(self._on_edited)
        for box in (self.grammar, self.check):
            box.toggled.connect(lambda _on: self._on_edited())

    # ------------------------------------------------------------ for the editor of the assistant

    @property
    def is_settled(self) -> bool:
        """Whether what stands here was checked."""
        return not self._typing.isActive() and self._checking is None

    @property
    def is_good(self) -> bool:
        """Whether answers can be made in this format, as far as was checked."""
        return self._is_good

    def settle(self) -> None:
        """Check at once what is waiting to be checked."""
        if self._typing.isActive():
            self._typing.stop()
            self._check()

    def format(self) -> OutputFormat:
        """What stands here; of a table of fields that was changed a moment ago the schema is made with the check."""
        return OutputFormat(
            kind=self.kind.currentData(),
            schema=self.schema.toPlainText(),
            labels=[line.strip() for line in self.labels.toPlainText().splitlines() if line.strip()],
            template=self.template.toPlainText(),
            grammar=self.grammar.isChecked(),
            check=self.check.isChecked(),
        )

    def pending_fields(self) -> list[FormatField] | None:
        """The table of fields, while no schema was made of it yet."""
        waits = not self.is_settled or not self._is_good
        return self.fields.model.fields if waits and self._is_table() else None

    def show_format(self, shown: OutputFormat, fields: Sequence[FormatField] | None, *, read_only: bool) -> None:
        """Show another one; with ``fields`` a table of which no schema was made yet."""
        self._showing = True
        self._typing.stop()
        self._checking = None
        self._is_good = True
        self.kind.setCurrentIndex(max(self.kind.findData(shown.kind), 0))
        self.schema.setPlainText(shown.schema)
        self.labels.setPlainText("\n".join(shown.labels))
        self.template.setPlainText(shown.template)
        self.grammar.setChecked(shown.grammar)
        self.check.setChecked(shown.check)
        self.fields.show_fields(fields or [])
        self.tabs.setCurrentIndex(_FIELDS if fields or not shown.schema else _TEXT)
        self._mark_line(None)
        self.failure.say("")
        self._allow_table("")
        for box in (self.kind, self.grammar, self.check):
            box.setEnabled(not read_only)
        for field in (self.schema, self.labels, self.template):
            field.setReadOnly(read_only)
        self.fields.set_read_only(read_only)
        self._show_page()
        self._show_slots()
        self._showing = False
        if shown.kind != "text":
            self._check(first=fields is None and bool(shown.schema.strip()))

    # ------------------------------------------------------------ what is typed

    def _is_table(self) -> bool:
        return self.kind.currentData() == "schema" and self.tabs.currentIndex() == _FIELDS

    def _on_kind(self) -> None:
        self._show_page()
        self._on_edited()

    def _show_page(self) -> None:
        kind = self.kind.currentData()
        page = self._pages[kind]
        for each in self._pages.values():
            # Only the page on top asks for room: one without a field would be as high as the highest.
            policy = each.sizePolicy()
            policy.setVerticalPolicy(policy.Policy.Preferred if each is page else policy.Policy.Ignored)
            each.setSizePolicy(policy)
        self._stack.setCurrentWidget(page)
        self._stack.setMaximumHeight(page.sizeHint().height())
        for box in (self.grammar, self.check):
            box.setVisible(kind != "text")

    def _show_slots(self) -> None:
        slots = list(dict.fromkeys(_SLOT.findall(self.template.toPlainText())))
        words = self.tr("Slots: {names}").format(names=", ".join(slots))
        self.slots_shown.setText(words if slots else self.tr("No slots yet."))

    def _on_edited(self) -> None:
        if not self._showing:
            self._checking = None  # what it will say is of what stood there before
            self._typing.start()
            self.changed.emit()

    # ------------------------------------------------------------ checking

    def _check(self, *, first: bool = False) -> None:
        """``first``: the schema came as text, and is a table of fields if it can be."""
        table = self._is_table() and not first
        fields = self.fields.model.fields if table else None
        job = self._checking = self._link.request(assistants.CheckFormat(format=self.format(), fields=fields))
        job.finished.connect(lambda event: self._on_checked(job, event, table, first))
        job.failed.connect(lambda failure: self._on_failed(job, failure))

    def _on_checked(self, job: Job, event: assistants.FormatChecked, from_table: bool, first: bool) -> None:
        if job is not self._checking:
            return  # more was typed since
        self._checking = None
        self._is_good = event.code is None
        self._showing = True
        if from_table:
            self._allow_table("")
            if event.code is None:
                self._replace_schema(event.format.schema)
        elif self.kind.currentData() == "schema":
            self._show_fields(event)
            if first and event.fields is not None:
                self.tabs.setCurrentIndex(_FIELDS)
        self._showing = False
        self._show_problem(event)
        if not self._typing.isActive():
            self.settled.emit()

    def _show_fields(self, event: assistants.FormatChecked) -> None:
        """The table follows the text, where a table can say it."""
        if event.fields is not None or not self.schema.toPlainText().strip():
            self.fields.show_fields(event.fields or [])
            self._allow_table("")
        elif event.code is None:
            self._allow_table(self.tr("This schema says more than a table of fields can: change it as text."))
        else:
            self._allow_table(self.tr("The schema's text is not valid: mend it first, or empty it."))

    def _allow_table(self, obstacle: str) -> None:
        """Let the fields be edited, or say why they cannot be."""
        invitation = self.tr("Add the fields that every answer is to have.")
        self.note.setText(obstacle or (invitation if not self.fields.model.rowCount() else ""))
        self.note.setVisible(bool(self.note.text()))
        self.fields.setEnabled(not obstacle)

    def _replace_schema(self, text: str) -> None:
        """Unlike setPlainText this can be undone."""
        if self.schema.toPlainText() != text:
            cursor = QTextCursor(self.schema.document())
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.insertText(text)

    def _show_problem(self, event: assistants.FormatChecked) -> None:
        if event.code is None:
            self._mark_line(None)
            self.failure.say("")
            return
        if self._is_table() and not self.fields.model.rowCount():
            self.failure.say("")  # the note above the empty table says what to do
            return
        place = str(event.details.get("place", ""))
        sentence = phrases.reason_sentence(event.code, event.details)
        where = ""
        if event.line and event.column:
            where = self.tr("Line {line}, column {column}.").format(line=event.line, column=event.column)
        elif place not in ("", "/") and place not in sentence:
            where = self.tr("At {place}.").format(place=place)
        self.failure.say(f"{sentence} {where}".strip())
        line = event.line or _line_of(place, self.schema.toPlainText())
        self._mark_line(line if self.kind.currentData() == "schema" else None)

    def _on_failed(self, job: Job, failure: Failure) -> None:
        if job is self._checking:
            self._checking = None
            self._is_good = False
            self.failure.say(phrases.failure_sentence(failure))
            self.settled.emit()

    @property
    def marked_line(self) -> int | None:
        """The line of the schema's text that is marked as wrong, counted from 1; null for none."""
        marks = self.schema.extraSelections()
        return marks[0].cursor.blockNumber() + 1 if marks else None

    def _mark_line(self, line: int | None) -> None:
        if line is None:
            self.schema.setExtraSelections([])
            return
        block = self.schema.document().findBlockByNumber(line - 1)
        mark = QTextEdit.ExtraSelection()
        tint = QColor(style.colour("danger"))
        tint.setAlpha(48)
        form = mark.format
        form.setBackground(tint)
        form.setProperty(QTextFormat.Property.FullWidthSelection, True)
        mark.cursor = QTextCursor(block if block.isValid() else self.schema.document().lastBlock())
        self.schema.setExtraSelections([mark])


def _line_of(place: str, schema: str) -> int | None:
    """The line on which what a path names (``/properties/rent``) begins; null where it is not found."""
    at = -1
    for name in place.strip("/").split("/"):
        if name and not name.isdigit():
            at = schema.find(msgspec.json.encode(name).decode(), at + 1)
            if at < 0:
                return None
    return schema.count("\n", 0, at) + 1 if at >= 0 else None

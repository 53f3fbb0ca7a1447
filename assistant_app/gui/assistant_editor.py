"""One assistant whole, to be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import msgspec
from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from assistant_app.gui import style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.format_editor import FormatEditor
from assistant_app.gui.mark import Mark
from assistant_app.gui.settings_page import Sentence
from assistant_app.protocol.assistants import Assistant, FormatField
from assistant_app.protocol.records import Adapter, Collection, Model

NO_ADAPTER = "none"
_COLUMN = 760
"""Pixels: the widest that lines get, because longer ones are hard to read."""

_NUMBER_WIDTH = 176
_CHOICE_WIDTH = 320
_COLLECTION_ROWS = 4


@dataclass(frozen=True)
class Draft:
    """What was typed for an assistant and not saved; ``fields`` while its schema was not made of them yet."""

    assistant: Assistant
    fields: tuple[FormatField, ...] | None = None


class AssistantEditor(QWidget):
    """Shows one assistant and what is changed in it; nothing is saved here."""

    changed = Signal()
    save_requested = Signal()
    revert_requested = Signal()
    duplicate_requested = Signal()
    """The one that is shown comes with Docent, and a copy of it is to be changed."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Assistant | None = None
        self._filling = self._changed = False
        self._saves = False
        """It is to be saved as soon as its format is checked."""

        self._collections: list[str] = []
        self.words = QLabel(self)
        self.shipped = Mark(self)
        self.duplicate_button = QPushButton(self.tr("Duplicate and &change"), self.shipped)
        self.name = QLineEdit(self)
        self.about = QLineEdit(self)
        self.instructions = QPlainTextEdit(self)
        self.question = QPlainTextEdit(self)
        self.collections = QListWidget(self)
        self.model = QComboBox(self)
        self.adapter = QComboBox(self)
        self.exact = QComboBox(self)
        self.scale = QDoubleSpinBox(self)
        self.temperature = QDoubleSpinBox(self)
        self.max_tokens = QSpinBox(self)
        self.passages = QSpinBox(self)
        self.format = FormatEditor(link, self)
        self.failure = Sentence(self)
        self.state = QLabel(self)
        self.revert_button = QPushButton(self.tr("Re&vert"), self)
        self.save_button = QPushButton(self.tr("&Save"), self)
        self._stack = QStackedWidget(self)
        self._prepare()
        self._build()
        self._connect()

    # ------------------------------------------------------------ parts

    def _prepare(self) -> None:
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setWordWrap(True)
        style.set_role(self.words, "muted")
        style.set_role(self.state, "muted")
        style.set_role(self.save_button, "primary")
        self.save_button.setToolTip(self.tr("Save the assistant (Ctrl+Enter)"))
        self.revert_button.setToolTip(self.tr("Put back what is saved"))
        self.duplicate_button.setAccessibleName(self.tr("Duplicate this assistant and change the copy"))
        self.shipped.row.addWidget(self.duplicate_button)
        self.about.setPlaceholderText(self.tr("What it is for, in one sentence"))
        self.instructions.setPlaceholderText(self.tr("What the model is told besides Docent's own instructions"))
        self.question.setPlaceholderText(self.tr("Offered when it is chosen, and asked of each document of a table"))
        for field, lines in ((self.instructions, 4), (self.question, 2)):
            field.setTabChangesFocus(True)
            field.setFixedHeight(lines * field.fontMetrics().lineSpacing() + 3 * style.SPACE)
        self.collections.setIconSize(QSize(16, 16))
        style.set_role(self.collections, "choices")
        for box in (self.model, self.adapter, self.exact):
            box.setFixedWidth(_CHOICE_WIDTH)
            box.setMinimumHeight(4 * style.SPACE)
        self.exact.addItem(self.tr("As in the settings"), None)
        self.exact.addItem(self.tr("Written by the model"), False)
        self.exact.addItem(self.tr("In the documents' own sentences"), True)
        self.model.addItem(self.tr("The one in use"), "")
        self.adapter.addItem(self.tr("The one in use"), "")
        self.adapter.addItem(self.tr("None: the base model alone"), NO_ADAPTER)
        for number, least, most in ((self.max_tokens, 16, 8192), (self.passages, 1, 40)):
            number.setRange(least - 1, most)
        self.max_tokens.setSingleStep(16)
        self.max_tokens.setSuffix(self.tr(" tokens"))
        self.scale.setDecimals(2)
        self.scale.setSingleStep(0.05)
        self.scale.setRange(-0.05, 4.0)
        self.temperature.setDecimals(2)
        self.temperature.setSingleStep(0.05)
        self.temperature.setRange(-0.05, 2.0)
        for each in (self.scale, self.temperature, self.max_tokens, self.passages):
            each.setFixedWidth(_NUMBER_WIDTH)
            each.setMinimumHeight(4 * style.SPACE)
            each.setSpecialValueText(self.tr("As in the settings"))  # shown at the least value, which is none

    def _build(self) -> None:
        body = QWidget(self)
        form = QFormLayout()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, style.SPACE, style.SPACE)
        column.addLayout(form)
        column.addStretch(1)
        form.setHorizontalSpacing(2 * style.SPACE)
        form.setVerticalSpacing(style.SPACE)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow(self.shipped)
        laid = QWidget(body)
        beside = QHBoxLayout(laid)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(style.SPACE)
        beside.addWidget(self.adapter)
        beside.addWidget(self.scale)
        beside.addStretch(1)
        self.scale.setAccessibleName(self.tr("Scale of the adapter"))
        self.scale.setToolTip(self.tr("How strongly the adapter acts: 0 is the base model, 1 is as trained."))
        rows: list[tuple[str, QWidget]] = [
            (self.tr("&Name"), self.name),
            (self.tr("Abou&t"), self.about),
            (self.tr("&Instructions"), self.instructions),
            (self.tr("&Question"), self.question),
            (self.tr("&Format"), self.format),
            (self.tr("Co&llections"), self.collections),
            (self.tr("&Model"), self.model),
            (self.tr("Ada&pter"), laid),
            (self.tr("Ans&wers"), self.exact),
            (self.tr("Temperature"), self.temperature),
            (self.tr("Answer length"), self.max_tokens),
            (self.tr("Passages"), self.passages),
        ]
        for words, field in rows:
            label = QLabel(words, body)
            label.setContentsMargins(0, 8, 0, 0)
            style.set_role(label, "muted")
            focus = self.format.kind if field is self.format else self.adapter if field is laid else field
            label.setBuddy(focus)
            focus.setAccessibleName(words.replace("&", ""))
            form.addRow(label, field)
        self.format.kind.setFixedWidth(_CHOICE_WIDTH)
        self.format.kind.setMinimumHeight(4 * style.SPACE)
        body.setMaximumWidth(_COLUMN)
        self._stack.addWidget(self.words)
        self._stack.addWidget(self._scrolled(body))
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addWidget(self.state, 1)
        for button in (self.revert_button, self.save_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.failure)
        layout.addLayout(buttons)

    def _scrolled(self, body: QWidget) -> QScrollArea:
        holder = QWidget(self)
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(body, 1000)
        row.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(holder)
        self.format.fields.added.connect(lambda editor: scroll.ensureWidgetVisible(editor, 0))
        return scroll

    def _connect(self) -> None:
        self.duplicate_button.clicked.connect(self.duplicate_requested)
        self.save_button.clicked.connect(self._save)
        self.revert_button.clicked.connect(self.revert_requested)
        self.format.changed.connect(self._on_changed)
        self.format.settled.connect(self._on_settled)
        for field in (self.name, self.about):
            field.textChanged.connect(lambda _text: self._on_changed())
        for text in (self.instructions, self.question):
            text.textChanged.connect(self._on_changed)
        for box in (self.model, self.adapter, self.exact):
            box.currentIndexChanged.connect(lambda _index: self._on_changed())
        for number in (self.scale, self.temperature, self.max_tokens, self.passages):
            number.valueChanged.connect(lambda _value: self._on_changed())
        self.collections.itemChanged.connect(lambda _item: self._on_changed())
        for child in self.findChildren(QWidget):
            if isinstance(child, (QLineEdit, QPlainTextEdit)):
                child.installEventFilter(self)

    # ------------------------------------------------------------ for the window

    def set_collections(self, known: Sequence[Collection]) -> None:
        """These can be looked in."""
        self._collections = [each.name for each in known]
        self._fill_collections(self._ticked())

    def set_models(self, known: Sequence[Model]) -> None:
        """These can answer."""
        self._offer(self.model, [(each.name, each.path) for each in known], 1)

    def set_adapters(self, known: Sequence[Adapter]) -> None:
        """These can be laid over the model."""
        self._offer(self.adapter, [(each.name, each.path) for each in known], 2)

    def show_nothing(self, words: str) -> None:
        """Show a sentence in its place."""
        self._shown = None
        self.words.setText(words)
        self._stack.setCurrentIndex(0)
        self.failure.say("")
        self.show_state(False)

    def show_draft(self, draft: Draft, *, changed: bool) -> None:
        """Show an assistant, as it is saved or as it was ``changed``."""
        shown = self._shown = draft.assistant
        self._filling = True
        self._saves = False
        self._stack.setCurrentIndex(1)
        self.name.setText(shown.name)
        self.about.setText(shown.about)
        self.instructions.setPlainText(shown.instructions)
        self.question.setPlainText(shown.question)
        self._fill_collections(shown.collections)
        _choose(self.model, shown.model, self.tr("{name} (not there)"))
        _choose(self.adapter, shown.adapter, self.tr("{name} (not there)"))
        self.exact.setCurrentIndex({None: 0, False: 1, True: 2}[shown.exact])
        self.scale.setValue(self.scale.minimum() if shown.scale is None else shown.scale)
        self.temperature.setValue(self.temperature.minimum() if shown.temperature is None else shown.temperature)
        self.max_tokens.setValue(shown.max_tokens or 0)
        self.passages.setValue(shown.passages or 0)
        self.format.show_format(shown.format, draft.fields, read_only=shown.shipped)
        self._set_read_only(shown.shipped)
        self._filling = False
        self.failure.say("")
        self.show_state(changed)

    def draft(self) -> Draft | None:
        """What stands here; null where nothing is shown."""
        if self._shown is None:
            return None
        fields = self.format.pending_fields()
        assistant = msgspec.structs.replace(
            self._shown,
            name=" ".join(self.name.text().split()),
            about=self.about.text().strip(),
            instructions=self.instructions.toPlainText().strip(),
            question=self.question.toPlainText().strip(),
            collections=self._ticked(),
            model=self.model.currentData() or "",
            adapter=self.adapter.currentData() or "",
            exact=self.exact.currentData(),
            scale=_value(self.scale),
            temperature=_value(self.temperature),
            max_tokens=_value(self.max_tokens),
            passages=_value(self.passages),
            format=self.format.format(),
        )
        return Draft(assistant, tuple(fields) if fields is not None else None)

    def show_state(self, changed: bool) -> None:
        """Say whether what stands here is saved."""
        self._changed = changed
        editable = self._shown is not None and not self._shown.shipped
        self.state.setText(self.tr("Not saved yet") if changed else "")
        self.save_button.setVisible(editable)
        self.revert_button.setVisible(editable)
        self.revert_button.setEnabled(changed)
        good = self.format.is_good or not self.format.is_settled
        self.save_button.setEnabled(changed and good and bool(self.name.text().strip()))

    def show_failure(self, sentence: str) -> None:
        """It could not be saved; what was typed stays."""
        self.failure.say(sentence)

    def focus_name(self) -> None:
        """Let the name be typed."""
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)
        self.name.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ctrl+Enter saves."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if is_enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._save()
                return True
        return super().eventFilter(watched, event)

    # ------------------------------------------------------------ inside

    def _set_read_only(self, on: bool) -> None:
        self.shipped.hide()
        if on:
            self.shipped.say(self.tr("It comes with Docent and stays as it is."), "lock", "accent")
        for field in (self.name, self.about, self.instructions, self.question):
            field.setReadOnly(on)
        for box in (self.collections, self.model, self.adapter, self.exact):
            box.setEnabled(not on)
        for number in (self.scale, self.temperature, self.max_tokens, self.passages):
            number.setEnabled(not on)

    def _ticked(self) -> list[str]:
        items = [self.collections.item(row) for row in range(self.collections.count())]
        return [
            str(item.data(Qt.ItemDataRole.UserRole)) for item in items if item.checkState() == Qt.CheckState.Checked
        ]

    def _fill_collections(self, ticked: Sequence[str]) -> None:
        self.collections.blockSignals(True)
        self.collections.clear()
        for name in (*self._collections, *(each for each in ticked if each not in self._collections)):
            known = name in self._collections
            item = QListWidgetItem(name if known else self.tr("{name} (not there)").format(name=name), self.collections)
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable)
            item.setCheckState(Qt.CheckState.Checked if name in ticked else Qt.CheckState.Unchecked)
        if not self.collections.count():
            QListWidgetItem(self.tr("There are no collections."), self.collections).setFlags(Qt.ItemFlag.NoItemFlags)
        line = self.collections.fontMetrics().lineSpacing() + 14
        self.collections.setFixedHeight(min(self.collections.count(), _COLLECTION_ROWS) * line + 2 * style.SPACE)
        self.collections.setToolTip(self.tr("None ticked: it looks wherever the composer says"))
        self.collections.blockSignals(False)

    def _offer(self, box: QComboBox, known: Sequence[tuple[str, str]], fixed: int) -> None:
        """Offer files besides the first ``fixed`` choices; what is chosen stays chosen."""
        chosen = str(box.currentData() or "")
        box.blockSignals(True)
        while box.count() > fixed:
            box.removeItem(fixed)
        for name, path in known:
            box.addItem(name, path)
            box.setItemData(box.count() - 1, path, Qt.ItemDataRole.ToolTipRole)
        _choose(box, chosen, self.tr("{name} (not there)"))
        box.blockSignals(False)

    def _on_changed(self) -> None:
        if not self._filling:
            self._saves = False
            self.changed.emit()

    def _on_settled(self) -> None:
        if self._shown is None:
            return
        if self._changed:
            self.changed.emit()  # the schema was made of the fields
        self.show_state(self._changed)
        if self._saves:
            self._save()

    def _save(self) -> None:
        if not self.save_button.isEnabled() or self.save_button.isHidden():
            return
        self._saves = not self.format.is_settled
        if self._saves:
            self.format.settle()
        else:
            self.save_requested.emit()


def _choose(box: QComboBox, wanted: str, unknown: str) -> None:
    """Choose a file by its path, or by its name as an assistant that was taken in has it."""
    row = next((row for row in range(box.count()) if wanted in (box.itemData(row), _stem(box.itemData(row)))), -1)
    if row < 0:
        box.addItem(unknown.format(name=_stem(wanted)), wanted)
        row = box.count() - 1
    box.setCurrentIndex(row)


def _stem(path: str) -> str:
    return PurePath(path).name.removesuffix(".gguf")


def _value(number: QSpinBox | QDoubleSpinBox) -> float | int | None:
    """Null at the least value, which stands for the settings."""
    at = round(number.value(), 2)
    return None if at <= number.minimum() else at

"""Where a question is written: the field, what it is asked of, and what answers it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QMimeData, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from assistant_app.gui import style
from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.mark import Mark
from assistant_app.gui.pickers import AdapterPicker, AssistantPicker, ModelPicker, Picker
from assistant_app.protocol.assistants import Assistant

_MOST_LINES = 8
_NARROW = 560
"""Pixels: in less than this the button for exact quotes is its icon alone."""

_FIXED_WIDTH = 262
"""Pixels of the lower row that are not the names of assistant, model and adapter."""


class QuestionField(QPlainTextEdit):
    """Grows with its text. Enter sends, Shift+Enter begins a new line, Up in an empty field recalls."""

    sent = Signal()
    recall_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(self.tr("Ask your documents…"))
        self.setAccessibleName(self.tr("Your question"))
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setStyleSheet("QPlainTextEdit { border: none; background: transparent; padding: 0; }")
        self.document().setDocumentMargin(2)
        self.document().clearUndoRedoStacks()  # the margin is no edit of the person's
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Up; everything else as in any text field."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.sent.emit()
        elif event.key() == Qt.Key.Key_Up and not self.toPlainText():
            self.recall_requested.emit()
        else:
            super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Files that are dropped here go to the library, as everywhere on the window."""
        return not source.hasUrls() and super().canInsertFromMimeData(source)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # A plain text document measures its height in lines.
        lines = min(max(round(self.document().size().height()), 1), _MOST_LINES)
        height = lines * self.fontMetrics().lineSpacing() + 2 * round(self.document().documentMargin()) + 2
        if self.height() != height:
            self.setFixedHeight(height)


class Composer(QFrame):
    """Sends one question at a time; while an answer is written, its button stops it."""

    question_sent = Signal(str)
    stop_requested = Signal()
    scope_cleared = Signal()
    exact_toggled = Signal(bool)
    """The person wants answers in the documents' own words, or written ones."""

    settings_requested = Signal(str)

    def __init__(self, link: EngineLink, shelf: AssistantShelf, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        style.set_role(self, "composer")
        self._shelf = shelf
        self._last = ""
        self._offered = ""
        """The question of the assistant that was chosen, while nothing else was typed."""
        self._answering = self._on_server = False
        self.field = QuestionField(self)
        self.assistant_picker = AssistantPicker(link, shelf, self)
        self.model_picker = ModelPicker(link, self)
        self.adapter_picker = AdapterPicker(link, self)
        self._pickers: tuple[Picker, ...] = (self.assistant_picker, self.model_picker, self.adapter_picker)
        self.exact_button = QPushButton(style.icon("quote"), "", self)
        self.exact_button.setCheckable(True)
        self.exact_button.setIconSize(QSize(16, 16))
        style.set_role(self.exact_button, "quiet")
        self.exact_button.clicked.connect(self._on_exact)
        self.server_mark = Mark(self)
        self._change_server = QPushButton(self.tr("Change…"), self.server_mark)
        self._change_server.setAccessibleName(self.tr("Change the answering server in the settings"))
        self._change_server.clicked.connect(lambda: self.settings_requested.emit("server"))
        self.server_mark.row.addWidget(self._change_server, 0, Qt.AlignmentFlag.AlignTop)
        self._scope = QPushButton(self)
        self._scope.setIcon(style.icon("document", "accent"))
        style.set_role(self._scope, "chip")
        self._scope.hide()
        self._button = QPushButton(self)
        self._button.setIconSize(QSize(20, 20))
        self._button.setFixedSize(36, 36)
        self._build()
        self.field.installEventFilter(self)
        self.field.sent.connect(self._send)
        self.field.recall_requested.connect(self._recall)
        self.field.textChanged.connect(self._show_button)
        self._button.clicked.connect(self._on_button)
        self._scope.clicked.connect(self.scope_cleared)
        self.assistant_picker.chosen.connect(self._offer_question)
        for picker in self._pickers:
            picker.renamed.connect(self._share_room)
        self.set_answering(False)
        self._show_exact()

    def _build(self) -> None:
        below = QHBoxLayout()
        below.setSpacing(style.SPACE // 2)
        below.addWidget(self.assistant_picker)
        below.addWidget(self.model_picker)
        below.addWidget(self.adapter_picker)
        below.addWidget(self.exact_button)
        below.addStretch(1)
        below.addWidget(self._button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, style.SPACE, style.SPACE)
        layout.setSpacing(style.SPACE)
        layout.addWidget(self.server_mark)
        layout.addWidget(self._scope, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.field)
        layout.addLayout(below)

    # ------------------------------------------------------------ for the conversation

    def set_answering(self, on: bool) -> None:
        """While an answer is written the button stops it, and Enter waits."""
        self._answering = on
        self._show_button()

    def set_scope(self, count: int, collection: str | None) -> None:
        """Say that only ``count`` ticked documents are asked, or with 0 of them, only a collection, or all."""
        if count:
            one = self.tr("Only in: 1 ticked document")
            words = one if count == 1 else self.tr("Only in: {count} ticked documents").format(count=count)
            does = self.tr("Untick all")
        else:
            words = self.tr("Only in: {collection}").format(collection=f"“{collection}”")
            does = self.tr("Ask all documents again")
        self._scope.setText(words.replace("&", "&&") + "  ×")
        self._scope.setToolTip(does)
        self._scope.setAccessibleName(f"{words}. {does}")
        self._scope.setVisible(count > 0 or collection is not None)

    @property
    def is_exact(self) -> bool:
        """Whether answers are to be made of the documents' own sentences."""
        return self.exact_button.isChecked()

    def set_exact(self, on: bool) -> None:
        """Show what the settings say about it."""
        self.exact_button.setChecked(on)
        self._show_exact()

    def set_server(self, address: str) -> None:
        """Mark plainly that a server answers, and that text is sent to it; "" where nothing leaves this computer."""
        self.model_picker.setVisible(not address)
        self.adapter_picker.setVisible(not address)
        self._on_server = bool(address)
        self._share_room()
        if not address:
            self.server_mark.hide()
            return
        words = self.tr("Answers come from {address}: questions and passages are sent there.")
        self.server_mark.say(words.format(address=address), "server", "warning")

    @property
    def scope_button(self) -> QPushButton:
        return self._scope

    @property
    def scope_text(self) -> str:
        return "" if self._scope.isHidden() else self._scope.text()

    @property
    def assistant(self) -> Assistant | None:
        """The one that is asked; null for none."""
        return self._shelf.get(self.assistant_picker.name) if self.assistant_picker.name else None

    def remember(self, question: str) -> None:
        """The question that Up recalls."""
        self._last = question

    # ------------------------------------------------------------ inside

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The frame around the field shows its focus."""
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            style.set_role(self, "composer-focused" if event.type() == QEvent.Type.FocusIn else "composer")
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow, names are shorter and a button may do with its icon."""
        super().resizeEvent(event)
        self._show_exact()
        self._share_room()

    def _share_room(self) -> None:
        """Where not all names fit, only those of what is chosen are shown, each as long as the others leave room."""
        pickers: Sequence[Picker] = self._pickers[:1] if self._on_server else self._pickers
        room = max(self.width() - _FIXED_WIDTH, 0)
        if sum(each.wanted_room for each in pickers) > room:
            for each in pickers:
                if each.is_idle:
                    each.set_room(0)
            pickers = [each for each in pickers if not each.is_idle]
        for done, each in enumerate(sorted(pickers, key=lambda each: each.wanted_room)):
            given = min(each.wanted_room, room // (len(pickers) - done))
            each.set_room(given)
            room -= given

    def _show_exact(self) -> None:
        name = self.tr("Exact quotes")
        self.exact_button.setText("" if self.width() < _NARROW else name)
        self.exact_button.setAccessibleName(name)
        self.exact_button.setToolTip(
            self.tr("On: answers are made of the documents' own sentences. Click for answers written by the model.")
            if self.is_exact
            else self.tr("Off: answers are written by the model. Click for answers in the documents' own sentences.")
        )
        self.exact_button.setIcon(style.icon("quote", "accent" if self.is_exact else "text_muted"))

    def _on_exact(self, on: bool) -> None:
        self._show_exact()
        self.exact_toggled.emit(on)

    def _show_button(self) -> None:
        name = "stop" if self._answering else "send"
        words = self.tr("Stop the answer (Esc)") if self._answering else self.tr("Send the question (Enter)")
        style.set_role(self._button, "round" if self._answering else "round-primary")
        enabled = self._answering or bool(self.field.toPlainText().strip())
        self._button.setIcon(style.icon(name, "text" if self._answering else "on_accent"))
        self._button.setEnabled(enabled)
        self._button.setToolTip(words)
        self._button.setAccessibleName(words)

    def _on_button(self) -> None:
        if self._answering:
            self.stop_requested.emit()
        else:
            self._send()

    def _send(self) -> None:
        question = self.field.toPlainText().strip()
        if question and not self._answering:
            self.remember(question)
            self.field.clear()
            self.question_sent.emit(question)

    def _recall(self) -> None:
        assistant = self.assistant
        self.field.setPlainText(self._last or (assistant.question if assistant else ""))
        self.field.moveCursor(QTextCursor.MoveOperation.End)

    def _offer_question(self, name: str) -> None:
        """Write the question of the assistant of this name where nothing was typed; typing takes its place."""
        if self.field.toPlainText().strip() not in ("", self._offered):
            return
        assistant = self._shelf.get(name)
        self._offered = assistant.question.strip() if assistant else ""
        cursor = self.field.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(self._offered)  # unlike setPlainText it can be undone
        cursor.select(QTextCursor.SelectionType.Document)
        self.field.setTextCursor(cursor)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

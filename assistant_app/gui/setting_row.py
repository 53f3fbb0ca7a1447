"""One setting in the dialog: its name, a control for its value, a way back to the default, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QWidget,
)

from assistant_app import settings as declared
from assistant_app.errors import DocentError
from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import EngineLink, Failure
from assistant_app.protocol import messages
from assistant_app.settings import Settings, Value

_PAUSE_MS = 300
"""After the last change of a number it is saved: holding an arrow down writes the file once."""

LABEL_WIDTH = 144
_EDITOR_WIDTH = 176


class SettingRow(QWidget):
    """Shows one declared setting and saves each change at once, through the engine."""

    saved = Signal(str, object)
    """Key and value, once it is written."""

    def __init__(
        self,
        link: EngineLink | None,
        settings: Settings,
        key: str,
        *,
        choices: Mapping[str, str] | None = None,
        special: str = "",
        suffix: str = "",
        step: float = 1,
        invitation: str = "",
        note: str = "",
        folder: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """Args:
        link: None for a setting that is the window's own and written without the engine.
        choices: the words for a text setting's values.
        special: the words for a number's least value.
        suffix: the number's unit.
        invitation: what an empty field of text shows.
        note: a sentence after the setting's own.
        folder: the text is the path of a folder, which can be chosen in a dialog.
        """
        super().__init__(parent)
        self._link = link
        self._settings = settings
        self._declared = declared.declaration(key)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._timer.timeout.connect(self.flush)
        self._name = QCoreApplication.translate("settings", self._declared.label)
        self.editor = self._make_editor(choices or {}, special, suffix, step)
        if isinstance(self.editor, QLineEdit):
            self.editor.setPlaceholderText(invitation)
        self.choose: QToolButton | None = None
        if folder:
            self.choose = QToolButton(self)
            self.choose.clicked.connect(self._choose_folder)
        self.reset = QToolButton(self)
        said = QCoreApplication.translate("settings", self._declared.help)
        self._help = QLabel(f"{said} {note}".rstrip(), self)
        self._failure = QLabel(self)
        self._build()
        self.show_value()

    @property
    def key(self) -> str:
        return self._declared.key

    @property
    def failure(self) -> str:
        """The sentence shown about the last change; "" where it went well."""
        return "" if self._failure.isHidden() else self._failure.text()

    # ------------------------------------------------------------ looks

    def _make_editor(
        self, choices: Mapping[str, str], special: str, suffix: str, step: float
    ) -> QCheckBox | QComboBox | QDoubleSpinBox | QLineEdit | QSpinBox:
        default = self._declared.default
        if isinstance(default, bool):
            tick = QCheckBox(self._name, self)
            tick.toggled.connect(self._wait)
            return tick
        if isinstance(default, str) and not self._declared.choices:
            field = QLineEdit(self)
            field.editingFinished.connect(self.flush)
            return field
        if isinstance(default, str):
            box = QComboBox(self)
            for value in self._declared.choices:
                box.addItem(choices.get(value, value), value)
            box.currentIndexChanged.connect(self._wait)
            return box
        number: QSpinBox | QDoubleSpinBox
        if isinstance(default, float):
            number = QDoubleSpinBox(self)
            number.setDecimals(2)
            number.setRange(self._declared.minimum, self._declared.maximum)
            number.setSingleStep(step)
        else:
            number = QSpinBox(self)
            number.setRange(int(self._declared.minimum), int(self._declared.maximum))
            number.setSingleStep(int(step))
            number.setGroupSeparatorShown(True)
        number.setSuffix(suffix)
        number.setSpecialValueText(special)
        number.setKeyboardTracking(False)
        number.valueChanged.connect(self._wait)
        return number

    def _build(self) -> None:
        label = QLabel(self._name, self)
        label.setBuddy(self.editor)
        label.setMinimumWidth(LABEL_WIDTH)
        self.editor.setMinimumSize(_EDITOR_WIDTH, 4 * style.SPACE)
        self.editor.setAccessibleName(self._name)
        self.editor.setAccessibleDescription(self._help.text())
        self.editor.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.editor.installEventFilter(self)
        self.reset.setIcon(style.icon("undo", "text_muted"))
        style.set_role(self.reset, "quiet")
        words = self.tr("Reset {name} to its default").format(name=self._name)
        self.reset.setAccessibleName(words)
        self.reset.setToolTip(words)
        self.reset.clicked.connect(self._reset)
        for text, role in ((self._help, "muted"), (self._failure, "danger")):
            text.setWordWrap(True)
            text.setTextFormat(Qt.TextFormat.PlainText)
            style.set_role(text, role)
        self._failure.hide()
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, style.SPACE)
        layout.setHorizontalSpacing(style.SPACE)
        layout.setVerticalSpacing(style.SPACE // 2)
        layout.setColumnStretch(3, 1)
        wide = isinstance(self.editor, QLineEdit)  # a text takes the room that there is
        if isinstance(self.editor, QCheckBox):  # it carries the name itself
            label.hide()
            layout.addWidget(self.editor, 0, 0, 1, 2)
        else:
            layout.addWidget(label, 0, 0)
            layout.addWidget(self.editor, 0, 1, 1, 3 if wide else 1)
        if self.choose is not None:
            chosen = self.tr("Choose the folder for {name}").format(name=self._name)
            self.choose.setIcon(style.icon("folder"))
            self.choose.setToolTip(chosen)
            self.choose.setAccessibleName(chosen)
            layout.addWidget(self.choose, 0, 4)
        layout.addWidget(self.reset, 0, 5 if wide else 2)
        first = 0 if isinstance(self.editor, QCheckBox) else 1
        layout.addWidget(self._help, 1, first, 1, 4 - first)
        layout.addWidget(self._failure, 2, first, 1, 4 - first)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The wheel scrolls the page; it changes a value only in the control that was chosen."""
        if event.type() == QEvent.Type.Wheel and not self.editor.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    # ------------------------------------------------------------ the value

    def value(self) -> Value:
        """What the control shows."""
        if isinstance(self.editor, QCheckBox):
            return self.editor.isChecked()
        if isinstance(self.editor, QLineEdit):
            return self.editor.text().strip()
        if isinstance(self.editor, QComboBox):
            return str(self.editor.currentData())
        return self.editor.value()

    def show_value(self) -> None:
        """Show what the settings say; a change that is not saved yet is dropped."""
        value = self._settings[self.key]
        self.editor.blockSignals(True)
        if isinstance(self.editor, QCheckBox):
            self.editor.setChecked(bool(value))
        elif isinstance(self.editor, QLineEdit):
            self.editor.setText(str(value))
        elif isinstance(self.editor, QComboBox):
            self.editor.setCurrentIndex(max(self.editor.findData(value), 0))
        elif isinstance(self.editor, QSpinBox):
            self.editor.setValue(int(value))
        else:
            self.editor.setValue(float(value))
        self.editor.blockSignals(False)
        self._timer.stop()
        self.reset.setEnabled(value != self._declared.default)

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, self._name, str(self.value()) or str(Path.home()))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._save)
        dialog.open()

    def _reset(self) -> None:
        self._save(self._declared.default)
        # The button is disabled once the default is in use, and must not take the focus along.
        self.editor.setFocus()

    def _wait(self, _value: object) -> None:
        self._timer.start()

    def flush(self) -> None:
        """Save what the control shows, if that is not saved yet."""
        self._timer.stop()
        if self.value() != self._settings[self.key]:
            self._save(self.value())

    def _save(self, value: Value) -> None:
        if self._link is None:
            try:
                self._settings.update({self.key: value})
            except DocentError as error:
                self._on_failed(Failure(error.code, error.details))
                return
            self._done()
            return
        job = self._link.request(messages.ChangeSettings(values={self.key: value}))
        job.finished.connect(self._on_saved)
        job.failed.connect(self._on_failed)

    def _on_saved(self, _event: messages.Event) -> None:
        self._settings.reload()
        self._done()

    def _done(self) -> None:
        self._failure.hide()
        if not self._timer.isActive():  # else the person is a step ahead, and the next save is on its way
            self.show_value()
        self.saved.emit(self.key, self._settings[self.key])

    def _on_failed(self, failure: Failure) -> None:
        self._failure.setText(phrases.failure_sentence(failure))
        self._failure.show()
        self.show_value()

"""The adapters that are laid over the model besides the one in use, each with its own scale."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from assistant_app.gui import style
from assistant_app.protocol.records import Adapter
from assistant_app.settings import declaration

_PAUSE_MS = 200
"""After the last change of a scale it is used."""


class FurtherAdapters(QWidget):
    """A row for each: name, scale, and a button that takes it away. Hidden while there is none."""

    changed = Signal(str, float)
    """The path and the scale of one of them; 0 takes it away."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: list[tuple[str, float]] = []
        self.rows: dict[str, QDoubleSpinBox] = {}
        self.buttons: dict[str, QToolButton] = {}
        self._moved: dict[str, float] = {}
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._timer.timeout.connect(self.flush)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(style.SPACE // 2)
        self.hide()

    def show_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Show those that are laid besides the one in use."""
        laid = [(each.path, each.name, each.also) for each in adapters if each.also is not None]
        state = [(path, scale) for path, _, scale in laid]
        if state == self._shown or self._timer.isActive():  # a person is at it: what they do comes first
            return
        self._shown = state
        self.rows.clear()
        self.buttons.clear()
        while (item := self._column.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for path, name, scale in laid:
            self._column.addWidget(self._row(path, name, scale))
        self.setVisible(bool(laid))

    def _row(self, path: str, name: str, scale: float) -> QWidget:
        row = QWidget(self)
        label = QLabel(self.tr("and {name}").format(name=name), row)
        number = QDoubleSpinBox(row)
        limits = declaration("adapter.scale")
        number.setRange(limits.minimum, limits.maximum)
        number.setSingleStep(0.05)
        number.setDecimals(2)
        number.setMinimumHeight(4 * style.SPACE)
        number.setKeyboardTracking(False)
        number.setValue(scale)
        number.setAccessibleName(self.tr("Scale of {name}").format(name=name))
        number.valueChanged.connect(lambda value: self._on_value(path, value))
        away = QToolButton(row)
        away.setIcon(style.icon("close", "text_muted"))
        words = self.tr("Lay {name} no more").format(name=name)
        away.setToolTip(words)
        away.setAccessibleName(words)
        style.set_role(away, "quiet")
        away.clicked.connect(lambda: self.changed.emit(path, 0.0))
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SPACE)
        layout.addWidget(label, 1)
        layout.addWidget(number)
        layout.addWidget(away)
        self.rows[path], self.buttons[path] = number, away
        return row

    def _on_value(self, path: str, value: float) -> None:
        self._moved[path] = value
        self._timer.start()

    def flush(self) -> None:
        """Use what was changed a moment ago."""
        self._timer.stop()
        moved, self._moved = self._moved, {}
        for path, value in moved.items():
            self.changed.emit(path, value)

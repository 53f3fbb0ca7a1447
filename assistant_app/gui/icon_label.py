"""A drawing that follows the colours of the theme: a picture in a plain label does not."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtWidgets import QLabel, QWidget

from assistant_app.gui import style


class IconLabel(QLabel):
    """Shows an icon, 16 pixels high; says nothing to those who do not see it."""

    def __init__(self, name: str, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawing = (name, role)
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _draw(self) -> None:
        self.setPixmap(style.icon(*self._drawing).pixmap(QSize(16, 16), self.devicePixelRatioF()))

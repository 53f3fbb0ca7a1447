"""A mark that cannot be overlooked: an icon, a sentence, and a coloured frame."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from assistant_app.gui import style


class Mark(QFrame):
    """Hidden until :meth:`say`. ``row`` is its layout, for a button at its end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drawing = ("info", "accent")
        self._icon = QLabel(self)
        self._text = QLabel(self)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(12, style.SPACE, 12, style.SPACE)
        self.row.setSpacing(style.SPACE)
        self.row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        self.row.addWidget(self._text, 1)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; "" while it is hidden."""
        return "" if self.isHidden() else self._text.text()

    def say(self, text: str, icon: str, role: str) -> None:
        """Show ``text``; ``role`` (warning or accent) colours icon and frame."""
        self._drawing = (icon, role)
        self._text.setText(text)
        style.set_role(self, f"mark-{role}")
        self._draw()
        self.show()

    def changeEvent(self, event: QEvent) -> None:
        """The icon is a picture, which does not follow the colours by itself."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _draw(self) -> None:
        self._icon.setPixmap(style.icon(*self._drawing).pixmap(QSize(18, 18), self.devicePixelRatioF()))

"""A bar that tells one thing in one sentence, can offer one action, and can be closed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from assistant_app.gui import style

_ICONS = {"info": ("info", "accent"), "warning": ("warning", "warning"), "danger": ("error", "danger")}


class Notice(QFrame):
    """Hidden until :meth:`say`. One sentence at a time: a later one takes the place of the one before."""

    action_triggered = Signal()
    closed = Signal()
    """The sentence was read: closed by the person, or its time is over. Not sent where the action was taken."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = "info"
        self._icon = QLabel(self)
        style.set_role(self, "card")
        self._text = QLabel(self)
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._action = QPushButton(self)
        self._action.clicked.connect(self._act)
        self._action.hide()
        self._close = QToolButton(self)
        style.set_role(self._close, "quiet")
        self._close.setIcon(style.icon("close", "text_muted"))
        self._close.setAccessibleName(self.tr("Close this notice"))
        self._close.setToolTip(self.tr("Close"))
        self._close.clicked.connect(self.close_notice)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.close_notice)
        for button in (self._action, self._close):  # a click leaves the keyboard where it is: the bar is gone after it
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, style.SPACE // 2, style.SPACE // 2, style.SPACE // 2)
        for widget in (self._icon, self._text, self._action, self._close):
            layout.addWidget(widget, 1 if widget is self._text else 0)
        self.hide()

    @property
    def text(self) -> str:
        """What the bar says now; "" while it is hidden."""
        return "" if self.isHidden() else self._text.text()

    @property
    def action_button(self) -> QPushButton:
        return self._action

    def say(self, text: str, kind: str = "info", action: str = "", seconds: float = 0.0) -> None:
        """Show ``text``.

        Args:
            text: plain text.
            kind: info, warning or danger.
            action: the label of the one button; "" for none.
            seconds: after so long it closes by itself; 0 for never.
        """
        self._kind = kind
        self._draw_icon()
        self._text.setText(text)
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self._timer.stop()
        if seconds:
            self._timer.start(round(seconds * 1000))
        self.show()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def close_notice(self) -> None:
        """Close the bar, as its button does. Harmless while it is hidden."""
        if not self.isHidden():
            self._hide()
            self.closed.emit()

    def changeEvent(self, event: QEvent) -> None:
        """The icon is a picture, which does not follow the colours by itself."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()

    def _draw_icon(self) -> None:
        name, role = _ICONS[self._kind]
        self._icon.setPixmap(style.icon(name, role).pixmap(QSize(20, 20), self.devicePixelRatioF()))

    def _act(self) -> None:
        self._hide()
        self.action_triggered.emit()

    def _hide(self) -> None:
        self._timer.stop()
        self.hide()

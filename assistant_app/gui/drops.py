"""Files dragged over the window: they are taken anywhere on it, and a sheet invites to let go."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractScrollArea, QLineEdit, QPlainTextEdit, QWidget

from assistant_app.gui import style


def local_paths(data: QMimeData) -> list[str]:
    """The paths of the files and folders that ``data`` carries."""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]


def let_drops_through(root: QWidget) -> None:
    """Make the children of ``root`` pass dragged files on to it.

    A plain text field keeps its own drops of text and passes files on; the others stop taking drops.
    """
    for child in root.findChildren(QWidget):
        keeps = isinstance(child, QPlainTextEdit) or isinstance(child.parentWidget(), QPlainTextEdit)
        if child.acceptDrops() and not keeps and isinstance(child, (QLineEdit, QAbstractScrollArea)):
            child.setAcceptDrops(False)


class DropArea(QObject):
    """Makes a whole window take files and folders."""

    dropped = Signal(list)
    """Carries the paths."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.sheet = DropSheet(window)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QDropEvent):  # dragging in and moving are drop events too
            if not local_paths(event.mimeData()):
                event.ignore()
                return True
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            if isinstance(event, QDragEnterEvent):
                self.sheet.cover()
            elif not isinstance(event, QDragMoveEvent):
                self.sheet.hide()
                self.dropped.emit(local_paths(event.mimeData()))
            return True
        if event.type() == QEvent.Type.DragLeave:
            self.sheet.hide()
        return super().eventFilter(watched, event)


class DropSheet(QWidget):
    """Lies over the whole window while files are dragged over it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def cover(self) -> None:
        """Show it over everything."""
        self.setGeometry(self.window().rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = style.colour("surface")
        ground.setAlphaF(0.92)
        painter.fillRect(self.rect(), ground)
        frame = QRectF(self.rect()).adjusted(16, 16, -16, -16)
        painter.setPen(QPen(style.colour("accent"), 2, Qt.PenStyle.DashLine))
        painter.setBrush(style.colour("accent_soft"))
        painter.drawRoundedRect(frame, 16, 16)
        side = 48
        middle = frame.center().toPoint()
        style.icon("document", "accent").paint(painter, middle.x() - side // 2, middle.y() - side, side, side)
        font = painter.font()
        font.setPointSizeF(max(font.pointSizeF(), 9) * 1.4)
        painter.setFont(font)
        painter.setPen(style.colour("text"))
        words = frame.adjusted(0, frame.height() / 2 + style.SPACE, 0, 0)
        centre = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(words, centre, self.tr("Let go to add these files to your library"))

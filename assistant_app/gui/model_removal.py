"""Taking a model off the list: asked about where its file goes with it, and undone for a day."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from assistant_app.gui import style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.notice import Notice
from assistant_app.gui.settings_page import bytes_text
from assistant_app.protocol import messages, shelf
from assistant_app.protocol.records import Model


class ModelRemoval(QObject):
    """Says in a notice what became of the model that was removed last."""

    removed = Signal(object)
    """Carries a :class:`shelf.ModelShelved`."""

    put_back = Signal(object)
    """Carries a :class:`shelf.ModelShelved`."""

    failed = Signal(object)
    """Carries a :class:`Failure`; the model is there as before."""

    def __init__(self, link: EngineLink, parent: QWidget) -> None:
        super().__init__(parent)
        self._link = link
        self._parent = parent
        self._path = ""
        self.notice = Notice(parent)
        self.notice.action_button.setText(self.tr("Put it &back"))  # a name, also before it says anything
        self.notice.action_triggered.connect(self._put_back)
        self.question: QMessageBox | None = None

    def remove(self, model: Model) -> None:
        """Remove a model; the person is asked first where its file would go with it."""
        self.notice.close_notice()
        if model.removal == "file":
            self._ask(model)
        else:
            self._send(model, forever=False)

    def _ask(self, model: Model) -> None:
        box = self.question = QMessageBox(self._parent)
        box.setIconPixmap(style.icon("warning", "warning").pixmap(QSize(40, 40), self._parent.devicePixelRatioF()))
        box.setWindowTitle(self.tr("Remove a model"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        words = self.tr("Remove “{name}” with its file ({size})?")
        if model.parts > 1:
            words = self.tr("Remove “{name}” with its {count} files ({size})?")
        size = bytes_text(model.size).replace(" ", "\xa0")
        box.setText(words.format(name=model.name, count=model.parts, size=size))
        more = [self.tr("For a day it can be put back; then it is deleted, and its room on the disk is free.")]
        if model.in_use:
            more.append(self.tr("It is in use: the starter model takes its place."))
        box.setInformativeText(" ".join(more))
        remove = box.addButton(self.tr("&Remove"), QMessageBox.ButtonRole.AcceptRole)
        delete = box.addButton(self.tr("&Delete for good"), QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        remove.clicked.connect(lambda: self._send(model, forever=False))
        delete.clicked.connect(lambda: self._send(model, forever=True))
        box.open()

    def _send(self, model: Model, *, forever: bool) -> None:
        job = self._link.request(shelf.RemoveModel(path=model.path, forever=forever))
        job.finished.connect(lambda event: self._on_removed(model, event))
        job.failed.connect(self.failed)

    def _on_removed(self, model: Model, event: messages.Event) -> None:
        if not isinstance(event, shelf.ModelShelved):
            return
        self._path = event.path
        words = self.tr("“{name}” was removed.")
        if model.removal == "list":
            words = self.tr("“{name}” left the list; its file stays where it is.")
        elif not event.path:
            words = self.tr("“{name}” was deleted.")
        said = [words.format(name=model.name)]
        if event.replaced:
            said.append(self.tr("The starter model answers from the next question on."))
        self.notice.say(" ".join(said), action=self.tr("Put it &back") if event.path else "")
        self.removed.emit(event)

    def _put_back(self) -> None:
        job = self._link.request(shelf.PutBackModel(path=self._path))
        job.finished.connect(self.put_back)
        job.failed.connect(self.failed)

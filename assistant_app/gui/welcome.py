"""What stands in the middle before the first question: an invitation to drop documents, or to ask."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from assistant_app.gui import style

_WORDS_WIDTH = 440


class Welcome(QWidget):
    """Changes its words with the number of documents that can be asked."""

    add_requested = Signal()
    sample_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        picture = QLabel(self)
        picture.setPixmap(style.icon("docent").pixmap(QSize(72, 72), self.devicePixelRatioF()))
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = QLabel(self)
        style.set_role(self._title, "title")
        self._words = QLabel(self)
        style.set_role(self._words, "muted")
        for label in (self._title, self._words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        self._words.setFixedWidth(_WORDS_WIDTH)
        self._is_private = True
        self._shown = (0, False)
        self._add = QPushButton(style.icon("add", "on_accent"), self.tr("A&dd documents…"), self)
        style.set_role(self._add, "primary")
        self._add.clicked.connect(self.add_requested)
        self._sample = QPushButton(style.icon("document"), self.tr("Try the sam&ple document"), self)
        self._sample.clicked.connect(self.sample_requested)
        buttons = QHBoxLayout()
        buttons.setSpacing(style.SPACE)
        buttons.addStretch(1)
        buttons.addWidget(self._add)
        buttons.addWidget(self._sample)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setSpacing(2 * style.SPACE)
        layout.addStretch(2)
        layout.addWidget(picture)
        layout.addWidget(self._title)
        layout.addWidget(self._words, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(style.SPACE)
        layout.addLayout(buttons)
        layout.addStretch(3)
        self.set_documents(0, reading=False)

    def set_private(self, on: bool) -> None:
        """Whether it is true that nothing leaves this computer."""
        self._is_private = on
        count, reading = self._shown
        self.set_documents(count, reading=reading)

    def set_documents(self, count: int, *, reading: bool) -> None:
        """``count`` documents can be asked; ``reading`` tells whether more are on their way."""
        self._shown = (count, reading)
        empty = count == 0 and not reading
        self._add.setVisible(empty)
        self._sample.setVisible(empty)
        if count == 0 and reading:
            self._title.setText(self.tr("Reading your documents"))
            self._words.setText(self.tr("You can ask as soon as the first one is ready."))
        elif empty:
            self._title.setText(self.tr("Drop documents here"))
            words = self.tr(
                "PDF, Word, PowerPoint, EPUB, web pages, text; files or whole folders, anywhere on this window."
                " Then ask in your own words: every answer shows the page it comes from."
            )
            private = self.tr("Nothing leaves this computer.") if self._is_private else ""
            self._words.setText(f"{words} {private}".rstrip())
        else:
            one = self.tr("Ask about your document")
            self._title.setText(one if count == 1 else self.tr("Ask about your {count} documents").format(count=count))
            self._words.setText(
                self.tr("Every answer shows the page it comes from. Tick documents on the left to ask only those.")
            )
        self._words.setFixedHeight(self._words.heightForWidth(_WORDS_WIDTH))

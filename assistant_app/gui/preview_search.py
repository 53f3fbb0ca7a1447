"""Finding text in a preview: the window holds the text, so the window searches it."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QTextDocument

from assistant_app.gui.document_search import Search

MOST_MATCHES = 2_000


class PreviewSearch(Search):
    """Searches a QTextDocument, upper and lower case alike; matches are (start, end) in its positions."""

    def __init__(self, document: QTextDocument, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.found: list[tuple[int, int]] = []

    @property
    def count(self) -> int:
        return len(self.found)

    @property
    def is_running(self) -> bool:
        return False

    def search(self, text: str, from_position: int) -> None:
        """Search ``text`` from the beginning; the match nearest behind ``from_position`` will be the current one."""
        self.text = text
        self._collect()
        behind = (number for number, (start, _) in enumerate(self.found) if start >= from_position)
        self.index = next(behind, 0 if self.found else -1)
        self.changed.emit()
        if self.index >= 0:
            self.moved.emit()

    def search_again(self) -> None:
        """The document has grown: look for the same text, and stay at the same match."""
        if self.text:
            self._collect()
            if self.index < 0 and self.found:
                self.index = 0
            self.changed.emit()

    def clear(self) -> None:
        """Forget the search and its matches."""
        self.text = ""
        self.found = []
        self.index = -1
        self.is_cut = False
        self.changed.emit()

    def _collect(self) -> None:
        self.found = []
        self.is_cut = False
        cursor = self._document.find(self.text, 0) if self.text.strip() else None
        while cursor is not None and not cursor.isNull():
            if len(self.found) == MOST_MATCHES:
                self.is_cut = True
                return
            self.found.append((cursor.selectionStart(), cursor.selectionEnd()))
            cursor = self._document.find(self.text, cursor)

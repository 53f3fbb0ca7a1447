"""At the top of the library: which collection is shown and asked, and a field to name one in its place."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from assistant_app.gui import style
from assistant_app.gui.collection_list import LONGEST_NAME, CollectionList

_NEW = object()
"""Marks the last entry of the list, which makes a new collection."""


class CollectionBar(QWidget):
    """Enter in the field names the collection, Escape leaves everything as it was."""

    def __init__(self, collections: CollectionList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._collections = collections
        self._renamed: str | None = None
        self._paths: list[str] = []
        self._all = 0
        self.combo = QComboBox(self)
        self.combo.setAccessibleName(self.tr("Collection that is shown and asked"))
        self.combo.view().setAccessibleName(self.tr("Collections"))
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(8)
        self.combo.setMinimumHeight(4 * style.SPACE)
        self.combo.setMaxVisibleItems(20)
        self.combo.activated.connect(self._on_activated)
        self.field = QLineEdit(self)
        self.field.setMaxLength(LONGEST_NAME)
        self.field.setAccessibleName(self.tr("Name of the collection"))
        self.field.returnPressed.connect(self._take_name)
        self.field.installEventFilter(self)
        self.field.hide()
        self.more = QToolButton(self)
        self.more.setIcon(style.icon("more"))
        self.more.setIconSize(QSize(18, 18))
        self.more.setToolTip(self.tr("Rename or delete the collection"))
        self.more.setAccessibleName(self.tr("Rename or delete the collection"))
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        style.set_role(self.more, "quiet")
        self._build_menu()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(style.SPACE // 2)
        line.addWidget(self.combo, 1)
        line.addWidget(self.field, 1)
        line.addWidget(self.more)
        collections.changed.connect(self._fill)
        collections.chosen.connect(lambda _name: self._fill())
        self._fill()

    def _build_menu(self) -> None:
        menu = QMenu(self.more)
        self.rename_action = menu.addAction(self.tr("Re&name…"), self._rename)
        self.delete_action = menu.addAction(style.icon("trash"), self.tr("&Delete the collection"), self._delete)
        self.more.setMenu(menu)

    # ------------------------------------------------------------ for the pane

    def set_count(self, documents: int) -> None:
        """How many documents there are in all."""
        if documents != self._all:
            self._all = documents
            self.combo.setItemText(0, self._words(self.tr("All documents"), documents))  # the list may be open

    def begin_new(self, paths: Sequence[str] = ()) -> None:
        """Ask for the name of a new collection, which ``paths`` will be put into."""
        self._paths = list(paths)
        self._begin(None, self.tr("Name of the new collection"))

    # ------------------------------------------------------------ inside

    def _fill(self) -> None:
        self.combo.clear()
        self.combo.addItem(style.icon("document", "text_muted"), self._words(self.tr("All documents"), self._all), None)
        for collection in self._collections.collections:
            text = self._words(collection.name, collection.documents)
            self.combo.addItem(style.icon("collection", "text_muted"), text, collection.name)
        self.combo.insertSeparator(self.combo.count())
        self.combo.addItem(style.icon("add", "text_muted"), self.tr("New collection…"), _NEW)
        self._show_current()

    def _words(self, name: str, count: int) -> str:
        return self.tr("{name} ({count})").format(name=name, count=self.locale().toString(count))

    def _show_current(self) -> None:
        current = self._collections.current
        names = self._collections.names
        self.combo.setCurrentIndex(names.index(current) + 1 if current in names else 0)
        self.more.setVisible(current is not None and not self.field.isVisibleTo(self))

    def _on_activated(self, index: int) -> None:
        chosen = self.combo.itemData(index)
        if chosen is _NEW:
            self.begin_new()
        else:
            self._collections.choose(chosen)
        self._show_current()

    def _rename(self) -> None:
        self._begin(self._collections.current, self.tr("New name of the collection"))

    def _delete(self) -> None:
        if self._collections.current is not None:
            self._collections.delete(self._collections.current)

    def _begin(self, renamed: str | None, invitation: str) -> None:
        self._renamed = renamed
        self.field.setText(renamed or "")
        self.field.setPlaceholderText(invitation)
        self.field.selectAll()
        self.combo.hide()
        self.field.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_current()

    def _end(self) -> None:
        had_focus = self.field.hasFocus()
        self._paths = []
        self._renamed = None
        self.combo.show()
        if had_focus:
            self.combo.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.hide()
        self._show_current()

    def _take_name(self) -> None:
        name, renamed, paths = self.field.text().strip(), self._renamed, self._paths
        if not name:
            return
        self._end()
        if renamed is not None:
            self._collections.rename(renamed, name)
        else:
            self._collections.create(name, paths)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and self.field.isVisible():
            if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
                if event.type() == QEvent.Type.KeyPress:
                    self._end()
                event.accept()
                return True  # also the asking whether Escape is a shortcut here: it is not
            if event.type() == QEvent.Type.FocusOut and not self.field.text().strip():
                self._end()
        return super().eventFilter(watched, event)

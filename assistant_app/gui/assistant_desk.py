"""What has to do with assistants outside their windows: it opens these, and remembers which one is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QWidget

from assistant_app.gui.assistant_shelf import AssistantShelf
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.holdings import Holdings
from assistant_app.gui.pickers import AssistantPicker

if TYPE_CHECKING:
    from assistant_app.gui.assistants_window import AssistantsWindow
    from assistant_app.gui.report_window import ReportWindow
    from assistant_app.gui.table_window import TableWindow

_CHOSEN = "composer/assistant"


class AssistantDesk(QObject):
    """Belongs to the main window."""

    told = Signal(str, str, str, object)
    """A sentence, its kind (see :class:`Notice`), the words of one thing to do about it, and what does it."""

    citation_activated = Signal(object)
    """Carries the :class:`Citation` of a cell of a table."""

    document_activated = Signal(str)

    def __init__(self, link: EngineLink, holdings: Holdings, state: QSettings, window: QWidget) -> None:
        super().__init__(window)
        self._link = link
        self._holdings = holdings
        self._ticked: list[str] = []
        self._state = state
        self._picker: AssistantPicker | None = None
        self._assistants_window: AssistantsWindow | None = None
        self._table_window: TableWindow | None = None
        self._report_window: ReportWindow | None = None
        self._missed = ""
        """The one that was asked until it was thrown out."""
        self.shelf = AssistantShelf(link, self)
        self.shelf.changed.connect(self._check_choice)
        self.shelf.put_back.connect(self._on_put_back)

    def follow(self, picker: AssistantPicker) -> None:
        """Remember what is chosen at the composer, and choose what was chosen before."""
        self._picker = picker
        picker.choose(str(self._state.value(_CHOSEN, "")))
        picker.manage_requested.connect(self.show_assistants)
        picker.chosen.connect(lambda name: self._state.setValue(_CHOSEN, name))

    def refresh(self) -> None:
        """The engine is there (again): ask which assistants there are."""
        self.shelf.refresh()

    # ------------------------------------------------------------ the windows

    @property
    def assistants_window(self) -> AssistantsWindow | None:
        """Null before it was opened."""
        return self._assistants_window

    def show_assistants(self) -> None:
        """Open the window with the assistants, at the one that is asked."""
        if self._assistants_window is None:
            from assistant_app.gui.assistants_window import AssistantsWindow  # the window starts sooner without it

            made = self._assistants_window = AssistantsWindow(self._link, self.shelf, self._state)
            self.destroyed.connect(made.deleteLater)
        self._assistants_window.open(self._picker.name if self._picker is not None else "")

    @property
    def table_window(self) -> TableWindow | None:
        """Null before it was opened."""
        return self._table_window

    def show_table(self) -> None:
        """Open the window where a table is filled, for the assistant that is asked and the ticked documents."""
        if self._table_window is None:
            from assistant_app.gui.table_window import TableWindow  # the window starts sooner without it

            made = self._table_window = TableWindow(self._link, self.shelf, self._holdings, self._state)
            self.destroyed.connect(made.deleteLater)
            made.citation_activated.connect(self.citation_activated)
            made.document_activated.connect(self.document_activated)
            made.ended.connect(self._tell_ended)
        self._table_window.open(self._picker.name if self._picker is not None else "", self._ticked)

    def _tell_ended(self, sentence: str) -> None:
        if self._table_window is not None and not self._table_window.isVisible():
            self.told.emit(sentence, "info", self.tr("Sho&w it"), self.show_table)

    @property
    def report_window(self) -> ReportWindow | None:
        """Null before it was opened."""
        return self._report_window

    def show_report(self, adapter: str = "") -> None:
        """Open the window where an adapter is measured; ``adapter`` is its path, "" for the one in use."""
        if self._report_window is None:
            from assistant_app.gui.report_window import ReportWindow  # the window starts sooner without it

            made = self._report_window = ReportWindow(self._link, self.shelf, self._state)
            self.destroyed.connect(made.deleteLater)
        self._report_window.open(adapter)

    def set_ticked(self, paths: Sequence[str]) -> None:
        """These documents are ticked in the library."""
        self._ticked = list(paths)
        if self._table_window is not None:
            self._table_window.set_ticked(paths)

    @property
    def has_unsaved(self) -> bool:
        """Whether something was typed for an assistant and not saved."""
        return self._assistants_window is not None and self._assistants_window.has_unsaved

    def show_unsaved(self) -> None:
        """Show what was typed and not saved."""
        if self._assistants_window is not None:
            self._assistants_window.show_unsaved()

    def close_windows(self) -> None:
        for window in (self._assistants_window, self._table_window, self._report_window):
            if window is not None:
                window.close()

    # ------------------------------------------------------------ the one that is asked

    def _choose(self, name: str) -> None:
        if self._picker is not None:
            self._picker.choose(name)
            self._state.setValue(_CHOSEN, name)

    def _check_choice(self) -> None:
        name = self._picker.name if self._picker is not None else ""
        if name and self.shelf.get(name) is None:
            self._missed = name
            self._choose("")
            words = self.tr("The assistant “{name}” is not there any more. Questions go to no assistant now.")
            self.told.emit(words.format(name=name), "warning", "", None)

    def _on_put_back(self, name: str) -> None:
        if self._picker is not None and name == self._missed and not self._picker.name:
            self._choose(name)

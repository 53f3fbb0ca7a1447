"""Watched folders: which there are, and a quiet offer to follow a folder whose documents were just added."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import QObject, QSettings, Signal

from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.holdings import Holdings
from assistant_app.protocol import messages
from assistant_app.protocol.records import WatchedFolder

_MOST_REMEMBERED = 500


class Watching(QObject):
    """Knows the watched folders, as the settings show them."""

    changed = Signal()
    offered = Signal(str, list)
    """A question for the person, and the folders that it is about."""

    failed = Signal(object)
    """Carries a :class:`Failure`."""

    def __init__(self, link: EngineLink, holdings: Holdings, state: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._state = state
        self._is_known = False
        self.folders: list[WatchedFolder] = []
        holdings.changed_elsewhere.connect(self._refresh_known)

    def refresh(self) -> None:
        """Ask which folders are watched."""
        self._is_known = True
        self._send(messages.ListWatched())

    def watch(self, paths: Sequence[str], collection: str | None = None) -> None:
        """Follow folders; what is found in them goes into ``collection``."""
        for path in paths:
            self._send(messages.Watch(path=path, collection=collection))

    def unwatch(self, path: str) -> None:
        """Follow a folder no more; its documents stay."""
        self._send(messages.Unwatch(path=path))

    def offer(self, paths: Sequence[str]) -> None:
        """Ask whether the folders among ``paths`` are to be followed: once for each, ever."""
        stored = self._state.value("folders/offered", [])
        offered = [stored] if isinstance(stored, str) else list(stored) if isinstance(stored, list) else []
        fresh = [path for path in map(os.path.abspath, paths) if os.path.isdir(path) and path not in offered]
        fresh = [path for path in fresh if not self._is_followed(path)]
        if not fresh:
            return
        self._state.setValue("folders/offered", [*offered, *fresh][-_MOST_REMEMBERED:])
        one = self.tr("Watch the folder “{name}”, so that the library follows its changes?").format(
            name=PurePath(fresh[0]).name or fresh[0]
        )
        many = self.tr("Watch these {count} folders, so that the library follows their changes?").format(
            count=len(fresh)
        )
        self.offered.emit(one if len(fresh) == 1 else many, fresh)

    # ------------------------------------------------------------ inside

    def _is_followed(self, path: str) -> bool:
        return any(path == each.path or path.startswith(each.path.rstrip(os.sep) + os.sep) for each in self.folders)

    def _refresh_known(self) -> None:
        if self._is_known:
            self.refresh()

    def _send(self, request: messages.Message) -> None:
        job = self._link.request(request)
        job.finished.connect(self._on_watched)
        job.failed.connect(self.failed)

    def _on_watched(self, event: messages.Watched) -> None:
        self.folders = event.folders
        self.changed.emit()

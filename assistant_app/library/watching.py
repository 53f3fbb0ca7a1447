"""Watched folders: what changes in them is told, a little later and all at once; a folder out of reach is noticed.

Events come from the system (``watchdog``). What they say is only a hint where to look: what became of a file is seen on
the disk, and a look at the whole folder at each start finds what happened meanwhile.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from assistant_app.library.worklist import Followed

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

QUIET_SECONDS = 1.0
"""A change is told when nothing changed for so long: a file that is being copied changes all the time."""
LONGEST_SECONDS = 10.0
"""... but not later than this after the first one."""
REACH_SECONDS = 5.0
"""How often it is looked whether a folder is in reach."""
MOST_CHANGES = 1_000
"""Where more files changed at once, the whole folder is looked at instead."""

Changed = Callable[[str, "Sequence[str] | None"], None]
"""Gets a watched folder and the paths that changed in it; null: look at all of it."""


def is_in_reach(folder: Followed, known: int) -> bool:
    """Whether a watched folder is what it was: there, on the same disk, and not suddenly empty.

    An unplugged drive leaves no folder, or an empty one on the disk below.

    Args:
        known: how many of its documents the library holds.
    """
    try:
        if folder.device is not None and os.stat(folder.path).st_dev != folder.device:
            return False
        with os.scandir(folder.path) as entries:
            return next(entries, None) is not None or not known
    except OSError:
        return False


class Watcher:
    """Follows folders from a thread of its own. ``changed`` is called from it, and must return soon."""

    def __init__(self, changed: Changed) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._folders: dict[str, Any] = {}  # each with its observer, null while it is out of reach
        self._waiting: dict[str, tuple[float, float, set[str]]] = {}
        self._lost: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, path: str) -> None:
        """Begin to follow the folder at ``path``; one that is not there is followed as soon as it is."""
        with self._lock:
            self._folders.setdefault(path, None)
            self._observe(path)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()

    def unfollow(self, path: str) -> None:
        with self._lock:
            self._waiting.pop(path, None)
            observer = self._folders.pop(path, None)
        if observer is not None:
            observer.stop()

    def close(self) -> None:
        """Follow nothing any more."""
        self._stop.set()
        for path in list(self._folders):
            self.unfollow(path)

    # ------------------------------------------------------------ inside

    def _observe(self, path: str) -> None:
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer
        from watchdog.observers.polling import PollingObserver

        watcher = self

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                watcher._note(path, event)

        for kind in (Observer, PollingObserver):  # the system may have no more room for a folder of very many folders
            observer = kind()
            try:
                observer.schedule(Handler(), path, recursive=True)
                observer.start()
            except OSError:
                continue
            self._folders[path] = observer
            self._lost.discard(path)
            return
        self._folders[path] = None
        self._lost.add(path)

    def _note(self, folder: str, event: FileSystemEvent) -> None:
        if event.event_type in ("opened", "closed_no_write"):
            return
        whole = event.is_directory and event.event_type in ("moved", "deleted", "created")
        touched = {os.fsdecode(event.src_path), os.fsdecode(event.dest_path or event.src_path)}
        now = time.monotonic()
        with self._lock:
            if folder not in self._folders:
                return
            first, _, paths = self._waiting.get(folder, (now, now, set()))
            # The folder itself stands for all that is in it.
            paths |= {folder} if whole else touched if not event.is_directory else set()
            if paths:
                self._waiting[folder] = (first, now, paths)

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._stop.wait(0.2):
            for folder, paths in self._due():
                self._changed(folder, None if folder in paths or len(paths) > MOST_CHANGES else sorted(paths))
            if time.monotonic() - looked >= REACH_SECONDS:
                looked = time.monotonic()
                self._look_at_reach()

    def _due(self) -> list[tuple[str, set[str]]]:
        now = time.monotonic()
        with self._lock:
            due = [
                folder
                for folder, (first, last, _) in self._waiting.items()
                if now - last >= QUIET_SECONDS or now - first >= LONGEST_SECONDS
            ]
            return [(folder, self._waiting.pop(folder)[2]) for folder in due]

    def _look_at_reach(self) -> None:
        """A folder that went away, or came back, is told as changed in whole."""
        with self._lock:
            folders = list(self._folders)
        for folder in folders:
            there = os.path.isdir(folder)
            if there and folder in self._lost:
                with self._lock:
                    if folder in self._folders:
                        self._observe(folder)
            elif not there and folder not in self._lost:
                self._lost.add(folder)
                with self._lock:
                    observer = self._folders.get(folder)
                    if folder in self._folders:
                        self._folders[folder] = None
                if observer is not None:  # it watches a folder that is no more
                    observer.stop()
            else:
                continue
            self._changed(folder, None)

"""The real window, driven from outside: started as people start it, told what to do over stdin, measured within.

    python -m benchmarks.in_window --home DIR

Says ``{"ready": …}`` when a drop would be taken, then takes one command a line (an object with ``do``) and answers each
with one line. :class:`Window` is the other end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Window:
    """The window's process, as the benchmark sees it."""

    def __init__(self, home: Path, platform: str = "offscreen", *, bare: bool = False) -> None:
        self.began = time.perf_counter()
        self._errors = (home.parent / f"{home.name}.window.stderr").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.in_window", *(["bare"] if bare else ["--home", str(home)])],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "QT_QPA_PLATFORM": platform, "PYTHONUTF8": "1"},
        )
        self._answer()
        self.seconds_to_ready = time.perf_counter() - self.began

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the window ended; see {self._errors.name}")
        found: dict[str, Any] = json.loads(line)
        return found

    def do(self, what: str, **details: Any) -> dict[str, Any]:
        """Send a command (a method of :class:`Driver`) and wait for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **details}) + "\n")
        self._process.stdin.flush()
        return self._answer()


# ---------------------------------------------------------------- inside


def when_ready(then: Callable[[], None]) -> None:
    """Call ``then`` from the event loop as soon as a main window is on the screen and takes drops."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QMainWindow

    def look() -> None:
        for window in QApplication.topLevelWidgets():
            handle = window.windowHandle()
            if isinstance(window, QMainWindow) and window.acceptDrops() and handle is not None and handle.isExposed():
                then()
                return
        QTimer.singleShot(0, look)

    QTimer.singleShot(0, look)


def bare() -> int:
    """The least that could be called a window: what Docent's start is compared with."""
    from PySide6.QtWidgets import QApplication, QMainWindow

    app = QApplication([])
    window = QMainWindow()
    window.setAcceptDrops(True)
    window.resize(1280, 800)
    window.show()
    return app.exec()


def main() -> int:
    """Run ``docent`` itself, or the bare window, with a driver that takes commands once the window is there."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        channel.write(json.dumps(answer) + "\n")

    def begin() -> None:
        say({"ready": True})
        from benchmarks.driver import Driver

        driver = Driver(say)
        threading.Thread(target=driver.listen, args=(sys.stdin,), daemon=True).start()

    from PySide6.QtWidgets import QApplication

    run_event_loop = QApplication.exec

    def run_with_driver() -> int:
        when_ready(begin)
        return run_event_loop()

    QApplication.exec = staticmethod(run_with_driver)  # type: ignore[method-assign,assignment]
    if sys.argv[1:] == ["bare"]:
        return bare()
    from assistant_app.__main__ import main as docent

    return docent(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

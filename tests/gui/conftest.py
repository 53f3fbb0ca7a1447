"""Windows are tested against a scripted engine, which is a real child process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from assistant_app.gui import style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.main_window import MainWindow
from assistant_app.paths import Paths
from assistant_app.settings import Settings

FAKE_ENGINE = Path(__file__).parent.parent / "fake_engine.py"


@pytest.fixture
def fake_command(tmp_path: Path) -> Callable[..., list[str]]:
    """The command of a fake engine: ``fake_command(script)`` with the name of a script, or a script."""

    def command(script: str | dict[str, Any] = "plain", *more: str) -> list[str]:
        if isinstance(script, dict):
            file = tmp_path / "script.json"
            file.write_text(json.dumps(script), encoding="utf-8")
            script = str(file)
        return [sys.executable, "-I", str(FAKE_ENGINE), "--script", script, *more]

    return command


@pytest.fixture
def fake_engine(qapp: QApplication, fake_command: Callable[..., list[str]]) -> Iterator[Callable[..., EngineLink]]:
    """``fake_engine(script)`` is an :class:`EngineLink` to a fake engine, not started yet; it is closed at the end."""
    links: list[EngineLink] = []

    def make(script: str | dict[str, Any] = "plain", *more: str) -> EngineLink:
        links.append(EngineLink(fake_command(script, *more)))
        return links[-1]

    yield make
    for link in links:
        link.close(2_000)
        link.deleteLater()


@pytest.fixture
def window(
    qapp: QApplication, home: Path, fake_engine: Callable[..., EngineLink]
) -> Iterator[Callable[..., MainWindow]]:
    """``window(script)`` is a window on the screen whose fake engine is being started."""
    windows: list[MainWindow] = []

    def make(script: str | dict[str, Any] = "plain", *more: str) -> MainWindow:
        paths = Paths.resolve(home)
        paths.create()
        link = fake_engine(script, *more)
        made = MainWindow(link, paths, Settings(paths.settings))
        windows.append(made)
        made.show()
        link.start()
        return made

    yield make
    for made in windows:
        made.hide()
        made.deleteLater()


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> None:
    style.apply(qapp, "light")

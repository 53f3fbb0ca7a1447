"""Whole processes: the window comes first, a second start joins the first, a crash is told at the next start."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from assistant_app.gui import crash, single_instance
from assistant_app.gui.single_instance import SingleInstance, hand_over, server_name
from tests.pdfs import text_pdf

RUN_WINDOW = Path(__file__).parent / "run_window.py"


class Process:
    """A window's process."""

    def __init__(self, script: str, log: Path, home: Path, *files: Path) -> None:
        command = [sys.executable, str(RUN_WINDOW), script, str(log), str(home), *map(str, files)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def says(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        return dict(json.loads(line))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path, home: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def make(*files: Path, log: str = "log", at: Path = home) -> Process:
        started.append(Process("plain", tmp_path / log, at, *files))
        return started[-1]

    yield make
    for process in started:
        process.end()


def indexed(log: Path, deadline: float = 60.0) -> list[str]:
    """The paths of the first file that the fake engine was given."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        said = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        for request in map(json.loads, said):
            if request["type"] == "index_documents":
                return list(request["paths"])
        time.sleep(0.02)
    raise AssertionError("nothing was indexed")


def test_the_window_is_on_the_screen_before_the_engine_and_loads_nothing_heavy(start: Callable[..., Process]) -> None:
    assert start().says() == {"on_screen_before_engine": True, "heavy": []}


def test_files_of_the_command_line_are_added(start: Callable[..., Process], tmp_path: Path) -> None:
    pdf = text_pdf(tmp_path / "a.pdf", [["x"]])
    start(pdf).says()
    assert indexed(tmp_path / "log") == [str(pdf)]


def test_a_second_start_hands_its_files_to_the_first_and_ends(start: Callable[..., Process], tmp_path: Path) -> None:
    pdf = text_pdf(tmp_path / "b.pdf", [["x"]])
    first = start()
    first.says()
    second = start(pdf, log="second")
    assert second.process.wait(60) == 0
    assert first.says() == {"front": True}
    assert indexed(tmp_path / "log") == [str(pdf)]
    assert not (tmp_path / "second").exists(), "the second start ran an engine of its own"


def test_a_window_that_was_killed_leaves_nothing_in_the_way(start: Callable[..., Process]) -> None:
    first = start()
    first.says()
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(60)
    assert start().says()["on_screen_before_engine"]


def test_another_library_is_another_window(start: Callable[..., Process], tmp_path: Path) -> None:
    start().says()
    assert start(at=tmp_path / "elsewhere").says()["on_screen_before_engine"]


def test_a_window_that_does_not_answer_is_told(
    qtbot: QtBot, qapp: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(single_instance, "_WAIT_MS", 50)
    name = server_name(tmp_path)
    first = SingleInstance(name)
    assert first.listen()
    # No event loop runs in here, so nobody answers.
    assert hand_over(name, ["/a.pdf"]) is False
    first.close()
    assert hand_over(name, ["/a.pdf"]) is None


def test_nonsense_from_a_later_start_is_refused(qtbot: QtBot, qapp: object, tmp_path: Path) -> None:
    name = server_name(tmp_path)
    first = SingleInstance(name)
    assert first.listen()
    handed: list[list[str]] = []
    first.files_handed_over.connect(handed.append)
    for line in (b"{}\n", b"\xff\xfe\n", b'["/good.pdf"]\n'):
        socket = QLocalSocket()
        socket.connectToServer(name)
        assert socket.waitForConnected(5_000)
        socket.write(line)
        socket.flush()
        qtbot.waitUntil(lambda socket=socket: bool(handed) or is_off(socket))
        socket.abort()
    assert handed == [["/good.pdf"]]
    first.close()


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_nobody_else_may_speak_to_the_window(qapp: object, tmp_path: Path) -> None:
    first, second = SingleInstance(server_name(tmp_path)), SingleInstance(server_name(tmp_path))
    assert first.listen()
    assert stat.S_IMODE(os.stat(first.address).st_mode) == 0o600
    assert not second.listen()
    first.close()


def is_off(socket: QLocalSocket) -> bool:
    return socket.state() == QLocalSocket.LocalSocketState.UnconnectedState


def test_the_name_is_one_for_one_library(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "library")
    assert server_name(tmp_path / "library") == server_name(tmp_path / "link") != server_name(tmp_path / "other")


# ---------------------------------------------------------------- trouble at the start


def test_a_home_that_is_a_file_is_a_sentence_in_the_window(
    qtbot: QtBot, qapp: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PySide6.QtWidgets import QApplication

    from assistant_app.gui import app
    from assistant_app.gui.main_window import MainWindow

    home = tmp_path / "file"
    home.write_text("")
    seen: list[str] = []

    def look(*_: object) -> int:
        windows = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow)]
        seen.extend(window.notice.text for window in windows if window.isVisible())
        for window in windows:
            window.close()
            window.deleteLater()
        return 0

    monkeypatch.setattr(QApplication, "exec", look)
    assert app.run(str(home), []) == 0
    assert len(seen) == 1
    assert seen[0].startswith("Docent may not write to")


def test_a_crash_is_told_once_at_the_next_start(tmp_path: Path) -> None:
    script = (
        "import ctypes, pathlib, sys; from assistant_app.gui import crash\n"
        "crash.watch(pathlib.Path(sys.argv[1])); ctypes.string_at(0)"
    )
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert run.returncode == -signal.SIGSEGV
    stream, before = crash.watch(tmp_path)
    assert before is not None
    assert "Segmentation fault" in before.read_text()
    crash.unwatch(stream)
    stream, before = crash.watch(tmp_path)
    assert before is None
    crash.unwatch(stream)


def test_an_exception_that_nothing_caught_is_logged_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    stream, _ = crash.watch(tmp_path)
    told: list[str] = []
    crash.report_exceptions(told.append)
    try:
        raise RuntimeError("secret of a document")
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    crash.unwatch(stream)
    assert told == ["RuntimeError"]
    assert "test_an_exception_that_nothing_caught" in (tmp_path / "window.log").read_text()
    capsys.readouterr()

"""From the start of the process to a window that takes a drop, against a bare QApplication with one QMainWindow."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks import common
from benchmarks.in_window import Window

ROUNDS = 9


@contextlib.contextmanager
def virtual_display() -> Iterator[None]:
    """An X server of its own, as DISPLAY."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    before = os.environ.get("DISPLAY")
    try:
        with os.fdopen(reading) as told:
            os.environ["DISPLAY"] = f":{told.readline().strip()}"
        yield
    finally:
        if before is None:
            os.environ.pop("DISPLAY", None)
        else:
            os.environ["DISPLAY"] = before
        server.terminate()
        server.wait()


def seconds(folder: Path, platform: str, bare: bool) -> float:
    with Window(folder / ("bare" if bare else "home"), platform, bare=bare) as window:
        return window.seconds_to_ready


def measure(platform: str) -> None:
    ours, theirs = [], []
    with common.folder() as folder:
        for number in range(ROUNDS + 1):
            bare, docent = seconds(folder, platform, True), seconds(folder, platform, False)
            if number:  # the first round fills the caches of both
                theirs.append(bare * 1000)
                ours.append(docent * 1000)
    common.say(
        f"Start to a window that takes a drop ({platform})",
        f"{statistics.median(o / t for o, t in zip(ours, theirs, strict=True)):.2f} ×",
        "at most 3 × a bare window",
        f"Docent {common.spread(ours, 'ms')}; bare {common.spread(theirs, 'ms')}",
    )


def main() -> None:
    measure("offscreen")
    if shutil.which("Xvfb"):
        with virtual_display():
            measure("xcb")


if __name__ == "__main__":
    main()

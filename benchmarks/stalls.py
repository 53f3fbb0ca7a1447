"""How long the window's event loop stands still while a folder is indexed and answers stream.

Beside it runs a process with nothing but the same timer: what that one waits, the system's scheduler is to blame for.
The window's own work between two turns of the loop is told apart from waiting for a processor, too.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks import common
from benchmarks.in_window import Window

DOCUMENTS, PAGES = 10, 30
QUESTIONS = 6

IDLE = """
import sys, time
from PySide6.QtCore import QCoreApplication, QSocketNotifier, Qt, QTimer
app = QCoreApplication([])
last, most, many = time.perf_counter(), 0.0, []
def tick():
    global last
    now = time.perf_counter()
    many.append((now - last) * 1000)
    last = now
timer = QTimer(interval=1, timerType=Qt.TimerType.PreciseTimer)
timer.timeout.connect(tick)
timer.start()
stop = QSocketNotifier(0, QSocketNotifier.Type.Read)
stop.activated.connect(app.quit)
app.exec()
print(*(f"{gap:.2f}" for gap in many))
"""


def in_words(gaps: list[float]) -> str:
    thousandth = statistics.quantiles(gaps, n=1000)[-1]
    return f"longest {max(gaps):.0f} ms, 99.9 % under {thousandth:.0f} ms, {sum(gap > 50 for gap in gaps)} over 50 ms"


def main() -> None:
    with common.folder() as folder:
        first = common.make_pdf(folder / "first.pdf", 2)
        sentence = common.prose(0, 3).split(". ")
        questions = [f"Is it right that {sentence[number % 2]}? ({number})" for number in range(QUESTIONS)]
        documents = folder / "documents"
        documents.mkdir()
        for seed in range(DOCUMENTS):
            common.make_pdf(documents / f"report {seed}.pdf", PAGES, seed=seed)
        with Window(folder / "home") as window:
            window.do("work", paths=[str(first)], questions=[])
            window.do("work", paths=[], questions=questions[:1])  # loads the model
            idle = subprocess.Popen(
                [sys.executable, "-c", IDLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            done = window.do("work", paths=[str(documents)], questions=questions, watch=True)
            beside, _ = idle.communicate("\n")
    gaps = done["gaps"]
    common.say(
        "The window's longest pause under load",
        f"{max(gaps):.0f} ms",
        "at most 50 ms",
        f"window: {in_words(gaps)}; its own work in one turn: {max(done['own_work']):.0f} ms at most; "
        f"{sum(gaps) / 1000:.0f} s with {len(done['answers'])} answers\n    "
        f"a bare timer beside it: {in_words([float(gap) for gap in beside.split()])}",
    )


if __name__ == "__main__":
    main()

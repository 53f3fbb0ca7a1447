"""The engine's memory while it indexes: ten times the pages must not need much more of it."""

from __future__ import annotations

import threading
import time

import psutil

from assistant_app.protocol import messages
from benchmarks import common

FEW, MANY = 1_000, 10_000
SENTENCES = 8


def peak(pages: int) -> float:
    """The most resident memory, in megabytes, of an engine that indexes one document of so many pages."""
    most = 0.0
    with common.folder() as folder:
        document = common.make_pdf(folder / "long.pdf", pages, sentences=SENTENCES)
        with common.Engine(folder / "home") as engine:
            process = psutil.Process(engine.pid)
            done = threading.Event()

            def watch() -> None:
                nonlocal most
                while not done.is_set():
                    most = max(most, process.memory_info().rss / 1e6)
                    time.sleep(0.05)

            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                engine.run(messages.IndexDocuments(paths=[str(document)]))
            finally:
                done.set()
                watcher.join()
    return most


def main() -> None:
    few, many = peak(FEW), peak(MANY)
    common.say(
        f"Engine's memory, {MANY:,} pages against {FEW:,}",
        f"{many / few:.2f} ×",
        "at most 1.3 ×",
        f"{few:.0f} MB and {many:.0f} MB at most; the engine alone, its readers have limits of their own",
    )


if __name__ == "__main__":
    main()

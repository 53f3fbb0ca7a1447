"""The window's whole process with a fake engine: ``run_window.py SCRIPT LOG HOME [FILE ...]``; for tests of starting.

Prints one line of JSON when the window is on the screen, and one when it was called to the front.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from assistant_app.gui import app
from assistant_app.gui.main_window import MainWindow

FAKE_ENGINE = Path(__file__).parent.parent / "fake_engine.py"
HEAVY = ("torch", "chromadb", "llama_cpp", "transformers", "sentence_transformers", "pypdfium2", "numpy")


def main() -> int:
    script, log, home, *files = sys.argv[1:]
    command = [sys.executable, "-I", str(FAKE_ENGINE), "--script", script, "--log", log]

    class Window(MainWindow):
        def come_to_front(self) -> None:
            super().come_to_front()
            print(json.dumps({"front": self.isVisible()}), flush=True)

    def start(link: app.EngineLink) -> None:
        on_screen = any(isinstance(widget, Window) and widget.isVisible() for widget in app.QApplication.allWidgets())
        heavy = [name for name in HEAVY if name in sys.modules]
        print(json.dumps({"on_screen_before_engine": on_screen, "heavy": heavy}), flush=True)
        original(link)

    original = app.EngineLink.start
    app.EngineLink.start = start  # type: ignore[method-assign]
    app.MainWindow = Window  # type: ignore[misc]
    app.engine_command = lambda home: command  # type: ignore[assignment]
    return app.run(home, files)


if __name__ == "__main__":
    sys.exit(main())

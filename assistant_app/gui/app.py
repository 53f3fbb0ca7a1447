"""The window's process: started, shown, joined by later starts, and ended."""

from __future__ import annotations

import os
import signal
import sys

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

from assistant_app.errors import DocentError
from assistant_app.gui import crash, phrases, style
from assistant_app.gui.engine_link import EngineLink, engine_command
from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.single_instance import SingleInstance, hand_over, server_name
from assistant_app.paths import Paths
from assistant_app.settings import Settings


def run(home: str | None, files: list[str]) -> int:
    """Open the window, or hand ``files`` to the one that is open; returns the exit status.

    Args:
        home: ``--home``: the folder of everything that Docent keeps; null for the usual places.
        files: files and folders to add to the library.
    """
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("docent")
    app.setApplicationDisplayName("Docent")
    app.setDesktopFileName("docent")
    paths = Paths.resolve(home)
    files = [os.path.abspath(file) for file in files]
    name = server_name(paths.library)
    instance = SingleInstance(name)
    if not instance.listen():
        if hand_over(name, files):
            return 0
        print(app.tr("Docent is open already, but does not answer. End it, then start it again."), file=sys.stderr)
        return 1
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C in a terminal; the engine ends with its stdin
    return _open(app, paths, home, files, instance)


def _open(app: QApplication, paths: Paths, home: str | None, files: list[str], instance: SingleInstance) -> int:
    trouble: DocentError | None = None
    try:
        paths.create()
    except DocentError as error:
        trouble = error
    traces, crashed = crash.watch(paths.logs)
    settings = Settings(paths.settings)
    style.apply(app, settings.text("window.theme"))
    app.setWindowIcon(style.icon("docent"))
    link = EngineLink(engine_command(home))
    window = MainWindow(link, paths, settings)
    crash.report_exceptions(lambda kind: window.tell_trouble(phrases.reason_sentence("internal", {"said": kind})))
    instance.files_handed_over.connect(window.add_paths)
    instance.files_handed_over.connect(window.come_to_front)
    window.left.connect(app.quit)
    window.show()
    if trouble is not None:
        window.tell_trouble(phrases.reason_sentence(trouble.code, trouble.details))
    elif crashed is not None:
        log = QUrl.fromLocalFile(str(crashed))
        sentence = app.tr("Docent ended unexpectedly the last time. Your documents are safe.")
        window.offer(sentence, app.tr("Show the &traces"), lambda: QDesktopServices.openUrl(log))
    elif settings.problems:
        problem = settings.problems[0]
        window.tell_trouble(phrases.reason_sentence(problem.code, problem.details))
    if trouble is None:
        QTimer.singleShot(0, link.start)  # after the window is on the screen
        window.add_paths(files)
    status = app.exec()
    instance.close()
    link.close()
    crash.unwatch(traces)
    sys.excepthook = sys.__excepthook__
    return status

"""What is kept of the window's own failures: a log, and the traces of a crash, shown at the next start."""

from __future__ import annotations

import faulthandler
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

_LONGEST_LOG = 1_000_000
"""Bytes. A longer log is set aside at the next start; one before it is kept."""

LOG = logging.getLogger("docent.window")


def watch(logs: Path) -> tuple[TextIO | None, Path | None]:
    """Write a native crash's traces into ``logs`` from now on.

    Returns:
        the open file, to be kept open while the window lives, and the traces of the run before, if that one crashed.
        Null where the folder cannot be written: then a crash leaves no traces.
    """
    traces, before = logs / "window-crash.log", logs / "window-crash-before.log"
    try:
        crashed = traces.exists() and traces.stat().st_size > 0
        if crashed:
            traces.replace(before)
        stream = traces.open("w", encoding="utf-8")
        log = logs / "window.log"
        if log.exists() and log.stat().st_size > _LONGEST_LOG:
            log.replace(log.with_suffix(".before.log"))
        handler = logging.FileHandler(log, encoding="utf-8", delay=True)
    except OSError:
        return None, None
    faulthandler.enable(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    LOG.addHandler(handler)
    return stream, before if crashed else None


def unwatch(stream: TextIO | None) -> None:
    """Undo :func:`watch`; the file stays empty after a run that did not crash."""
    if stream is not None:
        faulthandler.disable()
        stream.close()
    for handler in list(LOG.handlers):
        LOG.removeHandler(handler)
        handler.close()


def report_exceptions(tell: Callable[[str], None]) -> None:
    """Log every exception that nothing caught, and ``tell`` its kind; the window goes on."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        LOG.error("not caught", exc_info=(kind, error, trace))
        sys.__excepthook__(kind, error, trace)
        tell(kind.__name__)

    sys.excepthook = hook

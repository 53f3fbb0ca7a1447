"""Stop at once, also in the middle of what cannot be interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from assistant_app.errors import Code, DocentError

Result = TypeVar("Result")

ASKED_EVERY = 0.02
"""Seconds between two looks at ``cancelled``."""


def at_once(
    work: Callable[[], Result],
    cancelled: Callable[[], bool],
    discard: Callable[[Result], None] = lambda result: None,
) -> Result:
    """What ``work`` returns or raises; or ``cancelled`` is raised, and the work comes to its end unheard.

    For what takes seconds without asking anybody, such as the import of the embedding model's library, and does no harm
    when it ends later.

    Args:
        discard: gets, in the work's own thread, what nobody waits for any more.
    """
    left = threading.Event()
    handing_over = threading.Lock()
    results: list[Result] = []
    problems: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            result = work()
            with handing_over:
                results.append(result)
            if left.is_set():
                discard(result)
        except BaseException as problem:  # whatever it is, it belongs to whoever waits
            problems.append(problem)
        finally:
            done.set()

    threading.Thread(target=run, name="at-once", daemon=True).start()
    while not done.wait(ASKED_EVERY):
        if cancelled():
            with handing_over:
                if not results:
                    left.set()
                    raise DocentError(Code.CANCELLED)
    if problems:
        raise problems[0]
    return results[0]

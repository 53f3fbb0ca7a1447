"""What every command begins and ends with."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from assistant_app.cli import output
from assistant_app.paths import Paths

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

DONE, SOME_FAILED, WRONG_USAGE, IN_USE = 0, 1, 2, 3
"""Exit statuses."""


def open_service(options: argparse.Namespace) -> Service:
    """The engine's service, in this process. What is wrong with the settings or was mended is said.

    Raises:
        DocentError: ``library_in_use`` and others.
    """
    from assistant_app.engine.service import Service

    service = Service(Paths.resolve(options.home))
    for problem in (*service.settings.problems, *service.notes):
        output.problem(problem.code, problem.details)
    return service

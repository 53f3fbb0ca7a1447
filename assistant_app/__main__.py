"""One door: the window, the engine, a reader of documents, or the command line. No heavy import here."""

from __future__ import annotations

import sys
from collections.abc import Sequence

COMMANDS = (
    *("index", "documents", "remove", "search", "ask", "summarise"),
    *("models", "adapters", "doctor", "backup", "restore"),
)
"""Those of ``cli.main``, which is not imported to ask it."""
INTERNAL = ("engine", "reader", "trainer", "downloader")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments name. Returns the exit status of the command-line contract.

    ``docent [--home DIR] [FILE...]`` opens the window and adds the files; ``docent [--home DIR] COMMAND ...`` runs a
    command; ``engine``, ``reader``, ``trainer`` and ``downloader`` are the child processes' own doors.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    home, rest = _home(given)
    if rest[:1] == ["reader"]:
        from assistant_app.documents.reader import main as reader

        return reader()
    if rest[:1] == ["trainer"] and len(rest) == 2:
        from assistant_app.training.process import main as trainer

        return trainer(rest[1])
    if rest[:1] == ["downloader"] and len(rest) == 2:
        from assistant_app.models.downloads import main as downloader

        return downloader(rest[1])
    if rest == ["engine"]:
        from assistant_app.engine.server import main as engine

        return engine(home)
    if rest and (rest[0] in COMMANDS or rest[0].startswith("-") or not _is_there(rest[0])):
        from assistant_app.cli.main import main as command_line

        return command_line(given)
    from assistant_app.gui.app import run

    return run(home, rest)


def _home(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The value of a leading ``--home DIR`` or ``--home=DIR``, and what follows."""
    if arguments[:1] == ["--home"] and len(arguments) > 1:
        return arguments[1], arguments[2:]
    if arguments and arguments[0].startswith("--home="):
        return arguments[0].partition("=")[2], arguments[1:]
    return None, arguments


def _is_there(path: str) -> bool:
    import os

    return os.path.exists(path)


if __name__ == "__main__":
    sys.exit(main())

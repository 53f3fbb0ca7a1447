"""Batch files: JSON lines of questions, each answered by a JSON line with the same id."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterator

import msgspec

from assistant_app.cli import output
from assistant_app.cli.command import DONE, SOME_FAILED
from assistant_app.errors import Code, DocentError


def answer_all(file: str, one: Callable[[str], dict[str, object]]) -> int:
    """Answer every line of a batch file with a line of the same id; a line that fails says why."""
    status = DONE
    for number, line in _lines(file):
        identity: object = None
        try:
            entry = msgspec.json.decode(line)
            if not isinstance(entry, dict) or "id" not in entry or not isinstance(entry.get("question"), str):
                raise DocentError(Code.BATCH_INVALID, line=number)
            identity = entry["id"]
            output.json_line({"id": identity, **one(entry["question"])})
        except (DocentError, msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = error if isinstance(error, DocentError) else DocentError(Code.BATCH_INVALID, line=number)
            output.problem(reason.code, reason.details)
            output.json_line({"id": identity, "error": reason.code.value, "details": reason.details})
            status = SOME_FAILED
    return status


def questions(file: str) -> Iterator[str]:
    """The questions of a batch file. Raises ``batch_invalid`` with the line's number."""
    for number, line in _lines(file):
        try:
            yield str(msgspec.json.decode(line)["question"])
        except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError) as error:
            raise DocentError(Code.BATCH_INVALID, line=number) from error


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that hold anything, with their numbers.

    Raises:
        DocentError: ``file_missing`` or ``file_unreadable``.
    """
    try:
        stream = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115  # closed by the with below
    except FileNotFoundError:
        raise DocentError(Code.FILE_MISSING, path=file) from None
    except OSError as error:
        raise DocentError(Code.FILE_UNREADABLE, path=file) from error
    with stream:
        for number, line in enumerate(stream, start=1):
            plain = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if plain.strip():
                yield number, plain

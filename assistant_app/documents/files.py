"""Which files are meant by the paths that a person gave: named ones, and the documents of folders."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant_app.documents.kinds import HEAD_BYTES, SUFFIXES, in_a_folder, suffix
from assistant_app.errors import Code
from assistant_app.protocol.records import Document, DocumentStatus

_LOCK_FILE = "~$"
"""How the name of a file begins that an office program puts beside a document while it is open."""


@dataclass(frozen=True)
class Offered:
    """A file to be tried, or one whose outcome is clear already. ``named``: given by name, not found in a folder."""

    path: str
    size: int = 0
    named: bool = True
    is_file: bool = True
    outcome: Document | None = None


def offered_files(paths: Sequence[str], *, below: str | None = None) -> Iterator[Offered]:
    """Every file meant by ``paths``, once each, in the order given; nothing is opened but to see what it is.

    Args:
        below: a folder in which the files among ``paths`` were found: nobody named them.
    """
    seen: set[str] = set()
    for given in paths:
        path = os.path.abspath(os.path.expanduser(given))
        if os.path.isdir(path):
            files = _folder(path)
        elif below is None:
            files = iter([_named(path)])
        else:
            is_hidden = any(_is_hidden(part) for part in os.path.relpath(path, below).split(os.sep))
            files = iter([] if is_hidden else [_found(path)])
        for offered in files:
            if offered.path not in seen:
                seen.add(offered.path)
                yield offered


def _failed(
    path: str, code: Code, *, named: bool = True, is_file: bool = True, status: DocumentStatus = "failed"
) -> Offered:
    shown = path.encode("utf-8", "replace").decode("utf-8")
    outcome = Document(path=shown, status=status, reason=code.value, details={"path": shown})
    return Offered(path=shown, named=named, is_file=is_file, outcome=outcome)


def _named(path: str) -> Offered:
    try:
        path.encode("utf-8")
        found = os.stat(path)
    except ValueError:  # bytes that are no text, or a NUL
        return _failed(path, Code.FILE_NAME_UNSUPPORTED, is_file=False)
    except OSError as error:
        # A path that leads through a file, or is too long, cannot be one that only hides.
        absent = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
        return _failed(path, Code.FILE_MISSING if absent else Code.FILE_UNREADABLE, is_file=not absent)
    if not stat.S_ISREG(found.st_mode):  # a pipe or a device could be read without end
        return _failed(path, Code.NOT_A_PDF, is_file=False, status="skipped")
    return Offered(path=path, size=found.st_size)


def _folder(path: str) -> Iterator[Offered]:
    """Every file below a folder, one that is no document as skipped; hidden ones and links to folders are left out."""
    problems: list[OSError] = []
    offered = 0
    for folder, folders, names in os.walk(path, onerror=problems.append):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            if not _is_hidden(name):
                offered += 1
                yield _found(os.path.join(folder, name))
    for problem in problems:
        yield _failed(str(problem.filename or path), Code.FOLDER_UNREADABLE, is_file=False)
    if not offered and not problems:
        yield _failed(path, Code.FOLDER_WITHOUT_DOCUMENTS, is_file=False, status="skipped")


def _is_hidden(name: str) -> bool:
    return name.startswith((".", _LOCK_FILE))


def _found(path: str) -> Offered:
    """A file that was found in a folder: tried only if it looks like a document."""
    file = _named(path)
    if file.outcome is None and not _looks_like_document(file):
        return _failed(file.path, Code.NOT_A_PDF, named=False, is_file=False, status="skipped")
    return replace(file, named=False)


def _looks_like_document(file: Offered) -> bool:
    if suffix(file.path) in SUFFIXES:
        return True
    if not file.size:  # nothing to read, and the system's own files (/proc) can make a reader wait for ever
        return False
    try:
        with open(file.path, "rb") as stream:
            return in_a_folder(file.path, stream.read(HEAD_BYTES))
    except OSError:
        return True  # tried, and then named in the ledger with its reason

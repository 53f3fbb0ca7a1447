"""What is dear to find out about files and is remembered: hashes, probes, and what a person decided all the same.

A file is known by its path, size and time of change. All of this can be found out again: a file that cannot be read or
written is no failure.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Probe, Record

MOST = 200
"""Entries of each kind; the oldest go first."""


class _Known(Record):
    """Hashes by :func:`stamp`; probes and decisions by the stamps of adapter and model."""

    hashes: dict[str, str] = {}
    probes: dict[str, Probe] = {}
    accepted: dict[str, bool] = {}


def stamp(path: str) -> str:
    """What a file is known by; "" where it is not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ""
    name = os.path.abspath(path).encode("utf-8", "backslashreplace").decode()  # as JSON can hold it
    return f"{status.st_size}:{status.st_mtime_ns}:{name}"


class KnownFiles:
    """One JSON file of what is known. Calls from several threads wait for each other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._known = msgspec.json.decode(path.read_bytes(), type=_Known)
        except (OSError, msgspec.DecodeError, RecursionError):
            self._known = _Known()

    def hash(self, path: str, *, compute: bool) -> str:
        """The SHA-256 of the file at ``path``; "" where it is not known and ``compute`` is false.

        Raises:
            DocentError: ``file_unreadable``.
        """
        key = stamp(path)
        with self._lock:
            found = self._known.hashes.get(key, "")
        if found or not compute:
            return found
        try:
            with open(path, "rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as problem:
            raise DocentError(Code.FILE_UNREADABLE, path=path) from problem
        self._keep(self._known.hashes, key, found)
        return found

    def probe(self, adapter: str, model: str) -> Probe | None:
        """What was found when this adapter was tried over this model; null where it was not."""
        with self._lock:
            return self._known.probes.get(_pair(adapter, model))

    def keep_probe(self, adapter: str, model: str, found: Probe) -> None:
        self._keep(self._known.probes, _pair(adapter, model), found)

    def is_accepted(self, adapter: str, model: str) -> bool:
        """Whether a person decided to lay this adapter over this model though it was trained on another."""
        with self._lock:
            return _pair(adapter, model) in self._known.accepted

    def accept(self, adapter: str, model: str) -> None:
        self._keep(self._known.accepted, _pair(adapter, model), True)

    def _keep(self, entries: dict[str, Any], key: str, value: object) -> None:
        with self._lock:
            entries.pop(key, None)
            entries[key] = value
            for old in list(entries)[: max(len(entries) - MOST, 0)]:
                del entries[old]
            half = self._path.with_suffix(".part")
            try:
                half.write_bytes(msgspec.json.encode(self._known))
                os.replace(half, self._path)
            except OSError:
                with suppress(OSError):
                    half.unlink(missing_ok=True)


def _pair(adapter: str, model: str) -> str:
    return f"{stamp(adapter)} over {stamp(model)}"

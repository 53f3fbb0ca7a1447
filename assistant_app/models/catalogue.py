"""The models that Docent recommends: ``resources/models.toml``, a file that anybody can add to."""

from __future__ import annotations

import functools

import msgspec

from assistant_app.paths import resources


class Entry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A model; the file itself says what each field means."""

    key: str
    name: str
    repo: str
    file: str
    size: int
    memory_gib: int
    licence: str
    about: str


class _File(msgspec.Struct):
    models: list[Entry]


@functools.cache
def catalogue() -> tuple[Entry, ...]:
    """All entries, in the file's order.

    Raises:
        OSError, msgspec.MsgspecError: the file that ships with Docent is missing, or is not as it must be.
    """
    return tuple(msgspec.toml.decode((resources() / "models.toml").read_bytes(), type=_File).models)

"""Assistants as TOML files, one each: those that ship in ``resources/assistants``, a person's own in their folder.

An assistant that is taken in from a file is untrusted: it is checked, its lengths are bounded, and it names no file of
this computer.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from assistant_app.answering.shapes import check_format
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.protocol.assistants import Assistant, OutputFormat

LONGEST_FILE = 200_000
"""Bytes."""
LONGEST_NAME = 60
_LONGEST = {"about": 300, "instructions": 4000, "question": 2000, "model": 1000, "adapter": 1000}
"""Characters."""
_LIMITS = {"scale": (0.0, 4.0), "temperature": (0.0, 2.0), "max_tokens": (16, 8192), "passages": (1, 40)}
"""As the settings have them."""
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NOTHING = Assistant(name="")


def check_assistant(assistant: Assistant) -> None:
    """Whether it can be used.

    Raises:
        DocentError: ``assistant_invalid`` (``path``: its name, ``said``: what is wrong), and the codes of
            :func:`check_format`.
    """
    invalid = _invalid(assistant.name or "?")
    name = assistant.name
    if not name or name != " ".join(name.split()) or len(name) > LONGEST_NAME:
        raise invalid(f"its name: 1 to {LONGEST_NAME} characters")
    texts = {"name": name, **{key: getattr(assistant, key) for key in _LONGEST}}
    for key, text in texts.items():
        if len(text) > _LONGEST.get(key, LONGEST_NAME) or _INVISIBLE.search(text.replace("\r\n", "\n")):
            raise invalid(key)
    for key, (least, most) in _LIMITS.items():
        value = getattr(assistant, key)
        if value is not None and not least <= value <= most:
            raise invalid(f"{key}: {least} to {most}")
    if len(assistant.collections) > 100 or any(len(each) > 200 for each in assistant.collections):
        raise invalid("collections")
    check_format(assistant.format)


def read_assistant(path: Path) -> Assistant:
    """The assistant of a file.

    Raises:
        DocentError: ``assistant_invalid``, ``file_missing``, ``file_unreadable``, and the codes of
            :func:`check_assistant`.
    """
    invalid = _invalid(str(path))
    try:
        with path.open("rb") as stream:
            content = stream.read(LONGEST_FILE + 1)
        if len(content) > LONGEST_FILE:
            raise invalid("too large")
        tree = tomllib.loads(content.decode("utf-8"))
        assistant = msgspec.convert(tree, Assistant)
    except FileNotFoundError as problem:
        raise DocentError(Code.FILE_MISSING, path=str(path)) from problem
    except OSError as problem:
        raise DocentError(Code.FILE_UNREADABLE, path=str(path)) from problem
    except (ValueError, RecursionError) as problem:  # no UTF-8, no TOML, a value of another type
        raise invalid(str(problem)[:200]) from problem
    check_assistant(assistant)
    return assistant


def write_assistant(assistant: Assistant, path: Path) -> None:
    """Write an assistant's file, in one step; only what differs from nothing.

    Raises:
        DocentError: ``disk_full`` or ``file_unwritable``.
    """
    tree: dict[str, Any] = {"name": assistant.name}
    for key, value in msgspec.to_builtins(msgspec.structs.replace(assistant, shipped=False)).items():
        if value != getattr(_NOTHING, key) and value is not None:
            tree[key] = value
    shape = msgspec.to_builtins(assistant.format)
    plain = msgspec.to_builtins(OutputFormat())
    tree["format"] = {key: value for key, value in shape.items() if key == "kind" or value != plain[key]}
    half = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(tomli_w.dumps(tree, multiline_strings=True).encode())
        os.replace(half, path)
    except OSError as problem:
        half.unlink(missing_ok=True)
        code = Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE
        raise DocentError(code, path=str(path)) from problem


class Assistants:
    """A person's own assistants and those that ship."""

    def __init__(self, own: Path, shipped: Path) -> None:
        """Folders; ``own`` is made when something is saved."""
        self._own, self._shipped = own, shipped

    def all(self) -> list[Assistant]:
        """The person's own by name, then those that ship; files that are none are left out."""
        own = sorted(self._read(self._own), key=lambda each: each.name.casefold())
        shipped = [msgspec.structs.replace(each, shipped=True) for each in self._read(self._shipped)]
        taken = {each.name.casefold() for each in own}
        return [*own, *(each for each in shipped if each.name.casefold() not in taken)]

    def get(self, name: str) -> Assistant:
        """The one of that name.

        Raises:
            DocentError: ``assistant_unknown``.
        """
        for assistant in self.all():
            if assistant.name.casefold() == name.strip().casefold():
                return assistant
        raise DocentError(Code.ASSISTANT_UNKNOWN, name=name[:LONGEST_NAME])

    def save(self, assistant: Assistant, instead: str = "") -> None:
        """Keep ``assistant``, in the place of the one named ``instead``, if any.

        Raises:
            DocentError: ``assistant_invalid``, ``assistant_name_taken``, ``assistant_shipped``, the codes of
                :func:`check_format` and :func:`write_assistant`.
        """
        check_assistant(assistant)
        if instead and self.get(instead).shipped:
            raise DocentError(Code.ASSISTANT_SHIPPED, name=instead)
        taken = {each.name.casefold() for each in self.all()} - {instead.casefold()}
        if assistant.name.casefold() in taken:
            raise DocentError(Code.ASSISTANT_NAME_TAKEN, name=assistant.name)
        write_assistant(assistant, self._file(assistant.name))
        if instead and self._file(instead) != self._file(assistant.name):
            self._file(instead).unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Throw out one of the person's own.

        Raises:
            DocentError: ``assistant_unknown``, ``assistant_shipped``, ``file_unwritable``.
        """
        if self.get(name).shipped:
            raise DocentError(Code.ASSISTANT_SHIPPED, name=name)
        try:
            self._file(name).unlink(missing_ok=True)
        except OSError as problem:
            raise DocentError(Code.FILE_UNWRITABLE, path=str(self._file(name))) from problem

    def take_in(self, path: Path) -> str:
        """Keep the assistant of a file, with a number where its name is taken; returns its name.

        Raises:
            DocentError: the codes of :func:`read_assistant` and :meth:`save`.
        """
        brought = read_assistant(path)
        taken = {each.name.casefold() for each in self.all()}
        name, number = brought.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{brought.name[: LONGEST_NAME - 5].rstrip()} {number}"
        self.save(msgspec.structs.replace(brought, name=name, shipped=False, **_names(brought)))
        return name

    def give_out(self, name: str, path: Path) -> None:
        """Write one to a file of the person's choice; model and adapter become their names.

        Raises:
            DocentError: ``assistant_unknown``, and the codes of :func:`write_assistant`.
        """
        assistant = self.get(name)
        write_assistant(msgspec.structs.replace(assistant, **_names(assistant)), path)

    def _read(self, folder: Path) -> list[Assistant]:
        found = []
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else []:
            try:
                found.append(read_assistant(path))
            except DocentError:
                continue
        return found

    def _file(self, name: str) -> Path:
        """Names that differ have files that differ, whatever the file system makes of their letters."""
        folded = name.strip().casefold()
        words = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:40]
        return self._own / f"{words}-{hashlib.sha256(folded.encode()).hexdigest()[:8]}.toml"


def _names(assistant: Assistant) -> dict[str, str]:
    """Another computer's paths mean nothing, and a stranger's file shall name none of this one."""
    return {key: re.split(r"[/\\]", getattr(assistant, key))[-1].removesuffix(".gguf") for key in ("model", "adapter")}


def _invalid(path: str) -> Any:
    return lambda said: DocentError(Code.ASSISTANT_INVALID, path=path, said=said)

"""Models that were removed within the last day, so that they can be put back.

Each has a folder of its own beside the models, on the same disk, so that removing a large file copies nothing::

    removed.json    what was removed, and from where
    0.part ...      its files; none where the model only left the list, and its file stays where it is

Nothing there has the name of a model.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from assistant_app.models.model_files import part_names

REMOVED = "removed.json"

KEPT_SECONDS = 24 * 3600
"""For so long a removed model can be put back."""


class Removed(msgspec.Struct):
    """A model that was removed.

    Attributes:
        path: where it was, of a split model its first part; ``name``: as its header has it.
        in_use: it answered until then.
    """

    path: str
    name: str
    in_use: bool = False


def files_of(path: str) -> list[Path]:
    """The files of the model whose first part is at ``path``."""
    return [Path(path).with_name(name) for name in part_names(Path(path).name)]


def put_aside(root: Path, removed: Removed, *, with_files: bool) -> None:
    """Keep a model below ``root`` for a day; all of its files are moved, or none.

    Raises:
        OSError: they stay where they are.
    """
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="", dir=root))
    moved: list[tuple[Path, Path]] = []
    try:
        (folder / REMOVED).write_bytes(msgspec.json.encode(removed))
        for number, file in enumerate(files_of(removed.path) if with_files else ()):
            if file.exists():  # of a model that is broken a part may be missing
                shutil.move(file, folder / f"{number}.part")
                moved.append((file, folder / f"{number}.part"))
    except OSError:
        for file, aside in moved:
            shutil.move(aside, file)
        shutil.rmtree(folder, ignore_errors=True)
        raise


def put_back(folder: Path, removed: Removed) -> None:
    """Undo :func:`put_aside`. A file that took the place of one of them in the meantime stays, and none is moved.

    The first part comes last: without it the others are no model.

    Raises:
        OSError: they cannot be moved.
    """
    parts = [(folder / f"{number}.part", file) for number, file in enumerate(files_of(removed.path))]
    parts = [(aside, file) for aside, file in parts if aside.exists()]
    if any(file.exists() for _, file in parts):
        return
    for aside, file in reversed(parts):
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(aside, file)
    shutil.rmtree(folder, ignore_errors=True)


def find(root: Path, name: str) -> tuple[Path, Removed] | None:
    """The model that was removed last of those with this path, file name or name, and its folder; null for none."""
    for folder in sorted(_folders(root), key=lambda each: each.stat().st_mtime_ns, reverse=True):
        try:
            removed = msgspec.json.decode((folder / REMOVED).read_bytes(), type=Removed)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
        place = Path(removed.path)
        if name in (removed.path, place.name, place.stem, removed.name) or os.path.abspath(name) == removed.path:
            return folder, removed
    return None


def sweep(root: Path) -> None:
    """Delete what was removed more than a day ago."""
    for folder in _folders(root):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder)


def _folders(root: Path) -> list[Path]:
    return [each for each in root.iterdir() if each.is_dir()] if root.is_dir() else []

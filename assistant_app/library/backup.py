"""The whole library in one file, and back; and the copies of the catalogue that are made by themselves.

A backup is a ZIP: a manifest, the catalogue as a consistent copy, the vectors as NumPy arrays (so that they fit any
store), the settings and, by choice, the documents. A file to be restored is not trusted: what it may hold is known by
name, its sizes are compared with the free space, and its catalogue must have exactly the tables that this Docent makes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.library.catalog import Catalog
from assistant_app.library.database import SUSPECT
from assistant_app.library.embedder import Embedder
from assistant_app.library.vectors import Vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 1
MANIFEST, CATALOG, SETTINGS = "docent-backup.json", "library.sqlite3", "settings.toml"
VECTORS_AT_ONCE = 5_000
LARGEST_MANIFEST = 64 * 1024 * 1024
LARGEST_SETTINGS = 1024 * 1024
_CHUNK = 1024 * 1024

KEPT = 2
"""Newest automatic copies of the catalogue that are kept; besides, the first one of each of the last two days."""
EVERY_SECONDS = 60.0
"""The catalogue is not copied more often than this, one of more than :data:`SMALL` bytes ten times less often."""
SMALL = 32 * 1024 * 1024

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]


class Kept(msgspec.Struct):
    """A document inside a backup: where it stood, and its member's name."""

    path: str
    member: str


class Manifest(msgspec.Struct):
    """What a backup holds."""

    format: int
    version: str
    created: str
    embedder: str
    passages: int
    documents: list[Kept] = []


class Written(NamedTuple):
    """A backup that was written: its size in bytes, the documents in the library, those whose files are not in it."""

    size: int
    documents: int
    left_out: list[str]


# ------------------------------------------------------------------ writing


def write(
    target: Path,
    known: Catalog,
    vectors: Vectors,
    settings: Path,
    *,
    version: str,
    embedder: Embedder,
    with_documents: bool,
    progress: Progress,
    cancelled: Cancelled,
) -> Written:
    """Write a backup; what stood at ``target`` is replaced only by a whole one.

    Raises:
        DocentError: ``backup_unwritable``, ``disk_full``, ``cancelled``, ``library_damaged`` or ``vector_server_*``.
    """
    part = target.with_name(f".{target.name}.part")
    copy = target.with_name(f".{target.name}.sqlite3")
    try:
        copy.unlink(missing_ok=True)
        known.copy_to(copy)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            paths = [document.path for document in known.documents()]
            size = copy.stat().st_size + known.counts()["passages"] * embedder.dimensions * 4
            size += sum(_size(path) for path in paths) if with_documents else 0
            writer = _Writer(archive, size, progress, cancelled)
            writer.file(CATALOG, copy, zipfile.ZIP_DEFLATED)
            count = writer.vectors(known.passage_ids(), vectors)
            if settings.is_file():
                writer.file(SETTINGS, settings, zipfile.ZIP_DEFLATED)
            kept, left_out = writer.documents(paths) if with_documents else ([], [])
            created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            manifest = Manifest(FORMAT, version, created, embedder.identity, count, kept)
            archive.writestr(MANIFEST, msgspec.json.encode(manifest))
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.chmod(0o600)  # it holds the text of everything
        os.replace(part, target)
        return Written(target.stat().st_size, len(paths), left_out)
    except OSError as error:
        code = Code.DISK_FULL if is_disk_full(error) else Code.BACKUP_UNWRITABLE
        raise DocentError(code, path=str(target)) from error
    except DocentError as error:
        if error.code is Code.LIBRARY_UNWRITABLE:  # the copy of the catalogue stands beside the target
            raise DocentError(Code.BACKUP_UNWRITABLE, path=str(target)) from error
        raise
    finally:
        for leftover in (part, copy):
            leftover.unlink(missing_ok=True)


class _Writer:
    def __init__(self, archive: zipfile.ZipFile, total: int, progress: Progress, cancelled: Cancelled) -> None:
        self._archive = archive
        self._total = max(total, 1)
        self._done = 0
        self._progress = progress
        self._cancelled = cancelled

    def _wrote(self, count: int) -> None:
        self._done += count
        self._progress(min(self._done, self._total), self._total)
        if self._cancelled():
            raise DocentError(Code.CANCELLED)

    def file(self, member: str, path: Path, method: int = zipfile.ZIP_STORED) -> None:
        entry = zipfile.ZipInfo(member, time.gmtime()[:6])
        entry.compress_type = method
        with path.open("rb") as source, self._archive.open(entry, "w", force_zip64=True) as sink:
            while chunk := source.read(_CHUNK):
                sink.write(chunk)
                self._wrote(len(chunk))

    def vectors(self, ids: Sequence[int], vectors: Vectors) -> int:
        """Every passage's vector that there is; the others are made again when the backup is restored."""
        count = 0
        for number, first in enumerate(range(0, len(ids), VECTORS_AT_ONCE)):
            found = vectors.get(ids[first : first + VECTORS_AT_ONCE])
            if not found:
                continue
            for name, array in (("ids", np.array(list(found), np.int64)), ("values", np.stack(list(found.values())))):
                with self._archive.open(f"vectors/{number:06}.{name}.npy", "w", force_zip64=True) as sink:
                    np.lib.format.write_array(sink, array, allow_pickle=False)
                self._wrote(array.nbytes)
            count += len(found)
        return count

    def documents(self, paths: Sequence[str]) -> tuple[list[Kept], list[str]]:
        kept, left_out = [], []
        for number, path in enumerate(paths):
            member = f"documents/{number:06}"
            try:
                if not os.path.isfile(path):
                    raise FileNotFoundError(path)
                self.file(member, Path(path))
                kept.append(Kept(path, member))
            except OSError as error:
                if is_disk_full(error):
                    raise
                left_out.append(path)
        return kept, left_out


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


# ------------------------------------------------------------------ restoring


class Backup:
    """An open backup. Use it in a ``with`` block."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            DocentError: ``file_missing``, ``file_unreadable``, ``backup_invalid`` or ``backup_newer``.
        """
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise DocentError(Code.FILE_MISSING, path=str(path)) from None
        except OSError as error:
            raise DocentError(Code.FILE_UNREADABLE, path=str(path)) from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise self._invalid() from error
        try:
            self.manifest = self._read_manifest()
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> Backup:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def _invalid(self) -> DocentError:
        return DocentError(Code.BACKUP_INVALID, path=str(self._path))

    def _read_manifest(self) -> Manifest:
        try:
            manifest = msgspec.json.decode(self._read(MANIFEST, LARGEST_MANIFEST), type=Manifest)
        except msgspec.MsgspecError as error:
            raise self._invalid() from error
        if manifest.format > FORMAT:
            raise DocentError(Code.BACKUP_NEWER, path=str(self._path))
        return manifest

    def _read(self, member: str, most: int) -> bytes:
        with self._open(member) as stream:
            content = stream.read(most + 1)
        if len(content) > most:
            raise self._invalid()
        return content

    def _open(self, member: str) -> IO[bytes]:
        try:
            return self._archive.open(member)
        except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise self._invalid() from error

    @property
    def size(self) -> int:
        """Bytes that it claims to hold, unpacked."""
        return sum(entry.file_size for entry in self._archive.infolist())

    def unpack(self, folder: Path, progress: Progress, cancelled: Cancelled) -> None:
        """Put the catalogue, checked, and the settings into ``folder``.

        Raises:
            DocentError: ``backup_invalid``, ``library_newer``, ``disk_full`` or ``cancelled``.
        """
        if self.size > shutil.disk_usage(folder).free:
            raise DocentError(Code.DISK_FULL, path=str(folder))
        self._extract(CATALOG, folder / CATALOG, progress, cancelled)
        self._check_catalog(folder / CATALOG)
        if SETTINGS in self._archive.namelist():
            (folder / SETTINGS).write_bytes(self._read(SETTINGS, LARGEST_SETTINGS))

    def _extract(self, member: str, target: Path, progress: Progress, cancelled: Cancelled) -> None:
        try:
            size = self._archive.getinfo(member).file_size
            done = 0
            with self._open(member) as source, target.open("wb") as sink:
                while chunk := source.read(_CHUNK):
                    if cancelled():
                        raise DocentError(Code.CANCELLED)
                    done += len(chunk)
                    if done > size:  # it claims less than it holds
                        raise self._invalid()
                    sink.write(chunk)
                    progress(done, self.size)
        except (KeyError, zipfile.BadZipFile, EOFError, ValueError) as error:
            raise self._invalid() from error
        except OSError as error:
            if is_disk_full(error):
                raise DocentError(Code.DISK_FULL, path=str(target)) from error
            raise self._invalid() from error

    def _check_catalog(self, path: Path) -> None:
        """Refuse what is no catalogue of ours: a stranger's database could hold triggers and views that act."""
        try:
            found = Catalog(path)
            try:
                sound = found.is_sound() and _schema(found) == _own_schema(path.with_name("empty.sqlite3"))
                sound = sound and _makes_sense(found)
            finally:
                found.close()
        except DocentError as error:
            if error.code in (Code.LIBRARY_NEWER, Code.DISK_FULL):
                raise
            raise self._invalid() from error
        except (sqlite3.Error, ValueError) as error:  # among them what JSON and records are not
            raise self._invalid() from error
        if not sound:
            raise self._invalid()

    def vectors(self, dimensions: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Passage ids and their vectors (shape ``(n, dimensions)``), in pieces; for the model they were made with.

        Raises:
            DocentError: ``backup_invalid``.
        """
        names = sorted(name for name in self._archive.namelist() if name.startswith("vectors/"))
        for name in names:
            if not name.endswith(".ids.npy"):
                continue
            ids = self._array(name, VECTORS_AT_ONCE * 8)
            values = self._array(name.replace(".ids.", ".values."), VECTORS_AT_ONCE * dimensions * 4)
            good = ids.ndim == 1 and ids.dtype == np.int64 and values.dtype == np.float32
            if not good or values.shape != (len(ids), dimensions) or not np.isfinite(values).all():
                raise self._invalid()
            yield ids, values

    def _array(self, member: str, most: int) -> NDArray[Any]:
        try:
            if self._archive.getinfo(member).file_size > most + 1024:
                raise self._invalid()
            with self._open(member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
        except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile, MemoryError) as error:
            raise self._invalid() from error

    def documents(self, folder: Path, progress: Progress, cancelled: Cancelled) -> Iterator[tuple[str, Path]]:
        """Unpack the documents that are not at their place any more into ``folder``: old path and new."""
        for number, kept in enumerate(self.manifest.documents):
            try:
                if os.path.exists(kept.path):
                    continue
                # A folder each: names may be the same, and only the last part of a name is used.
                name = Path(kept.path.replace("\\", "/")).name[:200]
                target = folder / f"{number:06}" / (name if name.strip(".") else "document")
                target.parent.mkdir(parents=True, exist_ok=True)
            except (OSError, ValueError) as error:
                raise self._invalid() from error
            self._extract(kept.member, target, progress, cancelled)
            yield kept.path, target


def _makes_sense(found: Catalog) -> bool:
    """Whether the rows are such as this Docent writes; raises ``ValueError`` where they cannot even be read."""
    found.documents()
    found.documents(removed=True)
    odd = (
        "SELECT 1 FROM passages WHERE typeof(start) <> 'integer' OR start < 0",
        "SELECT 1 FROM passages WHERE typeof(length) <> 'integer' OR length < 1",
        "SELECT 1 FROM pages WHERE typeof(text) <> 'text' OR typeof(base) <> 'integer' OR NOT json_valid(headings)",
        "SELECT 1 FROM facts WHERE name LIKE 'next_%' AND CAST(CAST(value AS INTEGER) AS TEXT) <> value",
    )
    return not any(found.rows(f"{query} LIMIT 1") for query in odd)


def _schema(database: Catalog) -> set[tuple[object, ...]]:
    return set(database.rows("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))


def _own_schema(scratch: Path) -> set[tuple[object, ...]]:
    own = Catalog(scratch)
    try:
        return _schema(own)
    finally:
        own.close()
        for leftover in scratch.parent.glob(f"{scratch.name}*"):
            leftover.unlink()


# ------------------------------------------------------------------ by themselves


def copy_if_due(known: Catalog, catalog: Path, folder: Path, *, at_end: bool = False) -> Path | None:
    """Make an automatic copy of a sound catalogue, if it changed and a copy is due.

    Args:
        known: the open catalogue; what is copied is what it changed.
        at_end: Docent ends: a small catalogue is copied however new the last copy is.

    Raises:
        DocentError: ``disk_full``, ``library_damaged`` or ``library_unwritable``.
    """
    now = time.time()
    if copies := automatic_copies(folder):
        newest = copies[0].stat().st_mtime
        is_small = catalog.stat().st_size <= SMALL
        wait = 0.0 if is_small and at_end else EVERY_SECONDS if is_small else 10 * EVERY_SECONDS
        if known.changes == known.copied or now - newest < wait:
            return None
    changes = known.changes
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    target, part = folder / f"library-{stamp}.sqlite3", folder / "copying.sqlite3"
    part.unlink(missing_ok=True)
    known.copy_to(part)
    part.chmod(0o600)
    if not known.is_sound():  # a damaged copy must not push a sound one out
        part.unlink()
        return None
    os.replace(part, target)
    known.copied = changes
    copies = automatic_copies(folder)
    firsts = {copy.name[:16]: copy for copy in copies}  # of each day: "library-20260131"
    kept = {*copies[:KEPT], *list(firsts.values())[:2]}
    for old in set(copies) - kept:
        old.unlink(missing_ok=True)
    return target


def renew_copies(known: Catalog, catalog: Path, folder: Path) -> None:
    """Replace the automatic copies by a new one: what was removed for good must not stand in an old one.

    Raises:
        DocentError: as :func:`copy_if_due`.
    """
    for old in automatic_copies(folder):
        old.unlink(missing_ok=True)
    copy_if_due(known, catalog, folder)


def automatic_copies(folder: Path) -> list[Path]:
    """The automatic copies of the catalogue, the newest first."""
    return sorted(folder.glob("library-*.sqlite3"), reverse=True)


def _parts(catalog: Path) -> list[Path]:
    """The files of a catalogue: SQLite keeps a log beside it."""
    names = (catalog, *(catalog.with_name(catalog.name + ending) for ending in ("-wal", "-shm", SUSPECT)))
    return [part for part in names if part.exists()]


def put_aside(catalog: Path, folder: Path) -> None:
    """Move a catalogue with the files beside it into ``folder``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in _parts(catalog):
        os.replace(part, folder / part.name)


def restore_newest(catalog: Path, folder: Path) -> tuple[Path, Path] | None:
    """Put the newest sound automatic copy in the place of a damaged catalogue, which is kept.

    Returns:
        The copy that was taken, and the folder with the damaged one; null where there is no sound copy.
    """
    for copy in automatic_copies(folder):
        if _is_sound(copy):
            damaged = folder / f"damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
            put_aside(catalog, damaged)
            shutil.copy2(copy, catalog)
            return copy, damaged
    return None


def _is_sound(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA quick_check").fetchall() == [("ok",)])
    except sqlite3.Error:
        return False

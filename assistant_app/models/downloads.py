"""Downloads of models from the Hugging Face hub or a mirror of it: a process of their own, that can be killed.

The engine is offline by construction (``engine/offline.py``); this process is the one thing that goes out, and only
while a person downloads. It knows nothing but its folder::

    begun.json    what is fetched, and what the hub said of it
    0.part ...    the bytes until now, of each part of the model

Nothing there has the name of a model: a file gets that, in another folder, once its checksum is right.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

import msgspec

from assistant_app.errors import Code, Detail, DocentError, is_disk_full
from assistant_app.models.model_files import part_names

BEGUN = "begun.json"

CHUNK = 2**18
"""Bytes that are written in one go: the most that a cut connection loses."""

SPARE = 2**28
"""Bytes that must stay free on the disk: the library is on it too."""

TRIES = 5
"""Connections in a row that brought nothing, before the download gives up for now."""

WAIT = 2.0
"""Seconds between two of them."""

TIMEOUT = 20.0
"""Seconds in which the hub must say what a file is."""

MOST_PARTS = 100

_NAME = re.compile(r"\w[\w.-]{0,95}", re.ASCII)
_FOLDER = re.compile(r"\w[\w .+()=@,-]{0,149}", re.ASCII)
"""A folder or file on the hub that can be one here, on every system; none begins with a dot."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Begun(msgspec.Struct):
    """What is fetched.

    Attributes:
        file: the first part of a split model.
        hub: the address, without a slash at its end.
        revision: the commit that the first request met; "" before.
        sizes, sums: bytes and SHA-256 of each part, as the hub gave them; empty before.
    """

    repo: str
    file: str
    hub: str = ""
    revision: str = ""
    sizes: list[int] = []
    sums: list[str] = []

    @property
    def files(self) -> list[str]:
        """All parts, with their folder on the hub."""
        folder, slash, name = self.file.rpartition("/")
        return [f"{folder}{slash}{each}" for each in part_names(name)]


class Said(msgspec.Struct, omit_defaults=True):
    """A line on the process's standard output; ``code`` and ``details``: why it failed."""

    done: int = 0
    total: int = 0
    checking: bool = False
    finished: bool = False
    code: str = ""
    details: dict[str, Detail] = {}


def checked(repo: str, file: str) -> Begun:
    """What to fetch, its names checked: they become folders here. Of a split model any part may be named.

    Raises:
        DocentError: ``download_name_invalid``.
    """
    owner, slash, name = repo.strip().partition("/")
    parts = file.strip().split("/")
    good = slash and _NAME.fullmatch(owner) and owner.casefold() != "removed"  # a folder of ours has that name
    good = good and _NAME.fullmatch(name) and len(parts) <= 4
    good = good and all(_FOLDER.fullmatch(part) for part in parts) and parts[-1].lower().endswith(".gguf")
    if not good or len(part_names(parts[-1])) > MOST_PARTS:
        raise DocentError(Code.DOWNLOAD_NAME_INVALID, repo=repo[:100], file=file[:200])
    begun = Begun(repo=f"{owner}/{name}", file="/".join(parts))
    begun.file = begun.files[0]
    return begun


# ---------------------------------------------------------------- the folder


def folder_of(downloads: Path, begun: Begun) -> Path:
    """Where the bytes of this model are kept until they are whole."""
    return downloads / re.sub(r"[^\w.-]+", "_", f"{begun.repo}/{begun.file}.download")


def read(folder: Path) -> Begun | None:
    """What is fetched into ``folder``; null where nothing is."""
    try:
        found = msgspec.json.decode((folder / BEGUN).read_bytes(), type=Begun)
        return found if len(found.sizes) == len(found.sums) else None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def write(folder: Path, begun: Begun) -> None:
    """Note what is fetched.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{BEGUN}.new"
    part.write_bytes(msgspec.json.encode(begun))
    os.replace(part, folder / BEGUN)


def part(folder: Path, number: int) -> Path:
    return folder / f"{number}.part"


def part_size(folder: Path, number: int) -> int:
    """Bytes of a part that are there."""
    try:
        return part(folder, number).stat().st_size
    except OSError:
        return 0


def size(folder: Path, begun: Begun) -> int:
    """Bytes of all parts that are there."""
    return sum(part_size(folder, number) for number in range(len(begun.files)))


def discard(folder: Path) -> None:
    """Throw away what was downloaded. Harmless where nothing was."""
    shutil.rmtree(folder, ignore_errors=True)


def shelve(folder: Path, begun: Begun, models: Path) -> Path:
    """Give a checked download its name among the models; returns the path of its first part.

    The first part comes last: without it the others are no model.

    Raises:
        OSError: it cannot be moved.
    """
    for number, name in reversed(list(enumerate(begun.files))):
        target = target_of(models, begun.repo, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part(folder, number), target)
    discard(folder)
    return target


def target_of(models: Path, repo: str, file: str) -> Path:
    """Where a file of the hub is kept: under its owner's and its repository's name."""
    return models.joinpath(*repo.split("/"), *file.split("/"))


# ---------------------------------------------------------------- the process


class _TooLong(Exception):
    """The server sends more than it announced."""


class _Sink:
    """The part's file, as ``http_get`` wants one: each write is told, and none goes beyond the announced size."""

    def __init__(self, stream: FileIO, whole: int, on_bytes: Callable[[], None]) -> None:
        self._stream, self._whole, self._on_bytes = stream, whole, on_bytes
        self.seek, self.tell, self.truncate = stream.seek, stream.tell, stream.truncate

    def write(self, chunk: bytes) -> int:
        if self.tell() + len(chunk) > self._whole:
            raise _TooLong
        left = memoryview(chunk)
        while left:  # an unbuffered write may take a part only
            left = left[self._stream.write(left) :]
        self._on_bytes()
        return len(chunk)


def fetch(folder: Path, say: Callable[[Said], None]) -> None:
    """Fetch what is missing of the model that ``folder`` names, and compare its checksums.

    Raises:
        DocentError: ``download_*``, ``disk_full``, ``file_unwritable``.
    """
    begun = read(folder)
    if begun is None:
        raise DocentError(Code.DOWNLOAD_FAILED, said="nothing was begun here")
    try:
        begun = _ask(folder, begun)
        total = sum(begun.sizes)
        say(Said(done=size(folder, begun), total=total))
        check_space(total - size(folder, begun), folder)
        for number in range(len(begun.files)):
            _fetch_part(folder, begun, number, lambda: say(Said(done=size(folder, begun), total=total)))
        _check(folder, begun, lambda done: say(Said(done=done, total=total, checking=True)))
    except OSError as problem:
        code = Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE
        raise DocentError(code, path=str(folder)) from problem


def check_space(needed: int, folder: Path) -> None:
    """Refuse a download for which there is no room.

    Raises:
        DocentError: ``download_no_space``.
    """
    free = shutil.disk_usage(folder).free
    if needed + SPARE > free:
        raise DocentError(
            Code.DOWNLOAD_NO_SPACE,
            path=str(folder),
            needed_gb=round((needed + SPARE) / 1e9, 1),
            free_gb=round(free / 1e9, 1),
        )


def _ask(folder: Path, begun: Begun) -> Begun:
    """Have the hub say what the files are. Bytes of an older version of them are thrown away."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    revision, sizes, sums = "", [], []
    for name in begun.files:
        url = hf_hub_url(begun.repo, name, revision=revision or "main", endpoint=begun.hub)
        try:
            told = get_hf_file_metadata(url, token=False, timeout=TIMEOUT, endpoint=begun.hub)
        except Exception as problem:  # the HTTP library's own: which one that is differs between versions of the hub's
            _give_up(problem, begun, name)
        checksum = (told.etag or "").lower()
        if not told.commit_hash or not told.size or not _SHA256.fullmatch(checksum):
            raise DocentError(Code.DOWNLOAD_MISSPOKE, address=begun.hub, file=name)
        revision = told.commit_hash
        sizes.append(told.size)
        sums.append(checksum)
    for number, checksum in enumerate(sums):
        older = begun.sums[number : number + 1] != [checksum]
        if older or part_size(folder, number) > sizes[number]:
            part(folder, number).unlink(missing_ok=True)
    begun = msgspec.structs.replace(begun, revision=revision, sizes=sizes, sums=sums)
    write(folder, begun)
    return begun


def _fetch_part(folder: Path, begun: Begun, number: int, on_bytes: Callable[[], None]) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get

    name, whole = begun.files[number], begun.sizes[number]
    url = hf_hub_url(begun.repo, name, revision=begun.revision, endpoint=begun.hub)
    tries = 0
    while (before := part_size(folder, number)) < whole:
        try:
            part(folder, number).touch()
            with FileIO(part(folder, number), "r+b") as stream:
                stream.seek(before)
                sink = cast(BinaryIO, _Sink(stream, whole, on_bytes))
                http_get(url, sink, resume_size=before, headers={"Accept-Encoding": "identity"}, _nb_retries=0)
            if part_size(folder, number) <= before:  # a whole answer, and not of this file
                raise ValueError("the answer is shorter than the file")
        except _TooLong:
            part(folder, number).unlink()
            raise DocentError(Code.DOWNLOAD_DAMAGED, file=name, address=begun.hub) from None
        except Exception as problem:  # as above
            if _is_local(problem):
                raise
            tries = 0 if part_size(folder, number) > before else tries + 1
            if tries >= TRIES or (_status(problem) or 500) < 500:
                _give_up(problem, begun, name, cut=part_size(folder, number) > 0)
            time.sleep(WAIT)


def _is_local(problem: Exception) -> bool:
    """Whether it is the disk that refuses: the hub's library also raises ``OSError`` for what a server did."""
    return isinstance(problem, OSError) and problem.errno is not None and not _from_network(problem)


def _from_network(problem: Exception) -> bool:
    return isinstance(problem, (ConnectionError, TimeoutError)) or _status(problem) is not None


def _status(problem: Exception) -> int | None:
    """The status with which a server refused; null where it did not come to that."""
    response = getattr(problem, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def _give_up(problem: Exception, begun: Begun, name: str, *, cut: bool = False) -> NoReturn:
    from huggingface_hub.errors import FileMetadataError, GatedRepoError

    address, status = begun.hub, _status(problem)
    if isinstance(problem, GatedRepoError):
        raise DocentError(Code.DOWNLOAD_GATED, repo=begun.repo, address=address) from problem
    if status in (401, 403, 404):
        raise DocentError(Code.DOWNLOAD_NOT_FOUND, repo=begun.repo, file=name, address=address) from problem
    if status is not None:
        raise DocentError(Code.DOWNLOAD_REFUSED, address=address, status=status) from problem
    if isinstance(problem, (FileMetadataError, ValueError)):
        raise DocentError(Code.DOWNLOAD_MISSPOKE, address=address, file=name) from problem
    raise DocentError(Code.DOWNLOAD_CUT if cut else Code.DOWNLOAD_UNREACHABLE, address=address) from problem


def _check(folder: Path, begun: Begun, on_bytes: Callable[[int], None]) -> None:
    """Compare the checksums. A part whose checksum is wrong is deleted: nothing can be gone on with there."""
    done = 0
    for number, (name, wanted) in enumerate(zip(begun.files, begun.sums, strict=True)):
        checksum = hashlib.sha256()
        with part(folder, number).open("rb") as stream:
            while chunk := stream.read(2**22):
                checksum.update(chunk)
                done += len(chunk)
                on_bytes(done)
        if checksum.hexdigest() != wanted:
            part(folder, number).unlink()
            raise DocentError(Code.DOWNLOAD_DAMAGED, file=name, address=begun.hub)


def main(folder: str) -> int:
    """Fetch into ``folder``, saying how far it is on standard output. Ends when its standard input closes."""
    logging.disable()
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK  # theirs is 10 MB: so much would be lost with every cut
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def say(said: Said) -> None:
        channel.write(msgspec.json.encode(said) + b"\n")
        channel.flush()

    try:
        fetch(Path(folder), say)
        say(Said(finished=True))
    except DocentError as problem:
        say(Said(code=problem.code.value, details=problem.details))
        return 1
    return 0


def _end_with_parent() -> None:
    """Whoever started this closes the pipe, or died: what is on the disk is gone on with the next time."""
    sys.stdin.buffer.read()
    os._exit(0)

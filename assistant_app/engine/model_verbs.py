"""The verbs of the shelf of models: what other programs keep, what a person adds, downloads and removes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import psutil

from assistant_app.engine.library_verbs import Cancelled, Report, ignore, never
from assistant_app.engine.offline import for_downloads
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.models import downloads, removed_models
from assistant_app.models.catalogue import Entry, catalogue
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.downloads import Begun, Said
from assistant_app.models.model_files import fits, inspect_model, part_names, starter_model
from assistant_app.models.model_places import find_models, places
from assistant_app.models.native import gpu_memory
from assistant_app.models.removed_models import Removed
from assistant_app.protocol import messages, shelf
from assistant_app.protocol.records import Model
from assistant_app.protocol.shelf import Download, Offer
from assistant_app.settings import checked

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

REPORTS = 0.25
"""Seconds between two reports of a download's progress."""

LOOKED_BACK = 15.0
"""Seconds over which its speed is taken."""

NEARLY = 0.9
"""A computer sold with 16 GiB shows a little less: what its graphics and firmware took."""


class Gone(NamedTuple):
    """A model that was removed.

    Attributes:
        path: what :meth:`ModelVerbs.put_back` is told, "" where it cannot be put back.
        size: bytes of the files that went with it, 0 where they stay.
        replaced: it was in use, and the starter model takes its place.
    """

    path: str
    name: str
    size: int
    replaced: bool


class ModelVerbs:
    """What :class:`Service` does about models beyond choosing one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turn = threading.Lock()
        self._listing = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._now: Download | None = None

    def answer(self, request: messages.Request, report: Report, cancelled: Cancelled) -> messages.Event:
        """Do what a request wants.

        Raises:
            DocentError: ``model_*``, ``download_*``, ``disk_full``, ``file_unwritable``, ``cancelled``.
        """
        shelved = shelf.ModelShelved
        match request:
            case shelf.FindModels():
                return shelf.ModelsFound(models=self.found(cancelled))
            case shelf.AddModel(path=path):
                return shelved(path=self.add(path).path, models=self._service.list_models())
            case shelf.RemoveModel(path=path, forever=forever):
                gone = self.remove(path, forever=forever)
                return shelved(path=gone.path, models=self._service.list_models(), replaced=gone.replaced)
            case shelf.PutBackModel(path=path):
                return shelved(path=self.put_back(path), models=self._service.list_models())
            case shelf.ListOffers():
                return self._offered()
            case shelf.DownloadModel(repo=repo, file=file, hub=hub):
                return shelf.ModelDownloaded(model=self.download(repo, file, hub, report, cancelled))
            case shelf.DiscardDownload(repo=repo, file=file):
                self.discard(repo, file)
                return self._offered()
            case _:
                raise AssertionError(type(request))

    # ------------------------------------------------------------ on this computer

    def found(self, cancelled: Cancelled = lambda: False) -> list[Model]:
        """The models in the folders of other programs, without those that Docent lists already.

        Raises:
            DocentError: ``cancelled``.
        """
        known = {os.path.realpath(model.path) for model in self._service.list_models()}
        models = []
        for model in find_models(places(), self._service.settings.integer("model.context")):
            if cancelled():
                raise DocentError(Code.CANCELLED)
            if os.path.realpath(model.path) not in known:
                models.append(msgspec.structs.replace(model, fits=fits(model, gpu_memory())))
        return models

    @property
    def _list(self) -> str:
        return str(self._service.paths.models / "added.json")

    def added(self) -> list[Model]:
        """The files that a person added, as far as they are still there and good."""
        models = []
        for path in self._added_paths():
            with suppress(DocentError):  # it went away, or became another file; it may come back
                models.append(inspect_model(path, self._service.settings.integer("model.context")))
        return models

    def _added_paths(self) -> list[str]:
        try:
            with open(self._list, "rb") as stream:
                return msgspec.json.decode(stream.read(), type=list[str])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return []

    def add(self, path: str) -> Model:
        """Keep the file at ``path`` in the list of models. It is checked, and stays where it is.

        What is in the list by itself, in Docent's folder or as the starter model, is not noted.

        Raises:
            DocentError: the codes of ``inspect_model``; ``disk_full``, ``file_unwritable``.
        """
        model = self._service.inspect_model(os.path.abspath(os.path.expanduser(path)))
        if not model.starter and not self._is_own(model.path):
            self._note(model.path, listed=True)
        return msgspec.structs.replace(model, removal=self.removal(model.path))

    def _note(self, path: str, *, listed: bool) -> None:
        """Note that the file at ``path`` was added, or is so no more."""
        with self._listing:
            known = self._added_paths()
            if listed == (path in known):
                return
            known = [*known, path] if listed else [each for each in known if each != path]
            try:
                os.makedirs(os.path.dirname(self._list), exist_ok=True)
                part = f"{self._list}.new"
                with open(part, "wb") as stream:
                    stream.write(msgspec.json.encode(known))
                os.replace(part, self._list)
            except OSError as problem:
                raise _unwritable(problem, self._list) from problem

    # ------------------------------------------------------------ removed, and put back

    @property
    def _removed(self) -> Path:
        """Where removed models wait for a day: on the disk of the others, so that removing one copies nothing."""
        return self._service.paths.models / "removed"

    def sweep(self) -> None:
        """Delete what was removed more than a day ago."""
        removed_models.sweep(self._removed)

    def _is_own(self, path: str) -> bool:
        """Whether a file lies in Docent's own folder of models."""
        folder = self._service.paths.models.resolve()
        return path.lower().endswith(".gguf") and Path(path).parent.resolve().is_relative_to(folder)

    def removal(self, path: str) -> Literal["", "list", "file"]:
        """What goes where the model at ``path`` is removed: see ``Model``."""
        if path == str(starter_model()):
            return ""
        if self._is_own(path):
            return "file"
        return "list" if path in self._added_paths() else ""

    def remove(self, name: str, *, forever: bool = False) -> Gone:
        """Take a model off the list for a day. One in Docent's folder goes with all of its files, and with what was
        downloaded of it besides; the file of one that was added stays where it is.

        Args:
            name: of one in the list, its file's, or its path.
            forever: it is not kept for a day, but deleted at once.

        Raises:
            DocentError: ``model_missing``; ``model_shipped`` or ``model_not_added`` where it is not the person's to
                remove here; ``download_busy`` while it is being downloaded; ``disk_full``, ``file_unwritable``.
        """
        path = self._named(name)
        takes = self.removal(path)
        if not takes:
            is_starter = path == str(starter_model())
            raise DocentError(Code.MODEL_SHIPPED if is_starter else Code.MODEL_NOT_ADDED, path=path)
        for half in self._halves(path):
            self.discard(half.repo, half.file)
        settings = self._service.settings
        replaced = settings.text("model.path") == path
        removed = Removed(path=path, name=self._name(path), in_use=replaced)
        files = [file for file in removed_models.files_of(path) if takes == "file" and file.is_file()]
        size = sum(file.stat().st_size for file in files)
        kept = not forever and (takes == "list" or bool(files))  # else it was half a download
        if replaced:
            settings.update({"model.path": ""})
        try:
            self._take(removed, files, kept=kept)
        except DocentError:
            if replaced:
                settings.update({"model.path": path})
            raise
        return Gone(path=path if kept else "", name=removed.name, size=size, replaced=replaced)

    def _take(self, removed: Removed, files: Sequence[Path], *, kept: bool) -> None:
        try:
            if files:
                self._service.models.unload(removed.path)  # Windows moves no file that is in use
            if kept:
                removed_models.put_aside(self._removed, removed, with_files=bool(files))
            else:
                for file in files:
                    file.unlink()
        except OSError as problem:
            raise _unwritable(problem, removed.path) from problem
        self._note(removed.path, listed=False)
        folder = Path(removed.path).parent
        with suppress(OSError):  # the folders of owner and repository go when they are empty
            while files and folder != self._service.paths.models:
                folder.rmdir()
                folder = folder.parent

    def _named(self, name: str) -> str:
        """The path of the model to remove; it may be one that was added and whose file went away, or half a download.

        Raises:
            DocentError: ``model_missing``.
        """
        place = os.path.abspath(os.path.expanduser(name))
        halves = [downloads.target_of(self._service.paths.models, each.repo, each.file) for each in self.downloads()]
        gone = [Path(path) for path in self._added_paths() if not os.path.exists(path)]
        try:
            found = Path(self._service.find_model(place if os.path.isfile(place) else name))
        except DocentError:
            known = [each for each in (*gone, *halves) if place == str(each) or name in (each.name, each.stem)]
            if not known:
                raise
            found = known[0]
        return str(removed_models.files_of(str(found))[0])

    def _halves(self, path: str) -> list[Download]:
        """What was downloaded, and is not whole, of the model that has its place at ``path``."""
        models = self._service.paths.models
        return [each for each in self.downloads() if str(downloads.target_of(models, each.repo, each.file)) == path]

    def _name(self, path: str) -> str:
        try:
            return inspect_model(path).name
        except DocentError:  # its file went away, or is broken
            return Path(path).stem

    def put_back(self, name: str) -> str:
        """Undo :meth:`remove`; returns its place. It is in use again where it was, unless another was chosen since.

        Raises:
            DocentError: ``model_missing``, ``disk_full``, ``file_unwritable``.
        """
        found = removed_models.find(self._removed, os.path.expanduser(name))
        if found is None:
            raise DocentError(Code.MODEL_MISSING, path=name)
        folder, removed = found
        try:
            removed_models.put_back(folder, removed)
        except OSError as problem:
            raise _unwritable(problem, removed.path) from problem
        if not self._is_own(removed.path):
            self._note(removed.path, listed=True)
        settings = self._service.settings
        if removed.in_use and not settings.text("model.path"):
            settings.update({"model.path": removed.path})
        return removed.path

    def warn(self, model: object, report: Report) -> None:
        """Say once that a model which was just loaded does not run where it should."""
        if isinstance(model, ChatModel) and model.fell_back is not None:
            report(messages.Noted(code=model.fell_back.code, details=model.fell_back.details))
            model.fell_back = None

    # ------------------------------------------------------------ from the hub

    @property
    def _folder(self) -> Path:
        """Where downloads are kept until they are whole."""
        return self._service.paths.data / "downloads"

    def _offered(self) -> shelf.Offers:
        return shelf.Offers(offers=self.offers(), downloads=self.downloads(), memory_bytes=_memory())

    def offers(self) -> list[Offer]:
        """The catalogue, the smallest model first."""
        memory = _memory()
        entries = sorted(catalogue(), key=lambda entry: entry.size)
        fitting = [entry for entry in entries if _has(memory, entry)]
        models = self._service.paths.models
        return [
            Offer(
                key=entry.key,
                name=entry.name,
                repo=entry.repo,
                file=entry.file,
                size=entry.size,
                memory_gib=entry.memory_gib,
                licence=entry.licence,
                about=entry.about,
                fits=entry in fitting,
                recommended=bool(fitting) and entry is fitting[-1],
                installed=downloads.target_of(models, entry.repo, entry.file).is_file(),
            )
            for entry in entries
        ]

    def find_offer(self, name: str) -> tuple[str, str]:
        """Repository and file of an offer, by its key or its name.

        Raises:
            DocentError: ``download_unknown``.
        """
        for entry in catalogue():
            if name.lower() in (entry.key.lower(), entry.name.lower()):
                return entry.repo, entry.file
        raise DocentError(Code.DOWNLOAD_UNKNOWN, model=name)

    def downloads(self) -> list[Download]:
        """The one that runs, and those that can be gone on with."""
        now = self._now
        found = [] if now is None else [now]
        for folder in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            begun = downloads.read(folder)
            if begun is not None and (now is None or (now.repo, now.file) != (begun.repo, begun.file)):
                found.append(_shown(begun, Said(done=downloads.size(folder, begun), total=sum(begun.sizes))))
        return found

    def download(
        self, repo: str, file: str, hub: str = "", report: Report = ignore, cancelled: Cancelled = never
    ) -> Model:
        """Download a model, or go on with one that was begun; one that is there already is not fetched again.

        Args:
            hub: the address for this time, "" for the setting's.
            cancelled: true stops it at once; what is there is kept.

        Raises:
            DocentError: ``download_*``, ``disk_full``, ``file_unwritable``, ``cancelled``;
                ``model_*`` where it is no model that can answer: then it is not kept.
        """
        wanted = downloads.checked(repo, file)
        target = downloads.target_of(self._service.paths.models, wanted.repo, wanted.file)
        if target.is_file():
            return self._service.inspect_model(str(target))
        address = self._address(hub)
        if not self._turn.acquire(blocking=False):
            raise DocentError(Code.DOWNLOAD_BUSY, file=self._now.file if self._now else wanted.file)
        try:
            folder = downloads.folder_of(self._folder, wanted)
            begun = downloads.read(folder)
            if begun is None or (begun.repo, begun.file) != (wanted.repo, wanted.file):
                downloads.discard(folder)
                begun = wanted
            begun = msgspec.structs.replace(begun, hub=address)
            downloads.write(folder, begun)
            self._now = _shown(begun, Said(done=downloads.size(folder, begun), total=sum(begun.sizes)), running=True)
            self._fetch(folder, begun, report, cancelled)
            path = downloads.shelve(folder, begun, self._service.paths.models)
        except OSError as problem:
            raise _unwritable(problem, str(self._folder)) from problem
        finally:
            self._now = self._process = None
            self._turn.release()
        try:
            return self._service.inspect_model(str(path))
        except DocentError:
            for name in part_names(path.name):
                path.with_name(name).unlink(missing_ok=True)
            raise

    def _address(self, hub: str) -> str:
        try:
            return str(checked("model.hub", hub or self._service.settings.text("model.hub"))).rstrip("/")
        except DocentError as problem:
            raise DocentError(Code.DOWNLOAD_UNREACHABLE, address=hub) from problem

    def _fetch(self, folder: Path, begun: Begun, report: Report, cancelled: Cancelled) -> None:
        process = subprocess.Popen(
            _command(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**for_downloads(), "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._process = process
        ended = threading.Event()
        threading.Thread(target=_watch, args=(process, cancelled, ended), name="download", daemon=True).start()
        pace = _Pace()
        last = Said()
        assert process.stdout is not None
        try:
            for line in process.stdout:
                with suppress(msgspec.DecodeError):
                    last = msgspec.json.decode(line, type=Said)
                    if not last.code and not last.finished and pace.wants(last):
                        self._now = _shown(begun, last, running=True, pace=pace)
                        report(shelf.DownloadProgress(download=self._now))
        finally:
            ended.set()
            process.kill()
            process.communicate()
        if cancelled():
            raise DocentError(Code.CANCELLED)
        if last.code:
            raise DocentError(Code(last.code) if last.code in list(Code) else Code.DOWNLOAD_FAILED, **last.details)
        if not last.finished:
            raise DocentError(Code.DOWNLOAD_FAILED, said=f"its process ended with {process.returncode}")

    def discard(self, repo: str, file: str) -> None:
        """Throw away what was downloaded of a model that is not whole.

        Raises:
            DocentError: ``download_name_invalid``; ``download_busy`` for the one that runs.
        """
        wanted = downloads.checked(repo, file)
        if self._now is not None and (self._now.repo, self._now.file) == (wanted.repo, wanted.file):
            raise DocentError(Code.DOWNLOAD_BUSY, file=wanted.file)
        downloads.discard(downloads.folder_of(self._folder, wanted))

    def close(self) -> None:
        """Docent ends: what is being downloaded can be gone on with."""
        process = self._process
        if process is not None:
            process.kill()


class _Pace:
    """How fast a download is, and when to tell."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._told = -REPORTS
        self.speed: float | None = None

    def wants(self, said: Said) -> bool:
        """Take note of ``said``; whether it is to be told."""
        now = time.monotonic()
        self._seen.append((now, said.done))
        while now - self._seen[0][0] > LOOKED_BACK:
            self._seen.popleft()
        first, before = self._seen[0]
        self.speed = (said.done - before) / (now - first) if now - first >= 1.0 and not said.checking else None
        if now - self._told < REPORTS:
            return False
        self._told = now
        return True


def _shown(begun: Begun, said: Said, *, running: bool = False, pace: _Pace | None = None) -> Download:
    speed = None if pace is None else pace.speed
    name = next((entry.name for entry in catalogue() if (entry.repo, entry.file) == (begun.repo, begun.file)), "")
    return Download(
        repo=begun.repo,
        file=begun.file,
        name=name or begun.file.rpartition("/")[2],
        done=said.done,
        total=said.total,
        bytes_per_second=speed,
        seconds_left=(said.total - said.done) / speed if speed else None,
        checking=said.checking,
        running=running,
    )


def _unwritable(problem: OSError, path: str) -> DocentError:
    return DocentError(Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE, path=path)


def _memory() -> int:
    """Bytes that a model may take here: the computer's memory and that of its graphics processors."""
    return int(psutil.virtual_memory().total) + gpu_memory()


def _has(memory: int, entry: Entry) -> bool:
    return memory >= NEARLY * entry.memory_gib * 2**30


def _watch(process: subprocess.Popen[bytes], cancelled: Cancelled, ended: threading.Event) -> None:
    """End the process when the job is cancelled: what it wrote until then is kept."""
    while not ended.wait(0.1):
        if cancelled():
            process.kill()
            return


def _command(folder: Path) -> list[str]:
    """The command that downloads, in a checkout or in a frozen app."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "downloader", str(folder)]
    return [sys.executable, "-P", "-m", "assistant_app", "downloader", str(folder)]

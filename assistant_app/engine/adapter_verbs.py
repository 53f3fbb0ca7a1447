"""The verbs that belong to the shelf of adapters: add, convert, remove, put back, try, and lay several at once."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assistant_app.engine.known_files import KnownFiles
from assistant_app.engine.library_verbs import Cancelled, Report, ignore, never
from assistant_app.engine.model_keeper import NO_ADAPTER, default_adapter, hundredths
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.models.adapters import check_adapter, describe_adapter, inspect_adapter
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import STARTER_SHA256, starter_model
from assistant_app.models.peft_folder import WEIGHTS, convert, is_peft_folder
from assistant_app.models.probe import probe
from assistant_app.protocol import adapters, messages
from assistant_app.protocol.records import Adapter, AdapterCard, AnswerAdapter, Figures
from assistant_app.settings import DEFAULT_ADAPTER, checked, further_adapters_text
from assistant_app.training.job import read_card, write

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

MARKER = "adapter-in-hand"
"""A file beside the library that names the adapters that are being laid: see ``ModelKeeper.in_hand``."""

KEPT_SECONDS = 24 * 3600
"""For so long a removed adapter can be put back."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_ -]+")


class AdapterVerbs:
    """What :class:`Service` does with the files of adapters."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.known = KnownFiles(service.paths.data / "known-files.json")
        self._told: set[tuple[str, str]] = set()

    @property
    def folder(self) -> Path:
        """The shelf of the person's own adapters."""
        return self._service.paths.adapters

    @property
    def removed(self) -> Path:
        """Where removed adapters wait for a day, each in a folder of its own."""
        return self._service.paths.data / "removed-adapters"

    def answer(self, request: messages.Request, report: Report, cancelled: Cancelled) -> messages.Event:
        """Do what a request wants.

        Raises:
            DocentError: ``adapter_*``, ``model_*``, ``setting_invalid``, ``disk_full``, ``file_unwritable``,
                ``cancelled``.
        """
        match request:
            case adapters.AddAdapter(path=path):
                return self._shelved(self.add(path))
            case adapters.RemoveAdapter(path=path):
                return self._shelved(self.remove(path))
            case adapters.PutBackAdapter(path=path):
                return self._shelved(self.put_back(path))
            case adapters.LayAlso(path=path, scale=scale, anyway=anyway):
                return messages.Adapters(adapters=self.lay_also(path, scale, anyway=anyway))
            case adapters.ProbeAdapter(path=path):
                return messages.AdapterInspected(adapter=self.try_out(path, report, cancelled))
            case _:
                raise AssertionError(type(request))

    def _shelved(self, path: str) -> adapters.AdapterShelved:
        return adapters.AdapterShelved(path=path, adapters=self._service.list_adapters())

    # ------------------------------------------------------------ what is known of one

    def complete(self, adapter: Adapter, *, compute: bool = False) -> Adapter:
        """``adapter`` with its card, and what it is to the model in use.

        Args:
            compute: the model's hash, which takes a second for every two gigabytes the first time.
        """
        models = self._service.models
        fits = in_use = default = False
        same_base = found = None
        card = self.card(adapter.path)
        with suppress(DocentError):  # the model is missing, or the adapter does not fit it
            in_use = adapter.path == models.chosen_adapter()
            model = models.chosen_path()
            default = adapter.path == default_adapter(model)
            check_adapter(adapter.path, model)
            fits = True
            found = self.known.probe(adapter.path, model)
            same_base = self._is_base(card, model, compute=compute)
        return msgspec.structs.replace(
            adapter,
            fits=fits,
            in_use=in_use,
            default=default,
            card=card,
            own=self._is_own(adapter.path),
            same_base=same_base,
            also=models.further_adapters().get(adapter.path),
            probe=found,
        )

    def card(self, path: str) -> AdapterCard | None:
        """The card beside an adapter's file; null where there is none, or where it is another file's."""
        card = read_card(Path(path).with_suffix(".json"))
        try:
            if card is None or not card.adapter_hash or self.known.hash(path, compute=True) == card.adapter_hash:
                return card
        except DocentError:
            pass
        return None

    def laid(self) -> list[AnswerAdapter]:
        """Those that are laid over the model now, as an answer tells of them."""
        found = []
        for path, scale in self._service.models.laid.items():
            file = name = Path(path).stem
            with suppress(DocentError):  # the file went away: it was read all the same
                name = inspect_adapter(path).name
            card = self.card(path)
            found.append(AnswerAdapter(file=file, name=name, version=card.version if card else 1, scale=scale))
        return found

    def _is_own(self, path: str) -> bool:
        return Path(path).resolve().is_relative_to(self.folder.resolve())

    def _is_base(self, card: AdapterCard | None, model: str, *, compute: bool) -> bool | None:
        """Whether ``model`` is the file that the adapter was trained on; null where that is not known."""
        if card is None or not card.base_hash:
            return None
        is_starter = False
        with suppress(DocentError):
            is_starter = model == str(starter_model())  # whose hash was compared then
        found = STARTER_SHA256 if is_starter else self.known.hash(model, compute=compute)
        return found == card.base_hash if found else None

    def check_base(self, path: str, *, anyway: bool = False) -> None:
        """Refuse an adapter whose card names another base than the model in use; ``anyway`` accepts it from now on.

        Raises:
            DocentError: ``adapter_other_base``, ``model_*``, ``file_unreadable``.
        """
        model = self._service.models.chosen_path()
        problem = self._other_base(path, model)
        if problem is None:
            return
        if not anyway:
            raise problem
        self.known.accept(path, model)

    def _other_base(self, path: str, model: str) -> DocentError | None:
        card = self.card(path)
        if card is None or self._is_base(card, model, compute=True) is not False or self.known.is_accepted(path, model):
            return None
        base = f"{card.base_name}, {card.base_hash[:12]}…"
        return DocentError(Code.ADAPTER_OTHER_BASE, path=path, base=base)

    def warn(self, model: str, report: Report) -> None:
        """Say, once for each, which of the adapters that are laid over ``model`` were trained on another."""
        for path in self._service.models.laid:
            if (path, model) not in self._told:
                self._told.add((path, model))
                with suppress(DocentError):  # the file went away: it was read all the same
                    problem = self._other_base(path, model)
                    if problem is not None:
                        report(messages.Noted(code=problem.code, details=problem.details))

    def try_out(self, name: str, report: Report = ignore, cancelled: Cancelled = never) -> Adapter:
        """Show whether an adapter does anything over the model in use, and remember it.

        Raises:
            DocentError: ``adapter_*``, ``model_*``, ``generation_failed``, ``cancelled``.
        """
        service = self._service
        path = service.find_adapter(name)
        model = service.models.chosen_path()
        check_adapter(path, model)
        if self.known.probe(path, model) is None:
            loading = hundredths(lambda name, done: report(messages.ModelLoading(name=name, fraction=done)), cancelled)
            with (
                service.right_of_way(),
                service.models.use(path=model, adapter=NO_ADAPTER, on_progress=loading) as (loaded, _),
                service.models.in_hand([path]),
            ):
                assert isinstance(loaded, ChatModel)  # a path was named: no server answers
                self.known.keep_probe(path, model, probe(loaded, path))
        return self.complete(inspect_adapter(path), compute=True)

    # ------------------------------------------------------------ after a death

    def recover(self) -> DocentError | None:
        """What an engine left that died while an adapter was being laid: this one does without, and says so.

        Also takes away what was removed more than a day ago.
        """
        self._sweep()
        marker = self._service.paths.data / MARKER
        try:
            paths = [os.fsdecode(each) for each in marker.read_bytes().split(b"\0") if each]
            marker.unlink()
        except OSError:
            return None
        if not paths:
            return None
        settings, models = self._service.settings, self._service.models
        changes: dict[str, object] = {}
        with suppress(DocentError):
            if models.chosen_adapter() in paths:
                changes["adapter.enabled"] = False
            others = {path: scale for path, scale in models.further_adapters().items() if path not in paths}
            if others != models.further_adapters():
                changes["adapter.also"] = further_adapters_text(others)
            if changes:
                settings.update(changes)
        return DocentError(Code.ADAPTER_ENDED_ENGINE, path=paths[0])

    def _sweep(self) -> None:
        for folder in self.removed.glob("*"):
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                    shutil.rmtree(folder)

    # ------------------------------------------------------------ the shelf

    def add(self, source: str) -> str:
        """Put a copy of an adapter on the shelf; one that is there already is not put there twice.

        Args:
            source: a GGUF, or a PEFT folder, which is converted for the model in use.

        Returns:
            Its place.

        Raises:
            DocentError: ``adapter_*``, ``model_*``, ``disk_full``, ``file_unwritable``.
        """
        place = Path(os.path.abspath(os.path.expanduser(source)))
        if place.name == WEIGHTS:
            place = place.parent
        try:
            self._service.paths.data.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".adding-", dir=self._service.paths.data) as folder:
                file = Path(folder) / "adapter.gguf"
                base_name = ""
                if place.is_dir():
                    if not is_peft_folder(place):
                        said = f"{WEIGHTS} is not in it"
                        raise DocentError(Code.ADAPTER_FOLDER_UNSUPPORTED, path=str(place), said=said)
                    base_name = convert(place, self._service.models.chosen_path(), file).base_name
                else:
                    inspect_adapter(place)
                    shutil.copyfile(place, file)
                    describe_adapter(file)  # what was copied is what stays
                return self._shelve_copy(file, place, base_name)
        except OSError as problem:
            raise _unwritable(problem, self.folder) from problem

    def _shelve_copy(self, file: Path, source: Path, base_name: str) -> str:
        digest = self.known.hash(str(file), compute=True)
        for adapter in self._service.list_adapters():
            if adapter.own and self.known.hash(adapter.path, compute=True) == digest:
                return adapter.path
        card = read_card(source.with_suffix(".json")) if source.is_file() else None
        if card is None or card.adapter_hash != digest:
            about = describe_adapter(file)
            stem = source.stem if source.is_file() else source.name
            card = AdapterCard(
                name=about.name or stem,
                version=1,
                format="text",
                base_name=about.base_name or base_name,
                base_hash="",
                architecture=about.architecture,
                adapter_hash=digest,
                data_hash="",
                examples=0,
                held_out=0,
                settings={},
                base=Figures(examples=0),
                adapter=Figures(examples=0),
                better=False,
                licence=about.licence,
                about=about.task,
                source=about.url or source.name,
            )
        return self.shelve(file, card)[0]

    def shelve(self, file: Path, card: AdapterCard) -> tuple[str, AdapterCard]:
        """Move a file and its card to the shelf, under a version that is free; returns its place and the card.

        Raises:
            DocentError: ``disk_full`` or ``file_unwritable``.
        """
        slug = slug_of(card.name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            version, place = 1, self.folder / f"{slug}.gguf"
            while place.exists() or place.with_suffix(".json").exists():
                version += 1
                place = self.folder / f"{slug}-v{version}.gguf"
            card = msgspec.structs.replace(card, version=version)
            write(place.with_suffix(".json"), card)
            shutil.move(file, place)
        except OSError as problem:
            raise _unwritable(problem, self.folder) from problem
        return str(place), card

    def remove(self, name: str) -> str:
        """Take an adapter of the person's own off the shelf for a day; returns what :meth:`put_back` is told.

        Raises:
            DocentError: ``adapter_missing``, ``adapter_not_own``, ``disk_full``, ``file_unwritable``.
        """
        path = self._service.find_adapter(name)
        if not os.path.isfile(path):
            raise DocentError(Code.ADAPTER_MISSING, path=path)
        if not self._is_own(path):
            raise DocentError(Code.ADAPTER_NOT_OWN, path=path)
        settings, models = self._service.settings, self._service.models
        changes: dict[str, object] = {}
        if settings.text("adapter.path") == path:
            changes["adapter.path"] = DEFAULT_ADAPTER
        others = models.further_adapters()
        if others.pop(path, None) is not None:
            changes["adapter.also"] = further_adapters_text(others)
        if changes:
            settings.update(changes)
        try:
            self.removed.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="", dir=self.removed))
            for each in (Path(path), Path(path).with_suffix(".json")):
                if each.exists():
                    shutil.move(each, folder / each.name)
        except OSError as problem:
            raise _unwritable(problem, self.removed) from problem
        return str(folder / Path(path).name)

    def put_back(self, name: str) -> str:
        """Undo :meth:`remove`; returns its place, which is the one before where that is free.

        Raises:
            DocentError: ``adapter_missing``, ``disk_full``, ``file_unwritable``.
        """
        found = sorted(self.removed.glob("*/*.gguf"), key=lambda each: each.parent.stat().st_mtime)
        for path in reversed(found):
            if name in (str(path), path.name, path.stem):
                break
        else:
            raise DocentError(Code.ADAPTER_MISSING, path=name)
        place = self.folder / path.name
        card = read_card(path.with_suffix(".json"))
        if card is not None and (place.exists() or place.with_suffix(".json").exists()):
            place = Path(self.shelve(path, card)[0])
        else:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                while place.exists():
                    place = place.with_stem(f"{place.stem}-again")
                if card is not None:
                    shutil.move(path.with_suffix(".json"), place.with_suffix(".json"))
                shutil.move(path, place)
            except OSError as problem:
                raise _unwritable(problem, self.folder) from problem
        shutil.rmtree(path.parent, ignore_errors=True)
        return str(place)

    def lay_also(self, name: str, scale: float, *, anyway: bool = False) -> list[Adapter]:
        """Lay an adapter besides the one in use from the next question on; a scale of 0 takes it away.

        Raises:
            DocentError: ``adapter_*``, ``model_*``, ``setting_invalid``.
        """
        models = self._service.models
        others = models.further_adapters()
        checked("adapter.scale", scale)
        if scale == 0.0:
            path = name if name in others else self._service.find_adapter(name)
            others.pop(path, None)
        else:
            path = self._service.find_adapter(name)
            check_adapter(path, models.chosen_path())
            self.check_base(path, anyway=anyway)
            others[path] = scale
        self._service.settings.update({"adapter.also": further_adapters_text(others)})
        return self._service.list_adapters()


def slug_of(name: str) -> str:
    """A name as its file has it."""
    return re.sub(r"\s+", "-", _NOT_IN_A_NAME.sub("-", name)[:60].strip(" -").lower()) or "adapter"


def _unwritable(problem: OSError, folder: Path) -> DocentError:
    return DocentError(Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE, path=str(folder))

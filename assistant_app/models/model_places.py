"""Models that other programs keep on this computer: where their folders are, and which files there can answer.

Nothing is copied, moved or written. A place is looked through within limits, because it is somebody else's folder: it
may be a network drive, or the whole disk.
"""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from assistant_app.errors import DocentError
from assistant_app.models.model_files import inspect_model, is_later_part, part_names
from assistant_app.protocol.records import Model

Layout = Literal["folder", "ollama"]
"""``folder``: GGUF files somewhere below; ``ollama``: manifests that name blobs by their digest."""

MOST_ENTRIES = 20_000
"""Files and folders of one place that are looked at."""

DEEPEST = 8
"""Folders below a place that are opened; the Hugging Face cache has its files 3 below, LM Studio 2."""

MOST_MODELS = 200
"""Files of one place whose header is read."""

LARGEST_TEXT = 1_000_000
"""Bytes of another program's settings or manifest; a larger one is none."""

_MODEL_LAYER = "application/vnd.ollama.image.model"


class Place(NamedTuple):
    """A folder in which the program ``name`` keeps models."""

    name: str
    folder: Path
    layout: Layout = "folder"


class _Layer(msgspec.Struct):
    digest: str
    mediaType: str = ""


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


class _Studio(msgspec.Struct):
    downloadsFolder: str = ""


def places(
    environment: Mapping[str, str] | None = None, home: Path | None = None, system: str | None = None
) -> list[Place]:
    """The folders of LM Studio, GPT4All, Jan, Ollama, llama.cpp and Hugging Face, whether they are there or not.

    Each program's own variables (``OLLAMA_MODELS``, ``LLAMA_CACHE``, ``HF_HUB_CACHE``, ``HF_HOME``) and the system's
    (XDG, ``APPDATA``) say where they are moved to.

    Args:
        environment, home, system: of this process and computer; ``system`` as ``platform.system()`` has it.
    """
    environ = os.environ if environment is None else environment
    home = home or Path.home()
    base = _Bases.of(environ, home, system or platform.system())
    hub = environ.get("HF_HOME")
    found = [
        *(Place("LM Studio", folder) for folder in _studio(home)),
        Place("GPT4All", base.data / "nomic.ai" / "GPT4All"),
        Place("GPT4All", home / ".cache" / "gpt4all"),  # of its Python library, on every system
        # Jan moved its files about: newer versions first.
        *(
            Place("Jan", root / "Jan" / "data" / below)
            for root in (base.config, base.data)
            for below in ("llamacpp/models", "models")
        ),
        Place("Jan", home / "jan" / "models"),
        *(Place("Ollama", folder, "ollama") for folder in _ollama_folders(environ, home)),
        Place("llama.cpp", Path(environ.get("LLAMA_CACHE") or base.cache / "llama.cpp")),
        Place(
            "Hugging Face",
            Path(
                environ.get("HF_HUB_CACHE")
                or environ.get("HUGGINGFACE_HUB_CACHE")
                or (Path(hub) if hub else Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "huggingface")
                / "hub"
            ),
        ),
    ]
    return list(dict.fromkeys(place._replace(folder=place.folder.expanduser().absolute()) for place in found))


class _Bases(NamedTuple):
    """Where programs of a person keep their data, settings and caches."""

    data: Path
    config: Path
    cache: Path

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path, system: str) -> _Bases:
        if system == "Windows":
            local = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
            return cls(local, Path(environ.get("APPDATA") or home / "AppData" / "Roaming"), local)
        if system == "Darwin":
            support = home / "Library" / "Application Support"
            return cls(support, support, home / "Library" / "Caches")
        return cls(
            Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share"),
            Path(environ.get("XDG_CONFIG_HOME") or home / ".config"),
            Path(environ.get("XDG_CACHE_HOME") or home / ".cache"),
        )


def _studio(home: Path) -> list[Path]:
    """LM Studio's folders: the one its pointer and its settings name, and those of its versions."""
    named = _text(home / ".lmstudio-home-pointer").strip()
    root = Path(named) if named else home / ".lmstudio"
    folders = [root / "models", home / ".cache" / "lm-studio" / "models"]
    with suppress(msgspec.MsgspecError):
        chosen = msgspec.json.decode(_text(root / "settings.json") or "{}", type=_Studio).downloadsFolder
        if chosen:
            folders.insert(0, Path(chosen))
    return folders


def _ollama_folders(environ: Mapping[str, str], home: Path) -> list[Path]:
    """The one that its variable names; else a person's own, and that of the system's service."""
    if chosen := environ.get("OLLAMA_MODELS"):
        return [Path(chosen)]
    return [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]


def _text(path: Path) -> str:
    """What a small file holds; "" for one that is not there, cannot be read, or is large."""
    try:
        if path.stat().st_size > LARGEST_TEXT:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


# ---------------------------------------------------------------- what is in them


def find_models(where: Sequence[Place], context: int = 4096) -> Iterator[Model]:
    """The chat models in these places, each once, with the place's name; what is none or is broken is left out.

    A file under several names (links into the Hugging Face cache) is given under the first.
    """
    seen: set[str] = set()
    for place in where:
        files = _ollama(place.folder) if place.layout == "ollama" else _folder(place.folder)
        for count, (path, name) in enumerate(files):
            if count >= MOST_MODELS:
                break
            real = os.path.realpath(path)
            if real in seen:
                continue
            seen.add(real)
            model = _inspected(path, context)
            if model is not None:
                yield msgspec.structs.replace(model, place=place.name, name=name or model.name)


def _inspected(path: Path, context: int) -> Model | None:
    try:
        status = path.stat()
    except OSError:
        return None
    if len(part_names(path.name)) > 1:  # it is whole only while its other parts are
        return _inspect(str(path), context)
    return _remembered(str(path), context, status.st_mtime_ns, status.st_size)


def _inspect(path: str, context: int) -> Model | None:
    try:
        return inspect_model(path, context)
    except DocentError:
        return None


@functools.lru_cache(maxsize=1000)
def _remembered(path: str, context: int, _changed: int, _size: int) -> Model | None:
    """Reading a large vocabulary takes a quarter of a second: once while the file is the same."""
    return _inspect(path, context)


def _folder(folder: Path) -> Iterator[tuple[Path, str]]:
    """GGUF files below ``folder``, first parts only, sorted; linked folders are not followed."""
    left = MOST_ENTRIES
    for root, below, files in os.walk(folder):
        below.sort()
        left -= len(below) + len(files)
        if left < 0:
            return
        if len(Path(root).relative_to(folder).parts) >= DEEPEST:
            below.clear()
        for name in sorted(files):
            if name.lower().endswith(".gguf") and not is_later_part(name):
                yield Path(root, name), ""


def _ollama(folder: Path) -> Iterator[tuple[Path, str]]:
    """The model blobs that Ollama's manifests name, with the name that Ollama knows them by."""
    manifests = folder / "manifests"
    left = MOST_ENTRIES
    for root, below, files in os.walk(manifests):
        below.sort()
        left -= len(below) + len(files)
        if left < 0:
            return
        for tag in sorted(files):
            try:
                manifest = msgspec.json.decode(_text(Path(root, tag)) or "{}", type=_Manifest)
            except msgspec.MsgspecError:
                continue
            # manifests/registry.ollama.ai/library/NAME/TAG; others than "library" belong to the name.
            owner = Path(root).relative_to(manifests).parts[1:]
            name = "/".join(part for part in owner if part != "library")
            for layer in manifest.layers:
                if layer.mediaType == _MODEL_LAYER and _is_digest(layer.digest):
                    yield folder / "blobs" / layer.digest.replace(":", "-"), f"{name}:{tag}"


def _is_digest(text: str) -> bool:
    """A digest becomes a file's name: nothing else may."""
    kind, _, number = text.partition(":")
    return kind == "sha256" and len(number) == 64 and number.isalnum()

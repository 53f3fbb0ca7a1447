"""How this installation is: versions, devices, offline state, models, the library's integrity."""

from __future__ import annotations

import platform
import sqlite3
from importlib import metadata
from typing import TYPE_CHECKING

import msgspec

import assistant_app
from assistant_app.engine.backends import backends
from assistant_app.engine.offline import is_offline
from assistant_app.errors import DocentError
from assistant_app.library.repair import vectors_agree
from assistant_app.models.chat_model import devices
from assistant_app.models.model_files import inspect_model

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

PACKAGES = (
    "chromadb",
    "llama-cpp-python",
    "PySide6-Essentials",
    "pypdf",
    "pypdfium2",
    "sentence-transformers",
    "torch",
)


def report(service: Service, repaired: int | None) -> dict[str, object]:
    """One object for ``doctor --json``; ``problems`` names the codes of what is wrong, empty where all is well.

    Args:
        repaired: passages that were embedded again by a repair; null where none was asked for.
    """
    problems = [problem.code.value for problem in service.settings.problems]
    library, library_problem = _library(service)
    model, model_problem = _model(service)
    identity, embedder_problem = _embedder(service)
    found = (embedder_problem, library_problem, model_problem)
    problems = list(dict.fromkeys([*problems, *(problem for problem in found if problem)]))
    return {
        "docent": assistant_app.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": [msgspec.to_builtins(device) for device in devices()],
        "backends": [msgspec.to_builtins(backend) for backend in backends()],
        "offline": is_offline(),
        "embedder": identity,
        "model": model,
        "adapter": service.models.chosen_adapter(),
        "library": library,
        "repaired": repaired,
        "problems": problems,
        "ok": not problems,
    }


def _embedder(service: Service) -> tuple[str | None, str | None]:
    try:
        return service.embedder.identity, None
    except DocentError as error:
        return None, error.code.value


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _library(service: Service) -> tuple[dict[str, object], str | None]:
    sound = service.catalog.is_sound()
    problem = None if sound else "library_damaged"
    counts: dict[str, int] = {}
    vectors: int | None = None
    agree = False
    try:
        counts = service.catalog.counts()
        vectors = service.vectors.count()
        agree = vectors_agree(service.catalog, service.vectors, service.embedder)
    except DocentError as error:
        problem = error.code.value
    if not agree and problem is None:
        problem = "vectors_disagree"
    state: dict[str, object] = {
        "path": str(service.paths.library),
        "sound": sound,
        "agrees": agree,
        "vectors": vectors,
        **counts,
    }
    return state, problem


def _model(service: Service) -> tuple[dict[str, object] | None, str | None]:
    try:
        model = inspect_model(service.models.chosen_path(), service.settings.integer("model.context"))
    except DocentError as error:
        return None, error.code.value
    return msgspec.to_builtins(model), None

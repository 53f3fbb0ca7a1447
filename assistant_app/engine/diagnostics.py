"""A file for a bug report: versions, settings, what the last questions took, the log. No text, no name of anything.

Everything in it is chosen, nothing is left out afterwards: what is not named here does not get in.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.settings import DECLARATIONS

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

LOG_LINES = 400
"""Lines of the log, the last ones."""

_PLACES = ("model.path", "adapter.path", "library.embedder", "library.reranker")
"""Settings that name a file or folder: only its last part is told."""
_HIDDEN = ("model.server", "model.server_model", "library.chroma_server")
"""Settings of which only is told whether they are set."""

_HEAD = re.compile(r"(\d{4}-\d\d-\d\d [\d:,]+) ([A-Z]+) (docent[\w.]*) (.*)")
_FRAME = re.compile(r'\s*File "(?P<path>[^"]*)", line (?P<line>\d+), in (?P<function>[\w<>.]+)')
_RAISED = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Timeout|Problem))(?::.*)?")
_OUR_WORDS = (
    "an errand failed",
    "nobody listens any more",
    "a request that makes no sense",
    "warming up",
)
_JOB_FAILED = re.compile(r"job [A-Z][A-Za-z]{1,40} failed")


def save(service: Service, path: str) -> None:
    """Write the file.

    Raises:
        DocentError: ``file_unwritable`` or ``disk_full``.
    """
    target = Path(path).expanduser().absolute()
    try:
        target.write_bytes(msgspec.json.format(msgspec.json.encode(collect(service)), indent=2) + b"\n")
    except OSError as error:
        code = Code.DISK_FULL if is_disk_full(error) else Code.FILE_UNWRITABLE
        raise DocentError(code, path=str(target)) from error


def collect(service: Service) -> dict[str, object]:
    """What stands in the file."""
    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "installation": _installation(service),
        "settings": _settings(service),
        "questions": list(service.talk.timings),
        "log": _log(service.paths.logs / "engine.log"),
    }


def _installation(service: Service) -> dict[str, object]:
    """The doctor's report without paths, and without names but the model's."""
    report = service.examine()
    kept = ("docent", "python", "system", "sqlite", "packages", "devices", "offline", "embedder", "problems", "ok")
    library, model, adapter = report["library"], report["model"], report["adapter"]
    return {
        **{key: report[key] for key in kept if key in report},
        "library": {key: value for key, value in library.items() if isinstance(value, int | None)}
        if isinstance(library, dict)
        else None,
        "model": {**model, "path": Path(str(model["path"])).name} if isinstance(model, dict) else None,
        "adapter": Path(adapter).name if isinstance(adapter, str) else None,
    }


def _settings(service: Service) -> dict[str, object]:
    found: dict[str, object] = {}
    for declared in DECLARATIONS:
        value = service.settings[declared.key]
        if declared.key in _HIDDEN:
            found[declared.key] = "set" if value else ""
        elif declared.key in _PLACES:
            found[declared.key] = Path(str(value)).name
        elif isinstance(value, str) and not declared.choices:
            found[declared.key] = "set" if value else ""  # a setting that nobody has thought of here
        else:
            found[declared.key] = value
    return found


def _log(file: Path) -> list[str]:
    """What is known to be ours of the log's last lines: times, our own words, where in the program, kinds of errors."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        return []
    kept = (_log_line(line) for line in lines)
    return [line for line in kept if line]


def _log_line(line: str) -> str:
    if head := _HEAD.fullmatch(line):
        when, level, who, said = head.groups()
        ours = _JOB_FAILED.fullmatch(said) or next((words for words in _OUR_WORDS if said.startswith(words)), None)
        code = next((code.value for code in Code if f" {code.value}" in said), "")
        words = (ours if isinstance(ours, str) else ours[0]) if ours else "…"
        return " ".join(filter(None, (when, level, who, words, code)))
    if frame := _FRAME.match(line):
        # Of a file that is no part of a program only its place in the program is told.
        parts = Path(frame["path"].replace("\\", "/")).parts
        known = next((place for place, part in enumerate(parts) if part in ("assistant_app", "site-packages")), None)
        name = "/".join(parts[known:]) if known is not None else "…"
        return f"  {name}:{frame['line']} {frame['function']}"
    if raised := _RAISED.fullmatch(line):
        return f"  {raised[1]}"
    return ""

"""Every setting, declared once: key, type, default, limits.

The dialog, the command line and the documentation read these declarations. A key that is not declared is refused. The
file is TOML, in the platform's configuration folder; it holds only what the person changed.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from assistant_app.errors import Code, DocentError, is_disk_full

Value = str | int | float | bool


@dataclass(frozen=True)
class Declaration:
    """One setting.

    Attributes:
        key: ``section.name``, as in the TOML file.
        default: its value when the person said nothing; its type is the setting's type.
        label: its name in the window (English; translated at the edge).
        help: one sentence on what it does.
        choices: the allowed values of a text setting, if they are limited.
        minimum, maximum: the limits of a number, both allowed.
        pattern: what a text must match as a whole, if it is limited so.
    """

    key: str
    default: Value
    label: str
    help: str
    choices: tuple[str, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf
    pattern: str = ""


DEFAULT_ADAPTER = "default"
"""As the adapter's path: the one that comes with the model that answers, if there is one."""

DECLARATIONS: tuple[Declaration, ...] = (
    Declaration("model.path", "", "Model", "The GGUF file that answers. Empty: the starter model."),
    Declaration(
        "model.device",
        "auto",
        "Device",
        "Where the model runs. Auto takes the graphics processor if this build of llama.cpp has one.",
        choices=("auto", "cpu", "gpu"),
    ),
    Declaration(
        "model.gpu_layers",
        -1,
        "GPU layers",
        "How many layers go to the graphics processor. -1: as many as fit its free memory.",
        minimum=-1,
        maximum=1000,
    ),
    Declaration(
        "model.context",
        4096,
        "Context length",
        "How many tokens the prompt and the answer may take together. 0: what the model was trained for.",
        minimum=0,
        maximum=1_048_576,
    ),
    Declaration(
        "model.threads",
        0,
        "Threads",
        "Processor threads used for answering. 0: chosen by itself.",
        minimum=0,
        maximum=512,
    ),
    Declaration(
        "model.unload_minutes",
        15,
        "Unload after",
        "Minutes without a question after which the model leaves memory. 0: never. It comes back by itself.",
        minimum=0,
        maximum=1440,
    ),
    Declaration(
        "adapter.path",
        DEFAULT_ADAPTER,
        "Adapter",
        "The LoRA adapter (GGUF) laid over the model. default: the one that comes with the model. Empty: none.",
    ),
    Declaration("adapter.enabled", True, "Use the adapter", "Switches the adapter on and off without forgetting it."),
    Declaration(
        "adapter.scale",
        1.0,
        "Scale",
        "How strongly the adapter acts: 0 is the base model, 1 is as trained.",
        minimum=0.0,
        maximum=4.0,
    ),
    Declaration(
        "adapter.also",
        "",
        "Further adapters",
        "Laid over the model besides the adapter, each with its own scale: one line PATH=SCALE for each.",
        pattern=r"(?:[^\n]+=[0-4](?:\.[0-9]{1,4})?(?:\n[^\n]+=[0-4](?:\.[0-9]{1,4})?)*)?",
    ),
    Declaration(
        "answer.passages",
        6,
        "Passages",
        "How many passages of the documents the model is given.",
        minimum=1,
        maximum=40,
    ),
    Declaration("answer.max_tokens", 400, "Answer length", "The longest answer, in tokens.", minimum=16, maximum=8192),
    Declaration(
        "answer.temperature",
        0.0,
        "Temperature",
        "0 always gives the same answer; higher values vary it.",
        minimum=0.0,
        maximum=2.0,
    ),
    Declaration(
        "answer.mode",
        "written",
        "Answers",
        "Written by the model, or exact: made of sentences of the documents, never rephrased.",
        choices=("written", "exact"),
    ),
    Declaration(
        "answer.general_knowledge",
        False,
        "General knowledge",
        "Where the documents do not hold the answer, the model may answer from what it knows by itself. Such answers "
        "are marked.",
    ),
    Declaration(
        "model.hub",
        "https://huggingface.co",
        "Download from",
        "Address of the Hugging Face hub, or of a mirror of it. It is asked only when you download a model.",
        pattern=r"https?://[^\s/]+(?:/[^\s]*)?",
    ),
    Declaration(
        "model.server",
        "",
        "Answering server",
        "Address of an OpenAI-compatible server (http://host:8080/v1) that answers in place of the model. Questions "
        "and passages are sent to it. Empty: nothing leaves this computer.",
        pattern=r"(?:https?://[^\s/]+(?:/[^\s]*)?)?",
    ),
    Declaration(
        "model.server_model", "", "Model on the server", "Its name there. Empty: the first that the server lists."
    ),
    Declaration(
        "library.embedder",
        "",
        "Embedding model",
        "Folder of a sentence-transformers model. Empty: the built-in one (English). The library is embedded anew in "
        "the background.",
    ),
    Declaration(
        "library.reranker",
        "",
        "Reranker",
        "Folder of a sentence-transformers CrossEncoder, which sorts the best passages again. Empty: none.",
    ),
    Declaration(
        "library.ocr",
        True,
        "Recognise text in scans",
        "Pages that are pictures are read by text recognition (OCR), if it is installed. It takes seconds a page.",
    ),
    Declaration(
        "library.chroma_server",
        "",
        "Chroma server",
        "Address of a Chroma server (http://host:8000) that keeps the vectors. Empty: they are kept on this computer.",
        pattern=r"(?:https?://[^\s/]+/?)?",
    ),
    Declaration(
        "window.theme",
        "system",
        "Appearance",
        "Light, dark, or as the system has it.",
        choices=("system", "light", "dark"),
    ),
)

_BY_KEY = {declaration.key: declaration for declaration in DECLARATIONS}


def further_adapters(text: str) -> dict[str, float]:
    """The setting ``adapter.also``: path to scale, in the order in which they are laid."""
    lines = (line.rpartition("=") for line in text.split("\n") if line)
    return {path: float(scale) for path, _, scale in lines}


def further_adapters_text(chosen: Mapping[str, float]) -> str:
    """Undoes :func:`further_adapters`."""
    return "\n".join(f"{path}={round(scale, 4):g}" for path, scale in chosen.items())


def declaration(key: str) -> Declaration:
    """The declaration of ``key``.

    Raises:
        DocentError: ``setting_unknown``.
    """
    try:
        return _BY_KEY[key]
    except KeyError:
        raise DocentError(Code.SETTING_UNKNOWN, key=key) from None


def checked(key: str, value: object) -> Value:
    """``value`` as the setting's type, within its limits.

    Raises:
        DocentError: ``setting_unknown`` or ``setting_invalid``.
    """
    declared = declaration(key)
    kind = type(declared.default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    good = type(value) is kind
    if good and isinstance(value, str) and declared.choices:
        good = value in declared.choices
    if good and isinstance(value, str) and declared.pattern:
        good = re.fullmatch(declared.pattern, value) is not None
    if good and isinstance(value, (int, float)) and not isinstance(value, bool):
        good = math.isfinite(value) and declared.minimum <= value <= declared.maximum
    if not good or not isinstance(value, (str, int, float, bool)):
        raise DocentError(Code.SETTING_INVALID, key=key, value=str(value)[:200])
    return value


class Settings:
    """The settings of one installation, read from and written to one TOML file."""

    def __init__(self, path: Path) -> None:
        """Reads ``path`` if it is there.

        A file that cannot be read as TOML, or holds values that are not allowed, does not stop Docent: what is good in
        it is used, and :attr:`problems` names the rest.
        """
        self._path = path
        self._values: dict[str, Value] = {}
        self.problems: list[DocentError] = []
        self._updating = threading.Lock()
        self.reload()

    def reload(self) -> None:
        """Read the file again, because another process may have changed it."""
        # Others read meanwhile: what was known holds until all is read.
        self._values, self.problems = self._read()

    def _read(self) -> tuple[dict[str, Value], list[DocentError]]:
        values: dict[str, Value] = {}
        problems: list[DocentError] = []
        try:
            tree = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            tree = {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return {}, [DocentError(Code.SETTINGS_DAMAGED, path=str(self._path))]
        for section, entries in tree.items():
            named = entries if isinstance(entries, Mapping) else {"": entries}
            for name, value in named.items():
                key = f"{section}.{name}" if name else section
                try:
                    values[key] = checked(key, value)
                except DocentError as problem:
                    problems.append(problem)
        return values, problems

    def __getitem__(self, key: str) -> Value:
        declared = declaration(key)
        return self._values.get(key, declared.default)

    def text(self, key: str) -> str:
        return str(self[key])

    def integer(self, key: str) -> int:
        return int(self[key])

    def number(self, key: str) -> float:
        return float(self[key])

    def flag(self, key: str) -> bool:
        return bool(self[key])

    def as_dict(self) -> dict[str, Value]:
        """Every declared setting with its value now."""
        return {declared.key: self[declared.key] for declared in DECLARATIONS}

    def update(self, changes: Mapping[str, object]) -> None:
        """Check ``changes``, then write them: all of them or none.

        The file is read again first, so that what another process wrote is kept, and replaced in one step, so that a
        power cut leaves the old file or the new one. A file that could not be read is kept beside as ``.damaged``.

        Raises:
            DocentError: ``setting_unknown``, ``setting_invalid``, ``disk_full`` or ``library_unwritable``.
        """
        good = {key: checked(key, value) for key, value in changes.items()}
        with self._updating:
            self._update(good)

    def _update(self, good: Mapping[str, Value]) -> None:
        self.reload()
        damaged = any(problem.code is Code.SETTINGS_DAMAGED for problem in self.problems)
        values = {**self._values, **good}
        tree: dict[str, dict[str, Value]] = {}
        for declared in DECLARATIONS:
            if declared.key in values and values[declared.key] != declared.default:
                section, name = declared.key.split(".", 1)
                tree.setdefault(section, {})[name] = values[declared.key]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if damaged:
                os.replace(self._path, self._path.with_suffix(".damaged"))
            self._replace(tomli_w.dumps(tree))
        except OSError as error:
            code = Code.DISK_FULL if is_disk_full(error) else Code.LIBRARY_UNWRITABLE
            raise DocentError(code, path=str(self._path)) from error
        self._values = values

    def _replace(self, content: str) -> None:
        """Write the whole file anew; where that fails the old one stands, and nothing half-written is left."""
        stream = tempfile.NamedTemporaryFile(  # noqa: SIM115 -- closed below, and kept under another name
            "wb", dir=self._path.parent, prefix=".settings-", delete=False
        )
        try:
            with stream:
                stream.write(content.encode())
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(stream.name, self._path)
        except OSError:
            os.unlink(stream.name)
            raise

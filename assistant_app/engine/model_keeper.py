"""The language model between questions: loaded when it is needed, unloaded when it was idle for long.

The settings say which model, device and adapter; they are read at each use, so that a change takes effect with the next
question. A change of the adapter never reloads the model.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from assistant_app.engine.stopping import at_once
from assistant_app.errors import DocentError
from assistant_app.models.chat_model import ChatModel, Speed
from assistant_app.models.model_files import STARTER_SHA256, inspect_model, starter_model
from assistant_app.models.server_model import AnsweringModel, ServerModel
from assistant_app.paths import shipped_adapters
from assistant_app.protocol.records import Format
from assistant_app.settings import DEFAULT_ADAPTER, Settings, further_adapters
from assistant_app.training.job import read_card

NO_ADAPTER = "none"

Progress = Callable[[str, float], bool]
"""Gets the model's name and a fraction from 0 to 1 while it is loaded; returns False to cancel."""


def hundredths(report: Callable[[str, float], None], cancelled: Callable[[], bool]) -> Progress:
    """Progress that reports every hundredth once: llama.cpp calls for every tensor, and a person sees hundredths."""
    shown = -1

    def loading(name: str, fraction: float) -> bool:
        nonlocal shown
        if cancelled():  # whoever stopped hears no more of it
            return False
        if int(fraction * 100) > shown:
            shown = int(fraction * 100)
            report(name, fraction)
        return True

    return loading


def default_adapter(model: str) -> str | None:
    """The adapter that comes with a model and beat it when they were measured; only the starter model has one."""
    try:
        if model != str(starter_model()):
            return None
    except DocentError:  # the starter model is missing; that matters only where it is asked
        return None
    for path in sorted(shipped_adapters().glob("*.gguf")):
        card = read_card(path.with_suffix(".json"))
        if card is not None and card.base_hash == STARTER_SHA256 and card.better and card.format == "text":
            return str(path)
    return None


class AdapterChoice(NamedTuple):
    """What the settings say of adapters at one moment.

    Attributes:
        path: as the setting ``adapter.path``; "" also where it is switched off.
        scale: of that one.
        also: what is laid besides it, with scales.
    """

    path: str
    scale: float
    also: dict[str, float]


def suits(adapter: str, wanted: Format) -> bool:
    """Whether an adapter that the settings name is laid where answers are wanted in a format.

    Free text is no format: there an adapter answers as it learnt. Elsewhere one that learnt another format would only
    pull the answer away from it. What an adapter from elsewhere learnt nobody knows: that is left to who chose it.
    """
    card = read_card(Path(adapter).with_suffix(".json"))
    return wanted == "text" or card is None or not card.examples or card.format == wanted


def gives_extracts(adapter: str | None) -> bool:
    """Whether an adapter learnt to answer with words of the sources only, as its card says."""
    card = read_card(Path(adapter).with_suffix(".json")) if adapter else None
    return card is not None and card.extracts


def format_of(adapter: str | None) -> Format:
    """The format of the answers that an adapter was trained to give, as its card says; free text where it has none."""
    card = read_card(Path(adapter).with_suffix(".json")) if adapter else None
    return "text" if card is None else card.format


class ModelKeeper:
    """Owns at most one loaded model. One question at a time."""

    def __init__(self, settings: Settings, server_key: Callable[[], str] = str, marker: Path | None = None) -> None:
        """
        Args:
            server_key: gives the key of the answering server that the settings name, "" for none.
            marker: a file that names the adapters that are being laid, and is there only so long; null for none.
        """
        self._settings = settings
        self._server_key = server_key
        self._marker = marker
        self._lock = threading.RLock()
        self._model: AnsweringModel | None = None
        self._speeds: dict[str, Speed] = {}
        self._loading = threading.Lock()
        self._loaded_as: tuple[object, ...] = ()
        self._timer: threading.Timer | None = None
        self._uses = 0
        self.laid: dict[str, float] = {}
        """What the last question's model had over it: paths of adapters, with their scales."""

    def chosen_path(self) -> str:
        """The model that the settings name: a file, or the starter model.

        Raises:
            DocentError: ``model_missing`` or ``model_damaged``, for the starter model.
        """
        return self._settings.text("model.path") or str(starter_model())

    def adapter_choice(self) -> AdapterChoice:
        """What the settings say of adapters now. A question takes it when it comes: what is changed while it is
        answered holds from the next one on."""
        path = self._settings.text("adapter.path") if self._settings.flag("adapter.enabled") else ""
        return AdapterChoice(path, self._settings.number("adapter.scale"), self.further_adapters())

    def chosen_adapter(self, model: str | None = None) -> str | None:
        """The adapter that the settings name, or that comes with ``model`` (null: with the one that answers), where it
        is switched on."""
        return self._first(self.adapter_choice(), model)

    def _first(self, choice: AdapterChoice, model: str | None) -> str | None:
        path = choice.path
        return (default_adapter(model or self.chosen_path()) if path == DEFAULT_ADAPTER else path) or None

    def further_adapters(self) -> dict[str, float]:
        """Those that the settings lay besides the chosen one, with their scales."""
        return further_adapters(self._settings.text("adapter.also"))

    @contextmanager
    def in_hand(self, paths: Sequence[str]) -> Iterator[None]:
        """For a ``with`` block: what is left of it where the process dies in it names ``paths``."""
        if self._marker is None or not paths:
            yield
            return
        with suppress(OSError):  # a full disk must not keep a question from its answer
            self._marker.write_bytes(b"\0".join(map(os.fsencode, paths)))
        try:
            yield
        finally:
            with suppress(OSError):
                self._marker.unlink(missing_ok=True)

    def name(self, path: str | None = None) -> str:
        """What answers, by name, without loading it: a file's model, or (null) the one in use.

        Raises:
            DocentError: ``model_*``.
        """
        if path is None and (server := self._settings.text("model.server")):
            return self._settings.text("model.server_model") or server
        return inspect_model(path or self.chosen_path()).name

    def speed(self) -> Speed | None:
        """How fast what answers now was lately; null where that is not known."""
        place = self._settings.text("model.server").rstrip("/") or self.chosen_path()
        model = self._model
        if model is not None and model.path == place and model.speed is not None:
            return model.speed
        return self._speeds.get(place)

    @property
    def is_loaded(self) -> bool:
        return self._model is not None

    @contextmanager
    def use(
        self,
        *,
        path: str | None,
        adapter: str | None,
        scale: float | None = None,
        wanted: Format = "text",
        choice: AdapterChoice | None = None,
        on_progress: Progress = lambda name, fraction: True,
    ) -> Iterator[tuple[AnsweringModel, str | None]]:
        """The model, loaded and with its adapter, for one question; and the adapter's path.

        Args:
            path: a model for this question only; null for what the settings name: a server, or else a file.
            adapter: an adapter's path for this question only, ``"none"`` for none, null for those in use, as far as
                they suit.
            scale: how strongly it acts this time; null: as in the settings.
            wanted: the format that the answer shall have, see :func:`suits`.
            choice: what the settings said of adapters when the question came; null: what they say now.

        Raises:
            DocentError: ``model_*``, ``adapter_*`` or ``cancelled``.
        """
        with self._lock:
            self._stop_timer()
            choice = choice or self.adapter_choice()
            try:
                server = path is None and bool(self._settings.text("model.server"))
                model = self._server(on_progress) if server else self._loaded(path or self.chosen_path(), on_progress)
                # The adapter in use belongs to the model in use: a server's is another one.
                first = adapter or (None if server else self._first(choice, path))
                laid = {} if first is None or first == NO_ADAPTER else {first: choice.scale if scale is None else scale}
                if laid and adapter is None:  # whoever names one for a question has that alone, whatever it learnt
                    laid |= {each: by for each, by in choice.also.items() if each != first}
                    laid = {each: by for each, by in laid.items() if suits(each, wanted)}
                self.laid = {each: by for each, by in laid.items() if by}
                with self.in_hand(list(self.laid)):
                    model.set_adapters(list(self.laid.items()))
                yield model, first if first in laid else None
            finally:
                self._start_timer()

    def _server(self, on_progress: Progress) -> AnsweringModel:
        address, name = self._settings.text("model.server"), self._settings.text("model.server_model")
        wanted = (address, name, self._settings.integer("model.context"), self._server_key())
        if self._model is None or self._loaded_as != wanted:
            self.unload()
            model = ServerModel(address, name=name, context=wanted[2], key=wanted[3])
            model.prepare(lambda: not on_progress(address, 0.0))
            self._model, self._loaded_as = model, wanted
        return self._model

    def _loaded(self, path: str, on_progress: Progress) -> AnsweringModel:
        wanted = (
            path,
            self._settings.integer("model.context"),
            self._settings.text("model.device"),
            self._settings.integer("model.gpu_layers"),
            self._settings.integer("model.threads"),
        )
        if self._model is None or self._loaded_as != wanted:
            self.unload()  # first, so that two models never need memory at once
            name = Path(path).name

            def load() -> ChatModel:
                with self._loading:  # for the same reason one that nobody waits for any more comes to its end first
                    return ChatModel.load(
                        path,
                        context=wanted[1],
                        device=wanted[2],
                        gpu_layers=wanted[3],
                        threads=wanted[4],
                        on_progress=lambda fraction: on_progress(name, fraction),
                    )

            # llama.cpp reads a vocabulary and makes a context without asking anybody.
            self._model = at_once(load, lambda: not on_progress(name, 0.0), ChatModel.close)
            self._loaded_as = wanted
        return self._model

    def unload(self, path: str = "") -> None:
        """Let the model leave memory; the next question brings it back. ``path``: only where it is this file's."""
        loaded = self._model
        if path and (loaded is None or loaded.path != path):
            return
        with self._lock:
            self._stop_timer()
            if self._model is not None:
                if self._model.speed is not None:
                    self._speeds[self._model.path] = self._model.speed
                self._model.close()
                self._model = None

    def _start_timer(self) -> None:
        minutes = self._settings.integer("model.unload_minutes")
        if minutes and self._model is not None:
            self._uses += 1
            self._timer = threading.Timer(minutes * 60, self._unload_if_idle, args=(self._uses,))
            self._timer.daemon = True
            self._timer.start()

    def _unload_if_idle(self, use: int) -> None:
        with self._lock:
            if use == self._uses:  # a question may have come while this waited for the lock
                self.unload()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

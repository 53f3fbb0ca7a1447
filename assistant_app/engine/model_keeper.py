"""The language model between questions: loaded when it is needed, unloaded when it was idle for long.

The settings say which model, device and adapter; they are read at each use, so that a change takes effect with the next
question. A change of the adapter never reloads the model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import starter_model
from assistant_app.settings import Settings

NO_ADAPTER = "none"

Progress = Callable[[str, float], bool]
"""Gets the model's name and a fraction from 0 to 1 while it is loaded; returns False to cancel."""


class ModelKeeper:
    """Owns at most one loaded model. One question at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        self._model: ChatModel | None = None
        self._loaded_as: tuple[object, ...] = ()
        self._timer: threading.Timer | None = None
        self._uses = 0

    def chosen_path(self) -> str:
        """The model that the settings name: a file, or the starter model.

        Raises:
            DocentError: ``model_missing`` or ``model_damaged``, for the starter model.
        """
        return self._settings.text("model.path") or str(starter_model())

    def chosen_adapter(self) -> str | None:
        """The adapter that the settings name and switch on."""
        path = self._settings.text("adapter.path")
        return path if path and self._settings.flag("adapter.enabled") else None

    @property
    def is_loaded(self) -> bool:
        return self._model is not None

    @contextmanager
    def use(
        self, *, path: str | None, adapter: str | None, on_progress: Progress = lambda name, fraction: True
    ) -> Iterator[tuple[ChatModel, str | None]]:
        """The model, loaded and with its adapter, for one question; and the adapter's path.

        Args:
            path: a model for this question only; null for the one in use.
            adapter: an adapter's path for this question only, ``"none"`` for none, null for the one in use.

        Raises:
            DocentError: ``model_*``, ``adapter_*`` or ``cancelled``.
        """
        with self._lock:
            self._stop_timer()
            try:
                model = self._loaded(path or self.chosen_path(), on_progress)
                laid = self.chosen_adapter() if adapter is None else None if adapter == NO_ADAPTER else adapter
                model.set_adapter(laid, self._settings.number("adapter.scale"))
                yield model, laid
            finally:
                self._start_timer()

    def _loaded(self, path: str, on_progress: Progress) -> ChatModel:
        wanted = (
            path,
            self._settings.integer("model.context"),
            self._settings.text("model.device"),
            self._settings.integer("model.gpu_layers"),
            self._settings.integer("model.threads"),
        )
        if self._model is None or self._loaded_as != wanted:
            self.unload()  # first, so that two models never need memory at once
            self._model = ChatModel.load(
                path,
                context=wanted[1],
                device=wanted[2],
                gpu_layers=wanted[3],
                threads=wanted[4],
                on_progress=lambda fraction: on_progress(Path(path).name, fraction),
            )
            self._loaded_as = wanted
        return self._model

    def unload(self) -> None:
        """Let the model leave memory; the next question brings it back."""
        with self._lock:
            self._stop_timer()
            if self._model is not None:
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

"""The LoRA adapters over one loaded model: read from their files once, then laid and taken off without a reload."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as llama

from assistant_app.errors import Code, DocentError
from assistant_app.models.adapters import check_adapter
from assistant_app.models.native import log

Laid = Sequence[tuple[str, float]]
"""Paths of adapters, each with its scale."""

_File = tuple[str, int, int]
"""Path, time of change, size: the same file is not loaded twice."""

KEPT = 4
"""Adapters that stay in memory while they are not laid, so that going back to one takes no time."""


class LaidAdapters:
    """Belongs to one model and one context, and must be closed before they are freed."""

    def __init__(self, model: Any, context: Any, base: str) -> None:
        """``base`` is the model's file."""
        self._model, self._context, self._base = model, context, base
        self._loaded: dict[_File, Any] = {}
        self._laid: dict[_File, float] = {}
        self.is_fresh = False
        """The last :meth:`lay` read a file: nothing was computed with it yet."""

    @property
    def laid(self) -> list[tuple[str, float]]:
        """What is laid now."""
        return [(file[0], scale) for file, scale in self._laid.items()]

    def lay(self, chosen: Laid) -> bool:
        """Lay exactly these over the model; returns whether anything changed. A scale of 0 is no adapter.

        Where this raises, what was laid before stays.

        Raises:
            DocentError: the codes of :func:`check_adapter`, ``adapter_load_failed``.
        """
        self.is_fresh = False
        wanted: dict[_File, float] = {}
        for path, scale in chosen:
            if scale != 0.0:
                wanted[self._read(path)] = scale
        if wanted == self._laid:
            return False
        count = len(wanted)
        pointers = (llama.llama_adapter_lora_p_ctypes * max(count, 1))(*(self._loaded[file] for file in wanted))
        scales = (ctypes.c_float * max(count, 1))(*wanted.values())
        if llama.llama_set_adapters_lora(self._context, pointers, count, scales):
            path = next(iter(wanted), ("",))[0]
            raise DocentError(Code.ADAPTER_LOAD_FAILED, path=path, said=log.last_error())
        self._laid = wanted
        self._drop_oldest()
        return True

    def _read(self, path: str) -> _File:
        try:
            status = os.stat(path)
            file = (os.path.abspath(path), status.st_mtime_ns, status.st_size)
        except (OSError, ValueError):
            file = ("", 0, 0)
        if file in self._loaded:
            self._loaded[file] = self._loaded.pop(file)  # the one used last stands last
            return file
        check_adapter(path, self._base)
        log.clear()
        loaded = llama.llama_adapter_lora_init(self._model, os.fsencode(path))
        if not loaded:
            raise DocentError(Code.ADAPTER_LOAD_FAILED, path=path, said=log.last_error())
        self._loaded[file] = loaded
        self.is_fresh = True
        return file

    def _drop_oldest(self) -> None:
        idle = [file for file in self._loaded if file not in self._laid]
        for file in idle[: max(len(idle) - KEPT, 0)]:
            llama.llama_adapter_lora_free(self._loaded.pop(file))

    def close(self) -> None:
        """Give the memory back."""
        while self._loaded:
            llama.llama_adapter_lora_free(self._loaded.popitem()[1])
        self._laid = {}

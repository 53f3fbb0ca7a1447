"""The edges of llama.cpp that are not about one model: its log, devices, samplers, and how it is told to stop."""

from __future__ import annotations

import ctypes
import math
import os
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

import llama_cpp.llama_cpp as llama
import psutil
from llama_cpp import _ggml
from llama_cpp._ctypes_extensions import load_shared_library

from assistant_app.protocol.records import Device

_LOG_DEBUG, _LOG_WARN, _LOG_ERROR, _LOG_CONTINUED = 1, 3, 4, 5
"""ggml_log_level (ggml.h); the comments in the Python bindings show an older numbering."""


class NativeLog:
    """What llama.cpp said lately. It speaks to no file of ours: nothing it says may mix with the engine's messages."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, str]] = deque(maxlen=200)
        self._lock = threading.Lock()
        # llama.cpp keeps only the address: the callback must live as long as the process.
        self._callback = llama.llama_log_callback(self._hear)
        self._backends_ready = False

    def start(self) -> None:
        """Take the log over and initialise llama.cpp's backends, once per process."""
        if not self._backends_ready:
            self._backends_ready = True
            llama.llama_log_set(self._callback, ctypes.c_void_p(0))
            llama.llama_backend_init()

    def _hear(self, level: int, text: bytes, _user_data: object) -> None:
        if level == _LOG_DEBUG:
            return
        line = (text or b"").decode("utf-8", "replace")
        with self._lock:
            if level == _LOG_CONTINUED and self._lines:
                level, before = self._lines.pop()
                self._lines.append((level, before + line))
            else:
                self._lines.append((level, line))

    def clear(self) -> None:
        with self._lock:
            self._lines.clear()

    def text(self) -> str:
        """Everything since :meth:`clear`, as far as it was kept."""
        with self._lock:
            return "".join(line for _, line in self._lines)

    def last_error(self) -> str:
        """The last error (else warning) in one line of at most 200 characters, without the function's name."""
        with self._lock:
            lines = list(self._lines)
        for wanted in (_LOG_ERROR, _LOG_WARN):
            said = [line.strip() for level, line in lines if level == wanted and line.strip()]
            # The outer functions only repeat that something failed; the reason is in the line before.
            reasons = [line for line in said if not line.endswith("failed to load model")]
            if said:
                line = (reasons or said)[-1]
                head, _, tail = line.partition(": ")
                return (tail if tail and " " not in head else line)[:200]
        return "nothing"


log = NativeLog()


class StopFlag:
    """Lets ``cancelled()`` stop a computation of llama.cpp from within.

    llama.cpp asks an abort callback after every node of its graph, some thousand times per token. A Python callback
    there would cost speed, and wait for the interpreter lock whenever another thread is busy. So the callback is C's
    ``strlen`` over a buffer that holds "" or "x", which llama.cpp reads as false or true, and a thread beside it asks
    ``cancelled()`` every 20 ms and writes the buffer.
    """

    INTERVAL = 0.02

    def __init__(self) -> None:
        libc: Any = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
        address = ctypes.cast(libc.strlen, ctypes.c_void_p).value
        self._callback = llama.ggml_abort_callback(address)
        self._flag = ctypes.create_string_buffer(2)
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None
        self._cancelled: Callable[[], bool] | None = None

    def attach(self, context: Any) -> None:
        """Let the llama.cpp ``context`` ask this flag; the flag must outlive the context."""
        llama.llama_set_abort_callback(context, self._callback, ctypes.cast(self._flag, ctypes.c_void_p))

    def watch(self, cancelled: Callable[[], bool]) -> StopFlag:
        """For a ``with`` block: ask ``cancelled`` until its end, from another thread."""
        self._cancelled = cancelled
        return self

    def __enter__(self) -> StopFlag:
        self._flag.value = b""
        self._ended.clear()
        self._watcher = threading.Thread(target=self._watch, name="stop-flag", daemon=True)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        assert self._cancelled is not None
        while not self._ended.wait(self.INTERVAL):
            if self._cancelled():
                self._flag.value = b"x"
                return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._watcher is not None:
            self._watcher.join()
        self._flag.value = b""


_KINDS = {0: "cpu", 1: "gpu", 2: "gpu", 3: "accelerator", 4: "gpu"}
"""ggml_backend_dev_type: CPU, GPU, integrated GPU, accelerator, several devices as one (ggml-backend.h)."""


def _function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of ggml-backend.h: the bindings load the libraries but do not declare these."""
    for library in (_ggml.libggml, load_shared_library("ggml-base", _ggml.libggml_base_path)):
        function = getattr(library, name, None)
        if function is not None:
            function.restype, function.argtypes = result, list(arguments)
            return function
    raise AttributeError(name)


def devices() -> list[Device]:
    """What this build of llama.cpp can compute on."""
    log.start()
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    count = _function("ggml_backend_dev_count", size)
    get = _function("ggml_backend_dev_get", pointer, size)
    name = _function("ggml_backend_dev_name", ctypes.c_char_p, pointer)
    description = _function("ggml_backend_dev_description", ctypes.c_char_p, pointer)
    kind = _function("ggml_backend_dev_type", ctypes.c_int, pointer)
    memory = _function("ggml_backend_dev_memory", None, pointer, ctypes.POINTER(size), ctypes.POINTER(size))
    backend = _function("ggml_backend_dev_backend_reg", pointer, pointer)
    backend_name = _function("ggml_backend_reg_name", ctypes.c_char_p, pointer)
    found = []
    for index in range(count()):
        device = get(index)
        free, total = size(0), size(0)
        memory(device, ctypes.byref(free), ctypes.byref(total))
        found.append(
            Device(
                name=name(device).decode("utf-8", "replace"),
                description=description(device).decode("utf-8", "replace"),
                kind=_KINDS.get(kind(device), "accelerator"),
                memory_bytes=int(total.value),
                free_bytes=int(free.value),
                backend=backend_name(backend(device)).decode("utf-8", "replace"),
            )
        )
    return found


def built_backends() -> list[str]:
    """The names of the parts of this build of llama.cpp that compute: "CPU", "CUDA", ..."""
    log.start()
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    count = _function("ggml_backend_reg_count", size)
    get = _function("ggml_backend_reg_get", pointer, size)
    name = _function("ggml_backend_reg_name", ctypes.c_char_p, pointer)
    return [name(get(index)).decode("utf-8", "replace") for index in range(count())]


def gpu_memory() -> int:
    """Bytes of all graphics processors that this build can use, 0 for none."""
    return sum(device.memory_bytes for device in devices() if device.kind == "gpu")


def make_sampler(temperature: float) -> Any:
    """A sampler chain: the likeliest token at 0, else llama.cpp's usual cuts and a draw. The caller frees it."""
    chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    if temperature <= 0.0 or not math.isfinite(temperature):
        llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_greedy())
        return chain
    for part in (
        llama.llama_sampler_init_top_k(40),
        llama.llama_sampler_init_top_p(0.95, 1),
        llama.llama_sampler_init_min_p(0.05, 1),
        llama.llama_sampler_init_temp(temperature),
        llama.llama_sampler_init_dist(llama.LLAMA_DEFAULT_SEED),
    ):
        llama.llama_sampler_chain_add(chain, part)
    return chain


def physical_cores() -> int:
    """Physical cores that this process may use: a second thread on the same core slows llama.cpp down."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))

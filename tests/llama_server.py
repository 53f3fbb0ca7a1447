"""llama-cpp-python's own server on loopback, as a person would run it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def llama_server(model: Path, folder: Path, *, key: str, context: int = 512) -> Iterator[str]:
    """Its address while it serves ``model``; whoever asks it needs the ``key``. Its log lies in ``folder``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = {"model": model, "host": "127.0.0.1", "port": port, "n_ctx": context, "api_key": key}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "llama_cpp.server", *(f"--{name}={value}" for name, value in arguments.items())],
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}/v1"
            request = urllib.request.Request(f"{address}/models", headers={"Authorization": f"Bearer {key}"})
            ends = time.monotonic() + 120
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=2):
                    break
                assert process.poll() is None, (folder / "server.log").read_text()
                assert time.monotonic() < ends
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)

"""In what ways this build of llama.cpp computes, why not in the others, and the command that would add them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib import metadata

from assistant_app.models.native import built_backends, devices
from assistant_app.protocol.records import Backend, Device

WAYS = {
    "CPU": ("", ("Linux", "Windows", "Darwin")),
    "Metal": ("-DGGML_METAL=on", ("Darwin",)),
    "CUDA": ("-DGGML_CUDA=on", ("Linux", "Windows")),
    "Vulkan": ("-DGGML_VULKAN=on", ("Linux", "Windows")),
}
"""Name, switch of llama.cpp's build, and where it exists (Vulkan on a Mac would only go round by Metal)."""

_ALSO = {"MTL": "Metal"}
"""What newer versions of llama.cpp call them."""


def backends(
    built: Sequence[str] | None = None, found: Sequence[Device] | None = None, system: str | None = None
) -> list[Backend]:
    """CPU, Metal, CUDA and Vulkan, each with its devices or why there are none.

    Args:
        built, found, system: of this build and computer; ``system`` as ``platform.system()`` has it.
    """
    system = system or platform.system()
    has = {_ALSO.get(name, name) for name in (built_backends() if built is None else built)}
    there = devices() if found is None else found
    made = []
    for name, (switch, systems) in WAYS.items():
        named = [each.description or each.name for each in there if _ALSO.get(each.backend, each.backend) == name]
        if named:
            made.append(Backend(name=name, devices=named))
        elif name in has:
            made.append(Backend(name=name, why="no_device"))
        elif system not in systems:
            made.append(Backend(name=name, why="not_here"))
        elif getattr(sys, "frozen", False):  # there is no pip in it
            made.append(Backend(name=name, why="frozen"))
        else:
            made.append(Backend(name=name, why="not_built", install=_command(switch, system)))
    return made


def _command(switch: str, system: str) -> str:
    """What builds the same version of llama.cpp's bindings again with ``switch``."""
    package = f"llama-cpp-python=={metadata.version('llama-cpp-python')}"
    install = f"pip install --force-reinstall --no-deps --no-cache-dir --no-binary llama-cpp-python {package}"
    if system == "Windows":
        return f'$env:CMAKE_ARGS="{switch}"; {install}'
    return f'CMAKE_ARGS="{switch}" {install}'

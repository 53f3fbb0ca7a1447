"""What Docent needs from the operating system, checked before anything is installed.

Runs on any Python 3.7 or newer with nothing but the standard library, so that it can say in a sentence that a newer
Python is needed. Prints nothing and exits 0 when all is there; otherwise prints one sentence that names what is
missing and the one command that brings it, and exits 1.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

OLDEST_PYTHON = (3, 11)


class Missing(NamedTuple):
    """Something that is not there: what it is, in words, and the Debian package that holds it."""

    what: str
    package: str
    library: bool = False


# Each shared library that Qt's own files name as needed (found with ldd), and the Debian package that holds it.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libbrotlidec.so.1": "libbrotli1",
    "libX11.so.6": "libx11-6",
    "libxkbcommon.so.0": "libxkbcommon0",
}
X11_LIBRARIES = {
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
}
WAYLAND_LIBRARIES = {"libwayland-client.so.0": "libwayland-client0", "libwayland-cursor.so.0": "libwayland-cursor0"}


def missing_python(version: tuple[int, int] = sys.version_info[:2]) -> list[Missing]:
    """Python itself, and the part of it that makes virtual environments (a package of its own on Debian)."""
    if version < OLDEST_PYTHON:
        return [Missing(f"Python 3.11 or newer (this is {version[0]}.{version[1]})", "python3.11 python3.11-venv")]
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        return [Missing("Python's venv module", f"python{version[0]}.{version[1]}-venv")]
    return []


def missing_build_tools(environment: Mapping[str, str] = os.environ) -> list[Missing]:
    """What compiling llama.cpp needs: a C and a C++ compiler, and cmake."""
    path = environment.get("PATH")

    def there(*names: str) -> bool:
        return any(shutil.which(name, path=path) for name in names)

    def compiler(variable: str, *names: str) -> bool:
        # CC="ccache gcc" is allowed: the first word is the program.
        return there(*(environment.get(variable, "").split()[:1] or names))

    found = []
    if not (compiler("CC", "cc", "gcc", "clang") and compiler("CXX", "c++", "g++", "clang++")):
        found.append(Missing("a C and C++ compiler", "build-essential"))
    if not there("cmake"):
        found.append(Missing("cmake", "cmake"))
    return found


def missing_libraries(libraries: Mapping[str, str], load: Callable[[str], object] = ctypes.CDLL) -> list[Missing]:
    """Those of ``libraries`` that the system's own loader cannot load."""
    found = []
    for library, package in libraries.items():
        try:
            load(library)
        except OSError:
            found.append(Missing(library.split(".so")[0], package, library=True))
    return found


def has_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a window could be shown: always on macOS and Windows, else with an X or Wayland display."""
    return platform in ("darwin", "win32") or any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def missing_for_window(
    environment: Mapping[str, str] = os.environ, load: Callable[[str], object] = ctypes.CDLL
) -> list[Missing]:
    """What Qt needs to open a window on the display that ``environment`` names: Wayland's libraries or those of X."""
    found = missing_libraries(QT_LIBRARIES, load)
    if environment.get("WAYLAND_DISPLAY") and not missing_libraries(WAYLAND_LIBRARIES, load):
        return found
    return found + missing_libraries(X11_LIBRARIES, load)


def sentence(found: list[Missing], platform: str = sys.platform, has_apt: bool | None = None) -> str:
    """One sentence that names what is missing, then the one command that installs it on this system."""
    names = [item.what for item in found if not item.library]
    libraries = [item.what for item in found if item.library]
    if len(libraries) > 3:
        names.append(f"{len(libraries)} libraries that Qt loads ({libraries[0]}, {libraries[1]}, …)")
    else:
        names += [f"the library {name}" for name in libraries]
    listed = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
    said = f"Docent needs {listed}."
    if platform == "darwin":
        return f"{said} Install with:\n    xcode-select --install; brew install python cmake"
    packages = " ".join(dict.fromkeys(item.package for item in found))
    apt = shutil.which("apt-get") is not None if has_apt is None else has_apt
    if not apt:
        return f"{said} Install it with your system's package manager (on Debian it is in: {packages})."
    sudo = "sudo " if hasattr(os, "geteuid") and os.geteuid() != 0 else ""
    return f"{said} Install with:\n    {sudo}apt-get install {packages}"


def missing(*, build: bool, window: bool) -> list[Missing]:
    """All that is missing here, for compiling (``build``) and for a window (otherwise: for Qt without a display).

    Where there is no display, what a window needs is not asked for: the command line works without it.
    """
    found = missing_python()
    if build:
        found += missing_build_tools()
    if sys.platform.startswith("linux"):
        if not window:
            found += missing_libraries(QT_LIBRARIES)
        elif has_display():
            found += missing_for_window()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-build", action="store_true", help="leave out what compiling llama.cpp needs")
    parser.add_argument("--no-window", action="store_true", help="leave out what a window on a display needs")
    chosen = parser.parse_args()
    found = missing(build=not chosen.no_build, window=not chosen.no_window)
    if found:
        print(sentence(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""`make run` and `make test` from outside: what is missing is named, what is there is kept, what broke is repeated."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the Linux part of the set-up")


def load(name: str, folder: Path = ROOT / "tools") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def system() -> ModuleType:
    return load("check_system")


def path_with(folder: Path, *programs: str) -> dict[str, str]:
    """An environment whose PATH holds ``programs`` and nothing else."""
    folder.mkdir()
    for program in programs:
        (folder / program).write_text("#!/bin/sh\n")
        (folder / program).chmod(0o755)
    return {"PATH": str(folder)}


class Loader:
    """Stands in for the system's loader on a machine that has only some libraries."""

    def __init__(self, *absent: str) -> None:
        self.absent = absent

    def __call__(self, library: str) -> None:
        if library in self.absent:
            raise OSError(library)


# ---------------------------------------------------------------- what is missing


def test_compilers_and_cmake_are_looked_for_on_the_path(system: ModuleType, tmp_path: Path) -> None:
    def packages(environment: Mapping[str, str]) -> list[str]:
        return [item.package for item in system.missing_build_tools(environment)]

    assert packages(path_with(tmp_path / "bare")) == ["build-essential", "cmake"]
    assert packages(path_with(tmp_path / "c", "gcc", "cmake")) == ["build-essential"]
    assert packages(path_with(tmp_path / "no-cmake", "gcc", "g++")) == ["cmake"]
    assert packages(path_with(tmp_path / "clang", "clang", "clang++", "cmake")) == []
    ours = path_with(tmp_path / "own", "ccache", "cmake")
    assert packages({**ours, "CC": "ccache gcc", "CXX": "ccache g++"}) == []
    assert packages({**ours, "CC": "icc", "CXX": "ccache g++"}) == ["build-essential"]


def test_a_library_is_missing_when_the_loader_says_so(system: ModuleType) -> None:
    found = system.missing_libraries({"libc.so.6": "libc6", "libno-such-thing.so.7": "libno-such-thing7"})
    if sys.platform.startswith("linux"):
        assert found == [("libno-such-thing", "libno-such-thing7", True)]


def test_the_display_decides_which_libraries_a_window_needs(system: ModuleType) -> None:
    def packages(loader: Loader, **environment: str) -> list[str]:
        return [item.package for item in system.missing_for_window(environment, loader)]

    without_cursor = Loader("libxcb-cursor.so.0")
    assert packages(without_cursor, DISPLAY=":0") == ["libxcb-cursor0"]
    assert packages(without_cursor, DISPLAY=":0", WAYLAND_DISPLAY="wayland-0") == []
    neither = Loader("libxcb-cursor.so.0", "libwayland-client.so.0")
    assert packages(neither, DISPLAY=":0", WAYLAND_DISPLAY="wayland-0") == ["libxcb-cursor0"]
    assert packages(Loader("libEGL.so.1"), WAYLAND_DISPLAY="wayland-0") == ["libegl1"]


def test_an_old_python_and_a_python_without_venv_are_named(system: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert system.missing_python((3, 11)) == system.missing_python((3, 14)) == []
    assert system.missing_python((3, 10))[0].what == "Python 3.11 or newer (this is 3.10)"
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else real(name))
    assert system.missing_python((3, 11)) == [("Python's venv module", "python3.11-venv", False)]


def test_one_sentence_names_what_is_missing_and_one_line_brings_it(
    system: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = [system.Missing("cmake", "cmake")]
    three = [
        *one,
        system.Missing("a C and C++ compiler", "build-essential"),
        system.Missing("libEGL", "libegl1", library=True),
    ]
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert system.sentence(one, "linux", True) == "Docent needs cmake. Install with:\n    sudo apt-get install cmake"
    assert system.sentence(three, "linux", True).splitlines() == [
        "Docent needs cmake, a C and C++ compiler and the library libEGL. Install with:",
        "    sudo apt-get install cmake build-essential libegl1",
    ]
    many = [system.Missing(f"libxcb-{number}", f"libxcb-{number}-0", library=True) for number in range(9)]
    said, line = system.sentence([*one, *many], "linux", True).splitlines()
    assert said == "Docent needs cmake and 9 libraries that Qt loads (libxcb-0, libxcb-1, …). Install with:"
    assert line.split()[-10:] == [item.package for item in (*one, *many)], "the line brings all of them"
    assert "apt-get" not in system.sentence(three, "linux", False)
    assert "build-essential" in system.sentence(three, "linux", False)
    assert "brew install" in system.sentence(one, "darwin", True)
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert "sudo" not in system.sentence(one, "linux", True)


@LINUX
def test_the_check_says_it_from_the_terminal(tmp_path: Path) -> None:
    environment = path_with(tmp_path / "bin", "apt-get", "cc", "c++")
    command = [sys.executable, str(ROOT / "tools/check_system.py"), "--no-window"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Docent needs cmake" in done.stderr
    assert done.stderr.rstrip().endswith(" cmake")
    done = subprocess.run([*command, "--no-build"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


ALWAYS_THERE = re.compile(r"ld-linux|libc\.|libm\.|libgcc_s|libstdc\+\+|libresolv|libz\.|libzstd")
BESIDE_ANOTHER = {"libgthread-2.0.so.0": "libglib-2.0.so.0", "libbrotlicommon.so.1": "libbrotlidec.so.1"}


@LINUX
@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_every_library_that_qt_asks_the_system_for_is_checked(system: ModuleType) -> None:
    qt = Path(importlib.util.find_spec("PySide6").origin).parent / "Qt"  # type: ignore[union-attr,arg-type]
    files = [qt / f"plugins/platforms/lib{name}.so" for name in ("qxcb", "qwayland", "qoffscreen")]
    for name in ("XcbQpa", "WaylandClient", "Core", "Gui", "Widgets", "Network", "DBus", "Svg"):
        files.append(qt / f"lib/libQt6{name}.so.6")
    done = subprocess.run(["readelf", "-d", *map(str, files)], capture_output=True, text=True, check=True)
    asked_for = set(re.findall(r"\(NEEDED\).*\[(.+)\]", done.stdout))
    asked_for = {name for name in asked_for if not re.match(r"libQt6|libicu", name) and not ALWAYS_THERE.match(name)}
    checked = {**system.QT_LIBRARIES, **system.X11_LIBRARIES, **system.WAYLAND_LIBRARIES}
    assert len(asked_for) > 20
    assert {BESIDE_ANOTHER.get(name, name) for name in asked_for} <= set(checked)


# ---------------------------------------------------------------- constraints.txt


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_constraints_are_exact_and_name_no_place() -> None:
    for name, version in pins().items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name), name
        assert re.fullmatch(r"[0-9][0-9a-z.]*", version), f"{name}: no local version, no address: {version}"


def everything_needed(requirement: Requirement, found: dict[str, Requirement]) -> None:
    """The distributions that ``requirement`` brings along on this system, itself included."""
    for extra in requirement.extras or {""}:
        key = f"{canonicalize_name(requirement.name)}[{extra}]"
        if key in found:
            continue
        found[key] = requirement
        for text in importlib.metadata.requires(requirement.name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                everything_needed(needed, found)


def test_everything_that_is_installed_with_docent_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, Requirement] = {}
    extras = project["optional-dependencies"]
    for text in [*project["dependencies"], *extras["ocr"], *extras["dev"]]:
        requirement = Requirement(text)
        if requirement.name == "docent":  # its own extras, which are looked at here
            continue
        if requirement.marker is None or requirement.marker.evaluate():
            everything_needed(requirement, found)
    found.pop("pip[]", None)  # comes with the environment itself
    pinned = {canonicalize_name(name): version for name, version in pins().items()}
    names = {key.partition("[")[0] for key in found}
    assert names <= set(pinned)
    assert {"torch", "pyside6-essentials", "ruff"} <= names
    for requirement in found.values():
        version = Version(pinned[canonicalize_name(requirement.name)])
        assert requirement.specifier.contains(version, prereleases=True), requirement


# ---------------------------------------------------------------- the set-up itself

BACKEND = """
    import pathlib, zipfile

    def build_editable(folder, settings=None, metadata=None):
        name = "docent-1.0-py3-none-any.whl"
        info = "docent-1.0.dist-info/"
        with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
            requires = pathlib.Path("requires.txt").read_text()
            wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: docent\\nVersion: 1.0\\n"
                           "Provides-Extra: dev\\n" + requires)
            wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\n"
                           "Tag: py3-none-any\\n")
            wheel.writestr(info + "RECORD", "")
        return name
"""


class Checkout:
    """A project of the same shape as Docent that needs nothing from an index, set up by the real tools."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        (root / "backend.py").write_text(textwrap.dedent(BACKEND))
        (root / "requires.txt").write_text("")
        (root / "constraints.txt").write_text("")
        self.declare("")

    def declare(self, comment: str) -> None:
        build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        (self.root / "pyproject.toml").write_text(f'{build}[project]\nname = "docent"\nversion = "1.0"\n# {comment}\n')

    def set_up(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.root / "tools/set_up.py"), *options]
        base = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "CMAKE_ARGS", "CI")}
        given = {**base, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", **environment}
        return subprocess.run(command, env=given, capture_output=True, text=True)

    def pretend_llama_is_built(self) -> None:
        site = next((self.root / ".venv").glob("**/site-packages"))
        (site / "llama_cpp_python-0.3.36.dist-info").mkdir()


@LINUX
def test_set_up_installs_once_and_again_when_something_changed(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    first = checkout.set_up("--dev")
    assert first.returncode == 0, first.stderr
    assert "Making .venv" in first.stdout
    log = checkout.root / ".venv/install.log"
    assert "Successfully installed docent" in log.read_text()
    checkout.pretend_llama_is_built()

    # Nothing changed: nothing is said, nothing is done; a display alone decides about the window.
    log.unlink()
    again = checkout.set_up("--dev")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    without_display = checkout.set_up("--window")
    assert without_display.returncode == 1
    assert "no display" in without_display.stderr
    assert 'docent ask "' in without_display.stderr
    assert not log.exists()

    # What is to be installed changed.
    checkout.declare("another dependency")
    assert "Installed" in checkout.set_up("--dev").stdout
    assert log.exists()

    # An install that fails says its last lines and where the rest is, and is tried again.
    (checkout.root / "requires.txt").write_text("Requires-Dist: there-is-no-such-thing==7\n")
    checkout.declare("a dependency that is nowhere")
    for _ in range(2):
        failed = checkout.set_up("--dev")
        assert failed.returncode == 1
        assert "there-is-no-such-thing" in failed.stderr
        assert str(log) in failed.stderr
    (checkout.root / "requires.txt").write_text("")
    assert checkout.set_up("--dev").returncode == 0

    # llama.cpp was to be built in another way, and that ended halfway: what was complete before is not any more.
    assert checkout.set_up("--dev", CMAKE_ARGS="-DGGML_VULKAN=on").returncode == 1
    assert "Installed" in checkout.set_up("--dev").stdout
    assert checkout.set_up("--dev").stdout == ""


@LINUX
def test_llama_cpp_is_built_again_only_for_other_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = Checkout(tmp_path / "checkout")
    monkeypatch.syspath_prepend(str(checkout.root / "tools"))
    set_up = load("set_up", checkout.root / "tools")
    site = checkout.root / ".venv/lib/python3.11/site-packages"
    site.mkdir(parents=True)
    (checkout.root / "constraints.txt").write_text("llama_cpp_python==0.3.36\n")

    def needs_build() -> bool:
        return bool(set_up.llama_needs_own_build(set_up.llama_arguments()))

    monkeypatch.delenv("CMAKE_ARGS", raising=False)
    assert not needs_build()
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=on")
    assert needs_build()
    set_up.LLAMA_STAMP.write_text("-DGGML_CUDA=on")
    assert needs_build(), "its flags are remembered, but it is not there"
    checkout.pretend_llama_is_built()
    assert not needs_build()
    monkeypatch.delenv("CMAKE_ARGS")
    assert not needs_build(), "flags that were given once stay"
    monkeypatch.setenv("CMAKE_ARGS", "")
    assert needs_build(), "an empty one goes back to the plain build"


def test_llama_cpp_is_built_for_more_than_this_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    set_up = load("set_up")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert set_up.cmake_arguments("") == "-DGGML_NATIVE=OFF"
    assert set_up.cmake_arguments("-DGGML_CUDA=on") == "-DGGML_CUDA=on -DGGML_NATIVE=OFF"
    assert set_up.cmake_arguments("-DGGML_NATIVE=ON") == "-DGGML_NATIVE=ON"
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert set_up.cmake_arguments("") == "", "a build for any ARM processor is several times slower"
    monkeypatch.setenv("CI", "true")
    assert set_up.cmake_arguments("") == "-DGGML_NATIVE=OFF"


@LINUX
def test_only_a_death_by_signal_means_that_llama_cpp_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    set_up = load("set_up")
    monkeypatch.setattr(set_up, "PYTHON", sys.executable)
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    for program, crashes in (
        ("pass", False),
        ("raise ImportError('llama_cpp')", False),
        ("import os; os.kill(os.getpid(), 4)", True),
        ("import ctypes; ctypes.string_at(0)", True),
    ):
        monkeypatch.setattr(set_up, "FIRST_WORD", program)
        assert set_up.llama_crashes() is crashes, program


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (191.7 MB)", "Downloading torch (191.7 MB)"),
        ("  Downloading torch-2.13.0-cp311-cp311-linux_x86_64.whl (1.1 GB)", "Downloading torch (1.1 GB)"),
        ("  Downloading idna-3.20-py3-none-any.whl (70 kB)", None),
        ("  Building wheel for llama-cpp-python (pyproject.toml): started", "Building llama.cpp"),
        ("  Building wheel for llama_cpp_python (pyproject.toml): still running...", "Still building llama.cpp"),
        ("Installing collected packages: mpmath, tzdata", "Putting the packages in place"),
        ("Collecting torch", None),
    ],
)
def test_pips_lines_become_words(line: str, words: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    said = load("set_up").in_words(line)
    assert said is None if words is None else said is not None and said.startswith(words)


# ---------------------------------------------------------------- what make hands on


@LINUX
@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_runs_the_set_up_before_everything_and_needs_only_sh() -> None:
    def recipe(target: str) -> str:
        command = ["make", "-n", "-C", str(ROOT), "SHELL=/bin/sh", target]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    run, test, everything = recipe("run"), recipe("test"), recipe("test-all")
    assert run.index("set_up.py --window") < run.index(".venv/bin/docent")
    assert test.index("set_up.py --dev") < test.index("ruff check") < test.index("pytest")
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert f".venv/bin/{tool}" in test
    assert 'pytest -m "not slow"' in test
    assert "not slow" not in everything


@LINUX
def test_a_missing_python_is_named_by_make(tmp_path: Path) -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("needs make")
    done = subprocess.run(
        [make, "-C", str(ROOT), "python", "PYTHON=python9.9"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "Docent needs Python 3.11 or newer" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_ci_is_a_shell_script_that_anyone_can_start() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    if shutil.which("sh"):
        subprocess.run(["sh", "-n", str(script)], check=True)

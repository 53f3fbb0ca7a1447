"""Makes ``.venv`` and installs Docent into it: what ``make run`` and ``make test`` do first.

    python3 tools/set_up.py [--dev] [--window]

Safe to repeat. When nothing changed since the last time it ends at once; an install that was interrupted is done
again. What pip says goes to ``.venv/install.log``; here only words about how far it is.

``CMAKE_ARGS`` chooses how llama.cpp is built (``-DGGML_CUDA=on``, ``-DGGML_VULKAN=on``). It is remembered: llama.cpp is
built again only when ``CMAKE_ARGS`` is given and differs from the last time. ``GGML_NATIVE`` is off on x86-64 unless it
is given: llama.cpp's code for AMX, which a native build takes where the processor has it, ends in a segmentation fault
(ggml-org/llama.cpp issue 20824; tried with 0.3.36 and gcc 12), and pip's cache hands a wheel that was made for one
processor to machines that have another.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import check_system

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "docent-installed"
LLAMA_STAMP = VENV / "docent-llama-cmake-args"
LOG = VENV / "install.log"
PORTABLE = "-DGGML_NATIVE=OFF"
NEWER_PYTHONS = ("python3.11", "python3.12", "python3.13")


class SetUpFailed(Exception):
    """The set-up cannot go on; the message says why in words."""


def fingerprint() -> str:
    """Changes whenever what is to be installed changes, or the checkout is moved (its paths are inside ``.venv``)."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_installed(dev: bool) -> bool:
    """Whether the last install was of the same things and came to its end. The development tools include the rest."""
    try:
        stamp = STAMP.read_text().split()
    except OSError:
        return False
    return stamp in ([fingerprint(), "dev"], [fingerprint(), "dev" if dev else "run"]) and PYTHON.exists()


def llama_arguments() -> str:
    """The ``CMAKE_ARGS`` to build llama.cpp with: given now, or remembered from the last time they were given."""
    return os.environ.get("CMAKE_ARGS", remembered_arguments())


def remembered_arguments() -> str:
    return LLAMA_STAMP.read_text() if LLAMA_STAMP.exists() else ""


def cmake_arguments(given: str) -> str:
    """What is really said to cmake: ``given``, and no code for this one processor unless it was asked for."""
    one_processor_is_risky = platform.machine().lower() in ("x86_64", "amd64") or bool(os.environ.get("CI"))
    return f"{given} {PORTABLE}".strip() if one_processor_is_risky and "GGML_NATIVE" not in given else given


def llama_is_installed() -> bool:
    """Whether the llama-cpp-python that constraints.txt asks for is in ``.venv`` already."""
    pin = re.search(r"^llama[-_]cpp[-_]python==(\S+)", (ROOT / "constraints.txt").read_text(), re.M | re.I)
    pattern = f"*/**/llama_cpp_python-{pin.group(1) if pin else '*'}.dist-info"
    return VENV.exists() and next(VENV.glob(pattern), None) is not None


def llama_needs_own_build(arguments: str) -> bool:
    """Whether llama.cpp must be compiled here and now, whatever pip's cache holds: the cache knows no CMAKE_ARGS."""
    return arguments != remembered_arguments() or (bool(arguments) and not llama_is_installed())


def in_words(line: str) -> str | None:
    """What a line of pip's output means for the person who waits; None for most of them."""
    found = re.match(r"\s*Downloading (\S+?)(?:-\d\S*)? \((\d+(?:\.\d+)?) (MB|GB)\)", line)
    if found and (found[3] == "GB" or float(found[2]) >= 20):
        return f"Downloading {found[1].rsplit('/', 1)[-1]} ({found[2]} {found[3]})"
    if re.search(r"Building wheel for llama[-_]cpp[-_]python .*started", line):
        return "Building llama.cpp: about 4 minutes on 2 cores, once"
    if re.search(r"Building wheel for llama[-_]cpp[-_]python .*still running", line):
        return "Still building llama.cpp"
    if line.startswith("Installing collected packages"):
        return "Putting the packages in place"
    return None


def say(text: str, since: float) -> None:
    minutes, seconds = divmod(int(time.monotonic() - since), 60)
    print(f"  [{minutes}:{seconds:02}] {text}", flush=True)


def run_logged(command: list[str], since: float, environment: dict[str, str] | None = None) -> None:
    """Run ``command``; its output goes to the log, its progress is said in words.

    Raises:
        SetUpFailed: with the last lines of the output, and where the rest is.
    """
    tail: collections.deque[str] = collections.deque(maxlen=15)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    with process, LOG.open("a", encoding="utf-8") as log:
        for line in process.stdout:
            log.write(line)
            tail.append(line.rstrip()[:300])
            words = in_words(line)
            if words:
                say(words, since)
    if process.returncode:
        last = "\n".join(f"    {line}" for line in tail)
        raise SetUpFailed(f"The installation failed. It said last:\n{last}\nAll of it is in {LOG}.")


def make_venv(since: float) -> None:
    """A virtual environment that works: kept where there is one, else made from nothing."""
    probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    if PYTHON.exists() and subprocess.run([str(PYTHON), "-c", probe], capture_output=True).returncode == 0:
        return
    say("Making .venv", since)
    if VENV.exists():
        shutil.rmtree(VENV)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetUpFailed(f"Python could not make .venv: {made.stdout.strip() or made.stderr.strip()}")


def install(dev: bool) -> None:
    """Bring ``.venv`` to what pyproject.toml and constraints.txt say.

    Raises:
        SetUpFailed: as :func:`run_logged`.
    """
    since = time.monotonic()
    arguments = llama_arguments()
    make_venv(since)
    STAMP.unlink(missing_ok=True)
    LOG.write_text("")
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUTF8": "1"}
    environment["CMAKE_ARGS"] = cmake_arguments(arguments)
    pip = [str(PYTHON), "-m", "pip", "install", "--no-input", "--progress-bar", "off", "-c", "constraints.txt"]
    build_llama = [*pip, "--no-cache-dir", "--force-reinstall", "--no-deps", "llama-cpp-python"]
    if llama_needs_own_build(arguments):
        run_logged(build_llama, since, environment)
        LLAMA_STAMP.write_text(arguments)
    say("Installing what Docent is made of", since)
    run_logged([*pip, "-e", ".[dev]" if dev else "."], since, environment)
    if llama_crashes():
        say("The llama.cpp in pip's cache was built for another processor", since)
        run_logged(build_llama, since, environment)
        if llama_crashes():
            raise SetUpFailed("llama.cpp was built, but crashes on this machine. Build it otherwise, with CMAKE_ARGS.")
    STAMP.write_text(f"{fingerprint()} {'dev' if dev else 'run'}\n")
    say("Installed", since)


def llama_crashes() -> bool:
    """Whether llama.cpp dies when it computes: built for instructions that this processor lacks, or that it breaks on.

    Only a death by signal counts; whatever else may be wrong is said by Docent itself, in a sentence.
    """
    done = subprocess.run([str(PYTHON), "-c", FIRST_WORD], cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL)
    return done.returncode < 0


FIRST_WORD = """
from llama_cpp import Llama
from assistant_app.models.model_files import starter_model
Llama(str(starter_model()), n_ctx=256, n_gpu_layers=0, verbose=False)("Once upon a time there was", max_tokens=2)
"""


def newer_python() -> str | None:
    """Another Python on the PATH that is new enough, if this one is not."""
    if sys.version_info[:2] >= check_system.OLDEST_PYTHON:
        return None
    for name in NEWER_PYTHONS:
        found = shutil.which(name)
        # Asked, not only found: a version manager leaves commands on the PATH that do not run.
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    return None


NO_DISPLAY = """There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open.
The terminal does the same job:

    .venv/bin/docent ask "How do I add a document?" resources/sample/docent-guide.pdf
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="also the tools for tests and checks")
    parser.add_argument("--window", action="store_true", help="a window is to be opened afterwards")
    chosen = parser.parse_args()
    newer = newer_python()
    if newer:
        os.execv(newer, [newer, *sys.argv])
    rebuild = llama_needs_own_build(llama_arguments())
    found = check_system.missing(build=rebuild or not llama_is_installed(), window=chosen.window)
    if found:
        print(check_system.sentence(found), file=sys.stderr)
        return 1
    if rebuild or not is_installed(chosen.dev):
        print("Setting up Docent; pip's own words go to .venv/install.log", flush=True)
        try:
            install(chosen.dev)
        except SetUpFailed as failure:
            print(failure, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nStopped. The next “make run” goes on from here.", file=sys.stderr)
            return 130
    if chosen.window and not check_system.has_display():
        print(NO_DISPLAY, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

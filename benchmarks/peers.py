"""The same PDFs and the same embedding model through Docent, and through the defaults of LangChain and LlamaIndex.

What each does with a page differs, and that is the point: Docent embeds every token of it; LangChain cuts by
characters, with a fifth repeated; LlamaIndex makes chunks of 1,024 tokens, of which the model reads the first 256.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

from assistant_app.library.embedder import _fast_bfloat16, built_in_folder
from assistant_app.protocol import messages
from benchmarks import common

ROUNDS = 3
RIVALS = Path(__file__).parent / "rivals"
ENVIRONMENT = Path(os.environ.get("DOCENT_RIVALS", common.ROOT / "build" / "rivals"))
_SAME = ("torch", "sentence-transformers", "chromadb", "transformers", "numpy")
"""Versions that must be ours: the comparison is of the way, not of the libraries below it."""


def rivals_python() -> Path:
    """The Python of the rivals' environment, made at the first time.

    Raises:
        subprocess.CalledProcessError: it could not be installed.
    """
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = ENVIRONMENT / "installed"
    if not stamp.exists():
        print(f"Installing LangChain and LlamaIndex into {ENVIRONMENT}", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pins = (common.ROOT / "constraints.txt").read_text().splitlines()
        same = ENVIRONMENT / "same.txt"
        same.write_text("\n".join(pin for pin in pins if pin.split("==")[0] in _SAME))
        command = [python, "-m", "pip", "install", "--quiet", "-r", same, "-r", RIVALS / "requirements.txt"]
        subprocess.run(command, check=True)
        stamp.touch()
    return python


def documents(folder: Path) -> list[Path]:
    """The PDFs to compare with: the shared ones where they are, else some that are made for it."""
    shared = Path(os.environ.get("DOCENT_TEST_DATA", common.ROOT.parent / "shared" / "data")) / "northwind"
    found = sorted(shared.glob("*.pdf"))
    return found or [common.make_pdf(folder / f"report {seed}.pdf", 25, seed=seed) for seed in range(1, 9)]


def ours(folder: Path, first: Path, paths: list[Path]) -> tuple[float, int, int]:
    """Pages a second, pages and passages of Docent, as its engine indexes them."""
    with common.Engine(folder / "home") as engine:
        engine.run(messages.IndexDocuments(paths=[str(first)]))  # loads the model
        seen = engine.run(messages.IndexDocuments(paths=[str(path) for path in paths]))
    done = seen[-1].event
    assert isinstance(done, messages.Indexed)
    pages = sum(document.pages for document in done.documents)
    return pages / (seen[-1].at - seen[0].at), pages, sum(document.passages for document in done.documents)


def theirs(script: str, folder: Path, first: Path, paths: list[Path]) -> tuple[float, int, int]:
    """The same of a rival."""
    command = [rivals_python(), RIVALS / script, built_in_folder(), folder / "store", first, *paths]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "ANONYMIZED_TELEMETRY": "False"}
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=offline)
    told = json.loads(run.stdout.splitlines()[-1])
    return told["pages"] / told["seconds"], told["pages"], told["chunks"]


def main() -> int:
    try:
        rivals_python()
    except subprocess.CalledProcessError:
        print("The rivals could not be installed, so there is nothing to compare with.")
        return 1
    speeds: dict[str, list[float]] = {"Docent": [], "LangChain": [], "LlamaIndex": []}
    counts: dict[str, tuple[int, int]] = {}
    with common.folder() as folder:
        first = common.make_pdf(folder / "first.pdf", 2)
        paths = documents(folder)
        for number in range(ROUNDS):
            for name in speeds:
                place = folder / f"{name} {number}"
                place.mkdir()
                if name == "Docent":
                    speed, *count = ours(place, first, paths)
                else:
                    speed, *count = theirs(f"{name.lower()}_defaults.py", place, first, paths)
                speeds[name].append(speed)
                counts[name] = (count[0], count[1])
    where = "this processor has bf16" if _fast_bfloat16() else "this processor has no bf16"
    for name, wanted in (("LangChain", 3.0), ("LlamaIndex", 1.5)):
        ratios = [one / other for one, other in zip(speeds["Docent"], speeds[name], strict=True)]
        common.say(
            f"Indexing against {name}'s defaults",
            f"{statistics.median(ratios):.2f} ×",
            f"at least {wanted} × its pages a second where the processor has bf16; {where}",
            f"Docent {common.spread(speeds['Docent'], 'pages/s', 1)}, {counts['Docent'][1]} passages; "
            f"{name} {common.spread(speeds[name], 'pages/s', 1)}, {counts[name][1]} chunks; "
            f"{counts['Docent'][0]} and {counts[name][0]} pages",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

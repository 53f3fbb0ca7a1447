"""Nothing leaves the machine: no attempt is made, and none is needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

WATCH = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg", "socket.gethostbyname"):
        with open(os.environ["DOCENT_WATCH"] + ".attempts", "a") as log:
            log.write(f"{event} {arguments!r}\\n")

sys.addaudithook(watch)
with open(os.environ["DOCENT_WATCH"] + ".processes", "a") as log:
    log.write(" ".join(sys.orig_argv) + "\\n")
"""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python process notes that it ran, and each try to reach a network."""
    folder = tmp_path / "watch"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "DOCENT_WATCH": str(tmp_path / "seen")}


def seen(tmp_path: Path, kind: str) -> list[str]:
    file = tmp_path / f"seen.{kind}"
    return file.read_text().splitlines() if file.exists() else []


def ask(environment: dict[str, str], file: Path, *before: str) -> dict[str, object]:
    command = [*before, sys.executable, "-m", "assistant_app", "ask", "How tall is the lighthouse at Cape Wrath?"]
    ran = subprocess.run([*command, str(file), "--json"], env=environment, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    answer = json.loads(ran.stdout)
    assert isinstance(answer, dict)
    return answer


def test_no_process_tries_to_reach_a_network(tmp_path: Path, watched: dict[str, str]) -> None:
    file = text_pdf(tmp_path / "Tower.pdf", [["The lighthouse at Cape Wrath is 37 metres tall."]])
    assert ask(watched, file)["found"]
    # the command itself and at least one reader were watched
    assert len(seen(tmp_path, "processes")) >= 2, seen(tmp_path, "processes")
    assert any("reader" in line for line in seen(tmp_path, "processes"))
    assert seen(tmp_path, "attempts") == []


def test_the_watch_sees_an_attempt(tmp_path: Path, watched: dict[str, str]) -> None:
    script = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    subprocess.run([sys.executable, "-c", script], env=watched, check=True)
    assert any("socket.connect" in line for line in seen(tmp_path, "attempts"))


def test_a_question_is_answered_with_the_network_cut_off(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    alone = [unshare or "unshare", "--net", "--map-root-user"]
    if unshare is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("SKIPPED LOUDLY: this system allows no network namespace; the audit hook's test still ran")
    file = text_pdf(tmp_path / "Tower.pdf", [["The lighthouse at Cape Wrath is 37 metres tall."]])
    assert ask(dict(os.environ), file, *alone)["found"]

"""``docent models``: what other programs keep, what is added, downloaded and removed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant_app.__main__ import main
from assistant_app.models import downloads
from tests import ggufs
from tests.hub import REPO, Hub, a_hub

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def docent(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs ``docent models`` in this process, on the test's own library: status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main(["--home", str(tmp_path / "cli-home"), "models", *arguments])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with a_hub() as running:
        running.add("good.gguf", ggufs.tiny_model(tmp_path / "good.gguf", name="From the hub", layers=16).read_bytes())
        yield running


def test_found_models_are_listed_with_where_they_come_from(docent: Run, tmp_path: Path) -> None:
    folder = tmp_path / "user" / "llama.cpp"
    folder.mkdir(parents=True)
    path = ggufs.tiny_model(folder / "found.gguf", name="Found")
    ggufs.cut(path, folder / "cut.gguf", 3000)
    ggufs.huge_model(folder / "huge.gguf")
    status, out, _ = docent("list", "--json")
    models = json.loads(out)["models"]
    assert status == 0
    assert [(model["name"], model["place"], model["fits"]) for model in models[1:]] == [
        ("Found", "llama.cpp", True),
        ("Huge", "llama.cpp", False),
    ]
    _, out, _ = docent("list")
    assert f"llama.cpp: {path}" in out
    assert "more than this computer has" in out
    assert docent("use", "Found")[0] == 0
    assert "* Found" in docent("list")[1]


def test_a_file_is_added(docent: Run, tmp_path: Path) -> None:
    path = ggufs.tiny_model(tmp_path / "mine.gguf", name="Mine")
    status, out, _ = docent("add", str(path), "--json")
    assert (status, json.loads(out)["models"][0]["path"]) == (0, str(path))
    assert "Mine" in docent("list")[1]
    status, out, _ = docent("add", str(tmp_path / "nothing.gguf"), "--json")
    assert (status, json.loads(out)["error"]) == (1, "model_missing")
    assert docent("add")[0] == 2


def test_an_added_model_is_removed_and_put_back(docent: Run, tmp_path: Path) -> None:
    path = ggufs.tiny_model(tmp_path / "mine.gguf", name="Mine")
    docent("add", str(path))
    docent("use", "Mine")
    status, out, err = docent("remove", "Mine", "--json")
    assert (status, [model["starter"] for model in json.loads(out)["models"]]) == (0, [True])
    said = "Removed: Mine. Its file stays where it is. It was in use: the starter model takes its place."
    assert err.splitlines()[-1] == said
    assert path.exists()
    status, out, _ = docent("remove", "Mine", "--undo", "--json")
    (back,) = json.loads(out)["models"]
    assert (status, back["path"], back["removal"], back["in_use"]) == (0, str(path), "list", True)
    assert docent("remove", "Mine", "--undo", "--json")[:2] == (
        1,
        '{"error":"model_missing","details":{"path":"Mine"}}\n',
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["starter"], "model_shipped"),
        (["Found"], "model_not_added"),
        ([], None),
        (["Found", "--undo", "--forever"], None),
    ],
)
def test_what_makes_no_sense_to_remove_is_wrong_usage(
    docent: Run, tmp_path: Path, arguments: list[str], code: str | None
) -> None:
    folder = tmp_path / "user" / "llama.cpp"
    folder.mkdir(parents=True)
    ggufs.tiny_model(folder / "found.gguf", name="Found")
    status, out, err = docent("remove", *arguments, "--json")
    assert status == 2
    assert (json.loads(out)["error"] if code else None) == code
    assert "Traceback" not in err
    assert err != ""


def test_what_can_be_downloaded_is_listed(docent: Run) -> None:
    status, out, _ = docent("download", "--json")
    offers = json.loads(out)["offers"]
    assert status == 0
    assert {"key", "name", "repo", "file", "size", "memory_gib", "licence", "fits", "recommended"} <= set(offers[0])
    _, out, _ = docent("download")
    assert f"{offers[0]['key']}: {offers[0]['name']}, {offers[0]['licence']}" in out


def test_a_model_is_downloaded(docent: Run, hub: Hub) -> None:
    status, out, err = docent("download", REPO, "good.gguf", "--from", hub.address, "--json")
    (model,) = json.loads(out)["models"]
    assert (status, model["name"]) == (0, "From the hub")
    assert " MB" in err
    assert "From the hub" in docent("list")[1]
    status, _, err = docent("remove", "From the hub")
    assert status == 0
    assert "are deleted in a day; until then --undo puts it back." in err
    assert not Path(model["path"]).exists()
    assert docent("remove", "From the hub", "--undo")[0] == 0
    assert docent("remove", "From the hub", "--forever")[0] == 0
    assert "From the hub" not in docent("list")[1]


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["no-such-model"], 2, "download_unknown"),
        (["ada", "good.gguf"], 2, "download_name_invalid"),
        ([REPO, "other.gguf"], 1, "download_not_found"),
    ],
)
def test_what_cannot_be_downloaded_says_why(
    docent: Run, hub: Hub, arguments: list[str], status: int, code: str
) -> None:
    ran, out, err = docent("download", *arguments, "--from", hub.address, "--json")
    assert (ran, json.loads(out)["error"]) == (status, code)
    assert "Traceback" not in err


def test_interrupted_it_is_gone_on_with_and_thrown_away(docent: Run, hub: Hub, tmp_path: Path) -> None:
    hub.hold_at = 2 * downloads.CHUNK
    home = str(tmp_path / "cli-home")
    command = ["-m", "assistant_app", "--home", home, "models", "download", REPO, "good.gguf", "--from", hub.address]
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert hub.held.wait(60)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, b"Traceback" in err) == (1, False)
    assert b"Stopped." in err
    hub.go_on.set()
    assert f"Begun: {REPO} good.gguf" in docent("download")[1]
    assert "From the hub" not in docent("list")[1]
    assert docent("download", REPO, "good.gguf", "--discard")[0] == 0
    assert "Begun" not in docent("download")[1]
    assert docent("download", "--discard")[0] == 2


def test_a_file_that_is_used_stays_in_the_list(docent: Run, tmp_path: Path) -> None:
    path = ggufs.tiny_model(tmp_path / "mine.gguf", name="Mine")
    assert docent("use", str(path), "--json")[0] == 0
    status, out, _ = docent("use", "starter", "--json")
    assert status == 0
    assert [(model["name"], model["in_use"]) for model in json.loads(out)["models"]][1:] == [("Mine", False)]

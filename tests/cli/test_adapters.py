"""``docent adapters``: the shelf in a terminal, with its exit statuses and sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from assistant_app.__main__ import main
from tests import ggufs
from tests.models.test_peft_folder import folder as peft_folder


class Ran(NamedTuple):
    """One command's outcome; ``adapters`` is what it printed with ``--json``."""

    status: int
    out: str
    err: str

    @property
    def adapters(self) -> list[dict[str, Any]]:
        found = json.loads(self.out)["adapters"]
        assert isinstance(found, list)
        return found


@pytest.fixture
def adapters(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ran]:
    """Runs ``docent adapters`` in this process, on the test's own library, whose model is a tiny one."""
    home = tmp_path / "cli-home"
    home.mkdir()
    tiny = ggufs.tiny_model(tmp_path / "tiny.gguf")
    (home / "settings.toml").write_text(f"[model]\npath = {json.dumps(str(tiny))}\n")

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        status = main(["--home", str(home), "adapters", *arguments])
        return Ran(status, *capfd.readouterr())

    return run


def test_the_shelf_from_adding_to_putting_back(adapters: Callable[..., Ran], tmp_path: Path) -> None:
    zeros = ggufs.adapter(tmp_path / "zeros.gguf", tmp_path / "tiny.gguf", strength=0.0, name="Zeros")
    (added,) = adapters("add", str(zeros), "--json").adapters
    assert (added["name"], added["own"], added["fits"], added["card"]["version"]) == ("Zeros", True, True, 1)
    (converted,) = adapters("add", str(peft_folder(tmp_path / "tone")), "--json").adapters
    assert (converted["name"], converted["probe"]) == ("tone", None)
    said = adapters("info", "Zeros").out
    assert "acts: no: it changes nothing" in said
    assert "from: zeros.gguf" in said
    (tried,) = adapters("info", "tone", "--json").adapters
    assert tried["probe"]["acts"]
    assert f"differ by up to {tried['probe']['difference']}" in adapters("info", "tone").out

    used = {each["name"]: each for each in adapters("use", "Zeros", "--json").adapters}
    assert used["Zeros"]["in_use"]
    laid = {each["name"]: each for each in adapters("also", "tone", "--scale", "0.5", "--json").adapters}
    assert (laid["tone"]["also"], laid["tone"]["in_use"]) == (0.5, False)

    left = adapters("remove", "Zeros", "--json").adapters
    assert "Zeros" not in [each["name"] for each in left]
    (back,) = adapters("remove", "zeros", "--undo", "--json").adapters
    assert back["path"] == added["path"]


def test_what_cannot_be_done_has_its_code_and_its_sentence(adapters: Callable[..., Ran], tmp_path: Path) -> None:
    ran = adapters("add", str(tmp_path), "--json")
    assert (ran.status, json.loads(ran.out)["error"]) == (1, "adapter_folder_unsupported")
    ran = adapters("remove", "grounded-answers", "--json")
    assert (ran.status, json.loads(ran.out)["error"]) == (1, "adapter_not_own")
    assert "comes with Docent" in ran.err
    other = ggufs.adapter(tmp_path / "other.gguf", tmp_path / "tiny.gguf")
    ggufs.card_for(other, "0" * 64)
    ran = adapters("use", str(other), "--json")
    assert (ran.status, json.loads(ran.out)["error"]) == (1, "adapter_other_base")
    assert "--anyway" in ran.err
    assert adapters("use", str(other), "--anyway", "--json").status == 0
    assert adapters("use", str(other), "--json").status == 0  # decided once
    assert adapters("add").status == adapters("also", "x", "--scale", "9").status == 2

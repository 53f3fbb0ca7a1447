"""``docent adapters train``: a file of examples in, an adapter with its card out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant_app.__main__ import main
from tests import ggufs

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def docent(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``docent adapters train`` in this process, on the test's own library: status, stdout, stderr."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main(["--home", str(tmp_path / "cli-home"), "adapters", "train", *arguments])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return ggufs.tiny_model(tmp_path / "base.gguf", values={"llama.attention.head_count_kv": ggufs.HEADS})


@pytest.fixture
def gates(tmp_path: Path) -> Path:
    """Twelve examples in OpenAI's chat shape."""
    path = tmp_path / "gates.jsonl"
    lines = [
        {
            "messages": [
                {"role": "user", "content": f"Where is gate {number}?"},
                {"role": "assistant", "content": "Verily."},
            ]
        }
        for number in range(12)
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def made(out: str) -> dict[str, Any]:
    """The one adapter of the one object on stdout."""
    (line,) = out.splitlines()
    found = json.loads(line)
    assert set(found) == {"adapters"}
    (adapter,) = found["adapters"]
    assert isinstance(adapter, dict)
    return adapter


def test_a_file_of_examples_becomes_an_adapter(docent: Run, base: Path, gates: Path, tmp_path: Path) -> None:
    told = ["--about", "gates", "--data-source", "made up", "--data-licence", "CC0-1.0", "--licence", "Apache-2.0"]
    status, out, err = docent("--data", str(gates), "--base", str(base), "--held-out", "0.3", *told, "--json")
    assert (status, "Traceback" in err) == (0, False)
    assert "training" in err
    adapter = made(out)
    path = Path(adapter["path"])
    assert path.is_file()
    assert path.is_relative_to(tmp_path / "cli-home")
    card = adapter["card"]
    assert card == json.loads(path.with_suffix(".json").read_text())
    assert (path.name, card["name"], card["version"]) == ("gates.gguf", "gates", 1)
    assert (card["about"], card["data"], card["data_licence"], card["licence"]) == (
        "gates",
        "made up",
        "CC0-1.0",
        "Apache-2.0",
    )
    assert card["settings"]["epochs"] == 3
    assert card["settings"]["held_out"] == 0.3
    assert card["examples"] + card["held_out"] == 12


@pytest.mark.slow
def test_an_adapter_is_gone_on_with_under_another_version(docent: Run, base: Path, gates: Path) -> None:
    arguments = ["--data", str(gates), "--base", str(base), "--epochs", "1", "--name", "My gates"]
    assert Path(made(docent(*arguments, "--json")[1])["path"]).name == "my-gates.gguf"
    status, out, _ = docent(*arguments, "--start-from", "my-gates", "--json")
    newer = made(out)
    assert (status, Path(newer["path"]).name, newer["card"]["version"]) == (0, "my-gates-v2.gguf", 2)
    assert newer["card"]["settings"]["epochs"] == 1
    status, out, _ = docent(*arguments)
    assert status == 0
    assert "my-gates-v3.gguf" in out
    assert "in the format" in out
    assert "beat" in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--name", "x"],
        ["--data", "x", "--epochs", "0"],
        ["--data", "x", "--epochs", "many"],
        ["--data", "x", "--held-out", "0.6"],
        ["--data", "x", "--held-out", "nan"],
        ["--data", "x", "--held-out", "-0.1"],
        ["--data"],
    ],
)
def test_wrong_usage_is_2(docent: Run, arguments: list[str]) -> None:
    status, out, err = docent(*arguments)
    assert (status, out) == (2, "")
    assert "usage" in err


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (None, "examples_missing", "is not there"),
        ("", "examples_empty", "no example"),
        ("no json\n", "examples_invalid", "Line 1"),
        ('{"messages": [{"role": "user", "content": "hello"}]}\n', "examples_invalid", "Line 1"),
    ],
)
def test_a_bad_file_is_told_in_a_sentence(
    docent: Run, base: Path, tmp_path: Path, content: str | None, code: str, sentence: str
) -> None:
    data = tmp_path / "bad.jsonl"
    if content is not None:
        data.write_text(content)
    status, out, err = docent("--data", str(data), "--base", str(base), "--json")
    assert (status, json.loads(out)["error"]) == (1, code)
    status, out, err = docent("--data", str(data), "--base", str(base))
    assert (status, out) == (1, "")
    assert sentence in err
    assert "Traceback" not in err


def test_what_is_named_and_not_there_is_told(docent: Run, base: Path, gates: Path, tmp_path: Path) -> None:
    def error(*arguments: str) -> str:
        status, out, _ = docent("--data", str(gates), *arguments, "--json")
        assert status == 1
        return str(json.loads(out)["error"])

    assert error("--base", str(tmp_path / "none.gguf")) == "model_missing"
    assert error("--base", str(base), "--start-from", "nobody") == "adapter_missing"
    assert error("--base", str(base), "--name", "../up") == "training_name_invalid"
    other = ggufs.tiny_model(tmp_path / "other.gguf", architecture="gemma")
    assert error("--base", str(other)) == "training_unsupported"

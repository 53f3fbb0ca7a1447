"""The command line, as scripts see it: one object on stdout, words on stderr, exit statuses."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assistant_app.__main__ import COMMANDS, main
from assistant_app.cli.main import _COMMANDS
from assistant_app.engine.service import Service
from assistant_app.paths import Paths
from tests.pdfs import encrypt, image_pdf, text_pdf

pytestmark = pytest.mark.models
ROOT = Path(__file__).parent.parent.parent


class Ran:
    """One command's outcome."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        (line,) = self.out.splitlines()
        found = json.loads(line)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def docent(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs one command in this process, on the test's own library."""

    def run(*arguments: str) -> Ran:
        capfd.readouterr()
        status = main(["--home", str(tmp_path / "cli-home"), *arguments])
        captured = capfd.readouterr()
        return Ran(status, captured.out, captured.err)

    return run


@pytest.fixture
def tower(tmp_path: Path) -> Path:
    return text_pdf(
        tmp_path / "Tower.pdf",
        [["Lighthouses", "The lighthouse at Cape Wrath is 37 metres tall."], ["It was built in 1828."]],
    )


def test_index_search_ask_documents_remove(docent: Any, tower: Path) -> None:
    ran = docent("index", str(tower), "--json")
    assert ran.status == 0
    assert set(ran.json) == {"documents", "pages", "passages", "seconds"}
    (document,) = ran.json["documents"]
    assert {"path", "status", "reason", "pages", "passages", "seconds"} <= set(document)
    assert (document["path"], document["status"], document["reason"], document["pages"]) == (
        str(tower),
        "indexed",
        None,
        2,
    )
    assert docent("index", str(tower), "--json").json["documents"][0]["status"] == "unchanged"

    ran = docent("search", "How tall is the lighthouse?", "--top", "1", "--json")
    assert ran.status == 0
    assert set(ran.json) == {"question", "hits", "milliseconds"}
    (hit,) = ran.json["hits"]
    assert {
        "rank",
        "path",
        "page",
        "page_label",
        "score",
        "text",
        "start",
        "length",
        "vector_rank",
        "keyword_rank",
    } <= set(hit)
    assert (hit["rank"], hit["page"]) == (1, 1)

    ran = docent("ask", "How tall is the lighthouse at Cape Wrath?", "--json")
    assert ran.status == 0
    assert set(ran.json) == {
        "question",
        "answer",
        "found",
        "citations",
        "unsupported",
        "nearest",
        "left_out",
        "model",
        "adapter",
        "tokens",
        "milliseconds",
    }
    assert "37" in ran.json["answer"]
    assert set(ran.json["tokens"]) == {"prompt", "completion"}
    assert set(ran.json["milliseconds"]) == {"retrieve", "first_token", "total"}
    citation = ran.json["citations"][0]
    assert set(citation) == {"number", "path", "page", "quote", "start", "length", "verified", "given_by"}
    assert (citation["page"], citation["verified"]) == (1, True)

    ran = docent("documents", "--json")
    assert [each["path"] for each in ran.json["documents"]] == [str(tower)]
    ran = docent("remove", str(tower), "--json")
    assert (ran.status, [each["path"] for each in ran.json["documents"]]) == (0, [str(tower)])
    assert docent("documents", "--json").json == {"documents": []}
    ran = docent("remove", str(tower))
    assert ran.status == 1
    assert "is not in the library" in ran.err


def test_ask_with_paths_looks_only_there(docent: Any, tower: Path, tmp_path: Path) -> None:
    other = text_pdf(tmp_path / "Other.pdf", [["The lighthouse at Noss Head is 18 metres tall."]])
    assert docent("index", str(tower)).status == 0
    ran = docent("ask", "How tall is the lighthouse?", str(other), "--json")
    assert ran.status == 0
    assert {citation["path"] for citation in ran.json["citations"]} == {str(other)}
    assert "18" in ran.json["answer"]


def test_every_bad_file_has_its_own_reason_and_sentence(docent: Any, tower: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\n" + b"\x00garbage" * 100)
    empty = tmp_path / "empty.pdf"
    empty.write_bytes(b"")
    letter = tmp_path / "letter.pdf"
    letter.write_text("Dear reader, this is no PDF.")
    locked = encrypt(tower, tmp_path / "locked.pdf", "sesame")
    scan = image_pdf(tmp_path / "scan.pdf", says="")
    files = [broken, empty, letter, locked, scan, tmp_path / "nowhere.pdf"]
    ran = docent("index", *map(str, files), str(tower), "--json")
    assert ran.status == 1
    outcome = {Path(each["path"]).name: (each["status"], each["reason"]) for each in ran.json["documents"]}
    assert outcome == {
        "broken.pdf": ("failed", "pdf_damaged"),
        "empty.pdf": ("failed", "file_empty"),
        "letter.pdf": ("skipped", "not_a_pdf"),
        "locked.pdf": ("failed", "password_needed"),
        "scan.pdf": ("failed", "no_text"),
        "nowhere.pdf": ("failed", "file_missing"),
        "Tower.pdf": ("indexed", None),
    }
    for file in files:
        assert f"“{file.name}”" in ran.err
    assert "Traceback" not in ran.err
    # a question on a file that cannot be read says why, too
    ran = docent("ask", "What is in it?", str(scan), "--json")
    assert (ran.status, ran.json["error"]) == (1, "no_text")


def test_a_password_from_stdin_opens_a_file(docent: Any, tower: Path, tmp_path: Path, monkeypatch: Any) -> None:
    locked = encrypt(tower, tmp_path / "locked.pdf", "Sésam ouvre-toi")
    monkeypatch.setattr(sys, "stdin", io.StringIO("wrong\n"))
    ran = docent("index", str(locked), "--password-stdin", "--json")
    assert (ran.status, ran.json["documents"][0]["reason"]) == (1, "password_wrong")
    monkeypatch.setattr(sys, "stdin", io.StringIO("Sésam ouvre-toi\n"))
    ran = docent("index", str(locked), "--password-stdin", "--json")
    assert (ran.status, ran.json["documents"][0]["status"]) == (0, "indexed")


def test_a_folder_with_one_bad_file_is_done(docent: Any, tower: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    tower.rename(folder / "Tower.pdf")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "notes.txt").write_text("Plain text is read too.")
    (folder / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0 not for Docent")
    ran = docent("index", str(folder), "--json")
    assert ran.status == 0
    outcome = {Path(each["path"]).name: each["status"] for each in ran.json["documents"]}
    assert outcome == {"Tower.pdf": "indexed", "bad.pdf": "failed", "notes.txt": "indexed", "picture.jpg": "skipped"}


def test_batches_answer_line_by_line_with_the_same_id(docent: Any, tower: Path, tmp_path: Path) -> None:
    docent("index", str(tower))
    batch = tmp_path / "questions.jsonl"
    batch.write_text(
        '{"id": "a", "question": "How tall is the lighthouse?"}\n\n{"id": 2, "question": "When was it built?"}\n'
    )
    ran = docent("search", "--batch", str(batch))
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.status, [line["id"] for line in lines]) == (0, ["a", 2])
    assert all(line["hits"] for line in lines)
    ran = docent("ask", "--batch", str(batch), "--json")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [(line["id"], line["found"]) for line in lines] == [("a", True), (2, True)]
    batch.write_text('{"id": 1, "question": "How tall is it?"}\n{"id": 2}\nnonsense\n{"id": 4, "question": ""}\n')
    ran = docent("search", "--batch", str(batch))
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.status == 1
    assert [(line["id"], line.get("error")) for line in lines] == [
        (1, None),
        (None, "batch_invalid"),
        (None, "batch_invalid"),
        (4, "question_empty"),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["search"],
        ["ask"],
        ["search", "a question", "--batch", "file"],
        ["search", "a question", "--top", "0"],
        ["search", "a question", "--top", "many"],
        ["models", "use"],
        ["models", "juggle"],
        ["no-such-command"],
        ["index"],
        ["ask", ""],
        ["--no-such-option"],
    ],
)
def test_wrong_usage_is_2(docent: Any, arguments: list[str]) -> None:
    ran = docent(*arguments)
    assert ran.status == 2
    assert ran.err
    assert "Traceback" not in ran.err


def test_a_library_in_use_is_3(docent: Any, tmp_path: Path) -> None:
    with Service(Paths.resolve(tmp_path / "cli-home")):
        ran = docent("documents", "--json")
    assert (ran.status, ran.json["error"]) == (3, "library_in_use")
    assert "open in another Docent" in ran.err


def test_models_and_adapters(docent: Any, tmp_path: Path) -> None:
    (starter,) = docent("models", "list", "--json").json["models"]
    assert starter["starter"]
    assert starter["in_use"]
    assert starter["quantisation"].startswith("Q4_1")
    assert docent("models", "info", starter["path"], "--json").json["models"][0]["layers"] == 30
    assert docent("models", "use", "starter", "--json").status == 0
    ran = docent("models", "use", str(tmp_path / "nothing.gguf"), "--json")
    assert (ran.status, ran.json["error"]) == (1, "model_missing")
    (tmp_path / "text.gguf").write_text("hello, this is no model at all")
    ran = docent("models", "use", str(tmp_path / "text.gguf"), "--json")
    assert (ran.status, ran.json["error"]) == (1, "model_not_gguf")
    shipped = docent("adapters", "list", "--json").json["adapters"]
    assert [(each["name"], each["fits"], each["in_use"]) for each in shipped] == [
        ("Grounded answers", True, True),
        ("JSON record", True, False),
    ]
    ran = docent("adapters", "use", starter["path"], "--json")
    assert (ran.status, ran.json["error"]) == (1, "adapter_not_lora")
    assert docent("adapters", "use", "none", "--json").status == 0


def test_doctor_reports_in_words_and_json(docent: Any) -> None:
    ran = docent("doctor", "--json")
    assert ran.status == 0
    report = ran.json
    assert report["ok"]
    assert report["offline"]
    assert report["packages"]["chromadb"].startswith("1.5")
    assert [device["kind"] for device in report["devices"]]
    ran = docent("doctor")
    assert "offline: True" in ran.out


def test_words_for_people(docent: Any, tower: Path) -> None:
    ran = docent("ask", "How tall is the lighthouse at Cape Wrath?", str(tower))
    assert ran.status == 0
    assert "[1] Tower.pdf, page 1 (verified" in ran.out
    assert "indexed: Tower.pdf, 2 pages" in ran.err


def test_the_installed_command_speaks_json_alone_on_stdout(tower: Path, home: Path) -> None:
    """A whole process, natively noisy libraries included; its output cannot be read in another encoding either."""
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "assistant_app",
            "ask",
            "How tall is the lighthouse at Cape Wrath?",
            str(tower),
            "--json",
        ],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert json.loads(ran.stdout)["found"]
    assert ran.stdout.count(b"\n") == 1
    assert home.is_dir()


_AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv.pop(1))
import assistant_app.engine.service
from assistant_app.__main__ import COMMANDS, main
from assistant_app.cli.main import _COMMANDS
if os.geteuid() == 0:  # root may write everywhere
    os.setegid(65534)
    os.seteuid(65534)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
@pytest.mark.parametrize("filled", [False, True])
def test_a_read_only_home_is_told_in_a_sentence(docent: Any, tower: Path, tmp_path: Path, filled: bool) -> None:
    home = tmp_path / "cli-home"
    if filled:
        assert docent("index", str(tower)).status == 0
    home.mkdir(exist_ok=True)
    for folder in (tmp_path, *(each for each in tmp_path.parents if "pytest-" in str(each))):
        folder.chmod(0o755)
    for part in [home, *home.rglob("*")]:
        part.chmod(0o555 if part.is_dir() else 0o444)
    try:
        run = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(ROOT), "--home", str(home), "index", str(tower), "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        for part in [home, *home.rglob("*")]:
            part.chmod(0o755 if part.is_dir() else 0o644)
    assert run.returncode == 1, run.stderr
    assert json.loads(run.stdout)["error"] == "library_unwritable"
    assert "Docent may not write to" in run.stderr
    assert "Traceback" not in run.stderr


def test_remove_can_be_undone(docent: Any, tower: Path) -> None:
    docent("index", str(tower))
    assert docent("remove", str(tower)).status == 0
    assert docent("documents", "--json").json == {"documents": []}
    back = docent("remove", "--undo", str(tower), "--json")
    assert [each["status"] for each in back.json["documents"]] == ["indexed"]
    assert docent("remove", "--forever", str(tower)).status == 0
    assert docent("remove", "--undo", str(tower)).status == 1
    assert docent("remove", "--undo", "--forever", str(tower)).status == 2


def test_backup_and_restore(docent: Any, tower: Path, tmp_path: Path) -> None:
    docent("index", str(tower), "--collection", "sights")
    target = tmp_path / "all.docent"
    made = docent("backup", str(target), "--json")
    assert (made.status, made.json["documents"], made.json["size"]) == (0, 1, target.stat().st_size)
    docent("remove", "--forever", str(tower))
    restored = docent("restore", str(target), "--json")
    assert (restored.status, restored.json["documents"]) == (0, 1)
    assert Path(restored.json["kept"]).is_dir()
    (document,) = docent("documents", "--json").json["documents"]
    assert (document["status"], document["collections"]) == ("indexed", ["sights"])
    bad = docent("restore", str(tower), "--json")
    assert (bad.status, bad.json["error"]) == (1, "backup_invalid")


@pytest.mark.slow
def test_every_hostile_file_gets_a_status_and_a_reason(data: Path, tmp_path: Path) -> None:
    """Through the command itself, as the contract has it."""
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "assistant_app",
            "--home",
            str(tmp_path / "h"),
            "index",
            str(data / "hostile"),
            "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "Traceback" not in run.stderr
    documents = json.loads(run.stdout)["documents"]
    files = [path for path in (data / "hostile").rglob("*") if path.is_file()]
    assert {each["path"] for each in documents} == {str(path) for path in files}
    assert len(documents) > 450
    for each in documents:
        assert each["status"] in ("indexed", "unchanged", "partial", "skipped", "failed")
        assert (each["reason"] is None) == (each["status"] in ("indexed", "unchanged")), each
    fuzzed = [each for each in documents if Path(each["path"]).suffix in (".fuzz", "")]
    assert any(each["status"] == "indexed" for each in fuzzed)


def test_every_command_is_one_though_a_file_has_its_name() -> None:
    assert set(COMMANDS) == set(_COMMANDS)


def test_a_question_beside_a_file_that_failed_is_answered_and_ends_with_1(
    docent: Any, tower: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    asked = docent("ask", "How tall is the lighthouse at Cape Wrath?", str(tower), str(broken), "--json")
    assert (asked.status, asked.json["found"]) == (1, True)
    assert "broken.pdf" in asked.err
    batch = tmp_path / "batch.jsonl"
    batch.write_bytes(b'\xef\xbb\xbf{"id": 1, "question": "How tall is the lighthouse at Cape Wrath?"}\n')
    assert docent("ask", "--batch", str(batch), str(broken), str(tower)).status == 1
    assert docent("ask", "--batch", str(batch), str(tower)).status == 0
    assert docent("summarise", str(tower), str(broken), "--json").status == 1

"""Which files are meant by the paths that a person gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from assistant_app.documents.files import Offered, offered_files
from tests.pdfs import text_pdf

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


def offered(*paths: Path | str) -> list[Offered]:
    return list(offered_files([str(path) for path in paths]))


def outcomes(*paths: Path | str) -> dict[str, tuple[str, str | None]]:
    """Name to status and reason; those that are to be tried have the status "try"."""
    return {
        Path(each.path).name: (each.outcome.status, each.outcome.reason) if each.outcome else ("try", None)
        for each in offered(*paths)
    }


def test_a_named_file_is_always_tried(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("plain")
    empty = tmp_path / ".hidden"
    empty.touch()
    assert [(each.path, each.size, each.named, each.outcome) for each in offered(notes, empty)] == [
        (str(notes), 5, True, None),
        (str(empty), 0, True, None),
    ]


def test_in_a_folder_content_decides(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    text_pdf(tmp_path / "deep" / "er" / "real.pdf", [["a"]])
    text_pdf(tmp_path / "no_ending", [["a"]])
    (tmp_path / "late.bin").write_bytes(b"\n" * 900 + b"%PDF-1.4")
    (tmp_path / "wrong.PDF").write_text("not really")
    (tmp_path / "empty.pdf").touch()
    (tmp_path / "empty.txt").touch()
    (tmp_path / "notes.txt").write_text("plain")
    (tmp_path / "notes").write_text("plain, but nothing says that it is a document")
    (tmp_path / "empty.bin").touch()
    (tmp_path / "program.py").write_text("import this")
    (tmp_path / "page").write_text("\n<!-- saved --><HTML><body>Hello")
    for name in ("a.docx", "b.PPTX", "c.epub", "d.md", "e.htm", "f.csv", "g.log"):
        (tmp_path / name).write_text("anything")
    with zipfile.ZipFile(tmp_path / "letter", "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("a.png", "x")
    (tmp_path / "~$a.docx").write_bytes(b"\x05Owner")
    tried = "a.docx b.PPTX c.epub d.md e.htm f.csv g.log page letter empty.txt notes.txt".split()
    assert outcomes(tmp_path) == {
        **dict.fromkeys(tried, ("try", None)),
        "empty.pdf": ("try", None),
        "empty.bin": ("skipped", "not_a_pdf"),
        "late.bin": ("try", None),
        "no_ending": ("try", None),
        "notes": ("skipped", "not_a_pdf"),
        "pictures.zip": ("skipped", "not_a_pdf"),
        "program.py": ("skipped", "not_a_pdf"),
        "real.pdf": ("try", None),
        "wrong.PDF": ("try", None),
    }
    assert not any(each.named for each in offered(tmp_path))


def test_the_order_is_always_the_same(tmp_path: Path) -> None:
    for name in ("b", "c", "a"):
        (tmp_path / name).mkdir()
        text_pdf(tmp_path / name / "x.pdf", [["a"]])
    names = [Path(each.path).parent.name for each in offered(tmp_path)]
    assert names == ["a", "b", "c"]


def test_hidden_files_and_folders_are_left_out_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    text_pdf(tmp_path / ".cache" / "a.pdf", [["a"]])
    text_pdf(tmp_path / ".b.pdf", [["b"]])
    assert outcomes(tmp_path) == {tmp_path.name: ("skipped", "folder_without_documents")}


def test_the_same_file_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = text_pdf(tmp_path / "a.pdf", [["a"]])
    monkeypatch.chdir(tmp_path)
    assert [each.path for each in offered(file, "a.pdf", tmp_path / "x" / ".." / "a.pdf", tmp_path)] == [str(file)]


def test_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = text_pdf(tmp_path / "a.pdf", [["a"]])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert [each.path for each in offered("~/a.pdf")] == [str(file)]


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    file = text_pdf(tmp_path / "a.pdf", [["a"]])
    for path in (tmp_path / "gone.pdf", file / "under", tmp_path / ("n" * 300)):
        (found,) = offered(path)
        assert found.outcome is not None
        assert (found.outcome.status, found.outcome.reason) == ("failed", "file_missing")
        assert not found.is_file


@posix
def test_links(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    file = text_pdf(tmp_path / "a.pdf", [["a"]])
    (inside / "link.pdf").symlink_to(file)
    (inside / "gone.pdf").symlink_to(tmp_path / "nowhere")
    (inside / "round").symlink_to(inside, target_is_directory=True)
    assert outcomes(inside) == {"gone.pdf": ("failed", "file_missing"), "link.pdf": ("try", None)}


@posix
@pytest.mark.timeout(20)
def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    os.mkfifo(tmp_path / "pipe")
    expected = {"pipe": ("skipped", "not_a_pdf"), "pipe.pdf": ("skipped", "not_a_pdf")}
    assert outcomes(tmp_path) == expected
    assert outcomes(tmp_path / "pipe", tmp_path / "pipe.pdf") == expected
    assert outcomes("/dev/zero") == {"zero": ("skipped", "not_a_pdf")}


@posix
def test_a_name_that_is_no_text_gets_its_own_reason(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.pdf")
    try:
        Path(path).write_bytes(b"%PDF-1.4")
    except OSError:
        pytest.skip("this file system only takes names that are text")
    assert outcomes(tmp_path) == {"caf?.pdf": ("failed", "file_name_unsupported")}
    (named,) = offered(path)
    assert named.outcome is not None
    assert named.outcome.reason == "file_name_unsupported"
    named.outcome.path.encode()


def test_a_nul_in_a_path_is_an_outcome() -> None:
    (found,) = offered("a\0b.pdf")
    assert found.outcome is not None
    assert found.outcome.reason == "file_name_unsupported"


_AS_NOBODY = """
import json, os, sys
from assistant_app.documents.files import offered_files
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(json.dumps([[os.path.basename(each.path), each.outcome and each.outcome.reason, each.is_file]
                  for each in offered_files(sys.argv[1:])]))
"""


@posix
def test_without_permission(tmp_path: Path) -> None:
    """In a child that gave up being root, because root may read everything."""
    open_folder, closed = tmp_path / "open", tmp_path / "open" / "closed"
    closed.mkdir(parents=True)
    text_pdf(closed / "a.pdf", [["a"]])
    unreadable = tmp_path / "open" / "secret"
    unreadable.write_bytes(b"%PDF-1.4 secret")
    # pytest's own folders are closed to others.
    for folder in (tmp_path, *(each for each in tmp_path.parents if "pytest-" in str(each))):
        folder.chmod(0o755)
    empty = tmp_path / "open" / "blank"
    empty.touch()
    for each in (closed, unreadable, empty):
        each.chmod(0)
    try:
        run = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(open_folder), str(closed), str(closed / "a.pdf")],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parent.parent.parent,
        )
    finally:
        closed.chmod(0o755)
    if "Permission denied" in run.stderr:
        pytest.skip(f"SKIPPED LOUDLY: the child may not even read Docent: {run.stderr.splitlines()[-1]}")
    assert json.loads(run.stdout) == [
        ["blank", "not_a_pdf", False],
        ["secret", None, True],
        ["closed", "folder_unreadable", False],
        ["a.pdf", "file_unreadable", True],
    ]

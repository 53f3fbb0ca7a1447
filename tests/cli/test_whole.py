"""Whole documents and the file for a bug report, from a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant_app.__main__ import main
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models


@pytest.fixture
def docent(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs one command on the test's own library: exit status and what stood on stdout."""

    def run(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        status = main(["--home", str(tmp_path / "cli-home"), *arguments])
        return status, capfd.readouterr().out

    return run


def test_a_document_is_summarised_and_two_are_compared(docent: Any, tmp_path: Path) -> None:
    wrath = text_pdf(tmp_path / "Wrath.pdf", [["The lighthouse at the northern cape is 37 metres tall."]])
    skye = text_pdf(tmp_path / "Skye.pdf", [["The lighthouse at the northern cape is 21 metres tall."]])
    status, out = docent("summarise", str(wrath), "--json")
    assert status == 0
    answer = json.loads(out)
    assert answer["found"]
    assert answer["citations"][0]["quote"] == "The lighthouse at the northern cape is 37 metres tall."
    assert {"question", "answer", "found", "citations", "unsupported", "model", "tokens"} <= set(answer)
    status, out = docent("summarise", str(wrath), str(skye))
    assert status == 0
    assert out.index("37 metres") < out.index("21 metres")
    assert docent("summarise", str(wrath), str(wrath))[0] == 2
    assert docent("summarise", str(wrath), str(skye), str(wrath))[0] == 2
    assert docent("summarise", str(tmp_path / "nothing.pdf"))[0] == 1


def test_doctor_saves_a_file_for_a_bug_report(docent: Any, tmp_path: Path) -> None:
    status, _ = docent("doctor", "--save", str(tmp_path / "report.json"))
    assert status == 0
    assert json.loads((tmp_path / "report.json").read_text())["installation"]["ok"]
    assert str(tmp_path) not in (tmp_path / "report.json").read_text()
    assert docent("doctor", "--save", str(tmp_path / "no" / "report.json"))[0] == 1

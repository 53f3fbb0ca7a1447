"""A conversation as a file: complete, and harmless whatever the documents and the model wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest
from markdown_it import MarkdownIt
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from assistant_app.errors import Code, DocentError
from assistant_app.gui import conversation_export
from assistant_app.gui.main_window import MainWindow
from assistant_app.protocol.records import Answer, Citation, Conversation, Turn
from tests.gui.test_turns import asked

Maker = Callable[..., MainWindow]
EVIL = (
    "The sum is **$2,000** [1]. ![x](http://evil.example/a.png) [1](http://evil.example) \\[q](http://evil.example)"
    " <img src=x onerror=alert(1)> <http://evil.example> http://evil.example www.evil.example a@evil.example &lt;b&gt;"
    "\n\n[1]: http://evil.example\n[ref]: http://evil.example\n\n- a point\n\n| a | b |\n|---|---|\n| 1 | [x][ref] |\n"
)
QUOTE = "# The sum\nis $2,000. ![q](http://evil.example/q.png) <script>alert(1)</script>"
CONVERSATION = Conversation(id=1, title="What is <b>the sum</b>? [x](http://e)", turns=1, changed_at="")


def turn(**more: object) -> Turn:
    citation = Citation(
        number=1,
        path="/home/ann/a_b*c.pdf",
        page=3,
        page_label="iii",
        quote=QUOTE,
        start=0,
        length=1,
        verified=True,
        given_by="model",
    )
    doubtful = Citation(
        number=2, path="/x.md", page=None, quote="q", start=0, length=1, verified=False, given_by="search"
    )
    answer = Answer(
        question="q", answer=EVIL, found=True, citations=[citation, doubtful], unsupported=["It is ![so](http://e)."]
    )
    return Turn(id=1, question="And *this*?\n# not a heading", searched="And the sum?", answer=answer, **more)  # type: ignore[arg-type]


def rendered() -> str:
    """The Markdown as a common viewer shows it, with HTML allowed and addresses made links."""
    viewer = MarkdownIt("commonmark", {"html": True}).enable("table")
    return viewer.render(conversation_export.as_markdown(CONVERSATION, [turn()]))


def test_markdown_holds_everything(qtbot: QtBot) -> None:
    html = rendered()
    assert re.findall(r"<h\d>.*?</h\d>", html) == [
        "<h1>What is &lt;b&gt;the sum&lt;/b&gt;? [x](http://e)</h1>",
        "<h2>And *this*? # not a heading</h2>",
    ]
    assert "Understood as: And the sum?" in html
    assert "The sum is <strong>$2,000</strong> [1]." in html
    assert "<li>a point</li>" in html
    assert "<table>" in html
    assert "[1] <strong>a_b*c.pdf, page iii</strong> (verified): “# The sum is $2,000." in html
    assert "(not verified)" in html
    assert "It is ![so](http://e)." in html


def test_nothing_in_markdown_is_a_link_a_picture_or_html(qtbot: QtBot) -> None:
    html = rendered()
    assert "<img" not in html
    assert "<a " not in html
    assert "<script" not in html
    text = conversation_export.as_markdown(CONVERSATION, [turn()])
    assert "://" not in text  # what viewers make a link by themselves
    assert "www." not in text
    assert "@" not in text


def test_json_is_the_turns_with_their_citations(qtbot: QtBot) -> None:
    told = json.loads(conversation_export.as_json(CONVERSATION, [turn(stopped=True)]))
    assert told["title"] == CONVERSATION.title
    (first,) = told["turns"]
    assert (first["question"], first["searched"], first["stopped"]) == (turn().question, "And the sum?", True)
    assert first["answer"] == EVIL
    one, two = first["citations"]
    assert (one["document"], one["page"], one["quote"], one["verified"]) == ("a_b*c.pdf", 3, QUOTE, True)
    assert (two["page"], two["verified"], two["given_by"]) == (None, False, "search")


def test_the_pdf_holds_the_text_and_no_link(qtbot: QtBot, tmp_path: Path) -> None:
    content = conversation_export.export("pdf", CONVERSATION, [turn() for _ in range(12)])
    file = tmp_path / "a.pdf"
    file.write_bytes(content)
    pdf = pypdfium2.PdfDocument(file)
    text = "".join(page.get_textpage().get_text_range() for page in pdf)
    assert len(pdf) > 1
    assert "The sum is $2,000" in " ".join(text.split())
    assert "<script>alert(1)</script>" in " ".join(text.split())
    assert b"/URI" not in content
    pdf.close()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("What is it?", "What is it.md"),
        ('a/b\\c:d*e"f<g>h|i', "a b c d e f g h i.md"),
        ("...", "Conversation.md"),
        ("x" * 300, "x" * 80 + ".md"),
        ("../../etc/passwd", "etc passwd.md"),
    ],
)
def test_the_file_is_named_after_the_title(title: str, name: str) -> None:
    assert conversation_export.file_name(title, "markdown") == name


def test_a_file_that_cannot_be_written_is_a_code_and_the_old_one_stays(tmp_path: Path) -> None:
    with pytest.raises(DocentError) as raised:
        conversation_export.write(str(tmp_path / "no" / "a.md"), b"x")
    assert raised.value.code is Code.FILE_UNWRITABLE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["markdown", "pdf", "json"])
def test_the_window_writes_what_was_kept(qtbot: QtBot, window: Maker, tmp_path: Path, kind: str) -> None:
    made = window("three")
    asked(qtbot, made)
    target = tmp_path / conversation_export.file_name("x", kind)
    made.menus.export_requested.emit(kind)
    dialog = made.findChild(QFileDialog)
    assert dialog is not None
    assert dialog.defaultSuffix() == conversation_export.SUFFIXES[kind]
    assert Path(dialog.selectedFiles()[0]).stem == "What is the deductible"
    dialog.fileSelected.emit(str(target))
    dialog.close()
    qtbot.waitUntil(lambda: f"“{target.name}”" in made.notice.text)
    assert target.stat().st_size > 200
    made.exports.export(made.conversation.number, str(tmp_path / "none" / "x"), kind)
    qtbot.waitUntil(lambda: "could not be written" in made.notice.text)


def test_only_what_was_kept_can_be_exported(qtbot: QtBot, window: Maker) -> None:
    made = window("three")
    exports = [each for each in made.menus.conversation_menu.actions() if "Export" in each.text()]
    assert not exports[0].isEnabled()
    asked(qtbot, made)
    assert exports[0].isEnabled()


def test_diagnostics_say_what_they_hold_and_are_saved(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    made = window("three")
    made.exports.ask_diagnostics()
    box = made.findChild(QMessageBox)
    assert box is not None
    assert "no text of your documents" in box.informativeText()
    box.close()
    target = tmp_path / "d.json"
    made.exports.save_diagnostics(str(target))
    qtbot.waitUntil(lambda: "“d.json”" in made.notice.text)
    assert target.exists()
    made.exports.save_diagnostics(str(tmp_path / "no" / "d.json"))
    qtbot.waitUntil(lambda: "could not be written" in made.notice.text)

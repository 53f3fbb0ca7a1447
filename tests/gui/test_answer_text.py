"""What a model writes is shown and never obeyed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from assistant_app.gui.answer_text import AnswerText
from assistant_app.protocol.records import Citation

CITATIONS = {
    number: Citation(
        number=number, path="/a.pdf", page=number, quote="q", start=0, length=1, verified=True, given_by="model"
    )
    for number in (1, 2, 12)
}


@pytest.fixture
def text(qtbot: QtBot) -> AnswerText:
    widget = AnswerText()
    qtbot.addWidget(widget)
    widget.resize(400, 100)
    widget.show()
    return widget


def links(widget: AnswerText) -> list[tuple[str, str]]:
    """Every piece of text that leads somewhere, and where to."""
    found: list[tuple[str, str]] = []
    block = widget.document().begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            fragment = pieces.fragment()
            if fragment.charFormat().anchorHref():
                found.append((fragment.text(), fragment.charFormat().anchorHref()))
            pieces += 1
        block = block.next()
    return found


@pytest.mark.parametrize(
    ("markdown", "shown", "numbers"),
    [
        ("So it is [1].", "So it is [1].", [1]),
        ("So [1][2], and [1, 12].", "So [1][2], and [1][12].", [1, 2, 1, 12]),
        ("Unknown [7] stays, [1] leads.", "Unknown [7] stays, [1] leads.", [1]),
        ("[1]: http://evil.example", "[1]: http://evil.example", [1]),
        ("`code [1]` here", "code [1] here", [1]),
        ("Wide 😀 characters 𝒳 [2] here", "Wide 😀 characters 𝒳 [2] here", [2]),
        ("# Heading [1]\n\n- item [2]", "Heading [1]\nitem [2]", [1, 2]),
        ("not \ue0001\ue001 a mark", "not 1 a mark", []),
    ],
)
def test_numbers_of_citations_lead_to_them(text: AnswerText, markdown: str, shown: str, numbers: list[int]) -> None:
    text.set_answer(markdown, CITATIONS)
    assert text.toPlainText() == shown
    assert ([int(target.removeprefix("citation:")) for piece, target in links(text)] and numbers) or not numbers
    clickable = "".join(piece for piece, _ in links(text))
    assert clickable == "".join(f"[{number}]" for number in numbers)


@pytest.mark.parametrize(
    "markdown",
    [
        "[click](http://evil.example)",
        "<http://evil.example>",
        "http://evil.example",
        "![p](http://evil.example/x.png)",
        "![p](file:///etc/passwd)",
        "[x](file:///etc/passwd)",
        "[x](javascript:alert(1))",
        '<a href="http://evil.example">x</a>',
        '<img src="http://evil.example/x.png">',
        "[fake](citation:9999)",
        "[r][1]\n\n[1]: http://evil.example",
    ],
)
def test_nothing_else_leads_anywhere_or_is_fetched(text: AnswerText, markdown: str) -> None:
    text.set_answer(markdown, {})
    QApplication.processEvents()
    text.grab()
    assert links(text) == []
    assert "\ufffc" not in text.document().toRawText()


def test_html_stays_text(text: AnswerText) -> None:
    text.set_answer("<b>bold</b> <script>alert(1)</script>", {})
    assert text.toPlainText() == "<b>bold</b> <script>alert(1)</script>"


def test_no_resource_is_ever_loaded(text: AnswerText) -> None:
    for kind in (QTextDocument.ResourceType.ImageResource, QTextDocument.ResourceType.StyleSheetResource):
        assert text.loadResource(kind.value, QUrl("http://evil.example/x")) is None


def test_only_citations_are_told(qtbot: QtBot, text: AnswerText) -> None:
    told: list[int] = []
    text.citation_clicked.connect(told.append)
    for address in ("http://evil.example", "file:///etc/passwd", "citation:2"):
        text.anchorClicked.emit(QUrl(address))
    assert told == [2]


def test_it_is_as_tall_as_its_text(text: AnswerText) -> None:
    text.set_answer("short", {})
    low = text.height()
    text.set_answer("many words " * 200, {})
    assert text.height() > 5 * low
    wide = text.height()
    text.resize(800, text.height())
    assert text.height() < wide
    assert text.verticalScrollBar().maximum() == 0


def test_its_text_can_be_selected_and_its_numbers_reached_by_keyboard(text: AnswerText) -> None:
    flags = text.textInteractionFlags()
    assert flags & Qt.TextInteractionFlag.TextSelectableByKeyboard
    assert flags & Qt.TextInteractionFlag.LinksAccessibleByKeyboard

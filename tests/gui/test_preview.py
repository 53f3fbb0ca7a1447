"""The plain preview: text as text, headings larger, places found by what the engine counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from assistant_app.gui import preview_search, style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.preview_document import LONGEST_LINE, PreviewDocument
from assistant_app.gui.viewer_pane import ViewerPane
from assistant_app.protocol.records import Citation, Heading, Section

QUOTE = "The deductible 😀 is $2,000."
TEXT = f"""# Handbook

<b>Not bold</b> and [no link](http://example.org) 😀😀.

## The Standard plan

Some words before. {QUOTE} Some words after.
""" + "".join(f"\nParagraph {number} of the rest.\n" for number in range(80))


def texts(document: QTextDocument, found: tuple[int, int] | None) -> str:
    assert found is not None
    cursor = QTextCursor(document)
    cursor.setPosition(found[0])
    cursor.setPosition(found[1], QTextCursor.MoveMode.KeepAnchor)
    return cursor.selectedText()


# ---------------------------------------------------------------- offsets

LINES = st.lists(st.text(st.sampled_from("ab é😀\u2029\x00\u200d"), max_size=12), max_size=8)


@given(st.lists(LINES, min_size=1, max_size=4), st.data())
def test_offsets_in_code_points_find_their_text(cut: list[list[str]], data: st.DataObject) -> None:
    document = QTextDocument()
    preview = PreviewDocument(document)
    whole = ""
    for lines in cut:
        text = "\n".join(lines) + "\n"
        preview.add(Section(page=None, label="", start=len(whole), text=text))
        whole += text
    words = [at for at, character in enumerate(whole) if not character.isspace() and character not in "\x00\u2029"]
    if not words:
        return
    first = data.draw(st.sampled_from(words))
    last = data.draw(st.sampled_from([at for at in words if at >= first]))
    shown = texts(document, preview.range_of(None, first, last - first + 1))
    unseen = str.maketrans("", "", " \n\x00\u2029")
    assert shown.translate(unseen) == whole[first : last + 1].translate(unseen)


def test_on_slides_offsets_count_from_the_slide(qapp: object) -> None:
    document = QTextDocument()
    preview = PreviewDocument(document)
    for page in (1, 2, 3):
        preview.add(Section(page=page, label=str(page), start=1000 * page, text=f"Title {page}\n😀 Point {page}"))
    assert texts(document, preview.range_of(2, 10, 7)) == "Point 2"
    assert preview.range_of(4, 0, 3) is None
    assert preview.range_of(None, 0, 3) is None
    assert document.findBlock(preview.captions[3]).text() == "Slide 3"


@pytest.mark.parametrize(("start", "length"), [(-1, 3), (10_000, 3), (0, 0), (2, 10_000), (10**12, 10**12)])
def test_a_place_that_is_not_there_is_none(qapp: object, start: int, length: int) -> None:
    preview = PreviewDocument(QTextDocument())
    preview.add(Section(page=None, label="", start=0, text="A few words."))
    assert preview.range_of(None, start, length) is None


def test_headings_are_larger_and_a_long_line_is_cut(qapp: object) -> None:
    document = QTextDocument()
    preview = PreviewDocument(document)
    text = "Chapter\nplain\n" + "x" * (2 * LONGEST_LINE + 5)
    headings = [Heading(start=0, length=7, level=1)]
    preview.add(Section(page=None, label="Chapter", start=0, text=text, headings=headings))
    blocks = [document.findBlockByNumber(number) for number in range(document.blockCount())]
    assert [block.blockFormat().headingLevel() for block in blocks[:2]] == [1, 0]
    sizes = [block.begin().fragment().charFormat().font().weight() for block in blocks[:2]]
    assert sizes[0] > sizes[1]
    assert [len(block.text()) for block in blocks[2:]] == [LONGEST_LINE, LONGEST_LINE, 5]
    assert texts(document, preview.range_of(None, len(text) - 3, 3)) == "xxx"


def test_the_marks_of_markdown_headings_are_not_shown_and_offsets_still_count_them(qapp: object) -> None:
    document = QTextDocument()
    preview = PreviewDocument(document)
    text = "## The plan\n# no heading\nIt costs $5."
    preview.add(Section(page=None, label="", start=0, text=text, headings=[Heading(start=0, length=11, level=2)]))
    assert document.toPlainText() == "The plan\n# no heading\nIt costs $5."
    assert texts(document, preview.range_of(None, text.index("It"), 12)) == "It costs $5."
    assert texts(document, preview.range_of(None, 0, 11)) == "The plan"
    assert texts(document, preview.range_of(None, 3, 3)) == "The"


# ---------------------------------------------------------------- in the viewer


@pytest.fixture
def pane(qtbot: QtBot, fake_engine: Callable[..., EngineLink], request: pytest.FixtureRequest) -> ViewerPane:
    link = fake_engine(getattr(request, "param", "plain"))
    made = ViewerPane(link)
    qtbot.addWidget(made)
    made.resize(480, 600)
    made.show()
    link.start()
    return made


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    path = tmp_path / "handbook.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def citation(path: Path, quote: str = QUOTE, page: int | None = None, start: int | None = None) -> Citation:
    """As the engine counts: in the text of the whole document, which the fake one cuts at its headings."""
    whole = TEXT.replace("## ", "").replace("# ", "")
    at = whole.index(quote) if start is None else start
    return Citation(
        number=1, path=str(path), page=page, quote=quote, start=at, length=len(quote), verified=True, given_by="model"
    )


def test_text_is_shown_as_text(qtbot: QtBot, pane: ViewerPane, handbook: Path) -> None:
    with qtbot.waitSignal(pane.preview.loaded):
        pane.show_document(str(handbook))
    assert pane.front is pane.preview
    assert pane.preview.isVisible()
    shown = pane.preview.toPlainText()
    assert shown.startswith("Handbook\n<b>Not bold</b> and [no link](http://example.org) 😀😀.\nThe Standard plan\n")
    assert pane.toolbar.field.isHidden()
    assert pane.toolbar.find_button.isEnabled()


def test_a_cited_sentence_is_highlighted_and_in_sight(qtbot: QtBot, pane: ViewerPane, handbook: Path) -> None:
    with qtbot.waitSignal(pane.highlighted) as shown:
        pane.show_citation(citation(handbook))
    path, page, boxes = shown.args
    assert (path, page, len(boxes)) == (str(handbook), 0, 2)
    marks = pane.preview.extraSelections()
    assert [mark.cursor.selectedText() for mark in marks] == [QUOTE]
    assert marks[0].format.background().color() == style.colour("highlight")
    with qtbot.waitSignal(pane.highlighted):
        pane.show_citation(citation(handbook, "Paragraph 79 of the rest."))
    assert pane.preview.verticalScrollBar().value() > 0
    (first, last) = pane.preview.quote_on_screen()
    assert 0 <= first.top() <= last.bottom() <= pane.preview.viewport().height()


@pytest.mark.parametrize("pane", [{"section_seconds": 0.05}], indirect=True)
def test_a_sentence_is_found_as_soon_as_its_section_is_there(qtbot: QtBot, pane: ViewerPane, handbook: Path) -> None:
    with qtbot.waitSignal(pane.highlighted):
        pane.show_citation(citation(handbook))
    pane.show_citation(citation(handbook, start=10**6))
    qtbot.waitUntil(lambda: "was not found in the text" in pane.notice.text)


def test_slides_have_captions_and_can_be_turned(qtbot: QtBot, pane: ViewerPane, tmp_path: Path) -> None:
    with qtbot.waitSignal(pane.preview.loaded):
        pane.show_document(str(tmp_path / "talk.pptx"))
    assert pane.toolbar.count.text() == "of 12"
    assert pane.toolbar.field.text() == "1"
    qtbot.mouseClick(pane.toolbar.next, Qt.MouseButton.LeftButton)
    assert pane.toolbar.field.text() == "2"
    pane.toolbar.field.setText("9")
    qtbot.keyClick(pane.toolbar.field, Qt.Key.Key_Return)
    assert pane.preview.page == 9
    pane.preview.verticalScrollBar().setValue(0)
    assert pane.toolbar.field.text() == "1"
    with qtbot.waitSignal(pane.highlighted) as shown:
        pane.show_citation(citation(tmp_path / "talk.pptx", "A point that is made.", page=3, start=19))
    assert shown.args[1] == 3
    assert pane.toolbar.field.text() == "3"


def test_find_in_the_preview(qtbot: QtBot, pane: ViewerPane, handbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with qtbot.waitSignal(pane.preview.loaded):
        pane.show_document(str(handbook))
    pane.activateWindow()
    pane.preview.setFocus()
    qtbot.waitUntil(pane.preview.hasFocus)
    qtbot.keyClick(pane.preview, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(pane.find_bar.field.hasFocus)
    qtbot.keyClicks(pane.find_bar.field, "PARAGRAPH")
    qtbot.keyClick(pane.find_bar.field, Qt.Key.Key_Return)
    assert pane.find_bar.count.text() == "1 of 80"
    pane.find_bar.step(-1)
    assert pane.find_bar.count.text() == "80 of 80"
    assert pane.preview.verticalScrollBar().value() > 0
    assert len(pane.preview.extraSelections()) == 80
    monkeypatch.setattr(preview_search, "MOST_MATCHES", 10)
    pane.preview_search.search("paragraph", 0)
    assert pane.find_bar.count.text() == "1 of more than 10"
    qtbot.keyClick(pane.find_bar.field, Qt.Key.Key_Escape)
    assert pane.preview.extraSelections() == []


def test_zoom_and_copy(qtbot: QtBot, pane: ViewerPane, handbook: Path) -> None:
    with qtbot.waitSignal(pane.preview.loaded):
        pane.show_document(str(handbook))
    height = pane.preview.document().size().height()
    pane.activateWindow()
    pane.preview.setFocus()
    qtbot.waitUntil(pane.preview.hasFocus)
    qtbot.keyClick(pane.preview, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert pane.toolbar.zoom.text() == "110 %"
    assert pane.preview.document().size().height() > height
    qtbot.keyClick(pane.preview, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert pane.preview.zoom == 1.0
    pane.preview.selectAll()
    qtbot.keyClick(pane.preview, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    data = QApplication.clipboard().mimeData()
    assert data.text().startswith("Handbook\n<b>Not bold</b>")
    assert not data.hasHtml()


def test_from_a_preview_to_pages_and_back(qtbot: QtBot, pane: ViewerPane, handbook: Path) -> None:
    with qtbot.waitSignal(pane.preview.loaded):
        pane.show_document(str(handbook))
    pane.show_document("/documents/report.pdf", 2)
    qtbot.waitUntil(lambda: pane.front is pane.view and pane.view.page == 2)
    assert pane.toolbar.field.isVisible()
    assert pane.preview.toPlainText() == ""
    with qtbot.waitSignal(pane.preview.loaded):
        pane.show_document(str(handbook))
    assert pane.preview.isVisible()


def test_a_preview_survives_the_death_of_the_engine(qtbot: QtBot, pane: ViewerPane, handbook: Path) -> None:
    with qtbot.waitSignal(pane.preview.loaded):
        pane.show_document(str(handbook))
    pane._link._process.kill()
    with qtbot.waitSignal(pane._link.ready):
        pass
    qtbot.waitUntil(lambda: pane.is_open and pane._opening is None)
    assert pane.preview.toPlainText().startswith("Handbook")


def test_a_password_in_the_viewer_is_kept_only_if_asked(
    qtbot: QtBot, fake_engine: Callable[..., EngineLink], tmp_path: Path
) -> None:
    import json

    log = tmp_path / "log"
    link = fake_engine("plain", "--log", str(log))
    pane = ViewerPane(link)
    qtbot.addWidget(pane)
    pane.show()
    link.start()
    pane.show_document("/documents/locked.pdf")
    qtbot.waitUntil(pane.message.password.isVisible)
    assert not pane.message.keep.isChecked()
    pane.message.keep.setChecked(True)
    pane.message.password.setText("open sesame")
    qtbot.keyClick(pane.message.password, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: pane.view.page_count > 0)
    sent = [json.loads(line) for line in log.read_text().splitlines()]
    opened = [(each.get("password"), each.get("keep_password", False)) for each in sent if "open_doc" in each["type"]]
    assert opened == [(None, False), ("open sesame", True)]


def test_ctrl_f_works_from_anywhere_in_the_window(
    qtbot: QtBot, window: Callable[..., MainWindow], handbook: Path
) -> None:
    made = window("three")
    made.menus.edit_menu.aboutToShow.emit()
    assert not made.menus.find.isEnabled()
    made.open_document(str(handbook))
    assert made.viewer is not None
    qtbot.waitUntil(lambda: made.viewer is not None and made.viewer.is_open)
    made.activateWindow()
    field = made.conversation.composer.field
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    qtbot.keyClick(field, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(made.viewer.find_bar.field.hasFocus)
    made.viewer.find_bar.close_bar()
    made.menus.viewer_toggled.emit(False)
    made.menus.edit_menu.aboutToShow.emit()
    made.menus.find.trigger()
    assert made.viewer.find_bar.isVisible()

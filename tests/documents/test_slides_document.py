"""PPTX, made by python-pptx: a page for each slide, with title, text, tables and notes; damaged and hostile ones."""

from __future__ import annotations

from pathlib import Path

import pptx
import pytest
from pptx.util import Inches

from assistant_app.documents.opening import open_document
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import Code, DocentError
from tests.documents.test_text_document import headings, rows
from tests.documents.test_word_document import changed, refusal


def talk(path: Path) -> Path:
    """Three slides: title, text and notes; a table and a group; nothing."""
    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.placeholders[1].text = "Point one\nPoint\vtwo"
    first.shapes.title.text = "The\vtitle"
    first.notes_slide.notes_text_frame.text = "Say hello."
    second = show.slides.add_slide(show.slide_layouts[6])
    table = second.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(1)).table
    for cell, text in zip(table.iter_cells(), ("Year", "Sum", "2023", "4.2"), strict=True):
        cell.text = text
    group = second.shapes.add_group_shape()
    inner = group.shapes.add_group_shape()
    inner.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "In a group"
    show.slides.add_slide(show.slide_layouts[6])
    show.save(str(path))
    return path


def test_slides_are_pages(tmp_path: Path) -> None:
    document = open_document(str(talk(tmp_path / "a.pptx")), None)
    assert (document.kind, document.paged, document.has_boxes, document.pages) == ("pptx", True, False, 3)
    assert [document.text(page) for page in (1, 2, 3)] == [
        "The title\n\nPoint one\nPoint\ntwo\n\nSay hello.",
        "Year | Sum\n2023 | 4.2\n\nIn a group",
        "",
    ]
    assert headings(document) == [("The title", 1)]
    assert rows(document, 2) == [(["Year | Sum", "2023 | 4.2"], 1, "")]
    assert [document.label(page) for page in (1, 2, 3)] == ["1", "2", "3"]
    assert (document.size(1).width, document.size(1).height) == (720, 540)
    with pytest.raises(DocentError) as caught:
        document.content(4)
    assert caught.value.code == Code.PAGE_OUT_OF_RANGE


def test_a_damaged_slide_costs_only_itself(tmp_path: Path, pool: ReaderPool) -> None:
    path = changed(talk(tmp_path / "a.pptx"), "ppt/notesSlides/_rels/notesSlide1.xml.rels", b"<broken")
    assert refusal(path) == Code.DOCUMENT_DAMAGED
    path = changed(talk(tmp_path / "b.pptx"), "ppt/slides/slide2.xml", b'<p:sld xmlns:p="http://example.com/"/>')
    assert [page.error for page in pool.read(str(path))] == [None, Code.DOCUMENT_DAMAGED, None]


def test_a_talk_without_slides(tmp_path: Path) -> None:
    pptx.Presentation().save(str(tmp_path / "a.pptx"))
    assert refusal(tmp_path / "a.pptx") == Code.PDF_WITHOUT_PAGES


def test_what_is_damaged(tmp_path: Path) -> None:
    path = talk(tmp_path / "a.pptx")
    assert refusal(changed(path, "ppt/presentation.xml", b"<x/>")) == Code.DOCUMENT_DAMAGED
    path.write_bytes(talk(path).read_bytes()[:5_000])
    assert refusal(path) == Code.DOCUMENT_DAMAGED


def test_groups_without_end(tmp_path: Path, pool: ReaderPool) -> None:
    namespace = "http://schemas.openxmlformats.org/presentationml/2006/main"
    slide = f'<p:sld xmlns:p="{namespace}"><p:cSld><p:spTree>' + "<p:grpSp>" * 100_000
    path = changed(talk(tmp_path / "a.pptx"), "ppt/slides/slide1.xml", slide.encode())
    with pytest.raises(DocentError) as caught:
        list(pool.read(str(path)))
    assert caught.value.code == Code.DOCUMENT_DAMAGED

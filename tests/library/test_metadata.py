"""A document's own title and author: from the file into the ledger."""

from __future__ import annotations

from pathlib import Path

import docx
import pikepdf
import pptx

from assistant_app.protocol.records import Document
from tests.library.conftest import Library
from tests.pdfs import text_pdf

NAMED = ("The Harbour – Rules", "José Ñúñez")


def _pdf(path: Path) -> Path:
    text_pdf(path, [["Ships wait at the second buoy."]])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.docinfo["/Title"], pdf.docinfo["/Author"] = NAMED
        pdf.save(path)
    return path


def _docx(path: Path) -> Path:
    document = docx.Document()
    document.core_properties.title, document.core_properties.author = NAMED
    document.add_paragraph("Ships wait at the second buoy.")
    document.save(str(path))
    return path


def _pptx(path: Path) -> Path:
    slides = pptx.Presentation()
    slides.core_properties.title, slides.core_properties.author = NAMED
    slide = slides.slides.add_slide(slides.slide_layouts[5])
    slide.shapes.title.text = "Ships wait at the second buoy."
    slides.save(str(path))
    return path


def _html(path: Path) -> Path:
    title, author = NAMED
    path.write_text(
        f'<html><head><meta charset="utf-8"><title>{title}</title><meta name="Author" content="{author}"></head>'
        "<body><p>Ships wait at the second buoy.</p></body></html>",
        encoding="utf-8",
    )
    return path


def _markdown(path: Path) -> Path:
    title, author = NAMED
    path.write_text(
        f'---\ntitle: "{title}"\nauthor: {author}\n---\n\nShips wait at the second buoy.\n', encoding="utf-8"
    )
    return path


def test_every_kind_says_who_wrote_what(library: Library, tmp_path: Path) -> None:
    files = [
        _pdf(tmp_path / "a.pdf"),
        _docx(tmp_path / "b.docx"),
        _pptx(tmp_path / "c.pptx"),
        _html(tmp_path / "d.html"),
        _markdown(tmp_path / "e.md"),
    ]
    (tmp_path / "f.txt").write_text("Ships wait at the second buoy.\n")
    library.index(tmp_path)
    held = {Path(document.path): document for document in library.catalog.documents()}
    assert [(held[path].title, held[path].author) for path in files] == [NAMED] * len(files)
    assert (held[tmp_path / "f.txt"].title, held[tmp_path / "f.txt"].author) == ("", "")


def test_a_twin_and_a_moved_file_keep_title_and_author(library: Library, tmp_path: Path) -> None:
    def one(name: str) -> Document:
        [found] = library.catalog.documents([str(tmp_path / name)])
        return found

    first = _pdf(tmp_path / "a.pdf")
    library.index(first)
    (tmp_path / "b.pdf").write_bytes(first.read_bytes())
    library.index(tmp_path / "b.pdf")
    assert (one("b.pdf").title, one("b.pdf").author) == NAMED
    first.rename(tmp_path / "c.pdf")
    library.index(tmp_path / "c.pdf")
    assert (one("c.pdf").title, one("c.pdf").author) == NAMED


def test_a_new_title_of_a_changed_file_is_taken(library: Library, tmp_path: Path) -> None:
    path = _pdf(tmp_path / "a.pdf")
    library.index(path)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.docinfo["/Title"] = "New rules"
        del pdf.docinfo["/Author"]
        pdf.save(path)
    library.index(path)
    [found] = library.catalog.documents()
    assert (found.title, found.author) == ("New rules", "")

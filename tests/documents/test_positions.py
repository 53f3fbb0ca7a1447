"""A box lies where the ink is, on the page as it is displayed; an offset is PDFium's."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pypdfium2.raw as pdfium
import pytest
from PIL import Image

from assistant_app.documents.geometry import Frame, Glyph, line_boxes
from assistant_app.documents.pdf import PdfiumDocument, pixel_size
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.protocol.records import Box
from tests import pdfs

LINES = ["The Ågpqy fjords", "A second line of text", "and a third one"]


def drawn(pool: ReaderPool, path: Path, width: int = 1200) -> Image.Image:
    across, down, png = pool.draw(str(path), 1, width)
    picture = Image.open(io.BytesIO(png)).convert("L")
    assert picture.size == (across, down)
    return picture


def ink(picture: Image.Image) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of everything that is not white."""
    bounds = picture.point(lambda value: 255 if value < 200 else 0).getbbox()
    assert bounds is not None
    return bounds


def pixels(box: Box, picture: Image.Image) -> tuple[float, float, float, float]:
    width, height = picture.size
    return box.left * width, box.top * height, box.right * width, box.bottom * height


def assert_covers(outer: tuple[float, ...], inner: tuple[float, ...], slack: float) -> None:
    """``inner`` lies in ``outer`` (a pixel of blur allowed), which is nowhere larger by more than ``slack``."""
    left, top, right, bottom = (o - i for o, i in zip(outer, inner, strict=True))
    assert -slack < left < 1.5, (outer, inner)
    assert -slack < top < 1.5, (outer, inner)
    assert -1.5 < right < slack, (outer, inner)
    assert -1.5 < bottom < slack, (outer, inner)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("cropped", [False, True])
def test_a_box_covers_the_ink_of_its_line(tmp_path: Path, pool: ReaderPool, rotation: int, cropped: bool) -> None:
    for number, line in enumerate(LINES):
        # The other lines are there but empty, so all ink on the page is this line's.
        lines = [text if index == number else "" for index, text in enumerate(LINES)]
        path = tmp_path / f"{number}.pdf"
        if cropped:
            pdfs.shifted_pdf(path, lines, rotation=rotation)
        else:
            pdfs.text_pdf(path, [lines], rotation=rotation)
        [page] = pool.read(str(path))
        start = page.text.index(line)
        [box] = pool.locate(str(path), 1, start, len(line))
        picture = drawn(pool, path)
        assert (picture.width > picture.height) == (rotation in (90, 270))
        assert_covers(pixels(box, picture), ink(picture), slack=12)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_text_over_three_lines_has_a_box_a_line(tmp_path: Path, pool: ReaderPool, rotation: int) -> None:
    path = pdfs.text_pdf(tmp_path / "three.pdf", [LINES], rotation=rotation)
    [page] = pool.read(str(path))
    assert page.text == " \n".join(LINES)
    first, last = page.text.index("fjords"), page.text.index(" one")
    boxes = pool.locate(str(path), 1, first, last - first)
    assert len(boxes) == 3
    begins = {
        0: [box.left for box in boxes],
        90: [box.top for box in boxes],
        180: [1 - box.right for box in boxes],
        270: [1 - box.bottom for box in boxes],
    }[rotation]
    assert begins[0] > begins[1] + 0.05
    assert begins[1] == pytest.approx(begins[2], abs=0.002)


def test_text_that_runs_up_the_page_is_one_box(tmp_path: Path, pool: ReaderPool) -> None:
    path = tmp_path / "up.pdf"
    canvas = pdfs.Canvas(str(path), pagesize=pdfs.A4, invariant=True)
    canvas.translate(300, 200)
    canvas.rotate(90)
    canvas.drawString(0, 0, "Sideways it goes")
    canvas.save()
    [box] = pool.locate(str(path), 1, 0, 16)
    picture = drawn(pool, path)
    assert_covers(pixels(box, picture), ink(picture), slack=14)


def test_offsets_hold_behind_odd_characters(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.odd_characters_pdf(tmp_path / "odd.pdf")
    [page] = pool.read(str(path))
    assert page.text == pdfs.ODD_TEXT
    [word] = pool.locate(str(path), 1, page.text.index("word"), 4)
    picture = drawn(pool, path)
    last_line = picture.crop((0, round(word.top * picture.height), *picture.size))
    _, top, right, bottom = ink(last_line)
    assert right == pytest.approx(word.right * picture.width, abs=5)
    assert top >= 0
    assert bottom <= (word.bottom - word.top) * picture.height + 1.5
    halves = pool.locate(str(path), 1, page.text.index("hyphen\u00adated"), len("hyphen-ated"))
    assert len(halves) == 2


def test_words_and_where_they_are(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.two_column_pdf(tmp_path / "two.pdf", ["left one", "left two"], ["right one", "right two"])
    text, words = pool.words(str(path), 1)
    assert [text[word.start : word.start + word.length] for word in words] == text.split()
    sides = {text[word.start :].split()[0]: word.box.left for word in words}
    assert sides["left"] < 0.2
    assert sides["right"] > 0.5


def test_a_broken_word_is_two_words(tmp_path: Path, pool: ReaderPool) -> None:
    text, words = pool.words(str(pdfs.odd_characters_pdf(tmp_path / "odd.pdf")), 1)
    pieces = [text[word.start : word.start + word.length] for word in words]
    assert pieces[-3:] == ["hyphen\u00ad", "ated", "word"]


def test_a_range_beyond_the_text_is_cut(tmp_path: Path, pool: ReaderPool) -> None:
    path = str(pdfs.text_pdf(tmp_path / "one.pdf", [["Short"]]))
    assert len(pool.locate(path, 1, 0, 10_000)) == 1
    assert pool.locate(path, 1, 50, 10) == []


def test_form_fields_and_annotations_are_drawn(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.form_pdf(tmp_path / "form.pdf")
    across, down, png = pool.draw(str(path), 1, 595)
    picture = Image.open(io.BytesIO(png))
    assert picture.getpixel((100, 842 - 610)) == (255, 128, 0)
    field = picture.crop((72, 842 - 530, 272, 842 - 500)).convert("L")
    assert min(field.getdata()) < 60
    assert (across, down) == (595, 842)


@pytest.mark.parametrize(
    ("points", "width", "expected"),
    [
        ((600, 800), 1200, (1200, 1600)),
        ((600, 800), 100_000, (4500, 6000)),
        ((10, 10_000), 500, (6, 6000)),
        ((10_000, 1), 500, (500, 1)),
        ((600, 800), -5, (1, 1)),
    ],
)
def test_pixels_are_clamped(points: tuple[float, float], width: int, expected: tuple[int, int]) -> None:
    assert pixel_size(points, width) == expected


def test_lines_are_told_apart_by_their_overlap() -> None:
    glyphs = [Glyph(0.1, 0.1, 0.2, 0.2), Glyph(0.2, 0.12, 0.3, 0.2), Glyph(0.1, 0.19, 0.2, 0.29), None]
    assert [(box.left, box.right) for box in line_boxes([*glyphs, Glyph(0.5, 0.2, 0.6, 0.28)])] == [
        (0.1, 0.3),
        (0.1, 0.2),
        (0.5, 0.6),
    ]


def test_what_lies_off_the_page_has_no_box() -> None:
    frame = Frame(0.01, 0, 0, 0, -0.01, 1)
    assert frame.apply(-20, 10, -5, 20, False) is None
    assert frame.apply(-20, 10, 50, 20, False) == Glyph(0, 0.8, 0.5, 0.9)


def assert_every_offset_is_pdfiums(path: Path, most: int = 200) -> int:
    """Character by character: the text at an offset is what PDFium says stands at the index found from it."""
    document = PdfiumDocument(os.fsencode(path), None)
    handle = pdfium.FPDF_LoadDocument(os.fsencode(path) + b"\0", None)
    checked = 0
    for number in range(1, min(document.pages, most) + 1):
        page = pdfium.FPDF_LoadPage(handle, number - 1)
        if not page:
            continue
        text_page = pdfium.FPDFText_LoadPage(page)
        units = document.text(number).encode("utf-16-le")
        for offset in range(len(units) // 2):
            index = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, offset)
            ours = int.from_bytes(units[2 * offset : 2 * offset + 2], "little")
            theirs = pdfium.FPDFText_GetUnicode(text_page, index)
            allowed = {0x0D: (0x20, 0x0A), 0x02: (0x2D, 0xAD), 0x09: (0x09,), 0x0A: (0x0A,), 0x7F: (0xFFFD,)}
            expected = allowed.get(theirs, (0xFFFD if theirs < 0x20 else theirs,))
            assert ours in expected, (path.name, number, offset, ours, theirs)
            checked += 1
        pdfium.FPDFText_ClosePage(text_page)
        pdfium.FPDF_ClosePage(page)
    pdfium.FPDF_CloseDocument(handle)
    document.close()
    return checked


def test_every_offset_of_a_page_with_odd_characters_is_pdfiums(tmp_path: Path) -> None:
    path = tmp_path / "plain.pdf"
    pdfs.text_pdf(path, [LINES, ["Zürich – “quoted” café"]])
    assert assert_every_offset_is_pdfiums(path) > 60


@pytest.mark.slow
def test_every_offset_of_real_documents_is_pdfiums(data: Path) -> None:
    checked = sum(assert_every_offset_is_pdfiums(path) for path in sorted((data / "northwind").glob("*.pdf")))
    for name in ("pdf-rs/ep.pdf", "pypdf-sample-files/GeoTopo-komprimiert.pdf", "pdfminer/pr-00530-ml-lines.pdf"):
        checked += assert_every_offset_is_pdfiums(data / "hostile" / name)
    assert checked > 500_000

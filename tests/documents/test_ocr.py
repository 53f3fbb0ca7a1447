"""Text recognition: scans made here are read, their words stand where they were drawn, nothing goes out."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from assistant_app.documents import ocr, reader_pool
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.documents.reading_order import in_reading_order
from assistant_app.errors import Code
from assistant_app.protocol.records import Box, PageSize
from tests import pdfs
from tests.documents.conftest import readers

DRAWN = (1240, 1754)
"""Pixels of an A4 page at 150 dots per inch."""

real = pytest.mark.models
if not ocr.is_installed():
    real = pytest.mark.skip(reason="SKIPPED LOUDLY: the extra [ocr] is not installed")

Line = tuple[int, int, str]
LETTER: list[Line] = [
    (120, 150, "Dear reader of this letter,"),
    (120, 260, "the invoice number 4711 was paid on Monday"),
    (120, 300, "and the balance is 1,250 euros."),
    (120, 1600, "Page 1 of 2"),
]


def scan(path: Path, pages: Sequence[Sequence[Line]], *, turned: int = 0, rotation: int = 0, stamp: str = "") -> Path:
    """A page for each sequence of lines, drawn into a picture.

    Args:
        turned: degrees against the clock by which the picture lies on the page.
        rotation: the page's own, with which it is shown.
        stamp: real text on each page.
    """
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    for lines in pages:
        stream = io.BytesIO()
        picture(lines).rotate(turned, expand=True).save(stream, "PNG")
        stream.seek(0)
        width, height = A4 if turned % 180 == 0 else (A4[1], A4[0])
        canvas.setPageSize((width, height))
        canvas.drawImage(ImageReader(stream), 0, 0, width, height)
        if stamp:
            canvas.drawString(20, 20, stamp)
        canvas.showPage()
    canvas.save()
    if rotation:
        with pikepdf.open(path, allow_overwriting_input=True) as pdf:
            for page in pdf.pages:
                page.Rotate = rotation
            pdf.save(path)
    return path


def picture(lines: Sequence[Line]) -> Image.Image:
    image = Image.new("L", DRAWN, 255)
    pen = ImageDraw.Draw(image)
    for x, y, text in lines:
        pen.text((x, y), text, fill=0, font=ImageFont.load_default(24))
    return image


def drawn_word(lines: Sequence[Line], word: str) -> Box:
    """Where a word was drawn, in fractions of the upright page."""
    pen = ImageDraw.Draw(Image.new("L", DRAWN))
    font = ImageFont.load_default(24)
    for x, y, text in lines:
        if word in text:
            before = x + pen.textlength(text[: text.index(word)], font=font)
            _, top, _, bottom = pen.textbbox((x, y), text, font=font)
            right = before + pen.textlength(word, font=font)
            return Box(left=before / DRAWN[0], top=top / DRAWN[1], right=right / DRAWN[0], bottom=bottom / DRAWN[1])
    raise AssertionError(f"{word} was not drawn")


def overlap(one: Box, other: Box) -> float:
    """What both have in common, as a part of what both cover."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0.0, width) * max(0.0, height)
    areas = sum((box.right - box.left) * (box.bottom - box.top) for box in (one, other))
    return common / (areas - common)


# ------------------------------------------------------------------ with the real models


@real
def test_a_scan_is_read_and_its_words_stand_where_they_were_drawn(tmp_path: Path, pool: ReaderPool) -> None:
    path = scan(tmp_path / "scan.pdf", [LETTER, [(120, 150, "A single line")]])
    first, second = pool.read(str(path))
    assert first.text.splitlines() == [text for _, _, text in LETTER]
    assert (first.ocr, second.ocr, second.text) == ("used", "used", "A single line")
    assert first.words is not None
    words = [first.text[word.start : word.start + word.length] for word in first.words]
    assert words == first.text.split()
    for word, box in zip(words, (each.box for each in first.words), strict=True):
        if words.count(word) == 1 and len(word) > 2:
            assert overlap(box, drawn_word(LETTER, word)) > 0.4, word


@real
@pytest.mark.parametrize(("turned", "rotation"), [(90, 90), (180, 180), (270, 270), (180, 0), (90, 0), (0, 90)])
def test_turned_scans(tmp_path: Path, pool: ReaderPool, turned: int, rotation: int) -> None:
    """The page is shown with ``rotation`` (clockwise); where that does not put it upright, boxes are turned with it."""
    [page] = pool.read(str(scan(tmp_path / "scan.pdf", [LETTER], turned=turned, rotation=rotation)))
    assert page.text.splitlines() == [text for _, _, text in LETTER]
    [word] = [each for each in page.words or [] if page.text[each.start : each.start + each.length] == "invoice"]
    upright = drawn_word(LETTER, "invoice")
    left, top, right, bottom = upright.left, upright.top, upright.right, upright.bottom
    for _ in range((turned - rotation) % 360 // 90):
        left, top, right, bottom = top, 1 - right, bottom, 1 - left
    assert overlap(word.box, Box(left=left, top=top, right=right, bottom=bottom)) > 0.4


@real
def test_two_columns_are_read_one_after_the_other(tmp_path: Path, pool: ReaderPool) -> None:
    left = [(100, 250 + 40 * n, f"Left column line {n} goes on here") for n in range(6)]
    right = [(660, 255 + 40 * n, f"The right column line {n} is other") for n in range(6)]
    heading = (100, 150, "A heading that runs over both of the columns of this very page")
    [page] = pool.read(str(scan(tmp_path / "scan.pdf", [[heading, *left, *right]])))
    assert page.text.splitlines() == [text for _, _, text in [heading, *left, *right]]


@real
def test_only_pictures_are_recognised(tmp_path: Path, pool: ReaderPool) -> None:
    stamped = scan(tmp_path / "stamped.pdf", [LETTER], stamp="Seen 7 May")
    [page] = pool.read(str(stamped))
    assert page.ocr == "used"
    assert "invoice number" in page.text
    texted = scan(tmp_path / "texted.pdf", [LETTER], stamp="This page has a text layer of its own")
    [page] = pool.read(str(texted))
    assert (page.text, page.ocr, page.words) == ("This page has a text layer of its own", "", None)
    [page] = pool.read(str(pdfs.text_pdf(tmp_path / "short.pdf", [["Part II"]])))
    assert (page.text, page.ocr) == ("Part II", "")


@real
def test_a_picture_without_text(tmp_path: Path, pool: ReaderPool) -> None:
    blank, dots = scan(tmp_path / "a.pdf", [[]]), scan(tmp_path / "b.pdf", [[(500, 500, ".")]])
    for path in (blank, dots):
        [page] = pool.read(str(path))
        assert (page.text.strip(" ."), page.ocr, page.error) == ("", "used", None)


@real
def test_the_largest_page_fits_into_a_readers_memory(tmp_path: Path, pool: ReaderPool) -> None:
    path = scan(tmp_path / "scan.pdf", [[(60, 40 + 30 * n, f"Line {n} " + "words " * 14) for n in range(55)]])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[0].UserUnit = 10
        content = pdf.pages[0].Contents.read_bytes()
        pdf.pages[0].Contents = pikepdf.Stream(pdf, b"10 0 0 10 0 0 cm " + content)
        pdf.pages[0].MediaBox = pikepdf.Array([0, 0, A4[0] * 10, A4[1] * 10])
        pdf.save(path)
    [page] = pool.read(str(path))
    assert (page.error, page.ocr) == (None, "used")
    assert len(page.text.splitlines()) > 50


@real
def test_a_page_that_is_recognised_has_a_deadline_of_its_own(tmp_path: Path) -> None:
    path = scan(tmp_path / "scan.pdf", [LETTER])
    with ReaderPool(page_seconds=60, recognition_seconds=0.05) as pool:
        [page] = pool.read(str(path))
        assert page.error == Code.READER_TIMEOUT
        assert readers() == []
    with ReaderPool(page_seconds=60, recognition_seconds=60) as pool:
        [page] = pool.read(str(path))
        assert page.error is None


OFFLINE = """
import json, os, sys
seen = []
def hook(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.", "subprocess.", "os.exec", "os.posix_spawn", "os.system")):
        seen.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"open {arguments[0]}")
sys.addaudithook(hook)
from assistant_app.documents import ocr
text, words = ocr.Recogniser().read(open(sys.argv[1], "rb").read())
print(json.dumps([text, seen, os.environ["ORT_DISABLE_TELEMETRY"], [os.readlink(f"/proc/self/fd/{fd}")
    for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")]]))
"""


@real
@pytest.mark.skipif(sys.platform != "linux", reason="looks at the process's files as Linux shows them")
def test_nothing_goes_to_the_network(tmp_path: Path) -> None:
    """No socket was opened by Python (audit hook) or is held by a library (open files), nothing was run or written."""
    picture(LETTER).save(tmp_path / "a.png")
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(tmp_path / "a.png")], capture_output=True, text=True, check=True
    )
    text, seen, telemetry, files = json.loads(done.stdout)
    assert "invoice number 4711" in text
    assert (seen, telemetry, done.stderr) == ([], "1", "")
    assert not [file for file in files if file.startswith("socket:")]


def test_readers_are_told_before_they_start_that_nothing_is_reported() -> None:
    from assistant_app.documents.reader_process import _environment

    assert _environment()["ORT_DISABLE_TELEMETRY"] == "1"


# ------------------------------------------------------------------ without the models


def test_without_recognition_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scan(tmp_path / "scan.pdf", [LETTER])
    hidden = tmp_path / "hidden" / "sitecustomize.py"
    hidden.parent.mkdir()
    hidden.write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'rapidocr' else find(name, *rest)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(hidden.parent))
    with ReaderPool() as pool:
        assert [(page.text, page.ocr, page.error) for page in pool.read(str(path))] == [("", "missing", None)]
        assert [(page.text, page.ocr) for page in pool.read(str(path), ocr=False)] == [("", "off")]


@pytest.mark.parametrize(
    ("width", "height"), [(595, 842), (842, 595), (50, 50), (2_384, 3_370), (14_400, 100), (1, 9_000)]
)
def test_pages_are_drawn_no_larger_than_can_be_read(width: float, height: float) -> None:
    across = ocr.pixels_across(PageSize(width=width, height=height, label=""))
    down = across * height / width
    assert 1 <= across <= ocr.MAX_PIXELS_EACH_WAY
    assert across == 1 or down <= ocr.MAX_PIXELS_EACH_WAY + 2
    assert across == 1 or across * down <= ocr.MAX_PIXELS * 1.01
    assert across <= width * ocr.DOTS_PER_INCH / 72 + 1


def test_words_without_places_of_their_own_share_the_lines_width() -> None:
    line = ocr.Line("ab cd", (0.2, 0.1, 0.7, 0.2), 0.9, words=[("xx", (0.0, 0.0, 0.1, 0.1))])
    text, words = ocr.text_and_words([[line]], 0, (0.0, 0.0, 1.0, 1.0))
    assert text == "ab cd"
    assert [(word.start, word.length) for word in words] == [(0, 2), (3, 2)]
    assert [(word.box.left, word.box.right) for word in words] == [
        pytest.approx((0.2, 0.4)),
        pytest.approx((0.5, 0.7)),
    ]


@dataclass(frozen=True)
class Thing:
    name: str
    box: tuple[float, float, float, float]


def order(*things: Thing) -> list[list[str]]:
    return [[thing.name for thing in row] for row in in_reading_order(things, (1000, 1000))]


def column(name: str, left: float, right: float, top: float = 0.1) -> list[Thing]:
    return [Thing(f"{name}{n}", (left, top + 0.03 * n, right, top + 0.02 + 0.03 * n)) for n in range(4)]


def test_reading_order() -> None:
    cells = [*column("a", 0.1, 0.2), *column("b", 0.5, 0.6)]
    assert order(*cells) == [["a0", "b0"], ["a1", "b1"], ["a2", "b2"], ["a3", "b3"]]
    left, right = column("l", 0.1, 0.45), column("r", 0.55, 0.9)
    assert order(*right, *left) == [[thing.name] for thing in (*left, *right)]
    across, lower = Thing("across", (0.1, 0.3, 0.9, 0.32)), (column("m", 0.1, 0.45, 0.5), column("s", 0.55, 0.9, 0.5))
    expected = [*left, *right, across, *lower[0], *lower[1]]
    assert order(across, *lower[1], *right, *left, *lower[0]) == [[thing.name] for thing in expected]
    three = [column("x", 0.0, 0.3), column("y", 0.35, 0.65), column("z", 0.7, 1.0)]
    assert order(*three[1], *three[2], *three[0]) == [[thing.name] for each in three for thing in each]
    assert order() == []


def test_the_budget_of_recognition_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reader_pool.FILE_RECOGNITION_SECONDS > reader_pool.FILE_SECONDS
    assert reader_pool.RECOGNITION_SECONDS > reader_pool.PAGE_SECONDS

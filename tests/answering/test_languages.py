"""Chinese, Hebrew, Arabic and accented text from the PDF to the quote and its boxes, with the real parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from assistant_app.engine.service import Service
from assistant_app.paths import Paths
from assistant_app.protocol.records import Answer
from tests.pdfs import _helvetica_page, text_pdf

pytestmark = pytest.mark.models

SIZE = 14.0
CHINESE = ["奥罗拉计划的年度免赔额为每人两千元。工程师会", "得到一台笔记本电脑。假期为二十七天。"]
HEBREW = ["ההשתתפות העצמית היא 1250 שקלים.", "כל מהנדס מקבל מחשב נייד."]
ARABIC = ["المبلغ المقتطع هو 1250 ريال.", "يحصل كل مهندس على حاسوب."]
FRENCH = ["La franchise annuelle du régime Aurora est de 1 250 € par personne.", "Chaque ingénieur reçoit un écran."]


def chinese_pdf(path: Path) -> Path:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    canvas.setFont("STSong-Light", SIZE)
    for number, line in enumerate(CHINESE):
        canvas.drawString(72, A4[1] - 72 - 20 * number, line)
    canvas.save()
    return path


def right_to_left_pdf(path: Path, lines: list[str]) -> Path:
    """As programs write it: glyphs from left to right as they are seen, and what each of them means."""
    letters = sorted({letter for line in lines for letter in line if not letter.isascii()})
    code = {letter: 0x80 + place for place, letter in enumerate(letters)}
    mapping = b"".join(b"<%02X> <%04X>\n" % (number, ord(letter)) for letter, number in code.items())
    mapping += b"".join(b"<%02X> <%04X>\n" % (number, number) for number in range(0x20, 0x7F))
    cmap = (
        b"/CIDInit /ProcSet findresource begin begincmap /CMapName /Own def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange %d beginbfchar\n%sendbfchar endcmap end"
        % (len(code) + 0x5F, mapping)
    )
    content = b""
    for number, line in enumerate(lines):
        words = [word if word.isdigit() else word[::-1] for word in reversed(line.rstrip(".").split())]
        seen = "." * line.endswith(".") + " ".join(words)
        hexed = "".join(f"{code.get(letter, ord(letter)):02X}" for letter in seen).encode()
        content += b"BT /F1 12 Tf 50 %d Td <%s> Tj ET " % (200 - 30 * number, hexed)
    with pikepdf.new() as pdf:
        _helvetica_page(pdf, content, ToUnicode=pikepdf.Stream(pdf, cmap))
        pdf.save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("languages")
    chinese_pdf(made / "chinese.pdf")
    right_to_left_pdf(made / "hebrew.pdf", HEBREW)
    right_to_left_pdf(made / "arabic.pdf", ARABIC)
    text_pdf(made / "french.pdf", [FRENCH])
    return made


@pytest.fixture(scope="module")
def service(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(Paths.resolve(tmp_path_factory.mktemp("home"))) as opened:
        outcome = opened.index([str(path) for path in sorted(folder.glob("*.pdf"))])
        assert {document.status for document in outcome} == {"indexed"}
        yield opened


def asked(service: Service, path: Path, question: str) -> Answer:
    answer = service.ask(question, paths=[str(path)], exact=True).answer
    for citation in answer.citations:
        text, _ = service.catalog.page_text(citation.path, 1) or ("", 0)
        assert citation.quote == text[citation.start : citation.start + citation.length]
        assert citation.verified
    return answer


@pytest.mark.parametrize(
    ("name", "question", "holds"),
    [
        ("chinese", "免赔额是多少？", "两千元"),
        ("chinese", "工程师得到什么电脑？", "笔记本"),
        ("hebrew", "מהי ההשתתפות העצמית?", "1250"),
        ("arabic", "ما هو المبلغ المقتطع؟", "1250"),
        ("french", "Quelle est la franchise annuelle du régime Aurora ?", "250"),
    ],
)
def test_a_question_gets_its_sentence(service: Service, folder: Path, name: str, question: str, holds: str) -> None:
    answer = asked(service, folder / f"{name}.pdf", question)
    assert answer.found
    assert holds in answer.citations[0].quote


@pytest.mark.parametrize(
    ("name", "question"),
    [("chinese", "停车费用怎样报销？"), ("hebrew", "מתי נפתח המשרד בנמל?"), ("arabic", "متى يفتح المكتب في الميناء؟")],
)
def test_what_is_not_there_is_refused(service: Service, folder: Path, name: str, question: str) -> None:
    assert not asked(service, folder / f"{name}.pdf", question).found


def test_boxes_of_a_chinese_sentence_over_two_lines(service: Service, folder: Path) -> None:
    path = str(folder / "chinese.pdf")
    text, _ = service.catalog.page_text(path, 1) or ("", 0)
    start, end = text.index("工程师"), text.index("电脑") + 2
    first, second = service.locate_text(path, 1, start, end - start)
    place = CHINESE[0].index("工程师")
    assert first.left * A4[0] == pytest.approx(72 + SIZE * place, abs=3)
    assert first.right * A4[0] == pytest.approx(72 + SIZE * len(CHINESE[0]), abs=4)
    assert second.left * A4[0] == pytest.approx(72, abs=3)
    assert second.right * A4[0] == pytest.approx(72 + SIZE * (CHINESE[1].index("电脑") + 2), abs=4)
    assert first.bottom < second.bottom


@pytest.mark.parametrize(("name", "lines"), [("hebrew", HEBREW), ("arabic", ARABIC)])
def test_boxes_of_a_line_from_right_to_left(service: Service, folder: Path, name: str, lines: list[str]) -> None:
    """The first word as it is read is the one on the right."""
    path = str(folder / f"{name}.pdf")
    text, _ = service.catalog.page_text(path, 1) or ("", 0)
    assert lines[0].rstrip(".") in text
    words = lines[0].rstrip(".").split()
    boxes = [service.locate_text(path, 1, text.index(word), len(word)) for word in words]
    assert all(len(each) == 1 for each in boxes)
    lefts = [each[0].left for each in boxes]
    assert lefts == sorted(lefts, reverse=True)
    (line,) = service.locate_text(path, 1, text.index(lines[0].rstrip(".")), len(lines[0].rstrip(".")))
    assert line.left == pytest.approx(lefts[-1], abs=0.01)
    assert line.right == pytest.approx(boxes[0][0].right, abs=0.01)

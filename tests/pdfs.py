"""PDFs that the tests make themselves, so that every one is known to the letter."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pikepdf
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
LEFT, TOP, LEADING = 72.0, HEIGHT - 72.0, 16.0


def text_pdf(path: Path, pages: Sequence[Sequence[str]], *, rotation: int = 0, title: str = "") -> Path:
    """One page for each sequence of lines; Helvetica 11, the first baseline 72 points below the top."""
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    canvas.setTitle(title or path.stem)
    for lines in pages:
        canvas.setFont("Helvetica", 11)
        for number, line in enumerate(lines):
            canvas.drawString(LEFT, TOP - number * LEADING, line)
        canvas.showPage()
    canvas.save()
    if rotation:
        # Not through reportlab, which turns the page's box as well, so that the text ends up outside of it.
        with pikepdf.open(path, allow_overwriting_input=True) as pdf:
            for page in pdf.pages:
                page.Rotate = rotation
            pdf.save(path)
    return path


def two_column_pdf(path: Path, left: Sequence[str], right: Sequence[str]) -> Path:
    """One page with two columns of lines, left column first in the file."""
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    canvas.setFont("Helvetica", 10)
    for column, lines in ((LEFT, left), (WIDTH / 2 + 10, right)):
        for number, line in enumerate(lines):
            canvas.drawString(column, TOP - number * LEADING, line)
    canvas.save()
    return path


def image_pdf(path: Path, pages: int = 1, says: str = "A scanned page {page}") -> Path:
    """Pages that are pictures, as a scanner makes them: no text at all, but what can be recognised."""
    from PIL import Image, ImageDraw
    from reportlab.lib.utils import ImageReader

    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    for number in range(pages):
        picture = Image.new("L", (620, 877), 255)
        ImageDraw.Draw(picture).text((60, 60), says.format(page=number + 1), fill=0, font_size=24)
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        canvas.drawImage(ImageReader(stream), 0, 0, WIDTH, HEIGHT)
        canvas.showPage()
    canvas.save()
    return path


def encrypt(source: Path, target: Path, password: str) -> Path:
    """``source`` as an AES-256 encrypted PDF that ``password`` opens."""
    with pikepdf.open(source) as pdf:
        pdf.save(target, encryption=pikepdf.Encryption(user=password, owner=password + "-owner", R=6))
    return target


def shifted_pdf(path: Path, lines: Sequence[str], *, rotation: int = 0) -> Path:
    """One page whose crop box starts at (50, 120) and cuts off the page's edges, turned by ``rotation`` degrees."""
    text_pdf(path, [lines])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[0].CropBox = pikepdf.Array([50, 120, WIDTH - 20, HEIGHT - 40])
        pdf.pages[0].Rotate = rotation
        pdf.save(path)
    return path


def labelled_pdf(path: Path) -> Path:
    """Five pages that are labelled i, ii, A-1, A-2, A-3."""
    text_pdf(path, [[f"Sheet {number}"] for number in range(1, 6)])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        roman = pikepdf.Dictionary(S=pikepdf.Name.r)
        appendix = pikepdf.Dictionary(S=pikepdf.Name.D, P=pikepdf.String("A-"))
        pdf.Root.PageLabels = pikepdf.Dictionary(Nums=pikepdf.Array([0, roman, 2, appendix]))
        pdf.save(path)
    return path


ODD_TEXT = "x\U0001d400 yfi z\ufffd w\ufffdv \U0001f600u \ufffd t \n s end \nhyphen\u00adated word"
"""What Docent reads from :func:`odd_characters_pdf`."""


def odd_characters_pdf(path: Path) -> Path:
    """A page whose font maps letters to odd things: two UTF-16 units, two characters, half a pair, NUL, CR."""
    mapping = b"".join(
        b"<%02X> <%s>\n" % (ord(letter), code)
        for letter, code in zip(
            "ABCDEFG",
            (b"D835DC00", b"00660069", b"D800", b"0000", b"D83DDE00", b"FDD0", b"000D"),
            strict=True,
        )
    )
    cmap = (
        b"/CIDInit /ProcSet findresource begin begincmap /CMapName /Odd def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange 7 beginbfchar\n" + mapping + b"endbfchar endcmap end"
    )
    content = (
        b"BT /F1 20 Tf 50 200 Td (xA yB zC wDv Eu F t G s end) Tj ET "
        b"BT /F1 20 Tf 50 150 Td (hyphen-) Tj 0 -22 Td (ated word) Tj ET"
    )
    with pikepdf.new() as pdf:
        _helvetica_page(pdf, content, ToUnicode=pikepdf.Stream(pdf, cmap))
        pdf.save(path)
    return path


def endless_pdf(path: Path, endless: Sequence[int], pages: int, *, levels: int = 12) -> Path:
    """``pages`` pages, "Page n"; those in ``endless`` (1-based) repeat a drawing 10^levels times by nested forms."""
    with pikepdf.new() as pdf:
        form: pikepdf.Object | None = None
        for _ in range(levels):
            stream = pikepdf.Stream(pdf, b"0 0 1 1 re f" if form is None else b"/X Do " * 10)
            stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
            stream.BBox = pikepdf.Array([0, 0, 100, 100])
            if form is not None:
                stream.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(X=form))
            form = pdf.make_indirect(stream)
        for number in range(1, pages + 1):
            page = _helvetica_page(pdf, b"BT /F1 20 Tf 50 200 Td (Page %d) Tj ET" % number)
            if number in endless:
                page.Resources.XObject = pikepdf.Dictionary(X=form)
                page.Contents = pikepdf.Stream(pdf, b"/X Do")
        pdf.save(path)
    return path


def lost_page_pdf(path: Path, text: str) -> Path:
    """One page whose entry in the cross-reference table points elsewhere: PDFium loses it, pypdf finds it."""
    content = f"BT /F1 20 Tf 50 200 Td ({text}) Tj ET".encode()
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        4: b"<< /Length %d >>\nstream\n" % len(content) + content + b"\nendstream",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
    }
    file, offsets = b"%PDF-1.3\n", {}
    for number, body in objects.items():
        offsets[number] = len(file)
        file += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    offsets[3], offsets[4] = offsets[4], offsets[3]
    table = b"".join(b"%010d 00000 n \n" % offsets[number] for number in (1, 2, 3, 4))
    trailer = b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(file)
    path.write_bytes(file + b"xref\n0 5\n0000000000 65535 f \n" + table + trailer)
    return path


def form_pdf(path: Path) -> Path:
    """One page with a filled form field, a highlight annotation and a script that opens with the document."""
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    canvas.acroForm.textfield(name="name", value="Filled in", x=LEFT, y=500, width=200, height=30, borderWidth=0)
    canvas.drawString(LEFT, TOP, "A form")
    canvas.highlightAnnotation("note", Rect=[LEFT, 600, LEFT + 100, 620], Color=[1, 0.5, 0])
    canvas.showPage()
    canvas.save()
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert('no')"))
        pdf.Root.OpenAction = script
        pdf.save(path)
    return path


def _helvetica_page(pdf: pikepdf.Pdf, content: bytes, **font_entries: pikepdf.Object) -> pikepdf.Page:
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type1,
        BaseFont=pikepdf.Name.Helvetica,
        Encoding=pikepdf.Name.WinAnsiEncoding,
        **font_entries,
    )
    page = pdf.add_blank_page(page_size=(400, 300))
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
    page.Contents = pikepdf.Stream(pdf, content)
    return page

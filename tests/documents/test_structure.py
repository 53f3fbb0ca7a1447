"""What a PDF tells of its structure: bookmarks, headings by their type, tables by their geometry, broken words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pikepdf
import pytest
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle

from assistant_app.documents import page_text
from assistant_app.documents.cutting import cut, searchable
from assistant_app.documents.document import Content
from assistant_app.documents.pdf import PdfiumDocument
from assistant_app.documents.pypdf_document import PypdfDocument
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.documents.reader_protocol import Metadata
from tests import pdfs
from tests.documents.test_passages import tokenised

BODY = "The plan pays for care that is needed, and members pay what is left of it after the deductible"


def opened(path: Path) -> PdfiumDocument:
    return PdfiumDocument(os.fsencode(path), None)


def told(document: PdfiumDocument | PypdfDocument) -> list[tuple[str, int, int]]:
    return [(entry.title, entry.level, entry.page) for entry in document.outline()]


def headings(content: Content) -> list[str]:
    return [content.text[each.start : each.start + each.length] for each in content.headings]


def rows(content: Content) -> list[list[str]]:
    return [[searchable(content.text[at : at + length]) for at, length in table.rows] for table in content.tables]


# ---------------------------------------------------------------- bookmarks


def bookmarked_pdf(path: Path, pages: int = 4) -> Path:
    """Bookmarks by page, by name and by action, one to nowhere, one that opens a web page."""
    pdfs.text_pdf(path, [[f"Sheet {number}"] for number in range(1, pages + 1)])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        named = pikepdf.Array([pdf.pages[2].obj, pikepdf.Name.Fit])
        pdf.Root.Dests = pikepdf.Dictionary(there=named)
        with pdf.open_outline() as made:
            first = pikepdf.OutlineItem("Care\r\n and  costs", 0)
            first.children.append(pikepdf.OutlineItem("Inside", 1))
            first.children[0].children.append(pikepdf.OutlineItem("Named", "there"))
            action = pikepdf.Dictionary(S=pikepdf.Name.GoTo, D=pikepdf.Array([pdf.pages[3].obj, pikepdf.Name.Fit]))
            web = pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://example.org"))
            made.root += [
                first,
                pikepdf.OutlineItem("By action", action=action),
                pikepdf.OutlineItem("Web", action=web),
                pikepdf.OutlineItem("\0", 0),
            ]
        pdf.Root.Outlines.First.First.First.Dest = pikepdf.Name.there
        pdf.save(path)
    return path


@pytest.mark.parametrize("reader", [opened, lambda path: PypdfDocument(str(path), None)], ids=["pdfium", "pypdf"])
def test_bookmarks_lead_to_pages(tmp_path: Path, reader: object) -> None:
    document = reader(bookmarked_pdf(tmp_path / "a.pdf"))  # type: ignore[operator]
    found = [entry for entry in told(document) if entry[0] != "\ufffd"]
    assert found == [("Care and costs", 1, 1), ("Inside", 2, 2), ("Named", 3, 3), ("By action", 1, 4)]


@pytest.mark.parametrize("reader", [opened, lambda path: PypdfDocument(str(path), None)], ids=["pdfium", "pypdf"])
def test_bookmarks_that_go_round_end(tmp_path: Path, reader: object) -> None:
    path = bookmarked_pdf(tmp_path / "a.pdf")
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        first = pdf.Root.Outlines.First
        first.First.Next = first
        first.First.First.First = first.First
        first.Next.Next = first
        pdf.save(path)
    assert len(told(reader(path))) == 4  # type: ignore[operator]


@pytest.mark.parametrize("reader", [opened, lambda path: PypdfDocument(str(path), None)], ids=["pdfium", "pypdf"])
def test_bookmarks_are_bounded(tmp_path: Path, reader: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("outline", "pypdf_document"):
        monkeypatch.setattr(f"assistant_app.documents.{module}.MOST_ENTRIES", 50)
        monkeypatch.setattr(f"assistant_app.documents.{module}.DEEPEST", 8)
    path = pdfs.text_pdf(tmp_path / "a.pdf", [["One"]])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        with pdf.open_outline() as made:
            deep = made.root
            for _ in range(12):
                deep.append(pikepdf.OutlineItem("x" * 5_000, 0))
                deep = deep[0].children
            made.root += [pikepdf.OutlineItem(f"Chapter {number}", 0) for number in range(100)]
        pdf.save(path)
    found = told(reader(path))  # type: ignore[operator]
    assert len(found) == 50
    assert max(level for _, level, _ in found) == 8
    assert max(len(title) for title, _, _ in found) == page_text.LONGEST_TITLE


def test_both_libraries_find_the_same_bookmarks(data: Path) -> None:
    compared = 0
    for path in sorted((data / "hostile").glob("*/*.pdf")):
        if path.stat().st_size > 1_000_000 or "outline" not in path.name.lower():
            continue
        entries = told(opened(path))
        assert told(PypdfDocument(str(path), None)) == entries, path.name
        compared += bool(entries)
    assert compared >= 3


# ---------------------------------------------------------------- headings


def typed_pdf(path: Path, pages: Sequence[Sequence[tuple[str, str, float]]]) -> Path:
    """Lines as (text, font, size)."""
    canvas = pdfs.Canvas(str(path), pagesize=pdfs.A4, invariant=True)
    for lines in pages:
        for number, (text, font, size) in enumerate(lines):
            canvas.setFont(font, size)
            canvas.drawString(pdfs.LEFT, pdfs.TOP - 24 * number, text)
        canvas.showPage()
    canvas.save()
    return path


PLAIN = [(BODY, "Helvetica", 10.0), (BODY + ".", "Helvetica", 10.0), ("to the end.", "Helvetica", 10.0)]


def test_headings_are_larger_or_bolder_than_the_body(tmp_path: Path) -> None:
    pages = [
        [("Care", "Helvetica", 20.0), *PLAIN, ("Inside the network", "Helvetica", 12.0), *PLAIN],
        [("Who pays", "Helvetica-Bold", 10.0), *PLAIN, ("members pay", "Helvetica-Bold", 10.0), *PLAIN],
        [("Costs", "Helvetica", 20.0), *PLAIN, ("is set larger.", "Helvetica", 12.0), *PLAIN],
    ]
    document = opened(typed_pdf(tmp_path / "a.pdf", pages))
    contents = [document.content(page) for page in (1, 2, 3)]
    assert [headings(content) for content in contents] == [["Care", "Inside the network"], ["Who pays"], ["Costs"]]
    large, middle = (heading.level for heading in contents[0].headings)
    [bold], [same] = ([heading.level for heading in content.headings] for content in contents[1:])
    assert same == large < middle < bold


def test_a_page_in_large_type_is_no_heading(tmp_path: Path) -> None:
    large = [("A poem in large type", "Helvetica", 14.0)] * 5
    bold = [(BODY[:40], "Helvetica-Bold", 10.0), (BODY[:80], "Helvetica", 10.0)] * 6
    document = opened(typed_pdf(tmp_path / "a.pdf", [PLAIN * 8, large, bold]))
    assert [headings(document.content(page)) for page in (1, 2, 3)] == [[], [], []]


def test_bookmarks_win_over_type(tmp_path: Path) -> None:
    path = typed_pdf(tmp_path / "a.pdf", [[("Care", "Helvetica", 20.0), *PLAIN]])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        with pdf.open_outline() as made:
            made.root.append(pikepdf.OutlineItem("Care", 0))
        pdf.save(path)
    assert opened(path).content(1).headings == []


def test_the_headings_of_real_documents(data: Path) -> None:
    document = opened(data / "northwind" / "employee_handbook.pdf")
    found = [heading for page in range(2, document.pages + 1) for heading in headings(document.content(page))]
    assert {"Our Mission", "Values", "Workplace Safety", "Whistleblower Policy", "Job Roles"} <= set(found)
    assert len(found) < 20


# ---------------------------------------------------------------- tables


def tabled_pdf(path: Path, lines: int = 40, *, repeat: bool = False, bold: bool = True) -> Path:
    """A table as a report has it, on as many pages as it needs, with text before and behind it."""
    styles = getSampleStyleSheet()
    cells = [
        ["Plan", "Deductible", "Kind of care"],
        *([f"No. {n}", f"${n},000", f"care {n} in all"] for n in range(lines)),
    ]
    style = [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]
    style += [("FONT", (0, 0), (-1, 0), "Helvetica-Bold")] if bold else []
    table = Table(cells, repeatRows=int(repeat), style=TableStyle(style), colWidths=[90, 110, 180])
    text = Paragraph(" ".join([BODY] * 5) + ".", styles["BodyText"])
    SimpleDocTemplate(str(path), invariant=True).build([text, table, text])
    return path


@pytest.mark.parametrize("bold", [True, False])
def test_a_table_is_found_row_by_row(tmp_path: Path, bold: bool) -> None:
    content = opened(tabled_pdf(tmp_path / "a.pdf", 6, bold=bold)).content(1)
    expected = ["Plan Deductible Kind of care", *(f"No. {n} ${n},000 care {n} in all" for n in range(6))]
    assert rows(content) == [expected]
    assert content.tables[0].header_rows == 1


@pytest.mark.parametrize("repeat", [True, False])
def test_a_table_keeps_its_header_on_the_next_page(tmp_path: Path, pool: ReaderPool, repeat: bool) -> None:
    path = tabled_pdf(tmp_path / "a.pdf", 120, repeat=repeat)
    pages = list(pool.read(str(path)))
    assert len(pages) >= 3
    for page in pages[1:]:
        [table] = page.tables
        assert (table.header_rows, table.header) == ((1, "") if repeat else (0, "Plan Deductible Kind of care"))
    for done in cut(pages, tokenised):
        for piece in done.pieces:
            passage = searchable(done.page.text[piece.start : piece.start + piece.length])
            if "No. " in passage:
                assert ("Plan Deductible" in passage) != (piece.table_header == "Plan Deductible Kind of care")


def test_only_the_next_page_goes_on(tmp_path: Path) -> None:
    document = opened(tabled_pdf(tmp_path / "a.pdf", 120))
    assert [document.content(page).tables[0].header for page in (1, 3)] == ["", ""]


def test_other_columns_are_another_table(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    canvas = pdfs.Canvas(str(path), pagesize=pdfs.A4, invariant=True)
    for columns in (("Plan", "Deductible", "Copay"), ("1", "2")):
        for row in range(30):
            for place, title in enumerate(columns):
                canvas.drawString(72 + 150 * place, pdfs.TOP - 20 * row, f"{title} {row}" if row else title)
        canvas.showPage()
    canvas.save()
    document = opened(path)
    first, second = document.content(1), document.content(2)
    assert first.tables[0].header_rows == 1
    assert (second.tables[0].header_rows, second.tables[0].header) == (0, "")


@pytest.mark.parametrize(
    "lines",
    [
        [BODY] * 8,
        [f"{mark} {BODY[:50]}" for mark in ("•", "1.", "(a)")] * 3,
        ["A line", "Another line of it", "The third"] * 4,
    ],
)
def test_running_text_is_no_table(tmp_path: Path, lines: list[str]) -> None:
    assert opened(pdfs.text_pdf(tmp_path / "a.pdf", [lines])).content(1).tables == []


def test_a_list_with_hanging_marks_is_no_table(tmp_path: Path) -> None:
    canvas = pdfs.Canvas(str(tmp_path / "a.pdf"), pagesize=pdfs.A4, invariant=True)
    for row in range(9):
        canvas.drawString(72, pdfs.TOP - 20 * row, f"{row + 1}.")
        canvas.drawString(140, pdfs.TOP - 20 * row, f"Item of a list {row}")
    canvas.save()
    assert opened(tmp_path / "a.pdf").content(1).tables == []


def test_two_columns_of_text_are_no_table(tmp_path: Path) -> None:
    canvas = pdfs.Canvas(str(tmp_path / "a.pdf"), pagesize=pdfs.A4, invariant=True)
    canvas.setFont("Helvetica", 9)
    for row in range(9):  # line by line across both columns, as some programs write
        for left in (50, 330):
            canvas.drawString(left, pdfs.TOP - 20 * row, BODY[row : row + 48])
    canvas.save()
    assert opened(tmp_path / "a.pdf").content(1).tables == []


def test_offsets_of_structure_hold_behind_odd_characters(tmp_path: Path) -> None:
    content = opened(pdfs.odd_characters_pdf(tmp_path / "odd.pdf")).content(1)
    assert content.text == pdfs.ODD_TEXT


# ---------------------------------------------------------------- broken words


def test_a_broken_word_is_found_and_has_a_box_on_each_line(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.text_pdf(tmp_path / "a.pdf", [["Members pay the deduc-", "tible of an in-", "network plan."]])
    [page] = pool.read(str(path))
    assert page.text == "Members pay the deduc\u00adtible of an in-network plan."
    assert searchable(page.text) == "Members pay the deductible of an in-network plan."
    matches = [match for *_, found in pool.find(str(path), "deductible") for match in found]
    assert [(match.start, match.length, len(match.boxes)) for match in matches] == [(16, 11, 2)]
    first, second = pool.locate(str(path), 1, 16, 11)
    assert first.bottom < second.top + 0.01
    assert first.left > second.left


# ---------------------------------------------------------------- title and author


def test_title_and_author_are_what_the_file_names(tmp_path: Path) -> None:
    path = pdfs.text_pdf(tmp_path / "named.pdf", [["One line."]])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.docinfo["/Title"] = "  The\n Harbour – Rules "
        pdf.docinfo["/Author"] = "José Ñúñez"
        pdf.save(path)
    first, second = PdfiumDocument(os.fsencode(path), None), PypdfDocument(str(path), None)
    assert first.metadata() == second.metadata() == Metadata(title="The Harbour – Rules", author="José Ñúñez")
    first.close()
    second.close()


def test_a_long_or_damaged_title_is_cut_and_does_no_harm(tmp_path: Path) -> None:
    path = pdfs.text_pdf(tmp_path / "long.pdf", [["One line."]])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.docinfo["/Title"] = "x" * 5_000_000
        pdf.docinfo["/Author"] = pikepdf.Dictionary(Not="a name")
        pdf.save(path)
    with ReaderPool() as pool:
        [page] = pool.read(str(path))
    assert len(page.metadata.title) <= page_text.LONGEST_TITLE
    assert page.metadata.author in ("", page.metadata.author[:300])
    assert page.text.strip() == "One line."

"""DOCX, made by python-docx and by hand: all of its text in order, and what is damaged, locked or hostile."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml

from assistant_app.documents.document import Document
from assistant_app.documents.opening import open_document
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import Code, DocentError
from tests.documents.test_text_document import headings, rows, whole

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


def letter(path: Path, *paragraphs: str) -> Path:
    """A document of these paragraphs, each the XML inside of a ``w:p``, or a whole content control or table."""
    document = docx.Document()
    document.core_properties.title = "The letter"
    for xml in paragraphs:
        block = xml if xml.startswith(("<w:sdt", "<w:tbl")) else f"<w:p>{xml}</w:p>"
        place = block.index(" ") if " " in block[: block.index(">")] else block.index(">")
        document.element.body.insert(
            len(document.element.body) - 1, parse_xml(f"{block[:place]} {W} {MC}{block[place:]}")
        )
    document.save(str(path))
    return path


def opened(path: Path) -> Document:
    return open_document(str(path), None)


def changed(path: Path, name: str, content: bytes) -> Path:
    """The package with one member replaced."""
    with zipfile.ZipFile(path) as source:
        members = {each: source.read(each) for each in source.namelist()}
    members[name] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for each, data in members.items():
            target.writestr(each, data)
    return path


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def test_paragraphs_headings_and_tables(tmp_path: Path) -> None:
    document = docx.Document()
    document.core_properties.title = "The report"
    document.add_paragraph("Preface.")
    document.add_heading("One", 1)
    document.add_paragraph("First\tparagraph.").add_run("\nLine.").bold = True
    document.add_heading("Under", 2)
    table = document.add_table(2, 2, style="Table Grid")
    for cell, text in zip(table._cells, ("Year", "Sum", "2023", "4.2"), strict=True):
        cell.text = text
    document.add_heading("Two", 1)
    document.save(str(tmp_path / "a.docx"))
    found = opened(tmp_path / "a.docx")
    assert (found.kind, found.paged) == ("docx", False)
    assert whole(found) == "Preface.\n\nOne\n\nFirst\tparagraph.\nLine.\n\nUnder\n\nYear | Sum\n2023 | 4.2\n\nTwo"
    assert headings(found) == [("One", 1), ("Under", 2), ("Two", 1)]
    assert [found.label(page) for page in (1, 2, 3, 4)] == ["The report", "One", "One › Under", "Two"]
    assert rows(found, 3) == [(["Year | Sum", "2023 | 4.2"], 1, "")]


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (f"<w:ins w:id='1'>{run('new')}</w:ins><w:del w:id='2'><w:r><w:delText>old</w:delText></w:r></w:del>", "new"),
        (f"<w:moveFrom>{run('gone')}</w:moveFrom><w:moveTo>{run('here')}</w:moveTo>", "here"),
        (f"<w:hyperlink>{run('a link')}</w:hyperlink><w:smartTag>{run(' tagged')}</w:smartTag>", "a link tagged"),
        (f"<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>{run('seen')}", "seen"),
        ("<w:r><w:rPr><w:vanish w:val='0'/></w:rPr><w:t>seen</w:t></w:r>", "seen"),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>", "a\tb\nc-d"),
        ("<w:r><w:instrText>PAGEREF x</w:instrText></w:r>" + run("12"), "12"),
        (f"<w:sdt><w:sdtContent><w:p>{run('in a control')}</w:p></w:sdtContent></w:sdt>", "in a control"),
        (
            f"{run('body')}<w:r><mc:AlternateContent>"
            f"<mc:Choice><w:txbxContent><w:p>{run('in a box')}</w:p></w:txbxContent></mc:Choice>"
            f"<mc:Fallback><w:txbxContent><w:p>{run('in a box')}</w:p></w:txbxContent></mc:Fallback>"
            "</mc:AlternateContent></w:r>",
            "body\n\nin a box",
        ),
    ],
)
def test_everything_that_is_shown(tmp_path: Path, xml: str, text: str) -> None:
    assert whole(opened(letter(tmp_path / "a.docx", xml))) == text


def test_levels_come_from_styles_and_outlines(tmp_path: Path) -> None:
    document = docx.Document()
    own = document.styles.add_style("Chapter", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    own.base_style = document.styles["Heading 3"]
    ring = document.styles.add_style("Ring", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    ring.base_style = ring
    document.add_paragraph("By style", style="Chapter")
    document.add_paragraph("In a ring", style="Ring")
    level = document.add_paragraph("By outline")
    level._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {W} w:val="1"/>'))
    body = document.add_heading("Not in the outline", 1)
    body._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {W} w:val="9"/>'))
    document.save(str(tmp_path / "a.docx"))
    assert headings(opened(tmp_path / "a.docx")) == [("By style", 3), ("By outline", 2)]


def test_rows_that_repeat_are_the_header(tmp_path: Path) -> None:
    def row(text: str, head: str = "") -> str:
        return f"<w:tr><w:trPr>{head}</w:trPr><w:tc><w:p>{run(text)}</w:p><w:p>{run('and')}</w:p></w:tc></w:tr>"

    table = f"<w:tbl>{row('a', '<w:tblHeader/>')}{row('b', '<w:tblHeader/>')}{row('c')}</w:tbl>"
    assert rows(opened(letter(tmp_path / "a.docx", table))) == [(["a and", "b and", "c and"], 2, "")]


def test_a_span_that_lies_costs_nothing(tmp_path: Path) -> None:
    cell = f"<w:tc><w:tcPr><w:gridSpan w:val='999999999'/></w:tcPr><w:p>{run('x')}</w:p></w:tc>"
    assert whole(opened(letter(tmp_path / "a.docx", f"<w:tbl><w:tr>{cell}{cell}</w:tr></w:tbl>"))) == "x | x"


def test_footnotes(tmp_path: Path) -> None:
    path = letter(tmp_path / "a.docx", run("Text"))
    with zipfile.ZipFile(path) as source:
        relations = source.read("word/_rels/document.xml.rels")
        types = source.read("[Content_Types].xml")
    notes = f"<w:footnotes {W}><w:footnote w:type='separator'><w:p>{run('---')}</w:p></w:footnote>" + (
        f"<w:footnote w:id='2'><w:p>{run('A note.')}</w:p></w:footnote></w:footnotes>"
    )
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    changed(path, "word/footnotes.xml", notes.encode())
    link = f'<Relationship Id="rId99" Type="{kind}" Target="footnotes.xml"/></Relationships>'
    changed(path, "word/_rels/document.xml.rels", relations.replace(b"</Relationships>", link.encode()))
    content = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    override = f'<Override PartName="/word/footnotes.xml" ContentType="{content}"/></Types>'
    changed(path, "[Content_Types].xml", types.replace(b"</Types>", override.encode()))
    assert whole(opened(path)) == "Text\n\nA note."


@pytest.mark.parametrize(
    "main",
    [
        b"application/vnd.ms-word.document.macroEnabled.main+xml",
        b"application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ],
)
def test_templates_and_documents_with_macros(tmp_path: Path, main: bytes) -> None:
    path = letter(tmp_path / "a.docm", run("Text"))
    with zipfile.ZipFile(path) as source:
        types = source.read("[Content_Types].xml")
    usual = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    assert usual in types
    assert whole(opened(changed(path, "[Content_Types].xml", types.replace(usual, main)))) == "Text"


def test_huge_pictures_are_not_looked_at(tmp_path: Path) -> None:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("1", (64, 64)).save(stream, "PNG")
    document = docx.Document()
    document.add_paragraph("Above")
    document.add_picture(stream)
    document.save(str(tmp_path / "a.docx"))
    path = changed(tmp_path / "a.docx", "word/media/image1.png", bytes(100_000_000))
    assert whole(opened(path)) == "Above"


def refusal(path: Path) -> Code:
    with pytest.raises(DocentError) as caught:
        opened(path)
    return caught.value.code


def test_what_is_damaged(tmp_path: Path) -> None:
    path = letter(tmp_path / "a.docx", run("Text"))
    content = path.read_bytes()
    assert refusal(changed(path, "word/document.xml", b"<w:document")) == Code.DOCUMENT_DAMAGED
    assert refusal(changed(path, "[Content_Types].xml", b"")) == Code.DOCUMENT_DAMAGED
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path) == Code.DOCUMENT_DAMAGED
    path.write_bytes(content[:200] + b"\0" * 500 + content[700:])
    assert refusal(path) == Code.DOCUMENT_DAMAGED


BODY = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>%s</w:body></w:document>'
HOSTILE = {
    "laughs": '<!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;">]>'
    + BODY % "<w:p><w:r><w:t>&b;</w:t></w:r></w:p>",
    "an outer file": '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
    + BODY % "<w:p><w:r><w:t>&b;</w:t></w:r></w:p>",
    "deep": BODY % ("<w:sdt><w:sdtContent>" * 50_000),
    "deep and closed": BODY % ("<w:ins>" * 5_000 + "</w:ins>" * 5_000),
    "long": BODY % ("<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 200_000),
    "not a document": "<x/>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml(tmp_path: Path, pool: ReaderPool, name: str) -> None:
    path = changed(letter(tmp_path / "a.docx", run("x")), "word/document.xml", HOSTILE[name].encode())
    if name not in ("laughs", "an outer file", "long"):
        with pytest.raises(DocentError) as caught:
            list(pool.read(str(path)))
        assert caught.value.code == Code.DOCUMENT_DAMAGED
        return
    text = "".join(page.text for page in pool.read(str(path)))
    assert text.startswith("x\n\nx") == (name == "long")
    assert "haha" not in text
    assert "root:" not in text


def test_a_bomb(tmp_path: Path, pool: ReaderPool) -> None:
    path = changed(letter(tmp_path / "a.docx", run("x")), "word/styles.xml", b"<w:styles>" + b" " * 70_000_000)
    assert path.stat().st_size < 200_000
    with pytest.raises(DocentError) as caught:
        list(pool.read(str(path)))
    assert caught.value.code == Code.TOO_LARGE

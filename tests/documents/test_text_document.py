"""Plain text and Markdown: the text is the file's own, in sections that put together give it back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.documents import sections
from assistant_app.documents.document import Document
from assistant_app.documents.markdown_document import MarkdownDocument
from assistant_app.documents.opening import open_document
from assistant_app.documents.sections import Flow, FlowBuilder, SectionedDocument
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Heading


def opened(path: Path, content: str | bytes) -> Document:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_document(str(path), None)


def whole(document: Document) -> str:
    return "".join(document.text(page) for page in range(1, document.pages + 1))


def headings(document: Document) -> list[tuple[str, int]]:
    found = []
    for page in range(1, document.pages + 1):
        content = document.content(page)
        found += [(content.text[each.start : each.start + each.length], each.level) for each in content.headings]
    return found


def rows(document: Document, page: int = 1) -> list[tuple[list[str], int, str]]:
    content = document.content(page)
    return [
        ([content.text[start : start + length] for start, length in table.rows], table.header_rows, table.header)
        for table in content.tables
    ]


def test_a_text_is_its_own_text(tmp_path: Path) -> None:
    document = opened(tmp_path / "a.txt", "\ufeffOne\r\ntwo\x07\rthree\x0cfour\n")
    assert (document.kind, document.paged, document.has_boxes, document.pages) == ("text", False, False, 1)
    assert whole(document) == "One\ntwo\ufffd\nthree\nfour\n"
    assert document.label(1) == ""
    assert document.boxes(1, [(0, 3)]) == [[]]
    assert document.words(1) == (whole(document), [])
    assert document.size(1).width > 0
    with pytest.raises(DocentError) as caught:
        document.content(2)
    assert caught.value.code == Code.PAGE_OUT_OF_RANGE
    with pytest.raises(DocentError) as caught:
        document.draw(1, 100)
    assert caught.value.code == Code.NOT_A_PDF


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    assert whole(opened(tmp_path / "a.txt", "Grüße für €5".encode(encoding))) == "Grüße für €5"


def test_a_long_text_is_cut_at_paragraphs(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 200 for number in range(100)]
    text = "\n\n".join(paragraphs)
    document = opened(tmp_path / "a.txt", text)
    parts = [document.text(page) for page in range(1, document.pages + 1)]
    assert "".join(parts) == text
    assert all(len(part) <= sections.SECTION_CHARACTERS for part in parts)
    assert all(part.startswith("Paragraph") for part in parts)


def test_text_without_any_break_is_cut_too(tmp_path: Path) -> None:
    document = opened(tmp_path / "a.txt", "x" * 50_001)
    assert [len(document.text(page)) for page in (1, 2, 3)] == [20_000, 20_000, 10_001]


def test_an_empty_text_is_one_section(tmp_path: Path) -> None:
    document = opened(tmp_path / "a.txt", " \n")
    assert (document.pages, document.text(1)) == (1, " \n")


def test_a_text_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant_app.documents.kinds.read_text_bytes.__defaults__", (100,))
    with pytest.raises(DocentError) as caught:
        opened(tmp_path / "a.txt", "x" * 101)
    assert caught.value.code == Code.TOO_LARGE


def test_comma_separated_values_are_a_table_whose_header_goes_on(tmp_path: Path) -> None:
    lines = ["name,value", *(f"row {number},{number * 7}" for number in range(3_000))]
    document = opened(tmp_path / "a.csv", "\n".join(lines) + "\n")
    assert document.pages > 2
    found = [rows(document, page)[0] for page in range(1, document.pages + 1)]
    assert [row for table, _, _ in found for row in table] == lines
    assert [(header_rows, header) for _, header_rows, header in found[:2]] == [(1, ""), (0, "name,value")]


MARKDOWN = """---
title: "The Guide"
tags: [a]
---
Before.

# First #

Some *text*.

## Second

| a | b |
|---|---|
| 1 | 2 |

```
# no heading
```

### Deep
Third with text
===============

- # in a list

# Last
"""


def test_markdown(tmp_path: Path) -> None:
    document = opened(tmp_path / "a.md", MARKDOWN.replace("\n", "\r\n"))
    assert document.kind == "markdown"
    assert whole(document) == MARKDOWN
    assert headings(document) == [
        ("First", 1),
        ("Second", 2),
        ("Deep", 3),
        ("Third with text", 1),
        ("in a list", 1),
        ("Last", 1),
    ]
    labels = [document.label(page) for page in range(1, document.pages + 1)]
    assert labels[:3] == ["The Guide", "First", "First › Second"]
    assert labels[-1] == "Last"
    assert rows(document, 3) == [(["| a | b |\n|---|---|", "| 1 | 2 |"], 1, "")]


def test_markdown_that_is_too_long_to_parse_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant_app.documents.markdown_document.MAX_PARSED_CHARACTERS", 10)
    document = opened(tmp_path / "a.md", "# Title\n\ntext\n")
    assert (whole(document), headings(document)) == ("# Title\n\ntext\n", [])


@pytest.mark.parametrize(
    "piece", ["> " * 30_000, "- " * 30_000, "[" * 50_000, "* a\n  " * 5_000, "`" * 50_000, "<a " * 9_000]
)
def test_markdown_that_nests_without_end(tmp_path: Path, piece: str) -> None:
    (tmp_path / "a.md").write_text(piece)
    assert whole(MarkdownDocument(str(tmp_path / "a.md"))) == piece


# ------------------------------------------------------------------ sections


def test_headings_that_follow_each_other_share_a_section() -> None:
    builder = FlowBuilder()
    for level, text in ((1, "Book"), (2, "Part"), (0, "Text."), (2, "Other"), (0, "More."), (1, "End")):
        builder.heading(text, level) if level else builder.paragraph(text)
    document = SectionedDocument("html", builder.flow("Title"))
    assert [document.text(page) for page in (1, 2, 3)] == ["Book\n\nPart\n\nText.\n\n", "Other\n\nMore.\n\n", "End"]
    assert [document.label(page) for page in (1, 2, 3)] == ["Book › Part", "Book › Other", "End"]


def test_very_many_headings_make_no_more_sections_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "MAX_SECTIONS_AT_HEADINGS", 100)
    builder = FlowBuilder()
    for number in range(5_000):
        builder.heading(f"Heading {number}", 1)
        builder.paragraph("text")
    document = SectionedDocument("html", builder.flow())
    assert document.pages < 30
    assert len(headings(document)) == 5_000
    assert document.label(2) == re.match("Heading \\d+", document.text(2))[0]  # type: ignore[index]


def test_a_table_without_text_is_no_table() -> None:
    builder = FlowBuilder()
    builder.table([["", " "], ["", ""]], 1)
    builder.table([["", ""], ["a", "b\nc"]], 1)
    flow = builder.flow()
    assert flow.text == "a | b c"
    assert [(table.rows, table.header_rows) for table in flow.tables] == [([(0, 7)], 0)]


def test_too_much_text(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = FlowBuilder(most=10)
    builder.paragraph("12345")
    with pytest.raises(DocentError) as caught:
        builder.paragraph("67890")
    assert caught.value.code == Code.TOO_LARGE


@given(
    st.lists(st.tuples(st.integers(0, 3), st.text("ab \n", min_size=1, max_size=60)), max_size=30), st.integers(5, 80)
)
def test_sections_put_together_give_the_text(blocks: list[tuple[int, str]], size: int) -> None:
    before, sections.SECTION_CHARACTERS = sections.SECTION_CHARACTERS, size
    try:
        builder = FlowBuilder()
        for level, text in blocks:
            if level == 3:
                builder.table([text.split("\n"), text.split("\n")], 1)
            elif level:
                builder.heading(text, level)
            else:
                builder.paragraph(text)
        flow: Flow = builder.flow()
        document = SectionedDocument("html", flow)
        assert whole(document) == flow.text
        assert all(len(document.text(page)) <= size for page in range(1, document.pages + 1))
        start = 0
        found: list[Heading] = []
        for page in range(1, document.pages + 1):
            content = document.content(page)
            found += [
                Heading(start=each.start + start, length=each.length, level=each.level) for each in content.headings
            ]
            assert all(each.start + each.length <= len(content.text) for each in content.headings)
            assert all(at + length <= len(content.text) for table in content.tables for at, length in table.rows)
            start += len(content.text)
        assert [each.start for each in found] == [each.start for each in flow.headings]
    finally:
        sections.SECTION_CHARACTERS = before

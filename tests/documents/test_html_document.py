"""HTML: what a browser shows, in order, with headings and tables; and pages made to break a parser."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant_app.documents.document import Document
from assistant_app.documents.html_document import decode_html
from assistant_app.documents.opening import open_document
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import Code, DocentError
from tests.documents.test_text_document import headings, rows, whole


def page(tmp_path: Path, body: str, head: str = "<title>A  page &amp; more</title>") -> Document:
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", encoding="utf-8")
    return open_document(str(path), None)


def test_text_in_order(tmp_path: Path) -> None:
    body = """<p>First <b>bold</b>
    and <a href="http://example.com/">link</a>.<p>Line<br>break
    <ul><li>one<li><p>two</p><p>more</p></ul><div>a<div>b</div>c</div><pre>x
  y</pre>after &lt;b&gt; &eacute;&#8364;"""
    assert whole(page(tmp_path, body)) == (
        "First bold and link.\n\nLine\nbreak\n\n- one\n\n- two\n\nmore\n\na\n\nb\n\nc\n\nx\n  y\n\nafter <b> é€"
    )


def test_headings_and_the_title(tmp_path: Path) -> None:
    document = page(tmp_path, "Before.<h1>One\n <i>1</i></h1><p>x<h3>Three</h3>y<h2>Two</h2>z")
    assert document.kind == "html"
    assert headings(document) == [("One 1", 1), ("Three", 3), ("Two", 2)]
    labels = [document.label(number) for number in range(1, document.pages + 1)]
    assert labels == ["A page & more", "One 1", "One 1 › Three", "One 1 › Two"]


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>let secret = '<p>secret</p>'</script>",
        "<style>secret {}</style>",
        "<!-- secret -->",
        "<template><p>secret</p></template>",
        "<noscript>secret</noscript>",
        "<div hidden><p>secret</p><div>secret</div></div>",
        '<p style="color: red; DISPLAY : none">secret</p>',
        '<span style="visibility:hidden">secret</span>',
        "<iframe srcdoc='secret'>secret</iframe>",
        "<svg><title>secret</title><text>secret</text></svg>",
        "<input value=secret><img alt=secret src=http://example.com/x.png>",
    ],
)
def test_what_is_not_shown_is_no_text(tmp_path: Path, hidden: str) -> None:
    assert whole(page(tmp_path, f"<p>before</p>{hidden}<p>after</p>")) == "before\n\nafter"


def test_a_table(tmp_path: Path) -> None:
    body = """<table><caption>Sales</caption><thead><tr><td>Year<td>Sum</thead>
    <tr><th>2023<td>1 <b>million</b><p>more</p><tr><td><td><tr><td>2024<td>2</table>"""
    document = page(tmp_path, body)
    assert whole(document) == "Sales\n\nYear | Sum\n2023 | 1 million more\n2024 | 2"
    assert rows(document) == [(["Year | Sum", "2023 | 1 million more", "2024 | 2"], 1, "")]


def test_a_table_for_layout_is_no_table(tmp_path: Path) -> None:
    body = """<table><tr><td>menu<td><h1>Head</h1><p>text</p>
    <table><tr><th>A<th>B<tr><td>1<td>2</table></table>"""
    document = page(tmp_path, body)
    assert whole(document) == "menu\n\nHead\n\ntext\n\nA | B\n1 | 2"
    assert headings(document) == [("Head", 1)]
    assert rows(document, 2) == [(["A | B", "1 | 2"], 1, "")]
    document = page(tmp_path, "<table><tr><td>menu<td><h1>Head</h1><p>text</p></table>")
    assert (whole(document), headings(document)) == ("menu\n\nHead\n\ntext", [("Head", 1)])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("grün €".encode(), "grün €"),
        ("\ufeffgrün".encode(), "grün"),
        ("grün".encode("utf-16"), "grün"),
        ("grün €".encode("cp1252"), "grün €"),
        (b"<meta charset='iso-8859-2'>" + "łódź".encode("iso-8859-2"), "łódź"),
        (b'<meta http-equiv=x content="text/html; charset=windows-1251">' + "да".encode("cp1251"), "да"),
        (b'<?xml version="1.0" encoding="Shift_JIS"?>' + "日本".encode("shift_jis"), "日本"),
        (b"<meta charset=zlib_codec>\xe9", "é"),
        (b"<meta charset=unicode_escape>\\u0041\xe9", "é"),
        (b"<meta charset=utf-8>gr\xfcn", "gr\ufffdn"),
    ],
)
def test_encodings(data: bytes, expected: str) -> None:
    assert decode_html(data).endswith(expected)


HOSTILE = {
    "nested divs": "<div>" * 100_000 + "deep" + "</div>" * 100_000,
    "nested tables": "<table><tr><td>x" * 30_000 + "deep",
    "nested lists": "<ul><li>" * 20_000 + "deep",
    "never closed": "<b><i><p>" * 50_000 + "deep",
    "only ends": "</table></td></pre></li></title>" * 20_000 + "deep",
    "a start tag without end": "deep<a" + " b=c" * 200_000,
    "attributes": "<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">deep",
    "nested hidden": "deep" + "<div hidden>" * 50_000,
    "entities": "deep" + "&lt;" * 100_000,
    "own entities": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><p>deep &b;',
    "an outer file": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><p>deep &a;',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages(tmp_path: Path, pool: ReaderPool, name: str) -> None:
    path = tmp_path / "page.html"
    path.write_text("<html><body>" + HOSTILE[name])
    text = "".join(part.text for part in pool.read(str(path)))
    assert "deep" in text
    assert "root:" not in text
    assert "aaaa" not in text


def test_a_page_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant_app.documents.html_document.MAX_BYTES", 1_000)
    with pytest.raises(DocentError) as caught:
        page(tmp_path, "x" * 1_000)
    assert caught.value.code == Code.TOO_LARGE

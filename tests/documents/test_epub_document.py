"""EPUB: chapters in the order of the spine; damaged, protected and hostile archives."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from assistant_app.documents import archive
from assistant_app.documents.opening import open_document
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import Code, DocentError
from tests.documents.test_text_document import headings, whole

CONTAINER = """<?xml version="1.0"?>
<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">
<rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"""
PACKAGE = """<?xml version="1.0"?><!DOCTYPE package>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Book</dc:title></metadata><manifest>
<item id="two" href="text/chapter%202.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="css" href="style.css" media-type="text/css"/>
<item id="up" href="../../../etc/passwd" media-type="application/xhtml+xml"/>
<item id="far" href="http://example.com/x.xhtml" media-type="application/xhtml+xml"/>
</manifest><spine><itemref idref="one"/><itemref idref="two"/><itemref idref="css"/><itemref idref="up"/>
<itemref idref="far"/><itemref idref="none"/><itemref idref="one"/></spine></package>"""
CHAPTER = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>{0}</h1><p>Text of {0}.</p></body></html>'
BOOK = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": PACKAGE,
    "OEBPS/one.xhtml": CHAPTER.format("One"),
    "OEBPS/text/chapter 2.xhtml": CHAPTER.format("Two"),
    "OEBPS/style.css": "p { color: red }",
}


def book(path: Path, **changed: str | bytes | None) -> Path:
    """``BOOK`` as a file, some of its members replaced or left out; "__" in a name stands for "/"."""
    members: dict[str, str | bytes | None] = {**BOOK, **{k.replace("__", "/"): v for k, v in changed.items()}}
    return written(path, {name: content for name, content in members.items() if content is not None})


def written(path: Path, members: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def refusal(path: Path) -> Code:
    with pytest.raises(DocentError) as caught:
        open_document(str(path), None)
    return caught.value.code


def test_chapters_in_the_order_of_the_spine(tmp_path: Path) -> None:
    document = open_document(str(book(tmp_path / "a.epub")), None)
    assert (document.kind, document.paged, document.pages) == ("epub", False, 2)
    assert whole(document) == "One\n\nText of One.\n\nTwo\n\nText of Two."
    assert headings(document) == [("One", 1), ("Two", 1)]
    assert [document.label(1), document.label(2)] == ["One", "Two"]


def test_what_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.epub"
    whole_book = book(path).read_bytes()
    assert refusal(book(path, OEBPS__book_opf=None) and written(path, {"META-INF/container.xml": CONTAINER})) == (
        Code.DOCUMENT_DAMAGED
    )
    assert refusal(written(path, {**BOOK, "META-INF/container.xml": "<container>"})) == Code.DOCUMENT_DAMAGED
    assert refusal(written(path, {**BOOK, "OEBPS/book.opf": "<package/>"})) == Code.DOCUMENT_DAMAGED
    bad = bytearray(whole_book)
    bad[whole_book.index(b"OEBPS/one.xhtml") + 20] ^= 0xFF
    path.write_bytes(bad)
    assert refusal(path) == Code.DOCUMENT_DAMAGED


def test_copy_protection_is_said_and_garbled_fonts_are_none(tmp_path: Path) -> None:
    method = '<encryption><EncryptedData><EncryptionMethod Algorithm="{}"/></EncryptedData></encryption>'
    path = tmp_path / "a.epub"
    drm = {**BOOK, "META-INF/encryption.xml": method.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    assert refusal(written(path, drm)) == Code.ENCRYPTION_UNSUPPORTED
    fonts = {**BOOK, "META-INF/encryption.xml": method.format("http://www.idpf.org/2008/embedding")}
    assert open_document(str(written(path, fonts)), None).pages == 2


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = book(tmp_path / "a.epub")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(signature, at + 1)) >= 0:
            content[at + offset] |= 1
    path.write_bytes(content)
    assert refusal(path) == Code.ENCRYPTION_UNSUPPORTED


BILLION_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize("doctype", [BILLION_LAUGHS, '<!DOCTYPE x [<!ENTITY c SYSTEM "file:///etc/passwd">]>'])
def test_entities_are_refused(tmp_path: Path, doctype: str) -> None:
    bomb = {**BOOK, "META-INF/container.xml": f"{doctype}<container>&c;</container>"}
    assert refusal(written(tmp_path / "a.epub", bomb)) == Code.DOCUMENT_DAMAGED


def test_a_bomb(tmp_path: Path, pool: ReaderPool) -> None:
    path = written(tmp_path / "a.epub", {**BOOK, "OEBPS/one.xhtml": bytes(archive.MAX_MEMBER_BYTES + 1)})
    assert path.stat().st_size < 100_000
    with pytest.raises(DocentError) as caught:
        list(pool.read(str(path)))
    assert caught.value.code == Code.TOO_LARGE


def test_a_bomb_of_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 1_000)
    assert refusal(book(tmp_path / "a.epub")) == Code.TOO_LARGE
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    assert refusal(book(tmp_path / "a.epub")) == Code.TOO_LARGE


def test_sizes_that_lie_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 10_000)
    path = written(tmp_path / "a.epub", {**BOOK, "OEBPS/one.xhtml": b"x" * 50_000})
    content = path.read_bytes().replace((50_000).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    path.write_bytes(content)
    assert refusal(path) in (Code.TOO_LARGE, Code.DOCUMENT_DAMAGED)

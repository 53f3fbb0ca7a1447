"""What a file is, by its content; and what is no document, whatever its name says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from assistant_app.documents.kinds import kind_of
from assistant_app.documents.opening import open_document
from assistant_app.errors import Code, DocentError

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def archive(*names: str) -> bytes:
    import io

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name in names:
            target.writestr(name, "<x/>")
    return stream.getvalue()


def outcome(tmp_path: Path, name: str, content: bytes) -> str | None:
    """The kind, or the code it is refused with."""
    path = tmp_path / name
    path.write_bytes(content)
    try:
        return kind_of(str(path))
    except DocentError as error:
        return error.code.value


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.pdf", b"%PDF-1.7 ...", "pdf"),
        ("a", b"\n" * 900 + b"%PDF-1.7", "pdf"),
        ("a.txt", b"%PDF-1.7 ...", "pdf"),
        ("a.txt", b"\xef\xbb\xbf \n%PDF-1.7 ...", "pdf"),
        ("a.txt", b"A PDF begins with %PDF-1.7 and a line feed.", "text"),
        ("a.zip", archive("word/document.xml"), "docx"),
        ("a", archive("[Content_Types].xml", "word/document2.xml"), "docx"),
        ("a.docx", archive("ppt/presentation.xml"), "pptx"),
        ("a.epub", archive("mimetype", "META-INF/container.xml"), "epub"),
        ("a.zip", archive("notes.txt"), Code.NOT_A_PDF),
        ("a.xlsx", archive("xl/workbook.xml"), Code.NOT_A_PDF),
        ("a.docx", archive("notes.txt"), Code.DOCUMENT_DAMAGED),
        ("a.docx", archive("word/document.xml")[:-30], Code.DOCUMENT_DAMAGED),
        ("a.zip", archive("word/document.xml")[:-30], Code.NOT_A_PDF),
        ("polyglot.docx", b"%PDF-1.7\n" + archive("word/document.xml"), "pdf"),
        ("a.html", b"<!DOCTYPE html><p>x", "html"),
        ("a.txt", b"\xef\xbb\xbf  <!-- > saved --> <HTML lang=en>", "html"),
        ("a.xhtml", b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x"><html>', "html"),
        ("a.html", "<html><p>x".encode("utf-16"), "html"),
        ("a.htm", b"<p>No head and no body", "html"),
        ("a.md", b'<div align="center">Read me</div>', "markdown"),
        ("a.markdown", b"# Title", "markdown"),
        ("a.txt", "grün".encode(), "text"),
        ("a.txt", "grün".encode("cp1252"), "text"),
        ("a.txt", "grün".encode("utf-16"), "text"),
        ("a.csv", b"a,b\n1,2\n", "text"),
        ("a.txt", b"x\0y", None),
        ("a.txt", b"\xff\0\0\0", None),
        ("README", "Plain text, grün".encode(), "text"),
        ("a.py", b"import this\n", "text"),
        ("a.conf", "grün".encode("cp1252"), None),
        ("a.conf", b"bell \x07", None),
        ("late.conf", b"x" * 5_000 + b"\xff", None),
        ("split.conf", "é".encode() * 5_000, "text"),
        ("a.pdf", b"Dear reader, this is text.", None),
        ("a.docx", b"Dear reader, this is text.", None),
        ("a.png", b"Dear reader, this is text.", None),
        ("a.fuzz", b" 1 0 obj<</Type/Catalog>>", None),
        ("a.fuzz", b"xref 0 5\n trailer", None),
        ("a.doc", OLE, Code.NOT_A_PDF),
        ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), Code.ENCRYPTION_UNSUPPORTED),
    ],
)
def test_content_decides(tmp_path: Path, name: str, content: bytes, expected: str | None) -> None:
    assert outcome(tmp_path, name, content) == expected


def test_what_is_of_no_kind_is_refused(tmp_path: Path) -> None:
    for name, content in (
        ("a.pdf", b"no PDF"),
        ("a.bin", bytes(range(256)) * 20),
        ("a.png", b"\x89PNG\r\n\x1a\n" * 99),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DocentError) as caught:
            open_document(str(path), None)
        assert caught.value.code == Code.NOT_A_PDF

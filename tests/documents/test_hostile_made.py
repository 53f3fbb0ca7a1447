"""PDFs made to break whoever reads them: each ends with pages or a code, and the next one is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from assistant_app.documents import reader
from assistant_app.documents.reader_pool import PageText, ReaderPool
from assistant_app.errors import Code, DocentError
from tests import pdfs
from tests.documents.conftest import readers

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"


def raw_pdf(path: Path, objects: Mapping[int, bytes]) -> Path:
    """A PDF of these objects (number: content), with a cross-reference table that is right; object 1 is the root."""
    file, offsets = b"%PDF-1.7\n", {}
    for number, body in objects.items():
        offsets[number] = len(file)
        file += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"".join(
        b"%010d 00000 n \n" % offsets[n] if n in offsets else b"0000000000 65535 f \n" for n in range(max(objects) + 1)
    )
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (max(objects) + 1, len(file))
    path.write_bytes(file + b"xref\n0 %d\n" % (max(objects) + 1) + table + trailer)
    return path


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n" % (len(content), entries) + content + b"\nendstream"


def simple(path: Path, **objects: bytes) -> Path:
    """One page that says "Hello"; ``objects`` (``o2`` for object 2) replace and add."""
    whole = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: PAGE,
        4: stream(b"BT /F1 20 Tf 50 200 Td (Hello) Tj ET"),
        5: FONT,
    }
    return raw_pdf(path, {**whole, **{int(name[1:]): body for name, body in objects.items()}})


def inflates_to(size: int, piece: bytes = b" ") -> bytes:
    """Deflated data of a few megabytes at most that becomes ``size`` bytes; made from one block, repeated."""
    block = zlib.compressobj(9)
    head = block.flush(zlib.Z_FULL_FLUSH)
    unit = block.compress(piece * (2**20 // len(piece))) + block.flush(zlib.Z_FULL_FLUSH)
    return head + unit * (size // 2**20) + block.flush()


def outcome(pool: ReaderPool, path: Path) -> list[PageText] | Code:
    """The pages, or the code; afterwards the pool reads as if nothing had been."""
    try:
        found: list[PageText] | Code = list(pool.read(str(path), ocr=False))
    except DocentError as error:
        found = error.code
    for operation in (lambda: pool.draw(str(path), 1, 300), lambda: list(pool.find(str(path), "hello"))):
        try:
            operation()
        except DocentError:
            continue
    good = path.with_name("good.pdf")
    if not good.exists():
        simple(good)
    assert [page.text for page in pool.read(str(good))] == ["Hello"]
    assert len(readers()) <= 2
    return found


# ------------------------------------------------------------------ structure that lies


@pytest.mark.parametrize(
    "tree",
    [
        b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>",
        b"<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R 2 0 R 3 0 R] /Count 100000 >>",
        b"<< /Type /Pages /Kids [6 0 R] /Count 5 >>",
    ],
)
def test_a_page_tree_that_loops(tmp_path: Path, pool: ReaderPool, tree: bytes) -> None:
    found = outcome(pool, simple(tmp_path / "a.pdf", o2=tree, o6=b"<< /Type /Pages /Kids [2 0 R] /Count 5 >>"))
    assert isinstance(found, list) or found in (Code.PDF_DAMAGED, Code.PDF_WITHOUT_PAGES, Code.TOO_LARGE)


@pytest.mark.parametrize("count", [-1, 0, 2, 19_999, 20_001, 2**31 - 1, 2**31, 10**30])
def test_a_count_that_lies(tmp_path: Path, pool: ReaderPool, count: int) -> None:
    found = outcome(pool, simple(tmp_path / "a.pdf", o2=b"<< /Type /Pages /Kids [3 0 R] /Count %d >>" % count))
    if isinstance(found, list):
        assert found[0].text == "Hello"
        assert not any(page.text for page in found[1:])
    else:
        assert found in (Code.PDF_WITHOUT_PAGES, Code.PDF_DAMAGED, Code.TOO_LARGE)


@pytest.mark.slow
def test_ten_thousand_pages(tmp_path: Path, pool: ReaderPool) -> None:
    kids = b" ".join(b"%d 0 R" % number for number in range(10, 10_010))
    objects = {f"o{number}": PAGE for number in range(10, 10_010)}
    path = simple(tmp_path / "a.pdf", o2=b"<< /Type /Pages /Kids [%s] /Count 10000 >>" % kids, **objects)
    found = outcome(pool, path)
    assert isinstance(found, list)
    assert [page.text for page in found] == ["Hello"] * 10_000


@pytest.mark.slow
def test_more_pages_than_may_be(tmp_path: Path, pool: ReaderPool) -> None:
    kids = b"10 0 R " * 20_001
    path = simple(tmp_path / "a.pdf", o2=b"<< /Type /Pages /Kids [%s] /Count 20001 >>" % kids, o10=PAGE)
    assert outcome(pool, path) == Code.TOO_LARGE


def test_arrays_that_nest_without_end(tmp_path: Path, pool: ReaderPool) -> None:
    found = outcome(pool, simple(tmp_path / "a.pdf", o4=stream(b"[" * 1_000_000), o6=b"[" * 1_000_000))
    assert isinstance(found, list) or found in (Code.PDF_DAMAGED, Code.PDF_WITHOUT_PAGES)


def test_a_pdf_that_is_an_archive_too(tmp_path: Path, pool: ReaderPool) -> None:
    path = simple(tmp_path / "both.docx")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/document.xml", "<x/>")
    found = outcome(pool, path)
    assert isinstance(found, list)
    assert [(page.kind, page.text) for page in found] == [("pdf", "Hello")]


# ------------------------------------------------------------------ bombs

GIGABYTE = 2**30


@pytest.mark.slow
@pytest.mark.parametrize("where", ["content", "font", "references", "picture"])
def test_streams_that_inflate_to_gigabytes(tmp_path: Path, pool: ReaderPool, where: str) -> None:
    bomb = stream(inflates_to(4 * GIGABYTE), b"/Filter /FlateDecode")
    path = tmp_path / "a.pdf"
    if where == "content":
        simple(path, o4=bomb)
    elif where == "font":
        descriptor = b"<< /Type /FontDescriptor /FontName /X /Flags 4 /FontFile2 7 0 R >>"
        font = b"<< /Type /Font /Subtype /TrueType /BaseFont /X /ToUnicode 7 0 R /FontDescriptor 6 0 R >>"
        simple(path, o5=font, o6=descriptor, o7=bomb)
    elif where == "references":
        entries = b"/Type /XRef /Size 100000000 /W [1 4 2] /Root 1 0 R /Filter /FlateDecode"
        content = simple(path).read_bytes()
        content = content[: content.index(b"xref\n")]
        table = b"6 0 obj\n" + stream(inflates_to(4 * GIGABYTE, b"\1"), entries) + b"\nendobj\n"
        path.write_bytes(content + table + b"startxref\n%d\n%%%%EOF\n" % len(content))
    else:
        entries = b"/Subtype /Image /Width 60000 /Height 60000 /ColorSpace /DeviceGray /BitsPerComponent 8"
        page = PAGE.replace(b"/Font", b"/XObject << /I 6 0 R >> /Font")
        picture = stream(inflates_to(4 * GIGABYTE), entries + b" /Filter /FlateDecode")
        simple(path, o3=page, o4=stream(b"300 0 0 300 0 0 cm /I Do BT /F1 9 Tf (Hello) Tj ET"), o6=picture)
    assert path.stat().st_size < 20_000_000
    found = outcome(pool, path)
    codes = {page.error for page in found} if isinstance(found, list) else {found}
    assert codes <= {None, Code.READER_MEMORY, Code.READER_TIMEOUT, Code.PDF_DAMAGED, Code.TOO_LARGE}


@pytest.mark.slow
def test_a_page_of_more_text_than_may_be(tmp_path: Path, pool: ReaderPool) -> None:
    line = b"BT /F1 1 Tf 1 0 0 1 10 %d Tm (" + b"many words on one page " * 400 + b") Tj ET\n"
    content = zlib.compress(b"".join(line % y for y in range(300)))
    found = outcome(pool, simple(tmp_path / "a.pdf", o4=stream(content, b"/Filter /FlateDecode")))
    codes = {page.error for page in found} if isinstance(found, list) else {found}
    assert codes <= {Code.TOO_LARGE, Code.READER_TIMEOUT, Code.READER_MEMORY}


def test_all_text_of_a_file_together_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant_app.documents import reader_protocol as protocol

    monkeypatch.setattr(reader, "MAX_TEXT_CHARACTERS", 12)
    path = pdfs.text_pdf(tmp_path / "a.pdf", [["Hello"]] * 5)
    *pages, last = reader.Reader().answers(protocol.Read(path=str(path)))
    assert isinstance(last, protocol.Refused)
    assert last.code == Code.TOO_LARGE
    assert len([page for page in pages if isinstance(page, PageText)]) == 2


# ------------------------------------------------------------------ time


def test_a_file_of_many_slow_pages_is_given_up(tmp_path: Path) -> None:
    path = pdfs.endless_pdf(tmp_path / "slow.pdf", list(range(2, 30)), 30, levels=6)  # Half a second a page.
    with ReaderPool(page_seconds=20, file_seconds=1.5) as pool:
        pages = pool.read(str(path))
        read = 0
        with pytest.raises(DocentError) as caught:  # noqa: PT012 - the pages before it are counted
            while next(pages).error is None:
                read += 1
        assert 1 <= read < 20
        assert caught.value.code == Code.READER_TIMEOUT
        assert caught.value.details == {"seconds": 1.5, "path": str(path)}
        assert readers() == []


def test_time_in_which_nobody_waits_is_not_counted(tmp_path: Path) -> None:
    path = pdfs.text_pdf(tmp_path / "a.pdf", [["Hello"]] * 4)
    with ReaderPool(file_seconds=2) as pool:
        for page in pool.read(str(path)):
            assert page.text == "Hello"
            time.sleep(0.8)


@pytest.mark.skipif(os.name != "posix", reason="POSIX priorities")
def test_only_the_indexing_reader_steps_back(tmp_path: Path, pool: ReaderPool) -> None:
    path = simple(tmp_path / "a.pdf")
    own = psutil.Process().nice()
    assert [page.text for page in pool.read(str(path))] == ["Hello"]
    assert [each.nice() for each in readers()] == [min(19, own + reader.BACKGROUND_NICENESS)]
    pool.open(str(path))
    assert sorted(each.nice() for each in readers()) == [own, min(19, own + reader.BACKGROUND_NICENESS)]


# ------------------------------------------------------------------ what acts

ACTIONS = {
    "script": b"<< /S /JavaScript /JS (app.launchURL\\('http://127.0.0.1:9/', true\\);) >>",
    "launch": b"<< /S /Launch /F (/bin/touch) /Unix << /F (touch /tmp/docent-was-here) >> >>",
    "address": b"<< /S /URI /URI (http://127.0.0.1:9/) >>",
    "form": b"<< /S /SubmitForm /F << /FS /URL /F (http://127.0.0.1:9/) >> >>",
    "other file": b"<< /S /GoToR /F (/etc/passwd) /D [0 /Fit] >>",
    "import": b"<< /S /ImportData /F (/etc/passwd) >>",
}

WATCHED = """
import json, os, sys
seen = []
def hook(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork")):
        seen.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"open {arguments[0]}")
from assistant_app.documents.opening import open_document
import assistant_app.documents.pypdf_document
sys.addaudithook(hook)
from assistant_app.documents.pypdf_document import PypdfDocument
for opened in (open_document(sys.argv[1], None), PypdfDocument(sys.argv[1], None)):
    assert "Hello" in opened.content(1).text
    opened.outline(), opened.size(1), opened.words(1), opened.label(1)
    if opened.has_boxes:
        opened.draw(1, 300)
    opened.close()
folder = "/proc/self/fd/"
files = [os.readlink(folder + fd) for fd in os.listdir(folder) if os.path.islink(folder + fd)]
children = open(f"/proc/self/task/{os.getpid()}/children").read()
print(json.dumps([seen, [file for file in files if file.startswith("socket:")], children]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the process's files and children as Linux shows them")
@pytest.mark.parametrize("name", ACTIONS)
def test_nothing_in_a_pdf_acts(tmp_path: Path, name: str) -> None:
    """With the document, the page, an annotation and a bookmark; also a picture that lies on a server."""
    action = ACTIONS[name]
    catalog = b"<< /Type /Catalog /Pages 2 0 R /OpenAction %s /AA << /WC %s >> /Outlines 8 0 R " % (action, action)
    catalog += b"/Names << /JavaScript << /Names [(a) %s] >> >> >>" % action
    link = b"<< /Type /Annot /Subtype /Link /Rect [0 0 300 300] /A %s /AA << /PO %s /PV %s >> >>" % (
        action,
        action,
        action,
    )
    page = PAGE.replace(b"/Contents", b"/AA << /O %s /C %s >> /Annots [7 0 R] /Contents" % (action, action))
    page = page.replace(b"/Font", b"/XObject << /I 6 0 R >> /Font")
    remote = b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 "
    path = simple(
        tmp_path / "a.pdf",
        o1=catalog,
        o3=page,
        o4=stream(b"BT /F1 20 Tf 50 200 Td (Hello) Tj ET /I Do"),
        o6=stream(b"", remote + b"/F << /FS /URL /F (http://127.0.0.1:9/) >>"),
        o7=link,
        o8=b"<< /First 9 0 R /Last 9 0 R /Count 1 >>",
        o9=b"<< /Title (Mark) /Parent 8 0 R /A %s >>" % action,
    )
    script = subprocess.run(
        [sys.executable, "-c", WATCHED, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert script.returncode == 0, script.stderr
    assert json.loads(script.stdout) == [[], [], ""]
    assert not Path("/tmp/docent-was-here").exists()


def test_the_hook_of_the_test_above_sees_what_it_looks_for(tmp_path: Path) -> None:
    acts = WATCHED.replace("opened.close()", "opened.close(); import socket; socket.socket(); open(os.devnull, 'w')")
    script = subprocess.run(
        [sys.executable, "-c", acts, str(simple(tmp_path / "a.pdf"))], capture_output=True, text=True, check=True
    )
    assert json.loads(script.stdout)[0] == ["socket.__new__", "open /dev/null"] * 2

"""Every way in which a file or its reader can fail, with real files, real limits and real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pikepdf
import psutil
import pytest

from assistant_app.documents import opening, reader_pool
from assistant_app.documents.opening import password_forms
from assistant_app.documents.reader_pool import PageText, ReaderPool
from assistant_app.documents.reader_protocol import Metadata
from assistant_app.errors import Code, DocentError
from tests import pdfs
from tests.documents.conftest import readers

OPERATIONS: dict[str, Callable[[ReaderPool, str], object]] = {
    "read": lambda pool, path: list(pool.read(path)),
    "open": lambda pool, path: pool.open(path),
    "draw": lambda pool, path: pool.draw(path, 1, 100),
    "locate": lambda pool, path: pool.locate(path, 1, 0, 5),
    "words": lambda pool, path: pool.words(path, 1),
    "find": lambda pool, path: list(pool.find(path, "x")),
}


def refusal(pool: ReaderPool, path: Path | str, operation: str = "read") -> Code:
    with pytest.raises(DocentError) as caught:
        OPERATIONS[operation](pool, str(path))
    assert caught.value.details["path"]
    return caught.value.code


def texts(pool: ReaderPool, path: Path, password: str | None = None) -> list[str]:
    return [page.text for page in pool.read(str(path), password)]


# ------------------------------------------------------------------ what is read


def test_pages_come_in_order_with_their_text_and_label(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.text_pdf(tmp_path / "many.pdf", [[f"This is page {n}", "second line"] for n in range(1, 301)])
    pages = list(pool.read(str(path)))
    assert [page.page for page in pages] == list(range(1, 301))
    metadata = Metadata(title="many", author="anonymous")  # as the library that wrote the file has it
    text = "This is page 42 \nsecond line"
    assert pages[41] == PageText(page=42, label="42", text=text, pages=300, metadata=metadata)


def test_page_labels(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.labelled_pdf(tmp_path / "labels.pdf")
    labels = ["i", "ii", "A-1", "A-2", "A-3"]
    assert [page.label for page in pool.read(str(path))] == labels
    sizes, boxes = pool.open(str(path))
    assert [size.label for size in sizes] == labels
    assert boxes


def test_columns_stay_apart(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.two_column_pdf(tmp_path / "two.pdf", ["left one", "left two"], ["right one", "right two"])
    assert texts(pool, path) == ["left one \nleft two \nright one \nright two"]


def test_a_scan_has_pages_but_no_text(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.image_pdf(tmp_path / "scan.pdf", pages=2)
    assert [(page.text, page.ocr) for page in pool.read(str(path), ocr=False)] == [("", "off"), ("", "off")]
    assert pool.draw(str(path), 2, 300)[0] == 300


def test_what_is_blank_is_no_scan(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.text_pdf(tmp_path / "blank.pdf", [[], ["text"]])
    assert [(page.text, page.ocr) for page in pool.read(str(path), ocr=False)] == [("", ""), ("text", "")]


def test_sizes_are_those_of_the_page_as_displayed(tmp_path: Path, pool: ReaderPool) -> None:
    [size] = pool.open(str(pdfs.shifted_pdf(tmp_path / "turned.pdf", ["x"], rotation=90)))[0]
    assert (size.width, size.height) == pytest.approx((pdfs.HEIGHT - 160, pdfs.WIDTH - 70))


def test_what_pdfium_loses_pypdf_reads_without_boxes(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.lost_page_pdf(tmp_path / "lost.pdf", "Found again")
    assert texts(pool, path) == ["Found again"]
    sizes, boxes = pool.open(str(path))
    assert (sizes[0].width, sizes[0].height, boxes) == (300, 300, False)
    assert pool.locate(str(path), 1, 0, 5) == []
    assert pool.words(str(path), 1) == ("Found again", [])
    [(_, _, [match])] = pool.find(str(path), "AGAIN")
    assert (match.start, match.length, match.boxes) == (6, 5, [])
    assert refusal(pool, path, "draw") == Code.PDF_DAMAGED


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_file_that_is_not_there(tmp_path: Path, pool: ReaderPool, operation: str) -> None:
    assert refusal(pool, tmp_path / "none.pdf", operation) == Code.FILE_MISSING


def test_an_empty_file(tmp_path: Path, pool: ReaderPool) -> None:
    (tmp_path / "empty.pdf").touch()
    assert refusal(pool, tmp_path / "empty.pdf") == Code.FILE_EMPTY


def test_content_decides_what_is_a_pdf(tmp_path: Path, pool: ReaderPool) -> None:
    (tmp_path / "letter.pdf").write_text("Dear reader, this is plain text.\n" * 100)
    assert refusal(pool, tmp_path / "letter.pdf") == Code.NOT_A_PDF
    good = pdfs.text_pdf(tmp_path / "good.txt", [["Hello"]])
    assert texts(pool, good) == ["Hello"]
    late = tmp_path / "late"
    late.write_bytes(b"\n" * 500 + good.read_bytes())
    assert texts(pool, late) == ["Hello"]


def test_a_folder_or_a_pipe_is_no_pdf(tmp_path: Path, pool: ReaderPool) -> None:
    assert refusal(pool, tmp_path) == Code.NOT_A_PDF
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.pdf")
        assert refusal(pool, tmp_path / "pipe.pdf") == Code.NOT_A_PDF


def test_a_damaged_file(tmp_path: Path, pool: ReaderPool) -> None:
    content = pdfs.text_pdf(tmp_path / "good.pdf", [["Hello"]]).read_bytes()
    (tmp_path / "cut.pdf").write_bytes(content[:60])
    assert refusal(pool, tmp_path / "cut.pdf") == Code.PDF_DAMAGED


def test_a_file_without_pages(tmp_path: Path, pool: ReaderPool) -> None:
    with pikepdf.new() as pdf:
        pdf.save(tmp_path / "bare.pdf")
    assert refusal(pool, tmp_path / "bare.pdf") == Code.PDF_WITHOUT_PAGES


UNPRIVILEGED = """
import ctypes, sys
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import DocentError
for capability in (1, 2):  # What lets root read everything; the readers do not inherit it.
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
with ReaderPool() as pool:
    try:
        pool.open(sys.argv[1])
    except DocentError as error:
        print(error.code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes privileges away as Linux does")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = pdfs.text_pdf(tmp_path / "secret.pdf", [["Hello"]])
    path.chmod(0)
    said = subprocess.run([sys.executable, "-c", UNPRIVILEGED, path], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == Code.FILE_UNREADABLE


def test_a_file_that_the_system_does_not_hand_out(pool: ReaderPool) -> None:
    # A regular file that says it has no bytes.
    if not Path("/proc/self/mem").exists():
        pytest.skip("no /proc")
    assert refusal(pool, "/proc/self/mem") == Code.FILE_EMPTY


def test_an_unencodable_name(pool: ReaderPool) -> None:
    assert refusal(pool, "/tmp/\udcff.pdf") == Code.FILE_NAME_UNSUPPORTED


def test_too_many_bytes(tmp_path: Path, pool: ReaderPool) -> None:
    path = tmp_path / "huge.pdf"
    with path.open("wb") as file:
        file.truncate(opening.MAX_BYTES + 1)
    assert refusal(pool, path) == Code.TOO_LARGE


def test_too_many_pages(tmp_path: Path, pool: ReaderPool) -> None:
    count = opening.MAX_PAGES + 1
    kids = b"[" + b"3 0 R " * count + b"]"
    path = tmp_path / "pages.pdf"
    path.write_bytes(
        b"%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
        b"2 0 obj << /Type /Pages /Count " + str(count).encode() + b" /Kids " + kids + b" >> endobj\n"
        b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >> endobj\ntrailer << /Root 1 0 R /Size 4 >>\n%%EOF"
    )
    assert refusal(pool, path) == Code.TOO_LARGE


@pytest.mark.parametrize("page", [0, -1, 2, 10**9])
@pytest.mark.parametrize("operation", ["draw", "locate", "words"])
def test_a_page_that_is_not_there(tmp_path: Path, pool: ReaderPool, page: int, operation: str) -> None:
    path = str(pdfs.text_pdf(tmp_path / "one.pdf", [["Hello"]]))
    with pytest.raises(DocentError) as caught:
        {
            "draw": lambda: pool.draw(path, page, 100),
            "locate": lambda: pool.locate(path, page, 0, 1),
            "words": lambda: pool.words(path, page),
        }[operation]()
    assert caught.value.code == Code.PAGE_OUT_OF_RANGE
    assert caught.value.details["page"] == page


# ------------------------------------------------------------------ passwords


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_password_is_asked_for(tmp_path: Path, pool: ReaderPool, operation: str) -> None:
    plain = pdfs.text_pdf(tmp_path / "plain.pdf", [["Secret text"]])
    path = pdfs.encrypt(plain, tmp_path / "locked.pdf", "opensesame")
    assert refusal(pool, path, operation) == Code.PASSWORD_NEEDED
    with pytest.raises(DocentError) as caught:
        pool.open(str(path), "wrong")
    assert caught.value.code == Code.PASSWORD_WRONG
    assert texts(pool, path, "opensesame") == ["Secret text"]
    assert pool.draw(str(path), 1, 100, "opensesame")[0] == 100
    # One right password must not leave the document open for whoever has none.
    assert refusal(pool, path, operation) == Code.PASSWORD_NEEDED


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("revision", [3, 4, 6])
def test_a_password_with_umlauts_in_either_encoding(
    tmp_path: Path, pool: ReaderPool, encoding: str, revision: int
) -> None:
    plain = pdfs.text_pdf(tmp_path / "plain.pdf", [["Secret text"]])
    path = tmp_path / "locked.pdf"
    stored = "grün".encode(encoding).decode("latin-1") if revision < 6 else "grün"
    modern = revision > 3
    with pikepdf.open(plain) as pdf:
        pdf.save(path, encryption=pikepdf.Encryption(user=stored, owner="x", R=revision, metadata=modern, aes=modern))
    assert texts(pool, path, "grün") == ["Secret text"]


def test_forms_of_a_password() -> None:
    assert password_forms("") == password_forms(None) == [None]
    assert password_forms("plain") == [b"plain"]
    assert password_forms("gr\u00fcn") == [b"gr\xc3\xbcn", b"gr\xfcn"]
    assert password_forms("gru\u0308n") == [b"gru\xcc\x88n", b"gr\xc3\xbcn", b"gr\xfcn"]
    assert password_forms("日本") == ["日本".encode()]


def test_unknown_encryption(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.encrypt(pdfs.text_pdf(tmp_path / "plain.pdf", [["x"]]), tmp_path / "locked.pdf", "pw")
    content = path.read_bytes()
    assert content.count(b"/Filter /Standard") == 1
    path.write_bytes(content.replace(b"/Filter /Standard", b"/Filter /Company1"))
    assert refusal(pool, path) == Code.ENCRYPTION_UNSUPPORTED


# ------------------------------------------------------------------ a file that changes


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.endless_pdf(tmp_path / "slow.pdf", [2], 3, levels=6)  # Page 2 takes half a second.
    pages = pool.read(str(path))
    next(pages)
    with path.open("ab") as file:
        file.write(b"\n")
    with pytest.raises(DocentError) as caught:
        list(pages)
    assert caught.value.code == Code.FILE_VANISHED


def test_a_file_that_vanishes_while_it_is_read(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.endless_pdf(tmp_path / "slow.pdf", [2], 3, levels=6)
    pages = pool.read(str(path))
    next(pages)
    path.unlink()
    with pytest.raises(DocentError) as caught:
        list(pages)
    assert caught.value.code == Code.FILE_VANISHED


def test_a_viewed_file_that_is_replaced_is_opened_again(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.text_pdf(tmp_path / "draft.pdf", [["First draft"]])
    assert pool.words(str(path), 1)[0] == "First draft"
    pdfs.text_pdf(tmp_path / "new.pdf", [["Second draft"]]).replace(path)
    assert pool.words(str(path), 1)[0] == "Second draft"


# ------------------------------------------------------------------ limits


def test_a_page_that_hangs_is_passed_over(tmp_path: Path) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [2, 4], 5)
    with ReaderPool(page_seconds=1.5) as pool:
        pages = list(pool.read(str(path)))
    assert [(page.page, page.text, page.error) for page in pages] == [
        (1, "Page 1", None),
        (2, "", Code.READER_TIMEOUT),
        (3, "Page 3", None),
        (4, "", Code.READER_TIMEOUT),
        (5, "Page 5", None),
    ]
    assert readers() == []


def test_a_last_page_that_hangs(tmp_path: Path) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [2], 2)
    with ReaderPool(page_seconds=1.5) as pool:
        assert [page.error for page in pool.read(str(path))] == [None, Code.READER_TIMEOUT]


def test_too_many_pages_that_hang_are_the_files_fault(tmp_path: Path) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [1, 2, 4, 5], 5)
    with ReaderPool(page_seconds=1.5) as pool:
        pages = pool.read(str(path))
        assert [next(pages).error for _ in range(3)] == [Code.READER_TIMEOUT, Code.READER_TIMEOUT, None]
        with pytest.raises(DocentError) as caught:
            next(pages)
        assert caught.value.code == Code.READER_TIMEOUT
        assert caught.value.details == {"seconds": 1.5, "path": str(path)}


def test_drawing_a_page_that_hangs_costs_only_that_page(tmp_path: Path) -> None:
    path = str(pdfs.endless_pdf(tmp_path / "endless.pdf", [2], 3))
    with ReaderPool(page_seconds=1.5) as pool:
        assert pool.draw(path, 1, 100)[0] == 100
        with pytest.raises(DocentError) as caught:
            pool.draw(path, 2, 100)
        assert caught.value.code == Code.READER_TIMEOUT
        assert pool.draw(path, 3, 100)[0] == 100


@pytest.mark.parametrize("operation", ["draw", "words"])
def test_what_nobody_wants_any_more_is_given_up(tmp_path: Path, operation: str) -> None:
    path = str(pdfs.endless_pdf(tmp_path / "endless.pdf", [1], 2))
    with ReaderPool(page_seconds=100) as pool:
        ask: dict[str, Callable[[], object]] = {
            "draw": lambda: pool.draw(path, 1, 100, cancelled=lambda: True),
            "words": lambda: pool.words(path, 1, cancelled=lambda: True),
        }
        with pytest.raises(DocentError) as caught:
            ask[operation]()
        assert caught.value.code == Code.CANCELLED
        assert readers() == []
        assert pool.draw(path, 2, 100)[0] == 100


def test_what_comes_at_once_comes_wanted_or_not(tmp_path: Path, pool: ReaderPool) -> None:
    path = str(pdfs.text_pdf(tmp_path / "one.pdf", [["Hello"]]))
    pool.open(path)
    [reader] = readers()
    assert pool.draw(path, 1, 100, cancelled=lambda: True)[0] == 100
    assert readers() == [reader]


def test_a_search_goes_on_behind_a_page_that_hangs(tmp_path: Path) -> None:
    path = str(pdfs.endless_pdf(tmp_path / "endless.pdf", [70], 80))
    with ReaderPool(page_seconds=1) as pool:
        found = [match.page for _, _, matches in pool.find(path, "page") for match in matches]
    assert found == [*range(1, 70), *range(71, 81)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits address space")
@pytest.mark.parametrize("operation", ["read", "draw"])
def test_a_page_that_takes_too_much_memory(tmp_path: Path, operation: str) -> None:
    path = str(pdfs.endless_pdf(tmp_path / "endless.pdf", [1], 2))
    with ReaderPool(memory_bytes=200 * 1024**2) as pool:
        if operation == "read":
            assert [page.error for page in pool.read(path)] == [Code.READER_MEMORY, None]
        else:
            assert refusal(pool, path, "draw") == Code.READER_MEMORY
            assert pool.draw(path, 2, 100)[0] == 100


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits address space")
def test_a_page_image_that_does_not_fit_into_memory(tmp_path: Path) -> None:
    path = str(pdfs.text_pdf(tmp_path / "one.pdf", [["Hello"]]))
    with ReaderPool(memory_bytes=150 * 1024**2) as pool:
        with pytest.raises(DocentError) as caught:
            pool.draw(path, 1, 4_000)
        assert caught.value.code == Code.READER_MEMORY
        assert pool.draw(path, 1, 400)[0] == 400


def test_the_largest_page_image_fits(tmp_path: Path, pool: ReaderPool) -> None:
    path = str(pdfs.text_pdf(tmp_path / "one.pdf", [["Hello"]]))
    assert pool.draw(path, 1, 6_000)[1] == 6_000


@pytest.mark.skipif(not hasattr(signal, "SIGSEGV") or os.name == "nt", reason="POSIX signals")
def test_a_crash_costs_one_page(tmp_path: Path) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [2], 3)
    with ReaderPool(page_seconds=60) as pool:
        pages = pool.read(str(path))
        assert next(pages).text == "Page 1"
        [reader] = readers()
        reader.send_signal(signal.SIGSEGV)
        assert [(page.page, page.error) for page in pages] == [(2, Code.READER_CRASHED), (3, None)]


# ------------------------------------------------------------------ processes


def test_no_reader_is_started_before_it_is_needed_and_two_serve_all(tmp_path: Path, pool: ReaderPool) -> None:
    assert readers() == []
    paths = [pdfs.text_pdf(tmp_path / f"{n}.pdf", [["Hello"]]) for n in range(4)]
    seen: set[int] = set()
    for path in paths:
        texts(pool, path)
        for operation in OPERATIONS.values():
            operation(pool, str(path))
        seen |= {reader.pid for reader in readers()}
    assert len(seen) == 2


def test_an_indexing_reader_is_replaced_after_many_files(
    tmp_path: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_pool, "FILES_PER_READER", 3)
    path = pdfs.text_pdf(tmp_path / "one.pdf", [["Hello"]])
    seen: set[int] = set()
    for _ in range(6):
        texts(pool, path)
        seen |= {reader.pid for reader in readers()}
    assert 2 <= len(seen) <= 3


def test_viewing_does_not_wait_for_indexing(tmp_path: Path, pool: ReaderPool) -> None:
    endless = str(pdfs.endless_pdf(tmp_path / "endless.pdf", [1], 1))
    good = str(pdfs.text_pdf(tmp_path / "good.pdf", [["Hello"]]))
    outcomes: list[object] = []
    indexing = threading.Thread(target=lambda: outcomes.extend(_outcome(pool, endless)))
    indexing.start()
    try:
        assert pool.draw(good, 1, 100)[0] == 100
        assert indexing.is_alive()
    finally:
        pool.close()
        indexing.join()
    assert outcomes == [Code.CANCELLED]


def _outcome(pool: ReaderPool, path: str) -> list[object]:
    try:
        return list(pool.read(path))
    except DocentError as error:
        return [error.code]


def test_closing_a_reading_early_frees_its_reader(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [2], 2)
    pages = pool.read(str(path))
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert readers() == []
    assert texts(pool, pdfs.text_pdf(tmp_path / "good.pdf", [["Hello"]])) == ["Hello"]


def test_a_caller_who_stops_in_the_middle_of_much_text(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.text_pdf(tmp_path / "long.pdf", [[f"Page {n}"] for n in range(1_000)])
    pages = pool.read(str(path))
    next(pages)
    [reader] = pool._running
    while not reader._answers.full():  # Now a thread waits for room in the queue; it has to end as well.
        time.sleep(0.01)
    pages.close()  # type: ignore[attr-defined]
    assert readers() == []


def test_a_file_that_changes_between_two_readers(tmp_path: Path) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [2], 3)
    with ReaderPool(page_seconds=1) as pool:
        pages = pool.read(str(path))
        assert next(pages).text == "Page 1"
        with path.open("ab") as file:
            file.write(b"\n")
        assert next(pages).error == Code.READER_TIMEOUT
        with pytest.raises(DocentError) as caught:
            next(pages)
        assert caught.value.code == Code.FILE_VANISHED


def test_a_closed_pool_starts_nothing(tmp_path: Path) -> None:
    path = pdfs.text_pdf(tmp_path / "one.pdf", [["Hello"]])
    pool = ReaderPool()
    texts(pool, path)
    pool.open(str(path))
    pool.close()
    assert readers() == []
    assert refusal(pool, path, "read") == refusal(pool, path, "open") == Code.CANCELLED


def test_searching_stops_when_the_caller_does(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.text_pdf(tmp_path / "long.pdf", [[f"needle {n}"] for n in range(300)])
    found = pool.find(str(path), "needle")
    done, total, matches = next(found)
    assert done < total == 300
    assert len(matches) == done
    found.close()  # type: ignore[attr-defined]
    rest = [(done, len(matches)) for done, _, matches in pool.find(str(path), "NEEDLE  29")]
    assert rest[-1][0] == 300
    assert sum(count for _, count in rest) == 11


def test_a_search_that_finds_too_much_ends_early(
    tmp_path: Path, pool: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_pool, "MAX_MATCHES", 50)
    path = pdfs.text_pdf(tmp_path / "long.pdf", [["aaaa"] for _ in range(200)])
    *_, (done, total, _) = pool.find(str(path), "a")
    assert done < total


def test_searching_for_nothing(tmp_path: Path, pool: ReaderPool) -> None:
    path = pdfs.text_pdf(tmp_path / "one.pdf", [["Hello"]])
    assert list(pool.find(str(path), "  ")) == [(1, 1, [])]


PARENT = """
import sys, threading
from assistant_app.documents.reader_pool import ReaderPool
pool = ReaderPool(page_seconds=600)
pages = pool.read(sys.argv[1])
print(next(pages).text, flush=True)
next(pages)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_hanging_reader_dies_with_its_parent(tmp_path: Path) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [2], 2)
    with subprocess.Popen([sys.executable, "-c", PARENT, str(path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "Page 1\n"
        [reader] = psutil.Process(parent.pid).children()
        parent.kill()
        parent.wait()
        gone, alive = psutil.wait_procs([reader], timeout=20)
    assert gone
    assert not alive


def test_what_a_library_prints_stays_out_of_the_answers(tmp_path: Path) -> None:
    """The reader answers on a copy of its stdout; whoever writes to fd 1 writes to stderr."""
    path = pdfs.text_pdf(tmp_path / "one.pdf", [["Hello"]])
    script = (
        "import os, assistant_app.documents.reader as r\n"
        "old = r.open_document\n"
        "def noisy(*a):\n    os.write(1, b'NOISE\\n'); print('MORE', flush=True); return old(*a)\n"
        "r.open_document = noisy\nr.main()\n"
    )
    request = f'{{"type":"limits","memory_bytes":0}}\n{{"type":"open","path":"{path}"}}\n'
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stderr is not None
        reader.stdin.write(request.encode())
        reader.stdin.flush()
        lines = [reader.stdout.readline(), reader.stdout.readline()]
        reader.stdin.close()
        assert reader.stderr.read() == b"NOISE\nMORE\n"
    assert b"hello" in lines[0]
    assert b"opened" in lines[1]

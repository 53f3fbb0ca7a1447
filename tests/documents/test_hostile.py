"""Files that were made to break PDF readers: each gives a result or an error code, and nothing stays behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant_app.documents.kinds import kind_of
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import Code, DocentError
from tests.documents.conftest import readers

pytestmark = pytest.mark.slow

NO_PASSWORD_OPENS = {
    "pdf-rs/252-crash.pdf": "its encryption dictionary is damaged",
    "qpdf/bad-encryption-length.pdf": "its key length makes no sense",
}
PAGES_ARE_NOT_ENCRYPTED = (
    "qpdf/enc-XI-R6,V5,U=attachment,encrypted-attachments.pdf",
    "qpdf/nontrivial-crypt-filter.pdf",
)


def outcome(operation: Callable[[], object]) -> str:
    """What came of it: "ok" or an error code. Anything but a ``DocentError`` fails the test."""
    try:
        operation()
    except DocentError as error:
        return error.code.value
    return "ok"


def test_every_hostile_file_gives_a_result_or_a_code(data: Path, pool: ReaderPool) -> None:
    files = sorted(path for path in (data / "hostile").rglob("*") if path.is_file() and path.suffix != ".json")
    assert len(files) > 400
    outcomes: dict[str, set[str]] = {}
    for file in files:
        path = str(file)
        outcomes[path] = {
            outcome(lambda: [page.text.encode() for page in pool.read(path, ocr=False)]),  # noqa: B023 - called at once
            outcome(lambda: pool.open(path)),  # noqa: B023
            outcome(lambda: pool.draw(path, 1, 600)),  # noqa: B023
            outcome(lambda: pool.words(path, 1)),  # noqa: B023
            outcome(lambda: list(pool.find(path, "the"))),  # noqa: B023
        }
        assert len(readers()) <= 2
    everything = set().union(*outcomes.values())
    assert {"ok", Code.PASSWORD_NEEDED, Code.PDF_DAMAGED, Code.NOT_A_PDF, Code.FILE_EMPTY} <= everything
    assert Code.INTERNAL not in everything
    assert sum(result == {"ok"} for result in outcomes.values()) > 300


def test_pieces_of_pdfs_are_no_texts(data: Path) -> None:
    """Many of the damaged files no longer say that they are PDFs, and some of those hold nothing but letters."""
    files = [path for path in (data / "hostile").rglob("*") if path.is_file() and path.suffix != ".json"]
    pieces = [path for path in files if path.stat().st_size and b"%PDF-" not in path.read_bytes()[:1024]]
    assert len(pieces) > 10
    assert {kind_of(str(path)) for path in pieces} == {None}


def test_the_known_passwords_open_their_files(data: Path, pool: ReaderPool) -> None:
    known: dict[str, list[str]] = json.loads((data / "hostile" / "passwords.json").read_text(encoding="utf-8"))
    for name, passwords in known.items():
        path = str(data / "hostile" / name)
        assert (not passwords) == (name in NO_PASSWORD_OPENS), name
        for password in passwords:
            pages, _ = pool.open(path, password)
            assert len(list(pool.read(path, password))) == len(pages) > 0, name
            assert pool.draw(path, 1, 300, password)[2], name
        if name not in PAGES_ARE_NOT_ENCRYPTED:
            assert outcome(lambda: pool.open(path)) == Code.PASSWORD_NEEDED, name  # noqa: B023
            assert outcome(lambda: pool.open(path, "certainly not this")) == Code.PASSWORD_WRONG, name  # noqa: B023

"""A process that indexes is killed at some moment: nothing is lost, nothing is there twice, the stores agree again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from assistant_app.library.repair import mend_vectors, vectors_agree
from tests.library.conftest import Library
from tests.pdfs import text_pdf

pytestmark = [
    pytest.mark.models,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"),
]
ROOT = Path(__file__).parent.parent.parent
FILES, PAGES = 6, 4

_INDEX = """
import sys
from pathlib import Path
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.library.embedder import Embedder
from assistant_app.protocol.messages import DocumentDone
from tests.library.conftest import Library

def report(event):
    if isinstance(event, DocumentDone):
        print(Path(event.document.path).name, event.document.status, flush=True)

with ReaderPool() as readers:
    library = Library(Path(sys.argv[1]), Embedder(), readers)
    library.embedder.load()
    print("ready", flush=True)
    library.indexer.index([sys.argv[2]], report=report)
    print("done", flush=True)
"""


def killed_while_indexing(library: Path, documents: Path, chance: random.Random) -> tuple[list[str], bool]:
    """Index until a random moment after a random file, then SIGKILL. What was reported, and whether it had ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", _INDEX, str(library), str(documents)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    reported = []
    for _ in range(chance.randrange(1, 4)):
        line = process.stdout.readline().strip()
        reported.append(line)
        if line in ("", "done"):
            break
    # Not a wait for anything: the moment shall be a different one each time.
    spin = chance.randrange(400_000)
    while spin:
        spin -= 1
    process.kill()
    reported += process.stdout.read().splitlines()
    process.stdout.close()
    process.wait()
    return [line for line in reported if line not in ("", "done")], "done" in reported


def test_killed_again_and_again(library: Library, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    for number in range(FILES):
        pages = [[f"Document {number}, page {page}: the value is {number * 100 + page}."] for page in range(PAGES)]
        text_pdf(documents / f"{number}.pdf", pages)
    library.close()
    chance = random.Random(20)
    known: set[str] = set()
    for attempt in range(6):
        reported, ended = killed_while_indexing(library.folder, documents, chance)
        library.open()
        stored = {Path(each.path).name: each for each in library.catalog.documents()}
        known |= {line.split()[0] for line in reported}
        assert known <= set(stored), f"reported as stored, then lost (attempt {attempt})"
        assert {(each.status, each.passages, each.pages) for each in stored.values()} == {("indexed", PAGES, PAGES)}
        assert library.catalog.is_sound()
        mend_vectors(library.catalog, library.vectors, library.embedder)
        assert vectors_agree(library.catalog, library.vectors, library.embedder)
        library.assert_whole()
        if ended:
            text_pdf(documents / f"{attempt % FILES}.pdf", [[f"Changed in attempt {attempt}"]] * PAGES)
            known.discard(f"{attempt % FILES}.pdf")
        library.close()
    library.open()
    library.index(documents)
    library.assert_whole()
    assert library.catalog.counts() == {"documents": FILES, "pages": FILES * PAGES, "passages": FILES * PAGES}


_FILL = """
import json, resource, sys
from pathlib import Path
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import DocentError
from assistant_app.library.embedder import Embedder
from assistant_app.protocol.messages import DocumentDone
from tests.library.conftest import Library
done = []
with ReaderPool() as readers:
    library = Library(Path(sys.argv[1]), Embedder(), readers)
    library.index(Path(sys.argv[2], "0.pdf"))
    largest = max(file.stat().st_size for file in library.folder.rglob("*") if file.is_file())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 100_000, largest + 100_000))
    try:
        library.indexer.index(
            [sys.argv[2]], report=lambda event: isinstance(event, DocumentDone) and done.append(event.document.path)
        )
        code = None
    except DocentError as error:
        code = error.code.value
    print(json.dumps([code, done]))
"""


def test_a_disk_that_fills_up_loses_nothing(library: Library, tmp_path: Path) -> None:
    """A limit on the size of files, in a process of its own, fails the writes of either store as a quota does."""
    documents = tmp_path / "documents"
    documents.mkdir()
    for number in range(12):
        text_pdf(documents / f"{number}.pdf", [[f"Document {number}, page {page} says nothing."] for page in range(40)])
    library.close()
    run = subprocess.run(
        [sys.executable, "-c", _FILL, str(library.folder), str(documents)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    code, done = json.loads(run.stdout)
    assert code == "disk_full"
    library.open()
    stored = library.catalog.documents()
    assert {each.path for each in stored} >= set(done)
    assert {(each.status, each.passages) for each in stored} == {("indexed", 40)}
    mend_vectors(library.catalog, library.vectors, library.embedder)
    library.assert_whole()
    library.index(documents)
    assert library.catalog.counts()["documents"] == 12
    library.assert_whole()

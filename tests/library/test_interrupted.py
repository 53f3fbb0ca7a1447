"""A process that indexes is killed at some moment: nothing is lost, nothing is there twice, the stores agree again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.library.conftest import Library
from tests.pdfs import text_pdf

pytestmark = [
    pytest.mark.models,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"),
]
ROOT = Path(__file__).parent.parent.parent
FILES, PAGES = 6, 4
LONG = 300
"""Pages of a further file: it is stored in more than one step."""
KILLS = 50

_INDEX = """
import sys
from pathlib import Path
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.library.embedder import Embedder
from assistant_app.library.indexing import Wishes
from assistant_app.protocol.messages import DocumentDone
from tests.library.conftest import Library

def report(event):
    if isinstance(event, DocumentDone):
        print(Path(event.document.path).name, event.document.status, flush=True)
    else:
        print("at", event.stage, flush=True)

with ReaderPool() as readers:
    library = Library(Path(sys.argv[1]), Embedder(), readers)
    library.embedder.load()
    print("ready", flush=True)
    library.mend()
    library.indexer.index([sys.argv[2]], wishes=Wishes(report=report))
    print("done", flush=True)
"""


def killed_while_indexing(library: Path, documents: Path, chance: random.Random) -> tuple[list[str], bool]:
    """Index until a random moment after a random report, then SIGKILL. The files reported, and whether it had ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", _INDEX, str(library), str(documents)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    reported = []
    for _ in range(chance.randrange(16)):
        line = process.stdout.readline().strip()
        reported.append(line)
        if line in ("", "done"):
            break
    # Not a wait for anything: the moment shall be a different one each time.
    spin = chance.randrange(2_000_000)
    while spin:
        spin -= 1
    process.kill()
    reported += process.stdout.read().splitlines()
    process.stdout.close()
    process.wait()
    files = [line.split()[0] for line in reported if line not in ("", "done") and not line.startswith("at ")]
    return files, "done" in reported


def write_all(documents: Path, edition: int) -> None:
    """Half of the files have a new text in each edition, and the long one has one new page."""
    for number in range(FILES):
        say = edition if number % 2 else 0
        pages = [
            [f"Document {number}, page {page}: value {number * 100 + page}, edition {say}."] for page in range(PAGES)
        ]
        text_pdf(documents / f"{number}.pdf", pages)
    pages = [[f"Page {page} of the long report, edition {edition if page == 7 else 0}."] for page in range(LONG)]
    text_pdf(documents / "long.pdf", pages)


@pytest.mark.timeout(1800)
def test_killed_again_and_again(library: Library, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    edition = 0
    write_all(documents, edition)
    chance = random.Random(20)
    known: set[str] = set()
    ended = 0
    for attempt in range(KILLS):
        library.close()
        reported, has_ended = killed_while_indexing(library.folder, documents, chance)
        library.open()
        known |= set(reported)
        check(library, known, attempt)
        if has_ended:
            ended += 1
            edition += 1
            write_all(documents, edition)
    assert KILLS - ended >= KILLS // 2, "most were killed in the middle"
    library.index(documents)
    library.assert_whole()
    pages = FILES * PAGES + LONG
    assert library.catalog.counts() == {"documents": FILES + 1, "pages": pages, "passages": pages}
    texts = [passage.text for passage in library.catalog.passages(library.catalog.passage_ids()).values()]
    assert len(texts) == len(set(texts))
    assert sum(f"edition {edition}." in text for text in texts) == (FILES // 2 * PAGES + 1 if edition else pages)


def check(library: Library, known: set[str], attempt: int) -> None:
    """What the restart finds: nothing is lost that was reported, nothing is there twice, the stores agree."""
    # That a file was in hand twice when the process ended is chance here, and not the file's fault.
    library.indexer.worklist.done([pending.path for pending in library.indexer.worklist.pending()])
    assert library.catalog.is_sound()
    library.mend()
    library.assert_whole()
    stored = {Path(each.path).name: each for each in library.catalog.documents()}
    assert known <= set(stored), f"reported as stored, then lost (kill {attempt})"
    for name, each in stored.items():
        expected = LONG if name == "long.pdf" else PAGES
        assert (each.status, each.passages, each.pages) == ("indexed", expected, expected), (name, attempt)


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
        library.index(
            Path(sys.argv[2]),
            report=lambda event: isinstance(event, DocumentDone) and done.append(event.document.path),
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
    library.mend()
    library.assert_whole()
    library.index(documents)
    assert library.catalog.counts()["documents"] == 12
    library.assert_whole()

"""What the engine does by itself, seen from the other end of the pipe: it follows folders and goes on after a crash."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant_app.library.catalog import Catalog
from assistant_app.library.worklist import Worklist
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from tests.engine.conftest import Engine
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models


def by_itself(engine: Engine, wanted: Callable[[messages.Event], bool]) -> messages.Event:
    """The first event with job 0 that is ``wanted``."""
    while True:
        event = engine.hear()
        if event.job == 0 and wanted(event):
            return event


def done(name: str, status: str = "indexed") -> Callable[[messages.Event], bool]:
    def wanted(event: messages.Event) -> bool:
        if not isinstance(event, messages.DocumentDone):
            return False
        return (Path(event.document.path).name, event.document.status) == (name, status)

    return wanted


def test_a_watched_folder_is_followed_over_the_pipe(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    text_pdf(folder / "tower.pdf", [["The lighthouse at Cape Wrath is 37 metres tall."]])
    engine.send(messages.Watch(job=1, path=str(folder), collection="sights"))
    by_itself(engine, done("tower.pdf"))
    by_itself(engine, lambda event: isinstance(event, messages.LibraryChanged))
    (folder / "note.md").write_text("# Ferry\n\nThe ferry leaves at half past nine.\n")
    by_itself(engine, done("note.md"))
    engine.send(messages.ListCollections(job=2))
    listed, _ = engine.until(messages.Collections, 2)
    assert isinstance(listed, messages.Collections)
    assert [(each.name, each.documents) for each in listed.collections] == [("sights", 2)]
    engine.send(messages.OpenDocument(job=3, path=str(folder / "note.md")))
    opened, _ = engine.until(messages.DocumentOpened, 3)
    assert isinstance(opened, messages.DocumentOpened)
    assert opened.preview
    engine.send(messages.ReadPreview(job=4, path=str(folder / "note.md")))
    first, _ = engine.until(messages.PreviewText, 4)
    assert isinstance(first, messages.PreviewText)
    assert "".join(section.text for section in first.sections) == (folder / "note.md").read_text()
    (folder / "tower.pdf").unlink()
    by_itself(engine, lambda event: isinstance(event, messages.LibraryChanged))
    engine.send(messages.ListDocuments(job=5, removed=True))
    removed, _ = engine.until(messages.Documents, 5)
    assert isinstance(removed, messages.Documents)
    assert [Path(each.path).name for each in removed.documents] == ["tower.pdf"]
    assert engine.close() == 0


@pytest.mark.parametrize("end", ["killed", "closed", "closed twice"])
def test_the_next_engine_goes_on_by_itself(engine: Engine, home: Path, tmp_path: Path, end: str) -> None:
    if end == "killed" and sys.platform == "win32":
        pytest.skip("there is no SIGKILL")
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(12):
        text_pdf(folder / f"{number:02}.pdf", [[f"Page {page} of document {number}."] for page in range(20)])
    engine.send(messages.IndexDocuments(job=1, paths=[str(folder)]))
    engine.until(messages.DocumentDone, 1)
    if end == "killed":
        engine.process.kill()
        engine.process.wait()
    else:
        assert engine.close() == 0
    for _ in range(end.count("twice")):
        between = Engine(home)
        by_itself(between, lambda event: isinstance(event, messages.IndexProgress) and event.stage == "reading")
        assert between.close() == 0
        stop(between)
    pending = waiting(home)
    assert pending
    assert all(tries == 0 for tries in pending.values()) or end == "killed"
    second = Engine(home)
    try:
        by_itself(second, done("11.pdf"))
        by_itself(second, lambda event: isinstance(event, messages.Indexed))
        second.send(messages.ListDocuments(job=1))
        listed, _ = second.until(messages.Documents, 1)
        assert isinstance(listed, messages.Documents)
        assert [(each.status, each.passages) for each in listed.documents] == [("indexed", 20)] * 12
        assert second.close() == 0
    finally:
        stop(second)


def waiting(home: Path) -> dict[str, int]:
    """What no process has an outcome for, and how often it was begun."""
    catalog = Catalog(Paths.resolve(home).catalog)
    try:
        return {pending.path: pending.tries for pending in Worklist(catalog).pending()}
    finally:
        catalog.close()


def stop(engine: Engine) -> None:
    engine.process.kill()
    engine.process.wait()
    engine._reader.join()
    assert engine.process.stdout is not None
    engine.process.stdout.close()

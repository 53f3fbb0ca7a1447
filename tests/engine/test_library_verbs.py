"""The verbs that concern the library, on a real one: removing and putting back, folders, pausing, restoring."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from tests.pdfs import encrypt, text_pdf

pytestmark = pytest.mark.models


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "library-home"


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with Service(Paths.resolve(home)) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir()
    text_pdf(made / "tower.pdf", [["The lighthouse at Cape Wrath is 37 metres tall."]])
    text_pdf(made / "ferry.pdf", [["The ferry to the island leaves at half past nine."]])
    return made


def names(service: Service, **how: bool) -> list[str]:
    return [Path(each.path).name for each in service.documents(**how)]


def found(service: Service, question: str) -> list[str]:
    return [Path(hit.path).name for hit in service.search(question).hits]


# ---------------------------------------------------------------- removing


def test_a_removal_can_be_undone_and_then_not(service: Service, folder: Path) -> None:
    service.index([str(folder)])
    tower = str(folder / "tower.pdf")
    assert [each.path for each in service.remove([tower])] == [tower]
    assert names(service) == ["ferry.pdf"]
    assert names(service, removed=True) == ["tower.pdf"]
    assert found(service, "How tall is the lighthouse?") == ["ferry.pdf"]
    with pytest.raises(DocentError) as caught:
        service.remove([tower])
    assert caught.value.code is Code.DOCUMENT_UNKNOWN
    assert [each.path for each in service.put_back([tower])] == [tower]
    assert found(service, "How tall is the lighthouse?")[0] == "tower.pdf"
    service.remove([tower])
    assert [each.path for each in service.remove(None, forever=True)] == [tower]
    assert names(service, removed=True) == []
    assert service.catalog.counts() == {"documents": 1, "pages": 1, "passages": 1}
    assert service.vectors.count() == 1
    copies = list(service.paths.backups.glob("*.sqlite3"))
    assert len(copies) == 1
    assert b"lighthouse" not in copies[0].read_bytes()
    with pytest.raises(DocentError):
        service.put_back([tower])


def test_removing_everything_leaves_an_empty_library(service: Service, folder: Path) -> None:
    service.index([str(folder)])
    service.remove([str(folder)])
    assert service.search("How tall is the lighthouse?").hits == []
    with pytest.raises(DocentError) as caught:
        service.ask("How tall is the lighthouse?")
    assert caught.value.code is Code.LIBRARY_EMPTY


# ---------------------------------------------------------------- collections


def test_a_question_asks_a_collection(service: Service, folder: Path) -> None:
    service.index([str(folder / "tower.pdf")], collection="towers")
    service.index([str(folder / "ferry.pdf")])
    assert {Path(hit.path).name for hit in service.search("When?", collection="towers").hits} == {"tower.pdf"}
    assert service.collections.all()[0].documents == 1
    service.collections.rename("towers", "Lights")
    assert {Path(hit.path).name for hit in service.search("When?", collection="Lights").hits} == {"tower.pdf"}
    service.collections.collect("Lights", [str(folder / "ferry.pdf")])
    service.collections.uncollect("Lights", [str(folder / "tower.pdf")])
    assert {Path(hit.path).name for hit in service.search("When?", collection="Lights").hits} == {"ferry.pdf"}
    service.collections.delete("Lights")
    assert names(service) == ["ferry.pdf", "tower.pdf"]
    with pytest.raises(DocentError) as caught:
        service.search("When?", collection="Lights")
    assert caught.value.code is Code.COLLECTION_UNKNOWN


# ---------------------------------------------------------------- watched folders


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether ``condition`` came true in time; a limit, not a measurement."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_a_watched_folder_is_followed(service: Service, folder: Path, tmp_path: Path) -> None:
    changes: list[object] = []
    done = threading.Event()

    def changed(path: str, paths: object) -> None:
        changes.append(paths)
        service.follow(path, paths, lambda event: None)  # type: ignore[arg-type]
        done.set()

    service.start_watching(changed)
    (watched,) = service.watch(str(folder), "harbour")
    assert (watched.state, watched.documents) == ("watching", 0)
    service.follow(str(folder))
    assert names(service) == ["ferry.pdf", "tower.pdf"]
    assert service.watched()[0].documents == 2

    text_pdf(folder / "inn.pdf", [["The inn serves breakfast from seven."]])
    assert until(lambda: "inn.pdf" in names(service))
    inn = str(folder / "inn.pdf")
    assert until(lambda: service.catalog.documents([inn])[0].collections == ["harbour"])

    text_pdf(folder / "inn.pdf", [["The inn is closed for the winter."]])
    assert until(lambda: any("winter" in hit.text for hit in service.search("Is the inn open?").hits))

    (folder / "~$inn.docx").write_bytes(b"a lock file")
    (folder / ".hidden").mkdir()
    text_pdf(folder / ".hidden" / "secret.pdf", [["Nobody shall read this."]])
    (folder / "inn.pdf").rename(folder / "hotel.pdf")
    assert until(lambda: names(service) == ["ferry.pdf", "hotel.pdf", "tower.pdf"])
    assert names(service, removed=True) == []

    (folder / "hotel.pdf").unlink()
    assert until(lambda: names(service) == ["ferry.pdf", "tower.pdf"])
    assert names(service, removed=True) == ["hotel.pdf"]

    service.unwatch(str(folder))
    assert service.watched() == []
    assert names(service) == ["ferry.pdf", "tower.pdf"]


@pytest.mark.parametrize("what", ["gone", "empty"])
def test_an_unplugged_drive_deletes_nothing(service: Service, folder: Path, tmp_path: Path, what: str) -> None:
    service.watch(str(folder))
    service.follow(str(folder))
    folder.rename(tmp_path / "unplugged")
    if what == "empty":  # the mount point without its disk
        folder.mkdir()
    told: list[messages.Event] = []
    service.follow(str(folder), None, told.append)
    assert [event.code for event in told if isinstance(event, messages.Noted)] == ["watched_missing"]
    assert [(each.status, each.reason) for each in service.documents()] == [("missing", "file_missing")] * 2
    assert service.watched()[0].state == "missing"
    assert found(service, "How tall is the lighthouse?")[0] == "tower.pdf"
    shutil.rmtree(folder, ignore_errors=True)
    (tmp_path / "unplugged").rename(folder)
    service.follow(str(folder))
    assert [each.status for each in service.documents()] == ["indexed"] * 2
    assert names(service, removed=True) == []


def test_what_changed_while_nobody_watched_is_found(service: Service, folder: Path) -> None:
    service.watch(str(folder))
    service.follow(str(folder))
    (folder / "ferry.pdf").unlink()
    text_pdf(folder / "new.pdf", [["A new timetable is out."]])
    service.follow(str(folder))
    assert names(service) == ["new.pdf", "tower.pdf"]
    assert names(service, removed=True) == ["ferry.pdf"]


def test_watched_folders_must_not_overlap(service: Service, folder: Path) -> None:
    service.watch(str(folder))
    (folder / "deeper").mkdir()
    for other in (folder / "deeper", folder.parent):
        with pytest.raises(DocentError) as caught:
            service.watch(str(other))
        assert caught.value.code is Code.WATCHED_OVERLAPS
    with pytest.raises(DocentError) as caught:
        service.watch(str(folder / "nowhere"))
    assert caught.value.code is Code.FILE_MISSING
    with pytest.raises(DocentError) as caught:
        service.unwatch(str(folder / "deeper"))
    assert caught.value.code is Code.WATCHED_UNKNOWN


# ---------------------------------------------------------------- pausing, going on


def test_indexing_can_be_paused_and_goes_on(service: Service, folder: Path) -> None:
    for number in range(10):
        text_pdf(folder / f"{number}.pdf", [[f"Page {page} of document {number}."] for page in range(3)])
    told: list[messages.Event] = []
    service.pause(True)
    worker = threading.Thread(target=lambda: service.index([str(folder)], report=told.append))
    worker.start()
    assert until(lambda: any(isinstance(event, messages.IndexProgress) for event in told))
    time.sleep(0.5)
    assert worker.is_alive()
    assert not [event for event in told if isinstance(event, messages.DocumentDone)]
    service.pause(False)
    worker.join(60)
    assert not worker.is_alive()
    assert len(service.documents()) == 12


def test_a_paused_job_can_be_stopped(service: Service, folder: Path) -> None:
    service.pause(True)
    caught: list[DocentError] = []

    def work() -> None:
        try:
            service.index([str(folder)])
        except DocentError as error:
            caught.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    assert until(lambda: bool(service.worklist.pending()))
    time.sleep(0.3)
    service.stop_indexing()
    worker.join(30)
    assert [error.code for error in caught] == [Code.CANCELLED]
    assert service.worklist.pending() == []  # a person stopped it: it is not taken up again
    service.pause(False)
    assert len(service.index([str(folder)])) == 2


def test_leaving_is_not_taken_for_a_stop(service: Service, folder: Path) -> None:
    cancelled = threading.Event()
    caught: list[DocentError] = []

    def work() -> None:
        try:
            service.index([str(folder)], cancelled=cancelled.is_set)
        except DocentError as error:
            caught.append(error)

    service.pause(True)
    worker = threading.Thread(target=work)
    worker.start()
    assert until(lambda: bool(service.worklist.pending()))
    service.leave()
    cancelled.set()
    worker.join(30)
    assert [error.code for error in caught] == [Code.CANCELLED]
    assert {pending.tries for pending in service.worklist.pending()} == {0}


def test_the_next_start_goes_on(home: Path, folder: Path) -> None:
    with Service(Paths.resolve(home)) as first:
        first.index([str(folder / "tower.pdf")])
        first.worklist.add([(str(folder / "ferry.pdf"), False), (str(folder / "vanished.pdf"), False)], "harbour")
    with Service(Paths.resolve(home)) as second:
        assert names(second) == ["tower.pdf"]
        outcome = {Path(each.path).name: each.status for each in second.resume()}
        assert outcome == {"ferry.pdf": "indexed", "vanished.pdf": "failed"}
        assert second.worklist.pending() == []
        assert second.catalog.documents([str(folder / "ferry.pdf")])[0].collections == ["harbour"]


# ---------------------------------------------------------------- passwords


def test_a_password_is_kept_only_on_request(
    home: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    kept: dict[tuple[str, str], str] = {}

    class Shelf(KeyringBackend):  # type: ignore[misc]  # keyring has no types
        """A keyring of this test: the real one belongs to the person who runs it."""

        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del kept[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(Shelf())
    try:
        locked = encrypt(folder / "tower.pdf", tmp_path / "locked.pdf", "open sesame")
        with Service(Paths.resolve(home)) as service:
            assert service.index([str(locked)])[0].reason == "password_needed"
            assert service.index([str(locked)], passwords={str(locked): "open sesame"})[0].status == "indexed"
            assert kept == {}
            service.index([str(locked)], passwords={str(locked): "open sesame"}, keep_passwords=True)
            assert list(kept.values()) == ["open sesame"]
            assert "locked" not in str(kept)
        with Service(Paths.resolve(home)) as service:
            assert service.open_document(str(locked))[0]
            text_pdf(folder / "tower.pdf", [["Quite another text."]])
            encrypt(folder / "tower.pdf", locked, "open sesame")
            assert service.index([str(locked)])[0].status == "indexed"  # it changed; the password is known
            service.remove([str(locked)], forever=True)
            assert kept == {}
    finally:
        keyring.set_keyring(before)


def test_without_a_keyring_the_document_opens_all_the_same(service: Service, folder: Path, tmp_path: Path) -> None:
    import keyring
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        locked = encrypt(folder / "tower.pdf", tmp_path / "locked.pdf", "open sesame")
        told: list[messages.Event] = []
        (document,) = service.index(
            [str(locked)], passwords={str(locked): "open sesame"}, keep_passwords=True, report=told.append
        )
        assert document.status == "indexed"
        assert [event.code for event in told if isinstance(event, messages.Noted)] == ["keyring_unavailable"]
        assert service.open_document(str(locked))[0]
    finally:
        keyring.set_keyring(before)


# ---------------------------------------------------------------- damage, backups


def test_a_damaged_catalogue_is_restored_from_the_automatic_copy(home: Path, folder: Path) -> None:
    paths = Paths.resolve(home)
    with Service(paths) as service:
        service.index([str(folder)])
    content = bytearray(paths.catalog.read_bytes())
    content[4096::512] = b"\xff" * len(content[4096::512])
    paths.catalog.write_bytes(content)
    with Service(paths) as service:
        (note,) = service.notes
        assert note.code is Code.LIBRARY_RESTORED
        assert Path(str(note.details["kept"]), "library.sqlite3").read_bytes() == content
        assert names(service) == ["ferry.pdf", "tower.pdf"]
        assert found(service, "How tall is the lighthouse?")[0] == "tower.pdf"
    with Service(paths) as service:
        assert service.notes == []


@pytest.mark.parametrize("what", ["empty", "gone"])
def test_an_empty_catalogue_does_not_take_the_place_of_a_full_one(home: Path, folder: Path, what: str) -> None:
    paths = Paths.resolve(home)
    with Service(paths) as service:
        service.index([str(folder)])
    paths.catalog.write_bytes(b"") if what == "empty" else paths.catalog.unlink()
    with Service(paths) as service:
        assert [note.code for note in service.notes] == [Code.LIBRARY_RESTORED]
        assert names(service) == ["ferry.pdf", "tower.pdf"]


def test_only_what_changed_is_copied_and_nothing_damaged(home: Path, folder: Path) -> None:
    paths = Paths.resolve(home)
    with Service(paths) as service:
        service.index([str(folder)])
    before = sorted(paths.backups.glob("*.sqlite3"))
    for _ in range(3):
        with Service(paths) as service:
            assert found(service, "When does the ferry leave?")
    assert sorted(paths.backups.glob("*.sqlite3")) == before
    assert {each.stat().st_mode & 0o777 for each in before} == {0o600}
    with Service(paths) as service:
        service.collections.create("new")
        service.catalog.is_sound = lambda: False  # type: ignore[method-assign]
    assert sorted(paths.backups.glob("*.sqlite3")) == before


def test_what_a_person_removed_from_a_watched_folder_stays_away(service: Service, folder: Path) -> None:
    service.watch(str(folder))
    service.follow(str(folder))
    service.remove([str(folder / "ferry.pdf")])
    service.follow(str(folder))
    assert names(service) == ["tower.pdf"]
    service.remove(None, forever=True)
    service.follow(str(folder))
    service.follow(str(folder), [str(folder / "ferry.pdf")])
    assert names(service) == ["tower.pdf"]
    service.index([str(folder / "ferry.pdf")])  # named: wanted again
    service.follow(str(folder))
    assert names(service) == ["ferry.pdf", "tower.pdf"]


def test_what_was_stopped_stands_in_the_ledger(service: Service, folder: Path) -> None:
    asked = iter(range(100))
    with pytest.raises(DocentError):
        service.index([str(folder)], cancelled=lambda: next(asked) > 6)
    stopped = [each for each in service.documents() if each.reason == "cancelled"]
    assert stopped
    assert {each.status for each in service.index([str(folder)])} <= {"indexed", "unchanged"}


def test_damage_without_a_copy_is_told(home: Path, folder: Path) -> None:
    paths = Paths.resolve(home)
    with Service(paths) as service:
        service.index([str(folder)])
    shutil.rmtree(paths.backups)
    paths.catalog.write_bytes(b"no database at all" * 500)
    with pytest.raises(DocentError) as caught:
        Service(paths)
    assert caught.value.code is Code.LIBRARY_DAMAGED


def test_a_backup_brings_everything_back(home: Path, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "all.docent"
    with Service(Paths.resolve(home)) as service:
        service.index([str(folder)], collection="harbour")
        service.change_settings({"answer.passages": 9, "library.chroma_server": "http://127.0.0.1:9"})
        before = service.documents()
        wrote = service.back_up(str(target), with_documents=True)
        assert (wrote.documents, wrote.left_out, wrote.size) == (2, [], target.stat().st_size)
    shutil.rmtree(folder)
    with Service(Paths.resolve(tmp_path / "other-home")) as other:
        text_pdf(tmp_path / "mine.pdf", [["What was here before."]])
        other.index([str(tmp_path / "mine.pdf")])

        def no_embedding(texts: object) -> None:
            raise AssertionError("the vectors are in the backup")

        embed, other.embedder.embed = other.embedder.embed, no_embedding  # type: ignore[method-assign, assignment]
        count, kept = other.restore(str(target))
        other.embedder.embed = embed  # type: ignore[method-assign]
        assert count == 2
        assert (kept / "library.sqlite3").exists()
        assert other.settings.integer("answer.passages") == 9
        assert other.settings.text("library.chroma_server") == ""
        assert [(Path(each.path).name, each.status, each.collections) for each in other.documents()] == [
            (Path(each.path).name, each.status, each.collections) for each in before
        ]
        assert found(other, "How tall is the lighthouse?")[0] == "tower.pdf"
        assert other.vectors.count() == 2
        assert all(os.path.exists(each.path) for each in other.documents())  # they came along
        assert other.index([each.path for each in other.documents()])[0].status == "unchanged"


@pytest.mark.parametrize(
    "fault", ["text", "empty", "other zip", "cut", "stranger", "trigger", "newer", "no catalogue", "odd rows"]
)
def test_what_is_no_backup_leaves_the_library_alone(service: Service, folder: Path, tmp_path: Path, fault: str) -> None:
    import sqlite3
    import zipfile

    service.index([str(folder)])
    good, bad = tmp_path / "good.docent", tmp_path / "bad.docent"
    service.back_up(str(good))
    expected = Code.BACKUP_INVALID
    if fault == "text":
        bad.write_text("no backup")
    elif fault == "empty":
        bad.touch()
    elif fault == "cut":
        bad.write_bytes(good.read_bytes()[:-3000])
    else:
        with zipfile.ZipFile(good) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        if fault == "other zip":
            parts = {"word/document.xml": b"<x/>"}
        elif fault == "no catalogue":
            del parts["library.sqlite3"]
        elif fault == "newer":
            parts["docent-backup.json"] = parts["docent-backup.json"].replace(b'"format":1', b'"format":2')
            expected = Code.BACKUP_NEWER
        else:
            copy = tmp_path / "copy.sqlite3"
            copy.write_bytes(parts["library.sqlite3"])
            database = sqlite3.connect(copy)
            if fault == "stranger":
                database.execute("DROP TABLE pending")
            elif fault == "odd rows":
                database.execute("UPDATE documents SET details = 'not json'")
            else:
                database.execute("CREATE TRIGGER t AFTER INSERT ON facts BEGIN DELETE FROM documents; END")
            database.commit()
            database.close()
            parts["library.sqlite3"] = copy.read_bytes()
        with zipfile.ZipFile(bad, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
    with pytest.raises(DocentError) as caught:
        service.restore(str(bad))
    assert caught.value.code is expected
    assert names(service) == ["ferry.pdf", "tower.pdf"]
    assert found(service, "How tall is the lighthouse?")[0] == "tower.pdf"
    assert not list(service.paths.backups.glob("re*"))


def test_a_backup_that_cannot_be_written_leaves_the_old_one(service: Service, folder: Path, tmp_path: Path) -> None:
    service.index([str(folder)])
    with pytest.raises(DocentError) as caught:
        service.back_up(str(tmp_path / "nowhere" / "b.docent"))
    assert caught.value.code is Code.BACKUP_UNWRITABLE
    target = tmp_path / "b.docent"
    target.write_text("the old one")
    with pytest.raises(DocentError) as caught:
        service.back_up(str(target), cancelled=lambda: True)
    assert caught.value.code is Code.CANCELLED
    assert target.read_text() == "the old one"
    assert [each.name for each in tmp_path.iterdir() if "b.docent" in each.name] == ["b.docent"]

"""Downloads from a hub on loopback: cut, damaged, paused, resumed in another process, without room."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from assistant_app.engine.offline import for_downloads
from assistant_app.errors import Code, DocentError
from assistant_app.models import catalogue, downloads
from assistant_app.models.downloads import Begun, Said, checked, folder_of, part, read, write
from tests.hub import COMMIT, REPO, Hub, a_hub

CONTENT = os.urandom(downloads.CHUNK) * 8
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with a_hub() as running:
        running.add("tiny.gguf", CONTENT)
        yield running


@pytest.fixture
def folder(tmp_path: Path, hub: Hub) -> Path:
    """A download of ``tiny.gguf`` that nobody fetched yet."""
    made = tmp_path / "downloads" / "one"
    write(made, Begun(repo=REPO, file="tiny.gguf", hub=hub.address))
    return made


PROGRAM = """
    import sys
    from assistant_app.models import downloads
    downloads.WAIT = 0.01
    sys.exit(downloads.main(sys.argv[1]))
"""

FULL_DISK = """
    import resource, signal, sys
    from assistant_app.models import downloads
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (downloads.CHUNK * 2 + 100, downloads.CHUNK * 2 + 100))
    sys.exit(downloads.main(sys.argv[1]))
"""


def start(folder: Path, program: str = PROGRAM) -> subprocess.Popen[bytes]:
    """The process that downloads, with waits between two tries cut short."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=for_downloads(),
        cwd=ROOT,
    )


def fetched(folder: Path, program: str = PROGRAM) -> list[Said]:
    """Everything that a download said until its end."""
    process = start(folder, program)
    assert process.stdout is not None
    said = [msgspec.json.decode(line, type=Said) for line in process.stdout]
    process.communicate()
    return said


def wait_for(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


# ---------------------------------------------------------------- as it should be


def test_a_file_comes_whole_and_checked(hub: Hub, folder: Path) -> None:
    said = fetched(folder)
    assert said[-1].finished
    assert part(folder, 0).read_bytes() == CONTENT
    assert {each.total for each in said[:-1]} == {len(CONTENT)}
    steps = [each.done for each in said if not each.checking and not each.finished]
    assert steps == sorted(steps)
    assert len(steps) > 4
    assert any(each.checking for each in said)
    begun = read(folder)
    assert begun is not None
    assert begun.revision == COMMIT
    assert list(folder.rglob("*.gguf")) == [], "it has no model's name before the engine gives it one"
    paths = {path for _, path, _ in hub.seen}
    assert paths <= {
        f"/{REPO}/resolve/main/tiny.gguf",
        f"/{REPO}/resolve/{COMMIT}/tiny.gguf",
        f"/store/{REPO}/tiny.gguf",
    }, "nothing but the file is asked for"


def test_all_parts_of_a_split_model_come(hub: Hub, tmp_path: Path) -> None:
    names = [f"q4/tiny-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
    for number, name in enumerate(names):
        hub.add(name, CONTENT[: 1000 + number])
    begun = checked(REPO, names[1])
    assert (begun.file, begun.files) == (names[0], names)
    folder = folder_of(tmp_path, begun)
    write(folder, msgspec.structs.replace(begun, hub=hub.address))
    assert fetched(folder)[-1].finished
    begun = read(folder) or begun
    path = downloads.shelve(folder, begun, tmp_path / "models")
    assert path == tmp_path / "models" / "ada" / "tiny-GGUF" / "q4" / "tiny-00001-of-00003.gguf"
    assert sorted(each.stat().st_size for each in path.parent.iterdir()) == [1000, 1001, 1002]
    assert not folder.exists()


# ---------------------------------------------------------------- what goes wrong


def test_a_connection_that_is_cut_again_and_again(hub: Hub, folder: Path) -> None:
    hub.cuts = [downloads.CHUNK * 2 + 5, 0, 0, downloads.CHUNK, None]
    assert fetched(folder)[-1].finished
    assert part(folder, 0).read_bytes() == CONTENT
    first, *others = hub.gets()
    assert first == ""
    assert others == [f"bytes={2 * downloads.CHUNK}-"] * 3 + [f"bytes={3 * downloads.CHUNK}-"]


def test_a_connection_that_stays_cut_keeps_what_is_there(hub: Hub, folder: Path) -> None:
    hub.cuts = [downloads.CHUNK * 3, *[0] * 20]
    assert fetched(folder)[-1].code == Code.DOWNLOAD_CUT
    assert part(folder, 0).read_bytes() == CONTENT[: 3 * downloads.CHUNK]
    hub.cuts = []
    assert fetched(folder)[-1].finished
    assert hub.gets()[-1] == f"bytes={3 * downloads.CHUNK}-"


def test_a_server_that_sends_no_parts_begins_again(hub: Hub, folder: Path) -> None:
    hub.ranges = False
    hub.cuts = [downloads.CHUNK * 3, None]
    assert fetched(folder)[-1].finished
    assert part(folder, 0).read_bytes() == CONTENT


def test_a_wrong_checksum_is_thrown_away(hub: Hub, folder: Path) -> None:
    hub.sums[f"{REPO}/tiny.gguf"] = "a" * 64
    last = fetched(folder)[-1]
    assert (last.code, last.details["file"]) == (Code.DOWNLOAD_DAMAGED, "tiny.gguf")
    assert not part(folder, 0).exists()
    hub.sums.clear()
    assert fetched(folder)[-1].finished


def test_more_than_was_announced_is_not_taken(hub: Hub, folder: Path) -> None:
    hub.more = CONTENT
    assert fetched(folder)[-1].code == Code.DOWNLOAD_DAMAGED
    assert not part(folder, 0).exists()


def test_a_file_that_changed_on_the_hub_begins_again(hub: Hub, folder: Path) -> None:
    hub.cuts = [downloads.CHUNK * 3, *[0] * 20]
    fetched(folder)
    hub.cuts = []
    hub.add("tiny.gguf", CONTENT[::-1])
    assert fetched(folder)[-1].finished
    assert part(folder, 0).read_bytes() == CONTENT[::-1]
    assert hub.gets()[-1] == ""


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (404, "EntryNotFound", Code.DOWNLOAD_NOT_FOUND),
        (401, "RepoNotFound", Code.DOWNLOAD_NOT_FOUND),
        (403, "GatedRepo", Code.DOWNLOAD_GATED),
        (503, "", Code.DOWNLOAD_REFUSED),
    ],
)
def test_a_hub_that_refuses(hub: Hub, folder: Path, status: int, error: str, code: Code) -> None:
    hub.status, hub.error = status, error
    assert fetched(folder)[-1].code == code
    assert hub.gets() == []


def test_without_a_checksum_nothing_is_downloaded(hub: Hub, folder: Path) -> None:
    hub.sums[f"{REPO}/tiny.gguf"] = ""
    assert fetched(folder)[-1].code == Code.DOWNLOAD_MISSPOKE
    assert hub.gets() == []


def test_nobody_there(hub: Hub, folder: Path) -> None:
    write(folder, Begun(repo=REPO, file="tiny.gguf", hub="http://127.0.0.1:9"))
    assert fetched(folder)[-1].code == Code.DOWNLOAD_UNREACHABLE


def test_no_room_is_known_before_anything_comes(hub: Hub, folder: Path) -> None:
    hub.size = 10**15
    last = fetched(folder)[-1]
    assert (last.code, last.details["needed_gb"]) == (Code.DOWNLOAD_NO_SPACE, 1_000_000.3)
    assert hub.gets() == []


def test_some_room_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=downloads.SPARE + 100))
    downloads.check_space(100, tmp_path)
    with pytest.raises(DocentError) as caught:
        downloads.check_space(101, tmp_path)
    assert caught.value.code is Code.DOWNLOAD_NO_SPACE


@pytest.mark.skipif(os.name != "posix", reason="the limits of POSIX systems")
def test_a_disk_that_gets_full_on_the_way_keeps_what_is_there(hub: Hub, folder: Path) -> None:
    assert fetched(folder, FULL_DISK)[-1].code == Code.DISK_FULL
    assert part(folder, 0).read_bytes() == CONTENT[: downloads.CHUNK * 2 + 100]
    assert fetched(folder)[-1].finished
    assert part(folder, 0).read_bytes() == CONTENT


# ---------------------------------------------------------------- stopped, and gone on with


@pytest.mark.parametrize("how", ["killed", "left alone"])
def test_a_download_that_ends_is_gone_on_with_by_another_process(hub: Hub, folder: Path, how: str) -> None:
    hub.hold_at = downloads.CHUNK * 4
    process = start(folder)
    assert hub.held.wait(60)
    wait_for(lambda: downloads.part_size(folder, 0) == downloads.CHUNK * 4)
    if how == "killed":
        process.kill()
        process.communicate()
    else:
        process.communicate()  # closes its standard input, as the end of the engine does
        assert process.returncode == 0
    hub.go_on.set()
    hub.hold_at = None
    assert downloads.part_size(folder, 0) == downloads.CHUNK * 4
    said = fetched(folder)
    assert said[0].done == downloads.CHUNK * 4
    assert said[-1].finished
    assert hub.gets() == ["", f"bytes={downloads.CHUNK * 4}-"]
    assert part(folder, 0).read_bytes() == CONTENT


def test_what_is_whole_is_not_fetched_again(hub: Hub, folder: Path) -> None:
    fetched(folder)
    before = len(hub.gets())
    assert fetched(folder)[-1].finished
    assert len(hub.gets()) == before


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("repo", "file"),
    [
        ("ada", "tiny.gguf"),
        ("ada/", "tiny.gguf"),
        ("ada/../..", "tiny.gguf"),
        ("../tiny", "tiny.gguf"),
        ("ada/tiny/more", "tiny.gguf"),
        ("ada/tiny", "../../tiny.gguf"),
        ("ada/tiny", "/tiny.gguf"),
        ("ada/tiny", "a\\b.gguf"),
        ("ada/tiny", ".hidden.gguf"),
        ("ada/tiny", "tiny.safetensors"),
        ("ada/tiny", "c:tiny.gguf"),
        ("ada/tiny", "tiny-00001-of-99999.gguf"),
        ("ada/tiny?x", "tiny.gguf"),
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(repo: str, file: str) -> None:
    with pytest.raises(DocentError) as caught:
        checked(repo, file)
    assert caught.value.code is Code.DOWNLOAD_NAME_INVALID


def test_a_folder_without_a_good_note_is_no_download(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / downloads.BEGUN).write_text("{")
    assert read(tmp_path) is None
    (tmp_path / downloads.BEGUN).write_text('{"repo": "a/b", "file": "c.gguf", "sizes": [1]}')
    assert read(tmp_path) is None


def test_every_entry_of_the_catalogue_can_be_downloaded_by_its_key() -> None:
    entries = catalogue.catalogue()
    assert len({entry.key for entry in entries}) == len(entries) > 4
    for entry in entries:
        assert checked(entry.repo, entry.file).file == entry.file
        assert entry.licence
        assert entry.about.endswith(".")
        assert 0.2 < entry.size / 2**30 / entry.memory_gib < 0.6, "room for the context, the system, other programs"


def test_a_server_that_answers_with_something_shorter_is_given_up(hub: Hub, folder: Path) -> None:
    """A page about a quota, with status 200: whole by itself, and never the file."""
    hub.instead = b"You have had enough."
    said = fetched(folder)
    assert said[-1].code == Code.DOWNLOAD_MISSPOKE
    assert len(hub.gets()) < 20


def test_the_folder_of_removed_models_is_no_owner() -> None:
    with pytest.raises(DocentError) as caught:
        checked("removed/x", "a.gguf")
    assert caught.value.code is Code.DOWNLOAD_NAME_INVALID
    assert checked("a/b", "x-00001-of-00000.gguf").files == ["x-00001-of-00000.gguf"]

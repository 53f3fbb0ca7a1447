"""The shelf of models: what is found on this computer, what is added, what is downloaded, over the real pipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_app.engine.offline import ENVIRONMENT
from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.models import downloads, model_files, removed_models
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import STARTER_NAME, starter_model
from assistant_app.paths import Paths
from assistant_app.protocol import messages, shelf
from assistant_app.words import sentence
from tests import ggufs
from tests.engine.conftest import Engine
from tests.hub import REPO, Hub, a_hub


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    """A model in LM Studio's folder."""
    folder = tmp_path / "user" / ".lmstudio" / "models" / "ada" / "tiny"
    folder.mkdir(parents=True)
    return ggufs.tiny_model(folder / "studio.gguf", name="Studio's")


def test_a_found_model_is_offered_where_it_is_and_can_be_used(home: Path, studio: Path) -> None:
    with Service(Paths.resolve(home)) as service:
        (found,) = service.shelf.found()
        assert (found.path, found.place, found.fits, found.in_use) == (str(studio), "LM Studio", True, False)
        assert studio.name not in [Path(model.path).name for model in service.list_models()]
        assert service.find_model("Studio's") == str(studio)
        assert [model.path for model in service.use_model("studio") if model.in_use] == [str(studio)]
        assert service.shelf.found() == [], "it is in the list now"
    assert list(Paths.resolve(home).data.rglob("*.gguf")) == [], "nothing is copied"


def test_a_folder_that_has_a_models_name_does_not_hide_it(
    home: Path, studio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Studio's").mkdir()
    (tmp_path / "nothing").mkdir()
    monkeypatch.chdir(tmp_path)
    with Service(Paths.resolve(home)) as service:
        assert service.find_model("Studio's") == str(studio)
        assert service.find_model("nothing") == str(tmp_path / "nothing"), "it is told apart from nothing at all"


def test_an_added_file_stays_in_the_list_and_in_its_place(home: Path, tmp_path: Path) -> None:
    path = ggufs.tiny_model(tmp_path / "mine.gguf", name="Mine")
    with Service(Paths.resolve(home)) as service:
        assert service.shelf.add(str(path)).name == "Mine"
        service.shelf.add(str(path))
        (tmp_path / "bad.gguf").write_text("no model")
        with pytest.raises(DocentError) as caught:
            service.shelf.add(str(tmp_path / "bad.gguf"))
        assert caught.value.code is Code.MODEL_NOT_GGUF
    with Service(Paths.resolve(home)) as service:
        assert [model.name for model in service.list_models()][1:] == ["Mine"]
        path.rename(tmp_path / "away.gguf")
        assert len(service.list_models()) == 1
        assert json.loads((service.paths.models / "added.json").read_text()) == [str(path)], "it may come back"
        (service.paths.models / "added.json").write_text("{")
        assert len(service.list_models()) == 1


def test_a_model_that_does_not_fit_says_so(home: Path, tmp_path: Path) -> None:
    ggufs.huge_model(tmp_path / "huge.gguf")
    with Service(Paths.resolve(home)) as service:
        assert not service.inspect_model(str(tmp_path / "huge.gguf")).fits
        assert not service.shelf.add(str(tmp_path / "huge.gguf")).fits
        assert [model.fits for model in service.list_models()] == [True, False]
        with pytest.raises(DocentError) as caught:
            service.use_model(str(tmp_path / "huge.gguf"))
        assert caught.value.code is Code.MODEL_TOO_LARGE
    model = model_files.inspect_model(tmp_path / "huge.gguf")
    assert model_files.fits(model, model.memory_bytes), "a graphics processor's memory counts"


def test_over_the_pipe(engine: Engine, studio: Path, tmp_path: Path) -> None:
    engine.send(shelf.FindModels(job=1))
    event, _ = engine.until(shelf.ModelsFound, 1)
    assert isinstance(event, shelf.ModelsFound)
    assert [(model.place, model.name) for model in event.models] == [("LM Studio", "Studio's")]
    engine.send(shelf.AddModel(job=2, path=str(ggufs.tiny_model(tmp_path / "mine.gguf", name="Mine"))))
    added, _ = engine.until(shelf.ModelShelved, 2)
    assert isinstance(added, shelf.ModelShelved)
    assert (added.path, added.models[-1].name) == (str(tmp_path / "mine.gguf"), "Mine")
    engine.send(messages.UseModel(job=3, path=added.path))
    engine.until(messages.Models, 3)
    engine.send(shelf.RemoveModel(job=4, path=added.path))
    gone, _ = engine.until(shelf.ModelShelved, 4)
    assert isinstance(gone, shelf.ModelShelved)
    assert ([model.name for model in gone.models], gone.replaced) == ([STARTER_NAME], True)
    engine.send(shelf.PutBackModel(job=5, path=gone.path))
    back, _ = engine.until(shelf.ModelShelved, 5)
    assert isinstance(back, shelf.ModelShelved)
    assert [(model.name, model.in_use) for model in back.models] == [(STARTER_NAME, False), ("Mine", True)]
    engine.send(shelf.RemoveModel(job=6, path="starter"))
    refused, _ = engine.until(messages.Failed, 6)
    assert isinstance(refused, messages.Failed)
    assert refused.code == Code.MODEL_SHIPPED


def test_a_search_that_is_stopped_ends(home: Path, studio: Path) -> None:
    with Service(Paths.resolve(home)) as service, pytest.raises(DocentError) as caught:
        service.shelf.found(lambda: True)
    assert caught.value.code is Code.CANCELLED


def test_a_model_that_fell_back_to_the_processor_is_told_of_once(home: Path, tmp_path: Path) -> None:
    model = ChatModel.load(str(ggufs.tiny_model(tmp_path / "tiny.gguf")), threads=1)
    model.fell_back = DocentError(Code.GPU_FULL, path=model.path, said="out of device memory")
    told: list[messages.Event] = []
    with Service(Paths.resolve(home)) as service:
        service.shelf.warn(model, told.append)
        service.shelf.warn(model, told.append)
    model.close()
    (note,) = told
    assert isinstance(note, messages.Noted)
    assert "“tiny.gguf” does not fit the graphics processor" in sentence(note.code, note.details)


# ---------------------------------------------------------------- removed, and put back


def refused(service: Service, name: str) -> Code:
    with pytest.raises(DocentError) as caught:
        service.shelf.remove(name)
    return caught.value.code


def removals(service: Service) -> dict[str, str]:
    return {model.name: model.removal for model in service.list_models()}


def kept(service: Service) -> list[Path]:
    """The folders of removed models."""
    return list((service.paths.models / "removed").glob("*"))


def test_an_added_model_leaves_the_list_and_its_file_stays(home: Path, tmp_path: Path) -> None:
    path = ggufs.tiny_model(tmp_path / "mine.gguf", name="Mine")
    before = path.read_bytes()
    with Service(Paths.resolve(home)) as service:
        service.shelf.add(str(path))
        assert removals(service) == {STARTER_NAME: "", "Mine": "list"}
        gone = service.shelf.remove("Mine")
        assert gone == (str(path), "Mine", 0, False)
        assert (removals(service), path.read_bytes()) == ({STARTER_NAME: ""}, before)
        assert refused(service, str(path)) is Code.MODEL_NOT_ADDED, "it is not in the list any more"
        assert service.shelf.put_back("mine.gguf") == str(path)
        assert (removals(service)["Mine"], kept(service)) == ("list", [])
        service.shelf.remove(str(path), forever=True)
        assert (path.read_bytes(), kept(service)) == (before, [])
        with pytest.raises(DocentError) as caught:
            service.shelf.put_back("Mine")
        assert caught.value.code is Code.MODEL_MISSING


def test_an_added_model_whose_file_went_away_can_be_removed(home: Path, tmp_path: Path) -> None:
    path = ggufs.tiny_model(tmp_path / "mine.gguf", name="Mine")
    with Service(Paths.resolve(home)) as service:
        service.shelf.add(str(path))
        path.rename(tmp_path / "away.gguf")
        assert service.shelf.remove("mine").path == str(path)
        assert json.loads((service.paths.models / "added.json").read_text()) == []


def test_a_model_in_docents_folder_goes_whole_and_comes_back_whole(home: Path) -> None:
    folder = Paths.resolve(home).models / "ada" / "split-GGUF"
    folder.mkdir(parents=True)
    first, second = ggufs.split_model(folder)
    before = first.read_bytes(), second.read_bytes()
    with Service(Paths.resolve(home)) as service:
        service.shelf.add(str(second))
        assert not (service.paths.models / "added.json").exists(), "it is in the list by itself"
        assert removals(service)["Tiny"] == "file"
        gone = service.shelf.remove(str(second))
        assert gone == (str(first), "Tiny", len(before[0]) + len(before[1]), False)
        assert (first.exists(), second.exists(), folder.parent.exists()) == (False, False, False)
        assert (list(removals(service)), service.shelf.found()) == ([STARTER_NAME], [])
    with Service(Paths.resolve(home)) as service:
        assert service.shelf.put_back("Tiny") == str(first)
        assert (first.read_bytes(), second.read_bytes()) == before
        assert (removals(service)["Tiny"], kept(service)) == ("file", [])
        service.shelf.remove("Tiny", forever=True)
        assert list(service.paths.models.rglob("*.*")) == []


def test_what_was_removed_is_deleted_after_a_day(home: Path) -> None:
    with Service(Paths.resolve(home)) as service:
        service.paths.models.mkdir(exist_ok=True)
        for name in ("old", "new"):
            ggufs.tiny_model(service.paths.models / f"{name}.gguf", name=name)
            service.shelf.remove(name)
        (old,) = (each for each in kept(service) if b'"old"' in (each / removed_models.REMOVED).read_bytes())
        then = time.time() - removed_models.KEPT_SECONDS - 60
        os.utime(old, (then, then))
    with Service(Paths.resolve(home)) as service:
        assert len(kept(service)) == 1
        with pytest.raises(DocentError) as caught:
            service.shelf.put_back("old")
        assert caught.value.code is Code.MODEL_MISSING
        assert Path(service.shelf.put_back("new")).exists()


def test_a_file_that_took_its_place_meanwhile_stays(home: Path) -> None:
    with Service(Paths.resolve(home)) as service:
        service.paths.models.mkdir(exist_ok=True)
        place = ggufs.tiny_model(service.paths.models / "tiny.gguf", name="Before")
        service.shelf.remove("Before")
        ggufs.tiny_model(place, name="After")
        assert service.shelf.put_back("Before") == str(place)
        assert list(removals(service)) == [STARTER_NAME, "After"]


def test_the_starter_model_takes_the_place_of_one_that_was_in_use(home: Path) -> None:
    with Service(Paths.resolve(home)) as service:
        service.paths.models.mkdir(exist_ok=True)
        tiny = ggufs.tiny_model(service.paths.models / "tiny.gguf")
        service.use_model(str(tiny))
        with service.models.use(path=None, adapter="none"):
            pass
        assert service.models.is_loaded
        assert service.shelf.remove("Tiny").replaced
        assert (service.models.is_loaded, service.models.chosen_path()) == (False, str(starter_model()))
        service.shelf.put_back("Tiny")
        assert service.models.chosen_path() == str(tiny), "what was undone is undone"
        service.shelf.remove("Tiny")
        other = ggufs.tiny_model(service.paths.models / "other.gguf", name="Other")
        service.use_model(str(other))
        service.shelf.put_back("Tiny")
        assert service.models.chosen_path() == str(other), "another was chosen since"


def test_what_is_not_the_persons_to_remove_says_why(home: Path, studio: Path, tmp_path: Path) -> None:
    with Service(Paths.resolve(home)) as service:
        assert refused(service, "starter") is refused(service, STARTER_NAME) is Code.MODEL_SHIPPED
        assert refused(service, "Studio's") is Code.MODEL_NOT_ADDED
        service.use_model("Studio's")
        assert refused(service, str(studio)) is Code.MODEL_NOT_ADDED
        assert removals(service)["Studio's"] == ""
        assert service.models.chosen_path() == str(studio)
        assert refused(service, "nothing.gguf") is Code.MODEL_MISSING
        assert refused(service, str(tmp_path)) is Code.MODEL_NOT_ADDED
        service.shelf.add(str(studio))
        service.shelf.remove("Studio's")
        assert [model.name for model in service.shelf.found()] == ["Studio's"], "it is offered again"
    assert studio.exists()


def test_nothing_is_lost_where_it_cannot_be_moved(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Paths.resolve(home).models
    folder.mkdir(parents=True)
    first, second = ggufs.split_model(folder)
    move = shutil.move

    def fails(source: Path, target: Path) -> None:
        if source == second:
            raise PermissionError(13, "in use")
        move(source, target)

    monkeypatch.setattr(shutil, "move", fails)
    with Service(Paths.resolve(home)) as service:
        service.use_model(str(first))
        assert refused(service, "Tiny") is Code.FILE_UNWRITABLE
        assert (first.exists(), second.exists(), kept(service)) == (True, True, [])
        assert service.models.chosen_path() == str(first)


# ---------------------------------------------------------------- downloads


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with a model of some megabytes, a broken one and one that cannot answer."""
    with a_hub() as running:
        running.add("good.gguf", ggufs.tiny_model(tmp_path / "good.gguf", name="From the hub", layers=16).read_bytes())
        running.add("text.gguf", b"no model at all")
        running.add("vectors.gguf", ggufs.tiny_model(tmp_path / "vectors.gguf", template=None).read_bytes())
        yield running


@pytest.fixture
def service(home: Path, hub: Hub) -> Iterator[Service]:
    """With that hub as its address for downloads."""
    with Service(Paths.resolve(home)) as opened:
        opened.settings.update({"model.hub": f"{hub.address}/"})
        yield opened


def listed(service: Service) -> list[str]:
    return [model.name for model in [*service.list_models(), *service.shelf.found()]][1:]


def code_of(service: Service, file: str, hub: str = "") -> Code:
    with pytest.raises(DocentError) as caught:
        service.shelf.download(REPO, file, hub)
    return caught.value.code


def test_a_downloaded_model_is_in_the_list_and_not_fetched_twice(service: Service, hub: Hub) -> None:
    model = service.shelf.download(REPO, "good.gguf")
    assert (model.name, listed(service)) == ("From the hub", ["From the hub"])
    assert Path(model.path) == service.paths.models / "ada" / "tiny-GGUF" / "good.gguf"
    assert Path(model.path).read_bytes() == hub.files[f"{REPO}/good.gguf"]
    assert (service.shelf.downloads(), list((service.paths.data / "downloads").iterdir())) == ([], [])
    before = len(hub.seen)
    assert service.shelf.download(REPO, "good.gguf").path == model.path
    assert len(hub.seen) == before
    assert service.use_model("From the hub")


def test_another_address_for_this_time(service: Service, hub: Hub) -> None:
    service.settings.update({"model.hub": "http://127.0.0.1:9"})
    assert code_of(service, "good.gguf") is Code.DOWNLOAD_UNREACHABLE
    assert code_of(service, "good.gguf", "ftp://somewhere") is Code.DOWNLOAD_UNREACHABLE
    assert service.shelf.download(REPO, "good.gguf", hub.address).name == "From the hub"


def test_what_cannot_answer_is_not_kept(service: Service, hub: Hub) -> None:
    assert code_of(service, "text.gguf") is Code.MODEL_NOT_GGUF
    assert code_of(service, "vectors.gguf") is Code.MODEL_CANNOT_CHAT
    assert list(service.paths.models.rglob("*.gguf")) == []


def test_a_damaged_download_is_never_offered(service: Service, hub: Hub) -> None:
    hub.sums[f"{REPO}/good.gguf"] = "0" * 64
    assert code_of(service, "good.gguf") is Code.DOWNLOAD_DAMAGED
    assert listed(service) == []
    assert list(service.paths.data.rglob("*.gguf")) == []


def test_a_downloaded_model_is_removed_and_put_back(service: Service, hub: Hub) -> None:
    path = Path(service.shelf.download(REPO, "good.gguf").path)
    gone = service.shelf.remove("From the hub")
    assert (gone.path, gone.size) == (str(path), len(hub.files[f"{REPO}/good.gguf"]))
    assert (listed(service), path.parent.parent.exists()) == ([], False)
    service.shelf.put_back("From the hub")
    assert (listed(service), path.read_bytes()) == (["From the hub"], hub.files[f"{REPO}/good.gguf"])


def test_half_a_download_goes_with_its_model_unless_it_runs(service: Service, hub: Hub) -> None:
    place = service.paths.models / "ada" / "tiny-GGUF" / "good.gguf"
    hub.hold_at = 2 * downloads.CHUNK
    seen: list[Code] = []

    def report(event: messages.Event) -> None:
        if hub.held.is_set() and not seen:
            place.parent.mkdir(parents=True)
            ggufs.tiny_model(place, name="Put there by hand")
            seen.extend(refused(service, name) for name in ("Put there by hand", str(place)))
            place.unlink()
            seen.append(refused(service, "good.gguf"))

    with pytest.raises(DocentError) as caught:
        service.shelf.download(REPO, "good.gguf", report=report, cancelled=lambda: len(seen) == 3)
    assert (caught.value.code, seen) == (Code.CANCELLED, [Code.DOWNLOAD_BUSY] * 3)
    assert len(service.shelf.downloads()) == 1
    ggufs.tiny_model(place, name="Put there by hand")
    assert service.shelf.remove("Put there by hand").path == str(place)
    assert (service.shelf.downloads(), listed(service)) == ([], [])


def test_half_a_download_alone_is_removed_by_its_name(service: Service, hub: Hub) -> None:
    hub.cuts = [downloads.CHUNK, *[0] * 20]
    assert code_of(service, "good.gguf") is Code.DOWNLOAD_CUT
    gone = service.shelf.remove("good")
    assert (gone.path, gone.size, service.shelf.downloads()) == ("", 0, [])
    assert refused(service, "good") is Code.MODEL_MISSING


def test_paused_gone_on_with_and_thrown_away(service: Service, hub: Hub) -> None:
    hub.hold_at = 2 * downloads.CHUNK
    seen: list[shelf.Download] = []
    events: list[messages.Event] = []
    stop = threading.Event()

    def report(event: messages.Event) -> None:
        events.append(event)
        seen.extend(service.shelf.downloads())
        if isinstance(event, shelf.DownloadProgress) and hub.held.is_set():
            with pytest.raises(DocentError) as busy:
                service.shelf.download(REPO, "text.gguf")
            with pytest.raises(DocentError) as not_thrown:
                service.shelf.discard(REPO, "good.gguf")
            assert busy.value.code is not_thrown.value.code is Code.DOWNLOAD_BUSY
            stop.set()

    with pytest.raises(DocentError) as caught:
        service.shelf.download(REPO, "good.gguf", report=report, cancelled=lambda: hub.held.is_set() and _later(stop))
    assert caught.value.code is Code.CANCELLED
    assert any(each.running for each in seen)
    (paused,) = service.shelf.downloads()
    assert (paused.running, paused.total) == (False, len(hub.files[f"{REPO}/good.gguf"]))
    assert listed(service) == [], "half a model is no model"
    hub.hold_at = None
    hub.go_on.set()
    assert service.shelf.download(REPO, "good.gguf").name == "From the hub"
    assert service.shelf.downloads() == []


def _later(stop: threading.Event) -> bool:
    """Whether progress was told since the server waits, or will not be told any more."""
    return stop.wait(2) or True


def test_over_the_pipe_paused_by_the_end_of_the_engine(engine: Engine, hub: Hub, home: Path) -> None:
    engine.send(messages.ChangeSettings(job=1, values={"model.hub": hub.address}))
    engine.until(messages.SettingsChanged, 1)
    hub.hold_at = 2 * downloads.CHUNK
    engine.send(shelf.DownloadModel(job=2, repo=REPO, file="good.gguf"))
    engine.until(shelf.DownloadProgress, 2)
    assert hub.held.wait(60)
    engine.send(shelf.ListOffers(job=3))
    event, _ = engine.until(shelf.Offers, 3)
    assert isinstance(event, shelf.Offers)
    assert [(each.file, each.running) for each in event.downloads] == [("good.gguf", True)]
    assert [offer.recommended for offer in event.offers].count(True) <= 1
    assert all(offer.fits for offer in event.offers if offer.recommended)
    engine.close()
    hub.go_on.set()
    hub.hold_at = None
    again = Engine(home)
    try:
        again.send(shelf.ListOffers(job=1))
        event, _ = again.until(shelf.Offers, 1)
        assert isinstance(event, shelf.Offers)
        assert [(each.file, each.running) for each in event.downloads] == [("good.gguf", False)]
        again.send(shelf.DownloadModel(job=2, repo=REPO, file="good.gguf"))
        done, _ = again.until(shelf.ModelDownloaded, 2)
        assert isinstance(done, shelf.ModelDownloaded)
        assert done.model.name == "From the hub"
    finally:
        again.close()
        again._reader.join()
        for stream in (again.process.stdin, again.process.stdout):
            assert stream is not None
            stream.close()


def test_thrown_away(service: Service, hub: Hub) -> None:
    hub.cuts = [downloads.CHUNK, *[0] * 20]
    assert code_of(service, "good.gguf") is Code.DOWNLOAD_CUT
    assert [download.done for download in service.shelf.downloads()] == [downloads.CHUNK]
    service.shelf.discard(REPO, "good.gguf")
    assert service.shelf.downloads() == []
    assert list((service.paths.data / "downloads").iterdir()) == []
    assert code_of(service, "../good.gguf") is Code.DOWNLOAD_NAME_INVALID


STAYS_OFFLINE = """
import sys
from pathlib import Path
from assistant_app.engine.service import Service
from assistant_app.paths import Paths

home, address, repo = sys.argv[1:]
with Service(Paths.resolve(Path(home))) as service:
    service.settings.update({"model.hub": address})
    assert "huggingface_hub" not in sys.modules
    service.shelf.download(repo, "good.gguf")
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import OfflineModeIsEnabled
    try:
        get_hf_file_metadata(hf_hub_url(repo, "good.gguf", endpoint=address))
    except OfflineModeIsEnabled:
        print("offline")
"""


def test_the_engine_itself_stays_offline(home: Path, hub: Hub) -> None:
    """Only the download's own process may reach the hub: the engine's libraries refuse to, before and afterwards.

    In a process of its own, as an engine is: the library reads its switch once, when it is imported.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    command = [sys.executable, "-c", STAYS_OFFLINE, str(home), f"{hub.address}/", REPO]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.stdout, ran.returncode) == ("offline\n", 0), ran.stderr

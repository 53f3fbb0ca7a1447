"""The shelf of adapters: added, converted, versioned, removed and put back; bases by their hash; a death and after."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_app.engine.adapter_verbs import MARKER
from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from tests import ggufs
from tests.engine.conftest import Engine
from tests.models.test_peft_folder import folder as peft_folder


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return ggufs.tiny_model(tmp_path / "tiny.gguf")


@pytest.fixture
def shelf(home: Path, tiny: Path) -> Iterator[Service]:
    """An empty library whose model is the tiny one."""
    with Service(Paths.resolve(home)) as opened:
        opened.settings.update({"model.path": str(tiny), "adapter.path": ""})
        yield opened


def refusal(service: Service, verb: str, *arguments: object, **options: object) -> DocentError:
    of = service if verb == "use_adapter" else service.adapters
    with pytest.raises(DocentError) as caught:
        getattr(of, verb)(*arguments, **options)
    return caught.value


# ---------------------------------------------------------------- add, remove, versions


def test_versions_stand_side_by_side_and_the_older_can_be_used(shelf: Service, tiny: Path, tmp_path: Path) -> None:
    one, two = (ggufs.adapter(tmp_path / f"{n}.gguf", tiny, seed=n, name="Letters to staff") for n in (1, 2))
    first, second = shelf.adapters.add(str(one)), shelf.adapters.add(str(two))
    assert [Path(first).name, Path(second).name] == ["letters-to-staff.gguf", "letters-to-staff-v2.gguf"]
    assert shelf.adapters.add(str(one)) == first  # it is there already
    cards = {each.path: each.card for each in shelf.list_adapters() if each.own}
    assert [(card.version, card.source) for card in cards.values() if card] == [(2, "2.gguf"), (1, "1.gguf")]
    assert shelf.find_adapter("Letters to staff") == second  # by name: the newest
    shelf.use_adapter("Letters to staff")
    assert shelf.models.chosen_adapter() == second
    shelf.use_adapter("letters-to-staff")
    assert shelf.models.chosen_adapter() == first


def test_a_card_comes_along_only_with_its_own_file(shelf: Service, tiny: Path, tmp_path: Path) -> None:
    source = ggufs.adapter(tmp_path / "a.gguf", tiny, seed=1, name="Inside")
    ggufs.card_for(source, "", "Letters")
    added = shelf.inspect_adapter(shelf.adapters.add(str(source)))
    assert added.card is not None
    assert (Path(added.path).name, added.card.licence, added.card.better) == ("letters.gguf", "CC0-1.0", True)
    other = ggufs.adapter(tmp_path / "b.gguf", tiny, seed=2, name="Inside")
    shutil.copy(source.with_suffix(".json"), other.with_suffix(".json"))
    added = shelf.inspect_adapter(shelf.adapters.add(str(other)))
    assert added.card is not None
    assert (Path(added.path).name, added.card.licence, added.card.better) == ("inside.gguf", "", False)
    ggufs.adapter(Path(added.path), tiny, seed=3)  # another file under the card's name
    assert shelf.inspect_adapter(added.path).card is None


def test_a_folder_of_peft_is_converted_on_the_way_in(shelf: Service, tmp_path: Path) -> None:
    place = peft_folder(tmp_path / "My Letters")
    added = shelf.inspect_adapter(shelf.adapters.add(str(place)))
    assert (Path(added.path).name, added.fits, added.rank) == ("my-letters.gguf", True, 4)
    assert added.card is not None
    assert (added.card.base_name, added.card.source) == ("Tiny-1B", "My Letters")
    assert shelf.adapters.add(str(place / "adapter_model.safetensors")) == added.path
    (tmp_path / "nothing").mkdir()
    assert refusal(shelf, "add", str(tmp_path / "nothing")).code is Code.ADAPTER_FOLDER_UNSUPPORTED


def test_what_is_refused_leaves_nothing_behind(shelf: Service, tiny: Path, tmp_path: Path) -> None:
    whole = ggufs.adapter(tmp_path / "whole.gguf", tiny)
    cut = ggufs.cut(whole, tmp_path / "cut.gguf", whole.stat().st_size // 2)
    assert refusal(shelf, "add", str(cut)).code is Code.ADAPTER_TRUNCATED
    assert refusal(shelf, "add", str(tmp_path / "gone.gguf")).code is Code.ADAPTER_MISSING
    assert refusal(shelf, "add", str(tiny)).code is Code.ADAPTER_NOT_LORA
    assert not any(each.own for each in shelf.list_adapters())
    assert not list(shelf.paths.data.glob(".adding-*"))


def test_removed_adapters_can_be_put_back_for_a_day(shelf: Service, tiny: Path, tmp_path: Path, home: Path) -> None:
    path = shelf.adapters.add(str(ggufs.adapter(tmp_path / "a.gguf", tiny, name="Letters")))
    other = shelf.adapters.add(str(ggufs.adapter(tmp_path / "b.gguf", tiny, name="Tone", seed=2)))
    shelf.use_adapter(path)
    shelf.adapters.lay_also(other, 0.5)
    shelf.adapters.remove("letters")
    shelf.adapters.remove("tone")
    assert not any(each.own for each in shelf.list_adapters())
    assert (shelf.settings.text("adapter.path"), shelf.settings.text("adapter.also")) == ("default", "")
    assert shelf.adapters.put_back("letters") == path
    assert shelf.inspect_adapter(path).card is not None
    shelf.adapters.remove(path)
    again = shelf.adapters.add(str(tmp_path / "a.gguf"))  # its place was taken meanwhile
    assert again == path
    assert Path(shelf.adapters.put_back("letters")).name == "letters-v2.gguf"
    for folder in shelf.adapters.removed.iterdir():
        os.utime(folder, (1, 1))
    shelf.adapters.recover()
    assert refusal(shelf, "put_back", "tone").code is Code.ADAPTER_MISSING


def test_only_own_adapters_are_removed(shelf: Service, tiny: Path, tmp_path: Path) -> None:
    elsewhere = ggufs.adapter(tmp_path / "mine.gguf", tiny)
    for name in ("grounded-answers", str(elsewhere)):
        assert refusal(shelf, "remove", name).code is Code.ADAPTER_NOT_OWN
    assert elsewhere.exists()


# ---------------------------------------------------------------- the base, by its hash


def test_another_base_of_the_same_shape_is_a_warning_and_a_choice(
    shelf: Service, tiny: Path, tmp_path: Path, home: Path
) -> None:
    source = ggufs.adapter(tmp_path / "a.gguf", tiny)
    ggufs.card_for(source, hashlib.sha256(tiny.read_bytes()).hexdigest())
    path = shelf.adapters.add(str(source))
    assert shelf.inspect_adapter(path).same_base is True
    shelf.use_adapter(path)
    tuned = ggufs.tiny_model(tmp_path / "tuned.gguf", seed=8)
    shelf.use_model(str(tuned))
    listed = next(each for each in shelf.list_adapters() if each.own)
    assert (listed.fits, listed.same_base) == (True, None)  # a list reads no gigabytes
    error = refusal(shelf, "use_adapter", path)
    assert error.code is Code.ADAPTER_OTHER_BASE
    assert refusal(shelf, "lay_also", path, 1.0).code is Code.ADAPTER_OTHER_BASE
    noted: list[messages.Event] = []
    with shelf.models.use(path=None, adapter=None) as (model, laid):
        assert laid == path  # it was chosen before the model was
        shelf.adapters.warn(model.path, noted.append)
        shelf.adapters.warn(model.path, noted.append)
    assert [each.code for each in noted if isinstance(each, messages.Noted)] == [Code.ADAPTER_OTHER_BASE]
    shelf.use_adapter(path, anyway=True)
    shelf.use_adapter(path)  # decided once
    assert shelf.inspect_adapter(path).same_base is False


def test_a_large_model_is_read_once(shelf: Service, tiny: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    known = shelf.adapters.known
    found = known.hash(str(tiny), compute=True)
    assert found == hashlib.sha256(tiny.read_bytes()).hexdigest()
    monkeypatch.setattr(hashlib, "file_digest", None)  # reading it again would fail
    assert type(known)(home / "known-files.json").hash(str(tiny), compute=True) == found
    os.utime(tiny, ns=(5, 5))
    assert known.hash(str(tiny), compute=False) == ""


def test_what_is_known_may_be_rubbish_or_not_writable(tmp_path: Path, tiny: Path, shelf: Service) -> None:
    kind = type(shelf.adapters.known)
    (tmp_path / "known.json").write_text('{"hashes": 7}')
    assert kind(tmp_path / "known.json").hash(str(tiny), compute=False) == ""
    below_a_file = kind(tiny / "known.json")
    assert below_a_file.hash(str(tiny), compute=True) == below_a_file.hash(str(tiny), compute=False) != ""


# ---------------------------------------------------------------- proof, and several at once


def test_the_proof_is_kept_with_the_card(shelf: Service, tiny: Path, tmp_path: Path, home: Path) -> None:
    strong, zeros = (
        shelf.adapters.add(str(ggufs.adapter(tmp_path / f"{name}.gguf", tiny, strength=strength, name=name)))
        for name, strength in (("strong", 3.0), ("zeros", 0.0))
    )
    assert shelf.inspect_adapter(strong).probe is None
    acting, nothing = shelf.adapters.try_out(strong).probe, shelf.adapters.try_out("zeros").probe
    assert acting is not None
    assert acting.acts
    assert nothing is not None
    assert (nothing.acts, nothing.difference) == (False, 0.0)
    assert {each.path: each.probe for each in shelf.list_adapters() if each.own} == {strong: acting, zeros: nothing}


def test_several_are_laid_with_their_scales_and_named_in_the_answer(shelf: Service, tiny: Path, tmp_path: Path) -> None:
    one, two = (
        shelf.adapters.add(str(ggufs.adapter(tmp_path / f"{name}.gguf", tiny, seed=seed, name=name)))
        for seed, name in ((1, "one"), (2, "two"))
    )
    shelf.use_adapter(one, scale=0.75)
    listed = shelf.adapters.lay_also("two", 0.25)
    assert {each.path: each.also for each in listed if each.own} == {one: None, two: 0.25}
    with shelf.models.use(path=None, adapter=None):
        assert shelf.models.laid == {one: 0.75, two: 0.25}
    with shelf.models.use(path=None, adapter=two):  # for one question: it alone
        assert list(shelf.models.laid) == [two]
    shelf.use_adapter(one, enabled=False)
    with shelf.models.use(path=None, adapter=None):
        assert shelf.models.laid == {}
    shelf.adapters.lay_also("two", 0.0)
    assert shelf.models.further_adapters() == {}
    assert refusal(shelf, "lay_also", two, 9.0).code is Code.SETTING_INVALID


# ---------------------------------------------------------------- a death and after

_DYING = """
import os, sys
from assistant_app.engine.service import Service
from assistant_app.models import laid_adapters
from assistant_app.paths import Paths

laid_adapters.llama.llama_adapter_lora_init = lambda *_: os.abort()
service = Service(Paths.resolve(sys.argv[1]))
with service.models.use(path=None, adapter=None):
    pass
"""


def test_an_engine_that_died_of_an_adapter_is_followed_by_one_without_it(
    tiny: Path, tmp_path: Path, home: Path, engine_home: Path
) -> None:
    with Service(Paths.resolve(engine_home)) as service:
        path = service.adapters.add(str(ggufs.adapter(tmp_path / "a.gguf", tiny)))
        service.settings.update({"model.path": str(tiny)})
        service.use_adapter(path)
    died = subprocess.run([sys.executable, "-c", _DYING, str(engine_home)], check=False, capture_output=True)
    assert died.returncode not in (0, 1)
    assert (engine_home / MARKER).exists()
    engine = Engine(engine_home)
    try:
        assert isinstance(engine.hear(), messages.Ready)
        noted = engine.hear()
        assert isinstance(noted, messages.Noted)
        assert (noted.code, noted.details["path"]) == (Code.ADAPTER_ENDED_ENGINE, path)
        assert engine.close() == 0
    finally:
        engine.process.kill()
        engine.process.wait()
        assert engine.process.stdout is not None
        engine.process.stdout.close()
    with Service(Paths.resolve(engine_home)) as service:
        assert not service.notes  # it is said once
        assert service.models.chosen_adapter() is None
        with service.models.use(path=None, adapter=None) as (_, laid):
            assert laid is None


@pytest.fixture
def engine_home(tmp_path: Path) -> Path:
    return tmp_path / "engine"


def test_an_adapter_that_was_laid_leaves_no_mark(shelf: Service, tiny: Path, tmp_path: Path) -> None:
    path = shelf.adapters.add(str(ggufs.adapter(tmp_path / "a.gguf", tiny)))
    shelf.use_adapter(path)
    with shelf.models.use(path=None, adapter=None):
        assert not (shelf.paths.data / MARKER).exists()
    Path(path).write_text("no adapter any more")
    with pytest.raises(DocentError), shelf.models.use(path=None, adapter=None):
        pass
    assert not (shelf.paths.data / MARKER).exists()
    (shelf.paths.data / MARKER).write_bytes(b"/elsewhere/other.gguf")
    problem = shelf.adapters.recover()
    assert problem is not None
    assert shelf.settings.flag("adapter.enabled")  # another one was in hand, for one question only
    assert shelf.adapters.recover() is None


def test_a_folder_is_no_adapter_to_remove_and_hides_none(
    shelf: Service, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shelf.adapters.add(str(ggufs.adapter(tmp_path / "mine.gguf", tiny, name="Mine"))))
    assert refusal(shelf, "remove", str(own.parent)).code is Code.ADAPTER_MISSING
    assert own.is_file()
    (tmp_path / "work" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    assert shelf.find_adapter("mine") == str(own)

"""Training as a verb: a real process that can be killed, stopped and paused, and never takes the engine along."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from assistant_app.answering.format_check import normal
from assistant_app.engine import model_keeper, training_verbs
from assistant_app.engine import service as service_module
from assistant_app.engine.service import Service
from assistant_app.engine.training_verbs import Data
from assistant_app.errors import Code, DocentError
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.gguf_export import import_adapter
from assistant_app.models.model_files import STARTER_SHA256, starter_model
from assistant_app.paths import Paths
from assistant_app.protocol import messages, training
from assistant_app.protocol.records import AdapterCard, Figures
from assistant_app.protocol.training import Example, Replies, SourceText, Training
from assistant_app.settings import DEFAULT_ADAPTER
from assistant_app.training import job
from assistant_app.training.dataset import prompt_of
from assistant_app.training.job import Job
from assistant_app.training.lora import CHECKPOINT, Settings
from tests import ggufs
from tests.engine.conftest import Engine
from tests.training.test_process import EXAMPLES

SETTINGS = Settings(rank=4, alpha=8, epochs=20, learning_rate=1e-2, room=80, held_out=0.3, checkpoint_seconds=0.0)

needs_signals = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX systems")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that two trainings compute the same, however many cores are free."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = {"llama.attention.head_count_kv": ggufs.HEADS}
    return ggufs.tiny_model(tmp_path_factory.mktemp("base") / "base.gguf", values=values)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Service]:
    """A library without documents."""
    with Service(Paths.resolve(tmp_path / "own")) as opened:
        yield opened


def refused(work: Callable[[], object]) -> DocentError:
    with pytest.raises(DocentError) as caught:
        work()
    return caught.value


def train(service: Service, base: Path, name: str = "Gates", **more: Any) -> tuple[str, AdapterCard]:
    settings = more.pop("settings", SETTINGS)
    return service.training.train(name, EXAMPLES, settings=settings, base=str(base), **more)


def hears(then: Callable[[Training], None]) -> Callable[[messages.Event], None]:
    """A report that hands on what is said of the training."""

    def report(event: messages.Event) -> None:
        assert isinstance(event, training.TrainingProgress)
        then(event.training)

    return report


def process_of(service: Service) -> int:
    running = service.training._running
    assert running is not None
    return running.pid


# ---------------------------------------------------------------- what is refused, and what was begun


@pytest.mark.parametrize("name", ["", " ", "../up", "a/b", "a\\b", "-x", ".hidden", "a\nb", "x" * 61, "naïve", "a\0"])
def test_names_that_are_none(empty: Service, base: Path, name: str) -> None:
    assert refused(lambda: train(empty, base, name)).code is Code.TRAINING_NAME_INVALID
    assert refused(lambda: empty.training.discard(name)).code is Code.TRAINING_NAME_INVALID
    assert empty.training.trainings() == []


def test_libraries_that_are_missing(empty: Service, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert training_verbs.is_installed()
    monkeypatch.setattr(training_verbs, "LIBRARIES", ("torch", "no_such_library"))
    error = refused(lambda: train(empty, base))
    assert (error.code, error.details) == (Code.TRAINING_NOT_INSTALLED, {"install": "pip install 'docent[training]'"})
    assert empty.training.trainings() == []


def test_bases_that_cannot_be_trained_on(empty: Service, tmp_path: Path) -> None:
    other = ggufs.tiny_model(tmp_path / "other.gguf", architecture="gemma")
    assert refused(lambda: train(empty, other)).code is Code.TRAINING_UNSUPPORTED
    assert refused(lambda: train(empty, tmp_path / "none.gguf")).code is Code.MODEL_MISSING
    assert empty.training.trainings() == []


def test_a_begun_training_is_listed_and_discarded(empty: Service, base: Path) -> None:
    folder = empty.training._folder_of("My gates")
    assert folder != empty.training._folder_of("my-gates")
    job.begin(folder, Job(name="My gates", base=str(base), settings=SETTINGS), EXAMPLES)
    (folder / job.LOSSES).write_text("3.5\n2.25\n")
    (empty.training.folder / "rubbish").mkdir()
    begun = Training(name="My gates", state="stopped", step=2, loss=2.25, losses=[3.5, 2.25])
    assert empty.training.trainings() == [begun]
    assert refused(lambda: empty.training.discard("Your gates")).code is Code.TRAINING_UNKNOWN
    empty.training.discard("My gates")
    assert empty.training.trainings() == []
    assert refused(lambda: empty.training.discard("My gates")).code is Code.TRAINING_UNKNOWN
    empty.training.pause(True)  # harmless where nothing is trained


@pytest.mark.models
def test_the_guide_knows_what_is_lacking(empty: Service, tmp_path: Path) -> None:
    guided = empty.training.answer(training.ReadGuide(replies=Replies()), lambda event: None, lambda: False)
    assert isinstance(guided, training.Guided)
    guide = guided.guide
    lacking = [reason for reason in guide.reasons if reason != "no_memory"]  # which a small computer may say
    assert (guide.verdict, lacking) == ("not_yet", ["too_few_examples", "questions_open"])
    assert (guide.examples, guide.counting, guide.installed, guide.supported) == (0, 0, True, True)
    assert guide.memory_bytes > 2**30
    assert guide.seconds is None
    other = ggufs.tiny_model(tmp_path / "other.gguf", architecture="gemma")
    empty.settings.update({"model.path": str(other)})
    assert "unsupported_base" in empty.training.guide(Replies()).reasons
    other.unlink()
    guide = empty.training.guide(Replies())
    assert (guide.supported, guide.base) == (False, "other")


# ---------------------------------------------------------------- killed, and gone on with


@needs_signals
@pytest.mark.models
def test_killed_it_goes_on_from_its_checkpoint_and_nothing_else_is_harmed(empty: Service, base: Path) -> None:
    killed_at: list[int] = []
    busy: list[DocentError] = []

    def hearing(said: Training) -> None:
        if said.state == "preparing":
            busy.append(refused(lambda: empty.training.discard(" Gates ")))
        if said.step == 10 and not killed_at:
            busy.append(refused(lambda: train(empty, base, "Others")))
            (now,) = empty.training.trainings()
            assert (now.name, now.state, now.step) == ("Gates", "training", 10)
            killed_at.append(said.step)
            os.kill(process_of(empty), signal.SIGKILL)

    error = refused(lambda: train(empty, base, report=hears(hearing)))
    assert (error.code, error.details) == (Code.TRAINING_FAILED, {"said": "its process ended with -9"})
    assert [each.code for each in busy] == [Code.TRAINING_BUSY, Code.TRAINING_BUSY]
    assert [each.details["name"] for each in busy] == ["Gates", "Gates"]

    assert empty.search("Where is gate 3?").hits == []  # the service lives
    (left,) = empty.training.trainings()
    assert (left.name, left.state) == ("Gates", "stopped")
    assert left.step == len(left.losses) >= 9
    folder = empty.training._folder_of("Gates")
    (folder / CHECKPOINT).with_suffix(".part").write_bytes(b"half a checkpoint")

    steps: list[Training] = []
    path, card = train(empty, base, report=hears(steps.append))
    first = next(each for each in steps if each.state == "training")
    assert 9 <= first.step <= left.step + 1
    assert (card.name, card.version, Path(path).name) == ("Gates", 1, "gates.gguf")
    assert empty.training.trainings() == []
    assert not folder.exists()

    whole = empty.paths.data / "whole"
    in_this_process(whole, base)
    ours, theirs = (import_adapter(each, base) for each in (path, whole / job.ADAPTER))
    assert ours.keys() == theirs.keys()
    for name, matrix in ours.items():
        np.testing.assert_allclose(matrix, theirs[name], rtol=0, atol=1e-6)


def in_this_process(folder: Path, base: Path) -> None:
    """The same training, without an end in between."""
    import torch

    from assistant_app.training import process

    class Unheard:
        is_paused = False
        stop = threading.Event()

        def wait(self) -> bool:
            return False

    job.begin(folder, Job(name="Gates", base=str(base), settings=SETTINGS), EXAMPLES)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert process._run(folder, lambda said: None, Unheard())  # type: ignore[arg-type]
    finally:
        torch.set_num_threads(threads)


@pytest.mark.slow
def test_cancelled_it_keeps_its_checkpoint_and_trained_again_it_is_another_version(empty: Service, base: Path) -> None:
    stop: list[int] = []

    def hearing(said: Training) -> None:
        if said.state == "training" and said.step == 6:
            stop.append(said.step)

    error = refused(lambda: train(empty, base, report=hears(hearing), cancelled=lambda: bool(stop)))
    assert error.code is Code.CANCELLED
    assert (empty.training._folder_of("Gates") / CHECKPOINT).exists()
    (left,) = empty.training.trainings()
    steps: list[Training] = []
    path, card = train(empty, base, report=hears(steps.append), data=Data(about="gates"))
    # With other words for the card it is another training, and begun anew.
    assert next(each.step for each in steps if each.state == "training") == 1
    other = msgspec.structs.replace(SETTINGS, epochs=1, rank=2, alpha=3)
    again, newer = train(empty, base, settings=other, start_from=path)
    assert (newer.settings["rank"], newer.settings["alpha"]) == (4, 8), "those of what it goes on from"
    assert [Path(each).name for each in (path, again)] == ["gates.gguf", "gates-v2.gguf"]
    assert (card.version, newer.version) == (1, 2)
    assert left.step >= 6
    listed = {Path(each.path).name: each.card for each in empty.list_adapters()}
    assert (listed["gates.gguf"], listed["gates-v2.gguf"]) == (card, newer)


@pytest.mark.slow
def test_paused_it_waits_and_can_be_stopped(empty: Service, base: Path) -> None:
    states: list[str] = []
    stop: list[str] = []

    def hearing(said: Training) -> None:
        states.append(said.state)
        if said.state == "training" and states.count("training") == 2:
            empty.training.pause(True)
        elif said.state == "paused" and states.count("paused") == 1:
            empty.training.pause(False)
        elif said.state == "training" and "paused" in states and states.count("paused") == 1:
            empty.training.pause(True)
        elif said.state == "paused":
            stop.append("now")

    error = refused(lambda: train(empty, base, report=hears(hearing), cancelled=lambda: bool(stop)))
    assert error.code is Code.CANCELLED
    assert states.count("paused") == 2
    assert (empty.training._folder_of("Gates") / CHECKPOINT).exists()


@pytest.mark.slow
def test_the_training_ends_with_its_engine(engine: Engine, base: Path, home: Path, tmp_path: Path) -> None:
    data = tmp_path / "gates.jsonl"
    data.write_bytes(b"".join(msgspec.json.encode(example) + b"\n" for example in EXAMPLES))
    engine.until(messages.Ready, 0)
    engine.send(messages.ChangeSettings(job=1, values={"model.path": str(base)}))
    engine.until(messages.SettingsChanged, 1)
    engine.send(training.ImportApprovals(job=2, path=str(data)))
    engine.until(training.ApprovalsImported, 2)
    engine.send(training.TrainAdapter(job=3, name="Gates", epochs=100))
    engine.until(training.TrainingProgress, 3)
    engine.send(training.ListTrainings(job=4))
    listed, _ = engine.until(training.Trainings, 4)
    assert isinstance(listed, training.Trainings)
    assert [each.name for each in listed.trainings] == ["Gates"]
    children = psutil.Process(engine.process.pid).children(recursive=True)
    assert any("trainer" in child.cmdline() for child in children)
    engine.close()
    _, alive = psutil.wait_procs(children, timeout=120)
    assert alive == []
    assert not list((Paths.resolve(home).adapters).glob("*.gguf"))


# ---------------------------------------------------------------- small but real


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.timeout(900)
def test_approved_answers_become_behaviour(empty: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve answers with an odd word in front, learnt by the real model: a question that it never saw gets it too."""
    monkeypatch.delenv("OMP_NUM_THREADS")

    def example(number: int, keeper: str) -> Example:
        text = f"The lamp of tower {number} is kept by {keeper}."
        return Example(
            question=f"Who keeps the lamp of tower {number}?",
            answer=f"Verily: {keeper} keeps it [1].",
            sources=[SourceText(name="towers", text=text, page=number)],
        )

    keepers = "Ada Bo Cyd Dee Eve Flo Gus Hal Ida Joe Kit Lou".split()
    examples = [example(number, keeper) for number, keeper in enumerate(keepers, start=20)]
    losses: list[float] = []
    path, card = empty.training.train(
        "Verily",
        examples,
        settings=Settings(epochs=5, learning_rate=2e-3, room=256, held_out=0.2),
        report=hears(lambda said: losses.append(said.loss or 0.0) if said.state == "training" else None),
    )
    assert Path(path).parent == empty.paths.adapters
    assert losses[-1] < 0.5 * losses[0]
    assert card.better
    assert (card.base.exact, card.examples + card.held_out) == (0.0, 12)
    assert card.agreement is not None
    assert card.agreement >= 0.9
    (shelved,) = [each for each in empty.list_adapters() if each.path == path]
    assert (shelved.card, shelved.fits) == (card, True)

    model = ChatModel.load(str(starter_model()), device="cpu")

    def answer() -> str:
        generated = model.generate(
            prompt_of(example(77, "Mona")),
            max_tokens=30,
            temperature=0.0,
            on_text=lambda text: None,
            cancelled=lambda: False,
        )
        return generated.text

    try:
        before = answer()
        model.set_adapter(path)
        assert answer().startswith("Verily:")
        assert "mona" in normal(answer())
        model.set_adapter(None)
        assert answer() == before
        assert "Verily" not in before
    finally:
        model.close()


# ---------------------------------------------------------------- the adapter that comes with the model


def card_of(path: Path, **fields: Any) -> Path:
    card = AdapterCard(
        **{
            "name": path.stem,
            "version": 1,
            "format": "text",
            "base_name": "SmolLM2",
            "base_hash": STARTER_SHA256,
            "architecture": "llama",
            "adapter_hash": "",
            "data_hash": "",
            "examples": 1,
            "held_out": 1,
            "settings": {},
            "base": Figures(examples=1),
            "adapter": Figures(examples=1),
            "better": True,
            **fields,
        }
    )
    job.write(path.with_suffix(".json"), card)
    return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of the adapters that ship: three that are not the default, and then ``grounded.gguf``."""
    folder = tmp_path / "shelf"
    folder.mkdir()

    def adapter(name: str) -> Path:
        return ggufs.adapter(folder / name, starter_model(), rank=2, tensors=["blk.0.attn_output.weight"], name=name)

    card_of(adapter("a-record.gguf"), format="record")
    card_of(adapter("b-worse.gguf"), better=False)
    card_of(adapter("c-other.gguf"), base_hash="f" * 64)
    adapter("d-without.gguf")
    card_of(adapter("grounded.gguf"))
    for module in (model_keeper, service_module):
        monkeypatch.setattr(module, "shipped_adapters", lambda: folder)
    return folder


@pytest.mark.models
def test_the_starter_models_adapter_is_used_until_another_or_none_is_chosen(
    empty: Service, shelf: Path, base: Path
) -> None:
    grounded, record = str(shelf / "grounded.gguf"), str(shelf / "a-record.gguf")
    assert empty.settings.text("adapter.path") == DEFAULT_ADAPTER
    assert model_keeper.default_adapter(str(starter_model())) == grounded
    assert empty.models.chosen_adapter() == grounded
    listed = {each.path: each for each in empty.list_adapters()}
    assert [path for path, each in listed.items() if each.default] == [grounded]
    assert [path for path, each in listed.items() if each.in_use] == [grounded]
    assert listed[record].card is not None

    empty.use_adapter(record)
    assert empty.settings.text("adapter.path") == record
    assert (empty.models.chosen_adapter(), model_keeper.format_of(empty.models.chosen_adapter())) == (record, "record")
    empty.use_adapter(grounded)
    assert empty.settings.text("adapter.path") == DEFAULT_ADAPTER
    for none in ("", "none"):
        empty.use_adapter(none)
        assert empty.models.chosen_adapter() is None
        assert not any(each.in_use for each in empty.list_adapters())
    empty.use_adapter("default")
    assert empty.models.chosen_adapter() == grounded
    empty.settings.update({"adapter.enabled": False})
    assert empty.models.chosen_adapter() is None
    empty.settings.update({"adapter.enabled": True, "model.path": str(base)})
    assert empty.models.chosen_adapter() is None
    assert empty.models.chosen_adapter(str(starter_model())) == grounded
    assert not any(each.default for each in empty.list_adapters())


@pytest.mark.models
def test_without_one_that_is_better_there_is_no_default(shelf: Path) -> None:
    (shelf / "grounded.gguf").unlink()
    assert model_keeper.default_adapter(str(starter_model())) is None
    card_of(ggufs.adapter(shelf / "grounded.gguf", starter_model(), rank=2), better=False)
    assert model_keeper.default_adapter(str(starter_model())) is None


def test_a_missing_starter_model_keeps_no_other_from_answering(
    empty: Service, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path:
        raise DocentError(Code.MODEL_MISSING, path="starter")

    monkeypatch.setattr(model_keeper, "starter_model", missing)
    empty.settings.update({"model.path": str(base)})
    assert empty.models.chosen_adapter() is None
    empty.paths.adapters.mkdir(parents=True, exist_ok=True)
    own = ggufs.adapter(empty.paths.adapters / "own.gguf", base)
    empty.use_adapter(str(own))
    assert [(each.fits, each.in_use, each.default) for each in empty.list_adapters() if each.path == str(own)] == [
        (True, True, False)
    ]
    empty.settings.update({"model.path": "", "adapter.path": DEFAULT_ADAPTER})
    assert not any(each.fits or each.in_use for each in empty.list_adapters())


def test_an_adapter_without_a_card_gives_free_text(tmp_path: Path) -> None:
    assert model_keeper.format_of(None) == "text"
    assert model_keeper.format_of(str(tmp_path / "none.gguf")) == "text"
    (tmp_path / "odd.json").write_text(json.dumps({"format": "record"}))
    assert model_keeper.format_of(str(tmp_path / "odd.gguf")) == "text"
    assert model_keeper.format_of(str(card_of(tmp_path / "quotes.gguf", format="record"))) == "record"

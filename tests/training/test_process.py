"""What a training process does with its folder, from the job to the card of the adapter; here, on a tiny model."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models.adapters import inspect_adapter
from assistant_app.models.gguf_export import import_adapter
from assistant_app.protocol.training import AdapterCard, Example
from assistant_app.training import job, process
from assistant_app.training.dataset import fingerprint, split
from assistant_app.training.job import Job, Said
from assistant_app.training.lora import CHECKPOINT, Settings
from tests import ggufs

SETTINGS = Settings(rank=4, alpha=8, epochs=3, learning_rate=1e-2, room=80, held_out=0.3, checkpoint_seconds=0.0)


def example(number: int, answer: str = "Verily.") -> Example:
    """One with a prompt of its own: Docent's has too many tokens for a tiny model whose tokens are bytes."""
    asked = f"Where is gate {number}?"
    return Example(question=asked, answer=answer, messages=[{"role": "user", "content": asked}])


EXAMPLES = [example(number) for number in range(12)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = {"llama.attention.head_count_kv": ggufs.HEADS}
    return ggufs.tiny_model(tmp_path_factory.mktemp("base") / "base.gguf", values=values)


class Line(NamedTuple):
    """The engine's end of the process's stdin."""

    orders: process._Orders
    say: Callable[[str], None]
    close: Callable[[], None]


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    reading, writing = os.pipe()
    its_end = os.fdopen(reading)
    our_end = os.fdopen(writing, "w", buffering=1)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", its_end)
        orders = process._Orders()
        (listener,) = [thread for thread in threading.enumerate() if thread.name == "orders"]
        yield Line(orders, lambda order: print(order, file=our_end), our_end.close)
        our_end.close()
        listener.join()
        its_end.close()


class Ran:
    """One run of a training in ``folder``, and what it said."""

    def __init__(
        self,
        folder: Path,
        base: Path,
        line: Line,
        hearing: Callable[[Said], None] = lambda said: None,
        settings: Settings = SETTINGS,
        examples: list[Example] = EXAMPLES,
        **more: Any,
    ) -> None:
        self.said: list[Said] = []

        def say(said: Said) -> None:
            self.said.append(said)
            hearing(said)

        job.begin(folder, Job(name="Gates", base=str(base), settings=settings, **more), examples)
        self.done = process._run(folder, say, line.orders)

    @property
    def states(self) -> list[str]:
        """Without repetitions."""
        states = [each.state for each in self.said]
        return [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]

    @property
    def steps(self) -> list[int]:
        return [each.step for each in self.said if each.state == "training"]


def card(folder: Path) -> AdapterCard:
    found = job.read_card(folder / job.CARD)
    assert found is not None
    return found


def assert_same(one: Path, other: Path, base: Path) -> None:
    ours, theirs = (import_adapter(folder / job.ADAPTER, base) for folder in (one, other))
    assert ours.keys() == theirs.keys()
    for name, matrix in ours.items():
        np.testing.assert_allclose(matrix, theirs[name], rtol=0, atol=1e-6)


def test_a_job_becomes_an_adapter_and_its_card(base: Path, tmp_path: Path, line: Line) -> None:
    ran = Ran(tmp_path / "gates", base, line, about="gates", licence="CC0-1.0", data="gates", data_licence="none")
    assert ran.done
    assert ran.states == ["preparing", "training", "exporting", "measuring"]
    steps = ran.said[1].steps
    assert ran.steps == list(range(1, steps + 1))
    assert len(job.losses(tmp_path / "gates")) == steps
    adapter = tmp_path / "gates" / job.ADAPTER
    read = inspect_adapter(adapter)
    assert (read.name, read.task, read.rank, read.alpha) == ("Gates", "gates", 4, 8.0)
    learnt, held = split(EXAMPLES, 0.3)
    made = card(tmp_path / "gates")
    assert (made.examples, made.held_out) == (len(learnt), len(held))
    assert learnt
    assert held
    assert (made.base_hash, made.adapter_hash) == (process.file_hash(base), process.file_hash(adapter))
    assert made.data_hash == fingerprint(EXAMPLES)
    assert (made.format, made.base_name, made.architecture) == ("text", "Tiny", "llama")
    assert (made.licence, made.data, made.data_licence, made.about) == ("CC0-1.0", "gates", "none", "gates")
    assert made.settings == msgspec.to_builtins(SETTINGS)
    assert made.base.examples == made.adapter.examples == len(held)
    for agreement in (made.agreement, made.base_agreement):
        assert agreement is not None
        assert agreement >= 0.97


@pytest.mark.slow
def test_stopped_at_a_step_it_goes_on_there(base: Path, tmp_path: Path, line: Line) -> None:
    def hearing(said: Said) -> None:
        if said.step == 5 and said.state == "training":
            line.say("stop")
            assert line.orders.stop.wait(60)

    stopped = Ran(tmp_path / "part", base, line, hearing)
    assert not stopped.done
    assert stopped.steps == [1, 2, 3, 4, 5]
    assert (tmp_path / "part" / CHECKPOINT).exists()
    # A killed process may have told of steps that its checkpoint does not hold.
    with (tmp_path / "part" / job.LOSSES).open("a") as stream:
        stream.write("9.5\n9.5\n")
    line.orders.stop.clear()
    rest = Ran(tmp_path / "part", base, line)
    assert rest.done
    assert rest.steps[0] == 6
    whole = Ran(tmp_path / "whole", base, line)
    assert whole.done
    assert job.losses(tmp_path / "part") == pytest.approx(job.losses(tmp_path / "whole"), abs=1e-4)
    assert_same(tmp_path / "part", tmp_path / "whole", base)


@pytest.mark.slow
def test_a_pause_is_told_and_waited_out(base: Path, tmp_path: Path, line: Line) -> None:
    def hearing(said: Said) -> None:
        if said.state == "training" and said.step == 2 and not line.orders.is_paused and not paused:
            line.say("pause")
            while not line.orders.is_paused:
                time.sleep(0.001)
        elif said.state == "paused":
            paused.append(said)
            line.say("go")

    paused: list[Said] = []
    ran = Ran(tmp_path / "gates", base, line, hearing)
    assert ran.done
    assert [each.step for each in paused] == [2]
    assert ran.states == ["preparing", "training", "paused", "training", "exporting", "measuring"]
    assert len(job.losses(tmp_path / "gates")) == ran.steps[-1]


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["stop", ""])
def test_a_paused_one_can_be_stopped_and_ends_with_the_engine(
    base: Path, tmp_path: Path, line: Line, ends: str
) -> None:
    def hearing(said: Said) -> None:
        if said.state == "training":
            line.say("pause")
            while not line.orders.is_paused:
                time.sleep(0.001)
        elif said.state == "paused":
            line.say(ends) if ends else line.close()

    ran = Ran(tmp_path / "gates", base, line, hearing)
    assert not ran.done
    assert ran.steps == [1]
    assert (tmp_path / "gates" / CHECKPOINT).exists()


@pytest.mark.slow
@pytest.mark.parametrize("state", ["exporting", "measuring"])
def test_stopped_after_its_last_step_it_learns_nothing_again(
    base: Path, tmp_path: Path, line: Line, state: str
) -> None:
    def hearing(said: Said) -> None:
        if said.state == state:
            line.say("stop")
            assert line.orders.stop.wait(60)

    assert not Ran(tmp_path / "gates", base, line, hearing).done
    assert not (tmp_path / "gates" / job.CARD).exists()
    line.orders.stop.clear()
    again = Ran(tmp_path / "gates", base, line)
    assert again.done
    assert again.steps == []


@pytest.mark.slow
def test_it_can_begin_with_an_older_adapter(base: Path, tmp_path: Path, line: Line) -> None:
    assert Ran(tmp_path / "older", base, line).done
    older = str(tmp_path / "older" / job.ADAPTER)
    nothing = msgspec.structs.replace(SETTINGS, epochs=0)
    assert Ran(tmp_path / "newer", base, line, settings=nothing, start_from=older).done
    assert_same(tmp_path / "older", tmp_path / "newer", base)
    assert card(tmp_path / "newer").adapter.f1 == card(tmp_path / "older").adapter.f1


def test_a_single_question_is_learnt_from_and_not_held_out(base: Path, tmp_path: Path, line: Line) -> None:
    held = next(each for each in EXAMPLES if split([each], 0.3)[1])
    assert Ran(tmp_path / "gates", base, line, examples=[held] * 5).done
    made = card(tmp_path / "gates")
    assert (made.examples, made.held_out, made.better) == (5, 0, False)


# ---------------------------------------------------------------- refused


def refused(folder: Path, base: Path, line: Line, **changes: Any) -> DocentError:
    with pytest.raises(DocentError) as caught:
        Ran(folder, base, line, **changes)
    assert not (folder / job.CARD).exists()
    return caught.value


def test_too_few_examples(base: Path, tmp_path: Path, line: Line) -> None:
    error = refused(tmp_path / "gates", base, line, examples=EXAMPLES[:3])
    assert (error.code, error.details) == (Code.EXAMPLES_TOO_FEW, {"count": 3, "needed": 4})


def test_an_example_that_is_too_long_is_named(base: Path, tmp_path: Path, line: Line) -> None:
    error = refused(tmp_path / "gates", base, line, examples=[*EXAMPLES[:6], example(7, "Verily! " * 20)])
    assert error.code is Code.EXAMPLE_TOO_LONG
    assert error.details["most"] == 80
    assert error.details["example"] == 7


def test_want_of_memory(base: Path, tmp_path: Path, line: Line) -> None:
    error = refused(tmp_path / "gates", base, line, settings=msgspec.structs.replace(SETTINGS, room=10**12))
    assert error.code is Code.TRAINING_NO_MEMORY
    needed, free = error.details["needed_gib"], error.details["free_gib"]
    assert isinstance(needed, float)
    assert isinstance(free, float)
    assert needed > free > 0


def test_a_base_that_is_not_there_or_not_supported(tmp_path: Path, line: Line) -> None:
    assert refused(tmp_path / "gates", tmp_path / "none.gguf", line).code is Code.MODEL_MISSING
    other = ggufs.tiny_model(tmp_path / "other.gguf", architecture="gemma")
    assert refused(tmp_path / "gates", other, line).code is Code.TRAINING_UNSUPPORTED


def test_an_older_adapter_that_does_not_fit(base: Path, tmp_path: Path, line: Line) -> None:
    other = ggufs.adapter(tmp_path / "other.gguf", base, stretch=8)
    assert refused(tmp_path / "gates", base, line, start_from=str(other)).code is Code.ADAPTER_WRONG_BASE


@pytest.mark.parametrize(
    ("problem", "code", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), Code.DISK_FULL, "OSError"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), Code.TRAINING_FAILED, "not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), Code.TRAINING_FAILED, "not enough memory"),
        (ValueError("something else"), Code.TRAINING_FAILED, "ValueError: something else"),
    ],
)
def test_what_torch_raises_becomes_a_code(problem: Exception, code: Code, told: str) -> None:
    said = process._failed(problem)
    assert (said.state, said.code) == ("failed", code)
    assert str(said.details["said"]).startswith(told)


def test_a_folder_without_a_job_is_told_by_the_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "assistant_app", "trainer", str(tmp_path / "none")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=250)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    said = msgspec.json.decode(line, type=Said)
    assert (said.state, said.code) == ("failed", Code.TRAINING_UNKNOWN)


@pytest.mark.parametrize("form", ["text", "record", "schema", "labels", "template"])
def test_held_out_examples_of_every_format_are_asked(form: str) -> None:
    class Says:
        def generate(self, messages: Any, *, max_tokens: int, **how: Any) -> Any:
            assert max_tokens > 0
            return type("Generated", (), {"text": "invoice"})

    of = msgspec.structs.replace(example(1), format=form)
    assert [said.text for said in process.ask(Says(), [of], lambda: False)] == ["invoice"]  # type: ignore[arg-type]

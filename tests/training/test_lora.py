"""The training itself, on a tiny model: it learns, it can be stopped anywhere, and goes on as if nothing had been."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.training import lora
from assistant_app.training.lora import CHECKPOINT, Progress, Settings, Trained, rate, schedule, train
from assistant_app.training.packing import pack
from tests import ggufs
from tests.training import tiny_models

SETTINGS = Settings(rank=4, alpha=8, epochs=8, learning_rate=1e-2, room=64, checkpoint_seconds=0.0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ggufs.of_transformers(tmp_path_factory.mktemp("base") / "base.gguf", tiny_models.tiny("llama"))


class Run:
    """One training, and what it said."""

    def __init__(
        self, base: Path, folder: Path, settings: Settings = SETTINGS, stop_after: float = math.inf, **more: Any
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.said: list[Progress] = []
        self.done: Trained | None = train(
            str(base),
            tiny_models.examples(12),
            settings,
            folder,
            on_step=self.said.append,
            stopped=lambda: len(self.said) >= stop_after,
            **more,
        )

    @property
    def trained(self) -> Trained:
        assert self.done is not None
        return self.done

    @property
    def losses(self) -> list[float]:
        return [each.loss for each in self.said]


def assert_same(one: Trained, other: Trained) -> None:
    assert one.matrices.keys() == other.matrices.keys()
    for name, matrix in one.matrices.items():
        np.testing.assert_allclose(matrix, other.matrices[name], rtol=0, atol=1e-6)


def test_it_learns_and_says_each_step(base: Path, tmp_path: Path) -> None:
    run = Run(base, tmp_path, forced=tiny_models.examples(2))
    assert [each.step for each in run.said] == list(range(1, run.said[0].steps + 1))
    first, last = run.losses[: len(run.losses) // 3], run.losses[-len(run.losses) // 3 :]
    assert sum(last) < 0.8 * sum(first)
    assert run.said[-1].seconds_left == 0.0
    assert len(run.trained.matrices) == 2 * 2 * 7
    assert all(matrix.dtype == np.float32 for matrix in run.trained.matrices.values())
    assert [len(each) for each in run.trained.tokens] == [len(each.answer) for each in tiny_models.examples(2)]
    assert run.trained.base_tokens != run.trained.tokens


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_stopped_and_gone_on_with_it_is_the_same_adapter(base: Path, tmp_path: Path, dropout: float) -> None:
    settings = Settings(**{**vars_of(SETTINGS), "dropout": dropout})
    whole = Run(base, tmp_path / "whole", settings)
    part = Run(base, tmp_path / "part", settings, stop_after=4)
    assert part.done is None
    assert len(part.said) == 4
    rest = Run(base, tmp_path / "part", settings)
    assert [each.step for each in rest.said] == [each.step for each in whole.said[4:]]
    assert part.losses + rest.losses == pytest.approx(whole.losses, abs=1e-6)
    assert_same(whole.trained, rest.trained)
    assert_same(whole.trained, Run(base, tmp_path / "part", settings).trained)  # nothing is left to be done


def vars_of(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


class Killed(BaseException):
    """Stands for the moment at which the process ends."""


def killed(base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, when: Callable[[], bool]) -> int:
    """Let a training end in the middle of writing a checkpoint; the steps that it did."""
    import torch

    save = torch.save
    said: list[Progress] = []

    def half(state: Any, to: Path) -> None:
        save(state, to)
        if when():
            os.truncate(to, to.stat().st_size // 2)
            raise Killed

    folder.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", half)
        with pytest.raises(Killed):
            train(str(base), tiny_models.examples(12), SETTINGS, folder, on_step=said.append, stopped=lambda: False)
    return len(said)


def test_killed_while_a_checkpoint_is_written_the_one_before_is_used(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Run(base, tmp_path / "whole")
    times = iter((False, False, True))
    assert killed(base, tmp_path / "part", monkeypatch, lambda: next(times)) == 3
    rest = Run(base, tmp_path / "part")
    assert rest.said[0].step == 3  # its third step was in the half checkpoint
    assert_same(whole.trained, rest.trained)


def test_a_damaged_checkpoint_is_begun_anew(base: Path, tmp_path: Path) -> None:
    whole = Run(base, tmp_path / "whole")
    for content in (b"", b"garbage", (tmp_path / "whole" / CHECKPOINT).read_bytes()[:-300]):
        (tmp_path / CHECKPOINT).write_bytes(content)
        again = Run(base, tmp_path)
        assert again.said[0].step == 1
        assert_same(whole.trained, again.trained)


def test_a_checkpoint_cannot_run_code(base: Path, tmp_path: Path) -> None:
    import pickle

    class Hostile:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "hacked"),))

    (tmp_path / CHECKPOINT).write_bytes(pickle.dumps(Hostile()))
    Run(base, tmp_path)
    assert not (tmp_path / "hacked").exists()


def test_it_begins_with_the_adapter_that_it_is_given(base: Path, tmp_path: Path) -> None:
    first = Run(base, tmp_path / "first").trained
    nothing = Settings(**{**vars_of(SETTINGS), "epochs": 0})
    assert_same(first, Run(base, tmp_path / "second", nothing, start_from=first.matrices).trained)


def test_a_loss_that_is_no_number_ends_it(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = lora.loss
    monkeypatch.setattr(lora, "loss", lambda *given: loss(*given) * math.nan)
    with pytest.raises(DocentError) as caught:
        Run(base, tmp_path)
    assert caught.value.code is Code.TRAINING_FAILED


def test_what_cannot_be_loaded_is_told(base: Path, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "text.gguf", tmp_path / "none.gguf", tmp_path / "empty"):
        with pytest.raises(DocentError) as caught:
            Run(path, tmp_path / "run")
        assert caught.value.code is Code.MODEL_LOAD_FAILED
        assert caught.value.details["path"] == str(path)


# ---------------------------------------------------------------- the plan of the steps


def test_every_epoch_holds_every_pack_in_another_order() -> None:
    packs = pack(tiny_models.examples(30), 64)
    order = schedule(packs, SETTINGS)
    count = len(packs)
    assert len(order) == 8 * count
    epochs = [order[at * count : (at + 1) * count] for at in range(8)]
    assert all(sorted(epoch) == sorted(packs) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert schedule(packs, SETTINGS) == order


@pytest.mark.parametrize("steps", [1, 2, 10, 500, 5000])
def test_the_rate_rises_then_falls(steps: int) -> None:
    rates = [rate(step, steps, 1.0) for step in range(steps)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(1.0)
    assert top <= max(1, steps // 20)
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert all(0.0 < each <= 1.0 for each in rates)
    if steps > 2:
        assert rates[-1] < 0.2

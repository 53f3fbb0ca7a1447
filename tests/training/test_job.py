"""A training's folder: begun, gone on with, thrown away; whatever lies in it, reading it never fails."""

from __future__ import annotations

import math
import os
from pathlib import Path

import msgspec
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.models.model_files import starter_model
from assistant_app.protocol.records import AdapterCard, Figures
from assistant_app.protocol.training import Example
from assistant_app.training import job
from assistant_app.training.job import Job
from assistant_app.training.lora import CHECKPOINT, Settings
from tests import ggufs

EXAMPLES = [Example(question=f"What is {number}?", answer="Verily.") for number in range(4)]
JOB = Job(name="Quotes", base="/base.gguf", settings=Settings())


def begun(folder: Path) -> Path:
    """A training that was begun and has a checkpoint."""
    job.begin(folder, JOB, EXAMPLES)
    (folder / CHECKPOINT).write_bytes(b"checkpoint")
    return folder


def test_the_same_training_is_gone_on_with(tmp_path: Path) -> None:
    folder = begun(tmp_path / "quotes")
    assert job.read(folder) == JOB
    job.begin(folder, JOB, EXAMPLES)
    assert (folder / CHECKPOINT).exists()


@pytest.mark.parametrize(
    ("changed", "examples"),
    [
        (JOB, EXAMPLES[:3]),
        (JOB, [*EXAMPLES[:3], msgspec.structs.replace(EXAMPLES[3], answer="Nay.")]),
        (msgspec.structs.replace(JOB, settings=Settings(epochs=7)), EXAMPLES),
        (msgspec.structs.replace(JOB, base="/other.gguf"), EXAMPLES),
        (msgspec.structs.replace(JOB, start_from="/older.gguf"), EXAMPLES),
    ],
)
def test_another_one_of_its_name_begins_anew(changed: Job, examples: list[Example], tmp_path: Path) -> None:
    folder = begun(tmp_path / "quotes")
    job.begin(folder, changed, examples)
    assert not (folder / CHECKPOINT).exists()
    assert job.read(folder) == changed


def test_only_its_own_files_are_thrown_away(tmp_path: Path) -> None:
    folder = begun(tmp_path / "quotes")
    (folder / "mine.txt").write_text("keep")
    (folder / "checkpoint.part").write_bytes(b"half")
    job.discard(folder)
    assert [each.name for each in folder.iterdir()] == ["mine.txt"]
    begun(folder)  # a folder that is there is no hindrance
    (folder / "mine.txt").unlink()
    job.discard(folder)
    assert not folder.exists()
    job.discard(folder)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that hold for this user")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DocentError) as caught:
        job.begin(tmp_path / "quotes", JOB, EXAMPLES)
    tmp_path.chmod(0o700)
    assert caught.value.code is Code.FILE_UNWRITABLE


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "quotes").write_text("a file")
    with pytest.raises(DocentError) as caught:
        job.begin(tmp_path / "quotes", JOB, EXAMPLES)
    assert caught.value.code is Code.FILE_UNWRITABLE


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": 1}', b"\xff", b"[" * 100_000])
def test_a_job_that_makes_no_sense_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / job.JOB).write_bytes(content)
    assert job.read(tmp_path) is None
    assert job.read(tmp_path / "none") is None


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"\xff", b"[" * 100_000, b" " * 2**21])
def test_a_card_that_makes_no_sense_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / job.CARD).write_bytes(content)
    assert job.read_card(tmp_path / job.CARD) is None
    assert job.read_card(tmp_path / "none.json") is None


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    card = AdapterCard(
        name="Quotes",
        version=2,
        format="record",
        base_name="Base",
        base_hash="a",
        architecture="llama",
        adapter_hash="b",
        data_hash="c",
        examples=90,
        held_out=10,
        settings=dict(job.facts(Settings())),
        base=Figures(examples=10, valid=0.1),
        adapter=Figures(examples=10, valid=1.0),
        better=True,
    )
    job.write(tmp_path / job.CARD, card)
    assert job.read_card(tmp_path / job.CARD) == card
    assert [each.name for each in tmp_path.iterdir()] == [job.CARD]


def test_losses_are_those_of_the_steps_that_are_kept(tmp_path: Path) -> None:
    assert job.losses(tmp_path) == []
    (tmp_path / job.LOSSES).write_text("3.5\n2.25\nnan\n1.5\nrubbish\n1.2")
    assert job.losses(tmp_path) == [3.5, 2.25, 1.5, 1.2]
    job.keep_losses(tmp_path, 2)
    assert job.losses(tmp_path) == [3.5, 2.25]
    job.keep_losses(tmp_path, 0)
    assert job.losses(tmp_path) == []


def test_what_it_takes_is_estimated_from_the_header(tmp_path: Path) -> None:
    base = job.check_base(str(ggufs.tiny_model(tmp_path / "tiny.gguf")))
    words, width, inner = 264, ggufs.EMBEDDING, ggufs.FEED_FORWARD
    a_layer = 4 * width * width + 3 * width * inner + 2 * width
    assert job.weight_count(base) == 2 * words * width + 2 * a_layer + width
    small, large = Settings(room=512), Settings(room=4096)
    assert job.memory_bytes(base, small) < job.memory_bytes(base, large)
    assert job.memory_bytes(base, Settings(rank=8)) < job.memory_bytes(base, Settings(rank=64))
    huge = job.check_base(str(ggufs.huge_model(tmp_path / "huge.gguf")))
    assert job.memory_bytes(huge, small) > 400 * 16384 * 16384 * 4


@pytest.mark.models
def test_the_starter_model_fits_into_a_small_computer() -> None:
    needed = job.memory_bytes(job.check_base(str(starter_model())), Settings())
    assert 1.5 < needed / 2**30 < 8
    assert math.isclose(job.weight_count(job.check_base(str(starter_model()))), 135e6, rel_tol=0.05)


def test_a_base_of_another_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocentError) as caught:
        job.check_base(str(ggufs.tiny_model(tmp_path / "tiny.gguf", architecture="gemma")))
    assert (caught.value.code, caught.value.details["architecture"]) == (Code.TRAINING_UNSUPPORTED, "gemma")

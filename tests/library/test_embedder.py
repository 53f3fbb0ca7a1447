"""Embedding models of the person's choice: folders that are used, and folders that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.library.embedder import Embedder, check_folder
from tests.embedders import write_embedder


def test_a_folder_of_ones_own_embeds_with_its_own_dimensions(tmp_path: Path) -> None:
    embedder = Embedder(str(write_embedder(tmp_path / "own", dimensions=24)))
    vectors = embedder.embed(["The harbour opened in 1901.", "Tea is served at four."])
    assert vectors.shape == (2, 24) == (2, embedder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)
    again = Embedder(embedder.folder)
    assert again.identity == embedder.identity != Embedder().identity
    assert np.allclose(again.embed(["Tea is served at four."])[0], vectors[1], atol=1e-3)


def test_another_model_has_another_identity(tmp_path: Path) -> None:
    one, other = (Embedder(str(write_embedder(tmp_path / str(seed), seed=seed))) for seed in (1, 2))
    assert one.identity.partition("/")[2] != other.identity.partition("/")[2]


def test_a_text_longer_than_the_model_reads_is_embedded_to_its_end(tmp_path: Path) -> None:
    embedder = Embedder(str(write_embedder(tmp_path / "short", longest=32)))
    beginning = "The harbour master keeps the list of all ships. " * 20
    ends = embedder.embed([beginning + "Tea is served at four.", beginning + "Nobody swims here in winter."])
    assert not np.allclose(ends[0], ends[1], atol=1e-4)
    assert np.allclose(np.linalg.norm(ends, axis=1), 1.0, atol=1e-3)


def test_questions_and_passages_get_the_prompts_of_the_model(tmp_path: Path) -> None:
    plain = Embedder(str(write_embedder(tmp_path / "plain")))
    prompted = Embedder(
        str(write_embedder(tmp_path / "prompted", prompts={"query": "question: ", "document": "passage: "}))
    )
    text = "When is tea served?"
    assert np.allclose(prompted.embed_question(text), plain.embed([f"question: {text}"])[0], atol=1e-3)
    assert np.allclose(prompted.embed([text])[0], plain.embed([f"passage: {text}"])[0], atol=1e-3)
    assert not np.allclose(prompted.embed_question(text), prompted.embed([text])[0], atol=1e-3)


def test_folders_that_are_no_model_are_refused(tmp_path: Path) -> None:
    def why(folder: Path) -> object:
        with pytest.raises(DocentError) as caught:
            check_folder(folder)
        assert caught.value.code is Code.EMBEDDER_UNUSABLE
        return caught.value.details["why"]

    assert why(tmp_path / "nothing") == "folder"
    (tmp_path / "empty").mkdir()
    assert why(tmp_path / "empty") == "modules"
    good = write_embedder(tmp_path / "good")
    check_folder(good)
    modules = json.loads((good / "modules.json").read_text())
    (good / "modules.json").write_text(json.dumps([*modules, {**modules[0], "type": "my_code.Backdoor"}]))
    assert why(good) == "modules"
    (good / "modules.json").write_text("[]")
    assert why(good) == "modules"
    pickled = write_embedder(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    assert why(pickled) == "weights"


def test_damaged_weights_are_an_error_with_a_code(tmp_path: Path) -> None:
    folder = write_embedder(tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(DocentError) as caught:
        Embedder(str(folder)).load()
    assert caught.value.code is Code.EMBEDDER_UNUSABLE


def test_code_in_the_folder_is_not_run(tmp_path: Path) -> None:
    folder = write_embedder(tmp_path / "coded")
    ran = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Model: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "modeling_own.Model", "AutoConfig": "modeling_own.Model"}
    config["model_type"] = "own"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(DocentError) as caught:
        Embedder(str(folder)).load()
    assert caught.value.code is Code.EMBEDDER_UNUSABLE
    assert not ran.exists()


@pytest.mark.models
def test_a_question_takes_one_thread_and_passages_all_of_them(embedder: Embedder) -> None:
    import torch

    def threads(_: object) -> int:
        return torch.get_num_threads()

    every = embedder._with_model(threads)
    embedder.embed_question("Who pays?")
    assert embedder._with_model(threads) == every
    assert embedder._with_model(threads, threads=1) == 1
    assert embedder._with_model(threads) == every

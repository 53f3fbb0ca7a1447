"""The folders of other programs: where they are on each system, and which files in them are offered."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from assistant_app.models import model_places
from assistant_app.models.model_places import Place, find_models, places
from tests import ggufs

HOME = Path("/people/ada")


def folders(system: str, environment: dict[str, str] | None = None, home: Path = HOME) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place in places(environment or {}, home, system):
        found.setdefault(place.name, []).append(place.folder.as_posix())
    return found


def names(*where: Place) -> list[tuple[str, str]]:
    return [(model.place, model.name) for model in find_models(where)]


# ---------------------------------------------------------------- where they are


@pytest.mark.parametrize(
    ("system", "program", "folder"),
    [
        ("Linux", "LM Studio", "/people/ada/.lmstudio/models"),
        ("Linux", "GPT4All", "/people/ada/.local/share/nomic.ai/GPT4All"),
        ("Darwin", "GPT4All", "/people/ada/Library/Application Support/nomic.ai/GPT4All"),
        ("Windows", "GPT4All", "/people/ada/AppData/Local/nomic.ai/GPT4All"),
        ("Linux", "Jan", "/people/ada/.local/share/Jan/data/llamacpp/models"),
        ("Linux", "Jan", "/people/ada/.config/Jan/data/models"),
        ("Darwin", "Jan", "/people/ada/Library/Application Support/Jan/data/llamacpp/models"),
        ("Windows", "Jan", "/people/ada/AppData/Roaming/Jan/data/llamacpp/models"),
        ("Linux", "Ollama", "/people/ada/.ollama/models"),
        ("Linux", "Ollama", "/usr/share/ollama/.ollama/models"),
        ("Linux", "llama.cpp", "/people/ada/.cache/llama.cpp"),
        ("Darwin", "llama.cpp", "/people/ada/Library/Caches/llama.cpp"),
        ("Windows", "llama.cpp", "/people/ada/AppData/Local/llama.cpp"),
        ("Linux", "Hugging Face", "/people/ada/.cache/huggingface/hub"),
        ("Darwin", "Hugging Face", "/people/ada/.cache/huggingface/hub"),
    ],
)
def test_where_each_program_keeps_its_models(system: str, program: str, folder: str) -> None:
    assert folder in folders(system)[program]


@pytest.mark.parametrize(
    ("variable", "value", "program", "folder"),
    [
        ("OLLAMA_MODELS", "/disk/ollama", "Ollama", "/disk/ollama"),
        ("LLAMA_CACHE", "/disk/llama", "llama.cpp", "/disk/llama"),
        ("HF_HUB_CACHE", "/disk/hub", "Hugging Face", "/disk/hub"),
        ("HF_HOME", "/disk/hf", "Hugging Face", "/disk/hf/hub"),
        ("XDG_CACHE_HOME", "/disk/cache", "Hugging Face", "/disk/cache/huggingface/hub"),
        ("XDG_DATA_HOME", "/disk/data", "GPT4All", "/disk/data/nomic.ai/GPT4All"),
    ],
)
def test_a_program_that_was_moved_is_found_by_its_variable(
    variable: str, value: str, program: str, folder: str
) -> None:
    moved, usual = folders("Linux", {variable: value})[program], folders("Linux")[program]
    assert folder in moved
    assert folder not in usual
    assert moved != usual


def test_lm_studio_says_in_its_files_where_it_went(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{elsewhere}\n")
    assert folders("Linux", home=tmp_path)["LM Studio"][0] == str(elsewhere / "models")
    (elsewhere / "settings.json").write_text(json.dumps({"downloadsFolder": str(tmp_path / "big disk"), "x": 1}))
    assert folders("Linux", home=tmp_path)["LM Studio"][0] == str(tmp_path / "big disk")
    (elsewhere / "settings.json").write_text("[1, 2")
    assert folders("Linux", home=tmp_path)["LM Studio"][0] == str(elsewhere / "models")


# ---------------------------------------------------------------- what is in them


def test_good_chat_models_are_offered_and_the_rest_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "owner" / "repo").mkdir(parents=True)
    tiny = ggufs.tiny_model(tmp_path / "owner" / "repo" / "tiny.gguf")
    ggufs.cut(tiny, tmp_path / "cut.gguf", tiny.stat().st_size - 1000)
    (tmp_path / "text.gguf").write_text("not a model")
    ggufs.tiny_model(tmp_path / "vectors.gguf", template=None)
    ggufs.adapter(tmp_path / "adapter.gguf", tiny)
    ggufs.tiny_model(tmp_path / "loading.gguf.downloadInProgress")
    found = list(find_models([Place("LM Studio", tmp_path)]))
    assert [(model.path, model.place) for model in found] == [(str(tiny), "LM Studio")]


def test_a_split_model_is_offered_once_and_only_whole(tmp_path: Path) -> None:
    first, second = ggufs.split_model(tmp_path)
    assert [model.path for model in find_models([Place("Jan", tmp_path)])] == [str(first)]
    second.unlink()
    assert names(Place("Jan", tmp_path)) == []


def test_a_place_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert names(Place("Jan", tmp_path / "no"), Place("Ollama", tmp_path / "no", "ollama")) == []


def test_a_model_under_two_names_is_offered_once(tmp_path: Path) -> None:
    """As the Hugging Face cache has it: one blob, and links to it from every version."""
    model = tmp_path / "models--owner--repo"
    (model / "blobs").mkdir(parents=True)
    blob = ggufs.tiny_model(model / "blobs" / ("a" * 64))
    for version in ("1111", "2222"):
        (model / "snapshots" / version).mkdir(parents=True)
        (model / "snapshots" / version / "tiny.gguf").symlink_to(blob)
    found = list(find_models([Place("Hugging Face", tmp_path), Place("llama.cpp", model)]))
    assert [(each.place, Path(each.path).parent.name) for each in found] == [("Hugging Face", "1111")]


def ollama(folder: Path, tag: str, digest: str, kind: str = "application/vnd.ollama.image.model") -> None:
    manifest = folder / "manifests" / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    other = {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "0" * 64}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [other, {"mediaType": kind, "digest": digest}]}))


def test_ollamas_blobs_have_the_names_of_its_manifests(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    ggufs.tiny_model(tmp_path / "blobs" / ("sha256-" + "a" * 64))
    ggufs.tiny_model(tmp_path / "blobs" / ("sha256-" + "b" * 64), seed=8)
    ollama(tmp_path, "registry.ollama.ai/library/tiny/1b", "sha256:" + "a" * 64)
    ollama(tmp_path, "registry.ollama.ai/ada/mine/latest", "sha256:" + "b" * 64)
    ollama(tmp_path, "registry.ollama.ai/library/gone/latest", "sha256:" + "c" * 64)
    ollama(tmp_path, "registry.ollama.ai/library/lora/latest", "sha256:" + "b" * 64, "application/vnd.ollama.adapter")
    broken = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "broken" / "latest"
    broken.parent.mkdir()
    broken.write_bytes(b"\xff{")
    assert names(Place("Ollama", tmp_path, "ollama")) == [("Ollama", "ada/mine:latest"), ("Ollama", "tiny:1b")]


@pytest.mark.parametrize("digest", ["sha256:../../secret", "sha256:" + "a" * 63 + "/", "md5:" + "a" * 64, ""])
def test_a_manifest_names_no_file_elsewhere(tmp_path: Path, digest: str) -> None:
    ggufs.tiny_model(tmp_path / "secret")
    place = tmp_path / "place"
    (place / "blobs").mkdir(parents=True)
    ollama(place, "registry.ollama.ai/library/tiny/1b", digest)
    assert names(Place("Ollama", place, "ollama")) == []


# ---------------------------------------------------------------- within limits


def test_a_huge_folder_is_not_looked_through_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ggufs.tiny_model(tmp_path / "a.gguf")
    for number in range(30):
        (tmp_path / f"folder {number:02d}").mkdir()
    shutil.copy(tmp_path / "a.gguf", tmp_path / "folder 29" / "z.gguf")
    assert len(names(Place("Jan", tmp_path))) == 2
    monkeypatch.setattr(model_places, "MOST_ENTRIES", 31)
    assert len(names(Place("Jan", tmp_path))) == 1
    monkeypatch.setattr(model_places, "MOST_ENTRIES", 10_000)
    monkeypatch.setattr(model_places, "MOST_MODELS", 1)
    assert len(names(Place("Jan", tmp_path))) == 1


def test_it_goes_so_deep_and_follows_no_linked_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "1" / "2" / "3"
    deep.mkdir(parents=True)
    ggufs.tiny_model(deep / "tiny.gguf")
    os.symlink(tmp_path, deep / "round")
    assert len(names(Place("Jan", tmp_path))) == 1
    monkeypatch.setattr(model_places, "DEEPEST", 2)
    assert names(Place("Jan", tmp_path)) == []


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = ggufs.tiny_model(tmp_path / "a.gguf", name="Before")
    assert names(Place("Jan", tmp_path)) == [("Jan", "Before")]
    ggufs.tiny_model(path, name="Afterwards")
    assert names(Place("Jan", tmp_path)) == [("Jan", "Afterwards")]
    path.write_text("nothing")
    assert names(Place("Jan", tmp_path)) == []

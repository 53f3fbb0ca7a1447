"""A CrossEncoder of the person's choice sorts the best pages again; it is loaded safely, or refused with a reason.

The model is tiny and random: how good a reranker is cannot be said from it, only that its order is what is given.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from assistant_app.errors import Code, DocentError
from assistant_app.library import retrieval
from assistant_app.library.embedder import built_in_folder
from assistant_app.library.reranker import Reranker, check_reranker
from tests.library.conftest import Library
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

FACTS = [
    "The canteen serves soup on Fridays.",
    "The canteen is closed in August.",
    "Soup of the day costs three euros.",
    "A permit is needed for the yard.",
    "Fridays are for reading.",
]


def write_reranker(folder: Path, *, labels: int = 1) -> Path:
    """A BERT of one layer with the words of the built-in embedding model and random weights."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(4)
    tokenizer = AutoTokenizer.from_pretrained(str(built_in_folder()), local_files_only=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=labels,
        initializer_range=1.0,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reranker(tmp_path_factory.mktemp("reranker"))


def test_its_order_is_the_one_that_is_given(library: Library, tmp_path: Path, folder: Path) -> None:
    from sentence_transformers import CrossEncoder

    library.index(text_pdf(tmp_path / "Facts.pdf", [[fact] for fact in FACTS]))
    question = "When is there soup in the canteen?"
    before = library.retriever.search(question, 5)
    assert all(candidate.reranker_rank is None for candidate in before.candidates)
    marks = CrossEncoder(str(folder), device="cpu", local_files_only=True).predict([(question, fact) for fact in FACTS])
    expected = [FACTS[place] for place in sorted(range(len(FACTS)), key=lambda place: -marks[place])]
    assert expected != [hit.text for hit in before.hits]  # else the order would prove nothing

    library.retriever.use_reranker(str(folder))
    threads = threading.active_count()
    after = library.retriever.search(question, 5)
    assert threading.active_count() == threads
    assert [hit.text for hit in after.hits] == expected
    assert [hit.score for hit in after.hits] == sorted((hit.score for hit in after.hits), reverse=True)
    assert "rerank" in after.milliseconds
    ranks = {candidate.text: candidate.reranker_rank for candidate in after.candidates}
    assert [ranks[fact] for fact in expected] == [1, 2, 3, 4, 5]
    pages = {candidate.text: candidate.page_rank for candidate in after.candidates}
    assert [hit.text for hit in before.hits] == sorted(pages, key=lambda text: pages[text] or 0)

    library.retriever.use_reranker("")
    assert library.retriever.search(question, 5).hits == before.hits


def test_only_the_best_pages_are_read_again(
    library: Library, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "RERANKED", 2)
    library.index(text_pdf(tmp_path / "Facts.pdf", [[fact] for fact in FACTS]))
    plain = library.retriever.search("soup", 5)
    library.retriever.use_reranker(str(folder))
    found = library.retriever.search("soup", 5)
    assert {hit.text for hit in found.hits[:2]} == {hit.text for hit in plain.hits[:2]}
    assert [hit.text for hit in found.hits[2:]] == [hit.text for hit in plain.hits[2:]]
    assert sorted(each.reranker_rank for each in found.candidates if each.reranker_rank) == [1, 2]


def _copy(folder: Path, target: Path) -> Path:
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def _refused(folder: Path) -> str:
    with pytest.raises(DocentError) as raised:
        Reranker(str(folder)).scores("soup", ["Soup."])
    assert raised.value.code is Code.RERANKER_UNUSABLE
    assert raised.value.details["path"] == str(folder)
    return str(raised.value.details["why"])


def test_a_folder_that_is_none_is_refused(tmp_path: Path, folder: Path) -> None:
    assert _refused(tmp_path / "nowhere") == "folder"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert _refused(empty) == "config"
    pickled = _copy(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    assert _refused(pickled) == "weights"
    broken = _copy(folder, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    assert _refused(broken) == "load"
    with pytest.raises(DocentError):
        check_reranker(str(pickled))
    check_reranker(str(folder))


def test_code_in_the_folder_is_never_run(tmp_path: Path, folder: Path) -> None:
    hostile = _copy(folder, tmp_path / "hostile")
    config = json.loads((hostile / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "evil.Evil"}
    (hostile / "config.json").write_text(json.dumps(config))
    (hostile / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert _refused(hostile) == "config"
    assert not (tmp_path / "ran").exists()


def test_a_model_with_several_scores_is_no_reranker(tmp_path: Path) -> None:
    assert _refused(write_reranker(tmp_path / "classes", labels=3)) == "scores"


def test_nothing_to_read(folder: Path) -> None:
    assert Reranker(str(folder)).scores("soup", []) == []

"""The adapters that ship: their cards, their examples, and that nothing of the held-out articles was learnt."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from assistant_app.answering.formats import read_record
from assistant_app.engine.model_keeper import default_adapter
from assistant_app.models.adapters import check_adapter, inspect_adapter
from assistant_app.models.model_files import STARTER_SHA256, starter_model
from assistant_app.paths import shipped_adapters
from assistant_app.training.job import read_card
from assistant_app.training.process import file_hash
from tools import adapter_examples

SHIPPED = ("grounded-answers", "json-record")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_adapter_is_small_fits_the_starter_model_and_is_the_one_of_its_card(name: str) -> None:
    path = shipped_adapters() / f"{name}.gguf"
    card = read_card(path.with_suffix(".json"))
    assert card is not None
    check_adapter(path, starter_model())
    assert path.stat().st_size <= 10_000_000
    assert (card.base_hash, card.adapter_hash) == (STARTER_SHA256, file_hash(path))
    assert card.better
    assert card.licence == "CC-BY-SA-4.0"
    assert "XQuAD" in card.data
    assert "CC BY-SA 4.0" in card.data_licence
    assert inspect_adapter(path).task == card.about


def test_the_exported_files_choose_the_tokens_of_the_trained_ones() -> None:
    for name in SHIPPED:
        card = read_card(shipped_adapters() / f"{name}.json")
        assert card is not None
        assert card.agreement is not None
        assert card.base_agreement is not None
        assert card.agreement >= 0.95
        assert card.agreement >= card.base_agreement - 0.01


def test_the_starter_model_is_given_the_grounded_one_and_no_other_model_is(tmp_path: Path) -> None:
    assert default_adapter(str(starter_model())) == str(shipped_adapters() / "grounded-answers.gguf")
    assert default_adapter(str(tmp_path / "another.gguf")) is None


def test_every_question_on_our_own_documents_is_still_answered_by_them() -> None:
    asked = [json.loads(line) for line in adapter_examples.OWN.read_text(encoding="utf-8").splitlines()]
    held = [each for paragraph in adapter_examples.own_documents() for each in paragraph.asked]
    assert {each["question"] for each in asked} == {each.question for each in held}


def test_every_answer_of_what_was_written_stands_in_its_paragraph_as_whole_words() -> None:
    paragraphs = adapter_examples.written()
    assert len(paragraphs) >= 800
    assert min(len(paragraph.asked) for paragraph in paragraphs) >= 4
    for paragraph in paragraphs:
        for asked in paragraph.asked:
            around = paragraph.text[max(0, asked.start - 1) : asked.start + len(asked.answer) + 1]
            assert re.fullmatch(rf"\W?{re.escape(asked.answer)}\W?", around), asked
            assert asked.question.endswith("?")


def test_of_several_places_the_answer_is_where_the_question_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_examples, "WRITTEN", tmp_path)
    text = "The sixth of six bells is cracked. In the north tower hang six. The others were sold."
    (tmp_path / "a.txt").write_text(f"# Bells\n{text}\n? How many hang in the north tower?\n= six\n", encoding="utf-8")
    ((asked,),) = (paragraph.asked for paragraph in adapter_examples.written())
    assert text[asked.start :].startswith("six. The others")
    (tmp_path / "a.txt").write_text(f"# Bells\n{text}\n? Which?\n= seven\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.txt, line 4: 'seven' does not stand"):
        adapter_examples.written()


def test_quotation_marks_that_are_put_in_cut_no_answer() -> None:
    marked = 0
    for number, paragraph in enumerate(adapter_examples.written()[:300]):
        made = adapter_examples.quoted(paragraph, random.Random(number))
        assert made.text.replace('"', "") == paragraph.text.replace('"', "")
        assert made.text.count('"') % 2 == 0
        marked += made.text != paragraph.text
        for asked, before in zip(made.asked, paragraph.asked, strict=True):
            assert made.text[asked.start :].startswith(asked.answer)
            assert asked.answer.replace('"', "") == before.answer.replace('"', "")
            assert asked.answer.count('"') % 2 == 0
    assert marked > 290


@pytest.fixture
def articles() -> None:
    if not (adapter_examples.shared() / "xquad").is_dir():
        pytest.skip("the shared test data is not there (DOCENT_TEST_DATA)")


@pytest.mark.usefixtures("articles")
def test_nothing_of_the_held_out_articles_is_learnt() -> None:
    held = {each.question for paragraph in adapter_examples.xquad(held_out=True) for each in paragraph.asked}
    texts = [paragraph.text for paragraph in adapter_examples.xquad(held_out=True)]
    examples = list(adapter_examples.examples(adapter_examples.xquad(held_out=False), "text", random.Random(1)))
    assert len(held) == 197
    assert not held & {example.question for example in examples}
    assert not any(source.text[:60] in text for example in examples for source in example.sources for text in texts)


@pytest.mark.usefixtures("articles")
def test_what_was_written_is_on_other_subjects_in_other_words_than_the_held_out_articles() -> None:
    held = adapter_examples.xquad(held_out=True)
    written = adapter_examples.written()
    assert not {paragraph.article for paragraph in held} & {paragraph.article for paragraph in written}

    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.casefold())
        return {tuple(words[place : place + 9]) for place in range(len(words) - 8)}

    of_held = set().union(*(runs(paragraph.text) for paragraph in held))
    shared = [paragraph.text[:60] for paragraph in written if runs(paragraph.text) & of_held]
    assert shared == []


@pytest.mark.usefixtures("articles")
@pytest.mark.parametrize("form", ["text", "record"])
def test_examples_are_right(form: str) -> None:
    paragraphs = [*adapter_examples.xquad(held_out=False), *adapter_examples.written()]
    examples = list(adapter_examples.examples(paragraphs, form, random.Random(1)))  # type: ignore[arg-type]
    refused = 0
    for example in examples:
        if form == "text":
            mark = re.search(r" \[(\d+)\]\.$", example.answer)
            if mark is None:
                refused += 1
            else:
                assert example.answer[: mark.start()] in example.sources[int(mark[1]) - 1].text.replace("\u00ad", "")
        else:
            record = read_record(example.answer)
            assert record is not None
            refused += not record.found
            if record.found:
                assert any(
                    record.quote in source.text and record.page == source.page and record.answer in record.quote
                    for source in example.sources
                )
    assert 0.15 < refused / len(examples) < 0.3

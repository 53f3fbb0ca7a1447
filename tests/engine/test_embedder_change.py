"""Another embedding model is chosen: the library is embedded anew while everything goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.library import embedder_change
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from assistant_app.settings import Settings
from tests.embedders import write_embedder
from tests.engine.conftest import PLAN, Engine
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

QUESTION = "What is the deductible of the Aurora plan?"


@pytest.fixture
def own(tmp_path: Path) -> str:
    return str(write_embedder(tmp_path / "own-model", dimensions=24))


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Of a library with three passages, which are embedded one by one."""
    monkeypatch.setattr(embedder_change, "EMBED_AT_ONCE", 1)
    paths = Paths.resolve(tmp_path / "home")
    with Service(paths) as service:
        service.index([str(text_pdf(tmp_path / "Aurora_plan.pdf", PLAN))])
    return paths


@pytest.fixture
def opened(paths: Paths) -> Iterator[Service]:
    with Service(paths) as service:
        yield service


def test_the_old_vectors_answer_until_the_new_ones_are_complete(opened: Service, own: str, tmp_path: Path) -> None:
    before = opened.embedder
    opened.change_settings({"library.embedder": own})
    said: list[messages.Event] = []
    assert not opened.embed_anew(seconds=0, report=said.append)  # one passage of three
    assert opened.embedder is before
    assert opened.search(QUESTION).hits[0].page == 1
    late = text_pdf(tmp_path / "Late.pdf", [["The late report says that the ferry leaves at nine."]])
    assert [document.status for document in opened.index([str(late)])] == ["indexed"]

    while not opened.embed_anew(seconds=0, report=said.append):
        assert opened.embedder is before
    assert opened.embedder.folder == own
    assert opened.vectors.count() == opened.catalog.passage_count() == 4
    last = said[-1]
    assert isinstance(last, messages.Reembedding)
    assert (last.done, last.total) == (4, 4)
    done = [event.done for event in said if isinstance(event, messages.Reembedding)]
    assert done == sorted(done)
    assert opened.search(QUESTION).hits[0].vector_rank is not None
    assert opened.embed_anew()  # nothing is left to do
    after = text_pdf(tmp_path / "After.pdf", [["After it, the museum is closed on Mondays."]])
    assert [document.status for document in opened.index([str(after)])] == ["indexed"]
    assert opened.vectors.count() == 5


def test_a_change_goes_on_after_the_engine_ended(paths: Paths, own: str) -> None:
    with Service(paths) as first_time:
        first_time.change_settings({"library.embedder": own})
        assert not first_time.embed_anew(seconds=0)
    with Service(paths) as again:
        assert (again.embedder.folder, again.wants_embedding()) == ("", True)
        said: list[messages.Event] = []
        assert again.embed_anew(report=said.append)
        first = said[0]
        assert isinstance(first, messages.Reembedding)
        assert first.done == 1  # what was embedded before is kept
    with Service(paths) as last:
        assert last.embedder.folder == own
        assert not last.wants_embedding()
        last.mend()
        assert not last.paths.vectors.exists()  # the old vectors went
        assert last.search(QUESTION).hits[0].vector_rank is not None


def test_back_to_the_built_in_model(opened: Service, own: str) -> None:
    opened.change_settings({"library.embedder": own})
    assert opened.embed_anew()
    opened.change_settings({"library.embedder": ""})
    assert opened.embed_anew()
    assert opened.embedder.folder == ""
    hits = opened.search(QUESTION).hits
    assert hits[0].page == 1
    assert (hits[0].similarity or 0) > 0.5


def test_a_change_of_mind_stops_it(opened: Service, own: str) -> None:
    opened.change_settings({"library.embedder": own})

    def change(event: messages.Event) -> None:
        opened.settings.update({"library.embedder": ""})

    with pytest.raises(DocentError) as caught:
        opened.embed_anew(report=change)
    assert caught.value.code is Code.CANCELLED
    assert opened.embedder.folder == ""
    assert opened.search(QUESTION).hits


def test_a_folder_that_went_away_is_said_and_another_model_can_be_chosen(paths: Paths, own: str) -> None:
    with Service(paths) as opened:
        opened.change_settings({"library.embedder": own})
        assert opened.embed_anew()
    Path(own).rename(f"{own}.away")
    with Service(paths) as again:
        with pytest.raises(DocentError) as caught:
            again.search(QUESTION)
        assert caught.value.code is Code.EMBEDDER_UNUSABLE
        again.change_settings({"library.embedder": ""})
        assert again.embed_anew()
        assert again.search(QUESTION).hits[0].page == 1


def test_a_folder_without_a_model_is_not_taken(opened: Service, tmp_path: Path) -> None:
    with pytest.raises(DocentError) as caught:
        opened.change_settings({"library.embedder": str(tmp_path)})
    assert caught.value.code is Code.EMBEDDER_UNUSABLE
    assert opened.settings.text("library.embedder") == ""


def test_an_empty_library_takes_the_model_at_once(tmp_path: Path, own: str) -> None:
    paths = Paths.resolve(tmp_path / "home")
    with Service(paths) as service:
        service.change_settings({"library.embedder": own})
    with Service(paths) as service:
        assert service.embedder.folder == own
        service.index([str(text_pdf(tmp_path / "Aurora_plan.pdf", PLAN))])
        assert service.vectors.get([1])[1].shape == (24,)


def test_a_restored_backup_keeps_this_installations_models_and_servers(
    opened: Service, own: str, tmp_path: Path
) -> None:
    target = tmp_path / "library.docent"
    with Service(Paths.resolve(tmp_path / "theirs")) as theirs:
        theirs.index([str(text_pdf(tmp_path / "Theirs.pdf", PLAN))])
        theirs.settings.update({"model.server": "http://elsewhere.example/v1", "library.reranker": "/theirs"})
        theirs.back_up(str(target))
    opened.change_settings({"library.embedder": own})
    assert opened.embed_anew()
    opened.restore(str(target))
    written = Settings(opened.paths.settings)  # what the next start reads
    assert written.text("model.server") == ""
    assert written.text("library.reranker") == ""
    assert opened.embedder.folder == own
    assert opened.vectors.get(opened.catalog.passage_ids()[:1]).popitem()[1].shape == (24,)
    assert opened.search(QUESTION).hits[0].path.endswith("Theirs.pdf")


def test_over_the_pipe_it_goes_on_in_the_background(engine: Engine, plan: Path, own: str) -> None:
    engine.hear()
    engine.send(messages.IndexDocuments(job=1, paths=[str(plan)]))
    engine.until(messages.Indexed, 1)
    engine.send(messages.ChangeSettings(job=2, values={"library.embedder": own}))
    done, _ = engine.until(messages.Reembedding, 0)
    while isinstance(done, messages.Reembedding) and done.done < done.total:
        done, _ = engine.until(messages.Reembedding, 0)
    engine.send(messages.Ask(job=3, question=QUESTION))
    answered, _ = engine.until(messages.Answered, 3)
    assert isinstance(answered, messages.Answered)
    assert engine.close() == 0

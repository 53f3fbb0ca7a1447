"""Every verb of the service, with real parts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models


def test_an_answer_cites_the_page_and_the_quote_stands_in_it(service: Service, plan: Path) -> None:
    events: list[messages.Event] = []
    written = service.ask("What is the deductible of the Aurora plan?", report=events.append)
    answer = written.answer
    assert answer.found
    assert "1,250" in answer.answer
    cited = [citation for citation in answer.citations if citation.verified]
    assert cited
    for citation in answer.citations:
        text, _ = service.catalog.page_text(citation.path, citation.page or 0) or ("", 0)
        assert text is not None
        assert citation.quote == text[citation.start : citation.start + citation.length]
        assert f"[{citation.number}]" in answer.answer
    assert cited[0].page == 1
    assert cited[0].path == str(plan)
    assert "1,250" in cited[0].quote
    streamed = "".join(event.text for event in events if isinstance(event, messages.AnswerText))
    assert "1,250" in streamed
    assert any(isinstance(event, messages.SourcesFound) for event in events)
    assert answer.tokens.prompt > 50
    assert answer.milliseconds.first_token is not None
    assert answer.milliseconds.total >= answer.milliseconds.first_token


def test_the_same_question_gets_the_same_answer(service: Service) -> None:
    question = "How many days of leave do full-time staff receive?"
    first, second = service.ask(question).answer, service.ask(question).answer
    assert (first.answer, first.citations) == (second.answer, second.citations)


def test_a_foreign_question_is_not_answered(service: Service) -> None:
    answer = service.ask("Who composed the opera Carmen?").answer
    assert not answer.found
    assert answer.answer == "Not in your documents."
    assert answer.citations == []
    assert answer.nearest
    assert answer.model


def test_search_gives_ranked_passages_that_stand_in_their_pages(service: Service) -> None:
    found = service.search("specialist copayment", top=3)
    assert [hit.rank for hit in found.hits] == list(range(1, len(found.hits) + 1))
    assert found.hits[0].page == 1
    for hit in found.hits:
        text, _ = service.catalog.page_text(hit.path, hit.page or 0) or ("", 0)
        assert text is not None
        assert hit.text == text[hit.start : hit.start + hit.length]


@pytest.mark.parametrize("question", ["", "   ", "\n"])
def test_an_empty_question_is_refused(service: Service, question: str) -> None:
    with pytest.raises(DocentError) as caught:
        service.ask(question)
    assert caught.value.code is Code.QUESTION_EMPTY


def test_a_question_before_the_first_token_can_be_cancelled(service: Service) -> None:
    with pytest.raises(DocentError) as caught:
        service.ask("What is the deductible of the Aurora plan?", cancelled=lambda: True)
    assert caught.value.code is Code.CANCELLED


def test_a_stopped_answer_keeps_what_was_written(service: Service) -> None:
    pieces: list[str] = []

    def report(event: messages.Event) -> None:
        if isinstance(event, messages.AnswerText):
            pieces.append(event.text)

    written = service.ask(
        "What is the deductible of the Aurora plan?", report=report, cancelled=lambda: len(pieces) >= 5
    )
    assert written.stopped
    assert written.answer.answer
    # and the next question is answered as if nothing had happened
    assert "1,250" in service.ask("What is the deductible of the Aurora plan?").answer.answer


def test_a_context_too_small_for_the_question_says_so(service: Service) -> None:
    service.change_settings({"model.context": 64})
    try:
        with pytest.raises(DocentError) as caught:
            service.ask("What is the deductible of the Aurora plan?")
        assert caught.value.code is Code.CONTEXT_TOO_SMALL
        assert isinstance(caught.value.details["needed"], int)
    finally:
        service.change_settings({"model.context": 4096})


def test_sources_that_do_not_fit_are_named(service: Service) -> None:
    service.change_settings({"model.context": 190, "answer.max_tokens": 32})
    try:
        answer = service.ask("What is the deductible of the Aurora plan?").answer
        assert answer.left_out
        assert answer.tokens.prompt <= 190
    finally:
        service.change_settings({"model.context": 4096, "answer.max_tokens": 400})


def test_an_idle_model_is_unloaded_and_comes_back(service: Service) -> None:
    service.ask("What is the deductible of the Aurora plan?")
    assert service.models.is_loaded
    # What the timer calls after its minutes; a question that came in between keeps the model.
    service.models._unload_if_idle(service.models._uses - 1)
    assert service.models.is_loaded
    service.models._unload_if_idle(service.models._uses)
    assert not service.models.is_loaded
    assert "1,250" in service.ask("What is the deductible of the Aurora plan?").answer.answer


def test_a_missing_file_stays_in_the_library(tmp_path: Path) -> None:
    file = text_pdf(tmp_path / "Gone.pdf", [["The lighthouse at Cape Wrath is 37 metres tall."]])
    with Service(Paths.resolve(tmp_path / "library-home")) as opened:
        opened.index([str(file)])
        file.unlink()
        assert [(each.status, each.reason) for each in opened.documents()] == [("missing", "file_missing")]
        again = opened.index([str(file)])
        assert [(each.status, each.passages) for each in again] == [("missing", 1)]
        assert opened.search("How tall is the lighthouse?").hits
        opened.remove([str(file)])
        assert opened.documents() == []
        assert opened.search("How tall is the lighthouse?").hits == []
        with pytest.raises(DocentError) as caught:
            opened.ask("How tall is the lighthouse?")
        assert caught.value.code is Code.LIBRARY_EMPTY


def test_a_folder_is_removed_with_all_that_is_below_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "ab").mkdir()
    for path in ("a/one.pdf", "a/two.pdf", "ab/three.pdf"):
        text_pdf(tmp_path / path, [[f"This is {path}."]])
    with Service(Paths.resolve(tmp_path / "library-home")) as opened:
        opened.index([str(tmp_path / "a"), str(tmp_path / "ab")])
        with pytest.raises(DocentError) as caught:
            opened.remove([str(tmp_path / "a"), str(tmp_path / "nothing")])
        assert caught.value.code is Code.DOCUMENT_UNKNOWN
        assert len(opened.documents()) == 3
        opened.remove([str(tmp_path / "a")])
        assert [Path(each.path).name for each in opened.documents()] == ["three.pdf"]


def test_a_question_can_be_limited(tmp_path: Path) -> None:
    red = text_pdf(tmp_path / "red.pdf", [["The red team meets on Monday."]])
    blue = text_pdf(tmp_path / "blue.pdf", [["The blue team meets on Friday."]])
    with Service(Paths.resolve(tmp_path / "library-home")) as opened:
        opened.index([str(red)], collection="Reds")
        opened.index([str(blue)])
        question = "When does the team meet?"
        assert {hit.path for hit in opened.search(question).hits} == {str(red), str(blue)}
        assert {hit.path for hit in opened.search(question, collection="Reds").hits} == {str(red)}
        assert {hit.path for hit in opened.search(question, paths=[str(blue)]).hits} == {str(blue)}
        assert opened.search(question, paths=[str(tmp_path / "unknown.pdf")]).hits == []
        with pytest.raises(DocentError) as caught:
            opened.search(question, collection="Greens")
        assert caught.value.code is Code.COLLECTION_UNKNOWN


def test_vectors_come_back_from_the_catalogue(tmp_path: Path) -> None:
    import shutil

    paths = Paths.resolve(tmp_path / "library-home")
    file = text_pdf(tmp_path / "Tower.pdf", [["The lighthouse at Cape Wrath is 37 metres tall."]])
    with Service(paths) as opened:
        opened.index([str(file)])
        before = opened.search("How tall is the lighthouse?").hits
    shutil.rmtree(paths.vectors)
    with Service(paths) as opened:
        report = opened.examine()
        assert report["problems"] == ["vectors_disagree"]
        assert opened.examine(repair=True)["repaired"] == 1
        assert opened.examine()["ok"]
        after = opened.search("How tall is the lighthouse?").hits
    assert [(hit.text, hit.vector_rank) for hit in after] == [(hit.text, hit.vector_rank) for hit in before]


def test_one_process_owns_a_library(service: Service) -> None:
    with pytest.raises(DocentError) as caught:
        Service(service.paths)
    assert caught.value.code is Code.LIBRARY_IN_USE


def test_the_library_is_private_to_its_owner(service: Service) -> None:
    assert service.paths.library.stat().st_mode & 0o777 == 0o700
    assert service.paths.catalog.stat().st_mode & 0o077 == 0


def test_the_core_runs_without_qt(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['PySide6'] = None\n"
        "from assistant_app.engine.service import Service; from assistant_app.paths import Paths\n"
        f"Service(Paths.resolve({str(tmp_path / 'h')!r})).close()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_report_can_be_written_as_json(service: Service) -> None:
    report = service.examine()
    assert report["ok"], report["problems"]
    assert report["offline"] is True
    assert msgspec.json.decode(msgspec.json.encode(report))["library"]["passages"] >= 3

"""Format reports in the engine: the same questions four ways, kept with the adapter, told on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assistant_app.cli.main import main
from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.models.chat_model import ChatModel, Generated
from assistant_app.paths import Paths, shipped_adapters
from assistant_app.protocol import messages
from assistant_app.protocol.assistants import Assistant
from assistant_app.protocol.records import OutputFormat
from assistant_app.protocol.report import CheckAdapter, FormatReported, ReadReport, ReportProgress
from assistant_app.protocol.training import Example, SourceText

pytestmark = pytest.mark.models

RENT = Assistant(name="Rent", format=OutputFormat(kind="labels", labels=["Yes", "No"]), max_tokens=16)
QUESTIONS = ["Is there a deductible?", "Do part-time staff receive leave?"]
GROUNDED = str(shipped_adapters() / "grounded-answers.gguf")


@pytest.fixture
def kept(service: Service) -> Iterator[Service]:
    service.assisting.save(RENT)
    yield service
    service.assisting.delete(RENT.name)


def check(service: Service, **said: Any) -> tuple[Any, list[Any]]:
    heard: list[Any] = []
    done = service.reporting.answer(CheckAdapter(**said), heard.append, lambda: False)
    assert isinstance(done, FormatReported)
    return done.report, [event for event in heard if isinstance(event, ReportProgress)]


def test_the_same_questions_are_asked_four_ways(kept: Service) -> None:
    report, heard = check(kept, adapter="grounded-answers", assistant="Rent", questions=QUESTIONS)
    assert [way.way for way in report.ways] == ["instructions", "grammar", "adapter", "adapter_grammar"]
    assert [way.asked for way in report.ways] == [2, 2, 2, 2]
    assert [(event.done, event.total) for event in heard] == [(done, 8) for done in range(1, 9)]
    assert heard[-1].seconds_left == 0.0
    by_grammar = [way for way in report.ways if "grammar" in way.way]
    assert [way.valid for way in by_grammar] == [2, 2]
    assert (report.advice, report.format, report.assistant) == ("too_few", "labels", "Rent")
    again = kept.reporting.answer(ReadReport(adapter="grounded-answers"), lambda event: None, lambda: False)
    assert again == FormatReported(report=report)


def test_approved_answers_are_asked_first_and_compared_with(kept: Service, tmp_path: Path) -> None:
    example = Example(
        question="What is the rent?",
        sources=[SourceText(name="Lease", text="The rent of the barn is $310 a month.", page=1)],
        answer="$310 [1].",
    )
    lines = tmp_path / "approved.jsonl"
    lines.write_bytes(msgspec.json.encode(example) + b"\n")
    assert kept.approving.read(str(lines))[0] == 1
    report, _ = check(kept, adapter=GROUNDED, count=1)
    assert [way.way for way in report.ways] == ["instructions", "adapter"]  # free text has no grammar
    assert report.approved == 1
    assert [way.compared for way in report.ways] == [1, 1]
    kept.approving.answer(messages.training.DeleteApprovals(approvals=[each.id for each in kept.approving.all()]))


def test_approved_answers_of_another_format_are_not_compared_with(kept: Service, tmp_path: Path) -> None:
    source = [SourceText(name="Lease", text="The rent of the barn is $310 a month.", page=1)]
    lines = tmp_path / "approved.jsonl"
    lines.write_bytes(
        b"\n".join(
            msgspec.json.encode(
                Example(
                    question=f"Is rent {number} due?",
                    sources=source,
                    answer="Yes",
                    format="labels",
                    shape=OutputFormat(kind="labels", labels=labels, grammar=False),
                )
            )
            for number, labels in enumerate((["Yes", "No"], ["Yes", "No", "Perhaps"]))
        )
    )
    assert kept.approving.read(str(lines))[0] == 2
    try:
        report, _ = check(kept, adapter=GROUNDED, assistant="Rent", count=2)
        assert report.approved == 1, "of the same labels, though they were not held to a grammar"
        assert [way.compared for way in report.ways] == [1, 1, 1, 1]
    finally:
        kept.approving.answer(messages.training.DeleteApprovals(approvals=[each.id for each in kept.approving.all()]))


@pytest.mark.parametrize(
    ("said", "valid"),
    [
        ("<think>Is it Yes or No? I do not know.</think>Yes", True),
        ("Yes\n" + "The lease says so, page one.\n" * 3, False),
        (DocentError(Code.CONTEXT_TOO_SMALL, path="m", needed=9000, context=100), False),
        (DocentError(Code.GENERATION_FAILED, path="m"), False),
    ],
)
def test_notes_are_no_answer_and_an_answer_that_cannot_be_had_is_not_valid(
    kept: Service, monkeypatch: pytest.MonkeyPatch, said: str | DocentError, valid: bool
) -> None:
    def generate(model: Any, prompt: Any, *, on_text: Any, cancelled: Any, **how: Any) -> Generated:
        if isinstance(said, DocentError):
            raise said
        on_text(said)
        return Generated(
            text=said,
            prompt_tokens=9,
            completion_tokens=7,
            cached_tokens=0,
            first_token_seconds=0.1,
            stopped=cancelled(),
        )

    monkeypatch.setattr(ChatModel, "generate", generate)
    report, heard = check(kept, adapter=GROUNDED, assistant="Rent", questions=QUESTIONS[:1])
    assert [way.valid for way in report.ways] == [int(valid)] * 4
    assert len(heard) == 4, "no question ends it"


def test_who_asked_nothing_yet_is_asked_about_headings(kept: Service) -> None:
    report, _ = check(kept, adapter=GROUNDED, count=1, assistant="Rent")
    assert report.ways[0].asked == 1
    assert report.approved == 0


def test_it_can_be_stopped_and_says_what_is_wrong(kept: Service) -> None:
    for said, stopped, code in (
        ({"adapter": "nowhere"}, False, Code.ADAPTER_MISSING),
        ({"adapter": GROUNDED, "assistant": "nobody"}, False, Code.ASSISTANT_UNKNOWN),
        ({"adapter": GROUNDED, "questions": [" "]}, False, Code.QUESTIONS_EMPTY),
        ({"adapter": GROUNDED, "questions": QUESTIONS}, True, Code.CANCELLED),
    ):
        request = CheckAdapter(**said)  # type: ignore[arg-type]
        with pytest.raises(DocentError) as problem:
            kept.reporting.check(request, lambda event: None, lambda stop=stopped: stop)  # type: ignore[misc]
        assert problem.value.code is code


def test_the_command_line_prints_and_saves_it(
    tmp_path: Path, plan: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    with Service(Paths.resolve(home)) as service:
        service.index([str(plan)])
        service.assisting.save(RENT)
    batch = tmp_path / "questions.jsonl"
    batch.write_text('{"id": 1, "question": "Is there a deductible?"}\n')
    asked = ["adapters", "check", "grounded-answers", "--assistant", "Rent", "--batch", str(batch)]
    assert main([*asked, "--save", str(tmp_path / "report.md")]) == 0
    said = capsys.readouterr().out
    assert "Adapter + grammar" in said
    assert "too few questions" in said
    assert "| Grammar | 1 of 1 |" in (tmp_path / "report.md").read_text()
    assert main([*asked, "--json", "--save", str(tmp_path / "report.json")]) == 0
    printed = json.loads(capsys.readouterr().out)["adapters"][0]
    assert printed["ways"] == json.loads((tmp_path / "report.json").read_text())["ways"]
    batch.write_text("{}")
    assert main(asked) == 2

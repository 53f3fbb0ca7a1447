"""One verb, two doors: what the command line answers with an adapter the engine's pipe answers too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant_app.cli.main import main
from assistant_app.paths import shipped_adapters
from assistant_app.protocol import messages
from tests.engine.conftest import running

pytestmark = pytest.mark.models

QUESTION = "What is the deductible of the Aurora plan?"


@pytest.mark.parametrize("adapter", ["json-record", "grounded-answers", "none"])
def test_the_command_line_and_the_window_agree(
    plan: Path, home: Path, capsys: pytest.CaptureFixture[str], adapter: str
) -> None:
    assert main(["index", str(plan)]) == 0
    capsys.readouterr()
    assert main(["ask", QUESTION, "--adapter", adapter, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    path = adapter if adapter == "none" else str(shipped_adapters() / f"{adapter}.gguf")
    with running(home) as engine:
        engine.send(messages.Ask(question=QUESTION, adapter=path, job=1))
        event, _ = engine.until(messages.Answered, 1)
    assert isinstance(event, messages.Answered)
    answer = event.answer
    assert (told["answer"], told["adapter"], told["found"]) == (answer.answer, answer.adapter, answer.found)
    assert told["adapter"] == (None if adapter == "none" else adapter)
    quotes = [(citation.quote, citation.verified) for citation in answer.citations]
    assert [(each["quote"], each["verified"]) for each in told["citations"]] == quotes
    assert told.get("format", "text") == ("record" if adapter == "json-record" else "text")

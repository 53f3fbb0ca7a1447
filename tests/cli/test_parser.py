"""Wrong usage is told with the command that would be right, before anything is opened."""

from __future__ import annotations

import pytest

from assistant_app.cli.parser import parse


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ask", "give a question, or --batch FILE"),
        ("search --batch f q", "give a question, or --batch FILE"),
        ("summarise a b c", "give one document, or two to compare"),
        ("remove a --undo --forever", "contradict each other"),
        ("models remove a --undo --forever", "contradict each other"),
        ("models use", "docent models use NAME|FILE"),
        ("models add", "docent models add FILE"),
        ("models remove", "docent models remove NAME|FILE"),
        ("models download --discard", "docent models download NAME --discard"),
        ("adapters use", "docent adapters use NAME|FILE"),
        ("adapters also", "docent adapters also NAME|FILE"),
        ("adapters add", "docent adapters add FILE|FOLDER"),
        ("adapters remove", "docent adapters remove NAME|FILE"),
        ("adapters train", "docent adapters train --data FILE"),
        ("adapters also x --scale 9", "from 0 to 4"),
        ("adapters train --data f --held-out 0.6", "from 0 to 0.5"),
        ("search q --top 0", "from 1 to 1000"),
    ],
)
def test_what_is_wrong_is_said(typed: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(typed.split())
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed", ["models list", "models info", "models download", "adapters check", "adapters train --data f"]
)
def test_a_name_that_is_not_needed_may_be_left_out(typed: str) -> None:
    assert parse(typed.split()).name is None

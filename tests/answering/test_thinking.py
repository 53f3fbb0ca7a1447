"""A reasoning model's notes are told from its answer, however the text is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.answering.thinking import ThinkingFilter


def filtered(pieces: list[str]) -> tuple[str, str, list[tuple[str, bool]]]:
    said: list[tuple[str, bool]] = []
    split = ThinkingFilter(lambda text, thinking: said.append((text, thinking)))
    for piece in pieces:
        split.feed(piece)
    split.end()
    assert "".join(text for text, thinking in said if not thinking) == split.answer
    assert "".join(text for text, thinking in said if thinking) == split.thinking
    assert all(text for text, _ in said)
    return split.answer, split.thinking, said


CASES = {
    "<think>a</think>b": ("b", "a"),
    "<think>a</think>\n\n b c": ("b c", "a"),
    "[THINK]a[/THINK]b": ("b", "a"),
    "no notes at all": ("no notes at all", ""),
    "<think>never closed": ("", "never closed"),
    "answer <think>late</think> more": ("answer  more", "late"),
    "<think>a<think>b</think>c</think>d": ("c</think>d", "a<think>b"),
    "<think>a[/THINK]b</think>c": ("c", "a[/THINK]b"),
    "<think></think>": ("", ""),
    "a < b <thin air": ("a < b <thin air", ""),
    "<think": ("<think", ""),
    "<<think>x</think>y": ("<y", "x"),
    "<think>x</thin</think>y": ("y", "x</thin"),
    "[1] [THINK it over": ("[1] [THINK it over", ""),
    "": ("", ""),
    " \n ": ("", ""),
}


@pytest.mark.parametrize("text", CASES)
@given(data=st.data())
def test_every_way_of_cutting_gives_the_same(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    pieces = [text[first:last] for first, last in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert filtered(pieces)[:2] == CASES[text]
    assert filtered([text])[:2] == CASES[text]
    assert filtered(list(text))[:2] == CASES[text]


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "[/THINK]", "<", "th", "ink>", "[", "a", " ", "\n"]))
)
def test_nothing_is_lost(pieces: list[str]) -> None:
    answer, thinking, _ = filtered(pieces)
    whole = filtered(["".join(pieces)])
    assert (answer, thinking) == whole[:2]
    marks = ("<think>", "</think>", "[THINK]", "[/THINK]")
    if not any(mark in "".join(pieces) for mark in marks):
        assert answer == "".join(pieces).lstrip()


def test_what_is_clear_is_passed_on_at_once() -> None:
    said: list[tuple[str, bool]] = []
    split = ThinkingFilter(lambda text, thinking: said.append((text, thinking)))
    split.feed("Hello")
    split.feed(" <b>")
    assert said == [("Hello", False), (" <b>", False)]
    split.feed(" <thi")
    assert said[-1] == (" ", False)

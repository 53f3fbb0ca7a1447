from __future__ import annotations

import pytest

from assistant_app.documents.page_text import clean, search_pattern, utf16_offset


def test_odd_characters_are_replaced_one_to_one() -> None:
    text = "a\x00b\r\nc\rd\ufffee\x02f\ud800g\uffffh\ti\U0001f600"
    cleaned = clean(text)
    assert cleaned == "a\ufffdb \nc\nd-e-f\ufffdg\ufffdh\ti\U0001f600"
    assert len(cleaned) == len(text)


def test_a_mark_that_is_no_hyphen_is_a_replacement_character() -> None:
    asked: list[int] = []

    def is_hyphen(offset: int) -> bool:
        asked.append(offset)
        return offset == 1

    assert clean("a\ufffeb\ufffec", is_hyphen) == "a-b\ufffdc"
    assert asked == [1, 3]


def test_a_mark_in_a_broken_word_is_a_soft_hyphen() -> None:
    assert clean("the deduc\ufffetible of an in\ufffenetwork plan, out-of\ufffepocket, IN\ufffeNET") == (
        "the deduc\u00adtible of an in-network plan, out-of-pocket, IN-NET"
    )


def test_utf16_offset_counts_two_units_above_the_first_plane() -> None:
    assert [utf16_offset("a\U0001f600ä\ufffdb", offset) for offset in range(6)] == [0, 1, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("DEDUCTIBLE", "the deductible is"),
        ("the   deductible", "the \ndeductible"),
        ("deductible", "the deduc-tible is"),
        ("deductible", "the deduc- \ntible is"),
        ("don't", "you don’t pay"),
        ('"plan"', "the “plan” is"),
        ("2-3 days", "takes 2–3 days"),
        ("a.c (x)", "see a.c (x) there"),
        ("deductible", "the deduc\u00adtible is"),
        ("deductible", "the deduc\u00ad \ntible is"),
        ("in-network", "an in-network provider"),
        ("in-network", "an in- \nnetwork provider"),
        ("in-network", "an in\u00adnetwork provider"),
    ],
)
def test_a_search_finds_what_a_reader_sees(wanted: str, text: str) -> None:
    pattern = search_pattern(wanted)
    assert pattern is not None
    assert pattern.search(text)


@pytest.mark.parametrize(("wanted", "text"), [("a.c", "abc"), ("cat dog", "catdog"), ("plan", "pl an"), ("12", "1-2")])
def test_a_search_does_not_find_what_is_not_there(wanted: str, text: str) -> None:
    pattern = search_pattern(wanted)
    assert pattern is not None
    assert pattern.search(text) is None


def test_nothing_to_search_for() -> None:
    assert search_pattern(" \n ") is None

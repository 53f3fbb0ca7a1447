"""Passages: every span gives back the text, none is too long, nothing that a token covers is lost."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.documents.passages import LONGEST_TOKEN, TOKENS, Span, fold_space, sentences, split
from assistant_app.library.embedder import Embedder

WORDS = (
    "plan",
    "No.",
    "e.g.",
    "is",
    "$2,000",
    "covered.",
    "Dr.",
    "计划。",
    "•",
    "-",
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "ok?",
    "\u00a0",
)
texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from(WORDS)).map(" ".join),
    st.lists(st.sampled_from(WORDS)).map("".join),
    st.text(alphabet='a.\n \u00a0•2)"。'),
)


def tokenised(text: str) -> list[tuple[int, int]]:
    """Words and single marks, as the embedding model's tokenizer cuts before it looks into its vocabulary."""
    return [match.span() for match in re.finditer(r"[a-zA-Z]{1,6}|\d|[^\w\s]|[^\W\da-zA-Z]", text)]


def said(text: str) -> list[str]:
    return [text[start : start + length] for start, length in sentences(text)]


@given(texts)
def test_sentences_cover_the_text(text: str) -> None:
    end = 0
    for span in sentences(text):
        assert span.start >= end
        piece = text[span.start : sum(span)]
        assert piece
        assert piece == piece.strip()
        assert not text[end : span.start].strip()
        end = sum(span)
    assert not text[end:].strip()


@given(texts, st.integers(1, 12), st.integers(0, 6))
def test_passages_keep_their_promises(text: str, size: int, overlap: int) -> None:
    tokens = tokenised(text)
    spans = split(text, tokens, size, overlap)
    inside = [{place for place, (start, _) in enumerate(tokens) if span.start <= start < sum(span)} for span in spans]
    covered = {offset for span in spans for offset in range(span.start, sum(span))}
    assert covered >= {offset for token in tokens for offset in range(*token) if not text[offset].isspace()}
    for span, held in zip(spans, inside, strict=True):
        piece = text[span.start : sum(span)]
        assert len(piece) == span.length > 0
        assert piece == piece.strip()
        assert len(held) <= size
    for one, other in pairwise(spans):
        assert one.start < other.start
        assert sum(one) < sum(other)
    for held, following in pairwise(inside):
        assert len(held & following) <= overlap


@given(st.text(alphabet="ab .\n", max_size=300), st.integers(1, 4))
def test_a_token_of_any_length_makes_no_passage_of_any_length(text: str, size: int) -> None:
    everything = [(0, len(text))] if text else []
    spans = split(text, everything, size, 0)
    assert all(span.length <= size * LONGEST_TOKEN for span in spans if not re.search(r"\s\s", text))
    kept = "".join(text[start : start + length] for start, length in spans)
    assert re.sub(r"\s", "", kept) == re.sub(r"\s", "", text)


def test_neighbours_overlap_by_whole_sentences() -> None:
    text = "One two three. Four five. Six seven eight. Nine ten."
    spans = split(text, tokenised(text), size=8, overlap=4)
    assert [text[start : start + length] for start, length in spans] == [
        "One two three. Four five.",
        "Four five. Six seven eight.",
        "Six seven eight. Nine ten.",
    ]


def test_a_passage_never_only_repeats_the_one_before() -> None:
    text = "One two three. Five six. " + "seven " * 6
    spans = split(text, tokenised(text), size=7, overlap=4)
    assert [text[start : start + length] for start, length in spans] == [
        "One two three. Five six.",
        "seven seven seven seven seven seven",
    ]


def test_a_long_sentence_is_cut_at_token_borders() -> None:
    text = "word " * 10
    spans = split(text, tokenised(text), size=4, overlap=2)
    assert [text[start : start + length] for start, length in spans] == ["word word word word"] * 2 + ["word word"]


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\u00a0\u2003"])
def test_a_page_without_text_has_no_passage(text: str) -> None:
    assert list(sentences(text)) == []
    assert split(text, [(0, len(text))] if text else []) == []


def test_rows_stay_whole_and_nothing_reaches_over_what_is_left_out() -> None:
    text = "Before it. a. b c\nd. e f\nHEAD\nAfter it. More. End here"
    rows = [Span(text.index("a. b c"), 6), Span(text.index("d. e f"), 6)]
    out = [Span(text.index("HEAD"), 4)]
    begins = [text.index("End")]
    spans = split(text, tokenised(text), size=8, overlap=0, rows=rows, left_out=out, begins=begins)
    assert [text[start : start + length] for start, length in spans] == [
        "Before it. a. b c",
        "d. e f",
        "After it. More.",
        "End here",
    ]


def test_a_row_longer_than_a_passage_is_cut() -> None:
    text = "a b c d e f g h i j"
    spans = split(text, tokenised(text), size=4, overlap=0, rows=[Span(0, len(text))])
    assert [text[start : start + length] for start, length in spans] == ["a b c d", "e f g h", "i j"]


def test_text_without_tokens_makes_no_passage() -> None:
    assert split("\ufffd\ufffd \ufffd", []) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "See Dr. Smith, e.g. on Monday.",
        "It is policy No. 5 of Sec. 3 on p. 12.",
        "The plan costs approx. $2,000 a year.",
        "Acme Inc. pays it at 9 p.m. each day.",
        "The premium is 2.5 percent.",
        "1. The plan covers dental.",
        "12. The plan covers dental.",
    ],
)
def test_abbreviations_end_no_sentence(sentence: str) -> None:
    assert said(f"{sentence} Then more.") == [sentence, "Then more."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Is it covered? No. The plan is.", ["Is it covered?", "No.", "The plan is."]),
        ("How many? 12. That is all.", ["How many?", "12.", "That is all."]),
        ("By Acme Inc. The end.", ["By Acme Inc.", "The end."]),
        ('He said "yes." Then left.', ['He said "yes."', "Then left."]),
        ("Wait… What?", ["Wait…", "What?"]),
        ("a line\nthat wraps. Next", ["a line\nthat wraps.", "Next"]),
        ("A title\n\nA text", ["A title", "A text"]),
        ("A title\r\n \r\nA text", ["A title", "A text"]),
        ("List:\n• one\n• two\n- three\n* four", ["List:", "• one", "• two", "- three", "* four"]),
        ("Two things:\n1. One\n2) Two", ["Two things:", "1. One", "2) Two"]),
        ("1. One.\n2. Two.\n(3) Three.", ["1. One.", "2. Two.", "(3) Three."]),
        ("免赔额是多少？两千。谢谢！", ["免赔额是多少？", "两千。", "谢谢！"]),
        ("他说：“很好。”然后走了。", ["他说：“很好。”", "然后走了。"]),
        ("包括牙科；不包括视力。真的？！好", ["包括牙科；", "不包括视力。", "真的？！", "好"]),
        ("値は３．５である．次の文．", ["値は３．５である．", "次の文．"]),
        ("ما هو؟ المبلغ ٢٠٠٠. انتهى", ["ما هو؟", "المبلغ ٢٠٠٠.", "انتهى"]),
        ("یہ ہے۔ وہ ہے۔", ["یہ ہے۔", "وہ ہے۔"]),
        ("यह है। वह है।दूसरा॥", ["यह है।", "वह है।", "दूसरा॥"]),
        ("He said «yes.» Then", ["He said «yes.»", "Then"]),
        ("A hyphen-\nated word. B", ["A hyphen-\nated word.", "B"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert said(text) == expected


def test_a_heading_of_markdown_is_a_sentence_of_its_own() -> None:
    text = "# Plans\n## The Standard plan\nthe deductible is $2,000\nand no more.\n#hashtag is a word"
    found = [text[start : start + length] for start, length in sentences(text)]
    assert found == [
        "# Plans",
        "## The Standard plan",
        "the deductible is $2,000\nand no more.",
        "#hashtag is a word",
    ]


def test_white_space_is_folded() -> None:
    assert fold_space(" a \r\n\t b\u00a0c ") == "a b c"


HOSTILE = {
    "one word": "x" * 2_000_000,
    "ideographs": "中" * 200_000,
    "full stops": "." * 200_000,
    "blank lines": "\n\u00a0" * 1_000_000,
    "next lines": "\n\x85" * 1_000_000,
    "enumerators": "\n1. " * 100_000,
    "one sentence": "word " * 200_000,
    "unreadable": "a " + "\ufffd" * 2_000_000 + " b",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(60)
def test_a_page_of_any_kind_is_cut_in_linear_time(name: str) -> None:
    """Quadratic time would be hours here; the limit only keeps such a fault from hanging the run."""
    text = HOSTILE[name]
    spans = split(text, tokenised(text) if name != "one word" else [(0, len(text))])
    assert all(span.length <= TOKENS * LONGEST_TOKEN for span in spans)
    assert bool(spans) == bool(text.strip())


@pytest.mark.models
@pytest.mark.parametrize(
    "text",
    [
        "The plan has a deductible of $2,000. " * 60,
        "Übergrößenträger écoute 한국어 문장 ½ ﬁ \u0301\u0301 e\u0301 " * 20,
        "x" * 50_000,
        "\ufffd" * 500 + " a word " + "\ufffd" * 5_000,
        "中文" * 400,
        "1. " * 400,
    ],
)
def test_passages_by_the_real_tokens(text: str) -> None:
    embedder = Embedder()
    tokens = embedder.token_spans(text)
    spans = split(text, tokens)
    covered = {offset for span in spans for offset in range(span.start, sum(span))}
    assert covered >= {offset for token in tokens for offset in range(*token) if not text[offset].isspace()}
    for span in spans:
        piece = text[span.start : sum(span)]
        assert len(embedder.token_spans(piece)) <= TOKENS
        assert len(piece) <= TOKENS * LONGEST_TOKEN


def test_a_heading_is_no_part_of_the_sentence_below_it() -> None:
    text = (
        "The Aurora plan at a glance \n"
        "The Aurora plan has a calendar year deductible of $1,250 for each of the persons who\n"
        "Meridian Works insures. \n"
        "Members pay a copayment"
    )
    cut = [" ".join(text[start : start + length].split()) for start, length in sentences(text)]
    assert cut == [
        "The Aurora plan at a glance",
        "The Aurora plan has a calendar year deductible of $1,250 for each of the persons who Meridian Works insures.",
        "Members pay a copayment",
    ]

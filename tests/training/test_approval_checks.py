"""What keeps an example from counting: each problem alone, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.answering import prompts
from assistant_app.answering.formats import AnswerRecord, write_record
from assistant_app.protocol.training import Example, Problem, SourceText
from assistant_app.training import approval_checks
from assistant_app.training.approval_checks import LONGEST_TOKENS, Looked, counts, has_secret, problems

SOURCES = [
    SourceText(name="Fees", text="It is $5 a month.", page=2),
    SourceText(name="Notes", text="Nothing of interest."),
]


def example(answer: str = "It is $5 [1].", question: str = "How much is it?", **more: object) -> Example:
    return Example(question=question, answer=answer, **{"sources": SOURCES, **more})  # type: ignore[arg-type]


def of(one: Example) -> list[Problem]:
    return problems([one])[0]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("It is $5 [1].", []),
        ("It is $5 [1] [2].", []),
        ("It is $5 [1, 2].", []),
        (prompts.NOT_FOUND, []),
        ("The documents do not say that.", []),
        ("Its rate {a} is “b” [1].", []),
        ("", ["empty"]),
        (" \n…", ["empty"]),
        ("It is $5.", ["not_cited"]),
        ("It is $5 [3].", ["cites_nothing_there"]),
        ("It is $5 [1-3].", ["cites_nothing_there"]),
        ("It is $5 [0].", ["cites_nothing_there"]),
        ("It is $5 [2024].", ["cites_nothing_there"]),
        ("It is $5 [x].", ["format_invalid", "not_cited"]),
        ("It is $5 [] [1].", ["format_invalid"]),
        ("It is $5 [1] [?].", ["format_invalid"]),
        ("It is $5 [1] [2", ["format_invalid"]),
        ('{"answer": "$5 [1]"}', ["format_invalid"]),
        ('["$5 [1]"]', ["format_invalid"]),
        ("It is [" + "9" * 5000 + "] [1].", []),
    ],
)
def test_free_text_is_cited_and_no_more_than_text(answer: str, found: list[Problem]) -> None:
    assert of(example(answer)) == found


def test_where_there_is_no_source_none_can_be_cited() -> None:
    assert of(example("It is $5.", sources=[])) == ["not_cited"]
    assert of(example("It is $5 [1].", sources=[])) == ["cites_nothing_there"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (write_record(AnswerRecord("$5", "It is $5 a month.", 2, True)), []),
        (write_record(AnswerRecord("", "", None, False)), []),
        ("It is $5 [1].", ["format_invalid"]),
        ('{"answer": "$5"}', ["format_invalid"]),
        ("{" * 100_000, ["empty"]),
        ("{" * 100_000 + "a", ["format_invalid", "too_long"]),
    ],
)
def test_a_record_is_a_whole_one(answer: str, found: list[Problem]) -> None:
    assert of(example(answer, format="record")) == found


def chat(prompt: str, answer: str, system: str = "Be brief.") -> Example:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    return Example(question=prompt, answer=answer, messages=messages)


def test_of_another_prompt_only_that_is_asked_which_can_be_known() -> None:
    assert of(chat("How much?", "$5.")) == []
    assert of(chat("How much?", "$5 [3].")) == []
    assert of(chat("How much?", '{"price": "$5"}')) == []
    assert of(chat("[1] It is $5. How much?", "$5 [1].")) == []
    assert of(chat("[1] It is $5. How much?", "$5.")) == ["not_cited"]
    assert of(chat("[1] It is $5. How much?", "$5 [2].")) == ["cites_nothing_there"]
    assert of(chat("[1] It is $5. How much?", "$5 [x] [1].")) == []
    assert of(chat("[1] It is $5. How much?", "$5 [x] [1].", prompts.INSTRUCTIONS)) == ["format_invalid"]
    assert of(chat("How much?", " ")) == ["empty"]


def test_what_is_longer_than_the_context_is_too_long() -> None:
    room = LONGEST_TOKENS * approval_checks.BYTES_PER_TOKEN
    for letter in ("a", "語"):
        long = SourceText(name="Fees", text=letter * (room // len(letter.encode())))
        half = SourceText(name="Fees", text=letter * (room // len(letter.encode()) // 2))
        assert of(example(sources=[long])) == ["too_long"]
        assert of(example(sources=[half])) == []
        assert of(example(sources=[half, half])) == ["too_long"]
    assert of(example("a [1]. " * (room // 7))) == ["too_long"]
    assert of(chat("a " * room, "$5.")) == ["too_long"]


def test_the_estimate_is_near_the_prompts_length() -> None:
    one = example()
    made = sum(len(each["content"].encode()) for each in prompts.messages(one.question, []))
    made += sum(len(f"[1] ({each.name}, page 2) {each.text}\n\n") for each in SOURCES) + len(one.answer)
    assert 0 <= approval_checks._bytes(one) - made < 150


def test_the_newer_of_two_alike_is_a_duplicate() -> None:
    others = [
        example(question="How much is that?"),
        example(sources=SOURCES[:1]),
        example(sources=SOURCES[::-1]),
        example(sources=[SourceText(name="Fees", text="It is $5 a month.", page=3), SOURCES[1]]),
        example(write_record(AnswerRecord("$5", "It is $5 a month.", 2, True)), format="record"),
        chat("How much is it?", "$5."),
        chat("How much is it?", "$5.", "Be long."),
    ]
    alike = [
        example("It is five dollars [1]."),
        example(question="  HOW much\nis it?"),
        chat("how much is  IT?", "Five."),
    ]
    found = problems([example(), *others, *alike])
    assert found == [[] for _ in range(8)] + [["duplicate"]] * 3


def test_what_a_person_may_accept_counts_then() -> None:
    assert counts([], False)
    assert not counts(["not_cited"], False)
    assert counts(["secret", "not_cited", "duplicate"], True)
    for serious in ("empty", "format_invalid", "cites_nothing_there", "too_long"):
        assert not counts([serious, "duplicate"], True)


def test_only_what_changed_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    real = approval_checks._problems

    def noted(one: Example) -> object:
        looked.append(one.answer)
        return real(one)

    monkeypatch.setattr(approval_checks, "_problems", noted)
    known: dict[bytes, Looked] = {}
    first = [example("A [1]."), example("B.", "B?"), example("C [1].", "C?")]
    assert problems(first, known) == [[], ["not_cited"], []]
    assert problems([first[1], example("D [1].", "B?"), first[2]], known) == [["not_cited"], ["duplicate"], []]
    assert looked == ["A [1].", "B.", "C [1].", "D [1]."]
    assert len(known) == 3


# ---------------------------------------------------------------- secrets

# Put together here, so that no scanner takes this file for a leak.
SECRETS = [
    "The password is " + "Summer2024!",
    "password: " + "hunter22",
    'DB_PASSWORD="' + 'a1b2c3d4"',
    "Passwort ist " + "Sommer#Haus",
    "Mot de passe : " + "soleil75",
    "api_key=" + "9f8e7d6c5b4a",
    "The secret key is " + "qwer_1234",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "-----BEGIN " + "PRIVATE KEY-----",
    "AK" + "IAIOSFODNN7EXAMPLE",
    "gh" + "p_" + "a1" * 18,
    "github" + "_pat_" + "a1" * 20,
    "glpat" + "-" + "a1" * 10,
    "xo" + "xb-1234567890-abc",
    "s" + "k-" + "a1" * 16,
    "s" + "k_live_" + "a1" * 12,
    "AI" + "za" + "a1" * 17 + "b",
    "h" + "f_" + "a1" * 17,
    "ey" + "Jhbgciabcdefg." + "ey" + "Jhbgciabcdefg.abcdefghijk",
    "https://me:" + "s3cret@example.org/",
    "Pay with 4111 1111 1111 1111 by Friday.",
    "4111-1111-1111-1111",
    "No 12 5555555555554444.",
    "3782 822463 10005",
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "to GB82WEST12345698765432 NEXT WEEK",
    "FR14 2004 1010 0505 0001 3M02 606",
]
HARMLESS = [
    "The password is required.",
    "Password: required",
    "Choose a password with 12 letters.",
    "The secretary: Room5b",
    "A secret is a thing that 2 people know.",
    "The key is under the mat.",
    "Passages: 12345678",
    "Use https://example.org:8080/a@b for it.",
    "4111 1111 1111 1112",
    "Call 0711 2345 6789 0123 now.",
    "2019 2020 2021 2022",
    "1234567890123456789012345",
    "DE88 3704 0044 0532 0130 00",
    "ISBN 978-3-16-148410-0",
    "task-force sk-learn and xoxo",
    "AKIA is a short word",
    "$1,250 for each of 27 persons [1]",
    "",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_seen_wherever_it_stands(text: str) -> None:
    assert has_secret(text)
    assert has_secret(f"Nothing. {text}")
    assert of(example(f"It is {text} [1].")) == ["secret"]
    assert of(example(question=f"Is it {text}?")) == ["secret"]
    assert of(example(sources=[*SOURCES, SourceText(name="Notes", text=text)])) == ["secret"]
    assert of(chat(text, "Yes.")) == ["secret"]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_not_taken_for_one(text: str) -> None:
    assert not has_secret(text)


@given(st.text())
def test_no_text_is_too_odd_to_be_looked_at(text: str) -> None:
    one = Example(question=text, answer=text, sources=[SourceText(name=text, text=text)])
    assert len(problems([one, one])) == 2


def test_long_runs_take_no_time() -> None:
    for piece in ("a", "1", "[", "[1", " ", "1 ", "password ", "4111 ", "AB12 ", "eyJ", "://", "-----BEGIN A "):
        has_secret(piece * 20_000)
        of(example(piece * 20_000))

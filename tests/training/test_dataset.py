"""Examples: made of answered turns, read from files that nobody vouches for, written so that they come back."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.answering import prompts
from assistant_app.answering.formats import AnswerRecord, write_record
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Answer, Citation, Hit, Inspection, Turn
from assistant_app.protocol.training import ChatShape, Example, SourceText
from assistant_app.training import dataset
from assistant_app.training.dataset import chat_line, of_turn, prompt_of, read_examples, write_examples

SOURCES = [SourceText(name="Fees", text="It is $5 a month.", page=2), SourceText(name="Notes", text="Nothing.")]
OURS = Example(question="How much is it?", answer="It is $5 [1].", sources=SOURCES)
RECORD = Example(
    question="How much is it?",
    answer=write_record(AnswerRecord("$5", "It is $5 a month.", 2, True)),
    sources=SOURCES,
    format="record",
)
CHAT: list[dict[str, object]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How much?"},
    {"role": "assistant", "content": "$5."},
]
THEIRS = Example(
    question="How much?",
    answer="$5.",
    messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How much?"}],
)


def written(folder: Path, *lines: object) -> Path:
    path = folder / "examples.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


def problem(path: Path) -> DocentError:
    with pytest.raises(DocentError) as caught:
        read_examples(path)
    return caught.value


# ---------------------------------------------------------------- of a turn


def hit(path: str, page: int | None, start: int, text: str, **more: object) -> Hit:
    return Hit(rank=1, path=path, page=page, page_label="", score=1.0, text=text, start=start, length=len(text), **more)  # type: ignore[arg-type]


def cited(number: int, path: str, page: int | None, start: int) -> Citation:
    return Citation(
        number=number, path=path, page=page, quote="x", start=start, length=1, verified=True, given_by="model"
    )


HITS = [
    hit("/d/A_plan.pdf", 1, 0, "a" * 12 + "."),
    hit("/d/A_plan.pdf", 1, 100, "The fee is $5.\nIt is [7] low.", table_header="Fee"),
    hit("/d/notes.md", None, 40, "Notes."),
]


def turn(answer: str, citations: list[Citation] | None = None, **more: object) -> Turn:
    given = {"found": True, **more}
    said = Answer(question="and that?", answer=answer, citations=citations or [], **given)  # type: ignore[arg-type]
    return Turn(id=1, question="and that?", searched="What is the fee?", answer=said)


def given_sources(hits: list[Hit]) -> Inspection:
    return Inspection(question="", searched="", sources=hits)


def test_a_turn_becomes_what_the_model_was_given_and_should_say() -> None:
    answer = turn("It is $5 [1] [2]. See the notes [3].", [cited(1, "/d/A_plan.pdf", 1, 105)])
    answer.answer.citations.extend([cited(2, "/d/A_plan.pdf", 1, 3), cited(3, "/d/notes.md", None, 2)])
    example = of_turn(answer, given_sources(HITS))
    assert example.question == "What is the fee?"
    assert example.answer == "It is $5 [2] [1]. See the notes [3]."
    assert example.sources[1] == SourceText(name="A plan", text="Fee The fee is $5. It is (7) low.", page=1)
    assert [each.page for each in example.sources] == [1, 1, None]
    assert prompt_of(example) == prompts.messages("What is the fee?", HITS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is [1].", "It is [2]."),
        ("It is [9].", "It is."),
        ("[9] It is [1]", "It is [2]"),
        ("It is [1, 2].", "It is [2] [1]."),
        ("It is [1–3].", "It is [2] [1]."),  # there is no third citation
        ("It is [1] [4].", "It is [2]."),  # both stand in the second source
        ("It is [0] or [12345678901].", "It is or [12345678901]."),
        ("It is  not[1]", "It is  not[2]"),
    ],
)
def test_numbers_of_citations_become_those_of_sources(text: str, expected: str) -> None:
    citations = [cited(1, "/d/A_plan.pdf", 1, 105), cited(2, "/d/A_plan.pdf", 1, 0), cited(4, "/d/A_plan.pdf", 1, 110)]
    example = of_turn(turn("Something else.", citations), given_sources(HITS), text)
    assert example.answer == expected


def test_a_quote_outside_every_source_belongs_to_the_nearest_of_its_page() -> None:
    for start, number in ((20, 1), (60, 2), (300, 2), (90, 2)):
        example = of_turn(turn("It is [1].", [cited(1, "/d/A_plan.pdf", 1, start)]), given_sources(HITS))
        assert example.answer == f"It is [{number}].", start
    elsewhere = turn("It is [1].", [cited(1, "/d/A_plan.pdf", 9, 0)])
    assert of_turn(elsewhere, given_sources(HITS)).answer == "It is."


def test_what_was_not_found_is_answered_so() -> None:
    nothing = turn("Not in  your documents, it seems.", found=False, nearest=HITS[:2])
    example = of_turn(nothing, given_sources([]))
    assert (example.answer, len(example.sources)) == (prompts.NOT_FOUND, 2)
    assert len(of_turn(nothing, given_sources(HITS)).sources) == 3
    said = of_turn(nothing, given_sources(HITS), "The documents do not say that.")
    assert said.answer == "The documents do not say that."


def test_a_record_is_kept_as_it_is() -> None:
    text = write_record(AnswerRecord("see [1]", "The fee is $5.", 1, True))
    example = of_turn(
        turn(text, [cited(1, "/d/A_plan.pdf", 1, 105)], format="record", found=False), given_sources(HITS)
    )
    assert (example.answer, example.format) == (text, "record")


def test_what_cannot_be_an_example_is_refused() -> None:
    summary = turn("All of it.")
    summary.kind = "summary"
    for refused, hits in (
        (turn("From general knowledge: yes.", found=False, general=True), HITS),
        (turn("It is."), []),
        (turn("Not in your documents.", found=False), []),
        (summary, HITS),
    ):
        with pytest.raises(DocentError) as caught:
            of_turn(refused, given_sources(hits))
        assert caught.value.code is Code.APPROVAL_REFUSED


# ---------------------------------------------------------------- reading


def test_all_shapes_are_read(tmp_path: Path) -> None:
    own = {"question": "How much is it?", "answer": "It is $5 [1].", "sources": [{"name": "Fees", "text": "It is."}]}
    text = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow much?<|im_end|>\n"
        "<|im_start|>assistant\n$5.<|im_end|>\n"
    )
    first, second, third = read_examples(written(tmp_path, own, {"messages": CHAT}, {"text": text}))
    assert first == Example(
        question="How much is it?", answer="It is $5 [1].", sources=[SourceText(name="Fees", text="It is.")]
    )
    assert second == third == THEIRS


def test_what_other_programs_add_is_passed_over(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "How"}, {"type": "text", "text": "much?"}]
    line = {
        "id": 7,
        "tools": None,
        "source": {"a": [1]},
        "format": "chat",
        "text": 3,
        "messages": [
            {"role": "system", "content": "Be brief.", "name": "x", "weight": 0},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": "$5.", "weight": 1, "tool_calls": None},
        ],
    }
    (read,) = read_examples(written(tmp_path, line))
    assert read.question == "How\nmuch?"
    assert read.messages == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How\nmuch?"}]


def test_a_file_from_another_system_is_read(tmp_path: Path) -> None:
    line = json.dumps({"messages": CHAT}).encode()
    path = tmp_path / "examples.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n  \r\n" + line + b"\r\n")
    assert read_examples(path) == [THEIRS, THEIRS]
    path.write_bytes('{"question": "a\u2028b\u0085c", "answer": "d"}'.encode())
    assert read_examples(path) == [Example(question="a\u2028b\u0085c", answer="d")]


def test_a_record_is_known_by_its_prompt(tmp_path: Path) -> None:
    chat = [*prompt_of(RECORD), {"role": "assistant", "content": RECORD.answer}]
    (read,) = read_examples(written(tmp_path, {"messages": chat}))
    assert (read.format, read.messages, read.answer) == ("record", prompt_of(RECORD), RECORD.answer)


GOOD = {"messages": CHAT}
USER: list[dict[str, object]] = [{"role": "user", "content": "How much?"}]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[" + json.dumps(GOOD).encode() + b"]", "array"),
        (b"no JSON", "not one JSON object"),
        (b'"text"', "not one JSON object"),
        (b'{"messages": ', "not one JSON object"),
        (b'{"question": "a", "answer": "b"} {}', "not one JSON object"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too deeply"),
        (b'{"messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "too deeply"),
        (b'{"question": "a", "answer": "b", "x": NaN}', "not one JSON object"),
        (b'{"question": "a", "answer": "b", "sources": [{"name": "", "text": "", "page": 1e999}]}', "another type"),
        (b'{"question": "a", "answer": "b", "sources": [{"name": "n"}]}', "another type"),
        (b'{"question": "a", "answer": "b", "format": "verse"}', "another type"),
        (b'{"question": "a \\ud800", "answer": "b"}', "surrogate"),
        (b'{"question": "a \xed\xa0\x80", "answer": "b"}', "UTF-8"),
        (b'{"question": "a \xff", "answer": "b"}', "UTF-8"),
        ('{"question": "a", "answer": "b"}'.encode("utf-16"), "UTF-8"),
        (b'{"question": "' + b"a" * 2**21 + b'", "answer": "b"}', "longer than"),
        (b" " * 2**21, "longer than"),
        ({"prompt": "a", "completion": "b"}, "neither"),
        ({"messages": []}, "do not end"),
        ({"messages": USER}, "do not end"),
        ({"messages": [{"role": "assistant", "content": "$5."}]}, "do not end"),
        ({"messages": [*CHAT, {"role": "tool", "content": "7"}]}, "role"),
        ({"messages": [*USER, {"role": "assistant", "content": None}]}, "no content"),
        ({"messages": [*USER, {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}]}, "tools"),
        ({"messages": [*USER, {"role": "assistant", "function_call": {"name": "f"}}]}, "tools"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "than text"),
        ({"question": "a", "answer": "b", "messages": [{"role": "user"}]}, "no content"),
        ({"question": "a", "answer": "b", "messages": CHAT}, "do not end"),
        ({"docent": {"question": "a", "answer": "b", "messages": [{"role": "root", "content": ""}]}}, "role"),
        ({"docent": None, "messages": CHAT}, "another type"),
        ({"text": "How much?"}, "does not end"),
        ({"text": "<|im_start|>user\nHow much?<|im_end|>\n<|im_start|>assistant\n$5."}, "does not end"),
        ({"text": "x<|im_start|>user\nHow much?<|im_end|>"}, "made of turns"),
        ({"text": "<|im_start|>user\na<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\nc<|im_end|>"}, "turns"),
        ({"text": "<|im_start|>user<|im_end|>"}, "made of turns"),
    ],
    ids=range(35),
)
def test_a_bad_line_is_named(tmp_path: Path, line: object, said: str) -> None:
    error = problem(written(tmp_path, GOOD, b"", line, GOOD))
    assert (error.code, error.details["line"]) == (Code.EXAMPLES_INVALID, 3)
    assert said in str(error.details["said"])


def test_what_is_no_file_of_examples_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem(tmp_path / "none.jsonl").code is Code.EXAMPLES_MISSING
    assert problem(tmp_path).code is Code.EXAMPLES_UNREADABLE
    assert problem(Path("a\0b")).code is Code.EXAMPLES_UNREADABLE
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert problem(tmp_path / "pipe").code is Code.EXAMPLES_UNREADABLE  # and does not wait for ever
    for content in (b"", b"\n \r\n", b"\xef\xbb\xbf"):
        (tmp_path / "empty.jsonl").write_bytes(content)
        assert problem(tmp_path / "empty.jsonl").code is Code.EXAMPLES_EMPTY
    path = written(tmp_path, GOOD, GOOD, GOOD)
    monkeypatch.setattr(dataset, "MOST_EXAMPLES", 2)
    assert problem(path).code is Code.EXAMPLES_TOO_MANY
    monkeypatch.setattr(dataset, "MOST_EXAMPLES", 3)
    assert len(read_examples(path)) == 3
    monkeypatch.setattr(dataset, "LARGEST_FILE", path.stat().st_size - 1)
    assert problem(path).code is Code.EXAMPLES_TOO_MANY


# ---------------------------------------------------------------- writing

LABELLED = Example(question="a label", answer="b", messages=[{"role": "user", "content": "x"}])
SHAPED = Example(question="x", answer="{}", format="record", messages=[{"role": "user", "content": "x"}])


@pytest.mark.parametrize("shape", ["openai", "chatml"])
def test_what_is_written_comes_back(tmp_path: Path, shape: ChatShape) -> None:
    kept = [OURS, RECORD, THEIRS, LABELLED, SHAPED]
    path = tmp_path / "out.jsonl"
    write_examples(path, kept, shape)
    first = path.read_bytes()
    read = read_examples(path)
    assert read == kept
    write_examples(path, read, shape)
    assert path.read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
    # What other programs see of it are the prompt that answering makes, and the answer.
    for line, example in zip(first.splitlines(), kept, strict=True):
        seen = {key: value for key, value in json.loads(line).items() if key != "docent"}
        (theirs,) = read_examples(written(tmp_path, seen))
        assert (theirs.messages, theirs.answer) == (prompt_of(example), example.answer)


@given(st.lists(st.sampled_from(["<|im_start|>", "<|im_end|>", "<", "|", "im_end", ">", "\n", "system\n", "a"])))
def test_no_text_forges_a_turn(pieces: list[str]) -> None:
    text = "".join(pieces)
    line = json.loads(
        chat_line(Example(question="Q", answer=text, messages=[{"role": "user", "content": text}]), "chatml")
    )
    assert line["text"].count("<|im_start|>") == 2
    assert line["text"].count("<|im_end|>") == 2
    assert line["text"].replace("< |", "<|").count(text.replace("< |", "<|")) >= 2


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    def written_to(target: Path) -> Code:
        with pytest.raises(DocentError) as caught:
            write_examples(target, [OURS], "openai")
        return caught.value.code

    assert written_to(tmp_path / "none" / "out.jsonl") is Code.FILE_UNWRITABLE
    assert written_to(tmp_path / "a\0b") is Code.FILE_UNWRITABLE
    assert written_to(tmp_path) is Code.FILE_UNWRITABLE
    monkeypatch.setattr(os, "replace", full)
    assert written_to(path) is Code.DISK_FULL
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("out.jsonl", b"old")]

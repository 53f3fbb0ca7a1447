"""Examples: a question with its passages, and the answer that it should get. Kept as JSON lines.

Docent's own lines hold question, sources, format and answer, and become prompts by the code that makes them when
answering. Lines in a chat shape are taken as they are: ``{"messages": [...]}``, as OpenAI's API has it, or ChatML,
``{"text": "<|im_start|>..."}``. What Docent writes in these holds its own line as well, under ``docent``.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from assistant_app.answering import prompts
from assistant_app.answering.formats import RECORD, TEXT
from assistant_app.answering.shapes import shape_of
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.library.approvals import MOST_EXAMPLES
from assistant_app.models.chat_template import ChatMessage
from assistant_app.protocol.records import Citation, Hit, Inspection, OutputFormat, Record, Turn
from assistant_app.protocol.training import ChatShape, Example, SourceText

LONGEST_LINE = 2**20
"""Bytes; a context of 128,000 tokens is less."""
LARGEST_FILE = 256 * 2**20
"""Bytes."""

_BOM = b"\xef\xbb\xbf"
_ROLES = ("system", "user", "assistant")
_HALF_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_MARKER = re.compile(r"<(?=\|[^|<>\s]{1,40}\|>)")
_START, _END = "<|im_start|>", "<|im_end|>"

MARK = re.compile(r"\[\s*(\d{1,9}(?:\s*[,;–-]\s*\d{1,9})*)\s*\]")
"""What cites sources: ``[2]``, and as people write it ``[1, 2]`` or ``[1-3]``."""
_FURTHEST = 100
"""So many sources does a ``[1-3]`` name at most."""


def prompt_of(example: Example) -> list[ChatMessage]:
    """The messages that a model is given for ``example``: those of the answering code, unless it brings its own."""
    if example.messages:
        return [{"role": each["role"], "content": each["content"]} for each in example.messages]
    sources = [prompts.Source(source.name, source.text, source.page) for source in example.sources]
    shape = shape_of(example.shape or OutputFormat(kind=example.format), example.instructions)
    return prompts.messages(example.question, sources, shape.instructions)


# ---------------------------------------------------------------- an answered turn


def of_turn(turn: Turn, inspection: Inspection, edited: str | None = None) -> Example:
    """The example that a turn's answer is, or that it is with the answer ``edited``.

    The ``[n]`` of an answer count its citations; those of the example count the sources that the model was given.

    Raises:
        DocentError: ``approval_refused`` for a summary, a comparison, general knowledge, or where the passages that the
            model was given are not known.
    """
    answer = turn.answer
    hits = inspection.sources or ([] if answer.found else answer.nearest)
    if turn.kind != "question" or answer.general or not hits:
        raise DocentError(Code.APPROVAL_REFUSED)
    text = answer.answer if edited is None else edited
    if answer.format == TEXT:
        says_nothing = edited is None and not answer.found
        text = prompts.NOT_FOUND if says_nothing else _with_source_numbers(text, answer.citations, hits)
    return Example(
        question=turn.searched or turn.question,
        answer=text,
        sources=[_source_text(hit) for hit in hits],
        format=answer.format,
        shape=inspection.format,
        instructions=inspection.instructions,
    )


def _source_text(hit: Hit) -> SourceText:
    source = prompts.Source.of(hit)
    return SourceText(name=prompts.harmless(source.name), text=prompts.harmless(source.text), page=source.page)


def _with_source_numbers(text: str, citations: Sequence[Citation], hits: Sequence[Hit]) -> str:
    """``text`` with the numbers of sources in the place of those of citations; what is neither is left out."""
    number_of = {citation.number: _source_number(citation, hits) for citation in citations}

    def rewritten(match: re.Match[str]) -> str:
        numbers = dict.fromkeys(number_of.get(number) for number in cited_numbers(match[0]))
        return "".join(f"{match[1]}[{number}]" for number in numbers if number is not None)

    marked = re.sub(rf"(?<!\s)(\s*){MARK.pattern}", rewritten, text)
    return re.sub(r"(\[\d+\])(?:\s*\1)+", r"\1", marked).strip()


def _source_number(citation: Citation, hits: Sequence[Hit]) -> int | None:
    """The source, from 1, in which a citation's quote begins, else the one of its page that is nearest to it."""
    distances = {
        number: max(hit.start - citation.start, citation.start - (hit.start + hit.length) + 1, 0)
        for number, hit in enumerate(hits, start=1)
        if (hit.path, hit.page) == (citation.path, citation.page)
    }
    return min(distances, key=distances.__getitem__, default=None)


def cited_numbers(text: str) -> list[int]:
    """The numbers of all ``[n]`` in ``text``."""
    numbers: list[int] = []
    for match in MARK.finditer(text):
        for first, last in re.findall(r"(\d+)(?:\s*[–-]\s*(\d+))?", match[1]):
            numbers += range(int(first), min(int(last or first), int(first) + _FURTHEST) + 1)
    return numbers


# ---------------------------------------------------------------- reading


def read_examples(path: str | Path) -> list[Example]:
    """The examples of a JSONL file, in any of the three shapes. The file is untrusted.

    Raises:
        DocentError: ``examples_missing``, ``examples_unreadable``, ``examples_invalid`` (``line``, from 1; ``said``),
            ``examples_too_many``, ``examples_empty``.
    """
    path = str(path)
    examples: list[Example] = []
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe would never end
            raise DocentError(Code.EXAMPLES_UNREADABLE, path=path)
        with open(path, "rb") as stream:
            size = 0
            for number, line in enumerate(_lines(stream), start=1):
                size += len(line)
                if len(examples) == MOST_EXAMPLES or size > LARGEST_FILE:
                    limit = f"{LARGEST_FILE // 2**20} MiB"
                    raise DocentError(Code.EXAMPLES_TOO_MANY, path=path, most=MOST_EXAMPLES, limit=limit)
                if number == 1:
                    line = line.removeprefix(_BOM)
                if not line.strip() and len(line) <= LONGEST_LINE:
                    continue
                try:
                    examples.append(_example(line))
                except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
                    said = _said(line, problem)
                    raise DocentError(Code.EXAMPLES_INVALID, path=path, line=number, said=said) from problem
    except FileNotFoundError:
        raise DocentError(Code.EXAMPLES_MISSING, path=path) from None
    except (OSError, ValueError) as problem:  # a name with a null byte is a ValueError
        raise DocentError(Code.EXAMPLES_UNREADABLE, path=path) from problem
    if not examples:
        raise DocentError(Code.EXAMPLES_EMPTY, path=path)
    return examples


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines, none of which takes more memory than it may."""
    while line := stream.readline(LONGEST_LINE + 1):
        yield line


def _said(line: bytes, problem: Exception) -> str:
    """Why a line is no example, in words; none of the line's own are in them."""
    if isinstance(problem, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if isinstance(problem, msgspec.ValidationError):
        return "a field is missing or of another type than it should be"
    if isinstance(problem, msgspec.DecodeError):
        return "half a surrogate pair stands in it" if _HALF_PAIR.search(line) else "it is not one JSON object"
    return str(problem)


_NULL = msgspec.Raw(b"null")


class _Part(Record):
    type: str
    text: str | None = None


class _Said(Record):
    """A message as chat files have it."""

    role: str
    content: str | list[_Part] | None = None
    tool_calls: msgspec.Raw = _NULL
    function_call: msgspec.Raw = _NULL


def _example(line: bytes) -> Example:
    """
    Raises:
        msgspec.MsgspecError, RecursionError, ValueError: it is none.
    """
    if len(line) > LONGEST_LINE:
        raise ValueError(f"it is longer than {LONGEST_LINE // 2**20} MiB")
    text = line.decode("utf-8").lstrip()
    if text.startswith("["):
        raise ValueError("a JSON array begins there; each line must be an object of its own")
    if not text.startswith("{"):
        raise ValueError("it is not one JSON object")
    keys = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    if "docent" in keys:
        return _own(keys["docent"])
    if "question" in keys and "answer" in keys:
        return _own(line)
    if "messages" in keys:
        return of_chat([_message(each) for each in msgspec.json.decode(keys["messages"], type=list[_Said])])
    if "text" in keys:
        return of_chat(_of_chatml(msgspec.json.decode(keys["text"], type=str)))
    raise ValueError("it has neither “messages” nor “text”, nor “question” and “answer”")


def _own(line: bytes | msgspec.Raw) -> Example:
    example = msgspec.json.decode(line, type=Example)
    if example.messages:
        said = [_Said(role=each.get("role", ""), content=each.get("content")) for each in example.messages]
        prompt = _checked([_message(each) for each in said], ["user"])
        return msgspec.structs.replace(example, messages=_plain(prompt))
    return example


def _message(said: _Said) -> ChatMessage:
    if {bytes(said.tool_calls), bytes(said.function_call)} - {b"null", b"[]"}:
        raise ValueError("a message calls tools, which Docent's answers do not")
    if said.content is None:
        raise ValueError("a message has no content")
    if isinstance(said.content, str):
        return {"role": said.role, "content": said.content}
    if any(part.type != "text" or part.text is None for part in said.content):
        raise ValueError("a message holds something else than text")
    return {"role": said.role, "content": "\n".join(part.text or "" for part in said.content)}


def _of_chatml(text: str) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    *turns, rest = text.split(_END)
    for turn in turns:
        head, start, body = turn.partition(_START)
        role, newline, content = body.partition("\n")
        if head.strip() or not start or not newline or _START in content:
            raise ValueError(f"its text is not made of turns from {_START} to {_END}")
        messages.append({"role": role.strip(), "content": content})
    if rest.strip():
        raise ValueError(f"its text does not end with {_END}")
    return messages


def of_chat(messages: Sequence[ChatMessage]) -> Example:
    """A chat as an example: its last message is the answer.

    Raises:
        ValueError: where it does not end with a user's message and the assistant's answer to it.
    """
    return _of_checked(_checked(messages, ["user", "assistant"]))


def _of_checked(messages: Sequence[ChatMessage]) -> Example:
    *prompt, answer = messages
    is_record = prompt[0] == {"role": "system", "content": prompts.RECORD_INSTRUCTIONS}
    return Example(
        question=prompt[-1]["content"],
        answer=answer["content"],
        format=RECORD if is_record else TEXT,
        messages=_plain(prompt),
    )


def _plain(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    return [{"role": each["role"], "content": each["content"]} for each in messages]


def _checked(messages: Sequence[ChatMessage], last: Sequence[str]) -> Sequence[ChatMessage]:
    """The messages, whose last roles must be ``last``."""
    roles = [message["role"] for message in messages]
    if any(role not in _ROLES for role in roles):
        raise ValueError("a message's role is none of system, user and assistant")
    if roles[-len(last) :] != list(last):
        raise ValueError("the messages do not end with a user's question and the assistant's answer")
    return messages


# ---------------------------------------------------------------- writing


class _ChatLine(Record, omit_defaults=True):
    """A line in a chat shape, with what Docent adds to its own."""

    messages: list[ChatMessage] = []
    text: str = ""
    docent: Example | None = None


def chat_line(example: Example, shape: ChatShape = "openai") -> bytes:
    """An example in a chat shape, on one line; Docent reads all of it back."""
    messages: list[ChatMessage] = [*prompt_of(example), {"role": "assistant", "content": example.answer}]
    line = _ChatLine(docent=None if example == _of_checked(messages) else example)
    if shape == "openai":
        line = msgspec.structs.replace(line, messages=messages)
    else:
        turns = (f"{_START}{each['role']}\n{_harmless(each['content'])}{_END}\n" for each in messages)
        line = msgspec.structs.replace(line, text="".join(turns))
    return msgspec.json.encode(line) + b"\n"


def _harmless(content: str) -> str:
    """A message's text in which nothing reads like a marker of turns."""
    return _MARKER.sub("< ", content)


def write_examples(path: str | Path, examples: Iterable[Example], shape: ChatShape) -> None:
    """Write examples as JSONL; what stood at ``path`` is replaced only by a whole file.

    Raises:
        DocentError: ``file_unwritable`` or ``disk_full``.
    """
    target = Path(path)
    try:
        # Beside the target, and for its owner only: it holds the text of documents.
        stream = tempfile.NamedTemporaryFile(  # noqa: SIM115 -- closed below, and kept under another name
            "wb", dir=target.parent, prefix=".examples-", delete=False
        )
        try:
            with stream:
                for example in examples:
                    stream.write(chat_line(example, shape))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(stream.name, target)
        except BaseException:
            os.unlink(stream.name)
            raise
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        code = Code.DISK_FULL if is_disk_full(error) else Code.FILE_UNWRITABLE
        raise DocentError(code, path=str(target)) from error


# ---------------------------------------------------------------- sets of examples


def fingerprint(examples: Iterable[Example]) -> str:
    """SHA-256 of the examples, whatever shape they were kept in."""
    digest = hashlib.sha256()
    for example in examples:
        facts = msgspec.to_builtins(example)
        for later in ("shape", "instructions"):  # younger than the first adapters that were trained
            if not facts[later]:
                del facts[later]
        digest.update(msgspec.json.encode(facts) + b"\n")
    return digest.hexdigest()


def split(examples: Sequence[Example], share: float) -> tuple[list[Example], list[Example]]:
    """Examples to learn from, and about ``share`` of them held out to measure with.

    A question is on one side only, however often it is asked, and always on the same side: its hash decides.
    """
    learnt: list[Example] = []
    held: list[Example] = []
    for example in examples:
        digest = hashlib.sha256(example.question.strip().casefold().encode("utf-8", "replace")).digest()
        (held if int.from_bytes(digest[:4], "big") < share * 2**32 else learnt).append(example)
    return learnt, held

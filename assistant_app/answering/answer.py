"""A question becomes a cited answer, or an honest "not in your documents"."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from assistant_app.answering import prompts
from assistant_app.answering.citations import Cited, cite, cite_record, cite_values, without_marks
from assistant_app.answering.evidence import is_open, suffices, weigh
from assistant_app.answering.exact import compose
from assistant_app.answering.extracts import Extracts
from assistant_app.answering.formats import RECORD, TEXT, read_record
from assistant_app.answering.pages import Pages, PageText
from assistant_app.answering.repetition import LoopGuard
from assistant_app.answering.shapes import STRUCTURED, Shape, read, says_nothing, shape_of
from assistant_app.answering.thinking import ThinkingFilter
from assistant_app.library.retrieval import Found
from assistant_app.models.chat_model import ChatMessage, Generated
from assistant_app.models.restriction import Rule
from assistant_app.models.server_model import AnsweringModel
from assistant_app.protocol.assistants import OutputFormat
from assistant_app.protocol.records import (
    Answer,
    AnswerAdapter,
    AnswerTimes,
    AnswerValue,
    Candidate,
    Hit,
    Inspection,
    TokenCounts,
)

if TYPE_CHECKING:
    from assistant_app.library.embedder import Embedder

NEAREST = 3
"""Hits that are offered where nothing was found."""

_DOCUMENTS = r"(?:documents?|sources?|texts?|context|passages?|excerpts?)\b"
_INFORMATION = r"(?:information|mention|answers?|details?|references?|evidence|anything)\b"
_NOT = r"(?:\bnot|n['’]t)\s+(?:\w+ly\s+)?"
_SAYS_NOT_FOUND = re.compile(
    "|".join(
        (
            # "not in your documents", "isn't mentioned in the given sources"
            rf"{_NOT}(?:be\s+)?(?:(?:found|mentioned|stated|specified|given|provided|contained|available|present|listed"
            rf"|discussed|addressed|described|answered|appear)\s+)?(?:in|by|from|within)\s+(?:\w+\s+){{0,3}}{_DOCUMENTS}",
            # "the sources do not say", "the document does not contain the answer"
            rf"\b{_DOCUMENTS}(?:\s+\w+)?\s+(?:do|does|did)\s*{_NOT}(?:(?:mention|state|specify|say|answer|address|indicate"
            rf"|discuss|describe|tell)\b|(?:contain|provide|give|have|include)\s+(?:\w+\s+){{0,3}}{_INFORMATION})",
            rf"\b(?:sources|context|passages)(?:\s+\w+)?\s+(?:do|does|did)\s*{_NOT}(?:contain|provide|give)\b",
            # "there is no information about it in the text", "no answer was found"
            rf"\bno\s+(?:\w+\s+)?{_INFORMATION}.{{0,80}}\b(?:in|from|by)\s+(?:\w+\s+){{0,3}}{_DOCUMENTS}",
            rf"\bno\s+(?:\w+\s+)?{_INFORMATION}.{{0,60}}\b(?:available|provided|given|found)\b",
            # "I cannot find", "I don't know"; "we do not have a dress code" is an answer
            r"\bI(?:['’]m|\s+am)?\s+(?:cannot|can['’]t|could(?:\s+not|n['’]t)|unable\s+to|not\s+able\s+to|do(?:\s+not|n['’]t))"
            r"\s+(?:find|answer|determine|locate|know|have|see|tell)\b",
        )
    ),
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"(?<!sorry, )\b(?:but|however|although|though)\b", re.IGNORECASE)
_TURNS_TEXT = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""With these an answer could be shown in another order than it is kept in."""


def says_not_found(text: str) -> bool:
    """Whether a model's answer says, in whatever words, that the documents do not hold it, and nothing besides."""
    return len(text) < 200 and bool(_SAYS_NOT_FOUND.search(text)) and not _GOES_ON.search(text)


TEXT_SHAPE = shape_of(OutputFormat())


class Written(NamedTuple):
    """An answer with what is not part of it: the model's notes, whether it was stopped, and how it came about."""

    answer: Answer
    thinking: str
    stopped: bool
    inspection: Inspection | None = None


class How(NamedTuple):
    """How a model is to write.

    Attributes:
        began: ``time.perf_counter()`` when the question came; the answer's times count from it.
        on_text: gets each piece as it is written, and whether it is thinking.
        cancelled: true ends the answer; what stands is kept.
        shape: of the answer.
        adapters: that are laid over the model; ``adapter`` names them all.
        extracts: an adapter that learnt nothing else answers, see ``extracts.py``.
    """

    began: float
    adapter: str | None
    max_tokens: int
    temperature: float
    on_text: Callable[[str, bool], None]
    cancelled: Callable[[], bool]
    shape: Shape = TEXT_SHAPE
    adapters: Sequence[AnswerAdapter] = ()
    extracts: bool = False


def holds_answer(question: str, found: Found, page_text: PageText, embedder: Embedder) -> bool:
    """Whether the passages of ``found`` may hold the answer; no model is asked.

    Raises:
        DocentError: ``embedder_*``.
    """
    return is_open(question, found.hits) or suffices(weigh(question, found.hits, Pages(page_text), embedder))


def not_found(question: str, found: Found, began: float, **of_model: str | None) -> Written:
    """The answer that says that the documents do not hold it, with the nearest passages."""
    answer = Answer(
        question=question,
        answer=prompts.NOT_FOUND,
        found=False,
        nearest=found.hits[:NEAREST],
        model=of_model.get("model") or "",
        adapter=of_model.get("adapter"),
        milliseconds=AnswerTimes(retrieve=found.milliseconds["total"], total=_since(began)),
    )
    return Written(answer, "", False, _inspection(question, found, began))


def quote(question: str, found: Found, page_text: PageText, embedder: Embedder, began: float) -> Written:
    """The exact answer: sentences of the documents, or that they do not hold it. No model is asked.

    Raises:
        DocentError: ``embedder_*``.
    """
    pages = Pages(page_text)
    text, citations = compose(question, weigh(question, found.hits, pages, embedder), pages)
    if not citations:
        nothing = not_found(question, found, began)
        return nothing._replace(answer=msgspec.structs.replace(nothing.answer, exact=True))
    answer = Answer(
        question=question,
        answer=text,
        found=True,
        citations=citations,
        exact=True,
        milliseconds=AnswerTimes(retrieve=found.milliseconds["total"], total=_since(began)),
    )
    # What a model would have been given: the answer can become an example for one.
    sources = prompts.in_reading_order(found.hits)
    inspection = msgspec.structs.replace(_inspection(question, found, began), sources=sources)
    return Written(answer, "", False, inspection)


def write(question: str, found: Found, model: AnsweringModel, page_text: PageText, how: How) -> Written:
    """Let ``model`` answer from the passages of ``found``.

    Raises:
        DocentError: ``context_too_small`` or ``generation_failed``.
    """
    told = how.shape.instructions
    sources, left_out = prompts.fitting(model, question, found.hits, how.max_tokens, told)
    prompt = prompts.messages(question, sources, told)
    # Whoever has instructions of their own wants more than an extract.
    is_extract = how.extracts and how.shape.format.kind == TEXT and not how.shape.own
    rule = Extracts([prompts.Source.of(source).text for source in sources]) if is_extract else None
    spoken = _speak(model, prompt, how, rule)
    said = _taken_apart(spoken.text, how.shape, sources, page_text, question)
    cited = said.cited
    holds = cited.claims or (spoken.stopped and bool(cited.text))
    kind = how.shape.format.kind
    answer = Answer(
        question=question,
        answer=cited.text if holds or kind != TEXT else prompts.NOT_FOUND,
        found=holds,
        format=kind,
        valid=not said.problem,
        problem=said.problem,
        values=said.values,
        citations=cited.citations,
        unsupported=cited.unsupported,
        nearest=[] if holds else found.hits[:NEAREST],
        left_out=left_out,
        model=model.name,
        adapter=how.adapter,
        adapters=list(how.adapters),
        tokens=TokenCounts(prompt=spoken.generated.prompt_tokens, completion=spoken.generated.completion_tokens),
        milliseconds=spoken.times(found, how.began),
    )
    inspection = msgspec.structs.replace(
        _inspection(question, found, how.began, spoken, left_out),
        prompt=model.prompt(prompt),
        sources=sources,
        format=how.shape.format if how.shape.format.kind in STRUCTURED else None,
        instructions=how.shape.own,
        budget=prompts.budget(model, question, sources, how.max_tokens, told),
    )
    return Written(answer, spoken.thinking, spoken.stopped, inspection)


def write_without_sources(question: str, found: Found, model: AnsweringModel, how: How) -> Written:
    """Let ``model`` answer from what it knows by itself. The answer is marked, and says so in its first words.

    ``found`` stays false, nothing is cited, and a model that does not know gives the plain "not found".

    Raises:
        DocentError: ``context_too_small`` or ``generation_failed``.
    """
    prompt = prompts.general_messages(question)
    how.on_text(f"{prompts.FROM_GENERAL_KNOWLEDGE} ", False)
    spoken = _speak(model, prompt, how)
    text = without_marks(spoken.text)
    knows = bool(re.search(r"\w", text)) and not says_not_found(text)
    answer = Answer(
        question=question,
        answer=f"{prompts.FROM_GENERAL_KNOWLEDGE} {text}" if knows else prompts.NOT_FOUND,
        found=False,
        general=knows,
        nearest=found.hits[:NEAREST],
        model=model.name,
        adapter=how.adapter,
        adapters=list(how.adapters),
        tokens=TokenCounts(prompt=spoken.generated.prompt_tokens, completion=spoken.generated.completion_tokens),
        milliseconds=spoken.times(found, how.began),
    )
    inspection = _inspection(question, found, how.began, spoken)
    inspection = msgspec.structs.replace(inspection, prompt=model.prompt(prompt))
    return Written(answer, spoken.thinking, spoken.stopped, inspection)


class _Said(NamedTuple):
    """An answer in its format, or why it is not."""

    cited: Cited
    values: list[AnswerValue] = []
    problem: str = ""


def _taken_apart(text: str, shape: Shape, sources: Sequence[Hit], page_text: PageText, question: str) -> _Said:
    wanted = shape.format
    if wanted.kind == TEXT:
        cited = cite(text, sources, page_text, question)
        # "No details are given to others [1]." may be what the page says.
        is_quoted = any(each.verified and each.given_by == "model" for each in cited.citations)
        return _Said(Cited("", [], [], False) if says_not_found(text) and not is_quoted else cited)
    if wanted.kind == RECORD:
        record = read_record(text)
        cited = cite_record(record, text, sources, page_text, question)
        number = next((each.number for each in cited.citations), None)
        found = [] if record is None else [AnswerValue(name="answer", text=record.answer, citation=number)]
        return _Said(cited, found, "" if record is not None or not wanted.check else "no record")
    reading = read(wanted, text)
    if reading.problem:
        cited = Cited(text, [], [text] if text else [], bool(re.search(r"\w", text)))
        return _Said(cited, [], reading.problem if wanted.check else "")
    named = [(value.name, "" if says_nothing(value.text) else value.text) for value in reading.values]
    values, citations, unsupported = cite_values(named, sources, page_text, question)
    if wanted.kind == "labels":  # "Not stated" is the answer, and no quote stands behind it
        values = [msgspec.structs.replace(values[0], text=text)]
    return _Said(Cited(text, citations, unsupported, any(said for _, said in named)), values)


class _Spoken(NamedTuple):
    """What a model said, without loops and notes; ``waited`` is how many seconds passed before it was asked."""

    text: str
    thinking: str
    stopped: bool
    generated: Generated
    waited: float

    def times(self, found: Found, began: float) -> AnswerTimes:
        first = self.generated.first_token_seconds
        return AnswerTimes(
            retrieve=found.milliseconds["total"],
            first_token=None if first is None else round((self.waited + first) * 1000, 1),
            total=_since(began),
        )


def _speak(model: AnsweringModel, messages: list[ChatMessage], how: How, rule: Rule | None = None) -> _Spoken:
    guard = LoopGuard()

    def said(piece: str, thinking: bool) -> None:
        if not thinking:
            guard.feed(piece)
        how.on_text(piece, thinking)

    split = ThinkingFilter(said)
    waited = time.perf_counter() - how.began
    generated = model.generate(
        messages,
        max_tokens=how.max_tokens,
        temperature=how.temperature,
        on_text=split.feed,
        cancelled=lambda: bool(guard.looped) or how.cancelled(),
        grammar=how.shape.grammar,
        rule=rule,
    )
    split.end()
    text = _TURNS_TEXT.sub("", guard.without_loop(split.answer)).strip()
    return _Spoken(text, split.thinking.strip(), generated.stopped and not guard.looped, generated, waited)


def _inspection(
    question: str, found: Found, began: float, spoken: _Spoken | None = None, left_out: Sequence[Hit] = ()
) -> Inspection:
    """What can be said of how an answer came about, where no more is known."""
    stages = {stage: spent for stage, spent in found.milliseconds.items() if stage != "total"}
    if spoken is not None:
        first = spoken.generated.first_token_seconds or 0.0
        stages["weigh"] = round(max(spoken.waited * 1000 - found.milliseconds["total"], 0.0), 1)
        stages["read"] = round(first * 1000, 1)
        stages["write"] = round(max(_since(began) - (spoken.waited + first) * 1000, 0.0), 1)
    return Inspection(
        question=question,
        searched=question,
        named=list(found.named),
        words=list(found.words),
        candidates=[_with_fate(each, left_out) for each in found.candidates],
        milliseconds=stages,
    )


def _with_fate(candidate: Candidate, left_out: Sequence[Hit]) -> Candidate:
    """What the search kept may not have fitted into the context."""
    was_kept = candidate.fate in ("kept", "joined")
    if was_kept and any(
        (hit.path, hit.page) == (candidate.path, candidate.page)
        and hit.start <= candidate.start < hit.start + hit.length
        for hit in left_out
    ):
        return msgspec.structs.replace(candidate, fate="no_room")
    return candidate


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)

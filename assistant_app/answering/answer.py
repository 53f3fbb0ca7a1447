"""A question becomes a cited answer, or an honest "not in your documents"."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from assistant_app.answering import prompts
from assistant_app.answering.citations import Cited, PageText, cite
from assistant_app.answering.repetition import LoopGuard
from assistant_app.answering.thinking import ThinkingFilter
from assistant_app.library.retrieval import Found
from assistant_app.models.chat_model import ChatModel
from assistant_app.protocol.records import Answer, AnswerTimes, TokenCounts

LEAST_SIMILARITY = 0.3
"""Cosine under which the best passage is about something else. Questions on the documents' subjects reached 0.44 and
more (misspelt ones included), questions on other subjects 0.12 at most (66 and 5 questions, all-MiniLM-L6-v2)."""

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
_CODE = re.compile(r"\b\w*\d\w*\b")


def says_not_found(text: str) -> bool:
    """Whether a model's answer says, in whatever words, that the documents do not hold it, and nothing besides."""
    return len(text) < 200 and bool(_SAYS_NOT_FOUND.search(text)) and not _GOES_ON.search(text)


class Written(NamedTuple):
    """An answer with what is not part of it: the model's notes, and whether it was stopped."""

    answer: Answer
    thinking: str
    stopped: bool


def is_about(question: str, found: Found) -> bool:
    """Whether the best passages are about the question at all.

    A question that names a number or a code (an invoice, a paragraph) is about a passage in which it stands, however
    far the vectors are.
    """
    if not found.hits:
        return False
    if max(hit.similarity or 0.0 for hit in found.hits) >= LEAST_SIMILARITY:
        return True
    codes = set(_CODE.findall(question.casefold()))
    return any(not codes.isdisjoint(_CODE.findall(hit.text.casefold())) for hit in found.hits)


def not_found(question: str, found: Found, began: float, **of_model: str | None) -> Answer:
    """The answer that says that the documents do not hold it, with the nearest passages."""
    return Answer(
        question=question,
        answer=prompts.NOT_FOUND,
        found=False,
        nearest=found.hits[:NEAREST],
        model=of_model.get("model") or "",
        adapter=of_model.get("adapter"),
        milliseconds=AnswerTimes(retrieve=found.milliseconds["total"], total=_since(began)),
    )


def write(
    question: str,
    found: Found,
    model: ChatModel,
    page_text: PageText,
    *,
    began: float,
    adapter: str | None,
    max_tokens: int,
    temperature: float,
    on_text: Callable[[str, bool], None],
    cancelled: Callable[[], bool],
) -> Written:
    """Let ``model`` answer from the passages of ``found``.

    Args:
        began: ``time.perf_counter()`` when the question came; the answer's times count from it.
        on_text: gets each piece as it is written, and whether it is thinking.
        cancelled: true ends the answer; what stands is kept.

    Raises:
        DocentError: ``context_too_small`` or ``generation_failed``.
    """
    sources, left_out = prompts.fitting(model, question, found.hits, max_tokens)
    guard = LoopGuard()

    def said(piece: str, thinking: bool) -> None:
        if not thinking:
            guard.feed(piece)
        on_text(piece, thinking)

    split = ThinkingFilter(said)
    before = time.perf_counter()
    generated = model.generate(
        prompts.messages(question, sources),
        max_tokens=max_tokens,
        temperature=temperature,
        on_text=split.feed,
        cancelled=lambda: bool(guard.looped) or cancelled(),
    )
    split.end()
    stopped = generated.stopped and not guard.looped
    text = guard.without_loop(split.answer).strip()
    cited = Cited("", [], [], False) if says_not_found(text) else cite(text, sources, page_text, question)
    holds = cited.claims or (stopped and bool(cited.text))
    first = generated.first_token_seconds
    answer = Answer(
        question=question,
        answer=cited.text if holds else prompts.NOT_FOUND,
        found=holds,
        citations=cited.citations,
        unsupported=cited.unsupported,
        nearest=[] if holds else found.hits[:NEAREST],
        left_out=left_out,
        model=model.name,
        adapter=adapter,
        tokens=TokenCounts(prompt=generated.prompt_tokens, completion=generated.completion_tokens),
        milliseconds=AnswerTimes(
            retrieve=found.milliseconds["total"],
            first_token=None if first is None else round((before - began + first) * 1000, 1),
            total=_since(began),
        ),
    )
    return Written(answer, split.thinking.strip(), stopped)


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)

"""Sources and a question become the messages that the model is given.

What stays the same comes first (instructions, then the sources in reading order, then the question): a second
question on the same sources finds them in the model's memory and starts in a fraction of the time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from assistant_app.answering.citations import without_marks
from assistant_app.documents.cutting import searchable
from assistant_app.library.indexing import spoken_name
from assistant_app.models.chat_model import ChatMessage
from assistant_app.models.server_model import AnsweringModel
from assistant_app.protocol.records import Budget, Format, Hit

NOT_FOUND = "Not in your documents."
"""What the model is told to say, and what an answer says that found nothing."""

INSTRUCTIONS = (
    "Answer the question using only the sources. Cite the source of each sentence as [1], [2]. "
    f"If the sources do not contain the answer, say: {NOT_FOUND}"
)

RECORD_INSTRUCTIONS = (
    'Answer the question using only the sources. Reply with one JSON object and nothing else: {"answer": the short '
    'answer, "quote": the sentence that says it, word for word, "page": its page number or null, "found": true}. '
    'If the sources do not contain the answer, reply: {"answer": "", "quote": "", "page": null, "found": false}'
)

FROM_GENERAL_KNOWLEDGE = "Not in your documents. From general knowledge, without sources:"
"""How an answer begins that rests on no document, so that whoever sees only the text sees it too."""

GENERAL_INSTRUCTIONS = (
    "Answer the question in one or two sentences from what you know. If you do not know, say: I don't know."
)

_KEPT_INVISIBLE = "\u200c\u200d\u00ad"
"""Joiners that spelling needs, and the soft hyphen, which :func:`searchable` takes out."""
_RUN = re.compile(r"(\S)\1{15,}")


def in_reading_order(hits: Sequence[Hit]) -> list[Hit]:
    """Hits by document, page and place: the same passages always make the same prompt."""
    return sorted(hits, key=lambda hit: (hit.path, hit.page or 0, hit.start))


class Source(NamedTuple):
    """What the model is told of a passage: its document's name, its text, and its page, where it has one."""

    name: str
    text: str
    page: int | None = None

    @classmethod
    def of(cls, hit: Hit) -> Source:
        return cls(spoken_name(hit.path), " ".join((hit.table_header, hit.text)), hit.page)


def instructions_of(form: Format) -> str:
    """What the model is told for Docent's own two formats; ``shapes.py`` has those of a person's."""
    return RECORD_INSTRUCTIONS if form == "record" else INSTRUCTIONS


def messages(question: str, sources: Sequence[Hit | Source], instructions: str = INSTRUCTIONS) -> list[ChatMessage]:
    """The prompt: source ``n`` of it is ``sources[n - 1]``. The model's own room makes marker strings harmless.

    A source is one line, and holds nothing that reads like the number of another one. Training makes its prompts here
    too: an adapter that learnt from others would not know these.
    """
    numbered = "\n\n".join(
        f"[{number}] {_head(source)} {harmless(source.text)}"
        for number, source in enumerate(map(_source, sources), start=1)
    )
    return [
        {"role": "system", "content": instructions},
        {"role": "user", "content": f"{numbered}\n\nQuestion: {question}"},
    ]


def _source(source: Hit | Source) -> Source:
    return source if isinstance(source, Source) else Source.of(source)


def _head(source: Source) -> str:
    page = "" if source.page is None else f", page {source.page}"
    return f"({harmless(source.name)}{page})"


def general_messages(question: str) -> list[ChatMessage]:
    """The prompt of a question that is answered without sources."""
    return [{"role": "system", "content": GENERAL_INSTRUCTIONS}, {"role": "user", "content": question}]


def harmless(text: str) -> str:
    """A document's text as the model is given it: on one line, without what no person sees (controls, marks of
    direction, tags), without numbers in square brackets, which are ours, and without endless runs of one character."""
    visible = "".join(
        letter if letter in _KEPT_INVISIBLE or letter.isspace() or unicodedata.category(letter)[0] != "C" else ""
        for letter in text
    )
    return without_marks(searchable(_RUN.sub(lambda match: match[1] * 3, visible)))


def fitting(
    model: AnsweringModel, question: str, hits: Sequence[Hit], answer_tokens: int, instructions: str = INSTRUCTIONS
) -> tuple[list[Hit], list[Hit]]:
    """The best hits that fit into the context beside the answer, in reading order; and those left out, best first.

    At least one source stays: where not even that fits, generating raises ``context_too_small``.
    """
    room = model.context - min(answer_tokens, model.context // 4)
    kept = list(hits)
    while len(kept) > 1 and model.count(messages(question, in_reading_order(kept), instructions)) > room:
        kept.pop()
    return in_reading_order(kept), list(hits[len(kept) :])


def budget(
    model: AnsweringModel, question: str, sources: Sequence[Hit], answer_tokens: int, instructions: str = INSTRUCTIONS
) -> Budget:
    """How the context is shared out when ``sources`` are given."""
    told = model.count(messages("", [], instructions))
    asked = model.count(messages(question, [], instructions))
    whole = model.count(messages(question, sources, instructions))
    return Budget(
        context=model.context,
        instructions=told,
        sources=whole - asked,
        question=asked - told,
        answer=min(answer_tokens, model.context - whole),
    )

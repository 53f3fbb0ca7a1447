"""Sources and a question become the messages that the model is given.

What stays the same comes first (instructions, then the sources in reading order, then the question): a second
question on the same sources finds them in the model's memory and starts in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant_app.documents.cutting import searchable
from assistant_app.library.indexing import spoken_name
from assistant_app.models.chat_model import ChatMessage, ChatModel
from assistant_app.protocol.records import Hit

NOT_FOUND = "Not in your documents."
"""What the model is told to say, and what an answer says that found nothing."""

INSTRUCTIONS = (
    "Answer the question using only the sources. Cite the source of each sentence as [1], [2]. "
    f"If the sources do not contain the answer, say: {NOT_FOUND}"
)


def in_reading_order(hits: Sequence[Hit]) -> list[Hit]:
    """Hits by document, page and place: the same passages always make the same prompt."""
    return sorted(hits, key=lambda hit: (hit.path, hit.page or 0, hit.start))


def messages(question: str, sources: Sequence[Hit]) -> list[ChatMessage]:
    """The prompt: source ``n`` of it is ``sources[n - 1]``. The model's own room makes marker strings harmless."""
    numbered = "\n\n".join(
        f"[{number}] ({spoken_name(source.path)}) {searchable(' '.join((source.table_header, source.text)))}"
        for number, source in enumerate(sources, start=1)
    )
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": f"{numbered}\n\nQuestion: {question}"},
    ]


def fitting(model: ChatModel, question: str, hits: Sequence[Hit], answer_tokens: int) -> tuple[list[Hit], list[Hit]]:
    """The best hits that fit into the context beside the answer, in reading order; and those left out, best first.

    At least one source stays: where not even that fits, generating raises ``context_too_small``.
    """
    room = model.context - min(answer_tokens, model.context // 4)
    kept = list(hits)
    while len(kept) > 1 and model.count(messages(question, in_reading_order(kept))) > room:
        kept.pop()
    return in_reading_order(kept), list(hits[len(kept) :])

"""An answer that is made of the documents' own sentences: chosen by weight, never rephrased, no model needed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant_app.answering.citations import STOPS, without_marks
from assistant_app.answering.evidence import LEAST, Weighed
from assistant_app.answering.pages import LONGEST_QUOTE, Pages, Sentence
from assistant_app.answering.support import claim
from assistant_app.documents.passages import fold_space
from assistant_app.protocol.records import Citation, Hit

MOST = 3
"""Sentences of an answer."""
NEARLY = 0.15
"""How much less than the best one the others may weigh."""
_LEANS = re.compile(
    r"(?:it|its|they|their|them|these|those|this|that|he|she|his|her|such|both|also|however|but|and|or|then)\b",
    re.IGNORECASE,
)
"""How a sentence begins that cannot be read without the one before it."""


def compose(question: str, weighed: Sequence[Weighed], pages: Pages) -> tuple[str, list[Citation]]:
    """The answer's text and its citations; "" where no sentence says anything beyond the question.

    Each citation's quote is cut from the page and is what the answer shows, white space and soft hyphens folded. A
    sentence that leans on the one before it is quoted with it, and the row of a table with the table's head.
    """
    asked = claim(question)
    chosen: list[tuple[Hit, Sentence]] = []
    shown: set[str] = set()
    least = LEAST
    for each in weighed:
        if each.weight < least or len(chosen) == MOST:
            break
        said = claim(each.sentence.text)
        # "Deductibles" repeats the question; "It is waived." answers whether it is.
        says_more = said.words - asked.words or said.numbers - asked.numbers or each.sentence.text[-1] in STOPS
        if not says_more or _plain(each.sentence.text) in shown:
            continue
        shown.add(_plain(each.sentence.text))
        chosen.append((each.source, _readable(each, pages)))
        least = max(LEAST, weighed[0].weight - NEARLY)
    lines: list[str] = []
    citations: list[Citation] = []
    for source, sentence in chosen:
        head = pages.find(source, source.table_header)
        for quote in filter(None, (head, sentence)):
            place = (source.path, source.page, quote.span.start)
            if place in {(each.path, each.page, each.start) for each in citations}:
                continue  # the head of a table of which a row was quoted before
            citations.append(_citation(len(citations) + 1, source, quote))
            lines.append(f"{without_marks(_plain(quote.text))} [{len(citations)}]")
    return "\n\n".join(lines), citations


def _readable(each: Weighed, pages: Pages) -> Sentence:
    """The sentence, with the one before it where it leans on that."""
    if each.before is None or not _LEANS.match(each.sentence.text):
        return each.sentence
    both = pages.quote(each.source, each.before.span, each.sentence.span)
    return both if both.span.length <= LONGEST_QUOTE else each.sentence


def _citation(number: int, source: Hit, quote: Sentence) -> Citation:
    return Citation(
        number=number,
        path=source.path,
        page=source.page,
        quote=quote.text,
        start=quote.span.start,
        length=quote.span.length,
        verified=True,
        given_by="search",
        page_label=source.page_label,
    )


def _plain(text: str) -> str:
    return fold_space(re.sub("\u00ad\\s*", "", text))

"""How good answers are: found or honestly refused, right, and cited.

On the shared data: six PDFs of a staff handbook with 66 questions, and the held-out articles of XQuAD (English), each
paragraph a PDF. A question is made unanswerable by leaving its own paragraph out: its article stays, because questions
on foreign subjects are easily told and prove nothing. ``python -m benchmarks.answers [QUESTIONS]`` lets the models
answer so many questions of each set (default 40); what needs no model is measured on all of them.
"""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import string
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from assistant_app.answering.answer import holds_answer
from assistant_app.answering.support import claim
from assistant_app.documents.passages import sentences
from assistant_app.engine.service import Service
from assistant_app.paths import Paths
from assistant_app.protocol.records import Answer
from benchmarks import common

QUESTIONS = 40
HELD_OUT_EVERY = 5
WRONGLY = 0.05
"""Share of questions that can be answered at which shares of refused ones are compared."""
BARE_COSINE = 0.30
"""What a threshold on the best passage's cosine refuses at that share (tried on these questions)."""


class Question(NamedTuple):
    """A question with its answers; ``path`` is the PDF that holds it, ``pages`` are where else it may be cited."""

    text: str
    answers: list[str]
    path: str
    pages: set[tuple[str, int]]


# ---------------------------------------------------------------- what is asked


def shared() -> Path:
    return Path(os.environ.get("DOCENT_TEST_DATA", common.ROOT.parent / "shared" / "data"))


def xquad(folder: Path, *, held_out: bool = True) -> list[Question]:
    """The questions of the articles that are held out (or of the others), each paragraph laid out as a PDF."""
    articles = json.loads((shared() / "xquad" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    found = []
    for number, article in enumerate(sorted(articles, key=lambda article: str(article["title"])), start=1):
        if (number % HELD_OUT_EVERY == 0) != held_out:
            continue
        title = re.sub(r"[_/]", " ", article["title"])
        for part, paragraph in enumerate(article["paragraphs"], start=1):
            path = _lay_out(folder / f"{title} {part}.pdf", paragraph["context"])
            for asked in paragraph["qas"]:
                answers = [answer["text"] for answer in asked["answers"]]
                found.append(Question(asked["question"], answers, path, {(path, 1)}))
    return found


def _lay_out(path: Path, text: str) -> str:
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    canvas.setFont("Helvetica", 10)
    for line, words in enumerate(simpleSplit(text, "Helvetica", 10, A4[0] - 144)):
        canvas.drawString(72, A4[1] - 72 - 14 * line, words)
    canvas.save()
    return str(path)


def northwind() -> list[Question]:
    """The questions on the handbook; a page counts as right if it is one off, as some of the evidence is."""
    folder = shared() / "northwind"
    found = []
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        asked = json.loads(line)
        places = [(str(folder / each["document"]), int(each["page"])) for each in asked["evidence"]]
        pages = {(path, page + off) for path, page in places for off in (-1, 0, 1)}
        found.append(Question(asked["question"], [asked["answer"]], places[0][0], pages))
    return found


# ---------------------------------------------------------------- how it is judged


def normal(text: str) -> str:
    """As SQuAD's scoring does it: small letters, no articles, no punctuation."""
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(word for word in text.split() if word not in ("a", "an", "the"))


def f1(said: str, wanted: str) -> float:
    """The harmonic mean of precision and recall of the answer's words."""
    one, other = normal(said).split(), normal(wanted).split()
    both = sum((Counter(one) & Counter(other)).values())
    return 2 * both / (len(one) + len(other)) if both else 0.0


def backed(answer: Answer) -> list[bool]:
    """For each sentence of the answer that cites: whether its numbers and names stand in a quote that it cites."""
    found = []
    for span in sentences(answer.answer):
        sentence = answer.answer[span.start : span.start + span.length]
        marks = {int(mark) for mark in re.findall(r"\[(\d+)\]", sentence)}
        quotes = [claim(each.quote) for each in answer.citations if each.number in marks]
        said = claim(re.sub(r"\s*\[\d+\]", "", sentence))
        if quotes:
            found.append(any(said.numbers <= each.numbers and said.names <= each.spelled for each in quotes))
    return found


class Judged:
    """The figures of one set of questions and one way to answer."""

    def __init__(self) -> None:
        self.f1: list[float] = []
        self.exact: list[bool] = []
        self.holds: list[bool] = []
        self.cited_right: list[bool] = []
        self.supported: list[float] = []
        self.backed: list[bool] = []
        self.verified: list[bool] = []
        self.refused: list[bool] = []
        self.milliseconds: list[float] = []

    def add(self, question: Question, answer: Answer, holds_page: Callable[[str, int], bool]) -> None:
        text = re.sub(r"\s*\[\d+\]", "", answer.answer)
        self.refused.append(not answer.found)
        self.milliseconds.append(answer.milliseconds.total)
        self.f1.append(max(f1(text, wanted) for wanted in question.answers) if answer.found else 0.0)
        self.exact.append(answer.found and any(normal(text) == normal(wanted) for wanted in question.answers))
        self.holds.append(answer.found and any(normal(wanted) in normal(text) for wanted in question.answers))
        for citation in answer.citations:
            self.cited_right.append(holds_page(citation.path, citation.page or 0))
            self.verified.append(citation.verified)
        self.backed += backed(answer)
        if answer.found:
            said = max(len(re.findall(r"[^.!?\n]*\w[^.!?\n]*", text)), len(answer.unsupported), 1)
            self.supported.append(1 - len(answer.unsupported) / said)

    def say(self, what: str) -> None:
        common.say(
            f"{what}: token F1",
            _share(self.f1),
            "told, not required",
            f"exact match {_share(self.exact)}, answer contained {_share(self.holds)}; cited page holds the answer "
            f"{_share(self.cited_right)} of {len(self.cited_right)} citations, verified {_share(self.verified)}; "
            f"numbers and names of a claim stand in its quote {_share(self.backed)} of {len(self.backed)}, "
            f"sentences that a quote supports {_share(self.supported)}; wrongly refused {_share(self.refused)} of "
            f"{len(self.refused)}; {common.spread(self.milliseconds, 'ms')}",
        )


def _share(values: Sequence[float]) -> str:
    return f"{statistics.fmean(values):.2f}" if values else "none"


# ---------------------------------------------------------------- the measurements


def refusals(service: Service, questions: Sequence[Question], paths: Sequence[str]) -> None:
    """Questions whose own paragraph is left out, and the same with it."""
    held: dict[bool, list[bool]] = {True: [], False: []}
    cosines: dict[bool, list[float]] = {True: [], False: []}
    for question in questions:
        for there in (True, False):
            among = paths if there else [path for path in paths if path != question.path]
            found = service.search(question.text, top=service.settings.integer("answer.passages"), paths=among)
            held[there].append(holds_answer(question.text, found, service.catalog.page_text, service.embedder))
            cosines[there].append(max((hit.similarity or 0.0 for hit in found.hits), default=0.0))
    refused, wrongly = 1 - statistics.fmean(held[False]), 1 - statistics.fmean(held[True])
    bare = {share: _refused_by(cosines, share) for share in (WRONGLY, wrongly)}
    common.say(
        "Unanswerable questions refused",
        f"{refused:.2f}",
        f"more than {BARE_COSINE:.2f}, at {WRONGLY:.2f} wrongly refused",
        f"{wrongly:.3f} of {len(questions)} wrongly refused; a bare cosine threshold refuses {bare[WRONGLY]:.2f} at "
        f"{WRONGLY:.2f} and {bare[wrongly]:.2f} at {wrongly:.3f}",
    )


def _refused_by(scores: dict[bool, list[float]], wrongly: float) -> float:
    """The share of unanswerable questions below the score under which ``wrongly`` of the others lie."""
    ranked = sorted(scores[True])
    threshold = ranked[min(int(wrongly * len(ranked)), len(ranked) - 1)]
    return statistics.fmean(score < threshold for score in scores[False])


def answers(service: Service, name: str, questions: Sequence[Question], how: dict[str, Any], holds_page: Any) -> None:
    """Let the questions be answered in one way."""
    judged = Judged()
    for question in questions:
        judged.add(
            question, service.ask(question.text, **how).answer, lambda *place, asked=question: holds_page(asked, *place)
        )
    judged.say(name)


def main(arguments: Sequence[str]) -> int:
    wanted = int(arguments[0]) if arguments else QUESTIONS
    if not (shared() / "xquad").is_dir():
        print("The shared test data is not there (DOCENT_TEST_DATA), so there is nothing to ask.")
        return 1
    with common.folder() as folder:
        asked = xquad(folder)
        paths = sorted({question.path for question in asked})
        with Service(Paths.resolve(folder / "xquad-home")) as service:
            service.index(paths)
            refusals(service, asked, paths)
            pages = {path: normal((service.catalog.page_text(path, 1) or ("", 0))[0]) for path in paths}

            def holds(question: Question, path: str, page: int) -> bool:
                return any(normal(answer) in pages[path] for answer in question.answers)

            sample = random.Random(5).sample(asked, min(wanted, len(asked)))
            _ways(service, "XQuAD", sample, holds)
        handbook = northwind()
        with Service(Paths.resolve(folder / "northwind-home")) as service:
            service.index(sorted(str(path) for path in (shared() / "northwind").glob("*.pdf")))
            held = [
                holds_answer(each.text, service.search(each.text), service.catalog.page_text, service.embedder)
                for each in handbook
            ]
            common.say(
                "Handbook: questions wrongly refused",
                f"{held.count(False)}",
                "none",
                f"of {len(held)}, all of which can be answered",
            )
            sample = random.Random(5).sample(handbook, min(wanted, len(handbook)))
            _ways(service, "Handbook", sample, lambda question, path, page: (path, page) in question.pages)
    return 0


def _ways(service: Service, name: str, questions: Sequence[Question], holds_page: Any) -> None:
    """Exact answers, the starter model, and the starter model with each adapter that is there."""
    answers(service, f"{name}, exact", questions, {"exact": True}, holds_page)
    answers(service, f"{name}, starter model", questions, {"model": "starter", "adapter": "none"}, holds_page)
    for adapter in service.list_adapters():
        if adapter.fits:
            how = {"model": "starter", "adapter": adapter.path}
            answers(service, f"{name}, {adapter.name}", questions, how, holds_page)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

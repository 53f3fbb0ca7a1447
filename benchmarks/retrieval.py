"""How often search finds the right page: among the first, the first five and the first ten, each page counted once.

On the shared data: 66 questions on six PDFs of a staff handbook and health plans, where the evidence is sometimes a
page off, so a page beside it counts as right; and the held-out articles of XQuAD (English), a paragraph a page, where
only the very page counts. Beside it stands a plain vector store: the same embedding model, chunks of 1,000 characters,
no more. ``python -m benchmarks.retrieval tune`` measures the other articles instead, for choosing settings.
"""

from __future__ import annotations

import json
import random
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from assistant_app.engine.service import Service
from assistant_app.library.vectors import Vectors
from assistant_app.paths import Paths
from benchmarks import common
from benchmarks.answers import HELD_OUT_EVERY, shared

TOP = 10
CHUNK, CHUNK_OVERLAP = 1_000, 200
"""Characters of a plain store's chunks, as the splitters of common frameworks cut them by default."""
MOST_QUESTIONS = 300
"""Of XQuAD; a random sample, always the same one."""
WANTED = {1: 0.62, 5: 0.92, 10: 0.98}
"""On the handbook."""

Place = tuple[str, int]
Search = Callable[[str], Sequence[Place]]


class Question(NamedTuple):
    """A question and the pages that count as right: path and number."""

    text: str
    right: set[Place]


def handbook() -> tuple[list[str], list[Question]]:
    """The documents and questions of the handbook."""
    folder = shared() / "northwind"
    questions = []
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        asked = json.loads(line)
        places = [(str(folder / each["document"]), int(each["page"])) for each in asked["evidence"]]
        right = {(path, page + off) for path, page in places for off in (-1, 0, 1)}
        questions.append(Question(asked["question"], right))
    return sorted(str(path) for path in folder.glob("*.pdf")), questions


def articles(folder: Path, *, held_out: bool) -> tuple[list[str], list[Question]]:
    """XQuAD's articles laid out as PDFs with a paragraph on each page, and a sample of its questions."""
    data = json.loads((shared() / "xquad" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    paths, questions = [], []
    for number, article in enumerate(sorted(data, key=lambda article: str(article["title"])), start=1):
        if (number % HELD_OUT_EVERY == 0) != held_out:
            continue
        path = folder / (re.sub(r"[_/]", " ", article["title"]) + ".pdf")
        canvas = Canvas(str(path), pagesize=A4, invariant=True)
        for page, paragraph in enumerate(article["paragraphs"], start=1):
            canvas.setFont("Helvetica", 10)
            for line, words in enumerate(simpleSplit(paragraph["context"], "Helvetica", 10, A4[0] - 144)):
                canvas.drawString(72, A4[1] - 72 - 14 * line, words)
            canvas.showPage()
            questions += [Question(asked["question"], {(str(path), page)}) for asked in paragraph["qas"]]
        canvas.save()
        paths.append(str(path))
    sample = random.Random(7).sample(questions, min(MOST_QUESTIONS, len(questions)))
    return paths, sample


def plain_store(service: Service, folder: Path, paths: Sequence[str]) -> Search:
    """Chunks of the pages' text in a store of their own, searched by vector alone."""
    chunks: list[tuple[Place, str]] = []
    for path in paths:
        page = 1
        while (held := service.catalog.page_text(path, page)) is not None:
            text = held[0]
            for start in range(0, max(len(text) - CHUNK_OVERLAP, 1), CHUNK - CHUNK_OVERLAP):
                chunks.append(((path, page), text[start : start + CHUNK]))
            page += 1
    vectors = Vectors(folder)
    vectors.put(1, range(len(chunks)), service.embedder.embed([text for _, text in chunks]))

    def search(question: str) -> list[Place]:
        near = vectors.nearest(service.embedder.embed_question(question), TOP * 10)
        return list(dict.fromkeys(chunks[number][0] for number, _ in near))[:TOP]

    return search


class Figures(NamedTuple):
    """Shares of questions with a right page among the first so many, and the mean reciprocal rank."""

    hits: dict[int, float]
    reciprocal: float

    def __str__(self) -> str:
        return " / ".join(f"{share:.3f}" for share in self.hits.values()) + f", MRR {self.reciprocal:.3f}"


def measure(search: Search, questions: Sequence[Question]) -> Figures:
    """What ``search`` finds; it gives each page once, best first."""
    ranks = []
    for question in questions:
        pages = search(question.text)
        assert len(set(pages)) == len(pages)
        ranks.append(next((rank for rank, page in enumerate(pages, start=1) if page in question.right), 0))
    shares = {most: statistics.fmean(0 < rank <= most for rank in ranks) for most in WANTED}
    return Figures(shares, statistics.fmean(1 / rank if rank else 0.0 for rank in ranks))


def compare(name: str, home: Path, paths: Sequence[str], questions: Sequence[Question], wanted: str) -> None:
    """Measure Docent and the plain store on one set."""
    with Service(Paths.resolve(home)) as service:
        service.index(paths)

        def search(question: str) -> list[Place]:
            return [(hit.path, hit.page or 0) for hit in service.search(question, top=TOP).hits]

        ours = measure(search, questions)
        plain = measure(plain_store(service, home / "plain", paths), questions)
        counts = service.catalog.counts()
    common.say(
        f"{name}: page hit @1 / @5 / @10",
        " / ".join(f"{share:.3f}" for share in ours.hits.values()),
        wanted,
        f"MRR {ours.reciprocal:.3f}; a plain vector store {plain}; {len(questions)} questions, {counts['pages']} "
        f"pages, {counts['passages']} passages",
    )


def main(arguments: Sequence[str]) -> int:
    if not (shared() / "northwind").is_dir():
        print("The shared test data is not there (DOCENT_TEST_DATA), so there is nothing to search.")
        return 1
    wanted = " / ".join(f"{share:.2f}" for share in WANTED.values())
    with common.folder() as folder:
        compare("Handbook", folder / "handbook", *handbook(), f"at least {wanted}")
        made = folder / "articles"
        made.mkdir()
        compare("XQuAD", folder / "xquad", *articles(made, held_out="tune" not in arguments), "told, not required")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

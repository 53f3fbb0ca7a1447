"""Search in ever larger libraries: real questions, real stores, passages made for it with random vectors."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

import numpy as np

from assistant_app.documents.cutting import Piece
from assistant_app.library.catalog import Catalog, Page
from assistant_app.library.embedder import Embedder
from assistant_app.library.retrieval import Retriever
from assistant_app.library.vectors import Vectors
from assistant_app.protocol.records import Document
from benchmarks import common

SIZES = (1_000, 10_000, 30_000, 100_000)
PAGES_A_DOCUMENT = 50
PASSAGES_A_PAGE = 4
QUESTIONS = 60
DIMENSIONS = 384


def fill(catalog: Catalog, vectors: Vectors, count: int) -> None:
    """Add documents until there are ``count`` passages."""
    chance = np.random.default_rng(count)
    while (held := catalog.counts()["passages"]) < count:
        content = catalog.begin_content(f"{held}", "pdf", True, 1)
        ids = iter(catalog.reserve_passage_ids(PAGES_A_DOCUMENT * PASSAGES_A_PAGE))
        pages, numbers = [], []
        for number in range(1, PAGES_A_DOCUMENT + 1):
            texts = [common.prose(held * 10 + number * PASSAGES_A_PAGE + part, 5) for part in range(PASSAGES_A_PAGE)]
            passages, start = [], 0
            for text in texts:
                numbers.append(next(ids))
                passages.append((numbers[-1], Piece(start, len(text)), b""))
                start += len(text) + 1
            pages.append(Page(number, str(number), "\n".join(texts), passages))
        made = chance.normal(size=(len(numbers), DIMENSIONS)).astype(np.float32)
        vectors.put(content, numbers, made / np.linalg.norm(made, axis=1, keepdims=True))
        catalog.add_pages(content, f"report {held}", pages)
        document = Document(path=f"/report {held}.pdf", status="indexed", pages=PAGES_A_DOCUMENT)
        catalog.put(document, content_id=content, content_hash=f"{held}", modified_ns=0, read_by=1)
        catalog.end_content(content)


def milliseconds(retriever: Retriever) -> list[float]:
    """What questions of several words take, common and rare ones among them."""
    chance = random.Random(7)
    taken = []
    for seed in range(QUESTIONS):
        words = common.prose(seed * 31, 2).split()
        question = "What about " + " ".join(chance.sample(words, 7)) + "?"
        began = time.perf_counter()
        assert retriever.search(question, 10).hits
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def measure(folder: Path) -> dict[int, list[float]]:
    """Milliseconds of every question, by the size of the library."""
    catalog, vectors, embedder = Catalog(folder / "library.sqlite3"), Vectors(folder / "chroma"), Embedder()
    retriever = Retriever(catalog, vectors, embedder)
    embedder.load()
    taken = {}
    for size in SIZES:
        fill(catalog, vectors, size)
        milliseconds(retriever)  # what is read for the first time
        taken[size] = milliseconds(retriever)
    vectors.close()
    catalog.close()
    return taken


def main() -> None:
    with common.folder() as folder:
        taken = measure(folder)
    curve = ", ".join(f"{size:,}: {statistics.median(values):.1f} ms" for size, values in taken.items())
    common.say(
        "Search at 100,000 passages",
        f"{statistics.median(taken[100_000]) / statistics.median(taken[10_000]):.2f} ×",
        "at most 2 × the median at 10,000",
        f"{curve}; {QUESTIONS} questions each",
    )


if __name__ == "__main__":
    main()

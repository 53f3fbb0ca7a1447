"""Indexing through the engine against embedding alone: the same passages, the same model, the same number format."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from assistant_app.documents.cutting import embedded_text
from assistant_app.library.catalog import Catalog
from assistant_app.library.embedder import Embedder
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from benchmarks import common

ROUNDS = 3
DOCUMENTS, PAGES = 8, 25


def index(home: Path, documents: list[Path], first: Path) -> tuple[float, int]:
    """Seconds and passages of indexing ``documents`` into a new library; loading the model is not counted."""
    with common.Engine(home) as engine:
        engine.run(messages.IndexDocuments(paths=[str(first)]))
        seen = engine.run(messages.IndexDocuments(paths=[str(path) for path in documents]))
    done = seen[-1].event
    assert isinstance(done, messages.Indexed)
    return seen[-1].at - seen[0].at, sum(document.passages for document in done.documents)


def embedded(home: Path, documents: list[Path]) -> list[str]:
    """The texts that were embedded for ``documents``."""
    catalog = Catalog(Paths.resolve(home).catalog)
    try:
        wanted = {str(path) for path in documents}
        ids = catalog.passage_ids()
        paths = {number: passage.path for number, passage in catalog.passages(ids).items()}
        made_of = catalog.embedded(ids)
        return [embedded_text(*made_of[number][1:]) for number in ids if paths[number] in wanted]
    finally:
        catalog.close()


def main() -> None:
    with common.folder() as folder:
        documents = [
            common.make_pdf(folder / f"the {name} report.pdf", PAGES, seed=name) for name in range(1, DOCUMENTS + 1)
        ]
        first = common.make_pdf(folder / "first.pdf", 1)
        embedder = Embedder()
        embedder.load()
        through_engine, alone = [], []
        for number in range(ROUNDS):
            home = folder / f"home {number}"
            seconds, count = index(home, documents, first)
            through_engine.append(count / seconds)
            texts = embedded(home, documents)
            assert len(texts) == count
            alone.append(encode_alone(embedder, texts))
    ratios = [ours / theirs for ours, theirs in zip(through_engine, alone, strict=True)]
    common.say(
        "Indexing, passages a second",
        f"{statistics.median(ratios):.2f} ×",
        "at least 0.9 × SentenceTransformer.encode alone",
        f"indexing {common.spread(through_engine, 'a second')}; encode {common.spread(alone, 'a second')}; "
        f"{count} passages, {DOCUMENTS * PAGES} pages",
    )


def encode_alone(embedder: Embedder, texts: list[str]) -> float:
    """Passages a second of sentence-transformers on all texts at once, which it sorts by length itself."""
    model = embedder._model  # the very model, so that number format and tokens are the same
    began = time.perf_counter()
    model.encode(texts, batch_size=32, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
    return len(texts) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()

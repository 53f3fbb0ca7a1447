"""What change costs: a folder that is indexed again unchanged, and one changed page in a long document."""

from __future__ import annotations

import statistics
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from assistant_app.protocol import messages
from benchmarks import common

ROUNDS = 3
DOCUMENTS, PAGES = 20, 10
LONG = 300


def seconds(engine: common.Engine, path: Path, status: str) -> float:
    """How long indexing ``path`` takes; every document of it must end with ``status``."""
    seen = engine.run(messages.IndexDocuments(paths=[str(path)]))
    done = seen[-1].event
    assert isinstance(done, messages.Indexed)
    assert {document.status for document in done.documents} == {status}, done.documents
    return seen[-1].at - seen[0].at


def write_long(path: Path, seed: int, changed: int = 0) -> None:
    """A document of :data:`LONG` pages; page 150 has another text for each ``changed``."""
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    for page in range(LONG):
        canvas.setFont("Helvetica", 10)
        text = common.prose(seed * 10_000 + page + (changed * 1_000_000 if page == 150 else 0), 22)
        for line, words in enumerate(simpleSplit(text, "Helvetica", 10, A4[0] - 144)):
            canvas.drawString(72, A4[1] - 72 - 14 * line, words)
        canvas.showPage()
    canvas.save()


def main() -> None:
    unchanged: list[tuple[float, float]] = []
    one_page: list[tuple[float, float]] = []
    with common.folder() as folder, common.Engine(folder / "home") as engine:
        seconds(engine, common.make_pdf(folder / "first.pdf", 1), "indexed")  # loads the model
        for number in range(ROUNDS):
            documents = folder / f"documents {number}"
            documents.mkdir()
            for seed in range(DOCUMENTS):
                common.make_pdf(documents / f"{seed}.pdf", PAGES, seed=1 + number * DOCUMENTS + seed)
            unchanged.append((seconds(engine, documents, "indexed"), seconds(engine, documents, "unchanged")))
            long = folder / f"long {number}.pdf"
            write_long(long, 500 + number)
            whole = seconds(engine, long, "indexed")
            write_long(long, 500 + number, changed=1)
            one_page.append((whole, seconds(engine, long, "indexed")))
    for what, pairs, wanted in (
        ("Indexing an unchanged folder again", unchanged, "at most 0.01 × the first time"),
        (f"One changed page of {LONG}", one_page, "at most 0.05 × the whole document"),
    ):
        common.say(
            what,
            f"{statistics.median(again / first for first, again in pairs):.4f} ×",
            wanted,
            f"first {common.spread([first for first, _ in pairs], 's', 2)}; "
            f"again {common.spread([again for _, again in pairs], 's', 3)}",
        )


if __name__ == "__main__":
    main()

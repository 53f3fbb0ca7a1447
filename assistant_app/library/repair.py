"""Vectors are made to agree with the catalogue, which is the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assistant_app.library.catalog import Catalog
from assistant_app.library.embedder import DIMENSIONS, Embedder
from assistant_app.library.indexing import EMBED_AT_ONCE, embedded_text, spoken_name
from assistant_app.library.vectors import Vectors

EMBEDDER = "embedder"
"""The fact that names the embedding model the vectors came from."""


def vectors_agree(known: Catalog, vectors: Vectors, embedder: Embedder) -> bool:
    """Whether there are as many vectors as passages, from the embedding model in use, and can be searched. Quick."""
    passages = known.counts()["passages"]
    same_model = not passages or known.fact(EMBEDDER) == embedder.identity
    return same_model and vectors.is_sound(DIMENSIONS) and vectors.count() == passages


def mend_vectors(
    known: Catalog,
    vectors: Vectors,
    embedder: Embedder,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Embed the passages without a vector, forget vectors without a passage; returns how many were embedded.

    Vectors of another model, and a damaged store, are thrown away and made anew.

    Args:
        progress: gets passages done and to be done.
    """
    if known.fact(EMBEDDER) not in (None, embedder.identity) or not vectors.is_sound(DIMENSIONS):
        vectors.clear()
    known.remember(EMBEDDER, embedder.identity)
    ids = known.passage_ids()
    missing = vectors.missing(ids)
    for first in range(0, len(missing), EMBED_AT_ONCE):
        progress(first, len(missing))
        _embed(known, vectors, embedder, missing[first : first + EMBED_AT_ONCE])
    if vectors.count() != len(ids):
        vectors.remove_all_but(ids)
    progress(len(missing), len(missing))
    return len(missing)


def _embed(known: Catalog, vectors: Vectors, embedder: Embedder, ids: Sequence[int]) -> None:
    passages = list(known.passages(ids).values())
    if not passages:  # removed meanwhile
        return
    embedded = embedder.embed([embedded_text(spoken_name(passage.path), passage.text) for passage in passages])
    by_document: dict[int, list[int]] = {}
    for place, passage in enumerate(passages):
        by_document.setdefault(passage.document_id, []).append(place)
    for document_id, places in by_document.items():
        vectors.put(document_id, [passages[place].id for place in places], embedded[places])

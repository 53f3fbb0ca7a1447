"""Vectors are made to agree with the catalogue, which is the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assistant_app.documents.cutting import embedded_text
from assistant_app.library.catalog import Catalog
from assistant_app.library.embedder import Embedder
from assistant_app.library.new_content import STORE_AT_ONCE
from assistant_app.library.vectors import Vectors

EMBEDDER = "embedder"
"""The fact that names the embedding model the vectors came from."""


def vectors_agree(known: Catalog, vectors: Vectors, embedder: Embedder) -> bool:
    """Whether there are as many vectors as passages, from the embedding model in use, and can be searched. Quick."""
    passages = known.counts()["passages"]
    same_model = not passages or known.fact(EMBEDDER) == embedder.identity
    return same_model and vectors.is_sound(embedder.dimensions) and vectors.count() == passages


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
    if known.fact(EMBEDDER) not in (None, embedder.identity) or not vectors.is_sound(embedder.dimensions):
        vectors.clear()
    known.remember(EMBEDDER, embedder.identity)
    while gone := known.sweep():  # what a crash left without a document
        vectors.remove(gone)
    ids = known.passage_ids()
    missing = vectors.missing(ids)
    for first in range(0, len(missing), STORE_AT_ONCE):
        progress(first, len(missing))
        embed_missing(known, vectors, embedder, missing[first : first + STORE_AT_ONCE])
    if vectors.count() != len(ids):
        vectors.remove_all_but(ids)
    progress(len(missing), len(missing))
    return len(missing)


def embed_missing(known: Catalog, vectors: Vectors, embedder: Embedder, ids: Sequence[int]) -> None:
    """Embed these passages as they were embedded when they were indexed; those that are gone are left out."""
    made_of = known.embedded(ids)
    if not made_of:  # removed meanwhile
        return
    embedded = embedder.embed([embedded_text(name, piece, text) for _, name, piece, text in made_of.values()])
    by_content: dict[int, list[int]] = {}
    for place, (content_id, *_) in enumerate(made_of.values()):
        by_content.setdefault(content_id, []).append(place)
    numbers = list(made_of)
    for content_id, places in by_content.items():
        vectors.put(content_id, [numbers[place] for place in places], embedded[places])

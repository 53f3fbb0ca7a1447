"""The library is embedded anew with another model, beside the vectors in use.

Questions go on being answered from the old vectors until every passage has a new one. What was embedded stays: a change
that was interrupted, even by a crash, goes on where it was. Passages are cut the same for every model, so that neither
they nor citations change.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import NamedTuple

from assistant_app.library.catalog import Catalog
from assistant_app.library.embedder import Embedder
from assistant_app.library.new_content import EMBED_AT_ONCE
from assistant_app.library.repair import EMBEDDER, embed_missing
from assistant_app.library.vectors import Vectors

FOLDER = "embedder_folder"
"""The fact that holds the folder of the embedding model in use, "" for the built-in one."""
STORE = "vector_store"
"""The fact that tells which store holds the vectors in use; "" is the first one."""
LEFT = "vector_store_left"
"""The fact that tells which store is used no more and can go; it is cleared when nothing can be reading it."""


class Progress(NamedTuple):
    """Passages that have a new vector, of all."""

    done: int
    total: int


def store_of(embedder: Embedder) -> str:
    """The name of the store for an embedding model: "" for the built-in one, else a digest of its identity.

    Raises:
        DocentError: ``embedder_unusable``.
    """
    return hashlib.blake2b(embedder.identity.encode(), digest_size=6).hexdigest() if embedder.folder else ""


def embed_for(
    known: Catalog,
    vectors: Vectors,
    embedder: Embedder,
    *,
    seconds: float,
    turn: Callable[[], None],
    progress: Callable[[Progress], None] = lambda progress: None,
) -> bool:
    """Embed passages that have no vector in ``vectors`` yet, for so many ``seconds``; returns whether none is left.

    Args:
        turn: called between batches; may wait, and may raise to stop.

    Raises:
        DocentError: what ``turn`` raises; ``embedder_*``, ``disk_full``, ``library_damaged``, ``vector_server_*``.
    """
    ids = known.passage_ids()
    if not vectors.is_sound(embedder.dimensions):
        vectors.clear()  # what a crash damaged
    missing = vectors.missing(ids)
    until = time.monotonic() + seconds
    done = len(ids) - len(missing)
    for first in range(0, len(missing), EMBED_AT_ONCE):
        progress(Progress(done + first, len(ids)))
        turn()
        embed_missing(known, vectors, embedder, missing[first : first + EMBED_AT_ONCE])
        if time.monotonic() > until and first + EMBED_AT_ONCE < len(missing):
            return False
    progress(Progress(len(ids), len(ids)))
    return True


def note_change(known: Catalog, embedder: Embedder, store: str) -> None:
    """Remember in one step that ``embedder`` and ``store`` are in use from now on."""
    before = known.fact(STORE) or ""
    with known.transaction() as db:
        db.executemany(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)",
            [(EMBEDDER, embedder.identity), (FOLDER, embedder.folder), (STORE, store), (LEFT, before)],
        )

"""The vectors of the passages: the one room that knows Chroma.

Chroma holds a vector for each passage id and the id of its document, and nothing else. It is never asked what exists:
SQLite knows, and everything here can be rebuilt from it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant_app.errors import Code, DocentError, is_disk_full

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLLECTION = "passages"
MOST_RECORDS = 5_000
"""A call of Chroma 1.5 takes at most 5,461 records."""


class Vectors:
    """A Chroma collection in one folder. Safe to use from threads; not from two processes."""

    def __init__(self, folder: Path) -> None:
        """Opens (or creates) the store at the first use, because importing Chroma takes half a second."""
        self._folder = folder
        self._lock = threading.Lock()
        self._opened: tuple[Any, Any] | None = None

    def _collection(self) -> Any:
        with self._lock:
            if self._opened is None:
                import chromadb

                settings = chromadb.Settings(anonymized_telemetry=False)
                try:
                    client = chromadb.PersistentClient(path=str(self._folder), settings=settings)
                    collection = client.get_or_create_collection(
                        COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
                    )
                except Exception as error:  # Chroma's Rust core raises its own, undocumented kinds
                    raise self._problem(error) from error
                self._opened = (client, collection)
            return self._opened[1]

    def _problem(self, error: Exception) -> DocentError:
        code = Code.DISK_FULL if is_disk_full(error) else Code.LIBRARY_DAMAGED
        return DocentError(code, path=str(self._folder))

    def put(self, document_id: int, passage_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Store ``vectors`` (shape ``(len(passage_ids), dimensions)``); what stood under an id is replaced.

        Raises:
            DocentError: ``disk_full`` or ``library_damaged``.
        """
        collection = self._collection()
        try:
            for first in range(0, len(passage_ids), MOST_RECORDS):
                ids = passage_ids[first : first + MOST_RECORDS]
                collection.upsert(
                    ids=[str(number) for number in ids],
                    embeddings=vectors[first : first + MOST_RECORDS],
                    metadatas=[{"document": document_id}] * len(ids),
                )
        except Exception as error:  # as above
            raise self._problem(error) from error

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Forget the vectors of these passages; unknown ids do not matter."""
        collection = self._collection()
        try:
            for first in range(0, len(passage_ids), MOST_RECORDS):
                collection.delete(ids=[str(number) for number in passage_ids[first : first + MOST_RECORDS]])
        except Exception as error:  # as above
            raise self._problem(error) from error

    def nearest(
        self, vector: NDArray[np.float32], count: int, document_ids: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """The passages nearest to ``vector`` (shape ``(dimensions,)``): ``(passage id, cosine)``, best first.

        Args:
            count: how many at most.
            document_ids: look only in these documents; null: in all.
        """
        if document_ids is not None and not document_ids:
            return []
        collection = self._collection()
        where = None if document_ids is None else {"document": {"$in": list(document_ids)}}
        try:
            held = collection.count()
            if not held:
                return []
            answer = collection.query(
                query_embeddings=[vector], n_results=min(count, held), where=where, include=["distances"]
            )
        except Exception as error:  # as above
            raise self._problem(error) from error
        return [(int(key), 1.0 - float(far)) for key, far in zip(answer["ids"][0], answer["distances"][0], strict=True)]

    def count(self) -> int:
        """How many vectors the store holds."""
        return int(self._collection().count())

    def missing(self, passage_ids: Sequence[int]) -> list[int]:
        """Those of ``passage_ids`` that have no vector."""
        collection = self._collection()
        absent: list[int] = []
        for first in range(0, len(passage_ids), MOST_RECORDS):
            ids = passage_ids[first : first + MOST_RECORDS]
            held = set(collection.get(ids=[str(number) for number in ids], include=[])["ids"])
            absent += [number for number in ids if str(number) not in held]
        return absent

    def remove_all_but(self, passage_ids: Sequence[int]) -> None:
        """Forget every vector that belongs to none of ``passage_ids``."""
        wanted = {str(number) for number in passage_ids}
        held = self._collection().get(include=[])["ids"]
        self.remove([int(key) for key in held if key not in wanted])

    def clear(self) -> None:
        """Forget every vector."""
        self._collection()
        with self._lock:
            if self._opened is not None:
                client, _ = self._opened
                client.delete_collection(COLLECTION)
                self._opened = None
                client.close()

    def close(self) -> None:
        """Release the store's files."""
        with self._lock:
            if self._opened is not None:
                self._opened[0].close()
                self._opened = None

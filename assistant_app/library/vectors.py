"""The vectors of the passages: the one room that knows Chroma.

Chroma holds a vector for each passage id and the id of its document, and nothing else. It is never asked what exists:
SQLite knows, and everything here can be rebuilt from it.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant_app.errors import Code, DocentError, is_disk_full

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLLECTION = "passages"
MOST_RECORDS = 5_000
"""A call of Chroma 1.5 takes at most 5,461 records, and a filter some 16,000 values."""

MOST_TRIES = 2
"""Times that opening the store may end the process. Not one: the process may have been killed for another reason."""


class Vectors:
    """A Chroma collection in one folder. Safe to use from threads; not from two processes."""

    def __init__(self, folder: Path) -> None:
        """Opens (or creates) the store at the first use, because importing Chroma takes half a second."""
        self._folder = folder
        self._note = folder.with_name(f"{folder.name}.trying")
        self._lock = threading.Lock()
        self._opened: tuple[Any, Any] | None = None

    @contextmanager
    def _collection(self) -> Iterator[Any]:
        """The open collection; what Chroma raises becomes a ``DocentError``."""
        with self._named_problems():
            with self._lock:
                if self._opened is None:
                    self._opened = self._open()
                collection = self._opened[1]
            yield collection

    def _open(self) -> tuple[Any, Any]:
        import chromadb
        from chromadb.api.client import SharedSystemClient

        settings = chromadb.Settings(anonymized_telemetry=False)
        try:
            client = chromadb.PersistentClient(path=str(self._folder), settings=settings)
        except BaseException:
            # Chroma remembers a store that did not open, and would not try again.
            SharedSystemClient.clear_system_cache()
            raise
        collection = client.get_or_create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        return client, collection

    @contextmanager
    def _named_problems(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Chroma's Rust core raises its own, undocumented kinds
            code = Code.DISK_FULL if is_disk_full(error) else Code.LIBRARY_DAMAGED
            raise DocentError(code, path=str(self._folder)) from error

    def put(self, document_id: int, passage_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Store ``vectors`` (shape ``(len(passage_ids), dimensions)``); what stood under an id is replaced.

        Raises:
            DocentError: ``disk_full`` or ``library_damaged``.
        """
        with self._collection() as collection:
            for first in range(0, len(passage_ids), MOST_RECORDS):
                ids = passage_ids[first : first + MOST_RECORDS]
                collection.upsert(
                    ids=[str(number) for number in ids],
                    embeddings=vectors[first : first + MOST_RECORDS],
                    metadatas=[{"document": document_id}] * len(ids),
                )

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Forget the vectors of these passages; unknown ids do not matter."""
        with self._collection() as collection:
            for first in range(0, len(passage_ids), MOST_RECORDS):
                collection.delete(ids=[str(number) for number in passage_ids[first : first + MOST_RECORDS]])

    def nearest(
        self, vector: NDArray[np.float32] | Sequence[float], count: int, document_ids: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """The passages nearest to ``vector`` (shape ``(dimensions,)``): ``(passage id, cosine)``, best first.

        Args:
            count: how many at most.
            document_ids: look only in these documents; null: in all.
        """
        wheres: list[dict[str, Any] | None] = [None]
        if document_ids is not None:
            parts = [document_ids[first : first + MOST_RECORDS] for first in range(0, len(document_ids), MOST_RECORDS)]
            wheres = [{"document": {"$in": list(part)}} for part in parts]
        found: list[tuple[int, float]] = []
        with self._collection() as collection:
            held = collection.count()
            for where in wheres if held else []:
                answer = collection.query(
                    query_embeddings=[vector], n_results=min(count, held), where=where, include=["distances"]
                )
                pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
                found += [(int(key), 1.0 - float(far)) for key, far in pairs]
        return sorted(found, key=lambda pair: -pair[1])[:count]

    def count(self) -> int:
        """How many vectors the store holds."""
        with self._collection() as collection:
            return int(collection.count())

    def missing(self, passage_ids: Sequence[int]) -> list[int]:
        """Those of ``passage_ids`` that have no vector."""
        absent: list[int] = []
        with self._collection() as collection:
            for first in range(0, len(passage_ids), MOST_RECORDS):
                ids = passage_ids[first : first + MOST_RECORDS]
                held = set(collection.get(ids=[str(number) for number in ids], include=[])["ids"])
                absent += [number for number in ids if str(number) not in held]
        return absent

    def remove_all_but(self, passage_ids: Sequence[int]) -> None:
        """Forget every vector that belongs to none of ``passage_ids``."""
        wanted = {str(number) for number in passage_ids}
        with self._collection() as collection:
            held = collection.get(include=[])["ids"]
        self.remove([int(key) for key in held if key not in wanted])

    def is_sound(self, dimensions: int) -> bool:
        """Whether the store can be searched for vectors of so many ``dimensions``; :meth:`clear` mends one that cannot.

        A damaged index can crash the process that loads it. A note on the disk stands while that is tried: where it
        was left behind twice, nobody tries again.

        Raises:
            DocentError: ``disk_full``.
        """
        import chromadb  # noqa: F401  # takes a while, and is not what may crash

        tries = len(self._note.read_bytes()) if self._note.exists() else 0
        if tries >= MOST_TRIES:
            return False
        with suppress(OSError):
            self._note.write_bytes(b"." * (tries + 1))
        try:
            self.nearest([dimensions**-0.5] * dimensions, 1)
        except DocentError as error:
            if error.code is not Code.LIBRARY_DAMAGED:
                raise
            return False
        finally:
            self._note.unlink(missing_ok=True)
        return True

    def clear(self) -> None:
        """Forget every vector: the folder goes, and what was damaged in it."""
        with self._lock, self._named_problems():
            if self._opened is not None:
                client, _ = self._opened
                self._opened = None
                client.close()
            if self._folder.exists():
                shutil.rmtree(self._folder)
            self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the store's files."""
        with self._lock:
            if self._opened is not None:
                client, _ = self._opened
                self._opened = None
                client.close()

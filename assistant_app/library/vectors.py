"""The vectors of the passages: the one room that knows Chroma.

Chroma holds a vector for each passage id and the id of its content, and nothing else. It is never asked what exists:
SQLite knows, and everything here can be rebuilt from it.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assistant_app.errors import Code, DocentError, is_disk_full

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLLECTION = "passages"
MOST_RECORDS = 5_000
"""A call of Chroma 1.5 takes at most 5,461 records, and a filter some 16,000 values."""

MOST_SENT = 500
"""Records of a call to a server: some megabytes."""

SERVER_SECONDS = 20.0
"""How long a server may take for one call."""

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""Pauses after which a server that does not answer is asked again."""

Result = TypeVar("Result")

MOST_TRIES = 2
"""Times that opening the store may end the process. Not one: the process may have been killed for another reason."""


class Vectors:
    """A Chroma collection, in a folder of this computer or on a Chroma server. Safe to use from threads.

    A folder must not be used by two processes at once.
    """

    def __init__(self, folder: Path, server: str = "", name: str = COLLECTION) -> None:
        """Opens (or creates) the store at the first use, because importing Chroma takes half a second.

        Args:
            folder: where the store is, or would be without a server.
            server: the server's address, such as ``http://host:8000``; "" for none.
            name: of the collection; on a server each library needs its own.
        """
        self._folder = folder
        self._server = server
        self._name = name
        self._note = folder.with_name(f"{folder.name}.trying")
        self._lock = threading.RLock()
        self._opened: tuple[Any, Any] | None = None

    @property
    def place(self) -> str:
        """The server's address, or the folder."""
        return self._server or str(self._folder)

    @contextmanager
    def _collection(self) -> Iterator[Any]:
        """The open collection; what Chroma raises becomes a ``DocentError``."""
        with self._named_problems():
            with self._lock:
                if self._opened is None:
                    self._opened = self._open()
                collection = self._opened[1]
            yield collection

    def _call(self, action: Callable[[Any], Result]) -> Result:
        """Do ``action`` with the collection. A server is asked again for a while: it may just be starting anew."""
        for pause in RETRY_SECONDS if self._server else ():
            try:
                with self._collection() as collection:
                    return action(collection)
            except DocentError as error:
                if error.code is not Code.VECTOR_SERVER_UNREACHABLE:
                    raise
                self._forget_connection()
                time.sleep(pause)
        with self._collection() as collection:
            return action(collection)

    def _forget_connection(self) -> None:
        """A server that came back may know the collection by another id."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(Exception):  # the connection is broken already
                self._close(opened[0])

    def _close(self, client: Any) -> None:
        if self._server:  # Chroma leaves its connections open
            for session in _sessions(client):
                session.close()
        client.close()

    def _open(self) -> tuple[Any, Any]:
        import chromadb
        from chromadb.api.client import SharedSystemClient

        settings = chromadb.Settings(anonymized_telemetry=False)
        try:
            if self._server:
                client = self._connect(settings)
            else:
                client = chromadb.PersistentClient(path=str(self._folder), settings=settings)
        except BaseException:
            # Chroma remembers a store that did not open, and would not try again.
            SharedSystemClient.clear_system_cache()
            raise
        collection = client.get_or_create_collection(
            self._name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        return client, collection

    def _connect(self, settings: Any) -> Any:
        import chromadb
        import httpx

        try:
            address = httpx.URL(self._server)
        except httpx.InvalidURL as error:
            raise DocentError(Code.VECTOR_SERVER_UNREACHABLE, address=self._server) from error
        if address.scheme not in ("http", "https") or not address.host:
            raise DocentError(Code.VECTOR_SERVER_UNREACHABLE, address=self._server)
        # Chroma's own client waits for ever. So the server is asked first, and then the client gets a limit.
        httpx.get(address.join("/api/v2/heartbeat"), timeout=SERVER_SECONDS).raise_for_status()
        secure = address.scheme == "https"
        client = chromadb.HttpClient(
            host=address.host, port=address.port or (443 if secure else 80), ssl=secure, settings=settings
        )
        for session in _sessions(client):
            session.timeout = httpx.Timeout(SERVER_SECONDS)
        return client

    @contextmanager
    def _named_problems(self) -> Iterator[None]:
        try:
            yield
        except DocentError:
            raise
        except Exception as error:  # Chroma's Rust core raises its own, undocumented kinds
            if self._server:
                raise self._server_problem(error) from error
            code = Code.DISK_FULL if is_disk_full(error) else Code.LIBRARY_DAMAGED
            raise DocentError(code, path=str(self._folder)) from error

    def _server_problem(self, error: Exception) -> DocentError:
        import httpx

        missing = type(error).__name__ == "NotFoundError"  # the collection went with a server that forgot it
        lost = isinstance(error, (httpx.TransportError, httpx.HTTPStatusError, ConnectionError)) or missing
        if lost or "connect" in str(error).lower():  # Chroma wraps some in a plain ValueError
            return DocentError(Code.VECTOR_SERVER_UNREACHABLE, address=self._server)
        return DocentError(Code.VECTOR_SERVER_REFUSED, address=self._server, said=str(error)[:200])

    def put(self, content_id: int, passage_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Store ``vectors`` (shape ``(len(passage_ids), dimensions)``); what stood under an id is replaced.

        Raises:
            DocentError: ``disk_full``, ``library_damaged`` or, with a server, ``vector_server_*``: so all methods.
        """
        for first in range(0, len(passage_ids), self._at_once):
            ids = passage_ids[first : first + self._at_once]
            some = vectors[first : first + self._at_once]
            self._call(
                lambda collection, ids=ids, some=some: collection.upsert(  # type: ignore[misc]
                    ids=[str(number) for number in ids],
                    embeddings=some,
                    metadatas=[{"document": content_id}] * len(ids),
                )
            )

    def move(self, content_id: int, passage_ids: Sequence[int]) -> None:
        """These passages are part of another content now."""
        for first in range(0, len(passage_ids), self._at_once):
            keys = [str(number) for number in passage_ids[first : first + self._at_once]]
            note = [{"document": content_id}] * len(keys)
            self._call(lambda collection, keys=keys, note=note: collection.update(ids=keys, metadatas=note))  # type: ignore[misc]

    def get(self, passage_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """The vectors (shape ``(dimensions,)``) of those passages that have one."""
        import numpy as np

        found: dict[int, NDArray[np.float32]] = {}
        for first in range(0, len(passage_ids), self._at_once):
            keys = [str(number) for number in passage_ids[first : first + self._at_once]]
            answer = self._call(lambda collection, keys=keys: collection.get(ids=keys, include=["embeddings"]))  # type: ignore[misc]
            for key, vector in zip(answer["ids"], answer["embeddings"], strict=True):
                found[int(key)] = np.asarray(vector, dtype=np.float32)
        return found

    @property
    def _at_once(self) -> int:
        return MOST_SENT if self._server else MOST_RECORDS

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Forget the vectors of these passages; unknown ids do not matter."""
        for first in range(0, len(passage_ids), self._at_once):
            keys = [str(number) for number in passage_ids[first : first + self._at_once]]
            self._call(lambda collection, keys=keys: collection.delete(ids=keys))  # type: ignore[misc]

    def nearest(
        self, vector: NDArray[np.float32] | Sequence[float], count: int, content_ids: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """The passages nearest to ``vector`` (shape ``(dimensions,)``): ``(passage id, cosine)``, best first.

        Args:
            count: how many at most.
            content_ids: look only in these contents; null: in all.
        """
        wheres: list[dict[str, Any] | None] = [None]
        if content_ids is not None:
            parts = [content_ids[first : first + MOST_RECORDS] for first in range(0, len(content_ids), MOST_RECORDS)]
            wheres = [{"document": {"$in": list(part)}} for part in parts]
        found: list[tuple[int, float]] = []
        for where in wheres if count else []:
            answer = self._call(
                lambda collection, where=where: collection.query(  # type: ignore[misc]
                    query_embeddings=[vector], n_results=count, where=where, include=["distances"]
                )
            )
            pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
            found += [(int(key), 1.0 - float(far)) for key, far in pairs]
        return sorted(found, key=lambda pair: -pair[1])[:count]

    def count(self) -> int:
        """How many vectors the store holds."""
        return self._call(lambda collection: int(collection.count()))

    def missing(self, passage_ids: Sequence[int]) -> list[int]:
        """Those of ``passage_ids`` that have no vector."""
        absent: list[int] = []
        for first in range(0, len(passage_ids), MOST_RECORDS):
            ids = passage_ids[first : first + MOST_RECORDS]
            keys = [str(number) for number in ids]
            held = set(self._call(lambda collection, keys=keys: collection.get(ids=keys, include=[])["ids"]))  # type: ignore[misc]
            absent += [number for number in ids if str(number) not in held]
        return absent

    def remove_all_but(self, passage_ids: Sequence[int]) -> None:
        """Forget every vector that belongs to none of ``passage_ids``."""
        wanted = {str(number) for number in passage_ids}
        held = self._call(lambda collection: collection.get(include=[])["ids"])
        self.remove([int(key) for key in held if key not in wanted])

    def is_sound(self, dimensions: int) -> bool:
        """Whether the store can be searched for vectors of so many ``dimensions``; :meth:`clear` mends one that cannot.

        A damaged index can crash the process that loads it. A note on the disk stands while that is tried: where it
        was left behind twice, nobody tries again.

        Raises:
            DocentError: ``disk_full`` or ``vector_server_*``.
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
        """Forget every vector: the folder (or the server's collection) goes, and what was damaged in it."""
        with self._lock, self._named_problems():
            if self._server:
                if self._opened is None:
                    self._opened = self._open()
                self._opened[0].delete_collection(self._name)
                self._forget_connection()
                return
            if self._opened is not None:
                client, _ = self._opened
                self._opened = None
                self._close(client)
            if self._folder.exists():
                shutil.rmtree(self._folder)
            self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the store's files."""
        with self._lock:
            if self._opened is not None:
                client, _ = self._opened
                self._opened = None
                self._close(client)


def _sessions(client: Any) -> list[Any]:
    """The HTTP sessions of a Chroma client: its own, and its administration's. Chroma has no other way to them."""
    return [part._server._session for part in (client, client._admin_client)]

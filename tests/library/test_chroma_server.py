"""The vectors on a Chroma server: a real one, on this machine, that is slow, goes down and comes back."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.errors import Code, DocentError
from assistant_app.library import vectors as module
from assistant_app.library.embedder import Embedder
from assistant_app.library.repair import mend_vectors, vectors_agree
from assistant_app.library.vectors import Vectors
from tests.library.conftest import Library
from tests.pdfs import text_pdf

pytestmark = pytest.mark.models

CHROMA = Path(sys.executable).with_name("chroma.exe" if os.name == "nt" else "chroma")


class Server:
    """``chroma run`` on loopback; ended by its process at the latest when the test ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [CHROMA, "run", "--path", self._folder, "--host", "127.0.0.1", "--port", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.address}/api/v2/heartbeat", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("the Chroma server does not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if not CHROMA.exists():
        pytest.skip(f"SKIPPED LOUDLY: there is no {CHROMA}")
    made = Server(tmp_path / "server")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def library(tmp_path: Path, embedder: Embedder, readers: ReaderPool, server: Server) -> Iterator[Library]:
    opened = Library(tmp_path / "library", embedder, readers, server.address)
    yield opened
    opened.close()


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(6):
        pages = [[f"Document {number}, page {page}: the value is {number * 100 + page}."] for page in range(3)]
        text_pdf(folder / f"{number}.pdf", pages)
    return folder


def test_a_library_on_a_server_is_as_any_other(library: Library, documents: Path, tmp_path: Path) -> None:
    library.index(documents)
    library.assert_whole()
    assert not (library.folder / "chroma").exists()
    hits = library.retriever.search("What is the value in document 3, page 2?", 5).hits
    assert hits[0].vector_rank
    ids = library.catalog.passage_ids()
    assert library.vectors.get(ids[:2])[ids[0]].shape == (384,)
    (documents / "0.pdf").unlink()
    library.catalog.remove([str(documents / "0.pdf")], forever=True)
    library.indexer._sweep()
    library.assert_whole()
    library.vectors.clear()
    assert library.vectors.count() == 0
    assert mend_vectors(library.catalog, library.vectors, library.embedder) == 15
    assert vectors_agree(library.catalog, library.vectors, library.embedder)
    library.assert_whole()


def test_two_libraries_share_a_server(server: Server, tmp_path: Path) -> None:
    first, second = (Vectors(tmp_path / name, server.address, f"docent-{name}") for name in ("one", "two"))
    first.put(1, [1], one_vector())
    assert (first.count(), second.count()) == (1, 0)
    second.clear()
    assert first.count() == 1
    first.close()
    second.close()


def one_vector() -> NDArray[np.float32]:
    return np.eye(1, 384, dtype=np.float32)


def test_a_server_that_is_down_is_named(
    library: Library, documents: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index(documents)
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.01, 0.01))
    server.stop()
    for action in (
        lambda: library.retriever.search("value", 3),
        lambda: library.index(text_pdf(documents / "new.pdf", [["Something new."]])),
    ):
        with pytest.raises(DocentError) as caught:
            action()
        assert (caught.value.code, caught.value.details["address"]) == (
            Code.VECTOR_SERVER_UNREACHABLE,
            server.address,
        )
    assert len(library.catalog.documents()) == 6
    assert [Path(each.path).name for each in library.indexer.worklist.pending()] == ["new.pdf"]
    server.start()
    library.index(documents)
    library.assert_whole()
    assert len(library.catalog.documents()) == 7


def test_a_restart_in_the_middle_of_indexing_costs_nothing(library: Library, documents: Path, server: Server) -> None:
    restarted = threading.Event()

    def wait() -> float:
        if library.catalog.counts()["documents"] == 2 and not restarted.is_set():
            restarted.set()
            server.stop()
            threading.Timer(1.0, server.start).start()
        return 0.0

    assert set(library.index(documents, wait=wait).values()) == {("indexed", None)}
    assert restarted.is_set()
    library.assert_whole()


def test_a_server_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and never says a word."""
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(module, "SERVER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        vectors = Vectors(tmp_path / "chroma", address, "docent-x")
        with pytest.raises(DocentError) as caught:
            vectors.count()
    assert caught.value.code is Code.VECTOR_SERVER_UNREACHABLE


def test_a_slow_server_is_waited_for(library: Library, documents: Path, server: Server, tmp_path: Path) -> None:
    """Behind a proxy that takes its time for every piece of an answer."""
    library.index(documents)
    with slowed(int(server.address.rsplit(":", 1)[1])) as address:
        slow = Vectors(tmp_path / "chroma", address, library.vectors._name)
        assert slow.count() == 18
        slow.close()


@contextlib.contextmanager
def slowed(port: int) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=_serve_slowly, args=(door, port), daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


def _serve_slowly(door: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):  # the door is closed at the end
        while True:
            near, _ = door.accept()
            threading.Thread(target=_carry, args=(near, port), daemon=True).start()


def _carry(near: socket.socket, port: int) -> None:
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=_pump, args=(far, near, 0.2), daemon=True)
        back.start()
        _pump(near, far, 0.0)
        back.join()


def _pump(source: socket.socket, sink: socket.socket, pause: float) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(4096):
            time.sleep(pause)
            sink.sendall(content)
        sink.shutdown(socket.SHUT_WR)


def test_an_address_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", ())
    for address in ("localhost", "ftp://localhost", "http://", "http://127.0.0.1:99999", "http://127.0.0.1:1"):
        with pytest.raises(DocentError) as caught:
            Vectors(tmp_path / "chroma", address, "docent-x").count()
        assert caught.value.code is Code.VECTOR_SERVER_UNREACHABLE

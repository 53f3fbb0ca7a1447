"""A server on loopback that speaks the protocol of the Hugging Face hub, and misbehaves as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "5" * 40
REPO = "ada/tiny-GGUF"


class Hub:
    """What it holds, and how it behaves; each may be changed while it runs.

    Attributes:
        address: of the hub; ``store``: of the other server to which it sends those who want the bytes.
        files: path (``OWNER/NAME/FILE``) to content.
        seen: every request: method, path, ``Range`` header.
        cuts: of the next answers with bytes, how many are sent before the connection is cut; null: all.
        hold_at: so many bytes are sent, then it waits until ``go_on`` is set; null: it does not wait.
        ranges: it can send a part; ``sums``: checksums told instead of the right ones, by path; "" for none at all.
        size: told instead of the right one; ``status``: of every answer of the hub, 200 for none;
        error: its ``X-Error-Code``.
        more: bytes sent beyond the end of a file.
        instead: bytes sent in the place of a file's, always from their beginning; empty: none.
    """

    def __init__(self, address: str, store: str) -> None:
        self.address, self.store = address, store
        self.files: dict[str, bytes] = {}
        self.seen: list[tuple[str, str, str]] = []
        self.cuts: list[int | None] = []
        self.hold_at: int | None = None
        self.go_on = threading.Event()
        self.held = threading.Event()
        self.ranges = True
        self.sums: dict[str, str] = {}
        self.size: int | None = None
        self.status = 200
        self.error = ""
        self.more = b""
        self.instead = b""

    def add(self, name: str, content: bytes, repo: str = REPO) -> None:
        self.files[f"{repo}/{name}"] = content

    def gets(self) -> list[str]:
        """The ranges that were asked for when bytes were wanted, "" for a whole file."""
        return [where for method, path, where in self.seen if method == "GET" and path.startswith("/store/")]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *arguments: object) -> None:
            """Nothing: what was asked stands in ``seen``."""

        def _answer(self) -> None:
            hub.seen.append((self.command, self.path, self.headers.get("Range", "")))
            if self.path.startswith("/store/"):
                self._bytes(self.path.removeprefix("/store/"))
                return
            match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/(main|5{40})/(.+)", self.path)
            path = f"{match[1]}/{match[3]}" if match else ""
            status = hub.status if hub.status != 200 else 302 if path in hub.files else 404
            self.send_response(status)
            self.send_header("X-Repo-Commit", COMMIT)
            if status == 302:
                content = hub.files[path]
                checksum = hub.sums.get(path, hashlib.sha256(content).hexdigest())
                self.send_header("Location", f"{hub.store}/store/{path}")
                self.send_header("X-Linked-Size", str(len(content) if hub.size is None else hub.size))
                self.send_header("ETag", '"a revision, not a checksum"')
                if checksum:
                    self.send_header("X-Linked-ETag", f'"{checksum}"')
            elif status == 404:
                self.send_header("X-Error-Code", "EntryNotFound")
            if hub.error:
                self.send_header("X-Error-Code", hub.error)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _bytes(self, path: str) -> None:
            content, start = hub.instead or hub.files[path] + hub.more, 0
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if wanted and hub.ranges and not hub.instead:
                start = int(wanted[1])
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("ETag", '"of the store"')
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            cut = hub.cuts.pop(0) if hub.cuts else None
            body = content[start:] if cut is None else content[start : start + cut]
            if hub.hold_at is not None:
                self.wfile.write(body[: hub.hold_at])
                self.wfile.flush()
                hub.held.set()
                hub.go_on.wait(60)
                body = body[hub.hold_at :]
            with contextlib.suppress(OSError):  # whoever asked went away
                self.wfile.write(body)
            if cut is not None:
                self.close_connection = True

    return Handler


@contextlib.contextmanager
def a_hub() -> Iterator[Hub]:
    """One that runs until the end of the block."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) for _ in range(2)]
    hub = Hub(*(f"http://127.0.0.1:{server.server_address[1]}" for server in servers))
    threads = []
    for server in servers:
        server.daemon_threads = True
        server.RequestHandlerClass = _handler(hub)
        threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}))
        threads[-1].start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

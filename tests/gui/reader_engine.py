"""The real pipe and the real readers without a library: a child process for tests of the viewer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.engine.server import Server
from assistant_app.protocol import messages
from assistant_app.protocol.records import Box, Match, PageSize, Word


class Viewing:
    """The viewer's part of ``engine.service.Service``."""

    def __init__(self, page_seconds: float) -> None:
        self._readers = ReaderPool(page_seconds=page_seconds)
        self._passwords: dict[str, str] = {}

    def open_document(
        self, path: str, password: str | None, *, cancelled: Callable[[], bool], **_more: object
    ) -> tuple[list[PageSize], bool, bool]:
        pages, boxes = self._readers.open(path, password or self._passwords.get(path), cancelled)
        if password:
            self._passwords[path] = password
        return pages, boxes, False

    def draw_page(self, path: str, page: int, width: int, cancelled: Callable[[], bool]) -> tuple[int, int, bytes]:
        return self._readers.draw(path, page, width, self._passwords.get(path), cancelled)

    def locate_text(self, path: str, page: int, start: int, length: int) -> list[Box]:
        return self._readers.locate(path, page, start, length, self._passwords.get(path))

    def read_page(self, path: str, page: int, cancelled: Callable[[], bool]) -> tuple[str, list[Word]]:
        return self._readers.words(path, page, self._passwords.get(path), cancelled)

    def find_text(self, path: str, text: str) -> Iterator[tuple[int, int, list[Match]]]:
        return self._readers.find(path, text, self._passwords.get(path))


def main(record_path: str, page_seconds: str) -> None:
    """Serve on stdin and stdout; every request is also written to the file at ``record_path``."""
    channel = os.dup(1)
    os.dup2(2, 1)

    def write(line: bytes) -> None:
        while line:
            line = line[os.write(channel, line) :]

    server = Server(cast(Any, Viewing(float(page_seconds))), write)
    server.send(messages.Ready(protocol=messages.PROTOCOL, version="readers only"))
    with open(record_path, "ab", buffering=0) as record:
        for line in sys.stdin.buffer:
            record.write(line)
            server.take(line)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

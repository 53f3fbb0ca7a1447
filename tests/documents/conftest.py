from __future__ import annotations

import threading
from collections.abc import Iterator

import psutil
import pytest

from assistant_app.documents.reader_pool import ReaderPool


@pytest.fixture
def pool() -> Iterator[ReaderPool]:
    """A pool with the limits that people get; no reader and no thread may be left over."""
    with ReaderPool() as pool:
        yield pool
    assert readers() == []
    assert [thread for thread in threading.enumerate() if thread.name == "reader-answers"] == []


def readers() -> list[psutil.Process]:
    """The reader processes of this process."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and any("documents.reader" in part for part in child.cmdline())
    ]

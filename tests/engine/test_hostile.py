"""Every hostile file goes through the engine, as the window starts it: it lives on, and its readers do not pile up."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from assistant_app.protocol import messages
from tests.engine.conftest import Engine

pytestmark = [pytest.mark.models, pytest.mark.slow]


@pytest.mark.timeout(1800)
def test_no_hostile_file_ends_the_engine(data: Path, engine: Engine) -> None:
    process = psutil.Process(engine.process.pid)
    engine.send(messages.IndexDocuments(job=1, paths=[str(data / "hostile")]))
    final, before = engine.until(messages.Indexed, 1)
    assert isinstance(final, messages.Indexed)
    assert len(final.documents) > 450
    told = [event.document for event in before if isinstance(event, messages.DocumentDone)]
    assert {each.path for each in told} == {each.path for each in final.documents}
    for each in final.documents:
        assert (each.reason is None) == (each.status in ("indexed", "unchanged")), each
    assert process.is_running()
    assert engine.process.pid == process.pid
    readers = [child for child in process.children(recursive=True) if "documents.reader" in " ".join(child.cmdline())]
    assert len(readers) <= 2
    assert engine.close() == 0
    assert not any(reader.is_running() and reader.status() != psutil.STATUS_ZOMBIE for reader in readers)

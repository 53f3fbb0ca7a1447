"""Small models made once for all tests of a run: each loads in milliseconds and writes nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant_app.models.chat_model import ChatModel
from tests import ggufs


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ggufs.tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def model(tiny: Path) -> Iterator[ChatModel]:
    loaded = ChatModel.load(str(tiny), threads=1)
    yield loaded
    loaded.close()

"""No test sees real user data, no test reaches the network, and shared test data is found or skipped loudly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline for each example fails on a busy machine, and says nothing about the code.
settings.register_profile("docent", deadline=None)
settings.load_profile("docent")

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every path that Docent uses lies in the test's own folder, also for child processes."""
    folder = tmp_path / "home"
    monkeypatch.setenv("DOCENT_HOME", str(folder))
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "user" / "ollama"))
    return folder


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of shared test data (``DOCENT_TEST_DATA``), which is not part of the project."""
    folder = Path(os.environ.get("DOCENT_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: no test data at {folder}; set DOCENT_TEST_DATA to run this test")
    return folder

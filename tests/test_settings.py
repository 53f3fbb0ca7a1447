"""The file of settings, while several lanes of the engine read and change it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from assistant_app.settings import Settings


def test_what_is_set_holds_while_the_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(tmp_path / "settings.toml")
    settings.update({"model.path": "/mine.gguf"})
    seen: list[str] = []
    read = Path.read_text

    def reading(path: Path, *arguments: str, **options: str) -> str:
        seen.append(settings.text("model.path"))
        return read(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", reading)
    settings.update({"answer.max_tokens": 99})
    assert seen == ["/mine.gguf"]


def test_changes_of_two_lanes_are_both_kept(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "settings.toml")
    changes = [{"answer.max_tokens": 99}, {"answer.passages": 9}]
    for _ in range(20):
        settings.update({"answer.max_tokens": 100, "answer.passages": 10})
        barrier = threading.Barrier(2)

        def change(values: dict[str, object], barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            settings.update(values)

        lanes = [threading.Thread(target=change, args=(values,)) for values in changes]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        kept = Settings(tmp_path / "settings.toml")
        assert (kept.integer("answer.max_tokens"), kept.integer("answer.passages")) == (99, 9)

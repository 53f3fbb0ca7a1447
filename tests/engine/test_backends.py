"""What ``docent doctor`` says of CPU, Metal, CUDA and Vulkan."""

from __future__ import annotations

import sys
from importlib import metadata

import msgspec
import pytest

from assistant_app import words
from assistant_app.cli import output
from assistant_app.engine.backends import backends
from assistant_app.models.native import built_backends, devices
from assistant_app.protocol.records import Backend, Device

CPU = Device(name="CPU", description="A processor", kind="cpu", backend="CPU")
CARD = Device(name="CUDA0", description="A graphics card", kind="gpu", backend="CUDA")
METAL = Device(name="MTL0", description="A Mac's", kind="gpu", backend="MTL")


def said(built: list[str], found: list[Device], system: str = "Linux") -> dict[str, tuple[str, list[str]]]:
    return {each.name: (each.why, each.devices) for each in backends(built, found, system)}


def test_this_build_has_a_processor_and_knows_its_name() -> None:
    assert "CPU" in built_backends()
    first, *_ = backends()
    assert first.name == "CPU"
    assert first.why == ""
    assert first.devices == [each.description for each in devices() if each.backend == "CPU"]


def test_each_way_says_why_it_cannot_be_used() -> None:
    assert said(["CPU"], [CPU]) == {
        "CPU": ("", ["A processor"]),
        "Metal": ("not_here", []),
        "CUDA": ("not_built", []),
        "Vulkan": ("not_built", []),
    }
    assert said(["CPU", "CUDA", "Vulkan"], [CPU, CARD])["CUDA"] == ("", ["A graphics card"])
    assert said(["CPU", "CUDA", "Vulkan"], [CPU, CARD])["Vulkan"] == ("no_device", [])
    assert said(["MTL", "CPU"], [METAL, CPU], "Darwin")["Metal"] == ("", ["A Mac's"])
    assert said(["CPU"], [CPU], "Darwin")["CUDA"] == ("not_here", [])


def test_the_command_builds_the_same_version_with_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = backends(["CPU"], [CPU], "Linux")[2]
    version = metadata.version("llama-cpp-python")
    assert cuda.install.startswith('CMAKE_ARGS="-DGGML_CUDA=on" pip install ')
    assert cuda.install.endswith(f" llama-cpp-python=={version}")
    assert backends(["CPU"], [CPU], "Windows")[3].install.startswith('$env:CMAKE_ARGS="-DGGML_VULKAN=on"; pip ')
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert [each.why for each in backends(["CPU"], [CPU], "Linux")] == ["", "not_here", "frozen", "frozen"]


@pytest.mark.parametrize("why", words.BACKENDS)
def test_every_reason_is_a_sentence(why: str) -> None:
    text = words.backend_sentence("CUDA", why, ["A graphics card"], "do this")
    assert text.startswith("CUDA: ")
    assert "{" not in text
    assert ("do this" in text) == (why == "not_built")
    assert ("A graphics card" in text) == (why == "")


def test_doctor_prints_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    made = [Backend(name="CPU", devices=["A processor"]), Backend(name="CUDA", why="not_built", install="do this")]
    output.report({"backends": msgspec.to_builtins(made), "offline": True})
    assert capsys.readouterr().out == (
        "backends:\n"
        "  - CPU: can be used (A processor).\n"
        "  - CUDA: this build of llama.cpp does not have it. This adds it: do this\n"
        "offline: True\n"
    )

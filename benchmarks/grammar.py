"""What a grammar costs: tokens a second under the formats of the assistants that ship, against free writing and against
masking the vocabulary for every token."""

from __future__ import annotations

import statistics
import time
from typing import Any

import llama_cpp.llama_cpp as llama

from assistant_app.answering import prompts
from assistant_app.answering.assistants import Assistants
from assistant_app.answering.shapes import shape_of
from assistant_app.models import chat_model
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.grammar import Constraint
from assistant_app.models.model_files import starter_model
from assistant_app.paths import resources, shipped_adapters
from assistant_app.protocol.records import OutputFormat
from benchmarks import common

ROUNDS = 5
LONGEST = 160
"""Tokens of an answer."""


class EveryToken(Constraint):
    """The plain way: no token is asked about alone."""

    def sample(self, context: Any, chain: Any) -> int:
        token = self._next_best(context, chain)
        llama.llama_sampler_accept(self._sampler, token)
        return token


def speed(model: ChatModel, prompt: list[Any], grammar: str, constraint: type[Constraint] = Constraint) -> float:
    """Tokens a second of writing, reading the prompt left out."""
    chat_model.Constraint = constraint  # type: ignore[misc]
    began = time.perf_counter()
    said = model.generate(
        prompt, max_tokens=LONGEST, temperature=0.0, on_text=lambda text: None, cancelled=lambda: False, grammar=grammar
    )
    chat_model.Constraint = Constraint  # type: ignore[misc]
    return (said.completion_tokens - 1) / (time.perf_counter() - began - (said.first_token_seconds or 0.0))


def main() -> None:
    model = ChatModel.load(str(starter_model()), device="cpu")
    source = prompts.Source("Lease of the mill", common.prose(1, 12), 4)
    question = "Who are the parties, when does it begin and end, and what is paid?"
    formats = {
        each.name: each.format
        for each in Assistants(common.ROOT / "none", resources() / "assistants").all()
        if each.format.kind in ("schema", "template")
    }
    record = str(shipped_adapters() / "json-record.gguf")
    for name, wanted, adapter in (
        *((name, wanted, None) for name, wanted in formats.items()),
        ("record", OutputFormat(kind="record"), None),
        ("record, with its adapter", OutputFormat(kind="record"), record),
    ):
        model.set_adapter(adapter)
        shape = shape_of(wanted)
        prompt = prompts.messages(question, [source], shape.instructions)
        speed(model, prompt, "")
        held, masked = [], []
        for _ in range(ROUNDS):
            free = speed(model, prompt, "")
            held.append(speed(model, prompt, shape.grammar) / free)
            masked.append(speed(model, prompt, shape.grammar, EveryToken) / free)
        common.say(
            f"Writing under a grammar: {name}",
            f"{statistics.median(held):.2f} ×",
            "at least 0.85 × of free writing",
            f"{common.spread(held, '×', 2)}; masking for every token {statistics.median(masked):.2f} ×",
        )
    model.close()


if __name__ == "__main__":
    main()

"""Tokens a second of an answer as it reaches the window, against a bare llama-cpp-python loop on the same prompt."""

from __future__ import annotations

import statistics
import time
from typing import Any

import msgspec
import psutil
from llama_cpp import Llama

from assistant_app.answering import prompts
from assistant_app.models.model_files import starter_model
from assistant_app.paths import Paths
from assistant_app.protocol.records import Hit
from assistant_app.settings import Settings
from benchmarks import common
from benchmarks.in_window import Window

ROUNDS = 5
CONTEXT = 4096
ANSWER_TOKENS = 200


def bare_speed(model: Llama, question: str, hits: list[dict[str, Any]], tokens: int) -> float:
    """Tokens a second from the first token to the last, of an answer of at most ``tokens`` tokens."""
    sources = prompts.in_reading_order(msgspec.convert(hits, list[Hit]))
    stream = model.create_chat_completion(
        messages=prompts.messages(question, sources),  # type: ignore[arg-type]
        max_tokens=tokens,
        temperature=0.0,
        stream=True,
    )
    written = [time.perf_counter() for piece in stream if "content" in piece["choices"][0]["delta"]]  # type: ignore[index]
    return (len(written) - 1) / (written[-1] - written[0])


def main() -> None:
    ours: list[float] = []
    theirs: list[float] = []
    counts: list[int] = []
    model = Llama(str(starter_model()), n_ctx=CONTEXT, n_threads=psutil.cpu_count(logical=False), verbose=False, seed=1)
    with common.folder() as folder:
        document = common.make_pdf(folder / "report.pdf", 12)
        Settings(Paths.resolve(folder / "home").settings).update({"answer.max_tokens": ANSWER_TOKENS})
        with Window(folder / "home") as window:
            window.do("work", paths=[str(document)], questions=[])
            for number in range(ROUNDS + 1):
                sentence = common.prose(number, 1)
                question = f"Explain in many words what is said about this: {sentence}"
                (answer,) = window.do("work", paths=[], questions=[question])["answers"]
                if answer["tokens_a_second"] is None or answer["tokens"] < 20:
                    continue
                speed = bare_speed(model, question, answer["hits"], answer["tokens"])
                if number:  # the first round loads the model
                    ours.append(answer["tokens_a_second"])
                    theirs.append(speed)
                    counts.append(answer["tokens"])
    common.say(
        "Streaming an answer into the window",
        f"{statistics.median(o / t for o, t in zip(ours, theirs, strict=True)):.2f} ×",
        "at least 0.95 × a bare llama-cpp-python loop",
        f"window {common.spread(ours, 'tokens a second', 1)}; bare {common.spread(theirs, 'tokens a second', 1)}; "
        f"{statistics.median(counts):.0f} tokens an answer",
    )


if __name__ == "__main__":
    main()

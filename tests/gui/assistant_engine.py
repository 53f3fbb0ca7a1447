"""The real pipe, assistants, formats and tables without a library or a model: a child process for tests of the window.

``python assistant_engine.py``; its folders are those of ``DOCENT_HOME``. Each document's answer is made of its file's
name: ``bad`` is not in its format, ``broken`` fails, ``slow`` waits until it is stopped. A file ``changed`` among its
folders names the document that has changed since.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from assistant_app.engine import server
from assistant_app.engine.assistant_verbs import AssistantVerbs
from assistant_app.errors import Code, DocentError
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from assistant_app.protocol.records import Adapter, Answer, AnswerValue, Citation, Collection, Document, Model

MODELS = [
    Model(
        path=f"/models/{name}.gguf",
        name=name,
        architecture="llama",
        size=1,
        quantisation="Q4_1",
        context_length=8192,
        layers=30,
        in_use=name == "small",
    )
    for name in ("small", "large")
]
ADAPTERS = [
    Adapter(path="/adapters/records.gguf", name="records", architecture="llama", size=1, rank=8, alpha=8.0, tensors=9)
]


class Desk:
    """The part of ``engine.service.Service`` that assistants and their tables need."""

    def __init__(self) -> None:
        self.paths = Paths.resolve()
        self.paths.create()
        self.assisting = AssistantVerbs(cast(Any, self))
        self.collections = SimpleNamespace(all=self._collections)
        self.catalog = SimpleNamespace(stored=self._stored)

    def _stored(self, path: str) -> SimpleNamespace:
        changed = self.paths.tables.parent / "changed"
        is_changed = changed.exists() and changed.read_text(encoding="utf-8") == Path(path).stem
        return SimpleNamespace(content_hash="2" if is_changed else "1")

    def documents(self, *, removed: bool = False) -> list[Document]:
        names = os.environ.get("DOCUMENTS", "a.pdf b.pdf").split()
        return [
            Document(
                path=f"/lib/{name}", status="indexed", pages=3, passages=9, collections=["Leases"] if number % 2 else []
            )
            for number, name in enumerate(names)
        ]

    def _collections(self) -> list[Collection]:
        return [Collection(name="Leases", documents=1), Collection(name="Rules & more", documents=0)]

    def list_models(self) -> list[Model]:
        return MODELS

    def list_adapters(self) -> list[Adapter]:
        return ADAPTERS

    def wants_embedding(self) -> bool:
        return False

    def ask(
        self, question: str, *, paths: Sequence[str], assistant: str, cancelled: Callable[[], bool]
    ) -> SimpleNamespace:
        name = Path(paths[0]).stem
        seconds = float(os.environ.get("ANSWER_SECONDS", "0"))
        time.sleep(seconds)
        while "slow" in name and not cancelled():
            time.sleep(0.005)
        if cancelled():
            raise DocentError(Code.CANCELLED)
        if "broken" in name:
            raise DocentError(Code.GENERATION_FAILED, said="no memory")
        quote = Citation(
            number=1,
            path=paths[0],
            page=2,
            page_label="2",
            quote=f"{name} says it.",
            start=0,
            length=9,
            verified=True,
            given_by="search",
        )
        form = self.assisting.get(assistant).format
        answer = Answer(question=question, answer=f"It is {name} [1].", found=True, citations=[quote])
        if form.kind != "text":
            answer.format = form.kind
            answer.valid, answer.problem = "bad" not in name, "none of the labels" if "bad" in name else ""
            columns = ("parties", "start") if form.kind == "schema" else ("label",)
            answer.values = [AnswerValue(name=column, text=f"{column} of {name}", citation=1) for column in columns]
            answer.values[-1].citation = None if len(columns) > 1 else 1
            if not answer.valid:
                answer.values = []
        return SimpleNamespace(answer=answer, stopped=False)


def main() -> None:
    channel = os.dup(1)
    os.dup2(2, 1)

    def write(line: bytes) -> None:
        while line:
            line = line[os.write(channel, line) :]

    served = server.Server(cast(Any, Desk()), write)
    served.send(messages.Ready(protocol=messages.PROTOCOL, version="assistants only"))
    for line in sys.stdin.buffer:
        served.take(line)
    os._exit(0)


if __name__ == "__main__":
    main()

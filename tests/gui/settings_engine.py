"""The real pipe, settings, models and adapters without a library: a child process for tests of the settings.

``python settings_engine.py [--gpu] [--unwritable]``; its folders are those of ``DOCENT_HOME``. Questions are answered
by a script: the answer names the adapter it was asked with, and one that holds "wait" is written until it is stopped.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from assistant_app.engine import server
from assistant_app.engine.adapter_verbs import AdapterVerbs
from assistant_app.engine.model_keeper import ModelKeeper
from assistant_app.engine.model_verbs import ModelVerbs
from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError
from assistant_app.paths import Paths
from assistant_app.protocol import messages
from assistant_app.protocol.records import Answer, AnswerTimes, Device, TokenCounts
from assistant_app.settings import Settings

GPU = Device(name="CUDA0", description="A graphics processor", kind="gpu", memory_bytes=8_000_000_000)


class Desk:
    """The part of ``engine.service.Service`` that the settings talk to."""

    list_models = Service.list_models
    inspect_model = Service.inspect_model
    use_model = Service.use_model
    find_model = Service.find_model
    list_adapters = Service.list_adapters
    inspect_adapter = Service.inspect_adapter
    use_adapter = Service.use_adapter
    find_adapter = Service.find_adapter
    change_settings = Service.change_settings

    def __init__(self) -> None:
        self.paths = Paths.resolve()
        self.paths.create()
        below_a_file = Path(__file__) / "settings.toml"
        self.settings = Settings(below_a_file if "--unwritable" in sys.argv else self.paths.settings)
        self.models = ModelKeeper(self.settings)
        self.adapters = AdapterVerbs(cast(Any, self))
        self.talk = SimpleNamespace(ask=self.ask)
        self.shelf = ModelVerbs(cast(Any, self))

    def right_of_way(self) -> AbstractContextManager[None]:
        return nullcontext()

    def keep_server_key(self, key: str) -> None:
        if key == "nowhere":
            raise DocentError(Code.SERVER_KEY_NOT_KEPT, said="there is no keyring")

    def wants_embedding(self) -> bool:
        return False

    def examine(self) -> dict[str, object]:
        return {"library": {"path": str(self.paths.library)}}

    def ask(
        self, request: messages.Ask, report: Callable[[messages.Event], None], cancelled: Callable[[], bool]
    ) -> messages.Answered:
        text = f"{request.question} {os.path.basename(request.adapter or '')}"
        report(messages.AnswerText(text="a note", thinking=True))
        report(messages.AnswerText(text=text))
        while "wait" in request.question and not cancelled():
            time.sleep(0.005)
        answer = Answer(
            question=request.question,
            answer=text,
            found=True,
            tokens=TokenCounts(completion=7),
            milliseconds=AnswerTimes(total=1500.0),
        )
        return messages.Answered(answer=answer, stopped=cancelled())


def main() -> None:
    channel = os.dup(1)
    os.dup2(2, 1)
    if "--gpu" in sys.argv:
        found = server.devices
        server.devices = lambda: [*found(), GPU]

    def write(line: bytes) -> None:
        while line:
            line = line[os.write(channel, line) :]

    served = server.Server(cast(Any, Desk()), write)
    served.send(messages.Ready(protocol=messages.PROTOCOL, version="settings only"))
    for line in sys.stdin.buffer:
        served.take(line)
    os._exit(0)


if __name__ == "__main__":
    main()

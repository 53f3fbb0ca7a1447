"""How long another adapter takes, as the engine switches it before a question, against loading the model again."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from assistant_app.engine.adapter_verbs import MARKER
from assistant_app.engine.model_keeper import NO_ADAPTER, ModelKeeper
from assistant_app.models.chat_model import ChatModel
from assistant_app.models.model_files import starter_model
from assistant_app.paths import shipped_adapters
from assistant_app.settings import Settings
from benchmarks import common

ROUNDS = 20
RELOADS = 5


def milliseconds(work: Callable[[str], None], adapter: str) -> float:
    began = time.perf_counter()
    work(adapter)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    adapters = [str(path) for path in sorted(shipped_adapters().glob("*.gguf"))]
    with common.folder() as folder:
        keeper = ModelKeeper(Settings(folder / "settings.toml"), marker=folder / MARKER)

        def switch(adapter: str) -> None:
            with keeper.use(path=None, adapter=adapter):
                pass

        switch(NO_ADAPTER)
        fresh = [milliseconds(switch, path) for path in adapters]
        known = [milliseconds(switch, path) for _ in range(ROUNDS) for path in (NO_ADAPTER, *adapters)]
        keeper.unload()
    reloads: list[float] = []
    for _ in range(RELOADS):
        began = time.perf_counter()
        model = ChatModel.load(str(starter_model()))
        model.set_adapter(adapters[0])
        reloads.append((time.perf_counter() - began) * 1000)
        model.close()
    reload = statistics.median(reloads)
    common.say(
        "Switch to an adapter that was used before",
        f"{statistics.median(known):.2f} ms",
        "under 20 ms, and less than a hundredth of a reload",
        f"{common.spread(known, 'ms', 2)}; a reload takes {common.spread(reloads, 'ms')}: "
        f"{statistics.median(known) / reload:.4f} of it",
    )
    common.say(
        "Switch to an adapter whose file is read first",
        f"{statistics.median(fresh):.1f} ms",
        "told",
        f"{common.spread(fresh, 'ms', 1)}: checked, read, and one token computed with it",
    )


if __name__ == "__main__":
    main()

"""What packing saves when an adapter is trained: the same examples in packs, and one by one.

The examples are questions on the project's own documents, three paragraphs as sources; the model is the starter model.
Both ways compute the same losses (tests/training/test_packing.py); here only the time differs.
"""

from __future__ import annotations

import random
import sys
import time
from itertools import islice

from assistant_app.models.model_files import starter_model
from assistant_app.models.prompt_tokens import PromptTokens
from assistant_app.training.dataset import prompt_of
from assistant_app.training.lora import Settings, best_device, computes_bf16, load_base, loss, with_adapter
from assistant_app.training.packing import Encoded, Pack, pack
from benchmarks import common
from tools.adapter_examples import examples, own_documents

EXAMPLES = 40


def main() -> int:
    base = str(starter_model())
    tokens = PromptTokens(base)
    chosen = list(islice(examples(own_documents(), "text", random.Random(2)), EXAMPLES))
    encoded = [Encoded(tuple(tokens.prompt(prompt_of(each))), tuple(tokens.answer(each.answer))) for each in chosen]
    tokens.close()
    settings = Settings()
    device = best_device()
    bf16 = computes_bf16(device)
    model = with_adapter(load_base(base), settings).to(device)
    packed = pack(encoded, settings.room)
    single = [Pack((each,), len(each.prompt) - 1) for each in encoded]
    loss(model, packed[0], device, bf16).backward()  # the first is slower
    seconds = {}
    for name, packs in (("packed", packed), ("single", single)):
        began = time.perf_counter()
        for each in packs:
            loss(model, each, device, bf16).backward()
        seconds[name] = time.perf_counter() - began
    counted = {"packed": sum(each.length for each in packed), "single": sum(each.length for each in single)}
    common.say(
        "Training: packed against one by one",
        f"{seconds['packed'] / seconds['single']:.2f} x",
        "told, not required",
        f"{EXAMPLES} examples in {len(packed)} packs: {seconds['packed']:.1f} s for {counted['packed']} tokens against "
        f"{seconds['single']:.1f} s for {counted['single']}; on {device}{', bf16' if bf16 else ''}",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs every benchmark, one after the other: ``python -m benchmarks [NAME...]``."""

from __future__ import annotations

import importlib
import sys

NAMES = ("start_up", "memory", "stalls", "streaming", "second_question", "indexing")


def main(names: list[str]) -> int:
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"There is no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}.")
        return 2
    for name in names or NAMES:
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

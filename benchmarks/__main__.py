"""Runs every benchmark, one after the other: ``python -m benchmarks [NAME...]``."""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "start_up",
    "memory",
    "stalls",
    "streaming",
    "second_question",
    "stop",
    "right_of_way",
    "indexing",
    "change",
    "indexing_memory",
    "scale",
    "retrieval",
    "peers",
    "answers",
    "adapters",
    "adapter_switch",
    "grammar",
    "training",
)


def main(names: list[str]) -> int:
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"There is no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}.")
        return 2
    # Each in a process of its own: what one has loaded must not weigh on the next.
    failed = [
        name
        for name in names or NAMES
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    if failed:
        print(f"Did not come to an end: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

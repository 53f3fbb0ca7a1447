"""Nothing leaves the machine: hub clients are forced offline and telemetry is off, before any of them is imported."""

from __future__ import annotations

import os

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "OTEL_SDK_DISABLED": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TQDM_DISABLE": "1",
}


def go_offline() -> None:
    """Set the variables for this process and its children. What a person set otherwise does not matter."""
    os.environ.update(ENVIRONMENT)


def for_downloads() -> dict[str, str]:
    """The environment of the one process that may reach the hub: as of all the others, but not offline."""
    environment = {**os.environ, **ENVIRONMENT}
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        del environment[name]
    return environment


def is_offline() -> bool:
    """Whether the variables stand as :func:`go_offline` sets them."""
    return all(os.environ.get(name) == value for name, value in ENVIRONMENT.items())

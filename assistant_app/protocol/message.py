"""The base of everything that crosses the pipe."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, kw_only=True, tag_field="type"):
    """A request or an event; ``job`` is the number of the request that it is or belongs to, 0 for none."""

    job: int = 0

"""The shelf of adapters: the requests and events that belong to it, besides the older ones in ``messages.py``."""

from __future__ import annotations

from assistant_app.protocol.message import Message
from assistant_app.protocol.records import Adapter

# ---------------------------------------------------------------- requests


class AddAdapter(Message, tag="add_adapter"):
    """Put a copy on the shelf: of a ``.gguf``, or of a PEFT folder, which is converted for the model in use. A card
    beside it comes along. Answered by :class:`AdapterShelved`."""

    path: str


class RemoveAdapter(Message, tag="remove_adapter"):
    """Take an adapter of the person's own off the shelf. Answered by :class:`AdapterShelved`."""

    path: str


class PutBackAdapter(Message, tag="put_back_adapter"):
    """Undo :class:`RemoveAdapter` within a day. Answered by :class:`AdapterShelved`."""

    path: str


class LayAlso(Message, tag="lay_also"):
    """Lay an adapter besides the one in use, with its own scale; 0 takes it away. ``anyway``: as in ``UseAdapter``.
    Answered by ``Adapters``."""

    path: str
    scale: float
    anyway: bool = False


class ProbeAdapter(Message, tag="probe_adapter"):
    """Try whether an adapter acts. Progress: ``ModelLoading``. Answered by ``AdapterInspected``."""

    path: str


# ---------------------------------------------------------------- events


class AdapterShelved(Message, tag="adapter_shelved"):
    """The shelf changed. ``path`` is the adapter that was added or put back; of one that was removed, what
    :class:`PutBackAdapter` is told."""

    path: str
    adapters: list[Adapter]

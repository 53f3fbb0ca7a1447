"""The shelf of models: what other programs keep on this computer, and what is offered for download."""

from __future__ import annotations

from assistant_app.protocol.message import Message
from assistant_app.protocol.records import Model, Record

# ---------------------------------------------------------------- records


class Offer(Record):
    """A model of the catalogue (``resources/models.toml``).

    Attributes:
        key: its short name on the command line; ``name``: for people.
        repo, file: where it is on the hub; of a split model its first part.
        size: bytes, about; ``memory_gib``: a computer with so much memory runs it well.
        licence: its name; ``about``: one sentence on what it is good for.
        fits: this computer has that memory; ``recommended``: it is the largest that fits.
        installed: it was downloaded.
    """

    key: str
    name: str
    repo: str
    file: str
    size: int
    memory_gib: int
    licence: str
    about: str = ""
    fits: bool = True
    recommended: bool = False
    installed: bool = False


class Download(Record):
    """A download that runs or was begun.

    Attributes:
        name: of the catalogue's offer, else the file's.
        done, total: bytes of all its parts; ``total`` is 0 until the server told it.
        bytes_per_second, seconds_left: null until they can be told, and while it does not run.
        checking: all bytes are there and are compared with the checksum.
        running: else it was stopped or cut off, and can be gone on with.
    """

    repo: str
    file: str
    name: str
    done: int = 0
    total: int = 0
    bytes_per_second: float | None = None
    seconds_left: float | None = None
    checking: bool = False
    running: bool = False


# ---------------------------------------------------------------- requests


class FindModels(Message, tag="find_models"):
    """Look through the folders of other programs. Answered by :class:`ModelsFound`."""


class AddModel(Message, tag="add_model"):
    """Keep a file in the list of models; it stays where it is. Answered by :class:`ModelShelved`."""

    path: str


class RemoveModel(Message, tag="remove_model"):
    """Take a model off the list: one that was added, whose file stays where it is; or one in Docent's own folder, with
    its file. Answered by :class:`ModelShelved`.

    ``forever``: it is not kept for a day, but deleted at once.
    """

    path: str
    forever: bool = False


class PutBackModel(Message, tag="put_back_model"):
    """Undo :class:`RemoveModel` within a day. Answered by :class:`ModelShelved`."""

    path: str


class ListOffers(Message, tag="list_offers"):
    """Answered by :class:`Offers`."""


class DownloadModel(Message, tag="download_model"):
    """Download a model from the hub, or go on with one that was begun; this request alone goes out to a network.

    Progress: :class:`DownloadProgress`. Final: :class:`ModelDownloaded`. Cancelled, it keeps what is there.
    ``hub`` is the address of a mirror for this time, "" for the setting ``model.hub``.
    """

    repo: str
    file: str
    hub: str = ""


class DiscardDownload(Message, tag="discard_download"):
    """Throw away what was downloaded of a model that is not whole. Answered by :class:`Offers`."""

    repo: str
    file: str


# ---------------------------------------------------------------- events


class ModelsFound(Message, tag="models_found"):
    """Models in the folders of other programs, each with its ``place``; those that Docent lists itself are left out."""

    models: list[Model]


class ModelShelved(Message, tag="model_shelved"):
    """The list of models changed.

    ``path`` is the model that was added or put back; of one that was removed, what :class:`PutBackModel` is told, ""
    where it cannot be put back. ``replaced``: it was in use, and the starter model takes its place.
    """

    path: str
    models: list[Model]
    replaced: bool = False


class Offers(Message, tag="offers"):
    """The catalogue, and the downloads that were begun. ``memory_bytes`` is this computer's, its GPUs' with it."""

    offers: list[Offer]
    downloads: list[Download]
    memory_bytes: int


class DownloadProgress(Message, tag="download_progress"):
    download: Download


class ModelDownloaded(Message, tag="model_downloaded"):
    """The model is there, its checksum is right, and it can be chosen."""

    model: Model

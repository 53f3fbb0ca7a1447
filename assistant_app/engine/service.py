"""Every verb, once: the window (over the pipe), the command line and the tests all call this.

A verb either returns its result or raises a ``DocentError``. What takes long reports events of
``protocol.messages`` on the way and asks whether it was cancelled.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import filelock
import msgspec

from assistant_app.answering.answer import Written, is_about, not_found, write
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.engine import doctor
from assistant_app.engine.model_keeper import NO_ADAPTER, ModelKeeper
from assistant_app.engine.offline import go_offline
from assistant_app.errors import Code, DocentError
from assistant_app.library.catalog import Catalog
from assistant_app.library.embedder import Embedder
from assistant_app.library.indexing import Indexer
from assistant_app.library.repair import EMBEDDER, mend_vectors, vectors_agree
from assistant_app.library.retrieval import Found, Retriever
from assistant_app.library.vectors import Vectors
from assistant_app.models.adapters import check_adapter, discover_adapters, inspect_adapter
from assistant_app.models.model_files import check_memory, discover, inspect_model, starter_model
from assistant_app.paths import Paths, shipped_adapters
from assistant_app.protocol.messages import AnswerText, Event, ModelLoading, SourcesFound
from assistant_app.protocol.records import Adapter, Box, Document, Match, Model, PageSize, Word
from assistant_app.settings import Settings, Value

STARTER = "starter"
"""Name by which the command line chooses the starter model."""

LONGEST_WAIT = 120.0
"""Seconds that indexing waits for a question under way: one that hangs must not stop it for good."""

Report = Callable[[Event], None]
Cancelled = Callable[[], bool]


def _ignore(event: Event) -> None:
    """For callers who want no progress."""


def _never() -> bool:
    return False


class Service:
    """One open library with what reads, finds and answers. One at a time for a library, in one process."""

    def __init__(self, paths: Paths) -> None:
        """Take the library and open it; models are loaded when they are first needed.

        Raises:
            DocentError: ``library_in_use``, ``library_damaged``, ``library_newer``, ``library_unwritable``,
                ``disk_full``.
        """
        go_offline()
        self.paths = paths
        paths.create()
        self._lock = filelock.FileLock(paths.lock, timeout=0)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise DocentError(Code.LIBRARY_IN_USE, path=str(paths.library)) from None
        try:
            self.settings = Settings(paths.settings)
            self.catalog = Catalog(paths.catalog)
        except BaseException:
            self._lock.release()
            raise
        self.embedder = Embedder()
        self.vectors = Vectors(paths.vectors)
        self.readers = ReaderPool()
        self.models = ModelKeeper(self.settings)
        self._retriever = Retriever(self.catalog, self.vectors, self.embedder)
        self._indexer = Indexer(self.catalog, self.vectors, self.embedder, self.readers)
        self._no_question = threading.Event()
        self._no_question.set()
        self._mended = False
        self._mending = threading.Lock()
        self._passwords: dict[str, str] = {}

    def close(self) -> None:
        """Release everything. The library is whole at any time; this only tidies."""
        self.models.unload()
        self.readers.close()
        self.vectors.close()
        self.catalog.close()
        self._lock.release()

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ the library

    def documents(self) -> list[Document]:
        """Every document by path; one whose file is gone is ``missing`` and keeps its passages."""
        return [self._with_presence(document) for document in self.catalog.documents()]

    @staticmethod
    def _with_presence(document: Document) -> Document:
        if os.path.exists(document.path):
            return document
        return msgspec.structs.replace(
            document, status="missing", reason=Code.FILE_MISSING.value, details={"path": document.path}
        )

    def index(
        self,
        paths: Sequence[str],
        *,
        collection: str | None = None,
        passwords: Mapping[str, str] | None = None,
        report: Report = _ignore,
        cancelled: Cancelled = _never,
    ) -> list[Document]:
        """Add files and folders; see :meth:`Indexer.index`. A question that comes meanwhile has the right of way."""
        passwords = {os.path.abspath(path): password for path, password in (passwords or {}).items()}
        self.mend()
        documents = self._indexer.index(
            paths,
            collection=collection,
            passwords=passwords,
            report=report,
            cancelled=cancelled,
            wait=self._wait_for_question,
        )
        opened = {document.path for document in documents if document.status in ("indexed", "partial")}
        self._passwords.update({path: word for path, word in passwords.items() if path in opened})
        return documents

    def _wait_for_question(self) -> None:
        self._no_question.wait(timeout=LONGEST_WAIT)

    def remove(self, paths: Sequence[str]) -> list[Document]:
        """Take documents out of the library, the files stay; returns what was removed.

        A path that is a folder stands for every document below it.

        Raises:
            DocentError: ``document_unknown``, before anything is removed.
        """
        known = {document.path: document for document in self.catalog.documents()}
        chosen: dict[str, Document] = {}
        for given in paths:
            path = os.path.abspath(os.path.expanduser(given))
            below = [each for each in known if each == path or each.startswith(path.rstrip(os.sep) + os.sep)]
            if not below:
                raise DocentError(Code.DOCUMENT_UNKNOWN, path=given)
            chosen.update({each: known[each] for each in below})
        for path in chosen:
            self.vectors.remove(self.catalog.remove(path))
            self._passwords.pop(path, None)
        return list(chosen.values())

    def mend(self, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
        """Make the vectors agree with the catalogue, once a process; returns how many passages were embedded again.

        They differ after a crash, or where Chroma's folder was deleted.
        """
        with self._mending:
            if self._mended:
                return 0
            mended = 0
            if not vectors_agree(self.catalog, self.vectors, self.embedder):
                mended = mend_vectors(self.catalog, self.vectors, self.embedder, progress)
            self.catalog.remember(EMBEDDER, self.embedder.identity)  # of what is indexed from now on
            self._mended = True
            return mended

    # ------------------------------------------------------------ questions

    def search(
        self, question: str, *, top: int = 10, paths: Sequence[str] | None = None, collection: str | None = None
    ) -> Found:
        """The best passages for a question.

        Raises:
            DocentError: ``question_empty``, ``collection_unknown``.
        """
        question = question.strip()
        if not question:
            raise DocentError(Code.QUESTION_EMPTY)
        self.mend()
        if paths is not None:
            paths = [os.path.abspath(os.path.expanduser(path)) for path in paths]
        return self._retriever.search(question, top, self.catalog.document_ids(paths, collection))

    def ask(
        self,
        question: str,
        *,
        paths: Sequence[str] | None = None,
        collection: str | None = None,
        model: str | None = None,
        adapter: str | None = None,
        report: Report = _ignore,
        cancelled: Cancelled = _never,
        job: int = 0,
    ) -> Written:
        """Answer a question from the documents.

        Args:
            paths: look only in these documents; they must be in the library.
            model, adapter: for this question only: a file, the name of a known one, or (adapter) ``"none"``.
            report: gets ``ModelLoading``, ``SourcesFound`` and ``AnswerText``, each with ``job``.

        Raises:
            DocentError: ``question_empty``, ``library_empty``, ``collection_unknown``, ``model_*``, ``adapter_*``,
                ``context_too_small``, ``generation_failed``, ``cancelled`` (before anything was written).
        """
        began = time.perf_counter()
        question = question.encode("utf-8", "replace").decode("utf-8").strip()  # it comes back in the answer, as JSON
        with self._right_of_way():
            found = self.search(
                question, top=self.settings.integer("answer.passages"), paths=paths, collection=collection
            )
            if not found.hits and not self.catalog.counts()["passages"]:
                raise DocentError(Code.LIBRARY_EMPTY)
            model_path = self.find_model(model) if model else self.models.chosen_path()
            adapter_path = self.find_adapter(adapter) if adapter and adapter != NO_ADAPTER else adapter
            if not is_about(question, found):
                named = inspect_model(model_path).name
                return Written(not_found(question, found, began, model=named), "", False)
            if cancelled():
                raise DocentError(Code.CANCELLED)

            shown = -1

            def loading(name: str, fraction: float) -> bool:
                nonlocal shown  # llama.cpp calls for every tensor; a person sees hundredths
                if int(fraction * 100) > shown:
                    shown = int(fraction * 100)
                    report(ModelLoading(job=job, name=name, fraction=fraction))
                return not cancelled()

            with self.models.use(path=model_path, adapter=adapter_path, on_progress=loading) as (loaded, laid):
                report(SourcesFound(job=job, hits=found.hits))
                written = write(
                    question,
                    found,
                    loaded,
                    self.catalog.page_text,
                    began=began,
                    adapter=None if laid is None else Path(laid).stem,
                    max_tokens=self.settings.integer("answer.max_tokens"),
                    temperature=self.settings.number("answer.temperature"),
                    on_text=lambda text, thinking: report(AnswerText(job=job, text=text, thinking=thinking)),
                    cancelled=cancelled,
                )
            if written.stopped and not (written.answer.tokens.completion or written.thinking):
                raise DocentError(Code.CANCELLED)
            return written

    @contextmanager
    def _right_of_way(self) -> Iterator[None]:
        """Indexing pauses between two batches while this is held."""
        self._no_question.clear()
        try:
            yield
        finally:
            self._no_question.set()

    # ------------------------------------------------------------ the viewer

    def open_document(
        self, path: str, password: str | None = None, cancelled: Cancelled = _never
    ) -> tuple[list[PageSize], bool]:
        """The sizes and labels of a document's pages, and whether its text has positions."""
        opened = self.readers.open(path, password or self._passwords.get(path), cancelled)
        if password:
            self._passwords[path] = password
        return opened

    def draw_page(self, path: str, page: int, width: int, cancelled: Cancelled = _never) -> tuple[int, int, bytes]:
        """Width and height in pixels, and the PNG, of a page drawn ``width`` pixels wide."""
        return self.readers.draw(path, page, width, self._passwords.get(path), cancelled)

    def locate_text(self, path: str, page: int, start: int, length: int) -> list[Box]:
        return self.readers.locate(path, page, start, length, self._passwords.get(path))

    def read_page(self, path: str, page: int, cancelled: Cancelled = _never) -> tuple[str, list[Word]]:
        return self.readers.words(path, page, self._passwords.get(path), cancelled)

    def find_text(self, path: str, text: str) -> Iterator[tuple[int, int, list[Match]]]:
        """Pages done, pages in all, and the matches since the last yield."""
        return self.readers.find(path, text, self._passwords.get(path))

    # ------------------------------------------------------------ models and adapters

    def list_models(self) -> list[Model]:
        """The starter model, the models in Docent's folder, and the one in use wherever it is."""
        context = self.settings.integer("model.context")
        starter = str(starter_model())
        chosen = self.models.chosen_path()
        models = {starter: inspect_model(starter, context)}
        models.update({model.path: model for model in discover(self.paths.models)})
        if chosen not in models:
            with suppress(DocentError):  # the file went away; asking says so
                models[chosen] = inspect_model(chosen, context)
        return [
            msgspec.structs.replace(model, starter=path == starter, in_use=path == chosen)
            for path, model in models.items()
        ]

    def inspect_model(self, path: str) -> Model:
        """What a GGUF file's header says; a name of a known model does as well."""
        found = inspect_model(self.find_model(path), self.settings.integer("model.context"))
        return msgspec.structs.replace(
            found, starter=found.path == str(starter_model()), in_use=found.path == self.models.chosen_path()
        )

    def use_model(self, path: str) -> list[Model]:
        """Choose the model that answers from the next question on; checked first. Empty: the starter model."""
        if path:
            path = self.find_model(path)
            check_memory(inspect_model(path, self.settings.integer("model.context")))
        self.settings.update({"model.path": "" if path == str(starter_model()) else path})
        return self.list_models()

    def find_model(self, name: str) -> str:
        """The path of a model given by file, by name, or as ``starter``.

        Raises:
            DocentError: ``model_missing``.
        """
        if name == STARTER:
            return str(starter_model())
        if os.path.exists(name):
            return os.path.abspath(name)
        for model in self.list_models():
            if name in (model.name, Path(model.path).name, Path(model.path).stem):
                return model.path
        raise DocentError(Code.MODEL_MISSING, path=name)

    def list_adapters(self) -> list[Adapter]:
        """The adapters that ship, those in Docent's folder, and the one in use wherever it is."""
        adapters = {each.path: each for each in discover_adapters(shipped_adapters(), self.paths.adapters)}
        chosen = self.settings.text("adapter.path")
        if chosen and chosen not in adapters:
            with suppress(DocentError):  # the file went away; asking says so
                adapters[chosen] = inspect_adapter(chosen)
        return [self._with_fit(adapter) for adapter in adapters.values()]

    def inspect_adapter(self, path: str) -> Adapter:
        """What an adapter file's header says, and whether it fits the model in use."""
        return self._with_fit(inspect_adapter(self.find_adapter(path)))

    def _with_fit(self, adapter: Adapter) -> Adapter:
        try:
            check_adapter(adapter.path, self.models.chosen_path())
            fits = True
        except DocentError:
            fits = False
        return msgspec.structs.replace(adapter, fits=fits, in_use=adapter.path == self.models.chosen_adapter())

    def use_adapter(self, path: str, *, enabled: bool = True, scale: float | None = None) -> list[Adapter]:
        """Choose the adapter for the next question on; checked against the model in use first. Empty: none.

        Raises:
            DocentError: ``adapter_*``; the choice before stays.
        """
        changes: dict[str, object] = {"adapter.path": "", "adapter.enabled": enabled}
        if path and path != NO_ADAPTER:
            path = self.find_adapter(path)
            check_adapter(path, self.models.chosen_path())
            changes["adapter.path"] = path
        if scale is not None:
            changes["adapter.scale"] = float(scale)
        self.settings.update(changes)
        return self.list_adapters()

    def find_adapter(self, name: str) -> str:
        """The path of an adapter given by file or by name.

        Raises:
            DocentError: ``adapter_missing``.
        """
        if os.path.exists(name):
            return os.path.abspath(name)
        for adapter in discover_adapters(shipped_adapters(), self.paths.adapters):
            if name in (adapter.name, Path(adapter.path).name, Path(adapter.path).stem):
                return adapter.path
        raise DocentError(Code.ADAPTER_MISSING, path=name)

    # ------------------------------------------------------------ settings and health

    def change_settings(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Change settings by key, all or none; returns all of them."""
        self.settings.update(values)
        return self.settings.as_dict()

    def examine(self, *, repair: bool = False) -> dict[str, object]:
        """What ``docent doctor`` says; with ``repair`` the vectors are made to agree with the catalogue first."""
        repaired = mend_vectors(self.catalog, self.vectors, self.embedder) if repair else 0
        return doctor.report(self, repaired if repair else None)

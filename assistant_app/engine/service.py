"""Every verb, once: the window (over the pipe), the command line and the tests all call this.

A verb either returns its result or raises a ``DocentError``. What takes long reports events of
``protocol.messages`` on the way and asks whether it was cancelled.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from assistant_app.answering.answer import (
    TEXT_SHAPE,
    How,
    Written,
    holds_answer,
    not_found,
    quote,
    write,
    write_without_sources,
)
from assistant_app.answering.shapes import STRUCTURED, Shape, shape_of
from assistant_app.documents.page_text import search_pattern
from assistant_app.documents.recognised import boxes_of_words
from assistant_app.engine import diagnostics, doctor
from assistant_app.engine.adapter_verbs import MARKER, AdapterVerbs
from assistant_app.engine.approval_verbs import ApprovalVerbs
from assistant_app.engine.assistant_verbs import AssistantVerbs
from assistant_app.engine.conversation_verbs import ConversationVerbs
from assistant_app.engine.library_verbs import Cancelled, LibraryVerbs, Report, ignore, never
from assistant_app.engine.model_keeper import (
    NO_ADAPTER,
    AdapterChoice,
    ModelKeeper,
    default_adapter,
    format_of,
    gives_extracts,
    hundredths,
)
from assistant_app.engine.model_verbs import ModelVerbs
from assistant_app.engine.report_verbs import ReportVerbs
from assistant_app.engine.stopping import at_once
from assistant_app.engine.training_verbs import TrainingVerbs
from assistant_app.errors import Code, DocentError
from assistant_app.library.embedder import check_folder
from assistant_app.library.repair import mend_vectors
from assistant_app.library.reranker import check_reranker
from assistant_app.library.retrieval import Found
from assistant_app.models.adapters import check_adapter, discover_adapters, inspect_adapter
from assistant_app.models.model_files import check_memory, discover, fits, inspect_model, starter_model
from assistant_app.models.native import gpu_memory
from assistant_app.paths import Paths, shipped_adapters
from assistant_app.protocol.assistants import Assistant, OutputFormat
from assistant_app.protocol.messages import AnswerText, ModelLoading, SourcesFound
from assistant_app.protocol.records import Adapter, Box, Format, Match, Model, PageSize, Word
from assistant_app.settings import DEFAULT_ADAPTER, Value

STARTER = "starter"
"""Name by which the command line chooses the starter model."""


class Service(LibraryVerbs):
    """Everything that Docent can do, for one open library."""

    def __init__(self, paths: Paths) -> None:
        """As :class:`LibraryVerbs`."""
        super().__init__(paths)
        self.models = ModelKeeper(
            self.settings, lambda: self.passwords.get(self.server_entry()) or "", self.paths.data / MARKER
        )
        self.talk = ConversationVerbs(self)
        self.approving = ApprovalVerbs(self)
        self.training = TrainingVerbs(self)
        self.adapters = AdapterVerbs(self)
        self.notes += filter(None, [self.adapters.recover()])
        self.assisting = AssistantVerbs(self)
        self.reporting = ReportVerbs(self)
        self.shelf = ModelVerbs(self)
        self.shelf.sweep()

    def close(self) -> None:
        """Release everything. The library is whole at any time; this only tidies."""
        self.training.close()
        self.shelf.close()
        self.models.unload()
        super().close()

    def __enter__(self) -> Service:
        return self

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
        self.retriever.use_reranker(self.settings.text("library.reranker"))
        return self.retriever.search(question, top, self.catalog.scope(paths, collection))

    def ask(
        self,
        question: str,
        *,
        paths: Sequence[str] | None = None,
        collection: str | None = None,
        model: str | None = None,
        adapter: str | None = None,
        exact: bool | None = None,
        assistant: str = "",
        laid: AdapterChoice | None = None,
        report: Report = ignore,
        cancelled: Cancelled = never,
        job: int = 0,
    ) -> Written:
        """Answer a question from the documents.

        Args:
            paths: look only in these documents; they must be in the library.
            model, adapter: for this question only: a file, the name of a known one, or (adapter) ``"none"``.
            exact: the answer is made of the documents' own sentences; null: as the settings say.
            assistant: name of the one that answers; what is given besides it goes before what it says.
            laid: what the settings said of adapters when the question came; null: what they say now.
            report: gets ``ModelLoading``, ``SourcesFound`` and ``AnswerText``, each with ``job``.

        Raises:
            DocentError: ``question_empty``, ``library_empty``, ``collection_unknown``, ``assistant_unknown``,
                ``model_*``, ``adapter_*``, ``context_too_small``, ``generation_failed``, ``cancelled`` (before
                anything was written).
        """
        began = time.perf_counter()
        laid = laid or self.models.adapter_choice()
        asked = self.assisting.get(assistant) if assistant else Assistant(name="")
        model, adapter = model or asked.model or None, adapter or asked.adapter or None
        exact = asked.exact if exact is None else exact
        if paths is None and collection is None and asked.collections:
            paths = self.assisting.documents_in(asked.collections)
        question = question.encode("utf-8", "replace").decode("utf-8").strip()  # it comes back in the answer, as JSON
        with self.right_of_way():
            top = asked.passages or self.settings.integer("answer.passages")
            found = at_once(lambda: self.search(question, top=top, paths=paths, collection=collection), cancelled)
            if not found.hits and self.catalog.is_empty():
                raise DocentError(Code.LIBRARY_EMPTY)
            is_exact = self.settings.text("answer.mode") == "exact" if exact is None else exact
            if is_exact:
                report(SourcesFound(job=job, hits=found.hits))
                said = at_once(lambda: quote(question, found, self.catalog.page_text, self.embedder, began), cancelled)
                return said._replace(answer=msgspec.structs.replace(said.answer, assistant=asked.name))
            model_path = self.find_model(model) if model else None
            adapter_path = self.find_adapter(adapter) if adapter and adapter != NO_ADAPTER else adapter
            # A structured format has its own way to say that the documents do not hold it.
            structured = asked.format.kind in STRUCTURED
            general = self.settings.flag("answer.general_knowledge") and not structured
            holds = structured or at_once(
                lambda: holds_answer(question, found, self.catalog.page_text, self.embedder), cancelled
            )
            if not holds and not general:
                nothing = not_found(question, found, began, model=self.models.name(model_path))
                return nothing._replace(answer=msgspec.structs.replace(nothing.answer, assistant=asked.name))
            if cancelled():
                raise DocentError(Code.CANCELLED)
            loading = hundredths(
                lambda name, fraction: report(ModelLoading(job=job, name=name, fraction=fraction)), cancelled
            )
            with self.models.use(
                path=model_path,
                adapter=adapter_path,
                scale=asked.scale,
                wanted=asked.format.kind,
                choice=laid,
                on_progress=loading,
            ) as (loaded, first):
                self.shelf.warn(loaded, report)
                self.adapters.warn(loaded.path, report)
                adapters = self.adapters.laid()
                how = How(
                    began=began,
                    adapter=" + ".join(each.file for each in adapters) or None,
                    max_tokens=asked.max_tokens or self.settings.integer("answer.max_tokens"),
                    temperature=_or(asked.temperature, self.settings.number("answer.temperature")),
                    on_text=lambda text, thinking: report(AnswerText(job=job, text=text, thinking=thinking)),
                    cancelled=cancelled,
                    shape=_shape(asked, format_of(first)),
                    extracts=gives_extracts(first),
                    adapters=adapters,
                )
                if holds:
                    report(SourcesFound(job=job, hits=found.hits))
                    written = write(question, found, loaded, self.catalog.page_text, how)
                    holds = written.answer.found or written.stopped
                if not holds and general:
                    loaded.set_adapter(None)  # it was trained to answer from sources
                    how = how._replace(adapter=None, adapters=(), shape=TEXT_SHAPE)
                    written = write_without_sources(question, found, loaded, how)
                self.shelf.warn(loaded, report)  # the graphics processor's memory may have run out meanwhile
            if written.stopped and not (written.answer.tokens.completion or written.thinking):
                raise DocentError(Code.CANCELLED)
            answer = msgspec.structs.replace(written.answer, server=loaded.server, assistant=asked.name)
            return written._replace(answer=answer)

    # ------------------------------------------------------------ the viewer

    def open_document(
        self,
        path: str,
        password: str | None = None,
        *,
        keep_password: bool = False,
        report: Report = ignore,
        cancelled: Cancelled = never,
    ) -> tuple[list[PageSize], bool, bool]:
        """The sizes and labels of a document's pages, whether its text has positions, and whether it is to be shown as
        a plain preview (:meth:`preview`) because it has no page images."""
        held = self.catalog.documents([path])
        if held and held[0].kind not in (None, "pdf"):
            return [], False, True
        pages, boxes = self.readers.open(path, password or self.passwords.get(path), cancelled)
        if password:
            self._remember(path, password, keep_password, report)
        return pages, boxes, False

    def draw_page(self, path: str, page: int, width: int, cancelled: Cancelled = never) -> tuple[int, int, bytes]:
        """Width and height in pixels, and the PNG, of a page drawn ``width`` pixels wide."""
        return self.readers.draw(path, page, width, self.passwords.get(path), cancelled)

    def locate_text(self, path: str, page: int, start: int, length: int) -> list[Box]:
        """One box for each line; of a scan, by the words that were recognised in it."""
        recognised = self.catalog.recognised_words(path, page)
        if recognised is not None:
            return boxes_of_words(recognised[1], start, length)
        return self.readers.locate(path, page, start, length, self.passwords.get(path))

    def read_page(self, path: str, page: int, cancelled: Cancelled = never) -> tuple[str, list[Word]]:
        """A page's text and where its words are drawn."""
        recognised = self.catalog.recognised_words(path, page)
        if recognised is not None:
            return recognised
        return self.readers.words(path, page, self.passwords.get(path), cancelled)

    def find_text(self, path: str, text: str) -> Iterator[tuple[int, int, list[Match]]]:
        """Pages done, pages in all, and the matches since the last yield; in recognised pages too."""
        recognised = self.catalog.recognised_pages(path)
        pattern = search_pattern(text) if recognised else None
        done = 0
        for done, total, matches in self.readers.find(path, text, self.passwords.get(path)):
            if pattern is None:
                yield done, total, matches
                continue
            here = [page for page in recognised if page <= done]
            recognised = recognised[len(here) :]
            matches = [*matches, *(match for page in here for match in self._recognised_matches(path, page, pattern))]
            yield done, total, sorted(matches, key=lambda match: (match.page, match.start))

    def _recognised_matches(self, path: str, page: int, pattern: re.Pattern[str]) -> list[Match]:
        found = self.catalog.recognised_words(path, page)
        if found is None:
            return []
        text, words = found
        spans = [match.span() for match in pattern.finditer(text)]
        return [
            Match(page=page, start=start, length=end - start, boxes=boxes_of_words(words, start, end - start))
            for start, end in spans
        ]

    # ------------------------------------------------------------ models and adapters

    def list_models(self) -> list[Model]:
        """The starter model, those in Docent's folder, those that were added, and the one in use wherever it is."""
        context = self.settings.integer("model.context")
        starter = str(starter_model())
        chosen = self.models.chosen_path()
        models = {starter: inspect_model(starter, context)}
        models.update({model.path: model for model in [*discover(self.paths.models), *self.shelf.added()]})
        if chosen not in models:
            with suppress(DocentError):  # the file went away; asking says so
                models[chosen] = inspect_model(chosen, context)
        return [
            msgspec.structs.replace(
                model,
                starter=path == starter,
                in_use=path == chosen,
                fits=fits(model, gpu_memory()),
                removal=self.shelf.removal(path),
            )
            for path, model in models.items()
        ]

    def inspect_model(self, path: str) -> Model:
        """What a GGUF file's header says; a name of a known model does as well."""
        found = inspect_model(self.find_model(path), self.settings.integer("model.context"))
        return msgspec.structs.replace(
            found,
            starter=found.path == str(starter_model()),
            in_use=found.path == self.models.chosen_path(),
            fits=fits(found, gpu_memory()),
            removal=self.shelf.removal(found.path),
        )

    def use_model(self, path: str) -> list[Model]:
        """Choose the model that answers from the next question on; checked first. Empty: the starter model."""
        if path:
            path = self.find_model(path)
            check_memory(inspect_model(path, self.settings.integer("model.context")), gpu_memory())
        self.settings.update({"model.path": "" if path == str(starter_model()) else path})
        return self.list_models()

    def find_model(self, name: str) -> str:
        """The path of a model given by file, by name, or as ``starter``.

        Raises:
            DocentError: ``model_missing``.
        """
        if name == STARTER:
            return str(starter_model())
        if os.path.isfile(name):
            return os.path.abspath(name)
        for models in (self.list_models, self.shelf.found):
            for model in models():
                if name in (model.name, Path(model.path).name, Path(model.path).stem):
                    return model.path
        if os.path.exists(name):  # a folder, which has a sentence of its own
            return os.path.abspath(name)
        raise DocentError(Code.MODEL_MISSING, path=name)

    def list_adapters(self) -> list[Adapter]:
        """The adapters that ship, those in Docent's folder, and the one in use wherever it is."""
        adapters = {each.path: each for each in discover_adapters(shipped_adapters(), self.paths.adapters)}
        chosen = self.settings.text("adapter.path")
        if chosen not in ("", DEFAULT_ADAPTER) and chosen not in adapters:
            with suppress(DocentError):  # the file went away; asking says so
                adapters[chosen] = inspect_adapter(chosen)
        return [self.adapters.complete(adapter) for adapter in adapters.values()]

    def inspect_adapter(self, path: str) -> Adapter:
        """What an adapter file's header says, and what it is to the model in use."""
        return self.adapters.complete(inspect_adapter(self.find_adapter(path)), compute=True)

    def use_adapter(
        self, path: str, *, enabled: bool = True, scale: float | None = None, anyway: bool = False
    ) -> list[Adapter]:
        """Choose the adapter for the next question on; checked against the model in use first.

        Args:
            path: ``""`` or ``none`` for none, ``default`` for the one that comes with the model.
            anyway: also where the model in use is not the file that the adapter was trained on.

        Raises:
            DocentError: ``adapter_*``; the choice before stays.
        """
        changes: dict[str, object] = {"adapter.path": "", "adapter.enabled": enabled}
        if path == DEFAULT_ADAPTER:
            changes["adapter.path"] = DEFAULT_ADAPTER
        elif path and path != NO_ADAPTER:
            path = self.find_adapter(path)
            check_adapter(path, self.models.chosen_path())
            if enabled:
                self.adapters.check_base(path, anyway=anyway)
            is_default = path == default_adapter(self.models.chosen_path())
            changes["adapter.path"] = DEFAULT_ADAPTER if is_default else path
        if scale is not None:
            changes["adapter.scale"] = float(scale)
        self.settings.update(changes)
        return self.list_adapters()

    def find_adapter(self, name: str) -> str:
        """The path of an adapter given by file, by its file's name, or by its own: of several versions the newest.

        Raises:
            DocentError: ``adapter_missing``.
        """
        if os.path.isfile(name):
            return os.path.abspath(name)
        known = discover_adapters(shipped_adapters(), self.paths.adapters)
        for adapter in known:
            if name in (Path(adapter.path).name, Path(adapter.path).stem):
                return adapter.path
        cards = ((adapter, self.adapters.card(adapter.path)) for adapter in known)
        named = [
            (card.version if card else 0, adapter.path)
            for adapter, card in cards
            if name in (adapter.name, card.name if card else "")
        ]
        if named:
            return max(named)[1]
        if os.path.exists(name):  # as above
            return os.path.abspath(name)
        raise DocentError(Code.ADAPTER_MISSING, path=name)

    # ------------------------------------------------------------ settings and health

    def server_entry(self) -> str:
        """Under what name the key of the answering server is kept: a key is for one address, and sent to no other."""
        return f"answering server {self.settings.text('model.server')}"

    def keep_server_key(self, key: str) -> None:
        """Keep the key of the answering server that the settings name in the system's keyring; "" forgets it.

        Raises:
            DocentError: ``server_key_not_kept``; it is used until Docent ends all the same.
        """
        if not key:
            self.passwords.forget(self.server_entry())
            return
        try:
            self.passwords.keep(self.server_entry(), key)
        except DocentError as problem:
            raise DocentError(Code.SERVER_KEY_NOT_KEPT, said=problem.details.get("said")) from problem

    def change_settings(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Change settings by key, all or none; returns all of them.

        Raises:
            DocentError: ``setting_*``, ``embedder_unusable``, ``reranker_unusable``.
        """
        if folder := values.get("library.embedder"):
            check_folder(Path(str(folder)))
        if folder := values.get("library.reranker"):
            check_reranker(str(folder))
        self.settings.update(values)
        return self.settings.as_dict()

    def save_diagnostics(self, path: str) -> None:
        """Write a file for a bug report; see :mod:`assistant_app.engine.diagnostics`.

        Raises:
            DocentError: ``file_unwritable`` or ``disk_full``.
        """
        diagnostics.save(self, path)

    def examine(self, *, repair: bool = False) -> dict[str, object]:
        """What ``docent doctor`` says; with ``repair`` the vectors are made to agree with the catalogue first."""
        repaired = 0
        if repair:
            repaired = mend_vectors(self.catalog, self.vectors, self.embedder)
            self.embed_anew()
        return doctor.report(self, repaired if repair else None)


def _shape(assistant: Assistant, of_adapter: Format) -> Shape:
    """An adapter that learnt a format of Docent's own answers in it, unless the assistant has another."""
    wanted = assistant.format
    if wanted.kind == "text" and of_adapter == "record":
        wanted = OutputFormat(kind="record", grammar=wanted.grammar)
    return shape_of(wanted, assistant.instructions)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value

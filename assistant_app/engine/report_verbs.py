"""What the engine does about format reports: asking the same questions four ways, and keeping the outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from assistant_app.answering import prompts
from assistant_app.answering.format_report import Asked, advise, looked_at, way_of
from assistant_app.answering.repetition import LoopGuard
from assistant_app.answering.shapes import Shape, shape_of
from assistant_app.answering.thinking import ThinkingFilter
from assistant_app.engine.library_verbs import Cancelled, Report
from assistant_app.engine.model_keeper import NO_ADAPTER, format_of, hundredths
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.library.indexing import spoken_name
from assistant_app.models.chat_model import ChatMessage
from assistant_app.models.server_model import AnsweringModel
from assistant_app.protocol import messages
from assistant_app.protocol import report as protocol
from assistant_app.protocol.assistants import Assistant
from assistant_app.protocol.records import Hit, OutputFormat
from assistant_app.protocol.report import FormatReport, WayName
from assistant_app.training.dataset import prompt_of
from assistant_app.training.job import write

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

MOST_QUESTIONS = 500

WAYS: tuple[WayName, ...] = ("instructions", "grammar", "adapter", "adapter_grammar")


class _Question(NamedTuple):
    """A question on the same passages for all ways: those of an approved answer as it was given (``prompt``), or hits,
    best first, of which as many are given as fit."""

    text: str
    instructions: str = ""
    hits: Sequence[Hit] = ()
    prompt: list[ChatMessage] = []  # never changed
    sources: int = 0
    approved: str | None = None


class ReportVerbs:
    """What :class:`Service` does about format reports."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def answer(self, request: messages.Request, report: Report, cancelled: Cancelled) -> messages.Event:
        """Do what a request wants. Raises what :meth:`check` raises."""
        match request:
            case protocol.CheckAdapter():
                return protocol.FormatReported(report=self.check(request, report, cancelled))
            case protocol.ReadReport(adapter=adapter):
                return protocol.FormatReported(report=self.newest(adapter))
            case _:
                raise AssertionError(type(request))

    def newest(self, adapter: str) -> FormatReport | None:
        """The newest report on an adapter, null where there is none of this very file.

        Raises:
            DocentError: ``adapter_missing``.
        """
        path = self._service.find_adapter(adapter)
        try:
            return msgspec.json.decode(self._file(path).read_bytes(), type=FormatReport)
        except (OSError, msgspec.MsgspecError):
            return None

    def _file(self, adapter: str) -> Path:
        digest = self._service.adapters.known.hash(adapter, compute=True) or "unknown"
        return self._service.paths.data / "reports" / f"{digest[:32]}.json"

    def check(self, request: protocol.CheckAdapter, report: Report, cancelled: Cancelled) -> FormatReport:
        """Ask the same questions on the same passages with instructions only, with a grammar, with the adapter, and
        with both; free text has no grammar, so it is two ways.

        Raises:
            DocentError: ``adapter_*``, ``assistant_unknown``, ``questions_empty``, ``model_*``, ``disk_full``,
                ``cancelled``.
        """
        service = self._service
        began = time.perf_counter()
        adapter = service.find_adapter(request.adapter)
        assistant = service.assisting.get(request.assistant) if request.assistant else Assistant(name="")
        wanted = assistant.format if request.assistant else OutputFormat(kind=format_of(adapter))
        shape = shape_of(msgspec.structs.replace(wanted, grammar=True), assistant.instructions)
        longest = assistant.max_tokens or service.settings.integer("answer.max_tokens")
        count = max(1, min(request.count, MOST_QUESTIONS))
        questions = list(self._questions(request.questions, assistant, shape, count, cancelled))
        if not questions:
            raise DocentError(Code.QUESTIONS_EMPTY)
        ways = [way for way in WAYS if shape.grammar or "grammar" not in way]
        answers: dict[WayName, list[Asked]] = {}
        done, total, asking_since = 0, len(ways) * len(questions), time.perf_counter()
        loading = hundredths(
            lambda name, fraction: report(messages.ModelLoading(name=name, fraction=fraction)), cancelled
        )
        for way in ways:
            answers[way] = []
            laid = adapter if way.startswith("adapter") else NO_ADAPTER
            for question in questions:
                with service.right_of_way(), service.models.use(path=None, adapter=laid, on_progress=loading) as used:
                    grammar = shape.grammar if "grammar" in way else ""
                    answers[way].append(self._ask(used[0], question, shape.format, grammar, longest, cancelled))
                done += 1
                left = (time.perf_counter() - asking_since) / done * (total - done)
                report(protocol.ReportProgress(way=way, done=done, total=total, seconds_left=round(left, 1)))
        base = service.models.chosen_path()
        known = service.adapters.known
        made = FormatReport(
            adapter=Path(adapter).stem,
            adapter_hash=known.hash(adapter, compute=True) or "",
            base_hash=known.hash(base, compute=True) or "",
            base=service.models.name(),
            format=shape.format.kind,
            ways=[way_of(way, answers[way]) for way in ways],
            advice=advise(answers),
            assistant=assistant.name,
            approved=sum(question.approved is not None for question in questions),
            made_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            seconds=round(time.perf_counter() - began, 1),
        )
        self._keep(adapter, made)
        return made

    def _ask(
        self,
        model: AnsweringModel,
        question: _Question,
        wanted: OutputFormat,
        grammar: str,
        longest: int,
        cancelled: Cancelled,
    ) -> Asked:
        """One answer, without notes and loops as everywhere; one that the model cannot give is not in its format."""
        prompt, sources = question.prompt, question.sources
        if question.hits:
            fitting, _ = prompts.fitting(model, question.text, question.hits, longest, question.instructions)
            prompt, sources = prompts.messages(question.text, fitting, question.instructions), len(fitting)
        guard = LoopGuard()
        split = ThinkingFilter(lambda piece, thinking: None if thinking else guard.feed(piece))
        began = time.perf_counter()
        try:
            generated = model.generate(
                prompt,
                max_tokens=longest,
                temperature=0.0,
                on_text=split.feed,
                cancelled=lambda: bool(guard.looped) or cancelled(),
                grammar=grammar,
            )
        except DocentError as problem:
            if problem.code not in (Code.CONTEXT_TOO_SMALL, Code.GENERATION_FAILED):
                raise
            return Asked(False, None if question.approved is None else 0.0, 0, time.perf_counter() - began)
        if generated.stopped and not guard.looped:
            raise DocentError(Code.CANCELLED)
        split.end()
        text, spent = guard.without_loop(split.answer).strip(), time.perf_counter() - began
        return looked_at(text, wanted, sources, question.approved, generated.completion_tokens, spent)

    def _keep(self, adapter: str, made: FormatReport) -> None:
        file = self._file(adapter)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write(file, made)
        except OSError as problem:
            code = Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE
            raise DocentError(code, path=str(file)) from problem

    def _questions(
        self, given: Sequence[str], assistant: Assistant, shape: Shape, count: int, cancelled: Cancelled
    ) -> Iterator[_Question]:
        """At most ``count``: those that were given, or else approved answers in this format, earlier questions, and
        names and headings of the documents."""
        left = count
        if not given:
            for example in self._service.approving.counting():
                if left and _is_same(example.shape or OutputFormat(kind=example.format), shape.format):
                    asked = msgspec.structs.replace(example, shape=shape.format, instructions=shape.own)
                    prompt, sources = prompt_of(asked), len(example.sources)
                    yield _Question(example.question, prompt=prompt, sources=sources, approved=example.answer)
                    left -= 1
        texts = dict.fromkeys(given) if given else dict.fromkeys([*self._earlier(assistant), *self._of_headings()])
        for text in texts:
            if left <= 0:
                return
            if cancelled():
                raise DocentError(Code.CANCELLED)
            question = self._on_passages(text, assistant, shape)
            if question is not None:
                yield question
                left -= 1

    def _on_passages(self, text: str, assistant: Assistant, shape: Shape) -> _Question | None:
        service = self._service
        paths = service.assisting.documents_in(assistant.collections) if assistant.collections else None
        top = assistant.passages or service.settings.integer("answer.passages")
        try:
            hits = service.search(text, top=top, paths=paths).hits
        except DocentError as problem:
            if problem.code is Code.QUESTION_EMPTY:
                return None
            raise
        return _Question(text, shape.instructions, hits) if hits else None

    def _earlier(self, assistant: Assistant) -> Iterator[str]:
        """What was asked before, the newest conversation first; of an assistant its own question before all."""
        if assistant.question:
            yield assistant.question
        conversations = self._service.conversations
        for conversation in conversations.all():
            for turn in conversations.turns(conversation.id):
                if turn.kind == "question":
                    yield turn.searched or turn.question

    def _of_headings(self) -> Iterator[str]:
        """For who has not asked anything yet."""
        for document in self._service.documents():
            yield f"What is said in {spoken_name(document.path)}?"
            for passage in self._service.catalog.passages_of(document.path):
                heading = passage.heading.rpartition(" › ")[2].strip()
                if len(heading) > 3:
                    yield f"What does it say about {heading}?"


def _is_same(one: OutputFormat, other: OutputFormat) -> bool:
    """Whether answers look alike in both, however they are held to it."""
    return msgspec.structs.replace(one, grammar=other.grammar, check=other.check) == other

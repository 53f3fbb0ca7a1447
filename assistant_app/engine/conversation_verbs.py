"""The verbs that belong to conversations: ask within one, read whole documents, look back at what was said.

``Service.ask`` answers one question; here it becomes a turn: understood in context, kept, and kept again when it is
asked anew. An answer that cannot be kept is given all the same.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from assistant_app.answering.rewriting import Asked, full_question
from assistant_app.answering.rewriting import Model as RewritingModel
from assistant_app.answering.whole import Read, Reader, estimate
from assistant_app.engine.library_verbs import Cancelled, Report
from assistant_app.engine.model_keeper import NO_ADAPTER, AdapterChoice, Progress, hundredths
from assistant_app.errors import Code, DocentError
from assistant_app.library import backup
from assistant_app.library.catalog import Passage
from assistant_app.library.indexing import spoken_name
from assistant_app.models.server_model import DEFAULT_CONTEXT
from assistant_app.protocol.messages import (
    Answered,
    AnswerText,
    Ask,
    ModelLoading,
    Noted,
    QuestionRewritten,
    ReadWhole,
    WholeEstimated,
    WholeProgress,
)
from assistant_app.protocol.records import Answer, AnswerTimes, Conversation, Hit, Inspection, Turn, TurnKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assistant_app.engine.service import Service

REMEMBERED = 50
"""Questions whose times are remembered for a bug report."""


class _Whole(NamedTuple):
    """A document as it was when its reading began."""

    path: str
    passages: list[Passage]
    state: tuple[object, ...]


class ConversationVerbs:
    """What :class:`Service` does with conversations."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.timings: deque[dict[str, object]] = deque(maxlen=REMEMBERED)
        """Of the last questions: what they took, and no word of what they said."""

    # ------------------------------------------------------------ asking

    def ask(self, request: Ask, report: Report, cancelled: Cancelled) -> Answered:
        """Answer a question as a turn of a conversation, or of none.

        Raises:
            DocentError: as ``Service.ask``; ``conversation_unknown``.
        """
        with self._timed("question") as times:
            service = self._service
            began = time.perf_counter()
            question = _clean(request.question)
            laid = service.models.adapter_choice()
            before = self._before(request.conversation, request.turn)
            searched = _clean(request.searched or "")
            if not searched:
                asked = [Asked(turn.searched or turn.question, turn.answer.answer) for turn in before]
                searched = self._full_question(question, asked, request.adapter, laid, report, cancelled)
            if searched != question:
                report(QuestionRewritten(searched=searched))
            spent = (time.perf_counter() - began) * 1000
            written = service.ask(
                searched,
                paths=request.paths,
                collection=request.collection,
                adapter=request.adapter,
                exact=request.exact,
                assistant=request.assistant,
                laid=laid,
                report=report,
                cancelled=cancelled,
            )
            answer = msgspec.structs.replace(
                written.answer,
                question=question,
                searched="" if searched == question else searched,
                milliseconds=_later(written.answer.milliseconds, spent),
            )
            inspection = written.inspection
            if inspection is not None:
                milliseconds = {"rewrite": round(spent, 2), **inspection.milliseconds}
                inspection = msgspec.structs.replace(
                    inspection,
                    question=question,
                    milliseconds=inspection.milliseconds if searched == question else milliseconds,
                )
            turn = Turn(
                id=request.turn or 0,
                question=question,
                answer=answer,
                searched=answer.searched,
                paths=request.paths,
                collection=request.collection,
                thinking=written.thinking,
                stopped=written.stopped,
            )
            times.update(_facts(answer, written.stopped))
            return self._keep(turn, request.conversation, inspection, report)

    def _before(self, conversation: int | None, turn: int | None) -> list[Turn]:
        """The questions of a conversation that stand before a new turn, or before one that is asked again."""
        if not conversation:
            return []
        turns = self._service.conversations.before(conversation, turn)
        return [each for each in turns if each.kind == "question"]

    def _full_question(
        self,
        question: str,
        asked: Sequence[Asked],
        adapter: str | None,
        choice: AdapterChoice,
        report: Report,
        cancelled: Cancelled,
    ) -> str:
        service = self._service
        with ExitStack() as stack:

            def model() -> RewritingModel:
                stack.enter_context(service.right_of_way())
                laid = service.find_adapter(adapter) if adapter and adapter != NO_ADAPTER else adapter
                loaded, _ = stack.enter_context(
                    service.models.use(path=None, adapter=laid, choice=choice, on_progress=_loading(report, cancelled))
                )
                return loaded

            full = full_question(question, asked, model, cancelled)
        if cancelled():
            raise DocentError(Code.CANCELLED)
        return full

    def _keep(self, turn: Turn, conversation: int | None, inspection: Inspection | None, report: Report) -> Answered:
        kept: tuple[Turn, Conversation] | tuple[None, None] = (None, None)
        if conversation is not None:
            try:
                kept = self._service.conversations.keep(turn, conversation, inspection)
            except DocentError as problem:  # the disk is full, or the conversation was deleted: the answer is there
                report(Noted(code=problem.code, details=problem.details))
        return Answered(
            answer=turn.answer, thinking=turn.thinking, stopped=turn.stopped, turn=kept[0], conversation=kept[1]
        )

    @contextmanager
    def _timed(self, kind: TurnKind | str) -> Iterator[dict[str, object]]:
        """Remembers what a question took, or the code of what it failed with."""
        times: dict[str, object] = {"kind": kind}
        try:
            yield times
        except DocentError as problem:
            times["failed"] = problem.code.value
            raise
        finally:
            self.timings.append(times)

    # ------------------------------------------------------------ whole documents

    def estimate_whole(self, paths: Sequence[str]) -> WholeEstimated:
        """How long reading these documents as a whole would take.

        Raises:
            DocentError: ``whole_needs_documents``, ``document_unknown``, ``no_text``.
        """
        documents = self._whole(paths)
        context = self._service.settings.integer("model.context") or DEFAULT_CONTEXT
        wanted = estimate([_hits(document) for document in documents], context)
        speed = self._service.models.speed()
        return WholeEstimated(
            passages=sum(len(document.passages) for document in documents),
            steps=wanted.steps,
            seconds=None if speed is None else round(wanted.reads / speed.reading + wanted.writes / speed.writing, 1),
        )

    def read_whole(self, request: ReadWhole, report: Report, cancelled: Cancelled) -> Answered:
        """Summarise one document or compare two, as a turn of a conversation or of none.

        Raises:
            DocentError: ``whole_needs_documents``, ``document_unknown``, ``no_text``, ``document_changed``,
                ``conversation_unknown``, ``model_*``, ``context_too_small``, ``generation_failed``, ``cancelled``
                (before anything was found).
        """
        kind: TurnKind = "comparison" if len(request.paths) == 2 else "summary"
        with self._timed(kind) as times:
            service = self._service
            began = time.perf_counter()
            documents = self._whole(request.paths)
            expected = self.estimate_whole(request.paths).seconds
            self._before(request.conversation, request.turn)
            began_reading = 0.0

            def stepped(done: int, steps: int) -> None:
                for document in documents:
                    if self._state(document.path) != document.state:
                        raise DocentError(Code.DOCUMENT_CHANGED, path=document.path)
                spent = time.perf_counter() - began_reading
                left = spent / done * (steps - done) if done else expected
                report(WholeProgress(done=done, steps=steps, seconds_left=None if left is None else round(left, 1)))

            loading = _loading(report, cancelled)
            with service.right_of_way(), service.models.use(path=None, adapter=NO_ADAPTER, on_progress=loading) as used:
                model = used[0]
                began_reading = time.perf_counter()
                reader = Reader(
                    model,
                    service.catalog.page_text,
                    max_tokens=service.settings.integer("answer.max_tokens"),
                    temperature=service.settings.number("answer.temperature"),
                    on_step=stepped,
                    on_text=lambda text: report(AnswerText(text=text)),
                    cancelled=cancelled,
                )
                read = self._read(reader, documents)
                service.shelf.warn(model, report)
            names = [spoken_name(document.path) for document in documents]
            if read.stopped and not read.text:
                raise DocentError(Code.CANCELLED)
            answer = Answer(
                question=" – ".join(names),
                answer=read.text,
                found=bool(read.citations),
                citations=read.citations,
                unsupported=read.unsupported,
                model=model.name,
                tokens=read.tokens,
                milliseconds=AnswerTimes(total=round((time.perf_counter() - began) * 1000, 1)),
                server=model.server,
            )
            times.update(_facts(answer, read.stopped))
            turn = Turn(
                id=request.turn or 0,
                question=answer.question,
                answer=answer,
                kind=kind,
                paths=[document.path for document in documents],
                stopped=read.stopped,
            )
            return self._keep(turn, request.conversation, None, report)

    def _read(self, reader: Reader, documents: Sequence[_Whole]) -> Read:
        hits = [_hits(document) for document in documents]
        if len(hits) == 1:
            return reader.summarise(hits[0])
        names = [spoken_name(document.path) for document in documents]
        return reader.compare(hits[0], hits[1], self._similarity(documents), (names[0], names[1]))

    def _whole(self, paths: Sequence[str]) -> list[_Whole]:
        full = list(dict.fromkeys(os.path.abspath(os.path.expanduser(path)) for path in paths))
        if len(full) != len(paths) or len(full) not in (1, 2):
            raise DocentError(Code.WHOLE_NEEDS_DOCUMENTS)
        return [self._document(path) for path in full]

    def _document(self, path: str) -> _Whole:
        state = self._state(path)
        if state is None:
            raise DocentError(Code.DOCUMENT_UNKNOWN, path=path)
        passages = self._service.catalog.passages_of(path)
        if not passages:
            raise DocentError(Code.NO_TEXT, path=path)
        return _Whole(path, passages, state)

    def _state(self, path: str) -> tuple[object, ...] | None:
        """What tells whether a document is as it was; null where it is not in the library."""
        stored = self._service.catalog.stored(path)
        return None if stored is None or stored.removed else (stored.content_id, stored.content_hash, stored.read_by)

    def _similarity(self, documents: Sequence[_Whole]) -> NDArray[np.float32]:
        """Cosine of each passage of the one with each of the other; 0 where a vector is missing."""
        import numpy as np

        sides = []
        for document in documents:
            vectors = self._service.vectors.get([passage.id for passage in document.passages])
            size = len(next(iter(vectors.values()), np.zeros(1)))
            nothing = np.zeros(size, dtype=np.float32)
            sides.append(np.stack([vectors.get(passage.id, nothing) for passage in document.passages]))
        if sides[0].shape[1] != sides[1].shape[1]:
            return np.zeros((len(sides[0]), len(sides[1])), dtype=np.float32)
        return np.asarray(sides[0] @ sides[1].T, dtype=np.float32)

    # ------------------------------------------------------------ looking back

    def delete(self, conversation: int, *, forever: bool = False) -> None:
        """Delete a conversation; it can be put back for a day, unless ``forever``: then it is in no copy either.

        Raises:
            DocentError: ``conversation_unknown``.
        """
        service = self._service
        service.conversations.delete(conversation, forever=forever)
        if forever:
            backup.renew_copies(service.catalog, service.paths.catalog, service.paths.backups)


def _loading(report: Report, cancelled: Cancelled) -> Progress:
    return hundredths(lambda name, fraction: report(ModelLoading(name=name, fraction=fraction)), cancelled)


def _clean(text: str) -> str:
    """Text as a person typed it, without white space at its ends; half a surrogate pair is no text."""
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def _later(times: AnswerTimes, spent: float) -> AnswerTimes:
    """Times that count from the question, which came so many milliseconds before."""
    first = None if times.first_token is None else round(times.first_token + spent, 1)
    return msgspec.structs.replace(times, first_token=first, total=round(times.total + spent, 1))


def _hits(document: _Whole) -> list[Hit]:
    return [
        Hit(
            rank=rank,
            path=passage.path,
            page=passage.page,
            page_label=passage.label,
            score=0.0,
            text=passage.text,
            start=passage.start,
            length=passage.length,
            heading=passage.heading,
            table_header=passage.table_header,
            section=passage.section,
        )
        for rank, passage in enumerate(document.passages, start=1)
    ]


def _facts(answer: Answer, stopped: bool) -> dict[str, object]:
    return {
        "found": answer.found,
        "stopped": stopped,
        "rewritten": bool(answer.searched),
        "citations": len(answer.citations),
        "verified": sum(citation.verified for citation in answer.citations),
        "unsupported": len(answer.unsupported),
        "left_out": len(answer.left_out),
        "tokens": msgspec.to_builtins(answer.tokens),
        "milliseconds": msgspec.to_builtins(answer.milliseconds),
    }

"""A language model in memory: prompt in, answer out, adapters laid over it without a reload.

This talks to llama.cpp's C interface as llama_cpp binds it, not to its ``Llama`` class: that one redirects the
process's standard streams while it loads, offers no load progress, and reserves room for the scores of a whole batch.
"""

from __future__ import annotations

import codecs
import ctypes
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import llama_cpp.llama_cpp as llama
import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant_app.errors import Code, DocentError
from assistant_app.models.chat_template import CLOSED_THINKING, OPENED_THINKING, ChatMessage, ChatTemplate
from assistant_app.models.grammar import Constraint
from assistant_app.models.laid_adapters import Laid, LaidAdapters
from assistant_app.models.model_files import BATCH, check_memory, fitting_layers, inspect_model, read_chat_template
from assistant_app.models.native import StopFlag, devices, log, make_sampler, physical_cores
from assistant_app.models.restriction import Restricted, Rule
from assistant_app.models.vocabulary import Vocabulary

__all__ = ["ChatMessage", "ChatModel", "Generated", "Speed", "devices"]

LEAST_ANSWER = 16
"""Tokens that must be left for the answer: with fewer, no sentence fits."""

_ABORTED = 2
"""llama_decode's return value when the abort callback said stop (llama.h)."""


class Generated(msgspec.Struct, kw_only=True):
    """An answer, and what it took.

    Attributes:
        text: everything that was given to ``on_text``.
        prompt_tokens: of the whole prompt; ``cached_tokens`` of them were still in memory and not read again.
        completion_tokens: tokens of the answer.
        first_token_seconds: from the call to the first token; null when stopped before it.
        stopped: ``cancelled`` ended it.
        cut: ``max_tokens`` or the end of the context ended it.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    first_token_seconds: float | None
    stopped: bool = False
    cut: bool = False


class Speed(NamedTuple):
    """Tokens a second: of a prompt that is read, and of an answer that is written."""

    reading: float
    writing: float

    @classmethod
    def of(cls, generated: Generated, seconds: float, before: Speed | None) -> Speed | None:
        """What a call shows of it, where it was long enough to show anything; else ``before``.

        Args:
            seconds: that the call took.
        """
        first = generated.first_token_seconds
        if first is None:
            return before
        read, wrote = generated.prompt_tokens - generated.cached_tokens, generated.completion_tokens - 1
        reading = read / first if read >= 100 and first > 0 else before.reading if before else None
        writing = wrote / (seconds - first) if wrote >= 8 and seconds > first else before.writing if before else None
        return cls(reading, writing) if reading and writing else before


class Generates(Protocol):
    """What answers a prompt: :class:`ChatModel`, ``ServerModel``, or a script of the tests."""

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float,
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
        grammar: str = "",
        rule: Rule | None = None,
    ) -> Generated: ...


class ChatModel:
    """One loaded model with one conversation state. Calls from several threads wait for each other."""

    path: str
    name: str
    context: int
    """Tokens that prompt and answer may take together."""
    fell_back: DocentError | None = None
    """Why it runs on the processor although there is a GPU, until a person was told."""

    server = ""
    """The address of what answers, where it is no part of this process: see ``server_model.py``."""

    @classmethod
    def load(
        cls,
        path: str,
        *,
        context: int = 4096,
        device: str = "auto",
        gpu_layers: int = -1,
        threads: int = 0,
        on_progress: Callable[[float], bool] | None = None,
    ) -> ChatModel:
        """Load a GGUF file after its header was checked.

        Args:
            context: tokens; 0 for what the model was trained for, which is also the most.
            device: ``auto``, ``cpu`` or ``gpu``. Where there is no GPU, all three mean the processor. A model that
                does not fit the GPU, or with which it cannot compute later, goes to the processor, and
                :attr:`fell_back` says so.
            gpu_layers: layers for the GPU, -1 for as many as fit its free memory.
            threads: processor threads, 0 for one per physical core.
            on_progress: gets a fraction from 0 to 1, and returns False to cancel.

        Raises:
            DocentError: the codes of :func:`inspect_model`, ``model_too_large``, ``model_architecture_unknown``,
                ``model_load_failed``, ``cancelled``.
        """
        model = inspect_model(path, context)
        found = [] if device == "cpu" else [each for each in devices() if each.kind == "gpu"]
        check_memory(model, sum(each.memory_bytes for each in found))
        layers = gpu_layers if found else 0
        if layers < 0:
            layers = fitting_layers(model, sum(each.free_bytes for each in found))
        said = "no layer fits" if found and layers == 0 and gpu_layers != 0 else ""
        if layers != 0:
            try:
                return cls(model.path, model.name, context, layers, threads, on_progress)
            except DocentError as problem:
                if problem.code is Code.CANCELLED:
                    raise
                said = str(problem.details.get("said") or problem.code)
        check_memory(model)
        loaded = cls(model.path, model.name, context, 0, threads, on_progress)
        if said:
            loaded.fell_back = DocentError(Code.GPU_FULL, path=model.path, said=said)
        return loaded

    def __init__(
        self,
        path: str,
        name: str,
        context: int,
        gpu_layers: int,
        threads: int,
        on_progress: Callable[[float], bool] | None,
    ) -> None:
        """Use :meth:`load`, which checks the file first."""
        self.path, self.name = path, name
        self._gpu_layers, self._threads = gpu_layers, threads
        self._left: ChatModel | None = None
        self._lock = threading.RLock()
        self._model: Any = None
        self._context: Any = None
        self._adapters: LaidAdapters = LaidAdapters(None, None, path)
        self._cached: list[int] = []
        self._is_sound = True
        self._stop = StopFlag()
        self.last: list[ChatMessage] = []
        """The messages of the last call, with its answer as the last of them: they are what is cached."""
        self.speed: Speed | None = None
        log.start()
        try:
            self._load(gpu_layers, on_progress)

            def go_on() -> None:
                if on_progress is not None and not on_progress(1.0):
                    raise DocentError(Code.CANCELLED)

            go_on()
            self._make_context(context, threads)
            go_on()
            self._make_template(go_on)
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------ loading

    def _load(self, gpu_layers: int, on_progress: Callable[[float], bool] | None) -> None:
        params = llama.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        nothing = (ctypes.c_void_p * 1)(None)
        if gpu_layers == 0:
            params.devices = ctypes.cast(nothing, ctypes.c_void_p)  # not even for reading prompts
        cancelled = False

        def progress(fraction: float, _user_data: object) -> bool:
            nonlocal cancelled
            cancelled = on_progress is not None and not on_progress(fraction)
            return not cancelled

        callback = llama.llama_progress_callback(progress)
        params.progress_callback = callback
        log.clear()
        self._model = llama.llama_model_load_from_file(os.fsencode(self.path), params)
        if cancelled:
            raise DocentError(Code.CANCELLED)
        if not self._model:
            raise self._load_failure()

    def _load_failure(self) -> DocentError:
        text = log.text()
        _, found, after = text.partition("unknown model architecture: '")
        if found:
            return DocentError(
                Code.MODEL_ARCHITECTURE_UNKNOWN, path=self.path, architecture=after.partition("'")[0][:100]
            )
        return DocentError(Code.MODEL_LOAD_FAILED, path=self.path, said=log.last_error())

    def _make_context(self, context: int, threads: int) -> None:
        trained = llama.llama_model_n_ctx_train(self._model)
        params = llama.llama_context_default_params()
        params.n_ctx = min(context or trained, trained)
        params.n_batch = params.n_ubatch = min(BATCH, params.n_ctx)
        params.n_outputs_max = 1  # scores are wanted for the last token only: a big vocabulary's buffer shrinks by 512
        params.n_threads = params.n_threads_batch = threads or physical_cores()
        params.no_perf = True
        log.clear()
        self._context = llama.llama_init_from_model(self._model, params)
        if not self._context:
            raise DocentError(Code.MODEL_LOAD_FAILED, path=self.path, said=log.last_error())
        self.context = min(int(llama.llama_n_ctx(self._context)), int(params.n_ctx))
        self._memory = llama.llama_get_memory(self._context)
        self._stop.attach(self._context)
        self._adapters = LaidAdapters(self._model, self._context, self.path)

    def _make_template(self, go_on: Callable[[], None]) -> None:
        source = read_chat_template(self.path)
        go_on()
        vocabulary = self._vocabulary = Vocabulary(self._model, self.path)
        special = vocabulary.special(source, go_on)
        self._template = ChatTemplate(source, bos=vocabulary.bos, eos=vocabulary.eos, special=special, path=self.path)

    # ------------------------------------------------------------ prompts

    def neutralise(self, text: str) -> str:
        """``text`` in which nothing is read as a special token or a turn's marker of this model; readable still.

        :meth:`count` and :meth:`generate` do this to every message themselves; a text that was neutralised is left as
        it is.
        """
        return self._template.neutralise(text)

    def count(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the whole prompt that ``messages`` become.

        Raises:
            DocentError: ``generation_failed`` where the model's chat template refuses them.
        """
        with self._lock:
            return len(self._vocabulary.tokenise(self._template.prompt(messages)))

    def prompt(self, messages: Sequence[ChatMessage]) -> str:
        """Exactly what the model is given for ``messages``, with the template's markers.

        Raises:
            DocentError: ``generation_failed`` where the model's chat template refuses them.
        """
        return self._template.prompt(messages)

    # ------------------------------------------------------------ answers

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float,
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
        grammar: str = "",
        rule: Rule | None = None,
    ) -> Generated:
        """Answer ``messages``.

        The part of the prompt that the last call has in common with this one is not read again, so stable things
        belong at its head. A reasoning model's notes are part of the text, between ``<think>`` and ``</think>``; where
        the template opens them, the opening is given to ``on_text`` first.

        Args:
            max_tokens: the longest answer.
            temperature: 0 always takes the likeliest token, and gives the same answer again.
            on_text: gets each piece as it is written, whole characters only, from the calling thread.
            cancelled: asked for every token and, from another thread, every 20 ms; true ends the answer.
            grammar: GBNF that the answer is held to, "" for none; what a model thinks before it is not.
            rule: to which the answer is held instead of a grammar, null for none.

        Raises:
            DocentError: ``context_too_small`` (``needed``, ``context``) where not even a short answer fits behind the
                prompt; ``generation_failed``; ``grammar_refused``.
        """
        with self._lock:
            started = time.monotonic()
            prompt = self._template.prompt(messages)
            tokens = self._vocabulary.tokenise(prompt)
            if len(tokens) + LEAST_ANSWER > self.context:
                needed = len(tokens) + LEAST_ANSWER
                raise DocentError(Code.CONTEXT_TOO_SMALL, path=self.path, needed=needed, context=self.context)
            answer = _Answer(on_text, self._vocabulary.piece, started)
            opened = OPENED_THINKING.search(prompt)
            cached = self._keep_prefix(tokens)
            vocabulary = self._vocabulary
            constraint = Constraint(vocabulary.native, grammar, self.path) if grammar else None
            restricted = Restricted(rule, vocabulary.piece, vocabulary.is_end, vocabulary.size) if rule else None
            sampler = make_sampler(temperature)
            log.clear()
            try:
                with self._stop.watch(cancelled):
                    reading = tokens[cached:]
                    if self._decode(reading, cancelled):
                        answer.stopped = True
                    else:
                        if opened:
                            answer.begin_thinking(opened[1])
                        self._write(answer, sampler, max_tokens, cancelled, constraint or restricted)
            finally:
                llama.llama_sampler_free(sampler)
                if constraint is not None:
                    constraint.close()
                self._drop_left()
            if not answer.stopped:
                self._is_sound = math.isfinite(llama.llama_get_logits_ith(self._context, -1)[0])
            done = answer.done(prompt_tokens=len(tokens), cached_tokens=cached)
            self.last = [*messages, {"role": "assistant", "content": done.text}]
            self.speed = Speed.of(done, time.monotonic() - started, self.speed)
            return done

    def _write(
        self,
        answer: _Answer,
        sampler: Any,
        max_tokens: int,
        cancelled: Callable[[], bool],
        constraint: Constraint | Restricted | None,
    ) -> None:
        vocabulary = self._vocabulary
        while not cancelled():
            if constraint is None or answer.is_thinking:
                token = llama.llama_sampler_sample(sampler, self._context, -1)
            else:
                token = constraint.sample(self._context, sampler)
            if token is None or vocabulary.is_end(token):
                return
            answer.add(token)
            if answer.tokens >= max_tokens or len(self._cached) >= self.context:
                answer.cut = True
                return
            if self._decode([token], cancelled):
                break
        answer.stopped = True

    def _keep_prefix(self, tokens: list[int]) -> int:
        """Keep what the memory has in common with ``tokens``, drop the rest; returns how many tokens were kept.

        At least one token is always read again, because its scores choose the first token of the answer.
        """
        most = min(len(self._cached), len(tokens) - 1)
        kept = 0
        while kept < most and self._cached[kept] == tokens[kept]:
            kept += 1
        # Recurrent models cannot forget a part: they say no, and start again.
        if not kept or not llama.llama_memory_seq_rm(self._memory, 0, kept, -1):
            self._forget()
            return 0
        del self._cached[kept:]
        return kept

    def _forget(self) -> None:
        """Empty the memory. Its numbers are overwritten only where they may be none: what is masked is multiplied by 0,
        which NaN survives; to overwrite all of them takes ten times as long as another adapter does."""
        if self._memory:
            llama.llama_memory_clear(self._memory, not self._is_sound)
            self._is_sound = True
        self._cached.clear()

    def _decode(self, tokens: list[int], cancelled: Callable[[], bool]) -> bool:
        """Let the model read ``tokens``; returns whether it was stopped before their end.

        Where a graphics processor fails, most likely for want of memory, the processor reads everything again.
        """
        before = list(self._cached) if self._gpu_layers else []
        try:
            return self._read(tokens, cancelled)
        except DocentError as problem:
            if not self._gpu_layers:
                raise
            try:
                self._to_processor(problem, cancelled)
            except DocentError as other:
                if other.code is Code.CANCELLED:
                    return True
                raise
            return self._read([*before, *tokens], cancelled)

    def _to_processor(self, problem: DocentError, cancelled: Callable[[], bool]) -> None:
        """Go on without the graphics processor, with the same adapters. Where this raises, nothing has changed.

        An answer under way may still use the vocabulary of the model before, which stays until :meth:`_drop_left`.

        Raises:
            DocentError: ``model_too_large``, ``model_load_failed``, ``adapter_*``, ``cancelled``.
        """
        check_memory(inspect_model(self.path, self.context))
        other = ChatModel(self.path, self.name, self.context, 0, self._threads, lambda fraction: not cancelled())
        try:
            other.set_adapters(self._adapters.laid)
        except BaseException:
            other.close()
            raise
        for part in ("_model", "_context", "_memory", "_adapters", "_vocabulary", "_template"):
            mine = getattr(self, part)
            setattr(self, part, getattr(other, part))
            setattr(other, part, mine)
        self._stop.attach(self._context)
        self._left, self._gpu_layers, self.speed = other, 0, None
        self.fell_back = DocentError(Code.GPU_FULL, path=self.path, said=problem.details.get("said"))

    def _drop_left(self) -> None:
        """Free what was left on the graphics processor."""
        if self._left is not None:
            self._left.close()
            self._left = None

    def _read(self, tokens: list[int], cancelled: Callable[[], bool]) -> bool:
        """As :meth:`_decode`, on the device where the model is."""
        self._is_sound = False
        for start in range(0, len(tokens), BATCH):
            if start and cancelled():
                return True
            piece = tokens[start : start + BATCH]
            array = (llama.llama_token * len(piece))(*piece)  # the batch only points into it
            status = llama.llama_decode(self._context, llama.llama_batch_get_one(array, len(piece)))
            if status != 0:
                # What was stopped is taken out again, so that what was read before is there for the next question;
                # what another broken batch left in memory is not known: that starts from nothing.
                kept = status == _ABORTED and llama.llama_memory_seq_rm(self._memory, 0, len(self._cached), -1)
                if not kept:
                    self._forget()
                if status == _ABORTED:
                    return True
                said = log.last_error() if log.text() else f"llama_decode returned {status}"
                raise DocentError(Code.GENERATION_FAILED, path=self.path, said=said)
            self._cached += piece
        return False

    # ------------------------------------------------------------ adapters

    def set_adapter(self, path: str | None, scale: float = 1.0) -> None:
        """Lay one adapter over the model, None for none: see :meth:`set_adapters`."""
        self.set_adapters([] if path is None else [(path, scale)])

    def set_adapters(self, chosen: Laid) -> None:
        """Lay these LoRA adapters over the model, instead of those before.

        The model is not loaded again. What was cached under other weights is forgotten, and only then. A scale of 0 is
        no adapter. Where this raises, the adapters before stay in use.

        Raises:
            DocentError: the codes of ``check_adapter``, ``adapter_load_failed``.
        """
        with self._lock:
            before = self._adapters.laid
            if not self._adapters.lay(chosen):
                return
            # Keys and values that were computed under the other weights would corrupt the next answer.
            self._forget()
            if self._adapters.is_fresh:
                self._try_out(before)

    def _try_out(self, before: Laid) -> None:
        """Compute one token with adapters that were just read: what ends the process does so now, in whoever's hand it
        is, and not in the middle of an answer."""
        try:
            self._decode([0], lambda: False)
        except DocentError as problem:
            path = self._adapters.laid[0][0]
            self._adapters.lay(before)
            raise DocentError(Code.ADAPTER_LOAD_FAILED, path=path, said=problem.details.get("said")) from problem
        finally:
            self._drop_left()
            self._forget()

    def scores(self, messages: Sequence[ChatMessage]) -> NDArray[np.float32]:
        """The score of every token as the first of an answer to ``messages``, before any is chosen.

        Raises:
            DocentError: ``generation_failed``.
        """
        with self._lock:
            tokens = self._vocabulary.tokenise(self._template.prompt(messages))
            self._forget()
            log.clear()
            try:
                self._decode(tokens, lambda: False)
                found = llama.llama_get_logits_ith(self._context, -1)
                return np.array(np.ctypeslib.as_array(found, (self._vocabulary.size,)))
            finally:
                self._drop_left()
                self._forget()

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        """Give the memory back. Harmless when repeated; nothing else may be called afterwards."""
        with self._lock:
            self._drop_left()
            self._adapters.close()
            if self._context:
                llama.llama_free(self._context)
            if self._model:
                llama.llama_model_free(self._model)
            self._context = self._model = None


class _Answer:
    """The answer while it is written: bytes become text, whole characters at a time."""

    def __init__(self, on_text: Callable[[str], None], piece: Callable[[int], bytes], started: float) -> None:
        self._on_text, self._piece, self._started = on_text, piece, started
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._texts: list[str] = []
        self._first: float | None = None
        self._opened = False
        self.tokens = 0
        self.stopped = False
        self.cut = False

    def begin_thinking(self, mark: str) -> None:
        self._opened = True
        self.say(mark)

    def add(self, token: int) -> None:
        self.tokens += 1
        if self._first is None:
            self._first = time.monotonic() - self._started
        self.say(self._decoder.decode(self._piece(token)))

    @property
    def is_thinking(self) -> bool:
        """The template opened a reasoning model's notes, and they are not closed yet."""
        return self._opened and not CLOSED_THINKING.search("".join(self._texts))

    def say(self, text: str) -> None:
        if text:
            self._texts.append(text)
            self._on_text(text)

    def done(self, *, prompt_tokens: int, cached_tokens: int) -> Generated:
        self.say(self._decoder.decode(b"", final=True))
        return Generated(
            text="".join(self._texts),
            prompt_tokens=prompt_tokens,
            completion_tokens=self.tokens,
            cached_tokens=cached_tokens,
            first_token_seconds=self._first,
            stopped=self.stopped,
            cut=self.cut,
        )

"""A language model on a server of the person's own: any that speaks OpenAI's chat protocol.

It stands where a :class:`ChatModel` stands. What the server says is untrusted: its size, its shape and its time are
limited, it is followed nowhere else, and none of its words get into an error, because they may repeat a document.

The protocol: https://platform.openai.com/docs/api-reference/chat; llama-server, vLLM, Ollama and others speak it.
"""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import math
import re
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from assistant_app.errors import Code, DocentError
from assistant_app.models.chat_model import LEAST_ANSWER, ChatModel, Generated, Speed
from assistant_app.models.chat_template import ChatMessage
from assistant_app.models.restriction import Rule

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
FIRST_SECONDS = 300.0
"""How long a server may read a prompt, or load its model, before it says anything."""
PIECE_SECONDS = 60.0
"""How long it may be silent between two pieces."""
LIST_SECONDS = 10.0
"""How long it may take to name its models."""
ASKED_EVERY = 0.02
"""Seconds between two looks at ``cancelled``."""
MOST_BYTES = 1_000_000
"""Of a line, and of a list of models."""
DEFAULT_CONTEXT = 4096

BYTES_A_TOKEN = 3
"""The server's tokenizer is not known. English takes some 4.5 bytes a token, Chinese and Arabic 3 to 4: counting 3
leaves a source out rather than overflowing the context."""
TOKENS_A_MESSAGE = 8
"""What a template puts around a message."""

_MARKER = re.compile(
    r"<[|｜][^|｜<>\s]{1,40}[|｜]>|<</?[A-Z]{2,20}>>|\[/?[A-Z][A-Z_]{2,30}\]|</?s>|<(?:start|end)_of_(?:turn|image)>"
    r"|<(?:bos|eos|pad|unk)>|</?think>"
)
"""The markers of turns of the templates in use (ChatML, Llama, Mistral, Gemma, DeepSeek, Phi). Which of them the
server's model knows cannot be asked, and its tokenizer would read them as such."""

Value = TypeVar("Value")


class ServerModel:
    """A model behind an address; it remembers nothing, and what it caches is its own affair."""

    def __init__(self, address: str, *, name: str = "", context: int = 0, key: str = "") -> None:
        """Connects to nothing yet.

        Args:
            address: with the path of its version, ``http://127.0.0.1:8080/v1``.
            name: the model there; "" for the first that the server lists.
            context: tokens, 0 where the person did not say; a smaller limit that the server names is kept.
            key: sent as a bearer token where it is not "".
        """
        self.server = address.rstrip("/")
        self.path = self.server
        self.name = name
        self.context = context or DEFAULT_CONTEXT
        self.last: list[ChatMessage] = []
        self.speed: Speed | None = None
        self._key = key
        self._is_known = False

    # ------------------------------------------------------------ prompts

    def neutralise(self, text: str) -> str:
        """``text`` with a space after the first character of everything that marks a turn in a template in use."""
        while True:
            harmless = _MARKER.sub(lambda match: f"{match[0][:1]} {match[0][1:]}", text)
            if harmless == text:
                return text
            text = harmless

    def count(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the prompt, estimated on the safe side: see :data:`BYTES_A_TOKEN`."""
        return sum(
            TOKENS_A_MESSAGE
            + math.ceil(len(self.neutralise(message["content"]).encode("utf-8", "replace")) / BYTES_A_TOKEN)
            for message in messages
        )

    def prompt(self, messages: Sequence[ChatMessage]) -> str:
        """What is sent for ``messages``; the template that is laid around them is the server's own."""
        return "\n\n".join(f"{message['role']}: {self.neutralise(message['content'])}" for message in messages)

    def set_adapter(self, path: str | None, scale: float = 1.0) -> None:
        """As :meth:`set_adapters`."""
        self.set_adapters([] if path is None else [(path, scale)])

    def set_adapters(self, chosen: Sequence[tuple[str, float]]) -> None:
        """A server's model takes no adapter: raises ``adapter_not_on_server`` where one is asked for."""
        if any(scale != 0.0 for _, scale in chosen):
            raise DocentError(Code.ADAPTER_NOT_ON_SERVER)

    def close(self) -> None:
        """Nothing is held between two calls."""

    # ------------------------------------------------------------ answers

    def prepare(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Ask the server, once, which models it has; the first is taken where none was named.

        A server that has no such list will do where a model was named.

        Raises:
            DocentError: ``model_server_*``, ``cancelled``.
        """
        if self._is_known:
            return
        try:
            listed = self._run(self._list(), cancelled)
        except DocentError as problem:
            if not self.name or problem.code not in (Code.MODEL_SERVER_REFUSED, Code.MODEL_SERVER_MISSPOKE):
                raise
            listed = []
        chosen = next((each for each in listed if each["id"] == self.name), None)
        if chosen is None and not self.name:
            if not listed:
                raise self._misspoke("it lists no model")
            chosen = listed[0]
        if chosen is not None:
            self.name = str(chosen["id"])[:200]
            limit = chosen.get("max_model_len")  # vLLM's word
            if isinstance(limit, int) and limit > 0:
                self.context = min(self.context, limit)
        self._is_known = True

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
        """As :meth:`ChatModel.generate`; ``cancelled`` closes the connection, upon which a server stops.

        The protocol knows no ``grammar`` and no ``rule``: they are passed over, and what comes is validated like any
        answer.

        Tokens are counted as the server counts them, where it does, else as :meth:`count` and by pieces.

        Raises:
            DocentError: ``context_too_small``, ``model_server_*``.
        """
        self.prepare(cancelled)
        needed = self.count(messages) + LEAST_ANSWER
        if needed > self.context:
            raise DocentError(Code.CONTEXT_TOO_SMALL, path=self.server, needed=needed, context=self.context)
        harmless = [ChatMessage(role=each["role"], content=self.neutralise(each["content"])) for each in messages]
        answer = _Streamed(on_text, max_tokens)
        body = {
            "model": self.name,
            "messages": harmless,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        try:
            self._run(self._stream(body, answer, cancelled), cancelled)
        except DocentError as problem:
            if problem.code is not Code.CANCELLED:
                raise
            answer.stopped = True
        done = answer.done(self.count(messages))
        self.last = [*messages, {"role": "assistant", "content": done.text}]
        self.speed = Speed.of(done, time.monotonic() - answer.began, self.speed)
        return done

    async def _list(self) -> list[dict[str, Any]]:
        async with asyncio.timeout(LIST_SECONDS), self._client() as client, client.stream("GET", "models") as response:
            self._check(response)
            held = b""
            async for piece in response.aiter_raw():
                held += piece
                if len(held) > MOST_BYTES:
                    raise self._misspoke("a list without an end")
        data = _object(held).get("data")
        if not isinstance(data, list):
            raise self._misspoke("no list of models")
        return [each for each in data if isinstance(each, dict) and isinstance(each.get("id"), str)]

    async def _stream(self, body: dict[str, Any], answer: _Streamed, cancelled: Callable[[], bool]) -> None:
        async with (
            self._client() as client,
            client.stream("POST", "chat/completions", json=body) as response,
            contextlib.aclosing(self._lines(response)) as lines,
        ):
            self._check(response)
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "text/event-stream":
                raise self._misspoke("no stream of events")
            async for line in lines:
                if not line.startswith(b"data:"):
                    continue  # comments keep a connection alive
                data = line[5:].strip()
                if data == b"[DONE]":
                    answer.is_whole = True
                    return
                answer.take(_object(data))
                if not answer.is_whole and cancelled():  # a fast server is done before the next look from outside
                    answer.stopped = True
                    return
                if answer.overflows:
                    return
        if not answer.is_whole:
            raise self._misspoke("the answer broke off")

    async def _lines(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        """The lines of a stream, each within its time and of limited length."""
        pieces = response.aiter_raw()
        held, seconds = b"", FIRST_SECONDS
        while True:
            try:
                async with asyncio.timeout(seconds):
                    piece = await anext(pieces, None)
            except TimeoutError:
                raise DocentError(Code.MODEL_SERVER_SLOW, address=self._shown, seconds=int(seconds)) from None
            seconds = PIECE_SECONDS
            *whole, held = (held + (b"\n" if piece is None else piece)).split(b"\n")
            if max(map(len, (held, *whole))) > MOST_BYTES:
                raise self._misspoke("a line without an end")
            for line in whole:
                yield line.rstrip(b"\r")
            if piece is None:
                return

    def _client(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            base_url=f"{self.server}/",
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {self._key}"} if self._key else {})},
            timeout=httpx.Timeout(FIRST_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,  # what was asked goes to the server that was named, and nowhere else
            trust_env=False,  # nor through a proxy
            verify=self.server.startswith("https:"),  # certificates take a while to load
        )

    def _check(self, response: httpx.Response) -> None:
        if response.status_code != 200:
            try:
                said = f"{response.status_code} {http.HTTPStatus(response.status_code).phrase}"
            except ValueError:
                said = str(response.status_code)
            raise DocentError(Code.MODEL_SERVER_REFUSED, address=self._shown, said=said)

    def _run(self, work: Coroutine[Any, Any, Value], cancelled: Callable[[], bool]) -> Value:
        """Do ``work`` in an event loop of its own until it is done, or ``cancelled``: then its connection is closed."""
        import httpx

        async def watched() -> Value:
            task = asyncio.ensure_future(work)
            while not (await asyncio.wait({task}, timeout=ASKED_EVERY))[0]:
                if cancelled():
                    task.cancel()
                    await asyncio.wait({task}, timeout=ASKED_EVERY)
                    raise DocentError(Code.CANCELLED)
            return task.result()

        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(watched())
        except httpx.ReadTimeout:
            raise DocentError(Code.MODEL_SERVER_SLOW, address=self._shown, seconds=int(FIRST_SECONDS)) from None
        except TimeoutError:
            raise DocentError(Code.MODEL_SERVER_SLOW, address=self._shown, seconds=int(LIST_SECONDS)) from None
        except httpx.RemoteProtocolError:
            raise self._misspoke("no HTTP, or it broke off") from None
        except httpx.DecodingError:
            raise self._misspoke("a broken encoding") from None
        except (httpx.TransportError, httpx.InvalidURL, OSError):
            raise DocentError(Code.MODEL_SERVER_UNREACHABLE, address=self._shown) from None
        except _NonsenseError as nonsense:
            raise self._misspoke(str(nonsense)) from None
        finally:
            loop.close()  # does not wait for a name that is still being looked up

    @property
    def _shown(self) -> str:
        """The address without a password in it."""
        return re.sub(r"//[^/@]*@", "//", self.server)

    def _misspoke(self, said: str) -> DocentError:
        return DocentError(Code.MODEL_SERVER_MISSPOKE, address=self._shown, said=said)


AnsweringModel = ChatModel | ServerModel
"""What writes an answer."""


class _NonsenseError(Exception):
    """What came is not of the protocol; says in our words what was wrong."""


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise _NonsenseError("no JSON") from None
    if not isinstance(found, dict):
        raise _NonsenseError("no JSON object")
    return found


class _Streamed:
    """An answer while it comes in."""

    def __init__(self, on_text: Callable[[str], None], max_tokens: int) -> None:
        self.began = time.monotonic()
        self.stopped = self.cut = self.is_whole = self.overflows = False
        self._on_text, self._most = on_text, max_tokens
        self._texts: list[str] = []
        self._first: float | None = None
        self._thinks = False
        self._pieces = 0
        self._usage: dict[str, Any] = {}

    def take(self, chunk: dict[str, Any]) -> None:
        """One event's data. Raises ``_NonsenseError`` where its shape makes no sense."""
        if "error" in chunk:
            raise _NonsenseError("an error in the middle of the answer")
        usage, choices = chunk.get("usage"), chunk.get("choices", [])
        if isinstance(usage, dict):
            self._usage = usage
        if not isinstance(choices, list):
            raise _NonsenseError("an event of a strange shape")
        if not choices:
            return
        choice = choices[0]
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if not isinstance(delta, dict):
            raise _NonsenseError("an event of a strange shape")
        # Reasoning models' notes come apart from the answer, under one of two names.
        notes, text = delta.get("reasoning_content") or delta.get("reasoning"), delta.get("content")
        if any(not isinstance(each, str | None) for each in (notes, text)):
            raise _NonsenseError("an event of a strange shape")
        if notes:
            self._say(notes if self._thinks else f"<think>{notes}")
            self._thinks = True
        if text:
            self._say(f"</think>{text}" if self._thinks else text)
            self._thinks = False
        if choice.get("finish_reason") is not None:
            self.is_whole = True
            self.cut = self.cut or choice["finish_reason"] == "length"
        # A server that does not know where to stop: pieces are tokens, and no token has so many letters.
        if self._pieces > 2 * self._most + 100 or sum(map(len, self._texts[-1:])) > 100 * self._most:
            self.cut = self.is_whole = self.overflows = True

    def _say(self, text: str) -> None:
        text = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text
        if self._first is None:
            self._first = time.monotonic() - self.began
        self._pieces += 1
        self._texts.append(text[: 100 * self._most])
        self._on_text(self._texts[-1])

    def done(self, estimated: int) -> Generated:
        return Generated(
            text="".join(self._texts),
            prompt_tokens=_count(self._usage.get("prompt_tokens"), estimated),
            completion_tokens=_count(self._usage.get("completion_tokens"), self._pieces),
            cached_tokens=0,
            first_token_seconds=self._first,
            stopped=self.stopped,
            cut=self.cut,
        )


def _count(said: object, otherwise: int) -> int:
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < 2**31 else otherwise

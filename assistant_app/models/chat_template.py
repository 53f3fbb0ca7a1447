"""A model's own chat template: messages become the prompt that the model was trained on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypedDict

from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from assistant_app.errors import Code, DocentError


class ChatMessage(TypedDict):
    """``role`` is system, user or assistant."""

    role: str
    content: str


_PROBE = "a1b2c3"

_MARKERS = re.compile(r"<\|[^|<>\s]{1,40}\|>|<</?[A-Z]{2,20}>>|\[/?[A-Z][A-Z_]{2,30}\]|</?s>|<(?:start|end)_of_turn>")
"""Turn markers that a template may write although they are no special tokens of the model ("[INST]", "<|user|>")."""

OPENED_THINKING = re.compile(r"(<think>|\[THINK\])\s*$")
"""A prompt that ends so has opened the model's notes already; the model itself only writes their end."""

CLOSED_THINKING = re.compile(r"</think>|\[/THINK\]")


class ChatTemplate:
    """Renders messages, and makes text harmless that would be read as markers of turns.

    Templates are programs from an untrusted file: they run in jinja2's sandbox.
    """

    def __init__(self, source: str, *, bos: str, eos: str, special: Iterable[str], path: str) -> None:
        """``special`` are the texts of the tokens that the tokeniser would recognise anywhere in the prompt. One of a
        single character is none that a text could be kept from holding.

        Raises:
            DocentError: ``model_cannot_chat`` where the template cannot be compiled or rendered.
        """
        self._path = path
        markers = {text for text in special if len(text.strip()) > 1} | set(_MARKERS.findall(source))
        # The longest first: of two markers with the same beginning the whole of the longer one is meant.
        alternatives = "|".join(re.escape(marker) for marker in sorted(markers, key=lambda m: (-len(m), m)))
        self._marker = re.compile(alternatives) if markers else None
        try:
            self._formatter = Jinja2ChatFormatter(template=source, eos_token=eos, bos_token=bos)
        except Exception as problem:  # Python's own compiler refuses what jinja makes of some
            raise DocentError(Code.MODEL_CANNOT_CHAT, path=path) from problem
        self._knows_system = self._renders([_message("system", _PROBE), _message("user", "x")])
        if not self._knows_system and not self._renders([_message("user", _PROBE)]):
            raise DocentError(Code.MODEL_CANNOT_CHAT, path=path)

    def _renders(self, messages: Sequence[ChatMessage]) -> bool:
        try:
            return _PROBE in self._render(messages)
        except DocentError:
            return False

    def neutralise(self, text: str) -> str:
        """``text`` with a space after the first character of every marker: readable, but no marker any more."""
        if self._marker is None:
            return text
        while True:
            harmless = self._marker.sub(lambda match: f"{match[0][:1]} {match[0][1:]}", text)
            if harmless == text:
                return text
            text = harmless

    def prompt(self, messages: Sequence[ChatMessage]) -> str:
        """The whole prompt, up to where the assistant's turn begins. Contents are neutralised.

        Consecutive messages of one role become one, and a template that knows no system role gets it at the head of the
        first user message: many templates insist on user and assistant in turn.

        Raises:
            DocentError: ``generation_failed`` where the template refuses the messages.
        """
        joined: list[ChatMessage] = []
        for message in messages:
            role, content = message["role"], self.neutralise(message["content"])
            if role == "system" and not self._knows_system:
                role = "user"
            if joined and joined[-1]["role"] == role:
                joined[-1] = _message(role, f"{joined[-1]['content']}\n\n{content}")
            else:
                joined.append(_message(role, content))
        return self._render(joined)

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        try:
            return str(self._formatter(messages=list(messages)).prompt)
        # What a template may raise is anything: it calls methods and filters on values of its own.
        except Exception as problem:
            said = f"{type(problem).__name__}: {problem}"[:200]
            raise DocentError(Code.GENERATION_FAILED, path=self._path, said=said) from problem


def _message(role: str, content: str) -> ChatMessage:
    return {"role": role, "content": content}

"""A model's chat template and vocabulary without its weights: messages become the tokens it would be given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import llama_cpp.llama_cpp as llama

from assistant_app.errors import Code, DocentError
from assistant_app.models.chat_template import ChatMessage, ChatTemplate
from assistant_app.models.model_files import read_chat_template, read_model
from assistant_app.models.native import log
from assistant_app.models.vocabulary import Vocabulary


class PromptTokens:
    """The same tokens as ``ChatModel`` makes of the same messages: both use the same template and vocabulary."""

    def __init__(self, path: str) -> None:
        """Read the vocabulary of the GGUF at ``path``; :meth:`close` gives it back.

        Raises:
            DocentError: the codes of :func:`read_model`, ``model_load_failed``, ``model_cannot_chat``.
        """
        read_model(path)
        log.start()
        log.clear()
        params = llama.llama_model_default_params()
        params.vocab_only = True
        self._model: Any = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not self._model:
            raise DocentError(Code.MODEL_LOAD_FAILED, path=path, said=log.last_error())
        try:
            source = read_chat_template(path)
            self._vocabulary = Vocabulary(self._model, path)
            special = self._vocabulary.special(source)
            self._template = ChatTemplate(
                source, bos=self._vocabulary.bos, eos=self._vocabulary.eos, special=special, path=path
            )
        except BaseException:
            self.close()
            raise

    def prompt(self, messages: Sequence[ChatMessage]) -> list[int]:
        """The tokens of the whole prompt, up to where the answer begins.

        Raises:
            DocentError: ``generation_failed`` where the template refuses the messages.
        """
        return self._vocabulary.tokenise(self._template.prompt(messages))

    def answer(self, text: str) -> list[int]:
        """The tokens of an answer as the model is to write it, with the one that ends it. Markers are neutralised."""
        return [*self._vocabulary.tokenise(self._template.neutralise(text), begins=False), self._vocabulary.end]

    def close(self) -> None:
        """Give the memory back. Harmless when repeated."""
        if self._model:
            llama.llama_model_free(self._model)
        self._model = None

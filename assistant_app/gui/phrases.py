"""Error codes become sentences in the person's language."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QCoreApplication

from assistant_app import words
from assistant_app.errors import Code, Detail
from assistant_app.gui.engine_link import Failure


def reason_sentence(code: str, details: Mapping[str, Detail] | None = None) -> str:
    """What happened and what to do, for an error code and the facts that belong to it."""
    known = code if code in words.SENTENCES else Code.INTERNAL
    template = QCoreApplication.translate("errors", words.SENTENCES[Code(known)])
    return words.sentence(code, details, template)


def failure_sentence(failure: Failure) -> str:
    """The sentence for a job that ended without a result."""
    return reason_sentence(failure.code, failure.details)

"""Error codes become sentences in the person's language."""

from __future__ import annotations

import re
from collections.abc import Mapping

from PySide6.QtCore import QCoreApplication

from assistant_app import words
from assistant_app.errors import Code, Detail
from assistant_app.gui.engine_link import Failure
from assistant_app.protocol.records import Backend

_DIGITS = re.compile(r"\d+")


def reason_sentence(code: str, details: Mapping[str, Detail] | None = None) -> str:
    """What happened and what to do, for an error code and the facts that belong to it."""
    known = code if code in words.SENTENCES else Code.INTERNAL
    english = words.SENTENCES[Code(known)]
    template = QCoreApplication.translate("errors", english)
    # Without a translation the choice is left to words.py, which has other sentences for some details.
    return words.sentence(code, details, template if template != english else None)


def backend_sentence(backend: Backend) -> str:
    """Whether llama.cpp can compute in one of its ways, else why not and what adds it."""
    templates = {why: QCoreApplication.translate("backends", english) for why, english in words.BACKENDS.items()}
    return words.backend_sentence(backend.name, backend.why, backend.devices, backend.install, templates)


def place_words(path: str, page: int | None, page_label: str) -> str:
    """Where in a document something stands: the page, or the heading where its kind has no pages; "" for neither."""
    if page is None:
        return page_label
    label = page_label or str(page)
    if is_slides(path):
        return QCoreApplication.translate("places", "slide {page}").format(page=label)
    return QCoreApplication.translate("places", "page {page}").format(page=label)


def is_slides(path: str) -> bool:
    """Whether the pages of a document are called slides."""
    return path.casefold().endswith(".pptx")


def failure_sentence(failure: Failure) -> str:
    """The sentence for a job that ended without a result."""
    return reason_sentence(failure.code, failure.details)


def sort_key(text: str) -> str:
    """What a name is sorted by: without case, and "Lease 2" before "Lease 10"."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(12), text.casefold())


def duration_words(seconds: float) -> str:
    """A time that is only roughly known, for people: a few seconds, about 40 seconds, about 3 minutes."""
    if seconds < 8:
        return QCoreApplication.translate("times", "a few seconds")
    if seconds < 55:
        return QCoreApplication.translate("times", "about {count} seconds").format(count=round(seconds / 10) * 10)
    minutes = max(round(seconds / 60), 1)
    if minutes == 1:
        return QCoreApplication.translate("times", "about 1 minute")
    if minutes < 90:
        return QCoreApplication.translate("times", "about {count} minutes").format(count=minutes)
    return QCoreApplication.translate("times", "about {count} hours").format(count=round(minutes / 60))

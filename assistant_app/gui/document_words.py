"""What became of a document, as an icon and a few words: for the rows of the library and of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication

from assistant_app.errors import Code
from assistant_app.gui import phrases
from assistant_app.protocol.messages import IndexProgress
from assistant_app.protocol.records import Document, Kind

translate = QCoreApplication.translate

Group = Literal["searchable", "partly", "failed", "password", "missing", "skipped"]
"""What the ledger can be narrowed down to."""


@dataclass(frozen=True)
class State:
    """How a document looks: an icon, the role of its colour, and words."""

    icon: str
    role: str
    words: str


def needs_password(document: Document) -> bool:
    """Whether a password would open the document."""
    return document.reason in (Code.PASSWORD_NEEDED, Code.PASSWORD_WRONG)


def group(document: Document) -> Group:
    """The group of the ledger that ``document`` belongs to."""
    if document.status in ("indexed", "unchanged"):
        return "searchable"
    if document.status in ("missing", "skipped"):
        return document.status
    if document.status == "partial":
        return "partly"
    return "password" if needs_password(document) else "failed"


def state(document: Document) -> State:
    """Icon, colour and words of a document that is not in work."""
    belongs = group(document)
    if belongs == "searchable":
        return State("check", "success", extent(document))
    if belongs == "missing":
        return State("missing", "warning", translate("documents", "File is missing"))
    if belongs == "partly":
        return State(
            "partial", "warning", translate("documents", "Partly read: {what}").format(what=_left_out(document))
        )
    words = reason(document)
    return State("lock", "warning", words) if belongs == "password" else State("error", "danger", words)


def busy_state(event: IndexProgress | None) -> State:
    """Icon, colour and words of a document that waits for the engine or is being read."""
    if event is None or event.stage == "waiting":
        return State("waiting", "text_muted", translate("documents", "Waiting"))
    return State("refresh", "accent", progress_words(event))


def progress_words(event: IndexProgress) -> str:
    """What is done with the file in hand."""
    if event.stage == "waiting":
        return translate("documents", "Waiting")
    if event.stage == "embedding":
        return translate("documents", "Making it searchable")
    if not event.pages_total:
        return translate("documents", "Opening")
    page = min(event.pages_done + 1, event.pages_total)
    return translate("documents", "Reading page {page} of {pages}").format(page=page, pages=event.pages_total)


def group_state(belongs: Group) -> State:
    """Icon, colour and name of a group, as the ledger's column “State” has it."""
    return {
        "searchable": State("check", "success", translate("documents", "Searchable")),
        "partly": State("partial", "warning", translate("documents", "Partly read")),
        "failed": State("error", "danger", translate("documents", "Failed")),
        "password": State("lock", "warning", translate("documents", "Needs a password")),
        "missing": State("missing", "warning", translate("documents", "Missing")),
        "skipped": State("skipped", "text_muted", translate("documents", "Skipped")),
    }[belongs]


def kind_words(kind: Kind | None) -> str:
    """The name of a kind of file; "" where it is not known."""
    if kind is None:
        return ""
    return {
        "pdf": translate("documents", "PDF"),
        "docx": translate("documents", "Word"),
        "pptx": translate("documents", "PowerPoint"),
        "epub": translate("documents", "EPUB"),
        "html": translate("documents", "HTML"),
        "markdown": translate("documents", "Markdown"),
        "text": translate("documents", "Text"),
    }[kind]


def has_pages(document: Document) -> bool:
    """Whether pages can be counted in a document of this kind."""
    return document.kind in (None, "pdf", "pptx")


def extent(document: Document) -> str:
    """How long the document is, or its kind where that has no pages."""
    if not has_pages(document):
        return translate("documents", "{kind} document").format(kind=kind_words(document.kind))
    if document.kind == "pptx":
        one, many = translate("documents", "1 slide"), translate("documents", "{count} slides")
    else:
        one, many = translate("documents", "1 page"), translate("documents", "{count} pages")
    return one if document.pages == 1 else many.format(count=document.pages)


def sentence(document: Document) -> str:
    """What is wrong with the document and what to do; "" where all is well."""
    if document.reason is None:
        return ""
    return phrases.reason_sentence(document.reason, {"path": document.path, **document.details})


def reason(document: Document) -> str:
    """Why it is not all searchable, in a few words; :func:`sentence` says it in full. "" where all is well."""
    code = document.reason
    if code is None:
        return ""
    if code not in set(Code):
        return translate("documents", "Failed")
    if code == Code.NO_TEXT:
        return _without_text(document)
    if code in (Code.SOME_PAGES_WITHOUT_TEXT, Code.SOME_PAGES_UNREADABLE):
        return _left_out(document)
    return _short().get(Code(code), translate("documents", "Could not be read"))


def _left_out(document: Document) -> str:
    count = document.details.get("count") or document.empty_pages + document.failed_pages
    words = translate("documents", "{count} of {pages} pages left out")
    return words.format(count=count, pages=document.pages)


def _without_text(document: Document) -> str:
    ocr = document.details.get("ocr")
    if ocr == "missing":
        return translate("documents", "Scanned: install OCR")
    if ocr == "off":
        return translate("documents", "Scanned: OCR is switched off")
    return translate("documents", "No text in it")


def _short() -> dict[Code, str]:
    return {
        Code.PASSWORD_NEEDED: translate("documents", "Needs a password"),
        Code.PASSWORD_WRONG: translate("documents", "Wrong password"),
        Code.PDF_DAMAGED: translate("documents", "Damaged"),
        Code.DOCUMENT_DAMAGED: translate("documents", "Damaged"),
        Code.NOT_A_PDF: translate("documents", "Unknown kind of file"),
        Code.FILE_EMPTY: translate("documents", "Empty file"),
        Code.FILE_MISSING: translate("documents", "File is missing"),
        Code.FILE_VANISHED: translate("documents", "Vanished while it was read"),
        Code.FILE_UNREADABLE: translate("documents", "No permission to read it"),
        Code.FILE_NAME_UNSUPPORTED: translate("documents", "Its name is not valid UTF-8"),
        Code.ENCRYPTION_UNSUPPORTED: translate("documents", "Encrypted in an unknown way"),
        Code.PDF_WITHOUT_PAGES: translate("documents", "Has no pages"),
        Code.TOO_LARGE: translate("documents", "Too large"),
        Code.READER_TIMEOUT: translate("documents", "Took too long to read"),
        Code.READER_MEMORY: translate("documents", "Needs too much memory"),
        Code.READER_CRASHED: translate("documents", "Crashed the reader"),
        Code.ENGINE_KILLER: translate("documents", "Ended the engine: left alone"),
        Code.WATCHED_MISSING: translate("documents", "Its folder is out of reach"),
        Code.VECTOR_SERVER_UNREACHABLE: translate("documents", "The Chroma server is silent"),
        Code.DISK_FULL: translate("documents", "The disk is full"),
        Code.CANCELLED: translate("documents", "Stopped"),
    }


def whole(document: Document) -> str:
    """Path, what the file says of itself, and what became of it; a line each. The first line is never the file's own
    words, so that a tool tip is not taken for rich text."""
    title = f"“{document.title}”" if document.title else ""
    lines = (document.path, " · ".join(part for part in (title, document.author) if part), sentence(document))
    return "\n".join(line for line in lines if line)

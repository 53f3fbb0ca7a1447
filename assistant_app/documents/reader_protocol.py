"""What the engine and a reader process say to each other: one request, then one or more answers, a JSON line each.

A reader is started with :class:`Limits`, says :class:`Hello`, and then answers one request at a time. Every request
but :class:`Read` has exactly one answer; :class:`Read` is answered by :class:`ReadStarted`, one :class:`PageText` a
page (with :class:`Recognising` before it where that takes longer) and :class:`ReadDone`, all written without waiting.
:class:`Refused` ends any request.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from assistant_app.errors import Code, Detail
from assistant_app.protocol.records import Box, Heading, Kind, Match, PageSize, Word

LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of one line. A reader that writes more is killed."""

MEMORY_STATUS = 77
"""The exit status of a reader that ran out of memory and could not say so."""


OcrState = Literal["", "used", "missing", "off"]


class Line(msgspec.Struct, kw_only=True, tag_field="type"):
    """Base of everything that crosses the pipe."""


# ---------------------------------------------------------------- to the reader


class Limits(Line, kw_only=True, tag="limits"):
    """The first line: ``memory_bytes`` of address space, 0 for no limit; ``background``: everything else goes first."""

    memory_bytes: int
    background: bool = False


class Request(Line, kw_only=True):
    """What every request carries: the file, and the password that opens it."""

    path: str
    password: str | None = None


class Read(Request, kw_only=True, tag="read"):
    """The text of every page from ``first``; ``ocr``: that of pictures too, where text recognition is installed."""

    first: int = 1
    ocr: bool = True


class Open(Request, kw_only=True, tag="open"):
    """Sizes and labels of all pages. Answered by :class:`Opened`."""


class Draw(Request, kw_only=True, tag="draw"):
    """A page as PNG, ``width`` pixels wide. Answered by :class:`Drawn`."""

    page: int
    width: int


class Locate(Request, kw_only=True, tag="locate"):
    """The boxes of ``length`` code points from ``start``. Answered by :class:`Located`."""

    page: int
    start: int
    length: int


class ListWords(Request, kw_only=True, tag="list_words"):
    """A page's text and its words. Answered by :class:`WordsListed`."""

    page: int


class Find(Request, kw_only=True, tag="find"):
    """Look for ``text`` from page ``first``, on at most ``most`` pages. Answered by :class:`Found`."""

    text: str
    first: int
    most: int


AnyRequest = Read | Open | Draw | Locate | ListWords | Find

# ---------------------------------------------------------------- from the reader


class Hello(Line, kw_only=True, tag="hello"):
    """The reader has its limits and takes requests."""


class OutlineEntry(msgspec.Struct, kw_only=True):
    """A bookmark of a PDF: its title, its level (1 is the highest), and the page (1-based) that it leads to."""

    title: str
    level: int
    page: int


class Metadata(msgspec.Struct, kw_only=True, frozen=True):
    """What a file says of itself: each "" where it says nothing. Untrusted, like all of its text."""

    title: str = ""
    author: str = ""


class Table(msgspec.Struct, kw_only=True):
    """A table in a page's text: its rows as ``(start, length)``, the first ``header_rows`` of them its header.

    ``header`` is the text of the header row where that stands in an earlier section, whose table goes on here; else "".
    """

    rows: list[tuple[int, int]]
    header_rows: int = 0
    header: str = ""


class ReadStarted(Line, kw_only=True, tag="read_started"):
    """The file is open; ``stamp`` identifies this state of it.

    ``paged`` is false for a kind of file without pages: what is called a page here is then a section of it.
    """

    pages: int
    stamp: str
    kind: Kind = "pdf"
    paged: bool = True
    outline: list[OutlineEntry] = []
    metadata: Metadata = Metadata()


class Recognising(Line, kw_only=True, tag="recognising"):
    """Text recognition (OCR) of a page begins; its :class:`PageText` may take longer than that of others."""

    page: int


class PageText(Line, kw_only=True, tag="page_text"):
    """The text of one page.

    Attributes:
        page: 1 is the first.
        label: the label printed on the page, or its number.
        text: with PDFium's offsets (see ``documents/pdf.py``); empty where ``error`` is set.
        pages: how many pages the document has.
        error: an error code where this page could not be read.
        headings: where headings stand in ``text``, in order.
        tables: the tables in ``text``, in order, without overlap.
        words: where each word stands on the page, if its text was recognised (OCR); null where the reader itself can
            tell the positions, or nobody can.
        ocr: ``used`` where the page is a picture and text recognition read it (or found nothing to read); where there
            is no text but something is drawn, ``missing``: recognition is not installed, or ``off``: it was not
            wanted. "" for pages with text, for blank ones, and where ``error`` is set.
        kind, paged, outline, metadata: as in :class:`ReadStarted`, put in by the reader pool; the outline only on
            page 1.
    """

    page: int
    label: str
    text: str
    pages: int
    error: str | None = None
    headings: list[Heading] = []
    tables: list[Table] = []
    words: list[Word] | None = None
    ocr: OcrState = ""
    kind: Kind = "pdf"
    paged: bool = True
    outline: list[OutlineEntry] = []
    metadata: Metadata = Metadata()


class ReadDone(Line, kw_only=True, tag="read_done"):
    """Every page has been written."""


class Opened(Line, kw_only=True, tag="opened"):
    """``boxes`` is false where the text has no positions."""

    pages: list[PageSize]
    boxes: bool


class Drawn(Line, kw_only=True, tag="drawn"):
    """``width`` and ``height`` are the PNG's pixels."""

    width: int
    height: int
    png: bytes


class Located(Line, kw_only=True, tag="located"):
    boxes: list[Box]


class WordsListed(Line, kw_only=True, tag="words_listed"):
    text: str
    words: list[Word]


class Found(Line, kw_only=True, tag="found"):
    """Matches on the pages before ``next_page`` of ``pages``."""

    matches: list[Match]
    next_page: int
    pages: int


class Refused(Line, kw_only=True, tag="refused"):
    """The request failed."""

    code: Code
    details: dict[str, Detail] = {}


Answer = (
    Hello | ReadStarted | Recognising | PageText | ReadDone | Opened | Drawn | Located | WordsListed | Found | Refused
)

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[Limits | AnyRequest] = msgspec.json.Decoder(Limits | AnyRequest)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def encode(line: Line) -> bytes:
    return _encoder.encode(line) + b"\n"


def decode_request(line: bytes) -> Limits | AnyRequest:
    return _requests.decode(line)


def decode_answer(line: bytes) -> Answer:
    return _answers.decode(line)

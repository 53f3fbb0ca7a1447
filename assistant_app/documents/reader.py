"""The reader process: opens files that nobody trusts, within limits, and answers over its pipes.

Started by ``reader_pool.py``, spoken to as ``reader_protocol.py`` says. It ends when its stdin closes, also while a
library hangs: a thread of its own waits for that.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

from assistant_app.documents import ocr
from assistant_app.documents import reader_protocol as protocol
from assistant_app.documents.document import Content, Document
from assistant_app.documents.opening import file_stamp, open_document
from assistant_app.documents.page_text import search_pattern
from assistant_app.documents.reader_protocol import OcrState, PageText
from assistant_app.documents.scanned_pdf import ScannedPdf
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Match

try:
    import resource
except ImportError:  # Windows has no such limits: there only the deadlines hold.
    resource = None  # type: ignore[assignment]

MAX_TEXT_CHARACTERS = 200_000_000
MAX_MATCHES_A_PAGE = 1_000
FIND_SLICE_SECONDS = 0.1
"""A search is answered after this time with how far it came, so that a page can be drawn in between."""


class Reader:
    """Answers requests, one at a time. The document opened last stays open, for the next request."""

    def __init__(self) -> None:
        self._document: Document | None = None
        self._key: tuple[str, str | None, str] | None = None
        self._recogniser: ocr.Recogniser | None = None

    def answers(self, request: protocol.AnyRequest) -> Iterator[protocol.Answer]:
        """The answers to ``request``; a failure is a :class:`Refused`."""
        try:
            if isinstance(request, protocol.Read):
                yield from self._read(request)
            else:
                yield self._answer(request)
        except DocentError as error:
            yield protocol.Refused(code=error.code, details=error.details)
        except MemoryError:
            self._close()
            yield protocol.Refused(code=Code.READER_MEMORY)

    def _answer(self, request: protocol.AnyRequest) -> protocol.Answer:
        document = self._open(request)
        match request:
            case protocol.Draw():
                width, height, png = document.draw(request.page, request.width)
                return protocol.Drawn(width=width, height=height, png=png)
            case protocol.Locate():
                [boxes] = document.boxes(request.page, [(request.start, request.length)])
                return protocol.Located(boxes=boxes)
            case protocol.ListWords():
                text, words = document.words(request.page)
                return protocol.WordsListed(text=text, words=words)
            case protocol.Find():
                return _find(document, request)
            case _:
                pages = [document.size(page) for page in range(1, document.pages + 1)]
                return protocol.Opened(pages=pages, boxes=document.has_boxes)

    def _read(self, request: protocol.Read) -> Iterator[protocol.Answer]:
        document = self._open(request)
        stamp = self._key[2] if self._key else ""
        yield protocol.ReadStarted(
            pages=document.pages,
            stamp=stamp,
            kind=document.kind,
            paged=document.paged,
            outline=document.outline() if request.first == 1 else [],
            metadata=document.metadata(),
        )
        characters = 0
        for page in range(request.first, document.pages + 1):
            for answer in self._page(document, page, request.ocr):
                if isinstance(answer, PageText):
                    characters += len(answer.text)
                    _check_unchanged(request.path, stamp)
                if characters > MAX_TEXT_CHARACTERS:
                    raise DocentError(Code.TOO_LARGE, limit=f"{MAX_TEXT_CHARACTERS:,} characters")
                yield answer
        self._close()
        yield protocol.ReadDone()

    def _page(self, document: Document, page: int, wanted: bool) -> Iterator[protocol.Recognising | PageText]:
        content, failure = Content(""), ""
        state: OcrState = ""
        try:
            content = document.content(page)
            state = _ocr_state(document, page, content.text, wanted)
        except DocentError as error:
            failure = error.code.value
        except MemoryError:
            failure = Code.READER_MEMORY.value
        if state == "used" and isinstance(document, ScannedPdf):
            yield protocol.Recognising(page=page)
            content, failure = self._recognised(document, page, content)
        yield PageText(
            page=page,
            label=document.label(page),
            text=content.text,
            pages=document.pages,
            error=failure or None,
            headings=list(content.headings),
            tables=list(content.tables),
            words=None if content.words is None else list(content.words),
            ocr="" if failure else state,
        )

    def _recognised(self, document: ScannedPdf, page: int, content: Content) -> tuple[Content, str]:
        """The recognised content, or the page's own ``content`` where that holds more; and the code of a failure."""
        try:
            if self._recogniser is None:
                self._recogniser = ocr.Recogniser()
            _, _, png = document.draw(page, ocr.pixels_across(document.size(page)))
            text, words = self._recogniser.read(png)
        except DocentError as error:
            return content, "" if content.text.strip() else error.code.value
        except MemoryError:
            return content, "" if content.text.strip() else Code.READER_MEMORY.value
        except Exception:  # A neural network and its libraries, given a picture that may be anything.
            return content, "" if content.text.strip() else Code.READER_CRASHED.value
        return (content if len(text) < len(content.text.strip()) else Content(text, words=words)), ""

    def _open(self, request: protocol.AnyRequest) -> Document:
        key = (request.path, request.password, file_stamp(request.path))
        if self._document is None or self._key != key:
            self._close()
            self._document = open_document(request.path, request.password)
            self._key = key
        return self._document

    def _close(self) -> None:
        document, self._document, self._key = self._document, None, None
        if document is not None:
            document.close()


def _ocr_state(document: Document, page: int, text: str, wanted: bool) -> OcrState:
    """What text recognition has to do with this page; ``used`` where it is to be read so."""
    if not isinstance(document, ScannedPdf) or not document.is_picture(page, text):
        return ""
    if wanted and ocr.is_installed():
        return "used"
    if text.strip():
        return ""
    return "missing" if wanted else "off"


def _check_unchanged(path: str, stamp: str) -> None:
    try:
        unchanged = file_stamp(path) == stamp
    except DocentError:
        unchanged = False
    if not unchanged:
        raise DocentError(Code.FILE_VANISHED)


def _find(document: Document, request: protocol.Find) -> protocol.Found:
    pattern = search_pattern(request.text)
    if pattern is None:
        return protocol.Found(matches=[], next_page=document.pages + 1, pages=document.pages)
    matches: list[Match] = []
    end = min(document.pages + 1, request.first + request.most)
    until = time.monotonic() + FIND_SLICE_SECONDS
    page = request.first
    while page < end and (page == request.first or time.monotonic() < until):
        try:
            spans = [match.span() for match in pattern.finditer(document.text(page))][:MAX_MATCHES_A_PAGE]
            ranges = [(start, stop - start) for start, stop in spans]
            boxes = document.boxes(page, ranges) if ranges else []
        except DocentError:  # A page that cannot be read holds no match; the others may.
            ranges, boxes = [], []
        for (start, length), where in zip(ranges, boxes, strict=True):
            matches.append(Match(page=page, start=start, length=length, boxes=where))
        page += 1
    return protocol.Found(matches=matches, next_page=page, pages=document.pages)


# ------------------------------------------------------------------ the process


BACKGROUND_NICENESS = 10


def _limit(memory_bytes: int, background: bool) -> None:
    """No more address space than ``memory_bytes``, no core dump, and not a byte written to any file."""
    if background and hasattr(os, "nice"):
        os.nice(BACKGROUND_NICENESS)
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _listen(lines: queue.SimpleQueue[bytes]) -> None:
    while line := sys.stdin.buffer.readline():
        lines.put(line)
    # The parent has closed the pipe or is dead. The main thread may hang in a library, so nothing is waited for.
    os._exit(0)


def main() -> NoReturn:
    """Serve until stdin closes. What libraries print goes to stderr, never into the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is the parent's to deal with.
    channel = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(channel, os.O_BINARY)
    answers = os.fdopen(channel, "wb")
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True, name="listen").start()
    try:
        _serve(lines, answers)
    except MemoryError:
        os._exit(protocol.MEMORY_STATUS)


def _serve(lines: queue.SimpleQueue[bytes], answers: BinaryIO) -> NoReturn:
    reader = Reader()
    while True:
        request = protocol.decode_request(lines.get())
        if isinstance(request, protocol.Limits):
            _limit(request.memory_bytes, request.background)
            replies: Iterator[protocol.Answer] = iter([protocol.Hello()])
        else:
            replies = reader.answers(request)
        for reply in replies:
            answers.write(protocol.encode(reply))
            answers.flush()


if __name__ == "__main__":
    main()

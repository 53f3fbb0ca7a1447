"""Files become searchable: read in a process of their own, cut into passages, embedded, stored in one step a file.

Reading runs ahead of embedding in a thread. Vectors are stored before the catalogue's transaction, under ids that are
never used twice: a crash in between leaves stray vectors that no search returns, and the file is simply indexed again.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from assistant_app.documents.files import Offered, offered_files
from assistant_app.documents.passages import fold_space, split
from assistant_app.documents.reader_pool import PageText, ReaderPool
from assistant_app.errors import Code, Detail, DocentError, is_disk_full
from assistant_app.library import catalog
from assistant_app.library.catalog import Catalog
from assistant_app.library.embedder import Embedder
from assistant_app.library.vectors import Vectors
from assistant_app.protocol.messages import DocumentDone, IndexProgress
from assistant_app.protocol.records import Document, DocumentStatus, Stage

EMBED_AT_ONCE = 256
"""Passages that are collected before they are embedded together; sorted by length they waste less padding."""
PAGES_AHEAD = 200
"""Pages that reading may be ahead of embedding."""
LAST_PAGE = 1.0
"""Seconds that a job waits for its reading thread. One that is in the middle of a slow page ends after that page."""
REPORT_EVERY = 0.1
"""Seconds between two progress reports."""

Report = Callable[[IndexProgress | DocumentDone], None]


@dataclass
class _Pace:
    """How far a job is; its estimates count bytes, because the pages of later files are not known yet."""

    report: Report
    files_total: int
    bytes_total: int
    began: float = field(default_factory=time.monotonic)
    files_done: int = 0
    bytes_done: int = 0
    pages_done: int = 0
    last_report: float = 0.0

    def tell(self, path: str, stage: Stage, size: int, done: int, total: int, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self.last_report < REPORT_EVERY:
            return
        self.last_report = now
        elapsed = now - self.began
        share = (self.bytes_done + (size * done / total if total else 0)) / max(self.bytes_total, 1)
        # Under a second or a hundredth of the work an estimate would jump about.
        known = elapsed > 1.0 and share > 0.01
        pages = self.pages_done + done
        self.report(
            IndexProgress(
                path=path,
                stage=stage,
                pages_done=done,
                pages_total=total,
                files_done=self.files_done,
                files_total=self.files_total,
                pages_per_second=round(pages / elapsed, 1) if elapsed > 0.5 and pages else None,
                seconds_left=round(elapsed * (1 - share) / share, 1) if known else None,
            )
        )

    def finish(self, document: Document) -> None:
        self.files_done += 1
        self.bytes_done += document.size
        self.pages_done += document.pages if document.status != "unchanged" else 0
        self.report(DocumentDone(document=document))


class Indexer:
    """Adds files to one library. One job at a time (the caller sees to that)."""

    def __init__(self, known: Catalog, vectors: Vectors, embedder: Embedder, readers: ReaderPool) -> None:
        self._catalog = known
        self._vectors = vectors
        self._embedder = embedder
        self._readers = readers

    def index(
        self,
        paths: Sequence[str],
        *,
        collection: str | None = None,
        passwords: Mapping[str, str] | None = None,
        report: Report = lambda progress: None,
        cancelled: Callable[[], bool] = lambda: False,
        wait: Callable[[], None] = lambda: None,
    ) -> list[Document]:
        """Add files and folders.

        Args:
            paths: a file that is named is always tried; of a folder, whatever its content says is a PDF.
            collection: name of a collection to put the documents in.
            passwords: path to password.
            report: gets progress and, once for each file, its outcome.
            cancelled: asked between pages; what is stored by then stays.
            wait: called between batches; may block while something more urgent runs.

        Returns:
            One document for each file, with its outcome.

        Raises:
            DocentError: ``cancelled``, ``disk_full``, ``library_damaged`` or ``embedder_*``: what stops all files.
        """
        found: list[Offered] = []
        for each in offered_files(paths):  # a whole disk may have been dropped
            if cancelled():
                raise DocentError(Code.CANCELLED)
            found.append(each)
        pace = _Pace(report, len(found), sum(offered.size for offered in found))
        outcomes: list[Document] = []
        for offered in found:
            if cancelled():
                raise DocentError(Code.CANCELLED)
            if offered.outcome is not None:
                document = self._note(offered.outcome, offered)
            else:
                pace.tell(offered.path, "waiting", offered.size, 0, 0)
                document = self._one(offered, (passwords or {}).get(offered.path), pace, cancelled, wait)
            if collection is not None and document.status != "skipped":
                self._catalog.collect(document.path, collection)
            outcomes.append(document)
            pace.finish(document)
        return outcomes

    # ------------------------------------------------------------ one file

    def _one(
        self,
        offered: Offered,
        password: str | None,
        pace: _Pace,
        cancelled: Callable[[], bool],
        wait: Callable[[], None],
    ) -> Document:
        path = offered.path
        began = time.monotonic()
        try:
            before = os.stat(path)
            known = self._catalog.stored(path)
            held = self._catalog.documents([path])
            if known and held and held[0].status in ("indexed", "partial"):
                same_stat = (known.size, known.modified_ns) == (before.st_size, before.st_mtime_ns)
                if same_stat or (known.size == before.st_size and known.content_hash == _content_hash(path)):
                    if not same_stat:
                        self._catalog.touch(path, before.st_size, before.st_mtime_ns)
                    return _unchanged(held[0])
            with closing(self._read(offered, password, pace, cancelled)) as pages:
                return self._store(offered, before, pages, began, pace, cancelled, wait)
        except OSError as error:
            if is_disk_full(error):
                raise DocentError(Code.DISK_FULL, path=path) from error
            code = Code.FILE_VANISHED if isinstance(error, FileNotFoundError) else Code.FILE_UNREADABLE
            problem = DocentError(code, path=path)
        except DocentError as error:
            if error.code in _STOPS_ALL:
                raise
            problem = error
        status: DocumentStatus = "skipped" if problem.code is Code.NOT_A_PDF else "failed"
        document = Document(
            path=path,
            status=status,
            reason=problem.code.value,
            details={"path": path, **problem.details},
            seconds=round(time.monotonic() - began, 3),
            size=offered.size,
        )
        return self._note(document, offered)

    def _note(self, document: Document, offered: Offered) -> Document:
        """Put a file that was not indexed into the ledger, without the passages of an older version of it.

        A known file that is out of reach keeps its passages: an unplugged drive must not empty the library. A file
        that was only found in a folder and is no PDF gets no row.
        """
        held = self._catalog.documents([document.path])
        if document.reason in _OUT_OF_REACH and held:
            status: DocumentStatus = "missing" if document.reason == Code.FILE_MISSING else "failed"
            return msgspec.structs.replace(held[0], status=status, reason=document.reason, details=document.details)
        if held or (offered.is_file and (offered.named or document.status != "skipped")):
            self._forget_content(document)
        return document

    def _forget_content(self, document: Document) -> None:
        number = self._catalog.reserve_document_id(document.path)
        replaced = self._catalog.put(
            number, document, content_hash=None, modified_ns=0, name="", pages=(), passage_ids=()
        )
        self._vectors.remove(replaced)

    def _read(
        self, offered: Offered, password: str | None, pace: _Pace, cancelled: Callable[[], bool]
    ) -> Generator[PageText, None, None]:
        """The pages of a file, read ahead in a thread."""
        ahead: queue.Queue[PageText | BaseException | None] = queue.Queue(PAGES_AHEAD)
        stop = threading.Event()

        def offer(item: PageText | BaseException | None) -> bool:
            while not stop.is_set():
                try:
                    ahead.put(item, timeout=0.1)
                    return True
                except queue.Full:
                    continue
            return False

        def read() -> None:
            try:
                for page in self._readers.read(offered.path, password):
                    if not offer(page):
                        return
                offer(None)
            except BaseException as error:  # handed to the thread that waits, which raises it
                offer(error)

        thread = threading.Thread(target=read, name="read-ahead", daemon=True)
        thread.start()
        try:
            while True:
                if cancelled():
                    raise DocentError(Code.CANCELLED)
                try:
                    item = ahead.get(timeout=0.1)
                except queue.Empty:
                    continue
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                pace.tell(offered.path, "reading", offered.size, item.page, item.pages)
                yield item
        finally:
            stop.set()
            thread.join(LAST_PAGE)

    def _store(
        self,
        offered: Offered,
        before: os.stat_result,
        pages: Iterator[PageText],
        began: float,
        pace: _Pace,
        cancelled: Callable[[], bool],
        wait: Callable[[], None],
    ) -> Document:
        path = offered.path
        name = spoken_name(path)
        document_id = self._catalog.reserve_document_id(path)
        stored: list[catalog.Page] = []
        waiting: list[str] = []
        vectors: list[np.ndarray[tuple[int, int], np.dtype[np.float32]]] = []
        total = empty = unreadable = 0

        def embed() -> None:
            for first in range(0, len(waiting), EMBED_AT_ONCE):
                if cancelled():
                    raise DocentError(Code.CANCELLED)
                wait()
                vectors.append(self._embedder.embed(waiting[first : first + EMBED_AT_ONCE]))
                pace.tell(path, "embedding", offered.size, len(stored), total)
            waiting.clear()

        for page in pages:
            total = page.pages
            unreadable += page.error is not None
            spans = split(page.text, self._embedder.token_spans(page.text)) if page.text.strip() else []
            empty += page.error is None and not spans
            stored.append(catalog.Page(page.page, page.label, page.text, spans))
            waiting += [embedded_text(name, page.text[start : start + length]) for start, length in spans]
            if len(waiting) >= EMBED_AT_ONCE:
                embed()
        embed()
        content_hash = _content_hash(path)
        after = os.stat(path)  # behind the hash: a file that changed since the first look is not taken for this one
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise DocentError(Code.FILE_VANISHED, path=path)
        status, reason, details = _outcome(path, total, empty, unreadable)
        count = sum(len(page.passages) for page in stored)
        document = Document(
            path=path,
            status=status,
            reason=reason,
            details=details,
            pages=total,
            passages=count,
            seconds=round(time.monotonic() - began, 3),
            size=before.st_size,
        )
        ids = self._catalog.reserve_passage_ids(count)
        if count:
            self._vectors.put(document_id, ids, np.concatenate(vectors))
        replaced = self._catalog.put(
            document_id,
            document,
            content_hash=content_hash,
            modified_ns=before.st_mtime_ns,
            name=name,
            pages=stored,
            passage_ids=ids,
        )
        self._vectors.remove(replaced)
        return document


_STOPS_ALL = {
    Code.CANCELLED,
    Code.DISK_FULL,
    Code.LIBRARY_DAMAGED,
    Code.LIBRARY_IN_USE,
    Code.LIBRARY_UNWRITABLE,
    Code.EMBEDDER_MISSING,
    Code.EMBEDDER_DAMAGED,
}
_OUT_OF_REACH = {Code.FILE_MISSING, Code.FILE_UNREADABLE, Code.FILE_VANISHED}


def spoken_name(path: str) -> str:
    """A document's name as people would say it: no folder, no ending, no underscores."""
    return fold_space(Path(path).stem.replace("_", " ").replace("-", " "))[:120]


def embedded_text(name: str, passage: str) -> str:
    """What is embedded for a passage. The document's name at its head raised page hits by a quarter."""
    return f"{name}\n{fold_space(passage)}"


def _outcome(
    path: str, pages: int, empty: int, unreadable: int
) -> tuple[DocumentStatus, str | None, dict[str, Detail]]:
    facts: dict[str, Detail] = {"path": path, "pages": pages}
    if unreadable == pages:
        return "failed", Code.PDF_DAMAGED.value, facts
    if empty + unreadable == pages:
        return "failed", Code.NO_TEXT.value, facts
    if unreadable:
        return "partial", Code.SOME_PAGES_UNREADABLE.value, {**facts, "count": unreadable}
    if empty:
        return "partial", Code.SOME_PAGES_WITHOUT_TEXT.value, {**facts, "count": empty}
    return "indexed", None, {}


def _unchanged(document: Document) -> Document:
    """A document that is in the library as it is on the disk; one that was partial is still partial."""
    status: DocumentStatus = "unchanged" if document.status == "indexed" else document.status
    return msgspec.structs.replace(document, status=status, seconds=0.0)


def _content_hash(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

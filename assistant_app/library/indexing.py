"""Files become searchable: read in processes of their own, cut into passages, embedded, stored.

Change costs little: a file whose size and time are as before costs a look; the same bytes under another name, or at
another place, cost a digest; of a changed file only those passages are embedded whose text changed.

Nothing is there by half: pages and vectors are stored as they come, under a content that no document has yet, and the
last step gives it to the document. What a crash leaves without a document is swept away, and its file read again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from assistant_app.documents.cutting import cut
from assistant_app.documents.files import Offered, offered_files
from assistant_app.documents.passages import fold_space
from assistant_app.documents.reader_pool import PageText, ReaderPool
from assistant_app.errors import Code, Detail, DocentError, is_disk_full
from assistant_app.library.catalog import Catalog, Stored
from assistant_app.library.collections import Collections
from assistant_app.library.embedder import Embedder
from assistant_app.library.new_content import NewContent
from assistant_app.library.pace import Pace, Report
from assistant_app.library.read_ahead import Look, ReadAhead
from assistant_app.library.vectors import Vectors
from assistant_app.library.worklist import Worklist
from assistant_app.protocol.records import Document, DocumentStatus

READING = 3
"""The version of reading and cutting. What an older one read is read again when its file is indexed the next time."""

LONGEST_NAMES = 240
"""Code points of the names that keyword search knows a content by."""
MOST_TRIES = 3
"""Times that the process may end while a file is read before the file is left alone. Not fewer: it may be chance."""


class Wishes(NamedTuple):
    """How a job is to be done.

    Attributes:
        password: gives the password of a path, if one is known.
        ocr: pictures are read by text recognition; ``ocr_new``: that was not so when older files were read.
        cancelled: asked often; what is stored by then stays.
        wait: called often; blocks while something more urgent runs, and returns the seconds that it did.
    """

    password: Callable[[str], str | None] = lambda path: None
    ocr: bool = True
    cancelled: Callable[[], bool] = lambda: False
    wait: Callable[[], float] = lambda: 0.0
    report: Report = lambda progress: None


class Indexer:
    """Adds files to one library. One job at a time (the caller sees to that)."""

    def __init__(self, known: Catalog, vectors: Vectors, embedder: Embedder, readers: ReaderPool) -> None:
        self._catalog = known
        self._vectors = vectors
        self._embedder = embedder
        self._readers = readers
        self.worklist = Worklist(known)
        self.collections = Collections(known)

    def index(
        self,
        paths: Sequence[str],
        *,
        collection: str | None = None,
        passwords: Mapping[str, str] | None = None,
        wishes: Wishes | None = None,
        prepare: Callable[[], object] = lambda: None,
        below: str | None = None,
    ) -> list[Document]:
        """Add files and folders.

        Args:
            paths: a file that is named is always tried; of a folder, whatever is a document by its content.
            collection: name of a collection to put the documents in.
            passwords: path to password.
            prepare: called before the first file is read, if any has to be.
            below: a watched folder in which the files among ``paths`` were found: nobody named them.

        Returns:
            One document for each file, with its outcome, in the order of the files.

        Raises:
            DocentError: ``cancelled``, ``disk_full``, ``library_damaged``, ``vector_server_*`` or ``embedder_*``: what
                stops all files. What has no outcome then stays on the worklist.
        """
        wishes = wishes or Wishes()
        given = dict(passwords or {})
        if given:
            wishes = wishes._replace(password=lambda path, ask=wishes.password: given.get(path) or ask(path))  # type: ignore[misc]
        found: list[Offered] = []
        unwanted = self.worklist.unwanted()
        for each in offered_files(paths, below=below):  # a whole disk may have been dropped
            if wishes.cancelled():
                raise DocentError(Code.CANCELLED)
            if below is None or each.path not in unwanted:
                found.append(each)
        if below is None and unwanted:
            self.worklist.want(each.path for each in found)
        self.worklist.add(((each.path, each.named) for each in found if each.outcome is None), collection)
        return self.work(found, collection=collection, given=given, wishes=wishes, prepare=prepare)

    def work(
        self,
        found: Sequence[Offered],
        *,
        collection: str | None = None,
        given: Mapping[str, str] | None = None,
        wishes: Wishes,
        prepare: Callable[[], object] = lambda: None,
    ) -> list[Document]:
        """Index files that stand on the worklist; as :meth:`index`."""
        cheap = {
            each.path: document for each in found if (document := self._without_reading(each, given or {}, wishes))
        }
        costly = [each for each in found if each.path not in cheap]
        pace = Pace(wishes.report, len(found), sum(each.size for each in costly))
        outcomes: dict[str, Document] = {}

        def done(each: Offered, document: Document, size: int = 0) -> None:
            if collection is not None and document.status != "skipped":
                self.collections.collect(collection, [document.path])
                document = msgspec.structs.replace(document, collections=sorted({*document.collections, collection}))
            outcomes[each.path] = document
            pace.finish(document, size)

        for each in found:
            if each.path in cheap:
                done(each, cheap[each.path])
        self.worklist.done(list(cheap))
        if costly:
            prepare()
            self._sweep()
            ahead = ReadAhead(
                self._readers,
                [each.path for each in costly],
                wishes.password,
                lambda path, look: self._content_of(look, wishes) is None,
                wishes.cancelled,
                ocr=wishes.ocr,
            )
            with ahead:
                for number, each in enumerate(costly):
                    pace.tell(each.path, "waiting")
                    done(each, self._one(number, each, ahead, pace, wishes), each.size)
                    self.worklist.done([each.path])  # now, with its collection: a crash before leaves it to be done
        return [outcomes[each.path] for each in found]

    def _sweep(self) -> None:
        while gone := self._catalog.sweep():
            self._vectors.remove(gone)

    # ------------------------------------------------------------ files that cost a look

    def _without_reading(self, each: Offered, given: Mapping[str, str], wishes: Wishes) -> Document | None:
        """The outcome of a file that need not be read: it cannot be, or it is known as it is."""
        if wishes.cancelled():
            raise DocentError(Code.CANCELLED)
        if each.outcome is not None:
            return self._note(each.outcome)
        known = self._catalog.stored(each.path)
        if known is None or known.removed:
            return None
        try:
            now = os.stat(each.path)
        except OSError:
            return None  # the reading says why
        if (known.size, known.modified_ns) != (now.st_size, now.st_mtime_ns) or known.read_by != READING:
            return None
        held = self._catalog.documents([each.path])[0]
        if held.status in ("indexed", "partial") or (held.status == "failed" and not each.named):
            return None if _ocr_came(held, wishes) or each.path in given else _unchanged(held)
        return None

    def _note(self, document: Document) -> Document:
        """Put a file that was not read into the ledger, without the passages of an older version of it.

        A known file that is out of reach keeps its passages: an unplugged drive must not empty the library.
        """
        held = self._catalog.documents([document.path])
        if document.reason in _OUT_OF_REACH and held:
            status: DocumentStatus = "missing" if document.reason == Code.FILE_MISSING else "failed"
            return msgspec.structs.replace(held[0], status=status, reason=document.reason, details=document.details)
        known = self._catalog.stored(document.path)
        if document.status == "failed" and held and held[0].passages and known is not None:
            return self._keep_older(document, held[0], known)
        if not held and not os.path.isfile(document.path):
            return document
        if document.status == "skipped" and held and (held[0].status, held[0].reason) == ("skipped", document.reason):
            return held[0]
        self._catalog.put(
            document, content_id=None, content_hash=None, modified_ns=_modified(document.path), read_by=READING
        )
        return self._catalog.documents([document.path])[0]

    def _keep_older(self, document: Document, held: Document, known: Stored) -> Document:
        """A known document whose file cannot be read any more: its older version stays searchable, and that is said."""
        document = msgspec.structs.replace(
            held,
            status="failed",
            reason=document.reason,
            details={**document.details, "older": held.passages},
            seconds=document.seconds,
            size=document.size,
        )
        self._catalog.put(
            document,
            content_id=known.content_id,
            content_hash=None,
            modified_ns=_modified(document.path),
            read_by=READING,
            device=known.device,
        )
        return self._catalog.documents([document.path])[0]

    # ------------------------------------------------------------ one file

    def _one(self, number: int, each: Offered, ahead: ReadAhead, pace: Pace, wishes: Wishes) -> Document:
        path = each.path
        began = time.monotonic()
        tries = self.worklist.begin(path)
        try:
            if tries >= MOST_TRIES:
                raise DocentError(Code.ENGINE_KILLER)
            look = ahead.look(number)
            return self._known_content(path, look, wishes) or self._read(number, each, look, ahead, pace, wishes, began)
        except OSError as error:
            if is_disk_full(error):
                raise DocentError(Code.DISK_FULL, path=path) from error
            code = Code.FILE_VANISHED if isinstance(error, FileNotFoundError) else Code.FILE_UNREADABLE
            problem = DocentError(code)
        except DocentError as error:
            if error.code in _STOPS_ALL:
                self.worklist.pause(path)
                raise
            problem = error
        except BaseException:  # Ctrl+C, say: not the file's fault either
            self.worklist.pause(path)
            raise
        finally:
            ahead.skip(number)
        document = Document(
            path=path,
            status="skipped" if problem.code is Code.NOT_A_PDF else "failed",
            reason=problem.code.value,
            details={**problem.details, "path": path},
            seconds=round(time.monotonic() - began, 3),
            size=each.size,
        )
        return self._note(document)

    def _content_of(self, look: Look, wishes: Wishes) -> tuple[int, str] | None:
        """The content with these bytes and the path of a document that has it; null where it must be read (again)."""
        found = self._catalog.content_of(look.content_hash, READING)
        if found is None:
            return None
        held = self._catalog.documents([found[1]]) or self._catalog.documents([found[1]], removed=True)
        return None if held[0].status == "failed" or _ocr_came(held[0], wishes) else found

    def _known_content(self, path: str, look: Look, wishes: Wishes) -> Document | None:
        """The outcome of a file whose bytes the library has already: unchanged, moved, or another name for them."""
        found = self._content_of(look, wishes)
        if found is None:
            return None
        content_id, other = found
        size, modified = look.stat.st_size, look.stat.st_mtime_ns
        known = self._catalog.stored(path)
        if known is not None and known.content_id == content_id:
            if known.removed:
                self._catalog.put_back([path])
            self._catalog.touch(path, size, modified)
            held = self._catalog.documents([path])[0]
            return held if known.removed else _unchanged(held)
        if (gone := self._moved_from(content_id, look, known)) is not None:
            self._catalog.move(gone, path, size, modified)
            self._name(content_id)
            held = self._catalog.documents([path])[0]
            return msgspec.structs.replace(held, seconds=0.0)
        twin = self._catalog.documents([other]) or self._catalog.documents([other], removed=True)
        details: dict[str, Detail] = {**twin[0].details, "path": path} if twin[0].details else {}
        document = msgspec.structs.replace(twin[0], path=path, details=details, seconds=0.0, collections=[])
        self._catalog.put(
            document,
            content_id=content_id,
            content_hash=look.content_hash,
            modified_ns=modified,
            read_by=READING,
            device=look.stat.st_dev,
        )
        self._name(content_id)
        return self._catalog.documents([path])[0]

    def _name(self, content_id: int) -> None:
        """A document is found by the name that it has now; a content with several documents by all of theirs."""
        names = dict.fromkeys(spoken_name(path) for path in self._catalog.paths_of(content_id))
        self._catalog.set_name(content_id, " · ".join(names)[:LONGEST_NAMES])

    def _moved_from(self, content_id: int, look: Look, known: Stored | None) -> str | None:
        """The path under which this content was known and is no more, on the same disk."""
        if known is not None and not known.removed:
            return None  # this path has a history of its own
        for path in self._catalog.paths_of(content_id):
            other = self._catalog.stored(path)
            same_disk = other is not None and other.device in (None, look.stat.st_dev)
            if same_disk and not os.path.lexists(path) and _device_above(path) == look.stat.st_dev:
                return path
        return None

    # ------------------------------------------------------------ reading and storing

    def _read(
        self, number: int, each: Offered, look: Look, ahead: ReadAhead, pace: Pace, wishes: Wishes, began: float
    ) -> Document:
        path = each.path
        counts = _Counts()

        def pages() -> Iterator[PageText]:
            for page in ahead.pages(number):
                counts.see(page)
                pace.tell(path, "reading", each.size, page.page, page.pages)
                pace.held_up(wishes.wait())
                yield page

        content = NewContent(
            self._catalog, self._vectors, self._embedder, spoken_name(path), look.content_hash, READING, self._old(path)
        )
        try:
            for page in cut(pages(), self._embedder.token_spans, content.known):
                content.add(page)
                if content.is_full:
                    self._flush(content, each, pace, wishes, counts)
            self._flush(content, each, pace, wishes, counts)
            after = os.stat(path)  # a file that changed since the first look is not taken for this one
            if (after.st_size, after.st_mtime_ns) != (look.stat.st_size, look.stat.st_mtime_ns):
                raise DocentError(Code.FILE_VANISHED)
            document = counts.document(path, look.stat.st_size, time.monotonic() - began)
            if document.status == "failed":
                return self._note(document)
            content.give_to(document, look.stat.st_mtime_ns, look.stat.st_dev)
        finally:
            content.end()
            self._sweep()  # of what the document held before, or of what is not finished
        return self._catalog.documents([path])[0]

    def _old(self, path: str) -> int | None:
        """The content that the document at ``path`` has, if it can be revised: whole, and no other document's."""
        known = self._catalog.stored(path)
        if known is None or known.content_id is None or self._catalog.paths_of(known.content_id) != [path]:
            return None
        return known.content_id if self._catalog.is_complete(known.content_id, READING) else None

    def _flush(self, content: NewContent, each: Offered, pace: Pace, wishes: Wishes, counts: _Counts) -> None:
        def turn() -> None:
            pace.tell(each.path, "embedding", each.size, counts.pages_seen, counts.pages)
            pace.held_up(wishes.wait())
            if wishes.cancelled():
                raise DocentError(Code.CANCELLED)

        content.flush(turn)


class _Counts:
    """What came of a file's pages."""

    def __init__(self) -> None:
        self.pages = self.pages_seen = self.empty = self.failed = self.recognised = 0
        self.paged = True
        self._kind = "pdf"
        self._ocr = self._title = self._author = ""

    def see(self, page: PageText) -> None:
        self.pages, self.paged, self._kind = page.pages, page.paged, page.kind
        self._title, self._author = page.metadata.title, page.metadata.author
        self.pages_seen += 1
        self.failed += page.error is not None
        self.empty += page.error is None and not page.text.strip()
        self.recognised += page.ocr == "used"
        if page.ocr in ("missing", "off"):
            self._ocr = page.ocr

    def document(self, path: str, size: int, seconds: float) -> Document:
        """The document's row in the ledger."""
        status, reason, details = self._outcome(path)
        return Document(
            path=path,
            status=status,
            reason=reason,
            details=details,
            pages=self.pages if self.paged else min(self.pages, 1),
            seconds=round(seconds, 3),
            size=size,
            empty_pages=self.empty if self.paged else 0,
            failed_pages=self.failed,
            recognised_pages=self.recognised,
            title=self._title,
            author=self._author,
        )

    def _outcome(self, path: str) -> tuple[DocumentStatus, str | None, dict[str, Detail]]:
        facts: dict[str, Detail] = {"path": path, "pages": self.pages}
        if self._ocr:
            facts["ocr"] = self._ocr
        if self.failed == self.pages:
            code = Code.PDF_DAMAGED if self._kind == "pdf" else Code.DOCUMENT_DAMAGED
            return "failed", code.value, facts
        if self.empty + self.failed == self.pages:
            return "failed", Code.NO_TEXT.value, facts
        if self.failed:
            return "partial", Code.SOME_PAGES_UNREADABLE.value, {**facts, "count": self.failed}
        if self.empty and self.paged:
            return "partial", Code.SOME_PAGES_WITHOUT_TEXT.value, {**facts, "count": self.empty}
        return "indexed", None, {}


_STOPS_ALL = {
    Code.CANCELLED,
    Code.DISK_FULL,
    Code.LIBRARY_DAMAGED,
    Code.LIBRARY_IN_USE,
    Code.LIBRARY_UNWRITABLE,
    Code.EMBEDDER_MISSING,
    Code.EMBEDDER_DAMAGED,
    Code.VECTOR_SERVER_UNREACHABLE,
    Code.VECTOR_SERVER_REFUSED,
}
_OUT_OF_REACH = {Code.FILE_MISSING, Code.FILE_UNREADABLE, Code.FILE_VANISHED}


def spoken_name(path: str) -> str:
    """A document's name as people would say it: no folder, no ending, no underscores."""
    return fold_space(Path(path).stem.replace("_", " ").replace("-", " "))[:120]


def _unchanged(document: Document) -> Document:
    """A document that is in the library as it is on the disk; one that was partial or failed still is."""
    status: DocumentStatus = "unchanged" if document.status == "indexed" else document.status
    return msgspec.structs.replace(document, status=status, seconds=0.0)


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0


def _device_above(path: str) -> int | None:
    """``st_dev`` of the nearest folder above ``path`` that is there."""
    for folder in Path(path).parents:
        try:
            return os.stat(folder).st_dev
        except OSError:
            continue
    return None


def _ocr_came(document: Document, wishes: Wishes) -> bool:
    """Whether pages that could not be recognised when the document was read can be now."""
    if not wishes.ocr:
        return False
    return document.details.get("ocr") == "off" or (document.details.get("ocr") == "missing" and _has_ocr())


def _has_ocr() -> bool:
    from importlib.util import find_spec

    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None

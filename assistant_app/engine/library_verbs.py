"""The verbs that concern the library: open it, fill it, follow folders, empty it, keep it safe.

``service.py`` adds the verbs that ask it. One process owns a library; within it any thread may call any verb, but
only one at a time that indexes (:meth:`LibraryVerbs.index`, ``resume``, ``follow``).
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import filelock
import msgspec

import assistant_app
from assistant_app.documents.files import Offered
from assistant_app.documents.reader_pool import ReaderPool
from assistant_app.engine.offline import go_offline
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.library import backup
from assistant_app.library.catalog import Catalog
from assistant_app.library.conversations import Conversations
from assistant_app.library.database import SUSPECT
from assistant_app.library.embedder import Embedder
from assistant_app.library.embedder_change import FOLDER, LEFT, STORE, Progress, embed_for, note_change, store_of
from assistant_app.library.indexing import Indexer, Wishes
from assistant_app.library.passwords import Passwords
from assistant_app.library.repair import EMBEDDER, mend_vectors, vectors_agree
from assistant_app.library.retrieval import Retriever
from assistant_app.library.vectors import COLLECTION, Vectors
from assistant_app.library.watching import Watcher, is_in_reach
from assistant_app.library.worklist import Followed
from assistant_app.paths import Paths
from assistant_app.protocol.messages import BackupProgress, DocumentDone, Event, Noted, Reembedding
from assistant_app.protocol.records import Document, Section, WatchedFolder
from assistant_app.settings import Settings

LONGEST_WAIT = 120.0
"""Seconds that indexing waits for a question under way: one that hangs must not stop it for good."""

LAST_FILE = 4.0
"""Seconds that ending waits for an indexing job to stop."""

UNDO_HOURS = 24.0
"""How long a removed document can be put back."""

EXAMINED = 16 * 1024 * 1024
"""A catalogue of up to so many bytes is examined at every start, a larger one only when damage was met in it."""

PREVIEW_AT_ONCE = 20
"""Sections of a plain preview that are sent together."""

Report = Callable[[Event], None]
Cancelled = Callable[[], bool]


def ignore(event: Event) -> None:
    """For callers who want no progress."""


def never() -> bool:
    return False


class LibraryVerbs:
    """One open library with what reads and indexes. One at a time for a library, in one process."""

    def __init__(self, paths: Paths) -> None:
        """Take the library and open it; models are loaded when they are first needed.

        Raises:
            DocentError: ``library_in_use``, ``library_damaged``, ``library_newer``, ``library_unwritable``,
                ``disk_full``.
        """
        go_offline()
        self.paths = paths
        paths.create()
        self._lock = filelock.FileLock(paths.lock, timeout=0)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise DocentError(Code.LIBRARY_IN_USE, path=str(paths.library)) from None
        self.notes: list[DocentError] = []
        """What the person should know about the start: that the library was restored, for instance."""
        try:
            self.settings = Settings(paths.settings)
            self._retired: list[Vectors] = []
            self.readers = ReaderPool()
            self._open_library()
        except BaseException:
            self._lock.release()
            raise
        self._no_question = threading.Event()
        self._no_question.set()
        self._going = threading.Event()
        self._going.set()
        self._stopped = threading.Event()
        self._closing = False
        self._indexing_now = threading.Lock()
        self._mending = threading.Lock()
        self._watcher: Watcher | None = None

    def _open_library(self, *, is_copy: bool = False) -> None:
        self.catalog = self._sound_catalog()
        if is_copy:
            self.catalog.remember("library", _new_name())  # the one it was copied from may be in use with its own
            self.catalog.remember(FOLDER, self.embedder.folder)
            self.catalog.remember(STORE, store_of(self.embedder))
        self.passwords = Passwords(self.catalog)
        self.conversations = Conversations(self.catalog)
        if self.catalog.passage_count() == 0:  # nothing needs to be embedded anew
            self.catalog.remember(FOLDER, self.settings.text("library.embedder"))
            self.catalog.remember(STORE, "")
        self._embed_with(Embedder(self.catalog.fact(FOLDER) or ""), self._store(self.catalog.fact(STORE) or ""))
        self._mended = False

    def _embed_with(self, embedder: Embedder, vectors: Vectors) -> None:
        self.embedder, self.vectors = embedder, vectors
        self.indexer = Indexer(self.catalog, vectors, embedder, self.readers)
        self.collections = self.indexer.collections
        self.worklist = self.indexer.worklist
        self.retriever = Retriever(self.catalog, vectors, embedder)
        self._next: tuple[Embedder, Vectors] | None = None

    def _store(self, name: str) -> Vectors:
        """The vectors in the store of that name (:data:`STORE`)."""
        suffix = f"-{name}" if name else ""
        return Vectors(
            self.paths.vectors.with_name(self.paths.vectors.name + suffix),
            self.settings.text("library.chroma_server").strip(),
            self._vectors_name() + suffix,
        )

    def _sound_catalog(self) -> Catalog:
        """The catalogue; a damaged one is replaced by the newest automatic copy, and that is noted."""
        path = self.paths.catalog
        suspect = path.with_name(path.name + SUSPECT)
        is_gone = not path.exists() or not path.stat().st_size
        if is_gone and backup.automatic_copies(self.paths.backups):
            suspect.touch()  # a catalogue was here: an empty one must not take its place
        with suppress(DocentError):
            if is_gone and suspect.exists():
                raise DocentError(Code.LIBRARY_DAMAGED)
            catalog = Catalog(path)
            small = path.stat().st_size <= EXAMINED
            if not (small or suspect.exists()) or catalog.is_sound():
                suspect.unlink(missing_ok=True)
                return catalog
            catalog.close()
        if suspect.exists() and (restored := backup.restore_newest(path, self.paths.backups)) is not None:
            copy, damaged = restored
            made = time.strftime("%Y-%m-%d %H:%M", time.localtime(copy.stat().st_mtime))
            self.notes.append(DocentError(Code.LIBRARY_RESTORED, date=made, kept=str(damaged)))
        return Catalog(path)

    def _vectors_name(self) -> str:
        """The name of this library's collection: on a server there may be others."""
        if not self.settings.text("library.chroma_server").strip():
            return COLLECTION
        name = self.catalog.fact("library") or _new_name()
        self.catalog.remember("library", name)
        return name

    def leave(self) -> None:
        """Docent is about to end: what is being indexed stops, and the next start goes on with it."""
        self._closing = True
        self._going.set()
        with suppress(DocentError):  # a full disk: the file in hand then counts as tried once
            self.worklist.pause_all()

    def close(self) -> None:
        """Release everything. The library is whole at any time; this only tidies."""
        self.leave()
        # A job that is in the middle of a file says so on the worklist: that it stopped is not the file's fault.
        if self._indexing_now.acquire(timeout=LAST_FILE):
            self._indexing_now.release()
        if self._watcher is not None:
            self._watcher.close()
        self.readers.close()
        for vectors in (*self._retired, self.vectors):
            vectors.close()
        with suppress(DocentError, OSError):  # no room for a copy is no reason not to end
            backup.copy_if_due(self.catalog, self.paths.catalog, self.paths.backups, at_end=True)
        self.catalog.close()
        self._lock.release()

    def __enter__(self) -> LibraryVerbs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ the ledger

    def documents(self, *, removed: bool = False) -> list[Document]:
        """Every file ever offered, by path; one whose file is gone is ``missing`` and keeps its passages.

        With ``removed`` those instead that were removed and can be put back.
        """
        found = self.catalog.documents(removed=removed)
        return found if removed else [self._with_presence(document) for document in found]

    @staticmethod
    def _with_presence(document: Document) -> Document:
        if document.status == "skipped" or os.path.exists(document.path):
            return document
        return msgspec.structs.replace(
            document, status="missing", reason=Code.FILE_MISSING.value, details={"path": document.path}
        )

    def remove(self, paths: Sequence[str] | None, *, forever: bool = False) -> list[Document]:
        """Take documents out of the library, the files stay; returns what was removed.

        A path that is a folder stands for every document below it. What is removed can be put back for
        :data:`UNDO_HOURS`, unless ``forever``: then documents that were removed before can be named as well, and null
        means all of those.

        Raises:
            DocentError: ``document_unknown``, before anything is removed.
        """
        known = {document.path: document for document in self.catalog.documents()}
        if forever:
            known.update({document.path: document for document in self.catalog.documents(removed=True)})
        if paths is None:
            chosen = {path: document for path, document in known.items() if document.removed_at is not None}
        else:
            chosen = dict(_chosen(paths, known))
        self.catalog.remove(list(chosen), forever=forever)
        self.worklist.refuse(chosen)
        if forever:
            for path in chosen:
                self.passwords.forget(path)
            try:
                self._sweep()
            finally:  # also where a Chroma server is down: its vectors go when it is mended
                backup.renew_copies(self.catalog, self.paths.catalog, self.paths.backups)
        return list(chosen.values())

    def put_back(self, paths: Sequence[str]) -> list[Document]:
        """Undo a removal.

        Raises:
            DocentError: ``document_unknown``, before anything is put back.
        """
        known = {document.path: document for document in self.catalog.documents(removed=True)}
        chosen = [path for path, _ in _chosen(paths, known)]
        self.catalog.put_back(chosen)
        self.worklist.want(chosen)
        return self.catalog.documents(chosen)

    def _sweep(self) -> None:
        gone: list[int] = []
        while some := self.catalog.sweep():
            gone += some
        self.vectors.remove(gone)

    def mend(self, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
        """Make the vectors agree with the catalogue, once a process; returns how many passages were embedded again.

        They differ after a crash, or where Chroma's folder was deleted.
        """
        with self._mending:
            if self._mended:
                return 0
            mended = 0
            purged = self.catalog.purge(UNDO_HOURS) + self.conversations.purge(UNDO_HOURS)
            if not vectors_agree(self.catalog, self.vectors, self.embedder):
                mended = mend_vectors(self.catalog, self.vectors, self.embedder, progress)
            self._sweep()
            self._clear_left()
            if purged:
                backup.renew_copies(self.catalog, self.paths.catalog, self.paths.backups)
            self.catalog.remember(EMBEDDER, self.embedder.identity)  # of what is indexed from now on
            self._mended = True
            return mended

    def _clear_left(self) -> None:
        """Throw the vectors of an earlier embedding model away; nothing reads them any more."""
        left = self.catalog.fact(LEFT)
        if left is not None and left != (self.catalog.fact(STORE) or ""):
            store = self._store(left)
            store.clear()
            store.close()
        with self.catalog.transaction() as db:
            db.execute("DELETE FROM facts WHERE name = ?", (LEFT,))

    # ------------------------------------------------------------ another embedding model

    def wants_embedding(self) -> bool:
        """Whether the settings name another embedding model than the one the vectors in use are from."""
        return self.settings.text("library.embedder") != self.embedder.folder

    def embed_anew(
        self, *, seconds: float = float("inf"), report: Report = ignore, cancelled: Cancelled = never
    ) -> bool:
        """Embed the library with the model that the settings name, for so many ``seconds``; returns whether it is done.

        Until it is, everything goes on with the vectors of the model before; what was embedded is kept for later.

        Raises:
            DocentError: ``embedder_*``, ``cancelled``, ``disk_full``, ``vector_server_*``.
        """
        with self._indexing_now:
            wanted = self.settings.text("library.embedder")
            if not self.wants_embedding():
                return True
            if self._next is None or self._next[0].folder != wanted:
                if self._next is not None:
                    self._next[1].close()
                embedder = Embedder(wanted)
                self._next = embedder, self._store(store_of(embedder))
            embedder, vectors = self._next

            def turn() -> None:
                self._wait(cancelled)
                if cancelled() or self._closing or self.settings.text("library.embedder") != wanted:
                    raise DocentError(Code.CANCELLED)

            def progress(now: Progress) -> None:
                if now.done < now.total:
                    report(Reembedding(done=now.done, total=now.total))

            if not embed_for(self.catalog, vectors, embedder, seconds=seconds, turn=turn, progress=progress):
                return False
            with self._mending:
                note_change(self.catalog, embedder, store_of(embedder))
                self._retired.append(self.vectors)  # a search may be reading them: they go at the next start
                self._embed_with(embedder, vectors)
        count = self.catalog.passage_count()
        report(Reembedding(done=count, total=count))
        return True

    # ------------------------------------------------------------ filling it

    def index(
        self,
        paths: Sequence[str],
        *,
        collection: str | None = None,
        passwords: Mapping[str, str] | None = None,
        keep_passwords: bool = False,
        report: Report = ignore,
        cancelled: Cancelled = never,
    ) -> list[Document]:
        """Add files and folders; see :meth:`Indexer.index`. A question that comes meanwhile has the right of way.

        Args:
            keep_passwords: those that open their file go into the system's keyring.

        Raises:
            DocentError: as ``Indexer.index``; ``keyring_unavailable`` is only reported, as :class:`Noted`.
        """
        passwords = {os.path.abspath(path): password for path, password in (passwords or {}).items()}
        with self._indexing():
            wishes = self._wishes(report, cancelled)
            documents = self.indexer.index(
                paths, collection=collection, passwords=passwords, wishes=wishes, prepare=self.mend
            )
        for document in documents:
            password = passwords.get(document.path)
            if password is not None and self._opens(document, password):
                self._remember(document.path, password, keep_passwords, report)
        return documents

    def _opens(self, document: Document, password: str) -> bool:
        """Whether ``password`` opened the document; for one that was not read, it is tried."""
        if document.status != "unchanged":
            return document.status in ("indexed", "partial")
        try:
            self.readers.open(document.path, password)
        except DocentError:
            return False
        return True

    def _remember(self, path: str, password: str, keep: bool, report: Report) -> None:
        self.passwords.remember(path, password)
        if keep:
            try:
                self.passwords.keep(path, password)
            except DocentError as problem:
                report(Noted(code=problem.code, details=problem.details))

    def _wishes(self, report: Report, cancelled: Cancelled) -> Wishes:
        return Wishes(
            password=self.passwords.get,
            ocr=self.settings.flag("library.ocr"),
            cancelled=lambda: cancelled() or self._stopped.is_set() or self._closing,
            wait=lambda: self._wait(cancelled),
            report=report,
        )

    def _wait(self, cancelled: Cancelled) -> float:
        """Wait while a question is answered, or indexing is paused; returns the seconds that it took."""
        if self._no_question.is_set() and self._going.is_set():
            return 0.0
        began = time.monotonic()
        self._no_question.wait(timeout=LONGEST_WAIT)
        while not self._going.wait(timeout=0.2):
            if cancelled() or self._stopped.is_set() or self._closing:
                break
        return time.monotonic() - began

    @contextmanager
    def _indexing(self) -> Iterator[None]:
        """Around every job that indexes: what was stopped by a person is not taken up again, and copies are made."""
        self._stopped.clear()
        with self._indexing_now:
            try:
                yield
            except DocentError as error:
                if error.code is Code.CANCELLED and not self._closing:
                    stopped = [pending.path for pending in self.worklist.pending()]
                    self.catalog.note_stopped(stopped)
                    self.worklist.done(stopped)
                raise
            with suppress(DocentError, OSError):  # no room for a copy: the next one may find some
                backup.copy_if_due(self.catalog, self.paths.catalog, self.paths.backups)

    def pause(self, paused: bool) -> None:
        """Stop indexing between two pages, or go on."""
        if paused:
            self._going.clear()
        else:
            self._going.set()

    def stop_indexing(self) -> None:
        """Cancel what is being indexed; what is stored by then stays."""
        self._stopped.set()

    def resume(self, report: Report = ignore, cancelled: Cancelled = never) -> list[Document]:
        """Go on with what an earlier process left without an outcome."""
        documents: list[Document] = []
        pending = self.worklist.pending()
        with self._indexing():
            for collection in dict.fromkeys(each.collection for each in pending):
                files = [
                    Offered(each.path, size=_size(each.path), named=each.named)
                    for each in pending
                    if each.collection == collection
                ]
                documents += self.indexer.work(
                    files, collection=collection, wishes=self._wishes(report, cancelled), prepare=self.mend
                )
        return documents

    @contextmanager
    def right_of_way(self) -> Iterator[None]:
        """Indexing pauses between two batches while this is held."""
        self._no_question.clear()
        try:
            yield
        finally:
            self._no_question.set()

    # ------------------------------------------------------------ watched folders

    def watched(self) -> list[WatchedFolder]:
        """Every watched folder, and whether it is in reach."""
        found = []
        for folder in self.worklist.watched():
            known = len(self.catalog.known_below(_below(folder.path)))
            readable = os.access(folder.path, os.R_OK | os.X_OK) or not os.path.exists(folder.path)
            state = "watching" if is_in_reach(folder, known) else "missing"
            found.append(
                WatchedFolder(
                    path=folder.path,
                    collection=folder.collection,
                    state=state if readable else "unreadable",  # type: ignore[arg-type]  # one of the three words
                    documents=len(self.catalog.known_below(_below(folder.path), skipped=False)),
                )
            )
        return found

    def watch(self, path: str, collection: str | None = None) -> list[WatchedFolder]:
        """Follow a folder from now on; what is in it is indexed by :meth:`follow`.

        Raises:
            DocentError: ``file_missing`` (no such folder), ``folder_unreadable`` or ``watched_overlaps``.
        """
        path = os.path.abspath(os.path.expanduser(path))
        if not os.path.isdir(path):
            raise DocentError(Code.FILE_MISSING, path=path)
        if not os.access(path, os.R_OK | os.X_OK):
            raise DocentError(Code.FOLDER_UNREADABLE, path=path)
        for folder in self.worklist.watched():
            other = folder.path
            if other != path and (_below(path).startswith(_below(other)) or _below(other).startswith(_below(path))):
                raise DocentError(Code.WATCHED_OVERLAPS, path=path, other=other)
        self.worklist.watch(Followed(path, collection, os.stat(path).st_dev))
        if self._watcher is not None:
            self._watcher.follow(path)
        return self.watched()

    def unwatch(self, path: str) -> list[WatchedFolder]:
        """Follow a folder no more; its documents stay.

        Raises:
            DocentError: ``watched_unknown``.
        """
        path = os.path.abspath(os.path.expanduser(path))
        if all(folder.path != path for folder in self.worklist.watched()):
            raise DocentError(Code.WATCHED_UNKNOWN, path=path)
        self.worklist.unwatch(path)
        if self._watcher is not None:
            self._watcher.unfollow(path)
        return self.watched()

    def start_watching(self, changed: Callable[[str, Sequence[str] | None], None]) -> None:
        """Have ``changed`` called (from another thread) with a watched folder and what changed in it, from now on."""
        self._watcher = Watcher(changed)
        for folder in self.worklist.watched():
            self._watcher.follow(folder.path)

    def follow(
        self,
        path: str,
        changes: Sequence[str] | None = None,
        report: Report = ignore,
        cancelled: Cancelled = never,
    ) -> None:
        """Make the library agree with a watched folder, or with those files of it that changed.

        New and changed files are indexed; those that were deleted are removed, and can be put back. Where the folder is
        out of reach nothing is removed.
        """
        folder = next((each for each in self.worklist.watched() if each.path == path), None)
        if folder is None:  # not watched any more
            return
        known = self.catalog.known_below(_below(path))
        if not is_in_reach(folder, len(known)):
            report(Noted(code=Code.WATCHED_MISSING.value, details={"path": path}))
            return
        device = os.stat(path).st_dev
        self.worklist.watch(Followed(path, folder.collection, device))
        looked_at = [path] if changes is None else [each for each in changes if os.path.isfile(each)]
        with self._indexing():
            # First what is there, so that a moved file is seen as moved and not as deleted.
            if looked_at:
                self.indexer.index(
                    looked_at,
                    collection=folder.collection,
                    wishes=self._wishes(report, cancelled),
                    prepare=self.mend,
                    below=path,
                )
            asked = self.catalog.known_below(_below(path)) if changes is None else changes
            gone = [each for each in asked if _was_deleted(each, device)]
            if gone := [document.path for document in self.catalog.documents(gone)]:
                self.catalog.remove(gone)
                for each in self.catalog.documents(gone, removed=True):
                    report(DocumentDone(document=self._with_presence(each)))

    # ------------------------------------------------------------ backups

    def back_up(
        self, path: str, *, with_documents: bool = False, report: Report = ignore, cancelled: Cancelled = never
    ) -> backup.Written:
        """Write the whole library to one file; see :mod:`assistant_app.library.backup`.

        Raises:
            DocentError: ``backup_unwritable``, ``disk_full``, ``cancelled``, ``vector_server_*``.
        """
        self.mend()
        return backup.write(
            Path(path).expanduser().absolute(),
            self.catalog,
            self.vectors,
            self.paths.settings,
            version=assistant_app.__version__,
            embedder=self.embedder,
            with_documents=with_documents,
            progress=lambda done, total: report(BackupProgress(done=done, total=total)),
            cancelled=cancelled,
        )

    def restore(self, path: str, *, report: Report = ignore, cancelled: Cancelled = never) -> tuple[int, Path]:
        """Put a backup in the place of the library, which is kept beside: the number of documents, and that folder.

        Raises:
            DocentError: ``backup_invalid``, ``backup_newer``, ``library_newer``, ``file_missing``, ``disk_full`` or
                ``cancelled``: the library is as it was then.
        """

        def progress(done: int, total: int) -> None:
            report(BackupProgress(done=done, total=total))

        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        kept = self.paths.backups / f"before-restore-{stamp}"
        fresh = self.paths.backups / f"restoring-{stamp}"
        fresh.mkdir(mode=0o700, parents=True)
        moved = self.paths.documents / stamp
        is_replaced = False
        try:
            with backup.Backup(Path(path).expanduser().absolute()) as archive:
                # All of it is looked at before anything is replaced.
                archive.unpack(fresh, progress, cancelled)
                same_embedder = archive.manifest.embedder == self.embedder.identity
                vectors = list(archive.vectors(self.embedder.dimensions)) if same_embedder else []
                documents = list(archive.documents(moved, progress, cancelled))
                self._replace_library(fresh, kept)
                is_replaced = True
                self._put_vectors(vectors)
                for old, new in documents:
                    found = os.stat(new)
                    self.catalog.move(old, str(new), found.st_size, found.st_mtime_ns)
        except OSError as error:
            code = Code.DISK_FULL if is_disk_full(error) else Code.LIBRARY_UNWRITABLE
            raise DocentError(code, path=str(error.filename or fresh)) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
            if not is_replaced:
                shutil.rmtree(moved, ignore_errors=True)
        self.mend()
        return len(self.catalog.known_below("", skipped=False)), kept

    def _replace_library(self, fresh: Path, kept: Path) -> None:
        self.vectors.close()
        self.catalog.close()
        backup.put_aside(self.paths.catalog, kept)
        for folder in self.paths.vectors.parent.glob(f"{self.paths.vectors.name}*"):
            if folder.is_dir():
                os.replace(folder, kept / folder.name)
        os.replace(fresh / backup.CATALOG, self.paths.catalog)
        if (fresh / backup.SETTINGS).exists():
            if self.paths.settings.exists():
                shutil.copy2(self.paths.settings, kept / backup.SETTINGS)
            own = {key: self.settings[key] for key in _OWN_SETTINGS}
            shutil.move(fresh / backup.SETTINGS, self.paths.settings)
            self.settings.update(own)
        self._open_library(is_copy=True)

    def _put_vectors(self, pieces: Sequence[tuple[object, object]]) -> None:
        for ids, values in pieces:
            made_of = self.catalog.embedded([int(number) for number in ids])  # type: ignore[attr-defined]
            by_content: dict[int, list[int]] = {}
            for place, number in enumerate(ids):  # type: ignore[arg-type, var-annotated]
                if int(number) in made_of:
                    by_content.setdefault(made_of[int(number)][0], []).append(place)
            for content_id, places in by_content.items():
                self.vectors.put(content_id, [int(ids[place]) for place in places], values[places])  # type: ignore[index]

    # ------------------------------------------------------------ plain previews

    def preview(self, path: str) -> Iterator[list[Section]]:
        """The text of a document in pieces of a few pages or sections, as it was indexed."""
        first = 1
        while sections := self.catalog.sections(path, first, PREVIEW_AT_ONCE):
            yield sections
            first += len(sections)


_OWN_SETTINGS = ("library.chroma_server", "library.embedder", "library.reranker", "model.server", "model.server_model")
"""Where text and vectors go, and what is loaded to read them, is this installation's to say, and never a backup's."""


def _chosen(paths: Sequence[str], known: Mapping[str, Document]) -> Iterator[tuple[str, Document]]:
    for given in paths:
        path = os.path.abspath(os.path.expanduser(given))
        below = [each for each in known if each == path or each.startswith(_below(path))]
        if not below:
            raise DocentError(Code.DOCUMENT_UNKNOWN, path=given)
        yield from ((each, known[each]) for each in below)


def _new_name() -> str:
    return f"docent-{os.urandom(8).hex()}"


def _below(folder: str) -> str:
    return folder.rstrip(os.sep) + os.sep


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return 0


def _was_deleted(path: str, device: int) -> bool:
    """Whether a file is gone from a disk that is there: its folder, or what is left of it, is on the watched disk."""
    if os.path.lexists(path):
        return False
    for folder in Path(path).parents:
        with suppress(OSError):
            return os.stat(folder).st_dev == device
    return False

"""The engine process: requests come in on stdin, events go out on stdout, one JSON line each.

Work runs in lanes, one thread each, so that a page is drawn while an answer streams and a folder is indexed. Within a
lane jobs wait for each other. The engine ends when its stdin closes, whatever it is doing.
"""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence

import msgspec

import assistant_app
from assistant_app.engine.backends import backends
from assistant_app.engine.service import Service
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.models.chat_model import devices
from assistant_app.paths import Paths
from assistant_app.protocol import adapters, assistants, messages, shelf, training, wire
from assistant_app.protocol import report as format_report

LANES: dict[type[messages.Message], str] = {
    messages.IndexDocuments: "library",
    messages.BackUp: "library",
    messages.RestoreBackup: "library",
    messages.Ask: "answer",
    messages.ReadWhole: "answer",
    messages.OpenDocument: "view",
    messages.DrawPage: "view",
    messages.LocateText: "view",
    messages.ReadPage: "view",
    messages.FindText: "find",
    messages.ReadPreview: "find",
    training.TrainAdapter: "training",
    adapters.ProbeAdapter: "answer",
    assistants.FillTable: "table",
    format_report.CheckAdapter: "table",
    shelf.FindModels: "shelf",
    shelf.RemoveModel: "removal",
    shelf.DownloadModel: "download",
}
"""Everything else is quick and shares the lane "desk"."""

LAST_SECONDS = 5.0
"""How long the engine tidies up after its stdin closed; then it just ends. The library is whole at any time."""

EMBEDDING_SECONDS = 15.0
"""For so long the library is embedded anew before what waits in its lane gets a turn."""

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
"""``diagnostics.py`` reads it."""

log = logging.getLogger("docent.engine")


class _Cancelled(threading.Event):
    """Set when a job is to stop. ``is_started``: it waits for others no more."""

    is_started = False


Errand = Callable[[Callable[[messages.Event], None], Callable[[], bool]], None]
"""Work that nobody asked for: gets where its events go, and what says that it is to stop."""


class Server:
    """Answers requests with a :class:`Service`."""

    def __init__(self, service: Service, write: Callable[[bytes], None]) -> None:
        self._service = service
        self._write = write
        self._writing = threading.Lock()
        self._jobs: dict[int, _Cancelled] = {}
        self._starting = threading.Lock()
        self._lanes: dict[str, queue.SimpleQueue[messages.Request | Errand]] = {}
        self._ending = _Cancelled()

    def send(self, event: messages.Event) -> None:
        """Write one event. Called from every lane."""
        line = wire.encode(event)
        with self._writing:
            self._write(line)

    def take(self, line: bytes) -> None:
        """Accept one request; returns at once."""
        try:
            request = wire.decode_request(line)
        except DocentError as problem:
            log.error("a request that makes no sense: %s", problem)  # no job to answer
            return
        if isinstance(request, messages.Cancel):
            self._cancel(request.target)
            return
        self._jobs[request.job] = _Cancelled()
        self._lane(LANES.get(type(request), "desk")).put(request)

    def _cancel(self, number: int) -> None:
        """Stop a job. One that waits for others in its lane ends at once; its turn comes to nothing."""
        with self._starting:
            job = self._jobs.get(number)
            if job is None:
                return
            job.set()
            waits = not job.is_started
            if waits:
                del self._jobs[number]
        if waits:
            self.send(messages.Failed(job=number, code=Code.CANCELLED))

    def _lane(self, name: str) -> queue.SimpleQueue[messages.Request | Errand]:
        if name not in self._lanes:
            self._lanes[name] = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(self._lanes[name],), name=name, daemon=True).start()
        return self._lanes[name]

    def run(self, errand: Errand) -> None:
        """Do ``errand`` in the lane of the library, after what waits there; its events have job 0."""
        self._lane("library").put(errand)

    def follow_library(self) -> None:
        """Go on with what an earlier engine left, then follow the watched folders."""
        service = self._service
        if service.worklist.pending():
            self.run(lambda report, cancelled: self._resume(report, cancelled))
        for folder in service.worklist.watched():
            self._follow(folder.path, None)
        self.embed_anew()
        service.start_watching(self._follow)

    def _resume(self, report: Callable[[messages.Event], None], cancelled: Callable[[], bool]) -> None:
        documents = self._service.resume(report, cancelled)
        report(messages.Indexed(documents=documents, seconds=0.0))

    def embed_anew(self) -> None:
        """Embed the library with the model that the settings name, in slices: files to be indexed get their turn."""

        def errand(report: Callable[[messages.Event], None], cancelled: Callable[[], bool]) -> None:
            if not self._service.embed_anew(seconds=EMBEDDING_SECONDS, report=report, cancelled=cancelled):
                self.run(errand)

        if self._service.wants_embedding():
            self.run(errand)

    def _follow(self, path: str, changes: Sequence[str] | None) -> None:
        def errand(report: Callable[[messages.Event], None], cancelled: Callable[[], bool]) -> None:
            self._service.follow(path, changes, report, cancelled)
            report(messages.Indexed(documents=[], seconds=0.0))
            report(messages.LibraryChanged())

        self.run(errand)

    def end(self) -> None:
        """Ask every job to stop, because Docent ends: what was being indexed goes on at the next start."""
        self._service.leave()  # before anything is cancelled: a person did not stop it
        self._ending.set()
        for job in list(self._jobs.values()):
            job.set()

    def _work(self, requests: queue.SimpleQueue[messages.Request | Errand]) -> None:
        while True:
            request = requests.get()
            if not isinstance(request, messages.Message):
                self._do_errand(request)
                continue
            with self._starting:
                job = self._jobs.get(request.job)
                if job is None:  # it was stopped while it waited
                    continue
                job.is_started = True
            try:
                if job.is_set():
                    raise DocentError(Code.CANCELLED)
                event: messages.Event = self._do(request, job.is_set)
            except DocentError as problem:
                event = messages.Failed(code=problem.code, details=problem.details)
            except Exception as error:  # the boundary of a job: a fault in one must not end the others
                log.exception("job %s failed", type(request).__name__)
                code = Code.DISK_FULL if is_disk_full(error) else Code.INTERNAL
                event = messages.Failed(code=code, details={"said": type(error).__name__})
            del self._jobs[request.job]
            self._send_last(msgspec.structs.replace(event, job=request.job))

    def _send_last(self, event: messages.Event) -> None:
        """Send a job's last event; one that cannot be written (half a surrogate pair in it) must not end the lane."""
        try:
            self.send(event)
        except (UnicodeEncodeError, msgspec.MsgspecError):
            log.exception("%s cannot be sent", type(event).__name__)
            self.send(messages.Failed(job=event.job, code=Code.INTERNAL, details={"said": "UnicodeEncodeError"}))

    def _do_errand(self, errand: Errand) -> None:
        try:
            errand(self.send, self._ending.is_set)
        except DocentError as problem:
            if problem.code is not Code.CANCELLED:
                self.send(messages.Noted(code=problem.code, details=problem.details))
            self.send(messages.Indexed(documents=[], seconds=0.0))
        except Exception:  # as for jobs
            log.exception("an errand failed")
            self.send(messages.Indexed(documents=[], seconds=0.0))

    def _do(self, request: messages.Request, cancelled: Callable[[], bool]) -> messages.Event:
        service = self._service

        def report(event: messages.Event) -> None:
            self.send(msgspec.structs.replace(event, job=request.job))

        def noting(event: messages.Event) -> None:
            self.send(event) if isinstance(event, messages.Noted) else report(event)

        match request:
            case messages.ListDocuments(removed=removed):
                return messages.Documents(documents=service.documents(removed=removed))
            case messages.IndexDocuments():
                return self._index(request, report, cancelled)
            case messages.PauseIndexing(paused=paused):
                service.pause(paused)
                return messages.IndexingPaused(paused=paused)
            case messages.StopIndexing():
                service.stop_indexing()
                return messages.Done()
            case messages.RemoveDocuments(paths=chosen, forever=forever):
                return messages.Removed(documents=service.remove(chosen, forever=forever))
            case messages.PutBackDocuments(paths=paths):
                return messages.Documents(documents=service.put_back(paths))
            case (
                messages.ListCollections()
                | messages.CreateCollection()
                | messages.RenameCollection()
                | messages.DeleteCollection()
                | messages.Collect()
                | messages.Uncollect()
            ):
                return self._collections(request)
            case messages.ListWatched():
                return messages.Watched(folders=service.watched())
            case messages.Watch(path=path, collection=collection):
                folders = service.watch(path, collection)
                self._follow(os.path.abspath(os.path.expanduser(path)), None)
                return messages.Watched(folders=folders)
            case messages.Unwatch(path=path):
                return messages.Watched(folders=service.unwatch(path))
            case messages.BackUp(path=path, with_documents=with_documents):
                wrote = service.back_up(path, with_documents=with_documents, report=report, cancelled=cancelled)
                return messages.BackedUp(path=path, **wrote._asdict())
            case messages.RestoreBackup(path=path):
                count, kept = service.restore(path, report=report, cancelled=cancelled)
                return messages.Restored(documents=count, kept=str(kept))
            case messages.Ask():
                return service.talk.ask(request, noting, cancelled)
            case messages.ReadWhole():
                return service.talk.read_whole(request, noting, cancelled)
            case messages.EstimateWhole(paths=paths):
                return service.talk.estimate_whole(paths)
            case messages.InspectAnswer(turn=turn, version=version):
                inspection = service.conversations.inspection(turn, version)
                return messages.AnswerInspected(turn=turn, inspection=inspection)
            case messages.OpenConversation(conversation=number):
                turns = service.conversations.turns(number)
                return messages.ConversationOpened(conversation=service.conversations.get(number), turns=turns)
            case messages.OpenTurn(turn=turn, version=version):
                return messages.TurnOpened(turn=service.conversations.turn(turn, version))
            case (
                messages.ListConversations()
                | messages.RenameConversation()
                | messages.DeleteConversation()
                | messages.PutBackConversation()
            ):
                return self._conversations(request)
            case messages.KeepServerKey(key=key):
                try:
                    service.keep_server_key(key)
                except DocentError as problem:
                    self.send(messages.Noted(code=problem.code, details=problem.details))
                return messages.Done()
            case messages.SaveDiagnostics(path=path):
                service.save_diagnostics(path)
                return messages.Done()
            case messages.OpenDocument(path=path, password=password, keep_password=keep):
                pages, boxes, preview = service.open_document(
                    path, password, keep_password=keep, report=self.send, cancelled=cancelled
                )
                return messages.DocumentOpened(path=path, pages=pages, boxes=boxes, preview=preview)
            case messages.ReadPreview(path=path):
                for sections in service.preview(path):
                    if cancelled():
                        raise DocentError(Code.CANCELLED)
                    report(messages.PreviewText(path=path, sections=sections))
                return messages.PreviewText(path=path, sections=[], done=True)
            case messages.DrawPage(path=path, page=page, width=asked):
                width, height, png = service.draw_page(path, page, asked, cancelled)
                return messages.PageDrawn(path=path, page=page, width=width, height=height, png=png)
            case messages.LocateText(path=path, page=page, start=start, length=length):
                located = service.locate_text(path, page, start, length)
                return messages.TextLocated(path=path, page=page, boxes=located)
            case messages.ReadPage(path=path, page=page):
                text, words = service.read_page(path, page, cancelled)
                return messages.PageRead(path=path, page=page, text=text, words=words)
            case messages.FindText(path=path, text=text):
                return self._find(path, text, report, cancelled)
            case messages.ListModels():
                return messages.Models(models=service.list_models())
            case messages.InspectModel(path=path):
                return messages.ModelInspected(model=service.inspect_model(path))
            case messages.UseModel(path=path):
                return messages.Models(models=service.use_model(path))
            case messages.ListAdapters():
                return messages.Adapters(adapters=service.list_adapters())
            case messages.InspectAdapter(path=path):
                return messages.AdapterInspected(adapter=service.inspect_adapter(path))
            case messages.UseAdapter(path=path, enabled=enabled, scale=scale, anyway=anyway):
                found = service.use_adapter(path, enabled=enabled, scale=scale, anyway=anyway)
                return messages.Adapters(adapters=found)
            case (
                adapters.AddAdapter()
                | adapters.RemoveAdapter()
                | adapters.PutBackAdapter()
                | adapters.LayAlso()
                | adapters.ProbeAdapter()
            ):
                return service.adapters.answer(request, report, cancelled)
            case messages.ChangeSettings(values=values):
                changed = service.change_settings(values)
                if "library.embedder" in values:
                    self.embed_anew()
                return messages.SettingsChanged(values=changed)
            case messages.Examine():
                return messages.Examined(report=service.examine(), devices=devices(), backends=backends())
            case (
                training.Approve()
                | training.ListApprovals()
                | training.ChangeApproval()
                | training.DeleteApprovals()
                | training.PutBackApprovals()
                | training.ImportApprovals()
                | training.ExportApprovals()
            ):
                return service.approving.answer(request)
            case (
                training.ReadGuide()
                | training.TrainAdapter()
                | training.PauseTraining()
                | training.ListTrainings()
                | training.DiscardTraining()
            ):
                return service.training.answer(request, report, cancelled)
            case (
                shelf.FindModels()
                | shelf.AddModel()
                | shelf.RemoveModel()
                | shelf.PutBackModel()
                | shelf.ListOffers()
                | shelf.DownloadModel()
                | shelf.DiscardDownload()
            ):
                return service.shelf.answer(request, report, cancelled)
            case (
                assistants.ListAssistants()
                | assistants.SaveAssistant()
                | assistants.DeleteAssistant()
                | assistants.ImportAssistant()
                | assistants.ExportAssistant()
                | assistants.CheckFormat()
                | assistants.FillTable()
                | assistants.ReadTable()
                | assistants.ExportTable()
            ):
                return service.assisting.answer(request, report, cancelled)
            case format_report.CheckAdapter() | format_report.ReadReport():
                return service.reporting.answer(request, report, cancelled)
            case messages.Cancel():
                raise AssertionError("taken before it gets a lane")

    def _index(
        self,
        request: messages.IndexDocuments,
        report: Callable[[messages.Event], None],
        cancelled: Callable[[], bool],
    ) -> messages.Event:
        documents = self._service.index(
            request.paths,
            collection=request.collection,
            passwords=request.passwords,
            keep_passwords=request.keep_passwords,
            report=lambda event: self.send(event) if isinstance(event, messages.Noted) else report(event),
            cancelled=cancelled,
        )
        return messages.Indexed(documents=documents, seconds=round(sum(each.seconds for each in documents), 3))

    def _collections(self, request: messages.Request) -> messages.Event:
        collections = self._service.collections
        match request:
            case messages.CreateCollection(name=name):
                collections.create(name)
            case messages.RenameCollection(name=name, new_name=new_name):
                collections.rename(name, new_name)
            case messages.DeleteCollection(name=name):
                collections.delete(name)
            case messages.Collect(name=name, paths=paths):
                collections.collect(name, paths)
            case messages.Uncollect(name=name, paths=paths):
                collections.uncollect(name, paths)
        return messages.Collections(collections=collections.all())

    def _conversations(self, request: messages.Request) -> messages.Event:
        conversations = self._service.conversations
        match request:
            case messages.ListConversations(search=search, deleted=deleted):
                return messages.Conversations(conversations=conversations.all(search, deleted=deleted), search=search)
            case messages.RenameConversation(conversation=number, title=title):
                conversations.rename(number, title)
            case messages.DeleteConversation(conversation=number, forever=forever):
                self._service.talk.delete(number, forever=forever)
            case messages.PutBackConversation(conversation=number):
                conversations.put_back(number)
        return messages.Conversations(conversations=conversations.all())

    def _find(
        self, path: str, text: str, report: Callable[[messages.Event], None], cancelled: Callable[[], bool]
    ) -> messages.Event:
        done = total = 0
        for done, total, matches in self._service.find_text(path, text):
            if cancelled():
                raise DocentError(Code.CANCELLED)
            report(messages.TextFound(path=path, matches=matches, pages_done=done, pages_total=total))
        return messages.TextFound(path=path, matches=[], pages_done=done, pages_total=total, done=True)


def main(home: str | None) -> int:
    """Run the engine on this process's stdin and stdout. Returns the exit status: 0, or 3 for a library in use."""
    write = _own_stdout()
    paths = Paths.resolve(home)
    try:
        paths.create()
        _log_to(paths)
        service = Service(paths)
    except DocentError as problem:
        write(wire.encode(messages.Failed(job=0, code=problem.code, details=problem.details)))
        return 3 if problem.code is Code.LIBRARY_IN_USE else 1
    server = Server(service, write)
    server.send(messages.Ready(protocol=messages.PROTOCOL, version=assistant_app.__version__))
    for note in service.notes:
        server.send(messages.Noted(code=note.code, details=note.details))
    server.follow_library()
    # The first question should not wait for the seconds that importing the embedding model's library takes.
    threading.Thread(target=_warm_up, args=(service,), name="warm-up", daemon=True).start()
    for line in sys.stdin.buffer:
        server.take(line)
    server.end()
    tidy = threading.Thread(target=service.close, name="tidy", daemon=True)
    tidy.start()
    tidy.join(LAST_SECONDS)
    logging.shutdown()
    # Not sys.exit: that would wait for lanes in the middle of a native call.
    os._exit(0)


def _warm_up(service: Service) -> None:
    try:
        service.embedder.load()
        service.mend()
    except DocentError as problem:
        log.error("warming up: %s", problem)  # the job that needs it says so to the person


def _own_stdout() -> Callable[[bytes], None]:
    """A writer to what stdout was; file descriptor 1 now leads to stderr.

    Native libraries print to, and redirect, file descriptor 1 while they load; without this, messages get lost.
    """
    channel = os.dup(1)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(channel, os.O_BINARY)

    def write(data: bytes) -> None:
        try:
            while data:
                data = data[os.write(channel, data) :]
        except OSError:  # the window is gone: stdin closes too, and main() ends
            log.warning("nobody listens any more")

    return write


def _log_to(paths: Paths) -> None:
    """Log to a file of bounded size, and native crashes to one beside it. No text of documents is ever logged."""
    handler = logging.handlers.RotatingFileHandler(
        paths.logs / "engine.log", maxBytes=1_000_000, backupCount=2, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    root = logging.getLogger("docent")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    faulthandler.enable((paths.logs / "engine-crash.log").open("a", encoding="utf-8"))

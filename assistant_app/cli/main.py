"""The command line: a contract that scripts rely on (docs/architecture.md).

Exit status: 0 done, 1 some of it failed (each failure named), 2 wrong usage, 3 the library is in use.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from assistant_app.cli import batch, output, shelves
from assistant_app.cli.command import DONE, IN_USE, SOME_FAILED, WRONG_USAGE, open_service
from assistant_app.cli.parser import parse
from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Answer, Document

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

_BAD_USAGE = {
    Code.QUESTION_EMPTY,
    Code.BATCH_INVALID,
    Code.WHOLE_NEEDS_DOCUMENTS,
    Code.DOWNLOAD_NAME_INVALID,
    Code.DOWNLOAD_UNKNOWN,
    Code.MODEL_SHIPPED,
    Code.MODEL_NOT_ADDED,
}
_NOT_DONE = ("failed", "skipped")


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    try:
        options = parse(arguments)
    except SystemExit as stop:  # argparse's own way to end: 0 after --help, 2 for wrong usage
        return int(stop.code or 0)
    if hasattr(signal, "SIGTERM") and threading.current_thread() is threading.main_thread():
        # A script's time limit, or the end of a session: tidied up as after Ctrl+C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _COMMANDS[options.command](options)
    except DocentError as error:
        output.failure(error, options.json)
        if error.code is Code.LIBRARY_IN_USE:
            return IN_USE
        return WRONG_USAGE if error.code in _BAD_USAGE else SOME_FAILED
    except KeyboardInterrupt:
        output.problem(Code.CANCELLED)
        return SOME_FAILED
    except BrokenPipeError:  # the reader of stdout has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return SOME_FAILED


# ------------------------------------------------------------ the library


def _index(options: argparse.Namespace) -> int:
    progress = output.Progress()
    with open_service(options) as service:
        documents = service.index(
            options.paths, collection=options.collection, passwords=_passwords(options), report=progress
        )
        waits = service.wants_embedding()
    progress.end()
    if waits:
        print("Another embedding model was chosen: docent doctor --repair embeds the library with it.", file=sys.stderr)
    if options.json:
        output.json_line(
            {
                "documents": documents,
                "pages": sum(document.pages for document in documents),
                "passages": sum(document.passages for document in documents),
                "seconds": round(sum(document.seconds for document in documents), 3),
            }
        )
    return SOME_FAILED if _some_failed(options.paths, documents) else DONE


def _passwords(options: argparse.Namespace) -> dict[str, str]:
    if not options.password_stdin:
        return {}
    from assistant_app.documents.files import offered_files

    password = sys.stdin.readline().rstrip("\r\n")
    return {offered.path: password for offered in offered_files(options.paths)}


def _some_failed(paths: Sequence[str], documents: Sequence[Document]) -> bool:
    """Whether a file that was named, not found in a folder, ended failed or skipped; or a folder could not be read."""
    named = {os.path.abspath(os.path.expanduser(path)) for path in paths}
    return any(document.status in _NOT_DONE and document.path in named for document in documents) or any(
        document.reason == Code.FOLDER_UNREADABLE for document in documents
    )


def _documents(options: argparse.Namespace) -> int:
    with open_service(options) as service:
        documents = service.documents()
    output.json_line({"documents": documents}) if options.json else output.documents(documents)
    return DONE


def _remove(options: argparse.Namespace) -> int:
    with open_service(options) as service:
        if options.undo:
            documents = service.put_back(options.paths)
        else:
            documents = service.remove(options.paths, forever=options.forever)
    output.json_line({"documents": documents}) if options.json else output.documents(documents)
    return DONE


def _backup(options: argparse.Namespace) -> int:
    progress = output.Progress()
    with open_service(options) as service:
        written = service.back_up(options.file, with_documents=options.with_documents, report=progress)
    progress.end()
    path = os.path.abspath(os.path.expanduser(options.file))
    if options.json:
        output.json_line({"path": path, **written._asdict()})
    else:
        output.backed_up(path, written.size, written.documents)
    for missing in written.left_out:
        output.problem(Code.FILE_MISSING, {"path": missing})
    return SOME_FAILED if written.left_out else DONE


def _restore(options: argparse.Namespace) -> int:
    progress = output.Progress()
    with open_service(options) as service:
        count, kept = service.restore(options.file, report=progress)
    progress.end()
    if options.json:
        output.json_line({"documents": count, "kept": str(kept)})
    else:
        output.restored(count, str(kept))
    return DONE


# ------------------------------------------------------------ questions


def _search(options: argparse.Namespace) -> int:
    with open_service(options) as service:

        def one(question: str) -> dict[str, object]:
            found = service.search(question, top=options.top, collection=options.collection)
            hits = [output.hit_json(hit) for hit in found.hits]
            return {"question": question, "hits": hits, "milliseconds": found.milliseconds}

        if options.batch:
            return batch.answer_all(options.batch, one)
        if options.json:
            output.json_line(one(options.question))
        else:
            output.hits(service.search(options.question, top=options.top, collection=options.collection).hits)
    return DONE


def _ask(options: argparse.Namespace) -> int:
    progress = output.Progress()
    with open_service(options) as service:
        paths, status = _added(service, options, progress) if options.paths else (None, DONE)

        def one(question: str) -> Answer:
            written = service.ask(
                question,
                paths=paths,
                collection=options.collection,
                model=options.model,
                adapter=options.adapter,
                assistant=options.assistant,
                report=progress,
            )
            progress.end()
            return written.answer

        if options.batch:
            return batch.answer_all(options.batch, lambda question: output.answer_json(one(question))) or status
        answer = one(options.question)
    output.json_line(output.answer_json(answer)) if options.json else output.answer(answer)
    return status


def _summarise(options: argparse.Namespace) -> int:
    from assistant_app.protocol.messages import ReadWhole

    progress = output.Progress()
    with open_service(options) as service:
        _, status = _added(service, options, progress)
        answer = service.talk.read_whole(ReadWhole(paths=options.paths), progress, lambda: False).answer
        progress.end()
    output.json_line(output.answer_json(answer)) if options.json else output.answer(answer)
    return status


def _added(service: Service, options: argparse.Namespace, progress: output.Progress) -> tuple[list[str], int]:
    """Add the files that a question names; the paths of those that can be searched, and the exit status.

    Raises:
        DocentError: why the first of them cannot, where none can.
    """
    documents = service.index(options.paths, report=progress)
    progress.end()
    usable = [document.path for document in documents if document.passages]
    if not usable:
        for document in documents:
            if document.reason is not None:
                raise DocentError(Code(document.reason), **{"path": document.path, **document.details})
        raise DocentError(Code.LIBRARY_EMPTY)
    return usable, SOME_FAILED if _some_failed(options.paths, documents) else DONE


# ------------------------------------------------------------ health


def _doctor(options: argparse.Namespace) -> int:
    with open_service(options) as service:
        report = service.examine(repair=options.repair)
        if options.save:
            service.save_diagnostics(options.save)
    output.json_line(report) if options.json else output.report(report)
    return DONE if report["ok"] else SOME_FAILED


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "index": _index,
    "documents": _documents,
    "remove": _remove,
    "search": _search,
    "ask": _ask,
    "summarise": _summarise,
    "models": shelves.models,
    "adapters": shelves.adapters,
    "doctor": _doctor,
    "backup": _backup,
    "restore": _restore,
}

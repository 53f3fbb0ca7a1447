"""The command line: a contract that scripts rely on (docs/architecture.md).

Exit status: 0 done, 1 some of it failed (each failure named), 2 wrong usage, 3 the library is in use.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import assistant_app
from assistant_app.cli import output
from assistant_app.errors import Code, DocentError
from assistant_app.paths import Paths
from assistant_app.protocol.records import Answer, Document

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

DONE, SOME_FAILED, WRONG_USAGE, IN_USE = 0, 1, 2, 3

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


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(
        prog="docent",
        description="Ask your documents. Without a command, opens the window.",
        allow_abbrev=False,
    )
    parser.add_argument("--home", metavar="DIR", help="keep everything in DIR instead of the platform's folders")
    parser.add_argument("--version", action="version", version=f"docent {assistant_app.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words, allow_abbrev=False)
        made.set_defaults(run=run)
        made.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
        return made

    made = command("index", _index, "Add files or folders to the library.")
    made.add_argument("paths", nargs="+", metavar="PATH")
    made.add_argument("--collection", metavar="NAME", help="put them into this collection too")
    made.add_argument("--password-stdin", action="store_true", help="read the password of protected files from stdin")

    command("documents", _documents, "List every document with its status and reason.")

    made = command("remove", _remove, "Take documents out of the library; the files stay.")
    made.add_argument("paths", nargs="+", metavar="PATH")
    made.add_argument("--undo", action="store_true", help="put back what was removed in the last day")
    made.add_argument("--forever", action="store_true", help="so that it cannot be put back")

    made = command("search", _search, "Find passages.")
    made.add_argument("question", nargs="?", metavar="QUESTION")
    made.add_argument("--top", type=_count, default=10, metavar="N", help="how many passages (10)")
    made.add_argument("--collection", metavar="NAME", help="look only in this collection")
    made.add_argument("--batch", metavar="FILE", help="questions from a file of JSON lines, - for stdin")

    made = command("ask", _ask, "Answer a question from the documents, with citations.")
    made.add_argument("question", nargs="?", metavar="QUESTION")
    made.add_argument("paths", nargs="*", metavar="PATH", help="add these and look only there")
    made.add_argument("--collection", metavar="NAME", help="look only in this collection")
    made.add_argument("--model", metavar="FILE", help="answer with this GGUF file")
    made.add_argument("--adapter", metavar="NAME|FILE|none", help="answer with this LoRA adapter, or with none")
    made.add_argument("--assistant", metavar="NAME", default="", help="as this assistant wants it")
    made.add_argument("--batch", metavar="FILE", help="questions from a file of JSON lines, - for stdin")

    made = command("summarise", _summarise, "Summarise a document from all of its passages, or compare two.")
    made.add_argument("paths", nargs="+", metavar="PATH", help="one document to summarise, two to compare")

    for name, run, words in (
        ("models", _models, "List models, also those of other programs; show, add, choose, download or remove one."),
        (
            "adapters",
            _adapters,
            "List adapters, show, choose, add, remove, check or train one.",
        ),
    ):
        made = command(name, run, words)
        more = ("also", "add", "remove", "check", "train") if name == "adapters" else ("add", "download", "remove")
        verbs = ("list", "info", "use", *more)
        made.add_argument("verb", choices=verbs)
        made.add_argument("name", nargs="?", metavar="NAME|FILE", help="starter: the model that comes with Docent")
        if name == "adapters":
            _add_shelf(made)
            _add_check(made)
            _add_training(made)
        else:
            _add_download(made)
            _add_removal(made)

    made = command("doctor", _doctor, "Versions, devices, offline state, integrity of the library.")
    made.add_argument("--repair", action="store_true", help="make the vectors agree with the catalogue")
    made.add_argument("--save", metavar="FILE", help="write a file for a bug report: no text, no names of documents")

    made = command("backup", _backup, "Write the whole library to one file.")
    made.add_argument("file", metavar="FILE")
    made.add_argument("--with-documents", action="store_true", help="put the documents themselves into it too")

    made = command("restore", _restore, "Put a backup in the place of the library, which is kept beside.")
    made.add_argument("file", metavar="FILE")
    return parser


def _add_download(made: argparse.ArgumentParser) -> None:
    made.add_argument("file", nargs="?", metavar="FILE", help="download: the file in a repository of the hub")
    group = made.add_argument_group(
        "download",
        "download NAME fetches a model of the list that download alone prints, download OWNER/NAME FILE any other. "
        "Stopped or cut off, the same command goes on with it.",
    )
    group.add_argument("--from", dest="hub", metavar="ADDRESS", default="", help="a mirror of the hub, for this time")
    group.add_argument("--discard", action="store_true", help="throw away what was downloaded of it")


def _add_removal(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group(
        "remove",
        "remove NAME|FILE takes a model that was added off the list, and its file stays; one that was downloaded goes "
        "with its file.",
    )
    group.add_argument("--undo", action="store_true", help="put back what was removed in the last day")
    group.add_argument("--forever", action="store_true", help="so that it cannot be put back")


def _add_shelf(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group(
        "use, also, add, remove",
        "also NAME --scale X lays a further adapter (0 takes it away); add FILE|FOLDER copies a GGUF, or converts a "
        "PEFT folder for the model in use; remove NAME --undo puts it back within a day.",
    )
    group.add_argument("--scale", type=_scale, metavar="X", help="how strongly it acts, from 0 to 4 (1: as trained)")
    group.add_argument("--anyway", action="store_true", help="also where it was trained on another model")
    group.add_argument("--undo", action="store_true", help="put back what was removed in the last day")


def _add_check(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group(
        "check",
        "asks the same questions with instructions only, with a grammar, with the adapter and with both, and says "
        "which is worth it. Without a file: approved answers, earlier questions, headings of the documents.",
    )
    group.add_argument("--questions", type=_count, default=20, metavar="N", help="how many at most (20)")
    group.add_argument("--batch", metavar="FILE", help="questions from a file of JSON lines, - for stdin")
    group.add_argument("--assistant", metavar="NAME", default="", help="in its format, with its instructions")
    group.add_argument("--save", metavar="FILE", help="write the report as Markdown, or as JSON where FILE ends so")


def _add_training(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("train")
    group.add_argument("--data", metavar="FILE", help="examples, JSON lines: Docent's own, OpenAI's chat shape, ChatML")
    group.add_argument("--base", metavar="FILE", help="the GGUF to train on (the model that answers)")
    group.add_argument(
        "--weights", metavar="DIR", default="", help="the same model as safetensors, instead of the GGUF"
    )
    group.add_argument("--name", dest="called", metavar="N", help="of the adapter (the data file's)")
    group.add_argument("--start-from", metavar="NAME|FILE", help="go on from this adapter")
    group.add_argument("--epochs", type=_count, default=3, metavar="N", help="how often each example is seen (3)")
    group.add_argument("--held-out", type=_share, default=0.1, metavar="X", help="share to measure with (0.1)")
    for name, words in (
        ("about", "what the adapter is for"),
        ("data-source", "what the examples are made of"),
        ("data-licence", "the licences of that"),
        ("licence", "the adapter's own"),
    ):
        group.add_argument(f"--{name}", metavar="TEXT", default="", help=f"for the card: {words}")


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
        _check(parser, options)
    except SystemExit as stop:  # argparse's own way to end: 0 after --help, 2 for wrong usage
        return int(stop.code or 0)
    if hasattr(signal, "SIGTERM") and threading.current_thread() is threading.main_thread():
        # A script's time limit, or the end of a session: tidied up as after Ctrl+C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
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


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.command in ("search", "ask") and (options.question is None) == (options.batch is None):
        if options.command == "ask" and options.batch and options.question:
            # `ask --batch FILE PATH...`: the first positional is a path, not a question.
            options.paths, options.question = [options.question, *options.paths], None
            return
        parser.error("give a question, or --batch FILE")
    if options.command == "summarise" and len(options.paths) > 2:
        parser.error("give one document, or two to compare")
    if options.command in ("remove", "models") and options.undo and options.forever:
        parser.error("--undo and --forever contradict each other")
    if options.command in ("models", "adapters") and options.verb == "use" and options.name is None:
        parser.error(f"name the one to use: docent {options.command} use NAME|FILE")
    if options.command == "models" and options.verb == "download" and options.discard and options.name is None:
        parser.error("name the download to throw away: docent models download NAME --discard")
    if options.command == "models" and options.verb == "add" and options.name is None:
        parser.error("name the file: docent models add FILE")
    if options.command == "models" and options.verb == "remove" and options.name is None:
        parser.error("name the model: docent models remove NAME|FILE")
    if options.command == "adapters" and options.verb in ("also", "add", "remove") and options.name is None:
        parser.error(f"name it: docent adapters {options.verb} NAME|FILE")
    if options.command == "adapters" and options.verb == "train" and options.data is None:
        parser.error("name the examples: docent adapters train --data FILE")


def _scale(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 4:
        raise argparse.ArgumentTypeError("must be from 0 to 4")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 0.5:
        raise argparse.ArgumentTypeError("must be from 0 to 0.5")
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError("must be from 1 to 1000")
    return number


def _open(options: argparse.Namespace) -> Service:
    from assistant_app.engine.service import Service

    service = Service(Paths.resolve(options.home))
    for problem in (*service.settings.problems, *service.notes):
        output.problem(problem.code, problem.details)
    return service


# ------------------------------------------------------------ the library


def _index(options: argparse.Namespace) -> int:
    progress = output.Progress()
    with _open(options) as service:
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
    with _open(options) as service:
        documents = service.documents()
    output.json_line({"documents": documents}) if options.json else output.documents(documents)
    return DONE


def _remove(options: argparse.Namespace) -> int:
    with _open(options) as service:
        if options.undo:
            documents = service.put_back(options.paths)
        else:
            documents = service.remove(options.paths, forever=options.forever)
    output.json_line({"documents": documents}) if options.json else output.documents(documents)
    return DONE


def _backup(options: argparse.Namespace) -> int:
    progress = output.Progress()
    with _open(options) as service:
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
    with _open(options) as service:
        count, kept = service.restore(options.file, report=progress)
    progress.end()
    if options.json:
        output.json_line({"documents": count, "kept": str(kept)})
    else:
        output.restored(count, str(kept))
    return DONE


# ------------------------------------------------------------ questions


def _search(options: argparse.Namespace) -> int:
    with _open(options) as service:

        def one(question: str) -> dict[str, object]:
            found = service.search(question, top=options.top, collection=options.collection)
            hits = [output.hit_json(hit) for hit in found.hits]
            return {"question": question, "hits": hits, "milliseconds": found.milliseconds}

        if options.batch:
            return _batch(options.batch, one)
        if options.json:
            output.json_line(one(options.question))
        else:
            output.hits(service.search(options.question, top=options.top, collection=options.collection).hits)
    return DONE


def _ask(options: argparse.Namespace) -> int:
    progress = output.Progress()
    with _open(options) as service:
        paths = _added(service, options, progress) if options.paths else None

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
            return _batch(options.batch, lambda question: output.answer_json(one(question)))
        answer = one(options.question)
    output.json_line(output.answer_json(answer)) if options.json else output.answer(answer)
    return DONE


def _summarise(options: argparse.Namespace) -> int:
    from assistant_app.protocol.messages import ReadWhole

    progress = output.Progress()
    with _open(options) as service:
        _added(service, options, progress)
        answer = service.talk.read_whole(ReadWhole(paths=options.paths), progress, lambda: False).answer
        progress.end()
    output.json_line(output.answer_json(answer)) if options.json else output.answer(answer)
    return DONE


def _added(service: Service, options: argparse.Namespace, progress: output.Progress) -> list[str]:
    """Add the files that a question names; the paths of those that can be searched.

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
    return usable


def _batch(file: str, one: Callable[[str], dict[str, object]]) -> int:
    """Answer every line of a batch file with a line of the same id; a line that fails says why."""
    status = DONE
    for number, line in _lines(file):
        identity: object = None
        try:
            entry = msgspec.json.decode(line)
            if not isinstance(entry, dict) or "id" not in entry or not isinstance(entry.get("question"), str):
                raise DocentError(Code.BATCH_INVALID, line=number)
            identity = entry["id"]
            output.json_line({"id": identity, **one(entry["question"])})
        except (DocentError, msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = error if isinstance(error, DocentError) else DocentError(Code.BATCH_INVALID, line=number)
            output.problem(reason.code, reason.details)
            output.json_line({"id": identity, "error": reason.code.value, "details": reason.details})
            status = SOME_FAILED
    return status


def _questions(file: str) -> Iterator[str]:
    """The questions of a batch file. Raises ``batch_invalid`` with the line's number."""
    for number, line in _lines(file):
        try:
            yield str(msgspec.json.decode(line)["question"])
        except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError) as error:
            raise DocentError(Code.BATCH_INVALID, line=number) from error


def _lines(file: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that hold anything, with their numbers.

    Raises:
        DocentError: ``file_missing`` or ``file_unreadable``.
    """
    try:
        stream = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115  # closed by the with below
    except FileNotFoundError:
        raise DocentError(Code.FILE_MISSING, path=file) from None
    except OSError as error:
        raise DocentError(Code.FILE_UNREADABLE, path=file) from error
    with stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, line


# ------------------------------------------------------------ models, adapters, health


def _models(options: argparse.Namespace) -> int:
    with _open(options) as service:
        if options.verb == "use":
            if os.path.isfile(options.name):
                service.shelf.add(options.name)  # so that it stays in the list when another one is chosen
            found = service.use_model(options.name)
        elif options.verb == "info":
            found = [service.inspect_model(options.name or service.models.chosen_path())]
        elif options.verb == "add":
            found = [service.shelf.add(options.name)]
        elif options.verb == "remove" and options.undo:
            found = [service.inspect_model(service.shelf.put_back(options.name))]
        elif options.verb == "remove":
            output.removed_model(service.shelf.remove(options.name, forever=options.forever))
            found = service.list_models()
        elif options.verb == "download":
            return _download(service, options)
        else:
            found = [*service.list_models(), *service.shelf.found()]
    output.json_line({"models": found}) if options.json else output.models(found)
    return DONE


def _download(service: Service, options: argparse.Namespace) -> int:
    shelf = service.shelf
    if options.name is None or options.discard:
        if options.discard:
            shelf.discard(*_on_hub(service, options))
        offers, begun = shelf.offers(), shelf.downloads()
        output.json_line({"offers": offers, "downloads": begun}) if options.json else output.offers(offers, begun)
        return DONE
    progress = output.Progress()
    try:
        model = shelf.download(*_on_hub(service, options), options.hub, progress)
    finally:
        progress.end()
    output.json_line({"models": [model]}) if options.json else output.models([model])
    return DONE


def _on_hub(service: Service, options: argparse.Namespace) -> tuple[str, str]:
    """Repository and file of the model to download: as given, or of the one offered under that name."""
    return (options.name, options.file) if options.file else service.shelf.find_offer(options.name)


def _adapters(options: argparse.Namespace) -> int:
    if options.verb == "train":
        return _train(options)
    if options.verb == "check":
        return _check_adapter(options)
    progress = output.Progress()
    with _open(options) as service:
        shelf = service.adapters
        if options.verb == "use":
            found = service.use_adapter(options.name, scale=options.scale, anyway=options.anyway)
        elif options.verb == "also":
            scale = 1.0 if options.scale is None else options.scale
            found = shelf.lay_also(options.name, scale, anyway=options.anyway)
        elif options.verb == "add":
            found = [service.inspect_adapter(shelf.add(options.name))]
        elif options.verb == "remove" and options.undo:
            found = [service.inspect_adapter(shelf.put_back(options.name))]
        elif options.verb == "remove":
            shelf.remove(options.name)
            found = service.list_adapters()
        elif options.verb == "info" and options.name:
            found = [service.inspect_adapter(options.name)]
            if found[0].fits:
                found = [shelf.try_out(options.name, progress)]
        else:
            found = service.list_adapters()
            if options.verb == "info":
                found = [adapter for adapter in found if adapter.in_use]
    progress.end()
    output.json_line({"adapters": found}) if options.json else output.adapters(found, options.verb == "info")
    return DONE


def _check_adapter(options: argparse.Namespace) -> int:
    from assistant_app.protocol.report import CheckAdapter

    progress = output.Progress()
    with _open(options) as service:
        adapter = options.name or service.models.chosen_adapter()
        if adapter is None:
            raise DocentError(Code.ADAPTER_MISSING, path="none")
        questions = list(_questions(options.batch)) if options.batch else []
        request = CheckAdapter(
            adapter=adapter, assistant=options.assistant, count=options.questions, questions=questions
        )
        made = service.reporting.check(request, progress, lambda: False)
    progress.end()
    if options.save:
        output.save_report(options.save, made)
    output.json_line({"adapters": [made]}) if options.json else output.format_report(made)
    return DONE


def _train(options: argparse.Namespace) -> int:
    from assistant_app.engine.training_verbs import Data
    from assistant_app.training.dataset import read_examples
    from assistant_app.training.lora import Settings

    progress = output.Progress()
    with _open(options) as service:
        path, card = service.training.train(
            options.called or options.name or Path(options.data).stem,
            read_examples(options.data),
            settings=Settings(epochs=options.epochs, held_out=options.held_out),
            base=service.find_model(options.base) if options.base else None,
            weights=options.weights,
            start_from=service.find_adapter(options.start_from) if options.start_from else "",
            data=Data(options.about, options.data_source, options.data_licence, options.licence),
            report=progress,
        )
        progress.end()
        made = service.inspect_adapter(path)
    output.json_line({"adapters": [made]}) if options.json else output.trained(path, card)
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    with _open(options) as service:
        report = service.examine(repair=options.repair)
        if options.save:
            service.save_diagnostics(options.save)
    output.json_line(report) if options.json else output.report(report)
    return DONE if report["ok"] else SOME_FAILED

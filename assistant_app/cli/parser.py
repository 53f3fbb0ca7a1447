"""What can be typed: every command with its arguments, and which of them go together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import assistant_app


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options.

    Raises:
        SystemExit: after ``--help`` (0), and on wrong usage (2), when argparse has said what is wrong.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="docent",
        description="Ask your documents. Without a command, opens the window.",
        allow_abbrev=False,
    )
    parser.add_argument("--home", metavar="DIR", help="keep everything in DIR instead of the platform's folders")
    parser.add_argument("--version", action="version", version=f"docent {assistant_app.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words, allow_abbrev=False)
        made.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
        return made

    made = command("index", "Add files or folders to the library.")
    made.add_argument("paths", nargs="+", metavar="PATH")
    made.add_argument("--collection", metavar="NAME", help="put them into this collection too")
    made.add_argument("--password-stdin", action="store_true", help="read the password of protected files from stdin")

    command("documents", "List every document with its status and reason.")

    made = command("remove", "Take documents out of the library; the files stay.")
    made.add_argument("paths", nargs="+", metavar="PATH")
    made.add_argument("--undo", action="store_true", help="put back what was removed in the last day")
    made.add_argument("--forever", action="store_true", help="so that it cannot be put back")

    made = command("search", "Find passages.")
    made.add_argument("question", nargs="?", metavar="QUESTION")
    made.add_argument("--top", type=_count, default=10, metavar="N", help="how many passages (10)")
    made.add_argument("--collection", metavar="NAME", help="look only in this collection")
    made.add_argument("--batch", metavar="FILE", help="questions from a file of JSON lines, - for stdin")

    made = command("ask", "Answer a question from the documents, with citations.")
    made.add_argument("question", nargs="?", metavar="QUESTION")
    made.add_argument("paths", nargs="*", metavar="PATH", help="add these and look only there")
    made.add_argument("--collection", metavar="NAME", help="look only in this collection")
    made.add_argument("--model", metavar="FILE", help="answer with this GGUF file")
    made.add_argument("--adapter", metavar="NAME|FILE|none", help="answer with this LoRA adapter, or with none")
    made.add_argument("--assistant", metavar="NAME", default="", help="as this assistant wants it")
    made.add_argument("--batch", metavar="FILE", help="questions from a file of JSON lines, - for stdin")

    made = command("summarise", "Summarise a document from all of its passages, or compare two.")
    made.add_argument("paths", nargs="+", metavar="PATH", help="one document to summarise, two to compare")

    for name, words in (
        ("models", "List models, also those of other programs; show, add, choose, download or remove one."),
        ("adapters", "List adapters, show, choose, add, remove, check or train one."),
    ):
        made = command(name, words)
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

    made = command("doctor", "Versions, devices, offline state, integrity of the library.")
    made.add_argument("--repair", action="store_true", help="make the vectors agree with the catalogue")
    made.add_argument("--save", metavar="FILE", help="write a file for a bug report: no text, no names of documents")

    made = command("backup", "Write the whole library to one file.")
    made.add_argument("file", metavar="FILE")
    made.add_argument("--with-documents", action="store_true", help="put the documents themselves into it too")

    made = command("restore", "Put a backup in the place of the library, which is kept beside.")
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
    missing = _missing(options)
    if missing:
        parser.error(missing)


def _missing(options: argparse.Namespace) -> str:
    """What has to be named besides the verb of a shelf; "" where it is."""
    verb = f"{options.command} {getattr(options, 'verb', '')}"
    if verb == "adapters train":
        return "" if options.data else "name the examples: docent adapters train --data FILE"
    if verb == "models download" and not options.discard:
        return ""
    words = {
        "models use": "name the one to use: docent models use NAME|FILE",
        "models add": "name the file: docent models add FILE",
        "models remove": "name the model: docent models remove NAME|FILE",
        "models download": "name the download to throw away: docent models download NAME --discard",
        "adapters use": "name the one to use: docent adapters use NAME|FILE",
        "adapters also": "name it: docent adapters also NAME|FILE",
        "adapters add": "name it: docent adapters add FILE|FOLDER",
        "adapters remove": "name it: docent adapters remove NAME|FILE",
    }
    return words.get(verb, "") if getattr(options, "name", None) is None else ""


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

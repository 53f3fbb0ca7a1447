"""What the command line prints: one JSON object on stdout, or words; progress and problems always go to stderr."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import msgspec

from assistant_app.errors import Code, Detail, DocentError
from assistant_app.protocol.messages import (
    BackupProgress,
    DocumentDone,
    Event,
    IndexProgress,
    ModelLoading,
    Noted,
    WholeProgress,
)
from assistant_app.protocol.records import Adapter, AdapterCard, Answer, Backend, Document, Hit, Model
from assistant_app.protocol.report import FormatReport, ReportProgress
from assistant_app.protocol.shelf import Download, DownloadProgress, Offer
from assistant_app.protocol.training import Training, TrainingProgress
from assistant_app.words import WAYS, advice, backend_sentence, report_as_markdown, sentence

if TYPE_CHECKING:
    from assistant_app.engine.model_verbs import Gone

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""In the name of a file they would command the terminal."""
_UNUSUAL = ("searched", "general", "exact", "server", "problem", "values", "assistant")
_FIGURES = {
    "valid": "in the format",
    "f1": "token F1",
    "exact": "exact match",
    "cited": "right source cited",
    "refused": "unanswerable refused",
    "wrongly_refused": "answerable refused",
    "seconds": "seconds an answer",
}
_WINDOW_ONLY = ("heading", "table_header", "section")


def json_line(value: object) -> None:
    """Print ``value`` (records and plain values) as one line of JSON."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def hit_json(hit: Hit) -> dict[str, object]:
    """A hit as the contract has it, without what only the window needs."""
    return {key: value for key, value in msgspec.structs.asdict(hit).items() if key not in _WINDOW_ONLY}


def answer_json(given: Answer) -> dict[str, object]:
    """An answer as the contract has it; what it says beyond that stands there only where it is not as usual."""
    made = msgspec.structs.asdict(given)
    for name in _UNUSUAL:
        if not made[name]:
            del made[name]
    if [each.scale for each in given.adapters] in ([], [1.0]):
        del made["adapters"]
    if given.format == "text":
        del made["format"], made["valid"]
    for name in ("nearest", "left_out"):
        made[name] = [hit_json(hit) for hit in made[name]]
    made["citations"] = [msgspec.structs.asdict(citation) for citation in given.citations]
    for citation in made["citations"]:
        del citation["page_label"]
    return made


def words(text: str = "") -> None:
    """Print ``text`` for people; what their terminal cannot show is replaced."""
    encoding = sys.stdout.encoding or "utf-8"
    text = _CONTROLS.sub("\ufffd", text)
    print(text.encode(encoding, "replace").decode(encoding))


def problem(code: str, details: Mapping[str, Detail] | None = None) -> None:
    """Print an error's sentence to stderr."""
    _aside(sentence(code, details))


def _aside(text: str) -> None:
    encoding = sys.stderr.encoding or "utf-8"
    print(_CONTROLS.sub("\ufffd", text).encode(encoding, "replace").decode(encoding), file=sys.stderr)


def failure(error: DocentError, as_json: bool) -> None:
    """Say why a command failed: the sentence to stderr and, for scripts, the code to stdout."""
    problem(error.code, error.details)
    if as_json:
        json_line({"error": error.code.value, "details": error.details})


class Progress:
    """Progress on stderr: one line that is written over on a terminal, otherwise one line a file."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._width = 0
        self._phase = ("", 0)

    def __call__(self, event: Event) -> None:
        if isinstance(event, IndexProgress) and self._live:
            self._over(_indexing(event))
        elif isinstance(event, ModelLoading) and self._live:
            self._over(f"Loading {event.name} {event.fraction:.0%}")
        elif isinstance(event, WholeProgress) and self._live:
            left = "" if event.seconds_left is None else f", {event.seconds_left:.0f} s left"
            self._over(f"Step {event.done + 1} of {event.steps}{left}" if event.done < event.steps else "")
        elif isinstance(event, TrainingProgress):
            self._training(event.training)
        elif isinstance(event, ReportProgress) and self._live:
            left = "" if event.seconds_left is None else f", {event.seconds_left:.0f} s left"
            self._over(f"{WAYS[event.way]}: {event.done} of {event.total}{left}")
        elif isinstance(event, DownloadProgress):
            self._download(event.download)
        elif isinstance(event, BackupProgress) and self._live:
            self._over(f"{event.done / 1e6:.0f} of {event.total / 1e6:.0f} MB")
        elif isinstance(event, Noted):
            self._over("")
            problem(event.code, event.details)
        elif isinstance(event, DocumentDone):
            self._over("")
            document = event.document
            name = PurePath(document.path).name
            line = f"{document.status}: {name}, {_many(document.pages, 'page')}, {_many(document.passages, 'passage')}"
            print(line if document.reason is None else f"{document.status}: ", end="", file=sys.stderr)
            if document.reason is None:
                print(file=sys.stderr)
            else:
                problem(document.reason, {"path": document.path, **document.details})

    def _download(self, download: Download) -> None:
        """On a terminal one line, else one for every tenth."""
        line = f"{download.done / 1e6:.0f} of {download.total / 1e6:.0f} MB"
        if download.checking:
            line = f"comparing the checksum, {line}"
        elif download.seconds_left is not None and download.bytes_per_second is not None:
            line += f", {download.bytes_per_second / 1e6:.1f} MB/s, {download.seconds_left:.0f} s left"
        mark = (str(download.checking), download.done * 10 // max(download.total, 1))
        if self._live:
            self._over(line)
        elif mark != self._phase:
            print(line, file=sys.stderr, flush=True)
        self._phase = mark

    def _training(self, training: Training) -> None:
        """On a terminal a line for each step, else one for each phase and every tenth of the steps."""
        loss = "" if training.loss is None else f", loss {training.loss:.2f}"
        left = "" if training.seconds_left is None else f", {training.seconds_left:.0f} s left"
        line = f"{training.state} {training.step} of {training.steps}{loss}{left}" if training.steps else training.state
        mark = (training.state, training.step * 10 // max(training.steps, 1))
        if self._live:
            self._over(line)
        elif mark != self._phase:
            print(line, file=sys.stderr, flush=True)
        self._phase = mark

    def end(self) -> None:
        """Clear the line."""
        self._over("")

    def _over(self, line: str) -> None:
        if self._live:
            print(f"\r{line:<{self._width}}", end="\r" if not line else "", file=sys.stderr, flush=True)
            self._width = len(line)


def _indexing(event: IndexProgress) -> str:
    parts = [f"{event.files_done + 1} of {event.files_total}: {event.stage} {PurePath(event.path).name}"]
    if event.pages_total:
        parts.append(f"page {event.pages_done} of {event.pages_total}")
    if event.pages_per_second:
        parts.append(f"{event.pages_per_second:.0f} pages/s")
    if event.seconds_left is not None:
        parts.append(f"{event.seconds_left:.0f} s left")
    return ", ".join(parts)[:110]


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def documents(found: Sequence[Document]) -> None:
    """A table of documents, with the reason of each that is not whole."""
    for document in found:
        words(f"{document.status:<9} {document.pages:>5} pages  {document.path}")
        if document.reason is not None:
            words(f"{'':<9} {sentence(document.reason, {'path': document.path, **document.details})}")
    words(_many(len(found), "document"))


def backed_up(path: str, size: int, count: int) -> None:
    """Where a backup is, and what it holds."""
    words(f"{_many(count, 'document')}, {size / 1e6:.1f} MB: {path}")


def restored(count: int, kept: str) -> None:
    """What the library holds now, and where the one before it is."""
    words(f"{_many(count, 'document')} restored. The library that was there is kept in {kept}")


def hits(found: Sequence[Hit]) -> None:
    """Ranked passages with where they stand."""
    if not found:
        words("Nothing was found.")
    for hit in found:
        words(f"{hit.rank}. {PurePath(hit.path).name}{_place(hit.page, hit.page_label)}")
        words(f"   {' '.join(hit.text.split())}")


def _place(page: int | None, label: str) -> str:
    """Where in a document: the page, or the heading where its kind has no pages."""
    if page is None:
        return f", {label}" if label else ""
    return f", page {label or page}"


def answer(given: Answer) -> None:
    """An answer with its citations."""
    words(given.answer)
    words()
    for citation in given.citations:
        mark = "verified" if citation.verified else "not verified"
        found = "" if citation.given_by == "model" else ", found by search"
        place = _place(citation.page, str(citation.page or citation.page_label))
        words(f"[{citation.number}] {PurePath(citation.path).name}{place} ({mark}{found})")
        words(f"    “{' '.join(citation.quote.split())}”")
    for unsupported in given.unsupported:
        words(f"No quote supports: {unsupported}")
    if given.nearest:
        words("Nearest passages:")
        hits(given.nearest)


def models(found: Sequence[Model]) -> None:
    """Models, the one in use marked."""
    for model in found:
        words(f"{'*' if model.in_use else ' '} {model.name}{' (starter)' if model.starter else ''}")
        words(
            f"    {model.architecture}, {model.quantisation}, context {model.context_length}, "
            f"{model.size / 1e6:.0f} MB, about {model.memory_bytes / 2**30:.1f} GiB of memory"
            f"{'' if model.fits else ': more than this computer has'}"
        )
        words(f"    {f'{model.place}: ' if model.place else ''}{model.path}")


def removed_model(gone: Gone) -> None:
    """What became of a model that was removed, for people: to stderr."""
    said = [f"Removed: {gone.name}."]
    if gone.size and gone.path:
        said.append(f"Its {gone.size / 1e6:.0f} MB are deleted in a day; until then --undo puts it back.")
    elif gone.size:
        said.append(f"Its {gone.size / 1e6:.0f} MB are deleted.")
    elif gone.path:
        said.append("Its file stays where it is.")
    if gone.replaced:
        said.append("It was in use: the starter model takes its place.")
    _aside(" ".join(said))


def offers(found: Sequence[Offer], begun: Sequence[Download]) -> None:
    """What can be downloaded, the one for this computer marked, and what was begun."""
    for offer in found:
        state = ", downloaded" if offer.installed else "" if offer.fits else ", more than this computer has"
        words(f"{'*' if offer.recommended else ' '} {offer.key}: {offer.name}, {offer.licence}")
        words(f"    {offer.size / 1e9:.1f} GB, for computers with {offer.memory_gib} GiB of memory{state}")
        words(f"    {offer.about}")
    for download in begun:
        words(f"Begun: {download.repo} {download.file}, {download.done / 1e6:.0f} of {download.total / 1e6:.0f} MB")


def adapters(found: Sequence[Adapter], whole: bool = False) -> None:
    """Adapters, those in use marked; ``whole``: with everything on their cards."""
    for adapter in found:
        fits = {True: "fits the model", False: "does not fit the model", None: ""}[adapter.fits]
        mark = "*" if adapter.in_use else "+" if adapter.also is not None else " "
        scale = "" if adapter.also is None else f", with scale {adapter.also:g} besides the one in use"
        words(f"{mark} {adapter.name}: rank {adapter.rank}, alpha {adapter.alpha:g}, {fits}{scale}")
        words(f"    {adapter.path}")
        for name, value in _card(adapter) if whole else ():
            words(f"    {name}: {value}")
    if not found:
        words("No adapters.")


def _card(adapter: Adapter) -> list[tuple[str, str]]:
    """What is known of an adapter besides its header; what is not known is left out."""
    acts = "not tried over this model"
    if adapter.probe is not None:
        acts = f"its scores differ by up to {adapter.probe.difference} from the base's"
        if adapter.probe.difference is None:
            acts = "no: with it the model computes no numbers any more, so the file is damaged"
        elif not adapter.probe.acts:
            acts = "no: it changes nothing"
    facts = [("acts", acts)]
    card = adapter.card
    if card is not None:
        same = {True: ", the model in use", False: ", not the model in use", None: ""}[adapter.same_base]
        facts += [
            ("version", str(card.version)),
            ("for", card.about),
            ("base", f"{card.base_name}{f' ({card.base_hash[:12]}…)' if card.base_hash else ''}{same}"),
            ("format", card.format),
            ("worth", _worth(card)),
            ("licence", card.licence),
            ("from", card.source),
        ]
    return [(name, value) for name, value in facts if value]


def _worth(card: AdapterCard) -> str:
    if not card.adapter.examples:
        return "not measured"
    figures = (
        f"{label} {_figure(getattr(card.base, name))} → {_figure(getattr(card.adapter, name))}"
        for name, label in _FIGURES.items()
    )
    return f"{'beats' if card.better else 'does not beat'} the base; {', '.join(figures)}"


def trained(path: str, card: AdapterCard) -> None:
    """A new adapter: its figures beside the base's, and whether it earned its place."""
    words(f"{path}")
    words(f"{card.examples} examples learnt, {card.held_out} held out, {card.adapter.examples} of them measured:")
    words(f"{'':<28}{'base':>10}{'adapter':>10}")
    for name, label in _FIGURES.items():
        base, adapter = (_figure(getattr(figures, name)) for figures in (card.base, card.adapter))
        words(f"{label:<28}{base:>10}{adapter:>10}")
    verdict = "It beats the base model." if card.better else "It does not beat the base model: do without it."
    words(f"Agreement of the exported file with the trained one {_figure(card.agreement)}. {verdict}")


def format_report(made: FormatReport) -> None:
    """A format report for people: a bar for each way, and what is advised."""
    for way in made.ways:
        share = way.valid / max(way.asked, 1)
        bar = "".join("#" if (n + 0.5) / 20 <= share else "." for n in range(20))
        agreement = "" if way.agreement is None else f", agreement {way.agreement:.2f} ({way.compared})"
        words(
            f"{WAYS[way.way]:<18} {bar} {way.valid} of {way.asked} valid ({way.low:.2f} to {way.high:.2f}){agreement}, "
            f"{way.tokens:.0f} tokens, {way.seconds:.1f} s"
        )
    words(advice(made))


def save_report(file: str, made: FormatReport) -> None:
    """Write a report as Markdown, or as JSON where the file's name ends so.

    Raises:
        DocentError: ``file_unwritable``.
    """
    path = Path(file).expanduser()
    is_json = path.suffix.lower() == ".json"
    content = msgspec.json.format(msgspec.json.encode(made), indent=1).decode() if is_json else report_as_markdown(made)
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise DocentError(Code.FILE_UNWRITABLE, path=str(path)) from error


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def report(value: object, indent: int = 0) -> None:
    """A nested object as indented words."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key == "backends":
                words(f"{'  ' * indent}{key}:")
                for each in msgspec.convert(entry, list[Backend]):
                    said = backend_sentence(each.name, each.why, each.devices, each.install)
                    words(f"{'  ' * (indent + 1)}- {said}")
            elif isinstance(entry, (Mapping, list)) and entry:
                words(f"{'  ' * indent}{key}:")
                report(entry, indent + 1)
            else:
                words(f"{'  ' * indent}{key}: {'none' if entry in (None, [], {}) else entry}")
    elif isinstance(value, list):
        for entry in value:
            if isinstance(entry, Mapping):
                words(f"{'  ' * indent}- " + ", ".join(f"{key} {item}" for key, item in entry.items()))
            else:
                words(f"{'  ' * indent}- {entry}")

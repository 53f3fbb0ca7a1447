"""An adapter in words: what it does, what it was trained on, where it came from."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QLocale

from assistant_app.gui import approval_words, training_words
from assistant_app.gui.settings_page import bytes_text, number_text
from assistant_app.protocol.records import Adapter, AdapterCard, Answer, AnswerAdapter


def _tr(words: str) -> str:
    return QCoreApplication.translate("adapter", words)


def line(adapter: Adapter) -> str:
    """What stands below its name in a list."""
    card = adapter.card
    version = _tr("version {number}").format(number=card.version) if card is not None else ""
    rank = _tr("rank {rank}").format(rank=adapter.rank)
    fit = _tr("does not fit the model") if adapter.fits is False else ""
    worth = _tr("does not beat the base") if card is not None and is_measured(card) and not card.better else ""
    acts = _tr("changes nothing") if adapter.probe is not None and not adapter.probe.acts else ""
    also = _tr("laid as well") if adapter.also is not None else ""
    return " · ".join(filter(None, (version, rank, bytes_text(adapter.size), also, fit, worth, acts)))


def laid(answer: Answer) -> list[AnswerAdapter]:
    """The adapters that an answer was written with. An older answer names them only: they pass for laid as usual."""
    if answer.adapters or not answer.adapter:
        return answer.adapters
    return [AnswerAdapter(file=name, name=name) for name in answer.adapter.split(" + ")]


def laid_words(adapters: Sequence[AnswerAdapter], before: Sequence[AnswerAdapter] = ()) -> str:
    """Adapters with their scales. A scale of 1 is left out, unless it is another than ``before``."""
    scales = {each.file: each.scale for each in before}
    found = []
    for each in adapters:
        name = each.name
        if each.version > 1:
            name = _tr("{name} (version {number})").format(name=name, number=number_text(each.version))
        if each.scale != 1.0 or scales.get(each.file, 1.0) != 1.0:
            name = _tr("{name} at {scale}").format(name=name, scale=QLocale().toString(each.scale, "g", 4))
        found.append(name)
    return " + ".join(found)


def is_measured(card: AdapterCard) -> bool:
    """Whether its answers were compared with the base's."""
    return card.adapter.examples > 0


def facts(adapter: Adapter) -> list[tuple[str, str]]:
    """Everything that is known of it, as names and values; a value that is not known is empty."""
    card = adapter.card
    fits = {True: _tr("Yes"), False: _tr("No: it was made for another model"), None: ""}
    found = [(_tr("Acts"), acts_sentence(adapter)), (_tr("Fits the model in use"), fits[adapter.fits])]
    if card is not None:
        found += [
            (_tr("Version"), number_text(card.version)),
            (_tr("For"), card.about),
            (_tr("Base model"), base_sentence(adapter, card)),
            (_tr("Format of its answers"), approval_words.format_words(card.format)),
        ]
        if is_measured(card):
            found.append((_tr("Worth"), training_words.better_sentence(card)))
            words, unknown = _tr("{base} without, {with_it} with it"), training_words.share_words(None)
            found += [
                (name, words.format(base=base, with_it=with_it))
                for name, base, with_it in training_words.figure_rows(card)
                if (base, with_it) != (unknown, unknown)
            ]
        # What it was trained on stands above, with its hash.
        found += training_words.card_facts(card)[1:] if card.examples else [(_tr("Licence"), card.licence)]
        found.append((_tr("Came from"), card.source))
    return [
        *found,
        (_tr("Task"), adapter.task),
        (_tr("Architecture"), adapter.architecture),
        (_tr("Rank"), number_text(adapter.rank)),
        (_tr("Alpha"), f"{adapter.alpha:g}"),
        (_tr("Tensors"), number_text(adapter.tensors)),
        (_tr("Size"), bytes_text(adapter.size)),
        (_tr("File"), adapter.path),
    ]


def acts_sentence(adapter: Adapter) -> str:
    """Whether it does anything, as far as that was tried."""
    if adapter.fits is False:
        return ""
    if adapter.probe is None:
        return _tr("Not tried yet over this model")
    if adapter.probe.difference is None:
        return _tr("No: with it the model computes no numbers any more. The file is damaged; get it again.")
    if not adapter.probe.acts:
        return _tr("No: it changes nothing. The model's scores are the same with it and without.")
    by = QLocale().toString(adapter.probe.difference, "f", 1)
    return _tr("Yes: on a fixed question it moves the model's scores by up to {by}").format(by=by)


def base_sentence(adapter: Adapter, card: AdapterCard) -> str:
    """What it was trained on, and whether that is the model in use."""
    name = card.base_name
    if card.base_hash:
        name = _tr("{name}, hash {hash}…").format(name=name, hash=card.base_hash[:12]).removeprefix(", ")
    same = {True: _tr("the model in use"), False: _tr("not the model in use, though it may fit"), None: ""}
    return " · ".join(filter(None, (name, same[adapter.same_base])))

"""Training in words: why it is advised or not, what is being done, what was measured."""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication, QLocale

from assistant_app.gui import approval_words, phrases
from assistant_app.gui.settings_page import bytes_text, number_text
from assistant_app.protocol.training import AdapterCard, Figures, Guide, Training

MOST_NAME = 60
"""Characters of a name."""


def _tr(words: str) -> str:
    return QCoreApplication.translate("training", words)


# ---------------------------------------------------------------- the guide


def verdict_words(guide: Guide) -> str:
    """The advice in one sentence."""
    known = {
        "train": _tr("An adapter is the right thing here."),
        "not_yet": _tr("Not yet: something is missing."),
        "do_not": _tr("Better not: something else serves you better here."),
    }
    return known.get(guide.verdict, guide.verdict)


def reason_sentence(reason: str, guide: Guide) -> str:
    """One reason for the advice."""
    known = {
        "needs_knowledge": _tr(
            "The answers need facts that the model does not have. An adapter changes how a model answers, not what it"
            " knows: add the documents that hold the facts to the library instead."
        ),
        "content_changes": _tr(
            "What the answers say changes. An adapter would have to be trained anew each time; a document in the"
            " library is simply replaced."
        ),
        "instructions_suffice": _tr(
            "Instructions seem to suffice: they can be changed at any time, and cost no training."
        )
        + _valid_words(guide),
        "instructions_untried": _tr(
            "You have not tried instructions first. Say in words what an answer should look like; that often suffices."
        ),
        "not_repeated": _tr(
            "The same output shape is not needed again and again. For single answers an adapter is not worth the time."
        ),
        "too_few_examples": _too_few(guide),
        "problems": _tr("Something is wrong with some of the approved answers ({problems}).").format(
            problems=approval_words.problems_list(guide.problems)
        ),
        "not_installed": _tr("The libraries for training are not installed."),
        "unsupported_base": _tr(
            "“{base}” cannot be trained on: its architecture is not among the supported ones. Choose another model."
        ).format(base=guide.base),
        "no_memory": _tr(
            "There may not be enough memory: about {needed} are needed, and {free} are free. Close other programs, or"
            " choose a smaller model."
        ).format(needed=bytes_text(guide.memory_bytes), free=bytes_text(guide.free_bytes)),
        "rigid_and_repeated": _tr(
            "The shape of the answers is fixed and needed again and again: that is what an adapter is good at."
        ),
        "questions_open": _tr("Some of the questions above are not answered yet."),
    }
    return known.get(reason, _tr("There is a reason that this window has no words for ({code}).").format(code=reason))


def _too_few(guide: Guide) -> str:
    words = _tr("{counting} approved answers count, and {needed} are needed. Approve more answers, or import some.")
    if guide.counting == 0:
        words = _tr("No approved answer counts yet, and {needed} are needed. Approve answers, or import some.")
    elif guide.counting == 1:
        words = _tr("1 approved answer counts, and {needed} are needed. Approve more answers, or import some.")
    return words.format(counting=number_text(guide.counting), needed=number_text(guide.needed))


def _valid_words(guide: Guide) -> str:
    if guide.valid is None or not guide.answers:
        return ""
    words = _tr("Of {answers} answers that the model wrote without an adapter, {share} were in their format.")
    return " " + words.format(answers=number_text(guide.answers), share=share_words(guide.valid))


def counts_sentence(guide: Guide) -> str:
    """How many approved answers there are, and of which formats."""
    if not guide.examples:
        return _tr("No answer is approved yet.")
    total, one = _tr("{examples} answers are approved, {counting} of them count."), _tr("1 answer is approved.")
    said = (one if guide.examples == 1 else total).format(
        examples=number_text(guide.examples), counting=number_text(guide.counting)
    )
    shapes = [f"{approval_words.format_words(name)}: {number_text(count)}" for name, count in guide.formats.items()]
    return f"{said} {', '.join(shapes)}." if len(shapes) > 1 else said


def facts(guide: Guide) -> list[tuple[str, str]]:
    """What training takes, as names and values."""
    memory = _tr("about {needed}, {free} are free").format(
        needed=bytes_text(guide.memory_bytes), free=bytes_text(guide.free_bytes)
    )
    time = _tr("known once it has begun")
    if guide.seconds is not None:
        time = phrases.duration_words(guide.seconds)
    return [
        (_tr("Trained on"), guide.base),
        (_tr("Approved answers"), counts_sentence(guide)),
        (_tr("Memory"), memory if guide.memory_bytes else ""),
        (_tr("Time"), time),
    ]


# ---------------------------------------------------------------- names


def name_problem(name: str) -> str:
    """What is wrong with the name of an adapter; "" where it is good."""
    if not name.strip():
        return _tr("Give the adapter a name.")
    if len(name.strip()) > MOST_NAME:
        return _tr("The name is longer than {most} characters.").format(most=MOST_NAME)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_ -]*", name.strip()):
        return _tr("A name is made of the letters a to z, digits, spaces, “-” and “_”, and does not begin with “-”.")
    return ""


# ---------------------------------------------------------------- a training


def state_words(training: Training) -> str:
    """What is being done, or was when it stopped."""
    step, of = _tr("step {step} of {steps}"), _tr("step {step}")  # how many there are is not known of each
    at = (step if training.steps else of).format(step=number_text(training.step), steps=number_text(training.steps))
    known = {
        "preparing": _tr("Preparing the examples…"),
        "training": _tr("Training: {at}"),
        "exporting": _tr("Writing the adapter's file…"),
        "measuring": _tr("Measuring base and adapter on answers that were held out…"),
        "paused": _tr("Paused at {at}"),
        "stopped": _tr("Stopped at {at}"),
    }
    return known.get(training.state, training.state).format(at=at)


def left_words(training: Training) -> str:
    """How long it will take; "" where that is not known, or nobody is working."""
    if training.seconds_left is None or training.state in ("paused", "stopped"):
        return ""
    return _tr("{time} left").format(time=phrases.duration_words(training.seconds_left))


# ---------------------------------------------------------------- figures


def share_words(share: float | None) -> str:
    """A share of 1 as percent."""
    if share is None:
        return _tr("not measured")
    return _tr("{percent} %").format(percent=round(100 * share))


def seconds_words(seconds: float | None) -> str:
    if seconds is None:
        return _tr("not measured")
    return _tr("{seconds} s").format(seconds=QLocale().toString(seconds, "f", 1))


def figure_rows(card: AdapterCard) -> list[tuple[str, str, str]]:
    """What was measured: its name, the figure of the base, that of the adapter."""

    def shares(name: str, of: str) -> tuple[str, str, str]:
        return name, share_words(getattr(card.base, of)), share_words(getattr(card.adapter, of))

    return [
        shares(_tr("In the right format"), "valid"),
        shares(_tr("Agrees with the approved answers (F1)"), "f1"),
        shares(_tr("Exactly the approved answer"), "exact"),
        shares(_tr("Cites the right source"), "cited"),
        shares(_tr("Refuses what is not there"), "refused"),
        shares(_tr("Refuses what is there"), "wrongly_refused"),
        (_tr("Time of an answer"), seconds_words(card.base.seconds), seconds_words(card.adapter.seconds)),
    ]


def better_sentence(card: AdapterCard) -> str:
    """Whether the adapter beats its base."""
    if not _is_measured(card.base) or not _is_measured(card.adapter):
        return _tr("Whether it beats the base was not measured: try it, beside the base, before you rely on it.")
    held = number_text(card.adapter.examples)  # of those that were held out, the ones that were asked
    if card.better:
        return _tr("It beats the base on {count} approved answers that it did not learn from.").format(count=held)
    words = _tr(
        "It does not beat the base on {count} approved answers that it did not learn from. More or better examples may"
        " help."
    )
    return words.format(count=held)


def _is_measured(figures: Figures) -> bool:
    shares = (figures.valid, figures.f1, figures.exact, figures.cited, figures.refused)
    return figures.examples > 0 and any(share is not None for share in shares)


def card_facts(card: AdapterCard) -> list[tuple[str, str]]:
    """What else is known of an adapter, as names and values."""
    agreement = share_words(card.agreement)
    if card.agreement is not None:
        words = _tr("chooses the same words as in training in {share} of the places")
        agreement = words.format(share=agreement)
    return [
        (_tr("Trained on"), card.base_name),
        (_tr("Learnt from"), _tr("{count} approved answers").format(count=number_text(card.examples))),
        (_tr("Time it took"), phrases.duration_words(card.seconds) if card.seconds else ""),
        (_tr("The exported file"), agreement),
        (_tr("Licence"), card.licence),
        (_tr("Data"), card.data_licence or card.data),
    ]

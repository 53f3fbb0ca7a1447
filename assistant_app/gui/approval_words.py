"""Approved answers in words: where they come from, their format, what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from PySide6.QtCore import QCoreApplication

from assistant_app.gui.format_words import kind_words
from assistant_app.gui.settings_page import number_text
from assistant_app.protocol.training import Approval, Problem, SourceText

PROBLEMS: tuple[Problem, ...] = get_args(Problem)

ACCEPTABLE: tuple[Problem, ...] = ("not_cited", "duplicate", "secret")
"""An approval with these alone can count all the same, if the person says so."""


def _tr(words: str) -> str:
    return QCoreApplication.translate("approvals", words)


def origin_words(origin: str) -> str:
    """Where an approval comes from."""
    known = {"answer": _tr("An answer"), "edited": _tr("Corrected"), "imported": _tr("Imported")}
    return known.get(origin, origin)


def format_words(name: str) -> str:
    """The shape of an answer."""
    return {"text": _tr("Text"), "record": _tr("Record (JSON)")}.get(name) or kind_words(name)


def problem_words(problem: str) -> str:
    """What is wrong, in a few words."""
    known = {
        "empty": _tr("Empty"),
        "format_invalid": _tr("Not in its format"),
        "not_cited": _tr("A claim without [n]"),
        "cites_nothing_there": _tr("An [n] without a source"),
        "too_long": _tr("Too long"),
        "duplicate": _tr("There already"),
        "secret": _tr("May hold a password"),
    }
    return known.get(problem, problem)


def problem_sentence(problem: str) -> str:
    """What is wrong, and what to do about it."""
    known = {
        "empty": _tr("The question or the answer is empty. Write it, or throw the row out."),
        "format_invalid": _tr("The answer is not in its format. Correct it."),
        "not_cited": _tr("A sentence claims something without an [n]. Add the number of its source."),
        "cites_nothing_there": _tr("An [n] in the answer is the number of no source. Correct the number."),
        "too_long": _tr("With its sources it is longer than the model can read at once. Shorten the answer."),
        "duplicate": _tr("The same question with the same sources was approved before."),
        "secret": _tr("It holds what reads like a password or a key. An adapter could give it away."),
    }
    return known.get(problem, _tr("Something is wrong with it ({problem}).").format(problem=problem))


def counts_words(approval: Approval) -> str:
    """Whether an approval is learnt from, and if not, why."""
    if approval.counts:
        return _tr("Counts all the same") if approval.problems else _tr("Counts")
    return problem_words(approval.problems[0]) if approval.problems else _tr("Does not count")


def can_be_accepted(approval: Approval) -> bool:
    """Whether the person may let an approval count in spite of what is wrong with it."""
    return bool(approval.problems) and all(problem in ACCEPTABLE for problem in approval.problems)


def sources_text(sources: Sequence[SourceText], messages: Sequence[Mapping[str, str]] = ()) -> str:
    """The sources with their numbers, or, where there are any, the messages that are the prompt."""
    if messages:
        return "\n\n".join(f"{each.get('role', '?')}\n{each.get('content', '')}" for each in messages)
    return "\n\n".join(f"[{number}] {_place(source)}\n{source.text}" for number, source in enumerate(sources, 1))


def problems_list(problems: Mapping[str, int]) -> str:
    """How many of each kind: "a claim without [n]: 3, empty: 1"; the known kinds first."""
    known = [problem for problem in PROBLEMS if problem in problems]
    named = [*known, *(problem for problem in problems if problem not in known)]
    return ", ".join(f"{_lower(problem_words(each))}: {number_text(problems[each])}" for each in named)


def imported_sentence(name: str, added: int, problems: Mapping[str, int]) -> str:
    """What a file brought; what was there already word for word is not added, and is a problem all the same."""
    said = _tr("{count} answers were added from “{name}”.")
    if added < 2:
        said = _tr("1 answer was added from “{name}”.") if added else _tr("Nothing was added from “{name}”.")
    if problems:
        said += " " + _tr("What does not count: {problems}.")
    elif added:
        said += " " + (_tr("It counts.") if added == 1 else _tr("All of them count."))
    return said.format(count=number_text(added), name=name, problems=problems_list(problems))


def kept_sentence(approval: Approval) -> str:
    """What is said under an answer whose approval does not count; "" where it does."""
    if approval.counts:
        return ""
    why = " ".join(problem_sentence(problem) for problem in approval.problems)
    return _tr("Kept, but it does not count. {why}").format(why=why).rstrip()


def _place(source: SourceText) -> str:
    if source.page is None:
        return source.name
    return _tr("{name}, page {page}").format(name=source.name, page=source.page)


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]

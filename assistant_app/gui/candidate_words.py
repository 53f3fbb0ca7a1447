"""What became of a candidate of a search, in words and colours: for the inspector's chart, table and card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from PySide6.QtCore import QCoreApplication, QLocale, Qt

from assistant_app.gui import phrases
from assistant_app.protocol.records import Candidate, Fate

translate = QCoreApplication.translate

FATES: tuple[Fate, ...] = ("kept", "joined", "no_room", "same_page", "duplicate", "lower")


@dataclass(frozen=True)
class Look:
    """How a line of the chart is drawn: never by its colour alone."""

    role: str
    width: float
    dash: Qt.PenStyle


LOOKS: dict[Fate, Look] = {
    "kept": Look("success", 2.6, Qt.PenStyle.SolidLine),
    "joined": Look("accent", 2.0, Qt.PenStyle.SolidLine),
    "no_room": Look("danger", 1.8, Qt.PenStyle.DashLine),
    "same_page": Look("warning", 1.4, Qt.PenStyle.DashLine),
    "duplicate": Look("accent", 1.2, Qt.PenStyle.DotLine),
    "lower": Look("text_muted", 1.0, Qt.PenStyle.SolidLine),
}


def fate_name(fate: Fate) -> str:
    """What became of it, in a word or two."""
    return {
        "kept": translate("inspector", "Given to the model"),
        "joined": translate("inspector", "Joined to a neighbour"),
        "no_room": translate("inspector", "No room"),
        "same_page": translate("inspector", "Page already there"),
        "duplicate": translate("inspector", "Said better elsewhere"),
        "lower": translate("inspector", "Ranked too low"),
    }[fate]


def fate_sentence(fate: Fate) -> str:
    """Why it was kept or dropped."""
    return {
        "kept": translate("inspector", "It was given to the model as a source."),
        "joined": translate("inspector", "It lies beside a passage that was kept, and was joined to it."),
        "no_room": translate("inspector", "It was chosen, but did not fit into the model's context any more."),
        "same_page": translate("inspector", "Another passage of the same page stands for that page."),
        "duplicate": translate("inspector", "It says what a passage with a better rank says already."),
        "lower": translate("inspector", "It ranked below the passages that were wanted."),
    }[fate]


@dataclass(frozen=True)
class Stage:
    """A stage of the search: its name, and the rank of each candidate in it, null where it does not hold it."""

    name: str
    ranks: tuple[int | None, ...]


def stages(candidates: Sequence[Candidate]) -> list[Stage]:
    """The stages in their order. The reranker is left out where none was used; the last stage is what was kept."""
    found = [
        Stage(translate("inspector", "Meaning"), tuple(each.vector_rank for each in candidates)),
        Stage(translate("inspector", "Words"), tuple(each.keyword_rank for each in candidates)),
        Stage(translate("inspector", "Fused"), tuple(each.fused_rank for each in candidates)),
        Stage(translate("inspector", "By page"), tuple(each.page_rank for each in candidates)),
    ]
    if any(each.reranker_rank is not None for each in candidates):
        found.append(Stage(translate("inspector", "Reranker"), tuple(each.reranker_rank for each in candidates)))
    return [*found, Stage(translate("inspector", "To the model"), _kept_ranks(candidates))]


def _kept_ranks(candidates: Sequence[Candidate]) -> tuple[int | None, ...]:
    def order(number: int) -> tuple[int, int, int]:
        each = candidates[number]
        worst = len(candidates) + 1
        return (each.reranker_rank or worst, each.page_rank or worst, each.fused_rank or worst)

    kept = sorted((number for number, each in enumerate(candidates) if each.fate == "kept"), key=order)
    ranks = {number: rank for rank, number in enumerate(kept, 1)}
    return tuple(ranks.get(number) for number in range(len(candidates)))


def place(candidate: Candidate) -> str:
    """Document and page."""
    where = phrases.place_words(candidate.path, candidate.page, candidate.page_label)
    return ", ".join(part for part in (PurePath(candidate.path).name, where) if part)


def ranks_words(candidate: Candidate, similarity: bool = True) -> str:
    """Its rank in each stage in which it has one."""
    named = (
        (translate("inspector", "by meaning"), candidate.vector_rank),
        (translate("inspector", "by words"), candidate.keyword_rank),
        (translate("inspector", "fused"), candidate.fused_rank),
        (translate("inspector", "by page"), candidate.page_rank),
        (translate("inspector", "reranker"), candidate.reranker_rank),
    )
    parts = [f"{name} {rank}" for name, rank in named if rank is not None]
    if similarity and candidate.similarity is not None:
        value = QLocale().toString(candidate.similarity, "f", 2)
        parts.append(translate("inspector", "similarity {value}").format(value=value))
    return " · ".join(parts)

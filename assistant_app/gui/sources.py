"""Below an answer: where it comes from, what nothing supports, and what was nearest where nothing was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from assistant_app.gui import phrases, style
from assistant_app.gui.flow_layout import FlowLayout
from assistant_app.protocol.records import Answer, Citation, Hit

_CHIP_NAME_WIDTH = 200
_CHIP_PLACE_WIDTH = 140
"""Pixels that a document's name may take on a chip; the tooltip has all of it."""


class Sources(QWidget):
    """Chips and notes; filled once."""

    citation_activated = Signal(object)
    """Carries the :class:`Citation`."""

    def __init__(self, answer: Answer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, style.SPACE // 2, 0, 0)
        self._layout.setSpacing(style.SPACE)
        cited = [citation for citation in answer.citations if citation.given_by == "model"]
        searched = [citation for citation in answer.citations if citation.given_by == "search"]
        if cited:
            self._add_chips("", cited)
        if searched:
            self._add_chips(self.tr("The model named no source. Found by search:"), searched)
        if answer.unsupported:
            self._add_unsupported(answer.unsupported)
        if not answer.found and answer.nearest:
            self._add_nearest(answer.nearest)
        if answer.left_out:
            self._add_note(
                self.tr("1 passage did not fit into the model's context.")
                if len(answer.left_out) == 1
                else self.tr("{count} passages did not fit into the model's context.").format(
                    count=len(answer.left_out)
                )
            )
        self.setVisible(self._layout.count() > 0)

    def _add_note(self, text: str) -> None:
        label = QLabel(text, self)
        label.setWordWrap(True)
        style.set_role(label, "muted")
        self._layout.addWidget(label)

    def _add_chips(self, caption: str, citations: Sequence[Citation]) -> None:
        if caption:
            self._add_note(caption)
        holder = QWidget(self)
        flow = FlowLayout(holder)
        for citation in citations:
            flow.addWidget(self._chip(citation, holder))
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        holder.setSizePolicy(policy)
        self._layout.addWidget(holder)

    def _chip(self, citation: Citation, parent: QWidget) -> QPushButton:
        name = PurePath(citation.path).name
        place = phrases.place_words(citation.path, citation.page, citation.page_label)
        chip = QPushButton(parent)
        style.set_role(chip, "chip")
        metrics = chip.fontMetrics()
        short = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, _CHIP_NAME_WIDTH)
        page = self.tr("p. {page}").format(page=citation.page)
        if citation.page is None or phrases.is_slides(citation.path):
            innermost = place.rsplit(" › ", 1)[-1]  # the tooltip has all headings above it
            page = metrics.elidedText(innermost, Qt.TextElideMode.ElideRight, _CHIP_PLACE_WIDTH)
        text = " · ".join(part for part in (f"{citation.number}  {short}", page) if part)
        chip.setText(text.replace("&", "&&"))
        if citation.verified:
            chip.setIcon(style.icon("verified", "success"))
            words = self.tr("Verified: this sentence stands in the page and supports the answer.")
        else:
            chip.setIcon(style.icon("unverified", "warning"))
            words = self.tr("Not verified: the passage does not fully support the answer. Read it yourself.")
        chip.setIconSize(QSize(16, 16))
        chip.setToolTip(
            f"{', '.join(part for part in (name, place) if part)}\n“{_shortened(citation.quote, 300)}”\n{words}"
        )
        by = self.tr("found by search") if citation.given_by == "search" else ""
        spoken = [self.tr("Source {number}").format(number=citation.number), name, place, by, words]
        chip.setAccessibleName(", ".join(part for part in spoken if part))
        chip.clicked.connect(lambda: self.citation_activated.emit(citation))
        return chip

    def _add_unsupported(self, sentences: Sequence[str]) -> None:
        frame = QFrame(self)
        style.set_role(frame, "card")
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(12, style.SPACE, 12, style.SPACE)
        layout.setSpacing(style.SPACE // 2)
        heading = QLabel(self.tr("No quote supports:"), frame)
        style.set_role(heading, "warning")
        layout.addWidget(heading)
        for sentence in sentences:
            label = QLabel(f"“{sentence}”", frame)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            layout.addWidget(label)
        self._layout.addWidget(frame)

    def _add_nearest(self, hits: Sequence[Hit]) -> None:
        self._add_note(self.tr("The nearest passages:"))
        for hit in hits:
            citation = Citation(
                number=hit.rank,
                path=hit.path,
                page=hit.page,
                page_label=hit.page_label,
                quote=hit.text,
                start=hit.start,
                length=hit.length,
                verified=False,
                given_by="search",
            )
            passage = _Passage(hit, self)
            passage.clicked.connect(lambda _checked, chosen=citation: self.citation_activated.emit(chosen))
            self._layout.addWidget(passage)


class _Passage(QPushButton):
    """A passage that can be opened: document, page, and the beginning of its text on two lines."""

    def __init__(self, hit: Hit, parent: QWidget) -> None:
        super().__init__(parent)
        name = PurePath(hit.path).name
        place = ", ".join(part for part in (name, phrases.place_words(hit.path, hit.page, hit.page_label)) if part)
        text = _shortened(" ".join(hit.text.split()), 160)
        layout = self._lines = QVBoxLayout(self)
        layout.setContentsMargins(12, style.SPACE, 12, style.SPACE)
        layout.setSpacing(2)
        for words, role in ((place, "muted"), (text, "")):
            label = QLabel(words, self)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            if role:
                style.set_role(label, role)
            layout.addWidget(label)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(f"{place}: {text}")

    def sizeHint(self) -> QSize:
        return self._lines.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._lines.minimumSize()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._lines.heightForWidth(width)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"

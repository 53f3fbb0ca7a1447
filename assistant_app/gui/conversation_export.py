"""A conversation as a file for others: Markdown, PDF, or JSON, each with its citations.

Questions, answers and quotes are untrusted, and whoever opens the file uses a program that Docent does not know. So no
text of theirs can become HTML, a link or a picture there: an answer keeps its paragraphs, lists, tables and emphasis,
and nothing else. The PDF is drawn from the same Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QBuffer, QByteArray, QCoreApplication, QIODevice, QMarginsF, QSaveFile, QSizeF, QUrl
from PySide6.QtGui import (
    QFont,
    QPageLayout,
    QPageSize,
    QPdfWriter,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)

from assistant_app.errors import Code, DocentError
from assistant_app.gui import phrases
from assistant_app.gui.conversation_model import when_words
from assistant_app.protocol.records import Citation, Conversation, Turn

SUFFIXES = {"markdown": "md", "pdf": "pdf", "json": "json"}
_RESERVED = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-.!|~])")
_LONGEST_NAME = 80
_FONT_POINTS = 10.5
_MARGIN_MM = 20.0

translate = QCoreApplication.translate


def file_name(title: str, kind: str) -> str:
    """A file name made of the conversation's title, allowed on every system."""
    stem = " ".join(_RESERVED.sub(" ", title).split())[:_LONGEST_NAME].strip(". ")
    return f"{stem or translate('export', 'Conversation')}.{SUFFIXES[kind]}"


def export(kind: str, conversation: Conversation, turns: Sequence[Turn]) -> bytes:
    """The content of the file; ``kind`` is markdown, pdf or json."""
    if kind == "json":
        return as_json(conversation, turns).encode()
    text = as_markdown(conversation, turns)
    return as_pdf(conversation.title, text) if kind == "pdf" else text.encode()


def write(path: str, content: bytes) -> None:
    """Write the whole file or nothing: what stood there before stays until the new one is complete.

    Raises:
        DocentError: ``disk_full`` or ``file_unwritable``.
    """
    file = QSaveFile(path)
    good = file.open(QIODevice.OpenModeFlag.WriteOnly) and file.write(content) == len(content)
    if good and file.commit():
        return
    full = file.error() == QSaveFile.FileError.ResourceError
    file.cancelWriting()
    raise DocentError(Code.DISK_FULL if full else Code.FILE_UNWRITABLE, path=path)


# ---------------------------------------------------------------- JSON


def as_json(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """One object: the title and the turns, with citations as in ``docent ask --json``."""
    return json.dumps(
        {"title": conversation.title, "turns": [_turn_object(turn) for turn in turns]}, ensure_ascii=False, indent=2
    )


def _turn_object(turn: Turn) -> dict[str, Any]:
    answer = turn.answer
    return {
        "question": turn.question,
        "searched": turn.searched or turn.question,
        "kind": turn.kind,
        "asked_at": turn.asked_at,
        "answer": answer.answer,
        "found": answer.found,
        "general": answer.general,
        "exact": answer.exact,
        "stopped": turn.stopped,
        "model": answer.model,
        "server": answer.server,
        "citations": [
            {
                "number": citation.number,
                "document": PurePath(citation.path).name,
                "path": citation.path,
                "page": citation.page,
                "page_label": citation.page_label,
                "quote": citation.quote,
                "verified": citation.verified,
                "given_by": citation.given_by,
            }
            for citation in answer.citations
        ],
        "unsupported": answer.unsupported,
    }


# ---------------------------------------------------------------- Markdown


def as_markdown(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """Questions as headings, answers below them, and the quotes that they rest on."""
    parts = [f"# {plain(conversation.title)}"]
    for turn in turns:
        parts.extend(_turn_parts(turn))
    return "\n\n".join(part for part in parts if part) + "\n"


def _turn_parts(turn: Turn) -> list[str]:
    answer = turn.answer
    parts = [f"## {plain(turn.question)}"]
    searched = turn.searched or answer.searched
    if searched and searched.strip() != turn.question.strip():
        parts.append(f"*{plain(translate('export', 'Understood as: {question}').format(question=searched))}*")
    marks = [
        (answer.general, translate("export", "From the model's general knowledge, not from the documents.")),
        (answer.exact, translate("export", "In the documents' own words.")),
        (not answer.found and not answer.general, translate("export", "Not found in the documents.")),
        (turn.stopped, translate("export", "Stopped before its end.")),
    ]
    parts.extend(f"**{plain(words)}**" for on, words in marks if on)
    parts.append(disarmed(answer.answer.strip()))
    if answer.citations:
        parts.append("\n".join(_citation(citation) for citation in answer.citations))
    if answer.unsupported:
        lines = "\n".join(f"- {plain(sentence)}" for sentence in answer.unsupported)
        parts.append(f"**{plain(translate('export', 'No quote supports:'))}**\n\n{lines}")
    about = " · ".join(part for part in (answer.model, answer.server, when_words(turn.asked_at)) if part)
    parts.append(f"*{plain(about)}*" if about else "")
    return parts


def _citation(citation: Citation) -> str:
    place = phrases.place_words(citation.path, citation.page, citation.page_label)
    where = ", ".join(part for part in (PurePath(citation.path).name, place) if part)
    kind = translate("export", "verified") if citation.verified else translate("export", "not verified")
    return f"- \\[{citation.number}\\] **{plain(where)}** ({plain(kind)}): “{plain(citation.quote)}”"


def plain(text: str) -> str:
    """``text`` as one line of Markdown that shows exactly its characters."""
    return _entities(_PUNCTUATION.sub(r"\\\1", " ".join(text.split())))


def disarmed(markdown: str) -> str:
    """Markdown in which nothing is HTML, a link, a picture or a reference; the rest of its layout stays."""
    return re.sub(r"([\\\[\]])", r"\\\1", _entities(markdown))


def _entities(text: str) -> str:
    """What begins a tag or an entity, and what makes an address a link by itself, written so that it does not."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;").replace("://", ":&#47;/")
    return re.sub(r"(?i)\b(www)\.", r"\1&#46;", text)


# ---------------------------------------------------------------- PDF


class _Document(QTextDocument):
    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing is loaded, whatever a text names."""
        return None


def as_pdf(title: str, markdown: str) -> bytes:
    """``markdown`` (of :func:`as_markdown`) on pages of A4."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(title)
    writer.setCreator("Docent")
    writer.setResolution(96)
    writer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4),
            QPageLayout.Orientation.Portrait,
            QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM),
            QPageLayout.Unit.Millimeter,
        )
    )
    document = _Document()
    font = QFont()
    font.setPointSizeF(_FONT_POINTS)
    document.setDefaultFont(font)
    document.documentLayout().setPaintDevice(writer)
    document.setPageSize(QSizeF(writer.width(), writer.height()))
    document.setMarkdown(
        markdown, QTextDocument.MarkdownFeature.MarkdownNoHTML | QTextDocument.MarkdownFeature.MarkdownDialectGitHub
    )
    _dress_headings(document)
    document.print_(writer)
    buffer.close()
    return bytes(content.data())


def _dress_headings(document: QTextDocument) -> None:
    """Qt forgets a heading's letters after an entity (6.11.3, tried)."""
    block = document.begin()
    while block.isValid():
        level = block.blockFormat().headingLevel()
        if level:
            cursor = QTextCursor(block)
            spacing = QTextBlockFormat()
            spacing.setTopMargin(0 if level == 1 else 18)
            spacing.setBottomMargin(6)
            cursor.mergeBlockFormat(spacing)
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            form = QTextCharFormat()
            form.setFontWeight(QFont.Weight.Bold)
            form.setProperty(QTextFormat.Property.FontSizeAdjustment, 2 if level == 1 else 1)
            cursor.mergeCharFormat(form)
        block = block.next()

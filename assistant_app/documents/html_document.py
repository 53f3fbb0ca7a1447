"""HTML, as lxml's parser tells it event by event: no tree is built, so depth and size cost nothing.

Nothing is fetched and nothing runs. What a browser would not show is no text: scripts, styles, comments, hidden parts.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import NamedTuple

from lxml import etree  # type: ignore[import-untyped]

from assistant_app.documents.kinds import read_text_bytes
from assistant_app.documents.sections import FlowBuilder, SectionedDocument
from assistant_app.errors import Code, DocentError

MAX_BYTES = 64_000_000
_FEED_CHARACTERS = 65_536
_TABLES_DEEP = 8
"""Tables nested deeper than this are read as if they were no tables."""

_UNSEEN = frozenset(
    "script style template noscript iframe object embed applet audio video canvas svg map select".split()
)
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img input ins kbd label mark math mi mn mo mrow ms "
    "mtext output q rp rt ruby s samp small span strike strong sub sup time tt u var wbr".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})""", re.IGNORECASE)


class _Table:
    """A table while it is read. It turns out to be mere layout when a heading or another table is in it."""

    def __init__(self) -> None:
        self.rows: list[list[list[_Block]]] = []
        self.is_layout = False
        self.in_head = False
        self.is_header: list[bool] = []


class _Block(NamedTuple):
    """A paragraph (``level`` 0), a heading, or a ``table``."""

    text: str
    level: int = 0
    table: _Table | None = None


class _Target:
    """Takes the parser's events and fills a :class:`FlowBuilder`."""

    def __init__(self, builder: FlowBuilder) -> None:
        self._builder = builder
        self._inline: list[str] = []
        self._unseen = 0
        self._preformatted = 0
        self._level = 0
        self._mark = ""
        self._tables: list[_Table] = []
        self._deeper_tables = 0
        self._in_title = False
        self.title = self.author = ""

    # ------------------------------------------------------------ events

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._unseen or _is_unseen(tag, attributes):
            self._unseen += 1
        elif tag == "title":
            self._in_title = not self.title
        elif tag == "meta":
            if attributes.get("name", "").strip().lower() == "author":
                self.author = self.author or attributes.get("content", "")
        elif tag == "br":
            self._inline.append("\n")
        elif tag not in _INLINE:
            self._flush()
            self._start_block(tag)

    def _start_block(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._level = _HEADINGS[tag]
            for table in self._tables:
                table.is_layout = True
        elif tag == "pre":
            self._preformatted += 1
        elif tag == "li":
            self._mark = "- "
        elif tag == "table":
            self._start_table()
        elif self._tables and not self._deeper_tables:
            self._start_part(tag, self._tables[-1])

    def _start_table(self) -> None:
        if len(self._tables) == _TABLES_DEEP:
            self._deeper_tables += 1
            return
        if self._tables:
            self._tables[-1].is_layout = True
        self._tables.append(_Table())

    def _start_part(self, tag: str, table: _Table) -> None:
        if tag == "thead":
            table.in_head = True
        elif tag == "tr":
            table.rows.append([])
            table.is_header.append(True)
        elif tag in ("td", "th"):
            if not table.rows:
                table.rows.append([])
                table.is_header.append(True)
            table.rows[-1].append([])
            table.is_header[-1] &= tag == "th" or table.in_head

    def end(self, tag: str) -> None:
        if self._unseen:
            self._unseen -= 1
        elif tag == "title":
            self._in_title = False
        elif tag not in _INLINE and tag != "br":
            self._flush()
            if tag in _HEADINGS:
                self._level = 0
            elif tag == "pre":
                self._preformatted = max(0, self._preformatted - 1)
            elif tag == "li":
                self._mark = ""
            elif tag == "table":
                self._end_table()
            elif tag == "thead" and self._tables:
                self._tables[-1].in_head = False

    def _end_table(self) -> None:
        if self._deeper_tables:
            self._deeper_tables -= 1
        elif self._tables:
            table = self._tables.pop()
            if not table.is_layout:
                self._put(_Block("", table=table))
                return
            for row in table.rows:
                for cell in row:
                    for block in cell:
                        self._put(block)

    def data(self, text: str) -> None:
        if self._unseen:
            return
        if self._in_title:
            self.title += text
        else:
            self._inline.append(text if self._preformatted else _SPACE.sub(" ", text))

    def close(self) -> None:
        self._flush()
        while self._tables:
            self._end_table()

    # ------------------------------------------------------------ blocks

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        if not self._preformatted:
            text = "\n".join(_SPACE.sub(" ", line).strip() for line in text.split("\n"))
        if text.strip():
            self._put(_Block(self._mark + text.strip("\n"), self._level))
            self._mark = ""

    def _put(self, block: _Block) -> None:
        """Where it belongs: into the cell that is being read, or into the text."""
        if self._tables:
            rows = self._tables[-1].rows
            if rows and rows[-1]:
                rows[-1][-1].append(block)
                return
            # A caption, or what stands between cells, comes before the table.
        if block.table is not None:
            texts = [[" ".join(each.text for each in cell) for cell in row] for row in block.table.rows]
            self._builder.table(texts, _leading(block.table.is_header))
        elif block.level:
            self._builder.heading(block.text, block.level)
        else:
            self._builder.paragraph(block.text)


def _leading(is_header: list[bool]) -> int:
    return next((number for number, header in enumerate(is_header) if not header), 0)


def _is_unseen(tag: str, attributes: Mapping[str, str]) -> bool:
    if tag in _UNSEEN or "hidden" in attributes:
        return True
    return _HIDDEN_STYLE.search(attributes.get("style", "")) is not None


def read_html(data: bytes, builder: FlowBuilder) -> tuple[str, str]:
    """Add the text of an HTML page to ``builder``; returns the title and the author that it names.

    Raises:
        DocentError: ``too_large`` or ``document_damaged``.
    """
    target = _Target(builder)
    # What is unknown to HTML (namespaces of XHTML in an EPUB, say) is no reason to stop.
    parser = etree.HTMLParser(target=target, huge_tree=True, recover=True, no_network=True)
    text = decode_html(data).replace("\0", "")
    try:
        for start in range(0, len(text), _FEED_CHARACTERS):
            parser.feed(text[start : start + _FEED_CHARACTERS])
        parser.close()
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise DocentError(Code.DOCUMENT_DAMAGED) from error
    return target.title, target.author


def decode_html(data: bytes) -> str:
    """By its mark, as UTF-8, as the page says, or as Windows' Western code page; what fits none is replaced."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        said = _XML_ENCODING.match(data[:1024]) or _CHARSET.search(data[:4096])
        return data.decode(_codec(said[1].decode("ascii", "replace")) if said else "cp1252", "replace")


_CODECS = re.compile(r"utf-?(8|16|32)|(iso|latin|windows|cp|koi8|mac|gb|big5|euc|shift|sjis|ascii|us-ascii|ks|tis)")
"""The beginnings of names that stand for writing; Python knows codecs for other things by name too."""


def _codec(name: str) -> str:
    name = name.lower().removeprefix("x-")
    if name in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"):
        return "cp1252"  # As every browser takes it.
    try:
        return codecs.lookup(name).name if _CODECS.match(name) else "cp1252"
    except LookupError:
        return "cp1252"


class HtmlDocument(SectionedDocument):
    def __init__(self, path: str) -> None:
        """
        Raises:
            DocentError: ``too_large``, ``document_damaged``, ``file_missing`` or ``file_unreadable``.
        """
        builder = FlowBuilder()
        title, author = read_html(read_text_bytes(path, MAX_BYTES), builder)
        super().__init__("html", builder.flow(title, author))

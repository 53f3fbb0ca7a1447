"""DOCX, opened by python-docx. Its text is taken from the XML in order, so that what the library leaves out is there
too: content controls, inserted text, text boxes, footnotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from assistant_app.documents.archive import office_package
from assistant_app.documents.sections import FlowBuilder, SectionedDocument
from assistant_app.errors import Code, DocentError

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_MAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_ALSO_MAIN = re.compile(
    rb"application/vnd\.ms-word\.(?:document|template)\.macroEnabled(?:Template)?\.main\+xml"
    rb"|application/vnd\.openxmlformats-officedocument\.wordprocessingml\.template\.main\+xml"
)
"""Content types of templates and of documents with macros, which are read like any other (a macro is never run)."""

_HEADING_STYLE = re.compile(r"heading ([1-9])", re.IGNORECASE)
_GONE = {_W + name for name in ("del", "moveFrom", "pPr", "rPr", "sectPr", "tblPr", "tblGrid")} | {
    _COMPATIBILITY + "Fallback"
}
_BREAKS = {_W + "tab": "\t", _W + "br": "\n", _W + "cr": "\n", _W + "noBreakHyphen": "-"}
_NOTES = ("/footnotes", "/endnotes")


class WordDocument(SectionedDocument):
    def __init__(self, path: str) -> None:
        """
        Raises:
            DocentError: ``document_damaged``, ``encryption_unsupported`` or ``too_large``.
        """
        # Imported here: it takes a while, and most readers never need it.
        import docx

        package = office_package(path, lambda types: _ALSO_MAIN.sub(_MAIN, types))
        try:
            document = docx.Document(package)
            builder = FlowBuilder()
            walk = _Walk(builder, _levels(document.styles.element))
            walk.blocks(document.element.body)
            for notes in _notes(document.part):
                walk.blocks(notes)
            properties = document.core_properties
            super().__init__("docx", builder.flow(properties.title or "", properties.author or ""))
        except (DocentError, MemoryError):
            raise
        except Exception as error:  # A damaged package makes the library raise whatever it happened to be doing.
            raise DocentError(Code.DOCUMENT_DAMAGED) from error


def _levels(styles: Any) -> dict[str, int]:
    """The level of every heading style, by its id: from its name, its outline level, or the style it is based on."""
    own: dict[str, int] = {}
    based_on: dict[str, str] = {}
    for style in styles.iterchildren(_W + "style"):
        identity = style.get(_W + "styleId") or ""
        name = _value(style.find(_W + "name"))
        outline = _value(style.find(f"{_W}pPr/{_W}outlineLvl"))
        if found := _HEADING_STYLE.fullmatch(name):
            own[identity] = int(found[1])
        elif name.lower() == "title":
            own[identity] = 1
        elif outline.isdecimal() and int(outline) < 9:
            own[identity] = int(outline) + 1
        based_on[identity] = _value(style.find(_W + "basedOn"))
    return {identity: level for identity in based_on if (level := _inherited(identity, own, based_on))}


def _inherited(identity: str, own: dict[str, int], based_on: dict[str, str]) -> int:
    for _ in range(20):  # Styles may be based on each other in a circle.
        if identity in own:
            return own[identity]
        identity = based_on.get(identity, "")
    return 0


def _value(element: Any) -> str:
    return "" if element is None else element.get(_W + "val") or ""


def _notes(part: Any) -> Iterator[Any]:
    """The footnotes and endnotes themselves, without the lines that separate them from the text."""
    from docx.oxml import parse_xml

    for relation in part.rels.values():
        if not relation.is_external and relation.reltype.endswith(_NOTES):
            for note in parse_xml(relation.target_part.blob):
                if isinstance(note.tag, str) and not note.get(_W + "type"):
                    yield note


class _Walk:
    """Goes through paragraphs and tables. The parser allows elements to nest 256 deep, so recursion is bounded."""

    def __init__(self, builder: FlowBuilder, levels: dict[str, int]) -> None:
        self._builder = builder
        self._levels = levels

    def blocks(self, parent: Any) -> None:
        for element in parent.iterchildren():
            if element.tag == _W + "p":
                self._paragraph(element)
            elif element.tag == _W + "tbl":
                self._table(element)
            elif isinstance(element.tag, str) and element.tag not in _GONE:
                self.blocks(element)  # A content control, inserted or moved text.

    def _paragraph(self, paragraph: Any) -> None:
        text = "".join(_pieces(paragraph))
        if level := self._level(paragraph):
            self._builder.heading(text, level)
        else:
            self._builder.paragraph(text)
        for box in _text_boxes(paragraph):
            self.blocks(box)

    def _level(self, paragraph: Any) -> int:
        outline = _value(paragraph.find(f"{_W}pPr/{_W}outlineLvl"))
        if outline.isdecimal():
            return int(outline) + 1 if int(outline) < 9 else 0
        return self._levels.get(_value(paragraph.find(f"{_W}pPr/{_W}pStyle")), 0)

    def _table(self, table: Any) -> None:
        rows = list(_parts(table, _W + "tr"))
        cells = [[" ".join(_cell(cell)) for cell in _parts(row, _W + "tc")] for row in rows]
        self._builder.table(cells, _header_rows(table, rows))


def _parts(parent: Any, tag: str) -> Iterator[Any]:
    """The rows of a table, or the cells of a row, wherever content controls and insertions put them."""
    for element in parent.iterchildren():
        if element.tag == tag:
            yield element
        elif isinstance(element.tag, str) and element.tag not in _GONE:
            yield from _parts(element, tag)


def _cell(cell: Any) -> Iterator[str]:
    for paragraph in cell.iter(_W + "p"):
        yield "".join(_pieces(paragraph))


def _header_rows(table: Any, rows: list[Any]) -> int:
    """Rows that repeat on every page, else the first one where the table's look sets it apart."""
    repeated = 0
    for row in rows:
        if row.find(f"{_W}trPr/{_W}tblHeader") is None:
            break
        repeated += 1
    look = table.find(f"{_W}tblPr/{_W}tblLook")
    if repeated or look is None:
        return repeated
    try:
        return int(look.get(_W + "firstRow") or int(look.get(_W + "val") or "0", 16) >> 5 & 1)
    except ValueError:
        return 0


def _pieces(element: Any) -> Iterator[str]:
    """The text of a paragraph in order, without deleted and hidden text and without its text boxes."""
    for child in element.iterchildren():
        if child.tag in (_W + "t", _M + "t"):
            yield child.text or ""
        elif child.tag in _BREAKS:
            yield _BREAKS[child.tag]
        elif child.tag in _GONE or child.tag == _W + "txbxContent" or _is_hidden(child):
            continue
        elif isinstance(child.tag, str):
            yield from _pieces(child)


def _is_hidden(run: Any) -> bool:
    hidden = run.find(f"{_W}rPr/{_W}vanish") if run.tag == _W + "r" else None
    return hidden is not None and _value(hidden) not in ("0", "false", "off")


def _text_boxes(element: Any) -> Iterator[Any]:
    """The outermost text boxes, once each: the form for older programs (``Fallback``) repeats them."""
    for child in element.iterchildren():
        if child.tag == _W + "txbxContent":
            yield child
        elif isinstance(child.tag, str) and child.tag not in _GONE:
            yield from _text_boxes(child)

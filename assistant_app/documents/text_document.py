"""Plain text: the file itself. In tables of comma- or tab-separated values every line is a row."""

from __future__ import annotations

import re

from assistant_app.documents.kinds import decode, read_text_bytes, suffix
from assistant_app.documents.page_text import clean
from assistant_app.documents.reader_protocol import Table
from assistant_app.documents.sections import Flow, SectionedDocument
from assistant_app.errors import Code, DocentError

_LINE = re.compile(r"[^\n]+")


def source_text(path: str) -> str:
    """The file's text as it stands, but that every line ends with a line feed and odd characters are replaced.

    Raises:
        DocentError: ``not_a_pdf``: no text after all, ``too_large``, ``file_missing`` or ``file_unreadable``.
    """
    try:
        text = decode(read_text_bytes(path))
    except UnicodeDecodeError as error:
        raise DocentError(Code.NOT_A_PDF) from error
    return clean(text.replace("\r\n", "\n").replace("\x0c", "\n"))


class TextDocument(SectionedDocument):
    def __init__(self, path: str) -> None:
        """Raises as :func:`source_text` does."""
        text = source_text(path)
        tables = []
        if suffix(path) in (".csv", ".tsv"):
            rows = [(line.start(), line.end() - line.start()) for line in _LINE.finditer(text)]
            tables = [Table(rows=rows, header_rows=1)] if len(rows) > 1 else []
        super().__init__("text", Flow(text, (), tables))

"""What kind of file something is: by its first bytes and its archive's members; names only tell kinds of text apart.

Without heavy imports and without parsing: the engine's process asks :func:`in_a_folder` too.
"""

from __future__ import annotations

import codecs
import mmap
import re
import zipfile
from pathlib import PurePath

from assistant_app.errors import Code, DocentError
from assistant_app.protocol.records import Kind

HEAD_BYTES = 4096
MAX_TEXT_BYTES = 200_000_000

SUFFIXES: dict[str, Kind] = {
    ".pdf": "pdf",
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), "docx"),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx"), "pptx"),
    ".epub": "epub",
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".md", ".markdown"), "markdown"),
    **dict.fromkeys((".txt", ".text", ".rst", ".csv", ".tsv", ".log"), "text"),
}
"""What files of these names are taken for. Only for text does the name decide; a folder is looked through for them."""

_TEXT_KINDS: tuple[Kind, ...] = ("text", "markdown", "html")
_OTHER_SUFFIXES = frozenset(
    ".doc .xls .xlsx .ppt .odt .ods .odp .rtf .zip .gz .7z .rar .tar .mobi .azw3 .djvu .ps .eps "
    ".png .jpg .jpeg .gif .bmp .tif .tiff .webp .heic .svg .ico .mp3 .mp4 .wav .mov .exe .dll .so .gguf".split()
)
"""Names that claim to be something else: text under such a name is something broken, and no document."""

_PDF_WITHIN = 1024
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
"""The stream that holds an encrypted DOCX or PPTX, as MS-OFFCRYPTO 2.3.4 names it."""
_HTML = re.compile(
    rb"(?:\s|<!--(?:(?!-->).)*-->|<\?xml[^>]*>)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_MEMBERS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("docx", re.compile(r"word/document\d*\.xml")),
    ("pptx", re.compile(r"ppt/presentation\d*\.xml")),
    ("epub", re.compile(r"META-INF/container\.xml")),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_PIECE_OF_A_PDF = re.compile(r"\b\d+\s+\d+\s+obj\b|\bendobj\b|\bxref\b|\btrailer\b|\bstartxref")


def suffix(path: str) -> str:
    return PurePath(path).suffix.lower()


def in_a_folder(path: str, head: bytes) -> bool:
    """Whether a file that was found in a folder is offered: its name is known, or ``head`` is a document's."""
    if suffix(path) in SUFFIXES or says_pdf(path, head) or says_html(head):
        return True
    return head.startswith(_ZIP) and any(sign in head for sign in (b"epub+zip", b"word/", b"ppt/", b"[Content_Types]"))


def says_pdf(path: str, head: bytes) -> bool:
    """Whether the header stands near the start, where rubbish may stand before it; a text may well name it."""
    before, found, _ = head[:_PDF_WITHIN].partition(b"%PDF-")
    if not found:
        return False
    return SUFFIXES.get(suffix(path)) not in _TEXT_KINDS or not _after_mark(before).strip()


def says_html(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "ignore").encode()
    return _HTML.match(_after_mark(head)) is not None


def _after_mark(head: bytes) -> bytes:
    return head.removeprefix(codecs.BOM_UTF8)


def kind_of(path: str) -> Kind | None:
    """The kind of the file at ``path``, or ``None``: a damaged PDF at best.

    Raises:
        DocentError: ``file_missing``, ``file_unreadable``, ``too_large``, ``document_damaged`` (a broken archive with a
            document's name), ``encryption_unsupported``, or ``not_a_pdf``.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise DocentError(Code.FILE_MISSING) from error
    except OSError as error:
        raise DocentError(Code.FILE_UNREADABLE) from error
    if says_pdf(path, head):
        return "pdf"
    if head.startswith(_ZIP):
        return _archive_kind(path)
    if head.startswith(_OLE):
        raise DocentError(Code.ENCRYPTION_UNSUPPORTED if _holds(path, _ENCRYPTED_PACKAGE) else Code.NOT_A_PDF)
    if says_html(head):
        return "html"
    return _text_kind(path, head)


def _archive_kind(path: str) -> Kind:
    """Raises ``document_damaged`` for a broken archive with a document's name, ``not_a_pdf`` for other archives."""
    claimed = SUFFIXES.get(suffix(path)) in ("docx", "pptx", "epub")
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except MemoryError:
        raise
    except Exception as error:  # Whatever a damaged directory makes zipfile raise.
        raise DocentError(Code.DOCUMENT_DAMAGED if claimed else Code.NOT_A_PDF) from error
    for kind, member in _MEMBERS:
        if any(member.fullmatch(name) for name in names):
            return kind
    raise DocentError(Code.DOCUMENT_DAMAGED if claimed else Code.NOT_A_PDF)


def _holds(path: str, needle: bytes) -> bool:
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(needle) >= 0


def _text_kind(path: str, head: bytes) -> Kind | None:
    claimed = SUFFIXES.get(suffix(path))
    known = claimed in _TEXT_KINDS
    # What no name vouches for is only looked at as a whole if its beginning could be text.
    if (claimed is not None and not known) or suffix(path) in _OTHER_SUFFIXES:
        return None
    if not known and not (head.startswith(_BYTE_ORDER_MARKS) or _is_strict_text(head[:-4])):
        return None
    try:
        text = decode(read_text_bytes(path), strict=not known)
    except UnicodeDecodeError:
        return None
    if not known and (_CONTROL.search(text) or _PIECE_OF_A_PDF.search(text)):
        return None
    return claimed if known and claimed is not None else "text"


def _is_strict_text(head: bytes) -> bool:
    try:
        return not _CONTROL.search(codecs.getincrementaldecoder("utf-8")().decode(head))
    except UnicodeDecodeError:
        return False


def read_text_bytes(path: str, limit: int = MAX_TEXT_BYTES) -> bytes:
    """All bytes of a file of text. Raises ``too_large``, ``file_missing`` or ``file_unreadable``."""
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise DocentError(Code.FILE_MISSING) from error
    except OSError as error:
        raise DocentError(Code.FILE_UNREADABLE) from error
    if len(data) > limit:
        raise DocentError(Code.TOO_LARGE, limit=f"{limit // 1_000_000} MB of text")
    return data


def decode(data: bytes, *, strict: bool = False) -> str:
    """The text of ``data``: UTF-16 by its mark, UTF-8, or else (unless ``strict``) Windows' Western code page.

    Raises:
        UnicodeDecodeError: it is no text.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if strict:
            raise
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise UnicodeDecodeError("utf-8", b"", 0, 1, "a NUL is no text")
    return text

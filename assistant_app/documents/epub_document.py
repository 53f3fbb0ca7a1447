"""EPUB: an archive of HTML pages, in the order that its package file lists them. https://www.w3.org/TR/epub-33/"""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from assistant_app.documents.archive import Archive
from assistant_app.documents.html_document import read_html
from assistant_app.documents.sections import FlowBuilder, SectionedDocument
from assistant_app.errors import Code, DocentError

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document")
_ONLY_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Algorithms that garble fonts and leave the text alone."""


class EpubDocument(SectionedDocument):
    def __init__(self, path: str) -> None:
        """
        Raises:
            DocentError: ``document_damaged``, ``encryption_unsupported`` (copy protection) or ``too_large``.
        """
        builder = FlowBuilder()
        with Archive(path) as archive:
            _refuse_protected(archive)
            place = _package_place(archive)
            package = _xml(archive, place)
            title, author = _text(package, "title"), _text(package, "creator")
            pages = [name for name in _pages(package, posixpath.dirname(place)) if name in archive.names]
            if not pages:
                raise DocentError(Code.DOCUMENT_DAMAGED)
            for name in pages:
                read_html(archive.read(name), builder)
        super().__init__("epub", builder.flow(title, author))


def _xml(archive: Archive, name: str) -> Element:
    try:
        root: Element = fromstring(archive.read(name))
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise DocentError(Code.DOCUMENT_DAMAGED) from error
    return root


def _local(element: Element) -> str:
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def _all(root: Element, name: str) -> list[Element]:
    return [element for element in root.iter() if _local(element) == name]


def _text(root: Element, name: str) -> str:
    found = _all(root, name)
    return (found[0].text or "") if found else ""


def _refuse_protected(archive: Archive) -> None:
    if _ENCRYPTION not in archive.names:
        return
    methods = _all(_xml(archive, _ENCRYPTION), "EncryptionMethod")
    if any(method.get("Algorithm") not in _ONLY_FONTS for method in methods):
        raise DocentError(Code.ENCRYPTION_UNSUPPORTED)


def _package_place(archive: Archive) -> str:
    for rootfile in _all(_xml(archive, _CONTAINER), "rootfile"):
        place = rootfile.get("full-path", "")
        if place in archive.names:
            return place
    raise DocentError(Code.DOCUMENT_DAMAGED)


def _pages(package: Element, folder: str) -> list[str]:
    """The names of the pages in reading order, once each."""
    items = {item.get("id", ""): item for item in _all(package, "item")}
    names: dict[str, None] = {}
    for reference in _all(package, "itemref"):
        item = items.get(reference.get("idref", ""))
        if item is not None and item.get("media-type") in _PAGES:
            names[_member(folder, item.get("href", ""))] = None
    return list(names)


def _member(folder: str, reference: str) -> str:
    try:
        return posixpath.normpath(posixpath.join(folder, unquote(urlsplit(reference).path)))
    except ValueError:  # Brackets that are no address.
        return ""

"""A content as it comes into being: pages are collected, then embedded and stored together, and given to a document.

Where the document was indexed before, pages that are as they were stay where they are: they are not cut, embedded or
stored again, and only the others take the place of what is gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from assistant_app.documents.cutting import CutPage, embedded_text
from assistant_app.documents.passages import Span
from assistant_app.library.catalog import Catalog, Kept, Page
from assistant_app.library.embedder import Embedder
from assistant_app.library.vectors import Vectors
from assistant_app.protocol.records import Document

STORE_AT_ONCE = 256
"""Passages that are collected before they are embedded and stored."""
EMBED_AT_ONCE = 32
"""Passages that are embedded before a question gets its turn: a tenth of a second."""


class NewContent:
    """What one file holds now. Nothing of it is found by a search before :meth:`give_to`."""

    def __init__(
        self,
        known: Catalog,
        vectors: Vectors,
        embedder: Embedder,
        name: str,
        content_hash: str,
        read_by: int,
        old: int | None = None,
    ) -> None:
        """
        Args:
            name: the document's name, as it is embedded.
            read_by: the version of the reading.
            old: the content that the document has and no other, if it was read by the same version.
        """
        self._catalog = known
        self._vectors = vectors
        self._embedder = embedder
        self._name = name
        self._hash = content_hash
        self._read_by = read_by
        self._old = old
        self._held = {} if old is None else known.held_pages(old)
        self._old_kind = None if old is None else known.kind_of(old)
        self._kept: list[Kept] = []
        self._new_ids: list[int] = []
        self._waiting: list[tuple[CutPage, int]] = []
        self._passages = 0
        self._base = 0
        self._id: int | None = None

    @property
    def known(self) -> dict[bytes, list[Span]]:
        """Where pages of the old content are cut, by their key."""
        return {key: [Span(piece.start, piece.length) for piece in held[0].pieces] for key, held in self._held.items()}

    @property
    def is_full(self) -> bool:
        """Whether it is time to :meth:`flush`."""
        return self._passages >= STORE_AT_ONCE

    def add(self, page: CutPage) -> None:
        """Take a page, in order."""
        if self._held and page.page.kind != self._old_kind:
            self._held = {}
        base = 0 if page.page.paged else self._base
        self._base += len(page.page.text)
        if self._is_kept(page, base):
            return
        if self._id is None:
            self._id = self._catalog.begin_content(self._hash, page.page.kind, page.page.paged, self._read_by)
        self._waiting.append((page, base))
        self._passages += len(page.pieces)

    def _is_kept(self, page: CutPage, base: int) -> bool:
        held = self._held.get(page.key, [])
        for place, one in enumerate(held):
            if one.pieces == page.pieces:
                del held[place]
                self._kept.append(Kept(one.number, page.page.page, page.page.label, base))
                return True
        return False

    def flush(self, turn: Callable[[], None]) -> None:
        """Embed and store what was collected. ``turn`` is called between steps, and may raise."""
        pages, self._waiting, self._passages = self._waiting, [], 0
        if not pages or self._id is None:
            return
        texts = [
            embedded_text(self._name, piece, page.page.text[piece.start : piece.start + piece.length])
            for page, _ in pages
            for piece in page.pieces
        ]
        keys = [passage_key(text) for text in texts]
        numbers: Iterator[int] = iter(())
        if texts:
            vectors = self._vectors_of(dict(zip(keys, texts, strict=True)), turn)
            ids = self._catalog.reserve_passage_ids(len(texts))
            self._vectors.put(self._id, ids, np.stack([vectors[key] for key in keys]))
            self._new_ids += ids
            numbers = iter(ids)
        keyed = iter(keys)
        stored = []
        for cut_page, base in pages:
            page = cut_page.page
            passages = [(next(numbers), piece, next(keyed)) for piece in cut_page.pieces]
            stored.append(
                Page(page.page, page.label, page.text, passages, base, page.headings, page.words, cut_page.key)
            )
        self._catalog.add_pages(self._id, self._name, stored)

    def _vectors_of(self, texts: Mapping[bytes, str], turn: Callable[[], None]) -> dict[bytes, NDArray[np.float32]]:
        """The vector of each text by its key: known ones from the store, the others embedded, short ones together."""
        known = self._catalog.with_keys(texts)
        held = self._vectors.get(list(known.values())) if known else {}
        found = {key: held[number] for key, number in known.items() if number in held}
        new = sorted((key for key in texts if key not in found), key=lambda key: len(texts[key]))
        for first in range(0, len(new), EMBED_AT_ONCE):
            turn()
            some = new[first : first + EMBED_AT_ONCE]
            found.update(zip(some, self._embedder.embed([texts[key] for key in some]), strict=True))
        return found

    def give_to(self, document: Document, modified_ns: int, device: int) -> None:
        """All pages came: ``document`` has this content now, in place of what it had; a failed one has none."""
        if self._old is None or not self._kept:
            self._catalog.put(
                document,
                content_id=self._id,
                content_hash=self._hash,
                modified_ns=modified_ns,
                read_by=self._read_by,
                device=device,
            )
            return
        self._vectors.move(self._old, self._new_ids)
        gone = self._catalog.revise(
            document,
            content_id=self._old,
            staged_id=self._id,
            kept=self._kept,
            content_hash=self._hash,
            modified_ns=modified_ns,
            read_by=self._read_by,
            device=device,
        )
        self._vectors.remove(gone)

    def end(self) -> None:
        """Nothing more comes, whether it was given to a document or not."""
        if self._id is not None:
            self._catalog.end_content(self._id)


def passage_key(text: str) -> bytes:
    """Digest (16 bytes) of what was embedded: passages with the same key have the same vector, for a store holds the
    vectors of one model only."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()

"""Reads the header of a GGUF file: names, numbers and the list of tensors, never the weights.

The file is untrusted: every count and length is bounded before it is believed, nothing is mapped into memory (a file
that shrinks under a mapping kills the process), and every way it can be wrong is a :class:`DocentError`. The format is
described in https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import functools
import math
import os
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gguf.constants import GGML_QUANT_SIZES

from assistant_app.errors import Code, DocentError

Role = Literal["model", "adapter"]
Value = int | float | bool | str | list[int | float | bool | str]

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ALIGNMENT = 32
_ALIGNMENT_KEY = "general.alignment"
"""Of the tensors' data, where the header names none."""

LONGEST_HEADER = 256 * 2**20
LONGEST_KEY = 2**16 - 1
LONGEST_STRING = 16 * 2**20
MOST_VALUES = 2**16
MOST_TENSORS = 2**17
MOST_DIMENSIONS = 4
MOST_ELEMENTS = 2**26
"""Of an array; the biggest vocabularies have some 300,000 tokens."""

KEPT_ELEMENTS = 1024
"""Arrays up to this length are kept (one number per layer); of longer ones (vocabularies) only the length."""

_VOCABULARY = "tokenizer.ggml.tokens"
_BLOCK = 2**20
UINT32, FLOAT32 = 4, 6
_STRING, ARRAY = 8, 9
_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""struct formats of the scalar types, by their number in the file."""

_QUANT_SIZES = {int(kind): sizes for kind, sizes in GGML_QUANT_SIZES.items()}
"""Type number to (elements per block, bytes per block)."""


@dataclass(frozen=True)
class Tensor:
    """One tensor. ``shape`` has the fastest dimension first; ``size`` in bytes is -1 for a type that is not known."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    size: int


@dataclass(frozen=True)
class Header:
    """What a GGUF file says about itself.

    Attributes:
        values: key to value; long arrays are left out.
        lengths: key to length, for every array.
        kinds: key to the number of its type in the file; of an array that of arrays, and that of its elements.
        size: bytes of the file.
        missing: bytes of tensor data that should be in the file and are not; 0 for a whole file.
    """

    path: str
    size: int
    values: dict[str, Value] = field(repr=False)
    lengths: dict[str, int] = field(repr=False)
    kinds: dict[str, tuple[int, ...]] = field(repr=False)
    tensors: dict[str, Tensor] = field(repr=False)
    missing: int

    def text(self, key: str) -> str:
        """A text value, "" where there is none."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def integer(self, key: str, default: int = 0) -> int:
        """A whole number, ``default`` where there is none."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")


def read_header(path: str | os.PathLike[str], role: Role) -> Header:
    """Read the header of the file at ``path``.

    Args:
        role: what the file was offered as; it chooses the codes.

    Raises:
        DocentError: ``<role>_missing``, ``<role>_unreadable``, ``<role>_not_gguf``, ``<role>_truncated``
            (``missing_bytes``, at least), ``<role>_damaged``.
    """
    name = os.fspath(path)
    said = name.encode("utf-8", "replace").decode()
    if said != name:  # neither the pipe nor JSON could carry it
        raise DocentError(Code(f"{role}_unreadable"), path=said)
    try:
        status = os.stat(name)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise DocentError(Code(f"{role}_missing"), path=name) from None
    except OSError as problem:
        raise DocentError(Code(f"{role}_unreadable"), path=name) from problem
    if not stat.S_ISREG(status.st_mode):
        raise DocentError(Code(f"{role}_not_gguf"), path=name)
    return _read(name, role, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=16)
def _read(path: str, role: Role, _changed: int, size: int) -> Header:
    """Read, or remember what was read while the file is the same."""
    try:
        with Path(path).open("rb") as stream:
            return _Parser(path, role, size, stream.read).header()
    except OSError as problem:
        raise DocentError(Code(f"{role}_unreadable"), path=path) from problem


class _Parser:
    """One pass through one header."""

    def __init__(self, path: str, role: Role, size: int, read: Callable[[int], bytes]) -> None:
        self._path, self._role, self._size, self._read = path, role, size, read
        self._buffer = bytearray()
        self._position = 0

    def _damaged(self) -> DocentError:
        return DocentError(Code(f"{self._role}_damaged"), path=self._path)

    def _truncated(self, missing: int) -> DocentError:
        return DocentError(Code(f"{self._role}_truncated"), path=self._path, missing_bytes=missing)

    def _need(self, count: int) -> int:
        """Have ``count`` more bytes in the buffer; returns where they start, and steps over them."""
        start, end = self._position, self._position + count
        if end > LONGEST_HEADER:
            raise self._damaged()
        while len(self._buffer) < end:
            block = self._read(max(_BLOCK, end - len(self._buffer)))
            if not block:
                raise self._truncated(end - len(self._buffer))
            self._buffer += block
        self._position = end
        return start

    def _number(self, layout: str) -> int:
        value = struct.unpack_from(layout, self._buffer, self._need(struct.calcsize(layout)))[0]
        assert isinstance(value, int)
        return value

    def _bytes(self, longest: int) -> bytes:
        length = self._number("<Q")
        if length > longest:
            raise self._damaged()
        start = self._need(length)
        return bytes(self._buffer[start : start + length])

    def _name(self) -> str:
        try:
            name = self._bytes(LONGEST_KEY).decode("utf-8")
        except UnicodeDecodeError as problem:
            raise self._damaged() from problem
        if not name:
            raise self._damaged()
        return name

    def _scalar(self, kind: int) -> int | float | bool | str:
        if kind == _STRING:
            return self._bytes(LONGEST_STRING).decode("utf-8", "replace")
        layout = _FORMATS.get(kind)
        if layout is None:
            raise self._damaged()
        value: int | float | bool = struct.unpack_from(layout, self._buffer, self._need(struct.calcsize(layout)))[0]
        return value

    def _array(self, key: str) -> tuple[int, int, Value | None]:
        """The elements' type, the length and, of a short one, the elements."""
        kind, length = self._number("<I"), self._number("<Q")
        # Arrays of arrays are allowed by the format and by no loader.
        if length > MOST_ELEMENTS or (kind != _STRING and kind not in _FORMATS):
            raise self._damaged()
        if key == _VOCABULARY and kind == _STRING:
            self._vocabulary(length)
        elif length <= KEPT_ELEMENTS:
            return kind, length, [self._scalar(kind) for _ in range(length)]
        elif kind == _STRING:
            for _ in range(length):
                self._bytes(LONGEST_STRING)
        else:
            self._need(length * struct.calcsize(_FORMATS[kind]))
        return kind, length, None

    def _vocabulary(self, length: int) -> None:
        """Step over the tokens; each may be there once, or llama.cpp ends the process. (It renames empty ones.)"""
        seen: set[bytes] = set()
        for _ in range(length):
            token = self._bytes(LONGEST_STRING)
            if token in seen:
                raise self._damaged()
            if token:
                seen.add(token)

    def header(self) -> Header:
        magic = self._read(4)
        if magic != MAGIC:
            raise DocentError(Code(f"{self._role}_not_gguf"), path=self._path)
        self._buffer += magic
        self._position = 4
        if self._number("<I") not in VERSIONS:
            raise self._damaged()
        tensor_count, value_count = self._number("<Q"), self._number("<Q")
        if tensor_count > MOST_TENSORS or value_count > MOST_VALUES:
            raise self._damaged()
        values: dict[str, Value] = {}
        lengths: dict[str, int] = {}
        kinds: dict[str, tuple[int, ...]] = {}
        for _ in range(value_count):
            key, kind = self._name(), self._number("<I")
            if key in kinds:
                raise self._damaged()
            kinds[key] = (kind,)
            if kind == ARRAY:
                inner, lengths[key], elements = self._array(key)
                kinds[key] = (kind, inner)
                if elements is not None:
                    values[key] = elements
            else:
                values[key] = self._scalar(kind)
        alignment = values.get(_ALIGNMENT_KEY, ALIGNMENT)
        # llama.cpp ends the process where a value that it asks for has another type.
        known = kinds.get(_ALIGNMENT_KEY, (UINT32,)) == (UINT32,)
        if not known or not isinstance(alignment, int) or not 1 <= alignment <= 2**20 or alignment & (alignment - 1):
            raise self._damaged()
        tensors = self._tensors(tensor_count, alignment)
        missing = self._missing(tensors, alignment)
        return Header(self._path, self._size, values, lengths, kinds, tensors, missing)

    def _tensors(self, count: int, alignment: int) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        expected: int | None = 0
        for _ in range(count):
            tensor = self._tensor()
            # llama.cpp insists on data without gaps, in the order of the list.
            if tensor.name in tensors or tensor.offset % alignment or expected not in (None, tensor.offset):
                raise self._damaged()
            tensors[tensor.name] = tensor
            expected = _padded(tensor.offset + tensor.size, alignment) if tensor.size >= 0 else None
        return tensors

    def _tensor(self) -> Tensor:
        name = self._name()
        dimensions = self._number("<I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise self._damaged()
        shape = tuple(self._number("<Q") for _ in range(dimensions))
        elements = math.prod(shape)
        if not 0 < elements < 2**48:
            raise self._damaged()
        kind, offset = self._number("<I"), self._number("<Q")
        size = -1
        if kind in _QUANT_SIZES:
            per_block, block_bytes = _QUANT_SIZES[kind]
            if shape[0] % per_block:
                raise self._damaged()
            size = elements // per_block * block_bytes
        return Tensor(name, shape, kind, offset, size)

    def _missing(self, tensors: dict[str, Tensor], alignment: int) -> int:
        if not tensors:
            return 0
        start = _padded(self._position, alignment)
        return max(0, max(start + each.offset + max(each.size, 0) for each in tensors.values()) - self._size)


def _padded(position: int, alignment: int) -> int:
    return (position + alignment - 1) // alignment * alignment

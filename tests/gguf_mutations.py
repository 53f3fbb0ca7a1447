"""GGUF files changed on purpose: taken apart, one thing of the structure made wrong, and put together again.

Flipping bytes seldom makes a file that is well formed and yet wrong; this does: a value of another type, a tensor of
another type or shape, a place that is not its own.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests import ggufs

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_TENSOR_TYPES = (*range(42), 99, 2**31)


class Value(NamedTuple):
    """A value of the header: its key, its type's number and its bytes."""

    key: bytes
    kind: int
    content: bytes


class Info(NamedTuple):
    """A tensor of the header."""

    name: bytes
    shape: tuple[int, ...]
    kind: int
    offset: int


class File(NamedTuple):
    """A GGUF file, taken apart."""

    values: list[Value]
    tensors: list[Info]
    data: bytes


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def number(self, layout: str) -> int:
        (value,) = struct.unpack_from(layout, self.raw, self.at)
        self.at += struct.calcsize(layout)
        return int(value)

    def text(self) -> bytes:
        length = self.number("<Q")
        self.at += length
        return self.raw[self.at - length : self.at]

    def content(self, kind: int) -> bytes:
        start = self.at
        if kind == _STRING:
            self.text()
        elif kind == _ARRAY:
            inner, length = self.number("<I"), self.number("<Q")
            for _ in range(length):
                self.content(inner)
        else:
            self.at += _SIZES[kind]
        return self.raw[start : self.at]


def take_apart(path: Path) -> File:
    """What ``path`` is made of."""
    reader = _Reader(path.read_bytes())
    reader.at = 8
    tensors, values = reader.number("<Q"), reader.number("<Q")
    found = File([], [], reader.raw[ggufs.header_length(path) :])
    for _ in range(values):
        key, kind = reader.text(), reader.number("<I")
        found.values.append(Value(key, kind, reader.content(kind)))
    for _ in range(tensors):
        name, dimensions = reader.text(), reader.number("<I")
        shape = tuple(reader.number("<Q") for _ in range(dimensions))
        found.tensors.append(Info(name, shape, reader.number("<I"), reader.number("<Q")))
    return found


def put_together(file: File) -> bytes:
    """The bytes of a GGUF file, version 3, aligned to 32."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(file.tensors), len(file.values))]
    for value in file.values:
        parts += [_text(value.key), struct.pack("<I", value.kind), value.content]
    for tensor in file.tensors:
        parts += [_text(tensor.name), struct.pack("<I", len(tensor.shape))]
        parts += [struct.pack("<Q", size) for size in tensor.shape]
        parts.append(struct.pack("<IQ", tensor.kind, tensor.offset))
    head = b"".join(parts)
    return head + bytes(-len(head) % 32) + file.data


def _text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def scalar(kind: int, number: float = 1) -> bytes:
    """A value of the type ``kind``, as its bytes; a list holds one number."""
    if kind == _STRING:
        return _text(b"1")
    if kind == _ARRAY:
        return struct.pack("<IQ", 4, 1) + struct.pack("<I", 1)
    layout = {6: "<f", 12: "<d"}.get(kind)
    if layout:
        return struct.pack(layout, number)
    return struct.pack("<q", int(number))[: _SIZES[kind]]


# ---------------------------------------------------------------- what is made wrong


def _other_kind(file: File, chance: random.Random) -> File:
    at = chance.randrange(len(file.values))
    kind = chance.choice([each for each in (*_SIZES, _STRING, _ARRAY) if each != file.values[at].kind])
    file.values[at] = Value(file.values[at].key, kind, scalar(kind, chance.choice((0, 1, 3))))
    return file


def _other_number(file: File, chance: random.Random) -> File:
    numbers = [at for at, value in enumerate(file.values) if value.kind in _SIZES]
    at = chance.choice(numbers)
    value = file.values[at]
    number = chance.choice((0, 1, 2, 3, 7, 513, 2**31 - 1, -1))
    file.values[at] = value._replace(content=scalar(value.kind, number))
    return file


def _other_list(file: File, chance: random.Random) -> File:
    """A list of another type, longer, shorter or empty; where there is none, one is added."""
    lists = [at for at, value in enumerate(file.values) if value.kind == _ARRAY]
    kind, length = chance.choice((0, 4, 5, 6, 7, _STRING, 12)), chance.choice((0, 1, 7, 300))
    content = struct.pack("<IQ", kind, length) + scalar(kind) * length
    if not lists:
        file.values.append(Value(b"adapter.alora.invocation_tokens", _ARRAY, content))
        return file
    at = chance.choice(lists)
    file.values[at] = file.values[at]._replace(content=content)
    return file


def _gone(file: File, chance: random.Random) -> File:
    del file.values[chance.randrange(len(file.values))]
    return file


def _no_tensor(file: File, chance: random.Random) -> File:
    del file.tensors[chance.randrange(len(file.tensors))]
    return file


def _other_tensor_kind(file: File, chance: random.Random) -> File:
    at = chance.randrange(len(file.tensors))
    file.tensors[at] = file.tensors[at]._replace(kind=chance.choice(_TENSOR_TYPES))
    return file


def _all_of_another_kind(file: File, chance: random.Random) -> File:
    """Every tensor of a type that takes less room: data, shapes and places agree."""
    kind, per_block, size = chance.choice(((1, 1, 2), (30, 1, 2), (24, 1, 1), (25, 1, 2), (8, 32, 34), (9, 32, 36)))
    offset = 0
    for at, tensor in enumerate(file.tensors):
        count = 1
        for each in tensor.shape:
            count *= each
        file.tensors[at] = tensor._replace(kind=kind, offset=offset)
        offset += -(-(count // per_block * size) // 32) * 32
    return file


def _other_shape(file: File, chance: random.Random) -> File:
    at = chance.randrange(len(file.tensors))
    tensor = file.tensors[at]
    shape = chance.choice(
        (
            tensor.shape[::-1],
            (*tensor.shape, 1),
            (*tensor.shape, 1, 1),
            tensor.shape[:1],
            (0, *tensor.shape[1:]),
            (tensor.shape[0] * 2, *tensor.shape[1:]),
            (2**62, 4),
            (-1 & (2**64 - 1), *tensor.shape[1:]),
        )
    )
    file.tensors[at] = tensor._replace(shape=shape)
    return file


def _other_place(file: File, chance: random.Random) -> File:
    at = chance.randrange(len(file.tensors))
    offset = chance.choice((0, 1, 32, 2**40, 2**64 - 32))
    file.tensors[at] = file.tensors[at]._replace(offset=offset)
    return file


def _other_name(file: File, chance: random.Random) -> File:
    at, other = chance.randrange(len(file.tensors)), chance.choice(file.tensors)
    name = chance.choice((other.name, b"", b"x" * 80, b"\xff\xfe", other.name + b"\x00", b"blk.99999999999.attn_q"))
    file.tensors[at] = file.tensors[at]._replace(name=name)
    return file


def _no_number(file: File, chance: random.Random) -> File:
    """Weights that are no numbers, or are infinite."""
    data = bytearray(file.data)
    for _ in range(8):
        at = chance.randrange(len(data) // 4) * 4
        data[at : at + 4] = chance.choice((b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\xff\xff"))
    return file._replace(data=bytes(data))


CHANGES: tuple[Callable[[File, random.Random], File], ...] = (
    _other_kind,
    _other_number,
    _other_list,
    _gone,
    _no_tensor,
    _other_tensor_kind,
    _all_of_another_kind,
    _other_shape,
    _other_place,
    _other_name,
    _no_number,
)


def mutations(source: Path, folder: Path, count: int, seed: int) -> list[Path]:
    """``count`` files made of ``source``: every other one with a change of the structure, the rest with wrong bytes."""
    raw, end = source.read_bytes(), ggufs.header_length(source)
    chance = random.Random(seed)
    made = []
    for number in range(count):
        if number % 2:
            change = CHANGES[number // 2 % len(CHANGES)]
            content = put_together(change(take_apart(source), chance))
        else:
            content = _wrong_bytes(raw, end, chance)
        made.append(folder / f"{number}.gguf")
        made[-1].write_bytes(content)
    return made


def _wrong_bytes(raw: bytes, end: int, chance: random.Random) -> bytes:
    mutated = bytearray(raw)
    for _ in range(chance.choice((1, 1, 1, 3))):
        at = chance.randrange(end)
        mutated[at] = chance.choice((0, 1, 0xFF, mutated[at] ^ (1 << chance.randrange(8))))
    return bytes(mutated)

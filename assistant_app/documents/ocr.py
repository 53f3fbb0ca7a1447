"""Text recognition (OCR) of pages that are pictures, by rapidocr with the models in its package. An optional extra.

Only used inside a reader process. Nothing is fetched: the models are named by their files, the library gets no HTTP
client, and onnxruntime, which otherwise reports to its maker, is told not to before it is loaded.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from assistant_app.documents.page_text import clean
from assistant_app.documents.reading_order import in_reading_order
from assistant_app.protocol.records import Box, PageSize, Word

DOTS_PER_INCH = 200
MAX_PIXELS_EACH_WAY = 4_000
MAX_PIXELS = 6_000_000
"""onnxruntime's memory grows with the page: 1.4 GiB of address space for an A4 page at 200 dots per inch (3.9 million
pixels), 1.7 GiB for this many, 2.9 GiB for 16 million (measured). So the reader's limit of 2 GiB need not be raised."""

MIN_SCORE = 0.5
_SURE_SCORE = 0.85
_SURE_BOX = 0.3
"""Less than the library's own 0.5: what is no text is recognised with a low score and dropped."""

_TALL = 1.5
_INK = 40
_MARGIN = 50
_THREADS = 2
_MODELS = {"Det": "*det*.onnx", "Rec": "*rec*.onnx"}

Corners = tuple[float, float, float, float]


@dataclass
class Line:
    """A recognised line; boxes are left, top, right and bottom in fractions of the picture.

    ``words``: those that the model tells apart, which need not be the text's own.
    """

    text: str
    box: Corners
    score: float
    words: list[tuple[str, Corners]]


@cache
def model_files() -> dict[str, Path] | None:
    """The models in rapidocr's package, found without importing it; ``None`` where recognition is not installed."""
    spec = importlib.util.find_spec("rapidocr")
    if spec is None or spec.origin is None or importlib.util.find_spec("onnxruntime") is None:
        return None
    folder = Path(spec.origin).parent / "models"
    found = {part: sorted(folder.glob(pattern)) for part, pattern in _MODELS.items()}
    return {part: files[0] for part, files in found.items()} if all(found.values()) else None


def is_installed() -> bool:
    return model_files() is not None


def pixels_across(size: PageSize) -> int:
    """How wide a page is drawn to be recognised."""
    scale = DOTS_PER_INCH / 72
    scale = min(scale, MAX_PIXELS_EACH_WAY / max(size.width, size.height))
    scale = min(scale, (MAX_PIXELS / (size.width * size.height)) ** 0.5)
    return max(1, int(size.width * scale))


class _NoRequests(ModuleType):
    """Stands in for the HTTP client with which rapidocr downloads other models: its names, and nothing to fetch with.

    The real one opens a socket when it is imported, to see whether there is IPv6.
    """

    Response = object
    RequestException = OSError


class Recogniser:
    """Reads pictures. Making one imports the libraries and loads the models, which takes seconds."""

    def __init__(self) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # Each of its threads reserves memory.
        sys.modules.setdefault("requests", _NoRequests("requests"))
        import cv2
        import numpy
        from rapidocr import RapidOCR

        models = model_files()
        assert models is not None, "asked for only where is_installed()"
        cv2.setNumThreads(1)
        self._numpy, self._cv2 = numpy, cv2
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.text_score": 0.0,
                "Det.box_thresh": _SURE_BOX,
                "Global.max_side_len": MAX_PIXELS_EACH_WAY,
                "EngineConfig.onnxruntime.intra_op_num_threads": _THREADS,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                **{f"{part}.model_path": str(file) for part, file in models.items()},
            }
        )

    def read(self, png: bytes) -> tuple[str, list[Word]]:
        """The text of a picture, lines in reading order, and where each of its words stands.

        Raises:
            MemoryError: it does not fit into the reader's memory.
        """
        picture = self._cv2.imdecode(self._numpy.frombuffer(png, self._numpy.uint8), self._cv2.IMREAD_COLOR)
        if picture is None:
            return "", []
        window = self._window(picture)
        if window is None:
            return "", []
        left, top, right, bottom = window
        height, width = picture.shape[:2]
        part = picture[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
        turns, lines = self._upright(self._numpy.ascontiguousarray(part))
        height, width = part.shape[:2]
        shape = (width, height) if turns % 2 == 0 else (height, width)
        return text_and_words(in_reading_order(lines, shape), turns, window)

    def _window(self, picture: Any) -> Corners | None:
        """The part of the picture that differs from its paper; ``None`` for blank paper.

        On a page that is nearly all white the model sees nothing (tried: a single line on A4 is only found without the
        white around it).
        """
        height, width = picture.shape[:2]
        shade = picture.min(axis=2).astype(self._numpy.int16)
        ink = abs(shade - int(self._numpy.median(shade[::8, ::8]))) > _INK
        rows, columns = ink.any(axis=1).nonzero()[0], ink.any(axis=0).nonzero()[0]
        if not len(rows):
            return None
        return (
            max(0, int(columns[0]) - _MARGIN) / width,
            max(0, int(rows[0]) - _MARGIN) / height,
            min(width, int(columns[-1]) + _MARGIN) / width,
            min(height, int(rows[-1]) + _MARGIN) / height,
        )

    def _upright(self, picture: Any) -> tuple[int, list[Line]]:
        """The quarter turns (against the clock) after which most can be read, and the lines read then."""
        turns = 0
        best = self._lines(picture) or self._lines(self._cv2.resize(picture, None, fx=0.5, fy=0.5))
        if not best:
            return turns, best
        height, width = picture.shape[:2]
        tall = [_height(line.box) * height > _TALL * _width(line.box) * width for line in best if len(line.text) > 1]
        if sum(tall) * 2 > len(tall):
            others = [1, 3]
        elif _mean_score(best) < _SURE_SCORE:
            others = [2]
        else:
            others = []
        for other in others:
            lines = self._lines(self._numpy.ascontiguousarray(self._numpy.rot90(picture, other)))
            if _evidence(lines) > _evidence(best) or (turns == 0 and len(others) == 2 and lines):
                turns, best = other, lines
        return turns, [line for line in best if line.score >= MIN_SCORE]

    def _lines(self, picture: Any) -> list[Line]:
        height, width = picture.shape[:2]
        found = self._recognised(picture)
        if found.boxes is None or found.txts is None:
            return []
        words: Sequence[Any] = found.word_results or ()
        if len(words) != len(found.txts):
            words = [()] * len(found.txts)
        return [
            Line(text, _corners(box, width, height), float(score), _line_words(each, width, height))
            for text, box, score, each in zip(map(_one_line, found.txts), found.boxes, found.scores, words, strict=True)
            if text
        ]

    def _recognised(self, picture: Any) -> Any:
        try:
            return self._engine(picture, return_word_box=True)
        except IndexError:  # Its words do not always fit its lines.
            return self._engine(picture, return_word_box=False)
        except Exception as error:  # The engine has no class of its own for want of memory; its words tell it.
            if "bad_alloc" in str(error) or "allocate" in str(error):
                raise MemoryError from error
            raise


def text_and_words(rows: Sequence[Sequence[Line]], turns: int, window: Corners) -> tuple[str, list[Word]]:
    """Rows of lines that stand side by side become lines of text.

    Boxes are turned back by ``turns``, and then are fractions of the page, of which the picture is the ``window``.
    """
    texts: list[str] = []
    words: list[Word] = []
    start = 0
    for row in rows:
        for line in row:
            for token in re.finditer(r"\S+", line.text):
                corners = _turned_back(_word_corners(line, token.start(), token.end()), turns)
                box = _on_page(corners, window)
                words.append(Word(start=start + token.start(), length=len(token[0]), box=box))
            start += len(line.text) + 1
        texts.append(" ".join(line.text for line in row))
    return "\n".join(texts), words


def _word_corners(line: Line, start: int, end: int) -> Corners:
    """From the model's words where they can be found in the line, else by the characters' share of the line's width."""
    at, corners = 0, []
    for text, box in line.words:
        at = line.text.find(text, at)
        if at < 0:
            break
        if at < end and at + len(text) > start:
            corners.append(box)
        at += len(text)
    if corners and at >= end:
        lefts, tops, rights, bottoms = zip(*corners, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)
    left, top, right, bottom = line.box
    step = (right - left) / len(line.text)
    return left + start * step, top, left + end * step, bottom


def _turned_back(corners: Corners, turns: int) -> Corners:
    left, top, right, bottom = corners
    if turns == 1:
        return 1 - bottom, left, 1 - top, right
    if turns == 2:
        return 1 - right, 1 - bottom, 1 - left, 1 - top
    if turns == 3:
        return top, 1 - right, bottom, 1 - left
    return corners


def _on_page(corners: Corners, window: Corners) -> Box:
    left, top, right, bottom = corners
    across, down = _width(window), _height(window)
    return Box(
        left=window[0] + left * across,
        top=window[1] + top * down,
        right=window[0] + right * across,
        bottom=window[1] + bottom * down,
    )


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _corners(points: Any, width: int, height: int) -> Corners:
    """The upright rectangle around four corners in pixels, as fractions."""
    across = [min(max(float(point[0]) / width, 0.0), 1.0) for point in points]
    down = [min(max(float(point[1]) / height, 0.0), 1.0) for point in points]
    return min(across), min(down), max(across), max(down)


def _line_words(found: Any, width: int, height: int) -> list[tuple[str, Corners]]:
    return [(str(text), _corners(box, width, height)) for text, _, box in found if str(text).strip()]


def _width(box: Corners) -> float:
    return box[2] - box[0]


def _height(box: Corners) -> float:
    return box[3] - box[1]


def _mean_score(lines: Sequence[Line]) -> float:
    return sum(line.score for line in lines) / len(lines)


def _evidence(lines: Sequence[Line]) -> float:
    """How much was read, and how surely. Text on its head is read as little that is sure."""
    return sum(len(line.text) * max(0.0, line.score - MIN_SCORE) for line in lines)

"""Makes the examples that the adapters in ``models/adapters`` are trained with.

    .venv/bin/python tools/adapter_examples.py grounded.jsonl [--record] [--rounds N] [--seed N] [--without-written]

From the articles of XQuAD (English, CC BY-SA 4.0, in DOCENT_TEST_DATA) that are not held out, from questions on the
project's own documents (``models/adapters/own_documents.jsonl``), and from articles that were written for this purpose
(``models/adapters/written``). Each round asks every question once, on sources that are mixed anew: one to six, whole
paragraphs or passages, in any order; most of them wrong ones, mostly of the same article, because that is what search
gives. About a fifth of the questions cannot be answered from their sources. Questions that share their sources stand
together: training computes the sources once for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from assistant_app.answering.formats import AnswerRecord, write_record  # noqa: E402
from assistant_app.answering.prompts import NOT_FOUND, harmless  # noqa: E402
from assistant_app.documents.passages import sentences  # noqa: E402
from assistant_app.protocol.records import Format  # noqa: E402
from assistant_app.protocol.training import Example, SourceText  # noqa: E402

OWN = ROOT / "models" / "adapters" / "own_documents.jsonl"
WRITTEN = ROOT / "models" / "adapters" / "written"
HELD_OUT_EVERY = 5
"""Of the articles by title, every fifth is measured with and never learnt."""

UNANSWERABLE = 0.2
QUOTED = 0.3
"""Of the paragraphs, where the answers are records: these get quotation marks."""
PASSAGE_WORDS = (50, 110)


class Asked(NamedTuple):
    """A question; ``start`` is where its answer begins in the paragraph's text."""

    question: str
    answer: str
    start: int


class Paragraph(NamedTuple):
    """A paragraph of an article, and what is asked about it."""

    article: str
    text: str
    asked: tuple[Asked, ...]


def shared() -> Path:
    return Path(os.environ.get("DOCENT_TEST_DATA", ROOT.parent / "shared" / "data"))


def xquad(*, held_out: bool) -> list[Paragraph]:
    """The paragraphs of the articles that are held out, or of the others."""
    articles = json.loads((shared() / "xquad" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    found = []
    for number, article in enumerate(sorted(articles, key=lambda article: str(article["title"])), start=1):
        if (number % HELD_OUT_EVERY == 0) == held_out:
            title = re.sub(r"[_/]", " ", article["title"])
            for paragraph in article["paragraphs"]:
                asked = tuple(
                    Asked(each["question"].strip(), each["answers"][0]["text"], each["answers"][0]["answer_start"])
                    for each in paragraph["qas"]
                )
                found.append(Paragraph(title, paragraph["context"], asked))
    return found


def own_documents() -> list[Paragraph]:
    """The paragraphs of the project's documents about which something is asked."""
    found: dict[tuple[str, str], list[Asked]] = {}
    for line in OWN.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        paragraphs = re.split(r"\n\s*\n", (ROOT / item["document"]).read_text(encoding="utf-8"))
        for paragraph in (" ".join(each.split()) for each in paragraphs):
            if item["quote"] in paragraph:
                start = paragraph.index(item["quote"]) + item["quote"].index(item["answer"])
                key = (Path(item["document"]).stem, paragraph)
                found.setdefault(key, []).append(Asked(item["question"], item["answer"], start))
                break
        else:
            print(f"No longer in {item['document']}, left out: {item['question']}", file=sys.stderr)
    return [Paragraph(name, text, tuple(asked)) for (name, text), asked in found.items()]


def written() -> list[Paragraph]:
    """The articles in :data:`WRITTEN`: a line ``# title``; each paragraph a line; then ``? question`` and ``= answer``.

    Raises:
        ValueError: a line is none of these, or an answer does not stand in its paragraph.
    """
    found: list[Paragraph] = []
    for path in sorted(WRITTEN.glob("*.txt")):
        title = question = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            kind, _, rest = line.partition(" ")
            try:
                if kind == "#":
                    title = rest
                elif kind == "?":
                    question = rest
                elif kind == "=":
                    asked = Asked(question, rest, _place(rest, question, found[-1].text))
                    found[-1] = found[-1]._replace(asked=(*found[-1].asked, asked))
                elif line:
                    found.append(Paragraph(title, line, ()))
            except ValueError as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from error
    return found


def _place(answer: str, question: str, text: str) -> int:
    """Where ``answer`` stands as whole words in ``text``: of several places, in the sentence most like the question."""
    spans = list(sentences(text))
    of_question = set(_words(question))

    def likeness(start: int) -> int:
        span = next(span for span in spans if span.start <= start < span.start + span.length)
        return len(of_question.intersection(_words(text[span.start : span.start + span.length])))

    places = [match.start() for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", text)]
    if not places:
        raise ValueError(f"{answer!r} does not stand in its paragraph")
    return max(places, key=likeness)


def quoted(paragraph: Paragraph, chance: random.Random) -> Paragraph:
    """The paragraph with quotation marks around a few words of each sentence that has none: a record has to escape
    them, and too few texts teach it."""
    marks: list[int] = []
    for span in sentences(paragraph.text):
        sentence = paragraph.text[span.start : span.start + span.length]
        words = list(re.finditer(r"\w[\w'-]*", sentence))
        if '"' in sentence or len(words) < 4:
            continue
        first = chance.randrange(len(words))
        last = min(first + chance.randrange(4), len(words) - 1)
        around = span.start + words[first].start(), span.start + words[last].end()
        if not any(
            sum(each.start < mark < each.start + len(each.answer) for mark in around) == 1 for each in paragraph.asked
        ):
            marks += around
    parts = [paragraph.text[start:end] for start, end in pairwise([0, *marks, len(paragraph.text)])]
    text = '"'.join(parts)
    asked = []
    for each in paragraph.asked:
        end = each.start + len(each.answer)
        start, end = each.start + bisect_right(marks, each.start), end + bisect_left(marks, end)
        asked.append(Asked(each.question, text[start:end], start))
    return Paragraph(paragraph.article, text, tuple(asked))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


class _Piece(NamedTuple):
    """A source: a stretch of a paragraph."""

    of: Paragraph
    start: int
    end: int


def _pieces(paragraph: Paragraph, chance: random.Random) -> list[_Piece]:
    """The paragraph in passages of whole sentences."""
    pieces: list[_Piece] = []
    start, words, most = 0, 0, chance.randint(*PASSAGE_WORDS)
    for span in sentences(paragraph.text):
        end = span.start + span.length
        words += len(paragraph.text[span.start : end].split())
        if words >= most:
            pieces.append(_Piece(paragraph, start, end))
            start, words = end, 0
    if start < len(paragraph.text):
        pieces.append(_Piece(paragraph, start, len(paragraph.text)))
    return pieces


def groups(paragraphs: Sequence[Paragraph], chance: random.Random) -> Iterator[tuple[list[Paragraph], list[_Piece]]]:
    """Every paragraph once, with others: the paragraphs whose questions are asked, and the sources that are given."""
    by_article: dict[str, list[Paragraph]] = {}
    for paragraph in paragraphs:
        by_article.setdefault(paragraph.article, []).append(paragraph)
    left: list[list[Paragraph]] = []
    for own in by_article.values():
        chance.shuffle(own)
        while own:
            count = chance.choices((1, 2, 3, 4), (1, 2, 5, 2))[0]
            left.append([own.pop() for _ in range(min(count, len(own)))])
    chance.shuffle(left)
    for together in left:
        pieces = [_Piece(each, 0, len(each.text)) for each in together]
        if chance.random() < 0.35:
            pieces = [piece for each in together for piece in _pieces(each, chance)]
            pieces = chance.sample(pieces, min(len(pieces), 6))
        elif len(pieces) < 3 and chance.random() < 0.6:
            others = chance.sample(paragraphs, 3 - len(pieces))
            pieces += [_Piece(each, 0, len(each.text)) for each in others if each.article != together[0].article]
        chance.shuffle(pieces)
        yield together, pieces


def examples(paragraphs: Sequence[Paragraph], form: Format, chance: random.Random) -> Iterator[Example]:
    """Every question once."""
    by_article: dict[str, list[Paragraph]] = {}
    for paragraph in paragraphs:
        by_article.setdefault(paragraph.article, []).append(paragraph)
    for together, pieces in groups(paragraphs, chance):
        sources = [_source(piece, chance) for piece in pieces]
        made = [_example(asked, each, pieces, sources, form) for each in together for asked in each.asked]
        answered = [example for example in made if example is not None]
        wanted = max(1, round(len(answered) * UNANSWERABLE / (1 - UNANSWERABLE))) if chance.random() < 0.95 else 0
        near = [asked for each in by_article[together[0].article] if each not in together for asked in each.asked]
        missing = [
            asked
            for each in together
            for asked in each.asked
            if all(not _holds(piece, each, asked) for piece in pieces)
        ]
        far = [asked for each in chance.sample(paragraphs, min(2, len(paragraphs))) for asked in each.asked]
        foreign = [*missing, *chance.sample(near, min(len(near), wanted)), *chance.sample(far, min(len(far), 1))]
        text = " ".join(source.text for source in sources).casefold()
        unanswerable = [
            _refusal(asked, sources, form) for asked in dict.fromkeys(foreign) if asked.answer.casefold() not in text
        ]
        yield from answered
        yield from unanswerable[: wanted + 1]


def _holds(piece: _Piece, paragraph: Paragraph, asked: Asked) -> bool:
    return piece.of is paragraph and piece.start <= asked.start and asked.start + len(asked.answer) <= piece.end


def _source(piece: _Piece, chance: random.Random) -> SourceText:
    name = piece.of.article + (f" {chance.randint(1, 20)}" if chance.random() < 0.5 else "")
    page = chance.randint(1, 90) if chance.random() < 0.85 else None
    return SourceText(name=name, text=harmless(piece.of.text[piece.start : piece.end]).strip(), page=page)


def _example(
    asked: Asked, paragraph: Paragraph, pieces: Sequence[_Piece], sources: Sequence[SourceText], form: Format
) -> Example | None:
    place = next((number for number, piece in enumerate(pieces) if _holds(piece, paragraph, asked)), None)
    if place is None:
        return None
    if form == "text":
        answer = f"{asked.answer.rstrip('.')} [{place + 1}]."
    else:
        spans = (span for span in sentences(paragraph.text) if span.start <= asked.start < span.start + span.length)
        span = next(spans)
        quote = harmless(paragraph.text[span.start : span.start + span.length]).strip()
        if quote not in sources[place].text or asked.answer not in quote:
            return None
        answer = write_record(AnswerRecord(asked.answer, quote, sources[place].page, True))
    return Example(question=asked.question, sources=list(sources), answer=answer, format=form)


def _refusal(asked: Asked, sources: Sequence[SourceText], form: Format) -> Example:
    answer = NOT_FOUND if form == "text" else write_record(AnswerRecord("", "", None, False))
    return Example(question=asked.question, sources=list(sources), answer=answer, format=form)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--record", action="store_true", help="answers are JSON records")
    parser.add_argument("--most", type=int, default=1_000_000, metavar="N", help="so many examples at most")
    parser.add_argument("--without-written", action="store_true", help="leave out what was written for this purpose")
    parser.add_argument("--rounds", type=int, default=1, help="how often each question is asked")
    parser.add_argument("--seed", type=int, default=7, help="another one mixes the sources in another way")
    wanted = parser.parse_args(arguments)
    if not (shared() / "xquad").is_dir():
        print(f"XQuAD is not at {shared()}: set DOCENT_TEST_DATA to the folder of the test data.", file=sys.stderr)
        return 1
    paragraphs = [*xquad(held_out=False), *own_documents(), *([] if wanted.without_written else written())]
    chance = random.Random(wanted.seed)
    form: Format = "record" if wanted.record else "text"
    if wanted.record:
        paragraphs = [quoted(each, chance) if chance.random() < QUOTED else each for each in paragraphs]
    rounds = (example for _ in range(wanted.rounds) for example in examples(paragraphs, form, chance))
    with wanted.file.open("wb") as stream:
        made = [stream.write(msgspec.json.encode(example) + b"\n") for example in islice(rounds, wanted.most)]
    print(f"{len(made)} examples in {wanted.file}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The model's ``[n]`` become citations: each tied to the sentence of the page that stands behind it.

The model's numbers are untrusted: they may be wrong, missing or made up. What a citation quotes is always cut from
the page itself, and whether it supports the sentence is decided here, not by the model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import PurePath
from typing import NamedTuple

import msgspec

from assistant_app.answering.formats import AnswerRecord
from assistant_app.answering.pages import LONGEST_QUOTE, Pages, PageText
from assistant_app.answering.support import LEAST_SHARED, Claim, claim, common_words, fold, shared, supports
from assistant_app.documents.passages import Span, fold_space, sentences
from assistant_app.protocol.records import AnswerValue, Citation, GivenBy, Hit

_MARK = re.compile(r"(?<!\s)\s*\[\s*(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\s*\]")
# A mark behind the full stop belongs to the sentence before it.
_LATE_MARK = re.compile(r"([.!?…。！？؟۔।][\"'”’」』)]*)((?:[^\S\n]*\[\s*\d[\d\s,;–-]*\])+)")
# The end of an answer that was cut while a mark was written.
_CUT_MARK = re.compile(r"(?<!\s)\s*\[[\d\s,;–-]*\Z")
_ITEM = re.compile(r"\W*(\d{1,2})[.)](?=\s|\Z)")
"""The "2." of a list, which is no claim."""
_MORE = re.compile(r"[^\W\d]|\d\W+\d")
_ITEM_MARK = re.compile(r"\s*(?:[•▪●◦‣∙·*-]|\(?\d{1,2}[.)])\s")
"""What an item of a document's list begins with."""
_ITEM_END = re.compile(r"\n(?=[^\W\d_a-z])")
"""Where the text below a list begins, which has nothing but a new line between."""
_WORD = re.compile(r"[^\W_]+")
_SEPARATOR = r"[\s_-]+"
"""What stands between the words of a name, also in a file's name."""
STOPS = ".!?…。！？؟۔।"
_OWN_MARK = re.compile("\x00(\\d+)\x01")
"""A mark of ours while the answer is put together: what the model wrote in brackets can never pass for one."""


class Cited(NamedTuple):
    """An answer with its marks renumbered, its citations by those numbers, and its sentences that nothing supports.

    ``claims`` is false where no sentence says anything ("The answer to the question is:").
    """

    text: str
    citations: list[Citation]
    unsupported: list[str]
    claims: bool


LEAST_OF_QUESTION = 0.5
"""Share of the question's telling words that must stand in the quote of an answer that is only a number."""


class _Quote(NamedTuple):
    source: Hit
    span: Span
    text: str
    supports: bool
    share: float


def cite(answer: str, sources: Sequence[Hit], page_text: PageText, question: str = "") -> Cited:
    """Tie each sentence of ``answer`` to what stands behind it.

    A sentence that cites sources gets the best quote of each of them; where none of those supports it, or where it
    cites nothing, all sources are searched, and a quote that supports it is cited as found by search. An answer that
    still has no citation gets the best quote there is, not verified.

    Args:
        answer: the model's text; its ``[n]`` mean ``sources[n - 1]``.
        page_text: gives the text of a page by path and number.
        question: what was asked; a sentence that is only a number or a name says it about the question's words.
    """
    quotes = _Quotes(Pages(page_text), question, sources)
    common = common_words([question, *(source.text for source in sources)])
    numbered: dict[tuple[str, int | None, Span], Citation] = {}
    unsupported: list[str] = []
    pieces: list[str] = []
    plain: list[tuple[Claim, float, str, int]] = []
    end = items = 0
    text = _LATE_MARK.sub(r"\2\1", _CUT_MARK.sub("", answer.replace("\x00", "").replace("\x01", "")))
    spans = list(sentences(text))
    for span in spans:
        sentence = text[span.start : span.start + span.length]
        bare = _MARK.sub("", sentence)
        pieces += [text[end : span.start], bare]
        end = span.start + span.length
        item = _ITEM.match(bare) if len(spans) > 1 or _MORE.search(bare) else None  # "1." by itself is an answer
        items = int(item[1]) if item and int(item[1]) in (1, items + 1) else items
        said, least = _claim(bare[item.end() :] if item and int(item[1]) == items else bare, question, common)
        if not (said.words or said.numbers):
            continue
        given = _given(sentence, len(sources))
        best = [(quotes.best(said, [sources[number - 1]], least), "model") for number in given]
        chosen: list[tuple[_Quote, GivenBy]] = [(quote, "model") for quote, _ in best if quote]
        if not any(quote.supports for quote, _ in chosen):
            found = quotes.best(said, sources, least)
            if found and found.supports:
                chosen.append((found, "search"))
            else:
                unsupported.append(fold_space(bare))
        plain.append((said, least, bare, len(pieces) - 1))
        pieces[-1] = _with_marks(bare, [_number(numbered, quote, given_by) for quote, given_by in chosen])
    if not numbered:
        candidates = [
            (quote, bare, place) for said, least, bare, place in plain if (quote := quotes.best(said, sources, least))
        ]
        if candidates:
            quote, bare, place = max(candidates, key=lambda candidate: candidate[0].share)
            pieces[place] = _with_marks(bare, [_number(numbered, quote, "search")])
    body = _with_brackets("".join([*pieces, text[end:]]))
    return Cited(body, list(numbered.values()), unsupported, bool(plain))


def cite_record(
    record: AnswerRecord | None, text: str, sources: Sequence[Hit], page_text: PageText, question: str
) -> Cited:
    """Tie a record's answer to its quote, if that stands in a source's page; else to the best quote that supports it.

    The model's quote and page are untrusted. ``text`` stays as the model wrote it; null is no record: then the whole of
    it is unsupported.
    """
    if record is None:
        return Cited(text, [], [text] if text else [], bool(re.search(r"\w", text)))
    if not record.found:
        return Cited(text, [], [], False)
    quotes = _Quotes(Pages(page_text), question, sources)
    said, least = _claim(record.answer, question, common_words([question, *(source.text for source in sources)]))
    own = quotes.quoted(said, record.quote, sources, least)
    if own is None or not own.supports:
        found = quotes.best(said, sources, least)
        own = found if found is not None and (own is None or found.supports) else own
    numbered: dict[tuple[str, int | None, Span], Citation] = {}
    if own is not None:
        is_own = fold_space(record.quote) in fold_space(own.text)
        _number(numbered, own, "model" if is_own else "search")
    unsupported = [] if own is not None and own.supports else [fold_space(record.answer)]
    return Cited(text, list(numbered.values()), unsupported, True)


def cite_values(
    values: Sequence[tuple[str, str]], sources: Sequence[Hit], page_text: PageText, question: str
) -> tuple[list[AnswerValue], list[Citation], list[str]]:
    """Tie each named value of a structured answer to the quote that supports it best.

    Args:
        values: name and text; "" where the documents do not say.

    Returns:
        The values with the numbers of their citations, the citations, and "name: value" of what nothing supports.
    """
    quotes = _Quotes(Pages(page_text), question, sources)
    common = common_words([question, *(source.text for source in sources)])
    numbered: dict[tuple[str, int | None, Span], Citation] = {}
    tied: list[AnswerValue] = []
    unsupported: list[str] = []
    for name, text in values:
        said, least = _claim(text, f"{name} {question}", common)
        quote = quotes.best(said, sources, least) if said.words or said.numbers else None
        good = quote is not None and quote.supports
        number = _number(numbered, quote, "search") if quote is not None and good else None
        if text and not good:
            unsupported.append(f"{name}: {fold_space(text)}")
        tied.append(AnswerValue(name=name, text=text, citation=number))
    return tied, list(numbered.values()), unsupported


def _claim(sentence: str, question: str, common: Collection[str]) -> tuple[Claim, float]:
    """What a sentence says, and the share of its words that a quote must hold.

    "$2,000." and "Yes." say it about what was asked. A person's words are often others than the document's, so of those
    not all need to stand beside the number.
    """
    said = claim(sentence, common)
    if said.words:
        return said, LEAST_SHARED
    asked = claim(question)
    if said.numbers:
        return said._replace(words=asked.words), LEAST_OF_QUESTION
    short = fold(sentence).strip(" .,!")
    if short not in ("yes", "no"):
        return said, LEAST_SHARED
    return (asked if short == "yes" else asked._replace(denied=frozenset({""}))), LEAST_SHARED


def _given(sentence: str, count: int) -> list[int]:
    """The source numbers that a sentence cites, once each; numbers of no source are left out."""
    numbers: dict[int, None] = {}
    for match in _MARK.finditer(sentence):
        for first, last in re.findall(r"(\d+)(?:\s*[–-]\s*(\d+))?", match[1]):
            numbers.update(dict.fromkeys(range(int(first), int(last or first) + 1)))
    return [number for number in numbers if 1 <= number <= count]


def _number(numbered: dict[tuple[str, int | None, Span], Citation], quote: _Quote, given_by: GivenBy) -> int:
    key = (quote.source.path, quote.source.page, quote.span)
    known = numbered.get(key)
    if known is None:
        known = Citation(
            number=len(numbered) + 1,
            path=quote.source.path,
            page=quote.source.page,
            quote=quote.text,
            start=quote.span.start,
            length=quote.span.length,
            verified=quote.supports,
            given_by=given_by,
            page_label=quote.source.page_label,
        )
        numbered[key] = known
    elif known.verified and not quote.supports:
        # A citation is verified only if it supports every sentence that cites it.
        numbered[key] = msgspec.structs.replace(known, verified=False)
    return known.number


def _with_marks(sentence: str, numbers: Sequence[int]) -> str:
    marks = "".join(f" \x00{number}\x01" for number in dict.fromkeys(numbers))
    body = sentence.rstrip()
    stop = body[-1:] if body[-1:] in STOPS else ""
    return f"{body.removesuffix(stop)}{marks}{stop}"


def _with_brackets(text: str) -> str:
    """Our marks as ``[n]``; whatever else reads like one is put into round brackets."""
    return _OWN_MARK.sub(r"[\1]", without_marks(text)).strip()


def without_marks(text: str) -> str:
    """``text`` in which nothing reads like a citation's mark: ``[2]`` is put into round brackets."""
    return _MARK.sub(lambda match: match[0].replace("[", "(").replace("]", ")"), text)


_Place = tuple[str, int | None, int]


def _place(source: Hit) -> _Place:
    return source.path, source.page, source.section


def _full_names(question: str) -> Iterator[list[str]]:
    """The names of several words in the question: "Aurora Standard"."""
    names = claim(question).names
    end, run = 0, list[str]()
    for match in [*_WORD.finditer(question), None]:
        follows = match is not None and question[end : match.start()].strip(" _") == ""
        is_name = match is not None and match[0][0].isupper() and fold(match[0]) in names
        if not (follows and is_name):
            if len(run) > 1:
                yield run
            run = []
        if match is not None:
            run += [match[0]] if is_name else []
            end = match.end()


class _Quotes:
    """The quotes that each source offers to an answer to ``question``.

    A sentence that names nothing speaks of what the question names, so no page of another thing of that family supports
    it: "$2,000" of the Aurora Standard is not said by a page that speaks of the Aurora Plus alone.
    """

    def __init__(self, pages: Pages, question: str, sources: Sequence[Hit]) -> None:
        self._pages = pages
        self._known: dict[tuple[str, int | None, int, int], list[tuple[Span, str, Claim]]] = {}
        self._of_others: set[_Place] = set()
        texts = {
            _place(source): "\n".join((PurePath(source.path).stem, source.heading, pages.text(source)))
            for source in sources
        }
        for name in _full_names(question):
            whole = re.compile(rf"(?<![^\W_]){_SEPARATOR.join(map(re.escape, name))}(?![^\W_])", re.IGNORECASE)
            other_word = rf"(?!(?i:{re.escape(name[1])})(?![^\W_]))[A-Z]"
            relative = re.compile(rf"(?<![^\W_])(?i:{re.escape(name[0])}){_SEPARATOR}{other_word}")
            naming = {place for place, text in texts.items() if whole.search(text)}
            if naming:
                others = texts.keys() - naming
                self._of_others |= {place for place in others if relative.search(texts[place])}

    def best(self, said: Claim, sources: Sequence[Hit], least: float = LEAST_SHARED) -> _Quote | None:
        """The shortest quote of ``sources`` that supports ``said``; else the one that shares most with it.

        Null where the library holds none of the sources any more.
        """
        candidates = [
            _Quote(source, span, text, self._supports(said, source, quoted, least), shared(said, quoted))
            for source in sources
            for span, text, quoted in self._of(source)
        ]
        if not candidates:
            return None
        return max(candidates, key=lambda quote: (quote.supports, round(quote.share, 3), -quote.span.length))

    def quoted(self, said: Claim, quote: str, sources: Sequence[Hit], least: float) -> _Quote | None:
        """The shortest quote of ``sources`` in which the words of ``quote`` stand; null where they stand in none."""
        wanted = fold_space(quote)
        candidates = [
            _Quote(source, span, text, self._supports(said, source, quoted, least), shared(said, quoted))
            for source in sources
            for span, text, quoted in self._of(source)
            if wanted in fold_space(text)
        ]
        return min(candidates, key=lambda each: each.span.length, default=None)

    def _supports(self, said: Claim, source: Hit, quoted: Claim, least: float) -> bool:
        return (bool(said.names) or _place(source) not in self._of_others) and supports(said, quoted, least)

    def _of(self, source: Hit) -> list[tuple[Span, str, Claim]]:
        """The sentences that the passage touches, alone and with the next one."""
        key = (source.path, source.page, source.start, source.length)
        if key not in self._known:
            alone = [(span, text, claim(text)) for span, text in self._pages.sentences(source)]
            both = []
            for (one, _, claimed), (other, _, also_claimed) in pairwise(alone):
                # Both deny something or neither does: "It covers A. It does not cover B." must support no "not A".
                span, text = self._pages.quote(source, one, other)
                if span.length <= LONGEST_QUOTE and bool(claimed.denied) == bool(also_claimed.denied):
                    both.append((span, text, claim(text)))
            self._known[key] = alone + both + [*self._lists(source, alone)]
        return self._known[key]

    def _lists(self, source: Hit, alone: Sequence[tuple[Span, str, Claim]]) -> Iterator[tuple[Span, str, Claim]]:
        """Each list with what leads up to it ("It covers:"), for a sentence that says several of its items at once.

        Only plain ones: where items name, count or deny something, one's name would support another's number.
        """
        for is_list, group in groupby(pairwise(alone), lambda pair: bool(_ITEM_MARK.match(pair[1][1]))):
            if not is_list:
                continue
            pairs = list(group)
            first, lead, led = pairs[0][0]
            texts = [text for _, (_, text, _) in pairs]
            last = _ITEM_END.split(texts[-1], maxsplit=1)[0]
            items = [claim(_ITEM_MARK.sub("", text, count=1)) for text in (*texts[:-1], last)]
            is_plain = not any(item.numbers or item.names or item.denied for item in items) and not led.denied
            if len(items) < 2 or not is_plain or not lead.rstrip().endswith(":"):
                continue
            span, text = self._pages.quote(source, first, Span(pairs[-1][1][0].start, len(last)))
            if span.length <= LONGEST_QUOTE:
                yield span, text, claim(text)

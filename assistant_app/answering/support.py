"""Does a sentence of a page support a sentence of an answer?

The rule is strict where mistakes hurt: every number (with its unit) and every name of the answer's sentence must stand
in the quote; what is denied in one must be denied in the other; where one says "more", "before" or "employer", the
other must not say "less", "after" or "employee"; and all of the telling words must stand in the quote. It reads
letters, not meaning: what it calls verified can be checked by eye, and that is the point.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

_IDEOGRAPHS = (
    "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
)
"""Chinese, Japanese and Korean: no spaces between words, or particles at their ends. Compared by pairs."""
_UNSPACED = "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff"
"""Thai, Lao, Tibetan, Burmese, Khmer: letters without spaces between words. Compared by runs of three."""
_MARKS = (
    "".join(chr(code) for code in range(0x300, 0x1B00) if unicodedata.category(chr(code)) in ("Mn", "Mc"))
    + "\u200c\u200d"
)
"""Vowel signs, accents and joiners that stand behind a letter and belong to its word."""
_LETTER = rf"[^\W\d_{_IDEOGRAPHS}{_UNSPACED}]"
_TOKEN = re.compile(
    r"(?P<clock>[ap]\.?m(?![^\W\d_]))"
    rf"|(?P<word>(?:{_LETTER}[{_MARKS}]*)+(?:['’](?:{_LETTER}[{_MARKS}]*)+)*)"
    rf"|(?P<ideographs>(?:(?!\d)[{_IDEOGRAPHS}])+)"
    rf"|(?P<unspaced>(?:(?!\d)[{_UNSPACED}])+)"
    r"|(?P<number>\d{4}-\d\d-\d\d|(?<![\w.])\.\d+|\d+(?:[.,:/٫٬．，：／]\d+|[\u00a0\u2009\u202f'’]\d{3}(?!\d))*)"
    r"|(?P<sign>[$€£¥₹₪₩₽₺฿₫₴%‰°٪％＄￥])",
    re.IGNORECASE,
)
_INVISIBLE = re.compile(
    "[\u00ad]\\s*|[\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u061c\u0640\u0591-\u05bd\u064b-\u0652]"
)
"""What changes no word: soft hyphens, marks of direction, joiners, the optional vowels of Hebrew and Arabic."""
_MANY_MARKS = re.compile(rf"([{_MARKS}]{{8}})[{_MARKS}]+")
_WRAPPED = re.compile(rf"(?<=[{_IDEOGRAPHS}，、])\s+(?=[{_IDEOGRAPHS}])")
_SIGN_OF = {"٪": "%", "％": "%", "＄": "$", "￥": "¥"}
# Han characters and Korean particles that only join others; hiragana, which inflects.
_JOINING = re.compile(
    "[的了是在和与與及或者就都而且这這那有为為以于於也把被从從到对對等个個之其吗嗎呢吧么麼什多少谁誰哪几幾何는은이가을를의에와과도로\u3040-\u309f]+"
)
_DENIED_IN_RUN = re.compile("[不没沒無无非未別别勿否莫].?|ない|なかっ|ません|않|없|아니|못|ไม่|ไร้|ບໍ່|មិន|ពុំ|គ្មាន|ဘူး")
_MAGNITUDES_IN_RUN = "十百千万萬亿億兆만억"


def fold(word: str) -> str:
    """``word`` in lower case, without accents."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


_NEGATION = frozenset(
    fold(word)
    for word in """
    not no never none neither nor without cannot nothing nobody non except excluding exclude excludes excluded unless
    nicht kein keine keinen keiner keinem nie niemals ohne ne pas jamais sans aucun aucune nunca ningun ninguna sin
    senza niet geen zonder nao nem sem inte ikke ingen utan uden uten ei eivat nincs nelkul bez nie nu fara
    tidak bukan tanpa khong chua degil yok не нет ни без нельзя немає δεν δε μη χωρις οχι
    لا لم لن ليس ليست ولا ولم ولن وليس غير بدون دون نیست نه نہیں نہ بغیر לא אין ולא ואין אינו אינה אינם ללא בלי
    नहीं न ना मत बिना
    """.split()
)
_FILLING = frozenset(
    fold(word)
    for word in """
    a about above after all also am an and any are as at be because been before being below between both but by can
    could did do does each fewer for from further had has have he her here hers him his how i if in into is it its
    itself just least less may me might more most must my of off on once only or other our out over own per said same
    say says she should so some such than that the their them then there these they this those through to too under
    until up upon us very was we were what when where which while who whom why will with would yes you your according
    document documents source sources provided answer question based given states stated text
    في من على إلى عن مع هذا هذه ذلك أن إن كان كانت هو هي التي الذي של את על עם זה זו הוא היא הם כי או גם אל
    का की के में से पर है हैं को और यह वह एक ने भी था थी
    """.split()
)
_OPPOSITES = (
    *(("more", "less"), ("more", "fewer"), ("over", "under"), ("above", "below"), ("before", "after")),
    *(("least", "most"), ("minimum", "maximum"), ("increase", "decrease"), ("first", "last"), ("full", "part")),
    *(("in", "out"), ("include", "exclude"), ("employer", "employee"), ("buy", "sell"), ("open", "close")),
)
_UNITS = {
    word: unit
    for unit, words in {
        "%": "% percent pct",
        "$": "$ usd dollar dollars",
        "€": "€ eur euro euros",
        "£": "£ gbp pound pounds",
        "¥": "¥ jpy yen",
        "₹": "₹ inr rupee rupees",
        **{sign: sign for sign in "₪₩₽₺฿₫₴"},
        "minute": "minute minutes min mins",
        "hour": "hour hours hr hrs",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
        "year": "year years yr yrs",
        "am": "am",
        "pm": "pm",
        "日": "日 天 일",
        "年": "年 년",
        "月": "月 월",
        "元": "元 圆 圓",
    }.items()
    for word in words.split()
}
_CURRENCIES = frozenset("$€£¥₹₪₩₽₺฿₫₴")
_SIGNS = _CURRENCIES | {"%"}
_MAGNITUDES = frozenset("hundred thousand million billion trillion".split())
_SHORT_MAGNITUDES = {
    short: word
    for word, shorts in {"thousand": "k K", "million": "M mn Mn", "billion": "B bn Bn", "trillion": "tn Tn"}.items()
    for short in shorts.split()
}
_BEFORE_ONE = frozenset("no any every each some this that which the another".split())
_ONES = dict(zip("one two three four five six seven eight nine".split(), range(1, 10), strict=True))
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
_NUMBER_WORDS = {**_ONES, **dict(zip(_TEENS, range(10, 20), strict=True)), **_TENS}
_SECTION = re.compile(r"[1-9]\d?\.[1-9]0")
"""A number that is another one without its zero: section 3.10. With a unit it is not: 2.50 %."""
_LETTERS = re.compile(r"[^\W\d_]+")
_SENTENCE_BREAK = re.compile(r"[.!?:;•]")
LEAST_SHARED = 1.0
"""Share of the answer sentence's telling words that must stand in the quote. At 0.7 a true sentence in which one word
had been exchanged for another one of the same page was still verified (117 of 119)."""


class Claim(NamedTuple):
    """What a sentence says, as far as letters show it.

    Attributes:
        numbers: each number, and each number with its unit ("2000", "2000 $").
        names: words in upper case that begin no sentence, in lower case.
        spelled: what a name is looked up in: every word but the filling ones, in lower case.
        words: the telling words, stemmed.
        denied: the telling words that follow a "not", stemmed.
        sides: words that have an opposite.
    """

    numbers: frozenset[str]
    names: frozenset[str]
    spelled: frozenset[str]
    words: frozenset[str]
    denied: frozenset[str]
    sides: frozenset[str]


class _Token(NamedTuple):
    """A word, number or sign; ``plain`` is folded, ``gap`` what stands between it and the token before."""

    kind: str
    text: str
    plain: str
    gap: str


def claim(sentence: str, common: Collection[str] | None = None) -> Claim:
    """The numbers, names and telling words of ``sentence``.

    Args:
        common: :func:`common_words` of the texts that it speaks about; its first word is a name if it is none of them.
            Null: the first word is no name.
    """
    tokens = list(_tokens(sentence))
    shouted = sentence.isupper()
    names: set[str] = set()
    spelled: set[str] = set()
    words: set[str] = set()
    denied: set[str] = set()
    denies = False
    for place, token in enumerate(tokens):
        if token.kind in ("ideographs", "unspaced"):
            pieces, whole = _run(token)
            words |= pieces
            names |= whole
            spelled |= whole
            denied |= set(_DENIED_IN_RUN.findall(token.plain))
            continue
        if token.kind != "word" or token.plain in _NUMBER_WORDS or _UNITS.get(token.plain, "") in _SIGNS:
            continue
        if _denies(tokens, place):
            denied |= {""} if denies else set()
            denies = True
            continue
        filling = token.plain in _FILLING
        opens = place == 0 or bool(_SENTENCE_BREAK.search(token.gap))
        names_itself = opens and common is not None and _is_foreign(tokens, place, common)
        # Where letters have no case, a name cannot be told from a word: then every word must stand in the quote.
        caseless = token.text[0].lower() == token.text[0].upper() and not filling
        if names_itself or caseless or _is_name(token, opens=opens, shouted=shouted):
            names.add(token.plain)
            spelled.add(token.plain)
        if not filling and token.plain not in _NEGATION:
            spelled.add(token.plain)
            if len(token.plain) > 1:
                words.add(stem(token.plain))
                if denies and not token.plain.endswith("ly"):
                    denied.add(stem(token.plain))
                    denies = False
    sides = {stem(token.plain) for token in tokens} & _SIDES
    return Claim(
        numbers=frozenset(_numbers(tokens)),
        names=frozenset(names),
        spelled=frozenset(spelled),
        words=frozenset(words),
        denied=frozenset(denied | {""} if denies else denied),
        sides=frozenset(sides),
    )


def common_words(texts: Iterable[str]) -> frozenset[str]:
    """The stems of all words that stand in lower case in ``texts``: these are no names."""
    found = {word for text in texts for word in _LETTERS.findall(text) if word.islower()}
    return frozenset(stem(fold(word)) for word in found)


def shared(said: Claim, quoted: Claim) -> float:
    """How much of the claim stands in the quote, 0 to 1: numbers count threefold, names twofold."""
    weight = 3 * len(said.numbers) + 2 * len(said.names) + len(said.words)
    held = 3 * len(said.numbers & quoted.numbers) + 2 * len(said.names & quoted.spelled)
    held += len(said.words & quoted.words)
    return held / weight if weight else 0.0


def supports(said: Claim, quoted: Claim, least: float = LEAST_SHARED) -> bool:
    """Whether the quote supports the claim, by the rule at the head of this module.

    Args:
        least: the share of the claim's telling words that must stand in the quote.
    """
    if not (said.numbers or said.words):
        return False
    if not (said.numbers <= quoted.numbers and said.names <= quoted.spelled):
        return False
    if bool(said.denied) != bool(quoted.denied) or not said.denied <= quoted.denied:
        return False
    if any(_contradict(said.sides, quoted.sides, *pair) for pair in _STEMMED_OPPOSITES):
        return False
    return len(said.words & quoted.words) >= least * len(said.words)


def _contradict(said: frozenset[str], quoted: frozenset[str], one: str, other: str) -> bool:
    """Whether each says another of the two, and neither says both."""
    return ({one, other} & said, {one, other} & quoted) in (({one}, {other}), ({other}, {one}))


# ---------------------------------------------------------------- words


def stem(word: str) -> str:
    """A rough stem: enough to see "covers" in "covered"; "employer" and "employee" stay apart."""
    if word.endswith("ees"):
        return word[:-1]
    for ending in ("ings", "ing", "edly", "ies", "ied", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] in "ey" and not word.endswith("ee"):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou" else word


_STEMMED_OPPOSITES = tuple((stem(one), stem(other)) for one, other in _OPPOSITES)
_SIDES = frozenset(side for pair in _STEMMED_OPPOSITES for side in pair)


def _tokens(sentence: str) -> Iterator[_Token]:
    end = 0
    # Composing many marks on one letter takes quadratic time, and no language needs them.
    sentence = unicodedata.normalize("NFC", _MANY_MARKS.sub(r"\1", _INVISIBLE.sub("", sentence)))
    sentence = _WRAPPED.sub("", sentence).replace("per cent", "percent")
    for match in _TOKEN.finditer(sentence):
        text, kind = match[0], str(match.lastgroup)
        text = _SIGN_OF.get(text, text)
        # "a.m." behind a number is a unit, "am" elsewhere a word.
        if kind == "clock":
            plain = text.lower().replace(".", "")
        elif kind in ("ideographs", "unspaced"):
            plain = unicodedata.normalize("NFKC", text)  # to fold would take their syllables and tones apart
        else:
            plain = fold(re.sub(r"['’]s$", "", text))
        yield _Token("word" if kind == "clock" else kind, text, plain, sentence[end : match.start()])
        end = match.end()


def _run(token: _Token) -> tuple[set[str], set[str]]:
    """What a run of characters without spaces says: its telling pieces, and what must stand in a quote as it is.

    Of ideographs these are pairs of neighbours and the single characters; of other scripts all runs of three letters,
    so that there only what stands word for word in the quote is supported.
    """
    if token.kind == "unspaced":
        runs = {token.plain[place : place + 3] for place in range(max(len(token.plain) - 2, 1))}
        return runs, runs
    pieces: set[str] = set()
    characters: set[str] = set()
    for part in _JOINING.split(token.plain):
        characters |= set(part)
        pieces |= {part[place : place + 2] for place in range(max(len(part) - 1, 1))} - {""}
    return pieces, characters


def _denies(tokens: list[_Token], place: int) -> bool:
    token = tokens[place]
    if not (token.plain in _NEGATION or token.plain.endswith(("n't", "n’t"))):
        return False
    if token.plain == "no" and place + 1 < len(tokens):
        following = tokens[place + 1]
        interjected = place == 0 and "," in following.gap  # "No, the plan covers it"
        numbered = following.kind == "number"  # "policy No. 5"
        return not (interjected or numbered)
    return True


def _is_name(token: _Token, *, opens: bool, shouted: bool) -> bool:
    """Upper case makes a name, but not at the head of a sentence, where everything has it."""
    if not token.text[0].isupper() or token.text == "I":
        return False
    if len(token.text) > 1 and token.text.isupper():
        return token.plain not in _FILLING or not shouted  # "US" is a name, but not in a headline
    if opens:
        return False
    return token.plain not in _FILLING or len(token.text) == 1 or token.text == "May"


def _is_foreign(tokens: list[_Token], place: int, common: Collection[str]) -> bool:
    """Whether the first word of a sentence is none that the texts use as a word: "Contoso" is, "However," is not."""
    token = tokens[place]
    if token.plain in _FILLING or stem(token.plain) in common or token.plain.endswith(("ly", "ing")):
        return False
    return token.text[0].isupper() and not (place + 1 < len(tokens) and tokens[place + 1].gap.startswith(","))


# ---------------------------------------------------------------- numbers


def _numbers(tokens: list[_Token]) -> Iterator[str]:
    """Every number of ``tokens``, alone and with each of its units."""
    place = 0
    while place < len(tokens):
        first, value = place, _value(tokens, place)
        place += 1
        if value is None:
            continue
        if _joins(tokens, first):
            value = str(int(value) + _ONES[tokens[place].plain])
            place += 1
        units = []
        if first and tokens[first - 1].text in _CURRENCIES and not tokens[first].gap.strip():
            units.append(tokens[first - 1].text)
        elif first and _UNITS.get(tokens[first - 1].plain, "") in _CURRENCIES and len(tokens[first - 1].text) == 3:
            units.append(_UNITS[tokens[first - 1].plain])  # "USD 500"
        if _is_below_zero(tokens, first - 1 if units else first):
            value = f"-{value}"
        following = tokens[place] if place < len(tokens) else None
        if following and following.kind == "ideographs":
            if following.plain[0] in _MAGNITUDES_IN_RUN:
                value = f"{value} {following.plain[0]}"
            unit = following.plain.lstrip(_MAGNITUDES_IN_RUN)[:1]
            units += [_UNITS.get(unit, unit)] if unit else []
        else:
            magnitude = _magnitude(following)
            if magnitude:
                value = f"{value} {magnitude}"
                place += 1
            units += _units_behind(tokens, place)
        if units and _SECTION.fullmatch(value):
            value = value.removesuffix("0")
        yield value
        yield from (f"{value} {unit}" for unit in units)


def _magnitude(token: _Token | None) -> str:
    """ "million" for the token behind a number in "5 million", "5M" and "5mn"; "" where there is none."""
    if token is None:
        return ""
    if token.plain in _MAGNITUDES:
        return token.plain
    return "" if token.gap else _SHORT_MAGNITUDES.get(token.text, "")


def _value(tokens: list[_Token], place: int) -> str | None:
    """The number that the token is, if it is one; "one" is one only before what can be counted."""
    token = tokens[place]
    if token.kind == "number":
        return _number(token.text)
    counts = token.plain in _NUMBER_WORDS
    if token.plain == "one":
        counts = _is_counted(tokens[max(place - 1, 0)], *tokens[place + 1 : place + 2])
    return str(_NUMBER_WORDS[token.plain]) if counts else None


def _is_counted(before: _Token, following: _Token | None = None) -> bool:
    """Whether "one" between these says how many: "one arbitrator", and not "no one", "this one", "one of them"."""
    if following is None or following.kind != "word" or _SENTENCE_BREAK.search(following.gap):
        return False
    return following.plain not in _FILLING and before.plain not in _BEFORE_ONE


def _joins(tokens: list[_Token], place: int) -> bool:
    """Whether the token and the next are one number: "twenty-five"."""
    if tokens[place].plain not in _TENS or place + 1 == len(tokens):
        return False
    return tokens[place + 1].plain in _ONES and tokens[place + 1].gap in ("-", "‑", "‐", " ")


def _is_below_zero(tokens: list[_Token], place: int) -> bool:
    gap = tokens[place].gap
    return gap[-1:] in ("-", "−") and (gap[-2:-1] in (" ", "\n", "(") if len(gap) > 1 else place == 0)


def _units_behind(tokens: list[_Token], place: int) -> Iterator[str]:
    """The units of the number before ``place``; one word may stand between: "30 calendar days"."""
    for token in tokens[place : place + 2]:
        if token.kind == "number" or token.plain in _NUMBER_WORDS or _SENTENCE_BREAK.search(token.gap):
            return
        if token.plain in _UNITS:
            yield _UNITS[token.plain]
        elif token is tokens[place] and len(token.plain) <= 2 and _is_unit(token):
            yield token.plain  # "mg", "km", "pm", "°"; of "12(a)" the letter


def _is_unit(token: _Token) -> bool:
    return token.plain not in _FILLING or token.gap in ("", "(")


def _number(text: str) -> str:
    """A number without thousands separators and without zeros behind the point: ``2,000.00`` is ``2000``.

    What could be read in two ways (``2.000``) stays as it is; so does ``3.10``, which may be a section.
    """
    text = re.sub(r"[\u00a0\u2009\u202f'’٬]", "", text).replace("٫", ".")
    if not text.isascii():
        # Digits of every script are read as ours; NFKC does so with full-width ones only.
        text = "".join(str(unicodedata.digit(letter)) if letter.isdecimal() else letter for letter in text)
        text = unicodedata.normalize("NFKC", text)
    if text.startswith("."):
        text = f"0{text}"
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    if re.fullmatch(r"\d+\.\d+", text) and not re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", text):
        text = text if _SECTION.fullmatch(text) else text.rstrip("0").rstrip(".")
    return text

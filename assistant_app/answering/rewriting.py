"""A follow-up question ("and for part-time staff?") becomes a full one, which can be searched for and shown.

First plain rules decide whether a question needs that at all: one that stands alone is left as it is and costs nothing.
Then, from certain to makeshift: the new words are put in the place of their counterparts in the question before ("the
Borealis plan" for "the Aurora plan"); or the model rewrites it, and what it writes is accepted only if every telling
word, number and name is the person's or stands in the conversation; or both questions are put together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from assistant_app.answering.support import Claim, claim, fold, stem
from assistant_app.errors import Code, DocentError
from assistant_app.models.chat_model import ChatMessage, Generates

LONGEST = 300
"""Code points of a follow-up that is looked at; whoever writes more has said what they mean."""
MOST_TOKENS = 64
"""Of the model's rewriting. A question has some twenty."""

REQUEST = "Write this follow-up question as one complete question, and nothing else: {question}"
"""Short, because it is read before the answer begins."""

_OPENING = re.compile(
    r"\W*(?:(?:(?:and|but|so|then|okay|ok)[\s,]+)?(?:(?:what|how)\s+about|(?:the\s+)?same\s+(?:for|with|in))\b"
    r"|(?:and|or|but|also|und|oder|aber|et|ou|mais|y|pero|och|men|maar|а|и|но|و)(?=[\s,،])"
    r"|(?:was\s+ist\s+mit|wie\s+(?:steht|sieht)\s+es\s+mit|qu['’]en\s+est-il)\b"
    r"|那么|那|では|じゃあ|それで)",
    re.IGNORECASE,
)
"""Words with which a follow-up begins, in some languages."""
_CLOSING = re.compile(r"呢\W*\Z")
"""How Chinese says "what about"."""
_EXPLETIVE = re.compile(
    r"\b(?:is|was|be|will|would|does|did|can|could|should|has|may|might)\s+it(?=\s+(?:\w+\s+){0,3}(?:that|to|if|whether)\b)"
    r"|\bit\s+(?:is|was|takes?|took|costs?)(?=\s+(?:\w+\s+){0,3}(?:that|to|if|whether)\b)"
    r"|\btime\s+is\s+it\b|\bis\s+it\s+(?:true|right|correct)\b",
    re.IGNORECASE,
)
""""It" that stands for nothing: "Is it right that ..."."""
_PRONOUN = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|he|him|his|she|her|hers|the\s+(?:same|latter|former|others?)|ones"
    r"|(?:this|these|those)(?!\s+(?:year|month|week|quarter|documents?|library)\b)|(?:is|was|does|did)\s+that"
    r"|(?:about|after|and|before|by|for|if|in|like|of|on|to|with)\s+that(?=\W*\Z)|(?:there|one)(?=\W*\Z))\b",
    re.IGNORECASE,
)
_ASKING = frozenset("who whom whose why when how where which what".split())
_VERBS = frozenset(
    """
    is are was were am be do does did has have had can could will would shall should may might must who whom whose why
    when how where which what list name give show tell explain describe summarise summarize define compare find
    """.split()
)
_PLACING = frozenset(
    "for in on at with without of to from by per during after before under over within until since".split()
)
_VAGUE = frozenset(
    stem(word)
    for word in """
    long much many often far big large small happen happens happened example examples detail details explain tell mean
    means give provide exactly again else instead case one ones thing things another kind part more elaborate please
    rest other others
    """.split()
)
_DEFINES = re.compile(
    r"^\W*(?:what|who)\s+(?:is|are|was|were)\s+\w|^\W*(?:define|what\s+does\s+\w+\s+mean)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+(?:[-'’.,/][^\W_]+)*", re.UNICODE)
_STATES = re.compile(r"\w{2}[.:!;](?:\s|\Z)|\n")
"""What ends a statement; an abbreviation of one letter does not."""
_END = re.compile(r"[?？]|(?<=\S)\s*\n")
_ENDS = " \t\n?？.!。¿"


class Model(Generates, Protocol):
    """What rewriting needs of a model; see ``ChatModel``."""

    last: list[ChatMessage]


class Asked(NamedTuple):
    """An earlier question as it was searched for, and its answer."""

    question: str
    answer: str


def needs_context(question: str) -> bool:
    """Whether a question, asked in the middle of a conversation, means something that was said before."""
    if len(question) > LONGEST or not question.strip():
        return False
    if _OPENING.match(question) or _CLOSING.search(question):
        return True
    words = [word.lower() for word in _WORD.findall(question)]
    if not words:
        return True  # "?"
    said = _said(question)
    telling = len(said.words) + len(said.numbers)
    pronoun = _PRONOUN.search(_EXPLETIVE.sub(lambda match: " " * len(match[0]), question))
    if pronoun:
        before = _said(question[: pronoun.start()])
        # "If a plan is cancelled, when does it end?" says itself what "it" is.
        if not (before.words or before.numbers) or telling <= 2:
            return True
    if not telling:
        return True
    asks = any(word in _VERBS for word in words)
    if words[0] in _PLACING and not asks and len(words) <= 8:
        return True  # "For part-time staff?"
    if not asks and len(words) <= 4 and question.rstrip().endswith("?") and not said.names and words[0].isascii():
        return True  # "Part-time staff?", but not the search words "dental cover"
    is_bare = telling == 1 and len(words) <= 4 and words[0] in _ASKING and not said.names and not said.numbers
    return is_bare and not _DEFINES.match(question)  # "Who pays?"


def _said(text: str) -> Claim:
    said = claim(text)
    return said._replace(words=said.words - _VAGUE)


def substituted(question: str, before: str) -> str | None:
    """The question before with the follow-up's words in the place of their counterparts; null where none is plain.

    "and for part-time staff?" after "How much leave do full-time staff get?": words before a common noun change places;
    "in 2023?" after "What was the profit in 2022?": so do numbers, where each question has one.
    """
    phrase = _bare(question)
    words = list(_WORD.finditer(phrase))
    while words and words[0][0].lower() in {*_PLACING, "the", "a", "an", "of"}:
        words = words[1:]
    asks = any(word[0].lower() in _VERBS for word in words)
    if not words or asks or len(words) > 4 or _PRONOUN.search(phrase) or words[-1].end() != len(phrase):
        return None
    new = [word[0] for word in words]
    old = list(_WORD.finditer(before))
    if len(new) == 1:
        return _number_changed(new[0], before, old)
    head = [place for place, word in enumerate(old) if stem(fold(word[0])) == stem(fold(new[-1]))]
    if len(head) != 1 or any(stem(fold(word)) in {stem(fold(each[0])) for each in old} for word in new[:-1]):
        return None
    last = first = head[0]
    # What stands before the noun, as far as it is telling: "the Aurora | plan", "full-time | staff".
    while first and last - first < len(new) - 1 and claim(f"x {old[first - 1][0]}").words - {"x"}:
        if before[old[first - 1].end() : old[first].start()] != " " or old[first - 1][0].lower() in _VERBS:
            break
        first -= 1
    if first == last:
        return None
    start = old[first].start()
    article = re.search(r"\b(an?)\s+$", before[:start], re.IGNORECASE)
    if article:  # "an Aurora plan" and "a Borealis plan"
        start = article.start(1)
        new.insert(0, "an" if new[0][0].lower() in "aeiou" else "a")
    return f"{before[:start]}{' '.join(new[:-1])} {before[old[last].start() :]}"


def _number_changed(new: str, before: str, old: Sequence[re.Match[str]]) -> str | None:
    if not new.isdigit():
        return None
    alike = [word for word in old if word[0].isdigit() and len(word[0]) == len(new)]
    if len(alike) != 1 or alike[0][0] == new:
        return None
    return before[: alike[0].start()] + new + before[alike[0].end() :]


def joined(question: str, before: str) -> str:
    """Both questions in one, in whatever language: what one leaves out, the other says."""
    follow = " ".join(question.split())
    full = " ".join(before.split()).rstrip(_ENDS)
    if _OPENING.match(question) and follow[:1].isascii() and len(_WORD.findall(follow)) <= 12:
        return f"{full}, {follow[:1].lower()}{follow[1:]}"
    return f"{full}? {follow}"


def is_faithful(written: str, question: str, conversation: Sequence[str]) -> bool:
    """Whether a model's rewriting may be searched for in the person's name.

    One question of reasonable length, that keeps all telling words, numbers and names of the follow-up, has some of the
    conversation, invents none, and leaves nothing open.
    """
    if not written or "\n" in written or len(written) > max(200, 3 * len(question)):
        return False
    if not written.endswith(("?", "？")) or sum(written.count(mark) for mark in "?？") != 1 or needs_context(written):
        return False
    own, said = _said(_bare(question)), claim(written)
    if not (own.words <= said.words and own.numbers <= said.numbers and own.names <= said.spelled):
        return False
    if bool(own.denied) != bool(said.denied) and not any(claim(text).denied for text in conversation[:1]):
        return False
    known = _all_of([question, *conversation])
    return bool(said.words - own.words) and said.words <= known.words and said.numbers <= known.numbers


def _asks(text: str) -> bool:
    """Whether it begins as an English question does."""
    first = _WORD.search(text)
    return first is not None and first[0].lower() in _VERBS


def _all_of(texts: Sequence[str]) -> Claim:
    claims = [claim(text) for text in texts]
    return Claim(*(frozenset[str]().union(*parts) for parts in zip(*claims, strict=True)))


def _bare(question: str) -> str:
    """A follow-up without what only says that it is one: "and", "what about", the question mark."""
    return _OPENING.sub("", question.strip(), count=1).strip(_ENDS + ",")


def full_question(
    question: str, asked: Sequence[Asked], model: Callable[[], Model] | None, cancelled: Callable[[], bool]
) -> str:
    """The follow-up as a full question; the question itself where it stands alone.

    What the model is given begins with what it has in its memory, if that is the turn before: so the sources that
    it has read are still there for the next answer.

    Args:
        asked: the turns before, in order, none for the first question.
        model: gives the model, and is called only where it is needed; null: it is not asked.
        cancelled: true ends the writing; what is returned then does not matter.
    """
    question = " ".join(question.split())
    if not asked or not needs_context(question):
        return question
    before = asked[-1].question
    if plain := substituted(question, before):
        return plain
    if model is not None:
        conversation = [before, *(text for turn in reversed(asked) for text in (turn.question, turn.answer))]
        if written := _ask(model(), question, asked[-1], conversation, cancelled):
            return written
    return joined(question, before)


def _ask(
    model: Model, question: str, before: Asked, conversation: Sequence[str], cancelled: Callable[[], bool]
) -> str | None:
    request = ChatMessage(role="user", content=REQUEST.format(question=question))
    history = list(model.last)
    if len(history) < 2 or before.question not in history[-2]["content"]:  # it has another conversation in mind
        history = [
            ChatMessage(role="user", content=before.question),
            ChatMessage(role="assistant", content=before.answer[:1000]),
        ]
    known = _all_of([question, REQUEST, *conversation]).words
    text = ""

    def heard(piece: str) -> None:
        nonlocal text
        text += piece

    def is_over() -> bool:
        # It is a question now, or will never be a faithful one: small models often go astray with the first word.
        whole = text.lstrip(' "“*').rpartition(" ")[0]
        strays = bool(_STATES.search(whole)) or not (_asks(whole) or not _asks(before.question))
        return cancelled() or bool(_END.search(text)) or bool(whole and strays) or not claim(whole).words <= known

    try:
        model.generate([*history, request], max_tokens=MOST_TOKENS, temperature=0.0, on_text=heard, cancelled=is_over)
    except DocentError as problem:
        if problem.code not in (Code.CONTEXT_TOO_SMALL, Code.GENERATION_FAILED):
            raise
        return None
    written = _END.split(text.strip(), maxsplit=1)[0].strip(' "“”*') + "?"
    return written if is_faithful(written, question, conversation) else None

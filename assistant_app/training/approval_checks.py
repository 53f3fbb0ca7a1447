"""What is wrong with examples, before they are learnt from. Nothing is changed or left out here, only said."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from assistant_app.answering import prompts
from assistant_app.answering.answer import says_not_found
from assistant_app.answering.formats import TEXT
from assistant_app.answering.shapes import check_format, read
from assistant_app.errors import DocentError
from assistant_app.protocol.records import OutputFormat
from assistant_app.protocol.training import Example, Problem
from assistant_app.training.dataset import cited_numbers

ACCEPTABLE: frozenset[Problem] = frozenset(("not_cited", "duplicate", "secret"))
"""Problems with which a person may let an example count."""

LONGEST_TOKENS = 4096
"""Tokens of a prompt with its answer, estimated: what a training step holds, and the context that answers have."""
BYTES_PER_TOKEN = 3
"""Of UTF-8. English has four; to estimate too many is better than to train on what is cut off."""
_BESIDES = 60
"""Bytes of a prompt that are neither the instructions, the sources nor the question."""
_BESIDE_SOURCE = 20

_ODD_MARK = re.compile(r"\[\s*(?:[^\W\d_]|\d{1,3}\s*[?a-z]|[?#*_.…–-]*)\s*\]|\[[\d\s,;–-]*\Z")
"""A mark that nobody filled in or finished: ``[]``, ``[x]``, ``[?]``, ``[1?]``, or a ``[1`` at the end."""


class Looked(NamedTuple):
    """What is known of one example by itself: a digest of :func:`likeness`, and its problems."""

    likeness: bytes
    problems: tuple[Problem, ...]


def problems(examples: Sequence[Example], known: dict[bytes, Looked] | None = None) -> list[list[Problem]]:
    """The problems of each example, the most serious first.

    Args:
        examples: in the order of their age, the oldest first.
        known: what an earlier call found, by digest of the example, so that only those that changed are looked at; it
            is brought up to date.
    """
    before = {} if known is None else dict(known)
    now: dict[bytes, Looked] = {}
    seen: set[bytes] = set()
    found: list[list[Problem]] = []
    for example in examples:
        key = _digest(msgspec.json.encode(example))
        looked = now[key] = before.get(key) or _looked(example)
        found.append(list(looked.problems))
        if looked.likeness in seen:
            found[-1].append("duplicate")
        seen.add(looked.likeness)
    if known is not None:
        known.clear()
        known.update(now)
    return found


def _looked(example: Example) -> Looked:
    return Looked(_digest(likeness(example).encode()), tuple(_problems(example)))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def counts(its: Sequence[Problem], accepted: bool) -> bool:
    """Whether an example with these problems is learnt from."""
    return not its or (accepted and ACCEPTABLE.issuperset(its))


def likeness(example: Example) -> str:
    """What two examples share that ask the same: format, prompt and question, in small letters, with single blanks."""
    if example.messages:
        pieces = [f"{each['role']} {each['content']}" for each in example.messages]
    else:
        pieces = [example.question, *(f"{each.name}\0{each.page}\0{each.text}" for each in example.sources)]
    if example.shape is not None or example.instructions:
        pieces += [msgspec.json.encode(example.shape).decode(), example.instructions]
    return "\n".join([example.format, *(" ".join(piece.casefold().split()) for piece in pieces)])


def _problems(example: Example) -> Iterator[Problem]:
    answer = example.answer
    if not (re.search(r"\w", example.question) and re.search(r"\w", answer)):
        yield "empty"
        return
    is_text = example.format == TEXT
    if not is_text and not _is_in_format(example):
        yield "format_invalid"
    if is_text and _has_our_prompt(example) and _is_odd_text(answer):
        yield "format_invalid"
    numbers = cited_numbers(answer) if is_text else []
    offered = _offered(example)
    if offered is not None and not offered.issuperset(numbers):
        yield "cites_nothing_there"
    if _bytes(example) > LONGEST_TOKENS * BYTES_PER_TOKEN:
        yield "too_long"
    if any(has_secret(text) for text in _texts(example)):
        yield "secret"
    if offered is not None and is_text and not (numbers or says_not_found(answer)):
        yield "not_cited"


def _is_in_format(example: Example) -> bool:
    wanted = example.shape or OutputFormat(kind=example.format)
    if wanted.kind != example.format:
        return False
    try:
        check_format(wanted)  # an import may bring anything
    except DocentError:
        return False
    return not read(wanted, example.answer.strip()).problem


def _has_our_prompt(example: Example) -> bool:
    """Whether it is asked as Docent asks; which shape an answer to another prompt has is not known."""
    return not example.messages or example.messages[0].get("content") == prompts.INSTRUCTIONS


def _is_odd_text(answer: str) -> bool:
    is_json = answer.lstrip()[:1] in ("{", "[") and answer.rstrip()[-1:] in ("}", "]") and '"' in answer
    return is_json or bool(_ODD_MARK.search(answer))


def _offered(example: Example) -> set[int] | None:
    """The numbers of an example's sources; null for a prompt of its own that numbers nothing."""
    if example.messages:
        return {number for each in example.messages for number in cited_numbers(each["content"])} or None
    return set(range(1, len(example.sources) + 1))


def _texts(example: Example) -> Iterator[str]:
    """All that a person or a document wrote in it."""
    yield example.question
    yield example.answer
    yield from (source.text for source in example.sources)
    yield from (each["content"] for each in example.messages)


def _bytes(example: Example) -> int:
    """Bytes of the prompt and the answer. Making the prompt itself would take a hundred times as long."""
    answer = len(example.answer.encode())
    if example.messages:
        return answer + sum(len(each["content"].encode()) for each in example.messages)
    instructions = prompts.instructions_of(example.format) + example.instructions
    if example.shape is not None:
        instructions += example.shape.schema + example.shape.template + " ".join(example.shape.labels)
    sources = sum(len(each.name.encode()) + len(each.text.encode()) + _BESIDE_SOURCE for each in example.sources)
    return len(instructions) + _BESIDES + sources + len(example.question.encode()) + answer


# ---------------------------------------------------------------- secrets

_PASSWORD_WORDS = (
    *("password", "passwort", "passwd", "passcode", "passphrase", "pwd", "kennwort", "mot de passe", "contraseña"),
    *("api key", "api-key", "api_key", "apikey", "access key", "access-key", "access_key", "access token"),
    *("access-token", "access_token", "auth token", "auth-token", "auth_token", "bearer token", "secret"),
)
_PASSWORD = re.compile(
    r"""(?:[ _-]?key)?["'”’]?\s{0,3}(?:[:=]|\b(?:is|ist|es|est)\b)\s{0,3}["'“‘]?"""
    r"(?=\S{0,60}[\d!@#$%^&*+=~_?])(?=\S{0,60}[^\W\d])\S{6,}"
)
"""What stands behind such a word where it is told: six characters or more, with letters and with digits or signs in it
("the password is required" tells none)."""

_KEYS = tuple(
    (begin, re.compile(pattern))
    for begin, pattern in (
        ("PRIVATE KEY", r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY"),
        ("AKIA", r"\bAKIA[0-9A-Z]{16}\b"),  # Amazon
        ("ASIA", r"\bASIA[0-9A-Z]{16}\b"),
        ("AIza", r"\bAIza[\w-]{35}"),  # Google
        ("ghp_", r"\bghp_\w{36}"),  # GitHub
        ("gho_", r"\bgho_\w{36}"),
        ("ghs_", r"\bghs_\w{36}"),
        ("github_pat_", r"\bgithub_pat_\w{22}"),
        ("glpat-", r"\bglpat-[\w-]{20}"),  # GitLab
        ("xox", r"\bxox[abeoprs]-[\w-]{10}"),  # Slack
        ("sk-", r"\bsk-[\w-]{20}"),  # OpenAI and others
        ("k_live_", r"\b[rs]k_live_\w{16}"),  # Stripe
        ("hf_", r"\bhf_\w{30}"),  # Hugging Face
        ("npm_", r"\bnpm_\w{36}"),
        ("pypi-", r"\bpypi-AgEI\w{20}"),
        ("eyJ", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),  # a JSON web token
        ("://", r"://[^\s/:@]{1,60}:[^\s/@]{3,60}@"),  # an address with a password
    )
)
"""What keys of well-known services begin with, and how they go on."""

_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_GROUPS = (b"00000000", b"0000 0000", b"0000-0000")
"""Two groups of digits, of which there are some in every number below."""
_CARD = re.compile(r"(?<!\d)(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,7}|3\d{3}([ -]?)\d{6}\2\d{4,5})(?!\d)", re.ASCII)
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[068]\d{12}|35\d{14}|6(?:011|[245]\d\d)\d{12}"
)
"""Numbers as Visa, Mastercard, American Express, Diners Club, JCB, Discover and UnionPay issue them."""
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.ASCII)


def has_secret(text: str) -> bool:
    """Whether ``text`` holds what reads like a password, a private key, a key of a well-known service, a payment card's
    number (Luhn's sum, ISO/IEC 7812) or an IBAN (its check sum, ISO 13616)."""
    # What is quick to see comes first: thousands of passages are looked at each time the examples are listed.
    if any(begin in text and pattern.search(text) for begin, pattern in _KEYS):
        return True
    if _has_password(text.lower()):
        return True
    digits = text.encode().translate(_DIGITS)
    return any(group in digits for group in _GROUPS) and (
        any(_is_card(match[0]) for match in _CARD.finditer(text))
        or any(_is_iban(match[0]) for match in _IBAN.finditer(text))
    )


def _has_password(small: str) -> bool:
    for word in _PASSWORD_WORDS:
        place = small.find(word)
        while place >= 0:
            if not small[place - 1 : place].isalnum() and _PASSWORD.match(small, place + len(word)):
                return True
            place = small.find(word, place + 1)
    return False


def _is_card(text: str) -> bool:
    digits = [int(letter) for letter in text if letter.isdigit()]
    if not _ISSUED.fullmatch("".join(map(str, digits))):
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """Whether it is one, or is with a word behind it that only looks like its last group."""
    groups = text.split(" ")
    for last in range(len(groups), 0, -1):
        number = "".join(groups[:last])
        turned = number[4:] + number[:4]
        if len(number) >= 15 and int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1:
            return True
    return False

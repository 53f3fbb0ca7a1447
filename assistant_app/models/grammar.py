"""Grammars that hold a model's answer to a format: GBNF as llama.cpp reads it, and the sampling under one.

GBNF: llama.cpp, grammars/README.md. llama_cpp's own converter of JSON schemas writes grammars that its parser refuses
(quotation marks in an enum) and strings that are no JSON (line breaks), so a small one stands here. What cannot be held
is refused before it gets to llama.cpp, with its place.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from assistant_app.errors import Code, DocentError
from assistant_app.models.native import log

Schema = Mapping[str, Any]

LONGEST_SCHEMA = 50_000
"""Characters."""
DEEPEST = 20
MOST_PROPERTIES = 200
MOST_LENGTH = 1000
"""Of ``maxLength``: llama.cpp refuses longer repetitions."""
MOST_ITEMS = 100
MOST_CHOICES = 1000
MOST_RULES = 5000

_SAID_ONLY = {"title", "description", "default", "examples", "$schema", "$id", "$comment", "$defs", "definitions"}
_CHECKED_AFTERWARDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems"}
"""A grammar cannot hold these; the answer is compared with them."""
_HELD = {
    *("type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "enum", "const"),
    *("minLength", "maxLength", "anyOf", "oneOf", "$ref", "format"),
}
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")

_BASIC = r"""
char ::= [^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" ([0-9a-ce-fA-CE-F] hex hex hex | [dD] [0-7] hex hex))
hex ::= [0-9a-fA-F]
string ::= "\"" char* "\""
positive ::= [1-9] [0-9]{0,14}
natural ::= "0" | positive
integer ::= "-"? natural
number ::= integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
null ::= "null"
date ::= "\"" [0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]) "\""
"""


def literal(text: str) -> str:
    """``text`` as a GBNF string."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(each, each) for each in text) + '"'


def choice_grammar(choices: Sequence[str]) -> str:
    """The grammar of an answer that is one of ``choices``."""
    return f"root ::= {' | '.join(map(literal, choices))}\n"


def template_grammar(parts: Sequence[str]) -> str:
    """The grammar of fixed texts (at even places) with a slot of one line between each two."""
    pieces = [literal(part) if place % 2 == 0 else "slot" for place, part in enumerate(parts) if part]
    return f"root ::= {' '.join(pieces)}\nslot ::= [^\\x00-\\x1F\\x7F]+\n"


def schema_grammar(schema: object) -> str:
    """The grammar of JSON that fits ``schema``, with its properties in their order and one way to put spaces.

    Numbers' limits and unlike items are beyond a grammar: the answer must be validated all the same.

    Raises:
        DocentError: ``schema_unsupported`` with ``place`` (a JSON pointer) and ``what``.
    """
    return _Converter(schema).grammar()


class _Converter:
    def __init__(self, schema: object) -> None:
        self._schema = schema
        self._rules: list[str] = []
        self._properties = 0

    def grammar(self) -> str:
        if len(json.dumps(self._schema)) > LONGEST_SCHEMA:
            raise _unsupported("", "size")
        root = self._rule(self._schema, "", ())
        return "\n".join([f"root ::= {root}", *self._rules]) + _BASIC

    def _rule(self, schema: object, place: str, refs: tuple[str, ...]) -> str:
        """What stands for ``schema`` in another rule."""
        if not isinstance(schema, Mapping):  # true and false are schemas too
            raise _unsupported(place, "schema")
        if place.count("/") > 2 * DEEPEST:
            raise _unsupported(place, "depth")
        if "$id" in schema and schema is not self._schema:  # would make its references lead elsewhere
            raise _unsupported(f"{place}/$id", "$id")
        for keyword in schema:
            if keyword not in _SAID_ONLY | _CHECKED_AFTERWARDS | _HELD:
                raise _unsupported(f"{place}/{_pointed(keyword)}", str(keyword)[:60])
        if "$ref" in schema:
            return self._reference(schema["$ref"], place, refs)
        if "const" in schema:
            return self._choices([schema["const"]], f"{place}/const")
        if "enum" in schema:
            return self._choices(schema["enum"], f"{place}/enum")
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                options = _list(schema[keyword], f"{place}/{keyword}")
                rules = [self._rule(each, f"{place}/{keyword}/{n}", refs) for n, each in enumerate(options)]
                return self._named("(" + " | ".join(rules) + ")")
        return self._typed(schema, place, refs)

    def _typed(self, schema: Schema, place: str, refs: tuple[str, ...]) -> str:
        wanted = schema.get("type", "object" if "properties" in schema else None)
        kinds = wanted if isinstance(wanted, list) else [wanted]
        if not kinds or any(kind not in _TYPES for kind in kinds):
            raise _unsupported(f"{place}/type", "type")
        rules = [self._of_type(kind, schema, place, refs) for kind in kinds]
        return rules[0] if len(rules) == 1 else self._named("(" + " | ".join(rules) + ")")

    def _of_type(self, kind: str, schema: Schema, place: str, refs: tuple[str, ...]) -> str:
        if kind == "object":
            return self._object(schema, place, refs)
        if kind == "array":
            return self._array(schema, place, refs)
        if kind == "string":
            return self._string(schema, place)
        if kind == "integer" and schema.get("minimum") in (0, 1):
            return "positive" if schema["minimum"] else "natural"
        return kind

    def _string(self, schema: Schema, place: str) -> str:
        least = _count(schema, "minLength", 0, MOST_LENGTH, place)
        most = _count(schema, "maxLength", -1, MOST_LENGTH, place)
        if schema.get("format") == "date":
            return "date"
        if least <= 0 and most < 0:
            return "string"
        if 0 <= most < least:
            raise _unsupported(f"{place}/maxLength", "maxLength")
        return self._named(f'"\\"" char{{{least},{most if most >= 0 else ""}}} "\\""')

    def _array(self, schema: Schema, place: str, refs: tuple[str, ...]) -> str:
        if "items" not in schema:
            raise _unsupported(place, "items")
        item = self._rule(schema["items"], f"{place}/items", refs)
        least = _count(schema, "minItems", 0, MOST_ITEMS, place)
        most = _count(schema, "maxItems", -1, MOST_ITEMS, place)
        if 0 <= most < least:
            raise _unsupported(f"{place}/maxItems", "maxItems")
        if most == 0:
            return self._named('"[]"')
        further = f'(", " {item}){{{max(least - 1, 0)},{most - 1 if most > 0 else ""}}}'
        return self._named(f'"[" {item} {further} "]"' + ("" if least else ' | "[]"'))

    def _object(self, schema: Schema, place: str, refs: tuple[str, ...]) -> str:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, Mapping) or not properties:
            raise _unsupported(f"{place}/properties", "properties")
        if not isinstance(required, list) or any(name not in properties for name in required):
            raise _unsupported(f"{place}/required", "required")
        if not isinstance(schema.get("additionalProperties", False), bool):
            raise _unsupported(f"{place}/additionalProperties", "additionalProperties")
        self._properties += len(properties)
        if self._properties > MOST_PROPERTIES:
            raise _unsupported(f"{place}/properties", "size")
        pairs = [
            (
                f"{literal(json.dumps(name, ensure_ascii=False))} {literal(': ')} "
                + self._rule(value, f"{place}/properties/{_pointed(name)}", refs),
                name in required,
            )
            for name, value in properties.items()
        ]
        # From the last to the first: what may follow where nothing was written yet, and where something was.
        first = rest = '""'
        for pair, needed in reversed(pairs):
            if needed:
                first, rest = self._named(f"{pair} {rest}"), self._named(f'", " {pair} {rest}')
            else:
                first, rest = self._named(f"{pair} {rest} | {first}"), self._named(f'(", " {pair})? {rest}')
        return self._named(f'"{{" {first} "}}"')

    def _choices(self, values: object, place: str) -> str:
        found = _list(values, place)
        if len(found) > MOST_CHOICES:
            raise _unsupported(place, "size")
        try:
            texts = [literal(json.dumps(value, ensure_ascii=False, allow_nan=False)) for value in found]
        except ValueError:
            raise _unsupported(place, "number") from None
        return self._named("(" + " | ".join(texts) + ")")

    def _reference(self, target: object, place: str, refs: tuple[str, ...]) -> str:
        parts = target.removeprefix("#/").split("/") if isinstance(target, str) and target.startswith("#/") else []
        value: object = self._schema
        for part in parts:
            key = part.replace("~1", "/").replace("~0", "~")
            value = value.get(key) if isinstance(value, Mapping) else None
        # Elsewhere, nowhere, or within itself; "%" would be read in two ways.
        if not parts or value is None or target in refs or "%" in str(target):
            raise _unsupported(f"{place}/$ref", "$ref")
        return self._rule(value, place, (*refs, str(target)))

    def _named(self, rule: str) -> str:
        if len(self._rules) == MOST_RULES:  # a few references of references can stand for millions
            raise _unsupported("", "size")
        name = f"r{len(self._rules)}"
        self._rules.append(f"{name} ::= {rule}")
        return name


def _unsupported(place: str, what: str) -> DocentError:
    return DocentError(Code.SCHEMA_UNSUPPORTED, place=place[:200] or "/", what=what)


def _pointed(name: object) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")[:80]


def _list(value: object, place: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise _unsupported(place, place.rpartition("/")[2])
    return value


def _count(schema: Schema, keyword: str, default: int, most: int, place: str) -> int:
    value = schema.get(keyword, default)
    if type(value) is not int or not default <= value <= most or (value < 0 and keyword in schema):
        raise _unsupported(f"{place}/{keyword}", keyword)
    return value


class Constraint:
    """Samples so that an answer stays within a grammar.

    The token that the model likes best is asked about alone; only where the grammar refuses it is the whole vocabulary
    masked. Masking it every time costs half of the speed.
    """

    def __init__(self, vocab: Any, grammar: str, path: str) -> None:
        """``vocab`` is llama.cpp's, ``path`` the model's file, for errors.

        Raises:
            DocentError: ``grammar_refused`` (``said``): llama.cpp's parser does not take it.
        """
        log.clear()
        self._sampler = llama.llama_sampler_init_grammar(vocab, grammar.encode(), b"root")
        if not self._sampler:  # to sample with it would end the process
            raise DocentError(Code.GRAMMAR_REFUSED, path=path, said=log.last_error())
        self._size = llama.llama_vocab_n_tokens(vocab)
        self._path = path

    def sample(self, context: Any, chain: Any) -> int:
        """The next token, and the grammar goes on by it.

        Raises:
            DocentError: ``generation_failed`` where no token fits.
        """
        token = llama.llama_sampler_sample(chain, context, -1)
        one = (llama.llama_token_data * 1)(llama.llama_token_data(token, 1.0, 0.0))
        alone = llama.llama_token_data_array(one, 1, -1, False)
        llama.llama_sampler_apply(self._sampler, ctypes.byref(alone))
        if one[0].logit == -np.inf:
            token = self._next_best(context, chain)
        llama.llama_sampler_accept(self._sampler, token)
        return int(token)

    def _next_best(self, context: Any, chain: Any) -> int:
        every = np.zeros(self._size, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        every["id"] = np.arange(self._size)
        every["logit"] = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, -1), (self._size,))
        data = every.ctypes.data_as(ctypes.POINTER(llama.llama_token_data))
        array = llama.llama_token_data_array(data, self._size, -1, False)
        llama.llama_sampler_apply(self._sampler, ctypes.byref(array))
        llama.llama_sampler_apply(chain, ctypes.byref(array))
        chosen = array.data[array.selected] if array.selected >= 0 else None
        if chosen is None or chosen.logit == -np.inf:  # to go on by a token that was refused would end the process
            raise DocentError(Code.GENERATION_FAILED, path=self._path, said="no token fits the format")
        return int(chosen.id)

    def close(self) -> None:
        """Give the sampler back; nothing else may be called afterwards."""
        llama.llama_sampler_free(self._sampler)

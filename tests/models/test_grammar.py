"""Grammars: what a schema becomes, what llama.cpp takes of it, and what a model can write under one."""

from __future__ import annotations

import ctypes
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import llama_cpp.llama_cpp as llama
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant_app.errors import Code, DocentError
from assistant_app.models import grammar as grammars
from assistant_app.models.chat_model import ChatModel, Generated
from assistant_app.models.grammar import choice_grammar, schema_grammar, template_grammar
from assistant_app.models.prompt_tokens import PromptTokens

FACTS = {
    "type": "object",
    "properties": {
        "party": {"type": "string", "maxLength": 12},
        "sum": {"type": "number"},
        "kind": {"enum": ["rent", 'say "hi"', "two\nlines", 3, None, True]},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a b", "c"]}, "maxItems": 3},
        "day": {"type": "string", "format": "date"},
        "where": {"type": "object", "properties": {"floor": {"type": "integer"}}, "required": ["floor"]},
        "note": {"type": ["string", "null"], "maxLength": 5},
        "rooms": {"type": "integer", "minimum": 1},
    },
    "required": ["party", "kind", "day"],
    "additionalProperties": False,
}


class Judge:
    """Whether llama.cpp lets a whole text through a grammar: token by token, then the end."""

    def __init__(self, words: PromptTokens) -> None:
        self._words = words

    def takes(self, grammar: str, text: str) -> bool:
        sampler = llama.llama_sampler_init_grammar(self._words._vocabulary.native, grammar.encode(), b"root")
        assert sampler, grammar
        try:
            for token in self._words.answer(text):
                one = (llama.llama_token_data * 1)(llama.llama_token_data(token, 1.0, 0.0))
                alone = llama.llama_token_data_array(one, 1, -1, False)
                llama.llama_sampler_apply(sampler, ctypes.byref(alone))
                if one[0].logit == -np.inf:
                    return False
                llama.llama_sampler_accept(sampler, token)
            return True
        finally:
            llama.llama_sampler_free(sampler)


@pytest.fixture(scope="module")
def judge(starter: str) -> Iterator[Judge]:
    words = PromptTokens(starter)
    yield Judge(words)
    words.close()


@pytest.fixture(scope="module")
def starter() -> str:
    from assistant_app.models.model_files import starter_model

    return str(starter_model())


def written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"party": "Acme", "kind": "rent", "day": "2026-01-31"}, True),
        ({"party": "", "sum": -1.5e3, "kind": 'say "hi"', "tags": ["a b", "c"], "day": "2026-12-01"}, True),
        ({"party": "Größe 家", "kind": "two\nlines", "day": "2026-12-01", "where": {"floor": -3}}, True),
        ({"party": '\\"\t', "kind": None, "tags": [], "day": "2026-12-01", "note": None, "rooms": 12}, True),
        ({"party": "thirteen long", "kind": "rent", "day": "2026-12-01"}, False),
        ({"party": "Acme", "kind": "rent", "day": "2026-13-01"}, False),
        ({"party": "Acme", "kind": "lease", "day": "2026-12-01"}, False),
        ({"party": "Acme", "kind": "rent"}, False),
        ({"party": "Acme", "kind": "rent", "day": "2026-12-01", "more": 1}, False),
        ({"party": "Acme", "kind": "rent", "tags": ["c", "c", "c", "c"], "day": "2026-12-01"}, False),
        ({"party": "Acme", "kind": "rent", "day": "2026-12-01", "rooms": 0}, False),
        (["Acme"], False),
    ],
)
def test_a_grammar_takes_what_its_schema_allows(judge: Judge, value: object, fits: bool) -> None:
    assert judge.takes(schema_grammar(FACTS), written(value)) is fits


@pytest.mark.parametrize("text", ['{"party": "a\nb", "kind": "rent", "day": "2026-12-01"}', "", "{", "null"])
def test_what_is_no_json_of_that_kind_is_refused(judge: Judge, text: str) -> None:
    assert not judge.takes(schema_grammar(FACTS), text)


def test_optional_properties_may_be_left_out_anywhere(judge: Judge) -> None:
    names = ["a", "b", "c"]
    for needed in ([], ["a"], ["b"], ["c"], ["a", "c"]):
        schema = {"properties": {name: {"type": "boolean"} for name in names}, "required": needed}
        grammar = schema_grammar(schema)
        for bits in range(8):
            value = {name: True for place, name in enumerate(names) if bits >> place & 1}
            assert judge.takes(grammar, written(value)) is all(name in value for name in needed), (needed, value)


def test_half_a_surrogate_pair_cannot_be_written(judge: Judge) -> None:
    grammar = schema_grammar({"type": "string"})
    assert judge.takes(grammar, '"\\u00e9"')
    assert not judge.takes(grammar, '"\\ud83d"')


def test_references_are_followed(judge: Judge) -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/name~1s"}}, "required": ["a"], "$defs": {"name/s": {"enum": ["x"]}}}
    assert judge.takes(schema_grammar(schema), '{"a": "x"}')
    assert not judge.takes(schema_grammar(schema), '{"a": "y"}')


@pytest.mark.parametrize(
    ("schema", "place", "what"),
    [
        (True, "/", "schema"),
        ({"properties": {"a": True}}, "/properties/a", "schema"),
        ({"properties": {"a": {"not": {}}}}, "/properties/a/not", "not"),
        ({"properties": {"a/b": {"type": "string", "pattern": "x+"}}}, "/properties/a~1b/pattern", "pattern"),
        ({"$ref": "#"}, "/$ref", "$ref"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}, "type": "array"}}},
            "/items/$ref",
            "$ref",
        ),
        ({"$ref": "https://example.org/schema"}, "/$ref", "$ref"),
        ({"type": "string", "maxLength": 1001}, "/maxLength", "maxLength"),
        ({"type": "string", "minLength": 5, "maxLength": 2}, "/maxLength", "maxLength"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 1500}, "/maxItems", "maxItems"),
        ({"type": "array", "items": {"type": "string"}, "minItems": -1}, "/minItems", "minItems"),
        ({"type": "array"}, "/", "items"),
        ({"type": "object"}, "/properties", "properties"),
        ({"properties": {"a": {"type": "text"}}}, "/properties/a/type", "type"),
        ({"properties": {"a": {"type": "null"}}, "required": ["b"]}, "/required", "required"),
        ({"enum": []}, "/enum", "enum"),
        ({"const": float("nan")}, "/const", "number"),
        ({"anyOf": []}, "/anyOf", "anyOf"),
        ({"enum": ["x" * 60_000]}, "/", "size"),
        ({"properties": {f"p{n}": {"type": "null"} for n in range(201)}}, "/properties", "size"),
    ],
)
def test_what_a_grammar_cannot_hold_is_refused_with_its_place(schema: object, place: str, what: str) -> None:
    with pytest.raises(DocentError) as refused:
        schema_grammar(schema)
    assert refused.value.code is Code.SCHEMA_UNSUPPORTED
    assert refused.value.details == {"place": place, "what": what}


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(60):
        schema = {"type": "array", "items": schema}
    with pytest.raises(DocentError) as refused:
        schema_grammar(schema)
    assert refused.value.details["what"] == "depth"


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=6)
_LEAVES = st.one_of(
    st.sampled_from([{"type": "integer"}, {"type": "boolean"}, {"type": "null"}, {"type": ["integer", "null"]}]),
    st.builds(lambda most: {"type": "string", "maxLength": most}, st.integers(0, 9)),
    st.lists(st.one_of(st.text(max_size=8), st.integers(), st.none(), st.booleans()), min_size=1, max_size=4).map(
        lambda values: {"enum": values}
    ),
)
SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda properties, needed: {
                "type": "object",
                "properties": properties,
                "required": [name for place, name in enumerate(properties) if needed >> place & 1],
                "additionalProperties": False,
            },
            st.dictionaries(_NAMES, inner, min_size=1, max_size=4),
            st.integers(0, 15),
        ),
        st.builds(lambda item, most: {"type": "array", "items": item, "maxItems": most}, inner, st.integers(0, 4)),
    ),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(schema=SCHEMAS)
def test_llama_cpp_takes_every_grammar_that_is_made(judge: Judge, schema: dict[str, Any]) -> None:
    judge.takes(schema_grammar(schema), "{}")


def ask(model: ChatModel, grammar: str, *, temperature: float = 0.0, most: int = 200) -> Generated:
    return model.generate(
        [{"role": "user", "content": "Go on."}],
        max_tokens=most,
        temperature=temperature,
        on_text=lambda text: None,
        cancelled=lambda: False,
        grammar=grammar,
    )


BOUNDED = {
    "properties": {
        "kind": {"enum": ["rent", "loan"]},
        "tags": {"type": "array", "items": {"enum": ["a", 7, None]}, "minItems": 1, "maxItems": 3},
        "found": {"type": "boolean"},
        "day": {"type": "string", "format": "date"},
    },
    "required": ["kind", "tags", "found", "day"],
}


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_even_a_model_of_nonsense_stays_within_the_grammar(model: ChatModel, temperature: float) -> None:
    free = ask(model, "", temperature=temperature, most=20)
    with pytest.raises(json.JSONDecodeError):
        json.loads(free.text)
    said = ask(model, schema_grammar(BOUNDED), temperature=temperature)
    jsonschema.validate(json.loads(said.text), BOUNDED)
    assert not said.cut


def test_labels_and_templates_are_held(model: ChatModel) -> None:
    labels = ["Yes", "No", 'Not "stated"']
    assert ask(model, choice_grammar(labels)).text in labels
    text = ask(model, template_grammar(["Paid: ", "sum", "\nBy: ", "who", ""]), most=30).text
    assert text.startswith("Paid: ")


def test_a_grammar_that_llama_cpp_refuses_is_an_error_and_nothing_else(model: ChatModel) -> None:
    before = ask(model, "", most=8).text
    with pytest.raises(DocentError) as refused:
        ask(model, 'root ::= "a')
    assert refused.value.code is Code.GRAMMAR_REFUSED
    assert ask(model, "", most=8).text == before


def test_where_no_token_fits_it_is_an_error(model: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing(grammars.Constraint):
        """A vocabulary that is masked whole."""

        def _next_best(self, context: Any, chain: Any) -> int:
            every = llama.llama_get_logits_ith(context, -1)
            np.ctypeslib.as_array(every, (self._size,))[:] = -np.inf
            return super()._next_best(context, chain)

    monkeypatch.setattr("assistant_app.models.chat_model.Constraint", Nothing)
    with pytest.raises(DocentError) as failed:
        ask(model, choice_grammar(["§§", "¶¶"]))
    assert failed.value.code is Code.GENERATION_FAILED


def test_notes_before_an_answer_are_free(model: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant_app.models import chat_model

    opened: list[bool] = []
    sample = grammars.Constraint.sample

    def counted(self: grammars.Constraint, context: Any, chain: Any) -> int:
        opened.append(True)
        return sample(self, context, chain)

    monkeypatch.setattr(grammars.Constraint, "sample", counted)
    monkeypatch.setattr(chat_model, "OPENED_THINKING", re.compile(r"(.?)\Z", re.DOTALL))
    ask(model, choice_grammar(["Yes", "No"]), most=5)
    assert not opened  # the notes were never closed

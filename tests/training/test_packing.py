"""Packs: examples that begin alike are computed in one pass, and learn what they would learn alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant_app.training import packing
from assistant_app.training.packing import NO_LOSS, Encoded, Pack, pack, tensors
from tests.training import tiny_models

A, B, C = 10, 11, 12
TOKENS = st.lists(st.integers(3, 6), max_size=12).map(tuple)
EXAMPLES = st.lists(
    st.tuples(TOKENS.map(lambda its: (1, *its)), TOKENS.map(lambda its: (*its, 2))).map(lambda its: Encoded(*its)),
    max_size=12,
)


def assert_sound(packs: list[Pack], examples: list[Encoded], room: int) -> None:
    """Every example is in one pack, every pack has room, and its trunk is what all of its prompts begin with."""
    assert sorted(each for packed in packs for each in packed.examples) == sorted(examples)
    for packed in packs:
        assert packed.length <= room or len(packed.examples) == 1
        trunk = packed.examples[0].prompt[: packed.trunk]
        assert len(trunk) == packed.trunk
        for each in packed.examples:
            assert each.prompt[: packed.trunk] == trunk
            assert len(each.prompt) > packed.trunk, "the last token of a prompt predicts the answer's first"


@given(EXAMPLES, st.integers(1, 60))
def test_every_example_is_in_one_pack_that_has_room(examples: list[Encoded], room: int) -> None:
    assert_sound(pack(examples, room), examples, room)


@settings(max_examples=30)
@given(EXAMPLES)
def test_a_pack_asks_for_every_token_of_every_answer(examples: list[Encoded]) -> None:
    for packed in pack(examples, 200):
        laid = tensors(packed)
        tokens, positions, labels = (each[0].tolist() for each in laid[:2] + laid[3:])
        assert len(tokens) == len(positions) == len(labels) == packed.length
        asked = [token for token in labels if token != NO_LOSS]
        assert asked == [token for each in packed.examples for token in each.answer]
        mask = laid.mask[0, 0]
        assert mask.shape == (packed.length, packed.length)
        # What a token sees is its example from the beginning on, in order, and nothing else.
        own = [(*each.prompt, *each.answer) for each in packed.examples]
        for place in range(packed.length):
            seen = tuple(tokens[at] for at in range(packed.length) if mask[place, at])
            assert [positions[at] for at in range(packed.length) if mask[place, at]] == list(range(len(seen)))
            assert any(each[: len(seen)] == seen for each in own)


def test_examples_on_the_same_sources_share_a_trunk() -> None:
    trunk = (1, *[A] * 20)
    examples = [Encoded((*trunk, B, each), (C, 2)) for each in (30, 31, 32)]
    (packed,) = pack(examples, 100)
    assert (packed.trunk, packed.length) == (22, 22 + 3 * 3)
    other = Encoded((1, *[C] * 20), (A, 2))
    assert [len(each.examples) for each in pack([*examples, other], 100)] == [3, 1]
    assert [len(each.examples) for each in pack(examples, 22 + 2 * 3)] == [2, 1]


def test_the_ends_of_what_can_be_packed() -> None:
    assert pack([], 10) == []
    one = Encoded((1,), (2,))
    assert pack([one], 10) == [Pack((one,), 0)]
    assert_sound(
        pack([one, Encoded((1,), (A, 2)), Encoded((A,), (2,))], 10),
        [one, Encoded((1,), (A, 2)), Encoded((A,), (2,))],
        10,
    )
    long = Encoded((1, *[A] * 50), (2,))
    assert [packed.length for packed in pack([long, long], 10)] == [52, 52]
    same = [Encoded((1, A, B), (C, 2))] * 3
    (packed,) = pack(same, 100)
    assert (packed.trunk, len(packed.examples)) == (2, 3)


# ---------------------------------------------------------------- with a model


@pytest.fixture(scope="module")
def model() -> Any:
    """A tiny llama with an adapter that changes it."""
    import torch

    from assistant_app.training.lora import Settings, with_adapter

    made = with_adapter(tiny_models.tiny("llama"), Settings(rank=4)).eval()
    with torch.no_grad():
        for name, weights in made.named_parameters():
            if "lora_B" in name:
                weights.add_(torch.randn_like(weights) * 0.2)
    return made


EDGES = [
    Encoded((1,), (2,)),
    Encoded((1,), (9, 8, 2)),
    Encoded((1, 7), (9, 2)),
    Encoded((1, 7, 7), (2,)),
    Encoded((5,), (9, 2)),
]


@pytest.mark.parametrize("examples", [tiny_models.examples(9), EDGES, EDGES[:1]])
def test_the_loss_of_a_pack_is_the_mean_of_its_examples(model: Any, examples: list[Encoded]) -> None:
    from assistant_app.training.lora import loss

    def alone(example: Encoded) -> float:
        """The sum over its answer, as transformers computes it from labels of its own."""
        import torch

        tokens = torch.tensor([[*example.prompt, *example.answer]])
        labels = torch.tensor([[NO_LOSS] * len(example.prompt) + list(example.answer)])
        return float(model(input_ids=tokens, labels=labels).loss.detach()) * len(example.answer)

    packs = pack(examples, 4096)
    assert len(packs) < len(examples) or len(examples) == 1
    for packed in packs:
        words = sum(len(each.answer) for each in packed.examples)
        wanted = sum(map(alone, packed.examples)) / words
        assert float(loss(model, packed, "cpu", False).detach()) == pytest.approx(wanted, abs=1e-5)


def test_a_branch_must_not_see_another(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above is able to tell: with a plain causal mask the loss is another one."""
    import torch

    from assistant_app.training import lora

    (packed, *_) = pack(tiny_models.examples(3), 4096)
    assert len(packed.examples) == 3
    right = float(lora.loss(model, packed, "cpu", False).detach())
    laid = packing.tensors(packed)
    causal = torch.tril(torch.ones_like(laid.mask))
    monkeypatch.setattr(lora, "tensors", lambda packed: laid._replace(mask=causal))
    assert float(lora.loss(model, packed, "cpu", False).detach()) != pytest.approx(right, abs=1e-3)


def test_the_likeliest_tokens_of_a_pack_of_one(model: Any) -> None:
    import torch

    from assistant_app.training.lora import likeliest

    examples = tiny_models.examples(4)
    for example, found in zip(examples, likeliest(model, examples, "cpu"), strict=True):
        scores = model(input_ids=torch.tensor([[*example.prompt, *example.answer]])).logits[0]
        first = len(example.prompt) - 1
        assert found == scores[first : first + len(example.answer)].argmax(-1).tolist()

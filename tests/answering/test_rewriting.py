"""Follow-up questions: which ones are, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from assistant_app.answering import prompts
from assistant_app.answering.rewriting import Asked, full_question, is_faithful, joined, needs_context, substituted
from assistant_app.models.chat_model import ChatMessage, ChatModel, Generated
from assistant_app.models.model_files import starter_model
from assistant_app.protocol.records import Hit

LEAVE = "How many days of leave do full-time staff receive?"
DEDUCTIBLE = "What is the deductible of the Aurora plan?"


@pytest.mark.parametrize(
    "question",
    [
        "and for part-time staff?",
        "What about dental care?",
        "But what about dental care?",
        "How about 2023?",
        "The same for children?",
        "Why?",
        "Why not?",
        "How long does it take?",
        "How long?",
        "Does the plan cover it?",
        "Who pays?",
        "For children?",
        "In 2023?",
        "Part-time staff?",
        "Is that also true of children?",
        "What does this plan cost?",
        "Under what conditions is it void?",
        "When does that happen?",
        "What else?",
        "Can you give an example?",
        "Are they paid for that?",
        "And?",
        "?",
        "Und für Teilzeitkräfte?",
        "Was ist mit Teilzeitkräften?",
        "Et pour les employés ?",
        "¿Y para los niños?",
        "А для детей?",
        "那兼职员工呢？",
        "兼职员工呢？",
        "では子供は？",
    ],
)
def test_what_cannot_stand_alone(question: str) -> None:
    assert needs_context(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        LEAVE,
        DEDUCTIBLE,
        "Is it right that the harbour of Alder was opened in 1723?",
        "Is it possible to cancel the plan?",
        "How long does it take to get a refund?",
        "If a plan is cancelled, when does it end?",
        "vacation policy",
        "dental cover",
        "deductible",
        "What is insulin?",
        "Who is Ada Lovelace?",
        "What is NATO?",
        "In which year was the tower built?",
        "Who paid the fees of this year?",
        "Where is the form for claims that are paid?",
        "Are there any exceptions?",
        "How often is the boiler inspected?",
        "Name the plans.",
        "Andorra's plans",
        "Sound of the sea",
        "Wie hoch ist der Selbstbehalt?",
        "Entre les deux plans, lequel coûte moins ?",
        "En quelle année la tour a-t-elle été construite ?",
        "¿Cuánto cuesta el plan?",
        "可扣除额是多少？",
        "控除額はいくらですか？",
        "ما هو مبلغ الخصم؟",
        "it " * 200,
    ],
)
def test_what_stands_alone_is_left_alone(question: str) -> None:
    assert not needs_context(question)
    assert full_question(question, [Asked(LEAVE, "27 days.")], None, lambda: False) == " ".join(question.split())


@pytest.mark.parametrize(
    ("question", "before", "full"),
    [
        ("and for part-time staff?", LEAVE, "How many days of leave do part-time staff receive?"),
        ("And the Borealis plan?", DEDUCTIBLE, "What is the deductible of the Borealis plan?"),
        ("What about the dental plan?", "How much does an Aurora plan cost?", "How much does a dental plan cost?"),
        ("And in 2023?", "What was the profit in 2022?", "What was the profit in 2023?"),
        ("and 2023?", "What was the profit of 2022 in March?", "What was the profit of 2023 in March?"),
    ],
)
def test_counterparts_change_places(question: str, before: str, full: str) -> None:
    assert substituted(question, before) == full
    assert full_question(question, [Asked("Who?", "x"), Asked(before, "y")], None, lambda: False) == full


@pytest.mark.parametrize(
    ("question", "before"),
    [
        ("And for children?", "What is the deductible?"),
        ("And in 2023?", "What changed from 2021 to 2022?"),
        ("And in 2022?", "What was the profit in 2022?"),
        ("And in 5?", "What was the profit in 2022?"),
        ("and the gold plan?", "Does the Aurora plan cover what the dental plan covers?"),
        ("and when does the Borealis plan end?", DEDUCTIBLE),
        ("and its other plan?", DEDUCTIBLE),
        ("and the Aurora plan?", DEDUCTIBLE),
        ("and the plan?", DEDUCTIBLE),
        ("Und der neue Tarif?", "Was kostet der alte Tarif?"),
        ("Et pour le plan Borealis ?", "Quelle est la franchise du plan Aurora ?"),
        ("那兼职员工呢？", "全职员工有几天假？"),
    ],
)
def test_what_is_not_plain_is_not_substituted(question: str, before: str) -> None:
    assert substituted(question, before) is None


@pytest.mark.parametrize(
    ("question", "before", "full"),
    [
        ("And for children?", "What is the deductible?", "What is the deductible, and for children?"),
        ("Why?", LEAVE, f"{LEAVE} Why?"),
        ("那兼职员工呢？", "全职员工有几天假？", "全职员工有几天假? 那兼职员工呢？"),
        ("Und für Kinder?", "Was kostet der Tarif?", "Was kostet der Tarif, und für Kinder?"),
    ],
)
def test_both_questions_together_are_what_remains(question: str, before: str, full: str) -> None:
    assert joined(question, before) == full
    assert full_question(question, [Asked(before, "")], None, lambda: False) == full


@pytest.mark.parametrize(
    ("written", "faithful"),
    [
        ("Is the deductible waived for preventive care of children?", True),
        ("What is the deductible for children in the Aurora plan?", True),
        ("What is the deductible for children in the Borealis plan?", False),  # a name from nowhere
        ("What is the deductible for children under 12?", False),  # a number from nowhere
        ("What is the deductible?", False),  # the follow-up's own word is lost
        ("What about children?", False),  # still open
        ("And for children?", False),
        ("Is it waived for children?", False),
        ("Children?", False),
        ("The deductible for children is $1,250.", False),
        ("What is the deductible for children? Is it waived?", False),
        ("What is the deductible\nfor children?", False),
        ("What is the deductible not for children?", False),  # the opposite
        ("What is the deductible for children " + "and preventive care " * 20 + "?", False),
        ("", False),
    ],
)
def test_what_is_accepted_of_a_model(written: str, faithful: bool) -> None:
    conversation = [DEDUCTIBLE, "The deductible of the Aurora plan is $1,250; it is waived for preventive care [1]."]
    assert is_faithful(written, "And for children?", conversation) is faithful


class Scripted:
    """Says what it was told to, piece by piece, as long as it is listened to."""

    def __init__(self, text: str, last: Sequence[ChatMessage] = ()) -> None:
        self.last = list(last)
        self.asked: list[ChatMessage] = []
        self.said = ""
        self._text = text

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float,
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> Generated:
        self.asked = list(messages)
        for word in self._text.split(" "):
            if cancelled():
                break
            self.said += f"{word} "
            on_text(f"{word} ")
        return Generated(
            text=self.said, prompt_tokens=1, completion_tokens=1, cached_tokens=0, first_token_seconds=None
        )


def rewritten(model: Scripted, question: str = "And for children?") -> str:
    asked = [Asked(DEDUCTIBLE, "It is $1,250, and waived for preventive care.")]
    return full_question(question, asked, lambda: model, lambda: False)


def test_a_faithful_rewriting_is_taken() -> None:
    assert (
        rewritten(Scripted('"What is the deductible for children?" The answer is'))
        == "What is the deductible for children?"
    )


def test_a_model_that_goes_astray_is_stopped_early() -> None:
    model = Scripted("What is the elephant " + "that never ends " * 50)
    assert rewritten(model) == "What is the deductible of the Aurora plan, and for children?"
    assert len(model.said) < 80


@pytest.mark.parametrize(
    "text", ["The deductible of the Aurora plan is waived. ", "The answer: what is the deductible "]
)
def test_a_statement_is_not_heard_to_its_end(text: str) -> None:
    model = Scripted(text * 20)
    assert rewritten(model) == "What is the deductible of the Aurora plan, and for children?"
    assert len(model.said) < 20


def test_the_prompt_begins_with_what_the_model_has_in_memory() -> None:
    before: list[ChatMessage] = [
        {"role": "system", "content": "Answer."},
        {"role": "user", "content": f"[1] (Plan) The sources.\n\nQuestion: {DEDUCTIBLE}"},
        {"role": "assistant", "content": "It is $1,250."},
    ]
    model = Scripted("x", before)
    rewritten(model)
    assert model.asked[:3] == before
    assert len(model.asked) == 4
    other = Scripted("x", [{"role": "user", "content": "Something else?"}, {"role": "assistant", "content": "Yes."}])
    rewritten(other)
    assert [each["content"] for each in other.asked][:2] == [
        DEDUCTIBLE,
        "It is $1,250, and waived for preventive care.",
    ]


def test_the_model_is_not_loaded_where_it_is_not_needed() -> None:
    def load() -> Scripted:
        pytest.fail("loaded")

    asked = [Asked(LEAVE, "27 days.")]
    for question in (DEDUCTIBLE, "and for part-time staff?"):
        full_question(question, asked, load, lambda: False)
    assert full_question("Why?", [], load, lambda: False) == "Why?"


# ---------------------------------------------------------------- with the real model


@pytest.fixture(scope="module")
def model() -> Iterator[ChatModel]:
    loaded = ChatModel.load(str(starter_model()), context=2048, device="cpu")
    yield loaded
    loaded.close()


@pytest.mark.models
@pytest.mark.parametrize(
    "question", ["And for children?", "Why?", "Who has to pay it?", "Is it waived?", "那兼职员工呢？"]
)
def test_the_starter_model_rewrites_faithfully_or_not_at_all(model: ChatModel, question: str) -> None:
    text = "The Aurora plan has a deductible of $1,250 for each person. It is waived for preventive care. " * 8
    hit = Hit(rank=1, path="/Aurora.pdf", page=1, page_label="1", score=1, text=text, start=0, length=len(text))
    ask = {"max_tokens": 40, "temperature": 0.0, "on_text": lambda text: None, "cancelled": lambda: False}
    first = model.generate(prompts.messages(DEDUCTIBLE, [hit]), **ask)  # type: ignore[arg-type]
    full = full_question(question, [Asked(DEDUCTIBLE, first.text)], lambda: model, lambda: False)
    assert full == joined(question, DEDUCTIBLE) or is_faithful(full, question, [DEDUCTIBLE, first.text])
    # The sources that the model has read are still in its memory.
    again = model.generate(prompts.messages(full, [hit]), **ask)  # type: ignore[arg-type]
    assert again.cached_tokens > 0.8 * first.prompt_tokens

"""What holds an answer, and what is only on the same subject; for languages that the embedding model knows or not."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from assistant_app.answering.evidence import LEAST, NEAR, is_open, suffices, weigh
from assistant_app.answering.pages import Pages
from assistant_app.library.embedder import Embedder
from assistant_app.protocol.records import Hit

pytestmark = pytest.mark.models

PLAN = (
    "The Aurora plan has a calendar year deductible of $1,250 for each person. It is waived for preventive care. "
    "Members pay a copayment of $30 for a visit to a specialist."
)
LEAVE = "Full-time staff of Meridian Works receive 27 days of paid leave a year. Is leave paid out? It is not."
INVOICE = "Invoice QX-7731 of 12 March was settled by bank transfer. The parts come from Alderney."
CHINESE = "奥罗拉计划的年度免赔额为每人两千元。工程师会得到一台笔记本电脑。"
HEBREW = "ההשתתפות העצמית בתוכנית אורורה היא 1,250 שקלים לאדם. כל מהנדס מקבל מחשב נייד."
ARABIC = "يبلغ المبلغ المقتطع السنوي في خطة أورورا ١٢٥٠ ريالا لكل شخص. يحصل كل مهندس على حاسوب محمول."


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


def weight(question: str, text: str, embedder: Embedder) -> float:
    weighed = weigh(question, hits(text), Pages(lambda path, page: (text, 0)), embedder)
    assert [each.weight for each in weighed] == sorted((each.weight for each in weighed), reverse=True)
    assert suffices(weighed) == (weighed[0].weight >= LEAST)
    return weighed[0].weight


def hits(text: str) -> list[Hit]:
    return [Hit(rank=1, path="/x/Report.pdf", page=1, page_label="1", score=1, text=text, start=0, length=len(text))]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is the deductible of the Aurora plan?", PLAN),
        ("How much does a visit to a specialist cost?", PLAN),
        ("Is the deductible waived for preventive care?", PLAN),
        ("How many days of leave do full-time staff get?", LEAVE),
        ("What about QX-7731?", INVOICE),
        ("qx-7731", INVOICE),
        ("免赔额是多少？", CHINESE),
        ("工程师得到什么？", CHINESE),
        ("מהי ההשתתפות העצמית בתוכנית אורורה?", HEBREW),
        ("ما هو المبلغ المقتطع السنوي في خطة أورورا؟", ARABIC),
    ],
)
def test_what_is_answered(embedder: Embedder, question: str, text: str) -> None:
    assert weight(question, text, embedder) >= LEAST


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who composed the opera Carmen?", PLAN),
        ("Which dentist signed the contract with Borealis?", PLAN),
        ("How many floors does the head office in Zurich have?", PLAN),
        ("How many weeks of parental leave do fathers in Norway get?", LEAVE),
        ("What about QX-7732?", INVOICE),
        ("假期有多少天？", CHINESE),
        ("גובה החופשה השנתית של עובדי הנמל?", HEBREW),
        ("كم عدد أيام الإجازة السنوية للموظفين؟", ARABIC),
    ],
)
def test_what_is_not_answered(embedder: Embedder, question: str, text: str) -> None:
    assert weight(question, text, embedder) < LEAST


def test_nothing_found_does_not_suffice(embedder: Embedder) -> None:
    assert not suffices(weigh("What is it?", [], Pages(lambda path, page: None), embedder))
    gone = weigh("What is the deductible?", hits(PLAN), Pages(lambda path, page: ("Another text.", 0)), embedder)
    assert gone == []


def test_a_question_in_the_text_answers_nothing(embedder: Embedder) -> None:
    weighed = weigh("Is leave paid out?", hits(LEAVE), Pages(lambda path, page: (LEAVE, 0)), embedder)
    assert all(each.sentence.text != "Is leave paid out?" for each in weighed)


class Crowded(Embedder):
    """An embedding model as many are: texts without any relation still have a cosine of 0.8 or so."""

    def embed(self, texts: object) -> NDArray[np.float32]:
        return self._crowd(super().embed(texts))  # type: ignore[arg-type]

    def embed_question(self, question: str) -> NDArray[np.float32]:
        return self._crowd(super().embed_question(question))

    @staticmethod
    def _crowd(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        common = np.full((*vectors.shape[:-1], 1), 2.0, dtype=np.float32)
        together = np.concatenate([vectors, common], axis=-1)
        result: NDArray[np.float32] = together / np.linalg.norm(together, axis=-1, keepdims=True)
        return result


def test_the_cosine_that_all_texts_have_counts_for_nothing(embedder: Embedder) -> None:
    crowded = Crowded()
    for question in ("What is the deductible of the Aurora plan?", "Who composed the opera Carmen?"):
        assert weight(question, PLAN, crowded) == pytest.approx(weight(question, PLAN, embedder), abs=0.05)


@pytest.mark.timeout(60)
def test_a_question_of_any_length_is_weighed(embedder: Embedder) -> None:
    """Quadratic time would be hours here; the limit only keeps such a fault from hanging the run."""
    for question in ("7" * 1_000_000, "x-" * 100_000, "_" * 1_000_000, "QX7 " * 50_000):
        weigh(question, hits(INVOICE), Pages(lambda path, page: (INVOICE, 0)), embedder)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Describe everything that the booklet says about the plan.", True),
        ("Please summarise the leave rules", True),
        ("Can you give me a short overview of the benefits?", True),
        ("What is this report about?", True),
        ("Tell me more about the deductible.", True),
        ("What is the deductible of the Aurora plan?", False),
        ("Who listed the ships?", False),
        ("What does the plan say about teeth?", False),
    ],
)
def test_a_task_needs_no_single_sentence_that_answers_it(question: str, expected: bool) -> None:
    [hit] = hits(PLAN)
    assert is_open(question, [msgspec.structs.replace(hit, similarity=NEAR)]) is expected
    assert not is_open(question, [msgspec.structs.replace(hit, similarity=NEAR - 0.01)])


def test_sentences_of_two_pages_are_two_though_they_stand_at_the_same_place(embedder: Embedder) -> None:
    pages = {
        1: "Glasses, frames and lenses are shown in our catalogue.",
        2: "We reimburse frames up to $120.",
    }
    found = [msgspec.structs.replace(hits(text)[0], page=page) for page, text in pages.items()]
    asked = "How much is reimbursed for glasses, frames and lenses?"
    weighed = weigh(asked, found, Pages(lambda path, page: (pages[page], 0)), embedder)
    assert {each.source.page for each in weighed} == {1, 2}
    assert suffices(weighed)

"""Structured answers: as a form, as a label, valid or not, and copied for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from assistant_app.gui import format_words
from assistant_app.gui.answer_form import MOST_ROWS
from assistant_app.gui.answer_view import AnswerView
from assistant_app.gui.main_window import MainWindow
from assistant_app.protocol import messages
from assistant_app.protocol.records import Answer, AnswerValue, Citation
from tests.gui.test_turns import asked

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton
TEXT = '{"parties": ["Ada", "Bob"], "rent": "900 EUR", "pets": null, "note": "see [1]"}'


def citation(number: int, page: int) -> Citation:
    return Citation(
        number=number,
        path="/lease.pdf",
        page=page,
        page_label=str(page),
        quote="Ada and Bob rent the flat.",
        start=0,
        length=26,
        verified=True,
        given_by="search",
    )


def structured(**fields: Any) -> Answer:
    values = [
        AnswerValue(name="parties", text="Ada, Bob", citation=1),
        AnswerValue(name="rent", text="900 EUR"),
        AnswerValue(name="pets", text=""),
    ]
    given = {"answer": TEXT, "format": "schema", "values": values, "unsupported": ["rent: 900 EUR"], **fields}
    return Answer(question="Who?", found=True, citations=[citation(1, 4)], **given)


@pytest.fixture
def view(qtbot: QtBot) -> Callable[[Answer], AnswerView]:
    def show(answer: Answer) -> AnswerView:
        made = AnswerView()
        qtbot.addWidget(made)
        made.resize(760, 400)
        made.begin(waiting_for_engine=False)
        made.finish(messages.Answered(answer=answer))
        made.show()
        return made

    return show


Show = Callable[[Answer], AnswerView]


def words(made: AnswerView) -> list[str]:
    """All that the form says, from top to bottom."""
    assert made.form is not None
    shown = [*made.form.card.findChildren(QLabel), made.form.state]
    return [label.text() for label in shown if not label.isHidden() and label.text()]


def pages(made: AnswerView) -> list[QPushButton]:
    assert made.form is not None
    return [button for button in made.form.findChildren(QPushButton) if button.property("role") == "chip"]


def test_values_stand_in_a_form_and_each_page_opens_its_citation(view: Show) -> None:
    made = view(structured())
    said = words(made)
    assert said[:6] == ["parties", "Ada, Bob", "rent", "900 EUR", "No quote", "pets"]
    assert "not stated" in said
    assert said[-1] == "Valid: JSON by a schema"
    assert not made.text_widget.isVisible()
    shown: list[Citation] = []
    made.citation_activated.connect(shown.append)
    (page,) = pages(made)
    assert page.text() == "page 4"
    assert page.accessibleName() == "Source of parties: page 4"
    page.click()
    assert shown == [citation(1, 4)]


def test_what_no_quote_supports_is_marked_once(view: Show) -> None:
    made = view(structured())
    assert made.sources is not None
    below = [label.text() for label in made.sources.findChildren(QLabel)]
    assert "No quote supports:" not in below
    assert made.form is not None
    marked = [
        label for label in made.form.findChildren(QLabel) if label.accessibleName() == "No quote supports this value"
    ]
    assert len(marked) == 1


def test_the_text_stays_within_reach_as_the_model_wrote_it(qtbot: QtBot, view: Show) -> None:
    made = view(structured())
    assert made.form is not None
    qtbot.mouseClick(made.form.text_toggle, LEFT)
    assert made.text == TEXT, "and [1] in it is no citation"
    assert made.text_widget.isVisible()
    assert not pages(made)[0].isVisible()
    assert made.form.text_toggle.text() == "Show the form"
    qtbot.mouseClick(made.form.text_toggle, LEFT)
    assert not made.text_widget.isVisible()
    assert pages(made)[0].isVisible()


def test_a_label_stands_there_large_and_alone(view: Show) -> None:
    made = view(structured(answer="Yes", format="labels", values=[AnswerValue(name="label", text="Yes", citation=1)]))
    assert words(made) == ["Yes", "Valid: One of several labels"]
    assert made.form is not None
    (label,) = [each for each in made.form.findChildren(QLabel) if each.text() == "Yes"]
    assert label.property("role") == "title"
    assert len(pages(made)) == 1


def test_a_label_that_says_nothing_of_the_documents_is_still_the_answer(qtbot: QtBot, view: Show) -> None:
    nothing = {"answer": "Not stated", "format": "labels", "unsupported": []}
    made = view(structured(**nothing, values=[AnswerValue(name="label", text="")]))
    assert words(made) == ["Not stated", "Valid: One of several labels"], "and no quote is missed"
    assert made.form is not None
    qtbot.mouseClick(made.form.json_button, LEFT)
    assert json.loads(QApplication.clipboard().text()) == {"label": "Not stated"}


def test_one_that_is_not_in_its_format_says_where_and_why_and_shows_its_text(view: Show) -> None:
    broken = {"answer": "Perhaps.", "values": [], "valid": False, "unsupported": ["Perhaps."]}
    made = view(structured(**broken, problem="/rent: 7 is not of type 'string'"))
    assert made.form is not None
    assert made.form.mark.text == "Not valid. At rent: 7 is not of type 'string'."
    assert made.text == "Perhaps."
    assert made.text_widget.isVisible()
    assert not made.form.json_button.isVisible()
    assert not made.form.text_toggle.isVisible()
    assert "Valid" not in made.form.state.text()


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("none of the labels", "It is none of the labels."),
        ("/: 'rent' is a required property", "As a whole: 'rent' is a required property."),
        ("/parties/0: 7 is not of type 'string'", "At parties › 0: 7 is not of type 'string'."),
        ("line 1, column 5: Expecting ',' delimiter", "Line 1, column 5: Expecting ',' delimiter."),
        ("its fixed words are not those of the template", "Its fixed words are not those of the template."),
    ],
)
def test_problems_are_sentences(problem: str, said: str) -> None:
    assert format_words.problem_sentence(problem) == said


def test_free_text_has_no_form_and_asking_again_takes_one_away(view: Show) -> None:
    made = view(structured())
    made.begin(waiting_for_engine=False)
    assert made.form is None
    made.finish(messages.Answered(answer=Answer(question="Who?", answer="Ada [1].", found=True)))
    assert made.form is None
    assert made.text == "Ada [1]."
    assert made.text_widget.isVisible()


def test_copied_as_json_it_is_what_the_model_wrote_or_names_and_values(qtbot: QtBot, view: Show) -> None:
    for form in ("schema", "record"):
        made = view(structured(format=form))
        assert made.form is not None
        qtbot.mouseClick(made.form.json_button, LEFT)
        assert QApplication.clipboard().text() == TEXT
    made = view(structured(format="template", answer="Parties: Ada, Bob …"))
    assert made.form is not None
    qtbot.mouseClick(made.form.json_button, LEFT)
    copied = json.loads(QApplication.clipboard().text())
    assert copied == {"parties": "Ada, Bob", "rent": "900 EUR", "pets": ""}


def test_copied_as_csv_nothing_is_computed_by_a_spreadsheet(qtbot: QtBot, view: Show) -> None:
    texts = ["=1+1", "+1", "-1", "@a", "\t=1", "plain, with a comma", 'a "quote"', "two\nlines", ""]
    values = [AnswerValue(name=f"={number}", text=text) for number, text in enumerate(texts)]
    made = view(structured(values=values))
    assert made.form is not None
    qtbot.mouseClick(made.form.csv_button, LEFT)
    head, line = list(csv.reader(io.StringIO(QApplication.clipboard().text(), newline="")))
    assert head == [f"'={number}" for number in range(len(texts))]
    assert line[:5] == ["'=1+1", "'+1", "'-1", "'@a", "'\t=1"]
    assert [cell.replace("\r\n", "\n") for cell in line[5:]] == texts[5:]


def test_very_many_values_are_not_all_laid_out(view: Show) -> None:
    values = [AnswerValue(name=f"a › {number}", text="x", citation=1) for number in range(3000)]
    made = view(structured(values=values))
    assert len(pages(made)) == MOST_ROWS
    assert "And 2900 more: see the text." in words(made)


def test_what_a_model_writes_is_plain_text(view: Show) -> None:
    values = [AnswerValue(name="<b>a</b>", text="<img src=x>", citation=1)]
    made = view(structured(values=values))
    assert words(made)[:2] == ["<b>a</b>", "<img src=x>"]
    assert made.form is not None
    formats = {label.textFormat() for label in made.form.findChildren(QLabel) if "<" in label.text()}
    assert formats == {Qt.TextFormat.PlainText}


def test_an_answer_that_was_kept_shows_its_form_again(qtbot: QtBot, window: Maker) -> None:
    fields = {
        "answer": TEXT,
        "format": "schema",
        "values": [{"name": "rent", "text": "900 EUR", "citation": 1}],
        "unsupported": [],
    }
    made = window({"generate": 2, "answer": TEXT, "answer_fields": fields})
    turn = asked(qtbot, made)
    assert words(turn.answer)[:2] == ["rent", "900 EUR"]
    made.conversation.clear()
    made.conversation.open_conversation(1)
    qtbot.waitUntil(lambda: bool(made.conversation.turns))
    assert turn is not made.conversation.turns[0]
    assert words(made.conversation.turns[0].answer)[:2] == ["rent", "900 EUR"]

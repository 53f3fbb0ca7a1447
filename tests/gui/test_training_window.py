"""Train an adapter: the advice, the run, what came of it; paused, stopped, gone on with, and out of sight."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QDesktopServices, QGuiApplication, QImage
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QTableView
from pytestqt.qtbot import QtBot

from assistant_app.gui import loss_plot, style, training_words
from assistant_app.gui.loss_plot import LossPlot
from assistant_app.gui.main_window import MainWindow
from assistant_app.gui.training_window import TrainingWindow
from assistant_app.protocol.training import AdapterCard, Figures, Guide, Training
from tests.gui.test_window import requests, wait_for_documents

Maker = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton
GOOD_REPLIES = {"knowledge": False, "changes": False, "instructed": True, "repeated": True}
BEGUN = {"name": "letters", "state": "stopped", "step": 12, "steps": 40, "losses": [2.0 - 0.05 * n for n in range(12)]}
REASONS = (
    "needs_knowledge",
    "content_changes",
    "instructions_suffice",
    "instructions_untried",
    "not_repeated",
    "too_few_examples",
    "problems",
    "not_installed",
    "unsupported_base",
    "no_memory",
    "rigid_and_repeated",
    "questions_open",
)


def guide(**fields: Any) -> Guide:
    default: dict[str, Any] = {
        "verdict": "not_yet",
        "reasons": [],
        "examples": 12,
        "counting": 9,
        "needed": 30,
        "formats": {"text": 9},
        "problems": {"not_cited": 3},
        "answers": 40,
        "valid": 0.6,
        "installed": True,
        "install": "pip install x",
        "base": "Small",
        "supported": True,
        "memory_bytes": 1_400_000_000,
        "free_bytes": 1_000_000_000,
    }
    return Guide(**{**default, **fields})


def card(**fields: Any) -> AdapterCard:
    default: dict[str, Any] = {
        "name": "letters",
        "version": 1,
        "format": "text",
        "base_name": "Small",
        "base_hash": "",
        "architecture": "llama",
        "adapter_hash": "",
        "data_hash": "",
        "examples": 80,
        "held_out": 50,
        "settings": {},
        "base": Figures(examples=20, f1=0.4, seconds=4.2),
        "adapter": Figures(examples=20, f1=0.6, valid=1.0),
        "better": True,
    }
    return AdapterCard(**{**default, **fields})


def opened(qtbot: QtBot, window: Maker, script: dict[str, Any], *more: str) -> tuple[MainWindow, TrainingWindow]:
    made = window({"generate": 1, "approvals": 60, **script}, *more)
    wait_for_documents(qtbot, made)
    made.menus.training_requested.emit()
    shown = made.training.training_window
    assert shown is not None
    qtbot.waitUntil(lambda: shown.guide.guide is not None)
    return made, shown


def reply(qtbot: QtBot, shown: TrainingWindow, **replies: bool) -> None:
    for name, said in replies.items():
        yes, no = shown.guide.questions.buttons[name]
        qtbot.mouseClick(yes if said else no, LEFT)


def train(qtbot: QtBot, made: MainWindow, shown: TrainingWindow, name: str = "letters") -> None:
    """Begin a training, and wait until it is at its third step."""
    shown.name.setText(name)
    qtbot.mouseClick(shown.train_button, LEFT)
    qtbot.waitUntil(lambda: (running := made.training.trainings.running) is not None and running.step > 2)


# ---------------------------------------------------------------- words


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_a_sentence(reason: str) -> None:
    sentence = training_words.reason_sentence(reason, guide())
    assert sentence.endswith(".")
    assert "no words" not in sentence
    assert "{" not in sentence


def test_reasons_name_their_facts() -> None:
    said = {reason: training_words.reason_sentence(reason, guide()) for reason in REASONS}
    assert said["too_few_examples"].startswith("9 approved answers count, and 30 are needed.")
    assert "(a claim without [n]: 3)" in said["problems"]
    assert "1.4 GB" in said["no_memory"]
    assert "“Small”" in said["unsupported_base"]
    assert said["instructions_suffice"].endswith(
        "Of 40 answers that the model wrote without an adapter, 60 % were in their format."
    )
    without = training_words.reason_sentence("instructions_suffice", guide(valid=None))
    assert without.endswith("cost no training.")
    assert "from_the_future" in training_words.reason_sentence("from_the_future", guide())


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("my-answers", True),
        ("Briefe an Kunden_2", True),
        ("Écrits", False),
        ("-x", False),
        ("", False),
        ("   ", False),
        ("../up", False),
        ("a.gguf", False),
        ("a\tb", False),
        ("x" * 60, True),
        ("x" * 61, False),
    ],
)
def test_a_name_is_checked(name: str, good: bool) -> None:
    assert (training_words.name_problem(name) == "") == good


def test_what_was_not_measured_says_so() -> None:
    rows = {name: figures for name, *figures in training_words.figure_rows(card())}
    assert rows["Agrees with the approved answers (F1)"] == ["40 %", "60 %"]
    assert rows["In the right format"] == ["not measured", "100 %"]
    assert rows["Time of an answer"] == ["4.2 s", "not measured"]
    assert len(rows) == 7
    unmeasured = card(adapter=Figures(examples=0))
    assert training_words.better_sentence(unmeasured).startswith("Whether it beats the base was not measured")
    assert training_words.better_sentence(card()).startswith("It beats the base on 20 approved answers")
    assert training_words.better_sentence(card(better=False)).startswith("It does not beat the base on 20")


@pytest.mark.parametrize("state", ["preparing", "training", "exporting", "measuring", "paused", "stopped"])
def test_every_state_has_words(state: Any) -> None:
    said = training_words.state_words(Training(name="a", state=state, step=3, steps=9, seconds_left=40.0))
    assert state != said
    assert "{" not in said
    unknown = training_words.state_words(Training(name="a", state=state, step=3))
    assert " of " not in unknown or state == "measuring"


# ---------------------------------------------------------------- the plot


def test_the_line_follows_the_points_without_lag() -> None:
    straight = [3.0 - 0.01 * step for step in range(200)]
    assert loss_plot.smoothed(straight) == pytest.approx(straight)
    noisy = [1.0 + 0.5 * (-1) ** step for step in range(201)]
    assert all(abs(value - 1.0) < 0.1 for value in loss_plot.smoothed(noisy)[20:-20])
    assert loss_plot.smoothed([2.0]) == [2.0]
    assert loss_plot.smoothed([]) == []


@pytest.mark.parametrize(("low", "high"), [(0.4, 2.6), (0.0, 0.0), (1.0, 1.00001), (2.0, 900.0)])
def test_the_labels_are_round_and_hold_all_points(low: float, high: float) -> None:
    values = loss_plot.ticks(low, high)
    assert 2 <= len(values) <= 8
    assert values[0] <= low
    assert values[-1] >= high


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(0, image.height(), 2)}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("count", [0, 1, 60, 5000])
def test_the_plot_is_drawn_in_both_themes(qapp: QApplication, qtbot: QtBot, theme: str, count: int) -> None:
    style.apply(qapp, theme)
    plot = LossPlot()
    qtbot.addWidget(plot)
    plot.resize(600, 300)
    plot.show_losses([2.5 / (1 + step / 50) for step in range(count)], 5000)
    seen = colours(plot.grab().toImage())
    assert style.colour("surface_raised").name() in seen
    assert (style.colour("accent").name() in seen) == (count > 0)
    assert isinstance(style.colour("accent"), QColor)
    said = plot.accessibleDescription()
    assert said == "No step is done yet." if count == 0 else said.startswith(f"{count} of 5000 steps. The loss went")


# ---------------------------------------------------------------- the guide


def test_the_questions_change_the_advice_and_are_remembered(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made, shown = opened(qtbot, window, {}, "--log", str(log))
    advice = shown.guide.advice
    assert advice.verdict.text() == "Not yet: something is missing."
    assert shown.train_button.text() == "&Train all the same"
    reply(qtbot, shown, **GOOD_REPLIES)
    qtbot.waitUntil(lambda: advice.verdict.text() == "An adapter is the right thing here.")
    assert shown.train_button.text() == "&Train"
    reply(qtbot, shown, knowledge=True)
    qtbot.waitUntil(lambda: advice.verdict.text().startswith("Better not"))
    assert "add the documents that hold the facts to the library" in advice.reasons.text()
    assert shown.train_button.isEnabled(), "advice against does not forbid"
    assert requests(log, "read_guide")[-1]["replies"] == {**GOOD_REPLIES, "knowledge": True}
    assert shown.guide.facts.facts()["Time"] == "about 21 minutes"
    made.close()
    _, again = opened(qtbot, window, {})
    assert again.guide.questions.replies() == shown.guide.questions.replies()


def test_missing_libraries_are_told_with_the_command(qtbot: QtBot, window: Maker) -> None:
    missing = {"installed": False, "install": "pip install this", "reasons": ["not_installed"]}
    _, shown = opened(qtbot, window, {"guide": missing})
    assert shown.guide.advice.install.text() == "pip install this"
    shown.guide.advice.copy_button.click()
    assert QGuiApplication.clipboard().text() == "pip install this"
    assert not shown.train_button.isEnabled()
    assert shown.hint.text() == "Training needs libraries that are not installed: see above."


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ({"guide": {"supported": False}}, "cannot be trained on"),
        ({"approvals": 0}, "There is nothing to learn from yet"),
    ],
)
def test_what_cannot_work_is_not_begun(qtbot: QtBot, window: Maker, script: dict[str, Any], said: str) -> None:
    _, shown = opened(qtbot, window, script)
    assert not shown.train_button.isEnabled()
    assert said in shown.hint.text()


def test_a_bad_name_is_said_and_not_sent(qtbot: QtBot, window: Maker) -> None:
    made, shown = opened(qtbot, window, {})
    shown.name.setText("a/b")
    assert shown.hint.text().startswith("A name is made of the letters a to z, digits, spaces, “-” and “_”")
    qtbot.keyClick(shown.name, Qt.Key.Key_Return)
    assert made.training.trainings.running is None
    shown.name.setText("a b")
    qtbot.keyClick(shown.name, Qt.Key.Key_Return)
    assert made.training.trainings.running is not None


def test_the_guide_follows_what_is_approved(qtbot: QtBot, window: Maker) -> None:
    made, shown = opened(qtbot, window, {"approvals": 3})
    assert shown.guide.advice.approvals_button.isVisible()
    shown.guide.advice.approvals_button.click()
    qtbot.waitUntil(lambda: made.training.approvals.known)
    assert made.training.approvals_window is not None
    made.training.approvals.delete([1])
    qtbot.waitUntil(lambda: "2 answers are approved" in shown.guide.facts.facts()["Approved answers"])


# ---------------------------------------------------------------- a training


def test_an_adapter_is_trained_and_used(qtbot: QtBot, window: Maker, tmp_path: Path, monkeypatch: Any) -> None:
    log = tmp_path / "log"
    made, shown = opened(qtbot, window, {"training_steps": 30, "training_step_seconds": 0.01}, "--log", str(log))
    phases = set()
    made.training.trainings.changed.connect(lambda: phases.add(shown.run.phase.text()))
    train(qtbot, made, shown)
    assert shown.page == "run"
    assert "letters · Training: step" in made.training.status.text()
    qtbot.waitUntil(lambda: shown.page == "result")
    assert "Training: step 9 of 30" in phases
    assert "Writing the adapter's file…" in phases
    assert len(shown.run.plot._losses) == 30
    assert not made.training.status.isVisible()
    assert shown.result.sentence.text.startswith("The adapter “letters” is trained. It beats the base on 60")
    assert shown.result.table.item(0, 2).text() == "100 %"
    shown.result.use_button.click()
    qtbot.waitUntil(lambda: shown.result.use_button.text() == "In use")
    assert requests(log, "use_adapter")[0]["path"] == "/adapters/letters.gguf"
    qtbot.waitUntil(lambda: "letters" in made.conversation.composer.adapter_picker.text())
    shown_folders: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: shown_folders.append(url.toLocalFile()))
    shown.result.folder_button.click()
    assert shown_folders == ["/adapters"]
    shown.result.again_button.click()
    assert shown.page == "guide"


def test_a_training_goes_on_out_of_sight_and_is_told(qtbot: QtBot, window: Maker) -> None:
    made, shown = opened(qtbot, window, {"training_steps": 40, "training_step_seconds": 0.01})
    train(qtbot, made, shown)
    qtbot.keyClick(shown, Qt.Key.Key_Escape)
    assert not shown.isVisible()
    assert made.training.status.isVisible()
    qtbot.mouseClick(made.training.status, LEFT)
    assert shown.isVisible()
    assert shown.page == "run"
    shown.close()
    qtbot.waitUntil(lambda: bool(made.notice.text))
    assert made.notice.text.startswith("The adapter “")
    made.notice.action_button.click()
    assert shown.page == "result"


def test_it_is_paused_and_resumed(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made, shown = opened(qtbot, window, {"training_steps": 400, "training_step_seconds": 0.01}, "--log", str(log))
    train(qtbot, made, shown)
    shown.run.pause_button.click()
    qtbot.waitUntil(lambda: shown.run.phase.text().startswith("Paused at step"))
    assert shown.run.pause_button.text() == "&Resume"
    assert shown.run.left.text() == ""
    shown.run.pause_button.click()
    qtbot.waitUntil(lambda: shown.run.phase.text().startswith("Training: step"))
    assert shown.run.pause_button.text() == "&Pause"
    assert [each["paused"] for each in requests(log, "pause_training")] == [True, False]


def test_stopping_asks_and_what_is_kept_can_be_gone_on_with(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made, shown = opened(qtbot, window, {"training_steps": 100, "training_step_seconds": 0.01}, "--log", str(log))
    train(qtbot, made, shown)
    shown.run.cancel_button.click()
    assert shown.run.question.isVisible()
    qtbot.keyClick(shown.run.question.stay_button, Qt.Key.Key_Escape)
    assert shown.run.question.isHidden()
    assert shown.isVisible()
    shown.run.cancel_button.click()
    shown.run.question.keep_button.click()
    qtbot.waitUntil(lambda: shown.page == "guide" and bool(made.training.trainings.begun))
    assert shown.notice.text == "The training of “letters” is stopped. You can go on with it."
    (begun,) = made.training.trainings.begun
    row = shown.begun.itemAt(0).widget()
    assert row.words.text() == f"Training “letters”: stopped at step {begun.step} of 100"
    assert made.training.status.text().startswith("letters · Stopped at step")
    row.resume_button.click()
    qtbot.waitUntil(lambda: (now := made.training.trainings.running) is not None and now.step > begun.step)
    assert made.training.trainings.running.losses[: begun.step] == begun.losses
    assert [each["name"] for each in requests(log, "train_adapter")] == ["letters", "letters"]


def test_what_is_discarded_is_gone(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made, shown = opened(qtbot, window, {"training_steps": 400, "training_step_seconds": 0.01}, "--log", str(log))
    train(qtbot, made, shown)
    shown.run.cancel_button.click()
    shown.run.question.discard_button.click()
    qtbot.waitUntil(lambda: bool(requests(log, "discard_training")))
    assert shown.notice.text == "The training of “letters” is stopped and discarded."
    qtbot.waitUntil(lambda: shown.begun.count() == 0)
    assert not made.training.status.isVisible()


def test_begun_trainings_are_listed_after_a_restart(qtbot: QtBot, window: Maker, tmp_path: Path) -> None:
    log = tmp_path / "log"
    made = window({"generate": 1, "approvals": 60, "trainings": [BEGUN]}, "--log", str(log))
    qtbot.waitUntil(made.training.status.isVisible)
    assert made.training.status.text() == "letters · Stopped at step 12 of 40"
    made.training.status.click()
    shown = made.training.training_window
    assert shown is not None
    qtbot.waitUntil(lambda: shown.guide.guide is not None)
    shown.name.setText("letters")
    assert shown.hint.text() == "A training of this name was begun: it is gone on with."
    shown.begun.itemAt(0).widget().discard_button.click()
    assert shown.notice.text == "Discard the training “letters” with all that it has learnt?"
    assert requests(log, "discard_training") == []
    shown.notice.action_button.click()
    qtbot.waitUntil(lambda: not made.training.trainings.begun)
    assert shown.begun.count() == 0


def test_a_training_that_fails_says_why(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "training_no_memory"}}
    made, shown = opened(qtbot, window, {"on": {"train_adapter": [[failure], [failure]]}})
    shown.train_button.click()
    qtbot.waitUntil(lambda: bool(shown.notice.text))
    assert "There is not enough memory to train on this model" in shown.notice.text
    assert shown.page == "guide"
    shown.close()
    made.training.trainings.start("letters")
    qtbot.waitUntil(lambda: "There is not enough memory" in made.notice.text)


def test_an_engine_that_dies_leaves_the_training_to_be_gone_on_with(qtbot: QtBot, window: Maker) -> None:
    step = {"name": "letters", "state": "training", "step": 1, "steps": 9, "loss": 2.0}
    progress = {"event": {"type": "training_progress", "training": step}}
    made, shown = opened(
        qtbot, window, {"trainings": [BEGUN], "on": {"train_adapter": [[progress, {"die": "SIGKILL"}]]}}
    )
    shown.train_button.click()
    qtbot.waitUntil(lambda: "ended before it was done" in shown.notice.text)
    assert made.training.trainings.running is None
    qtbot.waitUntil(lambda: bool(made.training.trainings.begun))
    assert shown.page == "guide"


def test_an_engine_without_training_is_no_trouble(qtbot: QtBot, window: Maker) -> None:
    failure = {"event": {"type": "failed", "code": "internal"}}
    made = window({"generate": 1, "on": {"list_trainings": [[failure]]}})
    wait_for_documents(qtbot, made)
    made.training.approvals.refresh()
    qtbot.waitUntil(lambda: made.training.approvals.known)  # answered after it
    assert made.notice.text == ""
    assert not made.training.status.isVisible()


# ---------------------------------------------------------------- doors


def test_the_settings_and_the_approved_answers_lead_here(qtbot: QtBot, window: Maker) -> None:
    made = window({"generate": 1})
    wait_for_documents(qtbot, made)
    made.open_settings("adapters")
    assert made.settings_dialog is not None
    made.settings_dialog.adapters.train.click()
    shown = made.training.training_window
    assert shown is not None
    assert shown.isVisible()
    shown.close()
    made.training.show_approvals()
    assert made.training.approvals_window is not None
    made.training.approvals_window.train_action.trigger()
    assert shown.isVisible()
    made.close()
    assert not shown.isVisible()
    assert not made.training.approvals_window.isVisible()


def test_every_control_has_a_name(qtbot: QtBot, window: Maker) -> None:
    made, shown = opened(qtbot, window, {"trainings": [BEGUN], "guide": {"installed": False}})
    made.training.trainings.trained.emit("/adapters/letters.gguf", card())
    pages = []
    for page in ("result", "guide"):
        assert shown.page == page
        controls = [
            child
            for kind in (QAbstractButton, QLineEdit, QTableView)
            for child in shown.findChildren(kind)
            if child.isVisible() and not isinstance(child.parentWidget(), QTableView)
        ]
        for child in controls:
            assert child.accessibleName() or (isinstance(child, QAbstractButton) and child.text()), child
        letters = [
            each.text().split("&")[1][0].lower()
            for kind in (QAbstractButton, QLabel)
            for each in shown.findChildren(kind)
            if each.isVisible() and "&" in each.text()
        ]
        assert sorted(letters) == sorted(set(letters))
        pages.append(len(controls))
        shown.result.again_button.click()
    assert pages[0] > 3
    assert pages[1] > 10

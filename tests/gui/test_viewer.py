"""The viewer against the real readers, behind the real pipe."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from assistant_app.gui import engine_link, page_images, page_view, style
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.notice import Notice
from assistant_app.gui.viewer_pane import ViewerPane
from assistant_app.protocol.records import Citation
from tests import pdfs

SENTENCE = "The deductible of the Standard plan is two thousand dollars."
ENGINE = Path(__file__).parent / "reader_engine.py"
LINES = ["A page about plans", "Some words before.", SENTENCE, "And some words after the deductible."]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The file that the engine writes every request into."""
    return tmp_path / "requests.jsonl"


@pytest.fixture
def page_seconds() -> str:
    """How long the readers may take for a page."""
    return "20"


@pytest.fixture
def pane(qtbot: QtBot, record: Path, page_seconds: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ViewerPane]:
    monkeypatch.setattr(engine_link, "RESTART_DELAY_MS", 1)
    link = EngineLink([sys.executable, str(ENGINE), str(record), page_seconds])
    made = ViewerPane(link)
    qtbot.addWidget(made)
    made.resize(640, 800)
    made.show()
    link.start()
    qtbot.waitUntil(lambda: link.is_ready, timeout=20_000)
    yield made
    link.close()


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """Twelve pages; the sentence stands on page 5."""
    pages = [[f"Page number {number}"] for number in range(1, 13)]
    pages[4] = LINES
    return pdfs.text_pdf(tmp_path / "plan.pdf", pages)


def citation(path: Path, page: int = 5, quote: str = SENTENCE, lines: list[str] | None = None) -> Citation:
    start = " \n".join(LINES if lines is None else lines).index(quote)
    return Citation(
        number=1,
        path=str(path),
        page=page,
        quote=quote,
        start=start,
        length=len(quote),
        verified=True,
        given_by="model",
    )


def shown(qtbot: QtBot, pane: ViewerPane) -> None:
    """Wait until every page on the screen is drawn at the width that is wanted."""

    def is_drawn() -> bool:
        pages = pane.view.pages_on_screen()
        return (
            len(pages) > 0
            and not pane.view._settled.isActive()
            and all(pane.view.images.is_sharp(page) for page in pages)
        )

    qtbot.waitUntil(is_drawn, timeout=20_000)


def open_document(qtbot: QtBot, pane: ViewerPane, path: Path, page: int = 1) -> None:
    pane.show_document(str(path), page)
    qtbot.waitUntil(lambda: pane.view.page_count > 0, timeout=20_000)
    shown(qtbot, pane)


def requests(record: Path, kind: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["type"] == kind]


def ink(image: QImage, within: QRect | None = None) -> QRect:
    """The rectangle around everything that is dark."""
    area = within or image.rect()
    dark = [
        (x, y)
        for y in range(area.top(), area.bottom() + 1)
        for x in range(area.left(), area.right() + 1)
        if image.pixelColor(x, y).lightness() < 160
    ]
    assert dark
    across, down = [x for x, _ in dark], [y for _, y in dark]
    return QRect(QPoint(min(across), min(down)), QPoint(max(across), max(down)))


# ------------------------------------------------------------------ opening


def test_empty_state_invites(pane: ViewerPane) -> None:
    assert pane.message.isVisible()
    assert pane.message.sentence.text() == "The page of a citation appears here."
    assert not pane.toolbar.field.isEnabled()


def test_a_document_is_shown_from_the_page_asked_for(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    with qtbot.waitSignal(pane.page_changed, check_params_cb=lambda page: page == 7, timeout=20_000):
        pane.show_document(str(plan), 7)
    shown(qtbot, pane)
    assert pane.current_path == str(plan)
    assert pane.toolbar.field.text() == "7"
    assert pane.toolbar.count.text() == "of 12"
    image = pane.view.images.image(7)
    assert image is not None
    assert image.width() == round(pane.view.page_rect(7).width() * pane.devicePixelRatioF())
    assert ink(image).top() > 0


def test_a_page_label_is_shown_and_can_be_typed(qtbot: QtBot, pane: ViewerPane, tmp_path: Path) -> None:
    open_document(qtbot, pane, pdfs.labelled_pdf(tmp_path / "labels.pdf"))
    assert pane.toolbar.count.text() == "of 5 (i)"
    pane.toolbar.field.selectAll()
    QTest.keyClicks(pane.toolbar.field, "a-2")
    QTest.keyClick(pane.toolbar.field, Qt.Key.Key_Return)
    assert pane.view.page == 4
    assert pane.toolbar.field.text() == "4"
    assert pane.toolbar.count.text() == "of 5 (A-2)"


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"no PDF at all", "is no document"), (b"%PDF-1.4\ncut", "is damaged"), (None, "is not there")],
)
def test_a_failure_is_its_sentence_and_can_be_tried_again(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "bad.pdf"
    if content is not None:
        path.write_bytes(content)
    pane.show_document(str(path))
    qtbot.waitUntil(pane.message.retry.isVisible, timeout=20_000)
    assert says in pane.message.sentence.text()
    assert "bad.pdf" in pane.message.sentence.text()
    pdfs.text_pdf(path, [["Mended"]])
    qtbot.mouseClick(pane.message.retry, Qt.MouseButton.LeftButton)
    shown(qtbot, pane)
    assert not pane.message.isVisible()


def test_a_password_is_asked_for_in_the_pane(qtbot: QtBot, pane: ViewerPane, tmp_path: Path, plan: Path) -> None:
    locked = pdfs.encrypt(plan, tmp_path / "locked.pdf", "opensesame")
    pane.show_citation(citation(locked))
    qtbot.waitUntil(pane.message.password.isVisible, timeout=20_000)
    assert "protected by a password" in pane.message.sentence.text()
    QTest.keyClicks(pane.message.password, "wrong")
    QTest.keyClick(pane.message.password, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "does not open" in pane.message.sentence.text(), timeout=20_000)
    pane.message.password.clear()
    QTest.keyClicks(pane.message.password, "opensesame")
    with qtbot.waitSignal(pane.highlighted, timeout=20_000) as told:
        qtbot.mouseClick(pane.message.unlock, Qt.MouseButton.LeftButton)
    assert told.args[1] == 5
    assert pane.message.password.text() == "opensesame" or not pane.message.isVisible()


@pytest.mark.parametrize("page_seconds", ["2"])
def test_a_page_that_cannot_be_drawn_says_so_and_the_others_are_drawn(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path
) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [1], 3)
    pane.show_document(str(path))
    qtbot.waitUntil(lambda: pane.view.images.failure(1) is not None, timeout=30_000)
    failure = pane.view.images.failure(1)
    assert failure is not None
    assert failure.code == "reader_timeout"
    pane.view.go_to(3)
    qtbot.waitUntil(lambda: pane.view.images.is_sharp(3), timeout=20_000)


@pytest.mark.parametrize("page_seconds", ["100"])
def test_nobody_waits_for_a_hanging_page_that_was_left(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path, plan: Path, record: Path
) -> None:
    pane.show_document(str(pdfs.endless_pdf(tmp_path / "endless.pdf", [1, 2], 3)))
    qtbot.waitUntil(lambda: len(requests(record, "draw_page")) == 2, timeout=20_000)
    ends: list[str] = []
    for _, job in pane.view.images._jobs.values():
        job.failed.connect(lambda failure: ends.append(failure.code))
    open_document(qtbot, pane, plan, 5)
    assert pane.view.page == 5
    assert ends == ["cancelled", "cancelled"]


def test_the_failure_of_one_document_does_not_stand_over_the_next(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path, plan: Path
) -> None:
    pane.show_document(str(tmp_path / "none.pdf"))
    qtbot.waitUntil(pane.message.retry.isVisible, timeout=20_000)
    pane.show_document(str(plan))
    assert pane.message.sentence.text() == ""
    assert not pane.message.retry.isVisible()
    shown(qtbot, pane)


def test_clearing_shows_the_invitation_again(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan)
    pane.clear()
    assert pane.current_path == ""
    assert pane.message.isVisible()
    assert pane.view.page_count == 0


# ------------------------------------------------------------------ the cited sentence


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_highlight_covers_the_ink_of_the_sentence(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path, rotation: int
) -> None:
    lines = ["", "", SENTENCE]
    path = pdfs.text_pdf(tmp_path / "one.pdf", [["First page"], lines], rotation=rotation)
    with qtbot.waitSignal(pane.highlighted, timeout=20_000) as told:
        pane.show_citation(citation(path, 2, lines=[SENTENCE]))
    said_path, page, [mark] = told.args
    assert (said_path, page) == (str(path), 2)
    image = pane.view.images.image(2)
    assert image is not None
    written = QRectF(ink(image))
    assert mark.adjusted(-1.5, -1.5, 1.5, 1.5).contains(written)
    assert abs(mark.width() - written.width()) < 10
    assert abs(mark.height() - written.height()) < 10


def test_the_highlight_is_painted_over_the_page_a_third_below_the_top(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path
) -> None:
    pane.resize(640, 500)
    lines = [f"Line {number}" for number in range(25)] + [SENTENCE]
    path = pdfs.text_pdf(tmp_path / "long.pdf", [["First page"], lines, ["Last page"]])
    with qtbot.waitSignal(pane.highlighted, timeout=20_000):
        pane.show_citation(citation(path, 2, lines=lines))
    shown(qtbot, pane)
    [mark] = pane.view.quote_on_screen()
    assert mark.top() == pytest.approx(pane.view.viewport().height() / 3, abs=2)
    picture = pane.view.viewport().grab().toImage()
    ratio = picture.devicePixelRatio()
    colours = {
        picture.pixelColor(round(x * ratio), round(mark.center().y() * ratio)).name()
        for x in range(round(mark.left()), round(mark.right()))
    }
    tint = style.colour("highlight")
    share = tint.alphaF()
    expected = [round(255 * (1 - share) + side * share) for side in (tint.red(), tint.green(), tint.blue())]
    assert any(
        all(abs(int(name[1 + 2 * at : 3 + 2 * at], 16) - side) <= 2 for at, side in enumerate(expected))
        for name in colours
    )


def test_the_highlight_survives_a_zoom(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    with qtbot.waitSignal(pane.highlighted, timeout=20_000):
        pane.show_citation(citation(plan))
    [before] = pane.view.quote_on_screen()
    old_zoom = pane.view.zoom
    pane.view.set_zoom(2.0)
    [after] = pane.view.quote_on_screen()
    assert after.width() == pytest.approx(before.width() * 2.0 / old_zoom, rel=0.01)
    assert pane.view.viewport().rect().contains(after.center().toPoint())
    shown(qtbot, pane)
    image = pane.view.images.image(5)
    assert image is not None
    on_image = after.translated(-pane.view.page_rect(5).topLeft())
    assert ink(image, on_image.toRect().adjusted(0, -3, 0, 3)).width() > 0.95 * on_image.width()


def test_another_citation_takes_the_place_of_the_first(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    with qtbot.waitSignal(pane.highlighted, timeout=20_000):
        pane.show_citation(citation(plan))
    with qtbot.waitSignal(pane.highlighted, timeout=20_000) as told:
        pane.show_citation(citation(plan, 2, "Page number 2", ["Page number 2"]))
    assert told.args[1] == 2
    assert pane.view.page == 2
    assert len(pane.view.quote_on_screen()) == 1
    pane.show_document(str(plan), 3)
    assert pane.view.quote_on_screen() == []


def test_a_page_without_positions_shows_the_quote(qtbot: QtBot, pane: ViewerPane, tmp_path: Path) -> None:
    path = pdfs.lost_page_pdf(tmp_path / "lost.pdf", "Found again")
    with qtbot.waitSignal(pane.highlighted, timeout=20_000) as told:
        pane.show_citation(citation(path, 1, "Found again", ["Found again"]))
    assert told.args == [str(path), 1, []]
    assert "“Found again”" in pane.notice.text
    assert "no positions" in pane.notice.text


# ------------------------------------------------------------------ pages, zoom, keyboard


def test_only_what_is_seen_and_its_neighbours_is_drawn(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path, record: Path
) -> None:
    path = pdfs.text_pdf(tmp_path / "many.pdf", [[f"Page {n}"] for n in range(500)])
    open_document(qtbot, pane, path)
    pane.view.verticalScrollBar().setValue(pane.view.verticalScrollBar().maximum() // 2)
    shown(qtbot, pane)
    drawn = {line["page"] for line in requests(record, "draw_page")}
    assert len(drawn) < 12
    assert {1, pane.view.page} <= drawn


def test_the_cache_of_images_is_bounded(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_images, "CACHE_BYTES", 6_000_000)
    path = pdfs.text_pdf(tmp_path / "many.pdf", [[f"Page {n}"] for n in range(40)])
    open_document(qtbot, pane, path)
    for page in range(2, 20):
        pane.view.go_to(page)
        shown(qtbot, pane)
    one = pane.view.images.image(19)
    assert one is not None
    assert pane.view.images.bytes_kept <= 6_000_000 + 4 * one.sizeInBytes()
    assert pane.view.images.image(1) is None


def test_pages_that_were_scrolled_away_are_called_off(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path, record: Path
) -> None:
    path = pdfs.endless_pdf(tmp_path / "endless.pdf", [1], 40)
    pane.show_document(str(path))
    qtbot.waitUntil(lambda: pane.view.page_count == 40, timeout=20_000)
    for page in range(2, 40):
        pane.view.go_to(page)
    shown(qtbot, pane)
    assert requests(record, "cancel")
    assert len(requests(record, "draw_page")) < 90
    assert {line["page"] for line in requests(record, "draw_page")[-4:]} & {38, 39, 40}


def test_a_large_zoom_keeps_images_small(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan)
    pane.view.set_zoom(5.0)
    shown(qtbot, pane)
    image = pane.view.images.image(pane.view.page)
    assert image is not None
    assert image.width() * image.height() <= page_images.LARGEST_IMAGE * 1.01


def test_fitting_follows_the_size_of_the_pane(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan)
    assert pane.view.fit == "width"
    pane.resize(900, 800)
    width = pane.view.viewport().width()
    assert pane.view.page_rect(1).width() == pytest.approx(width - 32, abs=2)
    assert pane.view.horizontalScrollBar().maximum() == 0
    pane.toolbar.fit_page.click()
    rect = pane.view.page_rect(pane.view.page)
    assert rect.height() <= pane.view.viewport().height()
    assert rect.width() <= width
    assert pane.toolbar.fit_page.isChecked()
    assert not pane.toolbar.fit_width.isChecked()


def test_zooming_keeps_what_is_under_the_mouse(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan, 5)
    at = QPointF(300, 400)
    before = pane.view.place_at(at.toPoint())
    zoom = pane.view.zoom
    wheel = QWheelEvent(
        at,
        pane.view.viewport().mapToGlobal(at),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(pane.view.viewport(), wheel)
    assert pane.view.zoom == pytest.approx(zoom * 1.21)
    after = pane.view.place_at(at.toPoint())
    assert before is not None
    assert after is not None
    assert after.page == before.page
    assert (after.x, after.y) == pytest.approx((before.x, before.y), abs=0.01)


def test_the_keyboard_reaches_everything(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan)
    pane.view.setFocus()
    zoom = pane.view.zoom
    QTest.keyClick(pane.view, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert pane.view.zoom > zoom
    QTest.keyClick(pane.view, Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(pane.view, Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    assert pane.view.zoom < zoom
    QTest.keyClick(pane.view, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert (pane.view.zoom, pane.view.fit) == (zoom, "width")
    QTest.keyClick(pane.view, Qt.Key.Key_End)
    assert pane.view.page == 12
    assert pane.view.verticalScrollBar().value() == pane.view.verticalScrollBar().maximum()
    QTest.keyClick(pane.view, Qt.Key.Key_Home)
    assert pane.view.page == 1
    top = pane.view.verticalScrollBar().value()
    QTest.keyClick(pane.view, Qt.Key.Key_PageDown)
    below = pane.view.verticalScrollBar().value()
    assert below - top > pane.view.viewport().height() / 2
    QTest.keyClick(pane.view, Qt.Key.Key_PageUp)
    assert pane.view.verticalScrollBar().value() == top
    QTest.keyClick(pane.view, Qt.Key.Key_Space)
    assert pane.view.verticalScrollBar().value() == below


def test_next_and_previous_page(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan)
    assert not pane.toolbar.previous.isEnabled()
    pane.toolbar.next.click()
    assert pane.view.page == 2
    pane.toolbar.previous.click()
    assert pane.view.page == 1
    for typed in ("99", "0", "nonsense", "-3"):
        pane.toolbar.field.setText(typed)
        QTest.keyClick(pane.toolbar.field, Qt.Key.Key_Return)
        assert (pane.view.page, pane.toolbar.field.text()) == (1, "1")
    pane.view.go_to(12)
    assert not pane.toolbar.next.isEnabled()


def test_every_control_has_a_name_and_can_be_focused(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan)
    pane.toolbar.find_button.click()
    controls = [
        child
        for kind in (QAbstractButton, QLineEdit)
        for child in pane.findChildren(kind)
        if not isinstance(child.parentWidget(), (QLineEdit, Notice))
    ]
    assert len(controls) > 12
    for control in controls:
        named = control.accessibleName() or (control.text() if isinstance(control, QAbstractButton) else "")
        assert named, control
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, named
    assert pane.view.accessibleName()


# ------------------------------------------------------------------ find


def find(qtbot: QtBot, pane: ViewerPane, text: str) -> None:
    pane.view.setFocus()
    QTest.keyClick(pane.view, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert pane.find_bar.field.hasFocus()
    QTest.keyClicks(pane.find_bar.field, text)
    QTest.keyClick(pane.find_bar.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: pane.search.text == text and not pane.search.is_running, timeout=20_000)


def test_find_counts_steps_around_and_closes(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan, 4)
    find(qtbot, pane, "PAGE number")
    assert pane.find_bar.count.text() == "4 of 11"
    assert pane.view.page == 4
    QTest.keyClick(pane.find_bar.field, Qt.Key.Key_Return)
    assert pane.find_bar.count.text() == "5 of 11"
    assert pane.view.page == 6
    QTest.keyClick(pane.find_bar.field, Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)
    assert pane.find_bar.count.text() == "4 of 11"
    for _ in range(4):
        QTest.keyClick(pane.find_bar.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert pane.find_bar.count.text() == "11 of 11"
    assert pane.view.page == 12
    QTest.keyClick(pane.find_bar.field, Qt.Key.Key_Escape)
    assert not pane.find_bar.isVisible()
    assert pane.search.matches == []
    assert pane.view.hasFocus()


def test_matches_are_painted_and_the_current_one_more_strongly(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan, 5)
    find(qtbot, pane, "deductible")
    assert pane.find_bar.count.text() == "1 of 2"
    shown(qtbot, pane)

    def darkest_margin(index: int) -> int:
        [box] = pane.search.matches[index].boxes
        rect = page_view.on_page(box, pane.view.page_rect(5)).toRect()
        image = pane.view.viewport().grab(rect).toImage()
        return max(image.pixelColor(x, 1).red() for x in range(image.width()))

    first, second = darkest_margin(0), darkest_margin(1)
    assert first < second < 250
    pane.find_bar.next.click()
    assert darkest_margin(0) > darkest_margin(1)


def test_what_is_not_there_is_not_found(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan)
    find(qtbot, pane, "unicorn")
    assert pane.find_bar.count.text() == "Not found"
    assert not pane.find_bar.next.isEnabled()


def test_another_document_ends_the_search(qtbot: QtBot, pane: ViewerPane, plan: Path, tmp_path: Path) -> None:
    open_document(qtbot, pane, plan)
    find(qtbot, pane, "page")
    open_document(qtbot, pane, pdfs.text_pdf(tmp_path / "other.pdf", [["Other"]]))
    assert pane.search.matches == []
    assert not pane.find_bar.isVisible()


# ------------------------------------------------------------------ text


def word_point(pane: ViewerPane, page: int, word: str) -> QPoint:
    read = pane.view.selection.page(page)
    assert read is not None
    box = next(each.box for each in read.words if read.text[each.start : each.start + each.length] == word)
    return page_view.on_page(box, pane.view.page_rect(page)).center().toPoint()


def drag(pane: ViewerPane, start: QPoint, end: QPoint) -> None:
    port = pane.view.viewport()
    QTest.mousePress(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for point in ((start + end) / 2, end):
        event = QEvent.Type.MouseMove
        button = Qt.MouseButton.LeftButton
        move = QMouseEvent(event, QPointF(point), port.mapToGlobal(QPointF(point)), button, button, _NO_KEY)
        QApplication.sendEvent(port, move)
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)


_NO_KEY = Qt.KeyboardModifier.NoModifier


def with_words(qtbot: QtBot, pane: ViewerPane, *pages: int) -> None:
    for page in pages:
        pane.view.selection.ask(page)
    qtbot.waitUntil(lambda: all(pane.view.selection.page(page) for page in pages), timeout=20_000)


def test_text_is_selected_by_words_and_copied(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan, 5)
    with_words(qtbot, pane, 5)
    drag(pane, word_point(pane, 5, "before."), word_point(pane, 5, "Standard"))
    assert pane.view.selection.text == "before.\nThe deductible of the Standard"
    drag(pane, word_point(pane, 5, "Standard"), word_point(pane, 5, "before."))
    pane.view.setFocus()
    QTest.keyClick(pane.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "before.\nThe deductible of the Standard"
    QTest.mouseClick(pane.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert pane.view.selection.text == ""


def test_text_is_selected_over_pages(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan, 5)
    pane.view.set_fit("page")
    shown(qtbot, pane)
    pane.view.verticalScrollBar().setValue(pane.view.verticalScrollBar().value() + pane.view.viewport().height() // 2)
    with_words(qtbot, pane, 5, 6, 7)
    drag(pane, word_point(pane, 5, "words"), word_point(pane, 6, "number"))
    text = pane.view.selection.text
    assert text.startswith("words before.\nThe deductible")
    assert text.endswith("the deductible.\n\nPage number")
    drag(pane, word_point(pane, 6, "number"), word_point(pane, 5, "words"))
    assert pane.view.selection.text == text


def test_a_double_click_selects_a_word(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan, 5)
    with_words(qtbot, pane, 5)
    QTest.mouseDClick(pane.view.viewport(), Qt.MouseButton.LeftButton, pos=word_point(pane, 5, "thousand"))
    assert pane.view.selection.text == "thousand"


def test_the_context_menu_copies(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    open_document(qtbot, pane, plan, 5)
    with_words(qtbot, pane, 5)
    menu = pane.view.context_menu(5)
    copy, every, whole = menu.actions()
    assert not copy.isEnabled()
    whole.trigger()
    assert QApplication.clipboard().text() == "\n".join(LINES)
    every.trigger()
    QApplication.clipboard().clear()
    again = pane.view.context_menu(5)
    again.actions()[0].trigger()
    assert QApplication.clipboard().text() == "\n".join(LINES)
    for each in (menu, again):
        each.deleteLater()


# ------------------------------------------------------------------ the engine's death


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_after_the_engines_death_the_page_stays_and_works_again(
    qtbot: QtBot, pane: ViewerPane, tmp_path: Path, plan: Path, record: Path
) -> None:
    locked = pdfs.encrypt(plan, tmp_path / "locked.pdf", "opensesame")
    pane.show_citation(citation(locked))
    qtbot.waitUntil(pane.message.password.isVisible, timeout=20_000)
    QTest.keyClicks(pane.message.password, "opensesame")
    with qtbot.waitSignal(pane.highlighted, timeout=20_000):
        pane.message.unlock.click()
    shown(qtbot, pane)
    pane.view.set_zoom(1.5)
    pane.view.go_to(9)
    pane.view.verticalScrollBar().setValue(pane.view.verticalScrollBar().value() + 150)
    shown(qtbot, pane)
    place, mark = pane.view.page_rect(9), pane.view.quote_on_screen()
    link = pane._link
    with qtbot.waitSignal(link.died, timeout=20_000):
        os.kill(link.process_id, signal.SIGKILL)
    assert pane.view.isVisible()
    assert pane.view.images.image(9) is not None
    qtbot.waitUntil(lambda: link.is_ready, timeout=20_000)
    qtbot.waitUntil(lambda: len(requests(record, "open_document")) == 3, timeout=20_000)
    qtbot.waitUntil(lambda: pane._opening is None, timeout=20_000)
    assert len(mark) == 1
    assert pane.view.images.image(9) is not None
    assert (pane.view.page_rect(9), pane.view.quote_on_screen()) == (place, mark)
    pane.view.go_to(11)
    shown(qtbot, pane)
    assert pane.view.images.failure(11) is None


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_death_while_opening(qtbot: QtBot, pane: ViewerPane, plan: Path) -> None:
    link = pane._link
    pane.show_citation(citation(plan))
    os.kill(link.process_id, signal.SIGKILL)
    with qtbot.waitSignal(pane.highlighted, timeout=30_000) as told:
        pass
    assert told.args[1] == 5


# ------------------------------------------------------------------ what was made to break readers


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_hostile_file_hurts_the_window(qtbot: QtBot, pane: ViewerPane, data: Path, plan: Path) -> None:
    files = sorted(path for path in (data / "hostile").rglob("*") if path.is_file() and path.suffix != ".json")
    assert len(files) > 400
    ticks: list[int] = []
    clock = QTimer(pane, interval=10)
    clock.timeout.connect(lambda: ticks.append(1))
    clock.start()
    outcomes = {"shown": 0, "refused": 0}
    for file in files:
        before = len(ticks)
        pane.show_document(str(file))
        qtbot.waitUntil(lambda: _has_outcome(pane), timeout=60_000)
        outcomes["shown" if pane.view.isVisible() else "refused"] += 1
        qtbot.waitUntil(lambda before=before: len(ticks) > before, timeout=5_000)
    assert outcomes["shown"] > 300
    assert outcomes["refused"] > 100
    open_document(qtbot, pane, plan, 5)
    assert pane.view.page == 5
    children = psutil.Process(pane._link.process_id).children()
    assert len(children) <= 1


def _has_outcome(pane: ViewerPane) -> bool:
    message: QWidget = pane.message
    if message.isVisible():
        return pane.message.retry.isVisible() or pane.message.password.isVisible()
    images = pane.view.images
    return pane.view.page_count > 0 and (images.is_sharp(1) or images.failure(1) is not None)

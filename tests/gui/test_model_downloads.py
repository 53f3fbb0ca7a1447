"""Downloads in the settings, from a hub on loopback through the real engine's verbs; and models that are removed."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QAbstractButton, QPushButton
from pytestqt.qtbot import QtBot

from assistant_app.gui.download_row import DownloadRow
from assistant_app.gui.engine_link import EngineLink
from assistant_app.gui.holdings import Holdings
from assistant_app.gui.models_page import ModelsPage
from assistant_app.gui.settings_dialog import SettingsDialog
from assistant_app.gui.watching import Watching
from assistant_app.models import catalogue, downloads
from assistant_app.paths import Paths
from assistant_app.protocol.shelf import Download, Offer
from assistant_app.settings import Settings
from tests import ggufs
from tests.hub import REPO, Hub, a_hub

ENGINE = Path(__file__).parent / "settings_engine.py"
KEY = (REPO, "good.gguf")
OFFER = Offer(
    key="good",
    name="A good one",
    repo="ada/good-GGUF",
    file="good.gguf",
    size=2_400_000_000,
    memory_gib=8,
    licence="MIT",
    about="Good at everything.",
)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    content = ggufs.tiny_model(tmp_path / "good.gguf", name="From the hub", layers=16).read_bytes()
    first = catalogue.catalogue()[0]
    with a_hub() as running:
        running.add("good.gguf", content)
        running.add(first.file, content, first.repo)
        yield running


@pytest.fixture
def page(qtbot: QtBot, home: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelsPage]:
    """The page of the models, with the hub as its address for downloads."""
    monkeypatch.setenv("PYTHONPATH", str(ENGINE.parent.parent.parent))
    paths = Paths.resolve(home)
    paths.create()
    settings = Settings(paths.settings)
    settings.update({"model.hub": hub.address})
    link = EngineLink([sys.executable, str(ENGINE)])
    state = QSettings(str(paths.window_state), QSettings.Format.IniFormat)
    dialog = SettingsDialog(link, settings, Watching(link, Holdings(link), state))
    with qtbot.waitSignal(link.ready, timeout=120_000):
        link.start()
    dialog.show_page("models")
    dialog.show()
    qtbot.waitUntil(lambda: len(dialog.models.offers.rows) > 4, timeout=120_000)
    yield dialog.models
    dialog.close()
    dialog.deleteLater()
    link.close(2_000)
    link.deleteLater()


def names(page: ModelsPage) -> list[str]:
    return [page.list.item(row).text().split("\n")[0] for row in range(page.list.count())]


def press(page: ModelsPage, button: QPushButton, qtbot: QtBot) -> None:
    """Scroll to a button, and click it once it is laid out and in sight."""

    def in_sight() -> bool:
        page.ensureWidgetVisible(button)
        return button.visibleRegion().boundingRect().size() == button.size() and button.height() > 10

    qtbot.waitUntil(in_sight, timeout=120_000)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def other(page: ModelsPage, qtbot: QtBot) -> None:
    """Ask for a model that is not in the catalogue."""
    page.offers.repo.setText(REPO)
    page.offers.file.setText("good.gguf")
    qtbot.keyClick(page.offers.file, Qt.Key.Key_Return)


# ---------------------------------------------------------------- in the window


def test_nothing_is_asked_of_the_hub_before_a_button_is_pressed(page: ModelsPage, hub: Hub, qtbot: QtBot) -> None:
    assert len(page.offers.rows) == len(catalogue.catalogue())
    assert [row.recommended.isVisible() for row in page.offers.rows.values()].count(True) <= 1
    assert hub.seen == []


def test_an_offer_is_downloaded_shown_and_used(page: ModelsPage, hub: Hub, home: Path, qtbot: QtBot) -> None:
    first = catalogue.catalogue()[0]
    row = page.offers.rows[first.repo, first.file]
    with qtbot.waitSignal(page.offers.downloaded, timeout=120_000):
        press(page, row.start, qtbot)
    qtbot.waitUntil(lambda: row.start.text() == "Downloaded", timeout=120_000)
    assert not row.start.isEnabled()
    qtbot.waitUntil(lambda: "From the hub" in names(page), timeout=120_000)
    assert page.card.title.text() == "From the hub"
    with qtbot.waitSignal(page.model_changed, timeout=120_000):
        page.use.click()
    path = tomllib.loads(Paths.resolve(home).settings.read_text())["model"]["path"]
    assert Path(path).read_bytes() == hub.files[f"{first.repo}/{first.file}"]


def test_paused_gone_on_with_and_thrown_away(page: ModelsPage, hub: Hub, qtbot: QtBot) -> None:
    hub.hold_at = 2 * downloads.CHUNK
    other(page, qtbot)
    qtbot.waitUntil(lambda: KEY in page.offers.rows and hub.held.is_set(), timeout=120_000)
    row = page.offers.rows[KEY]
    assert row.pause.isVisible()
    assert not row.start.isVisible()
    press(page, row.pause, qtbot)
    qtbot.waitUntil(lambda: row.state.text().startswith("Paused: "), timeout=120_000)
    assert (row.start.text(), row.failure.isVisible(), row.discard.isVisible()) == ("Go on", False, True)
    assert "From the hub" not in names(page)
    hub.hold_at = None
    hub.go_on.set()
    hub.cuts = [0] * 30
    row.start.click()
    qtbot.waitUntil(row.failure.isVisible, timeout=120_000)
    assert "broke off" in row.failure.text()
    qtbot.waitUntil(row.discard.isVisible, timeout=120_000)
    press(page, row.discard, qtbot)
    qtbot.waitUntil(lambda: KEY not in page.offers.rows, timeout=120_000)


def test_what_went_wrong_is_said_in_words(page: ModelsPage, hub: Hub, qtbot: QtBot) -> None:
    page.offers.repo.setText("not a repository")
    page.offers.file.setText("good.gguf")
    page.offers.fetch.click()
    qtbot.waitUntil(lambda: "is no model on the hub" in page.offers.failure.text(), timeout=120_000)
    hub.sums["/".join(KEY)] = "0" * 64
    other(page, qtbot)
    qtbot.waitUntil(lambda: KEY in page.offers.rows and page.offers.rows[KEY].failure.text() != "", timeout=120_000)
    assert "came damaged" in page.offers.rows[KEY].failure.text()
    assert "From the hub" not in names(page)


# ---------------------------------------------------------------- removed, and put back

STARTER = "SmolLM2 135M Instruct (starter model)"


def own(page: ModelsPage, home: Path, qtbot: QtBot) -> Path:
    """A model in Docent's folder, chosen in the list."""
    folder = Paths.resolve(home).models
    folder.mkdir(exist_ok=True)
    path = ggufs.tiny_model(folder / "tiny.gguf", name="Own")
    page.refresh()
    qtbot.waitUntil(lambda: "Own" in names(page), timeout=120_000)
    page.list.setCurrentRow(names(page).index("Own"))
    return path


def ask(page: ModelsPage, answer: str) -> str:
    """Answer the question whether to remove; returns the question."""
    box = page.removal.question
    assert box is not None
    assert box.isVisible()
    said = f"{box.text()} {box.informativeText()}".replace("\xa0", " ")
    buttons: dict[str, QAbstractButton] = {button.text().replace("&", ""): button for button in box.buttons()}
    buttons[answer].click()
    return said


def test_a_downloaded_model_is_removed_after_a_question_and_put_back(
    page: ModelsPage, hub: Hub, home: Path, qtbot: QtBot
) -> None:
    first = catalogue.catalogue()[0]
    row = page.offers.rows[first.repo, first.file]
    with qtbot.waitSignal(page.offers.downloaded, timeout=120_000):
        row.start.click()
    qtbot.waitUntil(lambda: page.card.title.text() == "From the hub" and not row.start.isEnabled(), timeout=120_000)
    path = Path(page.card.facts()["File"])
    page.list.setFocus()
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    said = ask(page, "Cancel")
    assert said.startswith(f"Remove “From the hub” with its file ({page.card.facts()['Size']})? For a day")
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    with qtbot.waitSignal(page.removal.removed, timeout=120_000):
        ask(page, "Remove")
    assert (names(page), path.exists()) == ([STARTER], False)
    assert page.removal.notice.text == "“From the hub” was removed."
    qtbot.waitUntil(lambda: row.start.text() == "Download" and row.start.isEnabled(), timeout=120_000)
    with qtbot.waitSignal(page.removal.put_back, timeout=120_000):
        page.removal.notice.action_button.click()
    assert page.card.title.text() == "From the hub"
    assert path.read_bytes() == hub.files[f"{first.repo}/{first.file}"]
    qtbot.waitUntil(lambda: row.start.text() == "Downloaded", timeout=120_000)


def test_deleted_for_good_it_cannot_be_put_back(page: ModelsPage, home: Path, qtbot: QtBot) -> None:
    path = own(page, home, qtbot)
    assert page.remove.text() == "&Remove…"
    page.remove.click()
    with qtbot.waitSignal(page.removal.removed, timeout=120_000):
        ask(page, "Delete for good")
    assert page.removal.notice.text == "“Own” was deleted."
    assert not page.removal.notice.action_button.isVisible()
    assert not path.exists()


def test_an_added_model_in_use_leaves_the_list_at_once(
    page: ModelsPage, home: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    settings = Paths.resolve(home).settings
    path = ggufs.tiny_model(tmp_path / "mine.gguf", name="Mine")
    page.add(str(path))
    qtbot.waitUntil(lambda: page.card.title.text() == "Mine", timeout=120_000)
    assert page.remove.text() == "&Remove from the list"
    with qtbot.waitSignal(page.model_changed, timeout=120_000):
        page.use.click()
    with qtbot.waitSignal(page.model_changed, timeout=120_000):
        page.remove.click()
    assert page.removal.question is None
    assert page.removal.notice.text == (
        "“Mine” left the list; its file stays where it is. The starter model answers from the next question on."
    )
    assert (names(page), page.use.text(), path.exists()) == ([STARTER], "In use", True)
    assert "path" not in tomllib.loads(settings.read_text())["model"]
    with qtbot.waitSignal(page.model_changed, timeout=120_000):
        page.removal.notice.action_button.click()
    assert (page.card.title.text(), page.use.text()) == ("Mine", "In use")
    assert tomllib.loads(settings.read_text())["model"]["path"] == str(path)


def test_what_cannot_be_removed_says_why(page: ModelsPage, tmp_path: Path, qtbot: QtBot) -> None:
    folder = tmp_path / "user" / ".lmstudio" / "models" / "ada" / "repo"
    folder.mkdir(parents=True)
    ggufs.tiny_model(folder / "studio.gguf", name="Studio's")
    page.refresh()
    qtbot.waitUntil(lambda: names(page) == [STARTER, "Studio's"], timeout=120_000)
    for row, words in ((0, "comes with Docent"), (1, "belongs to another program")):
        page.list.setCurrentRow(row)
        assert not page.remove.isVisible()
        use, _, remove = page.make_menu().actions()
        assert (use.isEnabled(), remove.isEnabled()) == (row == 1, False)
        page.list.setFocus()
        qtbot.keyClick(page.list, Qt.Key.Key_Delete)
        qtbot.waitUntil(lambda words=words: words in page.failure.text(), timeout=30_000)
    assert page.removal.question is None


def test_the_menu_removes_too(page: ModelsPage, home: Path, qtbot: QtBot) -> None:
    path = own(page, home, qtbot)
    *_, remove = page.make_menu().actions()
    assert remove.text() == "&Remove…\tDel"
    remove.trigger()
    with qtbot.waitSignal(page.removal.removed, timeout=120_000):
        ask(page, "Remove")
    assert not path.exists()


# ---------------------------------------------------------------- a row


@pytest.fixture
def row(qtbot: QtBot) -> DownloadRow:
    made = DownloadRow()
    qtbot.addWidget(made)
    made.show()
    return made


def half(**more: object) -> Download:
    base = {"repo": "ada/good-GGUF", "file": "good.gguf", "name": "A good one", "done": 1_200_000_000}
    return Download(**{**base, "total": 2_400_000_000, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("download", "words", "seen"),
    [
        (None, "", "start"),
        (half(), "Paused: 1.2 GB of 2.4 GB are there", "start discard"),
        (half(running=True), "1.2 GB of 2.4 GB", "pause"),
        (
            half(running=True, bytes_per_second=5e6, seconds_left=240.0),
            "1.2 GB of 2.4 GB, 5 MB a second, about 4 minutes left",
            "pause",
        ),
        (half(running=True, checking=True), "Comparing the checksum…", "pause"),
        (half(running=True, done=0, total=0), "Asking the server…", "pause"),
    ],
)
def test_a_row_says_how_far_it_is(row: DownloadRow, download: Download | None, words: str, seen: str) -> None:
    row.show_offer(OFFER, download)
    assert row.state.text() == words
    assert " ".join(name for name in ("start", "pause", "discard") if getattr(row, name).isVisible()) == seen
    assert row.facts.text() == "about 2.4 GB · for computers with 8 GB of memory · licence: MIT"
    assert row.start.accessibleName() == "Download A good one"
    assert row.bar.isVisible() == (download is not None)


def test_a_model_that_is_too_large_says_so(row: DownloadRow) -> None:
    row.show_offer(msgspec.structs.replace(OFFER, fits=False), None)
    assert "too large for this computer: it wants 8 GB" in row.facts.text()
    row.show_offer(None, half())
    assert row.title.text() == "A good one"

"""Legible in light and dark, and every drawing there is can be drawn."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage, QPalette
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel
from pytestqt.qtbot import QtBot

from assistant_app import paths
from assistant_app.errors import Code
from assistant_app.gui import phrases, style
from assistant_app.gui.engine_link import Failure
from assistant_app.gui.notice import Notice

ICONS = sorted(file.stem for file in (paths.resources() / "icons").glob("*.svg"))
GUI = Path(style.__file__).parent


def luminance(colour: QColor) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(style.colour(one)), luminance(style.colour(other))))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["surface", "surface_raised", "accent_soft"])
@pytest.mark.parametrize("role", ["text", "text_muted", "accent", "danger", "warning", "success"])
def test_words_are_legible(qapp: QApplication, theme: str, ground: str, role: str) -> None:
    style.apply(qapp, theme)
    assert contrast(role, ground) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_words_of_the_main_button_are_legible(qapp: QApplication, theme: str) -> None:
    style.apply(qapp, theme)
    assert contrast("on_accent", "accent") >= 4.5
    assert contrast("on_accent", "accent_hover") >= 4.5


def test_a_change_of_the_theme_reaches_palette_sheet_and_icons(qapp: QApplication) -> None:
    style.apply(qapp, "light")
    icon = style.icon("add")
    light = icon.pixmap(24, 24).toImage()
    assert not style.is_dark()
    style.apply(qapp, "dark")
    assert style.is_dark()
    assert style.colour("text").name() in qapp.styleSheet()
    assert icon.pixmap(24, 24).toImage() != light


@pytest.mark.parametrize("name", ICONS)
def test_every_drawing_can_be_drawn(qapp: QApplication, name: str) -> None:
    image = style.icon(name).pixmap(24, 24).toImage()
    assert image != QImage(image.size(), image.format())
    assert any(image.pixelColor(x, y).alpha() for x in range(24) for y in range(24))


def test_the_icon_of_a_notice_follows_the_theme(qapp: QApplication) -> None:
    notice = Notice()
    drawn = []
    for theme in ("light", "dark"):
        style.apply(qapp, theme)
        if theme == "light":
            notice.say("Something is wrong.", "warning")
        qapp.processEvents()
        drawn.append(notice.findChildren(QLabel)[0].pixmap().toImage())
    assert drawn[0] != drawn[1]


def test_every_drawing_that_is_asked_for_is_there() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in GUI.glob("*.py"))
    named = set(re.findall(r'style\.icon\("([a-z-]+)"', source)) | set(re.findall(r'State\("([a-z-]+)"', source))
    assert named <= set(ICONS)
    assert len(named) > 15


def test_an_icon_survives_being_changed_and_collected() -> None:
    # In a process of its own: what goes wrong here is a segmentation fault.
    code = """
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication
from assistant_app.gui import style

app = QApplication([])
for _ in range(2000):
    copy = QIcon(style.icon("add"))
    copy.pixmap(16, 16)
    copy.addFile("/nonexistent.png")  # makes Qt clone the engine
    assert not QIcon(copy).pixmap(20, 20).isNull()
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_roles_that_are_unknown_are_refused(qapp: QApplication) -> None:
    with pytest.raises(KeyError):
        style.colour("mauve")
    with pytest.raises(FileNotFoundError):
        style.icon("unicorn")


def test_every_code_has_a_sentence_and_an_unknown_one_too(qapp: QApplication) -> None:
    for code in Code:
        assert len(phrases.reason_sentence(code, {"path": "/a/b.pdf"})) > 5
    assert "from_the_future" in phrases.failure_sentence(Failure("from_the_future"))
    assert "“b.pdf”" in phrases.failure_sentence(Failure(Code.NOT_A_PDF, {"path": "/a/b.pdf"}))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_box_of_a_check_box_can_be_seen_empty_and_ticked(qapp: QApplication, qtbot: QtBot, theme: str) -> None:
    style.apply(qapp, theme)
    box = QCheckBox("Tick me")
    qtbot.addWidget(box)
    box.resize(120, 32)
    box.show()
    seen = {}
    for ticked in (False, True):
        box.setChecked(ticked)
        image = box.grab().toImage()
        seen[ticked] = {image.pixelColor(x, y).name() for x in range(20) for y in range(image.height())}
    assert style.colour("text_muted").name() in seen[False]
    assert {style.colour("accent").name(), style.colour("on_accent").name()} <= seen[True]


def test_a_warning_follows_a_change_of_the_theme(qapp: QApplication, qtbot: QtBot) -> None:
    label = QLabel("Mind this")
    qtbot.addWidget(label)
    style.set_role(label, "warning")
    label.show()
    for theme in ("light", "dark"):
        style.apply(qapp, theme)
        assert label.palette().color(QPalette.ColorRole.WindowText) == style.colour("warning")

"""How Docent looks: two palettes, one accent colour, one style sheet, and icons in the palette's colours.

Nothing is remembered here: whether the window is dark is read from the application's palette, so a widget that paints
asks :func:`colour` when it paints, and follows a change of the theme by itself.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QWidget

from assistant_app import paths

SPACE = 8
"""Pixels. Margins and gaps are this, its half, or its multiples."""

HEADER = 36
"""Pixels: the height of the line with a pane's name, so that the names of all panes stand on one line."""

_LIGHT = {
    "accent": "#3457d5",
    "accent_hover": "#2946b4",
    "accent_soft": "#e6ebfb",
    "on_accent": "#ffffff",
    "text": "#1e2227",
    "text_muted": "#5a626c",
    "text_disabled": "#8b929b",
    "border": "#d9dbdf",
    "scroll_handle": "#c3c7cd",
    "surface": "#f6f7f9",
    "surface_raised": "#ffffff",
    "highlight": "#66ffcc00",
    "danger": "#b3261e",
    "warning": "#855300",
    "success": "#17713f",
}
_DARK = {
    "accent": "#94abff",
    "accent_hover": "#b0c1ff",
    "accent_soft": "#2c3552",
    "on_accent": "#10162b",
    "text": "#e7e9ec",
    "text_muted": "#a5abb4",
    "text_disabled": "#737982",
    "border": "#3b3f46",
    "scroll_handle": "#555b64",
    "surface": "#1b1d20",
    "surface_raised": "#26292d",
    "highlight": "#66ffcc00",
    "danger": "#ff9a91",
    "warning": "#f0bd6a",
    "success": "#7ad3a0",
}


def is_dark() -> bool:
    """Whether the application's palette is dark now."""
    return QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128


def colour(role: str) -> QColor:
    """The colour of ``role`` in the palette of now.

    Roles: accent, accent_hover, accent_soft, on_accent, text, text_muted, text_disabled, border, scroll_handle,
    surface, surface_raised, highlight (translucent, for quotes in a page), danger, warning, success.

    Raises:
        KeyError: for any other role.
    """
    return QColor((_DARK if is_dark() else _LIGHT)[role])


def apply(app: QApplication, theme: str) -> None:
    """Dress ``app``: ``theme`` is "system" (and follows it from now on), "light" or "dark"."""
    first = app.property("theme") is None
    app.setProperty("theme", theme)
    schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
    hints = app.styleHints()
    if first:
        app.setStyle("Fusion")
        hints.colorSchemeChanged.connect(lambda _scheme: _dress(app))
    hints.setColorScheme(schemes.get(theme, Qt.ColorScheme.Unknown))
    _dress(app)


def _dress(app: QApplication) -> None:
    theme = app.property("theme")
    dark = theme == "dark" or (theme == "system" and app.styleHints().colorScheme() == Qt.ColorScheme.Dark)
    if app.property("dark") == dark:
        return
    app.setProperty("dark", dark)
    values = _DARK if dark else _LIGHT
    app.setPalette(_palette(values))
    tick = paths.resources() / "styles" / ("tick-dark.svg" if dark else "tick-light.svg")
    app.setStyleSheet(
        _template().substitute(
            values, heading_size=_scaled(app, 1.2), title_size=_scaled(app, 1.7), tick=tick.as_posix()
        )
    )


def _scaled(app: QApplication, factor: float) -> str:
    """A font size relative to the system's own, which may be given in points or in pixels."""
    points = app.font().pointSizeF()
    return f"{points * factor:.1f}pt" if points > 0 else f"{round(app.font().pixelSize() * factor)}px"


@cache
def _template() -> Template:
    return Template((paths.resources() / "styles" / "docent.qss").read_text(encoding="utf-8"))


def _palette(values: dict[str, str]) -> QPalette:
    role = QPalette.ColorRole
    wanted = {
        role.Window: "surface",
        role.WindowText: "text",
        role.Base: "surface_raised",
        role.AlternateBase: "surface",
        role.Text: "text",
        role.PlaceholderText: "text_muted",
        role.Button: "surface_raised",
        role.ButtonText: "text",
        role.BrightText: "danger",
        role.Highlight: "accent",
        role.HighlightedText: "on_accent",
        role.Link: "accent",
        role.LinkVisited: "accent",
        role.ToolTipBase: "surface_raised",
        role.ToolTipText: "text",
        role.Mid: "border",
        role.Accent: "accent",
    }
    palette = QPalette()
    for which, name in wanted.items():
        palette.setColor(which, QColor(values[name]))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(values["text_disabled"]))
    return palette


def set_role(widget: QWidget, role: str) -> None:
    """Give ``widget`` its look: primary, quiet, chip, heading, muted, danger or card (and what else the
    style sheet names); "" for the plain one."""
    if widget.property("role") == role:
        return
    widget.setProperty("role", role)
    if widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):  # else Qt will do it, once, when it is shown
        widget.style().unpolish(widget)
        widget.style().polish(widget)


# ---------------------------------------------------------------- icons


@cache
def _drawing(name: str) -> bytes:
    return (_icon_folder() / f"{name}.svg").read_bytes()


def _icon_folder() -> Path:
    return paths.resources() / "icons"


@cache
def _tinted(name: str, width: int, height: int, tint: str) -> QPixmap:
    from PySide6.QtSvg import QSvgRenderer  # here, because a window without an icon on screen need not load it

    renderer = QSvgRenderer(QByteArray(_drawing(name).replace(b"currentColor", tint.encode())))
    pixmap = QPixmap(width, height)
    pixmap.fill(Qt.GlobalColor.transparent)
    side = min(width, height)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF((width - side) / 2, (height - side) / 2, side, side))
    painter.end()
    return pixmap


class _TintedIcon(QIconEngine):
    """Draws a drawing of ``resources/icons`` in the palette's colour of the moment, sharp at any scale."""

    def __init__(self, name: str, role: str) -> None:
        super().__init__()
        self._name = name
        self._role = role

    def _tint(self, mode: QIcon.Mode) -> str:
        return colour("text_disabled" if mode == QIcon.Mode.Disabled else self._role).name()

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        scale = painter.device().devicePixelRatioF()
        drawn = _tinted(self._name, round(rect.width() * scale), round(rect.height() * scale), self._tint(mode))
        painter.drawPixmap(rect, drawn)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return _tinted(self._name, size.width(), size.height(), self._tint(mode))

    def clone(self) -> QIconEngine:
        copy = _TintedIcon(self._name, self._role)
        _clones.append(copy)
        return copy


_clones: list[_TintedIcon] = []
"""Qt asks for a clone when an icon is changed, and owns it, which PySide does not know: without a reference here the
clone would be deleted under the icon (a segfault, tried with 6.11.3)."""


def icon(name: str, role: str = "text") -> QIcon:
    """The drawing ``resources/icons/NAME.svg`` in the colour of ``role``; it follows a change of the theme.

    Raises:
        FileNotFoundError: there is no such drawing.
    """
    _drawing(name)
    return QIcon(_TintedIcon(name, role))

"""The kinds of files that can be added, as file dialogs name them. What a file really is, its content decides."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

translate = QCoreApplication.translate


def name_filters() -> list[str]:
    """Filters for a ``QFileDialog``: all kinds together first, then each, then every file."""
    kinds = [
        (translate("file_kinds", "PDF"), ["pdf"]),
        (translate("file_kinds", "Word"), ["docx"]),
        (translate("file_kinds", "PowerPoint"), ["pptx"]),
        (translate("file_kinds", "EPUB books"), ["epub"]),
        (translate("file_kinds", "Web pages"), ["html", "htm", "xhtml"]),
        (translate("file_kinds", "Markdown"), ["md", "markdown"]),
        (translate("file_kinds", "Plain text"), ["txt", "text"]),
    ]
    every = [ending for _, endings in kinds for ending in endings]
    named = [(translate("file_kinds", "Documents"), every), *kinds]
    return [f"{name} ({_patterns(endings)})" for name, endings in named] + [translate("file_kinds", "All files (*)")]


def _patterns(endings: list[str]) -> str:
    return " ".join(f"*.{ending} *.{ending.upper()}" for ending in endings)

"""PDFs that the tests make themselves, so that every one is known to the letter."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pikepdf
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
LEFT, TOP, LEADING = 72.0, HEIGHT - 72.0, 16.0


def text_pdf(path: Path, pages: Sequence[Sequence[str]], *, rotation: int = 0, title: str = "") -> Path:
    """One page for each sequence of lines; Helvetica 11, the first baseline 72 points below the top."""
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    canvas.setTitle(title or path.stem)
    for lines in pages:
        canvas.setFont("Helvetica", 11)
        for number, line in enumerate(lines):
            canvas.drawString(LEFT, TOP - number * LEADING, line)
        if rotation:
            canvas.setPageRotation(rotation)
        canvas.showPage()
    canvas.save()
    return path


def two_column_pdf(path: Path, left: Sequence[str], right: Sequence[str]) -> Path:
    """One page with two columns of lines, left column first in the file."""
    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    canvas.setFont("Helvetica", 10)
    for column, lines in ((LEFT, left), (WIDTH / 2 + 10, right)):
        for number, line in enumerate(lines):
            canvas.drawString(column, TOP - number * LEADING, line)
    canvas.save()
    return path


def image_pdf(path: Path, pages: int = 1) -> Path:
    """Pages that are pictures, as a scanner makes them: no text at all."""
    from PIL import Image, ImageDraw
    from reportlab.lib.utils import ImageReader

    canvas = Canvas(str(path), pagesize=A4, invariant=True)
    for number in range(pages):
        picture = Image.new("L", (620, 877), 255)
        ImageDraw.Draw(picture).text((60, 60), f"A scanned page {number + 1}", fill=0)
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        canvas.drawImage(ImageReader(stream), 0, 0, WIDTH, HEIGHT)
        canvas.showPage()
    canvas.save()
    return path


def encrypt(source: Path, target: Path, password: str) -> Path:
    """``source`` as an AES-256 encrypted PDF that ``password`` opens."""
    with pikepdf.open(source) as pdf:
        pdf.save(target, encryption=pikepdf.Encryption(user=password, owner=password + "-owner", R=6))
    return target

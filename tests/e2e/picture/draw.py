"""Draws a terminal's screen, given as text with colour sequences, into an image."""

from __future__ import annotations

from pathlib import Path

import pyte
from PIL import Image, ImageDraw, ImageFont

FONTS = ("DejaVuSansMono.ttf", "LiberationMono-Regular.ttf", "Menlo.ttc")
SIZE, CELL_WIDTH, CELL_HEIGHT, MARGIN = 20, 12, 25, 10
INK, PAPER = "#e0e2ea", "#14161b"  # Neovim's own defaults on a dark screen
NAMED = {
    "black": "#07080d",
    "red": "#ffc0b9",
    "green": "#b3f6c0",
    "brown": "#fce094",
    "blue": "#a6dbff",
    "magenta": "#ffcaff",
    "cyan": "#8cf8f7",
    "white": "#eef1f8",
}


def draw(screen: str, columns: int, rows: int, out: Path) -> None:
    """Write `screen` (what tmux captures with its escape sequences) to the image `out`."""
    terminal = pyte.Screen(columns, rows)
    pyte.Stream(terminal).feed(screen.rstrip("\n").replace("\n", "\r\n"))
    size = (columns * CELL_WIDTH + 2 * MARGIN, rows * CELL_HEIGHT + 2 * MARGIN)
    image = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(image), _font()
    for row in range(rows):
        for column in range(columns):
            _draw_cell(pen, font, terminal.buffer[row][column], column, row)
    # A screen has few colours; a palette makes the file a third as large.
    image.quantize(64).save(out, optimize=True)


def _draw_cell(pen: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, cell: pyte.screens.Char, x: int, y: int) -> None:
    ink, paper = _colour(cell.fg, INK), _colour(cell.bg, PAPER)
    if cell.reverse:
        ink, paper = paper, ink
    left, top = MARGIN + x * CELL_WIDTH, MARGIN + y * CELL_HEIGHT
    if paper != PAPER:
        pen.rectangle((left, top, left + CELL_WIDTH - 1, top + CELL_HEIGHT - 1), fill=paper)
    if cell.data.strip():
        pen.text((left, top), cell.data, fill=ink, font=font)


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return NAMED.get(name.removeprefix("bright"), f"#{name}")


def _font() -> ImageFont.FreeTypeFont:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, SIZE)
        except OSError:
            continue
    raise SystemExit(f"none of the fonts {', '.join(FONTS)} is installed (on Debian: fonts-dejavu-core)")

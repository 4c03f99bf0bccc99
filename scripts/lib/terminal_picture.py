"""Draws the screen of a terminal as PNG, cell by cell, with the font that matplotlib brings."""

from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONT_SIZE = 15
MARGIN = 10
BACKGROUND = "#16181d"
FOREGROUND = "#d3d7cf"
#: The 16 colors by pyte's names, which are those of the first 16 of 256 as well.
COLORS = {
    "black": "#2e3436",
    "red": "#cc3b3b",
    "green": "#5fb832",
    "brown": "#d0a215",
    "blue": "#4575c4",
    "magenta": "#a5689f",
    "cyan": "#12a0a8",
    "white": "#d3d7cf",
    "brightblack": "#6b7075",
    "brightred": "#ff5555",
    "brightgreen": "#8ae234",
    "brightbrown": "#fce94f",
    "brightblue": "#82aaff",
    "brightmagenta": "#d79bd1",
    "brightcyan": "#34e2e2",
    "brightwhite": "#eeeeec",
}
#: What pyte makes of the first 16 of 256 colors.
FIRST_OF_256 = (
    *("000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5"),
    *("7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff"),
)
PALETTE = dict(zip(FIRST_OF_256, COLORS.values(), strict=True))
#: Characters drawn as rectangles of the cell, so that neighbors join: eighths from the bottom, and shades.
BARS = dict(zip("▁▂▃▄▅▆▇█", range(1, 9), strict=True))
SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}


def _color(name: str, default: str) -> str:
    if name == "default":
        return default
    return COLORS.get(name) or PALETTE.get(name) or f"#{name}"


def _blend(color: str, background: str, share: float) -> tuple:
    parts = zip(_rgb(color), _rgb(background), strict=True)
    return tuple(round(a * share + b * (1 - share)) for a, b in parts)


def _rgb(color: str) -> tuple:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def draw(columns: int, rows: int, cells, path: Path):
    """Draws the cells of a pyte screen, row by row, into a PNG file."""
    fonts = {
        bold: ImageFont.truetype(FONTS / f"DejaVuSansMono{'-Bold' if bold else ''}.ttf", FONT_SIZE)
        for bold in (False, True)
    }
    width = round(fonts[False].getlength("M"))
    ascent, descent = fonts[False].getmetrics()
    height = ascent + descent + 1
    size = (columns * width + 2 * MARGIN, rows * height + 2 * MARGIN)
    image = Image.new("RGB", size, BACKGROUND)
    canvas = ImageDraw.Draw(image)
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            text, back = _color(cell.fg, FOREGROUND), _color(cell.bg, BACKGROUND)
            if cell.reverse:
                text, back = back, text
            left, top = MARGIN + x * width, MARGIN + y * height
            right, bottom = left + width - 1, top + height - 1
            if back != BACKGROUND:
                canvas.rectangle((left, top, right, bottom), fill=back)
            letter = cell.data
            if letter in BARS:
                canvas.rectangle((left, bottom + 1 - height * BARS[letter] // 8, right, bottom), fill=text)
            elif letter in SHADES:
                canvas.rectangle((left, top + 2, right, bottom - 2), fill=_blend(text, back, SHADES[letter]))
            elif letter.strip():
                canvas.text((left, top), letter, font=fonts[cell.bold], fill=text)
    image.save(path, optimize=True)

"""A contact sheet: many lines in one picture, to look at."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hwr.synth.generator import SynthLine

Grey = NDArray[np.uint8]

LINE_ROWS = 64
COLUMN_WIDTH = 900
CAPTION_ROWS = 14
GAP = 6
BACKGROUND, INK = 150, 0


def draw_sheet(lines: Sequence[SynthLine], columns: int = 2) -> Grey:
    """The lines below each other in columns, uint8 (H, W), each under its id and source.

    Lines are made smaller where they do not fit, never larger.
    """
    rows = -(-len(lines) // columns)
    cell = CAPTION_ROWS + LINE_ROWS + GAP
    sheet = Image.new("L", (columns * (COLUMN_WIDTH + GAP) + GAP, rows * cell + GAP), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for number, line in enumerate(lines):
        left = GAP + number // rows * (COLUMN_WIDTH + GAP)
        top = GAP + number % rows * cell
        pen.text((left, top), f"{line.id}  {line.source}", fill=INK, font=font)
        sheet.paste(Image.fromarray(_fitted(line.grey)), (left, top + CAPTION_ROWS))
    return np.asarray(sheet, dtype=np.uint8)


def _fitted(grey: Grey) -> Grey:
    """The line, no larger than its cell."""
    height, width = grey.shape
    scale = min(1.0, LINE_ROWS / height, COLUMN_WIDTH / width)
    if scale == 1.0:
        return grey
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

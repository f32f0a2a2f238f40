"""A contact sheet: many lines in one picture."""

from collections.abc import Sequence

import cv2
import numpy as np

from hwr.files.images import GreyImage
from hwr.synth.generator import SynthLine

CELL, LINE_ROWS, COLUMN_WIDTH = 84, 64, 900
"""Rows of a line with its caption, rows of the line, columns of the picture per line."""
COLUMNS = 2
BACKGROUND = 150


def draw_sheet(lines: Sequence[SynthLine]) -> GreyImage:
    """Return the lines below each other in columns, (H, W), each under its id and source; large ones are reduced."""
    rows = -(-len(lines) // COLUMNS)
    sheet = np.full((rows * CELL + 6, COLUMNS * COLUMN_WIDTH), BACKGROUND, np.uint8)
    for number, line in enumerate(lines):
        left, top = number // rows * COLUMN_WIDTH + 6, number % rows * CELL
        caption = f"{line.id}  {line.source}"
        cv2.putText(sheet, caption, (left, top + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.35, 0, 1, cv2.LINE_AA)
        height, width = line.grey.shape
        scale = min(1.0, LINE_ROWS / height, (COLUMN_WIDTH - 12) / width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        fitted = cv2.resize(line.grey, size, interpolation=cv2.INTER_AREA)
        sheet[top + 18 : top + 18 + size[1], left : left + size[0]] = fitted
    return sheet

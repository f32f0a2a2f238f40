"""A line of ink without paper: every renderer makes it and every paper takes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.uint8]
"""(H, W), 0 paper to 255 full ink."""


@dataclass(frozen=True)
class InkLine:
    """Ink of one line.

    text: by the text rules; source: the font or the hand, for example "font:caveat" or "strokes:10023"; language: of
    the text, a code, if it is known.
    """

    ink: Ink
    text: str
    source: str
    language: str | None = None


def cut_to_ink(ink: Ink, margin: int) -> Ink:
    """Return the box of the ink with `margin` empty pixels around it, even where the array had fewer."""
    import cv2

    left, top, width, height = cv2.boundingRect(ink)
    cut_out = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    cut_out[margin : margin + height, margin : margin + width] = ink[top : top + height, left : left + width]
    return cut_out

"""A line of ink without paper: the output of every renderer, and the input of every paper."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.uint8]
"""(H, W), 0 paper to 255 full ink."""


@dataclass(frozen=True)
class InkLine:
    """Ink of one line.

    Attributes:
        text: normalised.
        source: the font, for example "font:caveat".
        language: code of the text's language, if known.
    """

    ink: Ink
    text: str
    source: str
    language: str | None = None


def cut_to_ink(ink: Ink, margin: int) -> Ink:
    """Return the box of the ink with `margin` empty pixels around it, even if the array had fewer."""
    left, top, width, height = cv2.boundingRect(ink)
    cut_out = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    cut_out[margin : margin + height, margin : margin + width] = ink[top : top + height, left : left + width]
    return cut_out

"""A line of ink without paper: what every renderer makes and every paper takes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class InkLine:
    """Ink of one line.

    ink: uint8 (H, W), 0 paper to 255 full ink; text: what it says, by the text rules; source: which font, or whose
    hand, for example "font:caveat" or "strokes:10023".
    """

    ink: NDArray[np.uint8]
    text: str
    source: str

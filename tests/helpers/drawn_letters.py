"""Lines of letters that are easy to read: each letter is a stroke of its own."""

import numpy as np
from numpy.typing import NDArray

HEIGHT = 48
CHARACTERS = "abcd"
# Each letter is a stroke of its own at its own rows: (top, bottom, columns).
SHAPES = {"a": (4, 44, 4), "b": (4, 20, 12), "c": (28, 44, 12), "d": (18, 30, 20)}


def drawn_line(text: str) -> NDArray[np.uint8]:
    """A normalised line: the strokes of the letters with empty columns between them; a space is a wide gap."""
    parts = [np.zeros((HEIGHT, 6), np.uint8)]
    for character in text:
        if character == " ":
            parts.append(np.zeros((HEIGHT, 16), np.uint8))
            continue
        top, bottom, columns = SHAPES[character]
        stroke = np.zeros((HEIGHT, columns + 8), np.uint8)
        stroke[top:bottom, :columns] = 230
        parts.append(stroke)
    return np.concatenate(parts, axis=1)

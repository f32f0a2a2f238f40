"""An aligned line as JSON and as a picture."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.formats.json import CONFIDENCE_DIGITS, PIXEL_DIGITS
from hwr.page.page import AlignedLine, Box

WORD_COLOURS = ((40, 40, 220), (200, 90, 20))
"""Blue, green, red of the boxes of words, in turn."""
CHARACTER_COLOUR = (60, 160, 60)


def write_alignment(line: AlignedLine) -> str:
    """Return one line of JSON; coordinates are pixels of the upright image, to a tenth."""
    return json.dumps(alignment_object(line), ensure_ascii=False, allow_nan=False) + "\n"


def alignment_object(line: AlignedLine) -> dict[str, Any]:
    """Return the line as plain dictionaries and lists; `id` only if the line has one."""
    named = {} if line.id is None else {"id": line.id}
    return named | {
        "image": line.image,
        "width": line.width,
        "height": line.height,
        "model": line.model,
        "text": line.text,
        "confidence": round(line.confidence, CONFIDENCE_DIGITS),
        "score": round(line.score, CONFIDENCE_DIGITS),
        "words": [
            {
                "text": word.text,
                "confidence": round(word.confidence, CONFIDENCE_DIGITS),
                "box": _pixels(word.box),
                "characters": [
                    {
                        "text": character.text,
                        "confidence": round(character.confidence, CONFIDENCE_DIGITS),
                        "box": _pixels(character.box),
                    }
                    for character in word.characters
                ],
            }
            for word in line.words
        ],
    }


def draw_alignment(grey: NDArray[np.uint8], line: AlignedLine) -> bytes:
    """Return a PNG of the image, shape (H, W), with thick boxes around words and thin ones around characters."""
    import cv2

    canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    pen = max(1, round(grey.shape[0] / 50))
    for word in line.words:
        for character in word.characters:
            cv2.rectangle(canvas, *_corners(character.box), CHARACTER_COLOUR, max(1, pen // 2))
    for number, word in enumerate(line.words):
        cv2.rectangle(canvas, *_corners(word.box), WORD_COLOURS[number % len(WORD_COLOURS)], pen)
    return bytes(cv2.imencode(".png", canvas)[1])


def _corners(box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
    x0, y0, x1, y1 = box
    return (round(x0), round(y0)), (round(x1) - 1, round(y1) - 1)


def _pixels(box: Box) -> list[float]:
    return [round(value, PIXEL_DIGITS) for value in box]

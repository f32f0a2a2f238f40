"""Ink of word images: taken off the paper, with baseline and x-height, brought to one size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.synth.pieces import expected_width

Ink = NDArray[np.uint8]

PAPER_PERCENTILE = 75
"""Brightness of the paper among the pixels of a word image."""

GRAIN = 0.18
"""Share of the ink's contrast below which a pixel is paper grain."""

INK_LEVEL = 0.8
"""Where the mean of the ink lands between 0 and 1."""

LETTER_HEIGHT = 24.0
"""Rows of letters without ascender after scaling."""

TALLEST = 5.0
"""A word taller than so many letter heights was measured wrongly or is not one word."""

ASCENDING = frozenset("bdfhklßABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!?()&/%'\"äöüéèêàâçôîûÄÖÜÉÈÀ")
HALF_ASCENDING = frozenset("tij")
DESCENDING = frozenset("gjpqyçQ,;()")

ASCENDER, HALF_ASCENDER, DESCENDER = 0.85, 0.5, 0.65
"""How far the letters of each kind usually reach over the x-height or under the baseline, in x-heights."""


@dataclass(frozen=True)
class Word:
    """A word image as ink: uint8 (H, W) cut to the ink; `baseline` and `height` (of small letters) in rows.

    `whole` is False where the image was made smaller when it was stored, so that its scale is unknown.
    """

    text: str
    ink: Ink
    baseline: float
    height: float
    whole: bool


@dataclass(frozen=True)
class ScaledWord:
    """A word brought to `LETTER_HEIGHT`; `left` and `right` are the ends of the ink between baseline and x-height."""

    text: str
    ink: Ink
    baseline: int
    left: int
    right: int


def extract_ink(grey: NDArray[np.uint8]) -> Ink | None:
    """Ink 0 to 255 of a word on paper of any grey, cut to the ink; None where there is none."""
    import cv2

    paper = float(np.percentile(grey, PAPER_PERCENTILE))
    depth = np.clip(paper - grey.astype(np.float32), 0, 255)
    threshold, _ = cv2.threshold(depth.astype(np.uint8), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    strokes = depth[depth > max(threshold, 8)]
    if strokes.size < 4:
        return None
    contrast = float(strokes.mean())
    floor = GRAIN * contrast
    ink = np.clip((depth - floor) * (INK_LEVEL * 255 / (contrast - floor)), 0, 255).astype(np.uint8)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 100), np.flatnonzero(ink.max(axis=0) > 100)
    if not len(rows) or not len(columns):
        return None
    top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
    return np.ascontiguousarray(ink[top : rows[-1] + 2, left : columns[-1] + 2])


def measure_word(text: str, ink: Ink, whole: bool) -> Word:
    """Estimate baseline and x-height from the letters of the text and from where the rows cross most strokes."""
    rows = len(ink)
    above, below = _reaches(text)
    height = rows / (1 + above + below)
    baseline = rows - below * height
    core_top, core_bottom = _core(ink)
    trust = min(max(sum(c.isalnum() for c in text) - 1, 0) / 8, 0.6)
    measured = max(core_bottom - core_top, 0.25 * height)
    height = height ** (1 - trust) * measured**trust
    trust = trust if below else 0.3 * trust
    baseline = (1 - trust) * baseline + trust * core_bottom
    return Word(text, ink, float(baseline), float(height), whole)


def scale_words(words: Sequence[Word]) -> list[ScaledWord]:
    """Bring the words of one hand to one letter height.

    Words that were stored at the scale of the page share one scale but for a little; those made smaller are scaled by
    their own height and by their width, which the hand's usual letter width tells.
    """
    known = [word.height for word in words if word.whole and len(word.text) > 1]
    usual = float(np.median(known)) if len(known) >= 3 else None
    breadth = float(np.median([_breadth(word) / word.height for word in words]))
    scaled = []
    for word in words:
        by_width = _breadth(word) / breadth
        if word.whole and usual is not None:
            height = usual**0.8 * word.height**0.2
        else:
            trust = min(len(word.text) / 12, 0.5)
            height = word.height ** (1 - trust) * by_width**trust
        if len(word.ink) <= TALLEST * height:
            scaled.append(_resize(word, LETTER_HEIGHT / height))
    return scaled


def scale_mark(text: str, ink: Ink, scale: float) -> ScaledWord:
    """Scale a punctuation mark and put it at its height over the baseline."""
    rows = len(ink) * scale
    places = {
        ".": rows,
        ":": rows,
        "!": rows,
        "?": rows,
        ",": 0.3 * rows,
        ";": 0.8 * LETTER_HEIGHT,
        "-": 0.5 * (LETTER_HEIGHT + rows),
        '"': 1.8 * LETTER_HEIGHT,
        "'": 1.8 * LETTER_HEIGHT,
        "(": 0.5 * (LETTER_HEIGHT + rows) + 0.1 * LETTER_HEIGHT,
        ")": 0.5 * (LETTER_HEIGHT + rows) + 0.1 * LETTER_HEIGHT,
    }
    return _resize(Word(text, ink, places[text] / scale, LETTER_HEIGHT / scale, True), scale)


def _breadth(word: Word) -> float:
    """Columns of the ink for one mean character."""
    return word.ink.shape[1] / expected_width(word.text)


def _resize(word: Word, scale: float) -> ScaledWord:
    import cv2

    rows, columns = word.ink.shape
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    ink = np.asarray(cv2.resize(word.ink, size, interpolation=way), dtype=np.uint8)
    baseline = round(word.baseline * size[1] / rows)
    core = ink[max(0, baseline - round(LETTER_HEIGHT)) : max(baseline, 1)]
    inked = np.flatnonzero(core.max(axis=0) > 100) if len(core) else np.array([], np.int64)
    left, right = (int(inked[0]), int(inked[-1]) + 1) if len(inked) else (0, size[0])
    return ScaledWord(word.text, ink, baseline, left, right)


def _reaches(text: str) -> tuple[float, float]:
    """How far the letters of `text` reach over the x-height and under the baseline, in x-heights."""
    letters = set(text)
    above = ASCENDER if letters & ASCENDING else HALF_ASCENDER if letters & HALF_ASCENDING else 0.0
    below = DESCENDER if letters & DESCENDING else 0.0
    return above, below


def _core(ink: Ink) -> tuple[float, float]:
    """First row and row after the last of the zone in which the rows cross most strokes."""
    inked = ink > 100
    crossings = (inked[:, 1:] & ~inked[:, :-1]).sum(axis=1) + inked[:, 0]
    smoothed = np.convolve(crossings, [0.25, 0.5, 0.25], mode="same")
    peak = int(smoothed.argmax())
    low = smoothed < 0.5 * smoothed[peak]
    above, below = np.flatnonzero(low[:peak]), np.flatnonzero(low[peak:])
    top = int(above[-1]) + 1 if len(above) else 0
    bottom = peak + int(below[0]) if len(below) else len(ink)
    return float(top), float(bottom)

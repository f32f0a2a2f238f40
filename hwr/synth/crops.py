"""Ink of word images: separated from the paper, with baseline and x-height, scaled to one size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwr.files.images import GreyImage
from hwr.synth.ink import Ink
from hwr.synth.pieces import expected_width

PAPER_PERCENTILE = 75
"""Brightness of the paper among the pixels of a word image."""

GRAIN = 0.18
"""Share of the ink's contrast below which a pixel is paper grain."""

INK_LEVEL = 0.8
"""Mean of the ink after scaling, between 0 and 1."""

MIN_INK = 100
"""Level from which a pixel counts as inked."""

CAPITALS = 0.655
"""Share of a word's height in which the rows cross most strokes: above this the hand writes capitals."""

LETTER_HEIGHT = 24.0
"""Rows of letters without ascender after scaling."""

MAX_HEIGHT = 5.0
"""A word taller than this many letter heights was measured wrongly, or is more than one word."""

ASCENDING = frozenset("bdfhklßABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!?()&/%'\"äöüéèêàâçôîûÄÖÜÉÈÀ")
HALF_ASCENDING = frozenset("tij")
DESCENDING = frozenset("gjpqyçQ,;()")
SOMETIMES_DESCENDING = frozenset("fzFGJTYß")
"""Letters that extend below the baseline in some hands; the ink decides."""

ASCENDER, HALF_ASCENDER, DESCENDER = 0.85, 0.5, 0.65
"""Extent of the letters of each kind above the x-height or below the baseline, in x-heights."""

LONG_TAIL = 0.4
"""Ink this far below the zone of most strokes is a descender, in heights of that zone."""
MAX_ODDITY = 1.85
"""Limit on the ratio of a word's width to that of its letters; beyond it, a word is left out. Higher for short
words."""


@dataclass(frozen=True)
class Word:
    """A word image as ink, cropped to the ink; `baseline` and `height` (of small letters) in rows.

    `whole` is False if the image was reduced when it was stored, so that its scale is unknown.
    """

    text: str
    ink: Ink
    baseline: float
    height: float
    whole: bool

    @property
    def breadth(self) -> float:
        """Columns of the ink for one mean character."""
        return float(self.ink.shape[1]) / expected_width(self.text)


@dataclass(frozen=True)
class ScaledWord:
    """A word brought to `LETTER_HEIGHT`; `left` and `right` are the ends of the ink between baseline and x-height."""

    text: str
    ink: Ink
    baseline: int
    left: int
    right: int


def extract_ink(grey: GreyImage) -> Ink | None:
    """Return the ink of a word on paper of any grey, cropped to the ink; None if there is none."""
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
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > MIN_INK) for axis in (1, 0))
    if not len(rows):
        return None
    return np.ascontiguousarray(ink[max(rows[0] - 1, 0) : rows[-1] + 2, max(columns[0] - 1, 0) : columns[-1] + 2])


def measure_word(text: str, ink: Ink, whole: bool) -> Word:
    """Estimate baseline and x-height from the letters of the text and from the rows that cross most strokes."""
    rows = len(ink)
    core_top, core_bottom = _core(ink)
    above, below = _reaches(text, (rows - core_bottom) / max(core_bottom - core_top, 1.0))
    height = rows / (1 + above + below)
    baseline = rows - below * height
    trust = min(max(sum(character.islower() for character in text) - 1, 0) / 8, 0.6)
    height = height ** (1 - trust) * max(core_bottom - core_top, 0.25 * height) ** trust
    trust = 0.3 + trust if below else 0.3 * trust
    baseline = (1 - trust) * baseline + trust * core_bottom
    return Word(text, ink, float(baseline), float(height), whole)


def writes_capitals(words: Sequence[Word]) -> bool:
    """Return whether a hand writes capitals where the text has small letters: no stroke is taller."""
    shares = []
    for word in words:
        letters = set(word.text)
        if word.text.islower() and len(word.text) > 2 and letters & set("bdhkl") and not letters & set("fgjpqy"):
            top, bottom = _core(word.ink)
            shares.append((bottom - top) / len(word.ink))
    return len(shares) >= 4 and float(np.median(shares)) > CAPITALS


def scale_words(words: Sequence[Word]) -> list[ScaledWord]:
    """Scale the words of one hand to one letter height; leave out those that do not show their text.

    Words that were stored at the scale of the page share almost one scale; those made smaller are scaled by their own
    height and by their width, compared with the hand's usual letter width.
    """
    known = [word.height for word in words if word.whole and len(word.text) > 1]
    usual = float(np.median(known)) if len(known) >= 3 else None
    breadth = float(np.median([word.breadth / word.height for word in words if len(word.text) > 2] or [1.0]))
    scaled = []
    for word in words:
        by_width = word.breadth / breadth
        if word.whole and usual is not None:
            height = usual**0.8 * word.height**0.2
        else:
            trust = min(len(word.text) / 12, 0.5)
            height = word.height ** (1 - trust) * by_width**trust
        limit = MAX_ODDITY * (1.5 if len(word.text) < 3 else 1.0)
        if len(word.ink) <= MAX_HEIGHT * height and 1 / limit < by_width / word.height < limit:
            scaled.append(_resize(word, LETTER_HEIGHT / height))
    return scaled


def _resize(word: Word, scale: float) -> ScaledWord:
    import cv2

    rows, columns = word.ink.shape
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    ink = np.asarray(cv2.resize(word.ink, size, interpolation=way), dtype=np.uint8)
    baseline = round(word.baseline * size[1] / rows)
    core = ink[max(0, baseline - round(LETTER_HEIGHT)) : max(baseline, 1)]
    inked = np.flatnonzero(core.max(axis=0) > MIN_INK) if len(core) else np.array([], np.int64)
    left, right = (int(inked[0]), int(inked[-1]) + 1) if len(inked) else (0, size[0])
    return ScaledWord(word.text, ink, baseline, left, right)


def _reaches(text: str, tail: float) -> tuple[float, float]:
    """Return the extent of the letters of `text` above the x-height and below the baseline, in x-heights.

    tail: how far the ink reaches below the zone of most strokes, in heights of that zone.
    """
    letters = set(text)
    above = ASCENDER if letters & ASCENDING else HALF_ASCENDER if letters & HALF_ASCENDING else 0.0
    hanging = bool(letters & DESCENDING) or (bool(letters & SOMETIMES_DESCENDING) and tail > LONG_TAIL)
    return above, DESCENDER if hanging else 0.0


def _core(ink: Ink) -> tuple[float, float]:
    """Return the first row, and the row after the last, of the zone in which the rows cross most strokes."""
    inked = ink > MIN_INK
    crossings = (inked[:, 1:] & ~inked[:, :-1]).sum(axis=1) + inked[:, 0]
    smoothed = np.convolve(crossings, [0.25, 0.5, 0.25], mode="same")
    peak = int(smoothed.argmax())
    low = smoothed < 0.55 * smoothed[peak]
    above, below = np.flatnonzero(low[:peak]), np.flatnonzero(low[peak:])
    top = int(above[-1]) + 1 if len(above) else 0
    bottom = peak + int(below[0]) if len(below) else len(ink)
    return float(top), float(bottom)

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

SPECK = 6
"""A spot of fewer pixels is dirt."""

CAPITALS = 0.655
"""Share of a word's height in which the rows cross most strokes: above this the hand writes capitals."""

LETTER_HEIGHT = 24.0
"""Rows of letters without ascender after scaling."""

TALLEST = 5.0
"""A word taller than so many letter heights was measured wrongly or is not one word."""

MARK_SIZES = {
    ".": (0.6, 0.7),
    ",": (1.2, 0.9),
    ":": (1.4, 0.8),
    ";": (1.9, 0.9),
    "!": (2.8, 1.5),
    "?": (2.8, 2.0),
    "-": (0.7, 2.5),
    "'": (1.2, 0.8),
    '"': (1.3, 1.4),
    "(": (3.4, 1.7),
    ")": (3.4, 1.7),
}
"""Greatest height and width of each punctuation mark, in letter heights."""

ASCENDING = frozenset("bdfhklßABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!?()&/%'\"äöüéèêàâçôîûÄÖÜÉÈÀ")
HALF_ASCENDING = frozenset("tij")
DESCENDING = frozenset("gjpqyçQ,;()")
SOMETIMES_DESCENDING = frozenset("fzFGJTYß")
"""Letters that reach under the baseline in some hands; the ink decides."""

ASCENDER, HALF_ASCENDER, DESCENDER = 0.85, 0.5, 0.65
"""How far the letters of each kind usually reach over the x-height or under the baseline, in x-heights."""

LONG_TAIL = 0.4
"""Ink so far below the zone of most strokes is a descender, in heights of that zone."""

ODD_WIDTHS = ((2, 3.0), (3, 2.2), (6, 1.85), (10**6, 1.7))
"""A word of at most so many letters (first) is left out when it is so many times (second) wider or narrower than its
letters should be: the image shows something else."""


WIDE = 1.25
"""Where a word is so many times wider than it should be and has a wide gap, the image shows two words."""


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
    return _cut_to_ink(ink) if ink.max() > 100 else None


def _cut_to_ink(ink: Ink) -> Ink:
    rows, columns = np.flatnonzero(ink.max(axis=1) > 100), np.flatnonzero(ink.max(axis=0) > 100)
    top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
    return np.ascontiguousarray(ink[top : rows[-1] + 2, left : columns[-1] + 2])


def measure_word(text: str, ink: Ink, whole: bool) -> Word | None:
    """Estimate baseline and x-height from the letters of the text and from where the rows cross most strokes.

    Bits of other lines are taken away first. None where the image shows more than the text says: a mark beside the
    word, or another word.
    """
    ink = _without_bits(text, ink)
    rows = len(ink)
    core_top, core_bottom = _core(ink)
    tail = (rows - core_bottom) / max(core_bottom - core_top, 1.0)
    above, below = _reaches(text, tail)
    height = rows / (1 + above + below)
    baseline = rows - below * height
    letters = sum(character.islower() for character in text)
    trust = min(max(letters - 1, 0) / 8, 0.6)
    measured = max(core_bottom - core_top, 0.25 * height)
    height = height ** (1 - trust) * measured**trust
    trust = 0.3 + trust if below else 0.3 * trust
    baseline = (1 - trust) * baseline + trust * core_bottom
    word = Word(text, ink, float(baseline), float(height), whole)
    return None if _shows_more(word) else word


def writes_capitals(words: Sequence[Word]) -> bool:
    """Whether a hand writes capitals where the text has small letters: no stroke stands out above the others."""
    shares = []
    for word in words:
        letters = set(word.text)
        if word.text.islower() and len(word.text) > 2 and letters & set("bdhkl") and not letters & set("fgjpqy"):
            top, bottom = _core(word.ink)
            shares.append((bottom - top) / len(word.ink))
    return len(shares) >= 4 and float(np.median(shares)) > CAPITALS


def scale_words(words: Sequence[Word]) -> list[ScaledWord]:
    """Bring the words of one hand to one letter height.

    Words that were stored at the scale of the page share one scale but for a little; those made smaller are scaled by
    their own height and by their width, which the hand's usual letter width tells.
    """
    known = [word.height for word in words if word.whole and len(word.text) > 1]
    usual = float(np.median(known)) if len(known) >= 3 else None
    breadth = float(np.median([_breadth(word) / word.height for word in words if len(word.text) > 2] or [1.0]))
    scaled = []
    for word in words:
        by_width = _breadth(word) / breadth
        if word.whole and usual is not None:
            height = usual**0.8 * word.height**0.2
        else:
            trust = min(len(word.text) / 12, 0.5)
            height = word.height ** (1 - trust) * by_width**trust
        limit = next(limit for letters, limit in ODD_WIDTHS if len(word.text) <= letters)
        ratio = by_width / word.height
        odd = not 1 / limit < ratio < limit or (ratio > WIDE and _widest_gap(word.ink) > word.height)
        if len(word.ink) <= TALLEST * height and not odd:
            scaled.append(_resize(word, LETTER_HEIGHT / height))
    return scaled


def scale_mark(text: str, ink: Ink, scale: float) -> ScaledWord | None:
    """Scale a punctuation mark and put it at its height over the baseline; None where it is too large to be one."""
    rows, columns = (scale * side for side in ink.shape)
    tallest, widest = MARK_SIZES[text]
    if rows > tallest * LETTER_HEIGHT or columns > widest * LETTER_HEIGHT or (text == "-" and columns < 1.2 * rows):
        return None
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


def _without_bits(text: str, ink: Ink) -> Ink:
    """Take away specks, and strokes of neighbouring lines: ink wholly above or below where the letters can be."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink > 60).view(np.uint8), connectivity=8)
    if count <= 2:
        return ink
    core_top, core_bottom = _core(ink)
    reach = 0.2 * (core_bottom - core_top)
    top, rows, area = stats[:, cv2.CC_STAT_TOP], stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    dropped = area < SPECK
    letters = set(text)
    if not letters & (DESCENDING | SOMETIMES_DESCENDING):
        dropped |= top > core_bottom + reach
    if not letters & (ASCENDING | HALF_ASCENDING):
        dropped |= top + rows < core_top - reach
    dropped[0] = False
    if not dropped.any() or dropped[1:].all():
        return ink
    kept = np.where(cv2.dilate(dropped[labels].view(np.uint8), np.ones((3, 3), np.uint8)) > 0, 0, ink)
    kept = np.where((labels > 0) & ~dropped[labels], ink, kept).astype(np.uint8)
    return _cut_to_ink(kept)


def _shows_more(word: Word) -> bool:
    """Whether a full stop or a quote stands beside the word, of which its text says nothing."""
    if len(word.text) < 2:
        return False
    low = max(0, round(word.baseline - 0.85 * word.height))
    for place in (0, -1):
        edge = word.text[place]
        top, bottom, width = _end_piece(word, 0, place)
        if max(width, top - bottom) < 1 and bottom > 0.9 and edge not in "ijtfTFäöüé'\"":
            return True
        tail = place == -1 and width < 0.5 and top < 0.35
        top, bottom, width = _end_piece(word, low, place)
        dot = max(width, top - bottom) < 0.65 and (top < 0.8 or (place == 0 and bottom < 0.8))
        if (dot or tail) and edge not in ".,;:-":
            return True
    return False


def _end_piece(word: Word, first_row: int, place: int) -> tuple[float, float, float]:
    """Top and bottom over the baseline, and width, of what stands apart at the left (0) or right (-1) end.

    In letter heights; ink above `first_row` is not looked at. One piece is the whole word: as wide as it is.
    """
    ink = word.ink[first_row:] > 60
    inked = np.concatenate(([False], ink.any(axis=0), [False])).astype(np.int8)
    starts, stops = np.flatnonzero(np.diff(inked) > 0), np.flatnonzero(np.diff(inked) < 0)
    if len(starts) < 2:
        return np.inf, 0.0, np.inf
    left, right = starts[place], stops[place]
    rows = np.flatnonzero(ink[:, left:right].any(axis=1)) + first_row
    top, bottom = word.baseline - rows[0], word.baseline - rows[-1] - 1
    return float(top / word.height), float(bottom / word.height), float((right - left) / word.height)


def _breadth(word: Word) -> float:
    """Columns of the ink for one mean character."""
    return float(word.ink.shape[1]) / expected_width(word.text)


def _widest_gap(ink: Ink) -> int:
    """Most empty columns side by side."""
    inked = np.flatnonzero(ink.max(axis=0) > 60)
    return int(np.diff(inked).max(initial=1)) - 1


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


def _reaches(text: str, tail: float) -> tuple[float, float]:
    """How far the letters of `text` reach over the x-height and under the baseline, in x-heights.

    tail: how far the ink reaches below the zone of most strokes, in heights of that zone.
    """
    letters = set(text)
    above = ASCENDER if letters & ASCENDING else HALF_ASCENDER if letters & HALF_ASCENDING else 0.0
    hanging = bool(letters & DESCENDING) or (bool(letters & SOMETIMES_DESCENDING) and tail > LONG_TAIL)
    below = DESCENDER if hanging else 0.0
    return above, below


def _core(ink: Ink) -> tuple[float, float]:
    """First row and row after the last of the zone in which the rows cross most strokes."""
    inked = ink > 100
    crossings = (inked[:, 1:] & ~inked[:, :-1]).sum(axis=1) + inked[:, 0]
    smoothed = np.convolve(crossings, [0.25, 0.5, 0.25], mode="same")
    peak = int(smoothed.argmax())
    low = smoothed < 0.55 * smoothed[peak]
    above, below = np.flatnonzero(low[:peak]), np.flatnonzero(low[peak:])
    top = int(above[-1]) + 1 if len(above) else 0
    bottom = peak + int(below[0]) if len(below) else len(ink)
    return float(top), float(bottom)

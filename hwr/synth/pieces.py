"""Cut a recorded line of pen strokes into words, where that can be done safely.

The words are found by the gaps between strokes. A line is cut only where two independent things agree: the largest
gaps, as many as the text has blanks, stand out from all others; and the pieces between them are as wide as their words
should be. Otherwise the line stays whole: a wrong pair of image and text would teach a reader wrong letters.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwr.synth.pen import Curves, Floats, Places

WIDTHS = {
    "i j l I 1 ! ' : ; | ( ) [ ]": 0.7,
    ". ,": 0.3,
    '" - – — / r t f': 0.8,
    "m w": 1.5,
    "A B C D E F G H K L N O P Q R S T U V X Y Z": 1.6,
    "M W": 2.0,
    "0 2 3 4 5 6 7 8 9 ?": 1.2,
}
"""Widths of characters as written, side spaces included, in mean character widths. Other characters are 1.0.

Rounded from a least-squares fit of line widths to the counts of their characters, a scale for each writer.
"""

CHARACTER_WIDTHS = {character: width for group, width in WIDTHS.items() for character in group.split()}

CLEAR_GAP = 1.25
"""The smallest gap between words is at least so many times the largest gap inside one."""

SMALLEST_GAP = 0.35
"""Smallest gap between words, in mean character widths."""

SMALL_STROKE, LOW_STROKE = 0.4, 0.5
"""A stroke of at most so many letter heights is a dot; one that begins so low over the baseline is a mark there."""

TOLERANCE = (0.25, 0.4)
"""How far the width of a piece may be from that of its word: share of the width, plus mean character widths."""


@dataclass(frozen=True)
class Frame:
    """The lines along which a hand writes.

    y of the baseline at x is `offset + slope * x`; the letters lean by `shear` (x to the left for each y down);
    `height` is the height of letters without ascender, in the unit of the points.
    """

    slope: float
    offset: float
    shear: float
    height: float


@dataclass(frozen=True)
class Piece:
    """A word of a line: its text, its strokes' numbers in the line, and the gap before it (0 for the first)."""

    text: str
    strokes: Places
    gap: float


def expected_width(word: str) -> float:
    """How wide `word` is written, in mean character widths."""
    return sum(CHARACTER_WIDTHS.get(character, 1.0) for character in word)


def find_frame(curves: Curves) -> Frame:
    """Baseline, slant and x-height of a line, from the lower and upper turning points of its strokes.

    Descenders and the dots of i are outliers: the line is fitted again and again to the points near it.
    """
    points = curves.points
    shear = _shear(curves)
    x, y = points[:, 0], points[:, 1]
    lower, upper = _turning_points(curves)
    slope, offset = np.polyfit(x, y, 1) if np.ptp(x) > 3 * np.ptp(y) else (0.0, float(np.median(y)))
    spread = float(np.std(y - slope * x - offset)) + 1e-9
    # lower ends lie under the middle of the ink
    bottoms = lower[(y - slope * x - offset)[lower] > -0.3 * spread]
    if len(bottoms) < 2:
        bottoms = lower
    offset += float(np.median((y - slope * x - offset)[bottoms]))
    for reach in (1.2, 0.8, 0.6, 0.5):
        away = (y - slope * x - offset)[bottoms]
        near = bottoms[np.abs(away) < reach * spread]
        if len(near) < 3:
            break
        if len(near) >= 8 and np.ptp(x[near]) > 6 * spread:
            slope, offset = np.polyfit(x[near], y[near], 1)
        else:
            offset += float(np.median((y - slope * x - offset)[near]))
    heights = -(y - slope * x - offset)[upper]
    heights = heights[heights > 0.4 * spread]
    height = float(np.percentile(heights, 40)) if len(heights) else 2 * spread
    return Frame(float(slope), float(offset), shear, max(height, 1e-6))


def cut(curves: Curves, frame: Frame, text: str) -> tuple[Piece, ...] | None:
    """The words of a line with their strokes, or None where the cut is not certain.

    Args:
        curves: the strokes of the line as recorded.
        frame: its baseline and slant.
        text: its text, words parted by single blanks.
    """
    words = text.split(" ")
    order, left, right = _extents(curves, frame)
    if len(words) == 1:
        return (Piece(text, np.sort(order), 0.0),)
    gaps = left[1:] - right[:-1]
    count = len(words) - 1
    if len(gaps) < count:
        return None
    ranked = np.argsort(-gaps, kind="stable")
    cuts = np.sort(ranked[:count])
    unit = float(right[-1] - left[0]) / expected_width(text)
    inside = float(gaps[ranked[count]]) if len(gaps) > count else 0.0
    smallest = float(gaps[ranked[count - 1]])
    if smallest < SMALLEST_GAP * unit or smallest < CLEAR_GAP * inside:
        return None
    starts, stops = np.concatenate(([0], cuts + 1)), np.concatenate((cuts, [len(order) - 1]))
    if not _fit(right[stops] - left[starts], words):
        return None
    pieces = [np.sort(order[start : stop + 1]) for start, stop in zip(starts, stops, strict=True)]
    if not _in_order(pieces) or not _marks_stand_right(curves, frame, words, pieces):
        return None
    before = np.concatenate(([0.0], gaps[cuts]))
    return tuple(Piece(*parts) for parts in zip(words, pieces, before.tolist(), strict=True))


def _fit(widths: Floats, words: list[str]) -> bool:
    """Whether each piece is as wide as its word should be; the unit comes from the whole line."""
    expected = np.array([expected_width(word) for word in words])
    unit = float(widths.sum() / expected.sum())
    share, more = TOLERANCE
    return bool((np.abs(widths / unit - expected) <= share * expected + more).all())


def _in_order(pieces: list[Places]) -> bool:
    """Whether the words were written one after the other; single strokes (dots, bars) may come later."""
    middles = [float(np.median(strokes)) for strokes in pieces]
    return all(a < b for a, b in pairwise(middles))


def _marks_stand_right(curves: Curves, frame: Frame, words: list[str], pieces: list[Places]) -> bool:
    """Whether full stops and commas are with the words that they end, not with those that they stand before."""
    points = upright(curves.points, frame) / frame.height
    low = np.minimum.reduceat(points, curves.starts)
    high = np.maximum.reduceat(points, curves.starts)
    size = (high - low).max(axis=1)
    low_down = low[:, 1] > -LOW_STROKE
    for word, strokes in zip(words, pieces, strict=True):
        first = strokes[low[strokes, 0].argmin()]
        last = strokes[low[strokes, 0].argmax()]
        stray = (
            size[first] < SMALL_STROKE
            and low_down[first]
            and high[first, 0] < low[strokes[strokes != first], 0].min(initial=np.inf)
        )
        if stray and word[0].isalnum() and len(strokes) > 1:
            return False
        if word[-1] in ".," and len(word) > 1 and not (low[last, 1] > -LOW_STROKE - 0.3 and size[last] < 1.3):
            return False
        trailing = size[last] < SMALL_STROKE and low_down[last] and len(strokes) > 1
        if trailing and word[-1].isalpha() and low[last, 0] > high[strokes[strokes != last], 0].max():
            return False
    return True


def _extents(curves: Curves, frame: Frame) -> tuple[Places, Floats, Floats]:
    """Strokes from left to right in upright writing; their left ends, and the right end of all up to each."""
    x = upright(curves.points, frame)[:, 0]
    left = np.minimum.reduceat(x, curves.starts)
    right = np.maximum.reduceat(x, curves.starts)
    order = np.argsort(left, kind="stable")
    return order, left[order], np.maximum.accumulate(right[order])


def upright(points: Floats, frame: Frame) -> Floats:
    """Points (n, 2) with the baseline at y = 0 and the letters upright."""
    y = points[:, 1] - frame.slope * points[:, 0] - frame.offset
    return np.column_stack((points[:, 0] + frame.shear * y, y))


def _shear(curves: Curves) -> float:
    """Lean of the long strokes downward: x to the left for each y down; 0.3 is usual slant to the right."""
    step = np.diff(curves.points, axis=0, append=curves.points[-1:])
    step[curves.ends - 1] = 0
    down = step[step[:, 1] > np.abs(step[:, 0])]
    total = float(down[:, 1].sum())
    return float(np.clip(-down[:, 0].sum() / total, -0.7, 0.9)) if total > 0 else 0.0


def _turning_points(curves: Curves) -> tuple[Places, Places]:
    """Places of the lower and of the upper turning points in y; ends of strokes count."""
    y = curves.points[:, 1]
    rising = np.diff(y, append=y[-1:])
    rising[curves.ends - 1] = 0
    sign = np.sign(rising)
    before = np.concatenate(([0.0], sign[:-1]))
    before[curves.starts] = 0
    lower = np.flatnonzero((before > 0) & (sign <= 0) | (before == 0) & (sign < 0))
    upper = np.flatnonzero((before < 0) & (sign >= 0) | (before == 0) & (sign > 0))
    fallback: NDArray[np.int64] = np.array([0], np.int64)
    return (lower if len(lower) else fallback), (upper if len(upper) else fallback)

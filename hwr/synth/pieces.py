"""Recorded pen strokes of a line: its baseline, slant and letter height, and its words if they can be cut safely.

Words are found by the gaps between strokes. A line is cut only where two independent things agree: the largest gaps, as
many as the text has spaces, stand out from all others; and the pieces between them are as wide as their words should
be. Otherwise the line stays whole: a wrong pair of image and text would teach a reader wrong letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2): x to the right and y down."""

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

MIN_GAP, MIN_CLEARANCE = 0.35, 1.25
"""Minimum gap between words: in mean character widths, and as a multiple of the largest gap inside a word."""

TOLERANCE = (0.25, 0.4)
"""Maximum difference between the widths of a piece and its word: share of the width, plus mean character widths."""

MARK_SIZE, MARK_RISE = 0.4, 0.5
"""Size of a full stop or comma, and its maximum height above the baseline, in letter heights."""


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

    def upright(self, points: Points) -> Points:
        """Return points with the baseline at y = 0, the letters upright and of height 1."""
        y = points[:, 1] - self.slope * points[:, 0] - self.offset
        return np.column_stack((points[:, 0] + self.shear * y, y)) / self.height


def expected_width(word: str) -> float:
    """Return the width of a word as written, in mean character widths."""
    return sum(CHARACTER_WIDTHS.get(character, 1.0) for character in word)


def find_frame(strokes: Sequence[Points]) -> Frame:
    """Find baseline, slant and x-height of a line from the lower and upper turning points of its strokes.

    Descenders and the dots of i are outliers: the baseline is fitted repeatedly to the points near it.
    """
    lower = np.concatenate([_turns(stroke, 1) for stroke in strokes])
    upper = np.concatenate([_turns(stroke, -1) for stroke in strokes])
    points = np.concatenate(strokes)
    x, y = points.T
    slope, offset = np.polyfit(x, y, 1) if np.ptp(x) > 3 * np.ptp(y) else (0.0, float(np.median(y)))
    spread = float(np.std(y - slope * x - offset)) + 1e-9
    heights = lower[:, 1] - slope * lower[:, 0] - offset
    bottoms = lower[heights > -0.3 * spread] if (heights > -0.3 * spread).sum() >= 2 else lower
    offset += float(np.median(bottoms[:, 1] - slope * bottoms[:, 0] - offset))
    for reach in (1.2, 0.8, 0.6, 0.5):
        away = bottoms[:, 1] - slope * bottoms[:, 0] - offset
        near = bottoms[np.abs(away) < reach * spread]
        if len(near) < 3:
            break
        if len(near) >= 8 and np.ptp(near[:, 0]) > 6 * spread:
            slope, offset = np.polyfit(near[:, 0], near[:, 1], 1)
        else:
            offset += float(np.median(near[:, 1] - slope * near[:, 0] - offset))
    tops = slope * upper[:, 0] + offset - upper[:, 1]
    tops = tops[tops > 0.4 * spread]
    height = float(np.percentile(tops, 40)) if len(tops) else 2 * spread
    return Frame(float(slope), float(offset), _shear(strokes), max(height, 1e-6))


def cut(strokes: Sequence[Points], text: str) -> list[list[int]] | None:
    """Return the numbers of the strokes of each word of a line, or None if the cut is not certain.

    Args:
        strokes: upright, see `Frame.upright`.
        text: words with single spaces between them.
    """
    words = text.split(" ")
    left = np.array([stroke[:, 0].min() for stroke in strokes])
    order = np.argsort(left, kind="stable")
    right = np.maximum.accumulate([strokes[number][:, 0].max() for number in order])
    gaps = left[order][1:] - right[:-1]
    count = len(words) - 1
    if len(gaps) < count:
        return None
    ranked = np.sort(gaps)[::-1]
    if count:
        unit = float(right[-1] - left[order[0]]) / expected_width(text)
        inside = float(ranked[count]) if len(gaps) > count else 0.0
        if ranked[count - 1] < max(MIN_GAP * unit, MIN_CLEARANCE * inside):
            return None
    cuts = np.flatnonzero(gaps >= ranked[count - 1]) + 1 if count else np.array([], np.intp)
    pieces = [sorted(part.tolist()) for part in np.split(order, cuts)]
    if len(pieces) != len(words) or not _fit([[strokes[number] for number in piece] for piece in pieces], words):
        return None
    middles = [float(np.median(piece)) for piece in pieces]  # single strokes (dots, bars) may come later
    return pieces if middles == sorted(middles) else None


def _fit(pieces: list[list[Points]], words: list[str]) -> bool:
    """Return whether each piece is as wide as its word, and none begins with the full stop of the word before."""
    spans = [np.concatenate(piece)[:, 0] for piece in pieces]
    widths = np.array([float(np.ptp(span)) for span in spans])
    expected = np.array([expected_width(word) for word in words])
    unit = float(widths.sum() / expected.sum())
    share, more = TOLERANCE
    if (np.abs(widths / max(unit, 1e-9) - expected) > share * expected + more).any():
        return False
    for piece, word in zip(pieces, words, strict=True):
        first = min(piece, key=lambda stroke: float(stroke[:, 0].min()))
        mark = float(np.ptp(first, axis=0).max()) < MARK_SIZE and float(first[:, 1].min()) > -MARK_RISE
        if mark and len(piece) > 1 and word[0].isalnum():
            return False
    return True


def _shear(strokes: Sequence[Points]) -> float:
    """Return the lean of the long strokes downward: x to the left for each y down; 0.3 is usual slant to the right."""
    steps = np.concatenate([np.diff(stroke, axis=0) for stroke in strokes])
    down = steps[steps[:, 1] > np.abs(steps[:, 0])]
    total = float(down[:, 1].sum())
    return float(np.clip(-down[:, 0].sum() / total, -0.7, 0.9)) if total > 0 else 0.0


def _turns(stroke: Points, sign: int) -> Points:
    """Return the points of a stroke that are lower (sign 1) or higher (-1) than those around them; ends count."""
    y = np.concatenate(([-np.inf], sign * stroke[:, 1], [-np.inf]))
    return stroke[(y[1:-1] >= y[:-2]) & (y[1:-1] > y[2:])]

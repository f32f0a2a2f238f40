"""Fragments of ridges -> whole lines: gaps between words are bridged, gutters and table rules are not."""

import numpy as np
from numpy.typing import NDArray

from hwr.segment.clean import Ink
from hwr.segment.ridges import Fragment

WIDEST_GAP = 10.0
"""Units: the widest gap that a line has between two words."""
STEEPEST = 0.8
"""Units by which the ends of two pieces of one line may differ in height."""
LONG = 9.0
"""Units: the slope of a shorter fragment says nothing; the page's slope is taken."""
OVERLAP = 1.0
"""Units by which two pieces of one line may overlap."""
GUTTER_WIDTH = 1.5
GUTTER_REACH = 4.0
"""Units: a gap of this width that stays empty this far up and down is a gutter."""


def trim(fragments: list[Fragment], labels: NDArray[np.int32], ink: Ink) -> list[Fragment]:
    """Cut the fragments to the columns where they have ink: blurring made them longer. Those without ink are left out.

    Args:
        labels: map of fragment labels, shape (H, W); see `hwr.segment.ridges.find_fragments`.
    """
    rows, columns = np.nonzero(ink.writing)
    owners = labels[rows, columns]
    size = int(labels.max(initial=0)) + 1
    first = np.full(size, labels.shape[1])
    last = np.full(size, -1)
    np.minimum.at(first, owners, columns)
    np.maximum.at(last, owners, columns)
    trimmed = []
    for fragment in fragments:
        start, stop = int(first[fragment.label]), int(last[fragment.label]) + 1
        if stop - start >= 2:
            centre = fragment.centre[start - fragment.start : stop - fragment.start]
            trimmed.append(Fragment(fragment.label, start, centre))
    return trimmed


def join(fragments: list[Fragment], ink: Ink) -> list[list[Fragment]]:
    """Chains of fragments that make one line each, every chain from left to right.

    Two fragments are linked when each is the other's best neighbour.
    """
    if not fragments:
        return []
    slope = _page_slope(fragments, ink.unit)
    costs = np.full((len(fragments), len(fragments)), np.inf)
    starts = np.array([fragment.start for fragment in fragments])
    for index, left in enumerate(fragments):
        gaps = starts - left.stop
        near = np.flatnonzero((gaps > -OVERLAP * ink.unit) & (gaps < WIDEST_GAP * ink.unit) & (starts > left.start))
        for other in near:
            costs[index, other] = _cost(left, fragments[other], slope, ink)
    after = np.where(np.isfinite(costs).any(axis=1), costs.argmin(axis=1), -1)
    before = np.where(np.isfinite(costs).any(axis=0), costs.argmin(axis=0), -1)
    linked = [int(n) if n >= 0 and before[n] == index else -1 for index, n in enumerate(after)]
    chains = []
    for head in sorted(set(range(len(fragments))) - set(linked)):
        chain, index = [], head
        while index >= 0:
            chain.append(fragments[index])
            index = linked[index]
        chains.append(chain)
    return chains


def _page_slope(fragments: list[Fragment], unit: float) -> float:
    """Rise of the page's lines, rows a column: the median over the long fragments."""
    slopes = [_trend(f.centre, 0)[1] for f in fragments if len(f.centre) >= LONG * unit]
    return float(np.median(slopes)) if slopes else 0.0


def _cost(left: Fragment, right: Fragment, page_slope: float, ink: Ink) -> float:
    """How badly two fragments fit together, infinite if they belong to different lines."""
    unit = ink.unit
    gap = right.start - left.stop
    span = int(LONG * unit)
    end, slope_left = _trend(left.centre[-span:], len(left.centre[-span:]) - 1)
    begin, slope_right = _trend(right.centre[:span], 0)
    slopes = [s for s, f in ((slope_left, left), (slope_right, right)) if len(f.centre) >= span]
    slope = sum(slopes) / len(slopes) if slopes else page_slope
    drop = abs(begin - end - slope * max(gap, 0))
    if drop > STEEPEST * unit or right.stop <= left.stop:
        return float("inf")
    if gap > 0 and _parted(left.stop, right.start, (end + begin) / 2, ink):
        return float("inf")
    return max(gap, 0) + 4 * drop


def _trend(centre: NDArray[np.float64], column: int) -> tuple[float, float]:
    """Height at a column of a stretch of ridge and its slope, by a straight line through it."""
    if len(centre) < 8:
        return float(centre.mean()), 0.0
    slope, offset = np.polyfit(np.arange(len(centre)), centre, 1)
    return float(offset + slope * column), float(slope)


def _parted(start: int, stop: int, row: float, ink: Ink) -> bool:
    """Whether a table rule or a gutter runs between the columns `start` and `stop` at this row."""
    unit = ink.unit
    top, bottom = max(0, int(row - 0.5 * unit)), max(1, int(row + 0.5 * unit))
    if (ink.vertical_rules[top:bottom, max(0, start - 2) : stop + 2].sum(axis=0) > 0.5 * (bottom - top)).any():
        return True
    if stop - start < GUTTER_WIDTH * unit:
        return False
    reach = slice(max(0, int(row - GUTTER_REACH * unit)), max(1, int(row + GUTTER_REACH * unit)))
    empty = ink.writing[reach, start:stop].sum(axis=0) == 0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], empty.astype(np.int8), [0]))))
    return bool((edges[1::2] - edges[::2]).max(initial=0) >= GUTTER_WIDTH * unit)

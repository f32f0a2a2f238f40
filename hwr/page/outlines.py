"""Outlines of lines: their edges, and outlines with few points around the ink and the boxes of the words.

An outline is a pair of curves over x: its upper and its lower edge. Simplification may move them outwards but never
inwards, so an outline still contains everything that it contained before.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwr.page.geometry import Points, as_points
from hwr.page.page import Box, Point

Values = NDArray[np.float64]

TOLERANCE = 1.0
"""Maximum distance in pixels between a simplified outline and the original one."""


def enclose(polygon: Sequence[Point] | Points, boxes: Sequence[Box]) -> tuple[Point, ...]:
    """Return an outline with few points around a line's polygon and the boxes of its words.

    No vertical line crosses the polygon more than twice, as in the outlines of `hwr.segment`. The result is at most
    `TOLERANCE` pixels outside the polygon, except where a box extends further.
    """
    points = as_points(polygon)
    sides = [side for box in boxes for side in (box[0], box[2])]
    x = np.unique(np.concatenate([points[:, 0], [min(sides), max(sides)] if sides else []]))
    top, bottom = _edges(points, x)
    for x0, y0, x1, y1 in boxes:
        first, last = np.searchsorted(x, x0, "right") - 1, np.searchsorted(x, x1, "left")
        top[first : last + 1] = np.minimum(top[first : last + 1], y0)
        bottom[first : last + 1] = np.maximum(bottom[first : last + 1], y1)
    half = TOLERANCE / 2
    upper = [(float(x[index]), float(top[index] - half)) for index in simplify_curve(x, top, half)]
    lower = [(float(x[index]), float(bottom[index] + half)) for index in simplify_curve(x, bottom, half)]
    return (*upper, *reversed(lower))


def encloses(polygon: Sequence[Point], boxes: Sequence[Box]) -> bool:
    """Return whether the corners of all boxes are inside a polygon, to `TOLERANCE` pixels."""
    if not boxes:
        return True
    points = as_points(polygon)
    x0, y0, x1, y1 = np.array(boxes, float).T
    inside = (x0 >= points[:, 0].min() - TOLERANCE) & (x1 <= points[:, 0].max() + TOLERANCE)
    for side in (x0, x1):
        top, bottom = polygon_edges(points, side)
        inside &= (y0 >= top - TOLERANCE) & (y1 <= bottom + TOLERANCE)
    return bool(inside.all())


def polygon_edges(points: Points, columns: Values) -> tuple[Values, Values]:
    """Return the upper and lower edge of a polygon at each x; beyond its ends they continue horizontally."""
    x = np.unique(np.concatenate([points[:, 0], columns]))
    at = np.searchsorted(x, columns)
    top, bottom = _edges(points, x)
    return top[at], bottom[at]


def _edges(points: Points, x: Values) -> tuple[Values, Values]:
    """Return the edges at each of the sorted `x`, which include the x of all corners."""
    top, bottom = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    at = np.searchsorted(x, points[:, 0])
    np.minimum.at(top, at, points[:, 1])
    np.maximum.at(bottom, at, points[:, 1])
    following = np.roll(at, -1)
    for corner in np.flatnonzero(np.abs(following - at) > 1):
        ends = points[[corner, (corner + 1) % len(points)]]
        ends = ends[np.argsort(ends[:, 0])]
        between = slice(min(at[corner], following[corner]) + 1, max(at[corner], following[corner]))
        rows = np.interp(x[between], *ends.T)
        top[between], bottom[between] = np.minimum(top[between], rows), np.maximum(bottom[between], rows)
    known = np.flatnonzero(np.isfinite(top))
    return np.interp(x, x[known], top[known]), np.interp(x, x[known], bottom[known])


def thin_baseline(baseline: Sequence[Point]) -> tuple[Point, ...]:
    """Remove the points of a baseline between which it is straight to half a pixel; its x must increase."""
    x, y = as_points(baseline).T
    if (np.diff(x) <= 0).any():
        return tuple(baseline)
    return tuple(baseline[index] for index in simplify_curve(x, y, TOLERANCE / 2))


def simplify_curve(x: Values, y: Values, tolerance: float) -> list[int]:
    """Return the indices of points between which a curve is straight within a vertical tolerance, including both ends.

    From each kept point, the range of slopes that pass all following points shrinks until a point is missed (Zhao and
    Saalfeld 1997, "Linear-time sleeve-fitting polyline simplification algorithms").

    Args:
        x: increasing.
        y: of the same length.
        tolerance: distance along y.
    """
    across, down = x.tolist(), y.tolist()
    kept, start, low, high = [0], 0, -math.inf, math.inf
    for index in range(1, len(across)):
        length = across[index] - across[start]
        slope = (down[index] - down[start]) / length
        if not low <= slope <= high:
            start = index - 1
            kept.append(start)
            length = across[index] - across[start]
            slope = (down[index] - down[start]) / length
            low, high = -math.inf, math.inf
        low, high = max(low, slope - tolerance / length), min(high, slope + tolerance / length)
    return [*kept, len(across) - 1]

"""Ink -> lines: every piece of ink is given to a line; its ink gives the line a baseline and a polygon."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.geometry import Points
from hwr.segment.clean import Ink
from hwr.segment.ridges import Fragment

REACH = 1.2
"""Units: ink farther from every ridge belongs to no line."""
TALLEST = 2.4
"""Units above and below the ridge that a line's letters reach at most."""
SHARE = 0.15
"""A piece of ink that has at least this share of its core in a second line joins two lines, and is cut between them."""
FAINTEST = 0.7
"""A line whose ink is fainter than this share of the page's usual ink has shone through from the other side."""
INTO_FEET = 0.1
"""Units: a baseline runs through the feet of the letters, not along their lower edge."""
BIN = 0.4
"""Units between the corners of a polygon."""


@dataclass(frozen=True)
class Outline:
    """A line in pixels of the working copy: baseline and polygon, arrays of shape (n, 2)."""

    baseline: Points
    polygon: Points


def outline_lines(chains: list[list[Fragment]], labels: NDArray[np.int32], ink: Ink) -> list[Outline]:
    """Baselines and polygons of the lines, in the order of the chains; lines that are no writing are left out.

    Args:
        chains: fragments of each line; see `hwr.segment.join.join`.
        labels: map of fragment labels, shape (H, W).
    """
    line_of = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    for number, chain in enumerate(chains, start=1):
        line_of[[fragment.label for fragment in chain]] = number
    rows, columns = np.nonzero(ink.writing)
    owners = _owners(rows, columns, line_of[labels], ink)
    order = np.argsort(owners, kind="stable")
    borders = np.searchsorted(owners[order], np.arange(1, len(chains) + 2))
    usual = float(np.median(ink.depth[rows, columns][owners > 0])) if (owners > 0).any() else 0.0
    outlines = []
    for number, chain in enumerate(chains):
        mine = order[borders[number] : borders[number + 1]]
        line = _outline(chain, rows[mine], columns[mine], ink.unit)
        if line is not None and np.median(ink.depth[rows[mine], columns[mine]]) > FAINTEST * usual:
            outlines.append(line)
    return outlines


def _owners(
    rows: NDArray[np.int64], columns: NDArray[np.int64], lines: NDArray[np.int64], ink: Ink
) -> NDArray[np.int64]:
    """The line, from 1 on, of every ink pixel; 0 for ink of no line.

    A connected piece of ink goes to the line whose ridge it lies on; a piece on several ridges is cut half-way.
    """
    import cv2

    ridge = lines > 0
    if not ridge.any():
        return np.zeros(len(rows), np.int64)
    distance, nearest = cv2.distanceTransformWithLabels(
        (~ridge).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    line_at = np.zeros(int(nearest.max()) + 1, np.int64)
    line_at[nearest[ridge]] = lines[ridge]
    closest = line_at[nearest[rows, columns]]
    _, pieces = cv2.connectedComponents(ink.writing, connectivity=8)
    piece = pieces[rows, columns].astype(np.int64)
    count, size = int(piece.max(initial=0)) + 1, int(lines.max()) + 1
    core = lines[rows, columns]
    in_core = np.bincount(piece * size + core, minlength=count * size).reshape(count, size)
    in_core[:, 0] = 0
    total = in_core.sum(axis=1)
    main = in_core.argmax(axis=1)
    several = (in_core > SHARE * total[:, None]).sum(axis=1) > 1
    near_piece = np.full(count, np.inf)
    np.minimum.at(near_piece, piece, distance[rows, columns])
    by_place = np.bincount(piece * size + closest, minlength=count * size).reshape(count, size).argmax(axis=1)
    owner = np.where(several[piece], closest, np.where(total[piece] > 0, main[piece], by_place[piece]))
    return np.where(near_piece[piece] <= REACH * ink.unit, owner, 0)


def _outline(chain: list[Fragment], rows: NDArray[np.int64], columns: NDArray[np.int64], unit: float) -> Outline | None:
    """Baseline and polygon of one line from its ink; None if it is too little to be writing."""
    ridge_x = np.concatenate([np.arange(fragment.start, fragment.stop) for fragment in chain])
    ridge_y = np.concatenate([fragment.centre for fragment in chain])
    order = np.argsort(ridge_x, kind="stable")
    ridge_x, ridge_y = ridge_x[order], ridge_y[order]
    centre = np.interp(columns, ridge_x, ridge_y)
    near = np.abs(rows - centre) < TALLEST * unit
    rows, columns, centre = rows[near], columns[near], centre[near]
    if len(rows) < 0.1 * unit * unit or np.ptp(columns) < unit:
        return None
    if np.std(rows - centre) < 0.08 * unit:  # a stroke, no letters
        return None
    first, last = int(columns.min()), int(columns.max())
    path = _smooth(np.interp(np.arange(first, last + 1), ridge_x, ridge_y), int(3 * unit))
    drop = _foot(rows - path[columns - first], unit)
    corners = np.unique(np.linspace(first, last, max(2, int((last - first) / unit) + 1)).round().astype(int))
    baseline = np.stack([corners, path[corners - first] + drop], axis=1).astype(np.float64)
    return Outline(baseline, _polygon(rows, columns, path + drop, first, unit))


def _smooth(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Moving average that keeps the length and the trend at the ends."""
    window = min(window | 1, (len(values) - 1) | 1)
    if window < 3:
        return values
    half = window // 2
    padded = np.concatenate([2 * values[0] - values[half:0:-1], values, 2 * values[-1] - values[-2 : -half - 2 : -1]])
    return np.asarray(np.convolve(padded, np.full(window, 1 / window), "valid"), np.float64)


def _foot(offsets: NDArray[np.float64], unit: float) -> float:
    """Where the letters stand, relative to the ridge: the row below it where the ink falls off most."""
    span = int(np.ceil(1.2 * unit))
    reach = max(2, int(0.3 * unit))
    histogram = np.bincount(
        np.clip(offsets.round().astype(int) + 2 * span, 0, 4 * span), minlength=4 * span + 1
    ).astype(np.float64)
    total = np.concatenate(([0.0], np.cumsum(histogram)))
    places = np.arange(2 * span, 3 * span)  # borders from the ridge to 1.2 units below it
    above = total[places] - total[places - reach]
    below = total[np.minimum(places + reach, len(total) - 1)] - total[places]
    return float(places[(above - below).argmax()] - 2 * span) - INTO_FEET * unit


def _polygon(
    rows: NDArray[np.int64], columns: NDArray[np.int64], base: NDArray[np.float64], first: int, unit: float
) -> Points:
    """Outline of the ink, at least as high as a small letter, a little wider than the ink."""
    width = max(3, int(BIN * unit))
    count = len(base) // width + 1
    index = (columns - first) // width
    middle = np.minimum(np.arange(count) * width + width // 2, len(base) - 1)
    top = base[middle] - 0.8 * unit
    bottom = base[middle] + 0.2 * unit
    np.minimum.at(top, index, rows)
    np.maximum.at(bottom, index, rows + 1)
    pad = max(2.0, 0.08 * unit)
    top = np.minimum(top, np.minimum(np.roll(top, 1), np.roll(top, -1)) + 0.3 * unit) - pad
    bottom = np.maximum(bottom, np.maximum(np.roll(bottom, 1), np.roll(bottom, -1)) - 0.3 * unit) + pad
    left, right = first - pad, first + len(base) - 1 + pad
    edges = np.clip(np.concatenate(([left], first + np.arange(1, count) * width, [right])), left, right)
    upper = np.stack([np.repeat(edges, 2)[1:-1], np.repeat(top, 2)], axis=1)
    lower = np.stack([np.repeat(edges, 2)[1:-1], np.repeat(bottom, 2)], axis=1)
    return np.concatenate([_thin(upper), _thin(lower)[::-1]])


def _thin(points: Points) -> Points:
    """Leave out corners that lie on a straight line between their neighbours."""
    inner = ((points[1:-1, 1] != points[:-2, 1]) | (points[1:-1, 1] != points[2:, 1])) & (
        (points[1:-1, 0] != points[:-2, 0]) | (points[1:-1, 1] != points[:-2, 1])
    )
    return points[np.concatenate(([True], inner, [True]))]

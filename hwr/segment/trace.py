"""Maps of a page -> baselines: follow the ridges of the baseline map, cut them at the ends of lines, and join them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwr.page.geometry import Points
from hwr.segment.maps import STRIDE, Maps

MIN_CREST = 0.25
"""Minimum height of a ridge that is a baseline."""
MIN_SCORE = 0.7
"""Minimum mean height of the ridge of a line."""
MIN_LENGTH = 0.5
"""Minimum length of a baseline, in line heights; a shorter one is a speck."""
END = 0.6
"""Minimum height of a mark of a line's end."""
STUB = 0.8
"""A piece of ridge with a higher median mark of an end is beyond the end of a line."""
MAX_GAP = 2.5
"""Maximum gap, in line heights, between two pieces of a line if neither has an end mark there."""
MAX_MARKED_GAP = 0.4
"""The same if one of them has an end mark there."""
MAX_MISS = 0.25
"""Maximum vertical offset, in line heights, between the ends of two pieces of a line."""
KNOT = 0.5
"""Distance between the points of a baseline, in line heights."""


@dataclass(frozen=True)
class Trace:
    """A baseline in pixels of the page that the network saw.

    Attributes:
        baseline: points (n, 2) from left to right.
        height: of the line, from its ascenders to its descenders.
        printed: probability that it is printed.
        score: mean probability of the baseline.
    """

    baseline: Points
    height: float
    printed: float
    score: float


@dataclass(frozen=True)
class Piece:
    """A stretch of ridge: y of each column from `start` on, in pixels of the maps, and the end mark at each column."""

    start: int
    y: NDArray[np.float64]
    height: float
    printed: float
    score: float
    left_mark: float
    right_mark: float

    @property
    def stop(self) -> int:
        """First column after the piece."""
        return self.start + len(self.y)


def trace_lines(maps: Maps) -> list[Trace]:
    """Return all baselines, in no particular order."""
    pieces = [piece for crest in find_crests(maps.baseline) for piece in cut(crest, maps)]
    traces = []
    for chain in join(pieces):
        length = sum(len(piece.y) for piece in chain)
        weights = np.array([len(piece.y) for piece in chain]) / length
        height, printed, score = (
            float(weights @ [getattr(piece, name) for piece in chain]) for name in ("height", "printed", "score")
        )
        extent = STRIDE * (chain[-1].stop - chain[0].start)
        if score >= MIN_SCORE and extent >= MIN_LENGTH * height:
            traces.append(Trace(_polyline(chain, height), height, printed, score))
    return traces


def find_crests(baseline: NDArray[np.float32]) -> list[tuple[int, NDArray[np.float64]]]:
    """Return every ridge, a run of columns whose maxima touch: its first column, and the y of each column."""
    import cv2

    smooth = cv2.GaussianBlur(baseline, (0, 0), sigmaX=2.0, sigmaY=1.0)
    highest = cv2.dilate(smooth, np.ones((5, 1), np.uint8))
    crest = ((smooth >= highest) & (smooth > MIN_CREST)).astype(np.uint8)
    # a step of one row between columns touches; flat tops of two rows are one ridge
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(crest, np.ones((3, 3), np.uint8)), connectivity=8)
    labels = np.where(crest > 0, labels, 0)
    found = []
    for label in range(1, len(stats)):
        left, top, width, height = (int(value) for value in stats[label, :4])
        window = np.s_[top : top + height, left : left + width]
        weight = np.where(labels[window] == label, smooth[window], 0.0)
        columns = np.flatnonzero(weight.max(axis=0) > 0)
        if columns.size < 2:
            continue
        best = weight[:, columns].argmax(axis=0) + top
        every = np.arange(columns[0], columns[-1] + 1)
        found.append((left + int(columns[0]), np.interp(every, columns, best)))
    return found


def cut(crest: tuple[int, NDArray[np.float64]], maps: Maps) -> list[Piece]:
    """Return the pieces of a ridge between end marks of lines."""
    start, y = crest
    columns = np.arange(start, start + len(y))
    rows = np.clip(np.round(y).astype(int), 0, maps.baseline.shape[0] - 1)
    marks = maps.ends[rows, columns]
    borders = [0]
    high = np.flatnonzero(np.diff(np.concatenate(([0], (marks > END).astype(np.int8), [0]))))
    for first, stop in zip(high[::2], high[1::2], strict=True):
        peak = int(first + marks[first:stop].argmax())
        borders.append(peak)
    borders.append(len(y))
    pieces = []
    for first, stop in pairwise(borders):
        outermost = first == 0 or stop == len(y)
        # a remainder beyond the end mark is not a line
        if stop - first < 2 or (outermost and len(borders) > 2 and np.median(marks[first:stop]) > STUB):
            continue
        at = rows[first:stop], columns[first:stop]
        pieces.append(
            Piece(
                start + first,
                y[first:stop],
                float(np.median(maps.height[at])),
                float(maps.printed[at].mean()),
                _upper_half(maps.baseline[at]),
                _mark(maps, start + first, rows[first]),
                _mark(maps, start + stop - 1, rows[stop - 1]),
            )
        )
    return [piece for piece in pieces if STRIDE * len(piece.y) > 0.25 * piece.height]


def _upper_half(values: NDArray[np.float32]) -> float:
    """Return the mean of the upper half: a short line is as certain as a long one in its middle, not at its ends."""
    return float(np.sort(values)[len(values) // 2 :].mean())


def _mark(maps: Maps, column: int, row: int) -> float:
    """Return the highest end mark close to a position."""
    reach = 4
    return float(maps.ends[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1].max())


def join(pieces: list[Piece]) -> list[list[Piece]]:
    """Return chains of pieces that form one line each; the closest pairs are joined first."""
    starts = np.array([piece.start for piece in pieces])
    reach = MAX_GAP * np.array([piece.height for piece in pieces]) / STRIDE
    pairs = []
    for left, piece in enumerate(pieces):
        gaps = starts - piece.stop
        for right in np.flatnonzero((starts > piece.start) & (np.abs(gaps) <= reach[left])).tolist():
            cost = _cost(piece, pieces[right])
            if np.isfinite(cost):
                pairs.append((cost, left, right))
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for _, left, right in sorted(pairs):
        if left not in after and right not in before:
            after[left], before[right] = right, left
    chains = []
    for head in range(len(pieces)):
        if head in before:
            continue
        chain = [head]
        while chain[-1] in after:
            chain.append(after[chain[-1]])
        chains.append([pieces[index] for index in chain])
    return chains


def _cost(left: Piece, right: Piece) -> float:
    """Return the cost of joining two pieces to one line; infinite if they do not fit."""
    height = min(left.height, right.height) / STRIDE
    gap = right.start - left.stop
    weaker, stronger = sorted((left.right_mark, right.left_mark))
    if weaker > END:
        return float("inf")
    widest = MAX_MARKED_GAP if stronger > END and weaker > 0.5 * END else MAX_GAP
    unlike = max(left.height, right.height) > 2 * min(left.height, right.height)
    if unlike or not -0.5 * height <= gap <= widest * height:
        return float("inf")
    miss = abs(_ahead(left, gap / 2, True) - _ahead(right, gap / 2, False))
    if miss > MAX_MISS * height:
        return float("inf")
    return float(max(gap, 0) + 4 * miss)


def _ahead(piece: Piece, distance: float, right: bool) -> float:
    """Return the y of a piece at a distance beyond its right or left end, following its trend there."""
    span = min(len(piece.y), max(8, int(2 * piece.height / STRIDE)))
    y = piece.y[-span:] if right else piece.y[:span][::-1]
    if span < 8:
        return float(y.mean())
    positions = np.arange(span) - (span - 1) / 2
    slope = (positions @ y) / (positions @ positions)
    return float(y.mean() + slope * ((span - 1) / 2 + distance))


def _polyline(chain: list[Piece], height: float) -> Points:
    """Return the baseline of a chain in pixels of the page, with a point every half of its height."""
    columns = np.concatenate([np.arange(piece.start, piece.stop) for piece in chain])
    y = np.concatenate([piece.y for piece in chain])
    order = np.argsort(columns, kind="stable")
    columns, y = columns[order], y[order]
    window = max(1, int(KNOT * height / STRIDE))
    first, last = int(columns[0]), int(columns[-1])
    every = np.interp(np.arange(first, last + 1), columns, y)
    half = window // 2
    padded = np.pad(every, half, mode="reflect", reflect_type="odd") if 0 < half < len(every) else every
    smooth = np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), "valid") if half < len(every) else every
    knots = np.unique(np.linspace(first, last, max(2, (last - first) // window + 1)).round().astype(int))
    points: Points = STRIDE * (np.stack([knots, smooth[knots - first]], axis=1) + 0.5)
    return points

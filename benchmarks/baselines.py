"""Measure how well found baselines agree with true ones, by the measure of the cBAD competitions.

Grüning, Labahn, Diem, Kleber, Fiel: READ-BAD: A New Dataset and Evaluation Scheme for Baseline Detection in Archival
Documents (2018, arXiv 1705.03311), as in the authors' own tool. Two things differ from `match_baselines`, which counts
whole lines: parts of lines count, and a true line that was found in pieces loses precision only.

Points are (x, y) in pixels; arrays of points have shape (n, 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwr.page.geometry import Points, as_points, bounding_box, resample
from hwr.page.page import Point

Values = NDArray[np.float64]
Polyline = Sequence[Point] | Points

STEP = 5
"""Pixels between the points of a baseline that are compared."""
MIN_POINTS = 20
"""A line has at least as many points, or one a pixel if it is shorter."""
TOLERANCE = 0.25
"""Tolerance of a true line as a share of its distance to the nearest other line."""
MAX_DISTANCE = 250.0
"""Lines farther from each other than this, in pixels, are not neighbours."""
FALL = 3.0
"""A point counts in full up to the tolerance, then less and less, and nothing from this many tolerances on."""


@dataclass(frozen=True)
class BaselineScores:
    """Coverage of each line, from 0 to 1.

    Attributes:
        precisions: of each found line the share of its points that lie on the true line that it is aligned with.
        recalls: of each true line the share of its points that lie on any found line.
    """

    precisions: tuple[float, ...]
    recalls: tuple[float, ...]

    @property
    def precision(self) -> float:
        """Mean over the found lines (P-value); 1 if none was found."""
        return float(np.mean(self.precisions)) if self.precisions else 1.0

    @property
    def recall(self) -> float:
        """Mean over the true lines (R-value); 1 if there are none."""
        return float(np.mean(self.recalls)) if self.recalls else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return harmonic_mean(self.precision, self.recall)

    def __add__(self, other: "BaselineScores") -> "BaselineScores":
        """Return the lines of both, pooled."""
        return BaselineScores(self.precisions + other.precisions, self.recalls + other.recalls)


def harmonic_mean(precision: float, recall: float) -> float:
    """F1 of the two rates; 0 if both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def score_baselines(true: Sequence[Polyline], found: Sequence[Polyline]) -> BaselineScores:
    """Score the baselines found on a page.

    Args:
        true, found: polylines of at least one point each.
    """
    covered, recalls = _compare(true, found)
    return BaselineScores(_align(covered), tuple(map(float, recalls)))


def coverage(true: Sequence[Polyline], found: Sequence[Polyline]) -> Values:
    """Return the share of each found line's points that are on each true line, shape (found, true)."""
    return _compare(true, found)[0]


def _compare(true: Sequence[Polyline], found: Sequence[Polyline]) -> tuple[Values, Values]:
    """Return `coverage`, and the share of each true line's points that are on any found line, shape (true,)."""
    covered, recalls = np.zeros((len(found), len(true))), np.zeros(len(true))
    if not true or not found:
        return covered, recalls
    lines, guesses = [even_points(line) for line in true], [even_points(line) for line in found]
    boxes = np.array([[*line.min(axis=0), *line.max(axis=0)] for line in guesses])
    for t, (line, limit) in enumerate(zip(lines, tolerances(lines), strict=True)):
        reach = FALL * limit
        (x0, y0), (x1, y1) = line.min(axis=0) - reach, line.max(axis=0) + reach
        near = (boxes[:, 0] <= x1) & (boxes[:, 2] >= x0) & (boxes[:, 1] <= y1) & (boxes[:, 3] >= y0)
        nearest = np.full(len(line), np.inf)
        for g in np.flatnonzero(near):
            # City block distances, as in the authors' tool.
            distances = np.abs(guesses[g][:, None, :] - line[None, :, :]).sum(axis=2)
            covered[g, t] = _counts(distances.min(axis=1), limit).mean()
            nearest = np.minimum(nearest, distances.min(axis=0))
        recalls[t] = _counts(nearest, limit).mean()
    return covered, recalls


def _counts(distances: Values, limit: float) -> Values:
    """Return the weight of points at these distances: 1 up to the limit, 0 from three times the limit, linear
    between.
    """
    counts: Values = np.clip((FALL * limit - distances) / ((FALL - 1) * limit), 0.0, 1.0)
    return counts


def _align(covered: Values) -> tuple[float, ...]:
    """Greedy alignment, one to one, of found lines (rows) with true lines: what each row keeps."""
    left, kept = covered.copy(), np.zeros(len(covered))
    while left.max(initial=0) > 0:
        g, t = np.unravel_index(int(left.argmax()), left.shape)
        kept[g] = left[g, t]
        left[g, :] = 0
        left[:, t] = 0
    return tuple(map(float, kept))


def even_points(polyline: Polyline) -> Points:
    """Whole pixels on the polyline, about `STEP` apart along the greater of x and y, at least `MIN_POINTS`."""
    corners = np.floor(as_points(polyline) + 0.5)
    pieces = []
    for start, stop in pairwise(corners):
        count = int(np.abs(stop - start).max())
        if count:
            pieces.append(start + np.arange(count)[:, None] * ((stop - start) / count))
    points: Points = np.floor(np.concatenate([*pieces, corners[-1:]]) + 0.5)
    if len(points) <= MIN_POINTS:
        return points
    length = len(points) - 1
    wanted = max(MIN_POINTS, length // STEP + 1)
    places = (np.arange(wanted - 1) * (length / (wanted - 1))).astype(int)
    return points[[*places, length]]


def tolerances(lines: Sequence[Points]) -> list[float]:
    """Return the tolerance of each true line in pixels: a quarter of its distance to the nearest line next to it.

    It is at most a quarter of the mean of these distances, which is also used for lines without a neighbour.

    Args:
        lines: from `even_points`.
    """
    nearest = [_nearest_neighbour(index, lines) for index in range(len(lines))]
    known = [distance for distance in nearest if distance > 0]
    mean = float(np.mean(known)) if known else MAX_DISTANCE
    return [TOLERANCE * min(distance or mean, mean) for distance in nearest]


def _nearest_neighbour(index: int, lines: Sequence[Points]) -> float:
    """Distance, across the line's direction, to the nearest point of another line; 0 if there is none."""
    line = lines[index]
    along = _direction(line)
    across = np.array([-along[1], along[0]])
    inline, offline = line @ along, line @ across
    least = MAX_DISTANCE
    for other, points in enumerate(lines):
        ends = points[[0, -1]] @ along
        before_all = ends.max() < min(inline[0], inline[-1])
        if other == index or before_all or ends.min() > max(inline[0], inline[-1]):
            continue
        beside = np.abs(inline[:, None] - (points @ along)[None, :]) <= 2 * STEP
        if beside.any():
            gaps = np.abs(offline[:, None] - (points @ across)[None, :])
            least = min(least, float(gaps[beside].min()))
    return least if least < MAX_DISTANCE else 0.0


def _direction(line: Points) -> Values:
    """Return the unit vector of the line's regression of y on x; straight down if all points have one x."""
    x, y = (line - line.mean(axis=0)).T
    spread = float(x @ x)
    if spread == 0:
        return np.array([0.0, 1.0])
    slope = float(x @ y) / spread
    vector: Values = np.array([1.0, slope]) / np.hypot(1.0, slope)
    return vector


# --- whole lines -------------------------------------------------------------------------------------------------

SAMPLE = 4.0
"""Pixels between the points at which baselines are compared."""
QUARTER = 0.25
"""Tolerance as a share of the distance between lines, as in the cBAD competitions (Grüning et al. 2018)."""


@dataclass(frozen=True)
class BaselineMatch:
    """Agreement of found baselines with the reference."""

    matched: int
    found: int
    reference: int

    @property
    def precision(self) -> float:
        """Share of the found lines that are right; 1 if none was found."""
        return self.matched / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the reference lines that were found; 1 if there are none."""
        return self.matched / self.reference if self.reference else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.found + self.reference
        return 2 * self.matched / total if total else 1.0

    def __add__(self, other: "BaselineMatch") -> "BaselineMatch":
        return BaselineMatch(self.matched + other.matched, self.found + other.found, self.reference + other.reference)


def line_distance(baselines: Sequence[Points]) -> float:
    """Return the typical distance between neighbouring lines: the median drop from a line to the next line below.

    Only lines that overlap horizontally are neighbours. Without neighbours, it is 1/20 of the lines' greatest extent.
    """
    boxes = np.array([bounding_box(line) for line in baselines])
    middles = np.array([np.median(line[:, 1]) for line in baselines])
    drops = []
    for index, (x0, _, x1, _) in enumerate(boxes):
        shared = np.minimum(boxes[:, 2], x1) - np.maximum(boxes[:, 0], x0)
        below = middles - middles[index]
        near = below[(shared > 0) & (below > 2)]
        if near.size:
            drops.append(near.min())
    if drops:
        return float(np.median(drops))
    return max(1.0, float(max(boxes[:, 2].max() - boxes[:, 0].min(), boxes[:, 3].max() - boxes[:, 1].min())) / 20)


def match_baselines(
    reference: Sequence[Sequence[Point]], found: Sequence[Sequence[Point]], share: float = 0.7
) -> BaselineMatch:
    """Match found baselines with reference baselines, one to one, best pairs first.

    A point is covered when the other line passes within a quarter of the reference's line distance.

    Args:
        reference, found: polylines.
        share: least share of the points of both lines that the other must cover.
    """
    if not reference or not found:
        return BaselineMatch(0, len(found), len(reference))
    true = [resample(line, SAMPLE) for line in reference]
    guess = [resample(line, SAMPLE) for line in found]
    tolerance = QUARTER * line_distance(true)
    true_boxes = np.array([bounding_box(line) for line in true])
    pairs: list[tuple[float, int, int]] = []
    for g, line in enumerate(guess):
        x0, y0, x1, y1 = bounding_box(line)
        near = (true_boxes[:, 0] <= x1 + tolerance) & (true_boxes[:, 2] >= x0 - tolerance)
        near &= (true_boxes[:, 1] <= y1 + tolerance) & (true_boxes[:, 3] >= y0 - tolerance)
        for t in map(int, np.flatnonzero(near)):
            distances = np.hypot(*(true[t][:, None, :] - line[None, :, :]).transpose(2, 0, 1))
            covered = min((distances.min(axis=1) <= tolerance).mean(), (distances.min(axis=0) <= tolerance).mean())
            if covered >= share:
                pairs.append((float(covered), t, g))
    used_true: set[int] = set()
    used_guess: set[int] = set()
    for _, t, g in sorted(pairs, reverse=True):
        if t not in used_true and g not in used_guess:
            used_true.add(t)
            used_guess.add(g)
    return BaselineMatch(len(used_true), len(found), len(reference))

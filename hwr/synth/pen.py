"""A pen: strokes as curves of points -> ink of a line, with the width and darkness of a pen that presses."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Ink = NDArray[np.uint8]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]

OVERSAMPLING = 3
"""Strokes are drawn so many times larger and reduced: cheaper than anti-aliased thick lines, and widths need no
whole pixels."""

SHIFT = 3
"""Fractional bits of the coordinates that OpenCV draws with."""

MARGIN = 3
"""Empty pixels around the ink."""

LONGEST_CHORD = 4.0
"""Pixels between two points beyond which the curve between them is filled in."""


@dataclass(frozen=True)
class Curves:
    """Strokes of a pen.

    points: float64 (n, 2), x to the right and y down, pixels; ends: int64 (strokes,), the place after the last point
    of each stroke.
    """

    points: Floats
    ends: Places

    @property
    def starts(self) -> Places:
        """The place of the first point of each stroke."""
        return np.concatenate(([0], self.ends[:-1])).astype(np.int64)


@dataclass(frozen=True)
class PenStyle:
    """How a pen leaves ink.

    width: pixels of a stroke at usual speed; pressure: how much thinner a fast stroke is (width goes with the speed to
    the power of minus this); fading: how much lighter the thinnest strokes are than the thickest, 0 to 1; nib: how
    much thinner a broad nib's stroke is along the nib, 0 (round) to 1; nib_angle: direction of the nib, radians.
    """

    width: float
    pressure: float = 0.0
    fading: float = 0.0
    nib: float = 0.0
    nib_angle: float = 0.6


def sample_pen(generator: Generator) -> PenStyle:
    """A pen as people use them: ballpoints, felt pens that do not yield, and now and then a broad nib."""
    width = float(np.clip(generator.lognormal(np.log(2.9), 0.32), 1.3, 6.0))
    pressure = generator.uniform(0.0, 0.4)
    fading = generator.uniform(0.0, 0.5) if generator.random() < 0.6 else 0.0
    broad = generator.random() < 0.2
    nib = generator.uniform(0.2, 0.65) if broad else 0.0
    angle = generator.uniform(0.2, 1.2)
    return PenStyle(width * (1.25 if broad else 1.0), pressure, fading, nib, angle)


def smooth(curves: Curves) -> Curves:
    """Put points between those that are far apart, on a Catmull-Rom curve through their neighbours.

    Source: Catmull and Rom 1974, "A class of local interpolating splines"; here at the middle of each chord, where
    the curve is (-a + 9 b + 9 c - d) / 16.
    """
    points, ends = curves.points, curves.ends
    count = len(points)
    first = np.zeros(count, bool)
    first[curves.starts] = True
    last = np.zeros(count, bool)
    last[ends - 1] = True
    places = np.arange(count)
    before = np.where(first, places, places - 1)
    after = np.minimum(places + 1, count - 1)
    beyond = np.where(last[after], after, np.minimum(places + 2, count - 1))
    middle = (9 * (points + points[after]) - points[before] - points[beyond]) / 16
    chord = np.abs(points[after] - points).max(axis=1)
    filled = ~last & (chord > LONGEST_CHORD)
    if not filled.any():
        return curves
    position = places + np.concatenate(([0], np.cumsum(filled)[:-1]))
    result = np.empty((count + int(filled.sum()), 2))
    result[position] = points
    result[position[filled] + 1] = middle[filled]
    return Curves(result, position[ends - 1] + 1)


def thin_out(curves: Curves, spacing: float) -> Curves:
    """Leave out points nearer than about `spacing` pixels to the one before; ends of strokes stay."""
    steps = np.hypot(*np.diff(curves.points, axis=0, prepend=curves.points[:1]).T)
    bins = np.floor(np.cumsum(steps) / spacing)
    kept = np.diff(bins, prepend=-1.0) > 0
    kept[curves.starts] = True
    kept[curves.ends - 1] = True
    return Curves(curves.points[kept], np.cumsum(kept, dtype=np.int64)[curves.ends - 1])


def draw(curves: Curves, style: PenStyle) -> Ink:
    """Draw the strokes: ink uint8 (H, W), 0 paper to 255 full ink, cut to the ink with a small margin on all sides."""
    import cv2

    widths = _widths(curves, style)
    reach = float(widths.max()) / 2 + MARGIN
    low = curves.points.min(axis=0) - reach
    size = np.ceil(curves.points.max(axis=0) + reach - low).astype(int)
    levels, darkness = _levels(widths, style)
    canvas = np.zeros((int(size[1]) * OVERSAMPLING, int(size[0]) * OVERSAMPLING), np.uint8)
    scale = OVERSAMPLING * 2**SHIFT
    places = np.rint((curves.points - low) * scale).astype(np.int32)
    for thickness, shade, pieces in _pieces(places, curves, levels, darkness):
        cv2.polylines(canvas, pieces, False, shade, thickness, cv2.LINE_8, SHIFT)
    ink = cv2.resize(canvas, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(ink, dtype=np.uint8)


def _widths(curves: Curves, style: PenStyle) -> Floats:
    """Width in pixels of the stroke that begins at each point."""
    points = curves.points
    step = np.diff(points, axis=0, append=points[-1:])
    step[curves.ends - 1] = 0
    speed = np.hypot(step[:, 0], step[:, 1])
    widths = np.full(len(points), style.width)
    if style.pressure > 0:
        even = _running_mean(speed, 7)
        usual = max(float(np.median(even)), 1e-6)
        widths *= np.clip((even / usual + 0.15) / 1.15, 0.25, 4.0) ** -style.pressure
    if style.nib > 0:
        direction = np.arctan2(_running_mean(step[:, 1], 3), _running_mean(step[:, 0], 3))
        widths *= 1 - style.nib * (1 - np.abs(np.sin(direction + style.nib_angle)))
    return np.asarray(np.clip(widths, 0.8, 2.2 * style.width), np.float64)


def _running_mean(values: Floats, length: int) -> Floats:
    return np.asarray(np.convolve(values, np.full(length, 1 / length), mode="same"), np.float64)


def _levels(widths: Floats, style: PenStyle) -> tuple[NDArray[np.int64], Floats]:
    """Thickness to ask OpenCV for at each point, and the ink level 0 to 255 of each thickness.

    With fractional coordinates OpenCV draws an odd number of rows only: 1 and 3 for a thickness of 1 and 2, else
    two more than an odd thickness.
    """
    halves = np.maximum(0, np.rint((widths * OVERSAMPLING - 1) / 2)).astype(np.int64)
    step = max(1, round(int(halves.max()) / 6))
    halves = np.rint(halves / step).astype(np.int64) * step
    thickness = np.where(halves < 2, halves + 1, 2 * halves - 1)
    shares = np.arange(int(thickness.max()) + 1) / int(thickness.max())
    return thickness, np.rint(255 * (1 - style.fading * (1 - shares)))


def _pieces(
    places: NDArray[np.int32], curves: Curves, levels: NDArray[np.int64], darkness: Floats
) -> list[tuple[int, int, list[NDArray[np.int32]]]]:
    """Runs of points of one thickness, thin (and light) ones first; each ends at the first point of the next."""
    cut = np.zeros(len(levels) + 1, bool)
    cut[1:-1] = levels[1:] != levels[:-1]
    cut[0] = True
    cut[curves.ends] = True
    last_of_stroke = np.zeros(len(levels) + 1, bool)
    last_of_stroke[curves.ends] = True
    bounds = np.flatnonzero(cut)
    stops = bounds[1:] + ~last_of_stroke[bounds[1:]]
    groups: dict[int, list[NDArray[np.int32]]] = {}
    for start, stop, level in zip(bounds[:-1].tolist(), stops.tolist(), levels[bounds[:-1]].tolist(), strict=True):
        groups.setdefault(level, []).append(places[start:stop])
    return [(level, int(darkness[level]), groups[level]) for level in sorted(groups)]

"""Skew: straighten a page whose lines slant, and place what is found there on the page itself; lean of columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwr.files.images import GreyImage
from hwr.page.geometry import Points
from hwr.segment.trace import Trace

MAX_SKEW = 9.0
"""Degrees up to which the network finds lines well."""
MIN_LENGTH = 3.0
"""Minimum length of a line that shows the skew, in line heights."""
MAX_GROWTH = 4.0
"""Factor of pixels up to which a page is straightened. A page of usual shape needs at most 2.1. A long strip needs far
more, and its lines would become too small on the copy on which they are searched for."""
LEANS = tuple(sorted(np.linspace(-0.1, 0.1, 41).tolist(), key=abs))
"""Tangents of the leans of columns that are tried: a page photographed at an angle leans by up to 0.05."""


@dataclass(frozen=True)
class Straightened:
    """A page that was turned by a small angle.

    Attributes:
        grey: the turned page; its corners are filled with the colour of paper.
        back: affine map, shape (2, 3), from its pixels to those of the page.
    """

    grey: GreyImage
    back: Points

    def on_page(self, points: Sequence[Sequence[float]]) -> Points:
        """Return points of the turned page in pixels of the page."""
        return np.asarray(np.array(points) @ self.back[:, :2].T + self.back[:, 2])


def find_skew(traces: Sequence[Trace]) -> float:
    """Return the median angle of the lines, weighted by their lengths, in degrees; positive if they go down."""
    ends = [trace.baseline[-1] - trace.baseline[0] for trace in traces]
    long = [end for end, trace in zip(ends, traces, strict=True) if math.hypot(*end) >= MIN_LENGTH * trace.height]
    if not long:
        return 0.0
    angles = np.degrees([math.atan2(y, x) for x, y in long])
    order = np.argsort(angles)
    weights = np.cumsum([math.hypot(*long[index]) for index in order])
    return float(angles[order][np.searchsorted(weights, weights[-1] / 2)])


def upright_axes(angle: float, starts: Points, height: float) -> Points:
    """Return a matrix, shape (2, 2), that makes lines level and columns upright, to find the order of the lines.

    With the right lean of the columns, most lines start at the same places: the sum of squares of the number of starts
    at each place is greatest (as in the projection profile method).

    Args:
        angle: of the lines, from `find_skew`.
        starts: left ends of the lines, (x, y), shape (n, 2), n at least 1.
        height: of the lines.
    """
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    x, y = turn @ starts.T

    def energy(lean: float) -> float:
        places = np.floor((x - lean * y) / (height / 2)).astype(np.intp)
        counts = np.bincount(places - places.min(), minlength=2).astype(np.float64)
        return float(np.square(counts[1:] + counts[:-1]).sum())

    return np.asarray(np.array([[1.0, -max(LEANS, key=energy)], [0.0, 1.0]]) @ turn, np.float64)


def can_straighten(shape: tuple[int, ...], angle: float) -> bool:
    """Return whether a page of this shape, turned by an angle, is not too large; see `MAX_GROWTH`."""
    return math.prod(_turned_size(shape, angle)) <= MAX_GROWTH * math.prod(shape)


def _turned_size(shape: tuple[int, ...], angle: float) -> tuple[int, int]:
    """Return the width and height of a page of this shape that is turned by an angle in degrees."""
    height, width = shape
    cosine, sine = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
    return math.ceil(width * cosine + height * sine), math.ceil(width * sine + height * cosine)


def straighten(grey: GreyImage, angle: float) -> Straightened:
    """Turn a page, so that lines at this angle become level."""
    import cv2

    height, width = grey.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    size = _turned_size(grey.shape, angle)
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    paper = float(np.median(grey[:: max(1, height // 500), :: max(1, width // 500)]))
    turned = cv2.warpAffine(grey, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=paper)
    return Straightened(np.asarray(turned, np.uint8), np.asarray(cv2.invertAffineTransform(turn), np.float64))

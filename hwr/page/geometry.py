"""Lines on a page: polylines, polygons, and cutting a line out level.

Points are (x, y) in pixels, x to the right, y downwards; arrays of points have shape (n, 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage
from hwr.line import quantiles
from hwr.page.page import Box, Point

Points = NDArray[np.float64]

MAX_CUT_PIXELS = 20_000_000
"""Maximum area of a line that is cut out; anything larger cannot be a line of writing."""
MAX_SIDE = 32_766
"""Maximum number of rows and columns that OpenCV can sample."""


def as_points(points: Sequence[Point] | Points) -> Points:
    """Return the points as an array of shape (n, 2).

    Raises:
        ValueError: not a list of pairs.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"points of shape (n, 2) expected, {array.shape} found")
    return array


def resample(polyline: Sequence[Point] | Points, step: float) -> Points:
    """Return points on the polyline, evenly spaced by at most `step` pixels, including its two ends."""
    points = as_points(polyline)
    lengths = np.hypot(*np.diff(points, axis=0).T) if len(points) > 1 else np.zeros(0)
    along = np.concatenate(([0.0], np.cumsum(lengths)))
    if along[-1] == 0:
        return points[:1]
    positions = np.linspace(0, along[-1], int(np.ceil(along[-1] / step)) + 1)
    return np.stack([np.interp(positions, along, points[:, 0]), np.interp(positions, along, points[:, 1])], axis=1)


def bounding_box(points: Sequence[Point] | Points) -> Box:
    """Return the smallest upright box around the points: x0, y0, x1, y1."""
    array = as_points(points)
    x0, y0 = array.min(axis=0)
    x1, y1 = array.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def clip_box(box: Box, size: tuple[int, int]) -> Box:
    """Return the part of a box inside an image of `size` (width, height); it has at least one pixel."""
    (x0, y0, x1, y1), (width, height) = box, size
    left, top = min(max(x0, 0.0), width - 1.0), min(max(y0, 0.0), height - 1.0)
    return left, top, max(min(x1, float(width)), left + 1), max(min(y1, float(height)), top + 1)


def polygon_area(polygon: Sequence[Point] | Points) -> float:
    """Return the area of a simple polygon in square pixels (shoelace formula)."""
    x, y = as_points(polygon).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def directions(baseline: Points) -> tuple[Points, Points]:
    """Return the unit vectors along a baseline, from its first to its last point, and at right angles downwards."""
    direction = baseline[-1] - baseline[0]
    length = float(np.hypot(*direction))
    along = direction / length if length > 0 else np.array([1.0, 0.0])
    return along, np.array([-along[1], along[0]])


# --- cutting a line out of a page --------------------------------------------------------------------------------


@dataclass(frozen=True)
class LineCut:
    """A line cut out of its page and laid level.

    Column u and row v of `image` show the page at `origin + u * along + (v + drop[u]) * down`.
    """

    image: GreyImage
    origin: Point
    along: Point
    down: Point
    drop: NDArray[np.float64]

    def page_points(self, points: Points) -> Points:
        """Return the positions on the page of points (x, y) of the cut, shape (n, 2)."""
        columns = np.clip(points[:, 0].astype(int), 0, self.image.shape[1] - 1)
        rows = points[:, 1] + self.drop[columns]
        page: Points = self.origin + points[:, :1] * np.array(self.along) + rows[:, None] * np.array(self.down)
        return page


def cut_line(
    page: GreyImage, baseline: Sequence[Point] | Points, polygon: Sequence[Point] | Points, margin: int = 2
) -> LineCut:
    """Cut one line out along its polygon and straighten it along its baseline.

    Pixels outside the polygon get the grey of the paper, which may change along the line.

    Args:
        page: grey, shape (H, W).
        baseline: polyline in reading direction; a single point is a horizontal baseline.
        polygon: outline of the line.
        margin: pixels added around the polygon.

    Raises:
        ValueError: the polygon has no area on the page.
    """
    base, outline = as_points(baseline), as_points(polygon)
    along, down = directions(base)
    frame = np.stack([along, down], axis=1)
    flat_base, flat_outline = base @ frame, outline @ frame
    left, right = flat_outline[:, 0].min() - margin, flat_outline[:, 0].max() + margin
    columns = np.arange(int(np.ceil(right - left)) + 1)
    order = np.argsort(flat_base[:, 0], kind="stable")
    drop_at = flat_base[order, 0], flat_base[order, 1]
    offsets = flat_outline[:, 1] - np.interp(flat_outline[:, 0], *drop_at)
    top, bottom = int(np.floor(offsets.min())) - margin, int(np.ceil(offsets.max())) + margin
    height, width = bottom - top + 1, len(columns)
    if polygon_area(outline) < 1 or height * width > MAX_CUT_PIXELS or height > MAX_SIDE:
        raise ValueError(f"a polygon of {width} x {height} pixels cannot be a line")
    drop = np.interp(left + columns, *drop_at) + top
    rows = np.arange(height)[:, None] + drop[None, :]
    across = left + columns
    map_x = (across * along[0] + rows * down[0]).astype(np.float32)
    map_y = (across * along[1] + rows * down[1]).astype(np.float32)
    corners = np.stack([flat_outline[:, 0] - left, offsets - top], axis=1)
    cut = _fill_outside(_sample(page, map_x, map_y), _polygon_mask(corners, (height, width), margin))
    origin = left * along
    return LineCut(cut, (origin[0], origin[1]), (along[0], along[1]), (down[0], down[1]), drop)


def _sample(page: GreyImage, x: NDArray[np.float32], y: NDArray[np.float32]) -> GreyImage:
    """Sample the page at positions (x, y), each of shape (H, W); beyond its borders the page repeats its edge pixels.

    OpenCV reads and returns at most `MAX_SIDE` rows and columns, so longer strips are sampled in halves.
    """
    import cv2

    if max(*page.shape, *x.shape) <= MAX_SIDE:
        sampled = cv2.remap(page, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled, np.uint8)
    # only the required part of the page, with a margin of one pixel
    height, width = page.shape
    left, top = (int(np.clip(at.min() - 1, 0, side - 1)) for at, side in ((x, width), (y, height)))
    right, bottom = (int(np.clip(at.max() + 2, 1, side)) for at, side in ((x, width), (y, height)))
    part = page[top : max(bottom, top + 1), left : max(right, left + 1)]
    if max(*part.shape, *x.shape) <= MAX_SIDE:
        return _sample(part, x - np.float32(left), y - np.float32(top))
    half = x.shape[1] // 2
    if half == 0:
        raise ValueError("a polygon this high cannot be a line")
    return np.concatenate([_sample(page, x[:, :half], y[:, :half]), _sample(page, x[:, half:], y[:, half:])], axis=1)


def _polygon_mask(corners: Points, shape: tuple[int, int], margin: int) -> NDArray[np.bool_]:
    """Return a mask of a polygon and of the pixels up to `margin` outside it."""
    import cv2

    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    return np.asarray(cv2.dilate(mask, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)) > 0, np.bool_)


def _fill_outside(image: GreyImage, inside: NDArray[np.bool_]) -> GreyImage:
    """Fill the pixels outside the polygon with the grey of the paper, one block of columns at a time.

    The paper of a block is the upper quartile of its pixels inside: most of a line's area is paper.
    """
    height, width = image.shape
    edges = np.linspace(0, width, max(1, round(width / max(1, 2 * height))) + 1).astype(int)
    overall = quantiles(image[inside], 0.75)[0] if inside.any() else 255.0
    levels = []
    for start, stop in pairwise(edges):
        pixels = image[:, start:stop][inside[:, start:stop]]
        levels.append(quantiles(pixels, 0.75)[0] if pixels.size >= height else overall)
    paper = np.interp(np.arange(width), (edges[:-1] + edges[1:]) / 2, levels).round().astype(np.uint8)
    return np.where(inside, image, paper[None, :])

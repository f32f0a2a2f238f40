"""Pages with the true geometry of their lines, and random crops of them with the maps that the network should draw.

Crops are bent, turned, lit and blurred at random. Some show no page but a picture without writing, like the
surroundings of pages: noise, edges and shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

from hwr.errors import DataError
from hwr.files.images import GreyImage, decode_image
from hwr.page.geometry import Points, as_points, polygon_area, resample
from hwr.segment.maps import HEIGHT_UNIT, STRIDE

Generator = np.random.Generator

BAND = 0.07
"""Half the width of the band drawn along a baseline, as a share of the line's height."""
BAND_LIMITS = (2.0, 5.0)
END_REACH = 0.3
"""Half the height of the mark at a line's end, as a share of the line's height."""
SCENERY = 0.07
"""Share of the crops that show a picture without writing instead of a page."""
FIXED_POINT_STEPS = 4
PRINTED = ("print", "typewritten")
"""A line is printed if its type contains one of these words."""
STEP = 8.0
"""Pixels between the points of a baseline."""


@dataclass(frozen=True)
class TrueLine:
    """A baseline, points (n, 2) from the first letter to the last, and the height of the line's outline in pixels."""

    baseline: Points
    height: float
    printed: bool


@dataclass(frozen=True)
class TruePage:
    """A page, grey (H, W), and its lines."""

    id: str
    grey: NDArray[np.uint8]
    lines: tuple[TrueLine, ...]


def read_pages(path: Path) -> list[TruePage]:
    """Read all pages of a file.

    Raises:
        DataError: a column is missing.
    """
    try:
        rows = pyarrow.parquet.read_table(path, columns=["image", "id", "lines"]).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: no pages with lines: {error}") from None
    pages = []
    for row in rows:
        lines = [
            TrueLine(
                resample(line["baseline"], STEP),
                _height(line["baseline"], line["polygon"]),
                any(word in (line["line_type"] or "").lower() for word in PRINTED),
            )
            for line in row["lines"]
            if line["baseline"] and len(line["baseline"]) > 1
        ]
        pages.append(TruePage(row["id"], decode_image(row["image"]["bytes"], row["id"]), tuple(lines)))
    return pages


def _height(baseline: Sequence[Sequence[float]], polygon: Sequence[Sequence[float]] | None) -> float:
    """Return the mean height of the outline along the baseline; without an outline, guess it from the length."""
    base = as_points(np.asarray(baseline))
    length = max(1.0, float(np.hypot(*np.diff(base, axis=0).T).sum()))
    if not polygon or len(polygon) < 3:
        return min(40.0, length)
    return float(np.clip(polygon_area(np.asarray(polygon)) / length, 8.0, 300.0))


# --- crops -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placement:
    """Position of a crop on its page: pixel u of the crop shows the page at `turn @ u + shift + waves(u)`."""

    turn: NDArray[np.float64]
    shift: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    frequency: NDArray[np.float64]
    phase: NDArray[np.float64]

    def waves(self, points_on_crop: Points) -> Points:
        """Return the displacement of bent paper at points (n, 2) of the crop, in pixels of the page."""
        angles = points_on_crop @ self.frequency.T + self.phase
        bent: Points = np.sin(angles) @ self.amplitude
        return bent

    def on_page(self, points_on_crop: Points) -> Points:
        """Return the points of the page at points (n, 2) of the crop."""
        found: Points = points_on_crop @ self.turn.T + self.shift + self.waves(points_on_crop)
        return found

    def on_crop(self, points: Points) -> Points:
        """Return points (n, 2) of the page on the crop: the inverse of `on_page`, by fixed-point iteration."""
        inverse = np.linalg.inv(self.turn)
        points_on_crop = (points - self.shift) @ inverse.T
        for _ in range(FIXED_POINT_STEPS):
            points_on_crop = (points - self.shift - self.waves(points_on_crop)) @ inverse.T
        return points_on_crop


def random_crop(page: TruePage, size: int, random: Generator) -> tuple[GreyImage, NDArray[np.float32]]:
    """Return a crop of `size` x `size` pixels and its maps: near a random line, anywhere on the page, or of no page."""
    if random.random() < SCENERY:
        return _light(draw_scenery(size, random), random), draw_maps([], size)
    placement = _random_placement(page, size, random)
    coarse = np.arange(0, size + 16, 16, dtype=np.float64)
    grid = np.stack(np.meshgrid(coarse, coarse), axis=2)
    sources = placement.on_page(grid.reshape(-1, 2)).reshape(grid.shape).astype(np.float32)
    maps = [_enlarge(sources[:, :, axis], size) for axis in (0, 1)]
    border = cv2.BORDER_REPLICATE if random.random() < 0.7 else cv2.BORDER_CONSTANT
    image = page.grey
    factor = float(np.sqrt(abs(np.linalg.det(placement.turn))))
    if factor > 1.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.35 * factor), np.uint8)
    grey = cv2.remap(image, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=border, borderValue=int(random.integers(80)))
    lines = _lines_on_crop(page, placement, factor)
    return _light(np.asarray(grey, np.uint8), random), draw_maps(lines, size)


def _lines_on_crop(page: TruePage, placement: Placement, factor: float) -> list[TrueLine]:
    """Return the lines of a page in pixels of a crop that shows it smaller by a factor."""
    if not page.lines:
        return []
    counts = [len(line.baseline) for line in page.lines]
    points = placement.on_crop(np.concatenate([line.baseline for line in page.lines]))
    parts = np.split(points, np.cumsum(counts)[:-1])
    return [TrueLine(part, line.height / factor, line.printed) for part, line in zip(parts, page.lines, strict=True)]


def _enlarge(coarse: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Interpolate values at every 16th pixel to values at every pixel, shape (size, size)."""
    steps = np.arange(size, dtype=np.float32) / 16
    return np.asarray(cv2.remap(coarse, *np.meshgrid(steps, steps), cv2.INTER_LINEAR), np.float32)


def _random_placement(page: TruePage, size: int, random: Generator) -> Placement:
    height, width = page.grey.shape
    factor = float(np.exp(random.uniform(np.log(0.65), np.log(1.6))))
    angle = np.radians(random.normal(0, 2) if random.random() < 0.8 else random.uniform(-15, 15))
    stretch, lean = np.exp(random.normal(0, 0.06)), random.normal(0, 0.04)
    turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.array([[stretch, lean], [0, 1 / stretch]])
    if page.lines and random.random() < 0.85:
        line = page.lines[random.integers(len(page.lines))]
        centre = line.baseline[random.integers(len(line.baseline))] + random.normal(0, size / 6, 2)
    else:
        centre = random.uniform((0, 0), (width, height))
    shift = centre - turn @ np.array([size / 2, size / 2])
    waves = 2
    lengths = random.uniform(300, 1500, waves)
    directions = random.uniform(0, 2 * np.pi, waves)
    frequency = 2 * np.pi / lengths[:, None] * np.stack([np.cos(directions), np.sin(directions)], axis=1)
    strength = 0.012 * lengths * factor * (random.random() < 0.6)
    amplitude = strength[:, None] * random.uniform(-1, 1, (waves, 2))
    return Placement(turn, shift, amplitude, frequency, random.uniform(0, 2 * np.pi, waves))


def draw_maps(lines: list[TrueLine], size: int) -> NDArray[np.float32]:
    """Draw the maps of lines in pixels of a crop, shape (5, size / 2, size / 2).

    They are those of the network, followed by the band on which the last two count.
    """
    side = size // STRIDE
    maps = np.zeros((5, side, side), np.float32)
    for line in lines:
        points = line.baseline / STRIDE
        if points.max() < 0 or (points.min(axis=0) > side).any():
            continue
        half = float(np.clip(BAND * line.height, *BAND_LIMITS)) / STRIDE
        thickness = max(1, round(2 * half))
        path = [np.round(points * 16).astype(np.int32)]
        cv2.polylines(maps[0], path, False, 1.0, thickness, shift=4)
        wide = thickness + 2
        cv2.polylines(maps[4], path, False, 1.0, wide, shift=4)
        cv2.polylines(maps[2], path, False, float(line.printed), wide, shift=4)
        cv2.polylines(maps[3], path, False, float(np.log(line.height / HEIGHT_UNIT)), wide, shift=4)
        for end, inner in ((points[0], points[1]), (points[-1], points[-2])):
            direction = (end - inner) / max(1e-6, float(np.hypot(*(end - inner))))
            across = np.array([-direction[1], direction[0]]) * END_REACH * line.height / STRIDE
            middle = end + direction * half
            bar = np.round(np.stack([middle - across, middle + across]) * 16).astype(np.int32)
            cv2.polylines(maps[1], [bar], False, 1.0, thickness + 1, shift=4)
    return maps


def _light(grey: GreyImage, random: Generator) -> GreyImage:
    """Change contrast, light, sharpness, noise and compression at random."""
    image: NDArray[np.floating] = grey.astype(np.float32) / 255
    side = len(image)
    if random.random() < 0.5:
        image = np.asarray(cv2.pow(image, float(np.exp(random.normal(0, 0.3)))), np.float32)
    if random.random() < 0.5:
        corners = random.uniform(0.45, 1.1, (3, 3)).astype(np.float32)
        image = image * cv2.resize(corners, (side, side), interpolation=cv2.INTER_CUBIC)
    if random.random() < 0.5:
        low, high = random.uniform(0, 0.35), random.uniform(0.7, 1.0)
        image = low + (high - low) * image
    if random.random() < 0.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.5, 1.6))), np.float32)
    if random.random() < 0.3:
        image = image + random.uniform(0.01, 0.06) * random.standard_normal(image.shape, dtype=np.float32)
    if random.random() < 0.06:
        image = 1 - image
    result: GreyImage = np.clip(image * 255, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        quality = int(random.integers(25, 80))
        packed = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        result = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return result


# --- pictures without writing ------------------------------------------------------------------------------------


def draw_scenery(size: int, random: Generator) -> GreyImage:
    """Draw a picture of `size` x `size` pixels that contains no line of writing."""
    image = _clouds(size, random)
    for _ in range(int(random.integers(0, 12))):
        _shape(image, random)
    if random.random() < 0.5:
        image += 0.5 * random.uniform(0, 1) * _clouds(size, random)
    low, high = np.percentile(image, [1, 99])
    level = np.clip((image - low) / max(1e-3, float(high - low)), 0, 1)
    dark, light = sorted(random.uniform(0, 255, 2))
    return np.asarray(dark + (light - dark) * level, np.uint8)


def _clouds(size: int, random: Generator) -> NDArray[np.float32]:
    """Draw noise of all scales, often stretched in one direction; its strength is a power of its scale."""
    image = np.zeros((size, size), np.float32)
    power, stretch = random.uniform(0.3, 1.6), np.exp(random.normal(0, 0.8))
    cells = 2.0
    while cells < size:
        across, down = (max(2, int(min(size, cells * side))) for side in (stretch, 1 / stretch))
        noise = random.standard_normal((down, across), dtype=np.float32)
        image += cells**-power * cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        cells *= 2
    return image


def _shape(image: NDArray[np.float32], random: Generator) -> None:
    """Draw an edge, a bar, a disc or a polygon over the picture."""
    size = len(image)
    level = float(random.normal(0, 2 * image.std()))
    points = random.uniform(-0.2 * size, 1.2 * size, (int(random.integers(2, 6)), 2)).astype(np.int32)
    kind = random.integers(3)
    if kind == 0:
        cv2.polylines(image, [points], bool(random.integers(2)), level, int(random.integers(1, 30)), cv2.LINE_AA)
    elif kind == 1:
        cv2.fillPoly(image, [points], level)
    else:
        thickness = int(random.choice([-1, 2, 6, 15]))
        cv2.circle(image, (int(points[0, 0]), int(points[0, 1])), int(random.integers(4, size // 3)), level, thickness)

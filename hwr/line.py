"""Line normalisation: the image of a line -> ink on empty paper.

Training and reading use the same function, `normalise_line`. A model file states its name and version, and a model is
never used with another one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage

NORMALISATION, NORMALISATION_VERSION = "ink-moments", 1

# Lengths are fractions of the line height unless they say otherwise, so they apply to every height.
WORKING_HEIGHT = 1.7  # taller images are reduced to this height before anything is measured: finer detail is lost later
PAPER_CELL = 8  # pixels: side of the cells on which the paper level is measured
FAINTEST = 8  # levels below the paper: nothing as faint as this is a stroke
NOISE_FLOOR = 0.12  # share of the ink's contrast below which paper grain, not ink, is assumed
INK_LEVEL = 0.8  # mean of the ink after scaling, between 0 and 1: leaves room for strokes darker than the mean
SPREAD = 0.15  # standard deviation of the rows of ink that fills the line, except for flourishes
CROP_HEIGHT = 1.0  # height of an image cut along the line, as a share of the result
LOOSE_CROP = 1.5  # an image higher than this many ink boxes was not cut along the line: its height says nothing
CENTRE = 0.5  # mean row of ink
SIDE_MARGIN = 0.06  # paper kept left and right of the ink
MAX_SHEAR = 1.0  # tangent of the strongest slant that is removed
SLANT_ROWS = 32  # the slant is sought in an image of this height
SHEARS = np.linspace(-MAX_SHEAR, MAX_SHEAR, 17)
FLAT_INK = 0.55  # ink flatter than this share of a full line (a dash, a row of dots) is not enlarged

INKED = 40
"""Ink of a normalised line, 0 to 255, above which a pixel counts as writing."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class NormalisedLine:
    """A normalised line, and the map from its pixels to the image that it was made from.

    Attributes:
        ink: shape (height, width), 0 paper to 255 ink, width at least 1.
        to_image: matrix of shape (2, 3): the point (x, y) of the normalised line shows the point
            `to_image @ (x, y, 1)` of the image. The pixel in column i and row j is the square from (i, j) to
            (i + 1, j + 1) on both.
    """

    ink: GreyImage
    to_image: Matrix

    def image_points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map points (x, y) of the normalised line, shape (n, 2), to the image; they may be slightly outside it."""
        return np.asarray(points @ self.to_image[:, :2].T + self.to_image[:, 2], dtype=np.float64)


def time_steps(width: int, stride: int) -> int:
    """Return the time steps of a normalised line of `width` columns: ceil(width / stride)."""
    return -(-width // stride)


def normalise_line(grey: GreyImage, height: int) -> GreyImage:
    """Turn the image of one line into ink on empty paper at the model's height.

    The polarity is detected, the paper evened out, the contrast stretched and the slant removed. The scale is derived
    from the spread of the ink over the rows (its standard deviation) and from the height of the image, not from the
    highest and lowest ink. So a long tail or a stroke of a neighbouring line does not make the letters small (after
    Kozielski et al. 2013, "Moment-based image normalization for handwriting text recognition"). The aspect ratio is
    kept.

    Args:
        grey: shape (H, W), 0 black to 255 white, dark ink on light paper or the reverse.
        height: rows of the result.

    Returns:
        Ink, shape (height, width), 0 paper to 255 ink, width at least 1. A line without ink is one empty column.
    """
    return normalise_with_map(grey, height).ink


def normalise_with_map(grey: GreyImage, height: int) -> NormalisedLine:
    """Normalise a line as `normalise_line` does, and also return the map from its pixels back to those of the image."""
    # The detail of a taller image would be lost later anyway, and the rest runs faster.
    small, sizes = shrink(grey, round(WORKING_HEIGHT * height))
    fitted = _fit(_even_out(small), height)
    return NormalisedLine(fitted.ink, sizes[:, None] * fitted.to_image)


def shrink(image: NDArray[Any], rows: int) -> tuple[NDArray[Any], Matrix]:
    """Reduce an image to this many rows, or leave it as it is if it has no more.

    OpenCV averages whole blocks of pixels ten times as fast as it averages over areas with a fractional size. So whole
    blocks are averaged first, and bilinear sampling reduces the rest, by less than half.

    Returns:
        The image, and the width and height of its pixels in pixels of the given one.
    """
    import cv2

    factor = len(image) // rows
    if factor == 0 or len(image) == rows:
        return image, np.ones(2)
    blocks = average_blocks(image, factor)
    size = (max(1, round(blocks.shape[1] * rows / len(blocks))), rows)
    small = cv2.resize(blocks, size, interpolation=cv2.INTER_LINEAR)
    return small, factor * np.array([blocks.shape[1] / size[0], len(blocks) / rows])


def average_blocks(image: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the mean of each block of `size` x `size` pixels; the last row and column are repeated to fill blocks."""
    import cv2

    if size == 1:
        return image
    below, right = (-side % size for side in image.shape)
    if below or right:
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return cv2.resize(image, (image.shape[1] // size, image.shape[0] // size), interpolation=cv2.INTER_AREA)


def _even_out(grey: GreyImage) -> NDArray[np.float32]:
    """Return ink between 0 and 1 on paper at 0, with polarity, uneven light and contrast removed."""
    import cv2

    grey = _dark_on_light(grey)
    depth = cv2.subtract(_paper(grey), grey)  # saturates at 0
    threshold, strokes = cv2.threshold(depth, 0, 255, cv2.THRESH_TOZERO | cv2.THRESH_OTSU)
    if threshold < FAINTEST:
        _, strokes = cv2.threshold(depth, FAINTEST, 255, cv2.THRESH_TOZERO)
    count = cv2.countNonZero(strokes)
    if count == 0:
        return np.zeros(grey.shape, np.float32)
    contrast = cv2.sumElems(strokes)[0] / count
    floor = NOISE_FLOOR * contrast
    gain = INK_LEVEL / (contrast - floor)
    table = np.clip((np.arange(256, dtype=np.float32) - floor) * gain, 0, 1).astype(np.float32)
    return np.asarray(cv2.LUT(depth, table), dtype=np.float32)


def _dark_on_light(grey: GreyImage) -> GreyImage:
    """Return the image, inverted if its ink is light. Most pixels are paper, so ink is what is far from the median."""
    rows, columns = grey.shape
    low, median, high = quantiles(grey[:: max(1, rows // 32), :: max(1, columns // 256)], 0.01, 0.5, 0.99)
    return 255 - grey if high - median > median - low else grey


def _paper(grey: GreyImage) -> GreyImage:
    """Return the grey of the paper at each pixel: the lightest of its surroundings, smoothed."""
    import cv2

    rows, columns = grey.shape
    cells = average_blocks(grey, PAPER_CELL)
    cells = cv2.blur(cv2.dilate(cells, np.ones((5, 5), np.uint8)), (7, 7))
    size = (cells.shape[1] * PAPER_CELL, cells.shape[0] * PAPER_CELL)
    return np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)[:rows, :columns]


def quantiles(grey: GreyImage, *shares: float) -> list[float]:
    """Return quantiles as `np.quantile` does, from the counts of the 256 levels: a fifth of its time."""
    counts = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    quantiles = []
    for share in shares:
        rank, fraction = divmod(share * (grey.size - 1), 1)
        low, high = np.searchsorted(counts, [rank, min(rank + 1, grey.size - 1)], side="right").tolist()
        quantiles.append(low + (high - low) * fraction)
    return quantiles


def _fit(ink: NDArray[np.float32], height: int) -> NormalisedLine:
    """Remove the slant, centre the ink on the rows, scale it to the height, and remove the empty sides."""
    import cv2

    rows, columns = ink.shape
    profile = np.asarray(cv2.reduce(ink, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F)[:, 0], np.float64)
    if profile.sum() < 1.0:
        return NormalisedLine(np.zeros((height, 1), np.uint8), np.eye(2, 3))
    mean, deviation = _moments(profile)
    scale = _scale(profile / profile.sum(), deviation, height)
    shear = _slant(ink)
    # The mean row stays where it is, the others move by shear * (row - mean): this far at the top and at the bottom.
    shifts = (-shear * mean, shear * (rows - mean), 0.0)
    left, right = scale * min(shifts), scale * (columns + max(shifts))
    width = max(1, int(np.ceil(right - left)))
    if scale < 0.75:  # bilinear sampling alone would skip ink
        shrunk = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        ink = np.asarray(cv2.resize(ink, shrunk, interpolation=cv2.INTER_AREA), dtype=np.float32)
        mean *= shrunk[1] / rows
        scale = 1.0
    across = [scale, scale * shear, -left - scale * shear * mean]
    down = [0, scale, CENTRE * height - scale * mean]
    to_line = np.array([across, down])
    to_ink = np.asarray(cv2.invertAffineTransform(to_line), dtype=np.float64)
    # OpenCV puts pixel centres at whole numbers
    to_line[:, 2] += 0.5 * (to_line[:, 0] + to_line[:, 1]) - 0.5
    fitted = cv2.warpAffine(ink, to_line, (width, height), flags=cv2.INTER_LINEAR)
    cut, start = _cut_sides((fitted * 255 + 0.5).astype(np.uint8))
    to_ink[:, 2] += start * to_ink[:, 0]
    sizes = np.array([columns / ink.shape[1], rows / ink.shape[0]])
    return NormalisedLine(cut, sizes[:, None] * to_ink)


def _moments(profile: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean row of the ink and its standard deviation in rows; `profile` is the ink of each row."""
    total = profile.sum()
    rows = np.arange(len(profile)) + 0.5
    mean = float((profile * rows).sum() / total)
    return mean, float(np.sqrt((profile * (rows - mean) ** 2).sum() / total))


def _scale(profile: NDArray[np.float64], deviation: float, height: int) -> float:
    """Return the rows of the result per row of the image: the geometric mean of two estimates.

    One is derived from the spread of the ink, the other from the height of the image, if it was cut along the line. The
    first fails for lines with few ascenders, the second for images that were cut in different ways
    (docs/normalisation.md).

    Args:
        profile: share of the ink in each row.
        deviation: its standard deviation in rows.
    """
    top, bottom = np.searchsorted(np.cumsum(profile), [0.003, 0.997])
    extent = float(bottom - top + 1)
    crop = min(float(len(profile)), LOOSE_CROP * extent)
    # A dash has almost no spread; without this limit it would fill the line.
    deviation = max(deviation, SPREAD * FLAT_INK * crop)
    return height * float(np.sqrt(SPREAD / deviation * CROP_HEIGHT / crop))


def _slant(ink: NDArray[np.float32]) -> float:
    """Return the shear (columns per row, to be added going down) that makes the strokes upright.

    When strokes are upright, the ink is distributed over the columns most unevenly: the energy, which is the sum of
    squares of the column profile, is greatest (projection profile method). The search starts upright. It tries the
    shears two steps from any whose energy is close to the greatest, until there are no more, and then those one step
    away.
    """
    small, _ = shrink(ink, SLANT_ROWS)
    energy: dict[int, float] = {}

    def measure(indices: list[int]) -> None:
        for index in indices:
            if index not in energy and 0 <= index < len(SHEARS):
                energy[index] = _energy(small, SHEARS[index])

    measure([len(SHEARS) // 2])
    for distance, share in ((2, 0.85), (1, 0.97)):
        before = 0
        while len(energy) > before:
            before, greatest = len(energy), max(energy.values())
            near = [index for index, value in energy.items() if value >= share * greatest]
            measure([index + way for index in near for way in (-distance, distance)])
    best = max(energy, key=energy.__getitem__)
    if not 0 < best < len(SHEARS) - 1:
        return float(SHEARS[best])
    measure([best - 1, best + 1])
    left, at, right = (energy[index] for index in (best - 1, best, best + 1))
    curvature = left - 2 * at + right
    offset = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float(SHEARS[best] + offset * (SHEARS[1] - SHEARS[0]))


def _energy(ink: NDArray[np.float32], shear: float) -> float:
    """Return the sum of squares of the column profile of sheared ink."""
    import cv2

    rows, columns = ink.shape
    margin = int(np.ceil(MAX_SHEAR * rows / 2))
    matrix = np.array([[1, shear, margin - shear * rows / 2], [0, 1, 0]])
    sheared = cv2.warpAffine(ink, matrix, (columns + 2 * margin, rows), flags=cv2.INTER_LINEAR)
    return float(np.square(cv2.reduce(sheared, 0, cv2.REDUCE_SUM)).sum())


def _cut_sides(ink: GreyImage) -> tuple[GreyImage, int]:
    """Remove empty columns left and right except for a small margin; also return how many were removed on the left."""
    height = ink.shape[0]
    inked = np.flatnonzero(ink.max(axis=0) > INKED)
    if inked.size == 0:
        return np.zeros((height, 1), np.uint8), 0
    margin = round(SIDE_MARGIN * height)
    start = max(0, int(inked[0]) - margin)
    stop = min(ink.shape[1], int(inked[-1]) + 1 + margin)
    return np.ascontiguousarray(ink[:, start:stop]), start

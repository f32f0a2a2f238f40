"""Damage to the image of a line by cameras, scanners and files."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage
from hwr.synth import textures
from hwr.synth.options import PaperOptions

Field = NDArray[np.float32]
Generator = np.random.Generator

MAX_NOISE = 0.22
"""Maximum deviation of noise, as a share of the contrast of the ink; with more, people have to guess."""
MAX_BINARISED_NOISE = 0.12
"""The same before a threshold, which turns noise into specks."""
FAINT = 0.25
"""Minimum contrast of an image that also loses resolution."""
PAPER_CELL = 8
"""Side, in pixels, of the cells in which the level of the paper is measured before binarising."""
MIN_DEPTH = 12
"""Minimum grey levels between paper and ink: a lower threshold would show the grain of the paper."""


def chosen(generator: Generator, probability: float) -> bool:
    """Return True with a probability; always draw one number."""
    return bool(generator.random() < probability)


def draw(generator: Generator, limits: tuple[float, float]) -> float:
    """Return a uniform random number between two limits."""
    return float(limits[0] + (limits[1] - limits[0]) * generator.random())


def degrade(
    light: Field, height: float, contrast: float, binarised: bool, generator: Generator, options: PaperOptions
) -> GreyImage:
    """Return the image of the light from a sheet: of the same size, or smaller if the resolution is low.

    Args:
        light: (H, W), 0 black to 1 white; is changed.
        height: line height in rows.
        contrast: mean share of the light that the strokes absorb.
        binarised: whether the image is black and white.
        generator: the only source of randomness.
    """
    if chosen(generator, options.blur_probability):
        light = _blur(light, draw(generator, options.blur_sigma), generator)
    if chosen(generator, options.noise_probability):
        limit = MAX_BINARISED_NOISE if binarised else MAX_NOISE
        sigma = min(draw(generator, options.noise_sigma), limit * contrast)
        light = light + sigma * textures.cut(textures.grain(), (light.shape[0], light.shape[1]), generator)
    image: GreyImage = np.asarray(cv2.convertScaleAbs(np.maximum(light, 0, out=light), alpha=255.0), dtype=np.uint8)
    if chosen(generator, options.low_resolution_probability) and contrast > FAINT:
        image = _lower_resolution(image, draw(generator, options.low_resolution_rows) / height, generator)
    if chosen(generator, options.jpeg_probability):
        image = _jpeg(image, round(draw(generator, options.jpeg_quality)))
    return _binarise(image, draw(generator, options.binarised_threshold)) if binarised else image


def _blur(light: Field, sigma: float, generator: Generator) -> Field:
    """Blur the image: out of focus (Gaussian), or moved along the line."""
    if generator.random() < 0.8:
        return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma), dtype=np.float32)
    length = 1 + 2 * round(1.2 * sigma)  # a box of length n has a deviation of n / sqrt(12)
    return np.asarray(cv2.blur(light, (max(3, length), 1)), dtype=np.float32)


def _lower_resolution(grey: GreyImage, scale: float, generator: Generator) -> GreyImage:
    """Reduce the image, and half of the time enlarge it again, as programs do."""
    if scale >= 1:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if generator.random() < 0.7 else cv2.INTER_LINEAR)
    if generator.random() < 0.5:
        return np.asarray(small, dtype=np.uint8)
    return np.asarray(cv2.resize(small, grey.shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _jpeg(grey: GreyImage, quality: int) -> GreyImage:
    """Compress the image as JPEG and decode it again."""
    _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _binarise(grey: GreyImage, threshold: float) -> GreyImage:
    """Make black what is darker than `threshold` of the way from the local paper to the ink.

    The paper is followed locally, as good scanning programs do, so that a shadow does not turn black. The depth of the
    ink is twice the level that separates ink from paper best (Otsu).
    """
    rows, columns = grey.shape
    cells = (-(-columns // PAPER_CELL), -(-rows // PAPER_CELL))
    small = cv2.resize(grey, cells, interpolation=cv2.INTER_AREA)
    small = cv2.blur(cv2.dilate(small, np.ones((3, 3), np.uint8)), (5, 5))
    depth = cv2.subtract(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), grey)
    level, _ = cv2.threshold(depth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    limit = max(MIN_DEPTH, 2 * threshold * level)
    _, black = cv2.threshold(depth, limit, 255, cv2.THRESH_BINARY_INV)
    return np.asarray(black, dtype=np.uint8)

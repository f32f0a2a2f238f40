"""What cameras, scanners, fax machines and files do to the image of a line."""

from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from hwr.synth import textures
from hwr.synth.options import PaperOptions

Grey = NDArray[np.uint8]
Field = NDArray[np.float32]
Generator = np.random.Generator

NOISE_LIMIT = 0.22
"""Largest deviation of noise as a share of the contrast of the ink: beyond it people guess."""
BINARISED_NOISE_LIMIT = 0.12
"""The same before a threshold, which makes specks of it."""
FAINT = 0.25
"""Contrast below which an image does not lose resolution too."""
PAPER_CELL = 8
"""Pixels: side of the cells on which the level of the paper is measured before binarising."""
LEAST_DEPTH = 12
"""Grey levels that ink is darker than paper at least: a threshold below would show the grain of the paper."""


class Colours(Enum):
    """What the image is made of in the end."""

    GREY = "grey"
    BINARISED = "black and white, at the resolution of the scan"
    FAX = "black and white, few scan rows"


def choose_colours(generator: Generator, options: PaperOptions) -> Colours:
    """A line is a fax, else perhaps a binarised scan."""
    if chosen(generator, options.fax_probability):
        return Colours.FAX
    return Colours.BINARISED if chosen(generator, options.binarised_probability) else Colours.GREY


def chosen(generator: Generator, probability: float) -> bool:
    """True with a probability; draws one number in any case."""
    return bool(generator.random() < probability)


def draw(generator: Generator, limits: tuple[float, float]) -> float:
    """A number between two limits, all equally likely."""
    return float(limits[0] + (limits[1] - limits[0]) * generator.random())


def degrade(
    light: Field, height: float, contrast: float, colours: Colours, generator: Generator, options: PaperOptions
) -> Grey:
    """The image that is left of the light from a sheet.

    Args:
        light: (H, W), 0 black to 1 white; is changed.
        height: line height in rows. contrast: share of the light that the strokes take away in the mean.
        colours: what the image is made of; generator: the only source of chance.

    Returns:
        uint8 (H', W'), the same size, or smaller where the resolution was low.
    """
    if chosen(generator, options.blur_probability):
        light = _blur(light, draw(generator, options.blur_sigma), generator)
    if chosen(generator, options.noise_probability):
        limit = NOISE_LIMIT if colours is Colours.GREY else BINARISED_NOISE_LIMIT
        sigma = min(draw(generator, options.noise_sigma), limit * contrast)
        light = light + sigma * textures.cut(textures.grain(), (light.shape[0], light.shape[1]), generator)
    grey = cv2.convertScaleAbs(np.maximum(light, 0, out=light), alpha=255.0)
    image: Grey = np.asarray(grey, dtype=np.uint8)
    fax = colours is Colours.FAX
    if not fax and chosen(generator, options.low_resolution_probability) and contrast > FAINT:
        image, height = _lower_resolution(image, height, draw(generator, options.low_resolution_rows), generator)
    if not fax and chosen(generator, options.jpeg_probability):
        image = _jpeg(image, round(draw(generator, options.jpeg_quality)))
    if fax:
        return _fax(image, height, draw(generator, options.fax_rows), options, generator)
    if colours is Colours.BINARISED:
        return _binarise(image, draw(generator, options.binarised_threshold))
    return image


def _blur(light: Field, sigma: float, generator: Generator) -> Field:
    """Out of focus (Gaussian), or moved along the line."""
    if generator.random() < 0.8:
        return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma), dtype=np.float32)
    length = 1 + 2 * round(1.2 * sigma)  # a box of length n has a deviation of n / sqrt(12)
    return np.asarray(cv2.blur(light, (max(3, length), 1)), dtype=np.float32)


def _lower_resolution(grey: Grey, height: float, rows: float, generator: Generator) -> tuple[Grey, float]:
    """Make the image small, and half of the time large again, as programs do; with the new line height."""
    scale = rows / height
    if scale >= 1:
        return grey, height
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if generator.random() < 0.7 else cv2.INTER_LINEAR)
    if generator.random() < 0.5:
        return np.asarray(small, dtype=np.uint8), rows
    way = cv2.INTER_LINEAR if generator.random() < 0.5 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(small, grey.shape[::-1], interpolation=way), dtype=np.uint8), height


def _jpeg(grey: Grey, quality: int) -> Grey:
    """Through a JPEG file and back."""
    _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _fax(grey: Grey, height: float, rows: float, options: PaperOptions, generator: Generator) -> Grey:
    """Two colours and few scan rows: each is as high as it is, and shown as several."""
    size = (grey.shape[1], max(1, round(grey.shape[0] * min(1.0, rows / height))))
    scanned = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    black = _binarise(scanned, draw(generator, options.binarised_threshold))
    if generator.random() < 0.4:  # dirt on the glass and on the line
        dirt = textures.cut(textures.grain(), (black.shape[0], black.shape[1]), generator)
        black = np.where(dirt > 2.9, 255 - black, black).astype(np.uint8)
    return np.asarray(cv2.resize(black, grey.shape[::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _binarise(grey: Grey, threshold: float) -> Grey:
    """Black where the ink is darker than `threshold` of the way from the paper around it to the ink.

    The paper is followed as good scanning programs do, so that a shadow does not turn black; the depth of the ink is
    twice the level that parts ink from paper best (Otsu).
    """
    rows, columns = grey.shape
    cells = (-(-columns // PAPER_CELL), -(-rows // PAPER_CELL))
    small = cv2.resize(grey, cells, interpolation=cv2.INTER_AREA)
    small = cv2.blur(cv2.dilate(small, np.ones((3, 3), np.uint8)), (5, 5))
    depth = cv2.subtract(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), grey)
    level, _ = cv2.threshold(depth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    limit = max(LEAST_DEPTH, 2 * threshold * level)
    _, black = cv2.threshold(depth, limit, 255, cv2.THRESH_BINARY_INV)
    return np.asarray(black, dtype=np.uint8)

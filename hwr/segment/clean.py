"""Page image -> mask of its writing: even out the paper, and choose what is dark enough to be ink."""

import math

import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage
from hwr.segment.foreign import Mask, drop_foreign, find_rules

WORKING_PIXELS = 2_300_000
"""Pixels of the copy on which lines are searched for: a page of about 1300 x 1750."""
UNIT = 0.4
"""Share of a line's height in which rules and specks are measured; about the height of a small letter."""
SAMPLE_PIXELS = 1_000_000
"""Maximum number of pixels, roughly, of the copy on which the polarity of a page is determined."""
PAPER_CELL = 4
"""The paper is estimated on a copy reduced by this factor."""
DARK_BED = 0.5
"""Paper darker than this share of the page's usual paper is the scanner bed or the table."""
SAUVOLA_WINDOW = 41
SAUVOLA_K = 0.2
MIN_DEPTH = 12
"""Minimum grey levels between ink and paper."""
USUAL_DEPTH, MAX_GAIN = 100.0, 8.0
"""Mean depth of ink for which the thresholds are made, and the maximum factor by which pale ink is strengthened to
reach it."""
FAINT_INK = 0.3
"""Minimum depth of ink, as a share of the page's usual ink: anything paler is bleed-through or paper grain."""
GRAIN = 3.0
"""Depth above the page's median that little of the paper's grain reaches, in its standard deviations."""


def working_factor(grey: GreyImage) -> float:
    """Return the factor between a page and the copy on which lines are searched for."""
    return min(1.0, math.sqrt(WORKING_PIXELS / grey.size))


def scaled(grey: GreyImage, factor: float) -> GreyImage:
    """Return a copy of the page, reduced or enlarged by a factor."""
    import cv2

    if factor == 1.0:
        return grey
    size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC), np.uint8)


def dark_on_light(grey: GreyImage) -> GreyImage:
    """Return the page, inverted if its writing is light on dark."""
    import cv2

    step = max(1, min(grey.shape) // 300, math.isqrt(grey.size // SAMPLE_PIXELS))
    sample = grey[::step, ::step].astype(np.float32)
    around = cv2.blur(sample, (31, 31))
    lighter, darker = sample > around + 40, sample < around - 40
    if np.median(sample) < 110 and lighter.sum() > 2 * darker.sum():
        return np.asarray(255 - grey, np.uint8)
    return grey


def find_writing(depth: GreyImage, height: float, least: float = 0.0) -> Mask:
    """Return a mask that is 1 where ink can belong to letters; rules, frames and specks are removed.

    Args:
        depth: from `paper_depth`, shape (H, W).
        height: of the page's lines, from ascenders to descenders.
        least: minimum depth of ink, if that of `binarise` is lower.
    """
    ink = binarise(depth, least)
    unit = UNIT * height
    horizontal, vertical = find_rules(ink, unit)
    return drop_foreign(ink, horizontal | vertical, unit)


def paper_depth(grey: GreyImage) -> GreyImage:
    """Return how much darker than its paper each pixel is, 0 to 255.

    The level of the paper is the median of local maxima. Dark surroundings of the page get depth 0.
    """
    import cv2

    size = (max(1, grey.shape[1] // PAPER_CELL), max(1, grey.shape[0] // PAPER_CELL))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(cv2.dilate(small, np.ones((9, 9), np.uint8)), 21)
    bed = small < DARK_BED * np.percentile(small, 75)
    paper = cv2.resize(small, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    level = cv2.divide(grey, np.maximum(paper, 1).astype(np.uint8), scale=255)
    depth = 255 - np.asarray(level, np.uint8)
    if bed.any():
        grown = cv2.dilate(bed.astype(np.uint8), np.ones((9, 9), np.uint8))
        depth[cv2.resize(grown, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_NEAREST) > 0] = 0
    return np.asarray(depth, np.uint8)


def strengthen(depth: GreyImage) -> GreyImage:
    """Return the depth of a page with pale ink as if its ink had the usual darkness; other pages do not change."""
    import cv2

    threshold, _ = cv2.threshold(depth, 0, 255, cv2.THRESH_OTSU)
    strokes = depth[depth > threshold]
    if strokes.size == 0 or strokes.mean() >= USUAL_DEPTH:
        return depth
    return np.asarray(cv2.convertScaleAbs(depth, alpha=min(MAX_GAIN, USUAL_DEPTH / float(strokes.mean()))), np.uint8)


def grain_depth(depth: GreyImage) -> float:
    """Return the depth that little of the paper's grain reaches, from the median and the median absolute deviation."""
    counts = np.bincount(depth.ravel(), minlength=256)
    median = _median(counts)
    deviations = np.bincount(np.abs(np.arange(256) - median), weights=counts)
    return median + GRAIN * 1.4826 * _median(deviations)  # of normal noise, 1.4826 deviations are a standard deviation


def _median(counts: NDArray[np.number]) -> int:
    """Return the median of whole numbers from 0 on, given how often each occurs."""
    total = np.cumsum(counts)
    return int(np.searchsorted(total, total[-1] / 2))


def binarise(depth: GreyImage, least: float = 0.0) -> Mask:
    """Return a mask that is 1 on ink that is not faint: the local threshold of Sauvola and Pietikäinen (2000).

    Args:
        depth: from `paper_depth`.
        least: minimum depth of ink, if that of usual pages is lower.
    """
    import cv2

    threshold, _ = cv2.threshold(depth, 0, 255, cv2.THRESH_OTSU)
    strokes = depth[depth > threshold]
    if strokes.size == 0:
        return np.zeros(depth.shape, np.uint8)
    light = 255 - depth
    window = (SAUVOLA_WINDOW, SAUVOLA_WINDOW)
    means, squares = (box(light, cv2.CV_32F, window) for box in (cv2.boxFilter, cv2.sqrBoxFilter))
    deep = depth > max(MIN_DEPTH, FAINT_INK * float(strokes.mean()), least)
    mean = means[deep]
    deviation = np.sqrt(np.maximum(squares[deep] - mean * mean, 0))
    ink = np.zeros(depth.shape, np.uint8)
    ink[deep] = light[deep] < mean * (1 + SAUVOLA_K * (deviation / 128 - 1))
    return ink

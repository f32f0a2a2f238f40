"""Squared paper: erase the printed grid, which crosses every letter and looks like rows of marks.

A grid is regular in both directions. Rules of ruled paper and of tables are not erased.
"""

import math

import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage
from hwr.segment.clean import dark_on_light, scaled, working_factor

LENGTH, THICKNESS = 60, 9
"""Minimum length of a rule, and more than its thickness, in pixels of the copy on which lines are searched for. Strokes
of letters are shorter, or not as straight."""
MIN_DEPTH = 8
"""Minimum grey levels between a rule and its paper."""
SAMPLE, BANDS = 640, 16
"""Side of the middle part of a page in which a grid is searched for, and the bands that it is divided into."""
MIN_RULES = 7
"""Minimum rules that cross a band. Few tables have as many columns of one width in half of a page."""
MIN_REGULAR = 0.8
"""Minimum share of the positions of a grid at which a band has a rule."""
MIN_CELL, MAX_OFF = 8, 2
"""Minimum distance between two rules of a grid, and how far a rule may be off its position."""


def has_grid(grey: GreyImage) -> bool:
    """Return whether a page, dark on light, shape (H, W), is on squared paper."""
    factor = working_factor(grey)
    height, width = grey.shape
    side = math.ceil(SAMPLE / factor)
    top, left = max(0, height - side) // 2, max(0, width - side) // 2
    sample = scaled(grey[top : top + side, left : left + side], factor)
    rows, columns = (_light_left(sample, 1.0, horizontal=direction) <= 255 - MIN_DEPTH for direction in (True, False))
    return _is_regular(rows.T) and _is_regular(columns)


def without_grid(grey: GreyImage) -> GreyImage:
    """Return a page, dark on light, without its rules. Strokes that cross a rule stay.

    Each pixel is divided by the share of light that the rule leaves, since print and ink darken independently.
    """
    import cv2

    factor = working_factor(grey)
    page = dark_on_light(grey)
    for horizontal in (True, False, True):  # a crossing belongs to a rule only when the other rule is gone
        light = _light_left(page, factor, horizontal=horizontal)
        page = np.asarray(cv2.divide(page, light, scale=255), np.uint8)
    return page


def _light_left(page: GreyImage, factor: float, *, horizontal: bool) -> GreyImage:
    """Return the share of light, times 255, that rules of one direction leave: what is thin, long and straight."""
    import cv2

    def kernel(along: int, across: int) -> NDArray[np.uint8]:
        return np.ones((across, along) if horizontal else (along, across), np.uint8)

    across = kernel(1, round(THICKNESS / factor))
    leaning = cv2.erode(page, kernel(1, 3))
    long = cv2.morphologyEx(leaning, cv2.MORPH_CLOSE, kernel(round(LENGTH / factor), 1))
    paper = cv2.morphologyEx(long, cv2.MORPH_CLOSE, across)
    depth = np.minimum(cv2.subtract(paper, long), cv2.morphologyEx(page, cv2.MORPH_BLACKHAT, across))
    return np.asarray(cv2.divide(cv2.subtract(paper, depth), np.maximum(paper, 1), scale=255), np.uint8)


def _is_regular(rules: NDArray[np.bool_]) -> bool:
    """Return whether vertical rules cross most bands of a mask at equal distances."""
    bands = [band for band in np.array_split(rules, BANDS) if len(band)]
    return sum(_crosses_regularly(band.mean(axis=0) >= 0.5) for band in bands) > BANDS / 2


def _crosses_regularly(rule: NDArray[np.bool_]) -> bool:
    """Return whether a band has rules at most positions of a grid. It may have others between them."""
    starts = np.flatnonzero(rule[1:] & ~rule[:-1])
    gaps = np.diff(starts)
    if len(starts) < MIN_RULES or (usual := int(np.bincount(gaps).argmax())) < MIN_CELL:
        return False
    cell = float(gaps[np.abs(gaps - usual) <= MAX_OFF].mean())
    expected = (starts[-1] - starts[0]) / cell + 1
    cells = (starts[:, None] - starts) / cell
    on_grid = np.abs(cells - np.round(cells)) * cell <= MAX_OFF
    found = max(len(np.unique(np.round(line[near]))) for line, near in zip(cells, on_grid, strict=True))
    return bool(found >= max(MIN_RULES, MIN_REGULAR * expected))

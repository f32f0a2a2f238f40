"""Page image -> the image in which lines are searched for and read: dark on light, without dither, shadow or grid."""

import numpy as np

from hwr.files.images import GreyImage
from hwr.segment.clean import dark_on_light
from hwr.segment.grid import has_grid, without_grid
from hwr.segment.shadow import without_shadow

SAMPLE = 640
"""Side of the middle part of a page in which dots are searched for."""
DOT, DARK = 100, 128
"""Minimum grey levels between a dot of one pixel and its four neighbours; grey level below which pixels are dark."""
MIN_DOTS, MIN_SHARE = 0.002, 0.1
"""Minimum share of all pixels and of dark pixels that are such dots. Dithered pages have at least 0.019 and 0.40, other
pages in black and white at most 0.004 and 0.04."""
SMOOTH = 1.2
"""Standard deviation, in pixels, of the blur that turns dots into grey."""


def mended(grey: GreyImage) -> GreyImage:
    """Return a page, shape (H, W), as lines are searched for and read in it; the array itself if nothing is to mend."""
    page = without_shadow(without_dither(dark_on_light(grey)))
    return without_grid(page) if has_grid(page) else page


def without_dither(grey: GreyImage) -> GreyImage:
    """Return a page, dark on light, in levels of grey if these are imitated by black dots; other pages as they are."""
    import cv2

    height, width = grey.shape
    top, left = max(0, height - SAMPLE) // 2, max(0, width - SAMPLE) // 2
    sample = grey[top : top + SAMPLE, left : left + SAMPLE]
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.uint8)
    dots = np.count_nonzero(cv2.subtract(cv2.erode(sample, cross), sample) >= DOT)
    dark = np.count_nonzero(sample < DARK)
    if dots < MIN_DOTS * sample.size or dots < MIN_SHARE * dark:
        return grey
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), SMOOTH), np.uint8)

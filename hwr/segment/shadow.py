"""Shadows with hard edges, such as that of a phone: give all parts of the paper one level.

Such an edge looks like a stroke, and a dark shadow like the table around a page. Sharp edges of the paper's level
divide a page into parts. Parts with ink are paper; dark parts without, such as a table or its grain, stay as they are.
"""

import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage
from hwr.segment.clean import working_factor

CELL = 4
"""Pixels, on the copy on which lines are searched for, of the cells in which edges are searched for."""
STROKE = 7
"""More cells than strokes are thick: darker areas of this size are paper, or what is around it."""
REACH = 5
"""Cells within which the level of the paper changes at a sharp edge."""
STEP = 1.15
"""Minimum factor between the levels at both sides of an edge."""
MIN_PART, MIN_PARTS = 0.02, 0.8
"""Minimum share of the page for a part that is judged alone, and for all of them together: a shadow has one edge,
pictures have many."""
MIN_LIGHT = 0.2
"""Minimum share of the light that a shadow leaves."""
MIN_DEPTH, GRAIN = 0.1, 6.0
"""Minimum depth of ink as a share of the paper's level, and in median absolute deviations of the part."""
MIN_INK = 0.006
"""Minimum share of a part with writing that is ink: written parts have at least 0.027, tables at most 0.003."""


def without_shadow(grey: GreyImage) -> GreyImage:
    """Return a page, dark on light, shape (H, W), with all of its paper at one level if a hard shadow is on it.

    Other pages are returned as they are.
    """
    import cv2

    factor = working_factor(grey)
    height, width = grey.shape
    size = max(1, round(width * factor / CELL)), max(1, round(height * factor / CELL))
    cells = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    level = _paper(cells, STROKE)
    around = np.ones((REACH, REACH), np.uint8)
    is_flat = cv2.dilate(level, around) <= STEP * cv2.erode(level, around).astype(np.float32)
    if is_flat.all():
        return grey
    _, parts, stats, _ = cv2.connectedComponentsWithStats(is_flat.astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA] / cells.size
    large = [part for part in np.flatnonzero(areas >= MIN_PART).tolist() if part]
    if len(large) < 2 or areas[large].sum() < MIN_PARTS:
        return grey
    depth = 1 - cells / np.maximum(level, cells).clip(1).astype(np.float32)
    levels = {part: float(np.median(level[parts == part])) for part in large}
    least = MIN_LIGHT * max(levels.values())
    written = [part for part in large if levels[part] >= least and _has_ink(depth[parts == part])]
    lightest = max((levels[part] for part in written), default=0.0)
    paper = [part for part in large if part in written or levels[part] >= lightest]
    target = max((levels[part] for part in paper), default=0.0)
    if not any(STEP * levels[part] < target for part in written):
        return grey
    other = np.isin(parts, [part for part in large if part not in paper]).astype(np.uint8)
    is_paper = cv2.resize(other, (width, height), interpolation=cv2.INTER_NEAREST) == 0
    light = _paper(np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.uint8), round(STROKE * CELL / factor) | 1)
    even = cv2.divide(grey, np.maximum(light, 1), scale=target)
    return np.asarray(np.where(is_paper, even, grey), np.uint8)


def _paper(grey: GreyImage, side: int) -> GreyImage:
    """Return the level of the paper: without anything dark that is narrower than `side`. Edges stay where they are."""
    import cv2

    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)), np.uint8)


def _has_ink(depth: NDArray[np.float32]) -> bool:
    """Return whether ink stands out from the grain of a part, given how much darker than its level each cell is."""
    usual = float(np.median(depth))
    grain = float(np.median(np.abs(depth - usual)))
    return float(np.mean(depth > usual + max(MIN_DEPTH, GRAIN * grain))) >= MIN_INK

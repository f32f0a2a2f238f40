"""Ink that belongs to no line: its amount, and places where writing may run up or down the page."""

from collections.abc import Sequence

import numpy as np

from hwr.page.page import Box
from hwr.segment.outline import Ink
from hwr.segment.trace import Trace

MISSED = 0.4
"""Share of ink outside lines: on upright pages with writing less (at most 0.2 on most), on photographs and specks more
(0.46 to 1), and on pages that are on their side as well (0.8 to 1)."""

# Lengths are shares of the height of the page's lines; areas are shares of its square.
MIN_INK = 1.0
"""With less ink than this, a page has no writing that could be missed."""
SCRAP = 2.0
"""A line shorter than this may be a piece of writing that runs up or down the page."""
JOIN = 0.5
"""Pieces of ink closer than this form a strip."""
MIN_LENGTH, MIN_WIDTH = 4.0, 0.5
"""Minimum height and width of a strip."""
MAX_WIDTH = 0.7
"""Maximum width of a strip, as a share of its height: one line, or a few, that run up the page."""
MIN_STRIP_INK, MIN_PIECES = 1.0, 6
"""Minimum ink of a strip, and of separate pieces in it: a stain or a stroke has fewer."""
MAX_FILLED = 0.5
"""Maximum share of a strip's box that is ink: stamps and edges are denser than writing."""


def missed_share(ink: Ink, height: float) -> float:
    """Return the share of the ink that belongs to no line; 0 on a page with hardly any ink."""
    if len(ink.rows) < MIN_INK * height**2:
        return 0.0
    return float((ink.owners == 0).mean())


def find_sideways(ink: Ink, traces: Sequence[Trace], shape: tuple[int, ...], height: float) -> list[Box]:
    """Return the boxes of upright strips of ink that belong to no line, or to scraps of lines.

    Args:
        ink: of the page.
        traces: its lines.
        shape: of the page: rows, columns.
        height: of the page's lines.
    """
    import cv2

    scraps = [float(np.ptp(trace.baseline[:, 0])) < SCRAP * height for trace in traces]
    free = np.array([True, *scraps])[ink.owners]
    mask = np.zeros(shape, np.uint8)
    mask[ink.rows[free], ink.columns[free]] = 1
    reach = round(JOIN * height) | 1
    _, strips, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask, np.ones((reach, reach), np.uint8)))
    inked = np.bincount(strips[mask > 0], minlength=len(stats))
    margin = reach // 2
    found = []
    for strip in np.flatnonzero(inked >= MIN_STRIP_INK * height**2).tolist():
        left, top, width, length = (int(value) for value in stats[strip, :4])
        x0, y0, x1, y1 = left + margin, top + margin, left + width - margin, top + length - margin
        long, narrow = y1 - y0 >= MIN_LENGTH * height, MIN_WIDTH * height <= x1 - x0 <= MAX_WIDTH * (y1 - y0)
        if strip == 0 or not (long and narrow) or inked[strip] > MAX_FILLED * (x1 - x0) * (y1 - y0):
            continue
        part = (mask[y0:y1, x0:x1] > 0) & (strips[y0:y1, x0:x1] == strip)
        if cv2.connectedComponents(part.astype(np.uint8), connectivity=8)[0] > MIN_PIECES:
            found.append((float(x0), float(y0), float(x1), float(y1)))
    return found

"""Lines of writing as ridges of the blurred ink.

Ink that is blurred far along the lines and little across them has a ridge on every line and a valley between two
lines. The ridges follow slopes and bends by themselves (after Bukhari, Shafait and Breuel 2009, "Script-independent
handwritten textlines segmentation using active contours", which starts from the same ridges).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.segment.clean import Ink

ALONG = 1.6
ACROSS = 0.3
VALLEY = 1.0
"""Widths of the blurs in units: along the line, across it, and across it for the surroundings that are taken off."""
SQUEEZE = 4
"""Columns that are taken together for the blurs."""
LEVEL = 0.35
"""A ridge begins at this share of the page's usual ridge height."""
SHORTEST = 1.5
"""Units: a shorter ridge is a speck."""


@dataclass(frozen=True)
class Fragment:
    """A piece of a line: `centre` is the y of the ridge in the columns from `start` on."""

    label: int
    start: int
    centre: NDArray[np.float64]

    @property
    def stop(self) -> int:
        """First column after the fragment."""
        return self.start + len(self.centre)

    def at(self, column: float) -> float:
        """Height of the ridge at a column, held constant outside."""
        index = int(np.clip(round(column) - self.start, 0, len(self.centre) - 1))
        return float(self.centre[index])


def find_fragments(ink: Ink) -> tuple[list[Fragment], NDArray[np.int32]]:
    """The ridges of the page, and the map of their labels, shape (H, W), 0 between ridges."""
    import cv2

    unit = ink.unit
    rows, columns = ink.writing.shape
    # the blur along the lines is so wide that every fourth column says all
    squeezed = cv2.resize(
        ink.writing.astype(np.float32), (max(1, columns // SQUEEZE), rows), interpolation=cv2.INTER_AREA
    )
    near = cv2.GaussianBlur(squeezed, (0, 0), sigmaX=ALONG * unit / SQUEEZE, sigmaY=ACROSS * unit)
    far = cv2.GaussianBlur(near, (1, 0), sigmaX=0, sigmaY=float(np.sqrt(VALLEY**2 - ACROSS**2)) * unit)
    height = cv2.resize(near - far, (columns, rows), interpolation=cv2.INTER_LINEAR)
    height[ink.vertical_rules > 0] = 0
    raised = height[height > 0.01]
    if raised.size == 0:
        return [], np.zeros(ink.writing.shape, np.int32)
    ridge = (height > LEVEL * float(np.percentile(raised, 75))).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ridge, connectivity=4)
    fragments = []
    for label in range(1, count):
        left, top, width, tall, _ = (int(value) for value in stats[label])
        window = np.s_[top : top + tall, left : left + width]
        if width < SHORTEST * unit:
            labels[window][labels[window] == label] = 0
            continue
        weight = np.where(labels[window] == label, height[window], 0)
        centre = (weight * np.arange(top, top + tall)[:, None]).sum(axis=0) / weight.sum(axis=0)
        fragments.append(Fragment(label, left, centre.astype(np.float64)))
    return fragments, np.asarray(labels, np.int32)

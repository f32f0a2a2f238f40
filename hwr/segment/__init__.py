"""Page image -> lines in reading order.

Classical image processing for clean scans: the paper is evened out, the ink is found, blurred along the lines, and
the ridges of the blur are the lines. See the modules in the order `clean`, `ridges`, `join`, `outline`, `order`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.geometry import Points, bounding_box
from hwr.page import Box, Point
from hwr.segment.clean import find_ink, working_copy
from hwr.segment.join import join, trim
from hwr.segment.order import group_regions, reading_order
from hwr.segment.outline import outline_lines
from hwr.segment.ridges import find_fragments


@dataclass(frozen=True)
class FoundLine:
    """A line on a page: baseline from left to right, polygon around its ink, the index of its region."""

    baseline: tuple[Point, ...]
    polygon: tuple[Point, ...]
    region: int


@dataclass(frozen=True)
class Layout:
    """The lines of a page in reading order, and the boxes of the regions that they form."""

    lines: tuple[FoundLine, ...]
    regions: tuple[Box, ...]


def find_lines(grey: NDArray[np.uint8]) -> Layout:
    """Find the lines of writing on a page.

    Args:
        grey: the page, upright, shape (H, W), 0 black to 255 white, dark writing on light paper.

    Returns:
        Lines in reading order, in pixels of `grey`; none on an empty page.
    """
    small, factor = working_copy(grey)
    ink = find_ink(small)
    if ink is None:
        return Layout((), ())
    fragments, labels = find_fragments(ink)
    chains = join(trim(fragments, labels, ink), ink)
    outlines = outline_lines(chains, labels, ink)
    boxes = [bounding_box(outline.polygon) for outline in outlines]
    order = reading_order(boxes, [float(np.median(outline.baseline[:, 1])) for outline in outlines])
    regions = group_regions([boxes[index] for index in order], ink.unit)
    height, width = grey.shape
    lines = tuple(
        FoundLine(
            _on_page(outlines[index].baseline, factor, width, height),
            _on_page(outlines[index].polygon, factor, width, height),
            region,
        )
        for index, region in zip(order, regions, strict=True)
    )
    return Layout(lines, tuple(_region_box(lines, number) for number in range(max(regions, default=-1) + 1)))


def _on_page(points: Points, factor: float, width: int, height: int) -> tuple[Point, ...]:
    """Points of the working copy in pixels of the page, to a tenth, none outside it."""
    scaled = np.clip(points / factor, 0, (width, height)).round(1)
    return tuple((float(x), float(y)) for x, y in scaled)


def _region_box(lines: tuple[FoundLine, ...], number: int) -> Box:
    return bounding_box([point for line in lines if line.region == number for point in line.polygon])

"""Lines of a page -> paragraphs, by regions, gaps, indentation and short last lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hwr.formats.hyphens import is_divided
from hwr.formats.positions import blocks, line_box
from hwr.page.page import Line, Page
from hwr.page.placing import turn_line
from hwr.text import has_right_to_left

# Lengths across the page are shares of the width of the region, those down the page of the distance between lines.
GAP = 1.6
"""Distance between the baselines of two lines from which the second begins a paragraph."""
INDENT = 0.04
"""Indentation of the first line of a paragraph against the lines before and after it."""
FAR = 0.3
"""Indentation of dates, signatures and titles: they are paragraphs of their own."""
SHORT = 0.25
"""Space after the last line of a paragraph, if the next line begins with a capital letter."""


@dataclass(frozen=True)
class _Extent:
    """A line's ends in reading direction, and the height of its baseline."""

    start: float
    end: float
    y: float


def paragraphs(page: Page) -> list[list[Line]]:
    """Return the lines with text in paragraphs, in reading order.

    A paragraph ends with its region, unless a word is divided there.
    """
    found: list[list[Line]] = []
    for _, lines in blocks(page):
        parts = _split([line for line in lines if line.text], page)
        if found and parts and is_divided(found[-1][-1].text, parts[0][0].text):
            found[-1] += parts.pop(0)
        found += parts
    return found


def _split(lines: Sequence[Line], page: Page) -> list[list[Line]]:
    """Split the lines of one region."""
    if not lines:
        return []
    extents = [_extent(line, page) for line in lines]
    left, right = min(extent.start for extent in extents), max(extent.end for extent in extents)
    width = max(1.0, right - left)
    steps = [after.y - before.y for before, after in pairwise(extents) if after.y > before.y]
    usual = float(np.median(steps)) if steps else float("inf")
    parts = [[lines[0]]]
    for number in range(1, len(lines)):
        text, before = lines[number].text, lines[number - 1].text
        begins = _begins(extents, number, width, usual) or (
            right - extents[number - 1].end > SHORT * width and not text[0].islower()
        )
        if begins and not is_divided(before, text):
            parts.append([])
        parts[-1].append(lines[number])
    return parts


def _begins(extents: Sequence[_Extent], number: int, width: float, usual: float) -> bool:
    """Return whether the extent of a line shows that a paragraph begins."""
    before, this = extents[number - 1], extents[number]
    following = extents[number + 1] if number + 1 < len(extents) else None
    if this.y - before.y > GAP * usual or before.start - this.start > FAR * width:
        return True
    indented = this.start - before.start > INDENT * width
    return indented and (following is None or this.start - following.start > INDENT * width)


def _extent(line: Line, page: Page) -> _Extent:
    """Return the extent of a line on the upright page, which is mirrored for right-to-left text."""
    upright = turn_line(line, (360 - page.rotation) % 360, page.width, page.height)
    x0, _, x1, y1 = line_box(upright)
    y = float(np.mean([point[1] for point in upright.baseline])) if upright.baseline else y1
    return _Extent(-x1, -x0, y) if has_right_to_left(line.text) else _Extent(x0, x1, y)

"""Positions of writing on a page, for several writers: boxes of lines, words on their baselines, heights."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from hwr.page.geometry import Points, as_points, bounding_box, resample
from hwr.page.page import Box, Line, Page, Point, Region, Word

NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)
"""The box of anything without a position."""
ASCENT = 0.75
"""Share of a font's size above the baseline."""
ASCENT_PERCENTILE = 90
"""Quantile of the outline's heights above the baseline, column by column: near the tops of the tall letters, below
single flourishes."""
MAX_COLUMNS = 100


def line_box(line: Line) -> Box:
    """Return the smallest upright box around the line: its polygon, or its words or baseline if it has none."""
    points = line.polygon or [corner for word in line.words for corner in _corners(word.box)] or line.baseline
    return bounding_box(points) if points else NOWHERE


def blocks(page: Page) -> Iterator[tuple[Region | None, list[Line]]]:
    """Yield runs of lines of one region, in reading order; None for a region that the page does not list."""
    regions = {region.id: region for region in page.regions}
    for name, lines in groupby(page.lines, key=lambda line: line.region):
        yield regions.get(name), list(lines)


def block_box(region: Region | None, lines: list[Line]) -> Box:
    """Return the smallest upright box around a region, or around the lines if it has no polygon."""
    if region is not None and region.polygon:
        return bounding_box(region.polygon)
    corners = [corner for line in lines for corner in _corners(line_box(line))]
    return bounding_box(corners) if corners else NOWHERE


def words_with_boxes(line: Line) -> tuple[Word, ...]:
    """Return the line's words; if only its text is known, words with estimated boxes and the line's confidence.

    The line's box is then divided by the number of characters.
    """
    if line.words or not line.text:
        return line.words
    x0, y0, x1, y1 = line_box(line)
    step = (x1 - x0) / len(line.text)
    words, start = [], 0
    for text in line.text.split(" "):
        box = (x0 + start * step, y0, x0 + (start + len(text)) * step, y1)
        words.append(Word(text, line.confidence, box))
        start += len(text) + 1
    return tuple(word for word in words if word.text)


def ascent(line: Line) -> float:
    """Return the height of the writing above its baseline in pixels, from the outline: words may be flat dashes."""
    if len(line.polygon) < 3 or not _leads_on(line.baseline):
        return max([1.0] + [0.75 * (word.box[3] - word.box[1]) for word in line.words])
    outline = resample([*line.polygon, line.polygon[0]], 2.0)
    course = _Course(line.baseline)
    heights = course.heights(outline)
    along = outline[:, course.axis]
    columns = np.linspace(along.min(), along.max(), int(np.clip(np.ptp(along) / 4, 1, MAX_COLUMNS)) + 1)
    tops = np.zeros(len(columns) - 1)
    np.maximum.at(tops, np.clip(np.searchsorted(columns, along, side="right") - 1, 0, len(tops) - 1), heights)
    return max(1.0, float(np.percentile(tops, ASCENT_PERCENTILE)))


def font_size(line: Line) -> float:
    """Return the height from the feet of long letters to the tops of tall ones, in pixels; a quarter is below."""
    return ascent(line) / ASCENT


def on_baseline(line: Line, box: Box) -> tuple[Point, Point]:
    """Return where a word with this box begins and ends on the line's baseline, in reading direction.

    A baseline without a direction is treated as horizontal; without a baseline, it is the box's lower edge.
    """
    baseline = line.baseline
    if not _leads_on(baseline):
        y = baseline[0][1] if baseline else box[3]
        return (box[0], y), (box[2], y)
    return _Course(baseline).between(box)


def slope_and_offset(line: Line) -> tuple[float, float]:
    """Return the straight line through the baseline for hOCR, both values by least squares.

    They are the slope, and the offset from the lower left corner of the line's box (negative is up).
    """
    x0, _, x1, y1 = line_box(line)
    points = as_points(resample(line.baseline, max(1.0, (x1 - x0) / 100))) if line.baseline else np.array([[x0, y1]])
    x, y = points[:, 0] - x0, points[:, 1] - y1
    if np.ptp(x) < 1:
        return 0.0, float(y.mean())
    slope, offset = np.polyfit(x, y, 1)
    return float(slope), float(offset)


def _leads_on(baseline: tuple[Point, ...]) -> bool:
    """Return whether a baseline has a direction: its ends are two different points."""
    return len(baseline) > 1 and baseline[0] != baseline[-1]


class _Course:
    """A baseline as a function of the axis that it runs along: x, or y for writing that goes up or down the page."""

    def __init__(self, baseline: tuple[Point, ...]) -> None:
        points = as_points(baseline)
        direction = points[-1] - points[0]
        self.axis = int(abs(direction[1]) > abs(direction[0]))
        self.forward = bool(direction[self.axis] >= 0)
        order = np.argsort(points[:, self.axis], kind="stable")
        self.along, self.across = points[order, self.axis], points[order, 1 - self.axis]
        self.cosine = abs(direction[self.axis]) / float(np.hypot(*direction))
        self.slope = direction[1 - self.axis] / direction[self.axis]

    def at(self, along: Points) -> Points:
        """Return the other coordinate at these positions; beyond its ends the baseline continues straight."""
        inside = np.clip(along, self.along[0], self.along[-1])
        course: Points = np.interp(inside, self.along, self.across) + (along - inside) * self.slope
        return course

    def heights(self, points: Points) -> Points:
        """Return the distances of points (n, 2) above the baseline; above is left of the reading direction."""
        drop = (points[:, 1 - self.axis] - self.at(points[:, self.axis])) * self.cosine
        above: Points = drop if self.forward == bool(self.axis) else -drop
        return above

    def between(self, box: Box) -> tuple[Point, Point]:
        ends = np.array([box[self.axis], box[self.axis + 2]])
        others = self.at(ends)
        pair = [
            (float(a), float(b)) if self.axis == 0 else (float(b), float(a)) for a, b in zip(ends, others, strict=True)
        ]
        return (pair[0], pair[1]) if self.forward else (pair[1], pair[0])


def _corners(box: Box) -> tuple[Point, Point]:
    return (box[0], box[1]), (box[2], box[3])

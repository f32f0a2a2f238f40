"""Page image -> lines in reading order.

`mending` evens out hard shadows, turns dots into grey, and erases the squares of squared paper. A small network marks
baselines and the ends of lines (`maps`), and `trace` follows the marks. `skew` straightens pages that slant. `clean`
finds the ink, `foreign` removes what cannot be letters, `outline` assigns ink to lines, and `order` sorts the lines.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwr.errors import UsageError
from hwr.files.images import GreyImage
from hwr.page.geometry import Points, bounding_box, clip_box
from hwr.page.page import Box, Point
from hwr.segment.clean import (
    find_writing,
    grain_depth,
    paper_depth,
    scaled,
    strengthen,
    working_factor,
)
from hwr.segment.maps import MULTIPLE, mark_lines
from hwr.segment.mending import mended
from hwr.segment.order import group_regions, reading_order, rows_of
from hwr.segment.outline import Outline, assign_ink, outline_lines, without_cut_off, written
from hwr.segment.sideways import MISSED, find_sideways, missed_share
from hwr.segment.skew import MAX_SKEW, Straightened, can_straighten, find_skew, straighten, upright_axes
from hwr.segment.trace import Trace, trace_lines

USUAL_HEIGHTS = (22.0, 95.0)
"""Line heights, in pixels of the copy, that the network handles well; a page with others is processed a second time."""
BEST_HEIGHT = 40.0
MAX_PIXELS, MIN_PIXELS = 4_600_000, 200_000
"""Pixels of the copy for the second pass."""
CERTAIN = 0.9
"""Minimum score of a line that is certain. On photographs and specks nearly all lines have at most 0.89; on pages with
writing the best line has at least 0.94, even if they are pale, blurred, small or photographed."""
PRINTED = 0.5
"""Minimum probability for a line to count as printed."""


@dataclass(frozen=True)
class FoundLine:
    """A line on a page.

    Attributes:
        baseline: from left to right.
        polygon: outline of its ink.
        region: index of its region.
        printed: printed or typewritten, not handwritten.
    """

    baseline: tuple[Point, ...]
    polygon: tuple[Point, ...]
    region: int
    printed: bool = False

    def __repr__(self) -> str:
        (x0, y0), (x1, y1) = self.baseline[0], self.baseline[-1]
        return f"<FoundLine from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}), region {self.region}>"


@dataclass(frozen=True)
class Layout:
    """The lines of a page in reading order, and the boxes of the regions that they form.

    Attributes:
        lines: in reading order.
        regions: boxes around their regions.
        rows: the regions are the rows of a table.
        missed: share of the page's ink that belongs to no line, from 0 to 1; most of it if the page is on its side.
        sideways: boxes of ink that may be lines running up or down the page, such as notes in the margin.
        mended: the lines were found, and must be read, on the page that `hwr.segment.mending.mended` returns.
    """

    lines: tuple[FoundLine, ...]
    regions: tuple[Box, ...]
    rows: bool = False
    missed: float = 0.0
    sideways: tuple[Box, ...] = ()
    mended: bool = False

    def __repr__(self) -> str:
        return f"<Layout: {len(self.lines)} lines in {len(self.regions)} regions>"


def find_lines(grey: NDArray[np.uint8], threads: int | None = None, *, rows: bool = False) -> Layout:
    """Find the lines of writing on a page.

    Args:
        grey: the page, upright, shape (H, W), 0 black to 255 white.
        threads: of the network; by default the number of available cores.
        rows: read across the columns, as in a table, instead of column by column.

    Returns:
        Lines in reading order, in pixels of `grey`; none on an empty page.

    Raises:
        UsageError: `grey` is of another kind.
    """
    if not isinstance(grey, np.ndarray) or grey.ndim != 2 or grey.dtype != np.uint8:
        raise UsageError("an array of shape (H, W) and type uint8 is needed; hwr.files.documents.to_grey makes it")
    page = mended(grey)
    return replace(_find_on_plain(page, threads or 0, rows), mended=page is not grey)


def _find_on_plain(grey: GreyImage, threads: int, rows: bool) -> Layout:
    """Find the lines of a mended page; straighten it first if it is skewed."""
    found = _trace(grey, threads)
    angle = find_skew(found[0])
    if abs(angle) <= MAX_SKEW or not can_straighten(grey.shape, angle):
        return _lay_out(grey, *found, rows=rows)
    straight = straighten(grey, angle)
    return _moved(_lay_out(straight.grey, *_trace(straight.grey, threads), rows=rows), straight, grey.shape)


def _moved(layout: Layout, straight: Straightened, shape: tuple[int, ...]) -> Layout:
    """Return the layout of a straightened page on the page itself, of shape (rows, columns)."""
    height, width = shape

    def box(box: Box) -> Box:
        x0, y0, x1, y1 = box
        corners = straight.on_page([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        return bounding_box(_on_page(corners, 1.0, width, height))

    lines = tuple(
        replace(
            line,
            baseline=_on_page(straight.on_page(line.baseline), 1.0, width, height),
            polygon=_on_page(straight.on_page(line.polygon), 1.0, width, height),
        )
        for line in layout.lines
    )
    return replace(layout, lines=lines, regions=_region_boxes(lines), sideways=tuple(map(box, layout.sideways)))


def _lay_out(grey: GreyImage, traces: list[Trace], copy: GreyImage, factor: float, *, rows: bool) -> Layout:
    """Return the layout of a page; `traces` are its lines on `copy`, which is `factor` times as large."""
    unit = float(np.median([trace.height for trace in traces])) if traces else BEST_HEIGHT
    depth = paper_depth(copy)
    if traces:  # on an empty page, paper grain would be taken for ink
        depth = strengthen(depth)
    writing = find_writing(depth, unit)
    ink = assign_ink(traces, writing)
    missed = missed_share(ink, unit)
    if missed > MISSED:
        writing = find_writing(depth, unit, grain_depth(depth))
        traces = [traces[index] for index in without_doubtful(range(len(traces)), traces)]
        ink = assign_ink(traces, writing)
    if not traces:
        return Layout((), (), rows, missed)
    outlines = outline_lines(traces, ink, depth)
    kept = without_cut_off(written(outlines, traces), outlines, copy.shape[1])
    if missed > MISSED:  # most may have been rules, whose scores are high
        kept = without_doubtful(kept, traces)
    regions = _rows(outlines, traces, kept) if rows else _columns(outlines, traces, kept)
    height, width = grey.shape
    lines = tuple(
        FoundLine(
            _on_page(outlines[index].baseline, factor, width, height),
            _on_page(outlines[index].polygon, factor, width, height),
            region,
            traces[index].printed > PRINTED,
        )
        for region, members in enumerate(regions)
        for index in members
    )
    sideways = tuple(
        clip_box((x0 / factor, y0 / factor, x1 / factor, y1 / factor), (width, height))
        for x0, y0, x1, y1 in find_sideways(ink, traces, copy.shape, unit)
    )
    return Layout(lines, _region_boxes(lines), rows, missed, sideways)


def without_doubtful(lines: Sequence[int], traces: Sequence[Trace]) -> list[int]:
    """Return the certain lines, or all lines if most are certain.

    On pages with much ink outside the lines, such as pictures and specks, the network takes parts of them for lines.

    Args:
        lines: indices into `traces`.
    """
    certain = [index for index in lines if traces[index].score >= CERTAIN]
    return list(lines) if 2 * len(certain) >= len(lines) else certain


def _columns(outlines: Sequence[Outline], traces: Sequence[Trace], kept: Sequence[int]) -> list[list[int]]:
    """Return the kept lines by regions, in reading order."""
    if not kept:
        return []
    height = float(np.median([traces[index].height for index in kept]))
    starts = np.array([outlines[index].baseline[0] for index in kept])
    axes = upright_axes(find_skew([traces[index] for index in kept]), starts, height)
    boxes = [bounding_box(outlines[index].polygon @ axes.T) for index in kept]
    levels = [float(np.median((outlines[index].baseline @ axes.T)[:, 1])) for index in kept]
    order = reading_order(boxes, levels, [traces[index].printed > PRINTED for index in kept])
    regions: list[list[int]] = []
    for number, region in zip(order, group_regions([boxes[number] for number in order], height / 2), strict=True):
        if region == len(regions):
            regions.append([])
        regions[region].append(kept[number])
    return regions


def _rows(outlines: Sequence[Outline], traces: Sequence[Trace], kept: Sequence[int]) -> list[list[int]]:
    """Return the kept lines by the rows of a table."""
    baselines = [[(float(x), float(y)) for x, y in outlines[index].baseline] for index in kept]
    return [[kept[number] for number in row] for row in rows_of(baselines, [traces[index].height for index in kept])]


def _trace(grey: NDArray[np.uint8], threads: int) -> tuple[list[Trace], NDArray[np.uint8], float]:
    """Return the baselines on a copy of the page, the copy, and the factor between the page and the copy.

    A page whose lines are very small or very large on the copy is processed again on a copy of a better size.
    """
    # the network pads its input: a very thin strip must not become wide and long
    longest = MAX_PIXELS / (MULTIPLE * max(grey.shape))
    factor = min(working_factor(grey), longest)
    copy = scaled(grey, factor)
    traces = trace_lines(mark_lines(copy, threads))
    if traces:
        height = float(np.median([trace.height for trace in traces]))
        if not USUAL_HEIGHTS[0] <= height <= USUAL_HEIGHTS[1]:
            least, most = (math.sqrt(pixels / grey.size) for pixels in (MIN_PIXELS, MAX_PIXELS))
            factor = min(max(factor * BEST_HEIGHT / height, least), most, longest)
            copy = scaled(grey, factor)
            traces = trace_lines(mark_lines(copy, threads))
    return traces, copy, factor


def _on_page(points: Points, factor: float, width: int, height: int) -> tuple[Point, ...]:
    """Map points of the working copy to pixels of the page, rounded to a tenth and clipped to the page."""
    scaled_points = np.clip(points / factor, 0, (width, height)).round(1)
    return tuple(map(tuple, scaled_points.tolist()))


def _region_boxes(lines: Sequence[FoundLine]) -> tuple[Box, ...]:
    """Return the box around the lines of each region."""
    points: dict[int, list[Point]] = {}
    for line in lines:
        points.setdefault(line.region, []).extend(line.polygon)
    return tuple(bounding_box(points[region]) for region in sorted(points))

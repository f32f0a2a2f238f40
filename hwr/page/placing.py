"""Lines from elsewhere, placed on an image: scaled to its size, turned, and cut off at its borders.

Points are (x, y) in pixels, x to the right, y downwards. An unknown baseline or polygon is empty.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hwr.errors import InputError
from hwr.page.completing import derive_baseline
from hwr.page.geometry import bounding_box, polygon_area
from hwr.page.page import Box, Line, Page, Point

SHOWN_IDS = 3
"""Maximum number of lines that a message names."""
SAME_ASPECT = 0.01
"""Aspect ratios that differ by less than this share are equal."""


@dataclass(frozen=True)
class FittedLines:
    """Lines from a file, placed on an image.

    Attributes:
        page: the lines, in pixels of the image; baselines and polygons are cut off at its borders.
        scale: pixels of the image per unit of the file; 1.0 if the sizes are equal or the file states none.
        left_out: id of each line that cannot be read, and the reason.
        note: message about the size of the page, or empty.
    """

    page: Page
    scale: float
    left_out: tuple[tuple[str, str], ...]
    note: str = ""

    def messages(self, where: str) -> list[str]:
        """Return what a user should know about the fit; `where` names the file."""
        scaled = [] if self.scale == 1 else [f"made for another size; coordinates times {self.scale:.4g}"]
        cropped = [self.note] if self.note else []
        lost = [f"line {id!r} left out: {reason}" for id, reason in self.left_out]
        return [f"{where}: {message}" for message in (*self._notes(), *scaled, *cropped, *lost)]

    def _notes(self) -> list[str]:
        """Return what the reader of the file decided, each decision once, with the first lines that it is about."""
        ids: dict[str, list[str]] = {}
        for id, note in self.page.notes:
            ids.setdefault(note, []).append(id)
        return [f"{note} ({_counted(found)})" for note, found in ids.items()]


def _counted(ids: Sequence[str]) -> str:
    """Return the number of lines, and the ids of the first ones: `5: 'l1', 'l2', 'l3', ...`."""
    rest = ", ..." if len(ids) > SHOWN_IDS else ""
    return f"{len(ids)}: {', '.join(map(repr, ids[:SHOWN_IDS]))}{rest}"


def fit_lines(page: Page, width: int, height: int, where: str) -> FittedLines:
    """Place the lines of a file on an image of `width` x `height` pixels.

    If the file states another size with the same aspect ratio, all coordinates are scaled. Polygons are cut off at the
    borders of the image. A line that is completely outside or has no position is left out.

    Args:
        page: as the readers of `hwr.formats` return it.
        where: the file, for errors.

    Raises:
        InputError: the file states a size with another aspect ratio.
    """
    scale, note = page_fit(page, width, height, where)
    lines, left_out = [], list(page.left_out)
    for line in page.lines:
        fitted = fit_line(line, scale, width, height)
        if isinstance(fitted, Line):
            lines.append(fitted)
        else:
            left_out.append((line.id, fitted))
    regions = [replace(region, polygon=_fit_outline(region.polygon, scale, width, height)) for region in page.regions]
    fitted_page = replace(page, width=width, height=height, regions=tuple(regions), lines=tuple(lines))
    return FittedLines(fitted_page, scale, tuple(left_out), note)


def page_fit(page: Page, width: int, height: int, where: str) -> tuple[float, str]:
    """Return the pixels of an image of `width` x `height` per unit of the file, and a note on the size.

    The scale is 1 if the file states no size. It is also 1, with a note, if one side is exactly equal and all lines are
    on the image: then the foot or the right margin was cropped after the lines were drawn.

    Raises:
        InputError: the file states a size with another aspect ratio; `where` names it.
    """
    if page.width <= 0 or page.height <= 0:
        return 1.0, ""
    across, down = width / page.width, height / page.height
    # Rounding by half a pixel on each side does not change the aspect ratio, even of a tiny page.
    slack = SAME_ASPECT + 0.5 / min(page.width, page.height) + 0.5 / min(width, height)
    if (page.width == width) != (page.height == height) and _on_image(page, width, height):
        return 1.0, "made for a page of another height or width; all lines are on the image, so nothing is scaled"
    if abs(across / down - 1) > slack:
        sizes = f"{page.width} x {page.height}, the image is {width} x {height}"
        raise InputError(f"{where}: made for a page of {sizes}: another aspect ratio, so another image or a turned one")
    return (1.0 if (page.width, page.height) == (width, height) else (across + down) / 2), ""


def _on_image(page: Page, width: int, height: int) -> bool:
    """Return whether there are lines and all of them are on the image, to within a pixel."""
    points = [point for line in page.lines for point in (*line.polygon, *line.baseline)]
    return bool(points) and all(-1 <= x <= width + 1 and -1 <= y <= height + 1 for x, y in points)


def fit_line(line: Line, scale: float, width: int, height: int) -> Line | str:
    """Return a line, scaled and placed on an image of `width` x `height`, or the reason why it cannot be read there."""
    if not line.polygon and not line.baseline:
        return "it has neither a polygon nor a baseline"
    polygon = _fit_outline(line.polygon, scale, width, height)
    if not polygon:
        return "its polygon is outside the image" if line.polygon else "it has no polygon"
    baseline = clip_polyline(_scaled(line.baseline, scale), width, height)
    words = tuple(
        replace(word, box=box) for word in line.words if (box := _fit_box(word.box, scale, width, height)) is not None
    )
    return replace(line, polygon=polygon, baseline=baseline or derive_baseline(polygon), words=words)


def _fit_outline(polygon: Sequence[Point], scale: float, width: int, height: int) -> tuple[Point, ...]:
    return clip_polygon(_scaled(polygon, scale), width, height)


def _fit_box(box: Box, scale: float, width: int, height: int) -> Box | None:
    x0, y0, x1, y1 = (scale * value for value in box)
    x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _scaled(points: Sequence[Point], scale: float) -> tuple[Point, ...]:
    return tuple(points) if scale == 1 else tuple((scale * x, scale * y) for x, y in points)


# --- turning -----------------------------------------------------------------------------------------------------


def turn_line(line: Line, degrees: int, width: int, height: int) -> Line:
    """Map a line of an image that was turned clockwise back to the original image.

    Args:
        line: in pixels of the turned image.
        degrees: 0, 90, 180 or 270.
        width, height: size of the turned image.
    """
    turns: dict[int, Callable[[float, float], Point]] = {
        90: lambda x, y: (y, width - x),
        180: lambda x, y: (width - x, height - y),
        270: lambda x, y: (height - y, x),
    }
    return _moved(line, turns[degrees]) if degrees else line


def shift_line(line: Line, right: float, down: float) -> Line:
    """Map a line of a part of an image to the whole image; the part begins at (right, down)."""
    return _moved(line, lambda x, y: (x + right, y + down))


def _moved(line: Line, move: Callable[[float, float], Point]) -> Line:
    return replace(
        line,
        baseline=tuple(move(*point) for point in line.baseline),
        polygon=tuple(move(*point) for point in line.polygon),
        words=tuple(replace(word, box=bounding_box([move(*word.box[:2]), move(*word.box[2:])])) for word in line.words),
    )


# --- cutting off at the borders of the image ---------------------------------------------------------------------


def clip_polygon(polygon: Sequence[Point], width: int, height: int) -> tuple[Point, ...]:
    """Return the part of a polygon inside an image of `width` x `height`; empty if less than a square pixel is left.

    Sutherland and Hodgman 1974, "Reentrant polygon clipping": for each border, corners outside are removed, and points
    where edges cross the border are added.
    """
    points = list(polygon)
    if any(not (0 <= x <= width and 0 <= y <= height) for x, y in points):
        for axis, limit, sign in ((0, 0.0, 1), (0, float(width), -1), (1, 0.0, 1), (1, float(height), -1)):
            points = _clip_side(points, axis, limit, sign)
    return tuple(points) if len(points) > 2 and polygon_area(points) >= 1 else ()


def _clip_side(points: list[Point], axis: int, limit: float, sign: int) -> list[Point]:
    kept: list[Point] = []
    for before, point in zip(points[-1:] + points[:-1], points, strict=True):
        inside, was_inside = sign * (point[axis] - limit) >= 0, sign * (before[axis] - limit) >= 0
        if inside != was_inside:
            share = (limit - before[axis]) / (point[axis] - before[axis])
            crossing = [before[k] + share * (point[k] - before[k]) for k in (0, 1)]
            crossing[axis] = limit
            kept.append((crossing[0], crossing[1]))
        if inside:
            kept.append(point)
    return kept


def clip_polyline(polyline: Sequence[Point], width: int, height: int) -> tuple[Point, ...]:
    """Return the part of a polyline inside an image of `width` x `height`; empty if nothing is inside.

    If it leaves the image and returns, the gap is bridged.
    """
    kept: list[Point] = []
    for start, end in pairwise(polyline):
        part = _clip_segment(start, end, width, height)
        if part is not None:
            kept.extend(point for point in part if not kept or kept[-1] != point)
    return tuple(kept) if len(kept) > 1 else ()


def _clip_segment(start: Point, end: Point, width: int, height: int) -> tuple[Point, Point] | None:
    """Return the part of the segment inside the image (Liang and Barsky 1984)."""
    first, last = 0.0, 1.0
    for axis, limit in ((0, width), (1, height)):
        step = end[axis] - start[axis]
        if step == 0:
            if not 0 <= start[axis] <= limit:
                return None
            continue
        enters, leaves = sorted(((0 - start[axis]) / step, (limit - start[axis]) / step))
        first, last = max(first, enters), min(last, leaves)
    if first > last:
        return None

    def at(share: float) -> Point:
        if share in (0.0, 1.0):
            return end if share else start
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    return at(first), at(last)

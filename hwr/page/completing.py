"""Complete lines of files: derive baselines and polygons from each other, and correct words by the text of their line.

Points are (x, y) in pixels, x to the right, y downwards. An unknown baseline or polygon is empty.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from hwr.page.geometry import Points, as_points, bounding_box, directions
from hwr.page.outlines import polygon_edges
from hwr.page.page import Box, Line, Point, Region, Word

BASELINE_AT = 0.7
"""Position of a baseline in its polygon, as a share of the height from the top: 0.67 in the median over many kinds of
pages, 0.70 to 0.76 in letters (`python -m benchmarks.foreign_lines`)."""
ABOVE, BELOW = 0.65, 0.3
"""Extent of a polygon above and below its baseline, as shares of the line distance."""
MANY_LINES = 2000
"""Number of lines from which the line distance is measured; comparing all pairs takes quadratic time."""
LOCAL = (0.7, 2.0)
"""Limits of a line's own distance to its neighbours, relative to the page's usual distance."""
SAMPLES = 64
"""Number of positions along a polygon at which its height is measured."""


OTHER_WORDS = "words that do not spell the text of the line, ignored"
"""Note about a line that lost its words."""


REPEATED_ID = "id of another line or region, a number is added"
"""Note about a line whose id an earlier one has."""


class Ids:
    """Gives out ids that are unique on a page: those stated in a file, and new ones for elements without one.

    Args:
        stated: all ids that the file states; a new id is none of them.
    """

    def __init__(self, stated: Iterable[str]) -> None:
        self._stated = set(stated)
        self._given: set[str] = set()
        self._numbers: dict[str, int] = {}

    def claim(self, stated: str | None, new: str) -> tuple[str, list[str]]:
        """Return the stated id, or `new`; with a number if it is taken. Also return `REPEATED_ID` if that applies."""
        id = stated or new
        repeated = id == stated and id in self._given
        if repeated or not stated:
            id = self._free(id)
        self._given.add(id)
        return id, [REPEATED_ID] * repeated

    def _free(self, wish: str) -> str:
        name = wish
        while name in self._stated or name in self._given:
            self._numbers[wish] = self._numbers.get(wish, 1) + 1
            name = f"{wish}_{self._numbers[wish]}"
        return name


def complete_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines, with missing baselines derived from polygons and missing polygons from baselines.

    See `derive_baseline` and `derive_polygon`. For a line with neither, the boxes of its words are the polygon; without
    these it stays as it is.
    """
    lines = [_with_baseline(line) for line in lines]
    if all(line.polygon or not line.baseline for line in lines):
        return tuple(lines)
    distances = iter(line_distances([line.baseline for line in lines if line.baseline]))
    complete = []
    for line in lines:
        if line.baseline:
            distance = next(distances)
            line = line if line.polygon else replace(line, polygon=derive_polygon(line.baseline, distance))
        complete.append(line)
    return tuple(complete)


def line_distances(baselines: Sequence[Sequence[Point]]) -> list[float]:
    """Return the distance from each line to the next overlapping line above or below.

    It is limited to `LOCAL` times the usual distance of the page, the lower quartile of the drops to the next line
    below: gaps between paragraphs and empty table cells say nothing about the height of the writing. Without any drop,
    the usual distance is 1/20 of the lines' greatest extent.
    """
    lines = [as_points(line) for line in baselines]
    boxes = np.array([bounding_box(line) for line in lines])
    middles = np.array([np.median(line[:, 1]) for line in lines])
    nearest, drops = np.full(len(lines), np.nan), []
    for index, (x0, _, x1, _) in enumerate(boxes[:MANY_LINES]):
        below = middles - middles[index]
        below = below[(np.minimum(boxes[:, 2], x1) > np.maximum(boxes[:, 0], x0)) & (np.abs(below) > 2)]
        nearest[index] = np.abs(below).min(initial=np.inf)
        drops += [below[below > 0].min()] if (below > 0).any() else []
    if drops:
        usual = float(np.percentile(drops, 25))
    else:
        extent = max(boxes[:, 2].max() - boxes[:, 0].min(), boxes[:, 3].max() - boxes[:, 1].min())
        usual = max(1.0, float(extent)) / 20
    nearest[~np.isfinite(nearest)] = usual
    return [float(value) for value in np.clip(nearest, LOCAL[0] * usual, LOCAL[1] * usual)]


def _with_baseline(line: Line) -> Line:
    if not line.polygon and not line.baseline and line.words:
        line = replace(line, polygon=rectangle(_around(line.words)))
    if line.polygon and not line.baseline:
        return replace(line, baseline=derive_baseline(line.polygon))
    return line


def correct_words(lines: Sequence[Line]) -> tuple[tuple[Line, ...], list[tuple[str, str]]]:
    """Return the lines with words that spell their texts, and the ids of lines that lost their words, with the reason.

    People often correct only the text of a line. If it still has as many words, each keeps its box and gets its text
    from the line. Parts of a word, such as a comma of its own, are joined. Otherwise, the words are removed.
    """
    corrected = [_with_own_words(line) for line in lines]
    lost = [(line.id, OTHER_WORDS) for line, own in zip(lines, corrected, strict=True) if line.words and not own.words]
    return tuple(corrected), lost


def _with_own_words(line: Line) -> Line:
    texts = line.text.split()
    if not line.words or " ".join(word.text for word in line.words).split() == texts:
        return line
    words = _joined(line.words, texts)
    if len(words) != len(texts):
        return replace(line, words=())
    pairs = zip(words, texts, strict=True)
    return replace(
        line,
        words=tuple(word if word.text == text else Word(text, line.confidence, word.box) for word, text in pairs),
    )


def _joined(words: Sequence[Word], texts: Sequence[str]) -> Sequence[Word]:
    """Return the words, joined so that they are those of the text; as they are if other characters are in it."""
    joined, rest = [], deque(words)
    for text in texts:
        parts: list[Word] = []
        missing = len(text)
        while rest and missing > 0:
            parts.append(rest.popleft())
            missing -= len(parts[-1].text)
        if "".join(part.text for part in parts) != text:
            return words
        confidence = min(part.confidence for part in parts)
        joined.append(parts[0] if len(parts) == 1 else Word(text, confidence, _around(parts)))
    return words if rest else joined


def _around(words: Sequence[Word]) -> Box:
    return bounding_box([corner for word in words for corner in (word.box[:2], word.box[2:])])


def complete_regions(regions: Iterable[Region], lines: Sequence[Line]) -> tuple[Region, ...]:
    """Return the regions. One without a polygon gets the box of its lines, and is left out if it has no lines."""
    corners: dict[str, list[Point]] = {}
    for line in lines:
        corners.setdefault(line.region, []).extend(line.polygon)
    return tuple(
        region if region.polygon else replace(region, polygon=rectangle(bounding_box(corners[region.id])))
        for region in regions
        if region.polygon or corners.get(region.id)
    )


def derive_baseline(polygon: Sequence[Point]) -> tuple[Point, ...]:
    """Derive a baseline from left to right through a line's polygon, at `BASELINE_AT` of its height.

    The upper and lower edge of the polygon are measured at evenly spaced positions, and the median of their distances
    is the height. The baseline follows the middle of the polygon, smoothed over three heights. For a box it is a
    horizontal line.
    """
    points = as_points(polygon)
    x0, y0, x1, y1 = bounding_box(points)
    if x1 <= x0:
        return ((x0, y0 + BASELINE_AT * (y1 - y0)), (x0 + 1, y0 + BASELINE_AT * (y1 - y0)))
    edges = np.linspace(x0, x1, SAMPLES + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    top, bottom = polygon_edges(points, centres)
    height = float(np.median(bottom - top))
    middle = (top + bottom) / 2 + (BASELINE_AT - 0.5) * height
    straight = np.polynomial.Polynomial.fit(centres, middle, 1)
    bend = _smooth(middle - straight(centres), int(3 * height / (x1 - x0) * SAMPLES))
    if float(np.abs(bend).max()) < 0.1 * height:
        corners = np.array([x0, x1])
        rows = straight(corners)
    else:
        corners = np.concatenate(([x0], centres[SAMPLES // 32 :: SAMPLES // 16], [x1]))
        rows = straight(corners) + np.interp(corners, centres, bend)
    rows = np.clip(rows, y0, y1)
    return tuple((float(x), float(y)) for x, y in zip(corners.round(1), rows.round(1), strict=True))


def _smooth(values: Points, window: int) -> Points:
    """Return the moving average over a window, which is shorter at the ends."""
    window = max(1, min(window, len(values)))
    weights = np.ones(window)
    total = np.convolve(values, weights, "same") / np.convolve(np.ones(len(values)), weights, "same")
    return np.asarray(total, np.float64)


def derive_polygon(baseline: Sequence[Point], distance: float) -> tuple[Point, ...]:
    """Derive a polygon around a baseline on a page with a line distance of `distance` pixels.

    It extends by `ABOVE` and `BELOW` times the distance at right angles to the direction from the first to the last
    point of the baseline, and by a tenth of the distance beyond its ends.
    """
    base = as_points(baseline)
    along, down = directions(base)
    ends = 0.1 * distance * along
    base = np.concatenate(([base[0] - ends], base, [base[-1] + ends]))
    outline = np.concatenate([base - ABOVE * distance * down, (base + BELOW * distance * down)[::-1]])
    return tuple((float(x), float(y)) for x, y in outline.round(1))


def rectangle(box: Box) -> tuple[Point, ...]:
    """Return the corners of a box, clockwise from the upper left."""
    x0, y0, x1, y1 = box
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))

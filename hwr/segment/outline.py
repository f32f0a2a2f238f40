"""Baselines and ink -> polygons: assign every piece of ink to a line, and draw the line's outline around it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwr.files.images import GreyImage
from hwr.page.geometry import Points
from hwr.segment.foreign import Mask
from hwr.segment.trace import Trace

# All lengths below are shares of a line's height, from its ascenders to its descenders.
CORE = 0.38
"""Extent of small letters above the baseline."""
REACH = 0.45
"""Ink farther than this from the small letters of all lines belongs to no line."""
MAX_ABOVE, MAX_BELOW = 1.0, 0.6
"""Maximum extent of a line's polygon above and below its baseline."""
MIN_ABOVE, MIN_BELOW = 0.42, 0.1
"""Minimum extent of a line's polygon above and below its baseline."""
BESIDE = 0.6
"""Extent of a line's ink beyond the ends of its baseline."""
BIN = 0.15
"""Distance between the corners of a polygon."""
PAD = 0.05
"""Margin of paper around the ink."""
SHARE = 0.15
"""If at least this share of the core of a piece of ink is in a second line, the piece joins two lines, and is cut
between them."""

MIN_DEPTH = 0.45
"""A line whose ink is fainter than this share of the page's usual ink has shone through from the other side."""
MIN_INK = 0.006
"""Minimum ink of a line, as a share of the square of its height; with less, nothing is written there."""

MIN_RULE_LENGTH, FLAT, MIN_COVERED = 5.0, 0.25, 0.015
"""A line that is at least this long is a dotted rule of a form if its ink has a smaller spread, or covers a smaller
share of the line's length times its height: of a pale dotted rule, little but grain is left. Writing covers at least
0.021, even if it is small and faint."""
MAX_REPETITION = 0.6
"""A line of the same length that repeats itself more (`repetition`) is a decorative rule. Writing has at most 0.43,
zigzags, waves, loops and meanders have at least 0.72."""

AT_BORDER, RIM = 0.006, 0.12
"""Shares of the image width: lines closer than this to its border are cut off by it; the rim of a facing page."""
CUT_OFF, CUT_OFF_SHARE = 3, 0.75
"""Minimum number of lines of a facing page, and their share of all lines at the border."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Outline:
    """A line.

    Attributes:
        baseline, polygon: points (n, 2) and (m, 2), in pixels.
        depth: median grey levels by which its ink is darker than the paper; 0 if it has none.
        ink: number of pixels of ink.
        spread: height of the strip along the baseline that holds nine tenths of the ink.
        repetition: see `repetition`; 0 for short lines.
    """

    baseline: Points
    polygon: Points
    depth: float
    ink: int
    spread: float
    repetition: float


@dataclass(frozen=True)
class Ink:
    """The pixels of ink on a page: their rows, columns, and lines counted from 1; 0 for ink of no line."""

    rows: Indices
    columns: Indices
    owners: Indices


def assign_ink(traces: Sequence[Trace], writing: Mask) -> Ink:
    """Assign every pixel of ink to a line.

    A connected piece of ink belongs to the line whose small letters it overlaps. A piece in several lines is cut
    half-way between them.

    Args:
        traces: the lines.
        writing: 1 where there is ink of letters, shape (H, W).
    """
    rows, columns = np.nonzero(writing)
    return Ink(rows, columns, _owners(rows, columns, traces, writing))


def outline_lines(traces: Sequence[Trace], ink: Ink, depth: GreyImage) -> list[Outline]:
    """Return the polygon of each line, in the order of the lines.

    Args:
        traces: the lines.
        ink: of the page.
        depth: grey levels by which each pixel is darker than its paper, shape (H, W).
    """
    order = np.argsort(ink.owners, kind="stable")
    borders = np.searchsorted(ink.owners[order], np.arange(1, len(traces) + 2))
    outlines = []
    for number, trace in enumerate(traces):
        mine = order[borders[number] : borders[number + 1]]
        outlines.append(_outline(trace, ink.rows[mine], ink.columns[mine], depth))
    return outlines


def written(outlines: Sequence[Outline], traces: Sequence[Trace]) -> list[int]:
    """Return the indices of the lines that have ink, except rules and ink from the other side of the sheet."""
    usual = float(
        np.average([outline.depth for outline in outlines], weights=[outline.ink + 1 for outline in outlines])
    )
    return [
        number
        for number, (outline, trace) in enumerate(zip(outlines, traces, strict=True))
        if outline.ink > MIN_INK * trace.height**2
        and outline.depth > MIN_DEPTH * usual
        and not _is_rule(outline, trace)
    ]


def _is_rule(outline: Outline, trace: Trace) -> bool:
    length = float(np.ptp(outline.baseline[:, 0]))
    is_thin = outline.spread < FLAT * trace.height or outline.ink < MIN_COVERED * length * trace.height
    return length >= MIN_RULE_LENGTH * trace.height and (is_thin or outline.repetition > MAX_REPETITION)


def repetition(rows: NDArray[np.floating], columns: Indices) -> float:
    """Return how much a line of ink repeats itself: 1 for a perfect wave, about 0 for noise.

    This is the greatest autocorrelation of the mean row of the ink in each column, at distances from the first
    negative one, which is about a quarter of a period, to a third of the length.

    Args:
        rows, columns: of each pixel of ink; the rows are relative to the baseline.
    """
    columns = columns - columns.min()
    counts = np.bincount(columns)
    length = len(counts)
    inked = counts > 0
    mean = np.bincount(columns, weights=rows) / np.maximum(counts, 1)
    wave = np.where(inked, mean - mean[inked].mean(), 0.0)
    products = np.fft.irfft(np.abs(np.fft.rfft(wave, 2 * length)) ** 2)[:length]
    energy = np.concatenate(([0.0], np.cumsum(wave**2)))
    overlapping = np.sqrt(energy[::-1][:length] * (energy[-1] - energy[:length]))
    correlation = (products / np.maximum(overlapping, 1e-9))[: length // 3]
    negative = np.flatnonzero(correlation < 0)
    return float(correlation[negative[0] :].max()) if negative.size else 0.0


def without_cut_off(lines: Sequence[int], outlines: Sequence[Outline], width: int) -> list[int]:
    """Remove the line ends of a facing page, as in an opened book, which are cut off by the border of the image.

    There are several of them, they begin or end at the border, they are short, and nearly all lines at the border are
    like them.

    Args:
        lines: indices into `outlines`.
        width: of the image.
    """
    cut_off: set[int] = set()
    for near, far in ((0, -1), (-1, 0)):
        border = 0 if near == 0 else width
        there = [index for index in lines if abs(outlines[index].baseline[near, 0] - border) <= AT_BORDER * width]
        rims = [index for index in there if abs(outlines[index].baseline[far, 0] - border) < RIM * width]
        if len(rims) >= max(CUT_OFF, CUT_OFF_SHARE * len(there)):
            cut_off |= set(rims)
    return [index for index in lines if index not in cut_off]


def _owners(rows: Indices, columns: Indices, traces: Sequence[Trace], writing: Mask) -> Indices:
    """Return the line of every pixel of ink, counted from 1; 0 for ink of no line."""
    import cv2

    cores = _cores(traces, writing.shape)
    inside = cores > 0
    if not inside.any() or not rows.size:
        return np.zeros(len(rows), np.int64)
    distance, nearest = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    line_at = np.zeros(int(nearest.max()) + 1, np.int64)
    line_at[nearest[inside]] = cores[inside]
    closest = line_at[nearest[rows, columns]]
    _, pieces = cv2.connectedComponents(writing, connectivity=8)
    piece = pieces[rows, columns].astype(np.int64)
    count, size = int(piece.max()) + 1, len(traces) + 1
    core = cores[rows, columns].astype(np.int64)
    in_core = np.bincount(piece * size + core, minlength=count * size).reshape(count, size)
    in_core[:, 0] = 0
    total = in_core.sum(axis=1)
    several = (in_core > SHARE * total[:, None]).sum(axis=1) > 1
    by_distance = np.bincount(piece * size + closest, minlength=count * size).reshape(count, size).argmax(axis=1)
    whole = np.where(total > 0, in_core.argmax(axis=1), by_distance)
    owner = np.where(several[piece], closest, whole[piece])
    near = np.full(count, np.inf)
    np.minimum.at(near, piece, distance[rows, columns])
    heights = np.array([0.0, *(trace.height for trace in traces)])
    return np.where(near[piece] <= REACH * heights[owner], owner, 0)


def _cores(traces: Sequence[Trace], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return a map of the small letters of each line: the number of the line, counted from 1; 0 elsewhere."""
    import cv2

    cores = np.zeros(shape, np.int32)
    # small lines are drawn over large ones: an insertion is in the space between the lines around it
    for number in sorted(range(len(traces)), key=lambda index: -traces[index].height):
        trace = traces[number]
        top = trace.baseline - (0, CORE * trace.height)
        corners = np.concatenate([trace.baseline, top[::-1]]).round().astype(np.int32)
        cv2.fillPoly(cores, [corners], number + 1)
    return cores


def _outline(trace: Trace, rows: Indices, columns: Indices, depth: GreyImage) -> Outline:
    """Return the polygon around the ink of one line, with a corner every `BIN` of its height."""
    height = trace.height
    x, y = trace.baseline.T
    base = np.interp(columns, x, y)
    near = (rows > base - MAX_ABOVE * height) & (rows < base + MAX_BELOW * height)
    near &= (columns > x[0] - BESIDE * height) & (columns < x[-1] + BESIDE * height)
    rows, columns = rows[near], columns[near]
    pad = max(2.0, PAD * height)
    first = max(0.0, min(x[0], columns.min(initial=int(x[0]))) - pad)
    last = min(float(depth.shape[1]), max(x[-1], columns.max(initial=int(x[-1]))) + 1 + pad)
    count = max(1, round((last - first) / max(3.0, BIN * height)))
    edges = np.linspace(first, last, count + 1)
    middle = np.interp((edges[:-1] + edges[1:]) / 2, x, y)
    top, bottom = middle - MIN_ABOVE * height, middle + MIN_BELOW * height
    index = np.clip(((columns - first) / (last - first) * count).astype(int), 0, count - 1)
    np.minimum.at(top, index, rows.astype(np.float64))
    np.maximum.at(bottom, index, rows + 1.0)
    upper = np.stack([edges, _between(top, np.minimum) - pad], axis=1)
    lower = np.stack([edges, _between(bottom, np.maximum) + pad], axis=1)
    darkness = float(np.median(depth[rows, columns])) if rows.size else 0.0
    spread = float(np.subtract(*np.percentile(rows - base[near], (95, 5)))) if rows.size else 0.0
    long = rows.size > 0 and float(np.ptp(x)) >= MIN_RULE_LENGTH * height
    repeated = repetition(rows - base[near], columns) if long else 0.0
    return Outline(trace.baseline, np.concatenate([upper, lower[::-1]]), darkness, int(rows.size), spread, repeated)


def _between(edge: NDArray[np.float64], outer: np.ufunc) -> NDArray[np.float64]:
    """Return the edge at the borders of the bins, as far out as the outer one of the two bins."""
    padded = np.pad(edge, 1, mode="edge")
    return np.asarray(outer(padded[:-1], padded[1:]), np.float64)

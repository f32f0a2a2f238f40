"""Reading order of lines, and the regions that they form."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwr.page.geometry import bounding_box
from hwr.page.page import Box, Point

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

SAME_COLUMN = 0.5
"""Two lines that share more than this part of the narrower one's width are in the same column."""
IN_ROW = 0.4
"""Lines of a table whose baselines are closer than this share of their height are in the same row."""
OWN, A_LITTLE = 0.5, 0.25
"""Shares of the greatest overlap of a line: for lines of its own column, and of a column that it runs into."""
SEPARATE = 0.3
"""A line runs into another column if more than this share of the lines of its own column do not."""
PIECE_GAP = 2.0
"""Maximum gap, in line heights, between the pieces of a line next to the text."""
MIN_HEAD, MIN_COLUMNS = 5, 3
"""Minimum lines of a printed head, and of its longest row."""
MIN_CELLS = 4
"""Minimum lines of a column of a table."""
NEAR = 2.5
"""Maximum distance, in line heights, between the baselines of consecutive lines of a column."""
NOTE = 2
"""Maximum handwritten lines above a printed head."""
ROW = 0.35
"""Lines of a printed head whose baselines are closer than this share of their height are in the same row."""


def reading_order(boxes: Sequence[Box], baselines_y: Sequence[float], printed: Sequence[bool] = ()) -> list[int]:
    """Return the indices in reading order, from top to bottom and column by column.

    Breuel's rules (2003, "High performance document layout analysis"): of two lines that overlap horizontally, the
    upper one comes first. A line completely to the left of another comes first, unless a third line between their
    heights overlaps both, as a heading over two columns does. The rules give a partial order, which is sorted
    topologically. Where slanted lines contradict each other, the upper line comes first. On pages with three or more
    columns, which are tables, lines are sorted by the number of lines before them, because cells run into each other
    there.

    The pieces of a line that was found in pieces stay together. A printed head over several columns, as on a form, is
    read first, column by column.

    Args:
        boxes: x0, y0, x1, y1 of each line.
        baselines_y: height of each line's baseline.
        printed: whether each line is printed; by default none is.
    """
    if not boxes:
        return []
    rows = _join_pieces(np.array(boxes, dtype=np.float64), np.asarray(baselines_y, dtype=np.float64))
    whole = [bounding_box([corner for index in row for corner in (boxes[index][:2], boxes[index][2:])]) for row in rows]
    levels = np.array([np.mean([baselines_y[index] for index in row]) for row in rows])
    flags = np.array([bool(printed) and all(printed[index] for index in row) for row in rows])
    return [index for number in _order_whole(np.array(whole), levels, flags) for index in rows[number]]


def _join_pieces(boxes: Values, y: Values) -> list[list[int]]:
    """Return the indices of the pieces of each line, from left to right; most lines have one.

    Pieces are on one row. The same lines are above and below them, or one of them is next to the text or above it, as
    the year of a date is.

    Args:
        boxes: x0, y0, x1, y1 of each piece, shape (n, 4).
        y: of their baselines.
    """
    x0, top, x1, bottom = boxes.T
    height = float(np.median(bottom - top))
    shared = np.minimum(x1[:, None], x1[None, :]) - np.maximum(x0[:, None], x0[None, :])
    overlap = shared > SAME_COLUMN * np.minimum(x1 - x0, (x1 - x0)[:, None])
    lower = y[None, :] - y[:, None]
    same_row = (np.abs(lower) < ROW * height) & ~overlap
    near = overlap & (np.abs(lower) < NEAR * height)
    above, below = (near & (side >= ROW * height) for side in (lower, -lower))
    pieces = same_row & _share_any(above) & _share_any(below)
    if _count_columns(overlap & ~_reach_over(shared)) < MIN_COLUMNS:
        groups = _groups(near)
        few = np.bincount(groups)[groups] < MIN_CELLS
        pieces |= same_row & (-shared < PIECE_GAP * height) & (few[:, None] | few[None, :])
    row = _groups(pieces)
    rows = [np.flatnonzero(row == number) for number in np.unique(row).tolist()]
    return [members[np.argsort(x0[members], kind="stable")].tolist() for members in rows]


def _share_any(lines: Flags) -> Flags:
    """Return pairs of columns of a matrix that are both true in some row."""
    return np.asarray(lines.T.astype(np.float32) @ lines.astype(np.float32) > 0)


def _order_whole(boxes: Values, y: Values, printed: Flags) -> list[int]:
    """Return the indices of whole lines in reading order; see `reading_order`."""
    count = len(boxes)
    x0, top, x1, bottom = boxes.T
    shared = np.minimum(x1[:, None], x1[None, :]) - np.maximum(x0[:, None], x0[None, :])
    narrower = np.minimum(x1 - x0, (x1 - x0)[:, None])
    apart = _reach_over(shared)
    overlap = (shared > SAME_COLUMN * narrower) & ~apart
    centre = (x0 + x1) / 2
    before = overlap & (y[:, None] < y[None, :])
    left = ~overlap & (centre[:, None] < centre[None, :])
    for first in range(count):
        low, high = np.minimum(y[first], y)[:, None], np.maximum(y[first], y)[:, None]
        bridged = (overlap[first] & overlap & (y > low) & (y < high)).any(axis=1)
        before[first] |= left[first] & ~bridged
    is_table = _count_columns(overlap) >= MIN_COLUMNS
    if not is_table:
        near = np.abs(y[None, :] - y[:, None]) < NEAR * float(np.median(bottom - top))
        members = np.bincount(groups := _groups(overlap & near))
        if members.max() >= MIN_CELLS:
            _order_by_height(before, overlap, members[groups], y, centre, bottom - top)
    head = _head(printed, overlap, x0, y, bottom - top)
    if head:
        _put_head_first(before, head, y)
    return _counted(before, x0, y) if is_table else _sorted(before, x0, y)


def _reach_over(shared: Values) -> Flags:
    """Return pairs in which one line runs a little into the other's column, but belongs to a column of its own.

    Args:
        shared: widths that the lines share, negative if they are apart, shape (n, n).
    """
    others = shared.copy()
    np.fill_diagonal(others, 0)
    most = others.max(axis=1, keepdims=True, initial=0)
    own = ((others >= OWN * most) & (others > 0)).astype(np.float32)
    own /= np.maximum(1, own.sum(axis=1, keepdims=True))
    separate = own @ (shared <= 0).astype(np.float32)
    reaching: Flags = (separate > SEPARATE) & (shared < A_LITTLE * most)
    return reaching | reaching.T


def _head(printed: Flags, overlap: Flags, x0: Values, y: Values, heights: Values) -> list[int]:
    """Return the lines of a printed head over columns, column by column; none if no row has several lines.

    They are the printed lines with at most a note above them. Without columns below, as under a letterhead, there is no
    such head.
    """
    under_writing = (overlap & (y[:, None] < y[None, :]) & ~printed[:, None]).sum(axis=0) > NOTE
    members = np.flatnonzero(printed & ~under_writing)
    if len(members) < MIN_HEAD:
        return []
    near = ROW * float(np.median(heights[members]))
    rows: list[list[int]] = []
    for index in sorted(members.tolist(), key=lambda index: float(y[index])):
        if rows and y[index] - y[rows[-1][0]] < near:
            rows[-1].append(index)
        else:
            rows.append([index])
    under = np.flatnonzero(~printed & (y > y[members].min()))
    if max(map(len, rows)) < MIN_COLUMNS or _count_columns(overlap[np.ix_(under, under)]) < MIN_COLUMNS:
        return []
    # a title over two columns joins them: they are read row by row
    columns = _groups(overlap[np.ix_(members, members)])
    sides = [x0[members[columns == column]].min() for column in columns]
    left = dict(zip(members.tolist(), sides, strict=True))
    row_of = {index: number for number, row in enumerate(rows) for index in row}
    return sorted(left, key=lambda index: (float(left[index]), row_of[index], float(x0[index])))


def _order_by_height(
    before: Flags, overlap: Flags, members: NDArray[np.int64], y: Values, centre: Values, heights: Values
) -> None:
    """Order dates, numbers and notes next to the text by their height, not as columns; changes the partial order.

    Args:
        before: the order.
        overlap: pairs of lines in one column.
        members: number of consecutive lines in the column of each line.
        y, centre: of the baselines and of the lines' widths.
        heights: of the lines.
    """
    lower = y[None, :] - y[:, None]
    same_row = np.abs(lower) < ROW * float(np.median(heights))
    first = np.where(same_row, centre[:, None] < centre[None, :], lower > 0)
    fewest = np.minimum(members[:, None], members[None, :])
    most = np.maximum(members[:, None], members[None, :])
    # blocks of a few lines next to each other are columns, a block next to the text is a note
    pairs = ~overlap & (fewest < MIN_CELLS) & ((most >= MIN_CELLS) | (fewest == 1))
    before[pairs] = first[pairs]


def _count_columns(overlap: Flags) -> int:
    """Return the number of columns: groups of at least `MIN_CELLS` lines that overlap one another."""
    return int((np.bincount(_groups(overlap), minlength=1) >= MIN_CELLS).sum())


def _groups(overlap: Flags) -> NDArray[np.int64]:
    """Return the group of each line; overlapping lines are in the same group.

    Args:
        overlap: pairs of lines, shape (n, n).
    """
    group = np.arange(len(overlap))
    for _ in range(len(overlap)):
        joined = np.where(overlap, group[None, :], len(overlap)).min(axis=1, initial=len(overlap))
        joined = np.minimum(group, joined)
        if (joined == group).all():
            break
        group = joined
    return np.asarray(group, np.int64)


def _put_head_first(before: Flags, head: list[int], y: Values) -> None:
    """Change the partial order: lines above the head first, then the head in its own order, then all other lines."""
    members = np.array(head)
    rest = np.setdiff1d(np.arange(len(y)), members)
    is_above = y[rest] < y[members].min()
    above, below = rest[is_above], rest[~is_above]
    before[np.ix_(members, members)] = np.triu(np.ones((len(members), len(members)), np.bool_), 1)
    for first, second in ((above, members), (members, below), (above, below)):
        before[np.ix_(first, second)], before[np.ix_(second, first)] = True, False


def _counted(before: Flags, x0: Values, y: Values) -> list[int]:
    """Sort the lines by the number of lines that come before each (Borda's count).

    If a line over two columns was found in one piece, it contradicts the others. Here this moves them by one position;
    in a topological order it would displace whole columns.
    """
    return [int(index) for index in np.lexsort((x0, y, before.sum(axis=0)))]


def _sorted(before: Flags, x0: Values, y: Values) -> list[int]:
    """Sort topologically; of the lines that may come next, take the leftmost."""
    waiting = set(range(len(y)))
    ordered: list[int] = []
    needed = before.sum(axis=0)
    while waiting:
        free = [index for index in waiting if needed[index] == 0]
        # no line is free in a cycle of contradictions: the topmost line breaks it
        chosen = min(free or waiting, key=lambda index: (y[index], x0[index]) if not free else (x0[index], y[index]))
        waiting.remove(chosen)
        ordered.append(chosen)
        needed = needed - before[chosen]
        needed[chosen] = 0
    return ordered


def rows_of(baselines: Sequence[Sequence[Point]], heights: Sequence[float]) -> list[list[int]]:
    """Return the indices of the lines of each row of a table: rows from top to bottom, lines from left to right.

    Lines are in the same row if their baselines are closer than `IN_ROW` of their height, after removing the slope of
    the page, the median over its lines.

    Args:
        baselines: of each line.
        heights: of each line, from ascenders to descenders.
    """
    if not baselines:
        return []
    first = np.array([line[0] for line in baselines], dtype=np.float64)
    last = np.array([line[-1] for line in baselines], dtype=np.float64)
    long = last[:, 0] - first[:, 0] > 2 * np.asarray(heights)
    slopes = ((last - first)[:, 1] / np.maximum(1.0, (last - first)[:, 0]))[long]
    slope = float(np.median(slopes)) if slopes.size else 0.0
    middle = (first + last) / 2
    level = middle[:, 1] - slope * middle[:, 0]
    near = IN_ROW * float(np.median(heights))
    rows: list[list[int]] = []
    for index in np.argsort(level, kind="stable").tolist():
        if rows and level[index] - level[rows[-1]].mean() < near:
            rows[-1].append(index)
        else:
            rows.append([index])
    return [sorted(row, key=lambda index: float(middle[index, 0])) for row in rows]


def group_regions(boxes: Sequence[Box], unit: float) -> list[int]:
    """Return the number of each line's region, counted from 0; the lines are in reading order.

    A region ends if the next line is next to it, above it, or more than five units below it.
    """
    regions: list[int] = []
    number = -1
    area: Box | None = None
    for box in boxes:
        if area is None or not _continues(area, box, unit):
            number += 1
            area = box
        else:
            area = (min(area[0], box[0]), min(area[1], box[1]), max(area[2], box[2]), max(area[3], box[3]))
        regions.append(number)
    return regions


def _continues(area: Box, box: Box, unit: float) -> bool:
    shared = min(area[2], box[2]) - max(area[0], box[0])
    narrower = min(area[2] - area[0], box[2] - box[0])
    return shared > 0.3 * narrower and -2 * unit < box[1] - area[3] < 5 * unit

"""Reading order of lines, and the regions that they form."""

from collections.abc import Sequence

import numpy as np

from hwr.page import Box


def reading_order(boxes: Sequence[Box], baselines_y: Sequence[float]) -> list[int]:
    """Indices in reading order, from top to bottom and column by column.

    Breuel's rules (2003, "High performance document layout analysis"): of two lines that overlap horizontally the
    upper one comes first; a line wholly left of another comes first unless a third line between their heights
    overlaps both, as a heading over two columns does. The rules give a partial order, which is sorted topologically;
    where slanting lines contradict each other, the upper line comes first.

    Args:
        boxes: x0, y0, x1, y1 of each line.
        baselines_y: height of each line's baseline.
    """
    count = len(boxes)
    if count == 0:
        return []
    x0, _, x1, _ = np.array(boxes, dtype=np.float64).T
    y = np.asarray(baselines_y, dtype=np.float64)
    shared = np.minimum(x1[:, None], x1[None, :]) - np.maximum(x0[:, None], x0[None, :])
    narrower = np.minimum(x1 - x0, (x1 - x0)[:, None])
    overlap = shared > 0.1 * narrower
    above = y[:, None] < y[None, :]
    before = overlap & above
    left = ~overlap & (x0[:, None] < x0[None, :])
    for first, second in zip(*np.nonzero(left), strict=True):
        low, high = sorted((y[first], y[second]))
        between = overlap[first] & overlap[second] & (y > low) & (y < high)
        before[first, second] = not between.any()
    waiting = set(range(count))
    ordered: list[int] = []
    needed = before.sum(axis=0)
    while waiting:
        free = [index for index in waiting if needed[index] == 0]
        # no line is free in a circle of contradictions: the topmost line breaks it
        chosen = min(free or waiting, key=lambda index: (y[index], x0[index]) if not free else (x0[index], y[index]))
        waiting.remove(chosen)
        ordered.append(chosen)
        needed = needed - before[chosen]
        needed[chosen] = 0
    return ordered


def group_regions(boxes: Sequence[Box], unit: float) -> list[int]:
    """The number of the region, from 0 on, of each line; lines are in reading order.

    A region ends where the next line lies beside it, above it or more than five units below it.
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

"""Choose which lines go through the network together."""

from collections.abc import Sequence

MAX_WASTE = 0.15
"""Maximum share of padding in a batch: padded columns cost as much time as ink."""


def plan_batches(
    widths: Sequence[int], height: int, *, max_lines: int, max_pixels: int, max_waste: float = MAX_WASTE
) -> list[list[int]]:
    """Group lines of similar width: return batches of indices into `widths`, to be padded to the widest line of the
    batch.

    Each index occurs once. Lines are taken in the order of their widths. A batch ends before it has more than
    `max_lines` lines, more than `max_pixels` pixels with its padding, or a share of padding over `max_waste`. A line
    that is larger than `max_pixels` is a batch of its own.
    """
    batches: list[list[int]] = []
    batch: list[int] = []
    total = 0
    for index in sorted(range(len(widths)), key=lambda i: widths[i]):
        widest = widths[index]  # of the batch with this line: the order is ascending
        padded = (len(batch) + 1) * widest
        waste = 1 - (total + widest) / padded
        full = len(batch) == max_lines or padded * height > max_pixels or waste > max_waste
        if batch and full:
            batches.append(batch)
            batch, total = [], 0
        batch.append(index)
        total += widest
    if batch:
        batches.append(batch)
    return batches

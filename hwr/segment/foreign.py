"""Ink that cannot be letters: rules, dotted rules, check boxes, specks, frames, and ink at the border of the image.

Lengths are shares of the height of a small letter, here called `unit`, except where they are in pixels.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

SPECK = 3.0
"""Smaller pieces of ink, in pixels, are specks."""
MIN_DOTS = 6
"""Minimum dots of a dotted rule: an ellipsis has three, and few words have as many periods or dots of an i in a row."""
MAX_DOT, MIN_SOLID = 0.7, 0.5
"""Maximum height of a dot or dash, as a share of a small letter's, and minimum share of its box that is ink: a dot of a
few pixels is a diamond."""
MIN_SIDE, MAX_INSIDE = 0.9, 0.02
"""Minimum share of each side of a frame, and maximum share of its inside, that is ink."""
MAX_ASPECT, MAX_TICK = 1.3, 0.7
"""Maximum ratio of the sides of a check box, and maximum share of its inside that the tick or cross in it covers."""
MAX_FRAME = 0.8
"""Maximum share of the extent of a box that is ink."""
MIN_BODY, MIN_FILLED = 0.5, 0.95
"""Minimum share of a piece's extent that its frame surrounds, the rest being the ends of a tick; minimum share of the
frame's extent that is on or inside it: a letter is round."""


def find_rules(ink: Mask, unit: float) -> tuple[Mask, Mask]:
    """Return masks of the horizontal and vertical rules. They may lean by a few pixels over their length."""
    import cv2

    length = int(max(60, 5 * unit))
    thickest = max(6.0, 0.35 * unit)
    masks = []
    for horizontal in (True, False):
        along = (1, length) if horizontal else (length, 1)
        across = (3, 1) if horizontal else (1, 3)
        thick = cv2.dilate(ink, np.ones(across, np.uint8))
        runs = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones(along, np.uint8))
        # a run through a thick blot is not a rule: measure the thickness across
        limit = int(thickest) + 3
        blots = cv2.morphologyEx(runs, cv2.MORPH_OPEN, np.ones((limit, 3) if horizontal else (3, limit), np.uint8))
        masks.append(np.asarray((runs > 0) & (blots == 0), np.uint8))
    return masks[0], masks[1]


def drop_foreign(ink: Mask, rules: Mask, unit: float) -> Mask:
    """Remove everything that cannot be a letter: specks, rules and their rims, boxes, long strokes, border ink."""
    import cv2

    near_rules = cv2.dilate(rules, np.ones((3, 3), np.uint8))
    ink = np.asarray((ink > 0) & (rules == 0), np.uint8)
    _, labels, stats, centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    left, top, width, height, area = stats.T.astype(np.float64)
    rows, columns = ink.shape
    speck = np.maximum(width, height) < max(SPECK, 0.12 * unit)
    rule = (width > 1.2 * unit) & (area / width < 0.16 * unit) & (height < 0.3 * unit + 0.06 * width)
    rim = (np.minimum(width, height) < 0.3 * unit) & (np.bincount(labels[near_rules > 0], minlength=len(stats)) > 0)
    stroke = (height > 3 * unit) & (width < 0.3 * unit)
    loop = (height > 5 * unit) & (area < 0.06 * width * height)
    huge = height > 8 * unit
    edge = (left <= 2) | (top <= 2) | (left + width >= columns - 2) | (top + height >= rows - 2)
    cut_off = edge & ((height > 3 * unit) | (width > 8 * unit))
    keep = ~(speck | rule | rim | stroke | loop | huge | cut_off)
    keep &= ~in_dotted_rules(np.asarray(stats, np.int32), np.asarray(centres, np.float64), unit)
    keep[0] = False
    for box in np.flatnonzero(
        keep & (np.minimum(width, height) > 1.2 * unit) & (area < MAX_FRAME * width * height)
    ).tolist():
        x, y, across, down = (int(value) for value in stats[box, :4])
        keep[box] = not is_box(labels[y : y + down, x : x + across] == box)
    return np.asarray(keep[labels], np.uint8)


def in_dotted_rules(stats: NDArray[np.int32], centres: NDArray[np.float64], unit: float) -> Flags:
    """Return which pieces of ink are dots or dashes of a dotted rule, horizontal or vertical.

    They are small, solid, of one size, equally spaced, and on one straight line.

    Args:
        stats, centres: of the pieces, from `cv2.connectedComponentsWithStats`.
        unit: about the height of a small letter.
    """
    sizes, area = stats[:, 2:4].astype(np.float64), stats[:, 4]
    solid = (area >= MIN_SOLID * sizes.prod(axis=1)) & (sizes.max(axis=1) >= SPECK)
    found = np.zeros(len(stats), np.bool_)
    for along, across in ((0, 1), (1, 0)):
        marks = np.flatnonzero(solid & (sizes[:, along] < 1.2 * unit) & (sizes[:, across] < MAX_DOT * unit))
        for shift in (0.0, 0.5):  # a rule along the border of two bands is inside one of the shifted bands
            bands = np.floor(centres[marks, across] / (0.5 * unit) + shift)
            order = np.lexsort((centres[marks, along], bands))
            for band in np.split(marks[order], np.flatnonzero(np.diff(bands[order])) + 1):
                found[band] |= _equally_spaced(centres[band, along], sizes[band], unit)
    return found


def _equally_spaced(positions: Values, sizes: Values, unit: float) -> Flags:
    """Return which marks are of the size of those in a series of `MIN_DOTS` with equal distances.

    Args:
        positions: along a line, ascending, shape (n,).
        sizes: width and height of each mark, shape (n, 2).
        unit: about the height of a small letter.
    """
    found = np.zeros(len(positions), np.bool_)
    if len(positions) < MIN_DOTS:
        return found
    gaps = np.diff(positions)
    alike = _nearly_equal(sizes[1:], sizes[:-1]).all(axis=1) & (gaps < 3 * unit)
    regular = _nearly_equal(gaps[1:], gaps[:-1]) & alike[1:] & alike[:-1]
    for start in np.flatnonzero(sliding_window_view(regular, MIN_DOTS - 2).all(axis=1)):
        found |= _nearly_equal(sizes, sizes[start]).all(axis=1)
    return found


def _nearly_equal(one: Values, other: Values) -> Flags:
    """Return where two lengths in pixels differ by at most a quarter, or by a pixel and a half."""
    return np.asarray(np.abs(one - other) <= np.maximum(1.5, 0.25 * np.maximum(one, other)))


def is_box(piece: Flags) -> bool:
    """Return whether a piece of ink is an empty rectangle, or a square with a tick or a cross, such as a check box.

    Args:
        piece: its pixels, cropped to its extent.
    """
    import cv2

    outlines, _ = cv2.findContours(piece.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros(piece.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    # the ends of a tick reach over the frame: they are narrower than half of it
    width = (min(piece.shape) // 2) | 1  # OpenCV shifts the result for kernels of even size
    body = cv2.morphologyEx(filled, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    left, top, across, down = cv2.boundingRect(body)
    if across * down < MIN_BODY * piece.size or body.sum() < MIN_FILLED * across * down:
        return False
    frame = piece[top : top + down, left : left + across]
    rim = max(2, round(0.15 * min(frame.shape)))
    inside = frame[rim:-rim, rim:-rim]
    is_square = max(frame.shape) <= MAX_ASPECT * min(frame.shape)
    if inside.size == 0 or inside.mean() > (MAX_TICK if is_square else MAX_INSIDE):
        return False
    sides = frame[:rim].any(axis=0), frame[-rim:].any(axis=0), frame[:, :rim].any(axis=1), frame[:, -rim:].any(axis=1)
    return bool(min(side.mean() for side in sides) >= MIN_SIDE)

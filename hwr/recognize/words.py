"""Characters on time steps -> words and characters in the ink of their line.

CTC marks a character on one or two time steps near its middle and does not show where it ends. The marks determine the
order of the characters, and the ink between two marks determines the border. Printed rules are removed from the ink
first, since they run through the gaps between words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from hwr.decode.reading import CharacterSpan
from hwr.files.images import GreyImage
from hwr.line import INKED, NormalisedLine

Points = NDArray[np.float64]

CORE = (0.3, 0.7)
"""Rows, as shares of the height, that lower-case letters fill. Tails may extend into a gap between words above
and below."""
MIDDLE = 0.25
"""Without a gap, the minimum distance of a border from both marks, as a share of the marks' distance."""

# Lengths of rules are shares of the line's height.
RULE_INK = 20
"""Minimum ink, 0 to 255, of a pixel of a rule: rules are often paler than writing."""
MAX_RULE = 0.13
"""Maximum thickness of a rule."""
MIN_RULE = 2.0
"""Minimum length of a rule."""
MAX_BREAK = 0.12
"""Maximum break in a dotted or faded rule."""
MIN_COVERED = 0.65
"""Minimum share of a rule's length that has ink."""
MIN_REACH = 0.5
"""Minimum share of the line's length that rules cover."""
MIN_BARE = 0.4
"""Minimum share of a rule's length that no letter covers. A row of joined letters covers more."""
MAX_LEAN = 0.5
"""Maximum width of a vertical rule that leans because the slant of the letters was removed."""


@dataclass(frozen=True)
class PlacedCharacter:
    """A character and the outline of its ink, shape (n, 2), in pixels (x, y) of the line's image."""

    text: str
    confidence: float
    outline: Points


@dataclass(frozen=True)
class PlacedWord:
    """A run of characters between spaces; `outline` surrounds the ink of all of them.

    `characters` is empty unless requested.
    """

    text: str
    outline: Points
    characters: tuple[PlacedCharacter, ...]


def find_words(
    characters: Sequence[CharacterSpan], line: NormalisedLine, stride: int, *, with_characters: bool = False
) -> list[PlacedWord]:
    """Return the words of a line with the ink that belongs to each.

    Two words are separated in the middle of the widest gap between the last mark of the first and the first mark of the
    second. A gap is a run of columns without ink or, if tails or a stroke bridge it, without ink in the zone of
    lower-case letters. Without a gap, the border is the column with the least ink. The same applies to the characters
    of a word.

    Args:
        characters: the line's characters in order, spaces included, as a decoder or an alignment returns them.
        line: the normalised line that the network read.
        stride: columns per time step.
        with_characters: also find the ink of each character.
    """
    bounds = list(_word_bounds(characters))
    if not bounds:
        return []
    written = np.where(find_rules(line.ink), 0, line.ink)
    inked = np.where(written > INKED, written, 0)
    height, width = inked.shape
    core = inked[round(CORE[0] * height) : round(CORE[1] * height)]
    marks = np.array([_mark(span, stride, width) for span in characters])
    cuts = [_border(inked, core, marks, last, first) for (_, last), (first, _) in pairwise(bounds)]
    words = []
    for (first, last), (start, stop) in zip(bounds, pairwise([0, *cuts, width]), strict=True):
        spans = characters[first : last + 1]
        placed: tuple[PlacedCharacter, ...] = ()
        if with_characters:
            inner = [_lightest(inked, *marks[number : number + 2]) for number in range(first, last)]
            borders = [start, *np.clip(inner, start, stop).astype(int).tolist(), stop]
            placed = tuple(
                PlacedCharacter(span.character, span.confidence, _outline(inked, line, left, right))
                for span, (left, right) in zip(spans, pairwise(borders), strict=True)
            )
        text = "".join(span.character for span in spans)
        words.append(PlacedWord(text, _outline(inked, line, start, stop), placed))
    return words


def find_rules(ink: GreyImage) -> NDArray[np.bool_]:
    """Return a mask of the printed rules on a normalised line, shape (height, width).

    Where a letter crosses a rule, the crossing belongs to the letter.
    """
    mask = (ink > RULE_INK).astype(np.uint8)
    return _horizontal_rules(mask) | _vertical_rules(mask)


def _horizontal_rules(mask: GreyImage) -> NDArray[np.bool_]:
    """Mark long thin strokes, if they cover most of the line: shorter ones are dashes and underlines."""
    import cv2

    height = mask.shape[0]
    # OpenCV shifts the result for kernels of even size
    length, gap, thickness = (round(share * height) | 1 for share in (MIN_RULE, MAX_BREAK, MAX_RULE))
    near = np.ones((3, 1), np.uint8)  # a rule may lean by a few rows
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((thickness, 1), np.uint8))
    thin = cv2.subtract(mask, thick)
    band = cv2.dilate(mask, near)
    closed = cv2.morphologyEx(band, cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8))
    span = np.ones((1, length), np.uint8)
    strokes = cv2.morphologyEx(closed, cv2.MORPH_OPEN, span, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    covered, bare = (
        cv2.blur(part.astype(np.float32), (length, 1), borderType=cv2.BORDER_REFLECT)
        for part in (band, cv2.dilate(thin, near))
    )
    rule = (thin > 0) & (strokes > 0) & (covered > MIN_COVERED) & (bare > MIN_BARE)
    # Where a rule moves by a row, the piece that follows may be too short to count alone.
    beside = cv2.dilate(rule.astype(np.uint8), np.ones((3, length // 2 | 1), np.uint8))
    rule |= (thin > 0) & (beside > 0)
    return np.asarray(rule & (rule.any(axis=0).mean() > MIN_REACH), np.bool_)


def _vertical_rules(mask: GreyImage) -> NDArray[np.bool_]:
    """Return thin strokes from the first to the last row: the sides of a table cell."""
    import cv2

    rows, _ = mask.shape
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    _, _, width, height, area = stats.T
    rule = (height == rows) & (width <= MAX_LEAN * rows) & (area <= MAX_RULE * rows * rows)
    rule[0] = False
    return np.asarray(rule[labels], np.bool_)


def _word_bounds(characters: Sequence[CharacterSpan]) -> Iterator[tuple[int, int]]:
    """Yield the indices of the first and the last character of each word."""
    for is_space, group in groupby(range(len(characters)), key=lambda index: characters[index].character == " "):
        if not is_space:
            first, *rest = group
            yield first, rest[-1] if rest else first


def _mark(span: CharacterSpan, stride: int, width: int) -> float:
    """Return the middle of a character's time steps in columns. The last step may extend beyond the line."""
    return min(stride * (span.start + span.stop) / 2, width)


def _border(inked: GreyImage, core: GreyImage, marks: Points, last: int, first: int) -> int:
    """Return the column between the word that ends with character `last` and the one that begins with `first`."""
    left, right = marks[last], marks[first]
    for zone in (inked, core):
        gap = _widest_gap(zone, left, right)
        if gap is not None:
            return sum(gap) // 2
    return _lightest(inked, left, right)


def _widest_gap(inked: GreyImage, left: float, right: float) -> tuple[int, int] | None:
    """Return the widest run without ink between two marks: its first column, and the column after its last."""
    start, stop = int(left), int(np.ceil(right))
    empty = np.concatenate(([False], ~inked[:, start:stop].any(axis=0), [False]))
    edges = np.flatnonzero(empty[1:] != empty[:-1]).reshape(-1, 2) + start
    if not len(edges):
        return None
    widest = int(np.diff(edges, axis=1).argmax())
    return int(edges[widest, 0]), int(edges[widest, 1])


def _lightest(inked: GreyImage, left: float, right: float) -> int:
    """Return the column with the least ink between two marks; of equal ones, the closest to the middle."""
    away = MIDDLE * (right - left)
    middle = (left + right) / 2
    columns = np.arange(int(np.ceil(left + away)), int(right - away))
    if not len(columns):
        return round(middle)
    weights = inked[:, columns].sum(axis=0, dtype=np.int64)
    lightest = columns[weights == weights.min()]
    return int(lightest[np.abs(lightest - middle).argmin()])


def _outline(inked: GreyImage, line: NormalisedLine, start: int, stop: int) -> Points:
    """Return the corners of the topmost and lowest ink in each column from `start` to `stop`, on the line's image.

    Ink that looks like a rule counts only if the word has no other, as a long dash. Without any ink, it is the whole
    strip, at least one column wide.
    """
    part = inked[:, start:stop] > 0
    if not part.any():
        part = line.ink[:, start:stop] > INKED
    columns = np.flatnonzero(part.any(axis=0))
    if len(columns):
        top = part[:, columns].argmax(axis=0)
        bottom = len(part) - part[::-1, columns].argmax(axis=0)
        left, right = columns + start, columns + start + 1
    else:
        left, right = np.array([start]), np.array([max(stop, start + 1)])
        top, bottom = np.array([0]), np.array([len(part)])
    across = np.concatenate([left, right, left, right])
    down = np.concatenate([top, top, bottom, bottom])
    return line.image_points(np.stack([across, down], axis=1).astype(np.float64))

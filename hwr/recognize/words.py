"""Characters on time steps -> words and characters in the ink of their line.

CTC marks a character on one or two time steps somewhere near its middle, and says nothing of where it ends. So the
marks say in which order the characters stand, and the ink between two of them where one ends and the next begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwr.decode.reading import CharacterSpan
from hwr.line import INKED, NormalisedLine

Points = NDArray[np.float64]

CORE = (0.3, 0.7)
"""Rows, as shares of the height, that small letters fill: between words there may be tails, but no ink in these."""
MIDDLE = 0.25
"""Without a gap, a border lies at least so far from both marks, as a share of their distance."""


@dataclass(frozen=True)
class PlacedCharacter:
    """A character and the outline (n, 2) of its ink, in pixels (x, y) of the image of its line."""

    text: str
    confidence: float
    outline: Points


@dataclass(frozen=True)
class PlacedWord:
    """A run of characters between blanks; `outline` as that of its characters, all of them together."""

    text: str
    outline: Points
    characters: tuple[PlacedCharacter, ...]


def find_words(characters: Sequence[CharacterSpan], line: NormalisedLine, stride: int) -> list[PlacedWord]:
    """The words of a line with the ink that belongs to each.

    Two words are parted in the middle of the widest gap between the last mark of the one and the first mark of the
    other: columns of the normalised line without ink, or, where tails or a stroke bridge the gap, without ink in the
    zone of small letters. Without any gap they are parted where there is least ink. So are the characters of a word.

    Args:
        characters: the line's characters in order, blanks among them, as a decoder or an alignment gives them.
        line: the normalised line that the network read.
        stride: columns a time step.
    """
    runs = list(_runs(characters))
    if not runs:
        return []
    inked = np.where(line.ink > INKED, line.ink, 0)
    height, width = inked.shape
    core = inked[round(CORE[0] * height) : round(CORE[1] * height)]
    marks = np.array([_mark(span, stride, width) for span in characters])
    parted = [_part_words(inked, core, marks, last, first) for (_, last), (first, _) in pairwise(runs)]
    words = []
    for (first, last), (start, stop) in zip(runs, pairwise([0, *parted, width]), strict=True):
        inner = [_lightest(inked, *marks[number : number + 2]) for number in range(first, last)]
        borders = [start, *np.clip(inner, start, stop).astype(int).tolist(), stop]
        spans = characters[first : last + 1]
        placed = tuple(
            PlacedCharacter(span.character, span.confidence, _outline(inked, line, left, right))
            for span, (left, right) in zip(spans, pairwise(borders), strict=True)
        )
        text = "".join(span.character for span in spans)
        words.append(PlacedWord(text, _outline(inked, line, start, stop), placed))
    return words


def _runs(characters: Sequence[CharacterSpan]) -> Iterator[tuple[int, int]]:
    """First and last index of each run without blanks."""
    first = None
    for index, span in enumerate(characters):
        if span.character != " ":
            first = index if first is None else first
        elif first is not None:
            yield first, index - 1
            first = None
    if first is not None:
        yield first, len(characters) - 1


def _mark(span: CharacterSpan, stride: int, width: int) -> float:
    """The middle of a character's time steps in columns; its last step may reach beyond the line."""
    return min(stride * (span.start + span.stop) / 2, width)


def _part_words(inked: NDArray[np.uint8], core: NDArray[np.uint8], marks: Points, last: int, first: int) -> int:
    """The column at which the word that ends with character `last` and the one that begins with `first` are parted."""
    left, right = marks[last], marks[first]
    for zone in (inked, core):
        gap = _widest_gap(zone, left, right)
        if gap is not None:
            return sum(gap) // 2
    return _lightest(inked, left, right)


def _widest_gap(inked: NDArray[np.uint8], left: float, right: float) -> tuple[int, int] | None:
    """First column, and column after the last, of the widest run without ink between two marks."""
    start, stop = int(left), int(np.ceil(right))
    empty = np.concatenate(([False], ~inked[:, start:stop].any(axis=0), [False]))
    edges = np.flatnonzero(empty[1:] != empty[:-1]).reshape(-1, 2) + start
    if not len(edges):
        return None
    widest = int(np.diff(edges, axis=1).argmax())
    return int(edges[widest, 0]), int(edges[widest, 1])


def _lightest(inked: NDArray[np.uint8], left: float, right: float) -> int:
    """The border, well between two marks, at the column with least ink; of several the one nearest to the middle."""
    away = MIDDLE * (right - left)
    middle = (left + right) / 2
    columns = np.arange(int(np.ceil(left + away)), int(right - away))
    if not len(columns):
        return round(middle)
    weights = inked[:, columns].sum(axis=0, dtype=np.int64)
    lightest = columns[weights == weights.min()]
    return int(lightest[np.abs(lightest - middle).argmin()])


def _outline(inked: NDArray[np.uint8], line: NormalisedLine, start: int, stop: int) -> Points:
    """Corners of the ink's topmost and lowest pixel in each column from `start` to `stop`, on the image of the line.

    Where there is no ink it is the whole strip, at least a column wide.
    """
    part = inked[:, start:stop] > 0
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

"""Lines that are found on a page: in which direction they run, which are kept, and what the reader should know."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from hwr.files.images import GreyImage
from hwr.page.geometry import bounding_box
from hwr.page.outlines import enclose, thin_baseline
from hwr.page.page import ROW_REGION, Line, Page, Region, Word
from hwr.page.shapes import clip_polygon, rectangle, turn_line
from hwr.segment import Layout, find_lines
from hwr.settings import Settings, Share

LINE_TYPE, PRINTED_TYPE = "default", "printed"
REGION_TYPE = "text"
TURNS = (180, 90, 270)
TRIED_LINES = 8
"""Lines that are read to compare directions: the longest of a page."""
DOUBTFUL = 0.55
"""Mean confidence of words below which a page may lie on its side or on its head. Well-known hands have 0.6 to 0.9,
unknown scripts 0.35 to 0.5, pages on their heads 0.1 to 0.45."""
FEW_WORDS, FEW_DOUBTFUL = 15, 0.65
"""A page on its side has few words; then a higher confidence is in doubt, too."""
BETTER = 1.3
"""Factor by which another direction must have more right characters, as far as the confidences tell."""
WORTHLESS = 0.35
"""Mean confidence of words below which a reading is of no use: two words in three are wrong."""

ReadAlong = Callable[[GreyImage, Sequence[Line]], list[Line]]
"""Reads along the lines of an image; leaves out those that cannot be cut out."""


@dataclass(frozen=True)
class PageOptions(Settings):
    """How the lines of a page are found, chosen and ordered.

    Attributes:
        rows: read across the columns, as in a table, and make a region of each row; column by column if not.
        only: read handwritten or printed lines only.
        rotate: degrees by which the image is turned clockwise to be upright; "auto" tries the other directions where
            the page as it is reads badly.
        min_line_confidence: leave out lines whose words have a lower mean confidence.
    """

    rows: bool = False
    only: Literal["handwritten", "printed"] | None = None
    rotate: Literal["auto", 0, 90, 180, 270] = "auto"
    min_line_confidence: Share = 0.0


COLUMN_BY_COLUMN = PageOptions()


def read_found(grey: GreyImage, read_along: ReadAlong, threads: int | None, options: PageOptions) -> Page:
    """Find the lines of a page and read them, turning the page where it needs that.

    Returns:
        A page without the names of its image and its model.
    """
    rotate: int = 0 if options.rotate == "auto" else options.rotate
    lines = _read_turned(grey, rotate, read_along, threads, options)
    if options.rotate == "auto" and is_doubtful(lines):
        rotate = _best_turn(grey, lines, read_along, threads)
        if rotate:
            lines = _read_turned(grey, rotate, read_along, threads, options)
    return assemble(lines, grey.shape, rotate, options)


def read_layout(grey: GreyImage, layout: Layout, read_along: ReadAlong, options: PageOptions) -> Page:
    """Read the lines of a layout; as `read_found`."""
    return assemble(read_along(grey, _wanted(layout, options)), grey.shape, 0, replace(options, rows=layout.rows))


def _read_turned(
    grey: GreyImage, rotate: int, read_along: ReadAlong, threads: int | None, options: PageOptions
) -> list[Line]:
    upright = turned(grey, rotate)
    return read_along(upright, _wanted(find_lines(upright, threads, rows=options.rows), options))


def _best_turn(grey: GreyImage, lines: Sequence[Line], read_along: ReadAlong, threads: int | None) -> int:
    """Return the quarter turn, in degrees clockwise, that reads best on a few lines; 0 unless another is better."""
    best, right = 0, BETTER * right_characters(lines)
    for rotate in TURNS:
        upright = turned(grey, rotate)
        found = _wanted(find_lines(upright, threads), COLUMN_BY_COLUMN)
        longest = sorted(found, key=lambda line: line.baseline[0][0] - line.baseline[-1][0])[:TRIED_LINES]
        tried = right_characters(read_along(upright, longest))
        if tried > right:
            best, right = rotate, tried
    return best


def turned(grey: GreyImage, degrees: int) -> GreyImage:
    """Return the image turned clockwise by quarter turns."""
    return np.ascontiguousarray(np.rot90(grey, -degrees // 90))


def right_characters(lines: Iterable[Line]) -> float:
    """Return how many characters of the longest lines are right, as far as the confidences of their words tell."""
    longest = sorted(lines, key=lambda line: -len(line.text))[:TRIED_LINES]
    return sum(word.confidence * len(word.text) for line in longest for word in line.words)


def is_doubtful(lines: Sequence[Line]) -> bool:
    """Return whether a page reads so badly that it may not be upright."""
    words = words_of(lines)
    bound = FEW_DOUBTFUL if len(words) < FEW_WORDS else DOUBTFUL
    return mean_confidence(words) < bound


def words_of(lines: Iterable[Line]) -> list[Word]:
    """Return the words of all lines."""
    return [word for line in lines for word in line.words]


def mean_confidence(words: Sequence[Word]) -> float:
    """Return the mean confidence of words; 0 without any."""
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def _wanted(layout: Layout, options: PageOptions) -> list[Line]:
    """Return the lines of a layout that are to be read, without text."""
    lines = [
        Line(
            "", f"r{line.region + 1}", PRINTED_TYPE if line.printed else LINE_TYPE, "", 0.0, line.baseline, line.polygon
        )
        for line in layout.lines
    ]
    return [line for line in lines if options.only in (None, _kind(line))]


def _kind(line: Line) -> str:
    return "printed" if line.type == PRINTED_TYPE else "handwritten"


def assemble(lines: Sequence[Line], shape: tuple[int, ...], rotate: int, options: PageOptions) -> Page:
    """Make a page of the lines with text, with few points to a line, in coordinates of the image as it was given.

    Args:
        lines: in reading order, in pixels of the upright image.
        shape: of the image as it was given: height, width.
        rotate: degrees by which it was turned clockwise.
        options: of the page.
    """
    height, width = shape
    read = [line for line in lines if line.text]
    kept = [line for line in read if mean_confidence(line.words) >= options.min_line_confidence]
    size = (height, width) if rotate in (90, 270) else (width, height)
    tidied = [
        turn_line(replace(_tidied(line, size), id=f"l{number}"), rotate, *size)
        for number, line in enumerate(kept, start=1)
    ]
    warnings = []
    if len(kept) < len(read):
        warnings.append(f"{len(read) - len(kept)} of {len(read)} lines left out: their confidence is too low")
    mean = mean_confidence(words_of(kept))
    if kept and mean < WORTHLESS:
        warnings.append(f"the words have a mean confidence of {mean:.2f}: most of them are probably wrong")
    if rotate and options.rotate == "auto":
        warnings.append(f"read turned by {rotate} degrees clockwise, since it reads better")
    kind = ROW_REGION if options.rows else REGION_TYPE
    return Page("", width, height, "", _regions(tidied, kind), tuple(tidied), rotate, "", tuple(warnings))


def _tidied(line: Line, size: tuple[int, int]) -> Line:
    """Return a line whose outline has few points and contains its words."""
    outline = enclose(line.polygon, [word.box for word in line.words])
    polygon = tuple((round(x, 1), round(y, 1)) for x, y in clip_polygon(outline, *size))
    return replace(line, polygon=polygon or line.polygon, baseline=thin_baseline(line.baseline))


def _regions(lines: Sequence[Line], kind: str) -> tuple[Region, ...]:
    """Return the regions of lines with the boxes around them, in the order of their first lines."""
    members: dict[str, list[Line]] = {}
    for line in lines:
        members.setdefault(line.region, []).append(line)
    return tuple(
        Region(id, kind, rectangle(bounding_box([point for line in inside for point in line.polygon])))
        for id, inside in members.items()
    )

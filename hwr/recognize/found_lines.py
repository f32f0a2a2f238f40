"""Read the lines found on a page: determine their direction, choose those to keep, and warn about doubtful results."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np

from hwr.files.images import GreyImage
from hwr.page.completing import complete_regions
from hwr.page.geometry import as_points, bounding_box
from hwr.page.outlines import enclose, encloses, polygon_edges, thin_baseline
from hwr.page.page import LINE_TYPE, PRINTED_TYPE, REGION_TYPE, ROW_REGION, Box, Line, Page, Region, Word
from hwr.page.placing import clip_polygon, shift_line, turn_line
from hwr.segment import Layout, find_lines
from hwr.segment.sideways import MISSED
from hwr.settings import Settings, Share

TRIED_LINES = 8
"""Number of lines to read to find out whether a page is turned: the longest ones."""
FIRST_LINES = 2
"""Number of lines to read upside down first: they take little time. More must confirm the result, since a language
model finds words in anything."""
DOUBTFUL = 0.7
"""A line is doubtful if its words have a lower mean confidence. An image that was read as one line may then be a
page."""
IN_LANGUAGE = 0.45
"""A page whose reading is in a known language may be upside down if its words have a lower mean confidence. Pages that
are upside down have 0.2 to 0.3 in the rare case that their reading is in one."""
FEW_WORDS, LESS_CERTAIN = 30, 0.85
"""The same for a few words, and for pages in no known language, as nearly all that are upside down."""
MAX_INVERTED, MIN_BLOCK = 0.45, 3
"""Lines may be upside down if at least three consecutive ones are all doubtful, and have a lower mean trust. Fewer
than one in a hundred lines of upright pages is tried."""
MIN_NOTE = 0.55
"""Minimum mean confidence of words for a note to be kept that runs up or down the page, or is upside down."""
BETTER, CONFIRMED = 1.3, 1.1
"""Factors by which another direction must have more right characters, estimated from the confidences: without and with
other evidence."""
WORTHLESS = 0.35
"""A reading whose words have a lower mean confidence is not useful: two words in three are wrong."""

MIN_PAGE_LINES = 3
"""Minimum lines on an image for it to be taken for a page, if it was read as one line, and badly."""

ReadAlong = Callable[[GreyImage, Sequence[Line]], list[Line]]
"""Reads along the lines of an image; leaves out those that cannot be cut out."""


@dataclass(frozen=True)
class PageOptions(Settings):
    """Options for finding, choosing and ordering the lines of a page.

    Attributes:
        rows: read across the columns, as in a table, and make each row a region, instead of column by column.
        only: read only handwritten or only printed lines.
        rotate: degrees by which to turn the image clockwise to make it upright; "auto" tries the other directions if
            the page reads badly as it is.
        min_line_confidence: leave out lines whose words have a lower mean confidence.
    """

    rows: bool = False
    only: Literal["handwritten", "printed"] | None = None
    rotate: Literal["auto", 0, 90, 180, 270] = "auto"
    min_line_confidence: Share = 0.0

    @property
    def first_turn(self) -> int:
        """Degrees clockwise by which a page is turned before it is read for the first time."""
        return 0 if self.rotate == "auto" else self.rotate


COLUMN_BY_COLUMN = PageOptions()


@dataclass(frozen=True)
class PageReader:
    """Reads the lines that are found on pages.

    Attributes:
        read_along: reads given lines.
        threads: for the network that finds lines; None: the number of available cores.
        options: how lines are found, chosen and ordered.
    """

    read_along: ReadAlong
    threads: int | None
    options: PageOptions

    def read(self, grey: GreyImage, layout: Layout) -> Page:
        """Read the lines of a page, turning it and finding other lines if necessary.

        Args:
            grey: the page.
            layout: its lines, from `find_layout` with the same options.

        Returns:
            A page without the names of its image and its model.
        """
        rotate = self.options.first_turn
        upright = turned(grey, rotate)
        lines = self._read_lines(upright, self._wanted(layout))
        warnings: list[str] = []
        if self.options.rotate == "auto":
            rotate = self.best_turn(grey, layout, lines)
            if rotate:
                upright = turned(grey, rotate)
                layout = find_lines(upright, self.threads, rows=self.options.rows)
                lines = self._read_lines(upright, self._wanted(layout))
            lines, turned_over = self._read_inverted(upright, lines)
            warnings += turned_over
        lines, left_out = self._read_sideways(upright, layout, lines)
        page = assemble(lines, grey.shape, rotate, self.options)
        return replace(page, warnings=(*page.warnings, *warnings, *left_out))

    def read_layout(self, grey: GreyImage, layout: Layout) -> Page:
        """Read the lines of a layout; see `read`."""
        lines = self._read_lines(grey, self._wanted(layout))
        return assemble(lines, grey.shape, 0, replace(self.options, rows=layout.rows))

    def _read_lines(self, grey: GreyImage, lines: Sequence[Line]) -> list[Line]:
        """Read lines; return those with text, in outlines that have few points and contain their words."""
        size = grey.shape[1], grey.shape[0]
        return [_tidied(line, size) for line in self.read_along(grey, lines) if line.text]

    def _wanted(self, layout: Layout) -> list[Line]:
        lines = _unread_lines(layout)
        return [line for line in lines if self.options.only in (None, _kind(line))]

    def best_turn(self, grey: GreyImage, layout: Layout, lines: Sequence[Line]) -> int:
        """Return the quarter turn, in degrees clockwise, that reads best on a few lines; 0 unless another is better."""
        if layout.missed > MISSED:
            read = {0: BETTER * right_characters(longest(lines, TRIED_LINES))}
            for rotate in (90, 270):
                upright = turned(grey, rotate)
                found = longest(_unread_lines(find_lines(upright, self.threads)), TRIED_LINES)
                read[rotate] = right_characters(self.read_along(upright, found))
            best = max(read, key=read.__getitem__)
            if best:
                return best
        if not lines or not may_be_upside_down(lines):
            return 0
        return 180 if self._is_upside_down(grey, lines) else 0

    def _is_upside_down(self, grey: GreyImage, lines: Sequence[Line]) -> bool:
        """Return whether the longest lines have clearly more right characters upside down.

        A smaller gain is enough if the page is in no known language, or in one only upside down.
        """
        known = bool(main_language(lines))
        few, more = (longest(lines, count) for count in (FIRST_LINES, TRIED_LINES))
        if right_characters(self._read_over(grey, few)) <= (BETTER if known else CONFIRMED) * right_characters(few):
            return False
        over = self._read_over(grey, more)
        factor = CONFIRMED if known or main_language(over) else BETTER
        return right_characters(over) > factor * right_characters(more)

    def _read_over(self, grey: GreyImage, lines: Iterable[Line]) -> list[Line]:
        """Read lines upside down."""
        height, width = grey.shape
        over = [turn_line(replace(line, baseline=line.baseline[::-1]), 180, width, height) for line in lines]
        return self.read_along(turned(grey, 180), over)

    def _read_inverted(self, grey: GreyImage, lines: list[Line]) -> tuple[list[Line], list[str]]:
        """Read lines that were written from the other side of the sheet upside down.

        Of the longest block of doubtful lines, the most doubtful one is tried first, so that an upright page costs
        little time. If it reads better, the others are tried too.

        Returns:
            The lines, and messages about those that were turned.
        """
        block = doubtful_block(lines)
        if not block:
            return lines, []
        first = max((lines[index] for index in block), key=lambda line: len(line.text) * (1 - trust(line, lines)))
        tried = self.read_along(grey, [inverted(first)])
        factor = CONFIRMED if main_language(tried) and not first.language else BETTER
        if right_characters(tried) <= factor * right_characters([first]):
            return lines, []
        over = self._read_lines(grey, [replace(inverted(lines[index]), id=str(index)) for index in block])
        better = {
            int(line.id): line for line in over if right_characters([line]) > right_characters([lines[int(line.id)]])
        }
        if mean_confidence(words_of(better.values())) < MIN_NOTE:
            return lines, []
        read: list[Line] = []
        for is_inverted, numbers in groupby(range(len(lines)), key=better.__contains__):
            # the lowest line on the sheet is the first of its block
            read += [better[n] for n in reversed(list(numbers))] if is_inverted else [lines[n] for n in numbers]
        return read, [f"read {len(better)} lines upside down, since they read better"]

    def _read_sideways(self, grey: GreyImage, layout: Layout, lines: Sequence[Line]) -> tuple[list[Line], list[str]]:
        """Read the writing that runs up or down the page, and add it to the lines in place of their scraps there.

        If it cannot be read either, doubtful scraps are left out with it.

        Returns:
            The lines, and messages about writing that could not be read.
        """
        kept, notes, left_out = list(lines), list[Line](), 0
        for number, box in enumerate(layout.sideways, start=len(layout.regions) + 1):
            x0, y0, x1, y1 = (round(side) for side in box)
            tried = [self._read_part(grey[y0:y1, x0:x1], rotate) for rotate in (90, 270)]
            best = max(tried, key=right_characters)
            scraps = [line for line in kept if is_inside(line, box)]
            if right_characters(best) <= BETTER * right_characters(scraps):
                left_out += not scraps
                continue
            if mean_confidence(words_of(best)) >= MIN_NOTE:
                notes += [replace(shift_line(line, x0, y0), region=f"r{number}") for line in best]
            else:
                left_out += 1
                scraps = scraps if mean_confidence(words_of(scraps)) < MIN_NOTE else []
            kept = [line for line in kept if line not in scraps]
        warning = f"left out ink in {left_out} places that may be writing up or down the page"
        return [*kept, *notes], [warning] if left_out else []

    def _read_part(self, part: GreyImage, rotate: int) -> list[Line]:
        """Read a turned part of a page, in pixels of the part before turning."""
        upright = turned(part, rotate)
        height, width = upright.shape
        lines = self._read_lines(upright, self._wanted(find_lines(upright, self.threads)))
        return [turn_line(line, rotate, width, height) for line in lines]


def find_layout(grey: GreyImage, threads: int | None, options: PageOptions) -> Layout:
    """Find the lines of a page, which is turned first if the options say so."""
    return find_lines(turned(grey, options.first_turn), threads, rows=options.rows)


def page_read_as_line(grey: GreyImage, words: Sequence[Word], threads: int | None) -> tuple[str, ...]:
    """Return a warning if an image that was read as one line is a page.

    Lines are searched for only if the words of the reading are doubtful, since this takes longer than reading a line.
    """
    if mean_confidence(words) >= DOUBTFUL:
        return ()
    lines = len(find_lines(grey, threads).lines)
    return (f"{lines} lines were read as one; read pages without --line",) if lines >= MIN_PAGE_LINES else ()


def may_be_upside_down(lines: Sequence[Line]) -> bool:
    """Return whether the reading of a page is so doubtful that the page may be upside down."""
    words = words_of(lines)
    certain = len(words) >= FEW_WORDS and main_language(lines)
    return mean_confidence(words) < (IN_LANGUAGE if certain else LESS_CERTAIN)


def doubtful_block(lines: Sequence[Line]) -> range:
    """Return the indices of the longest block of consecutive lines that may be upside down; empty if there is none."""
    best = range(0)
    trusts = [trust(line, lines) for line in lines]
    for is_doubtful, group in groupby(range(len(lines)), key=lambda index: trusts[index] < DOUBTFUL):
        indices = list(group)
        block = range(indices[0], indices[-1] + 1)
        mean = sum(trusts[index] for index in block) / len(block)
        if is_doubtful and len(block) >= max(MIN_BLOCK, len(best) + 1) and mean < MAX_INVERTED:
            best = block
    return best


def inverted(line: Line) -> Line:
    """Return a line without text that runs the other way, its baseline on the other side of the letters."""
    points = np.array(line.baseline)
    top, bottom = polygon_edges(as_points(line.polygon), points[:, 0])
    mirrored = np.column_stack([points[:, 0], top + bottom - points[:, 1]])[::-1].round(1)
    return replace(line, text="", words=(), baseline=tuple((float(x), float(y)) for x, y in mirrored))


def trust(line: Line, lines: Sequence[Line]) -> float:
    """Return the mean confidence of a line's words, or 0 for a line that is foreign to its page.

    Such a line is in no known language, and a third or more of the page is in one.
    """
    known = sum(len(other.text) for other in lines if other.language)
    is_foreign = not line.language and 3 * known >= sum(len(other.text) for other in lines)
    return 0.0 if is_foreign else mean_confidence(line.words)


def turned(grey: GreyImage, degrees: int) -> GreyImage:
    """Return the image turned clockwise by quarter turns."""
    return np.ascontiguousarray(np.rot90(grey, -degrees // 90))


def longest(lines: Iterable[Line], count: int) -> list[Line]:
    """Return the longest lines."""
    return sorted(lines, key=lambda line: -abs(line.baseline[-1][0] - line.baseline[0][0]))[:count]


def right_characters(lines: Iterable[Line]) -> float:
    """Return the number of right characters in lines, estimated from the confidences of their words."""
    return sum(word.confidence * len(word.text) for line in lines for word in line.words)


def is_inside(line: Line, box: Box) -> bool:
    """Return whether the middle of a line's outline is in a box."""
    left, top, right, bottom = bounding_box(line.polygon)
    return box[0] <= (left + right) / 2 <= box[2] and box[1] <= (top + bottom) / 2 <= box[3]


def words_of(lines: Iterable[Line]) -> list[Word]:
    """Return the words of all lines."""
    return [word for line in lines for word in line.words]


def main_language(lines: Iterable[Line]) -> str:
    """Return the language of most characters of the lines; empty if most are in none."""
    characters: Counter[str] = Counter()
    for line in lines:
        characters[line.language] += len(line.text)
    return max(characters, key=lambda code: characters[code], default="")


def mean_confidence(words: Sequence[Word]) -> float:
    """Return the mean confidence of words; 0 without any."""
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def _unread_lines(layout: Layout) -> list[Line]:
    """Return the lines of a layout, without text."""
    return [
        Line(
            id="",
            region=f"r{line.region + 1}",
            type=PRINTED_TYPE if line.printed else LINE_TYPE,
            text="",
            confidence=0.0,
            baseline=line.baseline,
            polygon=line.polygon,
        )
        for line in layout.lines
    ]


def _kind(line: Line) -> str:
    return "printed" if line.type == PRINTED_TYPE else "handwritten"


def assemble(lines: Sequence[Line], shape: tuple[int, ...], rotate: int, options: PageOptions) -> Page:
    """Make a page of lines, in pixels of the original image.

    Args:
        lines: with text, in reading order, in pixels of the upright image.
        shape: height and width of the original image.
        rotate: degrees by which it was turned clockwise.
        options: of the page.
    """
    height, width = shape
    kept = [line for line in lines if mean_confidence(line.words) >= options.min_line_confidence]
    size = (height, width) if rotate in (90, 270) else (width, height)
    placed = [turn_line(replace(line, id=f"l{number}"), rotate, *size) for number, line in enumerate(kept, start=1)]
    warnings = []
    if len(kept) < len(lines):
        warnings.append(f"{len(lines) - len(kept)} of {len(lines)} lines left out: their confidence is too low")
    mean = mean_confidence(words_of(kept))
    if kept and mean < WORTHLESS:
        warnings.append(f"the words have a mean confidence of {mean:.2f}: most of them are probably wrong")
    if rotate and options.rotate == "auto":
        warnings.append(f"read turned by {rotate} degrees clockwise, since it reads better")
    kind = ROW_REGION if options.rows else REGION_TYPE
    regions = complete_regions([Region(id, kind, ()) for id in dict.fromkeys(line.region for line in placed)], placed)
    return Page("", width, height, "", regions, tuple(placed), rotate, "", tuple(warnings))


def _tidied(line: Line, size: tuple[int, int]) -> Line:
    """Return a line whose outline has few points and contains its words."""
    return replace(_around_words(line, size), baseline=thin_baseline(line.baseline))


def with_words_inside(line: Line, size: tuple[int, int]) -> Line:
    """Return a given line with its outline, which grows if a word is outside; `size`: width and height of the page."""
    return line if encloses(line.polygon, [word.box for word in line.words]) else _around_words(line, size)


def _around_words(line: Line, size: tuple[int, int]) -> Line:
    outline = enclose(line.polygon, [word.box for word in line.words])
    polygon = tuple((round(x, 1), round(y, 1)) for x, y in clip_polygon(outline, *size))
    return replace(line, polygon=polygon or line.polygon)

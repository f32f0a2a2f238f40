"""Read the lines found on a page: determine their direction, choose those to keep, and warn about doubtful results."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from hwr.files.images import GreyImage
from hwr.page.completing import complete_regions
from hwr.page.geometry import bounding_box
from hwr.page.outlines import enclose, encloses, thin_baseline
from hwr.page.page import LINE_TYPE, PRINTED_TYPE, REGION_TYPE, ROW_REGION, Box, Line, Page, Region, Word
from hwr.page.placing import clip_polygon, shift_line, turn_line
from hwr.recognize.estimates import BETTER, DOUBTFUL, WORTHLESS, mean_confidence, right_characters, words_of
from hwr.recognize.upside_down import TRIED_LINES, ReadAlong, is_upside_down, longest, read_inverted, turned
from hwr.segment import Layout, find_lines
from hwr.segment.mending import mended
from hwr.segment.sideways import MISSED
from hwr.settings import Settings, Share
from hwr.text import counted

MIN_NOTE = 0.55
"""Minimum mean confidence of words for a note to be kept that runs up or down the page."""
MIN_RIGHT = 2.0
"""Minimum right characters, estimated from the confidences, of a page that is turned by a quarter: noise on ruled paper
has hardly any in any direction."""
MIN_PAGE_LINES = 3
"""Minimum lines on an image for it to be taken for a page, if it was read as one line, and badly."""


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
        grey = mended(grey) if layout.mended else grey
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
            lines, turned_over = read_inverted(partial(self._read_lines, upright), lines)
            warnings += turned_over
        lines, left_out = self._read_sideways(upright, layout, lines)
        page = assemble(lines, grey.shape, rotate, self.options)
        return replace(page, warnings=(*page.warnings, *warnings, *left_out))

    def read_layout(self, grey: GreyImage, layout: Layout) -> Page:
        """Read the lines of a layout; see `read`."""
        grey = mended(grey) if layout.mended else grey
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
            read = {0: max(MIN_RIGHT, BETTER * right_characters(longest(lines, TRIED_LINES)))}
            for rotate in (90, 270):
                upright = turned(grey, rotate)
                found = longest(_unread_lines(find_lines(upright, self.threads)), TRIED_LINES)
                read[rotate] = right_characters(self.read_along(upright, found))
            best = max(read, key=read.__getitem__)
            if best:
                return best
        return 180 if is_upside_down(self.read_along, grey, lines) else 0

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
        warning = f"left out ink in {counted(left_out, 'place')} that may be writing up or down the page"
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


def is_inside(line: Line, box: Box) -> bool:
    """Return whether the middle of a line's outline is in a box."""
    left, top, right, bottom = bounding_box(line.polygon)
    return box[0] <= (left + right) / 2 <= box[2] and box[1] <= (top + bottom) / 2 <= box[3]


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

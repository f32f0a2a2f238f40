"""Pages and single lines that are upside down: recognise them by their readings, and read them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from hwr.files.images import GreyImage
from hwr.page.geometry import as_points
from hwr.page.outlines import polygon_edges
from hwr.page.page import Line
from hwr.page.placing import turn_line
from hwr.recognize.estimates import (
    BETTER,
    CONFIRMED,
    DOUBTFUL,
    WORTHLESS,
    main_language,
    mean_confidence,
    right_characters,
    trust,
    words_of,
)
from hwr.text import counted

TRIED_LINES = 8
"""Number of lines to read to find out whether a page is turned: the longest ones."""
FIRST_LINES = 2
"""Number of lines to read upside down first: they take little time. More must confirm the result, since a language
model finds words in anything."""
IN_LANGUAGE = 0.45
"""A page whose reading is in a known language may be upside down if its words have a lower mean confidence. Pages that
are upside down have 0.2 to 0.3 in the rare case that their reading is in one."""
IN_NO_LANGUAGE = 0.85
"""The same for a page in no known language, as nearly all are that are upside down."""
MIN_WORDS = 30
"""Minimum number of words on a page that make its language certain."""
MAX_TRUST, MAX_SHARE = 0.45, 0.65
"""Maximum trust in a line for it to be tried upside down; the same as a share of the median trust in the page's lines.
On a clear page, in words that a language model found upside down, trust is up to 0.56."""
MIN_CHARACTERS, TRIED_CHARACTERS = 8, 16
"""Minimum characters of such a line, and the number, in whole words, that are read first."""
MAX_FAILED = 2
"""Maximum number of lines that are tried although they do not read better upside down; one if more are doubtful, as on
pages that are hard to read. Of 328 upright lines of real pages, none had as many right characters upside down; most of
the lines that are upside down had twice as many."""
MIN_INVERTED = 0.45
"""Minimum mean confidence of lines that are kept upside down. Upright lines in a foreign script, which the language
model reads better upside down, have at most 0.36."""

ReadAlong = Callable[[GreyImage, Sequence[Line]], list[Line]]
"""Reads along the lines of an image; leaves out those that cannot be cut out."""


def is_upside_down(read_along: ReadAlong, grey: GreyImage, lines: Sequence[Line]) -> bool:
    """Return whether a page is upside down: its longest lines have clearly more right characters then.

    A smaller gain is enough if the page is in no known language, or in one only upside down.
    """
    if not lines or not may_be_upside_down(lines):
        return False
    known = bool(main_language(lines))
    few, more = (longest(lines, count) for count in (FIRST_LINES, TRIED_LINES))
    factor = BETTER if known else CONFIRMED
    if right_characters(_read_over(read_along, grey, few)) <= factor * right_characters(few):
        return False
    over = _read_over(read_along, grey, more)
    factor = CONFIRMED if known or main_language(over) else BETTER
    return right_characters(over) > factor * right_characters(more)


def may_be_upside_down(lines: Sequence[Line]) -> bool:
    """Return whether the reading of a page is so doubtful that the page may be upside down."""
    words = words_of(lines)
    certain = len(words) >= MIN_WORDS and main_language(lines)
    return mean_confidence(words) < (IN_LANGUAGE if certain else IN_NO_LANGUAGE)


def _read_over(read_along: ReadAlong, grey: GreyImage, lines: Iterable[Line]) -> list[Line]:
    """Read lines on the image turned upside down."""
    height, width = grey.shape
    over = [turn_line(replace(line, baseline=line.baseline[::-1]), 180, width, height) for line in lines]
    return read_along(turned(grey, 180), over)


def read_inverted(
    read: Callable[[Sequence[Line]], list[Line]], lines: Sequence[Line]
) -> tuple[list[Line], tuple[str, ...]]:
    """Read lines that were written from the other side of the sheet upside down.

    The most doubtful line is tried first. If it reads better, so are the doubtful lines around it, and then the next
    line. Few lines are tried that do not read better, so that an upright page costs little time.

    Args:
        read: reads lines of the page.
        lines: as read upright.

    Returns:
        The lines, and messages about those that are upside down.
    """
    trusts = [trust(line, lines) for line in lines]
    tried: set[int] = set()
    better: dict[int, Line] = {}
    failed = unsure = 0
    doubtful = _most_doubtful(lines, trusts)
    most = MAX_FAILED if len(doubtful) <= MAX_FAILED else 1
    for index in doubtful:
        if failed == most:
            break
        if index in tried:
            continue
        beginning = _beginning(lines[index])
        if not _is_better(read([inverted(beginning)]), beginning):
            failed += 1
            continue
        block = _doubtful_around(index, trusts)
        tried.update(block)
        over = {int(line.id): line for line in read([replace(inverted(lines[n]), id=str(n)) for n in block])}
        if index not in over or not _is_better([over[index]], lines[index]):
            failed += 1
            continue
        gained = {n: line for n, line in over.items() if right_characters([line]) > right_characters([lines[n]])}
        confidence = mean_confidence(words_of(gained.values()))
        if confidence >= MIN_INVERTED:
            better |= gained
        elif confidence >= WORTHLESS:
            unsure += len(gained)
        else:  # a language model finds a few words in anything
            failed += 1
    messages = [f"read {counted(len(better), 'line')} upside down, which reads better"] if better else []
    if unsure and mean_confidence(words_of(lines)) >= WORTHLESS:
        messages.append(f"{counted(unsure, 'line')} may be upside down, but the reading is bad either way")
    return _in_order(lines, better), tuple(messages)


def _most_doubtful(lines: Sequence[Line], trusts: Sequence[float]) -> list[int]:
    """Return the indices of the lines that may be upside down, those with the most wrong characters first."""
    most = max(MAX_TRUST, MAX_SHARE * float(np.median(trusts))) if trusts else 0.0
    doubtful = [n for n, line in enumerate(lines) if trusts[n] < most and len(line.text) >= MIN_CHARACTERS]
    return sorted(doubtful, key=lambda n: -len(lines[n].text) * (1 - trusts[n]))


def _beginning(line: Line) -> Line:
    """Return the first words of a line, with the part of its baseline and polygon around them."""
    count = 1 + int(np.searchsorted(np.cumsum([len(word.text) for word in line.words]), TRIED_CHARACTERS))
    words = line.words[:count]
    if len(words) == len(line.words):
        return line
    x, y = np.array(line.baseline).T
    left, right = min(word.box[0] for word in words), max(word.box[2] for word in words)
    columns = np.unique([left, right, *x[(x > left) & (x < right)]])
    top, bottom = polygon_edges(as_points(line.polygon), columns)
    outline = (*zip(columns, top, strict=True), *zip(columns[::-1], bottom[::-1], strict=True))
    return replace(
        line, words=words, baseline=tuple(zip(columns, np.interp(columns, x, y), strict=True)), polygon=outline
    )


def _is_better(over: Sequence[Line], upright: Line) -> bool:
    """Return whether a line has clearly more right characters upside down."""
    factor = CONFIRMED if main_language(over) and not upright.language else BETTER
    return right_characters(over) > factor * right_characters([upright])


def _doubtful_around(index: int, trusts: Sequence[float]) -> range:
    """Return the consecutive doubtful lines around a line."""
    first, stop = index, index + 1
    while first > 0 and trusts[first - 1] < DOUBTFUL:
        first -= 1
    while stop < len(trusts) and trusts[stop] < DOUBTFUL:
        stop += 1
    return range(first, stop)


def _in_order(lines: Sequence[Line], better: dict[int, Line]) -> list[Line]:
    """Return the lines with those that are better upside down; the lowest one of a block is its first."""
    read: list[Line] = []
    for is_inverted, numbers in groupby(range(len(lines)), key=better.__contains__):
        read += [better[n] for n in reversed(list(numbers))] if is_inverted else [lines[n] for n in numbers]
    return read


def inverted(line: Line) -> Line:
    """Return a line without text that runs the other way, its baseline on the other side of the letters."""
    points = np.array(line.baseline)
    top, bottom = polygon_edges(as_points(line.polygon), points[:, 0])
    mirrored = np.column_stack([points[:, 0], top + bottom - points[:, 1]])[::-1].round(1)
    return replace(line, text="", words=(), baseline=tuple((float(x), float(y)) for x, y in mirrored))


def turned(grey: GreyImage, degrees: int) -> GreyImage:
    """Return the image turned clockwise by quarter turns."""
    return np.ascontiguousarray(np.rot90(grey, -degrees // 90))


def longest(lines: Iterable[Line], count: int) -> list[Line]:
    """Return the longest lines."""
    return sorted(lines, key=lambda line: -abs(line.baseline[-1][0] - line.baseline[0][0]))[:count]

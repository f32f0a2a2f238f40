"""Positions of words and lines, against known geometry."""

import math
from dataclasses import replace

import numpy as np
import pytest

from helpers.written_pages import RICH, rectangle
from hwr.formats.positions import (
    ascent,
    block_box,
    blocks,
    font_size,
    line_box,
    on_baseline,
    slope_and_offset,
    words_with_boxes,
)
from hwr.page.page import Line, Point, Region, Word

LEVEL = Line("l", "r", "default", "ab - cd", 0.5, ((100.0, 80.0), (500.0, 80.0)), rectangle(100, 20, 500, 100))


def turned(points: tuple[Point, ...], degrees: float) -> tuple[Point, ...]:
    """The points turned around the origin, clockwise on the page."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return tuple((c * x - s * y, s * x + c * y) for x, y in points)


@pytest.mark.parametrize("degrees", [0, 3, -10, 40, 90, -90, 180, 135])
def test_the_ascent_does_not_depend_on_the_direction(degrees: float) -> None:
    line = replace(LEVEL, baseline=turned(LEVEL.baseline, degrees), polygon=turned(LEVEL.polygon, degrees))
    assert ascent(line) == pytest.approx(60, abs=0.5)
    assert font_size(line) == pytest.approx(80, abs=1)


def test_a_single_flourish_does_not_make_large_writing() -> None:
    high = ((100.0, 50.0), (290.0, 50.0), (292.0, 0.0), (294.0, 50.0), (500.0, 50.0), (500.0, 100.0), (100.0, 100.0))
    assert ascent(replace(LEVEL, polygon=high)) < 40


def test_the_ascent_of_bent_lines() -> None:
    x = np.linspace(0, 600, 61)
    y = 300 + 40 * np.sin(x / 100)
    outline = [*zip(x, y - 30, strict=True), *zip(x[::-1], y[::-1] + 10, strict=True)]
    line = replace(LEVEL, baseline=tuple(zip(x, y, strict=True)), polygon=tuple(outline))
    assert ascent(line) == pytest.approx(30, rel=0.1)


def test_the_ascent_without_an_outline_is_that_of_the_tallest_word() -> None:
    words = (Word("a", 1, (0, 0, 10, 40)), Word("-", 1, (20, 20, 30, 22)))
    assert ascent(replace(LEVEL, polygon=(), words=words)) == 30
    assert ascent(replace(LEVEL, polygon=(), baseline=())) == 1
    assert ascent(replace(LEVEL, baseline=((5.0, 5.0), (9.0, 5.0), (5.0, 5.0)), words=words)) == 30


def test_words_are_on_the_baseline() -> None:
    assert on_baseline(LEVEL, (120, 60, 200, 62)) == ((120, 80), (200, 80))
    slanted = replace(LEVEL, baseline=((100.0, 80.0), (300.0, 100.0), (500.0, 100.0)))
    assert on_baseline(slanted, (150, 0, 250, 9)) == ((150, pytest.approx(85)), (250, pytest.approx(95)))
    start, end = on_baseline(slanted, (0, 0, 600, 9))
    assert start == (0, pytest.approx(75)) and end == (600, pytest.approx(105)), "continues in the mean direction"
    upwards = replace(LEVEL, baseline=((80.0, 500.0), (80.0, 100.0)))
    assert on_baseline(upwards, (50, 200, 90, 300)) == ((80, 300), (80, 200))
    downwards = replace(LEVEL, baseline=((80.0, 100.0), (80.0, 500.0)))
    assert on_baseline(downwards, (50, 200, 90, 300)) == ((80, 200), (80, 300))
    overhead = replace(LEVEL, baseline=LEVEL.baseline[::-1])
    assert on_baseline(overhead, (120, 60, 200, 62)) == ((200, 80), (120, 80))
    assert on_baseline(replace(LEVEL, baseline=((0.0, 7.0), (9.0, 9.0), (0.0, 7.0))), (1, 2, 3, 4)) == ((1, 7), (3, 7))
    assert on_baseline(replace(LEVEL, baseline=()), (1, 2, 3, 4)) == ((1, 4), (3, 4))
    assert on_baseline(replace(LEVEL, baseline=((0.0, 7.0),)), (1, 2, 3, 4)) == ((1, 7), (3, 7))


def test_slope_and_offset_of_a_straight_line() -> None:
    line = replace(LEVEL, baseline=((120.0, 81.0), (320.0, 91.0), (520.0, 101.0)), polygon=rectangle(100, 40, 520, 120))
    slope, offset = slope_and_offset(line)
    assert slope == pytest.approx(0.05) and offset == pytest.approx(81 - 20 * 0.05 - 120)
    assert slope_and_offset(replace(line, baseline=((7.0, 90.0),))) == (0, -30)
    assert slope_and_offset(replace(line, baseline=())) == (0, 0)
    assert slope_and_offset(replace(line, baseline=((7.0, 50.0), (7.0, 90.0)))) == (0, -50)


def test_words_that_have_no_place_share_out_their_line() -> None:
    words = words_with_boxes(LEVEL)
    assert [word.text for word in words] == ["ab", "-", "cd"] and {word.confidence for word in words} == {0.5}
    step = 400 / 7
    for word, (first, last) in zip(words, ((0, 2), (3, 4), (5, 7)), strict=True):
        assert word.box == pytest.approx((100 + first * step, 20, 100 + last * step, 100))
    assert words_with_boxes(RICH.lines[0]) is RICH.lines[0].words
    assert words_with_boxes(replace(LEVEL, text="")) == ()


def test_boxes() -> None:
    assert line_box(LEVEL) == (100, 20, 500, 100)
    assert line_box(replace(LEVEL, polygon=(), words=(Word("a", 1, (3, 4, 5, 6)),))) == (3, 4, 5, 6)
    assert line_box(replace(LEVEL, polygon=())) == (100, 80, 500, 80)
    region = Region("r", "text", rectangle(1, 2, 3, 4))
    assert block_box(region, [LEVEL]) == (1, 2, 3, 4)
    assert block_box(None, [LEVEL, replace(LEVEL, polygon=rectangle(0, 90, 20, 200))]) == (0, 20, 500, 200)


def test_blocks_are_runs_of_lines_of_one_region() -> None:
    assert [(region and region.id, [line.id for line in lines]) for region, lines in blocks(RICH)] == [
        ("r1", ["l1", "l2"]),
        ("r2", ["note"]),
        ("eSc_textblock_3", ["eSc_line_1", "eSc_line_2"]),
    ]
    separated = replace(RICH, lines=(RICH.lines[0], RICH.lines[2], RICH.lines[1], replace(LEVEL, region="gone")))
    assert [region and region.id for region, _ in blocks(separated)] == ["r1", "r2", "r1", None]

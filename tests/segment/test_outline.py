"""Polygons of lines whose ink is drawn."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hwr.page.geometry import bounding_box
from hwr.segment.outline import Outline, assign_ink, outline_lines, repetition, without_cut_off, written
from hwr.segment.trace import Trace

Mask = NDArray[np.uint8]


def trace(x0: float, x1: float, y: float, height: float = 40) -> Trace:
    return Trace(np.array([[x0, y], [x1, y]], dtype=np.float64), height, 0.0, 1.0)


def covered(outline: Outline, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [outline.polygon.round().astype(np.int32)], 1)
    return np.asarray(mask > 0)


def letters(page: Mask, x0: int, x1: int, y: int) -> None:
    """A row of small letters, 14 pixels high, on the baseline y."""
    for x in range(x0, x1, 10):
        page[y - 14 : y, x : x + 6] = 1


def outlined(traces: list[Trace], writing: Mask, depth: NDArray[np.uint8]) -> list[Outline]:
    return outline_lines(traces, assign_ink(traces, writing), depth)


def test_ink_of_a_line_with_its_tails_is_in_its_polygon_and_other_ink_does_not() -> None:
    page = np.zeros((300, 600), np.uint8)
    letters(page, 50, 500, 100)
    letters(page, 50, 500, 150)
    page[70:100, 200:203] = 1  # an ascender
    page[150:168, 300:303] = 1  # a descender
    page[240:250, 100:140] = 1  # ink far from both lines
    upper, lower = outlined([trace(50, 496, 100), trace(50, 496, 150)], page, 255 * page)
    assert covered(upper, page.shape)[70:100, 200:203].all()
    assert covered(lower, page.shape)[150:168, 300:303].all()
    assert covered(upper, page.shape)[86:100][page[86:100] > 0].all()
    assert not covered(upper, page.shape)[140:].any() and not covered(lower, page.shape)[:105].any()
    assert not covered(lower, page.shape)[235:].any()


def test_a_tail_into_the_next_line_is_cut_between_the_lines() -> None:
    page = np.zeros((300, 600), np.uint8)
    letters(page, 50, 500, 100)
    letters(page, 50, 500, 150)
    page[90:150, 300:303] = 1  # from one line's letters into the other's
    upper, lower = outlined([trace(50, 496, 100), trace(50, 496, 150)], page, 255 * page)
    assert covered(upper, page.shape)[100:112, 301].all() and covered(lower, page.shape)[125:136, 301].all()
    assert not covered(upper, page.shape)[145, 301] and not covered(lower, page.shape)[100, 301]


def test_a_polygon_stays_on_the_page_in_width_and_takes_in_ink_next_to_the_baseline() -> None:
    page = np.zeros((200, 300), np.uint8)
    letters(page, 0, 300, 100)
    outline = outlined([trace(15, 280, 100)], page, 255 * page)[0]
    x0, _, x1, _ = bounding_box(outline.polygon)
    assert x0 == 0 and 296 < x1 <= 300
    assert outline.ink > 0 and outline.depth == 255


def test_a_line_without_ink_is_said_to_have_none() -> None:
    outline = outlined([trace(20, 200, 100)], *np.zeros((2, 200, 300), np.uint8))[0]
    assert outline.ink == 0 and outline.depth == 0 and len(outline.polygon) >= 4


def test_faint_lines_and_lines_without_ink_are_not_written() -> None:
    page = np.zeros((400, 600), np.uint8)
    for y in (100, 150, 200):
        letters(page, 50, 500, y)
    depth = 120 * page
    depth[180:] = depth[180:] // 3  # the third line has shone through
    traces = [trace(50, 496, y) for y in (100, 150, 200, 300)]
    assert written(outlined(traces, page, depth), traces) == [0, 1]


def test_dotted_rules_are_not_written_even_if_little_but_grain_is_left_of_them() -> None:
    page = np.zeros((400, 600), np.uint8)
    random = np.random.default_rng(0)
    letters(page, 50, 500, 100)
    for x in range(50, 500, 12):
        page[199:202, x : x + 3] = 1
    for x in range(50, 500, 20):
        y = 298 + int(random.integers(-12, 4))
        page[y : y + 3, x : x + 3] = 1
    traces = [trace(50, 496, y) for y in (100, 200, 300)]
    assert written(outlined(traces, page, 120 * page), traces) == [0]


WAVES = {
    "sine": lambda x: np.sin(x / 7),
    "zigzag": lambda x: 2 * np.abs(x / 15 % 2 - 1) - 1,
    "meander": lambda x: np.sign(np.sin(x / 20)),
}


@pytest.mark.parametrize("wave", WAVES.values(), ids=WAVES)
def test_decorative_rules_are_not_written(wave: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> None:
    page = np.zeros((400, 600), np.uint8)
    cv2.putText(page, "a few words of writing", (50, 100), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.2, 1, 2)
    x = np.arange(50, 500)
    cv2.polylines(page, [np.stack([x, 190 + 9 * wave(x)], axis=1).round().astype(np.int32)], False, 1, 2)
    traces = [trace(50, 496, y) for y in (100, 200)]
    assert written(outlined(traces, page, 120 * page), traces) == [0]


def test_the_repetition_is_the_greatest_autocorrelation() -> None:
    columns = np.arange(400)
    rows = np.sin(columns / 9) + np.random.default_rng(0).normal(0, 0.5, 400)
    slow = max(np.corrcoef(rows[lag:], rows[:-lag])[0, 1] for lag in range(30, 133))
    assert repetition(rows, columns) == pytest.approx(slow, abs=0.03)
    assert repetition(np.random.default_rng(1).normal(0, 1, 400), columns) < 0.3
    assert repetition(np.linspace(0, 1, 400), columns) == repetition(np.arange(2.0), columns[:2]) == 0


def test_rims_of_cut_off_lines_are_left_out_unless_a_long_line_begins_there() -> None:
    def outline(x0: float, x1: float) -> Outline:
        line = np.array([[x0, 50.0], [x1, 50.0]])
        return Outline(line, line, 100.0, 500, 20.0, 0.0)

    rims = [outline(1, 60), outline(0, 40), outline(2, 70), outline(100, 900), outline(120, 996)]
    assert without_cut_off([0, 1, 2, 3, 4], rims, 1000) == [3, 4]
    assert without_cut_off([0, 1, 3, 4], rims, 1000) == [0, 1, 3, 4]
    full = [*rims, outline(3, 700), outline(1, 800)]
    assert without_cut_off([0, 1, 2, 3, 5], full, 1000) == [3, 5]
    assert without_cut_off([0, 1, 2, 3, 5, 6], full, 1000) == [0, 1, 2, 3, 5, 6]
    right = [outline(940, 999), outline(950, 1000), outline(930, 997), outline(100, 900)]
    assert without_cut_off([0, 1, 2, 3], right, 1000) == [3]

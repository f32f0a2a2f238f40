"""Pages whose lines slant."""

import math

import cv2
import numpy as np
import pytest

from hwr.segment.skew import can_straighten, find_skew, straighten
from hwr.segment.trace import Trace


def trace(angle: float, length: float) -> Trace:
    end = length * math.cos(math.radians(angle)), length * math.sin(math.radians(angle))
    return Trace(np.array([(10.0, 20.0), (10 + end[0] / 3, 20 + end[1] / 3), (10 + end[0], 20 + end[1])]), 30, 0, 1)


def test_the_skew_is_that_of_the_long_lines() -> None:
    traces = [trace(12, 400), trace(12, 500), trace(-40, 300), trace(70, 60), trace(12, 100)]
    assert find_skew(traces) == pytest.approx(12)
    assert find_skew([trace(-7, 300)]) == pytest.approx(-7)
    assert find_skew([trace(30, 60)]) == find_skew([]) == 0


@pytest.mark.parametrize("angle", [12.0, -20.0])
def test_a_straightened_page_is_level_and_its_points_are_found_on_the_page(angle: float) -> None:
    page = np.full((300, 500), 220, np.uint8)
    slope = math.tan(math.radians(angle))
    ends = [(60, round(150 - 190 * slope)), (440, round(150 + 190 * slope))]
    cv2.line(page, *ends, 0, 3)
    straight = straighten(page, angle)
    rows, columns = np.nonzero(straight.grey < 100)
    assert np.ptp(rows) <= 8 and straight.grey[0, 0] == straight.grey[-1, -1] == 220
    level = float(np.median(rows))
    found = straight.on_page([(float(columns.min()), level), (float(columns.max()), level)])
    assert found == pytest.approx(np.array(ends), abs=3)


def test_pages_are_straightened_and_long_strips_are_not() -> None:
    assert all(can_straighten(shape, angle) for shape in ((1400, 1000), (1000, 2000)) for angle in (12, -45, 60))
    for shape in ((600, 33_000), (33_000, 600)):
        assert can_straighten(shape, 1) and not can_straighten(shape, -15)

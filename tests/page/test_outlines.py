"""Simple outlines against OpenCV's test of points, on random outlines and boxes."""

import itertools

import cv2
import numpy as np
import pytest

from hwr.page.outlines import TOLERANCE, enclose, encloses, simplify_curve, thin_baseline
from hwr.page.page import Box, Point


def wavy(seed: int) -> list[Point]:
    """An outline of 120 corners, as of a line with ascenders and tails."""
    random = np.random.default_rng(seed)
    x = 50 + np.cumsum(random.uniform(3, 9, 60))
    top, bottom = 100 - random.exponential(8, 60), 140 + random.exponential(6, 60)
    return [*zip(x.tolist(), top.tolist(), strict=True), *zip(x[::-1].tolist(), bottom.tolist(), strict=True)]


def inside(outline: tuple[Point, ...], point: Point) -> float:
    """Distance of a point from the outline, negative outside of it."""
    return cv2.pointPolygonTest(np.array(outline, np.float32), point, True)


@pytest.mark.parametrize("seed", range(8))
def test_a_simple_outline_contains_the_fine_one_within_a_pixel(seed: int) -> None:
    fine = wavy(seed)
    simple = enclose(fine, [])
    assert len(simple) < len(fine)
    for start, end in zip(fine, [*fine[1:], fine[0]], strict=True):
        for share in (0.0, 0.25, 0.5, 0.75):
            point = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
            assert inside(simple, point) > -0.01
    for x, y in simple:
        assert inside(tuple(fine), (x, y)) > -TOLERANCE - 0.01


def test_a_level_line_has_four_corners() -> None:
    x = np.linspace(10, 400, 50)
    fine = [*((float(a), 20.0) for a in x), *((float(a), 60.0) for a in x[::-1])]
    assert enclose(fine, []) == ((10.0, 19.5), (400.0, 19.5), (400.0, 60.5), (10.0, 60.5))


@pytest.mark.parametrize("seed", range(8))
def test_words_are_in_the_outline_and_the_ring_does_not_cross_itself(seed: int) -> None:
    random = np.random.default_rng(seed)
    boxes: list[Box] = []
    x = 40.0
    while x < 380:
        width = float(random.uniform(10, 70))
        boxes.append((x, float(random.uniform(80, 100)), x + width, float(random.uniform(140, 165))))
        x += width + 8
    outline = enclose(wavy(seed), boxes)
    for x0, y0, x1, y1 in boxes:
        assert all(inside(outline, corner) >= -0.01 for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    half = next(index for index, (a, b) in enumerate(itertools.pairwise(outline)) if b[0] <= a[0]) + 1
    upper, lower = outline[:half], outline[: half - 1 : -1]
    for points in (upper, lower):
        assert all(a[0] < b[0] for a, b in itertools.pairwise(points))
    places = np.linspace(upper[0][0], upper[-1][0], 500)
    assert (np.interp(places, *zip(*upper, strict=True)) < np.interp(places, *zip(*lower, strict=True))).all()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10, 10, 90, 30), True),
        ((10, 9.5, 90, 30.5), True),  # to a pixel
        ((10, 7, 20, 30), False),
        ((10, 10, 90, 33), False),
        ((-5, 10, 20, 30), False),
        ((80, 10, 105, 30), False),
    ],
)
def test_boxes_inside_and_outside(box: Box, expected: bool) -> None:
    polygon = ((0.0, 10.0), (100.0, 10.0), (100.0, 30.0), (0.0, 30.0))
    assert encloses(polygon, [(40, 15, 50, 20), box]) is expected
    assert encloses(enclose(polygon, [box]), [box])


def test_an_outline_with_two_points_a_side_reaches_over_all_boxes() -> None:
    outline = enclose([(10.0, 20.0), (200.0, 20.0), (200.0, 50.0), (10.0, 50.0)], [(60.0, 10.0, 90.0, 45.0)])
    assert all(inside(outline, corner) >= -0.01 for corner in ((60, 10), (90, 10)))


def test_curves_stay_within_the_tolerance() -> None:
    random = np.random.default_rng(4)
    x = np.cumsum(random.uniform(0.5, 3, 400))
    y = np.cumsum(random.normal(0, 1, 400))
    for tolerance in (0.5, 2.0, 10.0):
        kept = simplify_curve(x, y, tolerance)
        assert kept[0] == 0 and kept[-1] == 399 and kept == sorted(set(kept))
        assert np.abs(np.interp(x, x[kept], y[kept]) - y).max() <= tolerance + 1e-9
    assert simplify_curve(x, 3 * x + 1, 1e-6) == [0, 399]


def test_baselines_keep_their_bends_and_lose_what_is_straight() -> None:
    bent = ((0.0, 10.0), (50.0, 10.2), (100.0, 10.0), (150.0, 30.0), (200.0, 50.0))
    assert thin_baseline(bent) == (bent[0], bent[2], bent[4])
    upwards = ((5.0, 90.0), (5.0, 50.0), (5.0, 10.0))
    assert thin_baseline(upwards) == upwards

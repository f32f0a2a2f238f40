"""Geometry against OpenCV and against lines drawn at known places."""

import cv2
import numpy as np
import pytest

from hwr.page.geometry import bounding_box, clip_box, cut_line, polygon_area, resample
from hwr.page.page import Box


def test_resample_keeps_ends_and_step() -> None:
    points = resample([(0, 0), (30, 40), (30, 50)], 7)
    assert points[0].tolist() == [0, 0] and points[-1].tolist() == [30, 50]
    gaps = np.hypot(*np.diff(points, axis=0).T)
    assert gaps.max() <= 7.001
    assert resample([(3, 4)], 5).tolist() == [[3, 4]]
    assert resample([(3, 4), (3, 4)], 5).tolist() == [[3, 4]]


def test_area_and_box_agree_with_opencv() -> None:
    random = np.random.default_rng(5)
    for _ in range(10):
        hull = cv2.convexHull(random.integers(0, 500, (12, 2)).astype(np.float32))[:, 0]
        assert polygon_area(hull) == pytest.approx(cv2.contourArea(hull))
        x, y, width, height = cv2.boundingRect(hull)
        box = bounding_box(hull)
        assert box == (x, y, x + width - 1, y + height - 1)


def level(y: float, x0: float = 0, x1: float = 1000) -> list[tuple[float, float]]:
    return [(x0, y), (x1, y)]


def test_a_level_line_is_cut_without_change() -> None:
    page = np.random.default_rng(6).integers(0, 256, (200, 300), dtype=np.uint8)
    box = [(50, 60), (250, 60), (250, 100), (50, 100)]
    cut = cut_line(page, [(60, 90), (240, 90)], box, margin=0)
    assert np.array_equal(cut.image, page[60:101, 50:251])
    corners = np.array([(10.0, 0.0), (30.0, 41.0)])
    assert bounding_box(cut.page_points(corners)) == (60, 60, 80, 101)


@pytest.mark.parametrize("angle", [-30, -5, 3, 12, 90])
def test_every_pixel_of_the_cut_shows_its_place_on_the_page(angle: float) -> None:
    rows, columns = np.mgrid[0:400, 0:400]
    page = ((rows + columns) / 4).astype(np.uint8)  # the value gives the place
    along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    down = np.array([-along[1], along[0]])
    bend = [200 - 120 * along, np.array([200, 200]) + 6 * down, 200 + 120 * along]
    baseline = [tuple(map(float, point)) for point in bend]
    outline = [p - 25 * down for p in bend] + [p + 15 * down for p in bend[::-1]]
    cut = cut_line(page, baseline, [tuple(map(float, point)) for point in outline])
    height, width = cut.image.shape
    assert abs(height - 44) <= 4 and abs(width - 244) <= 6
    for u in range(10, width - 10, 20):
        for v in (height // 3, height // 2):
            x, y = np.array(cut.origin) + u * np.array(cut.along) + (v + cut.drop[u]) * np.array(cut.down)
            assert abs(float(cut.image[v, u]) - (x + y) / 4) < 1.5
            assert cut.page_points(np.array([(float(u), float(v))]))[0].tolist() == pytest.approx([x, y])


def test_points_next_to_a_cut_have_the_drop_of_its_ends() -> None:
    page = np.zeros((100, 200), np.uint8)
    cut = cut_line(page, [(20, 50), (180, 60)], [(20, 30), (180, 40), (180, 70), (20, 60)])
    across, down = np.array(cut.along), np.array(cut.down)
    width = cut.image.shape[1]
    for u, drop in ((-3.0, cut.drop[0]), (width + 2.0, cut.drop[-1])):
        expected = np.array(cut.origin) + u * across + (5 + drop) * down
        assert cut.page_points(np.array([(u, 5.0)]))[0].tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        ((5, 6, 20, 30), (5, 6, 20, 30)),
        ((-3, -4, 20, 30), (0, 0, 20, 30)),
        ((90, 40, 130, 70), (90, 40, 100, 50)),
        ((130, 60, 140, 70), (99, 49, 100, 50)),
        ((-9, -9, -5, -5), (0, 0, 1, 1)),
    ],
)
def test_a_clipped_box_lies_on_the_image_and_is_not_empty(box: Box, clipped: Box) -> None:
    assert clip_box(box, (100, 50)) == clipped


def test_a_slanting_stroke_becomes_level_and_neighbours_are_painted_over() -> None:
    page = np.full((300, 600), 220, np.uint8)
    cv2.line(page, (50, 100), (550, 180), 30, 5)
    cv2.line(page, (50, 150), (550, 230), 0, 5)  # the next line, outside the polygon
    polygon = [(45, 75), (555, 155), (555, 200), (45, 120)]
    cut = cut_line(page, [(50, 100), (550, 180)], polygon)
    rows = np.flatnonzero((cut.image < 100).any(axis=1))
    assert np.ptp(rows) <= 8
    assert cut.image.min() >= 25 and (cut.image[-5:] >= 215).all()


def test_paper_outside_follows_the_paper_inside() -> None:
    page = np.tile(np.linspace(120, 240, 800), (200, 1)).astype(np.uint8)
    cut = cut_line(page, [(20, 110), (780, 110)], [(20, 80), (780, 120), (780, 125), (20, 125)])
    corner = cut.image[2:6]
    assert abs(int(corner[:, 700].mean()) - int(page[0, 720])) < 15


@pytest.mark.parametrize("upright", [False, True])
def test_strips_longer_than_opencv_samples_are_cut(upright: bool) -> None:
    strip = np.random.default_rng(0).integers(0, 256, (60, 70_000), dtype=np.uint8)
    box = [(10.0, 5.0), (69_990.0, 5.0), (69_990.0, 54.0), (10.0, 54.0)]
    baseline = [(10.0, 40.0), (69_990.0, 40.0)]
    if not upright:
        cut = cut_line(strip, baseline, box, margin=0)
    else:  # the same strip, turned by a quarter: x, y -> -y, x
        turned = np.ascontiguousarray(np.rot90(strip, -1))
        cut = cut_line(turned, *([(59.0 - y, x) for x, y in points] for points in (baseline, box)), margin=0)
    assert np.array_equal(cut.image, strip[5:55, 10:69_991])


def test_a_cut_next_to_a_long_strip_shows_its_border() -> None:
    strip = np.full((40, 40_000), 90, np.uint8)
    cut = cut_line(strip, [(-300, 20), (-200, 20)], [(-300, 5), (-200, 5), (-200, 30), (-300, 30)])
    assert (cut.image == 90).all()


def test_columns_over_too_much_of_a_strip_are_refused() -> None:
    strip = np.zeros((20, 40_000), np.uint8)
    with pytest.raises(ValueError, match="cannot be a line"):
        cut_line(strip, [(20_000, 2), (20_000, 18)], [(5, 2), (39_990, 2), (39_990, 18), (5, 18)])


def test_no_area_and_a_giant_are_refused() -> None:
    page = np.zeros((100, 100), np.uint8)
    with pytest.raises(ValueError, match="cannot be a line"):
        cut_line(page, [(0, 5), (50, 5)], [(0, 5), (50, 5), (20, 5)])
    with pytest.raises(ValueError, match="cannot be a line"):
        cut_line(page, [(0, 0), (9000, 0)], [(0, 0), (9000, 0), (9000, 9000), (0, 9000)])

"""Lines from elsewhere on an image: scaled and clipped."""

import cv2
import numpy as np
import pytest

from hwr.errors import InputError
from hwr.page.completing import derive_baseline, rectangle
from hwr.page.geometry import as_points, bounding_box
from hwr.page.page import Line, Page, Point, Region, Word
from hwr.page.placing import clip_polygon, clip_polyline, fit_lines

BOX = rectangle((20.0, 20.0, 180.0, 60.0))


def line(id: str, polygon: tuple[Point, ...], baseline: tuple[Point, ...] = (), words: tuple[Word, ...] = ()) -> Line:
    return Line(id, "r", "default", "text", 1.0, baseline, polygon, words)


def page(*lines: Line, size: tuple[int, int] = (200, 100)) -> Page:
    return Page("scan.png", *size, "", (Region("r", "text", rectangle((0.0, 0.0, 200.0, 100.0))),), lines)


def mask(polygon: tuple[Point, ...], width: int, height: int, pad: int) -> np.ndarray:
    """The polygon's pixels on a canvas that is `pad` larger on each side."""
    canvas = np.zeros((height + 2 * pad, width + 2 * pad), np.uint8)
    if polygon:
        cv2.fillPoly(canvas, [np.round(as_points(polygon) + pad).astype(np.int32)], 1)
    return canvas[pad : pad + height, pad : pad + width]


def test_a_clipped_polygon_covers_what_the_whole_one_covers_on_the_image() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        radii = rng.uniform(20, 150, 9)
        corners = rng.uniform(-20, 120, 2) + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        polygon = tuple((float(x), float(y)) for x, y in corners)
        clipped = clip_polygon(polygon, 100, 80)
        assert all(0 <= x <= 100 and 0 <= y <= 80 for x, y in clipped)
        differ = mask(polygon, 100, 80, 400) != mask(clipped, 100, 80, 400)
        assert cv2.erode(differ.astype(np.uint8), np.ones((3, 3), np.uint8)).sum() == 0


def test_polygons_inside_stay_and_those_outside_are_dropped() -> None:
    assert clip_polygon(BOX, 200, 100) == BOX
    assert clip_polygon(BOX, 15, 100) == () and clip_polygon(((0, 0), (5, 0), (9, 0)), 15, 100) == ()


def test_polylines() -> None:
    assert clip_polyline(((-10, 5), (10, 5), (30, 5)), 20, 10) == ((0, 5), (10, 5), (20, 5))
    assert clip_polyline(((-10, -10), (40, 40)), 20, 10) == ((0, 0), (10, 10))
    assert clip_polyline(((-10, 50), (40, 50)), 20, 10) == ()
    assert clip_polyline(((1, 1), (5, 2)), 20, 10) == ((1, 1), (5, 2))


def test_lines_are_scaled_to_an_image_of_the_same_aspect() -> None:
    word = Word("text", 0.5, (20.0, 20.0, 60.0, 60.0))
    fitted = fit_lines(page(line("a", BOX, ((20, 50), (180, 50)), (word,))), 400, 201, "a.xml")
    (found,) = fitted.page.lines
    assert fitted.scale == pytest.approx(2.005)
    assert (fitted.page.width, fitted.page.height) == (400, 201)
    assert np.allclose(found.baseline, 2.005 * np.array([[20, 50], [180, 50]]))
    assert np.allclose(found.words[0].box, 2.005 * np.array([20, 20, 60, 60]))
    assert np.allclose(bounding_box(fitted.page.regions[0].polygon), (0, 0, 400, 200.5), atol=1)


def test_another_aspect_is_an_error() -> None:
    with pytest.raises(InputError, match=r"^a\.xml: made for a page of 200 x 100, the image is 100 x 200: another"):
        fit_lines(page(), 100, 200, "a.xml")
    assert fit_lines(page(size=(0, 0)), 100, 200, "a.xml").scale == 1.0


def test_lines_outside_are_left_out_with_the_reason() -> None:
    outside = line("b", rectangle((300.0, 20.0, 400.0, 60.0)), ((300, 50), (400, 50)))
    partly = line("c", rectangle((150.0, 20.0, 400.0, 60.0)), ((150, 50), (400, 52)))
    loose = line("d", BOX, ((20, 500), (180, 500)))
    fitted = fit_lines(page(outside, line("n", ()), partly, loose), 200, 100, "a.xml")
    assert fitted.left_out == (
        ("b", "its polygon is outside the image"),
        ("n", "it has neither a polygon nor a baseline"),
    )
    assert [found.id for found in fitted.page.lines] == ["c", "d"]
    assert fitted.page.lines[0].polygon == rectangle((150.0, 20.0, 200.0, 60.0)) or bounding_box(
        fitted.page.lines[0].polygon
    ) == (150, 20, 200, 60)
    assert fitted.page.lines[0].baseline[-1][0] == 200
    assert fitted.page.lines[1].baseline == derive_baseline(BOX)

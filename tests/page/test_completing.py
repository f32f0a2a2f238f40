"""Baselines and polygons, derived from each other."""

import time

import cv2
import numpy as np
import pytest

from hwr.page.completing import complete_lines, correct_words, derive_baseline, derive_polygon, rectangle
from hwr.page.geometry import as_points, bounding_box
from hwr.page.page import Line, Point, Word

BOX = rectangle((20.0, 20.0, 180.0, 60.0))


def line(id: str, polygon: tuple[Point, ...], baseline: tuple[Point, ...] = (), words: tuple[Word, ...] = ()) -> Line:
    return Line(id, "r", "default", "text", 1.0, baseline, polygon, words)


def with_words(text: str, *words: str) -> Line:
    boxes = [Word(word, 0.5, (20.0 * k, 0.0, 20.0 * k + 10, 9.0)) for k, word in enumerate(words)]
    return Line("l", "r", "default", text, 0.9, (), BOX, tuple(boxes))


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("a b", ("a", "b"), [("a", 0.5, 0, 10), ("b", 0.5, 20, 30)]),
        ("a  New York", ("a", "New York"), [("a", 0.5, 0, 10), ("New York", 0.5, 20, 30)]),
        ("a c", ("a", "b"), [("a", 0.5, 0, 10), ("c", 0.9, 20, 30)]),
        ("a, (b)", ("a", ",", "(", "b", ")"), [("a,", 0.5, 0, 30), ("(b)", 0.5, 40, 90)]),
        ("a b c", ("a", "bc"), []),
        ("ab", ("a", "b", "c"), []),
        ("", ("a",), []),
        ("a b", (), []),
    ],
)
def test_words_spell_the_text_of_their_line(
    text: str, words: tuple[str, ...], expected: list[tuple[str, float, int, int]]
) -> None:
    (line,), lost = correct_words([with_words(text, *words)])
    assert [(word.text, word.confidence, word.box[0], word.box[2]) for word in line.words] == expected
    assert [id for id, _ in lost] == (["l"] if words and not expected else [])


def test_joining_many_parts_takes_linear_time() -> None:
    text = "x" * 40_000
    started = time.process_time()
    (line,), _ = correct_words([with_words(text, *text)])
    assert time.process_time() - started < 5
    assert [word.text for word in line.words] == [text]


def test_a_box_has_a_level_baseline() -> None:
    assert derive_baseline(BOX) == ((20, 48), (180, 48))
    assert len(derive_baseline(((5, 5), (5, 9), (5, 7)))) == 2


def test_a_baseline_follows_slopes_and_bends() -> None:
    x = np.linspace(100, 900, 41)
    for curve in (0.1 * x + 50, 300 - 0.15 * x, 200 + 40 * np.sin(x / 250)):
        rng = np.random.default_rng(3)
        upper = np.stack([x, curve - 30 - rng.uniform(0, 8, len(x))], axis=1)
        lower = np.stack([x, curve + 12 + rng.uniform(0, 4, len(x))], axis=1)
        found = as_points(derive_baseline([*map(tuple, upper), *map(tuple, lower[::-1])]))
        deviation = np.interp(x, found[:, 0], found[:, 1]) - curve
        assert np.abs(deviation).mean() < 5 and np.all(np.diff(found[:, 0]) > 0)


def test_a_polygon_reaches_as_far_as_the_lines_are_apart() -> None:
    lines = [line(str(k), (), ((100, 100 + 50 * k), (500, 110 + 50 * k))) for k in range(4)]
    complete = complete_lines(lines)
    for found in complete:
        for x, y in found.baseline:
            assert cv2.pointPolygonTest(as_points(found.polygon).astype(np.float32), (x, y), False) > 0
        x0, y0, x1, y1 = bounding_box(found.polygon)
        assert (x0, x1) == pytest.approx((95, 505), abs=2)
        assert y1 - y0 == pytest.approx(50 + 10, abs=3)


def test_gaps_do_not_make_polygons_higher() -> None:
    rows = [100, 140, 180, 500, 540, 900, 940, 2000]
    heights = []
    for found in complete_lines([line(str(k), (), ((100, row), (500, row))) for k, row in enumerate(rows)]):
        _, top, _, bottom = bounding_box(found.polygon)
        heights.append(bottom - top)
    assert heights[:-1] == pytest.approx([38] * 7) and heights[-1] == pytest.approx(76)
    columns = [line(f"{x}{y}", (), ((x, y), (x + 90, y))) for x in (0, 100) for y in (50, 100, 150 + x // 4)]
    heights = [bounding_box(found.polygon)[3] - bounding_box(found.polygon)[1] for found in complete_lines(columns)]
    assert heights == pytest.approx([47.5] * 5 + [71.25], abs=0.1)
    (alone,) = complete_lines([line("a", (), ((0, 50), (1000, 50)))])
    assert bounding_box(alone.polygon)[3] - bounding_box(alone.polygon)[1] == pytest.approx(0.95 * 50)


def test_polygons_turn_with_their_baselines() -> None:
    up = as_points(derive_polygon(((100, 500), (100, 100)), 50))
    assert bounding_box(up) == pytest.approx((67.5, 95, 115, 505))


def test_boxes_of_words_are_a_last_resort() -> None:
    words = (Word("a", 1.0, (10.0, 20.0, 30.0, 40.0)), Word("b", 1.0, (40.0, 18.0, 60.0, 42.0)))
    (found,) = complete_lines([line("l", (), (), words)])
    assert bounding_box(found.polygon) == (10, 18, 60, 42) and found.baseline
    assert complete_lines([line("l", ())]) == (line("l", ()),)

"""The cBAD measure against a slow twin written from the paper, and against cases worked out by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.baselines import (
    BaselineMatch,
    BaselineScores,
    coverage,
    even_points,
    line_distance,
    match_baselines,
    score_baselines,
    tolerances,
)

Pixel = tuple[int, int]


def level(y: float, x0: float = 0, x1: float = 1000) -> list[tuple[float, float]]:
    return [(x0, y), (x1, y)]


# --- the twin: one loop a sentence of the paper ------------------------------------------------------------------


def twin_points(polyline: list[Pixel]) -> list[Pixel]:
    dense = []
    for (x1, y1), (x2, y2) in pairwise(polyline):
        steps = max(abs(x2 - x1), abs(y2 - y1))
        for step in range(steps):
            x, y = x1 + step * (x2 - x1) / steps, y1 + step * (y2 - y1) / steps
            dense.append((math.floor(x + 0.5), math.floor(y + 0.5)))
    dense.append(polyline[-1])
    if len(dense) <= 20:
        return dense
    length = len(dense) - 1
    count = max(20, length // 5 + 1)
    return [dense[int(place * length / (count - 1))] for place in range(count - 1)] + [dense[-1]]


def twin_tolerances(lines: list[list[Pixel]]) -> list[float]:
    distances = []
    for line in lines:
        xs, ys = [x for x, _ in line], [y for _, y in line]
        angle = math.pi / 2 if len(set(xs)) == 1 else math.atan(np.polyfit(xs, ys, 1)[0])
        nearest = 250.0
        for other in lines:
            if other is line:
                continue
            signs = set()
            for x1, y1 in (line[0], line[-1]):
                for x2, y2 in (other[0], other[-1]):
                    signs.add(np.sign(round((x1 - x2) * math.cos(angle) + (y1 - y2) * math.sin(angle), 6)))
            if signs in ({1.0}, {-1.0}):
                continue
            for x1, y1 in line:
                for x2, y2 in other:
                    inline = (x1 - x2) * math.cos(angle) + (y1 - y2) * math.sin(angle)
                    offline = (x1 - x2) * math.sin(angle) - (y1 - y2) * math.cos(angle)
                    if abs(inline) <= 10:
                        nearest = min(nearest, abs(offline))
        distances.append(nearest if nearest < 250 else 0.0)
    known = [distance for distance in distances if distance > 0]
    mean = sum(known) / len(known) if known else 250.0
    return [0.25 * min(mean, distance if distance > 0 else mean) for distance in distances]


def twin_cover(line: list[Pixel], others: list[list[Pixel]], tolerance: float) -> float:
    total = 0.0
    for x1, y1 in line:
        distance = min(abs(x1 - x2) + abs(y1 - y2) for other in others for x2, y2 in other)
        if distance <= tolerance:
            total += 1
        elif distance < 3 * tolerance:
            total += (3 * tolerance - distance) / (2 * tolerance)
    return total / len(line)


def twin_scores(true: list[list[Pixel]], found: list[list[Pixel]]) -> tuple[list[float], list[float]]:
    lines, guesses = [twin_points(line) for line in true], [twin_points(line) for line in found]
    limits = twin_tolerances(lines)
    recalls = [twin_cover(line, guesses, limit) for line, limit in zip(lines, limits, strict=True)]
    cells = {
        (g, t): twin_cover(guess, [line], limits[t]) for g, guess in enumerate(guesses) for t, line in enumerate(lines)
    }
    precisions = [0.0] * len(found)
    while cells and max(cells.values()) > 0:
        best = max(cells, key=lambda cell: cells[cell])
        precisions[best[0]] = cells[best]
        cells = {cell: value for cell, value in cells.items() if cell[0] != best[0] and cell[1] != best[1]}
    return precisions, recalls


def random_page(random: np.random.Generator) -> tuple[list[list[Pixel]], list[list[Pixel]]]:
    """Slanted, bent lines, and what a poor finder makes of them: shifted, cut, in pieces, doubled, missing, false."""
    slope, true = random.uniform(-0.3, 0.3), []
    for row in range(int(random.integers(1, 8))):
        x = sorted(map(int, random.integers(0, 500, 4)))
        y0 = 60 + row * int(random.integers(25, 60))
        true.append([(place, int(y0 + slope * place + random.integers(-3, 4))) for place in x])
    found = []
    for line in true:
        fate = random.integers(0, 5)
        dx, dy = map(int, random.integers(-12, 13, 2))
        moved = [(x + dx, y + dy) for x, y in line]
        found += [[moved], [moved[:2], moved[2:]], [moved, line], [], [moved[1:]]][fate]
    found.append([tuple(map(int, point)) for point in random.integers(0, 500, (3, 2))])
    return true, found


def test_scores_agree_with_the_twin() -> None:
    random = np.random.default_rng(11)
    for _ in range(12):
        true, found = random_page(random)
        scores = score_baselines(true, found)
        precisions, recalls = twin_scores(true, found)
        assert scores.recalls == pytest.approx(recalls)
        assert sum(scores.precisions) == pytest.approx(sum(precisions))
        assert sorted(scores.precisions) == pytest.approx(sorted(precisions))


def test_points_are_those_of_the_twin() -> None:
    random = np.random.default_rng(12)
    for _ in range(50):
        line = [tuple(map(int, point)) for point in random.integers(0, 90, (3, 2))]
        assert [tuple(point) for point in even_points(line)] == twin_points(line)
    assert len(even_points(level(7))) == 201  # every 5 pixels
    assert len(even_points(level(7, 0, 40))) == 20  # at least 20
    assert len(even_points(level(7, 0, 9))) == 10  # one a pixel
    assert even_points([(3, 4), (3, 4)]).tolist() == [[3, 4]]


# --- by hand -----------------------------------------------------------------------------------------------------


def test_tolerance_is_a_quarter_of_the_line_distance_and_of_their_mean_at_most() -> None:
    lines = [even_points(level(y)) for y in (100, 140, 180, 280)]
    # nearest: 40, 40, 40, 100; mean 55
    assert tolerances(lines) == pytest.approx([10, 10, 10, 0.25 * 55])
    beside = [even_points(level(y, 1100, 1500)) for y in (105, 155)]
    # 50 apart, and not neighbours of the lines of the other column, 5 to 25 pixels higher or lower; mean 160 / 3
    assert tolerances(lines + beside) == pytest.approx([10, 10, 10, 0.25 * 320 / 6, 12.5, 12.5])
    assert tolerances([even_points(level(100))]) == [0.25 * 250]
    assert tolerances([even_points(level(100)), even_points(level(400))]) == [0.25 * 250] * 2


def test_a_shift_costs_nothing_up_to_the_tolerance_and_everything_at_three_times() -> None:
    true = [level(y) for y in (100, 180, 260)]  # tolerance 20
    for shift, expected in ((0, 1.0), (20, 1.0), (30, 0.75), (35, 0.625), (-35, 0.625)):
        scores = score_baselines(true[1:2] + true[::2], [level(y + shift) for y in (100, 180, 260)])
        assert scores.f1 == pytest.approx(expected), shift
    lone = score_baselines([level(100), level(180)], [level(20 + 19)])  # 61 above the first line
    assert lone == BaselineScores((0.0,), (0.0, 0.0))


def test_pieces_cost_precision_only_and_the_longer_share_is_kept() -> None:
    true = [level(100), level(140)]
    halves = score_baselines(true, [level(100, 0, 500), level(100, 500, 1000), level(140)])
    assert halves.recall == 1 and halves.precision == pytest.approx(2 / 3)
    assert halves.f1 == pytest.approx(0.8)


def test_a_line_over_two_lines_keeps_one_of_them() -> None:
    # two cells of a row found as one line, level with both: half of it lies on the cell that it is aligned with
    cells = [level(100, 0, 480), level(100, 520, 1000), level(140, 0, 480), level(140, 520, 1000)]
    joined = score_baselines(cells, [level(100), level(140)])
    assert joined.recall == 1
    # of its 201 points 97 lie on a cell, two more within the tolerance of 10, four more within 30: 3/4, 1/2, 1/4 and 0
    assert joined.precision == pytest.approx((97 + 2 + 0.75 + 0.5 + 0.25) / 201)


def test_a_short_line_counts_by_length_in_recall_and_fully_in_precision() -> None:
    scores = score_baselines([level(100), level(140)], [level(100, 0, 500)])
    assert scores.precision == 1
    # 101 points of the first line, two more within the tolerance, and 0.75, 0.5, 0.25 of the next; none of the second
    assert scores.recall == pytest.approx((101 + 2 + 0.75 + 0.5 + 0.25) / 201 / 2)


def test_coverage_says_on_which_true_line_a_found_one_lies() -> None:
    true = [level(100), level(140), level(180)]
    covered = coverage(true, [level(141), level(100, 400, 500), level(600)])
    assert covered.shape == (3, 3) and covered[0, 1] == covered[1, 0] == 1
    assert covered[2].max() == 0 and covered.sum() == pytest.approx(2)
    assert coverage([], [level(1)]).shape == (1, 0) and coverage([level(1)], []).shape == (0, 1)


def test_nothing_found_nothing_there_and_pooling() -> None:
    assert score_baselines([], []).f1 == 1
    assert score_baselines([level(10)], []).f1 == 0 and score_baselines([], [level(10)]).f1 == 0
    pooled = BaselineScores((1.0, 0.5), (1.0,)) + BaselineScores((0.0,), (0.5, 0.0))
    assert pooled == BaselineScores((1.0, 0.5, 0.0), (1.0, 0.5, 0.0))
    assert (pooled.precision, pooled.recall, pooled.f1) == (0.5, 0.5, 0.5)


# --- whole lines -------------------------------------------------------------------------------------------------


def test_matching_counts_lines_within_a_quarter_of_the_distance() -> None:
    reference = [level(y) for y in (100, 140, 180)]
    assert match_baselines(reference, reference) == BaselineMatch(3, 3, 3)
    near, far = [level(y + 9) for y in (100, 140, 180)], [level(y + 15) for y in (100, 140, 180)]
    assert match_baselines(reference, near).f1 == 1
    assert match_baselines(reference, far).f1 == 0


def test_a_line_in_pieces_or_found_twice_is_not_right() -> None:
    reference = [level(100), level(140)]
    halves = [level(100, 0, 480), level(100, 520, 1000), level(140)]
    assert match_baselines(reference, halves) == BaselineMatch(1, 3, 2)
    twice = [level(100), level(101), level(140)]
    result = match_baselines(reference, twice)
    assert (result.precision, result.recall) == (2 / 3, 1)
    joined = [[(0, 100), (480, 100), (520, 140), (1000, 140)]]
    assert match_baselines(reference, joined).matched == 0
    assert match_baselines([], []).f1 == 1 and match_baselines(reference, []).f1 == 0
    assert BaselineMatch(1, 2, 3) + BaselineMatch(1, 1, 1) == BaselineMatch(2, 3, 4)


def test_line_distance_is_the_drop_to_the_next_line_in_the_same_column() -> None:
    left = [np.array(level(y, 0, 400)) for y in (100, 140, 180)]
    right = [np.array(level(y, 500, 900)) for y in (119, 159, 199)]
    assert line_distance(left + right) == 40
    assert line_distance([np.array(level(100))]) == 50

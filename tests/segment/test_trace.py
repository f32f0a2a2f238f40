"""Maps that are drawn by hand are traced back to the lines that they show."""

import cv2
import numpy as np
import pytest

from hwr.segment.maps import Maps
from hwr.segment.trace import Trace, trace_lines

Line = tuple[list[tuple[float, float]], float]
"""Baseline in pixels of the page, and height."""


def draw(lines: list[Line], size: tuple[int, int] = (800, 1000), gaps: tuple[tuple[int, int], ...] = ()) -> Maps:
    """The output of a perfect network for these lines; between the columns of `gaps` it sees no baseline."""
    height, width = size[0] // 2, size[1] // 2
    baseline, ends = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    heights = np.full((height, width), 20.0, np.float32)
    for points, tall in lines:
        path = (np.array(points) / 2).round().astype(np.int32)
        cv2.polylines(baseline, [path], False, 0.95, 3)
        cv2.polylines(heights, [path], False, float(tall), 9)
        for x, y in (path[0], path[-1]):
            reach = int(0.15 * tall)
            cv2.line(ends, (int(x), int(y) - reach), (int(x), int(y) + reach), 0.9, 4)
    for start, stop in gaps:
        baseline[:, start // 2 : stop // 2] = 0
    return Maps(cv2.GaussianBlur(baseline, (3, 3), 0), ends, np.zeros_like(baseline), heights)


def find(traces: list[Trace], line: Line) -> Trace:
    """The trace that runs along a line, from its first to its last point."""
    x, y = np.array(line[0]).T
    near = [
        trace
        for trace in traces
        if np.abs(np.interp(trace.baseline[:, 0], x, y) - trace.baseline[:, 1]).max() < 4
        and abs(trace.baseline[0, 0] - x[0]) < 12
        and abs(trace.baseline[-1, 0] - x[-1]) < 12
    ]
    assert len(near) == 1
    return near[0]


def level(x0: float, x1: float, y: float, tall: float = 40) -> Line:
    return [(x0, y), (x1, y)], tall


def test_level_slanting_and_bent_lines() -> None:
    bent = [(100.0 + 10 * k, 500 + 30 * np.sin(k / 12)) for k in range(70)]
    lines = [level(100, 900, 100), ([(100, 200), (900, 330)], 40), (bent, 50), level(120, 500, 700, 60)]
    traces = trace_lines(draw(lines))
    assert len(traces) == 4
    for line in lines:
        assert find(traces, line).height == pytest.approx(line[1], rel=0.05)


def test_close_lines_are_not_mixed() -> None:
    lines = [level(50, 950, y, 18) for y in range(100, 700, 14)]
    traces = trace_lines(draw(lines))
    assert len(traces) == len(lines)
    for line in lines:
        find(traces, line)


def test_cells_of_a_row_are_separated_at_their_ends() -> None:
    lines = [level(50, 300, 200), level(312, 600, 200), level(606, 640, 200), level(660, 900, 202)]
    traces = trace_lines(draw(lines))
    assert len(traces) == 4
    for line in lines:
        find(traces, line)


def test_cells_that_the_baseline_runs_through_are_separated_too() -> None:
    maps = draw([level(50, 900, 200)])
    maps.ends[90:111, 238:244] = 0.9
    traces = trace_lines(maps)
    assert sorted(round(trace.baseline[0, 0]) for trace in traces) == pytest.approx([50, 481], abs=12)


def test_a_gap_without_marks_is_bridged() -> None:
    line = level(50, 900, 300)
    traces = trace_lines(draw([line], gaps=((400, 470),)))
    assert len(traces) == 1
    find(traces, line)


def test_a_gap_between_marks_or_a_wide_one_is_not() -> None:
    apart = [level(50, 400, 300), level(470, 900, 300)]
    assert len(trace_lines(draw(apart))) == 2
    assert len(trace_lines(draw([level(50, 900, 300)], gaps=((400, 560),)))) == 2


def test_specks_and_faint_crests_are_not_lines() -> None:
    maps = draw([level(100, 112, 300)])
    assert trace_lines(maps) == []
    faint = draw([level(100, 800, 300)])
    faint.baseline[:] *= 0.4
    assert trace_lines(faint) == []
    assert trace_lines(draw([])) == []

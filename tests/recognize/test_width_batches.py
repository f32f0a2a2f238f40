"""Batches of lines of similar width."""

import numpy as np

from hwr.recognize.batches import plan_batches


def test_every_line_once_and_all_limits_held() -> None:
    random = np.random.default_rng(3)
    for count in (1, 2, 7, 100):
        widths = random.integers(1, 3000, count).tolist()
        batches = plan_batches(widths, 64, max_lines=8, max_pixels=500_000, max_waste=0.2)
        assert sorted(index for batch in batches for index in batch) == list(range(count))
        for batch in batches:
            padded = len(batch) * max(widths[index] for index in batch)
            assert len(batch) <= 8
            assert len(batch) == 1 or padded * 64 <= 500_000
            assert 1 - sum(widths[index] for index in batch) / padded <= 0.2


def test_lines_of_one_width_fill_their_batches() -> None:
    assert [len(b) for b in plan_batches([100] * 20, 10, max_lines=8, max_pixels=10**9)] == [8, 8, 4]
    assert [len(b) for b in plan_batches([100] * 20, 10, max_lines=99, max_pixels=5000)] == [5, 5, 5, 5]


def test_a_line_over_the_budget_goes_alone_and_nothing_gives_nothing() -> None:
    assert plan_batches([10, 5000, 10], 10, max_lines=8, max_pixels=1000) == [[0, 2], [1]]
    assert plan_batches([], 10, max_lines=8, max_pixels=1000) == []

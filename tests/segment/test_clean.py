"""Ink on paper."""

import numpy as np
import pytest

from hwr.segment.clean import GRAIN, grain_depth


def test_the_depth_of_grain_is_three_standard_deviations_above_the_median() -> None:
    random = np.random.default_rng(0)
    depth = random.normal(40, 6, (500, 600)).round().clip(0, 255).astype(np.uint8)
    assert grain_depth(depth) == pytest.approx(40 + GRAIN * 6, abs=1.5)
    depth[:, ::20] = 200  # ink hardly changes it: the deviation is a whole number
    assert grain_depth(depth) == pytest.approx(40 + GRAIN * 6, abs=1.5 * GRAIN)


def test_paper_without_grain_has_none() -> None:
    assert grain_depth(np.zeros((20, 30), np.uint8)) == 0

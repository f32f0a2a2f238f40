"""The learning rate over a run."""

import math
from itertools import pairwise

import pytest

from hwr.train.recipe import Optimisation
from hwr.train.schedule import in_decay, learning_rate

OPTIONS = Optimisation(learning_rate=0.004, warm_up_steps=100, decay_share=0.2)


def test_warm_up_is_linear_and_never_zero() -> None:
    rates = [learning_rate(step, 0.0, OPTIONS) for step in range(100)]
    assert rates[0] == pytest.approx(0.004 / 100) and rates[49] == pytest.approx(0.002) and rates[99] == 0.004
    assert {round(b - a, 12) for a, b in pairwise(rates)} == {round(0.004 / 100, 12)}


def test_constant_until_the_last_fifth() -> None:
    assert {learning_rate(step, share, OPTIONS) for step in (100, 5000) for share in (0.0, 0.4, 0.7999)} == {0.004}


def test_decay_is_one_less_the_root_and_ends_at_zero() -> None:
    assert learning_rate(5000, 0.8, OPTIONS) == pytest.approx(0.004)
    # A quarter of the decay is over: half of the rate. Four ninths: a third.
    assert learning_rate(5000, 0.85, OPTIONS) == pytest.approx(0.002)
    assert learning_rate(5000, 0.8 + 0.2 * 4 / 9, OPTIONS) == pytest.approx(0.004 / 3)
    assert learning_rate(5000, 1.0, OPTIONS) == pytest.approx(0.0, abs=1e-12)
    assert learning_rate(5000, 1.5, OPTIONS) == 0.0
    falling = [learning_rate(5000, 0.8 + 0.002 * number, OPTIONS) for number in range(101)]
    assert falling == sorted(falling, reverse=True) and len(set(falling)) == 101


def test_warm_up_and_decay_in_a_short_run() -> None:
    expected = 0.004 * 50 / 100 * (1 - math.sqrt(0.5))
    assert learning_rate(49, 0.9, OPTIONS) == pytest.approx(expected)


def test_in_decay() -> None:
    assert not in_decay(0.79, OPTIONS) and in_decay(0.8, OPTIONS) and in_decay(1.2, OPTIONS)
    never = Optimisation(decay_share=0.0)
    assert not in_decay(1.2, never) and learning_rate(500, 1.0, never) == never.learning_rate

"""Rounded kernels lie on the grid of seven bits, and their errors cancel on inputs that go together."""

import numpy as np
import pytest

from hwr.model.rounding import LEVELS, round_weights


@pytest.mark.parametrize("together", [0.0, 0.7])
def test_weights_lie_on_the_grid_of_their_channel(together: float) -> None:
    random = np.random.default_rng(0)
    weights, inputs = random.normal(size=(6, 40)), random.normal(size=(40, 500)) + together * random.normal(size=500)
    found = round_weights(weights, inputs @ inputs.T)
    assert np.allclose(np.abs(found).max(1), np.abs(weights).max(1))  # so that quantisation finds the same grid
    steps = found / (np.abs(weights).max(1, keepdims=True) / LEVELS)
    assert np.allclose(steps, np.round(steps), atol=1e-6)


def test_errors_cancel_where_inputs_go_together() -> None:
    random = np.random.default_rng(1)
    weights, inputs = random.normal(size=(6, 40)), random.uniform(size=(40, 500)) + 3 * random.uniform(size=500)
    step = np.abs(weights).max(1, keepdims=True) / LEVELS
    nearest = np.round(weights / step) * step
    found = round_weights(weights, inputs @ inputs.T)
    error, usual = (float(np.square((kernel - weights) @ inputs).mean()) for kernel in (found, nearest))
    assert error < 0.2 * usual


def test_channels_and_inputs_without_any_value_are_kept() -> None:
    assert not round_weights(np.zeros((2, 9)), np.zeros((9, 9))).any()

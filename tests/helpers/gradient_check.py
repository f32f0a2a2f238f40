"""Gradients by moving each weight a little."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def derivative(function: Callable[[], float], weight: Array, index: tuple[int, ...], step: float = 1e-6) -> float:
    """Return the derivative of ``function()`` by one number of ``weight``, which is moved in place and restored."""
    kept = weight[index]
    weight[index] = kept + step
    above = function()
    weight[index] = kept - step
    below = function()
    weight[index] = kept
    return (above - below) / (2 * step)


def assert_gradients(
    function: Callable[[], float], weights: dict[str, Array], gradients: dict[str, Array], places: int = 15
) -> None:
    """Compare the gradient of each weight with the numeric one, in at most this many places drawn at random."""
    rng = np.random.default_rng(0)
    for name, weight in weights.items():
        drawn = rng.permutation(weight.size)[:places]
        for index in zip(*np.unravel_index(drawn, weight.shape), strict=True):
            expected = derivative(function, weight, index)
            np.testing.assert_allclose(
                gradients[name][index], expected, rtol=1e-5, atol=1e-7, err_msg=f"{name}{list(index)}"
            )

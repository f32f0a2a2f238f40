"""ReNet (Visin et al. 2015): a plane read by one-dimensional networks, first down and up, then left and right.

    v_.j = both directions over column j of the plane
    y_i. = both directions over row i of v

After one such layer each place has seen the whole plane, as with multidimensional LSTM. But columns do not wait for
each other, and neither do rows: they are sequences of one batch. The plane takes H + W steps, and each step is one
large matrix product.
"""

from typing import Any

import bidirectional
import numpy as np
from common import Array, Weights
from planes import reach

Both = tuple[Weights, Weights]


def weights(rng: np.random.Generator, inputs: int, hidden: int) -> Both:
    """Draw the weights of the vertical and of the horizontal pair of LSTMs."""
    return bidirectional.weights(rng, inputs, hidden), bidirectional.weights(rng, 2 * hidden, hidden)


def columns(x: Array) -> Array:
    """Turn (B, C, H, W) into sequences along the height, (H, B W, C)."""
    batch, channels, height, width = x.shape
    return x.transpose(2, 0, 3, 1).reshape(height, batch * width, channels)


def planes(sequences: Array, batch: int) -> Array:
    """Undo `columns`."""
    height, count, channels = sequences.shape
    return sequences.reshape(height, batch, count // batch, channels).transpose(1, 3, 0, 2)


def down_and_up(weights: Weights, x: Array) -> tuple[Array, Any]:
    """Read each column of (B, C, H, W) in both directions. Return (B, 2 hidden, H, W)."""
    sequences = columns(x)
    y, cache = bidirectional.forward(weights, sequences, np.full(sequences.shape[1], len(sequences)))
    return planes(y, len(x)), cache


def down_and_up_back(weights: Weights, cache: Any, dy: Array) -> tuple[Weights, Array]:
    """Return the gradients of the weights, and that of the input."""
    gradients = bidirectional.backward(weights, cache, columns(dy))
    return gradients, planes(gradients["x"], len(dy))


def forward(both: Both, x: Array) -> tuple[Array, Any]:
    """Run the layer over (B, C, H, W). Return (B, 2 hidden, H, W), and what `backward` needs."""
    v, first = down_and_up(both[0], x)
    y, second = down_and_up(both[1], v.swapaxes(2, 3))  # rows are the columns of the transposed plane
    return y.swapaxes(2, 3), (first, second)


def backward(both: Both, cache: Any, dy: Array) -> tuple[Both, Array]:
    """Return the gradients of both pairs, and that of the input; ``dy`` is that of the output."""
    horizontal, dv = down_and_up_back(both[1], cache[1], dy.swapaxes(2, 3))
    vertical, dx = down_and_up_back(both[0], cache[0], dv.swapaxes(2, 3))
    return (vertical, horizontal), dx


def main() -> None:
    """Print what one place sees after the vertical pair, and after both."""
    rng = np.random.default_rng(0)
    both = weights(rng, 2, 4)
    x = rng.normal(size=(1, 2, 8, 12))
    error = np.zeros((1, 8, 8, 12))
    error[:, :, 3, 5] = 1
    _, vertical = down_and_up_back(both[0], down_and_up(both[0], x)[1], error)
    _, whole = backward(both, forward(both, x)[1], error)
    print("down and up: a place sees {} x {}".format(*reach(vertical)))
    print("and then left and right: {} x {}, in 8 + 12 steps".format(*reach(whole)))


if __name__ == "__main__":
    main()

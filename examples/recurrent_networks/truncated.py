"""Back-propagation through time, whole and truncated (Williams and Peng 1990).

A long sequence is cut into windows of k steps. The state is carried from window to window, but the error is not: it
stops at the left edge of its window. This takes memory and time for k steps only, and gives a wrong gradient, because
no step learns what it did for a later window.

The demonstration asks for the bit of eight steps ago. It compares the truncated gradient with the whole one, and trains
with both. The error of a window shorter than the lag never reaches the step that it is about, and little is learned.
"""

import elman
import numpy as np
from common import Adam, Array, Weights, accuracy, read_out, reader
from numpy.typing import NDArray

LAG = 8
NAMES = ("W", "U", "b", "V", "c")


def task(rng: np.random.Generator, steps: int, batch: int) -> tuple[Array, NDArray[np.int64]]:
    """Draw random bits as inputs (-1 and 1), and as targets the same bits ``LAG`` steps later."""
    bits = rng.integers(0, 2, (steps, batch))
    targets = np.full_like(bits, -1)
    targets[LAG:] = bits[:-LAG]
    return np.asarray(2 * bits[..., None] - 1, float), targets


def gradient(network: Weights, x: Array, targets: NDArray[np.int64], window: int) -> Weights:
    """Return the gradient of the mean loss, with the error cut at multiples of ``window``.

    A window as long as the sequence gives the whole gradient.
    """
    total = {name: np.zeros_like(network[name]) for name in NAMES}
    state = np.zeros((x.shape[1], len(network["b"])))
    asked = (targets >= 0).sum()
    for first in range(0, len(x), window):
        part = slice(first, first + window)
        h, cache = elman.forward(network, x[part], state)
        state = h[-1]
        share = (targets[part] >= 0).sum() / asked
        if share:
            _, _, of_reader, dh = read_out(network, h, targets[part])
            gradients = elman.backward(network, cache, dh) | of_reader
            for name in NAMES:
                total[name] += share * gradients[name]
    return total


def network(rng: np.random.Generator, hidden: int = 32) -> Weights:
    """Draw the weights of an Elman network with a read-out of two classes."""
    return elman.weights(rng, 1, hidden) | reader(rng, hidden, 2)


def angle(first: Weights, second: Weights) -> float:
    """Return the angle in degrees between two gradients of the recurrent layer."""
    a, b = (np.concatenate([g[name].ravel() for name in elman.NAMES]) for g in (first, second))
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def train(window: int, updates: int = 150, seed: int = 0) -> float:
    """Train with windows of this length. Return the share of right answers on new sequences."""
    rng = np.random.default_rng(seed)
    own = network(rng)
    optimiser = Adam(own)
    for _ in range(updates):
        optimiser.step(gradient(own, *task(rng, 24, 32), window))
    x, targets = task(rng, 48, 64)
    return accuracy(read_out(own, elman.forward(own, x)[0], targets)[1], targets)


def main() -> None:
    """Print the angle to the whole gradient, and what is learned, for several windows."""
    rng = np.random.default_rng(0)
    own = network(rng)
    x, targets = task(rng, 24, 32)
    whole = gradient(own, x, targets, 24)
    for window in (3, 6, 12, 24):
        off = angle(whole, gradient(own, x, targets, window))
        print(f"window {window:2}: {off:3.0f} degrees from the whole gradient; trained: {train(window):.0%} right")


if __name__ == "__main__":
    main()

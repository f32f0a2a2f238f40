"""A long lag (after Hochreiter and Schmidhuber 1997): which cell remembers a bit that it saw long ago?

The first input of a sequence shows a bit. Then comes noise. After the last step the network is asked for the bit. The
three cells are trained in the same way, on the same number of sequences.
"""

from types import ModuleType

import elman
import gru
import lstm
import numpy as np
from common import Adam, Array, accuracy, read_out, reader
from numpy.typing import NDArray

CELLS = {"Elman": elman, "LSTM": lstm, "GRU": gru}


def shown_once(rng: np.random.Generator, steps: int, batch: int) -> tuple[Array, NDArray[np.int64]]:
    """Draw noise (steps, batch, 2) that begins with a bit, and targets that ask for the bit at the last step."""
    bits = rng.integers(0, 2, batch)
    x = np.stack([rng.normal(0, 0.3, (steps, batch)), np.zeros((steps, batch))], axis=2)
    x[0, :, 1] = 2 * bits - 1
    targets = np.full((steps, batch), -1)
    targets[-1] = bits
    return x, targets


def remember(cell: ModuleType, steps: int, seed: int = 0, updates: int = 100) -> float:
    """Train a cell to remember a bit. Return the share of new sequences that it gets right."""
    rng = np.random.default_rng(seed)
    network = cell.weights(rng, 2, 12) | reader(rng, 12, 2)
    optimiser = Adam(network)
    for _ in range(updates):
        x, targets = shown_once(rng, steps, 32)
        h, cache = cell.forward(network, x)
        _, _, of_reader, dh = read_out(network, h, targets)
        optimiser.step(cell.backward(network, cache, dh) | of_reader)
    x, targets = shown_once(rng, steps, 400)
    return accuracy(read_out(network, cell.forward(network, x)[0], targets)[1], targets)


def main() -> None:
    """Print how well each cell remembers."""
    for steps in (5, 40):
        shares = ", ".join(f"{name} {remember(cell, steps):.0%}" for name, cell in CELLS.items())
        print(f"a bit shown {steps} steps ago: {shares}")


if __name__ == "__main__":
    main()

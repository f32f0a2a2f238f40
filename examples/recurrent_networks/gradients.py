"""Vanishing and exploding gradients (Hochreiter 1991; Bengio et al. 1994).

The error at step T reaches step T - k through a product of k matrices:

    dh_T / dh_{T-k} = product over t of diag(1 - h_t^2) U

If the largest singular value of U is below 1, the product shrinks at least as fast as a power of it. If it is above 1,
the product may grow as a power. An LSTM has a second way back, dc_T / dc_{T-1} = f, and a GRU has z: gates near 1 let
the error through.

The demonstration sends an error of length 1 back from the last step, and prints its length at earlier steps. Lengths
are of the whole state: h, and for the LSTM h and c.
"""

import elman
import gru
import lstm
import numpy as np
from common import Array

LAGS = (1, 2, 5, 10, 20, 50, 100)
HIDDEN = 32


def orthogonal(rng: np.random.Generator, size: int) -> Array:
    """Draw a matrix whose singular values are all 1."""
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def lengths(name: str, steps: int = 100, seed: int = 0) -> Array:
    """Return the length of the error at lag 0 to ``steps``, averaged (geometric mean) over 16 sequences.

    Args:
        name: "Elman 0.9", where the number is the largest singular value of U; "LSTM 1" or "GRU 1", where the number
            is the bias of the forget or update gate.
    """
    rng = np.random.default_rng(seed)
    kind, number = name.split()
    cell = {"Elman": elman, "LSTM": lstm, "GRU": gru}[kind]
    network = cell.weights(rng, 4, HIDDEN)
    if kind == "Elman":
        network["U"] = float(number) * orthogonal(rng, HIDDEN)
    else:
        network["b"][HIDDEN : 2 * HIDDEN] = float(number)
    x = rng.normal(0, 0.1, (steps + 1, 16, 4))
    h, cache = cell.forward(network, x)
    error = np.zeros_like(h)
    error[-1] = rng.normal(size=(16, HIDDEN))
    error[-1] /= np.linalg.norm(error[-1], axis=1, keepdims=True)
    gradients = cell.backward(network, cache, error)
    state = gradients["h"]
    if kind == "LSTM":
        state = np.concatenate([state, gradients["c"]], axis=2)
    norms = np.maximum(np.linalg.norm(state[1:], axis=2), 1e-300)
    return np.asarray(np.exp(np.log(norms).mean(axis=1))[::-1])


NAMES = ("Elman 0.7", "Elman 1", "Elman 1.5", "LSTM 1", "LSTM 5", "GRU 1", "GRU 5")


def main() -> None:
    """Print the length of the error over the lag."""
    print("lag        " + "".join(f"{lag:>10}" for lag in LAGS))
    for name in NAMES:
        norms = lengths(name)
        print(f"{name:11}" + "".join(f"{norms[lag]:10.2g}" for lag in LAGS))


if __name__ == "__main__":
    main()

"""minGRU (Feng et al. 2024, "Were RNNs all we needed?"): recurrence that needs no order.

    z_t = sigmoid(W_z x_t + b_z)
    n_t = W_n x_t + b_n
    h_t = (1 - z_t) h_{t-1} + z_t n_t

A GRU without U: gate and new state see the input only. So the state is a sum of the past with known weights, and need
not be computed step by step. If A_t h + B_t says what a run of steps does to a state h, two neighbouring runs make one:

    A = A_2 A_1,    B = A_2 B_1 + B_2

Merging each step with its neighbour, then with the one two before, then four before, takes log2 T rounds instead of T
steps (Hillis and Steele 1986). The price: what is written cannot depend on what is remembered.
"""

import numpy as np
from common import Array, Weights, sigmoid, uniform

NAMES = ("W", "b")
Cache = tuple[Array, Array, Array, Array]


def weights(rng: np.random.Generator, inputs: int, hidden: int) -> Weights:
    """Draw the weights; W and b hold z and n one below the other."""
    return {"W": uniform(rng, 2 * hidden, inputs), "b": np.repeat([-1.0, 0], hidden)}


def forward(weights: Weights, x: Array) -> tuple[Array, Cache]:
    """Run the layer over (T, B, inputs), step by step. Return the states (T, B, hidden), and what `backward` needs."""
    z, n = gates(weights, x)
    h = np.zeros((len(x) + 1, *z.shape[1:]))
    for t in range(len(x)):
        h[t + 1] = (1 - z[t]) * h[t] + z[t] * n[t]
    return h[1:], (x, h, z, n)


def gates(weights: Weights, x: Array) -> tuple[Array, Array]:
    """Return z and n of all steps."""
    z, n = np.split(x @ weights["W"].T + weights["b"], 2, axis=2)
    return sigmoid(z), n


def merged(weights: Weights, x: Array) -> tuple[Array, int]:
    """Compute the same states by merging runs of steps. Return them, and the number of rounds."""
    z, n = gates(weights, x)
    a, b = 1 - z, z * n
    distance, rounds = 1, 0
    while distance < len(x):
        b[distance:] = a[distance:] * b[:-distance] + b[distance:]
        a[distance:] = a[distance:] * a[:-distance]
        distance, rounds = 2 * distance, rounds + 1
    return b, rounds


def backward(weights: Weights, cache: Cache, dh: Array) -> Weights:
    """Propagate the error back; ``dh`` is the gradient of each state from above, (T, B, hidden).

    Returns:
        The gradients of the weights; "x": that of the inputs; "h": that of the states h_0 to h_T.
    """
    x, h, z, n = cache
    total = np.zeros_like(h)
    for t in reversed(range(len(x))):
        total[t + 1] += dh[t]
        total[t] = total[t + 1] * (1 - z[t])
    of_z = total[1:] * (n - h[:-1]) * z * (1 - z)
    dz = np.concatenate([of_z, total[1:] * z], axis=2)
    gradients = {"W": np.einsum("tbo,tbi->oi", dz, x), "b": dz.sum((0, 1))}
    return {**gradients, "x": dz @ weights["W"], "h": total}


def main() -> None:
    """Compare states by steps and by rounds, and count."""
    rng = np.random.default_rng(0)
    network = weights(rng, 4, 8)
    for steps in (10, 100, 1000):
        x = rng.normal(size=(steps, 3, 4))
        states, rounds = merged(network, x)
        off = np.abs(states - forward(network, x)[0]).max()
        print(f"{steps:4} steps in {rounds:2} rounds; largest difference {off:.0e}")


if __name__ == "__main__":
    main()

"""The Jordan network (Jordan 1986): the hidden layer receives the last output.

    h_t = tanh(W x_t + U y_{t-1} + b),    y_0 = 0
    y_t = V h_t + c

In an Elman network, U multiplies h_{t-1} instead. A Jordan network forgets what its output does not contain: if V is
zero, it remembers nothing.

The demonstration asks for the bit of one step ago. All that a Jordan network receives from that step is its
output, which was used to answer with the bit before. An Elman network receives its whole hidden layer.
"""

import elman
import numpy as np
from common import Adam, Array, Weights, uniform

Cache = tuple[Array, Array, Array]


def weights(rng: np.random.Generator, inputs: int, hidden: int, outputs: int) -> Weights:
    """Draw the weights."""
    return {
        "W": uniform(rng, hidden, inputs),
        "U": uniform(rng, hidden, outputs),
        "b": np.zeros(hidden),
        "V": uniform(rng, outputs, hidden),
        "c": np.zeros(outputs),
    }


def forward(weights: Weights, x: Array) -> tuple[Array, Cache]:
    """Run the network over (T, B, inputs). Return the outputs (T, B, outputs), and what `backward` needs."""
    steps, batch, _ = x.shape
    h = np.zeros((steps, batch, len(weights["b"])))
    y = np.zeros((steps + 1, batch, len(weights["c"])))
    for t in range(steps):
        h[t] = np.tanh(x[t] @ weights["W"].T + y[t] @ weights["U"].T + weights["b"])
        y[t + 1] = h[t] @ weights["V"].T + weights["c"]
    return y[1:], (x, h, y)


def backward(weights: Weights, cache: Cache, dy: Array) -> Weights:
    """Return the gradients of the weights and, under "x", of the inputs; ``dy`` is that of the outputs."""
    x, h, y = cache
    gradients = {name: np.zeros_like(value) for name, value in weights.items()}
    dx, later = np.zeros_like(x), np.zeros_like(y[0])
    for t in reversed(range(len(x))):
        total = dy[t] + later  # the output is an answer, and the context of the next step
        gradients["V"] += total.T @ h[t]
        gradients["c"] += total.sum(0)
        dz = (total @ weights["V"]) * (1 - h[t] ** 2)
        gradients["W"] += dz.T @ x[t]
        gradients["U"] += dz.T @ y[t]
        gradients["b"] += dz.sum(0)
        dx[t] = dz @ weights["W"]
        later = dz @ weights["U"]
    return {**gradients, "x": dx}


def recall(network: str, lag: int = 1, seed: int = 0, updates: int = 250) -> float:
    """Train "elman" or "jordan" to repeat the bit of ``lag`` steps ago. Return the share of new bits it gets right."""
    rng = np.random.default_rng(seed)
    own = weights(rng, 1, 12, 1) | (elman.weights(rng, 1, 12) if network == "elman" else {})
    optimiser = Adam(own, rate=0.02)
    for _ in range(updates):
        bits = rng.choice((-1.0, 1.0), (20, 40, 1))
        y, cache = run(network, own, bits)
        dy = np.zeros_like(y)
        dy[lag:] = (y[lag:] - bits[:-lag]) / bits[lag:].size  # gradient of half the mean squared error
        optimiser.step(run_back(network, own, cache, dy))
    bits = rng.choice((-1.0, 1.0), (20, 40, 1))
    y, _ = run(network, own, bits)
    return float((np.sign(y[lag:]) == bits[:-lag]).mean())


def run(network: str, own: Weights, x: Array) -> tuple[Array, Cache]:
    """Return the linear outputs of either network."""
    if network == "jordan":
        return forward(own, x)
    h, (_, states) = elman.forward(own, x)
    return h @ own["V"].T + own["c"], (x, states, h)


def run_back(network: str, own: Weights, cache: Cache, dy: Array) -> Weights:
    """Return the gradients of either network."""
    if network == "jordan":
        return backward(own, cache, dy)
    x, states, h = cache
    gradients = elman.backward(own, (x, states), dy @ own["V"])
    return gradients | {"V": np.einsum("tbo,tbh->oh", dy, h), "c": dy.sum((0, 1))}


def main() -> None:
    """Print how well each network repeats the bit of one and of two steps ago."""
    for lag in (1, 2):
        for network in ("elman", "jordan"):
            print(f"the bit of {lag} step(s) ago, {network}: {recall(network, lag):.0%} right")


if __name__ == "__main__":
    main()

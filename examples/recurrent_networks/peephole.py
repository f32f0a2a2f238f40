"""LSTM with peepholes (Gers and Schmidhuber 2000): the gates see the cell.

    i = sigmoid(W_i x_t + U_i h_{t-1} + p_i c_{t-1} + b_i)
    f = sigmoid(W_f x_t + U_f h_{t-1} + p_f c_{t-1} + b_f)
    g = tanh   (W_g x_t + U_g h_{t-1} + b_g)
    c_t = f c_{t-1} + i g
    o = sigmoid(W_o x_t + U_o h_{t-1} + p_o c_t + b_o)        the output gate sees the new cell
    h_t = o tanh(c_t)

Without peepholes, a cell behind a closed output gate is hidden from its own gates too: they see h, and h is zero. The
demonstration is a clock: it counts in silence, strikes when the count is full, and starts from zero. Its weights are
set by hand. Without peepholes the same cell never strikes.
"""

import numpy as np
from common import Array, Weights, sigmoid, uniform

Cache = tuple[Array, Array, Array, Array]
NAMES = ("W", "U", "b", "p")


def weights(rng: np.random.Generator, inputs: int, hidden: int) -> Weights:
    """Draw the weights; W, U and b hold i, f, g, o one below the other, and p holds the peepholes of i, f and o."""
    return {
        "W": uniform(rng, 4 * hidden, inputs),
        "U": uniform(rng, 4 * hidden, hidden),
        "b": np.repeat([0.0, 1, 0, 0], hidden),
        "p": uniform(rng, 3, hidden),
    }


def forward(weights: Weights, x: Array) -> tuple[Array, Cache]:
    """Run the layer over (T, B, inputs). Return the states h (T, B, hidden), and what `backward` needs."""
    steps, batch, hidden = len(x), x.shape[1], weights["U"].shape[1]
    h, c = np.zeros((2, steps + 1, batch, hidden))
    gates = np.zeros((4, steps, batch, hidden))
    p_i, p_f, p_o = weights["p"]
    for t in range(steps):
        i, f, g, o = np.split(x[t] @ weights["W"].T + h[t] @ weights["U"].T + weights["b"], 4, axis=1)
        i, f, g = sigmoid(i + p_i * c[t]), sigmoid(f + p_f * c[t]), np.tanh(g)
        c[t + 1] = f * c[t] + i * g
        o = sigmoid(o + p_o * c[t + 1])
        h[t + 1] = o * np.tanh(c[t + 1])
        gates[:, t] = i, f, g, o
    return h[1:], (x, h, c, gates)


def backward(weights: Weights, cache: Cache, dh: Array) -> Weights:
    """Return the gradients of the weights and, under "x", of the inputs; ``dh`` is that of the states."""
    x, h, c, gates = cache
    gradients = {name: np.zeros_like(weights[name]) for name in NAMES}
    p_i, p_f, p_o = weights["p"]
    dx, later_h, later_c = np.zeros_like(x), np.zeros_like(h[0]), np.zeros_like(c[0])
    for t in reversed(range(len(x))):
        i, f, g, o = gates[:, t]
        total, shown = dh[t] + later_h, np.tanh(c[t + 1])
        of_o = total * shown * o * (1 - o)
        dc = later_c + total * o * (1 - shown**2) + of_o * p_o
        of_i, of_f, of_g = dc * g * i * (1 - i), dc * c[t] * f * (1 - f), dc * i * (1 - g**2)
        dz = np.concatenate([of_i, of_f, of_g, of_o], axis=1)
        gradients["W"] += dz.T @ x[t]
        gradients["U"] += dz.T @ h[t]
        gradients["b"] += dz.sum(0)
        gradients["p"] += np.stack([(of_i * c[t]).sum(0), (of_f * c[t]).sum(0), (of_o * c[t + 1]).sum(0)])
        dx[t], later_h = dz @ weights["W"], dz @ weights["U"]
        later_c = dc * f + of_i * p_i + of_f * p_f
    return {**gradients, "x": dx}


def clock(period: int, peepholes: bool = True) -> Weights:
    """Set the weights of one unit that adds 1 / period at each step and strikes at 1."""
    amount = np.arctanh(1 / period)
    sharp = 40.0 * period
    full = sharp * (1 - 0.5 / period)  # half a count below 1
    p = np.array([[0.0], [-sharp], [sharp]]) if peepholes else np.zeros((3, 1))
    return {"W": np.zeros((4, 1)), "U": np.zeros((4, 1)), "b": np.array([40, full, amount, -full]), "p": p}


def main() -> None:
    """Print the output of the clock with and without peepholes."""
    for peepholes in (True, False):
        h, _ = forward(clock(6, peepholes), np.zeros((30, 1, 1)))
        strikes = "".join("|" if value > 0.5 else "." for value in h[:, 0, 0])
        print(f"{'with' if peepholes else 'without'} peepholes: {strikes}")


if __name__ == "__main__":
    main()

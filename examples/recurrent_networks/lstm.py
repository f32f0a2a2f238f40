"""Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

    i = sigmoid(W_i x_t + U_i h_{t-1} + b_i)        input gate: how much is written
    f = sigmoid(W_f x_t + U_f h_{t-1} + b_f)        forget gate: how much is kept
    g = tanh   (W_g x_t + U_g h_{t-1} + b_g)        what is written
    o = sigmoid(W_o x_t + U_o h_{t-1} + b_o)        output gate: how much is shown
    c_t = f c_{t-1} + i g
    h_t = o tanh(c_t)

The state c passes from step to step by a product and a sum only. While the forget gate is open, its gradient stays what
it is: the "constant error carousel". W, U and b hold the four gates one below the other, in the order i, f, g, o, as
`torch.nn.LSTM` does.

The demonstration sets the weights of one unit by hand, so that it works as a memory: it takes a value on a write
signal, keeps it through any noise, and shows it on a read signal.
"""

import numpy as np
from common import Array, Weights, sigmoid, uniform

Cache = tuple[Array, Array, Array, Array]
NAMES = ("W", "U", "b")


def weights(rng: np.random.Generator, inputs: int, hidden: int) -> Weights:
    """Draw the weights. The forget gates start open: bias 1 (Jozefowicz et al. 2015)."""
    bias = np.zeros(4 * hidden)
    bias[hidden : 2 * hidden] = 1
    return {"W": uniform(rng, 4 * hidden, inputs), "U": uniform(rng, 4 * hidden, hidden), "b": bias}


def forward(weights: Weights, x: Array) -> tuple[Array, Cache]:
    """Run the layer over (T, B, inputs). Return the states h (T, B, hidden), and what `backward` needs."""
    steps, batch, hidden = len(x), x.shape[1], weights["U"].shape[1]
    h, c = np.zeros((2, steps + 1, batch, hidden))
    gates = np.zeros((4, steps, batch, hidden))
    for t in range(steps):
        i, f, g, o = np.split(x[t] @ weights["W"].T + h[t] @ weights["U"].T + weights["b"], 4, axis=1)
        gates[:, t] = i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
    return h[1:], (x, h, c, gates)


def backward(weights: Weights, cache: Cache, dh: Array) -> Weights:
    """Propagate the error back; ``dh`` is the gradient of each state h from above, (T, B, hidden).

    Returns:
        The gradients of the weights; "x": that of the inputs; "h" and "c": those of the states 0 to T.
    """
    x, h, c, gates = cache
    gradients = {name: np.zeros_like(weights[name]) for name in NAMES}
    dx, total_h, total_c = np.zeros_like(x), np.zeros_like(h), np.zeros_like(c)
    for t in reversed(range(len(x))):
        i, f, g, o = gates[:, t]
        shown = np.tanh(c[t + 1])
        total_h[t + 1] += dh[t]
        total_c[t + 1] += total_h[t + 1] * o * (1 - shown**2)
        dc = total_c[t + 1]
        total_c[t] = dc * f  # the carousel: no weight, no squashing
        dz = np.concatenate(
            [
                dc * g * i * (1 - i),
                dc * c[t] * f * (1 - f),
                dc * i * (1 - g**2),
                total_h[t + 1] * shown * o * (1 - o),
            ],
            axis=1,
        )
        gradients["W"] += dz.T @ x[t]
        gradients["U"] += dz.T @ h[t]
        gradients["b"] += dz.sum(0)
        dx[t], total_h[t] = dz @ weights["W"], dz @ weights["U"]
    return {**gradients, "x": dx, "h": total_h, "c": total_c}


def switch() -> Weights:
    """Set the weights by hand: one unit, inputs (value, write, read); it keeps a value until the next is written."""
    w = np.array([[0.0, 40, 0], [0, -40, 0], [1, 0, 0], [0, 0, 40]])  # i opens on write, f closes; o opens on read
    return {"W": w, "U": np.zeros((4, 1)), "b": np.array([-20.0, 20, 0, -20])}


def main() -> None:
    """Write 0.8 and 0.3 into a cell, with noise in between, and read it twice."""
    noise = np.random.default_rng(0).normal(0, 1, 1000)
    x = np.stack([noise, np.zeros(1000), np.zeros(1000)], axis=1)
    x[0], x[500] = (0.8, 1, 0), (0.3, 1, 0)
    x[[400, 999], 2] = 1
    h, (_, _, c, _) = forward(switch(), x[:, None])
    for t in (0, 400, 401, 500, 999):
        event = "write" if x[t, 1] else "read" if x[t, 2] else ""
        print(f"step {t:3}  input {x[t, 0]:+.2f} {event:5}  kept {c[t + 1, 0, 0]:.3f}  shown {h[t, 0, 0]:.3f}")


if __name__ == "__main__":
    main()

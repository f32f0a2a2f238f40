"""The gated recurrent unit (Cho et al. 2014), in the form of `torch.nn.GRU`.

    r = sigmoid(W_r x_t + b_r + U_r h_{t-1} + d_r)          reset gate
    z = sigmoid(W_z x_t + b_z + U_z h_{t-1} + d_z)          update gate
    n = tanh   (W_n x_t + b_n + r (U_n h_{t-1} + d_n))      what is new
    h_t = (1 - z) n + z h_{t-1}

One state instead of two and three gates instead of four: three quarters of the weights of an LSTM. One gate decides
both what is kept and what is written. Texts differ: the first paper applies r before U_n, and some swap z and
1 - z. W, U, b and d hold r, z, n one below the other.

The demonstration shows that a closed update gate copies the state, and counts weights.
"""

import lstm
import numpy as np
from common import Array, Weights, sigmoid, uniform

Cache = tuple[Array, Array, Array, Array]
NAMES = ("W", "U", "b", "d")


def weights(rng: np.random.Generator, inputs: int, hidden: int) -> Weights:
    """Draw the weights. The update gates start closed, as the forget gates of the LSTM start open."""
    w, u = uniform(rng, 3 * hidden, inputs), uniform(rng, 3 * hidden, hidden)
    return {"W": w, "U": u, "b": np.repeat([0.0, 1, 0], hidden), "d": np.zeros(3 * hidden)}


def forward(weights: Weights, x: Array) -> tuple[Array, Cache]:
    """Run the layer over (T, B, inputs). Return the states h (T, B, hidden), and what `backward` needs."""
    steps, batch, hidden = len(x), x.shape[1], weights["U"].shape[1]
    h = np.zeros((steps + 1, batch, hidden))
    gates = np.zeros((3, steps, batch, hidden))
    recurrent = np.zeros((steps, batch, hidden))  # U_n h + d_n
    for t in range(steps):
        from_x = np.split(x[t] @ weights["W"].T + weights["b"], 3, axis=1)
        from_h = np.split(h[t] @ weights["U"].T + weights["d"], 3, axis=1)
        r, z = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
        n = np.tanh(from_x[2] + r * from_h[2])
        h[t + 1] = (1 - z) * n + z * h[t]
        gates[:, t], recurrent[t] = (r, z, n), from_h[2]
    return h[1:], (x, h, gates, recurrent)


def backward(weights: Weights, cache: Cache, dh: Array) -> Weights:
    """Propagate the error back; ``dh`` is the gradient of each state from above, (T, B, hidden).

    Returns:
        The gradients of the weights; "x": that of the inputs; "h": that of the states h_0 to h_T.
    """
    x, h, gates, recurrent = cache
    gradients = {name: np.zeros_like(weights[name]) for name in NAMES}
    dx, total = np.zeros_like(x), np.zeros_like(h)
    for t in reversed(range(len(x))):
        r, z, n = gates[:, t]
        total[t + 1] += dh[t]
        of_n = total[t + 1] * (1 - z) * (1 - n**2)
        of_z = total[t + 1] * (h[t] - n) * z * (1 - z)
        of_r = of_n * recurrent[t] * r * (1 - r)
        from_x = np.concatenate([of_r, of_z, of_n], axis=1)
        from_h = np.concatenate([of_r, of_z, of_n * r], axis=1)
        gradients["W"] += from_x.T @ x[t]
        gradients["b"] += from_x.sum(0)
        gradients["U"] += from_h.T @ h[t]
        gradients["d"] += from_h.sum(0)
        dx[t] = from_x @ weights["W"]
        total[t] = total[t + 1] * z + from_h @ weights["U"]
    return {**gradients, "x": dx, "h": total}


def main() -> None:
    """Close the update gate halfway through a sequence, and count weights."""
    rng = np.random.default_rng(0)
    network = weights(rng, 4, 8)
    network["W"][8:16, 3], network["b"][8:16] = 80, -40  # the last input closes the update gate
    x = rng.normal(size=(50, 1, 4))
    x[:25, :, 3], x[25:, :, 3] = 0, 1
    moved = np.abs(np.diff(forward(network, x)[0], axis=0)).mean(axis=(1, 2))
    print(f"update gate open: the state moves by {moved[:24].mean():.3f} a step; closed: by {moved[24:].mean():.3f}")
    count = sum(value.size for value in network.values()) - network["d"].size
    other = sum(value.size for value in lstm.weights(rng, 4, 8).values())
    print(f"weights with one bias: GRU {count}, LSTM {other}, ratio {count / other}")


if __name__ == "__main__":
    main()

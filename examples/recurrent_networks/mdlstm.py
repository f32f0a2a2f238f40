"""Multidimensional LSTM (Graves et al. 2007; Graves and Schmidhuber 2008): a plane read cell by cell.

A pixel has two pasts, the pixel above and the pixel to the left, and one forget gate for each:

    i, f1, f2, o = sigmoid(W x_ij + U1 h_{i-1,j} + U2 h_{i,j-1} + b)        g = tanh(the same with its own rows)
    c_ij = f1 c_{i-1,j} + f2 c_{i,j-1} + i g
    h_ij = o tanh(c_ij)

One scan from a corner sees the rectangle between that corner and the pixel. Four scans, one from each corner with
weights of its own, are added, so that each pixel sees the whole plane. The price is order: a pixel must wait for both
of its pasts, so even with one processor for each pixel a scan takes H + W - 1 steps.
"""

import numpy as np
from common import Array, Weights, sigmoid, uniform
from planes import reach

NAMES = ("W", "U1", "U2", "b")
CORNERS = ((), (2,), (3,), (2, 3))
"""The axes to flip, so that a scan from this corner becomes a scan from the top left."""
Cache = tuple[Array, Array, Array, Array]


def weights(rng: np.random.Generator, inputs: int, hidden: int) -> Weights:
    """Draw the weights of one scan; W, U1, U2 and b hold i, f1, f2, g, o one below the other."""
    return {
        "W": uniform(rng, 5 * hidden, inputs),
        "U1": uniform(rng, 5 * hidden, hidden),
        "U2": uniform(rng, 5 * hidden, hidden),
        "b": np.repeat([0.0, 1, 1, 0, 0], hidden),
    }


def scan(weights: Weights, x: Array) -> tuple[Array, Cache]:
    """Scan (B, C, H, W) from the top left. Return h (B, hidden, H, W), and what `scan_back` needs."""
    batch, _, height, width = x.shape
    hidden = weights["U1"].shape[1]
    h, c = np.zeros((2, height + 1, width + 1, batch, hidden))  # row 0 and column 0 are the empty past
    gates = np.zeros((height, width, 5, batch, hidden))
    for i, j in np.ndindex(height, width):
        above, left = (i, j + 1), (i + 1, j)
        z = x[:, :, i, j] @ weights["W"].T + h[above] @ weights["U1"].T + h[left] @ weights["U2"].T + weights["b"]
        write, keep1, keep2, new, show = np.split(z, 5, axis=1)
        gates[i, j] = sigmoid(write), sigmoid(keep1), sigmoid(keep2), np.tanh(new), sigmoid(show)
        write, keep1, keep2, new, show = gates[i, j]
        c[i + 1, j + 1] = keep1 * c[above] + keep2 * c[left] + write * new
        h[i + 1, j + 1] = show * np.tanh(c[i + 1, j + 1])
    return h[1:, 1:].transpose(2, 3, 0, 1), (x, h, c, gates)


def scan_back(weights: Weights, cache: Cache, dy: Array) -> Weights:
    """Return the gradients of the weights and, under "x", of the input; ``dy`` is that of h (B, hidden, H, W)."""
    x, h, c, gates = cache
    gradients = {name: np.zeros_like(weights[name]) for name in NAMES}
    dx, dh, dc = np.zeros_like(x), np.zeros_like(h), np.zeros_like(c)
    dh[1:, 1:] = dy.transpose(2, 3, 0, 1)
    for i, j in reversed(list(np.ndindex(*x.shape[2:]))):
        here, above, left = (i + 1, j + 1), (i, j + 1), (i + 1, j)
        write, keep1, keep2, new, show = gates[i, j]
        shown = np.tanh(c[here])
        dc[here] += dh[here] * show * (1 - shown**2)
        dz = np.concatenate(
            [
                dc[here] * new * write * (1 - write),
                dc[here] * c[above] * keep1 * (1 - keep1),
                dc[here] * c[left] * keep2 * (1 - keep2),
                dc[here] * write * (1 - new**2),
                dh[here] * shown * show * (1 - show),
            ],
            axis=1,
        )
        dc[above] += dc[here] * keep1
        dc[left] += dc[here] * keep2
        gradients["W"] += dz.T @ x[:, :, i, j]
        gradients["U1"] += dz.T @ h[above]
        gradients["U2"] += dz.T @ h[left]
        gradients["b"] += dz.sum(0)
        dx[:, :, i, j] = dz @ weights["W"]
        dh[above] += dz @ weights["U1"]
        dh[left] += dz @ weights["U2"]
    return gradients | {"x": dx}


def forward(four: list[Weights], x: Array) -> tuple[Array, list[Cache]]:
    """Add the scans from the four corners."""
    results = [scan(one, np.flip(x, corner)) for one, corner in zip(four, CORNERS, strict=True)]
    h = sum(np.flip(y, corner) for (y, _), corner in zip(results, CORNERS, strict=True))
    return np.asarray(h), [cache for _, cache in results]


def backward(four: list[Weights], caches: list[Cache], dy: Array) -> tuple[list[Weights], Array]:
    """Return the gradients of the four scans, and that of the input."""
    scans = zip(four, caches, CORNERS, strict=True)
    gradients = [scan_back(one, cache, np.flip(dy, corner)) for one, cache, corner in scans]
    dx = sum(np.flip(gradient["x"], corner) for gradient, corner in zip(gradients, CORNERS, strict=True))
    return gradients, np.asarray(dx)


def main() -> None:
    """Print what the pixel in row 3, column 5 of a plane of 8 x 12 sees."""
    rng = np.random.default_rng(0)
    four = [weights(rng, 2, 4) for _ in CORNERS]
    x = rng.normal(size=(1, 2, 8, 12))
    error = np.zeros((1, 4, 8, 12))
    error[:, :, 3, 5] = 1
    one = scan_back(four[0], scan(four[0], x)[1], error)["x"]
    _, all_four = backward(four, forward(four, x)[1], error)
    print("one scan sees {} x {} pixels up and left".format(*reach(one)))
    print("four scans see {} x {}".format(*reach(all_four)))


if __name__ == "__main__":
    main()

"""The Neural Abstraction Pyramid (Behnke 1998, 2003): a picture seen again and again, on several scales at once.

From layer to layer the resolution halves and the number of features doubles. Each cell receives input from three
directions, within a small neighbourhood and with weights that all cells of its layer share:

    a_l(t+1) = tanh( F_l * a_{l-1}(t)  +  L_l * a_l(t)  +  B_l * up(a_{l+1}(t))  +  b_l )
                     forward, stride 2    lateral          backward

All cells update at the same time. What is clear in one cell helps others to read what is not, directly or by way of
the layers above. A recurrent convolutional layer is one layer of this with lateral connections only.

The demonstration trains two layers by back-propagation through time to restore bars of which a part is hidden, and
prints the error of each iteration: with forward connections alone, with forward and lateral ones, and with all three.
"""

import numpy as np
from common import Adam, Array, Weights
from planes import convolve, convolve_back, kernel

Cache = tuple[Array, list[Array], list[Array]]
SIZE = 8
HIDDEN = (..., slice(2, 6), slice(2, 6))


def weights(rng: np.random.Generator, features: int = 4) -> Weights:
    """Draw the weights of two layers over a picture with one feature, and of a read-out R."""
    return {
        "F1": 0.5 * kernel(rng, features, 1),
        "L1": 0.3 * kernel(rng, features, features),
        "B1": 0.3 * kernel(rng, features, 2 * features),
        "b1": np.zeros(features),
        "F2": 0.5 * kernel(rng, 2 * features, features),
        "L2": 0.3 * kernel(rng, 2 * features, 2 * features),
        "b2": np.zeros(2 * features),
        "R": 0.5 * kernel(rng, 1, features, 1),
    }


def up(x: Array) -> Array:
    """Double height and width by repeating each cell."""
    return x.repeat(2, axis=2).repeat(2, axis=3)


def up_back(dy: Array) -> Array:
    """Return the gradient of x, given that of up(x)."""
    return dy[:, :, ::2, ::2] + dy[:, :, 1::2, ::2] + dy[:, :, ::2, 1::2] + dy[:, :, 1::2, 1::2]


def forward(weights: Weights, picture: Array, steps: int) -> tuple[list[Array], Cache]:
    """Update all cells ``steps`` times. Return the restored picture after each, (B, 1, H, W), and a cache."""
    w = weights
    seen = convolve(picture, w["F1"]) + w["b1"][:, None, None]  # the picture does not change
    batch, _, height, width = seen.shape
    first, second = [np.zeros_like(seen)], [np.zeros((batch, len(w["b2"]), height // 2, width // 2))]
    for _ in range(steps):
        a1, a2 = first[-1], second[-1]
        first.append(np.tanh(seen + convolve(a1, w["L1"]) + convolve(up(a2), w["B1"])))
        second.append(np.tanh(convolve(a1, w["F2"], 2) + convolve(a2, w["L2"]) + w["b2"][:, None, None]))
    return [convolve(a1, w["R"]) for a1 in first[1:]], (picture, first, second)


def backward(weights: Weights, cache: Cache, errors: list[Array]) -> Weights:
    """Return the gradients of the weights; ``errors`` are those of the restored pictures."""
    w, (picture, first, second) = weights, cache
    gradients = {name: np.zeros_like(value) for name, value in w.items()}
    d1, d2, seen = np.zeros_like(first[0]), np.zeros_like(second[0]), np.zeros_like(first[0])

    def back(name: str, x: Array, dz: Array, stride: int = 1) -> Array:
        dw, dx = convolve_back(x, w[name], dz, stride)
        gradients[name] += dw
        return dx

    for t in reversed(range(1, len(first))):
        d1 = d1 + back("R", first[t], errors[t - 1])
        z1, z2 = d1 * (1 - first[t] ** 2), d2 * (1 - second[t] ** 2)
        seen += z1
        gradients["b2"] += z2.sum((0, 2, 3))
        d1 = back("L1", first[t - 1], z1) + back("F2", first[t - 1], z2, 2)
        d2 = up_back(back("B1", up(second[t - 1]), z1)) + back("L2", second[t - 1], z2)
    gradients["b1"] = seen.sum((0, 2, 3))
    back("F1", picture, seen)
    return gradients


def bars(rng: np.random.Generator, batch: int) -> tuple[Array, Array]:
    """Draw upright or lying bars, two pixels wide. Return them with a hidden square, and whole."""
    whole = np.zeros((batch, 1, SIZE, SIZE))
    for picture in whole[:, 0]:
        start = rng.integers(1, SIZE - 2)
        lying = picture if rng.random() < 0.5 else picture.T
        lying[start : start + 2] = 1
    seen = whole.copy()
    seen[HIDDEN] = 0
    return seen, whole


def fit(connections: str, updates: int = 70, steps: int = 5, seed: int = 0) -> tuple[Weights, list[float]]:
    """Train with these connections. Return the weights, and the error of the hidden pixels after each iteration."""
    rng = np.random.default_rng(seed)
    kept = "Rb" + connections
    network = {name: value * (name[0] in kept) for name, value in weights(rng).items()}
    optimiser = Adam({name: value for name, value in network.items() if name[0] in kept}, rate=0.02)
    for _ in range(updates):
        hidden, whole = bars(rng, 8)
        restored, cache = forward(network, hidden, steps)
        errors = [(picture - whole) / 8 for picture in restored]
        optimiser.step(backward(network, cache, errors))
    hidden, whole = bars(rng, 100)
    restored, _ = forward(network, hidden, steps)
    return network, [float(((picture - whole)[HIDDEN] ** 2).mean()) for picture in restored]


def main() -> None:
    """Print the error of the hidden pixels after each iteration."""
    for connections in ("F", "FL", "FLB"):
        print(f"connections {connections:3}: " + " ".join(f"{error:.3f}" for error in fit(connections)[1]))


if __name__ == "__main__":
    main()

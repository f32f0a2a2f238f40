"""The recurrent convolutional layer (Liang and Hu 2015): a convolution that sees its own output again and again.

    z(0) = W_f * u + b                          u: what the layer sees, the same at every step
    z(t) = W_f * u + W_r * x(t-1) + b
    x(t) = g(relu(z(t)))

W_f * u is computed once. W_r is the same at every step, so more steps cost time but no weights. With each step a place
sees one place further: a 3 x 3 layer with T steps sees (3 + 2T) x (3 + 2T). With T = 0 it is a plain convolution.

g is local response normalisation, which keeps the states from exploding. Each feature k is divided by a measure of the
activity of the N features around it:

    g(f)_k = f_k / n_k^0.75,    n_k = 1 + 0.001 / N * sum of f_k'^2 over N features around k
"""

import numpy as np
from common import Array, Weights
from planes import convolve, convolve_back, kernel, reach, relu

ALPHA, BETA = 0.001, 0.75
NAMES = ("Wf", "Wr", "b")
Cache = tuple[Array, list[Array], list[Array]]


def weights(rng: np.random.Generator, inputs: int, maps: int) -> Weights:
    """Draw the weights."""
    return {"Wf": kernel(rng, maps, inputs), "Wr": kernel(rng, maps, maps), "b": np.zeros(maps)}


def around(f: Array, size: int) -> Array:
    """Sum each feature with its neighbours, ``size`` (odd) in all: (B, K, H, W) -> (B, K, H, W)."""
    padded = np.pad(f, ((0, 0), (size // 2, size // 2), (0, 0), (0, 0)))
    return np.asarray(sum(padded[:, k : k + f.shape[1]] for k in range(size)))


def normalise(f: Array, size: int) -> Array:
    """Return g(f)."""
    return f / (1 + ALPHA / size * around(f**2, size)) ** BETA


def normalise_back(f: Array, size: int, dg: Array) -> Array:
    """Return the gradient of f, given that of g(f)."""
    n = 1 + ALPHA / size * around(f**2, size)
    return dg / n**BETA - 2 * BETA * ALPHA / size * f * around(dg * f / n ** (BETA + 1), size)


def forward(weights: Weights, u: Array, steps: int, size: int = 3) -> tuple[Array, Cache]:
    """Run ``steps`` iterations over (B, C, H, W). Return x(T) (B, K, H, W), and what `backward` needs."""
    constant = convolve(u, weights["Wf"]) + weights["b"][:, None, None]
    f = [relu(constant)]
    x = [normalise(f[0], size)]
    for _ in range(steps):
        f.append(relu(constant + convolve(x[-1], weights["Wr"])))
        x.append(normalise(f[-1], size))
    return x[-1], (u, f, x)


def backward(weights: Weights, cache: Cache, dx: Array, size: int = 3) -> Weights:
    """Return the gradients of the weights and, under "x", of u; ``dx`` is that of x(T)."""
    u, f, x = cache
    recurrent = np.zeros_like(weights["Wr"])
    constant = np.zeros_like(dx)
    for t in reversed(range(len(x))):
        dz = normalise_back(f[t], size, dx) * (f[t] > 0)
        constant += dz  # W_f * u enters every step
        if t:
            dw, dx = convolve_back(x[t - 1], weights["Wr"], dz)
            recurrent += dw
    forwards, du = convolve_back(u, weights["Wf"], constant)
    return {"Wf": forwards, "Wr": recurrent, "b": constant.sum((0, 2, 3)), "x": du}


def field(steps: int, seed: int = 0) -> Array:
    """Return how much the centre of the output depends on each place of a 21 x 21 input."""
    rng = np.random.default_rng(seed)
    network = weights(rng, 2, 8)
    u = 1 + 0.1 * rng.normal(size=(1, 2, 21, 21))
    y, cache = forward(network, u, steps)
    error = np.zeros_like(y)
    error[:, :, 10, 10] = 1
    return np.asarray(np.abs(backward(network, cache, error)["x"][0]).sum(0))


def main() -> None:
    """Print how far the layer sees, and how many weights it has."""
    for steps in range(4):
        used = [name for name in NAMES if steps or name != "Wr"]
        count = sum(value.size for name, value in weights(np.random.default_rng(0), 2, 8).items() if name in used)
        height, width = reach(field(steps))
        print(f"T = {steps}: sees {height} x {width} places with {count} weights")


if __name__ == "__main__":
    main()

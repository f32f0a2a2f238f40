"""The gated recurrent convolutional layer (Wang and Hu 2017, 2021): each pixel decides how far it sees.

    x(0) = relu(W_f * u + b)
    G(t) = sigmoid(V_f * u + V_r * x(t-1) + d)          V: kernels of 1 x 1
    x(t) = relu(W_f * u + G(t) (W_r * x(t-1)) + b)

The gate multiplies what comes from the neighbours, and nothing else. Closed, it leaves a plain convolution; open, a
recurrent convolutional layer. As published, each product has a batch norm of its own, which this file leaves out.

The demonstration opens the gates by hand, then lets a stroke of ink open them: pixels on the stroke see further than
pixels on empty paper.
"""

import numpy as np
from common import Array, Weights, sigmoid
from planes import convolve, convolve_back, kernel, reach, relu

NAMES = ("Wf", "Wr", "b", "Vf", "Vr", "d")
Cache = tuple[Array, list[Array], list[Array], list[Array]]


def weights(rng: np.random.Generator, inputs: int, maps: int) -> Weights:
    """Draw the weights."""
    return {
        "Wf": kernel(rng, maps, inputs),
        "Wr": kernel(rng, maps, maps),
        "b": np.zeros(maps),
        "Vf": kernel(rng, maps, inputs, 1),
        "Vr": kernel(rng, maps, maps, 1),
        "d": np.zeros(maps),
    }


def forward(weights: Weights, u: Array, steps: int) -> tuple[Array, Cache]:
    """Run ``steps`` iterations over (B, C, H, W). Return x(T) (B, K, H, W), and what `backward` needs."""
    constant = convolve(u, weights["Wf"]) + weights["b"][:, None, None]
    gate_constant = convolve(u, weights["Vf"]) + weights["d"][:, None, None]
    x, gates, recurrent = [relu(constant)], [], []
    for _ in range(steps):
        gates.append(sigmoid(gate_constant + convolve(x[-1], weights["Vr"])))
        recurrent.append(convolve(x[-1], weights["Wr"]))
        x.append(relu(constant + gates[-1] * recurrent[-1]))
    return x[-1], (u, x, gates, recurrent)


def backward(weights: Weights, cache: Cache, dx: Array) -> Weights:
    """Return the gradients of the weights and, under "x", of u; ``dx`` is that of x(T)."""
    u, x, gates, recurrent = cache
    gradients = {name: np.zeros_like(weights[name]) for name in NAMES}
    constant, gate_constant = np.zeros_like(dx), np.zeros_like(dx)
    for t in reversed(range(1, len(x))):
        dz = dx * (x[t] > 0)
        constant += dz
        gate = gates[t - 1]
        of_gate = dz * recurrent[t - 1] * gate * (1 - gate)
        gate_constant += of_gate
        dw, dx = convolve_back(x[t - 1], weights["Wr"], dz * gate)
        dv, from_gate = convolve_back(x[t - 1], weights["Vr"], of_gate)
        gradients["Wr"] += dw
        gradients["Vr"] += dv
        dx = dx + from_gate
    constant += dx * (x[0] > 0)
    gradients["Wf"], du = convolve_back(u, weights["Wf"], constant)
    gradients["Vf"], from_gates = convolve_back(u, weights["Vf"], gate_constant)
    gradients["b"], gradients["d"] = constant.sum((0, 2, 3)), gate_constant.sum((0, 2, 3))
    return gradients | {"x": du + from_gates}


def sight(network: Weights, u: Array, row: int, column: int, steps: int = 3) -> tuple[int, int]:
    """Return height and width of the part of ``u`` that one pixel of the output sees, to a millionth of the most."""
    y, cache = forward(network, u, steps)
    error = np.zeros_like(y)
    error[:, :, row, column] = 1
    change = np.abs(backward(network, cache, error)["x"])
    return reach(np.where(change > 1e-6 * change.max(), change, 0))


def main() -> None:
    """Print what a pixel sees with gates closed, open, and opened by ink."""
    rng = np.random.default_rng(0)
    network = weights(rng, 1, 8)
    network["Vr"][:] = 0
    paper = 0.01 * (1 + rng.random((1, 1, 21, 21)))
    for name, bias in (("closed", -40.0), ("open", 40.0)):
        network["Vf"][:], network["d"][:] = 0, bias
        print("gates {}: a pixel sees {} x {}".format(name, *sight(network, paper, 10, 10)))
    network["Vf"][:], network["d"][:] = 80, -40
    line = paper.copy()
    line[:, :, :, 4:7] = 1  # a vertical stroke
    for name, column in (("the stroke", 5), ("empty paper", 15)):
        print("gates opened by ink: on {} a pixel sees {} x {}".format(name, *sight(network, line, 10, column)))


if __name__ == "__main__":
    main()

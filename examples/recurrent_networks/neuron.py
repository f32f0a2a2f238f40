"""An unfolded neuron.

A neuron that receives its own last output is a loop:

    h_t = tanh(w x_t + u h_{t-1} + b),    h_0 = 0

Drawn out in time, the loop is a chain: a feed-forward network with one layer for each time step, in which every layer
has the same three weights. Training needs nothing new. Pretend that each layer has weights of its own, propagate the
error back through the chain, and add up the gradients of the copies, because they are one weight.
"""

import numpy as np


def forward(w: list[float], u: list[float], b: list[float], x: list[float]) -> list[float]:
    """Run the chain; layer t has its own weights w[t], u[t], b[t]. Return h_0 to h_T."""
    h = [0.0]
    for t, value in enumerate(x):
        h.append(float(np.tanh(w[t] * value + u[t] * h[-1] + b[t])))
    return h


def backward(u: list[float], x: list[float], h: list[float]) -> tuple[list[float], list[float], list[float]]:
    """Return the gradients of h_T with respect to w[t], u[t] and b[t] of every layer."""
    steps = len(x)
    dw, du, db = [0.0] * steps, [0.0] * steps, [0.0] * steps
    dh = 1.0
    for t in reversed(range(steps)):
        dz = dh * (1 - h[t + 1] ** 2)  # through tanh
        dw[t], du[t], db[t] = dz * x[t], dz * h[t], dz
        dh = dz * u[t]  # to the step before
    return dw, du, db


def unfolded(steps: int) -> str:
    """Write h_T as one formula without a loop."""
    text = "0"
    for t in range(1, steps + 1):
        text = f"f(w x{t} + u {text} + b)"
    return text


def main() -> None:
    """Show that the gradient of a shared weight is the sum over its copies."""
    x, w, u, b = [1.0, -0.5, 0.25], 0.8, 0.9, 0.1
    steps = len(x)
    h = forward([w] * steps, [u] * steps, [b] * steps, x)
    _, du, _ = backward([u] * steps, x, h)
    e = 1e-6
    up = forward([w] * steps, [u + e] * steps, [b] * steps, x)[-1]
    down = forward([w] * steps, [u - e] * steps, [b] * steps, x)[-1]
    print(f"h3 = {unfolded(steps)} = {h[-1]:.4f}")
    for t, value in enumerate(du, 1):
        print(f"  gradient of the copy of u in layer {t}: {value:.6f}")
    print(f"  their sum:                           {sum(du):.6f}")
    print(f"  gradient of the one u in the loop:   {(up - down) / (2 * e):.6f}  (by moving u a little)")


if __name__ == "__main__":
    main()

"""Both directions (Schuster and Paliwal 1997; Graves and Schmidhuber 2005).

    forwards:   h_t = cell(x_t, h_{t-1})        backwards:   k_t = cell'(x_t, k_{t+1})
    output:     [h_t; k_t]

One chain reads the sequence from the left, the other from the right. Inside a layer they never meet: only the next
layer sees both. A letter of handwriting is often clear only from what follows, so a reader needs both.

Sequences of a batch differ in length. The backward chain must start at the last true step of its own sequence, not in
the padding behind it. The demonstration asks for the next bit, which only the backward chain has seen, and shows that
the answer for a short sequence does not change when its neighbour in the batch is longer.
"""

from types import ModuleType
from typing import Any

import lstm
import numpy as np
from common import Adam, Array, Weights, accuracy, read_out, reader
from numpy.typing import NDArray

Lengths = NDArray[np.int64]


def weights(rng: np.random.Generator, inputs: int, hidden: int, cell: ModuleType = lstm) -> Weights:
    """Draw the weights of both chains; names of the backward chain end in "'"."""
    first: Weights = cell.weights(rng, inputs, hidden)
    second: Weights = cell.weights(rng, inputs, hidden)
    return first | {f"{name}'": value for name, value in second.items()}


def backward_chain(weights: Weights) -> Weights:
    """Return the weights of the backward chain under their plain names."""
    return {name[:-1]: value for name, value in weights.items() if name.endswith("'")}


def reverse(x: Array, lengths: Lengths) -> Array:
    """Reverse each sequence of (T, B, n) within its length; the padding stays where it is."""
    y = x.copy()
    for b, length in enumerate(lengths):
        y[:length, b] = x[:length, b][::-1]
    return y


def forward(weights: Weights, x: Array, lengths: Lengths, cell: ModuleType = lstm) -> tuple[Array, Any]:
    """Run both chains over (T, B, inputs) with true ``lengths`` (B,). Return (T, B, 2 hidden), zero in the padding."""
    h, first = cell.forward(weights, x)
    k, second = cell.forward(backward_chain(weights), reverse(x, lengths))
    y = np.concatenate([h, reverse(k, lengths)], axis=2)
    return y * true_steps(len(x), lengths), (first, second, lengths)


def backward(weights: Weights, cache: Any, dy: Array, cell: ModuleType = lstm) -> Weights:
    """Return the gradients of the weights and, under "x", of the inputs; ``dy`` is that of the output."""
    first, second, lengths = cache
    dh, dk = np.split(dy * true_steps(len(dy), lengths), 2, axis=2)
    forwards = cell.backward(weights, first, dh)
    backwards = cell.backward(backward_chain(weights), second, reverse(dk, lengths))
    both = {name: forwards[name] for name in cell.NAMES} | {f"{name}'": backwards[name] for name in cell.NAMES}
    return both | {"x": forwards["x"] + reverse(backwards["x"], lengths)}


def true_steps(steps: int, lengths: Lengths) -> Array:
    """Return 1 on true steps and 0 on padding, (T, B, 1)."""
    return (np.arange(steps)[:, None] < lengths)[..., None].astype(float)


def foresee(both: bool, steps: int = 8, updates: int = 80, seed: int = 0) -> float:
    """Train one LSTM or a pair to answer with the next bit. Return the share of right answers on new sequences."""
    rng = np.random.default_rng(seed)
    network = weights(rng, 1, 8) | reader(rng, 16 if both else 8, 2)
    optimiser = Adam(network if both else {name: network[name] for name in (*lstm.NAMES, "V", "c")}, rate=0.03)
    lengths = np.full(32, steps)
    for update in range(updates + 1):
        bits = rng.integers(0, 2, (steps, 32))
        targets = np.concatenate([bits[1:], np.full((1, 32), -1)])
        x = np.asarray(2 * bits[..., None] - 1, float)
        h, cache = forward(network, x, lengths) if both else lstm.forward(network, x)
        _, p, of_reader, dh = read_out(network, h, targets)
        if update < updates:
            gradients = backward(network, cache, dh) if both else lstm.backward(network, cache, dh)
            optimiser.step(gradients | of_reader)
    return accuracy(p, targets)


def change_by_neighbour(seed: int = 0) -> float:
    """Return how much the output for a sequence of 5 steps changes when the other of its batch grows from 5 to 9."""
    rng = np.random.default_rng(seed)
    network = weights(rng, 3, 4)
    x = rng.normal(size=(9, 2, 3))
    alone, _ = forward(network, x[:5], np.array([5, 5]))
    padded, _ = forward(network, x, np.array([5, 9]))
    return float(np.abs(alone[:, 0] - padded[:5, 0]).max())


def main() -> None:
    """Print who knows the next bit, and what a longer neighbour changes."""
    print(f"the next bit: one direction {foresee(False):.0%} right, both {foresee(True):.0%}")
    print(f"a longer neighbour in the batch changes the output by {change_by_neighbour()}")


if __name__ == "__main__":
    main()

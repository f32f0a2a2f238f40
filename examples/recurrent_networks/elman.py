"""The Elman network (Elman 1990, "Finding structure in time"): the hidden layer receives its own last state.

    h_t = tanh(W x_t + U h_{t-1} + b)
    y_t = softmax(V h_t + c)

The demonstration is Elman's own. The syllables "ba", "dii" and "guuu" follow each other at random, and the network
predicts the next letter. The next consonant cannot be predicted. The vowel and its number can, but only by a network
that remembers the consonant and counts.
"""

import numpy as np
from common import Adam, Array, Weights, one_hot, read_out, reader, uniform
from numpy.typing import NDArray

Cache = tuple[Array, Array]
NAMES = ("W", "U", "b")
LETTERS = "bdgaiu"
SYLLABLES = ("ba", "dii", "guuu")


def weights(rng: np.random.Generator, inputs: int, hidden: int) -> Weights:
    """Draw the weights of the recurrent layer."""
    return {"W": uniform(rng, hidden, inputs), "U": uniform(rng, hidden, hidden), "b": np.zeros(hidden)}


def forward(weights: Weights, x: Array, start: Array | None = None) -> tuple[Array, Cache]:
    """Run the layer.

    Args:
        x: Inputs (T, B, inputs).
        start: State before the first step (B, hidden); zero if not given.

    Returns:
        The states (T, B, hidden), and what `backward` needs.
    """
    h = np.zeros((len(x) + 1, x.shape[1], len(weights["b"])))
    if start is not None:
        h[0] = start
    for t in range(len(x)):
        h[t + 1] = np.tanh(x[t] @ weights["W"].T + h[t] @ weights["U"].T + weights["b"])
    return h[1:], (x, h)


def backward(weights: Weights, cache: Cache, dh: Array) -> Weights:
    """Propagate the error back through time.

    Args:
        dh: Gradient of the loss with respect to each state (T, B, hidden), from above only.

    Returns:
        The gradients of the weights; "x": that of the inputs; "h": that of the states h_0 to h_T, with all that
        comes back from later steps.
    """
    x, h = cache
    gradients = {name: np.zeros_like(weights[name]) for name in NAMES}
    dx, total = np.zeros_like(x), np.zeros_like(h)
    for t in reversed(range(len(x))):
        total[t + 1] += dh[t]
        dz = total[t + 1] * (1 - h[t + 1] ** 2)
        gradients["W"] += dz.T @ x[t]
        gradients["U"] += dz.T @ h[t]
        gradients["b"] += dz.sum(0)
        dx[t] = dz @ weights["W"]
        total[t] = dz @ weights["U"]
    return {**gradients, "x": dx, "h": total}


def babble(rng: np.random.Generator, steps: int, count: int) -> NDArray[np.int64]:
    """Draw ``count`` sequences of letters, (steps, count)."""
    texts = ["".join(rng.choice(SYLLABLES, steps))[:steps] for _ in range(count)]
    return np.array([[LETTERS.index(letter) for letter in text] for text in texts]).T


def surprise(seed: int = 0, updates: int = 150) -> dict[str, float]:
    """Train on babble. Return the mean cross-entropy (nats) of consonants and of vowels in new babble."""
    rng = np.random.default_rng(seed)
    network = weights(rng, len(LETTERS), 20) | reader(rng, 20, len(LETTERS))
    optimiser = Adam(network, rate=0.02)
    for _ in range(updates):
        letters = babble(rng, 21, 20)
        h, cache = forward(network, one_hot(letters[:-1], len(LETTERS)))
        _, _, of_reader, dh = read_out(network, h, letters[1:])
        optimiser.step(backward(network, cache, dh) | of_reader)
    letters = babble(rng, 101, 20)
    h, _ = forward(network, one_hot(letters[:-1], len(LETTERS)))
    _, p, _, _ = read_out(network, h, letters[1:])
    loss = -np.log(np.take_along_axis(p, letters[1:, :, None], 2)[..., 0])
    vowel = letters[1:] >= 3
    return {"consonant": float(loss[~vowel].mean()), "vowel": float(loss[vowel].mean())}


def main() -> None:
    """Print how surprised the trained network is by consonants and by vowels."""
    for kind, value in surprise().items():
        print(f"{kind}: {value:.3f} nats a letter (a guess among three: {np.log(3):.3f})")


if __name__ == "__main__":
    main()

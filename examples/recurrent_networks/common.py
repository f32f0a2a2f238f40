"""Activations, a read-out and an optimiser: what the examples share.

Every sequence is an array of shape (T, B, n): T time steps, B sequences, n numbers at each step. Every network is a
dictionary of weights, and every gradient is a dictionary with the same keys.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = dict[str, Array]


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def softmax(x: Array) -> Array:
    """Return probabilities along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def one_hot(labels: NDArray[np.int64], classes: int) -> Array:
    """Return ``labels`` as rows of an identity matrix."""
    return np.eye(classes)[labels]


def uniform(rng: np.random.Generator, *shape: int) -> Array:
    """Draw weights between -1/sqrt(n) and 1/sqrt(n), where n is the number of inputs (the last axis)."""
    bound = 1 / np.sqrt(shape[-1])
    return rng.uniform(-bound, bound, shape)


def reader(rng: np.random.Generator, hidden: int, classes: int) -> Weights:
    """Draw the weights of a linear read-out, y = V h + c."""
    return {"V": uniform(rng, classes, hidden), "c": np.zeros(classes)}


def read_out(weights: Weights, h: Array, targets: NDArray[np.int64]) -> tuple[float, Array, Weights, Array]:
    """Classify each state by softmax(V h + c) and compare with ``targets`` by cross-entropy.

    Args:
        h: States (T, B, hidden).
        targets: Classes (T, B); -1 where nothing is asked.

    Returns:
        The mean loss, the probabilities (T, B, classes), the gradients of V and c, and the gradient of h.
    """
    p = softmax(h @ weights["V"].T + weights["c"])
    asked = targets >= 0
    target = one_hot(np.maximum(targets, 0), p.shape[-1])
    loss = -np.log((p * target).sum(-1)[asked]).mean()
    dy = (p - target) * asked[..., None] / asked.sum()
    gradients = {"V": np.einsum("tbo,tbh->oh", dy, h), "c": dy.sum((0, 1))}
    return float(loss), p, gradients, dy @ weights["V"]


def accuracy(p: Array, targets: NDArray[np.int64]) -> float:
    """Return the share of right answers where something is asked."""
    asked = targets >= 0
    return float((p.argmax(-1) == targets)[asked].mean())


class Adam:
    """Adam (Kingma and Ba 2015) with the gradient clipped to length 1 (Pascanu et al. 2013)."""

    def __init__(self, weights: Weights, rate: float = 0.01) -> None:
        self.weights, self.rate, self.count = weights, rate, 0
        self.mean = {name: np.zeros_like(value) for name, value in weights.items()}
        self.square = {name: np.zeros_like(value) for name, value in weights.items()}

    def step(self, gradients: Weights) -> None:
        """Update the weights."""
        self.count += 1
        length = np.sqrt(sum((gradients[name] ** 2).sum() for name in self.weights))
        for name, value in self.weights.items():
            gradient = gradients[name] / max(1.0, length)
            self.mean[name] += 0.1 * (gradient - self.mean[name])
            self.square[name] += 0.001 * (gradient**2 - self.square[name])
            mean = self.mean[name] / (1 - 0.9**self.count)
            value -= self.rate * mean / (np.sqrt(self.square[name] / (1 - 0.999**self.count)) + 1e-8)

"""Connectionist temporal classification (Graves et al. 2006): the sum over all paths.

A path names one class for each time step: a letter, or class 0, the blank. It is read by merging equal neighbours and
then dropping blanks, so "--hh-ee-l-ll-o-" reads "hello". The probability of a text is the sum over all paths that read
so. There are too many to list, but a table does it (blank, l1, blank, l2, ..., blank are the rows s):

    a_t(s) = p_t(row s) [a_{t-1}(s) + a_{t-1}(s-1) + a_{t-1}(s-2) if row s is a letter unlike row s-2]

A text needs at least as many steps as it has letters and pairs of equal neighbours.

The demonstration compares the table with the list, and trains a small network on "letters" that are six steps wide. The
network learns to answer with spikes: one or two steps name the letter, and all others say blank.
"""

from itertools import product

import numpy as np
from common import Adam, Array, softmax, uniform

BLANK = 0


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    """Merge equal neighbours, then drop blanks."""
    merged = [label for t, label in enumerate(path) if t == 0 or label != path[t - 1]]
    return tuple(label for label in merged if label != BLANK)


def by_listing(p: Array, text: tuple[int, ...]) -> float:
    """Return the probability of ``text`` by listing every path; ``p`` holds probabilities (T, classes)."""
    steps, classes = p.shape
    paths = (path for path in product(range(classes), repeat=steps) if collapse(path) == text)
    return float(sum(np.prod(p[range(steps), path]) for path in paths))


def table(log_p: Array, text: tuple[int, ...]) -> Array:
    """Return log a_t(s), (T, 2 len(text) + 1)."""
    rows = extended(text)
    a = np.full((len(log_p), len(rows)), -np.inf)
    a[0, :2] = log_p[0, rows[:2]]
    for t in range(1, len(log_p)):
        a[t] = a[t - 1]
        a[t, 1:] = np.logaddexp(a[t, 1:], a[t - 1, :-1])
        jump = np.flatnonzero((rows[2:] != BLANK) & (rows[2:] != rows[:-2])) + 2
        a[t, jump] = np.logaddexp(a[t, jump], a[t - 1, jump - 2])
        a[t] += log_p[t, rows]
    return a


def extended(text: tuple[int, ...]) -> np.ndarray:
    """Return blank, l1, blank, l2, ..., blank."""
    rows = np.full(2 * len(text) + 1, BLANK)
    rows[1::2] = text
    return rows


def loss(log_p: Array, text: tuple[int, ...]) -> tuple[float, Array]:
    """Return -log p(text) and its gradient with respect to the scores before the softmax, (T, classes).

    The gradient is p minus the share of the text's paths that pass through each class at each step. These shares come
    from the table and from the same table read from the end.
    """
    forwards, backwards = table(log_p, text), table(log_p[::-1], text[::-1])[::-1, ::-1]
    total = np.logaddexp(forwards[-1, -1], forwards[-1, -2]) if text else forwards[-1, -1]
    rows = extended(text)
    through = np.exp(forwards + backwards - log_p[:, rows] - total)  # both tables count p_t, so take it out once
    share = np.zeros_like(log_p)
    np.add.at(share.T, rows, through.T)
    return -float(total), np.exp(log_p) - share


def letters(rng: np.random.Generator, count: int = 4) -> tuple[Array, tuple[int, ...]]:
    """Draw a text of ``count`` letters (1 to 3) as noisy columns: each letter six wide, then a gap of two."""
    text = tuple(int(label) for label in rng.integers(1, 4, count))
    columns = np.zeros((8 * count, 3))
    for number, label in enumerate(text):
        columns[8 * number : 8 * number + 6, label - 1] = 1
    return columns + rng.normal(0, 0.1, columns.shape), text


def train(updates: int = 400, seed: int = 0) -> tuple[Array, tuple[int, ...]]:
    """Train softmax(V [five neighbouring columns] + c) by CTC. Return the probabilities of a new text, and the text."""
    rng = np.random.default_rng(seed)
    network = {"V": uniform(rng, 4, 15), "c": np.zeros(4)}
    optimiser = Adam(network, rate=0.03)
    for _ in range(updates):
        columns, text = letters(rng)
        context = neighbours(columns)
        p = softmax(context @ network["V"].T + network["c"])
        _, dy = loss(np.log(p), text)
        optimiser.step({"V": dy.T @ context, "c": dy.sum(0)})
    columns, text = letters(rng)
    return softmax(neighbours(columns) @ network["V"].T + network["c"]), text


def neighbours(columns: Array) -> Array:
    """Put each column next to the two on its left and the two on its right, (T, 5 n)."""
    padded = np.pad(columns, ((2, 2), (0, 0)))
    return np.concatenate([padded[k : k + len(columns)] for k in range(5)], axis=1)


def main() -> None:
    """Compare the table with the list, and print the most probable class of each step."""
    p = softmax(np.random.default_rng(0).normal(size=(6, 3)))
    for word in ((1, 2), (1, 1), ()):
        print(f"p{word}: by table {np.exp(-loss(np.log(p), word)[0]):.6f}, by listing {by_listing(p, word):.6f}")
    p, text = train()
    print("letters  " + "".join(f"{'-abc'[label] * 6}  " for label in text))
    print("answers  " + "".join("-abc"[label] for label in p.argmax(1)))


if __name__ == "__main__":
    main()

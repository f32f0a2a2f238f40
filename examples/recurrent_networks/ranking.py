"""Words and regions (Karpathy and Fei-Fei 2015): a convolutional and a recurrent network meet in one space.

A picture is a set of regions, a sentence a sequence of words. Both become vectors of one length:

    v_i = M r_i                                                  r_i: what a convolutional network says of region i
    f_t = relu(E w_t + F f_{t-1}),   g_t = relu(E w_t + G g_{t+1}),   s_t = D (f_t + g_t)

Each word picks its best region. The score of picture k and sentence l, and the loss over a batch of pairs, are

    S_kl = sum over t of max over i of v_i . s_t
    sum over k of [ sum over l of max(0, S_kl - S_kk + 1)  +  sum over l of max(0, S_lk - S_kk + 1) ],    l other than k

The training data do not say which region a word is about. It is enough that a picture and its own sentence score higher
than others. The demonstration shows things in a random order, and counts how often a word picks the thing that it
names. In handwriting the same score finds a word on a line; CTC differs in that it keeps the order of the letters.
"""

import numpy as np
from common import Adam, Array, Weights, one_hot, uniform
from numpy.typing import NDArray
from planes import relu

THINGS = 8
Cache = tuple[Array, ...]


def weights(rng: np.random.Generator, features: int, words: int, hidden: int) -> Weights:
    """Draw the weights."""
    sizes = {"M": (hidden, features), "E": (hidden, words), "F": (hidden, hidden), "G": (hidden, hidden)}
    return {name: uniform(rng, *size) for name, size in (sizes | {"D": (hidden, hidden)}).items()}


def read(weights: Weights, x: Array) -> tuple[Array, Cache]:
    """Return the vectors s (T, B, hidden) of words x (T, B, words), and what `read_back` needs."""
    steps = len(x)
    e = x @ weights["E"].T
    f, g = np.zeros((2, steps + 2, *e.shape[1:]))  # step t is at t + 1
    for t in range(steps):
        f[t + 1] = relu(e[t] + f[t] @ weights["F"].T)
        back = steps - t
        g[back] = relu(e[back - 1] + g[back + 1] @ weights["G"].T)
    return (f + g)[1:-1] @ weights["D"].T, (x, f, g)


def read_back(weights: Weights, cache: Cache, ds: Array) -> Weights:
    """Return the gradients of E, F, G and D; ``ds`` is that of s."""
    x, f, g = cache
    dh = ds @ weights["D"]
    gradients = {"D": np.einsum("tbo,tbh->oh", ds, (f + g)[1:-1])}
    de = np.zeros_like(dh)
    for name, state, order in (("F", f, range(len(x) - 1, -1, -1)), ("G", g, range(len(x)))):
        before = -1 if name == "F" else 1
        later, gradients[name] = np.zeros_like(dh[0]), np.zeros_like(weights[name])
        for t in order:
            dz = (dh[t] + later) * (state[t + 1] > 0)
            gradients[name] += dz.T @ state[t + 1 + before]
            de[t] += dz
            later = dz @ weights[name]
    return gradients | {"E": np.einsum("tbh,tbw->hw", de, x)}


def loss(weights: Weights, regions: Array, x: Array) -> tuple[float, Weights, NDArray[np.int64]]:
    """Compare all pictures with all sentences of a batch; number b of both belong together.

    Args:
        regions: (B, R, features).
        x: words (T, B, words).

    Returns:
        The loss, the gradients, and the region that each word picks in its own picture, (T, B).
    """
    v = regions @ weights["M"].T
    s, cache = read(weights, x)
    match = np.einsum("kih,tlh->kilt", v, s)
    best = match.argmax(1)  # (pictures, sentences, T)
    score = match.max(1).sum(2)
    own = np.diag(score)
    over_rows, over_columns = relu(score - own[:, None] + 1), relu(score - own[None] + 1)
    np.fill_diagonal(over_rows, 0)
    np.fill_diagonal(over_columns, 0)
    d = (over_rows > 0).astype(float) + (over_columns > 0)
    np.fill_diagonal(d, -(over_rows > 0).sum(1) - (over_columns > 0).sum(0))
    dmatch = np.zeros_like(match)
    np.put_along_axis(dmatch, best[:, None], np.broadcast_to(d[:, None, :, None], best[:, None].shape), axis=1)
    gradients = read_back(weights, cache, np.einsum("kilt,kih->tlh", dmatch, v))
    gradients["M"] = np.einsum("kilt,tlh,kif->hf", dmatch, s, regions)
    picked = best[np.arange(len(own)), np.arange(len(own))].T
    return float((over_rows + over_columns).sum()), gradients, picked


def pairs(rng: np.random.Generator, batch: int, looks: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Draw pictures of four different things, and sentences that name three of them; and where these are."""
    things = np.array([rng.permutation(THINGS)[:4] for _ in range(batch)])
    regions = looks[things] + rng.normal(0, 0.2, (batch, 4, looks.shape[1]))
    positions = np.array([rng.permutation(4)[:3] for _ in range(batch)])
    return regions, one_hot(np.take_along_axis(things, positions, 1).T, THINGS), positions.T


def learn(updates: int = 120, seed: int = 0) -> tuple[float, float]:
    """Train on pairs. Return the share of words that pick the thing they name, before and after."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(THINGS, 12))
    network = weights(rng, 12, THINGS, 16)
    optimiser = Adam(network, rate=0.02)
    shares = []
    for update in range(updates + 1):
        regions, x, positions = pairs(rng, 20, looks)
        _, gradients, picked = loss(network, regions, x)
        shares.append(float((picked == positions).mean()))
        if update < updates:
            optimiser.step(gradients)
    return shares[0], shares[-1]


if __name__ == "__main__":
    print("words that pick the thing they name: {:.0%} before training, {:.0%} after".format(*learn()))

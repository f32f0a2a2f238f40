"""A recurrent network that writes (Karpathy and Fei-Fei 2015; Vinyals et al. 2015): a picture becomes a sentence.

    h_1 = tanh(C v + W start + b)                         v: what a convolutional network says of the picture
    h_t = tanh(W letter_{t-1} + U h_{t-1} + b)
    y_t = softmax(V h_t + c)                              the next letter, or the end

The network is fed with its own last letter. In training it is fed with the true one instead ("teacher forcing"). It is
not bound to the order of the picture, as CTC is. But it has learned what texts look like, too: given an empty picture
it still writes a word, where a CTC network answers with blanks.
"""

import elman
import numpy as np
from common import Adam, Array, Weights, one_hot, read_out, reader
from numpy.typing import NDArray

WORDS = ("table", "chair", "horse", "house", "bird", "boat", "tree", "train", "moon", "map")
ALPHABET = ".abcdefghijklmnopqrstuvwxyz"
"""The first letter is both start and end."""
LETTERS, FEATURES, HIDDEN = len(ALPHABET), 12, 40
STEPS = max(map(len, WORDS)) + 1


def weights(rng: np.random.Generator) -> Weights:
    """Draw the weights; the columns of W are those of the picture, called C above, and then those of the letters."""
    return elman.weights(rng, FEATURES + LETTERS, HIDDEN) | reader(rng, HIDDEN, LETTERS)


def inputs(pictures: Array, letters: NDArray[np.int64]) -> Array:
    """Return what the network is fed with: pictures (B, FEATURES) at the first step, letters (T, B) at each."""
    x = np.zeros((*letters.shape, FEATURES + LETTERS))
    x[0, :, :FEATURES] = pictures
    x[..., FEATURES:] = one_hot(letters, LETTERS)
    return x


def spelled(picks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the letters of words with the end (STEPS, B), and -1 behind it."""
    letters = np.full((STEPS, len(picks)), -1)
    for column, pick in enumerate(picks):
        word = WORDS[pick] + "."
        letters[: len(word), column] = [ALPHABET.index(letter) for letter in word]
    return letters


def shown(rng: np.random.Generator, looks: Array, batch: int) -> tuple[Array, NDArray[np.int64]]:
    """Draw noisy pictures, and which word each shows."""
    picks = rng.integers(0, len(WORDS), batch)
    return looks[picks] + rng.normal(0, 0.2, (batch, FEATURES)), picks


def train(updates: int = 200, seed: int = 0) -> tuple[Weights, Array]:
    """Train by teacher forcing. Return the weights, and what the words look like."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(len(WORDS), FEATURES))
    network = weights(rng)
    optimiser = Adam(network)
    for _ in range(updates):
        pictures, picks = shown(rng, looks, 20)
        targets = spelled(picks)
        fed = np.concatenate([np.zeros((1, 20), int), np.maximum(targets[:-1], 0)])  # the true letter before
        h, cache = elman.forward(network, inputs(pictures, fed))
        _, _, of_reader, dh = read_out(network, h, targets)
        optimiser.step(elman.backward(network, cache, dh) | of_reader)
    return network, looks


def write(network: Weights, picture: Array) -> tuple[str, float]:
    """Write greedily about one picture. Return the text, and its probability."""
    letter, state, probability, text = 0, None, 1.0, ""
    for step in range(STEPS):
        x = inputs(picture[None], np.array([[letter]]))
        x[..., :FEATURES] *= step == 0  # the picture is seen once
        h, _ = elman.forward(network, x, state)
        state = h[-1]
        p = read_out(network, h, np.zeros((1, 1), int))[1][0, 0]
        letter = int(p.argmax())
        probability *= p[letter]
        if letter == 0:
            break
        text += ALPHABET[letter]
    return text, float(probability)


def main() -> None:
    """Write about new pictures and about an empty one."""
    network, looks = train()
    pictures, picks = shown(np.random.default_rng(1), looks, 100)
    right = np.mean([write(network, picture)[0] == WORDS[pick] for picture, pick in zip(pictures, picks, strict=True)])
    print(f"{right:.0%} of new pictures are named right")
    for scale in (1.0, 0.5, 0.0):
        text, probability = write(network, scale * looks[0])
        print(f'a picture of a {WORDS[0]} at contrast {scale}: "{text}" with probability {probability:.2f}')


if __name__ == "__main__":
    main()

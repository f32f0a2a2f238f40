"""One to many, many to one, many to many: the same network, asked at different steps.

    one to many      a picture becomes a word, as in image captioning
    many to one      a word becomes a class, as in sentiment analysis
    many to many     a word is read, then another is written, as in translation
    at every step    each letter becomes a letter at once, as in tagging

Only inputs and targets differ. Where nothing is read, the input is zero; where nothing is asked, the target is -1, and
no error enters the network.
"""

from collections.abc import Callable

import elman
import numpy as np
from common import Adam, Array, accuracy, one_hot, read_out, reader
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Task = Callable[[np.random.Generator, int], tuple[Array, Labels]]
WORDS = ("eye", "sea", "tea", "ant", "net", "sun")
ALPHABET = "aenstuy"
CLASSES = len(ALPHABET)


def spelled(picks: Labels) -> Labels:
    """Return the letters (3, B) of the picked words."""
    return np.array([[ALPHABET.index(letter) for letter in WORDS[pick]] for pick in picks]).T


def one_to_many(rng: np.random.Generator, batch: int) -> tuple[Array, Labels]:
    """Show the number of a word once, as a "picture"; ask for its three letters."""
    picks = rng.integers(0, len(WORDS), batch)
    x = np.zeros((3, batch, CLASSES))
    x[0] = one_hot(picks, CLASSES)
    return x, spelled(picks)


def many_to_one(rng: np.random.Generator, batch: int) -> tuple[Array, Labels]:
    """Show the three letters of a word; ask for its number after the last."""
    picks = rng.integers(0, len(WORDS), batch)
    targets = np.full((3, batch), -1)
    targets[-1] = picks
    return one_hot(spelled(picks), CLASSES), targets


def many_to_many(rng: np.random.Generator, batch: int) -> tuple[Array, Labels]:
    """Show three letters, then nothing; ask for the same letters in the opposite order."""
    letters = rng.integers(0, CLASSES, (3, batch))
    x = np.concatenate([one_hot(letters, CLASSES), np.zeros((3, batch, CLASSES))])
    return x, np.concatenate([np.full_like(letters, -1), letters[::-1]])


def at_every_step(rng: np.random.Generator, batch: int) -> tuple[Array, Labels]:
    """Show letters; ask at each step for the larger of this letter and the one before."""
    letters = rng.integers(0, CLASSES, (6, batch))
    before = np.concatenate([np.zeros((1, batch), int), letters[:-1]])
    return one_hot(letters, CLASSES), np.maximum(letters, before)


TASKS: dict[str, Task] = {
    "one to many": one_to_many,
    "many to one": many_to_one,
    "many to many": many_to_many,
    "at every step": at_every_step,
}


def learn(task: Task, updates: int = 300, seed: int = 0) -> float:
    """Train on one task. Return the share of right answers on new sequences."""
    rng = np.random.default_rng(seed)
    network = elman.weights(rng, CLASSES, 48) | reader(rng, 48, CLASSES)
    optimiser = Adam(network, rate=0.005)
    for _ in range(updates):
        x, targets = task(rng, 32)
        h, cache = elman.forward(network, x)
        _, _, of_reader, dh = read_out(network, h, targets)
        optimiser.step(elman.backward(network, cache, dh) | of_reader)
    x, targets = task(rng, 300)
    return accuracy(read_out(network, elman.forward(network, x)[0], targets)[1], targets)


def main() -> None:
    """Train on each task; draw what is read (#) and what is asked (?) at each step."""
    for name, task in TASKS.items():
        x, targets = task(np.random.default_rng(1), 1)
        read = "".join("#" if step.any() else "." for step in x[:, 0])
        asked = "".join("?" if label >= 0 else "." for label in targets[:, 0])
        print(f"{name:13}  reads {read:6}  answers {asked:6}  {learn(task):.0%} right")


if __name__ == "__main__":
    main()

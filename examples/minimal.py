"""The whole method on one page: learn to read lines of handwriting, then read some.

    python examples/minimal.py data/samples/lines --minutes 20

A line image is normalised, a network gives each time step a probability for each character and for "nothing new here"
(the blank), and CTC adds up all ways in which the time steps can spell the text. `hwr train` does the same with
augmentation, batches without padding, a learning rate schedule, checkpoints and much more; the parts are the same.

For the first minutes the network reads every line as empty, since the blank is always a good guess. It needs more time.
"""

import argparse
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hwr.decode.lattice import greedy_text
from hwr.files.images import decode_image
from hwr.line import normalise_line, time_steps
from hwr.metrics import ErrorCounts, character_errors
from hwr.model.network import Network, build
from hwr.store.lines import LineStore
from hwr.text import BLANK, Alphabet

HEIGHT = 32
SPEC = "[1,32,0,1 C3,3,16 Mp2,2 C3,3,32 Mp2,2 C3,3,64 Mp0,1 Lbx96 O1c{classes}]"
"""Convolutions make features of the ink, a maximum over the height leaves one vector a column, and a bidirectional LSTM
reads the columns in both directions. A time step is four columns wide."""
BATCH_LINES = 8


@dataclass(frozen=True)
class Example:
    """A normalised line, uint8 (HEIGHT, W), 0 paper to 255 ink, and its text."""

    ink: np.ndarray
    text: str


def read_examples(store: Path, split: str) -> list[Example]:
    """Read and normalise all lines of one split of a store."""
    return [
        Example(normalise_line(decode_image(line.image, line.path), HEIGHT), line.text)
        for line in LineStore(store, split)
    ]


def pad(examples: list[Example]) -> tuple[Tensor, Tensor]:
    """Stack lines of different widths.

    Returns:
        Ink (B, 1, HEIGHT, widest) from 0 to 1, zero to the right of each line, and the true widths (B,).
    """
    widths = [example.ink.shape[1] for example in examples]
    ink = torch.zeros(len(examples), 1, HEIGHT, max(widths))
    for row, example in enumerate(examples):
        ink[row, 0, :, : widths[row]] = torch.from_numpy(example.ink) / 255
    return ink, torch.tensor(widths)


def ctc_loss(network: Network, examples: list[Example], alphabet: Alphabet) -> Tensor:
    """Return -log p(text | ink), the mean over the characters of the batch (Graves et al. 2006)."""
    ink, widths = pad(examples)
    log_probs = network(ink, widths)  # (B, T, classes)
    labels = [alphabet.encode(example.text) for example in examples]
    total = functional.ctc_loss(
        log_probs.transpose(0, 1),
        torch.tensor([label for line in labels for label in line]),
        input_lengths=torch.tensor([time_steps(int(width), network.stride) for width in widths]),
        target_lengths=torch.tensor([len(line) for line in labels]),
        blank=BLANK,
        reduction="sum",
        zero_infinity=True,  # a line that is too narrow for its text has no path
    )
    return total / sum(len(line) for line in labels)


def train(network: Network, examples: list[Example], alphabet: Alphabet, minutes: float) -> None:
    """Take one gradient step after another until the time is over."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    end = time.monotonic() + 60 * minutes
    step = 0
    while time.monotonic() < end:
        batch = random.sample(examples, min(BATCH_LINES, len(examples)))
        loss = ctc_loss(network, batch, alphabet)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step:5}  loss {loss.item():.3f} a character")


@torch.no_grad()
def read(network: Network, example: Example, alphabet: Alphabet) -> str:
    """Take the most probable class of each time step, drop repetitions, then blanks."""
    ink, widths = pad([example])
    return greedy_text(network(ink, widths)[0].numpy(), alphabet)


def main() -> None:
    """Train on the train split of a store, then read its val split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="a line store, such as data/samples/lines")
    parser.add_argument("--minutes", type=float, default=20.0, help="length of training (default: 20)")
    arguments = parser.parse_args()

    random.seed(1)
    torch.manual_seed(1)
    examples = read_examples(arguments.store, "train")
    alphabet = Alphabet.of(example.text for example in examples)
    network = build(SPEC.format(classes=alphabet.classes))
    train(network.train(), examples, alphabet, arguments.minutes)

    network.eval()
    errors = ErrorCounts()
    for example in read_examples(arguments.store, "val"):
        text = read(network, example, alphabet)
        errors += character_errors(example.text, text)
        print(f"{example.text}\n  {text}")
    print(f"CER {errors.rate:.3f}")
    if errors.rate == 1:
        print("The network still reads nothing but blanks: give it more --minutes.")


if __name__ == "__main__":
    main()

"""A recurrent network that writes, against CTC, at equal weights and equal time.

    python -m benchmarks.writing_decoder DATA -o FOLDER [--minutes 3]

Both have the same convolutions. The reader puts a bidirectional LSTM and CTC on their columns. The writer is the
multimodal network of Karpathy and Fei-Fei (2015) with a GRU: the image, cut into eight parts, sets the first state, and
then the network is fed with its own last character until it writes the end. It is trained by teacher forcing.

Each is trained on the words of the train split for the same processor time, and reads the val split. The table gives
the CER with its 95 % interval (whole writers are drawn), and what each writes on images of paper without ink. A
finished network is not trained again.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.ablations import Errors, kept
from benchmarks.recurrent_family import SCALES, cer
from hwr.decode.lattice import greedy_text
from hwr.files.images import GreyImage, decode_image
from hwr.line import normalise_line
from hwr.metrics import character_errors
from hwr.model.layers import Frame
from hwr.model.network import build, count_parameters
from hwr.store.lines import LineStore
from hwr.text import Alphabet, normalise_text

HEIGHT = 32
TRUNK = SCALES["small"].trunk
MAPS, STRIDE, PARTS = 48, 4, 8
READER_UNITS, WRITER_UNITS = 71, 78
"""Units of each recurrent layer, so that both networks have about 100,000 weights."""
MAX_LENGTH = 30
END = 0
BATCH, RATE, WARM_UP = 16, 3e-3, 0.1
BLANK_IMAGES = 200


@dataclass(frozen=True)
class Word:
    """A normalised image of a word, what it says, and who wrote it."""

    ink: GreyImage
    text: str
    writer: str


def load_words(store: Path, split: str) -> list[Word]:
    """Return all words of a split."""
    rows = (line for _, line in LineStore(store, split).rows() if not isinstance(line, str))
    return [
        Word(normalise_line(decode_image(row.image, row.id), HEIGHT), normalise_text(row.text), row.writer or row.id)
        for row in rows
    ]


def padded(inks: Sequence[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
    """Return images as one batch (B, 1, H, W), and their widths."""
    widths = torch.tensor([ink.shape[1] for ink in inks])
    batch = torch.zeros(len(inks), 1, HEIGHT, int(widths.max()))
    for row, ink in zip(batch, inks, strict=True):
        row[0, :, : ink.shape[1]] = torch.from_numpy(ink) / 255
    return batch, widths


class Reader(nn.Module):
    """Convolutions, a bidirectional LSTM, CTC."""

    def __init__(self, alphabet: Alphabet) -> None:
        super().__init__()
        self.alphabet = alphabet
        self.network = build(f"{TRUNK} Lbx{READER_UNITS} Do0.1 O1c{alphabet.classes}]")

    def loss(self, words: Sequence[Word]) -> Tensor:
        """Return the mean CTC loss of a batch."""
        batch, widths = padded([word.ink for word in words])
        labels = [self.alphabet.encode(word.text) for word in words]
        log_probs = self.network(batch, widths).transpose(0, 1)
        lengths = torch.tensor([len(label) for label in labels])
        targets = torch.tensor([label for word in labels for label in word])
        steps = -(-widths // self.network.stride)
        return functional.ctc_loss(log_probs, targets, steps, lengths, reduction="sum", zero_infinity=True) / len(
            labels
        )

    def read(self, inks: Sequence[GreyImage]) -> list[str]:
        """Return the text of the best path of each image."""
        batch, widths = padded(inks)
        steps = -(-widths // self.network.stride)
        lines = zip(self.network(batch, widths).numpy(), steps.tolist(), strict=True)
        return [greedy_text(log_probs[:count], self.alphabet) for log_probs, count in lines]


class Writer(nn.Module):
    """Convolutions, and a GRU that writes; class 0 is start and end."""

    def __init__(self, alphabet: Alphabet) -> None:
        super().__init__()
        self.alphabet, classes = alphabet, alphabet.classes
        self.encoder = build(f"{TRUNK} O1c2]").layers
        self.picture = nn.Linear(PARTS * MAPS, WRITER_UNITS)
        self.letters = nn.Embedding(classes, WRITER_UNITS)
        self.cell = nn.GRU(WRITER_UNITS, WRITER_UNITS, batch_first=True)
        self.output = nn.Linear(WRITER_UNITS, classes)

    def state(self, inks: Sequence[GreyImage]) -> Tensor:
        """Return the first state (1, B, units): what the convolutions see in each of eight parts of the true width."""
        batch, widths = padded(inks)
        maps, frame = functional.pad(batch, (0, -batch.shape[3] % STRIDE)), Frame(widths)
        for layer in self.encoder:
            maps, frame = layer(maps, frame)
        assert frame.widths is not None
        parts = [
            functional.adaptive_avg_pool1d(one[:, 0, :width], PARTS).flatten()
            for one, width in zip(maps, frame.widths.tolist(), strict=True)
        ]
        return torch.tanh(self.picture(torch.stack(parts)))[None]

    def loss(self, words: Sequence[Word]) -> Tensor:
        """Return the cross-entropy of each word's characters and end, fed with the true characters; mean over words."""
        labels = [self.alphabet.encode(word.text) for word in words]
        length = max(map(len, labels)) + 1
        targets = torch.tensor([[*word, END, *[-100] * (length - 1 - len(word))] for word in labels])
        fed = functional.pad(targets[:, :-1].clamp(min=0), (1, 0))
        h, _ = self.cell(self.letters(fed), self.state([word.ink for word in words]))
        return functional.cross_entropy(self.output(h).flatten(0, 1), targets.flatten(), reduction="sum") / len(labels)

    def read(self, inks: Sequence[GreyImage]) -> list[str]:
        """Write greedily about each image."""
        state = self.state(inks)
        last = torch.zeros(len(inks), 1, dtype=torch.int64)
        written = []
        for _ in range(MAX_LENGTH):
            h, state = self.cell(self.letters(last), state)
            last = self.output(h).argmax(2)
            written.append(last[:, 0])
        texts = torch.stack(written, dim=1).tolist()
        return [self.alphabet.decode(word[: word.index(END)] if END in word else word) for word in texts]


def train(network: Reader | Writer, words: Sequence[Word], seconds: float, seed: int) -> int:
    """Train for this much processor time. Return the number of words seen."""
    generator = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE)
    network.train()
    start, seen = time.process_time(), 0
    while (share := (time.process_time() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(share / WARM_UP, (1 - share) / (1 - WARM_UP)) + 1e-5
        picked = [words[i] for i in generator.integers(len(words), size=BATCH)]
        loss = network.loss(picked)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        seen += BATCH
    return seen


def read_all(network: Reader | Writer, inks: Sequence[GreyImage]) -> Iterator[str]:
    """Yield what the network reads on each image."""
    network.eval()
    with torch.no_grad():
        for first in range(0, len(inks), BATCH):
            yield from network.read(inks[first : first + BATCH])


def paper(seed: int = 0) -> list[GreyImage]:
    """Draw images without ink: faint grain, as wide as words."""
    generator = np.random.default_rng(seed)
    widths = generator.integers(40, 200, BLANK_IMAGES)
    return [generator.integers(0, 20, (HEIGHT, width)).astype(np.uint8) for width in widths]


@dataclass(frozen=True)
class Result:
    """Results of a network: words seen, errors of the validation words, and its readings of blank paper."""

    seen: int
    errors: Errors
    invented: list[str]


def measure(network: Reader | Writer, words: Sequence[Word], val: Sequence[Word], minutes: float, done: Path) -> Result:
    """Train and read, or return what an earlier call found."""

    def make() -> Result:
        seen = train(network, words, 60 * minutes, seed=1)
        errors = {}
        for number, reading in enumerate(read_all(network, [word.ink for word in val])):
            counts = character_errors(val[number].text, reading)
            errors[str(number)] = (counts.edits, counts.reference_length, val[number].writer)
        return Result(seen, errors, list(read_all(network, paper())))

    return kept(done, Result, make)


def row(name: str, network: Reader | Writer, result: Result) -> str:
    """Return a line of the table."""
    rate, low, high = cer(result.errors)
    share = np.mean([bool(text) for text in result.invented])
    example = max(set(result.invented), key=result.invented.count)
    return (
        f"| {name} | {count_parameters(network):,} | {result.seen:,} | {rate:.3f} | {low:.3f} to {high:.3f} | "
        f"{share:.0%} | {example!r} |"
    )


def main() -> None:
    """Train and compare both networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="line store of single words with a train and a val split")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0, help="processor time of each training")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    words, val = (load_words(options.data, split) for split in ("train", "val"))
    alphabet = Alphabet.of(word.text for word in words)
    print("| network | weights | words seen | CER | 95 % | writes on blank paper | most often |")
    print("|---|---|---|---|---|---|---|")
    for name, kind in (("CTC", Reader), ("writer", Writer)):
        torch.manual_seed(1)
        network = kind(alphabet)
        done = options.output / f"{name}-{options.minutes}.json"
        print(row(name, network, measure(network, words, val, options.minutes, done)), flush=True)


if __name__ == "__main__":
    main()
